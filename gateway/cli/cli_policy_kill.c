/* cli_policy_kill.c - `weir policy kill|revive|list|rollback`: what an operator does in a hurry.
 *
 * All of it changes one file (policy_state.h); a running gateway acts on it within a second and
 * records it. The configuration may be broken: only the place of the file and the names of the back
 * ends are needed, and a name that is not known is refused, because a switch on a misspelt name
 * would stop nothing.
 */
#include "gateway/cli/cli_policy.h"

#include "gateway/policy_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct args {
    const char *file, *what[POL_KILL_USE_CASE + 1], *reason, *by, *to, *of;
    bool json;
    char who[64];
};

static bool parse(const char *verb, int argc, char **argv, struct args *a)
{
    const struct gw_cli_opt opts[] = {{"-c", &a->file, NULL},
                                      {"--backend", &a->what[POL_KILL_BACKEND], NULL},
                                      {"--model", &a->what[POL_KILL_MODEL], NULL},
                                      {"--country", &a->what[POL_KILL_COUNTRY], NULL},
                                      {"--basis", &a->what[POL_KILL_BASIS], NULL},
                                      {"--use-case", &a->what[POL_KILL_USE_CASE], NULL},
                                      {"--reason", &a->reason, NULL},
                                      {"--by", &a->by, NULL},
                                      {"--to", &a->to, NULL},
                                      {"--of", &a->of, NULL},
                                      {"--json", NULL, &a->json},
                                      {0}};
    if (!gw_cli_parse(verb, argc, argv, opts, NULL, 0))
        return false;
    if (!a->file) {
        gw_cli_fail("%s: say which configuration: -c FILE", verb);
        return false;
    }
    gw_cli_who(a->who);
    return true;
}

/* Exactly one of the options that say what; false after telling. */
static bool one_target(const char *verb, const struct args *a, struct gw_state_change *ch)
{
    int n = 0;
    for (int k = 0; k <= POL_KILL_USE_CASE; k++) {
        if (!a->what[k])
            continue;
        n++;
        ch->kind = (enum pol_kill_kind)k;
        ch->value = base_str_c(a->what[k]);
    }
    if (n == 1)
        return true;
    gw_cli_fail("%s: say one of --backend, --model, --country, --basis, --use-case", verb);
    return false;
}

static int change(const char *verb, int argc, char **argv, enum gw_state_act act)
{
    struct args a = {0};
    struct gw_state_change ch = {.act = act};
    struct base_err err = {0};
    if (!parse(verb, argc, argv, &a) || !one_target(verb, &a, &ch))
        return GW_CLI_BAD;
    if (!a.reason || !a.reason[0])
        return gw_cli_fail("%s: say why: --reason TEXT (it is recorded)", verb);
    struct conf *c = gw_cli_open(verb, a.file, offsetof(struct conf, policy_state), "its state");
    if (!c)
        return GW_CLI_BAD;
    ch.reason = base_str_c(a.reason);
    ch.by = base_str_c(a.by ? a.by : a.who);
    int status = GW_CLI_BAD;
    enum base_status st;
    if (act == GW_STATE_KILL && !gw_policy_state_names(c, ch.kind, ch.value)) {
        gw_cli_fail("%s: no %s is called \"%.*s\": the switch would stop nothing", verb,
                    pol_kill_kind_name(ch.kind), BASE_FMT(ch.value));
    } else if ((st = gw_policy_state_change(c->policy_state, &ch, &err)) == BASE_OK) {
        fprintf(stderr, "%s %.*s is switched %s\n", pol_kill_kind_name(ch.kind), BASE_FMT(ch.value),
                act == GW_STATE_KILL ? "off" : "on again");
        status = 0;
    } else {
        gw_cli_fail("%s: %s", verb, err.text);
        status = st == BASE_DONE || st == BASE_ENOENT ? GW_CLI_HOLDS_NOT : GW_CLI_BAD;
    }
    conf_free(c);
    return status;
}

int gw_cli_policy_kill(int argc, char **argv)
{
    return change("policy kill", argc, argv, GW_STATE_KILL);
}

int gw_cli_policy_revive(int argc, char **argv)
{
    return change("policy revive", argc, argv, GW_STATE_REVIVE);
}

static void show(const struct conf *c, const struct gw_policy_state *s, bool json)
{
    struct base_buf b;
    struct base_json j;
    if (json) {
        base_buf_init(&b, 4u << 20);
        base_json_init(&j, &b);
        gw_policy_state_kills_json(&j, &s->kills);
        printf("%.*s\n", BASE_FMT(base_buf_view(&b)));
        base_buf_release(&b);
        return;
    }
    if (s->kills.n == 0)
        puts("nothing is switched off");
    for (size_t i = 0; i < s->kills.n; i++)
        printf("%-8s  %-24.*s  since %.*s  %.*s%s\n", pol_kill_kind_name(s->kills.v[i].kind),
               BASE_FMT(s->kills.v[i].value), BASE_FMT(s->kills.v[i].since),
               BASE_FMT(s->kills.v[i].reason),
               gw_policy_state_names(c, s->kills.v[i].kind, s->kills.v[i].value)
                   ? ""
                   : "  (stops nothing: the configuration has none of that name)");
}

int gw_cli_policy_kills(int argc, char **argv)
{
    struct args a = {0};
    struct gw_policy_state *s = NULL;
    struct base_err err = {0};
    if (!parse("policy list", argc, argv, &a))
        return GW_CLI_BAD;
    struct conf *c =
        gw_cli_open("policy list", a.file, offsetof(struct conf, policy_state), "its state");
    if (!c)
        return GW_CLI_BAD;
    int status = 0;
    if (gw_policy_state_load(c->policy_state, &s, &err) != BASE_OK)
        status = gw_cli_fail("policy list: %s", err.text);
    else
        show(c, s, a.json);
    gw_policy_state_free(s);
    conf_free(c);
    if (status)
        return status;
    return fflush(stdout) == 0 ? 0 : GW_CLI_BAD;
}

static bool find_governed(const char *word, enum gw_governed *of)
{
    int i = 0;
    while (word && i < GW_GOVERNED && strcmp(word, gw_governed_name((enum gw_governed)i)) != 0)
        i++;
    *of = (enum gw_governed)i;
    return i < GW_GOVERNED;
}

/* Only back: a floor above what was in force would refuse the text in force. */
static int roll_back(const struct conf *c, const struct gw_state_change *ch)
{
    struct base_err err = {0};
    struct gw_floor floor;
    if (gw_policy_state_floor(c, ch->of, &floor, &err) != BASE_OK)
        return gw_cli_fail("policy rollback: %s", err.text);
    if (ch->revision > floor.revision)
        return gw_cli_fail("policy rollback: revision %u is the newest that was in force: say that "
                           "one or an older one",
                           floor.revision);
    if (gw_policy_state_change(c->policy_state, ch, &err) != BASE_OK)
        return gw_cli_fail("policy rollback: %s", err.text);
    if (ch->revision)
        fprintf(stderr, "revision %u and later are accepted again; reload to take it (SIGHUP)\n",
                ch->revision);
    else
        fputs("any text is accepted, signed or not; reload to take it (SIGHUP)\n", stderr);
    return 0;
}

int gw_cli_policy_rollback(int argc, char **argv)
{
    struct args a = {0};
    uint64_t to;
    enum gw_governed of;
    if (!parse("policy rollback", argc, argv, &a))
        return GW_CLI_BAD;
    if (!a.to || !base_str_u64(base_str_c(a.to), &to) || to > UINT32_MAX)
        return gw_cli_fail("policy rollback: say to which revision: --to N");
    if (!find_governed(a.of, &of))
        return gw_cli_fail("policy rollback: --of takes policy, tables or duties");
    if (to == 0 && of != GW_GOV_POLICY)
        return gw_cli_fail("policy rollback: --to 0 is about all signed files: leave --of out");
    if (!a.reason || !a.reason[0])
        return gw_cli_fail("policy rollback: say why: --reason TEXT (it is recorded)");
    struct conf *c =
        gw_cli_open("policy rollback", a.file, offsetof(struct conf, policy_state), "its state");
    if (!c)
        return GW_CLI_BAD;
    struct gw_state_change ch = {.act = GW_STATE_ROLLBACK,
                                 .revision = (uint32_t)to,
                                 .of = of,
                                 .reason = base_str_c(a.reason),
                                 .by = base_str_c(a.by ? a.by : a.who)};
    int status = roll_back(c, &ch);
    conf_free(c);
    return status;
}

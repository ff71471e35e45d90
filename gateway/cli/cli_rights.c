/* cli_rights.c - `weir rights add|remove|list|check`: people who are restricted or objected.
 *
 * The identifier comes on standard input, never as an argument: arguments stand in the list of
 * processes and in shell histories. What is asked changes one file (conf/rights.h); a running
 * gateway acts on it within a second and records it, without the identifier. The configuration may
 * be broken: only the place of the log is needed.
 */
#include "gateway/rights.h"

#include "audit/cmd/cmd.h"
#include "audit/content/rights_seal.h"
#include "base/clock.h"
#include "base/file.h"
#include "gateway/cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#define HITS_MAX 64

struct args {
    const char *file, *list, *id, *reason, *approver, *expires, *by;
    bool json;
    char who[64];
};

static int64_t today(void)
{
    return base_wall_us() / 86400000000;
}

static bool parse(const char *verb, int argc, char **argv, struct args *a)
{
    const struct gw_cli_opt opts[] = {{"-c", &a->file, NULL},
                                      {"--list", &a->list, NULL},
                                      {"--id", &a->id, NULL},
                                      {"--reason", &a->reason, NULL},
                                      {"--approver", &a->approver, NULL},
                                      {"--expires", &a->expires, NULL},
                                      {"--by", &a->by, NULL},
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

static struct conf *open_conf(const char *verb, const char *file)
{
    struct conf *c =
        gw_cli_open(verb, file, offsetof(struct conf, audit.directory), "the audit log");
    if (c)
        aud_rights_seal(c->audit.directory, &c->audit.master);
    return c;
}

/* One line of standard input. False after telling. */
static bool read_identifier(const char *verb, struct base_buf *b, struct base_str *out)
{
    struct base_err err;
    base_buf_init(b, CONF_RIGHTS_INPUT_MAX);
    if (isatty(0))
        fprintf(stderr, "the identifier, then Enter and Ctrl-D:\n");
    if (base_fd_read_all(0, b, &err) != BASE_OK) {
        gw_cli_fail("%s: the identifier on standard input: %s", verb, err.text);
        return false;
    }
    *out = base_str_trim(base_buf_view(b));
    if (out->n && base_str_find(*out, BASE_STR("\n"), 0) == SIZE_MAX)
        return true;
    gw_cli_fail("%s: give one identifier on standard input: printf %%s you@example.org | weir "
                "rights ...",
                verb);
    return false;
}

/* What the log calls somebody, where content may be kept of him. */
static enum base_status find_tags(const struct args *a, const char *dir, struct base_str identifier,
                                  struct conf_rights_change *ch, char (*tags)[AUD_TAG_HEX],
                                  struct base_err *err)
{
    char path[4096], name[CONF_RIGHTS_INPUT_MAX + 1];
    snprintf(path, sizeof(path), "%s/keys/tenants.json", dir);
    if (access(path, F_OK) != 0) /* no subject has a key */
        return BASE_OK;
    snprintf(name, sizeof(name), "%.*s", BASE_FMT(identifier));
    enum base_status st =
        aud_cmd_tags(dir, a->file, name, NULL, tags, CONF_RIGHTS_TAGS_MAX, &ch->n_tags, err);
    base_wipe(name, sizeof(name));
    for (size_t i = 0; st == BASE_OK && i < ch->n_tags; i++)
        ch->tags[i] = base_str_c(tags[i]);
    return st;
}

static int change(const char *verb, int argc, char **argv, bool remove)
{
    struct args a = {0};
    struct base_buf input = {0};
    struct base_err err = {0};
    char id[CONF_RIGHTS_ID_MAX], tags[CONF_RIGHTS_TAGS_MAX][AUD_TAG_HEX];
    struct conf_rights_change ch = {.remove = remove};
    int status = GW_CLI_BAD;
    if (!parse(verb, argc, argv, &a))
        return GW_CLI_BAD;
    ch.list = conf_rights_find(base_str_c(a.list ? a.list : ""));
    if (!ch.list)
        return gw_cli_fail("%s: say which list: --list restricted (GDPR Art. 18) or objected "
                           "(Art. 21)",
                           verb);
    if (!a.reason || !a.approver)
        return gw_cli_fail(
            "%s: say why and who decided it: --reason TEXT --approver NAME (both are "
            "recorded; leave the person out of them)",
            verb);
    if (!remove && a.id)
        return gw_cli_fail("%s: --id is for remove", verb);
    struct conf *c = open_conf(verb, a.file);
    if (!c)
        return GW_CLI_BAD;
    ch.reason = base_str_c(a.reason);
    ch.approver = base_str_c(a.approver);
    ch.expires = base_str_c(a.expires ? a.expires : "");
    ch.by = base_str_c(a.by ? a.by : a.who);
    ch.id = base_str_c(a.id ? a.id : "");
    if (!a.id && !read_identifier(verb, &input, &ch.identifier))
        goto out;
    enum base_status st = remove ? BASE_OK : conf_rights_fit(ch.identifier, &err);
    if (st == BASE_OK && !remove)
        st = find_tags(&a, c->audit.directory, ch.identifier, &ch, tags, &err);
    if (st == BASE_OK)
        st = conf_rights_change(c->audit.directory, &ch, id, &err);
    if (st == BASE_OK) {
        printf("%s\n", id);
        fprintf(stderr, "%s %s %s\n", id, remove ? "is no longer" : "is now",
                conf_rights_name(ch.list));
        status = fflush(stdout) == 0 ? 0 : GW_CLI_BAD;
    } else {
        gw_cli_fail("%s: %s", verb, err.text);
        status = st == BASE_DONE || st == BASE_ENOENT ? GW_CLI_HOLDS_NOT : GW_CLI_BAD;
    }
out:
    base_buf_wipe(&input);
    conf_free(c);
    return status;
}

static void show_one(const struct conf_rights_entry *e)
{
    printf("%.*s  %-10s  %-6.*s  since %.*s  %s%.*s  approved by %.*s: %.*s\n", BASE_FMT(e->id),
           conf_rights_name(e->list), BASE_FMT(e->kind), BASE_FMT(e->since),
           !e->expires.n                   ? ""
           : conf_rights_holds(e, today()) ? "until "
                                           : "OVER since ",
           BASE_FMT(e->expires), BASE_FMT(e->approver), BASE_FMT(e->reason));
}

static void show_json(const struct conf_rights *r, const size_t *which, size_t n)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, 64u << 20);
    base_json_init(&j, &b);
    base_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        conf_rights_entry_json(&j, conf_rights_at(r, which ? which[i] : i), today());
    base_json_arr_end(&j);
    printf("%.*s\n", BASE_FMT(base_buf_view(&b)));
    base_buf_release(&b);
}

/* list, or check with the identifier of standard input: exit status 1 when it is in force nowhere.
 */
static int show(const char *verb, int argc, char **argv, bool check)
{
    struct args a = {0};
    struct base_err err = {0};
    struct base_buf input = {0};
    struct base_str identifier;
    struct conf_rights *r = NULL;
    size_t hits[HITS_MAX], n = 0;
    int status = GW_CLI_BAD;
    if (!parse(verb, argc, argv, &a))
        return GW_CLI_BAD;
    struct conf *c = open_conf(verb, a.file);
    if (!c)
        return GW_CLI_BAD;
    if (check && !read_identifier(verb, &input, &identifier))
        goto out;
    if (check && conf_rights_fit(identifier, &err) != BASE_OK) {
        gw_cli_fail("%s: %s", verb, err.text);
        goto out;
    }
    if (conf_rights_load(c->audit.directory, &r, &err) != BASE_OK) {
        gw_cli_fail("%s: %s", verb, err.text);
        goto out;
    }
    bool any = false;
    n = check ? conf_rights_of(r, identifier, hits, HITS_MAX) : conf_rights_n(r);
    if (a.json)
        show_json(r, check ? hits : NULL, n);
    for (size_t i = 0; i < n; i++) {
        const struct conf_rights_entry *e = conf_rights_at(r, check ? hits[i] : i);
        any = any || conf_rights_holds(e, today());
        if (!a.json)
            show_one(e);
    }
    if (n == 0 && !a.json)
        fprintf(stderr, check ? "not listed\n" : "nobody is listed\n");
    status = fflush(stdout) != 0 ? GW_CLI_BAD : check && !any ? GW_CLI_HOLDS_NOT : 0;
out:
    conf_rights_free(r);
    base_buf_wipe(&input);
    conf_free(c);
    return status;
}

int gw_cli_rights(int argc, char **argv)
{
    const char *verb = argc > 0 ? argv[0] : "";
    if (strcmp(verb, "add") == 0)
        return change("rights add", argc - 1, argv + 1, false);
    if (strcmp(verb, "remove") == 0)
        return change("rights remove", argc - 1, argv + 1, true);
    if (strcmp(verb, "list") == 0)
        return show("rights list", argc - 1, argv + 1, false);
    if (strcmp(verb, "check") == 0)
        return show("rights check", argc - 1, argv + 1, true);
    return gw_cli_fail("rights: say what: add, remove, list or check; `weir help rights` shows the "
                       "usage");
}

/* cli_key.c - `weir key new|list|revoke`: who may call.
 *
 * Needs of the configuration only where the keys are, so that keys can be made before a model or a
 * certificate is in place. `new` prints the secret once, alone on standard output; it is kept
 * nowhere, and wiped here after printing. A running gateway sees the change by itself.
 */
#include "gateway/cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "gateway/keys.h"

#include <limits.h>
#include <stdio.h>

struct key_args {
    const char *file, *name, *tenant, *role, *use_case, *data, *word;
    bool json;
};

static int key_new(const char *path, const struct key_args *a)
{
    char made_up[16], secret[GW_KEY_BYTES_MAX];
    struct base_str data[8], rest = base_str_c(a->data);
    struct base_err err = {0};
    struct gw_key_new what = {
        .name = base_str_c(a->name),
        .tenant = base_str_c(a->tenant ? a->tenant : "default"),
        .use_case = base_str_c(a->use_case),
        .data = data,
    };
    if (a->word)
        return gw_cli_fail("key new: \"%s\" is too much; the name goes behind --name", a->word);
    if (a->role && !gw_role_find(a->role, &what.role))
        return gw_cli_fail("key new: --role is user, admin or auditor, not %s", a->role);
    while (rest.p && what.n_data < 8)
        data[what.n_data++] = base_str_cut(&rest, ',');
    if (!a->name) {
        uint32_t r;
        base_random(&r, sizeof(r));
        snprintf(made_up, sizeof(made_up), "key-%08x", r);
        what.name = base_str_c(made_up);
    }
    enum base_status st = gw_keys_add(path, &what, secret, &err);
    if (st != BASE_OK)
        return gw_cli_fail("key new: %s", err.text);
    printf("%s\n", secret);
    bool shown = fflush(stdout) == 0;
    base_wipe(secret, sizeof(secret));
    if (!shown)
        return gw_cli_fail("key new: the secret could not be printed; revoke the key %.*s",
                           BASE_FMT(what.name));
    fprintf(stderr, "made key %.*s; the secret above is shown once and kept nowhere\n",
            BASE_FMT(what.name));
    return 0;
}

static void print_json(const struct gw_key *k)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, 8192);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "id", k->id);
    base_json_kz(&j, "name", k->name);
    base_json_kz(&j, "tenant", k->tenant);
    base_json_kz(&j, "role", gw_role_name(k->role));
    base_json_kz(&j, "created", k->created);
    base_json_kz(&j, "revoked", k->revoked);
    base_json_obj_end(&j);
    puts(base_buf_ok(&b) ? b.p : "{}");
    base_buf_release(&b);
}

static int key_list(const char *path, const struct key_args *a)
{
    struct gw_keys *keys;
    struct base_err err = {0};
    if (a->word)
        return gw_cli_fail("key list: \"%s\" is too much", a->word);
    if (gw_keys_load(path, &keys, &err) != BASE_OK)
        return gw_cli_fail("key list: %s", err.text);
    if (!a->json)
        printf("%-12s  %-20s  %-16s  %-7s  %-20s  %s\n", "id", "name", "tenant", "role", "created",
               "revoked");
    for (size_t i = 0; i < gw_keys_count(keys); i++) {
        const struct gw_key *k = gw_keys_at(keys, i);
        if (a->json)
            print_json(k);
        else
            printf("%-12s  %-20s  %-16s  %-7s  %.19sZ  %.19s%s\n", k->id, k->name, k->tenant,
                   gw_role_name(k->role), k->created, k->revoked ? k->revoked : "-",
                   k->revoked ? "Z" : "");
    }
    gw_keys_free(keys);
    return 0;
}

static int key_revoke(const char *path, const struct key_args *a)
{
    struct base_err err = {0};
    const char *which = a->word ? a->word : a->name;
    if (!which)
        return gw_cli_fail("key revoke: say which: weir key revoke -c FILE ID (or NAME)");
    enum base_status st = gw_keys_revoke(path, base_str_c(which), &err);
    if (st == BASE_OK) {
        fprintf(stderr, "revoked %s\n", which);
        return 0;
    }
    gw_cli_fail("key revoke: %s", err.text);
    return st == BASE_ENOENT ? GW_CLI_HOLDS_NOT : GW_CLI_BAD;
}

int gw_cli_key(int argc, char **argv)
{
    struct key_args a = {0};
    const struct gw_cli_opt opts[] = {
        {"-c", &a.file, NULL},
        {"--name", &a.name, NULL},
        {"--tenant", &a.tenant, NULL},
        {"--role", &a.role, NULL},
        {"--use-case", &a.use_case, NULL},
        {"--data", &a.data, NULL},
        {"--json", NULL, &a.json},
        {0},
    };
    const char *verb = argc > 0 ? argv[0] : "";
    if (argc < 1 || verb[0] == '-')
        return gw_cli_fail("key: say what: weir key new|list|revoke -c FILE");
    const char *words[1] = {NULL};
    if (!gw_cli_parse("key", argc - 1, argv + 1, opts, words, 1))
        return GW_CLI_BAD;
    a.word = words[0];
    int (*run)(const char *, const struct key_args *) = strcmp(verb, "new") == 0      ? key_new
                                                        : strcmp(verb, "list") == 0   ? key_list
                                                        : strcmp(verb, "revoke") == 0 ? key_revoke
                                                                                      : NULL;
    if (!run)
        return gw_cli_fail("key: \"%s\" is not new, list or revoke", verb);
    if (!a.file)
        return gw_cli_fail("key %s: say which configuration: -c FILE", verb);
    char path[PATH_MAX];
    struct conf_problems problems;
    enum base_status st = conf_load_keys_file(a.file, path, sizeof(path), &problems);
    gw_cli_print_problems(&problems, stderr, stderr);
    conf_problems_release(&problems);
    return st == BASE_OK ? run(path, &a) : GW_CLI_BAD;
}

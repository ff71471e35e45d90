/* conf_load.c - Goal: whatever is wrong with a configuration is told, all of it, exactly where it
 * is.
 *
 * Method: tests/vectors/conf/bad-*.yaml each hold one or more faults and, in their last lines,
 *
 *     # expect FILE:LINE:COL: part of the text
 *
 * for every problem, in the order in which they must be told; nothing more may be told. The
 * good-*.yaml must load, and every value of good-full.yaml is compared. Environment variables are
 * set here; the value of WEIR_TEST_KEY must never turn up in a message.
 */
#include "base/clock.h"
#include "base/file.h"
#include "conf/conf.h"
#include "conf/yaml.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define VECTORS "tests/vectors/conf"
#define SECRET  "sk-very.secret-0123456789"

static void set_env(void)
{
    setenv("WEIR_TEST_KEY", SECRET, 1);
    setenv("WEIR_TEST_BLANK", SECRET " tail", 1);
    setenv("WEIR_TEST_EMPTY", "", 1);
    setenv("WEIR_TEST_HOST", "127.0.0.1", 1);
    unsetenv("WEIR_TEST_UNSET");
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "-";
}

/* ---- the vectors ---- */

#define EXPECT_MAX 32

struct expect {
    char at[300];
    char text[300];
};

static size_t read_expects(const char *path, struct expect e[EXPECT_MAX])
{
    FILE *f = fopen(path, "r");
    char line[700];
    size_t n = 0;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        static const char mark[] = "# expect ";
        if (strncmp(line, mark, sizeof(mark) - 1) != 0)
            continue;
        line[strcspn(line, "\n")] = 0;
        char *at = line + sizeof(mark) - 1, *text = strstr(at, ": ");
        assert_non_null(text);
        assert_true(n < EXPECT_MAX);
        snprintf(e[n].at, sizeof(e[n].at), "%.*s", (int)(text - at), at);
        snprintf(e[n].text, sizeof(e[n].text), "%s", text + 2);
        n++;
    }
    fclose(f);
    return n;
}

/* True if the file tells exactly what it expects. */
static bool check_bad(const char *name)
{
    struct expect e[EXPECT_MAX];
    struct conf_problems p;
    struct conf *c;
    char path[512];
    snprintf(path, sizeof(path), VECTORS "/%s", name);
    size_t n = read_expects(path, e);
    enum base_status st = conf_load(path, &c, &p);
    bool good = n > 0 && st == BASE_EINVAL && !c && p.n_errors == n;
    size_t k = 0;
    for (size_t i = 0; i < p.n; i++) {
        char at[300];
        snprintf(at, sizeof(at), "%s:%d:%d", base_name(p.v[i].pos.file), p.v[i].pos.line,
                 p.v[i].pos.col);
        if (strstr(p.v[i].text, SECRET) || (p.v[i].pos.file && strstr(p.v[i].pos.file, SECRET)))
            good = false;
        if (p.v[i].warning)
            continue;
        good = good && k < n && strcmp(at, e[k].at) == 0 && strstr(p.v[i].text, e[k].text);
        k++;
    }
    if (!good || k != n) {
        fprintf(stderr, "%s: expected\n", name);
        for (size_t i = 0; i < n; i++)
            fprintf(stderr, "    %s: %s\n", e[i].at, e[i].text);
        fprintf(stderr, "  told\n");
        for (size_t i = 0; i < p.n; i++)
            fprintf(stderr, "    %s:%d:%d: %s%s\n", base_name(p.v[i].pos.file), p.v[i].pos.line,
                    p.v[i].pos.col, p.v[i].warning ? "warning: " : "", p.v[i].text);
    }
    conf_problems_release(&p);
    conf_free(c);
    return good && k == n;
}

static void test_bad_files(void **state)
{
    (void)state;
    DIR *d = opendir(VECTORS);
    size_t n = 0, failed = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (strncmp(e->d_name, "bad-", 4) != 0)
            continue;
        n++;
        failed += !check_bad(e->d_name);
    }
    closedir(d);
    print_message("%zu bad configurations\n", n);
    assert_true(n >= 100);
    assert_int_equal(failed, 0);
}

static struct conf *load_good(const char *name, struct conf_problems *p)
{
    char path[512];
    struct conf *c;
    snprintf(path, sizeof(path), VECTORS "/%s", name);
    enum base_status st = conf_load(path, &c, p);
    for (size_t i = 0; i < p->n; i++)
        fprintf(stderr, "%s:%d:%d: %s\n", name, p->v[i].pos.line, p->v[i].pos.col, p->v[i].text);
    assert_int_equal(st, BASE_OK);
    assert_non_null(c);
    return c;
}

static void assert_path(const char *path, const char *end)
{
    assert_int_equal(path[0], '/');
    assert_null(strstr(path, "/../"));
    assert_true(base_str_ends(base_str_c(path), base_str_c(end)));
}

static void test_good_full(void **state)
{
    (void)state;
    struct conf_problems p;
    struct conf *c = load_good("good-full.yaml", &p);
    assert_int_equal(p.n, 0);
    assert_path(c->file, "/tests/vectors/conf/good-full.yaml");
    assert_string_equal(c->server.listen.host, "::1");
    assert_int_equal(c->server.listen.port, 18443);
    assert_string_equal(c->server.admin.host, "gw.example.com");
    assert_path(c->server.tls_certificate, "/conf/ca.pem");
    assert_path(c->server.tls_client_ca, "/conf/ca.pem");
    assert_false(c->server.tls_self_signed);
    assert_int_equal(c->server.workers, 3);
    const struct conf_limits *l = &c->server.limits;
    assert_int_equal(l->header_bytes, 2048);
    assert_int_equal(l->body_bytes, 4096);
    assert_int_equal(l->connections, 5);
    assert_int_equal(l->idle_s, 6);
    assert_int_equal(l->header_s, 7);
    assert_int_equal(l->body_s, 8);
    assert_int_equal(l->first_token_s, 9);
    assert_int_equal(l->total_s, 10);
    assert_int_equal(l->drain_s, 11);
    assert_int_equal(c->engine.device, CONF_DEVICE_CPU);
    assert_int_equal(c->engine.threads, 2);
    assert_int_equal(c->engine.queue, 5);
    assert_int_equal(c->engine.n_models, 1);
    const struct conf_local_model *m = c->engine.models;
    assert_int_equal(m->context, 2048);
    assert_int_equal(m->slots, 2);
    assert_true(m->has_price && m->price_input == 0.01 && m->price_output == 0.02);
    assert_path(m->file, "/tests/vectors/conf/model.gguf");

    assert_int_equal(c->n_backends, 2);
    const struct conf_backend *b = &c->backends[0];
    assert_int_equal(b->api, CONF_API_ANTHROPIC);
    assert_string_equal(b->url, "https://[2001:db8::1]:8443/v1");
    assert_string_equal(b->host, "2001:db8::1");
    assert_int_equal(b->port, 8443);
    assert_string_equal(b->path, "/v1");
    assert_true(b->tls);
    assert_string_equal(b->key, SECRET);
    assert_true(b->models[0].price_input == 1.25 && b->models[0].price_output == 10.0);
    assert_int_equal(b->models[0].context, 400000);
    const struct conf_residency *r = &b->residency;
    assert_int_equal(r->location.n, 2);
    assert_string_equal(r->location.v[1], "NO"); /* no boolean */
    assert_int_equal(r->retention_days, 30);
    assert_false(r->trains_on_data || r->on_premises);
    assert_int_equal(r->basis, CONF_BASIS_SCC);
    assert_string_equal(r->reference, "SCC ${NOT_A_VARIABLE} 1");
    assert_int_equal(r->expires_day, base_days_from_date("2999-12-31", 10));
    b = &c->backends[1];
    assert_true(b->residency.on_premises && b->residency.trains_on_data);
    assert_int_equal(b->residency.retention_days, -1);
    assert_false(b->tls);
    assert_string_equal(b->path, "");
    assert_null(b->key);

    assert_int_equal(c->routing.hard.n, 1);
    assert_string_equal(c->routing.commodity.v[1].text, "home/org/model-7b");
    assert_ptr_equal(c->routing.commodity.v[1].backend, &c->backends[1]);
    assert_ptr_equal(c->routing.commodity.v[0].local, m);
    assert_true(c->routing.target_quality == 0.95);
    assert_int_equal(c->routing.when_hard_is_denied, CONF_HARD_DENIED_DENY);
    assert_int_equal(c->routing.overflow, CONF_OVERFLOW_HARD);
    assert_path(c->audit.directory, "/var/lib/weir/audit");
    assert_true(base_str_starts(base_str_c(c->policy.id), BASE_STR("sha256:")));
    assert_int_equal(strlen(c->policy.id), 71);
    assert_int_equal(c->policy.n_rules, 3);
    assert_int_equal(c->policy.rules[1].basis,
                     CONF_BASIS_BIT(CONF_BASIS_DPA) | CONF_BASIS_BIT(CONF_BASIS_SCC));
    assert_true(c->policy.use_cases[1].human_review);
    assert_string_equal(c->policy.rules[2].deny, "AI Act Art. 5(1)(c)");
    assert_true(c->policy.tests[0].has_data);
    conf_free(c);
    conf_problems_release(&p);
}

static void test_find(void **state)
{
    (void)state;
    struct conf_problems p;
    struct conf *c = load_good("good-full.yaml", &p);
    struct conf_target t;
    assert_int_equal(c->targets.n, 3);
    assert_int_equal(conf_target_find(c, BASE_STR("local/small"), &t), BASE_OK);
    assert_non_null(t.local);
    assert_null(t.backend);
    assert_int_equal(t.pos.line, 0);
    assert_int_equal(conf_target_find(c, BASE_STR("home/org/model-7b"), &t), BASE_OK);
    assert_string_equal(t.model->name, "org/model-7b");
    assert_string_equal(t.backend->name, "home");
    assert_int_equal(conf_target_find(c, BASE_STR("local/smal"), &t), BASE_ENOENT);
    assert_int_equal(conf_target_find(c, BASE_STR("local/small\0"), &t), BASE_ENOENT);
    assert_int_equal(conf_target_find(c, BASE_STR_NULL, &t), BASE_ENOENT);
    const struct conf_alias *a = conf_alias_find(c, BASE_STR("gpt-4o"));
    assert_non_null(a);
    assert_int_equal(a->targets.n, 2);
    assert_string_equal(a->targets.v[0].text, "out/big");
    assert_non_null(conf_alias_find(c, BASE_STR("fast")));
    assert_null(conf_alias_find(c, BASE_STR("auto")));
    conf_secrets_wipe(c);
    assert_null(c->backends[0].key);
    conf_free(c);
    conf_problems_release(&p);
}

/* The YAML that --defaults prints, read back by the loader, is what the loader assumes. */
static void test_defaults(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-conf-XXXXXX", path[64];
    struct conf_problems p, q;
    struct conf *c = load_good("good-min.yaml", &p), *d;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/c.yaml", folder);
    assert_int_equal(base_file_replace(path, base_str_c(conf_defaults_yaml()), 0600, NULL),
                     BASE_OK);
    /* Not complete (keys without a default are missing): read for what it sets. */
    assert_int_equal(conf_load_partial(path, &d, &q), BASE_EINVAL);
    for (size_t i = 0; i < q.n; i++)
        assert_true(strstr(q.v[i].text, "is missing in") || strstr(q.v[i].text, "names a target"));
    assert_memory_equal(&c->server.limits, &d->server.limits, sizeof(c->server.limits));
    assert_string_equal(c->server.listen.host, d->server.listen.host);
    assert_int_equal(c->server.listen.port, d->server.listen.port);
    assert_int_equal(c->server.admin.port, d->server.admin.port);
    assert_int_equal(c->server.workers, d->server.workers);
    assert_int_equal(c->engine.queue, d->engine.queue);
    assert_int_equal(c->engine.device, d->engine.device);
    assert_true(c->routing.threshold == d->routing.threshold);
    assert_int_equal(c->routing.overflow, d->routing.overflow);
    assert_int_equal(c->routing.when_hard_is_denied, d->routing.when_hard_is_denied);
    assert_int_equal(c->server.limits.body_bytes, 33554432);
    assert_int_equal(c->engine.models[0].context, 4096);
    assert_int_equal(c->engine.models[0].slots, 4);
    assert_string_equal(c->policy.default_location.v[0], "on_premises");
    conf_free(c);
    conf_free(d);
    conf_problems_release(&p);
    conf_problems_release(&q);
    unlink(path);
    rmdir(folder);
}

static void test_good_without_engine(void **state)
{
    (void)state;
    struct conf_problems p;
    struct conf *c = load_good("good-no-engine.yaml", &p);
    assert_false(c->engine.present);
    conf_free(c);
    conf_problems_release(&p);
}

static void test_default_gives_way(void **state)
{
    (void)state;
    struct conf_problems p;
    struct conf *c = load_good("good-short.yaml", &p);
    assert_int_equal(c->server.limits.total_s, 5);
    assert_int_equal(c->server.limits.first_token_s, 5);
    conf_free(c);
    conf_problems_release(&p);
}

/* ---- things about no single file ---- */

/* Loads text as weir.yaml of a fresh folder. */
static enum base_status load_text(const char *text, struct conf **c, struct conf_problems *p)
{
    char folder[] = "/tmp/weir-conf-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/weir.yaml", folder);
    assert_int_equal(base_file_replace(path, base_str_c(text), 0600, NULL), BASE_OK);
    enum base_status st = conf_load(path, c, p);
    unlink(path);
    rmdir(folder);
    return st;
}

static void test_no_file(void **state)
{
    (void)state;
    struct conf_problems p;
    struct conf *c;
    assert_int_equal(conf_load("/nonexistent/weir.yaml", &c, &p), BASE_EINVAL);
    assert_null(c);
    assert_int_equal(p.n_errors, 1);
    assert_non_null(strstr(p.v[0].text, "/nonexistent/weir.yaml: no such file"));
    conf_problems_release(&p);
    assert_int_equal(conf_load("/tmp", &c, &p), BASE_EINVAL);
    assert_int_equal(p.n_errors, 1);
    conf_problems_release(&p);
}

static void test_too_large(void **state)
{
    (void)state;
    struct conf_problems p;
    struct conf *c;
    char *text = malloc(CONF_FILE_BYTES_MAX + 2);
    assert_non_null(text);
    memset(text, '#', CONF_FILE_BYTES_MAX + 1);
    text[CONF_FILE_BYTES_MAX + 1] = 0;
    assert_int_equal(load_text(text, &c, &p), BASE_EINVAL);
    assert_non_null(strstr(p.v[0].text, "larger than"));
    conf_problems_release(&p);
    /* Too many values: "[,,,...": and the list of problems stays bounded. */
    size_t n = (size_t)snprintf(text, 16, "keys: [");
    while (n + 2 < CONF_FILE_BYTES_MAX)
        n += (size_t)snprintf(text + n, 3, "a,");
    assert_int_equal(load_text(text, &c, &p), BASE_EINVAL);
    assert_non_null(strstr(p.v[0].text, "too many values"));
    conf_problems_release(&p);
    n = 0;
    for (int i = 0; i < 900; i++)
        n += (size_t)snprintf(text + n, 32, "k%d: [1]\n", i);
    for (int i = 0; i < 900; i++)
        n += (size_t)snprintf(text + n, 32, "k%d: [1]\n", i);
    assert_int_equal(load_text(text, &c, &p), BASE_EINVAL);
    assert_true(p.n <= 1000);
    assert_true(p.n_errors > 1000);
    free(text);
    conf_problems_release(&p);
}

static void test_keys_path_alone(void **state)
{
    (void)state;
    struct conf_problems p;
    char path[512];
    /* All else is wrong, and keys can be made all the same. */
    assert_int_equal(conf_load_keys_file(VECTORS "/bad-model-missing.yaml", path, sizeof(path), &p),
                     BASE_OK);
    assert_path(path, "/tests/vectors/conf/keys.json");
    conf_problems_release(&p);
    assert_int_equal(
        conf_load_keys_file(VECTORS "/bad-missing-sections.yaml", path, sizeof(path), &p),
        BASE_EINVAL);
    assert_int_equal(p.n_errors, 1);
    conf_problems_release(&p);
    assert_int_equal(conf_load_keys_file("/nonexistent", path, sizeof(path), &p), BASE_EINVAL);
    conf_problems_release(&p);
}

/* Addresses that name another region than residency.location, or none. */
static void test_regions(void **state)
{
    (void)state;
    struct conf_problems p;
    struct conf *c;
    int none = 0, us = 0, other = 0;
    assert_int_equal(conf_load(VECTORS "/good-apis.yaml", &c, &p), BASE_OK);
    for (size_t i = 0; i < p.n; i++) {
        none += strstr(p.v[i].text, "Google names no region") != NULL;
        us += strstr(p.v[i].text, "us-east1 is in US, which residency.location does not") != NULL;
        other += strstr(p.v[i].text, "europe-west4") != NULL;
    }
    assert_int_equal(none, 1);
    assert_int_equal(us, 1);
    assert_int_equal(other, 0);
    conf_free(c);
    conf_problems_release(&p);
}

static void test_policy_sound(void **state)
{
    (void)state;
    struct conf_problems p;
    struct conf *c;
    assert_int_equal(conf_load_partial(VECTORS "/bad-model-missing.yaml", &c, &p), BASE_EINVAL);
    assert_true(conf_policy_sound(&c->policy, &p)); /* its rules can still be looked at */
    conf_free(c);
    conf_problems_release(&p);
    assert_int_equal(conf_load_partial(VECTORS "/bad-p-basis.yaml", &c, &p), BASE_EINVAL);
    assert_false(conf_policy_sound(&c->policy, &p));
    conf_free(c);
    conf_problems_release(&p);
    assert_int_equal(conf_load_partial(VECTORS "/bad-policy-missing.yaml", &c, &p), BASE_EINVAL);
    assert_false(conf_policy_sound(&c->policy, &p));
    conf_free(c);
    conf_problems_release(&p);
}

/* Controls of a terminal do not get from a file into what is printed. */
static void test_messages_are_tame(void **state)
{
    (void)state;
    struct conf_problems p;
    struct conf *c;
    assert_int_equal(load_text("\"\\e[31mred\\nline\": 1\n", &c, &p), BASE_EINVAL);
    for (size_t i = 0; i < p.n; i++)
        for (const char *t = p.v[i].text; *t; t++)
            assert_true((unsigned char)*t >= 0x20 && *t != 0x7f);
    conf_problems_release(&p);
}

static void test_places(void **state)
{
    (void)state;
    static const char *const good[] = {"DE", "FR", "EU", "EEA", "on_premises", "NO", "US", "ZW"},
                             *const not [] = {"XX", "de", "UK",          "DEU",
                                              "",   "E",  "On_premises", "AXA"};
    for (size_t i = 0; i < 8; i++) {
        assert_true(conf_place_known(base_str_c(good[i])));
        assert_false(conf_place_known(base_str_c(not [i])));
    }
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const words[] = {"listen", "admin", "tls", "workers", "limits", NULL};
    assert_string_equal(conf_nearest(BASE_STR("lisen"), words), "listen");
    assert_string_equal(conf_nearest(BASE_STR("LISTEN"), words), "listen");
    assert_string_equal(conf_nearest(BASE_STR("limts"), words), "limits");
    assert_string_equal(conf_nearest(BASE_STR("wrokers"), words), "workers");
    assert_null(conf_nearest(BASE_STR("zebra"), words));
    assert_null(conf_nearest(BASE_STR("x"), words));
    assert_null(conf_nearest(BASE_STR(""), words));
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(conf_basis_name(CONF_BASIS_ADEQUACY), "adequacy");
    assert_string_equal(conf_api_name(CONF_API_OPENAI_COMPATIBLE), "openai-compatible");
    assert_string_equal(conf_api_name((enum conf_api)99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_good_full),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_good_without_engine),
        cmocka_unit_test(test_default_gives_way),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_keys_path_alone),
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_policy_sound),
        cmocka_unit_test(test_messages_are_tame),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_names),
    };
    set_env();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

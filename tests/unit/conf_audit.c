/* conf_audit.c - Goal: the keys of `audit` about periods, retention and witnesses: what is right is
 * loaded, what is wrong is told where it stands, down to the column.
 *
 * Method: line 22 of a good configuration is replaced by the section under test, in a scratch
 * folder beside a copy of the policy, to which retention classes are added.
 */
#include "conf/conf.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define VECTORS "tests/vectors/conf"
#define LINE    22
#define HEAD    "audit: { directory: audit, origin: w/x, "
#define VKEY    "w/1+0123abcd+BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define VKEY2   "w/2+0123abce+BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define W1      "{ name: a, url: \"https://w.example\", vkey: \"" VKEY "\" }"
#define W2      "{ name: b, url: \"https://v.example\", vkey: \"" VKEY2 "\" }"

static char dir[64];

static void join(char out[PATH_MAX], const char *name)
{
    snprintf(out, PATH_MAX, "%s/%s", dir, name);
}

static void put(const char *name, const char *from, int line, const char *instead, const char *more)
{
    char path[PATH_MAX], text[4096];
    FILE *in = fopen(from, "r"), *out;

    join(path, name);
    out = fopen(path, "w");
    assert_true(in && out);
    for (int i = 1; fgets(text, sizeof(text), in); i++) {
        if (strncmp(text, "# expect", 8) != 0)
            fprintf(out, "%s%s", i == line ? instead : text, i == line ? "\n" : "");
    }
    fputs(more, out);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static int setup(void **state)
{
    static const char *const links[] = {"keys.json", "model.gguf"};
    char here[PATH_MAX], to[PATH_MAX], full[PATH_MAX + 64];

    (void)state;
    setenv("WEIR_TEST_KEY", "sk-test", 1);
    strcpy(dir, "/tmp/weir-conf-audit-XXXXXX");
    if (!mkdtemp(dir) || !realpath(VECTORS, here))
        return 1;
    for (size_t i = 0; i < 2; i++) {
        snprintf(full, sizeof(full), "%s/%s", here, links[i]);
        join(to, links[i]);
        if (symlink(full, to) != 0)
            return 1;
    }
    put("policy.yaml", VECTORS "/policy.yaml", 0, "", "");
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = {"keys.json", "model.gguf", "policy.yaml", "conf.yaml"};
    char path[PATH_MAX];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        join(path, files[i]);
        unlink(path);
    }
    return rmdir(dir);
}

static struct conf *load(const char *audit, struct conf_problems *p)
{
    char path[PATH_MAX];
    struct conf *c;

    put("conf.yaml", VECTORS "/bad-content.yaml", LINE, audit, "");
    join(path, "conf.yaml");
    enum base_status st = conf_load(path, &c, p);
    assert_int_equal(st == BASE_OK, c != NULL);
    return c;
}

/* One error, at `col` of the section's line, saying `text`. */
static void bad(const char *audit, int col, const char *text)
{
    struct conf_problems p;
    struct conf *c = load(audit, &p);

    if (c || p.n_errors != 1 || p.v[0].pos.line != LINE || p.v[0].pos.col != col ||
        !strstr(p.v[0].text, text)) {
        for (size_t i = 0; i < p.n; i++)
            fprintf(stderr, "  told %d:%d: %s\n", p.v[i].pos.line, p.v[i].pos.col, p.v[i].text);
        fail_msg("%s: expected %d: %s", audit, col, text);
    }
    conf_problems_release(&p);
}

static struct conf *good(const char *audit)
{
    struct conf_problems p;
    struct conf *c = load(audit, &p);

    if (!c)
        fail_msg("%s: %s", audit, p.v[0].text);
    conf_problems_release(&p);
    return c;
}

static void test_good(void **state)
{
    struct conf *c = good(HEAD "period: month, period_records: 4000000000, period_mib: 0, "
                               "keep_periods: 100000, witnesses: [" W1 ", " W2 "], quorum: 2 }");
    const struct conf_audit *a = &c->audit;

    (void)state;
    assert_int_equal(a->period, CONF_PERIOD_MONTH);
    assert_int_equal(a->period_records, 4000000000u);
    assert_int_equal(a->period_mib, 0);
    assert_int_equal(a->keep_periods, 100000);
    assert_int_equal(a->n_witnesses, 2);
    assert_int_equal(a->quorum, 2);
    assert_string_equal(a->witnesses[0].name, "a");
    assert_string_equal(a->witnesses[0].url, "https://w.example");
    assert_string_equal(a->witnesses[1].vkey, VKEY2);
    assert_null(a->witnesses[1].ca);
    conf_free(c);
    c = good(HEAD "period: none, period_records: 0, period_mib: 4000000000, keep_periods: 0, "
                  "witnesses: [] }");
    assert_int_equal(c->audit.period, CONF_PERIOD_NONE);
    assert_int_equal(c->audit.period_mib, 4000000000u);
    assert_int_equal(c->audit.keep_periods, 0);
    assert_int_equal(c->audit.n_witnesses, 0);
    assert_int_equal(c->audit.quorum, 0);
    conf_free(c);
    c = good(HEAD "witnesses: [" W1 ", " W2 "] }");
    assert_int_equal(c->audit.quorum, 0); /* all of them */
    assert_int_equal(c->audit.segment_mib, 64);
    assert_int_equal(c->audit.period, CONF_PERIOD_NONE);
    conf_free(c);
}

/* Stages that leave no room for two segments are told, and only told. */
static void test_segments(void **state)
{
    struct conf_problems p;
    struct conf *c = load(HEAD "segment_mib: 2, disk: { warn_mib: 9, refuse_content_mib: 8, "
                               "refuse_all_mib: 4 } }",
                          &p);
    (void)state;

    assert_non_null(c);
    assert_int_equal(c->audit.segment_mib, 2);
    for (size_t i = 0; i < p.n; i++)
        assert_null(strstr(p.v[i].text, "segment"));
    conf_free(c);
    conf_problems_release(&p);
    c = load(HEAD "segment_mib: 128 }", &p);
    assert_non_null(c);
    bool told = false;
    for (size_t i = 0; i < p.n; i++)
        told =
            told || (p.v[i].warning && strstr(p.v[i].text, "192 leaves no room for two segments"));
    assert_true(told);
    conf_free(c);
    conf_problems_release(&p);
}

static void test_bad(void **state)
{
    const int at = (int)strlen(HEAD) + 1, audit = 8;
#define VALUE(key, v, text) bad(HEAD key ": " v " }", at + (int)strlen(key ": "), text)

    (void)state;
    VALUE("period", "week", "month");
    VALUE("period", "[month]", "period");
    VALUE("period_records", "-1", "period_records");
    VALUE("period_records", "4000000001", "4000000000");
    VALUE("period_records", "many", "period_records");
    VALUE("period_mib", "1.5", "period_mib");
    VALUE("period_mib", "4000000001", "4000000000");
    VALUE("keep_periods", "100001", "100000");
    VALUE("keep_periods", "all", "keep_periods");
    VALUE("segment_mib", "0", "between 1 and 1024");
    VALUE("segment_mib", "1025", "between 1 and 1024");
    VALUE("segment_mib", "64MiB", "whole number");
    VALUE("witnesses", "a", "list");
    VALUE("witnesses", "{ a: 1 }", "list");
    VALUE("quorum", "0", "quorum");
    VALUE("quorum", "17", "16");
    bad(HEAD "keep_period: 3 }", at, "keep_periods");
    bad(HEAD "quorum: 1 }", audit, "1 of 0 witnesses");
    bad(HEAD "witnesses: [" W1 "], quorum: 2 }", audit, "2 of 1 witnesses");
#undef VALUE
}

static void test_bad_witness(void **state)
{
    const int at = (int)strlen(HEAD "witnesses: [") + 1;
#define ONE(inside, col, text) bad(HEAD "witnesses: [{ " inside " }] }", at + (col), text)

    (void)state;
    ONE("url: \"https://w.example\", vkey: \"" VKEY "\"", 0, "name");
    ONE("name: a, vkey: \"" VKEY "\"", 0, "url");
    ONE("name: a, url: \"https://w.example\"", 0, "vkey");
    ONE("name: a, url: \"http://w.example\", vkey: \"" VKEY "\"", 16, "https");
    ONE("name: a, url: \"https://w.example\", vkey: \"w/1\"", 43, "verifier key");
    ONE("name: a, url: \"https://w.example\", vkey: \"w/1+0123abc+"
        "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"",
        43, "verifier key");
    ONE("name: a, url: \"https://w.example\", vkey: \"" VKEY "\", ca: none.pem", 108, "none.pem");
    ONE("name: a, url: \"https://w.example\", vkey: \"" VKEY "\", key: x", 104, "unknown key");
    bad(HEAD "witnesses: [" W1 ", { name: a, url: \"https://v.example\", vkey: \"" VKEY2 "\" }] }",
        at + (int)strlen(W1 ", "), "twice");
    bad(HEAD "witnesses: [" W1 ", { name: b, url: \"https://v.example\", vkey: \"" VKEY "\" }] }",
        at + (int)strlen(W1 ", "), "twice");
#undef ONE
}

/* keep_periods that surely drops what the policy wants kept. */
static void test_retention(void **state)
{
    static const char classes[] = "\nretention_classes:\n"
                                  "  - { id: short, record_days: 10, content_days: 1 }\n"
                                  "  - { id: long, record_days: 187, content_days: 30 }\n";
    const int at = (int)strlen(HEAD "period: month, keep_periods: ") + 1;

    (void)state;
    conf_free(good(HEAD "period: month, keep_periods: 1 }")); /* the policy asks for nothing */
    put("policy.yaml", VECTORS "/policy.yaml", 0, "", classes);
    bad(HEAD "period: month, keep_periods: 6 }", at,
        "6 months (at most 186 days) is shorter than the 187 record_days of retention class "
        "\"long\"");
    bad(HEAD "period: month, keep_periods: 1 }", at, "say 7 or more, or 0 for all");
    conf_free(good(HEAD "period: month, keep_periods: 7 }"));
    conf_free(good(HEAD "period: month, keep_periods: 0 }"));
    /* how long so many records last nobody can know: the log itself keeps them long enough */
    struct conf *c = good(HEAD "period_records: 1000, keep_periods: 1 }");
    const struct conf_retention *r = conf_longest_retention(&c->policy);
    assert_non_null(r);
    assert_int_equal(r->record_days, 187);
    conf_free(c);
    put("policy.yaml", VECTORS "/policy.yaml", 0, "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_segments),
        cmocka_unit_test(test_bad),       cmocka_unit_test(test_bad_witness),
        cmocka_unit_test(test_retention),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

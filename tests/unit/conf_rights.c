/* The lists of GDPR Art. 18 and 21: who is found in a text, who is not, and a file that holds or is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "conf/rights.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/weir-rights-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"keys/rights.json",
                                        "keys/rights.json.lock",
                                        "keys/rights.key",
                                        "keys/rights.seen",
                                        "keys",
                                        ""};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        remove(path);
    }
    return 0;
}

static enum base_status change(bool rm, unsigned list, const char *who, const char *expires,
                               char id[CONF_RIGHTS_ID_MAX])
{
    struct base_err err = {0};
    struct conf_rights_change c = {.remove = rm,
                                   .list = list,
                                   .identifier = base_str_c(who),
                                   .reason = BASE_STR("letter of 3 March"),
                                   .approver = BASE_STR("dpo"),
                                   .by = BASE_STR("op"),
                                   .expires = base_str_c(expires)};
    return conf_rights_change(dir, &c, id, &err);
}

static void add(unsigned list, const char *who)
{
    char id[CONF_RIGHTS_ID_MAX];
    assert_int_equal(change(false, list, who, "", id), BASE_OK);
    assert_int_equal(strlen(id), 14);
}

static struct conf_rights *load(void)
{
    struct conf_rights *r = NULL;
    struct base_err err = {0};
    if (conf_rights_load(dir, &r, &err) != BASE_OK)
        fail_msg("%s", err.text);
    return r;
}

static void file_path(const char *name, char out[128])
{
    snprintf(out, 128, "%s/keys/%s", dir, name);
}

/* ---- who is found ---- */

static const struct {
    const char *listed, *text;
    bool found;
} cases[] = {
    {"erika.mustermann@example.com", "write to Erika.Mustermann@Example.COM, please", true},
    {"erika.mustermann@example.com", "<mailto:erika.mustermann@example.com>", true},
    {"erika.mustermann@example.com", "erika.mustermann (at) example (dot) com", true},
    {"erika.mustermann@example.com", "erika.mustermann@example.org", false},
    {"erika.mustermann@example.com", "merika.mustermann@example.com", false},
    {"erika.mustermann@example.com", "erika.mustermann@example.community", false},
    {"erika.mustermann@example.com", "the erika mustermann example com pany", false},
    {"+49 170 1234567", "call 0170 1234567 now", true},
    {"+49 170 1234567", "call 0170/123 45 67 now", true},
    {"+49 170 1234567", "+49 (0) 170 1234567", true},
    {"+49 170 1234567", "00491701234567", true},
    {"+49 170 1234567", "+491701234567.", true},
    {"+49 170 1234567", "+49 170 1234568", false},
    {"+49 170 1234567", "+33 170 1234567", false},
    {"0170 1234567", "+49 170 1234567", true},
    {"0170 1234567", "0170-1234567", true},
    {"0170 1234567", "0171-1234567", false},
    {"+1 212 555 0123", "(212) 555-0123", true},
    {"DE89 3704 0044 0532 0130 00", "DE89370400440532013000", true},
    {"DE89370400440532013000", "iban:de89 3704-0044 0532\n0130 00 bic", true},
    {"DE89370400440532013000", "DE89 3704 0044 0532 0130 01", false},
    {"KD-2024-00817", "customer KD2024/00817: late again", true},
    {"KD-2024-00817", "customer KD-2024-008175", false},
    {"44051401458", "PESEL 440514-01458", true},
    {"44051401458", "sum 44051 40145 8 of it", true},
    {"44051401458", "440514\n\n\n\n\n01458", false},
    {"Erika Mustermann", "asked ERIKA  MUSTERMANN yesterday", true},
    {"Erika Mustermann", "asked Erika Mustermeier yesterday", false},
    {"J\xc3\xbcrgen M\xc3\xbcller", "J\xc3\x9cRGEN MU\xcc\x88LLER", true},
    {"\xd0\x9e\xd0\xbb\xd1\x8f \xd0\x98\xd0\xb2\xd0\xb0",
     "\xd0\xbe\xd0\xbb\xd1\x8f \xd0\xb8\xd0\xb2\xd0\xb0!", true},
    {"Anna Nowak", "Anna, geb. Maria, Nowak has paid", true},
    {"Anna Nowak", "Anna Maria Nowak", true},
    {"Anna Nowak", "Nowak, Maria Anna", true},
    {"Anna Nowak", "Anna M. Nowak", true},
    {"Anna Nowak", "Anna Maria de la Nowak", true},
    {"Anna Nowak", "ANNA z domu KOWAL NOWAK", true},
    {"Anna Maria Nowak", "Anna Maria, geb. Kowal, Nowak", true},
    {"Anna Maria Nowak", "Anna geb. Kowal Maria Nowak", true},
    {"Anna Nowak", "Anna called Nowak", false},
    {"Anna Nowak", "Anna asked where Nowak is", false},
    {"Anna Nowak", "Anna 4711 Nowak", false},
    {"Anna Nowak", "Anna Ola Ewa Iza Ala Nowak", false},
    {"Anna Nowak", "anna maria nowak", false}, /* a word like any other */
    {"Anna Nowak", "Anna Maria Kowal", false},
    {"user-77-x", "\xef\xbd\x95ser-\xef\xbc\x97\xef\xbc\x97-x", true}, /* full-width */
};

static void finds_who_is_meant(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char id[CONF_RIGHTS_ID_MAX];
        add(CONF_RIGHTS_OBJECTED, cases[i].listed);
        struct conf_rights *r = load();
        unsigned got = conf_rights_in_text(r, base_str_c(cases[i].text), 20000);
        if (got != (cases[i].found ? CONF_RIGHTS_OBJECTED : 0))
            fail_msg("%s in \"%s\": %u", cases[i].listed, cases[i].text, got);
        conf_rights_free(r);
        assert_int_equal(change(true, CONF_RIGHTS_OBJECTED, cases[i].listed, "", id), BASE_OK);
    }
}

/* Wherever it stands in a long text, whatever stands around it. */
static void finds_at_every_place(void **state)
{
    static const char *const who[] = {"DE89 3704 0044 0532 0130 00", "a.b@example.com"};
    struct base_buf b;
    (void)state;
    add(CONF_RIGHTS_RESTRICTED, who[0]);
    add(CONF_RIGHTS_OBJECTED, who[1]);
    struct conf_rights *r = load();
    base_buf_init(&b, 1u << 20);
    for (size_t before = 0; before < 9000; before += before < 40 ? 1 : 61) {
        for (size_t k = 0; k < 2; k++) {
            base_buf_clear(&b);
            for (size_t i = 0; i < before; i++)
                base_buf_byte(&b, "lorem 12 ipsum, 7-x. "[i % 21]);
            base_buf_printf(&b, "; ; ;%s, and so on 4711", who[k]);
            assert_int_equal(conf_rights_in_text(r, base_buf_view(&b), 20000), 1u << k);
        }
    }
    base_buf_release(&b);
    conf_rights_free(r);
}

static void both_lists_and_the_last_day(void **state)
{
    char id[CONF_RIGHTS_ID_MAX];
    struct base_str text = BASE_STR("for KD-2024-00817");
    int64_t day = base_days_from_date("2030-05-06", 10);
    size_t hits[4];
    (void)state;
    add(CONF_RIGHTS_RESTRICTED, "KD-2024-00817");
    assert_int_equal(change(false, CONF_RIGHTS_OBJECTED, "kd 2024 00817", "2030-05-06", id),
                     BASE_OK);
    assert_int_equal(change(false, CONF_RIGHTS_OBJECTED, "KD/2024/00817", "", id), BASE_DONE);
    struct conf_rights *r = load();
    assert_int_equal(conf_rights_of(r, BASE_STR("KD202400817"), hits, 4), 2);
    assert_int_equal(conf_rights_in_text(r, text, day), 3);
    assert_int_equal(conf_rights_in_text(r, text, day + 1), CONF_RIGHTS_RESTRICTED);
    assert_int_equal(conf_rights_count(r, CONF_RIGHTS_OBJECTED, day + 1), 0);
    conf_rights_free(r);
}

static void what_does_not_fit_is_refused(void **state)
{
    static const char *const bad[] = {"", "  ", "abc", "a-b-c", "1 2 3 4 5 6 7 8 9 0 1 2 3"};
    char id[CONF_RIGHTS_ID_MAX], longest[300];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(change(false, CONF_RIGHTS_OBJECTED, bad[i], "", id), BASE_EINVAL);
    memset(longest, 'x', sizeof(longest));
    longest[299] = 0;
    assert_int_equal(change(false, CONF_RIGHTS_OBJECTED, longest, "", id), BASE_EINVAL);
    assert_int_equal(change(false, CONF_RIGHTS_OBJECTED, "abcd", "2030-02-30", id), BASE_EINVAL);
    assert_int_equal(change(true, CONF_RIGHTS_OBJECTED, "abcd", "", id), BASE_ENOENT);
    assert_int_equal(change(false, 0, "abcd", "", id), BASE_EINVAL);
}

/* ---- the file ---- */

static void no_identifier_in_any_file(void **state)
{
    static const char *const names[] = {"rights.json", "rights.key"};
    struct base_buf b;
    (void)state;
    add(CONF_RIGHTS_OBJECTED, "erika.mustermann@example.com");
    add(CONF_RIGHTS_RESTRICTED, "+491701234567");
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        struct stat st;
        file_path(names[i], path);
        base_buf_init(&b, 1u << 20);
        assert_int_equal(base_file_read(path, &b, NULL), BASE_OK);
        assert_true(base_str_find(base_buf_view(&b), BASE_STR("erika"), 0) == SIZE_MAX);
        assert_true(base_str_find(base_buf_view(&b), BASE_STR("ERIKA"), 0) == SIZE_MAX);
        assert_true(base_str_find(base_buf_view(&b), BASE_STR("701234567"), 0) == SIZE_MAX);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        base_buf_release(&b);
    }
}

static void refused(const char *why)
{
    struct conf_rights *r = NULL;
    struct base_err err = {0};
    assert_int_equal(conf_rights_load(dir, &r, &err), BASE_EINVAL);
    assert_null(r);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void a_file_that_does_not_hold_is_refused(void **state)
{
    char path[128], key[128];
    struct base_buf good, bad;
    struct base_err err;
    (void)state;
    file_path("rights.json", path);
    file_path("rights.key", key);
    add(CONF_RIGHTS_OBJECTED, "a.b@example.com");
    base_buf_init(&good, 1u << 20);
    base_buf_init(&bad, 1u << 20);
    assert_int_equal(base_file_read(path, &good, NULL), BASE_OK);
    for (size_t i = 0; i + 1 < good.n; i += 5) { /* every byte counts, but the last line's end */
        base_buf_clear(&bad);
        base_buf_str(&bad, base_buf_view(&good));
        bad.p[i] ^= 1;
        assert_int_equal(base_file_replace(path, base_buf_view(&bad), 0600, &err), BASE_OK);
        struct conf_rights *r = NULL;
        assert_int_equal(conf_rights_load(dir, &r, &err), BASE_EINVAL);
    }
    for (size_t n = 0; n < good.n - 1; n += 31) {
        assert_int_equal(base_file_replace(path, base_str_n(good.p, n), 0600, &err), BASE_OK);
        refused("changed or cut");
    }
    assert_int_equal(base_file_replace(path, base_buf_view(&good), 0600, &err), BASE_OK);
    conf_rights_free(load());
    assert_int_equal(base_file_replace(key, BASE_STR("00"), 0600, &err), BASE_OK);
    refused("no key");
    base_buf_release(&good);
    base_buf_release(&bad);
}

static void a_file_that_was_rolled_back_or_is_gone_is_refused(void **state)
{
    char path[128];
    struct base_buf old;
    struct base_err err;
    (void)state;
    file_path("rights.json", path);
    add(CONF_RIGHTS_OBJECTED, "a.b@example.com");
    base_buf_init(&old, 1u << 20);
    assert_int_equal(base_file_read(path, &old, NULL), BASE_OK);
    add(CONF_RIGHTS_OBJECTED, "c.d@example.com");
    struct conf_rights *r = load();
    assert_int_equal(conf_rights_seen_write(dir, conf_rights_serial(r), 2, &err), BASE_OK);
    conf_rights_free(r);
    assert_int_equal(base_file_replace(path, base_buf_view(&old), 0600, &err), BASE_OK);
    refused("older");
    assert_int_equal(unlink(path), 0);
    refused("gone");
    base_buf_release(&old);
}

/* Many entries: each is found, removed ones are not, events are told once each in order. */
static void many_entries(void **state)
{
    const struct conf_rights_event *ev;
    char who[64], id[CONF_RIGHTS_ID_MAX];
    (void)state;
    for (int i = 0; i < 60; i++) {
        snprintf(who, sizeof(who), "person-%04d@example.com", i * 37);
        add(i & 1 ? CONF_RIGHTS_OBJECTED : CONF_RIGHTS_RESTRICTED, who);
    }
    for (int i = 0; i < 60; i += 3) {
        snprintf(who, sizeof(who), "person-%04d@example.com", i * 37);
        assert_int_equal(
            change(true, i & 1 ? CONF_RIGHTS_OBJECTED : CONF_RIGHTS_RESTRICTED, who, "", id),
            BASE_OK);
    }
    struct conf_rights *r = load();
    assert_int_equal(conf_rights_n(r), 40);
    for (int i = 0; i < 60; i++) {
        snprintf(who, sizeof(who), "x person-%04d@example.com y", i * 37);
        assert_int_equal(conf_rights_in_text(r, base_str_c(who), 20000),
                         i % 3 == 0 ? 0
                         : i & 1    ? CONF_RIGHTS_OBJECTED
                                    : CONF_RIGHTS_RESTRICTED);
    }
    assert_int_equal(conf_rights_events(r, &ev), 80);
    for (int i = 1; i < 80; i++)
        assert_true(ev[i].serial > ev[i - 1].serial && ev[i].removed == (i >= 60));
    conf_rights_free(r);
}

/* A name whichever word comes first; white space in a row is one gap; not every order is one. */
static void a_name_in_another_order(void **state)
{
    static const char *const found[] = {"Mustermann, Erika Maria",
                                        "ERIKA MARIA MUSTERMANN",
                                        "Maria Mustermann Erika",
                                        "Erika\n      Maria   Mustermann",
                                        "Max Schmidt",
                                        "schmidt (max)",
                                        "K - 4711",
                                        "K      -   4711"};
    static const char *const not_found[] = {"Mustermann Maria Erika", "Erika Mustermann",
                                            "Erika ----- Maria Mustermann", "4711 K",
                                            "K  -  .  -  .  4711"};
    struct conf_rights *r;
    char id[CONF_RIGHTS_ID_MAX];
    (void)state;
    add(CONF_RIGHTS_OBJECTED, "Erika Maria Mustermann");
    add(CONF_RIGHTS_OBJECTED, "Schmidt, Max");
    add(CONF_RIGHTS_OBJECTED, "K-4711");
    r = load();
    for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++)
        if (!conf_rights_in_text(r, base_str_c(found[i]), 20000))
            fail_msg("%s", found[i]);
    for (size_t i = 0; i < sizeof(not_found) / sizeof(not_found[0]); i++)
        if (conf_rights_in_text(r, base_str_c(not_found[i]), 20000))
            fail_msg("%s", not_found[i]);
    conf_rights_free(r);
    assert_int_equal(change(true, CONF_RIGHTS_OBJECTED, "max schmidt", "", id), BASE_OK);
    r = load();
    assert_int_equal(conf_rights_n(r), 2);
    assert_int_equal(conf_rights_in_text(r, BASE_STR("Max Schmidt"), 20000), 0);
    conf_rights_free(r);
}

/* ---- the key, wrapped ---- */

static unsigned unwraps;

static enum base_status wrap(void *ctx, const uint8_t key[CONF_RIGHTS_KEY_BYTES],
                             struct base_buf *out, struct base_err *err)
{
    (void)err;
    for (size_t i = 0; i < CONF_RIGHTS_KEY_BYTES; i++)
        base_buf_byte(out, (char)(key[i] ^ *(const uint8_t *)ctx));
    base_buf_byte(out, (char)*(const uint8_t *)ctx);
    return BASE_OK;
}

static enum base_status unwrap(void *ctx, struct base_str wrapped,
                               uint8_t key[CONF_RIGHTS_KEY_BYTES], struct base_err *err)
{
    const uint8_t mine = *(const uint8_t *)ctx;
    unwraps++;
    if (wrapped.n != CONF_RIGHTS_KEY_BYTES + 1 || (uint8_t)wrapped.p[wrapped.n - 1] != mine)
        return base_err_set(err, BASE_DENIED, "another master");
    for (size_t i = 0; i < CONF_RIGHTS_KEY_BYTES; i++)
        key[i] = (uint8_t)((uint8_t)wrapped.p[i] ^ mine);
    return BASE_OK;
}

static void key_text(struct base_buf *b)
{
    char path[128];
    file_path("rights.key", path);
    base_buf_init(b, 4096);
    assert_int_equal(base_file_read(path, b, NULL), BASE_OK);
}

/* A key that lies there as it is becomes wrapped and stays the same key; it is unwrapped once; a
 * master that is another one, or none, is told. */
static void a_key_is_wrapped(void **state)
{
    static uint8_t one = 0x5a, two = 0x33;
    const struct conf_rights_seal seal = {wrap, unwrap, &one}, other = {wrap, unwrap, &two};
    struct base_buf plain, wrapped, again;
    struct base_err err;
    char path[128];
    (void)state;
    add(CONF_RIGHTS_OBJECTED, "a.b@example.com");
    key_text(&plain);
    assert_int_equal(plain.n, 65);
    conf_rights_sealed_by(&seal);
    assert_int_equal(conf_rights_key_ready(dir, false, &err), BASE_OK);
    key_text(&wrapped);
    assert_true(base_str_starts(base_buf_view(&wrapped), BASE_STR("weir-rights-key/1 ")));
    assert_true(base_str_find(base_buf_view(&wrapped), base_str_n(plain.p, 64), 0) == SIZE_MAX);
    struct conf_rights *r = load();
    assert_int_equal(conf_rights_in_text(r, BASE_STR("to a.b@example.com"), 20000),
                     CONF_RIGHTS_OBJECTED);
    conf_rights_free(r);
    add(CONF_RIGHTS_RESTRICTED, "c.d@example.com");
    assert_int_equal(conf_rights_key_ready(dir, true, &err), BASE_OK);
    key_text(&again);
    assert_int_equal(again.n, wrapped.n);
    assert_memory_equal(again.p, wrapped.p, wrapped.n);
    assert_int_equal(unwraps, 0); /* this process wrapped it: it knows it */

    conf_rights_sealed_by(NULL);
    conf_rights_free(load());
    file_path("rights.key", path);
    wrapped.p[20] ^= 1; /* another file, a digit is none or another */
    assert_int_equal(base_file_replace(path, base_buf_view(&wrapped), 0600, &err), BASE_OK);
    refused("not at hand");
    conf_rights_sealed_by(&other);
    refused("rights.key");
    assert_int_equal(base_file_replace(path, base_buf_view(&again), 0600, &err), BASE_OK);
    conf_rights_free(load());
    conf_rights_sealed_by(NULL);
    base_buf_release(&plain);
    base_buf_release(&wrapped);
    base_buf_release(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_who_is_meant, setup, teardown),
        cmocka_unit_test_setup_teardown(finds_at_every_place, setup, teardown),
        cmocka_unit_test_setup_teardown(both_lists_and_the_last_day, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(no_identifier_in_any_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_does_not_hold_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_was_rolled_back_or_is_gone_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(many_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_in_another_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_wrapped, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

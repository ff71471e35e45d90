/* Goal: a substitute is valid of its kind and nobody's, is the same in every turn, is never shared
 * and never stands in the request already; it comes back whole at any split, as whole words, in
 * text and in JSON; what has none gets a placeholder.
 * Method: single values through the maker against the detectors' own checks; requests built by
 * hand; restoring at every pair of splits. */
#include "base/clock.h"
#include "policy/detect/checks.h"
#include "policy/redact/subst.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pol_detector *det;
static struct pol_scratch *scratch;

static int setup(void **state)
{
    (void)state;
    return pol_detector_new(&det, NULL) != BASE_OK ||
           pol_scratch_new(det, &scratch, NULL) != BASE_OK;
}

static int teardown(void **state)
{
    (void)state;
    pol_scratch_free(scratch);
    pol_detector_free(det);
    return 0;
}

struct fixture {
    struct base_arena *arena;
    struct chat_part part[3];
    struct chat_message msg;
    struct chat_request r;
    struct pol_vault *vault;
    uint32_t counts[POL_TYPE_COUNT];
};

static void substitute(struct fixture *f, const char *const *texts, size_t n, const char *tenant)
{
    memset(f, 0, sizeof(*f));
    f->arena = base_arena_new(16 << 20);
    f->r = (struct chat_request){.arena = f->arena, .messages = &f->msg, .n_messages = 1};
    f->msg = (struct chat_message){.role = CHAT_USER, .parts = f->part, .n_parts = n};
    for (size_t i = 0; i < n; i++)
        f->part[i].text = base_str_c(texts[i]);
    assert_int_equal(pol_substitute_request(det, scratch, ~(pol_types)0, base_str_c(tenant), &f->r,
                                            &f->vault, f->counts, NULL),
                     BASE_OK);
}

static void done(struct fixture *f)
{
    pol_vault_free(f->vault);
    base_arena_free(f->arena);
}

static bool has(struct base_str s, const char *what)
{
    return base_str_find(s, base_str_c(what), 0) != SIZE_MAX;
}

static size_t digits_of(const char *s, uint8_t *d)
{
    size_t n = 0;

    for (; *s; s++) {
        if (*s >= '0' && *s <= '9')
            d[n++] = (uint8_t)(*s - '0');
    }
    return n;
}

static const struct {
    enum pol_type type;
    const char *subtype, *original, *begins; /* begins: of the substitute; NULL: there is none */
} values[] = {
    {POL_EMAIL, NULL, "Maria.Kowal@firma.pl", ""},
    {POL_PHONE, NULL, "+49 170 1234567", "+49 "},
    {POL_PHONE, NULL, "+44 (0)20 7123 4567", "+44 (0)"},
    {POL_PHONE, NULL, "07123 456789", "07700 900"},
    {POL_PHONE, NULL, "06 12 34 56 78", "06 39 98 "},
    {POL_PHONE, NULL, "(212) 736-5000", "("},
    {POL_PHONE, NULL, "+48 601 234 567", NULL}, /* no range is kept for that in Poland */
    {POL_PHONE, NULL, "+1 212 736 5000 ext. 3", NULL},
    {POL_IBAN, NULL, "DE89 3704 0044 0532 0130 00", "DE"},
    {POL_IBAN, NULL, "PL61109010140000071219812874", "PL"},
    {POL_IBAN, NULL, "GB29 NWBK 6016 1331 9268 19", "GB"},
    {POL_IBAN, NULL, "IT60X0542811101000000123456", "IT"},
    {POL_IBAN, NULL, "BE68 5390 0754 7034", NULL}, /* 000 is a bank there */
    {POL_CREDIT_CARD, NULL, "4532 0151 1283 0366", "4000 00"},
    {POL_CREDIT_CARD, NULL, "5425233430109903", "555555"},
    {POL_CREDIT_CARD, NULL, "3530111333300000", NULL},
    {POL_NATIONAL_ID, "pl_pesel", "44051401359", ""},
    {POL_NATIONAL_ID, "us_ssn", "536-22-1874", "9"},
    {POL_NATIONAL_ID, "nl_bsn", "111222333", "9999"},
    {POL_NATIONAL_ID, "fr_nir", "1 85 05 78 006 084 36", ""},
    {POL_NATIONAL_ID, "no_fnr", "010190 12345", ""},
    {POL_NATIONAL_ID, "ee_ik", "37605030299", ""},
    {POL_NATIONAL_ID, "bg_egn", "6101057509", ""},
    {POL_NATIONAL_ID, "ro_cnp", "1800101221144", ""},
    {POL_NATIONAL_ID, "lu_nid", "1983081200009", "20"},
    {POL_HEALTH_ID, "gb_nhs", "943 476 5919", "999 "},
    {POL_NATIONAL_ID, "de_steuer_id", "86 095 742 719", "0"},
    {POL_NATIONAL_ID, "fi_hetu", "131052-308T", ""},
    {POL_NATIONAL_ID, "gb_nino", "AB 12 34 56 C", "QQ "},
    {POL_NATIONAL_ID, "ch_ahv", "756.9217.0769.85", NULL},
    {POL_PERSON, NULL, "Maria Kowalska", ""},
    {POL_PERSON, NULL, "JAN VAN DER BERG", ""},
    {POL_PERSON, NULL, "J. Smith", ""},
    {POL_IP, NULL, "10.20.30.40", ""},
    {POL_IP, NULL, "fe80::1:2", "2001:db8:"},
    {POL_MAC, NULL, "3c:22:fb:01:02:03", ""},
    {POL_DOB, NULL, "31.12.1999", ""},
    {POL_DOB, NULL, "1984-02-29", ""},
    {POL_DOB, NULL, "12/25/1980", ""},
    {POL_DOB, NULL, "3 March 1985", NULL},
    {POL_ADDRESS, NULL,
     "Hauptstra\xc3\x9f"
     "e 5, 10115 Berlin",
     ""},
    {POL_ADDRESS, NULL, "Salontie 4", NULL},
    {POL_SECRET, NULL, "sk-123", NULL},
    {POL_SPECIAL_HEALTH, NULL, "has diabetes", NULL},
};

/* What the kind's own check says of a substitute. */
static void check_valid(size_t i, const char *s)
{
    uint8_t d[64];
    size_t n = digits_of(s, d);
    char v[64];
    size_t k = 0;

    switch (values[i].type) {
    case POL_IBAN:
        for (const char *p = s; *p; p++) {
            if (*p != ' ')
                v[k++] = *p;
        }
        assert_true(pol_iban_ok((struct base_str){v, k}));
        /* check digits that ISO 13616's procedure never gives: nobody's account */
        assert_true(memcmp(v + 2, "00", 2) == 0 || memcmp(v + 2, "01", 2) == 0 ||
                    memcmp(v + 2, "99", 2) == 0);
        assert_true(memcmp(v + 4,
                           v[4] == 'X' ? "X"
                                         "XX"
                                       : "000",
                           3) == 0 ||
                    v[0] == 'I');
        break;
    case POL_CREDIT_CARD:
        assert_true(pol_luhn(d, n) && pol_card_network(d, n));
        break;
    case POL_EMAIL:
        assert_non_null(strstr(s, "@example."));
        break;
    case POL_IP:
        assert_true(strncmp(s, "192.0.2.", 8) == 0 || strncmp(s, "198.51.100.", 11) == 0 ||
                    strncmp(s, "203.0.113.", 10) == 0 || strncmp(s, "2001:db8:", 9) == 0);
        break;
    case POL_MAC:
        assert_non_null(strchr("26ae", s[1]));
        break;
    default:
        break;
    }
}

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct base_str original = base_str_c(values[i].original), t = BASE_STR("acme");

        for (unsigned attempt = 0; attempt < 200; attempt++) {
            char a[POL_SUBST_MAX] = "", b[POL_SUBST_MAX] = "";
            bool got = pol_subst_make(t, values[i].type, values[i].subtype, original, attempt, a);

            if (got != (values[i].begins != NULL))
                fail_msg("%s: %s \"%s\"", values[i].original, got ? "got" : "none", a);
            if (!got)
                break;
            assert_true(pol_subst_make(t, values[i].type, values[i].subtype, original, attempt, b));
            assert_string_equal(a, b);
            assert_string_not_equal(a, values[i].original);
            if (strncmp(a, values[i].begins, strlen(values[i].begins)) != 0)
                fail_msg("%s: \"%s\" does not begin with \"%s\"", values[i].original, a,
                         values[i].begins);
            for (const char *p = a; *p; p++)
                assert_true(*p >= ' ' && *p < 0x7f && *p != '"' && *p != '\\');
            check_valid(i, a);
        }
    }
}

static void test_shapes(void **state)
{
    char a[POL_SUBST_MAX], b[POL_SUBST_MAX];
    struct base_str t = BASE_STR("acme"), name = BASE_STR("JAN VAN DER BERG");
    (void)state;

    assert_true(pol_subst_make(t, POL_PERSON, NULL, name, 0, a));
    for (const char *p = a; *p; p++)
        assert_true(*p == ' ' || (*p >= 'A' && *p <= 'Z'));
    assert_true(pol_subst_make(t, POL_PERSON, NULL, BASE_STR("Jan van der Berg"), 0, a));
    assert_non_null(strstr(a, " van der "));
    assert_true(pol_subst_make(t, POL_PERSON, NULL, BASE_STR("J. Smith"), 0, a));
    assert_int_equal(a[1], '.');

    /* another tenant, another substitute; dates move by the same span */
    assert_true(pol_subst_make(t, POL_IBAN, NULL, BASE_STR("DE89370400440532013000"), 0, a));
    assert_true(
        pol_subst_make(BASE_STR("b"), POL_IBAN, NULL, BASE_STR("DE89370400440532013000"), 0, b));
    assert_string_not_equal(a, b);
    assert_true(pol_subst_make(t, POL_DOB, NULL, BASE_STR("2001-05-09"), 0, a));
    assert_true(pol_subst_make(t, POL_DATE, NULL, BASE_STR("2001-05-10"), 3, b));
    assert_int_equal(base_days_from_date(b, 10) - base_days_from_date(a, 10), 1);
}

static void test_request(void **state)
{
    const char *texts[] = {"Mail anna@firma.eu and jan@firma.eu, again anna@firma.eu; call "
                           "+49 170 1234567; IBAN DE89 3704 0044 0532 0130 00.",
                           "password: \"q1w2e3r4t5z6\" of Maria Kowalska"};
    const char *more[] = {texts[0], "and a turn later: anna@firma.eu"};
    struct fixture f, g;
    char *at;
    (void)state;

    substitute(&f, texts, 2, "acme");
    assert_false(has(f.part[0].text, "firma"));
    assert_false(has(f.part[0].text, "1234567"));
    assert_false(has(f.part[0].text, "3704"));
    assert_false(has(f.part[0].text, "["));
    assert_true(has(f.part[1].text, "[SECRET_1]")); /* no substitute: a placeholder */
    assert_false(has(f.part[1].text, "Kowalska"));
    assert_int_equal(f.counts[POL_EMAIL], 3);
    at = strstr(f.part[0].text.p, "@example.");
    assert_non_null(at);

    substitute(&g, more, 2, "acme"); /* the next turn says the same */
    assert_int_equal(g.part[0].text.n, f.part[0].text.n);
    assert_memory_equal(g.part[0].text.p, f.part[0].text.p, f.part[0].text.n);

    /* a text that already holds the substitute: another one is taken */
    char first[POL_SUBST_MAX], text[256];
    struct fixture h;
    const char *one[] = {text};

    assert_true(
        pol_subst_make(BASE_STR("acme"), POL_EMAIL, NULL, BASE_STR("anna@firma.eu"), 0, first));
    assert_true(has(f.part[0].text, first));
    snprintf(text, sizeof(text), "anna@firma.eu knows the word %s", first);
    substitute(&h, one, 1, "acme");
    assert_false(has(h.part[0].text, "anna@firma.eu"));
    assert_true(h.part[0].text.n > 10 && strncmp(h.part[0].text.p, first, strlen(first)) != 0);
    done(&h);
    done(&g);
    done(&f);
}

/* 2,000 one-word addresses: no two share one, and each comes back. */
static void test_never_shared(void **state)
{
    struct base_buf b, out;
    struct fixture f;
    struct pol_restore *r;
    const char *one[1];
    (void)state;

    base_buf_init(&b, 1 << 20);
    base_buf_init(&out, 1 << 20);
    for (int i = 0; i < 2000; i++)
        base_buf_printf(&b, "u%d@firma.eu, ", i);
    one[0] = b.p;
    substitute(&f, one, 1, "acme");
    assert_int_equal(f.counts[POL_EMAIL], 2000);
    assert_false(has(f.part[0].text, "firma"));
    r = pol_restore_new(f.vault, false);
    assert_int_equal(pol_restore_feed(r, f.part[0].text, &out, NULL), BASE_OK);
    assert_int_equal(pol_restore_end(r, &out, NULL), BASE_OK);
    pol_restore_free(r);
    assert_string_equal(out.p, b.p);
    base_buf_release(&out);
    base_buf_release(&b);
    done(&f);
}

static void check_restore(const struct pol_vault *v, bool json_text, const char *text,
                          const char *want)
{
    size_t n = strlen(text);
    struct base_buf out;

    base_buf_init(&out, 1 << 16);
    for (size_t a = 0; a <= n; a++) {
        for (size_t b = a; b <= n; b += 3) {
            const size_t cut[] = {0, a, b, n};
            struct pol_restore *r = pol_restore_new(v, json_text);

            base_buf_clear(&out);
            for (int i = 0; i < 3; i++) {
                size_t k = cut[i + 1] - cut[i];
                char *piece = malloc(k + 1); /* reading past it is seen */

                memcpy(piece, text + cut[i], k);
                assert_int_equal(pol_restore_feed(r, (struct base_str){piece, k}, &out, NULL),
                                 BASE_OK);
                free(piece);
            }
            assert_int_equal(pol_restore_end(r, &out, NULL), BASE_OK);
            pol_restore_free(r);
            if (strcmp(out.p ? out.p : "", want) != 0)
                fail_msg("split %zu %zu of \"%s\": \"%s\", want \"%s\"", a, b, text, out.p, want);
        }
    }
    base_buf_release(&out);
}

static void test_restore(void **state)
{
    const char *texts[] = {"anna.b@firma.eu", "+49 170 1234567", "born on 05/07/1984."};
    struct fixture f;
    char m[POL_SUBST_MAX], p[POL_SUBST_MAX], d[POL_SUBST_MAX], text[512], want[512], esc[256] = "";
    (void)state;

    substitute(&f, texts, 3, "acme");
    snprintf(m, sizeof(m), "%.*s", BASE_FMT(f.part[0].text));
    snprintf(p, sizeof(p), "%.*s", BASE_FMT(f.part[1].text));
    assert_true(pol_subst_make(BASE_STR("acme"), POL_DOB, NULL, BASE_STR("05/07/1984"), 0, d));
    assert_true(has(f.part[2].text, d));

    snprintf(text, sizeof(text), "Write to %s, *%s* or \xe2\x80\x9c%s\xe2\x80\x9d: %s", m, p, p, m);
    snprintf(want, sizeof(want), "Write to %s, *%s* or \xe2\x80\x9c%s\xe2\x80\x9d: %s", texts[0],
             texts[1], texts[1], texts[0]);
    check_restore(f.vault, false, text, want);
    /* part of a longer word, cut short, in other case: left as it is */
    snprintf(text, sizeof(text), "x%s %sx %s9 \xc3\xa9%s %.5s", m, m, p, m, m);
    check_restore(f.vault, false, text, text);
    /* JSON: after an escaped newline, with an escaped slash, every character as \u00XX */
    char slash[64];
    size_t k = 0;
    for (const char *c = d; *c; c++) {
        if (*c == '/')
            slash[k++] = '\\';
        slash[k++] = *c;
    }
    slash[k] = 0;
    for (const char *c = m; *c; c++)
        snprintf(esc + strlen(esc), sizeof(esc) - strlen(esc), "\\u%04x", (unsigned)*c);
    snprintf(text, sizeof(text), "{\"a\":\"\\n%s\\t%s\",\"b\":\"%s\"}", m, slash, esc);
    snprintf(want, sizeof(want), "{\"a\":\"\\n%s\\t05/07/1984\",\"b\":\"%s\"}", texts[0], texts[0]);
    check_restore(f.vault, true, text, want);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_request), cmocka_unit_test(test_never_shared),
        cmocka_unit_test(test_restore),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

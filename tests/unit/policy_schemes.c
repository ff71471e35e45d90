/* Goal: identifiers, secrets and positions of rarer kinds are found with their type and subtype
 * where they count, and nothing is made of what only looks like them.
 *
 * Method: tables of texts in which the expected finding stands between « and » (removed before the
 * scan). Numbers of persons are generated here from the formulas; numbers of firms are examples of
 * their registers. Secrets are drawn at random for each form. VAT numbers also by counting: of all
 * values of a check digit few are found without a cue. */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pol_detector *det;
static struct pol_scratch *scratch;
static struct base_arena *arena;

static int setup(void **state)
{
    struct base_err err = {0};
    (void)state;

    arena = base_arena_new(16 << 20);
    return pol_detector_new(&det, &err) != BASE_OK ||
           pol_scratch_new(det, &scratch, &err) != BASE_OK;
}

static int teardown(void **state)
{
    (void)state;
    pol_scratch_free(scratch);
    pol_detector_free(det);
    base_arena_free(arena);
    return 0;
}

static uint64_t seed = 88172645463325252ull;

static unsigned rnd(unsigned n)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

static struct pol_spans scan(const char *text)
{
    struct pol_spans s;
    struct base_err err = {0};

    base_arena_reset(arena);
    assert_int_equal(pol_scan_text(det, scratch, base_str_c(text), arena, &s, &err), BASE_OK);
    return s;
}

static const struct pol_span *found(struct pol_spans s, size_t a, size_t b, enum pol_type type)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.v[i].start == a && s.v[i].end == b && s.v[i].type == type)
            return &s.v[i];
    }
    return NULL;
}

struct want {
    enum pol_type type;
    const char *subtype; /* NULL: any */
    const char *text;
};

static void check_rows(const struct want *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char plain[1024];
        size_t k = 0, a = 0, b = 0;
        const struct pol_span *f;

        for (const char *p = rows[i].text; *p; p++) {
            if (strncmp(p, "«", 2) == 0 || strncmp(p, "»", 2) == 0) {
                *(p[1] == '\xab' ? &a : &b) = k;
                p++;
                continue;
            }
            plain[k++] = *p;
        }
        plain[k] = 0;
        f = found(scan(plain), a, b, rows[i].type);
        if (!f || (rows[i].subtype && (!f->subtype || strcmp(f->subtype, rows[i].subtype) != 0)))
            fail_msg("%s (%s) not found in: %s", pol_type_name(rows[i].type),
                     rows[i].subtype ? rows[i].subtype : "any", rows[i].text);
    }
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void nothing_in(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct pol_spans s = scan(texts[i]);

        if (s.n > 0)
            fail_msg("%s found in: %s", pol_type_name(s.v[0].type), texts[i]);
    }
}

#define NOTHING(texts) nothing_in(texts, sizeof(texts) / sizeof((texts)[0]))

/* ---- VAT numbers ---- */

static void test_vat(void **state)
{
    static const struct want rows[] = {
        {POL_VAT_ID, NULL, "to «BG175074752» today"},
        {POL_VAT_ID, NULL, "to «CY10259033P» today"},
        {POL_VAT_ID, NULL, "to «CZ25123891» today"},
        {POL_VAT_ID, NULL, "to «LT119511515» today"},
        {POL_VAT_ID, NULL, "to «LT100001919017» today"},
        {POL_VAT_ID, NULL, "to «LV40003521600» today"},
        {POL_VAT_ID, NULL, "to «RO18547290» today"},
        {POL_VAT_ID, "ie_vat", "to «IE6433435F» today"},
        {POL_VAT_ID, "es_vat", "to «ESA13585625» today"},
        {POL_VAT_ID, "es_vat", "to «ESB64717838» today"},
        {POL_VAT_ID, "no_vat", "to «NO 995 525 828 MVA» today"},
        {POL_VAT_ID, "no_vat", "to «995 525 828 MVA» today"},
        {POL_VAT_ID, "no_vat", "to «995525828MVA» today"},
        {POL_VAT_ID, "no_vat", "VAT: «NO995525828», please"},
        {POL_VAT_ID, "ch_vat", "to «CHE-100.155.212 IVA» today"},
        {POL_VAT_ID, "ch_vat", "to «CHE-100.155.212» today"},
    };
    static const char *const none[] = {
        "to BG175074753 today",    "to CY10259033Q today",     "to CZ25123892 today",
        "to LT119511514 today",    "to LV40003521601 today",   "to RO18547291 today",
        "to IE6433435G today",     "to ESA13585626 today",     "to NO 995 525 829 MVA today",
        "to NO 995 525 828 today", "to CHE-100.155.213 today", "to RO838342 today",
    };
    static const struct {
        const char *before, *behind;
        int digits;
    } forms[] = {{"BG", "", 8}, {"CZ", "", 7},  {"LV5", "", 9},
                 {"RO", "", 7}, {"CHE", "", 8}, {"NO", "MVA", 8}};
    (void)state;

    CHECK(rows);
    NOTHING(none);
    for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
        unsigned hits = 0, body = 0;

        for (int round = 0; round < 40; round++) {
            for (unsigned last = 0; last < 10; last++) {
                char text[64];

                if (last == 0)
                    body = 1 + rnd(8999999);
                snprintf(text, sizeof(text), "to %s%0*u%u%s", forms[f].before, forms[f].digits,
                         body, last, forms[f].behind);
                hits += scan(text).n > 0;
            }
        }
        if (hits < 20 || hits > 44) /* one in ten; a remainder of ten has no digit */
            fail_msg("%s: %u of 400 found", forms[f].before, hits);
    }
}

/* ---- personal numbers ---- */

static void put(char *d, unsigned v, int n)
{
    for (int i = n - 1; i >= 0; i--, v /= 10)
        d[i] = (char)('0' + v % 10);
}

static unsigned weigh(const char *d, const int *w, int n)
{
    unsigned s = 0;

    for (int i = 0; i < n; i++)
        s += (unsigned)((d[i] - '0') * w[i]);
    return s;
}

static bool gen_abgaben(char *d)
{
    unsigned s = 0;

    put(d, 10000000 + rnd(89999999), 8);
    for (int i = 0; i < 8; i++) {
        unsigned v = (unsigned)(d[i] - '0') * (i % 2 ? 2 : 1);
        s += v / 10 + v % 10;
    }
    d[8] = (char)('0' + (10 - s % 10) % 10);
    return true;
}

static bool gen_lnch(char *d)
{
    static const int w[] = {21, 19, 17, 13, 11, 9, 7, 3, 1};

    put(d, 100000000 + rnd(800000000), 9);
    d[2] = '9'; /* no month: not a citizen's, by chance */
    d[9] = (char)('0' + weigh(d, w, 9) % 10);
    return true;
}

static bool gen_lt9(char *d)
{
    static const int a[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1}, b[] = {3, 4, 5, 6, 7, 8, 9, 1, 2, 3};
    unsigned s;

    d[0] = '9';
    put(d + 1, rnd(1000000000), 9);
    s = weigh(d, a, 10) % 11;
    if (s == 10)
        s = weigh(d, b, 10) % 11 % 10;
    d[10] = (char)('0' + s);
    return true;
}

static bool gen_fh(char *d)
{
    static const int a[] = {3, 7, 6, 1, 8, 9, 4, 5, 2}, b[] = {5, 4, 3, 2, 7, 6, 5, 4, 3, 2};
    unsigned s;

    put(d, 800000000 + rnd(199999999), 9);
    if ((s = (11 - weigh(d, a, 9) % 11) % 11) == 10)
        return false;
    d[9] = (char)('0' + s);
    if ((s = (11 - weigh(d, b, 10) % 11) % 11) == 10)
        return false;
    d[10] = (char)('0' + s);
    return true;
}

static bool gen_plus(char *d)
{
    unsigned s = 0;

    put(d, 5 + rnd(20), 2), put(d + 2, 1 + rnd(12), 2), put(d + 4, 1 + rnd(28), 2);
    d[6] = '+';
    put(d + 7, rnd(1000), 3);
    for (int i = 0, k = 0; i < 10; i++) {
        unsigned v;

        if (i == 6)
            continue;
        v = (unsigned)(d[i] - '0') * (k++ % 2 ? 1 : 2);
        s += v / 10 + v % 10;
    }
    d[10] = (char)('0' + (10 - s % 10) % 10);
    return true;
}

static void test_persons(void **state)
{
    static const struct {
        const char *subtype, *cue;
        enum pol_type type;
        bool (*gen)(char *);
        bool alone; /* found without a cue, too */
    } t[] = {
        {"at_abgabenkonto", "Abgabenkontonummer", POL_TAX_ID, gen_abgaben, false},
        {"bg_lnch", "ЛНЧ", POL_NATIONAL_ID, gen_lnch, false},
        {"lt_ak", "asmens kodas", POL_NATIONAL_ID, gen_lt9, false},
        {"no_fnr", "FH-nummer", POL_NATIONAL_ID, gen_fh, true},
        {"se_pnr", "personnummer", POL_NATIONAL_ID, gen_plus, true},
    };
    (void)state;

    for (size_t k = 0; k < sizeof(t) / sizeof(t[0]); k++) {
        int damaged = 0;

        for (int made = 0; made < 40;) {
            char id[16] = {0}, text[96];
            size_t at, n;
            const struct pol_span *f;

            if (!t[k].gen(id))
                continue;
            made++;
            n = strlen(id);
            snprintf(text, sizeof(text), "x %s: ", t[k].cue);
            at = strlen(text);
            snprintf(text + at, sizeof(text) - at, "%s, please", id);
            f = found(scan(text), at, at + n, t[k].type);
            if (!f || f->level != POL_CONTEXT || strcmp(f->subtype, t[k].subtype) != 0)
                fail_msg("%s not found in: %s", t[k].subtype, text);
            snprintf(text, sizeof(text), "about %s again", id);
            f = found(scan(text), 6, 6 + n, t[k].type);
            if (t[k].alone && !(f && f->level == POL_CHECK))
                fail_msg("%s not found alone: %s", t[k].subtype, text);
            id[n - 1] = (char)('0' + (id[n - 1] - '0' + 1 + (int)rnd(9)) % 10);
            snprintf(text, sizeof(text), "about %s again", id);
            f = found(scan(text), 6, 6 + n, t[k].type);
            damaged += f && f->subtype && strcmp(f->subtype, t[k].subtype) == 0;
        }
        if (damaged > 0)
            fail_msg("%s: %d damaged ones pass", t[k].subtype, damaged);
    }
}

static void test_papers(void **state)
{
    static const struct want rows[] = {
        {POL_NATIONAL_ID_CARD, NULL, "Personalausweis: «L6ZVXRPK2»"},
        {POL_NATIONAL_ID_CARD, NULL, "Her identiteitskaart is «SPECI2XA4», please"},
        {POL_PASSPORT, NULL, "passeport n°: «16IP12739»"},
        {POL_NATIONAL_ID_CARD, NULL, "Αριθμός ταυτότητας: «02640030»"},
        {POL_NATIONAL_ID, "gb_nino", "Her National Insurance number is «WE126463», please"},
        {POL_NATIONAL_ID, NULL, "Her BSN is «05419153», please"},
        {POL_TAX_ID, "gb_utr", "Unique Taxpayer Reference: «2361466306»"},
        {POL_HEALTH_ID, NULL, "EHIC: «80276000000000000012»"},
        {POL_DRIVER_LICENSE, NULL, "driver number: «MORGA657054SM9IJ»"},
        {POL_LICENSE_PLATE, NULL, "tablica rejestracyjna: «KR 93238»"},
        {POL_LICENSE_PLATE, NULL, "registrační značka «1AB 2345»"},
        {POL_CREDIT_CARD, NULL, "card no.: «501850044683»"},
        {POL_BIC, NULL, "BIC: «DEUTDEFFXXX»"},
        {POL_BIC, NULL, "SWIFT code is «BOFAUS3N»."},
        {POL_EMAIL, NULL, "mail «anna.k at firma [dot] example» now"},
    };
    static const char *const none[] = {
        "VAT: 1.234.567,89 EUR",   "MwSt: 1.234.567,89",
        "VAT: 1234567.89",         "Umsatzsteuer: 12345678 €",
        "BIC: DOCUMENTS are late", "the VAT is 20 percent",
        "BIC: DEUTZZFF",           "SWIFT 1234 5678",
    };
    (void)state;
    CHECK(rows);
    NOTHING(none);
}

static void test_positions(void **state)
{
    static const struct want rows[] = {
        {POL_GPS, NULL, "at «52°31'12.0\"N 13°24'18.0\"E» now"},
        {POL_GPS, NULL, "at «52° 31′ 12″ N, 13° 24′ 18″ E» now"},
        {POL_GPS, NULL, "at «52.5200° N, 13.4050° E» now"},
        {POL_GPS, NULL, "at «52 deg 31' N, 13 deg 24' E» now"},
        {POL_GPS, NULL, "at «geo:52.5200,13.4050» now"},
        {POL_GPS, NULL, "at «9F4MGCC4+HX» now"},
        {POL_GPS, NULL, "at «33U 392000 5820000» now"},
        {POL_GPS, NULL, "at «33U UU 92000 20000» now"},
        {POL_GPS, NULL, "at «///filled.count.soap» now"},
    };
    static const char *const none[] = {
        "between 20° and 30° all day",
        "turn by 90°, then 45°",
        "file:///filled.count.soap",
        "see a///b and ///x.y.z",
        "ABCDEFGH+IJ",
        "33U 392000 apples",
        "12C AB 1234",
        "it was 20 deg, then 30 deg",
    };
    (void)state;
    CHECK(rows);
    NOTHING(none);
}

/* ---- secrets ---- */

/* 'a' stands for a letter or digit, 'h' for a hexadecimal digit, 'A' for A to Z or 2 to 7, 'd' for
 * a digit; "{n}" repeats the sign before it; all else stands for itself behind '~'. */
static void draw(const char *form, char *out, size_t max)
{
    static const char any[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t n = 0;

    while (*form) {
        bool plain = *form == '~';
        char what = *(form += plain);
        long times = 1;

        if (*++form == '{') {
            times = strtol(form + 1, (char **)&form, 10);
            form++;
        }
        while (times-- > 0 && n + 1 < max)
            out[n++] = plain         ? what
                       : what == 'a' ? any[rnd(62)]
                       : what == 'h' ? "0123456789abcdef"[rnd(16)]
                       : what == 'A' ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[rnd(32)]
                       : what == 'd' ? (char)('0' + rnd(10))
                                     : what;
    }
    out[n] = 0;
}

static void test_secrets(void **state)
{
    static const char *const forms[] = {
        "be~dro~ck-~api-key-a{60}",
        "aa~a8Q~~a{34}",
        "sig=a{43}%3~D",
        "glff~ct-a{20}",
        "_git~l~ab_session=h{32}",
        "xkeysi~b-h{64}-a{16}",
        "pu~bkey-h{32}",
        "we~b~hook.office.com/we~b~hookb2/h{8}-h{4}-h{4}-h{4}-h{12}@h{8}-h{4}-h{4}-h{4}-h{12}/"
        "IncomingWe~b~hook/h{32}/h{8}-h{4}",
        "~discor~d.com/~api/we~b~hooks/d{18}/a{68}",
        "Ma{22}7.a{6}.a{38}",
        "NRII-a{32}",
        "HRKU-~A~Aa{58}",
        "~AKCpa{69}",
        "cmVm~dGtua{56}",
        "~A3-A{6}-A{11}-A{5}-A{5}-A{5}",
        "weir_a{43}",
        "fm2_a{100}",
        "fig~d_a{40}",
        "p~ata{14}.h{64}",
        "PM~AK-h{24}-h{34}",
        "pul-h{40}",
        "psc~ale_tkn_a{40}",
        "pnu_a{36}",
        "v1.0-h{24}-h{146}",
        "s~bp_h{40}",
        "EZ~AKa{54}",
        "fio-u-a{64}",
        "ico-a{32}",
        "tk-us-a{48}",
        "tfp_a{59}",
        "~AQVNa{36}",
        "s~hippo_live_h{40}",
        "sgp_h{40}",
        "~API-A{26}",
        "E~A~ACE~dEose0cB~Aa{60}",
        "s~h~a256~~a{43}",
        "LT~AIa{20}",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char value[512], text[640];
        struct pol_spans s;

        draw(forms[i], value, sizeof(value));
        snprintf(text, sizeof(text), "Here: %s end", value);
        s = scan(text);
        if (s.n != 1 || s.v[0].type != POL_SECRET || s.v[0].start > 8 ||
            s.v[0].end < 6 + strlen(value) - 4)
            fail_msg("form %zu not found: %s (%zu)", i, text, s.n);
    }
}

static void test_secrets_in_context(void **state)
{
    (void)state;

    static const struct want rows[] = {
        {POL_SECRET, "password", "curl -u admin:«tVrgm7rkEvua» https://x.example/"},
        {POL_SECRET, "password", "sshpass -p «38aQFFBZ» ssh root@host"},
        {POL_SECRET, "password", "<add key=\"ClearTextPassword\" value=\"«1TPl3u9Es!9»\" />"},
        {POL_SECRET, "generic_key", "datadog app key: «225ca7c11871a329a6f3f826156c230c»"},
        {POL_SECRET, "password", "heslo: «Tajne123»"},
        {POL_SECRET, "password", "jelszó: «Titok123»"},
        {POL_SECRET, "password", "κωδικός: «Mystiko99»"},
        {POL_SECRET, "password", "пароль: «Sekret99x»"},
        {POL_SECRET, "password", "parola: «Secret99x»"},
        {POL_SECRET, "password", "WLAN-Schlüssel: «83749283749283749283»"},
        {POL_SECRET, "pin", "PIN: «4711»"},
        {POL_SECRET, "generic_key", "token «9f8e7d6c5b4a39281706f5e4d3c2b1a0»"},
        {POL_SECRET, "bearer_token", "send «Bearer 9f8e7d6c5b4a39281706f5e4» with it"},
        {POL_CREDIT_CARD, "track", "«%B4111111111111111^KOWALSKA/ANNA^27121010000000000000?» read"},
        {POL_CREDIT_CARD, "cvv", "exp 12/27 CVV «123»,"},
        {POL_SECRET, "seed_phrase",
         "my seed phrase is «legal winner thank year wave sausage worth useful legal winner "
         "thank yellow»"},
        {POL_SECRET, "seed_phrase",
         "Recovery phrase: 1. «legal 2. winner 3. thank 4. year 5. wave 6. sausage 7. worth 8. "
         "useful 9. legal 10. winner 11. thank 12. yellow»"},
        {POL_SECRET, "private_key",
         "Comment: x\n«Private-Lines: "
         "2\nAAAAB3NzaC1yc2EAAAADAQABAAAB\nAAAAB3NzaC1yc2EAAAADAQAB»"},
    };
    static const char *const none[] = {
        "docker run -u 1000:1000 image",
        "parola: buongiorno",
        "the pin: 13 of the connector",
        "a token passes through the whole machine at once",
        "the bearer of this letter is well known",
        "CVV means three digits",
        "chown --user nobody:nogroup",
        "a mnemonic phrase that people write down should never leave the house of the owner",
        "the seed phrase is secret",
        "ico-file and pat.answer and API-VERSION",
        "-----BEGIN CERTIFICATE-----\nAAAA",
    };

    CHECK(rows);
    NOTHING(none);
}

static void test_dates(void **state)
{
    static const struct want rows[] = {
        {POL_DATE, NULL, "on «12.03.2024», at ten"},
        {POL_DATE, NULL, "on «2024-03-12»T10:15:00Z"},
        {POL_DATE, NULL, "on «3/12/24» then"},
        {POL_DATE, NULL, "on «12 March 2024»."},
        {POL_DATE, NULL, "on «March 12th, 2024»."},
        {POL_DATE, NULL, "am «12. März 2024»"},
        {POL_DATE, NULL, "le «1er mai 2024»"},
        {POL_DATE, NULL, "el «12 de marzo de 2024»"},
        {POL_DATE, NULL, "dnia «12 października 2024» r."},
        {POL_DATE, NULL, "den «7 juni 2024»"},
        {POL_DOB, NULL, "born «12.03.1980» in"},
    };
    static const char *const none[] = {"31.02.2024",      "12.3.24",         "version 1.2.2024.5",
                                       "12 apples 2024",  "the 12 of March", "2024-13-12",
                                       "March 2024 x 12", "12 March 204"};
    (void)state;
    CHECK(rows);
    NOTHING(none);
}

/* A signature's telephone number needs no word for it. */
static void test_signatures(void **state)
{
    static const struct {
        const char *text, *number;
    } rows[] = {
        {"Kind regards\nAnna Kowalska\nul. Prosta 5\n00-950 Warszawa\n22 123 45 67",
         "22 123 45 67"},
        {"Anna Kowalska\r\nul. Prosta 5\r\n00-950 Warszawa\r\n22 123 45 67\r\n", "22 123 45 67"},
        {"Emily Meier\n68 Essex Rd\n Chile 53977\n079 4650 2145-Office\nx", "079 4650 2145"},
        {"jared\n16 salontie 6\n maldives 58673\n042 078 6381 office", "042 078 6381"},
    };
    static const char *const none[] = {
        "Anna Kowalska\nul. Prosta 5\n00-950 Warszawa\n12.03.2024",
        "Total for Anna Kowalska\nin 2024 sums\n1234 567",
        "rows\n12 34 56 78\n12 34 56 79",
        "Warszawa 00950\nthe numbers 22 123 45 67 and 22 123",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t at = (size_t)(strstr(rows[i].text, rows[i].number) - rows[i].text);

        if (!found(scan(rows[i].text), at, at + strlen(rows[i].number), POL_PHONE))
            fail_msg("no telephone number in: %s", rows[i].text);
    }
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        struct pol_spans s = scan(none[i]);

        for (size_t k = 0; k < s.n; k++)
            assert_int_not_equal(s.v[k].type, POL_PHONE);
    }
}

/* Ways of writing that are undone; offsets are those of what was sent. */
static void test_writing(void **state)
{
    static const struct want rows[] = {
        {POL_EMAIL, NULL, "to «anna\\u{40}firma.example» now"},
        {POL_EMAIL, NULL, "to «anna\\U00000040firma.example» now"},
        {POL_MAC, NULL, "mac «С4:9С:74:24:FС:АС» now"},
        {POL_IBAN, NULL, "to «DE89 3704 0044\r\n0532 0130 00» now"},
        {POL_NATIONAL_ID, "pl_pesel", "PESEL: «440514\r\n01359» now"},
        {POL_NATIONAL_ID, "nl_bsn", "BSN: «111.\r\n222.333» now"},
    };
    static const char *const none[] = {"\\u{110000}", "\\u{", "\\u{}", "\\U0000004", "\\UFFFFFFFF"};
    (void)state;
    CHECK(rows);
    NOTHING(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vat),
        cmocka_unit_test(test_persons),
        cmocka_unit_test(test_papers),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_secrets_in_context),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

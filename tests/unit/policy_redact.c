/* Goal: what is redacted is gone from every slot, comes back whole at any chunk split, and JSON
 * stays JSON. Where it cannot, there is an error and never half a redaction.
 * Method: requests built by hand; restoring at every split of several texts, byte by byte and in
 * every pair and triple of chunks; JSON slots parsed again by jansson. */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

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

#define ALL_TYPES (~(pol_types)0)
#define IBAN1     "DE89 3704 0044 0532 0130 00"

struct fixture {
    struct base_arena *arena;
    struct chat_part parts[6];
    struct chat_message msgs[3];
    struct chat_tool tool;
    struct chat_request r;
    struct pol_vault *vault;
    uint32_t counts[POL_TYPE_COUNT];
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->arena = base_arena_new(4 << 20);
    f->r.arena = f->arena;
    f->r.messages = f->msgs;
    f->r.n_messages = 1;
    f->msgs[0] = (struct chat_message){.role = CHAT_USER, .parts = f->parts, .n_parts = 1};
}

static void end(struct fixture *f)
{
    pol_vault_free(f->vault);
    base_arena_free(f->arena);
}

static enum base_status redact(struct fixture *f, pol_types types, struct base_err *err)
{
    return pol_redact_request(det, scratch, types, &f->r, &f->vault, f->counts, err);
}

static void text_is(struct base_str s, const char *want)
{
    if (!base_str_is(s, want))
        fail_msg("got \"%.*s\", want \"%s\"", BASE_FMT(s), want);
}

static void test_text(void **state)
{
    struct fixture f;
    (void)state;

    begin(&f);
    f.parts[0].text = BASE_STR("Mail a@b.eu and c@d.eu, then a@b.eu; IBAN " IBAN1 ".");
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_OK);
    text_is(f.parts[0].text, "Mail [EMAIL_1] and [EMAIL_2], then [EMAIL_1]; IBAN [IBAN_1].");
    assert_int_equal(f.counts[POL_EMAIL], 3);
    assert_int_equal(f.counts[POL_IBAN], 1);
    end(&f);

    begin(&f); /* only what was asked for */
    f.parts[0].text = BASE_STR("Mail a@b.eu, IBAN " IBAN1 ".");
    assert_int_equal(redact(&f, POL_TYPE_BIT(POL_IBAN), NULL), BASE_OK);
    text_is(f.parts[0].text, "Mail a@b.eu, IBAN [IBAN_1].");
    end(&f);

    begin(&f); /* an e-mail inside a longer finding of another type is not missed */
    f.parts[0].text = BASE_STR("postgres://app:s3cr3tpw@db.example.com/x?m=a@b.eu end");
    assert_int_equal(redact(&f, POL_TYPE_BIT(POL_EMAIL), NULL), BASE_OK);
    assert_int_equal(base_str_find(f.parts[0].text, BASE_STR("a@b.eu"), 0), SIZE_MAX);
    end(&f);

    begin(&f); /* names that the text already uses stay free, in any form restoring knows */
    f.parts[0].text = BASE_STR("As [EMAIL_1] and \\[email\\_4\\] said: a@b.eu");
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_OK);
    text_is(f.parts[0].text, "As [EMAIL_1] and \\[email\\_4\\] said: [EMAIL_5]");
    end(&f);

    begin(&f); /* tricks are seen through, and the original is what stood there */
    f.parts[0].text = BASE_STR("x an\u200bna\uff20example.eu y");
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_OK);
    text_is(f.parts[0].text, "x [EMAIL_1] y");
    end(&f);
}

static void test_slots(void **state)
{
    struct fixture f;
    (void)state;

    begin(&f);
    f.r.n_messages = 3;
    f.msgs[0] = (struct chat_message){
        .role = CHAT_SYSTEM, .name = BASE_STR("x"), .parts = &f.parts[0], .n_parts = 1};
    f.msgs[1] = (struct chat_message){.role = CHAT_ASSISTANT, .parts = &f.parts[1], .n_parts = 1};
    f.msgs[2] = (struct chat_message){.role = CHAT_TOOL,
                                      .parts = &f.parts[2],
                                      .n_parts = 1,
                                      .extra = BASE_STR("{\"m\":\"a@b.eu\"}")};
    f.parts[0].text = BASE_STR("admin a@b.eu");
    f.parts[1].kind = CHAT_PART_TOOL_CALL;
    f.parts[1].text = BASE_STR("{\"to\": [\"a@b.eu\"], \"n\": 4111111111111111, \"k\": 1}");
    f.parts[2].kind = CHAT_PART_TOOL_RESULT;
    f.parts[2].text = BASE_STR("sent to a@b.eu");
    f.r.tools = &f.tool;
    f.r.n_tools = 1;
    f.tool.description = BASE_STR("mails a@b.eu");
    f.r.user = BASE_STR("a@b.eu");
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_OK);
    text_is(f.parts[0].text, "admin [EMAIL_1]");
    text_is(f.parts[1].text, "{\"to\": [\"[EMAIL_1]\"], \"n\": \"[CREDIT_CARD_1]\", \"k\": 1}");
    text_is(f.parts[2].text, "sent to [EMAIL_1]");
    text_is(f.msgs[2].extra, "{\"m\":\"[EMAIL_1]\"}");
    text_is(f.tool.description, "mails [EMAIL_1]");
    text_is(f.r.user, "[EMAIL_1]");
    end(&f);
}

static void json_case(const char *in, const char *want)
{
    struct fixture f;
    json_error_t e;
    json_t *v;

    begin(&f);
    f.parts[0].kind = CHAT_PART_TOOL_CALL;
    f.parts[0].text = base_str_c(in);
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_OK);
    text_is(f.parts[0].text, want);
    v = json_loadb(f.parts[0].text.p, f.parts[0].text.n, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL,
                   &e);
    assert_non_null(v);
    json_decref(v);
    end(&f);
}

static void test_json(void **state)
{
    struct fixture f;
    (void)state;

    json_case("{}", "{}");
    json_case("\"a@b.eu\"", "\"[EMAIL_1]\"");
    json_case("4111111111111111", "\"[CREDIT_CARD_1]\"");
    json_case("[-4111111111111111]", "[\"[CREDIT_CARD_1]\"]");
    json_case("{ \"x\" : [ true, null, -1.5e3 ],\n\"y\":\"z\" }",
              "{ \"x\" : [ true, null, -1.5e3 ],\n\"y\":\"z\" }");
    json_case("{\"a\\u0040b.eu\":\"quote \\\" a\\u0040b.eu \\n end\"}",
              "{\"[EMAIL_1]\":\"quote \\\" [EMAIL_1] \\n end\"}");
    json_case("{\"card\":12345678901234567890123456789012345,\"m\":\"a@b.eu\"}",
              "{\"card\":12345678901234567890123456789012345,\"m\":\"[EMAIL_1]\"}");
    /* the key announces the value: only the whole slot shows it */
    json_case("{\"bsn\": 123456782}", "{\"bsn\": \"[NATIONAL_ID_1]\"}");
    json_case("{\"bsn\": \"123456782\"}", "{\"bsn\": \"[NATIONAL_ID_1]\"}");
    /* JSON inside a string, twice escaped */
    json_case("{\"s\":\"{\\\"m\\\":\\\"a\\\\u0040b.eu\\\"}\"}",
              "{\"s\":\"{\\\"m\\\":\\\"[EMAIL_1]\\\"}\"}");

    begin(&f); /* no JSON, but something to redact: an error, nothing half done */
    f.parts[0].kind = CHAT_PART_TOOL_CALL;
    f.parts[0].text = BASE_STR("{\"m\": \"a@b.eu\"");
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_EINVAL);
    assert_null(f.vault);
    end(&f);
    begin(&f); /* duplicate keys are no JSON either */
    f.parts[0].kind = CHAT_PART_TOOL_CALL;
    f.parts[0].text = BASE_STR("{\"m\":\"a@b.eu\",\"m\":1}");
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_EINVAL);
    end(&f);
    begin(&f); /* no JSON and nothing to redact: as it was */
    f.parts[0].kind = CHAT_PART_TOOL_CALL;
    f.parts[0].text = BASE_STR("{\"m\": ");
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_OK);
    text_is(f.parts[0].text, "{\"m\": ");
    end(&f);
}

static void test_findings(void **state)
{
    struct fixture f;
    struct pol_findings g;
    (void)state;

    begin(&f);
    f.parts[0].text = BASE_STR("a@b.eu c@d.eu, card 4111 1111 1111 1111");
    assert_int_equal(pol_scan_request(det, scratch, &f.r, &g, NULL), BASE_OK);
    assert_int_equal(g.n, 2);
    assert_int_equal(g.v[0].type, POL_EMAIL);
    assert_int_equal(g.v[0].count, 2);
    assert_int_equal(g.v[1].type, POL_CREDIT_CARD);
    assert_int_equal(g.v[1].level, POL_CONTEXT);
    assert_int_equal(g.classes, POL_CLASS_PERSONAL);
    assert_false(g.unscannable);
    f.parts[0].kind = CHAT_PART_OPAQUE;
    f.parts[0].raw = BASE_STR("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}}");
    assert_int_equal(pol_scan_request(det, scratch, &f.r, &g, NULL), BASE_OK);
    assert_true(g.unscannable);
    f.parts[0] = (struct chat_part){.kind = CHAT_PART_TOOL_CALL,
                                    .text = BASE_STR("{\"bsn\":\"123456782\"}")};
    assert_int_equal(pol_scan_request(det, scratch, &f.r, &g, NULL), BASE_OK);
    assert_true(g.types & POL_TYPE_BIT(POL_NATIONAL_ID));
    assert_int_equal(g.v[0].count, 1);
    end(&f);
}

/* ---- restoring ---- */

struct restored {
    struct base_buf out;
    size_t held_most;
};

static void feed_all(const struct pol_vault *v, bool json_text, const char *text,
                     const size_t *cuts, size_t n_cuts, struct base_buf *out)
{
    struct pol_restore *r = pol_restore_new(v, json_text);
    size_t n = strlen(text), at = 0, given = 0;

    assert_non_null(r);
    for (size_t i = 0; i <= n_cuts; i++) {
        size_t to = i < n_cuts ? cuts[i] : n;

        /* a copy that ends exactly there, so that reading past it is seen */
        char *piece = malloc(to - at + 1);
        memcpy(piece, text + at, to - at);
        assert_int_equal(pol_restore_feed(r, (struct base_str){piece, to - at}, out, NULL),
                         BASE_OK);
        free(piece);
        given += to - at;
        at = to;
    }
    assert_int_equal(given, n);
    assert_int_equal(pol_restore_end(r, out, NULL), BASE_OK);
    pol_restore_free(r);
}

static void check_restore(const struct pol_vault *v, bool json_text, const char *text,
                          const char *want)
{
    size_t n = strlen(text), cuts[4096];
    struct base_buf out;

    assert_true(n < 400);
    base_buf_init(&out, 1 << 20);
    for (size_t a = 0; a <= n; a++) {
        for (size_t b = a; b <= n; b += 1 + n / 60) {
            cuts[0] = a;
            cuts[1] = b;
            base_buf_clear(&out);
            feed_all(v, json_text, text, cuts, 2, &out);
            if (strcmp(out.p ? out.p : "", want) != 0)
                fail_msg("split %zu, %zu of \"%s\": got \"%s\"", a, b, text, out.p);
        }
    }
    for (size_t size = 1; size <= n + 1; size++) { /* chunks of 1 to n bytes */
        size_t k = 0;

        for (size_t at = size; at < n; at += size)
            cuts[k++] = at;
        base_buf_clear(&out);
        feed_all(v, json_text, text, cuts, k, &out);
        assert_string_equal(out.p ? out.p : "", want);
    }
    base_buf_release(&out);
}

static void test_restore(void **state)
{
    struct fixture f;
    (void)state;

    begin(&f);
    f.parts[0].text = BASE_STR("a@b.eu c@d.eu; password: \"q\\\"1w2e3r\", IBAN " IBAN1);
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_OK);
    check_restore(f.vault, false, "Hello [EMAIL_1], and [EMAIL_2]: [IBAN_1]!",
                  "Hello a@b.eu, and c@d.eu: " IBAN1 "!");
    check_restore(f.vault, false, "[email_1][Email_2]", "a@b.euc@d.eu");
    check_restore(f.vault, false, "**\\[EMAIL\\_1\\]** and [EMAIL\\_2]", "**a@b.eu** and c@d.eu");
    check_restore(f.vault, false, "C:\\[EMAIL_1] \\n \\\\", "C:\\a@b.eu \\n \\\\");
    check_restore(f.vault, false, "[EMAIL_3] [EMAIL_] [EMAIL_01] [X_1] [[EMAIL_1]] [",
                  "[EMAIL_3] [EMAIL_] [EMAIL_01] [X_1] [a@b.eu] [");
    check_restore(f.vault, false, "[EMAIL_1", "[EMAIL_1");
    check_restore(f.vault, false, "[link](http://x) - [x] [SPECIAL_ORIENTATIONSPECIAL_ORIENTATION",
                  "[link](http://x) - [x] [SPECIAL_ORIENTATIONSPECIAL_ORIENTATION");
    check_restore(f.vault, false, "\xc3\xa9[EMAIL_1]\xe2\x82\xac[\xc3\xa9]",
                  "\xc3\xa9"
                  "a@b.eu\xe2\x82\xac[\xc3\xa9]");
    check_restore(f.vault, false, "", "");
    check_restore(f.vault, true, "{\"to\":\"[EMAIL_1]\",\"a\":[\"[EMAIL_2]\"]}",
                  "{\"to\":\"a@b.eu\",\"a\":[\"c@d.eu\"]}");
    end(&f);
}

/* Originals with quotes, backslashes and newlines, inside JSON text. */
static void test_restore_json(void **state)
{
    struct fixture f;
    struct base_buf out;
    json_t *v;
    const char *pem = "-----BEGIN PRIVATE KEY-----\nMIIEow\\\"x\n-----END PRIVATE KEY-----";
    (void)state;

    begin(&f);
    f.parts[0].text = base_str_c(pem);
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_OK);
    text_is(f.parts[0].text, "[SECRET_1]");
    base_buf_init(&out, 1 << 16);
    feed_all(f.vault, true, "{\"key\":\"[SECRET_1]\"}", NULL, 0, &out);
    v = json_loadb(out.p, out.n, 0, NULL);
    assert_non_null(v);
    assert_string_equal(json_string_value(json_object_get(v, "key")), pem);
    json_decref(v);
    base_buf_release(&out);
    end(&f);
}

/* Redact, echo, restore: what comes back is what went in, for texts full of everything. */
static void test_round_trip(void **state)
{
    static const char *const texts[] = {
        "Mail a@b.eu, +49 30 1234567, IBAN " IBAN1 ", PESEL 44051401359, 192.0.2.7.",
        "Two: a@b.eu\nx\u200b@y.eu\n[EMAIL_1] [EMAIL_9] \\[IBAN\\_2\\] " IBAN1,
        "password: hunter2x! card 4111-1111-1111-1111 born 12.05.1980",
        "nothing at all",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct fixture f;
        char copy[1024];

        begin(&f);
        f.parts[0].text = base_str_c(texts[i]);
        assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_OK);
        snprintf(copy, sizeof(copy), "%.*s", BASE_FMT(f.parts[0].text));
        check_restore(f.vault, false, copy, texts[i]);
        end(&f);
    }
}

/* Nothing of what was found is left in what leaves, whatever the size. */
static void test_many(void **state)
{
    struct fixture f;
    struct base_buf b;
    char last[64];
    (void)state;

    begin(&f);
    base_buf_init(&b, 1 << 20);
    for (int i = 0; i < 3000; i++)
        base_buf_printf(&b, "user%d@example.eu, ", i);
    f.parts[0].text = base_buf_view(&b);
    assert_int_equal(redact(&f, ALL_TYPES, NULL), BASE_OK);
    assert_int_equal(f.counts[POL_EMAIL], 3000);
    assert_int_equal(base_str_find(f.parts[0].text, BASE_STR("@"), 0), SIZE_MAX);
    snprintf(last, sizeof(last), "[EMAIL_%d]", 3000);
    assert_int_not_equal(base_str_find(f.parts[0].text, base_str_c(last), 0), SIZE_MAX);
    check_restore(f.vault, false, "[EMAIL_3000] [EMAIL_1] [EMAIL_1777]",
                  "user2999@example.eu user0@example.eu user1776@example.eu");
    base_buf_release(&b);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),       cmocka_unit_test(test_slots),
        cmocka_unit_test(test_json),       cmocka_unit_test(test_findings),
        cmocka_unit_test(test_restore),    cmocka_unit_test(test_restore_json),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

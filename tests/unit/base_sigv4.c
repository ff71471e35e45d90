/* Goal: signatures are those that AWS computes.
 *
 * Method: known answers of botocore's signer (SigV4Auth) for the key AWS uses in its examples: a
 * path that is escaped already and so is escaped twice, a session token, spaces within a value, no
 * path at all; the form of S3, which signs the path as it stands, is checked by tests/e2e/
 * test_sinks.py against a store. */
#include "base/sigv4.h"
#include <stdio.h>
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define H(n, v) ((struct base_sigv4_header){n, base_str_c(v)})

static void check(const char *path, const char *region, const char *service, const char *body,
                  const struct base_sigv4_header *h, size_t n_h, const char *want)
{
    char sum[65];
    struct base_buf out;
    struct base_err err;

    base_sigv4_body(base_str_c(body), sum);
    struct base_sigv4 in = {.method = "POST",
                            .path = base_str_c(path),
                            .date = "20261122T142950Z",
                            .region = region,
                            .service = service,
                            .access_key = "AKIDEXAMPLE",
                            .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                            .headers = h,
                            .n_headers = n_h,
                            .body_sha256 = sum};
    base_buf_init(&out, 1000);
    assert_int_equal(base_sigv4_sign(&in, &out, &err), BASE_OK);
    if (!base_str_is(base_buf_view(&out), want))
        fail_msg("%s instead of %s", out.p, want);
    base_buf_release(&out);
    base_buf_init(&out, 40);
    assert_int_equal(base_sigv4_sign(&in, &out, &err), BASE_LIMIT);
    base_buf_release(&out);
    in.date = "2026";
    base_buf_init(&out, 1000);
    assert_int_equal(base_sigv4_sign(&in, &out, &err), BASE_EINVAL);
    assert_int_equal(out.n, 0);
    base_buf_release(&out);
}

static void test_known_answers(void **state)
{
    (void)state;
    const struct base_sigv4_header a[] = {H("content-type", "application/json"),
                                          H("host", "bedrock-runtime.eu-central-1.amazonaws.com"),
                                          H("x-amz-date", "20261122T142950Z")};
    check("/model/eu.anthropic.claude-3-7-sonnet-20250219-v1%3A0/converse", "eu-central-1",
          "bedrock", "{\"messages\":[]}", a, 3,
          "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-central-1/bedrock/aws4_request, "
          "SignedHeaders=content-type;host;x-amz-date, Signature="
          "7f3470b0b1fa715047e5859b76d345428980c62cd73f85c62d4335f121520780");
    const struct base_sigv4_header b[] = {
        H("content-type", "application/json"), H("host", "127.0.0.1:8444"),
        H("x-amz-date", "20261122T142950Z"), H("x-amz-security-token", "TOKEN//="),
        H("x-amz-spaced", "  a   b  ")};
    check("/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprovisioned-model%2Fabc%20d/"
          "converse-stream",
          "us-east-1", "bedrock", "", b, 5,
          "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/bedrock/aws4_request, "
          "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-spaced, "
          "Signature=db24518b3906943ce364829cc012076179af098b2ef5cebc9829c8f13abf743f");
    const struct base_sigv4_header c[] = {H("host", "host.example"),
                                          H("x-amz-date", "20261122T142950Z")};
    check("", "eu", "svc", "x", c, 2,
          "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu/svc/aws4_request, "
          "SignedHeaders=host;x-amz-date, Signature="
          "70302b99a350006ee11c02a6c17ac9153611e6a7c90f7ab3b4a25d3b6c2a5f53");
}

static void test_pieces(void **state)
{
    char date[BASE_SIGV4_DATE_MAX];
    struct base_buf b;

    (void)state;
    assert_string_equal(base_sigv4_date(1795357790123456, date), "20261122T142950Z");
    base_buf_init(&b, 100);
    assert_true(base_sigv4_escape(&b, BASE_STR("a-_.~/ :%\xc3\xa9"), false));
    assert_string_equal(b.p, "a-_.~%2F%20%3A%25%C3%A9");
    base_buf_clear(&b);
    assert_true(base_sigv4_escape(&b, BASE_STR("a/b:c"), true));
    assert_string_equal(b.p, "a/b%3Ac");
    base_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_answers),
                                       cmocka_unit_test(test_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

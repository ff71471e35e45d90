/* Goal: the review queue keeps what it promises: bounds, tenants, one verdict, time, and nothing of
 * a rejected answer; and a record of origin holds for exactly the text and key it was made with.
 *
 * Method: the queue filled to both of its limits; items of two tenants; an item over its time; a
 * record with every byte changed in turn, and with another key.
 */
#include "gateway/provenance.h"
#include "gateway/review.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct gw_review_item item(unsigned n, const char *tenant, struct base_str body)
{
    struct gw_review_item it = {.tenant = base_str_c(tenant),
                                .use_case = BASE_STR("hiring"),
                                .text = BASE_STR("readable"),
                                .body = body};
    snprintf(it.id, sizeof it.id, "id-%u", n);
    return it;
}

static void test_life(void **state)
{
    (void)state;
    struct gw_reviews *r = gw_reviews_new(3600);
    struct base_arena *a = base_arena_new(1 << 20);
    struct gw_review_item it = item(1, "acme", BASE_STR("the answer")), got;
    struct base_err err;
    assert_int_equal(gw_reviews_put(r, &it, &err), BASE_OK);
    it = item(2, "acme", BASE_STR("another"));
    assert_int_equal(gw_reviews_put(r, &it, &err), BASE_OK);
    assert_int_equal(gw_reviews_pending(r), 2);
    assert_int_equal(gw_reviews_get(r, BASE_STR("id-1"), BASE_STR("rival"), a, &got, &err),
                     BASE_ENOENT);
    assert_int_equal(gw_reviews_get(r, BASE_STR("id-1"), BASE_STR("acme"), a, &got, &err), BASE_OK);
    assert_true(base_str_is(got.body, "the answer"));
    assert_int_equal(got.state, GW_REVIEW_PENDING);
    assert_int_equal(gw_reviews_claim(r, BASE_STR("id-1"), &err), BASE_OK);
    assert_int_equal(gw_reviews_claim(r, BASE_STR("id-1"), &err), BASE_EINVAL);
    assert_int_equal(gw_reviews_claim(r, BASE_STR("id-9"), &err), BASE_ENOENT);
    assert_int_equal(
        gw_reviews_decide(r, BASE_STR("id-1"), true, BASE_STR("eva"), BASE_STR(""), &err), BASE_OK);
    assert_int_equal(
        gw_reviews_decide(r, BASE_STR("id-1"), false, BASE_STR("eva"), BASE_STR("no"), &err),
        BASE_EINVAL);
    assert_int_equal(gw_reviews_claim(r, BASE_STR("id-1"), &err), BASE_EINVAL);
    assert_int_equal(
        gw_reviews_decide(r, BASE_STR("id-2"), false, BASE_STR("eva"), BASE_STR("no"), &err),
        BASE_OK);
    assert_int_equal(gw_reviews_get(r, BASE_STR("id-2"), BASE_STR("acme"), a, &got, &err), BASE_OK);
    assert_int_equal(got.state, GW_REVIEW_REJECTED);
    assert_int_equal(got.body.n, 0);
    assert_int_equal(got.text.n, 0);
    assert_true(base_str_is(got.reason, "no") && base_str_is(got.reviewer, "eva"));
    assert_int_equal(gw_reviews_pending(r), 0);
    base_arena_free(a);
    gw_reviews_free(r);
}

static void test_erasure(void **state)
{
    (void)state;
    static const struct {
        const char *subject, *tenant, *req;
        unsigned left; /* bit n: item n */
    } cases[] = {{"anna", NULL, NULL, 0xc},  {"anna", "acme", NULL, 0xe}, {"", NULL, NULL, 0xf},
                 {NULL, NULL, "id-2", 0xb},  {"ann", NULL, NULL, 0xf},    {NULL, NULL, NULL, 0xf},
                 {"bob", "rival", NULL, 0xf}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        static const char *const subject[] = {"anna", "anna", "bob", ""};
        struct gw_reviews *r = gw_reviews_new(3600);
        struct base_arena *a = base_arena_new(1 << 20);
        struct base_err err;
        unsigned left = 0;
        for (unsigned i = 0; i < 4; i++) {
            struct gw_review_item it = item(i, i == 1 ? "rival" : "acme", BASE_STR("x"));
            it.subject = base_str_c(subject[i]);
            assert_int_equal(gw_reviews_put(r, &it, &err), BASE_OK);
        }
        gw_reviews_erase(r, cases[c].subject, cases[c].tenant, cases[c].req);
        for (unsigned i = 0; i < 4; i++) {
            struct gw_review_item got;
            char id[16];
            snprintf(id, sizeof id, "id-%u", i);
            if (gw_reviews_get(r, base_str_c(id), BASE_STR_NULL, a, &got, &err) == BASE_OK)
                left |= 1u << i;
        }
        assert_int_equal(left, cases[c].left);
        base_arena_free(a);
        gw_reviews_free(r);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct gw_reviews *r = gw_reviews_new(3600);
    struct base_err err;
    const unsigned share = GW_REVIEWS_SHARE(GW_REVIEWS_MAX);
    for (unsigned i = 0; i < GW_REVIEWS_MAX; i++) {
        struct gw_review_item more = item(9999, "acme", BASE_STR("x"));
        if (i == share) /* the rest is for others */
            assert_int_equal(gw_reviews_put(r, &more, &err), BASE_LIMIT);
        struct gw_review_item it = item(i, i < share ? "acme" : "rival", BASE_STR("x"));
        assert_int_equal(gw_reviews_put(r, &it, &err), BASE_OK);
    }
    struct gw_review_item more = item(9999, "third", BASE_STR("x"));
    assert_int_equal(gw_reviews_put(r, &more, &err), BASE_LIMIT);
    /* what was rejected makes room; what was approved waits for its client */
    assert_int_equal(
        gw_reviews_decide(r, BASE_STR("id-1"), true, BASE_STR("eva"), BASE_STR(""), &err), BASE_OK);
    assert_int_equal(gw_reviews_put(r, &more, &err), BASE_LIMIT);
    assert_int_equal(
        gw_reviews_decide(r, BASE_STR("id-2"), false, BASE_STR("eva"), BASE_STR("no"), &err),
        BASE_OK);
    assert_int_equal(gw_reviews_put(r, &more, &err), BASE_OK);
    assert_int_equal(gw_reviews_put(r, &more, &err), BASE_LIMIT);
    gw_reviews_free(r);

    r = gw_reviews_new(3600);
    size_t n = GW_REVIEW_BYTES_MAX / 2;
    char *big = calloc(1, n);
    struct gw_review_item it = item(1, "acme", base_str_n(big, n));
    assert_int_equal(gw_reviews_put(r, &it, &err), BASE_OK);
    assert_int_equal(gw_reviews_put(r, &it, &err), BASE_LIMIT);
    it.body.n = GW_REVIEW_BYTES_MAX;
    assert_int_equal(gw_reviews_put(r, &it, &err), BASE_LIMIT);
    free(big);
    gw_reviews_free(r);
}

static void test_time(void **state)
{
    (void)state;
    struct gw_reviews *r = gw_reviews_new(0);
    struct base_arena *a = base_arena_new(1 << 20);
    struct gw_review_item it = item(1, "acme", BASE_STR("x")), got;
    struct base_err err;
    assert_int_equal(gw_reviews_put(r, &it, &err), BASE_OK);
    usleep(1000);
    assert_int_equal(gw_reviews_get(r, BASE_STR("id-1"), BASE_STR_NULL, a, &got, &err),
                     BASE_ENOENT);
    assert_int_equal(gw_reviews_pending(r), 0);
    base_arena_free(a);
    gw_reviews_free(r);
}

static void test_record_of_origin(void **state)
{
    (void)state;
    char dir[] = "/tmp/weir-prov-XXXXXX", file[64], other[64];
    struct gw_prov *p, *again, *stranger;
    struct base_err err;
    struct stat s;
    struct base_buf token;
    struct gw_prov_claim claim = {.request = "01a0-1", .route = "local/x", .bytes = 5}, got;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/a", dir);
    snprintf(other, sizeof other, "%s/b", dir);
    snprintf(claim.time, sizeof claim.time, "2026-11-22T00:00:00.000000Z");
    memset(claim.sha256, 0xa5, sizeof claim.sha256);
    assert_int_equal(gw_prov_open(file, "weir.test/gw", &p, &err), BASE_OK);
    assert_int_equal(stat(file, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(gw_prov_open(file, "weir.test/gw", &again, &err), BASE_OK);
    assert_string_equal(gw_prov_vkey(p), gw_prov_vkey(again));
    assert_int_equal(gw_prov_open(file, "weir.test/another", &stranger, &err), BASE_EINVAL);
    assert_int_equal(gw_prov_open(other, "weir.test/gw", &stranger, &err), BASE_OK);

    base_buf_init(&token, GW_PROV_TOKEN_MAX);
    assert_int_equal(gw_prov_sign(p, &claim, &token, &err), BASE_OK);
    assert_int_equal(gw_prov_verify(again, base_buf_view(&token), &got, &err), BASE_OK);
    assert_string_equal(got.route, "local/x");
    assert_string_equal(got.request, "01a0-1");
    assert_int_equal(got.bytes, 5);
    assert_memory_equal(got.sha256, claim.sha256, 32);
    assert_int_equal(gw_prov_verify(stranger, base_buf_view(&token), &got, &err), BASE_EINVAL);
    for (size_t i = 0; i < token.n; i++) {
        char was = token.p[i];
        token.p[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(gw_prov_verify(p, base_buf_view(&token), &got, &err), BASE_EINVAL);
        token.p[i] = was;
        assert_int_equal(gw_prov_verify(p, base_str_n(token.p, i), &got, &err), BASE_EINVAL);
    }
    base_buf_release(&token);
    gw_prov_free(p);
    gw_prov_free(again);
    gw_prov_free(stranger);
    unlink(file);
    unlink(other);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_erasure),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_record_of_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

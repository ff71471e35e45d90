/* Goal: content is readable with its keys and not otherwise, bound to its leaf; what is destroyed
 * is gone from every file and named by the log; holds, minimum and maximum are kept. Method: a real
 * log and keeper in a scratch directory; bytes are flipped, blobs exchanged, key files searched for
 * what must not be there any more. Other master keys than a file are in audit_master.c.
 */
#include "tests/unit/audit_keeper_util.h"

#include "base/crc32c.h"

static unsigned count_events(const char *dir, const char *ev);

struct counted {
    const char *ev;
    unsigned n;
};

static enum base_status count_one(void *ctx, uint64_t index, struct base_str leaf)
{
    struct counted *c = ctx;
    char wanted[80];

    (void)index;
    snprintf(wanted, sizeof(wanted), "\"ev\":\"%s\"", c->ev);
    c->n += memmem(leaf.p, leaf.n, wanted, strlen(wanted)) != NULL;
    return BASE_OK;
}

static unsigned count_events(const char *dir, const char *ev)
{
    struct counted c = {ev, 0};

    assert_int_equal(aud_each(dir, 0, count_one, &c, NULL), BASE_OK);
    return c.n;
}

static bool content_holds(const char *dir)
{
    struct aud_content_report r;
    struct base_err err = {0};

    if (aud_content_check(dir, &r, &err) != BASE_OK)
        fail_msg("content: %s", err.text);
    return r.holds;
}

/* Looks for bytes in every file under dir. */
static const void *needle;
static size_t needle_n;
static bool needle_found;

static int look_in(const char *path, const struct stat *sb, int type, struct FTW *f)
{
    (void)sb;
    (void)f;
    if (type != FTW_F)
        return 0;
    struct base_buf b = ut_read(path);
    needle_found |= memmem(b.p ? b.p : "", b.n, needle, needle_n) != NULL;
    base_buf_release(&b);
    return 0;
}

static bool anywhere(const char *dir, const void *p, size_t n)
{
    needle = p;
    needle_n = n;
    needle_found = false;
    nftw(dir, look_in, 16, FTW_PHYS);
    return needle_found;
}

/* ---- the tests ---- */

static void test_ciphers(void **state)
{
    /* McGrew and Viega, GCM, test case 14; RFC 4231, test case 2 */
    static const uint8_t zero[32], gcm_ct[16] = {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e,
                                                 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18},
                                   gcm_tag[16] = {0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0,
                                                  0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19};
    uint8_t out[16], tag[16], back[16], mac[32], bad[16];
    char hex[65];

    (void)state;
    aud_seal(zero, zero, BASE_STR_NULL, zero, 16, out, tag);
    assert_memory_equal(out, gcm_ct, 16);
    assert_memory_equal(tag, gcm_tag, 16);
    assert_true(aud_unseal(zero, zero, BASE_STR_NULL, out, 16, tag, back));
    assert_memory_equal(back, zero, 16);
    for (int i = 0; i < 128; i++) {
        memcpy(bad, tag, 16);
        bad[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_false(aud_unseal(zero, zero, BASE_STR_NULL, out, 16, bad, back));
        memcpy(bad, out, 16);
        bad[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_false(aud_unseal(zero, zero, BASE_STR_NULL, bad, 16, tag, back));
    }
    assert_false(aud_unseal(zero, zero, BASE_STR("x"), out, 16, tag, back));
    aud_hmac(BASE_STR("Jefe"), BASE_STR("what do ya want "), BASE_STR("for nothing?"), mac);
    assert_string_equal(aud_hex(mac, 32, hex),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void test_kept_and_read(void **state)
{
    struct kit k;
    char a[AUD_TAG_HEX], b[AUD_TAG_HEX], c[AUD_TAG_HEX], tags[4][AUD_TAG_HEX];
    size_t n;

    (void)state;
    ut_dir(k.dir);
    kit_open(&k);
    assert_int_equal(keep(&k, "anna", "r-1", CANARY, 0, 100, a), BASE_OK);
    assert_int_equal(keep(&k, "ben", "r-2", "another", 0, 100, b), BASE_OK);
    assert_int_equal(keep(&k, "anna", "r-3", NULL, 0, 0, c), BASE_OK); /* the tag alone */
    assert_string_equal(a, c);
    assert_string_not_equal(a, b);
    assert_int_equal(keep(&k, "", "r-4", "about nobody", 0, 100, c), BASE_OK);
    assert_string_equal(c, "");
    assert_int_equal(reads(&k, "r-1", CANARY), BASE_OK);
    assert_int_equal(reads(&k, "r-2", CANARY), BASE_EINVAL);
    assert_int_equal(reads(&k, "r-4", "about nobody"), BASE_OK);
    assert_int_equal(reads(&k, "r-9", CANARY), BASE_ENOENT);
    kit_close(&k);
    kit_open(&k); /* and after a restart */
    assert_int_equal(reads(&k, "r-1", CANARY), BASE_OK);
    assert_int_equal(aud_keeper_tags(k.keeper, "anna", NULL, tags, 4, &n, NULL), BASE_OK);
    assert_int_equal(n, 1);
    assert_string_equal(tags[0], a);
    assert_int_equal(aud_keeper_tags(k.keeper, "nobody", NULL, tags, 4, &n, NULL), BASE_OK);
    assert_int_equal(n, 0);
    kit_close(&k);
    ut_must_hold(k.dir, NULL);
    assert_true(content_holds(k.dir));
    assert_int_equal(count_events(k.dir, "req.content"), 3);
    assert_int_equal(count_events(k.dir, "audit.read"), 4); /* r-9 has nothing to read */
    assert_false(anywhere(k.dir, CANARY, strlen(CANARY)));
    assert_false(anywhere(k.dir, "anna", 4)); /* no subject's name either */
    ut_rm(k.dir);
}

static void test_another_master_opens_nothing(void **state)
{
    struct kit k;
    char path[UT_PATH];
    struct aud_keeper_options o = {.directory = k.dir, .master = &file_master};
    struct aud_keeper *keeper;
    struct base_err err = {0};

    (void)state;
    ut_dir(k.dir);
    kit_open(&k);
    assert_int_equal(keep(&k, "anna", "r-1", CANARY, 0, 100, NULL), BASE_OK);
    kit_close(&k);
    ut_join(path, k.dir, "keys/master.key");
    struct base_buf good = ut_read(path);
    assert_int_equal(unlink(path), 0);
    k.log = ut_open(k.dir, 65536, 20);
    assert_int_equal(aud_keeper_open(&o, k.log, &keeper, &err), BASE_ENOENT); /* not made anew */
    assert_non_null(strstr(err.text, "put it back"));
    ut_write(path, "weir-master-key/1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 63);
    ut_close(k.log);
    kit_open(&k);
    assert_int_equal(reads(&k, "r-1", CANARY), BASE_DENIED);
    assert_int_equal(keep(&k, "anna", "r-2", "x", 0, 100, NULL), BASE_DENIED);
    kit_close(&k);
    ut_write(path, good.p, good.n);
    chmod(path, 0644);
    k.log = ut_open(k.dir, 65536, 20);
    assert_int_equal(aud_keeper_open(&o, k.log, &keeper, &err), BASE_DENIED);
    assert_non_null(strstr(err.text, "chmod 600"));
    ut_close(k.log);
    chmod(path, 0600);
    kit_open(&k);
    assert_int_equal(reads(&k, "r-1", CANARY), BASE_OK);
    kit_close(&k);
    base_buf_release(&good);
    ut_rm(k.dir);
}

static void segment_path(char out[UT_PATH], const char *dir)
{
    ut_join(out, dir, "content/00000000000000000000.seg");
}

/* Every byte of the store matters to a check without a key. */
static void test_every_flipped_byte_is_noticed(void **state)
{
    struct kit k;
    char path[UT_PATH];

    (void)state;
    ut_dir(k.dir);
    kit_open(&k);
    assert_int_equal(keep(&k, "anna", "r-1", CANARY, 0, 100, NULL), BASE_OK);
    kit_close(&k);
    assert_true(content_holds(k.dir));
    segment_path(path, k.dir);
    struct base_buf b = ut_read(path);
    for (size_t i = 0; i < b.n; i += i % 256 < 8 || i < 300 ? 1 : 3) {
        b.p[i] ^= 0x10;
        ut_write(path, b.p, b.n);
        if (content_holds(k.dir))
            fail_msg("byte %zu was changed and nobody noticed", i);
        b.p[i] ^= 0x10;
    }
    for (size_t n = 0; n < b.n; n += 37) { /* cut */
        ut_write(path, b.p, n);
        assert_false(content_holds(k.dir));
    }
    assert_int_equal(unlink(path), 0);
    assert_false(content_holds(k.dir));
    ut_write(path, b.p, b.n);
    assert_true(content_holds(k.dir));
    base_buf_release(&b);
    ut_rm(k.dir);
}

/* Somebody who also mends the checksum: the additional data says no. Fields: times, kind, classes,
 * index, ids, request, nonces, wrapped key, tags. */
static void test_a_blob_cannot_stand_for_another(void **state)
{
    static const size_t at[] = {16, 24, 32,  40,  41,  42,  48,  64,
                                80, 96, 136, 148, 180, 196, 208, 256};
    struct kit k;
    char path[UT_PATH];

    (void)state;
    ut_dir(k.dir);
    kit_open(&k);
    assert_int_equal(keep(&k, "anna", "r-1", "the text of one of them", 0, 100, NULL), BASE_OK);
    assert_int_equal(keep(&k, "anna", "r-2", "the text of the second!", 0, 100, NULL), BASE_OK);
    kit_close(&k);
    segment_path(path, k.dir);
    struct base_buf b = ut_read(path);
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        struct base_buf c;

        base_buf_init(&c, b.n);
        base_buf_add(&c, b.p, b.n);
        c.p[at[i]] ^= 1;
        uint32_t crc = base_crc32c(0, (const uint8_t *)c.p, 252);
        memcpy(c.p + 252, &crc, 4); /* little endian, as this machine */
        ut_write(path, c.p, c.n);
        kit_open(&k);
        enum base_status st = reads(&k, at[i] == 96 ? "s-1" : "r-1", "the text of one of them");
        if (st != BASE_DENIED && st != BASE_ENOENT)
            fail_msg("a changed byte %zu: status %d", at[i], st);
        kit_close(&k);
        base_buf_release(&c);
    }
    /* two whole ciphertexts exchanged, with everything that belongs to them but the identity */
    size_t one = 0, two = 0;
    for (size_t i = 8; i + 256 <= b.n && !two; i += 8) /* r-2's first blob: third of four */
        if (memcmp(b.p + i, "WBLB", 4) == 0 && memcmp(b.p + i + 96, "r-2", 4) == 0)
            two = i;
    assert_true(two > 0);
    for (size_t i = 136; i < 256 + 24; i++) {
        char t = b.p[one + i];
        if (i >= 252 && i < 256)
            continue;
        b.p[one + i] = b.p[two + i];
        b.p[two + i] = t;
    }
    for (int i = 0; i < 2; i++) {
        uint32_t crc = base_crc32c(0, (const uint8_t *)b.p + (i ? two : one), 252);
        memcpy(b.p + (i ? two : one) + 252, &crc, 4);
    }
    ut_write(path, b.p, b.n);
    assert_false(content_holds(k.dir));
    kit_open(&k);
    assert_int_equal(reads(&k, "r-1", "the text of the second!"), BASE_DENIED);
    kit_close(&k);
    base_buf_release(&b);
    ut_rm(k.dir);
}

static enum base_status erase(struct kit *k, const char *subject, const char *reason,
                              struct aud_erased *done, struct base_err *err)
{
    const struct aud_erasure what = {.subject = subject, .reason = reason, .who = "a test"};

    return aud_keeper_erase(k->keeper, &what, done, err);
}

static void test_erasure(void **state)
{
    struct kit k;
    char path[UT_PATH], tag[AUD_TAG_HEX], again[AUD_TAG_HEX], segment[UT_PATH];
    struct aud_erased done;
    struct base_err err = {0};
    struct aud_subject s;
    struct aud_keyring *ring;
    struct base_buf before = {0};

    (void)state;
    ut_dir(k.dir);
    kit_open(&k);
    for (int i = 0; i < 40; i++) { /* others, some of them in the same key file */
        char subject[32], req[32];
        snprintf(subject, sizeof(subject), "other-%d", i);
        snprintf(req, sizeof(req), "o-%d", i);
        assert_int_equal(keep(&k, subject, req, "stays", 0, 100, NULL), BASE_OK);
    }
    assert_int_equal(keep(&k, "anna", "r-1", CANARY, 0, 100, tag), BASE_OK);
    assert_int_equal(keep(&k, "anna", "r-2", CANARY, 0, 100, NULL), BASE_OK);
    kit_close(&k);
    /* what must be gone afterwards: the record with the wrapped key, and the ciphertext */
    assert_int_equal(aud_keyring_open(k.dir, &file_master, false, &ring, &err), BASE_OK);
    assert_int_equal(aud_keyring_subject(ring, BASE_STR("acme"), BASE_STR("anna"), false, &s, &err),
                     BASE_OK);
    aud_keyring_free(ring);
    char bucket[32];
    snprintf(bucket, sizeof(bucket), "keys/subjects/%02x", s.lookup[0]);
    ut_join(path, k.dir, bucket);
    struct base_buf keys = ut_read(path);
    uint8_t record[128];
    uint8_t *hit = memmem(keys.p, keys.n, s.id, 16);
    assert_non_null(hit);
    memcpy(record, hit - 48, 128);
    segment_path(segment, k.dir);
    before = ut_read(segment);
    uint8_t *blob = memmem(before.p, before.n, "r-1\0", 4);
    assert_non_null(blob);
    assert_true(anywhere(k.dir, blob + 160, 40)); /* header's end and ciphertext */
    kit_open(&k);
    assert_int_equal(erase(&k, "nobody", NULL, &done, &err), BASE_ENOENT);
    assert_int_equal(erase(&k, "anna", NULL, &done, &err), BASE_OK);
    assert_int_equal(done.subjects, 1);
    assert_int_equal(done.blobs, 4);
    assert_string_equal(done.tags[0], tag);
    assert_int_equal(reads(&k, "r-1", CANARY), BASE_ENOENT);
    for (int i = 0; i < 40; i++) {
        char req[32];
        snprintf(req, sizeof(req), "o-%d", i);
        assert_int_equal(reads(&k, req, "stays"), BASE_OK);
    }
    assert_int_equal(erase(&k, "anna", NULL, &done, &err), BASE_ENOENT);
    assert_false(anywhere(k.dir, record + 16, 16)); /* by which she was found */
    assert_int_equal(keep(&k, "anna", "r-3", "back again", 0, 100, again), BASE_OK);
    assert_string_not_equal(tag, again); /* nothing links the two */
    kit_close(&k);
    assert_false(anywhere(k.dir, record + 64, 60)); /* nonce, wrapped key, tag */
    ut_must_hold(k.dir, NULL);
    assert_true(content_holds(k.dir));
    assert_false(anywhere(k.dir, blob + 160, 40));
    assert_int_equal(count_events(k.dir, "erasure.ordered"), 1);
    assert_int_equal(count_events(k.dir, "erasure.blobs"), 1);
    assert_int_equal(count_events(k.dir, "erasure.done"), 1);
    base_buf_release(&keys);
    base_buf_release(&before);
    ut_rm(k.dir);
}

static void test_hold_and_minimum_and_maximum(void **state)
{
    struct kit k;
    struct aud_erased done;
    struct base_err err = {0};
    uint64_t n;

    (void)state;
    ut_dir(k.dir);
    kit_open(&k);
    assert_int_equal(keep(&k, "young", "y-1", "must stay", 3600, 7200, NULL), BASE_OK);
    /* the hold first: the keeper sweeps by itself whenever it is idle */
    assert_int_equal(aud_keeper_hold(k.keeper, "held", "acme", "court order 7", false, "me", &err),
                     BASE_OK);
    assert_int_equal(keep(&k, "held", "h-1", "evidence", 0, -5, NULL), BASE_OK); /* past its time */
    assert_int_equal(keep(&k, "old", "o-1", "must go", 0, -5, NULL), BASE_OK);
    assert_int_equal(erase(&k, "held", NULL, &done, &err), BASE_DENIED);
    assert_non_null(strstr(err.text, "legal hold"));
    assert_int_equal(erase(&k, "held", "ordered all the same", &done, &err), BASE_DENIED);
    assert_int_equal(erase(&k, "young", NULL, &done, &err), BASE_DENIED);
    assert_non_null(strstr(err.text, "must be kept until"));
    const struct aud_erasure by_req = {.req = "h-1", .reason = "r", .who = "me"};
    assert_int_equal(aud_keeper_erase(k.keeper, &by_req, &done, &err), BASE_DENIED);
    assert_int_equal(aud_keeper_sweep(k.keeper, &n, &err), BASE_OK);
    assert_int_equal(reads(&k, "o-1", "must go"), BASE_ENOENT);
    assert_int_equal(reads(&k, "h-1", "evidence"), BASE_OK);
    kit_close(&k);
    kit_open(&k); /* a hold outlives the process */
    assert_int_equal(erase(&k, "held", NULL, &done, &err), BASE_DENIED);
    assert_int_equal(erase(&k, "young", "Art. 17(1)(d), ticket 12", &done, &err), BASE_OK);
    assert_int_equal(done.blobs, 2);
    assert_int_equal(aud_keeper_hold(k.keeper, "held", NULL, NULL, true, "me", &err), BASE_OK);
    assert_int_equal(aud_keeper_hold(k.keeper, "held", NULL, NULL, true, "me", &err), BASE_ENOENT);
    assert_int_equal(aud_keeper_sweep(k.keeper, &n, &err), BASE_OK);
    assert_int_equal(reads(&k, "h-1", "evidence"), BASE_ENOENT);
    /* a hold on somebody who is yet to come */
    assert_int_equal(aud_keeper_hold(k.keeper, "later", NULL, "r", false, "me", &err), BASE_ENOENT);
    assert_int_equal(aud_keeper_hold(k.keeper, "later", "acme", "r", false, "me", &err), BASE_OK);
    assert_int_equal(keep(&k, "later", "l-1", "came", 0, 100, NULL), BASE_OK);
    assert_int_equal(erase(&k, "later", "r", &done, &err), BASE_DENIED);
    kit_close(&k);
    ut_must_hold(k.dir, NULL);
    assert_true(content_holds(k.dir));
    assert_int_equal(count_events(k.dir, "hold.set"), 2);
    assert_int_equal(count_events(k.dir, "hold.released"), 1);
    assert_int_equal(count_events(k.dir, "erasure.refused"), 6);
    assert_true(count_events(k.dir, "retention.delete") >= 2);
    ut_rm(k.dir);
}

/* Somebody deletes content, and no record says so. */
static void test_content_that_just_vanishes(void **state)
{
    struct kit k;
    char path[UT_PATH];

    (void)state;
    ut_dir(k.dir);
    kit_open(&k);
    assert_int_equal(keep(&k, "anna", "r-1", CANARY, 0, 100, NULL), BASE_OK);
    kit_close(&k);
    segment_path(path, k.dir);
    struct base_buf b = ut_read(path);
    /* a careful one: as the store itself destroys */
    memset(b.p + 24, 0, 24);
    memset(b.p + 64, 0, 188);
    b.p[4] = 2;
    uint32_t crc = base_crc32c(0, (const uint8_t *)b.p, 252);
    memcpy(b.p + 252, &crc, 4);
    memset(b.p + 256, 0, strlen(CANARY));
    ut_write(path, b.p, b.n);
    assert_false(content_holds(k.dir));
    base_buf_release(&b);
    ut_rm(k.dir);
}

static void test_limits(void **state)
{
    struct kit k;
    char *big = calloc(1, (8u << 20) + 2);

    (void)state;
    assert_non_null(big);
    memset(big, 'x', (8u << 20) + 1);
    ut_dir(k.dir);
    kit_open(&k);
    assert_int_equal(keep(&k, "anna", "r-1", big, 0, 100, NULL), BASE_LIMIT);
    big[8u << 20] = 0;
    assert_int_equal(keep(&k, "anna", "r-2", big, 0, 100, NULL), BASE_OK);
    assert_int_equal(reads(&k, "r-2", big), BASE_OK);
    assert_int_equal(keep(&k, "anna", "r-3", "", 0, 100, NULL), BASE_OK);
    assert_int_equal(reads(&k, "r-3", ""), BASE_OK);
    kit_close(&k);
    assert_true(content_holds(k.dir));
    free(big);
    ut_rm(k.dir);
}

/* A reload while the keeper works; `make tsan` sees whether both touch the same. */
static void test_rules_that_change_meanwhile(void **state)
{
    struct conf_content content = {.sweep_s = 3600};
    struct kit k;
    struct base_err err;
    char req[16];

    (void)state;
    ut_dir(k.dir);
    kit_open(&k);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(aud_keeper_configure(k.keeper, &content, &err), BASE_OK);
        snprintf(req, sizeof(req), "r-%d", i);
        assert_int_equal(keep(&k, "anna", req, CANARY, 0, 100, NULL), BASE_OK);
        assert_int_equal(aud_keeper_configure(k.keeper, &content, &err), BASE_OK);
    }
    assert_int_equal(reads(&k, "r-19", CANARY), BASE_OK);
    kit_close(&k);
    ut_rm(k.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ciphers),
        cmocka_unit_test(test_kept_and_read),
        cmocka_unit_test(test_another_master_opens_nothing),
        cmocka_unit_test(test_every_flipped_byte_is_noticed),
        cmocka_unit_test(test_a_blob_cannot_stand_for_another),
        cmocka_unit_test(test_erasure),
        cmocka_unit_test(test_hold_and_minimum_and_maximum),
        cmocka_unit_test(test_content_that_just_vanishes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_rules_that_change_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

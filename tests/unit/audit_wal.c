/* Goal: what was acknowledged is there after any interruption; what was signed cannot change
 * unnoticed, to the bit.
 * Method: small logs (segments of 8 KiB, so that rotation happens) on disk. A log closed in order
 * and a crash image (files copied while the log is open) are cut, flipped byte by byte, rolled back
 * and forked; the verifier and recovery must say the right thing each time.
 */
#include "tests/unit/audit_util.h"

#include "audit/log/leaf.h"
#include "audit/log/state.h"
#include "audit/log/tiles.h"
#include "audit/log/wal.h"
#include "base/crc32c.h"

static void test_crc(void **state)
{
    static const char digits[] = "123456789";
    uint8_t zeros[32] = {0};

    (void)state;
    assert_int_equal(base_crc32c(0, digits, 9), 0xE3069283u);
    assert_int_equal(base_crc32c_portable(0, digits, 9), 0xE3069283u);
    assert_int_equal(base_crc32c(0, zeros, 32), 0x8A9136AAu); /* RFC 3720 B.4 */
    assert_int_equal(base_crc32c(base_crc32c(0, digits, 4), digits + 4, 5), 0xE3069283u);
}

static void test_leaf(void **state)
{
    static const char *const good[] = {
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\"}",
        "{ \"v\" : 1 , "
        "\"t\":2,\"ev\":\"x\",\"req\":\"\\u0041\",\"tenant\":\"\\ud83d\\ude00\",\"a\":[{}"
        ",[],1.5,-2e9,null,true,false,{\"v\":\"\"}]}"};
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\"}",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":null}",
        "{\"v\":0,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\"}",
        "{\"v\":1,\"t\":2.0,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\"}",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\"} ",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\",}",
        "{\"v\":1,\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\"}",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\",\"a\":{\"b\":1,\"b\":2}}",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\",\"\\u0062\":1}",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\\ud800\",\"tenant\":\"\"}",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\n\",\"tenant\":\"\"}",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\xff\",\"tenant\":\"\"}",
        "{\"v\":01,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\"}",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\",\"a\":1e999}",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\",\"a\":99999999999999999999}",
        "{\"v\":1,\"t\":2,\"ev\":\"x\",\"req\":\"\",\"tenant\":\"\",\"a\":nul}"};
    struct aud_leaf l;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(aud_leaf_parse(base_str_c(good[i]), &l));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(aud_leaf_parse(base_str_c(bad[i]), &l));
}

static void test_tile_names(void **state)
{
    char name[AUD_TILE_NAME_MAX];
    unsigned level, width;
    uint64_t n;

    (void)state;
    aud_tile_name(0, 1234067, 256, name);
    assert_string_equal(name, "tile/0/x001/x234/067");
    aud_tile_name(1, 999, 17, name);
    assert_string_equal(name, "tile/1/999.p/17");
    aud_tile_name(AUD_TILE_ENTRIES, 1000, 112, name);
    assert_string_equal(name, "tile/entries/x001/000.p/112");
    assert_true(aud_tile_parse("tile/entries/x001/000.p/112", &level, &n, &width));
    assert_true(level == AUD_TILE_ENTRIES && n == 1000 && width == 112);
    assert_false(aud_tile_parse("tile/0/001/000", &level, &n, &width));
    assert_false(aud_tile_parse("tile/0/x000/001", &level, &n, &width));
    assert_false(aud_tile_parse("tile/0/001.p/0", &level, &n, &width));
    assert_false(aud_tile_parse("tile/0/001.p/256", &level, &n, &width));
    assert_false(aud_tile_parse("tile/00/001", &level, &n, &width));
}

/* ---- writing, closing, opening again ---- */

static void test_reopen(void **state)
{
    char dir[UT_PATH], leaf[256];
    struct aud_verify_report r;
    uint64_t index;

    (void)state;
    ut_dir(dir);
    for (int round = 0; round < 4; round++) { /* 8 KiB segments: several rotations in each */
        char prefix[16];
        struct aud_log *l = ut_open(dir, 8192, 20);

        snprintf(prefix, sizeof(prefix), "r%d", round);
        ut_fill(l, prefix, 60);
        assert_int_equal(ut_append(l, ut_leaf(leaf, "admin.test", "", round), &index), BASE_OK);
        assert_int_equal(index, (uint64_t)round * 123 + 121);
        ut_must_hold(dir, NULL); /* while it is open */
        ut_close(l);
        ut_must_hold(dir, &r);
        assert_int_equal(r.leaves, (round + 1) * 123); /* log.open, 121, log.close */
        assert_int_equal(r.size_signed, r.leaves);
        assert_int_equal(r.intents, (round + 1) * 60);
        assert_int_equal(r.open_intents, 0);
        assert_true(r.clean);
    }
    /* not leaves */
    struct aud_log *l = ut_open(dir, 8192, 0);
    assert_int_equal(aud_log_submit(l, BASE_STR("{}"), NULL, NULL), BASE_EINVAL);
    assert_int_equal(aud_log_submit(l, BASE_STR("x"), NULL, NULL), BASE_EINVAL);
    /* a second process (here: a second descriptor) must stay out */
    struct base_err err;
    assert_int_equal(ut_try_open(dir, &err), BASE_DENIED);
    ut_close(l);
    /* another origin is another log */
    struct aud_options o = {.directory = dir, .origin = "other.example", .segment_bytes = 8192};
    assert_int_equal(aud_log_open(&o, &l, &err), BASE_EINVAL);
    ut_rm(dir);
}

struct seen {
    uint64_t next;
    unsigned unknown, opens;
};

static enum base_status count_leaf(void *ctx, uint64_t index, struct base_str leaf)
{
    struct seen *s = ctx;

    assert_int_equal(index, s->next++);
    s->unknown += base_str_find(leaf, BASE_STR("\"status\":\"unknown\""), 0) != SIZE_MAX;
    s->opens += base_str_find(leaf, BASE_STR("\"log.open\""), 0) != SIZE_MAX;
    return BASE_OK;
}

static void test_unknown_outcomes(void **state)
{
    char dir[UT_PATH], image[UT_PATH], leaf[256];
    struct aud_verify_report r;
    struct seen s = {0};

    (void)state;
    ut_dir(dir);
    ut_dir(image);
    struct aud_log *l = ut_open(dir, 8192, 600000);
    ut_fill(l, "a", 3);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.intent", "open-1", 90), NULL), BASE_OK);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.intent", "open\\\"2", 91), NULL), BASE_OK);
    ut_copy(dir, image);
    ut_close(l);
    ut_must_hold(image, &r); /* durable, not signed: consistent */
    assert_int_equal(r.leaves, 9);
    assert_int_equal(r.size_signed, 0);
    assert_int_equal(r.open_intents, 2);
    assert_false(r.clean);
    l = ut_open(image, 8192, 0);
    ut_close(l);
    ut_must_hold(image, &r);
    assert_int_equal(r.unknown_outcomes, 2);
    assert_int_equal(r.open_intents, 0);
    assert_int_equal(r.leaves, 13);
    assert_int_equal(aud_each(image, 0, count_leaf, &s, NULL), BASE_OK);
    assert_int_equal(s.next, 13);
    assert_int_equal(s.unknown, 2);
    assert_int_equal(s.opens, 2);
    l = ut_open(image, 8192, 0); /* and not once more */
    ut_close(l);
    ut_must_hold(image, &r);
    assert_int_equal(r.unknown_outcomes, 2);
    ut_rm(dir);
    ut_rm(image);
}

/* ---- torn writes ---- */

/* Opens the image; all of the first `want` leaves must be there, and the log must hold. */
static void recovered(const char *dir, uint64_t want)
{
    struct aud_verify_report r;
    struct base_err err = {0};

    if (ut_try_open(dir, &err) != BASE_OK)
        fail_msg("recovery refused: %s", err.text);
    ut_must_hold(dir, &r);
    assert_true(r.leaves >= want);
}

/* The end of each batch of the only segment of dir, with the size there. */
static size_t batch_ends(const char *dir, uint64_t end[], uint64_t size[], size_t max)
{
    struct aud_cursor c;
    size_t n = 0;

    assert_int_equal(aud_cursor_open(&c, dir, 0, NULL, NULL), BASE_OK);
    while (aud_cursor_next(&c, NULL) == BASE_OK) {
        assert_true(n < max);
        end[n] = c.pos.end;
        size[n++] = c.pos.tree.n;
    }
    aud_cursor_release(&c);
    return n;
}

/* A root may end in zero bytes, which look like the zeros behind the last batch. */
static void test_later_batch_with_a_root_that_ends_in_zeros(void **state)
{
    char dir[UT_PATH], wal[UT_PATH];
    uint64_t end[64], size[64];
    struct aud_cursor c;

    (void)state;
    ut_dir(dir);
    struct aud_log *l = ut_open(dir, 8192, 600000);
    ut_fill(l, "z", 3);
    ut_close(l);
    size_t n = batch_ends(dir, end, size, 64);
    assert_true(n >= 3);
    ut_join(wal, dir, "wal/00000000000000000000.wal");
    struct base_buf b = ut_read(wal);
    assert_int_equal(aud_cursor_open(&c, dir, 0, NULL, NULL), BASE_OK);
    const uint8_t *p = (const uint8_t *)b.p + end[n - 3];
    for (unsigned zeros = 0; zeros <= 32; zeros++)
        assert_false(
            aud_tail_torn(p, end[n - 1] - zeros - end[n - 3], end[n - 3], &c.header, size[n - 3]));
    aud_cursor_release(&c);
    base_buf_release(&b);
    ut_rm(dir);
}

/* Of a write only its last sector arrived, and that had a byte or two of it; elsewhere so few bytes
 * are damage. */
static void test_a_last_sector_of_a_few_bytes(void **state)
{
    enum { END = 2044, N = 1100 };
    static const struct {
        int at[4]; /* offsets in the file, 0 = no more */
        bool torn;
    } cases[] = {{{2560}, true},        {{2562}, true},  {{2560, 2561, 2562}, true},
                 {{2048}, true},        {{2563}, false}, {{2560, 2563}, false},
                 {{2048, 2560}, false}, {{2047}, false}, {{2559, 2560}, false},
                 {{3071}, false},       {{0}, false}};
    struct aud_header h = {.salt = 1};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t p[N] = {0};
        for (int k = 0; k < 4 && cases[i].at[k]; k++)
            p[cases[i].at[k] - END] = 0x27;
        if (aud_tail_torn(p, N, END, &h, 39) != cases[i].torn)
            fail_msg("case %zu: a byte at %d", i, cases[i].at[0]);
        for (int k = 0; k < N; k++)
            p[k] = k + END == cases[i].at[0] ? 0x20 : 0;
        assert_false(aud_tail_torn(p, N, END, &h, 39)); /* one bit alone was flipped */
    }
}

static void test_torn_tail(void **state)
{
    char dir[UT_PATH], image[UT_PATH], work[UT_PATH], wal[UT_PATH];
    uint64_t end[64], size[64];

    (void)state;
    ut_dir(dir);
    ut_dir(image);
    ut_dir(work);
    struct aud_log *l = ut_open(dir, 16384, 600000);
    ut_fill(l, "torn", 6);
    ut_copy(dir, image);
    ut_close(l);
    size_t n = batch_ends(image, end, size, 64);
    assert_true(n >= 5);
    ut_copy(image, work);
    ut_join(wal, work, "wal/00000000000000000000.wal");
    struct base_buf whole = ut_read(wal);
    /* the write stopped at every byte of the last three batches; in every third case the file
     * itself ends there */
    size_t batch = n - 4;
    for (uint64_t cut = end[n - 4]; cut <= end[n - 1]; cut++) {
        struct base_buf b = ut_read(wal);

        while (batch + 1 < n && end[batch + 1] <= cut)
            batch++;
        ut_copy(image, work);
        memcpy(b.p, whole.p, b.n);
        memset(b.p + cut, 0, b.n - cut);
        ut_write(wal, b.p, cut % 3 ? whole.n : cut);
        ut_must_hold(work, NULL);
        recovered(work, size[batch]);
        base_buf_release(&b);
        base_buf_init(&b, whole.n);
    }
    /* sectors that arrive out of order: the first half of the last batch is lost */
    ut_copy(image, work);
    uint64_t sector = end[n - 2] / 512 * 512 + 512;
    if (sector < end[n - 1] - 8) {
        struct base_buf b = ut_read(wal);
        memset(b.p + end[n - 2], 0, sector - end[n - 2]);
        ut_write(wal, b.p, b.n);
        ut_must_hold(work, NULL);
        recovered(work, size[n - 2]);
        base_buf_release(&b);
    }
    base_buf_release(&whole);
    ut_rm(dir);
    ut_rm(image);
    ut_rm(work);
}

/* ---- flipped bits ---- */

/* Flips a bit in every byte of one file (all bits if `all`); counts what the verifier missed. */
static unsigned flip_all(const char *dir, const char *name, bool all, uint64_t from, uint64_t to)
{
    char path[UT_PATH];
    unsigned missed = 0;

    ut_join(path, dir, name);
    struct base_buf b = ut_read(path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (uint64_t i = from; i < b.n && i < to; i++) {
        for (int bit = all ? 0 : (int)(i % 8); bit < (all ? 8 : (int)(i % 8) + 1); bit++) {
            char c = (char)(b.p[i] ^ (1 << bit));

            assert_int_equal(pwrite(fd, &c, 1, (off_t)i), 1);
            if (ut_holds(dir, NULL)) {
                print_message("missed: %s byte %" PRIu64 " bit %d\n", name, i, bit);
                missed++;
            }
        }
        assert_int_equal(pwrite(fd, &b.p[i], 1, (off_t)i), 1);
    }
    close(fd);
    base_buf_release(&b);
    return missed;
}

static void test_flip_closed(void **state)
{
    char dir[UT_PATH], name[UT_PATH];
    uint64_t *list;
    size_t n;

    (void)state;
    ut_dir(dir);
    struct aud_log *l = ut_open(dir, 8192, 20);
    ut_fill(l, "flip", 30);
    ut_close(l);
    ut_must_hold(dir, NULL);
    assert_int_equal(flip_all(dir, "log.conf", true, 0, UINT64_MAX), 0);
    assert_int_equal(flip_all(dir, "state", true, 0, UINT64_MAX), 0);
    assert_int_equal(flip_all(dir, "checkpoint", true, 0, UINT64_MAX), 0);
    assert_int_equal(aud_segments_list(dir, &list, &n, NULL), BASE_OK);
    assert_true(n >= 2);
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "wal/%020" PRIu64 ".wal", list[i]);
        assert_int_equal(flip_all(dir, name, false, 0, UINT64_MAX), 0);
    }
    free(list);
    snprintf(name, sizeof(name), "tile/0/000.p/%u", 62u);
    assert_int_equal(flip_all(dir, name, false, 0, UINT64_MAX), 0);
    snprintf(name, sizeof(name), "tile/entries/000.p/%u", 62u);
    assert_int_equal(flip_all(dir, name, false, 0, UINT64_MAX), 0);
    ut_must_hold(dir, NULL);
    ut_rm(dir);
}

/* After a crash: all that was signed, every durable batch but the last, and the zero tail. The last
 * unsigned batch cannot be told from a torn one: it then counts as not committed. */
static void test_flip_crashed(void **state)
{
    char dir[UT_PATH], image[UT_PATH];
    uint64_t end[64], size[64];
    struct aud_verify_report r;

    (void)state;
    ut_dir(dir);
    ut_dir(image);
    struct aud_log *l = ut_open(dir, 8192, 1);
    ut_fill(l, "s", 4);
    ut_wait_signed(l, 9);
    ut_copy(dir, image);
    ut_close(l);
    l = ut_open(image, 8192, 600000);
    ut_fill(l, "u", 5);
    ut_copy(image, dir);
    ut_close(l);
    ut_must_hold(dir, &r);
    assert_true(!r.clean && r.leaves > r.size_signed && r.size_signed == 9);
    size_t n = batch_ends(dir, end, size, 64);
    assert_int_equal(flip_all(dir, "wal/00000000000000000000.wal", false, 0, end[n - 2]), 0);
    assert_int_equal(flip_all(dir, "wal/00000000000000000000.wal", false, end[n - 1], UINT64_MAX),
                     0);
    /* and recovery refuses a damaged signed byte instead of cutting there */
    char path[UT_PATH];
    ut_join(path, dir, "wal/00000000000000000000.wal");
    struct base_buf b = ut_read(path);
    struct base_err err = {0};
    for (uint64_t i = 0; i < end[n - 2]; i += 7) {
        b.p[i] ^= 4;
        ut_write(path, b.p, b.n);
        assert_int_equal(ut_try_open(dir, &err), BASE_EINVAL);
        b.p[i] ^= 4;
    }
    ut_write(path, b.p, b.n);
    assert_int_equal(ut_try_open(dir, &err), BASE_OK);
    base_buf_release(&b);
    ut_rm(dir);
    ut_rm(image);
}

/* ---- rollback, fork, missing and foreign files ---- */

static void swap_in(const char *to, const char *from, const char *name)
{
    char a[UT_PATH], b[UT_PATH];

    ut_join(a, from, name);
    ut_join(b, to, name);
    ut_copy_file(a, b);
}

static void refused(const char *dir, const char *what)
{
    struct base_err err = {0};

    if (ut_holds(dir, NULL))
        fail_msg("%s: the verifier did not notice", what);
    enum base_status st = ut_try_open(dir, &err);
    if (st != BASE_EINVAL || !err.text[0])
        fail_msg("%s: open said %s (%s)", what, base_status_name(st), err.text);
}

static void test_rollback_and_fork(void **state)
{
    static const char wal[] = "wal/00000000000000000000.wal";
    char dir[UT_PATH], old[UT_PATH], fork[UT_PATH], work[UT_PATH], path[UT_PATH];

    (void)state;
    ut_dir(dir);
    ut_dir(old);
    ut_dir(fork);
    ut_dir(work);
    struct aud_log *l = ut_open(dir, 65536, 20);
    ut_fill(l, "one", 4);
    ut_close(l);
    ut_copy(dir, old);
    ut_copy(dir, fork);
    l = ut_open(dir, 65536, 20);
    ut_fill(l, "two", 4);
    ut_close(l);
    l = ut_open(fork, 65536, 20);
    ut_fill(l, "2wo", 4);
    ut_close(l);

    ut_copy(dir, work);
    ut_must_hold(work, NULL);
    swap_in(work, old, wal); /* an older log under a newer state */
    refused(work, "rolled back wal");
    ut_copy(dir, work);
    swap_in(work, fork, wal); /* the other heir's records, same length */
    refused(work, "forked wal");
    ut_copy(dir, work);
    swap_in(work, old, "checkpoint"); /* an older checkpoint on a closed log */
    refused(work, "old checkpoint");
    ut_copy(dir, work);
    swap_in(work, old, "state");
    refused(work, "old state");
    ut_copy(dir, work);
    swap_in(work, fork, "checkpoint");
    refused(work, "forked checkpoint");
    ut_copy(dir, work);
    swap_in(work, fork, "state");
    swap_in(work, fork, "checkpoint");
    refused(work, "forked state and checkpoint");

    static const char *const files[] = {"log.conf", "state", "checkpoint",
                                        "wal/00000000000000000000.wal"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        ut_copy(dir, work);
        ut_join(path, work, files[i]);
        unlink(path);
        refused(work, files[i]);
    }
    ut_copy(dir, work);
    ut_join(path, work, "wal/00000000000000000099.wal");
    ut_write(path, "x", 1);
    refused(work, "a stray segment");
    ut_copy(dir, work);
    ut_join(path, work, wal);
    assert_int_equal(truncate(path, 65535), 0); /* only zeros go */
    refused(work, "cut short");
    assert_int_equal(truncate(path, 65537), 0);
    refused(work, "longer");
    /* a log of another key altogether, under the vkey the auditor holds */
    struct aud_verify_report r;
    struct base_err err;
    assert_int_equal(aud_verify(dir, NULL, &r, &err), BASE_OK);
    assert_true(r.holds && r.own_vkey);
    char vkey[512];
    memcpy(vkey, r.vkey, sizeof(vkey));
    assert_int_equal(aud_verify(dir, vkey, &r, &err), BASE_OK);
    assert_true(r.holds && !r.own_vkey);
    ut_rm(work);
    l = ut_open(work, 65536, 20);
    ut_fill(l, "one", 4);
    ut_close(l);
    assert_int_equal(aud_verify(work, vkey, &r, &err), BASE_OK);
    assert_false(r.holds);
    assert_int_equal(aud_verify(work, "nonsense", &r, &err), BASE_EINVAL);
    assert_int_equal(aud_verify("/nonexistent/log", NULL, &r, &err), BASE_ENOENT);
    ut_rm(dir);
    ut_rm(old);
    ut_rm(fork);
    ut_rm(work);
}

/* Whoever has the key, or lied while signing: the signatures hold, the history does not. */
static void test_signed_lies(void **state)
{
    char dir[UT_PATH], image[UT_PATH], work[UT_PATH];
    struct aud_conf conf;
    struct aud_skey key;
    struct aud_state real, lie;
    uint64_t end[64], size[64];

    (void)state;
    ut_dir(dir);
    ut_dir(image);
    ut_dir(work);
    struct aud_log *l = ut_open(dir, 65536, 1);
    ut_fill(l, "lie", 4);
    ut_wait_signed(l, 9);
    ut_copy(dir, image);
    ut_close(l);
    assert_int_equal(aud_conf_load(image, BASE_STR_NULL, &conf, NULL), BASE_OK);
    assert_int_equal(aud_key_load(image, &key, NULL), BASE_OK);
    assert_int_equal(aud_state_load(image, &conf, &real, NULL), BASE_OK);
    assert_true(!real.clean && real.size == 9);
    assert_true(batch_ends(image, end, size, 64) >= 5 && size[4] == 5);

    lie = real; /* an earlier checkpoint of another history */
    lie.size = size[4];
    ut_copy(image, work);
    assert_int_equal(aud_checkpoint_save(work, &key, &lie, NULL), BASE_OK);
    refused(work, "a signed checkpoint with another root");
    lie = real;
    lie.root.b[7] ^= 1;
    ut_copy(image, work);
    assert_int_equal(aud_state_save(work, &key, &lie, NULL), BASE_OK);
    refused(work, "a signed state with another root");
    assert_int_equal(aud_checkpoint_save(work, &key, &lie, NULL), BASE_OK);
    refused(work, "a signed state and checkpoint with another root");
    lie = real;
    lie.sha.b[0] ^= 1;
    ut_copy(image, work);
    assert_int_equal(aud_state_save(work, &key, &lie, NULL), BASE_OK);
    refused(work, "a signed state of other bytes");
    lie = real;
    lie.size = 11;
    ut_copy(image, work);
    assert_int_equal(aud_state_save(work, &key, &lie, NULL), BASE_OK);
    refused(work, "more signed than there is");
    aud_skey_wipe(&key);
    ut_rm(dir);
    ut_rm(image);
    ut_rm(work);
}

/* Two intents, two outcomes, an outcome from nowhere: the log takes them, the verifier names them.
 */
static void test_order_of_requests(void **state)
{
    static const char *const bad[][3] = {{"req.intent", "req.intent", "x"},
                                         {"req.outcome", "req.intent", "x"},
                                         {"req.fallback", "req.intent", "x"}};
    char dir[UT_PATH], leaf[256];
    struct aud_verify_report r;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        ut_dir(dir);
        struct aud_log *l = ut_open(dir, 65536, 20);
        ut_fill(l, "fine", 2);
        assert_int_equal(ut_append(l, ut_leaf(leaf, bad[i][0], "x", 10), NULL), BASE_OK);
        assert_int_equal(ut_append(l, ut_leaf(leaf, bad[i][1], "x", 11), NULL), BASE_OK);
        ut_close(l);
        assert_false(ut_holds(dir, &r));
        assert_int_equal(r.first_bad, i == 0 ? 6 : 5);
        assert_non_null(strstr(r.problem, "wal/00000000000000000000.wal"));
        ut_rm(dir);
    }
}

/* ---- tiles ---- */

static void test_tiles(void **state)
{
    char dir[UT_PATH], path[UT_PATH];
    struct aud_verify_report r;

    (void)state;
    ut_dir(dir);
    struct aud_log *l = ut_open(dir, 65536, 5);
    ut_fill(l, "t", 300); /* 600 leaves: two full tiles and a part */
    ut_close(l);
    ut_must_hold(dir, &r);
    assert_int_equal(r.leaves, 602);
    ut_join(path, dir, "tile/0/001");
    struct base_buf b = ut_read(path);
    assert_int_equal(b.n, 8192);
    ut_join(path, dir, "tile/1/000.p/2");
    struct base_buf up = ut_read(path);
    assert_int_equal(up.n, 64);
    struct aud_range range; /* entry 1 of level 1 is the tree hash of tile 1 */
    struct aud_hash h;
    aud_range_init(&range);
    for (size_t i = 0; i < 256; i++) {
        memcpy(h.b, b.p + 32 * i, 32);
        aud_range_add(&range, &h);
    }
    aud_range_root(&range, &h);
    assert_memory_equal(up.p + 32, h.b, 32);
    ut_join(path, dir, "tile/0/000.p");
    assert_int_not_equal(access(path, F_OK), 0); /* gone: the full one is there */
    /* a changed tile, a tile of the future, a file that is no tile */
    ut_join(path, dir, "tile/0/001");
    b.p[40] ^= 1;
    ut_write(path, b.p, b.n);
    assert_false(ut_holds(dir, &r));
    assert_int_equal(r.first_bad, 257);
    b.p[40] ^= 1;
    ut_write(path, b.p, b.n);
    ut_join(path, dir, "tile/0/005");
    ut_write(path, b.p, b.n);
    assert_false(ut_holds(dir, NULL));
    unlink(path);
    ut_join(path, dir, "tile/0/notes.txt");
    ut_write(path, "x", 1);
    assert_false(ut_holds(dir, NULL));
    unlink(path);
    ut_must_hold(dir, NULL);
    /* gone, in part or altogether: still holds, and the next open rebuilds it */
    ut_join(path, dir, "tile/entries/000");
    assert_int_equal(unlink(path), 0);
    ut_must_hold(dir, NULL);
    ut_close(ut_open(dir, 65536, 5));
    assert_int_equal(access(path, F_OK), 0);
    ut_join(path, dir, "tile");
    ut_rm(path);
    ut_must_hold(dir, NULL);
    ut_close(ut_open(dir, 65536, 5));
    ut_join(path, dir, "tile/0/001");
    struct base_buf again = ut_read(path);
    assert_int_equal(again.n, b.n);
    assert_memory_equal(again.p, b.p, b.n);
    ut_must_hold(dir, NULL);
    base_buf_release(&again);
    base_buf_release(&b);
    base_buf_release(&up);
    ut_rm(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),
        cmocka_unit_test(test_leaf),
        cmocka_unit_test(test_tile_names),
        cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_unknown_outcomes),
        cmocka_unit_test(test_later_batch_with_a_root_that_ends_in_zeros),
        cmocka_unit_test(test_a_last_sector_of_a_few_bytes),
        cmocka_unit_test(test_torn_tail),
        cmocka_unit_test(test_flip_closed),
        cmocka_unit_test(test_flip_crashed),
        cmocka_unit_test(test_rollback_and_fork),
        cmocka_unit_test(test_signed_lies),
        cmocka_unit_test(test_order_of_requests),
        cmocka_unit_test(test_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

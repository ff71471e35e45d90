/* Goal: a log goes from period to period under load without losing a record; each period is bound
 * to the one before; a period that is gone is noticed unless a record says that it was dropped; a
 * crash at any point of the change is finished or taken back at the next open.
 * Method: small periods (by records) while threads submit; the directory is then changed by hand,
 * or put into each of the states that the steps of the change pass through.
 */
#include "tests/unit/audit_util.h"

#include "audit/content/keeper.h"
#include "audit/log/period.h"
#include "audit/log/reader.h"
#include "audit/log/recover.h"
#include "audit/log/rotate.h"

static struct aud_log *open_periods(const char *dir, uint64_t records, uint32_t keep)
{
    struct aud_options o = {.directory = dir,
                            .origin = UT_ORIGIN,
                            .segment_bytes = 8192,
                            .checkpoint_ms = 10,
                            .period_records = records,
                            .keep_periods = keep};
    struct aud_log *l = NULL;
    struct base_err err = {0};

    if (aud_log_open(&o, &l, &err) != BASE_OK)
        fail_msg("open: %s", err.text);
    return l;
}

static uint64_t period_of(struct aud_log *l)
{
    struct aud_stats s;

    aud_log_stats(l, &s);
    return s.period;
}

static void wait_period(struct aud_log *l, uint64_t n)
{
    for (int i = 0; period_of(l) < n; i++) {
        assert_true(i < 3000);
        usleep(10000);
    }
}

/* Fills until period n has begun, and its files are in their place. */
static void fill_to(struct aud_log *l, const char *dir, const char *prefix, uint64_t n)
{
    char p[32], closed[64], path[UT_PATH];
    struct aud_stats s;
    struct stat sb;

    for (int i = 0; period_of(l) < n; i++) {
        assert_true(i < 3000);
        snprintf(p, sizeof(p), "%s%d", prefix, i);
        ut_fill(l, p, 3);
        usleep(2000);
    }
    snprintf(closed, sizeof(closed), "periods/%04u/log.conf", (unsigned)n - 1);
    ut_join(path, dir, closed);
    for (int i = 0; stat(path, &sb) != 0; i++) {
        assert_true(i < 3000);
        usleep(10000);
    }
    aud_log_stats(l, &s);
    ut_wait_signed(l, s.size_durable);
}

static void test_origins(void **state)
{
    static const char *const first[] = {"a",          "a.b/c",      "x/2026-12.1",  "x/2026-12.02",
                                        "x/2026-1.2", "/2026-12.2", "x/2026-12.2x", "x/20x6-12.2",
                                        "2026-12.2"};
    char out[AUD_NAME_MAX + 1];
    struct base_str base;
    uint64_t n;

    (void)state;
    aud_origin_split("weir.example/gw1/2026-12.7", &base, &n);
    assert_true(base_str_is(base, "weir.example/gw1") && n == 7);
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        aud_origin_split(first[i], &base, &n);
        assert_true(n == 1 && base_str_is(base, first[i]));
    }
    assert_int_equal(aud_origin_make(BASE_STR("a/b"), 3, 1795000000000000, out, NULL), BASE_OK);
    assert_string_equal(out, "a/b/2026-11.3");
}

struct order {
    uint64_t next, begins, ends, base;
};

static enum base_status in_order(void *ctx, uint64_t index, struct base_str leaf)
{
    struct order *o = ctx;

    assert_int_equal(index, o->next);
    o->next++;
    o->begins += memmem(leaf.p, leaf.n, "\"log.begin\"", 11) != NULL;
    o->ends += memmem(leaf.p, leaf.n, "\"log.end\"", 9) != NULL;
    return BASE_OK;
}

struct producer {
    struct aud_log *log;
    pthread_t thread;
    char name[16];
    int n;
};

static void *produce(void *arg)
{
    struct producer *p = arg;

    ut_fill(p->log, p->name, p->n);
    return NULL;
}

/* Four threads, a period every 50 records: every record is there once, in order. */
static void test_under_load(void **state)
{
    char dir[UT_PATH];
    struct producer p[4];
    struct aud_verify_report r;
    struct order o = {0};

    (void)state;
    ut_dir(dir);
    struct aud_log *l = open_periods(dir, 50, 0);
    for (int i = 0; i < 4; i++) {
        p[i].log = l;
        p[i].n = 400;
        snprintf(p[i].name, sizeof(p[i].name), "p%d", i);
        assert_int_equal(pthread_create(&p[i].thread, NULL, produce, &p[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(p[i].thread, NULL);
    wait_period(l, 3);
    ut_close(l);
    ut_must_hold(dir, &r);
    assert_true(r.periods >= 3 && r.intents == 1600 && r.outcomes == 1600 && r.open_intents == 0);
    assert_int_equal(aud_each(dir, 0, in_order, &o, NULL), BASE_OK);
    assert_int_equal(o.next, r.leaves);
    assert_int_equal(o.begins, r.periods - 1);
    assert_int_equal(o.ends, r.periods - 1);
    assert_int_equal(r.leaves, 3200 + 2 + 2 * (r.periods - 1) + (r.leaves - 3200 - 2 * r.periods));
    o = (struct order){.next = 60};
    assert_int_equal(aud_each(dir, 60, in_order, &o, NULL), BASE_OK);
    assert_int_equal(o.next, r.leaves);
    l = open_periods(dir, 50, 0); /* and goes on */
    fill_to(l, dir, "q", r.periods + 1);
    ut_close(l);
    ut_must_hold(dir, NULL);
    ut_rm(dir);
}

/* A request that spans two periods: carried, and ended in the second; one that never ends is told
 * in the third process. */
static void test_carried(void **state)
{
    char dir[UT_PATH], copy[UT_PATH], leaf[256];
    struct aud_verify_report r;
    uint64_t index;

    (void)state;
    ut_dir(dir);
    ut_dir(copy);
    struct aud_log *l = open_periods(dir, 12, 0);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.intent", "long", 1), &index), BASE_OK);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.intent", "never", 1), NULL), BASE_OK);
    assert_int_equal(index, 1);
    fill_to(l, dir, "x", 2);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.outcome", "long", 2), &index), BASE_OK);
    assert_true(index > 12); /* a number of the whole log */
    struct aud_stats s;
    aud_log_stats(l, &s);
    ut_wait_signed(l, s.size_durable);
    ut_must_hold(dir, &r);
    assert_int_equal(r.open_intents, 1);
    ut_close(l);
    ut_must_hold(dir, &r);
    l = ut_open(dir, 8192, 10); /* "never" is of a period that recovery does not read */
    ut_close(l);
    ut_must_hold(dir, &r);
    assert_int_equal(r.open_intents, 0);
    assert_int_equal(r.unknown_outcomes, 1);
    ut_rm(dir);
    ut_rm(copy);
}

static void expect_bad(const char *dir, const char *word)
{
    struct aud_verify_report r;

    assert_false(ut_holds(dir, &r));
    if (!strstr(r.problem, word))
        fail_msg("\"%s\" does not say \"%s\"", r.problem, word);
}

static void rename_in(const char *dir, const char *from, const char *to)
{
    char a[UT_PATH], b[UT_PATH];

    ut_join(a, dir, from);
    ut_join(b, dir, to);
    assert_int_equal(rename(a, b), 0);
}

static void test_missing(void **state)
{
    char dir[UT_PATH], path[UT_PATH];

    (void)state;
    ut_dir(dir);
    struct aud_log *l = open_periods(dir, 12, 0);
    fill_to(l, dir, "x", 4);
    ut_close(l);
    ut_must_hold(dir, NULL);
    rename_in(dir, "periods/0001", "gone"); /* the oldest, nobody said so */
    expect_bad(dir, "no record says that it was dropped");
    rename_in(dir, "gone", "periods/0001");
    rename_in(dir, "periods/0002", "gone");
    expect_bad(dir, "periods/0002 is missing");
    rename_in(dir, "gone", "periods/0002");
    rename_in(dir, "periods/0003", "gone");
    expect_bad(dir, "periods/0003 is missing");
    rename_in(dir, "gone", "periods/0003");
    rename_in(dir, "periods/0001", "gone"); /* swapped */
    rename_in(dir, "periods/0002", "periods/0001");
    rename_in(dir, "gone", "periods/0002");
    expect_bad(dir, "is that of period 2");
    rename_in(dir, "periods/0001", "gone");
    rename_in(dir, "periods/0002", "periods/0001");
    rename_in(dir, "gone", "periods/0002");
    ut_must_hold(dir, NULL);
    ut_join(path, dir, "periods/notes");
    ut_write(path, "x", 1);
    expect_bad(dir, "does not belong here");
    unlink(path);
    rename_in(dir, "periods/0002/wal", "periods/0002/lost");
    expect_bad(dir, "periods/0002/wal");
    rename_in(dir, "periods/0002/lost", "periods/0002/wal");
    ut_must_hold(dir, NULL);
    ut_rm(dir);
}

/* Another key, or another log's name, is not a period's key. */
static void test_keys(void **state)
{
    struct aud_vkey a = {.name = "w.example/gw"}, b;

    (void)state;
    memset(a.pub, 7, sizeof(a.pub));
    b = a;
    strcpy(b.name, "w.example/gw/2026-11.2");
    assert_true(aud_period_key(&a, &b) && aud_period_key(&b, &a));
    b.pub[31] ^= 1;
    assert_false(aud_period_key(&a, &b));
    b = a;
    strcpy(b.name, "w.example/gv/2026-11.2");
    assert_false(aud_period_key(&a, &b));
}

static void say_dropped(struct aud_log *l, uint64_t records, const struct aud_hash *root)
{
    struct base_buf b;

    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    assert_true(aud_leaf_dropped(&b, 1, UT_ORIGIN, records, root, 1));
    assert_true(base_buf_byte(&b, 0));
    assert_int_equal(ut_append(l, (const char *)b.p, NULL), BASE_OK);
    base_buf_release(&b);
}

/* A record that drops a period must name what was there: origin, size and root. */
static void test_dropped_names_it(void **state)
{
    char dir[UT_PATH], path[UT_PATH];
    struct aud_checkpoint cp;
    struct aud_conf conf;

    (void)state;
    ut_dir(dir);
    struct aud_log *l = open_periods(dir, 12, 0);
    fill_to(l, dir, "x", 2);
    ut_close(l);
    ut_join(path, dir, "periods/0001");
    assert_int_equal(aud_conf_load(path, BASE_STR_NULL, &conf, NULL), BASE_OK);
    assert_int_equal(aud_checkpoint_load(path, &conf, &cp, NULL, NULL), BASE_OK);
    struct aud_hash other = cp.root;
    other.b[0] ^= 1;
    l = open_periods(dir, 1000, 0);
    say_dropped(l, cp.size + 1, &cp.root);
    say_dropped(l, cp.size, &other);
    ut_close(l);
    ut_must_hold(dir, NULL);
    rename_in(dir, "periods/0001", "gone");
    expect_bad(dir, "no record says that it was dropped");
    l = open_periods(dir, 1000, 0);
    say_dropped(l, cp.size, &cp.root);
    ut_close(l);
    ut_must_hold(dir, NULL);
    ut_rm(dir);
}

/* keep_periods: the oldest go, after a record that says so is signed. */
static void test_retention(void **state)
{
    char dir[UT_PATH], path[UT_PATH];
    struct aud_verify_report r;
    struct stat sb;
    struct order o = {0};

    (void)state;
    ut_dir(dir);
    struct aud_log *l = open_periods(dir, 12, 2);
    fill_to(l, dir, "x", 6);
    ut_join(path, dir, "periods/0003");
    for (int i = 0; stat(path, &sb) == 0; i++) {
        assert_true(i < 3000);
        usleep(10000);
    }
    ut_close(l);
    ut_must_hold(dir, &r);
    assert_true(r.dropped >= 3 && r.before > 36 && r.dropped_at >= r.before);
    ut_join(path, dir, "periods/0005");
    assert_int_equal(stat(path, &sb), 0);
    o.next = r.before; /* what is left is read from its own first number on */
    assert_int_equal(aud_each(dir, 0, in_order, &o, NULL), BASE_OK);
    assert_int_equal(o.next, r.before + r.leaves);
    l = open_periods(dir, 12, 2);
    ut_close(l);
    ut_must_hold(dir, NULL);
    ut_rm(dir);
}

struct kept {
    unsigned hold, days, dropped;
};

static bool has(struct base_str leaf, const char *what)
{
    return base_str_find(leaf, base_str_c(what), 0) != SIZE_MAX;
}

static enum base_status count_kept(void *ctx, uint64_t index, struct base_str leaf)
{
    struct kept *k = ctx;

    (void)index;
    k->dropped += has(leaf, "\"ev\":\"retention.dropped\"");
    if (!has(leaf, "\"ev\":\"retention.kept\""))
        return BASE_OK;
    assert_true(has(leaf, "\"origin\":\"" UT_ORIGIN "\",\"period\":1,"));
    k->hold += has(leaf, "\"why\":\"hold\"") && has(leaf, "\"holds\":1,");
    k->days += has(leaf, "\"why\":\"record_days\"") && has(leaf, "\"record_days\":1,");
    return BASE_OK;
}

static struct kept kept_in(const char *dir)
{
    struct kept k = {0};

    assert_int_equal(aud_each(dir, 0, count_kept, &k, NULL), BASE_OK);
    return k;
}

static void wait_gone(const char *dir, const char *name, bool gone)
{
    char path[UT_PATH];
    struct stat sb;

    ut_join(path, dir, name);
    for (int i = 0; gone && stat(path, &sb) == 0; i++) {
        assert_true(i < 3000);
        usleep(10000);
    }
    assert_int_equal(stat(path, &sb) == 0, !gone);
}

/* keep_periods gives way to a legal hold and to the policy's record_days; both are on record, once.
 */
static void test_must_stay(void **state)
{
    static const struct conf_master master = {.kind = CONF_MASTER_FILE, .timeout_ms = 3000};
    char dir[UT_PATH];
    struct aud_keeper_options o = {.directory = dir, .master = &master};
    struct aud_keeper *keeper;
    struct aud_keep what = {.tenant = BASE_STR("acme"), .subject = BASE_STR("anna")};
    struct base_err err = {0};

    (void)state;
    ut_dir(dir);
    struct aud_log *l = open_periods(dir, 12, 1);
    if (aud_keeper_open(&o, l, &keeper, &err) != BASE_OK)
        fail_msg("keeper: %s", err.text);
    assert_int_equal(aud_keeper_keep(keeper, &what, NULL, NULL), BASE_OK); /* makes the tenant */
    if (aud_keeper_hold(keeper, "anna", "acme", "case 1", false, "t", &err) != BASE_OK)
        fail_msg("hold: %s", err.text);
    fill_to(l, dir, "a", 5);
    wait_gone(dir, "periods/0001", false);
    aud_keeper_close(keeper);
    ut_close(l);
    struct kept k = kept_in(dir);
    assert_int_equal(k.hold, 1);
    assert_int_equal(k.days + k.dropped, 0);
    l = open_periods(dir, 12, 1); /* no keeper: the file still forbids it */
    fill_to(l, dir, "b", 7);
    wait_gone(dir, "periods/0001", false);
    assert_int_equal(aud_keeper_open(&o, l, &keeper, &err), BASE_OK);
    aud_log_record_days(l, 1); /* the hold ends, the policy still says no */
    assert_int_equal(aud_keeper_hold(keeper, "anna", "acme", "", true, "t", &err), BASE_OK);
    for (int i = 0; kept_in(dir).days == 0; i++) {
        assert_true(i < 3000);
        usleep(10000);
    }
    wait_gone(dir, "periods/0001", false);
    aud_log_record_days(l, 0);
    wait_gone(dir, "periods/0001", true);
    wait_gone(dir, "periods/0004", true);
    aud_keeper_close(keeper);
    ut_close(l);
    k = kept_in(dir); /* what the dropped periods had is gone with them */
    assert_int_equal(k.days, 1);
    assert_true(k.dropped >= 4);
    ut_must_hold(dir, NULL);
    ut_rm(dir);
}

/* Holds that cannot be read hold everything. */
static void test_unreadable_holds(void **state)
{
    char dir[UT_PATH], path[UT_PATH];

    (void)state;
    ut_dir(dir);
    struct aud_log *l = open_periods(dir, 12, 1);
    ut_join(path, dir, "keys/holds.json");
    ut_write(path, "{\"holds\":", 9);
    fill_to(l, dir, "a", 5);
    wait_gone(dir, "periods/0001", false);
    ut_close(l);
    assert_int_equal(kept_in(dir).hold, 1);
    ut_must_hold(dir, NULL);
    ut_rm(dir);
}

/* ---- crashes ---- */

static void copy_tree(const char *from, const char *to)
{
    char a[UT_PATH], b[UT_PATH];
    DIR *d = opendir(from);

    assert_non_null(d);
    mkdir(to, 0700);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        struct stat sb;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        assert_true((size_t)snprintf(a, UT_PATH, "%s/%s", from, e->d_name) < UT_PATH);
        assert_true((size_t)snprintf(b, UT_PATH, "%s/%s", to, e->d_name) < UT_PATH);
        if (stat(a, &sb) != 0)
            continue;
        if (S_ISDIR(sb.st_mode)) {
            char from2[UT_PATH], to2[UT_PATH];
            memcpy(from2, a, UT_PATH);
            memcpy(to2, b, UT_PATH);
            copy_tree(from2, to2);
        } else {
            ut_copy_file(a, b);
        }
    }
    closedir(d);
}

/* An open log, without its threads, whose period has just ended. */
static void end_by_hand(const char *dir, struct aud_core *c, struct aud_next *next, bool with_end)
{
    struct aud_options o = {.directory = dir, .origin = UT_ORIGIN, .segment_bytes = 8192};
    struct base_err err = {0};
    struct base_buf b;
    char leaf[256];

    if (aud_core_open(c, &o, NULL, &err) != BASE_OK)
        fail_msg("%s", err.text);
    ut_leaf(leaf, "req.intent", "spans", 1);
    assert_int_equal(aud_core_append(c, base_str_c(leaf), NULL), BASE_OK);
    assert_int_equal(aud_wal_commit(&c->wal, NULL), BASE_OK);
    assert_int_equal(aud_next_prepare(c, next, NULL), BASE_OK);
    if (!with_end)
        return;
    base_buf_init(&b, 4096);
    assert_true(aud_leaf_end(&b, next->conf.origin));
    assert_int_equal(aud_core_append(c, base_buf_view(&b), NULL), BASE_OK);
    assert_int_equal(aud_wal_commit(&c->wal, NULL), BASE_OK);
    base_buf_release(&b);
}

/* The image holds as it lies, opens, goes on, and holds. */
static void survives(const char *image, uint64_t period, bool spans_known)
{
    struct aud_verify_report r;

    ut_must_hold(image, &r);
    assert_true(r.intents >= 1);
    struct aud_log *l = ut_open(image, 8192, 10);
    assert_int_equal(period_of(l), period);
    ut_fill(l, "after", 5);
    ut_close(l);
    ut_must_hold(image, &r);
    assert_int_equal(r.unknown_outcomes, spans_known ? 1 : 0);
    assert_int_equal(r.open_intents, 0);
    ut_rm(image);
}

static void test_crash(void **state)
{
    char dir[UT_PATH], image[UT_PATH], scratch[UT_PATH];
    struct aud_core c;
    struct aud_next next;
    struct aud_closing old = {.period = 0};
    struct aud_intents open;
    static const char *const moves[][2] = {{"tile", "periods/0001/tile"},
                                           {"wal", "periods/0001/wal"},
                                           {"checkpoint", "periods/0001/checkpoint"},
                                           {"state", "periods/0001/state"},
                                           {"log.conf", "periods/0001/log.conf"},
                                           {"next/wal", "wal"},
                                           {"next/checkpoint", "checkpoint"},
                                           {"next/state", "state"},
                                           {"next/log.conf", "log.conf"}};

    (void)state;
    ut_dir(scratch);
    ut_join(dir, scratch, "log");
    ut_join(image, scratch, "image");
    ut_close(ut_open(dir, 8192, 10));
    aud_intents_init(&open);
    assert_int_equal(aud_intents_add(&open, BASE_STR("spans"), BASE_STR("a"), 3, 0), BASE_OK);

    end_by_hand(dir, &c, &next, false); /* prepared only: taken back */
    copy_tree(dir, image);
    aud_next_release(&next);
    aud_core_release(&c);
    survives(image, 1, true);

    ut_rm(dir);
    ut_close(ut_open(dir, 8192, 10));
    end_by_hand(dir, &c, &next, true); /* log.end is there: begun at the next open */
    copy_tree(dir, image);
    survives(image, 2, true);
    assert_int_equal(aud_next_begin(&c, &next, &open, &old, NULL), BASE_OK);
    copy_tree(dir, image); /* decided: finished at the next open */
    survives(image, 2, true);
    struct aud_tiler *t = aud_tiler_new(dir);
    assert_int_equal(aud_next_sign_old(dir, &old, t, NULL), BASE_OK);
    aud_tiler_free(t);
    copy_tree(dir, image);
    survives(image, 2, true);
    char path[UT_PATH];
    ut_join(path, dir, "periods/0001");
    assert_int_equal(base_mkdirs(path, NULL), BASE_OK);
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        rename_in(dir, moves[i][0], moves[i][1]);
        copy_tree(dir, image);
        survives(image, 2, true);
    }
    assert_int_equal(aud_next_move(dir, 1, NULL), BASE_OK);
    aud_core_release(&c);
    aud_skey_wipe(&old.key);
    survives(dir, 2, true);
    aud_intents_release(&open);
    ut_rm(scratch);
}

/* A reader that was there before the change goes on behind it. */
static void test_reader(void **state)
{
    char dir[UT_PATH];
    struct aud_reader *r;
    const struct aud_leaf_ref *leaf;
    size_t n;
    uint64_t next = 0;
    struct aud_stats s;
    enum base_status st;

    (void)state;
    ut_dir(dir);
    struct aud_log *l = open_periods(dir, 20, 0);
    assert_int_equal(aud_reader_open(dir, 0, &r, NULL), BASE_OK);
    for (int i = 0; i < 40; i++) {
        char p[32];

        snprintf(p, sizeof(p), "r%d", i);
        ut_fill(l, p, 3);
        while ((st = aud_reader_next(r, &leaf, &n, NULL)) == BASE_OK) {
            for (size_t k = 0; k < n; k++)
                assert_int_equal(leaf[k].index, next++);
        }
        assert_int_equal(st, BASE_DONE);
        usleep(3000);
    }
    ut_close(l);
    while ((st = aud_reader_next(r, &leaf, &n, NULL)) == BASE_OK)
        next += n;
    assert_int_equal(st, BASE_DONE);
    struct aud_verify_report rep;
    ut_must_hold(dir, &rep);
    assert_true(rep.periods >= 3);
    assert_int_equal(next, rep.leaves);
    (void)s;
    aud_reader_close(r);
    ut_rm(dir);
}

/* A reader that fell behind by more than a segment when the period changed: the segment that it
 * waits for stands elsewhere now, and the current period has fewer. */
static void test_reader_behind(void **state)
{
    char dir[UT_PATH];
    struct aud_reader *r;
    const struct aud_leaf_ref *leaf;
    size_t n;
    uint64_t next = 0;
    enum base_status st;

    (void)state;
    ut_dir(dir);
    struct aud_log *l = open_periods(dir, 200, 0);
    ut_fill(l, "first", 2);
    assert_int_equal(aud_reader_open(dir, 0, &r, NULL), BASE_OK);
    while ((st = aud_reader_next(r, &leaf, &n, NULL)) == BASE_OK)
        next += n;
    assert_int_equal(st, BASE_DONE);
    assert_true(next > 0);
    while (period_of(l) < 2) /* several segments, and the end */
        ut_fill(l, "more", 10);
    ut_fill(l, "last", 2);
    while (aud_there(dir, AUD_NEXT))
        usleep(10000);
    while ((st = aud_reader_next(r, &leaf, &n, NULL)) == BASE_OK) {
        for (size_t k = 0; k < n; k++)
            assert_int_equal(leaf[k].index, next++);
    }
    assert_int_equal(st, BASE_DONE);
    ut_close(l);
    while ((st = aud_reader_next(r, &leaf, &n, NULL)) == BASE_OK)
        next += n;
    struct aud_verify_report rep;
    ut_must_hold(dir, &rep);
    assert_int_equal(next, rep.leaves);
    aud_reader_close(r);
    ut_rm(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_under_load),
        cmocka_unit_test(test_carried),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_dropped_names_it),
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_must_stay),
        cmocka_unit_test(test_unreadable_holds),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_reader_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Goal: `weir audit` says what the contract says, in its exit code and on standard output.
 * Method: the commands run in this process on a small log, standard output caught in a file; the
 * proof that `prove` prints is taken apart and checked against the checkpoint inside it.
 */
#include "tests/unit/audit_util.h"

#include "audit/cmd/cmd.h"
#include "audit/log/note.h"

static char out_text[65536];

/* Runs `weir audit ARGS...`; standard output is in out_text afterwards. */
static int run(const char *const *args)
{
    char *argv[12] = {NULL};
    char path[UT_PATH];
    int argc = 0;

    for (; args[argc]; argc++)
        argv[argc] = strdup(args[argc]);
    ut_dir(path);
    char file[UT_PATH];
    ut_join(file, path, "out");
    fflush(stdout);
    int keep = dup(1), fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(keep >= 0 && fd >= 0 && dup2(fd, 1) == 1);
    int rc = aud_command(argc, argv);
    fflush(stdout);
    assert_int_equal(dup2(keep, 1), 1);
    close(keep);
    ssize_t n = pread(fd, out_text, sizeof(out_text) - 1, 0);
    assert_true(n >= 0);
    out_text[n] = 0;
    close(fd);
    ut_rm(path);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return rc;
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static unsigned lines(void)
{
    unsigned n = 0;

    for (const char *c = out_text; *c; c++)
        n += *c == '\n';
    return n;
}

static void test_verify_show(void **state)
{
    char dir[UT_PATH], path[UT_PATH];

    (void)state;
    ut_dir(dir);
    struct aud_log *l = ut_open(dir, 8192, 20);
    ut_fill(l, "c", 5);
    ut_close(l);
    assert_int_equal(RUN("verify", dir), 0);
    assert_non_null(strstr(out_text, "holds: 12 records of " UT_ORIGIN ", 12 under"));
    assert_int_equal(RUN("verify", dir, "--json"), 0);
    assert_non_null(strstr(out_text, "\"holds\":true"));
    assert_int_equal(RUN("show", dir), 0);
    assert_int_equal(lines(), 12);
    assert_int_equal(RUN("show", dir, "--from", "3", "--limit", "4", "--json"), 0);
    assert_int_equal(lines(), 4);
    assert_non_null(strstr(out_text, "{\"index\":3,\"leaf\":{\"ev\":\"req.intent\""));
    assert_int_equal(RUN("show", dir, "--req", "c-2"), 0);
    assert_int_equal(lines(), 2);
    assert_int_equal(RUN("verify", "--help"), 0);
    assert_int_equal(RUN("verify"), 2);
    assert_int_equal(RUN("verify", dir, "--nonsense"), 2);
    assert_int_equal(RUN("verify", dir, "--vkey", "nonsense"), 2);
    assert_int_equal(RUN("verify", "/nonexistent/log"), 2);
    assert_int_equal(RUN("show", dir, "--from", "x"), 2);
    assert_int_equal(RUN("nonsense"), 2);
    assert_int_equal(RUN("witness", dir), 2); /* of what logs? */
    ut_join(path, dir, "wal/00000000000000000000.wal");
    struct base_buf b = ut_read(path);
    char *hit = memmem(b.p, b.n, "\"c-2\"", 5);
    assert_non_null(hit);
    hit[3] = '3'; /* the record at index 5 */
    ut_write(path, b.p, b.n);
    base_buf_release(&b);
    assert_int_equal(RUN("verify", dir), 1);
    assert_non_null(strstr(out_text, "DOES NOT HOLD at index 5: wal/00000000000000000000.wal"));
    ut_rm(dir);
}

static enum base_status leaf_seven(void *ctx, uint64_t index, struct base_str leaf)
{
    if (index == 7)
        aud_leaf_hash(leaf.p, leaf.n, ctx);
    return BASE_OK;
}

static void test_prove(void **state)
{
    char dir[UT_PATH];
    struct aud_hash proof[AUD_PROOF_MAX], leaf;
    struct aud_checkpoint cp;
    struct aud_vkey k;
    struct aud_verify_report r;
    struct base_str text;
    size_t n = 0;

    (void)state;
    ut_dir(dir);
    struct aud_log *l = ut_open(dir, 8192, 20);
    ut_fill(l, "p", 40);
    ut_close(l);
    ut_must_hold(dir, &r);
    assert_int_equal(RUN("prove", dir, "--index", "82"), 2);
    assert_int_equal(RUN("prove", dir), 2);
    assert_int_equal(RUN("prove", dir, "--index", "7"), 0);
    struct base_str rest = base_str_c(out_text);
    assert_true(base_str_is(base_str_cut(&rest, '\n'), "c2sp.org/tlog-proof@v1"));
    assert_true(base_str_starts(base_str_cut(&rest, '\n'), BASE_STR("extra ")));
    assert_true(base_str_is(base_str_cut(&rest, '\n'), "index 7"));
    for (;;) {
        struct base_str line = base_str_cut(&rest, '\n');

        if (line.n == 0)
            break;
        assert_true(n < AUD_PROOF_MAX);
        assert_int_equal(aud_b64_decode(line, proof[n++].b, 32), 32);
    }
    assert_int_equal(aud_vkey_parse(base_str_c(r.vkey), &k, NULL), BASE_OK);
    assert_int_equal(aud_note_verify(rest, &k, &text, NULL, NULL), BASE_OK);
    assert_int_equal(aud_checkpoint_parse(text, &cp, NULL), BASE_OK);
    assert_int_equal(cp.size, 82);
    assert_int_equal(aud_each(dir, 0, leaf_seven, &leaf, NULL), BASE_OK);
    assert_true(aud_inclusion_verify(7, cp.size, &leaf, proof, n, &cp.root));
    assert_false(aud_inclusion_verify(8, cp.size, &leaf, proof, n, &cp.root));
    ut_rm(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify_show),
        cmocka_unit_test(test_prove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Goal: cosignatures are those of the specification; a witness signs nothing that it could have to
 * contradict; proofs from tiles are those of the definition, and a proof file is accepted in its
 * one form only. Method: the fixed vector of two seeds and an eight-leaf tree; the protocol's cases
 * against a witness in this process; every pair of sizes of a small log, with tiles, without, and
 * with a wrong one; a proof with each of its bytes changed.
 */
#include "tests/unit/audit_util.h"

#include "audit/log/note.h"
#include "audit/log/reader.h"
#include "audit/verify/proof.h"
#include "audit/verify/proof_file.h"
#include "audit/verify/ver.h"
#include "audit/witness/witness.h"
#include "audit/witness/witnesses.h"

static const char vector[] =
    "audit.example.internal/gw1\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n"
    "\xE2\x80\x94 audit.example.internal/gw1 Y7K0mPqlYto+eyNW4h2EI9LGC/TXGP50OTY25Kbo/"
    "B8Gopg5xCTuUVL6GsusMxkh45Mho1sww9v2/doivDeCx+nvpAI=\n"
    "\xE2\x80\x94 witness.example.internal/w1 "
    "peG4NAAAAABlU/EAZi5N5MjDTOWCAEJuxyer4EPJIZv/"
    "4jzXDsgoLSyZ6RYCFYKKksXz5GSfLamv0AcE1chFu+we2bTd11yppdoYBQ==\n";
#define WITNESS_VKEY                                                                               \
    "witness.example.internal/w1+a5e1b834+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"

static void test_vector(void **state)
{
    uint8_t seed[32];
    struct aud_skey log, witness;
    struct aud_vkey k;
    char vkey[AUD_VKEY_MAX];
    struct base_str text, lines;
    struct base_buf b;
    bool has;
    uint64_t when;

    (void)state;
    memset(seed, 1, 32);
    assert_int_equal(aud_skey_from_seed("audit.example.internal/gw1", seed, &log, NULL), BASE_OK);
    memset(seed, 2, 32);
    assert_int_equal(
        aud_skey_make(AUD_KEY_COSIGNER, "witness.example.internal/w1", seed, &witness, NULL),
        BASE_OK);
    assert_true(aud_vkey_print(&witness.vkey, vkey));
    assert_string_equal(vkey, WITNESS_VKEY);
    assert_int_equal(aud_wkey_parse(base_str_c(vkey), &k, NULL), BASE_OK);
    assert_int_equal(aud_vkey_parse(base_str_c(vkey), &k, NULL), BASE_EINVAL); /* another type */
    assert_int_equal(aud_wkey_parse(base_str_c(vkey), &k, NULL), BASE_OK);
    assert_int_equal(aud_note_split(base_str_c(vector), &text, &lines, NULL), BASE_OK);
    base_buf_init(&b, 8192);
    assert_int_equal(aud_note_sign(text, &log, &b, NULL), BASE_OK);
    assert_int_equal(aud_cosign(text, &witness, 1700000000, &b, NULL), BASE_OK);
    assert_true(base_str_is(base_buf_view(&b), vector));
    assert_int_equal(aud_cosigned(base_buf_view(&b), &k, &has, &when, NULL), BASE_OK);
    assert_true(has && when == 1700000000);
    b.p[b.n - 12] ^= 1; /* its signature */
    assert_int_equal(aud_cosigned(base_buf_view(&b), &k, &has, NULL, NULL), BASE_EINVAL);
    memset(seed, 3, 32);
    assert_int_equal(aud_skey_make(AUD_KEY_COSIGNER, "else", seed, &witness, NULL), BASE_OK);
    assert_int_equal(aud_cosigned(base_str_c(vector), &witness.vkey, &has, NULL, NULL), BASE_OK);
    assert_false(has);
    base_buf_release(&b);
}

/* "old N", n hashes, an empty line, the checkpoint. */
static int add(struct aud_witness *w, uint64_t old, const struct aud_hash *proof, size_t n,
               struct base_str note, struct base_buf *out)
{
    struct base_buf body;
    const char *type;

    base_buf_init(&body, 200000);
    base_buf_clear(out);
    base_buf_printf(&body, "old %llu\n", (unsigned long long)old);
    aud_proof_print(&body, proof, n);
    base_buf_byte(&body, '\n');
    base_buf_str(&body, note);
    int status = aud_witness_add(w, base_buf_view(&body), out, &type);
    base_buf_release(&body);
    return status;
}

static void test_protocol(void **state)
{
    char dir[UT_PATH], log_dir[UT_PATH], vkey[AUD_VKEY_MAX];
    struct aud_witness *w;
    struct aud_verify_report r;
    struct aud_hash proof[AUD_PROOF_MAX];
    struct aud_where *at = calloc(1, sizeof(*at));
    struct aud_checkpoint a, b;
    struct base_buf out, first, second;
    size_t n;
    bool has;

    (void)state;
    ut_dir(dir);
    ut_dir(log_dir);
    struct aud_log *l = ut_open(log_dir, 8192, 10);
    ut_fill(l, "a", 5);
    ut_close(l);
    ut_must_hold(log_dir, &r);
    base_buf_init(&out, 200000);
    base_buf_init(&first, AUD_NOTE_MAX);
    base_buf_init(&second, AUD_NOTE_MAX);
    assert_int_equal(aud_where_number(log_dir, 0, at, NULL), BASE_OK);
    assert_int_equal(aud_checkpoint_load(log_dir, &at->conf, &a, &first, NULL), BASE_OK);
    l = ut_open(log_dir, 8192, 10);
    ut_fill(l, "b", 30);
    ut_close(l);
    assert_int_equal(aud_checkpoint_load(log_dir, &at->conf, &b, &second, NULL), BASE_OK);
    assert_int_equal(aud_proof_consistency(log_dir, a.size, &a.root, &b, proof, &n, NULL), BASE_OK);

    assert_int_equal(aud_witness_open(dir, NULL, &w, NULL), BASE_ENOENT);
    assert_int_equal(aud_witness_open(dir, "w/1", &w, NULL), BASE_OK);
    assert_int_equal(add(w, 0, NULL, 0, base_buf_view(&first), &out), 404);
    assert_int_equal(aud_witness_trust(w, "nonsense", NULL), BASE_EINVAL);
    assert_int_equal(aud_witness_trust(w, r.vkey, NULL), BASE_OK);
    assert_int_equal(add(w, 0, NULL, 0, BASE_STR("x"), &out), 400);
    assert_int_equal(add(w, a.size + 1, NULL, 0, base_buf_view(&first), &out), 400);
    assert_int_equal(add(w, 3, NULL, 0, base_buf_view(&first), &out), 409);
    assert_true(base_str_is(base_buf_view(&out), "0\n"));
    assert_int_equal(add(w, 0, proof, 1, base_buf_view(&first), &out), 422);
    assert_int_equal(add(w, 0, NULL, 0, base_buf_view(&first), &out), 200);
    assert_int_equal(add(w, a.size, proof, n - 1, base_buf_view(&second), &out), 422);
    assert_int_equal(add(w, a.size, proof, n, base_buf_view(&second), &out), 200);
    base_buf_str(&second, base_buf_view(&out));
    assert_true(aud_witness_vkey(w, vkey));
    struct aud_vkey k;
    assert_int_equal(aud_wkey_parse(base_str_c(vkey), &k, NULL), BASE_OK);
    assert_int_equal(aud_cosigned(base_buf_view(&second), &k, &has, NULL, NULL), BASE_OK);
    assert_true(has);
    aud_witness_close(w);
    assert_int_equal(aud_witness_open(dir, NULL, &w, NULL), BASE_OK); /* it remembers */
    assert_int_equal(aud_witness_trust(w, r.vkey, NULL), BASE_OK);
    assert_int_equal(add(w, a.size, NULL, 0, base_buf_view(&first), &out), 409);
    assert_int_equal(add(w, b.size, NULL, 0, base_buf_view(&second), &out), 200); /* again */
    first.p[first.n - 12] ^= 1;
    assert_int_equal(add(w, b.size, NULL, 0, base_buf_view(&first), &out), 403);
    aud_witness_close(w);
    base_buf_release(&out);
    base_buf_release(&first);
    base_buf_release(&second);
    free(at);
    ut_rm(dir);
    ut_rm(log_dir);
}

/* The key's owner cannot have another history of a period signed under another month's name, nor go
 * back to one. */
static void test_one_name_a_period(void **state)
{
    static const struct {
        const char *origin;
        int status;
    } steps[] = {
        {"a/b", 200},           {"a/b/2026-11.2", 200}, {"a/b/2026-12.2", 422},
        {"a/b/2026-11.2", 200}, {"a/b/2027-01.4", 200}, {"a/b/2026-12.3", 422},
        {"a/b", 200},           {"a/c", 404},
    };
    uint8_t seed[32] = {7};
    char dir[UT_PATH], vkey[AUD_VKEY_MAX];
    struct aud_witness *w;
    struct aud_skey key;

    (void)state;
    ut_dir(dir);
    assert_int_equal(aud_witness_open(dir, "w/1", &w, NULL), BASE_OK);
    assert_int_equal(aud_skey_from_seed("a/b", seed, &key, NULL), BASE_OK);
    assert_true(aud_vkey_print(&key.vkey, vkey));
    assert_int_equal(aud_witness_trust(w, vkey, NULL), BASE_OK);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct aud_checkpoint cp = {.size = 1};
        struct base_buf text, note, out;
        bool again = false;

        for (size_t k = 0; k < i; k++)
            again |= strcmp(steps[k].origin, steps[i].origin) == 0;
        snprintf(cp.origin, sizeof(cp.origin), "%s", steps[i].origin);
        aud_leaf_hash("x", 1, &cp.root);
        base_buf_init(&text, 4096);
        base_buf_init(&note, 65536);
        base_buf_init(&out, 65536);
        assert_int_equal(aud_skey_from_seed(cp.origin, seed, &key, NULL), BASE_OK);
        assert_true(aud_checkpoint_print(&cp, &text));
        assert_int_equal(aud_note_sign(base_buf_view(&text), &key, &note, NULL), BASE_OK);
        assert_int_equal(add(w, again ? 1 : 0, NULL, 0, base_buf_view(&note), &out),
                         steps[i].status);
        base_buf_release(&text);
        base_buf_release(&note);
        base_buf_release(&out);
    }
    aud_witness_close(w);
    ut_rm(dir);
}

/* Proofs of a log of 600 leaves: from tiles, without them, and past a wrong one. */
static void test_proofs(void **state)
{
    char dir[UT_PATH], path[UT_PATH];
    struct aud_where *at = calloc(1, sizeof(*at));
    struct aud_checkpoint cp;
    struct aud_hash proof[AUD_PROOF_MAX], root;
    struct base_buf note, tile;
    size_t n;

    (void)state;
    ut_dir(dir);
    struct aud_log *l = ut_open(dir, 0, 10);
    ut_fill(l, "p", 299);
    ut_close(l);
    base_buf_init(&note, AUD_NOTE_MAX);
    assert_int_equal(aud_where_number(dir, 0, at, NULL), BASE_OK);
    assert_int_equal(aud_checkpoint_load(dir, &at->conf, &cp, &note, NULL), BASE_OK);
    assert_int_equal(cp.size, 600);
    ut_join(path, dir, "tile/0/000");
    tile = ut_read(path);
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = round ? 37 : 1; i <= cp.size; i += round ? 97 : 7) {
            assert_int_equal(aud_proof_inclusion(dir, i - 1, &cp, proof, &n, NULL, NULL), BASE_OK);
            assert_int_equal(aud_proof_root(dir, i, &cp, &root, NULL), BASE_OK);
            if (round == 1) /* an unchecked hash out of a wrong tile */
                continue;
            assert_int_equal(aud_proof_consistency(dir, i, &root, &cp, proof, &n, NULL), BASE_OK);
            root.b[7] ^= 1;
            assert_int_equal(aud_proof_consistency(dir, i, &root, &cp, proof, &n, NULL),
                             BASE_EINVAL);
        }
        if (round == 0) { /* a wrong tile: the records are asked */
            tile.p[100] ^= 1;
            ut_write(path, tile.p, tile.n);
        } else {
            ut_join(path, dir, "tile");
            ut_rm(path);
        }
    }
    assert_int_equal(aud_proof_inclusion(dir, 600, &cp, proof, &n, NULL, NULL), BASE_EINVAL);
    base_buf_release(&tile);
    base_buf_release(&note);
    free(at);
    ut_rm(dir);
}

static bool accepts(struct base_str file, const struct aud_vkey *k)
{
    struct aud_proof_file p = {.index = 0};
    bool ok = aud_proof_file_parse(file, &p, NULL) == BASE_OK &&
              aud_proof_file_verify(&p, k, NULL, 0, 0, NULL) == BASE_OK;

    base_buf_release(&p.leaf);
    return ok;
}

/* Every byte of a proof file counts. */
static void test_proof_file(void **state)
{
    uint8_t seed[32] = {7};
    static const char leaf[] = "{\"ev\":\"x\"}";
    struct aud_skey key;
    struct aud_range r;
    struct aud_hash other, mine;
    struct aud_checkpoint cp = {.origin = "a/b", .size = 2};
    struct base_buf text, file;

    (void)state;
    assert_int_equal(aud_skey_from_seed("a/b", seed, &key, NULL), BASE_OK);
    aud_leaf_hash("other", 5, &other);
    aud_leaf_hash(leaf, strlen(leaf), &mine);
    aud_range_init(&r);
    aud_range_add(&r, &other);
    aud_range_add(&r, &mine);
    aud_range_root(&r, &cp.root);
    base_buf_init(&text, 4096);
    base_buf_init(&file, 65536);
    assert_true(aud_checkpoint_print(&cp, &text));
    base_buf_z(&file, "c2sp.org/tlog-proof@v1\nextra ");
    aud_b64_encode(&file, leaf, strlen(leaf));
    base_buf_z(&file, "\nindex 1\n");
    aud_proof_print(&file, &other, 1);
    base_buf_byte(&file, '\n');
    assert_int_equal(aud_note_sign(base_buf_view(&text), &key, &file, NULL), BASE_OK);
    assert_true(accepts(base_buf_view(&file), &key.vkey));
    for (size_t i = 0; i < file.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            file.p[i] ^= (char)(1 << bit);
            assert_false(accepts(base_buf_view(&file), &key.vkey));
            file.p[i] ^= (char)(1 << bit);
        }
        assert_false(accepts(base_str_n(file.p, i), &key.vkey));
    }
    struct aud_vkey period; /* the key of period 1 stands for all */
    assert_int_equal(aud_vkey_named(&key.vkey, BASE_STR("a/b/2026-12.4"), &period), BASE_OK);
    assert_true(accepts(base_buf_view(&file), &period));
    assert_int_equal(aud_vkey_named(&key.vkey, BASE_STR("a/c"), &period), BASE_OK);
    assert_false(accepts(base_buf_view(&file), &period));
    base_buf_release(&text);
    base_buf_release(&file);
}

/* The verifier's idea of a record, beside the one at the door. */
static void test_records(void **state)
{
    static const char *const good[] = {
        "{\"ev\":\"x\",\"req\":\"\",\"t\":2,\"tenant\":\"\",\"v\":1}",
        "{ \"v\" : 1 ,\"t\":2,\"ev\":\"x\",\"req\":\"\\u0041\",\"tenant\":\"\\ud83d\\ude00\",\"a\":"
        "[{},[],1.5,-2e9,null,true,false,{\"v\":\"\"}],\"status\":7}"};
    static const char *const bad[] = {
        "{\"ev\":\"x\",\"req\":\"\",\"t\":2,\"tenant\":\"\",\"v\":1} ",
        "{\"ev\":\"x\",\"req\":\"\",\"t\":2,\"tenant\":\"\",\"v\":0}",
        "{\"ev\":\"x\",\"req\":\"\",\"t\":-2,\"tenant\":\"\",\"v\":1}",
        "{\"ev\":\"x\",\"req\":\"\",\"t\":2,\"tenant\":null,\"v\":1}",
        "{\"ev\":\"x\",\"ev\":\"x\",\"req\":\"\",\"t\":2,\"tenant\":\"\",\"v\":1}",
        "{\"v\":1,\"ev\":\"x\",\"req\":\"\",\"t\":2,\"tenant\":\"\",\"ev\":\"x\"}",
        "{\"ev\":\"\\udc00\",\"req\":\"\",\"t\":2,\"tenant\":\"\",\"v\":1}",
        "{\"ev\":\"\x01\",\"req\":\"\",\"t\":2,\"tenant\":\"\",\"v\":1}",
        "{\"ev\":\"\xff\",\"req\":\"\",\"t\":2,\"tenant\":\"\",\"v\":1}",
        "{\"ev\":\"x\",\"req\":\"\",\"t\":02,\"tenant\":\"\",\"v\":1}"};
    struct ver_record r;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(ver_record_scan(base_str_c(good[i]), &r));
    assert_true(r.v == 1 && r.t == 2 && base_str_is(r.req, "\\u0041") && r.status.n == 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(ver_record_scan(base_str_c(bad[i]), &r));
}

/* ---- the end ---- */

static clockid_t joined_by = -1;
static int64_t joined_for_ms;

/* Stands before the C library's own. */
int pthread_clockjoin_np(pthread_t t, void **out, clockid_t clock, const struct timespec *until)
{
    struct timespec now;

    clock_gettime(clock, &now);
    joined_by = clock;
    joined_for_ms = (until->tv_sec - now.tv_sec) * 1000 + (until->tv_nsec - now.tv_nsec) / 1000000;
    return pthread_join(t, out);
}

/* A clock that is set while Weir stops neither prolongs the stop nor takes the witnesses' last
 * word: the wait goes by the clock that nobody sets, and is the one asked for. */
static void test_the_last_wait(void **state)
{
    char dir[UT_PATH];
    struct aud_witnesses *w;
    struct base_err err;
    const struct aud_witness_conf c = {"w1", "http://127.0.0.1:9/", WITNESS_VKEY, NULL};

    (void)state;
    ut_dir(dir);
    assert_int_equal(aud_witnesses_start(dir, &c, 1, 1, &w, &err), BASE_OK);
    aud_witnesses_stop(w, 2600);
    assert_int_equal(joined_by, CLOCK_MONOTONIC);
    assert_true(joined_for_ms <= 2600);
    ut_rm(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_protocol),
        cmocka_unit_test(test_one_name_a_period),
        cmocka_unit_test(test_proofs),
        cmocka_unit_test(test_proof_file),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_the_last_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

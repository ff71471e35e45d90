/* Goal: the tree, the proofs, the note and the checkpoint are those of RFC 6962 and C2SP, bit for
 * bit. Method: published and fixed vectors; then every proof for every size up to 130, made and
 * checked, with each of them also mutated (flip, drop, swap, extend, wrong index, wrong size) and
 * rejected.
 */
#include "tests/unit/audit_util.h"

#include "audit/log/merkle.h"
#include "audit/log/note.h"

#define SIZES 130

static const char *const leaf_hex[8] = {"",
                                        "00",
                                        "10",
                                        "2021",
                                        "3031",
                                        "40414243",
                                        "5051525354555657",
                                        "606162636465666768696a6b6c6d6e6f"};
static const char *const roots[9] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        unsigned v;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
        out[i] = (uint8_t)v;
    }
    return n;
}

static void test_roots(void **state)
{
    struct aud_range r;
    struct aud_hash h;
    uint8_t leaf[16];
    char hex[AUD_HEX_MAX];

    (void)state;
    aud_range_init(&r);
    for (int i = 0; i <= 8; i++) {
        aud_range_root(&r, &h);
        assert_string_equal(aud_hash_hex(&h, hex), roots[i]);
        if (i < 8) {
            size_t n = unhex(leaf_hex[i], leaf);
            aud_leaf_hash(leaf, n, &h);
            aud_range_add(&r, &h);
        }
    }
}

/* MTH straight from the definition, for comparison. */
static void mth(const struct aud_hash *leaf, uint64_t n, struct aud_hash *out)
{
    uint64_t k = 1;
    struct aud_hash l, r;

    if (n == 1) {
        *out = leaf[0];
        return;
    }
    while (k * 2 < n)
        k *= 2;
    mth(leaf, k, &l);
    mth(leaf + k, n - k, &r);
    aud_node_hash(&l, &r, out);
}

static struct aud_hash leaves[SIZES];

static void make_leaves(void)
{
    for (uint32_t i = 0; i < SIZES; i++)
        aud_leaf_hash(&i, sizeof(i), &leaves[i]);
}

static void spans_hash(const struct aud_span *s, size_t n, struct aud_hash *out)
{
    for (size_t i = 0; i < n; i++)
        mth(leaves + s[i].lo, s[i].hi - s[i].lo, &out[i]);
}

/* All mutations of a proof must be refused by check(). */
typedef bool (*check_fn)(const struct aud_hash *proof, size_t n, const void *ctx);

static unsigned mutate(struct aud_hash *p, size_t n, check_fn check, const void *ctx)
{
    unsigned bad = 0;
    struct aud_hash q[AUD_PROOF_MAX + 1];

    for (size_t i = 0; i < n; i++) { /* flip */
        p[i].b[i % 32] ^= 0x10;
        bad += check(p, n, ctx);
        p[i].b[i % 32] ^= 0x10;
        memcpy(q, p, i * sizeof(*p)); /* drop */
        memcpy(q + i, p + i + 1, (n - i - 1) * sizeof(*p));
        bad += check(q, n - 1, ctx);
        if (i + 1 < n) { /* swap */
            memcpy(q, p, n * sizeof(*p));
            q[i] = p[i + 1];
            q[i + 1] = p[i];
            bad += check(q, n, ctx);
        }
    }
    memcpy(q, p, n * sizeof(*p)); /* extend */
    memset(&q[n], 7, sizeof(*q));
    bad += check(q, n + 1, ctx);
    return bad;
}

struct inclusion {
    uint64_t m, n;
    struct aud_hash root;
};

static bool inclusion(const struct aud_hash *p, size_t n, const void *ctx)
{
    const struct inclusion *c = ctx;

    return aud_inclusion_verify(c->m, c->n, &leaves[c->m], p, n, &c->root);
}

static void test_inclusion(void **state)
{
    struct aud_span span[AUD_PROOF_MAX];
    struct aud_hash p[AUD_PROOF_MAX];
    struct aud_range r;
    unsigned accepted = 0;

    (void)state;
    make_leaves();
    aud_range_init(&r);
    for (uint64_t n = 1; n <= SIZES; n++) {
        struct inclusion c = {.n = n};
        struct aud_hash direct;

        aud_range_add(&r, &leaves[n - 1]);
        aud_range_root(&r, &c.root);
        mth(leaves, n, &direct);
        assert_true(aud_hash_eq(&direct, &c.root));
        for (c.m = 0; c.m < n; c.m++) {
            size_t k = aud_inclusion_spans(c.m, n, span);

            assert_true(k < AUD_PROOF_MAX);
            spans_hash(span, k, p);
            assert_true(inclusion(p, k, &c));
            accepted++;
            assert_int_equal(mutate(p, k, inclusion, &c), 0);
            for (uint64_t other = 0; other < n; other++) { /* the leaf at a wrong place */
                if (other != c.m)
                    assert_false(aud_inclusion_verify(other, n, &leaves[c.m], p, k, &c.root));
            }
            assert_false(aud_inclusion_verify(n, n, &leaves[c.m], p, k, &c.root));
        }
    }
    assert_int_equal(accepted, SIZES * (SIZES + 1) / 2);
    assert_int_equal(aud_inclusion_spans(5, 5, span), SIZE_MAX);
}

struct consistency {
    uint64_t m, n;
    struct aud_hash old_root, new_root;
};

static bool consistency(const struct aud_hash *p, size_t n, const void *ctx)
{
    const struct consistency *c = ctx;

    return aud_consistency_verify(c->m, c->n, &c->old_root, &c->new_root, p, n);
}

static void test_consistency(void **state)
{
    struct aud_span span[AUD_PROOF_MAX];
    struct aud_hash p[AUD_PROOF_MAX];

    (void)state;
    make_leaves();
    for (uint64_t n = 1; n <= SIZES; n++) {
        for (uint64_t m = 1; m <= n; m++) {
            struct consistency c = {.m = m, .n = n};
            size_t k = aud_consistency_spans(m, n, span);

            assert_true(k < AUD_PROOF_MAX);
            mth(leaves, m, &c.old_root);
            mth(leaves, n, &c.new_root);
            spans_hash(span, k, p);
            assert_true(consistency(p, k, &c));
            assert_int_equal(mutate(p, k, consistency, &c), 0);
            c.old_root.b[3] ^= 1; /* a fork */
            assert_false(consistency(p, k, &c));
            c.old_root.b[3] ^= 1;
            c.new_root.b[30] ^= 0x80;
            assert_false(consistency(p, k, &c));
        }
    }
    struct aud_hash any = {{0}};
    assert_true(aud_consistency_verify(0, 9, &any, &any, NULL, 0));
    assert_false(aud_consistency_verify(0, 9, &any, &any, p, 1));
    assert_false(aud_consistency_verify(9, 8, &any, &any, NULL, 0));
}

/* ---- notes ---- */

#define LOG_NAME "audit.example.internal/gw1"
static const char fixed_text[] = LOG_NAME "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";
static const char fixed_sig[] =
    "\xE2\x80\x94 " LOG_NAME
    " Y7K0mPqlYto+eyNW4h2EI9LGC/TXGP50OTY25Kbo/B8Gopg5xCTuUVL6GsusMxkh45Mho"
    "1sww9v2/doivDeCx+nvpAI=\n";
static const char witness_sig[] = "\xE2\x80\x94 witness.example.internal/w1 "
                                  "peG4NAAAAABlU/EAZi5N5MjDTOWCAEJuxyer4EPJIZv/4jzXDsgoLSyZ"
                                  "6RYCFYKKksXz5GSfLamv0AcE1chFu+we2bTd11yppdoYBQ==\n";
static const char fixed_vkey[] = LOG_NAME "+63b2b498+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";

static void test_checkpoint_vector(void **state)
{
    uint8_t seed[32];
    struct aud_skey k;
    struct aud_checkpoint cp = {.origin = LOG_NAME, .size = 8};
    struct base_buf text, note;
    char vkey[AUD_VKEY_MAX];

    (void)state;
    memset(seed, 1, sizeof(seed));
    unhex(roots[8], cp.root.b);
    base_buf_init(&text, 65536);
    base_buf_init(&note, 65536);
    assert_int_equal(aud_skey_from_seed(LOG_NAME, seed, &k, NULL), BASE_OK);
    assert_true(aud_vkey_print(&k.vkey, vkey));
    assert_string_equal(vkey, fixed_vkey);
    assert_true(aud_checkpoint_print(&cp, &text));
    assert_string_equal(text.p, fixed_text);
    assert_int_equal(aud_note_sign(base_buf_view(&text), &k, &note, NULL), BASE_OK);
    size_t n = strlen(fixed_text);
    assert_memory_equal(note.p, fixed_text, n);
    assert_string_equal(note.p + n,
                        "\n\xE2\x80\x94 " LOG_NAME " "
                        "Y7K0mPqlYto+eyNW4h2EI9LGC/TXGP50OTY25Kbo/B8Gopg5xCTuUVL6GsusMxk"
                        "h45Mho1sww9v2/doivDeCx+nvpAI=\n");
    base_buf_release(&text);
    base_buf_release(&note);
    aud_skey_wipe(&k);
}

static bool note_ok(const char *p, size_t n, const struct aud_vkey *k)
{
    struct base_str text;
    struct aud_checkpoint cp;

    return aud_note_verify(base_str_n(p, n), k, &text, NULL, NULL) == BASE_OK &&
           aud_checkpoint_parse(text, &cp, NULL) == BASE_OK;
}

static void test_note_mutations(void **state)
{
    char note[1024];
    struct aud_vkey k;
    struct aud_checkpoint cp;
    struct base_str text;
    size_t n_sigs;
    size_t n = (size_t)snprintf(note, sizeof(note), "%s\n%s%s", fixed_text, fixed_sig, witness_sig);
    size_t own = strlen(fixed_text) + 1 + strlen(fixed_sig);

    (void)state;
    assert_int_equal(aud_vkey_parse(base_str_c(fixed_vkey), &k, NULL), BASE_OK);
    assert_int_equal(aud_note_verify(base_str_n(note, n), &k, &text, &n_sigs, NULL), BASE_OK);
    assert_int_equal(n_sigs, 2);
    assert_int_equal(aud_checkpoint_parse(text, &cp, NULL), BASE_OK);
    assert_int_equal(cp.size, 8);
    for (size_t i = 0; i < own; i++) { /* every bit of text and of our own signature line */
        for (int bit = 0; bit < 8; bit++) {
            note[i] = (char)(note[i] ^ (1 << bit));
            assert_false(note_ok(note, own, &k));
            note[i] = (char)(note[i] ^ (1 << bit));
        }
    }
    for (size_t cut = 0; cut < own; cut++)
        assert_false(note_ok(note, cut, &k));
    struct aud_vkey other = k;
    other.pub[5] ^= 1; /* same name and id, another key: the known key's signature is bad */
    assert_false(note_ok(note, n, &other));
    other = k;
    other.id[0] ^= 1; /* unknown key: nobody we know signed */
    assert_false(note_ok(note, n, &other));
}

/* The example key and note of the signed-note specification. */
static void test_spec_key(void **state)
{
    static const char spec[] =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    static const char *const bad[] = {
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
        "example com+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"};
    struct aud_vkey k;
    char again[AUD_VKEY_MAX];

    (void)state;
    assert_int_equal(aud_vkey_parse(base_str_c(spec), &k, NULL), BASE_OK);
    assert_true(aud_vkey_print(&k, again));
    assert_string_equal(again, spec);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(aud_vkey_parse(base_str_c(bad[i]), &k, NULL), BASE_EINVAL);
}

static void test_checkpoint_bad(void **state)
{
    static const char *const bad[] = {
        "",
        "a\n",
        "a\n8\n",
        "a\n08\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "a\n-8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "a\n18446744073709551616\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=\n", /* bits no encoder sets */
        "a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg\n",
        "a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\nextra\n",
        "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"};
    struct aud_checkpoint cp;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(aud_checkpoint_parse(base_str_c(bad[i]), &cp, NULL), BASE_EINVAL);
    assert_int_equal(aud_checkpoint_parse(base_str_c(fixed_text), &cp, NULL), BASE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roots),          cmocka_unit_test(test_inclusion),
        cmocka_unit_test(test_consistency),    cmocka_unit_test(test_checkpoint_vector),
        cmocka_unit_test(test_note_mutations), cmocka_unit_test(test_spec_key),
        cmocka_unit_test(test_checkpoint_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

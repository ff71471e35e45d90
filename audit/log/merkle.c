/* merkle.c - the RFC 6962 tree, incrementally.
 *
 * Owns nothing but one hash context per thread (EVP fetched once per process; the context is freed
 * by the thread's exit handler). The tree itself is never in memory: a compact range of at most 64
 * hashes is enough to append and to take the root, and proofs are lists of leaf spans that whoever
 * reads the leaves turns into hashes.
 */
#include "audit/log/merkle.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static EVP_MD *md;

static void ctx_free(void *p)
{
    EVP_MD_CTX_free(p);
}

static void setup(void)
{
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    BASE_BUG_ON(!md || pthread_key_create(&key, ctx_free) != 0);
}

static EVP_MD_CTX *ctx_get(void)
{
    pthread_once(&once, setup);
    EVP_MD_CTX *c = pthread_getspecific(key);
    if (!c) {
        c = EVP_MD_CTX_new();
        BASE_BUG_ON(!c || pthread_setspecific(key, c) != 0);
    }
    return c;
}

static void hash3(int prefix, const void *a, size_t na, const void *b, size_t nb,
                  struct aud_hash *out)
{
    EVP_MD_CTX *c = ctx_get();
    const uint8_t tag = (uint8_t)prefix;
    struct aud_hash h; /* out may be one of the inputs */

    bool ok = EVP_DigestInit_ex2(c, md, NULL) == 1;
    if (prefix >= 0)
        ok = ok && EVP_DigestUpdate(c, &tag, 1) == 1;
    if (na > 0)
        ok = ok && EVP_DigestUpdate(c, a, na) == 1;
    if (nb > 0)
        ok = ok && EVP_DigestUpdate(c, b, nb) == 1;
    ok = ok && EVP_DigestFinal_ex(c, h.b, NULL) == 1;
    BASE_BUG_ON(!ok);
    *out = h;
}

void aud_sha256(const void *p, size_t n, struct aud_hash *out)
{
    hash3(-1, p, n, NULL, 0, out);
}

void aud_leaf_hash(const void *p, size_t n, struct aud_hash *out)
{
    hash3(0, p, n, NULL, 0, out);
}

void aud_node_hash(const struct aud_hash *l, const struct aud_hash *r, struct aud_hash *out)
{
    hash3(1, l->b, sizeof(l->b), r->b, sizeof(r->b), out);
}

bool aud_hash_eq(const struct aud_hash *a, const struct aud_hash *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

char *aud_hash_hex(const struct aud_hash *h, char out[AUD_HEX_MAX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < AUD_HASH_BYTES; i++) {
        out[2 * i] = digits[h->b[i] >> 4];
        out[2 * i + 1] = digits[h->b[i] & 15];
    }
    out[2 * AUD_HASH_BYTES] = 0;
    return out;
}

void aud_range_init(struct aud_range *r)
{
    memset(r, 0, sizeof(*r));
}

unsigned aud_range_count(const struct aud_range *r)
{
    return (unsigned)__builtin_popcountll(r->n);
}

void aud_range_add(struct aud_range *r, const struct aud_hash *leaf)
{
    unsigned k = aud_range_count(r);
    struct aud_hash h = *leaf;

    /* every trailing one bit of n is a complete subtree as large as the one just finished */
    for (uint64_t n = r->n; n & 1; n >>= 1)
        aud_node_hash(&r->h[--k], &h, &h);
    r->h[k] = h;
    r->n++;
}

void aud_range_root(const struct aud_range *r, struct aud_hash *out)
{
    unsigned k = aud_range_count(r);

    if (k == 0) {
        aud_sha256(NULL, 0, out);
        return;
    }
    struct aud_hash h = r->h[--k];
    while (k > 0)
        aud_node_hash(&r->h[--k], &h, &h);
    *out = h;
}

/* The largest power of two below n; n > 1. */
static uint64_t split(uint64_t n)
{
    return 1ull << (63 - __builtin_clzll(n - 1));
}

static void reverse(struct aud_span *s, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        struct aud_span t = s[i];
        s[i] = s[n - 1 - i];
        s[n - 1 - i] = t;
    }
}

size_t aud_inclusion_spans(uint64_t index, uint64_t n, struct aud_span out[AUD_PROOF_MAX])
{
    uint64_t lo = 0, hi = n;
    size_t k = 0;

    if (index >= n)
        return SIZE_MAX;
    while (hi - lo > 1) {
        uint64_t mid = lo + split(hi - lo);

        BASE_BUG_ON(k >= AUD_PROOF_MAX);
        if (index < mid) {
            out[k++] = (struct aud_span){mid, hi};
            hi = mid;
        } else {
            out[k++] = (struct aud_span){lo, mid};
            lo = mid;
        }
    }
    reverse(out, k);
    return k;
}

size_t aud_consistency_spans(uint64_t m, uint64_t n, struct aud_span out[AUD_PROOF_MAX])
{
    uint64_t lo = 0, hi = n;
    size_t k = 0;

    if (m > n)
        return SIZE_MAX;
    if (m == 0 || m == n)
        return 0;
    /* SUBPROOF of RFC 9162 section 2.1.4.1: go down to the subtree that ends at m; it is itself
     * part of the proof unless it is the whole old tree */
    while (hi != m) {
        uint64_t mid = lo + split(hi - lo);

        BASE_BUG_ON(k >= AUD_PROOF_MAX);
        if (m <= mid) {
            out[k++] = (struct aud_span){mid, hi};
            hi = mid;
        } else {
            out[k++] = (struct aud_span){lo, mid};
            lo = mid;
        }
    }
    if (lo != 0) {
        BASE_BUG_ON(k >= AUD_PROOF_MAX);
        out[k++] = (struct aud_span){lo, hi};
    }
    reverse(out, k);
    return k;
}

bool aud_inclusion_verify(uint64_t index, uint64_t n, const struct aud_hash *leaf,
                          const struct aud_hash *proof, size_t n_proof, const struct aud_hash *root)
{
    if (index >= n)
        return false;
    uint64_t fn = index, sn = n - 1;
    struct aud_hash r = *leaf;

    for (size_t i = 0; i < n_proof; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            aud_node_hash(&proof[i], &r, &r);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            aud_node_hash(&r, &proof[i], &r);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && aud_hash_eq(&r, root);
}

bool aud_consistency_verify(uint64_t m, uint64_t n, const struct aud_hash *old_root,
                            const struct aud_hash *new_root, const struct aud_hash *proof,
                            size_t n_proof)
{
    if (m > n)
        return false;
    if (m == 0)
        return n_proof == 0;
    if (m == n)
        return n_proof == 0 && aud_hash_eq(old_root, new_root);
    uint64_t fn = m - 1, sn = n - 1;
    size_t i = 0;
    struct aud_hash fr, sr;

    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    if ((m & (m - 1)) == 0) {
        fr = *old_root; /* the old tree is itself a subtree of the new one */
    } else {
        if (n_proof == 0)
            return false;
        fr = proof[i++];
    }
    sr = fr;
    for (; i < n_proof; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            aud_node_hash(&proof[i], &fr, &fr);
            aud_node_hash(&proof[i], &sr, &sr);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            aud_node_hash(&sr, &proof[i], &sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && aud_hash_eq(&fr, old_root) && aud_hash_eq(&sr, new_root);
}

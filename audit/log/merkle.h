/* merkle.h - the Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1) over SHA-256.
 *
 *   MTH({})  = SHA-256("")
 *   leaf     = SHA-256(0x00 || bytes)
 *   interior = SHA-256(0x01 || left || right), split at the largest power of two below n
 *
 * Pure functions over caller-owned memory, any thread, nothing blocks. Hashing fails only when
 * OpenSSL has no SHA-256, which is a defect of the installation: the functions then abort.
 */
#ifndef AUD_MERKLE_H
#define AUD_MERKLE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUD_HASH_BYTES 32
#define AUD_PROOF_MAX  64

struct aud_hash {
    uint8_t b[AUD_HASH_BYTES];
};

void aud_sha256(const void *p, size_t n, struct aud_hash *out);
void aud_leaf_hash(const void *p, size_t n, struct aud_hash *out);
void aud_node_hash(const struct aud_hash *l, const struct aud_hash *r, struct aud_hash *out);
bool aud_hash_eq(const struct aud_hash *a, const struct aud_hash *b);
#define AUD_HEX_MAX 65
char *aud_hash_hex(const struct aud_hash *h, char out[AUD_HEX_MAX]);

/* The roots of the perfect subtrees that n leaves fall into, largest first: one for each set bit of
 * n. All that is needed to append, and to know the root. */
struct aud_range {
    uint64_t n;
    struct aud_hash h[64];
};
void aud_range_init(struct aud_range *r);
unsigned aud_range_count(const struct aud_range *r); /* how many of h are in use */
void aud_range_add(struct aud_range *r, const struct aud_hash *leaf);
void aud_range_root(const struct aud_range *r, struct aud_hash *out);

/* A proof is a list of subtree hashes; each of them is the tree hash of leaves [lo, hi). These give
 * the lists in proof order (leaf side first) and leave the hashing to the caller, who can then
 * compute them all in one pass over the leaves. Returns how many, at most AUD_PROOF_MAX; SIZE_MAX
 * when m and n are out of range. */
struct aud_span {
    uint64_t lo, hi;
};
size_t aud_inclusion_spans(uint64_t index, uint64_t n, struct aud_span out[AUD_PROOF_MAX]);
size_t aud_consistency_spans(uint64_t m, uint64_t n, struct aud_span out[AUD_PROOF_MAX]);

/* RFC 9162 sections 2.1.3.2 and 2.1.4.2. */
bool aud_inclusion_verify(uint64_t index, uint64_t n, const struct aud_hash *leaf,
                          const struct aud_hash *proof, size_t n_proof,
                          const struct aud_hash *root) BASE_MUST_CHECK;
bool aud_consistency_verify(uint64_t m, uint64_t n, const struct aud_hash *old_root,
                            const struct aud_hash *new_root, const struct aud_hash *proof,
                            size_t n_proof) BASE_MUST_CHECK;

#endif

/* proof.h - inclusion and consistency proofs of one period, from tile/ where that is there (a few
 * files), else from the records. Private to audit/. Blocks on files.
 */
#ifndef AUD_PROOF_H
#define AUD_PROOF_H

#include "audit/log/merkle.h"
#include "audit/log/state.h"

#define AUD_PROOF_BYTES_MAX (AUD_PROOF_MAX * 45u + 2u * AUD_NOTE_MAX)

/* dir is the place of the period. Both check what they found: BASE_EINVAL when the records do not
 * have that root. The leaf itself goes to *leaf (may be NULL). */
enum base_status aud_proof_inclusion(const char *dir, uint64_t index,
                                     const struct aud_checkpoint *cp,
                                     struct aud_hash proof[AUD_PROOF_MAX], size_t *n,
                                     struct base_buf *leaf, struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_proof_consistency(const char *dir, uint64_t m, const struct aud_hash *old_root,
                                       const struct aud_checkpoint *cp,
                                       struct aud_hash proof[AUD_PROOF_MAX], size_t *n,
                                       struct base_err *err) BASE_MUST_CHECK;
/* The root at a smaller size. */
enum base_status aud_proof_root(const char *dir, uint64_t m, const struct aud_checkpoint *cp,
                                struct aud_hash *root, struct base_err *err) BASE_MUST_CHECK;

/* The hashes as lines, and back: "base64\n" each. False: malformed or too many. */
void aud_proof_print(struct base_buf *out, const struct aud_hash *proof, size_t n);
bool aud_proof_parse(struct base_str lines, struct aud_hash proof[AUD_PROOF_MAX], size_t *n);

#endif

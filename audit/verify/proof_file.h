/* proof_file.h - a C2SP tlog-proof as somebody gets it who has nothing else. Pure; any thread. */
#ifndef AUD_PROOF_FILE_H
#define AUD_PROOF_FILE_H

#include "audit/log/note.h"

struct aud_proof_file {
    uint64_t index;
    struct aud_hash proof[AUD_PROOF_MAX];
    size_t n;
    bool has_leaf;
    struct base_buf leaf;     /* `extra`; the caller releases it, also after an error */
    struct base_str note;     /* borrowed from the file */
    struct aud_checkpoint cp; /* after aud_proof_file_verify */
};

/* p must be zeroed. Checks the form only. */
enum base_status aud_proof_file_parse(struct base_str file, struct aud_proof_file *p,
                                      struct base_err *err) BASE_MUST_CHECK;
/* The checkpoint's signature under the log's key (under the name of any of its periods), `quorum`
 * of the witnesses, and that p->leaf is in it. */
enum base_status aud_proof_file_verify(struct aud_proof_file *p, const struct aud_vkey *log,
                                       const struct aud_vkey *witness, unsigned n_witnesses,
                                       unsigned quorum, struct base_err *err) BASE_MUST_CHECK;

#endif

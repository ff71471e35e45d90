/* witnesses.h - the log's end of the C2SP tlog-witness protocol: cosignatures for its checkpoints.
 */
#ifndef AUD_WITNESSES_H
#define AUD_WITNESSES_H

#include "audit/audit.h"

struct aud_witnesses;

struct aud_witness_conf {
    const char *name, *url, *vkey, *ca;
};

/* Follows the checkpoint file in dir on a thread of its own and asks each witness for its
 * cosignature; never on the way of a record. quorum: how many make a `witnessed`. The strings are
 * copied. */
enum base_status aud_witnesses_start(const char *dir, const struct aud_witness_conf *w, size_t n,
                                     unsigned quorum, struct aud_witnesses **out,
                                     struct base_err *err) BASE_MUST_CHECK;
/* Asks a last time for at most wait_ms, then ends. After the log was closed. NULL is fine. */
void aud_witnesses_stop(struct aud_witnesses *w, uint32_t wait_ms);

struct aud_witness_stats {
    char name[64];
    uint64_t size;                   /* it signed last, in the current period */
    uint64_t signed_us;              /* wall clock; 0: never */
    uint64_t asked, refused, failed; /* refused: it said that the log does not hold */
    char error[160];                 /* of the last try; empty: it was good */
};
/* *n: in, how many fit; out, how many there are. *size and *lag_us: of the newest checkpoint that
 * the quorum signed, and how long the newest one has waited for that (0: it has it). */
void aud_witnesses_stats(struct aud_witnesses *w, struct aud_witness_stats *out, size_t *n,
                         uint64_t *size, uint64_t *lag_us);

#endif

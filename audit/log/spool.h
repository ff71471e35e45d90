/* spool.h - a second log on another disk for when the first one fails, and its way back. Private to
 * audit/. */
#ifndef AUD_SPOOL_H
#define AUD_SPOOL_H

#include "audit/log/core.h"

struct aud_spool;

/* Makes an empty log under o->spool, ready to take records at once. Blocks. */
enum base_status aud_spool_new(const struct aud_options *o, struct aud_spool **out,
                               struct base_err *err) BASE_MUST_CHECK;
/* Closes it; removes it when it has taken nothing. Blocks. NULL is fine. */
void aud_spool_free(struct aud_spool *s);
/* The key it signs with; lives as long as s. */
const char *aud_spool_vkey(const struct aud_spool *s);
/* The failed log's writer only: queues leaf as the next record behind core's committed end. Waits
 * while the spool's queue is full. done is called as for aud_log_submit, with the index that the
 * leaf will have in the first log again. An error when the spool has failed too: done is not
 * called. */
enum base_status aud_spool_take(struct aud_spool *s, const struct aud_core *core, const char *why,
                                struct base_str leaf, aud_done_fn done, void *ctx) BASE_MUST_CHECK;
/* Any thread. */
uint64_t aud_spool_taken(const struct aud_spool *s);

#endif

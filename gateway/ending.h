/* ending.h - how a request ends: errors, the outcome leaf, the last bytes, release.
 *
 * All of it runs on the loop's thread and never blocks. Every request ends through exactly one of
 * gw_request_finish (an intent is on record) and gw_request_send_error (none is).
 */
#ifndef GW_ENDING_H
#define GW_ENDING_H

#include "gateway/request_types.h"

/* Prepares what release frees. Before anything else. */
void gw_request_init_ending(struct gw_request *q);
/* Fills q->status and q->error; strings are copied to the arena, code and param may be NULL. Sends
 * nothing. */
void gw_request_fail(struct gw_request *q, int status, const char *type, const char *code,
                     const char *param, const char *fmt, ...) BASE_PRINTF(6, 7);
/* Bounds the wait for q->ticket; when it is over, q ends as its state demands. */
void gw_request_arm(struct gw_request *q);
/* The ticket came back: no deadline any more. */
void gw_request_disarm(struct gw_request *q);
/* Appends every x-weir-* header line that is known by now. */
void gw_request_headers(const struct gw_request *q, struct base_buf *out);
/* Sends q->error with its headers and ends the HTTP request; no leaf is written here. q is gone. */
void gw_request_send_error(struct gw_request *q);
/* Ends q with q->status, q->outcome and q->error: outcome leaf, durable, then the last bytes (what
 * is in q->out, or the error). q may be gone when it returns. */
void gw_request_finish(struct gw_request *q);
/* Frees what the arena does not own. The last thing that happens to q. */
void gw_request_release(struct gw_request *q);

/* Puts q among its loop's requests with an attempt, until it is released. */
void gw_request_list(struct gw_request *q);

#endif

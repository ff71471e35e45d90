/* oblige.h - what the policy asks of the answering side: which tools the model may have, what the
 * answer may say, what travels beside it (notice, record of origin), and who must see it first.
 *
 * Loop thread; never blocks. The guard (guard.h) looks, this decides what is looked at and what
 * follows from it.
 */
#ifndef GW_OBLIGE_H
#define GW_OBLIGE_H

#include "gateway/request_types.h"

/* After a decision: notes which of the request's tools the policy takes away. */
void gw_oblige_decided(struct gw_request *q);
/* Before an attempt: takes those tools out of q->sent, makes the guard and the digest that this
 * decision asks for. False: q->error is set (403 when the caller insists on a tool it may not
 * have).
 */
bool gw_oblige_begin(struct gw_request *q);
/* A piece of the answer that goes to the client, or would but for a review. BASE_LIMIT: more than a
 * reviewer can be shown. */
enum base_status gw_oblige_piece(struct gw_request *q, const struct chat_event *ev) BASE_MUST_CHECK;
/* An upstream's words about its failure are an answer too: takes out of e what the decision's
 * answers may not say, and all of them where a human must see the answer first. */
void gw_oblige_error(struct gw_request *q, struct chat_error *e);
/* True if this header of the upstream's may be passed on. */
bool gw_oblige_header(struct gw_request *q, struct base_str name, struct base_str value);
/* The answer is complete: makes its record of origin where one is asked for. False: it could not be
 * made, and q->error is set. */
bool gw_oblige_end(struct gw_request *q);
/* Appends the header lines of all this. */
void gw_oblige_headers(const struct gw_request *q, struct base_buf *out);
/* True if what an answer says is held back until it has been looked at, and may come out late. */
bool gw_oblige_holds(const struct gw_request *q);
/* True if the decision asks for this obligation. */
bool gw_obliged(const struct gw_request *q, const char *word);
/* What an earlier attempt left; also the end. */
void gw_oblige_drop(struct gw_request *q);

#endif

/* keep.h - what of a request's content is kept, and the waiting for it. Loop's thread.
 *
 * The keeper (audit/content/keeper.h) encrypts and stores on a thread of its own. A request waits
 * for it twice: with what the client sent, before its intent is recorded, and with what it got,
 * before its outcome is. What is sent to a back end goes to the keeper when it is sent and is not
 * waited for alone: the queue is in order, so the wait before the outcome covers it.
 */
#ifndef GW_KEEP_H
#define GW_KEEP_H

#include "audit/content/keeper.h"
#include "gateway/request_types.h"

/* Chooses by the rules of the configuration what is kept of q (q->keep). After the decision. */
void gw_keep_choose(struct gw_request *q);
/* Stores the request and has its subject named (q->subject_tag), then calls then(q); at once when
 * there is nothing to do. When it cannot be done and the configuration says refuse, q is refused.
 */
void gw_keep_begin(struct gw_request *q, void (*then)(struct gw_request *q));
/* The bytes that go to a back end. False: they could not be kept and so must not be sent. */
bool gw_keep_sent(struct gw_request *q, struct base_str wire) BASE_MUST_CHECK;
/* A piece of the back end's answer before originals are put back; and of what the client gets. */
void gw_keep_received(struct gw_request *q, struct base_str text);
void gw_keep_delivered(struct gw_request *q, struct base_str bytes);
/* Stores what was got, then calls then(q). q->keep.lost tells whether it could not be. */
void gw_keep_end(struct gw_request *q, void (*then)(struct gw_request *q));
/* The configuration refuses what it cannot keep, and something of q could not be kept. */
bool gw_keep_refuses(const struct gw_request *q);
/* The wait for the keeper is over: counts as lost, and q goes on. */
void gw_keep_give_up(struct gw_request *q);
/* q ends: nothing of it may be called any more; buffers are wiped. */
void gw_keep_release(struct gw_request *q);

#endif

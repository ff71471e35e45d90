/* judge.h - where a request may go: plan, facts, decision, and the durable record of it.
 */
#ifndef GW_JUDGE_H
#define GW_JUDGE_H

#include "gateway/request_types.h"

/* A header's value, trimmed, or empty. Borrows the request's arena. */
struct base_str gw_request_header(const struct gw_request *q, const char *name);
/* Judges (again): plan, facts and decision as of now, without the candidates in q->tried. False:
 * q->error is set. Pure but for the clock's day; a few microseconds. */
bool gw_request_decide(struct gw_request *q);
/* Records the decision as `ev` ("req.intent", "req.fallback") and calls `then` on this loop once it
 * is durable; when it cannot be recorded, q ends with a 503 instead. Never calls `then` itself. */
void gw_request_record_intent(struct gw_request *q, const char *ev,
                              void (*then)(struct gw_request *q));

#endif

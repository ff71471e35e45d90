/* answer.h - getting the answer: attempts, fallback, restoring. Loop thread; never blocks.
 */
#ifndef GW_ANSWER_H
#define GW_ANSWER_H

#include "gateway/request_types.h"

/* The decision is on record: act on it. */
void gw_answer_start(struct gw_request *q);
/* What an attempt's source calls with each event; ctx: the request. BASE_OK: go on. */
enum base_status gw_answer_event(void *ctx, const struct chat_event *ev);
/* Has a switch been thrown, since the decision, on what it chose? */
bool gw_answer_off(const struct gw_request *q);
/* The client has left while an attempt runs. */
void gw_answer_gone(struct gw_request *q);
/* What is switched off has changed: attempts that a kill switch now stops are cut. Before the first
 * content the next candidate is tried; after it the answer ends with the dialect's error. */
void gw_answer_switched(struct gw_app_loop *al);
/* The client takes bytes again. */
void gw_answer_drained(struct gw_request *q);

#endif

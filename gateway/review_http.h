/* review_http.h - answers under review as clients and reviewers meet them. Loop thread; never
 * blocks. review.h is the queue itself.
 */
#ifndef GW_REVIEW_HTTP_H
#define GW_REVIEW_HTTP_H

#include "gateway/request_types.h"

/* The answer in q->out is complete, but goes nowhere: q ends with 403 review_pending. */
void gw_review_hold(struct gw_request *q);
/* Its outcome is durable: into the queue with it. When that is full q's error becomes a 503. */
void gw_review_put(struct gw_request *q);
/* The client asks for a held answer (x-weir-review: ID). True: q is taken, and ends here. */
bool gw_review_fetch(struct gw_request *q);
/* GET /admin/v1/reviews, GET and POST /admin/v1/reviews/ID; rest is what stands behind
 * "reviews". */
void gw_review_admin(struct gw_server_request *r, struct base_str rest);

#endif

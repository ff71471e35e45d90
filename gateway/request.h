/* request.h - the main listener's handler (see gw_server_ops): each request enters here.
 */
#ifndef GW_REQUEST_H
#define GW_REQUEST_H

#include "gateway/net/server.h"

/* Before a body is read: who has no key is refused here. */
bool gw_request_head(struct gw_server_request *r);
void gw_request_begin(struct gw_server_request *r);
/* What the server could not take for a request: on record, and answered with all headers. */
void gw_request_malformed(struct gw_server_request *r, int status, const char *why);
void gw_request_gone(struct gw_server_request *r);
void gw_request_drained(struct gw_server_request *r);

struct gw_request;
/* Ends q with q->error and one req.refused leaf: nothing of it is on record yet. */
void gw_request_refuse(struct gw_request *q);
/* Before another decision of a request under way: looks again for people on the lists, if these
 * have changed since it was scanned. False: it could not be examined. */
bool gw_request_people_again(struct gw_request *q);
/* Whether that would examine the whole request once more, and it is large: not on a loop. */
bool gw_request_people_slow(const struct gw_request *q);
/* That on a thread of the pool; then() is called on the loop, in the state that q has now. q is not
 * touched meanwhile. good: it is examined by the lists of now; else q->error says why not. */
void gw_request_people_later(struct gw_request *q, void (*then)(struct gw_request *q, bool good));

#endif

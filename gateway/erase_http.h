/* erase_http.h - POST /admin/v1/erase. Loop 0's thread. */
#ifndef GW_ERASE_HTTP_H
#define GW_ERASE_HTTP_H

#include "gateway/net/server.h"

/* Takes the request: destroys a subject's key and content, or the content of one request.
 * Body: {"subject":S,"tenant":T?,"reason":R?} or {"req":ID,"reason":R?}. 200 with what was
 * destroyed, 404 when nothing is kept of it, 409 under a hold or before the minimum retention. */
void gw_erase_admin(struct gw_server_request *r, struct base_str rest);

#endif

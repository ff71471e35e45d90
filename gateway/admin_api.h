/* admin_api.h - what an admin key may look at and order under /admin/v1. Loop 0's thread.
 *
 * What an admin does is on record: handlers that change or reveal something write a leaf first and
 * act when it is durable (gw_admin_record).
 */
#ifndef GW_ADMIN_API_H
#define GW_ADMIN_API_H

#include "gateway/keys.h"
#include "gateway/net/server.h"

/* struct gw_app's `admin`: takes the request if the path is known. The key has been checked. */
bool gw_admin_api(struct gw_server_request *r);
/* The client has gone while a leaf is awaited. True: the request ends by itself, later. */
bool gw_admin_api_gone(struct gw_server_request *r);

/* Whose key this is: an admin's, or an auditor's that only reads (GET). False: the handler must
 * refuse. */
bool gw_admin_who(struct gw_server_request *r, struct gw_key_info *out);
/* Writes leaf and calls then(r, arg) once it is durable; a 503 otherwise. After gone(), r's
 * responses do nothing. The handler must be on its last statement. */
void gw_admin_record(struct gw_server_request *r, struct base_str leaf,
                     void (*then)(struct gw_server_request *r, void *arg), void *arg);
/* Begins a leaf: {..."ev":EV,"key":ID,"req":ID,"t":...}; members in front of "ev" and behind "t"
 * are the caller's, sorted. */
struct base_json;
void gw_admin_leaf_who(struct base_json *j, const struct gw_server_request *r, const char *ev,
                       const struct gw_key_info *who);
/* {"error":{...}} */
void gw_admin_error(struct gw_server_request *r, int status, const char *type, const char *fmt, ...)
    BASE_PRINTF(4, 5);

#endif

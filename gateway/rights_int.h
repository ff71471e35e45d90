/* rights_int.h - what rights.c (file, thread) and rights_http.c (admin listener) share. */
#ifndef GW_RIGHTS_INT_H
#define GW_RIGHTS_INT_H

#include "gateway/net/server.h"
#include "gateway/rights.h"

/* A change that the admin listener asks for; made on loop 0, done by the watcher, answered, wiped
 * and freed on loop 0. */
struct gw_rights_ask {
    struct gw_post post;
    struct gw_rights_ask *next;
    struct gw_server_request *r;
    struct conf_rights_change what; /* strings in the arrays below */
    char identifier[CONF_RIGHTS_INPUT_MAX + 1], reason[CONF_RIGHTS_TEXT_MAX + 1];
    char approver[CONF_RIGHTS_NAME_MAX + 1], by[128], expires[16], old_id[CONF_RIGHTS_ID_MAX];
    char id[CONF_RIGHTS_ID_MAX];
    enum base_status st;
    struct base_err err;
};

/* Hands a over; gw_rights_answer(loop, a) follows on r's loop, after the loops have been posted the
 * new snapshot. Loop thread; never blocks. */
void gw_rights_ask(struct gw_rights_ask *a);
void gw_rights_answer(struct gw_loop *l, void *arg);

#endif

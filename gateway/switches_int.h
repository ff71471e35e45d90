/* switches_int.h - what switches.c (file, thread) and switches_http.c (admin listener) share. */
#ifndef GW_SWITCHES_INT_H
#define GW_SWITCHES_INT_H

#include "gateway/policy_state.h"
#include "gateway/switches.h"

/* A change that the admin listener asks for; made on loop 0, done by the watcher, answered and
 * freed on loop 0. */
struct gw_switches_ask {
    struct gw_post post;
    struct gw_switches_ask *next;
    struct gw_server_request *r;
    struct gw_state_change what; /* strings in the arrays below */
    char value[256], reason[GW_STATE_TEXT_MAX + 1], by[128];
    enum base_status st;
    struct base_err err;
};

/* Hands a over; gw_switches_answer(loop, a) follows on r's loop, after the loops have been posted
 * the new snapshot. Loop thread; never blocks. */
void gw_switches_ask(struct gw_switches_ask *a);
void gw_switches_answer(struct gw_loop *l, void *arg);

#endif

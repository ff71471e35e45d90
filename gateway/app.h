/* app.h - the pipeline's own state: what is made once, per configuration and per loop.
 */
#ifndef GW_APP_H
#define GW_APP_H

#include "audit/content/keeper.h"
#include "audit/sinks/sinks.h"
#include "audit/witness/witnesses.h"
#include "gateway/child.h"
#include "gateway/keys.h"
#include "gateway/pool.h"
#include "gateway/provenance.h"
#include "gateway/record.h"
#include "gateway/review.h"
#include "gateway/rights.h"
#include "gateway/switches.h"
#include "policy/policy.h"

/* What this gateway does when a policy asks for it (pol_can bits); a policy that asks for more is
 * refused. x-weir-ai-generated is on every answer. */
static inline unsigned gw_enforced(const struct conf *c)
{
    return (unsigned)(POL_CAN_LABEL | POL_CAN_TOOLS | POL_CAN_ANSWERS | POL_CAN_NOTICE |
                      POL_CAN_PROVENANCE | POL_CAN_HUMAN_REVIEW | POL_CAN_RETENTION |
                      POL_CAN_LABEL_DECISION | POL_CAN_LIMITS |
                      (c->engine.watermark.present ? POL_CAN_WATERMARK : 0));
}

struct gw_dash;

/* One snapshot of the key file, shared by the loops. */
struct gw_keys_ref {
    atomic_int refs;
    struct gw_keys *keys;
};

/* The upstream pools of one loop for one configuration; requests hold it while they run. */
struct gw_upstreams_ref {
    unsigned refs; /* loop thread only */
    struct gw_upstreams *u;
};

/* gen->app */
struct gw_app_gen {
    struct pol_policy *policy;
    struct pol_policy *shadow; /* decided beside it, never enforced; NULL: none */
    char conf_id[80];          /* "sha256:..." of the configuration file */
};

/* loop->app */
struct gw_app_loop {
    struct gw_loop *loop;
    const struct pol_detector *detector; /* borrowed: the process' one */
    struct pol_scratch *scratch;
    struct gw_recorder *recorder;
    struct aud_keeper *keeper; /* borrowed: the process' one */
    struct gw_keys_ref *keys;
    struct gw_upstreams_ref *upstreams; /* for loop->gen */
    struct gw_switches_ref *switches;   /* what is switched off */
    struct gw_rights_ref *rights;       /* who is restricted or objected */
    struct gw_pool *pool;               /* borrowed: the process' one */
    struct gw_request *running;         /* those with an attempt under way, by run_next */
    const struct gw_prov *prov;         /* borrowed: the process' one */
    struct gw_reviews *reviews;         /* same */
    struct gw_dash *dash;               /* loop 0's; NULL on others */
    bool log_failed;                    /* seen by this loop: everything is refused */
};

/* Before gw_child_main: the log's key is in a process of its own, at the other end of fd. */
void gw_app_signer(int fd);

/* What gw_child_main runs. */
extern const struct gw_app gw_weir_app;

void gw_upstreams_unref(struct gw_upstreams_ref *u);

/* The bearer token or x-api-key of a request, or an empty string. */
struct base_str gw_request_secret(const struct gw_http_head *h);

#endif

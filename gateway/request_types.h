/* request_types.h - one client request on its way through the gateway.
 *
 * Bottom up: record.c writes what the log keeps of it, ending.c ends it, judge.c decides where it
 * may go, answer.c gets the answer, request.c takes it from the HTTP server and sends it on its
 * way. Everything here belongs to one loop's thread and dies with the HTTP request's arena.
 */
#ifndef GW_REQUEST_TYPES_H
#define GW_REQUEST_TYPES_H

#include "base/chat.h"
#include "gateway/dialect/dialect.h"
#include "gateway/keys.h"
#include "gateway/net/loop.h"
#include "gateway/net/server.h"
#include "gateway/pool.h"
#include "gateway/route/plan.h"
#include "policy/policy.h"
#include <event2/event_struct.h>

struct gw_app_loop;
struct gw_rights_ref;
struct gw_ticket;
struct gw_upstreams_ref;

enum gw_request_state {
    GW_Q_ADMIT,   /* being judged; nothing is written yet */
    GW_Q_WORK,    /* a large one: with the pool, which alone may touch it; then on as before */
    GW_Q_REFUSED, /* waits for the leaf of a refusal at the door */
    GW_Q_KEEP,    /* waits for the keeper to store what the client sent; nothing is recorded yet */
    GW_Q_INTENT,  /* waits for the intent (or fallback) leaf; nothing has left */
    GW_Q_RUNNING, /* an attempt is under way */
    GW_Q_OUTCOME, /* waits for the outcome leaf; only the last bytes are owed */
    GW_Q_OVER
};

struct evp_md_ctx_st;
struct gw_guard;
struct gw_review_item;

/* What the policy asks of the answering side; oblige.c's. */
struct gw_oblige {
    struct gw_guard *guard;        /* of the attempt under way, or NULL */
    struct evp_md_ctx_st *digest;  /* over the text that went out, or NULL */
    uint64_t bytes;                /* of that text */
    struct base_buf reading;       /* what a reviewer will read, while the answer is held */
    struct base_str provenance;    /* the record of origin, once the answer is complete */
    struct base_str tools_removed; /* names, comma separated */
    size_t n_tools_removed;
    bool members_removed;           /* of the body, beside `tools`: they too can bring tools */
    const char *tools_rule;         /* who took the first of them away */
    uint32_t found[POL_TYPE_COUNT]; /* in the answer */
    struct gw_review_item *fetched; /* the approved answer that this request is for */
    bool held;                      /* the answer is whole and waits for a human */
};

#define GW_TOOL_CALLS_MAX 128 /* parallel tool calls in one answer */

/* How an attempt ended that another one follows; for the record. */
struct gw_tried {
    const char *route; /* NULL: there was none */
    const char *why;   /* static */
    int status;        /* HTTP status of the peer, 0 if it gave none */
    uint32_t redacted[POL_TYPE_COUNT];
};

struct gw_keeping;
struct gw_request;

/* What is kept of a request's content; gateway/keep.c. */
struct gw_keep {
    uint32_t kinds; /* bits of enum aud_content_kind; 0: nothing */
    int64_t minimum_s, maximum_s;
    bool lost; /* something that should be kept could not be */
    struct base_buf received, delivered;
    struct gw_keeping *under_way;        /* at the keeper, and waited for */
    void (*then)(struct gw_request *q);  /* when it comes back */
    void (*after)(struct gw_request *q); /* when the request's beginning is kept */
};

struct gw_request {
    struct gw_server_request *http;
    struct gw_app_loop *app;
    struct base_arena *arena;
    const struct gw_dialect *dialect;
    enum gw_request_state state;
    struct gw_ticket *ticket;
    void (*then)(struct gw_request *q); /* when the intent is durable */
    struct event timer;                 /* bounds the wait for a ticket */
    bool client_gone;
    struct gw_request *run_prev, *run_next; /* app->running, while an attempt is under way */
    bool in_run;

    /* facts */
    struct gw_key_info key;
    struct chat_request chat;
    struct gw_score score;
    bool scored;
    struct gw_plan plan;
    uint64_t rights_serial; /* of the lists of people that the facts were found with */
    struct pol_facts facts;
    struct pol_decision decision;
    bool decided;
    struct pol_decision shadow; /* what the shadow policy would have decided */
    bool has_shadow;
    enum pol_change shadow_change;
    struct base_str subject; /* x-weir-subject */
    char subject_tag[33];    /* as leaves name it; "" until the keeper has said */
    struct gw_keep keep;
    const char
        *tried[POL_CANDIDATES_MAX]; /* why this candidate is not tried again; NULL: untried */
    uint64_t overhead_us;
    struct gw_job job;            /* in GW_Q_WORK */
    enum base_status work_status; /* of what the pool did, or of the same done here */
    bool parsed;
    unsigned looks; /* how often it was examined because the lists of people had changed */
    enum gw_request_state looks_from;
    void (*looked)(struct gw_request *q, bool good);
    uint64_t began_us;
    struct gw_rights_ref *lists; /* who is restricted or objected: the snapshot scanned with */

    /* redaction: `sent` is the request as the attempt sees it */
    struct chat_request sent;
    struct pol_vault *vault;
    uint32_t redacted[POL_TYPE_COUNT];
    int block[2]; /* the upstream's block that the last thought [0] and text [1] was of */
    struct pol_restore *restore_text, *restore_reasoning, *restore_tool[GW_TOOL_CALLS_MAX];

    struct gw_oblige oblige;

    /* the attempt and the answer */
    struct gw_upstreams_ref *upstreams;
    struct gw_attempt *attempt;
    uint32_t attempts;
    uint32_t left; /* attempts whose route is off premises: content may have left with each */
    struct gw_tried last_tried;
    struct gw_reply *reply;
    struct base_buf out;       /* bytes of one event; the whole body when not streaming */
    struct base_buf passed_on; /* header lines of the upstream's that the client may see */
    struct base_str dropped;
    struct base_str region; /* where the upstream says it answered, or empty */
    bool committed;         /* the first content has come: no other route after it */
    bool paused;
    bool end_owed; /* the stream is complete but for its terminator */
    struct chat_usage usage;
    enum chat_finish finish;
    bool finished;
    uint64_t first_content_us, start_wall_us;

    /* how it ends */
    int status;                /* HTTP status of the answer */
    const char *malformed;     /* why the server did not take it for a request; else NULL */
    const char *outcome;       /* static: "ok", "denied", "error", "client_gone", "held",
                                  "withheld" */
    struct gw_api_error error; /* when status is not 200, or a stream breaks */
    struct base_str error_raw; /* the upstream's own body, to be passed on instead */
    uint64_t outcome_until_us; /* how long the outcome may wait for room in the log's queue */
    uint64_t log_index;
    bool has_log_index;
};

/* The wait for a durable leaf that counts as failure. */
#define GW_TICKET_MS 5000

#endif

/* request.h - one client request on its way through the gateway.
 *
 * request.c takes it from the HTTP handler to the durable intent, answer.c from there to the last
 * byte, record.c writes what the log keeps. Everything here belongs to one loop's thread and dies
 * with the HTTP request's arena.
 */
#ifndef GW_REQUEST_H
#define GW_REQUEST_H

#include "base/chat.h"
#include "gateway/dialect/dialect.h"
#include "gateway/keys.h"
#include "gateway/loop.h"
#include "gateway/route/plan.h"
#include "gateway/server.h"
#include "policy/policy.h"
#include <event2/event_struct.h>

struct gw_app_loop;
struct gw_ticket;
struct gw_upstreams_ref;

enum gw_request_state {
    GW_Q_ADMIT,   /* being judged; nothing is written yet */
    GW_Q_REFUSED, /* waits for the leaf of a refusal at the door */
    GW_Q_INTENT,  /* waits for the intent (or fallback) leaf; nothing has left */
    GW_Q_RUNNING, /* an attempt is under way */
    GW_Q_OUTCOME, /* waits for the outcome leaf; only the last bytes are owed */
    GW_Q_OVER
};

#define GW_TOOL_CALLS_MAX 128 /* parallel tool calls in one answer */

struct gw_request {
    struct gw_server_request *http;
    struct gw_app_loop *app;
    struct base_arena *arena;
    const struct gw_dialect *dialect;
    enum gw_request_state state;
    struct gw_ticket *ticket;
    struct event timer; /* bounds the wait for a ticket */
    bool client_gone;

    /* facts */
    struct gw_key_info key;
    struct chat_request chat;
    struct gw_score score;
    bool scored;
    struct gw_plan plan;
    struct pol_facts facts;
    struct pol_decision decision;
    bool decided;
    struct base_str subject; /* x-weir-subject */
    const char
        *tried[POL_CANDIDATES_MAX]; /* why this candidate is not tried again; NULL: untried */
    uint64_t overhead_us;

    /* redaction: `sent` is the request as the attempt sees it */
    struct chat_request sent;
    struct pol_vault *vault;
    uint32_t redacted[POL_TYPE_COUNT];
    struct pol_restore *restore_text, *restore_reasoning, *restore_tool[GW_TOOL_CALLS_MAX];

    /* the attempt and the answer */
    struct gw_upstreams_ref *upstreams;
    struct gw_attempt *attempt;
    uint32_t attempts;
    struct gw_reply *reply;
    struct base_buf out;       /* bytes of one event; the whole body when not streaming */
    struct base_buf passed_on; /* header lines of the upstream's that the client may see */
    struct base_str dropped;
    bool committed; /* the first content has come: no other route after it */
    bool paused;
    struct chat_usage usage;
    enum chat_finish finish;
    bool finished;
    uint64_t first_content_us, start_wall_us;

    /* how it ends */
    int status;                /* HTTP status of the answer */
    const char *outcome;       /* static: "ok", "denied", "error", "client_gone" */
    struct gw_api_error error; /* when status is not 200, or a stream breaks */
    struct base_str error_raw; /* the upstream's own body, to be passed on instead */
    uint64_t log_index;
    bool has_log_index;
};

/* request.c: the main listener's handler. */
void gw_request_begin(struct gw_server_request *r);
void gw_request_gone(struct gw_server_request *r);
void gw_request_drained(struct gw_server_request *r);
/* Judges (again): plan, facts, decision, now. False: q->error is set. */
bool gw_request_decide(struct gw_request *q);
/* Records ev and calls fn when it is durable; on failure ends q with a 503. */
void gw_request_record_intent(struct gw_request *q, const char *ev);

/* answer.c: the decision is on record; now act on it. */
void gw_answer_start(struct gw_request *q);
void gw_answer_gone(struct gw_request *q);
void gw_answer_drained(struct gw_request *q);
/* Ends q with q->status, q->outcome and q->error: outcome leaf, then the last bytes. */
void gw_answer_finish(struct gw_request *q);
/* The outcome's ticket came back; anything but BASE_OK cuts the answer with an error. */
void gw_answer_outcome_recorded(void *ctx, enum base_status st, uint64_t index);
/* Appends every x-weir-* header line that is known by now. */
void gw_answer_headers(const struct gw_request *q, struct base_buf *out);
/* Sends q->error with its headers and ends the HTTP request; no leaf is written here. */
void gw_answer_send_error(struct gw_request *q);
/* Frees what the arena does not own. The last thing that happens to q. */
void gw_request_release(struct gw_request *q);

/* Arms q's timer for a ticket; what happens then is up to the state. */
void gw_request_arm(struct gw_request *q);

void gw_request_fail(struct gw_request *q, int status, const char *type, const char *code,
                     const char *param, const char *fmt, ...) BASE_PRINTF(6, 7);

/* The wait for a durable leaf that counts as failure. */
#define GW_TICKET_MS 5000

#endif

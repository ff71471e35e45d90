/* source.h - where answers come from: the engine or an upstream, behind one small interface.
 *
 * A source takes one attempt (one canonical request to one target) and delivers chat_events on the
 * loop's thread, ending in exactly one CHAT_EV_END or CHAT_EV_ERROR unless cancelled. Sources know
 * nothing of policy or retries: gateway/request.c decides what is attempted and when.
 */
#ifndef GW_SOURCE_H
#define GW_SOURCE_H

#include "base/chat.h"
#include "conf/conf.h"

struct gw_attempt; /* a running one; owned by the source, valid until END, ERROR or cancel */

/* What the upstream said in its response head, for passing on. Strings borrowed. */
struct gw_attempt_headers {
    struct base_str retry_after, retry_after_ms, x_should_retry, request_id;
    struct base_str
        region; /* where the upstream says it answered (Azure's x-ms-region), or empty */
    /* "name: value" pairs such as x-ratelimit-*, anthropic-ratelimit-* */
    struct base_str rate_name[16], rate_value[16];
    size_t n_rate;
    /* Names of fields that this wire could not carry, comma separated (x-weir-dropped), or empty.
     */
    struct base_str dropped;
};

struct gw_attempt_spec {
    const struct conf_target *target;
    struct chat_request *request; /* already redacted where the decision says so; borrowed until
                                     the attempt ends */
    struct base_str request_id;
    struct base_str tenant;
    bool watermark; /* local models: mark the text */
    /* local models: what was asked for where the policy took tools away, else NULL. A model that
     * calls one of those all the same is understood, so that the guard can cut it off. */
    const struct chat_request *asked;
    uint32_t first_token_ms; /* deadline until first content: then ERROR (retryable, 504) */
    uint32_t total_ms;
    chat_event_fn event;
    /* Once, before the first event, when a response head came or, from the engine, when there is
     * something to tell; may be NULL. */
    void (*headers)(void *ctx, const struct gw_attempt_headers *h);
    /* Once, with the body as it will go out, before anything does (upstreams only); may be NULL.
     * False: it must not go out, and the attempt does not start. */
    bool (*wire)(void *ctx, struct base_str body);
    void *ctx;
};

/* upstream/: starts an attempt on loop's connection pool. Never calls back before it returns.
 * NULL with err when it cannot even be tried. */
struct gw_upstreams; /* per loop */
struct event_base;
/* conf may be swapped on reload: a new gw_upstreams is made for it, the old one is freed when its
 * last attempt ends. */
struct gw_upstreams *gw_upstreams_new(struct event_base *base, const struct conf *c,
                                      struct base_err *err);
void gw_upstreams_free(struct gw_upstreams *u); /* cancels what runs, closes the pool */
size_t gw_upstreams_active(const struct gw_upstreams *u);
struct gw_attempt *gw_upstream_start(struct gw_upstreams *u, const struct gw_attempt_spec *spec,
                                     struct base_err *err);

/* engine_link.c: the same towards the engine process. */
struct gw_engine_link; /* per loop: one socket to the engine, replaced when the engine restarts */
struct gw_engine_link *gw_engine_link_new(struct event_base *base);
void gw_engine_link_free(struct gw_engine_link *l);
/* Takes fd; what ran on the old one ends in ERROR (retryable, 503 "engine_restarted"). */
void gw_engine_link_attach(struct gw_engine_link *l, int fd);
/* What the engine last told of a model beside that (engine/serve/scheduler.h, struct
 * eng_sched_status).
 */
#define GW_GPUS_MAX 16
struct gw_engine_figures {
    uint64_t expected_wait_ms;
    uint64_t cache_tokens, cache_used, cache_kept;         /* now */
    uint64_t prefix_asked, prefix_hit, evicted, preempted; /* since the engine started */
    /* experts on a GPU; the rest since the engine started */
    uint64_t experts_on_device, pairs_on_device, pairs_on_cpu, pairs_sent;
    uint64_t expert_moves, moved_bytes, sent_bytes;
    /* the GPUs that have the model: bytes, now and, of copies, since the engine started */
    uint64_t n_gpus;
    struct gw_gpu_figures {
        uint64_t gpu; /* its number */
        uint64_t planned, weights, experts, cache, scratch;
        uint64_t from_host, to_host, from_gpus;
    } gpu[GW_GPUS_MAX];
};
/* All zero while nothing is known. */
struct gw_engine_figures gw_engine_link_figures(const struct gw_engine_link *l, const char *model);
/* engine_figures.c: the lines of /metrics that tell them of the configured models. */
void gw_engine_put_figures(const struct gw_engine_link *l, const struct conf *c,
                           struct base_buf *out);
/* False while the engine is down, loading, or lacks the model; *queued and *slots may be NULL. */
bool gw_engine_link_ready(const struct gw_engine_link *l, const char *model, uint32_t *queued,
                          uint32_t *active, uint32_t *slots);
/* What the engine's routers chose (engine_experts.h); empty while the engine is down. */
struct gw_experts;
const struct gw_experts *gw_engine_link_experts(const struct gw_engine_link *l);
struct gw_attempt *gw_engine_start(struct gw_engine_link *l, const struct gw_attempt_spec *spec,
                                   struct base_err *err);

/* Both: the client has gone or another route is taken. No callback after it. Idempotent in effect:
 * call it once, before END or ERROR. */
void gw_attempt_cancel(struct gw_attempt *a);
/* Back-pressure: stop and go on delivering events. */
void gw_attempt_pause(struct gw_attempt *a);
void gw_attempt_resume(struct gw_attempt *a);

/* For implementers: every gw_attempt starts with this. */
struct gw_attempt_ops {
    void (*cancel)(struct gw_attempt *a);
    void (*pause)(struct gw_attempt *a);
    void (*resume)(struct gw_attempt *a);
};
struct gw_attempt {
    const struct gw_attempt_ops *ops;
};

#endif

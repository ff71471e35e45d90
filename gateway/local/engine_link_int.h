/* engine_link_int.h - what engine_link.c, engine_frames.c and engine_figures.c share; nobody
 * else includes it. */
#ifndef GW_ENGINE_LINK_INT_H
#define GW_ENGINE_LINK_INT_H

#include "base/buf.h"
#include "engine/serve/proto.h"
#include "gateway/local/engine_experts.h"
#include "gateway/net/source.h"
#include <event2/event.h>

#define MODELS_MAX     64
#define NAME_MAX_BYTES 128

struct model_status {
    char name[NAME_MAX_BYTES];
    bool ready;
    uint32_t slots, active, queued;
    struct gw_engine_figures figures;
};

struct attempt {
    struct gw_attempt pub; /* first */
    struct gw_engine_link *link;
    struct attempt *prev, *next;
    uint32_t id;
    struct gw_attempt_spec spec;
    struct event *timer;    /* the next of the two deadlines */
    struct event *deferred; /* resume and failures before the first frame, told from the loop */
    uint64_t first_us, total_us; /* monotonic; 0: none */
    bool paused, busy, over;
    uint32_t n_calls;
    char dropped[512]; /* what the engine cannot carry, for the client to read */
    int doomed;        /* an error that stood fast before anything was sent: its status */
    const char *doomed_type, *doomed_why;
    struct base_buf held; /* whole frames while paused */
};

struct gw_engine_link {
    struct event_base *base;
    int fd; /* -1: no engine */
    struct event *rd, *wr;
    struct base_buf in, out;
    struct model_status models[MODELS_MAX];
    size_t n_models;
    struct gw_experts experts;
    struct attempt *attempts;
    uint32_t next_id;
};

/* engine_link.c */
/* One event; false when the attempt is over (cancelled inside, or refused by the callee). */
bool gw_link_emit(struct attempt *a, const struct chat_event *ev);
/* The last event of an attempt. The caller frees it. */
void gw_link_emit_last(struct attempt *a, const struct chat_event *ev);
void gw_link_fail(struct attempt *a, int status, const char *type, struct base_str message);
void gw_link_arm_timer(struct attempt *a);

/* engine_frames.c: one frame to its attempt, or about the engine itself; false if it does not hold.
 * The attempt may be over (and freed, unless the caller holds it busy) afterwards. */
bool gw_link_take_frame(struct attempt *a, const struct eng_frame *f);
bool gw_link_take_status(struct gw_engine_link *l, struct base_str payload);

#endif

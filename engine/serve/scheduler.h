/* scheduler.h - many requests on one model: slots, a bounded queue, continuous batching.
 *
 * Single-threaded: all calls come from the engine's loop. The forward pass inside eng_sched_step
 * blocks (on the model's own threads) for about ENG_STEP_TARGET_MS, whatever the model's speed,
 * since the piece of prompt that a step takes in adapts to it.
 */
#ifndef ENG_SCHEDULER_H
#define ENG_SCHEDULER_H

#include "base/err.h"
#include "engine/sample/sampler.h"
#include <jansson.h>

#define ENG_STEP_TARGET_MS 120

struct conf_engine;
struct conf_local_model;
struct eng_sched;
struct eng_request;
struct eng_model;

/* What one request wants, beyond its prompt. */
struct eng_wish {
    struct eng_sampling sampling;
    int64_t max_tokens; /* 0: as many as fit */
    struct base_str tenant;
};

enum eng_end {
    ENG_END_STOP,
    ENG_END_LENGTH,
    ENG_END_STOP_SEQUENCE,
    ENG_END_TOOL_CALLS,
    ENG_END_CANCELLED
};

struct eng_counts {
    uint32_t prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens;
    uint32_t prompt_ms, generate_ms;
};

/* How a request's events reach its owner. Called from within eng_sched_* only; they must not call
 * back. After finish or error the request is gone. */
struct eng_sched_events {
    /* dropped: what of the request the model's template has no use for ("tools"); NULL: nothing */
    void (*start)(void *owner, uint32_t id, const char *model, uint32_t prompt_tokens,
                  const char *dropped);
    void (*text)(void *owner, uint32_t id, struct base_str text);
    void (*reasoning)(void *owner, uint32_t id, struct base_str text);
    void (*call)(void *owner, uint32_t id, uint32_t index, struct base_str call_id,
                 struct base_str name);
    void (*args)(void *owner, uint32_t id, uint32_t index, struct base_str text);
    void (*finish)(void *owner, uint32_t id, enum eng_end end, struct base_str stop,
                   const struct eng_counts *counts);
    void (*error)(void *owner, uint32_t id, int status, const char *type, const char *message);
    bool (*paused)(void *owner); /* its reader is slow: leave its sequences alone for now */
};

/* Loads the model; blocks. *out is owned by the caller and stands even when loading failed: it then
 * refuses requests with the reason. */
struct eng_sched *eng_sched_new(const struct conf_engine *ec, const struct conf_local_model *mc,
                                const struct eng_sched_events *ev);
/* Loads if it has not yet; false if that failed. */
bool eng_sched_load(struct eng_sched *s);
void eng_sched_free(struct eng_sched *s);
const char *eng_sched_name(const struct eng_sched *s);
/* Its model, for the counters inside; NULL before it is loaded. Borrowed. */
const struct eng_model *eng_sched_model(const struct eng_sched *s);

/* Takes a SUBMIT (a parsed object) of owner: queued, started, or refused through ev->error. In a
 * full queue it may take the place of another tenant's, which is told so through ev->error. */
void eng_sched_submit(struct eng_sched *s, void *owner, uint32_t id, json_t *submit);
/* Ends a request through ev->finish (CANCELLED); false if it is not here. */
bool eng_sched_cancel(struct eng_sched *s, void *owner, uint32_t id);
bool eng_sched_has(const struct eng_sched *s, const void *owner, uint32_t id);
/* Forgets all requests of an owner, without events. */
void eng_sched_drop(struct eng_sched *s, const void *owner);
/* Ends everything with an error. */
void eng_sched_stop(struct eng_sched *s, const char *why);

/* Is there work that could be done now? */
bool eng_sched_ready(const struct eng_sched *s);
/* Has anything to do, paused or not? */
bool eng_sched_busy(const struct eng_sched *s);
/* One forward pass: a token for each generating sequence and a piece of the waiting prompts. */
void eng_sched_step(struct eng_sched *s);

/* Its device has failed so that only a new process can use it again. */
bool eng_sched_lost(const struct eng_sched *s);

struct eng_sched_status {
    const char *name;
    bool ready;
    const char *reason; /* why not; NULL if ready */
    uint32_t slots, active, queued, context;
    uint32_t expected_wait_ms; /* until a request that comes now would start */
    /* tokens that the cache has room for, those of sequences, those kept for later ones */
    uint64_t cache_tokens, cache_used, cache_kept;
    /* since the start: prompt tokens looked up in the cache, found; evicted; requests that had to
     * wait again for room */
    uint64_t prefix_asked, prefix_hit, evicted, preempted;
    /* a model whose experts are partly on a GPU (engine/cuda/hybrid.h), else zeros: experts of a
     * layer there; since the start (token, expert) pairs computed there, by the CPU, and there
     * after the expert was sent; experts that changed places; bytes over PCIe for these, for those
     * that were sent */
    uint64_t experts_on_device, pairs_on_device, pairs_on_cpu, pairs_sent;
    uint64_t expert_moves, moved_bytes, sent_bytes;
    /* the GPUs that have the model: their memory, and what was copied (model.h) */
    uint32_t n_gpus;
    struct eng_model_memory gpu[ENG_GPUS_MAX];
};
void eng_sched_status(const struct eng_sched *s, struct eng_sched_status *out);

#endif

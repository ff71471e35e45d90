/* scheduler_int.h - what the scheduler's files share; nobody else includes it. */
#ifndef ENG_SCHEDULER_INT_H
#define ENG_SCHEDULER_INT_H

#include "engine/model/model.h"
#include "engine/sample/watermark.h"
#include "engine/serve/scheduler.h"
#include "engine/text/parse.h"
#include "engine/text/template.h"

#define CHUNK_MIN     16u
#define CHUNK_MAX     1024u
#define SLOTS_MAX     64u
#define TENANT_MAX    128u
#define PIECE_MAX     (1u << 20)
#define QUEUE_DEFAULT 64u

/* What ran for a tenant, in tokens (scheduler_fair.c). */
struct tenant {
    char name[TENANT_MAX];
    bool known, wants;
    uint32_t requests, queued; /* here: waiting or in a slot; of those, waiting */
    uint64_t served, left, round;
};

struct eng_request {
    struct eng_request *next; /* in the queue */
    void *owner;
    uint32_t id;
    char tenant[TENANT_MAX];
    struct tenant *account;
    uint64_t order;     /* of arrival */
    struct eng_ids ids; /* the prompt, then what was generated */
    uint32_t n_prompt;
    uint32_t quota; /* prompt tokens of this step */
    struct eng_sampler *sampler;
    struct eng_sched *sched;
    struct eng_parse *parse;
    struct eng_text text; /* the answer, with its stop strings */
    struct eng_text rest; /* thoughts or arguments: whole characters only */
    enum eng_parse_kind showing;
    bool in_thought; /* the prompt has opened one */
    bool raw;        /* a prompt as it is: everything in the answer is text */
    bool no_tools;   /* it has tools, and the template ignores them */
    uint32_t max_tokens, made, thought, cached;
    uint32_t taken;   /* of ids that the cache holds */
    uint32_t mark[2]; /* lengths at which a recurrent model's state is noted; 0 = none */
    uint64_t came_us, began_us, first_us;
    size_t row; /* of its logits in this step; SIZE_MAX: none */
    size_t fed; /* tokens in this step */
};

struct slot {
    struct eng_request *r; /* NULL: free */
};

struct eng_sched {
    const struct conf_local_model *mc;
    const struct conf_engine *ec;
    struct eng_sched_events ev;
    struct eng_model *model;
    struct eng_tok *tok;
    struct eng_template *tpl;
    struct eng_cache *cache;
    struct eng_sampling defaults;
    struct eng_watermark watermark; /* if ec->watermark.present */
    bool ready;
    struct base_err why; /* not ready */
    uint32_t n_slots, n_ctx, n_sample, n_vocab;
    struct slot *slots;
    struct eng_request *queue;
    uint32_t n_queued, queue_max, first; /* first: slot that begins the round */
    bool full; /* the next in the queue waits for pages, until somebody leaves */
    uint64_t n_preempted;
    struct tenant *tenants; /* [n_tenants] */
    uint32_t n_tenants;
    uint64_t clock, n_orders;
    uint32_t chunk;
    double request_ms; /* smoothed duration of requests */
    float *logits;
    struct eng_sampler **who; /* [n_slots] of the rows of logits, */
    int32_t *picked;          /* and what a device picked of them (eng_batch) */
    int32_t *tokens;
    uint32_t *seqs;
    bool *want, *mark;
    struct base_buf piece, out;
};

/* Nothing but its next token is left to be fed. */
static inline bool sched_generates(const struct eng_request *r)
{
    return r->made > 0 && r->taken + 1 == r->ids.n;
}

/* scheduler.c: a request that may run now is in this slot. */
bool sched_runs(const struct eng_sched *s, const struct slot *k);

/* scheduler_fair.c: r counts among its tenant's; no more. */
void sched_join(struct eng_sched *s, struct eng_request *r);
void sched_part(struct eng_sched *s, struct eng_request *r);
void sched_enqueue(struct eng_sched *s, struct eng_request *r);
void sched_unlink(struct eng_sched *s, struct eng_request *r);
/* Whose turn it is; NULL if nobody waits. */
struct eng_request *sched_next(const struct eng_sched *s);
/* Who loses its place in a full queue to r; NULL: nobody. */
struct eng_request *sched_displaced(const struct eng_sched *s, const struct eng_request *r);
/* Sets quota of the requests in slots: budget prompt tokens in all. */
void sched_share(struct eng_sched *s, uint32_t budget);

void sched_request_free(struct eng_request *r);
/* Fills r (prompt, sampler, stop strings) from a SUBMIT; on failure tells *status and *type of the
 * ERROR, and its message in err. */
bool sched_prepare(struct eng_sched *s, struct eng_request *r, json_t *submit, int *status,
                   const char **type, struct base_err *err);

/* scheduler_out.c: from tokens to events. Makes r->parse; tools may be NULL. */
enum base_status sched_out_begin(struct eng_sched *s, struct eng_request *r, json_t *submit,
                                 struct base_err *err);
/* One token that does not end the answer. BASE_DONE: the answer is complete (r->text.hit tells
 * whether by a stop string). */
enum base_status sched_out_token(struct eng_sched *s, struct eng_request *r, int32_t id,
                                 struct base_err *err);
/* No more tokens; cut: not the model's own end. */
enum base_status sched_out_end(struct eng_sched *s, struct eng_request *r, bool cut,
                               struct base_err *err);

#endif

/* scheduler.c - one model's requests, from SUBMIT to FINISH.
 *
 * A request is tokenized when it comes, waits in a bounded queue, gets a slot (a sequence of the
 * model's cache), takes in its prompt piece by piece, and generates. Each step's batch holds one
 * token for every generating slot and, shared out evenly among the slots that still take in their
 * prompt, a number of prompt tokens that keeps the step near ENG_STEP_TARGET_MS: nobody's
 * stream stands still for a newcomer's long prompt, and a cancel waits for one step at most.
 *
 * A slot remembers what its cache holds and for which tenant. A new request of the same tenant
 * takes the free slot that shares the longest beginning with its prompt and skips that part;
 * another tenant's tokens are never kept, so nobody can time what others asked.
 *
 * Failure of the forward pass ends the requests of that step with a 500 and clears their slots.
 */
#include "engine/scheduler.h"

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "engine/gguf.h"
#include "engine/model.h"
#include "engine/template.h"
#include <math.h>
#include <stdlib.h>

#define CHUNK_MIN     16u
#define CHUNK_MAX     1024u
#define SLOTS_MAX     64u
#define TENANT_MAX    128u
#define PIECE_MAX     (1u << 20)
#define QUEUE_DEFAULT 64u

struct eng_request {
    struct eng_request *next; /* in the queue */
    void *owner;
    uint32_t id;
    char tenant[TENANT_MAX];
    struct eng_ids prompt;
    struct eng_sampler *sampler;
    struct eng_text text;
    uint32_t max_tokens, taken, made, cached;
    int32_t last; /* token to be fed next, once generating */
    uint64_t came_us, began_us, first_us;
    size_t row; /* of its logits in this step; SIZE_MAX: none */
    size_t fed; /* tokens in this step */
};

struct slot {
    struct eng_request *r; /* NULL: free */
    struct eng_ids held;   /* what the cache holds of this sequence */
    char tenant[TENANT_MAX];
    uint64_t used_us;
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
    bool ready;
    struct base_err why; /* not ready */
    uint32_t n_slots, n_ctx, n_sample, n_vocab;
    struct slot *slots;
    struct eng_request *queue, **queue_tail;
    uint32_t n_queued, queue_max, first; /* first: slot that begins the round */
    uint32_t chunk;
    double request_ms; /* smoothed duration of requests */
    float *logits;
    int32_t *tokens;
    uint32_t *seqs;
    bool *want;
    struct base_buf piece, out;
};

/* ---- loading ---- */

static void recommended(struct eng_sched *s)
{
    const struct eng_gguf *g = eng_model_gguf(s->model);
    float f;
    uint32_t u;
    s->defaults = eng_sampling_default();
    if (eng_gguf_f32(g, "general.sampling.temp", &f) == BASE_OK && f >= 0 && f <= 100)
        s->defaults.temperature = f;
    if (eng_gguf_f32(g, "general.sampling.top_p", &f) == BASE_OK && f > 0 && f <= 1)
        s->defaults.top_p = f;
    if (eng_gguf_f32(g, "general.sampling.min_p", &f) == BASE_OK && f >= 0 && f <= 1)
        s->defaults.min_p = f;
    if (eng_gguf_u32(g, "general.sampling.top_k", &u) == BASE_OK)
        s->defaults.top_k = u;
}

static enum base_status load(struct eng_sched *s, struct base_err *err)
{
    if (s->ec->device == CONF_DEVICE_CUDA)
        return base_err_set(err, BASE_EINVAL, "device cuda is not built in; use cpu or auto");
    struct eng_model_opts o = {.device = ENG_DEVICE_CPU, .n_threads = (int)s->ec->threads};
    bool own = true;
    enum base_status st = eng_model_open(s->mc->file, &o, &s->model, err);
    if (st == BASE_OK)
        st = eng_tok_from_gguf(eng_model_gguf(s->model), &s->tok, err);
    if (st == BASE_OK)
        st = eng_template_from_gguf(eng_model_gguf(s->model), s->tok, &s->tpl, &own, err);
    if (st != BASE_OK)
        return st;
    const struct eng_model_info *info = eng_model_get_info(s->model);
    s->n_vocab = info->n_vocab;
    s->n_sample = eng_tok_n_vocab(s->tok);
    if (s->n_sample > s->n_vocab)
        return base_err_set(err, BASE_EINVAL, "the tokenizer has %u tokens, the model %u",
                            s->n_sample, s->n_vocab);
    if (!own)
        base_warn("engine", "%s: the file has no chat template; a plain one is used", s->mc->name);
    s->n_ctx = s->mc->context ? s->mc->context : info->n_ctx_train;
    if (info->n_ctx_train > 0 && s->n_ctx > info->n_ctx_train) {
        base_warn("engine", "%s: context %u is more than the %u it was trained for; %u is used",
                  s->mc->name, s->n_ctx, info->n_ctx_train, info->n_ctx_train);
        s->n_ctx = info->n_ctx_train;
    }
    recommended(s);
    size_t batch = CHUNK_MAX + s->n_slots;
    s->slots = calloc(s->n_slots, sizeof(*s->slots));
    s->logits = malloc((size_t)s->n_slots * s->n_vocab * sizeof(float));
    s->tokens = malloc(batch * sizeof(*s->tokens));
    s->seqs = malloc(batch * sizeof(*s->seqs));
    s->want = malloc(batch * sizeof(*s->want));
    if (!s->slots || !s->logits || !s->tokens || !s->seqs || !s->want)
        return base_err_set(err, BASE_ENOMEM, "no memory for %u slots", s->n_slots);
    for (uint32_t i = 0; i < s->n_slots; i++)
        s->slots[i].held.max = s->n_ctx;
    return eng_cache_new(s->model, s->n_slots, s->n_ctx, &s->cache, err);
}

struct eng_sched *eng_sched_new(const struct conf_engine *ec, const struct conf_local_model *mc,
                                const struct eng_sched_events *ev)
{
    struct eng_sched *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->ec = ec;
    s->mc = mc;
    s->ev = *ev;
    s->queue_tail = &s->queue;
    s->queue_max = ec->queue ? ec->queue : QUEUE_DEFAULT;
    s->n_slots = mc->slots == 0 ? 1 : mc->slots > SLOTS_MAX ? SLOTS_MAX : mc->slots;
    s->chunk = 64;
    base_buf_init(&s->piece, PIECE_MAX);
    base_buf_init(&s->out, 4u << 20);
    (void)base_err_set(&s->why, BASE_AGAIN, "the model is being loaded");
    return s;
}

bool eng_sched_load(struct eng_sched *s)
{
    uint64_t t0 = base_mono_us();
    if (s->ready)
        return true;
    base_info("engine", "%s: loading %s", s->mc->name, s->mc->file);
    if (load(s, &s->why) != BASE_OK) {
        base_error("engine", "%s cannot be used: %s", s->mc->name, s->why.text);
        return false;
    }
    s->ready = true;
    base_info("engine", "%s: ready after %llu ms, %u slots of %u tokens, tokenizer %s", s->mc->name,
              (unsigned long long)(base_mono_us() - t0) / 1000, s->n_slots, s->n_ctx,
              eng_tok_kind(s->tok));
    return true;
}

static void request_free(struct eng_request *r)
{
    eng_ids_release(&r->prompt);
    eng_sampler_free(r->sampler);
    eng_text_release(&r->text);
    free(r);
}

void eng_sched_free(struct eng_sched *s)
{
    if (s == NULL)
        return;
    for (struct eng_request *r = s->queue, *next; r; r = next) {
        next = r->next;
        request_free(r);
    }
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++) {
        if (s->slots[i].r)
            request_free(s->slots[i].r);
        eng_ids_release(&s->slots[i].held);
    }
    free(s->slots);
    free(s->logits);
    free(s->tokens);
    free(s->seqs);
    free(s->want);
    base_buf_release(&s->piece);
    base_buf_release(&s->out);
    eng_cache_free(s->cache);
    eng_template_free(s->tpl);
    eng_tok_free(s->tok);
    eng_model_free(s->model);
    free(s);
}

const char *eng_sched_name(const struct eng_sched *s)
{
    return s->mc->name;
}

/* ---- taking requests ---- */

static bool number(json_t *o, const char *key, double lo, double hi, double *out)
{
    json_t *v = json_object_get(o, key);
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_number(v))
        return false;
    *out = json_number_value(v);
    return *out >= lo && *out <= hi;
}

static bool sampling_of(json_t *o, struct eng_sampling *p, int64_t *max_tokens, const char **bad)
{
    double temperature = p->temperature, top_k = p->top_k, top_p = p->top_p, min_p = p->min_p;
    double presence = 0, frequency = 0, repeat = 1, seed = -1, max = 0;
    const struct {
        const char *key;
        double lo, hi;
        double *at;
    } f[] = {{"temperature", 0, 100, &temperature},
             {"top_k", 0, 1e9, &top_k},
             {"top_p", 0, 1, &top_p},
             {"min_p", 0, 1, &min_p},
             {"presence_penalty", -100, 100, &presence},
             {"frequency_penalty", -100, 100, &frequency},
             {"repeat_penalty", 0.01, 100, &repeat},
             {"seed", -9.1e15, 9.1e15, &seed},
             {"max_tokens", 1, 1e9, &max}};
    for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++)
        if (!number(o, f[i].key, f[i].lo, f[i].hi, f[i].at)) {
            *bad = f[i].key;
            return false;
        }
    json_t *js = json_object_get(o, "seed");
    p->temperature = (float)temperature;
    p->top_k = (uint32_t)top_k;
    p->top_p = (float)top_p;
    p->min_p = (float)min_p;
    p->presence = (float)presence;
    p->frequency = (float)frequency;
    p->repeat = (float)repeat;
    p->seeded = json_is_number(js);
    p->seed = p->seeded ? (uint64_t)(int64_t)seed : 0;
    *max_tokens = (int64_t)max;
    return true;
}

static bool stops_of(json_t *o, struct eng_text *t, struct base_err *err)
{
    json_t *v = json_object_get(o, "stop"), *x;
    size_t i;
    if (json_is_string(v))
        return eng_text_add_stop(t, base_str_n(json_string_value(v), json_string_length(v)), err) ==
               BASE_OK;
    json_array_foreach(v, i, x)
    {
        if (!json_is_string(x)) {
            (void)base_err_set(err, BASE_EINVAL, "\"stop\" holds what is no string");
            return false;
        }
        if (eng_text_add_stop(t, base_str_n(json_string_value(x), json_string_length(x)), err) !=
            BASE_OK)
            return false;
    }
    return true;
}

/* The object that the template sees: messages and tools, and that an answer is wanted. */
static json_t *template_vars(json_t *submit)
{
    json_t *v = json_object(), *tools = json_object_get(submit, "tools");
    json_object_set(v, "messages", json_object_get(submit, "messages"));
    if (json_array_size(tools) > 0)
        json_object_set(v, "tools", tools);
    json_object_set_new(v, "add_generation_prompt", json_true());
    return v;
}

/* Fills r; on failure tells *status and *type, and the message in err. */
static bool prepare(struct eng_sched *s, struct eng_request *r, json_t *submit, int *status,
                    const char **type, struct base_err *err)
{
    struct eng_sampling p = s->defaults;
    int64_t max = 0;
    const char *bad = NULL;
    bool too_long = false;
    *status = 400;
    *type = "invalid_request_error";
    if (!sampling_of(submit, &p, &max, &bad)) {
        (void)base_err_set(err, BASE_EINVAL, "\"%s\" is out of its range", bad);
        return false;
    }
    if (!stops_of(submit, &r->text, err))
        return false;
    json_t *vars = template_vars(submit);
    r->prompt.max = s->n_ctx - 1;
    enum base_status st = eng_template_tokens(s->tpl, s->tok, vars, base_wall_us() / 1000000,
                                              &r->prompt, &too_long, err);
    json_decref(vars);
    if (too_long) {
        *type = "context_length_exceeded";
        (void)base_err_set(err, st,
                           "the prompt does not fit the model's context of %u tokens; shorten it",
                           s->n_ctx);
        return false;
    }
    if (st == BASE_ENOMEM || st == BASE_EBUG) {
        *status = 500;
        *type = "engine_error";
    }
    if (st != BASE_OK)
        return false;
    if (r->prompt.n == 0) {
        (void)base_err_set(err, BASE_EINVAL, "the prompt is empty");
        return false;
    }
    uint32_t left = s->n_ctx - (uint32_t)r->prompt.n;
    r->max_tokens = max > 0 && max < left ? (uint32_t)max : left;
    r->sampler = eng_sampler_new(&p, s->n_sample);
    if (r->sampler == NULL) {
        *status = 500;
        *type = "engine_error";
        (void)base_err_set(err, BASE_ENOMEM, "no memory for a request");
    }
    return r->sampler != NULL;
}

static uint32_t active(const struct eng_sched *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++)
        n += s->slots[i].r != NULL;
    return n;
}

static size_t shared_prefix(const struct slot *k, const struct eng_request *r)
{
    size_t n = 0, max = r->prompt.n - 1; /* the last token must run, for its logits */
    if (strcmp(k->tenant, r->tenant) != 0)
        return 0;
    while (n < max && n < k->held.n && k->held.v[n] == r->prompt.v[n])
        n++;
    return n;
}

/* Gives the request the free slot that suits it best; the least recently used among equals. */
static void seat(struct eng_sched *s, struct eng_request *r)
{
    struct slot *best = NULL;
    size_t best_n = 0;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *k = &s->slots[i];
        size_t n = k->r ? 0 : shared_prefix(k, r);
        if (k->r == NULL &&
            (best == NULL || n > best_n || (n == best_n && k->used_us < best->used_us))) {
            best = k;
            best_n = n;
        }
    }
    BASE_BUG_ON(best == NULL);
    eng_cache_truncate(s->cache, (uint32_t)(best - s->slots), (uint32_t)best_n);
    best->held.n = best_n;
    memcpy(best->tenant, r->tenant, sizeof(best->tenant));
    best->r = r;
    r->cached = r->taken = (uint32_t)best_n;
    r->began_us = base_mono_us();
    s->ev.start(r->owner, r->id, s->mc->name, (uint32_t)r->prompt.n);
}

static void seat_queued(struct eng_sched *s)
{
    uint32_t free_slots = s->n_slots - active(s);
    while (s->queue && free_slots > 0) {
        struct eng_request *r = s->queue;
        s->queue = r->next;
        if (s->queue == NULL)
            s->queue_tail = &s->queue;
        s->n_queued--;
        free_slots--;
        seat(s, r);
    }
}

void eng_sched_submit(struct eng_sched *s, void *owner, uint32_t id, json_t *submit)
{
    struct base_err err = {0};
    int status = 503;
    const char *type = "model_not_ready";
    if (!s->ready) {
        s->ev.error(owner, id, status, type, s->why.text);
        return;
    }
    if (active(s) == s->n_slots && s->n_queued >= s->queue_max) {
        s->ev.error(owner, id, 429, "queue_full", "the model's queue is full; try again later");
        return;
    }
    struct eng_request *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        s->ev.error(owner, id, 500, "engine_error", "no memory for a request");
        return;
    }
    eng_text_init(&r->text);
    r->owner = owner;
    r->id = id;
    r->came_us = base_mono_us();
    json_t *tenant = json_object_get(submit, "tenant");
    struct base_str t = base_str_n(json_string_value(tenant), json_string_length(tenant));
    bool fits = t.n < sizeof(r->tenant);
    if (fits && t.n)
        memcpy(r->tenant, t.p, t.n);
    if (!fits) {
        (void)base_err_set(&err, BASE_EINVAL, "the tenant's name is too long");
        status = 400;
        type = "invalid_request_error";
    }
    if (!fits || !prepare(s, r, submit, &status, &type, &err)) {
        s->ev.error(owner, id, status, type, err.text);
        request_free(r);
        return;
    }
    *s->queue_tail = r;
    s->queue_tail = &r->next;
    s->n_queued++;
    seat_queued(s);
}

/* ---- ends ---- */

static struct eng_counts counts_of(const struct eng_request *r)
{
    uint64_t now = base_mono_us(), first = r->first_us ? r->first_us : now;
    struct eng_counts c = {.prompt_tokens = (uint32_t)r->prompt.n,
                           .completion_tokens = r->made,
                           .cached_tokens = r->cached};
    if (r->began_us) {
        c.prompt_ms = (uint32_t)((first - r->began_us) / 1000);
        c.generate_ms = (uint32_t)((now - first) / 1000);
    }
    return c;
}

static void leave(struct eng_sched *s, struct slot *k)
{
    k->used_us = base_mono_us();
    double ms = (double)(k->used_us - k->r->began_us) / 1000;
    s->request_ms = s->request_ms > 0 ? 0.8 * s->request_ms + 0.2 * ms : ms;
    request_free(k->r);
    k->r = NULL;
}

static void finish(struct eng_sched *s, struct slot *k, enum eng_end end)
{
    struct eng_request *r = k->r;
    struct eng_counts c = counts_of(r);
    struct base_str stop = BASE_STR_NULL;
    base_buf_clear(&s->out);
    if (end == ENG_END_STOP_SEQUENCE)
        stop = base_buf_view(&r->text.stop[r->text.hit]);
    else if (end != ENG_END_CANCELLED && eng_text_end(&r->text, &s->out, NULL) == BASE_OK &&
             s->out.n > 0)
        s->ev.text(r->owner, r->id, base_buf_view(&s->out));
    s->ev.finish(r->owner, r->id, end, stop, &c);
    leave(s, k);
}

/* Takes a waiting request out of the queue; NULL if it is not there. */
static struct eng_request *unqueue(struct eng_sched *s, const void *owner, const uint32_t *id)
{
    for (struct eng_request **at = &s->queue; *at; at = &(*at)->next) {
        struct eng_request *r = *at;
        if (r->owner != owner || (id && r->id != *id))
            continue;
        *at = r->next;
        if (s->queue_tail == &r->next)
            s->queue_tail = at;
        s->n_queued--;
        return r;
    }
    return NULL;
}

bool eng_sched_cancel(struct eng_sched *s, void *owner, uint32_t id)
{
    struct eng_request *r = unqueue(s, owner, &id);
    if (r) {
        struct eng_counts c = counts_of(r);
        s->ev.finish(owner, id, ENG_END_CANCELLED, BASE_STR_NULL, &c);
        request_free(r);
        return true;
    }
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++) {
        r = s->slots[i].r;
        if (r && r->owner == owner && r->id == id) {
            finish(s, &s->slots[i], ENG_END_CANCELLED);
            seat_queued(s);
            return true;
        }
    }
    return false;
}

bool eng_sched_has(const struct eng_sched *s, const void *owner, uint32_t id)
{
    for (const struct eng_request *r = s->queue; r; r = r->next)
        if (r->owner == owner && r->id == id)
            return true;
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++)
        if (s->slots[i].r && s->slots[i].r->owner == owner && s->slots[i].r->id == id)
            return true;
    return false;
}

void eng_sched_drop(struct eng_sched *s, const void *owner)
{
    for (struct eng_request *r; (r = unqueue(s, owner, NULL)) != NULL;)
        request_free(r);
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++)
        if (s->slots[i].r && s->slots[i].r->owner == owner)
            leave(s, &s->slots[i]);
    if (s->ready)
        seat_queued(s);
}

void eng_sched_stop(struct eng_sched *s, const char *why)
{
    while (s->queue) {
        struct eng_request *r = unqueue(s, s->queue->owner, &s->queue->id);
        s->ev.error(r->owner, r->id, 503, "engine_stopping", why);
        request_free(r);
    }
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++)
        if (s->slots[i].r) {
            s->ev.error(s->slots[i].r->owner, s->slots[i].r->id, 503, "engine_stopping", why);
            leave(s, &s->slots[i]);
        }
}

/* ---- steps ---- */

static bool runs(const struct eng_sched *s, const struct slot *k)
{
    return k->r && !s->ev.paused(k->r->owner);
}

bool eng_sched_ready(const struct eng_sched *s)
{
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++)
        if (runs(s, &s->slots[i]))
            return true;
    return false;
}

bool eng_sched_busy(const struct eng_sched *s)
{
    return s->n_queued > 0 || active(s) > 0;
}

struct step {
    size_t n, rows, prompt_tokens;
};

static void feed(struct eng_sched *s, struct step *b, uint32_t slot, int32_t token, bool want)
{
    struct eng_request *r = s->slots[slot].r;
    s->tokens[b->n] = token;
    s->seqs[b->n] = slot;
    s->want[b->n++] = want;
    r->fed++;
    if (want)
        r->row = b->rows++;
}

/* Fills the batch: generating slots first, then prompts, in turns. */
static struct step gather(struct eng_sched *s)
{
    struct step b = {0};
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *k = &s->slots[i];
        if (k->r == NULL)
            continue;
        k->r->row = SIZE_MAX;
        k->r->fed = 0;
        if (!runs(s, k))
            continue;
        if (k->r->taken < k->r->prompt.n)
            waiting++;
        else
            feed(s, &b, i, k->r->last, true);
    }
    uint32_t budget = s->chunk;
    for (uint32_t j = 0; j < s->n_slots && waiting > 0 && budget > 0; j++) {
        uint32_t i = (s->first + j) % s->n_slots;
        struct eng_request *r = s->slots[i].r;
        if (!runs(s, &s->slots[i]) || r->fed > 0)
            continue;
        uint32_t left = (uint32_t)r->prompt.n - r->taken, share = (budget + waiting - 1) / waiting;
        uint32_t n = left < share ? left : share;
        for (uint32_t t = 0; t < n; t++)
            feed(s, &b, i, r->prompt.v[r->taken + t], r->taken + t + 1 == r->prompt.n);
        b.prompt_tokens += n;
        budget -= n;
        waiting--;
    }
    s->first = (s->first + 1) % s->n_slots;
    return b;
}

static void adapt(struct eng_sched *s, const struct step *b, uint64_t us)
{
    if (b->prompt_tokens < s->chunk)
        return; /* says little */
    double want = (double)s->chunk * ENG_STEP_TARGET_MS * 1000.0 / (double)(us ? us : 1);
    double next = 0.5 * s->chunk + 0.5 * want;
    s->chunk = next < CHUNK_MIN ? CHUNK_MIN : next > CHUNK_MAX ? CHUNK_MAX : (uint32_t)next;
}

/* The cache now holds what was fed. */
static bool note_fed(struct slot *k, const int32_t *tokens, const uint32_t *seqs, size_t n,
                     uint32_t slot)
{
    for (size_t i = 0; i < n; i++)
        if (seqs[i] == slot && eng_ids_add(&k->held, tokens[i], NULL) != BASE_OK)
            return false;
    return true;
}

static void fail_slot(struct eng_sched *s, uint32_t i, const char *message)
{
    struct slot *k = &s->slots[i];
    s->ev.error(k->r->owner, k->r->id, 500, "engine_error", message);
    eng_cache_truncate(s->cache, i, 0);
    k->held.n = 0;
    leave(s, k);
}

/* A token for the slot whose logits are there. */
static void advance(struct eng_sched *s, uint32_t i)
{
    struct slot *k = &s->slots[i];
    struct eng_request *r = k->r;
    struct base_err err;
    int32_t id = eng_sampler_pick(r->sampler, s->logits + r->row * s->n_vocab);
    if (id < 0) {
        base_error("engine", "%s gives no finite scores", s->mc->name);
        fail_slot(s, i, "the model gives no finite scores");
        return;
    }
    if (r->first_us == 0)
        r->first_us = base_mono_us();
    r->made++;
    if (eng_tok_is_eog(s->tok, id)) {
        finish(s, k, ENG_END_STOP);
        return;
    }
    base_buf_clear(&s->piece);
    base_buf_clear(&s->out);
    enum base_status st = eng_tok_piece(s->tok, id, false, &s->piece, &err);
    if (st == BASE_OK)
        st = eng_text_push(&r->text, base_buf_view(&s->piece), &s->out, &err);
    if (st != BASE_OK && st != BASE_DONE) {
        fail_slot(s, i, err.text);
        return;
    }
    if (s->out.n > 0)
        s->ev.text(r->owner, r->id, base_buf_view(&s->out));
    r->last = id;
    if (st == BASE_DONE)
        finish(s, k, ENG_END_STOP_SEQUENCE);
    else if (r->made >= r->max_tokens)
        finish(s, k, ENG_END_LENGTH);
}

void eng_sched_step(struct eng_sched *s)
{
    struct step b = gather(s);
    struct base_err err = {0};
    if (b.n == 0)
        return;
    uint64_t t0 = base_mono_us();
    struct eng_batch batch = {.n = b.n, .tokens = s->tokens, .seqs = s->seqs, .want = s->want};
    enum base_status st = eng_forward(s->model, s->cache, &batch, s->logits, &err);
    adapt(s, &b, base_mono_us() - t0);
    if (st != BASE_OK)
        base_error("engine", "%s: a step failed: %s", s->mc->name, err.text);
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *k = &s->slots[i];
        if (k->r == NULL || k->r->fed == 0)
            continue;
        if (st != BASE_OK || !note_fed(k, s->tokens, s->seqs, b.n, i)) {
            fail_slot(s, i, "the model failed at this request");
            continue;
        }
        if (k->r->taken < k->r->prompt.n)
            k->r->taken += (uint32_t)k->r->fed;
        if (k->r->row != SIZE_MAX)
            advance(s, i);
    }
    seat_queued(s);
}

void eng_sched_status(const struct eng_sched *s, struct eng_sched_status *out)
{
    *out = (struct eng_sched_status){.name = s->mc->name,
                                     .ready = s->ready,
                                     .reason = s->ready ? NULL : s->why.text,
                                     .slots = s->n_slots,
                                     .active = active(s),
                                     .queued = s->n_queued,
                                     .context = s->n_ctx};
    if (out->active >= out->slots) {
        double ms = s->request_ms * (out->queued + 1) / out->slots;
        out->expected_wait_ms = ms < 1e9 ? (uint32_t)ms : 1000000000;
    }
}

/* scheduler.c - one model's requests, from SUBMIT to FINISH.
 *
 * A request is tokenized when it comes, waits in a bounded queue, gets a slot (a sequence of the
 * model's cache), takes in its prompt piece by piece, and generates. Each step's batch holds one
 * token for every generating slot and, shared out among tenants (scheduler_fair.c), a number of
 * prompt tokens that keeps the step near ENG_STEP_TARGET_MS: nobody's stream stands still for a
 * newcomer's long prompt, and a cancel waits for one step at most.
 *
 * What a sequence held stays in the cache for its tenant when it ends (pages.h). A new request
 * begins with the longest beginning of its prompt that its tenant has there, from whichever slot;
 * another tenant's tokens are never found, so nobody can time what others asked.
 *
 * A recurrent model cannot begin anywhere, only where its state was noted. Prompts note it at two
 * places: before their last token, where the same conversation goes on next time, and where they
 * part from what the cache holds, the end of what conversations have in common (a system prompt,
 * say).
 *
 * Room: a request starts when the cache has room for its whole prompt beside those that are still
 * being taken in; until then it waits, and so do those behind it. Generating may still run out:
 * then the request that came last gives up its slot and waits again. What it had stays cached while
 * there is room, what is lost is computed anew, and its answer goes on where it stopped. The oldest
 * is never set back, so all come to an end.
 *
 * Failure of the forward pass ends the requests of that step with a 500 and clears their slots.
 */
#include "engine/cuda/hybrid.h"
#include "engine/serve/scheduler_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include <stdlib.h>

static uint32_t active(const struct eng_sched *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++)
        n += s->slots[i].r != NULL;
    return n;
}

bool sched_runs(const struct eng_sched *s, const struct slot *k)
{
    return k->r && !s->ev.paused(k->r->owner);
}

/* Whether the cache has room for the prompts of all that are in slots, and a token more of each. */
static bool prompts_fit(const struct eng_sched *s)
{
    uint32_t more[SLOTS_MAX] = {0};
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].r)
            more[i] = (uint32_t)s->slots[i].r->ids.n - s->slots[i].r->taken + 1;
    for (uint32_t i = 0; i < s->n_slots; i++) /* nobody grows beyond its context */
        if (more[i] && eng_cache_len(s->cache, i) + more[i] > s->n_ctx)
            more[i] = s->n_ctx - eng_cache_len(s->cache, i);
    return eng_cache_fits(s->cache, more);
}

/* Gives the request a free slot; false if there is no room for its prompt now. */
static bool seat(struct eng_sched *s, struct eng_request *r)
{
    uint32_t i = 0, common, shared = (uint32_t)r->ids.n - 1; /* the last must run, for its logits */
    while (s->slots[i].r)
        i++;
    r->taken = eng_cache_open(s->cache, i, r->tenant, r->ids.v, shared, &common);
    s->slots[i].r = r;
    if (active(s) > 1 && !prompts_fit(s)) {
        eng_cache_close(s->cache, i);
        s->slots[i].r = NULL;
        return false;
    }
    r->mark[0] = common;
    r->mark[1] = shared;
    if (r->began_us) /* it had begun before */
        return true;
    r->cached = r->taken;
    r->began_us = base_mono_us();
    s->ev.start(r->owner, r->id, s->mc->name, r->n_prompt, r->no_tools ? "tools" : NULL);
    return true;
}

static void seat_queued(struct eng_sched *s)
{
    struct eng_request *r;
    while (!s->full && active(s) < s->n_slots && (r = sched_next(s)) != NULL) {
        sched_unlink(s, r);
        if (!seat(s, r)) {
            sched_enqueue(s, r);
            s->full = true;
        }
    }
}

/* If the queue is full, somebody's place in it for r. */
static void make_place(struct eng_sched *s, const struct eng_request *r)
{
    struct eng_request *out = s->n_queued < s->queue_max ? NULL : sched_displaced(s, r);
    if (out == NULL)
        return;
    sched_unlink(s, out);
    s->ev.error(out->owner, out->id, 429, "queue_full",
                "the model's queue is full, and others' requests go first; try again later");
    sched_part(s, out);
    sched_request_free(out);
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
    struct eng_request *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        s->ev.error(owner, id, 500, "engine_error", "no memory for a request");
        return;
    }
    eng_text_init(&r->text);
    eng_text_init(&r->rest);
    r->owner = owner;
    r->id = id;
    r->came_us = base_mono_us();
    r->order = ++s->n_orders;
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
    bool count = json_is_true(json_object_get(submit, "count"));
    if (fits && !count && s->n_queued >= s->queue_max && sched_displaced(s, r) == NULL) {
        s->ev.error(owner, id, 429, "queue_full", "the model's queue is full; try again later");
        sched_request_free(r);
        return;
    }
    if (!fits || !sched_prepare(s, r, submit, &status, &type, &err)) {
        s->ev.error(owner, id, status, type, err.text);
        sched_request_free(r);
        return;
    }
    if (count) {
        struct eng_counts c = {.prompt_tokens = r->n_prompt};
        s->ev.start(owner, id, s->mc->name, r->n_prompt, r->no_tools ? "tools" : NULL);
        s->ev.finish(owner, id, ENG_END_STOP, BASE_STR_NULL, &c);
        sched_request_free(r);
        return;
    }
    make_place(s, r);
    sched_join(s, r);
    sched_enqueue(s, r);
    seat_queued(s);
}

/* ---- ends ---- */

static struct eng_counts counts_of(const struct eng_request *r)
{
    uint64_t now = base_mono_us(), first = r->first_us ? r->first_us : now;
    struct eng_counts c = {.prompt_tokens = r->n_prompt,
                           .completion_tokens = r->made,
                           .reasoning_tokens = r->thought,
                           .cached_tokens = r->cached};
    if (r->began_us) {
        c.prompt_ms = (uint32_t)((first - r->began_us) / 1000);
        c.generate_ms = (uint32_t)((now - first) / 1000);
    }
    return c;
}

/* A sequence that did not fail stays cached. */
static void leave(struct eng_sched *s, struct slot *k)
{
    double ms = (double)(base_mono_us() - k->r->began_us) / 1000;
    s->request_ms = s->request_ms > 0 ? 0.8 * s->request_ms + 0.2 * ms : ms;
    eng_cache_close(s->cache, (uint32_t)(k - s->slots));
    sched_part(s, k->r);
    sched_request_free(k->r);
    k->r = NULL;
    s->full = false;
}

static void finish(struct eng_sched *s, struct slot *k, enum eng_end end)
{
    struct eng_request *r = k->r;
    struct eng_counts c = counts_of(r);
    struct base_str stop = BASE_STR_NULL;
    if (end != ENG_END_CANCELLED)
        (void)sched_out_end(s, r, end == ENG_END_LENGTH, NULL);
    if (r->text.hit >= 0) { /* possibly only in what was held back */
        end = ENG_END_STOP_SEQUENCE;
        stop = base_buf_view(&r->text.stop[r->text.hit]);
    } else if (end == ENG_END_STOP && eng_parse_n_calls(r->parse) > 0) {
        end = ENG_END_TOOL_CALLS;
    }
    s->ev.finish(r->owner, r->id, end, stop, &c);
    leave(s, k);
}

/* Takes a waiting request out of the queue; NULL if it is not there. */
static struct eng_request *unqueue(struct eng_sched *s, const void *owner, const uint32_t *id)
{
    for (struct eng_request *r = s->queue; r; r = r->next) {
        if (r->owner != owner || (id && r->id != *id))
            continue;
        sched_unlink(s, r);
        sched_part(s, r);
        s->full = false;
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
        sched_request_free(r);
        seat_queued(s);
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
        sched_request_free(r);
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
        sched_request_free(r);
    }
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++)
        if (s->slots[i].r) {
            s->ev.error(s->slots[i].r->owner, s->slots[i].r->id, 503, "engine_stopping", why);
            leave(s, &s->slots[i]);
        }
}

/* ---- steps ---- */

bool eng_sched_ready(const struct eng_sched *s)
{
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++)
        if (sched_runs(s, &s->slots[i]))
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

/* The next n tokens of the request in this slot. */
static void feed(struct eng_sched *s, struct step *b, uint32_t slot, uint32_t n)
{
    struct eng_request *r = s->slots[slot].r;
    for (uint32_t t = 0; t < n; t++) {
        uint32_t at = r->taken + t + 1; /* counted from 1 */
        bool last = at == r->ids.n;
        s->tokens[b->n] = r->ids.v[at - 1];
        s->seqs[b->n] = slot;
        s->mark[b->n] = at <= r->n_prompt && (at == r->mark[0] || at == r->mark[1]);
        s->want[b->n++] = last;
        if (last)
            r->row = b->rows++;
    }
    r->fed = n;
}

/* What each slot is given in the next step; false if the cache has no room for all of it. */
static bool deal(struct eng_sched *s)
{
    uint32_t more[SLOTS_MAX] = {0};
    sched_share(s, s->chunk);
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *k = &s->slots[i];
        if (k->r && sched_runs(s, k) && sched_generates(k->r))
            k->r->quota = 1;
        more[i] = k->r ? k->r->quota : 0;
    }
    return eng_cache_fits(s->cache, more);
}

/* The request that came last waits again, for room; false if there is only one. */
static bool preempt(struct eng_sched *s)
{
    struct slot *last = NULL;
    if (active(s) < 2)
        return false;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *k = &s->slots[i];
        if (k->r && (!last || k->r->order > last->r->order))
            last = k;
    }
    eng_cache_close(s->cache, (uint32_t)(last - s->slots));
    last->r->taken = last->r->quota = 0;
    sched_enqueue(s, last->r);
    last->r = NULL;
    s->full = true; /* until somebody leaves */
    s->n_preempted++;
    return true;
}

/* Fills the batch: generating slots first, then prompts. */
static struct step gather(struct eng_sched *s)
{
    struct step b = {0};
    while (!deal(s) && preempt(s))
        ;
    for (int prompts = 0; prompts < 2; prompts++)
        for (uint32_t i = 0; i < s->n_slots; i++) {
            struct eng_request *r = s->slots[i].r;
            if (r == NULL || sched_generates(r) == (prompts == 1))
                continue;
            r->row = SIZE_MAX;
            r->fed = 0;
            feed(s, &b, i, r->quota);
            b.prompt_tokens += prompts ? r->quota : 0;
        }
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

static void fail_slot(struct eng_sched *s, uint32_t i, const char *message)
{
    struct slot *k = &s->slots[i];
    s->ev.error(k->r->owner, k->r->id, 500, "engine_error", message);
    (void)eng_cache_truncate(s->cache, i, 0);
    leave(s, k);
}

/* A token for the slot whose logits are there. */
static void advance(struct eng_sched *s, uint32_t i)
{
    struct slot *k = &s->slots[i];
    struct eng_request *r = k->r;
    struct base_err err;
    int32_t id = s->picked[r->row];
    if (id == ENG_PICK_ROW)
        id = eng_sampler_pick(r->sampler, s->logits + r->row * s->n_vocab);
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
    enum base_status st = sched_out_token(s, r, id, &err);
    if (st != BASE_OK && st != BASE_DONE) {
        fail_slot(s, i, err.text);
        return;
    }
    if (st == BASE_OK)
        st = eng_ids_add(&r->ids, id, &err);
    if (st != BASE_OK && st != BASE_DONE) {
        fail_slot(s, i, err.text);
        return;
    }
    if (st == BASE_DONE)
        finish(s, k, ENG_END_STOP);
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
    struct eng_batch batch = {.n = b.n,
                              .tokens = s->tokens,
                              .seqs = s->seqs,
                              .want = s->want,
                              .mark = s->mark,
                              .who = s->who,
                              .picked = s->picked};
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].r && s->slots[i].r->fed && s->slots[i].r->row != SIZE_MAX)
            s->who[s->slots[i].r->row] = s->slots[i].r->sampler;
    enum base_status st = eng_forward(s->model, s->cache, &batch, s->logits, &err);
    adapt(s, &b, base_mono_us() - t0);
    if (st != BASE_OK)
        base_error("engine", "%s: a step failed: %s", s->mc->name, err.text);
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *k = &s->slots[i];
        if (k->r == NULL || k->r->fed == 0)
            continue;
        if (st != BASE_OK) {
            fail_slot(s, i, "the model failed at this request");
            continue;
        }
        k->r->taken += (uint32_t)k->r->fed;
        k->r->account->served += k->r->fed;
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
    if (s->cache) {
        struct eng_cache_use use;
        eng_cache_describe_use(s->cache, &use);
        out->cache_tokens = (uint64_t)use.pages * use.page_tokens;
        out->cache_used = (uint64_t)use.used * use.page_tokens;
        out->cache_kept = (uint64_t)use.cached * use.page_tokens;
        out->prefix_asked = use.asked;
        out->prefix_hit = use.hit;
        out->evicted = use.evicted * use.page_tokens;
        out->preempted = s->n_preempted;
    }
    if (s->cache) {
        struct eng_hybrid_use use;
        eng_hybrid_get(s->model, &use);
        out->experts_on_device = use.slots;
        out->pairs_on_device = use.on_device;
        out->pairs_on_cpu = use.on_cpu;
        out->pairs_sent = use.sent;
        out->expert_moves = use.moves;
        out->moved_bytes = use.moved_bytes;
        out->sent_bytes = use.sent_bytes;
        while (out->n_gpus < ENG_GPUS_MAX &&
               eng_model_memory_of(s->model, out->n_gpus, &out->gpu[out->n_gpus]))
            out->n_gpus++;
    }
    if (out->active >= out->slots || out->queued > 0) {
        double ms = s->request_ms * (out->queued + 1) / out->slots;
        out->expected_wait_ms = ms < 1e9 ? (uint32_t)ms : 1000000000;
    }
}

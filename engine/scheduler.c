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
 * A recurrent model cannot be cut back to any length, only to where its state was noted
 * (eng_cache_keepable). Prompts note it at two places: before their last token, where the same
 * conversation goes on next time, and where they part from what the slot held, the end of what
 * conversations have in common (a system prompt, say).
 *
 * Failure of the forward pass ends the requests of that step with a 500 and clears their slots.
 */
#include "engine/scheduler_int.h"

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

static size_t shared_prefix(const struct slot *k, const struct eng_request *r)
{
    size_t n = 0, max = r->prompt.n - 1; /* the last token must run, for its logits */
    if (strcmp(k->tenant, r->tenant) != 0)
        return 0;
    while (n < max && n < k->held.n && k->held.v[n] == r->prompt.v[n])
        n++;
    return n;
}

/* Gives the request the free slot of which most can be kept; the least recently used among
 * equals. */
static void seat(struct eng_sched *s, struct eng_request *r)
{
    struct slot *best = NULL;
    uint32_t best_n = 0, common = 0;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *k = &s->slots[i];
        if (k->r)
            continue;
        uint32_t shared = (uint32_t)shared_prefix(k, r);
        uint32_t n = eng_cache_keepable(s->cache, i, shared);
        common = shared > common ? shared : common;
        if (best == NULL || n > best_n || (n == best_n && k->used_us < best->used_us)) {
            best = k;
            best_n = n;
        }
    }
    BASE_BUG_ON(best == NULL);
    best->held.n = eng_cache_truncate(s->cache, (uint32_t)(best - s->slots), best_n);
    memcpy(best->tenant, r->tenant, sizeof(best->tenant));
    best->r = r;
    r->cached = r->taken = (uint32_t)best->held.n;
    r->mark[0] = common;
    r->mark[1] = (uint32_t)r->prompt.n - 1;
    r->began_us = base_mono_us();
    s->ev.start(r->owner, r->id, s->mc->name, (uint32_t)r->prompt.n, r->no_tools ? "tools" : NULL);
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
    eng_text_init(&r->rest);
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
    if (!fits || !sched_prepare(s, r, submit, &status, &type, &err)) {
        s->ev.error(owner, id, status, type, err.text);
        sched_request_free(r);
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
                           .reasoning_tokens = r->thought,
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
    sched_request_free(k->r);
    k->r = NULL;
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
        sched_request_free(r);
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

/* Adds a token to the batch; at: its place in the prompt, counted from 1, 0 = not of a prompt. */
static void feed(struct eng_sched *s, struct step *b, uint32_t slot, int32_t token, uint32_t at,
                 bool want)
{
    struct eng_request *r = s->slots[slot].r;
    s->tokens[b->n] = token;
    s->seqs[b->n] = slot;
    s->mark[b->n] = at && (at == r->mark[0] || at == r->mark[1]);
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
            feed(s, &b, i, k->r->last, 0, true);
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
            feed(s, &b, i, r->prompt.v[r->taken + t], r->taken + t + 1,
                 r->taken + t + 1 == r->prompt.n);
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
    (void)eng_cache_truncate(s->cache, i, 0);
    k->held.n = 0;
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
    r->last = id;
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

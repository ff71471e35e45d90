/* apart.c - two models side by side (apart.h has the rules).
 *
 * A runs a step first; what leaves each of its layers is kept and compared when B passes the same
 * place. Rows of a step are in the order of the sequence, and layers come in order, so when layer l
 * of B is seen, all near choices of layers before l are known for every row of the step: own[]
 * holds each row's first, `before` the lowest of all earlier steps.
 */
#include "engine/cmd/apart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double eng_deviation_nmse(const struct eng_deviation *v)
{
    return v->d2 == 0 ? 0 : v->a2 > 0 ? v->d2 / v->a2 : INFINITY;
}

static void compare(struct eng_deviation *d, const float *a, const float *b, size_t n)
{
    d->held++;
    for (size_t i = 0; i < n; i++) {
        double x = (double)b[i] - (double)a[i];
        if (isnan(x)) /* infinities of both sides, or no number: never within bounds */
            x = INFINITY;
        d->max_abs = fmax(d->max_abs, fabs(x));
        d->d2 += x * x;
        d->a2 += (double)a[i] * (double)a[i];
    }
}

static bool same_set(const uint32_t *a, const uint32_t *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        bool found = false;
        for (uint32_t k = 0; k < n && !found; k++)
            found = a[i] == b[k];
        if (!found)
            return false;
    }
    return true;
}

/* Steps are at most ENG_APART_ROWS long, but the model may cut them further: row0 says where. */
static void keep_a(void *ctx, const struct eng_seen *s)
{
    struct eng_apart *d = ctx;
    size_t at = (size_t)s->layer * ENG_APART_ROWS + s->row0;
    memcpy(d->kept + at * d->n_residual, s->x, (size_t)s->n * d->n_residual * sizeof(float));
    d->layers[s->layer].experts = s->ids && d->n_used;
    if (s->ids && d->n_used)
        memcpy(d->chose + at * d->n_used, s->ids, (size_t)s->n * d->n_used * sizeof(*s->ids));
    for (uint32_t t = 0; t < s->n; t++) {
        d->gap_experts[at + t] = s->expert_gap ? s->expert_gap[t] : INFINITY;
        d->gap_keys[at + t] = s->key_gap ? s->key_gap[t] : INFINITY;
    }
}

/* What may have moved row r behind this layer, its own choices in it excepted: the lowest layer
 * with a near choice of the tokens before. */
static bool moved(const struct eng_apart *d, uint32_t layer, size_t r)
{
    uint32_t lowest = d->before;
    for (size_t i = 0; i < r; i++)
        lowest = d->own[i] < lowest ? d->own[i] : lowest;
    return lowest < layer || d->own[r] < layer;
}

/* The row's own choices in this layer; returns whether it is still held. */
static bool judge(struct eng_apart *d, struct eng_deviation *v, size_t at, size_t r, uint32_t layer,
                  bool differ)
{
    bool near = false;
    if (differ && d->margin > 0) {
        double gap = (double)d->gap_experts[at];
        if (gap < d->margin) {
            near = true;
            v->near_experts++;
            v->widest = fmax(v->widest, gap);
        } else if (!((double)d->gap_keys[at] < d->margin)) {
            v->wrong_experts++;
            v->narrowest = fmin(v->narrowest, gap);
        }
    }
    if ((double)d->gap_keys[at] < d->margin) {
        near = true;
        v->near_keys++;
    }
    if (near)
        d->own[r] = layer;
    return !near;
}

static void meet_b(void *ctx, const struct eng_seen *s)
{
    struct eng_apart *d = ctx;
    struct eng_deviation *v = &d->layers[s->layer];
    for (uint32_t t = 0; t < s->n; t++) {
        size_t r = s->row0 + t, at = (size_t)s->layer * ENG_APART_ROWS + r;
        bool differ =
            s->ids && v->experts &&
            !same_set(d->chose + at * d->n_used, s->ids + (size_t)t * d->n_used, d->n_used);
        v->rows++;
        v->experts_differ += differ;
        if (!moved(d, s->layer, r) && judge(d, v, at, r, s->layer, differ))
            compare(v, d->kept + at * d->n_residual, s->x + (size_t)t * d->n_residual,
                    d->n_residual);
    }
}

static uint32_t first_choice(const float *x, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static void meet_logits(struct eng_apart *d)
{
    for (size_t r = 0; r < d->n; r++) {
        const float *a = d->logits_a + r * d->n_vocab, *b = d->logits_b + r * d->n_vocab;
        d->logits.rows++;
        if (moved(d, d->n_layer - 1, r) || d->own[r] < d->n_layer)
            continue;
        compare(&d->logits, a, b, d->n_vocab);
        d->first_choice_differs += first_choice(a, d->n_vocab) != first_choice(b, d->n_vocab);
    }
    for (size_t r = 0; r < d->n; r++)
        d->before = d->own[r] < d->before ? d->own[r] : d->before;
}

enum base_status eng_apart_run(struct eng_apart *d, const int32_t *tokens, size_t n, uint32_t pos,
                               struct base_err *err)
{
    enum base_status st = BASE_OK;
    uint32_t at_pos[ENG_APART_ROWS];
    (void)eng_cache_truncate(d->ca, 0, 0);
    (void)eng_cache_truncate(d->cb, 0, 0);
    d->before = d->n_layer;
    for (size_t at = 0; at < n && st == BASE_OK; at += d->n) {
        d->n = n - at < ENG_APART_ROWS ? n - at : ENG_APART_ROWS;
        for (size_t i = 0; i < d->n; i++) {
            at_pos[i] = pos + (uint32_t)(at + i);
            d->own[i] = d->n_layer;
        }
        struct eng_batch b = {.n = d->n, .tokens = tokens + at, .pos = at_pos};
        st = eng_forward(d->a, d->ca, &b, d->logits_a, err);
        if (st == BASE_OK)
            st = eng_forward(d->b, d->cb, &b, d->logits_b, err);
        if (st == BASE_OK)
            meet_logits(d);
    }
    return st;
}

static enum base_status alike(const struct eng_apart *d, struct base_err *err)
{
    const struct eng_model_info *a = eng_model_get_info(d->a), *b = eng_model_get_info(d->b);
    const struct {
        const char *what;
        uint32_t a, b;
    } v[] = {{"layers", a->n_layer, b->n_layer},
             {"values a token", a->n_residual, b->n_residual},
             {"tokens in the vocabulary", a->n_vocab, b->n_vocab}};
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
        if (v[i].a != v[i].b)
            return base_err_set(err, BASE_EINVAL,
                                "the first has %u %s, the second %u: they cannot be compared layer "
                                "by layer",
                                v[i].a, v[i].what, v[i].b);
    return BASE_OK;
}

enum base_status eng_apart_open(struct eng_apart *d, struct base_err *err)
{
    const struct eng_model_info *a = eng_model_get_info(d->a), *b = eng_model_get_info(d->b);
    enum base_status st = alike(d, err);
    if (st != BASE_OK)
        return st;
    d->n_layer = a->n_layer;
    d->n_residual = a->n_residual;
    d->n_vocab = a->n_vocab;
    /* a dense model beside its mixture: choices cannot be compared */
    d->n_used =
        b->n_expert == a->n_expert && b->n_expert_used == a->n_expert_used ? a->n_expert_used : 0;
    size_t cells = (size_t)d->n_layer * ENG_APART_ROWS;
    d->kept = calloc(cells, d->n_residual * sizeof(float));
    d->chose = calloc(cells, (d->n_used + 1) * sizeof(*d->chose));
    d->gap_experts = calloc(cells, sizeof(float));
    d->gap_keys = calloc(cells, sizeof(float));
    d->layers = calloc(d->n_layer, sizeof(*d->layers));
    d->logits_a = calloc(ENG_APART_ROWS, d->n_vocab * sizeof(float));
    d->logits_b = calloc(ENG_APART_ROWS, d->n_vocab * sizeof(float));
    if (!d->kept || !d->chose || !d->gap_experts || !d->gap_keys || !d->layers || !d->logits_a ||
        !d->logits_b)
        return base_err_set(err, BASE_ENOMEM, "out of memory for %zu rows", cells);
    for (uint32_t l = 0; l < d->n_layer; l++)
        d->layers[l].narrowest = INFINITY;
    eng_model_probe(d->a, keep_a, d);
    eng_model_probe(d->b, meet_b, d);
    return BASE_OK;
}

void eng_apart_release(struct eng_apart *d)
{
    if (d->a)
        eng_model_probe(d->a, NULL, NULL);
    if (d->b)
        eng_model_probe(d->b, NULL, NULL);
    free(d->kept);
    free(d->chose);
    free(d->gap_experts);
    free(d->gap_keys);
    free(d->layers);
    free(d->logits_a);
    free(d->logits_b);
}

/* sampler.c - picking the next token.
 *
 * Probabilities are softmax(logits / temperature). Tokens whose probability is below e^-24 of the
 * likeliest are never picked; that leaves few to sort even for large vocabularies. Ties go to the
 * lower id. The generator is xoshiro256** (public domain, Blackman and Vigna), seeded through
 * splitmix64, so that a seed means the same everywhere.
 */
#include "engine/sample/sampler.h"

#include "base/clock.h"
#include "engine/sample/watermark.h"
#include <math.h>
#include <stdlib.h>

#define SPAN 24.0f /* in units of the temperature: what is less likely is never picked */

struct cand {
    float logit;
    int32_t id;
};

struct eng_sampler {
    struct eng_sampling p;
    uint32_t n_vocab;
    uint64_t rng[4];
    double asked; /* drawn for a device that may yet decline */
    bool has_asked;
    uint32_t *count; /* [n_vocab] how often generated; NULL without penalties */
    int32_t *seen;   /* distinct tokens generated */
    size_t n_seen, cap_seen;
    struct cand *cand; /* [n_vocab] */
    const struct eng_watermark *mark;
    int32_t previous; /* for the mark */
};

struct eng_sampling eng_sampling_default(void)
{
    return (struct eng_sampling){
        .temperature = 0.7f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .repeat = 1.0f};
}

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t next(uint64_t s[4])
{
    uint64_t r = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return r;
}

struct eng_sampler *eng_sampler_new(const struct eng_sampling *p, uint32_t n_vocab)
{
    struct eng_sampler *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->p = *p;
    s->n_vocab = n_vocab;
    uint64_t seed = p->seed;
    if (!p->seeded)
        base_random(&seed, sizeof(seed));
    for (int i = 0; i < 4; i++)
        s->rng[i] = splitmix(&seed);
    bool penalties = p->presence != 0 || p->frequency != 0 || (p->repeat != 1 && p->repeat > 0);
    s->cand = malloc((size_t)n_vocab * sizeof(*s->cand));
    if (penalties)
        s->count = calloc(n_vocab, sizeof(*s->count));
    if (s->cand == NULL || (penalties && s->count == NULL)) {
        eng_sampler_free(s);
        return NULL;
    }
    return s;
}

void eng_sampler_free(struct eng_sampler *s)
{
    if (s == NULL)
        return;
    free(s->count);
    free(s->seen);
    free(s->cand);
    free(s);
}

void eng_sampler_mark(struct eng_sampler *s, const struct eng_watermark *w, int32_t previous)
{
    s->mark = w;
    s->previous = previous;
}

static void penalise(const struct eng_sampler *s, float *logits)
{
    for (size_t i = 0; i < s->n_seen; i++) {
        int32_t id = s->seen[i];
        float x = logits[id];
        if (s->p.repeat > 0)
            x = x > 0 ? x / s->p.repeat : x * s->p.repeat;
        logits[id] = x - s->p.presence - s->p.frequency * (float)s->count[id];
    }
}

static void remember(struct eng_sampler *s, int32_t id)
{
    if (s->count == NULL || id < 0 || s->count[id]++ > 0)
        return;
    if (s->n_seen == s->cap_seen) {
        size_t cap = s->cap_seen ? s->cap_seen * 2 : 64;
        int32_t *p = realloc(s->seen, cap * sizeof(*p));
        if (p == NULL)
            return; /* a penalty less, for want of memory */
        s->seen = p;
        s->cap_seen = cap;
    }
    s->seen[s->n_seen++] = id;
}

static int likelier(const void *a, const void *b)
{
    const struct cand *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The next number in [0, 1). */
static double unit(struct eng_sampler *s)
{
    if (!s->has_asked)
        s->asked = (double)(next(s->rng) >> 11) * 0x1p-53;
    s->has_asked = false;
    return s->asked;
}

static int32_t draw(struct eng_sampler *s, const float *logits, int32_t best)
{
    const struct eng_sampling *p = &s->p;
    float floor_logit = logits[best] - SPAN * p->temperature;
    size_t n = 0;
    for (uint32_t i = 0; i < s->n_vocab; i++)
        if (logits[i] >= floor_logit) {
            s->cand[n].logit = logits[i];
            s->cand[n++].id = (int32_t)i;
        }
    qsort(s->cand, n, sizeof(*s->cand), likelier);
    if (p->top_k > 0 && n > p->top_k)
        n = p->top_k;
    double total = 0, kept = 0;
    for (size_t i = 0; i < n; i++) {
        s->cand[i].logit = expf((s->cand[i].logit - logits[best]) / p->temperature);
        total += s->cand[i].logit; /* from here on: probability relative to the likeliest */
    }
    size_t m = 0;
    while (m < n && (m == 0 || (kept < p->top_p * total && s->cand[m].logit >= p->min_p)))
        kept += s->cand[m++].logit;
    double at = unit(s) * kept;
    for (size_t i = 0; i < m; i++) {
        at -= s->cand[i].logit;
        if (at < 0)
            return s->cand[i].id;
    }
    return s->cand[m - 1].id;
}

int32_t eng_sampler_pick(struct eng_sampler *s, float *logits)
{
    int32_t best = -1;
    if (s->count && !s->has_asked)
        penalise(s, logits);
    if (s->mark)
        eng_watermark_bias(s->mark, s->previous, logits, s->n_vocab, SPAN * s->p.temperature);
    for (uint32_t i = 0; i < s->n_vocab; i++)
        if (isfinite(logits[i]) && (best < 0 || logits[i] > logits[best]))
            best = (int32_t)i;
    if (best < 0)
        return -1;
    if (s->p.temperature > 0) {
        for (uint32_t i = 0; i < s->n_vocab; i++)
            if (!isfinite(logits[i]))
                logits[i] = -INFINITY;
        best = draw(s, logits, best);
    }
    remember(s, best);
    s->previous = best;
    return best;
}

bool eng_sampler_ask(struct eng_sampler *s, struct eng_sampler_ask *out)
{
    if (s->mark)
        return false;
    *out = (struct eng_sampler_ask){
        .p = &s->p, .seen = s->seen, .count = s->count, .n_seen = s->n_seen};
    if (s->p.temperature > 0) {
        out->draw = s->asked = unit(s);
        s->has_asked = true;
    }
    return true;
}

void eng_sampler_took(struct eng_sampler *s, int32_t id)
{
    s->has_asked = false;
    if (id < 0)
        return;
    remember(s, id);
    s->previous = id;
}

/* delta.c - the CPU's operators of gated DeltaNet layers (model_delta.c says what they compute).
 *
 * Tokens of a sequence follow one another one by one, whatever the batch: what a token gives does
 * not depend on what came with it. Work is shared out by channels and by heads; a task takes all
 * tokens of the slice in order, so sequences may be mixed in any way. Of a head it takes some
 * columns of the state through STEPS tokens, then the next columns: they stay in the first-level
 * cache. (The form in chunks that CUDA has for prompts does as much arithmetic in f32 and is for
 * tensor cores.) Behind a token that is marked each task copies its part to where the state is
 * noted.
 */
#include "engine/cpu/table.h"
#include "engine/lanes.h"

#include <math.h>
#include <string.h>

#define CHANNELS_PER_TASK 64

static float silu(float x)
{
    return x / (1 + expf(-x));
}

/* One channel of a token: its input becomes silu of the convolution, and joins the state. */
static void convolve(float *x, float *state, const float *w, uint32_t conv)
{
    float sum = *x * w[conv - 1];
    for (uint32_t j = 0; j + 1 < conv; j++)
        sum += state[j] * w[j];
    for (uint32_t j = 0; j + 2 < conv; j++)
        state[j] = state[j + 1];
    if (conv > 1)
        state[conv - 2] = *x;
    *x = silu(sum);
}

static void conv_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct eng_fwd *f = ctx;
    const struct eng_delta_params *p = &f->m->hp.delta;
    const struct eng_scratch *s = f->s;
    uint32_t c0 = task * CHANNELS_PER_TASK, c1 = c0 + CHANNELS_PER_TASK, keep = p->conv - 1;
    (void)thread;
    if (c1 > p->channels)
        c1 = p->channels;
    for (uint32_t t = 0; t < f->n; t++) {
        float *state = eng_state(f->c, f->layer, s->state[t]);
        for (uint32_t c = c0; c < c1; c++)
            convolve(s->q + (size_t)t * p->channels + c, state + (size_t)c * keep,
                     f->y->delta->conv + (size_t)c * p->conv, p->conv);
        if (s->mark[t] != ENG_NO_MARK)
            memcpy(eng_state(f->c, f->layer, s->mark[t]) + (size_t)c0 * keep,
                   state + (size_t)c0 * keep, (size_t)(c1 - c0) * keep * sizeof(float));
    }
}

/* Queries and keys of a token at length 1. */
static void unit_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    const struct eng_delta_params *p = &f->m->hp.delta;
    for (uint32_t h = 0; h < 2 * p->n_key; h++) {
        float *x = f->s->q + (size_t)t * p->channels + (size_t)h * p->dk, sum = 0;
        for (uint32_t i = 0; i < p->dk; i++)
            sum += x[i] * x[i];
        float scale = 1 / fmaxf(sqrtf(sum), f->m->hp.rms_eps);
        for (uint32_t i = 0; i < p->dk; i++)
            x[i] *= scale;
    }
}

/* Tokens of a slice that go through a head's state together, columns by columns. */
#define STEPS 64

/* A token's step of a head. */
struct step {
    float *s, *note; /* [dk][dv]; note: where the state behind the token is copied, or NULL */
    const float *q, *k, *v;
    float decay, beta;
    float *out; /* [dv] */
};

struct steps {
    struct step t[STEPS];
    uint32_t n, dk, dv;
    float scale;
};

/* Columns at..at + n * L of the state, through all tokens: nothing in one column depends on
 * another, and what stays in the first-level cache is not fetched for each token again. The decayed
 * state is never written by itself: k(g S) is g (k S). Two sums, of even and odd rows. */
#define COLUMNS(w)                                                                                 \
    do {                                                                                           \
        for (uint32_t t = 0; t < a->n; t++) {                                                      \
            const struct step *p = &a->t[t];                                                       \
            lanes d[2][w], o[w];                                                                   \
            memset(d, 0, sizeof(d));                                                               \
            memset(o, 0, sizeof(o));                                                               \
            for (uint32_t i = 0; i + 1 < a->dk; i += 2)                                            \
                _Pragma("GCC unroll 4") for (int c = 0; c < (w); c++)                              \
                {                                                                                  \
                    const float *r = p->s + (size_t)i * a->dv + at + c * L;                        \
                    d[0][c] += p->k[i] * *(const lanes *)r;                                        \
                    d[1][c] += p->k[i + 1] * *(const lanes *)(r + a->dv);                          \
                }                                                                                  \
            _Pragma("GCC unroll 4") for (int c = 0; c < (w); c++)                                  \
            {                                                                                      \
                d[0][c] += d[1][c];                                                                \
                if (a->dk % 2)                                                                     \
                    d[0][c] += p->k[a->dk - 1] *                                                   \
                               *(const lanes *)(p->s + (size_t)(a->dk - 1) * a->dv + at + c * L);  \
                d[0][c] = p->beta * (*(const lanes *)(p->v + at + c * L) - p->decay * d[0][c]);    \
            }                                                                                      \
            for (uint32_t i = 0; i < a->dk; i++)                                                   \
                _Pragma("GCC unroll 4") for (int c = 0; c < (w); c++)                              \
                {                                                                                  \
                    lanes *r = (lanes *)(p->s + (size_t)i * a->dv + at + c * L);                   \
                    *r = *r * p->decay + p->k[i] * d[0][c];                                        \
                    o[c] += p->q[i] * *r;                                                          \
                }                                                                                  \
            _Pragma("GCC unroll 4") for (int c = 0; c < (w); c++) *                                \
                (lanes *)(p->out + at + c * L) = o[c] * a->scale;                                  \
            for (uint32_t i = 0; p->note && i < a->dk; i++)                                        \
                memcpy(p->note + (size_t)i * a->dv + at, p->s + (size_t)i * a->dv + at,            \
                       (w)*L * sizeof(float));                                                     \
        }                                                                                          \
        at += (w)*L;                                                                               \
    } while (0)

/* The columns that make no vector. */
INLINE void last_columns(const struct steps *a, const struct step *p, uint32_t at)
{
    for (; at < a->dv; at++) {
        float d = 0, o = 0;
        for (uint32_t i = 0; i < a->dk; i++)
            d += p->k[i] * p->s[(size_t)i * a->dv + at];
        d = p->beta * (p->v[at] - p->decay * d);
        for (uint32_t i = 0; i < a->dk; i++) {
            float *r = p->s + (size_t)i * a->dv + at;
            *r = *r * p->decay + p->k[i] * d;
            o += p->q[i] * *r;
            if (p->note)
                p->note[(size_t)i * a->dv + at] = *r;
        }
        p->out[at] = o * a->scale;
    }
}

INLINE void steps_body(const struct steps *a)
{
    uint32_t at = 0;
    while (at + 4 * L <= a->dv)
        COLUMNS(4);
    while (at + L <= a->dv)
        COLUMNS(1);
    for (uint32_t t = 0; t < a->n; t++)
        last_columns(a, &a->t[t], at);
}

ENG_VERSIONS(static, steps_head, steps_body, const struct steps)

/* The gates of value head h of token t, before sigmoid and softplus. */
static void gates(const struct eng_fwd *f, uint32_t t, uint32_t h, float *b, float *a)
{
    const struct eng_delta_params *p = &f->m->hp.delta;
    if (f->y->delta->ba.tensor) { /* per key head: the b of its value heads, then their a */
        uint32_t each = p->n_value / p->n_key;
        const float *x = f->s->v + (size_t)t * 2 * p->n_value + (size_t)(h / each) * 2 * each;
        *b = x[h % each];
        *a = x[each + h % each];
    } else {
        *b = f->s->v[(size_t)t * p->n_value + h];
        *a = f->s->v[((size_t)f->n + t) * p->n_value + h];
    }
}

static void head_task(void *ctx, uint32_t h, uint32_t thread)
{
    const struct eng_fwd *f = ctx;
    const struct eng_delta_params *p = &f->m->hp.delta;
    const struct eng_scratch *s = f->s;
    uint32_t key = f->m->hp.family->delta_tiled ? h % p->n_key : h / (p->n_value / p->n_key);
    size_t at = (size_t)p->channels * (p->conv - 1) + (size_t)h * p->dk * p->dv;
    struct steps all = {.dk = p->dk, .dv = p->dv, .scale = 1 / sqrtf((float)p->dk)};
    (void)thread;
    for (uint32_t t = 0; t < f->n; t++) {
        const float *u = s->q + (size_t)t * p->channels;
        float b, a;
        gates(f, t, h, &b, &a);
        a += f->y->delta->dt[h];
        all.t[all.n++] = (struct step){
            .s = eng_state(f->c, f->layer, s->state[t]) + at,
            .note = s->mark[t] == ENG_NO_MARK ? NULL : eng_state(f->c, f->layer, s->mark[t]) + at,
            .q = u + (size_t)key * p->dk,
            .k = u + (size_t)(p->n_key + key) * p->dk,
            .v = u + (size_t)2 * p->n_key * p->dk + (size_t)h * p->dv,
            .decay = expf(f->y->delta->a[h] * (a > 20 ? a : log1pf(expf(a)))),
            .beta = 1 / (1 + expf(-b)),
            .out = s->att + ((size_t)t * p->n_value + h) * p->dv};
        if (all.n == STEPS || t + 1 == f->n) {
            steps_head(&all);
            all.n = 0;
        }
    }
}

/* Token t: heads normed, and gated by z, which lies in s->k. */
static void gate_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    const struct eng_delta_params *p = &f->m->hp.delta;
    for (uint32_t h = 0; h < p->n_value; h++) {
        size_t at = ((size_t)t * p->n_value + h) * p->dv;
        float *o = f->s->att + at;
        f->m->kernels->rmsnorm(o, o, f->y->delta->norm, p->dv, f->m->hp.rms_eps);
        for (uint32_t i = 0; i < p->dv; i++)
            o[i] *= silu(f->s->k[at + i]);
    }
}

void eng_cpu_delta_conv(struct eng_fwd *f)
{
    uint32_t channels = f->m->hp.delta.channels;
    eng_pool_run(f->m->pool, (channels + CHANNELS_PER_TASK - 1) / CHANNELS_PER_TASK, conv_task, f);
    eng_cpu_for_rows(f->m, f->n, unit_row, f);
}

void eng_cpu_delta_step(struct eng_fwd *f)
{
    eng_pool_run(f->m->pool, f->m->hp.delta.n_value, head_task, f);
}

void eng_cpu_delta_gate(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, gate_row, f);
}

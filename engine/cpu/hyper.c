/* hyper.c - the CPU's operators of several residual streams (model_hyper.c says what they compute).
 * A token a task; no task sees more than its own token.
 */
#include "engine/cpu/table.h"

#include <string.h>

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

/* c[from][to] */
static void sinkhorn(float *c, uint32_t n, uint32_t iterations, float eps)
{
    for (uint32_t i = 0; i < n; i++) {
        float *row = c + i * n, max = row[0], sum = 0;
        for (uint32_t j = 1; j < n; j++)
            max = fmaxf(max, row[j]);
        for (uint32_t j = 0; j < n; j++)
            sum += row[j] = expf(row[j] - max);
        for (uint32_t j = 0; j < n; j++)
            row[j] = row[j] / sum + eps;
    }
    for (uint32_t k = 0; k < iterations; k++) {
        for (uint32_t i = 0; k && i < n; i++) {
            float sum = eps;
            for (uint32_t j = 0; j < n; j++)
                sum += c[i * n + j];
            for (uint32_t j = 0; j < n; j++)
                c[i * n + j] /= sum;
        }
        for (uint32_t j = 0; j < n; j++) {
            float sum = eps;
            for (uint32_t i = 0; i < n; i++)
                sum += c[i * n + j];
            for (uint32_t i = 0; i < n; i++)
                c[i * n + j] /= sum;
        }
    }
}

struct job {
    struct eng_fwd *f;
    const struct eng_hyper *h;
};

/* in = sum of the streams, each times its part. */
static void gather(const struct eng_fwd *f, uint32_t t, const float *give)
{
    uint32_t n = f->m->hp.n_stream, d = f->m->hp.n_embd;
    const float *x = f->s->x + (size_t)t * n * d;
    float *in = f->s->in + (size_t)t * d;
    memset(in, 0, d * sizeof(float));
    for (uint32_t i = 0; i < n; i++)
        f->m->kernels->axpy(in, give[i], x + (size_t)i * d, d);
}

static void in_row(void *ctx, uint32_t t)
{
    const struct job *j = ctx;
    const struct eng_fwd *f = j->f;
    const struct eng_hparams *hp = &f->m->hp;
    uint32_t n = hp->n_stream, d = hp->n_embd, all = (2 + n) * n;
    float *m = f->s->mix + (size_t)t * all, give[ENG_STREAMS_MAX] = {0};
    float *x = f->s->x + (size_t)t * n * d, *old = f->s->flat + (size_t)t * n * d;
    for (uint32_t i = 0; i < all; i++)
        m[i] = m[i] * j->h->scale[i < n ? 0 : i < 2 * n ? 1 : 2] + j->h->base[i];
    for (uint32_t i = 0; i < n; i++)
        give[i] = sigmoid(m[i]) + hp->hyper_eps;
    gather(f, t, give);
    for (uint32_t i = 0; i < n; i++)
        m[i] = 2 * sigmoid(m[n + i]);
    float *c = m + 2 * n;
    sinkhorn(c, n, hp->n_sinkhorn, hp->hyper_eps);
    memcpy(old, x, (size_t)n * d * sizeof(float));
    memset(x, 0, (size_t)n * d * sizeof(float));
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < n; k++)
            f->m->kernels->axpy(x + (size_t)k * d, c[i * n + k], old + (size_t)i * d, d);
}

static void out_row(void *ctx, uint32_t t)
{
    const struct job *j = ctx;
    uint32_t n = j->f->m->hp.n_stream;
    const float *m = j->f->s->mix + (size_t)t * n;
    float give[ENG_STREAMS_MAX] = {0};
    for (uint32_t i = 0; i < n; i++)
        give[i] = sigmoid(m[i] * j->h->scale[0] + j->h->base[i]) + j->f->m->hp.hyper_eps;
    gather(j->f, t, give);
}

void eng_cpu_hyper_in(struct eng_fwd *f, const struct eng_hyper *h)
{
    struct job j = {f, h};
    eng_cpu_for_rows(f->m, f->n, in_row, &j);
}

void eng_cpu_hyper_out(struct eng_fwd *f, const struct eng_hyper *h)
{
    struct job j = {f, h};
    eng_cpu_for_rows(f->m, f->n, out_row, &j);
}

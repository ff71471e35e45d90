/* model_hyper.c - several residual streams instead of one (hyper-connections, arXiv 2409.19606,
 * with mixing matrices whose rows and columns sum to 1, arXiv 2512.24880), as DeepSeek V4 has them.
 *
 * A token has n streams x_0..x_{n-1} of n_embd. Around each half F of a layer, with m the n (2 + n)
 * numbers that a matrix makes of all streams, normed together without weights, and base b, scales
 * s:
 *
 *   give_i = sigmoid(s_0 m_i + b_i) + eps                      what F sees of stream i
 *   take_i = 2 sigmoid(s_1 m_{n+i} + b_{n+i})                  what stream i takes of F's output
 *   C = sinkhorn(s_2 m_{2n+in+j} + b_{2n+in+j})                what stream j gets of stream i
 *   x_j = sum_i C_ij x_i + take_j F(sum_i give_i x_i)
 *
 * sinkhorn: softmax of each row, + eps; then columns divided by their sums + eps; then, iterations
 * - 1 times, rows likewise and columns. The first product is made here, before F, so that what F
 * puts out can be added in parts (eng_add_row). Before the output, give alone picks from the
 * streams.
 */
#include "engine/model_impl.h"

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

/* s->mix = the matrix times all streams, normed */
static void mixes(struct eng_fwd *f, const struct eng_hyper *h)
{
    struct eng_scratch *s = f->s;
    const struct eng_weight *w = &h->fn;
    struct eng_acts a =
        eng_prepare(f->m, s->x, f->m->ones, s->flat, f->n, w->n_in, eng_wants_ints(w));
    eng_linear(f->m, &a, f->n, 1, &w, &s->mix);
}

void eng_hyper_in(struct eng_fwd *f, const struct eng_hyper *h)
{
    struct job j = {f, h};
    mixes(f, h);
    eng_for_rows(f->m, f->n, in_row, &j);
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

void eng_hyper_out(struct eng_fwd *f)
{
    struct job j = {f, &f->m->hyper};
    mixes(f, j.h);
    eng_for_rows(f->m, f->n, out_row, &j);
}

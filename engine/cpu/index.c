/* index.c - the CPU's indexer of sparse attention ("lightning indexer", DeepSeek V3.2, arXiv
 * 2512.02556): which keys a token sees.
 *
 * Beside the keys of attention a layer keeps per token one short key k. A token at position t with
 * n_head queries q_h and weights w_h, made of its latent query and its input, gives every key s <=
 * t the score
 *
 *   sum_h w_h max(0, q_h . k_s)
 *
 * and attention sees the top_k keys with the largest; of equal ones the first. While there are no
 * more than top_k keys it sees all. The score's positive factors change no order and are left out,
 * and so is the Hadamard rotation of queries and keys, which changes no product: it only helps
 * those who round them.
 *
 * Keys are normed (mean 0, variance 1, then weights and biases) and turned by RoPE on their first
 * n_rot dimensions, like the queries. The choice is one bit per key, 32 a word, per token of the
 * slice. A token's choice depends on its own sequence alone.
 */
#include "engine/cpu/table.h"
#include "engine/lanes.h"

#include <math.h>
#include <string.h>

#define NORM_EPS 1e-6f

/* ---- scores ---- */

struct score_job {
    const float *q, *w; /* [n_head][n_dim], [n_head] */
    const float *k;     /* of page 0, blocks of 16 keys, as ops.h says */
    const int32_t *pages;
    uint32_t n_head, n_dim, n_keys;
    float *out; /* [n_keys rounded up to 16] */
};

INLINE void score_body(const struct score_job *a)
{
    for (uint32_t b = 0; b * L < a->n_keys; b++) {
        uint32_t each = ENG_PAGE / L;
        const float *k = a->k + ((size_t)a->pages[b / each] * ENG_PAGE + b % each * L) * a->n_dim;
        lanes sum = {0};
        for (uint32_t h = 0; h < a->n_head; h++) {
            const float *q = a->q + (size_t)h * a->n_dim;
            lanes s = {0};
            for (uint32_t i = 0; i < a->n_dim; i++)
                s += q[i] * *(const lanes *)(k + (size_t)i * L);
            ints above = s > 0.0f;
            sum += a->w[h] * (lanes)(above & (ints)s);
        }
        *(lanes *)(a->out + (size_t)b * L) = sum;
    }
}

ENG_VERSIONS(static, score_keys, score_body, const struct score_job)

/* ---- the choice ---- */

/* A number that orders as the float does; of what is no number, some place. */
static uint32_t order_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof(u));
    return u >> 31 ? ~u : u | 0x80000000u;
}

/* The k-th largest of n (k <= n), a byte at a time; *equal: how many of that value are among the k.
 */
static uint32_t kth_largest(const float *x, uint32_t n, uint32_t k, uint32_t *equal)
{
    uint32_t found = 0, mask = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        uint32_t count[256] = {0}, byte = 255;
        for (uint32_t i = 0; i < n; i++)
            if ((order_of(x[i]) & mask) == found)
                count[order_of(x[i]) >> shift & 255]++;
        while (k > count[byte])
            k -= count[byte--];
        found |= byte << shift;
        mask |= 255u << shift;
    }
    *equal = k;
    return found;
}

static void choose(const float *x, uint32_t n, uint32_t k, uint32_t *bits)
{
    uint32_t equal, last = kth_largest(x, n, k, &equal);
    memset(bits, 0, ((size_t)n + 31) / 32 * sizeof(*bits));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t o = order_of(x[i]);
        if (o > last || (o == last && equal && equal--))
            bits[i / 32] |= 1u << i % 32;
    }
}

/* How near the choice was to another: struct eng_seen's key_gap. */
static float gap_of(const float *x, uint32_t n, const uint32_t *bits)
{
    float in = INFINITY, out = -INFINITY;
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
        if (bits[i / 32] >> i % 32 & 1)
            in = fminf(in, x[i]);
        else
            out = fmaxf(out, x[i]);
    }
    double variance = squares / n - sum / n * (sum / n);
    return variance > 0 ? (in - out) / (float)sqrt(variance) : 0;
}

/* ---- a slice ---- */

/* Token t: its key normed, turned and kept; its queries turned. */
static void index_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    const struct eng_index_params *p = &f->m->hp.index;
    const struct eng_index *x = f->y->index;
    const struct eng_rope_set *set = &f->m->hp.rope[0];
    const float *cs = f->s->cs[0] + (size_t)t * set->n_rot;
    float *k = f->s->ik + (size_t)t * p->n_dim, mean = 0, var = 0;
    for (uint32_t i = 0; i < p->n_dim; i++)
        mean += k[i];
    mean /= (float)p->n_dim;
    for (uint32_t i = 0; i < p->n_dim; i++)
        var += (k[i] - mean) * (k[i] - mean);
    float scale = 1 / sqrtf(var / (float)p->n_dim + NORM_EPS);
    for (uint32_t i = 0; i < p->n_dim; i++)
        k[i] = (k[i] - mean) * scale * x->k_norm[i] + x->k_norm_bias[i];
    eng_rope(k, set->n_rot, p->neox, cs);
    uint32_t cell = f->s->cell[t];
    float *page = eng_part(f->c, f->layer)->x + f->c->x_at[f->layer] +
                  eng_cpu_page(f->c, f->c->group_of[f->layer], f->s->seq[t], cell,
                               (size_t)ENG_PAGE * p->n_dim);
    for (uint32_t i = 0; i < p->n_dim; i++)
        page[eng_key_at(p->n_dim, cell % ENG_PAGE, i)] = k[i];
    for (uint32_t h = 0; h < p->n_head; h++)
        eng_rope(f->s->iq + ((size_t)t * p->n_head + h) * p->n_dim, set->n_rot, p->neox, cs);
}

void eng_cpu_choose(struct eng_fwd *f, uint32_t t, uint32_t thread, uint32_t n, uint32_t *bits)
{
    const struct eng_index_params *p = &f->m->hp.index;
    const struct eng_cache *c = f->c;
    const struct eng_page_group *g =
        &c->groups[f->y->ratio ? c->group_more[f->layer] : c->group_of[f->layer]];
    struct score_job j = {.q = f->s->iq + (size_t)t * p->n_head * p->n_dim,
                          .w = f->s->iw + (size_t)t * p->n_head,
                          .k = eng_part(c, f->layer)->x + c->x_at[f->layer],
                          .pages = g->table + (size_t)f->s->seq[t] * g->max_pages,
                          .n_head = p->n_head,
                          .n_dim = p->n_dim,
                          .n_keys = n,
                          .out = eng_cpu_scores(f->c, thread)};
    score_keys(&j);
    choose(j.out, n, p->top_k, bits);
    if (f->m->gap_rows)
        f->m->gaps[f->m->gap_rows + t] = gap_of(j.out, n, bits);
}

static void pick_task(void *ctx, uint32_t t, uint32_t thread)
{
    struct eng_fwd *f = ctx;
    uint32_t n = f->s->cell[t] + 1;
    if (f->m->gap_rows)
        f->m->gaps[f->m->gap_rows + t] = INFINITY;
    if (n > f->m->hp.index.top_k)
        eng_cpu_choose(f, t, thread, n, f->c->picked + t * f->c->picked_each);
}

void eng_cpu_index(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, index_row, f);
    eng_pool_run(f->m->pool, f->n, pick_task, f);
}

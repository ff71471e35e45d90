/* model_compress.c - attention of DeepSeek V4: the keys of a window, and compressed ones of all
 * that came before.
 *
 * A token has one key for all heads, which is its value too: kv = rms(W_kv x) norm, its last n_rot
 * dimensions turned. Queries come in two steps with a norm between and another, without weights, of
 * each head. A head sees the keys of the last `window` tokens, a sink and, by the layer's ratio:
 *
 *   128   one key for every 128 tokens: all of those whose 128 tokens are there
 *     4   one key for every 4 tokens, made of those and the 4 before: the top_k that an indexer
 *         picks (model_index.c), which has compressed keys of its own, made in the same way
 *
 * A compressed key: every token gives u = W_kv x and g = W_gate x + place[position % ratio];
 * channel c of the key is the sum of u_c over the tokens, weighted by a softmax of their g_c; then
 * a norm, and a turn by the position of its first token. With ratio 4 u and g are twice as long:
 * the first half counts when the token is one of the 4 before, the second when it is one of the
 * key's own.
 *
 * Since values are turned as keys are, each head's output is turned back by the token's position.
 * Groups of heads then go through a matrix each, and those outputs together through another.
 *
 * In a cache compressed keys stand behind the keys of tokens, from cell n_cells on. The state per
 * sequence is u and g of the last 128 or 8 tokens, at position modulo that: a token that completes
 * a key needs no more. Tokens of a sequence are taken in order and positions start at 0.
 */
#include "engine/model_impl.h"

#include <string.h>

static uint32_t ring_of(uint32_t ratio)
{
    return ratio == ENG_RATIO_NEAR ? 2 * ratio : ratio;
}

static uint32_t width_of(uint32_t length, uint32_t ratio)
{
    return ratio == ENG_RATIO_NEAR ? 2 * length : length;
}

/* Floats: [ring][u, g] of keys, then of the indexer's. */
static size_t ring_floats(uint32_t length, uint32_t ratio)
{
    return (size_t)ring_of(ratio) * 2 * width_of(length, ratio);
}

size_t eng_compress_state(const struct eng_hparams *hp, uint32_t ratio)
{
    if (!ratio)
        return 0;
    size_t index = ratio == ENG_RATIO_NEAR ? ring_floats(hp->index.n_dim, ratio) : 0;
    return ring_floats(hp->n_dim, ratio) + index;
}

/* One of a layer's two rings. */
struct ring {
    const struct eng_squeeze *w;
    const float *u, *g; /* [n][width] of the slice */
    float *at;          /* the sequence's */
    uint32_t length, ratio;
};

/* Channel c of the key whose last token is at pos. */
static float channel(const struct ring *r, uint32_t pos, uint32_t c)
{
    uint32_t size = ring_of(r->ratio), width = width_of(r->length, r->ratio);
    uint32_t n = pos + 1 < size ? pos + 1 : size, from = pos + 1 - n;
    float max = -INFINITY, sum = 0, out = 0;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t p = from; p <= pos; p++) {
            bool before = p + r->ratio <= pos; /* one of the tokens before the key's own */
            const float *u = r->at + (size_t)(p % size) * 2 * width;
            uint32_t i = width > r->length && !before ? r->length + c : c;
            if (pass == 0) {
                max = fmaxf(max, u[width + i]);
            } else {
                float e = expf(u[width + i] - max);
                sum += e;
                out += e * u[i];
            }
        }
    return out / sum;
}

/* Token t's part into the ring; true if it completes a key, which goes to out[length]. */
static bool take_token(const struct eng_fwd *f, const struct ring *r, uint32_t t, float *out)
{
    const struct eng_rope_set *set = &f->m->hp.rope[f->y->rope];
    uint32_t pos = f->s->cell[t], width = width_of(r->length, r->ratio);
    float *to = r->at + (size_t)(pos % ring_of(r->ratio)) * 2 * width;
    const float *place = r->w->place + (size_t)(pos % r->ratio) * width;
    memcpy(to, r->u + (size_t)t * width, width * sizeof(float));
    for (uint32_t i = 0; i < width; i++)
        to[width + i] = r->g[(size_t)t * width + i] + place[i];
    if ((pos + 1) % r->ratio)
        return false;
    for (uint32_t c = 0; c < r->length; c++)
        out[c] = channel(r, pos, c);
    f->m->kernels->rmsnorm(out, out, r->w->norm, r->length, f->m->hp.rms_eps);
    float first = (float)(pos + 1 - r->ratio), *x = out + r->length - set->n_rot;
    for (uint32_t i = 0; i < set->n_rot / 2; i++) {
        float cs[2] = {cosf(first * set->freq[i]), sinf(first * set->freq[i])};
        eng_rope(x + 2 * i, 2, false, cs);
    }
    return true;
}

/* One ring of the layer through the whole slice; it stands `at` floats into the layer's state. */
static void squeeze(struct eng_fwd *f, struct ring r, size_t at, bool index)
{
    const struct eng_scratch *s = f->s;
    size_t floats = ring_floats(r.length, r.ratio);
    float *key = s->ik + (index ? f->m->hp.n_dim : 0); /* room for one of each */
    for (uint32_t t = 0; t < f->n; t++) {
        uint32_t seq = s->seq[t], cell = s->cell[t] / r.ratio;
        r.at = eng_state(f->c, f->layer, seq, 0) + at;
        if (take_token(f, &r, t, key)) {
            float *k = index ? f->c->x + eng_index_base(f->c, f->layer, seq)
                             : f->c->k + eng_key_base(f->c, f->layer, seq, 0);
            float *v = f->c->v + eng_value_base(f->c, f->layer, seq, 0);
            cell += index ? 0 : f->c->n_cells;
            for (uint32_t i = 0; i < r.length; i++)
                k[eng_key_at(r.length, cell, i)] = key[i];
            if (!index)
                memcpy(v + (size_t)cell * r.length, key, r.length * sizeof(float));
        }
        if (s->mark[t])
            memcpy(eng_state(f->c, f->layer, seq, s->mark[t]) + at, r.at, floats * sizeof(float));
    }
}

static void squeeze_task(void *ctx, uint32_t task, uint32_t thread)
{
    struct eng_fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_compress *x = f->y->compress;
    float *const *p = f->s->squeeze + 2 * task;
    struct ring r = {.w = task ? &x->index : &x->keys,
                     .u = p[0],
                     .g = p[1],
                     .length = task ? hp->index.n_dim : hp->n_dim,
                     .ratio = f->y->ratio};
    (void)thread;
    squeeze(f, r, task ? ring_floats(hp->n_dim, f->y->ratio) : 0, task != 0);
}

/* The keys that token t sees: its window, and the compressed ones. */
static void pick_task(void *ctx, uint32_t t, uint32_t thread)
{
    struct eng_fwd *f = ctx;
    const struct eng_index_params *p = &f->m->hp.index;
    const struct eng_layer *y = f->y;
    uint32_t last = f->s->cell[t], n = (last + 1) / y->ratio, *bits;
    uint32_t first = last >= y->window ? last - y->window + 1 : 0;
    bits = f->c->picked + t * f->c->picked_each;
    memset(bits, 0, eng_cells(last + 1) / 8);
    for (uint32_t j = first; j <= last; j++)
        bits[j / 32] |= 1u << j % 32;
    bits += f->c->n_cells / 32;
    if (y->indexed && n > p->top_k) {
        for (uint32_t h = 0; h < p->n_head; h++) {
            const struct eng_rope_set *set = &f->m->hp.rope[y->rope];
            float *q = f->s->iq + ((size_t)t * p->n_head + h) * p->n_dim;
            eng_rope(q + p->n_dim - set->n_rot, set->n_rot, false,
                     f->s->cs[y->rope] + (size_t)t * set->n_rot);
        }
        eng_index_choose(f, t, thread, n, bits);
        return;
    }
    memset(bits, 0, eng_cells(n) / 8);
    for (uint32_t j = 0; j < n; j++)
        bits[j / 32] |= 1u << j % 32;
}

/* Token t's heads turned back, and by groups: [group][token][heads of a group]. */
static void group_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_rope_set *set = &hp->rope[f->y->rope];
    const float *cs = f->s->cs[f->y->rope] + (size_t)t * set->n_rot;
    uint32_t each = hp->n_head / hp->n_out_group * hp->n_dim;
    float *out = f->s->att + (size_t)t * hp->n_head * hp->n_dim;
    for (uint32_t h = 0; h < hp->n_head; h++) {
        float *x = out + (size_t)(h + 1) * hp->n_dim - set->n_rot;
        for (uint32_t i = 0; i < set->n_rot / 2; i++) {
            float back[2] = {cs[2 * i], -cs[2 * i + 1]};
            eng_rope(x + 2 * i, 2, false, back);
        }
    }
    for (uint32_t g = 0; g < hp->n_out_group; g++)
        memcpy(f->s->heads + ((size_t)g * f->n + t) * each, out + (size_t)g * each,
               each * sizeof(float));
}

static void project(struct eng_fwd *f)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &m->hp;
    const struct eng_weight *a1 = &f->y->compress->out_a, *w = &f->y->o;
    uint32_t wide = hp->n_out_group * hp->n_out_lora;
    eng_for_rows(m, f->n, group_row, f);
    struct eng_acts a =
        eng_prepare(m, s->heads, NULL, NULL, f->n * hp->n_out_group, a1->n_in, eng_wants_ints(a1));
    eng_linear_each(m, &a, f->n, a1, s->ql, wide, hp->n_out_lora);
    a = eng_prepare(m, s->ql, NULL, NULL, f->n, wide, eng_wants_ints(w));
    eng_linear(m, &a, f->n, 1, &w, &s->proj);
}

/* All that is made of the layer's input, and of the latent query. */
static void inputs(struct eng_fwd *f)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    const struct eng_layer *y = f->y;
    const struct eng_compress *x = y->compress;
    const struct eng_weight *w[7] = {&y->q_a, &y->k};
    float *out[7] = {s->qa, s->k};
    uint32_t n = 2;
    if (y->ratio) {
        w[n] = &x->keys.kv, out[n++] = s->squeeze[0];
        w[n] = &x->keys.gate, out[n++] = s->squeeze[1];
    }
    if (y->indexed) {
        w[n] = &x->index.kv, out[n++] = s->squeeze[2];
        w[n] = &x->index.gate, out[n++] = s->squeeze[3];
        w[n] = &y->index->proj, out[n++] = s->iw;
    }
    bool rounded = false;
    for (uint32_t i = 0; i < n; i++)
        rounded |= eng_wants_ints(w[i]);
    struct eng_acts a = eng_prepare(m, f->in, y->attn_norm, s->xn, f->n, m->hp.n_embd, rounded);
    for (uint32_t i = 0; i < n; i += 3)
        eng_linear(m, &a, f->n, n - i < 3 ? n - i : 3, w + i, out + i);
    w[0] = &y->q, out[0] = s->q;
    n = 1;
    if (y->indexed)
        w[n] = &y->index->q, out[n++] = s->iq;
    rounded = eng_wants_ints(w[0]) || (n > 1 && eng_wants_ints(w[1]));
    a = eng_prepare(m, s->qa, y->q_a_norm, s->qa, f->n, m->hp.n_lora_q, rounded);
    eng_linear(m, &a, f->n, n, w, out);
}

void eng_compress_layer(struct eng_fwd *f)
{
    inputs(f);
    if (f->y->ratio) {
        eng_pool_run(f->m->pool, f->y->indexed ? 2 : 1, squeeze_task, f);
        eng_pool_run(f->m->pool, f->n, pick_task, f);
    }
    eng_attend_all(f);
    project(f);
}

/* compress.c - the CPU's operators of attention with compressed keys (model_compress.c says what
 * they compute, and how the state is laid out).
 */
#include "engine/cpu/table.h"

#include <string.h>

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
    uint32_t size = eng_ring_of(r->ratio), width = eng_width_of(r->length, r->ratio);
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
    uint32_t pos = f->s->cell[t], width = eng_width_of(r->length, r->ratio);
    float *to = r->at + (size_t)(pos % eng_ring_of(r->ratio)) * 2 * width;
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
    size_t floats = eng_ring_floats(r.length, r.ratio);
    float *key = s->ik + (index ? f->m->hp.n_dim : 0); /* room for one of each */
    for (uint32_t t = 0; t < f->n; t++) {
        uint32_t seq = s->seq[t], cell = s->cell[t] / r.ratio;
        r.at = eng_state(f->c, f->layer, s->state[t]) + at;
        if (take_token(f, &r, t, key)) {
            const struct eng_cache *c = f->c;
            const struct eng_cache_part *p = eng_part(c, f->layer);
            size_t page =
                eng_cpu_page(c, c->group_more[f->layer], seq, cell, (size_t)ENG_PAGE * r.length);
            float *k = (index ? p->x + c->x_at[f->layer] : p->k + c->more_at[f->layer]) + page;
            float *v = p->v + c->more_v_at[f->layer] + page;
            cell %= ENG_PAGE;
            for (uint32_t i = 0; i < r.length; i++)
                k[eng_key_at(r.length, cell, i)] = key[i];
            if (!index)
                memcpy(v + (size_t)cell * r.length, key, r.length * sizeof(float));
        }
        if (s->mark[t] != ENG_NO_MARK)
            memcpy(eng_state(f->c, f->layer, s->mark[t]) + at, r.at, floats * sizeof(float));
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
    squeeze(f, r, task ? eng_ring_floats(hp->n_dim, f->y->ratio) : 0, task != 0);
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
    if (f->m->gap_rows)
        f->m->gaps[f->m->gap_rows + t] = INFINITY;
    if (y->indexed && n > p->top_k) {
        for (uint32_t h = 0; h < p->n_head; h++) {
            const struct eng_rope_set *set = &f->m->hp.rope[y->rope];
            float *q = f->s->iq + ((size_t)t * p->n_head + h) * p->n_dim;
            eng_rope(q + p->n_dim - set->n_rot, set->n_rot, false,
                     f->s->cs[y->rope] + (size_t)t * set->n_rot);
        }
        eng_cpu_choose(f, t, thread, n, bits);
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

void eng_cpu_squeeze(struct eng_fwd *f)
{
    eng_pool_run(f->m->pool, f->y->indexed ? 2 : 1, squeeze_task, f);
}

void eng_cpu_pick(struct eng_fwd *f)
{
    eng_pool_run(f->m->pool, f->n, pick_task, f);
}

void eng_cpu_regroup(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, group_row, f);
}

/* model.c - opening models, and cutting batches into slices.
 *
 * Owns struct eng_model (mapped file, weights, threads, scratch). The cache is model_cache.c, the
 * forward pass itself model_forward.c. A batch is checked as a whole before anything is written:
 * after that only the device can fail, and takes the batch's sequences with it.
 *
 * Scratch is sized at open for slices of SLICE_MAX tokens, fewer where the model is so wide that
 * this would pass SCRATCH_BYTES_MAX.
 */
#include "engine/model/model_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLICE_MAX         512
#define SLICE_MIN         16
#define SCRATCH_BYTES_MAX ((size_t)256 << 20)
#define PARTS_MAX         48

/* ---- scratch ---- */

struct part {
    void *at; /* of the pointer, whatever it points to: copied to and fro */
    size_t bytes;
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The widest row of each part of scratch that differs between layers. */
struct widths {
    size_t q, k, v, att, ql, heads, squeeze, acts;
};

static void widen(struct widths *x, const struct eng_hparams *hp, const struct eng_layer *y)
{
    size_t dim = (size_t)hp->n_head * y->n_dim, latent = larger(hp->n_nope, hp->n_lora_kv);
    size_t rot = hp->rope[0].n_rot;
    if (y->mixer == ENG_MIX_DELTA) {
        const struct eng_delta_params *p = &hp->delta;
        x->q = larger(x->q, p->channels);
        x->k = larger(x->k, (size_t)p->n_value * p->dv);
        x->v = larger(x->v, 2 * (size_t)p->n_value);
        x->att = larger(x->att, (size_t)p->n_value * p->dv);
        return;
    }
    x->q = larger(x->q, dim);
    x->att = larger(x->att, (size_t)hp->n_head * y->n_vdim);
    x->k = larger(x->k, (size_t)y->n_head_kv * y->n_dim);
    x->v = larger(x->v, (size_t)y->n_head_kv * y->n_vdim);
    if (y->mixer == ENG_MIX_GROUPED && hp->family->out_gate)
        x->ql = larger(x->ql, 2 * dim);
    if (y->mixer == ENG_MIX_LATENT) {
        x->ql = larger(x->ql, larger(hp->n_nope + rot, hp->n_vhead) * hp->n_head);
        x->heads = larger(x->heads, latent * hp->n_head);
    }
    if (y->mixer == ENG_MIX_COMPRESS) { /* overlapping keys are twice as wide */
        x->ql = larger(x->ql, (size_t)hp->n_out_group * hp->n_out_lora);
        x->heads = larger(x->heads, dim);
        x->squeeze = 2 * larger(hp->n_dim, hp->index.n_dim);
    }
}

static struct widths widths_of(const struct eng_model *m)
{
    const struct eng_hparams *hp = &m->hp;
    struct widths x = {0};
    for (uint32_t i = 0; m->layers && i < hp->n_layer; i++)
        widen(&x, hp, &m->layers[i]);
    x.acts = larger((size_t)hp->n_embd * hp->n_stream, larger(x.att, hp->n_side));
    x.acts = larger(x.acts, larger(larger(x.heads, hp->n_lora_q), x.ql));
    return x;
}

/* Lists the parts of scratch for slices of s->rows tokens, all in a place's memory; returns the sum
 * of their bytes. */
static size_t scratch_parts(struct eng_model *m, struct eng_scratch *s, struct part *parts,
                            size_t *n_parts)
{
    const struct eng_hparams *hp = &m->hp;
    const struct widths x = widths_of(m);
    size_t rows = s->rows, used = hp->moe.n_used ? hp->moe.n_used : 1;
    size_t pairs = rows * used, d = hp->n_embd, ff = m->n_ff_max;
    size_t all = d * hp->n_stream, hyper = hp->n_stream > 1;
    size_t wide = larger(rows * x.acts, pairs * ff);
    uint64_t q = 0, qi = 0;
    m->ops->acts_bytes(m, wide, &q, &qi);
    s->pairs = (uint32_t)pairs;
    struct part p[] = {
        {&s->x, rows * all * 4},
        {&s->in, hyper * rows * d * 4},
        {&s->flat, hyper * rows * all * 4},
        {&s->mix, hyper * rows * (2 + hp->n_stream) * hp->n_stream * 4},
        {&s->squeeze[0], rows * x.squeeze * 4},
        {&s->squeeze[1], rows * x.squeeze * 4},
        {&s->squeeze[2], rows * x.squeeze * 4},
        {&s->squeeze[3], rows * x.squeeze * 4},
        {&s->token, rows * 4},
        {&s->kept, rows * 4},
        {&s->xn, rows * d * 4},
        {&s->q, rows * x.q * 4},
        {&s->k, rows * x.k * 4},
        {&s->v, rows * x.v * 4},
        {&s->att, rows * x.att * 4},
        {&s->side, hp->family && hp->family->parallel ? rows * d * 4 : 0},
        {&s->inputs, rows * hp->n_layer * hp->n_side * 4},
        {&s->qa, rows * hp->n_lora_q * 4},
        {&s->ql, rows * x.ql * 4},
        {&s->heads, rows * x.heads * 4},
        {&s->proj, rows * larger(d, hp->n_side) * 4},
        {&s->iq, rows * hp->index.n_head * hp->index.n_dim * 4},
        {&s->ik, (rows * hp->index.n_dim + x.squeeze) * 4},
        {&s->iw, rows * hp->index.n_head * 4},
        {&s->cs[0], rows * hp->rope[0].n_rot * 4},
        {&s->cs[1], rows * hp->rope[1].n_rot * 4},
        {&s->hg, larger(pairs * ff * 8, (size_t)hp->n_layer * hp->n_side * 4)},
        {&s->hy, pairs * d * 4},
        {&s->router, rows * (hp->moe.n_expert + 1) * 4},
        {&s->ids, pairs * 4},
        {&s->weights, pairs * 4},
        {&s->pair_of, pairs * 4},
        {&s->pair_row, pairs * 4},
        {&s->group_at, hp->moe.n_expert ? ((size_t)hp->moe.n_expert + 1) * 4 : 0},
        {&s->cell, rows * 4},
        {&s->seq, rows * 4},
        {&s->pos, rows * 4},
        {&s->state, rows * 4},
        {&s->mark, rows * 4},
        {&s->run, rows * 4},
        {&s->aq, q},
        {&s->aqi, qi},
    };
    size_t total = 0;
    *n_parts = sizeof(p) / sizeof(p[0]);
    memcpy(parts, p, sizeof(p));
    for (size_t i = 0; i < *n_parts; i++)
        total += p[i].bytes;
    return total;
}

static enum base_status scratch_take(struct eng_model *m, uint32_t place, struct base_err *err)
{
    struct eng_scratch *s = eng_scratch_at(m, place);
    struct part parts[PARTS_MAX];
    size_t n;
    s->rows = m->s.rows;
    (void)scratch_parts(m, s, parts, &n);
    for (size_t i = 0; i < n; i++) {
        void *p;
        enum base_status st = m->ops->take(m, place, ENG_USE_SCRATCH, parts[i].bytes + 64, &p, err);
        if (st != BASE_OK)
            return base_err_set(err, st, "%s: out of memory for %zu bytes of scratch",
                                eng_gguf_path(m->gguf), parts[i].bytes);
        memcpy(parts[i].at, &p, sizeof(p));
    }
    s->hu = s->hg + (size_t)s->pairs * m->n_ff_max;
    return BASE_OK;
}

static enum base_status scratch_init(struct eng_model *m, struct base_err *err)
{
    struct part parts[PARTS_MAX];
    size_t n;
    m->s.rows = SLICE_MAX;
    while (scratch_parts(m, &m->s, parts, &n) > SCRATCH_BYTES_MAX && m->s.rows > SLICE_MIN)
        m->s.rows /= 2;
    uint32_t places = eng_places(m);
    m->others = calloc(places, sizeof(*m->others));
    if (!m->others)
        return base_err_set(err, BASE_ENOMEM, "%s: out of memory", eng_gguf_path(m->gguf));
    enum base_status st = BASE_OK;
    for (uint32_t p = 0; p < places && st == BASE_OK; p++)
        st = scratch_take(m, p, err);
    return st;
}

static void scratch_free(struct eng_model *m)
{
    struct part parts[PARTS_MAX];
    size_t n;
    for (uint32_t k = 0; k < (m->others ? eng_places(m) : 1); k++) {
        (void)scratch_parts(m, eng_scratch_at(m, k), parts, &n);
        for (size_t i = 0; i < n; i++) {
            void *p;
            memcpy(&p, parts[i].at, sizeof(p));
            m->ops->give(m, p);
        }
    }
    free(m->others);
}

/* What the host knows of a slice: seven words a token. */
static enum base_status step_init(struct eng_model *m, struct base_err *err)
{
    struct eng_step *p = &m->step;
    uint32_t n = m->s.rows;
    uint32_t *all = calloc((size_t)n * 7, sizeof(*all));
    if (!all)
        return base_err_set(err, BASE_ENOMEM, "%s: out of memory", eng_gguf_path(m->gguf));
    p->token = (int32_t *)all;
    p->seq = all + n;
    p->cell = all + (size_t)2 * n;
    p->pos = all + (size_t)3 * n;
    p->state = all + (size_t)4 * n;
    p->mark = all + (size_t)5 * n;
    p->kept = all + (size_t)6 * n;
    return BASE_OK;
}

/* ---- model ---- */

bool eng_activations_parse(struct base_str s, enum eng_activations *out)
{
    static const char *const names[] = {"auto", "int8", "int16"};
    for (int i = 0; i < 3; i++)
        if (base_str_is(s, names[i])) {
            *out = (enum eng_activations)i;
            return true;
        }
    return false;
}

bool eng_cublas_parse(struct base_str s, enum eng_cublas *out)
{
    static const char *const names[] = {"auto", "off", "required"};
    for (int i = 0; i < 3; i++)
        if (base_str_is(s, names[i])) {
            *out = (enum eng_cublas)i;
            return true;
        }
    return false;
}

static uint32_t planes_of(enum eng_activations a, const struct eng_model_info *info)
{
    if (a == ENG_ACTIVATIONS_AUTO)
        return info->params_active < ENG_ACTIVATIONS_SMALL ? 2 : 1;
    return a == ENG_ACTIVATIONS_INT16 ? 2 : 1;
}

static enum base_status open_model(const char *path, const struct eng_model_opts *opts,
                                   const struct eng_model *paper_of, struct eng_model **out,
                                   struct base_err *err)
{
    *out = NULL;
    struct eng_model *m = calloc(1, sizeof(*m));
    if (!m)
        return base_err_set(err, BASE_ENOMEM, "%s: out of memory", path);
    m->paper_of = paper_of;
    m->opts = *opts;
    m->device = opts->device;
    m->kv_f32 = opts->kv_f32;
    m->split_experts = opts->split_experts;
    m->split_fit = opts->split_fit;
    m->gpu_experts = opts->gpu_experts;
    m->send_from = opts->send_from;
    m->ops = opts->device == ENG_DEVICE_CUDA || opts->device == ENG_DEVICE_EMULATED ? &eng_ops_cuda
                                                                                    : &eng_ops_cpu;
    m->kernels = opts->device == ENG_DEVICE_REF ? &eng_kernels_ref : eng_kernels_best();
    enum base_status st = eng_gguf_open(path, &m->gguf, err);
    if (st == BASE_OK)
        st = eng_hparams_read(m, err);
    if (st == BASE_OK)
        st = eng_pool_new(opts->n_threads, &m->pool, err);
    if (st == BASE_OK)
        st = m->ops->open(m, err);
    if (st == BASE_OK)
        st = eng_weights_load(m, err);
    m->planes = planes_of(opts->activations, &m->info);
    if (st == BASE_OK)
        st = scratch_init(m, err);
    if (st == BASE_OK)
        st = step_init(m, err);
    if (st == BASE_OK)
        st = eng_choices_init(m, err);
    if (st != BASE_OK)
        eng_model_free(m);
    else
        *out = m;
    return st;
}

enum base_status eng_model_open(const char *path, const struct eng_model_opts *opts,
                                struct eng_model **out, struct base_err *err)
{
    static const struct eng_model_opts defaults = {.device = ENG_DEVICE_CPU};
    return open_model(path, opts ? opts : &defaults, NULL, out, err);
}

enum base_status eng_model_open_paper(const struct eng_model *m, struct eng_model **out,
                                      struct base_err *err)
{
    struct eng_model_opts opts = m->opts;
    opts.n_threads = 1;
    return open_model(eng_gguf_path(m->gguf), &opts, m, out, err);
}

void eng_model_free(struct eng_model *m)
{
    if (!m)
        return;
    scratch_free(m);
    eng_weights_free(m);
    eng_pool_free(m->pool);
    for (int k = 0; k < ENG_ROPES; k++)
        m->ops->give(m, m->hp.rope[k].freq);
    m->ops->give(m, m->ones);
    m->ops->close(m);
    free(m->step.token);
    free(m->choices);
    free(m->gaps);
    eng_gguf_free(m->gguf);
    free(m);
}

const struct eng_model_info *eng_model_get_info(const struct eng_model *m)
{
    return &m->info;
}

const struct eng_gguf *eng_model_gguf(const struct eng_model *m)
{
    return m->gguf;
}

const char *eng_model_kernels(const struct eng_model *m)
{
    return m->ops->host ? m->kernels->name : m->device == ENG_DEVICE_CUDA ? "cuda" : "emulated";
}

const char *eng_model_cublas(const struct eng_model *m)
{
    return m->cublas_says;
}

bool eng_model_memory_of(const struct eng_model *m, uint32_t place, struct eng_model_memory *out)
{
    return m->ops->memory && m->ops->memory(m, place, out);
}

bool eng_model_lost(const struct eng_model *m)
{
    return m->ops->lost && m->ops->lost(m);
}

const char *eng_model_activations(const struct eng_model *m)
{
    return m->device == ENG_DEVICE_REF ? "float" : m->planes == 2 ? "int16" : "int8";
}

/* ---- batches ---- */

static enum base_status check_batch(const struct eng_model *m, const struct eng_cache *c,
                                    const struct eng_batch *b, struct base_err *err)
{
    uint32_t len[ENG_SEQ_MAX], base[ENG_SEQ_MAX];
    uint32_t more[ENG_SEQ_MAX] = {0};
    for (uint32_t i = 0; i < c->n_seq; i++) {
        len[i] = eng_pages_len(c->pages, i);
        base[i] = eng_pages_base(c->pages, i);
    }
    for (size_t i = 0; i < b->n; i++) {
        uint32_t seq = b->seqs ? b->seqs[i] : 0;
        if (b->tokens[i] < 0 || (uint32_t)b->tokens[i] >= m->hp.n_vocab)
            return base_err_set(err, BASE_EINVAL, "token %d is outside the vocabulary of %u",
                                b->tokens[i], m->hp.n_vocab);
        if (seq >= c->n_seq)
            return base_err_set(err, BASE_EINVAL, "there is no sequence %u", seq);
        if (len[seq] >= c->n_ctx)
            return base_err_set(err, BASE_LIMIT, "the context of %u tokens is full", c->n_ctx);
        if (b->pos && len[seq] == 0)
            base[seq] = b->pos[i];
        if (b->pos && b->pos[i] && len[seq] == 0 && m->hp.n_out_group)
            return base_err_set(err, BASE_EINVAL,
                                "sequences of this model start at position 0, not %u", b->pos[i]);
        if (b->pos && (b->pos[i] != base[seq] + len[seq] || b->pos[i] > INT32_MAX))
            return base_err_set(err, BASE_EINVAL, "position %u does not follow in sequence %u",
                                b->pos[i], seq);
        len[seq]++;
        more[seq]++;
    }
    if (!eng_pages_fits(c->pages, more))
        return base_err_set(err, BASE_LIMIT, "the cache has no room for %zu tokens more", b->n);
    return BASE_OK;
}

/* Tokens i.. of the batch, n of them, take their cells: m->step. */
static void make_step(struct eng_model *m, struct eng_cache *c, const struct eng_batch *b, size_t i,
                      uint32_t n)
{
    struct eng_step *p = &m->step;
    bool seen[ENG_SEQ_MAX] = {false};
    p->n = n;
    p->n_kept = p->n_seqs = p->max_len = 0;
    for (uint32_t t = 0; t < n; t++) {
        uint32_t seq = b->seqs ? b->seqs[i + t] : 0;
        if (b->pos && eng_pages_len(c->pages, seq) == 0)
            eng_pages_begin(c->pages, seq, b->pos[i + t]);
        p->token[t] = b->tokens[i + t];
        p->seq[t] = seq;
        p->cell[t] =
            eng_cache_add(c, seq, b->tokens[i + t], b->mark && b->mark[i + t], &p->mark[t]);
        p->pos[t] = eng_pages_base(c->pages, seq) + p->cell[t];
        p->state[t] = eng_pages_slot(c->pages, seq);
        if (!b->want || b->want[i + t])
            p->kept[p->n_kept++] = t;
        p->n_seqs += !seen[seq];
        seen[seq] = true;
        p->max_len = p->cell[t] >= p->max_len ? p->cell[t] + 1 : p->max_len;
    }
}

enum base_status eng_forward(struct eng_model *m, struct eng_cache *c, const struct eng_batch *b,
                             float *logits, struct base_err *err)
{
    if (c->m != m)
        return base_err_set(err, BASE_EINVAL, "the cache belongs to another model");
    enum base_status st = check_batch(m, c, b, err);
    if (st != BASE_OK)
        return st;
    struct eng_sampler *const *who = b->who;
    int32_t *picked = b->picked;
    for (size_t i = 0; i < b->n && st == BASE_OK; i += m->s.rows) {
        make_step(m, c, b, i, (uint32_t)(b->n - i < m->s.rows ? b->n - i : m->s.rows));
        m->probe_row0 = i;
        st = eng_forward_slice(m, c, logits, who, picked, err);
        if (st == BASE_OK)
            eng_cache_commit(c);
        else
            eng_cache_drop(c);
        logits += (size_t)m->step.n_kept * m->hp.n_vocab;
        who = who ? who + m->step.n_kept : NULL;
        picked = who ? picked + m->step.n_kept : NULL;
    }
    return st;
}

/* model.c - opening models, caches, and cutting batches into slices.
 *
 * Owns struct eng_model (mapped file, weights, threads, scratch) and struct eng_cache. The forward
 * pass itself is model_forward.c. A batch is checked as a whole before anything is written, and
 * nothing can fail after that, so a failed call leaves the cache as it was.
 *
 * Scratch is sized at open for slices of SLICE_MAX tokens, fewer where the model is so wide that
 * this would pass SCRATCH_BYTES_MAX; a cache takes all its memory when made (as zero pages, which
 * the system hands out when they are first written).
 */
#include "engine/model_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLICE_MAX         512
#define SLICE_MIN         16
#define SCRATCH_BYTES_MAX ((size_t)256 << 20)

/* ---- scratch ---- */

struct part {
    void *at; /* of the pointer, whatever it points to: copied to and fro */
    size_t bytes;
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Lists the parts of scratch for slices of s->rows tokens; returns the sum of their bytes. */
static size_t scratch_parts(struct eng_model *m, struct part *parts, size_t *n_parts)
{
    const struct eng_hparams *hp = &m->hp;
    struct eng_scratch *s = &m->s;
    size_t rows = s->rows, used = hp->moe.n_used ? hp->moe.n_used : 1;
    size_t pairs = rows * used, d = hp->n_embd, ff = m->n_ff_max, q = 0, k = 0, v = 0, att = 0;
    for (uint32_t i = 0; m->layers && i < hp->n_layer; i++) {
        const struct eng_layer *y = &m->layers[i];
        q = larger(q, (size_t)hp->n_head * y->n_dim);
        att = larger(att, (size_t)hp->n_head * y->n_vdim);
        k = larger(k, (size_t)y->n_head_kv * y->n_dim);
        v = larger(v, (size_t)y->n_head_kv * y->n_vdim);
    }
    bool mla = hp->family && hp->family->mla;
    size_t half = mla ? larger(hp->n_nope + hp->rope[0].n_rot, hp->n_vhead) : 0;
    size_t heads = mla ? larger(hp->n_nope, hp->n_lora_kv) * hp->n_head : 0;
    size_t widest = larger(larger(d, att), larger(larger(heads, hp->n_lora_q), half * hp->n_head));
    size_t wide = larger(rows * widest, pairs * ff);
    s->pairs = (uint32_t)pairs;
    struct part p[] = {
        {&s->x, rows * d * 4},
        {&s->xn, rows * d * 4},
        {&s->q, rows * q * 4},
        {&s->k, rows * k * 4},
        {&s->v, rows * v * 4},
        {&s->att, rows * att * 4},
        {&s->side, hp->family && hp->family->parallel ? rows * d * 4 : 0},
        {&s->qa, rows * hp->n_lora_q * 4},
        {&s->ql, rows * half * hp->n_head * 4},
        {&s->heads, rows * heads * 4},
        {&s->proj, rows * d * 4},
        {&s->cs[0], rows * hp->rope[0].n_rot * 4},
        {&s->cs[1], rows * hp->rope[1].n_rot * 4},
        {&s->hg, pairs * ff * 8},
        {&s->hy, pairs * d * 4},
        {&s->router, rows * (hp->moe.n_expert + 1) * 4},
        {&s->ids, pairs * 4},
        {&s->weights, pairs * 4},
        {&s->pair_of, pairs * 4},
        {&s->pair_row, pairs * 4},
        {&s->cell, rows * 4},
        {&s->seq, rows * 4},
        {&s->run, rows * 4},
        {&s->aq, wide * m->planes},
        {&s->aqi, wide / 32 * sizeof(struct eng_qinfo)},
    };
    size_t total = 0;
    *n_parts = sizeof(p) / sizeof(p[0]);
    memcpy(parts, p, sizeof(p));
    for (size_t i = 0; i < *n_parts; i++)
        total += p[i].bytes;
    return total;
}

static enum base_status scratch_init(struct eng_model *m, struct base_err *err)
{
    struct part parts[32];
    size_t n;
    m->s.rows = SLICE_MAX;
    while (scratch_parts(m, parts, &n) > SCRATCH_BYTES_MAX && m->s.rows > SLICE_MIN)
        m->s.rows /= 2;
    (void)scratch_parts(m, parts, &n);
    for (size_t i = 0; i < n; i++) {
        void *p;
        if (posix_memalign(&p, 64, (parts[i].bytes + 127) / 64 * 64) != 0)
            return base_err_set(err, BASE_ENOMEM, "%s: out of memory for %zu bytes of scratch",
                                eng_gguf_path(m->gguf), parts[i].bytes);
        memcpy(parts[i].at, &p, sizeof(p));
    }
    m->s.hu = m->s.hg + (size_t)m->s.pairs * m->n_ff_max;
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

static uint32_t planes_of(enum eng_activations a, const struct eng_model_info *info)
{
    if (a == ENG_ACTIVATIONS_AUTO)
        return info->params_active < ENG_ACTIVATIONS_SMALL ? 2 : 1;
    return a == ENG_ACTIVATIONS_INT16 ? 2 : 1;
}

enum base_status eng_model_open(const char *path, const struct eng_model_opts *opts,
                                struct eng_model **out, struct base_err *err)
{
    static const struct eng_model_opts defaults = {ENG_DEVICE_CPU, 0, ENG_ACTIVATIONS_AUTO};
    *out = NULL;
    if (!opts)
        opts = &defaults;
    struct eng_model *m = calloc(1, sizeof(*m));
    if (!m)
        return base_err_set(err, BASE_ENOMEM, "%s: out of memory", path);
    m->device = opts->device;
    m->kernels = opts->device == ENG_DEVICE_REF ? &eng_kernels_ref : eng_kernels_best();
    enum base_status st = eng_gguf_open(path, &m->gguf, err);
    if (st == BASE_OK)
        st = eng_hparams_read(m, err);
    if (st == BASE_OK)
        st = eng_pool_new(opts->n_threads, &m->pool, err);
    if (st == BASE_OK)
        st = eng_weights_load(m, err);
    m->planes = planes_of(opts->activations, &m->info);
    if (st == BASE_OK)
        st = scratch_init(m, err);
    if (st == BASE_OK)
        st = eng_choices_init(m, err);
    if (st != BASE_OK)
        eng_model_free(m);
    else
        *out = m;
    return st;
}

void eng_model_free(struct eng_model *m)
{
    if (!m)
        return;
    struct part parts[32];
    size_t n;
    (void)scratch_parts(m, parts, &n);
    for (size_t i = 0; i < n; i++) {
        void *p;
        memcpy(&p, parts[i].at, sizeof(p));
        free(p);
    }
    eng_weights_free(m);
    eng_pool_free(m->pool);
    for (int k = 0; k < ENG_ROPES; k++)
        free(m->hp.rope[k].freq);
    free(m->ones);
    free(m->choices);
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
    return m->kernels->name;
}

const char *eng_model_activations(const struct eng_model *m)
{
    return m->device == ENG_DEVICE_REF ? "float" : m->planes == 2 ? "int16" : "int8";
}

/* ---- cache ---- */

static uint32_t cells_of(uint32_t n_ctx)
{
    return (n_ctx + ENG_KEY_BLOCK - 1) / ENG_KEY_BLOCK * ENG_KEY_BLOCK;
}

/* Scratch for one thread's attention, in floats. */
static uint64_t scores_of(const struct eng_model *m, uint32_t n_ctx)
{
    uint64_t rows = ENG_ATTEND_ROWS;
    for (uint32_t i = 0; i < m->hp.n_layer; i++)
        rows = larger(rows, m->hp.n_head / m->layers[i].n_head_kv);
    return (uint64_t)cells_of(n_ctx) * rows + 2 * ENG_KEY_BLOCK;
}

/* Floats of a cache's keys and of its values; where each layer's begin, if asked. */
static void cache_floats(const struct eng_model *m, uint64_t cells, uint64_t *k, uint64_t *v,
                         struct eng_cache *c)
{
    *k = *v = 0; /* cells: 2^28 at most; layers: 2^10; a layer's row: 2^22: no overflow */
    for (uint32_t i = 0; i < m->hp.n_layer; i++) {
        const struct eng_layer *y = &m->layers[i];
        if (c) {
            c->k_at[i] = (size_t)*k;
            c->v_at[i] = (size_t)*v;
        }
        *k += cells * y->n_head_kv * y->n_dim;
        *v += cells * y->n_head_kv * y->n_vdim;
    }
}

uint64_t eng_cache_bytes(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx)
{
    uint64_t scores = 4 * (uint64_t)eng_pool_threads(m->pool) * scores_of(m, n_ctx);
    uint64_t k, v, bytes;
    cache_floats(m, (uint64_t)n_seq * cells_of(n_ctx), &k, &v, NULL);
    if (__builtin_mul_overflow(k + v, 4, &bytes) ||
        __builtin_add_overflow(bytes, scores + 8 * (uint64_t)n_seq, &bytes))
        return UINT64_MAX;
    return bytes;
}

enum base_status eng_cache_new(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx,
                               struct eng_cache **out, struct base_err *err)
{
    *out = NULL;
    if (n_seq < 1 || n_seq > ENG_SEQ_MAX || n_ctx < 1 || n_ctx > 1u << 20)
        return base_err_set(err, BASE_EINVAL,
                            "a cache holds 1 to %d sequences of 1 to %u tokens, not %u of %u",
                            ENG_SEQ_MAX, 1u << 20, n_seq, n_ctx);
    const struct eng_hparams *hp = &m->hp;
    uint64_t bytes = eng_cache_bytes(m, n_seq, n_ctx);
    uint64_t k, v;
    struct eng_cache *c = bytes < PTRDIFF_MAX ? calloc(1, sizeof(*c)) : NULL;
    if (c) {
        *c = (struct eng_cache){.m = m, .n_seq = n_seq, .n_ctx = n_ctx, .n_cells = cells_of(n_ctx)};
        c->scores_each = (size_t)scores_of(m, n_ctx);
        c->len = calloc(n_seq, sizeof(*c->len));
        c->base = calloc(n_seq, sizeof(*c->base));
        c->k_at = calloc(hp->n_layer, sizeof(*c->k_at));
        c->v_at = calloc(hp->n_layer, sizeof(*c->v_at));
    }
    if (c && c->k_at && c->v_at) {
        cache_floats(m, (uint64_t)n_seq * cells_of(n_ctx), &k, &v, c);
        c->k = calloc(k, sizeof(*c->k));
        c->v = calloc(v, sizeof(*c->v));
        c->scores = calloc(c->scores_each * eng_pool_threads(m->pool), sizeof(*c->scores));
    }
    if (!c || !c->len || !c->base || !c->k || !c->v || !c->scores) {
        eng_cache_free(c);
        return base_err_set(err, BASE_ENOMEM,
                            "out of memory for a cache of %u x %u tokens (%llu MiB): take fewer "
                            "slots or a shorter context",
                            n_seq, n_ctx, (unsigned long long)(bytes >> 20));
    }
    *out = c;
    return BASE_OK;
}

void eng_cache_free(struct eng_cache *c)
{
    if (!c)
        return;
    free(c->len);
    free(c->base);
    free(c->k_at);
    free(c->v_at);
    free(c->k);
    free(c->v);
    free(c->scores);
    free(c);
}

uint32_t eng_cache_n_ctx(const struct eng_cache *c)
{
    return c->n_ctx;
}

uint32_t eng_cache_n_seq(const struct eng_cache *c)
{
    return c->n_seq;
}

uint32_t eng_cache_len(const struct eng_cache *c, uint32_t seq)
{
    return seq < c->n_seq ? c->len[seq] : 0;
}

void eng_cache_truncate(struct eng_cache *c, uint32_t seq, uint32_t n)
{
    if (seq < c->n_seq && n < c->len[seq])
        c->len[seq] = n;
    if (seq < c->n_seq && c->len[seq] == 0)
        c->base[seq] = 0;
}

void eng_cache_copy(struct eng_cache *c, uint32_t dst, uint32_t src, uint32_t n)
{
    if (dst >= c->n_seq || src >= c->n_seq || dst == src)
        return;
    if (n > c->len[src])
        n = c->len[src];
    /* whole key blocks; what is behind n in the last one is never read */
    for (uint32_t l = 0; l < c->m->hp.n_layer; l++) {
        const struct eng_layer *y = &c->m->layers[l];
        size_t row = (size_t)cells_of(n) * sizeof(float);
        for (uint32_t h = 0; h < y->n_head_kv; h++) {
            memcpy(c->k + eng_key_base(c, l, dst, h), c->k + eng_key_base(c, l, src, h),
                   row * y->n_dim);
            memcpy(c->v + eng_value_base(c, l, dst, h), c->v + eng_value_base(c, l, src, h),
                   row * y->n_vdim);
        }
    }
    c->len[dst] = n;
    c->base[dst] = n ? c->base[src] : 0;
}

/* ---- batches ---- */

static enum base_status check_batch(const struct eng_model *m, const struct eng_cache *c,
                                    const struct eng_batch *b, struct base_err *err)
{
    uint32_t len[ENG_SEQ_MAX], base[ENG_SEQ_MAX];
    memcpy(len, c->len, c->n_seq * sizeof(*len));
    memcpy(base, c->base, c->n_seq * sizeof(*base));
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
        if (b->pos && (b->pos[i] != base[seq] + len[seq] || b->pos[i] > INT32_MAX))
            return base_err_set(err, BASE_EINVAL, "position %u does not follow in sequence %u",
                                b->pos[i], seq);
        len[seq]++;
    }
    return BASE_OK;
}

enum base_status eng_forward(struct eng_model *m, struct eng_cache *c, const struct eng_batch *b,
                             float *logits, struct base_err *err)
{
    if (c->m != m)
        return base_err_set(err, BASE_EINVAL, "the cache belongs to another model");
    enum base_status st = check_batch(m, c, b, err);
    if (st != BASE_OK)
        return st;
    for (size_t i = 0; i < b->n; i += m->s.rows) {
        size_t n = b->n - i < m->s.rows ? b->n - i : m->s.rows;
        for (size_t t = 0; t < n; t++) {
            uint32_t seq = b->seqs ? b->seqs[i + t] : 0;
            if (b->pos && c->len[seq] == 0)
                c->base[seq] = b->pos[i + t];
            m->s.seq[t] = seq;
            m->s.cell[t] = c->len[seq]++;
        }
        m->probe_row0 = i;
        size_t rows =
            eng_forward_slice(m, c, b->tokens + i, b->want ? b->want + i : NULL, n, logits);
        logits += rows * m->hp.n_vocab;
    }
    return BASE_OK;
}

/* model_cache.c - what a model remembers of its sequences: keys and values of attention, states of
 * recurrent layers.
 *
 * Owns struct eng_cache. All memory is taken when it is made, as zero pages, which the system hands
 * out when they are first written. One call at a time, as for eng_forward.
 *
 * Keys and values of a token stand in a cell of their own, so a sequence can be cut anywhere. A
 * state is overwritten by every token, so it cannot: a copy is noted behind tokens that the caller
 * marks, ENG_NOTED per sequence, the oldest making room for the newest, and a sequence can be cut
 * where one was noted. What is noted behind the place of a cut is forgotten with it.
 */
#include "engine/model_impl.h"

#include <stdlib.h>
#include <string.h>

/* What a cache holds, in floats; where each layer's part begins if c is given. */
struct sizes {
    uint64_t k, v, x, state; /* state: of one sequence */
};

static struct sizes sizes_of(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx,
                             struct eng_cache *c)
{
    struct sizes z = {0}; /* cells: 2^29 at most; layers: 2^10; a layer's row: 2^22: no overflow */
    for (uint32_t i = 0; i < m->hp.n_layer; i++) {
        const struct eng_layer *y = &m->layers[i];
        if (c) {
            c->k_at[i] = (size_t)z.k;
            c->v_at[i] = (size_t)z.v;
            c->x_at[i] = (size_t)z.x;
            c->state_at[i] = (size_t)z.state;
        }
        if (y->mixer == ENG_MIX_DELTA) {
            z.state += eng_delta_state(&m->hp.delta);
            continue;
        }
        if (y->mixer == ENG_MIX_COMPRESS)
            z.state += eng_compress_state(&m->hp, y->ratio);
        z.x += (uint64_t)n_seq * eng_index_cells(y, n_ctx) * m->hp.index.n_dim;
        if (!eng_keeps_keys(m, i))
            continue;
        uint64_t cells = (uint64_t)n_seq * (eng_cells(n_ctx) + eng_more_cells(y, n_ctx));
        z.k += cells * y->n_head_kv * y->n_dim;
        z.v += cells * y->n_head_kv * y->n_vdim;
    }
    return z;
}

void eng_cache_describe(const struct eng_model *m, struct eng_model_info *info)
{
    enum { MANY = 1 << 20 }; /* a token's part of a long context, which has whole blocks of all */
    struct sizes z = sizes_of(m, 1, MANY, NULL);
    info->recurrent = z.state != 0;
    info->cache_bytes_token = 4 * (z.k + z.v + z.x) / MANY;
    info->cache_bytes_sequence = 4 * (1 + ENG_NOTED) * z.state;
}

/* Words of the bits that say which keys a token sees. */
static size_t picked_of(const struct eng_model *m, uint32_t n_ctx)
{
    size_t most = 0;
    for (uint32_t i = 0; m->hp.index.top_k && i < m->hp.n_layer; i++) {
        size_t cells = eng_cells(n_ctx) + eng_more_cells(&m->layers[i], n_ctx);
        most = cells > most ? cells : most;
    }
    return most / 32;
}

uint64_t eng_cache_bytes(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx)
{
    uint64_t scores = m->ops->cache_bytes(m, n_seq, n_ctx), bytes, state;
    scores += 4 * (uint64_t)m->s.rows * picked_of(m, n_ctx);
    struct sizes z = sizes_of(m, n_seq, n_ctx, NULL);
    if (__builtin_mul_overflow(z.k + z.v + z.x, 4, &bytes) ||
        __builtin_mul_overflow(z.state, 4 * (uint64_t)n_seq * (1 + ENG_NOTED), &state) ||
        __builtin_add_overflow(bytes, state, &bytes) ||
        __builtin_add_overflow(bytes, scores + 64 * (uint64_t)n_seq, &bytes))
        return UINT64_MAX;
    return bytes;
}

static bool take_memory(struct eng_cache *c)
{
    uint32_t n = c->n_seq, layers = c->m->hp.n_layer;
    c->len = calloc(n, sizeof(*c->len));
    c->base = calloc(n, sizeof(*c->base));
    c->k_at = calloc(layers, sizeof(*c->k_at));
    c->v_at = calloc(layers, sizeof(*c->v_at));
    c->x_at = calloc(layers, sizeof(*c->x_at));
    c->state_at = calloc(layers, sizeof(*c->state_at));
    c->noted = calloc((size_t)n * ENG_NOTED, sizeof(*c->noted));
    if (!c->len || !c->base || !c->k_at || !c->v_at || !c->x_at || !c->state_at || !c->noted)
        return false;
    struct sizes z = sizes_of(c->m, n, c->n_ctx, c);
    c->state_each = (size_t)z.state;
    c->picked_each = picked_of(c->m, c->n_ctx);
    c->x = calloc(z.x + 1, sizeof(*c->x));
    c->picked = calloc(c->picked_each * c->m->s.rows + 1, sizeof(*c->picked));
    c->k = calloc(z.k + 1, sizeof(*c->k));
    c->v = calloc(z.v + 1, sizeof(*c->v));
    c->state = calloc(z.state * n * (1 + ENG_NOTED) + 1, sizeof(*c->state));
    return c->k && c->v && c->x && c->picked && c->state &&
           c->m->ops->cache_open(c, NULL) == BASE_OK;
}

enum base_status eng_cache_new(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx,
                               struct eng_cache **out, struct base_err *err)
{
    *out = NULL;
    if (n_seq < 1 || n_seq > ENG_SEQ_MAX || n_ctx < 1 || n_ctx > 1u << 20)
        return base_err_set(err, BASE_EINVAL,
                            "a cache holds 1 to %d sequences of 1 to %u tokens, not %u of %u",
                            ENG_SEQ_MAX, 1u << 20, n_seq, n_ctx);
    uint64_t bytes = eng_cache_bytes(m, n_seq, n_ctx);
    struct eng_cache *c = bytes < PTRDIFF_MAX ? calloc(1, sizeof(*c)) : NULL;
    if (c)
        *c =
            (struct eng_cache){.m = m, .n_seq = n_seq, .n_ctx = n_ctx, .n_cells = eng_cells(n_ctx)};
    if (!c || !take_memory(c)) {
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
    free(c->x_at);
    free(c->state_at);
    free(c->noted);
    free(c->k);
    free(c->v);
    free(c->x);
    free(c->picked);
    free(c->state);
    c->m->ops->cache_close(c);
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

/* Which noted state of seq (1...) has this length; 0 = none. */
static uint32_t noted_at(const struct eng_cache *c, uint32_t seq, uint32_t len)
{
    for (uint32_t i = 0; len && i < ENG_NOTED; i++)
        if (c->noted[(size_t)seq * ENG_NOTED + i].len == len)
            return i + 1;
    return 0;
}

uint32_t eng_cache_keepable(const struct eng_cache *c, uint32_t seq, uint32_t n)
{
    if (seq >= c->n_seq)
        return 0;
    if (n >= c->len[seq])
        return c->len[seq];
    uint32_t best = c->state_each ? 0 : n;
    for (uint32_t i = 0; c->state_each && i < ENG_NOTED; i++) {
        uint32_t len = c->noted[(size_t)seq * ENG_NOTED + i].len;
        if (len <= n && len > best)
            best = len;
    }
    return best;
}

static float *whole_state(const struct eng_cache *c, uint32_t seq, uint32_t noted)
{
    return c->state + (size_t)eng_cache_slot(seq, noted) * c->state_each;
}

uint32_t eng_cache_truncate(struct eng_cache *c, uint32_t seq, uint32_t n)
{
    if (seq >= c->n_seq)
        return 0;
    uint32_t kept = eng_cache_keepable(c, seq, n), from = noted_at(c, seq, kept);
    if (kept < c->len[seq] && from)
        memcpy(whole_state(c, seq, 0), whole_state(c, seq, from), c->state_each * sizeof(float));
    for (uint32_t i = 0; i < ENG_NOTED; i++) {
        struct eng_noted *a = &c->noted[(size_t)seq * ENG_NOTED + i];
        if (a->len > kept)
            *a = (struct eng_noted){0};
    }
    c->len[seq] = kept;
    if (kept == 0)
        c->base[seq] = 0;
    return kept;
}

/* Whole key blocks; what is behind n in the last one is never read. */
static void copy_layer(struct eng_cache *c, uint32_t l, uint32_t dst, uint32_t src, uint32_t n)
{
    const struct eng_layer *y = &c->m->layers[l];
    size_t near = eng_cells(n), all = (size_t)c->n_cells + (y->ratio ? eng_cells(n / y->ratio) : 0);
    size_t from[2] = {0, c->n_cells}, cells[2] = {near, all - c->n_cells};
    for (uint32_t h = 0; eng_keeps_keys(c->m, l) && h < y->n_head_kv; h++)
        for (int i = 0; i < 2; i++) { /* those of tokens, then compressed ones */
            size_t k = from[i] * y->n_dim, v = from[i] * y->n_vdim;
            memcpy(c->k + eng_key_base(c, l, dst, h) + k, c->k + eng_key_base(c, l, src, h) + k,
                   cells[i] * y->n_dim * sizeof(float));
            memcpy(c->v + eng_value_base(c, l, dst, h) + v, c->v + eng_value_base(c, l, src, h) + v,
                   cells[i] * y->n_vdim * sizeof(float));
        }
    if (eng_index_cells(y, c->n_ctx))
        memcpy(c->x + eng_index_base(c, l, dst), c->x + eng_index_base(c, l, src),
               (y->ratio ? cells[1] : near) * c->m->hp.index.n_dim * sizeof(float));
}

uint32_t eng_cache_copy(struct eng_cache *c, uint32_t dst, uint32_t src, uint32_t n)
{
    if (dst >= c->n_seq || src >= c->n_seq || dst == src)
        return dst < c->n_seq && dst == src ? eng_cache_truncate(c, dst, n) : 0;
    n = eng_cache_keepable(c, src, n);
    (void)eng_cache_truncate(c, dst, 0);
    for (uint32_t l = 0; n && l < c->m->hp.n_layer; l++)
        copy_layer(c, l, dst, src, n);
    uint32_t from = n < c->len[src] ? noted_at(c, src, n) : 0;
    if (c->state_each && n)
        memcpy(whole_state(c, dst, 0), whole_state(c, src, from), c->state_each * sizeof(float));
    c->len[dst] = n;
    c->base[dst] = n ? c->base[src] : 0;
    return n;
}

uint32_t eng_cache_add(struct eng_cache *c, uint32_t seq, bool note, uint32_t *mark)
{
    uint32_t cell = c->len[seq]++, best = 0;
    struct eng_noted *a = &c->noted[(size_t)seq * ENG_NOTED];
    *mark = ENG_NO_MARK;
    if (!c->state_each)
        return cell;
    if (cell == 0)
        memset(whole_state(c, seq, 0), 0, c->state_each * sizeof(float));
    if (!note)
        return cell;
    for (uint32_t i = 1; i < ENG_NOTED; i++)
        if (a[i].when < a[best].when)
            best = i;
    a[best] = (struct eng_noted){.len = cell + 1, .when = ++c->n_notes};
    *mark = eng_cache_slot(seq, best + 1);
    return cell;
}

/* model_cache.c - what a model remembers of its sequences: keys and values of attention, states of
 * recurrent layers, in the device's memory; pages.c keeps the accounts.
 *
 * Owns struct eng_cache. All memory is taken when it is made; on the CPU the system hands it out
 * when it is first written. One call at a time, as for eng_forward.
 *
 * Layers fall into groups by what they see: everything, a window, a chunk. Page p of a group is
 * page p in each of its layers. A layer whose keys others see too (kv_from) keeps what the widest
 * of them needs. Compressed keys are a group of their own, a cell of which stands for `ratio`
 * tokens.
 *
 * Room: the first group has as many pages as the caller asked tokens for, and one. Those of windows
 * have what all sequences can need at once, and as much again for what stays cached, but never more
 * than the first.
 *
 * A state is overwritten by every token, so a sequence cannot be cut anywhere: a copy is noted
 * behind tokens that the caller marks. ENG_NOTED a sequence can be noted; the oldest of all makes
 * room.
 */
#include "engine/model/model_impl.h"

#include <stdlib.h>
#include <string.h>

/* ---- groups ---- */

struct groups {
    struct eng_page_group at[ENG_GROUPS_MAX];
    uint32_t n;
};

/* The group of layers like this one; the first, which has everything, if there are too many. */
static uint8_t find_group(struct groups *x, uint32_t window, uint32_t chunk, uint32_t per)
{
    for (uint32_t g = 0; g < x->n; g++)
        if (x->at[g].window == window && x->at[g].chunk == chunk && x->at[g].per == per)
            return (uint8_t)g;
    if (x->n == ENG_GROUPS_MAX)
        return 0;
    x->at[x->n] = (struct eng_page_group){.window = window, .chunk = chunk, .per = per};
    return (uint8_t)x->n++;
}

static uint8_t group_of(const struct eng_model *m, uint32_t l, struct groups *x)
{
    const struct eng_layer *y = &m->layers[l];
    uint32_t window = y->window, chunk = window ? 0 : y->chunk;
    for (uint32_t i = 0; i < m->hp.n_layer; i++) {
        const struct eng_layer *z = &m->layers[i];
        if (z->kv_from == l && z->mixer != ENG_MIX_DELTA &&
            (z->window != y->window || z->chunk != y->chunk))
            window = chunk = 0;
    }
    if (y->indexed && !y->ratio) /* its indexer sees everything */
        window = chunk = 0;
    return find_group(x, window, chunk, 1);
}

/* Groups of all layers, and how many pages each has. */
static void make_groups(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx,
                        uint64_t n_tokens, struct groups *x, struct eng_cache *c)
{
    uint64_t pages = n_tokens ? (n_tokens + ENG_PAGE - 1) / ENG_PAGE
                              : (uint64_t)n_seq * ((n_ctx + ENG_PAGE - 1) / ENG_PAGE);
    pages++; /* for a copy: one sequence alone can always grow to n_ctx */
    *x = (struct groups){.n = 1};
    x->at[0] = (struct eng_page_group){.per = 1, .n_pages = (uint32_t)pages};
    for (uint32_t l = 0; l < m->hp.n_layer; l++) {
        const struct eng_layer *y = &m->layers[l];
        uint8_t more = y->ratio ? find_group(x, 0, 0, y->ratio) : 0, g = 0;
        if (eng_keeps_keys(m, l))
            g = group_of(m, l, x);
        if (c) {
            c->group_of[l] = g;
            c->group_more[l] = more;
        }
    }
    for (uint32_t g = 1; g < x->n; g++) {
        struct eng_page_group *t = &x->at[g];
        uint32_t least = eng_pages_least(t, n_seq, n_ctx, m->s.rows);
        uint64_t n = t->per > 1 ? least : 2 * (uint64_t)least;
        t->n_pages = n > pages && pages > least ? (uint32_t)pages : (uint32_t)n;
        if (t->n_pages < least)
            t->n_pages = least;
    }
}

/* ---- sizes ---- */

/* What a cache holds in a place, in elements. */
struct sizes {
    uint64_t k, v, x, state; /* state: of one sequence */
};

/* All its places; where each layer's part begins if c is given. */
struct all_sizes {
    struct sizes at[ENG_PLACES_MAX], sum;
};

static struct all_sizes sizes_of(const struct eng_model *m, const struct groups *all,
                                 const uint8_t *near, const uint8_t *far, struct eng_cache *c)
{
    struct all_sizes x = {0}; /* cells: 2^32 at most; layers: 2^10; a row: 2^22: no overflow */
    for (uint32_t i = 0; i < m->hp.n_layer; i++) {
        const struct eng_layer *y = &m->layers[i];
        struct sizes z = x.at[eng_place_of(m, i)];
        uint64_t cells = (uint64_t)all->at[near[i]].n_pages * ENG_PAGE;
        uint64_t more = y->ratio ? (uint64_t)all->at[far[i]].n_pages * ENG_PAGE : 0;
        bool values = y->mixer == ENG_MIX_GROUPED || !m->ops->values_in_keys;
        if (c) {
            c->k_at[i] = (size_t)z.k;
            c->v_at[i] = (size_t)z.v;
            c->x_at[i] = (size_t)z.x;
            c->state_at[i] = (size_t)z.state;
        }
        if (y->mixer == ENG_MIX_DELTA)
            z.state += eng_delta_state(&m->hp.delta);
        if (y->mixer == ENG_MIX_COMPRESS)
            z.state += eng_compress_state(&m->hp, y->ratio);
        if (y->mixer != ENG_MIX_DELTA && y->indexed && !y->picks_as_last)
            z.x += (y->ratio ? more : cells) * m->hp.index.n_dim;
        if (eng_keeps_keys(m, i)) {
            z.k += cells * y->n_head_kv * y->n_dim;
            z.v += values ? cells * y->n_head_kv * y->n_vdim : 0;
            if (c) {
                c->more_at[i] = (size_t)z.k;
                c->more_v_at[i] = (size_t)z.v;
            }
            z.k += more * y->n_head_kv * y->n_dim;
            z.v += values ? more * y->n_head_kv * y->n_vdim : 0;
        }
        x.at[eng_place_of(m, i)] = z;
    }
    for (uint32_t p = 0; p < ENG_PLACES_MAX; p++) {
        x.sum.k += x.at[p].k;
        x.sum.v += x.at[p].v;
        x.sum.x += x.at[p].x;
        x.sum.state += x.at[p].state;
    }
    return x;
}

/* The same without a cache. */
static struct sizes sizes_for(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx,
                              uint64_t n_tokens)
{
    uint8_t near[ENG_LAYERS_MAX], far[ENG_LAYERS_MAX];
    struct groups x;
    struct eng_cache c = {.group_of = near, .group_more = far};
    make_groups(m, n_seq, n_ctx, n_tokens, &x, &c);
    return sizes_of(m, &x, near, far, NULL).sum;
}

void eng_cache_describe(const struct eng_model *m, struct eng_model_info *info)
{
    uint64_t token = 0, sequence = 0, state = 0;
    struct groups x = {.n = 1};
    for (uint32_t i = 0; i < m->hp.n_layer; i++) {
        const struct eng_layer *y = &m->layers[i];
        uint64_t row = (uint64_t)y->n_head_kv * (y->n_dim + y->n_vdim), all = 0;
        if (y->mixer == ENG_MIX_DELTA)
            state += eng_delta_state(&m->hp.delta);
        if (y->mixer == ENG_MIX_COMPRESS)
            state += eng_compress_state(&m->hp, y->ratio);
        if (y->mixer != ENG_MIX_DELTA && y->indexed && !y->picks_as_last)
            all += m->hp.index.n_dim;
        if (eng_keeps_keys(m, i)) {
            const struct eng_page_group *g = &x.at[group_of(m, i, &x)];
            uint32_t span = g->window ? g->window : g->chunk;
            if (span)
                sequence += ((uint64_t)span / ENG_PAGE + 2) * ENG_PAGE * row;
            else
                token += row;
            all += y->ratio ? row : 0;
        }
        token += y->ratio ? all / y->ratio : all;
    }
    info->recurrent = state != 0;
    info->cache_bytes_token = 4 * token;
    info->cache_bytes_sequence = 4 * (sequence + (1 + ENG_NOTED) * state);
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

static uint64_t bytes_of(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx,
                         uint64_t n_tokens)
{
    uint64_t scores = m->ops->cache_bytes(m, n_seq, n_ctx), bytes, state;
    scores += 4 * (uint64_t)m->s.rows * picked_of(m, n_ctx);
    struct sizes z = sizes_for(m, n_seq, n_ctx, n_tokens);
    if (__builtin_mul_overflow(z.k + z.v + z.x, (uint64_t)m->kv_bytes, &bytes) ||
        __builtin_mul_overflow(z.state, 4 * (uint64_t)n_seq * (1 + ENG_NOTED), &state) ||
        __builtin_add_overflow(bytes, state, &bytes) ||
        __builtin_add_overflow(bytes, scores + 64 * (uint64_t)n_seq, &bytes))
        return UINT64_MAX;
    return bytes;
}

uint64_t eng_cache_bytes(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx)
{
    return bytes_of(m, n_seq, n_ctx, 0);
}

/* ---- life ---- */

static void copy_cells(const struct eng_cache *c, float *at, uint32_t dst, uint32_t src,
                       uint64_t page)
{
    uint64_t bytes = page * c->m->kv_bytes;
    char *p = (char *)at;
    if (bytes)
        c->m->ops->copy(c->m, p + dst * bytes, p + src * bytes, bytes);
}

static float *element(const struct eng_cache *c, float *base, size_t at)
{
    return (float *)(void *)((char *)base + at * c->m->kv_bytes);
}

/* Whole pages: what is behind the first n cells is never read. */
static void copy_page(void *ctx, uint32_t group, uint32_t dst, uint32_t src, uint32_t n)
{
    const struct eng_cache *c = ctx;
    const struct eng_model *m = c->m;
    for (uint32_t l = 0; n && l < m->hp.n_layer; l++) {
        const struct eng_layer *y = &m->layers[l];
        const struct eng_cache_part *p = eng_part(c, l);
        bool own = y->mixer == ENG_MIX_GROUPED || !m->ops->values_in_keys;
        uint64_t k = (uint64_t)y->n_head_kv * ENG_PAGE * y->n_dim;
        uint64_t v = own ? (uint64_t)y->n_head_kv * ENG_PAGE * y->n_vdim : 0;
        if (y->mixer == ENG_MIX_DELTA)
            continue;
        if (eng_keeps_keys(m, l) && c->group_of[l] == group) {
            copy_cells(c, element(c, p->k, c->k_at[l]), dst, src, k);
            copy_cells(c, element(c, p->v, c->v_at[l]), dst, src, v);
        }
        if (eng_keeps_keys(m, l) && y->ratio && c->group_more[l] == group) {
            copy_cells(c, element(c, p->k, c->more_at[l]), dst, src, k);
            copy_cells(c, element(c, p->v, c->more_v_at[l]), dst, src, v);
        }
        if (y->indexed && !y->picks_as_last &&
            (y->ratio ? c->group_more[l] : c->group_of[l]) == group)
            copy_cells(c, element(c, p->x, c->x_at[l]), dst, src,
                       (uint64_t)ENG_PAGE * m->hp.index.n_dim);
    }
}

/* Of the layers of one place. */
static float *whole_state(const struct eng_cache_part *p, uint32_t slot)
{
    return p->state + (size_t)slot * p->state_each;
}

static void copy_state(void *ctx, uint32_t dst, uint32_t src)
{
    const struct eng_cache *c = ctx;
    for (uint32_t i = 0; dst != src && i < c->n_parts; i++) {
        const struct eng_cache_part *p = &c->parts[i];
        if (p->state_each)
            c->m->ops->copy(c->m, whole_state(p, dst), whole_state(p, src),
                            p->state_each * sizeof(float));
    }
}

static void zero_state(const struct eng_cache *c, uint32_t slot)
{
    for (uint32_t i = 0; i < c->n_parts; i++) {
        const struct eng_cache_part *p = &c->parts[i];
        if (p->state_each)
            c->m->ops->zero(c->m, whole_state(p, slot), p->state_each * sizeof(float));
    }
}

/* Tables of pages in the device's memory, in every place: groups have layers anywhere. */
static enum base_status take_tables(struct eng_cache *c, struct eng_page_group *t,
                                    struct base_err *err)
{
    uint64_t entries = (uint64_t)c->n_seq * t->max_pages;
    enum base_status st = BASE_OK;
    t->dirty0 = 0;
    t->dirty1 = (uint32_t)entries;
    if (c->m->ops->host)
        return BASE_OK;
    t->dev_table = calloc(c->n_parts, sizeof(*t->dev_table));
    if (!t->dev_table)
        return base_err_set(err, BASE_ENOMEM, "out of memory for tables of pages");
    for (uint32_t p = 0; p < c->n_parts && st == BASE_OK; p++) {
        void *at;
        st = c->m->ops->take(c->m, p, ENG_USE_CACHE, entries * sizeof(int32_t), &at, err);
        t->dev_table[p] = at;
    }
    return st;
}

static enum base_status take_pages(struct eng_cache *c, const struct groups *x,
                                   struct base_err *err)
{
    struct eng_pages_ask ask = {.n_seq = c->n_seq,
                                .n_ctx = c->n_ctx,
                                .n_groups = x->n,
                                .groups = x->at,
                                .n_notes = c->state_each ? c->n_seq * ENG_NOTED : 0,
                                .copy = copy_page,
                                .copy_state = copy_state,
                                .ctx = c};
    enum base_status st = eng_pages_new(&ask, &c->pages, err);
    if (st != BASE_OK)
        return st;
    c->groups = eng_pages_groups(c->pages);
    c->n_groups = x->n;
    for (uint32_t g = 0; g < x->n && st == BASE_OK; g++)
        st = take_tables(c, &c->groups[g], err);
    return st;
}

static enum base_status take_floats(struct eng_cache *c, uint32_t place, float **out, uint64_t n,
                                    uint32_t each, struct base_err *err)
{
    void *p;
    enum base_status st = c->m->ops->take(c->m, place, ENG_USE_CACHE, (n + 1) * each, &p, err);
    *out = p;
    return st;
}

static enum base_status take_part(struct eng_cache *c, uint32_t place, const struct sizes *z,
                                  struct base_err *err)
{
    struct eng_cache_part *p = &c->parts[place];
    uint32_t kv = c->m->kv_bytes;
    uint64_t states = z->state * c->n_seq * (1 + ENG_NOTED);
    p->state_each = (size_t)z->state;
    enum base_status st = take_floats(c, place, &p->k, z->k, kv, err);
    if (st == BASE_OK)
        st = take_floats(c, place, &p->v, z->v, kv, err);
    if (st == BASE_OK)
        st = take_floats(c, place, &p->x, z->x, kv, err);
    if (st == BASE_OK)
        st = take_floats(c, place, &p->state, states, sizeof(float), err);
    return st;
}

static enum base_status take_memory(struct eng_cache *c, uint64_t n_tokens, struct base_err *err)
{
    uint32_t layers = c->m->hp.n_layer;
    struct groups x;
    void *picked;
    c->group_of = calloc(layers, 1);
    c->group_more = calloc(layers, 1);
    c->k_at = calloc((size_t)layers * 6, sizeof(*c->k_at)); /* all six in one */
    c->grown = calloc(c->n_seq, sizeof(*c->grown));
    if (!c->group_of || !c->group_more || !c->k_at || !c->grown)
        return BASE_ENOMEM;
    c->v_at = c->k_at + layers;
    c->more_at = c->v_at + layers;
    c->more_v_at = c->more_at + layers;
    c->x_at = c->more_v_at + layers;
    c->state_at = c->x_at + layers;
    make_groups(c->m, c->n_seq, c->n_ctx, n_tokens, &x, c);
    struct all_sizes z = sizes_of(c->m, &x, c->group_of, c->group_more, c);
    c->state_each = (size_t)z.sum.state;
    c->picked_each = picked_of(c->m, c->n_ctx);
    enum base_status st = take_pages(c, &x, err);
    for (uint32_t p = 0; p < c->n_parts && st == BASE_OK; p++)
        st = take_part(c, p, &z.at[p], err);
    if (st == BASE_OK)
        st = c->m->ops->take(c->m, 0, ENG_USE_CACHE, (c->picked_each * c->m->s.rows + 1) * 4,
                             &picked, err);
    if (st == BASE_OK) {
        c->picked = picked;
        st = c->m->ops->cache_open(c, err);
    }
    return st;
}

enum base_status eng_cache_new(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx,
                               struct eng_cache **out, struct base_err *err)
{
    return eng_cache_new_sized(m, n_seq, n_ctx, 0, out, err);
}

enum base_status eng_cache_new_sized(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx,
                                     uint64_t n_tokens, struct eng_cache **out,
                                     struct base_err *err)
{
    *out = NULL;
    if (n_seq < 1 || n_seq > ENG_SEQ_MAX || n_ctx < 1 || n_ctx > 1u << 20)
        return base_err_set(err, BASE_EINVAL,
                            "a cache holds 1 to %d sequences of 1 to %u tokens, not %u of %u",
                            ENG_SEQ_MAX, 1u << 20, n_seq, n_ctx);
    if (n_tokens && (n_tokens < n_ctx || n_tokens > (uint64_t)ENG_SEQ_MAX << 20))
        return base_err_set(err, BASE_EINVAL,
                            "a cache for sequences of %u tokens holds that many at least, not %llu",
                            n_ctx, (unsigned long long)n_tokens);
    uint64_t bytes = bytes_of(m, n_seq, n_ctx, n_tokens);
    struct eng_cache *c = bytes < PTRDIFF_MAX ? calloc(1, sizeof(*c)) : NULL;
    struct base_err why = {0};
    if (c)
        *c = (struct eng_cache){.m = m,
                                .n_seq = n_seq,
                                .n_ctx = n_ctx,
                                .n_cells = eng_cells(n_ctx),
                                .n_parts = eng_places(m)};
    if (!c || take_memory(c, n_tokens, &why) != BASE_OK) {
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
    const struct eng_ops *ops = c->m->ops;
    ops->cache_close(c);
    for (uint32_t g = 0; g < c->n_groups; g++) {
        int32_t **at = c->groups[g].dev_table;
        for (uint32_t p = 0; at && p < c->n_parts; p++)
            ops->give(c->m, at[p]);
        free((void *)at);
    }
    for (uint32_t p = 0; p < c->n_parts; p++) {
        ops->give(c->m, c->parts[p].k);
        ops->give(c->m, c->parts[p].v);
        ops->give(c->m, c->parts[p].x);
        ops->give(c->m, c->parts[p].state);
    }
    ops->give(c->m, c->picked);
    eng_pages_free(c->pages);
    free(c->group_of);
    free(c->group_more);
    free(c->k_at);
    free(c->grown);
    free(c);
}

/* ---- sequences ---- */

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
    return seq < c->n_seq ? eng_pages_len(c->pages, seq) : 0;
}

bool eng_cache_fits(const struct eng_cache *c, const uint32_t *more)
{
    return eng_pages_fits(c->pages, more);
}

uint32_t eng_cache_keepable(const struct eng_cache *c, uint32_t seq, uint32_t n)
{
    return seq < c->n_seq ? eng_pages_keepable(c->pages, seq, n) : 0;
}

uint32_t eng_cache_truncate(struct eng_cache *c, uint32_t seq, uint32_t n)
{
    return seq < c->n_seq ? eng_pages_truncate(c->pages, seq, n) : 0;
}

uint32_t eng_cache_copy(struct eng_cache *c, uint32_t dst, uint32_t src, uint32_t n)
{
    if (dst >= c->n_seq || src >= c->n_seq || dst == src)
        return dst < c->n_seq && dst == src ? eng_cache_truncate(c, dst, n) : 0;
    return eng_pages_share(c->pages, dst, src, n);
}

uint32_t eng_cache_open(struct eng_cache *c, uint32_t seq, const char *tenant,
                        const int32_t *tokens, uint32_t n, uint32_t *common)
{
    *common = 0;
    return seq < c->n_seq ? eng_pages_open(c->pages, seq, tenant, tokens, n, common) : 0;
}

void eng_cache_close(struct eng_cache *c, uint32_t seq)
{
    if (seq < c->n_seq)
        eng_pages_close(c->pages, seq);
}

void eng_cache_forget(struct eng_cache *c)
{
    eng_pages_clear(c->pages);
}

void eng_cache_describe_use(const struct eng_cache *c, struct eng_cache_use *out)
{
    struct eng_pages_counts n;
    const struct eng_pages_sums *sums = eng_pages_sums(c->pages);
    eng_pages_count(c->pages, 0, &n);
    *out = (struct eng_cache_use){.pages = n.total,
                                  .free = n.free,
                                  .cached = n.cached,
                                  .used = n.used,
                                  .shared = n.shared,
                                  .page_tokens = ENG_PAGE,
                                  .asked = sums->asked,
                                  .hit = sums->hit,
                                  .evicted = sums->evicted,
                                  .copied = sums->copied};
}

/* ---- a step ---- */

uint32_t eng_cache_add(struct eng_cache *c, uint32_t seq, int32_t token, bool note, uint32_t *mark)
{
    uint32_t cell = eng_pages_add(c->pages, seq, token, note, mark);
    c->grown[seq] = true;
    if (cell == 0 && c->state_each)
        zero_state(c, eng_pages_slot(c->pages, seq));
    return cell;
}

void eng_cache_commit(struct eng_cache *c)
{
    for (uint32_t i = 0; i < c->n_seq; i++) {
        if (c->grown[i])
            eng_pages_commit(c->pages, i);
        c->grown[i] = false;
    }
}

void eng_cache_drop(struct eng_cache *c)
{
    for (uint32_t i = 0; i < c->n_seq; i++) {
        if (c->grown[i])
            (void)eng_pages_truncate(c->pages, i, 0);
        c->grown[i] = false;
    }
}

void eng_cache_clean(struct eng_cache *c)
{
    for (uint32_t g = 0; g < c->n_groups; g++)
        c->groups[g].dirty0 = c->groups[g].dirty1 = 0;
}

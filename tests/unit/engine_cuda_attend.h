/* engine_cuda_attend.h - what the tests of attention share: a cache on pages with everything that
 * is not there poisoned, a batch, attention in doubles by the textbook.
 */
#ifndef ENGINE_CUDA_ATTEND_TEST_H
#define ENGINE_CUDA_ATTEND_TEST_H

#include "tests/unit/engine_cuda_planes.h"

#include "engine/cuda/attend.h"

#define RUNS    64
#define DISTANT (1 << 23) /* pages */

struct shape {
    const char *name;
    uint32_t n_head_kv, group, n_dim, n_vdim;
    bool own; /* values stand apart from keys */
    bool f32;
    uint32_t window, chunk_pos;
    uint32_t ratio;               /* far cells: one for so many tokens; 0 = none */
    uint32_t pick_near, pick_far; /* lists of so many cells; 0 = none */
    bool sinks, gate, by_head;    /* by_head: outputs [head][token] */
    uint32_t chunk;
    bool distant; /* pages stand more than 2^33 elements behind the beginning of the pool */
    struct {
        uint32_t from, n; /* tokens at cells from..; the sequence holds those before */
    } run[RUNS];
};

/* One set of pages on the host, as the device has it. */
struct pool {
    uint32_t n_page, stride, cells[RUNS];
    int32_t *table; /* [RUNS][stride] */
    float *k, *v;   /* as floats, what halves round to */
    uint8_t *there; /* [n_page * WEIR_PAGE] */
    uint32_t *pick, *n_pick, pick_each;
};

struct world {
    const struct shape *s;
    struct pool near, far;
    uint32_t n, seq[600], cell[600], base[RUNS], first[RUNS]; /* first: of a run's tokens */
    uint32_t n_head;
    float *q, *gate, *sinks;
    uint64_t q_token, q_head;
};

static inline float half(float x)
{
    return (float)(_Float16)x;
}

static inline uint32_t first_cell(const struct shape *s, uint32_t base, uint32_t cell)
{
    if (s->window)
        return cell >= s->window ? cell - s->window + 1 : 0;
    if (s->chunk_pos) {
        uint32_t start = (base + cell) / s->chunk_pos * s->chunk_pos;
        return start > base ? start - base : 0;
    }
    return 0;
}

/* Where cell j of sequence r stands, head 0: the row among all. */
static inline size_t row_of(const struct world *w, const struct pool *p, uint32_t r, uint32_t j,
                            uint32_t h)
{
    size_t page = (size_t)p->table[r * p->stride + j / WEIR_PAGE];
    return (page * w->s->n_head_kv + h) * WEIR_PAGE + j % WEIR_PAGE;
}

static inline bool picked(const struct pool *p, uint32_t t, uint32_t j)
{
    for (uint32_t i = 0; i < p->n_pick[t]; i++)
        if (p->pick[(size_t)t * p->pick_each + i] == j)
            return true;
    return false;
}

/* Random lists in ascending order; `k` of the n[t] cells that token t may see. */
static inline void make_lists(struct pool *p, const struct world *w, uint32_t k, uint32_t ratio)
{
    p->pick_each = k;
    p->pick = calloc((size_t)w->n * k, sizeof *p->pick);
    p->n_pick = calloc(w->n, sizeof *p->n_pick);
    for (uint32_t t = 0; t < w->n; t++) {
        uint32_t n = (w->cell[t] + 1) / ratio, want = n < k ? n : k;
        for (uint32_t j = 0; j < n; j++)
            if (cuda_rnd() % (n - j) < want - p->n_pick[t])
                p->pick[(size_t)t * k + p->n_pick[t]++] = j;
    }
}

/* Fills the cells that some token of the batch sees; everything else is poison, and pages with
 * nothing in them are not there. */
static inline void fill(struct world *w, struct pool *p, uint32_t ratio)
{
    const struct shape *s = w->s;
    p->stride = 1;
    for (uint32_t r = 0; r < RUNS && s->run[r].n; r++) {
        p->cells[r] = (s->run[r].from + s->run[r].n) / ratio;
        if (p->cells[r] / WEIR_PAGE + 2 > p->stride)
            p->stride = p->cells[r] / WEIR_PAGE + 2;
    }
    p->table = malloc(RUNS * p->stride * sizeof *p->table);
    memset(p->table, 0xff, RUNS * p->stride * sizeof *p->table);
    uint32_t most = RUNS * p->stride, *order = malloc(most * sizeof *order);
    p->there = calloc(most, WEIR_PAGE);
    for (uint32_t i = 0; i < most; i++)
        order[i] = i;
    for (uint32_t t = 0; t < w->n; t++) {
        uint32_t r = w->seq[t], n = (w->cell[t] + 1) / ratio;
        for (uint32_t j = ratio > 1 ? 0 : first_cell(s, w->base[r], w->cell[t]); j < n; j++)
            if (!p->pick || picked(p, t, j))
                p->there[(r * p->stride + j / WEIR_PAGE) * WEIR_PAGE + j % WEIR_PAGE] = 1;
    }
    for (uint32_t i = 0; i < most; i++) { /* pages, then in no particular order */
        uint8_t any = 0;
        for (uint32_t j = 0; j < WEIR_PAGE; j++)
            any |= p->there[i * WEIR_PAGE + j];
        if (any)
            p->table[i] = (int32_t)p->n_page++;
    }
    for (uint32_t i = 0; i < most; i++)
        for (uint32_t j = cuda_rnd() % most; p->table[i] >= 0 && p->table[j] >= 0;) {
            int32_t x = p->table[i];
            p->table[i] = p->table[j];
            p->table[j] = x;
            break;
        }
    free(order);
    size_t rows = (size_t)(p->n_page + 1) * s->n_head_kv * WEIR_PAGE;
    p->k = malloc(rows * s->n_dim * sizeof(float));
    p->v = malloc(rows * s->n_vdim * sizeof(float));
    for (size_t i = 0; i < rows * s->n_dim; i++)
        p->k[i] = NAN;
    for (size_t i = 0; i < rows * s->n_vdim; i++)
        p->v[i] = NAN;
    for (uint32_t i = 0; i < most * WEIR_PAGE; i++)
        for (uint32_t h = 0; p->there[i] && h < s->n_head_kv; h++) {
            size_t row = row_of(w, p, i / WEIR_PAGE / p->stride, i % (p->stride * WEIR_PAGE), h);
            for (uint32_t e = 0; e < s->n_dim; e++)
                p->k[row * s->n_dim + e] = s->f32 ? cuda_rndf() : half(cuda_rndf());
            for (uint32_t e = 0; e < s->n_vdim; e++)
                p->v[row * s->n_vdim + e] = !s->own  ? p->k[row * s->n_dim + e]
                                            : s->f32 ? cuda_rndf()
                                                     : half(cuda_rndf());
        }
}

static inline void world_new(struct world *w, const struct shape *s)
{
    memset(w, 0, sizeof *w);
    w->s = s;
    w->n_head = s->n_head_kv * s->group;
    for (uint32_t r = 0; r < RUNS && s->run[r].n; r++) {
        w->base[r] = s->chunk_pos ? cuda_rnd() % 100 : 0;
        w->first[r] = w->n;
        for (uint32_t i = 0; i < s->run[r].n; i++, w->n++) {
            assert_true(w->n < 600);
            w->seq[w->n] = r;
            w->cell[w->n] = s->run[r].from + i;
        }
    }
    if (s->pick_near)
        make_lists(&w->near, w, s->pick_near, 1);
    if (s->pick_far)
        make_lists(&w->far, w, s->pick_far, s->ratio);
    fill(w, &w->near, 1);
    if (s->ratio)
        fill(w, &w->far, s->ratio);
    w->q_head = s->gate ? 2 * s->n_dim : s->n_dim;
    w->q_token = w->n_head * w->q_head;
    w->q = cuda_floats(w->n * w->q_token, 5);
    w->gate = s->gate ? w->q + s->n_dim : NULL; /* behind each head's query */
    w->sinks = s->sinks ? cuda_floats(w->n_head, 3) : NULL;
}

static inline void pool_free(struct pool *p)
{
    free(p->table);
    free(p->k);
    free(p->v);
    free(p->there);
    free(p->pick);
    free(p->n_pick);
}

static inline void world_free(struct world *w)
{
    pool_free(&w->near);
    pool_free(&w->far);
    free(w->q);
    free(w->sinks);
}

/* ---- the textbook ---- */

static inline double score(const struct world *w, const struct pool *p, uint32_t t, uint32_t head,
                           uint32_t j)
{
    const struct shape *s = w->s;
    const float *q = w->q + t * w->q_token + head * w->q_head;
    const float *k = p->k + row_of(w, p, w->seq[t], j, head / s->group) * s->n_dim;
    double sum = 0;
    for (uint32_t i = 0; i < s->n_dim; i++)
        sum += (double)q[i] * (double)k[i];
    return sum / sqrt(s->n_dim);
}

/* out[n_vdim] */
static inline void textbook(const struct world *w, uint32_t t, uint32_t head, double *out)
{
    const struct shape *s = w->s;
    uint32_t cell = w->cell[t], n_far = s->ratio ? (cell + 1) / s->ratio : 0;
    uint32_t lo = first_cell(s, w->base[w->seq[t]], cell), n = 0;
    double *p = malloc((cell + 2 + n_far) * sizeof *p), max = -INFINITY, sum = 0;
    const float **v = malloc((cell + 2 + n_far) * sizeof *v);
    for (int far = 0; far < 2; far++) {
        const struct pool *pool = far ? &w->far : &w->near;
        for (uint32_t j = far ? 0 : lo; j < (far ? n_far : cell + 1); j++)
            if (!pool->pick || picked(pool, t, j)) {
                p[n] = score(w, pool, t, head, j);
                max = fmax(max, p[n]);
                v[n++] = pool->v + row_of(w, pool, w->seq[t], j, head / s->group) * s->n_vdim;
            }
    }
    if (s->sinks) {
        max = fmax(max, (double)w->sinks[head]);
        sum = exp((double)w->sinks[head] - max);
    }
    memset(out, 0, s->n_vdim * sizeof *out);
    for (uint32_t i = 0; i < n; i++) {
        double e = exp(p[i] - max);
        sum += e;
        for (uint32_t c = 0; c < s->n_vdim; c++)
            out[c] += e * (double)v[i][c];
    }
    for (uint32_t c = 0; c < s->n_vdim; c++) {
        out[c] /= sum;
        if (s->gate)
            out[c] /= 1 + exp(-(double)w->gate[t * w->q_token + head * w->q_head + c]);
    }
    free(p);
    free(v);
}

/* ---- the device ---- */

/* Cells as the device has them. What is NaN is NaN as a half, too. */
static inline void *put_cells(const struct shape *s, const float *x, size_t n)
{
    if (s->f32)
        return cuda_put(x, n * sizeof *x);
    uint16_t *h = malloc(n * sizeof *h);
    for (size_t i = 0; i < n; i++) {
        _Float16 f = (_Float16)x[i];
        memcpy(&h[i], &f, sizeof *h);
    }
    void *p = cuda_put(h, n * sizeof *h);
    free(h);
    return p;
}

static inline struct weir_cells put_pool(const struct world *w, const struct pool *p)
{
    const struct shape *s = w->s;
    size_t rows = (size_t)p->n_page * s->n_head_kv * WEIR_PAGE;
    struct weir_cells c = {.stride = p->stride, .pick_each = p->pick_each};
    c.k = put_cells(s, p->k, rows * s->n_dim);
    if (s->own)
        c.v = put_cells(s, p->v, rows * s->n_vdim);
    if (s->distant) {
        uintptr_t each = (uintptr_t)s->n_head_kv * WEIR_PAGE * (s->f32 ? 4 : 2);
        for (uint32_t i = 0; i < RUNS * p->stride; i++)
            p->table[i] += p->table[i] < 0 ? 0 : DISTANT;
        c.k = (const void *)((uintptr_t)c.k - DISTANT * each * s->n_dim);
        if (s->own)
            c.v = (const void *)((uintptr_t)c.v - DISTANT * each * s->n_vdim);
    }
    c.table = cuda_put(p->table, RUNS * p->stride * sizeof *p->table);
    for (uint32_t i = 0; s->distant && i < RUNS * p->stride; i++)
        p->table[i] -= p->table[i] < 0 ? 0 : DISTANT;
    if (p->pick) {
        c.pick = cuda_put(p->pick, (size_t)w->n * p->pick_each * sizeof *p->pick);
        c.n_pick = cuda_put(p->n_pick, w->n * sizeof *p->n_pick);
    }
    return c;
}

static inline void drop_cells(const struct shape *s, const struct weir_cells *c)
{
    uintptr_t by =
        s->distant ? (uintptr_t)DISTANT * s->n_head_kv * WEIR_PAGE * (s->f32 ? 4 : 2) : 0;
    const void *p[] = {c->k ? (const void *)((uintptr_t)c->k + by * s->n_dim) : NULL,
                       c->v ? (const void *)((uintptr_t)c->v + by * s->n_vdim) : NULL, c->table,
                       c->pick, c->n_pick};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        if (p[i])
            cuda_drop(p[i]);
}

/* The case of a launch, by where its tokens stand. */
static inline void attend_case(const struct world *w)
{
    const struct shape *s = w->s;
    bool first = false, edge = false;
    char z[60];
    for (uint32_t r = 0; r < RUNS && s->run[r].n; r++) {
        uint32_t from = s->run[r].from, to = from + s->run[r].n; /* of the sequence: length */
        first |= from == 0 && s->run[r].n == 1;
        edge |= to % WEIR_PAGE == 0 || from % WEIR_PAGE == 0 || to % WEIR_PAGE == 1;
    }
    snprintf(z, sizeof z, "%s%s%s%s", s->n_dim % 16 || s->group % 8 ? "ragged " : "",
             first ? "first " : "", edge ? "edge " : "", s->distant ? "far" : "");
    cuda_case(w->n, z);
}

/* How a launch ends, by turns: parts joined by a launch of their own, by the last block, or that
 * and rounded to planes of bytes or of bfloat16. */
enum { BY_LAUNCH, BY_LAST, TO_INTS, TO_BF16, WAYS };
static unsigned next_way;

/* Rows [token][all heads], or by_head [head][token]. */
static inline struct weir_acts rounded_rows(const struct world *w, enum eng_pack_acts kind,
                                            uint32_t *rows, void **memory)
{
    uint32_t n_in = w->s->by_head ? w->s->n_vdim : w->n_head * w->s->n_vdim;
    *rows = w->s->by_head ? w->n_head * w->n : w->n;
    *memory = cuda_put(NULL, weir_acts_bytes(kind, *rows, n_in, 3));
    return weir_acts_at(kind, *rows, n_in, 3, NULL, *memory);
}

/* What the device gives: [token][head][n_vdim], for free(). */
static inline float *on_device(const struct world *w)
{
    const struct shape *s = w->s;
    attend_case(w);
    struct weir_tile *tile = malloc(w->n * sizeof *tile);
    size_t n_out = (size_t)w->n * w->n_head * s->n_vdim;
    float *out = malloc(n_out * sizeof *out), *swapped = malloc(n_out * sizeof *out);
    uint32_t few, all = eng_cuda_tiles(w->seq, w->cell, w->n, s->group, s->pick_near || s->pick_far,
                                       tile, &few);
    float *q = cuda_put(w->q, w->n * w->q_token * sizeof *q);
    struct eng_cuda_attend p = {
        .a = {.near = put_pool(w, &w->near),
              .q = q,
              .tile = cuda_put(tile, all * sizeof *tile),
              .seq = cuda_put(w->seq, w->n * sizeof *w->seq),
              .cell = cuda_put(w->cell, w->n * sizeof *w->cell),
              .base = cuda_put(w->base, sizeof w->base),
              .sinks = w->sinks ? cuda_put(w->sinks, w->n_head * sizeof *w->sinks) : NULL,
              .gate = w->gate ? q + s->n_dim : NULL,
              .out = cuda_put(NULL, n_out * sizeof *out),
              .q_token = w->q_token,
              .q_head = w->q_head,
              .gate_token = w->q_token,
              .gate_head = w->q_head,
              .out_token = s->by_head ? s->n_vdim : (uint64_t)w->n_head * s->n_vdim,
              .out_head = s->by_head ? (uint64_t)w->n * s->n_vdim : s->n_vdim,
              .scale = 1 / sqrtf((float)s->n_dim),
              .n_head_kv = s->n_head_kv,
              .group = s->group,
              .n_dim = s->n_dim,
              .n_vdim = s->n_vdim,
              .window = s->window,
              .n_chunk_pos = s->chunk_pos,
              .ratio = s->ratio,
              .chunk = s->chunk ? s->chunk : 256},
        .f32 = s->f32,
        .n_few = few,
        .n_many = all - few};
    assert_null(eng_cuda_attend_cannot(s->n_dim, s->n_vdim, s->own, s->f32));
    if (s->ratio)
        p.a.far = put_pool(w, &w->far);
    for (uint32_t t = 0; t < w->n; t++)
        p.n_cells = w->cell[t] + 1 > p.n_cells ? w->cell[t] + 1 : p.n_cells;
    unsigned way = next_way++ % WAYS;
    bool whole = s->n_vdim % 64 == 0 || (!s->by_head && w->n_head * s->n_vdim % 64 == 0);
    if (way > BY_LAST && (all != few || s->n_vdim % 32 || !whole))
        way = BY_LAST;
    size_t counters = eng_cuda_attend_counters(&p, w->n);
    uint32_t *zeros = calloc(counters, sizeof *zeros), rows = 0;
    void *count = cuda_put(zeros, counters * sizeof *zeros), *planes = NULL;
    p.a.count = way == BY_LAUNCH ? NULL : count;
    struct weir_acts *to = way == TO_INTS ? &p.a.to.ints : &p.a.to.bf16;
    enum eng_pack_acts kind = way == TO_INTS ? ENG_ACTS_INT : ENG_ACTS_BF16;
    if (way > BY_LAST) {
        *to = rounded_rows(w, kind, &rows, &planes);
        p.a.to_token = 1;
        p.a.to_head = s->by_head ? w->n : 0;
        p.a.to_at = s->by_head ? 0 : s->n_vdim / 32;
    }
    size_t scratch = eng_cuda_attend_scratch(&p);
    p.scratch = scratch ? cuda_put(NULL, scratch) : NULL;
    for (int twice = 0; twice < 2; twice++) /* counters are as they were */
        eng_cuda_attend(dev, &p);
    if (way > BY_LAST) {
        free(swapped);
        swapped = planes_get(kind, to, rows);
    } else {
        cuda_get(swapped, p.a.out, n_out * sizeof *out);
    }
    uint32_t *after = malloc(counters * sizeof *after);
    cuda_get(after, count, counters * sizeof *after);
    assert_memory_equal(after, zeros, counters * sizeof *after);
    free(zeros);
    free(after);
    for (uint32_t t = 0; t < w->n; t++)
        for (uint32_t h = 0; h < w->n_head; h++)
            memcpy(out + ((size_t)t * w->n_head + h) * s->n_vdim,
                   swapped + t * p.a.out_token + h * p.a.out_head, s->n_vdim * sizeof *out);
    drop_cells(s, &p.a.near);
    drop_cells(s, &p.a.far);
    const void *drop[] = {q,         p.a.tile, p.a.seq,   p.a.cell, p.a.base,
                          p.a.sinks, p.a.out,  p.scratch, count,    planes};
    for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
        if (drop[i])
            cuda_drop(drop[i]);
    free(tile);
    free(swapped);
    return out;
}

static inline void check_shape(const struct shape *s)
{
    struct world w;
    world_new(&w, s);
    float *got = on_device(&w);
    double *want = malloc(s->n_vdim * sizeof *want);
    bool mma = !s->f32 && s->n_dim % 8 == 0 && s->n_vdim % 8 == 0;
    for (uint32_t t = 0; t < w.n; t++)
        for (uint32_t h = 0; h < w.n_head; h++) {
            textbook(&w, t, h, want);
            for (uint32_t c = 0; c < s->n_vdim; c++) {
                size_t at = ((size_t)t * w.n_head + h) * s->n_vdim + c;
                cuda_near(got[at], (float)want[c], mma ? 2e-3f : 1e-5f, s->name, at);
            }
        }
    free(want);
    free(got);
    world_free(&w);
}

#endif

/* ops_hybrid.c - the feed-forward half of a layer whose experts are partly on the device.
 *
 * Pairs are numbered so: first those of experts with slots, by slot; then those of the others, by
 * expert; within an expert by token and slot of the token. The CPU's pairs are the last ones, so
 * what it computes is one piece of s->hy. Experts that are sent are numbered on behind the slots,
 * chunk after chunk: a chunk's matrices are addressed as if all those before it stood before them.
 */
#include "engine/cpu/table.h"
#include "engine/cuda/hybrid_int.h"

#include <stdlib.h>
#include <string.h>

#define STAGE_EXPERTS 8
#define STAGE_BYTES   ((uint64_t)256 << 20) /* of a half, at most */

/* ---- memory of steps ---- */

/* Words of the lists: see struct lists. */
static size_t words_of(const struct eng_hybrid *h)
{
    size_t pairs = h->g->m->s.pairs, e = h->n_expert;
    return 5 * pairs + 4 * e + 64;
}

static bool cpu_scratch(struct eng_hybrid *h)
{
    const struct eng_model *m = h->g->m;
    struct eng_scratch *s = &h->cpu.s;
    size_t rows = m->s.rows, pairs = m->s.pairs, d = m->hp.n_embd, ff = m->n_ff_max;
    uint64_t q, qi;
    eng_ops_cpu.acts_bytes(m, rows * d > pairs * ff ? rows * d : pairs * ff, &q, &qi);
    s->hg = malloc(2 * pairs * ff * sizeof(float));
    s->hu = s->hg ? s->hg + pairs * ff : NULL;
    s->router = malloc(pairs * sizeof(float));
    s->pair_of = malloc(pairs * sizeof(uint32_t));
    s->pair_row = malloc(pairs * sizeof(uint32_t));
    s->group_at = malloc((h->n_expert + 1) * sizeof(uint32_t));
    s->weights = malloc(pairs * sizeof(float));
    s->aq = aligned_alloc(64, (q + 64) / 64 * 64);
    s->aqi = aligned_alloc(64, (qi + 64) / 64 * 64);
    return s->hg && s->router && s->pair_of && s->pair_row && s->group_at && s->weights && s->aq &&
           s->aqi;
}

static bool scratch(struct eng_hybrid *h)
{
    struct eng_gpu *g = h->g;
    const struct eng_model *m = g->m;
    if (h->lists)
        return true;
    h->lists_words = words_of(h);
    h->ids = eng_cuda_host_alloc(g->d, m->s.pairs * sizeof(uint32_t));
    h->weights = eng_cuda_host_alloc(g->d, m->s.pairs * sizeof(float));
    h->x = eng_cuda_host_alloc(g->d, (size_t)m->s.rows * m->hp.n_embd * sizeof(float));
    h->hy = eng_cuda_host_alloc(g->d, (size_t)m->s.pairs * m->hp.n_embd * sizeof(float));
    h->dev_lists = eng_cuda_alloc(g->d, h->lists_words * sizeof(uint32_t));
    h->lists = eng_cuda_host_alloc(g->d, h->lists_words * sizeof(uint32_t));
    if (h->ids && h->weights && h->x && h->hy && h->dev_lists && h->lists && cpu_scratch(h))
        return true;
    g->st = base_err_set(&g->err, BASE_ENOMEM, "%s: out of memory for experts' steps",
                         eng_cuda_get_info(g->d)->name);
    return false;
}

void eng_hybrid_scratch_free(struct eng_hybrid *h)
{
    struct eng_cuda *d = h->g->d;
    struct eng_scratch *s = &h->cpu.s;
    void *const pinned[] = {h->ids, h->weights, h->x, h->hy, h->lists, h->stage_pinned};
    void *const own[] = {s->hg,       s->router,  s->pair_of, s->pair_row,
                         s->group_at, s->weights, s->aq,      s->aqi};
    for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++)
        eng_cuda_host_free(d, pinned[i]);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        free(own[i]);
    eng_cuda_free(d, h->dev_lists);
    eng_cuda_free(d, h->stage);
}

/* ---- who computes what ---- */

/* A layer's pairs in this step. Places (experts as kernels count them) are slots, then sent ones.
 */
struct lists {
    uint32_t n_pairs, n_places, n_tiles, rows;
    size_t words;                         /* of all lists */
    uint32_t n_here;                      /* pairs of slots and of sent experts */
    uint32_t n_sent;                      /* experts to send, */
    uint32_t sent[ENG_EXPERT_MAX];        /* these */
    uint32_t count[ENG_EXPERT_MAX];       /* pairs of an expert */
    uint32_t at[ENG_EXPERT_MAX + 1];      /* its first pair */
    uint32_t tile_at[ENG_EXPERT_MAX + 1]; /* of a place: its first tile */
    /* in h->lists, words */
    uint32_t *pair_of, *pair_row, *pair_weight, *first, *tile_expert, *tile_first, *n_tiles_of;
};

static void count(struct eng_hybrid *h, const struct eng_fwd *f, struct lists *x)
{
    uint64_t *choices = f->m->choices + (size_t)f->layer * h->n_expert;
    x->n_pairs = f->n * h->n_used;
    memset(x->count, 0, sizeof(x->count));
    for (uint32_t i = 0; i < x->n_pairs; i++)
        x->count[h->ids[i]]++;
    for (uint32_t e = 0; e < h->n_expert; e++) {
        choices[e] += x->count[e];
        if (x->count[e])
            eng_hot_used(&h->hot, f->layer, e, x->count[e]);
    }
}

/* Places, their first pairs and their tiles; then the CPU's experts behind them. */
static void order(struct eng_hybrid *h, const struct eng_fwd *f, bool send, struct lists *x)
{
    const struct eng_hot_layer *y = &h->hot.layers[f->layer];
    uint32_t pair = 0, tile = 0;
    x->n_sent = 0;
    for (uint32_t e = 0; send && e < h->n_expert; e++)
        if (x->count[e] && y->slot_of[e] < 0)
            x->sent[x->n_sent++] = e;
    x->n_places = h->slots + x->n_sent;
    for (uint32_t p = 0; p < x->n_places; p++) {
        uint32_t e = p < h->slots ? y->expert_in[p] : x->sent[p - h->slots];
        x->tile_at[p] = tile;
        x->first[p] = x->at[e] = pair;
        for (uint32_t i = 0; i < x->count[e]; i += x->rows, tile++) {
            x->tile_expert[tile] = p;
            x->tile_first[tile] = pair + i;
        }
        pair += x->count[e];
    }
    x->first[x->n_places] = x->n_here = pair;
    x->tile_at[x->n_places] = x->n_tiles = tile;
    for (uint32_t e = 0; !send && e < h->n_expert; e++)
        if (y->slot_of[e] < 0) {
            x->at[e] = pair;
            pair += x->count[e];
        }
    uint32_t next[ENG_EXPERT_MAX];
    memcpy(next, x->at, sizeof(next));
    for (uint32_t i = 0; i < x->n_pairs; i++) {
        uint32_t p = next[h->ids[i]]++;
        x->pair_of[i] = p;
        x->pair_row[p] = i / h->n_used;
        memcpy(&x->pair_weight[p], &h->weights[i], sizeof(float));
    }
}

static void lists_make(struct eng_hybrid *h, const struct eng_fwd *f, bool send, struct lists *x)
{
    size_t pairs = (size_t)f->n * h->n_used, at = 0;
    uint32_t **const parts[] = {&x->pair_of,    &x->pair_row, &x->pair_weight, &x->tile_expert,
                                &x->tile_first, &x->first,    &x->n_tiles_of};
    const size_t sizes[] = {pairs, pairs, pairs, pairs, pairs, h->n_expert + 1, h->n_expert + 1};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        *parts[i] = h->lists + at;
        at += sizes[i];
    }
    x->words = at;
    x->rows = weir_mm_rows(f->n);
    count(h, f, x);
    order(h, f, send, x);
}

static uint32_t *on_device(const struct eng_hybrid *h, const uint32_t *p)
{
    return h->dev_lists + (p - h->lists);
}

/* Lists to the device, as the table's products take them. */
static void lists_put(struct eng_hybrid *h, struct eng_fwd *f, struct lists *x)
{
    struct eng_gpu *g = h->g;
    eng_cuda_upload(g->d, h->dev_lists, h->lists, x->words * sizeof(uint32_t));
    eng_cuda_copy(g->d, f->s->pair_of, on_device(h, x->pair_of), x->n_pairs * sizeof(uint32_t));
    eng_cuda_copy(g->d, f->s->pair_row, on_device(h, x->pair_row), x->n_pairs * sizeof(uint32_t));
    g->grouped = (struct weir_group_args){
        .first = on_device(h, x->first),
        .pair_weight = (float *)(void *)on_device(h, x->pair_weight),
        .tile_expert = on_device(h, x->tile_expert),
        .tile_first = on_device(h, x->tile_first),
        .n = f->n,
        .n_used = h->n_used,
        .rows = x->rows,
    };
}

/* ---- the device's part ---- */

/* Products of the places place0.. of the lists, `n` of them, whose matrices are those of `gate`,
 * `up` and `down`. */
static void run_places(struct eng_hybrid *h, struct eng_fwd *f, const struct eng_ffn *j,
                       const struct lists *x, uint32_t place0, uint32_t n, uint32_t turn,
                       const struct eng_weight *const w[PARTS])
{
    struct eng_gpu *g = h->g;
    struct weir_group_args all = g->grouped;
    struct eng_ffn k = *j;
    k.gate = w[GATE];
    k.up = w[UP];
    k.down = w[DOWN];
    k.n_rows = x->n_pairs;
    g->grouped.tile_expert += x->tile_at[place0];
    g->grouped.tile_first += x->tile_at[place0];
    g->grouped.n_tiles = on_device(h, x->n_tiles_of + turn);
    g->grouped.n_expert = n;
    eng_gpu_ffn_here(f, &k);
    g->grouped = all;
}

static void run_slots(struct eng_hybrid *h, struct eng_fwd *f, const struct eng_ffn *j,
                      const struct lists *x)
{
    struct eng_hybrid_layer *y = &h->layers[f->layer];
    const struct eng_weight *w[PARTS] = {&y->part[GATE].gpu, &y->part[UP].gpu, &y->part[DOWN].gpu};
    if (h->slots) /* with nothing chosen too: a graph has it, and its scratch before */
        run_places(h, f, j, x, 0, h->slots, 0, w);
}

/* ---- experts that are sent ---- */

/* Room for the stage, when it is first wanted. */
static bool stage(struct eng_hybrid *h)
{
    uint64_t most = 0;
    if (h->stage || h->no_stage)
        return h->stage != NULL;
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++) {
        const struct eng_hybrid_layer *y = &h->layers[l];
        uint64_t n = y->expert_bytes + 8 * ENG_HYBRID_PIECE;
        for (int k = 0; y->moe && k < PARTS; k++)
            if (y->part[k].model && y->part[k].model->bias)
                n += 4ull * y->part[k].model->n_out;
        if (y->moe && n > most)
            most = n;
    }
    h->stage_experts = STAGE_EXPERTS;
    while (h->stage_experts > 1 && h->stage_experts > h->n_expert / 4) /* nothing overlaps in one */
        h->stage_experts /= 2;
    while (h->stage_experts > 1 && h->stage_experts * most > STAGE_BYTES)
        h->stage_experts /= 2;
    h->stage_half = h->stage_experts * most;
    h->stage = eng_cuda_alloc(h->g->d, 2 * h->stage_half);
    h->stage_pinned = h->stage ? eng_cuda_host_alloc(h->g->d, 2 * h->stage_half) : NULL;
    if (!h->stage_pinned) { /* then the CPU computes them */
        eng_cuda_free(h->g->d, h->stage);
        h->stage = NULL;
        h->no_stage = true;
    }
    return h->stage != NULL;
}

/* A half of the stage as n experts' matrices of layer y. */
static void stage_lay_out(struct eng_hybrid *h, struct eng_hybrid_layer *y, uint32_t half)
{
    uint8_t *at = h->stage + half * h->stage_half;
    uint32_t n = h->stage_experts;
    for (int k = 0; k < PARTS; k++) {
        struct eng_hybrid_part *p = &y->part[k];
        if (!p->model)
            continue;
        p->staged = *p->model;
        p->staged_packed = p->packed;
        p->staged_packed.p.n_mat = n;
        p->staged_packed.mem = p->in_pair ? NULL : at;
        p->staged.dev = &p->staged_packed;
        at += p->in_pair ? 0 : eng_hybrid_piece(p->packed.p.mat_bytes * n);
        p->staged.bias = p->model->bias ? (float *)(void *)at : NULL;
        at += p->model->bias ? eng_hybrid_piece(4ull * n * p->model->n_out) : 0;
        p->staged.scale = p->model->scale ? (float *)(void *)at : NULL;
        at += p->model->scale ? eng_hybrid_piece(4ull * n) : 0;
    }
}

/* The weights of the stage, moved so that place `place0` is their first matrix. */
static void as_places(struct eng_hybrid_layer *y, uint32_t place0, struct eng_weight w[PARTS],
                      struct eng_gpu_weight dev[PARTS])
{
    for (int k = 0; k < PARTS; k++) {
        const struct eng_hybrid_part *p = &y->part[k];
        if (!p->model)
            continue;
        w[k] = p->staged;
        dev[k] = p->staged_packed;
        w[k].dev = &dev[k];
        uintptr_t mem = (uintptr_t)dev[k].mem, bias = (uintptr_t)w[k].bias,
                  scale = (uintptr_t)w[k].scale;
        dev[k].mem = (void *)(mem - (mem ? place0 * dev[k].p.mat_bytes : 0));
        w[k].bias = (float *)(bias - (bias ? 4ull * place0 * p->model->n_out : 0));
        w[k].scale = (float *)(scale - (scale ? 4ull * place0 : 0));
    }
}

struct pack_job {
    struct eng_hybrid *h;
    const struct eng_hybrid_layer *y;
    const uint32_t *experts;
    uint8_t *out;
};

static void pack_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct pack_job *j = ctx;
    (void)thread;
    eng_hybrid_pack(j->y, j->experts[task], j->out + task * j->y->expert_bytes);
}

static void run_sent(struct eng_hybrid *h, struct eng_fwd *f, const struct eng_ffn *j,
                     const struct lists *x)
{
    struct eng_hybrid_layer *y = &h->layers[f->layer];
    struct eng_cuda *d = h->g->d;
    struct eng_weight w[PARTS];
    struct eng_gpu_weight dev[PARTS];
    const struct eng_weight *p[PARTS] = {&w[GATE], &w[UP], &w[DOWN]};
    for (uint32_t i = 0, turn = 1; i < x->n_sent; i += h->stage_experts, turn++) {
        uint32_t n = x->n_sent - i < h->stage_experts ? x->n_sent - i : h->stage_experts;
        uint32_t half = h->stage_turn ^= 1; /* in turn over layers too */
        struct pack_job pack = {
            .h = h, .y = y, .experts = x->sent + i, .out = h->stage_pinned + half * h->stage_half};
#ifndef WEIR_BUG_80
        eng_cuda_fence_wait(d, ENG_FENCE_CAME + half); /* what was packed here has gone up */
#endif
        eng_pool_run(f->m->pool, n, pack_task, &pack);
        stage_lay_out(h, y, half);
        /* the half on the device: not before the products of its last experts */
#ifndef WEIR_BUG_81
        eng_cuda_follow(d, ENG_CUDA_BESIDE, ENG_FENCE_READ + half);
#endif
        for (uint32_t e = 0; e < n; e++)
            eng_hybrid_put_at(h, y, true, ENG_WAY_BESIDE, x->sent[i + e], e,
                              pack.out + e * y->expert_bytes);
        eng_cuda_fence_in(d, ENG_CUDA_BESIDE, ENG_FENCE_CAME + half);
#ifndef WEIR_BUG_82
        eng_cuda_follow(d, ENG_CUDA_WORK, ENG_FENCE_CAME + half);
#endif
        h->use.sent_bytes += n * y->expert_bytes;
        as_places(y, h->slots + i, w, dev);
        run_places(h, f, j, x, h->slots + i, n, turn, p);
        eng_cuda_fence(d, ENG_FENCE_READ + half);
    }
}

/* How many tiles each launch has. */
static void count_tiles(const struct eng_hybrid *h, struct lists *x)
{
    uint32_t turn = 1;
    x->n_tiles_of[0] = x->tile_at[h->slots];
    for (uint32_t i = 0; i < x->n_sent; i += h->stage_experts, turn++) {
        uint32_t end = i + h->stage_experts < x->n_sent ? i + h->stage_experts : x->n_sent;
        x->n_tiles_of[turn] = x->tile_at[h->slots + end] - x->tile_at[h->slots + i];
    }
}

/* ---- the CPU's part ---- */

static void run_cpu(struct eng_hybrid *h, struct eng_fwd *f, const struct eng_ffn *j,
                    const struct lists *x)
{
    struct eng_hybrid_layer *y = &h->layers[f->layer];
    struct eng_scratch *s = &h->cpu.s;
    struct eng_fwd c = {.m = &h->cpu, .s = s, .y = f->y, .layer = f->layer, .n = f->n};
    uint32_t n = x->n_pairs - x->n_here, at = 0;
    if (n == 0)
        return;
    for (uint32_t e = 0; e < h->n_expert; e++) {
        s->group_at[e] = at;
        at += h->hot.layers[f->layer].slot_of[e] < 0 ? x->count[e] : 0;
    }
    s->group_at[h->n_expert] = at;
    for (uint32_t p = 0; p < n; p++) {
        s->pair_of[p] = p;
        s->pair_row[p] = x->pair_row[x->n_here + p];
        memcpy(&s->weights[p], &x->pair_weight[x->n_here + p], sizeof(float));
    }
    struct eng_ffn k = *j;
    s->hy = h->hy;
    bool ints = y->part[GATE].cpu.rounded || (y->part[UP].model && y->part[UP].cpu.rounded);
    struct eng_acts a = eng_cpu_prepare(&c, h->x, NULL, NULL, f->n, f->m->hp.n_embd, ints);
    k.gate = &y->part[GATE].cpu;
    k.up = &y->part[UP].cpu;
    k.down = &y->part[DOWN].cpu;
    k.a = &a;
    k.n_rows = n;
    eng_cpu_ffn(&c, &k);
    eng_cuda_upload(h->g->d, f->s->hy + (size_t)x->n_here * f->m->hp.n_embd, h->hy,
                    (size_t)n * f->m->hp.n_embd * sizeof(float));
}

/* ---- the operator ---- */

bool eng_hybrid_sends(const struct eng_gpu *g, uint32_t n)
{
    return g->hybrid->send_from && n >= g->hybrid->send_from;
}

void eng_hybrid_ffn(struct eng_fwd *f, const struct eng_ffn *j)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_hybrid *h = g->hybrid;
    struct lists x;
    eng_gpu_normed(f);
    if (g->st != BASE_OK || !scratch(h))
        return;
    size_t pairs = (size_t)f->n * h->n_used;
    eng_cuda_download(g->d, h->ids, f->s->ids, pairs * sizeof(uint32_t));
    eng_cuda_download(g->d, h->weights, f->s->weights, pairs * sizeof(float));
    eng_cuda_download(g->d, h->x, g->a.x, (size_t)f->n * f->m->hp.n_embd * sizeof(float));
    eng_gpu_pause(g->set);
    if (!eng_cuda_wait(g->d))
        return;
    bool send = eng_hybrid_sends(g, f->n) && stage(h);
    lists_make(h, f, send, &x);
    count_tiles(h, &x);
    eng_gpu_resume(g->set);
    lists_put(h, f, &x);
    run_slots(h, f, j, &x);
    if (send)
        run_sent(h, f, j, &x);
    eng_gpu_pause(g->set);
    run_cpu(h, f, j, &x);
    eng_gpu_resume(g->set);
    for (uint32_t e = 0; e < h->n_expert; e++)
        *(h->hot.layers[f->layer].slot_of[e] >= 0 ? &h->use.on_device
          : send                                  ? &h->use.sent
                                                  : &h->use.on_cpu) += x.count[e];
}

/* ops_hybrid.c - the feed-forward half of a layer whose experts are partly on devices; who computes
 * what of it hybrid_lists.c says.
 *
 * Experts that are sent are numbered on behind the slots, chunk after chunk: a chunk's matrices are
 * addressed as if all those before it stood before them. The CPU's pairs are the last ones of the
 * layer's own device, so what it computes is one piece of s->hy.
 *
 * By experts several devices have slots: each is sent the rows that experts see, has lists of its
 * own, and adds up per token what its own pairs gave; the sums come back, and combine() adds them
 * in the order of devices (as ops_spread.c, whose kernels they are: which share has a pair's output
 * stands where that looks for the expert). The sums come back before the CPU begins, so that a
 * graph ends where all devices have ended.
 */
#include "engine/cpu/table.h"
#include "engine/cuda/hybrid_int.h"
#include "engine/cuda/spread.h"

#include <stdlib.h>
#include <string.h>

#define STAGE_EXPERTS 8
#define STAGE_BYTES   ((uint64_t)256 << 20) /* of a half, at most */

/* ---- memory of steps ---- */

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

static bool lists_scratch(struct eng_hybrid *h, struct eng_hybrid_share *s)
{
    s->lists_words = eng_hybrid_lists_words(h);
    s->dev_lists = eng_cuda_alloc(s->g->d, s->lists_words * sizeof(uint32_t));
    s->lists = eng_cuda_host_alloc(s->g->d, s->lists_words * sizeof(uint32_t));
    return s->dev_lists && s->lists;
}

static bool scratch(struct eng_hybrid *h)
{
    struct eng_gpu *g = h->g;
    const struct eng_model *m = g->m;
    if (h->ids)
        return true;
    bool good = true;
    for (uint32_t i = 0; i < h->n_shares && good; i++)
        good = lists_scratch(h, &h->share[i]);
    h->weights = eng_cuda_host_alloc(g->d, m->s.pairs * sizeof(float));
    h->x = eng_cuda_host_alloc(g->d, (size_t)m->s.rows * m->hp.n_embd * sizeof(float));
    h->hy = eng_cuda_host_alloc(g->d, (size_t)m->s.pairs * m->hp.n_embd * sizeof(float));
    if (good && h->weights && h->x && h->hy && cpu_scratch(h))
        h->ids = eng_cuda_host_alloc(g->d, m->s.pairs * sizeof(uint32_t));
    if (h->ids)
        return true;
    g->st = base_err_set(&g->err, BASE_ENOMEM, "%s: out of memory for experts' steps",
                         eng_cuda_get_info(g->d)->name);
    return false;
}

void eng_hybrid_scratch_free(struct eng_hybrid *h)
{
    struct eng_cuda *d = h->g->d;
    struct eng_scratch *s = &h->cpu.s;
    void *const pinned[] = {h->ids, h->weights, h->x, h->hy};
    void *const own[] = {s->hg,       s->router,  s->pair_of, s->pair_row,
                         s->group_at, s->weights, s->aq,      s->aqi};
    for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++)
        eng_cuda_host_free(d, pinned[i]);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        free(own[i]);
    for (uint32_t i = 0; i < h->n_shares && h->share[i].g; i++) {
        struct eng_hybrid_share *x = &h->share[i];
        eng_cuda_host_free(x->g->d, x->lists);
        eng_cuda_host_free(x->g->d, x->stage_pinned);
        eng_cuda_free(x->g->d, x->dev_lists);
        eng_cuda_free(x->g->d, x->stage);
    }
}

/* ---- who computes what ---- */

/* The devices that take part: those without slots only where experts are sent to them. */
static bool takes_part(const struct eng_hybrid_share *s, bool send)
{
    return s->slots > 0 || send;
}

static uint32_t *on_device(const struct eng_hybrid_share *s, const uint32_t *p)
{
    return s->dev_lists + (p - s->lists);
}

/* Lists to the device, as the table's products take them; f is at it. */
static void lists_put(struct eng_hybrid *h, struct eng_hybrid_share *s, const struct eng_fwd *f)
{
    const struct eng_hybrid_lists *x = &s->now;
    struct eng_gpu *g = s->g;
    size_t pairs = (size_t)f->n * h->n_used * sizeof(uint32_t);
    eng_cuda_upload(g->d, s->dev_lists, s->lists, s->lists_words * sizeof(uint32_t));
    eng_cuda_copy(g->d, f->s->pair_of, on_device(s, x->pair_of), pairs);
    eng_cuda_copy(g->d, f->s->pair_row, on_device(s, x->pair_row), pairs);
    g->grouped = (struct weir_group_args){
        .first = on_device(s, x->first),
        .pair_weight = (float *)(void *)on_device(s, x->pair_weight),
        .tile_expert = on_device(s, x->tile_expert),
        .tile_first = on_device(s, x->tile_first),
        .n = f->n,
        .n_used = h->n_used,
        .rows = weir_mm_rows(f->n),
    };
}

/* ---- a device's part ---- */

/* Products of the places place0.. of the lists, `n` of them, whose matrices are those of `gate`,
 * `up` and `down`. */
static void run_places(struct eng_hybrid_share *s, struct eng_fwd *f, const struct eng_ffn *j,
                       uint32_t place0, uint32_t n, uint32_t turn,
                       const struct eng_weight *const w[PARTS])
{
    const struct eng_hybrid_lists *x = &s->now;
    struct eng_gpu *g = s->g;
    struct weir_group_args all = g->grouped;
    struct eng_ffn k = *j;
    k.gate = w[GATE];
    k.up = w[UP];
    k.down = w[DOWN];
    k.n_rows = f->n * f->m->hp.moe.n_used;
    g->grouped.tile_expert += x->tile_at[place0];
    g->grouped.tile_first += x->tile_at[place0];
    g->grouped.n_tiles = on_device(s, x->n_tiles_of + turn);
    g->grouped.n_expert = n;
    eng_gpu_ffn_here(f, &k);
    g->grouped = all;
}

static void run_slots(struct eng_hybrid_share *s, struct eng_fwd *f, const struct eng_ffn *j)
{
    const struct eng_hybrid_mats *o = s->mats[f->layer];
    const struct eng_weight *w[PARTS] = {&o[GATE].gpu, &o[UP].gpu, &o[DOWN].gpu};
    if (s->slots) /* with nothing chosen too: a graph has it, and its scratch before */
        run_places(s, f, j, 0, s->slots, 0, w);
}

/* ---- experts that are sent ---- */

static bool stage_take(struct eng_hybrid *h, struct eng_hybrid_share *s)
{
    s->stage = eng_cuda_alloc(s->g->d, 2 * h->stage_half);
    s->stage_pinned = s->stage ? eng_cuda_host_alloc(s->g->d, 2 * h->stage_half) : NULL;
    return s->stage_pinned != NULL;
}

/* Room for the stages, when they are first wanted. */
static bool stage(struct eng_hybrid *h)
{
    uint64_t most = 0;
    if (h->stage_half || h->no_stage)
        return !h->no_stage;
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
    for (uint32_t i = 0; i < h->n_shares && !h->no_stage; i++)
        h->no_stage = !stage_take(h, &h->share[i]);
    for (uint32_t i = 0; i < h->n_shares && h->no_stage; i++) { /* then the CPU computes them */
        eng_cuda_free(h->share[i].g->d, h->share[i].stage);
        eng_cuda_host_free(h->share[i].g->d, h->share[i].stage_pinned);
        h->share[i].stage = h->share[i].stage_pinned = NULL;
    }
    return !h->no_stage;
}

/* A half of the stage as experts' matrices of a layer. */
static void stage_lay_out(struct eng_hybrid *h, struct eng_hybrid_share *s, uint32_t layer,
                          uint32_t half)
{
    uint8_t *at = s->stage + half * h->stage_half;
    uint32_t n = h->stage_experts;
    for (int k = 0; k < PARTS; k++) {
        const struct eng_hybrid_part *p = &h->layers[layer].part[k];
        struct eng_hybrid_mats *o = &s->mats[layer][k];
        if (!p->model)
            continue;
        o->staged = *p->model;
        o->staged_packed = (struct eng_gpu_weight){.p = p->p, .in_pair = p->in_pair};
        o->staged_packed.p.n_mat = n;
        o->staged_packed.mem = p->in_pair ? NULL : at;
        o->staged.dev = &o->staged_packed;
        at += p->in_pair ? 0 : eng_hybrid_piece(p->p.mat_bytes * n);
        o->staged.bias = p->model->bias ? (float *)(void *)at : NULL;
        at += p->model->bias ? eng_hybrid_piece(4ull * n * p->model->n_out) : 0;
        o->staged.scale = p->model->scale ? (float *)(void *)at : NULL;
        at += p->model->scale ? eng_hybrid_piece(4ull * n) : 0;
    }
}

/* The weights of the stage, moved so that place `place0` is their first matrix. */
static void as_places(const struct eng_hybrid_layer *y, const struct eng_hybrid_mats *o,
                      uint32_t place0, struct eng_weight w[PARTS], struct eng_gpu_weight dev[PARTS])
{
    for (int k = 0; k < PARTS; k++) {
        const struct eng_hybrid_part *p = &y->part[k];
        if (!p->model)
            continue;
        w[k] = o[k].staged;
        dev[k] = o[k].staged_packed;
        w[k].dev = &dev[k];
        uintptr_t mem = (uintptr_t)dev[k].mem, bias = (uintptr_t)w[k].bias,
                  scale = (uintptr_t)w[k].scale;
        dev[k].mem = (void *)(mem - (mem ? place0 * dev[k].p.mat_bytes : 0));
        w[k].bias = (float *)(bias - (bias ? 4ull * place0 * p->model->n_out : 0));
        w[k].scale = (float *)(scale - (scale ? 4ull * place0 : 0));
    }
}

struct pack_job {
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

/* Chunk number `chunk` of what is sent to a device; f is at it. */
static void run_chunk(struct eng_hybrid *h, struct eng_hybrid_share *s, struct eng_fwd *f,
                      const struct eng_ffn *j, uint32_t chunk)
{
    const struct eng_hybrid_layer *y = &h->layers[f->layer];
    const struct eng_hybrid_lists *x = &s->now;
    struct eng_cuda *d = s->g->d;
    struct eng_weight w[PARTS];
    struct eng_gpu_weight dev[PARTS];
    const struct eng_weight *p[PARTS] = {&w[GATE], &w[UP], &w[DOWN]};
    uint32_t i = chunk * h->stage_experts;
    uint32_t n = x->n_sent - i < h->stage_experts ? x->n_sent - i : h->stage_experts;
    uint32_t half = s->stage_turn ^= 1; /* in turn over layers too */
    struct pack_job pack = {
        .y = y, .experts = x->sent + i, .out = s->stage_pinned + half * h->stage_half};
#ifndef WEIR_BUG_80
    eng_cuda_fence_wait(d, ENG_FENCE_CAME + half); /* what was packed here has gone up */
#endif
    eng_pool_run(f->m->pool, n, pack_task, &pack);
    stage_lay_out(h, s, f->layer, half);
    /* the half on the device: not before the products of its last experts */
#ifndef WEIR_BUG_81
    eng_cuda_follow(d, ENG_CUDA_BESIDE, ENG_FENCE_READ + half);
#endif
    for (uint32_t e = 0; e < n; e++)
        eng_hybrid_put_at(h, s, f->layer, true, ENG_WAY_BESIDE, x->sent[i + e], e,
                          pack.out + e * y->expert_bytes);
    eng_cuda_fence_in(d, ENG_CUDA_BESIDE, ENG_FENCE_CAME + half);
#ifndef WEIR_BUG_82
    eng_cuda_follow(d, ENG_CUDA_WORK, ENG_FENCE_CAME + half);
#endif
    h->use.sent_bytes += n * y->expert_bytes;
    as_places(y, s->mats[f->layer], s->slots + i, w, dev);
    run_places(s, f, j, s->slots + i, n, chunk + 1, p);
    eng_cuda_fence(d, ENG_FENCE_READ + half);
}

/* ---- several devices ---- */

/* f at another device; back() ends it. */
static struct eng_fwd at_share(const struct eng_hybrid *h, uint32_t share, const struct eng_fwd *f)
{
    struct eng_fwd other = *f;
    h->g->set->now = h->share[share].g;
    if (share)
        other.s = eng_scratch_at(f->m, h->share[share].g->place);
    return other;
}

static void back(const struct eng_hybrid *h)
{
    h->g->set->now = h->g;
}

/* Sends of the first chunks of all devices before the second ones: the links work side by side. */
static void run_sent(struct eng_hybrid *h, const struct eng_fwd *f, const struct eng_ffn *j)
{
    bool more = true;
    for (uint32_t chunk = 0; more; chunk++) {
        more = false;
        for (uint32_t i = 0; i < h->n_shares; i++)
            if (chunk * h->stage_experts < h->share[i].now.n_sent) {
                struct eng_fwd at = at_share(h, i, f);
                run_chunk(h, &h->share[i], &at, j, chunk);
                more = true;
            }
    }
    back(h);
}

/* What a device's own pairs and the others' sums give. */
static void sum(const struct eng_hybrid *h, uint32_t share, const struct eng_fwd *f,
                uint32_t n_others, const float *const *others)
{
    const struct eng_hybrid_share *s = &h->share[share];
    struct weir_spread_sum_args a = {.y = f->s->hy,
                                     .ids = on_device(s, s->now.owner),
                                     .pair_of = f->s->pair_of,
                                     .weights = f->m->hp.family->weigh_input ? NULL : f->s->weights,
                                     .out = f->s->proj,
                                     .n = f->n,
                                     .n_used = h->n_used,
                                     .n_embd = f->m->hp.n_embd,
                                     .expert0 = share,
                                     .n_here = 1,
                                     .n_others = n_others};
#if defined(WEIR_BUG_107) /* what others have is added here too, from rows that are not theirs */
    a.n_here = h->n_shares - share;
#endif
    for (uint32_t i = 0; i < n_others; i++)
        a.others[i] = others[i];
    if (s->g->st == BASE_OK)
        eng_cuda_spread_sum(s->g->d, &a);
}

/* Rows and choices to the devices that are not the layer's own. */
static void send_rows(struct eng_hybrid *h, const struct eng_fwd *f, bool send)
{
    struct eng_cuda_piece p[3];
    for (uint32_t i = 1; i < h->n_shares; i++)
        if (takes_part(&h->share[i], send)) {
            struct eng_gpu *g = h->share[i].g;
            const struct eng_scratch *to = eng_scratch_at(f->m, g->place);
            eng_cuda_send(g->d, h->g->d, p, eng_spread_there(f, to, h->g->a.x, f->n, p));
            g->a = (struct eng_gpu_acts){.x = to->xn, .n_rows = f->n, .n_in = f->m->hp.n_embd};
        }
}

static float *landed(const struct eng_hybrid *h, const struct eng_fwd *f, uint32_t share)
{
    return (float *)h->g->land.p + (share - 1) * (size_t)f->s->rows * f->m->hp.n_embd;
}

/* Their sums, and to the layer's own device. */
static void bring_sums(struct eng_hybrid *h, const struct eng_fwd *f, bool send)
{
    for (uint32_t i = 1; i < h->n_shares; i++) {
        if (!takes_part(&h->share[i], send))
            continue;
        struct eng_fwd at = at_share(h, i, f);
        sum(h, i, &at, 0, NULL);
        struct eng_cuda_piece p = {landed(h, f, i), at.s->proj,
                                   (size_t)f->n * f->m->hp.n_embd * sizeof(float)};
        eng_cuda_send(h->g->d, h->share[i].g->d, &p, 1);
    }
    back(h);
}

void eng_hybrid_combine(struct eng_fwd *f)
{
    const struct eng_hybrid *h = eng_gpu_of(f)->hybrid;
    const float *others[ENG_PLACES_MAX];
    uint32_t n = 0;
    for (uint32_t i = 1; i < h->n_shares; i++)
        if (takes_part(&h->share[i], h->sends))
            others[n++] = landed(h, f, i);
    sum(h, 0, f, n, others);
}

/* ---- the CPU's part ---- */

static void run_cpu(struct eng_hybrid *h, struct eng_fwd *f, const struct eng_ffn *j)
{
    const struct eng_hybrid_lists *x = &h->share[0].now;
    const struct eng_hybrid_layer *y = &h->layers[f->layer];
    struct eng_scratch *s = &h->cpu.s;
    struct eng_fwd c = {.m = &h->cpu, .s = s, .y = f->y, .layer = f->layer, .n = f->n};
    uint32_t n = 0;
    for (uint32_t e = 0; e < h->n_expert; e++) {
        s->group_at[e] = n;
        n += h->hot.layers[f->layer].slot_of[e] < 0 && !h->sends ? h->count[e] : 0;
    }
    s->group_at[h->n_expert] = n;
    if (n == 0)
        return;
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

/* The devices' part, begun before the CPU's. */
static void run_devices(struct eng_hybrid *h, const struct eng_fwd *f, const struct eng_ffn *j)
{
    send_rows(h, f, h->sends);
    for (uint32_t i = h->n_shares; i-- > 0;)
        if (i == 0 || takes_part(&h->share[i], h->sends)) {
            struct eng_fwd at = at_share(h, i, f);
            lists_put(h, &h->share[i], &at);
            run_slots(&h->share[i], &at, j);
        }
    back(h);
    if (h->sends)
        run_sent(h, f, j);
    bring_sums(h, f, h->sends);
}

void eng_hybrid_ffn(struct eng_fwd *f, const struct eng_ffn *j)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_hybrid *h = g->hybrid;
    eng_gpu_normed(f);
    if (g->st != BASE_OK || !scratch(h))
        return;
    size_t pairs = (size_t)f->n * h->n_used, each = (size_t)f->s->rows * f->m->hp.n_embd;
    if (h->n_shares > 1 && !eng_gpu_room(g, &g->land, (h->n_shares - 1) * each * sizeof(float)))
        return;
    eng_cuda_download(g->d, h->ids, f->s->ids, pairs * sizeof(uint32_t));
    eng_cuda_download(g->d, h->weights, f->s->weights, pairs * sizeof(float));
    eng_cuda_download(g->d, h->x, g->a.x, (size_t)f->n * f->m->hp.n_embd * sizeof(float));
    eng_gpu_pause(g->set);
    if (!eng_cuda_wait(g->d))
        return;
    h->sends = eng_hybrid_sends(g, f->n) && stage(h);
    if (!eng_hybrid_lists_make(h, f)) {
        g->st = base_err_set(&g->err, BASE_EIO, "%s: the router of layer %u chose no expert",
                             eng_cuda_get_info(g->d)->name, f->layer);
        return;
    }
    eng_gpu_resume(g->set);
    run_devices(h, f, j);
    eng_gpu_pause(g->set);
    run_cpu(h, f, j);
    eng_gpu_resume(g->set);
    for (uint32_t e = 0; e < h->n_expert; e++)
        *(h->hot.layers[f->layer].slot_of[e] >= 0 ? &h->use.on_device
          : h->sends                              ? &h->use.sent
                                                  : &h->use.on_cpu) += h->count[e];
}

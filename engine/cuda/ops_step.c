/* ops_step.c - a step on CUDA: what the host brings, embedding, logits, and graphs.
 *
 * Everything that the host knows of a slice goes to the device in one copy (struct eng_gpu_words):
 * tokens, cells, sequences, which tokens are kept, tiles for attention, runs for states, and the
 * tokens' rows of the tables that stay in the host's memory. Page tables go apart, when they
 * changed.
 *
 * Graphs. A decode step (every token of another sequence, all wanted) makes the same launches with
 * the same arguments whatever the tokens are: what differs stands in device memory. The first step
 * of so many sequences runs as it is, so that all scratch is there; the second is recorded; from
 * then on begin() starts the graph, and the forward pass still calls every operator, but the device
 * ignores them (eng_cuda_mute) until end(). Logits go to pinned memory there. When scratch has to
 * grow, all graphs go. Where the host takes part in a step (experts that it computes, ops_hybrid.c)
 * the step is a row of graphs, with the host's parts between them: docs/decisions/048.
 */
#include "engine/cuda/hybrid.h"
#include "engine/cuda/table.h"

#include <stdlib.h>
#include <string.h>

#define LOGITS_BYTES ((size_t)64 << 20)

uint32_t eng_gpu_head_rows(const struct eng_model *m)
{
    size_t rows = LOGITS_BYTES / sizeof(float) / m->hp.n_vocab;
    return rows < 1 ? 1 : rows < m->s.rows ? (uint32_t)rows : m->s.rows;
}

/* ---- memory ---- */

void eng_gpu_graphs_drop(struct eng_gpus *all, const struct eng_cache *c)
{
    for (uint32_t i = 0; i < ENG_GPU_GRAPHS; i++)
        if (all->graphs[i].c && (!c || all->graphs[i].c == c)) {
            for (uint32_t k = 0; k < all->graphs[i].n_parts; k++)
                eng_cuda_graph_free(all->at[0]->d, all->graphs[i].parts[k]);
            free((void *)all->graphs[i].parts);
            free(all->graphs[i].bytes);
            all->graphs[i] = (struct eng_gpu_graph){0};
        }
}

void *eng_gpu_room(struct eng_gpu *g, struct eng_gpu_buffer *b, size_t n)
{
    if (g->st != BASE_OK)
        return NULL;
    if (n <= b->n && b->p)
        return b->p;
    if (g->set->graph) {
        g->st =
            base_err_set(&g->err, BASE_EBUG, "scratch of %zu bytes where %zu were enough", n, b->n);
        return NULL;
    }
    eng_gpu_graphs_drop(g->set, NULL);
    eng_cuda_free(g->d, b->p);
    b->n = 0;
    b->p = eng_cuda_alloc(g->d, n ? n : 1);
    if (!b->p) {
        g->st = base_err_set(&g->err, BASE_ENOMEM, "%s: out of device memory for scratch (%zu MiB)",
                             eng_cuda_get_info(g->d)->name, n >> 20);
        return NULL;
    }
    b->n = n;
    b->zero = false;
    return b->p;
}

uint32_t eng_gpu_rooms(struct eng_gpu *g, struct eng_gpu_buffer *out[ENG_GPU_ROOMS])
{
    struct eng_gpu_buffer *const all[] = {
        &g->hidden[0],    &g->hidden[1],      &g->turned,        &g->part,         &g->keep,
        &g->join,         &g->shared,         &g->group_buf,     &g->scores,       &g->pick,
        &g->land,         &g->chunks,         &g->ssq[0],        &g->ssq[1],       &g->counters,
        &g->arrived,      &g->arrived_tokens, &g->arrived_heads, &g->words_room,   &g->logits_room,
        &g->choices_room, &g->plain[0],       &g->plain[1],      &g->plain_hidden, &g->plain_sum,
        &g->plain_tile};
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        out[n++] = all[i];
    for (int i = 0; i < 2 * ENG_ACTS_KINDS; i++)
        out[n++] = &g->acts[i / ENG_ACTS_KINDS][i % ENG_ACTS_KINDS];
    return n;
}

void *eng_gpu_zeros(struct eng_gpu *g, struct eng_gpu_buffer *b, size_t n)
{
    void *p = eng_gpu_room(g, b, n);
    if (p && !b->zero) {
        eng_cuda_fill(g->d, p, 0, b->n);
        b->zero = true;
    }
    return p;
}

void eng_gpu_step_free(struct eng_gpu *g)
{
    struct eng_gpu_buffer *all[ENG_GPU_ROOMS];
    eng_gpu_blas_free(g);
    for (uint32_t i = eng_gpu_rooms(g, all); i-- > 0;)
        eng_cuda_free(g->d, all[i]->p);
    eng_gpu_draw_free(g);
    if (g->place == 0)
        eng_cuda_host_free(g->d, g->host);
    eng_cuda_host_free(g->d, g->host_logits);
}

/* ---- the block ---- */

static struct eng_gpu_words words_of(const struct eng_gpu *g, size_t n, size_t n_seq)
{
    const struct eng_hparams *hp = &g->m->hp;
    struct eng_gpu_words w = {0};
    size_t *const per_token[] = {&w.token, &w.kept_token, &w.seq,         &w.cell,      &w.pos,
                                 &w.slot,  &w.mark,       &w.order_token, &w.order_run, &w.kept};
    size_t at = 0;
#define PART(field, words)                                                                         \
    do {                                                                                           \
        (field) = at;                                                                              \
        at = (at + (words) + 63) / 64 * 64;                                                        \
    } while (0)
    for (size_t i = 0; i < sizeof(per_token) / sizeof(per_token[0]); i++)
        PART(*per_token[i], n);
    PART(w.order_first, n + 1);
    size_t chunks = eng_cuda_delta_can(hp->delta.dk) ? n / WEIR_DELTA_CHUNK_LEAST : 0;
    if (hp->delta.dk) {
        PART(w.chunk, 2 * chunks);
        PART(w.longs, 3 * chunks);
        PART(w.chunked, chunks ? n : 0);
    }
    PART(w.base, n_seq);
    for (uint32_t i = 0; i < ENG_GPU_LISTS; i++)
        PART(w.tiles[i], i < g->n_groups || i >= ENG_GPU_GROUPS ? 2 * n : 0);
    PART(w.rows, n * hp->n_embd);
    PART(w.side, n * hp->n_layer * hp->n_side);
#undef PART
    w.total = at;
    return w;
}

/* The different numbers of query heads to a key head. */
static void groups_of(struct eng_gpu *g)
{
    const struct eng_hparams *hp = &g->m->hp;
    g->n_groups = 0;
    for (uint32_t l = 0; l < hp->n_layer; l++) {
        const struct eng_layer *y = &g->m->layers[l];
        uint32_t group = y->mixer == ENG_MIX_DELTA ? 0 : hp->n_head / y->n_head_kv, i = 0;
        while (i < g->n_groups && g->group[i] != group)
            i++;
        if (group == 0 || i < g->n_groups)
            continue;
        if (i == ENG_GPU_GROUPS) {
            g->st = base_err_set(&g->err, BASE_EINVAL,
                                 "layers with more than %d ratios of query heads to key heads",
                                 ENG_GPU_GROUPS);
            return;
        }
        g->group[g->n_groups++] = group;
    }
}

/* Memory of a step, when the first one comes; of a device that has layers. */
static void step_open(struct eng_gpu *g)
{
    const struct eng_model *m = g->m;
    groups_of(g);
    size_t most = words_of(g, m->s.rows, ENG_SEQ_MAX).total * sizeof(uint32_t);
    size_t logits = (size_t)eng_gpu_head_rows(m) * m->hp.n_vocab * sizeof(float);
    size_t counters = (size_t)m->hp.n_layer * m->hp.moe.n_expert * sizeof(uint64_t);
    bool first = g->place == 0, last = eng_place_of(m, m->hp.n_layer - 1) == g->place, good;
    g->words = eng_gpu_room(g, &g->words_room, most);
    g->host = first ? eng_cuda_host_alloc(g->d, most) : g->set->at[0]->host;
    good = g->words && g->host;
    if (last) {
        g->logits = eng_gpu_room(g, &g->logits_room, logits);
        g->host_logits = eng_cuda_host_alloc(g->d, logits);
        good = good && g->logits && g->host_logits;
    }
    if (counters) {
        g->choices = eng_gpu_room(g, &g->choices_room, counters);
        good = good && g->choices;
        if (g->choices)
            eng_cuda_fill(g->d, g->choices, 0, counters);
    }
    if (good && g->place)
        good = eng_gpu_link(g->set->at[g->place - 1], g, &g->err) == BASE_OK;
    if (!good)
        g->st = base_err_set(&g->err, BASE_ENOMEM, "%s: out of memory for steps",
                             eng_cuda_get_info(g->d)->name);
}

static void put_rows(const struct eng_weight *w, const struct eng_step *p, uint32_t *out)
{
    for (uint32_t t = 0; t < p->n; t++)
        eng_dequant_row(w->type, w->data + (uint64_t)p->token[t] * w->row_bytes,
                        (float *)(void *)(out + (size_t)t * w->n_in), w->n_in);
}

static void put_tiles(struct eng_gpu *g, const struct eng_step *p)
{
    for (uint32_t i = 0; i <= ENG_GPU_GROUPS; i++) {
        struct weir_tile *out = (struct weir_tile *)(void *)(g->host + g->at.tiles[i]);
        bool alone = i == ENG_GPU_GROUPS;
        g->n_tile[i] = g->n_few[i] = 0;
        if (i < g->n_groups || alone)
            g->n_tile[i] = eng_cuda_tiles(p->seq, p->cell, p->n, alone ? g->group[0] : g->group[i],
                                          alone, out, &g->n_few[i]);
    }
    struct weir_tile *each = (struct weir_tile *)(void *)(g->host + g->at.tiles[ENG_GPU_EACH]);
    for (uint32_t t = 0; t < p->n; t++)
        each[t] = (struct weir_tile){t, 1};
}

static void put(struct eng_gpu *g, size_t at, const void *from, size_t n)
{
    if (n)
        memcpy(g->host + at, from, n * sizeof(uint32_t));
}

/* The block, in the first device's pinned memory. */
static void fill_block(struct eng_fwd *f, struct eng_gpu *g)
{
    const struct eng_step *p = f->step;
    g->at = words_of(g, p->n, f->c->n_seq);
    put(g, g->at.token, p->token, p->n);
    put(g, g->at.seq, p->seq, p->n);
    put(g, g->at.cell, p->cell, p->n);
    put(g, g->at.pos, p->pos, p->n);
    put(g, g->at.slot, p->state, p->n);
    put(g, g->at.mark, p->mark, p->n);
    put(g, g->at.kept, p->kept, p->n_kept);
    for (uint32_t i = 0; i < p->n_kept; i++)
        g->host[g->at.kept_token + i] = (uint32_t)p->token[p->kept[i]];
    memset(g->host + g->at.base, 0, f->c->n_seq * sizeof(uint32_t));
    for (uint32_t t = 0; t < p->n; t++)
        g->host[g->at.base + p->seq[t]] = p->pos[t] - p->cell[t];
    put_tiles(g, p);
    g->n_run = eng_cuda_order(p->seq, p->n, g->host + g->at.order_token, g->host + g->at.order_run,
                              g->host + g->at.order_first);
    g->n_chunk = g->n_long = 0;
    if (f->m->hp.delta.dk && eng_cuda_delta_can(f->m->hp.delta.dk) &&
        p->n >= WEIR_DELTA_CHUNK_LEAST)
        g->n_chunk = eng_cuda_delta_chunks(
            g->host + g->at.order_token, g->host + g->at.order_first, g->n_run, p->mark,
            g->host + g->at.chunk, g->host + g->at.longs, g->host + g->at.chunked, &g->n_long);
    eng_gpu_blas_begin(g, g->host + g->at.order_first);
    put_rows(&f->m->embd, p, g->host + g->at.rows);
    if (f->m->hp.n_side)
        put_rows(&f->m->side_embd, p, g->host + g->at.side);
}

/* Block and tables of pages to a device. */
static void put_step(struct eng_fwd *f, struct eng_gpu *g)
{
    const struct eng_gpu *first = g->set->at[0];
    if (g != first) {
        g->at = first->at;
        memcpy(g->n_tile, first->n_tile, sizeof(g->n_tile));
        memcpy(g->n_few, first->n_few, sizeof(g->n_few));
        g->n_run = first->n_run;
        g->n_chunk = first->n_chunk;
        g->n_long = first->n_long;
        g->prompt_rows = first->prompt_rows;
    }
    eng_cuda_upload(g->d, g->words, g->host, g->at.total * sizeof(uint32_t));
    for (uint32_t i = 0; i < f->c->n_groups; i++) {
        const struct eng_page_group *p = &f->c->groups[i];
        if (p->dirty1 > p->dirty0)
            eng_cuda_upload(g->d, p->dev_table[g->place] + p->dirty0, p->table + p->dirty0,
                            (p->dirty1 - p->dirty0) * sizeof(int32_t));
    }
    g->token = (const int32_t *)(void *)eng_gpu_word(g, g->at.token);
    g->kept = false;
}

/* ---- graphs ---- */

static bool fits_graph(const struct eng_fwd *f)
{
    const struct eng_step *p = f->step;
    const struct eng_gpu *g = eng_gpu_first(f->m);
    return p->n <= ENG_GPU_GRAPHS && p->n_seqs == p->n && p->n_kept == p->n && !f->m->probe &&
           p->n <= eng_gpu_head_rows(f->m) && !eng_cuda_is_paper(g->d) &&
           (!g->hybrid || !eng_hybrid_sends(g, p->n));
}

/* The graph of steps like this one, or a place for it. */
static struct eng_gpu_graph *graph_of(struct eng_gpus *all, struct eng_fwd *f)
{
    struct eng_gpu_graph *place = NULL;
    for (uint32_t i = 0; i < ENG_GPU_GRAPHS; i++) {
        struct eng_gpu_graph *x = &all->graphs[i];
        if (x->c == f->c && x->n == f->step->n && x->drawn == (f->who != NULL))
            return x;
        if (!x->c && !place)
            place = x;
    }
    if (!place) { /* many caches: begin again */
        eng_gpu_graphs_drop(all, NULL);
        place = &all->graphs[0];
    }
    *place = (struct eng_gpu_graph){.c = f->c, .n = f->step->n, .drawn = f->who != NULL};
    return place;
}

static void mute(struct eng_gpus *all, bool on)
{
    for (uint32_t i = 0; i < all->n; i++)
        eng_cuda_mute(all->at[i]->d, on);
}

/* Bytes that the part copies on each device: what is counted while it is recorded, told again when
 * it runs again. */
static void count_part(struct eng_gpus *all, bool begins)
{
    struct eng_cuda_calls *part = all->graph->bytes + (size_t)all->graph_part * all->n, now;
    for (uint32_t i = 0; i < all->n; i++) {
        if (all->replaying) {
#if !defined(WEIR_BUG_108) /* what a graph copies is told once */
            if (begins)
                eng_cuda_count_bytes(all->at[i]->d, &part[i]);
#endif
            continue;
        }
        eng_cuda_get_calls(all->at[i]->d, &now);
        part[i].bytes_up = now.bytes_up - (begins ? 0 : part[i].bytes_up);
        part[i].bytes_down = now.bytes_down - (begins ? 0 : part[i].bytes_down);
        part[i].bytes_peer = now.bytes_peer - (begins ? 0 : part[i].bytes_peer);
    }
}

/* A graph that is there runs now, behind what all devices have been brought, while the forward pass
 * goes through what is in it. */
static void part_begin(struct eng_gpus *all)
{
    struct eng_cuda *first = all->at[0]->d;
    all->in_part = true;
    count_part(all, true);
    if (!all->replaying) {
        eng_cuda_graph_begin(first);
#if !defined(WEIR_BUG_103)                  /* what the step's device is asked for is in no graph */
        eng_cuda_after(all->now->d, first); /* it takes part in the recording from here on */
#endif
        return;
    }
    for (uint32_t i = 1; i < all->n; i++)
        eng_cuda_after(first, all->at[i]->d);
    eng_cuda_graph_run(first, all->graph->parts[all->graph_part]);
    mute(all, true);
}

void eng_gpu_pause(struct eng_gpus *all)
{
    struct eng_cuda *first = all->at[0]->d;
    if (!all->graph || !all->in_part)
        return;
    all->in_part = false;
    eng_cuda_after(first, all->now->d); /* all devices' parts are one graph */
    if (all->replaying) {
        mute(all, false);
    } else {
        eng_cu_graph_exec x = eng_cuda_graph_end(first);
        count_part(all, false);
        all->graph->parts[all->graph_part] = x;
        for (uint32_t i = 1; i < all->n; i++)
            eng_cuda_after(first, all->at[i]->d);
        if (x)
            eng_cuda_graph_run(first, x);
    }
    eng_cuda_after(all->now->d, first);
}

void eng_gpu_resume(struct eng_gpus *all)
{
    if (!all->graph)
        return;
    all->graph_part++;
    part_begin(all);
}

/* Whether a device has layers of its own; if not, only experts (gpus.c). */
static bool has_layers(const struct eng_gpu *g)
{
    return g->set->first_layer[g->place + 1] > g->set->first_layer[g->place];
}

static bool bring(struct eng_gpus *all, struct eng_fwd *f)
{
    for (uint32_t i = 0; i < all->n; i++) {
        struct eng_gpu *g = all->at[i];
        g->f = f;
        g->join_now = (struct eng_gpu_join){0};
        g->a = (struct eng_gpu_acts){0};
        g->ahead.x = NULL;
        g->late.y = NULL;
        g->rode = g->router_waits = g->absorbed = g->values_wait = false;
        g->out = NULL;
        g->drawing.n_rows = 0;
        if (!g->words && g->st == BASE_OK && has_layers(g))
            step_open(g);
        if (g->st != BASE_OK)
            return false;
    }
    if (all->spread && !all->linked) {
        struct eng_gpu *g = all->at[0];
        g->st = eng_spread_link(f, &g->err);
        all->linked = g->st == BASE_OK;
        if (!all->linked)
            return false;
    }
    fill_block(f, all->at[0]);
    for (uint32_t i = 0; i < all->n; i++)
        if (has_layers(all->at[i]))
            put_step(f, all->at[i]);
    eng_cache_clean(f->c);
    return true;
}

void eng_gpu_begin(struct eng_fwd *f)
{
    struct eng_gpus *all = eng_gpus_of(f->m);
    all->now = all->at[0];
    all->graph = NULL;
    all->replaying = false;
    if (!bring(all, f) || !fits_graph(f))
        return;
    struct eng_gpu_graph *x = graph_of(all, f);
    if (x->seen++ == 0)
        return;
    if (!x->parts) {
        x->n_parts = 1 + (all->at[0]->hybrid ? 2 * f->m->hp.n_layer : 0);
        x->parts = calloc(x->n_parts, sizeof(*x->parts));
        x->bytes = calloc((size_t)x->n_parts * all->n, sizeof(*x->bytes));
    }
    if (!x->parts || !x->bytes) { /* then without a graph */
        free((void *)x->parts);
        free(x->bytes);
        x->parts = NULL;
        x->bytes = NULL;
        x->n_parts = 0;
        return;
    }
    all->graph = x;
    all->graph_part = 0;
    all->replaying = x->recorded;
    part_begin(all);
}

enum base_status eng_gpu_end(struct eng_fwd *f, struct base_err *err)
{
    struct eng_gpus *all = eng_gpus_of(f->m);
    struct eng_gpu *last = all->now;
    enum base_status st = BASE_OK;
    bool lost = false;
    eng_gpu_settle(f);
    eng_gpu_pause(all);
    if (all->graph)
        all->graph->recorded = true; /* or it goes, below */
    if (last->drawing.n_rows)
        eng_gpu_draw_rows(last, &last->drawing);
    for (uint32_t i = 0; i < all->n; i++) { /* each is waited for, and its failure forgotten */
        struct eng_gpu *g = all->at[i];
        struct base_err why = {0};
        enum base_status one = eng_cuda_sync(g->d, &why);
        if (one == BASE_OK && g->st != BASE_OK) {
            one = g->st;
            why = g->err;
        }
        /* what a lost device left behind may have failed elsewhere first: its own error says why */
        bool tells = one != BASE_OK && (st == BASE_OK || (eng_cuda_lost(g->d) && !lost));
        if (tells && err)
            *err = why;
        st = tells ? one : st;
        lost = lost || eng_cuda_lost(g->d);
        g->st = BASE_OK;
        g->f = NULL;
    }
    if (st == BASE_OK && last->out)
        memcpy(last->out, last->host_logits, last->out_floats * sizeof(float));
    for (uint32_t i = 0; i < all->n && st != BASE_OK; i++) /* their parts of a graph, if any */
        eng_cuda_drain(all->at[i]->d);
    if (st != BASE_OK)
        eng_gpu_graphs_drop(all, NULL);
    for (uint32_t i = 0; i < all->n && st == BASE_OK; i++)
        if (all->at[i]->hybrid)
            eng_hybrid_between(all->at[i]);
    all->graph = NULL;
    return st;
}

/* ---- the ends of the forward pass ---- */

void eng_gpu_embed(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    struct weir_embed_args a = {.rows = (const float *)(void *)eng_gpu_word(g, g->at.rows),
                                .x = f->s->x,
                                .n = f->n,
                                .n_embd = hp->n_embd,
                                .n_stream = hp->n_stream,
                                .scale = hp->embedding_scale};
    if (g->st != BASE_OK)
        return;
    eng_cuda_embed(g->d, &a);
    eng_gpu_angles(f);
}

void eng_gpu_angles(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    for (int k = 0; k < ENG_ROPES; k++) {
        const struct eng_rope_set *set = &hp->rope[k];
        struct weir_angles_args b = {.pos = eng_gpu_word(g, g->at.pos),
                                     .freq = eng_gpu_copy(g, set->freq),
                                     .cs = f->s->cs[k],
                                     .n = f->n,
                                     .n_rot = set->n_rot,
                                     .mscale = set->mscale};
        if (set->n_rot)
            eng_cuda_angles(g->d, &b);
    }
}

/* The kept rows of x to the front, by way of other memory. */
static void gather(struct eng_fwd *f, float *x, uint32_t n_in)
{
    struct eng_gpu *g = eng_gpu_of(f);
    size_t bytes = (size_t)f->step->n_kept * n_in * sizeof(float);
    struct weir_gather_args a = {.src = (const uint32_t *)(const void *)x,
                                 .index = eng_gpu_word(g, g->at.kept),
                                 .n = f->step->n_kept,
                                 .n_in = n_in};
    a.dst = eng_gpu_room(g, &g->keep, (size_t)f->s->rows * n_in * sizeof(float));
    if (!a.dst || !n_in)
        return;
    eng_cuda_gather(g->d, &a);
    eng_cuda_copy(g->d, x, a.dst, bytes);
}

void eng_gpu_keep(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    g->token = (const int32_t *)(void *)eng_gpu_word(g, g->at.kept_token);
    if (f->step->n_kept == f->step->n)
        return;
    eng_gpu_settle(f);
    gather(f, f->s->x, hp->n_stream * hp->n_embd);
    if (hp->n_side)
        gather(f, f->s->inputs, hp->n_layer * hp->n_side);
}

void eng_gpu_logits(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_weight *w = &f->m->output;
    if (g->st != BASE_OK)
        return;
    eng_gpu_linear(f, a, n_rows, 1, &w, &g->logits);
    struct weir_logits_args l = {.x = g->logits,
                                 .n = n_rows,
                                 .n_vocab = hp->n_vocab,
                                 .divide = hp->logit_scale,
                                 .softcap = hp->logit_softcap};
    if (hp->logit_scale != 1 || hp->logit_softcap != 0)
        eng_cuda_logits(g->d, &l);
}

void eng_gpu_head(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows, float *logits)
{
    struct eng_gpu *g = eng_gpu_of(f);
    size_t floats = (size_t)n_rows * f->m->hp.n_vocab;
    eng_gpu_logits(f, a, n_rows);
    if (g->st != BASE_OK)
        return;
    eng_cuda_download(g->d, g->set->graph ? g->host_logits : logits, g->logits,
                      floats * sizeof(float));
    g->out = g->set->graph ? logits : NULL;
    g->out_floats = floats;
}

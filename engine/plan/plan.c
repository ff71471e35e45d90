/* plan.c - the arithmetic of plan.h: what fits where, what a step reads, what device: auto does.
 *
 * Owns nothing; any thread. Placement looks for the largest number of experts a layer for which all
 * cards have room; ranges of layers are cut so that cards are filled to the same part of what they
 * can hold.
 */
#include "engine/plan/plan.h"

#include "engine/ops.h"

#include <math.h>
#include <stdlib.h>

#define RESERVE_MIN (512ull << 20) /* activations, scratch, the driver's own */
#define SEND_LEAST  32u            /* tokens below which experts are not sent: PCIe needs bulk */
#define SLICE_MOST  8192u          /* up to which sending experts is weighed */

const uint32_t eng_plan_batches[ENG_PLAN_BATCHES] = {1, 8, 64};

/* What is worked with; all borrowed. */
struct job {
    const struct eng_plan_sizes *z;
    const struct eng_plan_ask *ask;
    struct eng_plan *out;
    uint32_t slice;
};

/* ---- which experts are met ---- */

/* Of a layer and so many tokens: experts met on the GPU and off it, and the (token, expert) pairs
 * off it. */
struct met {
    double on, off, pairs_off;
};

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The share of tokens in which each expert takes part, the likeliest first. */
static void shares(const struct job *j, uint32_t layer, double *q)
{
    uint32_t n = j->z->n_expert;
    const uint64_t *c = j->ask->counts ? j->ask->counts + (size_t)layer * n : NULL;
    double all = 0;
    for (uint32_t e = 0; c && e < n; e++)
        all += (double)c[e];
    for (uint32_t e = 0; e < n; e++)
        q[e] = all > 0 ? fmin(1, (double)c[e] / all * j->z->n_used) : (double)j->z->n_used / n;
    if (all > 0)
        qsort(q, n, sizeof(*q), falling);
}

static struct met meet(const struct job *j, uint32_t layer, double tokens)
{
    double q[ENG_EXPERT_MAX];
    struct met m = {0};
    if (j->z->layers[layer].experts == 0 || j->z->n_expert > ENG_EXPERT_MAX)
        return m;
    shares(j, layer, q);
    for (uint32_t e = 0; e < j->z->n_expert; e++) {
        double p = 1 - pow(1 - q[e], tokens);
        *(e < j->out->on_gpu ? &m.on : &m.off) += p;
        m.pairs_off += e < j->out->on_gpu ? 0 : q[e] * tokens;
    }
    return m;
}

static double expert_bytes(const struct job *j, uint32_t layer)
{
    return j->z->n_expert ? (double)j->z->layers[layer].experts / j->z->n_expert : 0;
}

/* ---- placement ---- */

static uint64_t reserve_of(const struct eng_plan_gpu *g)
{
    return g->bytes / 25 > RESERVE_MIN ? g->bytes / 25 : RESERVE_MIN;
}

static uint64_t held(const struct job *j, uint32_t layer)
{
    uint64_t all =
        j->ask->parallel * eng_plan_held(&j->z->layers[layer], j->ask->context, j->slice);
    double tokens = (double)j->ask->parallel * j->ask->context;
    double part = (double)j->ask->cache_tokens / (tokens > 0 ? tokens : 1);
    return part > 0 && part < 1 ? (uint64_t)((double)all * part) : all;
}

static uint64_t head_at(const struct job *j, uint32_t layer)
{
    return layer + 1 == j->z->n_layer ? j->z->head : 0;
}

/* Bytes of n of a layer's experts. */
static uint64_t some_experts(const struct job *j, uint32_t layer, uint32_t n)
{
    return j->z->n_expert ? j->z->layers[layer].experts / j->z->n_expert * n : 0;
}

/* Bytes of layer l on its card. */
static void add_layer(const struct job *j, uint32_t l, struct eng_plan_device *d)
{
    d->dense += j->z->layers[l].dense + head_at(j, l);
    d->cache += held(j, l);
    d->expert_bytes += some_experts(j, l, d->experts);
    d->n_layers++;
}

/* Layers in order to cards in order, each up to `part` of its room; those that are joined,
 * together. false: some are left. */
static bool fill_layers(const struct job *j, uint32_t experts, double part)
{
    uint32_t l = 0, n = j->z->n_layer;
    for (uint32_t i = 0; i < j->ask->n_gpu; i++) {
        const struct eng_plan_gpu *g = &j->ask->gpu[i];
        struct eng_plan_device *d = &j->out->device[i];
        *d = (struct eng_plan_device){.layer0 = l, .experts = experts, .reserve = reserve_of(g)};
        double room = g->bytes > d->reserve ? (double)(g->bytes - d->reserve) * part : 0;
        while (l < n) {
            struct eng_plan_device more = *d;
            uint32_t end = l;
            do
                add_layer(j, end++, &more);
            while (end < n && j->z->layers[end].joined);
            if ((double)more.dense + (double)more.cache + (double)more.expert_bytes > room)
                break;
            *d = more;
            l = end;
        }
        d->total = d->dense + d->cache + d->expert_bytes + d->reserve;
    }
    return l == n;
}

static bool place_by_layers(const struct job *j, uint32_t experts)
{
    if (!fill_layers(j, experts, 1))
        return false;
    double lo = 0, hi = 1;
    for (int i = 0; j->ask->n_gpu > 1 && i < 30; i++) {
        double mid = (lo + hi) / 2;
        *(fill_layers(j, experts, mid) ? &hi : &lo) = mid;
    }
    return fill_layers(j, experts, hi);
}

/* Everything but experts on the first card; experts over all, by the room that each has. */
static bool place_by_experts(const struct job *j, uint32_t experts)
{
    const struct eng_plan_sizes *z = j->z;
    uint64_t each = z->n_expert ? z->experts / z->n_expert : 0, cache = 0, left[ENG_PLAN_GPUS];
    uint32_t placed = 0, n = j->ask->n_gpu, most[ENG_PLAN_GPUS], room = 0;
    for (uint32_t l = 0; l < z->n_layer; l++)
        cache += held(j, l);
    for (uint32_t i = 0; i < n; i++) {
        const struct eng_plan_gpu *g = &j->ask->gpu[i];
        struct eng_plan_device *d = &j->out->device[i];
        *d = (struct eng_plan_device){.reserve = reserve_of(g), .n_layers = z->n_layer};
        d->dense = i ? 0 : z->dense;
        d->cache = i ? 0 : cache;
        if (d->dense + d->cache + d->reserve > g->bytes)
            return false;
        left[i] = g->bytes - d->dense - d->cache - d->reserve;
        most[i] = each && left[i] / each < z->n_expert ? (uint32_t)(left[i] / each) : z->n_expert;
        room += most[i];
    }
    if (room < experts)
        return false;
    for (uint32_t i = 0; i < n; i++) { /* in proportion, then what rounding left */
        j->out->device[i].experts = (uint32_t)((uint64_t)experts * most[i] / (room ? room : 1));
        placed += j->out->device[i].experts;
    }
    for (uint32_t i = 0; placed < experts; i = (i + 1) % n)
        if (j->out->device[i].experts < most[i]) {
            j->out->device[i].experts++;
            placed++;
        }
    for (uint32_t i = 0; i < n; i++) {
        struct eng_plan_device *d = &j->out->device[i];
        d->expert_bytes = each * d->experts;
        d->total = d->dense + d->cache + d->expert_bytes + d->reserve;
    }
    return true;
}

static bool place_with(const struct job *j, uint32_t experts)
{
    return j->ask->split == ENG_PLAN_BY_EXPERTS ? place_by_experts(j, experts)
                                                : place_by_layers(j, experts);
}

/* What the cards lack for all but the experts. */
static uint64_t missing(const struct job *j)
{
    uint64_t want = j->z->dense, have = 0;
    for (uint32_t l = 0; l < j->z->n_layer; l++)
        want += held(j, l);
    for (uint32_t i = 0; i < (j->ask->split == ENG_PLAN_BY_EXPERTS ? 1 : j->ask->n_gpu); i++) {
        want += reserve_of(&j->ask->gpu[i]);
        have += j->ask->gpu[i].bytes;
    }
    return want > have ? want - have : 1; /* enough in all, but no cut between layers fits */
}

static void place(const struct job *j)
{
    struct eng_plan *out = j->out;
    uint32_t lo = 0, hi = j->z->n_expert;
    if (!place_with(j, 0)) {
        out->fit = ENG_PLAN_NONE;
        out->missing = missing(j);
        return;
    }
    while (lo < hi) { /* the most that fit */
        uint32_t mid = (lo + hi + 1) / 2;
        if (place_with(j, mid))
            lo = mid;
        else
            hi = mid - 1;
    }
    (void)place_with(j, lo);
    out->on_gpu = lo;
    out->fit = lo == j->z->n_expert ? ENG_PLAN_ALL : ENG_PLAN_HYBRID;
    uint64_t here = 0;
    for (uint32_t i = 0; i < j->ask->n_gpu; i++) {
        out->cache += out->device[i].cache;
        out->reserve += out->device[i].reserve;
        out->gpu_total += out->device[i].total;
        here += out->device[i].expert_bytes;
    }
    out->host_total = j->z->table + j->z->experts - here;
    out->host_short = j->ask->host_bytes && out->host_total > j->ask->host_bytes;
}

/* ---- speed ---- */

static uint32_t device_of(const struct job *j, uint32_t layer)
{
    for (uint32_t i = 0; j->ask->split == ENG_PLAN_BY_LAYERS && i < j->ask->n_gpu; i++)
        if (layer < j->out->device[i].layer0 + j->out->device[i].n_layers)
            return i;
    return 0;
}

/* Seconds in which cards read a layer's `bytes` of experts. */
static double experts_s(const struct job *j, uint32_t layer, double bytes)
{
    if (j->ask->split == ENG_PLAN_BY_LAYERS || j->out->on_gpu == 0)
        return bytes / j->ask->gpu[device_of(j, layer)].bytes_s;
    double most = 0;
    for (uint32_t i = 0; i < j->ask->n_gpu; i++) {
        double part = bytes * j->out->device[i].experts / j->out->on_gpu;
        most = fmax(most, part / j->ask->gpu[i].bytes_s);
    }
    return most;
}

static bool speeds_known(const struct job *j)
{
    for (uint32_t i = 0; i < j->ask->n_gpu; i++)
        if (!(j->ask->gpu[i].bytes_s > 0))
            return false;
    return j->out->fit == ENG_PLAN_ALL || j->ask->cpu_bytes_s > 0;
}

static void step(const struct job *j, size_t at)
{
    const struct eng_plan_ask *ask = j->ask;
    double b = eng_plan_batches[at], s = 0, gpu = 0, host = 0, alone = 0;
    bool known = speeds_known(j);
    for (uint32_t l = 0; l < j->z->n_layer; l++) {
        struct met m = meet(j, l, b);
        double each = expert_bytes(j, l),
               seen = (double)eng_plan_seen(&j->z->layers[l], ask->context);
        double dense = (double)(j->z->layers[l].dense + head_at(j, l)) + b * seen;
        gpu += dense + m.on * each;
        host += m.off * each;
        alone += dense + b * seen + (m.on + m.off) * each; /* the CPU's cache is of floats */
        if (known)
            s +=
                dense / ask->gpu[device_of(j, l)].bytes_s +
                fmax(experts_s(j, l, m.on * each), m.off > 0 ? m.off * each / ask->cpu_bytes_s : 0);
    }
    j->out->step[at] = (struct eng_plan_step){
        .gpu = (uint64_t)gpu,
        .host = (uint64_t)host,
        .tok_s = known ? b / s : 0,
        .cpu_s = ask->cpu_bytes_s > 0 ? b / (alone / ask->cpu_bytes_s) : 0,
    };
}

static double per_pair_params(const struct job *j)
{
    return j->z->n_moe && j->z->n_expert
               ? (double)j->z->params_experts / j->z->n_moe / j->z->n_expert
               : 0;
}

/* Seconds that a slice's experts off the GPU take, sent or computed by the CPU. */
struct off {
    double bytes, send_s, cpu_s, gpu_s;
};

static struct off off_of(const struct job *j, double tokens)
{
    struct off o = {0};
    double pairs = 0, pcie = 0, flops = 0;
    for (uint32_t i = 0; i < j->ask->n_gpu; i++) {
        const struct eng_plan_gpu *g = &j->ask->gpu[i];
        bool more = j->ask->split == ENG_PLAN_BY_EXPERTS && i > 0;
        pcie = more ? pcie + g->pcie_bytes_s : i ? fmin(pcie, g->pcie_bytes_s) : g->pcie_bytes_s;
        flops = i ? fmin(flops, g->flops) : g->flops;
    }
    for (uint32_t l = 0; l < j->z->n_layer; l++) {
        struct met m = meet(j, l, tokens);
        double each = expert_bytes(j, l);
        o.bytes += m.off * each;
        pairs += m.pairs_off;
        o.gpu_s +=
            (double)(j->z->layers[l].dense + head_at(j, l)) / j->ask->gpu[device_of(j, l)].bytes_s +
            experts_s(j, l, m.on * each);
    }
    if (flops > 0)
        o.gpu_s = fmax(o.gpu_s, 2 * (double)j->z->params_active * tokens / flops);
    o.send_s = pcie > 0 ? o.bytes / pcie : INFINITY;
    o.cpu_s = fmax(j->ask->cpu_bytes_s > 0 ? o.bytes / j->ask->cpu_bytes_s : INFINITY,
                   j->ask->cpu_ops_s > 0 ? 2 * per_pair_params(j) * pairs / j->ask->cpu_ops_s : 0);
    return o;
}

static bool sending_wins(const struct job *j, uint32_t tokens)
{
    struct off o = off_of(j, tokens);
    return o.bytes > 0 && o.send_s < o.cpu_s;
}

static void prompt(const struct job *j)
{
    struct eng_plan_prompt *p = &j->out->prompt;
    p->slice = j->slice;
    if (!speeds_known(j))
        return;
    struct off o = off_of(j, j->slice);
    p->off_bytes = (uint64_t)o.bytes;
    p->cpu_tok_s = j->slice / fmax(o.gpu_s, o.bytes > 0 ? o.cpu_s : 0);
    p->stream_tok_s = isfinite(o.send_s) ? j->slice / fmax(o.gpu_s, o.send_s) : 0;
    uint32_t lo = SEND_LEAST - 1, hi = SEND_LEAST;
    while (hi <= SLICE_MOST && !sending_wins(j, hi)) {
        lo = hi;
        hi *= 2;
    }
    while (hi <= SLICE_MOST && hi - lo > 1) {
        uint32_t mid = (lo + hi) / 2;
        *(sending_wins(j, mid) ? &hi : &lo) = mid;
    }
    p->stream_from = hi <= SLICE_MOST ? hi : 0;
}

/* Share of choices that go to experts on a GPU. */
static double hits(const struct job *j)
{
    double on = 0, all = 0;
    for (uint32_t l = 0; l < j->z->n_layer; l++) {
        struct met m = meet(j, l, 1);
        on += m.on;
        all += m.on + m.off;
    }
    return all > 0 ? on / all : 1;
}

/* ---- with the card, or without ---- */

/* Seconds of a layer's experts that the CPU computes: what it reads, or its arithmetic. */
static double host_s(const struct job *j, double bytes, double pairs)
{
    double ops = j->ask->cpu_ops_s > 0 ? 2 * per_pair_params(j) * pairs / j->ask->cpu_ops_s : 0;
    return fmax(bytes / j->ask->cpu_bytes_s, ops);
}

/* Seconds that rows of b tokens are on their way between cards: by layers once from each to the
 * next; by experts, in every layer that has some, to each of the others and back. */
static double hops_s(const struct job *j, double b)
{
    const struct eng_plan_ask *ask = j->ask;
    double pcie = INFINITY, rows = 4.0 * j->z->n_embd * b;
    for (uint32_t i = 0; i < ask->n_gpu; i++)
        pcie = fmin(pcie, ask->gpu[i].pcie_bytes_s > 0 ? ask->gpu[i].pcie_bytes_s : INFINITY);
    double others = ask->n_gpu - 1.0;
    if (ask->split == ENG_PLAN_BY_LAYERS)
        return others * (ENG_PLAN_HOP_S + rows / pcie);
    return ask->n_gpu < 2 ? 0 : 2 * j->z->n_moe * (ENG_PLAN_HOP_S + others * rows / pcie);
}

static void weigh(const struct job *j)
{
    const struct eng_plan_ask *ask = j->ask;
    double b = ask->parallel, with = 0, bytes = 0;
    for (uint32_t l = 0; l < j->z->n_layer; l++) {
        const struct eng_plan_layer *y = &j->z->layers[l];
        const struct eng_plan_gpu *g = &ask->gpu[device_of(j, l)];
        struct met m = meet(j, l, b);
        double each = expert_bytes(j, l), seen = b * (double)eng_plan_seen(y, ask->context);
        double dense = (double)(y->dense + head_at(j, l));
        bytes += dense + 2 * seen + (m.on + m.off) * each; /* the CPU's cache is of floats */
        if (!(g->bytes_s > 0))
            return;
        double off = 0, on = experts_s(j, l, m.on * each);
        if (m.off > 0 && ask->cpu_bytes_s > 0) {
            double rows = 4.0 * j->z->n_embd * (b + m.pairs_off);
            off = host_s(j, m.off * each, m.pairs_off) + ENG_PLAN_HAND_S +
                  (g->pcie_bytes_s > 0 ? rows / g->pcie_bytes_s : 0);
        }
        with += (dense + seen) / g->bytes_s + fmax(on, off) + ENG_PLAN_LAYER_S;
    }
    double ops = ask->cpu_ops_s > 0 ? 2 * (double)j->z->params_active * b / ask->cpu_ops_s : 0;
    j->out->weigh.gpu_tok_s = b / (with + hops_s(j, b));
    if (ask->cpu_bytes_s > 0)
        j->out->weigh.cpu_tok_s =
            b / (fmax(bytes / ask->cpu_bytes_s, ops) + j->z->n_layer * ENG_PLAN_LAYER_S);
}

void eng_plan(const struct eng_plan_sizes *z, const struct eng_plan_ask *ask, struct eng_plan *out)
{
    struct job j = {.z = z, .ask = ask, .out = out, .slice = ask->slice ? ask->slice : z->rows};
    *out = (struct eng_plan){.would = ENG_AUTO_CPU};
    place(&j);
    if (out->fit == ENG_PLAN_NONE)
        return;
    out->hit = hits(&j);
    for (size_t i = 0; i < ENG_PLAN_BATCHES; i++)
        step(&j, i);
    prompt(&j);
    weigh(&j);
    if (out->weigh.gpu_tok_s > 0 && out->weigh.cpu_tok_s > out->weigh.gpu_tok_s)
        return; /* the CPU alone */
    out->would = out->fit == ENG_PLAN_ALL ? ENG_AUTO_CUDA : ENG_AUTO_HYBRID;
}

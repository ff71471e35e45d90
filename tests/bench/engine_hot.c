/* Goal: how the placement of experts (engine/cuda/hot.h) follows a workload whose hot experts
 * change.
 *
 * Method: choices are drawn, no model runs: expert ranks with Zipf-like shares (rank r of a layer
 * has weight 1 / (1 + r)^s), a permutation of ranks a layer that is drawn anew every PERIOD steps.
 * At most one exchange a step, each arriving LATE steps after it was asked for, as in
 * hybrid_move.c. Printed, as JSON: per window of steps the share of choices that met an expert on
 * the device, the share that the best fixed placement for that period would have, and exchanges.
 *
 *     build/tests/bench/engine_hot [--layers 36] [--experts 128] [--used 4] [--slots 64]
 *         [--batch 1] [--steps 12000] [--period 4000] [--zipf 1.0] [--window 250] [--late 3]
 */
#include "engine/cuda/hot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPERTS_MAX 1024u
#define UNDER_WAY   4

struct work {
    uint32_t layers, experts, used, slots, batch, steps, period, window, late;
    double zipf;
    uint64_t state;
    double share[EXPERTS_MAX], upto[EXPERTS_MAX]; /* of a rank, and of all up to it */
    uint32_t *expert_of;                          /* [layers][experts] of a rank */
};

static double drawn(struct work *w)
{
    w->state ^= w->state << 13;
    w->state ^= w->state >> 7;
    w->state ^= w->state << 17;
    return (double)(w->state >> 11) / 9007199254740992.0;
}

static void new_hot_set(struct work *w)
{
    for (uint32_t l = 0; l < w->layers; l++) {
        uint32_t *of = w->expert_of + (size_t)l * w->experts;
        for (uint32_t i = 0; i < w->experts; i++)
            of[i] = i;
        for (uint32_t i = w->experts - 1; i > 0; i--) {
            uint32_t k = (uint32_t)(drawn(w) * (i + 1)), x = of[i];
            of[i] = of[k];
            of[k] = x;
        }
    }
}

/* One step's choices of a layer: counts of experts; returns how many have a slot. */
static uint32_t choose(struct work *w, const struct eng_hot *h, uint32_t l, uint32_t *count)
{
    uint32_t on = 0;
    memset(count, 0, w->experts * sizeof(*count));
    for (uint32_t t = 0; t < w->batch; t++) {
        bool taken[EXPERTS_MAX] = {false};
        for (uint32_t k = 0; k < w->used;) {
            double x = drawn(w) * w->upto[w->experts - 1];
            uint32_t lo = 0, hi = w->experts - 1;
            while (lo < hi) {
                uint32_t mid = (lo + hi) / 2;
                if (w->upto[mid] > x)
                    hi = mid;
                else
                    lo = mid + 1;
            }
            if (taken[lo])
                continue;
            taken[lo] = true;
            k++;
            uint32_t e = w->expert_of[(size_t)l * w->experts + lo];
            count[e]++;
            on += h->layers[l].slot_of[e] >= 0;
        }
    }
    return on;
}

struct under_way {
    struct eng_hot_move v;
    uint64_t due; /* 0: free */
};

/* Between two steps: what has arrived takes its slot, one at most; another is asked for. */
static uint32_t between(const struct work *w, struct eng_hot *h, struct under_way *u)
{
    uint32_t moved = 0, empty = UNDER_WAY;
    eng_hot_step(h);
    for (uint32_t i = 0; i < UNDER_WAY; i++)
        if (u[i].due && u[i].due <= h->steps && !moved) {
            eng_hot_going(h, &u[i].v, false);
            eng_hot_exchange(h, &u[i].v);
            u[i].due = 0;
            moved++;
        }
    for (uint32_t i = 0; i < UNDER_WAY; i++)
        if (!u[i].due)
            empty = i;
    if (empty < UNDER_WAY && eng_hot_find(h, &u[empty].v)) {
        eng_hot_going(h, &u[empty].v, true);
        u[empty].due = h->steps + w->late;
    }
    return moved;
}

/* The share of choices that the `slots` likeliest experts take: drawn, without replacement. */
static double best_share(struct work *w)
{
    uint32_t on = 0, n = 20000;
    for (uint32_t i = 0; i < n; i++) {
        bool taken[EXPERTS_MAX] = {false};
        for (uint32_t k = 0; k < w->used;) {
            double x = drawn(w) * w->upto[w->experts - 1];
            uint32_t r = 0;
            while (w->upto[r] <= x && r + 1 < w->experts)
                r++;
            if (!taken[r]) {
                taken[r] = true;
                k++;
                on += r < w->slots;
            }
        }
    }
    return (double)on / n / w->used;
}

static bool option(struct work *w, const char *name, const char *z)
{
    struct {
        const char *name;
        uint32_t *out;
    } const whole[] = {{"--layers", &w->layers}, {"--experts", &w->experts}, {"--used", &w->used},
                       {"--slots", &w->slots},   {"--batch", &w->batch},     {"--steps", &w->steps},
                       {"--period", &w->period}, {"--window", &w->window},   {"--late", &w->late}};
    if (!z)
        return false;
    if (!strcmp(name, "--zipf")) {
        w->zipf = strtod(z, NULL);
        return w->zipf >= 0;
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (!strcmp(name, whole[i].name)) {
            *whole[i].out = (uint32_t)strtoul(z, NULL, 10);
            return *whole[i].out > 0;
        }
    return false;
}

static int run(struct work *w, struct eng_hot *h)
{
    struct under_way u[UNDER_WAY] = {0};
    uint32_t count[EXPERTS_MAX];
    uint64_t on = 0, all = 0, moves = 0, moves_all = 0;
    double sum = 0;
    for (uint32_t r = 0; r < w->experts; r++)
        w->upto[r] = sum += w->share[r] = pow(1.0 + r, -w->zipf);
    printf("{\"layers\":%u,\"experts\":%u,\"used\":%u,\"slots\":%u,\"batch\":%u,\"period\":%u,"
           "\"zipf\":%g,\"best\":%.4f,\"windows\":[",
           w->layers, w->experts, w->used, w->slots, w->batch, w->period, w->zipf, best_share(w));
    for (uint32_t i = 0; i < w->steps; i++) {
        if (i % w->period == 0)
            new_hot_set(w);
        for (uint32_t l = 0; l < w->layers; l++) {
            on += choose(w, h, l, count);
            all += (uint64_t)w->batch * w->used;
            for (uint32_t e = 0; e < w->experts; e++)
                if (count[e])
                    eng_hot_used(h, l, e, count[e]);
        }
        moves += between(w, h, u);
        if ((i + 1) % w->window == 0) {
            printf("%s{\"step\":%u,\"hit\":%.4f,\"moves\":%llu}", i + 1 > w->window ? "," : "",
                   i + 1, (double)on / (double)all, (unsigned long long)moves);
            moves_all += moves;
            on = all = moves = 0;
        }
    }
    printf("],\"moves\":%llu}\n", (unsigned long long)moves_all);
    return 0;
}

int main(int argc, char **argv)
{
    static struct work w = {.layers = 36,
                            .experts = 128,
                            .used = 4,
                            .slots = 64,
                            .batch = 1,
                            .steps = 12000,
                            .period = 4000,
                            .window = 250,
                            .late = 3,
                            .zipf = 1,
                            .state = 88172645463325252ull};
    struct eng_hot h;
    struct base_err err;
    int rc = 2;
    for (int i = 1; i < argc; i += 2)
        if (!option(&w, argv[i], argv[i + 1])) {
            fprintf(stderr, "engine_hot: %s: not understood\n", argv[i]);
            return 2;
        }
    if (w.experts > EXPERTS_MAX || w.used > w.experts || w.slots > w.experts) {
        fprintf(stderr, "engine_hot: at most %u experts, and no more used or in slots\n",
                EXPERTS_MAX);
        return 2;
    }
    w.expert_of = calloc((size_t)w.layers * w.experts, sizeof(*w.expert_of));
    enum base_status st = eng_hot_new(w.layers, w.experts, &h, &err);
    for (uint32_t l = 0; st == BASE_OK && l < w.layers; l++)
        st = eng_hot_layer_new(&h, l, &err);
    if (st == BASE_OK)
        st = eng_hot_slots(&h, w.slots, &err);
    if (st == BASE_OK && w.expert_of)
        rc = run(&w, &h);
    eng_hot_release(&h);
    free(w.expert_of);
    return rc;
}

/* hybrid_lists.c - who computes what of a layer whose experts are partly on devices: each step's
 * lists, made by the host out of what the router chose.
 *
 * A device numbers its (token, expert) pairs so: first those of experts in its slots, by slot; then
 * those of experts that are sent to it; within an expert by token and slot of the token. The CPU's
 * pairs stand behind those of the layer's own device (the first share). Experts that are sent go to
 * all devices in turn.
 *
 * A device's lists are one piece of pinned memory, written here when all that read the step before
 * is done, and a piece of the same layout on the device (struct eng_hybrid_lists).
 */
#include "engine/cuda/hybrid_int.h"

#include <string.h>

size_t eng_hybrid_lists_words(const struct eng_hybrid *h)
{
    size_t pairs = h->g->m->s.pairs, e = h->n_expert;
    return 6 * pairs + 4 * e + 64;
}

/* False: the router chose what is no expert. A device that was lost leaves anything in the memory
 * of others that wait for it, and what it left is found here before its own failure is told. */
static bool count(struct eng_hybrid *h, const struct eng_fwd *f)
{
    uint64_t *choices = f->m->choices + (size_t)f->layer * h->n_expert;
    memset(h->count, 0, sizeof(h->count));
    for (uint32_t i = 0; i < f->n * h->n_used; i++) {
        if (h->ids[i] >= h->n_expert)
            return false;
        h->count[h->ids[i]]++;
    }
    for (uint32_t e = 0; e < h->n_expert; e++) {
        choices[e] += h->count[e];
        if (h->count[e])
            eng_hot_used(&h->hot, f->layer, e, h->count[e]);
    }
    return true;
}

/* Experts that are met and have no slot, to all devices in turn. */
static void deal(struct eng_hybrid *h, const struct eng_hot_layer *y)
{
    uint32_t turn = 0;
    for (uint32_t i = 0; i < h->n_shares; i++)
        h->share[i].now.n_sent = 0;
    for (uint32_t e = 0; h->sends && e < h->n_expert; e++)
        if (h->count[e] && y->slot_of[e] < 0) {
            struct eng_hybrid_lists *x = &h->share[turn++ % h->n_shares].now;
            x->sent[x->n_sent++] = e;
        }
}

/* A device's places, their first pairs and their tiles. */
static void order(struct eng_hybrid *h, const struct eng_hot_layer *y, uint32_t share,
                  uint32_t rows)
{
    struct eng_hybrid_share *s = &h->share[share];
    struct eng_hybrid_lists *x = &s->now;
    uint32_t pair = 0, tile = 0;
    x->n_places = s->slots + x->n_sent;
    for (uint32_t p = 0; p < x->n_places; p++) {
#if defined(WEIR_BUG_104) /* every device takes its experts from the first one's slots */
        uint32_t e = p < s->slots ? y->expert_in[p] : x->sent[p - s->slots];
#else
        uint32_t e = p < s->slots ? y->expert_in[s->first_slot + p] : x->sent[p - s->slots];
#endif
        x->tile_at[p] = tile;
        x->first[p] = h->at[e] = pair;
        h->who[e] = (uint16_t)share;
        for (uint32_t i = 0; i < h->count[e]; i += rows, tile++) {
            x->tile_expert[tile] = p;
            x->tile_first[tile] = pair + i;
        }
        pair += h->count[e];
    }
    x->first[x->n_places] = x->n_here = pair;
    x->tile_at[x->n_places] = x->n_tiles = tile;
}

/* The pairs of all tokens, each in the lists of its share. */
static void deal_pairs(struct eng_hybrid *h, uint32_t n_pairs)
{
    uint32_t next[ENG_EXPERT_MAX];
    memcpy(next, h->at, sizeof(next));
    for (uint32_t i = 0; i < n_pairs; i++) {
        uint32_t e = h->ids[i], p = next[e]++, who = h->who[e];
        struct eng_hybrid_lists *x = &h->share[who].now;
        x->pair_row[p] = i / h->n_used;
        memcpy(&x->pair_weight[p], &h->weights[i], sizeof(float));
        for (uint32_t k = 0; k < h->n_shares; k++) {
            h->share[k].now.owner[i] = who;
            h->share[k].now.pair_of[i] = k == who ? p : 0;
        }
    }
}

/* How many tiles each launch has. */
static void count_tiles(const struct eng_hybrid *h, struct eng_hybrid_share *s)
{
    struct eng_hybrid_lists *x = &s->now;
    uint32_t turn = 1;
    x->n_tiles_of[0] = x->tile_at[s->slots];
    for (uint32_t i = 0; i < x->n_sent; i += h->stage_experts, turn++) {
        uint32_t end = i + h->stage_experts < x->n_sent ? i + h->stage_experts : x->n_sent;
        x->n_tiles_of[turn] = x->tile_at[s->slots + end] - x->tile_at[s->slots + i];
    }
}

static void lay_lists(struct eng_hybrid *h, struct eng_hybrid_share *s, size_t pairs)
{
    struct eng_hybrid_lists *x = &s->now;
    uint32_t **const parts[] = {&x->pair_of,    &x->pair_row, &x->pair_weight, &x->tile_expert,
                                &x->tile_first, &x->owner,    &x->first,       &x->n_tiles_of};
    const size_t sizes[] = {pairs, pairs, pairs,           pairs,
                            pairs, pairs, h->n_expert + 1, h->n_expert + 1};
    size_t at = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        *parts[i] = s->lists + at;
        at += sizes[i];
    }
    s->lists_words = at;
}

bool eng_hybrid_lists_make(struct eng_hybrid *h, const struct eng_fwd *f)
{
    const struct eng_hot_layer *y = &h->hot.layers[f->layer];
    uint32_t pairs = f->n * h->n_used;
    if (!count(h, f))
        return false;
    deal(h, y);
    for (uint32_t i = 0; i < h->n_shares; i++) {
        lay_lists(h, &h->share[i], pairs);
        order(h, y, i, weir_mm_rows(f->n));
        count_tiles(h, &h->share[i]);
    }
    uint32_t pair = h->share[0].now.n_here; /* the CPU's, behind the first device's */
    for (uint32_t e = 0; !h->sends && e < h->n_expert; e++)
        if (y->slot_of[e] < 0) {
            h->at[e] = pair;
            h->who[e] = 0;
            pair += h->count[e];
        }
    deal_pairs(h, pairs);
    return true;
}

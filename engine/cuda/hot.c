/* hot.c - scores of experts and the choice of exchanges; hot.h has the rule.
 *
 * Looking for an exchange goes through all experts of all layers once: some ten thousand
 * comparisons for the largest models, a few microseconds a step.
 */
#include "engine/cuda/hot.h"

#include <math.h>
#include <stdlib.h>

#define UNIT_MAX 1e12f /* then all scores are divided by it: still far from what floats hold */

enum base_status eng_hot_new(uint32_t n_layer, uint32_t n_expert, struct eng_hot *out,
                             struct base_err *err)
{
    *out = (struct eng_hot){.n_layer = n_layer, .n_expert = n_expert, .unit = 1};
    out->layers = calloc(n_layer, sizeof(*out->layers));
    return out->layers ? BASE_OK
                       : base_err_set(err, BASE_ENOMEM, "out of memory for experts' places");
}

enum base_status eng_hot_layer_new(struct eng_hot *h, uint32_t layer, struct base_err *err)
{
    struct eng_hot_layer *y = &h->layers[layer];
    y->slot_of = malloc(h->n_expert * sizeof(*y->slot_of));
    y->score = calloc(h->n_expert, sizeof(*y->score));
    y->going = calloc(h->n_expert, sizeof(*y->going));
    if (!y->slot_of || !y->score || !y->going)
        return base_err_set(err, BASE_ENOMEM, "out of memory for experts' places");
    for (uint32_t e = 0; e < h->n_expert; e++)
        y->slot_of[e] = -1;
    return BASE_OK;
}

enum base_status eng_hot_slots(struct eng_hot *h, uint32_t slots, struct base_err *err)
{
    h->slots = slots;
    for (uint32_t l = 0; l < h->n_layer; l++) {
        struct eng_hot_layer *y = &h->layers[l];
        if (!y->slot_of)
            continue;
        y->expert_in = calloc(slots + 1, sizeof(*y->expert_in));
        y->since = calloc(slots + 1, sizeof(*y->since));
        if (!y->expert_in || !y->since)
            return base_err_set(err, BASE_ENOMEM, "out of memory for experts' places");
        for (uint32_t s = 0; s < slots; s++) {
            y->slot_of[s] = (int32_t)s;
            y->expert_in[s] = s;
        }
    }
    return BASE_OK;
}

void eng_hot_release(struct eng_hot *h)
{
    for (uint32_t l = 0; h->layers && l < h->n_layer; l++) {
        struct eng_hot_layer *y = &h->layers[l];
        free(y->slot_of);
        free(y->expert_in);
        free(y->score);
        free(y->since);
        free(y->going);
    }
    free(h->layers);
    *h = (struct eng_hot){0};
}

void eng_hot_used(struct eng_hot *h, uint32_t layer, uint32_t expert, uint32_t tokens)
{
    h->layers[layer].score[expert] +=
        h->unit * (float)(tokens < ENG_HOT_MOST ? tokens : ENG_HOT_MOST);
}

void eng_hot_step(struct eng_hot *h)
{
    h->steps++;
    h->unit /= 1 - 1.0f / ENG_HOT_STEPS;
    if (h->unit < UNIT_MAX)
        return;
    for (uint32_t l = 0; l < h->n_layer; l++)
        for (uint32_t e = 0; h->layers[l].slot_of && e < h->n_expert; e++)
            h->layers[l].score[e] /= h->unit;
    h->unit = 1;
}

/* The highest score without a slot, and the slot with the lowest that may give way. */
static bool extremes(const struct eng_hot *h, const struct eng_hot_layer *y, uint32_t *off,
                     uint32_t *slot)
{
    *off = *slot = UINT32_MAX;
    for (uint32_t e = 0; e < h->n_expert; e++)
        if (y->slot_of[e] < 0 && !y->going[e] &&
            (*off == UINT32_MAX || y->score[e] > y->score[*off]))
            *off = e;
    for (uint32_t s = 0; s < h->slots; s++) {
        uint32_t e = y->expert_in[s];
        bool stays = y->going[e] || (y->since[s] && h->steps - y->since[s] < ENG_HOT_STAY);
        if (!stays && (*slot == UINT32_MAX || y->score[e] < y->score[y->expert_in[*slot]]))
            *slot = s;
    }
    return *off != UINT32_MAX && *slot != UINT32_MAX;
}

bool eng_hot_find(const struct eng_hot *h, struct eng_hot_move *out)
{
    float best = 0;
    for (uint32_t l = 0; l < h->n_layer; l++) {
        const struct eng_hot_layer *y = &h->layers[l];
        uint32_t off, slot;
        if (!y->slot_of || !extremes(h, y, &off, &slot))
            continue;
        float comes = y->score[off] / h->unit, goes = y->score[y->expert_in[slot]] / h->unit;
        float gain = comes - goes - ENG_HOT_SURE * sqrtf(comes + goes) - ENG_HOT_LEAD;
        if (gain > best) {
            best = gain;
            *out = (struct eng_hot_move){l, off, slot, y->expert_in[slot]};
        }
    }
    return best > 0;
}

void eng_hot_going(struct eng_hot *h, const struct eng_hot_move *v, bool on)
{
    struct eng_hot_layer *y = &h->layers[v->layer];
    y->going[v->expert] = on;
    y->going[v->goes] = on;
}

void eng_hot_exchange(struct eng_hot *h, const struct eng_hot_move *v)
{
    struct eng_hot_layer *y = &h->layers[v->layer];
    y->slot_of[y->expert_in[v->slot]] = -1;
    y->expert_in[v->slot] = v->expert;
    y->slot_of[v->expert] = (int32_t)v->slot;
    y->since[v->slot] = h->steps;
}

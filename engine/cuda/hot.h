/* hot.h - which experts deserve a place on the device: uses remembered with less and less weight
 * (least recently and least frequently used in one number), and which exchange of two experts would
 * gain most. Arithmetic alone: nothing here knows of a device (hybrid_move.c moves what this says).
 *
 * The score of an expert is the sum over its uses of (1 - 1/ENG_HOT_STEPS)^age, age in steps; a use
 * is a step in which tokens met it, up to ENG_HOT_MOST tokens counted, so that one long prompt does
 * not outweigh what is being written. An exchange is worth it when
 *
 *     score(comes) - score(goes) > ENG_HOT_SURE * sqrt(score(comes) + score(goes)) + ENG_HOT_LEAD
 *
 * which chance alone does not reach: what is counted in a window scatters by about the root of its
 * mean, and the extremes of hundreds of experts by several times that. So experts that are all used
 * alike stay where they are, and an expert that has come stays for ENG_HOT_STAY steps at least.
 *
 * One thread at a time.
 */
#ifndef ENG_CUDA_HOT_H
#define ENG_CUDA_HOT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define ENG_HOT_STEPS 512  /* after so many steps a use counts a third */
#define ENG_HOT_MOST  4    /* tokens of a step that count */
#define ENG_HOT_SURE  2.5f /* see above */
#define ENG_HOT_LEAD  2.0f
#define ENG_HOT_STAY  64 /* steps */

struct eng_hot_layer {
    int32_t *slot_of;    /* [n_expert], -1: none. NULL: a layer without experts */
    uint32_t *expert_in; /* [slots] */
    float *score;        /* [n_expert], in units of eng_hot.unit */
    uint64_t *since;     /* [slots] the step in which the expert came */
    bool *going;         /* [n_expert] it takes part in an exchange that is under way */
};

struct eng_hot {
    uint32_t n_layer, n_expert, slots;
    struct eng_hot_layer *layers; /* [n_layer] */
    uint64_t steps;
    float unit; /* what a use counts now: it grows, so that scores need not shrink one by one */
};

/* Layers without experts; eng_hot_layer_new for those with. */
enum base_status eng_hot_new(uint32_t n_layer, uint32_t n_expert, struct eng_hot *out,
                             struct base_err *err) BASE_MUST_CHECK;
enum base_status eng_hot_layer_new(struct eng_hot *h, uint32_t layer,
                                   struct base_err *err) BASE_MUST_CHECK;
/* Slots of each layer, with experts 0, 1, ... in them. */
enum base_status eng_hot_slots(struct eng_hot *h, uint32_t slots,
                               struct base_err *err) BASE_MUST_CHECK;
void eng_hot_release(struct eng_hot *h);

/* So many tokens of this step met the expert. */
void eng_hot_used(struct eng_hot *h, uint32_t layer, uint32_t expert, uint32_t tokens);
/* The step is over. */
void eng_hot_step(struct eng_hot *h);
/* The exchange that gains most and is worth it; false: none. */
struct eng_hot_move {
    uint32_t layer, expert, slot;
    uint32_t goes; /* the expert that has the slot */
};
bool eng_hot_find(const struct eng_hot *h, struct eng_hot_move *out);
/* The exchange is under way, or not any more: its two experts are left out of others. */
void eng_hot_going(struct eng_hot *h, const struct eng_hot_move *v, bool on);
/* The expert has the slot; who was there has none. */
void eng_hot_exchange(struct eng_hot *h, const struct eng_hot_move *v);

#endif

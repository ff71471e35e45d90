/* hybrid.h - a model whose routed experts do not all fit on the device: some of each layer lie
 * there in slots, all of them in the host's memory as the CPU likes them.
 *
 * In every layer with experts, once the device has routed, the host fetches the choices and the
 * rows that experts see. (token, expert) pairs of experts in slots are the device's; meanwhile the
 * CPU computes the others with its own kernels, and their outputs go up into the rows of s->hy that
 * those pairs have. Each row has one writer and combine() adds them per token in the order of its
 * slots, so results do not depend on timing; where an expert is computed changes them by rounding
 * only. Of a slice of send_from tokens and more, experts off the device are not left to the CPU:
 * they are packed and sent, a few at a time into two halves of a stage in turn, beside the work,
 * and computed there: while one half's experts are computed the next ones are on their way, and
 * those after them are being packed.
 *
 * Which experts have slots follows their use (hot.h). One that deserves a slot more than another is
 * packed by a thread in the background, goes up beside the work, and takes the slot by a copy
 * within the device between two steps: at most one in a step, and no step waits for PCIe on its
 * account (hybrid_move.c).
 *
 * One thread at a time, as for the table (table.h), which calls all of this. A decode step is a row
 * of graphs: of a layer with experts one ends with what the host fetches, the next has the lists
 * that the host made of it and the products of slots, and the one behind begins with joining the
 * outputs (eng_gpu_pause). What goes on between two graphs is done anew in every step.
 */
#ifndef ENG_CUDA_HYBRID_H
#define ENG_CUDA_HYBRID_H

#include "engine/cuda/driver.h"
#include "engine/model/model_impl.h"

struct eng_gpu;
struct eng_hybrid;

/* For models with experts that opts asked to be split, or that will not fit; before weights come.
 * g: the device that has the layers. Slots come with the first cache: then it is known what else
 * takes memory. */
#define ENG_EXPERTS_ALL      UINT32_MAX
#define ENG_HYBRID_SEND_FROM 256 /* tokens of a slice that suit most hosts: docs/cuda-model.md */
struct eng_hybrid_want {
    uint32_t slots; /* of each layer, on all devices together */
    bool fit;       /* fewer where there is room for fewer */
    uint32_t send_from;
    bool spread; /* all devices of the model have slots of these layers, in these proportions: */
    uint32_t parts[ENG_PLACES_MAX];
};
enum base_status eng_hybrid_new(struct eng_gpu *g, const struct eng_hybrid_want *want,
                                struct base_err *err) BASE_MUST_CHECK;
void eng_hybrid_free(struct eng_gpu *g);
/* Whether w belongs to routed experts. */
bool eng_hybrid_takes(const struct eng_gpu *g, const struct eng_weight *w);
/* The table's weight() of those. */
enum base_status eng_hybrid_weight(struct eng_gpu *g, struct eng_weight *w,
                                   struct base_err *err) BASE_MUST_CHECK;
/* With the first cache: slots, and experts in them. */
enum base_status eng_hybrid_build(struct eng_gpu *g, struct base_err *err) BASE_MUST_CHECK;
/* The table's ffn() of routed experts; and combine() of those that several devices computed. */
void eng_hybrid_ffn(struct eng_fwd *f, const struct eng_ffn *j);
void eng_hybrid_combine(struct eng_fwd *f);
/* Of the device that has this layer; NULL: all its experts are on devices, or there is none. */
struct eng_hybrid *eng_hybrid_of_layer(const struct eng_model *m, uint32_t layer);
/* Whether of a slice of so many tokens experts are sent. */
bool eng_hybrid_sends(const struct eng_gpu *g, uint32_t n);
/* Behind a step that succeeded. */
void eng_hybrid_between(struct eng_gpu *g);

/* What has happened, on all devices. */
struct eng_hybrid_use {
    uint32_t slots, n_expert;         /* of a layer; by layers of that which has the fewest */
    uint64_t on_device, on_cpu, sent; /* (token, expert) pairs by where they were computed */
    uint64_t moves;                   /* experts that took another's slot, */
    uint64_t moved_bytes, sent_bytes; /* and what went over PCIe for them; the same of sent ones */
    uint64_t slot_bytes;              /* device memory of all slots */
};
void eng_hybrid_get(const struct eng_model *m, struct eng_hybrid_use *out);
/* What the model's devices were asked for since they were opened; zeros on the CPU. */
void eng_hybrid_calls(const struct eng_model *m, struct eng_cuda_calls *out);
/* Puts an expert into a slot at once, whoever is there (it stays available on the CPU). Between
 * steps. BASE_EINVAL: there is no such layer, expert or slot, or the expert has a slot. */
enum base_status eng_hybrid_put(struct eng_model *m, uint32_t layer, uint32_t expert, uint32_t slot,
                                struct base_err *err) BASE_MUST_CHECK;

#endif

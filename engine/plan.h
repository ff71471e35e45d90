/* plan.h - what of a model would lie where on a machine with a GPU, and how fast it could be at
 * most.
 *
 * Arithmetic over the file's tensor table; nothing runs. The speed is a bound: every byte that a
 * step must read, over the bandwidth that the card's maker states. Real kernels reach a part of it,
 * and Weir's CUDA back end is not built yet.
 *
 * Rules: attention, routers, shared experts, norms, output head and the cache go to the GPU; the
 * table of embeddings stays in the host's memory (a row a token) unless it is the output head too;
 * routed experts fill what is left, the same number in each layer, the rest is computed by the CPU.
 * A step for B sequences touches E (1 - (1 - k/E)^B) of E experts when the router spreads evenly;
 * those off the GPU are met in proportion (a router with favourites does better with hot ones kept
 * on the GPU).
 */
#ifndef ENG_PLAN_H
#define ENG_PLAN_H

#include "engine/gguf.h"
#include "engine/model.h"

struct eng_plan_ask {
    uint64_t gpu_bytes;
    double gpu_bytes_s; /* 0: not known, no speed is told */
    double cpu_bytes_s; /* what the host's memory gives to experts that stay there */
    uint32_t context, parallel;
};

enum eng_plan_fit { ENG_PLAN_ALL, ENG_PLAN_HYBRID, ENG_PLAN_NONE };

#define ENG_PLAN_BATCHES 3
extern const uint32_t eng_plan_batches[ENG_PLAN_BATCHES]; /* 1, 8, 64 */

struct eng_plan {
    enum eng_plan_fit fit;
    uint64_t dense, table, experts;       /* bytes of weights: on the GPU, in the host, routed */
    uint64_t cache, reserve;              /* f16 keys and values for all sequences; working space */
    uint64_t missing;                     /* ENG_PLAN_NONE: bytes short */
    uint32_t n_expert, n_used, on_gpu;    /* experts of a layer; kept on the GPU */
    uint64_t gpu_total, host_total;       /* bytes that lie there */
    uint64_t step_gpu[ENG_PLAN_BATCHES];  /* bytes read for one step of so many sequences */
    uint64_t step_host[ENG_PLAN_BATCHES]; /* same, by the CPU */
    double bound_tok_s[ENG_PLAN_BATCHES]; /* all sequences together; 0: not told */
};

/* Pure but for the mapping of g. m gives the cache's size and the experts used. */
void eng_plan(const struct eng_gguf *g, const struct eng_model_info *m,
              const struct eng_plan_ask *ask, struct eng_plan *out);

#endif

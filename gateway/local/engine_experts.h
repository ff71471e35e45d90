/* engine_experts.h - which experts the engine's models chose, as figures for Prometheus.
 *
 * One store per engine link, on its loop's thread. It holds what the last EXPERTS frames said
 * (engine/serve/proto.h) and forgets it when the link goes down: the counters start again with the
 * process.
 */
#ifndef GW_ENGINE_EXPERTS_H
#define GW_ENGINE_EXPERTS_H

#include "base/buf.h"

/* A model's layers times experts at most; a frame with more is refused. */
#define GW_EXPERTS_CELLS_MAX (1u << 17)
#define GW_EXPERTS_MODELS    64u

struct gw_expert_layer {
    uint32_t layer;
    uint64_t *counts; /* [n_expert], in the model's block */
};

struct gw_expert_model {
    char name[128];
    uint32_t n_expert, n_layer; /* layers that have experts */
    struct gw_expert_layer *layers;
    uint64_t *counts;
};

struct gw_experts {
    struct gw_expert_model *models; /* owned */
    size_t n;
};

void gw_experts_clear(struct gw_experts *x);
/* The payload of an EXPERTS frame; false if it does not hold: the store is then as before. */
bool gw_experts_take(struct gw_experts *x, struct base_str payload);
/* Appends the figures of each layer, and with `all` the counter of every expert: layers times
 * experts series a model, so only where the scraper asked for it. */
void gw_experts_metrics(const struct gw_experts *x, bool all, struct base_buf *out);

#endif

/* model_probe.c - seeing inside a model: what its routers chose, and what its layers put out.
 *
 * The counters are one row of 64-bit sums a layer, added to where the pairs of a slice are grouped
 * by expert (the operator group()), from counts that are made there anyway: one addition an expert,
 * layer and slice. A device with memory of its own keeps sums there, and hands them over when they
 * are asked for. They belong to the thread that runs eng_forward. A probe costs one comparison a
 * layer while there is none.
 */
#include "engine/model/model_impl.h"

#include <stdlib.h>

enum base_status eng_choices_init(struct eng_model *m, struct base_err *err)
{
    if (m->hp.moe.n_expert == 0)
        return BASE_OK;
    m->choices = calloc((size_t)m->hp.n_layer * m->hp.moe.n_expert, sizeof(*m->choices));
    if (!m->choices)
        return base_err_set(err, BASE_ENOMEM, "%s: out of memory for the experts' counters",
                            eng_gguf_path(m->gguf));
    return BASE_OK;
}

const uint64_t *eng_model_expert_counts(const struct eng_model *m, uint32_t layer)
{
    if (!m->choices || layer >= m->hp.n_layer || !m->layers[layer].moe)
        return NULL;
    m->ops->choices(m);
    return m->choices + (size_t)layer * m->hp.moe.n_expert;
}

double eng_expert_imbalance(const uint64_t *counts, uint32_t n)
{
    uint64_t sum = 0, max = 0;
    for (uint32_t e = 0; e < n; e++) {
        sum += counts[e];
        max = counts[e] > max ? counts[e] : max;
    }
    return sum ? (double)max * n / (double)sum : 0;
}

enum base_status eng_gaps_room(struct eng_model *m, uint32_t rows, struct base_err *err)
{
    m->gap_rows = 0;
    if (!m->probe || !m->ops->host)
        return BASE_OK;
    float *more = realloc(m->gaps, (size_t)rows * 2 * sizeof(*more));
    if (!more)
        return base_err_set(err, BASE_ENOMEM, "out of memory for a probe");
    m->gaps = more;
    m->gap_rows = rows;
    return BASE_OK;
}

void eng_model_probe(struct eng_model *m, eng_probe_fn fn, void *ctx)
{
    m->probe = fn;
    m->probe_ctx = ctx;
}

/* plan_counts.h - the counts of a run over a model's experts, as `weir model info FILE --experts`
 * writes them. */
#ifndef ENG_PLAN_COUNTS_H
#define ENG_PLAN_COUNTS_H

#include "base/err.h"

#include <stdint.h>

/* *out: [n_layer][n_expert], zeros for layers that the file does not name; the caller frees it.
 * BASE_EINVAL names the file and what does not hold: no such JSON, or of another model's shape. */
enum base_status eng_plan_counts_read(const char *path, uint32_t n_layer, uint32_t n_expert,
                                      uint64_t **out, struct base_err *err) BASE_MUST_CHECK;

#endif

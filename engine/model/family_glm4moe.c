/* family_glm4moe.c - GLM-4.5, 4.5-Air and 4.6 (Zhipu AI, arXiv 2508.06471).
 *
 * Grouped attention with RoPE on a part of each head; biases and norms of queries and keys in some
 * sizes only. Sigmoid routing with a bias that takes part in the choice alone. The blocks of
 * multi-token prediction behind the last layer are not run.
 */
#include "engine/model/model_impl.h"

const struct eng_family eng_family_glm4moe = {.arch = "glm4moe",
                                              .neox = true,
                                              .qk_norm = ENG_QK_NORM_HEAD,
                                              .qk_norm_optional = true,
                                              .gating = ENG_GATE_SIGMOID,
                                              .ffn_norm_is_post_attention = true};

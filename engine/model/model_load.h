/* model_load.h - what model_load.c and model_load_layer.c share; nobody else includes it.
 *
 * A loader runs on the thread that opens the model. After its first failure it does nothing more
 * and hands out NULL and empty weights; the caller looks at st in the end.
 */
#ifndef ENG_MODEL_LOAD_H
#define ENG_MODEL_LOAD_H

#include "engine/model/model_impl.h"

struct eng_loader {
    struct eng_model *m;
    struct base_err *err;
    enum base_status st;  /* the first failure sticks */
    uint64_t by_type[64]; /* values per type, to name the file's quantisation */
};

/* ---- model_load.c: tensors ---- */

/* The tensor called name, of a type that can be computed with; NULL if absent (an error only if
 * required). */
const struct eng_tensor *eng_load_find(struct eng_loader *l, const char *name, bool required);
bool eng_load_shape(struct eng_loader *l, const struct eng_tensor *t, uint64_t n_in, uint64_t n_out,
                    uint64_t n_mat);
/* A tensor [n_in, n_out] as f32, which the caller owns; NULL if absent. */
float *eng_load_floats(struct eng_loader *l, const char *name, uint64_t n_in, uint64_t n_out,
                       bool required);
/* Rows row0..row0 + n_out of each of n_mat matrices with n_rows rows, with the biases and scales
 * that stand beside them. If those are not all rows, there must be one matrix only. */
void eng_load_rows(struct eng_loader *l, struct eng_weight *w, const char *name, uint32_t n_in,
                   uint32_t row0, uint32_t n_out, uint32_t n_rows, uint32_t n_mat);
void eng_load_weight(struct eng_loader *l, struct eng_weight *w, const char *name, uint32_t n_in,
                     uint32_t n_out, uint32_t n_mat);
/* n_mat matrices that a tensor [n_in, n_out * n_mat] holds one behind the other. */
void eng_load_stack(struct eng_loader *l, struct eng_weight *w, const char *name, uint32_t n_in,
                    uint32_t n_out, uint32_t n_mat);
/* blk.LAYER.NAME.weight */
void eng_layer_weight(struct eng_loader *l, struct eng_weight *w, uint32_t layer, const char *name,
                      uint32_t n_in, uint32_t n_out, uint32_t n_mat);
/* blk.LAYER.NAME as n floats */
float *eng_layer_floats(struct eng_loader *l, uint32_t layer, const char *name, uint64_t n,
                        bool required);
bool eng_layer_has(const struct eng_loader *l, uint32_t layer, const char *name);
/* blk.LAYER.NAME.weight with 2 * half outputs: two matrices, one behind the other. */
void eng_layer_merged(struct eng_loader *l, struct eng_weight *w, uint32_t layer, const char *name,
                      uint32_t n_in, uint32_t half, uint32_t n_mat);
/* Hands w to the device, with its bias and scale. */
void eng_load_hand_over(struct eng_loader *l, struct eng_weight *w);
void eng_weight_release(struct eng_model *m, struct eng_weight *w);

/* A pointer to n values of 4 bytes, or to NULL. */
struct eng_vector {
    void **at;
    uint64_t n;
};
#define ENG_VECTORS_MAX 48
void eng_vectors_release(struct eng_model *m, const struct eng_vector *v, size_t n);

/* ---- model_load_old.c ---- */

/* blk.LAYER.NAME.E.weight of all experts E. */
void eng_load_experts_apart(struct eng_loader *l, struct eng_weight *w, uint32_t layer,
                            const char *name, uint32_t n_in, uint32_t n_out, uint32_t n_mat);
/* attn_k_b and attn_v_b out of attn_kv_b [n_lora, n_head (n_nope + n_value)]. */
void eng_load_kv_b(struct eng_loader *l, struct eng_weight *k, struct eng_weight *v, uint32_t layer,
                   uint32_t n_lora, uint32_t n_nope, uint32_t n_value);

/* ---- model_load_layer.c ---- */

void eng_layer_load(struct eng_loader *l, struct eng_layer *y, uint32_t i);
/* PREFIXfn.weight, PREFIXbase.weight and PREFIXscale.weight: n_mix outputs with n_scale scales. */
void eng_load_hyper(struct eng_loader *l, struct eng_hyper *h, const char *prefix, uint32_t n_mix,
                    uint32_t n_scale);
/* All vectors of a layer but weights' own; returns how many. */
size_t eng_layer_vectors(struct eng_model *m, struct eng_layer *y, struct eng_vector *v);
/* Frees what the layer owns. */
void eng_layer_release(struct eng_model *m, struct eng_layer *y);

#endif

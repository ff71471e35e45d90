/* model_load.h - what model_load.c and model_load_layer.c share; nobody else includes it.
 *
 * A loader runs on the thread that opens the model. After its first failure it does nothing more
 * and hands out NULL and empty weights; the caller looks at st in the end.
 */
#ifndef ENG_MODEL_LOAD_H
#define ENG_MODEL_LOAD_H

#include "engine/model_impl.h"

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
/* Repacks w for the fast kernels, where they have a form for its type. */
void eng_load_repack(struct eng_loader *l, struct eng_weight *w);
/* Gives the mapped pages that only this tensor covers back to the system; they are read again from
 * the file if ever needed. */
void eng_load_drop_pages(const struct eng_tensor *t);
void eng_weight_release(struct eng_weight *w);

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
void eng_hyper_release(struct eng_hyper *h);
/* Frees what the layer owns. */
void eng_layer_release(struct eng_layer *y);

#endif

/* model_impl.h - the inside of a model, shared by model*.c only.
 */
#ifndef ENG_MODEL_IMPL_H
#define ENG_MODEL_IMPL_H

#include "engine/cpu/ops.h"
#include "engine/gguf.h"
#include "engine/model.h"
#include "engine/threads.h"

enum eng_qk_norm {
    ENG_QK_NORM_NONE,
    ENG_QK_NORM_HEAD, /* RMS norm of every head, weights [head_dim] */
    ENG_QK_NORM_ALL   /* RMS norm of the whole projection, weights [n_head * head_dim] */
};

/* What an architecture fixes and its files do not say. */
struct eng_family {
    const char *arch;
    bool neox; /* RoPE pairs */
    enum eng_qk_norm qk_norm;
    bool moe_normalise; /* default of expert_weights_norm */
    bool shared_gated;  /* the shared expert is scaled by sigmoid(ffn_gate_inp_shexp . x) */
};

struct eng_hparams {
    const struct eng_family *family;
    uint32_t n_vocab, n_ctx_train, n_layer, n_embd, n_head, n_head_kv, n_dim;
    uint32_t n_rot;
    float rms_eps, attn_scale;
    float embedding_scale, residual_scale, logit_scale; /* 1 where the file has none */
    float temp_scale; /* q *= 1 + temp_scale ln(floor(pos / temp_length) + 1), 0 = no */
    uint32_t temp_length;
    float rope_mscale; /* factor of cos and sin */
    float *rope_freq;  /* [n_rot / 2]: angle of a pair = position * this; owned by the model */
    struct eng_moe_params moe; /* n_expert 0: dense */
    uint32_t n_dense_lead;     /* first layers without experts */
};

struct eng_layer {
    float *attn_norm, *ffn_norm; /* [n_embd] */
    float *q_norm, *k_norm;
    struct eng_weight q, k, v, o;
    bool moe;
    struct eng_weight router;         /* moe only */
    float *router_bias;               /* exp_probs_b [n_expert] or NULL */
    struct eng_weight gate, up, down; /* of the dense FFN, or of the experts */
    bool shared;
    struct eng_weight shared_gate, shared_up, shared_down;
    float *shared_scale; /* [n_embd] or NULL */
};

/* Memory for one slice of a batch; taken once, at open. */
struct eng_scratch {
    uint32_t rows;                /* tokens in a slice at most */
    uint32_t pairs;               /* (token, expert) pairs at most */
    float *x, *xn;                /* [rows][n_embd] */
    float *q;                     /* [rows][n_head * n_dim], then the attention's output */
    float *k, *v;                 /* [rows][n_head_kv * n_dim] */
    float *att;                   /* [rows][n_head * n_dim] */
    float *proj;                  /* [rows][n_embd] */
    float *cs;                    /* [rows][n_rot] cosines and sines */
    float *hg, *hu;               /* [pairs][n_ff] */
    float *hy;                    /* [pairs][n_embd] */
    float *router;                /* [rows][n_expert] */
    uint32_t *ids;                /* [rows][n_used] */
    float *weights;               /* [rows][n_used] */
    uint32_t *pair_of, *pair_row; /* [pairs]: of (token, slot); token of a pair */
    float *shared_w;              /* [rows] */
    uint32_t *cell;               /* [rows] index of the token in its sequence */
    uint32_t *seq;                /* [rows] */
    uint32_t *run;                /* [rows] first token of each attention task, n_runs of them */
    uint32_t n_runs;
    int8_t *aq; /* quantised activations of the widest kind */
    struct eng_qinfo *aqi;
};

struct eng_model {
    struct eng_gguf *gguf;
    struct eng_model_info info;
    struct eng_hparams hp;
    enum eng_device device;
    uint32_t planes; /* of activations (ops.h) */
    const struct eng_kernels *kernels;
    struct eng_pool *pool;
    struct eng_layer *layers;
    struct eng_weight embd, output; /* output may be embd's tensor (tied) */
    float *output_norm;
    uint32_t n_ff_max; /* widest FFN of any layer */
    struct eng_scratch s;
};

struct eng_cache {
    const struct eng_model *m;
    uint32_t n_seq, n_ctx;
    uint32_t *len, *base; /* [n_seq]: tokens held; position of the first */
    uint32_t n_cells;     /* n_ctx rounded up to whole key blocks */
    float *k, *v;         /* [n_layer][n_seq][n_head_kv][n_cells * n_dim], laid out as ops.h says */
    float *scores;        /* [threads][ENG_ATTEND_ROWS or more][n_cells] */
    size_t scores_each;   /* floats per thread */
};

/* Query rows (tokens times heads of a group) that an attention task takes, unless one token has
 * more.
 */
#define ENG_ATTEND_ROWS 12

/* model_family.c: hyper-parameters from metadata. Fills hp and the parts of info that follow. */
enum base_status eng_hparams_read(struct eng_model *m, struct base_err *err) BASE_MUST_CHECK;

/* model_load.c: weights from tensors. */
enum base_status eng_weights_load(struct eng_model *m, struct base_err *err) BASE_MUST_CHECK;
void eng_weights_free(struct eng_model *m);

/* model_forward.c: one slice of n <= s.rows tokens; s.cell and s.seq are set. Writes the logits of
 * the wanted tokens (want NULL = all) and returns how many rows that were. */
size_t eng_forward_slice(struct eng_model *m, struct eng_cache *c, const int32_t *tokens,
                         const bool *want, size_t n, float *logits);

/* Where layer l keeps head h's keys, and values, of sequence seq. */
static inline size_t eng_cache_at(const struct eng_cache *c, uint32_t l, uint32_t seq, uint32_t h)
{
    const struct eng_hparams *hp = &c->m->hp;
    return (((size_t)l * c->n_seq + seq) * hp->n_head_kv + h) * c->n_cells * hp->n_dim;
}

#endif

/* model_impl.h - the inside of a model, shared by model*.c only.
 */
#ifndef ENG_MODEL_IMPL_H
#define ENG_MODEL_IMPL_H

#include "engine/cpu/ops.h"
#include "engine/model/gguf.h"
#include "engine/model/model.h"
#include "engine/model/pages.h"
#include "engine/ops.h"
#include "engine/threads.h"

#include <math.h>

enum eng_qk_norm {
    ENG_QK_NORM_NONE,
    ENG_QK_NORM_HEAD, /* RMS norm of every head, weights [head_dim] */
    ENG_QK_NORM_ALL   /* RMS norm of the whole projection, weights [n_head * head_dim] */
};

enum eng_act {
    ENG_ACT_SILU, /* silu(gate) * up */
    ENG_ACT_GELU, /* gelu(gate) * up, the tanh form */
    ENG_ACT_OAI   /* gpt-oss: gate up to 7, up within 7 either way; g sigmoid(1.702 g) (up + 1) */
};

struct eng_reader;

/* What an architecture fixes and its files do not say. One of these in each family_NAME.c. */
struct eng_family {
    const char *arch;
    bool neox; /* RoPE pairs */
    enum eng_qk_norm qk_norm;
    bool qk_norm_optional;  /* not every file of the family has these norms */
    bool moe_normalise;     /* default of expert_weights_norm */
    bool shared_gated;      /* the shared expert is scaled by sigmoid(ffn_gate_inp_shexp . x) */
    enum eng_gating gating; /* default of expert_gating_func, 0 = softmax */
    enum eng_act act;
    bool sinks; /* attn_sinks: a logit a head that takes part in the softmax, without value */
    bool ffn_norm_is_post_attention; /* what the tensor of the norm before the FFN is called */
    bool varied;      /* head counts and lengths differ between layers; read() sets them */
    bool value_norm;  /* RMS norm without weights of values; without attn_v, values are the keys */
    bool parallel;    /* layers with experts have a dense FFN beside them (model_ffn.c) */
    bool sandwich;    /* norms behind attention and FFN too, before they are added */
    bool fused;       /* attn_qkv holds q, k and v; ffn_up holds gate, then up */
    bool mla;         /* multi-head latent attention (model_attn.c) */
    bool weigh_input; /* experts see their input times their weight; outputs are just added */
    bool long_rope;   /* RoPE factors for long and for short contexts */
    bool out_gate;    /* attn_q has a gate behind each head's query: outputs times its sigmoid */
    bool delta_tiled; /* value head h belongs to key head h % heads, not h / (values a key) */
    /* Reads what is particular, and sets layers that differ; NULL = nothing. Runs last. */
    void (*read)(struct eng_reader *r, struct eng_model *m);
};

/* What mixes the tokens of a layer. */
enum eng_mixer {
    ENG_MIX_GROUPED, /* attention, query heads in groups over key heads (model_attn.c) */
    ENG_MIX_LATENT,  /* multi-head latent attention (model_attn.c) */
    ENG_MIX_DELTA,   /* gated delta rule, a state instead of keys (model_delta.c) */
    ENG_MIX_COMPRESS /* a window of keys, and older ones compressed (model_compress.c) */
};

/* The indexer that picks the keys which attention sees (cpu/index.c). */
struct eng_index_params {
    uint32_t n_head, n_dim, top_k; /* top_k 0: there is none */
    bool neox;                     /* RoPE pairs of its heads */
};

/* Its weights in a layer. */
struct eng_index {
    struct eng_weight q, k, proj; /* [n_head * n_dim], [n_dim], [n_head] outputs */
    float *k_norm, *k_norm_bias;  /* [n_dim] */
};

/* What makes one key of `ratio` tokens (model_compress.c): matrices of `width` outputs, which is
 * the key's length, or twice that where keys overlap. */
struct eng_squeeze {
    struct eng_weight kv, gate;
    float *place; /* [ratio][width] */
    float *norm;  /* [length] */
};

/* Weights of attention with compressed keys. */
struct eng_compress {
    struct eng_squeeze keys, index; /* index: of the indexer's keys */
    struct eng_weight out_a;        /* one matrix a group of heads; out_b is the layer's o */
};

/* Weights that mix the residual streams around one half of a layer (model_hyper.c), or before the
 * output. */
struct eng_hyper {
    struct eng_weight fn;
    float *base, *scale;
};
#define ENG_STREAMS_MAX 8

/* Sizes of gated DeltaNet layers. */
struct eng_delta_params {
    uint32_t n_key, n_value; /* heads; n_value a multiple of n_key */
    uint32_t dk, dv;         /* lengths of a key head and of a value head */
    uint32_t conv;           /* inputs that the convolution sees, the token's own included */
    uint32_t channels;       /* 2 n_key dk + n_value dv */
};

/* Weights of such a layer. */
struct eng_delta {
    struct eng_weight qkv, gate, out;
    struct eng_weight ba;          /* interleaved by key head; or, if empty: */
    struct eng_weight beta, alpha; /* [n_value] each */
    float *conv;                   /* [channels][conv], the token's own last */
    float *dt, *a;                 /* [n_value] */
    float *norm;                   /* [dv] */
};

/* Angles of a RoPE: pair i turns by position * freq[i]. */
struct eng_rope_set {
    uint32_t n_rot;
    float mscale; /* factor of cos and sin */
    float *freq;  /* [n_rot / 2]; owned by the model */
};
#define ENG_ROPES      2
#define ENG_LAYERS_MAX 1024
#define ENG_HEADS_MAX  1024 /* times tokens of a slice: tasks that a pool takes at once */

struct eng_hparams {
    const struct eng_family *family;
    uint32_t n_vocab, n_ctx_train, n_layer, n_embd, n_head, n_head_kv, n_dim;
    float rms_eps, attn_scale;
    float embedding_scale, residual_scale, logit_scale; /* 1 where the file has none */
    float temp_scale; /* q *= 1 + temp_scale ln(floor((pos + temp_offset) / temp_length) + 1) */
    uint32_t temp_length, temp_offset;
    float logit_softcap; /* logits = c tanh(logits / c), 0 = no */
    struct eng_rope_set rope[ENG_ROPES];
    uint32_t n_ctx_long;       /* rope[1] for all layers of caches longer than this; 0 = no */
    struct eng_moe_params moe; /* n_expert 0: dense */
    uint32_t n_dense_lead;     /* first layers without experts */
    uint32_t n_hash;           /* first layers whose experts a table gives (tid2eid) */
    uint32_t n_lora_q, n_lora_kv, n_nope, n_vhead; /* mla; n_lora_q 0 = queries in one step */
    struct eng_delta_params delta;
    struct eng_index_params index;
    uint32_t n_stream; /* residual streams, mostly 1 */
    uint32_t n_sinkhorn;
    float hyper_eps;
    uint32_t n_out_group, n_out_lora; /* compress: groups of heads, and outputs of each */
    uint32_t n_side; /* length of a layer's own embedding of each token; 0 = none */
};

struct eng_layer {
    /* set with the hyper-parameters */
    enum eng_mixer mixer;
    uint32_t n_head_kv, n_dim, n_vdim; /* heads of the cache: of keys, of values */
    int rope;                          /* which rope_set, -1 = none */
    bool post_qk_norm;                 /* RMS norm without weights of turned queries and keys */
    bool temp;                         /* queries grow with the position (hparams) */
    uint32_t window;                   /* keys that a token sees, itself included; 0 = all */
    uint32_t chunk;            /* only keys of the token's own chunk of so many positions; 0 = no */
    uint32_t kv_from;          /* the layer whose keys and values it sees: itself, mostly */
    uint32_t ratio;            /* compress: tokens in a compressed key: 0, ENG_RATIO_NEAR or _FAR */
    float clamp, shared_clamp; /* of gate and up; 0 = no */
    bool indexed;       /* attention sees the keys that an indexer picked: the layer's own or, */
    bool picks_as_last; /* that of the last layer with one */
    bool moe;
    /* weights */
    float *attn_norm, *ffn_norm, *post_attn_norm, *post_ffn_norm; /* [n_embd] */
    float *q_norm, *k_norm;
    float *sinks;    /* [n_head] or NULL */
    float out_scale; /* of the residual stream behind the layer; 0 = no */
    float *router_norm, *pre_norm_2, *post_norm_1, *post_norm_2; /* parallel: [n_embd] */
    struct eng_weight q, k, v, o;
    struct eng_weight q_a, kv_a, k_b, v_b; /* mla: q is then the second step of queries */
    float *q_a_norm, *kv_a_norm;
    struct eng_index *index;          /* or NULL; owned */
    struct eng_compress *compress;    /* or NULL; owned */
    struct eng_hyper hyper[2];        /* n_stream > 1: around attention, around the FFN */
    int32_t *hash;                    /* [n_vocab][n_used] the experts of a token, or NULL */
    struct eng_delta *delta;          /* or NULL; owned */
    struct eng_weight router;         /* moe only */
    float *router_bias;               /* exp_probs_b [n_expert] or NULL */
    struct eng_weight gate, up, down; /* of the dense FFN, or of the experts */
    bool merged;                      /* gate has the rows of up behind its own; up is empty */
    uint32_t n_ff;
    struct eng_weight side_gate, side_out; /* n_side: [n_side] and [n_embd] outputs */
    float *side_norm;                      /* [n_embd] */
    bool shared;
    struct eng_weight shared_gate, shared_up, shared_down;
    float *shared_scale; /* [n_embd] or NULL */
};

/* Memory for one slice of a batch; taken once, at open. */
struct eng_scratch {
    uint32_t rows;                /* tokens in a slice at most */
    uint32_t pairs;               /* (token, expert) pairs at most */
    float *x;                     /* [rows][n_stream][n_embd] */
    float *xn;                    /* [rows][n_embd] */
    float *in;                    /* n_stream > 1: [rows][n_embd], what a half of a layer sees */
    float *flat;                  /* the same: [rows][n_stream * n_embd] */
    float *mix;                   /* the same: [rows][(2 + n_stream) * n_stream] */
    float *squeeze[4];            /* compress: [rows][width] of keys' kv and gate, then index' */
    int32_t *token;               /* [rows] */
    uint32_t *kept;               /* [rows] */
    float *q;                     /* [rows][n_head * n_dim] */
    float *k, *v;                 /* [rows][n_head_kv * n_dim or n_vdim] */
    float *att;                   /* [rows][n_head * n_vdim] */
    float *proj;                  /* [rows][n_embd] */
    float *side;                  /* parallel: [rows][n_embd] */
    float *inputs;                /* [rows][n_layer][n_side] */
    float *qa;                    /* mla: [rows][n_lora_q] */
    float *ql;                    /* mla: [rows][n_head * (n_nope + n_rot, or n_vhead)] */
    float *heads;                 /* mla: [n_head][rows][n_nope or n_lora_kv] */
    float *iq, *ik, *iw;          /* indexer: [rows][n_head * n_dim], [n_dim], [n_head] */
    float *cs[ENG_ROPES];         /* [rows][n_rot] cosines and sines */
    float *hg;                    /* [pairs][n_ff], and behind it hu */
    float *hu;                    /* [pairs][n_ff] */
    float *hy;                    /* [pairs][n_embd] */
    float *router;                /* [rows][n_expert] */
    uint32_t *ids;                /* [rows][n_used] */
    float *weights;               /* [rows][n_used] */
    uint32_t *pair_of, *pair_row; /* [pairs]: of (token, slot); token of a pair */
    uint32_t *group_at;           /* [n_expert + 1] the pairs of expert e begin at group_at[e] */
    uint32_t *cell, *seq, *pos;   /* [rows] as in struct eng_step */
    uint32_t *state, *mark;       /* [rows] likewise */
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
    const struct eng_ops *ops;
    void *dev; /* the table's own state of the device */
    struct eng_model_opts opts;
    const struct eng_model *paper_of; /* it only counts memory, for this one; else NULL */
    bool kv_f32;                      /* of the options */
    bool split_experts, split_fit;    /* struct eng_model_opts */
    uint32_t gpu_experts, send_from;
    char cublas_says[192]; /* eng_model_cublas() */
    uint32_t kv_bytes;     /* of an element of cached keys and values */
    uint32_t planes;       /* of activations (ops.h) */
    const struct eng_kernels *kernels;
    struct eng_pool *pool;
    struct eng_layer *layers;
    struct eng_weight embd, output; /* output may be embd's tensor (tied) */
    float *output_norm;
    struct eng_weight side_embd, side_proj; /* n_side: [n_layer * n_side] a token; from n_embd */
    float *side_norm;                       /* [n_side] */
    struct eng_hyper hyper;                 /* n_stream > 1: before the output */
    uint32_t n_ones;
    float *ones;       /* [widest head, or all streams]: the weights of norms that have none */
    uint32_t n_ff_max; /* widest FFN of any layer */
    uint64_t *choices; /* [n_layer][n_expert] of the routers; NULL without experts */
    eng_probe_fn probe;
    void *probe_ctx;
    size_t probe_row0;    /* of the slice, in its batch */
    float *gaps;          /* [2][gap_rows] of a layer's experts, keys: while there is a probe */
    uint32_t gap_rows;    /* 0: nobody asks */
    struct eng_scratch s; /* the device's memory: of its first place */
    struct eng_scratch *others; /* of the others: place p's is others[p - 1]; the same sizes */
    struct eng_step step;       /* the host's, of s.rows tokens */
};

/* A cache's memory in one place, of the layers that are there. Elements are of m->kv_bytes whatever
 * the pointers say. Layer l's begin at element k_at[l] and v_at[l] of the cache: k
 * [page][n_head_kv][ENG_PAGE][n_dim], v likewise of n_vdim; on the CPU keys of a page lie in blocks
 * of 16 (cpu/ops.h). Compressed keys of a layer lie likewise at more_at[l] and more_v_at[l]. */
struct eng_cache_part {
    float *k, *v;
    float *x;          /* keys of indexers: from element x_at[l] on [page][ENG_PAGE][n_dim], as k */
    float *state;      /* [n_seq * (1 + ENG_NOTED)][state_each] f32: slots, live or noted */
    size_t state_each; /* floats of all its layers' states */
};

struct eng_cache {
    const struct eng_model *m;
    uint32_t n_seq, n_ctx;
    uint32_t n_cells; /* n_ctx rounded up to whole key blocks and words of bits */
    struct eng_pages *pages;
    uint32_t n_groups;
    struct eng_page_group *groups; /* those of pages; groups[0] sees everything, always there */
    uint8_t *group_of;             /* [n_layer] of the layer's cells */
    uint8_t *group_more;           /* [n_layer] of its compressed keys */
    struct eng_cache_part parts[ENG_PLACES_MAX];
    uint32_t n_parts;
    size_t *k_at, *v_at, *more_at, *more_v_at; /* [n_layer] */
    size_t *x_at;       /* [n_layer]; pages of the layer's compressed keys if it has such */
    uint32_t *picked;   /* [rows of a slice][picked_each] bits: the keys that a token sees */
    size_t picked_each; /* words; 0 = the model has no indexer */
    size_t state_each;  /* floats of all layers' states, 0 = the model has none */
    size_t *state_at;   /* [n_layer] within one of its part's */
    bool *grown;        /* [n_seq] by the slice */
    void *dev;          /* the table's own scratch for this cache */
};

/* Query rows (tokens times heads of a group) that an attention task takes, unless one token has
 * more.
 */
#define ENG_ATTEND_ROWS 12

/* ---- model_family.c: hyper-parameters from metadata ---- */

/* Fills hp and the parts of info that follow, and makes layers. */
enum base_status eng_hparams_read(struct eng_model *m, struct base_err *err) BASE_MUST_CHECK;

/* Reading keys of the form ARCH.NAME; the first failure sticks. */
struct eng_reader {
    const struct eng_gguf *g;
    const char *arch;
    struct base_err *err;
    enum base_status st;
    char key[160];
};
/* Records that the key read last "is missing", or whatever is wrong with it. */
void eng_key_bad(struct eng_reader *r, const char *what);
/* An integer in min..max; absent: fallback, or an error if that is UINT32_MAX. Arrays (one value
 * per layer) are taken if all elements agree. */
uint32_t eng_key_int(struct eng_reader *r, const char *name, uint32_t min, uint32_t max,
                     uint32_t fallback);
/* The same for one layer of an array, or one value for all. */
uint32_t eng_key_int_at(struct eng_reader *r, const char *name, uint32_t layer, uint32_t min,
                        uint32_t max, uint32_t fallback);
float eng_key_num(struct eng_reader *r, const char *name, float fallback);
bool eng_key_flag(struct eng_reader *r, const char *name, bool fallback);
/* Leaves *out and returns false if it is absent. */
bool eng_key_str(struct eng_reader *r, const char *name, struct base_str *out);
/* Whether layer i of m is one with a sliding window: by an array of booleans, or by a period P of
 * which the last layer sees everything (absent: fallback). */
bool eng_key_swa(struct eng_reader *r, uint32_t layer, uint32_t fallback);
/* set: pairs of n_rot dimensions with frequencies base^(-2i/n_rot). */
void eng_rope_set_init(struct eng_reader *r, struct eng_rope_set *set, uint32_t n_rot, float base);
/* Stretches it as the file's rope.scaling.* say. */
void eng_rope_set_scale(struct eng_reader *r, const struct eng_hparams *hp,
                        struct eng_rope_set *set, float base);
/* A number of an array with one per layer, or one for all. */
float eng_key_num_at(struct eng_reader *r, const char *name, uint32_t layer, float fallback);

/* family_deepseek2.c: the keys of latent attention, for other families that have it. */
void eng_read_latent(struct eng_reader *r, struct eng_model *m);

extern const struct eng_family eng_family_gpt_oss, eng_family_glm4moe, eng_family_deepseek2,
    eng_family_mistral4, eng_family_gemma3, eng_family_phi3, eng_family_llama4, eng_family_gemma4,
    eng_family_qwen3next, eng_family_qwen35moe, eng_family_deepseek32, eng_family_glm_dsa,
    eng_family_deepseek4;

/* model.c: another model of the same file, on whose devices nothing is computed: what its table
 * takes is counted (m's table is being opened). */
enum base_status eng_model_open_paper(const struct eng_model *m, struct eng_model **out,
                                      struct base_err *err) BASE_MUST_CHECK;

/* ---- model_load.c: weights from tensors ---- */

enum base_status eng_weights_load(struct eng_model *m, struct base_err *err) BASE_MUST_CHECK;
/* The parts of info that say what a cache takes (model_cache.c). */
void eng_cache_describe(const struct eng_model *m, struct eng_model_info *info);
void eng_weights_free(struct eng_model *m);

/* ---- the forward pass ---- */

/* A slice on its way through the layers. */
struct eng_fwd {
    struct eng_model *m;
    struct eng_cache *c;
    struct eng_scratch *s;
    const struct eng_step *step;
    const struct eng_layer *y;
    uint32_t layer;
    uint32_t n;                     /* tokens */
    float *in;                      /* [n][n_embd] what a half of the layer sees: s->x, or s->in */
    struct eng_sampler *const *who; /* [n_kept] or NULL: eng_batch */
    int32_t *picked;
};

/* model_forward.c: the slice that m->step describes. Writes the logits of the kept tokens; or, with
 * who, what was picked of them (eng_batch). */
enum base_status eng_forward_slice(struct eng_model *m, struct eng_cache *c, float *logits,
                                   struct eng_sampler *const *who, int32_t *picked,
                                   struct base_err *err) BASE_MUST_CHECK;

/* Whether products of w take rounded activations. */
static inline bool eng_wants_ints(const struct eng_weight *w)
{
    return w->rounded;
}

/* y = W x, of one matrix. */
static inline void eng_linear(struct eng_fwd *f, const struct eng_acts *a,
                              const struct eng_weight *w, float *y)
{
    f->m->ops->linear(f, a, f->n, 1, &w, &y);
}

/* y[n] = W x, x[n][n_in] as it is. */
static inline void eng_project(struct eng_fwd *f, const float *x, uint32_t n_in,
                               const struct eng_weight *w, float *y)
{
    struct eng_acts a = f->m->ops->prepare(f, x, NULL, NULL, f->n, n_in, eng_wants_ints(w));
    eng_linear(f, &a, w, y);
}

/* x[n][n_embd] = their RMS norm with these weights, if there are. */
static inline void eng_norm_rows(struct eng_fwd *f, float *x, const float *w)
{
    if (w)
        f->m->ops->norm(f, x, w, f->n, f->m->hp.n_embd);
}

/* model_attn.c, model_ffn.c: a layer's halves. */
void eng_attention(struct eng_fwd *f);
void eng_feed_forward(struct eng_fwd *f);
/* model_side.c: what each layer adds of its own embedding of the tokens. First, from the embedded
 * slice, the inputs of all layers; then, behind a layer, its part of the residual stream. */
void eng_side_inputs(struct eng_fwd *f);
void eng_side_add(struct eng_fwd *f);

/* model_delta.c: normed input -> s->proj, and the state of every sequence in the slice. */
void eng_delta_layer(struct eng_fwd *f);
/* Floats of a layer's state per sequence. */
size_t eng_delta_state(const struct eng_delta_params *p);

/* model_hyper.c: several residual streams. Before a half of a layer: s->in, and the streams mixed
 * with one another; s->mix begins with what each stream takes of what is added. In the end: s->in.
 */
void eng_hyper_in(struct eng_fwd *f, const struct eng_hyper *h);
void eng_hyper_out(struct eng_fwd *f);

/* model_compress.c: as eng_delta_layer. */
void eng_compress_layer(struct eng_fwd *f);
#define ENG_RATIO_NEAR 4   /* tokens of a compressed key: overlapping ones, picked by an indexer; */
#define ENG_RATIO_FAR  128 /* and ones that are all seen */
size_t eng_compress_state(const struct eng_hparams *hp, uint32_t ratio);
/* Tokens of a layer's ring, floats of a token's u (and of its g), and of a ring [ring][u, g]. The
 * ring of keys comes first in a layer's state, then the indexer's. */
static inline uint32_t eng_ring_of(uint32_t ratio)
{
    return ratio == ENG_RATIO_NEAR ? 2 * ratio : ratio;
}
static inline uint32_t eng_width_of(uint32_t length, uint32_t ratio)
{
    return ratio == ENG_RATIO_NEAR ? 2 * length : length;
}
static inline size_t eng_ring_floats(uint32_t length, uint32_t ratio)
{
    return (size_t)eng_ring_of(ratio) * 2 * eng_width_of(length, ratio);
}

/* model_probe.c: room for m->choices; freed with the model. */
enum base_status eng_choices_init(struct eng_model *m, struct base_err *err) BASE_MUST_CHECK;
/* m->gaps and m->gap_rows for a slice of so many rows. */
enum base_status eng_gaps_room(struct eng_model *m, uint32_t rows,
                               struct base_err *err) BASE_MUST_CHECK;

/* Whether layer l writes keys and values of its own. */
static inline bool eng_keeps_keys(const struct eng_model *m, uint32_t l)
{
    return m->layers[l].mixer != ENG_MIX_DELTA && m->layers[l].kv_from == l;
}

static inline uint32_t eng_cells(uint32_t n) /* whole key blocks, and whole words of bits */
{
    return (n + 31) / 32 * 32;
}

/* Cells of compressed keys that a layer has for sequences of n_ctx tokens. */
static inline uint32_t eng_more_cells(const struct eng_layer *y, uint32_t n_ctx)
{
    return y->ratio ? eng_cells(n_ctx / y->ratio) : 0;
}

/* ---- places ---- */

static inline uint32_t eng_places(const struct eng_model *m)
{
    return m->ops->places ? m->ops->places(m) : 1;
}

static inline uint32_t eng_place_of(const struct eng_model *m, uint32_t l)
{
    return m->ops->place_of ? m->ops->place_of(m, l) : 0;
}

static inline struct eng_scratch *eng_scratch_at(struct eng_model *m, uint32_t place)
{
    return place ? &m->others[place - 1] : &m->s;
}

/* The memory that layer l's keys, values and states are in. */
static inline const struct eng_cache_part *eng_part(const struct eng_cache *c, uint32_t l)
{
    return &c->parts[eng_place_of(c->m, l)];
}

/* Layer l's part of the state in this slot. */
static inline float *eng_state(const struct eng_cache *c, uint32_t l, uint32_t slot)
{
    const struct eng_cache_part *p = eng_part(c, l);
    return p->state + (size_t)slot * p->state_each + c->state_at[l];
}

/* model_cache.c: the next token of seq comes: its index in the sequence. mark: where to note the
 * state behind it (struct eng_step). */
uint32_t eng_cache_add(struct eng_cache *c, uint32_t seq, int32_t token, bool note, uint32_t *mark);
/* What was added since the last call is computed. */
void eng_cache_commit(struct eng_cache *c);
/* What was added is not computed, and never will be: empties those sequences. */
void eng_cache_drop(struct eng_cache *c);
/* The page tables are brought to the device. */
void eng_cache_clean(struct eng_cache *c);

#endif

/* ops.h - the table of operators that the forward pass drives: what a device must be able to do.
 *
 * model_forward.c, model_attn.c, model_ffn.c and their like say which operation follows which, per
 * family. They never look into activations, weights or cache memory: whatever touches those is an
 * operator in here. Plain C and the fast CPU kernels share one table (cpu/table.c; they differ in
 * struct eng_kernels), CUDA has another. A pointer to such memory is a device address of the
 * table's own kind; host code may add to it, pass it on, and nothing else.
 *
 * A step is one slice of a batch: begin, the operators in the order in which the forward pass calls
 * them, end. Operators of a step may run later than they are called, in that order. They return
 * nothing: a device keeps its first failure, ignores what follows and tells it at end(). Operators
 * that take memory or weights return a status at once. One thread calls the table of one model.
 *
 * Shapes are [rows][columns], columns adjacent, f32 unless told otherwise; n = f->n, the tokens of
 * the slice (in the last layer's FFN and behind it: the wanted ones). Names of buffers (s->q ...)
 * are those of struct eng_scratch, of models those of struct eng_hparams and eng_layer
 * (model_impl.h); f->y is the current layer, f->layer its index.
 *
 * What a token gives must not depend on which other tokens are in the slice, nor on how sequences
 * are cut into slices, up to the table's own tolerance: to the bit on the CPU.
 */
#ifndef ENG_OPS_H
#define ENG_OPS_H

#include "base/err.h"
#include "engine/model/gguf.h"
#include "engine/model/model.h"
#include "engine/model/quant.h"

struct eng_cache;
struct eng_fwd;
struct eng_hyper;
struct eng_model;
struct eng_model_memory;
struct eng_sampler;

/* ---- what operators are given ---- */

/* A weight matrix [n_out][n_in], or n_mat of them (one per expert, or head): y[o] = scale (sum_i
 * W[o][i] x[i]) + bias[o]; there is never both a scale and a bias. */
struct eng_weight {
    const struct eng_tensor *tensor; /* NULL: there is no such weight */
    uint32_t type;
    uint32_t n_in, n_out, n_mat;
    uint32_t
        half; /* two matrices in one (gate, then up): outputs half.. are the second's; else 0 */
    uint64_t row_bytes;
    const uint8_t *data; /* rows as in the file, in host memory: [n_mat][n_out][row_bytes] */
    uint8_t *own;        /* data, if it is not the file's; owned */
    float *bias;         /* [n_mat][n_out] or NULL; the device's */
    float *scale;        /* [n_mat] or NULL; the device's */
    bool rounded;        /* its products take activations that prepare() has rounded */
    void *dev;           /* what another device than the CPU made of it; the table's own */
    /* the CPU's form: */
    uint8_t *tiles;      /* repacked (cpu/tile.h), or NULL */
    uint64_t tile_bytes; /* of 16 rows */
    uint64_t mat_tiles;  /* tiles per matrix */
};

/* Rows of activations, [n_rows][n_in], with what products of rounded activations need beside the
 * floats: q and qi are what the table's prepare() made and its products take. */
struct eng_acts {
    const float *x; /* always */
    uint32_t n_in;
    uint32_t planes;            /* CPU: 1 as eng_quant_q8 gives, 2 as eng_quant_q16 */
    const int8_t *q;            /* CPU: [n_rows][n_in / 32][eng_act_bytes(planes)] */
    const struct eng_qinfo *qi; /* CPU: [n_rows][n_in / 32] */
};

/* Mixture-of-Experts routing as parameters. With logits l and, for selection only, a bias b:
 * probabilities p = softmax(l), sigmoid(l), l itself (SOFTMAX_SELECTED: softmax over the chosen
 * afterwards) or sqrt(softplus(l)); selected are the n_used largest of p + b (among the
 * n_group_used groups whose two best sum highest, if n_group > 1); a weight is p, over their sum if
 * normalise, times scale. cpu/ops_ref.c is the definition. */
enum eng_gating {
    ENG_GATE_SOFTMAX = 1,
    ENG_GATE_SIGMOID = 2,
    ENG_GATE_SOFTMAX_SELECTED = 3,
    ENG_GATE_SQRT_SOFTPLUS = 4
};
struct eng_moe_params {
    uint32_t n_expert, n_used;
    uint32_t n_group, n_group_used; /* n_group <= 1: no groups */
    enum eng_gating gating;
    bool normalise; /* weights sum to 1 */
    float scale;    /* of the weights; 0 and 1 do nothing */
};
#define ENG_EXPERT_MAX      1024
#define ENG_EXPERT_USED_MAX 64

/* One feed-forward network, or one per expert: s->hy[r] = down(act(gate x_r) * up x_r). */
struct eng_ffn {
    const struct eng_weight *gate, *up, *down;
    const struct eng_acts *a; /* [n] rows, normed and rounded */
    uint32_t n_ff;
    float clamp;      /* before act: gate <= clamp, -clamp <= up <= clamp; 0 = no */
    bool merged;      /* gate has the rows of up behind its own (gate->half), up is not looked at */
    bool routed;      /* rows are the pairs that group() made: row p takes input s->pair_row[p] and
                         the matrices of its expert; else rows are tokens and there is one matrix */
    bool weigh_input; /* routed: gate x and up x times the pair's weight (then not in combine()) */
    uint32_t n_rows;  /* n, or n * n_used */
};

/* A slice as the host knows it; in host memory, from begin() to end() unchanged. */
struct eng_step {
    uint32_t n;      /* tokens */
    int32_t *token;  /* [n] */
    uint32_t *seq;   /* [n] sequence of each */
    uint32_t *cell;  /* [n] index of the token in its sequence: what page tables are about */
    uint32_t *pos;   /* [n] its position for RoPE: cell + the position where its sequence began */
    uint32_t *state; /* [n] slot of its sequence's recurrent state (eng_state) */
    uint32_t
        *mark; /* [n] slot to copy that state to behind this token; ENG_NO_MARK (pages.h) = none */
    uint32_t *kept;   /* [n_kept] tokens whose logits are wanted, ascending */
    uint32_t n_kept;  /* for keep() */
    uint32_t n_seqs;  /* different sequences in the slice */
    uint32_t max_len; /* the largest cell + 1 */
};

/* ---- the table ---- */

#define ENG_PLACES_MAX 16
#define ENG_EVERYWHERE UINT32_MAX

struct eng_ops {
    const char *name;
    bool host;           /* device addresses are host addresses */
    bool values_in_keys; /* the cache keeps no values of latent and compressed attention, since they
                            are the first n_vdim elements of the keys */

    /* -- life -- */

    /* The device's state (m->dev); m's hyper-parameters are read, its weights not. Sets
     * m->kv_bytes, the size of an element of cached keys and values (4: f32, 2: f16). */
    enum base_status (*open)(struct eng_model *m, struct base_err *err);
    /* Whether the device has failed for good (eng_model_lost). NULL: it cannot. */
    bool (*lost)(const struct eng_model *m);
    /* What eng_model_memory_of tells. NULL: nothing. */
    bool (*memory)(const struct eng_model *m, uint32_t place, struct eng_model_memory *out);
    /* All its memory is given back already. Also after a failed open. */
    void (*close)(struct eng_model *m);

    /* Places: memories of their own (several GPUs), numbered from 0; at most ENG_PLACES_MAX. A
     * layer's weights, cache and the scratch of its operators are in one place; where layer l is,
     * and places there are, does not change. NULL: there is one. */
    uint32_t (*places)(const struct eng_model *m);
    uint32_t (*place_of)(const struct eng_model *m, uint32_t l);
    /* Weights and vectors that come from now on belong into this place (ENG_EVERYWHERE: vectors
     * that all layers need). NULL: there is one. */
    void (*loading)(struct eng_model *m, uint32_t place);

    /* Memory of a place, aligned to 256 bytes, of undefined content; bytes may be 0. *out is
     * NULL on failure. */
    enum base_status (*take)(const struct eng_model *m, uint32_t place, enum eng_memory_use use,
                             uint64_t bytes, void **out, struct base_err *err);
    void (*give)(const struct eng_model *m, void *p); /* NULL is fine */
    /* In the order of operators. upload() may return before it is done with src only if it has
     * copied it; download() returns when dst is filled (after a failure: with zeros). */
    void (*upload)(const struct eng_model *m, void *dst, const void *src, uint64_t bytes);
    void (*download)(const struct eng_model *m, void *dst, const void *src, uint64_t bytes);
    void (*copy)(const struct eng_model *m, void *dst, const void *src, uint64_t bytes);
    void (*zero)(const struct eng_model *m, void *dst, uint64_t bytes);

    /* Takes a weight over: w's shape, type, half and host data are set, bias and scale already the
     * device's. Makes the device's form, sets rounded, adds to m->info.weight_bytes what memory
     * that took, and may free w->own and let the file's pages go (eng_weight_drop). */
    enum base_status (*weight)(struct eng_model *m, struct eng_weight *w, struct base_err *err);
    /* The device's form only; bias and scale go through give(), own is the caller's. */
    void (*weight_free)(struct eng_model *m, struct eng_weight *w);
    /* A table [n_vocab][n_in] of which rows are looked up by token (m->embd, m->side_embd). m->embd
     * may be the same tensor as m->output. Freed by weight_free. */
    enum base_status (*table)(struct eng_model *m, struct eng_weight *w, struct base_err *err);
    /* *x: bytes of malloc'ed host memory (norms, biases, tables of numbers), which becomes the
     * device's: on the CPU as it is, else copied there and freed here. Released by give(). On
     * failure *x is as before. */
    enum base_status (*vector)(struct eng_model *m, void **x, uint64_t bytes, struct base_err *err);
    /* Bytes of s->aq and s->aqi for so many activations at once (whole rows, any cut into rows). */
    void (*acts_bytes)(const struct eng_model *m, uint64_t values, uint64_t *q, uint64_t *qi);
    /* Rows of logits that head() can make at once; 0 = any number. */
    uint32_t (*head_rows)(const struct eng_model *m);
    /* The device's own scratch for a cache (c->dev), and how many bytes that will be. */
    enum base_status (*cache_open)(struct eng_cache *c, struct base_err *err);
    void (*cache_close)(struct eng_cache *c);
    uint64_t (*cache_bytes)(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx);
    /* Adds what the routers chose since the last call to m->choices[n_layer][n_expert]. */
    void (*choices)(const struct eng_model *m);

    /* -- a step -- */

    /* Brings the slice to the device: f->step's token, seq, cell, pos, state, mark into s->token
     * ..., kept into s->kept, and those page tables of f->c->groups that have changed. */
    void (*begin)(struct eng_fwd *f);
    /* Waits for the step. Nothing that fails later may be told as done. */
    enum base_status (*end)(struct eng_fwd *f, struct base_err *err);

    /* What follows is of layer f->layer. Sets f->s to the scratch of its place, with the residual
     * stream, and what else goes from layer to layer, in it; f->in too, if that is s->x. NULL:
     * there is one place. */
    void (*layer)(struct eng_fwd *f);

    /* s->x[n][n_stream][n_embd] = row token of m->embd * embedding_scale, the same in all streams;
     * s->cs[k][n][n_rot] = cos and sin of pos * freq[i], times mscale, side by side, of each
     * rope_set k with n_rot > 0. */
    void (*embed)(struct eng_fwd *f);
    /* The rows s->kept[0..n_kept) of s->x [n_stream * n_embd], s->inputs [n_layer * n_side] (if
     * n_side) and s->token move to the front; f->n is the old one still. */
    void (*keep)(struct eng_fwd *f);
    /* x[values] *= factor */
    void (*scale)(struct eng_fwd *f, float *x, uint64_t values, float factor);
    /* a: n_rows normed rows of n_embd. logits (host memory) [n_rows][n_vocab] = m->output times
     * them, divided by logit_scale, then c tanh(. / c) with c = logit_softcap if that is not 0.
     * Filled when end() has returned. */
    void (*head)(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows, float *logits);
    /* NULL: the host picks. Else the same as head(), but tokens come back and not logits: row r's
     * is picked[r], as who[r] would pick it, and who[r] knows (eng_sampler_took); -1: no finite
     * logit; ENG_PICK_ROW where the device does not pick (or who[r] is NULL): then the row stands
     * in logits, penalised already if who[r] was asked (eng_sampler_ask). Waits for the device. */
    void (*draw)(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows,
                 struct eng_sampler *const *who, int32_t *picked, float *logits);

    /* -- rows -- */

    /* Activations for products: with norm [n_in] y[r] = x[r] / sqrt(mean(x[r]^2) + rms_eps) * norm
     * (y may be x), else the rows are x's; rounded if some product needs that. They live until the
     * next prepare. */
    struct eng_acts (*prepare)(struct eng_fwd *f, const float *x, const float *norm, float *y,
                               uint32_t n_rows, uint32_t n_in, bool rounded);
    /* x[r] = RMS norm of x[r][n_in] with weights w; in place. */
    void (*norm)(struct eng_fwd *f, float *x, const float *w, uint32_t n_rows, uint32_t n_in);
    /* y_i[n_rows][w_i->n_out] = w_i times a's rows, with bias and scale, for count <= 3 matrices.
     */
    void (*linear)(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows, uint32_t count,
                   const struct eng_weight *const *w, float *const *y);
    /* Row r of group g times matrix g: a has [w->n_mat][n_rows] rows; y[r * ldy + g * step + o]. */
    void (*linear_each)(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows,
                        const struct eng_weight *w, float *y, size_t ldy, size_t step);
    /* dst[values] = src; dst += src */
    void (*assign)(struct eng_fwd *f, float *dst, const float *src, uint64_t values);
    void (*add)(struct eng_fwd *f, float *dst, const float *src, uint64_t values);
    /* The residual stream takes add[n][n_embd]: s->x += residual_scale * add; with n_stream > 1
     * stream i of token t takes s->mix[t * (2 + n_stream) * n_stream + i] * add[t]. */
    void (*residual)(struct eng_fwd *f, const float *add);

    /* -- attention -- */

    /* out_gate: s->ql [n][n_head][2][n_dim] -> s->q [n][n_head][n_dim], the first of the two. */
    void (*ungate)(struct eng_fwd *f);
    /* out_gate: s->att *= sigmoid of the second of the two. */
    void (*gate)(struct eng_fwd *f);
    /* Queries s->q [n][n_head][n_dim], keys s->k [n][n_head_kv][n_dim] and values s->v
     * [n][n_head_kv][n_vdim] from the projections to attention, per token in this order (only what
     * the layer has; keys and values only if kv_from is the layer itself):
     *   value_norm: without a weight v the values are first copied from the keys; then each value
     *     head is RMS-normed without weights;
     *   queries normed by q_norm, per head [n_dim] or (ENG_QK_NORM_ALL) over all heads; in a
     *     compressing layer per head without weights; queries turned (see below);
     *   keys normed by k_norm likewise, and turned;
     *   post_qk_norm: queries and keys normed again per head, without weights;
     *   temp: queries times 1 + temp_scale ln(floor((pos + temp_offset) / temp_length) + 1);
     *   keys and values into the cache at the token's cell; in latent and compressing layers the
     *     value is the first n_vdim of the key.
     * Turning: unless y->rope < 0, each head's first n_rot elements (in latent and compressing
     * layers the last n_rot of n_dim) by s->cs[k], k = 1 if the cache is longer than n_ctx_long,
     * else y->rope; pairs (2i, 2i + 1), or with the family's neox (i, i + n_rot / 2): (a, b) -> (a
     * cos - b sin, a sin + b cos). */
    void (*heads)(struct eng_fwd *f);
    /* s->att [n][n_head][n_vdim] = softmax(attn_scale q K^T) V of the keys that the token sees:
     * cells j <= cell of its sequence, with a window those above cell - window, with chunk those
     * with the same position / chunk; where the layer is indexed (and y->ratio == 0) and there are
     * more than index.top_k of them, those whose bit c->picked[t][j] is set. With y->ratio: the
     * cells and the compressed keys whose bits are set (see pick). Query head h belongs to key head
     * h / (n_head / n_head_kv). sinks: one more logit per head, without a value. */
    void (*attend)(struct eng_fwd *f);
    /* Latent: s->k [n][n_dim]: its first n_vdim normed by kv_a_norm. s->ql [n][n_head][n_nope +
     * rot], rot = n_dim - n_vdim: the n_nope go to s->heads [n_head][n][n_nope], the rest behind
     * the n_vdim of s->q [n][n_head][n_dim]. */
    void (*latent_split)(struct eng_fwd *f);
    /* s->att [n][n_head][n_vdim] -> s->heads [n_head][n][n_vdim] */
    void (*latent_gather)(struct eng_fwd *f);
    /* Indexer of a latent layer (cpu/index.c): s->ik [n][index.n_dim] normed (mean, variance,
     * then k_norm and k_norm_bias), turned and stored in the cache; s->iq [n][index.n_head][n_dim]
     * turned; with s->iw [n][index.n_head], for tokens with more than top_k keys, c->picked. */
    void (*index)(struct eng_fwd *f);
    /* Compressing layers with a ratio (model_compress.c): u and gates of this slice, s->squeeze[0]
     * and [1] (the indexer's: [2], [3]) [n][width], through the rings of their sequences' states;
     * what completes a key puts it into the cache's compressed keys. */
    void (*squeeze)(struct eng_fwd *f);
    /* c->picked[t]: bits of the window's cells, and from bit eng_cells(n_ctx) on of the compressed
     * keys: all, or with an indexer (s->iq unturned, s->iw) the top_k. */
    void (*pick)(struct eng_fwd *f);
    /* Heads of s->att turned back (angles negated), and by groups of heads: s->heads
     * [n_out_group][n][n_head / n_out_group * n_dim]. */
    void (*regroup)(struct eng_fwd *f);

    /* -- gated DeltaNet (model_delta.c) -- */

    /* s->q [n][channels] through the convolution and silu, with the states' inputs; then the
     * 2 n_key heads of dk of queries and keys at length 1. */
    void (*delta_conv)(struct eng_fwd *f);
    /* The states take the tokens in order: s->att [n][n_value][dv] from s->q and the gates s->v
     * ([n][2 n_value] interleaved by key head if d->ba is there, else [2][n][n_value]: b, then a).
     */
    void (*delta_step)(struct eng_fwd *f);
    /* s->att [n][n_value][dv]: heads normed by d->norm, times silu(s->k), of the same shape. */
    void (*delta_gate)(struct eng_fwd *f);

    /* -- feed forward -- */

    /* s->router [n][n_expert] -> s->ids and s->weights [n][n_used], in descending order of score;
     * in layers with y->hash ids are y->hash[token][n_used] and only weights are made. */
    void (*route)(struct eng_fwd *f);
    /* (token, slot) pairs sorted by expert, within one by token and slot: s->pair_of [n][n_used] is
     * a pair's place, s->pair_row [pairs] its token, s->group_at [n_expert + 1] where each expert's
     * pairs begin. Counts the choices. */
    void (*group)(struct eng_fwd *f);
    void (*ffn)(struct eng_fwd *f, const struct eng_ffn *j);
    /* s->proj[t][n_embd] = sum over slots k in order of (weigh_input ? 1 : weights[t][k]) *
     * hy[pair_of[t][k]] */
    void (*combine)(struct eng_fwd *f);
    /* The residual stream takes s->hy[n][n_embd] as by residual(), each token's times
     * sigmoid(s->xn . shared_scale) if the layer has one. */
    void (*shared)(struct eng_fwd *f);

    /* -- several residual streams, embeddings of layers -- */

    /* s->mix [n][(2 + n_stream) * n_stream] as the matrix gave it -> s->in [n][n_embd], the streams
     * s->x mixed, and s->mix begins with what each stream takes (model_hyper.c). */
    void (*hyper_in)(struct eng_fwd *f, const struct eng_hyper *h);
    /* s->mix [n][n_stream] -> s->in [n][n_embd] */
    void (*hyper_out)(struct eng_fwd *f, const struct eng_hyper *h);
    /* s->inputs [n][n_layer][n_side], as side_proj gave it, joined with the tokens' rows of
     * m->side_embd (model_side.c). */
    void (*side_inputs)(struct eng_fwd *f);
    /* s->proj [n][n_side] = gelu(s->proj) * s->inputs[.][layer], the tanh form */
    void (*side_gate)(struct eng_fwd *f);
};

/* The CPU's; of both enum eng_device CPU and REF. */
extern const struct eng_ops eng_ops_cpu;
/* A CUDA device's; of CUDA and EMULATED. */
extern const struct eng_ops eng_ops_cuda;

/* Gives the mapped file's pages that only this tensor covers back to the system; they are read
 * again if ever needed. */
void eng_weight_drop(const struct eng_tensor *t);

#endif

/* table.h - what the files of CUDA's table of operators share; nobody else includes it.
 *
 * An operator of engine/ops.h becomes launches of kernels, none or several: eng_gpu_NAME. All of
 * them run on the thread that calls the table, ask for work and return; what the device makes of it
 * is waited for in end(). Three things are put off until what follows is known, so that one launch
 * does it all: the norm and rounding of prepare() (until a product says which rounding it takes),
 * what joins the residual stream (struct eng_gpu_join), and what attention's neighbours do to heads
 * (ungate, gate, latent_split, latent_gather move nothing: the launches read and write where the
 * table's definition says the result stands next).
 */
#ifndef ENG_CUDA_TABLE_H
#define ENG_CUDA_TABLE_H

#include "engine/cuda/attend.h"
#include "engine/cuda/compress.h"
#include "engine/cuda/delta.h"
#include "engine/cuda/driver.h"
#include "engine/cuda/heads.h"
#include "engine/cuda/hyper.h"
#include "engine/cuda/index.h"
#include "engine/cuda/pack.h"
#include "engine/cuda/product_any.h"
#include "engine/cuda/route.h"
#include "engine/cuda/rows.h"
#include "engine/model/model_impl.h"

/* A weight on the device (eng_weight.dev). */
struct eng_gpu_weight {
    struct eng_pack p;
    struct eng_gpu *g;         /* where mem is */
    void *mem;                 /* NULL: it is the second of a pair, or waits for it */
    uint32_t first_mat;        /* of a share: the expert that is its first */
    struct eng_weight *shares; /* one a device, owned (ops_spread.c); NULL: it is whole */
    bool waiting;              /* a gate whose `up` has not come yet */
    bool in_pair;              /* an `up` that is packed with its gate */
};

/* Device memory that grows as it is asked for. */
struct eng_gpu_buffer {
    void *p;
    size_t n;
    bool zero; /* it was made so (eng_gpu_zeros) */
};

/* What joins the residual stream, put together from several operators (ops_rows.c). */
struct eng_gpu_join {
    struct weir_join_args a;
    const float
        *target;   /* where the operators believe the sum to stand; NULL: nothing is put off */
    int stage;     /* norms so far: 0 none, 1 norm_a, 2 side, 3 norm_b */
    bool complete; /* residual() has come */
};

/* Rows that prepare() was given, and what was made of them. */
struct eng_gpu_acts {
    const float *x;    /* as they are; or, once normed, y */
    const float *norm; /* not applied yet, or NULL */
    float *y;
    uint32_t n_rows, n_in;
    bool made[ENG_ACTS_KINDS];
    const float *ssq;  /* products are still to divide by the RMS (struct weir_acts); or NULL */
    uint32_t plain[2]; /* planes for cuBLAS: of halves, of bfloat16 (ops_blas.c) */
    uint32_t bank;     /* of g->acts: what made these rows may still read the other */
};

/* Rows that a launch has made ready before prepare() names them (ops_tail.c). */
struct eng_gpu_ahead {
    const float *x, *norm; /* what prepare() will be given; x NULL: nothing is ready */
    bool made[ENG_ACTS_KINDS];
    const float *ssq;
};

/* A product whose launch waits until it is known what becomes of what it gives (ops_tail.c). */
struct eng_gpu_late {
    struct weir_mm_args mm;
    enum eng_pack_form form;
    uint32_t n_tok, slots;
    const float *y; /* where its operator leaves the outputs; NULL: nothing waits */
};

/* Lists of tiles: one for each number of query heads to a key head that layers have, one of tiles
 * for attention with lists (a token each), one of a token each in their order. */
#define ENG_GPU_GROUPS 6
#define ENG_GPU_EACH   (ENG_GPU_GROUPS + 1)
#define ENG_GPU_LISTS  (ENG_GPU_GROUPS + 2)
#define ENG_GPU_GRAPHS 64

/* What the host brings to the device for a step, in one block: word offsets into it. */
struct eng_gpu_words {
    size_t token, kept_token, seq, cell, pos, slot, mark, kept, base;
    size_t tiles[ENG_GPU_LISTS]; /* of weir_tile */
    size_t order_token, order_run, order_first;
    size_t chunk, longs, chunked; /* of DeltaNet's prompts (delta.h) */
    size_t rows, side;            /* embedded rows, floats */
    size_t total;
};

/* A decode step as graphs: of so many tokens, each of another sequence, all wanted. One graph, or
 * as many as the host's parts in the step cut it into. */
struct eng_gpu_graph {
    eng_cu_graph_exec *parts;     /* [n_parts] */
    struct eng_cuda_calls *bytes; /* [n_parts][devices]: what a part copies */
    uint32_t n_parts;
    bool recorded; /* all of them */
    const struct eng_cache *c;
    uint32_t n, seen; /* steps of this shape so far */
    bool drawn;       /* tokens are picked on the device, logits stay there */
};

/* What samplers ask for, on the host and on the device (ops_draw.c). */
struct eng_gpu_draw {
    unsigned char *host, *dev;
    size_t n; /* bytes of each */
};

/* Rows of g->logits to pick from; as eng_ops.draw. */
struct eng_gpu_drawing {
    struct eng_sampler *const *who;
    int32_t *picked;
    float *logits;
    uint32_t n_rows;
};

struct eng_blas;
struct eng_hybrid;

/* A vector that all devices have: the first one's copy is what the model knows. */
#define ENG_GPU_COPIES 4
struct eng_gpu_copies {
    void *at[ENG_PLACES_MAX];
};

struct eng_gpus;

/* A device and what the table keeps for it. */
struct eng_gpu {
    struct eng_cuda *d;
    struct eng_model *m;
    struct eng_gpus *set;
    uint32_t place;            /* in the set, as the model counts places */
    struct eng_hybrid *hybrid; /* experts are partly on the CPU (hybrid.h); NULL: all are here */
    struct eng_fwd *f;         /* of the step; NULL between steps */
    uint64_t weights;          /* bytes planned */
    /* step */
    uint32_t *host, *words; /* the block, pinned and on the device */
    struct eng_gpu_words at;
    uint32_t n_groups, group[ENG_GPU_GROUPS];
    uint32_t n_tile[ENG_GPU_LISTS], n_few[ENG_GPU_LISTS], n_run;
    uint32_t n_chunk, n_long;
    const int32_t *token; /* of the rows as they are now: words + token, or kept_token */
    bool kept;            /* keep() has come */
    float *logits;        /* [head_rows][n_vocab] on the device, and pinned */
    float *host_logits;
    float *out; /* where end() puts the pinned ones; NULL: nowhere */
    size_t out_floats;
    /* scratch of the table's own */
    struct eng_gpu_buffer acts[2][ENG_ACTS_KINDS], ssq[2], hidden[2], turned, part, keep, join,
        shared, group_buf, scores, pick, counters, arrived, arrived_tokens, arrived_heads, land,
        chunks, words_room, logits_room, choices_room;
    /* cuBLAS, if there is one (ops_blas.c): activations, a pair's products, a matrix unpacked, the
     * library's workspace */
    struct eng_blas *blas;
    struct eng_gpu_buffer plain[2], plain_hidden, plain_sum, plain_tile, blas_room;
    uint32_t prompt_rows; /* tokens of the step that belong to prompts */
    bool blas_none;       /* there was no room for it */
    struct eng_gpu_acts a;
    struct eng_gpu_ahead ahead;
    struct eng_gpu_late late;
    bool absorbed;    /* k_b's product, and heads, came with the queries' (ops_latent.c) */
    bool values_wait; /* attention left its parts in `values` */
    struct weir_values_args values;
    bool rode; /* the shared expert came with the layer's others */
    struct eng_gpu_join join_now;
    struct eng_gpu_draw draw;
    struct eng_gpu_drawing drawing; /* behind the graph; n_rows 0: nothing */
    uint64_t *choices;              /* [n_layer][n_expert] on the device */
    struct weir_mm_args router;     /* waits for group(), if router_waits */
    bool router_waits;
    struct weir_route_args routed;
    struct weir_group_args grouped;
    struct base_err err; /* of the table itself: memory */
    enum base_status st;
};

/* All devices of a model (eng_model.dev). Layers are cut into ranges, one a device, in the order of
 * places; or the first has all of them, and each has experts of all (gpus.c). */
struct eng_gpus {
    uint32_t n;
    struct eng_gpu *at[ENG_PLACES_MAX];
    struct eng_gpu *now; /* whose layers a step is at */
    uint32_t loading;    /* place of what is being loaded, or ENG_EVERYWHERE */
    uint32_t first_layer[ENG_PLACES_MAX + 1];
    bool spread; /* experts of each layer lie on all devices: */
    uint32_t first_expert[ENG_PLACES_MAX + 1];
    bool linked;
    struct eng_gpu_graph graphs[ENG_GPU_GRAPHS];
    struct eng_gpu_graph *graph; /* of this step; of all devices together */
    uint32_t graph_part;         /* of it, where the step is */
    bool replaying, in_part;     /* in_part: not where the host takes part */
    struct eng_gpu_copies copies[ENG_GPU_COPIES];
    uint32_t n_copies;
};

static inline struct eng_gpus *eng_gpus_of(const struct eng_model *m)
{
    return m->dev;
}

/* The device whose layers the step is at. */
static inline struct eng_gpu *eng_gpu_of(const struct eng_fwd *f)
{
    return eng_gpus_of(f->m)->now;
}

/* The device that has the first layer; NULL: there is none (yet). */
static inline struct eng_gpu *eng_gpu_first(const struct eng_model *m)
{
    return m->dev ? eng_gpus_of(m)->at[0] : NULL;
}

static inline uint32_t *eng_gpu_word(const struct eng_gpu *g, size_t at)
{
    return g->words + at;
}

/* The table's own scratch of a device; returns how many. */
#define ENG_GPU_ROOMS 40
uint32_t eng_gpu_rooms(struct eng_gpu *g, struct eng_gpu_buffer *out[ENG_GPU_ROOMS]);
/* At least n bytes; content is lost when it grows. NULL after a failure, which sticks. */
void *eng_gpu_room(struct eng_gpu *g, struct eng_gpu_buffer *b, size_t n);
/* The same, and all zero if it has grown. Kernels leave counters at zero. */
void *eng_gpu_zeros(struct eng_gpu *g, struct eng_gpu_buffer *b, size_t n);
/* Launches what was put off of the residual stream: before anything that reads it. */
void eng_gpu_settle(struct eng_fwd *f);

/* gpus.c */
enum base_status eng_gpus_open(struct eng_model *m, struct base_err *err) BASE_MUST_CHECK;
void eng_gpus_close(struct eng_model *m);
/* The device that this address is of; NULL: none of ours. */
struct eng_gpu *eng_gpu_at(const struct eng_model *m, const void *p);
/* A shared vector (ENG_EVERYWHERE) as this device has it. */
const float *eng_gpu_copy(const struct eng_gpu *g, const float *x);
/* The step goes on to the device that has f->layer. */
void eng_gpu_layer(struct eng_fwd *f);
/* ops_spread.c */
bool eng_spread_takes(const struct eng_model *m, const struct eng_weight *w);
/* What of w is g's, without its matrices. */
enum base_status eng_spread_share(struct eng_gpu *g, struct eng_weight *w, struct eng_weight *share,
                                  struct base_err *err) BASE_MUST_CHECK;
void eng_spread_free(struct eng_gpus *all, struct eng_gpu_weight *x);
enum base_status eng_spread_link(struct eng_fwd *f, struct base_err *err) BASE_MUST_CHECK;
/* What goes to another device of the first one's rows and choices: 3 pieces. */
uint32_t eng_spread_there(const struct eng_fwd *f, const struct eng_scratch *to, const float *rows,
                          uint32_t n, struct eng_cuda_piece out[3]);
/* ffn() of routed experts, and combine(), of spread ones. */
void eng_spread_ffn(struct eng_fwd *f, const struct eng_ffn *j);
void eng_spread_combine(struct eng_fwd *f);

/* reserve.c: plans the memory of every device and takes it. */
enum base_status eng_gpus_reserve(struct eng_model *m, struct base_err *err) BASE_MUST_CHECK;
/* Readies sends of a step from one device to the next. */
enum base_status eng_gpu_link(struct eng_gpu *from, struct eng_gpu *to,
                              struct base_err *err) BASE_MUST_CHECK;

/* ops_weight.c */
enum base_status eng_gpu_weight(struct eng_model *m, struct eng_weight *w, struct base_err *err);
void eng_gpu_weight_free(struct eng_model *m, struct eng_weight *w);
/* Bytes that the weights of the file take on the device, about; with routed experts or without. */
uint64_t eng_gpu_weights_planned(const struct eng_model *m, bool experts);

/* ops_step.c */
void eng_gpu_begin(struct eng_fwd *f);
enum base_status eng_gpu_end(struct eng_fwd *f, struct base_err *err);
void eng_gpu_step_free(struct eng_gpu *g);
void eng_gpu_embed(struct eng_fwd *f);
void eng_gpu_keep(struct eng_fwd *f);
void eng_gpu_head(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows, float *logits);
/* g->logits alone. */
void eng_gpu_logits(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows);
uint32_t eng_gpu_head_rows(const struct eng_model *m);
/* The host takes part in the step: what was asked for so far is on its way when pause() returns,
 * and what the host asks for then is done at once and in no graph; from resume() on the step is
 * recorded, or replayed, again. What stands between two pauses must not depend on what is computed.
 */
void eng_gpu_pause(struct eng_gpus *all);
void eng_gpu_resume(struct eng_gpus *all);
/* Forgets the graphs of a cache; NULL: all. */
void eng_gpu_graphs_drop(struct eng_gpus *all, const struct eng_cache *c);
/* The angles of the slice's positions. */
void eng_gpu_angles(struct eng_fwd *f);

/* ops_draw.c */
void eng_gpu_draw(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows,
                  struct eng_sampler *const *who, int32_t *picked, float *logits);
/* Picks now and waits; a failure sticks in g. */
void eng_gpu_draw_rows(struct eng_gpu *g, const struct eng_gpu_drawing *j);
void eng_gpu_draw_free(struct eng_gpu *g);

/* ops_rows.c */
void eng_gpu_scale(struct eng_fwd *f, float *x, uint64_t values, float factor);
void eng_gpu_norm(struct eng_fwd *f, float *x, const float *w, uint32_t n_rows, uint32_t n_in);
void eng_gpu_assign(struct eng_fwd *f, float *dst, const float *src, uint64_t values);
void eng_gpu_add(struct eng_fwd *f, float *dst, const float *src, uint64_t values);
void eng_gpu_residual(struct eng_fwd *f, const float *add);
void eng_gpu_combine(struct eng_fwd *f);
void eng_gpu_shared(struct eng_fwd *f);
void eng_gpu_hyper_in(struct eng_fwd *f, const struct eng_hyper *h);
void eng_gpu_hyper_out(struct eng_fwd *f, const struct eng_hyper *h);
void eng_gpu_side_inputs(struct eng_fwd *f);
void eng_gpu_side_gate(struct eng_fwd *f);

/* ops_product.c */
struct eng_acts eng_gpu_prepare(struct eng_fwd *f, const float *x, const float *norm, float *y,
                                uint32_t n_rows, uint32_t n_in, bool rounded);
/* The norm that prepare() put off, before anybody else reads its rows. */
void eng_gpu_normed(struct eng_fwd *f);
void eng_gpu_linear(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows, uint32_t count,
                    const struct eng_weight *const *w, float *const *y);
void eng_gpu_linear_each(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows,
                         const struct eng_weight *w, float *y, size_t ldy, size_t step);
/* The table's own rows, so many to a token: room for a whole slice of them. */
struct weir_acts eng_gpu_acts_room(struct eng_fwd *f, struct eng_gpu_buffer *b,
                                   enum eng_pack_acts kind, const float *x, uint32_t n_rows,
                                   uint32_t n_in);
static inline enum eng_pack_acts eng_gpu_kind(const struct eng_weight *w)
{
    return eng_pack_layout(((const struct eng_gpu_weight *)w->dev)->p.form)->acts;
}
/* A matrix of a launch. */
struct weir_mat eng_gpu_mat(const struct eng_weight *w, float *y, uint64_t ldy);
/* Whether a launch takes both. */
bool eng_gpu_together(const struct eng_weight *a, const struct eng_weight *b);
void eng_gpu_route(struct eng_fwd *f);
void eng_gpu_group(struct eng_fwd *f);
/* Fills g->grouped for the device that the step is at; false: out of memory. */
bool eng_gpu_group_args(struct eng_fwd *f);
void eng_gpu_ffn(struct eng_fwd *f, const struct eng_ffn *j);
/* The same on the device alone, of experts as g->grouped lists them. */
void eng_gpu_ffn_here(struct eng_fwd *f, const struct eng_ffn *j);

/* The norm that prepare() put off, if the rows are the residual stream and something is about to
 * join it: one launch does both. False: not so, nothing is done. */
bool eng_gpu_join_norms(struct eng_fwd *f);

/* ops_blas.c. open: as the model's options want it. planned: bytes that it will take. begin: of a
 * step whose runs begin at first[]. takes: whether cuBLAS does this product; then linear, of rows
 * that prepare() was given; pair, gate and up packed as one to s->hg; down, of s->hg. */
enum base_status eng_gpu_blas_open(struct eng_gpu *g, struct base_err *err);
void eng_gpu_blas_free(struct eng_gpu *g);
size_t eng_gpu_blas_planned(const struct eng_gpu *g);
void eng_gpu_blas_begin(struct eng_gpu *g, const uint32_t *first);
bool eng_gpu_blas_takes(const struct eng_fwd *f, const struct eng_weight *w, uint32_t n_rows);
void eng_gpu_blas_linear(struct eng_fwd *f, const struct eng_weight *w, float *y);
void eng_gpu_blas_pair(struct eng_fwd *f, const struct eng_ffn *j);
void eng_gpu_blas_down(struct eng_fwd *f, const struct eng_ffn *j, float *y);

/* ops_tail.c */
#define ENG_GPU_TAIL_TOKENS 64u /* at most: prompts have work enough for launches of their own */
/* Whether all experts of the layer are on this device. */
bool eng_gpu_all_here(const struct eng_fwd *f);
/* Whether products of this slice end with more than their outputs. */
bool eng_gpu_tails(const struct eng_fwd *f);
/* Whether w's product may wait (mm: its launch), because the residual stream takes its outputs y.
 */
bool eng_gpu_wait(struct eng_fwd *f, const struct eng_weight *w, const struct weir_mm_args *mm,
                  uint32_t slots, const float *y);
/* Launches what waits, as it is. */
void eng_gpu_late_plain(struct eng_fwd *f);
/* The same together with what joins the stream, if it can take that: false = it cannot. */
bool eng_gpu_late_join(struct eng_fwd *f);
/* Together with that and the norm that prepare() put off. g->a then has what products take. */
bool eng_gpu_late_norm(struct eng_fwd *f);
/* The end of the first of w's products whose outputs prepare() is about to be given with `norm`,
 * n_rows of n_out, for the products of `next`. */
void eng_gpu_tail_ahead(struct eng_fwd *f, struct weir_mm_args *mm, const float *y,
                        const float *norm, uint32_t n_out, const struct eng_weight *const *next);
/* Planes for rows that prepare(x, norm) will name, for w: where they go. False: not by 32 values.
 */
bool eng_gpu_planes_ahead(struct eng_fwd *f, const float *x, uint32_t n_rows, uint32_t n_in,
                          const struct eng_weight *w, struct weir_planes *to);
/* Whether the layer's shared expert goes with the routed ones, a matrix more. */
bool eng_gpu_rides(const struct eng_fwd *f);

/* ops_latent.c */
/* Whether w is the layer's latent queries, and they go on within their own launch; then mm, of w
 * first, is launched so. */
bool eng_gpu_absorbs(const struct eng_fwd *f, const struct eng_weight *w);
void eng_gpu_absorb(struct eng_fwd *f, const struct weir_mm_args *mm);
/* Whether attention is to leave its parts, with n_many tiles of many rows, to v_b's product; then
 * that, as linear_each() is given it. */
bool eng_gpu_values_leave(struct eng_fwd *f, uint32_t n_many);
void eng_gpu_values(struct eng_fwd *f, const struct eng_weight *w, float *y, size_t ldy,
                    size_t step);

/* ops_attn.c, ops_index.c */
void eng_gpu_nothing(struct eng_fwd *f);
void eng_gpu_heads(struct eng_fwd *f);
void eng_gpu_attend(struct eng_fwd *f);
void eng_gpu_latent_split(struct eng_fwd *f);
void eng_gpu_index(struct eng_fwd *f);
void eng_gpu_squeeze(struct eng_fwd *f);
void eng_gpu_pick(struct eng_fwd *f);
void eng_gpu_regroup(struct eng_fwd *f);
void eng_gpu_delta_step(struct eng_fwd *f);
void eng_gpu_delta_gate(struct eng_fwd *f);
/* Which set of angles the layer's heads are turned by, -1 = none. */
int eng_gpu_rope_of(const struct eng_fwd *f);
/* x[n][heads][n] that stays where it is, or goes to `out`; turned, its last elements or its first.
 */
struct weir_head_kind eng_gpu_head_kind(const float *x, float *out, uint32_t heads, uint32_t n);
void eng_gpu_turn(struct weir_head_kind *k, const struct eng_fwd *f, int rope, bool last);
/* What all launches over heads share. */
struct weir_heads_args eng_gpu_heads_args(const struct eng_fwd *f, int rope, bool neox);
void *eng_gpu_pages(const struct eng_fwd *f, const float *base, size_t at);

#endif

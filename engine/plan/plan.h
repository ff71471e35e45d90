/* plan.h - what of a model would lie where on a host with GPUs, and how fast it could be at most.
 *
 * Arithmetic over the file's tensor table and the layers' shapes; nothing runs. A speed is a bound:
 * every byte that a step must read, over the bandwidth that the card's maker states, launches and
 * activations left out. Real kernels reach a part of it (docs/cuda-model.md says what theirs is).
 *
 * Rules. Attention, routers, shared experts, norms, output head and the cache go to GPUs; the table
 * of embeddings stays in the host's memory (a row a token) unless it is the output head too; routed
 * experts fill what is left, the same number in each layer, the rest is computed by the CPU at the
 * same time. Several GPUs of one host take either ranges of layers, one after the other, each with
 * its layers' cache; or (by experts) the first everything but experts, and all of them experts of
 * every layer, at the same time. The cache is of pages of 64 cells in halves; a layer with a window
 * holds its window and the slice that is coming in.
 *
 * Which experts a step touches: an expert that takes part in the share q of tokens is met by B
 * sequences with 1 - (1 - q)^B. Without counts q is n_used / n_expert for all; with counts of a run
 * (`weir model info FILE --experts`) it is each one's own, and the likeliest ones lie on the GPU.
 *
 * Experts off the GPU in a long prompt can go there through PCIe, each once a slice, instead of
 * being computed by the CPU: that is the faster way from some number of tokens on.
 */
#ifndef ENG_PLAN_H
#define ENG_PLAN_H

#include "engine/model/gguf.h"
#include "engine/model/model.h"

/* A card as its maker describes it (plan_card.c). */
struct eng_card {
    const char *name, *label;
    uint64_t bytes;
    double bytes_s;      /* memory */
    double pcie_bytes_s; /* one way, as the standard counts */
    double flops;        /* dense products of halves with sums in f32 */
};
/* NULL: not known. */
const struct eng_card *eng_card_find(struct base_str name);
/* NULL behind the last one. */
const struct eng_card *eng_card_at(size_t i);

/* A layer as the plan sees it. Bytes are of weights as they stand in the file, or of halves. */
struct eng_plan_layer {
    uint64_t dense, experts;
    uint64_t cell;       /* keys and values of a token; what the layer itself keeps */
    uint64_t seen_cell;  /* what a key costs that is read: also of layers that keep none */
    uint64_t index_cell; /* the indexer's key of a token, or of a compressed key */
    uint64_t state;      /* of a sequence, one copy */
    uint32_t window;     /* keys seen at most; 0: all */
    uint32_t ratio;      /* tokens in one of the further, compressed keys; 0: none */
    uint32_t picks;      /* keys of all that an indexer lets through; 0: there is none */
    bool joined;         /* it must lie where the layer before it lies */
};

struct eng_plan_sizes {
    struct eng_plan_layer *layers; /* owned */
    uint32_t n_layer, n_moe;       /* n_moe: layers with experts */
    uint32_t n_expert, n_used;
    uint64_t head;           /* the output matrix and its norm; where the last layer is */
    uint64_t table;          /* of embeddings, on the host */
    uint64_t dense, experts; /* of all layers; dense with head */
    uint64_t params_active, params_experts;
    uint32_t rows; /* tokens that go through the layers at once, at most */
    uint32_t n_embd;
};
/* plan_size.c: of an open model, or of one whose hyper-parameters are read (then without
 * params_active). */
enum base_status eng_plan_sizes_of(const struct eng_model *m, struct eng_plan_sizes *out,
                                   struct base_err *err) BASE_MUST_CHECK;
void eng_plan_sizes_release(struct eng_plan_sizes *z);
/* Bytes of layer y's cache for one sequence of `context` tokens of which `rows` come at once; and
 * bytes of it that one more token reads. */
uint64_t eng_plan_held(const struct eng_plan_layer *y, uint32_t context, uint32_t rows);
uint64_t eng_plan_seen(const struct eng_plan_layer *y, uint32_t context);

#define ENG_PLAN_GPUS 16

struct eng_plan_gpu {
    uint64_t bytes;
    double bytes_s; /* 0: not known, no speed is told */
    double pcie_bytes_s, flops;
};

enum eng_plan_split { ENG_PLAN_BY_LAYERS, ENG_PLAN_BY_EXPERTS };

struct eng_plan_ask {
    struct eng_plan_gpu gpu[ENG_PLAN_GPUS];
    uint32_t n_gpu;
    enum eng_plan_split split;
    double cpu_bytes_s, cpu_ops_s; /* what the host gives to experts that stay there */
    uint64_t host_bytes;           /* its memory; 0: not known */
    uint32_t context, parallel;
    uint64_t cache_tokens;  /* of all sequences together, at most; 0: parallel * context */
    uint32_t slice;         /* tokens of a prompt at once; 0: sizes.rows */
    const uint64_t *counts; /* [n_layer][n_expert] choices; NULL: all alike */
};

enum eng_plan_fit { ENG_PLAN_ALL, ENG_PLAN_HYBRID, ENG_PLAN_NONE };

#define ENG_PLAN_BATCHES 3
extern const uint32_t eng_plan_batches[ENG_PLAN_BATCHES]; /* 1, 8, 64 */

struct eng_plan_device {
    uint32_t layer0, n_layers; /* by experts: all on the first */
    uint32_t experts;          /* of each of its layers */
    uint64_t dense, cache, expert_bytes, reserve, total;
};

struct eng_plan_step {   /* for so many sequences at once */
    uint64_t gpu, host;  /* bytes read; gpu: by all cards together */
    double tok_s, cpu_s; /* all sequences together; the same without a GPU. 0: not told */
};

struct eng_plan_prompt {
    uint32_t slice;
    uint64_t off_bytes;   /* of experts off the GPU that a slice meets */
    double stream_tok_s;  /* bound with these sent through PCIe, */
    double cpu_tok_s;     /* or computed by the CPU; both: whole rate of a long prompt */
    uint32_t stream_from; /* tokens from which on sending is faster, 32 or more; 0: never */
};

/* What device: auto weighs: decoding by as many sequences as are configured, with the card and
 * without. Beside the bytes of struct eng_plan_step: what goes over PCIe for experts that the CPU
 * computes (rows down, their outputs up), the CPU's arithmetic, and times that are assumed, not
 * measured: ENG_PLAN_HAND_S a layer for handing over to the CPU and back, ENG_PLAN_LAYER_S for a
 * layer's launches, or for the CPU's threads to meet. Still the most that can be had. */
#define ENG_PLAN_HAND_S  30e-6
#define ENG_PLAN_LAYER_S 20e-6
#define ENG_PLAN_HOP_S                                                                             \
    10e-6 /* rows' way from one card to another, beside their bytes over PCIe                      \
           */
struct eng_plan_weigh {
    double gpu_tok_s, cpu_tok_s; /* 0: a bandwidth is not known */
};

enum eng_plan_auto { ENG_AUTO_CUDA, ENG_AUTO_HYBRID, ENG_AUTO_CPU };

struct eng_plan {
    enum eng_plan_fit fit;
    struct eng_plan_device device[ENG_PLAN_GPUS];
    uint64_t cache, reserve;        /* of all devices */
    uint64_t missing;               /* ENG_PLAN_NONE: bytes short */
    uint32_t on_gpu;                /* experts of a layer on some GPU */
    double hit;                     /* share of choices that those are */
    uint64_t gpu_total, host_total; /* bytes that lie there */
    bool host_short;                /* host_bytes is known and less than host_total */
    struct eng_plan_step step[ENG_PLAN_BATCHES];
    struct eng_plan_prompt prompt;
    struct eng_plan_weigh weigh;
    enum eng_plan_auto would; /* what device: auto does: the GPU unless weigh says otherwise */
};

/* Pure. */
void eng_plan(const struct eng_plan_sizes *z, const struct eng_plan_ask *ask, struct eng_plan *out);

/* ---- which cards (plan_choose.c) ---- */

struct eng_plan_set {
    uint32_t n, gpu[ENG_PLAN_GPUS]; /* of the ask's cards, the one with the first layers first */
    enum eng_plan_split split;
    enum eng_plan_fit fit;
    uint32_t on_gpu; /* experts of a layer */
    double tok_s;    /* as eng_plan_weigh; 0: not known */
};

#define ENG_PLAN_SETS 64
struct eng_plan_choice {
    uint32_t n_sets;
    struct eng_plan_set set[ENG_PLAN_SETS];
    uint32_t best;           /* of them; if none fits, the one that lacks least */
    uint32_t next;           /* the best of the others; ENG_PLAN_SETS: no other fits */
    struct eng_plan plan;    /* of the best, */
    struct eng_plan_ask ask; /* asked so */
};

struct eng_plan_limits {
    uint32_t gpus; /* at most; 0: all */
    bool layers_only, experts_only;
};

/* Of the cards of ask, the best ones and how they split the model. Pure. */
void eng_plan_choose(const struct eng_plan_sizes *z, const struct eng_plan_ask *ask,
                     const struct eng_plan_limits *limits, struct eng_plan_choice *out);

#endif

/* model.h - a language model from a GGUF file, its key/value cache, and the forward pass.
 *
 * The model (weights, hyper-parameters) never changes after eng_model_open. A cache belongs to one
 * model and holds `n_seq` independent sequences of up to `n_ctx` tokens each. eng_forward runs a
 * batch that may mix tokens of several sequences: prompt pieces and single generated tokens alike.
 *
 * Threads: eng_forward uses the model's own thread pool and scratch memory, so one call at a time
 * per model, from any thread; two models are independent. Everything else here is as thread safe
 * as its arguments.
 */
#ifndef ENG_MODEL_H
#define ENG_MODEL_H

#include "base/err.h"
#include "base/str.h"

struct eng_gguf;
struct eng_model;
struct eng_cache;

enum eng_device {
    ENG_DEVICE_CPU,     /* fast kernels: quantised weights times rounded activations, see below */
    ENG_DEVICE_REF,     /* the textbook operators of cpu/ops_ref.c: weights widened to f32; slow */
    ENG_DEVICE_CUDA,    /* a GPU, through its driver (engine/cuda/driver.h) */
    ENG_DEVICE_EMULATED /* the same kernels and host code on tests/emu's device; very slow */
};

/* How the fast kernels round the activations that meet quantised weights, each 32 by their largest:
 * to 127 steps either side, whose error moves logits by a normalised square of 1e-4 to 1e-2 and can
 * change a small model's answer, or to 32512 steps, about as exact as float (1e-9 to 1e-7) for at
 * most twice the arithmetic. docs/decisions/020-activations.md has figures. */
enum eng_activations {
    ENG_ACTIVATIONS_AUTO, /* 16 below ENG_ACTIVATIONS_SMALL active parameters, else 8 */
    ENG_ACTIVATIONS_INT8,
    ENG_ACTIVATIONS_INT16
};
#define ENG_ACTIVATIONS_SMALL 1000000000u

/* "auto", "int8", "int16"; false for anything else. */
bool eng_activations_parse(struct base_str s, enum eng_activations *out);

#define ENG_GPUS_MAX 16
enum eng_split { ENG_SPLIT_LAYERS, ENG_SPLIT_EXPERTS };

/* Whether large dense products of long prompts go to cuBLAS (engine/cuda/blas.h). */
enum eng_cublas {
    ENG_CUBLAS_AUTO, /* where the machine has it and it pays */
    ENG_CUBLAS_OFF,
    ENG_CUBLAS_REQUIRED /* a machine without it is an error */
};

struct eng_model_opts {
    enum eng_device device;
    int n_threads; /* 1 to ENG_THREADS_MAX; 0 = the number of CPUs this process may use */
    enum eng_activations activations; /* not of ENG_DEVICE_REF */
    /* CUDA and emulated, models with routed experts. split_experts: gpu_experts of each layer lie
     * on the device and the CPU computes the others; without it all do, or as many as there is room
     * for. Slices of send_from tokens and more send the others there instead (0: never; without
     * split_experts a number that suits most hosts). */
    bool split_experts;
    bool split_fit; /* gpu_experts is the most; fewer where there is room for fewer */
    uint32_t gpu_experts, send_from;
    /* CUDA and emulated: several GPUs of this machine, numbers 0 to n_gpus - 1 (0: one), that take
     * ranges of layers, or the first all layers and each some experts of all (engine/plan). */
    uint32_t n_gpus;
    enum eng_split split;
    bool split_told;  /* for callers that may choose the split: somebody asked for this one */
    bool gpus_told;   /* not the first ones, but these, in this order */
    uint32_t gpu[16]; /* ENG_GPUS_MAX */
    /* CUDA and emulated: the cache that will be opened, for which memory is set aside with the
     * weights' (eng_cache_new_sized). n_seq 0: not known; then all memory that is free is taken. */
    uint32_t n_seq, n_ctx;
    uint64_t n_tokens;
    bool kv_f32; /* CUDA and emulated: keys and values in the cache as 32-bit floats, not halves */
    /* CUDA and emulated. cublas_from: rows from which products of every form go there, 0: as
     * eng_blas_from() says of each. */
    enum eng_cublas cublas;
    uint32_t cublas_from;
};

/* What the file says about itself. Strings borrow from the model. */
struct eng_model_info {
    struct base_str arch; /* general.architecture */
    struct base_str name; /* general.name, may be empty */
    const char *quant;    /* the type that most of the weights have: "Q4_1" */
    uint32_t n_vocab;     /* width of a row of logits */
    uint32_t n_ctx_train; /* the context length it was trained for */
    uint32_t n_layer, n_embd, n_head, n_head_kv, n_head_dim;
    uint32_t n_residual; /* width of the residual stream: n_embd times the number of streams */
    uint32_t n_expert, n_expert_used; /* 0 for dense models */
    uint64_t params_total;
    uint64_t params_active; /* used by one token: of the routed experts only those chosen; without
                               tables that layers look tokens up in, and blocks that are not run */
    uint64_t file_bytes;
    uint64_t weight_bytes; /* memory that the weights take beyond the mapped file */
    bool recurrent;        /* layers carry a state from token to token: see eng_cache_keepable */
    uint64_t cache_bytes_token;    /* that a token adds to a sequence in a cache */
    uint64_t cache_bytes_sequence; /* that a sequence takes in a cache, however long */
};

/* "auto", "off", "required"; false for anything else. */
bool eng_cublas_parse(struct base_str s, enum eng_cublas *out);

/* Opens path, checks every tensor that its architecture needs and prepares the weights. opts may be
 * NULL (CPU, all threads). Blocks for as long as reading the file takes. *out is owned by the
 * caller; on failure it is NULL and err names the file, and the tensor or key at fault:
 * BASE_EINVAL the file does not hold or its architecture is not built in, BASE_ENOENT/BASE_EIO it
 * cannot be read, BASE_ENOMEM. */
enum base_status eng_model_open(const char *path, const struct eng_model_opts *opts,
                                struct eng_model **out, struct base_err *err) BASE_MUST_CHECK;
/* NULL is fine. Caches of the model must be freed before. */
void eng_model_free(struct eng_model *m);
const struct eng_model_info *eng_model_get_info(const struct eng_model *m);
/* The file's metadata: tokenizer, chat template, recommended sampling. Lives as long as m. */
const struct eng_gguf *eng_model_gguf(const struct eng_model *m);
/* The kernels in use: "ref", "c", "avx2", "avx512", "vnni". Static. */
const char *eng_model_kernels(const struct eng_model *m);
/* What meets quantised weights: "int8", "int16", or "float" on ENG_DEVICE_REF. Static. */
const char *eng_model_activations(const struct eng_model *m);
/* What was found of cuBLAS, for people: "cuBLAS 13.1.0", "off", why there is none; "" where nobody
 * looks for it (the CPU). Lives as long as m. */
const char *eng_model_cublas(const struct eng_model *m);
/* Memory of its device `place` (0, ...; one of several GPUs): what is reserved for the model, what
 * of that is in use, and the most that was. false: there is no such device, or the model is on the
 * CPU. name lives as long as m. */
enum eng_memory_use {
    ENG_USE_SCRATCH, /* activations, lists, what steps need besides */
    ENG_USE_WEIGHTS, /* but for those of routed experts */
    ENG_USE_EXPERTS, /* these */
    ENG_USE_CACHE,   /* keys, values, states, tables of pages */
    ENG_USES
};
struct eng_model_memory {
    const char *name;
    uint32_t ordinal; /* which of the machine's devices */
    uint64_t reserved, used, peak;
    uint64_t by[ENG_USES]; /* used, by what for: they add up to it */
    /* bytes of copies since the model was opened: from the host, to it, from other devices */
    uint64_t from_host, to_host, from_devices;
};
bool eng_model_memory_of(const struct eng_model *m, uint32_t place, struct eng_model_memory *out);
/* Whether its device has failed so that only a new process can use it again: every further
 * eng_forward fails. */
bool eng_model_lost(const struct eng_model *m);
/* The built-in architectures, comma separated, for messages. Static. */
const char *eng_model_archs(void);

#define ENG_SEQ_MAX 256

/* n_seq sequences (1 to ENG_SEQ_MAX) of up to n_ctx tokens each (1 to 2^20). All memory is taken
 * here: BASE_ENOMEM tells if there is none. n_ctx may exceed n_ctx_train; quality is then the
 * caller's concern. */
enum base_status eng_cache_new(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx,
                               struct eng_cache **out, struct base_err *err) BASE_MUST_CHECK;
/* The same with room for n_tokens in all sequences together (n_ctx at least; 0: n_seq * n_ctx), in
 * whole pages of 64: then a batch may fail for want of room, see eng_cache_fits. */
enum base_status eng_cache_new_sized(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx,
                                     uint64_t n_tokens, struct eng_cache **out,
                                     struct base_err *err) BASE_MUST_CHECK;
void eng_cache_free(struct eng_cache *c);
/* Bytes that such a cache takes. */
uint64_t eng_cache_bytes(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx);
uint32_t eng_cache_n_ctx(const struct eng_cache *c);
uint32_t eng_cache_n_seq(const struct eng_cache *c);
/* How many tokens of sequence seq are in the cache. */
uint32_t eng_cache_len(const struct eng_cache *c, uint32_t seq);
/* How many of seq's first n tokens can be kept when the rest is forgotten: n, or its length if that
 * is less. A recurrent model (eng_model_info) cannot go back to where its state was not noted:
 * there the answer is the largest such length up to n, or 0; its whole length can always be kept.
 * As many noted states are kept as there are sequences times ENG_NOTED, the last used of all; and
 * in layers with a window or chunk there is no way back behind what they have let go: the answer is
 * 0 then. */
uint32_t eng_cache_keepable(const struct eng_cache *c, uint32_t seq, uint32_t n);
#define ENG_NOTED 2
/* Forgets all but the first eng_cache_keepable(c, seq, n) tokens of seq and returns how many that
 * are: n = 0 clears it, n = the length of a shared prefix keeps of that what can be kept. */
uint32_t eng_cache_truncate(struct eng_cache *c, uint32_t seq, uint32_t n);
/* Makes dst start with the first eng_cache_keepable(c, src, n) tokens of src (dst is overwritten)
 * and returns how many that are. */
uint32_t eng_cache_copy(struct eng_cache *c, uint32_t dst, uint32_t src, uint32_t n);

/* ---- prefixes (pages.h says how) ---- */

/* Empties seq, gives it to a tenant, and lets it begin with what is cached of these n tokens for
 * that tenant: returns how many. They need not be fed again; feed tokens[the number ..]. *common:
 * how many are cached, though they may not be of use (a window let go, a state that was not noted:
 * worth a mark there). Nothing of another tenant is ever found. */
uint32_t eng_cache_open(struct eng_cache *c, uint32_t seq, const char *tenant,
                        const int32_t *tokens, uint32_t n, uint32_t *common);
/* Empties seq, which eng_cache_open gave to a tenant; what it held stays cached for that tenant
 * until the room is needed. */
void eng_cache_close(struct eng_cache *c, uint32_t seq);
/* Empties all, and forgets what is cached. */
void eng_cache_forget(struct eng_cache *c);
/* Whether each sequence s can take more[s] tokens (n_seq of them), cached pages making room. */
bool eng_cache_fits(const struct eng_cache *c, const uint32_t *more);
/* Pages of page_tokens each: all, free, cached, used by sequences, by several of them; tokens that
 * eng_cache_open was asked for, and found; cached pages that made room; pages copied since two went
 * different ways. */
struct eng_cache_use {
    uint32_t pages, free, cached, used, shared, page_tokens;
    uint64_t asked, hit, evicted, copied;
};
void eng_cache_describe_use(const struct eng_cache *c, struct eng_cache_use *out);

/* ---- batches ---- */

#define ENG_PICK_ROW (-2)
struct eng_sampler;

struct eng_batch {
    size_t n;              /* tokens in the batch; any number, cut internally to bound memory */
    const int32_t *tokens; /* [n] token ids */
    const uint32_t *seqs;  /* [n] sequence of each token; NULL = all 0 */
    const uint32_t *pos;   /* [n] positions, or NULL = continue each sequence where it ends. In a
                              sequence positions go up by one; the first token of an empty sequence
                              may start anywhere */
    const bool *want;      /* [n] which tokens' logits to return; NULL = all */
    /* [wanted rows] who picks a token of the row, and the token; NULL: nobody picks. A device that
     * does not pick a row says ENG_PICK_ROW, and the row of logits is there; of rows that it did
     * pick it is not. The CPU always leaves that to its caller. */
    struct eng_sampler *const *who;
    int32_t *picked;
    const bool *mark; /* [n] behind which tokens to note the state, for eng_cache_keepable;
                         NULL = none. Ignored by models that are not recurrent */
};

/* Appends the batch to its sequences and writes, for every wanted token in batch order, one row of
 * n_vocab float logits to `logits` (room for all wanted rows; owned by the caller). BASE_EINVAL for
 * an id outside the vocabulary, an unknown sequence or a position that does not follow;
 * BASE_LIMIT when a sequence would pass n_ctx, or the cache has no room; the cache is as before
 * then. Anything else is the device's failure: the batch's sequences are empty. */
enum base_status eng_forward(struct eng_model *m, struct eng_cache *c, const struct eng_batch *b,
                             float *logits, struct base_err *err) BASE_MUST_CHECK;

/* ---- seeing inside (model_probe.c) ---- */

/* How often the router of `layer` chose each of the model's n_expert experts since the model was
 * opened, counted in (token, expert) choices: a token adds n_expert_used of them. NULL for a layer
 * without experts. Of the last layer only tokens whose logits were wanted reach the experts.
 * Borrowed from m; written by eng_forward, so read it on the thread that calls that. */
const uint64_t *eng_model_expert_counts(const struct eng_model *m, uint32_t layer);
/* Load imbalance of n counts: the largest over their mean. 1: all equal; n / n_expert_used: every
 * token to the same experts. 0 when nothing was counted. Pure. */
double eng_expert_imbalance(const uint64_t *counts, uint32_t n);

/* What a probe sees after each layer of a slice, of the batch's tokens row0..row0+n. In the last
 * layer n counts the wanted tokens only.
 *
 * How near a choice was to another: of a token's experts, by how much the score of the last that
 * was chosen passes the best that was not (or its group's that of the best group left out, if that
 * is less), in standard deviations of the token's scores; of the keys that an indexer chose,
 * likewise. INFINITY where nothing else could be chosen. The CPU's tables alone tell it. */
struct eng_seen {
    uint32_t layer, n;
    size_t row0;
    const float *x;          /* [n][n_residual] the residual stream */
    const uint32_t *ids;     /* [n][n_expert_used] in descending order of score; NULL: no experts */
    const float *expert_gap; /* [n] or NULL: not known, or no experts */
    const float *key_gap;    /* [n] or NULL: not known, or the layer has no indexer */
};
typedef void (*eng_probe_fn)(void *ctx, const struct eng_seen *seen);
/* From now on; fn = NULL ends it. Not while eng_forward runs. */
void eng_model_probe(struct eng_model *m, eng_probe_fn fn, void *ctx);

#endif

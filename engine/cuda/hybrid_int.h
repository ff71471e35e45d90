/* hybrid_int.h - what hybrid.c, hybrid_move.c and ops_hybrid.c share; nobody else includes it. */
#ifndef ENG_CUDA_HYBRID_INT_H
#define ENG_CUDA_HYBRID_INT_H

#include "engine/cuda/hot.h"
#include "engine/cuda/hybrid.h"
#include "engine/cuda/table.h"

#include <pthread.h>

enum { GATE, UP, DOWN, PARTS };

/* Pieces of device memory begin at multiples of this. */
#define ENG_HYBRID_PIECE 256u
static inline uint64_t eng_hybrid_piece(uint64_t n)
{
    return (n + ENG_HYBRID_PIECE - 1) / ENG_HYBRID_PIECE * ENG_HYBRID_PIECE;
}

/* A matrix of each expert. */
struct eng_hybrid_part {
    struct eng_weight *model; /* the model's own: in the host's memory, biases on the device */
    const uint8_t *rows;      /* as in the file */
    struct eng_weight cpu;    /* the same with biases in host memory (owned) */
    struct eng_pack p;        /* the device's form, of one matrix */
    bool in_pair;             /* UP: it is packed with GATE */
};

struct eng_hybrid_layer {
    bool moe;
    struct eng_hybrid_part part[PARTS];
    uint64_t expert_bytes; /* of an expert's matrices on the device */
};

/* A part's matrices as kernels take them: those of a device's slots, and those of one half of its
 * stage. */
struct eng_hybrid_mats {
    struct eng_weight gpu, staged; /* dev: the next two; bias and scale: on the device */
    struct eng_gpu_weight packed, staged_packed;
};

/* What a device computes of a layer in a step (ops_hybrid.c). Places (experts as kernels count
 * them) are the device's slots, then experts sent to it. Lists are in the share's `lists`. */
struct eng_hybrid_lists {
    uint32_t n_places, n_tiles;
    uint32_t n_here;                      /* pairs of these places */
    uint32_t n_sent;                      /* experts to send, */
    uint32_t sent[ENG_EXPERT_MAX];        /* these */
    uint32_t tile_at[ENG_EXPERT_MAX + 1]; /* of a place: its first tile */
    uint32_t *pair_of, *pair_row, *pair_weight, *first, *tile_expert, *tile_first, *n_tiles_of;
    uint32_t *owner; /* [n][n_used] the share that has the pair's output */
};

/* A device that has slots of these layers. The first is the one that has the layers themselves; by
 * experts (--split experts) the others follow. */
struct eng_hybrid_share {
    struct eng_gpu *g;
    uint32_t first_slot, slots; /* of each layer's */
    void *arena;                /* device: its slots of all layers */
    uint64_t arena_bytes;
    struct eng_hybrid_mats (*mats)[PARTS]; /* [n_layer] */
    uint32_t *lists, *dev_lists;           /* of a step's layer: pinned, on the device */
    size_t lists_words;
    struct eng_hybrid_lists now;
    /* the stage: two halves of h->stage_experts experts */
    uint32_t stage_turn; /* the half that was used last */
    uint8_t *stage, *stage_pinned;
    uint8_t *landing; /* of moves, on the device */
};

/* Marks in the device's work (driver.h). Of a half of the stage: it has arrived, it is not read any
 * more; of a move: it has arrived, it has been put into its slot. */
#define ENG_MOVES 4
enum {
    ENG_FENCE_CAME = 0,
    ENG_FENCE_READ = 2,
    ENG_FENCE_MOVE_CAME = 4,
    ENG_FENCE_MOVE_READ = ENG_FENCE_MOVE_CAME + ENG_MOVES,
    ENG_FENCE_END = ENG_FENCE_MOVE_READ + ENG_MOVES
};

/* A move: chosen, packed by the thread, on its way to the device, then in its slot. */
enum eng_hybrid_phase { ENG_MOVE_IDLE, ENG_MOVE_ASKED, ENG_MOVE_PACKED, ENG_MOVE_SENT };
struct eng_hybrid_move {
    enum eng_hybrid_phase phase; /* the thread's while it is ASKED: under the lock */
    struct eng_hot_move what;
    uint8_t *pinned; /* expert_bytes of the largest layer; it lands at i of the share's landing */
};

struct eng_hybrid {
    struct eng_gpu *g; /* whose layers these are */
    uint32_t slots;    /* of a layer, on all devices together; asked for, until it is built */
    uint32_t send_from, n_expert, n_used;
    bool built, fit; /* fit: fewer slots, if there is room for fewer */
    struct eng_hybrid_layer *layers;
    struct eng_hot hot; /* who is in which slot */
    struct eng_hybrid_share share[ENG_PLACES_MAX];
    uint32_t n_shares;
    /* of a step's layer: */
    bool sends; /* experts without slots are sent to devices; else they are the CPU's */
    /* pinned */
    uint32_t *ids;
    float *weights, *x, *hy;
    uint32_t count[ENG_EXPERT_MAX]; /* pairs of an expert */
    uint32_t at[ENG_EXPERT_MAX];    /* its first pair where it is computed */
    uint16_t who[ENG_EXPERT_MAX];   /* the share that has its outputs: the CPU's, the first */
    /* the CPU's part */
    struct eng_model cpu;
    /* stages */
    uint32_t stage_experts;
    uint64_t stage_half; /* bytes */
    bool no_stage;       /* there was no memory for them */
    /* moves */
    pthread_t thread;
    bool has_thread, stop; /* stop: under the lock */
    pthread_mutex_t lock;
    pthread_cond_t turn;
    struct eng_hybrid_move moves[ENG_MOVES];
    uint32_t next_move; /* the oldest: moves are asked for and end in this order */
    uint64_t move_most; /* bytes of one, at most */
    uint8_t *moves_pinned;
    struct eng_hybrid_use use;
};

/* The share that has this slot of each layer. */
static inline struct eng_hybrid_share *eng_hybrid_share_of(struct eng_hybrid *h, uint32_t slot)
{
    uint32_t i = 0;
    while (i + 1 < h->n_shares && slot >= h->share[i].first_slot + h->share[i].slots)
        i++;
    return &h->share[i];
}

/* hybrid.c */
/* Packs one expert's matrices, one behind the other: expert_bytes. Any thread. */
void eng_hybrid_pack(const struct eng_hybrid_layer *y, uint32_t expert, uint8_t *out);
/* How an expert's packed matrices get to matrix `at` of a device's slots or of its stage: from
 * pinned memory, the same beside the work, or from the device's own memory. Its biases and scales,
 * which the layer's device has already, go there in the order of the work. */
enum eng_hybrid_way { ENG_WAY_UP, ENG_WAY_BESIDE, ENG_WAY_WITHIN };
void eng_hybrid_put_at(struct eng_hybrid *h, struct eng_hybrid_share *s, uint32_t layer,
                       bool staged, enum eng_hybrid_way way, uint32_t expert, uint32_t at,
                       const uint8_t *packed);

/* hybrid_move.c */
enum base_status eng_hybrid_move_open(struct eng_hybrid *h, struct base_err *err) BASE_MUST_CHECK;
void eng_hybrid_move_close(struct eng_hybrid *h);

/* hybrid_lists.c */
/* Words of a share's lists, at most. */
size_t eng_hybrid_lists_words(const struct eng_hybrid *h);
/* All shares' lists of the step's layer, from ids, weights and sends. False: an id is none. */
bool eng_hybrid_lists_make(struct eng_hybrid *h, const struct eng_fwd *f) BASE_MUST_CHECK;

/* ops_hybrid.c */
void eng_hybrid_scratch_free(struct eng_hybrid *h);

#endif

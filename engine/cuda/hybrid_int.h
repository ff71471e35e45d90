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
    struct eng_weight gpu;    /* of the slots; dev is &packed */
    struct eng_gpu_weight packed;
    bool in_pair;             /* UP: it is packed with GATE */
    float *bias, *scale;      /* of the slots, on the device; NULL: none */
    struct eng_weight staged; /* of one half of the stage, likewise */
    struct eng_gpu_weight staged_packed;
};

struct eng_hybrid_layer {
    bool moe;
    struct eng_hybrid_part part[PARTS];
    uint64_t expert_bytes; /* of an expert's matrices on the device */
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
    uint8_t *pinned, *landing; /* expert_bytes of the largest layer; on the host, on the device */
};

struct eng_hybrid {
    struct eng_gpu *g;
    uint32_t slots, send_from, n_expert, n_used;
    bool built, fit; /* fit: fewer slots, if there is room for fewer */
    struct eng_hybrid_layer *layers;
    struct eng_hot hot; /* who is in which slot */
    void *arena;        /* device: slots of all layers */
    uint64_t arena_bytes;
    /* of a step's layer, on the host (pinned) and the device */
    uint32_t *ids;
    float *weights, *x, *hy;
    uint32_t *lists, *dev_lists;
    size_t lists_words;
    /* the CPU's part */
    struct eng_model cpu;
    /* the stage: two halves of stage_experts experts */
    uint32_t stage_experts, stage_turn; /* the half that was used last */
    uint64_t stage_half;                /* bytes */
    uint8_t *stage, *stage_pinned;
    bool no_stage; /* there was no memory for it */
    /* moves */
    pthread_t thread;
    bool has_thread, stop; /* stop: under the lock */
    pthread_mutex_t lock;
    pthread_cond_t turn;
    struct eng_hybrid_move moves[ENG_MOVES];
    uint32_t next_move; /* the oldest: moves are asked for and end in this order */
    uint8_t *moves_pinned, *moves_landing;
    struct eng_hybrid_use use;
};

/* hybrid.c */
/* Packs one expert's matrices, one behind the other: expert_bytes. Any thread. */
void eng_hybrid_pack(const struct eng_hybrid_layer *y, uint32_t expert, uint8_t *out);
/* How an expert's packed matrices get to matrix `at` of the slots or of the stage: from pinned
 * memory, the same beside the work, or from the device's own memory. Its biases and scales, which
 * the device has already, go there in the order of the work. */
enum eng_hybrid_way { ENG_WAY_UP, ENG_WAY_BESIDE, ENG_WAY_WITHIN };
void eng_hybrid_put_at(struct eng_hybrid *h, struct eng_hybrid_layer *y, bool staged,
                       enum eng_hybrid_way way, uint32_t expert, uint32_t at,
                       const uint8_t *packed);

/* hybrid_move.c */
enum base_status eng_hybrid_move_open(struct eng_hybrid *h, struct base_err *err) BASE_MUST_CHECK;
void eng_hybrid_move_close(struct eng_hybrid *h);

/* ops_hybrid.c */
void eng_hybrid_scratch_free(struct eng_hybrid *h);

#endif

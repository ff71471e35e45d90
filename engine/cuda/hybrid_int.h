/* hybrid_int.h - what hybrid.c, hybrid_move.c and ops_hybrid.c share; nobody else includes it. */
#ifndef ENG_CUDA_HYBRID_INT_H
#define ENG_CUDA_HYBRID_INT_H

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
    int32_t *slot_of;      /* [n_expert], -1: none */
    uint32_t *expert_in;   /* [slots] */
    float *score;          /* [n_expert] */
};

/* A move under way: packed by the thread, then ready to take its slot. */
enum eng_hybrid_phase { ENG_MOVE_IDLE, ENG_MOVE_ASKED, ENG_MOVE_READY, ENG_MOVE_STOP };

struct eng_hybrid {
    struct eng_gpu *g;
    uint32_t slots, send_from, n_expert, n_used;
    bool built;
    struct eng_hybrid_layer *layers;
    void *arena; /* device: slots of all layers */
    uint64_t arena_bytes;
    /* of a step's layer, on the host (pinned) and the device */
    uint32_t *ids;
    float *weights, *x, *hy;
    uint32_t *lists, *dev_lists;
    size_t lists_words;
    /* the CPU's part */
    struct eng_model cpu;
    /* the stage: two halves of stage_experts experts */
    uint32_t stage_experts;
    uint64_t stage_half; /* bytes */
    uint8_t *stage, *stage_pinned;
    bool no_stage; /* there was no memory for it */
    /* moves */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t turn;
    enum eng_hybrid_phase phase;
    uint32_t move_layer, move_expert, move_slot;
    uint8_t *move_pinned;
    struct eng_hybrid_use use;
};

/* hybrid.c */
/* Packs one expert's matrices, one behind the other: expert_bytes. Any thread. */
void eng_hybrid_pack(const struct eng_hybrid_layer *y, uint32_t expert, uint8_t *out);
/* Uploads what eng_hybrid_pack made (pinned) into matrix `at` of the slots (or of the stage). */
void eng_hybrid_upload(struct eng_hybrid *h, struct eng_hybrid_layer *y, bool staged,
                       uint32_t expert, uint32_t at, const uint8_t *packed);

/* hybrid_move.c */
enum base_status eng_hybrid_move_open(struct eng_hybrid *h, struct base_err *err) BASE_MUST_CHECK;
void eng_hybrid_move_close(struct eng_hybrid *h);

/* ops_hybrid.c */
void eng_hybrid_scratch_free(struct eng_hybrid *h);

#endif

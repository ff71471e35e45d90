/* driver_int.h - what driver.c, driver_arena.c and driver_peer.c share; nobody else includes it. */
#ifndef ENG_CUDA_DRIVER_INT_H
#define ENG_CUDA_DRIVER_INT_H

#include "engine/cuda/driver.h"

/* A piece of the arena: `span` bytes from `at` on are its, n of them from at + lead on are used. */
struct eng_cuda_live {
    size_t at, span, lead, n;
    uint32_t use;
};

struct eng_cuda_arena {
    eng_cu_ptr base; /* 0: there is none */
    size_t bytes, used, peak, spans, by[ENG_CUDA_USES];
    struct eng_cuda_live *live; /* by address */
    size_t n_live, cap;
    size_t n_gapless;                      /* between the first so many there is no gap */
    void (*piece)(eng_cu_ptr p, size_t n); /* the emulator's */
    void (*piece_gone)(eng_cu_ptr p);
};

struct eng_cuda {
    struct eng_cu_api cu;
    void *lib;
    struct eng_cuda_info info;
    eng_cu_device dev;
    eng_cu_context ctx;
    eng_cu_stream stream, beside;
    eng_cu_module *modules;
    size_t n_modules;
    eng_cu_function kernels[ENG_CUDA_N_KERNELS];
    uint32_t max_dynamic[ENG_CUDA_N_KERNELS];
    enum base_status st; /* the first error since the last sync */
    struct base_err err;
    bool lost, muted;
    eng_cu_event fences[ENG_CUDA_FENCES];
    bool fenced[ENG_CUDA_FENCES];
    struct eng_cuda_calls calls;
    struct eng_cuda_arena arena; /* driver_arena.c */
    bool paper;                  /* counts memory and does nothing */
    /* driver_peer.c */
    eng_cu_event here;               /* recorded anew whenever another device is to wait */
    uint8_t peers[ENG_CUDA_DEVICES]; /* by ordinal: enum peer */
    void *lane[ENG_CUDA_DEVICES];    /* pinned, for copies to that device that is no peer */
    size_t lane_bytes[ENG_CUDA_DEVICES];
};

/* Records an answer of the driver; true if it is an error. */
bool eng_cuda_fail(struct eng_cuda *d, eng_cu_result r, const char *what);
/* A piece of the arena; NULL: there is no gap of that size. */
void *eng_cuda_arena_take(struct eng_cuda *d, uint32_t use, size_t n) BASE_MUST_CHECK;
void eng_cuda_arena_give(struct eng_cuda *d, void *p);
void eng_cuda_arena_close(struct eng_cuda *d);
/* Before the context goes. */
void eng_cuda_peers_close(struct eng_cuda *d);

#endif

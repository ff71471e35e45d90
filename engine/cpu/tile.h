/* tile.h - the order of quantised weights that the integer kernels read.
 *
 * A tile is ENG_TILE (16) weight rows over their whole length, so that a vector of 16 lanes holds
 * one value of each row and no kernel ever adds across lanes. tile_pack.c describes the bytes.
 */
#ifndef ENG_CPU_TILE_H
#define ENG_CPU_TILE_H

#include "engine/cpu/ops.h"

/* Sizes in bytes; see tile_pack.c. */
struct eng_tile_layout {
    uint32_t scales; /* before the codes of each 32 values */
    uint32_t planes; /* codes of 32 values */
    uint32_t super;  /* before each 256 values, 0 for types without */
};
/* All zero for types without a tiled form. */
static inline struct eng_tile_layout eng_tile_layout(uint32_t type)
{
    switch (type) {
    case ENG_Q4_0:
    case ENG_IQ4_NL:
        return (struct eng_tile_layout){32, 256, 0};
    case ENG_Q4_1:
    case ENG_MXFP4:
    case ENG_NVFP4:
        return (struct eng_tile_layout){64, 256, 0};
    case ENG_Q5_0:
        return (struct eng_tile_layout){32, 320, 0};
    case ENG_Q5_1:
        return (struct eng_tile_layout){64, 320, 0};
    case ENG_Q8_0:
        return (struct eng_tile_layout){32, 512, 0};
    case ENG_Q2_K:
        return (struct eng_tile_layout){64, 128, 64};
    case ENG_Q3_K:
        return (struct eng_tile_layout){32, 192, 32};
    case ENG_Q4_K:
        return (struct eng_tile_layout){32, 256, 64};
    case ENG_Q5_K:
        return (struct eng_tile_layout){32, 320, 64};
    case ENG_Q6_K:
        return (struct eng_tile_layout){32, 384, 32};
    case ENG_IQ4_XS:
        return (struct eng_tile_layout){16, 256, 32};
    default:
        return (struct eng_tile_layout){0, 0, 0};
    }
}

/* Bytes of a tile of rows of n_in values; 0 if the type has no tiled form (F32, F16, BF16) or n_in
 * is not a multiple of 32. */
uint64_t eng_tile_bytes(uint32_t type, uint32_t n_in);
/* Fills tile number `tile` of matrix `mat` of w from the file's rows; rows past n_out are zero. */
void eng_tile_pack(const struct eng_weight *w, uint32_t mat, uint32_t tile);

#endif

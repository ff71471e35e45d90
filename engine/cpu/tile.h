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
/* NULL for types without a tiled form. */
const struct eng_tile_layout *eng_tile_layout(uint32_t type);

/* Bytes of a tile of rows of n_in values; 0 if the type has no tiled form (F32, F16, BF16) or n_in
 * is not a multiple of 32. */
uint64_t eng_tile_bytes(uint32_t type, uint32_t n_in);
/* Fills tile number `tile` of matrix `mat` of w from the file's rows; rows past n_out are zero. */
void eng_tile_pack(const struct eng_weight *w, uint32_t mat, uint32_t tile);

#endif

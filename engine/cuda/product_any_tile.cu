/* product_any_tile.cu - product_any.cuh for tiles of 64 rows. */
#include "engine/cuda/product_any.cuh"

#define LOOP(name, F)                                                                              \
    case ENG_FORM_##F:                                                                             \
        weir_tile_loop<weir_form_##name>(a.mm, j, rows, stages, acc);                              \
        by = weir_form_##name::factor;                                                             \
        break;

WEIR_KERNEL(weir_tile_any, struct weir_any_args, WEIR_TILE_THREADS)
{
    WEIR_DYNAMIC(uint8_t, stages);
    WEIR_SHARED(uint32_t, rows, WEIR_TILE_ROWS);
    struct weir_job j;
    if (a.absorb.on && blockIdx.x >= a.absorb.first_key) {
        weir_absorb_keys(a.absorb, reinterpret_cast<float *>(stages));
        return;
    }
    if (!weir_find(a.mm, WEIR_TILE_ROWS, &j))
        return;
    weir_tile_rows(a.mm, j, rows);
    float acc[WEIR_TILE_COLS][4] = {}, by = 1;
    switch (a.mm.mat[j.which].form) {
        WEIR_ANY_FORMS(LOOP)
    }
    uint32_t most = WEIR_TILE_ROWS; /* anew: see weir_mv_end */
    weir_hide(most);
    weir_find(a.mm, most, &j);
    weir_tile_end<false>(a.mm, j, reinterpret_cast<float *>(stages), acc, by);
    if (a.absorb.on && j.which == 0)
        weir_absorb_last(a, j, stages);
}

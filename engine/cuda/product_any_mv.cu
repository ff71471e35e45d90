/* product_any_mv.cu - product_any.cuh for up to 8 rows. */
#include "engine/cuda/product_any.cuh"

#define LOOP(name, F)                                                                              \
    case ENG_FORM_##F:                                                                             \
        if (works)                                                                                 \
            weir_mv_loop<weir_form_##name>(a.mm, j, j.group + own, split, lane, acc);              \
        by = weir_form_##name::factor;                                                             \
        break;

WEIR_KERNEL(weir_mv_any, struct weir_any_args, WEIR_MV_THREADS)
{
    WEIR_DYNAMIC(uint8_t, room);
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const unsigned own = warp / WEIR_MV_SPLIT, split = warp % WEIR_MV_SPLIT;
    struct weir_job j;
    if (a.absorb.on && blockIdx.x >= a.absorb.first_key) {
        weir_absorb_keys(a.absorb, reinterpret_cast<float *>(room));
        return;
    }
    if (!weir_find(a.mm, WEIR_MV_ROWS, &j))
        return;
    float acc[4] = {0, 0, 0, 0}, by = 1;
    const bool works = j.group + own < a.mm.mat[j.which].groups && split < a.mm.acts.units;
    switch (a.mm.mat[j.which].form) {
        WEIR_ANY_FORMS(LOOP)
    }
    weir_mv_end<false>(a.mm, acc, by);
    if (!a.absorb.on)
        return;
    weir_find(a.mm, WEIR_MV_ROWS, &j);
    if (j.which == 0)
        weir_absorb_last(a, j, room);
}

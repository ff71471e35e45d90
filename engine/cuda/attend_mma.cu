/* attend_mma.cu - the kernels of attend_mma.cuh for few rows (16, for decoding) and for many, by
 * the widest value that they take.
 */
#include "engine/cuda/attend_mma.cuh"

WEIR_KERNEL(weir_attend_mma_16x128, struct weir_attend_args, 128)
{
    attend_mma<1, 4, 2>(a);
}

WEIR_KERNEL(weir_attend_mma_16x256, struct weir_attend_args, 128)
{
    attend_mma<1, 4, 4>(a);
}

WEIR_KERNEL(weir_attend_mma_16x512, struct weir_attend_args, 128)
{
    attend_mma<1, 4, 8>(a);
}

WEIR_KERNEL(weir_attend_mma_64x128, struct weir_attend_args, 128)
{
    attend_mma<4, 1, 8>(a);
}

WEIR_KERNEL(weir_attend_mma_64x256, struct weir_attend_args, 256)
{
    attend_mma<4, 2, 8>(a);
}

WEIR_KERNEL(weir_attend_mma_32x512, struct weir_attend_args, 256)
{
    attend_mma<2, 4, 8>(a);
}

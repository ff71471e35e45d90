/* kernels_attend.h - kernels of attention, heads, indexer, compressed keys, delta rule. See
 * kernels.h.
 */
#ifndef ENG_CUDA_KERNELS_ATTEND_H
#define ENG_CUDA_KERNELS_ATTEND_H

/* One line a kernel: K(weir_name) and a backslash. */
#define ENG_CUDA_KERNELS_ATTEND(K)

#endif

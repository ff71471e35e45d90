/* kernels_rows.h - kernels of norms, routing, hyper-connections, sampling: whatever works on rows.
 * See kernels.h.
 */
#ifndef ENG_CUDA_KERNELS_ROWS_H
#define ENG_CUDA_KERNELS_ROWS_H

/* One line a kernel: K(weir_name) and a backslash. */
#define ENG_CUDA_KERNELS_ROWS(K)

#endif

/* launch_blas.c - the launches of blas.cu. Runs on the thread that has the device; keeps nothing;
 * errors stick in the device.
 */
#include "engine/cuda/blas_rows.h"
#include "engine/cuda/driver.h"

#define THREADS 256

static uint32_t ceil_div(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

/* Blocks of a row: up to four values a thread. */
static uint32_t across(uint32_t n)
{
    uint32_t blocks = ceil_div(n, 4 * THREADS);
    return blocks > 64 ? 64 : blocks;
}

void eng_cuda_plain(struct eng_cuda *d, const struct weir_plain_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_plain, (struct eng_cuda_dim){a->rows, 1, 1},
                    (struct eng_cuda_dim){THREADS, 1, 1}, 0, a, sizeof(*a));
}

void eng_cuda_finish(struct eng_cuda *d, const struct weir_finish_args *a)
{
    if (a->factor || a->bias || a->scale)
        eng_cuda_launch(d, ENG_CUDA_weir_finish,
                        (struct eng_cuda_dim){a->rows, across(a->n_out), 1},
                        (struct eng_cuda_dim){THREADS, 1, 1}, 0, a, sizeof(*a));
}

void eng_cuda_pair(struct eng_cuda *d, const struct weir_pair_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_pair, (struct eng_cuda_dim){a->rows, across(a->n_out), 1},
                    (struct eng_cuda_dim){THREADS, 1, 1}, 0, a, sizeof(*a));
}

#define FORM(name, F) [ENG_FORM_##F] = ENG_CUDA_weir_unpack_##name

void eng_cuda_unpack(struct eng_cuda *d, enum eng_pack_form form, const struct weir_unpack_args *a)
{
    static const enum eng_cuda_kernel kernels[ENG_FORMS] = {
        FORM(q4_0, Q4_0),   FORM(q4_1, Q4_1),  FORM(q5_0, Q5_0),     FORM(q5_1, Q5_1),
        FORM(q8_0, Q8_0),   FORM(q2_k, Q2_K),  FORM(q3_k, Q3_K),     FORM(q4_k, Q4_K),
        FORM(q5_k, Q5_K),   FORM(q6_k, Q6_K),  FORM(iq4_nl, IQ4_NL), FORM(iq4_xs, IQ4_XS),
        FORM(mxfp4, MXFP4), FORM(nvfp4, NVFP4)};
    uint32_t y = ceil_div(a->units, 4 * (THREADS / 32));
    eng_cuda_launch(d, kernels[form], (struct eng_cuda_dim){a->groups, y, 1},
                    (struct eng_cuda_dim){THREADS, 1, 1}, 0, a, sizeof(*a));
}

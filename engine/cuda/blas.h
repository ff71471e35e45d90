/* blas.h - cuBLAS, if the machine has it: large dense products of 16-bit matrices.
 *
 * Looked for when a device is opened (libcublas.so.13, then .12) and never needed: without it the
 * kernels of product.h do the same products. It is used for dense weights alone (not for experts,
 * whose rows come in uneven groups), and only in steps that read long prompts: eng_blas_from()
 * says from how many rows on, and steps without prompts never come here (ops_blas.c), so that what
 * a decoding sequence gets does not depend on whether a machine has cuBLAS.
 *
 * From which number of rows. Two bounds for each way, both at the same share of their peak:
 *
 *   own     F16, BF16: a unit of 16 x 32 weights and 8 rows costs 2 mma.m16n8k16 a plane and 16
 *           bytes a lane and plane from shared memory, 4 clocks each: with two planes at most
 *           512 products a clock and multiprocessor (with three, 341). Quantised: two
 *           mma.m16n8k32.s8 a span of 32 and about 18 instructions that scale its sums, 11 clocks
 *           a unit of 16 x 64: at most 744.
 *   cuBLAS  the card's peak for halves summed in f32: one plane of activations for weights that
 *           are rounded to halves, see below.
 *
 *   10^12 flops      own F16   own quantised   cuBLAS    memory, 10^12 bytes/s
 *   H100 SXM            237             345       989    3.35
 *   A100 80 GB          156             227       312    2.04
 *   RTX 4090            165             480       165    1.01
 *
 * F16 and BF16 weights lie in memory as cuBLAS takes them (pack.c): nothing is moved beside the
 * product, and it pays as soon as reading the weights is no longer what bounds it. From
 * ENG_BLAS_FROM_PLAIN rows.
 *
 * Quantised weights are first unpacked to halves in scratch: 2 bytes a weight written and read
 * again, 4 / bandwidth seconds. A row costs 2 / rate seconds a weight, at 0.7 of the peaks above:
 * H100 8.3 less 2.9 fs, against 1.19 ps: pays from 221 rows; A100 12.6 less 9.2 fs, against 1.96
 * ps: from 577; RTX 4090 (and others whose tensor cores sum halves in f32 at half their rate):
 * never. So: from 256 on compute capability 9.0 and 10.0, 640 on 8.0, never on 8.6, 8.9, 12.0.
 * These are bounds from data sheets and instruction counts, not measurements.
 *
 * Numbers. F16 and BF16 weights are exact. Activations of models whose products are to be as exact
 * as floats (eng_model.planes == 2) go in as two or three planes, one product each, and quantised
 * weights stay with the own kernels; otherwise halves go in as one plane (a step of 2^-11 of the
 * value), bfloat16 as two (2^-16), and quantised weights are rounded to halves (2^-11; MXFP4 and
 * NVFP4 to bfloat16, which holds them exactly, with two planes). Sums are f32.
 *
 * Deterministic: one stream, a workspace of our own, no atomics, the default algorithm: the same
 * call gives the same bits on the same card and version of cuBLAS. During capture of a graph it is
 * not called. Its errors stick in the device as those of launches do (driver.h); one that happened
 * on the device makes it lost. Threads: those of the device.
 */
#ifndef ENG_CUDA_BLAS_H
#define ENG_CUDA_BLAS_H

#include "engine/cuda/driver.h"
#include "engine/cuda/pack.h"

#define ENG_BLAS_FROM_PLAIN 128 /* rows; F16, BF16 */

struct eng_blas;

/* Looks for the library and makes it ready for d, for as long as d lives. BASE_ENOENT: there is
 * none, or too old a one; BASE_EIO, BASE_ENOMEM: it does not start. err says so in one sentence. */
enum base_status eng_blas_open(struct eng_cuda *d, struct eng_blas **out,
                               struct base_err *err) BASE_MUST_CHECK;
/* Before d is closed. NULL is fine. */
void eng_blas_close(struct eng_blas *b);
/* 130100 for 13.1.0. */
uint32_t eng_blas_version(const struct eng_blas *b);

/* Bytes of device memory that it wants as its workspace, and the memory: the caller's, aligned to
 * 256 bytes, until another is given. Products before that are an error. */
size_t eng_blas_workspace_bytes(const struct eng_cuda_info *i);
void eng_blas_workspace(struct eng_blas *b, void *p, size_t n);

/* y[n_rows][ldy] = alpha W x (+ y), W [n_out][ldw] and x [n_rows][ldx] of halves or bfloat16, all
 * in device memory, rows aligned to 16 bytes (y: to 4). No size may be 0 or pass 2^31 - 1. */
struct eng_blas_product {
    const void *w, *x;
    float *y;
    uint32_t n_out, n_in, n_rows;
    uint32_t ldw, ldx, ldy; /* values */
    float alpha;
    bool bf16; /* else halves */
    bool add;  /* to what y holds */
};
void eng_blas_multiply(struct eng_blas *b, const struct eng_blas_product *j);

/* Rows from which a product with weights of this form is cuBLAS's; 0: never. */
uint32_t eng_blas_from(uint32_t arch, enum eng_pack_form form);

#endif

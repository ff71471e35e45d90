/* quant.h - the weight types of GGUF files: sizes, and rows widened to f32.
 *
 * Pure functions over bytes; layouts stand in quant.c. Dequantising is exact: bit for bit what the
 * file format defines, whatever the machine.
 */
#ifndef ENG_QUANT_H
#define ENG_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ids as in the file */
enum eng_type {
    ENG_F32 = 0,
    ENG_F16 = 1,
    ENG_Q4_0 = 2,
    ENG_Q4_1 = 3,
    ENG_Q5_0 = 6,
    ENG_Q5_1 = 7,
    ENG_Q8_0 = 8,
    ENG_Q2_K = 10,
    ENG_Q3_K = 11,
    ENG_Q4_K = 12,
    ENG_Q5_K = 13,
    ENG_Q6_K = 14,
    ENG_IQ4_NL = 20,
    ENG_IQ4_XS = 23,
    ENG_I8 = 24,
    ENG_I16 = 25,
    ENG_I32 = 26,
    ENG_I64 = 27,
    ENG_F64 = 28,
    ENG_BF16 = 30,
    ENG_MXFP4 = 39,
    ENG_NVFP4 = 40
};

struct eng_type_info {
    const char *name;
    uint32_t block_values; /* values per block; a row is a whole number of blocks */
    uint32_t block_bytes;
    bool weights; /* rows can be dequantised; the others are only stored */
};

/* NULL for a type this build does not know. */
const struct eng_type_info *eng_type_info(uint32_t type);
/* The name of any type id that the format defines, for messages ("Q2_K"), else "unknown". */
const char *eng_type_name(uint32_t type);

/* x[0..n) = the first n values of a row of `type`; n is a multiple of the type's block_values and
 * the type one with `weights` set. */
void eng_dequant_row(uint32_t type, const void *row, float *x, size_t n);

/* One block of a type that quant_low.c has; for eng_dequant_row. */
void eng_dequant_low(uint32_t type, const uint8_t *block, float *x);

/* Scale and minimum (6 bits each) of sub-block j (0 to 7) from the 12 packed bytes of Q4_K, Q5_K.
 */
void eng_k_scale(const uint8_t *s, int j, int *sc, int *mn);

/* Scale of 16 values: i (0 to 15) of a block of Q3_K, from its 12 packed bytes, -32..31; i (0 to 7)
 * of IQ4_XS; NVFP4's, half of an unsigned E4M3 number. */
int eng_q3_k_scale(const uint8_t *s, int i);
int eng_iq4_xs_scale(const uint8_t *block, int i);
float eng_nvfp4_scale(uint8_t e);

float eng_f16_to_f32(uint16_t h);
uint16_t eng_f32_to_f16(float f); /* round to nearest even */

/* Activations for the integer kernels: blocks of 32 values x, rounded to q = x / d. */
#define ENG_QBLOCK 32
struct eng_qinfo {
    float d;            /* max|x| / the largest |q|, 0 for a block of zeros */
    float ds;           /* the sum of the block's rounded x: what a weight's minimum multiplies */
    float ds_lo, ds_hi; /* the same for the two halves of the block */
};
/* For n a multiple of 32: q[n] in -127..127 and one info a block. Plain C; cpu/ has faster versions
 * with the same results. */
void eng_quant_q8(const float *x, size_t n, int8_t *q, struct eng_qinfo *info);
/* The finer form, 18 bits a value: q in -32520..32520 as two bytes q = 256 hi + lo, hi in -127..127
 * and lo in -128..127, and two bits more, of which a byte t holds those of value j and value j +
 * 16: x[j] = d (q[j] + t / 64), x[j + 16] = d (q[j + 16] + t / 4), t in -34..17 A block is 32 hi,
 * 32 lo, 16 t: ENG_Q16_BYTES. docs/decisions/020-activations.md says why. */
#define ENG_Q16_BYTES 80
void eng_quant_q16(const float *x, size_t n, int8_t *q, struct eng_qinfo *info);

#endif

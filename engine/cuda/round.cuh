/* round.cuh - 32 values of a row, one a lane, to planes of bytes or of bfloat16 (product.h: struct
 * weir_acts).
 *
 * Used by the rounding kernel and by products that round what they give: the same values make the
 * same bytes in either.
 */
#pragma once

#include "engine/cuda/device.cuh"
#include "engine/cuda/product.h"

/* All 32 lanes. v: value `lane` of those numbered `block` in the row, 0 past its end. row: of the
 * activations. */
WEIR_DEVICE void weir_round_block(const struct weir_acts &o, uint64_t row, uint32_t block,
                                  unsigned lane, float v)
{
    const unsigned all = 0xffffffffu;
    const uint32_t planes = o.planes, unit = block / 2, b = block % 2;
    float max = weir_warp_max(fabsf(v));
    /* so small that the factor would overflow: nothing is lost by calling it zero */
    const float most = 32512.0f, fine = planes == 3 ? 256.0f : 1.0f;
    float inv = max > 1e-30f ? most / max : 0.0f, d = inv > 0.0f ? max / most : 0.0f;
    int q = (int)rintf(v * inv * fine), sum = q;
    WEIR_UNROLL
    for (int step = 8; step; step >>= 1)
        sum += __shfl_xor_sync(all, sum, step);
#if defined(WEIR_BUG_40) /* lanes that leave before the others have what they hold */
    if (lane >= 16 && v == 0.0f)
        return;
#endif
    int other = __shfl_xor_sync(all, sum, 16);
    /* bytes from the lowest: each in -128..127, what is over goes up */
    uint32_t bytes = 0;
    WEIR_UNROLL
    for (int p = 0; p < 3; p++) {
        int low = (int8_t)(q & 255);
        bytes |= (uint32_t)(low & 255) << (8 * p);
        q = (q - low) / 256;
    }
    uint32_t b1 = __shfl_down_sync(all, bytes, 1), b2 = __shfl_down_sync(all, bytes, 2);
    uint32_t b3 = __shfl_down_sync(all, bytes, 3);
    if (lane % 4 == 0) {
        uint8_t *at =
            o.q + (row * o.units + unit) * planes * 64 + lane % 16 / 4 * 16 + b * 8 + lane / 16 * 4;
        for (uint32_t p = 0; p < planes; p++) { /* the highest byte is plane 0 */
            uint32_t s = 8 * (planes - 1 - p);
            *reinterpret_cast<uint32_t *>(at + p * 64) = (bytes >> s & 255) | (b1 >> s & 255) << 8 |
                                                         (b2 >> s & 255) << 16 |
                                                         (b3 >> s & 255) << 24;
        }
    }
    if (lane == 0) {
        float *info = o.info + (row * o.units + unit) * 4;
        float step = planes == 3 ? d * 0.00390625f : d;
        info[b] = d;
        info[2 + b] = step * (float)(sum + other);
        o.half[(row * o.units + unit) * 2 + b] = step * (float)sum;
    }
}

/* The same to three planes of bfloat16: all bits of an f32. */
WEIR_DEVICE void weir_round_block_bf16(const struct weir_acts &o, uint64_t row, uint32_t block,
                                       unsigned lane, float v)
{
    uint8_t *at = o.q + (row * o.units + block) * 192 + lane * 2;
    WEIR_UNROLL
    for (int p = 0; p < 3; p++) {
        uint32_t h = weir_f2b(v);
        uint32_t next = __shfl_down_sync(0xffffffffu, h, 1);
        if (lane % 2 == 0)
            *reinterpret_cast<uint32_t *>(at + 64 * p) = h | next << 16;
        v -= weir_b2f((uint16_t)h);
    }
}

/* To the planes that are wanted. Units of bytes are of two blocks: the last may be past the row. */
WEIR_DEVICE void weir_put_planes(const struct weir_planes &o, uint64_t row, uint32_t block,
                                 unsigned lane, float v)
{
    if (o.ints.q)
        weir_round_block(o.ints, row, block, lane, v);
    if (o.bf16.q && block < o.bf16.units)
        weir_round_block_bf16(o.bf16, row, block, lane, v);
}

/* kern_512.h - the vector pieces of kern_body.h on AVX-512; kern_avx512.c and kern_vnni.c define
 * TARGET, FN and what differs (vi_dp, vi_dp8).
 */
#ifndef ENG_CPU_KERN_512_H
#define ENG_CPU_KERN_512_H

#include "engine/cpu/ops.h"

#include <immintrin.h>

#define LANES    16
#define ROWS_MAX 8

typedef __m512 vf;
typedef __m512i vi;
typedef uint32_t u32x16 __attribute__((vector_size(64)));

FN vf vf_zero(void)
{
    return _mm512_setzero_ps();
}
FN vf vf_set1(float x)
{
    return _mm512_set1_ps(x);
}
FN vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
FN void vf_store(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}
FN vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
FN vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
FN vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
FN vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
FN vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
FN vf vf_abs(vf a)
{
    return _mm512_abs_ps(a);
}
FN vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
FN float vf_sum(vf a)
{
    return _mm512_reduce_add_ps(a);
}
FN float vf_top(vf a)
{
    return _mm512_reduce_max_ps(a);
}
FN vf vf_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
FN vf vf_pow2(vf n)
{
    return _mm512_scalef_ps(_mm512_set1_ps(1.0f), n);
}
FN vf vf_f16(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
FN vf vf_bf16(const uint8_t *p)
{
    __m256i h = _mm256_loadu_si256((const __m256i *)(const void *)p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
FN vf vf_u8(const uint8_t *p)
{
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(b));
}
FN vf vf_i8(const uint8_t *p)
{
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(b));
}
FN void vf_store_i8(int8_t *p, vf x)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x)));
}
FN vi vi_zero(void)
{
    return _mm512_setzero_si512();
}
FN vi vi_load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}
FN vi vi_add(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
}
FN vi vi_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}
FN vi vi_and(vi a, int byte)
{
    return _mm512_and_si512(a, _mm512_set1_epi8((char)byte));
}
FN vi vi_shr(vi a, int n)
{
    return (vi)((u32x16)a >> n);
}
FN vi vi_shl(vi a, int n)
{
    return (vi)((u32x16)a << n);
}
FN vi vi_times2(vi a, int n)
{
    return _mm512_slli_epi32(a, (unsigned)n);
}
FN vi vi_table(vi a, const uint8_t *table)
{
    __m128i t = _mm_loadu_si128((const __m128i *)(const void *)table);
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(t), a);
}
FN vf vi_float(vi a)
{
    return _mm512_cvtepi32_ps(a);
}

#endif

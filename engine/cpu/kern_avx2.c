/* kern_avx2.c - the fast operators on AVX2 with FMA and F16C: half a tile (8 rows) at a time. Bytes
 * are multiplied in pairs to 16 bits, as in kern_avx512.c.
 */
#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define FN     TARGET __attribute__((always_inline)) static inline
#include "engine/cpu/ops.h"

#include <immintrin.h>

#define LANES    8
#define ROWS_MAX 4

typedef __m256 vf;
typedef __m256i vi;
typedef uint32_t u32x8 __attribute__((vector_size(32)));

FN vf vf_zero(void)
{
    return _mm256_setzero_ps();
}
FN vf vf_set1(float x)
{
    return _mm256_set1_ps(x);
}
FN vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
FN void vf_store(float *p, vf x)
{
    _mm256_storeu_ps(p, x);
}
FN vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
FN vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
FN vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
FN vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}
FN vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
FN vf vf_abs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
FN vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
FN float vf_sum(vf a)
{
    __m128 h = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}
FN float vf_top(vf a)
{
    __m128 h = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    h = _mm_max_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
}
FN vf vf_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
FN vf vf_pow2(vf n)
{
    __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}
FN vf vf_f16(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}
FN vf vf_bf16(const uint8_t *p)
{
    __m128i h = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
FN vf vf_u8(const uint8_t *p)
{
    __m128i b = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(b));
}
FN vf vf_i8(const uint8_t *p)
{
    __m128i b = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(b));
}
FN void vf_store_i8(int8_t *p, vf x)
{
    __m256i i = _mm256_cvtps_epi32(x);
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packs_epi16(w, w));
}
FN vi vi_zero(void)
{
    return _mm256_setzero_si256();
}
FN vi vi_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
FN vi vi_add(vi a, vi b)
{
    return _mm256_add_epi32(a, b);
}
FN vi vi_or(vi a, vi b)
{
    return _mm256_or_si256(a, b);
}
FN vi vi_and(vi a, int byte)
{
    return _mm256_and_si256(a, _mm256_set1_epi8((char)byte));
}
FN vi vi_shr(vi a, int n)
{
    return (vi)((u32x8)a >> n);
}
FN vi vi_shl(vi a, int n)
{
    return (vi)((u32x8)a << n);
}
FN vi vi_times2(vi a, int n)
{
    return _mm256_slli_epi32(a, n);
}
FN vi vi_table(vi a, const uint8_t *table)
{
    __m128i t = _mm_loadu_si128((const __m128i *)(const void *)table);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t), a);
}
FN vf vi_float(vi a)
{
    return _mm256_cvtepi32_ps(a);
}
FN int32_t load4(const int8_t *q)
{
    int32_t v;
    __builtin_memcpy(&v, q, 4);
    return v;
}
FN vi vi_dp(vi acc, vi u, const int8_t *q)
{
    __m256i pairs = _mm256_maddubs_epi16(u, _mm256_set1_epi32(load4(q)));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
FN vi vi_dp8(vi acc, vi u, const int8_t *q)
{
    __m256i hi = vi_dp(vi_zero(), vi_and(vi_shr(u, 4), 15), q);
    return _mm256_add_epi32(vi_dp(acc, vi_and(u, 15), q), _mm256_slli_epi32(hi, 4));
}

#define BYTES_AT_ONCE 0
#define KERN_NAME     "avx2"
#define KERN_SYMBOL   eng_kernels_avx2
#include "engine/cpu/kern_body.h"
#endif

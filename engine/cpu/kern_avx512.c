/* kern_avx512.c - the fast operators on AVX-512 without VNNI: bytes are multiplied in pairs to 16
 * bits, which cannot overflow while codes stay below 129; larger ones go in two halves.
 */
#if defined(__x86_64__)
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")))
#define FN     TARGET __attribute__((always_inline)) static inline
#include "engine/cpu/kern_512.h"

FN int32_t load4(const int8_t *q)
{
    int32_t v;
    __builtin_memcpy(&v, q, 4);
    return v;
}
FN vi vi_dp(vi acc, vi u, const int8_t *q)
{
    __m512i pairs = _mm512_maddubs_epi16(u, _mm512_set1_epi32(load4(q)));
    return _mm512_add_epi32(acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}
FN vi vi_dp8(vi acc, vi u, const int8_t *q)
{
    __m512i hi = vi_dp(vi_zero(), vi_and(vi_shr(u, 4), 15), q);
    return _mm512_add_epi32(vi_dp(acc, vi_and(u, 15), q), _mm512_slli_epi32(hi, 4));
}

#define BYTES_AT_ONCE 0
#define KERN_NAME     "avx512"
#define KERN_SYMBOL   eng_kernels_avx512
#include "engine/cpu/kern_body.h"
#endif

/* kern_vnni.c - the fast operators on AVX-512 with VNNI: four int8 products a lane and
 * instruction.
 */
#if defined(__x86_64__)
#define TARGET                                                                                     \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")))
#define FN TARGET __attribute__((always_inline)) static inline
#include "engine/cpu/kern_512.h"

FN vi vi_dp(vi acc, vi u, int32_t s)
{
    return _mm512_dpbusd_epi32(acc, u, _mm512_set1_epi32(s));
}
FN vi vi_dp8(vi acc, vi u, int32_t s)
{
    return vi_dp(acc, u, s);
}

#define KERN_NAME   "vnni"
#define KERN_SYMBOL eng_kernels_vnni
#include "engine/cpu/kern_body.h"
#endif

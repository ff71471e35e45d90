/* kern_vnni.c - the fast operators on AVX-512 with VNNI: four int8 products a lane and
 * instruction.
 */
#if defined(__x86_64__)
#define TARGET                                                                                     \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")))
#define FN TARGET __attribute__((always_inline)) static inline
#include "engine/cpu/kern_512.h"

/* GCC 12 has no pattern for this instruction with a broadcast from memory and would spend a second
 * one on the broadcast, hence the assembly. */
FN vi vi_dp(vi acc, vi u, const int8_t *q)
{
    typedef struct {
        int8_t b[4];
    } four;
    __asm__("vpdpbusd %2%{1to16%}, %1, %0"
            : "+v"(acc)
            : "v"(u), "m"(*(const four *)(const void *)q));
    return acc;
}
FN vi vi_dp8(vi acc, vi u, const int8_t *q)
{
    return vi_dp(acc, u, q);
}

#define BYTES_AT_ONCE 1
#define KERN_NAME     "vnni"
#define KERN_SYMBOL   eng_kernels_vnni
#include "engine/cpu/kern_body.h"
#endif

/* kernels.c - choosing the version of the operators that this machine runs best.
 *
 * Asked once per model. __builtin_cpu_supports also knows whether the system saves the registers.
 */
#include "engine/cpu/ops.h"

#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* the E2M1 values, doubled, plus 12: unsigned, so that one dot product serves all types */
const uint8_t eng_mxfp4_codes[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};

/* the steps of IQ4_NL and IQ4_XS (quant_low.c) plus 128 */
const uint8_t eng_iq4_codes[16] = {1,   24,  45,  63,  79,  93,  106, 118,
                                   129, 141, 153, 166, 181, 197, 217, 241};

struct version {
    const struct eng_kernels *k;
    bool runs;
};

#define VERSIONS 4

#if defined(__x86_64__)
/* __builtin_cpu_supports knows no "f16c" in older clangs. The operating system's part (saving the
 * wide registers) is what it checks for AVX2. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

/* Best first. */
static void list(struct version v[VERSIONS])
{
    memset(v, 0, VERSIONS * sizeof(*v));
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    v[0] = (struct version){&eng_kernels_vnni, avx512 && __builtin_cpu_supports("avx512vnni")};
    v[1] = (struct version){&eng_kernels_avx512, avx512};
    v[2] = (struct version){&eng_kernels_avx2, avx2};
#endif
    v[3] = (struct version){&eng_kernels_c, true};
}

const struct eng_kernels *eng_kernels_named(const char *name)
{
    struct version v[VERSIONS];
    list(v);
    for (int i = 0; i < VERSIONS; i++)
        if (v[i].runs && strcmp(v[i].k->name, name) == 0)
            return v[i].k;
    return strcmp(name, "ref") == 0 ? &eng_kernels_ref : NULL;
}

const struct eng_kernels *eng_kernels_best(void)
{
    struct version v[VERSIONS];
    const char *wish = getenv("WEIR_CPU");
    const struct eng_kernels *k = wish ? eng_kernels_named(wish) : NULL;
    list(v);
    for (int i = 0; i < VERSIONS && !k; i++)
        if (v[i].runs)
            k = v[i].k;
    return k;
}

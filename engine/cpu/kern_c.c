/* kern_c.c - the fast operators' algorithms in plain C: for processors without the instructions of
 * the other versions, and to test tiles and integer products apart from any of them.
 */
#include "engine/cpu/ops.h"

#include <math.h>
#include <string.h>

#define TARGET
#define FN       static inline
#define LANES    8
#define ROWS_MAX 4

typedef struct {
    float v[LANES];
} vf;
typedef struct {
    uint8_t b[4 * LANES]; /* four codes a lane */
    int32_t i[LANES];     /* or a sum a lane */
} vi;

#define EACH for (int l = 0; l < LANES; l++)
#define BYTE for (int l = 0; l < 4 * LANES; l++)
#define LANEWISE(name, args, expr)                                                                 \
    FN vf name args                                                                                \
    {                                                                                              \
        vf r;                                                                                      \
        EACH r.v[l] = (expr);                                                                      \
        return r;                                                                                  \
    }
LANEWISE(vf_set1, (float x), x)
LANEWISE(vf_load, (const float *p), p[l])
LANEWISE(vf_add, (vf a, vf b), a.v[l] + b.v[l])
LANEWISE(vf_sub, (vf a, vf b), a.v[l] - b.v[l])
LANEWISE(vf_mul, (vf a, vf b), a.v[l] * b.v[l])
LANEWISE(vf_div, (vf a, vf b), a.v[l] / b.v[l])
LANEWISE(vf_max, (vf a, vf b), a.v[l] > b.v[l] ? a.v[l] : b.v[l])
LANEWISE(vf_abs, (vf a), fabsf(a.v[l]))
LANEWISE(vf_fma, (vf a, vf b, vf c), a.v[l] * b.v[l] + c.v[l])
LANEWISE(vf_round, (vf a), rintf(a.v[l]))
LANEWISE(vf_pow2, (vf n), ldexpf(1.0f, (int)n.v[l]))
LANEWISE(vf_u8, (const uint8_t *p), (float)p[l])
LANEWISE(vf_i8, (const uint8_t *p), (float)(int8_t)p[l])
LANEWISE(vi_float, (vi a), (float)a.i[l])

FN vf vf_zero(void)
{
    return vf_set1(0);
}
FN void vf_store(float *p, vf x)
{
    memcpy(p, x.v, sizeof(x.v));
}
FN float vf_sum(vf a)
{
    float s = 0;
    EACH s += a.v[l];
    return s;
}
FN float vf_top(vf a)
{
    float s = a.v[0];
    EACH s = a.v[l] > s ? a.v[l] : s;
    return s;
}
FN vf vf_f16(const uint8_t *p)
{
    vf r;
    eng_dequant_row(ENG_F16, p, r.v, LANES);
    return r;
}
FN vf vf_bf16(const uint8_t *p)
{
    vf r;
    eng_dequant_row(ENG_BF16, p, r.v, LANES);
    return r;
}
FN void vf_store_i8(int8_t *p, vf x)
{
    EACH p[l] = (int8_t)x.v[l];
}
FN vi vi_zero(void)
{
    return (vi){{0}, {0}};
}
FN vi vi_load(const uint8_t *p)
{
    vi r = vi_zero();
    memcpy(r.b, p, sizeof(r.b));
    return r;
}
FN vi vi_add(vi a, vi b)
{
    EACH a.i[l] += b.i[l];
    return a;
}
FN vi vi_or(vi a, vi b)
{
    BYTE a.b[l] |= b.b[l];
    return a;
}
FN vi vi_and(vi a, int byte)
{
    BYTE a.b[l] &= (uint8_t)byte;
    return a;
}
/* Callers mask what a shift of whole lanes would bring in from the byte beside. */
FN vi vi_shr(vi a, int n)
{
    BYTE a.b[l] = (uint8_t)(a.b[l] >> n);
    return a;
}
FN vi vi_shl(vi a, int n)
{
    BYTE a.b[l] = (uint8_t)(a.b[l] << n);
    return a;
}
FN vi vi_times2(vi a, int n)
{
    EACH a.i[l] *= 1 << n;
    return a;
}
FN vi vi_table(vi a, const uint8_t *table)
{
    BYTE a.b[l] = table[a.b[l]];
    return a;
}
FN vi vi_dp(vi acc, vi u, const int8_t *q)
{
    EACH for (int b = 0; b < 4; b++) acc.i[l] += u.b[4 * l + b] * q[b];
    return acc;
}
FN vi vi_dp8(vi acc, vi u, const int8_t *q)
{
    return vi_dp(acc, u, q);
}

#define BYTES_AT_ONCE 1
#define KERN_NAME     "c"
#define KERN_SYMBOL   eng_kernels_c
#include "engine/cpu/kern_body.h"

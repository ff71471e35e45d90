/* lanes.h - vectors of 16 floats in plain C, for operators that have one body on all machines.
 *
 * The compiler makes of them whatever the target has; ENG_VERSIONS compiles a body three times and
 * chooses at run time. 16 is the number of keys in a block (cpu/ops.h). Private to the engine.
 */
#ifndef ENG_LANES_H
#define ENG_LANES_H

#include "engine/cpu/ops.h"

#define L ENG_KEY_BLOCK

typedef float lanes __attribute__((vector_size(4 * L), aligned(4)));
typedef int32_t ints __attribute__((vector_size(4 * L), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

/* void name(type *a), which calls body(a) in the best version for this machine. */
#if defined(__x86_64__)
#define ENG_VERSIONS(scope, name, body, type)                                                      \
    __attribute__((target("avx512f,avx512dq,fma"))) static void name##_512(type *a)                \
    {                                                                                              \
        body(a);                                                                                   \
    }                                                                                              \
    __attribute__((target("avx2,fma"))) static void name##_avx2(type *a)                           \
    {                                                                                              \
        body(a);                                                                                   \
    }                                                                                              \
    scope void name(type *a)                                                                       \
    {                                                                                              \
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))               \
            name##_512(a);                                                                         \
        else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))                  \
            name##_avx2(a);                                                                        \
        else                                                                                       \
            body(a);                                                                               \
    }
#else
#define ENG_VERSIONS(scope, name, body, type)                                                      \
    scope void name(type *a)                                                                       \
    {                                                                                              \
        body(a);                                                                                   \
    }
#endif

#endif

/* engine_types_bench.c - the product of each weight type: fast kernels beside the plain f32 loop.
 *
 * usage: engine_types_bench [TYPE...]
 *
 * One thread, the best kernels of the machine (WEIR_CPU lowers the choice). A matrix of 2048
 * columns and as many rows as take 64 MiB in the file, times 1 row of activations (a generated
 * token) and times 64 (a prompt). Figures are by CPU time of the thread, the best of three, since
 * other work takes the wall clock: file gigabytes a second, and 10^9 multiplications a second.
 * memory_gb_s is what a plain loop reads of 256 MiB in the same run, gemv_of_memory the share of it
 * that a product with one row of 16-bit activations reaches, speedup against the f32 loop. One JSON
 * line a type.
 */
#include "engine/cpu/ops.h"
#include "engine/cpu/tile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_IN   2048u
#define BYTES  (64u << 20)
#define N_ROWS 64u
#define MEMORY ((size_t)256 << 20)

static double cpu_s(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *room(size_t n)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, n) != 0) {
        fputs("engine_types_bench: out of memory\n", stderr);
        exit(2);
    }
    memset(p, 1, n);
    return p;
}

static double memory_gb_s(void)
{
    const uint64_t *p = room(MEMORY);
    double best = 0;
    uint64_t sum = 0;
    for (int r = 0; r < 3; r++) {
        double t0 = cpu_s();
        uint64_t s[8] = {0};
        for (size_t i = 0; i < MEMORY / 8; i += 8)
            for (int k = 0; k < 8; k++)
                s[k] += p[i + (size_t)k];
        double t = cpu_s() - t0;
        for (int k = 0; k < 8; k++)
            sum += s[k];
        best = (double)MEMORY / t * 1e-9 > best ? (double)MEMORY / t * 1e-9 : best;
    }
    free((void *)(uintptr_t)p);
    return sum ? best : 0;
}

struct work {
    struct eng_weight w;
    struct eng_acts a;
    float *x, *y;
    int8_t *q;
    struct eng_qinfo *qi;
};

/* Seconds of CPU time for all outputs (or the first n_out of them) of n_rows rows. */
static double product_s(struct work *k, const struct eng_kernels *kern, uint32_t n_out,
                        uint32_t n_rows, uint32_t planes)
{
    double best = 1e30;
    k->a.planes = planes ? planes : 1;
    for (uint32_t r = 0; planes && r < n_rows; r++)
        kern->quant[planes](k->x + (size_t)r * N_IN, N_IN,
                            k->q + (size_t)r * (N_IN / ENG_QBLOCK) * eng_act_bytes(planes),
                            k->qi + (size_t)r * (N_IN / ENG_QBLOCK));
    for (int i = 0; i < 3; i++) {
        double t0 = cpu_s();
        /* in pieces of 128 rows, as the model's tasks have them */
        for (uint32_t o = 0; o < n_out; o += 128) {
            struct eng_mm mm = {.w = &k->w,
                                .out0 = o,
                                .out1 = o + 128 < n_out ? o + 128 : n_out,
                                .a = &k->a,
                                .n_rows = n_rows,
                                .y = k->y,
                                .ldy = n_out};
            if (planes)
                kern->mm_tiles(&mm);
            else
                kern->mm_rows(&mm);
        }
        double t = cpu_s() - t0;
        best = t < best ? t : best;
    }
    return best;
}

static void measure(uint32_t type, double memory)
{
    const struct eng_type_info *ti = eng_type_info(type);
    const struct eng_kernels *kern = eng_kernels_best();
    uint32_t row_bytes = N_IN / ti->block_values * ti->block_bytes;
    uint32_t n_out = BYTES / row_bytes / 128 * 128, few = 128;
    uint8_t *data = room((size_t)n_out * row_bytes);
    struct work k = {.w = {.type = type,
                           .n_in = N_IN,
                           .n_out = n_out,
                           .n_mat = 1,
                           .row_bytes = row_bytes,
                           .data = data,
                           .mat_tiles = n_out / ENG_TILE,
                           .tile_bytes = eng_tile_bytes(type, N_IN)}};
    for (size_t i = 0; i < (size_t)n_out * row_bytes; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13) & 0x3f; /* scales of moderate size */
    k.x = room((size_t)N_ROWS * N_IN * sizeof(float));
    k.y = room((size_t)N_ROWS * n_out * sizeof(float));
    k.q = room((size_t)N_ROWS * (N_IN / ENG_QBLOCK) * ENG_Q16_BYTES);
    k.qi = room((size_t)N_ROWS * (N_IN / ENG_QBLOCK) * sizeof(*k.qi));
    for (size_t i = 0; i < (size_t)N_ROWS * N_IN; i++)
        k.x[i] = (float)((int)(i * 7919 % 2001) - 1000) / 1000;
    k.a = (struct eng_acts){.x = k.x, .n_in = N_IN, .q = k.q, .qi = k.qi};
    double bytes = (double)n_out * row_bytes, mul = (double)n_out * N_IN;
    double plain = product_s(&k, &eng_kernels_ref, few, 1, 0) * n_out / few;
    double plain64 = product_s(&k, &eng_kernels_ref, few, N_ROWS, 0) * n_out / few;
    k.w.tiles = room(k.w.tile_bytes * k.w.mat_tiles);
    for (uint32_t t = 0; t < k.w.mat_tiles; t++)
        eng_tile_pack(&k.w, 0, t);
    double one16 = product_s(&k, kern, n_out, 1, 2), one8 = product_s(&k, kern, n_out, 1, 1);
    double many16 = product_s(&k, kern, n_out, N_ROWS, 2);
    double many8 = product_s(&k, kern, n_out, N_ROWS, 1), load[1] = {-1};
    (void)getloadavg(load, 1);
    printf("{\"type\":\"%s\",\"kernels\":\"%s\",\"gemv_gb_s_int16\":%.2f,\"gemv_gb_s_int8\":%.2f,"
           "\"gemv_gb_s_f32_loop\":%.3f,\"memory_gb_s\":%.1f,\"gemv_of_memory\":%.2f,"
           "\"speedup_gemv\":%.0f,\"gemm64_gmac_s_int16\":%.1f,\"gemm64_gmac_s_int8\":%.1f,"
           "\"gemm64_gmac_s_f32_loop\":%.2f,\"speedup_gemm\":%.0f,\"load_average\":%.1f}\n",
           ti->name, kern->name, bytes / one16 * 1e-9, bytes / one8 * 1e-9, bytes / plain * 1e-9,
           memory, bytes / one16 * 1e-9 / memory, plain / one16, mul * N_ROWS / many16 * 1e-9,
           mul * N_ROWS / many8 * 1e-9, mul * N_ROWS / plain64 * 1e-9, plain64 / many16, load[0]);
    fflush(stdout);
    free(data);
    free(k.w.tiles);
    free(k.x);
    free(k.y);
    free(k.q);
    free(k.qi);
}

int main(int argc, char **argv)
{
    static const uint32_t types[] = {ENG_Q2_K,  ENG_Q3_K, ENG_IQ4_NL, ENG_IQ4_XS, ENG_NVFP4,
                                     ENG_MXFP4, ENG_Q4_0, ENG_Q4_1,   ENG_Q4_K,   ENG_Q5_0,
                                     ENG_Q5_1,  ENG_Q5_K, ENG_Q6_K,   ENG_Q8_0};
    double memory = memory_gb_s();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        bool wanted = argc < 2;
        for (int a = 1; a < argc; a++)
            wanted = wanted || strcmp(argv[a], eng_type_name(types[i])) == 0;
        if (wanted)
            measure(types[i], memory);
    }
    return 0;
}

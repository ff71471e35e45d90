/* Measures what the products of real models move, in the emulator that counts
 * (make build/tests/libweir-emu-count.so): bytes over the least possible, which is the weights of
 * the chosen experts as in the file, activations in and outputs, as f32. "memory" are different
 * sectors, once a launch; "L2" once a block that needs them. Weights and activations are zeros:
 * nothing depends on them.
 *
 *   WEIR_CUDA_LIBRARY=build/tests/libweir-emu-count.so build/tests/bench/engine_cuda_shapes
 *
 * Goes with docs/decisions/043-cuda-products.md; some minutes.
 */
#include "engine/cuda/driver.h"
#include "engine/cuda/product.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct shape {
    uint32_t type, n_in, n_out;
    bool pair;
    uint32_t n_expert, n_used, n_tok;
};

static const struct shape SHAPES[] = {
    {ENG_MXFP4, 2880, 2880, true, 32, 4, 1},  {ENG_MXFP4, 2880, 2880, true, 32, 4, 8},
    {ENG_MXFP4, 2880, 2880, true, 32, 4, 64}, {ENG_MXFP4, 2880, 2880, false, 32, 4, 8},
    {ENG_BF16, 2880, 5120, false, 0, 0, 1},   {ENG_BF16, 2880, 5120, false, 0, 0, 8},
    {ENG_BF16, 2880, 5120, false, 0, 0, 64},  {ENG_Q4_K, 2048, 768, true, 128, 8, 1},
    {ENG_Q4_K, 2048, 768, true, 128, 8, 8},   {ENG_Q4_K, 2048, 768, true, 128, 8, 64},
    {ENG_Q6_K, 768, 2048, false, 128, 8, 8},  {ENG_Q4_K, 2048, 4096, false, 0, 0, 1},
    {ENG_Q4_K, 2048, 4096, false, 0, 0, 8},   {ENG_Q4_K, 2048, 4096, false, 0, 0, 64},
    {ENG_Q8_0, 7168, 2048, true, 256, 8, 1},  {ENG_F32, 2048, 128, false, 0, 0, 8},
};

static void *room(struct eng_cuda *d, const void *from, size_t n)
{
    void *p = eng_cuda_alloc(d, n);
    if (!p) {
        fprintf(stderr, "engine_cuda_shapes: no memory for %zu bytes on the device\n", n);
        exit(1);
    }
    if (from)
        eng_cuda_upload(d, p, from, n);
    else
        eng_cuda_fill(d, p, 0, n);
    return p;
}

/* Tokens choose n_used experts each, spread by a fixed rule; returns how many experts are used. */
static uint32_t choose(struct eng_cuda *d, const struct shape *s, struct weir_mm_args *a)
{
    uint32_t pairs = s->n_tok * s->n_used, first[257] = {0}, n_tiles = 0, at = 0, touched = 0;
    uint32_t *row = calloc(3 * (size_t)pairs, 4), *expert = row + pairs, *from = expert + pairs;
    uint8_t *used = calloc(s->n_tok, s->n_expert);
    uint32_t seed = 12345;
    if (!row || !used)
        exit(1);
    for (uint32_t t = 0; t < s->n_tok; t++)
        for (uint32_t k = 0; k < s->n_used;) {
            seed = seed * 1664525u + 1013904223u;
            uint8_t *u = &used[t * s->n_expert + (seed >> 16) % s->n_expert];
            k += !*u;
            *u = 1;
        }
    for (uint32_t e = 0; e < s->n_expert; e++) {
        first[e] = at;
        for (uint32_t t = 0; t < s->n_tok; t++)
            if (used[t * s->n_expert + e])
                row[at++] = t;
        touched += at > first[e];
        for (uint32_t i = first[e]; i < at; i += weir_mm_rows(s->n_tok)) {
            expert[n_tiles] = e;
            from[n_tiles++] = i;
        }
    }
    first[s->n_expert] = at;
    a->mode = WEIR_MM_EXPERT;
    a->pair_first = room(d, first, sizeof first);
    a->tile_expert = room(d, expert, pairs * 4);
    a->tile_first = room(d, from, pairs * 4);
    a->n_tiles = room(d, &n_tiles, 4);
    a->pair_row = s->pair ? room(d, row, pairs * 4) : NULL;
    free(row);
    free(used);
    return touched;
}

/* A number of the last launch that was counted. */
static double counted(const char *line, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *p = strstr(line, key);
    return p ? strtod(p + strlen(key), NULL) : 0;
}

static void measure(const struct shape *s, const char *counts)
{
    struct base_err err = {0};
    struct eng_cuda *d;
    struct eng_pack p;
    if (eng_cuda_open(ENG_CUDA_EMULATED, 0, &d, &err) ||
        eng_pack_plan(s->type, s->n_in, s->n_out, s->n_expert ? s->n_expert : 1, s->pair, &p,
                      &err)) {
        fprintf(stderr, "engine_cuda_shapes: %s\n", err.text);
        exit(1);
    }
    enum eng_pack_acts kind = eng_pack_layout(p.form)->acts;
    uint32_t pairs = s->n_expert ? s->n_tok * s->n_used : s->n_tok, touched = 1;
    uint32_t rows = s->pair ? s->n_tok : pairs;
    float *x = room(d, NULL, (size_t)rows * s->n_in * 4);
    void *b = room(d, NULL, weir_acts_bytes(kind, rows, s->n_in, 3) + 256);
    struct weir_mm_args a = {.acts = weir_acts_at(kind, rows, s->n_in, 3, x, b),
                             .n_mats = 1,
                             .n_rows = s->n_tok,
                             .pair = s->pair};
    a.mat[0].y = room(d, NULL, (size_t)pairs * s->n_out * 4);
    a.mat[0].ldy = s->n_out;
    weir_mat_from(&a.mat[0], &p, room(d, NULL, p.bytes));
    if (s->n_expert)
        touched = choose(d, s, &a);
    eng_cuda_mm(d, p.form, &a, s->n_tok, pairs);
    if (eng_cuda_sync(d, &err)) {
        fprintf(stderr, "engine_cuda_shapes: %s\n", err.text);
        exit(1);
    }
    eng_cuda_close(d);
    const struct eng_type_info *ti = eng_type_info(s->type);
    double least =
        (double)s->n_in / ti->block_values * ti->block_bytes * s->n_out * (1 + s->pair) * touched +
        4.0 * rows * s->n_in + 4.0 * pairs * s->n_out;
    char line[2048] = "", last[2048] = "";
    FILE *f = fopen(counts, "r");
    while (f && fgets(line, sizeof line, f))
        memcpy(last, line, sizeof last);
    if (f)
        fclose(f);
    printf("| %s %u x %u%s, %u of %u experts | %u | %.3f | %.3f |\n", ti->name, s->n_out, s->n_in,
           s->pair ? ", gate and up" : "", s->n_used, s->n_expert, s->n_tok,
           (counted(last, "read") + counted(last, "written")) / least,
           (counted(last, "l2_read") + counted(last, "l2_written")) / least);
    fflush(stdout);
}

int main(void)
{
    char counts[] = "/tmp/weir-counts-XXXXXX";
    int fd = mkstemp(counts);
    if (fd < 0 || setenv("WEIR_EMU_COUNTS", counts, 1)) {
        fprintf(stderr, "engine_cuda_shapes: no temporary file\n");
        return 1;
    }
    close(fd);
    printf("| product | rows | memory | L2 |\n|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++)
        measure(&SHAPES[i], counts);
    unlink(counts);
    return 0;
}

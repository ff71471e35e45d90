/* engine_cuda_delta.c - a prompt through one gated DeltaNet layer of Qwen3-Next's shape (16 key
 * heads, 32 value heads, 128 by 128) on the emulated device that counts, token by token and in
 * chunks: what each launch moves, and how far the two are apart.
 *
 *   WEIR_CUDA_LIBRARY=build/tests/libweir-emu-count.so WEIR_EMU_COUNTS=FILE \
 *     build/tests/bench/engine_cuda_delta TOKENS [HEADS]
 *
 * FILE gets a line a launch (tests/emu/count.cpp). HEADS: key heads, 16; fewer to wait less.
 */
#include "engine/cuda/delta.h"
#include "engine/cuda/driver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIM = 128, CONV = 4, MOST = 4096 };

static struct eng_cuda *dev;

static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "engine_cuda_delta: %s\n", what);
    exit(1);
}

static void *put(const void *from, size_t n)
{
    void *p = eng_cuda_alloc(dev, n);
    need(p, "out of device memory");
    if (from)
        eng_cuda_upload(dev, p, from, n);
    return p;
}

static float *random_floats(size_t n, float low, float high)
{
    static uint64_t seed = 1;
    float *x = malloc(n * sizeof(float));
    need(x, "out of memory");
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = low + (high - low) * (float)(seed >> 40) / 16777216.0f;
    }
    return x;
}

static float *put_random(size_t n, float low, float high)
{
    float *x = random_floats(n, low, high), *p = put(x, n * sizeof(float));
    free(x);
    return p;
}

int main(int argc, char **argv)
{
    struct base_err err = {0};
    unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long heads = argc > 2 ? strtoul(argv[2], NULL, 10) : 16;
    need(n > 0 && n <= MOST && heads > 0 && heads <= 64, "usage: engine_cuda_delta TOKENS [HEADS]");
    need(eng_cuda_open(ENG_CUDA_EMULATED, 0, &dev, &err) == BASE_OK, err.text);
    static uint32_t seq[MOST], cell[MOST], none[MOST], token[MOST], run[MOST], first[MOST + 1];
    static uint32_t chunk[2 * MOST], longs[3 * MOST], chunked[MOST];
    for (uint32_t t = 0; t < n; t++) {
        cell[t] = t + 1; /* the state is read, too */
        none[t] = WEIR_NO_MARK;
    }
    uint32_t key = (uint32_t)heads, value = 2 * key, channels = 2 * key * DIM + value * DIM;
    uint64_t each = (uint64_t)channels * (CONV - 1) + (uint64_t)value * DIM * DIM;
    size_t wide = (size_t)n * value * DIM;
    struct weir_delta_args a = {.x = put_random(n * channels, -2, 2),
                                .u = put(NULL, n * channels * sizeof(float)),
                                .conv_w = put_random((size_t)channels * CONV, -1, 1),
                                .beta = put_random(n * value, -2, 2),
                                .alpha = put_random(n * value, -2, 2),
                                .dt = put_random(value, -1, 1),
                                .decay = put_random(value, -0.5f, -0.01f),
                                .out = put(NULL, wide * sizeof(float)),
                                .order = {.n = (uint32_t)n, .n_run = 1},
                                .cell = put(cell, n * 4),
                                .n_key = key,
                                .n_value = value,
                                .dk = DIM,
                                .dv = DIM,
                                .conv = CONV,
                                .channels = channels,
                                .eps = 1e-6f};
    need(eng_cuda_order(seq, (uint32_t)n, token, run, first) == 1, "one run");
    a.order.token = put(token, n * 4);
    a.order.run = put(run, n * 4);
    a.order.first = put(first, 8);
    float *state = random_floats(each, -0.1f, 0.1f), *got[2];
    for (int way = 0; way < 2; way++) {
        a.states = (struct weir_states){.at = put(state, each * sizeof(float)),
                                        .each = each,
                                        .slot = put(seq, n * 4),
                                        .mark = put(none, n * 4)};
        if (way) {
            a.n_chunk =
                eng_cuda_delta_chunks(token, first, 1, none, chunk, longs, chunked, &a.n_long);
            need(a.n_long == 1, "so few tokens do not go in chunks");
            a.chunk = put(chunk, 8 * (size_t)a.n_chunk);
            a.longs = put(longs, 12);
            a.chunked = put(chunked, 4);
            a.scratch = put(NULL, eng_cuda_delta_scratch(&a, a.n_chunk));
        }
        got[way] = malloc((wide + each) * sizeof(float));
        need(got[way], "out of memory");
        eng_cuda_delta(dev, &a);
        eng_cuda_download(dev, got[way], a.out, wide * sizeof(float));
        eng_cuda_download(dev, got[way] + wide, a.states.at, each * sizeof(float));
        need(eng_cuda_sync(dev, &err) == BASE_OK, err.text);
    }
    const char *const what[] = {"outputs", "states"};
    for (int k = 0; k < 2; k++) {
        double square = 0, off = 0, max = 0;
        for (size_t i = k ? wide : 0; i < (k ? wide + each : wide); i++) {
            double d = (double)got[0][i] - (double)got[1][i];
            square += (double)got[0][i] * (double)got[0][i];
            off += d * d;
            max = fmax(max, fabs(d));
        }
        printf("%s: normalised square of the difference %.2g, most %.2g, scale %.2g\n", what[k],
               off / square, max, sqrt(square / (double)(k ? each : wide)));
    }
    eng_cuda_close(dev);
    free(state);
    free(got[0]);
    free(got[1]);
    return 0;
}

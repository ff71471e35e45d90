/* engine_cuda_util.h - what the tests of kernels share: the device (emulated, or with
 * WEIR_CUDA_TEST=hardware the machine's own), arrays on it, random numbers, comparison.
 *
 * A test calls only launch functions of engine/cuda and these, so that the same program runs on
 * hardware. cuda_seeds() reopens the emulated device with several seeds of its schedule;
 * WEIR_CUDA_SCHEDULES=N runs the tests that do not with N of them, too.
 *
 * cuda_case() says what the launches that follow are cases of; the emulator notes them where
 * WEIR_EMU_LAUNCHES says, and tools/cuda_tested.py makes the table of docs/cuda-tested.md of it.
 */
#ifndef ENGINE_CUDA_UTIL_H
#define ENGINE_CUDA_UTIL_H

#include "engine/cuda/driver.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka needs the headers above first
#include <cmocka.h>

static struct eng_cuda *dev;

static inline bool cuda_on_hardware(void)
{
    const char *z = getenv("WEIR_CUDA_TEST");
    return z && !strcmp(z, "hardware");
}

/* Group setup and teardown. */
static inline int cuda_open(void **state)
{
    struct base_err err = {0};
    (void)state;
    if (eng_cuda_open(cuda_on_hardware() ? ENG_CUDA_HARDWARE : ENG_CUDA_EMULATED, 0, &dev, &err)) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static inline int cuda_close(void **state)
{
    (void)state;
    eng_cuda_close(dev);
    dev = NULL;
    return 0;
}

/* n bytes on the device with these in them (NULL: with nothing in particular). */
static inline void *cuda_put(const void *from, size_t n)
{
    void *p = eng_cuda_alloc(dev, n ? n : 1);
    assert_non_null(p);
    if (from)
        eng_cuda_upload(dev, p, from, n);
    return p;
}

/* Copies n bytes of the device here, once all work is done; any error of it fails the test. */
static inline void cuda_get(void *to, const void *from, size_t n)
{
    struct base_err err = {0};
    eng_cuda_download(dev, to, from, n);
    if (eng_cuda_sync(dev, &err))
        fail_msg("%s", err.text);
}

static inline void cuda_drop(const void *p)
{
    eng_cuda_free(dev, (void *)(uintptr_t)p);
}

/* Launches from now on are of n tokens (rows, sequences), and of these cases, separated by spaces:
 *   ragged  rows or columns that are no multiple of a tile, a warp or a block
 *   one     all tokens to one expert, and so others without any
 *   ties    equal scores
 *   first   a sequence's first token, alone
 *   edge    cells at both sides of a page's end
 *   far     addresses more than 2^31 bytes behind the array's beginning */
static inline void cuda_case(uint32_t n, const char *more)
{
    char z[100];
    snprintf(z, sizeof z, "n=%u %s", n, more);
    setenv("WEIR_EMU_CASE", z, 1);
}

/* A call with 0 tokens has launched nothing of this kernel. */
static inline void cuda_case_none(const char *kernel)
{
    const char *path = getenv("WEIR_EMU_LAUNCHES"), *seed = getenv("WEIR_EMU_SEED");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (f) {
        fprintf(f, "%s\t%s\tn=0\n", kernel, seed ? seed : "1");
        fclose(f);
    }
}

static uint64_t cuda_seed = 1;
static inline uint32_t cuda_rnd(void)
{
    cuda_seed = cuda_seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(cuda_seed >> 33);
}

static inline float cuda_rndf(void) /* -1...1 */
{
    return (float)(cuda_rnd() % 20001) / 10000.0f - 1.0f;
}

static inline float *cuda_floats(size_t n, float scale) /* for free() */
{
    float *x = malloc((n ? n : 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = cuda_rndf() * scale;
    return x;
}

static inline void cuda_near(float a, float b, float tol, const char *what, size_t i)
{
    if (!(fabsf(a - b) <= tol))
        fail_msg("%s[%zu]: %.9g instead of %.9g", what, i, (double)a, (double)b);
}

static unsigned cuda_schedule = 1; /* of cuda_run's */

/* Runs `test` with the schedules of n seeds: reopens the emulated device for each; on hardware,
 * once. A failure's message is preceded by the seed. */
static inline void cuda_seeds(unsigned n, void (*test)(void))
{
    if (cuda_schedule > 1)
        return; /* all n were done with the first */
    for (unsigned seed = 1; seed <= n; seed++) {
        char z[16];
        snprintf(z, sizeof z, "%u", seed);
        setenv("WEIR_EMU_SEED", z, 1);
        if (!cuda_on_hardware()) {
            cuda_close(NULL);
            assert_int_equal(cuda_open(NULL), 0);
        }
        test();
        if (cuda_on_hardware())
            return;
    }
    unsetenv("WEIR_EMU_SEED"); /* what follows has the first again */
    cuda_close(NULL);
    assert_int_equal(cuda_open(NULL), 0);
}

/* cmocka_run_group_tests with a device; WEIR_CUDA_SCHEDULES=N: N times, each with another seed. */
static inline int cuda_run_tests(const struct CMUnitTest *tests, size_t n)
{
    const char *z = getenv("WEIR_CUDA_SCHEDULES");
    unsigned schedules = z && !cuda_on_hardware() ? (unsigned)strtoul(z, NULL, 10) : 1;
    int failed = 0;
    for (cuda_schedule = 1; cuda_schedule <= schedules || cuda_schedule == 1; cuda_schedule++) {
        char seed[16];
        snprintf(seed, sizeof seed, "%u", cuda_schedule);
        if (schedules > 1)
            setenv("WEIR_EMU_SEED", seed, 1);
        failed += _cmocka_run_group_tests("tests", tests, n, cuda_open, cuda_close);
    }
    return failed;
}
#define cuda_run(tests) cuda_run_tests(tests, sizeof(tests) / sizeof((tests)[0]))

#endif

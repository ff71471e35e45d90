/* Goal: a device opens, holds memory, copies and runs kernels in the order of the calls; what is
 * missing is told in one sentence; errors stick until they are told.
 * Method: the emulated device, whose environment says what is wrong with it; the parts that need no
 * fault run on hardware too (WEIR_CUDA_TEST=hardware).
 */
#include "tests/unit/engine_cuda_util.h"

#include "engine/cuda/selftest.h"

#include <unistd.h>

static void sums(void)
{
    enum { ROWS = 37, N = 777 };
    float *x = cuda_floats(ROWS * N, 1), got[ROWS];
    int32_t what[ROWS];
    float *dx = cuda_put(x, ROWS * N * sizeof *x);
    float *out = cuda_put(NULL, sizeof got);
    int32_t *dw = cuda_put(NULL, sizeof what);
    struct weir_selftest_args a = {.x = dx, .out = out, .what = dw, .n = N};
    eng_cuda_launch(dev, ENG_CUDA_weir_selftest, (struct eng_cuda_dim){ROWS, 1, 1},
                    (struct eng_cuda_dim){WEIR_SELFTEST_THREADS, 1, 1}, 0, &a, sizeof a);
    cuda_get(got, out, sizeof got);
    cuda_get(what, dw, sizeof what);
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int i = 0; i < N; i++)
            sum += (double)x[r * N + i];
        cuda_near(got[r], (float)sum, 1e-4f, "sum", (size_t)r);
        assert_int_equal(what[r], r);
    }
    cuda_drop(dx);
    cuda_drop(out);
    cuda_drop(dw);
    free(x);
}

static void runs_a_kernel(void **state)
{
    (void)state;
    cuda_seeds(5, sums);
}

static void copies_in_order(void **state)
{
    (void)state;
    uint8_t in[1000], out[1000];
    memset(in, 1, sizeof in);
    uint8_t *a = cuda_put(in, sizeof in), *b = cuda_put(NULL, sizeof in);
    memset(in, 2, sizeof in); /* was taken at the call */
    eng_cuda_copy(dev, b, a, sizeof in);
    eng_cuda_fill(dev, a, 7, 500);
    eng_cuda_upload(dev, b + 900, in, 100);
    cuda_get(out, b, sizeof out);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(out[i], i < 900 ? 1 : 2);
    cuda_get(out, a, sizeof out);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(out[i], i < 500 ? 7 : 1);
    uint8_t *pinned = eng_cuda_host_alloc(dev, sizeof in);
    assert_non_null(pinned);
    memset(pinned, 9, sizeof in);
    eng_cuda_upload(dev, a, pinned, sizeof in);
    cuda_get(out, a, sizeof out);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(out[i], 9);
    eng_cuda_host_free(dev, pinned);
    cuda_drop(a);
    cuda_drop(b);
}

/* Opens a device that the variables spoil; the sentence must contain `want`. */
static void cannot_open(const char *name, const char *value, enum base_status st, const char *want)
{
    struct base_err err = {0};
    struct eng_cuda *d = NULL;
    setenv(name, value, 1);
    enum base_status got = eng_cuda_open(ENG_CUDA_EMULATED, 0, &d, &err);
    unsetenv(name);
    assert_null(d);
    if (got != st || !strstr(err.text, want) || strchr(err.text, '\n'))
        fail_msg("%s=%s: %s: %s", name, value, base_status_name(got), err.text);
}

static void says_what_is_missing(void **state)
{
    (void)state;
    cannot_open("WEIR_EMU_DEVICES", "0", BASE_ENOENT, "no device");
    cannot_open("WEIR_EMU_DRIVER", "11080", BASE_EINVAL, "too old: it speaks CUDA 11.8");
    cannot_open("WEIR_EMU_ARCH", "75", BASE_EINVAL, "compute capability 7.5");
    cannot_open("WEIR_EMU_MEMORY_MIB", "0", BASE_ENOMEM, "no free memory");
    cannot_open("WEIR_EMU_FAIL", "1", BASE_EIO, "unspecified launch failure");
    cannot_open("WEIR_CUDA_LIBRARY", "/nowhere/libcuda.so", BASE_ENOENT, "/nowhere/libcuda.so");
    cannot_open("WEIR_CUDA_LIBRARY", "libm.so.6", BASE_EINVAL, "too old: it has no cuInit");
    struct base_err err = {0};
    struct eng_cuda *d = NULL;
    if (eng_cuda_open(ENG_CUDA_HARDWARE, 0, &d, &err) == BASE_OK)
        eng_cuda_close(d); /* this machine has a GPU */
    else
        assert_true(strstr(err.text, "driver") || strstr(err.text, "images") ||
                    strstr(err.text, "device"));
}

static void an_error_sticks(void **state)
{
    (void)state;
    struct base_err err = {0};
    struct eng_cuda *d = NULL;
    setenv("WEIR_EMU_FAIL", "2", 1);
    assert_int_equal(eng_cuda_open(ENG_CUDA_EMULATED, 0, &d, &err), BASE_OK);
    unsetenv("WEIR_EMU_FAIL");
    float *p = eng_cuda_alloc(d, 64);
    struct weir_selftest_args a = {.x = p, .out = p, .what = (int32_t *)p, .n = 1};
    assert_false(eng_cuda_lost(d));
    eng_cuda_launch(d, ENG_CUDA_weir_selftest, (struct eng_cuda_dim){1, 1, 1},
                    (struct eng_cuda_dim){WEIR_SELFTEST_THREADS, 1, 1}, 0, &a, sizeof a);
    eng_cuda_fill(d, p, 0, 64);
    assert_int_equal(eng_cuda_sync(d, &err), BASE_EIO);
    assert_non_null(strstr(err.text, "weir_selftest"));
    assert_true(eng_cuda_lost(d));
    assert_int_equal(eng_cuda_sync(d, &err), BASE_EIO);
    assert_null(eng_cuda_alloc(d, 64));
    eng_cuda_close(d);
}

static void memory_ends(void **state)
{
    (void)state;
    assert_null(eng_cuda_alloc(dev, 0));
    assert_null(eng_cuda_alloc(dev, (size_t)1 << 46));
    void *p = eng_cuda_alloc(dev, 1);
    assert_non_null(p);
    struct base_err err;
    assert_int_equal(eng_cuda_sync(dev, &err), BASE_OK);
    cuda_drop(p);
}

int main(void)
{
    const struct CMUnitTest both[] = {
        cmocka_unit_test(runs_a_kernel),
        cmocka_unit_test(copies_in_order),
        cmocka_unit_test(memory_ends),
    };
    const struct CMUnitTest emulated[] = {
        cmocka_unit_test(says_what_is_missing),
        cmocka_unit_test(an_error_sticks),
    };
    int failed = cmocka_run_group_tests(both, cuda_open, cuda_close);
    if (!cuda_on_hardware())
        failed += cmocka_run_group_tests(emulated, NULL, NULL);
    return failed;
}

/* Goal: the emulated device finds what it says it finds (docs/cuda.md), names where, and finds
 * nothing in a kernel that holds to the rules.
 * Method: tests/emu/bad.cu, launched by a child process that must end with status 99 and a message;
 * rounding of halves and tiles against plain C; orders of streams.
 */
#include "tests/unit/engine_cuda_util.h"

#include "engine/model/quant.h"
#include "tests/emu/bad.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* its reports come first, in words of its own */
#else
#define SANITIZED 0
#endif

static struct eng_cu_api cu;
static eng_cu_module module;
static eng_cu_stream stream;
static eng_cu_ptr x, out;

/* The functions as driver.c finds them, for calls that its interface has no words for. */
static void open_api(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    assert_true(n > 0);
    path[n] = 0;
    strcpy(strrchr(path, '/'), "/../tests/libweir-emu.so");
    void *lib = dlopen(path, RTLD_NOW);
    assert_non_null(lib);
    struct {
        const char *symbol;
        void *field;
    } wanted[] = {
#define WANT(field, symbol, args) {#symbol, &cu.field},
        ENG_CU_API(WANT)
#undef WANT
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *p = dlsym(lib, wanted[i].symbol);
        assert_non_null(p);
        memcpy(wanted[i].field, &p, sizeof p);
    }
    eng_cu_context c;
    assert_int_equal(cu.init(0), 0);
    assert_int_equal(cu.ctx_retain(&c, 0), 0);
    assert_int_equal(cu.ctx_set(c), 0);
    assert_int_equal(cu.module_load(&module, "WEIR-EMU"), 0);
    assert_int_equal(cu.stream_create(&stream, 0), 0);
    assert_int_equal(cu.mem_alloc(&x, 64 * sizeof(float)), 0);
    assert_int_equal(cu.mem_alloc(&out, 128 * sizeof(float)), 0);
    assert_int_equal(cu.set_d8(x, 0, 64 * sizeof(float), stream), 0);
}

static void launch(uint32_t what, uint32_t threads, size_t size)
{
    struct weir_bad_args a = {
        .x = (float *)(uintptr_t)x, .out = (float *)(uintptr_t)out, .what = what};
    void *extra[] = {(void *)1, &a, (void *)2, &size, NULL};
    eng_cu_function f;
    assert_int_equal(cu.module_function(&f, module, "weir_bad"), 0);
    (void)cu.launch(f, 1, 1, 1, threads, 1, 1, 256, stream, NULL, extra);
    (void)cu.stream_sync(stream);
}

/* What `run` prints on its way out, in a process of its own; its status. */
static int child(void (*run)(uint32_t), uint32_t arg, const char *seed, char *text, size_t room)
{
    int fds[2], status = 0;
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[1], 2);
        close(fds[0]);
        setenv("WEIR_EMU_SEED", seed, 1);
        open_api();
        run(arg);
        _exit(0);
    }
    close(fds[1]);
    size_t n = 0;
    for (;;) {
        ssize_t got = read(fds[0], text + n, room - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        if (n == room - 1)
            n = room / 2; /* sanitizers talk a lot; the end matters */
    }
    text[n] = 0;
    close(fds[0]);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void run_bad(uint32_t what)
{
    launch(what, 128, sizeof(struct weir_bad_args));
}

static void finds_faults(void **state)
{
    static const struct {
        uint32_t what;
        const char *says;
    } cases[] = {
        {BAD_TWO_BARRIERS, "divergent barriers"},
        {BAD_BARRIER_AFTER_EXIT, "leave"},
        {BAD_EXIT_BEFORE_BARRIER, "leave"},
        {BAD_MASKS_DIFFER, "lanes differ"},
        {BAD_OPS_DIFFER, "lanes differ"},
        {BAD_LANE_OUTSIDE_MASK, "reads lane 20"},
        {BAD_MASK_WITHOUT_SELF, "lacks its own lane 0"},
        {BAD_MASK_OF_EXITED, "leave"},
        {BAD_BARRIER_IN_COLLECTIVE, "barrier"},
        {BAD_SHARED_BEHIND, "behind the array s was written"},
        {BAD_SHARED_INDEX, "outside the array"},
        {BAD_SHARED_DYNAMIC, "which is not device memory"},
        {BAD_READ_BEHIND, "behind the end of allocation"},
        {BAD_WRITE_BEFORE, "8 bytes before allocation"},
        {BAD_MISALIGNED, "not aligned"},
        {BAD_ASYNC_NO_WAIT, "cp.async is not waited for"},
        {BAD_ASYNC_MISALIGNED, "not aligned to 16 bytes"},
        {BAD_SHIFT, "a shift by"},
        {BAD_NULL, "not device memory"},
    };
    static const char *const seeds[] = {"1", "2", "3", "4", "5"};
    char text[16384];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t s = 0; s < (SANITIZED ? 1 : 5); s++) {
            int status = child(run_bad, cases[i].what, seeds[s], text, sizeof text);
            if (SANITIZED ? status == 0 : status != 99 || !strstr(text, cases[i].says))
                fail_msg("fault %u, seed %s: status %d, %s", cases[i].what, seeds[s], status, text);
            if (!SANITIZED && cases[i].what != BAD_WRITE_BEFORE &&
                (!strstr(text, "kernel weir_bad") || !strstr(text, "bad.cu:")))
                fail_msg("fault %u does not say where: %s", cases[i].what, text);
        }
    for (size_t s = 0; s < (SANITIZED ? 1 : 5); s++)
        if (child(run_bad, BAD_NOTHING, seeds[s], text, sizeof text))
            fail_msg("a fault where there is none: %s", text);
}

static void host_fault(uint32_t what)
{
    switch (what) {
    case 0:
        *(volatile char *)(uintptr_t)x = 1;
        break;
    case 1:
        launch(BAD_NOTHING, 256, sizeof(struct weir_bad_args));
        break;
    case 2:
        launch(BAD_NOTHING, 128, sizeof(struct weir_bad_args) + 8);
        break;
    case 3: {
        char c[300];
        (void)cu.d2h(c, x, sizeof c, stream);
        break;
    }
    case 4:
        (void)cu.mem_free(x + 256);
        break;
    case 5:
        (void)cu.mem_free(x);
        run_bad(BAD_READ_BEHIND);
        break;
    case 6: { /* 48 KiB beside the kernel's own arrays, without asking */
        struct weir_bad_args a = {
            .x = (float *)(uintptr_t)x, .out = (float *)(uintptr_t)out, .what = BAD_NOTHING};
        size_t size = sizeof a;
        void *extra[] = {(void *)1, &a, (void *)2, &size, NULL};
        eng_cu_function f;
        assert_int_equal(cu.module_function(&f, module, "weir_bad"), 0);
        (void)cu.launch(f, 1, 1, 1, 128, 1, 1, 48 << 10, stream, NULL, extra);
        (void)cu.stream_sync(stream);
        break;
    }
    }
}

static void finds_faults_of_the_host(void **state)
{
    static const char *const says[] = {"host code writes byte 0 of allocation",
                                       "128 threads at most",
                                       "bytes of arguments, the kernel takes",
                                       "not one living piece of device memory",
                                       "no living allocation",
                                       "device memory that nobody holds",
                                       "of dynamic shared memory: the device has"};
    char text[16384];
    (void)state;
    for (uint32_t i = 0; i < sizeof says / sizeof *says; i++) {
        int status = child(host_fault, i, "1", text, sizeof text);
        if (SANITIZED ? status == 0 : status != 99 || !strstr(text, says[i]))
            fail_msg("fault %u of the host: status %d, %s", i, status, text);
    }
}

/* A pinned buffer that is written again before its copy has run is seen by the copy, in some
 * order; a download that is not waited for has not happened, in some order. */
static void streams_are_late(void **state)
{
    int late_up = 0, late_down = 0;
    (void)state;
    for (int i = 0; i < 40; i++) {
        int *pinned = eng_cuda_host_alloc(dev, 2 * sizeof *pinned), got = 0;
        int *p = eng_cuda_alloc(dev, sizeof *p);
        pinned[0] = 1;
        pinned[1] = 0;
        eng_cuda_upload(dev, p, pinned, sizeof *p);
        eng_cuda_download(dev, &pinned[1], p, sizeof *p);
        late_down += pinned[1] == 0;
        pinned[0] = 2;
        cuda_get(&got, p, sizeof got);
        late_up += got == 2;
        eng_cuda_host_free(dev, pinned);
        cuda_drop(p);
    }
    assert_in_range(late_up, 1, 39);
    assert_in_range(late_down, 1, 39);
}

/* A warp's sum and maximum, which the emulator has in one, are the five shuffles to the bit. */
static void sums_at_once(void **state)
{
    enum { N = 64 };
    (void)state;
    open_api();
    for (int round = 0; round < 50; round++) {
        float in[N], got[2 * N];
        for (int i = 0; i < N; i++)
            in[i] = round % 5 == 1 && i % 9 == 0 ? -INFINITY
                                                 : cuda_rndf() * powf(2, (float)(cuda_rnd() % 40));
        assert_int_equal(cu.h2d(x, in, sizeof in, stream), 0);
        launch(GOOD_SUMS, 128, sizeof(struct weir_bad_args));
        assert_int_equal(cu.d2h(got, out, sizeof got, stream), 0);
        for (int i = 0; i < 2 * N; i++)
            assert_false(isnan(got[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_faults),
        cmocka_unit_test(finds_faults_of_the_host),
        cmocka_unit_test_setup_teardown(streams_are_late, cuda_open, cuda_close),
        cmocka_unit_test(sums_at_once),
    };
    if (cuda_on_hardware()) {
        printf("skipped: this is about the emulated device\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

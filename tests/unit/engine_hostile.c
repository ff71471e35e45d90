/* Goal: whatever single number or name of a model file is changed, it opens or is refused with a
 * reason, within a second of CPU time, and takes no memory that the file does not justify.
 *
 * Method: the small models of tests/fuzz/corpus/engine_model, one of each family. Every number of
 * the metadata, every dimension, type and offset of every tensor becomes in turn each of the values
 * at which arithmetic turns over; every tensor's and key's name is spoilt; the file is cut at every
 * 64th byte. The process may grow by GROWTH only: what asks for more comes back as "out of memory"
 * and fails here. What still opens runs a token.
 */
#include "engine/model/gguf.h"
#include "engine/model/model.h"

#include "base/file.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
// cmocka needs the headers above first
#include <cmocka.h>

#define SEEDS  "tests/fuzz/corpus/engine_model"
#define GROWTH ((rlim_t)32 << 20)

static int fd = -1;
static char path[40];
static unsigned opened, refused;

static double cpu_s(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void limit_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
    unsigned long pages[6] = {0};
    struct rlimit r;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    for (int i = 0; i < 6; i++)
        assert_int_equal(fscanf(f, "%lu", &pages[i]), 1);
    fclose(f);
    assert_int_equal(getrlimit(RLIMIT_DATA, &r), 0);
    r.rlim_cur = (rlim_t)pages[5] * (rlim_t)sysconf(_SC_PAGESIZE) + GROWTH;
    assert_int_equal(setrlimit(RLIMIT_DATA, &r), 0);
#endif
}

/* Opens the bytes as a file; what: for messages. */
static void try(const char *bytes, size_t n, const char *seed, const char *what)
{
    struct eng_model *m = NULL;
    struct eng_cache *c = NULL;
    struct base_err err = {0};
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(base_write_all(fd, bytes, n, &err), BASE_OK);
    double t0 = cpu_s();
    enum base_status st = eng_model_open(path, &opts, &m, &err);
    if (st == BASE_OK) {
        opened++;
        uint32_t v = eng_model_get_info(m)->n_vocab;
        float *logits = malloc(v * sizeof(float));
        assert_non_null(logits);
        st = eng_cache_new(m, 1, 4, &c, &err);
        if (st == BASE_OK)
            st = eng_forward(m, c, &(struct eng_batch){.n = 1, .tokens = (int32_t[]){0}}, logits,
                             &err);
        free(logits);
        eng_cache_free(c);
        eng_model_free(m);
    } else {
        refused++;
    }
    if (st == BASE_ENOMEM)
        fail_msg("%s, %s: %s", seed, what, err.text);
    if (st != BASE_OK && (err.text[0] == 0 || st == BASE_EBUG))
        fail_msg("%s, %s: refused without a reason", seed, what);
    if (cpu_s() - t0 > 1)
        fail_msg("%s, %s: %g s", seed, what, cpu_s() - t0);
}

/* The field of n bytes at `at` as each of the odd values. */
static void turn(char *b, size_t len, size_t at, size_t n, const char *seed, const char *what)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   2,
                                   3,
                                   40,
                                   1000,
                                   0x00ffffff,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x100000000,
                                   UINT64_C(1) << 40,
                                   UINT64_C(1) << 61,
                                   UINT64_C(0x7fffffffffffffff),
                                   UINT64_C(1) << 63,
                                   UINT64_MAX - 31,
                                   UINT64_MAX};
    char was[8];
    memcpy(was, b + at, n);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        if (n == 4 && odd[i] > UINT32_MAX)
            continue;
        memcpy(b + at, &odd[i], n); /* little endian, as the file is */
        try(b, len, seed, what);
    }
    uint64_t v = 0;
    memcpy(&v, was, n);
    for (int d = -1; d <= 2; d++) { /* near and twice what it was */
        uint64_t w = d == 2 ? 2 * v : v + (uint64_t)(int64_t)d;
        memcpy(b + at, &w, n);
        try(b, len, seed, what);
    }
    memcpy(b + at, was, n);
}

static void every_number(char *b, size_t n, const struct eng_gguf *g, const char *seed)
{
    char what[200];
    turn(b, n, 8, 8, seed, "the number of tensors");
    turn(b, n, 16, 8, seed, "the number of keys");
    for (size_t i = 0; i < eng_gguf_n_kv(g); i++) {
        const struct eng_gguf_kv *kv = eng_gguf_kv_at(g, i);
        snprintf(what, sizeof(what), "key %.*s", BASE_FMT(kv->key));
        size_t key = (size_t)(kv->key.p - b);
        turn(b, n, key - 8, 8, seed, what);
        if (kv->kind == ENG_GGUF_U32 || kv->kind == ENG_GGUF_F32)
            turn(b, n, (size_t)((const char *)kv->data - b), 4, seed, what);
        if (kv->kind == ENG_GGUF_ARRAY || kv->kind == ENG_GGUF_STRING)
            turn(b, n, (size_t)((const char *)kv->data - b) - 8, 8, seed, what);
        b[key] ^= 32;
        try(b, n, seed, what);
        b[key] ^= 32;
    }
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const struct eng_tensor *t = eng_gguf_tensor_at(g, i);
        size_t name = (size_t)(t->name.p - b), at = name + t->name.n + 4;
        snprintf(what, sizeof(what), "tensor %.*s", BASE_FMT(t->name));
        turn(b, n, at - 4, 4, seed, what); /* dimensions */
        for (uint32_t d = 0; d < t->n_dims; d++)
            turn(b, n, at + 8 * d, 8, seed, what);
        at += 8 * (size_t)t->n_dims;
        for (uint32_t type = 0; type < 48; type++) {
            char was[4];
            memcpy(was, b + at, 4);
            memcpy(b + at, &type, 4);
            try(b, n, seed, what);
            memcpy(b + at, was, 4);
        }
        turn(b, n, at + 4, 8, seed, what); /* offset */
        b[name] ^= 32;
        try(b, n, seed, what);
        b[name] ^= 32;
    }
}

static void changed_files(void **state)
{
    (void)state;
    DIR *dir = opendir(SEEDS);
    struct dirent *e;
    unsigned seeds = 0;
    assert_non_null(dir);
    fd = memfd_create("hostile", MFD_CLOEXEC);
    assert_true(fd >= 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    while ((e = readdir(dir))) {
        char file[400];
        struct base_buf b;
        struct base_err err = {0};
        struct eng_gguf *g;
        if (e->d_name[0] == '.')
            continue;
        snprintf(file, sizeof(file), "%s/%s", SEEDS, e->d_name);
        base_buf_init(&b, 1u << 20);
        assert_int_equal(base_file_read(file, &b, &err), BASE_OK);
        assert_int_equal(eng_gguf_parse(file, b.p, b.n, &g, &err), BASE_OK);
        limit_memory();
        unsigned before = opened;
        try(b.p, b.n, e->d_name, "as it is");
        assert_int_equal(opened, before + 1);
        every_number(b.p, b.n, g, e->d_name);
        for (size_t n = 0; n < b.n; n += 64)
            try(b.p, n, e->d_name, "cut off");
        eng_gguf_free(g);
        base_buf_release(&b);
        seeds++;
    }
    closedir(dir);
    close(fd);
    print_message("    %u seeds: %u changed files refused, %u open\n", seeds, refused, opened);
    assert_true(seeds >= 10 && refused > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(changed_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* audit_bench.c - durable acknowledgements per second, with latency, at 1, 64 and 256 producers,
 * beside what the disk's own fdatasync allows, measured in the same run; then the verifier's speed.
 * of_limit is the share of what one sync a batch would allow if all producers were in each batch.
 *
 * usage: audit_bench [DIR [SECONDS [keep]]]    prints one JSON line.
 *        audit_bench verify LOG                the verifier alone, on a log that is there
 * A producer submits an 800-byte leaf and waits for it to be durable before the next, as a request
 * does. DIR must be on the disk in question; a scratch folder is made in it and removed.
 */
#include "audit/audit.h"
#include "base/clock.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAF_BYTES    800
#define PRODUCERS_MAX 256
#define SAMPLES_MAX   1000000u

struct producer {
    struct aud_log *log;
    pthread_t thread;
    sem_t durable;
    _Atomic bool *stop;
    uint32_t *us;
    uint32_t n, max;
    bool failed;
};

static void on_durable(void *ctx, enum base_status st, uint64_t index)
{
    struct producer *p = ctx;

    (void)index;
    if (st != BASE_OK)
        p->failed = true;
    sem_post(&p->durable);
}

static void *produce(void *arg)
{
    struct producer *p = arg;
    char leaf[LEAF_BYTES + 1];

    while (!atomic_load(p->stop) && !p->failed && p->n < p->max) {
        int n = snprintf(leaf, sizeof(leaf),
                         "{\"ev\":\"bench\",\"req\":\"\",\"t\":%" PRId64
                         ",\"tenant\":\"bench\",\"v\":1,\"x\":\"",
                         base_wall_us());
        memset(leaf + n, 'x', (size_t)(LEAF_BYTES - 2 - n));
        memcpy(leaf + LEAF_BYTES - 2, "\"}", 2);
        uint64_t t0 = base_mono_us();
        enum base_status st = aud_log_submit(p->log, base_str_n(leaf, LEAF_BYTES), on_durable, p);
        if (st == BASE_LIMIT)
            continue;
        if (st != BASE_OK) {
            p->failed = true;
            break;
        }
        sem_wait(&p->durable);
        p->us[p->n++] = (uint32_t)(base_mono_us() - t0);
    }
    return NULL;
}

static int by_u32(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *f)
{
    (void)sb;
    (void)type;
    (void)f;
    return remove(path);
}

/* One write of `bytes` and one fdatasync at a time into a zero-filled file: the disk's own pace. */
static double syncs_per_s(const char *dir, size_t bytes, double seconds)
{
    char path[4300];
    static uint8_t block[1 << 20];
    uint64_t n = 0;

    snprintf(path, sizeof(path), "%s/probe", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return 0;
    for (int i = 0; i < 64; i++) {
        if (pwrite(fd, block, sizeof(block), (off_t)i << 20) != (ssize_t)sizeof(block))
            break;
    }
    (void)fsync(fd);
    memset(block, 'x', sizeof(block));
    uint64_t t0 = base_mono_us(), until = t0 + (uint64_t)(seconds * 1e6), now = t0;
    for (uint64_t off = 0; now < until; off += bytes, now = base_mono_us()) {
        if (off + bytes > 64u << 20)
            off = 0;
        if (pwrite(fd, block, bytes, (off_t)off) != (ssize_t)bytes || fdatasync(fd) != 0)
            break;
        n++;
    }
    close(fd);
    unlink(path);
    return (double)n * 1e6 / (double)(now - t0);
}

static bool run(const char *dir, int producers, double seconds, double disk_syncs)
{
    struct aud_options o = {.directory = dir, .origin = "bench.example/log"};
    static struct producer p[PRODUCERS_MAX];
    struct aud_log *l;
    struct aud_stats s0, s1;
    struct base_err err = {0};
    _Atomic bool stop = false;
    uint32_t *all = NULL;
    uint64_t n = 0;
    bool ok = true;

    if (aud_log_open(&o, &l, &err) != BASE_OK) {
        fprintf(stderr, "audit_bench: %s\n", err.text);
        return false;
    }
    memset(p, 0, sizeof(p));
    for (int i = 0; i < producers; i++) {
        p[i].log = l;
        p[i].stop = &stop;
        p[i].max = SAMPLES_MAX / (uint32_t)producers;
        p[i].us = calloc(p[i].max, sizeof(uint32_t));
        sem_init(&p[i].durable, 0, 0);
    }
    aud_log_stats(l, &s0);
    uint64_t t0 = base_mono_us();
    for (int i = 0; i < producers; i++)
        pthread_create(&p[i].thread, NULL, produce, &p[i]);
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&stop, true);
    for (int i = 0; i < producers; i++)
        pthread_join(p[i].thread, NULL);
    double took = (double)(base_mono_us() - t0) / 1e6;
    aud_log_stats(l, &s1);
    for (int i = 0; i < producers; i++) {
        ok = ok && !p[i].failed;
        n += p[i].n;
    }
    all = calloc(n ? n : 1, sizeof(*all));
    uint64_t at = 0;
    for (int i = 0; i < producers && all; i++) {
        memcpy(all + at, p[i].us, p[i].n * sizeof(*all));
        at += p[i].n;
        free(p[i].us);
        sem_destroy(&p[i].durable);
    }
    if (aud_log_close(l, &err) != BASE_OK || !ok || !all || n == 0) {
        fprintf(stderr, "audit_bench: the log failed %s\n", err.text);
        free(all);
        return false;
    }
    qsort(all, n, sizeof(*all), by_u32);
    printf("{\"producers\":%d,\"acks_per_s\":%.0f,\"p50_us\":%u,\"p99_us\":%u,\"syncs_per_s\":%.0f,"
           "\"leaves_per_sync\":%.1f,\"disk_syncs_per_s\":%.0f,\"of_limit\":%.2f,"
           "\"wal_bytes_per_record\":%.1f}",
           producers, (double)n / took, all[n / 2], all[n - 1 - n / 100],
           (double)(s1.syncs - s0.syncs) / took,
           (double)(s1.leaves - s0.leaves) / (double)(s1.syncs - s0.syncs), disk_syncs,
           (double)n / took / (disk_syncs * producers),
           (double)(s1.bytes - s0.bytes) / (double)(s1.leaves - s0.leaves));
    free(all);
    return true;
}

/* The verifier over dir: wall clock and processor time, of all threads. */
static bool verify(const char *dir)
{
    struct aud_verify_report r;
    struct base_err err = {0};
    struct rusage a, b;
    uint64_t t0 = base_mono_us();

    getrusage(RUSAGE_SELF, &a);
    bool ok = aud_verify(dir, NULL, &r, &err) == BASE_OK && r.holds;
    double took = (double)(base_mono_us() - t0) / 1e6;
    getrusage(RUSAGE_SELF, &b);
    double cpu =
        (double)(b.ru_utime.tv_sec + b.ru_stime.tv_sec - a.ru_utime.tv_sec - a.ru_stime.tv_sec) +
        (double)(b.ru_utime.tv_usec + b.ru_stime.tv_usec - a.ru_utime.tv_usec -
                 a.ru_stime.tv_usec) /
            1e6;
    if (ok)
        printf("\"verify\":{\"leaves\":%" PRIu64 ",\"leaves_per_s\":%.0f,\"mb_per_s\":%.0f,"
               "\"cpu_s\":%.2f,\"leaves_per_cpu_s\":%.0f,\"max_rss_mib\":%ld}",
               r.leaves, (double)r.leaves / took, (double)r.leaves * LEAF_BYTES / 1e6 / took, cpu,
               (double)r.leaves / cpu, b.ru_maxrss / 1024);
    else
        printf("\"verify\":null");
    return ok;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "verify") == 0) {
        putchar('{');
        bool holds = verify(argv[2]);
        puts("}");
        return holds ? 0 : 1;
    }
    const int producers[] = {1, 64, 256};
    double seconds = argc > 2 ? atof(argv[2]) : 3, load[3] = {0};
    char scratch[4096], dir[4200];
    bool ok = true;

    snprintf(scratch, sizeof(scratch), "%s/audit-bench-XXXXXX", argc > 1 ? argv[1] : ".");
    if (!mkdtemp(scratch)) {
        perror(scratch);
        return 2;
    }
    printf("{\"bench\":\"audit\",\"leaf_bytes\":%d,\"runs\":[", LEAF_BYTES);
    for (size_t i = 0; i < 3 && ok; i++) {
        double disk = syncs_per_s(scratch, (size_t)producers[i] * (LEAF_BYTES + 24) + 72, 2);

        snprintf(dir, sizeof(dir), "%s/log", scratch);
        if (i > 0)
            putchar(',');
        ok = run(dir, producers[i], seconds, disk);
    }
    printf("],");
    ok = ok && verify(dir);
    (void)getloadavg(load, 3);
    printf(",\"load_average\":%.2f}\n", load[0]);
    if (argc > 3) {
        fprintf(stderr, "kept: %s\n", dir);
        return ok ? 0 : 1;
    }
    nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return ok ? 0 : 1;
}

/* clock.c - time, request ids, randomness, wiping. Thread safe; owns nothing.
 *
 * Randomness comes from getrandom(2) alone. If the system has none the program stops: without it
 * neither keys nor salts mean anything.
 */
#include "base/clock.h"
#include "base/err.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    BASE_BUG_ON(clock_gettime(id, &ts) != 0);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t base_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t base_mono_us(void)
{
    return base_mono_ns() / 1000;
}

int64_t base_wall_us(void)
{
    return (int64_t)(clock_ns(CLOCK_REALTIME) / 1000);
}

uint64_t base_thread_cpu_us(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID) / 1000;
}

char *base_rfc3339(int64_t wall_us, char out[BASE_RFC3339_MAX])
{
    time_t s = (time_t)(wall_us / 1000000);
    int us = (int)(wall_us % 1000000);
    struct tm tm;
    if (us < 0) {
        us += 1000000;
        s--;
    }
    if (!gmtime_r(&s, &tm))
        memset(&tm, 0, sizeof tm);
    size_t n = strftime(out, BASE_RFC3339_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, BASE_RFC3339_MAX - n, ".%06dZ", us);
    return out;
}

/* Days from civil date, proleptic Gregorian (H. Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", days_from_civil). */
static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

int64_t base_days_from_date(const char *p, uint64_t n)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int f[3] = {0, 0, 0};
    if (n != 10 || p[4] != '-' || p[7] != '-')
        return -1;
    for (int i = 0, k = 0; i < 10; i++) {
        if (i == 4 || i == 7) {
            k++;
            continue;
        }
        if (p[i] < '0' || p[i] > '9')
            return -1;
        f[k] = f[k] * 10 + (p[i] - '0');
    }
    if (f[0] < 1970 || f[1] < 1 || f[1] > 12 || f[2] < 1)
        return -1;
    bool leap = (f[0] % 4 == 0 && f[0] % 100 != 0) || f[0] % 400 == 0;
    if (f[2] > month_days[f[1] - 1] + (f[1] == 2 && leap))
        return -1;
    return days_from_civil(f[0], f[1], f[2]);
}

void base_random(void *p, uint64_t n)
{
    unsigned char *to = p;
    while (n > 0) {
        ssize_t got = getrandom(to, n > 256 ? 256 : n, 0);
        if (got < 0) {
            BASE_BUG_ON(errno != EINTR);
            continue;
        }
        to += got;
        n -= (uint64_t)got;
    }
}

char *base_uuid7(char out[BASE_UUID_MAX])
{
    unsigned char b[16];
    uint64_t ms = (uint64_t)(base_wall_us() / 1000);
    base_random(b + 6, 10); /* straight from the system: a pool would be shared across fork */
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    static const char hex[] = "0123456789abcdef";
    char *o = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *o++ = '-';
        *o++ = hex[b[i] >> 4];
        *o++ = hex[b[i] & 15];
    }
    *o = '\0';
    return out;
}

void base_wipe(void *p, uint64_t n)
{
    explicit_bzero(p, n);
}

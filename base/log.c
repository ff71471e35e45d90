/* log.c - operational log lines, one write(2) each, to standard error. Thread safe without a lock:
 * the level is an atomic and lines up to PIPE_BUF are not interleaved.
 */
#include "base/log.h"
#include "base/clock.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic int log_level = BASE_LOG_INFO;

void base_log_level_set(enum base_log_level l)
{
    atomic_store_explicit(&log_level, (int)l, memory_order_relaxed);
}

enum base_log_level base_log_level_get(void)
{
    return (enum base_log_level)atomic_load_explicit(&log_level, memory_order_relaxed);
}

void base_log(enum base_log_level l, const char *area, const char *fmt, ...)
{
    static const char *const name[] = {"error", "warn", "info", "debug"};
    static const char *const colour[] = {"\033[31m", "\033[33m", "", "\033[2m"};
    char line[2048], when[BASE_RFC3339_MAX];
    va_list ap;

    if ((int)l > atomic_load_explicit(&log_level, memory_order_relaxed))
        return;
    bool tty = isatty(STDERR_FILENO) == 1;
    int n = snprintf(line, sizeof line, "%s %s%-5s%s %-8s ", base_rfc3339(base_wall_us(), when),
                     tty ? colour[l] : "", name[l], tty && colour[l][0] ? "\033[0m" : "", area);
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    size_t len = (size_t)n + (m < 0 ? 0 : (size_t)m);
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    for (size_t i = (size_t)n; i < len; i++) /* a line is one line, whatever it quotes */
        if ((unsigned char)line[i] < 0x20)
            line[i] = ' ';
    line[len++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, len);
    (void)ignored; /* nowhere left to report that standard error is gone */
}

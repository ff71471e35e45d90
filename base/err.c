/* err.c - filling error carriers, and the one way to stop on a defect of our own.
 *
 * Owns nothing, runs anywhere, allocates nothing. A text that does not fit is cut: errors are for
 * people, who read the first line.
 */
#include "base/err.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum base_status base_err_set(struct base_err *e, enum base_status code, const char *fmt, ...)
{
    if (e) {
        va_list ap;
        e->code = code;
        e->sys = 0;
        va_start(ap, fmt);
        vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
    }
    return code;
}

enum base_status base_err_sys(struct base_err *e, const char *fmt, ...)
{
    int sys = errno;
    if (e) {
        va_list ap;
        e->code = BASE_EIO;
        e->sys = sys;
        va_start(ap, fmt);
        vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
        size_t n = strlen(e->text);
        char why[128];
        snprintf(e->text + n, sizeof e->text - n, ": %s", strerror_r(sys, why, sizeof why));
    }
    return BASE_EIO;
}

const char *base_status_name(enum base_status s)
{
    switch (s) {
    case BASE_OK:
        return "ok";
    case BASE_AGAIN:
        return "again";
    case BASE_DONE:
        return "done";
    case BASE_DENIED:
        return "denied";
    case BASE_LIMIT:
        return "limit";
    case BASE_EINVAL:
        return "invalid";
    case BASE_ENOENT:
        return "not found";
    case BASE_EIO:
        return "i/o error";
    case BASE_ENOMEM:
        return "out of memory";
    case BASE_EPROTO:
        return "protocol error";
    case BASE_ETIME:
        return "timed out";
    case BASE_EBUG:
        return "internal error";
    }
    return "unknown";
}

void base_bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "weir: defect at %s:%d: %s\n", file, line, what);
    abort();
}

/* ver.c - what does not hold: the first finding of a verification, told once. Called by both of its
 * threads, never at the same time: verify_wal.c waits for the records' thread before it says
 * anything.
 */
#include "audit/verify/ver.h"

#include <stdarg.h>
#include <stdio.h>

bool ver_bad(struct aud_verify_report *r, uint64_t index, const char *fmt, ...)
{
    va_list ap;

    if (!r->holds)
        return false;
    r->holds = false;
    r->first_bad = index;
    va_start(ap, fmt);
    vsnprintf(r->problem, sizeof(r->problem), fmt, ap);
    va_end(ap);
    return false;
}

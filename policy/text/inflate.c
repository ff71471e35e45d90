/* inflate.c - takes gzip and zlib data apart; zlib does the work, this file bounds it.
 *
 * Called for what came out of base64 (base64.c). Only data that names its format is read: gzip
 * (1F 8B 08) and zlib (a header whose two bytes are a multiple of 31); bare deflate looks like
 * anything. The output ends at `most` bytes, whatever the ratio: a bomb costs no more than that,
 * and the caller is told that it was cut. What follows the first member is not read.
 *
 * Any thread, no state between calls.
 */
#include "policy/text/inflate.h"

#include <string.h>
#include <zlib.h>

bool pol_is_deflated(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;

    if (n < 8)
        return false;
    return (u[0] == 0x1f && u[1] == 0x8b && u[2] == 8) ||
           (u[0] == 0x78 && (u[0] * 256u + u[1]) % 31 == 0 && !(u[1] & 0x20));
}

size_t pol_inflate(const char *p, size_t n, char *out, size_t most, bool *cut)
{
    z_stream z;
    int rc;

    *cut = false;
    memset(&z, 0, sizeof(z));
    if (n > UINT32_MAX || most > UINT32_MAX || inflateInit2(&z, 15 + 32) != Z_OK)
        return 0;
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)most;
    rc = inflate(&z, Z_FINISH);
    /* broken data keep what was read before the break */
    *cut = rc != Z_STREAM_END && z.avail_out == 0;
    n = most - z.avail_out;
    (void)inflateEnd(&z);
    return n;
}

/* crc32c.c - CRC-32C two ways: by a table of 16 remainders, half a byte at a time, small enough to
 * be read and checked; and by the processor's own instruction where it has one. Both are pure
 * functions.
 */
#include "base/crc32c.h"

#include <string.h>

/* Remainders of the 16 possible low nibbles for the reflected polynomial 0x82F63B78. */
static const uint32_t nibble[16] = {
    0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u, 0x417B1DBCu, 0x5125DAD3u,
    0x61C69362u, 0x7198540Du, 0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u,
    0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u,
};

uint32_t base_crc32c_portable(uint32_t crc, const void *p, size_t n)
{
    const uint8_t *b = p;

    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= b[i];
        crc = (crc >> 4) ^ nibble[crc & 15];
        crc = (crc >> 4) ^ nibble[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const void *p, size_t n)
{
    const uint8_t *b = p;
    uint64_t c = (uint32_t)~crc;

    for (; n >= 8; n -= 8, b += 8) {
        uint64_t w;

        memcpy(&w, b, 8);
        c = _mm_crc32_u64(c, w);
    }
    for (; n > 0; n--, b++)
        c = _mm_crc32_u8((uint32_t)c, *b);
    return ~(uint32_t)c;
}

uint32_t base_crc32c(uint32_t crc, const void *p, size_t n)
{
    if (__builtin_cpu_supports("sse4.2"))
        return crc_sse42(crc, p, n);
    return base_crc32c_portable(crc, p, n);
}
#else
uint32_t base_crc32c(uint32_t crc, const void *p, size_t n)
{
    return base_crc32c_portable(crc, p, n);
}
#endif

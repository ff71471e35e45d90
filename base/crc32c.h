/* crc32c.h - CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected), as in RFC 3720 appendix B.4.
 *
 * Finds accidents, not attacks. Any thread; never blocks. Uses the SSE4.2 instruction where the
 * processor has it.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues crc over n bytes; start with 0. base_crc32c(base_crc32c(0,a),b) is that of a||b.
 * base_crc32c(0, "123456789", 9) is 0xE3069283. */
uint32_t base_crc32c(uint32_t crc, const void *p, size_t n);
/* The same without the instruction; for tests and other processors. */
uint32_t base_crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif

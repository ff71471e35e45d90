/* clock.h - time and identity. base_mono_* never goes back; base_wall_* is what leaves show. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t base_mono_us(void); /* CLOCK_MONOTONIC, microseconds */
uint64_t base_mono_ns(void);
int64_t base_wall_us(void); /* microseconds since 1970-01-01 UTC */
uint64_t base_thread_cpu_us(void);

#define BASE_RFC3339_MAX 32
/* "2026-11-22T01:23:45.678901Z" into out; returns out. */
char *base_rfc3339(int64_t wall_us, char out[BASE_RFC3339_MAX]);
/* "2026-11-22" -> days since 1970-01-01; -1 -> malformed or no such day. */
int64_t base_days_from_date(const char *p, uint64_t n);

#define BASE_UUID_MAX 37
/* A UUIDv7 (RFC 9562): 48 bits of wall milliseconds, then randomness from the system. NUL-ended. */
char *base_uuid7(char out[BASE_UUID_MAX]);
/* n cryptographically random bytes; aborts if the system has none (nothing is safe then). */
void base_random(void *p, uint64_t n);
/* Overwrites in a way the compiler keeps. */
void base_wipe(void *p, uint64_t n);

#endif

/* arena.h - memory by lifetime: one arena per request, per configuration, per file being read.
 *
 * Bump allocation in chunks, freed all at once, with a hard maximum: an allocation that would pass
 * it returns NULL and the caller answers BASE_ENOMEM or BASE_LIMIT. One thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

struct base_arena;

/* Returns an owned arena or NULL. bytes_max bounds everything it will ever hand out. */
struct base_arena *base_arena_new(size_t bytes_max);
/* Runs the cleanups (last registered first) and frees everything. NULL is fine. */
void base_arena_free(struct base_arena *a);
/* As free, but keeps the arena and its first chunk for the next request. */
void base_arena_reset(struct base_arena *a);
size_t base_arena_used(const struct base_arena *a);

/* 16-byte aligned, zeroed; NULL when the maximum or the system's memory is exhausted. */
void *base_arena_alloc(struct base_arena *a, size_t n);
/* n elements of size bytes, overflow-checked. */
void *base_arena_array(struct base_arena *a, size_t n, size_t size);
/* Copies; the copy is followed by a NUL byte that is not counted. {NULL,0} on exhaustion when
 * s.n > 0 (check p); an empty s gives a non-NULL p. */
struct base_str base_arena_dup(struct base_arena *a, struct base_str s);
char *base_arena_dupz(struct base_arena *a, struct base_str s);
/* Formatted, NUL behind; p == NULL on exhaustion. */
struct base_str base_arena_printf(struct base_arena *a, const char *fmt, ...) BASE_PRINTF(2, 3);
/* fn(arg) will run when the arena is reset or freed: for file descriptors, json_t, keys. */
enum base_status base_arena_cleanup(struct base_arena *a, void (*fn)(void *),
                                    void *arg) BASE_MUST_CHECK;

#endif

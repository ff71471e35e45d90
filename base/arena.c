/* arena.c - bump allocation in chunks.
 *
 * Owns       a list of chunks, newest first, and a list of cleanups.
 * Runs on    one thread at a time.
 * Invariants handed-out bytes <= bytes_max; memory is zero when handed out; chunk sizes grow from
 *            4 KiB to 256 KiB, larger requests get a chunk of their own.
 * Fails by   returning NULL; nothing already handed out is disturbed.
 */
#include "base/arena.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ALIGN       16u
#define CHUNK_FIRST 4096u
#define CHUNK_MAX   (256u << 10)

struct chunk {
    struct chunk *next;
    size_t size, used; /* of the bytes behind this header */
};

struct cleanup {
    struct cleanup *next;
    void (*fn)(void *);
    void *arg;
};

struct base_arena {
    struct chunk *chunks;
    struct cleanup *cleanups;
    size_t used, max, chunk_next;
};

/* Header size rounded so that the payload keeps malloc's 16-byte alignment. */
#define HEAD ((sizeof(struct chunk) + ALIGN - 1) & ~(size_t)(ALIGN - 1))

struct base_arena *base_arena_new(size_t bytes_max)
{
    struct base_arena *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->max = bytes_max;
    a->chunk_next = CHUNK_FIRST;
    return a;
}

static void run_cleanups(struct base_arena *a)
{
    while (a->cleanups) {
        struct cleanup *c = a->cleanups;
        a->cleanups = c->next;
        c->fn(c->arg);
    }
}

void base_arena_free(struct base_arena *a)
{
    if (!a)
        return;
    run_cleanups(a);
    while (a->chunks) {
        struct chunk *c = a->chunks;
        a->chunks = c->next;
        free(c);
    }
    free(a);
}

void base_arena_reset(struct base_arena *a)
{
    run_cleanups(a);
    while (a->chunks && a->chunks->next) {
        struct chunk *c = a->chunks;
        a->chunks = c->next;
        free(c);
    }
    if (a->chunks) {
        memset((char *)a->chunks + HEAD, 0, a->chunks->used);
        a->chunks->used = 0;
    }
    a->used = 0;
    a->chunk_next = CHUNK_FIRST;
}

size_t base_arena_used(const struct base_arena *a)
{
    return a->used;
}

static struct chunk *chunk_add(struct base_arena *a, size_t need)
{
    size_t size = need > a->chunk_next ? need : a->chunk_next;
    struct chunk *c = calloc(1, HEAD + size);
    if (!c)
        return NULL;
    c->size = size;
    if (a->chunk_next < CHUNK_MAX)
        a->chunk_next *= 2;
    c->next = a->chunks;
    a->chunks = c;
    return c;
}

void *base_arena_alloc(struct base_arena *a, size_t n)
{
    if (n > SIZE_MAX - ALIGN - HEAD)
        return NULL;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (n == 0)
        n = ALIGN;
    if (n > a->max - a->used)
        return NULL;
    struct chunk *c = a->chunks;
    if (!c || n > c->size - c->used) {
        c = chunk_add(a, n);
        if (!c)
            return NULL;
    }
    void *p = (char *)c + HEAD + c->used;
    c->used += n;
    a->used += n;
    return p;
}

void *base_arena_array(struct base_arena *a, size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    return base_arena_alloc(a, total);
}

struct base_str base_arena_dup(struct base_arena *a, struct base_str s)
{
    if (s.n == SIZE_MAX)
        return BASE_STR_NULL;
    char *p = base_arena_alloc(a, s.n + 1);
    if (!p)
        return BASE_STR_NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct base_str){p, s.n};
}

char *base_arena_dupz(struct base_arena *a, struct base_str s)
{
    struct base_str d = base_arena_dup(a, s);
    /* The arena's memory is ours to write; base_str only promises its readers otherwise. */
    return (char *)(uintptr_t)d.p;
}

struct base_str base_arena_printf(struct base_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return BASE_STR_NULL;
    char *p = base_arena_alloc(a, (size_t)n + 1);
    if (!p)
        return BASE_STR_NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct base_str){p, (size_t)n};
}

enum base_status base_arena_cleanup(struct base_arena *a, void (*fn)(void *), void *arg)
{
    struct cleanup *c = base_arena_alloc(a, sizeof *c);
    if (!c)
        return BASE_ENOMEM;
    c->fn = fn;
    c->arg = arg;
    c->next = a->cleanups;
    a->cleanups = c;
    return BASE_OK;
}

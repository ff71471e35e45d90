/* buf.h - growing byte buffers that cannot grow past their maximum.
 *
 * There is no way to make one without a maximum. A failed append leaves the buffer as it was and
 * marks it `failed`; a sequence of appends can therefore be checked once, at its end, with
 * base_buf_ok. Not thread safe.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"
#include <stdarg.h>

struct base_buf {
    char *p; /* p[0..n) is the content; p[n] is always NUL once anything was appended */
    size_t n;
    size_t cap;
    size_t max;
    bool failed;
};

/* Prepares b, allocates nothing. */
void base_buf_init(struct base_buf *b, size_t bytes_max);
/* Frees the contents; b may be used again with the same maximum. */
void base_buf_release(struct base_buf *b);
/* As release, wiping the bytes first (for secrets). */
void base_buf_wipe(struct base_buf *b);
/* n = 0 and not failed; keeps the memory. */
void base_buf_clear(struct base_buf *b);
bool base_buf_ok(const struct base_buf *b);
/* Makes room for n more bytes and returns where to write them (then call base_buf_commit), or
 * NULL (BASE_LIMIT) past the maximum. */
char *base_buf_room(struct base_buf *b, size_t n);
void base_buf_commit(struct base_buf *b, size_t n);
/* All of these return false and set failed when the maximum would be passed. */
bool base_buf_add(struct base_buf *b, const void *p, size_t n);
bool base_buf_str(struct base_buf *b, struct base_str s);
bool base_buf_z(struct base_buf *b, const char *z);
bool base_buf_byte(struct base_buf *b, char c);
bool base_buf_printf(struct base_buf *b, const char *fmt, ...) BASE_PRINTF(2, 3);
bool base_buf_vprintf(struct base_buf *b, const char *fmt, va_list ap);
/* Drops the first n bytes (n <= b->n), moving the rest to the front. */
void base_buf_shift(struct base_buf *b, size_t n);

static inline struct base_str base_buf_view(const struct base_buf *b)
{
    return (struct base_str){b->p, b->n};
}

/* An array *p of *cap members of `size` bytes gets room for at least `need` of them (and more: it
 * doubles); what it holds stays. False without memory, or where the size cannot be said: nothing
 * has changed then. Freed with free. */
bool base_grow(void **p, size_t *cap, size_t need, size_t size) BASE_MUST_CHECK;

#endif

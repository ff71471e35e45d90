/* buf.c - growing buffers with a maximum. See buf.h for the contract.
 *
 * Growth doubles from 256 bytes up to the maximum plus one byte for the NUL that always follows.
 */
#include "base/buf.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>

void base_buf_init(struct base_buf *b, size_t bytes_max)
{
    *b = (struct base_buf){.max = bytes_max};
}

void base_buf_release(struct base_buf *b)
{
    free(b->p);
    base_buf_init(b, b->max);
}

void base_buf_wipe(struct base_buf *b)
{
    if (b->p)
        base_wipe(b->p, b->cap);
    base_buf_release(b);
}

void base_buf_clear(struct base_buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->p)
        b->p[0] = '\0';
}

bool base_buf_ok(const struct base_buf *b)
{
    return !b->failed;
}

char *base_buf_room(struct base_buf *b, size_t n)
{
    if (n > b->max - b->n) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->n + n + 1;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap < need)
            cap = cap > SIZE_MAX / 2 ? need : cap * 2;
        if (cap > b->max + 1 && b->max < SIZE_MAX)
            cap = b->max + 1;
        char *p = realloc(b->p, cap);
        if (!p) {
            b->failed = true;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void base_buf_commit(struct base_buf *b, size_t n)
{
    BASE_BUG_ON(n >= b->cap - b->n);
    b->n += n;
    b->p[b->n] = '\0';
}

bool base_buf_add(struct base_buf *b, const void *p, size_t n)
{
    char *to = base_buf_room(b, n);
    if (!to)
        return false;
    if (n)
        memcpy(to, p, n);
    base_buf_commit(b, n);
    return true;
}

bool base_buf_str(struct base_buf *b, struct base_str s)
{
    return base_buf_add(b, s.p, s.n);
}

bool base_buf_z(struct base_buf *b, const char *z)
{
    return base_buf_add(b, z, strlen(z));
}

bool base_buf_byte(struct base_buf *b, char c)
{
    return base_buf_add(b, &c, 1);
}

bool base_buf_vprintf(struct base_buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *to = n < 0 ? NULL : base_buf_room(b, (size_t)n);
    if (to) {
        vsnprintf(to, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    } else {
        b->failed = true;
    }
    va_end(again);
    return to != NULL;
}

bool base_buf_printf(struct base_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool ok = base_buf_vprintf(b, fmt, ap);
    va_end(ap);
    return ok;
}

void base_buf_shift(struct base_buf *b, size_t n)
{
    BASE_BUG_ON(n > b->n);
    if (n == 0)
        return;
    b->n -= n;
    memmove(b->p, b->p + n, b->n);
    b->p[b->n] = '\0';
}

bool base_grow(void **p, size_t *cap, size_t need, size_t size)
{
    size_t n = *cap ? *cap : 256, bytes;
    void *q;

    if (need <= *cap)
        return true;
    while (n < need) {
        if (n > SIZE_MAX / 2)
            return false;
        n *= 2;
    }
    if (__builtin_mul_overflow(n, size, &bytes) || (q = realloc(*p, bytes)) == NULL)
        return false;
    *p = q;
    *cap = n;
    return true;
}

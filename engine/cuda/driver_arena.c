/* driver_arena.c - device memory out of one reservation: the arena.
 *
 * eng_cuda_reserve asks the driver once. From then on eng_cuda_alloc cuts pieces out of that: the
 * first gap that is large enough, at a multiple of 256 bytes; what is given back joins the gaps
 * beside it. So the same order of calls gives the same places, and what was planned on paper
 * (eng_cuda_paper) is known to fit. Without an arena (the self test, tests of kernels) every piece
 * is the driver's own.
 *
 * The emulator watches pieces as it watches the driver's allocations: it has two functions more
 * than the driver's (weirEmuPiece, weirEmuPieceGone), and pieces on it end at the end of a page
 * with a page between them that nobody may touch, so a read outside faults.
 *
 * Keeps a list of the living pieces, by address; the thread of the device alone uses it.
 */
#include "engine/cuda/driver_int.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 256u
#define PAGE  4096u /* the emulator's */

static size_t up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

size_t eng_cuda_span(const struct eng_cuda *d, size_t n)
{
    n = up(n, ALIGN);
    return d->info.emulated ? up(n, PAGE) + PAGE : n;
}

/* ---- the reservation ---- */

enum base_status eng_cuda_reserve(struct eng_cuda *d, size_t n, struct base_err *err)
{
    struct eng_cuda_arena *a = &d->arena;
    eng_cu_ptr p = 0;
    size_t free = 0, total = 0;
    n = up(n ? n : 1, PAGE);
    if (!eng_cuda_ready(d))
        return eng_cuda_sync(d, err);
    eng_cu_result r = d->cu.mem_alloc(&p, n);
    if (r == ENG_CU_OUT_OF_MEMORY && d->cu.mem_info(&free, &total) == ENG_CU_OK)
        return base_err_set(err, BASE_ENOMEM, "%s has %zu MiB free, %zu MiB are needed",
                            d->info.name, free >> 20, n >> 20);
    if (eng_cuda_fail(d, r, "reserving memory"))
        return eng_cuda_sync(d, err);
    a->base = p;
    a->bytes = n;
    void *f = d->info.emulated ? dlsym(d->lib, "weirEmuPiece") : NULL;
    memcpy(&a->piece, &f, sizeof f);
    f = d->info.emulated ? dlsym(d->lib, "weirEmuPieceGone") : NULL;
    memcpy(&a->piece_gone, &f, sizeof f);
    return BASE_OK;
}

void eng_cuda_arena_close(struct eng_cuda *d)
{
    struct eng_cuda_arena *a = &d->arena;
    for (size_t i = 0; i < a->n_live && a->piece_gone; i++)
        a->piece_gone(a->base + a->live[i].at + a->live[i].lead);
    if (a->base && !d->paper)
        (void)d->cu.mem_free(a->base);
    free(a->live);
    *a = (struct eng_cuda_arena){0};
}

struct eng_cuda *eng_cuda_paper(const struct eng_cuda *like)
{
    struct eng_cuda *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->info = like->info;
    d->paper = true;
    /* addresses that no pointer has, apart for each device */
    d->arena.base = ((eng_cu_ptr)1 << 62) + ((eng_cu_ptr)like->info.ordinal << 52);
    d->arena.bytes = (size_t)1 << 50;
    return d;
}

bool eng_cuda_is_paper(const struct eng_cuda *d)
{
    return d->paper;
}

void eng_cuda_memory(const struct eng_cuda *d, struct eng_cuda_memory *out)
{
    const struct eng_cuda_arena *a = &d->arena;
    *out = (struct eng_cuda_memory){
        .reserved = d->paper ? 0 : a->bytes, .used = a->used, .peak = a->peak, .spans = a->spans};
    memcpy(out->by, a->by, sizeof out->by);
}

bool eng_cuda_owns(const struct eng_cuda *d, const void *p)
{
    uintptr_t at = (uintptr_t)p;
    return d->arena.base && at >= d->arena.base && at - d->arena.base < d->arena.bytes;
}

/* ---- pieces ---- */

/* The first place in the list behind which `span` bytes are free, and where they begin. */
static bool find_gap(const struct eng_cuda_arena *a, size_t span, size_t *i, size_t *at)
{
    size_t end = 0;
    for (size_t k = a->n_gapless; k <= a->n_live; k++) {
        end = k ? a->live[k - 1].at + a->live[k - 1].span : 0;
        size_t next = k < a->n_live ? a->live[k].at : a->bytes;
        if (next - end >= span) {
            *i = k;
            *at = end;
            return true;
        }
    }
    return false;
}

/* Before this place in the list there is no gap at all: search from there. */
static void skip_full(struct eng_cuda_arena *a)
{
    size_t k = a->n_gapless;
    while (k < a->n_live && a->live[k].at == (k ? a->live[k - 1].at + a->live[k - 1].span : 0))
        k++;
    a->n_gapless = k;
}

void *eng_cuda_arena_take(struct eng_cuda *d, uint32_t use, size_t n)
{
    struct eng_cuda_arena *a = &d->arena;
    size_t span = eng_cuda_span(d, n), i, at;
    if (n > a->bytes || !find_gap(a, span, &i, &at))
        return NULL;
    if (a->n_live == a->cap) {
        size_t cap = a->cap ? 2 * a->cap : 256;
        struct eng_cuda_live *more = realloc(a->live, cap * sizeof *more);
        if (!more)
            return NULL;
        a->live = more;
        a->cap = cap;
    }
    memmove(a->live + i + 1, a->live + i, (a->n_live - i) * sizeof *a->live);
    a->n_live++;
    size_t lead = d->info.emulated ? span - PAGE - up(n, ALIGN) : 0;
    a->live[i] = (struct eng_cuda_live){.at = at, .span = span, .lead = lead, .n = n, .use = use};
    skip_full(a);
    a->used += up(n, ALIGN);
    a->by[use] += up(n, ALIGN);
    a->peak = a->used > a->peak ? a->used : a->peak;
    a->spans += span;
    if (a->piece)
        a->piece(a->base + at + lead, n);
    return (void *)(uintptr_t)(a->base + at + lead);
}

void eng_cuda_arena_give(struct eng_cuda *d, void *p)
{
    struct eng_cuda_arena *a = &d->arena;
    size_t at = (uintptr_t)p - a->base, lo = 0, hi = a->n_live;
    while (lo < hi) { /* the first that begins behind it */
        size_t mid = (lo + hi) / 2;
        if (a->live[mid].at > at)
            hi = mid;
        else
            lo = mid + 1;
    }
    BASE_BUG_ON(lo == 0 || a->live[lo - 1].at + a->live[lo - 1].lead != at);
    lo--;
    if (a->piece_gone)
        a->piece_gone((uintptr_t)p);
    a->used -= up(a->live[lo].n, ALIGN);
#if !defined(WEIR_BUG_109) /* what is given back goes on counting as what it was for */
    a->by[a->live[lo].use] -= up(a->live[lo].n, ALIGN);
#endif
    a->spans -= a->live[lo].span;
    memmove(a->live + lo, a->live + lo + 1, (a->n_live - lo - 1) * sizeof *a->live);
    a->n_live--;
    a->n_gapless = a->n_gapless > lo ? lo : a->n_gapless;
}

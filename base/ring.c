/* ring.c - the bounded multi-producer, single-consumer queue.
 *
 * Each cell carries a turn number (after D. Vyukov's bounded queue, described at
 * 1024cores.net). Cell i starts at turn i. A producer may fill the cell at position p when its turn
 * is p, claims p by compare-and-swap on `head`, stores the item and publishes turn p + 1. The
 * consumer takes position p when the turn is p + 1 and hands the cell back with turn
 * p + capacity. No thread ever waits for another; a producer stopped between claim and publish
 * makes the ring look empty from there on, so the publisher rings the bell after publishing.
 *
 * The bell is one 32-bit word: 0 quiet, 1 rung, 2 the consumer sleeps on it (futex). A producer
 * exchanges in a 1 after its push and only makes the system call when it saw a 2. The consumer goes
 * to sleep by compare-and-swap 0 -> 2, so a ring that came first is never lost.
 */
#include "base/ring.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BELL_QUIET = 0, BELL_RUNG = 1, BELL_ASLEEP = 2 };

struct cell {
    _Atomic uint64_t turn;
    void *item;
};

struct base_ring {
    uint64_t mask;
    struct cell *cells;
    _Alignas(64) _Atomic uint64_t head; /* next position to claim, producers */
    _Alignas(64) _Atomic uint64_t tail; /* next position to take, written by the consumer only */
    _Alignas(64) _Atomic uint32_t bell;
};

struct base_ring *base_ring_new(uint32_t capacity)
{
    uint64_t n = 2;

    if (capacity > (1u << 24))
        return NULL;
    while (n < capacity)
        n *= 2;
    struct base_ring *r = aligned_alloc(64, sizeof(*r));
    if (!r)
        return NULL;
    r->cells = calloc(n, sizeof(*r->cells));
    if (!r->cells) {
        free(r);
        return NULL;
    }
    r->mask = n - 1;
    for (uint64_t i = 0; i < n; i++)
        atomic_init(&r->cells[i].turn, i);
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    atomic_init(&r->bell, BELL_QUIET);
    return r;
}

void base_ring_free(struct base_ring *r)
{
    if (!r)
        return;
    free(r->cells);
    free(r);
}

bool base_ring_push(struct base_ring *r, void *item)
{
    uint64_t p = atomic_load_explicit(&r->head, memory_order_relaxed);

    for (;;) {
        struct cell *c = &r->cells[p & r->mask];
        uint64_t turn = atomic_load_explicit(&c->turn, memory_order_acquire);

        if (turn == p) {
            if (atomic_compare_exchange_weak_explicit(&r->head, &p, p + 1, memory_order_relaxed,
                                                      memory_order_relaxed)) {
                c->item = item;
                atomic_store_explicit(&c->turn, p + 1, memory_order_release);
                return true;
            }
        } else if (turn < p) {
            return false; /* the cell still holds an item of the previous round */
        } else {
            p = atomic_load_explicit(&r->head, memory_order_relaxed);
        }
    }
}

void *base_ring_pop(struct base_ring *r)
{
    uint64_t p = atomic_load_explicit(&r->tail, memory_order_relaxed);
    struct cell *c = &r->cells[p & r->mask];

    if (atomic_load_explicit(&c->turn, memory_order_acquire) != p + 1)
        return NULL;
    void *item = c->item;
    atomic_store_explicit(&c->turn, p + r->mask + 1, memory_order_release);
    atomic_store_explicit(&r->tail, p + 1, memory_order_relaxed);
    return item;
}

void base_ring_ring(struct base_ring *r)
{
    if (atomic_exchange(&r->bell, BELL_RUNG) == BELL_ASLEEP)
        syscall(SYS_futex, &r->bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void base_ring_wait(struct base_ring *r, uint32_t timeout_ms)
{
    uint32_t expected = BELL_QUIET;

    if (atomic_compare_exchange_strong(&r->bell, &expected, BELL_ASLEEP)) {
        struct timespec ts = {.tv_sec = timeout_ms / 1000,
                              .tv_nsec = (long)(timeout_ms % 1000) * 1000000L};

        syscall(SYS_futex, &r->bell, FUTEX_WAIT_PRIVATE, BELL_ASLEEP, &ts, NULL, 0);
    }
    atomic_exchange(&r->bell, BELL_QUIET);
}

uint32_t base_ring_used(struct base_ring *r)
{
    uint64_t t = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint64_t h = atomic_load_explicit(&r->head, memory_order_relaxed);

    return h > t ? (uint32_t)(h - t) : 0;
}

uint32_t base_ring_capacity(const struct base_ring *r)
{
    return (uint32_t)(r->mask + 1);
}

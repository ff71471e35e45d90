/* ring.h - a bounded queue of pointers: many threads push, one thread pops and may sleep.
 *
 * Push never blocks and takes no lock; a full ring says so, which is the caller's push-back. Items
 * of one producer come out in its order. The ring never owns what the pointers point to.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct base_ring;

/* capacity is rounded up to a power of two, 2 to 2^24. Owned; NULL when memory is exhausted. */
struct base_ring *base_ring_new(uint32_t capacity);
/* The caller has popped everything and no other thread uses it any more. NULL is fine. */
void base_ring_free(struct base_ring *r);
/* Any thread. False: full. Does not wake; call base_ring_ring after it. */
bool base_ring_push(struct base_ring *r, void *item);
/* Any thread: wakes the consumer if it sleeps, or keeps it from falling asleep. */
void base_ring_ring(struct base_ring *r);
/* The consumer only. NULL: empty (or the next producer has not finished its push yet). */
void *base_ring_pop(struct base_ring *r);
/* The consumer only: sleeps until base_ring_ring is called (or was, since the last return) or
 * timeout_ms have passed; may return early. */
void base_ring_wait(struct base_ring *r, uint32_t timeout_ms);
/* Any thread: about how many items are queued; and the capacity. */
uint32_t base_ring_used(struct base_ring *r);
uint32_t base_ring_capacity(const struct base_ring *r);

#endif

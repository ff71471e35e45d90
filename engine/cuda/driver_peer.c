/* driver_peer.c - two devices of one machine: one waits for the other, one is sent the other's
 * memory.
 *
 * Order is kept by events alone: `first` records its event behind all that it was asked for, and
 * `later`'s stream waits for that record; a later record of the same event does not move what
 * somebody already waits for. No call here waits on the host.
 *
 * A send is one copy in the receiver's stream where the devices reach each other's memory (NVLink,
 * or PCIe under one root), and otherwise two: to pinned memory in the sender's stream, from there
 * in the receiver's. A pair has one such piece of pinned memory for each direction.
 *
 * Whether devices reach each other is asked once, by eng_cuda_link: it must be the same in all
 * steps, since graphs hold the copies that it chose. WEIR_CUDA_PEERS=no keeps them apart.
 */
#include "engine/cuda/driver_int.h"

#include <stdlib.h>
#include <string.h>

enum peer { PEER_UNKNOWN, PEER_REACHED, PEER_APART };

void eng_cuda_after(struct eng_cuda *later, struct eng_cuda *first)
{
    if (later == first || later->st != BASE_OK || !eng_cuda_ready(first))
        return;
    if (eng_cuda_fail(first, first->cu.event_record(first->here, first->stream),
                      "marking a place") ||
        !eng_cuda_ready(later))
        return;
    (void)eng_cuda_fail(later, later->cu.stream_wait(later->stream, first->here, 0),
                        "waiting for another device");
}

/* Takes access to `other`'s memory; false: there is none. */
static bool reach(struct eng_cuda *d, struct eng_cuda *other)
{
    int can = 0;
    const char *z = getenv("WEIR_CUDA_PEERS");
    if ((z && !strcmp(z, "no")) || !eng_cuda_ready(d) ||
        d->cu.peer_can(&can, d->dev, other->dev) != ENG_CU_OK || !can)
        return false;
    eng_cu_result r = d->cu.peer_enable(other->ctx, 0);
    return r == ENG_CU_OK || r == ENG_CU_PEER_ALREADY;
}

enum base_status eng_cuda_link(struct eng_cuda *to, struct eng_cuda *from, size_t n,
                               struct base_err *err)
{
    uint8_t *how = &to->peers[from->info.ordinal];
    void **lane = &from->lane[to->info.ordinal];
    size_t *bytes = &from->lane_bytes[to->info.ordinal];
    if (*how == PEER_UNKNOWN)
        *how = reach(to, from) ? PEER_REACHED : PEER_APART;
    if (*how == PEER_REACHED || n <= *bytes)
        return BASE_OK;
    eng_cuda_host_free(from, *lane);
    *bytes = 0;
    *lane = eng_cuda_host_alloc(from, n);
    if (!*lane)
        return base_err_set(err, BASE_ENOMEM,
                            "no pinned memory for copies between devices %u and %u (%zu bytes)",
                            from->info.ordinal, to->info.ordinal, n);
    *bytes = n;
    return BASE_OK;
}

bool eng_cuda_reaches(const struct eng_cuda *to, const struct eng_cuda *from)
{
    return to->peers[from->info.ordinal] == PEER_REACHED;
}

/* By way of pinned memory, one piece behind the other. */
static void send_by_lane(struct eng_cuda *to, struct eng_cuda *from, const struct eng_cuda_piece *p,
                         uint32_t n)
{
    char *lane = from->lane[to->info.ordinal];
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++)
        at += p[i].n;
    if (at > from->lane_bytes[to->info.ordinal]) {
        (void)eng_cuda_fail(to, ENG_CU_INVALID_VALUE, "copying more between devices than was said");
        return;
    }
    at = 0;
    for (uint32_t i = 0; i < n; at += p[i++].n)
        eng_cuda_download(from, lane + at, p[i].src, p[i].n);
    eng_cuda_after(to, from);
    at = 0;
    for (uint32_t i = 0; i < n; at += p[i++].n)
        eng_cuda_upload(to, p[i].dst, lane + at, p[i].n);
}

void eng_cuda_send(struct eng_cuda *to, struct eng_cuda *from, const struct eng_cuda_piece *p,
                   uint32_t n)
{
    if (!eng_cuda_reaches(to, from)) {
        send_by_lane(to, from, p, n);
        return;
    }
#if !defined(WEIR_BUG_101) /* the copy does not wait for what it copies */
    eng_cuda_after(to, from);
#endif
    for (uint32_t i = 0; i < n; i++) {
        if (!p[i].n || !eng_cuda_ready(to))
            continue;
        to->calls.bytes_peer += p[i].n;
        (void)eng_cuda_fail(to,
                            to->cu.peer_copy((uintptr_t)p[i].dst, to->ctx, (uintptr_t)p[i].src,
                                             from->ctx, p[i].n, to->stream),
                            "copying from another device");
    }
}

void eng_cuda_peers_close(struct eng_cuda *d)
{
    for (uint32_t i = 0; i < ENG_CUDA_DEVICES; i++)
        eng_cuda_host_free(d, d->lane[i]);
    if (d->here)
        (void)d->cu.event_destroy(d->here);
}

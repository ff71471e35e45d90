/* hybrid_move.c - experts that change places: the thread that packs, the way up, the exchange.
 *
 * What is to move hot.h says. A move goes through four hands:
 *
 *   ASKED    the thread packs the expert into pinned memory, reading the file (which may block on a
 *            disk) at a lower priority than the threads that compute
 *   PACKED   between two steps the table's thread asks for its upload beside the work, to a place
 *            of its own on the device
 *   SENT     between two later steps, once that has arrived: a copy within the device brings it
 *            into the slot, behind all that reads the slot and before all that will
 *
 * A step never waits for packing or for PCIe; what it may wait for is that copy of one expert
 * within the device, since at most one exchange is made between two steps. Up to ENG_MOVES are
 * under way, so one exchange a step is also what can be reached.
 *
 * The thread reads weights, which never change, and writes the pinned memory of moves that are
 * ASKED; the phase changes under the lock. Everything else is the table's thread's.
 */
#include "engine/cuda/hybrid_int.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE 10 /* of the thread: it must not take the CPU from the experts that it helps */

_Static_assert(ENG_FENCE_END <= ENG_CUDA_FENCES, "marks");

/* The oldest that is to be packed; NULL: none. */
static struct eng_hybrid_move *to_pack(struct eng_hybrid *h)
{
    for (uint32_t i = 0; i < ENG_MOVES; i++) {
        struct eng_hybrid_move *v = &h->moves[(h->next_move + i) % ENG_MOVES];
        if (v->phase == ENG_MOVE_ASKED)
            return v;
    }
    return NULL;
}

static void *pack_thread(void *ctx)
{
    struct eng_hybrid *h = ctx;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    pthread_mutex_lock(&h->lock);
    while (!h->stop) {
        struct eng_hybrid_move *v = to_pack(h);
        if (!v) {
            pthread_cond_wait(&h->turn, &h->lock);
            continue;
        }
        pthread_mutex_unlock(&h->lock);
        eng_hybrid_pack(&h->layers[v->what.layer], v->what.expert, v->pinned);
        pthread_mutex_lock(&h->lock);
        v->phase = ENG_MOVE_PACKED;
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

enum base_status eng_hybrid_move_open(struct eng_hybrid *h, struct base_err *err)
{
    uint64_t most = 0;
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++)
        if (h->layers[l].moe && h->layers[l].expert_bytes > most)
            most = h->layers[l].expert_bytes;
    most = h->move_most = eng_hybrid_piece(most);
    h->moves_pinned = eng_cuda_host_alloc(h->g->d, ENG_MOVES * most);
    bool good = h->moves_pinned != NULL;
    for (uint32_t i = 0; i < h->n_shares && good; i++) {
        struct eng_hybrid_share *s = &h->share[i];
        s->landing = s->slots ? eng_cuda_alloc(s->g->d, ENG_MOVES * most) : NULL;
        good = s->landing || !s->slots;
    }
    if (!good)
        return base_err_set(err, BASE_ENOMEM, "no memory for moving experts (%llu bytes)",
                            (unsigned long long)(ENG_MOVES * most));
    for (uint32_t i = 0; i < ENG_MOVES; i++)
        h->moves[i].pinned = h->moves_pinned + i * most;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->turn, NULL);
    if (pthread_create(&h->thread, NULL, pack_thread, h) != 0)
        return base_err_set(err, BASE_ENOMEM, "no thread for moving experts");
    h->has_thread = true;
    return BASE_OK;
}

void eng_hybrid_move_close(struct eng_hybrid *h)
{
    if (h->has_thread) {
        pthread_mutex_lock(&h->lock);
        h->stop = true;
        pthread_cond_signal(&h->turn);
        pthread_mutex_unlock(&h->lock);
        pthread_join(h->thread, NULL); /* at most the packing of one expert */
        pthread_cond_destroy(&h->turn);
        pthread_mutex_destroy(&h->lock);
        h->has_thread = false;
    }
    for (uint32_t i = 0; i < ENG_MOVES; i++) /* an upload may still read the pinned memory */
        if (h->moves[i].phase == ENG_MOVE_SENT)
            eng_cuda_fence_wait(eng_hybrid_share_of(h, h->moves[i].what.slot)->g->d,
                                ENG_FENCE_MOVE_CAME + i);
    eng_cuda_host_free(h->g->d, h->moves_pinned);
    h->moves_pinned = NULL;
    for (uint32_t i = 0; i < h->n_shares; i++) {
        if (h->share[i].g)
            eng_cuda_free(h->share[i].g->d, h->share[i].landing);
        h->share[i].landing = NULL;
    }
}

static enum eng_hybrid_phase phase_of(struct eng_hybrid *h, uint32_t i)
{
    pthread_mutex_lock(&h->lock);
    enum eng_hybrid_phase p = h->moves[i].phase;
    pthread_mutex_unlock(&h->lock);
    return p;
}

static void set_phase(struct eng_hybrid *h, uint32_t i, enum eng_hybrid_phase p)
{
    pthread_mutex_lock(&h->lock);
    h->moves[i].phase = p;
    if (p == ENG_MOVE_ASKED)
        pthread_cond_signal(&h->turn);
    else if (p == ENG_MOVE_IDLE)
        h->next_move = (i + 1) % ENG_MOVES;
    pthread_mutex_unlock(&h->lock);
}

/* To the slot's device, beside the work. */
static void send(struct eng_hybrid *h, uint32_t i)
{
    struct eng_hybrid_move *v = &h->moves[i];
    const struct eng_hybrid_share *s = eng_hybrid_share_of(h, v->what.slot);
    uint64_t bytes = h->layers[v->what.layer].expert_bytes;
    eng_cuda_follow(s->g->d, ENG_CUDA_BESIDE, ENG_FENCE_MOVE_READ + i);
    eng_cuda_upload_beside(s->g->d, s->landing + i * h->move_most, v->pinned, bytes);
    eng_cuda_fence_in(s->g->d, ENG_CUDA_BESIDE, ENG_FENCE_MOVE_CAME + i);
    h->use.moved_bytes += bytes;
    set_phase(h, i, ENG_MOVE_SENT);
}

/* From where it landed into its slot. */
static void exchange(struct eng_hybrid *h, uint32_t i)
{
    struct eng_hybrid_move *v = &h->moves[i];
    struct eng_hybrid_share *s = eng_hybrid_share_of(h, v->what.slot);
    eng_hot_going(&h->hot, &v->what, false);
    if (h->hot.layers[v->what.layer].slot_of[v->what.expert] < 0) {
#ifndef WEIR_BUG_83
        eng_cuda_follow(s->g->d, ENG_CUDA_WORK, ENG_FENCE_MOVE_CAME + i);
#endif
        uint32_t slot = v->what.slot - s->first_slot;
#if defined(WEIR_BUG_106) /* of the layer, not of the device */
        slot = v->what.slot % s->slots + 1;
#endif
        eng_hybrid_put_at(h, s, v->what.layer, false, ENG_WAY_WITHIN, v->what.expert, slot,
                          s->landing + i * h->move_most);
        eng_cuda_fence(s->g->d, ENG_FENCE_MOVE_READ + i);
        eng_hot_exchange(&h->hot, &v->what);
        h->use.moves++;
    }
    set_phase(h, i, ENG_MOVE_IDLE);
}

void eng_hybrid_between(struct eng_gpu *g)
{
    struct eng_hybrid *h = g->hybrid;
    eng_hot_step(&h->hot);
    if (!h->has_thread)
        return;
    for (uint32_t i = 0; i < ENG_MOVES; i++)
        if (phase_of(h, i) == ENG_MOVE_PACKED)
            send(h, i);
    uint32_t oldest = h->next_move;
    bool came = phase_of(h, oldest) == ENG_MOVE_SENT &&
                eng_cuda_fence_passed(eng_hybrid_share_of(h, h->moves[oldest].what.slot)->g->d,
                                      ENG_FENCE_MOVE_CAME + oldest);
#ifdef WEIR_BUG_83
    came = phase_of(h, oldest) == ENG_MOVE_SENT;
#endif
    if (came)
        exchange(h, oldest);
    for (uint32_t i = 0; i < ENG_MOVES; i++) {
        uint32_t at = (h->next_move + i) % ENG_MOVES;
        struct eng_hybrid_move *v = &h->moves[at];
        if (phase_of(h, at) != ENG_MOVE_IDLE)
            continue;
        if (!eng_hot_find(&h->hot, &v->what))
            return;
        eng_hot_going(&h->hot, &v->what, true);
        set_phase(h, at, ENG_MOVE_ASKED);
        return;
    }
}

enum base_status eng_hybrid_put(struct eng_model *m, uint32_t layer, uint32_t expert, uint32_t slot,
                                struct base_err *err)
{
    struct eng_hybrid *h = eng_hybrid_of_layer(m, layer);
    if (!h || !h->built || !h->layers[layer].moe || slot >= h->slots || expert >= h->n_expert ||
        h->hot.layers[layer].slot_of[expert] >= 0)
        return base_err_set(err, BASE_EINVAL, "expert %u of layer %u cannot be put into slot %u",
                            expert, layer, slot);
    struct eng_hybrid_share *s = eng_hybrid_share_of(h, slot);
    uint8_t *pinned = eng_cuda_host_alloc(s->g->d, h->layers[layer].expert_bytes);
    if (!pinned)
        return base_err_set(err, BASE_ENOMEM, "no pinned memory for an expert");
    eng_hybrid_pack(&h->layers[layer], expert, pinned);
    eng_hybrid_put_at(h, s, layer, false, ENG_WAY_UP, expert, slot - s->first_slot, pinned);
    eng_hot_exchange(&h->hot,
                     &(struct eng_hot_move){.layer = layer, .expert = expert, .slot = slot});
    h->use.moves++;
    h->use.moved_bytes += h->layers[layer].expert_bytes;
    enum base_status st = eng_cuda_sync(s->g->d, err);
    eng_cuda_host_free(s->g->d, pinned);
    return st;
}

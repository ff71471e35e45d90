/* hybrid_move.c - experts that change places: scores, the thread that packs, the exchange.
 *
 * The thread owns move_pinned while the phase is ASKED and touches nothing else that changes; the
 * table's thread owns it otherwise. So the two meet in one word under a lock, and a step never
 * waits for the thread. The upload of a packed expert is asked for between two steps, in the order
 * of the device's work: behind all that read the slot, before all that will.
 */
#include "engine/cuda/hybrid_int.h"

#define DECAY  (1 - 1.0f / 64) /* of scores, a step */
#define BETTER 1.25f           /* how much better an expert must be than the one that gives way, */
#define LEAD   1.0f            /* and so many choices */

static void *pack_thread(void *ctx)
{
    struct eng_hybrid *h = ctx;
    pthread_mutex_lock(&h->lock);
    for (;;) {
        while (h->phase != ENG_MOVE_ASKED && h->phase != ENG_MOVE_STOP)
            pthread_cond_wait(&h->turn, &h->lock);
        if (h->phase == ENG_MOVE_STOP)
            break;
        const struct eng_hybrid_layer *y = &h->layers[h->move_layer];
        uint32_t expert = h->move_expert;
        pthread_mutex_unlock(&h->lock);
        eng_hybrid_pack(y, expert, h->move_pinned);
        pthread_mutex_lock(&h->lock);
        if (h->phase == ENG_MOVE_ASKED)
            h->phase = ENG_MOVE_READY;
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

enum base_status eng_hybrid_move_open(struct eng_hybrid *h, struct base_err *err)
{
    uint64_t most = 0;
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++)
        if (h->layers[l].expert_bytes > most)
            most = h->layers[l].expert_bytes;
    h->move_pinned = eng_cuda_host_alloc(h->g->d, most);
    if (!h->move_pinned)
        return base_err_set(err, BASE_ENOMEM, "no pinned memory for experts (%llu bytes)",
                            (unsigned long long)most);
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
        h->phase = ENG_MOVE_STOP;
        pthread_cond_signal(&h->turn);
        pthread_mutex_unlock(&h->lock);
        pthread_join(h->thread, NULL);
        h->has_thread = false;
    }
    eng_cuda_host_free(h->g->d, h->move_pinned);
    h->move_pinned = NULL;
}

/* The expert takes the slot; who was there has none any more. */
static void exchange(struct eng_hybrid *h, uint32_t layer, uint32_t expert, uint32_t slot,
                     const uint8_t *packed)
{
    struct eng_hybrid_layer *y = &h->layers[layer];
    eng_hybrid_upload(h, y, false, expert, slot, packed);
    y->slot_of[y->expert_in[slot]] = -1;
    y->expert_in[slot] = expert;
    y->slot_of[expert] = (int32_t)slot;
    h->use.moves++;
}

/* The layer where a move would gain most; false: nowhere enough. */
static bool find_move(struct eng_hybrid *h, uint32_t *layer, uint32_t *expert, uint32_t *slot)
{
    float best = 0;
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++) {
        const struct eng_hybrid_layer *y = &h->layers[l];
        uint32_t in = 0, out = 0, off = UINT32_MAX;
        if (!y->moe)
            continue;
        for (uint32_t e = 0; e < h->n_expert; e++)
            if (y->slot_of[e] < 0 && (off == UINT32_MAX || y->score[e] > y->score[off]))
                off = e;
        for (uint32_t s = 1; s < h->slots; s++)
            if (y->score[y->expert_in[s]] < y->score[y->expert_in[in]])
                in = s;
        out = y->expert_in[in];
        float gain = y->score[off] - BETTER * y->score[out] - LEAD;
        if (gain > best) {
            best = gain;
            *layer = l;
            *expert = off;
            *slot = in;
        }
    }
    return best > 0;
}

void eng_hybrid_between(struct eng_gpu *g)
{
    struct eng_hybrid *h = g->hybrid;
    for (uint32_t l = 0; l < g->m->hp.n_layer; l++)
        for (uint32_t e = 0; h->layers[l].moe && e < h->n_expert; e++)
            h->layers[l].score[e] *= DECAY;
    if (!h->has_thread)
        return;
    pthread_mutex_lock(&h->lock);
    bool ready = h->phase == ENG_MOVE_READY, idle = h->phase == ENG_MOVE_IDLE;
    pthread_mutex_unlock(&h->lock);
    if (ready) {
        if (h->layers[h->move_layer].slot_of[h->move_expert] < 0)
            exchange(h, h->move_layer, h->move_expert, h->move_slot, h->move_pinned);
        h->phase =
            ENG_MOVE_IDLE; /* the thread sleeps until it is asked again: after the next step */
    } else if (idle && find_move(h, &h->move_layer, &h->move_expert, &h->move_slot)) {
        pthread_mutex_lock(&h->lock);
        h->phase = ENG_MOVE_ASKED;
        pthread_cond_signal(&h->turn);
        pthread_mutex_unlock(&h->lock);
    }
}

enum base_status eng_hybrid_put(struct eng_model *m, uint32_t layer, uint32_t expert, uint32_t slot,
                                struct base_err *err)
{
    struct eng_gpu *g = m->ops == &eng_ops_cpu ? NULL : m->dev;
    struct eng_hybrid *h = g ? g->hybrid : NULL;
    if (!h || !h->built || layer >= m->hp.n_layer || !h->layers[layer].moe || slot >= h->slots ||
        expert >= h->n_expert || h->layers[layer].slot_of[expert] >= 0)
        return base_err_set(err, BASE_EINVAL, "expert %u of layer %u cannot be put into slot %u",
                            expert, layer, slot);
    uint8_t *pinned = eng_cuda_host_alloc(g->d, h->layers[layer].expert_bytes);
    if (!pinned)
        return base_err_set(err, BASE_ENOMEM, "no pinned memory for an expert");
    eng_hybrid_pack(&h->layers[layer], expert, pinned);
    exchange(h, layer, expert, slot, pinned);
    enum base_status st = eng_cuda_sync(g->d, err);
    eng_cuda_host_free(g->d, pinned);
    return st;
}

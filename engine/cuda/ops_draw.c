/* ops_draw.c - tokens picked where the logits are: four bytes a row come back instead of the row.
 *
 * What each sampler asks for goes up in one block, one launch picks all rows (sample.h), the tokens
 * come back. A row that the device declines is fetched and left to the host; so is a row that
 * nobody wants picked, or whose sampler marks its tokens. In a step that is a graph the picking
 * follows the graph: how many penalties a row has differs from step to step.
 *
 * Owns       the block, on both sides (struct eng_gpu_draw), which grows apart from the scratch
 * that graphs refer to.
 */
#include "engine/cuda/sample.h"
#include "engine/cuda/table.h"
#include "engine/sample/sampler.h"

#include <stdlib.h>

/* Where the parts of the block stand, in bytes; `up` of it go up. */
struct block {
    size_t id, count, token, up, all;
};

static size_t next(size_t at)
{
    return (at + 255) / 256 * 256;
}

static struct block block_of(uint32_t n_rows, size_t n_seen)
{
    struct block b;
    b.id = next(n_rows * sizeof(struct weir_sampling));
    b.count = next(b.id + n_seen * sizeof(uint32_t));
    b.up = b.count + n_seen * sizeof(uint32_t);
    b.token = next(b.up);
    b.all = b.token + n_rows * sizeof(int32_t);
    return b;
}

static void fail(struct eng_gpu *g, const char *what)
{
    if (g->st == BASE_OK)
        g->st = base_err_set(&g->err, BASE_ENOMEM, "%s: out of %s memory for sampling",
                             eng_cuda_get_info(g->d)->name, what);
}

/* Room for so much on both sides. */
static bool grow(struct eng_gpu *g, size_t n)
{
    struct eng_gpu_draw *w = &g->draw;
    if (n <= w->n)
        return true;
    free(w->host);
    eng_cuda_free(g->d, w->dev);
    w->n = 0;
    w->host = malloc(2 * n);
    w->dev = eng_cuda_alloc(g->d, 2 * n);
    if (w->host && w->dev)
        w->n = 2 * n;
    else
        fail(g, w->host ? "device" : "the host's");
    return w->n != 0;
}

void eng_gpu_draw_free(struct eng_gpu *g)
{
    free(g->draw.host);
    eng_cuda_free(g->d, g->draw.dev);
    g->draw = (struct eng_gpu_draw){0};
}

/* What row r wants; false: the host picks, and the device's answer does not matter. */
static bool ask(const struct eng_gpu_drawing *j, uint32_t r, struct eng_sampler_ask *out)
{
    static const struct eng_sampling likeliest = {.repeat = 1};
    if (j->who[r] && eng_sampler_ask(j->who[r], out))
        return true;
    *out = (struct eng_sampler_ask){.p = &likeliest};
    return false;
}

/* Fills the block of all rows. host[r]: the host picks row r. */
static bool fill(struct eng_gpu *g, const struct eng_gpu_drawing *j, bool *host, struct block *b)
{
    struct eng_sampler_ask *asks = calloc(j->n_rows, sizeof(*asks));
    size_t n_seen = 0, at = 0;
    if (!asks) {
        fail(g, "the host's");
        return false;
    }
    for (uint32_t r = 0; r < j->n_rows; r++) {
        host[r] = !ask(j, r, &asks[r]);
        n_seen += asks[r].n_seen;
    }
    *b = block_of(j->n_rows, n_seen);
    bool ok = n_seen < UINT32_MAX && grow(g, b->all);
    struct weir_sampling *row = (void *)g->draw.host;
    for (uint32_t r = 0; ok && r < j->n_rows; r++) {
        const struct eng_sampling *p = asks[r].p;
        uint32_t *id = (uint32_t *)(void *)(g->draw.host + b->id) + at;
        uint32_t *count = (uint32_t *)(void *)(g->draw.host + b->count) + at;
        row[r] = (struct weir_sampling){.draw = asks[r].draw,
                                        .temperature = p->temperature,
                                        .top_p = p->top_p,
                                        .min_p = p->min_p,
                                        .presence = p->presence,
                                        .frequency = p->frequency,
                                        .repeat = p->repeat,
                                        .top_k = p->top_k,
                                        .seen0 = (uint32_t)at,
                                        .seen1 = (uint32_t)(at + asks[r].n_seen)};
        for (size_t i = 0; i < asks[r].n_seen; i++) {
            id[i] = (uint32_t)asks[r].seen[i];
            count[i] = asks[r].count[asks[r].seen[i]];
        }
        at += asks[r].n_seen;
    }
    free(asks);
    return ok;
}

/* Rows that the host picks come here. */
static void fetch(struct eng_gpu *g, const struct eng_gpu_drawing *j, const bool *host)
{
    size_t n = g->m->hp.n_vocab;
    bool some = false;
    for (uint32_t r = 0; r < j->n_rows; r++) {
        if (!host[r] && j->picked[r] != WEIR_SAMPLE_HOST) {
            eng_sampler_took(j->who[r], j->picked[r]);
            continue;
        }
        j->picked[r] = ENG_PICK_ROW;
        eng_cuda_download(g->d, j->logits + r * n, g->logits + r * n, n * sizeof(float));
        some = true;
    }
    if (some && g->st == BASE_OK)
        g->st = eng_cuda_sync(g->d, &g->err);
}

void eng_gpu_draw_rows(struct eng_gpu *g, const struct eng_gpu_drawing *j)
{
    bool *host = calloc(j->n_rows + 1, sizeof(*host));
    struct block b;
    if (!host)
        fail(g, "the host's");
    if (!host || g->st != BASE_OK || !fill(g, j, host, &b)) {
        free(host);
        return;
    }
    unsigned char *dev = g->draw.dev;
    eng_cuda_upload(g->d, dev, g->draw.host, b.up);
    struct weir_sample_args a = {.logits = g->logits,
                                 .rows = (void *)dev,
                                 .seen_id = (void *)(dev + b.id),
                                 .seen_count = (void *)(dev + b.count),
                                 .token = (void *)(dev + b.token),
                                 .n = j->n_rows,
                                 .n_vocab = g->m->hp.n_vocab};
    eng_cuda_sample(g->d, &a);
    eng_cuda_download(g->d, j->picked, a.token, j->n_rows * sizeof(int32_t));
    g->st = eng_cuda_sync(g->d, &g->err);
    if (g->st == BASE_OK)
        fetch(g, j, host);
    free(host);
}

void eng_gpu_draw(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows,
                  struct eng_sampler *const *who, int32_t *picked, float *logits)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_drawing j = {who, picked, logits, n_rows};
    eng_gpu_logits(f, a, n_rows);
    if (g->set->graph)
        g->drawing = j; /* end() */
    else
        eng_gpu_draw_rows(g, &j);
}

/* intents.c - a hash table from request id to its open intent. Grows by doubling up to a bound;
 * keys are copied. Removal shifts the rest of the probe chain back, so there are no tombstones.
 */
#include "audit/log/intents.h"

#include <stdlib.h>
#include <string.h>

void aud_intents_init(struct aud_intents *m)
{
    memset(m, 0, sizeof(*m));
}

void aud_intents_clear(struct aud_intents *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        free(m->slot[i]);
        m->slot[i] = NULL;
    }
    m->n = 0;
}

void aud_intents_release(struct aud_intents *m)
{
    aud_intents_clear(m);
    free(m->slot);
    aud_intents_init(m);
}

/* FNV-1a; the ids are ours, random, and the table is bounded */
static size_t home(const struct aud_intents *m, const char *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)p[i]) * 0x100000001b3u;
    return (size_t)(h ^ (h >> 32)) & (m->cap - 1);
}

static size_t seek(const struct aud_intents *m, struct base_str req)
{
    size_t i = home(m, req.p, req.n);

    while (m->slot[i] &&
           !(m->slot[i]->n_req == req.n && memcmp(m->slot[i]->text, req.p, req.n) == 0))
        i = (i + 1) & (m->cap - 1);
    return i;
}

struct aud_intent *aud_intents_find(struct aud_intents *m, struct base_str req)
{
    return m->cap == 0 ? NULL : m->slot[seek(m, req)];
}

static bool grow(struct aud_intents *m)
{
    struct aud_intents bigger = {.cap = m->cap ? m->cap * 2 : 256, .n = m->n};

    bigger.slot = calloc(bigger.cap, sizeof(struct aud_intent *));
    if (!bigger.slot)
        return false;
    for (size_t i = 0; i < m->cap; i++) {
        struct aud_intent *e = m->slot[i];

        if (e)
            bigger.slot[seek(&bigger, base_str_n(e->text, e->n_req))] = e;
    }
    free(m->slot);
    *m = bigger;
    return true;
}

enum base_status aud_intents_add(struct aud_intents *m, struct base_str req, struct base_str tenant,
                                 uint64_t index, uint64_t attempt)
{
    if (m->n >= AUD_INTENTS_MAX)
        return BASE_LIMIT;
    if (m->n * 2 >= m->cap && !grow(m))
        return BASE_ENOMEM;
    struct aud_intent *e = malloc(sizeof(*e) + req.n + tenant.n);
    if (!e)
        return BASE_ENOMEM;
    *e = (struct aud_intent){.index = index,
                             .attempt = attempt,
                             .n_req = (uint32_t)req.n,
                             .n_tenant = (uint32_t)tenant.n};
    if (req.n)
        memcpy(e->text, req.p, req.n);
    if (tenant.n)
        memcpy(e->text + req.n, tenant.p, tenant.n);
    m->slot[seek(m, req)] = e;
    m->n++;
    return BASE_OK;
}

bool aud_intents_remove(struct aud_intents *m, struct base_str req)
{
    if (m->cap == 0)
        return false;
    size_t i = seek(m, req), mask = m->cap - 1;
    if (!m->slot[i])
        return false;
    free(m->slot[i]);
    m->slot[i] = NULL;
    m->n--;
    for (size_t j = (i + 1) & mask; m->slot[j]; j = (j + 1) & mask) {
        size_t h = home(m, m->slot[j]->text, m->slot[j]->n_req);

        /* j may move to the hole at i unless its home lies cyclically in (i, j] */
        if (((j - h) & mask) >= ((j - i) & mask)) {
            m->slot[i] = m->slot[j];
            m->slot[j] = NULL;
            i = j;
        }
    }
    return true;
}

static int by_index(const void *a, const void *b)
{
    const struct aud_intent *const *x = a;
    const struct aud_intent *const *y = b;

    return (*x)->index < (*y)->index ? -1 : (*x)->index > (*y)->index;
}

enum base_status aud_intents_sorted(const struct aud_intents *m, struct aud_intent ***out)
{
    size_t k = 0;

    *out = calloc(m->n ? m->n : 1, sizeof(struct aud_intent *));
    if (!*out)
        return BASE_ENOMEM;
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slot[i])
            (*out)[k++] = m->slot[i];
    }
    qsort(*out, k, sizeof(struct aud_intent *), by_index);
    return BASE_OK;
}

/* scheduler_fair.c - whose turn it is: the queue, and how a step's prompt tokens are shared out.
 *
 * Tenants are served in proportion, whatever they ask (start-time fair queueing): each has an
 * account of the tokens that ran for it. A free slot goes to the waiting tenant with the smallest
 * account, first come first served within it; a step's prompt tokens are shared out evenly, first
 * among the tenants with prompts to take in, then among a tenant's requests, what one does not need
 * going to the others. A tenant that comes back is raised to the smallest account of those that are
 * here: nobody saves up turns by staying away.
 *
 * The queue is bounded. When it is full, whoever has the most waiting gives a place to somebody who
 * has at least two fewer: its newest request is told that the queue is full.
 */
#include "engine/serve/scheduler_int.h"

#include <stdlib.h>

/* ---- accounts ---- */

static uint64_t least_served(const struct eng_sched *s)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < s->n_tenants; i++)
        if (s->tenants[i].requests && s->tenants[i].served < least)
            least = s->tenants[i].served;
    return least == UINT64_MAX ? 0 : least;
}

/* There is one for every request that can be here, so a free one is always found. */
void sched_join(struct eng_sched *s, struct eng_request *r)
{
    struct tenant *found = NULL, *idle = NULL;
    uint64_t least = least_served(s);
    for (uint32_t i = 0; i < s->n_tenants; i++) {
        struct tenant *t = &s->tenants[i];
        if (t->known && strcmp(t->name, r->tenant) == 0)
            found = t;
        else if (t->requests == 0 &&
                 (!idle || (idle->known && (!t->known || t->left < idle->left))))
            idle = t;
    }
    if (!found) { /* an idle tenant's account, the longest gone's, makes room */
        BASE_BUG_ON(idle == NULL);
        found = idle;
        *found = (struct tenant){.known = true};
        memcpy(found->name, r->tenant, sizeof(found->name));
    }
    if (found->requests == 0 && found->served < least)
        found->served = least;
    found->requests++;
    r->account = found;
}

void sched_part(struct eng_sched *s, struct eng_request *r)
{
    if (r->account && --r->account->requests == 0)
        r->account->left = ++s->clock;
    r->account = NULL;
}

/* ---- the queue: in order of arrival ---- */

void sched_enqueue(struct eng_sched *s, struct eng_request *r)
{
    struct eng_request **at = &s->queue;
    while (*at && (*at)->order < r->order)
        at = &(*at)->next;
    r->next = *at;
    *at = r;
    s->n_queued++;
    r->account->queued++;
}

void sched_unlink(struct eng_sched *s, struct eng_request *r)
{
    struct eng_request **at = &s->queue;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->next = NULL;
    s->n_queued--;
    r->account->queued--;
}

struct eng_request *sched_next(const struct eng_sched *s)
{
    struct eng_request *best = s->queue;
    for (struct eng_request *r = s->queue; r; r = r->next)
        if (r->account->served < best->account->served)
            best = r;
    return best;
}

struct eng_request *sched_displaced(const struct eng_sched *s, const struct eng_request *by)
{
    struct eng_request *newest = NULL;
    uint32_t most = 1;
    for (const struct eng_request *r = s->queue; r; r = r->next)
        most += strcmp(r->tenant, by->tenant) == 0;
    for (struct eng_request *r = s->queue; r; r = r->next) {
        uint32_t n = r->account->queued;
        if (r->began_us || n < most || (n == most && !newest)) /* who has begun, stays */
            continue;
        if (n > most || newest->account == r->account)
            newest = r;
        most = n;
    }
    return newest;
}

/* ---- shares of a step ---- */

/* Prompt tokens that the request in this slot could take in. */
static uint32_t need_of(const struct eng_sched *s, const struct slot *k)
{
    if (!sched_runs(s, k) || sched_generates(k->r))
        return 0;
    return (uint32_t)k->r->ids.n - k->r->taken - k->r->quota;
}

/* Up to `budget` tokens, evenly among the tenant's requests; returns how many were given. */
static uint32_t share_tenant(struct eng_sched *s, const struct tenant *t, uint32_t budget)
{
    uint32_t given = 0, left = 0;
    for (uint32_t i = 0; i < s->n_slots; i++)
        left += need_of(s, &s->slots[i]) > 0 && s->slots[i].r->account == t;
    for (uint32_t j = 0; j < s->n_slots && left > 0 && given < budget; j++) {
        struct slot *k = &s->slots[(s->first + j) % s->n_slots];
        uint32_t need = need_of(s, k), part = (budget - given + left - 1) / left;
        if (!need || k->r->account != t)
            continue;
        part = need < part ? need : part;
        k->r->quota += part;
        given += part;
        left--;
    }
    return given;
}

/* Of the tenants with prompts to take in whose mark is not yet this round's, the least served. */
static struct tenant *next_tenant(struct eng_sched *s, uint64_t round, uint32_t *n)
{
    struct tenant *best = NULL;
    *n = 0;
    for (uint32_t i = 0; i < s->n_tenants; i++)
        s->tenants[i].wants = false;
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (need_of(s, &s->slots[i]) > 0)
            s->slots[i].r->account->wants = true;
    for (uint32_t i = 0; i < s->n_tenants; i++) {
        struct tenant *t = &s->tenants[i];
        if (!t->wants || t->round == round)
            continue;
        ++*n;
        if (!best || t->served < best->served)
            best = t;
    }
    return best;
}

void sched_share(struct eng_sched *s, uint32_t budget)
{
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].r)
            s->slots[i].r->quota = 0;
    for (uint32_t given = 1; given && budget;) { /* rounds, while some do not need their share */
        uint64_t round = ++s->clock;
        uint32_t n;
        given = 0;
        for (struct tenant *t; budget && (t = next_tenant(s, round, &n)) != NULL;) {
            uint32_t got = share_tenant(s, t, (budget + n - 1) / n);
            t->round = round;
            budget -= got;
            given += got;
        }
    }
    s->first = (s->first + 1) % s->n_slots;
}

/* history.c - two rings of samples, taken from the metrics' running sums.
 *
 * Owns       the rings and the sums of the last take.
 * Runs on    loop 0's thread.
 * Invariants a sum that went back (it cannot, but for a shard that was lost) counts as nothing.
 */
#include "gateway/dash/history.h"

#include <stdlib.h>
#include <string.h>

#define PER_COARSE (GW_HISTORY_COARSE_S / GW_HISTORY_FINE_S)

struct sums {
    uint64_t n[GW_T_COUNT], first[GW_METRICS_BUCKETS], own[GW_METRICS_BUCKETS];
};

struct ring {
    struct gw_sample *v;
    size_t max, begin, n;
    uint64_t before; /* dropped so far */
};

struct gw_history {
    struct sums last;
    bool begun;
    unsigned filled; /* fine samples in the newest coarse one */
    struct ring fine, coarse;
};

struct gw_history *gw_history_new(void)
{
    struct gw_history *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->fine =
        (struct ring){.v = calloc(GW_HISTORY_FINE_N, sizeof(*h->fine.v)), .max = GW_HISTORY_FINE_N};
    h->coarse = (struct ring){.v = calloc(GW_HISTORY_COARSE_N, sizeof(*h->coarse.v)),
                              .max = GW_HISTORY_COARSE_N};
    if (h->fine.v && h->coarse.v)
        return h;
    gw_history_free(h);
    return NULL;
}

void gw_history_free(struct gw_history *h)
{
    if (!h)
        return;
    free(h->fine.v);
    free(h->coarse.v);
    free(h);
}

static struct gw_sample *push(struct ring *r)
{
    size_t at = (r->begin + r->n) % r->max;

    if (r->n == r->max)
        r->begin = (r->begin + 1) % r->max, r->before++;
    else
        r->n++;
    memset(&r->v[at], 0, sizeof(r->v[at]));
    return &r->v[at];
}

/* ---- what the metrics say now ---- */

struct summing {
    const struct conf *c;
    struct sums *s;
};

static enum gw_trace place_of(const struct conf *c, const char *route)
{
    const char *slash = strchr(route, '/');
    size_t n = slash ? (size_t)(slash - route) : strlen(route);

    if (n == 5 && memcmp(route, "local", 5) == 0)
        return GW_T_LOCAL;
    for (size_t i = 0; i < c->n_backends; i++)
        if (strlen(c->backends[i].name) == n && memcmp(c->backends[i].name, route, n) == 0)
            return c->backends[i].residency.on_premises ? GW_T_HOME : GW_T_AWAY;
    return GW_T_AWAY; /* of an earlier configuration: nobody knows any more that it stayed */
}

static void add_request(void *ctx, const char *const label[], uint64_t v)
{
    const struct summing *to = ctx;
    uint64_t status = 0;

    if (!base_str_u64(base_str_c(label[2]), &status))
        status = 500; /* "other": more series than are counted apart */
    if (status < 400)
        to->s->n[place_of(to->c, label[0])] += v;
    else if (status != 403)
        to->s->n[GW_T_FAILED] += v;
}

static void add_tokens(void *ctx, const char *const label[], uint64_t v)
{
    const struct summing *to = ctx;

    to->s->n[strcmp(label[1], "input") == 0 ? GW_T_TOKENS_IN : GW_T_TOKENS_OUT] += v;
}

static void add_to(void *ctx, const char *const label[], uint64_t v)
{
    uint64_t *sum = ctx;

    (void)label;
    *sum += v;
}

static void sum_up(struct sums *s, struct gw_metrics_shard *const *shards, size_t n,
                   const struct conf *c)
{
    struct summing to = {c, s};

    memset(s, 0, sizeof(*s));
    gw_metrics_each(shards, n, GW_F_REQUESTS, add_request, &to);
    gw_metrics_each(shards, n, GW_F_TOKENS, add_tokens, &to);
    gw_metrics_each(shards, n, GW_F_DENIED, add_to, &s->n[GW_T_DENIED]);
    gw_metrics_each(shards, n, GW_F_REDACTIONS, add_to, &s->n[GW_T_REDACTIONS]);
    gw_metrics_each(shards, n, GW_F_FALLBACKS, add_to, &s->n[GW_T_FALLBACKS]);
    gw_metrics_each(shards, n, GW_F_UPSTREAM_ERRORS, add_to, &s->n[GW_T_BACKEND_ERRORS]);
    gw_metrics_buckets(shards, n, GW_H_TTFT, s->first);
    gw_metrics_buckets(shards, n, GW_H_OVERHEAD, s->own);
}

/* ---- taking ---- */

static void buckets_add(uint32_t to[GW_METRICS_BUCKETS], const uint32_t from[GW_METRICS_BUCKETS])
{
    for (size_t i = 0; i < GW_METRICS_BUCKETS; i++)
        to[i] += from[i];
}

static void buckets_minus(uint32_t to[GW_METRICS_BUCKETS], const uint64_t now[GW_METRICS_BUCKETS],
                          const uint64_t then[GW_METRICS_BUCKETS])
{
    for (size_t i = 0; i < GW_METRICS_BUCKETS; i++)
        to[i] = now[i] > then[i] ? (uint32_t)(now[i] - then[i]) : 0;
}

void gw_history_take(struct gw_history *h, struct gw_metrics_shard *const *shards, size_t n,
                     const struct conf *c, int64_t wall_us)
{
    struct sums now;

    sum_up(&now, shards, n, c);
    if (h->begun) {
        struct gw_sample *s = push(&h->fine);
        int64_t busy = gw_metrics_gauge_sum(shards, n, GW_G_REQUESTS);

        s->end_us = wall_us;
        s->span_s = GW_HISTORY_FINE_S;
        s->in_progress = busy > 0 ? (uint32_t)busy : 0;
        for (int i = 0; i < GW_T_COUNT; i++)
            s->n[i] = now.n[i] > h->last.n[i] ? now.n[i] - h->last.n[i] : 0;
        buckets_minus(s->first, now.first, h->last.first);
        buckets_minus(s->own, now.own, h->last.own);

        struct ring *r = &h->coarse;
        struct gw_sample *big = h->filled == 0 ? push(r) : &r->v[(r->begin + r->n - 1) % r->max];
        big->end_us = wall_us;
        big->span_s += s->span_s;
        for (int i = 0; i < GW_T_COUNT; i++)
            big->n[i] += s->n[i];
        buckets_add(big->first, s->first);
        buckets_add(big->own, s->own);
        if (s->in_progress > big->in_progress)
            big->in_progress = s->in_progress;
        h->filled = (h->filled + 1) % PER_COARSE;
    }
    h->last = now;
    h->begun = true;
}

/* ---- reading ---- */

size_t gw_history_count(const struct gw_history *h, bool coarse)
{
    return coarse ? h->coarse.n : h->fine.n;
}

uint64_t gw_history_before(const struct gw_history *h, bool coarse)
{
    return coarse ? h->coarse.before : h->fine.before;
}

const struct gw_sample *gw_history_at(const struct gw_history *h, bool coarse, size_t i)
{
    const struct ring *r = coarse ? &h->coarse : &h->fine;

    return &r->v[(r->begin + i) % r->max];
}

double gw_history_quantile(const uint32_t v[GW_METRICS_BUCKETS], double q)
{
    uint64_t total = 0, seen = 0;

    for (size_t i = 0; i < GW_METRICS_BUCKETS; i++)
        total += v[i];
    if (total == 0)
        return 0;
    for (size_t i = 0; i < GW_METRICS_BUCKETS; i++) {
        seen += v[i];
        if ((double)seen >= q * (double)total)
            return gw_metrics_bucket_s(i);
    }
    return gw_metrics_bucket_s(GW_METRICS_BUCKETS - 1);
}

/* plan_choose.c - which of a host's cards to take, and how: device: auto with several of them.
 *
 * Cards are put in order twice, the fastest first and the largest first; the first one, two, three
 * ... of each order are a set, taken by layers and, for models with experts, by experts. What
 * plan.h says of each is compared: what does not fit loses; then the bound of the sequences at once
 * that were asked for decides, and a set of more cards, or by experts, has to be faster by
 * ENG_PLAN_WORTH, since bounds are not that sure and each card is one more to fail. Where a
 * bandwidth is not known, all on cards wins over experts on the CPU, and fewer cards over more.
 *
 * A set in which a card would have nothing to do is left out: the smaller one says the same.
 * Pure; any thread.
 */
#include "engine/plan/plan.h"

#include <string.h>

#define ENG_PLAN_WORTH 1.02

struct order {
    const struct eng_plan_ask *ask;
    uint32_t at[ENG_PLAN_GPUS];
};

static bool before(const struct eng_plan_gpu *a, const struct eng_plan_gpu *b, bool by_speed)
{
    if (by_speed && a->bytes_s != b->bytes_s)
        return a->bytes_s > b->bytes_s;
    return a->bytes != b->bytes ? a->bytes > b->bytes : a->bytes_s > b->bytes_s;
}

static struct order ordered(const struct eng_plan_ask *ask, bool by_speed)
{
    struct order o = {.ask = ask};
    for (uint32_t i = 0; i < ask->n_gpu; i++) {
        uint32_t k = i;
        for (; k > 0 && before(&ask->gpu[i], &ask->gpu[o.at[k - 1]], by_speed); k--)
            o.at[k] = o.at[k - 1];
        o.at[k] = i;
    }
    return o;
}

static bool known(const struct eng_plan_choice *c, const struct order *o, uint32_t n,
                  enum eng_plan_split split)
{
    for (uint32_t i = 0; i < c->n_sets; i++)
        if (c->set[i].n == n && c->set[i].split == split &&
            memcmp(c->set[i].gpu, o->at, n * sizeof(o->at[0])) == 0)
            return true;
    return false;
}

/* Whether a card of the set would have nothing. */
static bool idle(const struct eng_plan_set *s, const struct eng_plan *p)
{
    bool layers = s->split == ENG_PLAN_BY_LAYERS;
    for (uint32_t i = 0; i < s->n && s->n > 1; i++)
        if (layers ? p->device[i].n_layers == 0 : p->device[i].experts == 0)
            return true;
    return false;
}

static bool better(const struct eng_plan_set *a, const struct eng_plan_set *b)
{
    if (a->fit == ENG_PLAN_NONE || b->fit == ENG_PLAN_NONE)
        return a->fit != ENG_PLAN_NONE && b->fit == ENG_PLAN_NONE;
    if (a->tok_s > 0 && b->tok_s > 0)
        return a->tok_s > b->tok_s * (a->n > b->n || a->split != b->split ? ENG_PLAN_WORTH : 1);
    return a->fit < b->fit;
}

static void weigh_set(const struct eng_plan_sizes *z, const struct order *o, uint32_t n,
                      enum eng_plan_split split, struct eng_plan_choice *c)
{
    struct eng_plan_ask ask = *o->ask;
    struct eng_plan p;
    if (c->n_sets == ENG_PLAN_SETS || known(c, o, n, split))
        return;
    struct eng_plan_set *s = &c->set[c->n_sets];
    *s = (struct eng_plan_set){.n = n, .split = split};
    memcpy(s->gpu, o->at, n * sizeof(o->at[0]));
    ask.n_gpu = n;
    ask.split = split;
    for (uint32_t i = 0; i < n; i++)
        ask.gpu[i] = o->ask->gpu[o->at[i]];
    eng_plan(z, &ask, &p);
    s->fit = p.fit;
    s->on_gpu = p.on_gpu;
    s->tok_s = p.weigh.gpu_tok_s;
    if (p.fit != ENG_PLAN_NONE && idle(s, &p))
        return; /* the next one takes its place in the list */
    bool first = c->n_sets == 0, least = p.fit == ENG_PLAN_NONE && p.missing < c->plan.missing &&
                                         c->plan.fit == ENG_PLAN_NONE;
    if (first || least || better(s, &c->set[c->best])) {
        c->best = c->n_sets;
        c->plan = p;
        c->ask = ask;
    }
    c->n_sets++;
}

/* The best of those that are not the best: what the choice was made against. */
static void find_next(struct eng_plan_choice *c)
{
    c->next = ENG_PLAN_SETS;
    for (uint32_t i = 0; i < c->n_sets; i++)
        if (i != c->best && c->set[i].fit != ENG_PLAN_NONE &&
            (c->next == ENG_PLAN_SETS || better(&c->set[i], &c->set[c->next])))
            c->next = i;
}

void eng_plan_choose(const struct eng_plan_sizes *z, const struct eng_plan_ask *ask,
                     const struct eng_plan_limits *limits, struct eng_plan_choice *out)
{
    *out = (struct eng_plan_choice){.plan = {.would = ENG_AUTO_CPU}, .ask = *ask};
    const struct order orders[] = {ordered(ask, true), ordered(ask, false)};
    uint32_t most = limits->gpus && limits->gpus < ask->n_gpu ? limits->gpus : ask->n_gpu;
    for (uint32_t n = 1; n <= most; n++)
        for (int k = 0; k < 2; k++) {
            if (n == 1 || !limits->experts_only)
                weigh_set(z, &orders[k], n, ENG_PLAN_BY_LAYERS, out);
            if (n > 1 && z->n_moe && !limits->layers_only)
                weigh_set(z, &orders[k], n, ENG_PLAN_BY_EXPERTS, out);
        }
    find_next(out);
}

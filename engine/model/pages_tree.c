/* pages_tree.c - what is cached of a tenant's sequences: a tree whose nodes are pages of tokens.
 *
 * A node is a page of the first group with the tokens in it, the node of the page before (none: it
 * begins a sequence), and the pages of the other groups that hold the same tokens' cells. Full
 * nodes are found by a key: SipHash-2-4, under a salt of this process, of tenant, parent and
 * tokens; a key that agrees proves nothing, tenant, parent and tokens are compared too. So nobody
 * can choose prompts that collide, and a collision costs time, never the wrong page. What is left
 * of less than a page is looked for among the children of the last node found, full or not: the one
 * with the longest beginning in common, of the SIBLINGS_MAX newest.
 *
 * Two tenants never meet: every way in begins with the tenant, nodes are compared by tenant, and
 * tenants are told apart by their whole names.
 *
 * A sequence whose full page says the same as a node's (two asked the same at the same time) takes
 * that one and gives its own back.
 */
#include "engine/model/pages_int.h"

#include <stdlib.h>

#define SIBLINGS_MAX 256

/* ---- keys ---- */

static uint64_t turn(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[2] += v[3];
    v[1] = turn(v[1], 13) ^ v[0], v[3] = turn(v[3], 16) ^ v[2];
    v[0] = turn(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = turn(v[1], 17) ^ v[2], v[3] = turn(v[3], 21) ^ v[0];
    v[2] = turn(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static uint64_t key_of(const struct eng_pages *p, int32_t tenant, int32_t parent,
                       const int32_t *tokens)
{
    uint64_t v[4] = {p->salt[0] ^ 0x736f6d6570736575ull, p->salt[1] ^ 0x646f72616e646f6dull,
                     p->salt[0] ^ 0x6c7967656e657261ull, p->salt[1] ^ 0x7465646279746573ull};
    sip_word(v, (uint64_t)(uint32_t)tenant << 32 | (uint32_t)parent);
    for (int i = 0; i < ENG_PAGE; i += 2)
        sip_word(v, (uint64_t)(uint32_t)tokens[i] << 32 | (uint32_t)tokens[i + 1]);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static int32_t find(const struct eng_pages *p, int32_t tenant, int32_t parent,
                    const int32_t *tokens)
{
    uint64_t key = key_of(p, tenant, parent, tokens);
    int32_t i = p->keys[key & (p->n_keys - 1)];
    for (; i != NONE; i = p->nodes[i].chain) {
        const struct node *d = &p->nodes[i];
        if (d->key == key && d->tenant == tenant && d->parent == parent &&
            memcmp(d->tokens, tokens, sizeof(d->tokens)) == 0)
            return i;
    }
    return NONE;
}

static void add_key(struct eng_pages *p, int32_t i)
{
    struct node *d = &p->nodes[i];
    d->key = key_of(p, d->tenant, d->parent, d->tokens);
    int32_t *head = &p->keys[d->key & (p->n_keys - 1)];
    d->chain = *head;
    *head = i;
}

static void remove_key(struct eng_pages *p, int32_t i)
{
    int32_t *at = &p->keys[p->nodes[i].key & (p->n_keys - 1)];
    while (*at != i)
        at = &p->nodes[*at].chain;
    *at = p->nodes[i].chain;
}

/* ---- tenants ---- */

int32_t pages_tenant(struct eng_pages *p, const char *name)
{
    int32_t at = NONE;
    size_t n = strlen(name);
    for (uint32_t i = 0; i < p->n_tenants; i++) {
        struct tenant *t = &p->tenants[i];
        if (t->name && strcmp(t->name, name) == 0) {
            t->refs++;
            return (int32_t)i;
        }
        if (!t->name && at == NONE)
            at = (int32_t)i;
    }
    if (n >= ENG_TENANT_MAX || (at == NONE && p->n_tenants == ENG_TENANTS_MAX))
        return NONE;
    char *copy = malloc(n + 1);
    if (!copy)
        return NONE; /* nothing of it is shared, then */
    memcpy(copy, name, n + 1);
    if (at == NONE)
        at = (int32_t)p->n_tenants++;
    p->tenants[at] = (struct tenant){.name = copy, .refs = 1, .child = NONE};
    return at;
}

void pages_tenant_release(struct eng_pages *p, int32_t tenant)
{
    struct tenant *t = &p->tenants[tenant];
    BASE_BUG_ON(t->refs == 0);
    if (--t->refs)
        return;
    free(t->name);
    *t = (struct tenant){.child = NONE};
}

/* ---- nodes ---- */

static int32_t *children(struct eng_pages *p, int32_t tenant, int32_t parent)
{
    return parent == NONE ? &p->tenants[tenant].child : &p->nodes[parent].child;
}

static void link_node(struct eng_pages *p, int32_t i, int32_t tenant, int32_t parent)
{
    struct node *d = &p->nodes[i];
    int32_t *head = children(p, tenant, parent);
    d->tenant = tenant;
    d->parent = parent;
    d->child = d->prev = NONE;
    d->next = *head;
    if (d->next != NONE)
        p->nodes[d->next].prev = i;
    *head = i;
    for (uint32_t g = 0; g < ENG_GROUPS_MAX; g++)
        d->more[g] = NONE;
    p->tenants[tenant].refs++;
}

static void unlink_node(struct eng_pages *p, int32_t i)
{
    struct node *d = &p->nodes[i];
    int32_t tenant = d->tenant;
    if (d->n == ENG_PAGE)
        remove_key(p, i);
    if (d->prev != NONE)
        p->nodes[d->prev].next = d->next;
    else
        *children(p, tenant, d->parent) = d->next;
    if (d->next != NONE)
        p->nodes[d->next].prev = d->prev;
    for (uint32_t g = 1; g < p->ask.n_groups; g++)
        if (d->more[g] != NONE)
            pages_unkeep(p, g, d->more[g]);
    d->tenant = NONE;
    d->n = 0;
    pages_tenant_release(p, tenant);
    pages_unkeep(p, 0, i);
}

void pages_forget(struct eng_pages *p, int32_t node)
{
    int32_t i = node;
    for (;;) { /* leaves first */
        while (p->nodes[i].child != NONE)
            i = p->nodes[i].child;
        BASE_BUG_ON(p->groups[0].pages[i].refs != 0);
        int32_t up = p->nodes[i].parent;
        unlink_node(p, i);
        if (i == node)
            return;
        i = up;
    }
}

/* The node's tokens, n of them, stand in its page: which pages of the other groups hold their
 * cells? index: of the page in its sequence. */
static void hold_more(struct eng_pages *p, int32_t i, uint32_t seq, uint32_t index, uint32_t n)
{
    struct node *d = &p->nodes[i];
    for (uint32_t g = 1; g < p->ask.n_groups; g++) {
        uint32_t cells = pages_cells(p, g, index * ENG_PAGE + n);
        int32_t page = cells ? pages_row(p, g, seq)[(cells - 1) / ENG_PAGE] : NONE;
        const struct page *a = page == NONE ? NULL : &p->groups[g].pages[page];
        if (a && p->tables[g].per == 1 && a->nodes && a->owner != i)
            page = NONE; /* another node's, which has gone another way: one owner a page */
        if (page != NONE)
            pages_keep(p, g, page, i, (cells - 1) % ENG_PAGE + 1);
        if (d->more[g] != NONE)
            pages_unkeep(p, g, d->more[g]);
        d->more[g] = page;
    }
}

/* seq takes node d's pages instead of its own of the same content. */
static void merge(struct eng_pages *p, uint32_t seq, uint32_t i, int32_t d)
{
    int32_t own = pages_row(p, 0, seq)[i];
    struct node *x = &p->nodes[d];
    p->sums.merged++;
    pages_hold(p, 0, d);
    pages_set(p, 0, seq, i, d);
    pages_move_notes(p, own, d);
    pages_let_go(p, 0, own);
    for (uint32_t g = 1; g < p->ask.n_groups; g++) {
        if (!pages_windowed(p, g)) /* rows of compressed keys are shorter */
            continue;
        int32_t mine = pages_row(p, g, seq)[i];
        if (mine == NONE || mine == x->more[g])
            continue;
        if (x->more[g] == NONE) { /* it had lost that one */
            if (p->groups[g].pages[mine].nodes)
                continue;
            pages_keep(p, g, mine, d, ENG_PAGE);
            x->more[g] = mine;
            continue;
        }
        pages_hold(p, g, x->more[g]);
        pages_set(p, g, seq, i, x->more[g]);
        pages_let_go(p, g, mine);
    }
}

void pages_learn(struct eng_pages *p, uint32_t seq, uint32_t i)
{
    int32_t page = pages_row(p, 0, seq)[i], tenant = p->seqs[seq].tenant;
    int32_t parent = i ? pages_row(p, 0, seq)[i - 1] : NONE;
    struct node *x = &p->nodes[page];
    if (x->tenant != NONE && x->n == ENG_PAGE)
        return; /* it took that page over */
    int32_t d = find(p, tenant, parent, x->tokens);
    if (d != NONE) {
        merge(p, seq, i, d);
        return;
    }
    if (x->tenant == NONE) {
        link_node(p, page, tenant, parent);
        pages_keep(p, 0, page, page, ENG_PAGE);
    } else {
        p->groups[0].pages[page].kept = ENG_PAGE; /* it was a tail, which seq has completed */
    }
    x->n = ENG_PAGE;
    add_key(p, page);
    hold_more(p, page, seq, i, ENG_PAGE);
}

static uint32_t in_common(const int32_t *a, const int32_t *b, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

/* Of the children, the one that shares most with the n tokens, at least one; *shared: how many.
 * With states the one that goes furthest by a note, `before` tokens standing before it. */
static int32_t nearest(struct eng_pages *p, int32_t tenant, int32_t parent, const int32_t *tokens,
                       uint32_t n, uint32_t before, uint32_t *shared)
{
    int32_t best = NONE;
    uint32_t best_noted = 0, seen = 0;
    *shared = 0;
    for (int32_t i = *children(p, tenant, parent); i != NONE && seen < SIBLINGS_MAX;
         i = p->nodes[i].next, seen++) {
        const struct node *d = &p->nodes[i];
        uint32_t common = in_common(d->tokens, tokens, n < d->n ? n : d->n), noted = 0;
        for (uint32_t k = 0; k < p->n_slots; k++) {
            const struct note *a = &p->notes[k];
            if (a->len > before && a->len <= before + common && a->len > noted &&
                pages_noted(p, i, a))
                noted = a->len;
        }
        if (common && (noted > best_noted || (noted == best_noted && common > *shared))) {
            best = i;
            best_noted = noted;
            *shared = common;
        }
    }
    return best;
}

void pages_learn_tail(struct eng_pages *p, uint32_t seq)
{
    const struct seq *q = &p->seqs[seq];
    uint32_t i = q->len / ENG_PAGE, n = q->len % ENG_PAGE, common = 0;
    int32_t page = pages_row(p, 0, seq)[i];
    int32_t parent = i ? pages_row(p, 0, seq)[i - 1] : NONE;
    struct node *x = &p->nodes[page];
    if (q->known != i || (x->tenant != NONE && x->n >= n))
        return;
    if (x->tenant == NONE) {
        (void)nearest(p, q->tenant, parent, x->tokens, n, 0, &common);
        if (common == n && p->n_slots == 0)
            return; /* another has that already */
        link_node(p, page, q->tenant, parent);
        pages_keep(p, 0, page, page, n);
    }
    x->n = n;
    if (p->groups[0].pages[page].kept < n)
        p->groups[0].pages[page].kept = (uint8_t)n;
    hold_more(p, page, seq, i, n);
}

/* ---- finding ---- */

/* The largest length up to n at which a sequence could begin with this chain of nodes. */
static uint32_t usable(const struct eng_pages *p, const int32_t *chain, uint32_t n)
{
    for (;;) {
        uint32_t before = n;
        if (n && p->n_slots) {
            const struct note *a = pages_note(p, chain, n);
            n = a ? a->len : 0;
        }
        for (uint32_t g = 1; n && g < p->ask.n_groups; g++) {
            if (p->tables[g].per > 1)
                continue;
            uint32_t from = eng_pages_first(&p->tables[g], 0, n) / ENG_PAGE;
            for (uint32_t i = (n + ENG_PAGE - 1) / ENG_PAGE; i > from; i--)
                if (p->nodes[chain[i - 1]].more[g] == NONE) {
                    n = (i - 1) * ENG_PAGE;
                    break;
                }
        }
        if (n == before || n == 0)
            return n;
    }
}

/* seq begins with the first n tokens of the chain. */
static void attach(struct eng_pages *p, uint32_t seq, const int32_t *chain, uint32_t n)
{
    struct seq *q = &p->seqs[seq];
    uint32_t pages = (n + ENG_PAGE - 1) / ENG_PAGE;
    for (uint32_t i = 0; i < pages; i++) {
        pages_hold(p, 0, chain[i]);
        pages_set(p, 0, seq, i, chain[i]);
    }
    for (uint32_t g = 1; g < p->ask.n_groups; g++) {
        const struct eng_page_group *t = &p->tables[g];
        uint32_t cells = pages_cells(p, g, n), end = (cells + ENG_PAGE - 1) / ENG_PAGE;
        uint32_t from = t->per == 1 ? eng_pages_first(t, 0, n) / ENG_PAGE : 0;
        for (uint32_t i = from; i < end; i++) { /* of the node at the page's end, or the last */
            uint32_t node = (i + 1) * t->per - 1;
            int32_t page = p->nodes[chain[node < pages ? node : pages - 1]].more[g];
            BASE_BUG_ON(page == NONE);
            pages_hold(p, g, page);
            pages_set(p, g, seq, i, page);
        }
        p->groups[g].first[seq] = from < end ? from : end;
    }
    if (n && p->n_slots) {
        struct note *a = pages_note(p, chain, n);
        uint32_t slot = a->slot;
        a->when = ++p->clock;
        q->slot = pages_take_slot(p); /* that of the note itself if there is no other */
        p->ask.copy_state(p->ask.ctx, q->slot, slot);
    }
    q->len = n;
    q->known = n / ENG_PAGE;
}

uint32_t eng_pages_open(struct eng_pages *p, uint32_t seq, const char *tenant,
                        const int32_t *tokens, uint32_t n, uint32_t *common)
{
    struct seq *q = &p->seqs[seq];
    int32_t *chain = pages_row(p, 0, seq); /* all NONE now: a place to build it in */
    uint32_t i = 0, shared = 0;
    *common = 0;
    (void)eng_pages_truncate(p, seq, 0);
    q->tenant = pages_tenant(p, tenant);
    p->sums.asked += n;
    if (q->tenant == NONE)
        return 0;
    int32_t parent = NONE, d;
    if (n > p->ask.n_ctx)
        n = p->ask.n_ctx;
    for (; (i + 1) * ENG_PAGE <= n; i++) {
        d = find(p, q->tenant, parent, tokens + (size_t)i * ENG_PAGE);
        if (d == NONE)
            break;
        chain[i] = parent = d;
    }
    uint32_t left = n - i * ENG_PAGE, whole = i;
    d = left ? nearest(p, q->tenant, parent, tokens + (size_t)i * ENG_PAGE, left, i * ENG_PAGE,
                       &shared)
             : NONE;
    if (d != NONE)
        chain[whole++] = d;
    *common = i * ENG_PAGE + shared;
    uint32_t kept = usable(p, chain, *common);
    attach(p, seq, chain, kept);
    for (uint32_t k = (kept + ENG_PAGE - 1) / ENG_PAGE; k < whole; k++)
        chain[k] = NONE;
    p->sums.hit += kept;
    return kept;
}

void eng_pages_clear(struct eng_pages *p)
{
    for (uint32_t s = 0; s < p->ask.n_seq; s++)
        (void)eng_pages_truncate(p, s, 0);
    while (p->groups[0].oldest != NONE)
        pages_forget(p, p->groups[0].oldest);
}

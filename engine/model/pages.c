/* pages.c - pages of a paged cache: free, used, cached; and the sequences that hold them.
 *
 * Owns struct eng_pages. A page is free (nobody holds it), used (sequences do) or cached (only the
 * tree of prefixes does, pages_tree.c). Invariants, which tests/unit/engine_pages.c checks after
 * every call:
 *   * refs is the number of tables that hold the page, nodes the number of nodes that do;
 *   * cells below `kept` are never written again while a node relies on them; a cell below
 * `written` is written again only by the one sequence that holds the page, if no node relies on it;
 *   * cached pages stand in the order of their last use. A sequence lets its pages go from the last
 *     to the first, so a page is always older than the one before it in any sequence: evicting the
 *     oldest never cuts off one that is in use;
 *   * a sequence that holds a node's page holds those of its parents.
 *
 * Room: only the first group can run out. The others hold what all sequences can need at once:
 * those with a window let go of the rest after every step, those of compressed keys are small.
 */
#include "engine/model/pages_int.h"

#include "base/clock.h"
#include <stdlib.h>

/* ---- sizes ---- */

static uint32_t pages_of(uint64_t cells)
{
    return (uint32_t)((cells + ENG_PAGE - 1) / ENG_PAGE);
}

uint32_t eng_pages_least(const struct eng_page_group *g, uint32_t n_seq, uint32_t n_ctx,
                         uint32_t step)
{
    uint32_t span = g->window ? g->window : g->chunk, all = pages_of(n_ctx / g->per);
    uint64_t most = (uint64_t)n_seq * (all + 2), n = most; /* of each a last one, and its copy */
    if (span && g->per == 1)                               /* a span is not aligned */
        n = (uint64_t)n_seq * (pages_of(span) + 3) + step / ENG_PAGE + 1;
    return (uint32_t)(n < most ? n : most);
}

/* ---- states of pages ---- */

void pages_set(struct eng_pages *p, uint32_t g, uint32_t seq, uint32_t i, int32_t page)
{
    struct eng_page_group *t = &p->tables[g];
    uint32_t at = seq * t->max_pages + i;
    t->table[at] = page;
    if (t->dirty1 == 0 || at < t->dirty0)
        t->dirty0 = at;
    if (at >= t->dirty1)
        t->dirty1 = at + 1;
}

/* Cached: the newest. */
static void enqueue(struct eng_pages *p, uint32_t g, int32_t page)
{
    struct group *x = &p->groups[g];
    struct page *a = &x->pages[page];
    x->n_cached++;
    a->older = x->newest;
    a->newer = NONE;
    if (x->newest != NONE)
        x->pages[x->newest].newer = page;
    else
        x->oldest = page;
    x->newest = page;
}

static void dequeue(struct eng_pages *p, uint32_t g, int32_t page)
{
    struct group *x = &p->groups[g];
    struct page *a = &x->pages[page];
    x->n_cached--;
    if (a->older != NONE)
        x->pages[a->older].newer = a->newer;
    else
        x->oldest = a->newer;
    if (a->newer != NONE)
        x->pages[a->newer].older = a->older;
    else
        x->newest = a->older;
}

static void free_page(struct eng_pages *p, uint32_t g, int32_t page)
{
    struct group *x = &p->groups[g];
    x->pages[page] = (struct page){.older = NONE, .newer = NONE, .owner = NONE};
    x->free[x->n_free++] = page;
    if (g)
        return;
    p->nodes[page].life++;
    p->nodes[page].origin = NONE;
    pages_drop_notes(p, page, 0);
}

void pages_hold(struct eng_pages *p, uint32_t g, int32_t page)
{
    struct page *a = &p->groups[g].pages[page];
    if (a->refs++ == 0 && a->nodes)
        dequeue(p, g, page);
}

void pages_let_go(struct eng_pages *p, uint32_t g, int32_t page)
{
    struct page *a = &p->groups[g].pages[page];
    BASE_BUG_ON(a->refs == 0);
    if (--a->refs)
        return;
    if (a->nodes)
        enqueue(p, g, page);
    else
        free_page(p, g, page);
}

void pages_keep(struct eng_pages *p, uint32_t g, int32_t page, int32_t node, uint32_t cells)
{
    struct page *a = &p->groups[g].pages[page];
    if (a->nodes++ == 0 && a->refs == 0)
        enqueue(p, g, page);
    a->owner = node;
    if (cells > a->kept)
        a->kept = (uint8_t)cells;
}

void pages_unkeep(struct eng_pages *p, uint32_t g, int32_t page)
{
    struct page *a = &p->groups[g].pages[page];
    BASE_BUG_ON(a->nodes == 0);
    if (--a->nodes)
        return;
    a->kept = 0;
    a->owner = NONE;
    if (a->refs)
        return;
    dequeue(p, g, page);
    free_page(p, g, page);
}

/* A page for a sequence, if need be one that was cached; somebody has made sure that there is. */
static int32_t take(struct eng_pages *p, uint32_t g)
{
    struct group *x = &p->groups[g];
    while (x->n_free == 0) {
        uint32_t from = p->tables[g].per > 1 ? 0 : g;
        int32_t page = p->groups[from].oldest;
        BASE_BUG_ON(page == NONE);
        p->sums.evicted++;
        if (from == 0) {
            pages_forget(p, page);
            continue;
        }
        p->nodes[x->pages[page].owner].more[g] = NONE;
        pages_unkeep(p, g, page);
    }
    int32_t page = x->free[--x->n_free];
    x->pages[page].refs = 1;
    return page;
}

/* ---- growing ---- */

uint32_t eng_pages_len(const struct eng_pages *p, uint32_t seq)
{
    return p->seqs[seq].len;
}

uint32_t eng_pages_base(const struct eng_pages *p, uint32_t seq)
{
    return p->seqs[seq].base;
}

uint32_t eng_pages_slot(const struct eng_pages *p, uint32_t seq)
{
    return p->seqs[seq].slot;
}

struct eng_page_group *eng_pages_groups(struct eng_pages *p)
{
    return p->tables;
}

/* Whether a sequence that holds the page may write cell k of it. */
static bool writable(const struct page *a, uint32_t k)
{
    return k >= a->written || (a->refs == 1 && k >= a->kept);
}

bool eng_pages_fits(const struct eng_pages *p, const uint32_t *more)
{
    const struct group *x = &p->groups[0];
    uint64_t need = 0;
    for (uint32_t s = 0; s < p->ask.n_seq; s++) {
        uint32_t len = p->seqs[s].len;
        if (!more[s])
            continue;
        need += pages_of((uint64_t)len + more[s]) - pages_of(len);
        if (len % ENG_PAGE) { /* the last page, if it has to be copied first */
            const struct page *a = &x->pages[pages_row(p, 0, s)[len / ENG_PAGE]];
            need += a->refs > 1 || !writable(a, len % ENG_PAGE);
        }
    }
    return need <= (uint64_t)x->n_free + x->n_cached;
}

void eng_pages_begin(struct eng_pages *p, uint32_t seq, uint32_t base)
{
    struct seq *q = &p->seqs[seq];
    BASE_BUG_ON(q->len != 0);
    q->base = base;
    if (base && q->tenant != NONE) {
        pages_tenant_release(p, q->tenant);
        q->tenant = NONE;
    }
}

/* Cell c of a group becomes seq's to write. */
static void grow(struct eng_pages *p, uint32_t g, uint32_t seq, uint32_t c)
{
    uint32_t i = c / ENG_PAGE, k = c % ENG_PAGE;
    int32_t page = pages_row(p, g, seq)[i];
    struct page *all = p->groups[g].pages;
    if (page == NONE) {
        BASE_BUG_ON(k != 0);
        page = take(p, g);
        pages_set(p, g, seq, i, page);
    } else if (!writable(&all[page], k)) {
        int32_t own = take(p, g);
        p->ask.copy(p->ask.ctx, g, (uint32_t)own, (uint32_t)page, k);
        p->sums.copied++;
        if (g == 0) {
            memcpy(p->nodes[own].tokens, p->nodes[page].tokens, k * sizeof(int32_t));
            p->nodes[own].origin = page;
            p->nodes[own].origin_life = p->nodes[page].life;
            p->nodes[own].origin_n = k;
        }
        pages_let_go(p, g, page);
        pages_set(p, g, seq, i, own);
        page = own;
    } else if (g == 0 && k < all[page].written) {
        pages_drop_notes(p, page, k);
        p->nodes[page].life++; /* copies of it are that no more */
        if (k < p->nodes[page].origin_n)
            p->nodes[page].origin_n = k;
    }
    all[page].written = (uint8_t)(k + 1);
}

/* Slots that this step writes are not written twice but by one sequence, in order: of more notes
 * than there is room for, the sequence's own oldest goes. */
static bool room_to_note(struct eng_pages *p, uint32_t seq)
{
    struct note *oldest = NULL;
    if (p->fresh < p->ask.n_notes)
        return true;
    for (uint32_t i = 0; i < p->n_slots; i++) {
        struct note *a = &p->notes[i];
        if (a->page != NONE && a->fresh_of == (int32_t)seq && (!oldest || a->when < oldest->when))
            oldest = a;
    }
    if (!oldest)
        return false;
    pages_drop_note(p, oldest);
    p->fresh--;
    return true;
}

uint32_t eng_pages_add(struct eng_pages *p, uint32_t seq, int32_t token, bool note, uint32_t *mark)
{
    struct seq *q = &p->seqs[seq];
    uint32_t cell = q->len;
    *mark = ENG_NO_MARK;
    if (cell == 0 && p->n_slots)
        q->slot = pages_take_slot(p);
    for (uint32_t g = 0; g < p->ask.n_groups; g++)
        if ((cell + 1) % p->tables[g].per == 0)
            grow(p, g, seq, (cell + 1) / p->tables[g].per - 1);
    int32_t page = pages_row(p, 0, seq)[cell / ENG_PAGE];
    p->nodes[page].tokens[cell % ENG_PAGE] = token;
    q->len++;
    if (note && p->n_slots && room_to_note(p, seq)) {
        *mark = pages_take_slot(p);
        pages_add_note(p, page, q->len, *mark)->fresh_of = (int32_t)seq;
        p->fresh++;
    }
    return cell;
}

uint32_t eng_pages_first(const struct eng_page_group *g, uint32_t base, uint32_t cell)
{
    if (g->window)
        return cell >= g->window ? cell - g->window + 1 : 0;
    if (g->chunk) {
        uint32_t start = (base + cell) / g->chunk * g->chunk;
        return start > base ? start - base : 0;
    }
    return 0;
}

void eng_pages_commit(struct eng_pages *p, uint32_t seq)
{
    struct seq *q = &p->seqs[seq];
    for (uint32_t i = 0; p->fresh && i < p->n_slots; i++)
        p->notes[i].fresh_of = NONE;
    p->fresh = 0;
    while (q->tenant != NONE && (q->known + 1) * ENG_PAGE <= q->len)
        pages_learn(p, seq, q->known++);
    for (uint32_t g = 1; g < p->ask.n_groups; g++) {
        if (!pages_windowed(p, g))
            continue;
        uint32_t end = eng_pages_first(&p->tables[g], q->base, q->len) / ENG_PAGE;
        int32_t *row = pages_row(p, g, seq);
        for (uint32_t *i = &p->groups[g].first[seq]; *i < end; (*i)++)
            if (row[*i] != NONE) {
                pages_let_go(p, g, row[*i]);
                pages_set(p, g, seq, *i, NONE);
            }
    }
}

/* ---- cutting ---- */

/* The largest length up to n < len at which seq has all that its next token needs. */
static uint32_t usable(const struct eng_pages *p, uint32_t seq, uint32_t n)
{
    const struct seq *q = &p->seqs[seq];
    for (;;) {
        uint32_t before = n;
        if (n && p->n_slots) {
            const struct note *a = pages_note(p, pages_row(p, 0, seq), n);
            n = a ? a->len : 0;
        }
        for (uint32_t g = 1; n && g < p->ask.n_groups; g++) { /* what is gone is gone from 0 on */
            uint32_t from = pages_windowed(p, g) ? eng_pages_first(&p->tables[g], q->base, n) : 0;
            if (from < n && pages_windowed(p, g) && pages_row(p, g, seq)[from / ENG_PAGE] == NONE)
                n = 0;
        }
        if (n == before || n == 0)
            return n;
    }
}

uint32_t eng_pages_keepable(const struct eng_pages *p, uint32_t seq, uint32_t n)
{
    return n >= p->seqs[seq].len ? p->seqs[seq].len : usable(p, seq, n);
}

/* Lets go of all pages but those of the first n tokens, the last first. */
static void shorten(struct eng_pages *p, uint32_t seq, uint32_t n)
{
    struct seq *q = &p->seqs[seq];
    for (uint32_t g = 0; g < p->ask.n_groups; g++) {
        int32_t *row = pages_row(p, g, seq);
        uint32_t from = pages_of(pages_cells(p, g, n)), end = pages_of(pages_cells(p, g, q->len));
        for (uint32_t i = end; i > from; i--)
            if (row[i - 1] != NONE) {
                pages_let_go(p, g, row[i - 1]);
                pages_set(p, g, seq, i - 1, NONE);
            }
        if (p->groups[g].first[seq] > from)
            p->groups[g].first[seq] = from;
    }
    q->len = n;
    if (q->known > n / ENG_PAGE)
        q->known = n / ENG_PAGE;
    if (n)
        return;
    if (q->slot != ENG_NO_MARK)
        p->slots[p->n_free_slots++] = q->slot;
    q->slot = ENG_NO_MARK;
    q->base = 0;
    if (q->tenant != NONE)
        pages_tenant_release(p, q->tenant);
    q->tenant = NONE;
}

uint32_t eng_pages_truncate(struct eng_pages *p, uint32_t seq, uint32_t n)
{
    struct seq *q = &p->seqs[seq];
    uint32_t kept = eng_pages_keepable(p, seq, n);
    if (kept && kept < q->len && p->n_slots) {
        struct note *a = pages_note(p, pages_row(p, 0, seq), kept);
        a->when = ++p->clock;
        p->ask.copy_state(p->ask.ctx, q->slot, a->slot);
    }
    if (kept < q->len || kept == 0)
        shorten(p, seq, kept);
    return kept;
}

uint32_t eng_pages_share(struct eng_pages *p, uint32_t dst, uint32_t src, uint32_t n)
{
    struct seq *q = &p->seqs[dst], *from = &p->seqs[src];
    uint32_t kept = eng_pages_keepable(p, src, n);
    shorten(p, dst, 0);
    for (uint32_t g = 0; g < p->ask.n_groups; g++) {
        const int32_t *row = pages_row(p, g, src);
        uint32_t end = pages_of(pages_cells(p, g, kept));
        for (uint32_t i = 0; i < end; i++)
            if (row[i] != NONE) {
                pages_hold(p, g, row[i]);
                pages_set(p, g, dst, i, row[i]);
            }
        p->groups[g].first[dst] = kept ? p->groups[g].first[src] : 0;
    }
    if (kept && p->n_slots) {
        struct note *a = kept < from->len ? pages_note(p, pages_row(p, 0, src), kept) : NULL;
        uint32_t slot = a ? a->slot : from->slot;
        if (a)
            a->when = ++p->clock;
        q->slot = pages_take_slot(p); /* that of the note itself if there is no other */
        p->ask.copy_state(p->ask.ctx, q->slot, slot);
    }
    q->len = kept;
    q->base = kept ? from->base : 0;
    return kept;
}

void eng_pages_close(struct eng_pages *p, uint32_t seq)
{
    struct seq *q = &p->seqs[seq];
    if (q->tenant != NONE && q->len) {
        if (q->len % ENG_PAGE)
            pages_learn_tail(p, seq);
        int32_t last = pages_row(p, 0, seq)[(q->len - 1) / ENG_PAGE];
        if (p->n_slots && p->groups[0].pages[last].nodes) { /* the live state is noted as it is */
            (void)pages_add_note(p, last, q->len, q->slot);
            q->slot = ENG_NO_MARK;
        }
    }
    shorten(p, seq, 0);
}

/* ---- life ---- */

static bool take_group(struct eng_pages *p, uint32_t g)
{
    struct eng_page_group *t = &p->tables[g];
    struct group *x = &p->groups[g];
    *t = p->ask.groups[g];
    t->max_pages = pages_of(p->ask.n_ctx / t->per) + 1;
    t->dirty0 = t->dirty1 = 0;
    t->dev_table = NULL;
    size_t entries = (size_t)p->ask.n_seq * t->max_pages;
    t->table = malloc(entries * sizeof(*t->table));
    x->pages = calloc(t->n_pages, sizeof(*x->pages));
    x->free = malloc(t->n_pages * sizeof(*x->free));
    x->first = calloc(p->ask.n_seq, sizeof(*x->first));
    x->oldest = x->newest = NONE;
    if (!t->table || !x->pages || !x->free || !x->first)
        return false;
    for (size_t i = 0; i < entries; i++)
        t->table[i] = NONE;
    for (uint32_t i = t->n_pages; i > 0; i--) /* page 0 is taken first */
        free_page(p, g, (int32_t)(i - 1));
    return true;
}

static bool take_all(struct eng_pages *p)
{
    const struct eng_pages_ask *a = &p->ask;
    uint32_t n = a->groups[0].n_pages;
    for (p->n_keys = 64; p->n_keys < n; p->n_keys *= 2)
        ;
    p->nodes = calloc(n, sizeof(*p->nodes));
    p->keys = malloc(p->n_keys * sizeof(*p->keys));
    p->tenants = calloc(ENG_TENANTS_MAX, sizeof(*p->tenants));
    p->seqs = calloc(a->n_seq, sizeof(*p->seqs));
    p->n_slots = a->n_notes ? a->n_seq + a->n_notes : 0;
    p->notes = calloc(p->n_slots + 1, sizeof(*p->notes));
    p->slots = calloc(p->n_slots + 1, sizeof(*p->slots));
    if (!p->nodes || !p->keys || !p->tenants || !p->seqs || !p->notes || !p->slots)
        return false;
    for (uint32_t i = 0; i < p->n_slots; i++) {
        p->notes[i].page = NONE;
        p->slots[p->n_free_slots++] = p->n_slots - 1 - i;
    }
    for (uint32_t i = 0; i < a->n_seq; i++)
        p->seqs[i] = (struct seq){.slot = ENG_NO_MARK, .tenant = NONE};
    for (uint32_t i = 0; i < p->n_keys; i++)
        p->keys[i] = NONE;
    for (uint32_t i = 0; i < n; i++)
        p->nodes[i].tenant = NONE;
    for (uint32_t g = 0; g < a->n_groups; g++)
        if (!take_group(p, g))
            return false;
    return true;
}

enum base_status eng_pages_new(const struct eng_pages_ask *ask, struct eng_pages **out,
                               struct base_err *err)
{
    struct eng_pages *p = calloc(1, sizeof(*p));
    *out = NULL;
    BASE_BUG_ON(ask->n_groups < 1 || ask->n_groups > ENG_GROUPS_MAX || ask->groups[0].window ||
                ask->groups[0].chunk || ask->groups[0].per != 1);
    if (p) {
        p->ask = *ask;
        base_random(p->salt, sizeof(p->salt));
    }
    if (!p || !take_all(p)) {
        eng_pages_free(p);
        return base_err_set(err, BASE_ENOMEM, "out of memory for the accounts of %u pages",
                            ask->groups[0].n_pages);
    }
    *out = p;
    return BASE_OK;
}

void eng_pages_free(struct eng_pages *p)
{
    if (!p)
        return;
    for (uint32_t g = 0; g < p->ask.n_groups; g++) {
        free(p->tables[g].table);
        free(p->groups[g].pages);
        free(p->groups[g].free);
        free(p->groups[g].first);
    }
    for (uint32_t i = 0; p->tenants && i < p->n_tenants; i++)
        free(p->tenants[i].name);
    free(p->nodes);
    free(p->keys);
    free(p->tenants);
    free(p->seqs);
    free(p->notes);
    free(p->slots);
    free(p);
}

/* ---- counts ---- */

void eng_pages_count(const struct eng_pages *p, uint32_t group, struct eng_pages_counts *out)
{
    const struct group *x = &p->groups[group];
    *out = (struct eng_pages_counts){
        .total = p->tables[group].n_pages, .free = x->n_free, .cached = x->n_cached};
    out->used = out->total - out->free - out->cached;
    for (uint32_t i = 0; i < out->total; i++)
        out->shared += x->pages[i].refs > 1;
}

const struct eng_pages_sums *eng_pages_sums(const struct eng_pages *p)
{
    return &p->sums;
}

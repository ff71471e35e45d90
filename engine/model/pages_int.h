/* pages_int.h - what pages.c and pages_tree.c share; nobody else includes it. */
#ifndef ENG_PAGES_INT_H
#define ENG_PAGES_INT_H

#include "engine/model/pages.h"

#include <string.h>

#define NONE (-1)

struct page {
    uint32_t refs;        /* tables of sequences that hold it */
    uint32_t nodes;       /* nodes of the tree that do */
    uint8_t written;      /* cells that have content */
    uint8_t kept;         /* cells that nodes rely on */
    int32_t older, newer; /* among the cached ones, if refs == 0 and nodes > 0 */
    int32_t owner;        /* its node, in a group with per == 1 */
};

struct group {
    struct page *pages;
    int32_t *free; /* a stack */
    uint32_t n_free, n_cached;
    int32_t oldest, newest; /* of the cached ones; groups with per > 1 keep no order */
    uint32_t *first;        /* [n_seq] pages of a sequence that were let go at its beginning */
};

/* A node is a page of the first group, of the same number: what a tenant's tokens led to. */
struct node {
    int32_t tokens[ENG_PAGE];     /* of the page, node or not */
    int32_t more[ENG_GROUPS_MAX]; /* the other groups' page at the node's end; NONE: not kept */
    uint64_t key;                 /* of a full one */
    int32_t parent, child, prev, next; /* next: sibling, older; NONE at the ends */
    int32_t chain;                     /* next in the table of keys */
    int32_t tenant;                    /* NONE: this page is no node */
    uint32_t n;                        /* tokens; ENG_PAGE: full */
    uint32_t life;                     /* counts how often the page was freed, or written again */
    int32_t origin; /* the page whose first origin_n cells it was copied from, in that life */
    uint32_t origin_life, origin_n;
};

struct tenant {
    char *name;    /* NULL: free */
    uint32_t refs; /* nodes and sequences */
    int32_t child; /* first pages */
};

struct seq {
    uint32_t len, base;
    uint32_t slot;  /* of its state; ENG_NO_MARK: none */
    uint32_t known; /* pages from the beginning on that are nodes */
    int32_t tenant;
};

/* A noted state: behind token len of what the chain up to this page holds. */
struct note {
    int32_t page; /* of the first group; NONE: free */
    uint32_t len, slot;
    int32_t fresh_of; /* the sequence that has noted it since the last commit */
    uint64_t when;
};

struct eng_pages {
    struct eng_pages_ask ask;
    struct eng_page_group tables[ENG_GROUPS_MAX];
    struct group groups[ENG_GROUPS_MAX];
    struct node *nodes; /* [pages of the first group] */
    int32_t *keys;      /* [n_keys] first node of each chain */
    uint32_t n_keys;    /* a power of two */
    struct tenant *tenants;
    uint32_t n_tenants; /* ever used */
    struct seq *seqs;
    struct note *notes; /* [n_slots] */
    uint32_t *slots;    /* free ones, a stack */
    uint32_t n_slots, n_free_slots;
    uint32_t fresh; /* notes since the last commit */
    uint64_t clock;
    uint64_t salt[2];
    struct eng_pages_sums sums;
};

static inline int32_t *pages_row(const struct eng_pages *p, uint32_t g, uint32_t seq)
{
    return p->tables[g].table + (size_t)seq * p->tables[g].max_pages;
}

/* Cells of a group that n tokens fill. */
static inline uint32_t pages_cells(const struct eng_pages *p, uint32_t g, uint32_t n)
{
    return n / p->tables[g].per;
}

static inline bool pages_windowed(const struct eng_pages *p, uint32_t g)
{
    return p->tables[g].window || p->tables[g].chunk;
}

/* ---- pages.c ---- */

void pages_set(struct eng_pages *p, uint32_t g, uint32_t seq, uint32_t i, int32_t page);
void pages_hold(struct eng_pages *p, uint32_t g, int32_t page);
void pages_let_go(struct eng_pages *p, uint32_t g, int32_t page);
/* A node takes the page of another group, which holds `cells` that it relies on; or lets go. */
void pages_keep(struct eng_pages *p, uint32_t g, int32_t page, int32_t node, uint32_t cells);
void pages_unkeep(struct eng_pages *p, uint32_t g, int32_t page);
/* ---- pages_note.c ---- */

/* Whether the note stands on this page of the first group, or on the one that it was copied from.
 */
bool pages_noted(const struct eng_pages *p, int32_t page, const struct note *a);
/* Of the notes on this chain of pages, the one with the largest length up to n; NULL: none. */
struct note *pages_note(const struct eng_pages *p, const int32_t *chain, uint32_t n);
void pages_drop_notes(struct eng_pages *p, int32_t page, uint32_t from_cell);
void pages_move_notes(struct eng_pages *p, int32_t page, int32_t to);
/* A slot for a state, if need be that of the note that was used longest ago. */
uint32_t pages_take_slot(struct eng_pages *p);
/* A state in this slot is that behind token len, which is in this page. */
struct note *pages_add_note(struct eng_pages *p, int32_t page, uint32_t len, uint32_t slot);
void pages_drop_note(struct eng_pages *p, struct note *a);

/* ---- pages_tree.c ---- */

/* Forgets a node and all below it; no sequence holds any of them. */
void pages_forget(struct eng_pages *p, int32_t node);
/* The page at index i of seq, full and computed, joins the tree. */
void pages_learn(struct eng_pages *p, uint32_t seq, uint32_t i);
/* Its last page, which is not full, likewise. */
void pages_learn_tail(struct eng_pages *p, uint32_t seq);
int32_t pages_tenant(struct eng_pages *p, const char *name);
void pages_tenant_release(struct eng_pages *p, int32_t tenant);

#endif

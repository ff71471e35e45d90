/* pages.h - who holds which page of a paged cache: accounting only, no memory of a model.
 *
 * Cells (tokens, or compressed keys) come in pages of ENG_PAGE. Layers that see the same cells form
 * a group, and page p of a group is page p in the memory of each of its layers. A sequence has a
 * table per group: cell j stands in cell j % ENG_PAGE of page table[seq][j / ENG_PAGE].
 *
 * Sequences share pages. What is in a page never changes below the cells that somebody else relies
 * on: who writes there gets a copy first. Pages of a sequence that belongs to a tenant become part
 * of that tenant's tree of prefixes once they are full, or when the sequence is closed; a later
 * sequence of the same tenant that begins with the same tokens takes them over, to the token. A
 * page that only the tree holds is cached: it goes when a sequence needs it, the least recently
 * used first, and never one whose descendants are in use. Layers with a window or chunk let go of
 * what lies behind it. A recurrent state stands in a slot; it can be gone back to where it was
 * noted.
 *
 * One thread. Nothing here fails after eng_pages_new but for want of pages, and eng_pages_fits
 * tells that before: groups other than the first never run out (see eng_pages_least).
 */
#ifndef ENG_PAGES_H
#define ENG_PAGES_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENG_PAGE        64
#define ENG_GROUPS_MAX  8
#define ENG_TENANT_MAX  128 /* bytes of a tenant's name */
#define ENG_TENANTS_MAX 4096
#define ENG_NO_MARK     UINT32_MAX

struct eng_pages;

struct eng_page_group {
    uint32_t window, chunk; /* of its layers; both 0: they see everything */
    uint32_t per;           /* tokens in a cell: 1, or the ratio of compressed keys */
    uint32_t n_pages;
    uint32_t max_pages;  /* of one sequence: a row of the table */
    int32_t *table;      /* [n_seq][max_pages], host memory; -1: behind the window, or not there */
    int32_t **dev_table; /* the device's copies, the cache's own affair (model_cache.c) */
    uint32_t dirty0,
        dirty1; /* elements dirty0.. of the table have changed since somebody reset it */
};

struct eng_pages_ask {
    uint32_t n_seq, n_ctx;
    uint32_t n_groups;
    const struct eng_page_group
        *groups;      /* window, chunk, per, n_pages; the first sees everything */
    uint32_t n_notes; /* slots of states beyond one a sequence; 0: sequences have no state */
    /* The first n cells of page src of a group to page dst. */
    void (*copy)(void *ctx, uint32_t group, uint32_t dst, uint32_t src, uint32_t n);
    /* The state in slot src to slot dst. Slots: n_seq + n_notes; those that no sequence needs hold
     * noted states, the last used of all. */
    void (*copy_state)(void *ctx, uint32_t dst, uint32_t src);
    void *ctx;
};

/* Pages that a group needs so that n_seq sequences never run out of them; step: tokens that all
 * together may grow by before eng_pages_commit. */
uint32_t eng_pages_least(const struct eng_page_group *g, uint32_t n_seq, uint32_t n_ctx,
                         uint32_t step);

enum base_status eng_pages_new(const struct eng_pages_ask *ask, struct eng_pages **out,
                               struct base_err *err) BASE_MUST_CHECK;
void eng_pages_free(struct eng_pages *p); /* NULL is fine */
/* [n_groups]; the caller resets dirty0 and dirty1 (to 0) when it has seen them. */
struct eng_page_group *eng_pages_groups(struct eng_pages *p);

/* The first cell that a token at cell `cell` of a sequence that began at position base sees. */
uint32_t eng_pages_first(const struct eng_page_group *g, uint32_t base, uint32_t cell);

uint32_t eng_pages_len(const struct eng_pages *p, uint32_t seq);
/* The position of its first token. */
uint32_t eng_pages_base(const struct eng_pages *p, uint32_t seq);
/* The slot of its live state; of a sequence that is not empty. */
uint32_t eng_pages_slot(const struct eng_pages *p, uint32_t seq);
/* Whether every sequence s can grow by more[s] tokens. */
bool eng_pages_fits(const struct eng_pages *p, const uint32_t *more);
/* The position of the first token; only while the sequence is empty. Other than 0: nothing of it is
 * shared later. */
void eng_pages_begin(struct eng_pages *p, uint32_t seq, uint32_t base);
/* One token more; returns its cell. note: its state is to be noted, into slot *mark (else
 * ENG_NO_MARK; also when n_notes are noted already since the last eng_pages_commit, all of other
 * sequences). Pages are there then, their content is the caller's to compute. */
uint32_t eng_pages_add(struct eng_pages *p, uint32_t seq, int32_t token, bool note, uint32_t *mark);
/* What was added to seq is computed: full pages may be shared, those behind windows go. */
void eng_pages_commit(struct eng_pages *p, uint32_t seq);

/* The largest length up to n that seq can be cut to: see model.h, eng_cache_keepable. */
uint32_t eng_pages_keepable(const struct eng_pages *p, uint32_t seq, uint32_t n);
/* Cuts it there, and returns the length. 0: it belongs to no tenant any more. */
uint32_t eng_pages_truncate(struct eng_pages *p, uint32_t seq, uint32_t n);
/* dst (emptied) begins with what of src's first n tokens can be kept. It belongs to no tenant. */
uint32_t eng_pages_share(struct eng_pages *p, uint32_t dst, uint32_t src, uint32_t n);

/* seq (emptied) belongs to a tenant, and begins with what is cached of the n tokens; returns how
 * many tokens that are. *common: how many are cached at all, though windows or states may be
 * missing there. */
uint32_t eng_pages_open(struct eng_pages *p, uint32_t seq, const char *tenant,
                        const int32_t *tokens, uint32_t n, uint32_t *common);
/* Empties seq; what it held stays cached for its tenant. */
void eng_pages_close(struct eng_pages *p, uint32_t seq);
/* Forgets what is cached: content of all pages is void. Sequences must be empty. */
void eng_pages_clear(struct eng_pages *p);

struct eng_pages_counts {
    uint32_t total, free, cached, used; /* pages of a group: free + cached + used == total */
    uint32_t shared;                    /* of those used, by more than one sequence */
};
void eng_pages_count(const struct eng_pages *p, uint32_t group, struct eng_pages_counts *out);
struct eng_pages_sums {
    uint64_t asked, hit; /* tokens that eng_pages_open was given, and found */
    uint64_t evicted;    /* cached pages given to others, of all groups */
    uint64_t copied;     /* pages copied before a write */
    uint64_t merged;     /* pages given back since another had the same content */
};
const struct eng_pages_sums *eng_pages_sums(const struct eng_pages *p);

#endif

/* tok_join.c - the loop at the heart of SPM and BPE: join the cheapest neighbours until none fit.
 *
 * Symbols form a doubly linked list over an array; candidates wait in a binary heap. A candidate
 * is stale when one of its symbols has been joined meanwhile, which shows in the symbols' lengths.
 * Each join makes at most two new candidates, so a text of n characters costs O(n log n), however
 * long its words are.
 */
#include "engine/text/tok_int.h"

#include <stdlib.h>

struct tok_cand {
    float cost;
    int32_t left, right;
    uint32_t len; /* of both together, when found */
    int32_t id;
};

static bool before(const struct tok_cand *a, const struct tok_cand *b)
{
    return a->cost < b->cost || (a->cost == b->cost && a->left < b->left);
}

static enum base_status push(struct tok_joiner *j, struct tok_cand c, struct base_err *err)
{
    if (j->n_heap == j->cap_heap) {
        size_t cap = j->cap_heap ? j->cap_heap * 2 : 256;
        struct tok_cand *p = realloc(j->heap, cap * sizeof(*p));
        if (p == NULL)
            return base_err_set(err, BASE_ENOMEM, "no memory to tokenize");
        j->heap = p;
        j->cap_heap = cap;
    }
    size_t i = j->n_heap++;
    while (i > 0 && before(&c, &j->heap[(i - 1) / 2])) {
        j->heap[i] = j->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    j->heap[i] = c;
    return BASE_OK;
}

static struct tok_cand pop(struct tok_joiner *j)
{
    struct tok_cand top = j->heap[0], last = j->heap[--j->n_heap];
    size_t i = 0;
    for (;;) {
        size_t k = 2 * i + 1;
        if (k >= j->n_heap)
            break;
        if (k + 1 < j->n_heap && before(&j->heap[k + 1], &j->heap[k]))
            k++;
        if (!before(&j->heap[k], &last))
            break;
        j->heap[i] = j->heap[k];
        i = k;
    }
    j->heap[i] = last;
    return top;
}

enum base_status tok_joiner_add(struct tok_joiner *j, uint32_t at, uint32_t len, int32_t id,
                                struct base_err *err)
{
    if (j->n == j->cap) {
        size_t cap = j->cap ? j->cap * 2 : 256;
        struct tok_sym *p = realloc(j->sym, cap * sizeof(*p));
        if (p == NULL)
            return base_err_set(err, BASE_ENOMEM, "no memory to tokenize");
        j->sym = p;
        j->cap = cap;
    }
    int32_t i = (int32_t)j->n++;
    j->sym[i] = (struct tok_sym){.prev = i - 1, .next = -1, .at = at, .len = len, .id = id};
    if (i > 0)
        j->sym[i - 1].next = i;
    return BASE_OK;
}

static enum base_status consider(const struct eng_tok *t, struct tok_joiner *j, const char *text,
                                 tok_pair_fn pair, int32_t left, int32_t right,
                                 struct base_err *err)
{
    struct tok_cand c = {.left = left, .right = right};
    if (left < 0 || right < 0 || !pair(t, text, &j->sym[left], &j->sym[right], &c.cost, &c.id))
        return BASE_OK;
    c.len = j->sym[left].len + j->sym[right].len;
    return push(j, c, err);
}

enum base_status tok_join(const struct eng_tok *t, struct tok_joiner *j, const char *text,
                          tok_pair_fn pair, struct base_err *err)
{
    enum base_status st = BASE_OK;
    j->n_heap = 0;
    for (size_t i = 0; i + 1 < j->n && st == BASE_OK; i++)
        st = consider(t, j, text, pair, (int32_t)i, (int32_t)i + 1, err);
    while (st == BASE_OK && j->n_heap > 0) {
        struct tok_cand c = pop(j);
        struct tok_sym *a = &j->sym[c.left], *b = &j->sym[c.right];
        if (a->len == 0 || b->len == 0 || a->len + b->len != c.len)
            continue;
        a->len = c.len;
        a->id = c.id;
        b->len = 0;
        a->next = b->next;
        if (a->next >= 0)
            j->sym[a->next].prev = c.left;
        st = consider(t, j, text, pair, a->prev, c.left, err);
        if (st == BASE_OK)
            st = consider(t, j, text, pair, c.left, a->next, err);
    }
    return st;
}

void tok_joiner_release(struct tok_joiner *j)
{
    free(j->sym);
    free(j->heap);
    *j = (struct tok_joiner){0};
}

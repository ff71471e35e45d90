/* pages_note.c - states that recurrent layers have noted, and the slots that they stand in.
 *
 * A slot is free, a sequence's live one, or a note's. A note says: behind token `len` of whatever
 * leads to this page, the state was what stands in this slot. It goes with its page, when a cell
 * before it is written anew, or when a slot is needed and it was used longest ago. Since a page
 * that was copied says the same as the one it came from up to where it parted, a note on that
 * counts for it too, as long as both live (struct node: origin).
 */
#include "engine/model/pages_int.h"

bool pages_noted(const struct eng_pages *p, int32_t page, const struct note *a)
{
    uint32_t cells = (a->len - 1) % ENG_PAGE + 1;
    while (page != NONE && page != a->page) {
        const struct node *d = &p->nodes[page];
        bool same = d->origin != NONE && cells <= d->origin_n;
        page = same && p->nodes[d->origin].life == d->origin_life ? d->origin : NONE;
    }
    return page != NONE && a->page == page;
}

struct note *pages_note(const struct eng_pages *p, const int32_t *chain, uint32_t n)
{
    struct note *best = NULL;
    for (uint32_t i = 0; i < p->n_slots; i++) {
        struct note *a = &p->notes[i];
        if (a->page != NONE && a->len <= n && (!best || a->len > best->len) &&
            pages_noted(p, chain[(a->len - 1) / ENG_PAGE], a))
            best = a;
    }
    return best;
}

void pages_drop_note(struct eng_pages *p, struct note *a)
{
    a->page = NONE;
    p->slots[p->n_free_slots++] = a->slot;
}

void pages_drop_notes(struct eng_pages *p, int32_t page, uint32_t from_cell)
{
    for (uint32_t i = 0; i < p->n_slots; i++)
        if (p->notes[i].page == page && (p->notes[i].len - 1) % ENG_PAGE >= from_cell)
            pages_drop_note(p, &p->notes[i]);
}

void pages_move_notes(struct eng_pages *p, int32_t page, int32_t to)
{
    for (uint32_t i = 0; i < p->n_slots; i++)
        if (p->notes[i].page == page)
            p->notes[i].page = to;
}

uint32_t pages_take_slot(struct eng_pages *p)
{
    struct note *oldest = NULL;
    for (uint32_t i = 0; p->n_free_slots == 0 && i < p->n_slots; i++) {
        struct note *a = &p->notes[i];
        if (a->page != NONE && (!oldest || a->when < oldest->when))
            oldest = a;
    }
    if (oldest)
        pages_drop_note(p, oldest);
    BASE_BUG_ON(p->n_free_slots == 0);
    return p->slots[--p->n_free_slots];
}

struct note *pages_add_note(struct eng_pages *p, int32_t page, uint32_t len, uint32_t slot)
{
    struct note *a = p->notes;
    for (uint32_t i = 0; i < p->n_slots; i++) /* not the same twice */
        if (p->notes[i].page == page && p->notes[i].len == len)
            pages_drop_note(p, &p->notes[i]);
    while (a->page != NONE) /* there are as many as slots */
        a++;
    *a =
        (struct note){.page = page, .len = len, .slot = slot, .when = ++p->clock, .fresh_of = NONE};
    return a;
}

/* vault.c - what was replaced, for the time of one request.
 *
 * Owns a list of (type, number, original) and two open-addressing tables over it, one by original,
 * one by placeholder. In memory only; everything is overwritten before it is given back. One
 * thread at a time; restoring only reads, so several streams of one request may share a vault.
 * Bounded: NUMBER_MAX numbers a type, ENTRIES_MAX entries.
 */
#include "policy/vault.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBER_MAX  999999u
#define ENTRIES_MAX (1u << 20)

struct entry {
    enum pol_type type;
    uint32_t number;
    char name[POL_PLACEHOLDER_MAX];
    char *original;
    size_t n;
};

struct pol_vault {
    struct entry **v;
    uint32_t n, cap;
    uint32_t *by_text, *by_name; /* entry index + 1; size is `slots` */
    uint32_t slots;
    uint32_t last[POL_TYPE_COUNT];
};

struct pol_vault *pol_vault_new(void)
{
    return calloc(1, sizeof(struct pol_vault));
}

void pol_vault_free(struct pol_vault *v)
{
    if (!v)
        return;
    for (uint32_t i = 0; i < v->n; i++) {
        base_wipe(v->v[i]->original, v->v[i]->n);
        free(v->v[i]->original);
        base_wipe(v->v[i], sizeof(*v->v[i]));
        free(v->v[i]);
    }
    free(v->v);
    free(v->by_text);
    free(v->by_name);
    free(v);
}

void pol_vault_reserve(struct pol_vault *v, enum pol_type type, uint32_t number)
{
    if (number <= NUMBER_MAX && number > v->last[type])
        v->last[type] = number;
}

static uint32_t hash(enum pol_type type, const char *p, size_t n)
{
    uint32_t h = 2166136261u ^ (uint32_t)type; /* FNV-1a */

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 16777619u;
    return h ^ h >> 15;
}

static uint32_t hash_number(enum pol_type type, uint32_t number)
{
    uint32_t h = (number * 64 + (uint32_t)type) * 2654435761u;

    return h ^ h >> 15;
}

static void insert(uint32_t *table, uint32_t slots, uint32_t h, uint32_t index)
{
    while (table[h & (slots - 1)])
        h++;
    table[h & (slots - 1)] = index + 1;
}

static bool grow(struct pol_vault *v)
{
    uint32_t slots = v->slots ? v->slots : 32;
    uint32_t *a, *b;

    if (v->n == v->cap) {
        uint32_t cap = v->cap ? v->cap * 2 : 16;
        struct entry **q = realloc(v->v, cap * sizeof(*q));

        if (!q)
            return false;
        v->v = q;
        v->cap = cap;
    }
    if (v->slots && (v->n + 1) * 2 < v->slots)
        return true;
    slots *= v->slots ? 2 : 1;
    a = calloc(slots, sizeof(*a));
    b = calloc(slots, sizeof(*b));
    if (!a || !b) {
        free(a);
        free(b);
        return false;
    }
    for (uint32_t i = 0; i < v->n; i++) {
        const struct entry *e = v->v[i];

        insert(a, slots, hash(e->type, e->original, e->n), i);
        insert(b, slots, hash_number(e->type, e->number), i);
    }
    free(v->by_text);
    free(v->by_name);
    v->by_text = a;
    v->by_name = b;
    v->slots = slots;
    return true;
}

struct base_str pol_vault_put(struct pol_vault *v, enum pol_type type, struct base_str original)
{
    uint32_t h = hash(type, original.p, original.n);
    struct entry *e;

    for (uint32_t i = h; v->slots && v->by_text[i & (v->slots - 1)]; i++) {
        e = v->v[v->by_text[i & (v->slots - 1)] - 1];
        if (e->type == type && base_str_eq((struct base_str){e->original, e->n}, original))
            return base_str_c(e->name);
    }
    if (v->last[type] >= NUMBER_MAX || v->n >= ENTRIES_MAX || !grow(v))
        return BASE_STR_NULL;
    e = calloc(1, sizeof(*e));
    if (!e || (e->original = malloc(original.n + 1)) == NULL) {
        free(e);
        return BASE_STR_NULL;
    }
    memcpy(e->original, original.p, original.n);
    e->n = original.n;
    e->type = type;
    e->number = ++v->last[type];
    snprintf(e->name, sizeof(e->name), "[%s_%u]", pol_type_name(type), e->number);
    v->v[v->n] = e;
    insert(v->by_text, v->slots, h, v->n);
    insert(v->by_name, v->slots, hash_number(type, e->number), v->n);
    v->n++;
    return base_str_c(e->name);
}

struct base_str pol_vault_get(const struct pol_vault *v, enum pol_type type, uint32_t number)
{
    for (uint32_t i = hash_number(type, number); v->slots && v->by_name[i & (v->slots - 1)]; i++) {
        const struct entry *e = v->v[v->by_name[i & (v->slots - 1)] - 1];

        if (e->type == type && e->number == number)
            return (struct base_str){e->original, e->n};
    }
    return BASE_STR_NULL;
}

/* ---- recognising placeholders ---- */

static bool word_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

int pol_placeholder_at(const char *p, size_t n, enum pol_type *type, uint32_t *number, size_t *skip)
{
    char name[POL_PLACEHOLDER_MAX];
    size_t i = 0, k = 0, lead, cut, tail = 0;

    *skip = 0;
    while (i < n && i < 2 && p[i] == '\\')
        i++;
    lead = i;
    if (i == n)
        return n ? -1 : 0;
    if (p[i++] != '[')
        return 0;
    for (;;) { /* the word, backslashes before '_' left out */
        size_t slashes = 0;

        while (i < n && p[i] == '\\' && slashes < 2)
            i++, slashes++;
        if (i == n)
            return i < POL_RESTORE_HOLD_MAX && k < 30 ? -1 : 0;
        if (p[i] == ']') {
            tail = slashes;
            break;
        }
        if (k >= 30 || (slashes && p[i] != '_') || (p[i] != '_' && !word_char(p[i])))
            return 0;
        name[k++] = (char)(p[i] >= 'a' && p[i] <= 'z' ? p[i] - 32 : p[i]);
        i++;
    }
    for (cut = k; cut > 0 && name[cut - 1] >= '0' && name[cut - 1] <= '9'; cut--)
        ;
    if (cut < 2 || name[cut - 1] != '_' || cut == k || k - cut > 6 || name[cut] == '0')
        return 0;
    if (!pol_type_find((struct base_str){name, cut - 1}, type))
        return 0;
    *number = 0;
    for (size_t d = cut; d < k; d++)
        *number = *number * 10 + (uint32_t)(name[d] - '0');
    if (tail == 0)
        *skip = lead;
    else if (lead == 0)
        return 0; /* "[EMAIL_1\]" is no form that anybody writes */
    return (int)(i + 1);
}

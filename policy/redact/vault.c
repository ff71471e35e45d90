/* vault.c - what was replaced, for the time of one request.
 *
 * Owns a list of (type, number, original) and two open-addressing tables over it, one by original,
 * one by placeholder. In memory only; everything is overwritten before it is given back. One
 * thread at a time; restoring only reads, so several streams of one request may share a vault.
 * Bounded: NUMBER_MAX numbers a type, ENTRIES_MAX entries.
 *
 * Substitutes (subst.c) are asked for until one stands nowhere in the request's text nor in another
 * substitute, as words; after TRIES, or when SEARCH_MAX bytes were gone through in a request, the
 * value gets a placeholder. Two originals never share one. To find them in an answer they are
 * sorted: at each place the range of those that still agree is narrowed a character at a time.
 */
#include "policy/redact/vault.h"
#include "policy/redact/subst.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBER_MAX  999999u
#define ENTRIES_MAX (1u << 20)
#define TEXT_MAX    (192u << 20)
#define SEARCH_MAX  (256ull << 20)
#define TRIES       24

struct entry {
    enum pol_type type;
    uint32_t number; /* 0: a substitute */
    uint8_t name_n;
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
    bool substitute;
    struct base_buf tenant, text; /* text: the request's, then the substitutes, a line each */
    uint64_t searched;
    struct entry **sorted; /* those with substitutes, by them; after pol_vault_seal */
    size_t n_sorted, n_subst;
};

_Static_assert(POL_SUBST_MAX <= POL_PLACEHOLDER_MAX, "a substitute is kept where a name is");

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
    if (v->substitute) {
        base_buf_wipe(&v->tenant);
        base_buf_wipe(&v->text);
    }
    free(v->sorted);
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
        if (e->number)
            insert(b, slots, hash_number(e->type, e->number), i);
    }
    free(v->by_text);
    free(v->by_name);
    v->by_text = a;
    v->by_name = b;
    v->slots = slots;
    return true;
}

/* ---- substitutes ---- */

bool pol_vault_substitute(struct pol_vault *v, struct base_str tenant)
{
    base_buf_init(&v->tenant, 4096);
    base_buf_init(&v->text, TEXT_MAX);
    v->substitute = true;
    base_buf_str(&v->tenant, tenant);
    return base_buf_ok(&v->tenant);
}

void pol_vault_note(struct pol_vault *v, struct base_str text)
{
    if (!v->substitute)
        return;
    base_buf_str(&v->text, text);
    base_buf_add(&v->text, "\n", 1);
}

static bool word_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* name stands in the text, and no ASCII letter or digit touches it. */
static bool stands(struct pol_vault *v, struct base_str name)
{
    struct base_str text = base_buf_view(&v->text);
    size_t at = 0;

    v->searched += text.n;
    while ((at = base_str_find(text, name, at)) != SIZE_MAX) {
        if ((at == 0 || !word_char(text.p[at - 1])) &&
            (at + name.n >= text.n || !word_char(text.p[at + name.n])))
            return true;
        at++;
    }
    return false;
}

/* name, or a word of it that is itself somebody's substitute, is taken. */
static bool taken(struct pol_vault *v, struct base_str name)
{
    char line[POL_SUBST_MAX + 2];
    size_t from = 0;

    if (stands(v, name))
        return true;
    for (size_t i = 0; i <= name.n; i++) {
        if (i < name.n && name.p[i] != ' ')
            continue;
        if (i - from < name.n && i > from) { /* one of several words: a whole line of the text? */
            line[0] = '\n';
            memcpy(line + 1, name.p + from, i - from);
            line[1 + i - from] = '\n';
            v->searched += v->text.n;
            if (base_str_find(base_buf_view(&v->text), (struct base_str){line, i - from + 2}, 0) !=
                SIZE_MAX)
                return true;
        }
        from = i + 1;
    }
    return false;
}

static bool find_substitute(struct pol_vault *v, struct entry *e, const char *subtype)
{
    for (unsigned k = 0; k < TRIES && v->searched < SEARCH_MAX && base_buf_ok(&v->text); k++) {
        if (!pol_subst_make(base_buf_view(&v->tenant), e->type, subtype,
                            (struct base_str){e->original, e->n}, k, e->name))
            return false;
        if (taken(v, base_str_c(e->name)))
            continue;
        pol_vault_note(v, base_str_c(e->name));
        v->n_subst++;
        return true;
    }
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(struct entry *const *)a)->name, (*(struct entry *const *)b)->name);
}

bool pol_vault_seal(struct pol_vault *v)
{
    if (v->substitute) { /* the copy of the request is no longer needed */
        base_buf_wipe(&v->text);
        base_buf_init(&v->text, TEXT_MAX);
    }
    if (v->n_subst == 0)
        return true;
    v->sorted = calloc(v->n_subst, sizeof(*v->sorted));
    if (!v->sorted)
        return false;
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->v[i]->number == 0)
            v->sorted[v->n_sorted++] = v->v[i];
    }
    qsort(v->sorted, v->n_sorted, sizeof(struct entry *), by_name);
    return true;
}

bool pol_vault_has_substitutes(const struct pol_vault *v)
{
    return v->n_sorted > 0;
}

bool pol_vault_in_word(char c)
{
    unsigned char u = (unsigned char)c;

    /* Of UTF-8 the leads of alphabets; not C2 and E2 to E9, signs and scripts without spaces. */
    return word_char(c) || (u >= 0xc3 && u <= 0xe1);
}

/* The character at p[0..n) and how many bytes it takes; 0: n ends within it. */
static size_t unit(const char *p, size_t n, bool json_text, char *c)
{
    unsigned v = 0;

    *c = p[0];
    if (p[0] != '\\')
        return 1;
    if (n < 2)
        return 0;
    if (!json_text || p[1] != 'u') {
        *c = word_char(p[1]) || (unsigned char)p[1] >= 0x80 ? 0 : p[1];
        return 2;
    }
    if (n < 6)
        return 0;
    for (int i = 2; i < 6; i++) {
        char h = (char)(p[i] | 32);

        v = v * 16 + (unsigned)(h >= 'a' ? h - 'a' + 10 : p[i] - '0');
    }
    *c = v < 0x80 ? (char)v : 0;
    return 6;
}

/* The first of sorted[lo..hi) whose k-th character is at least c. */
static size_t lower(const struct pol_vault *v, size_t lo, size_t hi, size_t k, unsigned c)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if ((unsigned char)v->sorted[mid]->name[k] < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int pol_vault_match(const struct pol_vault *v, const char *p, size_t n, bool json_text, bool last,
                    struct base_str *original)
{
    size_t lo = 0, hi = v->n_sorted, i = 0, best = 0;

    for (size_t k = 0;; k++) {
        size_t len;
        char c;

        if (k > 0 && v->sorted[lo]->name_n == k) {
            const struct entry *e = v->sorted[lo];

            if (i == n && !last)
                return -1;
            if (i == n || !pol_vault_in_word(p[i])) {
                best = i;
                *original = (struct base_str){e->original, e->n};
            }
            lo++;
        }
        if (lo == hi)
            break;
        len = i < n ? unit(p + i, n - i, json_text, &c) : 0;
        if (len == 0) {
            if (!last)
                return -1;
            break;
        }
        lo = lower(v, lo, hi, k, (unsigned char)c);
        hi = lower(v, lo, hi, k, (unsigned char)c + 1u);
        if (lo == hi)
            break;
        i += len;
    }
    return (int)best;
}

/* ---- both ---- */

struct base_str pol_vault_put(struct pol_vault *v, enum pol_type type, const char *subtype,
                              struct base_str original)
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
    if (!v->substitute || !find_substitute(v, e, subtype)) {
        e->number = ++v->last[type];
        snprintf(e->name, sizeof(e->name), "[%s_%u]", pol_type_name(type), e->number);
        insert(v->by_name, v->slots, hash_number(type, e->number), v->n);
    }
    e->name_n = (uint8_t)strlen(e->name);
    v->v[v->n] = e;
    insert(v->by_text, v->slots, h, v->n);
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

/* statement.c - is a special category (GDPR Art. 9, 10) said of somebody, or only spoken about?
 *
 * Every hint (hints.c) and every term (special_terms.c) in a text is judged by its sentence. Two
 * judges: the grammar of special.c, for terms only, which wants somebody and a verb in set places;
 * and a linear model over the words of the sentence, for all of them. The model sees the words
 * around (by their first bytes, so that inflection matters little), what stands right before and
 * behind the hint, who is spoken of (a name, a role, a pronoun, the writer; before, behind, in the
 * sentence before), the category, and the grammar's verdict; each is hashed to a row, and the sum
 * of the rows' weights is the score. From SURE on a hint is a
 * statement. A question about the world that holds nobody is none.
 *
 * tools/train_statements.py trains it and writes statement_rows.bin: 2^POL_STMT_BITS signed
 * numbers of two bytes, the lower one first, in units of 1/256; SURE is in these
 * units and was chosen so that one topic in twenty of the dev half is called a statement.
 *
 * What the grammar calls a statement stays one whatever the score: it has its own tests.
 *
 * Bounds: sentences end at CLIP bytes or WORDS words, at most HITS hits of a sentence are judged,
 * so the work is linear in the text whatever stands in it. No memory but the stack.
 */
#include "policy/detect/hints.h"
#include "policy/detect/special.h"

__asm__(".section .rodata\n"
        ".balign 64\n"
        "pol_statement_rows:\n"
        ".incbin \"policy/detect/statement_rows.bin\"\n"
        ".previous\n");
extern const int16_t pol_statement_rows[];

#define CLIP  480u
#define WORDS 90u
#define HITS  16u
#define BACK  250u /* how far before the sentence a name still counts */

#define SURE 128

#define KEY_BYTES 6 /* of a word that the model sees */

enum { NAME_NO, NAME_PERSON, NAME_ORG, NAME_PLACE };

struct word {
    uint32_t from, to;
    uint32_t key; /* hash of the first bytes, or of what kind of name it is */
    uint8_t kind; /* special.h, WORD_* */
    uint8_t name;
};

struct hit {
    uint32_t from, to, id;
    uint8_t type;
    uint8_t kind; /* enum pol_term_kind, or HINT + its strength */
};
#define HINT 254

struct clause {
    size_t a, b; /* in the text */
    struct word w[WORDS];
    size_t n_w;
    struct hit h[HITS];
    size_t n_h;
    uint32_t rows[POL_STMT_FEATURES]; /* of the sentence, n_shared of them */
    size_t n_shared;
    int shared;               /* their sum */
    bool named, named_before; /* somebody in it; in the text right before it */
    bool asked;               /* it ends with a question mark */
    bool world;               /* "what are the symptoms of": nobody in it, the writer neither */
};

static _Thread_local pol_stmt_fn observer;
static _Thread_local void *observer_ctx;

void pol_stmt_observe(pol_stmt_fn seen, void *ctx)
{
    observer = seen;
    observer_ctx = ctx;
}

static uint32_t mix(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t h = (a + 1) * 0x9E3779B1u;

    h = (h ^ b) * 0x85EBCA6Bu;
    h ^= h >> 15;
    h = (h ^ c) * 0xC2B2AE35u;
    return h ^ h >> 13;
}

static uint32_t row(uint32_t h)
{
    return (h * 2654435761u >> (32 - POL_STMT_BITS));
}

static bool letter(char c)
{
    return pol_is_alpha(c) || (unsigned char)c >= 0x80;
}

/* ---- the sentence ---- */

/* What the tagger made of [from, to). */
static unsigned name_at(const struct pol_scan *s, size_t from, size_t to, size_t *at)
{
    while (*at < s->n_names && s->v[*at].to <= from)
        ++*at;
    for (size_t k = *at; k < s->n_names && s->v[k].from < to; k++) {
        if (s->v[k].to > from)
            return s->v[k].type == POL_PERSON ? NAME_PERSON
                   : s->v[k].type == POL_ORG  ? NAME_ORG
                                              : NAME_PLACE;
    }
    return NAME_NO;
}

static size_t first_name(const struct pol_scan *s, size_t from)
{
    size_t lo = 0, hi = s->n_names;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->v[mid].to <= from)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void read_words(const struct pol_scan *s, struct clause *c)
{
    size_t name = first_name(s, c->a), i = c->a;

    c->n_w = 0;
    c->named = false;
    while (i < c->b && c->n_w < WORDS) {
        struct word *w = &c->w[c->n_w];
        uint32_t h = 2166136261u;
        size_t from = i;

        if (!letter(s->p[i]) && !pol_is_digit(s->p[i])) {
            i++;
            continue;
        }
        for (; i < c->b && (letter(s->p[i]) || pol_is_digit(s->p[i])); i++) {
            unsigned char b = (unsigned char)s->p[i];

            if (i - from < KEY_BYTES)
                h = (h ^ (b >= 'A' && b <= 'Z' ? b | 32 : b)) * 16777619u;
        }
        *w = (struct word){.from = (uint32_t)from, .to = (uint32_t)i};
        w->name = (uint8_t)name_at(s, from, i, &name);
        w->kind = (uint8_t)pol_small_kind(s, from, i);
        w->key = w->name ? w->name : pol_is_digit(s->p[from]) ? 7 : h;
        c->named = c->named || w->name == NAME_PERSON;
        /* a name of several words is one word here */
        if (w->name && c->n_w > 0 && c->w[c->n_w - 1].name == w->name &&
            from - c->w[c->n_w - 1].to < 3 && s->p[c->w[c->n_w - 1].to] != ',') {
            c->w[c->n_w - 1].to = (uint32_t)i;
            continue;
        }
        c->n_w++;
    }
}

static void share(struct clause *c, uint32_t h)
{
    if (c->n_shared < POL_STMT_FEATURES) {
        c->rows[c->n_shared] = row(h);
        c->shared += pol_statement_rows[c->rows[c->n_shared++]];
    }
}

/* Features of the sentence as a whole. */
static void shared_features(struct clause *c)
{
    unsigned all = 0;

    c->n_shared = 0;
    c->shared = 0;
    share(c, mix(0, 0, 0));
    for (size_t i = 0; i < c->n_w; i++) {
        all |= c->w[i].kind;
        if (i < 64)
            share(c, mix(1, c->w[i].key, 0));
        if (i < 24)
            share(c, mix(2, c->w[i].key, i ? c->w[i - 1].key : 5));
    }
    c->world =
        c->asked && c->n_w > 0 && (c->w[0].kind & WORD_GENERAL) && !c->named && !(all & WORD_SELF);
    share(c, mix(3, c->asked, c->n_w < 6 ? 0 : c->n_w < 12 ? 1 : c->n_w < 25 ? 2 : 3));
    share(c, mix(4, c->named + 2u * c->named_before, all));
    share(c, mix(5, c->named + 2u * c->named_before, c->asked));
    if (c->n_w > 0)
        share(c, mix(6, c->w[0].key, c->n_w > 1 ? c->w[1].key : 0));
}

/* ---- a hit ---- */

struct view {
    uint32_t rows[POL_STMT_FEATURES];
    size_t n;
};

static void add(struct view *v, uint32_t h)
{
    if (v->n < POL_STMT_FEATURES)
        v->rows[v->n++] = row(h);
}

static unsigned near(size_t d)
{
    return d < 2 ? 0 : d < 4 ? 1 : d < 8 ? 2 : 3;
}

/* Features of the hit and what stands around it. */
static void hit_features(const struct clause *c, const struct hit *h, bool rule, struct view *v)
{
    size_t at = 0, behind;
    unsigned before = 0, who = 0, after = 0, since = 0;
    uint32_t prev[4] = {3, 3, 3, 3}, next[3] = {3, 3, 3};

    v->n = 0;
    while (at < c->n_w && c->w[at].to <= h->from)
        at++;
    behind = at;
    while (behind < c->n_w && c->w[behind].from < h->to)
        behind++;
    for (size_t i = 0; i < at; i++) {
        before |= c->w[i].kind;
        if (c->w[i].name == NAME_PERSON || (c->w[i].kind & (WORD_SUBJECT | WORD_SELF))) {
            who = c->w[i].name == NAME_PERSON ? 1 : c->w[i].kind & WORD_SELF ? 2 : 3;
            since = near(at - i);
        }
    }
    for (size_t i = behind; i < c->n_w && !after; i++)
        after = c->w[i].name == NAME_PERSON ? 1 + near(i - behind) : 0;
    for (size_t k = 0; k < 4 && k < at; k++)
        prev[k] = c->w[at - 1 - k].key;
    for (size_t k = 0; k < 3 && behind + k < c->n_w; k++)
        next[k] = c->w[behind + k].key;
    add(v, mix(20, h->type, h->kind));
    add(v, mix(21, h->id, 0));
    add(v, mix(22, h->kind, rule));
    add(v, mix(23, who, since));
    add(v, mix(24, who * 8 + after, before));
    add(v, mix(25, who * 8 + after, h->type));
    add(v, mix(27, who * 8 + after, h->kind));
    add(v, mix(28, h->type * 8u + since, h->kind));
    add(v, mix(26, who * 8 + after, c->named_before * 2u + c->asked));
    for (size_t k = 0; k < 4; k++)
        add(v, mix(30 + (uint32_t)k, prev[k], 0));
    for (size_t k = 0; k < 3; k++)
        add(v, mix(40 + (uint32_t)k, next[k], 0));
    add(v, mix(50, prev[0], prev[1]));
    add(v, mix(51, prev[0], next[0]));
    add(v, mix(52, next[0], next[1]));
    add(v, mix(53, prev[0], h->type));
    add(v, mix(54, h->id, who));
    add(v, mix(55, at > 0 ? c->w[at - 1].kind : 0, behind < c->n_w ? c->w[behind].kind : 0));
    add(v, mix(56, h->id, next[0]));
    add(v, mix(57, at < c->n_w ? c->w[at].name : 3, h->type));
}

/* Reports [from, to), the hit; predicates with the rest of their clause. */
static void judge(struct pol_scan *s, const struct clause *c, const struct hit *h)
{
    bool rule = h->kind < HINT && pol_term_said(s, h->kind, h->from, h->to, c->a, c->b);
    int score = c->shared;
    struct view v;
    size_t to = h->to;

    if (c->world && !rule)
        return;
    hit_features(c, h, rule, &v);
    for (size_t i = 0; i < v.n; i++)
        score += pol_statement_rows[v.rows[i]];
    if (observer) {
        uint32_t all[2 * POL_STMT_FEATURES];

        memcpy(all, c->rows, c->n_shared * sizeof(all[0]));
        memcpy(all + c->n_shared, v.rows, v.n * sizeof(all[0]));
        observer(observer_ctx, (enum pol_type)h->type, rule, all, c->n_shared + v.n);
    }
    if (!rule && score < SURE)
        return;
    if (h->kind == TERM_PRED)
        to = pol_clause_end(s, to, c->b);
    pol_found(s, h->from, to, (enum pol_type)h->type, POL_CONTEXT, NULL, h->kind >= HINT ? 27 : 30);
}

/* ---- the text ---- */

/* The sentence that the byte at `from` stands in; `least`: where the last one ended. */
static void open_clause(const struct pol_scan *s, size_t from, size_t least, struct clause *c)
{
    size_t a = from, b = from;

    while (a > least && from - a < CLIP && !pol_sentence_end(s, a - 1))
        a--;
    while (b < s->n && b - from < CLIP && !pol_sentence_end(s, b))
        b++;
    c->a = a;
    c->b = b;
    c->n_h = 0;
    c->asked = b < s->n && s->p[b] == '?';
    c->named_before = pol_named_within(s, a > BACK ? a - BACK : 0, a, false);
    read_words(s, c);
}

static void keep(struct clause *c, struct hit h)
{
    if (c->n_h < HITS)
        c->h[c->n_h++] = h;
}

static void hints_of(const struct pol_scan *s, struct clause *c)
{
    size_t end = c->a;

    for (size_t i = 0; i < c->n_w; i++) {
        size_t from = c->w[i].from;
        struct pol_hint found[POL_HINT_TYPES];
        size_t n;
        /* "Christian Grey" is a name; "Sorbin" alone may be one or say what she is */
        bool name =
            c->w[i].name == NAME_PERSON && memchr(s->p + from, ' ', c->w[i].to - from) != NULL;

        if (from < end)
            continue;
        n = pol_hints_at(s, from, found);
        for (size_t k = 0; k < n; k++) {
            if (name && memchr(s->p + from, ' ', found[k].to - from) == NULL)
                continue;
            if (found[k].type == POL_SPECIAL_ETHNIC && c->w[i].name == NAME_PLACE)
                continue; /* Turku is no Turk */
            keep(c, (struct hit){.from = (uint32_t)from,
                                 .to = found[k].to,
                                 .id = found[k].id,
                                 .type = found[k].type,
                                 .kind = (uint8_t)(HINT + found[k].strong)});
            if (found[k].to > end)
                end = found[k].to;
        }
    }
}

/* The terms of the prefilter that lie in the clause; *next moves behind them. */
static void terms_of(const struct pol_scan *s, const struct pol_cue_hit *terms, size_t n,
                     size_t *next, struct clause *c)
{
    for (; *next < n && terms[*next].from < c->b; ++*next) {
        const struct pol_terms *t = &pol_terms[terms[*next].what];
        size_t to = terms[*next].to;

        if (t->kind > TERM_CLIN)
            continue;
        while (to < s->n && pol_is_alpha(s->p[to])) /* the rest of an inflected word */
            to++;
        keep(c, (struct hit){.from = terms[*next].from,
                             .to = (uint32_t)to,
                             .id = 1 + terms[*next].what,
                             .type = t->type,
                             .kind = t->kind});
    }
}

static size_t next_hint(const struct pol_scan *s, size_t i)
{
    struct pol_hint found[POL_HINT_TYPES];

    for (; i < s->n; i++) {
        if ((letter(s->p[i]) || pol_is_digit(s->p[i])) && (i == 0 || !pol_is_word(s->p[i - 1])) &&
            pol_hints_at(s, i, found) > 0)
            return i;
    }
    return SIZE_MAX;
}

void pol_scan_statements(struct pol_scan *s, const struct pol_cue_hit *terms, size_t n)
{
    size_t next = 0, done = 0, hint = 0;
    struct clause c;

    for (;;) {
        size_t from;

        while (next < n &&
               (terms[next].from < done || pol_terms[terms[next].what].kind > TERM_CLIN))
            next++;
        if (hint != SIZE_MAX && hint <= done)
            hint = next_hint(s, done);
        from = next < n && terms[next].from < hint ? terms[next].from : hint;
        if (from == SIZE_MAX)
            return;
        open_clause(s, from, done, &c);
        terms_of(s, terms, n, &next, &c);
        hints_of(s, &c);
        shared_features(&c);
        for (size_t i = 0; i < c.n_h; i++)
            judge(s, &c, &c.h[i]);
        done = c.b > from ? c.b : from + 1;
    }
}

/* statement.c - is a special category (GDPR Art. 9, 10) said of somebody, or only spoken about?
 *
 * Every sentence that speaks of somebody, or holds a hint (hints.c) or a term (special_terms.c), is
 * judged. Two judges: the grammar of special.c, for terms only, which wants somebody and a verb in
 * set places; and a linear model (statement_features.c says what it sees) in two parts. The wide
 * one sees the sentence: its words by their beginnings and ends, word pairs, the hints in it, who
 * is spoken of, and what is said, as things that have the same number in every language
 * (hints_people.c, hints_world.c). The narrow one sees a hint and what stands around it. Their sum
 * makes a hint a statement from SURE on; without any hint the wide one alone has to reach
 * SURE_BARE, and its nine other sums name the category. A question about the world that holds
 * nobody is none.
 *
 * tools/train_statements.py trains both. statement_rows.bin: 2^POL_STMT_BITS signed numbers of two
 * bytes, the lower one first, in units of 1/256. statement_wide_{0,1}.bin: 2^POL_WIDE_BITS rows of
 * POL_WIDE_LANES signed bytes in units of 1/64: the statement's, then a category each, six unused.
 * SURE and SURE_BARE are in units of 1/256 and were chosen so that one topic in twenty-five of the
 * dev half, left out of training, is called a statement.
 *
 * What the grammar calls a statement stays one whatever the score: it has its own tests. What is
 * found without a hint has the least rank, so that it never covers another finding.
 *
 * Bounds: sentences end at CLIP bytes or POL_STMT_WORDS words, at most POL_STMT_HITS hits of a
 * sentence are judged, so the work is linear in the text whatever stands in it. No memory but the
 * stack.
 */
#include "policy/detect/statement.h"

#include <limits.h>

__asm__(".section .rodata\n"
        ".balign 64\n"
        "pol_statement_rows:\n"
        ".incbin \"policy/detect/statement_rows.bin\"\n"
        ".balign 64\n"
        "pol_statement_wide:\n"
        ".incbin \"policy/detect/statement_wide_0.bin\"\n"
        ".incbin \"policy/detect/statement_wide_1.bin\"\n"
        ".previous\n");
extern const int16_t pol_statement_rows[];
extern const int8_t pol_statement_wide[];

#define CLIP 480u
#define BACK 250u /* how far before the sentence a name still counts */

#define SURE      8
#define SURE_BARE 32

#define WIDE_UNIT 4 /* a wide row's unit in those of a hit's */

#define HEAD_BYTES 4
#define KEY_BYTES  6 /* of a word that the model sees */
#define TAIL_BYTES 5

static _Thread_local pol_stmt_fn observer;
static _Thread_local void *observer_ctx;

void pol_stmt_observe(pol_stmt_fn seen, void *ctx)
{
    observer = seen;
    observer_ctx = ctx;
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
            return s->v[k].type == POL_PERSON ? POL_NAME_PERSON
                   : s->v[k].type == POL_ORG  ? POL_NAME_ORG
                                              : POL_NAME_PLACE;
    }
    return POL_NAME_NO;
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

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
}

/* The word that begins at i, and its hashes. */
static size_t read_word(const struct pol_scan *s, size_t i, size_t b, struct pol_stmt_word *w)
{
    uint32_t h = 2166136261u;
    size_t from = i;

    for (; i < b && (letter(s->p[i]) || pol_is_digit(s->p[i])); i++) {
        if (i - from == HEAD_BYTES)
            w->head = h;
        if (i - from == KEY_BYTES)
            w->key = h;
        h = (h ^ lower(s->p[i])) * 16777619u;
    }
    w->full = h;
    if (i - from <= HEAD_BYTES)
        w->head = h;
    if (i - from <= KEY_BYTES)
        w->key = h;
    w->tail = 0;
    w->says[0] = w->says[1] = 0;
    if (i - from > KEY_BYTES + 2) {
        w->tail = 2166136261u;
        for (size_t k = i - TAIL_BYTES; k < i; k++)
            w->tail = (w->tail ^ lower(s->p[k])) * 16777619u;
    }
    w->from = (uint32_t)from;
    w->to = (uint32_t)i;
    return i;
}

static void read_words(const struct pol_scan *s, struct pol_clause *c)
{
    size_t name = first_name(s, c->a), i = c->a;

    c->n_w = 0;
    c->kinds = 0;
    c->named = false;
    while (i < c->b && c->n_w < POL_STMT_WORDS) {
        struct pol_stmt_word *w = &c->w[c->n_w];

        if (!letter(s->p[i]) && !pol_is_digit(s->p[i])) {
            i++;
            continue;
        }
        i = read_word(s, i, c->b, w);
        w->name = (uint8_t)name_at(s, w->from, i, &name);
        w->kind = (uint8_t)pol_small_kind(s, w->from, i);
        w->key = w->name ? w->name : pol_is_digit(s->p[w->from]) ? 7 : w->key;
        c->kinds |= w->kind;
        c->named = c->named || w->name == POL_NAME_PERSON;
        /* a name of several words is one word here */
        if (w->name && c->n_w > 0 && c->w[c->n_w - 1].name == w->name &&
            w->from - c->w[c->n_w - 1].to < 3 && s->p[c->w[c->n_w - 1].to] != ',') {
            c->w[c->n_w - 1].to = (uint32_t)i;
            continue;
        }
        c->n_w++;
    }
    c->world = c->asked && c->n_w > 0 && (c->w[0].kind & WORD_GENERAL) && !c->named &&
               !(c->kinds & WORD_SELF);
}

/* ---- the text ---- */

/* The sentence that begins at `a`; false at the end of the text. */
static bool open_clause(const struct pol_scan *s, size_t a, struct pol_clause *c)
{
    size_t b;

    while (a < s->n && !letter(s->p[a]) && !pol_is_digit(s->p[a]))
        a++;
    for (b = a; b < s->n && b - a < CLIP && !pol_sentence_end(s, b);)
        b++;
    if (b - a == CLIP) { /* whole words */
        size_t e = b;

        while (e > a + CLIP / 2 && (letter(s->p[e - 1]) || pol_is_digit(s->p[e - 1])))
            e--;
        b = e > a + CLIP / 2 ? e : b;
    }
    c->a = a;
    c->b = b;
    c->n_h = 0;
    c->asked = b < s->n && s->p[b] == '?';
    c->named_before = pol_named_within(s, a > BACK ? a - BACK : 0, a, false);
    return b > a;
}

static void keep(struct pol_clause *c, struct pol_stmt_hit h)
{
    if (c->n_h < POL_STMT_HITS)
        c->h[c->n_h++] = h;
}

static bool shadowed(const struct pol_scan *s, const struct pol_stmt_word *w,
                     const struct pol_hint *h)
{
    /* "Christian Grey" is a name; "Sorbin" alone may be one or say what she is */
    if (w->name == POL_NAME_PERSON && memchr(s->p + w->from, ' ', w->to - w->from) != NULL &&
        memchr(s->p + w->from, ' ', h->to - w->from) == NULL)
        return true;
    return h->type == POL_SPECIAL_ETHNIC && w->name == POL_NAME_PLACE; /* Turku is no Turk */
}

static void hints_of(const struct pol_scan *s, struct pol_clause *c)
{
    size_t end = c->a;

    for (size_t i = 0; i < c->n_w; i++) {
        struct pol_stmt_word *w = &c->w[i];
        struct pol_hint found[POL_HINT_TYPES];
        size_t n = pol_hints_at(s, w->from, found), said = 0, least = end;

        for (size_t k = 0; k < n; k++) {
            if (found[k].type >= POL_CONCEPT) {
                if (said < 2 && !w->name)
                    w->says[said++] = (uint8_t)(1 + found[k].type - POL_CONCEPT);
                continue;
            }
            if (w->from < least || shadowed(s, w, &found[k]))
                continue;
            keep(c, (struct pol_stmt_hit){.from = w->from,
                                          .to = found[k].to,
                                          .id = found[k].id,
                                          .type = found[k].type,
                                          .kind = (uint8_t)(POL_STMT_HINT + found[k].strong)});
            if (found[k].to > end)
                end = found[k].to;
        }
    }
}

/* The terms of the prefilter that lie in the clause; *next moves behind them. */
static void terms_of(const struct pol_scan *s, const struct pol_cue_hit *terms, size_t n,
                     size_t *next, struct pol_clause *c)
{
    for (; *next < n && terms[*next].from < c->b; ++*next) {
        const struct pol_terms *t = &pol_terms[terms[*next].what];
        size_t to = terms[*next].to;

        if (t->kind > TERM_CLIN || terms[*next].from < c->a)
            continue;
        while (to < s->n && pol_is_alpha(s->p[to])) /* the rest of an inflected word */
            to++;
        keep(c, (struct pol_stmt_hit){
                    .from = terms[*next].from,
                    .to = (uint32_t)to,
                    .id = 1 + terms[*next].what,
                    .type = t->type,
                    .kind = t->kind,
                    .rule = pol_term_said(s, t->kind, terms[*next].from, (size_t)to, c->a, c->b)});
    }
}

/* ---- the verdict ---- */

static void report(struct pol_scan *s, const struct pol_clause *c, const struct pol_stmt_hit *h)
{
    size_t to = h->kind == TERM_PRED ? pol_clause_end(s, h->to, c->b) : h->to;

    pol_found(s, h->from, to, (enum pol_type)h->type, POL_CONTEXT, NULL,
              h->kind >= POL_STMT_HINT ? 27 : 30);
}

/* Where a sentence without any hint says it: the run of words that speaks most for the category.
 * Names and numbers are findings of their own and lie outside. */
static void report_bare(struct pol_scan *s, const struct pol_clause *c,
                        const struct pol_stmt_view *wide, unsigned lane)
{
    int each[POL_STMT_WORDS] = {0}, best = INT_MIN, run = 0;
    size_t from = 0, a = 0, b = 0;

    for (size_t i = 0; i < wide->n; i++) {
        const int8_t *r = &pol_statement_wide[(size_t)wide->rows[i] * POL_WIDE_LANES];

        if (wide->word[i] < POL_STMT_WORDS)
            each[wide->word[i]] += r[0] + r[lane];
    }
    for (size_t i = 0; i < c->n_w; i++) {
        if (c->w[i].name || pol_is_digit(s->p[c->w[i].from])) {
            run = 0;
            from = i + 1;
            continue;
        }
        if (run < 0) {
            run = 0;
            from = i;
        }
        run += each[i];
        if (run > best) {
            best = run;
            a = from;
            b = i + 1;
        }
    }
    if (b > a)
        pol_found(s, c->w[a].from, c->w[b - 1].to, pol_stmt_lane_type(lane), POL_CONTEXT, NULL, 8);
}

static void judge(struct pol_scan *s, const struct pol_clause *c)
{
    int sum[POL_WIDE_LANES] = {0};
    struct pol_stmt_view wide, v;
    unsigned lane = 1;
    bool found = false;

    pol_stmt_wide(c, &wide);
    if (observer)
        observer(observer_ctx, c, &wide);
    for (size_t i = 0; i < wide.n; i++) {
        const int8_t *r = &pol_statement_wide[(size_t)wide.rows[i] * POL_WIDE_LANES];

        for (unsigned k = 0; k < POL_WIDE_LANES; k++)
            sum[k] += r[k];
    }
    for (size_t i = 0; i < c->n_h; i++) {
        const struct pol_stmt_hit *h = &c->h[i];
        int score = sum[0] * WIDE_UNIT;

        if (!h->rule) {
            if (c->world)
                continue;
            pol_stmt_narrow(c, h, &v);
            for (size_t k = 0; k < v.n; k++)
                score += pol_statement_rows[v.rows[k]];
            if (score < SURE)
                continue;
        }
        found = true;
        report(s, c, h);
    }
    if (found || c->world || c->n_w < POL_STMT_BARE || sum[0] * WIDE_UNIT < SURE_BARE)
        return;
    for (unsigned k = 2; k < POL_STMT_LANES; k++)
        lane = sum[k] > sum[lane] ? k : lane;
    report_bare(s, c, &wide, lane);
}

/* Nobody, no hint: there is nothing to judge, and most sentences of prompts are so. */
static bool of_somebody(const struct pol_clause *c)
{
    return c->n_h > 0 || c->named || c->named_before ||
           (c->kinds & (WORD_SUBJECT | WORD_SELF | WORD_OWNER));
}

void pol_scan_statements(struct pol_scan *s, const struct pol_cue_hit *terms, size_t n)
{
    struct pol_clause c = {.b = 0};
    size_t next = 0;

    while (open_clause(s, c.b, &c)) {
        read_words(s, &c);
        terms_of(s, terms, n, &next, &c);
        hints_of(s, &c);
        if (of_somebody(&c))
            judge(s, &c);
        c.before = 0;
        for (size_t i = 0; i < c.n_h; i++)
            c.before |= 1u << pol_stmt_lane((enum pol_type)c.h[i].type);
    }
}

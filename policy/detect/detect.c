/* detect.c - one scan of one text: normalise, prefilter, look exactly, settle overlaps.
 *
 * Owns the compiled prefilter (two Hyperscan databases, one of cue words as pure literals, one of
 * patterns, built once in pol_detector_new and read-only afterwards) and the per-thread scratch:
 * Hyperscan's own, the normaliser's buffers, and the lists of matches and findings. All of that
 * memory grows to what the largest text needed and is kept; findings are copied into the caller's
 * arena.
 *
 * The prefilter runs once over the normalised text and yields matches; cue words go to one list,
 * ordered by their end, the others are handed to their recogniser afterwards, when all cues are
 * known. Recognisers report candidates; of overlapping ones the higher rank wins and is widened to
 * the union, so that redaction never leaves the rest of a loser behind.
 *
 * What base64.c decodes in the text is scanned the same way, once and not further; a finding in
 * there marks the whole run.
 *
 * Bounds: HITS_MAX matches, CANDS_MAX candidates, POL_TEXT_MAX bytes. Past any of them the result
 * is marked truncated, and the caller must treat the text as unscannable: it fails closed.
 */
#include "policy/detect/detect.h"

#include "base/clock.h"
#include "policy/detect/hints.h"
#include "policy/detect/signals.h"
#include "policy/detect/special.h"
#include "policy/detect/tagger.h"
#include "policy/text/base64.h"

#include <hs/hs.h>
#include <stdlib.h>

#define HITS_MAX  (1u << 21)
#define CANDS_MAX (1u << 18)

struct hit {
    uint32_t pat, from, to;
};

/* A word as it is looked for: a cue (those with spaces also with '_' and '-'), or a term of
 * special_terms.c. */
struct literal {
    const struct pol_cue *cue; /* NULL: a term */
    uint16_t term;             /* index in pol_terms */
    uint8_t n;
    bool open; /* may go on: "telefon*" */
    bool tail; /* may end a longer word: "*strasse" */
};

struct pol_detector {
    hs_database_t *db;     /* patterns */
    hs_database_t *db_cue; /* literals */
    const struct pol_pat **pats;
    size_t n_pats;
    struct literal *literals;
    size_t n_literals;
    struct pol_tagger tagger;
};

struct pol_scratch {
    hs_scratch_t *hs;
    struct pol_norm norm;
    struct hit *hits;
    size_t n_hits, cap_hits;
    struct pol_cue_hit *cues;
    size_t n_cues, cap_cues;
    struct pol_cue_hit *terms;
    size_t n_terms, cap_terms;
    struct pol_cand *cands;
    size_t cap_cands;
    char *shadow; /* the text with slips mended; numbers.c */
    size_t cap_shadow;
    struct pol_b64 b64;
    struct pol_scratch *inner; /* for what b64 decoded; made when first needed */
    const atomic_bool *stop;   /* nobody wants the result any more; NULL: always somebody does */
    bool truncated;
};

/* ---- building ---- */

static const struct {
    const struct pol_pat *v;
    const size_t *n;
} families[] = {
    {pol_pats_net, &pol_pats_net_n},     {pol_pats_secret, &pol_pats_secret_n},
    {pol_pats_other, &pol_pats_other_n}, {pol_pats_position, &pol_pats_position_n},
    {pol_pats_bank, &pol_pats_bank_n},
};
#define N_FAMILIES (sizeof(families) / sizeof(families[0]))

/* Appends a word, folded as text is folded, with `space` for its spaces. */
static void add_literal(struct pol_detector *d, const struct pol_cue *cue, size_t term,
                        struct base_str word, char space, struct base_buf *out)
{
    struct literal *l = &d->literals[d->n_literals++];
    size_t at = out->n;

    l->cue = cue;
    l->term = (uint16_t)term;
    l->open = word.p[word.n - 1] == '*';
    word.n -= l->open;
    l->tail = word.p[0] == '*';
    word.p += l->tail;
    word.n -= l->tail;
    for (size_t i = 0; i < word.n;) {
        uint32_t cp;
        size_t k = base_utf8_decode(word.p + i, word.n - i, &cp);
        char b[32];

        base_buf_add(out, b, pol_norm_fold(cp == ' ' ? (uint32_t)space : cp, b));
        i += k ? k : 1;
    }
    l->n = (uint8_t)(out->n - at);
}

static size_t count_literals(void)
{
    size_t n = 0;

    for (size_t k = 0; k < pol_cue_lists_n; k++)
        n += 3 * *pol_cue_lists[k].n;
    for (size_t i = 0; i < pol_terms_n; i++) {
        n++;
        for (const char *w = pol_terms[i].words; *w; w++)
            n += *w == '|';
    }
    return n;
}

static void add_cues(struct pol_detector *d, const struct pol_cue_list *list, struct base_buf *text)
{
    for (size_t i = 0; i < *list->n; i++) {
        const struct pol_cue *c = &list->v[i];
        struct base_str w = base_str_c(c->word);

        add_literal(d, c, 0, w, ' ', text);
        if (strchr(c->word, ' ')) {
            add_literal(d, c, 0, w, '_', text);
            add_literal(d, c, 0, w, '-', text);
        }
    }
}

static void add_literals(struct pol_detector *d, struct base_buf *text)
{
    for (size_t k = 0; k < pol_cue_lists_n; k++)
        add_cues(d, &pol_cue_lists[k], text);
    for (size_t i = 0; i < pol_terms_n; i++) {
        for (const char *w = pol_terms[i].words; *w;) {
            size_t n = strcspn(w, "|");

            add_literal(d, NULL, i, (struct base_str){w, n}, ' ', text);
            w += n + (w[n] == '|');
        }
    }
}

static enum base_status compile_cues(struct pol_detector *d, struct base_err *err)
{
    struct base_buf text;
    const size_t most = count_literals();
    const char **expr = calloc(most, sizeof(*expr));
    unsigned *flags = calloc(most, sizeof(*flags));
    unsigned *ids = calloc(most, sizeof(*ids));
    size_t *len = calloc(most, sizeof(*len)), at = 0;
    hs_compile_error_t *ce = NULL;
    enum base_status st = BASE_OK;

    base_buf_init(&text, 1u << 20);
    d->literals = calloc(most, sizeof(*d->literals));
    if (!expr || !flags || !ids || !len || !d->literals) {
        st = base_err_set(err, BASE_ENOMEM, "detector: out of memory");
        goto out;
    }
    add_literals(d, &text);
    for (size_t i = 0; i < d->n_literals; i++) {
        expr[i] = text.p + at;
        len[i] = d->literals[i].n;
        flags[i] = HS_FLAG_CASELESS;
        ids[i] = (unsigned)i;
        at += len[i];
    }
    if (!base_buf_ok(&text) ||
        hs_compile_lit_multi(expr, flags, ids, len, (unsigned)d->n_literals, HS_MODE_BLOCK, NULL,
                             &d->db_cue, &ce) != HS_SUCCESS)
        st = base_err_set(err, BASE_EBUG, "detector: word %d: %s", ce ? ce->expression : -1,
                          ce ? ce->message : "cannot be compiled");
out:
    if (ce)
        hs_free_compile_error(ce);
    base_buf_release(&text);
    free(expr);
    free(flags);
    free(ids);
    free(len);
    return st;
}

static enum base_status compile_patterns(struct pol_detector *d, struct base_err *err)
{
    size_t n = 0, k = 0;
    const char **expr;
    unsigned *flags, *ids;
    hs_compile_error_t *ce = NULL;
    enum base_status st = BASE_OK;

    for (size_t f = 0; f < N_FAMILIES; f++)
        n += *families[f].n;
    d->n_pats = n;
    d->pats = calloc(n, sizeof(*d->pats));
    expr = calloc(n, sizeof(*expr));
    flags = calloc(n, sizeof(*flags));
    ids = calloc(n, sizeof(*ids));
    if (!d->pats || !expr || !flags || !ids) {
        st = base_err_set(err, BASE_ENOMEM, "detector: out of memory");
        goto out;
    }
    for (size_t f = 0; f < N_FAMILIES; f++) {
        for (size_t i = 0; i < *families[f].n; i++, k++) {
            const struct pol_pat *p = &families[f].v[i];

            d->pats[k] = p;
            expr[k] = p->expr;
            flags[k] = (p->flags & PAT_SOM ? HS_FLAG_SOM_LEFTMOST : 0) |
                       (p->flags & PAT_CASELESS ? HS_FLAG_CASELESS : 0);
            ids[k] = (unsigned)k;
        }
    }
    if (hs_compile_multi(expr, flags, ids, (unsigned)n, HS_MODE_BLOCK, NULL, &d->db, &ce) !=
        HS_SUCCESS)
        st = base_err_set(err, BASE_EBUG, "detector: pattern %d (%s): %s", ce ? ce->expression : -1,
                          ce && ce->expression >= 0 ? expr[ce->expression] : "",
                          ce ? ce->message : "cannot be compiled");
out:
    if (ce)
        hs_free_compile_error(ce);
    free(expr);
    free(flags);
    free(ids);
    return st;
}

enum base_status pol_detector_new(struct pol_detector **out, struct base_err *err)
{
    struct pol_detector *d = calloc(1, sizeof(*d));
    enum base_status st;

    *out = NULL;
    if (!d)
        return base_err_set(err, BASE_ENOMEM, "detector: out of memory");
    pol_norm_setup();
    pol_special_setup();
    pol_hints_setup();
    st = pol_tagger_builtin(&d->tagger, err);
    if (st == BASE_OK)
        st = compile_cues(d, err);
    if (st == BASE_OK)
        st = compile_patterns(d, err);
    if (st == BASE_OK)
        *out = d;
    else
        pol_detector_free(d);
    return st;
}

void pol_detector_free(struct pol_detector *d)
{
    if (!d)
        return;
    if (d->db)
        hs_free_database(d->db);
    if (d->db_cue)
        hs_free_database(d->db_cue);
    free(d->pats);
    free(d->literals);
    free(d);
}

enum base_status pol_scratch_new(const struct pol_detector *d, struct pol_scratch **out,
                                 struct base_err *err)
{
    struct pol_scratch *s = calloc(1, sizeof(*s));

    *out = NULL;
    if (!s || hs_alloc_scratch(d->db, &s->hs) != HS_SUCCESS ||
        hs_alloc_scratch(d->db_cue, &s->hs) != HS_SUCCESS) {
        if (s)
            hs_free_scratch(s->hs);
        free(s);
        return base_err_set(err, BASE_ENOMEM, "detector: out of memory for scratch space");
    }
    *out = s;
    return BASE_OK;
}

void pol_scratch_free(struct pol_scratch *s)
{
    if (!s)
        return;
    hs_free_scratch(s->hs);
    pol_norm_release(&s->norm);
    pol_b64_release(&s->b64);
    pol_scratch_free(s->inner);
    free(s->hits);
    free(s->cues);
    free(s->terms);
    free(s->cands);
    if (s->shadow)
        base_wipe(s->shadow, s->cap_shadow);
    free(s->shadow);
    free(s);
}

void pol_scratch_stop(struct pol_scratch *s, const atomic_bool *stop)
{
    s->stop = stop;
}

static bool stopped(const struct pol_scratch *s)
{
    return s->stop && atomic_load_explicit(s->stop, memory_order_relaxed);
}

/* ---- scanning ---- */

struct match_ctx {
    const struct pol_detector *d;
    struct pol_scratch *s;
};

static bool ascii_word(char c)
{
    return (unsigned char)c < 0x80 && pol_is_word(c);
}

static int on_cue(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                  void *arg)
{
    struct match_ctx *c = arg;
    struct pol_scratch *s = c->s;
    const struct literal *l = &c->d->literals[id];
    const char *p = s->norm.p;
    size_t a = (size_t)to - l->n;

    (void)from;
    (void)flags;
    if (stopped(s))
        return 1;
    if (!l->tail && a > 0 && ascii_word(p[a]) && ascii_word(p[a - 1]) && p[a - 1] != '_')
        return 0;
    if (!l->open && to < s->norm.n && ascii_word(p[to - 1]) && ascii_word(p[to]) && p[to] != '_')
        return 0;
    if (l->cue == NULL) {
        if (s->n_terms >= HITS_MAX ||
            !base_grow((void **)&s->terms, &s->cap_terms, s->n_terms + 1, sizeof(*s->terms))) {
            s->truncated = true;
            return 1;
        }
        s->terms[s->n_terms++] = (struct pol_cue_hit){(uint32_t)a, (uint32_t)to, l->term, 0};
        return 0;
    }
    if (s->n_cues >= HITS_MAX ||
        !base_grow((void **)&s->cues, &s->cap_cues, s->n_cues + 1, sizeof(*s->cues))) {
        s->truncated = true;
        return 1;
    }
    s->cues[s->n_cues++] =
        (struct pol_cue_hit){(uint32_t)a, (uint32_t)to, l->cue->what, l->cue->where};
    return 0;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *arg)
{
    struct match_ctx *c = arg;
    struct pol_scratch *s = c->s;

    (void)flags;
    if (stopped(s))
        return 1;
    if (s->n_hits >= HITS_MAX ||
        !base_grow((void **)&s->hits, &s->cap_hits, s->n_hits + 1, sizeof(*s->hits))) {
        s->truncated = true;
        return 1;
    }
    s->hits[s->n_hits++] = (struct hit){id, (uint32_t)from, (uint32_t)to};
    return 0;
}

static int by_end(const void *a, const void *b)
{
    const struct pol_cue_hit *x = a, *y = b;

    return x->to < y->to ? -1 : x->to > y->to;
}

/* The library promises no order between different words. */
static void order(struct pol_cue_hit *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (v[i].to < v[i - 1].to) {
            qsort(v, n, sizeof(*v), by_end);
            return;
        }
    }
}

static bool prefilter(const struct pol_detector *d, struct pol_scratch *s)
{
    struct match_ctx ctx = {d, s};
    hs_error_t e;

    s->n_hits = s->n_cues = s->n_terms = 0;
    s->truncated = false;
    if (s->norm.n == 0)
        return true;
    e = hs_scan(d->db_cue, s->norm.p, (unsigned)s->norm.n, 0, s->hs, on_cue, &ctx);
    if (e == HS_SUCCESS)
        e = hs_scan(d->db, s->norm.p, (unsigned)s->norm.n, 0, s->hs, on_match, &ctx);
    order(s->cues, s->n_cues);
    order(s->terms, s->n_terms);
    return e == HS_SUCCESS || e == HS_SCAN_TERMINATED;
}

void pol_found(struct pol_scan *s, size_t from, size_t to, enum pol_type type, enum pol_level level,
               const char *subtype, unsigned rank)
{
    struct pol_cand *c;

    if (from >= to || to > s->n)
        return;
    if (s->n_v >= CANDS_MAX || !base_grow((void **)&s->v, &s->cap, s->n_v + 1, sizeof(*s->v))) {
        s->truncated = true;
        return;
    }
    c = &s->v[s->n_v++];
    c->from = (uint32_t)from;
    c->to = (uint32_t)to;
    c->type = (uint8_t)type;
    c->level = (uint8_t)level;
    c->rank = (uint8_t)rank;
    c->subtype = subtype;
}

static int by_start(const void *a, const void *b)
{
    const struct pol_cand *x = a, *y = b;

    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    if (x->to != y->to)
        return x->to > y->to ? -1 : 1;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    return strcmp(x->subtype ? x->subtype : "", y->subtype ? y->subtype : "");
}

#define RANK_WIDENS 15 /* candidates below give way without widening the winner */

/* Merges overlapping candidates in place; returns how many are left. */
static size_t settle(struct pol_cand *v, size_t n)
{
    size_t k = 0;

    if (n == 0)
        return 0;
    qsort(v, n, sizeof(*v), by_start);
    for (size_t i = 1; i < n; i++) {
        struct pol_cand *a = &v[k], b = v[i];
        uint32_t to = a->to > b.to ? a->to : b.to, from = a->from;

        if (b.from >= a->to) {
            v[++k] = b;
            continue;
        }
        if (b.rank < RANK_WIDENS) /* an organisation or a place around it: nothing to hide */
            continue;
        if (a->rank < RANK_WIDENS) {
            *a = b;
            continue;
        }
        if (b.rank > a->rank || (b.rank == a->rank && b.to - b.from > a->to - a->from))
            *a = b;
        a->from = from;
        a->to = to;
    }
    return k + 1;
}

#define NAME_TYPES (POL_TYPE_BIT(POL_PERSON) | POL_TYPE_BIT(POL_ORG) | POL_TYPE_BIT(POL_LOCATION))

#define SPECIAL_TYPES                                                                              \
    (POL_TYPE_BIT(POL_SPECIAL_HEALTH) | POL_TYPE_BIT(POL_SPECIAL_RELIGION) |                       \
     POL_TYPE_BIT(POL_SPECIAL_ETHNIC) | POL_TYPE_BIT(POL_SPECIAL_POLITICAL) |                      \
     POL_TYPE_BIT(POL_SPECIAL_UNION) | POL_TYPE_BIT(POL_SPECIAL_ORIENTATION) |                     \
     POL_TYPE_BIT(POL_SPECIAL_GENETIC) | POL_TYPE_BIT(POL_SPECIAL_BIOMETRIC) |                     \
     POL_TYPE_BIT(POL_SPECIAL_CRIMINAL))

static void run_recognisers(const struct pol_detector *d, struct pol_scratch *s,
                            struct pol_scan *sc, bool names)
{
    if (names)
        pol_scan_names(sc, &d->tagger);
    if (names)
        pol_scan_special(sc, s->terms, s->n_terms);
    if (s->n_terms > 0)
        pol_scan_use(sc, s->terms, s->n_terms);
    for (size_t i = 0; i < s->n_hits; i++) {
        const struct pol_pat *p = d->pats[s->hits[i].pat];

        p->fn(sc, p, s->hits[i].from, s->hits[i].to);
    }
    pol_scan_numbers(sc);
    if (sc->slips) {
        if (base_grow((void **)&s->shadow, &s->cap_shadow, sc->n, 1))
            pol_scan_slips(sc, s->shadow);
        else
            sc->truncated = true;
    }
    pol_scan_address(sc);
    pol_scan_seed(sc);
    pol_scan_keyed(sc);
}

/* The class that a finding puts on the text: a bare first or family name puts none (names.c). */
static unsigned class_of(const struct pol_cand *c)
{
    if (c->type == POL_PERSON && c->level == POL_SHAPE)
        return POL_CLASS_NONE;
    return pol_type_class((enum pol_type)c->type);
}

static struct pol_span span_of(const struct pol_norm *m, const struct pol_cand *c)
{
    return (struct pol_span){.start = pol_norm_start(m, c->from),
                             .end = pol_norm_end(m, c->to),
                             .type = (enum pol_type)c->type,
                             .level = (enum pol_level)c->level,
                             .subtype = c->subtype};
}

const struct pol_norm *pol_scratch_norm(const struct pol_scratch *s)
{
    return &s->norm;
}

const struct pol_norm *pol_scratch_inner(const struct pol_scratch *s)
{
    return s->inner && s->b64.n_v ? &s->inner->norm : NULL;
}

/* One text, once: *sc gets the candidates. They lie in s, and positions are the normaliser's. */
static enum base_status look(const struct pol_detector *d, struct pol_scratch *s,
                             struct base_str text, bool names, struct pol_scan *sc,
                             struct base_err *err)
{
    if (stopped(s))
        return base_err_set(err, BASE_DENIED, "detector: stopped");
    switch (pol_norm_run(&s->norm, text)) {
    case BASE_OK:
        break;
    case BASE_LIMIT:
        *sc = (struct pol_scan){.truncated = true, .v = s->cands, .cap = s->cap_cands};
        return BASE_OK;
    default:
        return base_err_set(err, BASE_ENOMEM, "detector: out of memory");
    }
    if (!prefilter(d, s))
        return base_err_set(err, BASE_EBUG, "detector: the prefilter failed");
    if (stopped(s)) /* what was found so far is not all */
        return base_err_set(err, BASE_DENIED, "detector: stopped");
    *sc = (struct pol_scan){.p = s->norm.p,
                            .n = s->norm.n,
                            .cues = s->cues,
                            .n_cues = s->n_cues,
                            .v = s->cands,
                            .cap = s->cap_cands,
                            .truncated = s->truncated};
    run_recognisers(d, s, sc, names);
    s->cands = sc->v;
    s->cap_cands = sc->cap;
    return BASE_OK;
}

/* What stands in base64: each finding in there is one of its type over the whole run. */
static enum base_status look_inside(const struct pol_detector *d, struct pol_scratch *s, bool names,
                                    struct pol_scan *sc, struct base_err *err)
{
    struct pol_scan in;
    enum base_status st = pol_b64_collect(&s->b64, (struct base_str){sc->p, sc->n});

    if (st != BASE_OK)
        return base_err_set(err, st, "detector: out of memory");
    sc->truncated = sc->truncated || s->b64.cut;
    if (s->b64.n_v == 0)
        return BASE_OK;
    if (!s->inner && (st = pol_scratch_new(d, &s->inner, err)) != BASE_OK)
        return st;
    s->inner->stop = s->stop;
    st = look(d, s->inner, (struct base_str){s->b64.text, s->b64.n}, names, &in, err);
    if (st != BASE_OK)
        return st;
    sc->truncated = sc->truncated || in.truncated;
    for (size_t i = 0; i < in.n_v; i++) {
        const struct pol_cand *c = &in.v[i];
        size_t from = pol_norm_start(&s->inner->norm, c->from);
        size_t to = pol_norm_end(&s->inner->norm, c->to);

        pol_found(sc, pol_b64_piece_at(&s->b64, from)->from,
                  pol_b64_piece_at(&s->b64, to ? to - 1 : 0)->to, (enum pol_type)c->type,
                  (enum pol_level)c->level, c->subtype, c->rank);
    }
    s->cands = sc->v;
    s->cap_cands = sc->cap;
    return BASE_OK;
}

enum base_status pol_scan_types(const struct pol_detector *d, struct pol_scratch *s,
                                struct base_str text, pol_types types, struct base_arena *a,
                                struct pol_spans *out, unsigned *classes, struct base_err *err)
{
    /* statements need the names of who they are on */
    const bool names = classes || (types & (NAME_TYPES | SPECIAL_TYPES));
    struct pol_scan sc = {0};
    enum base_status st;
    size_t n = 0;

    memset(out, 0, sizeof(*out));
    st = look(d, s, text, names, &sc, err);
    if (st == BASE_OK)
        st = look_inside(d, s, names, &sc, err);
    if (st != BASE_OK)
        return st;
    out->truncated = sc.truncated;
    for (size_t i = 0; i < sc.n_v; i++) {
        if (classes)
            *classes |= class_of(&sc.v[i]);
        if (!(types & POL_TYPE_BIT(sc.v[i].type)))
            continue;
        if (sc.v[i].type == POL_INJECTION || sc.v[i].type == POL_PROHIBITED_USE) {
            if (out->n_signals < sizeof(out->signals) / sizeof(out->signals[0]))
                out->signals[out->n_signals++] = span_of(&s->norm, &sc.v[i]);
            continue;
        }
        sc.v[n++] = sc.v[i];
    }
    n = settle(sc.v, n);
    if (n == 0)
        return BASE_OK;
    out->v = base_arena_array(a, n, sizeof(*out->v));
    if (!out->v)
        return base_err_set(err, BASE_ENOMEM, "detector: the request's memory is used up");
    for (size_t i = 0; i < n; i++) {
        struct pol_span *sp = &out->v[i];

        *sp = span_of(&s->norm, &sc.v[i]);
        if (i > 0 && sp->start < out->v[i - 1].end) /* one input character opened into several */
            sp->start = out->v[i - 1].end;
        if (sp->end < sp->start)
            sp->end = sp->start;
    }
    out->n = n;
    return BASE_OK;
}

enum base_status pol_scan_text(const struct pol_detector *d, struct pol_scratch *s,
                               struct base_str text, struct base_arena *a, struct pol_spans *out,
                               struct base_err *err)
{
    return pol_scan_types(d, s, text, ~(pol_types)0, a, out, NULL, err);
}

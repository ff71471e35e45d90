/* features.c - from text to numbers: folding, words, cues, hashed n-grams, hand features.
 *
 * Steps: sample and fold (fold.c) -> split into words and look each up among the cues -> blank out
 * clauses that only claim a difficulty ("this is very hard", "think step by step") -> count
 * structure -> hash words, word pairs and character 3-5-grams of each word, digits as '0'. A cue
 * word and an n-gram count once, however often they stand there.
 *
 * Invariants: bucket ids are < GW_FEAT_BUCKETS and distinct; the same bytes give the same numbers
 * on every machine (no locale, no hash seed; floats come from logf and divisions only). The cue
 * table is parsed once, by whichever thread comes first. It cannot fail: a table that does not fit
 * is our own defect and stops the program.
 */
#include "gateway/route/features.h"

#include "base/err.h"
#include "gateway/route/fold.h"

#include <math.h>
#include <pthread.h>

#define WORD_MAX   2304 /* words kept of a sampled text */
#define LEAD_WORD  5    /* so many first words of a line or sentence are "lead" words */
#define FIRST_WORD 8    /* ... and so many of the text are "first" words */
#define CUE_SLOTS  8192
#define GRAM_WORD  28 /* bytes of a word that make character n-grams */

struct word {
    uint16_t at, n;
    uint8_t clause_end; /* a clause ends behind this word */
    uint8_t lead;
    uint32_t cues; /* bit set of enum gw_cue */
    uint32_t hash;
};

struct cue_slot {
    uint32_t hash; /* 0: empty */
    uint32_t whole, prefix;
};

_Static_assert(GW_CUE_COUNT <= 32, "cue bit sets are 32 bits wide");

static struct cue_slot cue_slots[CUE_SLOTS];
static pthread_once_t cue_once = PTHREAD_ONCE_INIT;

static uint32_t fnv(uint32_t h, unsigned char c)
{
    return (h ^ c) * 16777619u;
}

#define FNV_START 2166136261u

/* Spreads the bits so that the top ones can index a table. */
static uint32_t mix(uint32_t h)
{
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    return h ^ (h >> 16);
}

static struct cue_slot *cue_find(uint32_t h)
{
    uint32_t i = mix(h) & (CUE_SLOTS - 1);

    h = h ? h : 1;
    while (cue_slots[i].hash && cue_slots[i].hash != h)
        i = (i + 1) & (CUE_SLOTS - 1);
    return &cue_slots[i];
}

static void cue_init(void)
{
    size_t used = 0;

    for (const struct gw_cue_words *w = gw_cue_table; w->words; w++) {
        const char *p = w->words;

        while (*p) {
            uint32_t h = FNV_START;
            struct cue_slot *s;

            while (*p == ' ')
                p++;
            for (; *p && *p != ' ' && *p != '*'; p++)
                h = fnv(h, (unsigned char)*p);
            s = cue_find(h);
            if (!s->hash) {
                s->hash = h ? h : 1;
                BASE_BUG_ON(++used > CUE_SLOTS * 3 / 4);
            }
            if (*p == '*') {
                s->prefix |= 1u << w->cue;
                p++;
            } else {
                s->whole |= 1u << w->cue;
            }
        }
    }
}

/* ---- words, cues, clauses -------------------------------------------------------------------- */

static bool is_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool ends_clause(char c)
{
    return c == '.' || c == '!' || c == '?' || c == ':' || c == ';' || c == ',' || c == '\n' ||
           c == '(' || c == ')' || c == '"';
}

static bool ends_line(char c)
{
    return c == '.' || c == '!' || c == '?' || c == ':' || c == '\n' || c == ';';
}

/* Splits t into words with hash and cues; the clause a word ends is marked from what follows it. */
static size_t split(const char *t, size_t n, struct word *w)
{
    size_t nw = 0, i = 0, since = 0;

    while (i < n && nw < WORD_MAX) {
        struct word *x = &w[nw];
        uint32_t h = FNV_START, hc = FNV_START;

        if (!is_word((unsigned char)t[i])) {
            if (nw && ends_clause(t[i]))
                w[nw - 1].clause_end = 1;
            if (ends_line(t[i]))
                since = 0;
            i++;
            continue;
        }
        *x = (struct word){.at = (uint16_t)i, .lead = since < LEAD_WORD};
        for (; i < n; i++) {
            unsigned char c = (unsigned char)t[i];
            size_t k = i - x->at;

            if (c == '\'' && i + 1 < n && is_word((unsigned char)t[i + 1])) {
                /* l'eau, what's: the part behind the apostrophe is a word of its own */
                break;
            }
            if (!is_word(c))
                break;
            h = fnv(h, is_digit(c) ? '0' : c);
            hc = fnv(hc, c);
            if (k >= 1 && k < 20) {
                const struct cue_slot *s = cue_find(hc);

                if (s->hash)
                    x->cues |= s->prefix;
            }
        }
        x->n = (uint16_t)(i - x->at);
        x->hash = h;
        {
            const struct cue_slot *s = cue_find(hc);

            if (s->hash)
                x->cues |= s->whole;
        }
        since++;
        nw++;
    }
    if (nw)
        w[nw - 1].clause_end = 1;
    return nw;
}

/* Drops clauses that hold nothing but claims about difficulty and filler, and blanks them in t.
 * If nothing else is there, everything stays. Returns the number of words left. */
static size_t drop_claims(char *t, struct word *w, size_t nw)
{
    const uint32_t meta = 1u << GW_CUE_META, either = meta | 1u << GW_CUE_FILL;
    size_t kept = 0, start = 0;

    for (int pass = 0; pass < 2; pass++) {
        size_t out = 0;

        start = 0;
        for (size_t i = 0; i < nw; i++) {
            bool claim = false, other = false;

            if (!w[i].clause_end)
                continue;
            for (size_t k = start; k <= i; k++) {
                claim = claim || (w[k].cues & meta);
                other = other || !(w[k].cues & either);
            }
            for (size_t k = start; k <= i; k++) {
                if (!claim || other) {
                    if (pass)
                        w[out] = w[k];
                    out++;
                } else if (pass) {
                    memset(t + w[k].at, ' ', w[k].n);
                }
            }
            start = i + 1;
        }
        kept = out;
        if (kept == 0)
            return nw;
    }
    return kept;
}

/* Each distinct word counts once: repeating a cue does not add to it. */
static void count_cues(const struct word *w, size_t nw, struct gw_features *f)
{
    uint64_t seen[64] = {0};

    for (size_t i = 0; i < nw; i++) {
        uint32_t m = w[i].cues & ~(1u << GW_CUE_META | 1u << GW_CUE_FILL);
        uint32_t b = mix(w[i].hash) >> 20;

        if (m == 0 || (seen[b >> 6] & 1ull << (b & 63)))
            continue;
        seen[b >> 6] |= 1ull << (b & 63);

        while (m) {
            int c = __builtin_ctz(m);

            m &= m - 1;
            f->cues[c]++;
            f->lead[c] = (uint16_t)(f->lead[c] + w[i].lead);
            f->first[c] = (uint16_t)(f->first[c] + (i < FIRST_WORD));
        }
    }
}

/* ---- n-grams --------------------------------------------------------------------------------- */

struct gram_set {
    struct gw_features *f;
    uint64_t seen[GW_FEAT_BUCKETS / 64];
};

static inline void gram_add(struct gram_set *g, uint32_t bucket)
{
    uint64_t bit = 1ull << (bucket & 63);

    if ((g->seen[bucket >> 6] & bit) || g->f->n_grams >= GW_FEAT_GRAM_MAX)
        return;
    g->seen[bucket >> 6] |= bit;
    g->f->grams[g->f->n_grams++] = bucket;
}

static void word_grams(struct gram_set *g, const struct word *w, size_t nw)
{
    for (size_t i = 0; i < nw; i++) {
        gram_add(g, mix(w[i].hash) >> (32 - GW_FEAT_WORD_BITS));
        if (i) {
            uint32_t pair = w[i - 1].hash * 0x9e3779b1u ^ w[i].hash;

            gram_add(g, mix(pair + 0x51ed270bu) >> (32 - GW_FEAT_WORD_BITS));
        }
    }
    g->f->n_word_grams = g->f->n_grams;
}

/* Character 3-5-grams of " word ", digits as '0', long words cut. */
static void char_grams(struct gram_set *g, const char *t, const struct word *w, size_t nw)
{
    unsigned char b[GRAM_WORD + 2];

    for (size_t i = 0; i < nw; i++) {
        size_t n = w[i].n > GRAM_WORD ? GRAM_WORD : w[i].n;

        b[0] = ' ';
        for (size_t k = 0; k < n; k++) {
            unsigned char c = (unsigned char)t[w[i].at + k];

            b[k + 1] = is_digit(c) ? '0' : c;
        }
        b[n + 1] = ' ';
        for (size_t s = 0; s + 3 <= n + 2; s++) {
            uint32_t h = fnv(fnv(fnv(FNV_START, b[s]), b[s + 1]), b[s + 2]);

            gram_add(g, GW_FEAT_WORDS + (mix(h) >> (32 - GW_FEAT_CHAR_BITS)));
            for (size_t k = 3; k < 5 && s + k < n + 2; k++) {
                h = fnv(h, b[s + k]);
                gram_add(g, GW_FEAT_WORDS + (mix(h) >> (32 - GW_FEAT_CHAR_BITS)));
            }
        }
    }
}

/* ---- structure ------------------------------------------------------------------------------- */

struct shape {
    uint32_t chars, digits, numbers, number_digits_max, decimals, ops, equals, parens, braces,
        semis, backslash, blanks, quotes, commas, money, percent, bullets, sentences;
    unsigned char last; /* character that is no space */
};

/* "b. ", "(b) ", "b) " at a line's start. */
static bool is_option(const char *t, size_t n, size_t i)
{
    if (i < n && t[i] == '(')
        i++;
    return i + 2 < n && t[i] >= 'a' && t[i] <= 'j' && (t[i + 1] == '.' || t[i + 1] == ')') &&
           (t[i + 2] == ' ' || t[i + 2] == '\n');
}

static bool is_code_line(const char *t, size_t n, size_t i)
{
    static const char *const open[] = {"def ",   "class ",  "import ", "return ", "#include",
                                       "for (",  "if (",    "while (", "const ",  "let ",
                                       "public", "select ", "assert ", "```",     "var "};
    size_t end = i;

    for (size_t k = 0; k < sizeof open / sizeof *open; k++) {
        size_t m = strlen(open[k]);

        if (n - i >= m && memcmp(t + i, open[k], m) == 0)
            return true;
    }
    while (end < n && t[end] != '\n')
        end++;
    return end > i && (t[end - 1] == ';' || t[end - 1] == '{' || t[end - 1] == '}');
}

static void line_shape(const char *t, size_t n, size_t i, struct gw_features *f, struct shape *s)
{
    f->n_lines++;
    while (i < n && (t[i] == ' ' || t[i] == '\t'))
        i++;
    f->n_options += is_option(t, n, i);
    f->n_code_lines += is_code_line(t, n, i);
    s->bullets += i + 1 < n && (t[i] == '-' || t[i] == '*' || is_digit((unsigned char)t[i])) &&
                  (t[i + 1] == ' ' || t[i + 1] == '.' || t[i + 1] == ')');
}

static void char_shape(const char *t, size_t n, struct gw_features *f, struct shape *s)
{
    uint32_t run = 0, seen[128] = {0}; /* how often each ASCII character stands there */

    if (n)
        line_shape(t, n, 0, f, s);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)t[i];

        if (c != ' ' && c != '\n') {
            s->chars++;
            s->last = c;
        }
        f->latin_letters += c >= 'a' && c <= 'z';
        f->other_letters += c >= 0xc2;
        if (is_digit(c)) {
            s->digits++;
            f->n_numbers += run == 0;
            s->number_digits_max = ++run > s->number_digits_max ? run : s->number_digits_max;
            continue;
        }
        s->decimals += c == '.' && run && i + 1 < n && is_digit((unsigned char)t[i + 1]);
        run = 0;
        if (c < 128)
            seen[c]++;
        if (c == '\n' && i + 1 < n)
            line_shape(t, n, i + 1, f, s);
    }
    s->ops = seen['+'] + seen['*'] + seen['/'] + seen['<'] + seen['>'] + seen['^'];
    s->equals = seen['='];
    s->parens = seen['('] + seen[')'];
    s->braces = seen['{'] + seen['}'] + seen['['] + seen[']'];
    s->semis = seen[';'];
    s->backslash = seen['\\'];
    s->blanks = seen['_'];
    s->quotes = seen['"'];
    s->commas = seen[','];
    s->money = seen['$'];
    s->percent = seen['%'];
    s->sentences = seen['.'] + seen['!'];
    f->n_questions = seen['?'];
    f->n_ops = s->ops + s->equals;
}

static float over(float x, float knee)
{
    return x > knee ? x - knee : 0.0f;
}

static void fill_hand(struct gw_features *f, const struct shape *s, const struct word *w, size_t nw)
{
    float *h = f->hand, lc = logf(1.0f + (float)s->chars), lw = logf(1.0f + (float)nw);
    float per_char = 1.0f / (1.0f + (float)s->chars), per_word = 1.0f / (1.0f + (float)nw);
    uint32_t letters = 0, longw = 0, shortw = 0;
    size_t k = 0;

    for (size_t i = 0; i < nw; i++) {
        letters += w[i].n;
        longw += w[i].n >= 9;
        shortw += w[i].n <= 3;
    }
    h[k++] = lc;
    h[k++] = lw;
    h[k++] = over(lc, 3.4f);
    h[k++] = over(lc, 4.4f);
    h[k++] = over(lc, 5.1f);
    h[k++] = over(lc, 5.8f);
    h[k++] = over(lc, 6.5f);
    h[k++] = over(lc, 7.3f);
    h[k++] = logf(1.0f + (float)f->n_options); /* GW_FEAT_OPTIONS */
    h[k++] = logf(1.0f + (float)f->n_questions);
    h[k++] = logf(1.0f + (float)f->n_code_lines);
    h[k++] = logf(1.0f + (float)f->n_numbers);
    h[k++] = (float)s->digits * per_char;
    h[k++] = (float)(s->number_digits_max > 8 ? 8 : s->number_digits_max);
    h[k++] = logf(1.0f + (float)s->decimals);
    h[k++] = logf(1.0f + (float)s->ops);
    h[k++] = logf(1.0f + (float)s->equals);
    h[k++] = logf(1.0f + (float)s->parens);
    h[k++] = logf(1.0f + (float)s->braces);
    h[k++] = logf(1.0f + (float)s->semis);
    h[k++] = logf(1.0f + (float)s->backslash);
    h[k++] = logf(1.0f + (float)s->blanks);
    h[k++] = logf(1.0f + (float)s->quotes);
    h[k++] = logf(1.0f + (float)s->commas);
    h[k++] = logf(1.0f + (float)s->money);
    h[k++] = logf(1.0f + (float)s->percent);
    h[k++] = logf(1.0f + (float)s->bullets);
    h[k++] = logf(1.0f + (float)s->sentences);
    h[k++] = logf(1.0f + (float)f->n_lines);
    h[k++] = (float)letters * per_word;
    h[k++] = (float)longw * per_word;
    h[k++] = (float)shortw * per_word;
    h[k++] = (float)s->commas * per_word;
    h[k++] = (float)s->sentences * per_word;
    h[k++] = (float)nw / (1.0f + (float)s->sentences + (float)f->n_questions) * 0.05f;
    h[k++] = (float)f->n_numbers * per_word;
    h[k++] = f->n_options >= 3;
    h[k++] = f->n_options >= 6;
    h[k++] = f->n_options == 0 && f->n_questions == 1;
    h[k++] = nw ? (float)f->n_word_grams / (float)(2 * nw) : 0.0f; /* how little repeats */
    h[k++] = f->lead[GW_CUE_FACT] > 0;
    h[k++] = f->lead[GW_CUE_HOW] > 0;
    h[k++] = s->last == '?';
    h[k++] = logf(1.0f + (float)f->other_letters);
    BASE_BUG_ON(k != GW_FEAT_STRUCT);
    for (int c = 0; c < GW_CUE_COUNT; c++)
        h[k++] = logf(1.0f + (float)f->cues[c]);
}

void gw_features_extract(const struct base_str *pieces, size_t n, struct gw_features *f)
{
    char raw[GW_FEAT_TEXT_BYTES], text[GW_FEAT_TEXT_BYTES];
    struct word w[WORD_MAX];
    struct gram_set g;
    struct shape s = {0};
    size_t len, nw;

    pthread_once(&cue_once, cue_init);
    memset(f, 0, offsetof(struct gw_features, grams));
    len = gw_fold(raw, gw_fold_sample(pieces, n, raw, &f->n_bytes), text);
    nw = split(text, len, w);
    nw = drop_claims(text, w, nw);
    f->n_words = (uint32_t)nw;
    count_cues(w, nw, f);
    char_shape(text, len, f, &s);
    g.f = f;
    memset(g.seen, 0, sizeof g.seen);
    word_grams(&g, w, nw);
    char_grams(&g, text, w, nw);
    fill_hand(f, &s, w, nw);
}

uint32_t gw_features_dump(const char *text, size_t n, float *hand, uint32_t *grams,
                          uint32_t *n_word)
{
    struct base_str piece = {text, n};
    struct gw_features f;

    gw_features_extract(&piece, 1, &f);
    memcpy(hand, f.hand, sizeof f.hand);
    memcpy(grams, f.grams, f.n_grams * sizeof *grams);
    *n_word = f.n_word_grams;
    return f.n_grams;
}

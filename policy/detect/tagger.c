/* tagger.c - labels the words of a text: person, organisation, place, or none of these.
 *
 * One pass, a block of tokens at a time, with the four before and two behind kept, so a text of
 * any length takes the same memory. A token is a run of letters and digits (hyphens inside, full
 * stops and apostrophes not), or one mark; white space is none, a line's end is one. The text is
 * the normalised one: accents are off, tricks undone.
 *
 * Labels are given from left to right, each seeing the two before it. Only words that could begin
 * an entity (capitals, or known given names behind a capital's context) and those right behind one
 * are looked at at all, which is what makes prose cheap. A label's score is the sum of its column
 * over the rows of all features; the rows are hashed, collisions are part of the model.
 *
 * Formats of the model: tagger_model.c.
 */
#include "policy/detect/tagger.h"

#include "policy/detect/detect.h"

#define BLOCK 512
#define LEFT  4 /* tokens kept before the block: two for features, two for their labels */
#define RIGHT 2

/* ---- tokens ---- */

/* 0 space, 1 mark, 2 lower, 3 upper, 4 digit, 5 above ASCII, 6 line end */
static const uint8_t kinds[256] = {
    [0 ... 8] = 1,     [9] = 0,           ['\n'] = 6,        [11 ... 12] = 0,   ['\r'] = 0,
    [14 ... 31] = 1,   [' '] = 0,         ['!' ... '/'] = 1, ['0' ... '9'] = 4, [':' ... '@'] = 1,
    ['A' ... 'Z'] = 3, ['[' ... '`'] = 1, ['a' ... 'z'] = 2, ['{' ... 127] = 1, [128 ... 255] = 5};

static bool alien_capital(unsigned char a, unsigned char b)
{
    return (a == 0xCE && b >= 0x91 && b <= 0xA9) || (a == 0xD0 && b >= 0x80 && b <= 0xAF);
}

/* The three places of a word in the lists. */
static uint32_t place(uint32_t word, unsigned which)
{
    static const uint32_t by[3] = {2654435761u, 2246822519u, 3266489917u};

    return ((word ^ word >> (which * 7 + 1)) * by[which]) >> (32 - TAG_GAZ_BITS);
}

uint8_t pol_tag_lists(const uint8_t *lists, uint32_t word)
{
    return lists[place(word, 0)] & lists[place(word, 1)] & lists[place(word, 2)];
}

void pol_tag_list_add(uint8_t *lists, uint32_t word, uint8_t bits)
{
    for (unsigned k = 0; k < 3; k++)
        lists[place(word, k)] |= bits;
}

bool pol_tok_next(const struct pol_tagger *t, const char *p, size_t n, size_t *at,
                  struct pol_tok *out)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t i = *at, caps = 0, letters = 0;
    uint32_t h = 2166136261u;
    unsigned k;

    while (i < n && kinds[s[i]] == 0)
        i++;
    if (i >= n)
        return false;
    out->from = (uint32_t)i;
    out->shape = i > *at ? TOK_SPACED : 0;
    out->pre = out->suf = 0;
    k = kinds[s[i]];
    if (k == 1 || k == 6) {
        out->shape |= k == 6 ? TOK_NEWLINE : 0;
        out->word = out->pre = out->suf = s[i];
        out->lists = 0;
        out->len = 1;
        out->to = (uint32_t)++i;
        *at = i;
        return true;
    }
    out->shape |= TOK_ALNUM;
    if (k == 3 || (k == 5 && i + 1 < n && alien_capital(s[i], s[i + 1])))
        out->shape |= TOK_UPPER;
    for (; i < n; i++) {
        unsigned c = s[i];

        k = kinds[c];
        if (k < 2 || k == 6) {
            if (c != '-' || i + 1 >= n || kinds[s[i + 1]] < 2 || kinds[s[i + 1]] > 5)
                break;
            out->shape |= TOK_HYPHEN;
        } else if (k == 4) {
            out->shape |= TOK_DIGIT;
        } else {
            caps += k == 3;
            letters++;
            out->shape |= k == 5 ? TOK_ALIEN : k == 2 ? TOK_LOWERED : 0;
            c = k == 3 ? c | 32 : c;
        }
        h = (h ^ c) * 16777619u;
        out->suf = out->suf << 8 | c;
        if (i - out->from < 3)
            out->pre = out->pre << 8 | c;
    }
    if (letters > 1 && caps == letters)
        out->shape |= TOK_ALLCAP;
    out->to = (uint32_t)i;
    out->len = (uint8_t)(i - out->from > 255 ? 255 : i - out->from);
    out->word = h ^ h >> 16;
    out->lists = pol_tag_lists(t->lists, out->word);
    *at = i;
    return true;
}

bool pol_tag_small(const char *p, size_t n)
{
    size_t caps = 0, letters = 0;

    for (size_t i = 0; i + 1 < n; i++) { /* "I" is none */
        caps += ((unsigned char)(p[i] - 'A') < 26) & ((unsigned char)((p[i + 1] | 32) - 'a') < 26);
        letters += (unsigned char)(p[i] - 'a') < 26;
    }
    return letters > 7 && caps <= letters / 400;
}

void pol_tok_raise(struct pol_tok *k)
{
    const unsigned known = TAG_GIVEN | TAG_FAMILY | TAG_PLACE | TAG_COUNTRY;

    k->shape |= TOK_SMALL;
    if ((k->shape & (TOK_ALNUM | TOK_DIGIT)) == TOK_ALNUM && (k->lists & known) &&
        !(k->lists & TAG_COMMON) && k->len > 2)
        k->shape |= TOK_UPPER;
}

/* ---- features ---- */

static uint32_t mix(uint32_t kind, uint32_t a, uint32_t b)
{
    uint32_t h = (kind + 1) * 0x9E3779B1u;

    h = (h ^ a) * 0x85EBCA6Bu;
    h ^= h >> 15;
    h = (h ^ b) * 0xC2B2AE35u;
    return h ^ h >> 13;
}

/* Shape, length class and lists as one number. */
static uint32_t look(const struct pol_tok *k)
{
    uint32_t len = k->len > 8 ? 5 : k->len > 4 ? 4 : k->len > 2 ? 3 : k->len;

    if (!(k->shape & TOK_ALNUM))
        return 0x10000u | k->word;
    return (k->shape & 0xFFu) | len << 8 | (k->shape & TOK_SMALL ? 1u << 12 : 0);
}

size_t pol_tag_features(const struct pol_tok *m, unsigned t2, unsigned t1,
                        uint32_t out[TAG_FEATURES])
{
    const struct pol_tok *a = m - 1, *b = m + 1, *aa = m - 2, *bb = m + 2;
    uint32_t lm = look(m), la = look(a), lb = look(b), tags = t2 * 8 + t1;
    uint32_t gm = m->lists, ga = a->lists, gb = b->lists;
    size_t n = 0;

#define ADD(kind, x, y) out[n++] = mix((kind), (x), (y))
    ADD(0, m->word, 0);
    ADD(1, m->word, lm);
    ADD(2, m->suf, 4);
    ADD(3, m->suf & 0xFFFFFF, 3);
    ADD(4, m->suf & 0xFFFF, lm);
    ADD(5, m->pre, 3);
    ADD(6, lm, gm);
    ADD(7, a->word, 0);
    ADD(8, b->word, 0);
    ADD(9, aa->word, 0);
    ADD(10, bb->word, 0);
    ADD(11, a->word, m->word);
    ADD(12, m->word, b->word);
    ADD(13, la, lm * 64 + gm);
    ADD(14, lm * 64 + gm, lb * 64 + gb);
    ADD(15, la << 20 ^ lm << 10 ^ lb, gm);
    ADD(16, a->suf & 0xFFFFFF, lm);
    ADD(17, b->suf & 0xFFFFFF, lm);
    ADD(18, ga << 16 | gm << 8 | gb, lm & 3);
    ADD(19, tags, 0);
    ADD(20, t1, m->word);
    ADD(21, t1, lm * 64 + gm);
    ADD(22, tags, lm * 64 + gm);
    ADD(23, t1, lb * 64 + gb);
    ADD(24, t1, a->word);
    ADD(25, a->word, lm * 64 + gm);
    ADD(26, b->word, lm * 64 + gm);
    ADD(27, aa->word, a->word);
    ADD(28, b->word, bb->word);
    ADD(29, t1, m->suf & 0xFFFFFF);
    ADD(30, look(aa), la << 10 ^ lm);
    ADD(31, look(bb), lb << 10 ^ lm);
    ADD(32, m->pre, m->suf & 0xFFFF);
    ADD(33, aa->word, lm);
#undef ADD
    return n;
}

/* ---- labelling ---- */

typedef int16_t vec8 __attribute__((vector_size(16)));
typedef int8_t row8 __attribute__((vector_size(8)));

struct block {
    const struct pol_tagger *t;
    struct pol_tok tok[LEFT + BLOCK + RIGHT];
    uint8_t tag[LEFT + BLOCK + RIGHT];
    /* the entity being read */
    size_t from, to;
    unsigned kind, tokens, shape;
    int margin;
    pol_tag_fn found;
    void *ctx;
};

static void flush(struct block *b)
{
    if (b->kind != TAG_O)
        b->found(b->ctx, b->from, b->to, b->kind, b->margin / (int)b->tokens, b->tokens, b->shape);
    b->kind = TAG_O;
}

static unsigned label(const struct block *b, size_t i, int *margin)
{
    uint32_t f[TAG_FEATURES];
    unsigned t1 = b->tag[i - 1], best = TAG_O;
    size_t n = pol_tag_features(&b->tok[i], b->tag[i - 2], t1, f);
    vec8 sum = {0};

    for (size_t k = 0; k < n; k++) {
        row8 r;

        memcpy(&r, b->t->rows + (size_t)(f[k] >> (32 - TAG_BITS)) * TAG_ROW, sizeof(r));
        sum += __builtin_convertvector(r, vec8);
    }
    for (unsigned k = 1; k < TAG_COUNT; k++) {
        bool goes_on = k % 2 == 0 && t1 != k && t1 != k - 1;

        if (!goes_on && sum[k] > sum[best])
            best = k;
    }
    *margin = sum[best] - sum[TAG_O];
    return best;
}

static void take(struct block *b, size_t i)
{
    const struct pol_tok *k = &b->tok[i];
    bool may = (k->shape & TOK_UPPER) || b->tag[i - 1] != TAG_O;
    int margin = 0;
    unsigned tag = TAG_O;

    if (may && !(k->shape & TOK_NEWLINE))
        tag = label(b, i, &margin);
    b->tag[i] = (uint8_t)tag;
    if (tag != TAG_O && tag % 2 == 0 && b->kind == tag - 1) { /* goes on */
        b->to = k->to;
        b->margin += margin;
        b->tokens++;
        return;
    }
    flush(b);
    if (tag == TAG_O)
        return;
    b->kind = tag % 2 ? tag : tag - 1;
    b->from = k->from;
    b->to = k->to;
    b->margin = margin;
    b->tokens = 1;
    b->shape = k->shape | (unsigned)k->lists << TAG_LISTS_AT;
}

static const struct pol_tok edge = {.word = '\n', .pre = '\n', .suf = '\n', .shape = TOK_NEWLINE};

void pol_tag_text(const struct pol_tagger *t, const char *p, size_t n, pol_tag_fn found,
                  void (*seen)(void *ctx, const struct pol_tok *k), void *ctx)
{
    struct block b;
    size_t at = 0, have = LEFT; /* tokens in b.tok */
    bool more = true, small = pol_tag_small(p, n);

    b.t = t;
    b.kind = TAG_O;
    b.found = found;
    b.ctx = ctx;
    for (size_t i = 0; i < LEFT; i++) {
        b.tok[i] = edge;
        b.tag[i] = TAG_O;
    }
    while (more) {
        size_t last, done = LEFT;

        while (have < LEFT + BLOCK + RIGHT && (more = pol_tok_next(t, p, n, &at, &b.tok[have]))) {
            if (small)
                pol_tok_raise(&b.tok[have]);
            have++;
        }
        last = more ? have - RIGHT : have;
        for (size_t i = have; i < LEFT + BLOCK + RIGHT && i < have + RIGHT; i++)
            b.tok[i] = edge;
        if (!more && have > LEFT + BLOCK) { /* no room for the edge: the rest goes another round */
            last = LEFT + BLOCK;
            more = true;
        }
        for (; done < last; done++) {
            seen(ctx, &b.tok[done]);
            take(&b, done);
        }
        for (size_t i = 0; i < LEFT; i++) { /* the last tokens looked at stay as context */
            b.tok[i] = b.tok[last - LEFT + i];
            b.tag[i] = b.tag[last - LEFT + i];
        }
        have = more ? have - last : 0;
        memmove(b.tok + LEFT, b.tok + last, have * sizeof(b.tok[0]));
        have += LEFT;
    }
    flush(&b);
}

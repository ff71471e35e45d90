/* names.c - what the tagger's labels mean for a scan: PERSON, ORG and LOCATION findings.
 *
 * The tagger's entities become findings where its score is clear enough and the place is no part of
 * an address, a path or code. Organisations and places are never personal data by themselves.
 *
 * A person is reported at two levels. "context": two words or more, or a title or a label for names
 * in front ("Mr", "Name:"); that puts the class `personal` on the text. "shape": one bare word
 * ("Janet has five apples", a family name alone); it is reported, can be named by a rule and is
 * redacted with the others, but a first name alone identifies nobody and leaves the class as it is.
 * One strong mention makes bare mentions of the same words strong as well (they are then said of
 * the same person).
 */
#include "policy/detect/detect.h"
#include "policy/detect/signals.h"
#include "policy/detect/tagger.h"
#include "policy/text/base64.h"

#include <stdlib.h>

#define NAMES_MAX 65536u

/* Least margins over "no entity", a token on average, in units of the quantised model. */
#define LEAST_PERSON 20
#define LEAST_ORG    45
#define LEAST_PLACE  30

struct names {
    struct pol_scan *s;
    struct pol_inject inject;
    size_t last; /* index + 1 of the person just reported, if it is a bare word */
};

/* Glued to what makes an address, a path or code of it. */
static bool in_code(const struct pol_scan *s, size_t from, size_t to)
{
    char a = from > 0 ? s->p[from - 1] : ' ', b = to < s->n ? s->p[to] : ' ';
    char c = to + 1 < s->n ? s->p[to + 1] : ' ';

    if (a && strchr("/\\@_$#%&~", a))
        return true;
    if (b && strchr("_(@\\~$", b))
        return true;
    return (b == '.' || b == ':' || b == '/' || b == '=') && (pol_is_alpha(c) || c == b);
}

#define SEAL_BYTES 64  /* as long an unbroken run of base64 is no word of any language */
#define SEAL_REACH 128 /* of it is looked at to each side */

/* Inside of a signature, a key, anything sealed that stands as base64: letters that happen to look
 * like a name are none. What a run of base64 says when it is decoded is looked at by itself. */
static bool in_seal(const struct pol_scan *s, size_t from, size_t to)
{
    size_t a = from, b = to, upper = 0, lower = 0, digits = 0;

    while (a > 0 && from - a < SEAL_REACH && pol_b64_char(s->p[a - 1]))
        a--;
    while (b < s->n && b - to < SEAL_REACH && pol_b64_char(s->p[b]))
        b++;
    if (b - a < SEAL_BYTES)
        return false;
    for (size_t i = a; i < b; i++) {
        if (!pol_b64_char(s->p[i]) && s->p[i] != '=')
            return false;
        upper += s->p[i] >= 'A' && s->p[i] <= 'Z';
        lower += s->p[i] >= 'a' && s->p[i] <= 'z';
        digits += s->p[i] >= '0' && s->p[i] <= '9';
    }
    return upper * 6 > b - a && lower * 6 > b - a && digits * 50 > b - a;
}

/* How many words of two letters or more; *initials: there are single ones with a full stop. */
static unsigned words(const struct pol_scan *s, size_t from, size_t to, bool *initials)
{
    unsigned n = 0;
    size_t w = from;

    for (size_t i = from; i <= to; i++) {
        if (i < to && (pol_is_word(s->p[i]) || s->p[i] == '-' || s->p[i] == '\''))
            continue;
        n += i - w > 1;
        *initials = *initials || (i - w == 1 && i < to && s->p[i] == '.');
        w = i + 1;
    }
    return n;
}

/* "A. Nothing" at the beginning of a line is an item of a list, not somebody's initial. */
static size_t skip_item(const struct pol_scan *s, size_t from, size_t to)
{
    size_t i = from + 2;

    if (to - from < 3 || s->p[from + 1] != '.' || (from > 0 && !strchr("\n(", s->p[from - 1])))
        return from;
    while (i < to && s->p[i] == ' ')
        i++;
    return i < to ? i : from;
}

/* "Mr", "Frau", "pani" right before. */
static bool titled(const struct pol_scan *s, size_t from)
{
    size_t i = from;

    while (i > 0 && from - i < 3 && (s->p[i - 1] == ' ' || s->p[i - 1] == '.'))
        i--;
    for (size_t k = pol_cue_after(s, from); i < from && k > 0; k--) {
        const struct pol_cue_hit *c = &s->cues[k - 1];

        if (c->to <= from && c->to >= i && (c->what & CUE_PERSON) && (c->what & CUE_NAME))
            return true;
        if (c->to < i)
            break;
    }
    return false;
}

static void on_entity(void *arg, size_t from, size_t to, unsigned kind, int margin, unsigned tokens,
                      unsigned shape)
{
    struct names *n = arg;
    struct pol_scan *s = n->s;
    bool lead, initials = false;
    size_t item = skip_item(s, from, to);

    if (item != from)
        from = item;
    if (in_code(s, from, to) || in_seal(s, from, to))
        return;
    if (kind != TAG_B_PER && titled(s, from))
        kind = TAG_B_PER;
    /* "Katarzyny" a person, "Wisniewskiej" behind it something else: one person */
    if (n->last && tokens == 1 && s->v[n->last - 1].to + 1 == from && s->p[from - 1] == ' ' &&
        kind != TAG_B_PER) {
        s->v[n->last - 1].to = (uint32_t)to;
        s->v[n->last - 1].level = POL_CONTEXT;
        n->last = 0;
        return;
    }
    n->last = 0;
    if (kind == TAG_B_ORG) {
        if (margin >= LEAST_ORG && to - from > 1)
            pol_found(s, from, to, POL_ORG, POL_SHAPE, NULL, 12);
        return;
    }
    if (kind == TAG_B_LOC) {
        if (margin >= LEAST_PLACE && to - from > 1)
            pol_found(s, from, to, POL_LOCATION, POL_SHAPE, NULL, 12);
        return;
    }
    lead = pol_cue_leads(s, from, CUE_NAME | CUE_PERSON, 12);
    if (margin < LEAST_PERSON && !lead)
        return;
    tokens = words(s, from, to, &initials);
    if (tokens == 0 || (tokens == 1 && (shape & TOK_DIGIT)))
        return;
    pol_found(s, from, to, POL_PERSON, tokens > 1 || lead || initials ? POL_CONTEXT : POL_SHAPE,
              NULL, 20);
    if (tokens == 1 && !initials && s->n_v > 0)
        n->last = s->n_v;
}

/* The capitalised words behind a title that the tagger passed over. */
static void behind_title(struct pol_scan *s, const struct pol_cue_hit *c)
{
    static const char *const offices[] = {"president",  "prasident", "prasidentin",  "minister",
                                          "ministerin", "chairman",  "speaker",      "director",
                                          "direktor",   "kommissar", "commissioner", "presidente"};
    size_t i = c->to, a, e;

    while (i < s->n && i - c->to < 3 && (s->p[i] == ' ' || s->p[i] == '.'))
        i++;
    if (i == c->to || i + 2 >= s->n || s->p[i] < 'A' || s->p[i] > 'Z' || s->p[i + 1] < 'a')
        return;
    for (a = e = i; e < s->n && (pol_is_alpha(s->p[e]) || s->p[e] == '-'); e++)
        ;
    for (size_t k = 0; k < sizeof(offices) / sizeof(offices[0]); k++) {
        if (base_str_ieq((struct base_str){s->p + a, e - a}, base_str_c(offices[k])))
            return;
    }
    if (e - a > 2 && !in_code(s, a, e))
        pol_found(s, a, e, POL_PERSON, POL_CONTEXT, NULL, 19);
}

static int by_place(const void *a, const void *b)
{
    const struct pol_cand *x = a, *y = b;

    return x->to != y->to ? (x->to < y->to ? -1 : 1) : x->from < y->from ? -1 : x->from > y->from;
}

static void on_token(void *arg, const struct pol_tok *k)
{
    struct names *n = arg;

    pol_inject_token(&n->inject, k);
}

void pol_scan_names(struct pol_scan *s, const struct pol_tagger *t)
{
    struct names n = {.s = s};

    pol_inject_init(&n.inject, NULL);

    pol_tag_text(t, s->p, s->n, on_entity, on_token, &n);
    for (size_t i = 0; i < s->n_cues; i++) {
        if ((s->cues[i].what & CUE_PERSON) && (s->cues[i].what & CUE_NAME))
            behind_title(s, &s->cues[i]);
    }
    if (s->n_v > 1)
        qsort(s->v, s->n_v, sizeof(*s->v), by_place);
    s->n_names = s->n_v;
    pol_scan_inject(s, &n.inject);
}

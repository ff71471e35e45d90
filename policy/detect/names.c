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

/* What announces numbers and codes. */
#define CUE_CODES                                                                                  \
    (CUE_NATID | CUE_TAX | CUE_VAT | CUE_HEALTH | CUE_ACCOUNT | CUE_PASSPORT | CUE_IDCARD |        \
     CUE_PLATE | CUE_VIN | CUE_EMPLOYEE | CUE_USER | CUE_DEVICE | CUE_BIC | CUE_ORDER)

/* Abbreviations in capitals that stand beside values and name nobody. */
static bool is_field(const struct pol_scan *s, size_t from, size_t to)
{
    static const char *const words[] = {
        "cvv", "cvc", "pin", "puk",  "iban", "bic", "nip",  "regon", "krs",   "pln", "eur", "usd",
        "gbp", "chf", "mac", "asap", "vat",  "dob", "imei", "pesel", "siret", "cif", "nif", "fyi"};

    for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
        if (base_str_ieq((struct base_str){s->p + from, to - from}, base_str_c(words[k])))
            return true;
    }
    return false;
}

/* Least margins over "no entity", a token on average, in units of the quantised model. */
#define LEAST_PERSON 20
#define LEAST_ORG    45
#define LEAST_PLACE  30

struct names {
    struct pol_scan *s;
    struct pol_inject inject;
    const struct pol_tagger *t;
    size_t last; /* index + 1 of the person just reported, if it is a bare word */
    size_t done; /* up to here an organisation with its legal form was reported */
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

/* "Senora Presidenta", "Herr Kommissar": an office, nobody's name. */
static bool is_office(const struct pol_scan *s, size_t from, size_t to)
{
    static const char *const offices[] = {
        "president",   "prasident",  "prasidentin",   "minister",  "ministerin",  "chairman",
        "speaker",     "director",   "direktor",      "kommissar", "kommissarin", "commissioner",
        "presidente",  "presidenta", "presidentessa", "comisario", "comisaria",   "commissario",
        "commissaire", "ministre",   "ministro",      "ministra",  "secretary",   "senoria",
        "senorias",    "directeur",  "voorzitter",    "prezes",    "prezydent",   "prezydencie",
        "ministrze",   "dyrektor",   "direttore",     "directora", "diretor",     "burgermeister",
        "sir",         "madam",      "kollege",       "kollegin",  "doktorze",    "mecenas"};
    struct base_str w = {s->p + from, to - from};

    for (size_t k = 0; k < sizeof(offices) / sizeof(offices[0]); k++) {
        if (base_str_ieq(w, base_str_c(offices[k])))
            return true;
    }
    return false;
}

/* "Fred rode", "Bilbao cerro": where the last capitalised word ends; a name ends with one. */
static size_t trim_small(const struct pol_scan *s, size_t from, size_t to)
{
    for (size_t end = to; end > from;) {
        size_t a = end;

        while (a > from && (pol_is_word(s->p[a - 1]) || strchr("-'", s->p[a - 1])))
            a--;
        if (a == from || a == end || s->p[a] < 'a' || s->p[a] > 'z' || s->p[a - 1] != ' ')
            return end;
        for (end = a; end > from && s->p[end - 1] == ' ';)
            end--;
        to = end;
    }
    return to;
}

/* In a text without capitals a name ends before the first ordinary word: "anna nowak from krakow".
 */
static size_t cut_common(const struct names *n, size_t from, size_t to)
{
    static const char *const within[] = {"van", "von", "der", "del", "los", "las", "dos", "das"};
    size_t at = 0, end = from;
    struct pol_tok k;

    while (pol_tok_next(n->t, n->s->p + from, to - from, &at, &k)) {
        bool part = false;

        for (size_t i = 0; i < sizeof(within) / sizeof(within[0]); i++)
            part = part || base_str_ieq((struct base_str){n->s->p + from + k.from, k.to - k.from},
                                        base_str_c(within[i]));
        if (end > from && (k.lists & TAG_COMMON) && !part)
            break;
        end = from + k.to;
    }
    return end;
}

/* "GmbH", "Sp. z o.o.": the form of a company at i: its end, or i. A line's end may stand in it. */
static size_t legal_form(const struct pol_scan *s, size_t i)
{
    static const char *const forms[] = {"sp. z o.o.",
                                        "sp. z o. o.",
                                        "spolka z ograniczona odpowiedzialnoscia",
                                        "spolka akcyjna",
                                        "sp. k.",
                                        "sp.k.",
                                        "sp. j.",
                                        "gmbh & co. kg",
                                        "gmbh",
                                        "ggmbh",
                                        "s.r.o.",
                                        "s.r.l.",
                                        "s.p.a.",
                                        "s.a.",
                                        "s.l.",
                                        "spa",
                                        "srl",
                                        "sarl",
                                        "sas",
                                        "b.v.",
                                        "n.v.",
                                        "ltd.",
                                        "ltd",
                                        "limited",
                                        "llc",
                                        "llp",
                                        "plc",
                                        "inc.",
                                        "inc",
                                        "incorporated",
                                        "corp.",
                                        "corporation",
                                        "a.s.",
                                        "a/s",
                                        "aps",
                                        "oyj",
                                        "oy",
                                        "kft.",
                                        "zrt.",
                                        "nyrt.",
                                        "d.o.o.",
                                        "lda.",
                                        "lda",
                                        "e.v."};

    for (size_t k = 0; k < sizeof(forms) / sizeof(forms[0]); k++) {
        const char *f = forms[k];
        size_t j = i;

        for (; *f && j < s->n; f++, j++) {
            char c = s->p[j];

            if (*f == ' ' ? c != ' ' && c != '\n' : (pol_is_alpha(c) ? c | 32 : c) != *f)
                break;
        }
        if (!*f && (f[-1] == '.' || j >= s->n || !pol_is_word(s->p[j])))
            return j;
    }
    return i;
}

/* The company that begins at from: its own words, up to two more capitalised ones, then its legal
 * form. Returns its end, or from. */
static size_t company(const struct pol_scan *s, size_t from, size_t to)
{
    size_t i = from;

    for (int more = 0, k = 0; more < 3 && k < 8; k++) {
        size_t a, e;

        while (i < s->n && i - from < 160 && (pol_is_word(s->p[i]) || s->p[i] == '-'))
            i++;
        for (a = i; a < s->n && a - i < 3 && strchr(" ,\n\"&", s->p[a]);)
            a++;
        if (a == i || a >= s->n)
            return from;
        e = legal_form(s, a);
        if (e > a)
            return e;
        if (a >= to && (s->p[a] < 'A' || s->p[a] > 'Z'))
            return from;
        more += a >= to;
        i = a;
    }
    return from;
}

/* "AnnaKowalska", "MarkaNowaka": a given name and a family name run together, as scanners do. */
static bool run_together(const struct names *n, size_t from, size_t to)
{
    const char *p = n->s->p;
    struct pol_tok k;
    size_t m = from + 1, at = 0;

    while (m < to && p[m] >= 'a' && p[m] <= 'z')
        m++;
    if (m - from < 3 || m + 4 > to || p[m] < 'A' || p[m] > 'Z')
        return false;
    for (size_t i = m + 1; i < to; i++) {
        if (p[i] < 'a' || p[i] > 'z')
            return false;
    }
    if (!pol_tok_next(n->t, p + from, m - from, &at, &k) || !(k.lists & TAG_GIVEN))
        return false;
    at = 0;
    return pol_tok_next(n->t, p + m, to - m, &at, &k) && (k.lists & (TAG_FAMILY | TAG_GIVEN)) &&
           !(k.lists & TAG_FIRM);
}

static void on_entity(void *arg, size_t from, size_t to, unsigned kind, int margin, unsigned tokens,
                      unsigned shape)
{
    struct names *n = arg;
    struct pol_scan *s = n->s;
    bool lead, initials = false;
    size_t item = skip_item(s, from, to), firm;
    unsigned known = shape >> TAG_LISTS_AT;

    if (item != from)
        from = item;
    if (in_code(s, from, to) || in_seal(s, from, to) || is_office(s, from, to))
        return;
    if (from < n->done)
        return;
    if (s->p[from] >= 'a' && s->p[from] <= 'z' && !(shape & TOK_SMALL)) {
        n->last = 0; /* a small word behind a name begins neither another nor goes on with it */
        if (kind != TAG_B_ORG)
            return;
    }
    if (kind != TAG_B_ORG)
        to = (shape & TOK_SMALL) ? cut_common(n, from, to) : trim_small(s, from, to);
    firm = company(s, from, to);
    if (firm > from) {
        pol_found(s, from, firm, POL_ORG, POL_SHAPE, NULL, 12);
        n->done = firm;
        n->last = 0;
        return;
    }
    if (kind != TAG_B_PER && tokens == 1 && run_together(n, from, to)) {
        pol_found(s, from, to, POL_PERSON, POL_CONTEXT, NULL, 20);
        n->last = 0;
        return;
    }
    if (kind != TAG_B_PER && titled(s, from))
        kind = TAG_B_PER;
    /* "Katarzyny" a person, "Wisniewskiej" behind it something else: one person */
    if (n->last && tokens == 1 && s->v[n->last - 1].to + 1 == from &&
        ((s->p[from - 1] == ' ' && kind != TAG_B_PER) ||
         (s->p[from - 1] == '\n' && (known & TAG_FAMILY)))) { /* or on the next line */
        s->v[n->last - 1].to = (uint32_t)to;
        s->v[n->last - 1].level = POL_CONTEXT;
        n->last = 0;
        return;
    }
    n->last = 0;
    if (kind == TAG_B_ORG) {
        if (margin >= LEAST_ORG && to - from > 1 && !is_field(s, from, to))
            pol_found(s, from, to, POL_ORG, POL_SHAPE, NULL, 12);
        return;
    }
    if (kind == TAG_B_LOC) {
        if (tokens == 1 &&
            ((shape & TOK_DIGIT) || ((shape & TOK_SMALL) && !(known & (TAG_PLACE | TAG_COUNTRY)))))
            return; /* a code; a word of a text without capitals that no list of places has */
        if (tokens == 1 && pol_cue_leads(s, from, CUE_CODES, 3) && !(known & TAG_PLACE))
            return; /* "BIC: DEUTZZFF" */
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
    size_t i = c->to, a, e;

    while (i < s->n && i - c->to < 3 && (s->p[i] == ' ' || s->p[i] == '.'))
        i++;
    if (i == c->to || i + 2 >= s->n || s->p[i] < 'A' || s->p[i] > 'Z' || s->p[i + 1] < 'a')
        return;
    for (a = e = i; e < s->n && (pol_is_alpha(s->p[e]) || s->p[e] == '-'); e++)
        ;
    if (e - a > 2 && !in_code(s, a, e) && !is_office(s, a, e))
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
    struct names n = {.s = s, .t = t};

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

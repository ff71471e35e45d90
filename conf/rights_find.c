/* rights_find.c - whether a text holds an identifier of somebody who is listed; see rights.h.
 *
 * Owns       nothing; reads a snapshot. Any thread.
 * Method     a text is cut into pieces (runs of letters and digits) with gaps of at most GAP_MAX
 *            other bytes between them, blanks in a row being one. Every run of at most 12
 * neighbouring pieces, written without what stands between them and in capitals, is looked up:
 * "DE89 3704-0044..." and "de8937040044..." are one identifier. A run counts only if it holds a
 * digit or an @, or if a bare name is listed. Lengths that no identifier has are passed over
 * without a hash; a SipHash finds, an HMAC-SHA256 decides. Ways       i  as it stands; t  a
 * telephone number behind + or 00, with its country code; l  without code and trunk zero; a  the
 * national part of one behind
 * + or 00. An identifier with a country code is stored as t and, for country codes of one to three
 * digits, as l; one without as l and a. So +49 170 1234567, 0049 170 1234567, +49 (0)170 1234567
 * and 0170 1234567 find each other. Text       ASCII is read as it is; else a copy is folded first
 * (compatibility forms, case, accents). "(0)" is passed over, "(at)" and "(dot)" in any brackets
 * are @ and a gap. Bounds     12 look-ups a piece and way. Fails closed: no memory for a copy
 * counts as both lists.
 */
#include "conf/rights_int.h"

#include "base/buf.h"
#include "base/clock.h"

#include <openssl/hmac.h>
#include <stdlib.h>
#include <utf8proc.h>

#define GAP_MAX   4
#define CANON_MIN 4
#define PHONE_MIN 7
#define PHONE_MAX 15

static unsigned way_index(char way)
{
    return way == 'i' ? 0 : way == 't' ? 1 : way == 'l' ? 2 : 3;
}

/* ---- hashes ---- */

static uint64_t rotl(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

struct sip {
    uint64_t a, b, c, d;
};

static void sip_round(struct sip *s)
{
    s->a += s->b;
    s->b = rotl(s->b, 13) ^ s->a;
    s->a = rotl(s->a, 32);
    s->c += s->d;
    s->d = rotl(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = rotl(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = rotl(s->b, 17) ^ s->c;
    s->c = rotl(s->c, 32);
}

static void sip_word(struct sip *s, uint64_t m)
{
    s->d ^= m;
    sip_round(s);
    sip_round(s);
    s->a ^= m;
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of the way's letter and the text behind it. */
static uint64_t sip24(const uint64_t k[2], char way, const char *p, size_t n)
{
    struct sip s = {k[0] ^ 0x736f6d6570736575u, k[1] ^ 0x646f72616e646f6du,
                    k[0] ^ 0x6c7967656e657261u, k[1] ^ 0x7465646279746573u};
    uint64_t m = (unsigned char)way;
    size_t have = 1;

    for (size_t i = 0; i < n; i++) {
        m |= (uint64_t)(unsigned char)p[i] << 8 * (have & 7);
        if ((++have & 7) == 0) {
            sip_word(&s, m);
            m = 0;
        }
    }
    sip_word(&s, m | (uint64_t)have << 56);
    s.c ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

void rights_mac(const uint8_t key[RIGHTS_KEY_BYTES], const char *what, struct base_str text,
                uint8_t out[32])
{
    uint8_t sub[32];
    unsigned n = 32;

    HMAC(EVP_sha256(), key, RIGHTS_KEY_BYTES, (const uint8_t *)what, strlen(what), sub, &n);
    HMAC(EVP_sha256(), sub, 32, (const uint8_t *)text.p, text.n, out, &n);
    base_wipe(sub, sizeof(sub));
}

void rights_hash_form(const struct conf_rights *r, const struct rights_form *f,
                      struct rights_hash *out)
{
    out->way = f->text[0];
    out->n = (uint8_t)(f->n - 1);
    out->quick = sip24(r->sip, f->text[0], f->text + 1, f->n - 1);
    rights_mac(r->key, "weir/rights/identifier/1", base_str_n(f->text, f->n), out->mac);
}

bool rights_index(struct conf_rights *r)
{
    size_t size = 16;

    while (size < 2 * r->n_hashes + 2)
        size *= 2;
    r->slots = base_arena_array(r->arena, size, sizeof(*r->slots));
    if (!r->slots)
        return false;
    r->mask = size - 1;
    for (size_t i = 0; i < r->n_hashes; i++) {
        const struct rights_hash *h = &r->hashes[i];
        size_t at = h->quick & r->mask;

        r->lengths[way_index(h->way)][h->n >> 6 & 1] |= 1ull << (h->n & 63);
        while (r->slots[at])
            at = (at + 1) & r->mask;
        r->slots[at] = (uint32_t)i + 1;
    }
    return true;
}

/* ---- pieces ---- */

struct piece {
    uint32_t from;     /* in canon */
    bool digit, other; /* holds a digit; something that is none */
    bool at;           /* an @ stands before it */
    bool plus;         /* a + stands directly before it */
};

/* A text as it is cut up: canon holds the letters and digits of the last pieces. */
struct cut {
    char canon[4096];
    size_t n;
    struct piece v[RIGHTS_PIECES];
    size_t k; /* of v, oldest first */
};

typedef void (*window_fn)(void *ctx, const struct cut *c, size_t first);

static bool of_piece(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t'; /* empty lines do set texts apart */
}

static bool word_is(const char *p, size_t n, const char *low)
{
    return base_str_ieq(base_str_n(p, n), base_str_c(low));
}

static bool bracketed(struct base_str t, size_t from, size_t to)
{
    size_t a = from, b = to;

    while (a > 0 && t.p[a - 1] == ' ')
        a--;
    while (b < t.n && t.p[b] == ' ')
        b++;
    return a > 0 && b < t.n && strchr("([{<", t.p[a - 1]) && strchr(")]}>", t.p[b]);
}

/* Makes room in canon for n bytes, dropping what no window can reach any more. */
static void slide(struct cut *c, size_t n)
{
    if (c->n + n <= sizeof(c->canon))
        return;
    size_t keep = c->k ? c->v[0].from : (uint32_t)c->n;
    memmove(c->canon, c->canon + keep, c->n - keep);
    c->n -= keep;
    for (size_t i = 0; i < c->k; i++)
        c->v[i].from -= (uint32_t)keep;
}

static void add_piece(struct cut *c, const char *p, size_t n, bool at, bool plus)
{
    struct piece one = {.at = at, .plus = plus};

    if (c->k == RIGHTS_PIECES) {
        memmove(c->v, c->v + 1, (RIGHTS_PIECES - 1) * sizeof(c->v[0]));
        c->k--;
    }
    slide(c, n);
    one.from = (uint32_t)c->n;
    for (size_t i = 0; i < n; i++) {
        char b = p[i];
        bool digit = b >= '0' && b <= '9';

        one.digit = one.digit || digit;
        one.other = one.other || !digit;
        c->canon[c->n++] = b >= 'a' && b <= 'z' ? (char)(b - 32) : b;
    }
    c->v[c->k++] = one;
}

/* Calls fn for the last piece and each number of pieces before it, the shortest run first. */
static void each_run(const struct cut *c, window_fn fn, void *ctx)
{
    for (size_t first = c->k; first-- > 0;) {
        if (c->n - c->v[first].from > CONF_RIGHTS_CANON_MAX)
            return;
        fn(ctx, c, first);
    }
}

/* t is folded. Calls fn at the end of every piece. */
static void cut_text(struct base_str t, window_fn fn, void *ctx)
{
    struct cut c;
    size_t i = 0, gap = 0;
    bool at = false;

    c.n = c.k = 0;
    while (i < t.n) {
        size_t from = i;

        if (!of_piece((unsigned char)t.p[i])) {
            bool space = i > 0 && is_space(t.p[i - 1]) && is_space(t.p[i]);
            at = at || t.p[i] == '@';
            i++;
            if (!space && ++gap > GAP_MAX)
                c.k = 0;
            continue;
        }
        while (i < t.n && of_piece((unsigned char)t.p[i]))
            i++;
        size_t n = i - from;
        if (n <= 3 && c.k && bracketed(t, from, i) &&
            (word_is(t.p + from, n, "0") || word_is(t.p + from, n, "at") ||
             word_is(t.p + from, n, "dot"))) {
            at = at || word_is(t.p + from, n, "at");
            gap = 0;
            continue;
        }
        bool plus = from > 0 && t.p[from - 1] == '+';
        if (n > CONF_RIGHTS_CANON_MAX)
            c.k = 0; /* no identifier is so long */
        else {
            add_piece(&c, t.p + from, n, at, plus);
            each_run(&c, fn, ctx);
        }
        gap = 0;
        at = false;
    }
}

/* A folded copy where the text is not ASCII; *own is what to wipe and free. */
static bool fold(struct base_str in, struct base_str *out, struct base_buf *own)
{
    size_t i = 0;

    while (i < in.n && (unsigned char)in.p[i] < 0x80)
        i++;
    *out = in;
    if (i == in.n)
        return true;
    base_buf_init(own, 3 * in.n + 64);
    base_buf_add(own, in.p, i);
    while (i < in.n) {
        uint32_t cp;
        utf8proc_int32_t parts[32];
        int boundary = 0;

        if ((unsigned char)in.p[i] < 0x80) {
            base_buf_byte(own, in.p[i++]);
            continue;
        }
        size_t k = base_utf8_decode(in.p + i, in.n - i, &cp);
        utf8proc_ssize_t n =
            k ? utf8proc_decompose_char((utf8proc_int32_t)cp, parts, 32,
                                        UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD |
                                            UTF8PROC_STRIPMARK | UTF8PROC_IGNORE,
                                        &boundary)
              : 0;
        for (utf8proc_ssize_t p = 0; p < n && n <= 32; p++) {
            utf8proc_category_t cat = utf8proc_category(parts[p]);
            bool letter = (cat >= UTF8PROC_CATEGORY_LU && cat <= UTF8PROC_CATEGORY_LO) ||
                          cat == UTF8PROC_CATEGORY_ND;
            char b[4];

            if (parts[p] >= 0x80 && !letter)
                base_buf_byte(own, ' ');
            else
                base_buf_add(own, b, base_utf8_encode((uint32_t)parts[p], b));
        }
        i += k ? k : 1;
    }
    *out = base_buf_view(own);
    return base_buf_ok(own);
}

/* ---- looking up ---- */

struct search {
    const struct conf_rights *r;
    int64_t today;
    unsigned lists;
};

static void look_up(struct search *s, char way, const char *p, size_t n)
{
    const struct conf_rights *r = s->r;
    struct rights_form f;
    uint8_t mac[32];
    bool known = false;

    if (n == 0 || n > CONF_RIGHTS_CANON_MAX ||
        !(r->lengths[way_index(way)][n >> 6 & 1] >> (n & 63) & 1))
        return;
    uint64_t quick = sip24(r->sip, way, p, n);
    for (size_t at = quick & r->mask; r->slots[at]; at = (at + 1) & r->mask) {
        const struct rights_hash *h = &r->hashes[r->slots[at] - 1];

        if (h->quick != quick || h->way != way || h->n != n)
            continue;
        if (!known) {
            f.text[0] = way;
            memcpy(f.text + 1, p, n);
            f.n = (uint32_t)n + 1;
            rights_mac(r->key, "weir/rights/identifier/1", base_str_n(f.text, f.n), mac);
            known = true;
        }
        if (memcmp(mac, h->mac, 32) == 0 && conf_rights_holds(&r->v[h->entry], s->today))
            s->lists |= r->v[h->entry].list;
    }
}

/* Nothing but digits between a + and here: what begins here is the rest of another number. */
static bool behind_code(const struct cut *c, size_t first)
{
    while (first > 0 && !c->v[first - 1].other) {
        if (c->v[--first].plus)
            return true;
    }
    return false;
}

static void on_run(void *ctx, const struct cut *c, size_t first)
{
    struct search *s = ctx;
    const char *p = c->canon + c->v[first].from;
    size_t n = c->n - c->v[first].from;
    bool digit = false, other = false, at = false;

    if (n < CANON_MIN)
        return;
    for (size_t i = first; i < c->k; i++) {
        digit = digit || c->v[i].digit;
        other = other || c->v[i].other;
        at = at || (i > first && c->v[i].at);
    }
    if (digit || at || s->r->words)
        look_up(s, 'i', p, n);
    if (other || n > PHONE_MAX + 2)
        return;
    bool zeros = n > 2 && p[0] == '0' && p[1] == '0', coded = c->v[first].plus || zeros;
    const char *digits = zeros ? p + 2 : p;
    size_t m = zeros ? n - 2 : n;
    if (m < PHONE_MIN - 1 || m > PHONE_MAX)
        return;
    if (coded) {
        look_up(s, 't', digits, m);
        for (size_t cc = 1; cc <= 3 && m > cc; cc++)
            look_up(s, 'a', digits + cc, m - cc);
    } else if (!behind_code(c, first)) {
        look_up(s, 'l', p + (p[0] == '0'), n - (p[0] == '0'));
    }
}

unsigned conf_rights_in_text(const struct conf_rights *r, struct base_str text, int64_t today)
{
    struct search s = {.r = r, .today = today};
    struct base_buf own = {0};
    struct base_str folded;

    if (!r || r->n_hashes == 0 || text.n < CANON_MIN)
        return 0;
    if (fold(text, &folded, &own))
        cut_text(folded, on_run, &s);
    else
        s.lists = CONF_RIGHTS_RESTRICTED | CONF_RIGHTS_OBJECTED;
    base_buf_wipe(&own);
    return s.lists;
}

/* ---- one identifier ---- */

struct whole {
    char text[CONF_RIGHTS_CANON_MAX + 1];
    size_t n, pieces;
    size_t ends[RIGHTS_PIECES];
    bool digit, other, at, plus, too_much;
};

static void on_whole(void *ctx, const struct cut *c, size_t first)
{
    struct whole *w = ctx;

    if (first + 1 != c->k)
        return;
    const struct piece *last = &c->v[first];
    size_t n = c->n - last->from;
    if (w->pieces == 0)
        w->plus = last->plus;
    w->at = w->at || (w->pieces > 0 && last->at);
    w->digit = w->digit || last->digit;
    w->other = w->other || last->other;
    if (++w->pieces > RIGHTS_PIECES || w->n + n > CONF_RIGHTS_CANON_MAX) {
        w->too_much = true;
        return;
    }
    memcpy(w->text + w->n, c->canon + last->from, n);
    w->n += n;
    w->ends[w->pieces - 1] = w->n;
}

static bool read_whole(struct base_str identifier, struct whole *w)
{
    struct base_buf own = {0};
    struct base_str folded;

    memset(w, 0, sizeof(*w));
    if (identifier.n > CONF_RIGHTS_INPUT_MAX || !fold(identifier, &folded, &own)) {
        base_buf_wipe(&own);
        return false;
    }
    cut_text(folded, on_whole, w);
    base_buf_wipe(&own);
    return !w->too_much && w->n >= CANON_MIN;
}

static void put_form(struct rights_form *f, char way, const char *p, size_t n)
{
    f->text[0] = way;
    memcpy(f->text + 1, p, n);
    f->n = (uint32_t)n + 1;
}

/* A name is also written with its last word first, or was given so. */
static size_t name_forms(const struct whole *w, struct rights_form *out)
{
    char turned[CONF_RIGHTS_CANON_MAX];
    size_t n = 0, cuts[2] = {w->ends[w->pieces - 2], w->ends[0]};

    for (size_t i = 0; i < (w->pieces > 2 ? 2 : 1); i++) {
        memcpy(turned, w->text + cuts[i], w->n - cuts[i]);
        memcpy(turned + w->n - cuts[i], w->text, cuts[i]);
        put_form(&out[n++], 'i', turned, w->n);
    }
    base_wipe(turned, sizeof(turned));
    return n;
}

size_t rights_forms(struct base_str identifier, struct rights_form out[RIGHTS_FORMS_MAX],
                    const char **kind)
{
    struct whole w;
    size_t n = 0;

    if (!read_whole(base_str_trim(identifier), &w)) {
        base_wipe(&w, sizeof(w));
        return 0;
    }
    bool zeros = !w.other && w.n > 2 && w.text[0] == '0' && w.text[1] == '0';
    bool coded = !w.other && (w.plus || zeros);
    const char *digits = zeros ? w.text + 2 : w.text;
    size_t m = zeros ? w.n - 2 : w.n;
    *kind = w.at ? "email" : !w.digit ? "name" : coded ? "phone" : w.other ? "id" : "number";
    put_form(&out[n++], 'i', w.text, w.n);
    if (!w.digit && !w.at && w.pieces > 1)
        n += name_forms(&w, &out[n]);
    if (!w.other && m >= PHONE_MIN && m <= PHONE_MAX) {
        if (coded) {
            put_form(&out[n++], 't', digits, m);
            for (size_t cc = 1; cc <= 3 && m > cc + 3; cc++)
                put_form(&out[n++], 'l', digits + cc, m - cc);
        } else {
            size_t zero = w.text[0] == '0';
            put_form(&out[n++], 'l', w.text + zero, w.n - zero);
            put_form(&out[n++], 'a', w.text + zero, w.n - zero);
        }
    }
    base_wipe(&w, sizeof(w));
    return n;
}

enum base_status conf_rights_fit(struct base_str identifier, struct base_err *err)
{
    struct rights_form forms[RIGHTS_FORMS_MAX];
    const char *kind;
    size_t n = rights_forms(identifier, forms, &kind);

    base_wipe(forms, sizeof(forms));
    if (n > 0)
        return BASE_OK;
    return base_err_set(err, BASE_EINVAL,
                        "an identifier has %d to %d letters and digits in at most %d pieces (an "
                        "e-mail address, a number, a name)",
                        CANON_MIN, CONF_RIGHTS_CANON_MAX, RIGHTS_PIECES);
}

size_t conf_rights_of(const struct conf_rights *r, struct base_str identifier, size_t *out,
                      size_t max)
{
    struct rights_form forms[RIGHTS_FORMS_MAX];
    const char *kind;
    size_t n = 0, k = r ? rights_forms(identifier, forms, &kind) : 0;

    for (size_t f = 0; f < k; f++) {
        struct rights_hash h = {0};

        rights_hash_form(r, &forms[f], &h);
        for (size_t i = 0; i < r->n_hashes; i++) {
            bool known = memcmp(r->hashes[i].mac, h.mac, 32) != 0;

            for (size_t e = 0; e < n && !known; e++)
                known = out[e] == r->hashes[i].entry;
            if (!known && n < max)
                out[n++] = r->hashes[i].entry;
        }
    }
    base_wipe(forms, sizeof(forms));
    return n;
}

unsigned conf_rights_of_tag(const struct conf_rights *r, struct base_str tag, int64_t today)
{
    unsigned lists = 0;

    for (size_t i = 0; r && tag.n && i < r->n; i++)
        for (size_t k = 0; k < r->v[i].n_tags; k++)
            if (base_str_eq(r->v[i].tags[k], tag) && conf_rights_holds(&r->v[i], today))
                lists |= r->v[i].list;
    return lists;
}

bool conf_rights_holds(const struct conf_rights_entry *e, int64_t today)
{
    return today <= e->expires_day;
}

/* rights_find.c - whether a text holds an identifier of somebody who is listed; see rights.h. What
 * an identifier is stored as: rights_form.c.
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
 * counts as both lists. Names      a bare name is also found with up to three words between its
 * first two and its last two, where each is a further name, an initial or a linking word.
 */
#include "conf/rights_int.h"

#include "base/buf.h"
#include "base/clock.h"

#include <openssl/hmac.h>
#include <stdlib.h>
#include <utf8proc.h>

#define GAP_MAX  4
#define NAME_MIN 6 /* letters of a name of which the words stand apart */

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

static bool capital(char c)
{
    return (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* Makes room in canon for n bytes, dropping what no window can reach any more. */
static void slide(struct rights_cut *c, size_t n)
{
    if (c->n + n <= sizeof(c->canon))
        return;
    size_t keep = c->k ? c->v[0].from : (uint32_t)c->n;
    memmove(c->canon, c->canon + keep, c->n - keep);
    c->n -= keep;
    for (size_t i = 0; i < c->k; i++)
        c->v[i].from -= (uint32_t)keep;
}

static void add_piece(struct rights_cut *c, const char *p, size_t n, bool at, bool plus)
{
    struct rights_piece one = {.at = at, .plus = plus, .capital = capital(p[0])};

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
static void each_run(const struct rights_cut *c, rights_window_fn fn, void *ctx)
{
    for (size_t first = c->k; first-- > 0;) {
        if (c->n - c->v[first].from > CONF_RIGHTS_CANON_MAX)
            return;
        fn(ctx, c, first);
    }
}

void rights_cut_text(struct base_str t, rights_window_fn fn, void *ctx)
{
    struct rights_cut c;
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

bool rights_fold(struct base_str in, struct base_str *out, struct base_buf *own)
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
static bool behind_code(const struct rights_cut *c, size_t first)
{
    while (first > 0 && !c->v[first - 1].other) {
        if (c->v[--first].plus)
            return true;
    }
    return false;
}

#define PART_MAX    2 /* words of a name before and behind what stands in between */
#define BETWEEN_MAX 3

static size_t piece_end(const struct rights_cut *c, size_t i)
{
    return i + 1 < c->k ? c->v[i + 1].from : c->n;
}

/* May this word stand within a name? A further name (a capital, a letter without case), an initial,
 * or a word that links names. */
static bool between(const struct rights_cut *c, size_t i)
{
    static const char links[][10] = {
        "GEB", "GEBORENE", "GEBORENER", "NEE", "BORN", "DOMU", "VOTO", "PRIMO", "VERH", "VON",
        "VAN", "VOM",      "ZU",        "ZUM", "ZUR",  "DE",   "DEL",  "DER",   "DEN",  "DES",
        "DI",  "DA",       "DO",        "DOS", "DAS",  "DU",   "LA",   "LE",    "EL",   "AL",
        "BIN", "IBN",      "AF",        "AV",  "AP",   "TEN",  "TER",  "TE"};
    const char *p = c->canon + c->v[i].from;
    size_t n = piece_end(c, i) - c->v[i].from;

    if (c->v[i].digit)
        return false;
    if (c->v[i].capital || n == 1)
        return true;
    for (size_t k = 0; n < sizeof(links[0]) && k < sizeof(links) / sizeof(links[0]); k++)
        if (links[k][0] == p[0] && links[k][n] == '\0' && memcmp(links[k], p, n) == 0)
            return true;
    return false;
}

/* A name with others in between, which ends here: "Anna, geb. Maria, Nowak" for Anna Nowak. What
 * stands between has been looked at. */
static void on_name(struct search *s, const struct rights_cut *c, size_t before, size_t skip,
                    size_t behind)
{
    char name[CONF_RIGHTS_CANON_MAX];
    size_t first = c->k - behind - skip - before;
    size_t n = c->v[first + before].from - c->v[first].from;
    size_t rest = c->n - c->v[c->k - behind].from, sum = n + rest;

    if (sum > sizeof(name) || sum < NAME_MIN || !(s->r->lengths[0][sum >> 6 & 1] >> (sum & 63) & 1))
        return;
    for (size_t i = first; i < c->k; i++) {
        bool part = i < first + before || i >= c->k - behind;

        if (c->v[i].digit || c->v[i].at || (part && piece_end(c, i) - c->v[i].from < 2))
            return;
    }
    memcpy(name, c->canon + c->v[first].from, n);
    memcpy(name + n, c->canon + c->v[c->k - behind].from, rest);
    look_up(s, 'i', name, sum);
}

static void on_names(struct search *s, const struct rights_cut *c)
{
    for (size_t behind = 1; behind <= PART_MAX; behind++)
        for (size_t skip = 1; skip <= BETWEEN_MAX && behind + skip < c->k; skip++) {
            if (!between(c, c->k - behind - skip))
                break;
            for (size_t before = 1; before <= PART_MAX && behind + skip + before <= c->k; before++)
                on_name(s, c, before, skip, behind);
        }
}

static void on_run(void *ctx, const struct rights_cut *c, size_t first)
{
    struct search *s = ctx;
    const char *p = c->canon + c->v[first].from;
    size_t n = c->n - c->v[first].from;
    bool digit = false, other = false, at = false;

    if (first + 1 == c->k && s->r->words)
        on_names(s, c);
    if (n < RIGHTS_CANON_MIN)
        return;
    for (size_t i = first; i < c->k; i++) {
        digit = digit || c->v[i].digit;
        other = other || c->v[i].other;
        at = at || (i > first && c->v[i].at);
    }
    if (digit || at || s->r->words)
        look_up(s, 'i', p, n);
    if (other || n > RIGHTS_PHONE_MAX + 2)
        return;
    bool zeros = n > 2 && p[0] == '0' && p[1] == '0', coded = c->v[first].plus || zeros;
    const char *digits = zeros ? p + 2 : p;
    size_t m = zeros ? n - 2 : n;
    if (m < RIGHTS_PHONE_MIN - 1 || m > RIGHTS_PHONE_MAX)
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

    if (!r || r->n_hashes == 0 || text.n < RIGHTS_CANON_MIN)
        return 0;
    if (rights_fold(text, &folded, &own))
        rights_cut_text(folded, on_run, &s);
    else
        s.lists = CONF_RIGHTS_RESTRICTED | CONF_RIGHTS_OBJECTED;
    base_buf_wipe(&own);
    return s.lists;
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

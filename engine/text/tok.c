/* tok.c - the tokenizer's public face: splitting special tokens out, encoding the rest, decoding.
 *
 * Special tokens are found in one pass over the text: at each byte those that start with it are
 * tried, every hit is noted, and then hits are taken longest token first (leftmost among equals),
 * skipping what overlaps one already taken. That is the order in which the models' own tools split
 * (token by token over the whole text), without going over the text once per token.
 *
 * Foreign spans: a hit that touches one is not noted at all. Only user-defined tokens of nothing
 * but white space, letters and numbers (runs of newlines, single letters) are split out of any
 * text: they cannot mean anything to the chat format, and models expect them.
 */
#include "engine/text/tok_int.h"
#include "engine/text/unicode.h"

#include <stdlib.h>

#define TOK_HITS_MAX (4u << 20)

uint32_t eng_tok_n_vocab(const struct eng_tok *t)
{
    return t->n_vocab;
}

int32_t eng_tok_bos(const struct eng_tok *t)
{
    return t->bos;
}

int32_t eng_tok_eos(const struct eng_tok *t)
{
    return t->eos;
}

bool eng_tok_adds_bos(const struct eng_tok *t)
{
    return t->add_bos;
}

static bool known(const struct eng_tok *t, int32_t id)
{
    return id >= 0 && (uint32_t)id < t->n_vocab;
}

bool eng_tok_is_eog(const struct eng_tok *t, int32_t id)
{
    return known(t, id) && (t->flags[id] & TOK_F_EOG);
}

bool eng_tok_is_special(const struct eng_tok *t, int32_t id)
{
    return known(t, id) &&
           (t->type[id] == TOK_CONTROL || t->type[id] == TOK_UNKNOWN || t->type[id] == TOK_UNUSED);
}

bool eng_tok_is_user(const struct eng_tok *t, int32_t id)
{
    return known(t, id) && t->type[id] == TOK_USER;
}

struct base_str eng_tok_text(const struct eng_tok *t, int32_t id)
{
    return known(t, id) ? t->text[id] : BASE_STR_NULL;
}

int32_t eng_tok_find(const struct eng_tok *t, struct base_str text)
{
    return text.n ? tok_map_get(t, &t->all, text) : -1;
}

const char *eng_tok_kind(const struct eng_tok *t)
{
    return t->kind;
}

void eng_ids_release(struct eng_ids *ids)
{
    free(ids->v);
    ids->v = NULL;
    ids->n = ids->cap = 0;
}

enum base_status eng_ids_add(struct eng_ids *ids, int32_t id, struct base_err *err)
{
    if (ids->n >= ids->max)
        return base_err_set(err, BASE_LIMIT, "the text has more than %zu tokens", ids->max);
    if (ids->n == ids->cap) {
        size_t cap = ids->cap ? ids->cap * 2 : 128;
        int32_t *v = realloc(ids->v, cap * sizeof(*v));
        if (v == NULL)
            return base_err_set(err, BASE_ENOMEM, "no memory for tokens");
        ids->v = v;
        ids->cap = cap;
    }
    ids->v[ids->n++] = id;
    return BASE_OK;
}

/* ---- special tokens in a text ---- */

struct hit {
    uint32_t rank; /* index in t->special */
    uint32_t at, end;
};

struct hits {
    struct hit *v;
    size_t n, cap;
};

static int by_rank(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int by_place(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static enum base_status note(struct hits *h, struct hit x, struct base_err *err)
{
    if (h->n == h->cap) {
        if (h->n >= TOK_HITS_MAX)
            return base_err_set(err, BASE_LIMIT, "the text has too many special tokens");
        size_t cap = h->cap ? h->cap * 2 : 64;
        struct hit *v = realloc(h->v, cap * sizeof(*v));
        if (v == NULL)
            return base_err_set(err, BASE_ENOMEM, "no memory to tokenize");
        h->v = v;
        h->cap = cap;
    }
    h->v[h->n++] = x;
    return BASE_OK;
}

struct scan {
    struct base_str text;
    bool parse;
    const struct eng_span *foreign;
    size_t n_foreign;
};

static enum base_status find_hits(const struct eng_tok *t, const struct scan *s, struct hits *h,
                                  struct base_err *err)
{
    struct base_str x = s->text;
    size_t f = 0;
    for (size_t i = 0; i < x.n; i++) {
        uint8_t c = (uint8_t)x.p[i];
        while (f < s->n_foreign && s->foreign[f].to <= i)
            f++;
        for (uint32_t k = t->special_first[c]; k < t->special_first[c + 1]; k++) {
            uint32_t rank = t->special_by[k];
            int32_t id = t->special[rank];
            struct base_str w = t->text[id];
            if (w.n > x.n - i || memcmp(w.p, x.p + i, w.n) != 0)
                continue;
            bool foreign = f < s->n_foreign && s->foreign[f].from < i + w.n;
            if ((!s->parse || foreign) && !(t->flags[id] & TOK_F_PLAIN))
                continue;
            enum base_status st =
                note(h, (struct hit){rank, (uint32_t)i, (uint32_t)(i + w.n)}, err);
            if (st != BASE_OK)
                return st;
        }
    }
    return BASE_OK;
}

/* Keeps the hits that stand, in the order of the text. */
static enum base_status choose(const struct eng_tok *t, struct base_str text, struct hits *h,
                               struct base_err *err)
{
    if (h->n == 0)
        return BASE_OK;
    uint8_t *taken = calloc(text.n, 1);
    if (taken == NULL)
        return base_err_set(err, BASE_ENOMEM, "no memory to tokenize");
    qsort(h->v, h->n, sizeof(*h->v), by_rank);
    size_t kept = 0;
    for (size_t i = 0; i < h->n; i++) {
        struct hit x = h->v[i];
        if (taken[x.at] || taken[x.end - 1]) /* shorter than those taken: its ends tell */
            continue;
        memset(taken + x.at, 1, x.end - x.at);
        while ((t->flags[t->special[x.rank]] & TOK_F_RSTRIP) && x.end < text.n) {
            size_t len;
            if (taken[x.end] ||
                !(eng_uni_class(eng_uni_at(text.p, x.end, text.n, &len)) & ENG_UNI_SPACE))
                break;
            memset(taken + x.end, 1, len);
            x.end += (uint32_t)len;
        }
        h->v[kept++] = x;
    }
    free(taken);
    h->n = kept;
    qsort(h->v, kept, sizeof(*h->v), by_place);
    return BASE_OK;
}

static enum base_status stretch(const struct eng_tok *t, struct tok_joiner *j, struct base_str s,
                                struct eng_ids *ids, struct base_err *err)
{
    if (s.n == 0)
        return BASE_OK;
    if (t->gemma)
        return tok_gemma_encode(t, j, s, ids, err);
    if (!t->spm)
        return tok_bpe_encode(t, j, s, ids, err);
    return tok_spm_encode(t, j, s, t->add_space_prefix, ids, err);
}

static enum base_status encode(const struct eng_tok *t, const struct scan *s, unsigned flags,
                               struct eng_ids *ids, struct base_err *err)
{
    struct hits h = {0};
    struct tok_joiner j = {0};
    enum base_status st = BASE_OK;
    if (s->text.n > ENG_TOK_TEXT_MAX)
        return base_err_set(err, BASE_LIMIT, "a text of %zu bytes is too long", s->text.n);
    if (t->text_max > 0 && s->text.n / t->text_max > ids->max) /* cannot fit: spare the work */
        return base_err_set(err, BASE_LIMIT, "the text has more than %zu tokens", ids->max);
    if ((flags & ENG_TOK_ADD) && t->add_bos)
        st = eng_ids_add(ids, t->bos, err);
    if (st == BASE_OK)
        st = find_hits(t, s, &h, err);
    if (st == BASE_OK)
        st = choose(t, s->text, &h, err);
    size_t at = 0;
    for (size_t i = 0; i < h.n && st == BASE_OK; i++) {
        /* a space goes in front at the start and behind each special token: in SPM always */
        st = stretch(t, &j, base_str_n(s->text.p + at, h.v[i].at - at), ids, err);
        if (st == BASE_OK)
            st = eng_ids_add(ids, t->special[h.v[i].rank], err);
        at = h.v[i].end;
    }
    if (st == BASE_OK)
        st = stretch(t, &j, base_str_n(s->text.p + at, s->text.n - at), ids, err);
    if (st == BASE_OK && (flags & ENG_TOK_ADD) && t->add_eos)
        st = eng_ids_add(ids, t->eos, err);
    tok_joiner_release(&j);
    free(h.v);
    return st;
}

enum base_status eng_tok_encode(const struct eng_tok *t, struct base_str text, unsigned flags,
                                struct eng_ids *ids, struct base_err *err)
{
    struct scan s = {.text = text, .parse = (flags & ENG_TOK_PARSE) != 0};
    return encode(t, &s, flags, ids, err);
}

enum base_status eng_tok_encode_mixed(const struct eng_tok *t, struct base_str text,
                                      const struct eng_span *foreign, size_t n_foreign,
                                      unsigned flags, struct eng_ids *ids, struct base_err *err)
{
    struct scan s = {.text = text, .parse = true, .foreign = foreign, .n_foreign = n_foreign};
    return encode(t, &s, flags, ids, err);
}

/* ---- back to text ---- */

enum base_status eng_tok_piece(const struct eng_tok *t, int32_t id, bool special,
                               struct base_buf *out, struct base_err *err)
{
    if (!known(t, id))
        return base_err_set(err, BASE_EINVAL, "token %d is not in the vocabulary of %u", id,
                            t->n_vocab);
    struct base_str w = t->text[id];
    uint8_t type = t->type[id];
    if (type == TOK_CONTROL || type == TOK_UNKNOWN || type == TOK_UNUSED || type == TOK_USER) {
        if (special || type == TOK_USER || (t->flags[id] & TOK_F_SHOWN))
            base_buf_str(out, w);
    } else if ((t->spm || t->gemma) && type == TOK_BYTE) {
        for (unsigned b = 0; b < 256; b++)
            if (t->byte_id[b] == id)
                base_buf_byte(out, (char)b);
    } else {
        for (size_t i = 0; i < w.n;) {
            size_t len;
            uint32_t cp = eng_uni_at(w.p, i, w.n, &len);
            int byte = t->spm || t->gemma ? (cp == 0x2581 ? ' ' : -1) : tok_alphabet_byte(cp);
            if (byte >= 0)
                base_buf_byte(out, (char)byte);
            else
                base_buf_add(out, w.p + i, len);
            i += len;
        }
    }
    if (!base_buf_ok(out))
        return base_err_set(err, BASE_LIMIT, "the text is longer than %zu bytes", out->max);
    return BASE_OK;
}

static void replace_all(struct base_buf *b, size_t from, const char *what, const char *by)
{
    size_t n = strlen(what), m = strlen(by), w = from;
    for (size_t i = from; i < b->n;) {
        if (b->n - i >= n && memcmp(b->p + i, what, n) == 0) {
            memcpy(b->p + w, by, m);
            w += m;
            i += n;
        } else {
            b->p[w++] = b->p[i++];
        }
    }
    b->n = w;
}

enum base_status eng_tok_decode(const struct eng_tok *t, const int32_t *ids, size_t n,
                                struct base_buf *out, struct base_err *err)
{
    static const char *const clean[][2] = {
        {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
        {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    size_t from = out->n;
    for (size_t i = 0; i < n; i++) {
        size_t at = out->n;
        enum base_status st = eng_tok_piece(t, ids[i], true, out, err);
        if (st != BASE_OK)
            return st;
        if (i == 0 && t->add_space_prefix && out->n > at && out->p[at] == ' ') {
            memmove(out->p + at, out->p + at + 1, out->n - at - 1);
            out->n--;
        }
    }
    for (size_t i = 0; !t->spm && t->rule->clean_spaces && i < sizeof(clean) / sizeof(clean[0]);
         i++)
        replace_all(out, from, clean[i][0], clean[i][1]);
    return BASE_OK;
}

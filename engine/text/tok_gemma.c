/* tok_gemma.c - Gemma 4's tokenizer: merges as in BPE, over characters as in SentencePiece.
 *
 * Spaces are written as U+2581 in the vocabulary, so the text is translated first. It is cut into
 * runs of line ends and runs of everything else (no merge crosses that border), its characters are
 * the first symbols, and neighbours are joined in the order of the merge list. A character that is
 * no symbol, and a symbol that is no token, falls apart into byte tokens <0xXX>, or the unknown
 * token where the vocabulary lacks those.
 */
#include "engine/text/tok_int.h"
#include "engine/text/unicode.h"

struct job {
    const struct eng_tok *t;
    struct tok_joiner *j;
    struct eng_ids *ids;
    struct base_err *err;
};

static bool pair(const struct eng_tok *t, const char *text, const struct tok_sym *a,
                 const struct tok_sym *b, float *cost, int32_t *id)
{
    (void)text;
    const struct tok_merge *m = tok_merge_get(&t->merges, a->id, b->id);
    if (m == NULL)
        return false;
    *cost = (float)m->rank; /* exact: ranks stay below 2^24 */
    *id = m->result;
    return true;
}

static enum base_status put(const struct job *k, const char *text, const struct tok_sym *s)
{
    const struct eng_tok *t = k->t;
    enum base_status st = BASE_OK;
    if (s->id >= 0 && (uint32_t)s->id < t->n_vocab)
        return eng_ids_add(k->ids, s->id, k->err);
    for (uint32_t i = 0; i < s->len && st == BASE_OK; i++) {
        int32_t id = t->byte_id[(uint8_t)text[s->at + i]];
        id = id < 0 ? t->unk : id;
        if (id >= 0)
            st = eng_ids_add(k->ids, id, k->err);
    }
    return st;
}

static enum base_status run(void *ctx, struct base_str w)
{
    struct job *k = ctx;
    enum base_status st = BASE_OK;
    k->j->n = 0;
    for (size_t i = 0; i < w.n && st == BASE_OK;) {
        size_t len;
        (void)eng_uni_at(w.p, i, w.n, &len);
        int32_t id = tok_map_get(k->t, &k->t->plain, base_str_n(w.p + i, len));
        st = tok_joiner_add(k->j, (uint32_t)i, (uint32_t)len, id, k->err);
        i += len;
    }
    if (st == BASE_OK)
        st = tok_join(k->t, k->j, w.p, pair, k->err);
    for (size_t i = 0; i < k->j->n && st == BASE_OK; i++)
        if (k->j->sym[i].len > 0)
            st = put(k, w.p, &k->j->sym[i]);
    return st;
}

enum base_status tok_gemma_encode(const struct eng_tok *t, struct tok_joiner *j,
                                  struct base_str text, struct eng_ids *ids, struct base_err *err)
{
    struct job k = {t, j, ids, err};
    struct base_buf b;
    base_buf_init(&b, (size_t)ENG_TOK_TEXT_MAX * 3);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == ' ')
            base_buf_add(&b, "\xe2\x96\x81", 3);
        else
            base_buf_byte(&b, text.p[i]);
    enum base_status st = base_buf_ok(&b) ? tok_rule_split(t->rule, base_buf_view(&b), run, &k)
                                          : base_err_set(err, BASE_ENOMEM, "no memory to tokenize");
    base_buf_release(&b);
    return st;
}

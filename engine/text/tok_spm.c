/* tok_spm.c - SentencePiece as llama files use it: characters joined by the score of the result.
 *
 * Spaces are written as U+2581 in the vocabulary, so the text is translated first; a space is put
 * in front where the file asks for it. What cannot be joined into a token falls apart into byte
 * tokens <0xXX>, and where the vocabulary lacks those, into the unknown token.
 */
#include "engine/text/tok_int.h"
#include "engine/text/unicode.h"

static const char block[] = "\xe2\x96\x81"; /* U+2581 */

static bool pair(const struct eng_tok *t, const char *text, const struct tok_sym *a,
                 const struct tok_sym *b, float *cost, int32_t *id)
{
    size_t len = (size_t)a->len + b->len;
    if (len > t->text_max)
        return false;
    *id = tok_map_get(t, &t->plain, base_str_n(text + a->at, len));
    if (*id < 0)
        return false;
    *cost = -t->score[*id];
    return true;
}

static enum base_status put(const struct eng_tok *t, const char *text, const struct tok_sym *s,
                            struct eng_ids *ids, struct base_err *err)
{
    if (s->id >= 0)
        return eng_ids_add(ids, s->id, err);
    enum base_status st = BASE_OK;
    for (uint32_t i = 0; i < s->len && st == BASE_OK; i++) {
        int32_t id = t->byte_id[(uint8_t)text[s->at + i]];
        if (id < 0)
            id = t->unk;
        if (id >= 0)
            st = eng_ids_add(ids, id, err);
    }
    return st;
}

enum base_status tok_spm_encode(const struct eng_tok *t, struct tok_joiner *j, struct base_str text,
                                bool space_prefix, struct eng_ids *ids, struct base_err *err)
{
    struct base_buf b;
    base_buf_init(&b, (size_t)ENG_TOK_TEXT_MAX * 3 + 8);
    if (space_prefix)
        base_buf_add(&b, block, 3);
    for (size_t i = 0, from = 0; i <= text.n; i++) {
        if (i < text.n && text.p[i] != ' ')
            continue;
        base_buf_add(&b, text.p + from, i - from);
        if (i < text.n)
            base_buf_add(&b, block, 3);
        from = i + 1;
    }
    enum base_status st = BASE_OK;
    if (!base_buf_ok(&b))
        st = base_err_set(err, BASE_ENOMEM, "no memory to tokenize");
    j->n = 0;
    for (size_t i = 0; i < b.n && st == BASE_OK;) {
        size_t len;
        (void)eng_uni_at(b.p, i, b.n, &len);
        int32_t id = tok_map_get(t, &t->plain, base_str_n(b.p + i, len));
        st = tok_joiner_add(j, (uint32_t)i, (uint32_t)len, id, err);
        i += len;
    }
    if (st == BASE_OK)
        st = tok_join(t, j, b.p, pair, err);
    for (size_t i = 0; i < j->n && st == BASE_OK; i++)
        if (j->sym[i].len > 0)
            st = put(t, b.p, &j->sym[i], ids, err);
    base_buf_release(&b);
    return st;
}

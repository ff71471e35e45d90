/* tok_bpe.c - byte-level BPE: words from tok_pre.c, bytes joined in the order of the merge list.
 *
 * Vocabulary and merges are written in GPT-2's byte alphabet, in which every byte has a printable
 * stand-in: the bytes 33-126, 161-172 and 174-255 stand for themselves (as code points), the other
 * 68, in ascending order, for U+0100 and on. Here a word's bytes become symbols one by one, so that
 * no text is ever translated; the alphabet matters only when the vocabulary is read and when a
 * token is turned back into bytes.
 */
#include "engine/text/tok_int.h"

static bool stands_for_itself(unsigned b)
{
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
}

uint32_t tok_alphabet(uint8_t byte)
{
    if (stands_for_itself(byte))
        return byte;
    uint32_t k = 0;
    for (unsigned b = 0; b < byte; b++)
        k += !stands_for_itself(b);
    return 256 + k;
}

int tok_alphabet_byte(uint32_t cp)
{
    if (cp < 256)
        return stands_for_itself(cp) ? (int)cp : -1;
    if (cp >= 256 + 68)
        return -1;
    uint32_t k = cp - 256;
    if (k <= 32)
        return (int)k;                          /* 0-32 */
    return k <= 66 ? (int)(k - 33 + 127) : 173; /* 127-160, then 173 */
}

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

/* A symbol that is no token of its own falls apart into its bytes. */
static enum base_status put(const struct eng_tok *t, const char *text, const struct tok_sym *s,
                            struct eng_ids *ids, struct base_err *err)
{
    if (s->id >= 0 && (uint32_t)s->id < t->n_vocab)
        return eng_ids_add(ids, s->id, err);
    enum base_status st = BASE_OK;
    for (uint32_t i = 0; i < s->len && st == BASE_OK; i++) {
        int32_t id = t->byte_id[(uint8_t)text[s->at + i]];
        if (id >= 0 && (uint32_t)id < t->n_vocab)
            st = eng_ids_add(ids, id, err);
    }
    return st;
}

struct job {
    const struct eng_tok *t;
    struct tok_joiner *j;
    struct eng_ids *ids;
    struct base_err *err;
};

#define WHOLE_WORD_MAX 512 /* longer words are not looked up whole */

static int32_t whole_word(const struct eng_tok *t, struct base_str w)
{
    char buf[2 * WHOLE_WORD_MAX];
    size_t n = 0;
    if (w.n > WHOLE_WORD_MAX)
        return -1;
    for (size_t i = 0; i < w.n; i++)
        n += base_utf8_encode(tok_alphabet((uint8_t)w.p[i]), buf + n);
    int32_t id = tok_map_get(t, &t->plain, base_str_n(buf, n));
    return id >= 0 && (uint32_t)id < t->n_vocab ? id : -1;
}

static enum base_status word(void *ctx, struct base_str w)
{
    struct job *k = ctx;
    const struct eng_tok *t = k->t;
    if (t->rule->ignore_merges) {
        int32_t id = whole_word(t, w);
        if (id >= 0)
            return eng_ids_add(k->ids, id, k->err);
    }
    enum base_status st = BASE_OK;
    k->j->n = 0;
    for (size_t i = 0; i < w.n && st == BASE_OK; i++)
        st = tok_joiner_add(k->j, (uint32_t)i, 1, t->byte_id[(uint8_t)w.p[i]], k->err);
    if (st == BASE_OK)
        st = tok_join(t, k->j, w.p, pair, k->err);
    for (size_t i = 0; i < k->j->n && st == BASE_OK; i++)
        if (k->j->sym[i].len > 0)
            st = put(t, w.p, &k->j->sym[i], k->ids, k->err);
    return st;
}

enum base_status tok_bpe_encode(const struct eng_tok *t, struct tok_joiner *j, struct base_str text,
                                struct eng_ids *ids, struct base_err *err)
{
    struct job k = {t, j, ids, err};
    return tok_rule_split(t->rule, text, word, &k);
}

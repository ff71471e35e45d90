/* tok_new.c - making a tokenizer from what a file says, and distrusting all of it.
 *
 * Checked: array lengths agree, ids lie in the vocabulary, texts are unique and bounded, scores
 * are numbers, every merge is "left right" and appears once. What a merge names but the vocabulary
 * lacks becomes a symbol behind the vocabulary: it may be joined further, and falls apart into
 * bytes if nothing comes of it.
 *
 * Text can only turn into normal and user-defined tokens (the `plain` map). Control tokens are not
 * in it, so no sequence of joins can produce one.
 */
#include "engine/model/gguf.h"
#include "engine/text/tok_int.h"
#include "engine/text/unicode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TOK_BYTES_MAX 65536u /* of one token */

static uint64_t hash(struct base_str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * 0x100000001b3u;
    return h ^ (h >> 29);
}

int32_t tok_map_get(const struct eng_tok *t, const struct tok_map *m, struct base_str s)
{
    for (size_t i = hash(s) & m->mask;; i = (i + 1) & m->mask) {
        int32_t id = m->slot[i];
        if (id < 0 || base_str_eq(t->text[id], s))
            return id;
    }
}

bool tok_map_put(const struct eng_tok *t, struct tok_map *m, struct base_str s, int32_t id)
{
    for (size_t i = hash(s) & m->mask;; i = (i + 1) & m->mask) {
        if (m->slot[i] < 0) {
            m->slot[i] = id;
            return true;
        }
        if (base_str_eq(t->text[m->slot[i]], s))
            return false;
    }
}

static bool map_init(struct eng_tok *t, struct tok_map *m, size_t n)
{
    size_t cap = 64;
    while (cap < n * 2)
        cap *= 2;
    m->slot = base_arena_array(t->arena, cap, sizeof(*m->slot));
    if (m->slot == NULL)
        return false;
    memset(m->slot, 0xff, cap * sizeof(*m->slot));
    m->mask = cap - 1;
    return true;
}

static size_t merge_hash(int32_t l, int32_t r)
{
    uint64_t x = ((uint64_t)(uint32_t)l << 32 | (uint32_t)r) * 0x9E3779B97F4A7C15u;
    return (size_t)(x ^ (x >> 31));
}

const struct tok_merge *tok_merge_get(const struct tok_merges *m, int32_t left, int32_t right)
{
    if (left < 0 || right < 0)
        return NULL;
    for (size_t i = merge_hash(left, right) & m->mask;; i = (i + 1) & m->mask) {
        if (m->slot[i].left < 0)
            return NULL;
        if (m->slot[i].left == left && m->slot[i].right == right)
            return &m->slot[i];
    }
}

static bool is_eog_name(struct base_str s)
{
    static const char *const names[] = {"<|eot_id|>",
                                        "<|im_end|>",
                                        "<|end|>",
                                        "<|return|>",
                                        "<|call|>",
                                        "<end_of_turn>",
                                        "<|endoftext|>",
                                        "<|eom_id|>",
                                        "<|end_of_text|>",
                                        "<turn|>",
                                        "<eos>",
                                        "<EOT>",
                                        "<\xef\xbd\x9c"
                                        "end\xe2\x96\x81of"
                                        "\xe2\x96\x81sentence\xef\xbd\x9c>"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (base_str_is(s, names[i]))
            return true;
    return false;
}

/* Letters, numbers, white space: nothing that a chat format could be made of. */
static bool no_markup(struct base_str s)
{
    const unsigned fine = ENG_UNI_SPACE | ENG_UNI_LETTER | ENG_UNI_MARK | ENG_UNI_NUMBER;
    for (size_t i = 0; i < s.n;) {
        size_t len;
        uint32_t cp = eng_uni_at(s.p, i, s.n, &len);
        if (cp != 0x2581 && !(eng_uni_class(cp) & fine))
            return false;
        i += len;
    }
    return true;
}

static enum base_status load_tokens(struct eng_tok *t, const struct eng_tok_src *s,
                                    struct base_err *err)
{
    size_t n = s->n_tokens;
    if (n == 0 || n > ENG_TOK_VOCAB_MAX)
        return base_err_set(err, BASE_EINVAL, "tokenizer: %zu tokens", n);
    if (s->types && s->n_types != n)
        return base_err_set(err, BASE_EINVAL, "tokenizer: %zu tokens but %zu token types", n,
                            s->n_types);
    if (t->spm && s->n_scores != n)
        return base_err_set(err, BASE_EINVAL, "tokenizer: %zu tokens but %zu scores", n,
                            s->n_scores);
    size_t n_sym_max = n + 256 + (t->spm ? 0 : 3 * s->n_merges);
    t->n_vocab = (uint32_t)n;
    t->n_symbols = (uint32_t)n;
    t->text = base_arena_array(t->arena, n_sym_max, sizeof(*t->text));
    t->type = base_arena_array(t->arena, n, 1);
    t->flags = base_arena_array(t->arena, n, 1);
    t->score = base_arena_array(t->arena, n, sizeof(float));
    if (!t->text || !t->type || !t->flags || !t->score || !map_init(t, &t->all, n) ||
        !map_init(t, &t->plain, n_sym_max))
        return base_err_set(err, BASE_ENOMEM, "no memory for a vocabulary of %zu tokens", n);
    for (size_t i = 0; i < n; i++) {
        struct base_str w = s->tokens[i];
        int32_t type = s->types ? s->types[i] : TOK_NORMAL;
        if (type < TOK_NORMAL || type > TOK_BYTE)
            return base_err_set(err, BASE_EINVAL, "tokenizer: token %zu has type %d", i, type);
        if (w.n > TOK_BYTES_MAX)
            return base_err_set(err, BASE_EINVAL, "tokenizer: token %zu has %zu bytes", i, w.n);
        t->text[i] = base_arena_dup(t->arena, w);
        if (t->text[i].p == NULL)
            return base_err_set(err, BASE_ENOMEM, "no memory for a vocabulary of %zu tokens", n);
        if (is_eog_name(w)) {
            t->flags[i] |= TOK_F_EOG;
            if (type == TOK_NORMAL)
                type = TOK_CONTROL;
        }
        if (type == TOK_USER && no_markup(w))
            t->flags[i] |= TOK_F_PLAIN;
        t->type[i] = (uint8_t)type;
        if (t->spm && !isfinite(t->score[i] = s->scores[i]))
            return base_err_set(err, BASE_EINVAL, "tokenizer: the score of token %zu is no number",
                                i);
        if (w.n == 0)
            continue;
        if (w.n > t->text_max)
            t->text_max = w.n;
        if (!tok_map_put(t, &t->all, t->text[i], (int32_t)i))
            return base_err_set(err, BASE_EINVAL, "tokenizer: token %zu is the same as token %d", i,
                                tok_map_get(t, &t->all, t->text[i]));
        if (type == TOK_NORMAL || type == TOK_USER)
            (void)tok_map_put(t, &t->plain, t->text[i], (int32_t)i);
    }
    return BASE_OK;
}

/* The symbol for a part of a merge; a new one if there is none. -1: no memory. */
static int32_t symbol(struct eng_tok *t, struct base_str s)
{
    int32_t id = tok_map_get(t, &t->plain, s);
    if (id >= 0)
        return id;
    struct base_str copy = base_arena_dup(t->arena, s);
    if (copy.p == NULL)
        return -1;
    id = (int32_t)t->n_symbols++;
    t->text[id] = copy;
    (void)tok_map_put(t, &t->plain, copy, id);
    return id;
}

static enum base_status load_bytes(struct eng_tok *t, struct base_err *err)
{
    for (unsigned b = 0; b < 256; b++) {
        char buf[8];
        if (t->spm || t->gemma) {
            snprintf(buf, sizeof(buf), "<0x%02X>", b);
            int32_t id = tok_map_get(t, &t->all, base_str_n(buf, 6));
            t->byte_id[b] = id >= 0 && t->type[id] == TOK_BYTE ? id : -1;
            continue;
        }
        size_t n = base_utf8_encode(tok_alphabet((uint8_t)b), buf);
        t->byte_id[b] = symbol(t, base_str_n(buf, n));
        if (t->byte_id[b] < 0)
            return base_err_set(err, BASE_ENOMEM, "no memory for the merges");
    }
    return BASE_OK;
}

static enum base_status load_merges(struct eng_tok *t, const struct eng_tok_src *s,
                                    struct base_err *err)
{
    size_t cap = 64;
    if (s->n_merges == 0 || s->n_merges > ENG_TOK_VOCAB_MAX)
        return base_err_set(err, BASE_EINVAL, "tokenizer: %zu merges", s->n_merges);
    while (cap < s->n_merges * 2)
        cap *= 2;
    t->merges.slot = base_arena_array(t->arena, cap, sizeof(*t->merges.slot));
    if (t->merges.slot == NULL)
        return base_err_set(err, BASE_ENOMEM, "no memory for the merges");
    memset(t->merges.slot, 0xff, cap * sizeof(*t->merges.slot));
    t->merges.mask = cap - 1;
    struct base_buf both;
    base_buf_init(&both, 2 * TOK_BYTES_MAX);
    enum base_status st = BASE_OK;
    for (size_t i = 0; i < s->n_merges && st == BASE_OK; i++) {
        struct base_str m = s->merges[i];
        size_t gap = m.n > 0 ? base_str_find(m, BASE_STR(" "), 1) : SIZE_MAX;
        if (gap == SIZE_MAX || gap + 1 >= m.n || m.n > TOK_BYTES_MAX) {
            st = base_err_set(err, BASE_EINVAL, "tokenizer: merge %zu is not \"left right\"", i);
            break;
        }
        base_buf_clear(&both);
        base_buf_add(&both, m.p, gap);
        base_buf_add(&both, m.p + gap + 1, m.n - gap - 1);
        int32_t left = symbol(t, base_str_n(m.p, gap));
        int32_t right = symbol(t, base_str_n(m.p + gap + 1, m.n - gap - 1));
        int32_t result = base_buf_ok(&both) ? symbol(t, base_buf_view(&both)) : -1;
        if (left < 0 || right < 0 || result < 0) {
            st = base_err_set(err, BASE_ENOMEM, "no memory for the merges");
            break;
        }
        size_t k = merge_hash(left, right) & t->merges.mask;
        while (t->merges.slot[k].left >= 0 &&
               !(t->merges.slot[k].left == left && t->merges.slot[k].right == right))
            k = (k + 1) & t->merges.mask;
        if (t->merges.slot[k].left >= 0)
            st = base_err_set(err, BASE_EINVAL, "tokenizer: merge %zu is there twice", i);
        else
            t->merges.slot[k] = (struct tok_merge){left, right, (int32_t)i, result};
    }
    base_buf_release(&both);
    return st;
}

static int by_length(const void *a, const void *b, void *ctx)
{
    const struct eng_tok *t = ctx;
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    size_t nx = t->text[x].n, ny = t->text[y].n;
    return nx != ny ? (nx < ny ? 1 : -1) : (x > y) - (x < y);
}

/* Lists the tokens to be split out of text, longest first, and files them by first byte. */
static enum base_status load_special(struct eng_tok *t, struct base_err *err)
{
    for (uint32_t i = 0; i < t->n_vocab; i++)
        if (t->text[i].n > 0 &&
            (t->type[i] == TOK_CONTROL || t->type[i] == TOK_USER || t->type[i] == TOK_UNKNOWN))
            t->n_special++;
    t->special = base_arena_array(t->arena, t->n_special + 1, sizeof(*t->special));
    t->special_by = base_arena_array(t->arena, t->n_special + 1, sizeof(*t->special_by));
    if (t->special == NULL || t->special_by == NULL)
        return base_err_set(err, BASE_ENOMEM, "no memory for the special tokens");
    size_t n = 0;
    for (uint32_t i = 0; i < t->n_vocab; i++)
        if (t->text[i].n > 0 &&
            (t->type[i] == TOK_CONTROL || t->type[i] == TOK_USER || t->type[i] == TOK_UNKNOWN))
            t->special[n++] = (int32_t)i;
    qsort_r(t->special, n, sizeof(*t->special), by_length, t);
    n = 0;
    for (unsigned c = 0; c < 256; c++) {
        t->special_first[c] = (uint32_t)n;
        for (size_t i = 0; i < t->n_special; i++)
            if ((uint8_t)t->text[t->special[i]].p[0] == c)
                t->special_by[n++] = (uint32_t)i;
    }
    t->special_first[256] = (uint32_t)n;
    return BASE_OK;
}

static enum base_status check_id(const struct eng_tok *t, const char *what, int64_t id,
                                 struct base_err *err)
{
    if (id < -1 || id >= (int64_t)t->n_vocab)
        return base_err_set(err, BASE_EINVAL, "tokenizer: the %s id %lld is not in the vocabulary",
                            what, (long long)id);
    if (id >= 0 &&
        (strcmp(what, "eos") == 0 || strcmp(what, "eot") == 0 || strcmp(what, "eom") == 0))
        t->flags[id] |= TOK_F_EOG;
    return BASE_OK;
}

static enum base_status load_ids(struct eng_tok *t, const struct eng_tok_src *s,
                                 struct base_err *err)
{
    enum base_status st = check_id(t, "bos", s->bos, err);
    if (st == BASE_OK)
        st = check_id(t, "eos", s->eos, err);
    if (st == BASE_OK)
        st = check_id(t, "eot", s->eot, err);
    if (st == BASE_OK)
        st = check_id(t, "eom", s->eom, err);
    if (st == BASE_OK)
        st = check_id(t, "unknown", s->unk, err);
    t->bos = (int32_t)s->bos;
    t->eos = (int32_t)s->eos;
    t->unk = (int32_t)s->unk;
    t->add_bos = (s->add_bos >= 0 ? s->add_bos : t->spm || t->rule->add_bos) && s->bos >= 0;
    t->add_eos = s->add_eos > 0 && s->eos >= 0;
    t->add_space_prefix = t->spm && s->add_space_prefix != 0;
    return st;
}

/* Harmony (gpt-oss): <|end|> closes a message, not the answer; and the marks of channels are shown,
 * since without them nobody could tell the answer from the thoughts before it. */
static void load_harmony(struct eng_tok *t)
{
    static const char *const shown[] = {"<|start|>", "<|channel|>", "<|message|>", "<|constrain|>"};
    int32_t end = eng_tok_find(t, BASE_STR("<|end|>"));
    if (end < 0 || eng_tok_find(t, BASE_STR("<|return|>")) < 0 ||
        eng_tok_find(t, BASE_STR("<|call|>")) < 0)
        return;
    t->flags[end] &= (uint8_t)~TOK_F_EOG;
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        int32_t id = eng_tok_find(t, base_str_c(shown[i]));
        if (id >= 0)
            t->flags[id] |= TOK_F_SHOWN;
    }
}

/* Two models' habits that no key tells of: Harmony's, and Phi-3: its special tokens swallow the
 * white space behind them. */
static void load_habits(struct eng_tok *t, const struct eng_tok_src *s)
{
    load_harmony(t);
    bool phi3 = false;
    for (size_t i = 0; i + 4 <= s->name.n; i++)
        phi3 =
            phi3 || base_str_ieq(base_str_n(s->name.p + i, 4), BASE_STR("phi3")) ||
            (i + 5 <= s->name.n && base_str_ieq(base_str_n(s->name.p + i, 5), BASE_STR("phi-3")));
    for (size_t i = 0; phi3 && i < t->n_special; i++) {
        struct base_str w = t->text[t->special[i]];
        if (!base_str_is(w, "<unk>") && !base_str_is(w, "<s>") && !base_str_is(w, "<|endoftext|>"))
            t->flags[t->special[i]] |= TOK_F_RSTRIP;
    }
}

static enum base_status load(struct eng_tok *t, const struct eng_tok_src *s, struct base_err *err)
{
    if (base_str_is(s->model, "llama")) {
        t->spm = true;
        snprintf(t->kind, sizeof(t->kind), "llama");
    } else if (base_str_is(s->model, "gemma4")) {
        t->gemma = true;
        t->rule = &tok_rule_gemma;
        snprintf(t->kind, sizeof(t->kind), "gemma4");
    } else if (base_str_is(s->model, "gpt2")) {
        t->rule = tok_rule_find(s->pre);
        if (t->rule == NULL)
            return base_err_set(err, BASE_EINVAL,
                                "tokenizer.ggml.pre \"%.*s\" is not built in (built: %s)",
                                BASE_FMT(s->pre), eng_tok_rules());
        snprintf(t->kind, sizeof(t->kind), "gpt2/%.*s", BASE_FMT(s->pre));
    } else {
        return base_err_set(err, BASE_EINVAL,
                            "tokenizer.ggml.model \"%.*s\" is not built in (built: llama, "
                            "gpt2, gemma4)",
                            (int)(s->model.n < 64 ? s->model.n : 64), s->model.p ? s->model.p : "");
    }
    enum base_status st = load_tokens(t, s, err);
    if (st == BASE_OK)
        st = load_bytes(t, err);
    if (st == BASE_OK && !t->spm)
        st = load_merges(t, s, err);
    if (st == BASE_OK)
        st = load_ids(t, s, err);
    if (st == BASE_OK)
        st = load_special(t, err);
    if (st == BASE_OK)
        load_habits(t, s);
    return st;
}

enum base_status eng_tok_new(const struct eng_tok_src *src, struct eng_tok **out,
                             struct base_err *err)
{
    *out = NULL;
    struct base_arena *a = base_arena_new((size_t)2 << 30);
    struct eng_tok *t = a ? base_arena_alloc(a, sizeof(*t)) : NULL;
    if (t == NULL) {
        base_arena_free(a);
        return base_err_set(err, BASE_ENOMEM, "no memory for a tokenizer");
    }
    t->arena = a;
    enum base_status st = load(t, src, err);
    if (st != BASE_OK)
        base_arena_free(a);
    else
        *out = t;
    return st;
}

void eng_tok_free(struct eng_tok *t)
{
    if (t)
        base_arena_free(t->arena);
}

/* ---- from a GGUF file ---- */

static enum base_status read_strs(const struct eng_gguf *g, const char *key, struct base_arena *a,
                                  const struct base_str **out, size_t *n, struct base_err *err)
{
    struct eng_gguf_strs it;
    enum base_status st = eng_gguf_strs(g, key, &it);
    if (st == BASE_ENOENT)
        return BASE_OK;
    if (st != BASE_OK || it.n > ENG_TOK_VOCAB_MAX)
        return base_err_set(err, BASE_EINVAL, "%s: %s is not a list of strings that we can take",
                            eng_gguf_path(g), key);
    struct base_str *v = base_arena_array(a, it.n + 1, sizeof(*v));
    if (v == NULL)
        return base_err_set(err, BASE_ENOMEM, "no memory for %s", key);
    size_t k = 0;
    while (k < it.n + 1 && eng_gguf_strs_next(&it, &v[k]))
        k++;
    *out = v;
    *n = k;
    return BASE_OK;
}

static enum base_status read_types(const struct eng_gguf *g, struct base_arena *a,
                                   struct eng_tok_src *s, struct base_err *err)
{
    const struct eng_gguf_kv *kt = eng_gguf_find(g, "tokenizer.ggml.token_type");
    const struct eng_gguf_kv *ks = eng_gguf_find(g, "tokenizer.ggml.scores");
    if ((kt && (kt->kind != ENG_GGUF_ARRAY || kt->n > ENG_TOK_VOCAB_MAX)) ||
        (ks && (ks->kind != ENG_GGUF_ARRAY || ks->n > ENG_TOK_VOCAB_MAX)))
        return base_err_set(err, BASE_EINVAL, "%s: token types or scores are no lists",
                            eng_gguf_path(g));
    if (kt) {
        int32_t *v = base_arena_array(a, kt->n + 1, sizeof(*v));
        for (uint64_t i = 0; v && i < kt->n; i++) {
            int64_t x = -1;
            if (eng_gguf_elem_i64(kt, i, &x) != BASE_OK || x < 0 || x > 255)
                return base_err_set(err, BASE_EINVAL, "%s: bad token type", eng_gguf_path(g));
            v[i] = (int32_t)x;
        }
        s->types = v;
        s->n_types = kt->n;
    }
    if (ks) {
        float *v = base_arena_array(a, ks->n + 1, sizeof(*v));
        for (uint64_t i = 0; v && i < ks->n; i++)
            if (eng_gguf_elem_f32(ks, i, &v[i]) != BASE_OK)
                return base_err_set(err, BASE_EINVAL, "%s: bad token score", eng_gguf_path(g));
        s->scores = v;
        s->n_scores = ks->n;
    }
    if ((kt && !s->types) || (ks && !s->scores))
        return base_err_set(err, BASE_ENOMEM, "no memory for the vocabulary");
    return BASE_OK;
}

static enum base_status read_id(const struct eng_gguf *g, const char *key, int64_t *out,
                                struct base_err *err)
{
    uint32_t v = 0;
    enum base_status st = eng_gguf_u32(g, key, &v);
    *out = st == BASE_OK && v != UINT32_MAX ? (int64_t)v : -1;
    if (st == BASE_OK || st == BASE_ENOENT)
        return BASE_OK;
    return base_err_set(err, BASE_EINVAL, "%s: %s is not a token id", eng_gguf_path(g), key);
}

static enum base_status read_flag(const struct eng_gguf *g, const char *key, int *out,
                                  struct base_err *err)
{
    bool v = false;
    enum base_status st = eng_gguf_bool(g, key, &v);
    *out = st == BASE_OK ? v : -1;
    if (st == BASE_OK || st == BASE_ENOENT)
        return BASE_OK;
    return base_err_set(err, BASE_EINVAL, "%s: %s is not true or false", eng_gguf_path(g), key);
}

static enum base_status read_src(const struct eng_gguf *g, struct base_arena *a,
                                 struct eng_tok_src *s, struct base_err *err)
{
    if (eng_gguf_str(g, "tokenizer.ggml.model", &s->model) != BASE_OK)
        return base_err_set(err, BASE_EINVAL, "%s: there is no tokenizer.ggml.model",
                            eng_gguf_path(g));
    if (eng_gguf_str(g, "tokenizer.ggml.pre", &s->pre) != BASE_OK)
        s->pre = BASE_STR_NULL;
    if (eng_gguf_str(g, "general.name", &s->name) != BASE_OK)
        s->name = BASE_STR_NULL;
    enum base_status st = read_strs(g, "tokenizer.ggml.tokens", a, &s->tokens, &s->n_tokens, err);
    if (st == BASE_OK)
        st = read_strs(g, "tokenizer.ggml.merges", a, &s->merges, &s->n_merges, err);
    if (st == BASE_OK)
        st = read_types(g, a, s, err);
    struct {
        const char *key;
        int64_t *out;
    } ids[] = {{"tokenizer.ggml.bos_token_id", &s->bos},
               {"tokenizer.ggml.eos_token_id", &s->eos},
               {"tokenizer.ggml.eot_token_id", &s->eot},
               {"tokenizer.ggml.eom_token_id", &s->eom},
               {"tokenizer.ggml.unknown_token_id", &s->unk}};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]) && st == BASE_OK; i++)
        st = read_id(g, ids[i].key, ids[i].out, err);
    if (st == BASE_OK)
        st = read_flag(g, "tokenizer.ggml.add_bos_token", &s->add_bos, err);
    if (st == BASE_OK)
        st = read_flag(g, "tokenizer.ggml.add_eos_token", &s->add_eos, err);
    if (st == BASE_OK)
        st = read_flag(g, "tokenizer.ggml.add_space_prefix", &s->add_space_prefix, err);
    if (st != BASE_OK || eng_gguf_find(g, "tokenizer.ggml.bos_token_id") != NULL)
        return st;
    if (base_str_is(s->model, "llama") && s->n_tokens > 2) { /* what that kind assumes */
        s->bos = 1;
        s->eos = s->eos < 0 ? 2 : s->eos;
        s->unk = s->unk < 0 ? 0 : s->unk;
    }
    return st;
}

enum base_status eng_tok_from_gguf(const struct eng_gguf *g, struct eng_tok **out,
                                   struct base_err *err)
{
    *out = NULL;
    struct base_arena *a = base_arena_new((size_t)1 << 30);
    if (a == NULL)
        return base_err_set(err, BASE_ENOMEM, "no memory for a tokenizer");
    struct eng_tok_src s = {0};
    enum base_status st = read_src(g, a, &s, err);
    if (st == BASE_OK)
        st = eng_tok_new(&s, out, err);
    base_arena_free(a);
    return st;
}

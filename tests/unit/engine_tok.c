/* engine_tok.c - the tokenizers against llama.cpp's vectors, and against hostile vocabularies.
 *
 * Method: for each vocabulary under fixtures/tokenizers, every text of the .inp file must give the
 * ids of the .out file, and every line of .extra.jsonl its ids (plain, with special tokens added,
 * with special tokens parsed) and back the text. Without the fixtures those tests say that they
 * skip. The rest runs on small vocabularies made here: the qwen2 and llama-bpe rules word by word,
 * foreign text that spells special tokens, refusals, and a long word that must not take long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "engine/model/gguf.h"
#include "engine/text/tok_int.h"
#include "engine/text/unicode.h"

static const char *fixtures(void)
{
    const char *f = getenv("WEIR_FIXTURES");
    return f ? f : "../shared/fixtures";
}

static bool slurp(const char *name, const char *suffix, struct base_buf *out)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tokenizers/%s%s", fixtures(), name, suffix);
    base_buf_init(out, 64u << 20);
    struct base_err err;
    if (base_file_read(path, out, &err) == BASE_OK)
        return true;
    print_message("skipped: %s\n", err.text);
    base_buf_release(out);
    return false;
}

static struct eng_tok *open_vocab(const char *name, struct eng_gguf **g)
{
    char path[512];
    struct base_err err;
    struct eng_tok *t = NULL;
    snprintf(path, sizeof(path), "%s/tokenizers/ggml-vocab-%s.gguf", fixtures(), name);
    if (eng_gguf_open(path, g, &err) != BASE_OK) {
        print_message("skipped: %s\n", err.text);
        return NULL;
    }
    if (eng_tok_from_gguf(*g, &t, &err) != BASE_OK)
        fail_msg("%s: %s", path, err.text);
    return t;
}

static void show(const char *what, const struct eng_ids *ids)
{
    printf("%s:", what);
    for (size_t i = 0; i < ids->n; i++)
        printf(" %d", ids->v[i]);
    printf("\n");
}

static bool same(const struct eng_tok *t, struct base_str text, unsigned flags, const int32_t *want,
                 size_t n)
{
    struct eng_ids ids = {.max = 1u << 20};
    struct base_err err = {0};
    assert_int_equal(eng_tok_encode(t, text, flags, &ids, &err), BASE_OK);
    bool ok = ids.n == n && (n == 0 || memcmp(ids.v, want, n * sizeof(*want)) == 0);
    if (!ok) {
        printf("text <%.*s> flags %u\n", BASE_FMT(text), flags);
        show("  got ", &ids);
        show("  want", &(struct eng_ids){.v = (int32_t *)(uintptr_t)want, .n = n});
    }
    eng_ids_release(&ids);
    return ok;
}

/* .inp: texts between lines of __ggml_vocab_test__; .out: a line of ids each */
static size_t check_inp(const struct eng_tok *t, const char *name, size_t *bad)
{
    char file[128];
    struct base_buf in, out;
    snprintf(file, sizeof(file), "ggml-vocab-%s.gguf", name);
    if (!slurp(file, ".inp", &in))
        return 0;
    assert_true(slurp(file, ".out", &out));
    struct base_str sep = BASE_STR("\n__ggml_vocab_test__\n"), rest = base_buf_view(&out);
    size_t n = 0, at = 0;
    while (at < in.n) {
        size_t end = base_str_find(base_buf_view(&in), sep, at);
        if (end == SIZE_MAX)
            break;
        struct base_str line = base_str_cut(&rest, '\n');
        int32_t want[512];
        size_t n_want = 0;
        while (line.n > 0) {
            struct base_str w = base_str_cut(&line, ' ');
            uint64_t v;
            if (w.n > 0) {
                assert_true(base_str_u64(w, &v) && n_want < 512);
                want[n_want++] = (int32_t)v;
            }
        }
        *bad += !same(t, base_str_n(in.p + at, end - at), 0, want, n_want);
        n++;
        at = end + sep.n;
    }
    base_buf_release(&in);
    base_buf_release(&out);
    return n;
}

static bool same_json(const struct eng_tok *t, struct base_str text, unsigned flags, json_t *ids)
{
    int32_t want[4096];
    size_t n = json_array_size(ids);
    assert_true(n <= 4096);
    for (size_t i = 0; i < n; i++)
        want[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    return same(t, text, flags, want, n);
}

static bool decodes(const struct eng_tok *t, json_t *ids, struct base_str want)
{
    int32_t v[4096];
    size_t n = json_array_size(ids);
    for (size_t i = 0; i < n; i++)
        v[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    struct base_buf out;
    base_buf_init(&out, 1u << 20);
    assert_int_equal(eng_tok_decode(t, v, n, &out, NULL), BASE_OK);
    bool ok = base_str_eq(base_buf_view(&out), want);
    if (!ok)
        printf("decoded <%.*s>\n   want <%.*s>\n", (int)out.n, out.p ? out.p : "", BASE_FMT(want));
    base_buf_release(&out);
    return ok;
}

static size_t check_extra(const struct eng_tok *t, const char *name, size_t *bad)
{
    struct base_buf in;
    size_t n = 0;
    if (!slurp(name, ".extra.jsonl", &in))
        return 0;
    struct base_str rest = base_buf_view(&in);
    while (rest.p) {
        struct base_str line = base_str_cut(&rest, '\n');
        if (base_str_trim(line).n == 0)
            continue;
        json_t *j = json_loadb(line.p, line.n, JSON_ALLOW_NUL, NULL);
        assert_non_null(j);
        json_t *jt = json_object_get(j, "text"), *ids = json_object_get(j, "ids");
        struct base_str text = base_str_n(json_string_value(jt), json_string_length(jt));
        json_t *add = json_object_get(j, "ids_add_special");
        json_t *parse = json_object_get(j, "ids_parse_special");
        json_t *back = json_object_get(j, "detokenized");
        *bad += !same_json(t, text, 0, ids);
        *bad += !same_json(t, text, ENG_TOK_ADD, add ? add : ids);
        *bad += !same_json(t, text, ENG_TOK_PARSE, parse ? parse : ids);
        *bad += !decodes(
            t, ids, back ? base_str_n(json_string_value(back), json_string_length(back)) : text);
        n += 4;
        json_decref(j);
    }
    base_buf_release(&in);
    return n;
}

static void test_vectors(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-2",        "starcoder", "falcon",
                                        "deepseek-llm", "llama-spm", "phi-3"};
    size_t all = 0, bad = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct eng_gguf *g = NULL;
        struct eng_tok *t = open_vocab(names[i], &g);
        if (t == NULL)
            continue;
        size_t b = 0, n = check_inp(t, names[i], &b);
        n += check_extra(t, names[i], &b);
        print_message("%s: %zu checks, %zu wrong\n", names[i], n, b);
        assert_true(n > 400);
        all += n;
        bad += b;
        eng_tok_free(t);
        eng_gguf_free(g);
    }
    print_message("tokenizer vectors: %zu checks, %zu wrong\n", all, bad);
    assert_int_equal(bad, 0);
}

/* ---- small vocabularies made here ---- */

#define N_BASE 256
static char alphabet[N_BASE][5];

/* The byte alphabet, then `more`; merges as given. */
static struct eng_tok *small(const char *pre, const char *const *more, const int32_t *types,
                             size_t n_more, const char *const *merges, size_t n_merges,
                             struct base_err *err)
{
    struct base_str tokens[N_BASE + 32], m[32];
    int32_t ty[N_BASE + 32];
    for (unsigned b = 0; b < N_BASE; b++) {
        size_t n = base_utf8_encode(tok_alphabet((uint8_t)b), alphabet[b]);
        tokens[b] = base_str_n(alphabet[b], n);
        ty[b] = TOK_NORMAL;
    }
    for (size_t i = 0; i < n_more; i++) {
        tokens[N_BASE + i] = base_str_c(more[i]);
        ty[N_BASE + i] = types[i];
    }
    for (size_t i = 0; i < n_merges; i++)
        m[i] = base_str_c(merges[i]);
    struct eng_tok_src s = {.model = BASE_STR("gpt2"),
                            .pre = base_str_c(pre),
                            .tokens = tokens,
                            .n_tokens = N_BASE + n_more,
                            .types = ty,
                            .n_types = N_BASE + n_more,
                            .merges = m,
                            .n_merges = n_merges,
                            .bos = -1,
                            .eos = -1,
                            .eot = -1,
                            .eom = -1,
                            .unk = -1,
                            .add_bos = -1,
                            .add_eos = -1,
                            .add_space_prefix = -1};
    struct eng_tok *t = NULL;
    enum base_status st = eng_tok_new(&s, &t, err);
    assert_true((st == BASE_OK) == (t != NULL));
    return t;
}

static void test_alphabet(void **state)
{
    (void)state;
    for (unsigned b = 0; b < 256; b++)
        assert_int_equal(tok_alphabet_byte(tok_alphabet((uint8_t)b)), b);
    assert_int_equal(tok_alphabet(' '), 0x120);
    assert_int_equal(tok_alphabet('\n'), 0x10A);
    assert_int_equal(tok_alphabet_byte(0x144), -1);
}

struct words {
    char text[512];
    size_t n;
};

static enum base_status collect(void *ctx, struct base_str w)
{
    struct words *x = ctx;
    x->n += (size_t)snprintf(x->text + x->n, sizeof(x->text) - x->n, "%s%.*s", x->n ? "|" : "",
                             BASE_FMT(w));
    return BASE_OK;
}

static void cut(const char *rule, const char *text, const char *want)
{
    struct words w = {.n = 0};
    const struct tok_rule *r = tok_rule_find(base_str_c(rule));
    assert_non_null(r);
    assert_int_equal(tok_rule_split(r, base_str_c(text), collect, &w), BASE_OK);
    assert_string_equal(w.text, want);
}

static void test_rules(void **state)
{
    (void)state;
    cut("gpt-2", "I'll we'LL  x 123 4!? \n\n y ", "I|'ll| we|'|LL| | x| 123| 4|!?| \n\n| y| ");
    cut("smollm", "ab12 3c", "ab|1|2| |3|c");
    cut("qwen2", "I'LL pay 1234 \n\n  $x\r\n(a)\tb  ",
        "I|'LL| pay| |1|2|3|4| \n\n| | $|x|\r\n|(a|)|\tb|  ");
    cut("llama-bpe", "I'm 1234567 ok!!\n\nza\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87   7",
        "I|'m| |123|456|7| ok|!!\n\n|za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87|  | |7");
    cut("llama-bpe", "\xe2\x80\x99s \xff.\xcc\x81", "\xe2\x80\x99s| \xff.\xcc\x81");
    /* o200k: cases part words, marks are letters, contractions stay with their word */
    cut("gpt-4o",
        "CamelCaseXYZ I'LLama's '\xcc\x81"
        "B 12345/\n  z",
        "Camel|Case|XYZ| I'LL|ama's| '\xcc\x81|B| |123|45|/\n| | z");
    cut("llama4",
        "ABC\xe6\xbc\xa2"
        "D \xc7\x85x\r\n\t\ty",
        "ABC\xe6\xbc\xa2|D| \xc7\x85x|\r\n|\t|\ty");
    cut("deepseek-v3", "x_abc 12345.\xe4\xb8\x80\xe3\x81\x82z (b) \xe2\x82\xac!\n\n y",
        "x|_abc| |123|45|.|\xe4\xb8\x80\xe3\x81\x82|z| (|b|)| \xe2\x82\xac!\n\n| y");
    cut("tekken", "I'Ll 12", "I|'Ll| |1|2");
    cut("falcon", "a $5 1234", "a| |$|5| |123|4");
    assert_null(tok_rule_find(BASE_STR("smoll")));
    assert_null(tok_rule_find(BASE_STR("")));
    assert_null(tok_rule_find(BASE_STR("gpt-2 phi-2")));
}

/* gpt-oss: what ends an answer, and which marks can be seen in it. */
static void test_harmony(void **state)
{
    (void)state;
    static const char *const more[] = {"<|return|>", "<|call|>", "<|end|>", "<|channel|>",
                                       "<|message|>"};
    static const int32_t types[] = {TOK_CONTROL, TOK_CONTROL, TOK_CONTROL, TOK_CONTROL,
                                    TOK_CONTROL};
    static const bool eog[] = {true, true, false, false, false};
    static const char *const merges[] = {"e v"};
    struct base_err err;
    for (size_t n = 4; n <= 5; n++) { /* without <|return|>, <|end|> does end */
        struct eng_tok *t = small("gpt-4o", more + 5 - n, types, n, merges, 1, &err);
        struct base_buf b;
        assert_non_null(t);
        base_buf_init(&b, 100);
        for (size_t i = 0; i < n; i++) {
            int32_t id = (int32_t)(N_BASE + i);
            assert_int_equal(eng_tok_is_eog(t, id), eog[i + 5 - n] || (n == 4 && i == 1));
            assert_int_equal(eng_tok_piece(t, id, false, &b, &err), BASE_OK);
        }
        assert_true(base_str_is(base_buf_view(&b), n == 5 ? "<|channel|><|message|>" : ""));
        struct eng_ids ids = {.max = 100}; /* from a user they are text all the same */
        assert_int_equal(eng_tok_encode(t, BASE_STR("<|channel|>"), 0, &ids, &err), BASE_OK);
        assert_true(ids.n > 1);
        eng_ids_release(&ids);
        base_buf_release(&b);
        eng_tok_free(t);
    }
}

static void test_foreign(void **state)
{
    (void)state;
    static const char *const more[] = {"<|im_start|>", "<|im_end|>", "<think>", "\n\n",
                                       "hello",        "he",         "evil"};
    static const int32_t types[] = {TOK_CONTROL, TOK_NORMAL /* by its name no text */,
                                    TOK_USER,    TOK_USER,
                                    TOK_NORMAL,  TOK_NORMAL,
                                    TOK_CONTROL};
    static const char *const merges[] = {"h e", "l l", "he ll", "hell o", "e v", "ev i", "evi l"};
    struct base_err err;
    struct eng_tok *t = small("llama-bpe", more, types, 7, merges, 7, &err);
    assert_non_null(t);
    assert_true(eng_tok_is_eog(t, 257));
    assert_false(eng_tok_is_eog(t, 256));
    /* whole, in template text, across the edge, as a word, as the result of merges */
    struct base_str s = BASE_STR("<|im_start|>hello<|im_start|><think>evil");
    struct eng_ids ids = {.max = 1000};
    struct eng_span user = {12, s.n};
    assert_int_equal(eng_tok_encode_mixed(t, s, &user, 1, 0, &ids, &err), BASE_OK);
    assert_int_equal(ids.v[0], 256);
    assert_int_equal(ids.v[1], 260);
    for (size_t i = 2; i < ids.n; i++)
        assert_true(ids.v[i] < 256);
    ids.n = 0;
    for (size_t from = 1; from < 12; from++) { /* any byte from outside spoils the token */
        struct eng_span part = {from, from + 1};
        ids.n = 0;
        assert_int_equal(eng_tok_encode_mixed(t, base_str_n(s.p, 12), &part, 1, 0, &ids, &err),
                         BASE_OK);
        assert_true(ids.n > 1);
    }
    ids.n = 0;
    assert_int_equal(eng_tok_encode(t, s, 0, &ids, &err), BASE_OK);
    for (size_t i = 0; i < ids.n; i++)
        assert_true(ids.v[i] < 256 || ids.v[i] == 260);
    ids.n = 0;
    assert_int_equal(eng_tok_encode(t, s, ENG_TOK_PARSE, &ids, &err), BASE_OK);
    assert_int_equal(ids.n, 5);
    /* white space is no markup: the model's newline token comes from any text */
    ids.n = 0;
    assert_int_equal(eng_tok_encode(t, BASE_STR("a\n\nb"), 0, &ids, &err), BASE_OK);
    assert_int_equal(ids.n, 3);
    assert_int_equal(ids.v[1], 259);
    eng_ids_release(&ids);
    eng_tok_free(t);
}

static void test_long_word(void **state)
{
    (void)state;
    static const char *const more[] = {"aa", "aaaa"};
    static const int32_t types[] = {TOK_NORMAL, TOK_NORMAL};
    static const char *const merges[] = {"a a", "aa aa"};
    struct base_err err;
    struct eng_tok *t = small("gpt-2", more, types, 2, merges, 2, &err);
    assert_non_null(t);
    size_t n = 1u << 20;
    char *s = malloc(n);
    assert_non_null(s);
    memset(s, 'a', n);
    struct eng_ids ids = {.max = n};
    uint64_t t0 = base_mono_us();
    assert_int_equal(eng_tok_encode(t, base_str_n(s, n), 0, &ids, &err), BASE_OK);
    print_message("one word of 1 MiB: %llu ms\n", (unsigned long long)(base_mono_us() - t0) / 1000);
    assert_int_equal(ids.n, n / 4);
    assert_true(base_mono_us() - t0 < 20000000);
    memset(s, ' ', n);
    s[n - 1] = 'x';
    ids.n = 0;
    assert_int_equal(eng_tok_encode(t, base_str_n(s, n), 0, &ids, &err), BASE_OK);
    ids.n = 0;
    ids.max = 10; /* bounded */
    assert_int_equal(eng_tok_encode(t, base_str_n(s, n), 0, &ids, &err), BASE_LIMIT);
    eng_ids_release(&ids);
    free(s);
    eng_tok_free(t);
}

static void test_bad_bytes(void **state)
{
    (void)state;
    struct base_err err;
    static const char *const merges[] = {"a b"};
    struct eng_tok *t = small("qwen2", NULL, NULL, 0, merges, 1, &err);
    assert_non_null(t);
    struct eng_ids ids = {.max = 100};
    struct base_str s = BASE_STR("a\xff\xc3 \xe2\x82 \0ab");
    assert_int_equal(eng_tok_encode(t, s, 0, &ids, &err), BASE_OK);
    struct base_buf out;
    base_buf_init(&out, 100);
    assert_int_equal(eng_tok_decode(t, ids.v, ids.n, &out, &err), BASE_OK);
    assert_true(base_str_eq(base_buf_view(&out), s)); /* "ab" joined to no token, came apart */
    int32_t wrong = 256;
    assert_int_equal(eng_tok_decode(t, &wrong, 1, &out, &err), BASE_EINVAL);
    wrong = -1;
    assert_int_equal(eng_tok_decode(t, &wrong, 1, &out, &err), BASE_EINVAL);
    base_buf_release(&out);
    eng_ids_release(&ids);
    eng_tok_free(t);
}

/* Every special token of the vocabularies at hand, spelled out by a user, alone and amid text that
 * makes it look like the template's: none becomes the token, or any other that is no text. */
static void test_every_special(void **state)
{
    (void)state;
    static const char *const vocabs[] = {"gpt-2",        "starcoder", "falcon",
                                         "deepseek-llm", "llama-spm", "phi-3"};
    size_t tried = 0;
    for (size_t v = 0; v < sizeof(vocabs) / sizeof(vocabs[0]); v++) {
        struct eng_gguf *g = NULL;
        struct eng_tok *t = open_vocab(vocabs[v], &g);
        if (t == NULL)
            return;
        for (int32_t id = 0; id < (int32_t)t->n_vocab; id++) {
            bool special = t->type[id] == TOK_CONTROL || t->type[id] == TOK_UNKNOWN ||
                           (t->type[id] == TOK_USER && !(t->flags[id] & TOK_F_PLAIN));
            if (!special || t->text[id].n == 0)
                continue;
            for (int around = 0; around < 2; around++) {
                struct eng_ids ids = {.max = 1u << 16};
                struct base_buf b;
                base_buf_init(&b, 1u << 20);
                base_buf_z(&b, around ? "x " : "");
                base_buf_str(&b, t->text[id]);
                base_buf_str(&b, around ? t->text[id] : BASE_STR(""));
                base_buf_z(&b, around ? "assistant\n" : "");
                struct eng_span all = {0, b.n};
                assert_int_equal(eng_tok_encode_mixed(t, base_buf_view(&b), &all, 1, 0, &ids, NULL),
                                 BASE_OK);
                for (size_t i = 0; i < ids.n; i++)
                    if (ids.v[i] == id || t->type[ids.v[i]] == TOK_CONTROL)
                        fail_msg("%s: \"%.*s\" became token %d", vocabs[v],
                                 BASE_FMT(base_buf_view(&b)), ids.v[i]);
                base_buf_release(&b);
                eng_ids_release(&ids);
                tried++;
            }
        }
        eng_tok_free(t);
        eng_gguf_free(g);
    }
    print_message("special tokens spelled by a user: %zu\n", tried);
    assert_true(tried > 50);
}

static void refuse(struct eng_tok_src s, const char *words)
{
    struct base_err err = {0};
    struct eng_tok *t = NULL;
    assert_int_equal(eng_tok_new(&s, &t, &err), BASE_EINVAL);
    assert_null(t);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void test_hostile(void **state)
{
    (void)state;
    struct base_str tokens[] = {BASE_STR("<unk>"), BASE_STR("a"), BASE_STR("b"), BASE_STR("ab")};
    int32_t types[] = {2, 1, 1, 1};
    float scores[] = {0, -1, -2, -3};
    struct base_str merges[] = {BASE_STR("a b"), BASE_STR("ab a")};
    struct eng_tok_src good = {.model = BASE_STR("gpt2"),
                               .pre = BASE_STR("gpt-2"),
                               .tokens = tokens,
                               .n_tokens = 4,
                               .types = types,
                               .n_types = 4,
                               .scores = scores,
                               .n_scores = 4,
                               .merges = merges,
                               .n_merges = 2,
                               .bos = -1,
                               .eos = -1,
                               .eot = -1,
                               .eom = -1,
                               .unk = 0,
                               .add_bos = -1,
                               .add_eos = -1,
                               .add_space_prefix = -1};
    struct eng_tok *t = NULL;
    assert_int_equal(eng_tok_new(&good, &t, NULL), BASE_OK);
    eng_tok_free(t);
    struct eng_tok_src s = good;
    s.pre = BASE_STR("gpt-17");
    refuse(s, "\"gpt-17\" is not built in (built: gpt-2");
    s.pre = BASE_STR_NULL;
    refuse(s, "is not built in");
    s = good, s.model = BASE_STR("rwkv");
    refuse(s, "\"rwkv\" is not built in");
    s = good, s.n_types = 3;
    refuse(s, "4 tokens but 3 token types");
    s = good, s.model = BASE_STR("llama"), s.n_scores = 5;
    refuse(s, "4 tokens but 5 scores");
    s = good, s.n_tokens = 0;
    refuse(s, "0 tokens");
    s = good, s.n_merges = 0;
    refuse(s, "0 merges");
    s = good, s.bos = 4;
    refuse(s, "bos id 4");
    s = good, s.eot = 1 << 30;
    refuse(s, "eot id");
    types[3] = 9;
    refuse(good, "token 3 has type 9");
    types[3] = 1;
    tokens[3] = BASE_STR("a");
    refuse(good, "token 3 is the same as token 1");
    tokens[3] = BASE_STR("ab");
    scores[2] = 0.0f / 0.0f;
    s = good, s.model = BASE_STR("llama");
    refuse(s, "score of token 2");
    scores[2] = -2;
    merges[1] = BASE_STR("a b");
    refuse(good, "merge 1 is there twice");
    merges[1] = BASE_STR("ab");
    refuse(good, "merge 1 is not");
    merges[1] = BASE_STR(" a");
    refuse(good, "merge 1 is not");
    merges[1] = BASE_STR("");
    refuse(good, "merge 1 is not");
    char *big = malloc(70000);
    assert_non_null(big);
    memset(big, 'x', 70000);
    tokens[3] = base_str_n(big, 70000);
    refuse(good, "has 70000 bytes");
    free(big);
}

/* Many specials, one inside the other, all over a long text: an error or an answer, in bounds. */
static void test_nested_specials(void **state)
{
    (void)state;
    static char names[24][32];
    const char *more[24];
    int32_t types[24];
    static const char *const merges[] = {"a b"};
    for (int i = 0; i < 24; i++) {
        memset(names[i], '<', (size_t)i + 2);
        more[i] = names[i];
        types[i] = TOK_CONTROL;
    }
    struct base_err err;
    struct eng_tok *t = small("gpt-2", more, types, 24, merges, 1, &err);
    assert_non_null(t);
    size_t n = 1u << 18;
    char *s = malloc(n);
    assert_non_null(s);
    memset(s, '<', n);
    struct eng_ids ids = {.max = n};
    assert_int_equal(eng_tok_encode(t, base_str_n(s, n), ENG_TOK_PARSE, &ids, &err), BASE_LIMIT);
    ids.n = 0;
    assert_int_equal(eng_tok_encode(t, base_str_n(s, 50), ENG_TOK_PARSE, &ids, &err), BASE_OK);
    assert_int_equal(ids.n, 2); /* 25 + 25 */
    assert_int_equal(ids.v[0], 256 + 23);
    free(s);
    eng_ids_release(&ids);
    eng_tok_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),       cmocka_unit_test(test_alphabet),
        cmocka_unit_test(test_rules),         cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_every_special), cmocka_unit_test(test_harmony),
        cmocka_unit_test(test_long_word),     cmocka_unit_test(test_bad_bytes),
        cmocka_unit_test(test_hostile),       cmocka_unit_test(test_nested_specials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

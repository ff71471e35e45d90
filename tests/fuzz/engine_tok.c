/* Goal: no vocabulary crashes the tokenizer, and bytes come back as they went in.
 *
 * Method: the input is a small vocabulary and a text. The first byte chooses the kind and the rule,
 * the second how many tokens follow; each token is a length byte, a type byte and its bytes;
 * merges are made of neighbouring tokens; the rest is the text. Whatever is accepted encodes the
 * text, with and without special tokens, and in byte-level BPE over the full byte alphabet decodes
 * to it. */
#include "engine/text/tok.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX 96

static char alphabet[256][4];
static struct base_str tokens[256 + MAX], merges[MAX];
static int32_t types[256 + MAX];
static float scores[256 + MAX];
static char merge_text[MAX][520];

static size_t add_alphabet(void)
{
    unsigned k = 0;
    for (unsigned b = 0; b < 256; b++) {
        bool self = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        size_t n = base_utf8_encode(self ? b : 256 + k++, alphabet[b]);
        tokens[b] = base_str_n(alphabet[b], n);
        types[b] = 1;
        scores[b] = -(float)b;
    }
    return 256;
}

static void check(const struct eng_tok *t, struct base_str text, unsigned flags, bool exact)
{
    struct eng_ids ids = {.max = 1u << 16};
    struct base_buf out;
    base_buf_init(&out, 1u << 20);
    enum base_status st = eng_tok_encode(t, text, flags, &ids, NULL);
    for (size_t i = 0; i < ids.n; i++)
        if (ids.v[i] < 0 || (uint32_t)ids.v[i] >= eng_tok_n_vocab(t))
            abort();
    if (st == BASE_OK && eng_tok_decode(t, ids.v, ids.n, &out, NULL) == BASE_OK && exact &&
        !base_str_eq(base_buf_view(&out), text))
        abort();
    base_buf_release(&out);
    eng_ids_release(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* the first three clean spaces up when they decode; what is not built is refused */
    static const char *const rules[] = {
        "gpt-2",  "falcon", "starcoder",   "qwen2", "llama-bpe", "deepseek-llm", "smollm",
        "gpt-4o", "tekken", "deepseek-v3", "glm4",  "kimi-k2",   "qwen35",       "gemma4"};
    enum { N_RULES = sizeof(rules) / sizeof(rules[0]) };
    if (size < 3)
        return 0;
    bool spm = data[0] & 128, full = data[0] & 64;
    size_t n = spm || !full ? 0 : add_alphabet(), first = n, n_merges = 0, at = 2,
           count = data[1] % MAX;
    bool user = false;
    for (size_t i = 0; i < count && at + 2 <= size; i++, n++) {
        size_t len = data[at];
        types[n] = data[at + 1] % 8;
        user = user || types[n] == 4 || types[n] == 3;
        scores[n] = -(float)(data[at + 1] >> 3);
        at += 2;
        len = len < size - at ? len : size - at;
        tokens[n] = base_str_n(data + at, len);
        at += len;
        if (n > first && tokens[n - 1].n + tokens[n].n < 500) {
            char *m = merge_text[n_merges];
            memcpy(m, tokens[n - 1].p, tokens[n - 1].n);
            m[tokens[n - 1].n] = ' ';
            memcpy(m + tokens[n - 1].n + 1, tokens[n].p, tokens[n].n);
            merges[n_merges++] = base_str_n(m, tokens[n - 1].n + 1 + tokens[n].n);
        }
    }
    struct eng_tok_src s = {.model = spm ? BASE_STR("llama") : BASE_STR("gpt2"),
                            .pre = base_str_c(rules[(data[0] & 63) % N_RULES]),
                            .tokens = tokens,
                            .n_tokens = n,
                            .types = types,
                            .n_types = n,
                            .scores = scores,
                            .n_scores = n,
                            .merges = merges,
                            .n_merges = n_merges,
                            .bos = -1,
                            .eos = -1,
                            .eot = -1,
                            .eom = -1,
                            .unk = n > 0 ? 0 : -1,
                            .add_bos = -1,
                            .add_eos = -1,
                            .add_space_prefix = -1};
    struct eng_tok *t = NULL;
    struct base_err err = {0};
    if (eng_tok_new(&s, &t, &err) != BASE_OK) {
        if (err.text[0] == 0)
            abort();
        return 0;
    }
    struct base_str text = base_str_n(data + at, size - at);
    bool cleans = (data[0] & 63) % N_RULES < 3;
    check(t, text, 0, full && !spm && !cleans);
    check(t, text, ENG_TOK_PARSE, full && !spm && !cleans && !user);
    eng_tok_free(t);
    return 0;
}

/* tok_pre.c - cutting text into words before byte-level BPE joins bytes within each.
 *
 * Models are trained with words cut by a regular expression; a different cut gives other tokens
 * than the model has seen. The rules are written here by hand, one small matcher for each
 * expression, so that a text costs time linear in its length and no engine interprets patterns.
 *
 * A rule is a list of stages. A stage cuts a stretch into matches and what lies between them; each
 * of those pieces goes through the next stage on its own, and what leaves the last one is a word.
 *
 * The stages, as expressions (Unicode classes; the first alternative that fits wins):
 *   gpt2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *   llama3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
 *           | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *   qwen2   as llama3 with \p{N} alone
 *   o200k   [^\r\n\p{L}\p{N}]?U*W+C?|[^\r\n\p{L}\p{N}]?U+W*C?|\p{N}{1,3}
 *           | ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *           with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], W = [\p{Ll}\p{Lm}\p{Lo}\p{M}] and C the
 *           contractions of llama3
 *   qwen35  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}
 *           | ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *   kimi    \p{Han}+|, then as o200k with U and W less \p{Han}, and [\r\n]* behind punctuation
 *   gemma   [^\n]+|\n+
 *   tekken  as o200k without C, with \p{N} alone
 *   digit   \p{N}          falcon  [\p{P}$+<=>^~|`]+   and   [0-9][0-9][0-9]
 *   deepseek-v3    \p{N}{1,3}   [CJK and kana]+   [ASCII punctuation][A-Za-z]+
 *           |[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *   deepseek-coder [\r\n]   \s?\p{L}+   \s?\p{P}+   [CJK]+   \p{N}
 *   deepseek-llm   [\r\n]   \s?[cased letters]+   \s?[punctuation]+   \s+$   [CJK]+   \p{N}+
 */
#include "engine/text/tok_int.h"
#include "engine/text/unicode.h"

static unsigned class_at(const char *p, size_t i, size_t n, size_t *len)
{
    if (i >= n) {
        *len = 0;
        return 0;
    }
    return eng_uni_class(eng_uni_at(p, i, n, len));
}

/* End of the run from i on of characters that have one of the classes `in` (or, if in is 0, none
 * of the classes `out`). */
static size_t run(const char *p, size_t i, size_t n, unsigned in, unsigned out)
{
    while (i < n) {
        size_t len;
        unsigned c = class_at(p, i, n, &len);
        if (in ? !(c & in) : (c & out) != 0)
            break;
        i += len;
    }
    return i;
}

static size_t run_of(const char *p, size_t i, size_t n, bool (*is)(uint32_t))
{
    while (i < n) {
        size_t len;
        if (!is(eng_uni_at(p, i, n, &len)))
            break;
        i += len;
    }
    return i;
}

#define WORDLESS (ENG_UNI_SPACE | ENG_UNI_LETTER | ENG_UNI_NUMBER)

static size_t contraction(const char *p, size_t i, size_t n, bool any_case)
{
    static const char two[] = "stmd", three[3][2] = {{'r', 'e'}, {'v', 'e'}, {'l', 'l'}};
    if (p[i] != '\'' || i + 1 >= n)
        return 0;
    int a = (unsigned char)p[i + 1], b = i + 2 < n ? (unsigned char)p[i + 2] : 0;
    if (any_case) {
        a = a >= 'A' && a <= 'Z' ? a + 32 : a;
        b = b >= 'A' && b <= 'Z' ? b + 32 : b;
    }
    for (size_t k = 0; k < 4; k++)
        if (a == two[k])
            return 2;
    for (size_t k = 0; k < 3; k++)
        if (a == three[k][0] && b == three[k][1])
            return 3;
    return 0;
}

/* \s+(?!\S)|\s+ from i, where white space stands: all of a run that ends the text, otherwise all
 * but its last character, unless that is its only one. */
static size_t spaces(const char *p, size_t i, size_t n)
{
    size_t at = i, last = i;
    while (at < n) {
        size_t len;
        if (!(class_at(p, at, n, &len) & ENG_UNI_SPACE))
            break;
        last = at;
        at += len;
    }
    return (at < n && last > i ? last : at) - i;
}

static size_t match_gpt2(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    size_t len = contraction(p, i, n, false);
    if (len)
        return len;
    size_t at = i + (p[i] == ' '), l;
    unsigned c = class_at(p, at, n, &l);
    if (at < n && (c & ENG_UNI_LETTER))
        return run(p, at, n, ENG_UNI_LETTER, 0) - i;
    if (at < n && (c & ENG_UNI_NUMBER))
        return run(p, at, n, ENG_UNI_NUMBER, 0) - i;
    if (at < n && !(c & WORDLESS))
        return run(p, at, n, 0, WORDLESS) - i;
    return spaces(p, i, n);
}

/* \p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[after]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static size_t match_rest_of(const char *p, size_t i, size_t n, int digits, const char *after,
                            unsigned wordless)
{
    size_t l, at = i;
    if (class_at(p, i, n, &l) & ENG_UNI_NUMBER) {
        for (int k = 0; k < digits && (class_at(p, at, n, &l) & ENG_UNI_NUMBER); k++)
            at += l;
        return at - i;
    }
    at = i + (p[i] == ' ');
    if (at < n && !(class_at(p, at, n, &l) & wordless)) {
        at = run(p, at, n, 0, wordless);
        while (at < n && p[at] && strchr(after, p[at]))
            at++;
        return at - i;
    }
    size_t end = run(p, i, n, ENG_UNI_SPACE, 0), nl = end;
    while (nl > i && p[nl - 1] != '\r' && p[nl - 1] != '\n')
        nl--;
    return nl > i ? nl - i : spaces(p, i, n);
}

static size_t match_rest(const char *p, size_t i, size_t n, int digits, const char *after)
{
    return match_rest_of(p, i, n, digits, after, WORDLESS);
}

/* in: the classes of a word's characters */
static size_t match_words(const char *p, size_t i, size_t n, int digits, unsigned in)
{
    size_t len = contraction(p, i, n, true), l, l2;
    if (len)
        return len;
    unsigned c = class_at(p, i, n, &l);
    if (c & in)
        return run(p, i, n, in, 0) - i;
    if (!(c & ENG_UNI_NUMBER) && p[i] != '\r' && p[i] != '\n' && (class_at(p, i + l, n, &l2) & in))
        return run(p, i + l, n, in, 0) - i;
    return match_rest_of(p, i, n, digits, "\r\n", WORDLESS | in);
}

static size_t match_llama3(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return match_words(p, i, n, 3, ENG_UNI_LETTER);
}

static size_t match_qwen2(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return match_words(p, i, n, 1, ENG_UNI_LETTER);
}

static size_t match_qwen35(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return match_words(p, i, n, 1, ENG_UNI_LETTER | ENG_UNI_MARK);
}

/* Classes of U and W above: what may be in either, or in U, or in W alone. */
static bool is_upper(unsigned c)
{
    return (c & (ENG_UNI_LETTER | ENG_UNI_MARK)) && !(c & ENG_UNI_LOWER);
}

static bool is_lower(unsigned c)
{
    return (c & (ENG_UNI_LETTER | ENG_UNI_MARK)) && !(c & ENG_UNI_UPPER);
}

/* 0 for Han where that is no part of words. */
static unsigned word_class(const char *p, size_t i, size_t n, bool han, size_t *len)
{
    unsigned c = class_at(p, i, n, len);
    return !han && *len > 2 && eng_uni_is_han(eng_uni_at(p, i, n, len)) ? 0 : c;
}

/* End of U*W+ from i, i if it does not match; *all: end of U+W*, which is asked for then. Where no
 * small letter follows the longest U*, that gives back just enough for W+ to have its one. */
static size_t cased_word(const char *p, size_t i, size_t n, bool han, size_t *all)
{
    size_t at = i, len, both = i;
    unsigned c;
    while (at < n && is_upper(c = word_class(p, at, n, han, &len))) {
        at += len;
        if (is_lower(c))
            both = at;
    }
    *all = at;
    if (at >= n || !is_lower(word_class(p, at, n, han, &len)))
        return both;
    while (at < n && is_lower(word_class(p, at, n, han, &len)))
        at += len;
    return *all = at;
}

static size_t match_o200k_n(const char *p, size_t i, size_t n, int digits, bool contract, bool han)
{
    size_t len, end = i, all = i, all_prefixed = i, start = i;
    unsigned c = class_at(p, i, n, &len);
    bool prefix = !(c & (ENG_UNI_LETTER | ENG_UNI_NUMBER)) && p[i] != '\r' && p[i] != '\n';
    if (prefix) {
        start = i + len;
        end = cased_word(p, start, n, han, &all_prefixed);
    }
    if (end == start) { /* not with a character before, or there is none */
        start = i;
        end = cased_word(p, i, n, han, &all);
    }
    if (end == start) {
        if (prefix && all_prefixed > i + len)
            end = all_prefixed;
        else
            end = all;
    }
    if (end == i)
        return match_rest(p, i, n, digits, han ? "\r\n/" : "\r\n");
    if (contract && end < n)
        end += contraction(p, end, n, true);
    return end - i;
}

static size_t match_o200k(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return match_o200k_n(p, i, n, 3, true, true);
}

static size_t match_kimi(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    size_t end = run_of(p, i, n, eng_uni_is_han);
    return end > i ? end - i : match_o200k_n(p, i, n, 3, true, false);
}

static size_t match_gemma(const char *p, size_t i, size_t n, size_t *skip)
{
    size_t at = i;
    (void)skip;
    while (at < n && (p[at] == '\n') == (p[i] == '\n'))
        at++;
    return at - i;
}

static size_t match_tekken(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return match_o200k_n(p, i, n, 1, false, true);
}

static size_t match_digit(const char *p, size_t i, size_t n, size_t *skip)
{
    return class_at(p, i, n, skip) & ENG_UNI_NUMBER ? *skip : 0;
}

static size_t match_numbers(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return run(p, i, n, ENG_UNI_NUMBER, 0) - i;
}

static size_t match_falcon_punct(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    size_t at = i, len;
    while (at < n && ((class_at(p, at, n, &len) & ENG_UNI_PUNCT) ||
                      (p[at] != 0 && strchr("$+<=>^~|`", p[at]) != NULL)))
        at += len;
    return at - i;
}

static size_t match_three_digits(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    if (i + 3 > n)
        return 0;
    for (size_t k = i; k < i + 3; k++)
        if (p[k] < '0' || p[k] > '9')
            return 0;
    return 3;
}

static size_t match_newline(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)n;
    (void)skip;
    return p[i] == '\r' || p[i] == '\n';
}

/* The expression lists the cased letters of an older Unicode version: these came later, or were
 * left out. */
static bool deepseek_letter(uint32_t cp)
{
    static const uint32_t out[][2] = {{0x560, 0x588},     {0x10C7, 0x10C7},   {0x10CD, 0x10CD},
                                      {0x10D0, 0x10FF},   {0x1C80, 0x1C8F},   {0x2D00, 0x2D2D},
                                      {0xA78F, 0xA7FF},   {0xAB30, 0xAB68},   {0x10500, 0x105FF},
                                      {0x10D50, 0x10D85}, {0x16E40, 0x1E8FF}, {0x1E944, 0x10FFFF}};
    if (!(eng_uni_class(cp) & ENG_UNI_CASED))
        return false;
    for (size_t k = 0; k < sizeof(out) / sizeof(out[0]); k++)
        if (cp >= out[k][0] && cp <= out[k][1])
            return false;
    return true;
}

static bool deepseek_punct(uint32_t cp)
{
    return (cp >= 0x21 && cp <= 0x2F) || (cp >= 0x3A && cp <= 0x7E) ||
           (cp >= 0xFF01 && cp <= 0xFF0F) || (cp >= 0xFF1A && cp <= 0xFF5E) ||
           (cp >= 0x2018 && cp <= 0x201F) || (cp >= 0x3000 && cp <= 0x3002);
}

static bool deepseek_cjk(uint32_t cp)
{
    return (cp >= 0x800 && cp <= 0x9FA5) || (cp >= 0xAC00 && cp <= 0xD7FF);
}

/* \s?[is]+ ; some of the punctuation is white space itself, which then may serve as either. */
static size_t spaced_run(const char *p, size_t i, size_t n, bool (*is)(uint32_t))
{
    size_t len;
    if (class_at(p, i, n, &len) & ENG_UNI_SPACE) {
        size_t end = run_of(p, i + len, n, is);
        if (end > i + len)
            return end - i;
    }
    return run_of(p, i, n, is) - i;
}

static size_t match_deepseek_letters(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return spaced_run(p, i, n, deepseek_letter);
}

static size_t match_deepseek_punct(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return spaced_run(p, i, n, deepseek_punct);
}

static bool is_letter(uint32_t cp)
{
    return (eng_uni_class(cp) & ENG_UNI_LETTER) != 0;
}

static bool is_punct(uint32_t cp)
{
    return (eng_uni_class(cp) & ENG_UNI_PUNCT) != 0;
}

static size_t match_spaced_letters(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return spaced_run(p, i, n, is_letter);
}

static size_t match_spaced_punct(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return spaced_run(p, i, n, is_punct);
}

static size_t match_last_spaces(const char *p, size_t i, size_t n, size_t *skip)
{
    size_t end = run(p, i, n, ENG_UNI_SPACE, 0);
    if (end == n)
        return end - i;
    if (end > i)
        *skip = end - i;
    return 0;
}

static size_t match_deepseek_cjk(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return run_of(p, i, n, deepseek_cjk) - i;
}

static size_t match_three_numbers(const char *p, size_t i, size_t n, size_t *skip)
{
    size_t at = i, len;
    for (int k = 0; k < 3 && (class_at(p, at, n, &len) & ENG_UNI_NUMBER); k++)
        at += len;
    (void)skip;
    return at - i;
}

static bool deepseek3_cjk(uint32_t cp)
{
    return (cp >= 0x4E00 && cp <= 0x9FA5) || (cp >= 0x3040 && cp <= 0x30FF);
}

static size_t match_deepseek3_cjk(const char *p, size_t i, size_t n, size_t *skip)
{
    (void)skip;
    return run_of(p, i, n, deepseek3_cjk) - i;
}

static bool ascii_letter(uint32_t cp)
{
    return (cp | 32) >= 'a' && (cp | 32) <= 'z';
}

static size_t match_deepseek3(const char *p, size_t i, size_t n, size_t *skip)
{
    const unsigned word = ENG_UNI_LETTER | ENG_UNI_MARK, mark = ENG_UNI_PUNCT | ENG_UNI_SYMBOL;
    size_t len, l, at;
    unsigned c = class_at(p, i, n, &len);
    (void)skip;
    if (len == 1 && (c & mark) && (at = run_of(p, i + 1, n, ascii_letter)) > i + 1)
        return at - i;
    if (!(c & (ENG_UNI_LETTER | mark)) && p[i] != '\r' && p[i] != '\n' &&
        (class_at(p, i + len, n, &l) & word))
        return run(p, i + len, n, word, 0) - i;
    if (c & word)
        return run(p, i, n, word, 0) - i;
    at = i + (p[i] == ' ');
    if (class_at(p, at, n, &l) & mark) {
        at = run(p, at, n, mark, 0);
        while (at < n && (p[at] == '\r' || p[at] == '\n'))
            at++;
        return at - i;
    }
    size_t end = run(p, i, n, ENG_UNI_SPACE, 0), nl = end;
    while (nl > i && p[nl - 1] != '\r' && p[nl - 1] != '\n')
        nl--;
    return nl > i ? nl - i : spaces(p, i, n);
}

static const struct tok_rule rules[] = {
    {.names = "gpt-2 phi-2 mpt olmo jais trillion exaone4 granite-docling",
     .stage = {match_gpt2},
     .clean_spaces = true},
    {.names = "starcoder refact codeshell exaone minerva-7b",
     .stage = {match_digit, match_gpt2},
     .clean_spaces = true},
    {.names = "smollm command-r", .stage = {match_digit, match_gpt2}},
    {.names = "falcon",
     .stage = {match_falcon_punct, match_gpt2, match_three_digits},
     .clean_spaces = true},
    {.names = "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2",
     .stage = {match_llama3},
     .ignore_merges = true,
     .add_bos = true},
    {.names = "glm4 chatglm-bpe dbrx smaug-bpe", .stage = {match_llama3}},
    {.names = "qwen2 deepseek-r1-qwen kormo megrez hunyuan stablelm2 solar-open grok-2",
     .stage = {match_qwen2}},
    {.names = "qwen35", .stage = {match_qwen35}},
    {.names = "gpt-4o llama4 kanana2", .stage = {match_o200k}},
    {.names = "kimi-k2", .stage = {match_kimi}},
    {.names = "tekken", .stage = {match_tekken}, .ignore_merges = true, .add_bos = true},
    {.names = "deepseek-v3 hunyuan-dense joyai-llm",
     .stage = {match_three_numbers, match_deepseek3_cjk, match_deepseek3}},
    {.names = "deepseek-llm",
     .stage = {match_newline, match_deepseek_letters, match_deepseek_punct, match_last_spaces,
               match_deepseek_cjk, match_numbers}},
    {.names = "deepseek-coder",
     .stage = {match_newline, match_spaced_letters, match_spaced_punct, match_deepseek_cjk,
               match_digit}},
};

const struct tok_rule tok_rule_gemma = {.names = "gemma4", .stage = {match_gemma}, .add_bos = true};

const char *eng_tok_rules(void)
{
    return "gpt-2 phi-2 mpt olmo jais trillion exaone4 granite-docling, starcoder refact codeshell "
           "exaone minerva-7b, smollm command-r, falcon, llama-bpe llama3 llama-v3 falcon3 "
           "falcon-h1 pixtral midm-2.0 lfm2, glm4 chatglm-bpe dbrx smaug-bpe, qwen2 "
           "deepseek-r1-qwen kormo megrez hunyuan stablelm2 solar-open grok-2, qwen35, "
           "gpt-4o llama4 kanana2, kimi-k2, tekken, "
           "deepseek-v3 hunyuan-dense joyai-llm, deepseek-llm, deepseek-coder";
}

const struct tok_rule *tok_rule_find(struct base_str name)
{
    if (name.n == 0)
        return NULL;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct base_str rest = base_str_c(rules[i].names);
        while (rest.p)
            if (base_str_eq(base_str_cut(&rest, ' '), name))
                return &rules[i];
    }
    return NULL;
}

static enum base_status split(const struct tok_rule *r, int stage, struct base_str text,
                              tok_word_fn word, void *ctx)
{
    if (text.n == 0)
        return BASE_OK;
    if (stage == TOK_STAGES_MAX || r->stage[stage] == NULL)
        return word(ctx, text);
    size_t gap = 0, i = 0;
    enum base_status st = BASE_OK;
    while (i < text.n && st == BASE_OK) {
        size_t skip;
        (void)eng_uni_at(text.p, i, text.n, &skip);
        size_t m = r->stage[stage](text.p, i, text.n, &skip);
        if (m == 0) {
            i += skip;
            continue;
        }
        st = split(r, stage + 1, base_str_n(text.p + gap, i - gap), word, ctx);
        if (st == BASE_OK)
            st = split(r, stage + 1, base_str_n(text.p + i, m), word, ctx);
        i += m;
        gap = i;
    }
    return st != BASE_OK ? st
                         : split(r, stage + 1, base_str_n(text.p + gap, text.n - gap), word, ctx);
}

enum base_status tok_rule_split(const struct tok_rule *r, struct base_str text, tok_word_fn word,
                                void *ctx)
{
    return split(r, 0, text, word, ctx);
}

/* Goal: thoughts are told from the answer, Harmony's channels from one another, and a mark counts
 * only as the token that the vocabulary has for it.
 *
 * Method: see engine_parse_util.h; then a vocabulary with marks of both kinds (control and
 * user-defined) feeds the same spellings as tokens and as text, and templates are asked for their
 * dialect.
 */
#include "tests/unit/engine_parse_util.h"

#include "base/file.h"
#include "engine/text/template.h"
#include "engine/text/tok.h"

static void think(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"<think>\nHm, 2 and 2.\n</think>\n\nIt is 4.", "R[Hm, 2 and 2.]T[It is 4.]", 0},
        {"Hm.\nSo.\n</think>\n\n4", "R[Hm.\nSo.]T[4]", OPENED},
        {"\n<think>\n\n</think>\n\nNo thought.", "T[No thought.]", 0},
        {"<think>never ends\n", "R[never ends\n]", CUT},
        {"No thoughts; <think> is a tag, </think> too.",
         "T[No thoughts; <think> is a tag, </think> too.]", 0},
        {"<think>a</think><think>b</think>c", "R[ab]T[c]", 0},
        {"<think>\n\n  x\n\n\n  y </think>  z\n", "R[  x\n\n\n  y ]T[  z\n]", 0},
        {"<think>the tag <tool_call> and </thin </think>ok",
         "R[the tag <tool_call> and </thin ]T[ok]", 0},
        {"<thin", "T[<thin]", CUT},
        {"</think>", "", OPENED},
        {"", "", OPENED},
        {"\n\n", "T[\n\n]", 0},
        {"thought <think> thought</think>text", "R[thought <think> thought]T[text]", OPENED},
    };
    CHECK("think", c);
    static const struct parse_case with_calls[] = {
        {"<think>\nI need it.\n</think>\n\n<tool_call>\n{\"name\": \"ping\", \"arguments\": {}}\n"
         "</tool_call>",
         "R[I need it.]C[ping]A[{}]", 0},
        {"<think>a</think>\n\nText\n<tool_call>{\"name\": \"ping\", \"arguments\": {}}</tool_call>",
         "R[a]T[Text]C[ping]A[{}]", 0},
        {"<think>a <tool_call>{\"name\": \"ping\"}</tool_call> b</think>c",
         "R[a <tool_call>{\"name\": \"ping\"}</tool_call> b]T[c]", 0},
        {"a</think>\n<tool_call>{\"name\": \"p", "R[a]T[\n<tool_call>{\"name\": \"p]",
         OPENED | CUT},
        {"<tool_call>{\"name\": \"ping\", \"arguments\": {}}</tool_call>\n<think>x",
         "C[ping]A[{}]T[<think>x]", 0},
        {"x", "T[x]", 0},
        {" \t\n<think>y</think>", "R[y]", 0},
        {" \t\nz", "T[ \t\nz]", 0},
        {"\xc3\xa9<think>", "T[\xc3\xa9<think>]", 0},
        {"<think>\xe2\x82\xac</think>\xe2\x82\xac", "R[\xe2\x82\xac]T[\xe2\x82\xac]", 0},
    };
    CHECK("think+hermes", with_calls);
}

static void other_thoughts(void **state)
{
    (void)state;
    static const struct parse_case mistral[] = {
        {"[THINK]Hm.[/THINK]Yes.", "R[Hm.]T[Yes.]", 0},
        {"[THINK]\nHm.\n[/THINK]\nYes.", "R[Hm.]T[Yes.]", 0},
        {"Hm.[/THINK]Yes.", "R[Hm.]T[Yes.]", OPENED},
        {"a[THINK]b[/THINK]c", "T[a]R[b]T[c]", 0},
        {"[THINK]a[/THINK][TOOL_CALLS]ping[ARGS]{}", "R[a]C[ping]A[{}]", 0},
        {"[THINK]a", "R[a]", CUT},
        {"[THIN] x [/THINK]", "T[[THIN] x [/THINK]]", 0},
        {"[THINK]a [b] [/THINK]", "R[a [b] ]", 0},
        {"plain", "T[plain]", 0},
        {"[THINK][/THINK]x", "T[x]", 0},
    };
    CHECK("mistral-think+mistral", mistral);
    static const struct parse_case gemma[] = {
        {"<|channel>thought\nHm.\n<channel|>Yes.", "R[Hm.]T[Yes.]", 0},
        {"<|channel>thought\n<channel|>Yes.", "T[Yes.]", 0},
        {"<|channel>thoughts of mine<channel|>x", "R[thoughts of mine]T[x]", 0},
        {"<|channel>other\nHm.<channel|>x", "R[other\nHm.]T[x]", 0},
        {"Hm.<channel|>x", "R[Hm.]T[x]", OPENED},
        {"a<|channel>thought\nb<channel|>c", "T[a]R[b]T[c]", 0},
        {"<|channel>thought\nI call.\n<channel|><|tool_call>call:ping{}<tool_call|>",
         "R[I call.]C[ping]A[{}]", 0},
        {"<|channel>tho", "R[tho]", CUT},
        {"<|channel>tho<channel|>x", "R[tho]T[x]", 0},
        {"<|channel", "T[<|channel]", 0},
        {"x <channel|> y", "T[x <channel|> y]", 0},
    };
    CHECK("gemma-thought+gemma", gemma);
}

static void harmony(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes."
         "<|return|>",
         "R[Hm.]T[Yes.]", 0},
        {"<|channel|>analysis<|message|>I need it.<|end|><|start|>assistant<|channel|>commentary "
         "to=functions.get_weather <|constrain|>json<|message|>{\"city\":\"Paris\"}<|call|>",
         "R[I need it.]C[get_weather]A[{\"city\":\"Paris\"}]", 0},
        {" to=functions.get_weather<|channel|>commentary json<|message|>{\"city\": \"Paris\"}"
         "<|call|>",
         "C[get_weather]A[{\"city\": \"Paris\"}]", 0},
        {"<|channel|>commentary to=functions.ping<|message|>{}<|call|>", "C[ping]A[{}]", NO_TOOLS},
        {"<|channel|>commentary<|message|>First I look.<|end|><|start|>assistant<|channel|>"
         "commentary to=functions.ping<|constrain|>json<|message|>{}<|end|><|start|>assistant to="
         "functions.ping<|channel|>commentary<|message|>{}<|call|>",
         "T[First I look.]C[ping]A[{}]C[ping]A[{}]", 0},
        {"<|channel|>final<|message|>cut of", "T[cut of]", CUT},
        {"<|channel|>analysis<|message|>a<|channel|>final<|message|>b", "R[a]T[b]", 0},
        {"<|channel|>analysis<|message|>a<|start|>assistant<|channel|>final<|message|>b<|end|>",
         "R[a]T[b]", 0},
        {"<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b"
         "<|end|><|start|>assistant<|channel|>final<|message|>c<|end|><|start|>assistant<|channel|>"
         "final<|message|>d",
         "R[a\nb]T[c\nd]", 0},
        {"Just text, no channels.", "T[Just text, no channels.]", 0},
        {"to be or not", "T[to be or not]", 0},
        {"<|channel|>analysis to=functions.ping code<|message|> {\"a\": 1}<|call|>",
         "C[ping]A[{\"a\": 1}]", 0},
        {"<|channel|>commentary to=functions.ping<|message|><|call|>", "C[ping]A[{}]", 0},
        {"<|channel|>commentary to=functions.ping<|message|>{\"a\": \"b", "C[ping]A[{\"a\": \"b]",
         CUT},
        {"<|channel|>analysis", "T[ analysis]", CUT},
        {"<|channel|>whatever<|message|>x", "T[x]", 0},
        {"<|start|>assistant<|channel|>final<|message|>x", "T[x]", 0},
        {"<|message|>x", "T[x]", 0},
        {"<|channel|>final<|message|>x<|end|>\n ", "T[x]", 0},
        {"<|channel|>final<|constrain|>json<|message|>{\"a\": 1}", "T[{\"a\": 1}]", 0},
        {"<|channel|>commentary to=browser.search<|message|>{\"q\": 1}<|call|>",
         "C[browser.search]A[{\"q\": 1}]", 0},
        {"<|channel|>commentary to=functions.a b<|message|>{}<|call|><|start|>assistant<|channel|>"
         "final<|message|>more",
         "C[a]A[{}]", ONE_CALL},
        {"<|channel|>commentary to=functions.<|message|>{}<|call|>", "T[{}]", 0},
        {"<|channel|>final<|message|>a <| b <|message|> c", "T[a <| b <|message|> c]", 0},
    };
    CHECK("harmony", c);
}

static void plain(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"a", "T[a]", 0},
        {"<think>a</think>", "T[<think>a</think>]", 0},
        {"<tool_call>{\"name\": \"ping\", \"arguments\": {}}</tool_call>",
         "T[<tool_call>{\"name\": \"ping\", \"arguments\": {}}</tool_call>]", 0},
        {"[TOOL_CALLS]ping[ARGS]{}", "T[[TOOL_CALLS]ping[ARGS]{}]", 0},
        {"{\"name\": \"ping\"}", "T[{\"name\": \"ping\"}]", 0},
        {"\n\n a\n\n", "T[\n\n a\n\n]", 0},
        {"<|channel|>final<|message|>x", "T[<|channel|>final<|message|>x]", 0},
        {"\xe2\x82", "T[\xe2\x82]", CUT},
        {"", "", 0},
        {"<", "T[<]", 0},
    };
    CHECK("text", c);
}

/* ---- marks as tokens ---- */

static struct eng_tok *vocabulary(void)
{
    static const struct base_str tokens[] = {{"a", 1},
                                             {"b", 1},
                                             {"<think>", 7},
                                             {"</think>", 8},
                                             {"<tool_call>", 11},
                                             {"</tool_call>", 12},
                                             {"<|tool_call_begin|>", 19},
                                             {"<eos>", 5},
                                             {"ab", 2},
                                             {"[TOOL_CALLS]", 12},
                                             {"[ARGS]", 6}};
    static const int32_t types[] = {1, 1, 4, 4, 4, 4, 3, 3, 1, 3, 3};
    static const struct base_str merges[] = {{"a b", 3}};
    struct eng_tok_src s = {.model = BASE_STR("gpt2"),
                            .pre = BASE_STR("qwen2"),
                            .tokens = tokens,
                            .n_tokens = 11,
                            .types = types,
                            .n_types = 11,
                            .merges = merges,
                            .n_merges = 1,
                            .bos = -1,
                            .eos = 7,
                            .eot = -1,
                            .eom = -1,
                            .unk = -1,
                            .add_bos = -1,
                            .add_eos = -1,
                            .add_space_prefix = -1};
    struct eng_tok *t;
    assert_int_equal(eng_tok_new(&s, &t, NULL), BASE_OK);
    return t;
}

/* "#3" is token 3; anything else is text. */
static void feed(const char *dialect, const char *const *parts, size_t n, const char *want)
{
    struct parse_seen s = {.last = -1};
    struct eng_tok *t = vocabulary();
    struct eng_dialect d;
    struct eng_parse *p;
    json_t *tools = json_loads(parse_tools, 0, NULL);
    base_buf_init(&s.b, 1u << 20);
    assert_true(eng_dialect_parse(base_str_c(dialect), &d));
    struct eng_parse_opts o = {
        .dialect = d, .tok = t, .tools = tools, .event = parse_note, .ctx = &s};
    assert_int_equal(eng_parse_new(&o, &p, NULL), BASE_OK);
    for (size_t i = 0; i < n; i++) {
        int32_t id = parts[i][0] == '#' ? parts[i][1] - '0' : -1;
        struct base_str text = id >= 0 ? BASE_STR_NULL : base_str_c(parts[i]);
        assert_int_equal(eng_parse_push(p, id, text, NULL), BASE_OK);
    }
    assert_int_equal(eng_parse_end(p, false, NULL), BASE_OK);
    parse_seen_close(&s);
    base_buf_byte(&s.b, 0);
    assert_string_equal(s.b.p, want);
    base_buf_release(&s.b);
    eng_parse_free(p);
    eng_tok_free(t);
    json_decref(tools);
}

#define FEED(dialect, want, ...)                                                                   \
    do {                                                                                           \
        static const char *const parts_[] = {__VA_ARGS__};                                         \
        feed(dialect, parts_, sizeof(parts_) / sizeof(parts_[0]), want);                           \
    } while (0)

static void tokens(void **state)
{
    (void)state;
    FEED("think+hermes", "R[t]T[x]", "#2", "t", "#3", "x");
    FEED("think+hermes", "T[<think>t</think>x]", "<think>", "t", "</think>", "x");
    FEED("think+hermes", "T[<tool_call>{\"name\":\"ping\"}</tool_call>]",
         "<tool_call>{\"name\":\"ping\"}</tool_call>");
    FEED("think+hermes", "C[ping]A[{}]", "#4", "\n{\"name\":\"ping\"}\n", "#5");
    FEED("think+hermes", "C[ping]A[{\"a\":\"</tool_call>\"}]", "#4",
         "{\"name\":\"ping\",\"arguments\":{\"a\":\"", "#5", "\"}}", "#5");
    FEED("think+hermes", "R[a </think> b]T[c]", "#2", "a </think> b", "#3", "c");
    FEED("think+hermes", "T[x<think>]", "x", "#2");
    /* a control token ends what it must, wherever it stands; the other mark has no token */
    FEED("mistral", "C[ping]A[{\"a\":\"]C[f]A[{}]", "#9", "ping", "#:", "{\"a\":\"", "#9", "f",
         "#:", "{}");
    FEED("kimi", "C[f]A[{}]", "#6", "functions.f:0<|tool_call_argument_begin|>{}<|tool_call_end|>");
    FEED("kimi", "T[<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>]",
         "<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>");
    FEED("text", "T[ab]", "ab", "#7");
}

/* ---- dialects ---- */

static void check_dialect(const char *source, const char *want)
{
    char name[ENG_DIALECT_NAME_MAX];
    struct eng_dialect back;
    eng_dialect_name(eng_dialect_of(base_str_c(source)), name);
    assert_string_equal(name, want);
    assert_true(eng_dialect_parse(base_str_c(name), &back));
}

static void dialects(void **state)
{
    (void)state;
    check_dialect("{{ messages[0].content }}", "text");
    check_dialect("", "text");
    check_dialect("<|start|>..<|channel|>..<|message|>", "harmony");
    check_dialect("<think> <tool_call>{\"name\":", "think+hermes");
    check_dialect("'<|start_header_id|>' '\"parameters\": '", "llama");
    check_dialect("[THINK][TOOL_CALLS]", "mistral-think+mistral");
    check_dialect("<|channel> <|tool_call>call:", "gemma-thought+gemma");
    struct eng_dialect d;
    assert_true(eng_dialect_parse(BASE_STR("think"), &d));
    assert_true(eng_dialect_opened(d, BASE_STR("...assistant\n<think>\n")));
    assert_false(eng_dialect_opened(d, BASE_STR("...<think>\n\n</think>\n\n")));
    assert_false(eng_dialect_parse(BASE_STR("thinking"), &d));
    assert_false(eng_dialect_parse(BASE_STR("harmony+hermes"), &d));
}

/* Only the template opens a thought: not a caller whose words end in the mark. */
static void opened_by_whom(void **state)
{
    (void)state;
    static const struct {
        const char *source, *content;
        bool opened;
    } c[] = {
        {"{{ messages[0].content }}{% if add_generation_prompt %}<think>\n{% endif %}", "a", true},
        {"{{ messages[0].content }}<think>\n\n</think>", "a", false},
        {"<think>{{ messages[0].content }}", "<think>", false},
        {"<think></think>{{ messages[0].content }}", "a<think>", false},
        {"{{ messages[0].content }}k>\n{# <think> #}", "<thin", false}};
    struct eng_tok *tok = vocabulary();
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct eng_ids ids = {.max = 1000};
        struct eng_template *t;
        bool opened = false;
        assert_int_equal(
            eng_template_new(base_str_c(c[i].source), BASE_STR_NULL, BASE_STR_NULL, &t, NULL),
            BASE_OK);
        json_t *r = json_pack("{s:[{s:s, s:s}], s:b}", "messages", "role", "user", "content",
                              c[i].content, "add_generation_prompt", 1);
        assert_int_equal(eng_template_tokens(t, tok, r, 0, &ids, &opened, NULL, NULL), BASE_OK);
        if (opened != c[i].opened)
            fail_msg("case %zu", i);
        json_decref(r);
        eng_ids_release(&ids);
        eng_template_free(t);
    }
    eng_tok_free(tok);
}

static void many_calls(void **state)
{
    (void)state;
    struct parse_seen s = {.last = -1};
    struct eng_dialect d;
    struct eng_parse *p;
    json_t *tools = json_loads(parse_tools, 0, NULL);
    base_buf_init(&s.b, 1u << 20);
    assert_true(eng_dialect_parse(BASE_STR("hermes"), &d));
    struct eng_parse_opts o = {.dialect = d, .tools = tools, .event = parse_note, .ctx = &s};
    assert_int_equal(eng_parse_new(&o, &p, NULL), BASE_OK);
    for (int i = 0; i < ENG_PARSE_CALLS_MAX + 2; i++)
        assert_int_equal(
            eng_parse_push(p, -1, BASE_STR("<tool_call>{\"name\":\"ping\"}</tool_call>"), NULL),
            BASE_OK);
    /* a call that never gets a name does not grow without bound: it becomes text */
    assert_int_equal(eng_parse_push(p, -1, BASE_STR("<tool_call>{\"a\":\""), NULL), BASE_OK);
    size_t before = s.b.n;
    for (int i = 0; i < 40000; i++)
        assert_int_equal(eng_parse_push(p, -1, BASE_STR("0123456789"), NULL), BASE_OK);
    assert_true(s.b.n > before + 390000);
    assert_int_equal(eng_parse_end(p, false, NULL), BASE_OK);
    assert_int_equal(s.n_calls, ENG_PARSE_CALLS_MAX);
    eng_parse_free(p);
    base_buf_release(&s.b);
    json_decref(tools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(think),      cmocka_unit_test(other_thoughts), cmocka_unit_test(harmony),
        cmocka_unit_test(plain),      cmocka_unit_test(tokens),         cmocka_unit_test(dialects),
        cmocka_unit_test(many_calls), cmocka_unit_test(opened_by_whom),
    };
    return cmocka_run_group_tests_name("engine_parse", tests, NULL, NULL);
}

/* Goal: calls that are JSON, or become JSON, are read as they were meant, however the answer is
 * cut: Hermes, Mistral (old and new), Granite, Llama 3 and 4, DeepSeek R1/V3/V3.1, Kimi K2,
 * Gemma 4.
 *
 * Method: see engine_parse_util.h. Good calls, several calls, text around them, marks within
 * strings, members in another order, no arguments, garbage, and answers cut off at every stage.
 */
#include "tests/unit/engine_parse_util.h"

#define BAR     "\xef\xbd\x9c"
#define BLK     "\xe2\x96\x81"
#define D(what) "<" BAR "tool" BLK what BAR ">"
#define CALLS   D("calls" BLK "begin")
#define CALLS_  D("calls" BLK "end")
#define CALL    D("call" BLK "begin")
#define CALL_   D("call" BLK "end")
#define SEP     D("sep")

static void hermes(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"unit\": "
         "\"celsius\"}}\n</tool_call>",
         "C[get_weather]A[{\"city\": \"Paris\", \"unit\": \"celsius\"}]", 0},
        {"Let me look.\n<tool_call>\n{\"name\": \"ping\", \"arguments\": {}}\n</tool_call>\n"
         "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}\n"
         "</tool_call>",
         "T[Let me look.]C[ping]A[{}]C[get_weather]A[{\"city\": \"Rome\"}]", 0},
        {"No call here, only <tool and {\"name\": 1}.\n",
         "T[No call here, only <tool and {\"name\": 1}.\n]", 0},
        {"<tool_call>{\"arguments\": {\"a\": [1, {\"b\": \"}\"}]}, \"name\": "
         "\"f\"}</tool_call>tail",
         "C[f]A[{\"a\": [1, {\"b\": \"}\"}]}]T[tail]", 0},
        {"<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"</tool_call> \\\" <tool_call>\"}}"
         "</tool_call>",
         "C[f]A[{\"s\": \"</tool_call> \\\" <tool_call>\"}]", 0},
        {"<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"x\\\": \\\"\\u00e9\\\\n\\\"}\"}"
         "</tool_call>",
         "C[f]A[{\"x\": \"\xc3\xa9\\n\"}]", 0},
        {"<tool_call>not json</tool_call> more", "T[<tool_call>not json</tool_call> more]", 0},
        {"<tool_call>{\"name\": 5, \"arguments\": {}}</tool_call>",
         "T[<tool_call>{\"name\": 5, \"arguments\": {}}</tool_call>]", 0},
        {"<tool_call>\n{\"name\": \"get_wea", "T[<tool_call>\n{\"name\": \"get_wea]", CUT},
        {"<tool_call>\n{\"name\": \"f\", \"arguments\": {\"city\": \"Par",
         "C[f]A[{\"city\": \"Par]", CUT},
        {"<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}\n</tool_call>",
         "C[f]A[{\"a\": 1}]", 0},
        {"<tool_call>{\"name\": \"f\"}</tool_call>", "C[f]A[{}]", 0},
        {"<tool_call>{\"name\": \"f\", \"arguments\": null}</tool_call>", "C[f]A[{}]", 0},
        {"<tool_call>{\"name\": \"f\", \"arguments\": {}}}</tool_call>",
         "C[f]A[{}]T[}</tool_call>]", 0},
        {"<tool_call><tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>",
         "T[<tool_call>]C[f]A[{}]", 0},
        {"<tool_call>{\"name\": \"f\", \"arguments\": {}}", "C[f]A[{}]", 0},
        {"<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>",
         "T[<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>]", NO_TOOLS},
        {"<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call><tool_call>{\"name\":\"g\","
         "\"arguments\":{}}</tool_call>",
         "C[f]A[{}]", ONE_CALL},
        {"<tool_call>{\"id\":7,\"type\":\"function\",\"name\":\"f\",\"arguments\":{\"k\":-1.5e3},"
         "\"x\":[{}]}</tool_call>",
         "C[f]A[{\"k\":-1.5e3}]", 0},
        {"<tool_call>{\"name\":\"bad name\",\"arguments\":{}}</tool_call>",
         "T[<tool_call>{\"name\":\"bad name\",\"arguments\":{}}</tool_call>]", 0},
        {"a\n\n\nb\n", "T[a\n\n\nb\n]", 0},
        {"<tool_call>{\"name\":\"f\",\"arguments\":{},\"id\":7}</tool_call>x", "C[f]A[{}]T[x]", 0},
        {"<tool_call>{\"arguments\":12,\"name\":\"f\",\"id\":null}</tool_call>", "C[f]A[12]", 0},
    };
    CHECK("hermes", c);
}

static void mistral(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}, \"id\": "
         "\"abc123def\"}]",
         "C[get_weather]A[{\"city\": \"Paris\"}]", 0},
        {"[TOOL_CALLS] [{\"name\":\"f\",\"arguments\":{\"a\":1}}, "
         "{\"name\":\"g\",\"arguments\":{\"b\":[2]}}]",
         "C[f]A[{\"a\":1}]C[g]A[{\"b\":[2]}]", 0},
        {"[TOOL_CALLS]get_weather[CALL_ID]abc123def[ARGS]{\"city\": \"Paris\"}",
         "C[get_weather]A[{\"city\": \"Paris\"}]", 0},
        {"[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[ARGS]{}", "C[f]A[{\"a\": 1}]C[g]A[{}]", 0},
        {"Looking.\n[TOOL_CALLS]f[ARGS]{\"s\": \"[TOOL_CALLS] ] }\"}",
         "T[Looking.]C[f]A[{\"s\": \"[TOOL_CALLS] ] }\"}]", 0},
        {"[TOOL_CALLS]f{\"a\": 1}", "C[f]A[{\"a\": 1}]", 0},
        {"[TOOL_CALLS]f[ARGS]{\"a\": 1}\nDone.", "C[f]A[{\"a\": 1}]T[Done.]", 0},
        {"[TOOL_CALLS][1, 2]", "T[[TOOL_CALLS][1, 2]]", 0},
        {"[TOOL_CALLS][]", "T[[TOOL_CALLS][]]", 0},
        {"[TOOL_CALLS]some words[ARGS]{}", "T[[TOOL_CALLS]some words[ARGS]{}]", 0},
        {"[TOOL_CALLS]f[AR", "T[[TOOL_CALLS]f[AR]", CUT},
        {"[TOOL_CALLS]f[ARGS]{\"city\": \"P", "C[f]A[{\"city\": \"P]", CUT},
        {"[TOOL_CALLS]f[ARGS]", "C[f]A[{}]", 0},
        {"[TOOL_CALLS]{\"name\":\"f\",\"arguments\":{}}", "C[f]A[{}]", 0},
        {"A list: [1] [TOOL] [TOOL_CALL]", "T[A list: [1] [TOOL] [TOOL_CALL]]", 0},
        {"[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}}", "C[f]A[{}]", CUT},
        {"[TOOL_CALLS]f[ARGS]{\"a\":1", "C[f]A[{\"a\":1]", 0},
    };
    CHECK("mistral", c);
}

static void granite(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"<|tool_call|>[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}]",
         "C[get_weather]A[{\"city\": \"Paris\"}]", 0},
        {"<|tool_call|> [{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"g\", \"arguments\": "
         "{\"x\": null}}]\n",
         "C[f]A[{}]C[g]A[{\"x\": null}]", 0},
        {"<|tool_call|>{\"name\": \"f\", \"arguments\": {}}", "C[f]A[{}]", 0},
        {"Sure. <|tool_call|>[{\"arguments\": {\"q\": \"a]b\"}, \"name\": \"f\"}]",
         "T[Sure. ]C[f]A[{\"q\": \"a]b\"}]", 0},
        {"<|tool_call|>f", "T[<|tool_call|>f]", 0},
        {"<|tool_call|>[]", "T[<|tool_call|>[]]", 0},
        {"<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": tr", "C[f]A[{\"a\": tr]", CUT},
        {"<|tool_call|>[{\"nam", "T[<|tool_call|>[{\"nam]", CUT},
        {"<|tool_cal and <|tool_call>", "T[<|tool_cal and <|tool_call>]", 0},
        {"<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}] and so on", "C[f]A[{}]T[and so on]",
         0},
        {"<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}]",
         "T[<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}]]", NO_TOOLS},
    };
    CHECK("granite", c);
}

static void llama(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}",
         "C[get_weather]A[{\"city\": \"Paris\"}]", 0},
        {"{\"type\": \"function\", \"name\": \"ping\", \"parameters\": {}}", "C[ping]A[{}]", 0},
        {"{\"name\": \"ping\", \"parameters\": {}}; {\"name\": \"ping\", \"parameters\": {}}",
         "C[ping]A[{}]C[ping]A[{}]", 0},
        {"{\"name\": \"Paris\", \"parameters\": 3}", "T[{\"name\": \"Paris\", \"parameters\": 3}]",
         0},
        {"{\"answer\": 42}", "T[{\"answer\": 42}]", 0},
        {"The call {\"name\": \"ping\", \"parameters\": {}}",
         "T[The call {\"name\": \"ping\", \"parameters\": {}}]", 0},
        {"<|python_tag|>{\"name\": \"anything\", \"parameters\": {\"a\": 1}}",
         "C[anything]A[{\"a\": 1}]", 0},
        {"<|python_tag|>brave_search.call(query=\"who is it\")",
         "C[brave_search]A[{\"query\": \"who is it\"}]", 0},
        {"<|python_tag|>print(1)", "C[print]A[{\"arg0\": 1}]", 0},
        {"[get_weather(city='Paris', unit=\"celsius\")]",
         "C[get_weather]A[{\"city\": \"Paris\", \"unit\": \"celsius\"}]", 0},
        {"[search_docs(query='it\\'s \"x\"', limit=3, exact=True, tags=['a', {'k': (1, None)}]), "
         "ping()]",
         "C[search_docs]A[{\"query\": \"it's \\\"x\\\"\", \"limit\": 3, \"exact\": true, \"tags\": "
         "[\"a\", {\"k\": [1, null]}]}]C[ping]A[{}]",
         0},
        {"<|python_start|>[ping()]<|python_end|>", "C[ping]A[{}]", 0},
        {"[link](http://x) and [nope(a=1)]", "T[[link](http://x) and [nope(a=1)]]", 0},
        {"[nope(a=1)]", "T[[nope(a=1)]]", 0},
        {"\n\n{\"name\": \"ping\", \"parameters\": {}}\n", "C[ping]A[{}]", 0},
        {"\n{ not a call", "T[\n{ not a call]", 0},
        {"[search_docs(query='a\nb\\n\\x41', limit=-2.5)]",
         "C[search_docs]A[{\"query\": \"a\\nb\\n\\u0041\", \"limit\": -2.5}]", 0},
        {"[search_docs(query='a", "C[search_docs]A[{\"query\": \"a]", CUT},
        {"[search_docs(query='a", "C[search_docs]A[{\"query\": \"a\"}]", 0},
        {"{\"name\": \"ping\", \"parameters\": {\"a\": [1,", "C[ping]A[{\"a\": [1,]", CUT},
        {"{\"name\": \"pin", "T[{\"name\": \"pin]", CUT},
        {"[{\"name\": \"ping\", \"parameters\": {}}, {\"name\": \"ping\", \"parameters\": {}}]",
         "C[ping]A[{}]C[ping]A[{}]", 0},
        {"[]", "T[[]]", 0},
        {"{\"name\": \"ping\", \"parameters\": {}} Done.", "C[ping]A[{}]T[Done.]", 0},
    };
    CHECK("llama", c);
}

static void deepseek(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {CALLS CALL "get_weather" SEP "{\"city\": \"Paris\"}" CALL_ CALLS_,
         "C[get_weather]A[{\"city\": \"Paris\"}]", 0},
        {CALLS CALL "function" SEP "get_weather\n```json\n{\"city\": \"Paris\"}\n```" CALL_ CALLS_,
         "C[get_weather]A[{\"city\": \"Paris\"}]", 0},
        {"I will ask." CALLS CALL "f" SEP "{}" CALL_ CALL "g" SEP "{\"a\": \"}\"}" CALL_ CALLS_,
         "T[I will ask.]C[f]A[{}]C[g]A[{\"a\": \"}\"}]", 0},
        {CALLS CALL "function" SEP "f\n```json\n{}\n```" CALL_ "\n" CALL "function" SEP
                    "g\n```json\n{\"x\": \"```\"}\n```" CALL_ CALLS_,
         "C[f]A[{}]C[g]A[{\"x\": \"```\"}]", 0},
        {CALL "f" SEP "{\"a\": 1}" CALL_, "C[f]A[{\"a\": 1}]", 0},
        {CALLS CALL "f" SEP CALL_ CALLS_, "C[f]A[{}]", 0},
        {CALLS "what?" CALLS_, "T[" CALLS "what?" CALLS_ "]", 0},
        {CALLS CALL "f" SEP "{\"a\": \"" CALL_ "\"}" CALL_ CALLS_, "C[f]A[{\"a\": \"" CALL_ "\"}]",
         0},
        {CALLS CALL "f" SEP "{\"a\": 1", "C[f]A[{\"a\": 1]", CUT},
        {CALLS CALL "get_we", "T[" CALLS CALL "get_we]", CUT},
        {CALLS CALL "f" SEP "{\"a\": 1", "C[f]A[{\"a\": 1]", 0},
        {CALLS CALL "f" SEP "{} {}" CALL_ CALLS_, "C[f]A[{}{}]", 0},
        {CALLS CALL "f" SEP "{}" CALL_ CALLS_ "Done", "C[f]A[{}]T[Done]", 0},
        {"plain " BAR " <" BAR "tool", "T[plain " BAR " <" BAR "tool]", 0},
        {CALLS CALL "function" SEP "f\nno fence\n" CALL_,
         "T[" CALLS CALL "function" SEP "f\nno fence\n" CALL_ "]", 0},
    };
    CHECK("deepseek", c);
}

#define KS  "<|tool_calls_section_begin|>"
#define KS_ "<|tool_calls_section_end|>"
#define KC  "<|tool_call_begin|>"
#define KA  "<|tool_call_argument_begin|>"
#define KC_ "<|tool_call_end|>"

static void kimi(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {KS KC "functions.get_weather:0" KA "{\"city\": \"Paris\"}" KC_ KS_,
         "C[get_weather]A[{\"city\": \"Paris\"}]", 0},
        {"Two." KS KC "functions.f:0" KA "{}" KC_ KC "functions.g:1" KA " {\"a\": 1} \n" KC_ KS_,
         "T[Two.]C[f]A[{}]C[g]A[{\"a\": 1}]", 0},
        {KC "functions.f:12" KA "{}" KC_, "C[f]A[{}]", 0},
        {KS KC "f" KA "{}" KC_ KS_, "C[f]A[{}]", 0},
        {KS KC "functions.a.b:3" KA "{}" KC_ KS_, "C[a.b]A[{}]", 0},
        {KS "x" KS_, "T[" KS "x" KS_ "]", 0},
        {KS KS_, "T[" KS KS_ "]", 0},
        {KS KC "functions.f:0" KA "{\"s\": \"" KC_ "\"}" KC_ KS_, "C[f]A[{\"s\": \"" KC_ "\"}]", 0},
        {KS KC "functions.f:0" KA "{\"s\": \"ab", "C[f]A[{\"s\": \"ab]", CUT},
        {KS KC "functions.f:", "T[" KS KC "functions.f:]", CUT},
        {KS KC "functions.f:0" KA KC_ KS_, "C[f]A[{}]", 0},
        {KS KC "functions.f:0" KA "{}" KC_, "C[f]A[{}]", 0},
        {KS KC "functions.f:0" KA "{}" KC_ KS_ " after", "C[f]A[{}]T[after]", 0},
        {KS KC "functions.f:0" KA "{}" KC "functions.g:1" KA "{}" KC_ KS_, "C[f]A[{}]C[g]A[{}]", 0},
    };
    CHECK("kimi", c);
}

#define Q "<|\"|>"

static void gemma(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"<|tool_call>call:get_weather{city:" Q "Paris" Q ",unit:" Q "celsius" Q "}<tool_call|>",
         "C[get_weather]A[{\"city\":\"Paris\",\"unit\":\"celsius\"}]", 0},
        {"<|tool_call>call:f{n:3,x:-1.5,b:true,z:null,l:[1,2],o:{k:" Q "v" Q ",e:{}}}<tool_call|>",
         "C[f]A[{\"n\":3,\"x\":-1.5,\"b\":true,\"z\":null,\"l\":[1,2],\"o\":{\"k\":\"v\",\"e\":{}}}"
         "]",
         0},
        {"<|tool_call>call:f{}<tool_call|><|tool_call>call:g{a:" Q Q "}<tool_call|>",
         "C[f]A[{}]C[g]A[{\"a\":\"\"}]", 0},
        {"<|tool_call>call:f{s:" Q "a \"b\" \\ {c}, [d]: e\n" Q "}<tool_call|>",
         "C[f]A[{\"s\":\"a \\\"b\\\" \\\\ {c}, [d]: e\\n\"}]", 0},
        {"<|tool_call>call:f{" Q "quoted key" Q ":1}<tool_call|>", "C[f]A[{\"quoted key\":1}]", 0},
        {"<|tool_call>call:f{\"j\":\"x\\\"y\"}<tool_call|>", "C[f]A[{\"j\":\"x\\\"y\"}]", 0},
        {"<|tool_call>nothing<tool_call|>", "T[<|tool_call>nothing<tool_call|>]", 0},
        {"<|tool_call>call:{}", "T[<|tool_call>call:{}]", 0},
        {"<|tool_call>call:f{a:" Q "b", "C[f]A[{\"a\":\"b]", CUT},
        {"<|tool_call>call:f{a:" Q "b", "C[f]A[{\"a\":\"b\"}]", 0},
        {"<|tool_call>call:f", "T[<|tool_call>call:f]", CUT},
        {"<|tool_call>call:f{l:[" Q "a" Q "," Q "b" Q "],m:[[1],[{k:2}]]}<tool_call|>",
         "C[f]A[{\"l\":[\"a\",\"b\"],\"m\":[[1],[{\"k\":2}]]}]", 0},
        {"<|tool_call>call:f{w:word}<tool_call|>Text", "C[f]A[{\"w\":\"word\"}]T[Text]", 0},
        {"Hello <|tool <tool_call|>", "T[Hello <|tool <tool_call|>]", 0},
    };
    CHECK("gemma", c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hermes), cmocka_unit_test(mistral),  cmocka_unit_test(granite),
        cmocka_unit_test(llama),  cmocka_unit_test(deepseek), cmocka_unit_test(kimi),
        cmocka_unit_test(gemma),
    };
    return cmocka_run_group_tests_name("engine_parse_json", tests, NULL, NULL);
}

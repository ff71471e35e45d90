/* Goal: calls that name each argument in tags are put together as the JSON that was meant, however
 * the answer is cut: Qwen3-Coder, GLM, DeepSeek V3.2 (DSML).
 *
 * Method: see engine_parse_util.h. Strings as the schema declares them, values of other types, line
 * ends, marks within values, several calls, missing tags, garbage, and answers cut off.
 */
#include "tests/unit/engine_parse_util.h"

static void qwen(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter="
         "unit>\ncelsius\n</parameter>\n</function>\n</tool_call>",
         "C[get_weather]A[{\"city\": \"Paris\", \"unit\": \"celsius\"}]", 0},
        {"<tool_call>\n<function=search_docs>\n<parameter=query>\n007\n</parameter>\n<parameter="
         "limit>\n5\n</parameter>\n<parameter=tags>\n[\"a\", \"b\"]\n</parameter>\n<parameter="
         "exact>\nTrue\n</parameter>\n</function>\n</tool_call>",
         "C[search_docs]A[{\"query\": \"007\", \"limit\": 5, \"tags\": [\"a\", \"b\"], \"exact\": "
         "true}]",
         0},
        {"I look.\n\n<tool_call>\n<function=ping>\n</function>\n</tool_call>\n<tool_call>\n"
         "<function=ping>\n</function>\n</tool_call>",
         "T[I look.]C[ping]A[{}]C[ping]A[{}]", 0},
        {"<tool_call>\n<function=get_weather>\n<parameter=city>\nline 1\n\n\"line\" <b> "
         "</function>\n\n</parameter>\n</function>\n</tool_call>",
         "C[get_weather]A[{\"city\": \"line 1\\n\\n\\\"line\\\" <b> </function>\\n\"}]", 0},
        {"<function=ping>\n</function>\n</tool_call>", "C[ping]A[{}]", 0},
        {"<function=other>\n</function>", "T[<function=other>\n</function>]", 0},
        {"Say <function=ping> to call.", "T[Say <function=ping> to call.]", 0},
        {"<tool_call>\n<function=unknown>\n<parameter=a>\n3\n</parameter>\n<parameter=b>\nx\n"
         "</parameter>\n</function>\n</tool_call>",
         "C[unknown]A[{\"a\": 3, \"b\": \"x\"}]", 0},
        {"<tool_call>\n<function=get_weather>\n<parameter=city>\nPar",
         "C[get_weather]A[{\"city\": "
         "\"Par]",
         CUT},
        {"<tool_call>\n<function=get_weather>\n<parameter=city>\nPar",
         "C[get_weather]A[{\"city\": "
         "\"Par\"}]",
         0},
        {"<tool_call>\n<function=get_we", "T[<tool_call>\n<function=get_we]", CUT},
        {"<tool_call>garbage</tool_call>", "T[<tool_call>garbage</tool_call>]", 0},
        {"<tool_call>\n<function=get_weather>\n<parameter=city>\nA</parameter>\n</tool_call>",
         "C[get_weather]A[{\"city\": \"A\"}]", 0},
        {"<tool_call><function=search_docs><parameter=note>null</parameter></function></tool_call>",
         "C[search_docs]A[{\"note\": null}]", 0},
        {"<tool_call><function=search_docs><parameter=note>12</parameter></function></tool_call>ok",
         "C[search_docs]A[{\"note\": \"12\"}]T[ok]", 0},
        {"<tool_call><function=search_docs><parameter=tags>[1,</parameter></function></tool_call>",
         "C[search_docs]A[{\"tags\": \"[1,\"}]", 0},
        {"<tool_call>\n<function=ping>\nwhat\n</function>", "C[ping]A[{}]T[what\n</function>]", 0},
    };
    CHECK("qwen-xml", c);
}

static void glm(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>"
         "unit</arg_key>\n<arg_value>celsius</arg_value>\n</tool_call>",
         "C[get_weather]A[{\"city\": \"Paris\", \"unit\": \"celsius\"}]", 0},
        {"<tool_call>get_weather<arg_key>city</arg_key><arg_value>Paris</arg_value></tool_call>",
         "C[get_weather]A[{\"city\": \"Paris\"}]", 0},
        {"<tool_call>search_docs\n<arg_key>query</arg_key>\n<arg_value>12</arg_value>\n<arg_key>"
         "limit</arg_key>\n<arg_value>3</arg_value>\n<arg_key>tags</arg_key>\n<arg_value>[\"x\"]"
         "</arg_value>\n<arg_key>exact</arg_key>\n<arg_value>false</arg_value>\n</tool_call>",
         "C[search_docs]A[{\"query\": \"12\", \"limit\": 3, \"tags\": [\"x\"], \"exact\": false}]",
         0},
        {"\nOn it.\n<tool_call>ping\n</tool_call>\n<tool_call>ping</tool_call>",
         "T[\nOn it.]C[ping]A[{}]C[ping]A[{}]", 0},
        {"<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value> a\n</tool_call>\n \"b\" "
         "</arg_value>\n</tool_call>",
         "C[get_weather]A[{\"city\": \" a\\n</tool_call>\\n \\\"b\\\" \"}]", 0},
        {"<tool_call>{\"name\": \"f\"}</tool_call>", "T[<tool_call>{\"name\": \"f\"}</tool_call>]",
         0},
        {"<tool_call></tool_call>", "T[<tool_call></tool_call>]", 0},
        {"<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Pa",
         "C[get_weather]A[{\"city\": \"Pa]", CUT},
        {"<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Pa",
         "C[get_weather]A[{\"city\": \"Pa\"}]", 0},
        {"<tool_call>get_wea", "T[<tool_call>get_wea]", CUT},
        {"<tool_call>f\n<arg_key>k</arg_key>\n<arg_value>{\"a\": 1}</arg_value>\n</tool_call>done",
         "C[f]A[{\"k\": {\"a\": 1}}]T[done]", 0},
        {"<tool_call>f\n<arg_key>k</arg_key>oops</tool_call>",
         "C[f]A[{\"k\": \"\"}]T[oops</tool_call>]", 0},
        {"Words about <arg_key> and </tool_call>.", "T[Words about <arg_key> and </tool_call>.]",
         0},
        {"<tool_call>a b\n</tool_call>", "T[<tool_call>a b\n</tool_call>]", 0},
    };
    CHECK("glm", c);
}

#define B                                                                                          \
    "\xef\xbd\x9c"                                                                                 \
    "DSML"                                                                                         \
    "\xef\xbd\x9c"

static void dsml(void **state)
{
    (void)state;
    static const struct parse_case c[] = {
        {"<" B "function_calls>\n<" B "invoke name=\"get_weather\">\n<" B
         "parameter name=\"city\" string=\"true\">Paris</" B "parameter>\n</" B "invoke>\n</" B
         "function_calls>",
         "C[get_weather]A[{\"city\": \"Paris\"}]", 0},
        {"Text\n\n<" B "tool_calls>\n<" B "invoke name=\"search_docs\">\n<" B
         "parameter name=\"query\" string=\"true\">5</" B "parameter>\n<" B
         "parameter name=\"limit\" string=\"false\">5</" B "parameter>\n<" B
         "parameter name=\"tags\" string=\"false\">[\"a\"]</" B "parameter>\n</" B "invoke>\n<" B
         "invoke name=\"ping\">\n</" B "invoke>\n</" B "tool_calls>",
         "T[Text]C[search_docs]A[{\"query\": \"5\", \"limit\": 5, \"tags\": [\"a\"]}]C[ping]A[{}]",
         0},
        {"<" B "function_calls> <" B "invoke name=\"f\"> <" B "parameter name=\"limit\">7</" B
         "parameter> </" B "invoke> </" B "function_calls>",
         "C[f]A[{\"limit\": 7}]", 0},
        {"<" B "function_calls>\n<" B "invoke name=\"f\">\n<" B
         "parameter name=\"a\" string=\"true\">x\n\"y\" </" B "invoke> <b></" B "parameter>\n</" B
         "invoke>\n</" B "function_calls>",
         "C[f]A[{\"a\": \"x\\n\\\"y\\\" </" B "invoke> <b>\"}]", 0},
        {"<" B "function_calls>nothing</" B "function_calls>",
         "T[<" B "function_calls>nothing</" B "function_calls>]", 0},
        {"<" B "function_calls></" B "function_calls>",
         "T[<" B "function_calls></" B "function_calls>]", 0},
        {"<" B "function_calls><" B "invoke name=\"f",
         "T[<" B "function_calls><" B "invoke name=\"f]", CUT},
        {"<" B "function_calls><" B "invoke name=\"f\"><" B
         "parameter name=\"a\" string=\"true\">v",
         "C[f]A[{\"a\": \"v]", CUT},
        {"<" B "function_calls><" B "invoke name=\"f\"><" B
         "parameter name=\"a\" string=\"true\">v",
         "C[f]A[{\"a\": \"v\"}]", 0},
        {"<" B "function_calls><" B "invoke name=\"f\"></" B "invoke></" B "function_calls>\nEnd",
         "C[f]A[{}]T[End]", 0},
        {"a < b and <" B "func", "T[a < b and <" B "func]", 0},
        {"<" B "function_calls><" B "invoke name=\"f\"><" B
         "parameter name=\"a\" string=\"false\"></" B "parameter></" B "invoke></" B
         "function_calls>",
         "C[f]A[{\"a\": null}]", 0},
    };
    CHECK("dsml", c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qwen),
        cmocka_unit_test(glm),
        cmocka_unit_test(dsml),
    };
    return cmocka_run_group_tests_name("engine_parse_tags", tests, NULL, NULL);
}

/* engine_jinja.c - the template interpreter: semantics one by one, and hostile templates.
 *
 * Method: a table of templates over one small set of variables and what Jinja2 3.1 (trim_blocks,
 * lstrip_blocks) gives for each; a table of what must be refused, with words of the reason; and
 * templates that would run, nest or grow for ever, each of which must end within a second.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "engine/text/jinja.h"

static const char vars_json[] = "{\"n\":3,\"x\":1.5,\"big\":12345678901234567890.0,\"t\":true,"
                                "\"z\":null,\"s\":\" a\\u017c<b>\\n\","
                                "\"e\":\"\",\"l\":[3,1,2],\"w\":[\"b\",\"A\",\"c\"],\"d\":{\"b\":1,"
                                "\"a\":[true,null],\"items\":7},"
                                "\"ms\":[{\"r\":\"u\",\"c\":\"1\"},{\"r\":\"a\",\"c\":\"2\"},{"
                                "\"r\":\"u\"}],\"q\":\"it's\",\"evil\":"
                                "\"<|x|>\"}";

static enum base_status run(struct base_str tpl, struct eng_rendered *r, struct base_err *err)
{
    struct eng_jinja *t = NULL;
    *r = (struct eng_rendered){0};
    enum base_status st = eng_jinja_parse(tpl, &t, err);
    if (st != BASE_OK)
        return st;
    json_t *vars = json_loads(vars_json, 0, NULL);
    assert_non_null(vars);
    st = eng_jinja_render(t, vars, BASE_STR("<s>"), BASE_STR("</s>"), 1767225600, r, err);
    json_decref(vars);
    eng_jinja_free(t);
    return st;
}

static const struct {
    const char *tpl, *want;
} good[] = {
    {"a{{ n }}b{# no #}c", "a3bc"},
    {"{{ n + 2 * 3 - -1 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }}",
     "10 3 -4 2 3.5 1024"},
    {"{{ x }} {{ big }} {{ 1e-7 }} {{ 100.0 }} {{ 0.1 + 0.2 }}",
     "1.5 1.2345678901234567e+19 1e-07 100.0 0.30000000000000004"},
    {"{{ t }} {{ z }} {{ l }} {{ d }} {{ (1,) }} {{ q }} {{ [q, 'a'] }}",
     "True None [3, 1, 2] {'b': 1, 'a': [True, None], 'items': 7} (1,) it's [\"it's\", 'a']"},
    {"{{ nope }}|{{ nope is defined }}|{{ nope|default('d') }}|{{ e|default('d') }}|"
     "{{ e|default('d', true) }}",
     "|False|d||d"},
    {"{{ 'a' if nope else 'b' }}{{ 'x' if nope }}", "b"},
    {"{{ not t or n == 3 and 2 > 1 }}{{ 1 < n <= 3 }}{{ 1 not in l }}{{ 'b' in d }}",
     "TrueTrueFalseTrue"},
    {"{{ s|trim }}|{{ s.strip() }}|{{ s|upper }}|{{ 'ab cd'|title }}|{{ 'aB'|capitalize }}",
     "a\xc5\xbc<b>|a\xc5\xbc<b>| A\xc5\xbb<B>\n|Ab Cd|Ab"},
    {"{{ s|length }} {{ l|length }} {{ s[1:3] }} {{ s[::-1]|trim }} {{ s[2] }} {{ l[-1] }} {{ "
     "l[1:] }}"
     "{{ l[::-1] }}{{ l[:-1] }}{{ l[9:] }}",
     "7 3 a\xc5\xbc >b<\xc5\xbc"
     "a \xc5\xbc 2 [1, 2][2, 1, 3][3, 1][]"},
    {"{{ l|sort }}{{ w|sort }}{{ w|sort(case_sensitive=true) }}{{ l|sort(reverse=true)|first }}",
     "[1, 2, 3]['A', 'b', 'c']['A', 'b', 'c']3"},
    {"{{ d|dictsort }}", "[('a', [True, None]), ('b', 1), ('items', 7)]"},
    {"{{ d.items() | list | length }}{{ d['items'] }}{{ d.get('no', 5) }}{{ d.get('no') }}"
     "{{ d.keys() | join(',') }}",
     "375Noneb,a,items"},
    {"{{ d|tojson }} {{ s|tojson }} {{ d|tojson(indent=1) }}",
     "{\"b\": 1, \"a\": [true, null], \"items\": 7} \" a\xc5\xbc<b>\\n\" {\n \"b\": 1,\n \"a\": "
     "[\n  "
     "true,\n  null\n ],\n \"items\": 7\n}"},
    {"{{ s|tojson(ensure_ascii=true) }}{{ l|tojson(separators=(',',':')) }}",
     "\" a\\u017c<b>\\n\"[3,1,2]"},
    {"{{ 'a,b,,c'.split(',') }}{{ ' a  b '.split() }}{{ 'a,b,c'.split(',', 1) }}"
     "{{ 'a,b,c'.rsplit(',', 1) }}",
     "['a', 'b', '', 'c']['a', 'b']['a', 'b,c']['a,b', 'c']"},
    {"{{ 'xxabxx'.strip('x') }}{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x','c')) }}"
     "{{ 'aXbX'.replace('X','--') }}{{ 'abab'.find('b') }}{{ 'abab'.count('ab') }}",
     "abTrueTruea--b--12"},
    {"{{ ms|selectattr('r','equalto','u')|list|length }}{{ ms|rejectattr('c')|list|length }}"
     "{{ ms|map(attribute='r')|join('-') }}{{ w|map('upper')|join }}{{ l|select('odd')|list }}"
     "{{ l|reject('in',[1])|list }}",
     "21u-a-uBAC[3, 1][3, 2]"},
    {"{% for i in l %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.revindex0 }}"
     "{{ loop.previtem }}{{ loop.nextitem }},{% endfor %}",
     "1TrueFalse21,2FalseFalse132,3FalseTrue01,"},
    {"{% for k, v in d.items() if v is number %}{{ k }}={{ v }};{% else %}none{% endfor %}"
     "{% for i in [] %}x{% else %}none{% endfor %}",
     "b=1;items=7;none"},
    {"{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i > 3 %}{% break %}"
     "{% endif %}{{ i }}{% endfor %}{{ range(5, 0, -2) }}",
     "023[5, 3, 1]"},
    {"{% set a = 1 %}{% for i in l %}{% set a = i %}{% endfor %}{{ a }}"
     "{% set ns = namespace(a=1) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}",
     "17"},
    {"{% macro m(a, b=2) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{% set c = 9 %}{{ m(1) }}"
     "{{ m(b=5, a=4) }}",
     "[129][459]"},
    {"{% macro f(k) %}{{ k }}{% if k > 0 %}{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
     "3210"},
    {"{% set y %}a{{ n }}{% endset %}{{ y|upper }}{% set y | upper %}b{% endset %}{{ y }}"
     "{% filter upper %}q{% endfilter %}{% with p=1 %}{{ p }}{% endwith %}{{ p }}",
     "A3BQ1"},
    {"{% set p, q2 = (1, 2) %}{{ q2 }}{{ p }}", "21"},
    {"{{ 'a' ~ 1 ~ none }}{{ 'ab' * 2 }}{{ [1] + [2] }}{{ 'a' 'b' }}", "a1Noneabab[1, 2]ab"},
    {"{{ '\\n\\t\\u0041\\\\' }}{{ \"'\" }}", "\n\tA\\'"},
    {"{% raw %}{{ x }}{% endraw %}{{ {'a': {'b': 1}}.a.b }}", "{{ x }}1"},
    {"{{ '3'|int + 1 }}{{ 'x'|int(7) }}{{ '2.5'|float }}{{ 3.7|int }}{{ 2.567|round(1) }}"
     "{{ -3|abs }}",
     "472.532.63"},
    {"{{ l|max }}{{ l|min }}{{ l|sum }}{{ [1,1,2]|unique|list }}{{ l|last }}{{ 'abc'|reverse }}",
     "316[1, 2]2cba"},
    {"{{ 'a\nb'|indent(2) }}|{{ 'a\nb'|indent(2, true) }}|{{ '<&'|e }}",
     "a\n  b|  a\n  b|&lt;&amp;"},
    {"{{ bos_token }}{{ strftime_now('%d %b %Y') }}{{ eos_token }}", "<s>01 Jan 2026</s>"},
    {"{{ z is none }}{{ l is iterable }}{{ d is mapping }}{{ e is string }}{{ n is not string }}"
     "{{ nope is undefined }}{{ n is divisibleby 3 }}{{ n is eq 3 }}{{ f is defined }}{{ t is true "
     "}}",
     "TrueTrueTrueTrueTrueTrueTrueTrueFalseTrue"},
    {"a \n  {% if t %}  \n b\n  {% endif %}\nc\n", "a \n  \n b\nc"},
    {"  {%- if t -%}  \n b  {%- endif +%}\nc", "b\nc"},
    {"x\n  {{ n }}\n{# c #}\ny", "x\n  3\ny"},
    {"a\r\n{% if t %}\r\nb{% endif %}", "a\nb"},
    {"  {%+ if t %}b{% endif %}\n\n", "  b"},
};

static void test_good(void **state)
{
    (void)state;
    size_t bad = 0;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct eng_rendered r;
        struct base_err err = {0};
        enum base_status st = run(base_str_c(good[i].tpl), &r, &err);
        if (st != BASE_OK || strcmp(r.text.p ? r.text.p : "", good[i].want) != 0) {
            printf("%s\n   got %s\n  want %s\n", good[i].tpl,
                   st != BASE_OK ? err.text : (r.text.p ? r.text.p : ""), good[i].want);
            bad++;
        }
        eng_rendered_release(&r);
    }
    assert_int_equal(bad, 0);
}

static const struct {
    const char *tpl, *words;
} refused[] = {
    {"{{", "a tag has no end"},
    {"\n{{ 1 +", "line 2: "},
    {"{% if t %}x", "the template ends before"},
    {"{% endif %}", "is not built in"},
    {"{% include '/etc/passwd' %}", "{% include %} is not built in"},
    {"{% import 'x' as y %}", "is not built in"},
    {"{% extends 'x' %}", "is not built in"},
    {"{# never", "a comment has no end"},
    {"{{ 'abc }}", "a string has no end"},
    {"{{ a b }}", "unexpected 'b'"},
    {"{{ 99999999999999999999 }}", "bad number"},
    {"{{ nope.x }}", "undefined value has no attribute 'x'"},
    {"{{ nope() }}", "'nope' is undefined"},
    {"{{ n() }}", "integer cannot be called"},
    {"{{ 'a' + 1 }}", "string and integer"},
    {"{{ 1 // 0 }}", "division by zero"},
    {"{{ n|nosuch }}", "no filter 'nosuch'"},
    {"{{ n is nosuch }}", "no test 'nosuch'"},
    {"{% for i in 5 %}{% endfor %}", "cannot be looped over"},
    {"{% set d.x = 1 %}", "only a namespace's"},
    {"{{ raise_exception('stop ' ~ n) }}", "stop 3"},
    {"{{ strftime_now('%9999Y') }}", "does not know"},
    {"{{ ''.__class__ }}{{ ''.__class__.__mro__ }}", "undefined value has no attribute '__mro__'"},
    {"{{ 'x'.format(1) }}", "undefined"},
    {"{{ nope|tojson }}", "cannot be written as JSON"},
    {"{{ l|sort(attribute='a') }}{{ [1,'a']|sort }}", "have no order"},
    {"{% set a, b = (1, 2, 3) %}", "does not fit"},
    {"{{ 9223372036854775807 + 1 }}", "too large"},
    {"{{ f(1) }}{% macro f() %}{% endmacro %}", "'f' is undefined"},
    {"{% macro f() %}{% endmacro %}{{ f(1) }}", "does not take these arguments"},
};

static void test_refused(void **state)
{
    (void)state;
    size_t bad = 0;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct eng_rendered r;
        struct base_err err = {0};
        enum base_status st = run(base_str_c(refused[i].tpl), &r, &err);
        if (st == BASE_OK || strstr(err.text, refused[i].words) == NULL) {
            printf("%s\n   got %d %s\n  want %s\n", refused[i].tpl, (int)st, err.text,
                   refused[i].words);
            bad++;
        }
        assert_int_equal(r.raised, strncmp(refused[i].tpl, "{{ raise", 8) == 0);
        eng_rendered_release(&r);
    }
    assert_int_equal(bad, 0);
}

static void bounded(struct base_str tpl, const char *words)
{
    struct eng_rendered r;
    struct base_err err = {0};
    uint64_t t0 = base_mono_us();
    enum base_status st = run(tpl, &r, &err);
    uint64_t ms = (base_mono_us() - t0) / 1000;
    eng_rendered_release(&r);
    if (st == BASE_OK || strstr(err.text, words) == NULL)
        fail_msg("%.60s: %d \"%s\", not \"%s\"", tpl.p, (int)st, err.text, words);
    if (ms > 500)
        print_message("%4llu ms: %.60s\n", (unsigned long long)ms, tpl.p);
#ifndef __SANITIZE_ADDRESS__
    assert_true(ms < 1500); /* a second on a quiet machine */
#endif
}

#define NEST(z) "{% for a in range(99999) %}" z "{% endfor %}"

static void test_hostile(void **state)
{
    (void)state;
    bounded(BASE_STR(NEST(NEST(NEST("")))), "too");
    bounded(BASE_STR(NEST(NEST("{% set x = a ~ a %}"))), "too");
    bounded(BASE_STR(NEST(NEST("{{ 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' }}"))), "over");
    bounded(BASE_STR("{{ range(1000000000) }}"), "a range of more than");
    bounded(BASE_STR("{{ 'x' * 1000000000 }}"), "too many steps");
    bounded(BASE_STR("{{ ('x' * 1000000) * 100000 }}"), "over");
    bounded(BASE_STR("{% set ns = namespace(s='x') %}" NEST("{% set ns.s = ns.s + ns.s %}")),
            "over");
    bounded(BASE_STR("{% set ns = namespace(l=[1]) %}" NEST("{% set ns.l = ns.l + ns.l %}")),
            "too");
    bounded(BASE_STR("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), "nested too deeply");
    bounded(BASE_STR("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}"),
            "nested too deeply");
    bounded(BASE_STR("{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.a }}"),
            "nested too deeply");
    bounded(BASE_STR("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns|tojson }}"),
            "nested too deeply");
    bounded(BASE_STR("{% set a = namespace() %}{% set a.x = [a] %}{% set b = namespace() %}"
                     "{% set b.x = [b] %}{{ a.x == b.x }}{{ a.x|tojson }}"),
            "nested too deeply");
    bounded(BASE_STR("{{ 3 ** 99999999999 }}"), "too");
    bounded(BASE_STR("{% set x = 'a' * 9999999 %}" NEST("{{ 'b' in x }}{{ x|length }}")),
            "too many steps");
    bounded(BASE_STR("{% set x = 'a' * 100000 %}" NEST("{% set y = x.split('a') %}")), "too");
    bounded(BASE_STR("{% set x = range(99999)|list %}{{ x|unique|list }}"), "too many steps");
    bounded(BASE_STR("{% set x = 'a' * 9999999 %}" NEST("{{ (x|upper)[0] }}")), "too");
    static char deep[100000];
    memset(deep, '(', sizeof(deep));
    memcpy(deep, "{{ ", 3);
    bounded(base_str_n(deep, sizeof(deep)), "nested too deeply");
    memset(deep + 3, '-', sizeof(deep) - 3);
    bounded(base_str_n(deep, sizeof(deep)), "nested too deeply");
    for (size_t i = 0; i + 12 <= sizeof(deep); i += 12)
        memcpy(deep + i, "{% if t %}  ", 12);
    bounded(base_str_n(deep, sizeof(deep) / 12 * 12), "nested too deeply");
    for (size_t i = 3; i + 2 <= sizeof(deep); i += 2)
        memcpy(deep + i, "+1", 2);
    memcpy(deep, "{{1", 3);
    bounded(base_str_n(deep, sizeof(deep) - 1), "nested too deeply");
    bounded(base_str_n(deep, 600u << 10), "too large");
}

/* Any prefix of a template parses or is refused; nothing else happens (ASan watches). */
static void test_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        for (size_t n = 0; n < strlen(good[i].tpl); n++) {
            struct eng_rendered r;
            struct base_err err = {0};
            char *copy = malloc(n ? n : 1); /* exact, so that reading behind it shows */
            assert_non_null(copy);
            memcpy(copy, good[i].tpl, n);
            enum base_status st = run(base_str_n(copy, n), &r, &err);
            assert_true(st == BASE_OK || err.text[0] != 0);
            eng_rendered_release(&r);
            free(copy);
        }
}

static void foreign_is(const char *tpl, const char *want)
{
    struct eng_rendered r;
    struct base_err err = {0};
    if (run(base_str_c(tpl), &r, &err) != BASE_OK)
        fail_msg("%s: %s", tpl, err.text);
    char shown[512];
    size_t n = 0, f = 0;
    for (size_t i = 0; i < r.text.n && n < 500; i++) {
        if (f < r.n_foreign && r.foreign[f].from == i)
            shown[n++] = '{';
        shown[n++] = r.text.p[i];
        if (f < r.n_foreign && r.foreign[f].to == i + 1) {
            shown[n++] = '}';
            f++;
        }
    }
    shown[n] = 0;
    assert_int_equal(f, r.n_foreign);
    eng_rendered_release(&r);
    assert_string_equal(shown, want);
}

/* Whatever is done to a caller's text, it stays the caller's. */
static void test_foreign(void **state)
{
    (void)state;
    foreign_is("a{{ evil }}b", "a{<|x|>}b");
    foreign_is("{{ '<' + evil + '>' }}{{ evil ~ evil }}", "<{<|x|>}>{<|x|><|x|>}");
    foreign_is("{{ evil[1:3] }}{{ evil[::-1] }}{{ evil[0] }}-", "{|x>|x|<<}-");
    foreign_is("{{ ('ab' + evil + 'cd')[1:4] }}", "b{<|}");
    foreign_is("{{ evil|upper }}.{{ evil|replace('x', 'y') }}.{{ 'x-x'|replace('x', evil) }}",
               "{<|X|>}.{<|}y{|>}.{<|x|>}-{<|x|>}");
    foreign_is("{{ (' ' + evil + ' ')|trim }}.{{ evil.split('x') }}", "{<|x|>}.['{<|}', '{|>}']");
    foreign_is("{{ [evil, 'k']|join('+') }}.{{ evil|tojson }}.{{ {'k': evil}|tojson }}",
               "{<|x|>}+k.\"{<|x|>}\".{\"k\": \"{<|x|>}\"}");
    foreign_is("{% set y %}[{{ evil }}]{% endset %}{{ y|indent(2, true) }}", "  [{<|x|>}]");
    foreign_is("{% macro m(a) %}({{ a }}){% endmacro %}{{ m(evil) * 2 }}", "({<|x|>})({<|x|>})");
    foreign_is("{{ '%'.join([evil, evil]) }}{{ evil|e }}", "{<|x|>}%{<|x|>&lt;|x|&gt;}");
    foreign_is("{% for c in evil %}{{ c }},{% endfor %}", "{<},{|},{x},{|},{>},");
    foreign_is("{{ d }}{{ n }}", "{'{b}': 1, '{a}': [True, None], '{items}': 7}3");
    foreign_is("{{ d|dictsort|first|first }}{{ evil|list|join('') }}{{ evil|reverse }}",
               "{a<|x|>>|x|<}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

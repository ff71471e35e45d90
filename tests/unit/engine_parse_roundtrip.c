/* Goal: what a template writes for a tool call of an earlier turn, the parser that the template
 * asks for reads as the same call: the templates are the best account of each dialect that there
 * is.
 *
 * Method: for each template of fixtures/chat that writes calls, a conversation ends in an
 * assistant's call; what the template adds for that message is the model's answer, and goes through
 * the parser byte by byte. Done with the case's own call, with one whose values have every JSON
 * type, and with two calls at once where the template takes them. Prints one line a template.
 * Without the fixtures it says that it skips.
 */
#include "tests/unit/engine_parse_util.h"

#include <stdlib.h>

#include "base/file.h"
#include "engine/text/template.h"

#define NOW 1767225600

static bool slurp(const char *name, struct base_buf *out)
{
    char path[512];
    struct base_err err;
    const char *f = getenv("WEIR_FIXTURES");
    snprintf(path, sizeof(path), "%s/chat/%s", f ? f : "../shared/fixtures", name);
    base_buf_init(out, 64u << 20);
    if (base_file_read(path, out, &err) == BASE_OK)
        return true;
    print_message("skipped: %s\n", err.text);
    base_buf_release(out);
    return false;
}

static const char *str(json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

struct calls {
    char name[8][64];
    struct base_buf args[8], other;
    size_t n;
};

static enum base_status note(void *ctx, const struct eng_parse_event *ev)
{
    struct calls *c = ctx;
    if (ev->kind == ENG_PARSE_CALL) {
        assert_true(c->n < 8);
        snprintf(c->name[c->n], 64, "%.*s", BASE_FMT(ev->name));
        base_buf_init(&c->args[c->n++], 1u << 20);
    } else {
        base_buf_str(ev->kind == ENG_PARSE_ARGS ? &c->args[ev->index] : &c->other, ev->text);
    }
    return BASE_OK;
}

static bool render(struct eng_template *t, json_t *c, json_t *messages, bool answer,
                   struct eng_rendered *out)
{
    json_t *r = json_deep_copy(json_object_get(c, "kwargs"));
    json_object_set(r, "messages", messages);
    json_object_set(r, "tools", json_object_get(c, "tools"));
    json_object_set_new(r, "add_generation_prompt", json_boolean(answer));
    bool ok = eng_template_render(t, r, NOW, out, NULL) == BASE_OK;
    json_decref(r);
    return ok;
}

/* How the two differ: 0 no call read, 1 other calls, 2 the same calls. */
static int compare(const struct calls *got, json_t *calls)
{
    size_t i;
    json_t *call;
    if (got->n == 0)
        return 0;
    if (got->n != json_array_size(calls))
        return 1;
    json_array_foreach(calls, i, call)
    {
        json_t *f = json_object_get(call, "function");
        json_t *want = json_loads(str(f, "arguments"), 0, NULL);
        json_t *have = json_loadb(got->args[i].p, got->args[i].n, 0, NULL);
        bool same =
            want && have && json_equal(want, have) && strcmp(str(f, "name"), got->name[i]) == 0;
        json_decref(want);
        json_decref(have);
        if (!same)
            return 1;
    }
    return base_str_trim(base_buf_view(&got->other)).n == 0 ? 2 : 1;
}

/* -1: the template does not take or show this. */
static int round_trip(struct eng_template *t, json_t *c, json_t *calls)
{
    struct eng_rendered before = {0}, after = {0};
    struct calls got = {0};
    json_t *m = json_pack("[{s:s, s:s}]", "role", "user", "content", "Weather in Paris?");
    int result = -1;
    base_buf_init(&got.other, 1u << 20);
    bool ok = render(t, c, m, true, &before);
    json_array_append_new(
        m, json_pack("{s:s, s:s, s:O}", "role", "assistant", "content", "", "tool_calls", calls));
    ok = ok && render(t, c, m, false, &after);
    if (ok) {
        size_t n = 0;
        while (n < before.text.n && n < after.text.n && before.text.p[n] == after.text.p[n])
            n++;
        size_t mark = n; /* not from the middle of a mark that the two begin alike */
        while (mark > 0 && after.text.p[mark - 1] != '<' && after.text.p[mark - 1] != '>')
            mark--;
        if (mark > 0 && after.text.p[mark - 1] == '<')
            n = mark - 1;
        struct base_str answer = base_str_n(after.text.p + n, after.text.n - n);
        struct base_str eos = base_str_c(str(c, "eos_token"));
        size_t end = eos.n ? base_str_find(answer, eos, 0) : SIZE_MAX;
        answer.n = end != SIZE_MAX ? end : answer.n;
        end = base_str_find(answer, BASE_STR("<|tool_response>"), 0); /* ends a turn as a token */
        answer.n = end != SIZE_MAX ? end : answer.n;
        struct eng_parse_opts o = {
            .dialect = eng_template_dialect(t),
            .tools = json_object_get(c, "tools"),
            .in_thought = eng_dialect_opened(eng_template_dialect(t), base_str_n(after.text.p, n)),
            .event = note,
            .ctx = &got};
        struct eng_parse *p;
        assert_int_equal(eng_parse_new(&o, &p, NULL), BASE_OK);
        for (size_t i = 0; i < answer.n; i++)
            assert_int_equal(eng_parse_push(p, -1, base_str_n(answer.p + i, 1), NULL), BASE_OK);
        assert_int_equal(eng_parse_end(p, false, NULL), BASE_OK);
        eng_parse_free(p);
        result = compare(&got, calls);
        if (result < 2 && eng_template_dialect(t).calls != ENG_CALLS_NONE) {
            printf("  answer: %.*s\n  %zu calls, text: %.*s\n", BASE_FMT(answer), got.n,
                   BASE_FMT(base_buf_view(&got.other)));
            for (size_t i = 0; i < got.n; i++)
                printf("  %s %.*s\n", got.name[i], BASE_FMT(base_buf_view(&got.args[i])));
        }
    }
    eng_rendered_release(&before);
    eng_rendered_release(&after);
    base_buf_release(&got.other);
    for (size_t i = 0; i < got.n; i++)
        base_buf_release(&got.args[i]);
    json_decref(m);
    return result;
}

static json_t *call_of(const char *id, const char *name, const char *arguments)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", id, "type", "function", "function", "name",
                     name, "arguments", arguments);
}

static void one_template(json_t *c)
{
    static const char *const words[] = {"not shown", "NO CALL", "DIFFERS", "same"};
    const char *name = str(c, "template");
    char file[256], dialect[ENG_DIALECT_NAME_MAX];
    struct base_buf src;
    struct eng_template *t;
    snprintf(file, sizeof(file), "templates/%s.jinja", name);
    assert_true(slurp(file, &src));
    assert_int_equal(eng_template_new(base_buf_view(&src), base_str_c(str(c, "bos_token")),
                                      base_str_c(str(c, "eos_token")), &t, NULL),
                     BASE_OK);
    base_buf_release(&src);
    eng_dialect_name(eng_template_dialect(t), dialect);
    json_t *own = json_object_get(json_array_get(json_object_get(c, "messages"), 2), "tool_calls");
    json_t *typed =
        json_pack("[o]", call_of("abcdef123", "search_docs",
                                 "{\"query\":\"say \\\"hi\\\"\\n \\\\ \xc3\xbc {x}, [y]: 5%\","
                                 "\"limit\":3,\"tags\":[\"a\",\"b c\"]}"));
    json_t *two = json_pack("[o,o]", call_of("abcdef123", "get_weather", "{\"city\":\"Oslo\"}"),
                            call_of("abcdef124", "search_docs", "{\"query\":\"12\",\"limit\":1}"));
    int r[3] = {round_trip(t, c, own), round_trip(t, c, typed), round_trip(t, c, two)};
    printf("%-40s %-24s own %s, typed %s, two at once %s\n", name, dialect, words[r[0] + 1],
           words[r[1] + 1], words[r[2] + 1]);
    bool calls = eng_template_dialect(t).calls != ENG_CALLS_NONE;
    if (calls) {
        assert_int_equal(r[0], 2);
        assert_int_equal(r[1], 2);
        if (strcmp(name, "openai-gpt-oss-120b") != 0) /* writes the first of several calls alone */
            assert_true(r[2] == 2 || r[2] == -1);
    } else {
        assert_true(r[0] <= 0);
    }
    json_decref(typed);
    json_decref(two);
    eng_template_free(t);
}

static void round_trips(void **state)
{
    (void)state;
    struct base_buf cases;
    if (!slurp("cases.jsonl", &cases))
        return;
    struct base_str rest = base_buf_view(&cases);
    int n = 0;
    while (rest.p && rest.n > 0) {
        struct base_str line = base_str_cut(&rest, '\n');
        json_t *c = line.n ? json_loadb(line.p, line.n, 0, NULL) : NULL;
        if (c && strcmp(str(c, "case"), "tool_call_result") == 0) {
            one_template(c);
            n++;
        }
        json_decref(c);
    }
    base_buf_release(&cases);
    assert_true(n >= 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trips)};
    return cmocka_run_group_tests_name("engine_parse_roundtrip", tests, NULL, NULL);
}

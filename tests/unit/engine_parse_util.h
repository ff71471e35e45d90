/* engine_parse_util.h - how the parser's tests state a case and run it.
 *
 * An outcome is written down as T[text] R[reasoning] C[name] A[arguments] in the order of the
 * events, adjacent pieces of a kind joined. Every case runs in one piece, byte by byte, and cut in
 * two at every byte; all must give the same.
 */
#ifndef ENGINE_PARSE_UTIL_H
#define ENGINE_PARSE_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "engine/text/parse.h"

#define NO_TOOLS 1u /* the request has none */
#define OPENED   2u /* the prompt opened a thought */
#define CUT      4u /* ended by the limit, not by the model */
#define ONE_CALL 8u

struct parse_case {
    const char *in, *want;
    unsigned flags;
};

static const char parse_tools[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"parameters\":{\"type\":"
    "\"object\",\"properties\":{\"city\":{\"type\":\"string\"},\"unit\":{\"enum\":[\"celsius\","
    "\"fahrenheit\"]}}}}},{\"type\":\"function\",\"function\":{\"name\":\"search_docs\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\"},"
    "\"limit\":{\"type\":\"integer\"},\"tags\":{\"type\":\"array\"},\"exact\":{\"type\":"
    "\"boolean\"},\"note\":{\"type\":[\"string\",\"null\"]}}}}},{\"type\":\"function\","
    "\"function\":{\"name\":\"ping\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]";

struct parse_seen {
    struct base_buf b;
    int last; /* kind of what is open in b, -1: none */
    uint32_t n_calls;
};

static inline void parse_seen_close(struct parse_seen *s)
{
    if (s->last >= 0)
        base_buf_byte(&s->b, ']');
    s->last = -1;
}

static inline enum base_status parse_note(void *ctx, const struct eng_parse_event *ev)
{
    static const char letters[] = "TRCA";
    struct parse_seen *s = ctx;
    if (ev->kind == ENG_PARSE_CALL) {
        parse_seen_close(s);
        assert_int_equal(ev->index, s->n_calls);
        assert_true(ev->id.n >= 9);
        s->n_calls++;
        base_buf_printf(&s->b, "C[%.*s]", BASE_FMT(ev->name));
        return BASE_OK;
    }
    assert_true(ev->text.n > 0);
    if (ev->kind == ENG_PARSE_ARGS)
        assert_int_equal(ev->index + 1, s->n_calls);
    if (s->last != (int)ev->kind) {
        parse_seen_close(s);
        base_buf_printf(&s->b, "%c[", letters[ev->kind]);
        s->last = (int)ev->kind;
    }
    base_buf_str(&s->b, ev->text);
    return BASE_OK;
}

/* The outcome of in, cut at `at` (SIZE_MAX: not; SIZE_MAX - 1: everywhere). */
static inline void parse_run(struct eng_dialect d, const struct parse_case *c, size_t at,
                             json_t *tools, struct base_buf *out)
{
    struct parse_seen s = {.last = -1};
    struct base_str in = base_str_c(c->in);
    struct eng_parse *p;
    base_buf_init(&s.b, 1u << 24);
    struct eng_parse_opts o = {.dialect = d,
                               .tools = c->flags & NO_TOOLS ? NULL : tools,
                               .one_call = (c->flags & ONE_CALL) != 0,
                               .in_thought = (c->flags & OPENED) != 0,
                               .seed = 7,
                               .event = parse_note,
                               .ctx = &s};
    assert_int_equal(eng_parse_new(&o, &p, NULL), BASE_OK);
    enum base_status st = BASE_OK;
    for (size_t from = 0; from < in.n && st == BASE_OK;) {
        size_t to = at == SIZE_MAX - 1 ? from + 1 : from < at && at < in.n ? at : in.n;
        st = eng_parse_push(p, -1, base_str_n(in.p + from, to - from), NULL);
        from = to;
    }
    assert_true(st == BASE_OK || st == BASE_DONE);
    assert_int_equal(eng_parse_end(p, (c->flags & CUT) != 0, NULL), BASE_OK);
    assert_int_equal(eng_parse_n_calls(p), s.n_calls);
    parse_seen_close(&s);
    eng_parse_free(p);
    base_buf_clear(out);
    base_buf_str(out, base_buf_view(&s.b));
    base_buf_byte(out, '\0');
    base_buf_release(&s.b);
}

static inline void parse_check(const char *dialect, const struct parse_case *c, size_t n)
{
    struct eng_dialect d;
    struct base_buf out;
    json_t *tools = json_loads(parse_tools, 0, NULL);
    assert_non_null(tools);
    assert_true(n >= 10);
    assert_true(eng_dialect_parse(base_str_c(dialect), &d));
    base_buf_init(&out, 1u << 24);
    for (size_t i = 0; i < n; i++) {
        parse_run(d, &c[i], SIZE_MAX, tools, &out);
        if (strcmp(out.p, c[i].want) != 0)
            fail_msg("%s, case %zu\n  in:   %s\n  want: %s\n  got:  %s", dialect, i, c[i].in,
                     c[i].want, out.p);
        for (size_t at = 0; at <= strlen(c[i].in); at++) {
            parse_run(d, &c[i], at == 0 ? SIZE_MAX - 1 : at, tools, &out);
            if (strcmp(out.p, c[i].want) != 0)
                fail_msg("%s, case %zu cut at %zu\n  in:   %s\n  want: %s\n  got:  %s", dialect, i,
                         at, c[i].in, c[i].want, out.p);
        }
    }
    base_buf_release(&out);
    json_decref(tools);
}

#define CHECK(dialect, cases) parse_check(dialect, cases, sizeof(cases) / sizeof((cases)[0]))

#endif

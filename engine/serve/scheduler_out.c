/* scheduler_out.c - a request's tokens as the events that its owner sees.
 *
 * Token -> piece of text -> parser (text, thought, call, arguments) -> whole characters, and for
 * the answer's text the stop strings -> event. Stop strings are the caller's and mean the text that
 * the caller reads: thoughts and arguments are not searched. What the parser tells after a stop
 * string is dropped, as everything behind it is.
 */
#include "engine/serve/scheduler_int.h"

#include <sys/random.h>

static void tell(struct eng_request *r, uint32_t index)
{
    struct eng_sched *s = r->sched;
    struct base_str t = base_buf_view(&s->out);
    if (t.n == 0)
        return;
    if (r->showing == ENG_PARSE_TEXT)
        s->ev.text(r->owner, r->id, t);
    else if (r->showing == ENG_PARSE_REASONING)
        s->ev.reasoning(r->owner, r->id, t);
    else
        s->ev.args(r->owner, r->id, index, t);
    base_buf_clear(&s->out);
}

/* What is held back of the kind shown so far goes out, since another kind follows. A character cut
 * in its middle will not be completed. */
static enum base_status settle(struct eng_request *r)
{
    struct eng_text *t = r->showing == ENG_PARSE_TEXT ? &r->text : &r->rest;
    uint32_t n = eng_parse_n_calls(r->parse);
    base_buf_clear(&r->sched->out);
    enum base_status st = eng_text_end(t, &r->sched->out, NULL);
    if (t->held.n > 0)
        base_buf_add(&r->sched->out, "\xef\xbf\xbd", 3);
    base_buf_clear(&t->held);
    tell(r, n > 0 ? n - 1 : 0);
    return st;
}

static enum base_status on_event(void *ctx, const struct eng_parse_event *ev)
{
    struct eng_request *r = ctx;
    struct eng_sched *s = r->sched;
    enum base_status st = BASE_OK;
    if (r->text.hit >= 0)
        return BASE_OK;
    if (ev->kind == ENG_PARSE_CALL) {
        uint32_t open = ev->index > 0 ? ev->index - 1 : 0;
        struct eng_text *t = r->showing == ENG_PARSE_TEXT ? &r->text : &r->rest;
        base_buf_clear(&s->out);
        st = eng_text_end(t, &s->out, NULL);
        base_buf_clear(&t->held);
        tell(r, open);
        r->showing = ENG_PARSE_ARGS;
        if (st == BASE_OK)
            s->ev.call(r->owner, r->id, ev->index, ev->id, ev->name);
        return st;
    }
    if (ev->kind != r->showing)
        st = settle(r);
    r->showing = ev->kind;
    base_buf_clear(&s->out);
    if (st == BASE_OK)
        st = eng_text_push(ev->kind == ENG_PARSE_TEXT ? &r->text : &r->rest, ev->text, &s->out,
                           NULL);
    tell(r, ev->index);
    return st == BASE_DONE ? BASE_OK : st;
}

enum base_status sched_out_begin(struct eng_sched *s, struct eng_request *r, json_t *submit,
                                 struct base_err *err)
{
    json_t *calls = json_object_get(submit, "calls"), *tools = json_object_get(submit, "tools");
    const struct eng_dialect text = {ENG_THINK_NONE, ENG_CALLS_NONE};
    struct eng_parse_opts o = {.dialect = r->raw ? text : eng_template_dialect(s->tpl),
                               .tok = s->tok,
                               .tools = calls ? calls : tools,
                               .one_call =
                                   json_is_false(json_object_get(submit, "parallel_tool_calls")),
                               .in_thought = r->in_thought,
                               .event = on_event,
                               .ctx = r};
    r->sched = s;
    r->no_tools = json_array_size(tools) > 0 && !eng_template_takes_tools(s->tpl);
    r->showing = ENG_PARSE_TEXT;
    if (getrandom(&o.seed, sizeof(o.seed), 0) != (ssize_t)sizeof(o.seed))
        return base_err_set(err, BASE_EIO, "the system gives no randomness");
    return eng_parse_new(&o, &r->parse, err);
}

enum base_status sched_out_token(struct eng_sched *s, struct eng_request *r, int32_t id,
                                 struct base_err *err)
{
    base_buf_clear(&s->piece);
    enum base_status st = eng_tok_piece(s->tok, id, false, &s->piece, err);
    if (st != BASE_OK)
        return st;
    r->thought += eng_parse_thinks(r->parse);
    st = eng_parse_push(r->parse, id, base_buf_view(&s->piece), err);
    return st == BASE_OK && r->text.hit >= 0 ? BASE_DONE : st;
}

enum base_status sched_out_end(struct eng_sched *s, struct eng_request *r, bool cut,
                               struct base_err *err)
{
    enum base_status st = eng_parse_end(r->parse, cut, err);
    uint32_t n = eng_parse_n_calls(r->parse);
    if (st == BASE_OK && r->text.hit < 0) {
        base_buf_clear(&s->out);
        st = eng_text_end(r->showing == ENG_PARSE_TEXT ? &r->text : &r->rest, &s->out, err);
        tell(r, n > 0 ? n - 1 : 0);
    }
    return st;
}

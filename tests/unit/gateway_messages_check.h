/* What a stream of Anthropic's dialect must hold to, whatever it was written from; for the unit
 * test and the fuzzer. A fault ends the program with what is wrong. */
#ifndef GATEWAY_MESSAGES_CHECK_H
#define GATEWAY_MESSAGES_CHECK_H

#include "gateway/dialect/jsonx.h"
#include <stdio.h>
#include <stdlib.h>

struct messages_check {
    int64_t next; /* index of the next block */
    bool begun, open, delta_seen, stopped, failed;
    json_t *content; /* what a client has put together */
    struct base_buf input;
};

static void messages_fault(const char *what, struct base_str ev)
{
    fprintf(stderr, "a stream that no client could read: %s: %.*s\n", what, BASE_FMT(ev));
    abort();
}

#define MESSAGES_MUST(cond, ev)                                                                    \
    do {                                                                                           \
        if (!(cond))                                                                               \
            messages_fault(#cond, ev);                                                             \
    } while (0)

static void messages_append(json_t *block, const char *key, const json_t *piece)
{
    struct base_buf b;
    base_buf_init(&b, 64u << 20);
    base_buf_str(&b, gw_json_get_str(block, key));
    base_buf_str(&b, gw_json_str(piece));
    json_object_set_new(block, key, json_stringn(b.p ? b.p : "", b.n));
    base_buf_release(&b);
}

static void messages_delta(struct messages_check *c, const json_t *delta, struct base_str ev)
{
    json_t *block = json_array_get(c->content, json_array_size(c->content) - 1);
    struct base_str kind = gw_json_get_str(delta, "type"), of = gw_json_get_str(block, "type");
    if (base_str_is(kind, "text_delta")) {
        MESSAGES_MUST(base_str_is(of, "text"), ev);
        messages_append(block, "text", json_object_get(delta, "text"));
    } else if (base_str_is(kind, "thinking_delta")) {
        MESSAGES_MUST(base_str_is(of, "thinking"), ev);
        messages_append(block, "thinking", json_object_get(delta, "thinking"));
    } else if (base_str_is(kind, "signature_delta")) {
        MESSAGES_MUST(base_str_is(of, "thinking"), ev);
        json_object_set(block, "signature", json_object_get(delta, "signature"));
    } else if (base_str_is(kind, "citations_delta")) {
        MESSAGES_MUST(base_str_is(of, "text"), ev);
        if (!json_object_get(block, "citations"))
            json_object_set_new(block, "citations", json_array());
        json_array_append(json_object_get(block, "citations"), json_object_get(delta, "citation"));
    } else {
        MESSAGES_MUST(base_str_is(kind, "input_json_delta") && base_str_is(of, "tool_use"), ev);
        base_buf_str(&c->input, gw_json_get_str(delta, "partial_json"));
    }
}

static void messages_stop(struct messages_check *c)
{
    json_t *block = json_array_get(c->content, json_array_size(c->content) - 1);
    struct base_str text = base_str_trim(base_buf_view(&c->input));
    json_t *input = text.n ? gw_json_load(text, true, NULL) : NULL;
    if (text.n && !input)
        input = json_pack("{s:s%}", "INVALID_JSON", text.p, text.n);
    if (input)
        json_object_set_new(block, "input", input);
    base_buf_clear(&c->input);
    c->open = false;
}

static void messages_event(struct messages_check *c, struct base_str name, const json_t *o,
                           struct base_str ev)
{
    json_int_t index = json_integer_value(json_object_get(o, "index"));
    MESSAGES_MUST(base_str_eq(gw_json_get_str(o, "type"), name), ev);
    MESSAGES_MUST(!c->stopped && !c->failed, ev);
    if (base_str_is(name, "message_start")) {
        MESSAGES_MUST(!c->begun, ev);
        c->begun = true;
    } else if (base_str_is(name, "error")) {
        c->failed = true;
    } else if (base_str_is(name, "ping")) {
        MESSAGES_MUST(c->begun, ev);
    } else if (base_str_is(name, "content_block_start")) {
        MESSAGES_MUST(c->begun && !c->open && !c->delta_seen && index == c->next, ev);
        c->open = true;
        c->next++;
        json_array_append_new(c->content, json_deep_copy(json_object_get(o, "content_block")));
    } else if (base_str_is(name, "content_block_delta")) {
        MESSAGES_MUST(c->open && index == c->next - 1, ev);
        messages_delta(c, json_object_get(o, "delta"), ev);
    } else if (base_str_is(name, "content_block_stop")) {
        MESSAGES_MUST(c->open && index == c->next - 1, ev);
        messages_stop(c);
    } else if (base_str_is(name, "message_delta")) {
        MESSAGES_MUST(c->begun && !c->open && !c->delta_seen, ev);
        c->delta_seen = true;
    } else {
        MESSAGES_MUST(base_str_is(name, "message_stop") && c->delta_seen, ev);
        c->stopped = true;
    }
}

/* Takes a whole stream; *c is what a client knows then (release with messages_check_free). */
static void messages_check(struct messages_check *c, struct base_str stream)
{
    *c = (struct messages_check){.content = json_array()};
    base_buf_init(&c->input, 64u << 20);
    while (stream.n > 0) {
        size_t end = base_str_find(stream, BASE_STR("\n\n"), 0);
        MESSAGES_MUST(end != SIZE_MAX, stream);
        struct base_str ev = base_str_n(stream.p, end), rest = ev;
        struct base_str first = base_str_cut(&rest, '\n');
        MESSAGES_MUST(base_str_starts(first, BASE_STR("event: ")), ev);
        MESSAGES_MUST(base_str_starts(rest, BASE_STR("data: ")), ev);
        json_t *o = gw_json_load(base_str_n(rest.p + 6, rest.n - 6), true, NULL);
        MESSAGES_MUST(o != NULL, ev);
        messages_event(c, base_str_n(first.p + 7, first.n - 7), o, ev);
        json_decref(o);
        stream = base_str_n(stream.p + end + 2, stream.n - end - 2);
    }
}

static void messages_check_free(struct messages_check *c)
{
    json_decref(c->content);
    base_buf_release(&c->input);
}

#endif

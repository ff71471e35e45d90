/* Goal: no body crashes Anthropic's client dialect, what it accepts every wire can write as one
 * valid JSON object, and what the wire of the same dialect writes is a body that the dialect
 * accepts; no order of events makes a stream that a client cannot read.
 *
 * Method: libFuzzer gives a body; its bytes are also taken as a list of events. */
#include "gateway/dialect/dialect.h"
#include "gateway/upstream/wire.h"
#include "tests/unit/gateway_messages_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_all(const struct gw_dialect *d, struct chat_request *r, struct base_arena *a)
{
    static const enum conf_api apis[] = {CONF_API_ANTHROPIC, CONF_API_OPENAI,
                                         CONF_API_OPENAI_COMPATIBLE, CONF_API_GEMINI,
                                         CONF_API_MISTRAL};
    static const struct conf_remote_model model = {.name = "m"};

    for (size_t i = 0; i < sizeof apis / sizeof *apis; i++) {
        const struct conf_backend b = {.name = "b", .api = apis[i], .path = "/v1", .key = "k"};
        const struct conf_target t = {.text = "b/m", .backend = &b, .model = &model};
        struct gw_wire_request head;
        struct base_buf body, dropped;
        struct chat_request again;
        struct gw_api_error e;

        base_buf_init(&body, 4u << 20);
        base_buf_init(&dropped, 1024);
        if (gw_wire_for(b.api)->write(&t, r, &head, &body, &dropped, a, NULL) == BASE_OK) {
            json_t *v = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
            if (!json_is_object(v))
                abort();
            json_decref(v);
            if (i == 0 && d->parse(base_buf_view(&body), a, &again, &e) == BASE_EINVAL)
                messages_fault("what was sent is refused", e.message);
        }
        base_buf_release(&body);
        base_buf_release(&dropped);
    }
}

static void events(const uint8_t *data, size_t size, struct base_arena *a)
{
    static const char *const pieces[] = {"x", "{\"a\":", "1}", "{}", "\"", "}", "", "[{\"}\"]"};
    const struct gw_reply_meta meta = {
        .id = BASE_STR("msg_1"), .model = BASE_STR("m"), .pieces_late = size && (data[0] & 1)};
    struct gw_reply *w = gw_dialect_anthropic.reply_new(a, &meta, true);
    enum base_status st = w ? BASE_OK : BASE_LIMIT;
    struct messages_check c;
    struct base_buf out;
    int calls = 0;

    base_buf_init(&out, 16u << 20);
    for (size_t i = 1; i <= size && i < 400 && st == BASE_OK; i++) {
        uint8_t byte = i < size ? data[i] : 0;
        struct chat_event ev = {.kind = (enum chat_event_kind)(byte & 15),
                                .index = byte >> 7,
                                .finish = (enum chat_finish)((byte >> 4) % 6),
                                .text = base_str_c(pieces[byte >> 4 & 7])};
        if (ev.kind >= CHAT_EV_END)
            continue;
        if (ev.kind == CHAT_EV_BLOCK || ev.kind == CHAT_EV_CITATION)
            ev.text = BASE_STR("{\"type\":\"y\"}");
        if (ev.kind == CHAT_EV_TOOL_CALL)
            ev.index = calls++;
        st = gw_dialect_anthropic.reply_event(w, &ev, &out, NULL);
    }
    struct chat_event end = {.kind = size & 1 ? CHAT_EV_END : CHAT_EV_ERROR};
    if (st == BASE_OK && gw_dialect_anthropic.reply_event(w, &end, &out, NULL) == BASE_OK) {
        messages_check(&c, base_buf_view(&out));
        if (c.stopped == c.failed)
            abort();
        messages_check_free(&c);
    }
    base_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gw_dialect *const dialects[] = {&gw_dialect_anthropic,
                                                 &gw_dialect_anthropic_count};

    for (int i = 0; i < 2; i++) {
        struct base_arena *a = base_arena_new(8u << 20);
        struct chat_request r;
        struct gw_api_error e = {0};
        if (dialects[i]->parse(base_str_n(data, size), a, &r, &e) == BASE_OK)
            write_all(dialects[i], &r, a);
        else if (e.status < 400 || e.message.n == 0)
            abort();
        if (i == 0)
            events(data, size, a);
        base_arena_free(a);
    }
    return 0;
}

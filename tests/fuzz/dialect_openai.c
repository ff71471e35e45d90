/* Goal: no body crashes OpenAI's dialects (chat completions, responses, completions), whatever one
 * accepts can be written by every wire as one valid JSON object, and an answer to it is one too.
 *
 * Method: libFuzzer gives bodies. What parses is written as a request of each wire, for a client of
 * the same and of another dialect; what a wire accepts must parse. Then a short answer is written
 * for it, whole and as a stream. */
#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/upstream/wire.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_all(struct chat_request *r, struct base_arena *a)
{
    static const enum conf_api apis[] = {CONF_API_OPENAI,       CONF_API_OPENAI_COMPATIBLE,
                                         CONF_API_ANTHROPIC,    CONF_API_GEMINI,
                                         CONF_API_AZURE_OPENAI, CONF_API_MISTRAL};
    static const struct conf_remote_model model = {.name = "m"};
    const enum chat_dialect own = r->dialect;

    for (size_t i = 0; i < 2 * sizeof apis / sizeof *apis; i++) {
        struct conf_backend b = {.name = "b", .api = apis[i / 2], .path = "/v1", .key = "k"};
        struct conf_target t = {.text = "b/m", .backend = &b, .model = &model};
        struct gw_wire_request head;
        struct base_buf body, dropped;

        r->dialect = i % 2 ? CHAT_DIALECT_ANTHROPIC : own;
        base_buf_init(&body, 4u << 20);
        base_buf_init(&dropped, 1024);
        if (gw_wire_for(b.api)->write(&t, r, &head, &body, &dropped, a, NULL) == BASE_OK) {
            json_t *v = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
            /* An opaque part of OpenAI's form is no Anthropic block, but JSON it is. */
            if (!json_is_object(v))
                abort();
            json_decref(v);
        }
        for (size_t k = 0; k < dropped.n; k++)
            if ((unsigned char)dropped.p[k] <= ' ' || (unsigned char)dropped.p[k] >= 0x7f)
                abort();
        base_buf_release(&body);
        base_buf_release(&dropped);
    }
}

/* A thought, text and a call, whole or as a stream. */
static void answer(const struct gw_dialect *d, const struct chat_request *r, struct base_arena *a,
                   bool stream)
{
    const struct chat_event ev[] = {
        {.kind = CHAT_EV_START},
        {.kind = CHAT_EV_REASONING, .text = BASE_STR("hm")},
        {.kind = CHAT_EV_TEXT, .text = BASE_STR("yes")},
        {.kind = CHAT_EV_TOOL_CALL, .id = BASE_STR("c"), .name = BASE_STR("f")},
        {.kind = CHAT_EV_TOOL_ARGS, .text = BASE_STR("{}")},
        {.kind = CHAT_EV_FINISH, .finish = CHAT_FINISH_TOOL_CALLS},
        {.kind = CHAT_EV_USAGE, .usage = {.set = true, .input_tokens = 1, .output_tokens = 1}},
        {.kind = CHAT_EV_END}};
    const struct gw_reply_meta meta = {
        .id = BASE_STR("x"), .model = BASE_STR("b/m"), .asked = r, .pieces_late = r->n_stop > 0};
    struct gw_reply *w = d->reply_new(a, &meta, stream);
    struct base_buf out;

    if (!w)
        return;
    base_buf_init(&out, 4u << 20);
    for (size_t i = 0; i < sizeof ev / sizeof *ev; i++)
        if (d->reply_event(w, &ev[i], &out, NULL) != BASE_OK)
            abort();
    struct base_str left = base_buf_view(&out);
    while (left.n > 0) {
        size_t from = 0, end = left.n;
        if (stream) {
            from = base_str_find(left, BASE_STR("data: "), 0) + 6;
            end = base_str_find(left, BASE_STR("\n\n"), 0);
        }
        json_t *v = json_loadb(left.p + from, end - from, JSON_REJECT_DUPLICATES, NULL);
        if (!v && !base_str_is(base_str_n(left.p + from, end - from), "[DONE]"))
            abort();
        json_decref(v);
        left = stream ? base_str_n(left.p + end + 2, left.n - end - 2) : BASE_STR_NULL;
    }
    base_buf_release(&out);
}

static void one(const struct gw_dialect *d, struct base_str body)
{
    struct base_arena *a = base_arena_new(8u << 20);
    struct chat_request r;
    struct gw_api_error e = {0};

    if (d->parse(body, a, &r, &e) == BASE_OK) {
        answer(d, &r, a, false);
        answer(d, &r, a, true);
        write_all(&r, a);
    } else if (e.status < 400 || e.message.n == 0) {
        abort();
    }
    base_arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    one(&gw_dialect_openai_chat, base_str_n(data, size));
    one(&gw_dialect_openai_responses, base_str_n(data, size));
    one(&gw_dialect_openai_completions, base_str_n(data, size));
    return 0;
}

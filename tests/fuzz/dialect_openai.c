/* Goal: no body crashes the OpenAI dialect, and whatever it accepts can be written by every wire as
 * one valid JSON object.
 *
 * Method: libFuzzer gives bodies. What parses is written as OpenAI, compatible and Anthropic
 * request, for a client of the same and of another dialect; what a wire accepts must parse. */
#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/upstream/wire.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_all(struct chat_request *r, struct base_arena *a)
{
    static const enum conf_api apis[] = {CONF_API_OPENAI, CONF_API_OPENAI_COMPATIBLE,
                                         CONF_API_ANTHROPIC};
    static const struct conf_remote_model model = {.name = "m"};

    for (size_t i = 0; i < 6; i++) {
        struct conf_backend b = {.name = "b", .api = apis[i / 2], .key = "k"};
        struct conf_target t = {.text = "b/m", .backend = &b, .model = &model};
        struct gw_wire_request head;
        struct base_buf body, dropped;

        r->dialect = i % 2 ? CHAT_DIALECT_ANTHROPIC : CHAT_DIALECT_OPENAI_CHAT;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new(8u << 20);
    struct chat_request r;
    struct gw_api_error e = {0};

    if (gw_dialect_openai_chat.parse(base_str_n(data, size), a, &r, &e) == BASE_OK)
        write_all(&r, a);
    else if (e.status < 400 || e.message.n == 0)
        abort();
    base_arena_free(a);
    return 0;
}

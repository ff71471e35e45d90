/* mistral_read.c - Mistral's errors; its answers are read by openai_read.c, which knows how they
 * differ (content as chunks with thoughts, arguments as objects, model_length, a finish of
 * "error").
 *
 * Owns       nothing.
 * Runs on    the loop; pure.
 * Shapes     {"object": "error", "message": TEXT or {"detail": LIST}, "type", "param", "code"};
 *            {"detail": TEXT or LIST} from the check of the body (422), where LIST holds
 *            {"type", "loc": ["body", "messages", 0], "msg"}; {"message", "request_id"} from the
 * door. A LIST is shown as "body.messages.0: msg; ...", its first few entries.
 */
#include "gateway/upstream/mistral_int.h"
#include "gateway/upstream/openai_int.h"

#define DETAILS_MAX 5

/* "body.messages.0: msg" */
static void put_detail(struct base_buf *b, const json_t *d)
{
    const json_t *loc = json_object_get(d, "loc");

    if (b->n > 0)
        base_buf_z(b, "; ");
    for (size_t i = 0; i < json_array_size(loc); i++) {
        const json_t *at = json_array_get(loc, i);
        base_buf_z(b, i > 0 ? "." : "");
        if (json_is_integer(at))
            base_buf_printf(b, "%lld", (long long)json_integer_value(at));
        else
            base_buf_str(b, gw_json_str(at));
    }
    if (json_array_size(loc) > 0)
        base_buf_z(b, ": ");
    base_buf_str(b, gw_json_get_str(d, "msg"));
}

/* The words of a `detail`, copied into a; empty when there are none. */
static struct base_str detail_of(const json_t *v, struct base_arena *a)
{
    struct base_str out = gw_json_str(v);
    struct base_buf b;

    if (!json_is_array(v))
        return out;
    base_buf_init(&b, 4096);
    for (size_t i = 0; i < json_array_size(v) && i < DETAILS_MAX; i++)
        put_detail(&b, json_array_get(v, i));
    out = base_arena_dup(a, base_buf_view(&b));
    base_buf_release(&b);
    return out;
}

static void error_parse(int status, struct base_str body, struct base_arena *a,
                        struct chat_error *out)
{
    json_t *root = body.n ? gw_json_load(body, true, NULL) : NULL;
    const json_t *message = json_object_get(root, "message");
    struct base_str words = gw_json_str(message);

    if (words.n == 0)
        words = detail_of(json_object_get(message, "detail"), a);
    if (words.n == 0)
        words = detail_of(json_object_get(root, "detail"), a);
    if (words.n == 0)
        gw_openai_error_parse(status, body, a,
                              out); /* {"error": ...}, as something in between says */
    else
        gw_wire_error_fill(a, status, gw_json_get_str(root, "type"), gw_json_get_str(root, "code"),
                           words, out);
    out->body = base_arena_dup(a, body);
    json_decref(root);
}

const struct gw_wire gw_wire_mistral = {.name = "mistral",
                                        .write = gw_mistral_write,
                                        .reader_new = gw_openai_reader_new,
                                        .reader_free = gw_wire_reader_free,
                                        .reader_feed = gw_wire_reader_feed,
                                        .reader_end = gw_wire_reader_end,
                                        .error_parse = error_parse};

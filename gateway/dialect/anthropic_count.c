/* anthropic_count.c - POST /v1/messages/count_tokens: the answer is one number.
 *
 * The request goes the way of any other (its content is as sensitive, and may leave for the same
 * back ends only); what comes back from a source is the usage of a request that was never run.
 * An answer without that number is an error: an estimate is not passed off as a count.
 *
 * Owns one small writer in the request's arena. Runs on the connection's loop.
 */
#include "gateway/dialect/anthropic_int.h"

struct gw_reply {
    int64_t input_tokens; /* -1: nobody has said */
};

static struct gw_reply *reply_new(struct base_arena *a, const struct gw_reply_meta *meta,
                                  bool stream)
{
    struct gw_reply *r = base_arena_alloc(a, sizeof *r);
    (void)meta, (void)stream;
    if (r)
        r->input_tokens = -1;
    return r;
}

static enum base_status reply_event(struct gw_reply *r, const struct chat_event *ev,
                                    struct base_buf *out, struct base_err *err)
{
    struct base_json j;

    if (ev->kind == CHAT_EV_USAGE)
        r->input_tokens = ev->usage.input_tokens;
    if (ev->kind != CHAT_EV_END)
        return BASE_OK;
    if (r->input_tokens < 0)
        return base_err_set(err, BASE_EPROTO, "the answer to a count holds no count");
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kint(&j, "input_tokens", r->input_tokens);
    base_json_obj_end(&j);
    return base_buf_ok(out) ? BASE_OK : base_err_set(err, BASE_LIMIT, "no room for a count");
}

const struct gw_dialect gw_dialect_anthropic_count = {.name = "anthropic-count",
                                                      .id_prefix = "msg_",
                                                      .id_header = "request-id",

                                                      .parse = gw_anthropic_parse_count,
                                                      .reply_new = reply_new,
                                                      .reply_event = reply_event,
                                                      .error_body = gw_anthropic_error_body};

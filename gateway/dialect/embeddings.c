/* embeddings.c - OpenAI's POST /v1/embeddings: texts in, one vector for each out.
 *
 * Owns       struct gw_reply in the request's arena; vectors are written into `out` as they come.
 * Runs on    the loop or a thread of the pool (parse), the loop (answers); no I/O.
 * Requests   every input is a user message of one part, so that policy scans and redacts it as any
 *            other text. An input that is an array of tokens cannot be examined: it becomes an
 * opaque part, and policy keeps requests with such parts on premises. encoding_format is float or
 * base64 (little-endian float32), dimensions a whole number; other members are kept for back ends
 * of the same dialect. Format
 * {"object":"list","data":[{"object":"embedding","index","embedding"}],"model",
 *            "usage":{"prompt_tokens","total_tokens"}}
 * Invariants vectors come in the order of the inputs, one for each, all of one length; else the
 *            answer is an error.
 * Fails by   400 naming the input (empty, too many, of a wrong kind); BASE_LIMIT when the answer
 *            passes `out`.
 */
#include "gateway/dialect/openai_int.h"
#include <openssl/evp.h>
#include <stdlib.h>

#define INPUTS_MAX     2048
#define TOKENS_MAX     65536 /* of one input */
#define DIMENSIONS_MAX 65536

/* ---- requests ---- */

static enum base_status bad_input(const struct gw_px *p, size_t at, bool many, const char *what)
{
    char field[40];
    snprintf(field, sizeof field, many ? "input[%zu]" : "input", at);
    return gw_px_bad(p, "invalid_value", field, what);
}

/* Whether v is an array of token ids; *bad: it is an array of something else. */
static bool is_tokens(const json_t *v, bool *bad)
{
    *bad = !json_is_array(v) || json_array_size(v) == 0 || json_array_size(v) > TOKENS_MAX;
    for (size_t i = 0; !*bad && i < json_array_size(v); i++) {
        const json_t *t = json_array_get(v, i);
        *bad = !json_is_integer(t) || json_integer_value(t) < 0;
    }
    return !*bad;
}

static enum base_status take_one(const struct gw_px *p, const json_t *v, size_t at, bool many,
                                 struct chat_message *m)
{
    struct chat_part *part = base_arena_array(p->a, 1, sizeof *part);
    bool bad;

    if (!part)
        return gw_px_no_room(p);
    *m = (struct chat_message){.role = CHAT_USER, .parts = part, .n_parts = 1};
    if (json_is_string(v)) {
        *part = (struct chat_part){.kind = CHAT_PART_TEXT};
        if (gw_json_str(v).n == 0)
            return bad_input(p, at, many, "must not be empty");
        return gw_px_str(p, v, "input", &part->text);
    }
    if (!is_tokens(v, &bad))
        return bad_input(p, at, many, "must be a text or an array of 1 to 65536 tokens");
    *part = (struct chat_part){.kind = CHAT_PART_OPAQUE, .raw = gw_json_text(p->a, v)};
    return part->raw.p ? BASE_OK : gw_px_no_room(p);
}

static enum base_status take_input(const struct gw_px *p, const json_t *root,
                                   struct chat_request *r)
{
    const json_t *v = json_object_get(root, "input");
    bool many = json_is_array(v) && !json_is_integer(json_array_get(v, 0));
    size_t n = many ? json_array_size(v) : 1;
    enum base_status st = BASE_OK;

    if (!v || json_is_null(v))
        return gw_px_bad(p, "missing_required_parameter", "input", "is required");
    if (n == 0)
        return gw_px_bad(p, "invalid_value", "input", "must not be empty");
    if (n > INPUTS_MAX)
        return gw_px_bad(p, "invalid_value", "input",
                         "has more than 2048 entries: send several requests");
    r->messages = base_arena_array(p->a, n, sizeof *r->messages);
    if (!r->messages)
        return gw_px_no_room(p);
    for (size_t i = 0; i < n && st == BASE_OK; i++)
        st = take_one(p, many ? json_array_get(v, i) : v, i, many, &r->messages[i]);
    r->n_messages = n;
    r->embed_one = !many;
    return st;
}

static enum base_status take_top(struct gw_px *p, const json_t *root, struct chat_request *r)
{
    static const char *const known[] = {"model",      "input", "encoding_format",
                                        "dimensions", "user",  NULL};
    static const struct gw_px_number dimensions = {
        "dimensions", offsetof(struct chat_request, dimensions), 1, DIMENSIONS_MAX, true};
    const json_t *format = json_object_get(root, "encoding_format");
    enum base_status st = BASE_OK;

    if (gw_json_get_str(root, "model").n == 0)
        return gw_px_bad(p, "missing_required_parameter", "model", "must be a non-empty string");
    st = gw_px_str(p, json_object_get(root, "model"), "model", &r->model);
    if (st == BASE_OK && format && !json_is_null(format)) {
        r->embed_base64 = base_str_is(gw_json_str(format), "base64");
        if (!r->embed_base64 && !base_str_is(gw_json_str(format), "float"))
            return gw_px_bad(p, "invalid_value", "encoding_format", "must be 'float' or 'base64'");
    }
    if (st == BASE_OK)
        st = gw_px_number(p, root, &dimensions, r);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(root, "user"), "user", &r->user);
    if (st == BASE_OK)
        st = take_input(p, root, r);
    return st == BASE_OK ? gw_px_extra(p, root, known, &r->extra) : st;
}

static enum base_status parse(struct base_str body, struct base_arena *a, struct chat_request *out,
                              struct gw_api_error *api_err)
{
    struct gw_px p = {.a = a, .e = api_err, .message = -1, .part = -1, .call = -1, .tool = -1};
    struct base_err err;

    *out =
        (struct chat_request){.arena = a, .dialect = CHAT_DIALECT_OPENAI_EMBEDDINGS, .embed = true};
    json_t *root = gw_json_load(body, false, &err);
    if (!root)
        return gw_px_bad(&p, "invalid_json", NULL, err.text);
    enum base_status st = take_top(&p, root, out);
    json_decref(root);
    return st;
}

/* ---- answers ---- */

struct gw_reply {
    struct gw_reply_meta meta;
    size_t n, n_dimensions;
    int64_t tokens;
};

static struct gw_reply *reply_new(struct base_arena *a, const struct gw_reply_meta *meta,
                                  bool stream)
{
    struct gw_reply *r = base_arena_alloc(a, sizeof *r);
    (void)stream;
    if (!r)
        return NULL;
    *r = (struct gw_reply){.meta = *meta};
    r->meta.model = base_arena_dup(a, meta->model);
    return r->meta.model.p ? r : NULL;
}

static enum base_status put_base64(struct base_buf *out, const double *v, size_t n,
                                   struct base_err *err)
{
    uint8_t *raw = malloc(n * 4);
    char *to = base_buf_room(out, (n * 4 + 2) / 3 * 4 + 1);

    if (!raw || !to) {
        free(raw);
        return base_err_set(err, BASE_LIMIT, "no room for a vector");
    }
    for (size_t i = 0; i < n; i++) {
        float f = (float)v[i];
        uint32_t bits;
        memcpy(&bits, &f, 4);
        for (unsigned k = 0; k < 4; k++)
            raw[4 * i + k] = (uint8_t)(bits >> 8 * k);
    }
    base_buf_commit(out, (size_t)EVP_EncodeBlock((uint8_t *)to, raw, (int)(n * 4)));
    free(raw);
    return BASE_OK;
}

/* Nine digits tell any float32 from any other; what came with more keeps them. */
static bool put_number(struct base_buf *out, double v)
{
    if ((double)(float)v == v)
        return base_buf_printf(out, "%.9g", v);
    return gw_json_put_num(out, v);
}

static enum base_status put_vector(struct gw_reply *r, const struct chat_event *ev,
                                   struct base_buf *out, struct base_err *err)
{
    enum base_status st = BASE_OK;

    if ((size_t)ev->index != r->n || r->n >= r->meta.asked->n_messages)
        return base_err_set(err, BASE_EPROTO, "the upstream's vectors are not those of the inputs");
    if (ev->n_vector == 0 || (r->n > 0 && ev->n_vector != r->n_dimensions))
        return base_err_set(err, BASE_EPROTO, "the upstream's vectors differ in length");
    r->n_dimensions = ev->n_vector;
    base_buf_printf(out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":",
                    r->n ? "," : "{\"object\":\"list\",\"data\":[", r->n);
    r->n++;
    if (r->meta.asked->embed_base64) {
        base_buf_byte(out, '"');
        st = put_base64(out, ev->vector, ev->n_vector, err);
        base_buf_z(out, "\"}");
    } else {
        for (size_t i = 0; i < ev->n_vector; i++) {
            base_buf_byte(out, i ? ',' : '[');
            put_number(out, ev->vector[i]);
        }
        base_buf_z(out, "]}");
    }
    return st == BASE_OK && !base_buf_ok(out) ? base_err_set(err, BASE_LIMIT, "no room") : st;
}

static enum base_status reply_event(struct gw_reply *r, const struct chat_event *ev,
                                    struct base_buf *out, struct base_err *err)
{
    struct base_json j;

    if (ev->kind == CHAT_EV_USAGE)
        r->tokens = ev->usage.input_tokens;
    if (ev->kind == CHAT_EV_VECTOR)
        return put_vector(r, ev, out, err);
    if (ev->kind != CHAT_EV_END)
        return BASE_OK;
    if (r->n != r->meta.asked->n_messages)
        return base_err_set(err, BASE_EPROTO, "the upstream gave %zu vectors for %zu inputs", r->n,
                            r->meta.asked->n_messages);
    base_buf_z(out, "],\"model\":");
    base_json_quote(out, r->meta.model);
    base_buf_z(out, ",\"usage\":");
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kint(&j, "prompt_tokens", r->tokens);
    base_json_kint(&j, "total_tokens", r->tokens);
    base_json_obj_end(&j);
    base_buf_byte(out, '}');
    return base_buf_ok(out) ? BASE_OK : base_err_set(err, BASE_LIMIT, "no room");
}

const struct gw_dialect gw_dialect_openai_embeddings = {.name = "openai-embeddings",
                                                        .id_prefix = "embd-",
                                                        .parse = parse,
                                                        .reply_new = reply_new,
                                                        .reply_event = reply_event,
                                                        .error_body = gw_openai_error_body};

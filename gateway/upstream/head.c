/* head.c - the request's head; the response's head and error texts: what is accepted, what is
 * passed on.
 *
 * Owns       nothing; pure but for copies into the attempt's arena.
 * Runs on    the loop's thread.
 * Invariants no error that leaves here contains the back end's key; a 401's own text is replaced,
 *            since providers quote parts of the key in it.
 */
#include "gateway/upstream/transport_int.h"

/* Request line and headers. The buffer is sized first, so that the key is in one place only. */
bool up_head_make(const struct up_attempt *a, struct base_buf *out)
{
    size_t need = 1024 + strlen(a->backend->conf->path) + strlen(a->backend->host_header);
    for (size_t i = 0; i < a->head.n_headers; i++)
        need += a->head.header_value[i].n + 64;
    bool ok = base_buf_room(out, need) != NULL;

    ok = ok && base_buf_printf(out, "POST %s%s HTTP/1.1\r\nHost: %s\r\n", a->backend->conf->path,
                               a->head.path, a->backend->host_header);
    ok = ok && base_buf_z(out, "User-Agent: weir/" WEIR_VERSION "\r\n"
                               "Content-Type: application/json\r\n"
                               "Accept-Encoding: identity\r\n");
    ok = ok && base_buf_printf(out, "Accept: %s\r\nContent-Length: %zu\r\n",
                               !a->spec.request->stream ? "application/json"
                               : a->wire->stream_type   ? a->wire->stream_type
                                                        : "text/event-stream",
                               a->body.n);
    if (a->spec.request_id.n)
        ok = ok && gw_http_put_header(out, "X-Client-Request-Id", a->spec.request_id);
    for (size_t i = 0; i < a->head.n_headers; i++)
        ok = ok && gw_http_put_header(out, a->head.header_name[i], a->head.header_value[i]);
    return ok && base_buf_z(out, "\r\n");
}

static struct base_str value_of(const struct gw_http_head *h, const char *name)
{
    const struct gw_http_header *f = gw_http_find(h, name);
    return f ? f->value : BASE_STR_NULL;
}

static bool starts_ieq(struct base_str s, struct base_str prefix)
{
    return s.n >= prefix.n && base_str_ieq(base_str_n(s.p, prefix.n), prefix);
}

static bool is_rate_header(struct base_str name)
{
    return starts_ieq(name, BASE_STR("x-ratelimit-")) ||
           starts_ieq(name, BASE_STR("anthropic-ratelimit-"));
}

void up_headers(const struct gw_http_head *h, struct gw_attempt_headers *out)
{
    *out = (struct gw_attempt_headers){.retry_after = value_of(h, "retry-after"),
                                       .retry_after_ms = value_of(h, "retry-after-ms"),
                                       .x_should_retry = value_of(h, "x-should-retry"),
                                       .request_id = value_of(h, "x-request-id")};
    if (out->request_id.n == 0)
        out->request_id = value_of(h, "request-id");
    if (out->request_id.n == 0)
        out->request_id = value_of(h, "x-amzn-requestid");
    if (out->request_id.n == 0)
        out->request_id = value_of(h, "apim-request-id");
    if (out->request_id.n == 0)
        out->request_id = value_of(h, "mistral-correlation-id");
    if (out->request_id.n == 0)
        out->request_id = value_of(h, "x-debug-trace-id"); /* Cohere's */
    out->region = value_of(h, "x-ms-region");
    size_t room = sizeof out->rate_name / sizeof out->rate_name[0];
    for (size_t i = 0; i < h->n_headers && out->n_rate < room; i++) {
        if (!is_rate_header(h->headers[i].name))
            continue;
        out->rate_name[out->n_rate] = h->headers[i].name;
        out->rate_value[out->n_rate++] = h->headers[i].value;
    }
}

struct base_str up_head_refused(const struct gw_http_head *h, bool stream, const char *stream_type)
{
    struct base_str coding = value_of(h, "content-encoding");
    struct base_str type = value_of(h, "content-type");

    if (h->status >= 300 && h->status < 400)
        return BASE_STR("the upstream answered with a redirect, which is never followed");
    if (h->status < 200 || (h->status > 200 && h->status < 300))
        return BASE_STR("the upstream answered with a success status that is not 200");
    if (coding.n > 0 && !base_str_ieq(coding, BASE_STR("identity")))
        return BASE_STR("the upstream answered in a content-encoding that was not asked for");
    if (h->status != 200)
        return BASE_STR_NULL;
    bool events = starts_ieq(type, BASE_STR("text/event-stream"));
    bool json = starts_ieq(type, BASE_STR("application/json"));
    bool html = starts_ieq(type, BASE_STR("text/html"));
    bool other = stream && stream_type && !starts_ieq(type, base_str_c(stream_type));
    if (html || other || (stream ? json : events))
        return BASE_STR("the upstream's content-type is not what was asked for");
    return BASE_STR_NULL;
}

/* s without the key; a copy only if it is in there. */
static struct base_str without(struct base_arena *a, struct base_str s, struct base_str key)
{
    if (key.n == 0 || s.n == 0 || base_str_find(s, key, 0) == SIZE_MAX)
        return s;
    char *copy = base_arena_dupz(a, s);
    if (!copy)
        return BASE_STR_NULL;
    struct base_str out = base_str_n(copy, s.n);
    for (size_t at = 0; (at = base_str_find(out, key, at)) != SIZE_MAX; at += key.n)
        memset(copy + at, '*', key.n);
    return out;
}

void up_error_clean(struct up_attempt *a, struct chat_error *e)
{
    const struct conf_backend *b = a->backend->conf;
    const char *const secrets[] = {b->key, b->secret_key, b->session_token, b->access_key};

    if (e->status == 401) {
        e->message = BASE_STR("the upstream refused the gateway's credentials");
        e->body = BASE_STR_NULL;
        return;
    }
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        struct base_str secret = base_str_c(secrets[i]);
        e->type = without(a->arena, e->type, secret);
        e->code = without(a->arena, e->code, secret);
        e->message = without(a->arena, e->message, secret);
        e->body = without(a->arena, e->body, secret);
    }
}

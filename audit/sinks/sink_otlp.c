/* sink_otlp.c - OpenTelemetry logs: OTLP over HTTP with JSON (POST URL/v1/logs).
 *
 * One LogRecord a leaf: time, severity (INFO, or WARN where something was refused or failed), the
 * event's name, the leaf's exact text as body, and what one filters by as attributes. The resource
 * says which log it is. As the specification has it, 400 and a partial success are not repeated as
 * they are: the batch is halved until the record that is refused is found. Everything else but a
 * 2xx means that the collector is away; Retry-After is heeded.
 */
#include "audit/sinks/sink.h"

#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (16u << 20)

struct otlp_sink {
    struct aud_sink_env *env;
    struct aud_http *http;
    struct base_buf text, reply;
};

static enum base_status otlp_open(struct aud_sink_env *e, void **state, struct base_err *err)
{
    struct otlp_sink *s = calloc(1, sizeof(*s));

    if (!s)
        return base_err_set(err, BASE_ENOMEM, "no memory");
    s->env = e;
    base_buf_init(&s->text, TEXT_MAX);
    base_buf_init(&s->reply, 131072);
    *state = s;
    return aud_http_new(e, &s->http, err);
}

static void attribute(struct base_json *j, const char *key, struct base_str v)
{
    base_json_obj(j);
    base_json_kz(j, "key", key);
    base_json_key(j, "value");
    base_json_obj(j);
    base_json_kstr(j, "stringValue", v);
    base_json_obj_end(j);
    base_json_obj_end(j);
}

/* 64-bit integers are strings in proto3's JSON. */
static void number(struct base_json *j, const char *key, uint64_t v)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, v);
    base_json_kz(j, key, text);
}

static void record(struct base_json *j, const struct aud_sink_rec *r)
{
    bool bad = aud_leaf_is_bad_news(r);

    base_json_obj(j);
    number(j, "timeUnixNano", r->l.t * 1000);
    number(j, "observedTimeUnixNano", (uint64_t)base_wall_us() * 1000);
    base_json_kint(j, "severityNumber", bad ? 13 : 9);
    base_json_kz(j, "severityText", bad ? "WARN" : "INFO");
    base_json_key(j, "body");
    base_json_obj(j);
    base_json_kstr(j, "stringValue", r->leaf);
    base_json_obj_end(j);
    base_json_key(j, "attributes");
    base_json_arr(j);
    attribute(j, "event.name", r->l.ev);
    attribute(j, "weir.request.id", r->l.req);
    attribute(j, "weir.tenant", r->l.tenant);
    base_json_obj(j);
    base_json_kz(j, "key", "weir.log.index");
    base_json_key(j, "value");
    base_json_obj(j);
    number(j, "intValue", r->index);
    base_json_obj_end(j);
    base_json_obj_end(j);
    base_json_arr_end(j);
    base_json_obj_end(j);
}

static bool request(struct otlp_sink *s, const struct aud_sink_rec *r, size_t n)
{
    struct base_json j;

    base_buf_clear(&s->text);
    base_json_init(&j, &s->text);
    base_json_obj(&j);
    base_json_key(&j, "resourceLogs");
    base_json_arr(&j);
    base_json_obj(&j);
    base_json_key(&j, "resource");
    base_json_obj(&j);
    base_json_key(&j, "attributes");
    base_json_arr(&j);
    attribute(&j, "service.name", BASE_STR("weir"));
    attribute(&j, "weir.log.origin", base_str_c(s->env->origin));
    base_json_arr_end(&j);
    base_json_obj_end(&j);
    base_json_key(&j, "scopeLogs");
    base_json_arr(&j);
    base_json_obj(&j);
    base_json_key(&j, "scope");
    base_json_obj(&j);
    base_json_kz(&j, "name", "weir.audit");
    base_json_obj_end(&j);
    base_json_key(&j, "logRecords");
    base_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        record(&j, &r[i]);
    base_json_arr_end(&j);
    base_json_obj_end(&j);
    base_json_arr_end(&j);
    base_json_obj_end(&j);
    base_json_arr_end(&j);
    base_json_obj_end(&j);
    return base_buf_ok(&s->text);
}

/* {"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"..."}} */
static bool partly_refused(const struct base_buf *reply, struct base_err *err)
{
    json_t *o = json_loadb(reply->p ? reply->p : "", reply->n, 0, NULL);
    const json_t *p = json_object_get(o, "partialSuccess");
    const json_t *n = json_object_get(p, "rejectedLogRecords");
    const char *why = json_string_value(json_object_get(p, "errorMessage"));
    bool refused = (json_is_string(n) && strcmp(json_string_value(n), "0") != 0 &&
                    json_string_length(n) > 0) ||
                   json_integer_value(n) > 0;

    if (refused)
        base_err_set(err, BASE_EINVAL, "the collector refused records: %s",
                     why ? why : "no reason");
    json_decref(o);
    return refused;
}

static enum base_status otlp_deliver(void *state, const struct aud_sink_rec *r, size_t n,
                                     size_t *done, struct base_err *err)
{
    struct otlp_sink *s = state;
    const struct conf_sink *c = s->env->conf;
    const char *headers[4] = {"Content-Type: application/json", "Expect:"};
    size_t n_headers = 2;
    char url[2100], auth[4200];
    int status;
    uint32_t wait_s;

    if (!request(s, r, n))
        return base_err_set(err, BASE_ENOMEM, "no memory for %zu records", n);
    snprintf(url, sizeof(url), "%s/v1/logs", c->url);
    if (c->authorization) {
        snprintf(auth, sizeof(auth), "Authorization: %s", c->authorization);
        headers[n_headers++] = auth;
    }
    enum base_status st = aud_http_do(s->http, "POST", url, headers, n_headers,
                                      base_buf_view(&s->text), &status, &wait_s, &s->reply, err);
    base_wipe(auth, sizeof(auth));
    if (st != BASE_OK)
        return st;
    if (status >= 200 && status < 300) {
        if (partly_refused(&s->reply, err))
            return BASE_EINVAL;
        *done = n;
        return BASE_OK;
    }
    if (wait_s)
        s->env->wait_ms_min = wait_s * 1000;
    struct base_str why = base_buf_view(&s->reply);
    return base_err_set(err, status == 400 || status == 413 ? BASE_EINVAL : BASE_EIO,
                        "%s answered %d: %.*s", c->host, status, why.n > 160 ? 160 : (int)why.n,
                        why.p ? why.p : "");
}

static void otlp_close(void *state)
{
    struct otlp_sink *s = state;

    aud_http_free(s->http);
    base_buf_release(&s->text);
    base_buf_release(&s->reply);
    free(s);
}

const struct aud_sink_ops aud_sink_otlp = {
    .open = otlp_open, .deliver = otlp_deliver, .close = otlp_close};

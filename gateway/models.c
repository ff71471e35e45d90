/* models.c - the list of models in OpenAI's shape: auto, aliases, local models, back ends' models.
 *
 * Owns nothing; the loop's thread; reads the configuration only.
 */
#include "gateway/models.h"
#include "gateway/app.h"
#include "gateway/ending.h"
#include <stdio.h>

struct list {
    struct base_json j;
    struct base_str only; /* one model asked for: /v1/models/{id}; empty: all */
    bool found;
    int64_t created_s;
};

static void model(struct list *l, const char *id, const char *owner)
{
    if (l->only.n && !base_str_is(l->only, id))
        return;
    if (l->only.n && l->found)
        return;
    l->found = true;
    base_json_obj(&l->j);
    base_json_kz(&l->j, "id", id);
    base_json_kz(&l->j, "object", "model");
    base_json_kint(&l->j, "created", l->created_s);
    base_json_kz(&l->j, "owned_by", owner);
    base_json_obj_end(&l->j);
}

static void all(struct list *l, const struct conf *c)
{
    char id[512];
    model(l, "auto", "weir");
    for (size_t i = 0; i < c->routing.n_aliases; i++)
        model(l, c->routing.aliases[i].name, "weir");
    for (size_t i = 0; i < c->engine.n_models; i++) {
        snprintf(id, sizeof id, "local/%s", c->engine.models[i].name);
        model(l, id, "local");
    }
    for (size_t i = 0; i < c->n_backends; i++)
        for (size_t k = 0; k < c->backends[i].n_models; k++) {
            snprintf(id, sizeof id, "%s/%s", c->backends[i].name, c->backends[i].models[k].name);
            model(l, id, c->backends[i].name);
        }
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* SDKs write the slash of a name as %2F. What is no escape stays as it is. */
static struct base_str unescape(struct base_arena *a, struct base_str s)
{
    char *out = base_arena_dupz(a, s);
    size_t n = 0;
    if (!out)
        return BASE_STR_NULL;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
            out[n++] = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
            i += 2;
        } else {
            out[n++] = s.p[i];
        }
    }
    return base_str_n(out, n);
}

void gw_models_answer(struct gw_request *q)
{
    struct gw_server_request *http = q->http;
    struct base_buf body, headers;
    struct list l = {.created_s = base_wall_us() / 1000000};
    struct base_str prefix = BASE_STR("/v1/models/");

    if (base_str_starts(http->head->path, prefix))
        l.only = unescape(q->arena,
                          base_str_n(http->head->path.p + prefix.n, http->head->path.n - prefix.n));
    base_buf_init(&body, 4 << 20);
    base_json_init(&l.j, &body);
    if (!l.only.n) {
        base_json_obj(&l.j);
        base_json_kz(&l.j, "object", "list");
        base_json_key(&l.j, "data");
        base_json_arr(&l.j);
    }
    all(&l, http->gen->conf);
    if (!l.only.n) {
        base_json_arr_end(&l.j);
        base_json_obj_end(&l.j);
    }
    if (!l.found) {
        gw_request_fail(q, 404, "invalid_request_error", "model_not_found", "model",
                        "There is no model of this name; GET /v1/models lists them.");
        gw_request_send_error(q);
    } else {
        base_buf_init(&headers, 16384);
        gw_request_headers(q, &headers);
        gw_request_release(q);
        gw_resp_send(http, 200, "application/json", base_buf_view(&headers), base_buf_view(&body));
        base_buf_release(&headers);
    }
    base_buf_release(&body);
}

/* models.c - the list of models: auto, aliases, local models, back ends' models.
 *
 * In OpenAI's shape, or, for a caller who sends anthropic-version, in Anthropic's, which has pages:
 * limit (1 to 1000, 20 if not said), and after_id or before_id, the last or first id of the page
 * before or behind.
 *
 * Owns nothing; the loop's thread; reads the configuration only.
 */
#include "gateway/models.h"
#include "gateway/app.h"
#include "gateway/ending.h"
#include <stdio.h>

#define PAGE_DEFAULT 20
#define PAGE_MAX     1000

struct list {
    struct base_json j;
    struct base_str only; /* one model asked for: /v1/models/{id}; empty: all */
    bool found;
    int64_t created_s;

    /* Anthropic's shape: models [from, to) of all are on the page; counting runs write nothing */
    bool anthropic, counting;
    size_t from, to, n;
    struct base_str mark; /* after_id or before_id */
    size_t marked;        /* where it is, SIZE_MAX: nowhere */
    struct base_str first, last;
    struct base_arena *a;
};

/* Of Anthropic's shape one entry. */
static void put_info(struct list *l, const char *id, uint32_t context)
{
    char t[BASE_RFC3339_MAX];
    base_rfc3339(0, t); /* when it was released is not known here */
    base_json_obj(&l->j);
    base_json_kz(&l->j, "type", "model");
    base_json_kz(&l->j, "id", id);
    base_json_kz(&l->j, "display_name", id);
    base_json_kz(&l->j, "created_at", t);
    if (context)
        base_json_kint(&l->j, "max_input_tokens", context);
    base_json_obj_end(&l->j);
}

/* Whether this model is on the page. */
static bool on_page(struct list *l, const char *id)
{
    size_t at = l->n++;
    if (l->counting && l->mark.n && base_str_is(l->mark, id))
        l->marked = at;
    if (l->counting || at < l->from || at >= l->to)
        return false;
    l->last = base_arena_dup(l->a, base_str_c(id));
    if (at == l->from)
        l->first = l->last;
    return true;
}

static void model(struct list *l, const char *id, const char *owner, uint32_t context)
{
    if (l->only.n && !base_str_is(l->only, id))
        return;
    if (l->only.n && l->found)
        return;
    l->found = true;
    if (l->anthropic) {
        if (l->only.n || on_page(l, id))
            put_info(l, id, context);
        return;
    }
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
    model(l, "auto", "weir", 0);
    for (size_t i = 0; i < c->routing.n_aliases; i++)
        model(l, c->routing.aliases[i].name, "weir", 0);
    for (size_t i = 0; i < c->engine.n_models; i++) {
        snprintf(id, sizeof id, "local/%s", c->engine.models[i].name);
        model(l, id, "local", c->engine.models[i].context);
    }
    for (size_t i = 0; i < c->n_backends; i++)
        for (size_t k = 0; k < c->backends[i].n_models; k++) {
            snprintf(id, sizeof id, "%s/%s", c->backends[i].name, c->backends[i].models[k].name);
            model(l, id, c->backends[i].name, c->backends[i].models[k].context);
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

/* The value of a member of the query, or empty. */
static struct base_str asked(struct gw_request *q, const char *key)
{
    struct base_str rest = q->http->head->query;
    while (rest.p && rest.n > 0) {
        struct base_str value = base_str_cut(&rest, '&');
        if (base_str_is(base_str_cut(&value, '='), key))
            return unescape(q->arena, value);
    }
    return BASE_STR_NULL;
}

/* Which models are on the page that is asked for. False: the query is wrong, q->error says how. */
static bool find_page(struct gw_request *q, struct list *l)
{
    struct base_str limit = asked(q, "limit"), after = asked(q, "after_id");
    uint64_t n = PAGE_DEFAULT;

    if (limit.n && (!base_str_u64(limit, &n) || n < 1 || n > PAGE_MAX)) {
        gw_request_fail(q, 400, "invalid_request_error", "invalid_value", "limit",
                        "limit must be a number from 1 to %d.", PAGE_MAX);
        return false;
    }
    l->mark = after.n ? after : asked(q, "before_id");
    l->marked = SIZE_MAX;
    l->counting = true;
    all(l, q->http->gen->conf);
    l->counting = false;
    size_t count = l->n;
    l->n = 0;
    if (l->mark.n && l->marked == SIZE_MAX) {
        gw_request_fail(q, 400, "invalid_request_error", "invalid_value",
                        after.n ? "after_id" : "before_id",
                        "There is no model of this id to turn the page at.");
        return false;
    }
    if (l->mark.n && !after.n) { /* the page that ends before it */
        l->to = l->marked;
        l->from = l->to > n ? l->to - (size_t)n : 0;
    } else {
        l->from = l->mark.n ? l->marked + 1 : 0;
        l->to = count - l->from < n ? count : l->from + (size_t)n;
    }
    l->n = 0;
    return true;
}

static void put_page(struct gw_request *q, struct list *l)
{
    base_json_obj(&l->j);
    base_json_key(&l->j, "data");
    base_json_arr(&l->j);
    all(l, q->http->gen->conf);
    base_json_arr_end(&l->j);
    bool back = l->mark.n && !asked(q, "after_id").n; /* then more means more before it */
    base_json_kbool(&l->j, "has_more", back ? l->from > 0 : l->to < l->n);
    for (int i = 0; i < 2; i++) {
        base_json_key(&l->j, i ? "last_id" : "first_id");
        if (l->last.n)
            base_json_str(&l->j, i ? l->last : l->first);
        else
            base_json_null(&l->j);
    }
    base_json_obj_end(&l->j);
}

static void send_list(struct gw_request *q, const struct list *l, const struct base_buf *body)
{
    struct gw_server_request *http = q->http;
    if (!l->found) {
        gw_request_fail(q, 404, "invalid_request_error", "model_not_found", "model",
                        "There is no model of this name; GET /v1/models lists them.");
        gw_request_send_error(q);
        return;
    }
    struct base_buf headers;
    base_buf_init(&headers, 16384);
    gw_request_headers(q, &headers);
    gw_request_release(q);
    gw_resp_send(http, 200, "application/json", base_buf_view(&headers), base_buf_view(body));
    base_buf_release(&headers);
}

void gw_models_answer(struct gw_request *q)
{
    struct gw_server_request *http = q->http;
    struct base_buf body;
    struct list l = {.created_s = base_wall_us() / 1000000,
                     .a = q->arena,
                     .anthropic = q->dialect == &gw_dialect_anthropic};
    struct base_str prefix = BASE_STR("/v1/models/");

    if (base_str_starts(http->head->path, prefix))
        l.only = unescape(q->arena,
                          base_str_n(http->head->path.p + prefix.n, http->head->path.n - prefix.n));
    base_buf_init(&body, 4 << 20);
    base_json_init(&l.j, &body);
    if (l.only.n) {
        all(&l, http->gen->conf);
    } else if (!l.anthropic) {
        base_json_obj(&l.j);
        base_json_kz(&l.j, "object", "list");
        base_json_key(&l.j, "data");
        base_json_arr(&l.j);
        all(&l, http->gen->conf);
        base_json_arr_end(&l.j);
        base_json_obj_end(&l.j);
    } else if (find_page(q, &l)) {
        put_page(q, &l);
    } else {
        gw_request_send_error(q);
        base_buf_release(&body);
        return;
    }
    send_list(q, &l, &body);
    base_buf_release(&body);
}

/* embed.c - the calls of providers that turn texts into vectors: OpenAI's, Azure's, Mistral's,
 * Cohere's, and those of Titan and Cohere models on Bedrock.
 *
 * Owns       nothing beyond the reader (wire.c).
 * Runs on    the loop.
 * Requests   a chat_request with `embed`: each message one input, a text or an array of tokens.
 *              openai      /embeddings { model, input, encoding_format, dimensions, user, ... }.
 *                          OpenAI and Azure are always asked for base64, a fifth of the bytes;
 *                          compatible servers for what the client asked, since not all know both
 *              mistral     the same, dimensions are output_dimension; no user, no tokens
 *              cohere      /embed { model, input_type, texts, embedding_types, output_dimension,
 *                          truncate }; input_type is search_document and truncate NONE unless the
 *                          client says otherwise: a text that is too long is an error, not cut
 *              bedrock     /model/ID/invoke with the body of the model's maker; Titan takes one
 * text Answers    vectors as numbers or base64 of little-endian float32, in the order of the inputs
 *            (OpenAI's say an index); CHAT_EV_VECTOR for each, then usage.
 * Invariants every number is finite; an answer without vectors is EPROTO. Whether there is one for
 *            each input is for the dialect to say (dialect/embeddings.c).
 * Fails by   BASE_EINVAL for what cannot be said there: tokens where only texts are taken.
 */
#include "gateway/upstream/bedrock_int.h"
#include "gateway/upstream/cohere_int.h"
#include "gateway/upstream/openai_int.h"
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define VECTORS_MAX    4096
#define DIMENSIONS_MAX 65536

/* ---- requests ---- */

static const struct chat_part *input_of(const struct chat_request *r, size_t i)
{
    return &r->messages[i].parts[0];
}

static enum base_status texts_only(const struct chat_request *r, const char *who,
                                   struct base_err *err)
{
    for (size_t i = 0; i < r->n_messages; i++)
        if (input_of(r, i)->kind != CHAT_PART_TEXT)
            return base_err_set(err, BASE_EINVAL,
                                "%s takes texts, not arrays of tokens, to make vectors of", who);
    return BASE_OK;
}

static void put_texts(struct base_json *j, const char *key, const struct chat_request *r)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (size_t i = 0; i < r->n_messages; i++)
        base_json_str(j, input_of(r, i)->text);
    base_json_arr_end(j);
}

static void put_input(struct base_json *j, const struct chat_request *r)
{
    base_json_key(j, "input");
    if (!r->embed_one)
        base_json_arr(j);
    for (size_t i = 0; i < r->n_messages; i++) {
        const struct chat_part *p = input_of(r, i);
        if (p->kind == CHAT_PART_TEXT)
            base_json_str(j, p->text);
        else
            base_json_raw(j, p->raw);
    }
    if (!r->embed_one)
        base_json_arr_end(j);
}

static enum base_status fits(const struct conf_target *t, const struct base_buf *body,
                             struct base_err *err)
{
    return base_buf_ok(body)
               ? BASE_OK
               : base_err_set(err, BASE_LIMIT, "the request for %s is too large", t->text);
}

static enum base_status bearer(const struct conf_target *t, struct gw_wire_request *head,
                               struct base_arena *a, struct base_err *err)
{
    if (!t->backend->key)
        return BASE_OK;
    return gw_wire_secret_header(head, a, "Authorization", "Bearer ", t->backend->key, err);
}

static enum base_status put_openai(const struct conf_target *t, const struct chat_request *r,
                                   struct base_buf *body, struct base_err *err)
{
    bool base64 = r->embed_base64 || t->backend->api != CONF_API_OPENAI_COMPATIBLE;
    struct base_json j;

    base_json_init(&j, body);
    base_json_obj(&j);
    base_json_kz(&j, "model", t->model->name);
    put_input(&j, r);
    if (base64)
        base_json_kz(&j, "encoding_format", "base64");
    if (r->dimensions.set)
        gw_json_knum(&j, "dimensions", r->dimensions.v);
    if (r->user.n)
        base_json_kstr(&j, "user", r->user);
    enum base_status st = gw_json_merge(&j, r->extra, NULL, err);
    base_json_obj_end(&j);
    return st == BASE_OK ? fits(t, body, err) : st;
}

static enum base_status write_openai(const struct conf_target *t, struct chat_request *r,
                                     struct gw_wire_request *head, struct base_buf *body,
                                     struct base_buf *dropped, struct base_arena *a,
                                     struct base_err *err)
{
    (void)dropped;
    *head = (struct gw_wire_request){.path = "/embeddings"};
    enum base_status st = put_openai(t, r, body, err);
    return st == BASE_OK ? bearer(t, head, a, err) : st;
}

static enum base_status write_azure(const struct conf_target *t, struct chat_request *r,
                                    struct gw_wire_request *head, struct base_buf *body,
                                    struct base_buf *dropped, struct base_arena *a,
                                    struct base_err *err)
{
    (void)dropped;
    *head = (struct gw_wire_request){.path = gw_azure_address(t, "/embeddings", a)};
    if (!head->path)
        return base_err_set(err, BASE_LIMIT, "no room for the upstream's request");
    enum base_status st = put_openai(t, r, body, err);
    if (st != BASE_OK || !t->backend->key)
        return st;
    return gw_wire_secret_header(head, a, "api-key", "", t->backend->key, err);
}

/* Names every further member but those in kept, which are written. */
static void put_members(struct base_json *j, const json_t *extra, const char *const *kept,
                        struct base_buf *dropped)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)extra, key, v)
    {
        const char *const *k = kept;
        while (*k && strcmp(*k, key) != 0)
            k++;
        if (*k) {
            base_json_key(j, key);
            base_json_raw(j, BASE_STR_NULL);
            gw_json_put(j->out, v);
        } else {
            gw_dropped_add(dropped, "", key);
        }
    }
}

/* The further members, parsed; *out NULL: none. */
static enum base_status take_extra(const struct chat_request *r, json_t **out, struct base_err *err)
{
    *out = r->extra.n ? gw_json_load(r->extra, false, NULL) : NULL;
    return r->extra.n && !*out
               ? base_err_set(err, BASE_EBUG, "extra members of a request are no JSON object")
               : BASE_OK;
}

static enum base_status write_mistral(const struct conf_target *t, struct chat_request *r,
                                      struct gw_wire_request *head, struct base_buf *body,
                                      struct base_buf *dropped, struct base_arena *a,
                                      struct base_err *err)
{
    static const char *const kept[] = {"metadata", NULL};
    struct base_json j;
    json_t *extra = NULL;

    *head = (struct gw_wire_request){.path = "/embeddings"};
    enum base_status st = texts_only(r, "Mistral", err);
    if (st == BASE_OK)
        st = take_extra(r, &extra, err);
    if (st != BASE_OK)
        return st;
    base_json_init(&j, body);
    base_json_obj(&j);
    base_json_kz(&j, "model", t->model->name);
    put_texts(&j, "input", r);
    if (r->dimensions.set)
        gw_json_knum(&j, "output_dimension", r->dimensions.v);
    put_members(&j, extra, kept, dropped);
    base_json_obj_end(&j);
    json_decref(extra);
    if (r->user.n)
        gw_dropped_add(dropped, "", "user");
    st = fits(t, body, err);
    return st == BASE_OK ? bearer(t, head, a, err) : st;
}

/* What Cohere's bodies have in common, on its own API and on Bedrock. */
static enum base_status put_cohere(const struct conf_target *t, const struct chat_request *r,
                                   bool named, struct base_buf *body, struct base_buf *dropped,
                                   struct base_err *err)
{
    static const char *const kept[] = {"input_type", "truncate", "max_tokens", "priority", NULL};
    struct base_json j;
    json_t *extra = NULL;

    enum base_status st = texts_only(r, "Cohere", err);
    if (st == BASE_OK)
        st = take_extra(r, &extra, err);
    if (st != BASE_OK)
        return st;
    base_json_init(&j, body);
    base_json_obj(&j);
    if (named)
        base_json_kz(&j, "model", t->model->name);
    if (!json_object_get(extra, "input_type"))
        base_json_kz(&j, "input_type", "search_document");
    put_texts(&j, "texts", r);
    base_json_key(&j, "embedding_types");
    base_json_raw(&j, BASE_STR("[\"float\"]"));
    if (r->dimensions.set)
        gw_json_knum(&j, "output_dimension", r->dimensions.v);
    if (!json_object_get(extra, "truncate"))
        base_json_kz(&j, "truncate", "NONE");
    put_members(&j, extra, kept, dropped);
    base_json_obj_end(&j);
    json_decref(extra);
    if (r->user.n)
        gw_dropped_add(dropped, "", "user");
    return fits(t, body, err);
}

static enum base_status write_cohere(const struct conf_target *t, struct chat_request *r,
                                     struct gw_wire_request *head, struct base_buf *body,
                                     struct base_buf *dropped, struct base_arena *a,
                                     struct base_err *err)
{
    *head = (struct gw_wire_request){.path = "/embed"};
    enum base_status st = put_cohere(t, r, true, body, dropped, err);
    return st == BASE_OK ? bearer(t, head, a, err) : st;
}

static enum base_status put_titan(const struct conf_target *t, const struct chat_request *r,
                                  struct base_buf *body, struct base_buf *dropped,
                                  struct base_err *err)
{
    static const char *const kept[] = {"normalize", NULL};
    struct base_json j;
    json_t *extra = NULL;

    enum base_status st = texts_only(r, "Titan", err);
    if (st == BASE_OK && r->n_messages != 1)
        st = base_err_set(err, BASE_EINVAL, "Titan takes one text a request to make a vector of");
    if (st == BASE_OK)
        st = take_extra(r, &extra, err);
    if (st != BASE_OK)
        return st;
    base_json_init(&j, body);
    base_json_obj(&j);
    base_json_kstr(&j, "inputText", input_of(r, 0)->text);
    if (r->dimensions.set)
        gw_json_knum(&j, "dimensions", r->dimensions.v);
    put_members(&j, extra, kept, dropped);
    base_json_obj_end(&j);
    json_decref(extra);
    if (r->user.n)
        gw_dropped_add(dropped, "", "user");
    return fits(t, body, err);
}

static enum base_status write_bedrock(const struct conf_target *t, struct chat_request *r,
                                      struct gw_wire_request *head, struct base_buf *body,
                                      struct base_buf *dropped, struct base_arena *a,
                                      struct base_err *err)
{
    *head = (struct gw_wire_request){.path = NULL};
    enum base_status st = strstr(t->model->name, "cohere.")
                              ? put_cohere(t, r, false, body, dropped, err)
                              : put_titan(t, r, body, dropped, err);
    return st == BASE_OK ? gw_bedrock_authorise(t, "invoke", base_buf_view(body), head, a, err)
                         : st;
}

/* ---- answers ---- */

/* Base64 of float32s -> *out (malloc'd). False if it is none. */
static bool from_base64(struct base_str s, double **out, size_t *n)
{
    *out = NULL;
    if (s.n == 0 || s.n % 4 != 0 || s.n / 4 * 3 > DIMENSIONS_MAX * 4u + 3)
        return false;
    uint8_t *raw = malloc(s.n / 4 * 3);
    int got = raw ? EVP_DecodeBlock(raw, (const uint8_t *)s.p, (int)s.n) : -1;
    size_t bytes = got < 0 ? 0 : (size_t)got - (s.p[s.n - 1] == '=') - (s.p[s.n - 2] == '=');
    bool good = bytes > 0 && bytes % 4 == 0;

    *n = bytes / 4;
    if (good)
        *out = malloc(*n * sizeof **out);
    for (size_t i = 0; *out && i < *n; i++) {
        uint32_t bits = (uint32_t)raw[4 * i] | (uint32_t)raw[4 * i + 1] << 8 |
                        (uint32_t)raw[4 * i + 2] << 16 | (uint32_t)raw[4 * i + 3] << 24;
        float f;
        memcpy(&f, &bits, 4);
        (*out)[i] = (double)f;
    }
    free(raw);
    return *out != NULL;
}

static bool from_array(const json_t *v, double **out, size_t *n)
{
    *n = json_array_size(v);
    *out = *n > 0 && *n <= DIMENSIONS_MAX ? malloc(*n * sizeof **out) : NULL;
    for (size_t i = 0; *out && i < *n; i++) {
        const json_t *x = json_array_get(v, i);
        if (!json_is_number(x)) {
            free(*out);
            *out = NULL;
        } else {
            (*out)[i] = json_number_value(x);
        }
    }
    return *out != NULL;
}

static enum base_status give(struct gw_wire_reader *w, size_t index, const json_t *v,
                             struct base_err *err)
{
    double *numbers = NULL;
    size_t n = 0;
    bool good =
        json_is_string(v) ? from_base64(gw_json_str(v), &numbers, &n) : from_array(v, &numbers, &n);

    for (size_t i = 0; good && i < n; i++)
        good = isfinite(numbers[i]) && fabs(numbers[i]) < 1e37;
    enum base_status st = BASE_OK;
    if (!good)
        st = base_err_set(err, BASE_EPROTO, "the upstream's vector %zu is none", index);
    if (st == BASE_OK)
        st = gw_wire_start(w, BASE_STR_NULL, BASE_STR_NULL);
    if (st == BASE_OK)
        st = w->fn(w->ctx, &(struct chat_event){.kind = CHAT_EV_VECTOR,
                                                .index = (int)index,
                                                .vector = numbers,
                                                .n_vector = n});
    free(numbers);
    return st;
}

static enum base_status give_all(struct gw_wire_reader *w, const json_t *list, struct base_err *err)
{
    enum base_status st = BASE_OK;

    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > VECTORS_MAX)
        return base_err_set(err, BASE_EPROTO, "the upstream's answer has no vectors");
    for (size_t i = 0; i < json_array_size(list) && st == BASE_OK; i++)
        st = give(w, i, json_array_get(list, i), err);
    return st;
}

static enum base_status give_usage(struct gw_wire_reader *w, int64_t tokens)
{
    if (tokens <= 0)
        return BASE_OK;
    w->usage.input_tokens = tokens;
    return gw_wire_usage(w);
}

/* data: [{index, embedding}], in any order. */
static enum base_status read_openai(struct gw_wire_reader *w, const json_t *root,
                                    struct base_err *err)
{
    const json_t *data = json_object_get(root, "data"), *at[VECTORS_MAX] = {0};
    size_t n = json_array_size(data);
    enum base_status st = BASE_OK;

    if (!json_is_array(data) || n == 0 || n > VECTORS_MAX)
        return base_err_set(err, BASE_EPROTO, "the upstream's answer has no vectors");
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(data, i), *index = json_object_get(one, "index");
        json_int_t k = json_is_integer(index) ? json_integer_value(index) : (json_int_t)i;
        if (k < 0 || (size_t)k >= n || at[k])
            return base_err_set(err, BASE_EPROTO, "the upstream numbers a vector %lld",
                                (long long)k);
        at[k] = json_object_get(one, "embedding");
        if (!at[k])
            return base_err_set(err, BASE_EPROTO, "the upstream's vector %zu is none", i);
    }
    for (size_t i = 0; i < n && st == BASE_OK; i++)
        st = give(w, i, at[i], err);
    const json_t *usage = gw_json_get_obj(root, "usage");
    int64_t tokens = gw_json_get_count(usage, "prompt_tokens");
    return st == BASE_OK ? give_usage(w, tokens ? tokens : gw_json_get_count(usage, "total_tokens"))
                         : st;
}

/* embeddings: {"float": [[..]]}, or on Bedrock [[..]] as well; Titan's embedding: [..]. */
static enum base_status read_cohere(struct gw_wire_reader *w, const json_t *root,
                                    struct base_err *err)
{
    const json_t *all = json_object_get(root, "embeddings");
    const json_t *units = gw_json_get_obj(gw_json_get_obj(root, "meta"), "billed_units");
    const json_t *one = json_object_get(root, "embedding");

    if (json_is_object(all))
        all = json_object_get(all, "float");
    enum base_status st = one ? give(w, 0, one, err) : give_all(w, all, err);
    if (st != BASE_OK)
        return st;
    if (one)
        return give_usage(w, gw_json_get_count(root, "inputTextTokenCount"));
    return give_usage(w, (int64_t)json_number_value(json_object_get(units, "input_tokens")));
}

static const struct gw_wire_reader_ops openai_ops = {.body = read_openai, .end_name = "its end"};
static const struct gw_wire_reader_ops cohere_ops = {.body = read_cohere, .end_name = "its end"};

static struct gw_wire_reader *openai_new(bool stream, chat_event_fn fn, void *ctx)
{
    return gw_wire_reader_new(&openai_ops, stream, fn, ctx);
}

static struct gw_wire_reader *cohere_new(bool stream, chat_event_fn fn, void *ctx)
{
    return gw_wire_reader_new(&cohere_ops, stream, fn, ctx);
}

#define READ                                                                                       \
    .reader_free = gw_wire_reader_free, .reader_feed = gw_wire_reader_feed,                        \
    .reader_end = gw_wire_reader_end

const struct gw_wire *gw_wire_embed_for(enum conf_api api)
{
    static const struct gw_wire openai = {.name = "openai embeddings",
                                          .write = write_openai,
                                          .reader_new = openai_new,
                                          .error_parse = gw_openai_error_parse,
                                          READ};
    static const struct gw_wire azure = {.name = "azure embeddings",
                                         .write = write_azure,
                                         .reader_new = openai_new,
                                         .error_parse = gw_openai_error_parse,
                                         READ};
    static const struct gw_wire mistral = {.name = "mistral embeddings",
                                           .write = write_mistral,
                                           .reader_new = openai_new,
                                           .error_parse = gw_openai_error_parse,
                                           READ};
    static const struct gw_wire cohere = {.name = "cohere embeddings",
                                          .write = write_cohere,
                                          .reader_new = cohere_new,
                                          .error_parse = gw_cohere_error_parse,
                                          READ};
    static const struct gw_wire bedrock = {.name = "bedrock embeddings",
                                           .write = write_bedrock,
                                           .reader_new = cohere_new,
                                           .error_parse = gw_bedrock_error_parse,
                                           .error_head = gw_bedrock_error_head,
                                           READ};
    switch (api) {
    case CONF_API_OPENAI:
    case CONF_API_OPENAI_COMPATIBLE:
        return &openai;
    case CONF_API_AZURE_OPENAI:
        return &azure;
    case CONF_API_MISTRAL:
        return &mistral;
    case CONF_API_COHERE:
        return &cohere;
    case CONF_API_BEDROCK:
        return &bedrock;
    case CONF_API_ANTHROPIC:
    case CONF_API_GEMINI:
        break;
    }
    return NULL;
}

/* azure.c - Azure OpenAI: OpenAI's body and answers behind other addresses and another header.
 *
 * Owns       nothing.
 * Runs on    the loop; pure.
 * Address    conf/load_api.c lets two forms through:
 *              url ends in /v1      /chat/completions, the model's name in the body is the
 *                                   deployment's; ?api-version= only where `api_version` says so;
 *              any other            /openai/deployments/NAME/chat/completions?api-version=VERSION
 *                                   (/openai only once). NAME is escaped.
 * Key        goes as `api-key`, which both forms take.
 * Answers    openai_read.c's: the verdict on the prompt is a first chunk without choices, filtered
 *            text ends with finish_reason content_filter, a filtered prompt is a 400 with code
 *            content_filter, in Azure's own words.
 * Fails by   what openai_write.c fails by; BASE_LIMIT when the arena is exhausted.
 */
#include "gateway/upstream/openai_int.h"

const char *gw_azure_address(const struct conf_target *t, const char *call, struct base_arena *a)
{
    const struct conf_backend *b = t->backend;
    const char *version = b->api_version ? b->api_version : "";
    struct base_str path = base_str_c(b->path);

    if (base_str_ends(path, BASE_STR("/v1")))
        return base_arena_printf(a, "%s%s%s", call, *version ? "?api-version=" : "", version).p;
    struct base_str name = gw_wire_escape(a, base_str_c(t->model->name));
    const char *top = base_str_ends(path, BASE_STR("/openai")) ? "" : "/openai";
    if (!name.p)
        return NULL;
    return base_arena_printf(a, "%s/deployments/%.*s%s?api-version=%s", top, BASE_FMT(name), call,
                             version)
        .p;
}

static enum base_status write_azure(const struct conf_target *t, struct chat_request *r,
                                    struct gw_wire_request *head, struct base_buf *body,
                                    struct base_buf *dropped, struct base_arena *a,
                                    struct base_err *err)
{
    *head = (struct gw_wire_request){.path = gw_azure_address(t, "/chat/completions", a)};
    if (!head->path)
        return base_err_set(err, BASE_LIMIT, "no room for the upstream's request");
    enum base_status st = gw_openai_write_body(t, r, body, dropped, err);
    if (st != BASE_OK || !t->backend->key)
        return st;
    return gw_wire_secret_header(head, a, "api-key", "", t->backend->key, err);
}

const struct gw_wire gw_wire_azure_openai = {.name = "azure-openai",
                                             .write = write_azure,
                                             .reader_new = gw_openai_reader_new,
                                             .reader_free = gw_wire_reader_free,
                                             .reader_feed = gw_wire_reader_feed,
                                             .reader_end = gw_wire_reader_end,
                                             .error_parse = gw_openai_error_parse};

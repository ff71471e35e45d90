/* anthropic_errors.c - errors in the shape that Anthropic's SDKs read.
 *
 * Callers of /v1/messages get their refusals in their own dialect although the path itself is not
 * built yet. Pure; owns nothing.
 */
#include "gateway/dialect/dialect.h"

static const char *type_for(int status)
{
    switch (status) {
    case 400:
    case 405:
    case 415:
        return "invalid_request_error";
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_error";
    case 504:
        return "timeout_error";
    case 503:
        return "overloaded_error";
    default:
        return "api_error";
    }
}

static void error_body(struct base_buf *out, const struct gw_api_error *e, struct base_str req_id)
{
    struct base_json j;
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "type", "error");
    base_json_key(&j, "error");
    base_json_obj(&j);
    base_json_kz(&j, "type", type_for(e->status));
    base_json_kstr(&j, "message", e->message);
    base_json_obj_end(&j);
    base_json_kstr(&j, "request_id", req_id);
    base_json_obj_end(&j);
}

const struct gw_dialect gw_dialect_anthropic_errors = {
    .name = "anthropic",
    .error_body = error_body,
};

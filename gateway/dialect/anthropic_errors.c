/* anthropic_errors.c - errors in the shape that Anthropic's SDKs read.
 *
 * {"type":"error","error":{"type","message",...},"request_id"}: the inner type is Anthropic's word
 * for the HTTP status, since that is what its clients know. What Weir says beyond that stands
 * beside it: `code` and `param`, as OpenAI's errors have them (of a denial the rule), and
 * `weir_type`, Weir's own word (policy_denied, review_pending, ...), where it is another one.
 *
 * Pure; owns nothing.
 */
#include "gateway/dialect/anthropic_int.h"

static const struct {
    int status;
    const char *type;
} types[] = {
    {400, "invalid_request_error"}, {401, "authentication_error"},  {402, "billing_error"},
    {403, "permission_error"},      {404, "not_found_error"},       {405, "invalid_request_error"},
    {408, "timeout_error"},         {409, "invalid_request_error"}, {413, "request_too_large"},
    {415, "invalid_request_error"}, {422, "invalid_request_error"}, {429, "rate_limit_error"},
    {503, "overloaded_error"},      {504, "timeout_error"},         {529, "overloaded_error"}};

static bool is_known(struct base_str word)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (base_str_is(word, types[i].type))
            return true;
    return base_str_is(word, "api_error");
}

const char *gw_anthropic_error_type(int status, struct base_str ours)
{
    if (base_str_is(ours, "policy_denied")) /* also in a stream, where there is no status */
        return "permission_error";
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].status == status)
            return types[i].type;
    for (size_t i = 0; status == 0 && i < sizeof types / sizeof *types; i++)
        if (base_str_is(ours, types[i].type))
            return types[i].type;
    return "api_error";
}

void gw_anthropic_error_body(struct base_buf *out, const struct gw_api_error *e,
                             struct base_str req_id)
{
    struct base_str ours = base_str_c(e->type);
    struct base_json j;

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "type", "error");
    base_json_key(&j, "error");
    base_json_obj(&j);
    base_json_kz(&j, "type", gw_anthropic_error_type(e->status, ours));
    base_json_kstr(&j, "message", e->message);
    if (e->code.n)
        base_json_kstr(&j, "code", e->code);
    if (e->param.n)
        base_json_kstr(&j, "param", e->param);
    if (ours.n && !is_known(ours) && !base_str_is(ours, "server_error"))
        base_json_kstr(&j, "weir_type", ours);
    base_json_obj_end(&j);
    base_json_kstr(&j, "request_id", req_id);
    base_json_obj_end(&j);
}

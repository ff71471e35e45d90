/* bedrock_auth.c - where a request to Bedrock goes, and the proof of who asks.
 *
 * Owns       nothing; the header's values live in the attempt's arena.
 * Runs on    the loop; one SHA-256 over the body, a few over some hundred bytes.
 * Path       /model/ID/ACTION. An id may be an ARN with colons and slashes: all but unreserved
 *            characters are escaped, so the id stays one segment. The signature is over the path
 *            escaped once more (base/sigv4.h).
 * Proof      a Bedrock API key as bearer token; or Signature Version 4 over content-type, host,
 * date and session token. The time is now: a request that waited for a connection is seconds old at
 * most, and AWS allows five minutes. Fails by   BASE_LIMIT when the arena is full. Nothing leaves
 * unsigned.
 */
#include "base/clock.h"
#include "base/sigv4.h"
#include "gateway/upstream/bedrock_int.h"

static enum base_status put_path(const struct conf_target *t, const char *action,
                                 struct gw_wire_request *head, struct base_arena *a,
                                 struct base_err *err)
{
    struct base_buf b;

    base_buf_init(&b, 8192);
    base_buf_z(&b, "/model/");
    base_sigv4_escape(&b, base_str_c(t->model->name), false);
    base_buf_printf(&b, "/%s", action);
    head->path = base_buf_ok(&b) ? base_arena_dupz(a, base_buf_view(&b)) : NULL;
    base_buf_release(&b);
    return head->path ? BASE_OK : base_err_set(err, BASE_LIMIT, "no room for the request's path");
}

static enum base_status sign(const struct conf_target *t, struct base_str body,
                             struct gw_wire_request *head, struct base_arena *a,
                             struct base_err *err)
{
    const struct conf_backend *b = t->backend;
    char host[300], date[BASE_SIGV4_DATE_MAX], sum[65];
    struct base_sigv4_header h[4];
    struct base_buf path, value;
    size_t n = 0;

    if (!gw_wire_host(b, host, sizeof host))
        return base_err_set(err, BASE_LIMIT, "the host name is too long");
    base_sigv4_date(base_wall_us(), date);
    base_sigv4_body(body, sum);
    h[n++] = (struct base_sigv4_header){"content-type", BASE_STR("application/json")};
    h[n++] = (struct base_sigv4_header){"host", base_str_c(host)};
    h[n++] = (struct base_sigv4_header){"x-amz-date", base_str_c(date)};
    if (b->session_token)
        h[n++] = (struct base_sigv4_header){"x-amz-security-token", base_str_c(b->session_token)};
    base_buf_init(&path, 16384);
    base_buf_init(&value, 2048);
    base_buf_printf(&path, "%s%s", b->path, head->path);
    const struct base_sigv4 in = {.method = "POST",
                                  .path = base_buf_view(&path),
                                  .date = date,
                                  .region = b->region,
                                  .service = b->service,
                                  .access_key = b->access_key,
                                  .secret_key = b->secret_key,
                                  .headers = h,
                                  .n_headers = n,
                                  .body_sha256 = sum};
    enum base_status st = base_sigv4_sign(&in, &value, err);
    struct base_str kept = base_arena_dup(a, base_buf_view(&value));
    struct base_str when = base_arena_dup(a, base_str_c(date));
    base_buf_release(&path);
    base_buf_release(&value);
    if (st != BASE_OK)
        return st;
    if (!kept.p || !when.p)
        return base_err_set(err, BASE_LIMIT, "no room for a signature");
    gw_wire_header(head, "X-Amz-Date", when);
    gw_wire_header(head, "Authorization", kept);
    return b->session_token
               ? gw_wire_secret_header(head, a, "X-Amz-Security-Token", "", b->session_token, err)
               : BASE_OK;
}

enum base_status gw_bedrock_authorise(const struct conf_target *t, const char *action,
                                      struct base_str body, struct gw_wire_request *head,
                                      struct base_arena *a, struct base_err *err)
{
    enum base_status st = put_path(t, action, head, a, err);

    if (st != BASE_OK)
        return st;
    if (t->backend->key)
        return gw_wire_secret_header(head, a, "Authorization", "Bearer ", t->backend->key, err);
    return sign(t, body, head, a, err);
}

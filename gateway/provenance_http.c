/* provenance_http.c - checking records of origin over HTTP.
 *
 * Owns       nothing. Runs on the loop's thread.
 * Format     {"valid":false,"why":"..."}, or {"bytes","matches","request","route","time",
 *            "valid":true}: `valid` is about the signature, `matches` about the text beside it.
 */
#include "gateway/provenance_http.h"
#include "gateway/app.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/ending.h"
#include <openssl/evp.h>

static void send_body(struct gw_request *q, struct base_buf *body)
{
    struct gw_server_request *http = q->http;
    gw_request_release(q);
    gw_resp_send(http, 200, "application/json", BASE_STR_NULL, base_buf_view(body));
}

static void bad(struct gw_request *q, int status, const char *code, const char *text)
{
    gw_request_fail(q, status, "invalid_request_error", code, NULL, "%s", text);
    gw_request_send_error(q);
}

static void put_verdict(const struct gw_request *q, struct base_json *j, struct base_str record,
                        struct base_str text)
{
    struct gw_prov_claim claim;
    struct base_err err;
    unsigned char sha[32];
    unsigned n = 0;

    base_json_obj(j);
    if (gw_prov_verify(q->app->prov, record, &claim, &err) != BASE_OK) {
        base_json_kbool(j, "valid", false);
        base_json_kz(j, "why", err.text);
    } else {
        bool same = EVP_Digest(text.p ? text.p : "", text.n, sha, &n, EVP_sha256(), NULL) == 1 &&
                    text.n == claim.bytes && memcmp(sha, claim.sha256, sizeof sha) == 0;
        base_json_kint(j, "bytes", (int64_t)claim.bytes);
        base_json_kbool(j, "matches", same);
        base_json_kz(j, "request", claim.request);
        base_json_kz(j, "route", claim.route);
        base_json_kz(j, "time", claim.time);
        base_json_kbool(j, "valid", true);
    }
    base_json_obj_end(j);
}

static void verify(struct gw_request *q)
{
    struct base_err err;
    struct base_buf body;
    struct base_json j;
    json_t *root = gw_json_load(q->http->body, true, &err);
    struct base_str record = gw_json_get_str(root, "provenance");

    if (!root || !record.n || !json_is_string(json_object_get(root, "text"))) {
        json_decref(root);
        bad(q, 400, "invalid_body", "Send {\"provenance\": RECORD, \"text\": TEXT}.");
        return;
    }
    base_buf_init(&body, 16384);
    base_json_init(&j, &body);
    put_verdict(q, &j, record, gw_json_get_str(root, "text"));
    json_decref(root);
    send_body(q, &body);
    base_buf_release(&body);
}

bool gw_provenance_answer(struct gw_request *q)
{
    struct base_str path = q->http->head->path, method = q->http->head->method;
    struct base_buf body;
    struct base_json j;

    if (base_str_is(path, "/v1/provenance/verify")) {
        if (base_str_is(method, "POST"))
            verify(q);
        else
            bad(q, 405, "method_not_allowed", "/v1/provenance/verify takes POST.");
        return true;
    }
    if (!base_str_is(path, "/v1/provenance/key") || !base_str_is(method, "GET"))
        return false;
    base_buf_init(&body, 4096);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_kz(&j, "vkey", gw_prov_vkey(q->app->prov));
    base_json_obj_end(&j);
    send_body(q, &body);
    base_buf_release(&body);
    return true;
}

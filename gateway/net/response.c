/* response.c - answers: status line, framing and body onto the request's connection.
 *
 * Runs on the loop's thread. Everything is queued in the connection's buffer and leaves at the end
 * of the loop's turn, so the head and the first bytes of the body share a TLS record. Framing is
 * decided once, at the start: a known length, chunked, or (HTTP/1.0) the end of the connection; an
 * answer that does not keep what its head promised ends the connection instead of pretending.
 */
#include "base/json.h"
#include "gateway/net/server_int.h"
#include <stdio.h>

#define FIXED_MAX  512 /* the lines that the server writes by itself */
#define CHUNK_MORE 32  /* what chunk framing adds at most */

static struct gw_req *req_of(const struct gw_server_request *pub)
{
    return (struct gw_req *)(uintptr_t)pub;
}

static bool alive(const struct gw_req *r)
{
    return r->k && !r->k->freed;
}

static enum base_status put(struct gw_req *r, const char *p, size_t n)
{
    return gw_conn_write(r->k->c, base_str_n(p, n));
}

/* A client that takes nothing for too long is cut: arms the deadline when output piles up. */
static void watch_stall(struct gw_req *r)
{
    if (!r->stalled && gw_conn_full(r->k->c)) {
        r->stalled = true;
        gw_conn_stall_deadline(r->k->c, r->pub.gen->conf->server.limits.body_s * 1000);
    }
}

static void choose_framing(struct gw_req *r, int status, int64_t body_n)
{
    const struct gw_http_head *h = &r->parser.head;
    r->bodyless = status == 204 || status == 304 || base_str_is(h->method, "HEAD");
    r->left = body_n >= 0 ? body_n : -1;
    r->chunked = body_n < 0 && h->minor == 1 && status != 204 && status != 304;
    r->until_close = body_n < 0 && h->minor == 0 && !r->bodyless;
    r->close_after |= !h->keep_alive || r->until_close || r->k->over || r->s->draining;
}

enum base_status gw_resp_start(struct gw_server_request *pub, int status, struct base_str headers,
                               int64_t body_n)
{
    struct gw_req *r = req_of(pub);
    BASE_BUG_ON(r->started);
    r->started = true;
    if (!alive(r))
        return BASE_EIO;
    choose_framing(r, status, body_n);
    char length[48] = "";
    if (r->chunked)
        snprintf(length, sizeof length, "Transfer-Encoding: chunked\r\n");
    else if (r->left >= 0 && status != 204 && status != 304)
        snprintf(length, sizeof length, "Content-Length: %lld\r\n", (long long)r->left);
    char fixed[FIXED_MAX];
    int n = snprintf(fixed, sizeof fixed, "HTTP/1.1 %d %s\r\n%sx-request-id: %s\r\n%s%s", status,
                     gw_http_reason(status), gw_server_date(r->s), pub->id, length,
                     r->close_after              ? "Connection: close\r\n"
                     : r->parser.head.minor == 0 ? "Connection: keep-alive\r\n"
                                                 : "");
    enum base_status st = put(r, fixed, (size_t)n);
    if (st == BASE_OK && headers.n)
        st = put(r, headers.p, headers.n);
    return st == BASE_OK ? put(r, "\r\n", 2) : st;
}

/* Chunk framing around bytes; all of it fits (checked by the caller). */
static enum base_status put_chunk(struct gw_req *r, struct base_str bytes)
{
    char size[24];
    int n = snprintf(size, sizeof size, "%zx\r\n", bytes.n);
    enum base_status st = put(r, size, (size_t)n);
    if (st == BASE_OK)
        st = put(r, bytes.p, bytes.n);
    return st == BASE_OK ? put(r, "\r\n", 2) : st;
}

enum base_status gw_resp_write(struct gw_server_request *pub, struct base_str bytes)
{
    struct gw_req *r = req_of(pub);
    if (!alive(r))
        return BASE_EIO;
    BASE_BUG_ON(!r->started);
    if (bytes.n == 0)
        return BASE_OK;
    if (r->left >= 0) {
        if ((uint64_t)r->left < bytes.n)
            return BASE_LIMIT; /* more than was promised */
        if (r->bodyless)
            return BASE_OK;
    }
    if (r->bodyless)
        return BASE_OK;
    size_t pending = gw_conn_out_pending(r->k->c);
    if (pending > GW_RESP_OUT_MAX || bytes.n > GW_RESP_OUT_MAX - pending)
        return BASE_LIMIT;
    enum base_status st = r->chunked ? put_chunk(r, bytes) : put(r, bytes.p, bytes.n);
    if (st != BASE_OK)
        return st;
    if (r->left >= 0)
        r->left -= (int64_t)bytes.n;
    gw_metrics_count(pub->loop->metrics, GW_N_BYTES_OUT, bytes.n);
    watch_stall(r);
    return BASE_OK;
}

void gw_resp_end(struct gw_server_request *pub)
{
    struct gw_req *r = req_of(pub);
    bool whole = r->started;
    if (alive(r) && whole) {
        if (!r->bodyless && r->left > 0)
            whole = false;
        else if (r->chunked && !r->bodyless)
            whole = put(r, "0\r\n\r\n", 5) == BASE_OK;
    }
    gw_req_finish(r, whole && !r->close_after);
}

void gw_resp_abort(struct gw_server_request *pub)
{
    struct gw_req *r = req_of(pub);
    if (r->until_close || !r->started)
        gw_req_cut(r);
    else
        gw_req_finish(r, false);
}

void gw_resp_send(struct gw_server_request *pub, int status, const char *content_type,
                  struct base_str headers, struct base_str body)
{
    struct base_buf lines;
    base_buf_init(&lines, 64u << 10);
    if (content_type)
        (void)gw_http_put_header(&lines, "Content-Type", base_str_c(content_type));
    if (headers.n)
        base_buf_str(&lines, headers);
    enum base_status st = base_buf_ok(&lines)
                              ? gw_resp_start(pub, status, base_buf_view(&lines), (int64_t)body.n)
                              : BASE_LIMIT;
    base_buf_release(&lines);
    if (st == BASE_OK)
        st = gw_resp_write(pub, body);
    if (st == BASE_OK)
        gw_resp_end(pub);
    else
        gw_resp_abort(pub);
}

void gw_resp_health(struct gw_server_request *pub, bool ok, const char *why,
                    struct base_str headers)
{
    struct base_buf body, lines;
    struct base_json j;
    base_buf_init(&body, 4096);
    base_buf_init(&lines, 16384);
    base_buf_z(&lines, "Cache-Control: no-store\r\n");
    base_buf_str(&lines, headers);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_kz(&j, "status", ok ? "ok" : "unavailable");
    if (!ok)
        base_json_kz(&j, "why", why);
    base_json_obj_end(&j);
    base_buf_byte(&body, '\n');
    gw_resp_send(pub, ok ? 200 : 503, "application/json", base_buf_view(&lines),
                 base_buf_view(&body));
    base_buf_release(&body);
    base_buf_release(&lines);
}

bool gw_resp_started(const struct gw_server_request *pub)
{
    return req_of(pub)->started;
}

bool gw_resp_full(const struct gw_server_request *pub)
{
    struct gw_req *r = req_of(pub);
    return alive(r) && gw_conn_full(r->k->c);
}

bool gw_resp_alive(const struct gw_server_request *pub)
{
    return alive(req_of(pub));
}

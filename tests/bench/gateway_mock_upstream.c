/* gateway_mock_upstream.c - a stand-in for an upstream that costs next to nothing, for measuring
 * what a proxy in front of it costs.
 *
 *   gateway_mock_upstream --port N --cert FILE --key FILE [--deltas 16]
 *
 * One loop, TLS, keep-alive. Any POST is answered with a canned OpenAI chat completion: an event
 * stream of --deltas pieces, all at once, when the body holds "stream":true, else one JSON body.
 * The certificate is made if the files are not there. Ends with SIGTERM.
 */
#include "base/log.h"
#include "gateway/net/listener.h"
#include "gateway/net/server.h"
#include "gateway/net/tls.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct conf conf;
static struct gw_gen gen;
static struct base_buf plain, stream;

#define ID "\"id\":\"chatcmpl-mock\",\"created\":1700000000,\"model\":\"gpt-x\""

static void make_answers(int deltas)
{
    base_buf_init(&plain, 1 << 16);
    base_buf_init(&stream, 1 << 20);
    base_buf_z(&plain,
               "{" ID ",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":"
               "{\"role\":\"assistant\",\"content\":\"");
    base_buf_z(&stream,
               "data: {" ID ",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":"
               "0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":"
               "null}]}\n\n");
    for (int i = 0; i < deltas; i++) {
        base_buf_printf(&plain, "word %d ", i);
        base_buf_printf(&stream,
                        "data: {" ID ",\"object\":\"chat.completion.chunk\",\"choices\":[{"
                        "\"index\":0,\"delta\":{\"content\":\"word %d \"},\"finish_reason\":null}]}"
                        "\n\n",
                        i);
    }
    base_buf_printf(&plain,
                    "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
                    "\"completion_tokens\":%d,\"total_tokens\":%d}}",
                    deltas, deltas + 12);
    base_buf_printf(&stream,
                    "data: {" ID ",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
                    "\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
                    "data: {" ID ",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":"
                    "{\"prompt_tokens\":12,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n"
                    "data: [DONE]\n\n",
                    deltas, deltas + 12);
}

static void on_request(struct gw_server_request *r)
{
    bool streaming = base_str_find(r->body, BASE_STR("\"stream\":true"), 0) != SIZE_MAX ||
                     base_str_find(r->body, BASE_STR("\"stream\": true"), 0) != SIZE_MAX;
    if (!streaming) {
        gw_resp_send(r, 200, "application/json", BASE_STR_NULL, base_buf_view(&plain));
        return;
    }
    enum base_status st =
        gw_resp_start(r, 200, BASE_STR("Content-Type: text/event-stream\r\n"), -1);
    if (st == BASE_OK)
        st = gw_resp_write(r, base_buf_view(&stream));
    if (st == BASE_OK)
        gw_resp_end(r);
    else
        gw_resp_abort(r);
}

static void on_gone(struct gw_server_request *r)
{
    gw_resp_abort(r); /* cannot happen: every answer ends at once */
}

static const struct gw_server_ops ops = {.request = on_request, .gone = on_gone};

static void accepted(void *ctx, int fd)
{
    gw_server_accepted(ctx, fd, false);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    gw_loop_stop(arg);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"cert", required_argument, NULL, 'c'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"deltas", required_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    struct base_err err = {0};
    uint64_t port = 0, deltas = 16;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        struct base_str v = base_str_c(optarg);
        if (c == 'c')
            conf.server.tls_certificate = optarg;
        else if (c == 'k')
            conf.server.tls_key = optarg;
        else if (!(c == 'p' && base_str_u64(v, &port) && port < 65536) &&
                 !(c == 'd' && base_str_u64(v, &deltas) && deltas < 5000))
            return 2;
    }
    if (!port || !conf.server.tls_certificate || !conf.server.tls_key)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    conf.server.tls_self_signed = true;
    conf.server.listen = (struct conf_address){"127.0.0.1", (int)port};
    conf.server.limits = (struct conf_limits){.header_bytes = 32768,
                                              .body_bytes = 16 << 20,
                                              .connections = 4096,
                                              .idle_s = 600,
                                              .header_s = 30,
                                              .body_s = 30};
    make_answers((int)deltas);
    gen.conf = &conf;
    gen.tls = gw_tls_server_new(&conf.server, &err);
    atomic_init(&gen.refs, 1 << 20); /* static: never freed */
    struct gw_metrics_shard *shard = gw_metrics_shard_new();
    struct gw_loop *l = gen.tls && shard ? gw_loop_new(0, &gen, shard, &err) : NULL;
    int fd = l ? gw_listen(&conf.server.listen, false, &err) : -1;
    if (l && fd >= 0)
        l->server = gw_server_new(l, &ops, &ops, &err);
    struct gw_listener *listener =
        l && l->server ? gw_listener_new(l->base, fd, accepted, l->server) : NULL;
    struct event *term = listener ? evsignal_new(l->base, SIGTERM, on_signal, l) : NULL;
    if (!term || event_add(term, NULL) != 0) {
        fprintf(stderr, "gateway_mock_upstream: %s\n", err.text);
        return 1;
    }
    event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
    event_free(term);
    gw_listener_free(listener);
    gw_server_free(l->server);
    gw_loop_free(l);
    gw_metrics_shard_free(shard);
    SSL_CTX_free(gen.tls);
    base_buf_release(&plain);
    base_buf_release(&stream);
    return 0;
}

/* resolve.c - names of back ends to addresses, on the loop.
 *
 * Owns       the lookup in flight of each back end (one at a time; all its attempts wait for it).
 * Runs on    the loop's thread; evdns sends the queries (/etc/resolv.conf, /etc/hosts), so nothing
 *            blocks after the first use, which reads those two small files.
 * Invariants - an address written as such is never looked up;
 *            - any address is accepted, loopback and private ones included: only the configuration
 *              can name a host, never a request;
 *            - an answer holds GW_UP_NAME_MS; when a later lookup fails, the old answer serves on.
 * Fails by   up_resolved with an error; a cancelled lookup reports once more, to nobody.
 */
#include "gateway/upstream/upstream_int.h"
#include <arpa/inet.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

struct up_lookup {
    struct gw_upstreams *u;
    struct up_backend *backend; /* NULL once cancelled */
    struct evdns_getaddrinfo_request *request;
    bool starting; /* inside evdns_getaddrinfo: the answer may come at once */
    bool done;
    struct base_err err;
};

static bool take_numeric(struct up_backend *b)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&b->addr[0];
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&b->addr[0];

    if (inet_pton(AF_INET, b->conf->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)b->conf->port);
        b->addr_len[0] = (int)sizeof *v4;
    } else if (inet_pton(AF_INET6, b->conf->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)b->conf->port);
        b->addr_len[0] = (int)sizeof *v6;
    } else {
        return false;
    }
    b->n_addr = 1;
    b->numeric = true;
    return true;
}

static struct evdns_base *dns_new(struct event_base *base)
{
    struct evdns_base *dns =
        evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!dns) { /* no resolv.conf to speak of: names in /etc/hosts still work */
        dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (dns)
            evdns_base_load_hosts(dns, "/etc/hosts");
    }
    if (dns) {
        /* Some forwarders do not echo the mixed case that evdns uses against spoofing; what the
         * answer leads to is verified by TLS. */
        evdns_base_set_option(dns, "randomize-case:", "0");
        evdns_base_set_option(dns, "timeout:", "2");
        evdns_base_set_option(dns, "attempts:", "2");
    }
    return dns;
}

static void take_answer(struct up_backend *b, const struct evutil_addrinfo *ai)
{
    unsigned n = 0;

    for (; ai && n < GW_UP_ADDRS_MAX; ai = ai->ai_next) {
        if (ai->ai_addrlen > sizeof b->addr[n])
            continue;
        memcpy(&b->addr[n], ai->ai_addr, ai->ai_addrlen);
        b->addr_len[n++] = (int)ai->ai_addrlen;
    }
    if (n == 0)
        return;
    b->n_addr = n;
    b->good_addr = 0;
    b->addr_until_ms = up_now_ms() + GW_UP_NAME_MS;
}

static void on_answer(int result, struct evutil_addrinfo *ai, void *arg)
{
    struct up_lookup *l = arg;
    struct gw_upstreams *u = l->u;
    struct up_backend *b = l->backend;

    if (b && result == 0)
        take_answer(b, ai);
    if (ai)
        evutil_freeaddrinfo(ai);
    base_err_set(&l->err, BASE_EIO, "the name cannot be resolved: %s",
                 evutil_gai_strerror(result ? result : EVUTIL_EAI_NONAME));
    l->done = true;
    if (l->starting)
        return; /* up_resolve goes on with it */
    struct base_err err = l->err;
    up_enter(u);
    u->lookups--;
    free(l);
    if (b) {
        b->lookup = NULL;
        up_resolved(b, &err);
    }
    up_leave(u);
}

enum base_status up_resolve(struct up_backend *b, struct base_err *err)
{
    struct gw_upstreams *u = b->u;
    char port[8];

    if (b->numeric || take_numeric(b) || (b->n_addr > 0 && up_now_ms() < b->addr_until_ms))
        return BASE_OK;
    if (b->lookup)
        return BASE_AGAIN;
    if (!u->dns)
        u->dns = dns_new(u->base);
    struct up_lookup *l = calloc(1, sizeof *l);
    if (!u->dns || !l) {
        free(l);
        return base_err_set(err, BASE_ENOMEM, "no memory to resolve a name");
    }
    *l = (struct up_lookup){.u = u, .backend = b, .starting = true};
    snprintf(port, sizeof port, "%d", b->conf->port);
    struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    l->request = evdns_getaddrinfo(u->dns, b->conf->host, port, &hints, on_answer, l);
    l->starting = false;
    if (!l->done) {
        b->lookup = l;
        u->lookups++;
        return BASE_AGAIN;
    }
    if (err)
        *err = l->err;
    free(l);
    return b->n_addr > 0 ? BASE_OK : BASE_EIO;
}

void up_resolve_cancel(struct up_backend *b)
{
    struct up_lookup *l = b->lookup;

    if (!l)
        return;
    b->lookup = NULL;
    l->backend = NULL;
    evdns_getaddrinfo_cancel(l->request);
}

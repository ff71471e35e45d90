/* url.c - where to listen and whom to call: addresses and upstream URLs.
 *
 * Strict on purpose: what is accepted here goes into a TLS server name, a Host header and a request
 * line, so nothing that could mean two things to two readers gets through (user info, queries,
 * escapes of the host, blanks, a port of 0). A URL's text is never quoted in a message: somebody
 * may have put a password into it.
 */
#include "conf/sections.h"

#include <arpa/inet.h>

static bool is_ip(const char *host, int family)
{
    unsigned char to[16];
    return inet_pton(family, host, to) == 1;
}

/* A DNS name: labels of letters, digits and hyphens; one that is all digits and dots is a
 * misspelt IPv4 address. */
static bool is_dns_name(struct base_str h)
{
    if (h.n == 0 || h.n > 253)
        return false;
    bool letter = false;
    size_t label = 0;
    for (size_t i = 0; i < h.n; i++) {
        char ch = h.p[i];
        if (ch == '.') {
            if (label == 0 || h.p[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        bool alpha = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        letter |= alpha;
        if (!(alpha || (ch >= '0' && ch <= '9') || (ch == '-' && label > 0)) || ++label > 63)
            return false;
    }
    return letter && label > 0 && h.p[h.n - 1] != '-';
}

/* host[:port] or [IPv6][:port] -> host (copied, without brackets) and port (untouched if none).
 * NULL when all is well, else what is wrong. */
static const char *split_host_port(struct conf_loader *l, const struct conf_node *n,
                                   struct base_str s, const char **host, int *port)
{
    struct base_str h = s, p = BASE_STR_NULL;
    bool v6 = s.n > 0 && s.p[0] == '[';
    if (v6) {
        const char *close = memchr(s.p, ']', s.n);
        if (!close)
            return "a ']' is missing";
        h = base_str_n(s.p + 1, (size_t)(close - s.p) - 1);
        p = base_str_n(close + 1, s.n - h.n - 2);
        if (p.n && p.p[0] != ':')
            return "a ':' must follow the ']'";
    } else {
        const char *colon = memchr(s.p, ':', s.n);
        if (colon) {
            h = base_str_n(s.p, (size_t)(colon - s.p));
            p = base_str_n(colon, s.n - h.n);
            if (memchr(p.p + 1, ':', p.n - 1))
                return "an IPv6 address stands in brackets: [::1]:8443";
        }
    }
    const char *z = conf_strdup(l, n, h);
    if (!z)
        return "out of memory";
    if (v6 ? !is_ip(z, AF_INET6) : !is_ip(z, AF_INET) && !is_dns_name(h))
        return "the host is neither an IP address nor a name";
    uint64_t v;
    if (p.n) {
        if (!base_str_u64(base_str_n(p.p + 1, p.n - 1), &v) || v < 1 || v > 65535)
            return "the port must be a number between 1 and 65535";
        *port = (int)v;
    }
    *host = z;
    return NULL;
}

void conf_load_address(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_address *a = dst;
    if (!conf_is_text(l, n))
        return;
    const char *host = NULL;
    int port = 0;
    const char *why = split_host_port(l, n, n->text, &host, &port);
    if (!why && port == 0)
        why = "the port is missing: write HOST:PORT";
    if (why)
        conf_wrong(l, n, "\"%.*s\": %s", CONF_SHOW(n), why);
    else
        *a = (struct conf_address){host, port};
}

bool conf_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return base_str_ieq(base_str_c(host), BASE_STR("localhost"));
}

/* What is wrong with a URL's path ("" or "/..."), or NULL. */
static const char *path_problem(struct base_str path)
{
    for (size_t i = 0; i < path.n; i++) {
        char ch = path.p[i];
        if (ch == '?' && base_str_find(path, BASE_STR("?api-version="), i) == i)
            return "write api_version: VERSION instead of ?api-version=VERSION";
        if (ch == '?' || ch == '#')
            return "a query or a fragment does not belong here";
        bool good = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                    (ch >= '0' && ch <= '9') || strchr("/-._~%:@+,=", ch);
        if (!good)
            return "the path holds a character that a URL cannot";
    }
    if (base_str_find(path, BASE_STR("/../"), 0) != SIZE_MAX ||
        base_str_ends(path, BASE_STR("/..")))
        return "the path must not go up (..)";
    return NULL;
}

void conf_load_url(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_backend *b = dst;
    if (!conf_is_text(l, n))
        return;
    struct base_str s = n->text;
    const char *why = NULL;
    if (s.n > 2000)
        why = "too long";
    else if (base_str_starts(s, BASE_STR("https://")))
        b->tls = true;
    else if (!base_str_starts(s, BASE_STR("http://")))
        why = "must begin with https:// (or, to loopback only, http://)";
    if (why)
        goto out;
    while (s.n && s.p[s.n - 1] == '/' && s.n > 8)
        s.n--;
    struct base_str rest = base_str_n(s.p + (b->tls ? 8 : 7), s.n - (b->tls ? 8 : 7));
    size_t slash = 0;
    while (slash < rest.n && !strchr("/?#", rest.p[slash]))
        slash++;
    struct base_str authority = base_str_n(rest.p, slash);
    struct base_str path = base_str_n(rest.p + slash, rest.n - slash);
    if (memchr(authority.p, '@', authority.n)) {
        why = "a user name or password in a URL is refused; use key: ${NAME}";
        goto out;
    }
    b->port = b->tls ? 443 : 80;
    why = split_host_port(l, n, authority, &b->host, &b->port);
    if (!why)
        why = path_problem(path);
    if (!why && !b->tls && !conf_is_loopback(b->host))
        why = "http:// is possible to loopback only: use https://";
    if (why)
        goto out;
    b->url = conf_strdup(l, n, s);
    b->path = conf_strdup(l, n, path);
out:
    if (why)
        conf_wrong(l, n, "%s", why);
}

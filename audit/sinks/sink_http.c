/* sink_http.c - HTTP requests of the sinks, by libcurl, loaded when first needed.
 *
 * One handle a sink, its connection kept. TLS is verified; no redirect is followed and no proxy of
 * the environment is used, so nothing but the configured host is ever called.
 */
#include "audit/sinks/sink.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX 65536

static struct {
    __typeof__(&curl_global_init) global_init;
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    __typeof__(&curl_easy_perform) easy_perform;
    __typeof__(&curl_easy_cleanup) easy_cleanup;
    __typeof__(&curl_easy_reset) easy_reset;
    __typeof__(&curl_slist_append) slist_append;
    __typeof__(&curl_slist_free_all) slist_free_all;
} lib;

struct aud_http {
    struct aud_sink_env *env;
    CURL *easy;
    struct base_buf *reply;
    struct base_str body;
    size_t sent;
    uint32_t retry_after_s;
};

enum base_status aud_http_new(struct aud_sink_env *e, struct aud_http **out, struct base_err *err)
{
    static const struct aud_dl_name names[] = {
        {"curl_global_init", &lib.global_init},       {"curl_easy_init", &lib.easy_init},
        {"curl_easy_setopt", &lib.easy_setopt},       {"curl_easy_getinfo", &lib.easy_getinfo},
        {"curl_easy_perform", &lib.easy_perform},     {"curl_easy_cleanup", &lib.easy_cleanup},
        {"curl_easy_reset", &lib.easy_reset},         {"curl_slist_append", &lib.slist_append},
        {"curl_slist_free_all", &lib.slist_free_all},
    };
    struct aud_http *h;
    enum base_status st =
        aud_dl_load("libcurl.so.4", "libcurl4", names, sizeof(names) / sizeof(names[0]), err);

    if (st != BASE_OK)
        return st;
    if (lib.global_init(CURL_GLOBAL_DEFAULT) != 0) /* at start, before there are threads of ours */
        return base_err_set(err, BASE_EIO, "libcurl does not start");
    h = calloc(1, sizeof(*h));
    if (!h)
        return base_err_set(err, BASE_ENOMEM, "no memory");
    h->env = e;
    h->easy = lib.easy_init();
    if (!h->easy) {
        free(h);
        return base_err_set(err, BASE_ENOMEM, "libcurl has no handle");
    }
    *out = h;
    return BASE_OK;
}

void aud_http_free(struct aud_http *h)
{
    if (!h)
        return;
    lib.easy_cleanup(h->easy);
    free(h);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct aud_http *h = arg;
    size_t all = size * n, room = REPLY_MAX - h->reply->n;

    base_buf_add(h->reply, p, all < room ? all : room);
    return all;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct aud_http *h = arg;
    struct base_str rest = base_str_n(p, size * n), name = base_str_cut(&rest, ':');
    uint64_t s;

    if (base_str_ieq(name, BASE_STR("retry-after")) && rest.p &&
        base_str_u64(base_str_trim(rest), &s))
        h->retry_after_s = s > 3600 ? 3600 : (uint32_t)s;
    return size * n;
}

static size_t on_send(char *p, size_t size, size_t n, void *arg)
{
    struct aud_http *h = arg;
    size_t k = h->body.n - h->sent;

    if (k > size * n)
        k = size * n;
    memcpy(p, h->body.p + h->sent, k);
    h->sent += k;
    return k;
}

static int on_seek(void *arg, curl_off_t off, int origin)
{
    struct aud_http *h = arg;

    if (origin != SEEK_SET || off < 0 || (size_t)off > h->body.n)
        return CURL_SEEKFUNC_FAIL;
    h->sent = (size_t)off;
    return CURL_SEEKFUNC_OK;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct aud_http *h = arg;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load(h->env->abort) ? 1 : 0;
}

static void set_up(struct aud_http *h, const char *method, const char *url, char *error)
{
    CURL *c = h->easy;
    const struct conf_sink *conf = h->env->conf;

    lib.easy_reset(c);
    lib.easy_setopt(c, CURLOPT_URL, url);
    lib.easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    lib.easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    lib.easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    lib.easy_setopt(c, CURLOPT_PROXY, "");
    lib.easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    lib.easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    lib.easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (conf->ca) {
        lib.easy_setopt(c, CURLOPT_CAINFO, conf->ca);
        lib.easy_setopt(c, CURLOPT_CAPATH, NULL);
    }
    lib.easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)h->env->timeout_ms);
    lib.easy_setopt(c, CURLOPT_ERRORBUFFER, error);
    lib.easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    lib.easy_setopt(c, CURLOPT_WRITEDATA, h);
    lib.easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    lib.easy_setopt(c, CURLOPT_HEADERDATA, h);
    lib.easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    lib.easy_setopt(c, CURLOPT_XFERINFODATA, h);
    lib.easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    if (strcmp(method, "PUT") == 0) {
        lib.easy_setopt(c, CURLOPT_UPLOAD, 1L);
        lib.easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)h->body.n);
        lib.easy_setopt(c, CURLOPT_READFUNCTION, on_send);
        lib.easy_setopt(c, CURLOPT_READDATA, h);
        lib.easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
        lib.easy_setopt(c, CURLOPT_SEEKDATA, h);
    } else {
        lib.easy_setopt(c, CURLOPT_POST, 1L);
        lib.easy_setopt(c, CURLOPT_POSTFIELDS, h->body.p);
        lib.easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)h->body.n);
    }
}

enum base_status aud_http_do(struct aud_http *h, const char *method, const char *url,
                             const char *const *headers, size_t n, struct base_str body,
                             int *status, uint32_t *retry_after_s, struct base_buf *reply,
                             struct base_err *err)
{
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *list = NULL;
    enum base_status st = BASE_OK;
    long code = 0;

    base_buf_clear(reply);
    h->reply = reply;
    h->body = body;
    h->sent = 0;
    h->retry_after_s = 0;
    for (size_t i = 0; i < n; i++) {
        struct curl_slist *more = lib.slist_append(list, headers[i]);

        if (!more) {
            lib.slist_free_all(list);
            return base_err_set(err, BASE_ENOMEM, "no memory for a request");
        }
        list = more;
    }
    set_up(h, method, url, error);
    lib.easy_setopt(h->easy, CURLOPT_HTTPHEADER, list);
    CURLcode rc = lib.easy_perform(h->easy);
    if (rc != CURLE_OK)
        st = base_err_set(err, BASE_EIO, "%s: %s (curl %d)", h->env->conf->host,
                          error[0] ? error : "the request failed", (int)rc);
    lib.easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &code);
    lib.easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
    lib.slist_free_all(list);
    *status = (int)code;
    *retry_after_s = h->retry_after_s;
    return st;
}

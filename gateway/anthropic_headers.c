/* anthropic_headers.c - anthropic-version and anthropic-beta.
 *
 * Owns       nothing; what is kept is in the request's arena.
 * Version    one that is not sent is the one there is; another one than 2023-06-01 has other forms
 *            of requests and answers, which nobody here knows: a 400.
 * Betas      go on to upstreams of the same dialect, so they are a slot of the request: scanned,
 * and redacted, which leaves no name of a beta and is then not sent (anthropic_write.c). All lines
 * of the header are one list of names; what is no name is a 400.
 */
#include "gateway/anthropic_headers.h"
#include "gateway/ending.h"

#define VERSION         "2023-06-01"
#define BETA_BYTES_MAX  1024
#define BETA_NAMES_MAX  32
#define BETA_NAME_BYTES 64

static bool is_name(struct base_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || c == '.';
        if (!good)
            return false;
    }
    return s.n > 0 && s.n <= BETA_NAME_BYTES;
}

bool gw_anthropic_headers(struct gw_request *q)
{
    const struct gw_http_head *h = q->http->head;
    size_t names = 0;
    struct base_buf all;
    bool good = true;

    base_buf_init(&all, BETA_BYTES_MAX);
    for (size_t i = 0; i < h->n_headers && good; i++) {
        struct base_str value = h->headers[i].value;
        if (base_str_ieq(h->headers[i].name, BASE_STR("anthropic-version")) &&
            !base_str_is(value, VERSION)) {
            base_buf_release(&all);
            gw_request_fail(q, 400, "invalid_request_error", "bad_header", "anthropic-version",
                            "anthropic-version must be " VERSION ", the version that is served.");
            return false;
        }
        if (!base_str_ieq(h->headers[i].name, BASE_STR("anthropic-beta")))
            continue;
        while (value.p && value.n > 0 && good) {
            struct base_str name = base_str_trim(base_str_cut(&value, ','));
            if (name.n == 0)
                continue;
            good = is_name(name) && ++names <= BETA_NAMES_MAX &&
                   (all.n == 0 || base_buf_byte(&all, ',')) && base_buf_str(&all, name);
        }
    }
    if (good && all.n)
        q->chat.anthropic_beta = base_arena_dup(q->arena, base_buf_view(&all));
    base_buf_release(&all);
    if (good)
        return true;
    gw_request_fail(q, 400, "invalid_request_error", "bad_header", "anthropic-beta",
                    "anthropic-beta must be a list of at most %d names of betas, with commas "
                    "between them.",
                    BETA_NAMES_MAX);
    return false;
}

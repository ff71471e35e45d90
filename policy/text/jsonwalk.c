/* jsonwalk.c - a JSON document as a sequence of leaves.
 *
 * The document is validated as a whole by jansson (duplicate keys refused, depth bounded by the
 * library at 2048 and here by POL_JSON_DEPTH_MAX). The walk then goes over the text itself, not
 * over jansson's tree: numbers keep every digit they were written with (a 20-digit account number
 * would be rounded in a double), order stays, and what is not replaced is copied byte for byte.
 */
#include "policy/text/jsonwalk.h"

#include "base/buf.h"
#include "base/json.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define OUT_MAX (64u << 20)

struct walk {
    struct base_str in;
    size_t i;
    pol_json_edit_fn fn;
    void *ctx;
    struct base_buf *out; /* NULL: read only */
    size_t copied;        /* input bytes already in out */
    bool changed;
    struct base_buf text; /* the decoded leaf */
};

static bool valid(struct base_str json)
{
    json_error_t e;
    json_t *v = json_loadb(json.p ? json.p : "", json.n,
                           JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL |
                               JSON_DECODE_INT_AS_REAL, /* long digit strings are no error */
                           &e);
    bool ok = v != NULL;

    json_decref(v);
    return ok;
}

static uint32_t hex4(const char *p)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++)
        v = v * 16 + (uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 87);
    return v;
}

/* Decodes the string literal at i (its opening quote) into w->text; returns the byte behind it, or
 * 0 if it is cut (never, in a validated document). */
static size_t decode(struct walk *w, size_t i)
{
    const char *p = w->in.p;
    size_t n = w->in.n;

    base_buf_clear(&w->text);
    for (i++; i < n && p[i] != '"'; i++) {
        char u[4];
        uint32_t cp;
        const char *e;

        if (p[i] != '\\') {
            base_buf_byte(&w->text, p[i]);
            continue;
        }
        if (++i >= n)
            return 0;
        if (p[i] == 'u') {
            if (n - i < 5)
                return 0;
            cp = hex4(p + i + 1);
            i += 4;
            if (cp >= 0xD800 && cp < 0xDC00 && n - i > 6 && p[i + 1] == '\\' && p[i + 2] == 'u') {
                cp = 0x10000 + ((cp - 0xD800) << 10) + (hex4(p + i + 3) - 0xDC00);
                i += 6;
            }
            base_buf_add(&w->text, u, base_utf8_encode(cp, u));
            continue;
        }
        e = strchr("nrtbf", p[i]);
        base_buf_byte(&w->text, e && *e ? "\n\r\t\b\f"[e - "nrtbf"] : p[i]);
    }
    return i < n && base_buf_ok(&w->text) ? i + 1 : 0;
}

static enum base_status leaf(struct walk *w, struct base_str text, size_t from, size_t to,
                             bool is_key, bool is_number)
{
    struct base_str repl = BASE_STR_NULL;
    enum base_status st =
        w->fn(w->ctx, text, (struct base_str){w->in.p + from, to - from}, is_key, is_number, &repl);

    if (st != BASE_OK || !repl.p || !w->out)
        return st;
    base_buf_add(w->out, w->in.p + w->copied, from - w->copied);
    base_json_quote(w->out, repl);
    w->copied = to;
    w->changed = true;
    return BASE_OK;
}

static bool number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static enum base_status run(struct walk *w)
{
    const char *p = w->in.p;
    size_t n = w->in.n, depth = 0;

    while (w->i < n) {
        size_t a = w->i, k;
        enum base_status st = BASE_OK;

        if (p[a] == '"') {
            size_t e = decode(w, a);

            if (e == 0)
                return BASE_EINVAL;
            for (k = e; k < n && strchr(" \t\r\n", p[k]); k++)
                ;
            st = leaf(w, base_buf_view(&w->text), a, e, k < n && p[k] == ':', false);
            w->i = e;
        } else if (number_char(p[a]) && p[a] != 'e' && p[a] != 'E') {
            while (w->i < n && number_char(p[w->i]))
                w->i++;
            st = leaf(w, (struct base_str){p + a, w->i - a}, a, w->i, false, true);
        } else {
            if (p[a] == '{' || p[a] == '[')
                depth++;
            else if ((p[a] == '}' || p[a] == ']') && depth > 0)
                depth--;
            if (depth > POL_JSON_DEPTH_MAX)
                return BASE_EINVAL;
            w->i++;
            while (w->i < n && p[w->i] >= 'a' && p[w->i] <= 'z') /* true, false, null */
                w->i++;
        }
        if (st != BASE_OK)
            return st;
    }
    return BASE_OK;
}

struct base_str pol_json_digits(struct base_str text, char buf[32])
{
    char copy[64];
    double v;
    int n;

    if (text.n >= sizeof(copy) || !(memchr(text.p, '.', text.n) || memchr(text.p, 'e', text.n) ||
                                    memchr(text.p, 'E', text.n)))
        return text;
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    v = strtod(copy, NULL);
    if (!(fabs(v) >= 1e6 && fabs(v) < 1e20))
        return text;
    n = snprintf(buf, 32, "%.0f", trunc(v));
    return (struct base_str){buf, (size_t)n};
}

struct base_str pol_seed_text(const struct chat_request *r, char buf[POL_SEED_TEXT_MAX])
{
    int n = 0;

    if (r->seed.set && fabs(r->seed.v) >= 1e6 && fabs(r->seed.v) < 1e20)
        n = snprintf(buf, POL_SEED_TEXT_MAX, "%.0f", r->seed.v);
    return (struct base_str){buf, (size_t)n};
}

struct reader {
    pol_json_leaf_fn fn;
    void *ctx;
};

static enum base_status read_only(void *ctx, struct base_str text, struct base_str raw, bool is_key,
                                  bool is_number, struct base_str *repl)
{
    struct reader *r = ctx;

    (void)repl;
    (void)raw;
    return r->fn(r->ctx, text, is_key, is_number);
}

enum base_status pol_json_leaves(struct base_str json, pol_json_leaf_fn fn, void *ctx,
                                 struct base_err *err)
{
    struct reader r = {fn, ctx};
    struct walk w = {.in = json, .fn = read_only, .ctx = &r};
    enum base_status st;

    if (!valid(json))
        return base_err_set(err, BASE_EINVAL, "not valid JSON");
    base_buf_init(&w.text, json.n + 1);
    st = run(&w);
    base_buf_wipe(&w.text);
    if (st == BASE_EINVAL)
        return base_err_set(err, BASE_EINVAL, "not valid JSON");
    return st;
}

enum base_status pol_json_edit(struct base_str json, pol_json_edit_fn fn, void *ctx,
                               struct base_arena *a, struct base_str *out, struct base_err *err)
{
    struct base_buf buf;
    struct walk w = {.in = json, .fn = fn, .ctx = ctx, .out = &buf};
    enum base_status st;

    *out = json;
    if (!valid(json))
        return base_err_set(err, BASE_EINVAL, "not valid JSON");
    base_buf_init(&buf, OUT_MAX);
    base_buf_init(&w.text, json.n + 1);
    st = run(&w);
    if (st == BASE_OK && w.changed) {
        base_buf_add(&buf, json.p + w.copied, json.n - w.copied);
        if (!base_buf_ok(&buf)) {
            st = base_err_set(err, BASE_LIMIT, "a JSON value grew past its limit");
        } else {
            *out = base_arena_dup(a, base_buf_view(&buf));
            if (!out->p)
                st = base_err_set(err, BASE_ENOMEM, "the request's memory is used up");
        }
    }
    if (st == BASE_EINVAL)
        base_err_set(err, BASE_EINVAL, "not valid JSON");
    base_buf_wipe(&w.text);
    base_buf_wipe(&buf);
    return st;
}

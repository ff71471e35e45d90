/* leaf.c - a strict JSON recogniser for leaves.
 *
 * A malformed leaf that became durable would make the log fail its own verification for ever, so it
 * is refused at the door instead: in aud_log_submit, on the caller's thread, without allocating.
 * (The verifier reads leaves with another parser, jansson.) Recursion is bounded by DEPTH_MAX, the
 * comparison of keys by KEYS_MAX keys in the objects open at one time.
 */
#include "audit/log/leaf.h"

#include <string.h>

#define DEPTH_MAX 32
#define KEYS_MAX  256

struct scan {
    const char *p, *end;
    int depth;
    struct base_str keys[KEYS_MAX];
    size_t n_keys;
    struct aud_leaf *out;
    unsigned seen; /* bits: v t ev req tenant */
};

static bool value(struct scan *s);

static void space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool unit(struct scan *s, uint32_t *u)
{
    *u = 0;
    if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
        return false;
    for (int i = 2; i < 6; i++) {
        int d = hex(s->p[i]);

        if (d < 0)
            return false;
        *u = *u << 4 | (uint32_t)d;
    }
    s->p += 6;
    return true;
}

static bool escape(struct scan *s)
{
    uint32_t u, low;

    if (s->end - s->p < 2)
        return false;
    if (s->p[1] != 'u') {
        bool ok = s->p[1] != 0 && strchr("\"\\/bfnrt", s->p[1]) != NULL;
        s->p += 2;
        return ok;
    }
    if (!unit(s, &u) || (u >= 0xDC00 && u <= 0xDFFF))
        return false;
    if (u >= 0xD800 && u <= 0xDBFF)
        return unit(s, &low) && low >= 0xDC00 && low <= 0xDFFF;
    return true;
}

/* A string with its quotes; *body is what stands between them. */
static bool string(struct scan *s, struct base_str *body, bool plain)
{
    if (s->p >= s->end || *s->p != '"')
        return false;
    const char *start = ++s->p;
    while (s->p < s->end && *s->p != '"') {
        unsigned char c = (unsigned char)*s->p;

        if (c < 0x20)
            return false;
        if (c == '\\') {
            if (plain || !escape(s))
                return false;
            continue;
        }
        s->p++;
    }
    if (s->p >= s->end)
        return false;
    *body = base_str_n(start, (size_t)(s->p - start));
    s->p++;
    return true;
}

static bool digits(struct scan *s)
{
    const char *start = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > start;
}

static bool number(struct scan *s, struct base_str *text, bool *integer)
{
    const char *start = s->p;

    *integer = true;
    if (s->p < s->end && *s->p == '-')
        s->p++;
    const char *first = s->p;
    if (!digits(s) || (*first == '0' && s->p - first > 1) || s->p - first > 18)
        return false;
    if (s->p < s->end && *s->p == '.') {
        *integer = false;
        s->p++;
        if (!digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        *integer = false;
        s->p++;
        if (s->p < s->end && (*s->p == '-' || *s->p == '+'))
            s->p++;
        const char *e = s->p;
        if (!digits(s) || s->p - e > 2)
            return false;
    }
    *text = base_str_n(start, (size_t)(s->p - start));
    return text->n <= 32;
}

static bool word(struct scan *s, const char *w)
{
    size_t n = strlen(w);

    if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n) != 0)
        return false;
    s->p += n;
    return true;
}

static bool array(struct scan *s)
{
    s->p++;
    space(s);
    if (s->p < s->end && *s->p == ']') {
        s->p++;
        return true;
    }
    for (;;) {
        if (!value(s))
            return false;
        space(s);
        if (s->p >= s->end || (*s->p != ',' && *s->p != ']'))
            return false;
        if (*s->p++ == ']')
            return true;
    }
}

/* The value of a member of the leaf itself; the five that matter are kept. */
static bool top_value(struct scan *s, struct base_str key)
{
    static const char *const names[] = {"v", "t", "ev", "req", "tenant", "attempt"};
    struct aud_leaf *o = s->out;
    struct base_str *text[] = {NULL, NULL, &o->ev, &o->req, &o->tenant, NULL};
    uint64_t *num[] = {&o->v, &o->t, NULL, NULL, NULL, &o->attempt};

    for (unsigned i = 0; i < 6; i++) {
        struct base_str raw;
        bool integer;

        if (!base_str_is(key, names[i]))
            continue;
        s->seen |= 1u << i;
        if (text[i])
            return string(s, text[i], false);
        return number(s, &raw, &integer) && integer && base_str_u64(raw, num[i]);
    }
    return value(s);
}

static bool object(struct scan *s)
{
    size_t mine = s->n_keys;
    bool ok = false;

    s->p++;
    space(s);
    if (s->p < s->end && *s->p == '}') {
        s->p++;
        return true;
    }
    for (;;) {
        struct base_str key;

        space(s);
        if (s->n_keys == KEYS_MAX || !string(s, &key, true))
            break;
        for (size_t i = mine; i < s->n_keys; i++) {
            if (base_str_eq(s->keys[i], key))
                return false;
        }
        s->keys[s->n_keys++] = key;
        space(s);
        if (s->p >= s->end || *s->p++ != ':')
            break;
        space(s);
        if (!(s->depth == 1 ? top_value(s, key) : value(s)))
            break;
        space(s);
        if (s->p >= s->end || (*s->p != ',' && *s->p != '}'))
            break;
        if (*s->p++ == '}') {
            ok = true;
            break;
        }
    }
    s->n_keys = mine;
    return ok;
}

static bool value(struct scan *s)
{
    struct base_str ignored;
    bool integer, ok;

    space(s);
    if (s->p >= s->end || s->depth >= DEPTH_MAX)
        return false;
    switch (*s->p) {
    case '{':
        s->depth++;
        ok = object(s);
        s->depth--;
        return ok;
    case '[':
        s->depth++;
        ok = array(s);
        s->depth--;
        return ok;
    case '"':
        return string(s, &ignored, false);
    case 't':
        return word(s, "true");
    case 'f':
        return word(s, "false");
    case 'n':
        return word(s, "null");
    default:
        return number(s, &ignored, &integer);
    }
}

bool aud_leaf_parse(struct base_str text, struct aud_leaf *out)
{
    struct scan s = {.p = text.p, .end = text.p + text.n, .out = out};

    memset(out, 0, sizeof(*out));
    if (text.n < 2 || text.p[0] != '{' || text.p[text.n - 1] != '}' || !base_utf8_valid(text))
        return false;
    if (!value(&s) || s.p != s.end || (s.seen & 31u) != 31u)
        return false;
    out->has_attempt = (s.seen & 32u) != 0;
    return out->v >= 1 && out->t >= 1;
}

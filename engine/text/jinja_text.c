/* jinja_text.c - values as text: Python's str and repr, and json.dumps. Foreign stretches stay so.
 */
#include "engine/text/jinja_int.h"
#include "engine/text/unicode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Python's repr of a float: the shortest digits that read back the same. */
static void float_text(double f, char *out, size_t cap)
{
    if (isnan(f) || isinf(f)) {
        snprintf(out, cap, "%s", isnan(f) ? "nan" : f > 0 ? "inf" : "-inf");
        return;
    }
    char digits[32];
    int prec = 0;
    do
        snprintf(digits, sizeof(digits), "%.*e", prec, f);
    while (strtod(digits, NULL) != f && ++prec < 17);
    int exp10 = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
    if (f != 0 && (exp10 < -4 || exp10 >= 16)) {
        char *at = strchr(digits, 'e');
        snprintf(out, cap, "%.*se%c%02d", (int)(at - digits), digits, exp10 < 0 ? '-' : '+',
                 exp10 < 0 ? -exp10 : exp10);
        return;
    }
    int decimals = prec - exp10;
    snprintf(out, cap, "%.*f", decimals > 1 ? decimals : 1, f);
}

static bool repr_str(struct jenv *e, struct jsb *b, const struct jstr *s)
{
    bool single = s->n && memchr(s->p, '\'', s->n) != NULL;
    bool dbl = s->n && memchr(s->p, '"', s->n) != NULL;
    char quote = single && !dbl ? '"' : '\'', buf[16];
    size_t at = 0, from, to;
    bool foreign, ok = j_sb_raw(e, b, &quote, 1, false);
    while (ok && j_stretch(s, &at, &from, &to, &foreign))
        for (size_t i = from; ok && i < to;) {
            size_t len, n = 0;
            uint32_t c = eng_uni_at(s->p, i, to, &len);
            if (c == (uint32_t)quote || c == '\\')
                n = (size_t)snprintf(buf, sizeof(buf), "\\%c", (char)c);
            else if (c == '\n' || c == '\r' || c == '\t')
                n = (size_t)snprintf(buf, sizeof(buf), "\\%c",
                                     c == '\n'   ? 'n'
                                     : c == '\r' ? 'r'
                                                 : 't');
            else if (c < 32 || c == 127)
                n = (size_t)snprintf(buf, sizeof(buf), "\\x%02x", c);
            ok = n ? j_sb_raw(e, b, buf, n, foreign) : j_sb_raw(e, b, s->p + i, len, foreign);
            i += len;
        }
    return ok && j_sb_raw(e, b, &quote, 1, false);
}

static bool text(struct jenv *e, struct jsb *b, struct jval v, bool repr);

static bool text_items(struct jenv *e, struct jsb *b, struct jval v)
{
    bool dict = v.kind == JV_DICT, tuple = !dict && v.l->tuple;
    size_t n = dict ? v.d->n : v.l->n;
    bool ok = j_sb_z(e, b, dict ? "{" : tuple ? "(" : "[");
    for (size_t i = 0; i < n && ok; i++) {
        ok = i == 0 || j_sb_z(e, b, ", ");
        if (dict)
            ok = ok && text(e, b, v.d->v[i].k, true) && j_sb_z(e, b, ": ") &&
                 text(e, b, v.d->v[i].v, true);
        else
            ok = ok && text(e, b, v.l->v[i], true);
    }
    return ok && j_sb_z(e, b, dict ? "}" : tuple ? (n == 1 ? ",)" : ")") : "]");
}

static bool text(struct jenv *e, struct jsb *b, struct jval v, bool repr)
{
    char buf[64];
    bool ok = false;
    if (!j_charge(e, 1))
        return false;
    if (++e->depth > J_DEPTH_MAX) {
        e->depth--;
        return j_fail(e, BASE_LIMIT, "values nested too deeply");
    }
    switch (v.kind) {
    case JV_UNDEF:
        ok = !repr || j_sb_z(e, b, "Undefined");
        break;
    case JV_NONE:
        ok = j_sb_z(e, b, "None");
        break;
    case JV_BOOL:
        ok = j_sb_z(e, b, v.b ? "True" : "False");
        break;
    case JV_INT:
        snprintf(buf, sizeof(buf), "%lld", (long long)v.i);
        ok = j_sb_z(e, b, buf);
        break;
    case JV_FLOAT:
        float_text(v.f, buf, sizeof(buf));
        ok = j_sb_z(e, b, buf);
        break;
    case JV_STR:
        ok = repr ? repr_str(e, b, v.s) : j_sb_str(e, b, v.s);
        break;
    case JV_LIST:
    case JV_DICT:
        ok = text_items(e, b, v);
        break;
    default:
        ok = j_fail(e, BASE_EINVAL, "a %s has no text", j_kind_name(v));
    }
    e->depth--;
    return ok;
}

bool j_text(struct jenv *e, struct jsb *b, struct jval v)
{
    return text(e, b, v, false);
}

bool j_to_str(struct jenv *e, struct jval v, struct jval *out)
{
    struct jsb b = {0};
    if (v.kind == JV_STR) {
        *out = v;
        return true;
    }
    return j_text(e, &b, v) && j_sb_done(e, &b, out);
}

/* ---- as JSON (Python's json.dumps) ---- */

static size_t json_escape(uint32_t c, bool ascii, char buf[16])
{
    static const char plain[] = "\"\\\n\r\t\b\f", shown[] = "\"\\nrtbf";
    const char *p = c && c < 128 ? strchr(plain, (int)c) : NULL;
    if (p)
        return (size_t)snprintf(buf, 16, "\\%c", shown[p - plain]);
    if (c < 32 || (ascii && c > 126 && c < 0x10000))
        return (size_t)snprintf(buf, 16, "\\u%04x", c);
    if (ascii && c > 126)
        return (size_t)snprintf(buf, 16, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10),
                                0xDC00 + ((c - 0x10000) & 0x3FF));
    return 0;
}

static bool json_str(struct jenv *e, struct jsb *b, const struct jstr *s, bool ascii)
{
    size_t at = 0, from, to;
    bool foreign, ok = j_sb_z(e, b, "\"");
    while (ok && j_stretch(s, &at, &from, &to, &foreign)) {
        size_t done = from;
        for (size_t i = from; ok && i < to;) {
            char buf[16];
            size_t len, n = json_escape(eng_uni_at(s->p, i, to, &len), ascii, buf);
            if (n > 0) {
                ok = j_sb_raw(e, b, s->p + done, i - done, foreign) &&
                     j_sb_raw(e, b, buf, n, foreign);
                done = i + len;
            }
            i += len;
        }
        ok = ok && j_sb_raw(e, b, s->p + done, to - done, foreign);
    }
    return ok && j_sb_z(e, b, "\"");
}

static bool newline(struct jenv *e, struct jsb *b, int indent, int depth)
{
    bool ok = j_sb_z(e, b, "\n");
    for (int i = 0; ok && i < indent * depth; i++)
        ok = j_sb_z(e, b, " ");
    return ok;
}

static bool json_items(struct jenv *e, struct jsb *b, struct jval v, const struct jjson *o,
                       int depth)
{
    bool dict = v.kind == JV_DICT;
    size_t n = dict ? v.d->n : v.l->n;
    bool ok = j_sb_z(e, b, dict ? "{" : "[");
    for (size_t i = 0; i < n && ok; i++) {
        if (i > 0)
            ok = j_sb_raw(e, b, o->item_sep.p, o->item_sep.n, false);
        if (ok && o->indent >= 0)
            ok = newline(e, b, o->indent, depth + 1);
        if (ok && dict) {
            struct jval k;
            ok = j_to_str(e, v.d->v[i].k, &k) && json_str(e, b, k.s, o->ascii) &&
                 j_sb_raw(e, b, o->key_sep.p, o->key_sep.n, false) &&
                 j_json(e, b, v.d->v[i].v, o, depth + 1);
        } else if (ok) {
            ok = j_json(e, b, v.l->v[i], o, depth + 1);
        }
    }
    if (ok && n > 0 && o->indent >= 0)
        ok = newline(e, b, o->indent, depth);
    return ok && j_sb_z(e, b, dict ? "}" : "]");
}

static int pair_cmp(const void *a, const void *b)
{
    const struct jpair *x = a, *y = b;
    const struct jstr *s = x->k.s, *t = y->k.s;
    int c = memcmp(s->p, t->p, s->n < t->n ? s->n : t->n);
    return c ? c : (s->n > t->n) - (s->n < t->n);
}

static bool sorted(struct jenv *e, struct jval v, struct jval *out)
{
    struct jdict *d = j_alloc(e, 1, sizeof(*d));
    if (d == NULL || !(d->v = j_alloc(e, v.d->n, sizeof(*d->v))) || !j_charge(e, v.d->n * 8))
        return false;
    d->n = d->cap = v.d->n;
    for (size_t i = 0; i < d->n; i++) {
        d->v[i].v = v.d->v[i].v;
        if (!j_to_str(e, v.d->v[i].k, &d->v[i].k))
            return false;
    }
    qsort(d->v, d->n, sizeof(*d->v), pair_cmp);
    *out = (struct jval){.kind = JV_DICT, .d = d};
    return true;
}

bool j_json(struct jenv *e, struct jsb *b, struct jval v, const struct jjson *o, int depth)
{
    if (depth > J_DEPTH_MAX)
        return j_fail(e, BASE_LIMIT, "values nested too deeply");
    if (!j_charge(e, 1))
        return false;
    switch (v.kind) {
    case JV_NONE:
        return j_sb_z(e, b, "null");
    case JV_BOOL:
        return j_sb_z(e, b, v.b ? "true" : "false");
    case JV_INT:
        return j_text(e, b, v);
    case JV_FLOAT:
        if (isnan(v.f) || isinf(v.f))
            return j_sb_z(e, b, isnan(v.f) ? "NaN" : v.f > 0 ? "Infinity" : "-Infinity");
        return j_text(e, b, v);
    case JV_STR:
        return json_str(e, b, v.s, o->ascii);
    case JV_DICT:
        if (o->sort && !sorted(e, v, &v))
            return false;
        return json_items(e, b, v, o, depth);
    case JV_LIST:
        return json_items(e, b, v, o, depth);
    default:
        return j_fail(e, BASE_EINVAL, "a %s cannot be written as JSON", j_kind_name(v));
    }
}

/* parse_json.c - JSON as models write it, a byte at a time: where a value ends, and the object with
 * a name and arguments that most dialects use for a call.
 *
 * The arguments are passed on as they come, untouched, so that the caller sees what the model wrote
 * while it writes it; nothing here insists that they are valid, as no other server does. Only the
 * brackets and strings are followed, to know where they end. Arguments that stand before the name
 * wait in `raw` until the name is known. A name that is no string, or an object without one, is no
 * call.
 *
 * Arguments that are a string hold JSON text in most cases (some models quote what is quoted once
 * more): what the string says is passed on. null, or none at all, is {}.
 */
#include "engine/text/parse_int.h"

enum vstep vscan_step(struct vscan *v, uint8_t c)
{
    if (v->str) {
        if (v->esc)
            v->esc = false;
        else if (c == '\\')
            v->esc = true;
        else if (c == '"')
            v->str = false;
        return !v->str && v->depth == 0 ? V_LAST : V_MORE;
    }
    if (v->scalar)
        return c == ',' || c == '}' || c == ']' || parse_is_ws(c) ? V_PAST : V_MORE;
    if (!v->started && parse_is_ws(c))
        return V_MORE;
    bool first = !v->started;
    v->started = true;
    if (c == '"') {
        v->str = true;
    } else if (c == '{' || c == '[') {
        v->depth++;
    } else if ((c == '}' || c == ']') && v->depth > 0) {
        return --v->depth == 0 ? V_LAST : V_MORE;
    } else if (first) {
        if (c == '}' || c == ']' || c == ',')
            return V_PAST; /* nothing there */
        v->scalar = true;
    }
    return V_MORE;
}

enum {
    O_OPEN,
    O_KEY, /* before a key, a comma or the end */
    O_IN_KEY,
    O_COLON,
    O_VALUE,    /* before a value */
    O_NAME,     /* in the name's string */
    O_ARGS,     /* in arguments that are an object or a list */
    O_ARGS_STR, /* in arguments that are a string */
    O_SKIP      /* in another member, or in arguments whose name is not known yet */
};

void oscan_init(struct eng_parse *p)
{
    p->obj = (struct oscan){.state = O_OPEN};
    base_buf_clear(&p->key);
    base_buf_clear(&p->name);
}

bool oscan_in_string(const struct eng_parse *p)
{
    const struct oscan *o = &p->obj;
    return o->state == O_IN_KEY || o->state == O_NAME || o->state == O_ARGS_STR ||
           ((o->state == O_ARGS || o->state == O_SKIP) && o->v.str);
}

typedef bool (*put_fn)(struct eng_parse *p, const char *bytes, size_t n);

static bool put_name(struct eng_parse *p, const char *bytes, size_t n)
{
    return base_buf_add(&p->name, bytes, n);
}

static bool put_args(struct eng_parse *p, const char *bytes, size_t n)
{
    parse_args(p, bytes, n);
    return true;
}

static bool put_code_point(struct eng_parse *p, put_fn put)
{
    struct oscan *o = &p->obj;
    uint32_t cp = o->cp;
    char b[4];
    if (cp >= 0xD800 && cp < 0xDC00) {
        o->high = cp;
        return true;
    }
    if (cp >= 0xDC00 && cp < 0xE000 && o->high)
        cp = 0x10000 + ((o->high - 0xD800) << 10) + (cp - 0xDC00);
    o->high = 0;
    size_t n = base_utf8_encode(cp, b);
    return n > 0 ? put(p, b, n) : put(p, "\xef\xbf\xbd", 3);
}

/* A byte within a JSON string whose meaning is wanted; the closing quote is the caller's. */
static bool unescape(struct eng_parse *p, uint8_t c, put_fn put)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    struct oscan *o = &p->obj;
    char b = (char)c;
    if (o->hex > 0) {
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return false;
        o->cp = o->cp << 4 | (uint32_t)d;
        return --o->hex > 0 || put_code_point(p, put);
    }
    if (!o->esc) {
        o->esc = c == '\\';
        return o->esc || put(p, &b, 1);
    }
    o->esc = false;
    if (c == 'u') {
        o->hex = 4;
        o->cp = 0;
        return true;
    }
    const char *at = c ? strchr(from, c) : NULL;
    if (at)
        b = to[at - from];
    return put(p, &b, 1);
}

static bool key_is(const struct eng_parse *p, const char *z)
{
    return base_str_is(base_buf_view(&p->key), z);
}

/* The name is complete: announces the call, and delivers arguments that came before. */
static enum took name_done(struct eng_parse *p)
{
    struct oscan *o = &p->obj;
    struct base_buf early;
    o->have_name = true;
    o->state = O_KEY;
    base_buf_init(&early, RAW_MAX + 512);
    if (o->have_args && o->args_to <= p->raw.n)
        base_buf_add(&early, p->raw.p + o->args_from, o->args_to - o->args_from);
    enum took t = early.failed || !parse_call_open(p) ? FAIL : TOOK;
    if (t == TOOK && o->have_args) {
        struct base_str s = base_str_trim(base_buf_view(&early));
        if (s.n > 1 && s.p[0] == '"') {
            for (size_t i = 1; i + 1 < s.n; i++)
                if (!unescape(p, (uint8_t)s.p[i], put_args))
                    break;
            o->esc = false;
            o->hex = 0;
        } else if (base_str_is(s, "null") || s.n == 0) {
            parse_args_z(p, "{}");
        } else {
            parse_args(p, s.p, s.n);
        }
    }
    base_buf_release(&early);
    return t;
}

static enum took value_begins(struct eng_parse *p, uint8_t c)
{
    struct oscan *o = &p->obj;
    bool args = key_is(p, "arguments") || key_is(p, "parameters");
    o->v = (struct vscan){0};
    o->esc = false;
    o->hex = 0;
    o->skip_is_args = false;
    if (key_is(p, "name") && !o->have_name) {
        o->state = O_NAME;
        return c == '"' ? TOOK : FAIL;
    }
    if (args && !o->have_args && o->have_name && (c == '{' || c == '[')) {
        o->have_args = true;
        o->state = O_ARGS;
        (void)vscan_step(&o->v, c);
        parse_args(p, (const char *)&c, 1);
        return TOOK;
    }
    if (args && !o->have_args && o->have_name && c == '"') {
        o->have_args = true;
        o->state = O_ARGS_STR;
        return TOOK;
    }
    if (args && !o->have_args && o->have_name && c != 'n') { /* a number, a word: as it is */
        o->have_args = true;
        o->state = O_ARGS;
        (void)vscan_step(&o->v, c);
        parse_args(p, (const char *)&c, 1);
        return TOOK;
    }
    if (args && !o->have_args && !o->have_name) {
        o->have_args = o->skip_is_args = true;
        o->args_from = p->raw.n - 1;
        o->args_to = SIZE_MAX;
    }
    o->state = O_SKIP;
    return vscan_step(&o->v, c) == V_PAST ? FAIL : TOOK;
}

static enum took after_value(struct eng_parse *p, uint8_t c);

static enum took in_value(struct eng_parse *p, uint8_t c)
{
    struct oscan *o = &p->obj;
    enum vstep s = vscan_step(&o->v, c);
    if (o->state == O_ARGS && s != V_PAST)
        parse_args(p, (const char *)&c, 1);
    if (s == V_MORE)
        return TOOK;
    if (o->skip_is_args)
        o->args_to = p->raw.n - (s == V_PAST);
    o->state = O_KEY;
    return s == V_PAST ? after_value(p, c) : TOOK;
}

/* Between members. */
static enum took after_value(struct eng_parse *p, uint8_t c)
{
    struct oscan *o = &p->obj;
    if (parse_is_ws(c) || c == ',')
        return TOOK;
    if (c == '"') {
        base_buf_clear(&p->key);
        o->esc = false;
        o->state = O_IN_KEY;
        return TOOK;
    }
    if (c != '}' || !p->named)
        return FAIL;
    oscan_finish(p);
    return END;
}

static enum took in_key(struct eng_parse *p, uint8_t c)
{
    struct oscan *o = &p->obj;
    if (c != '"' || o->esc) {
        o->esc = c == '\\' && !o->esc;
        return p->key.n < 64 && parse_add(p, &p->key, c) ? TOOK : FAIL;
    }
    o->state = O_COLON;
    /* What opened without a mark is a call only as long as it looks like nothing else. */
    return !p->bare || key_is(p, "name") || key_is(p, "type") || key_is(p, "id") ||
                   key_is(p, "arguments") || key_is(p, "parameters")
               ? TOOK
               : FAIL;
}

enum took oscan_step(struct eng_parse *p, uint8_t c)
{
    struct oscan *o = &p->obj;
    switch (o->state) {
    case O_OPEN:
        if (c == '{')
            o->state = O_KEY;
        return c == '{' || parse_is_ws(c) ? TOOK : FAIL;
    case O_KEY:
        return after_value(p, c);
    case O_IN_KEY:
        return in_key(p, c);
    case O_COLON:
        if (c == ':')
            o->state = O_VALUE;
        return c == ':' || parse_is_ws(c) ? TOOK : FAIL;
    case O_VALUE:
        return parse_is_ws(c) ? TOOK : value_begins(p, c);
    case O_NAME:
        if (c == '"' && !o->esc && o->hex == 0)
            return name_done(p);
        return unescape(p, c, put_name) ? TOOK : FAIL;
    case O_ARGS_STR:
        if (c == '"' && !o->esc && o->hex == 0) {
            o->state = O_KEY;
            return TOOK;
        }
        if (!unescape(p, c, put_args))
            o->hex = 0;
        return TOOK;
    default:
        return in_value(p, c);
    }
}

void oscan_finish(struct eng_parse *p)
{
    if (!p->obj.have_args)
        parse_args_z(p, "{}");
    parse_call_close(p);
}

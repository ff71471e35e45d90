/* parse_call.c - what the parser's machines have in common: events out, names, ids, schemas.
 *
 * Events of one kind are joined until another kind follows, the push ends or OUT_FLUSH bytes wait.
 *
 * Ids. A model's own id is kept. Else one is made: 9 letters and digits for Mistral, whose
 * templates refuse any other length; functions.NAME:NUMBER for Kimi, as its template numbers them;
 * "call_" and 24 letters and digits for the rest.
 */
#include "engine/text/parse_int.h"

#include <stdlib.h>

#define OUT_FLUSH 16384u

/* ---- events ---- */

static void send(struct eng_parse *p, const struct eng_parse_event *ev)
{
    if (p->st == BASE_OK)
        p->st = p->o.event(p->o.ctx, ev);
}

void parse_deliver(struct eng_parse *p)
{
    if (p->out.n > 0) {
        struct eng_parse_event ev = {.kind = p->out_kind,
                                     .index = p->n_calls ? p->n_calls - 1 : 0,
                                     .text = base_buf_view(&p->out)};
        send(p, &ev);
    }
    if (p->out.failed && p->st == BASE_OK)
        p->st = BASE_ENOMEM;
    base_buf_clear(&p->out);
}

void parse_emit(struct eng_parse *p, enum eng_parse_kind kind, const char *bytes, size_t n)
{
    if (p->out.n > 0 && (p->out_kind != kind || p->out.n >= OUT_FLUSH))
        parse_deliver(p);
    p->out_kind = kind;
    base_buf_add(&p->out, bytes, n);
}

void parse_args(struct eng_parse *p, const char *bytes, size_t n)
{
    parse_emit(p, ENG_PARSE_ARGS, bytes, n);
}

void parse_args_z(struct eng_parse *p, const char *z)
{
    parse_args(p, z, strlen(z));
}

void parse_args_escaped(struct eng_parse *p, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    char b[6] = {'\\', 0, '0', '0', 0, 0};
    size_t n = 2;
    switch (byte) {
    case '"':
    case '\\':
        b[1] = (char)byte;
        break;
    case '\n':
        b[1] = 'n';
        break;
    case '\r':
        b[1] = 'r';
        break;
    case '\t':
        b[1] = 't';
        break;
    default:
        b[1] = 'u';
        b[4] = hex[byte >> 4];
        b[5] = hex[byte & 15];
        n = 6;
        if (byte >= 0x20) {
            b[0] = (char)byte;
            n = 1;
        }
    }
    parse_args(p, b, n);
}

bool parse_add(struct eng_parse *p, struct base_buf *b, uint8_t byte)
{
    if (base_buf_byte(b, (char)byte))
        return true;
    if (b->n < b->max && p->st == BASE_OK)
        p->st = BASE_ENOMEM;
    return false;
}

/* ---- calls ---- */

static const json_t *tool_of(const struct eng_parse *p, struct base_str name)
{
    size_t i;
    json_t *t;
    json_array_foreach(p->o.tools, i, t)
    {
        json_t *f = json_object_get(t, "function"), *n = json_object_get(f ? f : t, "name");
        if (base_str_eq(base_str_n(json_string_value(n), json_string_length(n)), name))
            return f ? f : t;
    }
    return NULL;
}

bool parse_is_tool(const struct eng_parse *p, struct base_str name)
{
    return name.n > 0 && tool_of(p, name) != NULL;
}

const json_t *parse_schema(const struct eng_parse *p, struct base_str key)
{
    const json_t *f = tool_of(p, base_buf_view(&p->name));
    const json_t *props = json_object_get(json_object_get(f, "parameters"), "properties");
    return key.n > 0 ? json_object_getn(props, key.p, key.n) : NULL;
}

static bool good_name(struct base_str s)
{
    if (s.n == 0 || s.n > NAME_BYTES || !base_utf8_valid(s))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("\"'<>{}[]()\\,;`", s.p[i]) != NULL)
            return false;
    return true;
}

static bool good_id(struct base_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return false;
    return s.n > 0 && s.n <= NAME_BYTES;
}

static void make_id(struct eng_parse *p)
{
    static const char set[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t n = 24;
    if (p->o.dialect.calls == ENG_CALLS_KIMI) { /* as its template numbers them */
        base_buf_printf(&p->id, "functions.%.*s:%u", BASE_FMT(base_buf_view(&p->name)), p->n_calls);
        return;
    }
    if (p->o.dialect.calls == ENG_CALLS_MISTRAL)
        n = 9; /* its templates refuse any other length */
    else
        base_buf_z(&p->id, "call_");
    while (n-- > 0) {
        p->rng += 0x9E3779B97F4A7C15u; /* splitmix64 */
        uint64_t z = p->rng;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        base_buf_byte(&p->id, set[(z ^ (z >> 31)) % 62]);
    }
}

bool parse_call_open(struct eng_parse *p)
{
    struct base_str name = base_buf_view(&p->name);
    if (!good_name(name) || p->n_calls >= ENG_PARSE_CALLS_MAX ||
        (p->gate && !parse_is_tool(p, name)))
        return false;
    struct base_str id = base_str_trim(base_buf_view(&p->id));
    if (!good_id(id)) {
        base_buf_clear(&p->id);
        make_id(p);
        id = base_buf_view(&p->id);
    }
    parse_deliver(p);
    p->n_calls++;
    struct eng_parse_event ev = {
        .kind = ENG_PARSE_CALL, .index = p->n_calls - 1, .id = id, .name = name};
    send(p, &ev);
    p->named = true;
    p->n_args = 0;
    base_buf_clear(&p->raw);
    return true;
}

void parse_call_close(struct eng_parse *p)
{
    p->named = false;
    base_buf_clear(&p->raw);
    base_buf_clear(&p->id);
    if (p->o.one_call)
        p->stop = true;
}

/* json.c - the JSON writer. See json.h for the form it guarantees.
 *
 * Nesting is tracked only to place commas; more than BASE_JSON_DEPTH_MAX levels, or an end without
 * a beginning, is a defect of the caller and stops the program.
 */
#include "base/json.h"
#include <math.h>

void base_json_init(struct base_json *j, struct base_buf *out)
{
    *j = (struct base_json){.out = out};
    j->first[0] = true;
}

/* The comma before a value, unless it is the first one or follows its key. */
static void separate(struct base_json *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (!j->first[j->depth])
        base_buf_byte(j->out, ',');
    j->first[j->depth] = false;
}

static void open(struct base_json *j, char c)
{
    separate(j);
    base_buf_byte(j->out, c);
    BASE_BUG_ON(j->depth + 1 >= BASE_JSON_DEPTH_MAX);
    j->first[++j->depth] = true;
}

static void close(struct base_json *j, char c)
{
    BASE_BUG_ON(j->depth == 0 || j->after_key);
    j->depth--;
    base_buf_byte(j->out, c);
}

void base_json_obj(struct base_json *j)
{
    open(j, '{');
}

void base_json_obj_end(struct base_json *j)
{
    close(j, '}');
}

void base_json_arr(struct base_json *j)
{
    open(j, '[');
}

void base_json_arr_end(struct base_json *j)
{
    close(j, ']');
}

void base_json_key(struct base_json *j, const char *key)
{
    separate(j);
    base_json_quote(j->out, base_str_c(key));
    base_buf_byte(j->out, ':');
    j->after_key = true;
}

void base_json_str(struct base_json *j, struct base_str s)
{
    separate(j);
    base_json_quote(j->out, s);
}

void base_json_z(struct base_json *j, const char *z)
{
    if (z)
        base_json_str(j, base_str_c(z));
    else
        base_json_null(j);
}

void base_json_int(struct base_json *j, int64_t v)
{
    separate(j);
    base_buf_printf(j->out, "%lld", (long long)v);
}

void base_json_bool(struct base_json *j, bool v)
{
    separate(j);
    base_buf_z(j->out, v ? "true" : "false");
}

void base_json_null(struct base_json *j)
{
    separate(j);
    base_buf_z(j->out, "null");
}

void base_json_num(struct base_json *j, double v, int digits)
{
    if (!isfinite(v)) {
        base_json_null(j);
        return;
    }
    separate(j);
    base_buf_printf(j->out, "%.*f", digits, v);
}

void base_json_raw(struct base_json *j, struct base_str s)
{
    separate(j);
    base_buf_str(j->out, s);
}

void base_json_kstr(struct base_json *j, const char *key, struct base_str s)
{
    base_json_key(j, key);
    base_json_str(j, s);
}

void base_json_kz(struct base_json *j, const char *key, const char *z)
{
    base_json_key(j, key);
    base_json_z(j, z);
}

void base_json_kint(struct base_json *j, const char *key, int64_t v)
{
    base_json_key(j, key);
    base_json_int(j, v);
}

void base_json_kbool(struct base_json *j, const char *key, bool v)
{
    base_json_key(j, key);
    base_json_bool(j, v);
}

static void quote_control(struct base_buf *out, unsigned char c)
{
    static const char short_form[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c < sizeof short_form && short_form[c])
        base_buf_add(out, (char[]){'\\', short_form[c]}, 2);
    else
        base_buf_printf(out, "\\u%04x", c);
}

bool base_json_quote(struct base_buf *out, struct base_str s)
{
    size_t run = 0; /* start of the bytes that go out unchanged */
    size_t i = 0;

    base_buf_byte(out, '"');
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        uint32_t cp;
        size_t k = 1;
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        if (c >= 0x80 && (k = base_utf8_decode(s.p + i, s.n - i, &cp)) > 0) {
            i += k;
            continue;
        }
        base_buf_add(out, s.p + run, i - run);
        if (c < 0x20)
            quote_control(out, c);
        else if (c >= 0x80)
            base_buf_add(out, "\xef\xbf\xbd", 3);
        else
            base_buf_add(out, (char[]){'\\', (char)c}, 2);
        run = ++i;
    }
    if (i > run) /* an empty s may have no address to count from */
        base_buf_add(out, s.p + run, i - run);
    base_buf_byte(out, '"');
    return base_buf_ok(out);
}

/* jinja_test.c - the tests of templates ("is defined", "is string", ...), as Jinja2 has them. */
#include "engine/text/jinja_int.h"
#include "engine/text/unicode.h"

static bool is_case(const struct jstr *s, bool upper)
{
    bool any = false;
    for (size_t i = 0; i < s->n;) {
        size_t len;
        uint32_t c = eng_uni_at(s->p, i, s->n, &len);
        if (eng_uni_class(c) & ENG_UNI_CASED) {
            any = true;
            if (c != (upper ? eng_uni_upper(c) : eng_uni_lower(c)))
                return false;
        }
        i += len;
    }
    return any;
}

static bool kind_test(struct base_str name, struct jval v, bool *out)
{
    bool coll = v.kind == JV_LIST || v.kind == JV_STR || v.kind == JV_DICT || v.kind == JV_UNDEF;
    const struct {
        const char *name;
        bool is;
    } t[] = {{"defined", v.kind != JV_UNDEF},
             {"undefined", v.kind == JV_UNDEF},
             {"none", v.kind == JV_NONE},
             {"boolean", v.kind == JV_BOOL},
             {"string", v.kind == JV_STR},
             {"integer", v.kind == JV_INT},
             {"float", v.kind == JV_FLOAT},
             {"number", v.kind == JV_INT || v.kind == JV_FLOAT || v.kind == JV_BOOL},
             {"mapping", v.kind == JV_DICT && !v.d->ns},
             {"iterable", coll && !(v.kind == JV_DICT && v.d->ns)},
             {"sequence", coll && !(v.kind == JV_DICT && v.d->ns)},
             {"callable", v.kind == JV_MACRO || v.kind == JV_METHOD || v.kind == JV_FUNC},
             {"true", v.kind == JV_BOOL && v.b},
             {"false", v.kind == JV_BOOL && !v.b},
             {"odd", v.kind == JV_INT && v.i % 2 != 0},
             {"even", v.kind == JV_INT && v.i % 2 == 0},
             {"lower", v.kind == JV_STR && is_case(v.s, false)},
             {"upper", v.kind == JV_STR && is_case(v.s, true)}};
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
        if (base_str_is(name, t[i].name)) {
            *out = t[i].is;
            return true;
        }
    return false;
}

bool j_test(struct jenv *e, struct base_str name, struct jval v, const struct jargs *args,
            bool *out)
{
    static const struct {
        const char *name;
        int sign; /* of the comparison: bit 0 less, 1 equal, 2 greater */
    } order[] = {{"lt", 1}, {"lessthan", 1}, {"<", 1},           {"le", 3}, {"<=", 3},
                 {"gt", 4}, {">", 4},        {"greaterthan", 4}, {"ge", 6}, {">=", 6}};
    struct jval *a = j_arg(args, 0, NULL);
    if (v.kind == JV_STR && !j_work(e, v.s->n))
        return false;
    if (kind_test(name, v, out))
        return true;
    if (a == NULL)
        return j_fail(e, BASE_EINVAL, "there is no test '%.*s' (without arguments)",
                      (int)(name.n < 60 ? name.n : 60), name.p);
    if (base_str_is(name, "eq") || base_str_is(name, "equalto") || base_str_is(name, "=="))
        return j_eq(e, v, *a, out);
    if (base_str_is(name, "ne") || base_str_is(name, "!=")) {
        bool ok = j_eq(e, v, *a, out);
        *out = !*out;
        return ok;
    }
    if (base_str_is(name, "in"))
        return j_contains(e, *a, v, out);
    if (base_str_is(name, "sameas")) {
        bool ok = j_eq(e, v, *a, out);
        *out = *out && v.kind == a->kind;
        return ok;
    }
    if (base_str_is(name, "divisibleby") && v.kind == JV_INT && a->kind == JV_INT && a->i != 0) {
        *out = a->i == -1 || v.i % a->i == 0;
        return true;
    }
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (base_str_is(name, order[i].name)) {
            int c = 0;
            bool ok = j_cmp(e, v, *a, &c);
            *out = (order[i].sign & (c < 0 ? 1 : c == 0 ? 2 : 4)) != 0;
            return ok;
        }
    return j_fail(e, BASE_EINVAL, "there is no test '%.*s'", (int)(name.n < 60 ? name.n : 60),
                  name.p);
}

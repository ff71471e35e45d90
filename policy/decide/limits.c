/* limits.c - how a model may be used: the `limits` of use cases and rules against what is asked.
 *
 * AI Act Art. 26(1) has deployers use a system as its instructions say; what instructions name of a
 * request is a number or a name: how long an answer, how free the sampling, how much thinking, how
 * much text, which model. Runs inside pol_decide and is as pure as that.
 *
 *   each limit of all that applies counts: the use case the request names, its key's own, then the
 *   rules in policy order. Ranges intersect.
 *   input_bytes beyond any limit refuses. It cannot be clamped: nobody may cut a caller's text.
 *   output_tokens, temperature, top_p, effort: a value that was asked for and lies outside of a
 *   limit that says `refuse` refuses; the first such limit is named. Else it becomes the nearest
 *   that all limits allow. What was not asked for counts as what the interfaces then do: no end of
 *   tokens, temperature 1, top_p 1; so a limit holds for those who say nothing, too, and refuses
 *   nobody for saying nothing. An effort that was not asked for is the model's own and is left.
 *   Limits that leave nothing together refuse.
 *   models is a step of each candidate (backends.c).
 *
 * Numbers are millionths (conf_micro), so that two evaluators agree to the last digit.
 */
#include "policy/decide/decide_int.h"

#include <stdio.h>

struct source {
    const struct conf_bounds *b;
    const char *who;
};

static size_t sources(const struct pol_work *w)
{
    return w->p->limits ? w->uses.n + w->n_applied : 0;
}

static struct source source(const struct pol_work *w, size_t i)
{
    if (i < w->uses.n)
        return (struct source){&w->uses.v[i]->conf->handling.limits, w->uses.v[i]->label};
    const struct conf_rule *r = w->applied[i - w->uses.n]->conf;
    return (struct source){&r->handling.limits, r->id};
}

static const char *const names[POL_LIMITED_MAX] = {"output_tokens", "temperature", "top_p",
                                                   "effort"};

const char *pol_limited_name(enum pol_limited_field f)
{
    return names[f];
}

void pol_limited_text(enum pol_limited_field f, int64_t v, char out[24])
{
    char *end;

    if (f == POL_LIMITED_EFFORT) {
        snprintf(out, 24, "%s", conf_effort_name((unsigned)v));
        return;
    }
    if (f == POL_LIMITED_TOKENS) {
        snprintf(out, 24, "%lld", (long long)v);
        return;
    }
    end = out + snprintf(out, 24, "%lld.%06lld", (long long)(v / CONF_MICRO),
                         (long long)(v % CONF_MICRO));
    while (end[-1] == '0')
        *--end = '\0';
    if (end[-1] == '.')
        *--end = '\0';
}

static bool range_of(const struct conf_bounds *b, int f, int64_t *lo, int64_t *hi)
{
    const struct conf_range *r = f == POL_LIMITED_TEMPERATURE ? &b->temperature : &b->top_p;

    *lo = 0;
    if (f == POL_LIMITED_TOKENS || f == POL_LIMITED_EFFORT) {
        *hi = f == POL_LIMITED_TOKENS ? (int64_t)b->output_tokens : (int64_t)b->effort;
        return *hi > 0;
    }
    *lo = r->min;
    *hi = r->max;
    return r->set;
}

/* What is asked; false: nothing, and *v is what that means. */
static bool asked(const struct pol_asks *a, int f, int64_t *v)
{
    const struct pol_num *n = f == POL_LIMITED_TOKENS        ? &a->output_tokens
                              : f == POL_LIMITED_TEMPERATURE ? &a->temperature
                                                             : &a->top_p;

    if (f == POL_LIMITED_EFFORT) {
        *v = a->effort;
        return a->effort != 0;
    }
    *v = n->set ? n->v : f == POL_LIMITED_TOKENS ? INT64_MAX : CONF_MICRO;
    return n->set;
}

static void refuse(struct pol_work *w, const char *who, const char *param, const char *reason)
{
    w->d->n_limited = 0;
    w->limit_rule = who;
    w->limit_reason = reason;
    w->limit_param = param;
}

static void beyond(struct pol_work *w, const struct source *s, int f, int64_t v)
{
    char is[24], from[24], to[24];
    int64_t lo, hi;

    (void)range_of(s->b, f, &lo, &hi);
    pol_limited_text((enum pol_limited_field)f, v, is);
    pol_limited_text((enum pol_limited_field)f, lo, from);
    pol_limited_text((enum pol_limited_field)f, hi, to);
    refuse(w, s->who, names[f],
           lo > 0 ? POL_TEXT(w, "%s %s is outside of what %s allows: %s to %s", names[f], is,
                             s->who, from, to)
                  : POL_TEXT(w, "%s %s is more than %s allows: %s", names[f], is, s->who, to));
}

static void limit(struct pol_work *w, int f)
{
    int64_t lo = 0, hi = INT64_MAX, v, from, to;
    const char *lo_by = NULL, *hi_by = NULL;
    bool said = asked(&w->f->asks, f, &v);
    size_t n = sources(w);

    for (size_t i = 0; i < n; i++) {
        struct source s = source(w, i);

        if (!range_of(s.b, f, &from, &to))
            continue;
        if (from > lo || !lo_by) {
            lo = from;
            lo_by = s.who;
        }
        if (to < hi || !hi_by) {
            hi = to;
            hi_by = s.who;
        }
    }
    if (!hi_by || (f == POL_LIMITED_EFFORT && !said) || (v >= lo && v <= hi))
        return;
    for (size_t i = 0; said && i < n; i++) {
        struct source s = source(w, i);

        if (s.b->clamp || !range_of(s.b, f, &from, &to) || (v >= from && v <= to))
            continue;
        beyond(w, &s, f, v);
        return;
    }
    if (lo > hi) {
        refuse(w, hi_by, names[f],
               POL_TEXT(w, "the limits on %s of %s and %s leave no value together", names[f], lo_by,
                        hi_by));
        return;
    }
    w->d->limited[w->d->n_limited++] = (struct pol_limited){.field = (enum pol_limited_field)f,
                                                            .asked = said,
                                                            .from = v,
                                                            .to = v < lo ? lo : hi,
                                                            .rule = v < lo ? lo_by : hi_by};
}

void pol_limits(struct pol_work *w)
{
    size_t n = sources(w);

    for (size_t i = 0; i < n && !w->limit_rule; i++) {
        struct source s = source(w, i);

        if (s.b->input_bytes && w->f->asks.input_bytes > (int64_t)s.b->input_bytes)
            refuse(w, s.who, "input_bytes",
                   POL_TEXT(w, "its text of %lld bytes is longer than %s allows: %u",
                            (long long)w->f->asks.input_bytes, s.who, s.b->input_bytes));
    }
    for (int f = 0; n && f < POL_LIMITED_MAX && !w->limit_rule; f++)
        limit(w, f);
}

const char *pol_limits_model(struct pol_work *w, const char *route)
{
    size_t n = sources(w);

    for (size_t i = 0; i < n; i++) {
        struct source s = source(w, i);
        bool named = s.b->models.n == 0;

        for (size_t k = 0; k < s.b->models.n && !named; k++)
            named = pol_glob(s.b->models.v[k], base_str_c(route));
        if (!named)
            return s.who;
    }
    return NULL;
}

void pol_limits_json(struct base_json *j, const struct conf_bounds *b)
{
    char from[24], to[24];
    int64_t lo, hi;

    base_json_key(j, "limits");
    base_json_obj(j);
    base_json_kz(j, "beyond", b->clamp ? "clamp" : "refuse");
    if (b->input_bytes)
        base_json_kint(j, "input_bytes", b->input_bytes);
    if (b->models.n) {
        base_json_key(j, "models");
        base_json_arr(j);
        for (size_t i = 0; i < b->models.n; i++)
            base_json_z(j, b->models.v[i]);
        base_json_arr_end(j);
    }
    for (int f = 0; f < POL_LIMITED_MAX; f++) {
        if (!range_of(b, f, &lo, &hi))
            continue;
        pol_limited_text((enum pol_limited_field)f, lo, from);
        pol_limited_text((enum pol_limited_field)f, hi, to);
        base_json_key(j, names[f]);
        base_json_arr(j);
        if (f == POL_LIMITED_EFFORT)
            base_json_null(j);
        else
            base_json_raw(j, base_str_c(from));
        if (f == POL_LIMITED_EFFORT)
            base_json_z(j, to);
        else
            base_json_raw(j, base_str_c(to));
        base_json_arr_end(j);
    }
    base_json_obj_end(j);
}

void pol_limited_json(struct base_json *j, const struct pol_decision *d)
{
    char text[24];

    base_json_key(j, "limited");
    base_json_arr(j);
    for (size_t i = 0; i < d->n_limited; i++) {
        const struct pol_limited *l = &d->limited[i];
        const int64_t both[2] = {l->from, l->to};

        base_json_obj(j);
        base_json_kz(j, "field", names[l->field]);
        for (int k = 0; k < 2; k++) {
            pol_limited_text(l->field, both[k], text);
            base_json_key(j, k ? "to" : "from");
            if (k == 0 && !l->asked)
                base_json_null(j);
            else if (l->field == POL_LIMITED_EFFORT)
                base_json_z(j, text);
            else
                base_json_raw(j, base_str_c(text));
        }
        base_json_kz(j, "rule", l->rule);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

bool pol_limits_same(const struct pol_decision *a, const struct pol_decision *b)
{
    bool same = a->n_limited == b->n_limited;

    for (size_t i = 0; same && i < a->n_limited; i++)
        same = a->limited[i].field == b->limited[i].field && a->limited[i].to == b->limited[i].to;
    return same;
}

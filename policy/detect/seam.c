/* seam.c - findings astride two texts; see seam.h.
 *
 * Owns       nothing. Runs on the caller's thread, in its scratch space; at most three scans of
 *            512 bytes, and none where the edges cannot be the inside of an identifier.
 * Chance     any two texts can make something by chance: "... in room 12" and "34567 is free". So
 *            types without a form of their own are left out, and of the others only what a checksum
 *            or a word near it confirms; an e-mail address, a secret and an international telephone
 *            number say enough by their form.
 */
#include "policy/detect/seam.h"

#include "policy/detect/detect.h"
#include "policy/text/jsonwalk.h"

#define BIT(t) POL_TYPE_BIT(POL_##t)
#define SEAM_TYPES                                                                                 \
    (BIT(PHONE) | BIT(EMAIL) | BIT(IP) | BIT(MAC) | BIT(IBAN) | BIT(BANK_ACCOUNT) |                \
     BIT(CREDIT_CARD) | BIT(NATIONAL_ID) | BIT(NATIONAL_ID_CARD) | BIT(TAX_ID) | BIT(VAT_ID) |     \
     BIT(PASSPORT) | BIT(PASSPORT_MRZ) | BIT(DRIVER_LICENSE) | BIT(VIN) | BIT(HEALTH_ID) |         \
     BIT(EMPLOYEE_ID) | BIT(DEVICE_ID) | BIT(GPS) | BIT(CRYPTO) | BIT(SECRET))
#define FORM_TYPES (BIT(EMAIL) | BIT(SECRET) | BIT(IP) | BIT(MAC))

/* May an identifier go on here? */
static bool inside(char c)
{
    return pol_is_word(c) || (c && strchr("@.-+/:=", c));
}

static bool edges_meet(struct base_str a, struct base_str b)
{
    size_t n = a.n;

    if (n == 0 || b.n == 0)
        return false;
    if (a.p[n - 1] == ' ')
        n--;
    else if (b.p[0] == ' ' && b.n > 1)
        b.p++;
    return n > 0 && inside(a.p[n - 1]) && inside(b.p[0]);
}

struct base_str pol_seam_tail(struct base_str text)
{
    if (text.n > POL_SEAM_BYTES) {
        text.p += text.n - POL_SEAM_BYTES;
        text.n = POL_SEAM_BYTES;
        while (text.n && ((unsigned char)text.p[0] & 0xc0) == 0x80) {
            text.p++;
            text.n--;
        }
    }
    return text;
}

static struct base_str head(struct base_str text)
{
    if (text.n > POL_SEAM_BYTES) {
        text.n = POL_SEAM_BYTES;
        while (text.n && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
            text.n--;
    }
    return text;
}

/* Does a side by itself show any identifier of that type in [from, to)? */
static enum base_status shown(const struct pol_detector *d, struct pol_scratch *s,
                              struct base_str side, size_t from, size_t to, pol_types types,
                              struct base_arena *tmp, bool *yes, struct base_err *err)
{
    struct pol_spans own;
    enum base_status st = pol_scan_types(d, s, side, types, tmp, &own, NULL, err);

    for (size_t i = 0; st == BASE_OK && i < own.n; i++)
        *yes = *yes || (own.v[i].start < to && own.v[i].end > from);
    return st;
}

static bool convincing(const struct pol_span *sp, struct base_str joined)
{
    if (POL_TYPE_BIT(sp->type) & FORM_TYPES)
        return true;
    if (sp->type == POL_PHONE && joined.p[sp->start] == '+')
        return true;
    return sp->level >= POL_CHECK;
}

enum base_status pol_seam_find(const struct pol_detector *d, struct pol_scratch *s,
                               struct base_str a, struct base_str b, pol_types types,
                               struct base_arena *tmp, struct pol_seam *out, bool *found,
                               struct base_err *err)
{
    char text[2 * POL_SEAM_BYTES];
    struct pol_spans spans;

    *found = false;
    a = pol_seam_tail(a);
    b = head(b);
    types &= SEAM_TYPES;
    if (!types || !edges_meet(a, b))
        return BASE_OK;
    memcpy(text, a.p, a.n);
    memcpy(text + a.n, b.p, b.n);
    struct base_str joined = {text, a.n + b.n};
    enum base_status st = pol_scan_types(d, s, joined, types, tmp, &spans, NULL, err);
    for (size_t i = 0; st == BASE_OK && i < spans.n && !*found; i++) {
        const struct pol_span *sp = &spans.v[i];
        bool known = false;

        if (sp->start >= a.n || sp->end <= a.n || !convincing(sp, joined))
            continue;
        st = shown(d, s, a, sp->start, a.n, POL_TYPE_BIT(sp->type), tmp, &known, err);
        if (st == BASE_OK && !known)
            st = shown(d, s, b, 0, sp->end - a.n, POL_TYPE_BIT(sp->type), tmp, &known, err);
        if (st != BASE_OK || known)
            continue;
        *out = (struct pol_seam){sp->type, a.n - sp->start, sp->end - a.n};
        *found = true;
    }
    return st;
}

/* ---- a tool call ---- */

#define VALUES_MAX 64 /* of a call that are looked at */
#define VALUE_MIN  3  /* a shorter one, `7` or "eu", goes with too many ends of texts */

struct args {
    const struct pol_detector *d;
    struct pol_scratch *s;
    struct pol_seam_call *c;
    struct base_arena *a;
    struct base_err *err;
    size_t n;
};

static enum base_status on_value(void *ctx, struct base_str text, struct base_str raw, bool is_key,
                                 bool is_number, struct base_str *repl)
{
    struct args *x = ctx;
    struct pol_seam_call *c = x->c;
    char whole[2 * POL_SEAM_BYTES], digits[32];
    struct pol_seam seam;
    bool found = false;

    (void)raw;
    if (is_key || text.n == 0)
        return BASE_OK;
    struct base_str value = is_number ? pol_json_digits(text, digits) : text;
    struct base_str end = pol_seam_tail(value);
    memcpy(c->tail, end.p, end.n);
    c->n_tail = end.n;
    if (value.n < VALUE_MIN || x->n++ >= VALUES_MAX)
        return BASE_OK;
    enum base_status st =
        pol_seam_find(x->d, x->s, c->before, value, c->types, x->a, &seam, &found, x->err);
    if (st != BASE_OK || !found)
        return st;
    memcpy(whole, c->before.p + c->before.n - seam.before, seam.before);
    memcpy(whole + seam.before, value.p, seam.after);
    if (c->known && c->known(c->ctx, base_str_n(whole, seam.before + seam.after)))
        return BASE_OK;
    if (!c->found || seam.before > c->seam.before)
        c->seam = seam;
    c->found = true;
    if (!c->redact)
        return BASE_OK;
    *repl = base_arena_printf(x->a, "[%s withheld]%.*s", pol_type_name(seam.type),
                              (int)(value.n - seam.after), value.p + seam.after);
    return repl->p ? BASE_OK : base_err_set(x->err, BASE_ENOMEM, "detector: out of memory");
}

enum base_status pol_seam_args(const struct pol_detector *d, struct pol_scratch *s,
                               struct pol_seam_call *c, struct base_str json, struct base_arena *a,
                               struct base_str *out, struct base_err *err)
{
    struct args x = {.d = d, .s = s, .c = c, .a = a, .err = err};

    c->found = false;
    c->n_tail = 0;
    *out = json;
    enum base_status st = pol_json_edit(json, on_value, &x, a, out, err);
    return st == BASE_EINVAL ? BASE_OK : st;
}

/* request.c - scanning a whole request, slot by slot.
 *
 * Text slots are scanned as they are. JSON slots are parsed (duplicate keys refused, depth and size
 * bounded) and every key, string and number is scanned as a text of its own, so that neither
 * escapes nor structure hide anything; what is no valid JSON is scanned as text. The raw JSON is
 * scanned as well: a cue in a key ("iban": "...") is only seen there beside its value.
 *
 * The parts of a message are scanned once more as the one text that they make: what lies astride
 * two of them is found there, and since no part could be redacted for it, the request is
 * unscannable. So is one with an identifier that is cut between two messages (seam.c). People on a
 * list are looked for in all texts as one (people.c).
 *
 * Spans go to a small arena of their own that is emptied after each slot; only counts leave here.
 * `unscannable` is set for opaque parts, for a text past the built-in limits and for the above.
 */
#include "policy/detect/detect.h"

#include "base/clock.h"
#include "policy/detect/people.h"
#include "policy/detect/seam.h"
#include "policy/text/jsonwalk.h"

#define SPANS_ARENA_MAX (64u << 20)
#define SEAM_JSON_MAX   65536 /* a larger one is not taken apart again for its values */
#define TURN_REACH      8     /* messages until the next one of the same role */

struct scan_ctx {
    const struct pol_detector *d;
    struct pol_scratch *s;
    struct base_arena *a;
    struct pol_findings *out;
    uint32_t count[POL_TYPE_COUNT];
    enum pol_level level[POL_TYPE_COUNT];
    const struct conf_rights *rights;
    struct pol_people people;
    const struct chat_slot *slot; /* the one that is looked at */
    int64_t today;
    struct base_err *err;
};

/* People on a list, in a text as it stands and as detectors read it (in base64 too). */
static void look_for_people(struct scan_ctx *c, struct base_str text)
{
    const struct pol_norm *m = pol_scratch_norm(c->s), *inner = pol_scratch_inner(c->s);

    if (!c->rights)
        return;
    c->out->rights |= conf_rights_in_text(c->rights, text, c->today);
    if (!m->same)
        c->out->rights |= conf_rights_in_text(c->rights, base_str_n(m->p, m->n), c->today);
    c->out->rights |=
        pol_people_hidden(c->rights, m->same ? text : base_str_n(m->p, m->n), c->today);
    if (inner) {
        const struct base_str in = base_str_n(inner->p, inner->n);

        c->out->rights |= conf_rights_in_text(c->rights, in, c->today);
        c->out->rights |= pol_people_hidden(c->rights, in, c->today);
    }
}

static enum base_status scan_one(struct scan_ctx *c, struct base_str text, bool add)
{
    struct pol_spans spans;
    enum base_status st;

    st = pol_scan_types(c->d, c->s, text, ~(pol_types)0, c->a, &spans, &c->out->classes, c->err);
    if (st != BASE_OK)
        return st;
    look_for_people(c, text);
    c->out->unscannable = c->out->unscannable || spans.truncated;
    for (size_t i = 0; i < spans.n; i++) {
        enum pol_type t = spans.v[i].type;

        c->out->types |= POL_TYPE_BIT(t);
        if (spans.v[i].level > c->level[t])
            c->level[t] = spans.v[i].level;
        if (add && c->count[t] < UINT32_MAX)
            c->count[t]++;
        else if (c->count[t] == 0)
            c->count[t] = 1;
    }
    for (size_t i = 0; i < spans.n_signals; i++) {
        const struct pol_span *sp = &spans.signals[i];

        c->out->types |= POL_TYPE_BIT(sp->type);
        c->level[sp->type] = sp->level > c->level[sp->type] ? sp->level : c->level[sp->type];
        c->count[sp->type] += add || c->count[sp->type] == 0;
    }
    base_arena_reset(c->a);
    return BASE_OK;
}

/* A text that goes on where the last one ended. */
static void follows(struct scan_ctx *c, struct base_str text)
{
    static const char *const between[] = {"id", "name", "extra", "opaque"};

    /* in a message these stand between what is read as one */
    for (size_t i = 0; c->slot->message != SIZE_MAX && i < 4; i++)
        if (strcmp(c->slot->where, between[i]) == 0)
            return;
    pol_people_text(&c->people, c->slot->role, c->slot->message != SIZE_MAX, text);
}

static enum base_status on_leaf(void *ctx, struct base_str text, bool is_key, bool is_number)
{
    struct scan_ctx *c = ctx;
    char digits[32];

    if (is_number)
        text = pol_json_digits(text, digits);
    if (!is_key)
        follows(c, text);
    return scan_one(c, text, true);
}

/* The values of a text that is JSON, a tool's result say. */
static enum base_status on_value(void *ctx, struct base_str text, bool is_key, bool is_number)
{
    char digits[32];

    if (!is_key)
        follows(ctx, is_number ? pol_json_digits(text, digits) : text);
    return BASE_OK;
}

static enum base_status text_slot(struct scan_ctx *c, struct base_str text)
{
    struct base_str t = base_str_trim(text);
    enum base_status st = BASE_EINVAL;

    if (c->rights && t.n && t.n <= SEAM_JSON_MAX && (t.p[0] == '{' || t.p[0] == '['))
        st = pol_json_leaves(t, on_value, c, c->err);
    if (st == BASE_EINVAL)
        follows(c, text);
    return st == BASE_OK || st == BASE_EINVAL ? scan_one(c, text, true) : st;
}

static enum base_status on_slot(void *ctx, const struct chat_slot *slot)
{
    struct scan_ctx *c = ctx;
    enum base_status st;

    c->slot = slot;
    if (slot->message == SIZE_MAX)
        pol_people_gap(&c->people);
    if (slot->kind == CHAT_SLOT_TEXT)
        return text_slot(c, *slot->text);
    st = pol_json_leaves(*slot->text, on_leaf, c, c->err);
    if (st == BASE_EINVAL) /* no JSON: a text like any other */
        return scan_one(c, *slot->text, true);
    return st == BASE_OK ? scan_one(c, *slot->text, false) : st;
}

/* ---- what stands astride two parts ---- */

static struct base_str seam_text(const struct chat_part *p)
{
    return p->kind == CHAT_PART_TOOL_CALL || p->kind == CHAT_PART_OPAQUE ? BASE_STR_NULL : p->text;
}

/* Does a part by itself show something of that type in [from, to)? Then it is dealt with there. */
static enum base_status shown(struct scan_ctx *c, struct base_str part, enum pol_type type,
                              size_t from, size_t to, bool *yes)
{
    struct pol_spans own;
    enum base_status st =
        pol_scan_types(c->d, c->s, part, POL_TYPE_BIT(type), c->a, &own, NULL, c->err);

    for (size_t i = 0; st == BASE_OK && i < own.n; i++)
        *yes = *yes || (own.v[i].start < to && own.v[i].end > from);
    return st;
}

/* One span of the joined text; part k begins at `at` and is the one where the span begins. */
static enum base_status check_seam(struct scan_ctx *c, const struct chat_message *m, size_t k,
                                   size_t at, const struct pol_span *sp)
{
    enum base_status st = BASE_OK;
    bool known = sp->end <= at + seam_text(&m->parts[k]).n;

    for (; k < m->n_parts && at < sp->end && st == BASE_OK && !known; k++) {
        struct base_str t = seam_text(&m->parts[k]);
        if (t.n > 0)
            st = shown(c, t, sp->type, sp->start > at ? sp->start - at : 0, sp->end - at, &known);
        at += t.n;
    }
    if (known)
        return st;
    c->out->unscannable = true; /* no part's text can be redacted for it */
    c->out->types |= POL_TYPE_BIT(sp->type);
    c->level[sp->type] = sp->level > c->level[sp->type] ? sp->level : c->level[sp->type];
    c->count[sp->type] += c->count[sp->type] == 0;
    return st;
}

/* The parts of a message are read as one text by the model; so they are here. Each part is scanned
 * again at most twice, for its first and for its last span. */
static enum base_status scan_seams(struct scan_ctx *c, const struct chat_message *m)
{
    struct pol_spans whole;
    struct base_buf all;
    size_t texts = 0, k = 0, at = 0;
    enum base_status st = BASE_OK;

    for (size_t i = 0; i < m->n_parts; i++)
        texts += seam_text(&m->parts[i]).n > 0;
    if (texts < 2)
        return BASE_OK;
    base_buf_init(&all, SPANS_ARENA_MAX);
    for (size_t i = 0; i < m->n_parts; i++)
        base_buf_str(&all, seam_text(&m->parts[i]));
    if (!base_buf_ok(&all))
        st = base_err_set(c->err, BASE_ENOMEM, "detector: out of memory");
    if (st == BASE_OK)
        st = pol_scan_types(c->d, c->s, base_buf_view(&all), ~(pol_types)0, c->a, &whole, NULL,
                            c->err);
    if (st == BASE_OK)
        look_for_people(c, base_buf_view(&all));
    for (size_t i = 0; st == BASE_OK && i < whole.n; i++) {
        while (at + seam_text(&m->parts[k]).n <= whole.v[i].start)
            at += seam_text(&m->parts[k++]).n;
        st = check_seam(c, m, k, at, &whole.v[i]);
    }
    c->out->unscannable = c->out->unscannable || (st == BASE_OK && whole.truncated);
    base_buf_wipe(&all);
    base_arena_reset(c->a);
    return st;
}

/* ---- what stands astride two messages ---- */

/* The last text of a message (of JSON its last value), or empty. buf holds POL_SEAM_BYTES. */
static enum base_status last_words(struct scan_ctx *c, const struct chat_message *m, char *buf,
                                   struct base_str *out)
{
    struct pol_seam_call none = {.types = 0};
    enum base_status st = BASE_OK;
    struct base_str text = BASE_STR_NULL, same;

    for (size_t i = m->n_parts; i-- > 0 && text.n == 0;)
        if (m->parts[i].kind != CHAT_PART_OPAQUE)
            text = m->parts[i].text;
    struct base_str trimmed = base_str_trim(text);
    if (trimmed.n && trimmed.n <= SEAM_JSON_MAX &&
        (trimmed.p[trimmed.n - 1] == '}' || trimmed.p[trimmed.n - 1] == ']')) {
        st = pol_seam_args(c->d, c->s, &none, trimmed, c->a, &same, c->err);
        if (none.n_tail)
            text = base_str_n(none.tail, none.n_tail);
    }
    text = pol_seam_tail(text);
    memcpy(buf, text.p ? text.p : "", text.n);
    *out = base_str_n(buf, text.n);
    return st;
}

static enum base_status between(struct scan_ctx *c, struct base_str before,
                                const struct chat_message *m)
{
    struct pol_seam_call call = {.before = before, .types = ~(pol_types)0};
    char text[2 * POL_SEAM_BYTES];
    struct base_str next = BASE_STR_NULL, same;
    enum base_status st;

    for (size_t i = 0; i < m->n_parts && next.n == 0; i++)
        if (m->parts[i].kind != CHAT_PART_OPAQUE)
            next = m->parts[i].text;
    if (before.n == 0 || next.n == 0)
        return BASE_OK;
    if (next.n <= SEAM_JSON_MAX && (next.p[0] == '{' || next.p[0] == '[')) {
        st = pol_seam_args(c->d, c->s, &call, next, c->a, &same, c->err);
    } else {
        size_t n = next.n < POL_SEAM_BYTES ? next.n : POL_SEAM_BYTES;
        memcpy(text, before.p, before.n);
        memcpy(text + before.n, next.p, n);
        st = pol_seam_find(c->d, c->s, before, next, call.types, c->a, &call.seam, &call.found,
                           c->err);
    }
    if (st == BASE_OK && call.found) {
        c->out->unscannable = true; /* no message's text can be redacted for it */
        c->out->types |= POL_TYPE_BIT(call.seam.type);
        c->out->classes |= pol_type_class(call.seam.type);
        c->count[call.seam.type] += c->count[call.seam.type] == 0;
    }
    base_arena_reset(c->a);
    return st;
}

/* A message goes on, for a model, where the one before it ended, and where the last one of the same
 * role ended: two tool results, two turns of the user. */
static enum base_status scan_turns(struct scan_ctx *c, const struct chat_request *r)
{
    char words[POL_SEAM_BYTES];
    struct base_str before;
    enum base_status st = BASE_OK;

    for (size_t i = 0; i + 1 < r->n_messages && st == BASE_OK; i++) {
        size_t k = i + 1;

        st = last_words(c, &r->messages[i], words, &before);
        base_arena_reset(c->a);
        if (st == BASE_OK)
            st = between(c, before, &r->messages[k]);
        if (r->messages[k].role == r->messages[i].role)
            continue;
        while (k < r->n_messages && r->messages[k].role != r->messages[i].role)
            k++;
        if (k < r->n_messages && k < i + TURN_REACH && st == BASE_OK)
            st = between(c, before, &r->messages[k]);
    }
    base_wipe(words, sizeof(words));
    return st;
}

/* The only number of a request that is wide enough to hold one of somebody's. */
static enum base_status scan_seed(struct scan_ctx *c, const struct chat_request *r)
{
    char text[POL_SEED_TEXT_MAX];
    struct base_str seed = pol_seed_text(r, text);

    return seed.n ? scan_one(c, seed, true) : BASE_OK;
}

enum base_status pol_scan_request(const struct pol_detector *d, struct pol_scratch *s,
                                  struct chat_request *r, struct pol_findings *out,
                                  struct base_err *err)
{
    return pol_scan_request_rights(d, s, NULL, 0, r, out, err);
}

enum base_status pol_scan_request_rights(const struct pol_detector *d, struct pol_scratch *s,
                                         const struct conf_rights *rights, int64_t today,
                                         struct chat_request *r, struct pol_findings *out,
                                         struct base_err *err)
{
    struct scan_ctx c = {.d = d, .s = s, .out = out, .err = err, .rights = rights, .today = today};
    enum base_status st;

    memset(out, 0, sizeof(*out));
    c.a = base_arena_new(SPANS_ARENA_MAX);
    if (!c.a)
        return base_err_set(err, BASE_ENOMEM, "detector: out of memory");
    pol_people_init(&c.people, rights);
    st = chat_request_slots(r, on_slot, &c);
    if (st == BASE_OK)
        out->rights |= pol_people_find(&c.people, today);
    pol_people_release(&c.people);
    if (st == BASE_OK)
        st = scan_seed(&c, r);
    for (size_t i = 0; i < r->n_messages && st == BASE_OK; i++)
        st = scan_seams(&c, &r->messages[i]);
    if (st == BASE_OK)
        st = scan_turns(&c, r);
    base_arena_free(c.a);
    if (st != BASE_OK)
        return st;
    out->unscannable = out->unscannable || chat_request_has_opaque(r);
    for (int t = 0; t < POL_TYPE_COUNT; t++) {
        if (!(out->types & POL_TYPE_BIT(t)))
            continue;
        out->v[out->n++] = (struct pol_finding){(enum pol_type)t, c.level[t], c.count[t]};
    }
    return BASE_OK;
}

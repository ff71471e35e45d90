/* request.c - scanning a whole request, slot by slot.
 *
 * Text slots are scanned as they are. JSON slots are parsed (duplicate keys refused, depth and size
 * bounded) and every key, string and number is scanned as a text of its own, so that neither
 * escapes nor structure hide anything; what is no valid JSON is scanned as text. The raw JSON is
 * scanned as well: a cue in a key ("iban": "...") is only seen there beside its value.
 *
 * Spans go to a small arena of their own that is emptied after each slot; only counts leave here.
 * `unscannable` is set for opaque parts and for a text past the built-in limits.
 */
#include "policy/detect.h"
#include "policy/jsonwalk.h"

#define SPANS_ARENA_MAX (64u << 20)

struct scan_ctx {
    const struct pol_detector *d;
    struct pol_scratch *s;
    struct base_arena *a;
    struct pol_findings *out;
    uint32_t count[POL_TYPE_COUNT];
    enum pol_level level[POL_TYPE_COUNT];
    struct base_err *err;
};

static enum base_status scan_one(struct scan_ctx *c, struct base_str text, bool add)
{
    struct pol_spans spans;
    enum base_status st;

    st = pol_scan_types(c->d, c->s, text, ~(pol_types)0, c->a, &spans, &c->out->classes, c->err);
    if (st != BASE_OK)
        return st;
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
    base_arena_reset(c->a);
    return BASE_OK;
}

static enum base_status on_leaf(void *ctx, struct base_str text, bool is_key, bool is_number)
{
    (void)is_key;
    (void)is_number;
    return scan_one(ctx, text, true);
}

static enum base_status on_slot(void *ctx, const struct chat_slot *slot)
{
    struct scan_ctx *c = ctx;
    enum base_status st;

    if (slot->kind == CHAT_SLOT_TEXT)
        return scan_one(c, *slot->text, true);
    st = pol_json_leaves(*slot->text, on_leaf, c, c->err);
    if (st == BASE_EINVAL) /* no JSON: a text like any other */
        return scan_one(c, *slot->text, true);
    return st == BASE_OK ? scan_one(c, *slot->text, false) : st;
}

enum base_status pol_scan_request(const struct pol_detector *d, struct pol_scratch *s,
                                  struct chat_request *r, struct pol_findings *out,
                                  struct base_err *err)
{
    struct scan_ctx c = {.d = d, .s = s, .out = out, .err = err};
    enum base_status st;

    memset(out, 0, sizeof(*out));
    c.a = base_arena_new(SPANS_ARENA_MAX);
    if (!c.a)
        return base_err_set(err, BASE_ENOMEM, "detector: out of memory");
    st = chat_request_slots(r, on_slot, &c);
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

/* redact.c - replaces findings by placeholders or substitutes in every slot of a request.
 *
 * Two passes over the slots. The first notes which placeholder names the text already uses, so
 * that ours never collide with them (and restoring never touches the caller's own words). The
 * second scans each slot for the types asked for and writes it anew in the request's arena.
 *
 * JSON slots are edited leaf by leaf and stay valid JSON. A leaf is scanned by itself, and the
 * slot's raw text once as a whole, because a key is often the cue for the value beside it. What the
 * whole finds in a leaf is replaced there too: exactly if the leaf has no escapes, else the leaf as
 * a whole. A slot that is no valid JSON but holds something to replace is an error, as is a text
 * past the scanner's limits: the caller must then refuse the request.
 */
#include "policy/detect/detect.h"
#include "policy/redact/vault.h"
#include "policy/text/jsonwalk.h"

#include <stdlib.h>

#define SLOT_BYTES_MAX (64u << 20)

struct redact {
    const struct pol_detector *d;
    struct pol_scratch *s;
    pol_types types;
    struct base_arena *arena, *tmp;
    struct pol_vault *vault;
    uint32_t *counts;
    struct base_err *err;
    struct base_str raw;     /* the JSON slot being edited */
    struct pol_spans around; /* what was found in it as a whole; in its own arena */
};

/* ---- first pass ---- */

static void note_used(struct pol_vault *v, struct base_str text)
{
    pol_vault_note(v, text);
    for (size_t i = 0; i < text.n; i++) {
        enum pol_type t;
        uint32_t number;
        size_t skip;

        if (text.p[i] == '[' && pol_placeholder_at(text.p + i, text.n - i, &t, &number, &skip) > 0)
            pol_vault_reserve(v, t, number);
        else if (text.p[i] == '\\' &&
                 pol_placeholder_at(text.p + i, text.n - i, &t, &number, &skip) > 0)
            pol_vault_reserve(v, t, number);
    }
}

static enum base_status note_leaf(void *ctx, struct base_str text, bool is_key, bool is_number)
{
    (void)is_key;
    (void)is_number;
    note_used(ctx, text);
    return BASE_OK;
}

static enum base_status note_slot(void *ctx, const struct chat_slot *slot)
{
    note_used(ctx, *slot->text);
    if (slot->kind == CHAT_SLOT_JSON) {
        enum base_status st = pol_json_leaves(*slot->text, note_leaf, ctx, NULL);

        if (st != BASE_EINVAL)
            return st;
    }
    return BASE_OK;
}

/* ---- second pass ---- */

static enum base_status scan(struct redact *r, struct base_str text, struct pol_spans *out)
{
    enum base_status st = pol_scan_types(r->d, r->s, text, r->types, r->tmp, out, NULL, r->err);

    if (st == BASE_OK && out->truncated)
        return base_err_set(r->err, BASE_LIMIT, "a text is too large to be redacted");
    return st;
}

/* text with the spans replaced, in the request's arena. */
static enum base_status replace(struct redact *r, struct base_str text,
                                const struct pol_spans *spans, struct base_str *out)
{
    struct base_buf b;
    size_t at = 0;
    enum base_status st = BASE_OK;

    base_buf_init(&b, SLOT_BYTES_MAX);
    for (size_t i = 0; i < spans->n; i++) {
        const struct pol_span *sp = &spans->v[i];
        struct base_str name;

        if (sp->start < at || sp->end <= sp->start)
            continue;
        name = pol_vault_put(r->vault, sp->type, sp->subtype,
                             (struct base_str){text.p + sp->start, sp->end - sp->start});
        if (!name.p) {
            st = base_err_set(r->err, BASE_ENOMEM, "too much to redact in one request");
            goto out;
        }
        base_buf_add(&b, text.p + at, sp->start - at);
        base_buf_str(&b, name);
        at = sp->end;
        r->counts[sp->type]++;
    }
    base_buf_add(&b, text.p + at, text.n - at);
    *out = base_buf_ok(&b) ? base_arena_dup(r->arena, base_buf_view(&b)) : BASE_STR_NULL;
    if (!out->p)
        st = base_err_set(r->err, BASE_ENOMEM, "the request's memory is used up");
out:
    base_buf_wipe(&b);
    return st;
}

static int by_start(const void *a, const void *b)
{
    const struct pol_span *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* The leaf's own scan found as much of the type as the whole slot's did there. */
static bool known(const struct redact *r, const struct pol_spans *own, enum pol_type type, size_t a,
                  size_t b)
{
    size_t mine = 0, theirs = 0;

    for (size_t i = 0; i < own->n; i++)
        mine += own->v[i].type == type;
    for (size_t i = 0; i < r->around.n; i++)
        theirs += r->around.v[i].type == type && r->around.v[i].start < b && r->around.v[i].end > a;
    return mine >= theirs;
}

/* Adds what the whole slot's scan found inside this leaf, in the leaf's own offsets. */
static enum base_status add_around(struct redact *r, struct base_str text, struct base_str raw,
                                   bool is_number, struct pol_spans *spans)
{
    size_t a = (size_t)(raw.p - r->raw.p), b = a + raw.n, quote = is_number ? 0 : 1, k = 0;
    bool plain = raw.n == text.n + 2 * quote; /* no escapes: offsets carry over */
    struct pol_spans own = *spans;
    struct pol_span *v;

    for (size_t i = 0; i < r->around.n; i++)
        k += r->around.v[i].start < b && r->around.v[i].end > a;
    if (k == 0)
        return BASE_OK;
    v = base_arena_array(r->tmp, spans->n + k, sizeof(*v));
    if (!v)
        return base_err_set(r->err, BASE_ENOMEM, "redaction: out of memory");
    if (spans->n)
        memcpy(v, spans->v, spans->n * sizeof(*v));
    for (size_t i = 0; i < r->around.n; i++) {
        struct pol_span sp = r->around.v[i];

        if (sp.start >= b || sp.end <= a || (!plain && known(r, &own, sp.type, a, b)))
            continue;
        sp.start = plain && sp.start > a + quote ? sp.start - a - quote : 0;
        sp.end = plain && sp.end < b - quote ? sp.end - a - quote : text.n;
        v[spans->n++] = sp;
    }
    qsort(v, spans->n, sizeof(*v), by_start);
    if (spans->n == 0)
        return BASE_OK;
    k = 0;
    for (size_t i = 1; i < spans->n; i++) {
        if (v[i].start < v[k].end)
            v[k].end = v[i].end > v[k].end ? v[i].end : v[k].end;
        else
            v[++k] = v[i];
    }
    spans->n = k + 1;
    spans->v = v;
    return BASE_OK;
}

static enum base_status edit_leaf(void *ctx, struct base_str text, struct base_str raw, bool is_key,
                                  bool is_number, struct base_str *repl)
{
    struct redact *r = ctx;
    struct pol_spans spans;
    char digits[32];
    enum base_status st;

    (void)is_key;
    if (text.n == 0)
        return BASE_OK;
    st = scan(r, is_number ? pol_json_digits(text, digits) : text, &spans);
    if (st == BASE_OK)
        st = add_around(r, text, raw, is_number, &spans);
    if (st != BASE_OK || spans.n == 0)
        return st;
    if (is_number) { /* a number goes as a whole */
        spans.v[0].start = 0;
        spans.v[0].end = text.n;
        spans.n = 1;
    }
    return replace(r, text, &spans, repl);
}

static enum base_status redact_json(struct redact *r, struct base_str *slot)
{
    struct base_arena *keep = base_arena_new(SLOT_BYTES_MAX), *tmp = r->tmp;
    enum base_status st;

    if (!keep)
        return base_err_set(r->err, BASE_ENOMEM, "redaction: out of memory");
    r->raw = *slot;
    r->tmp = keep;
    st = scan(r, *slot, &r->around);
    r->tmp = tmp;
    if (st == BASE_OK) {
        st = pol_json_edit(*slot, edit_leaf, r, r->arena, slot, r->err);
        if (st == BASE_EINVAL)
            st = r->around.n == 0 ? BASE_OK
                                  : base_err_set(r->err, BASE_EINVAL,
                                                 "a part that should be JSON is not, and holds "
                                                 "data that must be redacted");
    }
    base_arena_free(keep);
    return st;
}

static enum base_status redact_slot(void *ctx, const struct chat_slot *slot)
{
    struct redact *r = ctx;
    enum base_status st;

    if (slot->kind == CHAT_SLOT_JSON) {
        st = redact_json(r, slot->text);
    } else {
        struct pol_spans spans;

        st = scan(r, *slot->text, &spans);
        if (st == BASE_OK && spans.n > 0)
            st = replace(r, *slot->text, &spans, slot->text);
    }
    base_arena_reset(r->tmp);
    return st;
}

/* A seed cannot become a word: it goes. An answer without it is as good a sample. */
static enum base_status redact_seed(struct redact *c, struct chat_request *r)
{
    char text[POL_SEED_TEXT_MAX];
    struct base_str seed = pol_seed_text(r, text);
    struct pol_spans spans = {0};
    enum base_status st = seed.n ? scan(c, seed, &spans) : BASE_OK;

    if (st != BASE_OK || spans.n == 0)
        return st;
    r->seed.set = false;
    c->counts[spans.v[0].type]++;
    return BASE_OK;
}

static enum base_status redact_request(const struct pol_detector *d, struct pol_scratch *s,
                                       pol_types types, const struct base_str *tenant,
                                       struct chat_request *r, struct pol_vault **vault,
                                       uint32_t counts[POL_TYPE_COUNT], struct base_err *err)
{
    struct redact c = {
        .d = d, .s = s, .types = types, .arena = r->arena, .counts = counts, .err = err};
    enum base_status st;

    *vault = NULL;
    c.vault = pol_vault_new();
    c.tmp = base_arena_new(SLOT_BYTES_MAX);
    if (!c.vault || !c.tmp || (tenant && !pol_vault_substitute(c.vault, *tenant)))
        st = base_err_set(err, BASE_ENOMEM, "redaction: out of memory");
    else
        st = chat_request_slots(r, note_slot, c.vault);
    if (st == BASE_OK)
        st = chat_request_slots(r, redact_slot, &c);
    if (st == BASE_OK)
        st = redact_seed(&c, r);
    if (st == BASE_OK && !pol_vault_seal(c.vault))
        st = base_err_set(err, BASE_ENOMEM, "redaction: out of memory");
    base_arena_free(c.tmp);
    if (st == BASE_OK)
        *vault = c.vault;
    else
        pol_vault_free(c.vault);
    return st;
}

enum base_status pol_redact_request(const struct pol_detector *d, struct pol_scratch *s,
                                    pol_types types, struct chat_request *r,
                                    struct pol_vault **vault, uint32_t counts[POL_TYPE_COUNT],
                                    struct base_err *err)
{
    return redact_request(d, s, types, NULL, r, vault, counts, err);
}

enum base_status pol_substitute_request(const struct pol_detector *d, struct pol_scratch *s,
                                        pol_types types, struct base_str tenant,
                                        struct chat_request *r, struct pol_vault **vault,
                                        uint32_t counts[POL_TYPE_COUNT], struct base_err *err)
{
    return redact_request(d, s, types, &tenant, r, vault, counts, err);
}

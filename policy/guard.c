/* guard.c - watches one stream of answer text and lets out what may be said.
 *
 * Owns       a window: CONTEXT bytes that have gone out already (detectors look at words around a
 *            value), then what is held.
 * Runs on    the caller's thread, in its scratch space.
 * Method     when more than HOLD + STEP bytes are held the whole window is scanned. What lies
 *            before the last HOLD bytes, counted as detectors read them (normalised: what nobody
 *            sees counts nothing, an escape counts as what it stands for), is decided: findings
 *            there are whole, since a recogniser that takes more than HOLD bytes takes either one
 *            unbroken run of token characters, which is held whole up to SPAN_MAX, or a private
 *            key, whose finding reaches to the end of what there is of it. A finding that reaches
 *            into what is held moves the cut before its start. The cut stands at white space where
 *            there is some near, so that no number is seen as two.
 * Invariants every byte fed comes out once, or is part of a finding acted on, or the stream is
 *            withheld; a finding is counted once; no byte of a finding that is acted on has gone
 *            out before it was found, whatever the split.
 * Cost       a window is scanned again when it has grown by STEP and by a quarter; a large piece
 *            goes in larger steps: a whole answer costs little more than one scan of it.
 * Fails by   BASE_ENOMEM, BASE_LIMIT. Whoever calls must end the answer.
 */
#include "policy/guard.h"
#include "base/clock.h"
#include "policy/detect.h"
#include "policy/norm.h"
#include <stdlib.h>
#include <string.h>

#define CONTEXT     128
#define STEP        128
#define BIG_STEP    4096 /* of a piece that is larger than this by itself */
#define SCAN_MEMORY (4u << 20)
#define HELD_MAX    (16u << 20) /* one piece fed is bounded by the caller; this bounds the sum */

struct pol_guard {
    struct pol_guard_spec spec;
    struct base_arena *tmp;
    struct base_buf w; /* the window */
    size_t out;        /* of w: bytes that have gone out */
    size_t enough;     /* held bytes at which the window is scanned next */
    bool withheld;
};

struct pol_guard *pol_guard_new(const struct pol_guard_spec *spec)
{
    struct pol_guard *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    g->spec = *spec;
    g->enough = POL_GUARD_HOLD_MAX + STEP;
    base_buf_init(&g->w, HELD_MAX);
    g->tmp = base_arena_new(SCAN_MEMORY);
    if (!g->tmp) {
        free(g);
        return NULL;
    }
    return g;
}

void pol_guard_free(struct pol_guard *g)
{
    if (!g)
        return;
    base_buf_wipe(&g->w);
    base_arena_free(g->tmp);
    free(g);
}

bool pol_guard_withheld(const struct pol_guard *g)
{
    return g->withheld;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* A character of keys, tokens and encoded bytes. */
static bool of_token(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("._-+/=~", c));
}

/* Where the last HOLD bytes begin, as the scan that has just been made read the window; before the
 * run of token characters that stands there. */
static size_t hold_from(const struct pol_guard *g)
{
    const struct pol_norm *m = pol_scratch_norm(g->spec.scratch);
    size_t i = m->n > POL_GUARD_HOLD_MAX ? m->n - POL_GUARD_HOLD_MAX : 0, run = i;

    while (run > 0 && of_token(m->p[run - 1]) && i - run < POL_GUARD_SPAN_MAX)
        run--;
    if (g->w.n - g->out < POL_GUARD_SPAN_MAX)
        i = run;
    size_t cut = pol_norm_start(m, i);
    return cut > g->out ? cut : g->out;
}

/* Moves a cut back to just behind white space, at most HOLD bytes; else to a character's edge. */
static size_t tidy_cut(const struct pol_guard *g, size_t cut)
{
    size_t floor = cut > g->out + POL_GUARD_HOLD_MAX ? cut - POL_GUARD_HOLD_MAX : g->out;

    for (size_t i = cut; i > floor; i--)
        if (is_space(g->w.p[i - 1]))
            return i;
    while (cut > g->out && cut < g->w.n && ((unsigned char)g->w.p[cut] & 0xc0) == 0x80)
        cut--;
    return cut;
}

static bool counts_here(const struct pol_guard *g, const struct pol_span *sp)
{
    struct base_str value = {g->w.p + sp->start, sp->end - sp->start};

    if (sp->end <= g->out || !(g->spec.types & POL_TYPE_BIT(sp->type)))
        return false;
    return !(g->spec.known && g->spec.known(g->spec.ctx, value));
}

static void let_out(struct pol_guard *g, size_t to, struct base_buf *out)
{
    if (to > g->out)
        base_buf_add(out, g->w.p + g->out, to - g->out);
    if (to > g->out)
        g->out = to;
}

/* Acts on the findings that lie before cut and lets the rest of it out. */
static void act(struct pol_guard *g, const struct pol_spans *spans, size_t cut,
                struct base_buf *out, uint32_t *counts)
{
    for (size_t i = 0; i < spans->n && spans->v[i].start < cut; i++) {
        const struct pol_span *sp = &spans->v[i];

        if (!counts_here(g, sp))
            continue;
        counts[sp->type]++;
        if (g->spec.action == POL_GUARD_WARN)
            continue;
        let_out(g, sp->start, out);
        if (g->spec.action == POL_GUARD_WITHHOLD) {
            g->withheld = true;
            return;
        }
        base_buf_printf(out, "[%s withheld]", pol_type_name(sp->type));
        g->out = sp->end;
    }
    let_out(g, cut, out);
}

/* Scans the window and decides what of it can be decided. */
static enum base_status decide(struct pol_guard *g, bool last, struct base_buf *out,
                               uint32_t *counts, struct base_err *err)
{
    struct pol_spans spans;
    size_t cut = g->w.n;
    bool endless = false;

    base_arena_reset(g->tmp);
    enum base_status st = pol_scan_types(g->spec.detector, g->spec.scratch, base_buf_view(&g->w),
                                         g->spec.types, g->tmp, &spans, NULL, err);
    if (st != BASE_OK)
        return st;
    if (spans.truncated)
        return base_err_set(err, BASE_LIMIT, "an answer holds more findings than can be kept");
    if (!last) {
        cut = tidy_cut(g, hold_from(g));
        for (size_t i = spans.n; i-- > 0;)
            if (spans.v[i].start < cut && spans.v[i].end > cut && counts_here(g, &spans.v[i]))
                cut = spans.v[i].start > g->out ? spans.v[i].start : g->out;
        if (cut == g->out && g->w.n - g->out > POL_GUARD_SPAN_MAX) {
            cut = g->w.n; /* a finding without an end in sight, or text that nobody can see */
            endless = g->spec.action != POL_GUARD_WARN;
        }
    }
    act(g, &spans, cut, out, counts);
    g->withheld = g->withheld || endless;
    if (g->withheld) {
        base_wipe(g->w.p, g->w.n);
        base_buf_clear(&g->w);
        g->out = 0;
    } else if (g->out > CONTEXT) {
        base_buf_shift(&g->w, g->out - CONTEXT);
        g->out = CONTEXT;
    }
    size_t held = g->w.n - g->out, more = held / 4 > STEP ? held / 4 : STEP;
    g->enough = held + more > POL_GUARD_HOLD_MAX + STEP ? held + more : POL_GUARD_HOLD_MAX + STEP;
    return base_buf_ok(out) ? BASE_OK : base_err_set(err, BASE_LIMIT, "the answer is too large");
}

enum base_status pol_guard_feed(struct pol_guard *g, struct base_str in, struct base_buf *out,
                                uint32_t counts[POL_TYPE_COUNT], struct base_err *err)
{
    enum base_status st = BASE_OK;

    while (in.n && !g->withheld && st == BASE_OK) {
        size_t n = in.n > BIG_STEP ? BIG_STEP : in.n < STEP ? in.n : STEP;

        if (!base_buf_add(&g->w, in.p, n))
            return base_err_set(err, BASE_LIMIT, "an answer holds more than can be kept back");
        in.p += n;
        in.n -= n;
        if (g->w.n - g->out >= g->enough)
            st = decide(g, false, out, counts, err);
    }
    return st;
}

enum base_status pol_guard_end(struct pol_guard *g, struct base_buf *out,
                               uint32_t counts[POL_TYPE_COUNT], struct base_err *err)
{
    if (g->withheld || g->w.n == g->out)
        return BASE_OK;
    return decide(g, true, out, counts, err);
}

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
#include "policy/redact/guard.h"
#include "base/clock.h"
#include "policy/detect/detect.h"
#include "policy/detect/seam.h"
#include "policy/text/norm.h"
#include <stdlib.h>
#include <string.h>

#define CONTEXT     128
#define STEP        128
#define BIG_STEP    4096 /* of a piece that is larger than this by itself */
#define SCAN_MEMORY (4u << 20)
#define HELD_MAX    (16u << 20) /* one piece fed is bounded by the caller; this bounds the sum */

#define FORCED_MAX 4

/* A part of a finding, in the window; whoever asks for it counts it (pol_guard_astride). */
struct forced {
    size_t start, end;
    enum pol_type type;
};

struct pol_guard {
    struct pol_guard_spec spec;
    struct base_arena *tmp;
    struct base_buf w; /* the window */
    size_t out;        /* of w: bytes that have gone out */
    size_t enough;     /* held bytes at which the window is scanned next */
    uint64_t fed;      /* bytes so far; the window's end */
    bool withheld;
    char before[POL_SEAM_BYTES]; /* the end of another stream that stands before w[seam..] */
    size_t n_before, seam;       /* n_before 0: none, or judged already */
    size_t astride;              /* bytes of a finding in before, until they are asked for */
    enum pol_type astride_type;
    struct forced forced[FORCED_MAX]; /* parts of findings that another stream has the rest of */
    size_t n_forced;
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
    base_wipe(g->before, sizeof(g->before));
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

/* ---- what another stream has the rest of ---- */

/* A fifth is dropped with the first: each was seen by then, or has gone out. */
static void force(struct pol_guard *g, struct forced f)
{
    if (g->n_forced == FORCED_MAX)
        memmove(g->forced, g->forced + 1, --g->n_forced * sizeof(g->forced[0]));
    size_t i = g->n_forced++;
    for (; i > 0 && g->forced[i - 1].start > f.start; i--) /* by their starts */
        g->forced[i] = g->forced[i - 1];
    g->forced[i] = f;
}

struct base_str pol_guard_tail(const struct pol_guard *g)
{
    return pol_seam_tail(base_buf_view(&g->w));
}

uint64_t pol_guard_fed(const struct pol_guard *g)
{
    return g->fed;
}

void pol_guard_mark(struct pol_guard *g, uint64_t end, size_t n, enum pol_type type)
{
    uint64_t base = g->fed - g->w.n; /* of the window's first byte */

    if (g->withheld || end <= base + g->out || end > g->fed)
        return;
    size_t to = (size_t)(end - base), from = n < to ? to - n : 0;
    force(g, (struct forced){from > g->out ? from : g->out, to, type});
}

size_t pol_guard_astride(struct pol_guard *g, enum pol_type *type)
{
    size_t n = g->astride;

    *type = g->astride_type;
    g->astride = 0;
    return n;
}

enum base_status pol_guard_settle(struct pol_guard *g, struct base_err *err)
{
    struct base_str a = {g->before, g->n_before};
    struct pol_seam seam;
    bool found = false;

    if (g->n_before == 0 || g->withheld || g->w.n <= g->seam)
        return BASE_OK;
    struct base_str b = {g->w.p + g->seam, g->w.n - g->seam};
    base_arena_reset(g->tmp);
    enum base_status st = pol_seam_find(g->spec.detector, g->spec.scratch, a, b, g->spec.types,
                                        g->tmp, &seam, &found, err);
    if (st == BASE_OK && found) {
        char whole[2 * POL_SEAM_BYTES];
        memcpy(whole, a.p + a.n - seam.before, seam.before);
        memcpy(whole + seam.before, b.p, seam.after);
        if (!g->spec.known ||
            !g->spec.known(g->spec.ctx, base_str_n(whole, seam.before + seam.after))) {
            force(g, (struct forced){g->seam, g->seam + seam.after, seam.type});
            g->astride = seam.before;
            g->astride_type = seam.type;
        }
        base_wipe(whole, sizeof(whole));
    }
    g->n_before = 0;
    return st;
}

enum base_status pol_guard_behind(struct pol_guard *g, struct base_str before, struct base_err *err)
{
    enum base_status st = pol_guard_settle(g, err);

    before = pol_seam_tail(before);
    memcpy(g->before, before.p ? before.p : "", before.n);
    g->n_before = before.n;
    g->seam = g->w.n;
    return st;
}

/* The spans of the window with the forced ones among them, which win over what they touch. */
static bool merge_forced(struct pol_guard *g, struct pol_spans *spans)
{
    struct pol_span *v = base_arena_array(g->tmp, spans->n + g->n_forced, sizeof(*v));
    size_t n = 0;

    if (!v)
        return false;
    for (size_t i = 0, f = 0; i < spans->n || f < g->n_forced;) {
        struct pol_span one;
        if (f < g->n_forced && (i == spans->n || g->forced[f].start <= spans->v[i].start)) {
            one = (struct pol_span){
                .start = g->forced[f].start, .end = g->forced[f].end, .type = g->forced[f].type};
            f++;
        } else {
            one = spans->v[i++];
        }
        if (n && v[n - 1].end > one.start) {
            v[n - 1].end = v[n - 1].end > one.end ? v[n - 1].end : one.end;
            continue;
        }
        v[n++] = one;
    }
    spans->v = v;
    spans->n = n;
    return true;
}

static bool forced_at(const struct pol_guard *g, const struct pol_span *sp)
{
    for (size_t i = 0; i < g->n_forced; i++)
        if (g->forced[i].start < sp->end && g->forced[i].end > sp->start)
            return true;
    return false;
}

static bool counts_here(const struct pol_guard *g, const struct pol_span *sp)
{
    struct base_str value = {g->w.p + sp->start, sp->end - sp->start};

    if (sp->end <= g->out || !(g->spec.types & POL_TYPE_BIT(sp->type)))
        return false;
    if (forced_at(g, sp))
        return true;
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
        counts[sp->type] += !forced_at(g, sp);
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

static void shift(struct pol_guard *g, size_t n)
{
    size_t k = 0;

    base_buf_shift(&g->w, n);
    g->seam = g->seam > n ? g->seam - n : 0;
    for (size_t i = 0; i < g->n_forced; i++) {
        struct forced f = g->forced[i];

        if (f.end <= g->out || f.end <= n) /* acted on */
            continue;
        f.start = f.start > n ? f.start - n : 0;
        f.end -= n;
        g->forced[k++] = f;
    }
    g->n_forced = k;
}

/* Scans the window and decides what of it can be decided. */
static enum base_status decide(struct pol_guard *g, bool last, struct base_buf *out,
                               uint32_t *counts, struct base_err *err)
{
    struct pol_spans spans;
    size_t cut = g->w.n;
    bool endless = false;
    enum base_status st = BASE_OK;

    /* before anything of what stands behind another stream can go out */
    if (last || g->w.n - g->seam >= POL_SEAM_BYTES)
        st = pol_guard_settle(g, err);
    if (st != BASE_OK)
        return st;
    base_arena_reset(g->tmp);
    st = pol_scan_types(g->spec.detector, g->spec.scratch, base_buf_view(&g->w), g->spec.types,
                        g->tmp, &spans, NULL, err);
    if (st != BASE_OK)
        return st;
    if (spans.truncated)
        return base_err_set(err, BASE_LIMIT, "an answer holds more findings than can be kept");
    if (!last) /* asks the scan that has just been made */
        cut = tidy_cut(g, hold_from(g));
    if (!last && g->n_before && cut > g->seam)
        cut = g->seam;
    if (g->n_forced && !merge_forced(g, &spans))
        return base_err_set(err, BASE_ENOMEM, "detector: the guard's memory is used up");
    if (!last) {
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
        g->out = g->n_forced = g->n_before = 0;
    } else if (g->out > CONTEXT) {
        shift(g, g->out - CONTEXT);
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
        g->fed += n;
        if (g->w.n - g->out >= g->enough)
            st = decide(g, false, out, counts, err);
    }
    return st;
}

enum base_status pol_guard_end(struct pol_guard *g, struct base_buf *out,
                               uint32_t counts[POL_TYPE_COUNT], struct base_err *err)
{
    if (g->withheld)
        return BASE_OK;
    if (g->w.n == g->out)
        return pol_guard_settle(g, err);
    return decide(g, true, out, counts, err);
}

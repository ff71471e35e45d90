/* guard.c - the events of an answer through the policy's guard, channel by channel.
 *
 * Owns       a pol_guard each for text, reasoning and refusal, and the arguments of the tool call
 *            that is open.
 * Runs on    the loop's thread.
 * Order      within a channel as the model wrote it. Between channels too where nothing is taken
 *            out (warn); else what a channel holds waits for more of that channel, or for the
 *            finish: what was let out because another channel spoke could be the first half of a
 *            finding, whose second half comes when the first channel goes on.
 * Seams      what is cut between two channels, or between a channel and a value of a tool call, in
 *            the order of their arrival, is looked for with POL_SEAM_BYTES of each side
 *            (policy/detect/seam.c). What of it is still held is acted on, on both sides; what has
 * gone out under warn has gone. No byte waits longer for it. Tools      arguments are JSON: they
 * are kept until the call is complete, then examined as a JSON slot of a request would be (a bare
 * number in quotes is still JSON), and go out whole. A call of a tool that the policy forbids
 * withholds the rest of the answer. Words      names and ids of calls and a finish reason of the
 * upstream's own are short texts that a client reads too: one with a finding in it is left out.
 * Fails by   the status of what failed; the caller ends the answer.
 */
#include "gateway/guard.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "gateway/dialect/jsonx.h"
#include "policy/detect/seam.h"
#include <stdio.h>
#include <stdlib.h>

#define PIECE_MAX  (16u << 20) /* what one event can set free */
#define ARGS_MAX   (4u << 20)
#define ARENA_MAX  (64u << 20)
#define WORD_ARENA (4u << 20)
#define KNOWN_MAX  ((uint64_t)1 << 30)

enum { TEXT, REASONING, REFUSAL, CHANNELS, CALL };

static const enum chat_event_kind kind_of[CHANNELS] = {CHAT_EV_TEXT, CHAT_EV_REASONING,
                                                       CHAT_EV_REFUSAL};

struct gw_guard {
    struct gw_guard_spec spec;
    struct pol_guard *channel[CHANNELS];
    struct base_buf piece, args;
    int last; /* the channel of the last text; CALL: the arguments of a call; -1: none */
    char call_tail[POL_SEAM_BYTES]; /* of the last value of the last call */
    size_t n_call_tail;
    bool seamed; /* the open call's arguments have been held against the text before */
    struct {
        int from; /* the channel that what is being fed stands behind */
        uint64_t end;
    } behind[CHANNELS];
    int theirs[CHANNELS]; /* the upstream's block that the channel's last piece was of */
    /* A signature holds for the thought as it was written: */
    struct base_buf seal;     /* the one that came, until the thought is out */
    unsigned seals;           /* how many came */
    uint32_t in_crc, out_crc; /* of the thoughts that came, and of what was let out of them */
    int open;                 /* index of the tool call whose arguments are being kept, or -1 */
    uint64_t searched;        /* bytes of the request that were looked through for known values */
    const char *withheld;
    uint32_t counts[POL_TYPE_COUNT];
};

/* ---- what the caller said itself ---- */

struct needle {
    struct base_str value;
    uint64_t *searched;
    bool found;
};

static enum base_status look(void *ctx, const struct chat_slot *slot)
{
    struct needle *n = ctx;
    *n->searched += slot->text->n;
    n->found = base_str_find(*slot->text, n->value, 0) != SIZE_MAX;
    return n->found ? BASE_EBUG : BASE_OK; /* any status stops the walk */
}

/* A large request and an answer full of findings would keep the loop for minutes: past a budget
 * nothing counts as the caller's own any more. */
static bool known(void *ctx, struct base_str value)
{
    struct gw_guard *g = ctx;
    struct needle n = {.value = value, .searched = &g->searched};
    if (!g->spec.asked || g->searched > KNOWN_MAX)
        return false;
    enum base_status st = chat_request_slots(g->spec.asked, look, &n);
    return st != BASE_OK && n.found;
}

/* ---- life ---- */

struct gw_guard *gw_guard_new(const struct gw_guard_spec *spec)
{
    struct gw_guard *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->spec = *spec;
    g->open = g->last = -1;
    base_buf_init(&g->piece, PIECE_MAX);
    base_buf_init(&g->args, ARGS_MAX);
    base_buf_init(&g->seal, ARGS_MAX);
    const struct pol_guard_spec one = {.detector = spec->detector,
                                       .scratch = spec->scratch,
                                       .action = spec->action,
                                       .types = spec->types,
                                       .known = known,
                                       .ctx = g};
    for (int c = 0; c < CHANNELS && spec->scan; c++) {
        g->channel[c] = pol_guard_new(&one);
        if (!g->channel[c]) {
            gw_guard_free(g);
            return NULL;
        }
    }
    return g;
}

void gw_guard_free(struct gw_guard *g)
{
    if (!g)
        return;
    for (int c = 0; c < CHANNELS; c++)
        pol_guard_free(g->channel[c]);
    base_buf_wipe(&g->piece);
    base_buf_wipe(&g->args);
    base_buf_release(&g->seal);
    free(g);
}

const char *gw_guard_withheld(const struct gw_guard *g)
{
    return g->withheld;
}

const uint32_t *gw_guard_counts(const struct gw_guard *g)
{
    return g->counts;
}

/* ---- short texts ---- */

bool gw_guard_clean(struct gw_guard *g, struct base_str text)
{
    struct pol_spans spans;
    struct base_err err;
    bool clean = true;

    if (!g->spec.scan || text.n == 0)
        return true;
    struct base_arena *a = base_arena_new(WORD_ARENA);
    if (!a || pol_scan_text(g->spec.detector, g->spec.scratch, text, a, &spans, &err) != BASE_OK ||
        spans.truncated) {
        base_arena_free(a);
        return g->spec.action == POL_GUARD_WARN;
    }
    for (size_t i = 0; i < spans.n; i++) {
        const struct pol_span *sp = &spans.v[i];
        if (!(g->spec.types & POL_TYPE_BIT(sp->type)) ||
            known(g, base_str_n(text.p + sp->start, sp->end - sp->start)))
            continue;
        g->counts[sp->type]++;
        clean = g->spec.action == POL_GUARD_WARN;
    }
    base_arena_free(a);
    return clean;
}

/* A word that is not clean: another in its place, or the answer is withheld. */
static void judge_word(struct gw_guard *g, struct base_str *word, struct base_str instead)
{
    if (gw_guard_clean(g, *word))
        return;
    *word = instead;
    if (g->spec.action == POL_GUARD_WITHHOLD)
        g->withheld = "answer_withheld";
}

/* ---- text ---- */

/* Gives out what piece holds as an event of channel c. */
static enum base_status pass_piece(struct gw_guard *g, int c, const struct chat_event *like,
                                   chat_event_fn out, void *ctx)
{
    if (pol_guard_withheld(g->channel[c]))
        g->withheld = "answer_withheld";
    if (g->piece.n == 0)
        return BASE_OK;
    struct chat_event ev = {.kind = kind_of[c], .index = g->theirs[c]};
    if (like)
        ev = *like;
    ev.text = base_buf_view(&g->piece);
    if (c == REASONING)
        g->out_crc = base_crc32c(g->out_crc, ev.text.p, ev.text.n);
    return out(ctx, &ev);
}

/* ---- what is cut between two channels ---- */

/* The end of what stands before channel c (or a call, CALL), which is about to go on. */
static struct base_str tail_before(const struct gw_guard *g, int c)
{
    if (g->last < 0 || (g->last == c && c != CALL))
        return BASE_STR_NULL;
    if (g->last == CALL)
        return base_str_n(g->call_tail, g->n_call_tail);
    return g->channel[g->last] ? pol_guard_tail(g->channel[g->last]) : BASE_STR_NULL;
}

/* The other half of what channel c found astride is held by the channel before it, if it has not
 * gone out. */
static void mark_before(struct gw_guard *g, int c)
{
    enum pol_type type;
    size_t n = g->channel[c] ? pol_guard_astride(g->channel[c], &type) : 0;
    int from = g->behind[c].from;
    if (n)
        g->counts[type]++;
    if (n && from < CHANNELS && g->channel[from])
        pol_guard_mark(g->channel[from], g->behind[c].end, n, type);
}

/* Channel c speaks after another one. */
static enum base_status turn_to(struct gw_guard *g, int c)
{
    struct base_err err;
    struct base_str before = tail_before(g, c);
    int from = g->last;
    g->last = c;
    if (!g->channel[c] || before.n == 0)
        return BASE_OK;
    enum base_status st = pol_guard_behind(g->channel[c], before, &err);
    mark_before(g, c); /* of an earlier turn */
    g->behind[c].from = from;
    g->behind[c].end = from < CHANNELS ? pol_guard_fed(g->channel[from]) : 0;
    return st;
}

/* What is cut between the text before the call and one of its values; once for each call, before
 * what the text's channel holds goes out. */
static enum base_status seam_call(struct gw_guard *g)
{
    struct base_err err;
    struct base_str text = base_buf_view(&g->args), edited;
    struct pol_seam_call c = {.before = tail_before(g, CALL),
                              .types = g->spec.types,
                              .redact = g->spec.action == POL_GUARD_REDACT,
                              .known = known,
                              .ctx = g};
    if (g->open < 0 || g->seamed || g->args.n == 0 || !g->spec.scan || g->withheld)
        return BASE_OK;
    g->seamed = true;
    struct base_arena *a = base_arena_new(ARENA_MAX);
    if (!a)
        return BASE_ENOMEM;
    enum base_status st =
        pol_seam_args(g->spec.detector, g->spec.scratch, &c, text, a, &edited, &err);
    if (st == BASE_OK && c.found) {
        g->counts[c.seam.type]++;
        if (g->spec.action == POL_GUARD_WITHHOLD)
            g->withheld = "answer_withheld";
        if (g->last < CHANNELS && g->channel[g->last])
            pol_guard_mark(g->channel[g->last], pol_guard_fed(g->channel[g->last]), c.seam.before,
                           c.seam.type);
        if (edited.p != text.p) {
            base_buf_clear(&g->args);
            st = base_buf_str(&g->args, edited) ? BASE_OK : BASE_LIMIT;
        }
    }
    g->last = CALL;
    memcpy(g->call_tail, c.tail, c.n_tail);
    g->n_call_tail = c.n_tail;
    base_arena_free(a);
    return st;
}

/* Nothing goes out of any channel before all have been judged: a half may be held by another. */
static enum base_status settle(struct gw_guard *g)
{
    struct base_err err;
    enum base_status st = BASE_OK;
    for (int c = 0; c < CHANNELS && st == BASE_OK; c++) {
        if (!g->channel[c])
            continue;
        st = pol_guard_settle(g->channel[c], &err);
        mark_before(g, c);
    }
    return st;
}

static enum base_status flush_channel(struct gw_guard *g, int c, chat_event_fn out, void *ctx)
{
    struct base_err err;
    if (!g->channel[c] || g->withheld)
        return BASE_OK;
    base_buf_clear(&g->piece);
    enum base_status st = pol_guard_end(g->channel[c], &g->piece, g->counts, &err);
    return st == BASE_OK ? pass_piece(g, c, NULL, out, ctx) : st;
}

static enum base_status text_event(struct gw_guard *g, int c, const struct chat_event *ev,
                                   chat_event_fn out, void *ctx)
{
    struct base_err err;
    enum base_status st = g->last == c ? BASE_OK : seam_call(g);
    if (st == BASE_OK && !g->withheld)
        st = turn_to(g, c);
    for (int other = 0; other < CHANNELS && st == BASE_OK; other++)
        if (other != c && g->spec.action == POL_GUARD_WARN)
            st = flush_channel(g, other, out, ctx);
    if (st != BASE_OK || g->withheld)
        return st;
    if (!g->channel[c])
        return out(ctx, ev);
    g->theirs[c] = ev->index;
    if (c == REASONING && ev->text.n)
        g->in_crc = base_crc32c(g->in_crc, ev->text.p, ev->text.n);
    base_buf_clear(&g->piece);
    st = pol_guard_feed(g->channel[c], ev->text, &g->piece, g->counts, &err);
    mark_before(g, c);
    return st == BASE_OK ? pass_piece(g, c, ev, out, ctx) : st;
}

/* ---- what only Anthropic has ---- */

/* A signature goes behind its thought. Where text is held, that is at the finish, and only one that
 * is the signature of all that was let out: of a thought that was changed, or of one of several
 * that are one text by now, it would not hold. */
static enum base_status seal_event(struct gw_guard *g, const struct chat_event *ev,
                                   chat_event_fn out, void *ctx)
{
    if (!g->spec.scan)
        return out(ctx, ev);
    if (g->spec.action == POL_GUARD_WARN) {
        enum base_status st = flush_channel(g, REASONING, out, ctx);
        return st == BASE_OK && !g->withheld ? out(ctx, ev) : st;
    }
    if (!gw_guard_clean(g, ev->text)) { /* left out; nothing is withheld for noise */
        g->seals = 2;
        return BASE_OK;
    }
    base_buf_clear(&g->seal);
    g->seals++;
    return base_buf_str(&g->seal, ev->text) ? BASE_OK : BASE_LIMIT;
}

static enum base_status pass_seal(struct gw_guard *g, chat_event_fn out, void *ctx)
{
    const struct chat_event ev = {.kind = CHAT_EV_SIGNATURE, .text = base_buf_view(&g->seal)};
    bool whole = g->seals == 1 && g->in_crc == g->out_crc && ev.text.n && !g->withheld;
    g->seals = 2;
    return whole ? out(ctx, &ev) : BASE_OK;
}

/* ---- tool calls ---- */

/* Examines complete arguments as a request's JSON would be; *text gets what may go out. */
static enum base_status judge_args(struct gw_guard *g, struct base_arena *a, struct base_str *text)
{
    struct base_err err;
    struct chat_part part = {.kind = CHAT_PART_TOOL_CALL, .text = *text};
    struct chat_message message = {.role = CHAT_ASSISTANT, .parts = &part, .n_parts = 1};
    struct chat_request r = {.arena = a, .messages = &message, .n_messages = 1};
    struct pol_spans spans;
    pol_types act = 0;

    enum base_status st = pol_scan_text(g->spec.detector, g->spec.scratch, *text, a, &spans, &err);
    if (st != BASE_OK)
        return st;
    if (spans.truncated)
        return BASE_LIMIT;
    for (size_t i = 0; i < spans.n; i++) {
        const struct pol_span *sp = &spans.v[i];
        if (!(g->spec.types & POL_TYPE_BIT(sp->type)) ||
            known(g, (struct base_str){text->p + sp->start, sp->end - sp->start}))
            continue;
        act |= POL_TYPE_BIT(sp->type);
        g->counts[sp->type]++;
    }
    if (!act || g->spec.action == POL_GUARD_WARN)
        return BASE_OK;
    if (g->spec.action == POL_GUARD_WITHHOLD) {
        g->withheld = "answer_withheld";
        return BASE_OK;
    }
    struct pol_vault *vault = NULL;
    uint32_t counts[POL_TYPE_COUNT] = {0};
    st = pol_redact_request(g->spec.detector, g->spec.scratch, act, &r, &vault, counts, &err);
    pol_vault_free(vault);
    *text = part.text;
    return st;
}

/* The open call's arguments are complete. */
static enum base_status close_call(struct gw_guard *g, chat_event_fn out, void *ctx)
{
    int index = g->open;
    if (index < 0)
        return BASE_OK;
    enum base_status st = seam_call(g);
    g->open = -1;
    g->seamed = false;
    if (g->args.n == 0 || st != BASE_OK || g->withheld)
        return st;
    struct base_arena *a = base_arena_new(ARENA_MAX);
    if (!a)
        return BASE_ENOMEM;
    struct chat_event ev = {
        .kind = CHAT_EV_TOOL_ARGS, .index = index, .text = base_buf_view(&g->args)};
    st = judge_args(g, a, &ev.text);
    if (st == BASE_OK && !g->withheld)
        st = out(ctx, &ev);
    base_arena_free(a);
    base_wipe(g->args.p, g->args.n);
    base_buf_clear(&g->args);
    return st;
}

static enum base_status tool_event(struct gw_guard *g, const struct chat_event *ev,
                                   chat_event_fn out, void *ctx)
{
    if (ev->kind == CHAT_EV_TOOL_CALL && g->spec.tool &&
        !g->spec.tool(g->spec.tool_ctx, ev->name)) {
        g->withheld = "tool_denied";
        return BASE_OK;
    }
    if (!g->spec.scan)
        return out(ctx, ev);
    if (ev->kind == CHAT_EV_TOOL_ARGS) {
        if (ev->index != g->open)
            return BASE_LIMIT; /* fragments of two calls mixed: no source of ours does that */
        g->seamed = false;
        return base_buf_str(&g->args, ev->text) ? BASE_OK : BASE_LIMIT;
    }
    enum base_status st = close_call(g, out, ctx);
    if (st != BASE_OK || g->withheld)
        return st;
    g->open = ev->index;
    struct chat_event call = *ev;
    char id[32];
    int n = snprintf(id, sizeof id, "call_%d", ev->index);
    judge_word(g, &call.id, base_str_n(id, (size_t)n));
    judge_word(g, &call.name, BASE_STR("withheld"));
    /* Noise in which chance finds names, and nothing that anybody reads: it is left out, the
     * answer is not. */
    if (!gw_guard_clean(g, call.signature))
        call.signature = BASE_STR_NULL;
    return g->withheld ? BASE_OK : out(ctx, &call);
}

/* The name of the tool that a block of the upstream's says it uses itself, or empty. */
static struct base_str block_tool(struct base_arena *a, struct base_str json)
{
    json_t *o = gw_json_load(json, true, NULL);
    bool uses = base_str_ends(gw_json_get_str(o, "type"), BASE_STR("tool_use"));
    struct base_str name = uses ? base_arena_dup(a, gw_json_get_str(o, "name")) : BASE_STR_NULL;
    json_decref(o);
    return name;
}

/* A whole block, or a citation: JSON, judged as arguments are. */
static enum base_status json_event(struct gw_guard *g, const struct chat_event *ev,
                                   chat_event_fn out, void *ctx)
{
    struct chat_event judged = *ev;
    enum base_status st = BASE_OK;
    for (int c = 0; c < CHANNELS && st == BASE_OK; c++)
        if (g->spec.action == POL_GUARD_WARN)
            st = flush_channel(g, c, out, ctx);
    if (st != BASE_OK || g->withheld)
        return st;
    struct base_arena *a = base_arena_new(ARENA_MAX);
    if (!a)
        return BASE_ENOMEM;
    struct base_str tool =
        g->spec.tool && ev->kind == CHAT_EV_BLOCK ? block_tool(a, ev->text) : BASE_STR_NULL;
    if (tool.n && !g->spec.tool(g->spec.tool_ctx, tool))
        g->withheld = "tool_denied";
    else if (g->spec.scan)
        st = judge_args(g, a, &judged.text);
    if (st == BASE_OK && !g->withheld)
        st = out(ctx, &judged);
    base_arena_free(a);
    return st;
}

static enum base_status finish_event(struct gw_guard *g, const struct chat_event *ev,
                                     chat_event_fn out, void *ctx)
{
    struct chat_event finish = *ev;
    enum base_status st = close_call(g, out, ctx);
    if (st != BASE_OK || g->withheld)
        return st;
    judge_word(g, &finish.text, BASE_STR_NULL);
    return g->withheld ? BASE_OK : out(ctx, &finish);
}

enum base_status gw_guard_end(struct gw_guard *g, chat_event_fn out, void *ctx)
{
    enum base_status st = seam_call(g);
    if (st == BASE_OK)
        st = settle(g);
    for (int c = 0; c < CHANNELS && st == BASE_OK; c++)
        st = flush_channel(g, c, out, ctx);
    if (st == BASE_OK && !g->withheld)
        st = pass_seal(g, out, ctx);
    return st == BASE_OK && !g->withheld ? close_call(g, out, ctx) : st;
}

enum base_status gw_guard_event(struct gw_guard *g, const struct chat_event *ev, chat_event_fn out,
                                void *ctx)
{
    enum base_status st = BASE_OK;
    if (g->withheld)
        return BASE_OK;
    switch (ev->kind) {
    case CHAT_EV_TEXT:
        return text_event(g, TEXT, ev, out, ctx);
    case CHAT_EV_REASONING:
        return text_event(g, REASONING, ev, out, ctx);
    case CHAT_EV_REFUSAL:
        return text_event(g, REFUSAL, ev, out, ctx);
    case CHAT_EV_TOOL_CALL:
    case CHAT_EV_TOOL_ARGS:
    case CHAT_EV_FINISH:
        if (ev->kind == CHAT_EV_FINISH)
            st = seam_call(g);
        if (ev->kind == CHAT_EV_FINISH && st == BASE_OK)
            st = settle(g);
        for (int c = 0; c < CHANNELS && st == BASE_OK; c++)
            if (ev->kind == CHAT_EV_FINISH || g->spec.action == POL_GUARD_WARN)
                st = flush_channel(g, c, out, ctx);
        if (st == BASE_OK && ev->kind == CHAT_EV_FINISH)
            st = pass_seal(g, out, ctx);
        if (st != BASE_OK || g->withheld)
            return st;
        return ev->kind == CHAT_EV_FINISH ? finish_event(g, ev, out, ctx)
                                          : tool_event(g, ev, out, ctx);
    case CHAT_EV_SIGNATURE:
        return seal_event(g, ev, out, ctx);
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
        return json_event(g, ev, out, ctx);
    default:
        return out(ctx, ev);
    }
}

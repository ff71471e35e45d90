/* guard.c - the events of an answer through the policy's guard, channel by channel.
 *
 * Owns       a pol_guard each for text, reasoning and refusal, and the arguments of the tool call
 *            that is open.
 * Runs on    the loop's thread.
 * Order      a channel's held bytes go out before an event of another channel, so that the client
 *            sees what the model wrote in the order in which it wrote it.
 * Tools      arguments are JSON: they are kept until the call is complete, then examined as a JSON
 *            slot of a request would be (a bare number in quotes is still JSON), and go out whole.
 *            A call of a tool that the policy forbids withholds the rest of the answer.
 * Fails by   the status of what failed; the caller ends the answer.
 */
#include "gateway/guard.h"
#include "base/clock.h"
#include <stdlib.h>

#define PIECE_MAX (16u << 20) /* what one event can set free */
#define ARGS_MAX  (4u << 20)
#define ARENA_MAX (64u << 20)

enum { TEXT, REASONING, REFUSAL, CHANNELS };

static const enum chat_event_kind kind_of[CHANNELS] = {CHAT_EV_TEXT, CHAT_EV_REASONING,
                                                       CHAT_EV_REFUSAL};

struct gw_guard {
    struct gw_guard_spec spec;
    struct pol_guard *channel[CHANNELS];
    struct base_buf piece, args;
    int open; /* index of the tool call whose arguments are being kept, or -1 */
    const char *withheld;
    uint32_t counts[POL_TYPE_COUNT];
};

/* ---- what the caller said itself ---- */

struct needle {
    struct base_str value;
    bool found;
};

static enum base_status look(void *ctx, const struct chat_slot *slot)
{
    struct needle *n = ctx;
    n->found = base_str_find(*slot->text, n->value, 0) != SIZE_MAX;
    return n->found ? BASE_EBUG : BASE_OK; /* any status stops the walk */
}

static bool known(void *ctx, struct base_str value)
{
    const struct gw_guard *g = ctx;
    struct needle n = {.value = value};
    if (!g->spec.asked)
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
    g->open = -1;
    base_buf_init(&g->piece, PIECE_MAX);
    base_buf_init(&g->args, ARGS_MAX);
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

/* ---- text ---- */

/* Gives out what piece holds as an event of channel c. */
static enum base_status pass_piece(struct gw_guard *g, int c, const struct chat_event *like,
                                   chat_event_fn out, void *ctx)
{
    if (pol_guard_withheld(g->channel[c]))
        g->withheld = "answer_withheld";
    if (g->piece.n == 0)
        return BASE_OK;
    struct chat_event ev = {.kind = kind_of[c]};
    if (like)
        ev = *like;
    ev.text = base_buf_view(&g->piece);
    return out(ctx, &ev);
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
    enum base_status st = BASE_OK;
    for (int other = 0; other < CHANNELS && st == BASE_OK; other++)
        if (other != c)
            st = flush_channel(g, other, out, ctx);
    if (st != BASE_OK || g->withheld)
        return st;
    if (!g->channel[c])
        return out(ctx, ev);
    base_buf_clear(&g->piece);
    st = pol_guard_feed(g->channel[c], ev->text, &g->piece, g->counts, &err);
    return st == BASE_OK ? pass_piece(g, c, ev, out, ctx) : st;
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
    g->open = -1;
    if (g->args.n == 0)
        return BASE_OK;
    struct base_arena *a = base_arena_new(ARENA_MAX);
    if (!a)
        return BASE_ENOMEM;
    struct chat_event ev = {
        .kind = CHAT_EV_TOOL_ARGS, .index = index, .text = base_buf_view(&g->args)};
    enum base_status st = judge_args(g, a, &ev.text);
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
        return base_buf_str(&g->args, ev->text) ? BASE_OK : BASE_LIMIT;
    }
    enum base_status st = close_call(g, out, ctx);
    if (st != BASE_OK || g->withheld)
        return st;
    g->open = ev->index;
    return out(ctx, ev);
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
        for (int c = 0; c < CHANNELS && st == BASE_OK; c++)
            st = flush_channel(g, c, out, ctx);
        if (st == BASE_OK && !g->withheld && ev->kind != CHAT_EV_FINISH)
            st = tool_event(g, ev, out, ctx);
        if (st == BASE_OK && !g->withheld && ev->kind == CHAT_EV_FINISH)
            st = close_call(g, out, ctx);
        if (st == BASE_OK && !g->withheld && ev->kind == CHAT_EV_FINISH)
            st = out(ctx, ev);
        return st;
    default:
        return out(ctx, ev);
    }
}

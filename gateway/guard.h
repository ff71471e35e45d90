/* guard.h - what an answer may carry to the client: its text, its reasoning, its tool calls.
 *
 * Stands between the source's events and the restorers (answer.c): an answer of a back end off
 * premises is looked at while its placeholders still stand in it, so what the caller gave is not
 * found again. All of it on the loop's thread; nothing blocks.
 */
#ifndef GW_GUARD_H
#define GW_GUARD_H

#include "base/chat.h"
#include "policy/policy.h"
#include "policy/redact/guard.h"

#define GW_GUARD_TOOL_CALLS_MAX 128

/* True if a tool of this name may be called. */
typedef bool (*gw_guard_tool_fn)(void *ctx, struct base_str name);

struct gw_guard_spec {
    const struct pol_detector *detector;
    struct pol_scratch *scratch;
    struct chat_request *asked; /* as the caller sent it: its values may come back to it */
    bool scan;                  /* else only tool calls are judged */
    enum pol_guard_action action;
    pol_types types;
    gw_guard_tool_fn tool; /* NULL: every tool may be called */
    void *tool_ctx;
};

struct gw_guard;

struct gw_guard *gw_guard_new(const struct gw_guard_spec *spec); /* NULL: no memory */
void gw_guard_free(struct gw_guard *g);
/* True if a short text beside the answer (an error's words, a header) may be shown as it is. What
 * is found is counted; under POL_GUARD_WARN everything may be shown. */
bool gw_guard_clean(struct gw_guard *g, struct base_str text);
/* Takes TEXT, REASONING, REFUSAL, TOOL_CALL, TOOL_ARGS and FINISH and gives the same kinds to out,
 * in order within a channel; what redact or withhold holds of one channel waits for more of that
 * channel or the finish, whatever the others say. Tool arguments come out whole, before the next
 * call or the finish. Once withheld, nothing comes out any more. Returns what out returned, or
 * BASE_ENOMEM or BASE_LIMIT when an answer could not be examined: it must then end. */
enum base_status gw_guard_event(struct gw_guard *g, const struct chat_event *ev, chat_event_fn out,
                                void *ctx) BASE_MUST_CHECK;
/* The source has ended, with a FINISH or without one: what is still held goes out, judged as it
 * stands. */
enum base_status gw_guard_end(struct gw_guard *g, chat_event_fn out, void *ctx) BASE_MUST_CHECK;
/* NULL, or why nothing comes out any more: "answer_withheld" or "tool_denied". Static. */
const char *gw_guard_withheld(const struct gw_guard *g);
const uint32_t *gw_guard_counts(const struct gw_guard *g); /* POL_TYPE_COUNT of them */

#endif

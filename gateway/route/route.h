/* route.h - how hard is a request, and what is it about: a score in [0,1] from the text alone.
 *
 * In-process, calls nobody, allocates nothing: a hashed n-gram and feature linear model whose
 * weights are embedded (route_weights.inc, trained by tools/train_router.py), beside a bounded
 * prior from the kind of task (task.c). The score is made so that 0.5 parts what a small model
 * answers well enough from what it does not; it ranks prompts, and is no calibrated probability
 * outside the sets it was fitted on (docs/decisions/010-router.md). All functions are thread safe.
 */
#ifndef GW_ROUTE_H
#define GW_ROUTE_H

#include "base/chat.h"
#include "base/err.h"
#include "base/str.h"

enum gw_task {
    GW_TASK_UNKNOWN,
    GW_TASK_QUESTION,
    GW_TASK_TRANSLATE,
    GW_TASK_SUMMARISE,
    GW_TASK_EXTRACT,
    GW_TASK_CLASSIFY,
    GW_TASK_CODE,
    GW_TASK_MATHS,
    GW_TASK_REASON,
    GW_TASK_WRITE,
    GW_TASK_AGENT,
    GW_TASK_CHAT,
    GW_TASK_COUNT
};
const char *gw_task_name(enum gw_task t); /* "question", "translate", ... */
struct conf_policy;
struct conf_problems;
/* Tells, as errors, each task that a rule names and that no request can have. */
void gw_tasks_check(const struct conf_policy *p, struct conf_problems *problems);

struct gw_score {
    double difficulty; /* 0 easy to 1 hard; 1 when `no_signal` */
    enum gw_task task;
    bool no_signal;  /* nothing to judge (empty, unknown script, ...): goes up, not down */
    const char *why; /* static: the dominant reason, for the log */
};

/* Scores one prompt text (as `weir eval router` does). Never blocks; a few microseconds. */
void gw_route_score_text(struct base_str text, struct gw_score *out);
/* Scores a request: the last user turn plus decayed history; system prompts, tool definitions and
 * harness blocks do not count; tools in use and tool results make it an agent's work. */
void gw_route_score(const struct chat_request *r, struct gw_score *out);
/* The highest threshold at which routing still kept `quality` (above 0, up to 1) of what sending
 * everything to the strong model would have scored, on average over the calibration sets (out of
 * fold). 1 for a quality of 0 or less, 0 (everything is hard) where no other keeps it. */
double gw_route_threshold_for_quality(double quality);

/* `weir eval router ...`; argv from the word "router" or the first option on. Prints, blocks,
 * allocates. Returns the exit status: 0, or 2 for bad usage or a row that does not hold. */
int gw_route_eval_command(int argc, char **argv);

#endif

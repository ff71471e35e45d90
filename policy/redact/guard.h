/* guard.h - what a model's answer may not say: one stream of answer text, watched as it passes.
 *
 * The text is held back by at most POL_GUARD_HOLD_MAX bytes (plus the piece that is being fed), so
 * that a finding is whole before any byte of it has gone out. A finding longer than that, such as a
 * private key, is held until it ends, up to POL_GUARD_SPAN_MAX bytes; then the stream is withheld.
 *
 * Not thread safe: one thread at a time, that of the scratch space given. Never blocks.
 */
#ifndef POLICY_GUARD_H
#define POLICY_GUARD_H

#include "policy/policy.h"

#define POL_GUARD_HOLD_MAX 256
#define POL_GUARD_SPAN_MAX 8192

enum pol_guard_action {
    POL_GUARD_WARN,    /* all passes; findings are counted */
    POL_GUARD_REDACT,  /* a finding goes out as "[TYPE withheld]" */
    POL_GUARD_WITHHOLD /* nothing goes out from the first finding on */
};

/* True if the caller said this value itself: what a caller gave may come back to it. value is
 * borrowed for the call. */
typedef bool (*pol_guard_known_fn)(void *ctx, struct base_str value);

struct pol_guard_spec {
    const struct pol_detector *detector;
    struct pol_scratch *scratch;
    enum pol_guard_action action;
    pol_types types; /* what to look for */
    pol_guard_known_fn known;
    void *ctx;
};

struct pol_guard;

/* NULL: no memory. The spec's pointers must outlive the guard. */
struct pol_guard *pol_guard_new(const struct pol_guard_spec *spec);
void pol_guard_free(struct pol_guard *g); /* wipes what it holds; NULL is fine */
/* Appends to out what may go out now. counts[type] += findings that were acted on. BASE_LIMIT when
 * out is full; BASE_ENOMEM when a text could not be scanned: the answer must then end (fail
 * closed). After pol_guard_withheld nothing more comes out. */
enum base_status pol_guard_feed(struct pol_guard *g, struct base_str in, struct base_buf *out,
                                uint32_t counts[POL_TYPE_COUNT],
                                struct base_err *err) BASE_MUST_CHECK;
/* The stream is over: what is still held is judged as it stands. */
enum base_status pol_guard_end(struct pol_guard *g, struct base_buf *out,
                               uint32_t counts[POL_TYPE_COUNT],
                               struct base_err *err) BASE_MUST_CHECK;
/* ---- what is cut between two streams of one answer ---- */

/* What is fed next stands, for a reader, directly behind `before`, the end of another stream. A
 * finding that lies astride is acted on here when there is enough of it, or at pol_guard_settle. An
 * earlier `before` is settled first. */
enum base_status pol_guard_behind(struct pol_guard *g, struct base_str before,
                                  struct base_err *err) BASE_MUST_CHECK;
/* Judges now what stands behind a `before`, with as much of it as there is. */
enum base_status pol_guard_settle(struct pol_guard *g, struct base_err *err) BASE_MUST_CHECK;
/* A finding astride has been seen since the last call: how many bytes of it end the other stream.
 * 0: none. It is the caller's to count. */
size_t pol_guard_astride(struct pol_guard *g, enum pol_type *type);
/* The end of what was fed, for another stream's pol_guard_behind; borrowed until the next call. */
struct base_str pol_guard_tail(const struct pol_guard *g);
/* How many bytes were fed so far. */
uint64_t pol_guard_fed(const struct pol_guard *g);
/* The n bytes before position `end` (as pol_guard_fed counts) are the first part of a finding of
 * that type, counted elsewhere: what of them has not gone out is acted on. */
void pol_guard_mark(struct pol_guard *g, uint64_t end, size_t n, enum pol_type type);

/* Nothing more will come out: POL_GUARD_WITHHOLD and something was found, or a finding has no end.
 */
bool pol_guard_withheld(const struct pol_guard *g);

#endif

/* hints.h - words that hint at a special category, and statements on somebody around them.
 * Internal to policy/.
 */
#ifndef POLICY_HINTS_H
#define POLICY_HINTS_H

#include "policy/detect/detect.h"
#include "policy/words/hints.h"

#define POL_HINT_TYPES 3 /* at most that many categories a place in the text */

struct pol_hint {
    uint32_t to;
    uint32_t id; /* tells one hint from another */
    uint8_t type;
    uint8_t strong;
};

/* Folds and hashes the words; thread safe, once. pol_detector_new calls it. */
void pol_hints_setup(void);
/* The hints that begin at the word at `from`: the longest of each category. Returns how many. */
size_t pol_hints_at(const struct pol_scan *s, size_t from, struct pol_hint out[POL_HINT_TYPES]);

/* ---- statement.c ---- */

#define POL_STMT_BITS     18  /* rows of the model: 2^POL_STMT_BITS of two bytes */
#define POL_STMT_FEATURES 160 /* at most that many features a hint */

/* Judges every hint and every term (by end, `what` being the index in pol_terms) by its sentence,
 * and reports what is said of somebody. After pol_scan_names. */
void pol_scan_statements(struct pol_scan *s, const struct pol_cue_hit *terms, size_t n);

/* For the trainer: `seen` gets the rows of each hint and term that this thread's scans judge, and
 * whether the grammar of special.c calls it a statement; NULL ends that. */
typedef void (*pol_stmt_fn)(void *ctx, enum pol_type type, bool rule, const uint32_t *rows,
                            size_t n);
void pol_stmt_observe(pol_stmt_fn seen, void *ctx);

#endif

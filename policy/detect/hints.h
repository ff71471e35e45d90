/* hints.h - words that hint at a special category, and statements on somebody around them.
 * Internal to policy/.
 */
#ifndef POLICY_HINTS_H
#define POLICY_HINTS_H

#include "policy/detect/detect.h"
#include "policy/words/hints.h"

#define POL_HINT_TYPES 6 /* at most that many categories and things said a place in the text */

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

/* Judges every hint and every term (by end, `what` being the index in pol_terms) by its sentence,
 * and reports what is said of somebody. After pol_scan_names. */
void pol_scan_statements(struct pol_scan *s, const struct pol_cue_hit *terms, size_t n);

#endif

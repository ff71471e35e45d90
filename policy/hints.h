/* hints.h - words that hint at a special category, and statements on somebody around them.
 * Internal to policy/.
 */
#ifndef POLICY_HINTS_H
#define POLICY_HINTS_H

#include "policy/detect.h"

/* Words of one category, between '|', as written in the language. '*' lets a word go on, a space
 * stands for any gap between two words. One in capitals means capitals in the text ("SUD"). */
struct pol_hint_words {
    uint8_t type;   /* enum pol_type */
    uint8_t strong; /* 1: of the subject itself; 0: of what often goes with it */
    const char *words;
};

extern const struct pol_hint_words pol_hints_health[], pol_hints_belief[], pol_hints_life[];
extern const size_t pol_hints_health_n, pol_hints_belief_n, pol_hints_life_n;

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

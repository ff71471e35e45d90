/* signals.h - attempts to steer a model, and uses that the AI Act prohibits. Internal to policy/.
 */
#ifndef POLICY_SIGNALS_H
#define POLICY_SIGNALS_H

#include "policy/detect/detect.h"
#include "policy/detect/tagger.h"

#define POL_INJ_BITS   15 /* weights: 2^POL_INJ_BITS signed bytes */
#define POL_INJ_WINDOW 64 /* words */

/* One text's running sums. */
struct pol_inject {
    const int8_t *rows;
    int32_t sum, best;
    uint32_t last;
    size_t n, words; /* so far; in the run */
    size_t from, best_from, best_to;
};

/* rows: NULL for the built-in model. */
void pol_inject_init(struct pol_inject *j, const int8_t *rows);
/* The next token of the text. */
void pol_inject_token(struct pol_inject *j, const struct pol_tok *k);
/* The two weights that a word behind another one looks up. */
void pol_inject_features(uint32_t word, uint32_t last, uint32_t out[2]);
/* Reports what the sums say; call when the text is through. */
void pol_scan_inject(struct pol_scan *s, const struct pol_inject *j);
/* Prohibited uses among the terms found. */
void pol_scan_use(struct pol_scan *s, const struct pol_cue_hit *hits, size_t n);

#endif

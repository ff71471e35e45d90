/* apart.h - two models, or one on two devices, run side by side: where they part, and whether a
 * choice between near equals is why.
 *
 * A choice of experts or keys is a step: scores that differ by rounding can fall to either side of
 * it, and everything behind it is then another computation, not a wrong one. So with a margin, a
 * row (a token behind a layer) is *held* to bounds only while no choice before it may have fallen
 * the other way: neither its own up to its layer, nor, in layers before its own, one of the tokens
 * before it in the sequence. A choice of experts fell the other way if the sets differ and A's
 * scores were nearer than the margin (struct eng_seen's expert_gap); a choice of keys may have if
 * A's scores were nearer than the margin, since a device does not tell which keys it chose. Sets of
 * experts that differ in a held row by a wider margin are *wrong*: no rounding explains them.
 * Without a margin (0) every row is held and no choice is near, nor wrong.
 *
 * One thread; blocks as eng_forward does.
 */
#ifndef ENG_APART_H
#define ENG_APART_H

#include "engine/model/model.h"

#define ENG_APART_ROWS 32u /* tokens of a step at most */

struct eng_deviation {
    double max_abs, d2, a2; /* of held rows; d2, a2: sums of (b - a)^2 and of a^2 */
    uint64_t rows, held;
    uint64_t experts_differ;  /* rows whose sets are not the same, held or not */
    uint64_t near_experts;    /* held before: sets that differ by less than the margin */
    uint64_t near_keys;       /* held before: keys that may */
    uint64_t wrong_experts;   /* held, and differing by more */
    double widest, narrowest; /* gap among near_experts (0: none), wrong_experts (INFINITY: none) */
    bool experts;             /* the layer has them, and both models as many */
};

struct eng_apart {
    /* set before eng_apart_open; the caches may hold one sequence each, or more */
    struct eng_model *a, *b;
    struct eng_cache *ca, *cb;
    double margin;
    /* what was seen */
    struct eng_deviation *layers, logits; /* [n_layer] */
    uint64_t first_choice_differs;        /* held tokens */
    uint32_t n_layer, n_residual, n_vocab, n_used;
    /* inside */
    float *kept, *logits_a, *logits_b;
    uint32_t *chose;
    float *gap_experts, *gap_keys; /* [n_layer][ENG_APART_ROWS] of A */
    uint32_t own[ENG_APART_ROWS];  /* the layer of the row's first near choice, n_layer: none */
    uint32_t before;               /* of all tokens of earlier steps */
    size_t n;                      /* of the step */
};

/* Takes memory and puts probes into both models, which must have the same layers, widths and
 * vocabulary: BASE_EINVAL says what differs. Release afterwards, whatever it returns. */
enum base_status eng_apart_open(struct eng_apart *d, struct base_err *err) BASE_MUST_CHECK;
/* Frees, and takes the probes out. The models and caches stay the caller's. */
void eng_apart_release(struct eng_apart *d);
/* A sequence from its start, in steps; both caches' sequence 0 is emptied first. pos: of the first
 * token. */
enum base_status eng_apart_run(struct eng_apart *d, const int32_t *tokens, size_t n, uint32_t pos,
                               struct base_err *err) BASE_MUST_CHECK;
/* Sum of squares over A's; 0 where nothing differs. */
double eng_deviation_nmse(const struct eng_deviation *v);

#endif

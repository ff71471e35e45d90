/* seam.h - a finding that is cut between two texts which a reader puts together: two channels of an
 * answer, the values of a tool call, two messages of a request.
 */
#ifndef POLICY_SEAM_H
#define POLICY_SEAM_H

#include "policy/policy.h"

#define POL_SEAM_BYTES 256 /* of each side that are looked at */

struct pol_seam {
    enum pol_type type;
    size_t before, after; /* bytes of it at the end of the one text, at the start of the other */
};

/* Looks for one finding of `types` whose first part ends `a` and whose second part begins `b`, as
 * if nothing stood between. What one side shows by itself does not count, nor what two texts easily
 * make by chance: only identifiers of a form (no names, dates, places) whose check holds or that
 * words around them explain. *found says whether out holds one. tmp is used and not emptied. */
enum base_status pol_seam_find(const struct pol_detector *d, struct pol_scratch *s,
                               struct base_str a, struct base_str b, pol_types types,
                               struct base_arena *tmp, struct pol_seam *out, bool *found,
                               struct base_err *err) BASE_MUST_CHECK;
/* The same between a text and each value of a tool call's arguments (any JSON; what is none has no
 * values). With `redact` the part of a finding in there is replaced in *out (in a; else *out is
 * json). tail gets the end of the last value. The finding told is the one that takes most
 * of `before`; known may be NULL. */
struct pol_seam_call {
    struct base_str before;
    pol_types types;
    bool redact;
    bool (*known)(void *ctx, struct base_str value);
    void *ctx;
    /* results */
    struct pol_seam seam;
    bool found;
    char tail[POL_SEAM_BYTES];
    size_t n_tail;
};
enum base_status pol_seam_args(const struct pol_detector *d, struct pol_scratch *s,
                               struct pol_seam_call *c, struct base_str json, struct base_arena *a,
                               struct base_str *out, struct base_err *err) BASE_MUST_CHECK;
/* The last POL_SEAM_BYTES of a text, from a character's edge. */
struct base_str pol_seam_tail(struct base_str text);

#endif

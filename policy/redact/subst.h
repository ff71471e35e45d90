/* subst.h - valid-looking substitutes for values that are replaced. Internal to policy/. */
#ifndef POLICY_SUBST_H
#define POLICY_SUBST_H

#include "policy/policy.h"

#define POL_SUBST_MAX                                                                              \
    48 /* bytes of a substitute with its NUL; ASCII without quote or backslash                     \
        */

/* Writes the attempt-th substitute for an original of that type and subtype (may be NULL). The
 * same tenant, type, original and attempt give the same one for the life of the process. False if
 * there is none that is safe: the value then gets a placeholder. Any thread; never blocks. */
bool pol_subst_make(struct base_str tenant, enum pol_type type, const char *subtype,
                    struct base_str original, unsigned attempt, char out[POL_SUBST_MAX]);

/* Randomness of one substitute: splitmix64 from a keyed seed. */
struct pol_subst_rand {
    uint64_t s;
};
unsigned pol_subst_below(struct pol_subst_rand *r, unsigned n); /* 0 to n-1 */

/* Puts new characters for the letters and digits of original, in order, leaving what stands
 * between; false if their numbers differ or it does not fit. */
bool pol_subst_fill(struct base_str original, const char *with, size_t n, char out[POL_SUBST_MAX]);

/* subst_ids.c: personal numbers that pass their check and cannot be anybody's; false: no such. */
bool pol_subst_id(const char *subtype, struct base_str original, struct pol_subst_rand *r,
                  char out[POL_SUBST_MAX]);
/* subst_phone.c: a number from a range kept for films and examples; false: the country has none. */
bool pol_subst_phone(struct base_str original, struct pol_subst_rand *r, char out[POL_SUBST_MAX]);

#endif

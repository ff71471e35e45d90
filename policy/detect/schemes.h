/* schemes.h - the numbers of Europe that are all digits. Internal to policy/. */
#ifndef POLICY_SCHEMES_H
#define POLICY_SCHEMES_H

#include "policy/policy.h"

/* How much a passed check says about a random digit string (share accepted, measured on 60 000):
 * STRONG under 0.5 %, MIDDLE under 4 %, WEAK 6 to 10 %, NONE: no check at all. */
enum pol_strength { POL_STRONG, POL_MIDDLE, POL_WEAK, POL_NO_CHECK };

struct pol_scheme {
    const char *subtype;
    enum pol_type type;
    uint8_t digits;
    enum pol_strength strength;
    uint32_t cues, where;            /* CUE_* that announce it; IN_* of its country */
    bool (*check)(const uint8_t *d); /* digit values */
    const char *forms;               /* canonical groupings, "|" around each: "|11|6-5|" */
};

extern const struct pol_scheme pol_schemes[];
extern const size_t pol_schemes_n;

#endif

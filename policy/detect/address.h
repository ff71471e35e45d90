/* address.h - the parts of postal addresses, read where they may stand. Internal to policy/.
 *
 * Each looks at the normalised text at i and returns where the part ends, or i if none is there.
 */
#ifndef POLICY_ADDRESS_H
#define POLICY_ADDRESS_H

#include "policy/detect/detect.h"

size_t pol_addr_spaces(const struct pol_scan *s, size_t i);
size_t pol_addr_word_end(const struct pol_scan *s, size_t i);
size_t pol_addr_word_start(const struct pol_scan *s, size_t i); /* looks back */
bool pol_addr_upper_at(const struct pol_scan *s, size_t i);
bool pol_addr_particle(const struct pol_scan *s, size_t a, size_t b); /* "de", "van" */
/* "12", "12a", "12/4", "12-14", "4 bis". */
size_t pol_addr_house_number(const struct pol_scan *s, size_t i);
size_t pol_addr_postal(const struct pol_scan *s, size_t i); /* a postal code of some country */
size_t pol_addr_town(const struct pol_scan *s, size_t i);   /* up to four capitalised words */
size_t pol_addr_unit(const struct pol_scan *s, size_t i);   /* "Apt. 4", "Suite 12" */
/* "A", "NSW", "CA": a part of a country with a postal code behind; its end with the code. */
size_t pol_addr_region(const struct pol_scan *s, size_t i);

#endif

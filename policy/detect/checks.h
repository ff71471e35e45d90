/* checks.h - checksums and calendars behind identifiers. Internal to policy/.
 *
 * Pure functions over digit values (0 to 9, not ASCII) unless said otherwise. The formulas are
 * public: national tax and population registers, ISO 7064, ISO 13616, ISO/IEC 7812, ICAO 9303.
 */
#ifndef POLICY_CHECKS_H
#define POLICY_CHECKS_H

#include "base/str.h"

bool pol_luhn(const uint8_t *d, size_t n);                   /* last digit is the check digit */
bool pol_mod11_10(const uint8_t *d, size_t n);               /* ISO 7064 hybrid, last is check */
bool pol_verhoeff(const uint8_t *d, size_t n);               /* last is check */
int pol_weighted(const uint8_t *d, const char *w, size_t n); /* sum d[i] * (w[i] - '0'); 'A' 10 */
/* Digit sums of the products d[i] * (w[i] - '0'), as German insurers and tax offices do. */
int pol_product_sum(const uint8_t *d, const char *w, size_t n);
bool pol_date_ok(int y, int m, int d);      /* a day of the calendar */
bool pol_date2_ok(int yy, int m, int d);    /* century unknown */
int pol_mrz_digit(const char *p, size_t n); /* ICAO 7-3-1 of A-Z 0-9 <; -1 */
/* Letters as 10..35, spaces and hyphens skipped: value mod 97 after moving the first `rotate`
 * characters to the end; -1 on any other character. */
int pol_mod97(struct base_str s, size_t rotate);
/* Length of a country's IBAN, 0 if it has none. */
size_t pol_iban_length(const char cc[2]);
bool pol_iban_ok(struct base_str compact); /* upper case, no spaces: length and mod 97 */
/* Card network from the leading digits and the length, or NULL. */
const char *pol_card_network(const uint8_t *d, size_t n);

#endif

/* ids.h - what ids.c and vat.c share. Internal to policy/. */
#ifndef POLICY_IDS_H
#define POLICY_IDS_H

#include "policy/detect/detect.h"
#include "policy/detect/schemes.h"

/* Reports an identifier of p's type at [from, to), or nothing: what a passed or failed check means
 * where it stands. p->arg and p->arg2 are the cues and the countries that announce it. */
void pol_id_judge(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to, bool holds,
                  enum pol_strength strength);

/* A VAT number that begins at from, where a token does. */
void pol_vat_at(struct pol_scan *s, size_t from);

#endif

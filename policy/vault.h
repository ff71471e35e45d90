/* vault.h - placeholders and what they stand for. Internal to policy/. */
#ifndef POLICY_VAULT_H
#define POLICY_VAULT_H

#include "policy/policy.h"

struct pol_vault *pol_vault_new(void);
/* Numbers of the type up to and including number are taken by the text itself. */
void pol_vault_reserve(struct pol_vault *v, enum pol_type type, uint32_t number);
/* The placeholder for an original, new or known; borrowed, valid as long as v. {NULL,0}: out of
 * memory or numbers. */
struct base_str pol_vault_put(struct pol_vault *v, enum pol_type type, struct base_str original);
/* The original, or {NULL,0}. */
struct base_str pol_vault_get(const struct pol_vault *v, enum pol_type type, uint32_t number);

/* Looks for a placeholder at p[0..n), in any form in which models hand them back: any case,
 * backslashes before [ _ ]. Returns its length; 0 if there is none; -1 if n ends before it is
 * decided. *skip is how many leading backslashes are not part of it. */
#define POL_PLACEHOLDER_MAX 48
int pol_placeholder_at(const char *p, size_t n, enum pol_type *type, uint32_t *number,
                       size_t *skip);

#endif

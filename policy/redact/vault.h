/* vault.h - placeholders and what they stand for. Internal to policy/. */
#ifndef POLICY_VAULT_H
#define POLICY_VAULT_H

#include "policy/policy.h"

struct pol_vault *pol_vault_new(void);
/* Numbers of the type up to and including number are taken by the text itself. */
void pol_vault_reserve(struct pol_vault *v, enum pol_type type, uint32_t number);
/* From now on values get substitutes, where there is one; false: out of memory. */
bool pol_vault_substitute(struct pol_vault *v, struct base_str tenant);
/* A text of the request: no substitute may stand in it. Nothing without pol_vault_substitute. */
void pol_vault_note(struct pol_vault *v, struct base_str text);
/* All is put: substitutes can be looked for. False: out of memory. */
bool pol_vault_seal(struct pol_vault *v);
/* The placeholder or substitute for an original, new or known; borrowed, valid as long as v.
 * {NULL,0}: out of memory or numbers. */
struct base_str pol_vault_put(struct pol_vault *v, enum pol_type type, const char *subtype,
                              struct base_str original);
/* Looks for the longest substitute at p[0..n), whole words only, in the forms in which it may come
 * back: a backslash before punctuation; in JSON text also \u00XX. Returns its length; 0 if there is
 * none; -1 if n ends before it is decided (never when last). */
int pol_vault_match(const struct pol_vault *v, const char *p, size_t n, bool json_text, bool last,
                    struct base_str *original);
bool pol_vault_has_substitutes(const struct pol_vault *v);
/* c begins or goes on with a letter or digit: what touches it is part of a longer word. */
bool pol_vault_in_word(char c);
/* The original, or {NULL,0}. */
struct base_str pol_vault_get(const struct pol_vault *v, enum pol_type type, uint32_t number);

/* Looks for a placeholder at p[0..n), in any form in which models hand them back: any case,
 * backslashes before [ _ ]. Returns its length; 0 if there is none; -1 if n ends before it is
 * decided. *skip is how many leading backslashes are not part of it. */
#define POL_PLACEHOLDER_MAX 48
int pol_placeholder_at(const char *p, size_t n, enum pol_type *type, uint32_t *number,
                       size_t *skip);

#endif

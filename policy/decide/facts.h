/* facts.h - the facts of a decision as JSON; facts.c has the format. Not for loops: parsing uses
 * jansson's heap.
 */
#ifndef POLICY_FACTS_H
#define POLICY_FACTS_H

#include "policy/policy.h"

#include <jansson.h>

/* A back end's facts as one object, keys sorted. */
void pol_residency_json(struct base_json *j, const struct conf_residency *r);
/* Reads what pol_residency_json writes (and what the YAML says); strings go to the arena. */
bool pol_residency_parse(const json_t *o, struct base_arena *a, struct conf_residency *r,
                         struct base_err *err);
/* What a leaf holds beside its decision; loops may call it. */
void pol_facts_leaf_json(struct base_json *j, const struct pol_facts *f);

/* What a name of a candidate stands for, or NULL; what it returns must outlive the facts. */
typedef const struct conf_target *(*pol_find_fn)(void *ctx, struct base_str name);
/* facts: whole, or a leaf's with decision beside it (else NULL). Everything goes to the arena.
 * BASE_EINVAL with what is wrong. */
enum base_status pol_facts_parse(const json_t *facts, const json_t *decision, pol_find_fn find,
                                 void *ctx, struct base_arena *a, struct pol_facts *f,
                                 struct base_err *err) BASE_MUST_CHECK;

#endif

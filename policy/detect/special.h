/* special.h - the grammar of statements on a person: what special.c tells statement.c. Internal to
 * policy/.
 */
#ifndef POLICY_SPECIAL_H
#define POLICY_SPECIAL_H

#include "policy/policy.h"
#include "policy/words/terms.h"

struct pol_scan;
/* WORD_* of the word [from, to). */
unsigned pol_small_kind(const struct pol_scan *s, size_t from, size_t to);
/* A full stop, an end of line ... at i that ends a sentence. */
bool pol_sentence_end(const struct pol_scan *s, size_t i);
/* Where the clause that goes on at `to` ends, at most at `end`. */
size_t pol_clause_end(const struct pol_scan *s, size_t to, size_t end);
/* The grammar's verdict on the term [from, to) of the sentence [a, b): said of somebody? */
bool pol_term_said(const struct pol_scan *s, unsigned kind, size_t from, size_t to, size_t a,
                   size_t b);

#endif

/* special.h - the vocabulary of statements on a person. Internal to policy/. */
#ifndef POLICY_SPECIAL_H
#define POLICY_SPECIAL_H

#include "policy/policy.h"

/* What a term needs to be a finding; special.c. */
enum pol_term_kind {
    TERM_PRED,  /* a predicate that only a person takes: somebody stands before it */
    TERM_FACT,  /* a fact word: somebody and "is", "has", "her" ... before it */
    TERM_CLIN,  /* a name of an illness, drug or examination: as FACT, or in somebody's record */
    TERM_DOSE,  /* a unit of measure behind a number behind a drug */
    TERM_LABEL, /* "Diagnosis: x" in somebody's record: x */
    TERM_USE    /* words of a use that the AI Act prohibits; signals.c */
};

/* Words of one family, between '|'; a trailing '*' lets a word go on. Written as in the language,
 * folded like all text when compiled. */
struct pol_terms {
    const char *words;
    uint8_t kind, type;
    uint8_t arg; /* USE: 1 and 2 a practice, 16 work or school, 32 doing it */
};

extern const struct pol_terms pol_terms[];
extern const size_t pol_terms_n;

/* Small words, folded, by what they say of a sentence. */
enum {
    WORD_SUBJECT = 1, /* a pronoun or a person's part: somebody is spoken of */
    WORD_GENERAL = 2, /* a question or a study of the world */
    WORD_COPULA = 4,  /* is, has, became */
    WORD_OWNER = 8,   /* my, her: somebody's, of the word behind */
    WORD_SELF = 16    /* the writer */
};
struct pol_small_words {
    const char *words; /* between '|' */
    unsigned what;
};
extern const struct pol_small_words pol_small_words[];
extern const size_t pol_small_words_n;

/* ---- special.c, for statement.c ---- */

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

/* terms.h - the vocabulary of statements on a person: the terms of special_terms.c and the small
 * words of special_words.c, as data. Internal to policy/; detect/special.c reads them.
 */
#ifndef POLICY_WORDS_TERMS_H
#define POLICY_WORDS_TERMS_H

#include <stddef.h>
#include <stdint.h>

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

#endif

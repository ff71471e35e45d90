/* hints.h - words that hint at a special category: the lists of hints_*.c, as data. Internal to
 * policy/; detect/hints.c looks them up, detect/statement.c judges what stands around them.
 */
#ifndef POLICY_WORDS_HINTS_H
#define POLICY_WORDS_HINTS_H

#include <stddef.h>
#include <stdint.h>

/* Words of one category, between '|', as written in the language. '*' lets a word go on, a space
 * stands for any gap between two words. One in capitals means capitals in the text ("SUD"). */
struct pol_hint_words {
    uint8_t type;   /* enum pol_type */
    uint8_t strong; /* 1: of the subject itself; 0: of what often goes with it */
    const char *words;
};

extern const struct pol_hint_words pol_hints_health[], pol_hints_belief[], pol_hints_life[];
extern const size_t pol_hints_health_n, pol_hints_belief_n, pol_hints_life_n;
extern const struct pol_hint_words pol_hints_people[], pol_hints_world[];
extern const size_t pol_hints_people_n, pol_hints_world_n;

/* A type from here on is no category but a thing that sentences say ("arrested", "brochure"). */
#define POL_CONCEPT 128

#endif

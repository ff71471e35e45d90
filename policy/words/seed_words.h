/* seed_words.h - the words of a wallet's seed phrase. Internal to policy/.
 */
#ifndef POLICY_SEED_WORDS_H
#define POLICY_SEED_WORDS_H

#define POL_SEED_WORDS 2048

/* Sorted; a word of eight letters has no zero behind it. */
extern const char pol_seed_words[POL_SEED_WORDS][8];

#endif

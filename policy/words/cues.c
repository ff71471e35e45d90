/* cues.c - the lists of cue words, by meaning, in the languages of Europe.
 *
 * Pure data, a file a subject (cues_*.c). Words are folded by the normaliser before they are
 * compiled, so accents and case do not matter here (Cyrillic and Greek are listed in the cases in
 * use). A '*' at the end lets a word go on (inflection, compounds), one at the beginning lets it be
 * the end of a compound. A word may stand in several lists: each of its meanings counts.
 */
#include "policy/words/cues.h"

const struct pol_cue_list pol_cue_lists[] = {
    {pol_cues_ids, &pol_cues_ids_n},         {pol_cues_places, &pol_cues_places_n},
    {pol_cues_contact, &pol_cues_contact_n}, {pol_cues_papers, &pol_cues_papers_n},
    {pol_cues_people, &pol_cues_people_n},
};

const size_t pol_cue_lists_n = sizeof(pol_cue_lists) / sizeof(pol_cue_lists[0]);

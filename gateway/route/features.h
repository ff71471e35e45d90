/* features.h - what the difficulty model sees of a text: hashed n-grams, hand features, cue counts.
 *
 * One implementation serves the gateway and the trainer (tools/train_router.py compiles features.c
 * and cues.c into a shared object and calls gw_features_dump), so both see the same numbers.
 * Nothing here allocates, blocks or depends on the locale. Thread safe.
 */
#ifndef GW_ROUTE_FEATURES_H
#define GW_ROUTE_FEATURES_H

#include "base/str.h"

#define GW_FEAT_HEAD_BYTES 3072 /* of a long text, this much of its start ... */
#define GW_FEAT_TAIL_BYTES 1024 /* ... and this much of its end are read */
#define GW_FEAT_TEXT_BYTES (GW_FEAT_HEAD_BYTES + GW_FEAT_TAIL_BYTES)
#define GW_FEAT_WORD_BITS  15 /* buckets of the word 1-2-grams: the first 2^15 */
#define GW_FEAT_CHAR_BITS  16 /* buckets of the char 3-5-grams: the 2^16 behind them */
#define GW_FEAT_WORDS      (1u << GW_FEAT_WORD_BITS)
#define GW_FEAT_BUCKETS    (GW_FEAT_WORDS + (1u << GW_FEAT_CHAR_BITS))
#define GW_FEAT_GRAM_MAX   16384 /* distinct n-grams kept; a 4096-byte text cannot have more */
#define GW_FEAT_STRUCT     44    /* structural features, before the cue counts */
#define GW_FEAT_PIECES_MAX 64

/* Classes of cue words (cues.c). META and FILL are not features: a clause that consists of nothing
 * else says how hard the caller finds the task, which is not the caller's to say, and is dropped.
 */
enum gw_cue {
    GW_CUE_META,
    GW_CUE_FILL,
    GW_CUE_GREET,
    GW_CUE_FACT,
    GW_CUE_HOW,
    GW_CUE_TRANSLATE,
    GW_CUE_SUMMARISE,
    GW_CUE_EXTRACT,
    GW_CUE_CLASSIFY,
    GW_CUE_REWRITE,
    GW_CUE_WRITE,
    GW_CUE_LIST,
    GW_CUE_EXPLAIN,
    GW_CUE_CODE,
    GW_CUE_MATHS,
    GW_CUE_PROOF,
    GW_CUE_REASON,
    GW_CUE_DESIGN,
    GW_CUE_DEBUG,
    GW_CUE_AGENT,
    GW_CUE_LEGAL,
    GW_CUE_MEDICAL,
    GW_CUE_FINANCE,
    GW_CUE_SAFETY,
    GW_CUE_CONSTRAINT,
    GW_CUE_MULTI,
    GW_CUE_LOGIC,
    GW_CUE_QUANT,
    GW_CUE_NOT,
    GW_CUE_SCIENCE,
    GW_CUE_COUNT
};

/* A class and its words, space separated; a trailing '*' matches any ending. Lower case, folded to
 * ASCII. Terminated by words == NULL. */
struct gw_cue_words {
    enum gw_cue cue;
    const char *words;
};
extern const struct gw_cue_words gw_cue_table[];

#define GW_FEAT_HAND (GW_FEAT_STRUCT + GW_CUE_COUNT)

/* Index of the structural features that other code reads. */
enum gw_feat {
    GW_FEAT_LOG_CHARS,
    GW_FEAT_LOG_WORDS,
    GW_FEAT_OPTIONS = 8,
    GW_FEAT_QMARKS = 9,
    GW_FEAT_CODE_LINES = 10,
    GW_FEAT_NUMBERS = 11
};

struct gw_features {
    float hand[GW_FEAT_HAND];
    uint16_t cues[GW_CUE_COUNT];  /* how many distinct words of each class */
    uint16_t lead[GW_CUE_COUNT];  /* of those, within the first words of a sentence or line */
    uint16_t first[GW_CUE_COUNT]; /* of those, within the first words of the whole text */
    uint32_t n_words, n_options, n_numbers, n_code_lines, n_questions, n_lines, n_ops;
    uint64_t n_bytes; /* of the whole text, before sampling */
    uint32_t latin_letters, other_letters;
    uint32_t n_word_grams, n_grams; /* grams[0..n_word_grams) words, the rest characters */
    uint32_t grams[GW_FEAT_GRAM_MAX];
};

/* Fills *f from the concatenation of n pieces (at most GW_FEAT_PIECES_MAX; later ones are not
 * read). About 72 KB: fine on a thread's stack, not on a fiber's. Never fails. */
void gw_features_extract(const struct base_str *pieces, size_t n, struct gw_features *f);

/* For the trainer: hand features into hand[GW_FEAT_HAND], distinct buckets into
 * grams[GW_FEAT_GRAM_MAX]; *n_word tells how many of them are word n-grams. Returns their number.
 */
uint32_t gw_features_dump(const char *text, size_t n, float *hand, uint32_t *grams,
                          uint32_t *n_word);

#endif

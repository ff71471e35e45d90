/* statement.h - the sentences that statement.c judges, and the model that judges them. Internal to
 * policy/.
 */
#ifndef POLICY_STATEMENT_H
#define POLICY_STATEMENT_H

#include "policy/detect/detect.h"
#include "policy/detect/hints.h"
#include "policy/detect/special.h"

#define POL_STMT_WORDS 90u /* of a sentence, at most */
#define POL_STMT_HITS  16u
#define POL_STMT_BARE  4u /* words that a sentence needs to say something without a hint */

#define POL_STMT_BITS     18  /* rows of a hit: 2^POL_STMT_BITS of two bytes */
#define POL_STMT_FEATURES 160 /* at most that many features a hit */
#define POL_WIDE_BITS     17  /* rows of a sentence: 2^POL_WIDE_BITS of POL_WIDE_LANES bytes */
#define POL_WIDE_LANES    16  /* 0: said of somebody; 1 and on: a category; the rest unused */
#define POL_WIDE_FEATURES 640 /* at most that many features a sentence */

enum { POL_NAME_NO, POL_NAME_PERSON, POL_NAME_ORG, POL_NAME_PLACE };

struct pol_stmt_word {
    uint32_t from, to;
    uint32_t key;  /* hash of the first bytes, or of what kind of name it is */
    uint32_t full; /* of all its bytes */
    uint32_t head; /* of fewer first bytes */
    uint32_t tail; /* of the last ones; 0: too short */
    uint8_t kind;  /* special.h, WORD_* */
    uint8_t name;
    uint8_t says[2]; /* 1 + a concept of hints.h, 0: none */
};

struct pol_stmt_hit {
    uint32_t from, to, id;
    uint8_t type;
    uint8_t kind; /* enum pol_term_kind, or POL_STMT_HINT + its strength */
    bool rule;    /* the grammar of special.c calls it a statement */
};
#define POL_STMT_HINT 254

struct pol_clause {
    size_t a, b; /* in the text */
    struct pol_stmt_word w[POL_STMT_WORDS];
    size_t n_w;
    struct pol_stmt_hit h[POL_STMT_HITS];
    size_t n_h;
    unsigned kinds;           /* WORD_* of all words */
    unsigned before;          /* categories hinted at in the sentence before, a bit each */
    bool named, named_before; /* somebody in it; in the text right before it */
    bool asked;               /* it ends with a question mark */
    bool world;               /* "what are the symptoms of": nobody in it, the writer neither */
};

struct pol_stmt_view {
    uint32_t rows[POL_WIDE_FEATURES];
    uint8_t word[POL_WIDE_FEATURES]; /* the word it is of, POL_STMT_WORDS: of none */
    size_t n;
};

/* Which lane of a wide row is the category's; 0: it has none. */
unsigned pol_stmt_lane(enum pol_type type);
enum pol_type pol_stmt_lane_type(unsigned lane);
#define POL_STMT_LANES 10

/* Rows of the sentence, of 2^POL_WIDE_BITS. */
void pol_stmt_wide(const struct pol_clause *c, struct pol_stmt_view *v);
/* Rows of one hit, of 2^POL_STMT_BITS. */
void pol_stmt_narrow(const struct pol_clause *c, const struct pol_stmt_hit *h,
                     struct pol_stmt_view *v);

/* For the trainer: `seen` gets each sentence that this thread's scans judge; NULL ends that. */
typedef void (*pol_stmt_fn)(void *ctx, const struct pol_clause *c,
                            const struct pol_stmt_view *wide);
void pol_stmt_observe(pol_stmt_fn seen, void *ctx);

#endif

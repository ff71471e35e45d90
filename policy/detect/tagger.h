/* tagger.h - names of persons, organisations and places, by a small trained model. Internal to
 * policy/.
 *
 * The model is linear: a token's score for a label is the sum of one signed byte for each of its
 * features, looked up by hash. tools/train_tagger.py makes it; tagger_model.c embeds it.
 */
#ifndef POLICY_TAGGER_H
#define POLICY_TAGGER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a token is labelled. TAG_B_x begins an entity, TAG_I_x goes on. */
enum { TAG_O, TAG_B_PER, TAG_I_PER, TAG_B_ORG, TAG_I_ORG, TAG_B_LOC, TAG_I_LOC, TAG_COUNT };

#define TAG_ROW      8  /* bytes a feature: a weight a label, one unused */
#define TAG_BITS     19 /* rows: 2^TAG_BITS */
#define TAG_GAZ_BITS 20 /* bytes of the word list: 2^TAG_GAZ_BITS, a bit a list */
#define TAG_FEATURES 40 /* at most that many features a token */

/* Bits of the lists: what a word is known as. */
enum {
    TAG_GIVEN = 1,
    TAG_FAMILY = 2,
    TAG_PLACE = 4,
    TAG_FIRM = 8,     /* "GmbH", "University" */
    TAG_COUNTRY = 16, /* countries and their parts */
    TAG_COMMON = 32,  /* also an ordinary word, written small */
    TAG_LISTS_AT = 16 /* where these bits stand beside a shape, in what pol_tag_fn gets */
};

/* Bits of a token's shape. */
enum {
    TOK_UPPER = 1,  /* begins with a capital */
    TOK_ALLCAP = 2, /* two letters or more, all capitals */
    TOK_DIGIT = 4,  /* holds a digit */
    TOK_ALNUM = 8,  /* a word or number, else one punctuation mark */
    TOK_NEWLINE = 16,
    TOK_HYPHEN = 32,   /* holds one */
    TOK_ALIEN = 64,    /* holds letters that are not Latin */
    TOK_LOWERED = 128, /* lower-case letters in it */
    TOK_SPACED = 256,  /* white space stands before it */
    TOK_SMALL = 512    /* of a text without capitals */
};

struct pol_tok {
    uint32_t from, to;
    uint32_t word; /* hash of the word in lower case */
    uint32_t pre;  /* first three bytes, lower case */
    uint32_t suf;  /* last four bytes, lower case, the last one lowest */
    uint16_t shape;
    uint8_t lists; /* of the model's word lists */
    uint8_t len;
};

struct pol_tagger {
    const int8_t *rows;   /* 2^TAG_BITS of TAG_ROW */
    const uint8_t *lists; /* 2^TAG_GAZ_BITS */
};

/* The model that the program carries; BASE_EINVAL if it is not the one that was built in. */
enum base_status pol_tagger_builtin(struct pol_tagger *t, struct base_err *err) BASE_MUST_CHECK;

/* Reads the token that begins at or after *at of p[0..n); false at the end. */
bool pol_tok_next(const struct pol_tagger *t, const char *p, size_t n, size_t *at,
                  struct pol_tok *out);
/* The features of the middle one of five tokens, behind labels t2 t1: hashes of 32 bits, of which
 * the upper TAG_BITS choose the row. Returns how many. */
size_t pol_tag_features(const struct pol_tok *mid, unsigned t2, unsigned t1,
                        uint32_t out[TAG_FEATURES]);
/* Whether a text has next to no capitals, so that names in it are written small. */
bool pol_tag_small(const char *p, size_t n);
/* In such a text: a word that lists of names know, and that is no ordinary one, counts as written
 * with a capital. */
void pol_tok_raise(struct pol_tok *k);
/* The bits that tell in which lists a word stands. */
uint8_t pol_tag_lists(const uint8_t *lists, uint32_t word);
void pol_tag_list_add(uint8_t *lists, uint32_t word, uint8_t bits); /* for the trainer */

/* Labels all entities of a text. `found` gets each one, in order: kind is TAG_B_x, margin how far
 * the label's score stood above that of no entity, a token on average; shape the first token's,
 * with its lists from bit TAG_LISTS_AT on; tokens how many. `seen` gets every token, entity or not.
 * Uses no memory but the stack. */
typedef void (*pol_tag_fn)(void *ctx, size_t from, size_t to, unsigned kind, int margin,
                           unsigned tokens, unsigned shape);
void pol_tag_text(const struct pol_tagger *t, const char *p, size_t n, pol_tag_fn found,
                  void (*seen)(void *ctx, const struct pol_tok *k), void *ctx);

#endif

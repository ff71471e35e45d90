/* tok_int.h - what the tokenizer's files share; nobody else includes it. */
#ifndef ENG_TOK_INT_H
#define ENG_TOK_INT_H

#include "base/arena.h"
#include "engine/text/tok.h"

enum eng_tok_type {
    TOK_NORMAL = 1,
    TOK_UNKNOWN = 2,
    TOK_CONTROL = 3,
    TOK_USER = 4,
    TOK_UNUSED = 5,
    TOK_BYTE = 6
};

/* text -> id; open addressing, -1 empty. */
struct tok_map {
    int32_t *slot;
    size_t mask;
};

/* (left symbol, right symbol) -> rank and result. */
struct tok_merge {
    int32_t left, right; /* left < 0: empty */
    int32_t rank, result;
};

struct tok_merges {
    struct tok_merge *slot;
    size_t mask;
};

/* One way to cut: the length of the match at p[i..n), or 0 and in *skip how far to go on. */
typedef size_t (*tok_match_fn)(const char *p, size_t i, size_t n, size_t *skip);
#define TOK_STAGES_MAX 6

struct tok_rule {
    const char *names; /* as in tokenizer.ggml.pre, separated by spaces */
    tok_match_fn stage[TOK_STAGES_MAX];
    bool ignore_merges; /* a word that is a token is taken whole */
    bool add_bos;       /* default when the file does not say */
    bool clean_spaces;  /* decoding takes spaces before punctuation away */
};

struct eng_tok {
    struct base_arena *arena;
    bool spm;
    bool gemma;                  /* merges over characters */
    const struct tok_rule *rule; /* gpt2 and gemma4 */
    char kind[48];
    uint32_t n_vocab;
    struct base_str *text; /* [n_symbols]: the vocabulary, then parts that only merges name */
    uint32_t n_symbols;
    uint8_t *type;        /* [n_vocab] */
    uint8_t *flags;       /* [n_vocab]: TOK_F_* */
    float *score;         /* [n_vocab] for SPM */
    struct tok_map all;   /* every token */
    struct tok_map plain; /* symbols that text may turn into: normal and user-defined */
    struct tok_merges merges;
    int32_t byte_id[256]; /* symbol (gpt2) or token (SPM) of a byte, -1 if none */
    size_t text_max;      /* longest token */
    int32_t bos, eos, unk;
    bool add_bos, add_eos, add_space_prefix;
    int32_t *special; /* tokens to be split out, longest first */
    size_t n_special;
    uint32_t special_first[257]; /* special_by[first[c] .. first[c+1]): those that start with c */
    uint32_t *special_by;        /* indexes into `special`, ascending within a byte */
};

enum {
    TOK_F_EOG = 1,
    TOK_F_RSTRIP = 2,
    TOK_F_PLAIN = 4, /* user-defined, no markup */
    TOK_F_SHOWN = 8  /* control, and yet part of what is generated */
};

/* id or -1 */
int32_t tok_map_get(const struct eng_tok *t, const struct tok_map *m, struct base_str s);
/* false if s is there already */
bool tok_map_put(const struct eng_tok *t, struct tok_map *m, struct base_str s, int32_t id);
const struct tok_merge *tok_merge_get(const struct tok_merges *m, int32_t left, int32_t right);

/* Joins neighbours until none can be joined: the loop that SPM and BPE share (tok_merge.c). */
struct tok_sym {
    int32_t prev, next; /* -1: none */
    uint32_t at, len;   /* in the text; len 0: gone */
    int32_t id;         /* symbol, -1 if this text is none */
};

struct tok_joiner {
    struct tok_sym *sym;
    size_t n, cap;
    struct tok_cand *heap;
    size_t n_heap, cap_heap;
};

/* Can a and b be joined? Lower cost first, then the leftmost. */
typedef bool (*tok_pair_fn)(const struct eng_tok *t, const char *text, const struct tok_sym *a,
                            const struct tok_sym *b, float *cost, int32_t *id);
enum base_status tok_joiner_add(struct tok_joiner *j, uint32_t at, uint32_t len, int32_t id,
                                struct base_err *err);
enum base_status tok_join(const struct eng_tok *t, struct tok_joiner *j, const char *text,
                          tok_pair_fn pair, struct base_err *err);
void tok_joiner_release(struct tok_joiner *j);

/* Appends the ids of a stretch that holds no special token. */
enum base_status tok_bpe_encode(const struct eng_tok *t, struct tok_joiner *j, struct base_str text,
                                struct eng_ids *ids, struct base_err *err);
enum base_status tok_spm_encode(const struct eng_tok *t, struct tok_joiner *j, struct base_str text,
                                bool space_prefix, struct eng_ids *ids, struct base_err *err);

enum base_status tok_gemma_encode(const struct eng_tok *t, struct tok_joiner *j,
                                  struct base_str text, struct eng_ids *ids, struct base_err *err);

/* The byte alphabet of GPT-2: printable stand-ins for all bytes. */
uint32_t tok_alphabet(uint8_t byte);
int tok_alphabet_byte(uint32_t cp); /* -1: no stand-in */

const struct tok_rule *tok_rule_find(struct base_str name);
extern const struct tok_rule tok_rule_gemma; /* of the kind of that name; not found by name */
/* Calls word for each piece of text in order. */
typedef enum base_status (*tok_word_fn)(void *ctx, struct base_str word);
enum base_status tok_rule_split(const struct tok_rule *r, struct base_str text, tok_word_fn word,
                                void *ctx);

#endif

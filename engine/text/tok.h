/* tok.h - text to token ids and back, as the model's GGUF file lays it down.
 *
 * Three kinds are built: "llama" (SentencePiece with scores), "gpt2" (byte-level BPE with merges,
 * words cut by one of the rules of tok_pre.c) and "gemma4" (merges over characters). A file that
 * asks for a rule that is not built is refused by name: the wrong rule would only lower the
 * quality, which nobody would notice.
 *
 * A tokenizer never changes once made: any number of threads may use one at a time.
 *
 * Special tokens (control, and user-defined ones that are markup) are recognised in text only where
 * the caller says that the text may contain them. Text that came from outside never does, so no
 * request can end a turn or open another role by spelling the token.
 */
#ifndef ENG_TOK_H
#define ENG_TOK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct eng_gguf;
struct eng_tok;

#define ENG_TOK_TEXT_MAX  (16u << 20) /* bytes of one text */
#define ENG_TOK_VOCAB_MAX (4u << 20)  /* tokens, and merges */

/* What a file says about its tokenizer; tests build these by hand. Everything is borrowed for the
 * call of eng_tok_new only. */
struct eng_tok_src {
    struct base_str model; /* "llama", "gpt2" or "gemma4" */
    struct base_str pre;   /* rule for gpt2 */
    struct base_str name;  /* general.name: a few rules hang on it */
    const struct base_str *tokens;
    size_t n_tokens;
    const int32_t *types; /* NULL: all normal */
    size_t n_types;
    const float *scores; /* needed by llama */
    size_t n_scores;
    const struct base_str *merges; /* "left right", needed by gpt2 and gemma4 */
    size_t n_merges;
    int64_t bos, eos, eot, eom, unk;        /* -1: none */
    int add_bos, add_eos, add_space_prefix; /* -1: the default of the kind */
};

/* *out is owned by the caller. Errors: BASE_EINVAL with what does not hold, BASE_ENOMEM. */
enum base_status eng_tok_new(const struct eng_tok_src *src, struct eng_tok **out,
                             struct base_err *err) BASE_MUST_CHECK;
enum base_status eng_tok_from_gguf(const struct eng_gguf *g, struct eng_tok **out,
                                   struct base_err *err) BASE_MUST_CHECK;
void eng_tok_free(struct eng_tok *t); /* NULL is fine */

uint32_t eng_tok_n_vocab(const struct eng_tok *t);
int32_t eng_tok_bos(const struct eng_tok *t); /* -1 if there is none */
int32_t eng_tok_eos(const struct eng_tok *t);
bool eng_tok_adds_bos(const struct eng_tok *t);
/* Ends a generation: eos, eot, eom and the names that files use for them. */
bool eng_tok_is_eog(const struct eng_tok *t, int32_t id);
/* A token that is no text: control, unknown, unused. */
bool eng_tok_is_special(const struct eng_tok *t, int32_t id);
/* A user-defined token: text that the models' makers gave a token of its own, markup mostly. */
bool eng_tok_is_user(const struct eng_tok *t, int32_t id);
/* The token's text as it stands in the file; empty for an id that is none. Lives as long as t. */
struct base_str eng_tok_text(const struct eng_tok *t, int32_t id);
/* The token with exactly this text in the file, special or not; -1 if none. */
int32_t eng_tok_find(const struct eng_tok *t, struct base_str text);
/* "gpt2/smollm", "llama": for `weir model info`. Lives as long as t. */
const char *eng_tok_kind(const struct eng_tok *t);

/* A growing list of ids with a bound. */
struct eng_ids {
    int32_t *v;
    size_t n, cap;
    size_t max; /* BASE_LIMIT beyond it; set before use */
};
void eng_ids_release(struct eng_ids *ids);
/* BASE_LIMIT at ids->max, BASE_ENOMEM. */
enum base_status eng_ids_add(struct eng_ids *ids, int32_t id, struct base_err *err) BASE_MUST_CHECK;

enum {
    ENG_TOK_ADD = 1,  /* put BOS/EOS where the file says so */
    ENG_TOK_PARSE = 2 /* special tokens spelled in the text become tokens */
};

/* Appends the ids of text. Bytes that are no UTF-8 are kept (byte tokens). BASE_LIMIT for a text
 * or a result over its bound, BASE_ENOMEM. On failure ids holds an undefined but valid prefix. */
enum base_status eng_tok_encode(const struct eng_tok *t, struct base_str text, unsigned flags,
                                struct eng_ids *ids, struct base_err *err) BASE_MUST_CHECK;

/* A stretch of a text: [from, to) in bytes. */
struct eng_span {
    size_t from, to;
};

/* As eng_tok_encode with ENG_TOK_PARSE, but no special token is recognised that touches one of the
 * foreign spans (ascending, not overlapping): text that the caller did not write itself. */
enum base_status eng_tok_encode_mixed(const struct eng_tok *t, struct base_str text,
                                      const struct eng_span *foreign, size_t n_foreign,
                                      unsigned flags, struct eng_ids *ids,
                                      struct base_err *err) BASE_MUST_CHECK;

/* Appends the bytes that the token stands for. Special tokens give their name if `special`,
 * nothing otherwise, except for the marks of Harmony's channels (gpt-oss), which give it always.
 * May end in the middle of a UTF-8 sequence. BASE_EINVAL for an id outside the vocabulary,
 * BASE_LIMIT when out is full. */
enum base_status eng_tok_piece(const struct eng_tok *t, int32_t id, bool special,
                               struct base_buf *out, struct base_err *err) BASE_MUST_CHECK;
/* Appends the text of ids, special tokens by name: the reverse of encoding a whole text. SPM's
 * leading space is taken away again; where the model's rule cleans up spaces before punctuation
 * (gpt-2, starcoder, falcon) that is done too. */
enum base_status eng_tok_decode(const struct eng_tok *t, const int32_t *ids, size_t n,
                                struct base_buf *out, struct base_err *err) BASE_MUST_CHECK;
/* The rules that are built, comma separated, for messages. Static. */
const char *eng_tok_rules(void);

#endif

/* sampler.h - from a row of logits to a token, and from tokens to text that may be shown.
 *
 * Both belong to one sequence and one thread at a time.
 */
#ifndef ENG_SAMPLER_H
#define ENG_SAMPLER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct eng_sampling {
    float temperature;         /* 0: always the likeliest token */
    uint32_t top_k;            /* 0: no limit */
    float top_p;               /* 1: no limit */
    float min_p;               /* 0: no limit */
    float presence, frequency; /* subtracted (frequency: times the count) for tokens generated */
    float repeat;              /* 1: none; divides or multiplies the logits of tokens generated */
    uint64_t seed;
    bool seeded; /* else the system's randomness is the seed */
};

/* temperature 0.7, top_k 40, top_p 0.95, min_p 0.05, no penalties */
struct eng_sampling eng_sampling_default(void);

struct eng_sampler;

/* Samples among the tokens 0..n_vocab-1. Owned by the caller; NULL without memory. The same
 * parameters, seed and logits give the same tokens on every machine. */
struct eng_sampler *eng_sampler_new(const struct eng_sampling *p, uint32_t n_vocab);
void eng_sampler_free(struct eng_sampler *s); /* NULL is fine */
/* Marks what is picked from now on (watermark.h). w is borrowed; previous is the last token of the
 * prompt. Call before the first pick. */
struct eng_watermark;
void eng_sampler_mark(struct eng_sampler *s, const struct eng_watermark *w, int32_t previous);
/* Picks a token, remembers it for the penalties, and returns it; logits has n_vocab values, which
 * are changed. -1: they hold no finite number.
 * Order: penalties, mark, top_k, temperature, then top_p and min_p over the probabilities that
 * result. */
int32_t eng_sampler_pick(struct eng_sampler *s, float *logits);

/* What a device needs to pick in the sampler's place; borrowed until the next call. */
struct eng_sampler_ask {
    const struct eng_sampling *p;
    double draw;           /* in [0, 1) */
    const int32_t *seen;   /* [n_seen] tokens generated, each once; only with penalties */
    const uint32_t *count; /* by token id: how often */
    size_t n_seen;
};
/* false: this sampler marks what it picks, and the whole row is needed. Otherwise exactly one of
 * eng_sampler_took() and eng_sampler_pick() follows; the latter, where the device declines, uses
 * the same draw and takes a row that the device has already penalised. */
bool eng_sampler_ask(struct eng_sampler *s, struct eng_sampler_ask *out);
/* The device picked id. */
void eng_sampler_took(struct eng_sampler *s, int32_t id);

/* ---- text with stop strings ---- */

#define ENG_STOP_MAX       16
#define ENG_STOP_BYTES_MAX 1024

/* Turns token pieces into text for the reader: whole UTF-8 sequences (bytes that are none become
 * U+FFFD), and never a byte of a stop string or of what may still become one. */
struct eng_text {
    struct base_buf held;
    struct base_buf stop[ENG_STOP_MAX];
    size_t n_stop;
    int hit; /* index of the stop string that ended it; -1: none so far */
};

void eng_text_init(struct eng_text *t);
void eng_text_release(struct eng_text *t);
/* BASE_LIMIT: too many or too long; an empty one is ignored. */
enum base_status eng_text_add_stop(struct eng_text *t, struct base_str s,
                                   struct base_err *err) BASE_MUST_CHECK;
/* Appends piece; what may be shown is appended to out. BASE_DONE once a stop string is complete
 * (t->hit says which): nothing behind it is ever shown. BASE_LIMIT when a buffer is full. */
enum base_status eng_text_push(struct eng_text *t, struct base_str piece, struct base_buf *out,
                               struct base_err *err) BASE_MUST_CHECK;
/* The end of generation: what was held back may be shown after all, but for a cut sequence. */
enum base_status eng_text_end(struct eng_text *t, struct base_buf *out,
                              struct base_err *err) BASE_MUST_CHECK;

#endif

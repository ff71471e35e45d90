/* sample.h - a token picked from each row of logits, on the device.
 *
 * The rules are those of engine/sample/sampler.c, and so is the randomness: the host draws one
 * number a row from its generator and the device does the rest. Probabilities differ from the
 * host's by rounding, so a token can differ only where the number drawn falls on the edge between
 * two. What the device does not do: watermarks (they touch the whole row by a keyed hash; the host
 * does them), and rows where more than WEIR_SAMPLE_MAX tokens come into question without a top_k to
 * cut them: those say WEIR_SAMPLE_HOST, and the host fetches that row.
 */
#ifndef ENG_CUDA_SAMPLE_H
#define ENG_CUDA_SAMPLE_H

#include <stdint.h>

struct eng_cuda;

#define WEIR_SAMPLE_MAX  1024u
#define WEIR_SAMPLE_HOST (-2)

/* What one row wants. */
struct weir_sampling {
    double draw;       /* in [0, 1), of the host's generator */
    float temperature; /* 0: the likeliest */
    float top_p, min_p;
    float presence, frequency, repeat; /* as struct eng_sampling */
    uint32_t top_k;                    /* 0: no limit */
    uint32_t seen0, seen1;             /* the row's tokens seen: seen0 <= i < seen1 */
};

struct weir_sample_args {
    float *logits;                    /* [n][n_vocab]; penalties are written back */
    const struct weir_sampling *rows; /* [n] */
    const uint32_t *seen_id;          /* tokens generated, each once a row, */
    const uint32_t *seen_count;       /* and how often */
    int32_t *token;                   /* [n]; -1: no finite logit */
    uint32_t n, n_vocab;
};

void eng_cuda_sample(struct eng_cuda *d, const struct weir_sample_args *a);

#endif

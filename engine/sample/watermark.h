/* watermark.h - a statistical mark in sampled text, and the test for it.
 *
 * Kirchenbauer et al., "A Watermark for Large Language Models" (ICML 2023), with the hash of the
 * one preceding token: for each position a keyed hash of (previous token, candidate) makes a share
 * gamma of the vocabulary "green", and delta is added to the logits of green tokens. Text without
 * the mark has about gamma of its tokens green; the excess is a one-sided z test:
 *     z = (green - gamma T) / sqrt(T gamma (1 - gamma)),
 * over the T distinct pairs of neighbouring tokens (repeats say nothing new). Who has the key can
 * test; who has not cannot tell green from red without many texts.
 *
 * It needs text with choice in it and about 100 tokens; it does not survive paraphrase or
 * translation. Pure functions; any thread.
 */
#ifndef ENG_WATERMARK_H
#define ENG_WATERMARK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENG_WATERMARK_KEY_BYTES 16

struct eng_watermark {
    uint8_t key[ENG_WATERMARK_KEY_BYTES]; /* secret: wiped by who made it */
    float gamma;                          /* 0 to 1, exclusive */
    float delta;                          /* above 0; in logits */
};

/* Reads the key (32 hex digits) from file, or makes one (mode 0600) when there is none. Blocks on
 * files. BASE_EINVAL: the file holds something else. */
enum base_status eng_watermark_key(const char *file, struct eng_watermark *w,
                                   struct base_err *err) BASE_MUST_CHECK;
/* Is `token` green behind `previous`? SipHash-2-4 of the two under the key (Aumasson, Bernstein,
 * INDOCRYPT 2012). */
bool eng_watermark_green(const struct eng_watermark *w, int32_t previous, int32_t token);
/* Adds delta to the green tokens among those that are within `span` of the likeliest (others are
 * not picked anyway); logits has n values. */
void eng_watermark_bias(const struct eng_watermark *w, int32_t previous, float *logits, uint32_t n,
                        float span);

struct eng_watermark_test {
    uint32_t tokens, pairs, green; /* pairs: distinct ones, what is counted */
    double z, p;                   /* p: chance of such a z or more without a mark */
};
/* Tests n token ids. BASE_ENOMEM. */
enum base_status eng_watermark_detect(const struct eng_watermark *w, const int32_t *ids, size_t n,
                                      struct eng_watermark_test *out,
                                      struct base_err *err) BASE_MUST_CHECK;

#endif

/* norm.h - text as detectors see it: tricks of writing undone, with a map back. Internal to
 * policy/.
 */
#ifndef POLICY_NORM_H
#define POLICY_NORM_H

#include "base/err.h"
#include "base/str.h"

/* The longest text that is scanned whole. */
#define POL_TEXT_MAX (64u << 20)

/* p[0..n) is the normalised text, valid UTF-8. Where `same` is set it is the input itself, else
 * byte i of p came from the input's bytes [from[i], to[i]). Memory is kept between runs. */
struct pol_norm {
    const char *p;
    size_t n;
    bool same;
    uint32_t *from, *to;
    char *own;
    size_t cap;
};

/* Builds the tables that all threads share; call before anything else (pol_detector_new does).
 * Thread safe. */
void pol_norm_setup(void);
/* Normalises text into m. m->p borrows from text or from m. BASE_LIMIT past POL_TEXT_MAX. */
enum base_status pol_norm_run(struct pol_norm *m, struct base_str text) BASE_MUST_CHECK;
void pol_norm_release(struct pol_norm *m); /* wipes */

static inline size_t pol_norm_start(const struct pol_norm *m, size_t i)
{
    return m->same ? i : m->from[i];
}

static inline size_t pol_norm_end(const struct pol_norm *m, size_t end)
{
    return m->same ? end : end ? m->to[end - 1] : 0;
}

/* Folds one code point: ASCII where there is an equivalent. Returns the length, 0 for "drop it".
 * out must hold 32 bytes. */
size_t pol_norm_fold(uint32_t cp, char *out);
/* The Latin letter that a Cyrillic, Greek or Armenian one is drawn like, or 0. */
char pol_norm_latin(uint32_t cp);

#endif

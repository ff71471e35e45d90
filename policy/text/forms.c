/* forms.c - a text in the forms that a scan reads it in, for those who look for one identifier.
 *
 * Three forms, where they differ from the text itself: normalised (norm.h), what runs of base64 and
 * hexadecimal in it hold (base64.h), normalised too, and what shorter runs of base64 hold. Between
 * them stands what no identifier spans. For what is kept and looked through long after it was
 * scanned (`weir audit content --find`); the same forms are looked for people on the lists when a
 * request comes (request.c).
 *
 * Any thread. Memory: 17 bytes for one of the text for the time of the call, wiped afterwards.
 * Fails by saying false: then nothing may be concluded from what is in out.
 */
#include "policy/policy.h"
#include "policy/text/base64.h"
#include "policy/text/norm.h"

#include "base/clock.h"

#define SHORT_MIN 6  /* characters: four bytes, the least that an identifier has */
#define SHORT_MAX 64 /* longer runs are read by base64.c */

static bool add(struct base_buf *out, struct base_str piece)
{
    return base_buf_str(out, BASE_STR("\n\n\n\n\n\n")) && base_buf_str(out, piece);
}

/* Runs of base64 that are too short for base64.c: what is text from the first byte to the last. */
static bool short_runs(struct base_str in, struct base_buf *out)
{
    char plain[SHORT_MAX];
    size_t from = 0;
    bool good = true;

    for (size_t i = 0; i <= in.n && good; i++) {
        if (i < in.n && pol_b64_char(in.p[i]))
            continue;
        for (size_t shift = 0; shift < 4 && i - from >= SHORT_MIN + shift && good; shift++) {
            size_t n;

            if (i - from > SHORT_MAX)
                break;
            n = pol_b64_decode(in, from + shift, from + shift + 4, plain);
            if (pol_b64_text_end(plain, n, 0) == 0)
                continue;
            n = pol_b64_decode(in, from + shift, i, plain);
            if (pol_b64_text_end(plain, n, 0) == n)
                good = add(out, base_str_n(plain, n));
        }
        from = i + 1;
    }
    base_wipe(plain, sizeof(plain));
    return good;
}

bool pol_text_forms(struct base_str text, struct base_buf *out)
{
    struct pol_norm m = {0}, inner = {0};
    struct pol_b64 b = {0};
    bool good;

    pol_norm_setup();
    good = pol_norm_run(&m, text) == BASE_OK && (m.same || add(out, base_str_n(m.p, m.n))) &&
           short_runs(base_str_n(m.p, m.n), out) &&
           pol_b64_collect(&b, base_str_n(m.p, m.n)) == BASE_OK && !b.cut;
    if (good && b.n_v > 0)
        good = pol_norm_run(&inner, base_str_n(b.text, b.n)) == BASE_OK &&
               add(out, base_str_n(inner.p, inner.n)) &&
               short_runs(base_str_n(inner.p, inner.n), out);
    pol_norm_release(&inner);
    pol_norm_release(&m);
    pol_b64_release(&b);
    return good;
}

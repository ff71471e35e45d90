/* rights_form.c - one identifier: whether it fits, and the forms that it is stored under.
 *
 * Owns       nothing; pure, any thread. The forms and ways stand in rights_find.c.
 * Invariants whatever held an identifier is wiped.
 */
#include "conf/rights_int.h"

#include "base/buf.h"
#include "base/clock.h"

#include <string.h>

struct whole {
    char text[CONF_RIGHTS_CANON_MAX + 1];
    size_t n, pieces;
    size_t ends[RIGHTS_PIECES];
    bool digit, other, at, plus, too_much;
};

static void on_whole(void *ctx, const struct rights_cut *c, size_t first)
{
    struct whole *w = ctx;

    if (first + 1 != c->k)
        return;
    const struct rights_piece *last = &c->v[first];
    size_t n = c->n - last->from;
    if (w->pieces == 0)
        w->plus = last->plus;
    w->at = w->at || (w->pieces > 0 && last->at);
    w->digit = w->digit || last->digit;
    w->other = w->other || last->other;
    if (++w->pieces > RIGHTS_PIECES || w->n + n > CONF_RIGHTS_CANON_MAX) {
        w->too_much = true;
        return;
    }
    memcpy(w->text + w->n, c->canon + last->from, n);
    w->n += n;
    w->ends[w->pieces - 1] = w->n;
}

static bool read_whole(struct base_str identifier, struct whole *w)
{
    struct base_buf own = {0};
    struct base_str folded;

    memset(w, 0, sizeof(*w));
    if (identifier.n > CONF_RIGHTS_INPUT_MAX || !rights_fold(identifier, &folded, &own)) {
        base_buf_wipe(&own);
        return false;
    }
    rights_cut_text(folded, on_whole, w);
    base_buf_wipe(&own);
    return !w->too_much && w->n >= RIGHTS_CANON_MIN;
}

static void put_form(struct rights_form *f, char way, const char *p, size_t n)
{
    f->text[0] = way;
    memcpy(f->text + 1, p, n);
    f->n = (uint32_t)n + 1;
}

/* A name is also written with its last word first, or was given so. */
static size_t name_forms(const struct whole *w, struct rights_form *out)
{
    char turned[CONF_RIGHTS_CANON_MAX];
    size_t n = 0, cuts[2] = {w->ends[w->pieces - 2], w->ends[0]};

    for (size_t i = 0; i < (w->pieces > 2 ? 2 : 1); i++) {
        memcpy(turned, w->text + cuts[i], w->n - cuts[i]);
        memcpy(turned + w->n - cuts[i], w->text, cuts[i]);
        put_form(&out[n++], 'i', turned, w->n);
    }
    base_wipe(turned, sizeof(turned));
    return n;
}

size_t rights_forms(struct base_str identifier, struct rights_form out[RIGHTS_FORMS_MAX],
                    const char **kind)
{
    struct whole w;
    size_t n = 0;

    if (!read_whole(base_str_trim(identifier), &w)) {
        base_wipe(&w, sizeof(w));
        return 0;
    }
    bool zeros = !w.other && w.n > 2 && w.text[0] == '0' && w.text[1] == '0';
    bool coded = !w.other && (w.plus || zeros);
    const char *digits = zeros ? w.text + 2 : w.text;
    size_t m = zeros ? w.n - 2 : w.n;
    *kind = w.at ? "email" : !w.digit ? "name" : coded ? "phone" : w.other ? "id" : "number";
    put_form(&out[n++], 'i', w.text, w.n);
    if (!w.digit && !w.at && w.pieces > 1)
        n += name_forms(&w, &out[n]);
    if (!w.other && m >= RIGHTS_PHONE_MIN && m <= RIGHTS_PHONE_MAX) {
        if (coded) {
            put_form(&out[n++], 't', digits, m);
            for (size_t cc = 1; cc <= 3 && m > cc + 3; cc++)
                put_form(&out[n++], 'l', digits + cc, m - cc);
        } else {
            size_t zero = w.text[0] == '0';
            put_form(&out[n++], 'l', w.text + zero, w.n - zero);
            put_form(&out[n++], 'a', w.text + zero, w.n - zero);
        }
    }
    base_wipe(&w, sizeof(w));
    return n;
}

enum base_status conf_rights_fit(struct base_str identifier, struct base_err *err)
{
    struct rights_form forms[RIGHTS_FORMS_MAX];
    const char *kind;
    size_t n = rights_forms(identifier, forms, &kind);

    base_wipe(forms, sizeof(forms));
    if (n > 0)
        return BASE_OK;
    return base_err_set(err, BASE_EINVAL,
                        "an identifier has %d to %d letters and digits in at most %d pieces (an "
                        "e-mail address, a number, a name)",
                        RIGHTS_CANON_MIN, CONF_RIGHTS_CANON_MAX, RIGHTS_PIECES);
}

size_t conf_rights_of(const struct conf_rights *r, struct base_str identifier, size_t *out,
                      size_t max)
{
    struct rights_form forms[RIGHTS_FORMS_MAX];
    const char *kind;
    size_t n = 0, k = r ? rights_forms(identifier, forms, &kind) : 0;

    for (size_t f = 0; f < k; f++) {
        struct rights_hash h = {0};

        rights_hash_form(r, &forms[f], &h);
        for (size_t i = 0; i < r->n_hashes; i++) {
            bool known = memcmp(r->hashes[i].mac, h.mac, 32) != 0;

            for (size_t e = 0; e < n && !known; e++)
                known = out[e] == r->hashes[i].entry;
            if (!known && n < max)
                out[n++] = r->hashes[i].entry;
        }
    }
    base_wipe(forms, sizeof(forms));
    return n;
}

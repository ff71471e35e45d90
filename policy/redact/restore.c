/* restore.c - puts the originals back into a stream, whatever the chunk split.
 *
 * Text passes through up to the first byte that may begin a placeholder ('[' or a backslash before
 * it). From there bytes are held until it is decided; a placeholder is at most
 * POL_RESTORE_HOLD_MAX bytes in any form that is recognised, so never more is held. Names that the
 * vault does not know pass unchanged. Originals are written as they were, or, in JSON text, as the
 * inside of a JSON string; they are never scanned again.
 *
 * Where the vault has substitutes, one may begin at any letter or digit or sign that no word
 * character stands before; text from there is held while it agrees with one of them and for the
 * character behind it, at most POL_RESTORE_SUBST_HOLD_MAX bytes. The longest one counts, as
 * written: other case or other words are not turned back.
 */
#include "policy/redact/vault.h"

#include "base/clock.h"

#include <stdlib.h>

struct pol_restore {
    const struct pol_vault *vault;
    bool json_text, substitutes;
    bool in_word; /* what was passed last is part of a word */
    char held[POL_RESTORE_SUBST_HOLD_MAX];
    size_t n;
};

struct pol_restore *pol_restore_new(const struct pol_vault *v, bool json_text)
{
    struct pol_restore *r = calloc(1, sizeof(*r));

    if (r) {
        r->vault = v;
        r->json_text = json_text;
        r->substitutes = pol_vault_has_substitutes(v);
    }
    return r;
}

void pol_restore_free(struct pol_restore *r)
{
    if (r)
        base_wipe(r, sizeof(*r));
    free(r);
}

static void write_original(const struct pol_restore *r, struct base_str s, struct base_buf *out)
{
    size_t at = out->n;

    if (!r->json_text) {
        base_buf_str(out, s);
        return;
    }
    /* quote, then take the quotes off again */
    if (base_json_quote(out, s)) {
        memmove(out->p + at, out->p + at + 1, out->n - at - 2);
        out->n -= 2;
        out->p[out->n] = 0;
    }
}

/* The placeholder at p[0..n), as pol_vault_match; *skip bytes of it are not part of it. */
static int placeholder(const struct pol_restore *r, const char *p, size_t n, bool last,
                       size_t *skip, struct base_str *original)
{
    enum pol_type type;
    uint32_t number;
    int len = p[0] == '[' || p[0] == '\\' ? pol_placeholder_at(p, n, &type, &number, skip) : 0;

    if (len < 0)
        return last ? 0 : -1;
    *original = len > 0 ? pol_vault_get(r->vault, type, number) : BASE_STR_NULL;
    return original->p ? len : 0;
}

/* How much is passed on of text in which nothing begins: a character, of JSON text an escape as a
 * whole; 0: it is not all there. */
static size_t step(struct pol_restore *r, const char *p, size_t n, bool last)
{
    size_t k = 1;

    if (!r->substitutes)
        return 1;
    if (r->json_text && p[0] == '\\') {
        if (n > 1)
            k = p[1] == 'u' ? 6 : 2;
        if (n < 2 || n < k) {
            if (!last)
                return 0;
            k = n;
        }
        r->in_word = k == 6; /* \u00e9 is a letter most of the time */
        return k;
    }
    if (((unsigned char)p[0] & 0xc0) != 0x80) /* what goes on with a character tells nothing */
        r->in_word = pol_vault_in_word(p[0]);
    return 1;
}

/* Gives out what is decided of p[0..n); returns how much that is. */
static size_t pass(struct pol_restore *r, const char *p, size_t n, bool last, struct base_buf *out)
{
    size_t i = 0, plain = 0;

    while (i < n) {
        struct base_str original;
        size_t skip = 0, k;
        int len = 0;

        if (r->substitutes && !r->in_word)
            len = pol_vault_match(r->vault, p + i, n - i, r->json_text, last, &original);
        if (len == 0)
            len = placeholder(r, p + i, n - i, last, &skip, &original);
        if (len < 0)
            break;
        if (len == 0) {
            k = step(r, p + i, n - i, last);
            if (k == 0)
                break;
            i += k;
            continue;
        }
        base_buf_add(out, p + plain, i + skip - plain);
        write_original(r, original, out);
        i += (size_t)len;
        plain = i;
        r->in_word = false;
    }
    base_buf_add(out, p + plain, i - plain);
    return i;
}

enum base_status pol_restore_feed(struct pol_restore *r, struct base_str in, struct base_buf *out,
                                  struct base_err *err)
{
    size_t used = 0;

    while (r->n > 0 && used < in.n) { /* what is held first, a byte more at a time */
        size_t k;

        if (r->n < sizeof(r->held))
            r->held[r->n++] = in.p[used++];
        k = pass(r, r->held, r->n, r->n == sizeof(r->held), out);
        memmove(r->held, r->held + k, r->n - k);
        r->n -= k;
    }
    if (used < in.n) {
        size_t k = pass(r, in.p + used, in.n - used, false, out);
        size_t rest = in.n - used - k;

        BASE_BUG_ON(rest > sizeof(r->held));
        memcpy(r->held, in.p + used + k, rest);
        r->n = rest;
    }
    return base_buf_ok(out) ? BASE_OK
                            : base_err_set(err, BASE_LIMIT, "the restored answer is too large");
}

enum base_status pol_restore_end(struct pol_restore *r, struct base_buf *out, struct base_err *err)
{
    (void)pass(r, r->held, r->n, true, out);
    r->n = 0;
    return base_buf_ok(out) ? BASE_OK
                            : base_err_set(err, BASE_LIMIT, "the restored answer is too large");
}

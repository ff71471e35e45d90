/* sampler_text.c - holding text back until it is safe to show.
 *
 * `held` is what has been generated and not shown. After each piece: the earliest stop string in it
 * ends everything; otherwise all may go but its longest end that some stop string starts with,
 * and but the start of a UTF-8 sequence that more bytes may complete.
 */
#include "engine/sample/sampler.h"

#define HELD_MAX (1u << 20)

void eng_text_init(struct eng_text *t)
{
    *t = (struct eng_text){.hit = -1};
    base_buf_init(&t->held, HELD_MAX);
}

void eng_text_release(struct eng_text *t)
{
    base_buf_release(&t->held);
    for (size_t i = 0; i < t->n_stop; i++)
        base_buf_release(&t->stop[i]);
    t->n_stop = 0;
}

enum base_status eng_text_add_stop(struct eng_text *t, struct base_str s, struct base_err *err)
{
    if (s.n == 0)
        return BASE_OK;
    if (t->n_stop == ENG_STOP_MAX || s.n > ENG_STOP_BYTES_MAX)
        return base_err_set(err, BASE_LIMIT, "more than %d stop strings, or one over %d bytes",
                            ENG_STOP_MAX, ENG_STOP_BYTES_MAX);
    base_buf_init(&t->stop[t->n_stop], ENG_STOP_BYTES_MAX);
    if (!base_buf_str(&t->stop[t->n_stop], s))
        return base_err_set(err, BASE_ENOMEM, "no memory for a stop string");
    t->n_stop++;
    return BASE_OK;
}

/* Shows the first n bytes of held; bytes that are no UTF-8 as U+FFFD. */
static enum base_status show(struct eng_text *t, size_t n, struct base_buf *out,
                             struct base_err *err)
{
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t len = base_utf8_decode(t->held.p + i, n - i, &cp);
        if (len > 0)
            base_buf_add(out, t->held.p + i, len);
        else
            base_buf_add(out, "\xef\xbf\xbd", 3);
        i += len > 0 ? len : 1;
    }
    base_buf_shift(&t->held, n);
    if (!base_buf_ok(out))
        return base_err_set(err, BASE_LIMIT, "the answer is longer than can be passed on");
    return BASE_OK;
}

enum base_status eng_text_push(struct eng_text *t, struct base_str piece, struct base_buf *out,
                               struct base_err *err)
{
    if (t->hit >= 0)
        return BASE_DONE;
    if (!base_buf_str(&t->held, piece))
        return base_err_set(err, BASE_LIMIT, "a piece of text is too long");
    struct base_str held = base_buf_view(&t->held);
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < t->n_stop; i++) {
        size_t at = base_str_find(held, base_buf_view(&t->stop[i]), 0);
        if (at < first) {
            first = at;
            t->hit = (int)i;
        }
    }
    if (t->hit >= 0) {
        enum base_status st = show(t, first, out, err);
        base_buf_clear(&t->held);
        return st == BASE_OK ? BASE_DONE : st;
    }
    size_t keep = base_utf8_partial_tail(held);
    for (size_t i = 0; i < t->n_stop; i++) {
        struct base_str s = base_buf_view(&t->stop[i]);
        for (size_t k = s.n - 1 < held.n ? s.n - 1 : held.n; k > keep; k--)
            if (memcmp(held.p + held.n - k, s.p, k) == 0)
                keep = k;
    }
    return show(t, held.n - keep, out, err);
}

enum base_status eng_text_end(struct eng_text *t, struct base_buf *out, struct base_err *err)
{
    if (t->hit >= 0)
        return BASE_OK;
    return show(t, t->held.n - base_utf8_partial_tail(base_buf_view(&t->held)), out, err);
}

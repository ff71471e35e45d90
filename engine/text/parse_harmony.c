/* parse_harmony.c - gpt-oss: an answer that is a series of messages, each with a channel.
 *
 *   <|channel|>analysis<|message|>THOUGHT<|end|>
 *   <|start|>assistant<|channel|>final<|message|>TEXT<|return|>
 *   <|start|>assistant<|channel|>commentary to=functions.NAME
 * <|constrain|>json<|message|>ARGS<|call|>
 *
 * The prompt ends with "<|start|>assistant", so the first header begins in its middle. A header is
 * what stands before <|message|>: a role, a channel, a recipient (before or behind the channel), a
 * content type; the marks in it separate words. A message with a recipient is a call, whatever its
 * channel; analysis is thought; all else is text: final, a commentary without a recipient (the
 * preamble to calls, which is meant for the reader), and channels that nobody has heard of.
 *
 * Models forget marks. A message ends with <|end|>, <|return|>, <|call|>, and also where another
 * header begins. What begins like no header is text, and so is a header without a message at the
 * end. The pieces of two messages of one kind are set apart by a line end.
 */
#include "engine/text/parse_int.h"

enum { H_HEAD, H_BODY, H_BETWEEN };
enum { C_TEXT, C_THOUGHT, C_CALL };

void harmony_begin(struct eng_parse *p)
{
    p->state = S_HARMONY;
    p->ms = H_HEAD;
    p->first = true;
}

bool eng_parse_thinks(const struct eng_parse *p)
{
    return p->state == S_THOUGHT ||
           (p->state == S_HARMONY && p->ms == H_BODY && p->channel == C_THOUGHT);
}

static bool role_word(struct base_str s)
{
    return base_str_is(s, "assistant");
}

/* The next word of a header, and where it began; empty at the end. */
static struct base_str word(struct base_str *rest)
{
    while (rest->n > 0 && parse_is_ws((uint8_t)rest->p[0]))
        *rest = base_str_n(rest->p + 1, rest->n - 1);
    size_t n = 0;
    while (n < rest->n && !parse_is_ws((uint8_t)rest->p[n]))
        n++;
    struct base_str w = base_str_n(rest->p, n);
    *rest = base_str_n(rest->p + n, rest->n - n);
    return w;
}

static void kind_of_message(struct eng_parse *p)
{
    struct base_str rest = p->head.n > 0 ? base_buf_view(&p->head) : BASE_STR("");
    struct base_str w, to = BASE_STR_NULL;
    bool thought = false, known = false;
    while ((w = word(&rest)).n > 0) {
        if (base_str_starts(w, BASE_STR("to=")) && w.n > 3)
            to = base_str_n(w.p + 3, w.n - 3);
        else if (!known && base_str_is(w, "analysis"))
            thought = known = true;
        else if (!known && (base_str_is(w, "final") || base_str_is(w, "commentary")))
            known = true;
    }
    p->channel = thought ? C_THOUGHT : C_TEXT;
    if (to.n == 0 || role_word(to))
        return;
    if (base_str_starts(to, BASE_STR("functions.")))
        to = base_str_n(to.p + 10, to.n - 10);
    base_buf_clear(&p->name);
    base_buf_clear(&p->id);
    base_buf_str(&p->name, to);
    p->gate = false;
    if (parse_call_open(p))
        p->channel = C_CALL;
}

static void message_begins(struct eng_parse *p)
{
    kind_of_message(p);
    base_buf_clear(&p->head);
    p->ms = H_BODY;
    p->need_gap = p->channel == C_TEXT ? p->any_text : p->any_thought;
    p->fresh = true;
}

static void body_byte(struct eng_parse *p, int a)
{
    enum eng_parse_kind kind = p->channel == C_THOUGHT ? ENG_PARSE_REASONING : ENG_PARSE_TEXT;
    char c = (char)a;
    if (p->channel == C_CALL) {
        if (p->fresh && parse_is_ws(a))
            return;
        p->fresh = false;
        parse_args(p, &c, 1);
        return;
    }
    if (p->need_gap)
        parse_emit(p, kind, "\n", 1);
    p->need_gap = false;
    if (kind == ENG_PARSE_TEXT)
        p->any_text = true;
    else
        p->any_thought = true;
    parse_emit(p, kind, &c, 1);
}

static void message_ends(struct eng_parse *p)
{
    if (p->ms == H_BODY && p->channel == C_CALL && p->named) {
        if (p->fresh)
            parse_args_z(p, "{}");
        parse_call_close(p);
    }
    p->ms = H_BETWEEN;
}

/* The header was none: what it holds is text. */
static void head_is_text(struct eng_parse *p)
{
    p->channel = C_TEXT;
    p->ms = H_BODY;
    p->need_gap = p->any_text;
    p->fresh = true;
    for (size_t i = 0; i < p->head.n; i++)
        body_byte(p, (uint8_t)p->head.p[i]);
    base_buf_clear(&p->head);
}

static void head_begins(struct eng_parse *p)
{
    base_buf_clear(&p->head);
    p->ms = H_HEAD;
    p->first = false;
}

/* A header without marks so far may only be what a header begins with. */
static bool head_may_be(struct base_str s)
{
    static const char *const starts[] = {"to=", "assistant"};
    s = base_str_n(s.p, s.n);
    while (s.n > 0 && parse_is_ws((uint8_t)s.p[0]))
        s = base_str_n(s.p + 1, s.n - 1);
    for (size_t i = 0; i < 2; i++) {
        struct base_str w = base_str_c(starts[i]);
        size_t n = s.n < w.n ? s.n : w.n;
        if (memcmp(s.p ? s.p : "", w.p, n) == 0)
            return true;
    }
    return false;
}

bool harmony_step(struct eng_parse *p, int a)
{
    if (a < MARK_0) {
        if (p->ms == H_BODY) {
            body_byte(p, a);
            return true;
        }
        if (p->ms == H_BETWEEN) {
            if (parse_is_ws(a))
                return true;
            head_begins(p);
            p->first = true;
        }
        if (!parse_add(p, &p->head, (uint8_t)a) ||
            (p->first && !head_may_be(base_buf_view(&p->head))))
            head_is_text(p);
        return true;
    }
    switch (a - MARK_0) {
    case M_HSTART:
        message_ends(p);
        head_begins(p);
        return true;
    case M_HCHAN:
    case M_HCON:
        if (p->ms == H_BODY && IS(a, M_HCON))
            return false;
        if (p->ms != H_HEAD) {
            message_ends(p);
            head_begins(p);
        }
        p->first = false;
        (void)parse_add(p, &p->head, ' ');
        return true;
    case M_HMSG:
        if (p->ms == H_BODY)
            return false;
        message_begins(p);
        return true;
    default: /* <|end|>, <|return|>, <|call|> */
        if (p->ms == H_HEAD && base_str_trim(base_buf_view(&p->head)).n > 0)
            head_is_text(p);
        message_ends(p);
        return true;
    }
}

uint64_t harmony_marks(const struct eng_parse *p)
{
    (void)p;
    return ~(uint64_t)0;
}

void harmony_end(struct eng_parse *p, bool cut)
{
    if (p->ms == H_HEAD && p->head.n > 0)
        head_is_text(p);
    else if (p->ms == H_BODY && p->channel == C_CALL && p->fresh && !cut)
        parse_args_z(p, "{}");
}

/* parse.c - the core of the output parser: marks out of tokens and text, thoughts, plain text.
 *
 * Tokens become atoms. A token that is a mark of the dialect is one atom; the text of any other is
 * taken byte by byte through a matcher that holds bytes back only while they may still become a
 * mark that has no token and counts where we are. Everything behind the matcher sees one atom at a
 * time and keeps no memory of where a piece of text began or ended, so the outcome cannot depend on
 * how the answer was cut.
 *
 * White space that belongs to the marks is taken with them: line ends after an opening and before a
 * closing mark of a thought, after a thought, and between text and a call. For that, line ends (and
 * white space at the very start, and after a call) wait in `ws` until what follows is known.
 *
 * Bounds: `hold` is shorter than the longest mark, `ws` holds WS_MAX bytes, `raw` RAW_MAX; what
 * grows past them is text after all.
 *
 * A mark that has no meaning where it stands is the text that it is. Nothing the model writes is
 * dropped but marks, the white space described, and the members of a call's object that are neither
 * name nor arguments.
 */
#include "engine/text/parse_int.h"

#include "engine/text/tok.h"
#include <stdlib.h>

static void feed(struct eng_parse *p, int a);

/* ---- calls ---- */

/* What was kept is text after all. */
static void fail(struct eng_parse *p)
{
    p->state = S_TEXT;
    p->phase = P_BODY;
    p->named = false;
    parse_emit(p, ENG_PARSE_TEXT, p->raw.p ? p->raw.p : "", p->raw.n);
    base_buf_clear(&p->raw);
}

static void over(struct eng_parse *p)
{
    if (p->named)
        parse_call_close(p);
    base_buf_clear(&p->raw);
    p->state = S_TEXT;
    p->phase = P_AFTER_CALL;
}

static void keep(struct eng_parse *p, int a)
{
    if (a < MARK_0)
        base_buf_byte(&p->raw, (char)a);
    else
        base_buf_str(&p->raw, parse_mark_text((enum mark)(a - MARK_0)));
}

static void literal(struct eng_parse *p, int a)
{
    struct base_str t = parse_mark_text((enum mark)(a - MARK_0));
    for (size_t i = 0; i < t.n; i++)
        feed(p, (uint8_t)t.p[i]);
}

static void anew(struct eng_parse *p, int a)
{
    if (a < MARK_0 && p->lexing)
        p->relex = true;
    else
        feed(p, a);
}

#define TURN_MARKS (BIT(M_GRESP) | BIT(M_USER) | BIT(M_OBS)) /* the turn goes to somebody else */

/* The answer ends within a call. */
static void call_end(struct eng_parse *p, bool cut)
{
    if (p->named && p->m->end)
        p->m->end(p, cut);
    if (!p->named && base_str_trim(base_buf_view(&p->raw)).n > 0)
        fail(p);
    over(p);
}

static void call_atom(struct eng_parse *p, int a)
{
    size_t before = p->raw.n;
    uint64_t mark = a >= MARK_0 ? BIT(a - MARK_0) : 0;
    if (mark & TURN_MARKS) {
        call_end(p, false);
        p->stop = true;
        return;
    }
    if (mark & ~p->control & ~p->m->marks(p)) {
        literal(p, a);
        return;
    }
    if (!p->named) {
        keep(p, a);
        if (p->raw.n > RAW_MAX || p->raw.failed) {
            fail(p);
            return;
        }
    }
    switch (p->m->step(p, a)) {
    case TOOK:
        if (p->stop)
            over(p);
        return;
    case LITERAL:
        p->raw.n = p->named ? p->raw.n : before;
        literal(p, a);
        return;
    case FAIL:
        fail(p);
        return;
    case FAIL_AGAIN:
        p->raw.n = before;
        fail(p);
        anew(p, a);
        return;
    case END:
        over(p);
        return;
    case END_AGAIN:
        over(p);
        anew(p, a);
        return;
    }
}

static void call_begin(struct eng_parse *p, const struct machine *m, int a)
{
    p->state = S_CALL;
    p->m = m;
    p->named = p->gate = p->listed = p->bare = false;
    p->ms = 0;
    base_buf_clear(&p->raw);
    base_buf_add(&p->raw, p->ws.p ? p->ws.p : "", p->ws.n);
    base_buf_clear(&p->ws);
    base_buf_clear(&p->name);
    base_buf_clear(&p->id);
    keep(p, a);
    if (m->begin)
        m->begin(p, a);
}

static const struct machine *machine_of(enum eng_calls c)
{
    static const struct machine *const all[] = {
        [ENG_CALLS_HERMES] = &parse_hermes, [ENG_CALLS_QWEN_XML] = &parse_qwen_xml,
        [ENG_CALLS_GLM] = &parse_glm,       [ENG_CALLS_MISTRAL] = &parse_mistral,
        [ENG_CALLS_LLAMA] = &parse_llama,   [ENG_CALLS_DEEPSEEK] = &parse_deepseek,
        [ENG_CALLS_DSML] = &parse_dsml,     [ENG_CALLS_KIMI] = &parse_kimi,
        [ENG_CALLS_GEMMA] = &parse_gemma,   [ENG_CALLS_GRANITE] = &parse_mistral,
        [ENG_CALLS_HARMONY] = NULL,
    };
    return all[c];
}

/* ---- text and thoughts ---- */

static bool calls_on(const struct eng_parse *p)
{
    return p->o.tools != NULL && p->o.dialect.calls != ENG_CALLS_NONE;
}

static bool line_start(const struct eng_parse *p)
{
    return p->phase != P_BODY || (p->ws.n > 0 && p->ws.p[p->ws.n - 1] == '\n');
}

static uint64_t call_openers(const struct eng_parse *p)
{
    if (!calls_on(p))
        return 0;
    switch (p->o.dialect.calls) {
    case ENG_CALLS_HERMES:
    case ENG_CALLS_GLM:
        return BIT(M_TC);
    case ENG_CALLS_QWEN_XML:
        return BIT(M_TC) | (line_start(p) ? BIT(M_FN) : 0);
    case ENG_CALLS_MISTRAL:
        return BIT(M_TCALLS);
    case ENG_CALLS_LLAMA:
        return BIT(M_PYTAG) | BIT(M_PYSTART);
    case ENG_CALLS_DEEPSEEK:
        return BIT(M_DCALLS) | BIT(M_DCALL);
    case ENG_CALLS_DSML:
        return BIT(M_DSML_FC) | BIT(M_DSML_TC);
    case ENG_CALLS_KIMI:
        return BIT(M_KSEC) | BIT(M_KCALL);
    case ENG_CALLS_GEMMA:
        return BIT(M_GTC);
    case ENG_CALLS_GRANITE:
        return BIT(M_GRANITE);
    case ENG_CALLS_NONE:
    case ENG_CALLS_HARMONY:
        break;
    }
    return 0;
}

static uint64_t thought_opener(const struct eng_parse *p)
{
    switch (p->o.dialect.think) {
    case ENG_THINK_TAGS: /* later in an answer it may be spoken of */
        return p->phase == P_START ? BIT(M_THINK) : BIT(M_THINK) & p->control;
    case ENG_THINK_MISTRAL:
        return BIT(M_MTHINK);
    case ENG_THINK_GEMMA:
        return BIT(M_GCHAN);
    case ENG_THINK_NONE:
    case ENG_THINK_HARMONY:
        break;
    }
    return 0;
}

#define THOUGHT_ENDS (BIT(M_THINK_END) | BIT(M_MTHINK_END) | BIT(M_GCHAN_END))

/* The marks that count where we are. In a thought a call counts only if no text can spell it. */
static uint64_t marks_now(const struct eng_parse *p)
{
    switch (p->state) {
    case S_TEXT:
        return call_openers(p) | thought_opener(p);
    case S_THOUGHT:
        return (THOUGHT_ENDS & p->known) | (call_openers(p) & p->control);
    case S_CALL:
        return p->m->marks(p) & p->known;
    case S_HARMONY:
        return harmony_marks(p) & p->known;
    }
    return 0;
}

static void flush_ws(struct eng_parse *p, enum eng_parse_kind kind)
{
    size_t from = 0;
    while (p->strip && from < p->ws.n && p->ws.p[from] == '\n')
        from++;
    p->strip = false;
    if (from < p->ws.n)
        parse_emit(p, kind, p->ws.p + from, p->ws.n - from);
    base_buf_clear(&p->ws);
}

static void text_byte(struct eng_parse *p, int a)
{
    bool wait = p->phase == P_BODY ? a == '\n' && calls_on(p) : parse_is_ws(a);
    if (wait && p->ws.n < WS_MAX) {
        (void)parse_add(p, &p->ws, (uint8_t)a);
        return;
    }
    if (p->phase == P_START && (a == '{' || a == '[') && calls_on(p) &&
        p->o.dialect.calls == ENG_CALLS_LLAMA) {
        call_begin(p, &parse_llama, a);
        return;
    }
    if (p->phase == P_AFTER_CALL)
        base_buf_clear(&p->ws);
    flush_ws(p, ENG_PARSE_TEXT);
    p->phase = P_BODY;
    char c = (char)a;
    parse_emit(p, ENG_PARSE_TEXT, &c, 1);
}

static void think_begin(struct eng_parse *p, bool labelled)
{
    p->state = S_THOUGHT;
    p->fresh = true;
    p->strip = false;
    p->label = labelled ? 1 : 0;
    base_buf_clear(&p->ws);
}

/* Gemma names its channel in the first line; true while that may still be "thought\n". */
static bool label_byte(struct eng_parse *p, int a)
{
    static const char word[] = "thought\n";
    if (p->label == 0)
        return false;
    if (a == word[p->label - 1]) {
        p->label = p->label + 1 == sizeof(word) ? 0 : (uint8_t)(p->label + 1);
        return true;
    }
    if (p->label > 1) {
        p->fresh = false;
        parse_emit(p, ENG_PARSE_REASONING, word, (size_t)p->label - 1);
    }
    p->label = 0;
    return false;
}

static void thought_byte(struct eng_parse *p, int a)
{
    if (label_byte(p, a))
        return;
    if (a == '\n' && p->fresh)
        return;
    if (a == '\n' && p->ws.n < WS_MAX) {
        (void)parse_add(p, &p->ws, (uint8_t)a);
        return;
    }
    flush_ws(p, ENG_PARSE_REASONING);
    p->fresh = false;
    char c = (char)a;
    parse_emit(p, ENG_PARSE_REASONING, &c, 1);
}

static void think_end(struct eng_parse *p)
{
    if (p->label > 1)
        (void)label_byte(p, -1);
    base_buf_clear(&p->ws);
    p->state = S_TEXT;
    p->phase = P_START;
    p->strip = true;
}

static void mark_atom(struct eng_parse *p, int a)
{
    uint64_t bit = BIT(a - MARK_0);
    if (!(marks_now(p) & bit)) {
        if (bit & TURN_MARKS)
            p->stop = true;
        else
            literal(p, a);
    } else if (bit & THOUGHT_ENDS) {
        think_end(p);
    } else if (bit & (BIT(M_THINK) | BIT(M_MTHINK) | BIT(M_GCHAN))) {
        think_begin(p, IS(a, M_GCHAN));
    } else {
        const struct machine *m = machine_of(p->o.dialect.calls);
        if (p->state == S_THOUGHT)
            think_end(p);
        p->strip = false;
        call_begin(p, m, a);
    }
}

static void feed(struct eng_parse *p, int a)
{
    if (p->stop)
        return;
    if (p->state == S_CALL)
        call_atom(p, a);
    else if (p->state == S_HARMONY) {
        if (!harmony_step(p, a))
            literal(p, a);
    } else if (a >= MARK_0)
        mark_atom(p, a);
    else if (p->state == S_THOUGHT)
        thought_byte(p, a);
    else
        text_byte(p, a);
}

/* ---- marks in the text ---- */

/* Passes on what is held as far as it is decided; all of it if this is the end. */
static void settle(struct eng_parse *p, bool end)
{
    while (p->hold.n > 0 && !p->stop) {
        int whole = -1;
        bool part = false;
        for (uint64_t now = marks_now(p) & p->soft; now; now &= now - 1) {
            int m = __builtin_ctzll(now);
            struct base_str t = parse_mark_text((enum mark)m);
            if (t.n < p->hold.n || memcmp(t.p, p->hold.p, p->hold.n) != 0)
                continue;
            if (t.n == p->hold.n)
                whole = m;
            else
                part = true;
        }
        if (whole >= 0) {
            base_buf_clear(&p->hold);
            feed(p, MARK_0 + whole);
        } else if (part && !end) {
            return;
        } else {
            p->relex = false;
            p->lexing = true;
            feed(p, (uint8_t)p->hold.p[0]);
            p->lexing = false;
            if (!p->relex)
                base_buf_shift(&p->hold, 1);
        }
    }
}

/* ---- the public face ---- */

static void look_up_marks(struct eng_parse *p)
{
    p->known = parse_marks_of(p->o.dialect);
    for (int m = 0; m < M_COUNT; m++) {
        p->token[m] = -1;
        if (!(p->known & BIT(m)))
            continue;
        int32_t id = p->o.tok ? eng_tok_find(p->o.tok, parse_mark_text((enum mark)m)) : -1;
        bool control = id >= 0 && eng_tok_is_special(p->o.tok, id);
        if (control || (id >= 0 && eng_tok_is_user(p->o.tok, id)))
            p->token[m] = id;
        if (control)
            p->control |= BIT(m);
        if (p->token[m] < 0)
            p->soft |= BIT(m);
    }
    p->soft &= ~TURN_MARKS; /* they count as tokens only */
}

enum base_status eng_parse_new(const struct eng_parse_opts *o, struct eng_parse **out,
                               struct base_err *err)
{
    struct eng_parse *p = *out = calloc(1, sizeof(*p));
    if (p == NULL)
        return base_err_set(err, BASE_ENOMEM, "no memory for a parser");
    p->o = *o;
    p->o.tools = json_array_size(o->tools) > 0 ? json_incref(o->tools) : NULL;
    p->rng = o->seed;
    base_buf_init(&p->hold, 256);
    base_buf_init(&p->ws, WS_MAX);
    base_buf_init(&p->raw, RAW_MAX + 512);
    base_buf_init(&p->out, PARSE_OUT_MAX);
    base_buf_init(&p->name, 512);
    base_buf_init(&p->id, 1024);
    base_buf_init(&p->key, 4096);
    base_buf_init(&p->val, VALUE_MAX);
    base_buf_init(&p->head, 1024);
    look_up_marks(p);
    if (o->dialect.calls == ENG_CALLS_HARMONY)
        harmony_begin(p);
    else if (o->in_thought)
        think_begin(p, false);
    return BASE_OK;
}

void eng_parse_free(struct eng_parse *p)
{
    if (p == NULL)
        return;
    json_decref(p->o.tools);
    struct base_buf *const all[] = {&p->hold, &p->ws,  &p->raw, &p->out, &p->name,
                                    &p->id,   &p->key, &p->val, &p->head};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        base_buf_release(all[i]);
    free(p);
}

static int mark_of(const struct eng_parse *p, int32_t id)
{
    for (uint64_t k = id >= 0 ? p->known & ~p->soft : 0; k; k &= k - 1)
        if (p->token[__builtin_ctzll(k)] == id)
            return __builtin_ctzll(k);
    return -1;
}

static enum base_status status(struct eng_parse *p, struct base_err *err)
{
    parse_deliver(p);
    if (p->st != BASE_OK)
        return base_err_set(err, p->st, "the answer could not be passed on");
    return p->stop ? BASE_DONE : BASE_OK;
}

enum base_status eng_parse_push(struct eng_parse *p, int32_t id, struct base_str text,
                                struct base_err *err)
{
    int m = mark_of(p, id);
    if (m >= 0) {
        settle(p, true);
        feed(p, MARK_0 + m);
        return status(p, err);
    }
    /* DeepSeek's mark is a token in the middle of what are marks together with it. */
    if (text.n == 0 && id >= 0 && p->o.dialect.calls == ENG_CALLS_DSML &&
        base_str_is(eng_tok_text(p->o.tok, id), "\xef\xbd\x9c"
                                                "DSML"
                                                "\xef\xbd\x9c"))
        text = eng_tok_text(p->o.tok, id);
    if (p->known == 0) {
        parse_emit(p, ENG_PARSE_TEXT, text.p, text.n);
        return status(p, err);
    }
    for (size_t i = 0; i < text.n && !p->stop && p->st == BASE_OK; i++) {
        (void)parse_add(p, &p->hold, (uint8_t)text.p[i]);
        settle(p, false);
    }
    return status(p, err);
}

enum base_status eng_parse_end(struct eng_parse *p, bool cut, struct base_err *err)
{
    settle(p, true);
    if (p->state == S_CALL && !p->stop)
        call_end(p, cut);
    if (p->state == S_HARMONY)
        harmony_end(p, cut);
    else if (p->state == S_THOUGHT && p->label > 1)
        (void)label_byte(p, -1);
    if (p->state == S_THOUGHT)
        flush_ws(p, ENG_PARSE_REASONING);
    else if (p->state == S_TEXT && p->phase != P_AFTER_CALL)
        flush_ws(p, ENG_PARSE_TEXT);
    p->stop = true;
    enum base_status st = status(p, err);
    return st == BASE_DONE ? BASE_OK : st;
}

uint32_t eng_parse_n_calls(const struct eng_parse *p)
{
    return p->n_calls;
}

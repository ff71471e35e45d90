/* Goal: prompts that share a beginning reuse what a slot's cache holds, and answer as if they did
 * not, for models whose cache can be cut anywhere and for recurrent ones, which go back only to
 * where their state was noted. Method: a scheduler is driven step by step in this process; every
 * answer is compared with the one of a fresh scheduler. The recurrent model is of the full set of
 * fixtures (WEIR_FIXTURES).
 */
#include "tests/unit/engine_fixture.h"

#include "base/log.h"
#include "conf/conf.h"
#include "engine/serve/scheduler.h"
#include "engine/text/tok.h"

struct answer {
    char text[4096];
    size_t n;
    struct eng_counts counts;
    bool done;
};

static void on_start(void *owner, uint32_t id, const char *model, uint32_t prompt_tokens,
                     const char *dropped)
{
    assert_null(dropped);
    (void)owner;
    (void)id;
    assert_string_equal(model, "tiny");
    assert_true(prompt_tokens > 1);
}

static void on_text(void *owner, uint32_t id, struct base_str text)
{
    struct answer *a = (struct answer *)owner + id;
    assert_true(a->n + text.n < sizeof(a->text));
    memcpy(a->text + a->n, text.p, text.n);
    a->n += text.n;
}

static void on_finish(void *owner, uint32_t id, enum eng_end end, struct base_str stop,
                      const struct eng_counts *counts)
{
    struct answer *a = (struct answer *)owner + id;
    (void)end;
    (void)stop;
    a->counts = *counts;
    a->done = true;
}

static void on_error(void *owner, uint32_t id, int status, const char *type, const char *message)
{
    (void)owner;
    fail_msg("request %u: %d %s: %s", id, status, type, message);
}

static bool not_paused(void *owner)
{
    (void)owner;
    return false;
}

static const struct eng_sched_events EVENTS = {.start = on_start,
                                               .text = on_text,
                                               .finish = on_finish,
                                               .error = on_error,
                                               .paused = not_paused};

struct bed {
    struct conf_engine ec;
    struct conf_local_model mc;
    struct eng_sched *s;
};

static void bed_open(struct bed *b, const char *file, uint32_t slots)
{
    *b = (struct bed){.ec = {.device = CONF_DEVICE_CPU, .threads = 1, .queue = 8},
                      .mc = {.name = "tiny", .file = file, .context = 512, .slots = slots}};
    b->s = eng_sched_new(&b->ec, &b->mc, &EVENTS);
    assert_non_null(b->s);
    assert_true(eng_sched_load(b->s));
}

/* Submits system and user as request id of `answers`. */
static void submit(struct bed *b, struct answer *answers, uint32_t id, const char *tenant,
                   json_t *messages)
{
    json_t *o = json_pack("{s:s,s:s,s:O,s:i,s:i}", "model", "tiny", "tenant", tenant, "messages",
                          messages, "temperature", 0, "max_tokens", 12);
    assert_non_null(o);
    eng_sched_submit(b->s, answers, id, o);
    json_decref(o);
}

static void run(struct bed *b)
{
    for (int i = 0; i < 10000 && eng_sched_busy(b->s); i++)
        eng_sched_step(b->s);
    assert_false(eng_sched_busy(b->s));
}

static json_t *talk(const char *system, const char *user)
{
    return json_pack("[{s:s,s:s},{s:s,s:s}]", "role", "system", "content", system, "role", "user",
                     "content", user);
}

#define SYSTEM "You are a careful assistant who answers in one short sentence and never shouts."

/* What a scheduler that has seen nothing answers. */
static void fresh(const char *file, json_t *messages, struct answer *a)
{
    struct bed b;
    *a = (struct answer){0};
    bed_open(&b, file, 1);
    submit(&b, a, 0, "t", messages);
    run(&b);
    assert_true(a->done);
    assert_int_equal(a->counts.cached_tokens, 0);
    eng_sched_free(b.s);
}

static void expect(struct bed *b, const char *file, const char *tenant, json_t *messages,
                   uint32_t at_least, uint32_t at_most, struct answer *a)
{
    static struct answer want;
    fresh(file, messages, &want);
    *a = (struct answer){0};
    submit(b, a, 0, tenant, messages);
    run(b);
    assert_true(a->done);
    assert_int_equal(a->n, want.n);
    assert_memory_equal(a->text, want.text, want.n);
    assert_int_equal(a->counts.prompt_tokens, want.counts.prompt_tokens);
    if (a->counts.cached_tokens < at_least || a->counts.cached_tokens > at_most)
        fail_msg("%u tokens of %u came from the cache, not %u to %u", a->counts.cached_tokens,
                 a->counts.prompt_tokens, at_least, at_most);
}

static void reuse(const char *file, bool recurrent)
{
    static struct answer a;
    struct bed b;
    bed_open(&b, file, 1);
    json_t *one = talk(SYSTEM, "Name a river."), *two = talk(SYSTEM, "Which is the oldest town?"),
           *three = talk(SYSTEM, "What is rain?");
    expect(&b, file, "t", one, 0, 0, &a);
    uint32_t all = a.counts.prompt_tokens;
    expect(&b, file, "t", one, all - 1, all - 1, &a); /* the same prompt once more */
    /* the same conversation, one turn on: all of the first prompt, or all but its last token */
    json_t *on = json_deep_copy(one);
    assert_true(a.n > 0);
    json_array_append_new(on, json_pack("{s:s,s:s}", "role", "assistant", "content", "Rhine."));
    json_array_append_new(on, json_pack("{s:s,s:s}", "role", "user", "content", "Another?"));
    expect(&b, file, "t", on, all - 1, all, &a);
    /* another question: what both share; a recurrent model notes its state there now... */
    expect(&b, file, "t", two, recurrent ? 0 : all / 2, recurrent ? 0 : all - 1, &a);
    /* ...and finds it the next time */
    expect(&b, file, "t", three, all / 2, all - 1, &a);
    expect(&b, file, "u", three, 0, 0, &a); /* another tenant finds nothing */
    eng_sched_free(b.s);

    /* several at once, more than slots: each as if alone */
    static struct answer many[3], want[3];
    json_t *m[3] = {one, two, three};
    memset(many, 0, sizeof(many));
    bed_open(&b, file, 2);
    for (uint32_t i = 0; i < 3; i++)
        submit(&b, many, i, "t", m[i]);
    run(&b);
    for (int i = 0; i < 3; i++) {
        fresh(file, m[i], &want[i]);
        assert_true(many[i].done);
        assert_int_equal(many[i].n, want[i].n);
        assert_memory_equal(many[i].text, want[i].text, want[i].n);
        json_decref(m[i]);
    }
    json_decref(on);
    eng_sched_free(b.s);
}

static void keys_and_values(void **state)
{
    (void)state;
    reuse(NEAR_DIR "/llama.gguf", false);
}

static void states(void **state)
{
    char path[400];
    (void)state;
    snprintf(path, sizeof(path), "%s/models/qwen3next.gguf", far_dir());
    if (access(path, R_OK) != 0) {
        print_message("    skipped: no %s (set WEIR_FIXTURES)\n", path);
        skip();
    }
    reuse(path, true);
}

static uint32_t count(const struct eng_tok *tok, const char *text, unsigned flags)
{
    struct eng_ids ids = {.max = 1024};
    assert_int_equal(eng_tok_encode(tok, base_str_c(text), flags, &ids, NULL), BASE_OK);
    uint32_t n = (uint32_t)ids.n;
    eng_ids_release(&ids);
    return n;
}

/* A raw prompt is its tokens and BOS where the file asks for it: no template around it, and tokens
 * that are spelled in it are text unless the caller says otherwise. */
static void a_prompt_as_it_is(void **state)
{
    static const char text[] = "Once upon <|im_end|>";
    static struct answer a[3];
    struct eng_gguf *g = NULL;
    struct eng_tok *tok = NULL;
    struct base_err err;
    struct bed b;
    (void)state;
    assert_int_equal(eng_gguf_open(NEAR_DIR "/llama.gguf", &g, &err), BASE_OK);
    assert_int_equal(eng_tok_from_gguf(g, &tok, &err), BASE_OK);
    char spelled[128];
    struct base_str eos = eng_tok_text(tok, eng_tok_eos(tok));
    assert_true(eos.n > 0);
    snprintf(spelled, sizeof spelled, "%.*s%s", BASE_FMT(eos), text);
    bed_open(&b, NEAR_DIR "/llama.gguf", 1);
    memset(a, 0, sizeof a);
    for (uint32_t i = 0; i < 3; i++) {
        json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:i,s:b}", "model", "tiny", "tenant", "t", "prompt",
                              i ? spelled : text, "temperature", 0, "max_tokens", 5,
                              "parse_special", i == 2);
        eng_sched_submit(b.s, a, i, o);
        json_decref(o);
        run(&b);
        assert_true(a[i].done);
    }
    uint32_t bos = eng_tok_adds_bos(tok);
    assert_int_equal(a[0].counts.prompt_tokens, count(tok, text, 0) + bos);
    assert_int_equal(a[1].counts.prompt_tokens, count(tok, spelled, 0) + bos);
    assert_int_equal(a[2].counts.prompt_tokens, count(tok, spelled, ENG_TOK_PARSE) + bos);
    assert_true(a[2].counts.prompt_tokens < a[1].counts.prompt_tokens);
    eng_sched_free(b.s);
    eng_tok_free(tok);
    eng_gguf_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_values),
        cmocka_unit_test(states),
        cmocka_unit_test(a_prompt_as_it_is),
    };
    base_log_level_set(BASE_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

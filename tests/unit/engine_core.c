/* Goal: whatever the engine does with many requests at once, each gets the answer it would have got
 * alone. Method, in three parts.
 *
 * The model (eng_forward): for every family of the fixtures, sequences of different lengths are run
 * in batches of 1, 3, 8 and 16, whole and in pieces, beginning with prefixes that are there, in a
 * cache with so few pages that others' are evicted; logits must equal, to the bit, those of the
 * same tokens alone in a fresh cache.
 *
 * The scheduler: requests of several tenants, of the same and of different prompts, with queue,
 * preemption and cancels; each answer must equal the one of a scheduler that sees nothing else,
 * what a cancelled one had said must begin it, and in the end the cache holds nothing for anybody.
 *
 * Turns: who waits is served by tenant, and a full queue has room for somebody new.
 *
 * Models are those in the repository and the full set of fixtures (WEIR_FIXTURES).
 * WEIR_CORE_REQUESTS: requests in the test with cancels (default 120). WEIR_CORE_THREADS: of each
 * model (default 1; results must be the same to the bit). WEIR_CORE_FAMILIES=NAME,NAME: these of
 * the full set alone.
 */
#include "tests/unit/engine_fixture.h"

#include "base/log.h"
#include "conf/conf.h"
#include "engine/serve/scheduler.h"

static int threads(void)
{
    const char *z = getenv("WEIR_CORE_THREADS");
    return z && *z >= '1' && *z <= '9' ? (int)strtol(z, NULL, 10) : 1;
}

/* Whether this one of the full set is to be run. */
static bool wanted(const char *name)
{
    const char *z = getenv("WEIR_CORE_FAMILIES"), *base = strrchr(name, '/');
    base = base ? base + 1 : name;
    size_t len = strlen(base);
    for (; z && *z; z += strcspn(z, ","), z += *z == ',')
        if (strcspn(z, ",") == len && !strncmp(z, base, len))
            return true;
    return !z;
}

/* ---- batches ---- */

#define MOST 16  /* sequences at once */
#define LONG 150 /* tokens of the longest */

struct alone {
    int32_t tokens[LONG];
    uint32_t n;
    float *logits; /* [n][vocabulary] */
};

static uint32_t seed = 7;
static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

/* Sequences in three families of beginnings, and their logits alone. */
static void make_alone(struct alone *a, uint32_t n, struct eng_model *m, uint32_t vocab)
{
    struct eng_cache *c = new_cache(m, 1, LONG);
    for (uint32_t i = 0; i < n; i++) {
        a[i].n = 2 + pick(i % 4 == 3 ? LONG - 2 : 70);
        for (uint32_t k = 0; k < a[i].n; k++) /* those of a family part at different places */
            a[i].tokens[k] =
                (int32_t)((k * 7 + i % 3 * 31 + (k > 20 + i * 5 ? i * 13 : 0)) % vocab);
        a[i].logits = malloc((size_t)a[i].n * vocab * sizeof(float));
        assert_non_null(a[i].logits);
        (void)eng_cache_truncate(c, 0, 0);
        forward(m, c, (struct eng_batch){.n = a[i].n, .tokens = a[i].tokens}, a[i].logits);
    }
    eng_cache_free(c);
}

struct run {
    const struct alone *a;
    uint32_t fed;
};

/* `batch` sequences at a time through a cache of so many tokens, in pieces of up to `piece`. */
static void run_all(struct eng_model *m, struct alone *a, uint32_t n, uint32_t batch,
                    uint32_t piece, uint64_t room, uint32_t vocab, struct eng_cache_use *use)
{
    struct eng_cache *c;
    struct base_err err = {0};
    struct run slot[MOST] = {0};
    int32_t *tokens = malloc(MOST * LONG * sizeof(*tokens));
    uint32_t *seqs = malloc(MOST * LONG * sizeof(*seqs)), next = 0, left = n;
    bool *mark = malloc(MOST * LONG * sizeof(*mark));
    float *out = malloc((size_t)MOST * LONG * vocab * sizeof(float));
    assert_true(tokens && seqs && mark && out);
    assert_int_equal(eng_cache_new_sized(m, batch, LONG, room, &c, &err), BASE_OK);
    while (left) {
        uint32_t more[MOST] = {0}, common, k = 0, row = 0;
        for (uint32_t s = 0; s < batch; s++)
            if (!slot[s].a && next < n) {
                slot[s].a = &a[next++];
                slot[s].fed =
                    eng_cache_open(c, s, "t", slot[s].a->tokens, slot[s].a->n - 1, &common);
            }
        for (uint32_t s = 0; s < batch; s++) {
            if (!slot[s].a)
                continue;
            uint32_t want = slot[s].a->n - slot[s].fed;
            more[s] = want < piece ? want : piece;
            if (!eng_cache_fits(c, more))
                more[s] = 0; /* when somebody has left */
            for (uint32_t i = 0; i < more[s]; i++) {
                uint32_t at = slot[s].fed + i;
                tokens[k] = slot[s].a->tokens[at];
                mark[k] = at % 16 == 15 || at + 2 == slot[s].a->n;
                seqs[k++] = s;
            }
        }
        if (k == 0) { /* all wait for room: one makes some */
            uint32_t s = 0;
            while (!slot[s].a)
                s++;
            eng_cache_close(c, s);
            slot[s].fed = eng_cache_open(c, s, "t", slot[s].a->tokens, slot[s].a->n - 1, &common);
            for (uint32_t o = s + 1; o < batch; o++)
                if (slot[o].a) {
                    eng_cache_close(c, o);
                    slot[o].fed = 0;
                }
            continue;
        }
        forward(m, c, (struct eng_batch){.n = k, .tokens = tokens, .seqs = seqs, .mark = mark},
                out);
        for (uint32_t s = 0; s < batch; s++) {
            if (!more[s])
                continue;
            size_t floats = (size_t)more[s] * vocab;
            if (max_diff(out + (size_t)row * vocab, slot[s].a->logits + (size_t)slot[s].fed * vocab,
                         floats) > 0)
                fail_msg("sequence %u, tokens %u.. of %u, batch %u, pieces of %u: not as alone",
                         (uint32_t)(slot[s].a - a), slot[s].fed, slot[s].a->n, batch, piece);
            row += more[s];
            slot[s].fed += more[s];
            if (slot[s].fed < slot[s].a->n)
                continue;
            eng_cache_close(c, s);
            slot[s].a = NULL;
            left--;
        }
    }
    eng_cache_describe_use(c, use);
    assert_int_equal(use->used, 0);
    assert_int_equal(use->free + use->cached, use->pages);
    eng_cache_forget(c);
    eng_cache_free(c);
    free(tokens);
    free(seqs);
    free(mark);
    free(out);
}

static void family(const char *dir, const char *name)
{
    enum { N = 20 };
    static struct alone a[N];
    struct fixture f;
    struct eng_cache_use use;
    uint64_t hit = 0, evicted = 0, copied = 0;
    assert_true(fixture_open(&f, dir, name));
    struct eng_model *m = open_model(&f, ENG_DEVICE_CPU, threads(), ENG_ACTIVATIONS_AUTO);
    make_alone(a, N, m, f.n_vocab);
    static const uint32_t batches[] = {1, 3, 8, 16};
    for (int i = 0; i < 8; i++) {
        uint32_t b = batches[i / 2];
        /* whole, with room for two and a half at their longest; in pieces, with room for all */
        run_all(m, a, N, b, i % 2 ? 5 + b : LONG, i % 2 ? 0 : LONG * 5 / 2, f.n_vocab, &use);
        hit += use.hit;
        evicted += use.evicted;
        copied += use.copied;
    }
    print_message("    %s: %llu tokens hit, %llu pages evicted, %llu copied\n", name,
                  (unsigned long long)hit, (unsigned long long)evicted, (unsigned long long)copied);
    assert_true(hit > 0 && evicted > 0 && copied > 0);
    for (int i = 0; i < N; i++)
        free(a[i].logits);
    eng_model_free(m);
    fixture_close(&f);
}

static void batches_here(void **state)
{
    (void)state;
    family(NEAR_DIR, "llama");
    family(NEAR_DIR, "qwen3moe");
    family(NEAR_DIR, "gpt-oss-mxfp4");
}

static void batches_of_all_families(void **state)
{
    static const char *const names[] = {
        "models/qwen2",        "models/olmoe",        "models/granitemoe",
        "models/mistral3",     "models/glm4moe-air",  "models/gpt-oss",
        "models/deepseek2-v2", "models/deepseek2-v3", "models/mistral4",
        "models/gemma3",       "models/gemma4-dense", "models/gemma4-moe",
        "models/gemma4-e2b",   "models/phi3-short",   "models/llama4-scout",
        "models/qwen3next",    "models/qwen35moe",    "models/deepseek32",
        "models/glm-dsa",      "models/deepseek4",    "quant_models/q-llama-Q4_0"};
    (void)state;
    if (access(far_dir(), R_OK) != 0) {
        print_message("    skipped: no fixtures at %s (set WEIR_FIXTURES)\n", far_dir());
        skip();
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (wanted(names[i]))
            family(far_dir(), names[i]);
}

/* A cache of one context: whoever is alone in it can fill it, also when the end of its prompt is
 * cached, in a page that must be copied before it is written. */
static void one_context(void **state)
{
    enum { N = 2 * 64, SEQS = 2 };
    struct fixture f;
    struct eng_cache *c;
    struct base_err err = {0};
    int32_t tokens[N];
    uint32_t seqs[N], common;
    (void)state;
    assert_true(fixture_open(&f, NEAR_DIR, "llama"));
    struct eng_model *m = open_model(&f, ENG_DEVICE_CPU, threads(), ENG_ACTIVATIONS_AUTO);
    float *want = malloc(N * f.n_vocab * sizeof(float)),
          *got = malloc(N * f.n_vocab * sizeof(float));
    assert_true(want && got);
    assert_int_equal(eng_cache_new_sized(m, SEQS, N, N - 1, &c, &err), BASE_EINVAL);
    assert_int_equal(eng_cache_new_sized(m, SEQS, N, N, &c, &err), BASE_OK);
    for (int i = 0; i < N; i++)
        tokens[i] = i * 3 % 200;
    for (uint32_t round = 0; round < 6; round++) {
        uint32_t seq = round % SEQS, kept;
        for (int i = 0; i < N; i++)
            seqs[i] = seq;
        kept = eng_cache_open(c, seq, round == 4 ? "u" : "t", tokens, N - 1, &common);
        /* u took two pages of three */
        assert_int_equal(kept, round == 0 || round == 4 ? 0 : round == 5 ? 64 : N - 1);
        forward(m, c, (struct eng_batch){.n = N - kept, .tokens = tokens + kept, .seqs = seqs},
                round ? got : want);
        size_t last = (size_t)(N - 1 - kept) * f.n_vocab;
        assert_true(round == 0 ||
                    max_diff(got + last, want + (size_t)(N - 1) * f.n_vocab, f.n_vocab) <= 0);
        uint32_t more[SEQS] = {0}; /* another finds no room beside it */
        more[1 - seq] = 2 * 64;
        assert_false(eng_cache_fits(c, more));
        eng_cache_close(c, seq);
    }
    eng_cache_free(c);
    eng_model_free(m);
    free(want);
    free(got);
    fixture_close(&f);
}

/* ---- the scheduler ---- */

#define ASKS 600

struct answer {
    char text[8192];
    size_t n;
    bool started, done, cancelled, refused;
    uint32_t cached;
};

static void on_start(void *owner, uint32_t id, const char *model, uint32_t prompt_tokens,
                     const char *dropped)
{
    struct answer *a = (struct answer *)owner + id;
    (void)model;
    (void)prompt_tokens;
    (void)dropped;
    assert_false(a->started || a->done); /* once, however often it begins anew */
    a->started = true;
}

static void on_text(void *owner, uint32_t id, struct base_str text)
{
    struct answer *a = (struct answer *)owner + id;
    assert_true(a->started && !a->done && a->n + text.n < sizeof(a->text));
    memcpy(a->text + a->n, text.p, text.n);
    a->n += text.n;
}

static void on_finish(void *owner, uint32_t id, enum eng_end end, struct base_str stop,
                      const struct eng_counts *counts)
{
    struct answer *a = (struct answer *)owner + id;
    (void)stop;
    assert_false(a->done);
    a->done = true;
    a->cancelled = end == ENG_END_CANCELLED;
    a->cached = counts->cached_tokens;
}

static void on_error(void *owner, uint32_t id, int status, const char *type, const char *message)
{
    struct answer *a = (struct answer *)owner + id;
    if (status != 429 || strcmp(type, "queue_full") != 0)
        fail_msg("request %u: %d %s: %s", id, status, type, message);
    assert_false(a->done || a->started);
    a->done = a->refused = true;
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

static void bed_open(struct bed *b, const char *file, uint32_t slots, uint32_t cache_tokens,
                     uint32_t queue)
{
    *b = (struct bed){.ec = {.device = CONF_DEVICE_CPU, .threads = threads(), .queue = queue},
                      .mc = {.name = "tiny",
                             .file = file,
                             .context = 512,
                             .slots = slots,
                             .cache_tokens = cache_tokens}};
    b->s = eng_sched_new(&b->ec, &b->mc, &EVENTS);
    assert_non_null(b->s);
    assert_true(eng_sched_load(b->s));
}

static const char *const TENANTS[] = {"red", "green", "blue"};

/* Question k: some share a system prompt, some are long, one in four wants many tokens. */
static void submit(struct bed *b, struct answer *answers, uint32_t id, uint32_t k,
                   const char *tenant)
{
    char user[700] = "";
    for (uint32_t i = 0; i <= k % 5 * 3; i++)
        snprintf(user + strlen(user), 64, "Say %u of %u things about rivers. ", i, k % 7);
    json_t *o =
        json_pack("{s:s,s:s,s:[{s:s,s:s},{s:s,s:s}],s:i,s:i}", "model", "tiny", "tenant", tenant,
                  "messages", "role", "system", "content",
                  k % 3 ? "You are brief and never shout." : "Be polite.", "role", "user",
                  "content", user, "temperature", 0, "max_tokens", k % 4 ? 6 + (int)(k % 5) : 60);
    assert_non_null(o);
    eng_sched_submit(b->s, answers, id, o);
    json_decref(o);
}

#define QUESTIONS 35

/* What each question is answered alone. */
static void alone(const char *file, struct answer *want)
{
    for (uint32_t k = 0; k < QUESTIONS; k++) {
        struct bed b;
        bed_open(&b, file, 1, 0, 8);
        want[k] = (struct answer){0};
        submit(&b, want + k, 0, k, "t");
        for (int i = 0; i < 10000 && eng_sched_busy(b.s); i++)
            eng_sched_step(b.s);
        assert_true(want[k].done && want[k].n > 0);
        eng_sched_free(b.s);
    }
}

/* n requests, about one in five cancelled somewhere on its way, into slots and a cache that hold a
 * part of them. */
static void crowd(const char *file, const struct answer *want, uint32_t n, uint32_t slots,
                  uint32_t cache_tokens)
{
    static struct answer got[ASKS];
    static uint32_t question[ASKS];
    struct bed b;
    struct eng_sched_status st;
    uint32_t next = 0, steps = 0, whole = 0, cut = 0, hits = 0;
    assert_true(n <= ASKS);
    memset(got, 0, sizeof(got));
    bed_open(&b, file, slots, cache_tokens, 40);
    while (next < n || eng_sched_busy(b.s)) {
        eng_sched_status(b.s, &st);
        uint32_t burst = st.queued < 32 && steps % 3 == 0 ? pick(8) : 0;
        for (; burst && next < n; burst--) {
            question[next] = pick(QUESTIONS);
            submit(&b, got, next, question[next], TENANTS[pick(3)]);
            next++;
        }
        if (next && pick(6) == 0) { /* cancel: whatever it is doing, within this call */
            uint32_t id = next - 1 - pick(next < 12 ? next : 12);
            bool had = !got[id].done;
            assert_int_equal(eng_sched_cancel(b.s, got, id), had);
            assert_true(got[id].done);
        }
        eng_sched_step(b.s);
        eng_sched_status(b.s, &st);
        assert_true(st.cache_used + st.cache_kept <= st.cache_tokens);
        assert_true(++steps < 100000);
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct answer *w = &want[question[i]];
        assert_true(got[i].done);
        hits += got[i].cached > 0;
        whole += !got[i].cancelled && !got[i].refused;
        cut += got[i].cancelled;
        if (got[i].n > w->n || memcmp(got[i].text, w->text, got[i].n) != 0 ||
            (!got[i].cancelled && !got[i].refused && got[i].n != w->n))
            fail_msg("request %u (question %u): \"%.*s\" is not \"%.*s\"", i, question[i],
                     (int)got[i].n, got[i].text, (int)w->n, w->text);
    }
    eng_sched_status(b.s, &st);
    print_message("    %s: %u of %u whole, %u cancelled, %u with a prefix, %llu tokens evicted, "
                  "%llu set back\n",
                  file, whole, n, cut, hits, (unsigned long long)st.evicted,
                  (unsigned long long)st.preempted);
    assert_int_equal(st.cache_used, 0); /* no page is lost */
    assert_true(hits > 0 && st.prefix_hit > 0 && st.evicted > 0 && cut > 0);
    eng_sched_free(b.s);
}

static void crowds(const char *file)
{
    static struct answer want[QUESTIONS];
    const char *env = getenv("WEIR_CORE_REQUESTS");
    uint32_t n = env ? (uint32_t)strtoul(env, NULL, 10) : 120;
    alone(file, want);
    crowd(file, want, n, 6, 0);
    crowd(file, want, n, 8, 832);
}

static void cancels(void **state)
{
    char path[400];
    (void)state;
    crowds(NEAR_DIR "/llama.gguf");
    static const char *const names[] = {"gpt-oss", "qwen3next", "gemma3", "deepseek4"};
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/models/%s.gguf", far_dir(), names[i]);
        if (access(path, R_OK) == 0 && wanted(names[i]))
            crowds(path);
        else
            print_message("    not run (WEIR_FIXTURES, WEIR_CORE_FAMILIES): %s\n", names[i]);
    }
}

/* Eight that start in a cache which cannot hold what they will write: those that came later are set
 * back, more than once, and go on where they stopped. */
static void set_back(const char *file)
{
    enum { N = 8 };
    static struct answer want[N], got[N];
    struct eng_sched_status st;
    struct bed b;
    memset(want, 0, sizeof(want));
    memset(got, 0, sizeof(got));
    for (uint32_t run = 0; run <= N; run++) {
        bed_open(&b, file, run < N ? 1 : N, run < N ? 0 : 576, 8);
        for (uint32_t i = 0; i < N; i++) {
            json_t *o = json_pack("{s:s,s:s,s:[{s:s,s:s}],s:i,s:i}", "model", "tiny", "tenant", "t",
                                  "messages", "role", "user", "content",
                                  i % 3 ? "Tell me of rivers and seas." : "Tell me of hills.",
                                  "temperature", 0, "max_tokens", 350);
            json_object_set_new(o, "seed", json_integer(i));
            json_object_set_new(o, "temperature", json_real(1.5)); /* no end in sight */
            if (run == N || run == i)
                eng_sched_submit(b.s, run < N ? want : got, i, o);
            json_decref(o);
        }
        for (int i = 0; i < 10000 && eng_sched_busy(b.s); i++)
            eng_sched_step(b.s);
        eng_sched_status(b.s, &st);
        eng_sched_free(b.s);
    }
    for (int i = 0; i < N; i++) {
        assert_true(want[i].done && got[i].done);
        if (got[i].n != want[i].n || memcmp(got[i].text, want[i].text, want[i].n) != 0)
            fail_msg("%s: request %d is not as alone", file, i);
    }
    print_message("    %s: %llu times\n", file, (unsigned long long)st.preempted);
    assert_true(st.preempted > 0 && st.cache_used == 0);
}

static void short_of_room(void **state)
{
    char path[400];
    (void)state;
    set_back(NEAR_DIR "/llama.gguf");
    snprintf(path, sizeof(path), "%s/models/qwen3next.gguf", far_dir());
    if (access(path, R_OK) == 0)
        set_back(path);
}

/* ---- turns ---- */

/* One tenant has asked twenty times before another asks once: the other is next, and its prompt
 * takes half of each step. */
static void tenants_take_turns(void **state)
{
    static struct answer a[60];
    struct bed b;
    (void)state;
    memset(a, 0, sizeof(a));
    bed_open(&b, NEAR_DIR "/llama.gguf", 2, 0, 64);
    for (uint32_t i = 0; i < 20; i++)
        submit(&b, a, i, 4, "red");
    for (int i = 0; i < 3; i++)
        eng_sched_step(b.s);
    submit(&b, a, 20, 4, "green");
    for (int i = 0; i < 10000 && !a[20].done; i++)
        eng_sched_step(b.s);
    uint32_t before = 0;
    for (uint32_t i = 0; i < 20; i++)
        before += a[i].done;
    assert_true(before <= 3); /* the two that had begun, and at most one beside it */
    /* from there on in turns, but for what the one had paid for its prompt and the other had cached
     */
    for (uint32_t i = 21; i < 51; i++)
        submit(&b, a, i, 4, "green");
    uint32_t red = 0, green = 0;
    for (int i = 0; i < 10000 && red + green < 20; i++) {
        eng_sched_step(b.s);
        red = green = 0;
        for (uint32_t k = 0; k < 51; k++) {
            red += k < 20 && a[k].done;
            green += k > 20 && a[k].done;
        }
        red -= red < before ? red : before;
    }
    if (red > green + 4 || green > red + 4)
        fail_msg("%u of the one, %u of the other", red, green);
    eng_sched_free(b.s);
}

/* A full queue: the one who filled it gives a place, but only down to an equal share. */
static void a_full_queue_has_room(void **state)
{
    static struct answer a[40];
    struct bed b;
    struct eng_sched_status st;
    (void)state;
    memset(a, 0, sizeof(a));
    bed_open(&b, NEAR_DIR "/llama.gguf", 1, 0, 6);
    for (uint32_t i = 0; i < 7; i++)
        submit(&b, a, i, 0, "red");
    submit(&b, a, 7, 0, "red"); /* one slot, six waiting */
    assert_true(a[7].refused);
    for (uint32_t i = 8; i < 11; i++)
        submit(&b, a, i, 0, "green");
    assert_true(a[6].refused && a[5].refused && a[4].refused); /* its newest */
    assert_true(!a[8].refused && !a[9].refused && !a[10].refused);
    submit(&b, a, 11, 0, "green"); /* three of each now */
    assert_true(a[11].refused && !a[3].refused);
    submit(&b, a, 12, 0, "blue");
    assert_false(a[12].refused);
    eng_sched_status(b.s, &st);
    assert_int_equal(st.queued, 6);
    for (int i = 0; i < 100000 && eng_sched_busy(b.s); i++)
        eng_sched_step(b.s);
    for (uint32_t i = 0; i < 13; i++)
        assert_true(a[i].done);
    eng_sched_free(b.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_here),          cmocka_unit_test(batches_of_all_families),
        cmocka_unit_test(one_context),           cmocka_unit_test(cancels),
        cmocka_unit_test(short_of_room),         cmocka_unit_test(tenants_take_turns),
        cmocka_unit_test(a_full_queue_has_room),
    };
    base_log_level_set(BASE_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

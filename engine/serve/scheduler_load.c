/* scheduler_load.c - a scheduler's model: loading, limits, what the file recommends, the end. */
#include "engine/serve/scheduler_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "engine/model/gguf.h"
#include "engine/plan/auto.h"
#include <stdlib.h>

static void recommended(struct eng_sched *s)
{
    const struct eng_gguf *g = eng_model_gguf(s->model);
    float f;
    uint32_t u;
    s->defaults = eng_sampling_default();
    if (eng_gguf_f32(g, "general.sampling.temp", &f) == BASE_OK && f >= 0 && f <= 100)
        s->defaults.temperature = f;
    if (eng_gguf_f32(g, "general.sampling.top_p", &f) == BASE_OK && f > 0 && f <= 1)
        s->defaults.top_p = f;
    if (eng_gguf_f32(g, "general.sampling.min_p", &f) == BASE_OK && f >= 0 && f <= 1)
        s->defaults.min_p = f;
    if (eng_gguf_u32(g, "general.sampling.top_k", &u) == BASE_OK)
        s->defaults.top_k = u;
}

/* Tokens that the cache holds of all slots together; 0: as many as they can be. */
static uint64_t cache_tokens(const struct eng_sched *s)
{
    uint64_t all = (uint64_t)s->n_slots * s->n_ctx, n = s->mc->cache_tokens;
    if (n == 0 || n >= all)
        return 0;
    if (n < s->n_ctx) {
        base_warn("engine", "%s: cache_tokens %llu is less than one context; %u is used",
                  s->mc->name, (unsigned long long)n, s->n_ctx);
        n = s->n_ctx;
    }
    return n;
}

/* The model on this device, and its cache. */
static enum base_status open_with(struct eng_sched *s, const struct eng_model_opts *opts,
                                  struct base_err *err)
{
    static const enum eng_cublas cublas[] = {[CONF_CUBLAS_AUTO] = ENG_CUBLAS_AUTO,
                                             [CONF_CUBLAS_OFF] = ENG_CUBLAS_OFF,
                                             [CONF_CUBLAS_REQUIRED] = ENG_CUBLAS_REQUIRED};
    struct eng_model_opts o = *opts;
    o.cublas = cublas[s->ec->cublas];
    if (!o.gpus_told) { /* or device: auto has chosen */
        o.n_gpus = s->ec->gpus;
        o.split = s->ec->split == CONF_SPLIT_EXPERTS ? ENG_SPLIT_EXPERTS : ENG_SPLIT_LAYERS;
    }
    o.n_seq = s->n_slots;
    o.n_ctx = s->mc->context;
    o.n_tokens = s->mc->cache_tokens;
    enum base_status st = eng_model_open(s->mc->file, &o, &s->model, err);
    if (st != BASE_OK)
        return st;
    const char *found = eng_model_cublas(s->model);
    if (*found)
        base_info("engine", "%s: large products of long prompts: %s", s->mc->name, found);
    const struct eng_model_info *info = eng_model_get_info(s->model);
    s->n_ctx = s->mc->context ? s->mc->context : info->n_ctx_train;
    if (info->n_ctx_train > 0 && s->n_ctx > info->n_ctx_train) {
        base_warn("engine", "%s: context %u is more than the %u it was trained for; %u is used",
                  s->mc->name, s->n_ctx, info->n_ctx_train, info->n_ctx_train);
        s->n_ctx = info->n_ctx_train;
    }
    st = eng_cache_new_sized(s->model, s->n_slots, s->n_ctx, cache_tokens(s), &s->cache, err);
    struct eng_model_memory on;
    for (uint32_t i = 0; st == BASE_OK && eng_model_memory_of(s->model, i, &on); i++)
        base_info("engine", "%s: GPU %u, %s: %llu MiB reserved, %llu in use", s->mc->name,
                  on.ordinal, on.name, (unsigned long long)(on.reserved >> 20),
                  (unsigned long long)(on.used >> 20));
    if (st != BASE_OK) {
        eng_model_free(s->model);
        s->model = NULL;
    }
    return st;
}

static enum base_status open_on(struct eng_sched *s, enum eng_device device, struct base_err *err)
{
    struct eng_model_opts o = {.device = device, .n_threads = (int)s->ec->threads};
    return open_with(s, &o, err);
}

/* A GPU if one can be had and is worth it, else the CPU (engine/plan/auto.h); the log says why. */
static enum base_status open_auto(struct eng_sched *s, struct base_err *err)
{
    struct eng_model_opts o = {.n_threads = (int)s->ec->threads};
    struct eng_auto_ask ask = {.file = s->mc->file,
                               .context = s->mc->context,
                               .parallel = s->n_slots,
                               .cache_tokens = s->mc->cache_tokens,
                               .threads = (int)s->ec->threads,
                               .limits = {.gpus = s->ec->gpus,
                                          .layers_only = s->ec->split == CONF_SPLIT_LAYERS,
                                          .experts_only = s->ec->split == CONF_SPLIT_EXPERTS}};
    struct eng_auto a;
    struct base_err why = {0};
    enum base_status st = eng_auto_choose(&ask, &a, err);
    if (st != BASE_OK)
        return st;
    base_info("engine", "%s: %s", s->mc->name, a.line);
    eng_auto_opts(&a, &o);
    if (o.device == ENG_DEVICE_CPU)
        return open_with(s, &o, err);
    if (open_with(s, &o, &why) == BASE_OK)
        return BASE_OK;
    base_warn("engine", "%s: on the CPU after all: %s", s->mc->name, why.text);
    return open_on(s, ENG_DEVICE_CPU, err);
}

/* On the device that the configuration names. */
static enum base_status open_model(struct eng_sched *s, struct base_err *err)
{
    switch (s->ec->device) {
    case CONF_DEVICE_CPU:
        return open_on(s, ENG_DEVICE_CPU, err);
    case CONF_DEVICE_CUDA:
        return open_on(s, ENG_DEVICE_CUDA, err);
    case CONF_DEVICE_EMULATED:
        return open_on(s, ENG_DEVICE_EMULATED, err);
    case CONF_DEVICE_AUTO:
        break;
    }
    return open_auto(s, err);
}

static enum base_status load(struct eng_sched *s, struct base_err *err)
{
    bool own = true;
    enum base_status st = open_model(s, err);
    if (st == BASE_OK)
        st = eng_tok_from_gguf(eng_model_gguf(s->model), &s->tok, err);
    if (st == BASE_OK)
        st = eng_template_from_gguf(eng_model_gguf(s->model), s->tok, &s->tpl, &own, err);
    if (st == BASE_OK && s->ec->watermark.present) {
        s->watermark.gamma = (float)s->ec->watermark.gamma;
        s->watermark.delta = (float)s->ec->watermark.delta;
        st = eng_watermark_key(s->ec->watermark.key, &s->watermark, err);
    }
    if (st != BASE_OK)
        return st;
    const struct eng_model_info *info = eng_model_get_info(s->model);
    s->n_vocab = info->n_vocab;
    s->n_sample = eng_tok_n_vocab(s->tok);
    if (s->n_sample > s->n_vocab)
        return base_err_set(err, BASE_EINVAL, "the tokenizer has %u tokens, the model %u",
                            s->n_sample, s->n_vocab);
    if (!own)
        base_warn("engine", "%s: the file has no chat template; a plain one is used", s->mc->name);
    recommended(s);
    size_t batch = CHUNK_MAX + s->n_slots;
    s->slots = calloc(s->n_slots, sizeof(*s->slots));
    s->logits = malloc((size_t)s->n_slots * s->n_vocab * sizeof(float));
    s->tokens = malloc(batch * sizeof(*s->tokens));
    s->seqs = malloc(batch * sizeof(*s->seqs));
    s->want = malloc(batch * sizeof(*s->want));
    s->mark = malloc(batch * sizeof(*s->mark));
    s->who = calloc(s->n_slots, sizeof(struct eng_sampler *));
    s->picked = calloc(s->n_slots, sizeof(*s->picked));
    if (!s->who || !s->picked || !s->slots || !s->logits || !s->tokens || !s->seqs || !s->want ||
        !s->mark)
        return base_err_set(err, BASE_ENOMEM, "no memory for %u slots", s->n_slots);
    return BASE_OK;
}

struct eng_sched *eng_sched_new(const struct conf_engine *ec, const struct conf_local_model *mc,
                                const struct eng_sched_events *ev)
{
    struct eng_sched *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->ec = ec;
    s->mc = mc;
    s->ev = *ev;
    s->queue_max = ec->queue ? ec->queue : QUEUE_DEFAULT;
    s->n_slots = mc->slots == 0 ? 1 : mc->slots > SLOTS_MAX ? SLOTS_MAX : mc->slots;
    s->chunk = 64;
    s->n_tenants = s->queue_max + 2 * s->n_slots + 1;
    s->tenants = calloc(s->n_tenants, sizeof(*s->tenants));
    if (s->tenants == NULL) {
        free(s);
        return NULL;
    }
    base_buf_init(&s->piece, PIECE_MAX);
    base_buf_init(&s->out, 4u << 20);
    (void)base_err_set(&s->why, BASE_AGAIN, "the model is being loaded");
    return s;
}

bool eng_sched_load(struct eng_sched *s)
{
    uint64_t t0 = base_mono_us();
    if (s->ready)
        return true;
    base_info("engine", "%s: loading %s", s->mc->name, s->mc->file);
    if (load(s, &s->why) != BASE_OK) {
        base_error("engine", "%s cannot be used: %s", s->mc->name, s->why.text);
        return false;
    }
    s->ready = true;
    char parser[ENG_DIALECT_NAME_MAX];
    eng_dialect_name(eng_template_dialect(s->tpl), parser);
    base_info("engine", "%s: ready after %llu ms, %u slots of %u tokens, tokenizer %s, parser %s",
              s->mc->name, (unsigned long long)(base_mono_us() - t0) / 1000, s->n_slots, s->n_ctx,
              eng_tok_kind(s->tok), parser);
    return true;
}

bool eng_sched_lost(const struct eng_sched *s)
{
    return s->model && eng_model_lost(s->model);
}

void sched_request_free(struct eng_request *r)
{
    eng_ids_release(&r->ids);
    eng_sampler_free(r->sampler);
    eng_text_release(&r->text);
    eng_text_release(&r->rest);
    eng_parse_free(r->parse);
    free(r);
}

void eng_sched_free(struct eng_sched *s)
{
    if (s == NULL)
        return;
    for (struct eng_request *r = s->queue, *next; r; r = next) {
        next = r->next;
        sched_request_free(r);
    }
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++)
        if (s->slots[i].r)
            sched_request_free(s->slots[i].r);
    free(s->slots);
    free(s->tenants);
    free(s->logits);
    free((void *)s->who);
    free(s->picked);
    free(s->tokens);
    free(s->seqs);
    free(s->want);
    free(s->mark);
    base_buf_release(&s->piece);
    base_buf_release(&s->out);
    eng_cache_free(s->cache);
    eng_template_free(s->tpl);
    eng_tok_free(s->tok);
    eng_model_free(s->model);
    base_wipe(&s->watermark, sizeof(s->watermark));
    free(s);
}

const struct eng_model *eng_sched_model(const struct eng_sched *s)
{
    return s->ready ? s->model : NULL;
}

const char *eng_sched_name(const struct eng_sched *s)
{
    return s->mc->name;
}

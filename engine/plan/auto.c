/* auto.c - `device: auto`: the machine, the plan, the choice and the line that says it.
 *
 * Each device is opened to be asked (its self test runs too) and closed again; one that cannot be
 * used is kept with its reason. Its bandwidth is what
 * the driver states of its memory, else that of the card of its name (plan_card.c), else unknown:
 * then nothing is weighed and a model that fits goes there. PCIe is what the system says of the
 * link, else sixteen lanes of 4.0. The CPU's bandwidth is measured, since what a maker states of a
 * processor says little about a machine.
 */
#include "engine/plan/auto.h"

#include "base/buf.h"
#include "base/clock.h"
#include "engine/cuda/driver.h"
#include "engine/threads.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCIE_ASSUMED  32e9
#define FLOPS_ASSUMED 100e12 /* where the card is not known: for prompts alone */
#define MEASURE_BYTES ((size_t)256 << 20)
#define MEASURE_RUNS  3

/* ---- the machine ---- */

/* The card whose name the driver's contains: "NVIDIA GeForce RTX 4090" has rtx4090. */
static const struct eng_card *card_of(const char *name, uint64_t memory)
{
    char z[128];
    size_t n = 0;
    const struct eng_card *best = NULL, *c;
    for (const char *p = name; *p && n + 1 < sizeof(z); p++)
        if (isalnum((unsigned char)*p))
            z[n++] = (char)tolower((unsigned char)*p);
    z[n] = 0;
    for (size_t i = 0; (c = eng_card_at(i)); i++) {
        char key[32];
        size_t k = 0;
        for (const char *p = c->name; *p && *p != '-' && k + 1 < sizeof(key); p++)
            key[k++] = *p;
        key[k] = 0;
        uint64_t off = c->bytes > memory ? c->bytes - memory : memory - c->bytes;
        if (strstr(z, key) && off < c->bytes / 8 && !best)
            best = c;
    }
    return best;
}

static void look_at(enum eng_cuda_kind kind, struct eng_machine_gpu *g)
{
    struct base_err err = {0};
    struct eng_cuda *d = NULL;
    if (eng_cuda_open(kind, g->ordinal, &d, &err) != BASE_OK) {
        snprintf(g->why, sizeof(g->why), "%s", err.text);
        return;
    }
    const struct eng_cuda_info *i = eng_cuda_get_info(d);
    const struct eng_card *c = card_of(i->name, i->memory);
    g->usable = true;
    snprintf(g->name, sizeof(g->name), "%s", i->name);
    g->memory = i->memory;
    g->gpu = (struct eng_plan_gpu){.bytes = i->memory_free,
                                   .bytes_s = i->memory_bytes_s,
                                   .pcie_bytes_s = i->pcie_bytes_s,
                                   .flops = c ? c->flops : FLOPS_ASSUMED};
    g->how = "by its driver";
    if (!(g->gpu.bytes_s > 0)) {
        g->gpu.bytes_s = c ? c->bytes_s : 0;
        g->how = c ? "by its maker" : "not told";
    }
    g->pcie_how = "by the system";
    if (!(g->gpu.pcie_bytes_s > 0)) {
        g->gpu.pcie_bytes_s = PCIE_ASSUMED;
        g->pcie_how = "assumed";
    }
    eng_cuda_close(d);
}

void eng_machine_look(int threads, struct eng_machine *out)
{
    const char *library = getenv("WEIR_CUDA_LIBRARY");
    *out = (struct eng_machine){.kind = library && *library ? ENG_DEVICE_EMULATED : ENG_DEVICE_CUDA,
                                .cpu_bytes_s = ENG_CPU_BYTES_S,
                                .cpu_ops_s = ENG_CPU_OPS_S,
                                .threads = threads > 0 ? (uint32_t)threads : 0,
                                .cpu_how = "assumed"};
    enum eng_cuda_kind kind =
        out->kind == ENG_DEVICE_EMULATED ? ENG_CUDA_EMULATED : ENG_CUDA_HARDWARE;
    uint32_t n = eng_cuda_count(kind);
    out->n_gpus = n ? n : 1; /* without any: the first one says what is missing */
    for (uint32_t i = 0; i < out->n_gpus; i++) {
        out->gpu[i] = (struct eng_machine_gpu){.ordinal = i, .how = "not told", .pcie_how = ""};
        look_at(kind, &out->gpu[i]);
        out->n_usable += out->gpu[i].usable;
    }
    if (out->n_usable == 0)
        snprintf(out->why, sizeof(out->why), "%s", out->gpu[0].why);
    out->n_gpus = n;
}

struct reading {
    const uint64_t *p;
    size_t each; /* words of a task */
    uint64_t sums[64];
};

static void write_task(void *ctx, uint32_t task, uint32_t thread)
{
    struct reading *r = ctx;
    (void)thread;
    memset((void *)(uintptr_t)(r->p + task * r->each), (int)task + 1, r->each * sizeof(*r->p));
}

static void read_task(void *ctx, uint32_t task, uint32_t thread)
{
    struct reading *r = ctx;
    const uint64_t *p = r->p + task * r->each;
    uint64_t s[8] = {0};
    (void)thread;
    for (size_t i = 0; i + 8 <= r->each; i += 8)
        for (int k = 0; k < 8; k++)
            s[k] += p[i + k];
    r->sums[task] = s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7];
}

void eng_machine_measure(struct eng_machine *m)
{
    struct eng_pool *pool = NULL;
    struct reading r = {.p = malloc(MEASURE_BYTES), .each = MEASURE_BYTES / sizeof(uint64_t) / 64};
    uint64_t best = UINT64_MAX, seen = 0;
    if (r.p && eng_pool_new((int)m->threads, &pool, NULL) == BASE_OK) {
        eng_pool_run(pool, 64, write_task, &r);
        for (int i = 0; i < MEASURE_RUNS; i++) {
            uint64_t t0 = base_mono_us();
            eng_pool_run(pool, 64, read_task, &r);
            uint64_t t = base_mono_us() - t0;
            best = t < best ? t : best;
            for (int k = 0; k < 64; k++)
                seen += r.sums[k];
        }
        if (best > 0 && seen != 0) { /* seen: so that nobody leaves the reading out */
            m->cpu_bytes_s = (double)MEASURE_BYTES / ((double)best / 1e6);
            m->cpu_how = "measured";
        }
        eng_pool_free(pool);
    }
    free((void *)(uintptr_t)r.p);
}

/* ---- the choice ---- */

void eng_auto_cards(const struct eng_machine *m, struct eng_plan_ask *ask)
{
    ask->n_gpu = 0;
    for (uint32_t i = 0; i < m->n_gpus; i++)
        if (m->gpu[i].usable)
            ask->gpu[ask->n_gpu++] = m->gpu[i].gpu;
}

/* The machine's device that is card `card` of the choice. */
static const struct eng_machine_gpu *device_of(const struct eng_machine *m, uint32_t card)
{
    for (uint32_t i = 0; i < m->n_gpus; i++)
        if (m->gpu[i].usable && card-- == 0)
            return &m->gpu[i];
    return &m->gpu[0];
}

uint32_t eng_auto_ordinal(const struct eng_machine *m, uint32_t card)
{
    return device_of(m, card)->ordinal;
}

static bool has(const struct eng_machine *m, const struct eng_plan_set *s, uint32_t ordinal)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (device_of(m, s->gpu[i])->ordinal == ordinal)
            return true;
    return false;
}

void eng_auto_left_out(const struct eng_auto *a, uint32_t i, char out[ENG_AUTO_WHY])
{
    const struct eng_machine_gpu *g = &a->machine.gpu[i];
    const struct eng_plan_choice *c = &a->choice;
    bool fits = false;
    *out = 0;
    if (!g->usable) {
        snprintf(out, ENG_AUTO_WHY, "GPU %u: %s", g->ordinal, g->why);
        return;
    }
    if (c->n_sets == 0 || has(&a->machine, &c->set[c->best], g->ordinal))
        return;
    for (uint32_t k = 0; k < c->n_sets; k++)
        fits = fits || (c->set[k].fit != ENG_PLAN_NONE && has(&a->machine, &c->set[k], g->ordinal));
    if (fits)
        snprintf(out, ENG_AUTO_WHY, "GPU %u, %s: not faster with it", g->ordinal, g->name);
    else
        snprintf(out, ENG_AUTO_WHY, "GPU %u, %s: too small, it has %llu MiB free", g->ordinal,
                 g->name, (unsigned long long)(g->gpu.bytes >> 20));
}

/* The names of a set's devices, with their numbers where the machine has several. */
static void put_set(const struct eng_auto *a, const struct eng_plan_set *s, struct base_buf *out)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const struct eng_machine_gpu *g = device_of(&a->machine, s->gpu[i]);
        base_buf_printf(out, "%s%s", i == 0 ? "" : i + 1 < s->n ? ", " : " and ", g->name);
        if (a->machine.n_gpus > 1)
            base_buf_printf(out, " (GPU %u)", g->ordinal);
    }
    if (s->n > 1)
        base_buf_printf(out, " by %s", s->split == ENG_PLAN_BY_EXPERTS ? "experts" : "layers");
}

static void put_where(const struct eng_plan_sizes *z, const struct eng_plan_set *s,
                      struct base_buf *out)
{
    if (s->fit == ENG_PLAN_HYBRID)
        base_buf_printf(out, "with %u of %u experts of each layer", s->on_gpu, z->n_expert);
    else
        base_buf_z(out, "whole");
}

static void put_bounds(const struct eng_auto *a, const struct eng_plan_set *s,
                       const struct eng_plan_ask *ask, struct base_buf *out)
{
    const struct eng_machine *m = &a->machine;
    const struct eng_machine_gpu *g = device_of(m, s->gpu[0]);
    if (!(a->plan.weigh.gpu_tok_s > 0)) {
        base_buf_printf(out, "%s bandwidth is not known, so nothing was weighed against the CPU",
                        s->n > 1 ? "their" : "its");
        return;
    }
    base_buf_printf(out,
                    "bounds of %u at once: %.0f tok/s with %s, %.0f with the CPU alone (memory of "
                    "the device%s ",
                    ask->parallel, a->plan.weigh.gpu_tok_s, s->n > 1 ? "them" : "it",
                    a->plan.weigh.cpu_tok_s, s->n > 1 ? "s" : "");
    for (uint32_t i = 0; i < s->n; i++)
        base_buf_printf(out, "%s%.4g", i ? " + " : "", device_of(m, s->gpu[i])->gpu.bytes_s / 1e9);
    base_buf_printf(out, " GB/s %s, PCIe %.4g GB/s %s, memory of the host %.1f GB/s %s)", g->how,
                    g->gpu.pcie_bytes_s / 1e9, g->pcie_how, m->cpu_bytes_s / 1e9, m->cpu_how);
}

/* What the choice was made against, and who was left out. */
static void put_others(const struct eng_plan_sizes *z, const struct eng_auto *a,
                       struct base_buf *out)
{
    const struct eng_plan_choice *c = &a->choice;
    char why[ENG_AUTO_WHY];
    if (c->n_sets && c->next < c->n_sets && c->set[c->best].fit != ENG_PLAN_NONE) {
        const struct eng_plan_set *s = &c->set[c->next];
        base_buf_z(out, "; the next best: ");
        put_set(a, s, out);
        base_buf_z(out, ", ");
        put_where(z, s, out);
        if (s->tok_s > 0)
            base_buf_printf(out, ", %.0f tok/s", s->tok_s);
    }
    for (uint32_t i = 0; i < a->machine.n_gpus && a->machine.n_gpus > 1; i++) {
        eng_auto_left_out(a, i, why);
        if (*why)
            base_buf_printf(out, "; left out: %s", why);
    }
}

static void say(const struct eng_plan_sizes *z, const struct eng_plan_ask *ask,
                const struct eng_auto *a, struct base_buf *out)
{
    const struct eng_plan_set *s = &a->choice.set[a->choice.best];
    if (a->machine.n_usable == 0) {
        base_buf_printf(out, "on the CPU: %s", a->machine.why);
    } else if (a->plan.fit == ENG_PLAN_NONE) {
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < a->choice.ask.n_gpu; i++)
            bytes += a->choice.ask.gpu[i].bytes;
        base_buf_z(out, "on the CPU: ");
        put_set(a, s, out);
        base_buf_printf(out,
                        " %s %llu MiB free, and %llu MiB are missing for what must be there "
                        "(weights beside the experts, cache, working space)",
                        s->n > 1 ? "have" : "has", (unsigned long long)(bytes >> 20),
                        (unsigned long long)((a->plan.missing >> 20) + 1));
    } else {
        bool cpu = a->plan.would == ENG_AUTO_CPU;
        base_buf_z(out, cpu ? "on the CPU: " : "on ");
        put_set(a, s, out);
        base_buf_z(out, ", ");
        put_where(z, s, out);
        base_buf_z(out, cpu ? ", would be slower; " : "; ");
        put_bounds(a, s, ask, out);
    }
    if (a->machine.n_usable || a->machine.n_gpus > 1)
        put_others(z, a, out);
}

void eng_auto_take(const struct eng_plan_sizes *z, const struct eng_plan_ask *ask,
                   const struct eng_plan_limits *limits, struct eng_auto *a)
{
    struct base_buf line;
    a->choice = (struct eng_plan_choice){.ask = *ask};
    a->plan = (struct eng_plan){.fit = ENG_PLAN_NONE, .would = ENG_AUTO_CPU};
    if (ask->n_gpu) {
        eng_plan_choose(z, ask, limits, &a->choice);
        a->plan = a->choice.plan;
    }
    a->would = a->plan.would;
    base_buf_init(&line, sizeof(a->line) - 1); /* what is longer is cut */
    say(z, ask, a, &line);
    snprintf(a->line, sizeof(a->line), "%.*s", (int)line.n, line.p ? (const char *)line.p : "");
    base_buf_release(&line);
}

enum base_status eng_auto_weigh(const struct eng_model *m, const struct eng_auto_ask *ask,
                                struct eng_auto *a, struct base_err *err)
{
    struct eng_plan_sizes z = {0};
    const struct eng_model_info *info = eng_model_get_info(m);
    uint32_t context = ask->context ? ask->context : info->n_ctx_train;
    struct eng_plan_ask p = {
        .cpu_bytes_s = a->machine.cpu_bytes_s,
        .cpu_ops_s = a->machine.cpu_ops_s,
        .context = info->n_ctx_train && context > info->n_ctx_train ? info->n_ctx_train : context,
        .parallel = ask->parallel,
        .cache_tokens = ask->cache_tokens};
    eng_auto_cards(&a->machine, &p);
    enum base_status st = p.n_gpu ? eng_plan_sizes_of(m, &z, err) : BASE_OK;
    if (st == BASE_OK)
        eng_auto_take(&z, &p, &ask->limits, a);
    eng_plan_sizes_release(&z);
    return st;
}

enum base_status eng_auto_choose(const struct eng_auto_ask *ask, struct eng_auto *out,
                                 struct base_err *err)
{
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    struct eng_model *m = NULL;
    *out = (struct eng_auto){.would = ENG_AUTO_CPU};
    enum base_status st = eng_model_open(ask->file, &opts, &m, err);
    if (st != BASE_OK)
        return st;
    eng_machine_look(ask->threads, &out->machine);
    if (out->machine.n_usable)
        eng_machine_measure(&out->machine);
    st = eng_auto_weigh(m, ask, out, err);
    eng_model_free(m);
    return st;
}

void eng_auto_opts(const struct eng_auto *a, struct eng_model_opts *o)
{
    const struct eng_plan_set *s = &a->choice.set[a->choice.best];
    o->device = a->would == ENG_AUTO_CPU ? ENG_DEVICE_CPU : a->machine.kind;
    o->split_experts = o->split_fit = a->would == ENG_AUTO_HYBRID;
    o->gpu_experts = a->plan.on_gpu;
    o->send_from = a->would == ENG_AUTO_HYBRID ? a->plan.prompt.stream_from : 0;
    o->n_gpus = a->would == ENG_AUTO_CPU ? 0 : s->n;
    o->split = s->split == ENG_PLAN_BY_EXPERTS ? ENG_SPLIT_EXPERTS : ENG_SPLIT_LAYERS;
    o->gpus_told = o->n_gpus > 0;
    for (uint32_t i = 0; i < o->n_gpus; i++)
        o->gpu[i] = device_of(&a->machine, s->gpu[i])->ordinal;
}

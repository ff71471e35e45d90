/* auto.c - `device: auto`: the machine, the plan, the choice and the line that says it.
 *
 * The device is opened to be asked (its self test runs too) and closed again. Its bandwidth is what
 * the driver states of its memory, else that of the card of its name (plan_card.c), else unknown:
 * then nothing is weighed and a model that fits goes there. PCIe is what the system says of the
 * link, else sixteen lanes of 4.0. The CPU's bandwidth is measured, since what a maker states of a
 * processor says little about a machine.
 */
#include "engine/plan/auto.h"

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

void eng_machine_look(int threads, struct eng_machine *out)
{
    const char *library = getenv("WEIR_CUDA_LIBRARY");
    struct base_err err = {0};
    struct eng_cuda *d = NULL;
    *out = (struct eng_machine){.kind = library && *library ? ENG_DEVICE_EMULATED : ENG_DEVICE_CUDA,
                                .cpu_bytes_s = ENG_CPU_BYTES_S,
                                .cpu_ops_s = ENG_CPU_OPS_S,
                                .threads = threads > 0 ? (uint32_t)threads : 0,
                                .gpu_how = "not told",
                                .pcie_how = "assumed",
                                .cpu_how = "assumed"};
    if (eng_cuda_open(out->kind == ENG_DEVICE_EMULATED ? ENG_CUDA_EMULATED : ENG_CUDA_HARDWARE, 0,
                      &d, &err) != BASE_OK) {
        snprintf(out->why, sizeof(out->why), "%s", err.text);
        return;
    }
    const struct eng_cuda_info *i = eng_cuda_get_info(d);
    const struct eng_card *c = card_of(i->name, i->memory);
    out->has_gpu = true;
    snprintf(out->name, sizeof(out->name), "%s", i->name);
    out->memory = i->memory;
    out->gpu = (struct eng_plan_gpu){.bytes = i->memory_free,
                                     .bytes_s = i->memory_bytes_s,
                                     .pcie_bytes_s = i->pcie_bytes_s,
                                     .flops = c ? c->flops : FLOPS_ASSUMED};
    if (out->gpu.bytes_s > 0) {
        out->gpu_how = "by its driver";
    } else {
        out->gpu.bytes_s = c ? c->bytes_s : 0;
        out->gpu_how = c ? "by its maker" : "not told";
    }
    if (out->gpu.pcie_bytes_s > 0)
        out->pcie_how = "by the system";
    else
        out->gpu.pcie_bytes_s = PCIE_ASSUMED;
    eng_cuda_close(d);
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

void eng_auto_say(const struct eng_plan_sizes *z, const struct eng_plan_ask *ask,
                  const struct eng_plan *p, struct eng_auto *a)
{
    const struct eng_machine *m = &a->machine;
    char where[96] = "whole", bounds[320] = "";
    if (p->fit == ENG_PLAN_HYBRID)
        snprintf(where, sizeof(where), "with %u of %u experts of each layer", p->on_gpu,
                 z->n_expert);
    if (p->weigh.gpu_tok_s > 0)
        snprintf(bounds, sizeof(bounds),
                 "bounds of %u at once: %.0f tok/s with it, %.0f with the CPU alone (memory of the "
                 "device %.4g GB/s %s, PCIe %.4g GB/s %s, memory of the host %.1f GB/s %s)",
                 ask->parallel, p->weigh.gpu_tok_s, p->weigh.cpu_tok_s, m->gpu.bytes_s / 1e9,
                 m->gpu_how, m->gpu.pcie_bytes_s / 1e9, m->pcie_how, m->cpu_bytes_s / 1e9,
                 m->cpu_how);
    else
        snprintf(bounds, sizeof(bounds),
                 "its bandwidth is not known, so nothing was weighed against the CPU");
    if (!m->has_gpu)
        snprintf(a->line, sizeof(a->line), "on the CPU: %s", m->why);
    else if (p->would != ENG_AUTO_CPU)
        snprintf(a->line, sizeof(a->line), "on %s, %s; %s", m->name, where, bounds);
    else if (p->fit == ENG_PLAN_NONE)
        snprintf(
            a->line, sizeof(a->line),
            "on the CPU: %s has %llu MiB free, and %llu MiB are missing for what must be there "
            "(weights beside the experts, cache, working space)",
            m->name, (unsigned long long)(m->gpu.bytes >> 20),
            (unsigned long long)((p->missing >> 20) + 1));
    else
        snprintf(a->line, sizeof(a->line), "on the CPU: %s, %s, would be slower; %s", m->name,
                 where, bounds);
}

enum base_status eng_auto_weigh(const struct eng_model *m, const struct eng_auto_ask *ask,
                                struct eng_auto *a, struct base_err *err)
{
    struct eng_plan_sizes z = {0};
    const struct eng_model_info *info = eng_model_get_info(m);
    uint32_t context = ask->context ? ask->context : info->n_ctx_train;
    struct eng_plan_ask p = {
        .gpu = {a->machine.gpu},
        .n_gpu = 1,
        .cpu_bytes_s = a->machine.cpu_bytes_s,
        .cpu_ops_s = a->machine.cpu_ops_s,
        .context = info->n_ctx_train && context > info->n_ctx_train ? info->n_ctx_train : context,
        .parallel = ask->parallel,
        .cache_tokens = ask->cache_tokens};
    a->plan = (struct eng_plan){.fit = ENG_PLAN_NONE};
    a->would = ENG_AUTO_CPU;
    if (!a->machine.has_gpu) {
        eng_auto_say(&z, &p, &a->plan, a);
        return BASE_OK;
    }
    enum base_status st = eng_plan_sizes_of(m, &z, err);
    if (st == BASE_OK) {
        eng_plan(&z, &p, &a->plan);
        a->would = a->plan.would;
        eng_auto_say(&z, &p, &a->plan, a);
    }
    eng_plan_sizes_release(&z);
    return st;
}

enum base_status eng_auto_choose(const struct eng_auto_ask *ask, struct eng_auto *out,
                                 struct base_err *err)
{
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    struct eng_model *m = NULL;
    *out = (struct eng_auto){0};
    enum base_status st = eng_model_open(ask->file, &opts, &m, err);
    if (st != BASE_OK)
        return st;
    eng_machine_look(ask->threads, &out->machine);
    if (out->machine.has_gpu)
        eng_machine_measure(&out->machine);
    st = eng_auto_weigh(m, ask, out, err);
    eng_model_free(m);
    return st;
}

void eng_auto_opts(const struct eng_auto *a, struct eng_model_opts *o)
{
    o->device = a->would == ENG_AUTO_CPU ? ENG_DEVICE_CPU : a->machine.kind;
    o->split_experts = o->split_fit = a->would == ENG_AUTO_HYBRID;
    o->gpu_experts = a->plan.on_gpu;
    o->send_from = a->would == ENG_AUTO_HYBRID ? a->plan.prompt.stream_from : 0;
}

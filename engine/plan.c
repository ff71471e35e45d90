/* plan.c - sizes added up by what a tensor is for, then the arithmetic of plan.h.
 *
 * Owns nothing; any thread. A tensor is a routed expert's if its name says "_exps" or has a number
 * behind ffn_gate, ffn_up, ffn_down (a tensor an expert, as early Mixtral files have them).
 */
#include "engine/plan.h"

#include <math.h>

#define RESERVE_MIN (512ull << 20) /* activations, scratch, the driver's own */

const uint32_t eng_plan_batches[ENG_PLAN_BATCHES] = {1, 8, 64};

static bool is_routed(struct base_str name)
{
    static const char *const of[] = {".ffn_gate.", ".ffn_up.", ".ffn_down."};
    if (base_str_find(name, BASE_STR("_exps"), 0) != SIZE_MAX)
        return true;
    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        size_t at = base_str_find(name, base_str_c(of[i]), 0);
        size_t behind = at == SIZE_MAX ? 0 : at + strlen(of[i]);
        if (behind && behind < name.n && name.p[behind] >= '0' && name.p[behind] <= '9')
            return true;
    }
    return false;
}

static void add_up(const struct eng_gguf *g, struct eng_plan *out)
{
    bool tied = eng_gguf_tensor(g, "output.weight") == NULL;
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const struct eng_tensor *t = eng_gguf_tensor_at(g, i);
        if (is_routed(t->name))
            out->experts += t->nbytes;
        else if (!tied && base_str_is(t->name, "token_embd.weight"))
            out->table += t->nbytes;
        else if (base_str_find(t->name, BASE_STR("per_layer_token_embd"), 0) != SIZE_MAX)
            out->table += t->nbytes; /* a row a token too */
        else
            out->dense += t->nbytes;
    }
}

static void place(const struct eng_plan_ask *ask, struct eng_plan *out)
{
    uint64_t fixed = out->dense + out->cache + out->reserve;
    if (fixed > ask->gpu_bytes) {
        out->fit = ENG_PLAN_NONE;
        out->missing = fixed - ask->gpu_bytes;
        return;
    }
    uint64_t left = ask->gpu_bytes - fixed;
    out->fit = left >= out->experts ? ENG_PLAN_ALL : ENG_PLAN_HYBRID;
    out->on_gpu = out->n_expert;
    if (out->fit == ENG_PLAN_HYBRID)
        out->on_gpu = (uint32_t)((double)out->n_expert * (double)left / (double)out->experts);
    double share = out->n_expert ? (double)out->on_gpu / out->n_expert : 1;
    uint64_t here = (uint64_t)((double)out->experts * share);
    out->gpu_total = fixed + here;
    out->host_total = out->table + out->experts - here;
}

/* Bytes of a step for b sequences, and what bandwidth allows. */
static void step(const struct eng_plan_ask *ask, const struct eng_model_info *m, size_t i,
                 struct eng_plan *out)
{
    double b = eng_plan_batches[i], touched = 0;
    if (out->n_expert)
        touched = 1 - pow(1 - (double)out->n_used / out->n_expert, b);
    double share = out->n_expert ? (double)out->on_gpu / out->n_expert : 1;
    double experts = (double)out->experts * touched;
    double cache =
        b * ((double)m->cache_bytes_token / 2 * ask->context + (double)m->cache_bytes_sequence);
    double gpu = (double)out->dense + experts * share + cache, host = experts * (1 - share);
    out->step_gpu[i] = (uint64_t)gpu;
    out->step_host[i] = (uint64_t)host;
    if (ask->gpu_bytes_s > 0 && (host <= 0 || ask->cpu_bytes_s > 0))
        out->bound_tok_s[i] =
            b / (gpu / ask->gpu_bytes_s + (host > 0 ? host / ask->cpu_bytes_s : 0));
}

void eng_plan(const struct eng_gguf *g, const struct eng_model_info *m,
              const struct eng_plan_ask *ask, struct eng_plan *out)
{
    *out = (struct eng_plan){.n_expert = m->n_expert, .n_used = m->n_expert_used};
    add_up(g, out);
    if (out->experts == 0)
        out->n_expert = out->n_used = 0;
    out->cache =
        ask->parallel * (m->cache_bytes_token / 2 * ask->context + m->cache_bytes_sequence);
    out->reserve = ask->gpu_bytes / 25 > RESERVE_MIN ? ask->gpu_bytes / 25 : RESERVE_MIN;
    place(ask, out);
    for (size_t i = 0; out->fit != ENG_PLAN_NONE && i < ENG_PLAN_BATCHES; i++)
        step(ask, m, i, out);
}

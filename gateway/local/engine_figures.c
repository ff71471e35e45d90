/* engine_figures.c - what the engine says of its queue and cache, as lines of /metrics.
 *
 * Reads the last STATUS frame of this worker's link (engine/serve/proto.h); a model of which
 * nothing is known shows zeros, and weir_engine_ready 0 beside them. One family after the other,
 * since the lines of a family must stand together. Runs on the loop's thread.
 */
#include "conf/conf.h"
#include "gateway/local/engine_link_int.h"

#include <stddef.h>

struct gw_engine_figures gw_engine_link_figures(const struct gw_engine_link *l, const char *model)
{
    for (size_t i = 0; l->fd >= 0 && i < l->n_models; i++)
        if (strcmp(l->models[i].name, model) == 0)
            return l->models[i].figures;
    return (struct gw_engine_figures){0};
}

#define AT(field) offsetof(struct gw_engine_figures, field)

static uint64_t value(const struct gw_engine_figures *f, size_t at)
{
    uint64_t v;
    memcpy(&v, (const char *)f + at, sizeof(v));
    return v;
}

#define GPU_AT(field) offsetof(struct gw_gpu_figures, field)

/* Of each GPU of each model; no line where there is none. */
static void put_gpus(const struct gw_engine_link *l, const struct conf *c, struct base_buf *out)
{
    static const struct {
        const char *name, *type, *help, *label[4];
        size_t at[4];
    } families[] = {
        {"weir_engine_gpu_planned_bytes",
         "gauge",
         "Memory of a GPU that was planned and reserved for a model.",
         {""},
         {GPU_AT(planned)}},
        {"weir_engine_gpu_used_bytes",
         "gauge",
         "What of that is in use, by what for: weights beside the routed experts, these, cache, "
         "scratch.",
         {",purpose=\"weights\"", ",purpose=\"experts\"", ",purpose=\"cache\"",
          ",purpose=\"scratch\""},
         {GPU_AT(weights), GPU_AT(experts), GPU_AT(cache), GPU_AT(scratch)}},
        {"weir_engine_gpu_copied_bytes_total",
         "counter",
         "Bytes copied to a GPU from the host, to the host, and to it from other GPUs.",
         {",way=\"from_host\"", ",way=\"to_host\"", ",way=\"from_gpus\""},
         {GPU_AT(from_host), GPU_AT(to_host), GPU_AT(from_gpus)}}};
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        base_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", families[i].name, families[i].help,
                        families[i].name, families[i].type);
        for (size_t k = 0; k < c->engine.n_models; k++) {
            const char *model = c->engine.models[k].name;
            struct gw_engine_figures f = gw_engine_link_figures(l, model);
            for (uint64_t g = 0; g < f.n_gpus; g++)
                for (int n = 0; n < 4 && families[i].label[n]; n++) {
                    uint64_t v;
                    memcpy(&v, (const char *)&f.gpu[g] + families[i].at[n], sizeof(v));
                    base_buf_printf(out, "%s{model=\"%s\",gpu=\"%llu\"%s} %llu\n", families[i].name,
                                    model, (unsigned long long)f.gpu[g].gpu, families[i].label[n],
                                    (unsigned long long)v);
                }
        }
    }
}

void gw_engine_put_figures(const struct gw_engine_link *l, const struct conf *c,
                           struct base_buf *out)
{
    static const struct {
        const char *name, *type, *help, *label[3];
        size_t at[3];
        double scale;
    } families[] = {
        {"weir_engine_expected_wait_seconds",
         "gauge",
         "Until a request that comes now would start.",
         {""},
         {AT(expected_wait_ms)},
         1e-3},
        {"weir_engine_cache_tokens",
         "gauge",
         "Tokens of the key/value cache: room in all, of running requests, kept for later ones.",
         {",state=\"room\"", ",state=\"running\"", ",state=\"kept\""},
         {AT(cache_tokens), AT(cache_used), AT(cache_kept)},
         1},
        {"weir_engine_prefix_tokens_total",
         "counter",
         "Prompt tokens that were looked up in the cache, and found.",
         {",result=\"asked\"", ",result=\"hit\""},
         {AT(prefix_asked), AT(prefix_hit)},
         1},
        {"weir_engine_cache_evicted_tokens_total",
         "counter",
         "Tokens kept for later requests that made room.",
         {""},
         {AT(evicted)},
         1},
        {"weir_engine_preempted_total",
         "counter",
         "Requests that gave up their slot for want of room in the cache, and began again.",
         {""},
         {AT(preempted)},
         1},
        {"weir_engine_experts_on_device",
         "gauge",
         "Experts of each layer on a GPU, of a model that does not fit there whole; else 0.",
         {""},
         {AT(experts_on_device)},
         1},
        {"weir_engine_expert_pairs_total",
         "counter",
         "(token, expert) pairs of such a model, by where they were computed.",
         {",where=\"device\"", ",where=\"cpu\"", ",where=\"sent\""},
         {AT(pairs_on_device), AT(pairs_on_cpu), AT(pairs_sent)},
         1},
        {"weir_engine_expert_moves_total",
         "counter",
         "Experts that took another's place on the GPU.",
         {""},
         {AT(expert_moves)},
         1},
        {"weir_engine_expert_bytes_total",
         "counter",
         "Bytes of experts over PCIe: for changes of place, for long prompts.",
         {",for=\"moves\"", ",for=\"prompts\""},
         {AT(moved_bytes), AT(sent_bytes)},
         1}};
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        base_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", families[i].name, families[i].help,
                        families[i].name, families[i].type);
        for (size_t k = 0; k < c->engine.n_models; k++) {
            const char *model = c->engine.models[k].name;
            struct gw_engine_figures f = gw_engine_link_figures(l, model);
            for (int n = 0; n < 3 && families[i].label[n]; n++)
                base_buf_printf(out, "%s{model=\"%s\"%s} %.10g\n", families[i].name, model,
                                families[i].label[n],
                                (double)value(&f, families[i].at[n]) * families[i].scale);
        }
    }
    put_gpus(l, c, out);
}

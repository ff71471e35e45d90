/* engine_experts.c - the experts' counters between the engine's frames and /metrics.
 *
 * Runs on   the loop's thread; nothing blocks.
 * Trust     the engine is a hostile peer: names, numbers and sizes are bounded and checked, and a
 *           frame that does not hold changes nothing.
 * Series    without being asked: three a layer that has experts. Every expert's counter only with
 *           /metrics?experts=all, since a large model has more than ten thousand of them.
 */
#include "gateway/local/engine_experts.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

static void model_release(struct gw_expert_model *m)
{
    free(m->layers);
    free(m->counts);
}

void gw_experts_clear(struct gw_experts *x)
{
    for (size_t i = 0; i < x->n; i++)
        model_release(&x->models[i]);
    free(x->models);
    *x = (struct gw_experts){0};
}

static bool read_layer(const json_t *o, struct gw_expert_layer *y, uint32_t n_expert)
{
    const json_t *layer = json_object_get(o, "layer"), *counts = json_object_get(o, "counts");
    if (!json_is_integer(layer) || json_integer_value(layer) < 0 ||
        json_integer_value(layer) > UINT16_MAX || json_array_size(counts) != n_expert)
        return false;
    y->layer = (uint32_t)json_integer_value(layer);
    for (uint32_t e = 0; e < n_expert; e++) {
        const json_t *v = json_array_get(counts, e);
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            return false;
        y->counts[e] = (uint64_t)json_integer_value(v);
    }
    return true;
}

/* Only what can stand in a label as it is. */
static bool name_is_plain(struct base_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return s.n > 0;
}

static bool read_model(const json_t *doc, struct gw_expert_model *m)
{
    const json_t *name = json_object_get(doc, "model"), *n = json_object_get(doc, "experts");
    const json_t *layers = json_object_get(doc, "layers");
    size_t n_layer = json_array_size(layers);
    json_int_t n_expert = json_integer_value(n);
    *m = (struct gw_expert_model){0};
    if (!json_is_string(name) || json_string_length(name) >= sizeof m->name ||
        !name_is_plain(base_str_c(json_string_value(name))) || n_expert < 1 || n_layer < 1 ||
        n_expert > GW_EXPERTS_CELLS_MAX || n_layer > GW_EXPERTS_CELLS_MAX / (size_t)n_expert)
        return false;
    memcpy(m->name, json_string_value(name), json_string_length(name));
    m->n_expert = (uint32_t)n_expert;
    m->n_layer = (uint32_t)n_layer;
    m->layers = calloc(n_layer, sizeof *m->layers);
    m->counts = calloc(n_layer * (size_t)n_expert, sizeof *m->counts);
    bool ok = m->layers && m->counts;
    for (size_t l = 0; ok && l < n_layer; l++) {
        m->layers[l].counts = m->counts + l * (size_t)n_expert;
        ok = read_layer(json_array_get(layers, l), &m->layers[l], m->n_expert) &&
             (l == 0 || m->layers[l].layer > m->layers[l - 1].layer);
    }
    if (!ok)
        model_release(m);
    return ok;
}

bool gw_experts_take(struct gw_experts *x, struct base_str payload)
{
    struct gw_expert_model m;
    json_t *doc = json_loadb(payload.p ? payload.p : "", payload.n, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_object(doc) && read_model(doc, &m);
    json_decref(doc);
    if (!ok)
        return false;
    size_t i = 0;
    while (i < x->n && strcmp(x->models[i].name, m.name) != 0)
        i++;
    if (i == x->n) {
        struct gw_expert_model *grown =
            x->n < GW_EXPERTS_MODELS ? realloc(x->models, (x->n + 1) * sizeof *grown) : NULL;
        if (!grown) {
            model_release(&m);
            return false;
        }
        x->models = grown;
        x->n++;
    } else {
        model_release(&x->models[i]);
    }
    x->models[i] = m;
    return true;
}

/* ---- figures ---- */

struct layer_sum {
    uint64_t choices, max;
    uint32_t unused;
};

static struct layer_sum sum_of(const struct gw_expert_model *m, uint32_t l)
{
    struct layer_sum s = {0};
    for (uint32_t e = 0; e < m->n_expert; e++) {
        uint64_t c = m->layers[l].counts[e];
        s.choices += c;
        s.max = c > s.max ? c : s.max;
        s.unused += c == 0;
    }
    return s;
}

enum figure { CHOICES, IMBALANCE, UNUSED };

static void family(const struct gw_experts *x, enum figure f, const char *name, const char *kind,
                   const char *help, struct base_buf *out)
{
    base_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
    for (size_t i = 0; i < x->n; i++) {
        const struct gw_expert_model *m = &x->models[i];
        for (uint32_t l = 0; l < m->n_layer; l++) {
            struct layer_sum s = sum_of(m, l);
            double even = (double)s.choices / m->n_expert;
            base_buf_printf(out, "%s{model=\"%s\",layer=\"%u\"} ", name, m->name,
                            m->layers[l].layer);
            if (f == IMBALANCE)
                base_buf_printf(out, "%.6g\n", even > 0 ? (double)s.max / even : 0);
            else
                base_buf_printf(out, "%" PRIu64 "\n", f == CHOICES ? s.choices : s.unused);
        }
    }
}

void gw_experts_metrics(const struct gw_experts *x, bool all, struct base_buf *out)
{
    if (x->n == 0)
        return;
    family(x, CHOICES, "weir_engine_expert_choices_total", "counter",
           "Experts that tokens were given to, by layer: tokens times experts a token.", out);
    family(x, IMBALANCE, "weir_engine_expert_imbalance", "gauge",
           "The busiest expert's share over an even share, by layer, since the engine started.",
           out);
    family(x, UNUSED, "weir_engine_experts_unused", "gauge",
           "Experts that no token was given to yet, by layer.", out);
    if (!all)
        return;
    base_buf_z(out, "# HELP weir_engine_expert_tokens_total Tokens given to each expert.\n"
                    "# TYPE weir_engine_expert_tokens_total counter\n");
    for (size_t i = 0; i < x->n; i++) {
        const struct gw_expert_model *m = &x->models[i];
        for (uint32_t l = 0; l < m->n_layer; l++)
            for (uint32_t e = 0; e < m->n_expert; e++)
                base_buf_printf(out,
                                "weir_engine_expert_tokens_total{model=\"%s\",layer=\"%u\","
                                "expert=\"%u\"} %" PRIu64 "\n",
                                m->name, m->layers[l].layer, e, m->layers[l].counts[e]);
    }
}

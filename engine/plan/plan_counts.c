/* plan_counts.c - reads the object that cmd_experts.c writes: {"experts": E, "layers": [{"layer":
 * L, "counts": [E numbers]}, ...], ...}; what else stands there is not looked at.
 *
 * Any thread; blocks for the reading of one file of at most FILE_BYTES_MAX.
 */
#include "engine/plan/plan_counts.h"

#include "base/file.h"
#include <jansson.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (64u << 20)

static enum base_status take_layer(const char *path, const json_t *o, uint32_t n_layer,
                                   uint32_t n_expert, uint64_t *counts, struct base_err *err)
{
    const json_t *at = json_object_get(o, "layer"), *a = json_object_get(o, "counts");
    json_int_t l = json_integer_value(at);
    if (!json_is_integer(at) || l < 0 || l >= n_layer || json_array_size(a) != n_expert)
        return base_err_set(err, BASE_EINVAL,
                            "%s: a layer of it is none of this model's (%u layers of %u experts): "
                            "take the counts of the same model",
                            path, n_layer, n_expert);
    for (uint32_t e = 0; e < n_expert; e++) {
        const json_t *v = json_array_get(a, e);
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            return base_err_set(err, BASE_EINVAL, "%s: layer %lld: count %u is no whole number",
                                path, (long long)l, e);
        counts[(size_t)l * n_expert + e] = (uint64_t)json_integer_value(v);
    }
    return BASE_OK;
}

enum base_status eng_plan_counts_read(const char *path, uint32_t n_layer, uint32_t n_expert,
                                      uint64_t **out, struct base_err *err)
{
    struct base_buf in;
    json_error_t je;
    json_t *o = NULL;
    uint64_t *counts = NULL;
    *out = NULL;
    base_buf_init(&in, FILE_BYTES_MAX);
    enum base_status st = base_file_read(path, &in, err);
    if (st == BASE_OK && n_expert == 0)
        st = base_err_set(err, BASE_EINVAL, "%s: the model has no experts", path);
    if (st == BASE_OK) {
        o = json_loadb(in.p ? (const char *)in.p : "", in.n, JSON_REJECT_DUPLICATES, &je);
        const json_t *layers = json_object_get(o, "layers");
        counts = calloc((size_t)n_layer * n_expert, sizeof(*counts));
        if (!counts)
            st = base_err_set(err, BASE_ENOMEM, "out of memory for counts");
        else if (!json_is_array(layers) || json_array_size(layers) == 0)
            st = base_err_set(err, BASE_EINVAL,
                              "%s: not what `weir model info FILE --experts --json` writes%s%s",
                              path, o ? "" : ": ", o ? "" : je.text);
        for (size_t i = 0; st == BASE_OK && i < json_array_size(layers); i++)
            st = take_layer(path, json_array_get(layers, i), n_layer, n_expert, counts, err);
    }
    json_decref(o);
    base_buf_release(&in);
    if (st == BASE_OK)
        *out = counts;
    else
        free(counts);
    return st;
}

/* engine_fixture.h - tiny models with reference logits, for the tests of models.
 *
 * A fixture is DIR/NAME.gguf, .json and .PROMPT.logits.f32 (.deq.* where the reference computed
 * with widened weights too). Some stand in tests/vectors/models; the full set is where
 * WEIR_FIXTURES says, default ../shared/fixtures. Functions fail the test, they return no errors.
 */
#ifndef TESTS_ENGINE_FIXTURE_H
#define TESTS_ENGINE_FIXTURE_H

#include "engine/model/gguf.h"
#include "engine/model/model.h"

#include "base/file.h"
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// cmocka needs the headers above first
#include <cmocka.h>

#define NEAR_DIR "tests/vectors/models"

static inline const char *far_dir(void)
{
    const char *d = getenv("WEIR_FIXTURES");
    return d ? d : "../shared/fixtures";
}

/* A fixture: its directory, name, and everything read from its JSON. */
struct fixture {
    char base[300];         /* DIR/NAME */
    bool widened;           /* DIR/NAME.deq.* exist: the float tolerance holds for those */
    json_t *native, *exact; /* exact: .deq.json or native itself */
    double tolerance;
    uint32_t n_vocab;
};

static inline json_t *load_json(const char *base, const char *ext)
{
    char path[400];
    snprintf(path, sizeof(path), "%s%s", base, ext);
    return json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
}

static inline bool fixture_open(struct fixture *f, const char *dir, const char *name)
{
    memset(f, 0, sizeof(*f));
    snprintf(f->base, sizeof(f->base), "%s/%s", dir, name);
    f->native = load_json(f->base, ".json");
    if (!f->native)
        return false;
    f->exact = load_json(f->base, ".deq.json");
    f->widened = f->exact != NULL;
    if (!f->exact)
        f->exact = json_incref(f->native);
    f->tolerance = json_number_value(json_object_get(f->exact, "tolerance_max_abs"));
    f->n_vocab = (uint32_t)json_integer_value(json_object_get(f->native, "n_vocab"));
    assert_true(f->tolerance > 0 && f->tolerance < 0.02);
    assert_true(f->n_vocab > 0);
    return true;
}

static inline void fixture_close(struct fixture *f)
{
    json_decref(f->native);
    json_decref(f->exact);
}

/* Whether name is one of WEIR_CUDA_MODELS=NAME,NAME; without that variable all are. */
static inline bool fixture_wanted(const char *name)
{
    const char *z = getenv("WEIR_CUDA_MODELS");
    size_t len = strlen(name);
    if (!z)
        return true;
    for (; *z; z += strcspn(z, ","), z += *z == ',')
        if (strcspn(z, ",") == len && !strncmp(z, name, len))
            return true;
    return false;
}

#define CONTEXT 256 /* of the reference; some families look at it */

struct prompt {
    int32_t tokens[CONTEXT];
    size_t n;
    uint32_t pos[CONTEXT]; /* from pos0 on */
    float *want;           /* [n][n_vocab] */
};

static inline void prompt_open(struct prompt *p, const struct fixture *f, const char *key,
                               bool exact)
{
    char path[400];
    json_t *t = json_object_get(json_object_get(f->native, key), "tokens");
    struct base_buf b;
    struct base_err err = {0};
    p->n = json_array_size(t);
    assert_true(p->n > 0 && p->n <= CONTEXT);
    int64_t pos0 = json_integer_value(json_object_get(json_object_get(f->native, key), "pos0"));
    for (size_t i = 0; i < p->n; i++) {
        p->tokens[i] = (int32_t)json_integer_value(json_array_get(t, i));
        p->pos[i] = (uint32_t)pos0 + (uint32_t)i;
    }
    snprintf(path, sizeof(path), "%s%s.%s.logits.f32", f->base, exact && f->widened ? ".deq" : "",
             key);
    base_buf_init(&b, 64u << 20);
    if (base_file_read(path, &b, &err) != BASE_OK)
        fail_msg("%s", err.text);
    assert_int_equal(b.n, p->n * f->n_vocab * sizeof(float));
    p->want = malloc(b.n);
    assert_non_null(p->want);
    memcpy(p->want, b.p, b.n);
    base_buf_release(&b);
}

static inline struct eng_model *open_model(const struct fixture *f, enum eng_device device,
                                           int threads, enum eng_activations activations)
{
    char path[400];
    struct eng_model *m;
    struct base_err err = {0};
    struct eng_model_opts opts = {
        .device = device, .n_threads = threads, .activations = activations};
    snprintf(path, sizeof(path), "%s.gguf", f->base);
    if (eng_model_open(path, &opts, &m, &err) != BASE_OK)
        fail_msg("%s", err.text);
    assert_int_equal(eng_model_get_info(m)->n_vocab, f->n_vocab);
    return m;
}

static inline struct eng_cache *new_cache(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx)
{
    struct eng_cache *c;
    struct base_err err = {0};
    if (eng_cache_new(m, n_seq, n_ctx, &c, &err) != BASE_OK)
        fail_msg("%s", err.text);
    return c;
}

static inline void forward(struct eng_model *m, struct eng_cache *c, struct eng_batch b,
                           float *logits)
{
    struct base_err err = {0};
    if (eng_forward(m, c, &b, logits, &err) != BASE_OK)
        fail_msg("%s", err.text);
}

static inline double max_diff(const float *a, const float *b, size_t n)
{
    double max = 0;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, isnan(a[i]) ? INFINITY : fabs((double)a[i] - (double)b[i]));
    return max;
}

static inline double nmse(const float *a, const float *b, size_t n)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        s += (double)b[i] * (double)b[i];
    }
    return isnan(d) ? INFINITY : d / s;
}

static inline uint32_t arg_max(const float *x, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static inline bool is_quantised(const struct eng_model *m)
{
    const char *q = eng_model_get_info(m)->quant;
    return q[0] != 'F' && q[0] != 'B';
}

#endif

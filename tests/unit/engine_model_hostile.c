/* Goal: no model file of any family crashes the engine, however its metadata and tensors are
 * changed; what is missing or of another shape is refused by its name. Method: in a good file every
 * tensor in turn is renamed, and given other extents; every number of the metadata becomes 0, 1,
 * one more, one less, twice, huge, no number. A file that still opens runs three tokens. The
 * fixtures are small, the changes are made in place: some thousand files in seconds. Most families
 * need the full set (WEIR_FIXTURES).
 */
#include "tests/unit/engine_fixture.h"

#include <fcntl.h>

struct victim {
    const char *name;
    char path[64];
    int fd;
    struct base_buf file;
    struct eng_gguf *g; /* over file */
    uint32_t opened, refused;
};

static void victim_open(struct victim *v, const char *dir, const char *name)
{
    char path[400];
    struct base_err err = {0};
    *v = (struct victim){.name = name};
    snprintf(path, sizeof(path), "%s/%s.gguf", dir, name);
    base_buf_init(&v->file, 8u << 20);
    if (base_file_read(path, &v->file, &err) != BASE_OK)
        fail_msg("%s", err.text);
    if (eng_gguf_parse(path, v->file.p, v->file.n, &v->g, &err) != BASE_OK)
        fail_msg("%s", err.text);
    snprintf(v->path, sizeof(v->path), "%s/weir-hostile-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    v->fd = mkstemp(v->path);
    assert_true(v->fd >= 0);
    assert_int_equal(base_write_all(v->fd, v->file.p, v->file.n, &err), BASE_OK);
}

static void victim_close(struct victim *v)
{
    eng_gguf_free(v->g);
    base_buf_release(&v->file);
    close(v->fd);
    unlink(v->path);
}

static void run_some(struct victim *v, struct eng_model *m)
{
    int32_t tokens[3] = {1, 2, 3};
    struct eng_cache *c;
    struct base_err err = {0};
    float *logits = malloc(3 * sizeof(float) * eng_model_get_info(m)->n_vocab);
    assert_non_null(logits);
    v->opened++;
    if (eng_cache_bytes(m, 1, 40) < 64u << 20 && eng_cache_new(m, 1, 40, &c, &err) == BASE_OK) {
        (void)!eng_forward(m, c, &(struct eng_batch){.n = 3, .tokens = tokens}, logits, &err);
        (void)eng_cache_truncate(c, 0, 1);
        eng_cache_free(c);
    }
    free(logits);
}

/* Opens the file with n bytes at `at` (in v->file) changed to `to`; says: what a refusal must name,
 * NULL = it may open or be refused for any reason. */
static void with(struct victim *v, const void *at, const void *to, size_t n, const char *says,
                 bool must)
{
    off_t where = (const char *)at - (const char *)v->file.p;
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    struct eng_model *m;
    struct base_err err = {0};
    assert_true(where >= 0 && (size_t)where + n <= v->file.n);
    assert_int_equal(pwrite(v->fd, to, n, where), n);
    enum base_status st = eng_model_open(v->path, &opts, &m, &err);
    if (st == BASE_OK) {
        if (must)
            fail_msg("%s opened without a sound %s, changed at %lld", v->name, says,
                     (long long)where);
        run_some(v, m);
        eng_model_free(m);
    } else {
        v->refused++;
        assert_null(m);
        if (!strstr(err.text, v->path) || (must && !strstr(err.text, says)))
            fail_msg("%s: \"%s\" does not name %s", v->name, err.text, says ? says : v->path);
    }
    assert_int_equal(pwrite(v->fd, at, n, where), n);
}

/* A model can do without these, or without some of them. */
static bool optional(const char *name)
{
    static const char *const parts[] = {"output.weight", "rope_freqs",    "exp_probs_b", ".bias",
                                        "output_scale",  "attn_v.weight", "q_norm",      "k_norm",
                                        "shexp",         "exps.scale"};
    if (strstr(name, "ssm_dt.bias") || strstr(name, "indexer.k_norm"))
        return false;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strstr(name, parts[i]))
            return true;
    return false;
}

/* Blocks of further guesses are not run and not looked at. */
static bool ignored(const struct victim *v, const char *name)
{
    return strstr(v->name, "glm4moe-air") && strstr(name, "blk.3.");
}

/* Their extents say how wide an FFN or how large the vocabulary is: others then seem wrong. */
static bool defines(const char *name)
{
    return strstr(name, "token_embd.weight") || strstr(name, "ffn_up") || strstr(name, "gate_up");
}

static void tensors(struct victim *v)
{
    for (size_t i = 0; i < eng_gguf_n_tensors(v->g); i++) {
        const struct eng_tensor *t = eng_gguf_tensor_at(v->g, i);
        const uint8_t *ne = (const uint8_t *)t->name.p + t->name.n + 4;
        char name[96], quoted[100];
        snprintf(name, sizeof(name), "%.*s", BASE_FMT(t->name));
        snprintf(quoted, sizeof(quoted), "%s", name);
        bool any = ignored(v, name);
        with(v, t->name.p, "?", 1, defines(name) ? "is missing" : quoted, !any && !optional(name));
        for (uint32_t d = 0; d < t->n_dims; d++) {
            uint64_t one_less = t->ne[d] - 1, few = 1, huge = (uint64_t)1 << 62;
            if (t->ne[d] > 1)
                with(v, ne + 8 * d, &one_less, 8, defines(name) ? "tensor" : quoted,
                     !any && t->type == 0 && !strstr(name, "token_embd"));
            if (t->ne[d] > 1)
                with(v, ne + 8 * d, &few, 8, quoted, false);
            with(v, ne + 8 * d, &huge, 8, quoted, true);
        }
        uint32_t type = 26; /* I32: as wide as F32 */
        if (t->type == 0)
            with(v, ne + 8 * t->n_dims, &type, 4, quoted, !any && !optional(name));
    }
}

static void number(struct victim *v, const uint8_t *at, enum eng_gguf_kind kind)
{
    uint32_t u;
    memcpy(&u, at, 4);
    if (kind == ENG_GGUF_F32) {
        static const float f[] = {0, -1, 1e-30f, 1e30f, NAN, INFINITY};
        for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++)
            with(v, at, &f[i], 4, NULL, false);
    } else if (kind == ENG_GGUF_U32 || kind == ENG_GGUF_I32) {
        const uint32_t n[] = {0,        1,        2,        u - 1,     u + 1,      2 * u,   u / 2,
                              1u << 12, 1u << 20, 1u << 31, 0x7ffffff, UINT32_MAX, 1u << 16};
        for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
            with(v, at, &n[i], 4, NULL, false);
    }
}

static void metadata(struct victim *v)
{
    for (size_t i = 0; i < eng_gguf_n_kv(v->g); i++) {
        const struct eng_gguf_kv *kv = eng_gguf_kv_at(v->g, i);
        if (base_str_starts(kv->key, BASE_STR("tokenizer.")))
            continue;
        with(v, kv->key.p, "?", 1, NULL, false);
        if (kv->kind != ENG_GGUF_ARRAY)
            number(v, kv->data, kv->kind);
        for (uint64_t k = 0; kv->kind == ENG_GGUF_ARRAY && k < kv->n && k < 3; k++)
            if (kv->elem == ENG_GGUF_F32 || kv->elem == ENG_GGUF_I32)
                number(v, kv->data + 4 * k, kv->elem);
    }
}

static void changed(const char *dir, const char *name)
{
    struct victim v;
    victim_open(&v, dir, name);
    tensors(&v);
    metadata(&v);
    print_message("    %s: %u files refused, %u opened and run\n", name, v.refused, v.opened);
    assert_true(v.refused > 100 && v.opened > 10);
    victim_close(&v);
}

static void in_the_repository(void **state)
{
    (void)state;
    changed(NEAR_DIR, "llama-moe");
    changed(NEAR_DIR, "gpt-oss-mxfp4");
}

static void of_the_full_set(void **state)
{
    static const char *const names[] = {"qwen3next",   "qwen35moe",    "deepseek32", "glm-dsa",
                                        "gemma4-e2b",  "deepseek4",    "gemma4-moe", "deepseek2-v3",
                                        "glm4moe-air", "llama4-scout", "phi3-long"};
    (void)state;
    if (access(far_dir(), R_OK) != 0) {
        print_message("    skipped: no fixtures at %s (set WEIR_FIXTURES)\n", far_dir());
        skip();
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "models/%s", names[i]);
        changed(far_dir(), name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_the_repository),
        cmocka_unit_test(of_the_full_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

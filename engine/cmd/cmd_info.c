/* cmd_info.c - `weir model info`: what a model file is, as one JSON object.
 *
 * The model is opened as for use (every tensor that its family needs is checked), with the
 * reference device, which prepares nothing: it takes milliseconds whatever the file's size.
 */
#include "engine/cmd/cmd_experts.h"
#include "engine/cmd/commands.h"
#include "engine/model/gguf.h"
#include "engine/model/model.h"
#include "engine/text/parse.h"

#include "base/json.h"
#include <stdio.h>

static void put_meta(struct base_json *j, const struct eng_gguf *g, const char *name,
                     const char *key)
{
    struct base_str s;
    if (eng_gguf_str(g, key, &s) == BASE_OK)
        base_json_kstr(j, name, s);
    else
        base_json_kz(j, name, NULL);
}

/* How the model's thoughts and tool calls are read: by the marks in its template. */
static void put_parser(struct base_json *j, const struct eng_gguf *g)
{
    char name[ENG_DIALECT_NAME_MAX];
    struct base_str source;
    if (eng_gguf_str(g, "tokenizer.chat_template", &source) != BASE_OK)
        source = BASE_STR_NULL;
    eng_dialect_name(eng_dialect_of(source), name);
    base_json_kz(j, "parser", name);
}

static void put_info(struct base_json *j, const char *file, const struct eng_model *m)
{
    const struct eng_model_info *i = eng_model_get_info(m);
    const struct eng_gguf *g = eng_model_gguf(m);
    const struct eng_gguf_kv *tokens = eng_gguf_find(g, "tokenizer.ggml.tokens");
    base_json_obj(j);
    base_json_kz(j, "file", file);
    base_json_kstr(j, "family", i->arch);
    base_json_kstr(j, "name", i->name);
    base_json_key(j, "parameters");
    base_json_obj(j);
    base_json_kint(j, "total", (int64_t)i->params_total);
    base_json_kint(j, "active", (int64_t)i->params_active);
    base_json_obj_end(j);
    base_json_kz(j, "quantisation", i->quant);
    base_json_kint(j, "context", i->n_ctx_train);
    base_json_kint(j, "layers", i->n_layer);
    base_json_kint(j, "embedding", i->n_embd);
    base_json_kint(j, "heads", i->n_head);
    base_json_kint(j, "kv_heads", i->n_head_kv);
    base_json_kint(j, "head_length", i->n_head_dim);
    base_json_kint(j, "experts", i->n_expert);
    base_json_kint(j, "experts_used", i->n_expert_used);
    base_json_kint(j, "vocabulary", i->n_vocab);
    base_json_key(j, "tokenizer");
    base_json_obj(j);
    put_meta(j, g, "model", "tokenizer.ggml.model");
    put_meta(j, g, "pre", "tokenizer.ggml.pre");
    base_json_kint(j, "tokens", tokens ? (int64_t)tokens->n : 0);
    base_json_obj_end(j);
    put_meta(j, g, "template", "tokenizer.chat_template");
    put_parser(j, g);
    base_json_kint(j, "file_bytes", (int64_t)i->file_bytes);
    base_json_kint(j, "cache_bytes_per_token", (int64_t)i->cache_bytes_token);
    base_json_kint(j, "cache_bytes_per_sequence", (int64_t)i->cache_bytes_sequence);
    base_json_obj_end(j);
}

int eng_cmd_info(int argc, char **argv)
{
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    struct eng_model *m;
    struct base_err err;
    struct base_buf out;
    struct base_json j;
    for (int i = 1; i < argc; i++)
        if (base_str_is(base_str_c(argv[i]), "--experts"))
            return eng_cmd_experts(argc, argv);
    if (argc != 2 || argv[1][0] == '-') {
        fputs("usage: weir model info FILE.gguf\n"
              "       weir model info FILE.gguf --experts -p TEXT     which experts a run uses;\n"
              "                                 --experts alone tells more\n",
              stderr);
        return 2;
    }
    if (eng_model_open(argv[1], &opts, &m, &err) != BASE_OK) {
        fprintf(stderr, "weir model info: %s\n", err.text);
        return 2;
    }
    base_buf_init(&out, 16u << 20);
    base_json_init(&j, &out);
    put_info(&j, argv[1], m);
    base_buf_byte(&out, '\n');
    int rc =
        base_buf_ok(&out) && fwrite(out.p, 1, out.n, stdout) == out.n && !fflush(stdout) ? 0 : 2;
    if (rc)
        fputs("weir model info: cannot write\n", stderr);
    base_buf_release(&out);
    eng_model_free(m);
    return rc;
}

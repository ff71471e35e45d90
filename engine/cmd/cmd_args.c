/* cmd_args.c - options that several verbs of `weir model` share; see cmd_args.h.
 *
 * Runs alone in its process. A file of prompts is at most PROMPTS_BYTES_MAX long and gives at most
 * ENG_ARGS_TOKENS_MAX tokens in all; what is more is refused, not cut.
 */
#include "engine/cmd/cmd_args.h"

#include "base/clock.h"
#include "base/file.h"
#include "engine/model/gguf.h"
#include "engine/text/template.h"
#include <stdio.h>
#include <stdlib.h>

#define PROMPTS_BYTES_MAX (16u << 20)
#define PROMPTS_MAX       65536u

bool eng_args_u32(const char *z, uint32_t max, uint32_t *out)
{
    uint64_t v;
    if (!base_str_u64(base_str_c(z), &v) || v > max)
        return false;
    *out = (uint32_t)v;
    return true;
}

bool eng_args_gpus(const char *name, const char *value, struct eng_model_opts *o, bool *known)
{
    struct base_str s = base_str_c(name), v = base_str_c(value);
    *known = true;
    if (base_str_is(s, "--gpus"))
        return eng_args_u32(value, ENG_GPUS_MAX, &o->n_gpus) && o->n_gpus > 0;
    if (base_str_is(s, "--split")) {
        o->split_told = true;
        o->split = base_str_is(v, "experts") ? ENG_SPLIT_EXPERTS : ENG_SPLIT_LAYERS;
        return base_str_is(v, "experts") || base_str_is(v, "layers");
    }
    if (base_str_is(s, "--cublas"))
        return eng_cublas_parse(v, &o->cublas);
    if (base_str_is(s, "--cublas-from"))
        return eng_args_u32(value, 1u << 20, &o->cublas_from);
    bool experts = base_str_is(s, "--gpu-experts");
    *known = experts || base_str_is(s, "--send-from");
    if (!*known)
        return true;
    o->split_experts = o->split_experts || experts;
    return eng_args_u32(value, 1u << 20, experts ? &o->gpu_experts : &o->send_from);
}

bool eng_args_tokens(const char *z, struct eng_ids *ids)
{
    struct base_str rest = base_str_c(z);
    size_t before = ids->n;
    while (rest.p) {
        uint64_t v;
        if (!base_str_u64(base_str_trim(base_str_cut(&rest, ',')), &v) || v > INT32_MAX ||
            eng_ids_add(ids, (int32_t)v, NULL) != BASE_OK)
            return false;
    }
    return ids->n > before;
}

static const char *const names[] = {"cpu", "ref", "cuda", "emulated"}; /* of enum eng_device */

const char *eng_args_device_name(enum eng_device d)
{
    return names[d];
}

bool eng_args_kv(const char *z, bool *f32)
{
    *f32 = base_str_is(base_str_c(z), "f32");
    return *f32 || base_str_is(base_str_c(z), "f16");
}

bool eng_args_device(const char *verb, const char *z, enum eng_device *out)
{
    for (int i = 0; i < 4; i++)
        if (base_str_is(base_str_c(z), names[i])) {
            *out = (enum eng_device)i;
            return true;
        }
    fprintf(stderr, "weir model %s: there is no device \"%s\"; take cpu, ref, cuda or emulated\n",
            verb, z);
    return false;
}

enum base_status eng_args_chat(const struct eng_gguf *g, const struct eng_tok *tok,
                               const char *system, const char *text, struct eng_ids *ids, bool *own,
                               struct base_err *err)
{
    struct eng_template *t = NULL;
    enum base_status st = eng_template_from_gguf(g, tok, &t, own, err);
    if (st != BASE_OK)
        return st;
    json_t *ms = json_array(),
           *r = json_pack("{s:o,s:b}", "messages", ms, "add_generation_prompt", 1);
    if (system)
        json_array_append_new(ms, json_pack("{s:s,s:s}", "role", "system", "content", system));
    json_t *user = json_pack("{s:s,s:s}", "role", "user", "content", text);
    if (r && user)
        json_array_append(ms, user);
    st = r && user ? eng_template_tokens(t, tok, r, base_wall_us() / 1000000, ids, NULL, NULL, err)
                   : base_err_set(err, BASE_EINVAL, "the prompt is no UTF-8 text");
    json_decref(user);
    json_decref(r);
    eng_template_free(t);
    return st;
}

/* ---- prompts ---- */

void eng_prompts_init(struct eng_prompts *p)
{
    *p = (struct eng_prompts){.ids = {.max = ENG_ARGS_TOKENS_MAX}};
}

void eng_prompts_release(struct eng_prompts *p)
{
    for (size_t i = 0; i < p->n_texts; i++)
        free(p->texts[i]);
    free(p->texts);
    free(p->end);
    eng_ids_release(&p->ids);
    eng_prompts_init(p);
}

bool eng_prompts_any(const struct eng_prompts *p)
{
    return p->n > 0 || p->n_texts > 0;
}

/* The ids since the last prompt are one. */
static enum base_status end_prompt(struct eng_prompts *p, struct base_err *err)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 16;
        size_t *end = realloc(p->end, cap * sizeof(*end));
        if (!end)
            return base_err_set(err, BASE_ENOMEM, "out of memory for %zu prompts", cap);
        p->end = end;
        p->cap = cap;
    }
    p->end[p->n++] = p->ids.n;
    return BASE_OK;
}

static enum base_status add_text(struct eng_prompts *p, struct base_str s, struct base_err *err)
{
    if (p->n_texts == PROMPTS_MAX)
        return base_err_set(err, BASE_LIMIT, "more than %u prompts", PROMPTS_MAX);
    if (p->n_texts == p->cap_texts) {
        size_t cap = p->cap_texts ? 2 * p->cap_texts : 16;
        char **texts = realloc(p->texts, cap * sizeof(*texts));
        if (!texts)
            return base_err_set(err, BASE_ENOMEM, "out of memory for %zu prompts", cap);
        p->texts = texts;
        p->cap_texts = cap;
    }
    char *z = strndup(s.p, s.n);
    if (!z)
        return base_err_set(err, BASE_ENOMEM, "out of memory for a prompt");
    p->texts[p->n_texts++] = z;
    return BASE_OK;
}

static enum base_status read_prompts(struct eng_prompts *p, const char *path, struct base_err *err)
{
    struct base_buf b;
    base_buf_init(&b, PROMPTS_BYTES_MAX);
    enum base_status st = base_file_read(path, &b, err);
    struct base_str rest = base_buf_view(&b);
    if (st == BASE_OK && rest.n && memchr(rest.p, 0, rest.n))
        st = base_err_set(err, BASE_EINVAL, "%s: not a text file", path);
    size_t before = p->n_texts;
    while (st == BASE_OK && rest.p) {
        struct base_str line = base_str_trim(base_str_cut(&rest, '\n'));
        if (line.n > 0)
            st = add_text(p, line, err);
    }
    if (st == BASE_OK && p->n_texts == before)
        st = base_err_set(err, BASE_EINVAL, "%s: there is no prompt in it (one a line)", path);
    base_buf_release(&b);
    return st;
}

enum base_status eng_prompts_option(struct eng_prompts *p, const char *name, const char *value,
                                    bool *known, struct base_err *err)
{
    struct base_str s = base_str_c(name);
    *known = true;
    if (base_str_is(s, "-p")) {
        if (value[0] == 0)
            return base_err_set(err, BASE_EINVAL, "the prompt is empty");
        return add_text(p, base_str_c(value), err);
    }
    if (base_str_is(s, "--prompts"))
        return read_prompts(p, value, err);
    if (base_str_is(s, "--tokens")) {
        if (!eng_args_tokens(value, &p->ids))
            return base_err_set(err, BASE_EINVAL,
                                "\"%s\" is no list of token ids such as 1,2,3 (at most %u)", value,
                                ENG_ARGS_TOKENS_MAX);
        return end_prompt(p, err);
    }
    *known = false;
    return BASE_OK;
}

enum base_status eng_prompts_encode(struct eng_prompts *p, const struct eng_gguf *g,
                                    struct base_err *err)
{
    struct eng_tok *tok = NULL;
    bool own = true;
    if (p->n_texts == 0)
        return BASE_OK;
    enum base_status st = eng_tok_from_gguf(g, &tok, err);
    for (size_t i = 0; i < p->n_texts && st == BASE_OK; i++) {
        if (p->raw)
            st = eng_tok_encode(tok, base_str_c(p->texts[i]), ENG_TOK_ADD, &p->ids, err);
        else
            st = eng_args_chat(g, tok, NULL, p->texts[i], &p->ids, &own, err);
        if (st == BASE_OK)
            st = end_prompt(p, err);
    }
    eng_tok_free(tok);
    return st;
}

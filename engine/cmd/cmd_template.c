/* cmd_template.c - `weir model template`: the prompt that a chat becomes, and nothing else.
 *
 * Standard input is one JSON object: messages, tools, add_generation_prompt, template variables,
 * and, taken out before they reach the template, bos_token and eos_token (a GGUF file has its own),
 * and now_utc ("2026-01-01T00:00:00Z"; default: now). The prompt goes to standard output, no
 * newline added. A template that raises: exit 2, its message on standard error.
 */
#include "engine/cmd/commands.h"
#include "engine/model/gguf.h"
#include "engine/text/template.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include <stdio.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: weir model template FILE.gguf|FILE.jinja < {\"messages\":[...],...}";

/* A string of the request, removed from it; the copy lives in a. */
static struct base_str take(json_t *r, const char *key, struct base_arena *a)
{
    json_t *v = json_object_get(r, key);
    struct base_str s = BASE_STR_NULL;
    if (json_is_string(v))
        s = base_arena_dup(a, base_str_n(json_string_value(v), json_string_length(v)));
    json_object_del(r, key);
    return s;
}

static enum base_status time_of(struct base_str s, int64_t *out, struct base_err *err)
{
    *out = base_wall_us() / 1000000;
    if (s.n == 0)
        return BASE_OK;
    int64_t day = s.n >= 10 ? base_days_from_date(s.p, 10) : -1;
    uint64_t h = 0, m = 0, sec = 0;
    if (day < 0 ||
        (s.n != 10 && (s.n < 20 || s.p[10] != 'T' || s.p[13] != ':' || s.p[16] != ':' ||
                       s.p[s.n - 1] != 'Z' || !base_str_u64(base_str_n(s.p + 11, 2), &h) ||
                       !base_str_u64(base_str_n(s.p + 14, 2), &m) ||
                       !base_str_u64(base_str_n(s.p + 17, 2), &sec))))
        return base_err_set(err, BASE_EINVAL, "now_utc is not like 2026-01-01T00:00:00Z");
    *out = day * 86400 + (int64_t)(h * 3600 + m * 60 + sec);
    return BASE_OK;
}

static enum base_status open_template(const char *file, struct base_str bos, struct base_str eos,
                                      struct eng_template **out, struct base_err *err)
{
    struct base_str name = base_str_c(file);
    struct eng_gguf *g = NULL;
    struct eng_tok *tok = NULL;
    bool own;
    if (!base_str_ends(name, BASE_STR(".gguf"))) {
        struct base_buf src;
        base_buf_init(&src, ENG_JINJA_SOURCE_MAX);
        enum base_status st = base_file_read(file, &src, err);
        if (st == BASE_OK)
            st = eng_template_new(base_buf_view(&src), bos, eos, out, err);
        base_buf_release(&src);
        return st;
    }
    enum base_status st = eng_gguf_open(file, &g, err);
    if (st == BASE_OK)
        st = eng_tok_from_gguf(g, &tok, err);
    if (st == BASE_OK)
        st = eng_template_from_gguf(g, tok, out, &own, err);
    if (st == BASE_OK && !own)
        fprintf(stderr, "weir model template: %s has no template; a stand-in is used\n", file);
    eng_tok_free(tok);
    eng_gguf_free(g);
    return st;
}

static enum base_status run(const char *file, struct base_arena *a, struct base_err *err)
{
    struct base_buf in;
    json_error_t je;
    json_t *r = NULL;
    struct eng_template *t = NULL;
    struct eng_rendered out = {0};
    int64_t now = 0;
    base_buf_init(&in, ENG_JINJA_OUTPUT_MAX);
    enum base_status st = base_fd_read_all(STDIN_FILENO, &in, err);
    if (st == BASE_OK) {
        r = json_loadb(in.p ? in.p : "", in.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
        if (!json_is_object(r))
            st = base_err_set(err, BASE_EINVAL, "standard input is no JSON object: %s",
                              r ? "another value" : je.text);
    }
    struct base_str bos = take(r, "bos_token", a), eos = take(r, "eos_token", a);
    struct base_str when = take(r, "now_utc", a);
    if (st == BASE_OK)
        st = time_of(when, &now, err);
    if (st == BASE_OK)
        st = open_template(file, bos, eos, &t, err);
    if (st == BASE_OK)
        st = eng_template_render(t, r, now, &out, err);
    if (st == BASE_OK)
        st = base_write_all(STDOUT_FILENO, out.text.p, out.text.n, err);
    eng_rendered_release(&out);
    eng_template_free(t);
    json_decref(r);
    base_buf_release(&in);
    return st;
}

int eng_cmd_template(int argc, char **argv)
{
    struct base_err err = {0};
    if (argc != 2 || argv[1][0] == '-') {
        fprintf(stderr, "%s\n", USAGE);
        return 2;
    }
    struct base_arena *a = base_arena_new(ENG_JINJA_OUTPUT_MAX);
    enum base_status st = a ? run(argv[1], a, &err) : base_err_set(&err, BASE_ENOMEM, "no memory");
    base_arena_free(a);
    if (st != BASE_OK)
        fprintf(stderr, "%s\n", err.text);
    return st == BASE_OK ? 0 : 2;
}

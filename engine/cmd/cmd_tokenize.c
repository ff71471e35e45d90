/* cmd_tokenize.c - `weir model tokenize` and `detokenize`: text to ids and back, exactly.
 *
 * Both take all of standard input, any bytes. Ids come out as one JSON array and a newline; text
 * comes out as it is, nothing added. Only the file's metadata is used: vocabulary-only files do.
 */
#include "engine/cmd/commands.h"
#include "engine/model/gguf.h"
#include "engine/text/tok.h"

#include "base/file.h"
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

static const char USAGE[] = "usage: weir model tokenize FILE.gguf [--parse-special] < text\n"
                            "       weir model detokenize FILE.gguf < JSON array of ids\n";

struct job {
    const char *file;
    bool parse;
    struct eng_gguf *g;
    struct eng_tok *t;
    struct base_buf in, out;
};

/* Arguments, file, tokenizer, standard input. */
static enum base_status prepare(struct job *j, int argc, char **argv, struct base_err *err)
{
    base_buf_init(&j->in, ENG_TOK_TEXT_MAX * 4u);
    base_buf_init(&j->out, 512u << 20);
    for (int i = 1; i < argc; i++) {
        if (base_str_is(base_str_c(argv[i]), "--parse-special") &&
            base_str_is(base_str_c(argv[0]), "tokenize"))
            j->parse = true;
        else if (argv[i][0] != '-' && j->file == NULL)
            j->file = argv[i];
        else
            return base_err_set(err, BASE_EINVAL, "\"%s\" is not understood\n%s", argv[i], USAGE);
    }
    if (j->file == NULL)
        return base_err_set(err, BASE_EINVAL, "no file\n%s", USAGE);
    enum base_status st = eng_gguf_open(j->file, &j->g, err);
    if (st == BASE_OK)
        st = eng_tok_from_gguf(j->g, &j->t, err);
    if (st == BASE_OK)
        st = base_fd_read_all(STDIN_FILENO, &j->in, err);
    return st;
}

static int finish(struct job *j, const char *verb, enum base_status st, struct base_err *err)
{
    if (st == BASE_OK)
        st = base_write_all(STDOUT_FILENO, j->out.p, j->out.n, err);
    if (st != BASE_OK)
        fprintf(stderr, "weir model %s: %s\n", verb, err->text);
    base_buf_release(&j->in);
    base_buf_release(&j->out);
    eng_tok_free(j->t);
    eng_gguf_free(j->g);
    return st == BASE_OK ? 0 : 2;
}

int eng_cmd_tokenize(int argc, char **argv)
{
    struct job j = {0};
    struct base_err err = {0};
    struct eng_ids ids = {.max = ENG_TOK_TEXT_MAX};
    enum base_status st = prepare(&j, argc, argv, &err);
    if (st == BASE_OK)
        st = eng_tok_encode(j.t, base_buf_view(&j.in), j.parse ? ENG_TOK_PARSE : 0, &ids, &err);
    base_buf_byte(&j.out, '[');
    for (size_t i = 0; i < ids.n; i++)
        base_buf_printf(&j.out, "%s%d", i ? "," : "", ids.v[i]);
    base_buf_z(&j.out, "]\n");
    if (st == BASE_OK && !base_buf_ok(&j.out))
        st = base_err_set(&err, BASE_ENOMEM, "no memory for the ids");
    eng_ids_release(&ids);
    return finish(&j, "tokenize", st, &err);
}

int eng_cmd_detokenize(int argc, char **argv)
{
    struct job j = {0};
    struct base_err err = {0};
    struct eng_ids ids = {.max = ENG_TOK_TEXT_MAX};
    enum base_status st = prepare(&j, argc, argv, &err);
    json_t *a = NULL;
    if (st == BASE_OK) {
        json_error_t je;
        a = json_loadb(j.in.p ? j.in.p : "", j.in.n, JSON_REJECT_DUPLICATES, &je);
        if (!json_is_array(a))
            st = base_err_set(&err, BASE_EINVAL, "standard input is no JSON array: %s",
                              a ? "another value" : je.text);
    }
    for (size_t i = 0; st == BASE_OK && i < json_array_size(a); i++) {
        json_t *v = json_array_get(a, i);
        int64_t id = json_is_integer(v) ? json_integer_value(v) : -1;
        if (id < 0 || id >= (int64_t)eng_tok_n_vocab(j.t))
            st = base_err_set(&err, BASE_EINVAL, "element %zu is no id of the vocabulary of %u", i,
                              eng_tok_n_vocab(j.t));
        else
            st = eng_ids_add(&ids, (int32_t)id, &err);
    }
    if (st == BASE_OK)
        st = eng_tok_decode(j.t, ids.v, ids.n, &j.out, &err);
    json_decref(a);
    eng_ids_release(&ids);
    return finish(&j, "detokenize", st, &err);
}

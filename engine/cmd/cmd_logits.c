/* cmd_logits.c - `weir model logits`: the logits of every position of given tokens, for checks
 * against other implementations.
 *
 * Output: float32 little endian [n_tokens][n_vocab] in the file named by --out ("-" is standard
 * output). Errors go to standard error with exit status 2.
 */
#include "engine/cmd/cmd_args.h"
#include "engine/cmd/commands.h"

#include "base/file.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct logits_args {
    const char *file, *out;
    struct eng_model_opts opts;
    struct eng_ids ids;
    uint32_t pos0, context;
};

static const char USAGE[] =
    "usage: weir model logits FILE.gguf --tokens 1,2,3 [--pos 0] [--context N] --out OUT.f32\n"
    "                         [--device cpu|ref|cuda|emulated] [--kv f16|f32] [-t THREADS]\n"
    "                         [--activations auto|int8|int16]\n" ENG_ARGS_GPUS ENG_ARGS_GPUS_HELP;

static bool parse_args(int argc, char **argv, struct logits_args *a)
{
    for (int i = 1; i < argc; i++) {
        struct base_str s = base_str_c(argv[i]);
        bool ok = true, known = false;
        if (s.n == 0 || s.p[0] != '-') {
            ok = a->file == NULL;
            a->file = argv[i];
        } else if (i + 1 == argc) {
            ok = false;
        } else if (!(ok = eng_args_gpus(argv[i], argv[i + 1], &a->opts, &known)) || known) {
            i++;
        } else if (base_str_is(s, "--device")) {
            if (!eng_args_device("logits", argv[++i], &a->opts.device))
                return false;
        } else if (base_str_is(s, "--kv")) {
            ok = eng_args_kv(argv[++i], &a->opts.kv_f32);
        } else if (base_str_is(s, "--activations")) {
            ok = eng_activations_parse(base_str_c(argv[++i]), &a->opts.activations);
        } else if (base_str_is(s, "--tokens")) {
            a->ids.n = 0;
            ok = eng_args_tokens(argv[++i], &a->ids);
        } else if (base_str_is(s, "--pos")) {
            ok = eng_args_u32(argv[++i], 1u << 30, &a->pos0);
        } else if (base_str_is(s, "--context")) {
            ok = eng_args_u32(argv[++i], 1u << 20, &a->context);
        } else if (base_str_is(s, "--out")) {
            a->out = argv[++i];
        } else if (base_str_is(s, "-t")) {
            uint32_t n = 0;
            ok = eng_args_u32(argv[++i], 256, &n);
            a->opts.n_threads = (int)n;
        } else {
            ok = false;
        }
        if (!ok) {
            bool value = i > 0 && argv[i - 1][0] == '-' && argv[i][0] != '-';
            fprintf(stderr, "weir model logits: %s%s\"%s\" is not understood\n%s",
                    value ? argv[i - 1] : "", value ? ": " : "", argv[i], USAGE);
            return false;
        }
    }
    if (!a->file || !a->out || !a->ids.n) {
        fputs(USAGE, stderr);
        return false;
    }
    return true;
}

static enum base_status write_out(const char *path, const float *x, size_t bytes,
                                  struct base_err *err)
{
    if (base_str_is(base_str_c(path), "-"))
        return base_write_all(STDOUT_FILENO, x, bytes, err);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return base_err_sys(err, "%s", path);
    enum base_status st = base_write_all(fd, x, bytes, err);
    if (close(fd) != 0 && st == BASE_OK)
        st = base_err_sys(err, "%s", path);
    return st;
}

static enum base_status run(const struct logits_args *a, struct base_err *err)
{
    struct eng_model *m = NULL;
    struct eng_cache *c = NULL;
    float *logits = NULL;
    uint32_t *pos = calloc(a->ids.n, sizeof(*pos));
    uint32_t context = a->context ? a->context : (uint32_t)a->ids.n;
    struct eng_model_opts opts = a->opts;
    opts.n_seq = 1;
    opts.n_ctx = context;
    enum base_status st = eng_model_open(a->file, &opts, &m, err);
    if (st != BASE_OK)
        goto out;
    if ((st = eng_cache_new(m, 1, context, &c, err)) != BASE_OK)
        goto out;
    size_t bytes = a->ids.n * sizeof(float) * eng_model_get_info(m)->n_vocab;
    logits = malloc(bytes);
    if (!logits || !pos) {
        st = base_err_set(err, BASE_ENOMEM, "out of memory for %zu bytes of logits", bytes);
        goto out;
    }
    for (size_t i = 0; i < a->ids.n; i++)
        pos[i] = a->pos0 + (uint32_t)i;
    struct eng_batch b = {.n = a->ids.n, .tokens = a->ids.v, .pos = pos};
    if ((st = eng_forward(m, c, &b, logits, err)) == BASE_OK)
        st = write_out(a->out, logits, bytes, err);
out:
    free(pos);
    free(logits);
    eng_cache_free(c);
    eng_model_free(m);
    return st;
}

int eng_cmd_logits(int argc, char **argv)
{
    struct logits_args a = {.ids = {.max = ENG_ARGS_TOKENS_MAX}};
    struct base_err err = {0};
    int rc = 2;
    if (parse_args(argc, argv, &a)) {
        if (run(&a, &err) == BASE_OK)
            rc = 0;
        else
            fprintf(stderr, "weir model logits: %s\n", err.text);
    }
    eng_ids_release(&a.ids);
    return rc;
}

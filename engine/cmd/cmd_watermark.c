/* cmd_watermark.c - `weir model watermark`: does this text bear our mark?
 *
 * Takes a text on standard input, the model file whose tokenizer wrote it (any file with the same
 * vocabulary does) and the key. Prints one JSON object. Ends 0 when the mark is there at the level
 * asked for, 1 when it is not, 2 when it could not be told.
 */
#include "engine/cmd/commands.h"
#include "engine/model/gguf.h"
#include "engine/sample/watermark.h"
#include "engine/text/tok.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: weir model watermark FILE.gguf --key KEYFILE [--gamma 0.25] [--z 4] < text\n"
    "  FILE.gguf   the model that may have written the text, or one with the same tokenizer\n"
    "  --key       the file that engine.watermark.key names\n"
    "  --gamma     as in engine.watermark\n"
    "  --z         at or above it the mark counts as there (4: wrong once in 32,000 texts)\n"
    "Prints {\"tokens\",\"pairs\",\"green\",\"z\",\"p\",\"marked\"}. Exit: 0 marked, 1 not, 2 "
    "error.\n";

struct job {
    const char *file, *key;
    double gamma, z;
    struct eng_gguf *g;
    struct eng_tok *t;
    struct base_buf in;
    struct eng_ids ids;
    struct eng_watermark mark;
};

static bool number(const char *s, double lo, double hi, double *out)
{
    char *end = NULL;
    errno = 0;
    *out = s ? strtod(s, &end) : 0;
    return s && end != s && *end == '\0' && errno == 0 && *out > lo && *out < hi;
}

static enum base_status parse(struct job *j, int argc, char **argv, struct base_err *err)
{
    for (int i = 1; i < argc; i++) {
        struct base_str a = base_str_c(argv[i]);
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool good = true;
        if (base_str_is(a, "--key") && next)
            j->key = next;
        else if (base_str_is(a, "--gamma"))
            good = number(next, 0, 1, &j->gamma);
        else if (base_str_is(a, "--z"))
            good = number(next, -100, 100, &j->z);
        else if (argv[i][0] != '-' && !j->file) {
            j->file = argv[i];
            continue;
        } else
            good = false;
        if (!good)
            return base_err_set(err, BASE_EINVAL, "\"%s\" is not understood\n%s", argv[i], USAGE);
        i++;
    }
    if (!j->file || !j->key)
        return base_err_set(err, BASE_EINVAL, "%s is missing\n%s", j->file ? "--key" : "the file",
                            USAGE);
    /* Here a key that is not there is a mistake, not something to be made. */
    if (access(j->key, R_OK) != 0)
        return base_err_set(err, BASE_ENOENT, "%s: no such key, or not readable", j->key);
    return BASE_OK;
}

static enum base_status test(struct job *j, struct eng_watermark_test *out, struct base_err *err)
{
    j->mark.gamma = (float)j->gamma;
    enum base_status st = eng_watermark_key(j->key, &j->mark, err);
    if (st == BASE_OK)
        st = eng_gguf_open(j->file, &j->g, err);
    if (st == BASE_OK)
        st = eng_tok_from_gguf(j->g, &j->t, err);
    if (st == BASE_OK)
        st = base_fd_read_all(STDIN_FILENO, &j->in, err);
    if (st == BASE_OK)
        st = eng_tok_encode(j->t, base_buf_view(&j->in), 0, &j->ids, err);
    if (st == BASE_OK)
        st = eng_watermark_detect(&j->mark, j->ids.v, j->ids.n, out, err);
    return st;
}

int eng_cmd_watermark(int argc, char **argv)
{
    struct job j = {.gamma = 0.25, .z = 4, .ids = {.max = ENG_TOK_TEXT_MAX}};
    struct eng_watermark_test t = {0};
    struct base_err err;
    base_buf_init(&j.in, ENG_TOK_TEXT_MAX * 4u);
    enum base_status st = parse(&j, argc, argv, &err);
    if (st == BASE_OK)
        st = test(&j, &t, &err);
    bool marked = st == BASE_OK && t.z >= j.z;
    if (st == BASE_OK)
        printf("{\"tokens\":%u,\"pairs\":%u,\"green\":%u,\"z\":%.3f,\"p\":%.3g,\"marked\":%s}\n",
               t.tokens, t.pairs, t.green, t.z, t.p, marked ? "true" : "false");
    else
        fprintf(stderr, "weir model watermark: %s\n", err.text);
    base_wipe(&j.mark, sizeof(j.mark));
    base_buf_release(&j.in);
    eng_ids_release(&j.ids);
    eng_tok_free(j.t);
    eng_gguf_free(j.g);
    return st != BASE_OK ? 2 : marked ? 0 : 1;
}

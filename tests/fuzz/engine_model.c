/* Goal: no model file crashes the loader or what it builds, and none makes it take memory that the
 * file does not justify.
 *
 * Method: the input is a whole model file, put into memory that has a name (memfd), opened as every
 * verb opens it: hyper-parameters, all tensors of the family, their shapes, scratch memory. A hash
 * of the input decides between the reference and the fast operators. What opens makes a cache and
 * runs three tokens; the tokenizer and the template are made of it too. A refusal must say why.
 * run.py gives this target its limits of time and memory.
 */
#include "engine/model/model.h"
#include "engine/text/template.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void said_why(enum base_status st, const struct base_err *err)
{
    if (st != BASE_OK && err->text[0] == 0)
        abort();
}

static void texts(const struct eng_model *m)
{
    struct eng_tok *tok = NULL;
    struct eng_template *t = NULL;
    struct base_err err = {0};
    bool own;
    enum base_status st = eng_tok_from_gguf(eng_model_gguf(m), &tok, &err);
    said_why(st, &err);
    if (st == BASE_OK)
        said_why(eng_template_from_gguf(eng_model_gguf(m), tok, &t, &own, &err), &err);
    eng_template_free(t);
    eng_tok_free(tok);
}

static void run(struct eng_model *m)
{
    struct eng_cache *c = NULL;
    struct base_err err = {0};
    const struct eng_model_info *info = eng_model_get_info(m);
    const int32_t tokens[3] = {0, (int32_t)(info->n_vocab - 1), (int32_t)(info->n_vocab / 2)};
    float *logits = malloc(3 * (size_t)info->n_vocab * sizeof(float));
    struct eng_batch b = {.n = 3, .tokens = tokens};
    enum base_status st = eng_cache_new(m, 1, 4, &c, &err);
    said_why(st, &err);
    if (st == BASE_OK && logits)
        said_why(eng_forward(m, c, &b, logits, &err), &err);
    free(logits);
    eng_cache_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eng_model *m = NULL;
    struct base_err err = {0};
    char path[40];
    int fd = memfd_create("model", MFD_CLOEXEC);
    if (size == 0 || fd < 0)
        return 0;
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < size; i += 97)
        h = (h ^ data[i]) * 1099511628211u;
    struct eng_model_opts opts = {.device = h & 64 ? ENG_DEVICE_CPU : ENG_DEVICE_REF,
                                  .n_threads = 1,
                                  .activations =
                                      h & 128 ? ENG_ACTIVATIONS_INT8 : ENG_ACTIVATIONS_INT16};
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (write(fd, data, size) == (ssize_t)size) {
        enum base_status st = eng_model_open(path, &opts, &m, &err);
        said_why(st, &err);
        if (st == BASE_OK) {
            texts(m);
            run(m);
        }
        eng_model_free(m);
    }
    close(fd);
    return 0;
}

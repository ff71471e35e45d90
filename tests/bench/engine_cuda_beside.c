/* engine_cuda_beside.c - a model on the emulated device beside the CPU, as generation goes: B
 * sequences read prompts of different lengths, then go on one token each a step.
 *
 *   engine_cuda_beside FILE.gguf B PROMPT STEPS [f16|f32]
 *
 * Every step's logits are compared; both get the same tokens, whatever they would choose. Writes
 * {"rows": compared, "nmse": of all, "worst": the largest of a row, "launches": of the last step}
 * to standard output. tests/e2e/test_cuda_latent.py starts it on files that it makes.
 */
#include "engine/model/model_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEQS = 64 };

static void fail(const struct base_err *err)
{
    fprintf(stderr, "engine_cuda_beside: %s\n", err->text);
    exit(1);
}

static uint32_t number(const char *z, uint32_t most)
{
    char *end;
    unsigned long n = strtoul(z, &end, 10);
    if (*end || n == 0 || n > most) {
        fprintf(stderr, "engine_cuda_beside: \"%s\" is not a number from 1 to %u\n", z, most);
        exit(2);
    }
    return (uint32_t)n;
}

struct side {
    struct eng_model *m;
    struct eng_cache *c;
    float *logits;
};

static void open_side(struct side *s, const char *path, bool emulated, bool f32, uint32_t n)
{
    struct eng_model_opts opts = {.device = emulated ? ENG_DEVICE_EMULATED : ENG_DEVICE_CPU,
                                  .n_threads = 1,
                                  .kv_f32 = f32,
                                  .activations = ENG_ACTIVATIONS_INT16};
    struct base_err err;
    if (eng_model_open(path, &opts, &s->m, &err) != BASE_OK ||
        eng_cache_new(s->m, n, 512, &s->c, &err) != BASE_OK)
        fail(&err);
    s->logits = malloc(sizeof(float) * SEQS * eng_model_get_info(s->m)->n_vocab);
    if (!s->logits)
        exit(1);
}

static struct {
    double error, size, worst;
    uint32_t rows;
} sums;

static void compare(const float *a, const float *b, uint32_t rows, uint32_t n)
{
    for (uint32_t r = 0; r < rows; r++) {
        double error = 0, size = 0;
        for (uint32_t i = 0; i < n; i++) {
            double d = (double)a[(size_t)r * n + i] - (double)b[(size_t)r * n + i];
            error += d * d;
            size += (double)a[(size_t)r * n + i] * (double)a[(size_t)r * n + i];
        }
        sums.error += error;
        sums.size += size;
        sums.worst = fmax(sums.worst, isfinite(error) && size > 0 ? error / size : INFINITY);
        sums.rows++;
    }
}

/* A step on both; kept: rows wanted, NULL: all. */
static void step(struct side *s, const struct eng_batch *b, uint32_t rows)
{
    struct base_err err;
    for (int i = 0; i < 2; i++)
        if (eng_forward(s[i].m, s[i].c, b, s[i].logits, &err) != BASE_OK)
            fail(&err);
    compare(s[0].logits, s[1].logits, rows, eng_model_get_info(s[0].m)->n_vocab);
}

int main(int argc, char **argv)
{
    struct side s[2];
    if (argc < 5 || argc > 6) {
        fputs("usage: engine_cuda_beside FILE.gguf SEQUENCES PROMPT STEPS [f16|f32]\n", stderr);
        return 2;
    }
    uint32_t n = number(argv[2], SEQS), prompt = number(argv[3], 48), steps = number(argv[4], 256);
    bool f32 = argc == 6 && !strcmp(argv[5], "f32");
    for (int i = 0; i < 2; i++)
        open_side(&s[i], argv[1], i, f32, n);
    uint32_t vocab = eng_model_get_info(s[0].m)->n_vocab, at = 1;
    int32_t tokens[SEQS];
    uint32_t seqs[SEQS];
    for (uint32_t q = 0; q < n; q++) {
        uint32_t len = 1 + (prompt + 7 * q) % prompt;
        for (uint32_t i = 0; i < len; i++, at = at * 31 + 7) {
            tokens[i] = (int32_t)(at % vocab);
            seqs[i] = q;
        }
        step(s, &(struct eng_batch){.n = len, .tokens = tokens, .seqs = seqs}, len);
    }
    for (uint32_t k = 0; k < steps; k++) {
        for (uint32_t q = 0; q < n; q++, at = at * 31 + 7) {
            tokens[q] = (int32_t)(at % vocab);
            seqs[q] = q;
        }
        step(s, &(struct eng_batch){.n = n, .tokens = tokens, .seqs = seqs}, n);
    }
    printf("{\"rows\": %u, \"nmse\": %.3g, \"worst\": %.3g}\n", sums.rows, sums.error / sums.size,
           sums.worst);
    for (int i = 0; i < 2; i++) {
        free(s[i].logits);
        eng_cache_free(s[i].c);
        eng_model_free(s[i].m);
    }
    return 0;
}

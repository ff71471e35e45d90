/* engine_cuda_count.c - one decode step of B sequences with C tokens each on the emulated device,
 * so that the library that counts (tests/emu/count.cpp) writes down what its launches move.
 *
 *   engine_cuda_count FILE.gguf B C COUNTS
 *
 * COUNTS is the file that WEIR_EMU_COUNTS names. Sequences get their length by accounting alone
 * (keys and values of all tokens are zero): what a step moves does not depend on values.
 * Writes {"start": bytes of COUNTS before the step, "heads": [bytes where each layer's launch over
 * heads comes next], "touched": experts met by a layer in the mean} to standard output.
 * tools/cuda_model.py starts it.
 */
#include "engine/model/model_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct {
    const char *counts;
    struct eng_model *m;
    size_t ends[ENG_LAYERS_MAX];
    uint32_t n_layers;
} run;

static size_t size_now(void)
{
    struct stat st;
    return stat(run.counts, &st) == 0 ? (size_t)st.st_size : 0;
}

/* The table's own, behind a note of where the counts stand: once a layer. */
static struct eng_ops noting;
static void (*heads)(struct eng_fwd *f);

static void note_heads(struct eng_fwd *f)
{
    float one;
    f->m->ops->download(f->m, &one, f->s->xn, sizeof(one)); /* waits for what was asked for */
    run.ends[run.n_layers++] = size_now();
    heads(f);
}

static uint32_t number(const char *z)
{
    char *end;
    unsigned long n = strtoul(z, &end, 10);
    if (*end || n == 0 || n > 1u << 20) {
        fprintf(stderr, "engine_cuda_count: \"%s\" is no number of tokens or sequences\n", z);
        exit(2);
    }
    return (uint32_t)n;
}

static void fail(const struct base_err *err)
{
    fprintf(stderr, "engine_cuda_count: %s\n", err->text);
    exit(1);
}

/* Experts with any choice, of a layer that has experts, in the mean. */
static double touched(const struct eng_model *m)
{
    uint32_t layers = 0, experts = 0, n = eng_model_get_info(m)->n_expert;
    for (uint32_t l = 0; l < eng_model_get_info(m)->n_layer; l++) {
        const uint64_t *c = eng_model_expert_counts(m, l);
        layers += c != NULL;
        for (uint32_t e = 0; c && e < n; e++)
            experts += c[e] != 0;
    }
    return layers ? (double)experts / layers : 0;
}

int main(int argc, char **argv)
{
    struct eng_model_opts opts = {
        .device = ENG_DEVICE_EMULATED, .n_threads = 1, .activations = ENG_ACTIVATIONS_INT16};
    struct base_err err;
    struct eng_cache *c;
    if (argc != 5) {
        fputs("usage: engine_cuda_count FILE.gguf SEQUENCES CONTEXT COUNTS\n", stderr);
        return 2;
    }
    uint32_t n = number(argv[2]), context = number(argv[3]);
    run.counts = argv[4];
    if (eng_model_open(argv[1], &opts, &run.m, &err) != BASE_OK ||
        eng_cache_new(run.m, n, context, &c, &err) != BASE_OK)
        fail(&err);
    int32_t *tokens = calloc(n, sizeof(*tokens));
    uint32_t *seqs = calloc(n, sizeof(*seqs));
    float *logits = malloc(sizeof(float) * n * eng_model_get_info(run.m)->n_vocab);
    if (!tokens || !seqs || !logits)
        return 1;
    for (uint32_t s = 0; s < n; s++) {
        uint32_t mark;
        tokens[s] = (int32_t)(17 * s % eng_model_get_info(run.m)->n_vocab);
        seqs[s] = s;
        for (uint32_t i = 0; i + 1 < context; i++) {
            (void)eng_cache_add(c, s, (int32_t)(i % 100), false, &mark);
            eng_cache_commit(c);
        }
    }
    const struct eng_ops *table = run.m->ops;
    for (uint32_t l = 0; l < run.m->hp.n_layer; l++) {
        const struct eng_layer *y = &run.m->layers[l];
        uint64_t cells = (uint64_t)ENG_PAGE * y->n_head_kv * c->groups[c->group_of[l]].n_pages;
        table->zero(run.m, (char *)eng_part(c, l)->k + c->k_at[l] * run.m->kv_bytes,
                    cells * y->n_dim * run.m->kv_bytes);
        if (y->mixer == ENG_MIX_GROUPED)
            table->zero(run.m, (char *)eng_part(c, l)->v + c->v_at[l] * run.m->kv_bytes,
                        cells * y->n_vdim * run.m->kv_bytes);
    }
    noting = *table;
    heads = noting.heads;
    noting.heads = note_heads;
    run.m->ops = &noting;
    size_t start = size_now();
    struct eng_batch b = {.n = n, .tokens = tokens, .seqs = seqs};
    if (eng_forward(run.m, c, &b, logits, &err) != BASE_OK)
        fail(&err);
    run.m->ops = table;
    printf("{\"start\": %zu, \"heads\": [", start);
    for (uint32_t l = 0; l < run.n_layers; l++)
        printf("%s%zu", l ? ", " : "", run.ends[l]);
    printf("], \"touched\": %.6f}\n", touched(run.m));
    free(tokens);
    free(seqs);
    free(logits);
    eng_cache_free(c);
    eng_model_free(run.m);
    return 0;
}

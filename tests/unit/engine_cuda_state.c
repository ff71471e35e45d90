/* Goal: layers that keep a state per sequence give on the device what they give token by token:
 * gated DeltaNet, and the compressed keys of DeepSeek V4; states noted behind a token are what the
 * state was there; a batch may mix sequences, and cut them anywhere, and nothing changes.
 * Method: the textbook in doubles, one token after the other, through several batches; states that
 * no token has written yet, and memory that nobody should read, are NaN; several schedules.
 */
#include "tests/unit/engine_cuda_util.h"

#include "engine/cuda/delta.h"

#define SEQS   3
#define NOTED  2
#define COPIES (1 + NOTED)

#define TOKENS 300 /* tokens of a batch */

/* A batch: sequence of every token, and where its state is noted. */
struct batch {
    uint32_t n, seq[TOKENS], mark[TOKENS];
};

/* What every test has on the device. */
struct work {
    uint32_t n_chunk, n_long, *d_chunk, *d_longs, *d_chunked; /* delta.h */
    uint32_t cell[TOKENS], *d_seq, *d_cell, *d_slot, *d_mark, *d_token, *d_run, *d_first, n_run;
};

/* Slots begin with this one, and the array so far before what is there. */
static uint32_t far_slot;
static float *far_states(float *at, size_t each)
{
    return (float *)((uintptr_t)at - (uintptr_t)far_slot * each * sizeof(float));
}

static void work_new(struct work *w, const struct batch *b, uint32_t len[SEQS])
{
    uint32_t token[TOKENS], run[TOKENS], first[TOKENS + 1], slot[TOKENS], mark[TOKENS];
    uint32_t chunk[2 * TOKENS / WEIR_DELTA_CHUNK_LEAST], longs[3 * TOKENS / WEIR_DELTA_CHUNK_LEAST];
    uint32_t chunked[TOKENS];
    for (uint32_t t = 0; t < b->n; t++) {
        w->cell[t] = len[b->seq[t]]++;
        slot[t] = far_slot + b->seq[t] * COPIES;
        mark[t] = b->mark[t] ? slot[t] + b->mark[t] : WEIR_NO_MARK;
    }
    w->n_run = eng_cuda_order(b->seq, b->n, token, run, first);
    w->n_chunk =
        eng_cuda_delta_chunks(token, first, w->n_run, mark, chunk, longs, chunked, &w->n_long);
    w->d_chunk = cuda_put(chunk, 8 * (size_t)w->n_chunk);
    w->d_longs = cuda_put(longs, 12 * (size_t)w->n_long);
    w->d_chunked = cuda_put(chunked, 4 * (size_t)w->n_run);
    w->d_seq = cuda_put(b->seq, b->n * 4);
    w->d_cell = cuda_put(w->cell, b->n * 4);
    w->d_slot = cuda_put(slot, b->n * 4);
    w->d_mark = cuda_put(mark, b->n * 4);
    w->d_token = cuda_put(token, b->n * 4);
    w->d_run = cuda_put(run, b->n * 4);
    w->d_first = cuda_put(first, (w->n_run + 1) * 4);
}

static void work_free(struct work *w)
{
    uint32_t *drop[] = {w->d_seq, w->d_cell,  w->d_slot,  w->d_mark,  w->d_token,
                        w->d_run, w->d_first, w->d_chunk, w->d_longs, w->d_chunked};
    for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
        cuda_drop(drop[i]);
}

static struct weir_order order_of(const struct work *w, const struct batch *b)
{
    return (struct weir_order){
        .token = w->d_token, .run = w->d_run, .first = w->d_first, .n = b->n, .n_run = w->n_run};
}

static float *nans(size_t n)
{
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = NAN;
    return x;
}

/* The states of all sequences and copies; where `want` is NaN nobody has written. */
static void check_states(const float *d_state, const double *want, size_t each, const char *what)
{
    size_t n = (size_t)SEQS * COPIES * each;
    float *got = malloc(n * sizeof *got);
    cuda_get(got, d_state, n * sizeof *got);
    for (size_t i = 0; i < n; i++)
        if (isnan(want[i]))
            assert_true(isnan(got[i]));
        else
            cuda_near(got[i], (float)want[i], 1e-4f, what, i);
    free(got);
}

/* Three batches: a prompt and single tokens mixed, then more of all, then one token each. */
static const struct batch batches[] = {
    {23,
     {0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
     {0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}},
    {9, {1, 1, 2, 1, 2, 2, 2, 0, 1}, {0, 0, 0, 0, 0, 2, 1, 0, 0}},
    {3, {2, 0, 1}, {0, 1, 0}},
    {1, {1}, {2}}};
#define N_BATCH (sizeof batches / sizeof *batches)
/* Of one sequence, so many tokens; the first alone. */
static const struct batch growing[] = {{.n = 1}, {.n = 2},  {.n = 3},  {.n = 8},
                                       {.n = 9}, {.n = 16}, {.n = 33}, {.n = 64}};
#define N_GROWING (sizeof growing / sizeof *growing)
static const struct batch *list = batches;
static size_t n_list = N_BATCH;

/* Runs test() with batches of other numbers, and with states far behind their array's beginning. */
static void grown(void (*test)(void))
{
    list = growing;
    n_list = N_GROWING;
    test();
    list = batches;
    n_list = N_BATCH;
    far_slot = 200000000;
    test();
    far_slot = 0;
}

static void state_case(const struct batch *b, const struct work *k)
{
    bool edge = false;
    for (uint32_t t = 0; t < b->n; t++)
        edge |= k->cell[t] % 64 == 63;
    cuda_case(b->n, far_slot                       ? "ragged far"
                    : b->n == 1 && k->cell[0] == 0 ? "ragged first"
                    : edge                         ? "ragged edge"
                                                   : "ragged");
}

static void orders(void **state)
{
    uint32_t token[9], run[9], first[10];
    static const uint32_t want[] = {0, 1, 3, 8, 2, 4, 5, 6, 7}, of[] = {0, 0, 0, 0, 1, 1, 1, 1, 2};
    static const uint32_t at[] = {0, 4, 8, 9};
    (void)state;
    assert_int_equal(eng_cuda_order(batches[1].seq, 9, token, run, first), 3);
    assert_memory_equal(token, want, sizeof want);
    assert_memory_equal(run, of, sizeof of);
    assert_memory_equal(first, at, sizeof at);
    assert_int_equal(eng_cuda_order(NULL, 0, token, run, first), 0);
    assert_int_equal(first[0], 0);
}

/* ---- DeltaNet ---- */

struct delta {
    uint32_t n_key, n_value, dk, dv, conv;
    bool tiled, together; /* together: beta and alpha from one matrix */
};
static const struct delta *p;

static double silu(double x)
{
    return x / (1 + exp(-x));
}

/* One token through the textbook. s: the sequence's live state. */
static void delta_token(const float *x, const float *z, const float *b, const float *g,
                        const float *conv_w, const float *dt, const float *decay, const float *norm,
                        double *s, double *out)
{
    uint32_t channels = 2 * p->n_key * p->dk + p->n_value * p->dv, keep = p->conv - 1;
    double *u = malloc(channels * sizeof *u), *m = s + (size_t)channels * keep;
    for (uint32_t c = 0; c < channels; c++) {
        double sum = (double)x[c] * (double)conv_w[c * p->conv + keep];
        for (uint32_t j = 0; j < keep; j++)
            sum += s[c * keep + j] * (double)conv_w[c * p->conv + j];
        for (uint32_t j = 0; j < keep; j++)
            s[c * keep + j] = j + 1 < keep ? s[c * keep + j + 1] : (double)x[c];
        u[c] = silu(sum);
    }
    for (uint32_t h = 0; h < 2 * p->n_key; h++) {
        double sum = 0;
        for (uint32_t i = 0; i < p->dk; i++)
            sum += u[h * p->dk + i] * u[h * p->dk + i];
        for (uint32_t i = 0; i < p->dk; i++)
            u[h * p->dk + i] /= fmax(sqrt(sum), 1e-6);
    }
    for (uint32_t h = 0; h < p->n_value; h++, m += (size_t)p->dk * p->dv) {
        uint32_t key = p->tiled ? h % p->n_key : h / (p->n_value / p->n_key);
        const double *q = u + key * p->dk, *k = q + p->n_key * p->dk;
        const double *v = u + 2 * p->n_key * p->dk + h * p->dv;
        double beta = 1 / (1 + exp(-(double)b[h])), sum = 0;
        double by = exp((double)decay[h] * log1p(exp((double)g[h] + (double)dt[h])));
        double *o = out + h * p->dv;
        for (uint32_t c = 0; c < p->dv; c++) {
            double d = 0;
            o[c] = 0;
            for (uint32_t i = 0; i < p->dk; i++)
                d += k[i] * (m[i * p->dv + c] *= by);
            for (uint32_t i = 0; i < p->dk; i++)
                o[c] += q[i] * (m[i * p->dv + c] += k[i] * beta * (v[c] - d));
            o[c] /= sqrt(p->dk);
            sum += o[c] * o[c];
        }
        for (uint32_t c = 0; c < p->dv; c++)
            o[c] *= 1 / sqrt(sum / p->dv + 1e-6) * (double)norm[c] * silu((double)z[h * p->dv + c]);
    }
    free(u);
}

/* beta and alpha of a token, by head, into where the kernel wants them. */
static void put_gates(float *to, uint32_t n, uint32_t t, const float *b, const float *g)
{
    uint32_t each = p->n_value / p->n_key;
    for (uint32_t h = 0; h < p->n_value; h++)
        if (p->together) {
            float *x = to + t * 2 * p->n_value + h / each * 2 * each;
            x[h % each] = b[h];
            x[each + h % each] = g[h];
        } else {
            to[t * p->n_value + h] = b[h];
            to[(n + t) * p->n_value + h] = g[h];
        }
}

static void delta_batch(const struct batch *b, const float *w[4], uint32_t len[SEQS],
                        float *d_state, const float *const d_w[4], double *want)
{
    uint32_t channels = 2 * p->n_key * p->dk + p->n_value * p->dv, wide = p->n_value * p->dv;
    size_t each = (size_t)channels * (p->conv - 1) + (size_t)p->n_value * p->dk * p->dv + 5;
    float *x = cuda_floats((size_t)b->n * channels, 2), *z = cuda_floats((size_t)b->n * wide, 2);
    float *gates = malloc((size_t)2 * b->n * p->n_value * sizeof *gates);
    float *got = malloc((size_t)b->n * wide * sizeof *got);
    double *out = malloc((size_t)b->n * wide * sizeof *out);
    struct work k;
    uint32_t before[SEQS];
    memcpy(before, len, sizeof before);
    work_new(&k, b, len);
    state_case(b, &k);
    for (uint32_t t = 0; t < b->n; t++) {
        double *s = want + (size_t)b->seq[t] * COPIES * each;
        float *be = cuda_floats(p->n_value, 2), *al = cuda_floats(p->n_value, 2);
        al[0] = b->seq[t] == 1 ? 30 : al[0]; /* where softplus is the number itself */
        for (size_t i = 0; k.cell[t] == 0 && i + 5 < each; i++)
            s[i] = 0;
        put_gates(gates, b->n, t, be, al);
        delta_token(x + (size_t)t * channels, z + (size_t)t * wide, be, al, w[0], w[1], w[2], w[3],
                    s, out + (size_t)t * wide);
        if (b->mark[t])
            memcpy(s + b->mark[t] * each, s, (each - 5) * sizeof *s);
        free(be);
        free(al);
    }
    float *d_gates = cuda_put(gates, (size_t)2 * b->n * p->n_value * sizeof *gates);
    struct weir_delta_args a = {.x = cuda_put(x, (size_t)b->n * channels * 4),
                                .u = cuda_put(NULL, (size_t)b->n * channels * 4),
                                .conv_w = d_w[0],
                                .beta = d_gates,
                                .alpha = d_gates + (size_t)b->n * p->n_value,
                                .dt = d_w[1],
                                .decay = d_w[2],
                                .out = cuda_put(NULL, (size_t)b->n * wide * 4),
                                .order = order_of(&k, b),
                                .states = {far_states(d_state, each), each, k.d_slot, k.d_mark},
                                .cell = k.d_cell,
                                .n_key = p->n_key,
                                .n_value = p->n_value,
                                .dk = p->dk,
                                .dv = p->dv,
                                .conv = p->conv,
                                .channels = channels,
                                .tiled = p->tiled,
                                .gate_each = p->together ? p->n_value / p->n_key : 0,
                                .eps = 1e-6f};
    struct weir_delta_gate_args g = {.x = a.out,
                                     .z = cuda_put(z, (size_t)b->n * wide * 4),
                                     .norm = d_w[3],
                                     .n_value = p->n_value,
                                     .dv = p->dv,
                                     .eps = 1e-6f};
    if (k.n_long && eng_cuda_delta_can(p->dk)) {
        a.chunk = k.d_chunk;
        a.longs = k.d_longs;
        a.chunked = k.d_chunked;
        a.n_chunk = k.n_chunk;
        a.n_long = k.n_long;
        a.scratch = cuda_put(NULL, eng_cuda_delta_scratch(&a, k.n_chunk));
    }
    eng_cuda_delta(dev, &a);
    eng_cuda_delta_gate(dev, &g, b->n);
    cuda_get(got, a.out, (size_t)b->n * wide * 4);
    for (size_t i = 0; i < (size_t)b->n * wide; i++)
        cuda_near(got[i], (float)out[i], 2e-3f, "out", i);
    check_states(d_state, want, each, "state");
    const void *drop[] = {a.x, a.u, a.out, d_gates, g.z, a.scratch};
    for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
        cuda_drop(drop[i]);
    work_free(&k);
    free(x);
    free(z);
    free(gates);
    free(got);
    free(out);
}

static void delta(void)
{
    uint32_t channels = 2 * p->n_key * p->dk + p->n_value * p->dv, len[SEQS] = {0};
    size_t each = (size_t)channels * (p->conv - 1) + (size_t)p->n_value * p->dk * p->dv + 5;
    size_t n = (size_t)SEQS * COPIES * each,
           sizes[4] = {(size_t)channels * p->conv, p->n_value, p->n_value, p->dv};
    const float *w[4], *d_w[4];
    for (int i = 0; i < 4; i++) {
        float *x = cuda_floats(sizes[i], 1);
        for (size_t j = 0; i == 2 && j < sizes[i]; j++)
            x[j] = -0.5f - x[j] / 4; /* decay */
        w[i] = x;
        d_w[i] = cuda_put(x, sizes[i] * 4);
    }
    float *empty = nans(n), *d_state = cuda_put(empty, n * 4);
    double *want = malloc(n * sizeof *want);
    for (size_t i = 0; i < n; i++)
        want[i] = NAN;
    for (size_t i = 0; i < n_list; i++)
        delta_batch(&list[i], w, len, d_state, d_w, want);
    for (int i = 0; i < 4; i++) {
        free((float *)(uintptr_t)w[i]);
        cuda_drop(d_w[i]);
    }
    cuda_drop(d_state);
    free(empty);
    free(want);
}

static void delta_rule(void **state)
{
    static const struct delta all[] = {
        {2, 4, 16, 16, 4, .together = true},   {2, 4, 32, 40, 4, .tiled = true},
        {1, 2, 128, 128, 4, .together = true}, {2, 2, 24, 20, 1, .tiled = true},
        {1, 1, 7, 5, 3, .together = true},     {1, 2, 200, 33, 2, .tiled = false},
        {1, 1, 500, 9, 4, .tiled = true}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        p = &all[i];
        cuda_seeds(i < 2 ? 5 : 2, delta);
        if (i == 0 || i > 4) /* one for each kernel of a head's length */
            grown(delta);
    }
    p = &all[0];
    struct weir_delta_args none = {.n_key = 1, .n_value = 1, .dk = 16, .dv = 16, .conv = 4};
    eng_cuda_delta(dev, &none);
    eng_cuda_delta_gate(dev, &(struct weir_delta_gate_args){.n_value = 1, .dv = 16}, 0);
    static const char *const names[] = {"weir_delta_conv", "weir_delta_step_128",
                                        "weir_delta_step_256", "weir_delta_step_512",
                                        "weir_delta_gate"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cuda_case_none(names[i]);
}

/* Tokens of sequence s at the batch's end; those that are multiples of `every` are noted. */
static void more(struct batch *b, uint32_t s, uint32_t n, uint32_t every)
{
    for (uint32_t i = 1; i <= n; i++, b->n++) {
        b->seq[b->n] = s;
        b->mark[b->n] = every && i % every == 0 ? 1 + i / every % NOTED : 0;
    }
}

/* Prompts long enough for chunks: cut anywhere, noted at any token, beside others that are not. */
static void delta_prompts(void **state)
{
    static const struct delta all[] = {{1, 2, 16, 16, 4, .together = true},
                                       {2, 4, 24, 20, 3, .tiled = true},
                                       {1, 2, 128, 128, 4, .together = true},
                                       {1, 1, 7, 40, 2, .tiled = true}};
    static struct batch long_ones[4];
    (void)state;
    memset(long_ones, 0, sizeof long_ones);
    more(&long_ones[0], 0, 100, 37);    /* chunks of 32, 5, 32, 5, ... */
    more(&long_ones[0], 1, 64, 5);      /* too finely cut: token by token */
    more(&long_ones[0], 2, 9, 0);       /* token by token */
    more(&long_ones[0], 0, 40, 20);     /* joins the first run */
    for (uint32_t t = 0; t < 32; t++) { /* mixed */
        more(&long_ones[1], 0, 1, 0);
        more(&long_ones[1], 1, 2, 0);
        more(&long_ones[1], 2, 1, t == 31);
    }
    more(&long_ones[2], 2, 129, 65);
    more(&long_ones[2], 0, 1, 1);
    more(&long_ones[2], 1, 63, 0);
    more(&long_ones[3], 1, 1, 1);
    more(&long_ones[3], 2, 31, 0);
    list = long_ones;
    n_list = 4;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        p = &all[i];
        cuda_seeds(i < 2 ? 5 : 1, delta);
    }
    far_slot = 200000000;
    p = &all[0];
    delta();
    far_slot = 0;
    list = batches;
    n_list = N_BATCH;
    cuda_case_none("weir_delta_pairs");
    cuda_case_none("weir_delta_chunk");
}

static void chunks(void **state)
{
    uint32_t token[200], mark[200], chunk[24], longs[36], chunked[3], n_long = 9;
    static const uint32_t first[] = {0, 15, 80, 200};
    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        token[i] = 199 - i;
        mark[i] = WEIR_NO_MARK;
    }
    mark[199 - 50] = 4; /* entry 50 */
    static const uint32_t want[] = {15, 32, 47, 4, 51, 29, 80, 32, 112, 32, 144, 32, 176, 24};
    static const uint32_t of[] = {1, 0, 3, 2, 3, 7}, which[] = {0, 1, 1}, not_1[] = {0, 0, 1};
    assert_int_equal(eng_cuda_delta_chunks(token, first, 3, mark, chunk, longs, chunked, &n_long),
                     7);
    assert_int_equal(n_long, 2);
    assert_memory_equal(chunk, want, sizeof want);
    assert_memory_equal(longs, of, sizeof of);
    assert_memory_equal(chunked, which, sizeof which);
    mark[199 - 60] = mark[199 - 70] = 4; /* five chunks in 65 tokens */
    assert_int_equal(eng_cuda_delta_chunks(token, first, 3, mark, chunk, longs, chunked, &n_long),
                     4);
    assert_int_equal(n_long, 1);
    assert_int_equal(longs[0], 2);
    assert_memory_equal(chunked, not_1, sizeof not_1);
    assert_int_equal(eng_cuda_delta_chunks(token, first, 0, mark, chunk, longs, chunked, &n_long),
                     0);
    assert_int_equal(n_long, 0);
}

/* ---- compressed keys ---- */

struct squeeze {
    uint32_t ratio, length[2], n_ring, n_rot;
    bool f32;
};
static const struct squeeze *sq;

#define PAGES     4 /* of compressed keys, a sequence */
#define FAR_PAGES (1 << 24)

static uint32_t ring_size(void)
{
    return sq->n_ring > 1 ? 2 * sq->ratio : sq->ratio;
}

static uint32_t ring_width(uint32_t i)
{
    return sq->n_ring > 1 ? 2 * sq->length[i] : sq->length[i];
}

static size_t ring_floats(uint32_t i)
{
    return (size_t)ring_size() * 2 * ring_width(i);
}

/* A token into a ring, and the key that it completes: true if so. */
static bool squeeze_token(uint32_t ring, uint32_t pos, const float *u, const float *g,
                          const float *place, const float *norm, const float *freq, double *s,
                          double *key)
{
    uint32_t size = ring_size(), width = ring_width(ring), length = sq->length[ring];
    for (uint32_t i = 0; i < width; i++) {
        s[pos % size * 2 * width + i] = (double)u[i];
        s[pos % size * 2 * width + width + i] =
            (double)g[i] + (double)place[pos % sq->ratio * width + i];
    }
    if ((pos + 1) % sq->ratio)
        return false;
    double square = 0;
    for (uint32_t c = 0; c < length; c++) {
        double sum = 0, max = -INFINITY;
        key[c] = 0;
        for (int pass = 0; pass < 2; pass++)
            for (uint32_t p0 = pos + 1 < size ? 0 : pos + 1 - size; p0 <= pos; p0++) {
                uint32_t i = width > length && p0 + sq->ratio > pos ? length + c : c;
                const double *at = s + p0 % size * 2 * width;
                max = pass ? max : fmax(max, at[width + i]);
                sum += pass ? exp(at[width + i] - max) : 0;
                key[c] += pass ? exp(at[width + i] - max) * at[i] : 0;
            }
        key[c] /= sum;
        square += key[c] * key[c];
    }
    for (uint32_t c = 0; c < length; c++)
        key[c] *= (double)norm[c] / sqrt(square / length + 1e-6);
    for (uint32_t i = 0; i < sq->n_rot / 2; i++) {
        double angle = (double)((float)(pos + 1 - sq->ratio) * freq[i]);
        double *a = key + length - sq->n_rot + 2 * i, x = a[0], y = a[1];
        a[0] = x * cos(angle) - y * sin(angle);
        a[1] = x * sin(angle) + y * cos(angle);
    }
    return true;
}

struct squeezed {
    float *place[2], *norm[2], *freq;
    struct weir_ring ring[2];
    float *d_freq;
    double *want, *keys[2];
    size_t each;
};

static void squeeze_batch(struct squeezed *q, const struct batch *b, uint32_t len[SEQS])
{
    float *u[2], *g[2];
    double key[1024];
    struct work k;
    work_new(&k, b, len);
    state_case(b, &k);
    for (uint32_t r = 0; r < sq->n_ring; r++) {
        size_t n = (size_t)b->n * ring_width(r), at = r ? ring_floats(0) : 0;
        u[r] = cuda_floats(n, 2);
        g[r] = cuda_floats(n, 3);
        q->ring[r].u = cuda_put(u[r], n * 4);
        q->ring[r].g = cuda_put(g[r], n * 4);
        for (uint32_t t = 0; t < b->n; t++) {
            double *s = q->want + (size_t)b->seq[t] * COPIES * q->each;
            size_t cell = b->seq[t] * PAGES * WEIR_PAGE + k.cell[t] / sq->ratio;
            if (squeeze_token(r, k.cell[t], u[r] + (size_t)t * ring_width(r),
                              g[r] + (size_t)t * ring_width(r), q->place[r], q->norm[r], q->freq,
                              s + at, key))
                memcpy(q->keys[r] + cell * sq->length[r], key, sq->length[r] * sizeof *key);
            for (size_t i = at; b->mark[t] && i < at + ring_floats(r); i++)
                if (!isnan(s[i])) /* slots not yet written are not copied */
                    s[b->mark[t] * q->each + i] = s[i];
        }
    }
    struct weir_compress_args a = {.ring = {q->ring[0], q->ring[1]},
                                   .order = order_of(&k, b),
                                   .states = {NULL, q->each, k.d_slot, k.d_mark},
                                   .seq = k.d_seq,
                                   .cell = k.d_cell,
                                   .freq = q->d_freq,
                                   .eps = 1e-6f,
                                   .n_rot = sq->n_rot,
                                   .ratio = sq->ratio,
                                   .size = ring_size()};
    for (uint32_t r = 0; r < sq->n_ring; r++) { /* pages, too */
        uintptr_t page = (uintptr_t)WEIR_PAGE * sq->length[r] * (sq->f32 ? 4 : 2);
        a.ring[r].state = far_states(a.ring[r].state, q->each);
        if (far_slot)
            a.ring[r].pages = (void *)((uintptr_t)a.ring[r].pages - FAR_PAGES * page);
    }
    eng_cuda_compress(dev, &a, sq->n_ring, sq->f32);
    check_states(q->ring[0].state, q->want, q->each, "ring");
    for (uint32_t r = 0; r < sq->n_ring; r++) {
        size_t n = (size_t)SEQS * PAGES * WEIR_PAGE * sq->length[r];
        uint8_t *got = malloc(n * 4);
        cuda_get(got, q->ring[r].pages, n * (sq->f32 ? 4 : 2));
        for (size_t i = 0; i < n; i++) {
            _Float16 h;
            float x;
            memcpy(&h, got + 2 * i, sizeof h);
            x = (float)h;
            if (sq->f32)
                memcpy(&x, got + 4 * i, sizeof x);
            if (isnan(q->keys[r][i]))
                assert_true(isnan(x));
            else
                cuda_near(x, (float)q->keys[r][i], sq->f32 ? 1e-5f : 4e-3f, "key", i);
        }
        free(got);
        cuda_drop(q->ring[r].u);
        cuda_drop(q->ring[r].g);
        free(u[r]);
        free(g[r]);
    }
    work_free(&k);
}

static void squeezed_new(struct squeezed *q)
{
    int32_t table[SEQS * PAGES];
    memset(q, 0, sizeof *q);
    q->each = ring_floats(0) + (sq->n_ring > 1 ? ring_floats(1) : 0) + 3;
    size_t n = (size_t)SEQS * COPIES * q->each;
    float *empty = nans(n), *state = cuda_put(empty, n * 4);
    q->want = malloc(n * sizeof *q->want);
    for (size_t i = 0; i < n; i++)
        q->want[i] = NAN;
    for (int i = 0; i < SEQS * PAGES; i++)
        table[i] = (far_slot ? FAR_PAGES : 0) + i; /* keys[] has them in the order of cells */
    q->freq = malloc(sq->n_rot / 2 * sizeof *q->freq);
    for (uint32_t i = 0; i < sq->n_rot / 2; i++)
        q->freq[i] = powf(10000, -2.0f * (float)i / (float)sq->n_rot);
    q->d_freq = cuda_put(q->freq, sq->n_rot / 2 * 4);
    for (uint32_t r = 0; r < sq->n_ring; r++) {
        size_t cells = (size_t)SEQS * PAGES * WEIR_PAGE * sq->length[r];
        float *none = nans(cells);
        q->place[r] = cuda_floats((size_t)sq->ratio * ring_width(r), 1);
        q->norm[r] = cuda_floats(sq->length[r], 1);
        q->keys[r] = malloc(cells * sizeof(double));
        for (size_t i = 0; i < cells; i++)
            q->keys[r][i] = NAN;
        q->ring[r] = (struct weir_ring){
            .place = cuda_put(q->place[r], (size_t)sq->ratio * ring_width(r) * 4),
            .norm = cuda_put(q->norm[r], sq->length[r] * 4),
            .state = state + (r ? ring_floats(0) : 0),
            .pages = cuda_put(NULL, cells * (sq->f32 ? 4 : 2)),
            .table = cuda_put(table, sizeof table),
            .stride = PAGES,
            .length = sq->length[r],
            .width = ring_width(r)};
        eng_cuda_fill(dev, q->ring[r].pages, 0xff, cells * (sq->f32 ? 4 : 2)); /* NaN */
        free(none);
    }
    free(empty);
}

static void squeeze(void)
{
    struct squeezed q;
    uint32_t len[SEQS] = {0};
    squeezed_new(&q);
    for (size_t i = 0; i < n_list; i++)
        squeeze_batch(&q, &list[i], len);
    struct batch b = {.n = 80};
    for (uint32_t t = 0; t < 80; t++) /* longer than a ring, twice; then one by one */
        b.mark[t] = t == 40 ? 1 : t == 79 ? 2 : 0;
    squeeze_batch(&q, &b, len);
    squeeze_batch(&q, &b, len);
    for (b.n = 1; len[0] % 9; b.mark[0] = 0)
        squeeze_batch(&q, &b, len);
    for (uint32_t r = 0; r < sq->n_ring; r++) {
        const void *drop[] = {q.ring[r].place, q.ring[r].norm, q.ring[r].pages, q.ring[r].table};
        for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
            cuda_drop(drop[i]);
        free(q.place[r]);
        free(q.norm[r]);
        free(q.keys[r]);
    }
    cuda_drop(q.ring[0].state);
    cuda_drop(q.d_freq);
    free(q.freq);
    free(q.want);
}

static void compressed_keys(void **state)
{
    static const struct squeeze all[] = {{4, {64, 32}, 2, 16, true},
                                         {4, {40, 36}, 2, 8, false},
                                         {128, {48}, 1, 16, true},
                                         {16, {300}, 1, 64, true}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        sq = &all[i];
        cuda_seeds(i < 2 ? 3 : 1, squeeze);
        if (i < 2)
            grown(squeeze);
    }
    struct weir_compress_args none = {.ring = {{.length = 16, .width = 32}}, .ratio = 4, .size = 8};
    eng_cuda_compress(dev, &none, 1, true);
    eng_cuda_compress(dev, &none, 1, false);
    cuda_case_none("weir_compress_f32");
    cuda_case_none("weir_compress_f16");
    cuda_case_none("weir_compress_ring");
}

static void turned_back_of(uint32_t N)
{
    enum { MOST = 64, HEADS = 6, DIM = 20, ROT = 8, GROUPS = 3, EACH = HEADS / GROUPS };
    float *x = cuda_floats(MOST * HEADS * DIM, 1), *cs = cuda_floats(MOST * ROT, 1);
    static float got[MOST * HEADS * DIM];
    cuda_case(N, "ragged");
    struct weir_turn_back_args a = {.x = cuda_put(x, sizeof got),
                                    .cs = cuda_put(cs, N * ROT * 4),
                                    .y = cuda_put(NULL, sizeof got),
                                    .n_tok = N,
                                    .n_head = HEADS,
                                    .n_dim = DIM,
                                    .n_rot = ROT,
                                    .n_group = GROUPS};
    eng_cuda_turn_back(dev, &a);
    cuda_get(got, a.y, sizeof got);
    for (size_t t = 0; t < N; t++)
        for (size_t h = 0; h < HEADS; h++)
            for (size_t i = 0; i < DIM; i++) {
                const float *u = x + (t * HEADS + h) * DIM, *c = cs + t * ROT;
                size_t e = i - (DIM - ROT);
                float want = u[i];
                if (i >= DIM - ROT)
                    want = e % 2 ? u[i] * c[e - 1] - u[i - 1] * c[e]
                                 : u[i] * c[e] + u[i + 1] * c[e + 1];
                size_t at = ((h / EACH * N + t) * EACH + h % EACH) * DIM + i;
                cuda_near(got[at], want, 1e-6f, "turned", at);
            }
    cuda_drop(a.x);
    cuda_drop(a.cs);
    cuda_drop(a.y);
    free(x);
    free(cs);
}

static void turned_back(void)
{
    static const uint32_t some[] = {5, 1, 2, 3, 8, 9, 16, 33, 64, 0};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        turned_back_of(some[i]);
    cuda_case_none("weir_turn_back");
}

static void outputs_turned_back(void **state)
{
    (void)state;
    cuda_seeds(5, turned_back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders),          cmocka_unit_test(chunks),
        cmocka_unit_test(delta_rule),      cmocka_unit_test(delta_prompts),
        cmocka_unit_test(compressed_keys), cmocka_unit_test(outputs_turned_back)};
    return cuda_run(tests);
}

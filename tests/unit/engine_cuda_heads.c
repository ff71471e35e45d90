/* Goal: heads are normed, turned, scaled and put into pages on the device as the forward pass says,
 * for every way in which some family does it; a page write touches its own cell and no other.
 * Method: the same steps in doubles; pages filled with a pattern that must stay wherever no token
 * of the batch stands; several schedules.
 */
#include "tests/unit/engine_cuda_util.h"

#include "engine/cuda/heads.h"

#define TOKENS 64 /* at most; 7 but where the number is the subject */
#define SEQS   3
#define STRIDE 4
#define PAGES  9
#define ROT    12
#define EPS    1e-5f

/* One kind of heads; x_gap: elements between one head and the next in what the matrix gave. */
struct kind {
    uint32_t n_head, n, norm, n_norm;
    bool weights, turn, last; /* turn: ROT elements, the first or the last */
    bool post, temp, pages, in_place;
    uint32_t cut, x_gap;
};

struct test {
    const char *name;
    struct kind q, k, v;
    bool neox, f32, v_is_k;
};

static const struct test *now;
static uint32_t n_tok = 7;
static bool distant;      /* pages stand 2^33 bytes and more behind the beginning of the pool */
#define DISTANT (1 << 23) /* pages */
static uint32_t seq[TOKENS] = {2, 0, 1, 1, 1, 0, 2}, cell[TOKENS] = {63, 0, 64, 65, 66, 1, 64};
static uint32_t base[SEQS] = {0, 8000, 500};
/* Of sequence 2 the second page is not there: its last token is stored nowhere. */
static int32_t table[SEQS * STRIDE] = {5, -1, -1, -1, 0, 8, -1, -1, 3, -1, -1, -1};

static double rms(const double *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return 1 / sqrt(sum / n + (double)EPS);
}

static void norm(const struct kind *p, const float *w, const float *bias, double *x)
{
    if (p->norm == WEIR_NORM_ALL) {
        double by = rms(x, p->n_head * p->n);
        for (uint32_t i = 0; i < p->n_head * p->n; i++)
            x[i] *= by * (double)w[i];
        return;
    }
    for (uint32_t h = 0; h < p->n_head; h++) {
        double *y = x + h * p->n, mean = 0, var = 0;
        if (p->norm == WEIR_NORM_HEAD) {
            double by = rms(y, p->n_norm);
            for (uint32_t i = 0; i < p->n_norm; i++)
                y[i] *= by * (w ? (double)w[i] : 1);
        } else if (p->norm == WEIR_NORM_LAYER) {
            for (uint32_t i = 0; i < p->n; i++)
                mean += y[i] / p->n;
            for (uint32_t i = 0; i < p->n; i++)
                var += (y[i] - mean) * (y[i] - mean) / p->n;
            for (uint32_t i = 0; i < p->n; i++)
                y[i] = (y[i] - mean) / sqrt(var + 1e-6) * (double)w[i] + (double)bias[i];
        }
    }
}

static void turn(const struct kind *p, bool neox, const float *cs, double *x)
{
    for (uint32_t h = 0; h < p->n_head; h++)
        for (uint32_t i = 0; i < ROT / 2; i++) {
            double *y = x + h * p->n + (p->last ? p->n - ROT : 0), c = (double)cs[2 * i];
            double s = (double)cs[2 * i + 1], *a = y + (neox ? i : 2 * i);
            double *b = a + (neox ? ROT / 2 : 1), a0 = *a, b0 = *b;
            *a = a0 * c - b0 * s;
            *b = a0 * s + b0 * c;
        }
}

/* All heads of token t, as they should come out. */
static void textbook(const struct kind *p, uint32_t t, const float *x, const float *w,
                     const float *bias, const float *cs, bool neox, double *out)
{
    for (uint32_t i = 0; i < p->n_head * p->n; i++)
        out[i] = (double)
            x[(size_t)t * p->n_head * (p->n + p->x_gap) + i / p->n * (p->n + p->x_gap) + i % p->n];
    norm(p, w, bias, out);
    if (p->turn)
        turn(p, neox, cs + t * ROT, out);
    for (uint32_t h = 0; h < p->n_head; h++) {
        double by = p->post ? rms(out + h * p->n, p->n) : 1;
        if (p->temp)
            by *= 1 + 0.1 * log(floor((base[seq[t]] + cell[t] + 1) / 512.0) + 1);
        for (uint32_t i = 0; i < p->n; i++)
            out[h * p->n + i] *= by;
    }
}

/* A kind on host and device. */
struct side {
    float *x, *w, *bias;
    struct weir_head_kind d;
    size_t n_x, n_pages;
};

static uintptr_t far_bytes(const struct kind *p, bool f32)
{
    return (uintptr_t)DISTANT * p->n_head * WEIR_PAGE * p->n * (f32 ? 4 : 2);
}

static void side_new(struct side *s, const struct kind *p, const struct side *share, bool f32)
{
    memset(s, 0, sizeof *s);
    if (!p->n_head)
        return;
    s->n_x = (size_t)TOKENS * p->n_head * (p->n + p->x_gap);
    s->x = cuda_floats(s->n_x, 2);
    if (share)
        memcpy(s->x, share->x, s->n_x * sizeof *s->x);
    s->w = p->weights ? cuda_floats((size_t)p->n_head * p->n, 1) : NULL;
    s->bias = cuda_floats(p->n, 1);
    float *x = share ? (float *)(uintptr_t)share->d.x : cuda_put(s->x, s->n_x * sizeof *s->x);
    uint32_t cut = p->cut ? p->cut : p->n;
    s->d = (struct weir_head_kind){
        .x = x,
        .w = s->w ? cuda_put(s->w, (size_t)p->n_head * p->n * sizeof(float)) : NULL,
        .bias = cuda_put(s->bias, p->n * sizeof(float)),
        .x_token = (uint64_t)p->n_head * (p->n + p->x_gap),
        .x_head = p->n + p->x_gap,
        .n_head = p->n_head,
        .n = p->n,
        .norm = p->norm,
        .n_norm = p->n_norm,
        .n_rot = p->turn ? ROT : 0,
        .rot_at = p->last ? p->n - ROT : 0,
        .post_norm = p->post,
        .temp = p->temp,
        .cut = cut};
    if (p->pages) {
        s->n_pages = (size_t)PAGES * p->n_head * WEIR_PAGE * p->n * (f32 ? 4 : 2);
        s->d.pages = cuda_put(NULL, s->n_pages);
        eng_cuda_fill(dev, s->d.pages, 0x33, s->n_pages);
        if (distant)
            s->d.pages = (void *)((uintptr_t)s->d.pages - far_bytes(p, f32));
    } else if (p->in_place) {
        s->d.out = x;
        s->d.out_token = s->d.x_token;
        s->d.out_head = s->d.x_head;
    } else { /* the first part by heads, what is behind the cut by tokens */
        s->d.out = cuda_put(NULL, (size_t)TOKENS * p->n_head * cut * sizeof(float));
        s->d.out_token = cut;
        s->d.out_head = (uint64_t)TOKENS * cut;
    }
    if (cut < p->n) {
        s->d.out_2 = cuda_put(NULL, (size_t)TOKENS * p->n_head * (p->n - cut) * sizeof(float));
        s->d.out_2_token = (uint64_t)p->n_head * (p->n - cut);
        s->d.out_2_head = p->n - cut;
    }
}

static void check_pages(const struct side *s, const struct kind *p, uint32_t t, const double *want,
                        uint8_t *pages, bool f32)
{
    int32_t page = table[seq[t] * STRIDE + cell[t] / WEIR_PAGE];
    size_t each = f32 ? 4 : 2;
    for (uint32_t h = 0; page >= 0 && h < p->n_head; h++)
        for (uint32_t i = 0; i < p->n; i++) {
            size_t at = (((size_t)page * p->n_head + h) * WEIR_PAGE + cell[t] % WEIR_PAGE) * p->n;
            float got;
            if (f32) {
                memcpy(&got, pages + (at + i) * each, each);
            } else {
                _Float16 x;
                memcpy(&x, pages + (at + i) * each, each);
                got = (float)x;
            }
            float y = (float)want[h * p->n + i];
            cuda_near(got, y, f32 ? 2e-5f : 2e-5f + fabsf(y) * 6e-4f, now->name, at + i);
            memset(pages + (at + i) * each, 0x33, each); /* seen */
        }
    (void)s;
}

static void check(struct side *s, const struct kind *p, const float *cs)
{
    if (!p->n_head)
        return;
    uint32_t cut = p->cut ? p->cut : p->n;
    size_t n = (size_t)TOKENS * p->n_head * (p->n + p->x_gap);
    float *out = malloc(n * sizeof *out), *out_2 = malloc(n * sizeof *out_2);
    double *want = malloc((size_t)p->n_head * p->n * sizeof *want);
    uint8_t *pages = malloc(s->n_pages + 1);
    if (s->d.out)
        cuda_get(out, s->d.out, (p->in_place ? n : (size_t)TOKENS * p->n_head * cut) * sizeof *out);
    if (s->d.out_2)
        cuda_get(out_2, s->d.out_2, (size_t)TOKENS * p->n_head * (p->n - cut) * sizeof *out);
    if (s->d.pages && distant)
        s->d.pages = (void *)((uintptr_t)s->d.pages + far_bytes(p, now->f32));
    if (s->d.pages)
        cuda_get(pages, s->d.pages, s->n_pages);
    for (uint32_t t = 0; t < n_tok; t++) {
        textbook(p, t, s->x, s->w, s->bias, cs, now->neox, want);
        for (uint32_t h = 0; h < p->n_head; h++)
            for (uint32_t i = 0; i < p->n; i++) {
                float y = (float)want[h * p->n + i];
                if (s->d.out && i < cut)
                    cuda_near(out[t * s->d.out_token + h * s->d.out_head + i], y, 2e-5f, now->name,
                              i);
                if (s->d.out_2 && i >= cut)
                    cuda_near(out_2[t * s->d.out_2_token + h * s->d.out_2_head + i - cut], y, 2e-5f,
                              now->name, i);
            }
        if (s->d.pages)
            check_pages(s, p, t, want, pages, now->f32);
    }
    for (size_t i = 0; s->d.pages && i < s->n_pages; i++)
        assert_int_equal(pages[i], 0x33);
    free(out);
    free(out_2);
    free(want);
    free(pages);
}

static void side_free(struct side *s, bool shared)
{
    const void *p[] = {shared ? NULL : s->d.x,
                       s->d.w,
                       s->d.bias,
                       s->d.pages,
                       s->d.out_2,
                       s->d.out == s->d.x ? NULL : s->d.out};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        if (p[i])
            cuda_drop(p[i]);
    free(s->x);
    free(s->w);
    free(s->bias);
}

static void run(void)
{
    float cs[TOKENS * ROT];
    int32_t pages[SEQS * STRIDE];
    struct side q, k, v;
    for (size_t i = 0; i < SEQS * STRIDE; i++)
        pages[i] = table[i] < 0 || !distant ? table[i] : table[i] + DISTANT;
    cuda_case(n_tok,
              n_tok > 1 ? distant ? "ragged first edge far" : "ragged first edge" : "ragged first");
    for (size_t i = 0; i < TOKENS * ROT; i += 2) {
        float angle = cuda_rndf() * 4;
        cs[i] = cosf(angle) * 1.25f;
        cs[i + 1] = sinf(angle) * 1.25f;
    }
    side_new(&q, &now->q, NULL, now->f32);
    side_new(&k, &now->k, NULL, now->f32);
    side_new(&v, &now->v, now->v_is_k ? &k : NULL, now->f32);
    struct weir_heads_args a = {.q = q.d,
                                .k = k.d,
                                .v = v.d,
                                .cs = cuda_put(cs, sizeof cs),
                                .seq = cuda_put(seq, sizeof seq),
                                .cell = cuda_put(cell, sizeof cell),
                                .base = cuda_put(base, sizeof base),
                                .table = cuda_put(pages, sizeof pages),
                                .stride = STRIDE,
                                .neox = now->neox,
                                .eps = EPS,
                                .layer_eps = 1e-6f,
                                .temp_scale = 0.1f,
                                .temp_length = 512,
                                .temp_offset = 1};
    eng_cuda_heads(dev, &a, n_tok, now->f32);
    check(&q, &now->q, cs);
    check(&k, &now->k, cs);
    check(&v, &now->v, cs);
    side_free(&q, false);
    side_free(&k, false);
    side_free(&v, now->v_is_k);
    const void *drop[] = {a.cs, a.seq, a.cell, a.base, a.table};
    for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
        cuda_drop(drop[i]);
}

#define HEAD WEIR_NORM_HEAD
static const struct test all[] = {
    {"norm of heads, halves, pairs apart",
     {9, 32, HEAD, 32, .weights = true, .turn = true, .in_place = true},
     {3, 32, HEAD, 32, .weights = true, .turn = true, .pages = true},
     {3, 32, .pages = true},
     .neox = true},
    {"no norm, floats, pairs adjacent, gates between queries",
     {5, 20, .turn = true, .x_gap = 20},
     {5, 20, .turn = true, .pages = true},
     {5, 20, .pages = true},
     .f32 = true},
    {"norm of all heads",
     {6, 24, WEIR_NORM_ALL, .weights = true, .turn = true},
     {2, 24, WEIR_NORM_ALL, .weights = true, .turn = true, .pages = true},
     {2, 24, .pages = true},
     .neox = true,
     .f32 = true},
    {"latent: the key's first part normed, its last turned; queries cut",
     {8, 44, .turn = true, .last = true, .cut = 32, .temp = true},
     {1, 76, HEAD, 64, .weights = true, .turn = true, .last = true, .pages = true},
     .f32 = true},
    {"norms behind the rotation, temperature",
     {4, 64, .turn = true, .post = true, .temp = true, .in_place = true},
     {4, 64, .turn = true, .post = true, .pages = true},
     {4, 64, .pages = true},
     .f32 = false},
    {"values are keys, normed without weights",
     {4, 32, HEAD, 32, .weights = true, .turn = true},
     {2, 32, HEAD, 32, .weights = true, .turn = true, .pages = true},
     {2, 32, HEAD, 32, .pages = true},
     .neox = true,
     .f32 = true,
     .v_is_k = true},
    {.name = "keys of an earlier layer",
     .q = {7, 130, HEAD, 130, .weights = true, .in_place = true}},
    {"indexer",
     {6, 40, .turn = true, .in_place = true},
     {1, 40, WEIR_NORM_LAYER, .weights = true, .turn = true, .pages = true},
     .neox = true,
     .f32 = true},
    {.name = "compressing: queries normed without weights, last part turned",
     .q = {8, 512, HEAD, 512, .turn = true, .last = true, .in_place = true},
     .k = {1, 512, HEAD, 512, .weights = true, .turn = true, .last = true, .pages = true}},
    {.name = "no positions",
     .q = {3, 2, .in_place = true},
     .k = {1, 2, .pages = true},
     .v = {1, 6, .pages = true}},
};

static void heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        now = &all[i];
        cuda_seeds(5, run);
    }
}

/* From no token to 64, of three sequences; and pages far behind the beginning of the pool. */
static void numbers(void **state)
{
    static const uint32_t some[] = {0, 1, 2, 3, 8, 9, 16, 33, 64};
    (void)state;
    for (uint32_t t = 7; t < TOKENS; t++) { /* sequence 0 from cell 2 on, sequence 1 from 67 */
        seq[t] = t % 2;
        cell[t] = t % 2 ? 67 + (t - 7) / 2 : 2 + (t - 8) / 2;
    }
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        for (size_t k = 0; k < 4; k++) {
            now = &all[k];
            n_tok = some[i];
            if (n_tok == 1) { /* a first token, alone */
                seq[0] = 0;
                cell[0] = 0;
            }
            run();
            seq[0] = 2;
            cell[0] = 63;
        }
    cuda_case_none("weir_heads_f32");
    cuda_case_none("weir_heads_f16");
    n_tok = 7;
    distant = true;
    for (size_t k = 0; k < 2; k++) {
        now = &all[k];
        run();
    }
    distant = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(heads), cmocka_unit_test(numbers)};
    return cuda_run(tests);
}

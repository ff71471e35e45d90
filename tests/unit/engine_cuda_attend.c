/* Goal: attention on the device gives what the textbook gives, whatever the lengths of heads, the
 * place where a sequence ends in its last page, windows, chunks, lists, sinks, gates and batch; it
 * touches no cell that a token does not see; a token's result does not depend on its batch.
 * Method: shapes one by one against doubles, on a cache in which every other cell is NaN and every
 * other page is not there; several schedules.
 */
#include "tests/unit/engine_cuda_attend.h"

static const struct shape *now;
static void now_test(void)
{
    check_shape(now);
}

static void seeds(const struct shape *s, unsigned n)
{
    now = s;
    cuda_seeds(n, now_test);
}

/* ---- lengths ---- */

static void lengths_of_halves(void **state)
{
    static const uint32_t dims[][2] = {{16, 16},   {24, 24},   {40, 40},   {64, 64},   {72, 72},
                                       {80, 80},   {96, 96},   {112, 112}, {128, 128}, {192, 128},
                                       {256, 256}, {512, 512}, {64, 96}};
    (void)state;
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (int few = 0; few < 2; few++) {
            struct shape s = {.name = "halves",
                              .n_head_kv = 2,
                              .group = few ? 3 : 2,
                              .n_dim = dims[i][0],
                              .n_vdim = dims[i][1],
                              .own = true,
                              .by_head = i % 2,
                              .run = {{few ? 66 : 20, few ? 1 : 23}, {few ? 4 : 0, 1}}};
            check_shape(&s);
        }
}

static void lengths_by_plain_sums(void **state)
{
    static const struct {
        uint32_t n_dim, n_vdim;
        bool f32, own;
    } dims[] = {{16, 16, true, true},    {2, 2, true, true},      {18, 18, true, true},
                {20, 20, true, true},    {64, 64, true, true},    {128, 128, true, true},
                {192, 128, true, true},  {256, 256, true, true},  {576, 512, true, true},
                {512, 512, true, true},  {576, 512, true, false}, {12, 12, false, true},
                {20, 20, false, true},   {100, 100, false, true}, {36, 28, false, false},
                {260, 260, false, true}, {516, 508, false, true}, {130, 130, false, true}};
    (void)state;
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (int few = 0; few < 2; few++) {
            struct shape s = {.name = "plain sums",
                              .n_head_kv = 2,
                              .group = 2,
                              .n_dim = dims[i].n_dim,
                              .n_vdim = dims[i].n_vdim,
                              .own = dims[i].own,
                              .f32 = dims[i].f32,
                              .run = {{few ? 66 : 20, few ? 1 : 19}, {few ? 4 : 0, 1}}};
            check_shape(&s);
        }
}

static void latent(void **state)
{
    static const struct shape all[] = {
        {"one token, 20 heads", 1, 20, 576, 512, .run = {{70, 1}, {0, 1}}},
        {"one token, 8 heads", 1, 8, 576, 512, .run = {{70, 1}, {31, 1}}},
        {"a prompt", 1, 6, 576, 512, .by_head = true, .run = {{3, 21}}},
        {"128 heads", 1, 128, 80, 64, .by_head = true, .run = {{64, 1}, {5, 3}}}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_shape(&all[i]);
}

/* ---- cells ---- */

static void ends_of_pages(void **state)
{
    static const uint32_t ends[] = {1, 2, 63, 64, 65, 127, 128, 129, 191, 256, 257};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (int f32 = 0; f32 < 2; f32++) {
            struct shape s = {.name = "ends",
                              .n_head_kv = 2,
                              .group = 2,
                              .n_dim = 32,
                              .n_vdim = 32,
                              .own = true,
                              .f32 = f32,
                              .sinks = i % 2,
                              .chunk = 64,
                              .run = {{ends[i] - 1, 1}}};
            check_shape(&s);
            s.run[0].from = 0; /* and all of them as a prompt */
            s.run[0].n = ends[i];
            check_shape(&s);
        }
}

static void many_pages(void **state)
{
    static const struct shape all[] = {
        {"long", 2, 4, 64, 64, .own = true, .sinks = true, .run = {{3000, 1}, {2047, 2}, {9, 1}}},
        {"long, floats", 1, 2, 32, 32, .own = true, .f32 = true, .run = {{3001, 1}, {1023, 1}}},
        {"long, gated", 1, 4, 32, 32, .own = true, .gate = true, .run = {{1500, 1}, {700, 40}}},
        {"long, gated floats", 1, 2, 32, 32, .own = true, .f32 = true, .gate = true,
         .run = {{1500, 1}, {300, 20}}}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_shape(&all[i]);
}

static void windows(void **state)
{
    static const struct shape all[] = {
        {"window", 2, 4, 64, 64, .own = true, .sinks = true, .window = 128,
         .run = {{500, 1}, {127, 1}, {128, 1}, {191, 1}, {192, 1}, {60, 3}}},
        {"window of a prompt", 1, 8, 64, 64, .own = true, .sinks = true, .window = 37,
         .run = {{250, 70}, {0, 45}}},
        {"window, floats", 1, 2, 20, 20, .own = true, .f32 = true, .sinks = true, .window = 37,
         .run = {{250, 40}, {200, 1}, {36, 1}, {37, 1}}},
        {"window of one", 1, 2, 32, 32, .own = true, .window = 1, .run = {{130, 1}, {64, 20}}},
        {"window longer than all", 1, 2, 32, 32, .own = true, .window = 4096, .run = {{99, 1}}},
        {"window over parts", 1, 2, 32, 32, .own = true, .window = 200, .chunk = 64,
         .run = {{700, 1}, {255, 2}, {320, 1}}}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_shape(&all[i]);
}

static void chunks_of_positions(void **state)
{
    static const struct shape all[] = {{"chunks", 2, 4, 64, 64, .own = true, .chunk_pos = 128,
                                        .run = {{500, 1}, {127, 1}, {128, 1}, {60, 80}}},
                                       {"chunks, floats", 2, 2, 24, 24, .own = true, .f32 = true,
                                        .chunk_pos = 50, .chunk = 64,
                                        .run = {{500, 1}, {49, 1}, {50, 3}, {60, 80}}}};
    (void)state;
    for (int i = 0; i < 4; i++) /* the first position is random */
        check_shape(&all[i % 2]);
}

static void lists(void **state)
{
    static const struct shape all[] = {
        {"lists", 1, 20, 80, 64, .pick_near = 48, .run = {{700, 1}, {30, 20}, {47, 1}, {200, 2}}},
        {"lists, few heads", 1, 4, 576, 512, .pick_near = 70, .chunk = 64, .run = {{300, 1}}},
        {"lists, floats", 1, 4, 36, 32, .f32 = true, .pick_near = 33, .run = {{300, 2}, {5, 1}}}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_shape(&all[i]);
}

static void far_cells(void **state)
{
    static const struct shape all[] = {
        {"far, picked", 1, 16, 64, 64, .window = 32, .ratio = 4, .pick_far = 24, .sinks = true,
         .run = {{600, 1}, {2, 1}, {3, 20}, {300, 2}}},
        {"far, all", 1, 8, 128, 128, .window = 32, .ratio = 128, .sinks = true,
         .run = {{1290, 1}, {126, 1}, {127, 1}, {120, 20}}},
        {"far, all, in parts", 1, 24, 64, 64, .window = 100, .ratio = 4, .sinks = true, .chunk = 64,
         .run = {{1030, 1}, {62, 1}, {255, 1}}},
        {"far, floats", 1, 4, 40, 40, .f32 = true, .window = 32, .ratio = 4, .pick_far = 9,
         .chunk = 64, .sinks = true, .run = {{200, 1}, {1, 1}, {30, 20}}}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_shape(&all[i]);
}

/* ---- batches ---- */

static void batches(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 5, 8, 16, 33, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t n = sizes[i];
        struct shape s = {.name = "batch",
                          .n_head_kv = 2,
                          .group = 4,
                          .n_dim = 32,
                          .n_vdim = 32,
                          .own = true,
                          .f32 = n % 2};
        for (uint32_t r = 0; r < n; r++) {
            s.run[r].from = cuda_rnd() % 200;
            s.run[r].n = 1 + (cuda_rnd() % 3 == 0) * (cuda_rnd() % (n > 8 ? 8 : 30));
        }
        check_shape(&s);
    }
}

/* Lengths that each have a kernel of their own, as halves and as floats: single tokens of so many
 * sequences, a first token alone, prompts that end at pages' ends, and pages far away. */
static void every_kernel(void **state)
{
    static const struct {
        uint32_t n_dim, n_vdim;
        bool own, f32;
    } kernels[] = {{64, 64, true, false}, {256, 256, true, false}, {576, 512, false, false},
                   {40, 40, true, true},  {200, 200, true, true},  {300, 300, true, true},
                   {44, 44, true, false}, {132, 132, true, false}, {260, 260, true, false}};
    static const uint32_t some[] = {1, 2, 3, 8, 16, 33, 64};
    (void)state;
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        struct shape s = {.name = "every kernel",
                          .n_head_kv = 1,
                          .group = 3,
                          .n_dim = kernels[k].n_dim,
                          .n_vdim = kernels[k].n_vdim,
                          .own = kernels[k].own,
                          .f32 = kernels[k].f32,
                          .chunk = 64};
        for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
            memset(s.run, 0, sizeof s.run);
            for (uint32_t r = 0; r < some[i]; r++) {
                s.run[r].from = r % 4 == 0 ? 0 : r % 4 == 1 ? 63 : r % 4 == 2 ? 64 : 128 + r;
                s.run[r].n = 1;
            }
            check_shape(&s);
        }
        memset(s.run, 0, sizeof s.run);
        for (uint32_t r = 0; r < 3; r++) { /* up to a page's end, and a cell on */
            s.run[r].from = r * 40;
            s.run[r].n = r == 0 ? 64 : 25 - r % 2;
        }
        check_shape(&s);
        for (size_t i = 3; i < sizeof some / sizeof *some; i++) { /* one prompt of so many */
            memset(s.run, 0, sizeof s.run);
            s.run[0].n = some[i];
            check_shape(&s);
        }
        memset(s.run, 0, sizeof s.run);
        s.distant = true;
        s.run[0].from = 70;
        s.run[0].n = 1;
        s.run[1].from = 50;
        s.run[1].n = 20;
        check_shape(&s);
    }
}

/* No tile, no launch. */
static void nobody(void **state)
{
    static const char *const names[] = {
        "weir_attend_mma_16x128", "weir_attend_mma_16x256", "weir_attend_mma_16x512",
        "weir_attend_mma_64x128", "weir_attend_mma_64x256", "weir_attend_mma_32x512",
        "weir_attend_f32_128",    "weir_attend_f32_256",    "weir_attend_f32_512",
        "weir_attend_f16_128",    "weir_attend_f16_256",    "weir_attend_f16_512",
        "weir_attend_join"};
    (void)state;
    for (int i = 0; i < 6; i++) {
        uint32_t n = i % 3 == 0 ? 64 : i % 3 == 1 ? 256 : 512;
        struct eng_cuda_attend p = {.a = {.n_head_kv = 1,
                                          .group = 4,
                                          .n_dim = i < 3 ? n : n - 1,
                                          .n_vdim = i < 3 ? n : n - 1,
                                          .chunk = 64},
                                    .f32 = i >= 3,
                                    .n_cells = 300};
        eng_cuda_attend(dev, &p);
    }
    float y;
    float *x = cuda_put(&(float){7}, 4);
    cuda_get(&y, x, 4); /* nothing went wrong */
    cuda_near(y, 7, 0, "y", 0);
    cuda_drop(x);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cuda_case_none(names[i]);
}

static void distant_pages(void **state)
{
    static const struct shape all[] = {
        {"distant", 2, 4, 64, 64, .own = true, .distant = true, .run = {{100, 1}, {30, 20}}},
        {"distant, floats", 2, 4, 32, 32, .own = true, .f32 = true, .distant = true,
         .run = {{100, 1}, {30, 20}}}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_shape(&all[i]);
}

static void same_bits_in_any_batch(void **state)
{
    static const struct shape alone[] = {
        {"alone", 2, 4, 64, 64, .own = true, .sinks = true, .chunk = 64, .run = {{333, 1}}},
        {"alone", 1, 4, 20, 20, .own = true, .f32 = true, .chunk = 64, .run = {{333, 1}}},
        {"alone", 2, 4, 64, 64, .own = true, .run = {{300, 40}}}};
    (void)state;
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) {
        struct world w;
        world_new(&w, &alone[i]);
        uint32_t n = w.n;
        size_t row = (size_t)w.n_head * w.s->n_vdim;
        next_way = i % 2 ? BY_LAST : BY_LAUNCH; /* and the other below */
        float *one = on_device(&w);
        /* the same run again and again, with shorter cuts of it between */
        float *q = malloc((size_t)600 * w.q_token * sizeof *q), *before = w.q;
        uint32_t copies = n == 1 ? 64 : 5, at[64];
        w.n = 0;
        for (uint32_t c = 0; c < copies; c++) {
            uint32_t cut = n == 1 ? 1 : n - c % 2 * 20;
            at[c] = w.n;
            for (uint32_t t = 0; t < cut; t++, w.n++) {
                w.seq[w.n] = 0;
                w.cell[w.n] = alone[i].run[0].from + t;
                memcpy(q + w.n * w.q_token, before + t * w.q_token, w.q_token * sizeof *q);
            }
        }
        w.q = q;
        next_way = i % 2 ? BY_LAUNCH : BY_LAST;
        float *all = on_device(&w);
        for (uint32_t c = 0; c < copies; c++) {
            uint32_t cut = n == 1 ? 1 : n - c % 2 * 20;
            assert_memory_equal(all + at[c] * row, one, cut * row * sizeof *all);
        }
        w.q = before;
        free(q);
        free(one);
        free(all);
        world_free(&w);
    }
}

static void schedules(void **state)
{
    static const struct shape all[] = {
        {"seeds, few", 2, 4, 64, 64, .own = true, .sinks = true, .window = 100, .chunk = 64,
         .run = {{300, 1}, {63, 1}}},
        {"seeds, many", 1, 4, 96, 96, .own = true, .sinks = true, .run = {{60, 40}}},
        {"seeds, 256", 1, 4, 256, 256, .own = true, .run = {{40, 17}}},
        {"seeds, latent", 1, 20, 576, 512, .run = {{70, 1}}},
        {"seeds, floats", 1, 4, 36, 36, .own = true, .f32 = true, .sinks = true, .chunk = 64,
         .run = {{150, 1}, {33, 9}}}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        seeds(&all[i], 5);
}

/* ---- what the host decides ---- */

static void tiles(void **state)
{
    static const uint32_t seq[] = {3, 3, 3, 1, 0, 0, 0, 0, 0, 0, 2, 2, 5};
    static const uint32_t cell[] = {7, 8, 9, 4, 0, 1, 2, 3, 4, 5, 8, 10, 1};
    struct weir_tile t[13];
    uint32_t few;
    (void)state;
    /* group 4: runs of up to 4 tokens are few; a gap in the cells ends a run */
    assert_int_equal(eng_cuda_tiles(seq, cell, 13, 4, false, t, &few), 6);
    assert_int_equal(few, 5);
    static const struct weir_tile want[] = {{0, 3}, {3, 1}, {10, 1}, {11, 1}, {12, 1}, {4, 6}};
    assert_memory_equal(t, want, sizeof want);
    assert_int_equal(eng_cuda_tiles(seq, cell, 13, 4, true, t, &few), 13);
    assert_int_equal(few, 7);
    /* 30 heads a key head: two tokens a tile */
    assert_int_equal(eng_cuda_tiles(seq, cell, 13, 30, false, t, &few), 9);
    assert_int_equal(few, 4);
    assert_int_equal(eng_cuda_tiles(seq, cell, 0, 4, false, t, &few), 0);
    assert_int_equal(eng_cuda_attend_chunk(100), 64);
    assert_int_equal(eng_cuda_attend_chunk(1 << 20), 256);
    assert_non_null(eng_cuda_attend_cannot(1040, 16, true, true));
    assert_non_null(eng_cuda_attend_cannot(1024, 1024, true, false));
    assert_non_null(eng_cuda_attend_cannot(64, 128, false, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_of_halves),
        cmocka_unit_test(lengths_by_plain_sums),
        cmocka_unit_test(latent),
        cmocka_unit_test(ends_of_pages),
        cmocka_unit_test(many_pages),
        cmocka_unit_test(windows),
        cmocka_unit_test(chunks_of_positions),
        cmocka_unit_test(lists),
        cmocka_unit_test(far_cells),
        cmocka_unit_test(batches),
        cmocka_unit_test(every_kernel),
        cmocka_unit_test(nobody),
        cmocka_unit_test(distant_pages),
        cmocka_unit_test(same_bits_in_any_batch),
        cmocka_unit_test(schedules),
        cmocka_unit_test(tiles),
    };
    return cuda_run(tests);
}

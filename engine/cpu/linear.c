/* linear.c - the CPU's matrix products and what prepares their inputs.
 *
 * Runs on the caller's thread and the model's pool. Each product is cut into tasks that write
 * disjoint outputs, so results do not depend on the number of threads.
 */
#include "engine/cpu/table.h"

/* ---- matrix products ---- */

void eng_cpu_apply(const struct eng_model *m, const struct eng_mm *mm)
{
    if (mm->w->tiles)
        m->kernels->mm_tiles(mm);
    else
        m->kernels->mm_rows(mm);
    if (!mm->w->scale)
        return;
    for (uint32_t r = 0; r < mm->n_rows; r++)
        for (uint32_t o = mm->out0; o < mm->out1; o++)
            mm->y[r * mm->ldy + o] *= mm->w->scale[mm->mat];
}

/* Tiles per task: enough tasks to share out, few enough that a task is worth its claim, and with
 * many rows a weight block that stays in the second-level cache. */
uint32_t eng_cpu_tiles_per_task(const struct eng_model *m, uint64_t tiles, uint32_t n_rows)
{
    uint64_t per = tiles / (4 * (uint64_t)eng_pool_threads(m->pool)) + 1;
    if (n_rows > 8 && per > 8)
        per = 8;
    return (uint32_t)per;
}

struct linear_job {
    const struct eng_model *m;
    const struct eng_acts *a;
    uint32_t n_rows, per;
    uint32_t n;
    struct {
        const struct eng_weight *w;
        float *y;
        uint32_t tasks;
    } out[3];
};

static void linear_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct linear_job *j = ctx;
    (void)thread;
    uint32_t i = 0;
    while (task >= j->out[i].tasks)
        task -= j->out[i++].tasks;
    const struct eng_weight *w = j->out[i].w;
    uint32_t o0 = task * j->per * ENG_TILE, o1 = o0 + j->per * ENG_TILE;
    struct eng_mm mm = {.w = w,
                        .out0 = o0,
                        .out1 = o1 < w->n_out ? o1 : w->n_out,
                        .a = j->a,
                        .n_rows = j->n_rows,
                        .y = j->out[i].y,
                        .ldy = w->n_out};
    eng_cpu_apply(j->m, &mm);
}

static uint32_t tiles_of(const struct eng_weight *w)
{
    return (w->n_out + ENG_TILE - 1) / ENG_TILE;
}

void eng_cpu_linear(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows, uint32_t n,
                    const struct eng_weight *const *w, float *const *y)
{
    struct eng_model *m = f->m;
    struct linear_job j = {.m = m, .a = a, .n_rows = n_rows, .n = n};
    uint64_t tiles = 0;
    uint32_t tasks = 0;
    for (uint32_t i = 0; i < n; i++)
        tiles += tiles_of(w[i]);
    j.per = eng_cpu_tiles_per_task(m, tiles, n_rows);
    while (tiles / j.per > ENG_TASKS_MAX / 2)
        j.per *= 2;
    for (uint32_t i = 0; i < n; i++) {
        j.out[i].w = w[i];
        j.out[i].y = y[i];
        j.out[i].tasks = (tiles_of(w[i]) + j.per - 1) / j.per;
        tasks += j.out[i].tasks;
    }
    eng_pool_run(m->pool, tasks, linear_task, &j);
}

/* ---- preparing activations ---- */

struct prep_job {
    struct eng_model *m;
    const float *x;    /* [n][n_in] */
    const float *norm; /* weights of an RMS norm, or NULL */
    float *y;          /* where the normed rows go */
    uint32_t n_in;
    bool ints;
};

static void prep_row(const struct prep_job *j, uint32_t r)
{
    struct eng_scratch *s = &j->m->s;
    const float *x = j->x + (size_t)r * j->n_in;
    if (j->norm) {
        float *y = j->y + (size_t)r * j->n_in;
        j->m->kernels->rmsnorm(y, x, j->norm, j->n_in, j->m->hp.rms_eps);
        x = y;
    }
    if (j->ints)
        j->m->kernels->quant[j->m->planes](
            x, j->n_in, s->aq + (size_t)r * (j->n_in / ENG_QBLOCK) * eng_act_bytes(j->m->planes),
            s->aqi + (size_t)r * (j->n_in / 32));
}

#define ROWS_PER_TASK 16

struct rows_job {
    void (*fn)(void *ctx, uint32_t row);
    void *ctx;
    uint32_t n;
};

static void rows_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct rows_job *j = ctx;
    (void)thread;
    uint32_t end = (task + 1) * ROWS_PER_TASK;
    for (uint32_t r = task * ROWS_PER_TASK; r < end && r < j->n; r++)
        j->fn(j->ctx, r);
}

/* fn(ctx, row) for every row; on one thread when there are few. */
void eng_cpu_for_rows(struct eng_model *m, uint32_t n, void (*fn)(void *, uint32_t), void *ctx)
{
    struct rows_job j = {fn, ctx, n};
    eng_pool_run(m->pool, (n + ROWS_PER_TASK - 1) / ROWS_PER_TASK, rows_task, &j);
}

static void prep_row_fn(void *ctx, uint32_t r)
{
    prep_row(ctx, r);
}

struct eng_acts eng_cpu_prepare(struct eng_fwd *f, const float *x, const float *norm, float *y,
                                uint32_t n, uint32_t n_in, bool ints)
{
    struct eng_model *m = f->m;
    struct prep_job j = {m, x, norm, y, n_in, ints};
    if (norm || ints)
        eng_cpu_for_rows(m, n, prep_row_fn, &j);
    return (struct eng_acts){
        .x = norm ? y : x, .n_in = n_in, .planes = m->planes, .q = m->s.aq, .qi = m->s.aqi};
}

struct eng_acts eng_cpu_acts_from(const struct eng_acts *a, size_t first)
{
    struct eng_acts b = *a;
    b.x += first * a->n_in;
    b.q += first * (a->n_in / ENG_QBLOCK) * eng_act_bytes(a->planes);
    b.qi += first * (a->n_in / ENG_QBLOCK);
    return b;
}

void eng_cpu_norm(struct eng_fwd *f, float *x, const float *w, uint32_t n_rows, uint32_t n_in)
{
    (void)eng_cpu_prepare(f, x, w, x, n_rows, n_in, false);
}

struct each_job {
    const struct eng_model *m;
    const struct eng_acts *a;
    uint32_t n_rows;
    const struct eng_weight *w;
    float *y;
    size_t ldy, step;
};

static void each_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct each_job *j = ctx;
    struct eng_acts a = eng_cpu_acts_from(j->a, (size_t)task * j->n_rows);
    struct eng_mm mm = {.w = j->w,
                        .mat = task,
                        .out1 = j->w->n_out,
                        .a = &a,
                        .n_rows = j->n_rows,
                        .y = j->y + task * j->step,
                        .ldy = j->ldy};
    (void)thread;
    eng_cpu_apply(j->m, &mm);
}

void eng_cpu_linear_each(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows,
                         const struct eng_weight *w, float *y, size_t ldy, size_t step)
{
    struct each_job j = {f->m, a, n_rows, w, y, ldy, step};
    eng_pool_run(f->m->pool, w->n_mat, each_task, &j);
}

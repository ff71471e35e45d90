/* ops_blas.c - dense products of long prompts by way of cuBLAS (blas.h says which, and why).
 *
 * A step comes here if so many of its tokens belong to runs that are prompts (PROMPT_RUN tokens of
 * a sequence or more): steps that only decode never do, however many sequences they have. Rows of
 * such a step that decode beside a prompt are rounded as the prompt's are, as they are with the
 * own kernels when a step has more than eight rows.
 *
 * Memory: the library's workspace, and room for the part of a quantised matrix that is unpacked at
 * a time (TILE_BYTES: 8192 rows of 4096 values, so that a product of 512 rows is work for all
 * multiprocessors). Both are taken when the first long prompt comes; what they will be is counted
 * when a model is opened. Where there is no room after all, `auto` goes on with the own kernels and
 * says so once; `required` fails the step.
 */
#include "engine/cuda/blas.h"
#include "engine/cuda/blas_rows.h"
#include "engine/cuda/table.h"

#include "base/log.h"

#include <stdio.h>

#define TILE_BYTES ((size_t)64 << 20)
#define PROMPT_RUN 16 /* tokens */

enum base_status eng_gpu_blas_open(struct eng_gpu *g, struct base_err *err)
{
    struct eng_model *m = g->m;
    struct base_err why = {0};
    if (m->opts.cublas == ENG_CUBLAS_OFF) {
        snprintf(m->cublas_says, sizeof(m->cublas_says), "off");
        return BASE_OK;
    }
    enum base_status st = eng_blas_open(g->d, &g->blas, &why);
    if (st != BASE_OK && m->opts.cublas == ENG_CUBLAS_REQUIRED)
        return base_err_set(err, st, "cublas is \"required\", but %s", why.text);
    if (st != BASE_OK) {
        snprintf(m->cublas_says, sizeof(m->cublas_says), "%.180s", why.text);
        return BASE_OK;
    }
    uint32_t v = eng_blas_version(g->blas);
    snprintf(m->cublas_says, sizeof(m->cublas_says), "cuBLAS %u.%u.%u", v / 10000, v / 100 % 100,
             v % 100);
    return BASE_OK;
}

void eng_gpu_blas_free(struct eng_gpu *g)
{
    if (!eng_cuda_is_paper(g->d))
        eng_blas_close(g->blas);
    g->blas = NULL;
    eng_cuda_free(g->d, g->blas_room.p);
}

size_t eng_gpu_blas_planned(const struct eng_gpu *g)
{
    return g->blas ? eng_blas_workspace_bytes(eng_cuda_get_info(g->d)) + TILE_BYTES : 0;
}

void eng_gpu_blas_begin(struct eng_gpu *g, const uint32_t *first)
{
    g->prompt_rows = 0;
    for (uint32_t r = 0; g->blas && r < g->n_run; r++)
        if (first[r + 1] - first[r] >= PROMPT_RUN)
            g->prompt_rows += first[r + 1] - first[r];
}

/* Room that the own kernels can do without. */
static void *room(struct eng_gpu *g, struct eng_gpu_buffer *b, size_t n)
{
    if (b->p && b->n >= n)
        return b->p;
    if (g->m->opts.cublas == ENG_CUBLAS_REQUIRED)
        return eng_gpu_room(g, b, n);
    void *p = eng_cuda_alloc(g->d, n);
    if (!p) {
        base_warn("engine", "%s: no room for cuBLAS (%zu MiB more); its products go to own kernels",
                  eng_cuda_get_info(g->d)->name, n >> 20);
        g->blas_none = true;
        return NULL;
    }
    eng_cuda_free(g->d, b->p);
    *b = (struct eng_gpu_buffer){.p = p, .n = n};
    return p;
}

/* Of a matrix that is unpacked: row groups at a time. */
static uint32_t groups_at_once(const struct eng_pack *p)
{
    size_t each = (size_t)16 * p->units * 64 * sizeof(uint16_t);
    size_t n = TILE_BYTES / each;
    return n < 1 ? 1 : n > p->groups ? p->groups : (uint32_t)n;
}

static bool is_plain(enum eng_pack_form form)
{
    return form == ENG_FORM_F16 || form == ENG_FORM_BF16;
}

/* Workspace and room for this matrix; false: not to be had. */
static bool prepared(struct eng_gpu *g, const struct eng_pack *p)
{
    size_t n = eng_blas_workspace_bytes(eng_cuda_get_info(g->d));
    size_t tile = (size_t)groups_at_once(p) * 16 * p->units * 64 * sizeof(uint16_t);
    if (!g->blas_room.p) {
        void *own = room(g, &g->blas_room, n);
        if (!own)
            return false;
        if (!eng_cuda_is_paper(g->d))
            eng_blas_workspace(g->blas, own, n);
#if defined(WEIR_BUG_92) /* a workspace that is given back */
        eng_cuda_free(g->d, own);
#endif
    }
    return is_plain(p->form) || room(g, &g->plain_tile, tile);
}

bool eng_gpu_blas_takes(const struct eng_fwd *f, const struct eng_weight *w, uint32_t n_rows)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_gpu_weight *x = w->dev;
    if (!g->blas || g->blas_none || g->set->graph || !x->mem || x->p.n_mat != 1 ||
        x->p.form == ENG_FORM_F32)
        return false;
    uint32_t from = g->m->opts.cublas_from
                        ? g->m->opts.cublas_from
                        : eng_blas_from(eng_cuda_get_info(g->d)->arch, x->p.form);
    if (!from || n_rows < from || g->prompt_rows < from)
        return false;
    if (!is_plain(x->p.form) && g->m->planes == 2)
        return false;
    return g->st == BASE_OK && prepared(g, &x->p);
}

/* ---- activations ---- */

/* Planes of the activations for weights of a form. */
static uint32_t planes_of(const struct eng_gpu *g, enum eng_pack_form form)
{
    if (form == ENG_FORM_BF16)
        return g->m->planes == 2 ? 3 : 2;
    if (form == ENG_FORM_F16)
        return g->m->planes == 2 ? 2 : 1;
    return eng_cuda_plain_bf16(form) ? 2 : 1;
}

/* Rows made ready in b: what there is of them is in the result. */
static struct weir_plain_args plain_at(struct eng_fwd *f, struct eng_gpu_buffer *b,
                                       enum eng_pack_form form, uint32_t rows, uint32_t n_in)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct weir_plain_args a = {.rows = rows,
                                .n_in = n_in,
                                .ld = (n_in + 31) / 32 * 32,
                                .planes = planes_of(g, form),
                                .bf16 = eng_cuda_plain_bf16(form),
                                .eps = f->m->hp.rms_eps};
    size_t most = rows > f->s->rows ? rows : f->s->rows;
    size_t values = 3 * most * a.ld * sizeof(uint16_t), factors = most * sizeof(float);
    uint8_t *p = eng_gpu_room(g, b, factors + 256 + values);
    if (!p)
        return a;
    a.factor = a.bf16 ? NULL : (float *)(void *)p;
    a.q = (uint16_t *)(void *)(p + (factors + 255) / 256 * 256);
    return a;
}

/* What prepare() was given. */
static struct weir_plain_args prepared_rows(struct eng_fwd *f, enum eng_pack_form form)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_acts *a = &g->a;
    bool bf16 = eng_cuda_plain_bf16(form);
    struct weir_plain_args p = plain_at(f, &g->plain[bf16], form, a->n_rows, a->n_in);
    if (!p.q || a->plain[bf16] >= p.planes)
        return p;
    (void)eng_gpu_join_norms(f); /* then the rows are normed */
    p.x = a->x;
    p.norm = a->norm;
    p.y = a->norm ? a->y : NULL;
    eng_cuda_plain(g->d, &p);
    if (a->norm)
        a->x = a->y;
    a->norm = NULL;
    a->plain[bf16] = p.planes;
    return p;
}

/* ---- products ---- */

/* y = W x for all rows that w's row groups have, n_out of them. */
static void multiply(struct eng_gpu *g, const struct eng_gpu_weight *w,
                     const struct weir_plain_args *x, uint32_t n_out, float *y, uint32_t ldy)
{
    const struct eng_pack *p = &w->p;
    bool plain = is_plain(p->form);
    uint32_t each = plain ? p->groups : groups_at_once(p);
    struct eng_blas_product j = {.w = plain ? w->mem : g->plain_tile.p,
                                 .n_in = p->n_in,
                                 .n_rows = x->rows,
                                 .ldw = p->units * (plain ? 32 : 64),
                                 .ldx = x->ld,
                                 .ldy = ldy,
                                 .alpha = plain || x->bf16 ? 1 : 1 / WEIR_BLAS_UP,
                                 .bf16 = x->bf16};
    for (uint32_t at = 0; at < p->groups; at += each) {
        struct weir_unpack_args u = {.w = w->mem,
                                     .out = g->plain_tile.p,
                                     .group_bytes = p->group_bytes,
                                     .group0 = at,
                                     .groups = p->groups - at < each ? p->groups - at : each,
                                     .units = p->units,
                                     .ld = p->units * 64};
        if (!plain)
            eng_cuda_unpack(g->d, p->form, &u);
        j.n_out = n_out - 16 * at < 16 * u.groups ? n_out - 16 * at : 16 * u.groups;
        j.y = y + (size_t)16 * at;
        for (uint32_t k = 0; k < x->planes; k++) {
            j.x = x->q + (size_t)k * x->rows * x->ld;
            j.add = k > 0;
            if (!eng_cuda_is_paper(g->d))
                eng_blas_multiply(g->blas, &j);
        }
    }
}

static void product(struct eng_fwd *f, const struct weir_plain_args *x, const struct eng_weight *w,
                    float *y)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct weir_finish_args e = {.y = y,
                                 .factor = x->factor,
                                 .bias = w->bias,
                                 .scale = w->scale,
                                 .rows = x->rows,
                                 .n_out = w->n_out,
                                 .ldy = w->n_out};
    if (!x->q || g->st != BASE_OK)
        return;
    multiply(g, w->dev, x, w->n_out, y, w->n_out);
    eng_cuda_finish(g->d, &e);
}

void eng_gpu_blas_linear(struct eng_fwd *f, const struct eng_weight *w, float *y)
{
    struct weir_plain_args x = prepared_rows(f, ((const struct eng_gpu_weight *)w->dev)->p.form);
    product(f, &x, w, y);
}

void eng_gpu_blas_pair(struct eng_fwd *f, const struct eng_ffn *j)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_gpu_weight *w = j->gate->dev;
    const struct eng_weight *up = j->gate->half ? j->gate : j->up;
    struct weir_plain_args x = prepared_rows(f, w->p.form);
    uint32_t ld = w->p.groups * 16;
    float *sum = eng_gpu_room(g, &g->plain_sum, (size_t)f->s->rows * ld * sizeof(float));
    if (!x.q || !sum)
        return;
    multiply(g, w, &x, ld, sum, ld);
    struct weir_pair_args a = {.x = sum,
                               .h = f->s->hg,
                               .factor = x.factor,
                               .bias = j->gate->bias,
                               .bias_up = !up->bias  ? NULL
                                          : up->half ? up->bias + up->half
                                                     : up->bias,
                               .scale = j->gate->scale,
                               .scale_up = up->scale,
                               .rows = x.rows,
                               .n_out = j->n_ff,
                               .ldx = ld,
                               .act = (uint32_t)f->m->hp.family->act,
                               .clamp = j->clamp};
    eng_cuda_pair(g->d, &a);
}

void eng_gpu_blas_down(struct eng_fwd *f, const struct eng_ffn *j, float *y)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_gpu_weight *w = j->down->dev;
    struct weir_plain_args x = plain_at(f, &g->plain_hidden, w->p.form, j->n_rows, j->n_ff);
    if (!x.q)
        return;
    x.x = f->s->hg;
    eng_cuda_plain(g->d, &x);
    product(f, &x, j->down, y);
}

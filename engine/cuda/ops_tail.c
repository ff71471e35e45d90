/* ops_tail.c - products that end with more than their outputs (struct weir_tail), for few tokens.
 *
 * The output matrix of attention and the down matrices are not launched when their operator comes:
 * the launch waits in g->late until the residual stream is read. By then it is known how their
 * outputs join it and which norm and which rounding follow, and one launch does all of it. What
 * does not fit that - norms on what joins, several streams, weights that take halves scaled by row
 * - is launched as it would have been without, and ops_rows.c goes on.
 *
 * Where one product's outputs are the next one's rows alone (latent attention's low ranks and
 * heads), they are rounded by the launch that gives them and never stand in memory as floats:
 * g->ahead says so to the prepare() that follows.
 *
 * Planes are made in the bank of g->acts that the launch itself does not read.
 */
#include "engine/cuda/hybrid.h"
#include "engine/cuda/table.h"

bool eng_gpu_tails(const struct eng_fwd *f)
{
    const struct eng_gpu *g = eng_gpu_of(f);
    return f->n <= ENG_GPU_TAIL_TOKENS && f->m->hp.n_stream == 1 && !(g->blas && g->prompt_rows);
}

bool eng_gpu_all_here(const struct eng_fwd *f)
{
    return !eng_gpu_of(f)->hybrid && !eng_gpus_of(f->m)->spread;
}

/* ---- which products follow ---- */

static void wants(uint32_t *kinds, const struct eng_weight *w)
{
    const struct eng_gpu_weight *x = w->dev;
    if (x && !x->in_pair)
        *kinds |= 1u << eng_gpu_kind(w);
}

static uint32_t kinds_of_attention(const struct eng_layer *y)
{
    const struct eng_delta *d = y->delta;
    uint32_t kinds = 0;
    switch (y->mixer) {
    case ENG_MIX_GROUPED:
        wants(&kinds, &y->q);
        wants(&kinds, &y->k);
        wants(&kinds, &y->v);
        break;
    case ENG_MIX_LATENT:
        wants(&kinds, y->q_a.dev ? &y->q_a : &y->q);
        wants(&kinds, &y->kv_a);
        if (y->index) {
            wants(&kinds, &y->index->k);
            wants(&kinds, &y->index->proj);
        }
        break;
    case ENG_MIX_DELTA:
        wants(&kinds, &d->qkv);
        wants(&kinds, &d->gate);
        wants(&kinds, &d->ba);
        wants(&kinds, &d->beta);
        wants(&kinds, &d->alpha);
        break;
    case ENG_MIX_COMPRESS:
        break;
    }
    return kinds;
}

/* The kinds of rows that the products behind a norm take, as bits; 0: somebody else reads them. */
static uint32_t kinds_behind(const struct eng_fwd *f, const float *norm)
{
    const struct eng_layer *y = f->y;
    uint32_t kinds = 0;
    if (!eng_gpu_all_here(f) || (y->moe && f->m->hp.family->parallel))
        return 0;
    if (norm == eng_gpu_copy(eng_gpu_of(f), f->m->output_norm)) {
        wants(&kinds, &f->m->output);
    } else if (norm == y->attn_norm) {
        kinds = kinds_of_attention(y);
    } else if (norm == y->ffn_norm && !y->shared_scale) {
        wants(&kinds, &y->router);
        wants(&kinds, &y->gate);
        wants(&kinds, &y->up);
        wants(&kinds, &y->shared_gate);
        wants(&kinds, &y->shared_up);
    }
    return kinds & 1u << ENG_ACTS_F16 ? 0 : kinds; /* halves need their row's largest */
}

/* ---- what waits ---- */

bool eng_gpu_wait(struct eng_fwd *f, const struct eng_weight *w, const struct weir_mm_args *mm,
                  uint32_t slots, const float *y)
{
    struct eng_gpu *g = eng_gpu_of(f);
    enum eng_pack_form form = ((const struct eng_gpu_weight *)w->dev)->p.form;
    if (!eng_gpu_tails(f) || form == ENG_FORM_F32 || w->n_out != f->m->hp.n_embd ||
        (mm->mode != WEIR_MM_DENSE && !eng_gpu_all_here(f)))
        return false;
    eng_gpu_late_plain(f);
    g->late = (struct eng_gpu_late){.mm = *mm, .form = form, .n_tok = f->n, .slots = slots, .y = y};
    return true;
}

static void launch(struct eng_gpu *g)
{
    struct eng_gpu_late *l = &g->late;
    if (g->st == BASE_OK)
        eng_cuda_mm(g->d, l->form, &l->mm, l->n_tok, l->slots);
    l->y = NULL;
}

void eng_gpu_late_plain(struct eng_fwd *f)
{
    if (eng_gpu_of(f)->late.y)
        launch(eng_gpu_of(f));
}

/* Whether what joins the stream is what waits, with nothing in between. */
static bool fits(const struct eng_fwd *f)
{
    const struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_gpu_join *j = &g->join_now;
    return g->late.y && j->target && j->complete && j->stage == 0 && j->a.add == g->late.y &&
           !j->a.gate_w && f->n == g->late.n_tok &&
           (g->late.mm.mode == WEIR_MM_EXPERT) == (j->a.pair_of != NULL);
}

/* The tail that joins the stream. */
static bool begin(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    const struct weir_join_args *j = &g->join_now.a;
    struct weir_tail *t = &g->late.mm.tail;
    *t = (struct weir_tail){.pair_of = j->pair_of,
                            .weights = j->weights,
                            .more = j->shared,
                            .x = f->s->x,
                            .n_out = hp->n_embd,
                            .n = f->n,
                            .n_used = hp->moe.n_used,
                            .scale = hp->residual_scale,
                            .out_scale = j->out_scale != 0 ? j->out_scale : 1,
                            .on = 1};
    if (j->pair_of)
        t->count = eng_gpu_zeros(g, &g->counters, (hp->n_embd + 31) / 32 * sizeof(uint32_t));
    else
        g->late.mm.mat[0].y = NULL;
    g->join_now = (struct eng_gpu_join){0};
    return g->st == BASE_OK;
}

bool eng_gpu_late_join(struct eng_fwd *f)
{
    if (!fits(f))
        return false;
    if (begin(f))
        launch(eng_gpu_of(f));
    return true;
}

/* Room for the kinds of planes, in the bank that `made` will be read from. */
static void planes_room(struct eng_fwd *f, uint32_t kinds, uint32_t bank, uint32_t n_rows,
                        uint32_t n_in, struct weir_planes *to, bool made[ENG_ACTS_KINDS])
{
    struct eng_gpu *g = eng_gpu_of(f);
    *to = (struct weir_planes){0};
    for (int kind = ENG_ACTS_INT; kind <= ENG_ACTS_BF16; kind++) {
        if (!(kinds >> kind & 1) || kind == ENG_ACTS_F16)
            continue;
        *(kind == ENG_ACTS_INT ? &to->ints : &to->bf16) = eng_gpu_acts_room(
            f, &g->acts[bank][kind], (enum eng_pack_acts)kind, NULL, n_rows, n_in);
        made[kind] = true;
    }
}

static float *ssq_room(struct eng_fwd *f, uint32_t bank, uint32_t n_in)
{
    struct eng_gpu *g = eng_gpu_of(f);
    return eng_gpu_room(g, &g->ssq[bank], (size_t)f->s->rows * ((n_in + 31) / 32) * sizeof(float));
}

bool eng_gpu_late_norm(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_acts *a = &g->a;
    if (!fits(f) || !a->norm || a->x != f->s->x || a->n_rows != f->n)
        return false;
    uint32_t kinds = kinds_behind(f, a->norm);
    if (!begin(f))
        return true;
    if (kinds) {
        struct weir_tail *t = &g->late.mm.tail;
        planes_room(f, kinds, a->bank, a->n_rows, a->n_in, &t->to, a->made);
        t->norm = a->norm;
        t->ssq = ssq_room(f, a->bank, a->n_in);
        if (kinds & 1u << ENG_ACTS_F32) {
            t->z = a->y;
            a->made[ENG_ACTS_F32] = true;
        }
        a->ssq = t->ssq;
        a->x = a->y;
        a->norm = NULL;
    }
    launch(g);
    return true;
}

/* ---- rows that are ready before they are named ---- */

bool eng_gpu_planes_ahead(struct eng_fwd *f, const float *x, uint32_t n_rows, uint32_t n_in,
                          const struct eng_weight *w, struct weir_planes *to)
{
    struct eng_gpu *g = eng_gpu_of(f);
    enum eng_pack_acts kind = eng_gpu_kind(w);
    if (!eng_gpu_tails(f) || (kind != ENG_ACTS_INT && kind != ENG_ACTS_BF16) || n_in % 64)
        return false;
    g->ahead = (struct eng_gpu_ahead){.x = x};
    planes_room(f, 1u << kind, !g->a.bank, n_rows, n_in, to, g->ahead.made);
    return g->st == BASE_OK;
}

void eng_gpu_tail_ahead(struct eng_fwd *f, struct weir_mm_args *mm, const float *y,
                        const float *norm, uint32_t n_out, const struct eng_weight *const *next)
{
    struct eng_gpu *g = eng_gpu_of(f);
    uint32_t kinds = 0;
    for (; *next; next++)
        wants(&kinds, *next);
    if (!eng_gpu_tails(f) || n_out % 64 || !kinds ||
        kinds & (1u << ENG_ACTS_F16 | 1u << ENG_ACTS_F32))
        return;
    g->ahead = (struct eng_gpu_ahead){.x = y, .norm = norm};
    mm->tail = (struct weir_tail){.norm = norm, .n_out = n_out, .on = 1};
    planes_room(f, kinds, !g->a.bank, f->n, n_out, &mm->tail.to, g->ahead.made);
    if (norm)
        g->ahead.ssq = mm->tail.ssq = ssq_room(f, !g->a.bank, n_out);
    mm->mat[0].y = NULL;
}

/* ---- the shared expert ---- */

bool eng_gpu_rides(const struct eng_fwd *f)
{
    const struct eng_layer *y = f->y;
    if (!y->moe || !y->shared || !eng_gpu_all_here(f) || f->m->hp.family->weigh_input ||
        f->m->hp.family->parallel || !eng_gpu_tails(f) || y->clamp != y->shared_clamp ||
        y->shared_gate.n_out != y->n_ff)
        return false;
    const struct eng_gpu_weight *gate = y->gate.dev, *down = y->down.dev;
    const struct eng_gpu_weight *mine = y->shared_gate.dev, *last = y->shared_down.dev;
    return gate->p.pair && mine->p.pair && eng_gpu_together(&y->gate, &y->shared_gate) &&
           gate->p.groups == mine->p.groups && eng_gpu_together(&y->down, &y->shared_down) &&
           down->p.groups == last->p.groups && down->p.form != ENG_FORM_F32;
}

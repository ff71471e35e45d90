/* ops_ref.c - the operators as a textbook has them.
 *
 * This file says what every other version must compute. Plain loops, f32, no tricks; weights of any
 * type are widened to f32 a block at a time (quant.h) and multiplied with f32 activations.
 * RoPE and routing have only this version: they take no time.
 */
#include "engine/cpu/ops.h"

#include <math.h>

static void ref_rmsnorm(float *y, const float *x, const float *w, size_t n, float eps)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    float scale = 1.0f / sqrtf(sum / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * scale * w[i];
}

static void ref_axpy(float *y, float a, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

static void ref_swiglu(float *g, const float *u, size_t n)
{
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] / (1.0f + expf(-g[i])) * u[i];
}

static void softmax(float *x, size_t n)
{
    float max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        max = fmaxf(max, x[i]);
    for (size_t i = 0; i < n; i++)
        sum += x[i] = expf(x[i] - max);
    for (size_t i = 0; i < n; i++)
        x[i] /= sum;
}

static void ref_attend(const struct eng_attend *a)
{
    for (uint32_t r = 0; r < a->n_tok * a->n_head; r++) {
        uint32_t n_kv = a->n_kv + r / a->n_head;
        size_t row = r / a->n_head * a->ldq + (size_t)(r % a->n_head) * a->n_dim;
        const float *q = a->q + row;
        float *out = a->out + row, *p = a->scores;
        for (uint32_t j = 0; j < n_kv; j++) {
            const float *k = a->k + (size_t)a->pages[j / ENG_PAGE] * a->k_page;
            float dot = 0;
            for (uint32_t i = 0; i < a->n_dim; i++)
                dot += q[i] * k[eng_key_at(a->n_dim, j % ENG_PAGE, i)];
            p[j] = dot * a->scale;
        }
        softmax(p, n_kv);
        for (uint32_t i = 0; i < a->n_dim; i++)
            out[i] = 0;
        for (uint32_t j = 0; j < n_kv; j++) {
            const float *v = a->v + (size_t)a->pages[j / ENG_PAGE] * a->v_page +
                             (size_t)(j % ENG_PAGE) * a->n_dim;
            for (uint32_t i = 0; i < a->n_dim; i++)
                out[i] += p[j] * v[i];
        }
    }
}

#define REF_CHUNK 256 /* a multiple of every type's block */

static void ref_mm_rows(const struct eng_mm *mm)
{
    const struct eng_weight *w = mm->w;
    const struct eng_type_info *ti = eng_type_info(w->type);
    float chunk[REF_CHUNK];
    for (uint32_t o = mm->out0; o < mm->out1; o++) {
        const uint8_t *row = w->data + ((uint64_t)mm->mat * w->n_out + o) * w->row_bytes;
        for (uint32_t r = 0; r < mm->n_rows; r++)
            mm->y[r * mm->ldy + o] = w->bias ? w->bias[(size_t)mm->mat * w->n_out + o] : 0;
        for (uint32_t i = 0; i < w->n_in; i += REF_CHUNK) {
            uint32_t n = w->n_in - i < REF_CHUNK ? w->n_in - i : REF_CHUNK;
            eng_dequant_row(w->type, row + (uint64_t)(i / ti->block_values) * ti->block_bytes,
                            chunk, n);
            for (uint32_t r = 0; r < mm->n_rows; r++) {
                const float *x = mm->a->x + (size_t)(mm->rows ? mm->rows[r] : r) * mm->a->n_in + i;
                float dot = 0;
                for (uint32_t j = 0; j < n; j++)
                    dot += chunk[j] * x[j];
                mm->y[r * mm->ldy + o] += dot;
            }
        }
    }
}

const struct eng_kernels eng_kernels_ref = {
    .name = "ref",
    .rmsnorm = ref_rmsnorm,
    .axpy = ref_axpy,
    .swiglu = ref_swiglu,
    .attend = ref_attend,
    .quant = {NULL, eng_quant_q8, eng_quant_q16},
    .mm_rows = ref_mm_rows,
};

void eng_rope(float *x, uint32_t n_rot, bool neox, const float *cs)
{
    uint32_t step = neox ? 1 : 2, other = neox ? n_rot / 2 : 1;
    for (uint32_t i = 0; i < n_rot / 2; i++) {
        float *a = &x[i * step], *b = a + other;
        float a0 = *a, b0 = *b, c = cs[2 * i], s = cs[2 * i + 1];
        *a = a0 * c - b0 * s;
        *b = a0 * s + b0 * c;
    }
}

/* The k largest of score[n] (ties: lower index first) into ids, in descending order. */
static void top_k(const float *score, uint32_t n, uint32_t k, uint32_t *ids)
{
    uint32_t have = 0;
    for (uint32_t e = 0; e < n; e++) {
        uint32_t at = have;
        while (at > 0 && score[e] > score[ids[at - 1]])
            at--;
        if (at == k)
            continue;
        uint32_t last = have < k ? have++ : k - 1;
        for (uint32_t j = last; j > at; j--)
            ids[j] = ids[j - 1];
        ids[at] = e;
    }
}

/* What groups are chosen by: the sum of each one's two best scores. */
static void group_scores(const struct eng_moe_params *p, const float *select, float *best)
{
    uint32_t size = p->n_expert / p->n_group;
    for (uint32_t g = 0; g < p->n_group; g++) {
        float a = -INFINITY, b = -INFINITY;
        for (uint32_t e = g * size; e < (g + 1) * size; e++) {
            if (select[e] > a) {
                b = a;
                a = select[e];
            } else if (select[e] > b) {
                b = select[e];
            }
        }
        best[g] = size > 1 ? a + b : a;
    }
}

/* Keeps the n_group_used groups with the largest scores; the experts of the others can no longer be
 * chosen. */
static void limit_groups(const struct eng_moe_params *p, float *select)
{
    float best[ENG_EXPERT_MAX];
    uint32_t keep[ENG_EXPERT_MAX], size = p->n_expert / p->n_group;
    group_scores(p, select, best);
    top_k(best, p->n_group, p->n_group_used, keep);
    for (uint32_t g = 0; g < p->n_group; g++) {
        bool kept = false;
        for (uint32_t i = 0; i < p->n_group_used; i++)
            kept |= keep[i] == g;
        for (uint32_t e = g * size; !kept && e < (g + 1) * size; e++)
            select[e] = -INFINITY;
    }
}

/* What a router's logits say of each expert alone. */
static void probabilities(const struct eng_moe_params *p, const float *logits, float *probs)
{
    for (uint32_t e = 0; e < p->n_expert; e++) {
        float l = logits[e];
        probs[e] = p->gating == ENG_GATE_SIGMOID         ? 1.0f / (1.0f + expf(-l))
                   : p->gating == ENG_GATE_SQRT_SOFTPLUS ? sqrtf(l > 20 ? l : log1pf(expf(l)))
                                                         : l;
    }
    if (p->gating == ENG_GATE_SOFTMAX)
        softmax(probs, p->n_expert);
}

static void weigh(const struct eng_moe_params *p, const float *probs, const uint32_t *ids,
                  float *weights)
{
    float sum = 0;
    for (uint32_t i = 0; i < p->n_used; i++)
        weights[i] = probs[ids[i]];
    if (p->gating == ENG_GATE_SOFTMAX_SELECTED)
        softmax(weights, p->n_used);
    for (uint32_t i = 0; i < p->n_used; i++)
        sum += weights[i];
    float f = p->normalise ? 1.0f / fmaxf(sum, 6.103515625e-5f) : 1.0f;
    if (p->scale != 0)
        f *= p->scale;
    for (uint32_t i = 0; i < p->n_used; i++)
        weights[i] *= f;
}

void eng_route(const struct eng_moe_params *p, const float *logits, const float *bias,
               uint32_t *ids, float *weights)
{
    float probs[ENG_EXPERT_MAX], select[ENG_EXPERT_MAX];
    probabilities(p, logits, probs);
    for (uint32_t e = 0; e < p->n_expert; e++)
        select[e] = probs[e] + (bias ? bias[e] : 0);
    if (p->n_group > 1)
        limit_groups(p, select);
    for (uint32_t i = 0; i < p->n_used; i++) /* if scores are not numbers, still valid ids */
        ids[i] = i;
    top_k(select, p->n_expert, p->n_used, ids);
    weigh(p, probs, ids, weights);
}

/* The k-th largest of n less the next one; INFINITY if there is none. */
static float gap_behind(const float *x, uint32_t n, uint32_t k)
{
    uint32_t ids[ENG_EXPERT_MAX];
    if (k >= n)
        return INFINITY;
    for (uint32_t i = 0; i <= k; i++)
        ids[i] = i;
    top_k(x, n, k + 1, ids);
    return x[ids[k - 1]] - x[ids[k]];
}

float eng_route_gap(const struct eng_moe_params *p, const float *logits, const float *bias)
{
    float select[ENG_EXPERT_MAX], best[ENG_EXPERT_MAX], gap = INFINITY;
    double sum = 0, squares = 0;
    probabilities(p, logits, select);
    for (uint32_t e = 0; e < p->n_expert; e++) {
        select[e] += bias ? bias[e] : 0;
        sum += (double)select[e];
        squares += (double)select[e] * (double)select[e];
    }
    double n = p->n_expert, variance = squares / n - sum / n * (sum / n);
    if (p->n_group > 1) {
        group_scores(p, select, best);
        gap = gap_behind(best, p->n_group, p->n_group_used);
        limit_groups(p, select);
    }
    gap = fminf(gap, gap_behind(select, p->n_expert, p->n_used));
    return isinf(gap) ? INFINITY : variance > 0 ? gap / (float)sqrt(variance) : 0;
}

void eng_route_given(const struct eng_moe_params *p, const float *logits, const uint32_t *ids,
                     float *weights)
{
    float probs[ENG_EXPERT_MAX];
    probabilities(p, logits, probs);
    weigh(p, probs, ids, weights);
}

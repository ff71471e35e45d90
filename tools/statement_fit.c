/* statement_fit.c - learns the weights of policy/detect/statement.c; tools/train_statements.py
 * starts it.
 *
 * Usage: statement_fit cross BASE FILE FOLDS  learns BASE and the other folds of FILE, judges each
 *                                             fold (1: all of FILE by BASE alone); a line a row
 *                                             "LABEL LANE FOUND HINT SCORE TEXT" between tabs
 *        statement_fit fit ROWS WIDE FILE...  -> statement_rows.bin, statement_wide.bin
 *
 * FILES: a line each "LABEL TYPE WEIGHT TEXT\n" between tabs; LABEL P (said of somebody) or T (a
 * topic), TYPE as the program names it without SPECIAL_ or *, "\n" in TEXT for a line's end.
 *
 * A row of label P holds at least one statement, and which sentence or hint it is, nobody says: the
 * one with the highest score is taught (multiple-instance learning); of a row of label T every
 * sentence and hint is taught to be none. Which category it is, is learned apart, from the taught
 * sentence. Logistic loss, Adagrad, a decay, rows shuffled with a fixed seed: the same files give
 * the same bytes.
 */
#include "policy/detect/statement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NARROW     ((size_t)1 << POL_STMT_BITS)
#define WIDE       ((size_t)1 << POL_WIDE_BITS)
#define LANES      POL_STMT_LANES
#define GRAMMAR    3.0f
#define UNIT       256.0f
#define WIDE_UNITS 64.0f
#define EPOCHS     16
#define RATE       0.08f
#define DECAY      5e-3f

struct hit {
    uint32_t rows[POL_STMT_FEATURES];
    uint16_t n;
    uint8_t lane;
    bool rule;
};

struct sentence {
    uint32_t *rows;
    size_t n;
    struct hit *h;
    size_t n_h;
    bool world, brief;
};

struct text {
    struct sentence *v;
    size_t n;
    unsigned lane; /* 0: any */
    float weight;
    bool person, base;
    unsigned fold;
    char *line;
};

struct choice { /* what is called a statement: a category of a sentence, by a hint or without */
    const struct sentence *s;
    const struct hit *h; /* NULL: without */
    unsigned lane;
    float score;
};

static struct text *texts;
static size_t n_texts, cap_texts;
static float narrow[NARROW], g_narrow[NARROW];
static float (*wide)[POL_WIDE_LANES], (*g_wide)[POL_WIDE_LANES];

static void *must(void *p)
{
    if (!p) {
        fprintf(stderr, "statement_fit: out of memory\n");
        exit(1);
    }
    return p;
}

static void on_sentence(void *ctx, const struct pol_clause *c, const struct pol_stmt_view *view)
{
    struct text *t = ctx;
    struct sentence *s;

    t->v = must(realloc(t->v, (t->n + 1) * sizeof(*t->v)));
    s = &t->v[t->n++];
    s->n = view->n;
    s->rows = must(malloc(view->n * sizeof(*s->rows)));
    memcpy(s->rows, view->rows, view->n * sizeof(*s->rows));
    s->n_h = c->n_h;
    s->h = must(malloc((c->n_h + 1) * sizeof(*s->h)));
    s->world = c->world;
    s->brief = c->n_w < POL_STMT_BARE;
    for (size_t i = 0; i < c->n_h; i++) {
        struct pol_stmt_view v;

        pol_stmt_narrow(c, &c->h[i], &v);
        memcpy(s->h[i].rows, v.rows, v.n * sizeof(v.rows[0]));
        s->h[i].n = (uint16_t)v.n;
        s->h[i].lane = (uint8_t)pol_stmt_lane((enum pol_type)c->h[i].type);
        s->h[i].rule = c->h[i].rule;
    }
}

static unsigned lane_of(const char *name)
{
    for (unsigned k = 1; k < LANES; k++) {
        const char *p = pol_type_name(pol_stmt_lane_type(k));

        if (strcmp(p + 8, name) == 0)
            return k;
    }
    return 0;
}

static void read_file(const char *path, bool base)
{
    static char line[1 << 20];
    struct pol_detector *d;
    struct pol_scratch *s;
    struct base_arena *a = must(base_arena_new(64 << 20));
    FILE *f = fopen(path, "rb");

    if (!f || pol_detector_new(&d, NULL) != BASE_OK || pol_scratch_new(d, &s, NULL) != BASE_OK) {
        fprintf(stderr, "statement_fit: cannot read %s\n", path);
        exit(1);
    }
    while (fgets(line, sizeof(line), f)) {
        char *p[4] = {line, NULL, NULL, NULL};
        struct pol_spans spans;
        struct text *t;
        size_t n = 0;

        line[strcspn(line, "\n")] = 0;
        for (int k = 1; k < 4; k++) {
            p[k] = p[k - 1] ? strchr(p[k - 1], '\t') : NULL;
            if (p[k])
                *p[k]++ = 0;
        }
        if (!p[3])
            continue;
        if (n_texts == cap_texts)
            texts = must(
                realloc(texts, (cap_texts = cap_texts ? 2 * cap_texts : 1024) * sizeof(*texts)));
        t = &texts[n_texts++];
        memset(t, 0, sizeof(*t));
        if (!base)
            t->line = must(strdup(p[3]));
        for (char *q = p[3]; *q; q++) {
            bool nl = q[0] == '\\' && q[1] == 'n';

            p[3][n++] = nl ? '\n' : *q;
            q += nl;
        }
        t->person = line[0] == 'P';
        t->lane = lane_of(p[1]);
        t->weight = (float)atof(p[2]);
        t->base = base;
        pol_stmt_observe(on_sentence, t);
        if (pol_scan_text(d, s, (struct base_str){p[3], n}, a, &spans, NULL) != BASE_OK)
            fprintf(stderr, "statement_fit: a text cannot be scanned\n");
        pol_stmt_observe(NULL, NULL);
        base_arena_reset(a);
    }
    fclose(f);
    pol_scratch_free(s);
    pol_detector_free(d);
    base_arena_free(a);
}

static float sum_wide(const struct sentence *s, float out[POL_WIDE_LANES])
{
    memset(out, 0, POL_WIDE_LANES * sizeof(*out));
    for (size_t i = 0; i < s->n; i++) {
        for (unsigned k = 0; k < POL_WIDE_LANES; k++)
            out[k] += wide[s->rows[i]][k];
    }
    return out[0];
}

static float sum_narrow(const struct hit *h)
{
    float x = 0;

    for (size_t i = 0; i < h->n; i++)
        x += narrow[h->rows[i]];
    return x;
}

static float step(float *w, float *g, float grad)
{
    float d = grad + DECAY * *w;

    *g += d * d;
    *w -= RATE * d / (sqrtf(*g) + 1e-3f);
    return *w;
}

static void teach(const struct choice *c, float grad)
{
    for (size_t i = 0; i < c->s->n; i++) {
        uint32_t r = c->s->rows[i];

        step(&wide[r][0], &g_wide[r][0], grad);
    }
    for (size_t i = 0; c->h && i < c->h->n; i++)
        step(&narrow[c->h->rows[i]], &g_narrow[c->h->rows[i]], grad);
}

static void teach_lane(const struct sentence *s, unsigned lane, float weight)
{
    float sum[POL_WIDE_LANES], z = 0, top = -99;

    sum_wide(s, sum);
    for (unsigned k = 1; k < LANES; k++)
        top = sum[k] > top ? sum[k] : top;
    for (unsigned k = 1; k < LANES; k++)
        z += expf(sum[k] - top);
    for (unsigned k = 1; k < LANES; k++) {
        float g = weight * (expf(sum[k] - top) / z - (k == lane));

        for (size_t i = 0; i < s->n; i++)
            step(&wide[s->rows[i]][k], &g_wide[s->rows[i]][k], g);
    }
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

typedef void (*choice_fn)(void *ctx, const struct choice *c);

static void choices(const struct text *t, choice_fn fn, void *ctx)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct sentence *s = &t->v[i];
        float sum[POL_WIDE_LANES];

        if (s->world)
            continue;
        sum_wide(s, sum);
        unsigned top = 1;
        for (unsigned k = 1; k < LANES; k++)
            top = sum[k] > sum[top] ? k : top;
        if (!s->brief)
            fn(ctx, &(struct choice){s, NULL, top, sum[0]});
        for (size_t j = 0; j < s->n_h; j++)
            fn(ctx, &(struct choice){s, &s->h[j], s->h[j].lane, sum[0] + sum_narrow(&s->h[j])});
    }
}

struct best {
    struct choice c;
    unsigned lane;
};

static void pick(void *ctx, const struct choice *c)
{
    struct best *b = ctx;

    if (b->lane && c->h && c->lane != b->lane)
        return;
    if (!b->c.s || c->score > b->c.score)
        b->c = *c;
}

struct blame {
    float weight;
    unsigned not ; /* that lane is spared */
};

static void none(void *ctx, const struct choice *c)
{
    const struct blame *b = ctx;
    float p = sigmoid(c->score);

    if (c->lane != b->not &&p > 0.02f)
        teach(c, b->weight * p);
}

static void learn(int fold)
{
    size_t *order = must(malloc((n_texts + 1) * sizeof(*order))), n = 0;
    uint64_t r = 2026;

    memset(wide, 0, WIDE * sizeof(*wide));
    memset(g_wide, 0, WIDE * sizeof(*g_wide));
    memset(narrow, 0, sizeof(narrow));
    memset(g_narrow, 0, sizeof(g_narrow));
    for (size_t i = 0; i < n_texts; i++) {
        if (texts[i].n > 0 && (texts[i].base || (int)texts[i].fold != fold))
            order[n++] = i;
    }
    for (int e = 0; e < EPOCHS; e++) {
        for (size_t i = n; i-- > 1;) {
            size_t j, x = order[i];

            r = r * 6364136223846793005u + 1442695040888963407u;
            j = (size_t)(r >> 33) % (i + 1);
            order[i] = order[j];
            order[j] = x;
        }
        for (size_t i = 0; i < n; i++) {
            const struct text *t = &texts[order[i]];
            struct blame all = {t->weight, 0};
            struct best b = {.lane = t->lane};

            if (!t->person) {
                choices(t, none, &all);
                continue;
            }
            choices(t, pick, &b);
            if (!b.c.s)
                continue;
            if (t->lane)
                teach_lane(b.c.s, t->lane, t->weight);
            teach(&b.c, t->weight * (sigmoid(b.c.score) - 1));
        }
    }
    free(order);
}

static void loudest(void *ctx, const struct choice *c)
{
    struct choice *b = ctx, x = *c;

    x.score += c->h && c->h->rule ? GRAMMAR : 0;
    if (!b->s || x.score > b->score)
        *b = x;
}

static void print_scores(const struct text *t)
{
    struct choice c = {NULL, NULL, 0, -99};

    choices(t, loudest, &c);
    printf("%c\t%u\t%u\t%d\t%.3f\t%s\n", t->person ? 'P' : 'T', t->lane, c.lane,
           c.h ? 1 + c.h->rule : 0, (double)c.score, t->line);
}

static void judge(int fold)
{
    learn(fold);
    for (size_t i = 0; i < n_texts; i++) {
        if (!texts[i].base && (int)texts[i].fold == fold)
            print_scores(&texts[i]);
    }
}

static long unit(float w, float scale, long most)
{
    long v = lrintf(w * scale);

    return v > most ? most : v < -most - 1 ? -most - 1 : v;
}

static int fit(const char *out_narrow, const char *out_wide)
{
    FILE *f = fopen(out_narrow, "wb"), *g = fopen(out_wide, "wb");
    size_t cut = 0;

    if (!f || !g) {
        fprintf(stderr, "statement_fit: cannot write %s\n", f ? out_wide : out_narrow);
        return 1;
    }
    learn(-1);
    for (size_t i = 0; i < NARROW; i++) {
        long v = unit(narrow[i], UNIT, 32767);

        fputc((int)(v & 255), f);
        fputc((int)(v >> 8 & 255), f);
    }
    for (size_t i = 0; i < WIDE; i++) {
        for (unsigned k = 0; k < POL_WIDE_LANES; k++) {
            cut += fabsf(wide[i][k]) * WIDE_UNITS > 127.5f;
            fputc((int)(unit(wide[i][k], WIDE_UNITS, 127) & 255), g);
        }
    }
    fprintf(stderr, "statement_fit: %zu weights cut\n", cut);
    return fclose(f) == 0 && fclose(g) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    unsigned folds = argc == 5 ? (unsigned)atoi(argv[4]) : 0;

    wide = must(calloc(WIDE, sizeof(*wide)));
    g_wide = must(calloc(WIDE, sizeof(*g_wide)));
    if (argc == 5 && strcmp(argv[1], "cross") == 0 && folds > 0) {
        read_file(argv[2], true);
        read_file(argv[3], false);
        for (size_t i = 0; i < n_texts; i++)
            texts[i].fold = (unsigned)(i * 2654435761u >> 7) % folds;
        for (unsigned k = 0; k < folds; k++)
            judge((int)k);
        return 0;
    }
    if (argc > 4 && strcmp(argv[1], "fit") == 0) {
        for (int i = 4; i < argc; i++)
            read_file(argv[i], true);
        return fit(argv[2], argv[3]);
    }
    fprintf(stderr, "usage: statement_fit cross BASE FILE FOLDS | fit ROWS WIDE FILE...\n");
    return 2;
}

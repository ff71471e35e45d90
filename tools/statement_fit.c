/* statement_fit.c - learns the weights of policy/detect/statement.c; tools/train_statements.py
 * starts it.
 *
 * Usage: statement_fit cover FILE...          how many rows have any hint, and the right one
 *        statement_fit missing FILE...        the same, and the rows without the right one
 *        statement_fit cross BASE FILE FOLDS  learns BASE and the other folds of FILE, judges each
 *                                             fold: recall and false findings at a few thresholds
 *                                             (the environment's SHOW=X: rows wrong at X)
 *        statement_fit fit OUT FILE...        -> statement_rows.bin
 *
 * FILES: a line each "LABEL TYPE WEIGHT TEXT\n" between tabs; LABEL P (said of somebody) or T (a
 * topic), TYPE as the program names it without SPECIAL_ or *, "\n" in TEXT for a line's end.
 *
 * A row of label P holds at least one statement, and which hint it is, nobody says: the one with
 * the highest score is taught (multiple-instance learning); of a row of label T every hint is
 * taught to be none. Logistic loss, Adagrad, a small decay, rows shuffled with a fixed seed: the
 * same files give the same bytes.
 */
#include "policy/detect/hints.h"
#include "policy/detect/special.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS ((size_t)1 << POL_STMT_BITS)
#ifndef EPOCHS
#define EPOCHS 24
#endif
#ifndef RATE
#define RATE 0.25f
#endif
#ifndef DECAY
#define DECAY 2e-5f
#endif
#define UNIT    256.0f
#define GRAMMAR 3.0f

struct inst {
    uint32_t *rows;
    uint16_t n;
    uint8_t type;
    bool rule;
};

struct text {
    struct inst *v;
    size_t n;
    int type; /* -1: any */
    float weight;
    bool person, base;
    unsigned fold;
    char *line; /* kept for `cross` with SHOW set */
};

static struct text *texts;
static size_t n_texts, cap_texts;
static float w[ROWS], g[ROWS];
static bool show;

static void *must(void *p)
{
    if (!p) {
        fprintf(stderr, "statement_fit: out of memory\n");
        exit(1);
    }
    return p;
}

static void on_hit(void *ctx, enum pol_type type, bool rule, const uint32_t *rows, size_t n)
{
    struct text *t = ctx;
    struct inst *i;

    t->v = must(realloc(t->v, (t->n + 1) * sizeof(*t->v)));
    i = &t->v[t->n++];
    i->rows = must(malloc(n * sizeof(*rows)));
    memcpy(i->rows, rows, n * sizeof(*rows));
    i->n = (uint16_t)n;
    i->type = (uint8_t)type;
    i->rule = rule;
}

static int type_of(const char *name)
{
    for (int t = 0; t < POL_TYPE_COUNT; t++) {
        const char *p = pol_type_name((enum pol_type)t);

        if (strncmp(p, "SPECIAL_", 8) == 0 && strcmp(p + 8, name) == 0)
            return t;
    }
    return -1;
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
        for (char *q = p[3]; *q; q++) {
            bool nl = q[0] == '\\' && q[1] == 'n';

            p[3][n++] = nl ? '\n' : *q;
            q += nl;
        }
        if (n_texts == cap_texts)
            texts = must(
                realloc(texts, (cap_texts = cap_texts ? 2 * cap_texts : 1024) * sizeof(*texts)));
        t = &texts[n_texts++];
        memset(t, 0, sizeof(*t));
        t->person = line[0] == 'P';
        t->type = type_of(p[1]);
        t->weight = (float)atof(p[2]);
        t->base = base;
        if (!base && getenv("SHOW") && (t->line = malloc(n + 1)) != NULL) {
            memcpy(t->line, p[3], n);
            t->line[n] = 0;
        }
        pol_stmt_observe(on_hit, t);
        if (pol_scan_text(d, s, (struct base_str){p[3], n}, a, &spans, NULL) != BASE_OK)
            fprintf(stderr, "statement_fit: a text cannot be scanned\n");
        pol_stmt_observe(NULL, NULL);
        if (show && t->person) { /* what has no hint of its category */
            bool right = false;

            for (size_t i = 0; i < t->n; i++)
                right = right || t->v[i].type == t->type;
            if (!right)
                printf("%s\t%.*s\n", p[1], (int)n, p[3]);
        }
        base_arena_reset(a);
    }
    fclose(f);
    pol_scratch_free(s);
    pol_detector_free(d);
    base_arena_free(a);
}

static float score(const struct inst *i)
{
    float s = 0;

    for (size_t k = 0; k < i->n; k++)
        s += w[i->rows[k]];
    return s;
}

static void teach(const struct inst *i, float grad)
{
    for (size_t k = 0; k < i->n; k++) {
        size_t r = i->rows[k];
        float d = grad + DECAY * w[r];

        g[r] += d * d;
        w[r] -= RATE * d / (sqrtf(g[r]) + 1e-3f);
    }
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

/* The best hint of the row's category, or of any. */
static const struct inst *best(const struct text *t, bool typed, float *s)
{
    const struct inst *b = NULL;

    for (size_t i = 0; i < t->n; i++) {
        float x;

        if (typed && t->type >= 0 && t->v[i].type != t->type)
            continue;
        x = score(&t->v[i]);
        if (!b || x > *s) {
            b = &t->v[i];
            *s = x;
        }
    }
    return b;
}

static void learn(int fold)
{
    size_t *order = must(malloc((n_texts + 1) * sizeof(*order))), n = 0;
    uint64_t r = 2026;

    memset(w, 0, sizeof(w));
    memset(g, 0, sizeof(g));
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
            float s = 0;

            if (t->person) {
                const struct inst *b = best(t, true, &s);

                if (!b)
                    b = best(t, false, &s);
                teach(b, t->weight * (sigmoid(s) - 1));
                continue;
            }
            for (size_t k = 0; k < t->n; k++)
                teach(&t->v[k], t->weight * sigmoid(score(&t->v[k])));
        }
    }
    free(order);
}

/* What the row's threshold would have to be so that nothing of it is found. A hint that the grammar
 * calls a statement counts as GRAMMAR more. */
static float top(const struct text *t)
{
    float s = -99;

    for (size_t i = 0; i < t->n; i++) {
        float x = score(&t->v[i]) + (t->v[i].rule ? GRAMMAR : 0);

        s = x > s ? x : s;
    }
    return s;
}

static void cover(void)
{
    size_t n = 0, any = 0, right = 0, rule = 0, topic = 0, topic_any = 0, topic_rule = 0;

    for (size_t i = 0; i < n_texts; i++) {
        bool type = false, said = false;

        for (size_t k = 0; k < texts[i].n; k++) {
            type = type || texts[i].v[k].type == texts[i].type;
            said = said || texts[i].v[k].rule;
        }
        n += texts[i].person;
        topic += !texts[i].person;
        any += texts[i].person && texts[i].n > 0;
        topic_any += !texts[i].person && texts[i].n > 0;
        right += texts[i].person && type;
        rule += texts[i].person && said;
        topic_rule += !texts[i].person && said;
    }
    printf(
        "persons %zu: any hint %zu, of the category %zu, by grammar %zu; topics %zu: any %zu, by "
        "grammar %zu\n",
        n, any, right, rule, topic, topic_any, topic_rule);
}

static int downward(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return x > y ? -1 : x < y;
}

static void cross(unsigned folds)
{
    static const float shares[] = {0.01f, 0.02f, 0.03f, 0.05f, 0.08f, 0.1f};
    float *yes = must(calloc(n_texts + 1, sizeof(float))), *no = must(calloc(n_texts + 1, 4));
    size_t n = 0, m = 0;

    for (size_t i = 0; i < n_texts; i++)
        texts[i].fold = (unsigned)(i * 2654435761u >> 7) % folds;
    for (unsigned f = 0; f < folds; f++) {
        learn((int)f);
        for (size_t i = 0; i < n_texts; i++) {
            if (texts[i].base || texts[i].fold != f)
                continue;
            if (texts[i].line && (top(&texts[i]) < (float)atof(getenv("SHOW"))) == texts[i].person)
                printf("%s %+.2f %s\n", texts[i].person ? "MISSED" : "FALSE",
                       (double)top(&texts[i]), texts[i].line);
            if (texts[i].person)
                yes[n++] = top(&texts[i]);
            else
                no[m++] = top(&texts[i]);
        }
    }
    qsort(no, m, sizeof(*no), downward);
    double area = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < m; k++)
            area += yes[i] > no[k] ? 1 : yes[i] == no[k] ? 0.5 : 0;
    }
    printf("area under the curve %.4f\n", n && m ? area / (double)n / (double)m : 0);
    for (size_t k = 0; k < sizeof(shares) / sizeof(shares[0]); k++) {
        float at = no[(size_t)(shares[k] * (float)m)];
        size_t hit = 0;

        for (size_t i = 0; i < n; i++)
            hit += yes[i] > at;
        printf("%4.1f %% false from %+.2f on: %zu of %zu found, %.1f %%\n", 100 * (double)shares[k],
               (double)at, hit, n, 100.0 * (double)hit / (double)(n ? n : 1));
    }
    free(yes);
    free(no);
}

static int fit(const char *out)
{
    FILE *f = fopen(out, "wb");

    learn(-1);
    for (size_t i = 0; f && i < ROWS; i++) {
        long v = lrintf(w[i] * UNIT);

        v = v > 32767 ? 32767 : v < -32768 ? -32768 : v;
        fputc((int)(v & 255), f);
        fputc((int)(v >> 8 & 255), f);
    }
    return f && fclose(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    show = argc > 2 && strcmp(argv[1], "missing") == 0;
    if (argc > 2 && (strcmp(argv[1], "cover") == 0 || show)) {
        for (int i = 2; i < argc; i++)
            read_file(argv[i], false);
        cover();
        return 0;
    }
    if (argc == 5 && strcmp(argv[1], "cross") == 0) {
        read_file(argv[2], true);
        read_file(argv[3], false);
        cross((unsigned)atoi(argv[4]));
        return 0;
    }
    if (argc > 3 && strcmp(argv[1], "fit") == 0) {
        for (int i = 3; i < argc; i++)
            read_file(argv[i], true);
        return fit(argv[2]);
    }
    fprintf(stderr,
            "usage: statement_fit cover FILE... | cross BASE FILE FOLDS | fit OUT FILE...\n");
    return 2;
}

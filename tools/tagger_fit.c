/* tagger_fit.c - learns the weights of policy/detect/tagger.c; tools/train_tagger.py starts it.
 *
 * Usage: tagger_fit lists WORDS OUT             lines "BIT WORD" -> tagger_lists.bin
 *        tagger_fit fit LISTS TRAIN DEV OUT [EPOCHS]   -> tagger_rows.bin; scores on standard error
 *        tagger_fit eval LISTS ROWS FILE        scores of one file, one JSON line
 *        tagger_fit signal LISTS TRAIN DEV OUT  -> inject_rows.bin: logistic regression over the
 *                                               features of policy/detect/signals.c; a document's
 * name is 1 for an attack, 0 for none
 *
 * TRAIN and DEV: documents one behind the other, each "D BYTES SPANS NAME\n", the text, "\n", then
 * SPANS lines "START END KIND" with byte offsets and P, O, L, or X for what is not to be learned.
 *
 * The learner is an averaged perceptron with a margin, greedy from left to right on its own labels,
 * over exactly the features and the gate of the tagger. Documents are shuffled with a fixed seed,
 * so the same files give the same bytes.
 */
#include "policy/detect/signals.h"
#include "policy/detect/tagger.h"
#include "policy/text/norm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS      ((size_t)1 << TAG_BITS)
#define MARGIN    8.0f
#define NAME_MAX_ 48

struct doc {
    struct pol_tok *tok; /* 2 edges, n, 2 edges */
    uint8_t *gold;       /* labels; 0xff: not to be learned */
    size_t n;
    char name[NAME_MAX_];
};

static struct doc *docs;
static size_t n_docs;
static struct pol_tagger model;
static float *w, *sum;
static uint32_t *stamp;

static void *must(void *p)
{
    if (!p) {
        fprintf(stderr, "tagger_fit: out of memory\n");
        exit(1);
    }
    return p;
}

static char *slurp(const char *file, size_t *n)
{
    FILE *f = fopen(file, "rb");
    char *p;
    long size;

    if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
        fprintf(stderr, "tagger_fit: cannot read %s\n", file);
        exit(1);
    }
    p = must(malloc((size_t)size + 1));
    *n = fread(p, 1, (size_t)size, f);
    p[*n] = 0;
    fclose(f);
    return p;
}

static void spew(const char *file, const void *p, size_t n)
{
    FILE *f = fopen(file, "wb");

    if (!f || fwrite(p, 1, n, f) != n || fclose(f)) {
        fprintf(stderr, "tagger_fit: cannot write %s\n", file);
        exit(1);
    }
}

static void label_span(struct doc *d, const struct pol_norm *m, size_t a, size_t b, char kind)
{
    unsigned base = kind == 'P' ? TAG_B_PER : kind == 'O' ? TAG_B_ORG : TAG_B_LOC;
    bool first = true;

    for (size_t i = 0; i < d->n; i++) {
        const struct pol_tok *k = &d->tok[i + 2];

        if (pol_norm_end(m, k->to) <= a || pol_norm_start(m, k->from) >= b)
            continue;
        d->gold[i] = kind == 'X' ? 0xff : (uint8_t)(first ? base : base + 1);
        first = false;
    }
}

static void add_doc(const char *text, size_t n, const char *name)
{
    static const struct pol_tok edge = {
        .word = '\n', .pre = '\n', .suf = '\n', .shape = TOK_NEWLINE};
    struct pol_norm m = {0};
    size_t cap = n + 8, at = 0;
    struct doc *d;

    docs = must(realloc(docs, (n_docs + 1) * sizeof(*docs)));
    d = &docs[n_docs++];
    memset(d, 0, sizeof(*d));
    snprintf(d->name, sizeof(d->name), "%s", name);
    d->tok = must(malloc(cap * sizeof(*d->tok)));
    d->tok[0] = d->tok[1] = edge;
    if (pol_norm_run(&m, (struct base_str){text, n}) != BASE_OK)
        exit(1);
    bool small = pol_tag_small(m.p, m.n);
    while (d->n + 6 < cap && pol_tok_next(&model, m.p, m.n, &at, &d->tok[d->n + 2])) {
        if (small)
            pol_tok_raise(&d->tok[d->n + 2]);
        d->n++;
    }
    d->tok[d->n + 2] = d->tok[d->n + 3] = edge;
    d->tok = must(realloc(d->tok, (d->n + 4) * sizeof(*d->tok)));
    d->gold = must(calloc(d->n + 1, 1));
    /* the spans stand behind the text */
    for (const char *q = text + n + 1; *q >= '0' && *q <= '9';) {
        unsigned long a, b;
        char kind, *e;

        a = strtoul(q, &e, 10);
        b = strtoul(e, &e, 10);
        kind = e[1];
        label_span(d, &m, a, b, kind);
        q = e + 3;
    }
    pol_norm_release(&m);
}

static void load(const char *file)
{
    size_t n;
    char *p = slurp(file, &n), *q = p;

    while (*q == 'D') {
        char *e;
        size_t bytes = strtoul(q + 2, &e, 10), spans = strtoul(e, &e, 10);
        char *name = e + 1, *line = strchr(name, '\n');

        *line = 0;
        add_doc(line + 1, bytes, name);
        q = line + 1 + bytes + 1;
        while (spans-- > 0)
            q = strchr(q, '\n') + 1;
    }
    free(p);
}

static size_t row(uint32_t f)
{
    return (size_t)(f >> (32 - TAG_BITS)) * TAG_ROW;
}

static bool fits(unsigned k, unsigned t1)
{
    return k % 2 == 1 || k == 0 || t1 == k || t1 == k - 1;
}

static void bump(size_t at, float by, uint32_t now)
{
    sum[at] += w[at] * (float)(now - stamp[at]);
    stamp[at] = now;
    w[at] += by;
}

static unsigned target(unsigned gold, unsigned t1)
{
    return fits(gold, t1) ? gold : gold - 1;
}

static void learn(const struct doc *d, uint32_t *now)
{
    unsigned t2 = 0, t1 = 0;

    for (size_t i = 0; i < d->n; i++) {
        const struct pol_tok *k = &d->tok[i + 2];
        unsigned best = 0, rival = 0, gold = d->gold[i];
        uint32_t f[TAG_FEATURES];
        float s[TAG_COUNT] = {0};
        size_t n;

        if (((k->shape & TOK_UPPER) || t1) && !(k->shape & TOK_NEWLINE)) {
            n = pol_tag_features(k, t2, t1, f);
            for (size_t j = 0; j < n; j++) {
                for (unsigned c = 0; c < TAG_COUNT; c++)
                    s[c] += w[row(f[j]) + c];
            }
            for (unsigned c = 1; c < TAG_COUNT; c++)
                best = fits(c, t1) && s[c] > s[best] ? c : best;
            ++*now;
            if (gold != 0xff) {
                gold = target(gold, t1);
                rival = gold == 0;
                for (unsigned c = 0; c < TAG_COUNT; c++)
                    rival = c != gold && fits(c, t1) && s[c] > s[rival] ? c : rival;
                for (size_t j = 0; s[gold] - s[rival] < MARGIN && j < n; j++) {
                    bump(row(f[j]) + gold, 1, *now);
                    bump(row(f[j]) + rival, -1, *now);
                }
            }
        }
        t2 = t1;
        t1 = best;
    }
}

/* ---- scores ---- */

struct score {
    size_t hit, gold, found;
};

static void predict(const struct doc *d, const int8_t *rows, uint8_t *out)
{
    unsigned t2 = 0, t1 = 0;

    for (size_t i = 0; i < d->n; i++) {
        const struct pol_tok *k = &d->tok[i + 2];
        uint32_t f[TAG_FEATURES];
        unsigned best = 0;
        int s[TAG_COUNT] = {0};

        if (((k->shape & TOK_UPPER) || t1) && !(k->shape & TOK_NEWLINE)) {
            size_t n = pol_tag_features(k, t2, t1, f);

            for (size_t j = 0; j < n; j++) {
                for (unsigned c = 0; c < TAG_COUNT; c++)
                    s[c] += rows[row(f[j]) + c];
            }
            for (unsigned c = 1; c < TAG_COUNT; c++)
                best = fits(c, t1) && s[c] > s[best] ? c : best;
        }
        out[i] = (uint8_t)best;
        t2 = t1;
        t1 = best;
    }
}

/* Spans of one labelling as (start, end, kind) in a list; returns how many. */
static size_t spans_of(const uint8_t *v, size_t n, size_t (*out)[3])
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        if (v[i] == 0 || v[i] == 0xff)
            continue;
        if (v[i] % 2 == 0 && k && out[k - 1][1] == i && out[k - 1][2] == v[i] - 1u) {
            out[k - 1][1] = i + 1;
        } else {
            out[k][0] = i;
            out[k][1] = i + 1;
            out[k++][2] = v[i] % 2 ? v[i] : v[i] - 1u;
        }
    }
    return k;
}

static void score_docs(size_t from, const int8_t *rows, FILE *to, const char *what)
{
    static const char *const names[] = {"person", "organisation", "place"};
    struct score all[3] = {{0}};
    size_t most = 1;

    for (size_t i = from; i < n_docs; i++)
        most = docs[i].n > most ? docs[i].n : most;
    uint8_t *out = must(malloc(most));
    size_t(*a)[3] = must(malloc(most * sizeof(*a))), (*b)[3] = must(malloc(most * sizeof(*b)));
    for (size_t i = from; i < n_docs; i++) {
        const struct doc *d = &docs[i];
        size_t na, nb;

        predict(d, rows, out);
        na = spans_of(d->gold, d->n, a);
        nb = spans_of(out, d->n, b);
        for (size_t x = 0; x < na; x++) {
            all[a[x][2] / 2].gold++;
            for (size_t y = 0; y < nb; y++)
                all[a[x][2] / 2].hit += memcmp(a[x], b[y], sizeof(a[x])) == 0;
        }
        for (size_t y = 0; y < nb; y++)
            all[b[y][2] / 2].found += d->gold[b[y][0]] != 0xff;
    }
    fprintf(to, "{\"file\":\"%s\"", what);
    for (int k = 0; k < 3; k++) {
        double p = all[k].found ? (double)all[k].hit / (double)all[k].found : 0;
        double r = all[k].gold ? (double)all[k].hit / (double)all[k].gold : 0;

        fprintf(to, ",\"%s\":{\"n\":%zu,\"precision\":%.3f,\"recall\":%.3f,\"f1\":%.3f}", names[k],
                all[k].gold, p, r, p + r > 0 ? 2 * p * r / (p + r) : 0);
    }
    fprintf(to, "}\n");
    free(out);
    free(a);
    free(b);
}

static void quantise(uint32_t now, int8_t *out)
{
    float *v = must(malloc(ROWS * TAG_ROW * sizeof(*v))), most = 0, scale;
    size_t over = 0;

    for (size_t i = 0; i < ROWS * TAG_ROW; i++) {
        v[i] = (sum[i] + w[i] * (float)(now - stamp[i])) / (float)now;
        most = v[i] > most ? v[i] : -v[i] > most ? -v[i] : most;
    }
    for (scale = most; over < 400 && scale > 0; scale *= 0.95f) { /* the largest few are cut */
        over = 0;
        for (size_t i = 0; i < ROWS * TAG_ROW; i++)
            over += v[i] > scale || -v[i] > scale;
    }
    for (size_t i = 0; i < ROWS * TAG_ROW; i++) {
        float q = v[i] / scale * 127;

        q = q > 127 ? 127 : q < -127 ? -127 : q;
        out[i] = (int8_t)(q < 0 ? q - 0.5f : q + 0.5f);
    }
    free(v);
}

static int fit(const char *train, const char *dev, const char *out, unsigned epochs)
{
    size_t n_train;
    uint32_t now = 1;
    uint64_t seed = 0x9E3779B97F4A7C15u;
    int8_t *rows = must(calloc(ROWS, TAG_ROW));
    uint32_t *order;

    w = must(calloc(ROWS * TAG_ROW, sizeof(*w)));
    sum = must(calloc(ROWS * TAG_ROW, sizeof(*sum)));
    stamp = must(calloc(ROWS * TAG_ROW, sizeof(*stamp)));
    load(train);
    n_train = n_docs;
    load(dev);
    order = must(malloc(n_train * sizeof(*order)));
    for (size_t i = 0; i < n_train; i++)
        order[i] = (uint32_t)i;
    for (unsigned e = 0; e < epochs; e++) {
        for (size_t i = n_train; i > 1; i--) {
            size_t k;
            uint32_t x;

            seed = seed * 6364136223846793005u + 1442695040888963407u;
            k = (size_t)(seed >> 33) % i;
            x = order[i - 1];
            order[i - 1] = order[k];
            order[k] = x;
        }
        for (size_t i = 0; i < n_train; i++)
            learn(&docs[order[i]], &now);
    }
    quantise(now, rows);
    score_docs(n_train, rows, stderr, "dev");
    spew(out, rows, ROWS * TAG_ROW);
    free(order);
    free(rows);
    return 0;
}

/* ---- the signal's model ---- */

#define INJ_ROWS  ((size_t)1 << POL_INJ_BITS)
#define INJ_SCALE 12.0 /* bytes of the model for one unit of log odds */

/* The features of up to POL_INJ_WINDOW words from word `skip` on; returns how many words. */
static size_t window(const struct doc *d, size_t skip, uint32_t (*f)[2])
{
    uint32_t last = 0;
    size_t n = 0, seen = 0;

    for (size_t i = 0; i < d->n && n < POL_INJ_WINDOW; i++) {
        const struct pol_tok *k = &d->tok[i + 2];

        if (!(k->shape & TOK_ALNUM) || (k->shape & TOK_DIGIT))
            continue;
        if (seen++ >= skip)
            pol_inject_features(k->word, last, f[n++]);
        last = k->word;
    }
    return n;
}

static int best_window(const struct doc *d, const int8_t *rows)
{
    struct pol_inject j;

    pol_inject_init(&j, rows);
    for (size_t i = 0; i < d->n; i++)
        pol_inject_token(&j, &d->tok[i + 2]);
    return j.n > 3 ? j.best : INT32_MIN;
}

static int signal_fit(const char *train, const char *dev, const char *out)
{
    double *v = must(calloc(INJ_ROWS, sizeof(*v))), bias = 0;
    int8_t *rows = must(calloc(INJ_ROWS, 1));
    uint32_t(*f)[2] = must(calloc(POL_INJ_WINDOW, sizeof(*f)));
    uint64_t seed = 88172645463325252u;
    size_t n_train;

    load(train);
    n_train = n_docs;
    load(dev);
    for (int e = 0; e < 40; e++) {
        double rate = 0.1 / (1 + e);

        for (size_t r = 0; r < n_train; r++) {
            const struct doc *d;
            size_t n, words;
            double s = bias, y, g;

            seed = seed * 6364136223846793005u + 1442695040888963407u;
            d = &docs[(seed >> 33) % n_train];
            words = d->n / 2;
            n = window(d, words > POL_INJ_WINDOW ? (seed >> 40) % (words - POL_INJ_WINDOW + 1) : 0,
                       f);
            y = d->name[0] == '1';
            for (size_t i = 0; i < n; i++)
                s += v[f[i][0]] + v[f[i][1]];
            g = y - 1 / (1 + exp(-s));
            for (size_t i = 0; i < n; i++) {
                v[f[i][0]] += rate * (g - 0.002 * v[f[i][0]]);
                v[f[i][1]] += rate * (g - 0.002 * v[f[i][1]]);
            }
            bias += 0.01 * rate * g;
        }
    }
    for (size_t i = 0; i < INJ_ROWS; i++) {
        double q = v[i] * INJ_SCALE;

        rows[i] = (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q < 0 ? q - 0.5 : q + 0.5);
    }
    for (int at = 0; at <= 200; at += 10) {
        size_t tp = 0, fp = 0, pos = 0, neg = 0;

        for (size_t i = n_train; i < n_docs; i++) {
            bool yes = docs[i].name[0] == '1', hit = best_window(&docs[i], rows) >= at;

            *(yes ? &pos : &neg) += 1;
            *(yes ? &tp : &fp) += hit;
        }
        fprintf(stderr, "at %d: %zu of %zu attacks, %zu of %zu others\n", at, tp, pos, fp, neg);
    }
    fprintf(stderr, "bias %.2f\n", bias);
    spew(out, rows, INJ_ROWS);
    free(f);
    free(v);
    free(rows);
    return 0;
}

static int lists(const char *words, const char *out)
{
    uint8_t *v = must(calloc((size_t)1 << TAG_GAZ_BITS, 1)), *all;
    size_t n;
    char *p = slurp(words, &n), *save = NULL;

    all = must(malloc((size_t)1 << TAG_GAZ_BITS));
    memset(all, 0xff, (size_t)1 << TAG_GAZ_BITS);
    model.lists = all;
    for (char *l = strtok_r(p, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        struct pol_norm m = {0};
        struct pol_tok k;
        size_t at = 0;

        if (pol_norm_run(&m, base_str_c(l + 2)) != BASE_OK)
            return 1;
        while (pol_tok_next(&model, m.p, m.n, &at, &k)) {
            if ((k.shape & TOK_ALNUM) && k.len > 1)
                pol_tag_list_add(v, k.word, (uint8_t)(1u << (l[0] - '0')));
        }
        pol_norm_release(&m);
    }
    spew(out, v, (size_t)1 << TAG_GAZ_BITS);
    free(all);
    free(v);
    free(p);
    return 0;
}

int main(int argc, char **argv)
{
    size_t n;

    pol_norm_setup();
    if (argc == 4 && strcmp(argv[1], "lists") == 0)
        return lists(argv[2], argv[3]);
    if (argc >= 6 && strcmp(argv[1], "fit") == 0) {
        model.lists = (const uint8_t *)slurp(argv[2], &n);
        return fit(argv[3], argv[4], argv[5], argc > 6 ? (unsigned)strtoul(argv[6], NULL, 10) : 8);
    }
    if (argc == 6 && strcmp(argv[1], "signal") == 0) {
        model.lists = (const uint8_t *)slurp(argv[2], &n);
        return signal_fit(argv[3], argv[4], argv[5]);
    }
    if (argc == 5 && strcmp(argv[1], "eval") == 0) {
        model.lists = (const uint8_t *)slurp(argv[2], &n);
        load(argv[4]);
        score_docs(0, (const int8_t *)slurp(argv[3], &n), stdout, argv[4]);
        return 0;
    }
    fprintf(stderr, "usage: tagger_fit lists WORDS OUT | fit LISTS TRAIN DEV OUT [EPOCHS] | "
                    "eval LISTS ROWS FILE\n");
    return 2;
}

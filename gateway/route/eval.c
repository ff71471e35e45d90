/* eval.c - `weir eval router`: how well the difficulty score ranks prompts whose outcome is known.
 *
 * Reads a TSV (one header line; columns by name: id, dataset, weak_score, strong_score, prompt;
 * \\ \t \r \n escaped; a score of -1 is unknown: scored and written, not measured) and prints one
 * JSON line per data set, in order of appearance. Measures, as RouteLLM's evaluation defines them
 * (lm-sys/RouteLLM, evals/evaluate.py): thresholds are the 11 edges of the score's deciles (linear
 * interpolation); a prompt goes to the strong model if its score is at or above the edge, at the
 * last edge above it; each edge gives a point (share of strong calls, mean outcome).
 *   APGR  (area under those points - area of always-weak) / (area of always-strong - always-weak),
 *         trapezoids, over the same range of shares. 0.5 is random
 *   CPTx  share of strong calls, in percent, at which the curve first reaches
 *         weak + x (strong - weak); linear between points, 100 if never
 *   AUC   of the score for "the weak model was wrong" (outcome under 0.5; in a set that is graded
 *         beyond 1, under the strong model's), ties counted half
 * apgr_lo and apgr_hi are the percentile bootstrap (300 resamples, fixed seed); apgr_length is the
 * APGR of the prompt's length alone. A command-line tool: may block and allocate, one thread. A row
 * that does not hold ends the run with its line number and status 2.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "gateway/route/route.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)
#define OUT_BYTES_MAX  ((size_t)1 << 28)
#define ROWS_MAX       4000000u
#define SETS_MAX       256
#define COLS_MAX       32
#define EDGES          11
#define RESAMPLES      300

struct row {
    double score, weak, strong, length;
    double us;
    struct base_str id;
    uint32_t set;
    bool judged;
};

struct table {
    struct row *rows;
    size_t n, cap;
    struct base_str sets[SETS_MAX];
    uint32_t n_sets;
};

enum { COL_ID, COL_SET, COL_WEAK, COL_STRONG, COL_PROMPT, COL_COUNT };
static const char *const col_names[COL_COUNT] = {"id", "dataset", "weak_score", "strong_score",
                                                 "prompt"};

/* ---- reading --------------------------------------------------------------------------------- */

static enum base_status read_header(struct base_str line, int col[COL_COUNT], int *n_cols,
                                    struct base_err *err)
{
    *n_cols = 0;
    for (int c = 0; c < COL_COUNT; c++)
        col[c] = -1;
    while (line.p) {
        struct base_str name = base_str_cut(&line, '\t');

        for (int c = 0; c < COL_COUNT; c++) {
            if (base_str_is(name, col_names[c]))
                col[c] = *n_cols;
        }
        if (++*n_cols > COLS_MAX)
            return base_err_set(err, BASE_EINVAL, "1: more than %d columns", COLS_MAX);
    }
    for (int c = 0; c < COL_COUNT; c++) {
        if (col[c] < 0)
            return base_err_set(err, BASE_EINVAL, "1: no column \"%s\"", col_names[c]);
    }
    return BASE_OK;
}

static bool parse_score(struct base_str s, double *out)
{
    char b[32], *end;

    if (s.n == 0 || s.n >= sizeof b)
        return false;
    memcpy(b, s.p, s.n);
    b[s.n] = '\0';
    *out = strtod(b, &end);
    return *end == '\0' && isfinite(*out) && (*out == -1.0 || *out >= 0.0);
}

static bool unescape(struct base_str s, struct base_buf *out)
{
    base_buf_clear(out);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '\\') {
            if (++i == s.n)
                return false;
            c = s.p[i];
            if (c != '\\' && c != 't' && c != 'r' && c != 'n')
                return false;
            c = (char)(c == 't' ? '\t' : c == 'r' ? '\r' : c == 'n' ? '\n' : c);
        }
        if (!base_buf_byte(out, c))
            return false;
    }
    return true;
}

static bool set_index(struct table *t, struct base_str name, uint32_t *out)
{
    for (uint32_t i = t->n_sets; i-- > 0;) {
        if (base_str_eq(t->sets[i], name)) {
            *out = i;
            return true;
        }
    }
    if (t->n_sets == SETS_MAX)
        return false;
    t->sets[t->n_sets] = name;
    *out = t->n_sets++;
    return true;
}

static enum base_status grow(struct table *t, struct base_err *err)
{
    size_t cap = t->cap ? 2 * t->cap : 1024;
    struct row *p;

    if (t->n < t->cap)
        return BASE_OK;
    if (t->n >= ROWS_MAX)
        return base_err_set(err, BASE_LIMIT, "more than %u rows", ROWS_MAX);
    p = realloc(t->rows, cap * sizeof *p);
    if (!p)
        return base_err_set(err, BASE_ENOMEM, "no memory for %zu rows", cap);
    t->rows = p;
    t->cap = cap;
    return BASE_OK;
}

/* Parses one line, scores its prompt and appends the row. Errors name the line. */
static enum base_status read_row(struct base_str line, size_t line_no, const int *col, int n_cols,
                                 struct table *t, struct base_buf *text, struct base_err *err)
{
    struct base_str cell[COLS_MAX];
    struct row r = {0};
    struct gw_score s;
    int n = 0;
    uint64_t t0;

    for (struct base_str rest = line; rest.p; n++) {
        struct base_str c = base_str_cut(&rest, '\t');

        if (n < n_cols)
            cell[n] = c;
    }
    if (n != n_cols)
        return base_err_set(err, BASE_EINVAL, "%zu: %d columns where the header has %d", line_no, n,
                            n_cols);
    r.id = cell[col[COL_ID]];
    if (r.id.n == 0)
        return base_err_set(err, BASE_EINVAL, "%zu: empty id", line_no);
    if (!parse_score(cell[col[COL_WEAK]], &r.weak) ||
        !parse_score(cell[col[COL_STRONG]], &r.strong))
        return base_err_set(err, BASE_EINVAL, "%zu: a score is no number from 0 up, nor -1",
                            line_no);
    if (!base_utf8_valid(line) || !unescape(cell[col[COL_PROMPT]], text))
        return base_err_set(err, BASE_EINVAL,
                            "%zu: the prompt has a bad escape or is not valid UTF-8", line_no);
    if (cell[col[COL_SET]].n == 0 || !set_index(t, cell[col[COL_SET]], &r.set))
        return base_err_set(err, BASE_EINVAL, "%zu: empty data set name, or more than %d sets",
                            line_no, SETS_MAX);
    r.judged = r.weak >= 0.0 && r.strong >= 0.0;
    r.length = (double)text->n;
    t0 = base_mono_ns();
    gw_route_score_text(base_buf_view(text), &s);
    r.us = (double)(base_mono_ns() - t0) / 1000.0;
    r.score = s.difficulty;
    if (grow(t, err) != BASE_OK)
        return err ? err->code : BASE_ENOMEM;
    t->rows[t->n++] = r;
    return BASE_OK;
}

static enum base_status read_table(struct base_str file, struct table *t, struct base_err *err)
{
    struct base_buf text;
    int col[COL_COUNT], n_cols;
    enum base_status st;
    size_t line_no = 1;

    base_buf_init(&text, FILE_BYTES_MAX);
    if (base_str_starts(file, BASE_STR("\xef\xbb\xbf"))) /* some editors write this mark first */
        file = base_str_n(file.p + 3, file.n - 3);
    st = read_header(base_str_trim(base_str_cut(&file, '\n')), col, &n_cols, err);
    while (st == BASE_OK && file.p && file.n) {
        struct base_str line = base_str_cut(&file, '\n');

        line_no++;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        st = read_row(line, line_no, col, n_cols, t, &text, err);
    }
    if (st == BASE_OK && t->n == 0)
        st = base_err_set(err, BASE_EINVAL, "%zu: no rows", line_no);
    base_buf_release(&text);
    return st;
}

/* ---- measures -------------------------------------------------------------------------------- */

/* One judged prompt as the measures see it. */
struct item {
    double score, weak, strong;
    bool wrong;
};

struct measures {
    double auc, apgr, cpt50, cpt80;
};

static int by_score(const void *a, const void *b)
{
    double x = ((const struct item *)a)->score, y = ((const struct item *)b)->score;

    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double auc_of(const struct item *v, size_t n)
{
    double ranks = 0.0, wrong = 0.0;

    for (size_t i = 0, k; i < n; i = k) {
        for (k = i; k < n && v[k].score == v[i].score; k++)
            ;
        for (size_t j = i; j < k; j++) {
            ranks += v[j].wrong ? ((double)i + (double)k + 1.0) / 2.0 : 0.0;
            wrong += v[j].wrong;
        }
    }
    if (wrong == 0.0 || wrong == (double)n)
        return NAN;
    return (ranks - wrong * (wrong + 1.0) / 2.0) / (wrong * ((double)n - wrong));
}

static double cpt_of(const double share[EDGES], const double got[EDGES], double want)
{
    for (int i = 0; i < EDGES; i++) {
        if (got[i] < want)
            continue;
        if (i == 0)
            return 100.0 * share[0];
        return 100.0 * (share[i - 1] +
                        (want - got[i - 1]) / (got[i] - got[i - 1]) * (share[i] - share[i - 1]));
    }
    return 100.0;
}

/* v must be sorted by score. */
static void measure(const struct item *v, size_t n, struct measures *m)
{
    double share[EDGES], got[EDGES], weak = 0.0, strong = 0.0, area = 0.0, span, below = 0.0;
    size_t at = 0;

    *m = (struct measures){NAN, NAN, NAN, NAN};
    for (size_t i = 0; i < n; i++) {
        weak += v[i].weak;
        strong += v[i].strong;
    }
    if (n == 0)
        return;
    m->auc = auc_of(v, n);
    /* Edges from the lowest up: what lies below an edge goes to the weak model. */
    for (int e = 0; e < EDGES; e++) {
        double pos = (double)e / (EDGES - 1) * (double)(n - 1), edge;
        size_t k = (size_t)pos;

        edge = v[k].score;
        if (k + 1 < n)
            edge += (pos - (double)k) * (v[k + 1].score - v[k].score);
        for (; at < n && (e == EDGES - 1 ? v[at].score <= edge : v[at].score < edge); at++)
            below += v[at].weak - v[at].strong;
        share[EDGES - 1 - e] = (double)(n - at) / (double)n;
        got[EDGES - 1 - e] = (strong + below) / (double)n;
    }
    weak /= (double)n;
    strong /= (double)n;
    for (int e = 1; e < EDGES; e++)
        area += (share[e] - share[e - 1]) * (got[e] + got[e - 1]) / 2.0;
    span = share[EDGES - 1] - share[0];
    if (span <= 0.0 || strong <= weak)
        return;
    m->apgr = (area - weak * span) / ((strong - weak) * span);
    m->cpt50 = cpt_of(share, got, weak + 0.5 * (strong - weak));
    m->cpt80 = cpt_of(share, got, weak + 0.8 * (strong - weak));
}

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* Percentile interval of the APGR; v sorted. Draws counts, so that a resample needs no sorting. */
static void bootstrap(const struct item *v, size_t n, struct item *tmp, uint32_t *count, double *lo,
                      double *hi)
{
    double got[RESAMPLES];
    uint64_t seed = 0x9e3779b97f4a7c15u;
    size_t n_got = 0;

    *lo = *hi = NAN;
    for (int b = 0; b < RESAMPLES; b++) {
        struct measures m;
        size_t k = 0;

        memset(count, 0, n * sizeof *count);
        for (size_t i = 0; i < n; i++)
            count[next_random(&seed) % n]++;
        for (size_t i = 0; i < n; i++) {
            for (uint32_t c = count[i]; c > 0; c--)
                tmp[k++] = v[i];
        }
        measure(tmp, n, &m);
        if (!isnan(m.apgr))
            got[n_got++] = m.apgr;
    }
    if (n_got < RESAMPLES / 2)
        return;
    qsort(got, n_got, sizeof *got, by_value);
    *lo = got[(size_t)(0.025 * (double)(n_got - 1))];
    *hi = got[(size_t)(0.975 * (double)(n_got - 1))];
}

/* ---- reporting ------------------------------------------------------------------------------- */

static size_t items_of(const struct table *t, uint32_t set, bool by_length, struct item *v)
{
    bool graded = false;
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->rows[i];

        graded = graded || (r->set == set && r->judged && (r->weak > 1.0 || r->strong > 1.0));
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->rows[i];

        if (r->set == set && r->judged)
            v[n++] = (struct item){by_length ? r->length : r->score, r->weak, r->strong,
                                   graded ? r->weak < r->strong : r->weak < 0.5};
    }
    qsort(v, n, sizeof *v, by_score);
    return n;
}

static double median_us(const struct table *t, uint32_t set, double *tmp)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        if (t->rows[i].set == set)
            tmp[n++] = t->rows[i].us;
    }
    qsort(tmp, n, sizeof *tmp, by_value);
    return n ? tmp[n / 2] : NAN;
}

static void knum(struct base_json *j, const char *key, double v, int digits)
{
    base_json_key(j, key);
    base_json_num(j, v, digits);
}

static enum base_status report(const struct table *t, struct base_buf *out, struct base_err *err)
{
    struct item *v = calloc(t->n, sizeof *v), *tmp = calloc(t->n, sizeof *tmp);
    uint32_t *count = calloc(t->n, sizeof *count);
    double *us = calloc(t->n, sizeof *us);
    enum base_status st = BASE_OK;

    if (!v || !tmp || !count || !us) {
        st = base_err_set(err, BASE_ENOMEM, "no memory for %zu rows", t->n);
        goto out;
    }
    for (uint32_t s = 0; s < t->n_sets; s++) {
        struct measures m, by_length;
        struct base_json j;
        double lo, hi;
        size_t n;

        n = items_of(t, s, true, v);
        measure(v, n, &by_length);
        n = items_of(t, s, false, v);
        measure(v, n, &m);
        bootstrap(v, n, tmp, count, &lo, &hi);
        base_json_init(&j, out);
        base_json_obj(&j);
        base_json_kstr(&j, "dataset", t->sets[s]);
        base_json_kint(&j, "n", (int64_t)n);
        knum(&j, "auc", m.auc, 4);
        knum(&j, "apgr", m.apgr, 4);
        knum(&j, "cpt50", m.cpt50, 2);
        knum(&j, "cpt80", m.cpt80, 2);
        knum(&j, "us_per_prompt", median_us(t, s, us), 2);
        knum(&j, "apgr_lo", lo, 4);
        knum(&j, "apgr_hi", hi, 4);
        knum(&j, "apgr_length", by_length.apgr, 4);
        base_json_obj_end(&j);
        base_buf_byte(out, '\n');
    }
    if (!base_buf_ok(out))
        st = base_err_set(err, BASE_LIMIT, "report too long");
out:
    free(v);
    free(tmp);
    free(count);
    free(us);
    return st;
}

static enum base_status write_scores(const struct table *t, const char *path, struct base_err *err)
{
    struct base_buf b;
    enum base_status st;

    base_buf_init(&b, OUT_BYTES_MAX);
    base_buf_z(&b, "id\tscore\n");
    for (size_t i = 0; i < t->n; i++)
        base_buf_printf(&b, "%.*s\t%.9f\n", BASE_FMT(t->rows[i].id), t->rows[i].score);
    if (base_buf_ok(&b))
        st = base_file_replace(path, base_buf_view(&b), 0644, err);
    else
        st = base_err_set(err, BASE_LIMIT, "scores too long");
    base_buf_release(&b);
    return st;
}

static int usage(void)
{
    fputs("usage: weir eval router --data FILE.tsv [--scores OUT.tsv]\n", stderr);
    return 2;
}

int gw_route_eval_command(int argc, char **argv)
{
    const char *data = NULL, *scores = NULL;
    struct table t = {0};
    struct base_buf file, out;
    struct base_err err = {0};
    int i = 0, rc = 2;

    while (i < argc && argv[i][0] != '-') /* "router", or nothing */
        i++;
    for (; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0 && !data)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--scores") == 0 && !scores)
            scores = argv[i + 1];
        else
            return usage();
    }
    if (i != argc || !data)
        return usage();
    base_buf_init(&file, FILE_BYTES_MAX);
    base_buf_init(&out, OUT_BYTES_MAX);
    if (base_file_read(data, &file, &err) != BASE_OK) {
        fprintf(stderr, "weir: %s\n", err.text);
        goto out;
    }
    if (read_table(base_buf_view(&file), &t, &err) != BASE_OK) {
        fprintf(stderr, "%s:%s\n", data, err.text);
        goto out;
    }
    if (report(&t, &out, &err) != BASE_OK ||
        (scores && write_scores(&t, scores, &err) != BASE_OK)) {
        fprintf(stderr, "weir: %s\n", err.text);
        goto out;
    }
    rc = fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0 ? 0 : 2;
out:
    free(t.rows);
    base_buf_release(&file);
    base_buf_release(&out);
    return rc;
}

/* out.c - tables as text, JSON lines, CSV and HTML.
 *
 * Values come from the log and so, in part, from callers: nothing of them may act on who reads. In
 * text, control characters and marks of direction become '?'; in CSV, what a spreadsheet would run
 * as a formula is made text; in HTML everything is escaped and the page forbids itself scripts and
 * fetches.
 */
#include "audit/query/out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_ROWS   2000u /* the widths of columns come from these */
#define TEXT_WIDTH  60
#define TEXT_COLS   64
#define CELLS_BYTES (16u << 20)

bool aud_format_find(const char *word, enum aud_format *out)
{
    static const char *const words[] = {"text", "jsonl", "csv", "html"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (enum aud_format)i;
            return true;
        }
    }
    return false;
}

void aud_html(FILE *f, struct base_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '&':
            fputs("&amp;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        case '\'':
            fputs("&#39;", f);
            break;
        default:
            putc((unsigned char)s.p[i] < 0x20 && s.p[i] != '\n' ? '?' : s.p[i], f);
        }
    }
}

void aud_csv(FILE *f, struct base_str s)
{
    size_t at = 0;

    while (at < s.n && s.p[at] == ' ')
        at++;
    putc('"', f);
    if (at < s.n && strchr("=+-@\t\r", s.p[at]) != NULL && s.p[at] != 0)
        putc('\'', f);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            putc('"', f);
        putc(s.p[i], f);
    }
    putc('"', f);
}

void aud_out_begin(struct aud_out *o, FILE *f, enum aud_format format, const char *title, bool many)
{
    *o = (struct aud_out){.f = f, .format = format, .many = many};
    if (format != AUD_HTML)
        return;
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
          "style-src 'unsafe-inline'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width\"><title>",
          f);
    aud_html(f, base_str_c(title));
    fputs("</title>\n<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;"
          "max-width:90rem;padding:0 1rem;color:#1b2a33;background:#fff}"
          "table{border-collapse:collapse;margin:1rem 0;font-size:.9rem}"
          "caption{text-align:left;font-weight:600;padding:.4rem 0;font-size:1.05rem}"
          "th,td{text-align:left;padding:.3rem .6rem;border:1px solid #c9d3d9;vertical-align:top;"
          "overflow-wrap:anywhere}td.n{text-align:right;font-variant-numeric:tabular-nums}"
          "th{background:#eef2f4}.wide{overflow-x:auto}pre{white-space:pre-wrap;"
          "overflow-wrap:anywhere;background:#eef2f4;padding:.6rem}"
          "@media(prefers-color-scheme:dark){body{color:#dfe7eb;background:#12191d}"
          "th,td{border-color:#33424b}th,pre{background:#1b252b}}"
          "@media print{body{max-width:none;margin:0}}</style></head>\n<body><main><h1>",
          f);
    aud_html(f, base_str_c(title));
    fputs("</h1>\n", f);
}

void aud_out_prose(struct aud_out *o, const char *text)
{
    if (o->format == AUD_HTML) {
        fputs("<p>", o->f);
        aud_html(o->f, base_str_c(text));
        fputs("</p>\n", o->f);
    } else if (o->format == AUD_TEXT) {
        fprintf(o->f, "%s\n", text);
    }
}

static struct base_str cell(sqlite3_stmt *s, int i)
{
    const char *p = (const char *)sqlite3_column_text(s, i);

    return base_str_n(p ? p : "", p ? (size_t)sqlite3_column_bytes(s, i) : 0);
}

/* ---- one row, each way ---- */

static void row_jsonl(struct aud_out *o, sqlite3_stmt *s, const char *title)
{
    struct base_buf b;
    struct base_json j;

    base_buf_init(&b, CELLS_BYTES);
    base_json_init(&j, &b);
    base_json_obj(&j);
    if (o->many)
        base_json_kz(&j, "table", title);
    for (int i = 0; i < sqlite3_column_count(s); i++) {
        int type = sqlite3_column_type(s, i);

        base_json_key(&j, sqlite3_column_name(s, i));
        if (type == SQLITE_NULL)
            base_json_null(&j);
        else if (type == SQLITE_INTEGER)
            base_json_int(&j, sqlite3_column_int64(s, i));
        else if (type == SQLITE_FLOAT)
            base_json_num(&j, sqlite3_column_double(s, i), 6);
        else
            base_json_str(&j, cell(s, i));
    }
    base_json_obj_end(&j);
    fprintf(o->f, "%.*s\n", BASE_FMT(base_buf_view(&b)));
    base_buf_release(&b);
}

static void row_csv(struct aud_out *o, sqlite3_stmt *s)
{
    for (int i = 0; i < sqlite3_column_count(s); i++) {
        int type = sqlite3_column_type(s, i);

        if (i)
            putc(',', o->f);
        if (type == SQLITE_INTEGER || type == SQLITE_FLOAT)
            fprintf(o->f, "%.*s", BASE_FMT(cell(s, i)));
        else if (type != SQLITE_NULL)
            aud_csv(o->f, cell(s, i));
    }
    fputs("\r\n", o->f);
}

static void row_html(struct aud_out *o, sqlite3_stmt *s)
{
    fputs("<tr>", o->f);
    for (int i = 0; i < sqlite3_column_count(s); i++) {
        int type = sqlite3_column_type(s, i);

        fputs(type == SQLITE_INTEGER || type == SQLITE_FLOAT ? "<td class=\"n\">" : "<td>", o->f);
        aud_html(o->f, cell(s, i));
        fputs("</td>", o->f);
    }
    fputs("</tr>\n", o->f);
}

/* ---- text: some rows are kept until the widths are known ---- */

struct text {
    struct base_buf cells; /* NUL-ended, row by row */
    int width[TEXT_COLS], n;
    uint64_t rows;
};

static int shown(struct base_str s)
{
    int n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* What a terminal may act on: control characters of both sets, and those that turn the direction of
 * what follows. */
static bool acts(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x061c;
}

static void text_cell(FILE *f, const char *z, int width, bool last)
{
    struct base_str s = base_str_c(z);
    int n = shown(s);

    while (s.n) {
        uint32_t c = 0xfffd;
        size_t step = base_utf8_decode(s.p, s.n, &c);

        if (step == 0 || acts(c))
            putc('?', f);
        else
            fwrite(s.p, 1, step, f);
        step = step ? step : 1;
        s = base_str_n(s.p + step, s.n - step);
    }
    for (int pad = n < width ? width - n + 2 : 2; !last && pad > 0; pad--)
        putc(' ', f);
}

static void text_keep(struct text *t, sqlite3_stmt *s)
{
    for (int i = 0; i < t->n; i++) {
        struct base_str c = cell(s, i);
        int n = shown(c);

        if (n > t->width[i])
            t->width[i] = n < TEXT_WIDTH ? n : TEXT_WIDTH;
        for (size_t k = 0; k < c.n; k++)
            base_buf_byte(&t->cells, c.p[k] ? c.p[k] : '?');
        base_buf_byte(&t->cells, 0);
    }
    t->rows++;
}

static void text_flush(struct aud_out *o, struct text *t)
{
    const char *at = t->cells.p;

    for (uint64_t r = 0; r < t->rows && base_buf_ok(&t->cells); r++) {
        for (int i = 0; i < t->n; i++) {
            text_cell(o->f, at, t->width[i], i + 1 == t->n);
            at += strlen(at) + 1;
        }
        putc('\n', o->f);
    }
    base_buf_clear(&t->cells);
    t->rows = 0;
}

/* ---- a table ---- */

static void head(struct aud_out *o, sqlite3_stmt *s, const char *title, struct text *t)
{
    int n = sqlite3_column_count(s);

    if (o->format == AUD_TEXT && o->many)
        fprintf(o->f, "\n%s\n", title);
    if (o->format == AUD_CSV) {
        if (o->many)
            fprintf(o->f, "%s# %s\r\n", o->tables ? "\r\n" : "", title);
        for (int i = 0; i < n; i++)
            fprintf(o->f, "%s%s", i ? "," : "", sqlite3_column_name(s, i));
        fputs("\r\n", o->f);
    }
    if (o->format == AUD_HTML) {
        fputs("<div class=\"wide\"><table><caption>", o->f);
        aud_html(o->f, base_str_c(title));
        fputs("</caption>\n<thead><tr>", o->f);
        for (int i = 0; i < n; i++) {
            fputs("<th scope=\"col\">", o->f);
            aud_html(o->f, base_str_c(sqlite3_column_name(s, i)));
            fputs("</th>", o->f);
        }
        fputs("</tr></thead>\n<tbody>\n", o->f);
    }
    if (o->format != AUD_TEXT)
        return;
    t->n = n < TEXT_COLS ? n : TEXT_COLS;
    for (int i = 0; i < t->n; i++) {
        const char *name = sqlite3_column_name(s, i);

        t->width[i] = (int)strlen(name);
        base_buf_add(&t->cells, name, strlen(name) + 1);
    }
    t->rows = 1;
}

enum base_status aud_out_table(struct aud_out *o, sqlite3 *db, sqlite3_stmt *s, const char *title,
                               uint64_t *rows, struct base_err *err)
{
    struct text t = {0};
    uint64_t n = 0;
    int rc;

    base_buf_init(&t.cells, CELLS_BYTES);
    if (o->format != AUD_JSONL)
        head(o, s, title, &t);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        n++;
        if (o->format == AUD_JSONL)
            row_jsonl(o, s, title);
        else if (o->format == AUD_CSV)
            row_csv(o, s);
        else if (o->format == AUD_HTML)
            row_html(o, s);
        else
            text_keep(&t, s);
        if (t.rows >= TEXT_ROWS)
            text_flush(o, &t);
    }
    text_flush(o, &t);
    if (n == 0 && o->format == AUD_TEXT)
        fputs("(none)\n", o->f);
    if (n == 0 && o->format == AUD_HTML)
        fprintf(o->f, "<tr><td colspan=\"%d\">none</td></tr>\n", sqlite3_column_count(s));
    if (o->format == AUD_HTML)
        fputs("</tbody></table></div>\n", o->f);
    o->tables++;
    base_buf_release(&t.cells);
    if (rows)
        *rows = n;
    if (rc != SQLITE_DONE)
        return base_err_set(err, BASE_EIO, "index: %s", sqlite3_errmsg(db));
    return ferror(o->f) ? base_err_sys(err, "output") : BASE_OK;
}

enum base_status aud_out_end(struct aud_out *o, struct base_str statement, struct base_err *err)
{
    if (o->format == AUD_HTML) {
        fputs("<h2>What this answer covers</h2><p>The whole log was verified before this answer "
              "was made. It covers every record under the checkpoint below, from the first to the "
              "last; what Weir does not record by design is listed in its threat model.</p><pre>",
              o->f);
        aud_html(o->f, statement);
        fputs("</pre></main></body></html>\n", o->f);
    } else if (o->format == AUD_JSONL) {
        fprintf(o->f, "{\"completeness\":%.*s}\n", BASE_FMT(statement));
    } else {
        fprintf(stderr, "completeness: %.*s\n", BASE_FMT(statement));
    }
    return fflush(o->f) == 0 ? BASE_OK : base_err_sys(err, "output");
}

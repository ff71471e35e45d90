/* chart.c - two kinds of plots: stacked bars and lines, over time, as SVG text.
 *
 * Owns       nothing; appends to a buffer. Any thread.
 * Format     a <figure> of 720 x 180 units: caption, plot with a scale of three numbers and the
 *            times of first and last point, legend, and the numbers as a table behind <details>.
 */
#include "gateway/dash/chart.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH  720.0
#define HEIGHT 180.0
#define LEFT   56.0
#define BOTTOM 22.0
#define TOP    8.0
#define ROWS   24 /* of the table: the newest ones */

void gw_html_put(struct base_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            base_buf_z(out, "&lt;");
        else if (*text == '>')
            base_buf_z(out, "&gt;");
        else if (*text == '&')
            base_buf_z(out, "&amp;");
        else if (*text == '"')
            base_buf_z(out, "&quot;");
        else
            base_buf_byte(out, *text);
    }
}

/* 1, 2 or 5 times a power of ten, at or above v. */
static double round_up(double v)
{
    if (!(v > 0))
        return 1;
    double p = pow(10, floor(log10(v)));
    for (int i = 0; i < 3; i++) {
        static const double step[] = {1, 2, 5};
        if (v <= step[i] * p * (1 + 1e-12))
            return step[i] * p;
    }
    return 10 * p;
}

static double x_of(const struct gw_chart *c, double i)
{
    return LEFT + (WIDTH - LEFT) * ((double)(c->slots - c->n) + i) / (double)c->slots;
}

static double y_of(double v, double top)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - v / top);
}

static double drawn(double v)
{
    return isfinite(v) && v > 0 ? v : 0;
}

/* "14:05" of a wall clock's time, UTC. */
static void time_text(int64_t us, char out[8])
{
    int64_t minute = us / 60000000;

    snprintf(out, 8, "%02d:%02d", (int)(minute / 60 % 24), (int)(minute % 60));
}

static void frame(struct base_buf *out, const struct gw_chart *c, double top)
{
    char from[8], to[8];

    base_buf_printf(out, "<svg viewBox=\"0 0 %g %g\" role=img aria-label=\"", WIDTH, HEIGHT);
    gw_html_put(out, c->title);
    base_buf_z(out, "\">");
    for (int i = 0; i <= 2; i++) {
        double v = top * i / 2, y = y_of(v, top);
        base_buf_printf(out,
                        "<line class=grid x1=\"%g\" y1=\"%.1f\" x2=\"%g\" y2=\"%.1f\"/>"
                        "<text x=\"%g\" y=\"%.1f\" text-anchor=end>%g</text>",
                        LEFT, y, WIDTH, y, LEFT - 6, y + 4, v);
    }
    time_text(c->t_us[0], from);
    time_text(c->t_us[c->n - 1], to);
    base_buf_printf(out,
                    "<text x=\"%.1f\" y=\"%g\">%s</text>"
                    "<text x=\"%g\" y=\"%g\" text-anchor=end>%s UTC</text>",
                    fmin(x_of(c, 0), WIDTH - 130), HEIGHT - 6, from, WIDTH, HEIGHT - 6, to);
}

static void number(struct base_buf *out, double v)
{
    if (!isfinite(v))
        base_buf_z(out, "–");
    else if (v == floor(v) && fabs(v) < 1e15)
        base_buf_printf(out, "%.0f", v);
    else
        base_buf_printf(out, "%.4g", v);
}

/* Legend and table, and the end of the figure. */
static void under(struct base_buf *out, const struct gw_chart *c)
{
    char at[8];

    base_buf_z(out, "</svg><p class=legend>");
    for (size_t i = 0; i < c->n_lines; i++) {
        base_buf_printf(out, "<span class=%s></span>", c->lines[i].colour);
        gw_html_put(out, c->lines[i].name);
        base_buf_byte(out, ' ');
    }
    base_buf_z(out, "</p><details><summary>Numbers</summary><table><tr><th>until (UTC)</th>");
    for (size_t i = 0; i < c->n_lines; i++) {
        base_buf_z(out, "<th>");
        gw_html_put(out, c->lines[i].name);
        base_buf_z(out, "</th>");
    }
    base_buf_z(out, "</tr>");
    for (size_t k = c->n > ROWS ? c->n - ROWS : 0; k < c->n; k++) {
        time_text(c->t_us[k], at);
        base_buf_printf(out, "<tr><td>%s</td>", at);
        for (size_t i = 0; i < c->n_lines; i++) {
            base_buf_z(out, "<td>");
            number(out, c->lines[i].v[k]);
            base_buf_z(out, "</td>");
        }
        base_buf_z(out, "</tr>");
    }
    base_buf_z(out, "</table></details></figure>\n");
}

static bool begin(struct base_buf *out, const struct gw_chart *c)
{
    base_buf_z(out, "<figure><figcaption>");
    gw_html_put(out, c->title);
    base_buf_z(out, ", ");
    gw_html_put(out, c->unit);
    base_buf_z(out, "</figcaption>");
    if (c->n > 0)
        return true;
    base_buf_z(out, "<p class=none>Nothing yet: the first point comes after some seconds.</p>"
                    "</figure>\n");
    return false;
}

void gw_chart_stack(struct base_buf *out, const struct gw_chart *c)
{
    double most = 0, wide = (WIDTH - LEFT) / (double)(c->slots ? c->slots : 1);

    if (!begin(out, c))
        return;
    for (size_t k = 0; k < c->n; k++) {
        double sum = 0;
        for (size_t i = 0; i < c->n_lines; i++)
            sum += drawn(c->lines[i].v[k]);
        most = fmax(most, sum);
    }
    double top = round_up(most);
    frame(out, c, top);
    for (size_t k = 0; k < c->n; k++) {
        double below = 0;
        for (size_t i = 0; i < c->n_lines; i++) {
            double v = drawn(c->lines[i].v[k]);
            if (v <= 0)
                continue;
            base_buf_printf(out,
                            "<rect class=%s x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>",
                            c->lines[i].colour, x_of(c, (double)k), y_of(below + v, top),
                            fmax(wide * 0.9, 0.5), y_of(below, top) - y_of(below + v, top));
            below += v;
        }
    }
    under(out, c);
}

void gw_chart_lines(struct base_buf *out, const struct gw_chart *c)
{
    double most = 0;

    if (!begin(out, c))
        return;
    for (size_t i = 0; i < c->n_lines; i++)
        for (size_t k = 0; k < c->n; k++)
            most = fmax(most, drawn(c->lines[i].v[k]));
    double top = round_up(most);
    frame(out, c, top);
    for (size_t i = 0; i < c->n_lines; i++) {
        bool down = false;
        base_buf_printf(out, "<path class=\"line %s\" d=\"", c->lines[i].colour);
        for (size_t k = 0; k < c->n; k++) {
            double v = c->lines[i].v[k];
            if (!isfinite(v)) {
                down = false;
                continue;
            }
            base_buf_printf(out, "%c%.2f %.2f", down ? 'L' : 'M', x_of(c, (double)k + 0.5),
                            y_of(drawn(v), top));
            if (!down) /* a point alone is seen too */
                base_buf_z(out, "h.01");
            down = true;
        }
        base_buf_z(out, "\"/>");
    }
    under(out, c);
}

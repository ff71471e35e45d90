/* chart.h - plots as inline SVG, for pages that fetch nothing and run no script.
 *
 * Each plot has its numbers as a table behind it (`<details>`), so that nobody has to see it. Names
 * are escaped; v may hold NAN where there is nothing to draw. Any thread.
 */
#ifndef GW_DASH_CHART_H
#define GW_DASH_CHART_H

#include "base/buf.h"
#include <stdint.h>

struct gw_chart_line {
    const char *name;
    const char *colour; /* a class: c0 ... c5, of the page's style sheet */
    const double *v;    /* one a point of time */
};

struct gw_chart {
    const char *title;
    const char *unit;    /* behind numbers: "ms", "a minute" */
    const int64_t *t_us; /* wall clock, ends of the spans, ascending */
    size_t n;            /* may be 0: says that there is nothing yet */
    size_t slots;        /* n or more: room for so many, the newest at the right */
    const struct gw_chart_line *lines;
    size_t n_lines;
};

/* Text with <, >, & and quotes escaped. */
void gw_html_put(struct base_buf *out, const char *text);
/* Bars, the lines above one another. */
void gw_chart_stack(struct base_buf *out, const struct gw_chart *c);
/* One line each. */
void gw_chart_lines(struct base_buf *out, const struct gw_chart *c);

#endif

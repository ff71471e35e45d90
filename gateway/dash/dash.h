/* dash.h - the dashboard: the page at / of the admin listener.
 *
 * One page that fetches nothing and runs no script (plots are inline SVG), made anew for each
 * request from what is in memory: the history (history.h), the metrics, the configuration in force,
 * the log's figures. It shows no content, no identifier and no secret. Loop 0's thread; never
 * blocks.
 */
#ifndef GW_DASH_H
#define GW_DASH_H

#include "gateway/net/server.h"

struct gw_dash; /* the history and the timer that feeds it */

/* On loop 0, before its events. NULL: no memory. */
struct gw_dash *gw_dash_new(struct gw_loop *l);
void gw_dash_free(struct gw_dash *d);

/* Appends the page for r: `?range=1h|24h`, `?refresh=SECONDS` (0: never; 10 unless told). False: d
 * is NULL, or out has no room. */
bool gw_dash_page(struct gw_dash *d, struct gw_server_request *r, struct base_buf *out);

/* notices.c: everything that somebody should look at now. Returns how many. */
struct gw_app_loop;
unsigned gw_dash_notices(struct gw_loop *l, struct base_buf *out);
/* tables.c: where data may go, what went through which route, the log and its copies, the engine.
 */
void gw_dash_tables(struct gw_loop *l, struct base_buf *out);

#endif

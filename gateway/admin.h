/* admin.h - the admin listener's requests: /metrics, /healthz, /readyz, the dashboard at /, and
 * /admin/v1/ for the pipeline. Never served by the main listener.
 */
#ifndef GW_ADMIN_H
#define GW_ADMIN_H

#include "gateway/net/server.h"

/* Handlers for gw_server_new's admin_ops; they find the app through loop->child. */
extern const struct gw_server_ops gw_admin_ops;

#endif

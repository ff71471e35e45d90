/* task.h - the task category of a text and the prior on its difficulty. Private to gateway/route.
 */
#ifndef GW_ROUTE_TASK_H
#define GW_ROUTE_TASK_H

#include "gateway/route/features.h"
#include "gateway/route/route.h"

/* The category, GW_TASK_UNKNOWN where no cue speaks. GW_TASK_AGENT here means that the words ask
 * for work with tools; gw_route_score also sets it when tools are in use. Pure. */
enum gw_task gw_task_of(const struct gw_features *f);
/* How far the text is an open request, in (0, 1]: 1 for work in the caller's own words, little for
 * exam questions, word problems, code to trace and material to transform. Pure. */
float gw_task_openness(const struct gw_features *f, enum gw_task task);
/* Log-odds in [-3, 3] that a text of this kind is hard, from its category and cue words. Pure. */
float gw_task_prior(const struct gw_features *f, enum gw_task task);

#endif

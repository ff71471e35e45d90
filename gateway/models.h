/* models.h - GET /v1/models and /v1/models/{id}: what may be asked for as `model`.
 */
#ifndef GW_MODELS_H
#define GW_MODELS_H

#include "gateway/request_types.h"

/* Answers and ends the request. Loop thread. The list is of names, not of permissions: policy still
 * decides each request. */
void gw_models_answer(struct gw_request *q);

#endif

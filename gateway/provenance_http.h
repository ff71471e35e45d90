/* provenance_http.h - who holds a text and a record of origin asks here whether they belong
 * together. Loop thread; never blocks; nothing of the text is kept or logged.
 */
#ifndef GW_PROVENANCE_HTTP_H
#define GW_PROVENANCE_HTTP_H

#include "gateway/request_types.h"

/* POST /v1/provenance/verify {"provenance","text"} and GET /v1/provenance/key. True: q is taken. */
bool gw_provenance_answer(struct gw_request *q);

#endif

/* media.h - images, sounds and files of any client dialect, for writers that have their own words
 * for them. Not for other folders.
 */
#ifndef GW_UPSTREAM_MEDIA_H
#define GW_UPSTREAM_MEDIA_H

#include "base/str.h"
#include <jansson.h>

enum gw_media_kind { GW_MEDIA_IMAGE, GW_MEDIA_AUDIO, GW_MEDIA_FILE };

struct gw_media {
    enum gw_media_kind kind;
    struct base_str mime; /* "image/png"; empty where nobody says */
    struct base_str data; /* base64; empty: url */
    struct base_str url;  /* as the client wrote it, a data: URL included */
    struct base_str name; /* of a file, or empty */
    json_t *root;         /* owns the strings */
};

/* raw: the JSON of a content part that is not text. False when it is nothing of the kind: then
 * there is nothing to release. Pure; large data is not copied. */
bool gw_media_read(struct base_str raw, struct gw_media *out);
void gw_media_release(struct gw_media *m);

#endif

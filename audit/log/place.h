/* place.h - where a file of a log directory is: paths, and the two places that a file may have
 * while the log changes its period. Private to audit/. Everything but aud_path blocks on the disk.
 */
#ifndef AUD_PLACE_H
#define AUD_PLACE_H

#include "base/err.h"

#include <stdbool.h>

#define AUD_PATH_MAX  4096
#define AUD_NEXT      "next"      /* a period that has begun and is not in its place yet */
#define AUD_NEXT_PART "next.part" /* one made ahead; not evidence */
#define AUD_DROPPED   "dropped.part"

/* DIR/name. BASE_LIMIT: too long; room for 64 more bytes is left. */
enum base_status aud_path(char out[AUD_PATH_MAX], const char *dir, const char *name,
                          struct base_err *err) BASE_MUST_CHECK;
/* DIR/name of one period; while a change of period is under way a name may not have been moved yet
 * (or have been moved already), and is then taken from where it is. For readers. */
enum base_status aud_read_path(char out[AUD_PATH_MAX], const char *dir, const char *name,
                               struct base_err *err) BASE_MUST_CHECK;
bool aud_there(const char *dir, const char *name);

#endif

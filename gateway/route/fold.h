/* fold.h - sampling and folding of text. Private to gateway/route. */
#ifndef GW_ROUTE_FOLD_H
#define GW_ROUTE_FOLD_H

#include "gateway/route/features.h"

/* Copies the concatenation of n pieces (at most GW_FEAT_PIECES_MAX), or its head and tail if it is
 * longer than GW_FEAT_TEXT_BYTES, into raw[GW_FEAT_TEXT_BYTES]. Returns the bytes copied; *total is
 * the length of the whole. */
size_t gw_fold_sample(const struct base_str *pieces, size_t n, char *raw, uint64_t *total);
/* Folds raw[0..n) into out, which has room for n bytes; returns the length, never above n. */
size_t gw_fold(const char *raw, size_t n, char *out);

#endif

/* score.h - what route.c and request.c share. Private to gateway/route. */
#ifndef GW_ROUTE_SCORE_H
#define GW_ROUTE_SCORE_H

#include "gateway/route/route.h"

/* Scores the concatenation of n pieces (at most GW_FEAT_PIECES_MAX are read); *n_words tells how
 * many words counted. Never blocks, never fails. */
void gw_route_score_pieces(const struct base_str *pieces, size_t n, struct gw_score *out,
                           uint32_t *n_words);

/* Cuts the harness blocks out of text and appends what stands between them to pieces[*n..max).
 * Text behind the last piece that fits is not read. Pure. */
void gw_route_strip_harness(struct base_str text, struct base_str *pieces, size_t *n, size_t max);

#endif

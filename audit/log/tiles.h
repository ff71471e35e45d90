/* tiles.h - the derived view of the log in C2SP tlog-tiles form. Private to audit/. */
#ifndef AUD_TILES_H
#define AUD_TILES_H

#include "audit/log/wal.h"

#define AUD_TILE_WIDTH    256u
#define AUD_TILE_LEVELS   8u
#define AUD_TILE_NAME_MAX 128
#define AUD_BUNDLE_BYTES  (AUD_TILE_WIDTH * (2u + AUD_LEAF_BYTES_MAX))
#define AUD_TILE_ENTRIES  255u /* the "level" of entry bundles */

/* "tile/0/x001/067" or "tile/entries/000.p/17"; width 0 or 256 is the full tile. */
void aud_tile_name(unsigned level, uint64_t n, unsigned width, char out[AUD_TILE_NAME_MAX]);
/* The reverse, of a whole name. False: not the name of a tile. Full tiles give width 256. */
bool aud_tile_parse(const char *name, unsigned *level, uint64_t *n, unsigned *width);

struct aud_tiler; /* one thread */

/* Owned. dir is copied. */
struct aud_tiler *aud_tiler_new(const char *dir);
void aud_tiler_free(struct aud_tiler *t);
/* Tries to go on behind `size` from the right-hand tiles on disk: true only if every tile file is
 * there and the right edge hashes to root. Otherwise the tiler starts at leaf 0. */
bool aud_tiler_resume(struct aud_tiler *t, uint64_t size, const struct aud_hash *root);
uint64_t aud_tiler_size(const struct aud_tiler *t);
/* Takes leaves [size, upto) from the write-ahead log, at least one batch and about budget leaves at
 * most; writes full tiles. upto must be the size at a durable COMMIT. BASE_AGAIN: not there yet. */
enum base_status aud_tiler_step(struct aud_tiler *t, uint64_t upto, uint64_t budget,
                                struct base_err *err) BASE_MUST_CHECK;
/* Writes the partial tiles of the present size. */
enum base_status aud_tiler_flush(struct aud_tiler *t, struct base_err *err) BASE_MUST_CHECK;

/* Makes all that was written so durable: before a state that calls the log clean. May take long. */
enum base_status aud_tiles_sync(const char *dir, struct base_err *err) BASE_MUST_CHECK;

#endif

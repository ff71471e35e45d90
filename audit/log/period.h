/* period.h - a log is a chain of periods, each a tree of its own. Private to audit/.
 *
 * Names, the leaves that join two periods, and where the files of each period are. Format:
 * docs/audit-format.md, "Periods". Functions with a directory block; the others are pure.
 */
#ifndef AUD_PERIOD_H
#define AUD_PERIOD_H

#include "audit/log/intents.h"
#include "audit/log/state.h"

#define AUD_PERIODS_MAX 100000u

/* Splits "BASE/2026-12.3" into its base and 3; any other origin is its own base and period 1. */
void aud_origin_split(const char *origin, struct base_str *base, uint64_t *period);
/* The origin of a later period that begins at t_us. BASE_LIMIT: base is too long. */
enum base_status aud_origin_make(struct base_str base, uint64_t period, int64_t t_us,
                                 char out[AUD_NAME_MAX + 1], struct base_err *err) BASE_MUST_CHECK;
/* Is k the key of some period of the log whose key is `trusted`: same base, same public key? */
bool aud_period_key(const struct aud_vkey *trusted, const struct aud_vkey *k);

/* What log.begin says. */
struct aud_begin {
    uint64_t period, before; /* before: the records of all earlier periods */
    struct base_buf note;    /* the previous period's last checkpoint, as signed */
};
/* Leaf 0 of every period but the first. True: out is filled (release out->note). */
bool aud_begin_parse(struct base_str leaf, struct aud_begin *out);
void aud_begin_release(struct aud_begin *b);
/* Checks that note against the previous period's key; *cp is what it says. */
enum base_status aud_begin_checkpoint(const struct aud_begin *b, const struct aud_vkey *trusted,
                                      struct aud_checkpoint *cp,
                                      struct base_err *err) BASE_MUST_CHECK;

/* What retention.dropped says. */
struct aud_dropped {
    uint64_t period, records;
    struct aud_hash root;
    char origin[AUD_NAME_MAX + 1];
};
bool aud_dropped_parse(struct base_str leaf, struct aud_dropped *out);
/* The origin that log.end names. */
bool aud_end_parse(struct base_str leaf, char next[AUD_NAME_MAX + 1]);

/* The leaves, complete. */
bool aud_leaf_begin(struct base_buf *out, const struct aud_begin *b);
bool aud_leaf_end(struct base_buf *out, const char *next_origin);
/* One log.carried leaf with list[0..n) as far as about 4 KiB go; returns how many it took. */
size_t aud_leaf_carried(struct base_buf *out, struct aud_intent *const *list, size_t n);
bool aud_leaf_dropped(struct base_buf *out, uint64_t period, const char *origin, uint64_t records,
                      const struct aud_hash *root, uint32_t keep);
/* retention.kept: the period stays although it is past keep_periods; why is "hold" (of so many
 * subjects) or "record_days" (of so many). */
bool aud_leaf_kept(struct base_buf *out, uint64_t period, const char *origin, const char *why,
                   uint64_t number, uint32_t keep);
/* Calls fn for each request of a log.carried leaf, its strings still escaped; false: malformed. */
bool aud_carried_each(struct base_str leaf,
                      bool (*fn)(void *ctx, uint64_t intent, struct base_str req,
                                 struct base_str tenant),
                      void *ctx);

/* ---- where the files are ---- */

/* The places of all periods that are there, oldest first; the last is the current one. */
struct aud_places {
    struct aud_place {
        uint64_t period; /* as the folder says; 0 for the current one and one being closed */
        char dir[AUD_PATH_MAX];
    } * at;
    size_t n;
    bool changing; /* next/ is there: the last but one may not have its last signature yet */
};
enum base_status aud_places_list(const char *dir, struct aud_places *out,
                                 struct base_err *err) BASE_MUST_CHECK;
void aud_places_release(struct aud_places *p);

#endif

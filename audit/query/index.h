/* index.h - the log's records as tables, for questions. Private to audit/ and the command line.
 *
 * The index is derived: DIR/index.sqlite is made of the log's records and of nothing else, and is
 * thrown away and made again when it is missing, damaged, of another log or behind a history that
 * is not this log's. It is no evidence. Every opening verifies the whole log first, brings the
 * index up to the signed size and compares the tree's root there; so an answer can say which
 * records it covers.
 */
#ifndef AUD_INDEX_H
#define AUD_INDEX_H

#include "audit/audit.h"
#include "base/json.h"

#include <sqlite3.h>

#define AUD_INDEX_FILE "index.sqlite"

/* What an answer covers. */
struct aud_cover {
    char origin[256], vkey[512], root[65];
    char dir[4096];
    uint64_t first, end;       /* numbers of the records that are covered: [first, end) */
    uint64_t size;             /* of the current period's tree under the checkpoint */
    uint64_t periods, dropped; /* that were read; earlier ones that a record says were dropped */
    uint64_t not_signed;       /* later ones, consistent but not covered */
    bool own_vkey;             /* verified only against the key in the log itself */
    bool fresh;                /* made from the log for this answer alone, the file not trusted */
    bool live;
    struct base_buf checkpoint; /* as published, signatures included */
};

struct aud_index;

/* Verifies DIR (vkey NULL: with its own key) and opens an up-to-date index; fresh: in memory, from
 * the records alone. Blocks for as long as the log is long. BASE_EINVAL: the log does not hold (err
 * says where); nothing is answered then. */
enum base_status aud_index_open(const char *dir, const char *vkey, bool fresh,
                                struct aud_index **out, struct base_err *err) BASE_MUST_CHECK;
void aud_index_free(struct aud_index *ix);
sqlite3 *aud_index_db(struct aud_index *ix);
const struct aud_cover *aud_index_cover(const struct aud_index *ix);
/* The statement of completeness as a JSON object. rows < 0: not said. */
void aud_cover_json(struct base_json *j, const struct aud_cover *c);

/* Runs SQL without results; the error names what. */
enum base_status aud_index_exec(sqlite3 *db, const char *sql, struct base_err *err) BASE_MUST_CHECK;

/* ---- index_rows.c ---- */

#define AUD_INDEX_SCHEMA 5

extern const char aud_index_schema[];
struct aud_rows; /* prepared statements */
enum base_status aud_rows_new(sqlite3 *db, struct aud_rows **out,
                              struct base_err *err) BASE_MUST_CHECK;
void aud_rows_free(struct aud_rows *r);
/* One record into the tables. g: its number among all. BASE_EINVAL: no leaf. */
enum base_status aud_rows_add(struct aud_rows *r, uint64_t g, struct base_str leaf,
                              struct base_err *err) BASE_MUST_CHECK;
/* True if all places of a list are in the EU (or, eea, the EEA) or on premises. */
bool aud_places_inside(const char *const *v, size_t n, bool eea);

#endif

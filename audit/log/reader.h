/* reader.h - the records of a log in order, through all its periods, while it is written. One
 * thread; blocks on files. For whatever follows the log: sinks, the index, `show`.
 */
#ifndef AUD_READER_H
#define AUD_READER_H

#include "audit/audit.h"
#include "audit/log/state.h"
#include "audit/log/wal.h"

struct aud_reader;

/* Opens the log in dir so that the first batch holds record `from`, or comes as near to it as there
 * is; when its period is gone, at the oldest record that is there. Owned. */
enum base_status aud_reader_open(const char *dir, uint64_t from, struct aud_reader **out,
                                 struct base_err *err) BASE_MUST_CHECK;
/* The next batch: leaves with the numbers they have in the whole log, valid until the next call.
 * The first batch may begin before `from`. BASE_DONE: no more at present, call again later;
 * BASE_EINVAL: the log is damaged. */
enum base_status aud_reader_next(struct aud_reader *r, const struct aud_leaf_ref **leaves,
                                 size_t *n, struct base_err *err) BASE_MUST_CHECK;
/* The origin of the period of the last batch; and the number of that period's first record. */
const char *aud_reader_origin(const struct aud_reader *r);
uint64_t aud_reader_before(const struct aud_reader *r);
void aud_reader_close(struct aud_reader *r); /* NULL is fine */

/* The period that record `number` is in. BASE_ENOENT: none that is here. */
struct aud_where {
    char dir[4096]; /* its place */
    struct aud_conf conf;
    uint64_t before; /* the number of its first record */
    bool last;       /* it is the current one */
};
enum base_status aud_where_number(const char *dir, uint64_t number, struct aud_where *out,
                                  struct base_err *err) BASE_MUST_CHECK;
/* The period with this origin. */
enum base_status aud_where_origin(const char *dir, const char *origin, struct aud_where *out,
                                  struct base_err *err) BASE_MUST_CHECK;

#endif

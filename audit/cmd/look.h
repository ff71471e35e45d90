/* look.h - what an auditor may read of a running gateway's log, as `weir audit` shows it of a
 * directory: verify, prove, show, query, export. Never content. Blocks for as long as the log is
 * long: a thread of its own, never a loop.
 */
#ifndef AUD_LOOK_H
#define AUD_LOOK_H

#include "audit/query/ask.h"

enum aud_look_what {
    AUD_LOOK_VERIFY,     /* the report as JSON: log and content against each other */
    AUD_LOOK_CHECKPOINT, /* {"checkpoint","origin","vkey"} of the current period */
    AUD_LOOK_PROOF,      /* C2SP tlog-proof of record `number`, with the record */
    AUD_LOOK_RECORDS,    /* JSON lines {"index","leaf"} from `number` on, at most ask.limit */
    AUD_LOOK_QUERY,      /* a row a request, by ask */
    AUD_LOOK_EXPORT      /* the report `report` */
};

#define AUD_LOOK_BYTES_MAX   (7u << 20)
#define AUD_LOOK_RECORDS_MAX 10000u

struct aud_look {
    enum aud_look_what what;
    const char *dir;
    const char *who; /* for the record */
    uint64_t number;
    struct aud_ask ask; /* ask.subject is not used: names do not stand in addresses */
    const char *report;
    bool html; /* query and export: HTML, else JSON lines */
    /* Makes the record of the reading durable; nothing is shown if it cannot. */
    enum base_status (*record)(void *ctx, struct base_str leaf, struct base_err *err);
    void *ctx;
};

/* Records the reading, then appends what was asked for to out (made with AUD_LOOK_BYTES_MAX).
 * BASE_ENOENT: there is no such record or report; BASE_EINVAL: the log does not hold; BASE_LIMIT:
 * the answer does not fit. */
enum base_status aud_look(const struct aud_look *l, struct base_buf *out,
                          struct base_err *err) BASE_MUST_CHECK;

#endif

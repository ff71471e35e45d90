/* review.h - answers that wait for a human before anyone gets them.
 *
 * A use case with `human_review: hold` (AI Act Art. 14, GDPR Art. 22) gets its answer only after a
 * reviewer has approved it. The whole answer is kept here, in memory only, until then; the client
 * is told so (403 review_pending) and asks again with `x-weir-review: ID`. A restart or the end of
 * its time loses what waits: the client then asks anew, and the log tells that nobody got it.
 *
 * Every function: any thread; a lock is held for the length of a copy, and only requests under
 * review come here.
 */
#ifndef GW_REVIEW_H
#define GW_REVIEW_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#define GW_REVIEWS_MAX       1000
#define GW_REVIEW_BYTES_MAX  (64u << 20) /* all of them together */
#define GW_REVIEW_REASON_MAX 500
/* What one tenant can have of either. */
#define GW_REVIEWS_SHARE(all) ((all) / 4 * 3)

enum gw_review_state { GW_REVIEW_PENDING, GW_REVIEW_APPROVED, GW_REVIEW_REJECTED };

struct gw_review_item {
    char id[BASE_UUID_MAX]; /* that of the request whose answer it is */
    struct base_str tenant, key, use_case, route;
    struct base_str subject;               /* x-weir-subject, or empty */
    struct base_str content_type, headers; /* as the answer would have gone out */
    struct base_str text;                  /* what a reviewer reads of it */
    struct base_str body;
    int64_t created_us; /* wall clock */
    enum gw_review_state state;
    struct base_str reviewer, reason; /* of the verdict */
};

struct gw_reviews;

/* ttl_s: how long an answer waits, and how long an approved one can be fetched. NULL: no memory. */
struct gw_reviews *gw_reviews_new(uint32_t ttl_s);
void gw_reviews_free(struct gw_reviews *r); /* wipes the answers */
/* Copies item (state and verdict are ignored). BASE_LIMIT: the queue is full; the answer must be
 * refused. */
enum base_status gw_reviews_put(struct gw_reviews *r, const struct gw_review_item *item,
                                struct base_err *err) BASE_MUST_CHECK;
/* Copies the item into arena. tenant: only one of this tenant's (empty: any; for reviewers).
 * BASE_ENOENT: unknown, another tenant's, or its time is over. */
enum base_status gw_reviews_get(struct gw_reviews *r, struct base_str id, struct base_str tenant,
                                struct base_arena *a, struct gw_review_item *out,
                                struct base_err *err) BASE_MUST_CHECK;
/* Says that a verdict is being recorded, for GW_REVIEW_CLAIM_S: of two reviewers one is in the log.
 * BASE_EINVAL: somebody else is at it, or it has a verdict. */
#define GW_REVIEW_CLAIM_S 10
enum base_status gw_reviews_claim(struct gw_reviews *r, struct base_str id,
                                  struct base_err *err) BASE_MUST_CHECK;
/* Gives the verdict: once. BASE_EINVAL: it has one already. A rejected answer's body is wiped. */
enum base_status gw_reviews_decide(struct gw_reviews *r, struct base_str id, bool approve,
                                   struct base_str reviewer, struct base_str reason,
                                   struct base_err *err) BASE_MUST_CHECK;
/* Wipes what waits of a subject (of one tenant, or of all) or of one request. NULL: not said. */
void gw_reviews_erase(struct gw_reviews *r, const char *subject, const char *tenant,
                      const char *req);
/* Writes an array of all items without their bodies, oldest first. */
void gw_reviews_json(struct gw_reviews *r, struct base_json *j);
size_t gw_reviews_pending(struct gw_reviews *r);
const char *gw_review_state_name(enum gw_review_state s);

#endif

/* policy_watch.h - `policy_watch: true`: the policy, the shadow policy and the dated tables, and
 * their signatures, taken when their files change, as by SIGHUP. The supervisor's; blocks on files.
 */
#ifndef GW_POLICY_WATCH_H
#define GW_POLICY_WATCH_H

#include "conf/conf.h"
#include "gateway/keys.h"

#define GW_WATCH_POLL_MS   250
#define GW_WATCH_SETTLE_MS 400  /* without a change before files are read */
#define GW_WATCH_LATEST_MS 5000 /* files that keep changing are read all the same */
#define GW_WATCH_FILES     8    /* four files, each with a signature */

struct gw_watch {
    struct gw_keys_stamp stamp[GW_WATCH_FILES];
    uint64_t changed_us; /* 0: nothing new */
    uint64_t since_us;   /* of the first change that was not looked at yet */
    uint8_t tried[32];   /* SHA-256 of all of them when they were last taken, or refused */
    bool begun;
};

/* Looks at c's files; true when their bytes are others than those last tried and have not changed
 * for GW_WATCH_SETTLE_MS, or have kept changing for GW_WATCH_LATEST_MS: a reload is due. Zeroed at
 * the start; c may be another one each time. */
bool gw_watch_due(struct gw_watch *w, const struct conf *c, uint64_t now_us);

#endif

/* watch.h - the log's watchman: free disk space and the wall clock. Private to audit/. */
#ifndef AUD_WATCH_H
#define AUD_WATCH_H

#include "audit/audit.h"

struct aud_watch;

/* Starts the thread. o's thresholds are copied; l gets the leaves. */
enum base_status aud_watch_new(struct aud_log *l, const struct aud_options *o,
                               struct aud_watch **out, struct base_err *err) BASE_MUST_CHECK;
/* Stops and joins it. NULL is fine. */
void aud_watch_free(struct aud_watch *w);
/* Any thread, never blocks. w may be NULL. */
enum aud_disk aud_watch_disk(const struct aud_watch *w);
void aud_watch_stats(const struct aud_watch *w, struct aud_stats *out);

#endif

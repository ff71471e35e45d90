/* audit_keeper_util.h - a log with its keeper of content in a scratch directory, one text kept and
 * read back: what tests of content share. */
#ifndef TESTS_AUDIT_KEEPER_UTIL_H
#define TESTS_AUDIT_KEEPER_UTIL_H

#include "tests/unit/audit_util.h"

#include "audit/content/keeper.h"
#include "audit/content/keyring.h"

#define CANARY "canary-7f3a of the subject who wants to be forgotten"

static const struct conf_master file_master = {.kind = CONF_MASTER_FILE, .timeout_ms = 3000};

struct kit {
    char dir[UT_PATH];
    struct aud_log *log;
    struct aud_keeper *keeper;
};

static inline void kit_open_with(struct kit *k, const struct conf_master *m)
{
    struct aud_keeper_options o = {.directory = k->dir, .master = m};
    struct base_err err = {0};

    k->log = ut_open(k->dir, 65536, 20);
    if (aud_keeper_open(&o, k->log, &k->keeper, &err) != BASE_OK)
        fail_msg("keeper: %s", err.text);
}

static inline void kit_open(struct kit *k)
{
    kit_open_with(k, &file_master);
}

static inline void kit_close(struct kit *k)
{
    aud_keeper_close(k->keeper);
    ut_close(k->log);
}

/* ---- keeping, and waiting for it ---- */

struct waited {
    pthread_mutex_t mu;
    pthread_cond_t cv;
    bool done;
    enum base_status st;
    char tag[AUD_TAG_HEX];
};

static inline void on_kept(void *ctx, enum base_status st, const char *tag)
{
    struct waited *w = ctx;

    pthread_mutex_lock(&w->mu);
    w->done = true;
    w->st = st;
    snprintf(w->tag, sizeof(w->tag), "%s", tag);
    pthread_cond_signal(&w->cv);
    pthread_mutex_unlock(&w->mu);
}

static inline enum base_status keep(struct kit *k, const char *subject, const char *req,
                                    const char *text, int64_t minimum_s, int64_t maximum_s,
                                    char tag[AUD_TAG_HEX])
{
    struct waited w = {.mu = PTHREAD_MUTEX_INITIALIZER, .cv = PTHREAD_COND_INITIALIZER};
    struct aud_keep what = {.tenant = BASE_STR("acme"),
                            .subject = base_str_c(subject),
                            .classes = 1,
                            .minimum_s = minimum_s,
                            .maximum_s = maximum_s,
                            .n_blobs = text ? 2 : 0};

    snprintf(what.req, sizeof(what.req), "%s", req);
    what.blob[0].kind = AUD_REQUEST;
    what.blob[0].bytes = base_str_c(text);
    what.blob[1].kind = AUD_DELIVERED;
    what.blob[1].bytes = BASE_STR("an answer");
    enum base_status st = aud_keeper_keep(k->keeper, &what, on_kept, &w);
    if (st != BASE_OK)
        return st;
    pthread_mutex_lock(&w.mu);
    while (!w.done)
        pthread_cond_wait(&w.cv, &w.mu);
    pthread_mutex_unlock(&w.mu);
    if (tag)
        snprintf(tag, AUD_TAG_HEX, "%s", w.tag);
    return w.st;
}

static inline enum base_status same_text(void *ctx, const struct aud_blob *b, struct base_str plain)
{
    if (b->kind == AUD_REQUEST && base_str_is(plain, *(const char **)ctx))
        *(const char **)ctx = NULL; /* found */
    return BASE_OK;
}

/* Is the request's content there, and text? */
static inline enum base_status reads(struct kit *k, const char *req, const char *text)
{
    enum base_status st = aud_keeper_read(k->keeper, req, "a test", NULL, same_text, &text, NULL);

    return st == BASE_OK && text ? BASE_EINVAL : st;
}

#endif

/* witness_client.c - the log's side of its witnesses, on a thread of its own.
 *
 * Looks at DIR/checkpoint, which the signer replaces once a second at most; when it is new, each
 * witness in turn is asked for its cosignature with a proof from the size it signed last (from
 * proof.c, that is from a few tiles). 409 says what that size is: asked again from there. Lines
 * that verify are added to DIR/checkpoint if it still is the one that was signed, and when the
 * quorum is complete the whole note becomes DIR/witnessed. Both are replaced atomically; the
 * signer may replace checkpoint at the same moment, so the adding happens under the log's own
 * order: the file's content is compared before, and an older text is never put over a newer one
 * (aud_checkpoint_mu, which the signer takes too).
 *
 * Nothing waits for a witness. One that is away is asked again with the next checkpoint, or after
 * RETRY_MS. A witness that says 422 has signed another history: that is logged as an error, counted
 * as refused, and the others go on.
 */
#include "audit/witness/witness.h"
#include "audit/witness/witnesses.h"

#include "audit/log/core.h"
#include "audit/log/period.h"
#include "audit/sinks/sink.h"
#include "audit/verify/proof.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS    200u
#define RETRY_MS   5000u
#define TIMEOUT_MS 5000u
#define WITNESSES  AUD_WITNESSES_MAX

struct peer {
    char *url, *ca;
    struct aud_vkey key;
    struct conf_sink conf; /* what sink_http.c reads: the CA */
    struct aud_sink_env env;
    struct aud_http *http;
    uint64_t known; /* the size it has of this period, as far as we know */
    uint64_t retry_us;
    struct base_buf line; /* its cosignature of `now`; empty: not yet */
    struct aud_witness_stats stats;
};

struct aud_witnesses {
    char dir[AUD_PATH_MAX];
    struct peer peer[WITNESSES];
    size_t n;
    unsigned quorum;
    struct aud_vkey log; /* of the period that is asked about */
    struct aud_checkpoint now;
    struct base_buf note; /* the checkpoint that is asked about, as the log signed it */
    uint64_t since_us;    /* it was first seen */
    atomic_bool abort;

    pthread_t thread;
    pthread_mutex_t mu; /* the stats, and: */
    pthread_cond_t cv;
    bool stop;
    uint64_t witnessed, lag_since_us;
};

/* ---- one witness ---- */

static void say(struct aud_witnesses *w, struct peer *p, bool refused, const char *fmt, ...)
    BASE_PRINTF(4, 5);
static void say(struct aud_witnesses *w, struct peer *p, bool refused, const char *fmt, ...)
{
    char text[sizeof(p->stats.error)];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&w->mu);
    bool same = strcmp(p->stats.error, text) == 0;
    memcpy(p->stats.error, text, sizeof(text));
    if (refused)
        p->stats.refused++;
    else
        p->stats.failed++;
    pthread_mutex_unlock(&w->mu);
    p->retry_us = base_mono_us() + RETRY_MS * 1000ull;
    if (same) /* said already */
        return;
    if (refused)
        base_error("audit", "witness %s: %s", p->stats.name, text);
    else
        base_warn("audit", "witness %s: %s", p->stats.name, text);
}

/* The request's body. */
static enum base_status body_for(struct aud_witnesses *w, const struct peer *p,
                                 struct base_buf *out, struct base_err *err)
{
    struct aud_hash proof[AUD_PROOF_MAX], old;
    size_t n = 0;
    enum base_status st = BASE_OK;

    if (p->known > 0) {
        st = aud_proof_root(w->dir, p->known, &w->now, &old, err);
        if (st == BASE_OK)
            st = aud_proof_consistency(w->dir, p->known, &old, &w->now, proof, &n, err);
    }
    if (st != BASE_OK)
        return st;
    base_buf_clear(out);
    base_buf_printf(out, "old %" PRIu64 "\n", p->known);
    aud_proof_print(out, proof, n);
    base_buf_byte(out, '\n');
    return base_buf_str(out, base_buf_view(&w->note)) ? BASE_OK : BASE_ENOMEM;
}

/* Is this one line its cosignature of the checkpoint that is asked about? */
static bool is_its_line(struct aud_witnesses *w, const struct peer *p, struct base_str line)
{
    struct base_buf note;
    bool has = false;

    base_buf_init(&note, 2 * AUD_NOTE_MAX);
    base_buf_str(&note, base_buf_view(&w->note));
    base_buf_str(&note, line);
    base_buf_byte(&note, '\n');
    bool ok = base_buf_ok(&note) &&
              aud_cosigned(base_buf_view(&note), &p->key, &has, NULL, NULL) == BASE_OK && has;
    base_buf_release(&note);
    return ok;
}

/* 200: one of its lines must verify, and that one alone is taken. What else a witness sends would
 * stand in our own checkpoint: a bad line in the log's name makes that unreadable, for the next
 * open too; one in another witness's name breaks the quorum; many lines are no note any more. */
static void take_line(struct aud_witnesses *w, struct peer *p, struct base_str reply)
{
    struct base_str rest = reply.n > 4096 ? BASE_STR_NULL : reply, line = BASE_STR_NULL;
    bool found = false;

    while (!found && rest.p && rest.n) {
        line = base_str_cut(&rest, '\n');
        found = line.n > 0 && is_its_line(w, p, line);
    }
    if (!found) {
        say(w, p, false, "its answer does not verify");
        return;
    }
    base_buf_clear(&p->line);
    base_buf_str(&p->line, line);
    base_buf_byte(&p->line, '\n');
    p->known = w->now.size;
    pthread_mutex_lock(&w->mu);
    p->stats.size = p->known;
    p->stats.signed_us = (uint64_t)base_wall_us();
    p->stats.error[0] = 0;
    pthread_mutex_unlock(&w->mu);
}

static void ask(struct aud_witnesses *w, struct peer *p)
{
    struct base_buf body, reply;
    struct base_err err = {0};
    static const char *const headers[] = {"content-type: text/plain", "expect:"};
    int status = 0;
    uint32_t retry_s = 0;
    uint64_t size;

    base_buf_init(&body, AUD_WITNESS_BODY_MAX);
    base_buf_init(&reply, 65536);
    for (int tries = 0; tries < 3; tries++) {
        enum base_status st = body_for(w, p, &body, &err);
        if (st == BASE_OK)
            st = aud_http_do(p->http, "POST", p->url, headers, 2, base_buf_view(&body), &status,
                             &retry_s, &reply, &err);
        pthread_mutex_lock(&w->mu);
        p->stats.asked++;
        pthread_mutex_unlock(&w->mu);
        if (st != BASE_OK) {
            say(w, p, false, "%.140s", err.text);
            break;
        }
        struct base_str text = base_str_trim(base_buf_view(&reply));
        if (status == 200) {
            take_line(w, p, base_buf_view(&reply));
        } else if (status == 409 && base_str_u64(text, &size) && size <= w->now.size &&
                   size != p->known) {
            p->known = size;
            continue;
        } else if (status == 409 && base_str_u64(text, &size) && size > w->now.size) {
            say(w, p, true,
                "it has signed size %" PRIu64 ", this log has %" PRIu64 ": the log was rolled back",
                size, w->now.size);
        } else if (status == 422 || status == 409) { /* 409: by older texts of tlog-witness */
            say(w, p, true, "it has signed another history of this log");
        } else {
            say(w, p, status == 403 || status == 404, "it answered %d", status);
        }
        break;
    }
    base_buf_release(&body);
    base_buf_release(&reply);
}

/* ---- what comes of it ---- */

static bool file_is(const struct aud_witnesses *w, const char *name, struct base_str want)
{
    char path[AUD_PATH_MAX];
    struct base_buf b;
    bool same = false;

    base_buf_init(&b, AUD_NOTE_MAX);
    if (aud_path(path, w->dir, name, NULL) == BASE_OK && base_file_read(path, &b, NULL) == BASE_OK)
        same = base_str_starts(base_buf_view(&b), want);
    base_buf_release(&b);
    return same;
}

/* Adds what has come to the files. */
static void store(struct aud_witnesses *w)
{
    char path[AUD_PATH_MAX], origin[AUD_NAME_MAX + 2];
    struct base_buf note;
    struct base_err err = {0};
    unsigned have = 0;
    enum base_status st = BASE_OK;

    /* the whole first line: the first period's name is how the others' begin */
    snprintf(origin, sizeof(origin), "%s\n", w->now.origin);

    base_buf_init(&note, AUD_NOTE_MAX);
    base_buf_str(&note, base_buf_view(&w->note));
    for (size_t i = 0; i < w->n; i++) {
        base_buf_str(&note, base_buf_view(&w->peer[i].line));
        have += w->peer[i].line.n > 0;
    }
    pthread_mutex_lock(&aud_checkpoint_mu); /* against the signer's next one, or a new period */
    if (have > 0 && file_is(w, "checkpoint", base_buf_view(&w->note))) {
        st = aud_path(path, w->dir, "checkpoint", &err);
        if (st == BASE_OK)
            st = base_file_replace(path, base_buf_view(&note), 0644, &err);
    }
    if (st == BASE_OK && have >= w->quorum && w->witnessed < w->now.size &&
        file_is(w, "checkpoint", base_str_c(origin))) {
        st = aud_path(path, w->dir, "witnessed", &err);
        if (st == BASE_OK)
            st = base_file_replace(path, base_buf_view(&note), 0644, &err);
        pthread_mutex_lock(&w->mu);
        if (st == BASE_OK) {
            w->witnessed = w->now.size;
            w->lag_since_us = 0;
        }
        pthread_mutex_unlock(&w->mu);
    }
    pthread_mutex_unlock(&aud_checkpoint_mu);
    if (st != BASE_OK)
        base_warn("audit", "what the witnesses signed was not stored: %s", err.text);
    base_buf_release(&note);
}

/* Another period: every witness starts from 0 (it says if it knows more). */
static void new_period(struct aud_witnesses *w)
{
    pthread_mutex_lock(&w->mu);
    w->witnessed = 0;
    for (size_t i = 0; i < w->n; i++) {
        w->peer[i].known = 0;
        w->peer[i].stats.size = 0;
    }
    pthread_mutex_unlock(&w->mu);
}

/* Is there a checkpoint we have not asked about? */
static bool look(struct aud_witnesses *w)
{
    struct aud_conf conf;
    struct aud_checkpoint cp;
    struct base_buf note;
    struct base_str text, lines;
    bool fresh = false;

    base_buf_init(&note, AUD_NOTE_MAX);
    if (aud_conf_load(w->dir, BASE_STR_NULL, &conf, NULL) != BASE_OK ||
        aud_checkpoint_load(w->dir, &conf, &cp, &note, NULL) != BASE_OK || cp.size == 0)
        goto out;
    if (cp.size == w->now.size && strcmp(cp.origin, w->now.origin) == 0)
        goto out;
    if (strcmp(cp.origin, w->now.origin) != 0)
        new_period(w);
    fresh = true;
    w->now = cp;
    w->log = conf.vkey;
    base_buf_clear(&w->note);
    if (aud_note_split(base_buf_view(&note), &text, &lines, NULL) == BASE_OK) {
        struct base_str first = lines; /* the log's own line comes first */

        (void)base_str_cut(&first, '\n');
        base_buf_str(&w->note,
                     base_str_n(note.p, (size_t)(first.p ? first.p - note.p : (ptrdiff_t)note.n)));
    }
    for (size_t i = 0; i < w->n; i++) {
        base_buf_clear(&w->peer[i].line);
        if (!w->peer[i].stats.error[0])
            w->peer[i].retry_us = 0;
    }
    pthread_mutex_lock(&w->mu);
    if (w->lag_since_us == 0)
        w->lag_since_us = base_mono_us();
    pthread_mutex_unlock(&w->mu);
out:
    base_buf_release(&note);
    return fresh;
}

/* Asks whoever has not signed and is due. True: somebody has signed. */
static bool ask_all(struct aud_witnesses *w, bool at_once)
{
    bool some = false;

    for (size_t i = 0; i < w->n && w->now.size > 0; i++) {
        struct peer *p = &w->peer[i];

        if (p->line.n > 0 || (!at_once && base_mono_us() < p->retry_us) || atomic_load(&w->abort))
            continue;
        ask(w, p);
        some |= p->line.n > 0;
    }
    if (some)
        store(w);
    return some;
}

static void *follow(void *arg)
{
    struct aud_witnesses *w = arg;
    struct timespec ts;

    pthread_mutex_lock(&w->mu);
    while (!w->stop) {
        pthread_mutex_unlock(&w->mu);
        (void)look(w);
        (void)ask_all(w, false);
        pthread_mutex_lock(&w->mu);
        clock_gettime(CLOCK_MONOTONIC, &ts);
        ts.tv_nsec += LOOK_MS * 1000000l;
        ts.tv_sec += ts.tv_nsec / 1000000000l;
        ts.tv_nsec %= 1000000000l;
        if (!w->stop)
            pthread_cond_timedwait(&w->cv, &w->mu, &ts);
    }
    pthread_mutex_unlock(&w->mu);
    (void)look(w); /* the log's last word */
    (void)ask_all(w, true);
    return NULL;
}

/* ---- start and stop ---- */

static void release(struct aud_witnesses *w)
{
    for (size_t i = 0; i < w->n; i++) {
        aud_http_free(w->peer[i].http);
        free(w->peer[i].url);
        free(w->peer[i].ca);
        base_buf_release(&w->peer[i].line);
    }
    base_buf_release(&w->note);
    pthread_cond_destroy(&w->cv);
    pthread_mutex_destroy(&w->mu);
    free(w);
}

static enum base_status peer_init(struct aud_witnesses *w, struct peer *p,
                                  const struct aud_witness_conf *c, struct base_err *err)
{
    size_t n = strlen(c->url);
    bool slash = n > 0 && c->url[n - 1] == '/';
    struct base_err why;

    base_buf_init(&p->line, 4096);
    if (aud_wkey_parse(base_str_trim(base_str_c(c->vkey)), &p->key, &why) != BASE_OK)
        return base_err_set(err, BASE_EINVAL, "witness %s: %s", c->name, why.text);
    if (asprintf(&p->url, "%s%sadd-checkpoint", c->url, slash ? "" : "/") < 0)
        p->url = NULL;
    p->ca = c->ca ? strdup(c->ca) : NULL;
    if (!p->url || (c->ca && !p->ca))
        return base_err_set(err, BASE_ENOMEM, "no memory for a witness");
    snprintf(p->stats.name, sizeof(p->stats.name), "%s", c->name);
    p->conf.ca = p->ca;
    p->env = (struct aud_sink_env){.conf = &p->conf,
                                   .origin = "",
                                   .dir = w->dir,
                                   .abort = &w->abort,
                                   .timeout_ms = TIMEOUT_MS};
    return aud_http_new(&p->env, &p->http, err);
}

enum base_status aud_witnesses_start(const char *dir, const struct aud_witness_conf *c, size_t n,
                                     unsigned quorum, struct aud_witnesses **out,
                                     struct base_err *err)
{
    struct aud_witnesses *w = calloc(1, sizeof(*w));
    pthread_condattr_t attr;
    enum base_status st = BASE_OK;

    *out = NULL;
    if (!w || n > WITNESSES || (size_t)snprintf(w->dir, sizeof(w->dir), "%s", dir) >= 3800) {
        free(w);
        return base_err_set(err, w ? BASE_LIMIT : BASE_ENOMEM, "the witnesses cannot be started");
    }
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->mu, NULL);
    pthread_cond_init(&w->cv, &attr);
    pthread_condattr_destroy(&attr);
    base_buf_init(&w->note, AUD_NOTE_MAX);
    w->quorum = quorum ? quorum : (unsigned)n;
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        w->n = i + 1;
        st = peer_init(w, &w->peer[i], &c[i], err);
    }
    if (st == BASE_OK && (errno = pthread_create(&w->thread, NULL, follow, w)) != 0)
        st = base_err_sys(err, "the witnesses' thread");
    if (st != BASE_OK) {
        release(w);
        return st;
    }
    *out = w;
    return BASE_OK;
}

void aud_witnesses_stop(struct aud_witnesses *w, uint32_t wait_ms)
{
    struct timespec ts;

    if (!w)
        return;
    pthread_mutex_lock(&w->mu);
    w->stop = true;
    pthread_cond_signal(&w->cv);
    pthread_mutex_unlock(&w->mu);
    clock_gettime(CLOCK_MONOTONIC, &ts); /* the day's clock may be set while this waits */
    ts.tv_sec += wait_ms / 1000;
    ts.tv_nsec += (long)(wait_ms % 1000) * 1000000l;
    ts.tv_sec += ts.tv_nsec / 1000000000l;
    ts.tv_nsec %= 1000000000l;
    if (pthread_clockjoin_np(w->thread, NULL, CLOCK_MONOTONIC, &ts) != 0) {
        atomic_store(&w->abort, true); /* what is under way comes back at once */
        pthread_join(w->thread, NULL);
    }
    release(w);
}

void aud_witnesses_stats(struct aud_witnesses *w, struct aud_witness_stats *out, size_t *n,
                         uint64_t *size, uint64_t *lag_us)
{
    size_t fit = *n;

    *n = *size = *lag_us = 0;
    if (!w)
        return;
    pthread_mutex_lock(&w->mu);
    *n = w->n;
    *size = w->witnessed;
    *lag_us = w->lag_since_us ? base_mono_us() - w->lag_since_us : 0;
    for (size_t i = 0; i < w->n && i < fit; i++)
        out[i] = w->peer[i].stats;
    pthread_mutex_unlock(&w->mu);
}

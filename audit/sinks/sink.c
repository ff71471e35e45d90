/* sink.c - the thread of a sink: reads the log by cursor, hands over, remembers how far.
 *
 * The log's own files are the queue: a sink holds one batch in memory and needs no more however
 * long its target is away. Only what is durable is read, so a target never has a record that a
 * power failure could take back. Nothing here is on a request's path; a sink takes no lock that the
 * log's writer holds for longer than a copy of figures.
 *
 * DIR/sinks/NAME.cursor says where to go on; it is replaced atomically (fsync, rename) at most once
 * a second, when there is nothing to do, and at the end. So after a crash up to a second of records
 * goes out again, and after a lost connection the last batch: at least once, and every record
 * carries (origin, index), by which receivers drop repetitions.
 *
 *   weir-sink/1
 *   origin <origin>      of the log that is copied
 *   type <type>
 *   next <index>         the first that the target does not have for sure
 *   sent <n>
 *   dead <n>
 *   error <microseconds> <text>      the last one, if the last try failed
 *
 * A target that is away is tried again, from 0.2 s on twice as long each time up to 30 s, with
 * jitter. A record that it refuses for good is alone tried `tries` times and then goes to
 * DIR/sinks/NAME.dead.jsonl (fsynced first), is counted, and the rest goes on. A batch of which one
 * is refused is halved until the one is found.
 */
#include "audit/sinks/sink.h"

#include "audit/log/reader.h"
#include "audit/log/state.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_BYTES    (1u << 20)
#define POLL_MS        100u
#define SAVE_US        1000000u
#define BACKOFF_MS     200u
#define BACKOFF_MAX_MS 30000u

struct sink {
    struct aud_sinks *all;
    struct conf_sink conf; /* a copy; its strings are in all->arena */
    struct aud_sink_env env;
    const struct aud_sink_ops *ops;
    void *state;
    pthread_t thread;
    bool running;
    /* the thread's */
    struct aud_reader *reader;         /* NULL: not open */
    const struct aud_leaf_ref *leaves; /* its batch, from leaf_at on */
    size_t n_leaves, leaf_at;
    uint64_t read_to; /* index behind the last record in recs */
    char *bytes;
    size_t n_bytes;
    struct aud_sink_rec *recs; /* [at, n) wait */
    size_t at, n, limit;
    unsigned tries, failures;
    uint64_t saved_us;
    bool dirty; /* the cursor file is behind */
    struct base_buf text;

    pthread_mutex_t mu; /* stats, oldest_us */
    struct aud_sink_stats stats;
    int64_t oldest_us;
};

struct aud_sinks {
    struct aud_log *log;
    struct base_arena *arena;
    char dir[AUD_PATH_MAX];
    char origin[AUD_NAME_MAX + 1];
    struct sink *v;
    size_t n;
    pthread_mutex_t mu; /* stop, running */
    pthread_cond_t cv;
    bool stop;
    size_t running;
    atomic_bool abort;
};

static const struct {
    const char *name;
    const struct aud_sink_ops *ops;
} types[] = {
    [CONF_SINK_FILE] = {"file", &aud_sink_file},
    [CONF_SINK_SYSLOG] = {"syslog", &aud_sink_syslog},
    [CONF_SINK_POSTGRES] = {"postgres", &aud_sink_postgres},
    [CONF_SINK_KAFKA] = {"kafka", &aud_sink_kafka},
    [CONF_SINK_S3] = {"s3", &aud_sink_s3},
    [CONF_SINK_OTLP] = {"otlp", &aud_sink_otlp},
};

/* ---- the cursor file ---- */

static enum base_status file_name(const struct sink *s, const char *suffix, char out[AUD_PATH_MAX],
                                  struct base_err *err)
{
    char name[128];

    snprintf(name, sizeof(name), "sinks/%s%s", s->conf.name, suffix);
    return aud_path(out, s->all->dir, name, err);
}

static void save(struct sink *s)
{
    char path[AUD_PATH_MAX];
    struct base_err err = {0};
    struct aud_sink_stats t;
    enum base_status st = file_name(s, ".cursor", path, &err);

    pthread_mutex_lock(&s->mu);
    t = s->stats;
    pthread_mutex_unlock(&s->mu);
    base_buf_clear(&s->text);
    base_buf_printf(&s->text,
                    "weir-sink/1\norigin %s\ntype %s\nnext %" PRIu64 "\nsent %" PRIu64
                    "\ndead %" PRIu64 "\n",
                    s->all->origin, t.type, t.next, t.sent, t.dead);
    if (t.error[0])
        base_buf_printf(&s->text, "error %" PRId64 " %s\n", t.error_us, t.error);
    if (st == BASE_OK)
        st = base_file_replace(path, base_buf_view(&s->text), 0600, &err);
    s->saved_us = base_mono_us();
    s->dirty = st != BASE_OK;
    if (st != BASE_OK)
        base_warn("audit", "sink %s: its cursor was not saved, records may go out again: %s",
                  s->conf.name, err.text);
}

static bool value(struct base_str *rest, const char *key, struct base_str *v)
{
    struct base_str l = base_str_cut(rest, '\n');

    *v = l;
    return base_str_is(base_str_cut(v, ' '), key) && v->p;
}

static enum base_status load(struct sink *s, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    struct base_str rest, v, origin;
    struct aud_stats log;
    enum base_status st = file_name(s, ".cursor", path, err);

    if (st != BASE_OK)
        return st;
    base_buf_clear(&s->text);
    if (access(path, F_OK) != 0)
        return BASE_OK; /* a new sink begins with the first record */
    st = base_file_read_regular(path, &s->text, err);
    if (st != BASE_OK)
        return st;
    rest = base_buf_view(&s->text);
    if (!base_str_is(base_str_cut(&rest, '\n'), "weir-sink/1") ||
        !value(&rest, "origin", &origin) || !value(&rest, "type", &v) ||
        !value(&rest, "next", &v) || !base_str_u64(v, &s->stats.next) ||
        !value(&rest, "sent", &v) || !base_str_u64(v, &s->stats.sent) ||
        !value(&rest, "dead", &v) || !base_str_u64(v, &s->stats.dead))
        return base_err_set(err, BASE_EINVAL,
                            "%s is malformed; remove it to send the whole log again", path);
    if (!base_str_is(origin, s->all->origin))
        return base_err_set(err, BASE_EINVAL,
                            "%s belongs to the log %.*s; remove it to send this one from its start",
                            path, BASE_FMT(origin));
    aud_log_stats(s->all->log, &log);
    if (s->stats.next > log.size_durable)
        return base_err_set(err, BASE_EINVAL,
                            "%s says that record %" PRIu64
                            " was handed over, but the log has %" PRIu64
                            ": has it been replaced by an older copy?",
                            path, s->stats.next - 1, log.size_durable);
    return BASE_OK;
}

/* ---- reading the log ---- */

static void reader_drop(struct sink *s)
{
    aud_reader_close(s->reader);
    s->reader = NULL;
    s->n_leaves = s->leaf_at = 0;
}

/* Records that are gone from the log, so nobody can hand them over any more: said, counted. */
static void skipped(struct sink *s, uint64_t n)
{
    base_error("audit",
               "sink %s: records %" PRIu64 " to %" PRIu64
               " were dropped with their period before the target had them",
               s->conf.name, s->read_to, s->read_to + n - 1);
    pthread_mutex_lock(&s->mu);
    s->stats.dead += n;
    s->stats.errors++;
    pthread_mutex_unlock(&s->mu);
}

static bool take_leaf(struct sink *s, const struct aud_leaf_ref *ref)
{
    struct aud_sink_rec *r = &s->recs[s->n];

    if (s->n == s->conf.batch || s->n_bytes + ref->bytes.n > BATCH_BYTES + AUD_LEAF_BYTES_MAX ||
        s->n_bytes > BATCH_BYTES)
        return false;
    if (ref->index > s->read_to) /* its period was dropped before the target had it */
        skipped(s, ref->index - s->read_to);
    memcpy(s->bytes + s->n_bytes, ref->bytes.p, ref->bytes.n);
    r->index = ref->index;
    r->leaf = base_str_n(s->bytes + s->n_bytes, ref->bytes.n);
    if (!aud_leaf_parse(r->leaf, &r->l)) /* it was, when it was submitted */
        memset(&r->l, 0, sizeof(r->l));
    s->n_bytes += ref->bytes.n;
    s->read_to = ref->index + 1;
    s->n++;
    return true;
}

/* Fills recs with what is durable from read_to on. */
static enum base_status fill(struct sink *s, struct base_err *err)
{
    struct aud_stats log;
    enum base_status st = BASE_OK;

    s->at = s->n = s->n_bytes = 0;
    aud_log_stats(s->all->log, &log);
    if (s->read_to >= log.size_durable)
        return BASE_OK;
    if (!s->reader)
        st = aud_reader_open(s->all->dir, s->read_to, &s->reader, err);
    while (st == BASE_OK) {
        for (; s->leaf_at < s->n_leaves; s->leaf_at++) {
            const struct aud_leaf_ref *ref = &s->leaves[s->leaf_at];

            if (ref->index < s->read_to)
                continue;
            if (ref->index >= log.size_durable || !take_leaf(s, ref))
                return BASE_OK;
        }
        if (s->read_to >= log.size_durable)
            return BASE_OK;
        st = aud_reader_next(s->reader, &s->leaves, &s->n_leaves, err);
        s->leaf_at = 0;
    }
    if (st == BASE_DONE) {
        s->n_leaves = 0;
        return BASE_OK; /* durable, so it will be seen: next time */
    }
    reader_drop(s);
    return st;
}

/* ---- handing over ---- */

/* Sleeps; false when the sinks are being stopped. */
static bool nap(struct sink *s, uint32_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t ns = (uint64_t)t.tv_nsec + (uint64_t)(ms % 1000) * 1000000;
    t.tv_sec += (time_t)(ms / 1000 + ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&s->all->mu);
    while (!s->all->stop && pthread_cond_timedwait(&s->all->cv, &s->all->mu, &t) == 0)
        ;
    bool go_on = !s->all->stop;
    pthread_mutex_unlock(&s->all->mu);
    return go_on;
}

static bool back_off(struct sink *s)
{
    uint32_t ms = BACKOFF_MS, random;

    for (unsigned i = 0; i < s->failures && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    ms = ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
    base_random(&random, sizeof(random));
    ms = ms / 2 + random % (ms / 2 + 1);
    if (ms < s->env.wait_ms_min)
        ms = s->env.wait_ms_min;
    s->env.wait_ms_min = 0;
    s->failures++;
    return nap(s, ms);
}

static void told(struct sink *s, const struct base_err *err)
{
    bool first = s->failures == 0;

    pthread_mutex_lock(&s->mu);
    s->stats.errors++;
    size_t n = 0; /* one line, whatever a server says */
    for (const char *c = err->text; *c && n < sizeof(s->stats.error) - 1; c++)
        s->stats.error[n++] = (unsigned char)*c < 0x20 ? ' ' : *c;
    s->stats.error[n] = 0;
    s->stats.error_us = base_wall_us();
    pthread_mutex_unlock(&s->mu);
    s->dirty = true;
    if (first)
        base_warn("audit", "sink %s: %s", s->conf.name, err->text);
}

static void advance(struct sink *s, size_t n, bool sent)
{
    if (n == 0)
        return;
    s->at += n;
    s->tries = 0;
    if (sent && s->failures > 0)
        base_info("audit", "sink %s goes on", s->conf.name);
    s->failures = 0;
    pthread_mutex_lock(&s->mu);
    s->stats.next = s->recs[s->at - 1].index + 1;
    if (sent) {
        s->stats.sent += n;
        s->stats.error[0] = 0;
    } else {
        s->stats.dead += n;
    }
    s->oldest_us = s->at < s->n ? (int64_t)s->recs[s->at].l.t : 0;
    pthread_mutex_unlock(&s->mu);
    s->dirty = true;
}

/* The record that nobody takes: out of the way, and kept. */
static enum base_status bury(struct sink *s, const struct base_err *why, struct base_err *err)
{
    const struct aud_sink_rec *r = &s->recs[s->at];
    char path[AUD_PATH_MAX];
    struct base_json j;
    enum base_status st = file_name(s, ".dead.jsonl", path, err);

    if (st != BASE_OK)
        return st;
    base_buf_clear(&s->text);
    base_json_init(&j, &s->text);
    base_json_obj(&j);
    base_json_kint(&j, "at", base_wall_us());
    base_json_kint(&j, "index", (int64_t)r->index);
    base_json_key(&j, "leaf");
    base_json_raw(&j, r->leaf);
    base_json_kz(&j, "origin", s->all->origin);
    base_json_kz(&j, "why", why->text);
    base_json_obj_end(&j);
    if (!base_buf_byte(&s->text, '\n'))
        return base_err_set(err, BASE_ENOMEM, "no memory for a dead letter");
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return base_err_sys(err, "%s", path);
    st = base_write_all(fd, s->text.p, s->text.n, err);
    if (st == BASE_OK && fsync(fd) != 0)
        st = base_err_sys(err, "fsync %s", path);
    if (close(fd) != 0 && st == BASE_OK)
        st = base_err_sys(err, "close %s", path);
    if (st == BASE_OK)
        base_error("audit", "sink %s: record %" PRIu64 " was refused %u times and is now in %s: %s",
                   s->conf.name, r->index, s->conf.tries, path, why->text);
    return st;
}

/* One attempt at what waits. False: stop. */
static bool push(struct sink *s)
{
    size_t n = s->n - s->at, done = 0;
    struct base_err err = {0}, why = {0};

    if (n > s->limit)
        n = s->limit;
    enum base_status st = s->ops->deliver(s->state, s->recs + s->at, n, &done, &err);
    if (st == BASE_OK)
        done = n;
    advance(s, done, true);
    if (st == BASE_OK) {
        s->limit = s->limit * 2 < s->conf.batch ? s->limit * 2 : s->conf.batch;
        return true;
    }
    told(s, &err);
    if (st != BASE_EINVAL)
        return back_off(s);
    if (n - done > 1 && !s->ops->exact) { /* which one is it? */
        s->limit = (n - done) / 2;
        return true;
    }
    if (++s->tries < s->conf.tries)
        return back_off(s);
    st = bury(s, &err, &why);
    if (st != BASE_OK) {
        told(s, &why);
        return back_off(s);
    }
    advance(s, 1, false);
    return true;
}

static bool stopping(struct sink *s)
{
    pthread_mutex_lock(&s->all->mu);
    bool stop = s->all->stop;
    pthread_mutex_unlock(&s->all->mu);
    return stop;
}

static void *sink_main(void *arg)
{
    struct sink *s = arg;
    struct base_err err = {0};

    for (;;) {
        bool stop = stopping(s), go_on = true;

        if (s->at == s->n) {
            enum base_status st = fill(s, &err);

            if (st != BASE_OK) {
                told(s, &err);
                go_on = back_off(s);
            } else if (s->n > 0) {
                pthread_mutex_lock(&s->mu);
                s->oldest_us = (int64_t)s->recs[0].l.t;
                pthread_mutex_unlock(&s->mu);
            }
        }
        if (s->at < s->n)
            go_on = push(s);
        else if (stop)
            break;
        if (s->dirty && (s->at == s->n || base_mono_us() - s->saved_us > SAVE_US) &&
            (s->at < s->n || base_mono_us() - s->saved_us > SAVE_US / 5))
            save(s);
        if (!go_on && stopping(s) && s->failures > 0)
            break; /* the target is away: it gets the rest after the next start */
        if (atomic_load(&s->all->abort))
            break;
        if (s->at == s->n && s->n < s->conf.batch && !nap(s, POLL_MS) && stop)
            continue;
    }
    if (s->dirty)
        save(s);
    reader_drop(s);
    pthread_mutex_lock(&s->all->mu);
    s->all->running--;
    pthread_cond_broadcast(&s->all->cv);
    pthread_mutex_unlock(&s->all->mu);
    return NULL;
}

/* ---- starting and stopping ---- */

static const char *dup_z(struct aud_sinks *all, const char *z, bool *ok)
{
    const char *c = z ? base_arena_dupz(all->arena, base_str_c(z)) : NULL;

    *ok = *ok && (!z || c);
    return c;
}

/* The configuration may be replaced while we run. */
static bool copy_conf(struct aud_sinks *all, const struct conf_sink *from, struct conf_sink *to)
{
    const char **text[] = {&to->name,        &to->path,          &to->ca,
                           &to->certificate, &to->database,      &to->table,
                           &to->user,        &to->password,      &to->topic,
                           &to->url,         &to->host,          &to->bucket,
                           &to->prefix,      &to->region,        &to->access_key,
                           &to->secret_key,  &to->authorization, &to->certificate_key,
                           &to->address.host};
    bool ok = true;

    *to = *from;
    to->pos.file = NULL;
    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
        *text[i] = dup_z(all, *text[i], &ok);
    struct conf_address *b = base_arena_alloc(all->arena, (from->n_brokers + 1) * sizeof(*b));
    for (size_t i = 0; b && i < from->n_brokers; i++)
        b[i] = (struct conf_address){dup_z(all, from->brokers[i].host, &ok), from->brokers[i].port};
    to->brokers = b;
    return ok && b;
}

static void sink_release(struct sink *s)
{
    struct conf_sink *c = &s->conf;
    const char *secret[] = {c->password, c->access_key, c->secret_key, c->authorization};

    if (s->state)
        s->ops->close(s->state);
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        if (secret[i])
            base_wipe((char *)(uintptr_t)secret[i], strlen(secret[i]));
    base_buf_release(&s->text);
    free(s->bytes);
    free(s->recs);
    pthread_mutex_destroy(&s->mu);
}

static enum base_status sink_init(struct aud_sinks *all, const struct conf_sink *from,
                                  struct base_err *err)
{
    struct sink *s = &all->v[all->n];
    struct base_err why = {0};
    enum base_status st;

    pthread_mutex_init(&s->mu, NULL);
    all->n++; /* from here on sink_release is due */
    s->all = all;
    s->ops = types[from->type].ops;
    s->limit = from->batch;
    base_buf_init(&s->text, 262144);
    s->bytes = malloc(BATCH_BYTES + 2 * AUD_LEAF_BYTES_MAX);
    s->recs = calloc(from->batch, sizeof(*s->recs));
    if (!copy_conf(all, from, &s->conf) || !s->bytes || !s->recs)
        return base_err_set(err, BASE_ENOMEM, "no memory for a sink");
    snprintf(s->stats.name, sizeof(s->stats.name), "%s", s->conf.name);
    snprintf(s->stats.type, sizeof(s->stats.type), "%s", types[from->type].name);
    s->env = (struct aud_sink_env){.conf = &s->conf,
                                   .origin = all->origin,
                                   .dir = all->dir,
                                   .abort = &all->abort,
                                   .timeout_ms = s->conf.timeout_s * 1000};
    st = load(s, err);
    if (st != BASE_OK)
        return st;
    s->read_to = s->stats.next;
    st = s->ops->open(&s->env, &s->state, &why);
    if (st != BASE_OK)
        return base_err_set(err, st, "sink %s: %s", s->conf.name, why.text);
    return BASE_OK;
}

enum base_status aud_sinks_start(struct aud_log *log, const struct conf_audit *c,
                                 struct aud_sinks **out, struct base_err *err)
{
    struct aud_sinks *all = calloc(1, sizeof(*all));
    pthread_condattr_t attr;
    char path[AUD_PATH_MAX];
    enum base_status st = BASE_OK;

    *out = NULL;
    if (!all)
        return base_err_set(err, BASE_ENOMEM, "no memory for the sinks");
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&all->mu, NULL);
    pthread_cond_init(&all->cv, &attr);
    pthread_condattr_destroy(&attr);
    all->log = log;
    snprintf(all->dir, sizeof(all->dir), "%s", c->directory);
    snprintf(all->origin, sizeof(all->origin), "%s", c->origin);
    all->arena = base_arena_new(1u << 20);
    all->v = calloc(c->n_sinks + 1, sizeof(*all->v));
    if (!all->arena || !all->v)
        st = base_err_set(err, BASE_ENOMEM, "no memory for the sinks");
    if (st == BASE_OK && c->n_sinks > 0)
        st = aud_path(path, all->dir, "sinks", err);
    if (st == BASE_OK && c->n_sinks > 0)
        st = base_mkdirs(path, err);
    for (size_t i = 0; st == BASE_OK && i < c->n_sinks; i++)
        st = sink_init(all, &c->sinks[i], err);
    for (size_t i = 0; st == BASE_OK && i < all->n; i++) {
        struct sink *s = &all->v[i];

        pthread_mutex_lock(&all->mu);
        all->running++;
        pthread_mutex_unlock(&all->mu);
        errno = pthread_create(&s->thread, NULL, sink_main, s);
        s->running = errno == 0;
        if (!s->running) {
            st = base_err_sys(err, "a sink's thread");
            pthread_mutex_lock(&all->mu);
            all->running--;
            pthread_mutex_unlock(&all->mu);
        }
    }
    if (st != BASE_OK) {
        aud_sinks_stop(all, 0);
        return st;
    }
    *out = all;
    return BASE_OK;
}

void aud_sinks_stop(struct aud_sinks *all, uint32_t drain_ms)
{
    struct timespec until;

    if (!all)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + (uint64_t)(drain_ms % 1000) * 1000000;
    until.tv_sec += (time_t)(drain_ms / 1000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&all->mu);
    all->stop = true;
    pthread_cond_broadcast(&all->cv);
    while (all->running > 0 && pthread_cond_timedwait(&all->cv, &all->mu, &until) == 0)
        ;
    pthread_mutex_unlock(&all->mu);
    atomic_store(&all->abort, true);
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i].running)
            pthread_join(all->v[i].thread, NULL);
    for (size_t i = 0; i < all->n; i++)
        sink_release(&all->v[i]);
    pthread_cond_destroy(&all->cv);
    pthread_mutex_destroy(&all->mu);
    base_arena_free(all->arena);
    free(all->v);
    free(all);
}

size_t aud_sinks_count(const struct aud_sinks *s)
{
    return s ? s->n : 0;
}

void aud_sinks_stats(struct aud_sinks *all, size_t i, struct aud_sink_stats *out)
{
    struct sink *s = &all->v[i];
    struct aud_stats log;

    aud_log_stats(all->log, &log);
    pthread_mutex_lock(&s->mu);
    *out = s->stats;
    int64_t oldest = s->oldest_us;
    pthread_mutex_unlock(&s->mu);
    out->lag_records = log.size_durable > out->next ? log.size_durable - out->next : 0;
    int64_t age = base_wall_us() - oldest;
    out->lag_s = out->lag_records && oldest && age > 0 ? (double)age / 1e6 : 0;
}

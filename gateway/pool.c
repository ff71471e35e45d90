/* pool.c - worker threads for large requests; see pool.h.
 *
 * Owns       the threads, each with its scratch space, and the list of waiting jobs.
 * Order      of those waiting the oldest job of the tenant that has the fewest running goes first,
 *            among such the tenant that was served longest ago. Room for waiting is shared: a
 *            tenant may have as much of it as is still free, so that none takes all.
 *            Worker 0 takes small ones only (GW_POOL_SMALL_MAX), so that those never wait for a
 *            slow one; the others take any. Workers are nice: loops come first.
 * Invariants done is called exactly once for a submitted job, on its loop. A stopped job that waits
 *            is told back at once, one that runs when its scan notices.
 * Fails by   BASE_LIMIT at submission. A worker without memory for scratch space is an error at the
 *            start.
 */
#include "gateway/pool.h"

#include "base/clock.h"
#include "gateway/keys.h"
#include "gateway/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE  5
#define TURNS (GW_POOL_JOBS_MAX + GW_POOL_THREADS) /* as many tenants can be here at once */

struct worker {
    struct gw_pool *pool;
    struct pol_scratch *scratch;
    pthread_t thread;
    bool started;
    struct gw_job *job; /* under mu */
};

/* When a tenant's job was last chosen: number `at` of all that were. */
struct turn {
    char tenant[GW_KEY_NAME_MAX + 1];
    uint64_t at;
};

struct gw_pool {
    const struct pol_detector *detector;
    pthread_mutex_t mu;
    pthread_cond_t cv;
    struct gw_job *first, **last; /* under mu, as all that follows */
    struct worker workers[GW_POOL_THREADS];
    unsigned n;
    bool ending;
    struct gw_pool_stats stats;
    struct turn turns[TURNS];
    uint64_t served;
};

static void tell(struct gw_loop *l, void *arg)
{
    struct gw_job *j = arg;
    (void)l;
    j->done(j->ctx, j->ran);
}

/* j belongs to its loop from here on. */
static void post(struct gw_job *j)
{
    j->post.fn = tell;
    j->post.arg = j;
    gw_loop_post(j->loop, &j->post);
}

/* ---- choosing; under mu ---- */

static unsigned running_of(const struct gw_pool *p, const char *tenant)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n; i++)
        n += p->workers[i].job && strcmp(p->workers[i].job->tenant, tenant) == 0;
    return n;
}

/* 0: not lately. */
static uint64_t last_turn(const struct gw_pool *p, const char *tenant)
{
    for (size_t i = 0; i < TURNS; i++)
        if (p->turns[i].at && strcmp(p->turns[i].tenant, tenant) == 0)
            return p->turns[i].at;
    return 0;
}

/* Forgets the tenant that was served longest ago where there is no other room. */
static void note_turn(struct gw_pool *p, const char *tenant)
{
    struct turn *t = &p->turns[0];
    for (size_t i = 0; i < TURNS; i++) {
        if (p->turns[i].at && strcmp(p->turns[i].tenant, tenant) == 0) {
            t = &p->turns[i];
            break;
        }
        if (p->turns[i].at < t->at)
            t = &p->turns[i];
    }
    (void)snprintf(t->tenant, sizeof t->tenant, "%s", tenant);
    t->at = ++p->served;
}

/* May the job wait? Its tenant has no more of the room than is left then for others. */
static bool room(const struct gw_pool *p, const struct gw_job *j)
{
    size_t n = 0, bytes = 0;
    for (const struct gw_job *w = p->first; w; w = w->next)
        if (strcmp(w->tenant, j->tenant) == 0) {
            n++;
            bytes += w->bytes;
        }
    return n < GW_POOL_JOBS_MAX - p->stats.waiting &&
           (p->stats.waiting == 0 ||
            (p->stats.waiting_bytes <= GW_POOL_BYTES_MAX &&
             bytes + j->bytes <= GW_POOL_BYTES_MAX - p->stats.waiting_bytes));
}

static void take_out(struct gw_pool *p, struct gw_job **at)
{
    struct gw_job *j = *at;
    *at = j->next;
    if (p->last == &j->next)
        p->last = at;
    j->next = NULL;
    p->stats.waiting--;
    p->stats.waiting_bytes -= j->bytes;
}

static struct gw_job *choose(struct gw_pool *p, const struct worker *w)
{
    struct gw_job **best = NULL;
    unsigned fewest = 0;
    uint64_t longest = 0;
    for (struct gw_job **at = &p->first; *at; at = &(*at)->next) {
        unsigned n = running_of(p, (*at)->tenant);
        uint64_t turn = last_turn(p, (*at)->tenant);
        if (w == p->workers && (*at)->bytes > GW_POOL_SMALL_MAX)
            continue;
        if (!best || n < fewest || (n == fewest && turn < longest)) {
            best = at;
            fewest = n;
            longest = turn;
        }
    }
    if (!best)
        return NULL;
    struct gw_job *j = *best;
    take_out(p, best);
    note_turn(p, j->tenant);
    return j;
}

/* ---- the threads ---- */

static void *work(void *arg)
{
    struct worker *w = arg;
    struct gw_pool *p = w->pool;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* of this thread */
    pthread_mutex_lock(&p->mu);
    for (;;) {
        struct gw_job *j = choose(p, w);
        if (!j && p->ending)
            break;
        if (!j) {
            pthread_cond_wait(&p->cv, &p->mu);
            continue;
        }
        w->job = j;
        p->stats.running++;
        pthread_mutex_unlock(&p->mu);
        if (!atomic_load(&j->stop)) {
            j->ran = true;
            pol_scratch_stop(w->scratch, &j->stop);
            j->work(j->ctx, p->detector, w->scratch);
            pol_scratch_stop(w->scratch, NULL);
        }
        pthread_mutex_lock(&p->mu);
        w->job = NULL;
        p->stats.running--;
        p->stats.done++;
        post(j);
    }
    pthread_mutex_unlock(&p->mu);
    return NULL;
}

enum base_status gw_pool_new(const struct pol_detector *d, unsigned threads, struct gw_pool **out,
                             struct base_err *err)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct gw_pool *p = calloc(1, sizeof *p);
    enum base_status st = BASE_OK;
    *out = NULL;
    if (!p)
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    if (threads == 0)
        threads = cpus > 2 ? (unsigned)cpus : 2;
    p->detector = d;
    p->last = &p->first;
    pthread_mutex_init(&p->mu, NULL);
    pthread_cond_init(&p->cv, NULL);
    p->n = threads > GW_POOL_THREADS ? GW_POOL_THREADS : threads;
    for (unsigned i = 0; i < p->n && st == BASE_OK; i++) {
        struct worker *w = &p->workers[i];
        char name[16];
        w->pool = p;
        st = pol_scratch_new(d, &w->scratch, err);
        if (st == BASE_OK && pthread_create(&w->thread, NULL, work, w) != 0)
            st = base_err_set(err, BASE_ENOMEM, "no thread for large requests");
        w->started = st == BASE_OK;
        snprintf(name, sizeof name, "weir-large-%u", i % 10);
        if (w->started)
            (void)pthread_setname_np(w->thread, name);
    }
    if (st == BASE_OK)
        *out = p;
    else
        gw_pool_free(p);
    return st;
}

void gw_pool_free(struct gw_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mu);
    p->ending = true;
    for (struct gw_job *j = p->first; j; j = j->next)
        atomic_store(&j->stop, true);
    for (unsigned i = 0; i < p->n; i++)
        if (p->workers[i].job)
            atomic_store(&p->workers[i].job->stop, true);
    while (p->first) {
        struct gw_job *j = p->first;
        take_out(p, &p->first);
        post(j);
    }
    pthread_cond_broadcast(&p->cv);
    pthread_mutex_unlock(&p->mu);
    for (unsigned i = 0; i < p->n; i++) {
        if (p->workers[i].started)
            pthread_join(p->workers[i].thread, NULL);
        pol_scratch_free(p->workers[i].scratch);
    }
    pthread_cond_destroy(&p->cv);
    pthread_mutex_destroy(&p->mu);
    free(p);
}

/* ---- loops ---- */

enum base_status gw_pool_submit(struct gw_pool *p, struct gw_job *j)
{
    enum base_status st = BASE_OK;
    j->next = NULL;
    j->ran = false;
    atomic_store(&j->stop, false);
    pthread_mutex_lock(&p->mu);
    if (p->ending || !room(p, j)) {
        p->stats.refused++;
        st = BASE_LIMIT;
    } else {
        *p->last = j;
        p->last = &j->next;
        p->stats.waiting++;
        p->stats.waiting_bytes += j->bytes;
        pthread_cond_broadcast(&p->cv); /* not every worker may take it */
    }
    pthread_mutex_unlock(&p->mu);
    return st;
}

void gw_pool_stop(struct gw_pool *p, struct gw_job *j)
{
    pthread_mutex_lock(&p->mu);
    if (!atomic_exchange(&j->stop, true))
        p->stats.stopped++;
    for (struct gw_job **at = &p->first; *at; at = &(*at)->next)
        if (*at == j) {
            take_out(p, at);
            post(j);
            break;
        }
    pthread_mutex_unlock(&p->mu);
}

void gw_pool_stats(struct gw_pool *p, struct gw_pool_stats *out)
{
    pthread_mutex_lock(&p->mu);
    *out = p->stats;
    pthread_mutex_unlock(&p->mu);
}

void gw_pool_metrics(struct gw_pool *p, struct base_buf *out)
{
    struct gw_pool_stats s;
    gw_pool_stats(p, &s);
    gw_metrics_put(out, "weir_large_waiting", "gauge",
                   "Large requests that wait for a thread to examine them.", (double)s.waiting);
    gw_metrics_put(out, "weir_large_waiting_bytes", "gauge", "Their bodies.",
                   (double)s.waiting_bytes);
    gw_metrics_put(out, "weir_large_running", "gauge", "Large requests that are being examined.",
                   (double)s.running);
    gw_metrics_put(out, "weir_large_done_total", "counter",
                   "Examinations and redactions of large requests that ended.", (double)s.done);
    gw_metrics_put(out, "weir_large_refused_total", "counter",
                   "Large requests refused because too many were waiting.", (double)s.refused);
    gw_metrics_put(out, "weir_large_stopped_total", "counter",
                   "Large requests whose client went away meanwhile.", (double)s.stopped);
}

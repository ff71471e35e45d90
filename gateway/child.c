/* child.c - the gateway process: a main thread that waits, and loops that serve.
 *
 * The main thread owns the configuration in use, the listening sockets until a loop takes them, and
 * the control socket. It talks to the loops by posts and waits for their answers on a semaphore;
 * the loops never wait for it.
 *
 * A reload is whole or not at all: everything that can fail (parsing, compiling, certificates, new
 * addresses) is done first, on the main thread; the swap itself is a pointer per loop and cannot
 * fail. Requests in progress keep the generation with which they began.
 *
 * Stop: listeners close (accepting first what the kernel has queued), connections drain for
 * drain_s, at most DRAIN_MAX_MS, so that the whole service ends within its promised 15 s.
 */
#include "gateway/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/admin.h"
#include "gateway/net/listener.h"
#include "gateway/net/tls.h"
#include "gateway/supervisor.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOOPS_MAX     64u
#define DRAIN_MAX_MS  8000u
#define STOP_GRACE_MS 6000u /* beyond the drain, before we say that a loop is stuck */
#define FDS_RESERVED  512u

/* What one loop has beyond struct gw_loop. */
struct worker {
    struct gw_child *child;
    struct gw_loop *loop;
    struct gw_listener *main, *admin;
    int main_fd, admin_fd; /* to be taken by the loop; -1: nothing new */
    bool failed;           /* loop_new did; read after `answered` */
    struct gw_gen *next;   /* a reload's, with a reference for the loop */
    struct gw_post post;
    struct base_err err;
};

struct gw_child {
    const char *conf_file;
    const struct gw_app *app;
    int control, signals, reload_fd;
    struct gw_gen *gen;
    unsigned n;
    struct worker workers[LOOPS_MAX];
    struct gw_metrics_shard *shards[LOOPS_MAX];
    sem_t answered;
    uint64_t started_us;
};

unsigned gw_workers(const struct conf *c)
{
    long n = c->server.workers > 0 ? c->server.workers : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > (long)LOOPS_MAX ? LOOPS_MAX : (unsigned)n;
}

struct gw_loop *gw_child_loop(struct gw_child *c, unsigned i)
{
    return i < c->n ? c->workers[i].loop : NULL;
}

unsigned gw_child_loops(const struct gw_child *c)
{
    return c->n;
}

const struct gw_app *gw_child_app(const struct gw_child *c)
{
    return c->app;
}

struct gw_metrics_shard *const *gw_child_shards(const struct gw_child *c)
{
    return c->shards;
}

uint64_t gw_child_started_us(const struct gw_child *c)
{
    return c->started_us;
}

void gw_child_reload(struct gw_child *c)
{
    uint64_t one = 1;
    ssize_t n = write(c->reload_fd, &one, sizeof one);
    (void)n; /* fails only when the counter is full: a reload is pending then */
}

/* Posts fn to every loop and waits until each has answered. */
static void on_every_loop(struct gw_child *c, void (*fn)(struct gw_loop *, void *))
{
    for (unsigned i = 0; i < c->n; i++) {
        c->workers[i].post.fn = fn;
        c->workers[i].post.arg = &c->workers[i];
        gw_loop_post(c->workers[i].loop, &c->workers[i].post);
    }
    for (unsigned i = 0; i < c->n; i++)
        while (sem_wait(&c->answered) != 0)
            ;
}

/* ---- generations ---- */

static void log_problems(const struct conf_problems *p)
{
    for (size_t i = 0; i < p->n; i++)
        base_log(p->v[i].warning ? BASE_LOG_WARN : BASE_LOG_ERROR, "conf", "%s:%d:%d: %s",
                 p->v[i].pos.file ? p->v[i].pos.file : "?", p->v[i].pos.line, p->v[i].pos.col,
                 p->v[i].text);
}

static void first_problem(const struct gw_child *c, const struct conf_problems *p,
                          enum base_status st, struct base_err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct conf_problem *one = &p->v[i];
        if (one->warning)
            continue;
        base_err_set(err, st, "%s:%d:%d: %s", one->pos.file ? one->pos.file : c->conf_file,
                     one->pos.line, one->pos.col, one->text);
        return;
    }
    base_err_set(err, st, "%s does not hold", c->conf_file);
}

/* Loads and compiles the configuration: one reference, the caller's. */
static struct gw_gen *gen_load(struct gw_child *c, struct base_err *err)
{
    struct conf *conf = NULL;
    struct conf_problems problems = {0};
    enum base_status st = conf_load(c->conf_file, &conf, &problems);
    log_problems(&problems);
    if (st != BASE_OK)
        first_problem(c, &problems, st, err);
    conf_problems_release(&problems);
    if (st != BASE_OK) {
        return NULL;
    }
    struct gw_gen *g = calloc(1, sizeof *g);
    if (!g) {
        conf_free(conf);
        base_err_set(err, BASE_ENOMEM, "no memory for a configuration");
        return NULL;
    }
    atomic_init(&g->refs, 1);
    g->conf = conf;
    g->number = c->gen ? c->gen->number + 1 : 1;
    g->tls = gw_tls_server_new(&conf->server, err);
    if (g->tls && c->app->gen_new(conf, c->gen, &g->app, err) == BASE_OK) {
        g->app_free = c->app->gen_free;
        return g;
    }
    gw_gen_unref(g);
    return NULL;
}

/* ---- addresses ---- */

static void close_new_fds(struct gw_child *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        struct worker *w = &c->workers[i];
        if (w->main_fd >= 0)
            close(w->main_fd);
        if (w->admin_fd >= 0)
            close(w->admin_fd);
        w->main_fd = w->admin_fd = -1;
    }
}

/* Binds what `now` asks for beyond `old` (NULL: everything) into the workers' *_fd. */
static enum base_status bind_all(struct gw_child *c, const struct conf_server *now,
                                 const struct conf_server *old, struct base_err *err)
{
    bool main_same = old && now->listen.port == old->listen.port &&
                     strcmp(now->listen.host, old->listen.host) == 0;
    bool admin_same =
        old && now->admin.port == old->admin.port && strcmp(now->admin.host, old->admin.host) == 0;
    for (unsigned i = 0; i < c->n; i++)
        c->workers[i].main_fd = c->workers[i].admin_fd = -1;
    for (unsigned i = 0; i < c->n && !main_same; i++) {
        c->workers[i].main_fd = gw_listen(&now->listen, c->n > 1, err);
        if (c->workers[i].main_fd < 0)
            goto failed;
    }
    if (!admin_same) {
        c->workers[0].admin_fd = gw_listen(&now->admin, false, err);
        if (c->workers[0].admin_fd < 0)
            goto failed;
    }
    return BASE_OK;
failed:
    close_new_fds(c);
    return err ? err->code : BASE_EIO;
}

/* ---- on the loops' threads ---- */

static void accepted_main(void *ctx, int fd)
{
    gw_server_accepted(((struct worker *)ctx)->loop->server, fd, false);
}

static void accepted_admin(void *ctx, int fd)
{
    gw_server_accepted(((struct worker *)ctx)->loop->server, fd, true);
}

/* Replaces the listeners for which there is a new socket. */
static bool take_fds(struct worker *w)
{
    bool ok = true;
    if (w->main_fd >= 0) {
        gw_listener_free(w->main);
        w->main = gw_listener_new(w->loop->base, w->main_fd, accepted_main, w);
        ok &= w->main != NULL;
    }
    if (w->admin_fd >= 0) {
        gw_listener_free(w->admin);
        w->admin = gw_listener_new(w->loop->base, w->admin_fd, accepted_admin, w);
        ok &= w->admin != NULL;
    }
    w->main_fd = w->admin_fd = -1;
    return ok;
}

static void loop_first(struct gw_loop *l, void *arg)
{
    struct worker *w = arg;
    const struct gw_app *app = w->child->app;
    l->server = gw_server_new(l, &app->ops, &gw_admin_ops, &w->err);
    w->failed = !l->server;
    if (!w->failed && app->loop_new) {
        l->app = app->loop_new(l, &w->err);
        w->failed = !l->app;
    }
    sem_post(&w->child->answered);
}

static void loop_last(struct gw_loop *l, void *arg)
{
    struct worker *w = arg;
    gw_listener_free(w->main);
    gw_listener_free(w->admin);
    w->main = w->admin = NULL;
    gw_server_free(l->server);
    l->server = NULL;
    if (l->app && w->child->app->loop_free)
        w->child->app->loop_free(l);
    l->app = NULL;
    sem_post(&w->child->answered);
}

static void loop_listen(struct gw_loop *l, void *arg)
{
    (void)l;
    struct worker *w = arg;
    w->failed = !take_fds(w);
    if (w->failed)
        base_err_set(&w->err, BASE_ENOMEM, "no memory for a listener");
    sem_post(&w->child->answered);
}

static void loop_swap(struct gw_loop *l, void *arg)
{
    struct worker *w = arg;
    struct gw_gen *old = l->gen;
    l->gen = w->next;
    w->next = NULL;
    if (w->child->app->loop_gen)
        w->child->app->loop_gen(l);
    gw_gen_unref(old);
    gw_metrics_count(l->metrics, GW_N_RELOADS, 1);
    w->failed = !take_fds(w);
    sem_post(&w->child->answered);
}

static void drained(void *arg)
{
    gw_loop_stop(arg);
}

static void loop_drain(struct gw_loop *l, void *arg)
{
    struct worker *w = arg;
    gw_listener_free(w->main);
    gw_listener_free(w->admin);
    w->main = w->admin = NULL;
    if (!l->server) {
        gw_loop_stop(l);
        return;
    }
    uint64_t ms = (uint64_t)l->gen->conf->server.limits.drain_s * 1000;
    gw_server_drain(l->server, ms < DRAIN_MAX_MS ? (uint32_t)ms : DRAIN_MAX_MS, drained, l);
}

struct attach {
    struct gw_post post;
    int fd;
};

static void loop_attach(struct gw_loop *l, void *arg)
{
    struct attach *a = arg;
    gw_engine_link_attach(l->engine, a->fd);
    free(a);
}

/* ---- reload, links ---- */

static bool reload(struct gw_child *c)
{
    struct base_err err = {0};
    struct gw_gen *g = gen_load(c, &err);
    if (g && gw_workers(g->conf) != c->n)
        base_err_set(&err, BASE_EINVAL, "server.workers cannot change while running");
    else if (g && bind_all(c, &g->conf->server, &c->gen->conf->server, &err) == BASE_OK) {
        if (!c->app->reloading || c->app->reloading(c->gen, g, NULL, &err) == BASE_OK)
            goto swap;
        close_new_fds(c);
    }
    gw_gen_unref(g);
    base_error("gateway", "reload refused, the old configuration stays: %s", err.text);
    struct base_err unsaid;
    if (c->app->reloading && c->app->reloading(c->gen, NULL, err.text, &unsaid) != BASE_OK)
        base_error("gateway", "and that could not be recorded: %s", unsaid.text);
    return false;
swap:
    for (unsigned i = 0; i < c->n; i++)
        c->workers[i].next = gw_gen_ref(g);
    on_every_loop(c, loop_swap);
    for (unsigned i = 0; i < c->n; i++)
        if (c->workers[i].failed)
            base_error("gateway", "worker %u could not take its new listener", i);
    gw_gen_unref(c->gen);
    c->gen = g;
    base_info("gateway", "configuration %u is in use", g->number);
    return true;
}

static void take_links(struct gw_child *c, const int *fds, size_t n)
{
    if (n != c->n)
        base_error("gateway", "%zu engine links for %u workers", n, c->n);
    for (size_t i = 0; i < n; i++) {
        struct attach *a = i < c->n ? calloc(1, sizeof *a) : NULL;
        if (!a) {
            close(fds[i]);
            continue;
        }
        a->fd = fds[i];
        a->post.fn = loop_attach;
        a->post.arg = a;
        gw_loop_post(c->workers[i].loop, &a->post);
    }
}

static void tell(struct gw_child *c, char what)
{
    struct base_err err;
    if (c->control >= 0 && gw_ctl_send(c->control, what, NULL, 0, &err) != BASE_OK)
        base_warn("gateway", "control socket: %s", err.text);
}

/* ---- the main thread ---- */

/* Files and limits of the process: descriptors for the connections that are allowed, no core, no
 * ptrace (memory holds prompts and keys). */
static void process_limits(const struct conf *conf)
{
    struct rlimit r;
    rlim_t want = (rlim_t)conf->server.limits.connections * 2 + FDS_RESERVED;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < want) {
        r.rlim_cur = want > r.rlim_max ? r.rlim_max : want;
        if (setrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur < want)
            base_warn("gateway", "only %llu file descriptors for %u connections",
                      (unsigned long long)r.rlim_cur, conf->server.limits.connections);
    }
    r.rlim_cur = r.rlim_max = 0;
    (void)setrlimit(RLIMIT_CORE, &r);
#if !defined(__SANITIZE_ADDRESS__) /* the leak checker attaches to its own process */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static bool catch_signals(struct gw_child *c)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    /* With a supervisor, Ctrl-C is its matter; it set SIGINT to be ignored here. */
    if (c->control < 0)
        sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(2), which the log handles */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    c->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    c->reload_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return c->signals >= 0 && c->reload_fd >= 0;
}

/* One message from the supervisor; false: stop. */
static bool on_control(struct gw_child *c)
{
    char what;
    int fds[GW_CTL_FDS_MAX];
    size_t n;
    struct base_err err;
    enum base_status st = gw_ctl_recv(c->control, &what, fds, &n, &err);
    if (st == BASE_AGAIN)
        return true;
    if (st != BASE_OK) {
        base_warn("gateway", "the supervisor has gone");
        close(c->control);
        c->control = -1;
        return false;
    }
    if (what == GW_CTL_LINKS) {
        take_links(c, fds, n);
        return true;
    }
    if (what == GW_CTL_SIGNER && n == 1 && c->app->signer) {
        c->app->signer(fds[0]);
        return true;
    }
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    if (what == GW_CTL_RELOAD)
        tell(c, reload(c) ? GW_CTL_OK : GW_CTL_BAD);
    return what != GW_CTL_STOP;
}

static void wait_for_stop(struct gw_child *c)
{
    for (bool go_on = true; go_on;) {
        struct pollfd p[3] = {{.fd = c->signals, .events = POLLIN},
                              {.fd = c->reload_fd, .events = POLLIN},
                              {.fd = c->control, .events = POLLIN}};
        if (poll(p, 3, -1) < 0) {
            if (errno == EINTR)
                continue;
            base_error("gateway", "poll: %s", strerror(errno));
            return;
        }
        struct signalfd_siginfo si;
        uint64_t count;
        while (read(c->signals, &si, sizeof si) == (ssize_t)sizeof si) {
            if (si.ssi_signo == SIGHUP)
                (void)reload(c);
            else
                go_on = false;
        }
        if (read(c->reload_fd, &count, sizeof count) == (ssize_t)sizeof count)
            (void)reload(c);
        if (p[2].revents && go_on)
            go_on = on_control(c);
    }
}

/* Waits for the answer of every loop that was started; false when they do not come in time. */
static bool wait_ended(struct gw_child *c, unsigned n, uint32_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    for (unsigned i = 0; i < n; i++)
        while (sem_clockwait(&c->answered, CLOCK_MONOTONIC, &at) != 0)
            if (errno != EINTR)
                return false;
    return true;
}

/* Makes the loops and starts them; *started counts those with a running thread. */
static enum base_status start_loops(struct gw_child *c, unsigned *started, struct base_err *err)
{
    for (unsigned i = 0; i < c->n; i++) {
        struct worker *w = &c->workers[i];
        w->child = c;
        c->shards[i] = gw_metrics_shard_new();
        if (!c->shards[i])
            return base_err_set(err, BASE_ENOMEM, "no memory for metrics");
        w->loop = gw_loop_new(i, c->gen, c->shards[i], err);
        if (!w->loop)
            return BASE_EIO;
        w->loop->child = c;
    }
    enum base_status st = BASE_OK;
    for (; *started < c->n && st == BASE_OK; *started += st == BASE_OK)
        st = gw_loop_start(c->workers[*started].loop, loop_first, loop_last, &c->workers[*started],
                           err);
    for (unsigned i = 0; i < *started; i++)
        while (sem_wait(&c->answered) != 0)
            ;
    if (st != BASE_OK)
        return st;
    /* Nobody listens before every loop is ready to serve. */
    bool failed = false;
    for (unsigned i = 0; i < c->n; i++)
        failed |= c->workers[i].failed;
    if (!failed)
        on_every_loop(c, loop_listen);
    for (unsigned i = 0; i < c->n; i++)
        if (c->workers[i].failed) {
            if (err)
                *err = c->workers[i].err;
            return BASE_EIO;
        }
    return BASE_OK;
}

/* Drains and joins; false when a loop is stuck. */
static bool stop_loops(struct gw_child *c, unsigned started)
{
    for (unsigned i = 0; i < started; i++) {
        struct worker *w = &c->workers[i];
        w->post.fn = loop_drain;
        w->post.arg = w;
        gw_loop_post(w->loop, &w->post);
    }
    if (!wait_ended(c, started, DRAIN_MAX_MS + STOP_GRACE_MS))
        return false;
    for (unsigned i = 0; i < started; i++)
        gw_loop_join(c->workers[i].loop);
    return true;
}

int gw_child_main(const char *conf_file, int control_fd, const struct gw_app *app)
{
    struct base_err err = {0};
    struct gw_child *c = calloc(1, sizeof *c);
    int rc = 2;
    unsigned started = 0;
    bool app_started = false;
    if (!c)
        return 1;
    c->conf_file = conf_file;
    c->app = app;
    c->control = control_fd;
    c->signals = c->reload_fd = -1;
    c->started_us = base_mono_us();
    if (!catch_signals(c) || sem_init(&c->answered, 0, 0) != 0) {
        base_error("gateway", "cannot set up signals: %s", strerror(errno));
        rc = 1;
        goto out;
    }
    c->gen = gen_load(c, &err);
    if (!c->gen)
        goto failed;
    process_limits(c->gen->conf);
    c->n = gw_workers(c->gen->conf);
    if (bind_all(c, &c->gen->conf->server, NULL, &err) != BASE_OK)
        goto failed;
    if (app->start && app->start(c, c->gen, &err) != BASE_OK)
        goto failed;
    app_started = true;
    if (start_loops(c, &started, &err) != BASE_OK) {
        rc = 1;
        goto failed;
    }
    base_info("gateway", "%u workers listen on %s:%d, admin on %s:%d", c->n,
              c->gen->conf->server.listen.host, c->gen->conf->server.listen.port,
              c->gen->conf->server.admin.host, c->gen->conf->server.admin.port);
    tell(c, GW_CTL_READY);
    wait_for_stop(c);
    base_info("gateway", "draining");
    rc = 0;
    goto out;
failed:
    base_error("gateway", "cannot start: %s", err.text);
out:
    if (!stop_loops(c, started)) {
        base_error("gateway", "a loop is stuck; giving up");
        _exit(1); /* its thread still uses all of this */
    }
    if (app_started && app->stop)
        app->stop();
    close_new_fds(c);
    for (unsigned i = 0; i < c->n; i++)
        gw_loop_free(c->workers[i].loop);
    for (unsigned i = 0; i < c->n; i++)
        gw_metrics_shard_free(c->shards[i]);
    gw_gen_unref(c->gen);
    if (c->signals >= 0)
        close(c->signals);
    if (c->reload_fd >= 0)
        close(c->reload_fd);
    free(c);
    return rc;
}

/* supervisor.c - the parent process: two children, their births, deaths and orders.
 *
 * Single-threaded; waits in poll(2) for signals (signalfd), the gateway's control socket and its
 * own timers. It loads the configuration again on SIGHUP, but serves nothing, holds no key and no
 * request, so that it has little to die of.
 *
 *   gateway dies   -> started again with back-off (the log's recovery makes that safe); the
 * engine's links died with it, so the engine is replaced too. If it never came up and says
 * "configuration" (2), the service ends with that code. engine dies    -> started again with
 * back-off, new sockets go to the gateway; meanwhile the gateway takes other allowed routes. SIGHUP
 * -> load and check; only what holds is handed on; the engine is replaced only if its section
 * changed and the gateway has taken the rest. SIGTERM/SIGINT -> the gateway drains and ends, then
 * the engine; 0 within 15 s.
 *
 * Children get SIGTERM from the kernel when this process dies (PR_SET_PDEATHSIG); the gateway also
 * sees the control socket close.
 */
#include "gateway/supervisor.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/child.h"
#include "gateway/notify.h"
#include "gateway/policy_watch.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_FIRST_US 100000u
#define BACKOFF_MAX_US   5000000u
#define STEADY_US        10000000u /* who lived this long starts over at the first back-off */
#define GATEWAY_STOP_US  12500000u
#define ENGINE_STOP_US   1500000u

struct child {
    const char *name;
    pid_t pid;                  /* 0: not running */
    uint64_t born_us, start_us; /* start_us: when to start it (again); 0: not planned */
    uint64_t kill_us;           /* SIGKILL then; 0: no */
    uint64_t backoff_us;
};

struct supervisor {
    const char *conf_file;
    const struct conf *conf; /* in use */
    struct conf *owned;      /* conf when it came from a reload */
    struct conf *candidate;  /* handed to the gateway, not yet taken */
    bool reloading;          /* the gateway was told to, and has not answered */
    bool reload_wanted;      /* SIGHUP came while a reload was under way, or too early */
    struct gw_watch watch;
    uint64_t watch_us; /* when to look at the policy's files next */
    struct child gateway, engine, signer;
    int control; /* -1 */
    int signals;
    bool ready; /* the gateway listens (this one) */
    bool ever_ready, stopping;
    int exit_code;
};

/* ---- starting ---- */

/* In the child after fork: the environment that it is promised, then exec. Never returns. */
static void become(const char *const *argv, const int *keep, size_t n_keep, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Ctrl-C reaches the whole process group; the order to stop comes from the parent. */
    signal(SIGINT, SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0 || getppid() != parent)
        _exit(1);
    for (size_t i = 0; i < n_keep; i++)
        if (fcntl(keep[i], F_SETFD, 0) != 0)
            _exit(1);
    /* execv does not write to the strings. */
    execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(127);
}

static bool spawn(struct child *ch, const char *const *argv, const int *keep, size_t n_keep)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(argv, keep, n_keep, parent);
    if (pid < 0) {
        base_error("serve", "cannot start the %s: %s", ch->name, strerror(errno));
        return false;
    }
    ch->pid = pid;
    ch->born_us = base_mono_us();
    ch->start_us = 0;
    ch->kill_us = 0;
    base_info("serve", "%s started, pid %d", ch->name, (int)pid);
    return true;
}

static void plan_restart(struct child *ch)
{
    uint64_t now = base_mono_us();
    if (ch->backoff_us == 0 || (ch->born_us && now - ch->born_us > STEADY_US))
        ch->backoff_us = BACKOFF_FIRST_US;
    else if (ch->backoff_us < BACKOFF_MAX_US)
        ch->backoff_us *= 2;
    if (ch->backoff_us > BACKOFF_MAX_US)
        ch->backoff_us = BACKOFF_MAX_US;
    ch->start_us = now + ch->backoff_us;
}

static bool has_signer(const struct supervisor *s)
{
    return s->conf->audit.signer == CONF_SIGNER_PROCESS;
}

/* The process that holds the log's key; -1, or the gateway's end of its socket. */
static int start_signer(struct supervisor *s)
{
    int pair[2];
    char fd[16];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        base_error("serve", "signer's socket: %s", strerror(errno));
        return -1;
    }
    snprintf(fd, sizeof fd, "%d", pair[1]);
    const char *argv[] = {
        "weir",     "signer-child",        "--directory", s->conf->audit.signer_directory,
        "--origin", s->conf->audit.origin, "--fd",        fd,
        NULL};
    bool ok = spawn(&s->signer, argv, &pair[1], 1);
    close(pair[1]);
    if (ok)
        return pair[0];
    close(pair[0]);
    return -1;
}

/* It died alone: a new one, whose socket goes to the gateway. */
static void restart_signer(struct supervisor *s)
{
    struct base_err err;
    int fd = s->control >= 0 ? start_signer(s) : -1;
    if (fd < 0) {
        plan_restart(&s->signer);
        return;
    }
    if (gw_ctl_send(s->control, GW_CTL_SIGNER, &fd, 1, &err) != BASE_OK)
        base_error("serve", "%s", err.text);
    close(fd);
}

static void start_gateway(struct supervisor *s)
{
    int pair[2], signer = -1;
    if (has_signer(s)) { /* one a gateway: its connection tells it where the tree stands */
        if (s->signer.pid) {
            kill(s->signer.pid, SIGKILL);
            s->gateway.start_us = base_mono_us() + BACKOFF_FIRST_US; /* once it has been reaped */
            return;
        }
        signer = start_signer(s);
        if (signer < 0) {
            plan_restart(&s->gateway);
            return;
        }
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        base_error("serve", "control socket: %s", strerror(errno));
        if (signer >= 0)
            close(signer);
        plan_restart(&s->gateway);
        return;
    }
    char fd[16], sfd[16];
    snprintf(fd, sizeof fd, "%d", pair[1]);
    snprintf(sfd, sizeof sfd, "%d", signer);
    const char *argv[] = {"weir",
                          "gateway-child",
                          "-c",
                          s->conf_file,
                          "--control-fd",
                          fd,
                          signer >= 0 ? "--signer-fd" : NULL,
                          sfd,
                          NULL};
    int keep[2] = {pair[1], signer};
    s->ready = false;
    if (spawn(&s->gateway, argv, keep, signer >= 0 ? 2 : 1)) {
        s->control = pair[0];
    } else {
        close(pair[0]);
        plan_restart(&s->gateway);
    }
    close(pair[1]);
    if (signer >= 0)
        close(signer);
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

/* The engine and its links; needs a gateway to give the other ends to. */
static void start_engine(struct supervisor *s)
{
    int ours[GW_CTL_FDS_MAX], theirs[GW_CTL_FDS_MAX];
    size_t n = gw_workers(s->conf), made = 0;
    struct base_err err = {0};
    struct base_buf list;
    base_buf_init(&list, 16 * GW_CTL_FDS_MAX);
    for (; made < n; made++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
            base_err_sys(&err, "engine links");
            goto failed;
        }
        ours[made] = pair[0];
        theirs[made] = pair[1];
        base_buf_printf(&list, "%s%d", made ? "," : "", pair[1]);
    }
    const char *argv[] = {"weir", "engine-child", "-c", s->conf_file, "--links", list.p, NULL};
    if (!base_buf_ok(&list) || !spawn(&s->engine, argv, theirs, n))
        goto failed;
    if (gw_ctl_send(s->control, GW_CTL_LINKS, ours, n, &err) != BASE_OK)
        base_error("serve", "%s", err.text); /* the links close below: the engine ends, and again */
    goto out;
failed:
    base_error("serve", "cannot start the engine: %s", err.text);
    plan_restart(&s->engine);
out:
    close_all(ours, made);
    close_all(theirs, made);
    base_buf_release(&list);
}

/* ---- ends ---- */

static void log_end(const struct child *ch, int status)
{
    if (WIFSIGNALED(status))
        base_warn("serve", "%s (pid %d) was killed by signal %d", ch->name, (int)ch->pid,
                  WTERMSIG(status));
    else
        base_info("serve", "%s (pid %d) ended with code %d", ch->name, (int)ch->pid,
                  WEXITSTATUS(status));
}

static void stop_engine(struct supervisor *s)
{
    s->engine.start_us = 0;
    if (s->engine.pid && !s->engine.kill_us) {
        kill(s->engine.pid, SIGTERM);
        s->engine.kill_us = base_mono_us() + ENGINE_STOP_US;
    }
}

static void gateway_ended(struct supervisor *s, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    log_end(&s->gateway, status);
    s->gateway.pid = 0;
    s->gateway.kill_us = 0;
    if (s->control >= 0)
        close(s->control);
    s->control = -1;
    s->ready = false;
    conf_free(s->candidate);
    s->candidate = NULL;
    if (s->reloading)
        gw_notify_ready(); /* a reload ends with it */
    s->reloading = false;
    if (s->ever_ready && !s->stopping)
        gw_notify_status("The gateway ended and is started again: the log says why");
    if (s->signer.pid && (s->stopping || !s->ever_ready))
        s->signer.kill_us = base_mono_us() + ENGINE_STOP_US; /* it ends with the gateway's socket */
    if (s->stopping) {
        s->exit_code = s->exit_code ? s->exit_code : code;
        stop_engine(s);
    } else if (!s->ever_ready && WIFEXITED(status)) {
        s->exit_code = code ? code : 1;
        s->stopping = true;
        stop_engine(s);
    } else {
        plan_restart(&s->gateway);
        if (s->engine.pid)
            stop_engine(s); /* its links are dead */
    }
}

static void engine_ended(struct supervisor *s, int status)
{
    log_end(&s->engine, status);
    s->engine.pid = 0;
    s->engine.kill_us = 0;
    if (!s->stopping && s->conf->engine.present)
        plan_restart(&s->engine);
}

static void begin_stop(struct supervisor *s);

static void signer_ended(struct supervisor *s, int status)
{
    log_end(&s->signer, status);
    s->signer.pid = 0;
    /* without a gateway the next one brings its own */
    if (!s->stopping && s->gateway.pid) {
        if (!s->ever_ready && WIFEXITED(status) && WEXITSTATUS(status) == 2) {
            base_error("serve", "the log's key cannot be used; see above");
            s->exit_code = 2;
            begin_stop(s);
        } else {
            plan_restart(&s->signer);
        }
    }
}

static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->gateway.pid)
            gateway_ended(s, status);
        else if (pid == s->engine.pid)
            engine_ended(s, status);
        else if (pid == s->signer.pid)
            signer_ended(s, status);
    }
}

static void begin_stop(struct supervisor *s)
{
    if (s->stopping)
        return;
    base_info("serve", "stopping");
    gw_notify_stopping();
    s->stopping = true;
    s->gateway.start_us = s->engine.start_us = 0;
    if (s->gateway.pid) {
        kill(s->gateway.pid, SIGTERM);
        s->gateway.kill_us = base_mono_us() + GATEWAY_STOP_US;
    } else {
        stop_engine(s);
    }
}

/* ---- reload ---- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_engine(const struct conf_engine *a, const struct conf_engine *b)
{
    if (a->present != b->present || a->device != b->device || a->cublas != b->cublas ||
        a->gpus != b->gpus || a->split != b->split || a->threads != b->threads ||
        a->queue != b->queue || a->n_models != b->n_models ||
        a->watermark.present != b->watermark.present ||
        !same_text(a->watermark.key, b->watermark.key) ||
        a->watermark.gamma != b->watermark.gamma || a->watermark.delta != b->watermark.delta)
        return false;
    for (size_t i = 0; i < a->n_models; i++)
        if (!same_text(a->models[i].name, b->models[i].name) ||
            !same_text(a->models[i].file, b->models[i].file) ||
            a->models[i].context != b->models[i].context ||
            a->models[i].slots != b->models[i].slots ||
            a->models[i].cache_tokens != b->models[i].cache_tokens)
            return false;
    return true;
}

static void start_reload(struct supervisor *s)
{
    if (s->stopping)
        return;
    if (!s->ready || s->reloading) {
        s->reload_wanted = true;
        return;
    }
    struct conf *c = NULL;
    struct conf_problems problems = {0};
    struct base_err err;
    gw_notify_reloading();
    enum base_status st = conf_load(s->conf_file, &c, &problems);
    for (size_t i = 0; i < problems.n; i++)
        base_log(problems.v[i].warning ? BASE_LOG_WARN : BASE_LOG_ERROR, "conf", "%s:%d:%d: %s",
                 problems.v[i].pos.file ? problems.v[i].pos.file : "?", problems.v[i].pos.line,
                 problems.v[i].pos.col, problems.v[i].text);
    conf_problems_release(&problems);
    /* The gateway finds the same wrong, stays with what it has, and puts that on record. */
    if (st != BASE_OK)
        base_error("serve", "reload refused, the old configuration stays");
    if (gw_ctl_send(s->control, GW_CTL_RELOAD, NULL, 0, &err) != BASE_OK) {
        base_error("serve", "reload: %s", err.text);
        conf_free(c);
        gw_notify_ready();
        return;
    }
    s->candidate = c;
    s->reloading = true;
}

static void finish_reload(struct supervisor *s, bool taken)
{
    struct conf *c = s->candidate;
    s->candidate = NULL;
    s->reloading = false;
    gw_notify_ready();
    if (!taken)
        gw_notify_status("The last reload was refused: the log says why; the old one serves");
    if (!c) {
        s->reload_wanted = s->reload_wanted || taken; /* mended between its look and ours */
    } else if (!taken) {
        conf_free(c);
    } else {
        bool same = same_engine(&s->conf->engine, &c->engine);
        conf_free(s->owned);
        s->conf = s->owned = c;
        if (!same) {
            base_info("serve", "the engine's section has changed: replacing the engine");
            stop_engine(s);
            s->engine.backoff_us = 0;
            if (!s->engine.pid && c->engine.present)
                s->engine.start_us = base_mono_us();
        }
    }
    if (s->reload_wanted) {
        s->reload_wanted = false;
        start_reload(s);
    }
}

/* ---- the loop ---- */

static void on_control(struct supervisor *s)
{
    for (;;) {
        char what;
        int fds[GW_CTL_FDS_MAX];
        size_t n;
        struct base_err err;
        enum base_status st = gw_ctl_recv(s->control, &what, fds, &n, &err);
        if (st == BASE_AGAIN)
            return;
        if (st != BASE_OK) {
            close(s->control); /* its end is reported by SIGCHLD */
            s->control = -1;
            return;
        }
        close_all(fds, n); /* none are expected */
        if (what == GW_CTL_READY) {
            s->ready = s->ever_ready = true;
            gw_notify_ready();
            if (s->reload_wanted) {
                s->reload_wanted = false;
                start_reload(s);
            }
        } else if (what == GW_CTL_OK || what == GW_CTL_BAD) {
            finish_reload(s, what == GW_CTL_OK);
        }
    }
}

static void on_signals(struct supervisor *s)
{
    struct signalfd_siginfo si;
    while (read(s->signals, &si, sizeof si) == (ssize_t)sizeof si) {
        if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT)
            begin_stop(s);
        else if (si.ssi_signo == SIGHUP)
            start_reload(s);
    }
    reap(s);
}

/* Does what is due; returns the milliseconds until something else will be, -1 for never. */
static int run_timers(struct supervisor *s)
{
    uint64_t now = base_mono_us(), next = UINT64_MAX;
    struct child *all[3] = {&s->gateway, &s->engine, &s->signer};
    for (int i = 0; i < 3; i++) {
        struct child *ch = all[i];
        if (ch->kill_us && ch->pid && now >= ch->kill_us) {
            base_warn("serve", "%s (pid %d) does not end; killing it", ch->name, (int)ch->pid);
            kill(ch->pid, SIGKILL);
            ch->kill_us = 0;
        }
        if (ch->start_us && !ch->pid && !s->stopping && now >= ch->start_us) {
            if (ch == &s->gateway)
                start_gateway(s);
            else if (ch == &s->signer)
                restart_signer(s);
            else if (s->control >= 0)
                start_engine(s);
            else
                ch->start_us = now + BACKOFF_FIRST_US; /* no gateway to give the links to */
        }
        if (ch->kill_us && ch->kill_us < next)
            next = ch->kill_us;
        if (ch->start_us && ch->start_us < next)
            next = ch->start_us;
    }
    if (s->conf->policy_watch && s->ready && !s->stopping) {
        if (now >= s->watch_us) {
            s->watch_us = now + GW_WATCH_POLL_MS * 1000u;
            if (gw_watch_due(&s->watch, s->conf, now)) {
                base_info("serve", "a policy file has changed");
                start_reload(s);
            }
        }
        if (s->watch_us < next)
            next = s->watch_us;
    }
    if (next == UINT64_MAX)
        return -1;
    return next <= now ? 0 : (int)((next - now) / 1000 + 1);
}

static bool set_up(struct supervisor *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals >= 0;
}

int gw_supervise(const char *conf_file, const struct conf *c)
{
    struct supervisor s = {.conf_file = conf_file, .conf = c, .control = -1, .signals = -1};
    s.gateway.name = "gateway";
    s.engine.name = "engine";
    s.signer.name = "signer";
    gw_notify_init();
    if (!set_up(&s)) {
        base_error("serve", "cannot set up signals: %s", strerror(errno));
        return 1;
    }
    s.gateway.start_us = base_mono_us();
    s.engine.start_us = c->engine.present ? s.gateway.start_us : 0;
    while (!(s.stopping && !s.gateway.pid && !s.engine.pid && !s.signer.pid)) {
        int ms = run_timers(&s);
        struct pollfd p[2] = {{.fd = s.signals, .events = POLLIN},
                              {.fd = s.control, .events = POLLIN}};
        if (poll(p, 2, ms) < 0 && errno != EINTR) {
            base_error("serve", "poll: %s", strerror(errno));
            s.exit_code = 1;
            begin_stop(&s);
        }
        if (p[1].revents)
            on_control(&s);
        on_signals(&s);
    }
    if (s.control >= 0)
        close(s.control);
    close(s.signals);
    conf_free(s.owned);
    return s.exit_code;
}

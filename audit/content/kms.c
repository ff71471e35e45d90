/* kms.c - a key management system behind a command.
 *
 * The command is a list of words from the configuration: no shell sees it, nothing of a request is
 * in it. It gets "wrap" or "unwrap" and the context in hexadecimal as its last two words, one line
 * of base64 on standard input, and answers one line of base64 on standard output. Its standard
 * error is the gateway's. Time and output are bounded; who takes too long is killed. What went
 * through the pipes is wiped.
 */
#include "audit/content/master.h"

#include "audit/log/note.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX       64
#define LINE_MAX_BYTES (AUD_WRAPPED_MAX * 4 / 3 + 8)

extern char **environ;

static enum base_status start(const struct conf_master *conf, const char *verb,
                              const uint8_t context[32], int to[2], int from[2], pid_t *pid,
                              struct base_err *err)
{
    const char *argv[ARGS_MAX + 3];
    char hex[65];
    size_t n = 0;
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    sigset_t none, plain;

    for (; n < ARGS_MAX && conf->argv[n]; n++)
        argv[n] = conf->argv[n];
    argv[n] = verb;
    argv[n + 1] = aud_hex(context, 32, hex);
    argv[n + 2] = NULL;
    sigemptyset(&none);
    sigfillset(&plain);
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&at);
    posix_spawn_file_actions_adddup2(&fa, to[0], 0);
    posix_spawn_file_actions_adddup2(&fa, from[1], 1);
    /* the gateway blocks and ignores signals that the command must not inherit as such; a group of
     * its own, so that all of it can be killed */
    posix_spawnattr_setsigmask(&at, &none);
    posix_spawnattr_setsigdefault(&at, &plain);
    posix_spawnattr_setpgroup(&at, 0);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                      POSIX_SPAWN_SETPGROUP);
    errno = posix_spawnp(pid, argv[0], &fa, &at, (char *const *)(uintptr_t)argv, environ);
    int failed = errno; /* posix_spawnp returned it */
    posix_spawnattr_destroy(&at);
    posix_spawn_file_actions_destroy(&fa);
    /* not BASE_EIO: what fails here is not a disk, and may work the next time */
    return failed ? base_err_set(err, BASE_DENIED, "key command %s: %s", argv[0], strerror(failed))
                  : BASE_OK;
}

/* A command that ends before it reads must not end a process that does not ignore SIGPIPE (the
 * verbs of the command line): the signal is held back in this thread and taken away. */
static ssize_t write_quietly(int fd, const char *p, size_t n)
{
    static const struct timespec at_once;
    sigset_t pipe_only, before, pending;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t put = write(fd, p, n);
    int why = errno;
    if (put < 0 && why == EPIPE && !sigismember(&pending, SIGPIPE))
        (void)sigtimedwait(&pipe_only, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return put;
}

/* Writes in and reads until the command closes its output. */
static enum base_status talk(const struct conf_master *conf, int in_fd, int out_fd,
                             struct base_str in, struct base_buf *line, struct base_err *err)
{
    uint64_t until = base_mono_us() + (uint64_t)conf->timeout_ms * 1000;
    size_t sent = 0;

    while (out_fd >= 0) {
        uint64_t now = base_mono_us();
        struct pollfd p[2] = {{.fd = out_fd, .events = POLLIN},
                              {.fd = sent < in.n ? in_fd : -1, .events = POLLOUT}};

        if (now >= until)
            return base_err_set(err, BASE_ETIME, "key command %s: no answer in %u ms",
                                conf->argv[0], conf->timeout_ms);
        if (poll(p, 2, (int)((until - now) / 1000) + 1) < 0 && errno != EINTR)
            return base_err_sys(err, "key command %s", conf->argv[0]);
        if (p[1].revents) {
            ssize_t n = write_quietly(in_fd, in.p + sent, in.n - sent);
            if (n < 0 && errno != EAGAIN && errno != EINTR)
                sent = in.n; /* it does not want to read: its exit status will say why */
            else if (n > 0)
                sent += (size_t)n;
        }
        if (p[0].revents) {
            char *room = base_buf_room(line, 1024);
            ssize_t n = room ? read(out_fd, room, 1024) : -1;
            if (!room)
                return base_err_set(err, BASE_LIMIT, "key command %s: its answer is too long",
                                    conf->argv[0]);
            if (n > 0)
                base_buf_commit(line, (size_t)n);
            else if (n == 0)
                return BASE_OK;
            else if (errno != EAGAIN && errno != EINTR)
                return base_err_sys(err, "key command %s", conf->argv[0]);
        }
    }
    return BASE_OK;
}

/* Its exit status, within what is left of the time; killed when it does not end. */
static enum base_status reap(const struct conf_master *conf, pid_t pid, bool kill_now,
                             struct base_err *err)
{
    uint64_t until = base_mono_us() + (uint64_t)conf->timeout_ms * 1000;
    int status;

    for (;;) {
        if (kill_now || base_mono_us() >= until)
            kill(-pid, SIGKILL);
        pid_t got = waitpid(pid, &status, kill_now ? 0 : WNOHANG);
        if (got == pid)
            break;
        if (got < 0 && errno != EINTR)
            return base_err_sys(err, "key command %s", conf->argv[0]);
        usleep(2000);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return base_err_set(err, BASE_DENIED, "key command %s ended with %s %d", conf->argv[0],
                            WIFEXITED(status) ? "exit status" : "signal",
                            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return BASE_OK;
}

enum base_status aud_kms_call(const struct conf_master *conf, const char *verb,
                              const uint8_t context[32], struct base_str in, struct base_buf *out,
                              struct base_err *err)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1};
    struct base_buf line, text;
    struct base_err ended;
    pid_t pid = -1;
    enum base_status st;

    base_buf_init(&line, LINE_MAX_BYTES);
    base_buf_init(&text, LINE_MAX_BYTES);
    aud_b64_encode(&text, in.p, in.n);
    base_buf_byte(&text, '\n');
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 ||
        fcntl(to[1], F_SETFL, O_NONBLOCK) != 0 || fcntl(from[0], F_SETFL, O_NONBLOCK) != 0) {
        st = base_err_sys(err, "key command %s", conf->argv[0]);
        goto out;
    }
    st = start(conf, verb, context, to, from, &pid, err);
    close(to[0]);
    close(from[1]);
    to[0] = from[1] = -1;
    if (st == BASE_OK) {
        st = talk(conf, to[1], from[0], base_buf_view(&text), &line, err);
        close(to[1]);
        to[1] = -1;
        enum base_status end = reap(conf, pid, st != BASE_OK, st == BASE_OK ? err : &ended);
        if (st == BASE_OK)
            st = end;
    }
    if (st == BASE_OK) {
        struct base_str s = base_str_trim(base_buf_view(&line));
        char *room = base_buf_room(out, AUD_WRAPPED_MAX);
        size_t n = room ? aud_b64_decode(s, (uint8_t *)room, AUD_WRAPPED_MAX) : SIZE_MAX;
        if (n == SIZE_MAX || n == 0)
            st = base_err_set(err, BASE_EPROTO, "key command %s %s: its answer is no base64",
                              conf->argv[0], verb);
        else
            base_buf_commit(out, n);
    }
out:
    for (int i = 0; i < 2; i++) {
        if (to[i] >= 0)
            close(to[i]);
        if (from[i] >= 0)
            close(from[i]);
    }
    base_buf_wipe(&line);
    base_buf_wipe(&text);
    return st;
}

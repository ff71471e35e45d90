/* remote.c - asking the process that holds the signing key.
 *
 * Runs on whichever thread signs (the log's signer, or the one that opens the log); one question at
 * a time under a mutex. The keeper signs nothing but trees that extend what it signed last, and it
 * believes no root: so before a signature it is sent the hashes of the leaves that came since,
 * read from the write-ahead log of the period in question.
 *
 * A keeper that is away (it died, the supervisor starts it again and hands over a new socket) is
 * waited for: records go on being durable meanwhile, only the checkpoint is late. A keeper that
 * refuses is final, as any error of signing is: it means that the log is not the one it knows.
 */
#include "audit/log/remote.h"

#include "audit/log/place.h"
#include "audit/log/state.h"
#include "audit/log/wal.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 5000
#define HASHES    8192u

struct aud_remote {
    char dir[AUD_PATH_MAX];
    pthread_mutex_t ask_mu; /* one question at a time */
    pthread_mutex_t mu;     /* fd */
    int fd;                 /* -1: none at present */
    atomic_bool up;
    _Atomic uint32_t patience_ms;
    uint8_t frame[AUD_REMOTE_FRAME_MAX + 5];
};

enum base_status aud_remote_new(int fd, const char *dir, struct aud_remote **out,
                                struct base_err *err)
{
    struct aud_remote *r = calloc(1, sizeof(*r));

    *out = NULL;
    if (!r)
        return base_err_set(err, BASE_ENOMEM, "no memory");
    snprintf(r->dir, sizeof(r->dir), "%s", dir);
    pthread_mutex_init(&r->ask_mu, NULL);
    pthread_mutex_init(&r->mu, NULL);
    r->fd = fd;
    atomic_store(&r->up, true);
    atomic_store(&r->patience_ms, 10000);
    *out = r;
    return BASE_OK;
}

void aud_remote_free(struct aud_remote *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    pthread_mutex_destroy(&r->ask_mu);
    pthread_mutex_destroy(&r->mu);
    free(r);
}

void aud_remote_replace(struct aud_remote *r, int fd)
{
    pthread_mutex_lock(&r->mu);
    if (r->fd >= 0)
        close(r->fd);
    r->fd = fd;
    pthread_mutex_unlock(&r->mu);
    atomic_store(&r->up, true);
}

void aud_remote_patience(struct aud_remote *r, uint32_t ms)
{
    atomic_store(&r->patience_ms, ms);
}

bool aud_remote_up(const struct aud_remote *r)
{
    return atomic_load(&r->up);
}

/* ---- one exchange; the frame is in r->frame from 5 on ---- */

static bool transfer(int fd, uint8_t *p, size_t n, bool out, uint64_t until_us)
{
    while (n > 0) {
        struct pollfd f = {.fd = fd, .events = out ? POLLOUT : POLLIN};
        uint64_t now = base_mono_us();

        if (now >= until_us || poll(&f, 1, 100) < 0)
            return false;
        ssize_t k =
            out ? send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) : recv(fd, p, n, MSG_DONTWAIT);
        if (k < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* Sends r->frame[5..5+n) as `type`; the answer comes to the same place. BASE_EIO: broken. */
static enum base_status exchange(struct aud_remote *r, char type, size_t n, char want, size_t *got,
                                 struct base_err *err)
{
    uint64_t until = base_mono_us() + ANSWER_MS * 1000ull;

    pthread_mutex_lock(&r->mu);
    int fd = r->fd;
    pthread_mutex_unlock(&r->mu);
    aud_put32(r->frame, (uint32_t)n + 1);
    r->frame[4] = (uint8_t)type;
    if (fd < 0 || !transfer(fd, r->frame, n + 5, true, until) ||
        !transfer(fd, r->frame, 5, false, until))
        return base_err_set(err, BASE_EIO, "the process that signs does not answer");
    *got = aud_get32(r->frame) - 1;
    if (*got > AUD_REMOTE_FRAME_MAX || !transfer(fd, r->frame + 5, *got, false, until))
        return base_err_set(err, BASE_EIO, "the process that signs broke off");
    if (r->frame[4] == 'e')
        return base_err_set(err, BASE_EINVAL, "the process that signs refuses: %.*s",
                            *got > 300 ? 300 : (int)*got, (const char *)r->frame + 5);
    if (r->frame[4] != (uint8_t)want)
        return base_err_set(err, BASE_EIO, "the process that signs answers nonsense");
    return BASE_OK;
}

static void drop(struct aud_remote *r)
{
    pthread_mutex_lock(&r->mu);
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    pthread_mutex_unlock(&r->mu);
    if (atomic_exchange(&r->up, false))
        base_warn("audit", "the process that signs is away; records go on, checkpoints are late");
}

/* ---- what a text is about ---- */

/* Origin and size of a state or a checkpoint; false for log.conf, which needs no leaves. */
static bool subject(struct base_str text, struct base_str *origin, uint64_t *size)
{
    struct base_str rest = text, head = base_str_cut(&rest, '\n'), line;

    if (base_str_is(head, "weir-audit-log/1"))
        return false;
    *origin = head;
    if (base_str_is(head, "weir-audit-state/1")) {
        line = base_str_cut(&rest, '\n');
        (void)base_str_cut(&line, ' ');
        *origin = line;
        line = base_str_cut(&rest, '\n');
        (void)base_str_cut(&line, ' ');
    } else {
        line = base_str_cut(&rest, '\n');
    }
    return base_str_u64(line, size);
}

/* The folder of the period with that origin: it may be on its way to its place. */
static bool place_of(const struct aud_remote *r, struct base_str origin, char out[AUD_PATH_MAX])
{
    static const char *const names[] = {".", AUD_NEXT, AUD_NEXT_PART};
    struct aud_conf conf;

    for (int tries = 0; tries < 3; tries++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (aud_path(out, r->dir, names[i], NULL) == BASE_OK &&
                aud_conf_load(out, BASE_STR_NULL, &conf, NULL) == BASE_OK &&
                base_str_is(origin, conf.origin))
                return true;
        }
        usleep(20000);
    }
    return false;
}

static enum base_status send_hashes(struct aud_remote *r, struct base_str origin, uint64_t from,
                                    uint64_t n, struct base_err *err)
{
    size_t at = 5 + 8 + (size_t)n * 32, got;

    aud_put64(r->frame + 5, from);
    memcpy(r->frame + at, origin.p, origin.n);
    return exchange(r, 'X', at - 5 + origin.n, 'x', &got, err);
}

/* Sends the leaves [have, size) of that tree. */
static enum base_status extend(struct aud_remote *r, struct base_str origin, uint64_t have,
                               uint64_t size, struct base_err *err)
{
    char dir[AUD_PATH_MAX];
    struct aud_cursor c;
    uint64_t from = have, n = 0;

    if (!place_of(r, origin, dir))
        return base_err_set(err, BASE_EINVAL, "no period of %.*s here", BASE_FMT(origin));
    enum base_status st = aud_cursor_open(&c, dir, have, NULL, err);
    while (st == BASE_OK && from + n < size) {
        st = aud_cursor_next(&c, err);
        for (size_t i = 0; st == BASE_OK && i < c.n_leaves; i++) {
            struct aud_hash h;

            if (c.leaves[i].index < from + n || c.leaves[i].index >= size)
                continue;
            aud_leaf_hash(c.leaves[i].bytes.p, c.leaves[i].bytes.n, &h);
            memcpy(r->frame + 13 + n * 32, h.b, 32);
            if (++n == HASHES) {
                st = send_hashes(r, origin, from, n, err);
                from += n;
                n = 0;
            }
        }
    }
    if (st == BASE_DONE)
        st =
            base_err_set(err, BASE_EINVAL, "the write-ahead log ends before record %" PRIu64, size);
    if (st == BASE_OK && n > 0)
        st = send_hashes(r, origin, from, n, err);
    aud_cursor_release(&c);
    return st;
}

static enum base_status sign_once(struct aud_remote *r, struct base_str text, uint8_t sig[64],
                                  struct base_err *err)
{
    struct base_str origin;
    uint64_t size = 0, have = 0;
    size_t got = 0;
    enum base_status st = BASE_OK;

    if (subject(text, &origin, &size) && size > 0) {
        memcpy(r->frame + 5, origin.p, origin.n);
        st = exchange(r, 'Q', origin.n, 'q', &got, err);
        if (st == BASE_OK && got != 8)
            st = base_err_set(err, BASE_EIO, "the process that signs answers nonsense");
        if (st == BASE_OK)
            have = aud_get64(r->frame + 5);
        if (st == BASE_OK && have > size)
            st =
                base_err_set(err, BASE_EINVAL,
                             "%" PRIu64 " records of %.*s were signed before, this log has %" PRIu64
                             ": has it been replaced by an older copy?",
                             have, BASE_FMT(origin), size);
        if (st == BASE_OK && have < size)
            st = extend(r, origin, have, size, err);
    }
    if (st != BASE_OK)
        return st;
    memcpy(r->frame + 5, text.p, text.n);
    st = exchange(r, 'S', text.n, 's', &got, err);
    if (st == BASE_OK && got != 64)
        st = base_err_set(err, BASE_EIO, "the process that signs answers nonsense");
    if (st == BASE_OK)
        memcpy(sig, r->frame + 5, 64);
    return st;
}

/* Repeats while nobody is there and patience lasts. */
static enum base_status patiently(struct aud_remote *r, struct base_str text, uint8_t *sig,
                                  size_t *got, struct base_err *err)
{
    uint64_t since = base_mono_us();
    enum base_status st;

    pthread_mutex_lock(&r->ask_mu);
    for (;;) {
        st = sig ? sign_once(r, text, sig, err) : exchange(r, 'H', 0, 'h', got, err);
        if (st != BASE_EIO)
            break;
        drop(r);
        uint32_t ms = atomic_load(&r->patience_ms);
        if (ms != UINT32_MAX && base_mono_us() - since > ms * 1000ull)
            break;
        usleep(50000);
    }
    if (sig) /* else the caller reads r->frame and unlocks */
        pthread_mutex_unlock(&r->ask_mu);
    return st;
}

enum base_status aud_remote_sign(struct aud_remote *r, struct base_str text, uint8_t sig[64],
                                 struct base_err *err)
{
    if (text.n > AUD_NOTE_MAX)
        return base_err_set(err, BASE_LIMIT, "note too long");
    return patiently(r, text, sig, NULL, err);
}

static enum base_status sign_for(void *signer, struct base_str text, uint8_t sig[64],
                                 struct base_err *err)
{
    return aud_remote_sign(signer, text, sig, err);
}

enum base_status aud_remote_key(struct aud_remote *r, struct aud_skey *out, struct base_err *err)
{
    size_t got = 0;
    enum base_status st = patiently(r, BASE_STR_NULL, NULL, &got, err);

    memset(out, 0, sizeof(*out));
    if (st == BASE_OK && (got <= 32 || got > 32 + AUD_NAME_MAX))
        st = base_err_set(err, BASE_EPROTO, "the process that signs answers nonsense");
    if (st == BASE_OK) {
        char name[AUD_NAME_MAX + 1];

        out->vkey.type = AUD_KEY_ED25519;
        memcpy(out->vkey.pub, r->frame + 5, 32);
        snprintf(name, sizeof(name), "%.*s", (int)(got - 32), (const char *)r->frame + 37);
        out->sign = sign_for;
        out->signer = r;
        st = aud_skey_named(out, name, out, err);
    }
    pthread_mutex_unlock(&r->ask_mu);
    return st;
}

enum base_status aud_key_take(const char *dir, struct aud_remote *remote, struct aud_skey *out,
                              struct base_err *err)
{
    return remote ? aud_remote_key(remote, out, err) : aud_key_load(dir, out, err);
}

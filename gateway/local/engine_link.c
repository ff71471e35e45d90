/* engine_link.c - the engine process as a source of answers: frames over one socket per loop.
 *
 * Runs on   the loop's thread only.
 * Owns      the socket, its two buffers, the engine's last STATUS and the running attempts.
 * Format    engine/serve/proto.h. The engine is treated as a hostile peer: every frame is checked,
 * a bad one ends the link. Frames for an id that is not running (cancelled a moment ago) are
 *           skipped.
 * Restarts  come as gw_engine_link_attach with a new socket; whatever ran on the old one ends in a
 *           retryable 503, and the pipeline takes another allowed route.
 *
 * An attempt ends exactly once: it is taken off the list before its last event is delivered, so a
 * callback may start another attempt or cancel others. One socket serves all requests of the loop,
 * so a paused attempt must not stop reading: its frames are held (HELD_MAX) and delivered on
 * resume; a client that is slower than that loses its answer.
 */
#include "base/clock.h"
#include "base/log.h"
#include "gateway/local/engine_link_int.h"
#include "gateway/local/engine_submit.h"
#include <errno.h>
#include <event2/util.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_MAX    (64u << 20)
#define READ_BYTES 65536
#define HELD_MAX   (4u << 20)

static void op_cancel(struct gw_attempt *a);
static void op_pause(struct gw_attempt *a);
static void op_resume(struct gw_attempt *a);
static const struct gw_attempt_ops attempt_ops = {op_cancel, op_pause, op_resume};

/* ---- attempts ---- */

static void unlink_attempt(struct attempt *a)
{
    if (a->over)
        return;
    a->over = true;
    if (a->prev)
        a->prev->next = a->next;
    else
        a->link->attempts = a->next;
    if (a->next)
        a->next->prev = a->prev;
}

static void attempt_free(struct attempt *a)
{
    if (a->busy)
        return; /* its own delivery frees it */
    if (a->timer)
        event_free(a->timer);
    if (a->deferred)
        event_free(a->deferred);
    base_buf_release(&a->held);
    free(a);
}

static void flush_soon(struct gw_engine_link *l)
{
    if (l->fd >= 0)
        event_active(l->wr, EV_WRITE, 1);
}

static void send_cancel(struct attempt *a)
{
    /* Without room for nine bytes the link is as good as dead; total_ms on the engine's side of the
     * request then ends it. */
    if (a->link->fd >= 0 && eng_frame_put(&a->link->out, ENG_FRAME_CANCEL, a->id, BASE_STR_NULL))
        flush_soon(a->link);
    else
        a->link->out.failed = false;
}

bool gw_link_emit(struct attempt *a, const struct chat_event *ev)
{
    if (a->over)
        return false;
    enum base_status st = a->spec.event(a->spec.ctx, ev);
    if (a->over)
        return false;
    if (st != BASE_OK) {
        send_cancel(a);
        unlink_attempt(a);
        return false;
    }
    return true;
}

void gw_link_emit_last(struct attempt *a, const struct chat_event *ev)
{
    if (a->over)
        return;
    unlink_attempt(a);
    (void)a->spec.event(a->spec.ctx, ev);
}

void gw_link_fail(struct attempt *a, int status, const char *type, struct base_str message)
{
    bool retryable = status == 408 || status == 429 || status >= 500;
    struct chat_event ev = {.kind = CHAT_EV_ERROR,
                            .error = {.status = status,
                                      .retryable = retryable,
                                      .type = base_str_c(type),
                                      .code = base_str_c(type),
                                      .message = message}};
    gw_link_emit_last(a, &ev);
}

void gw_link_arm_timer(struct attempt *a)
{
    uint64_t at = a->total_us;
    if (a->first_us && (!at || a->first_us < at))
        at = a->first_us;
    if (!at) {
        event_del(a->timer);
        return;
    }
    uint64_t now = base_mono_us(), in = at > now ? at - now : 0;
    struct timeval tv = {(time_t)(in / 1000000), (suseconds_t)(in % 1000000)};
    event_add(a->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct attempt *a = arg;
    uint64_t now = base_mono_us();
    bool first = a->first_us && now >= a->first_us;
    if (!first && !(a->total_us && now >= a->total_us)) {
        gw_link_arm_timer(a);
        return;
    }
    a->busy = true;
    send_cancel(a);
    gw_link_fail(a, 504, first ? "first_token_timeout" : "timeout",
                 first ? BASE_STR("the local model did not begin to answer in time")
                       : BASE_STR("the local model did not finish in time"));
    a->busy = false;
    attempt_free(a);
}

/* ---- frames to attempts ---- */

static struct attempt *find(struct gw_engine_link *l, uint32_t id)
{
    for (struct attempt *a = l->attempts; a; a = a->next)
        if (a->id == id)
            return a;
    return NULL;
}

static bool dispatch(struct gw_engine_link *l, const struct eng_frame *f)
{
    if (f->type == ENG_FRAME_STATUS)
        return f->id == 0 && gw_link_take_status(l, f->payload);
    if (f->type == ENG_FRAME_EXPERTS)
        return f->id == 0 && gw_experts_take(&l->experts, f->payload);
    struct attempt *a = find(l, f->id);
    if (!a)
        return f->id != 0; /* cancelled while it was under way */
    if (a->doomed)
        return false; /* nothing was sent, so nothing can come back */
    bool ok = true;
    a->busy = true;
    if (a->paused &&
        (f->type == ENG_FRAME_TEXT || f->type == ENG_FRAME_REASONING || f->type == ENG_FRAME_CALL))
        a->first_us = 0; /* it did begin to answer */
    if (!a->paused) {
        ok = gw_link_take_frame(a, f);
    } else if (!eng_frame_put(&a->held, f->type, f->id, f->payload)) {
        send_cancel(a);
        gw_link_fail(a, 503, "client_too_slow", BASE_STR("the answer was not taken in time"));
    }
    a->busy = false;
    if (a->over)
        attempt_free(a);
    return ok;
}

/* Delivers what was held, until paused again or over. */
static void deliver_held(struct attempt *a)
{
    bool ok = true;
    while (ok && !a->over && !a->paused && a->held.n > 0) {
        struct eng_frame f;
        size_t used;
        struct base_err err;
        if (eng_frame_parse(base_buf_view(&a->held), &f, &used, &err) != BASE_OK)
            break;
        ok = gw_link_take_frame(a, &f);
        if (!a->over)
            base_buf_shift(&a->held, used);
    }
    if (!ok && !a->over) {
        send_cancel(a);
        gw_link_fail(a, 502, "engine_protocol", BASE_STR("the local model broke its protocol"));
    }
}

static void on_deferred(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct attempt *a = arg;
    a->busy = true;
    if (a->doomed)
        gw_link_fail(a, a->doomed, a->doomed_type, base_str_c(a->doomed_why));
    else
        deliver_held(a);
    a->busy = false;
    if (a->over)
        attempt_free(a);
}

static void op_cancel(struct gw_attempt *pub)
{
    struct attempt *a = (struct attempt *)pub;
    if (a->over)
        return;
    if (!a->doomed)
        send_cancel(a);
    unlink_attempt(a);
    attempt_free(a);
}

static void op_pause(struct gw_attempt *pub)
{
    ((struct attempt *)pub)->paused = true;
}

static void op_resume(struct gw_attempt *pub)
{
    struct attempt *a = (struct attempt *)pub;
    a->paused = false;
    if (!a->over && a->held.n > 0)
        event_active(a->deferred, EV_TIMEOUT, 1);
}

/* ---- the link ---- */

static void link_down(struct gw_engine_link *l)
{
    if (l->fd < 0)
        return;
    event_free(l->rd);
    event_free(l->wr);
    l->rd = l->wr = NULL;
    close(l->fd);
    l->fd = -1;
    l->n_models = 0;
    gw_experts_clear(&l->experts);
    base_buf_release(&l->in);
    base_buf_release(&l->out);
    /* Callbacks may start attempts elsewhere or cancel some of these: always take the first. An
     * attempt that is doomed tells its own story from the loop. */
    struct attempt *a = l->attempts;
    while (a) {
        if (a->doomed) {
            a = a->next;
            continue;
        }
        bool held_busy = a->busy;
        a->busy = true;
        gw_link_fail(a, 503, "engine_restarted", BASE_STR("the local model's process has ended"));
        a->busy = held_busy;
        attempt_free(a);
        a = l->attempts;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct gw_engine_link *l = arg;
    struct base_err err;
    char *to = base_buf_room(&l->in, READ_BYTES);
    if (!to) {
        base_error("gateway", "engine link: a frame is too large or memory is short");
        link_down(l);
        return;
    }
    ssize_t n = recv(fd, to, READ_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        link_down(l);
        return;
    }
    base_buf_commit(&l->in, (size_t)n);
    size_t at = 0;
    while (l->fd == fd) {
        struct eng_frame f;
        size_t used;
        struct base_str rest = base_str_n(l->in.p + at, l->in.n - at);
        enum base_status st = eng_frame_parse(rest, &f, &used, &err);
        if (st == BASE_AGAIN)
            break;
        if (st != BASE_OK || !dispatch(l, &f)) {
            base_error("gateway", "engine link: %s",
                       st == BASE_OK ? "a frame does not hold" : err.text);
            link_down(l);
            return;
        }
        at += used;
    }
    if (l->fd != fd)
        return;
    base_buf_shift(&l->in, at);
    if (l->in.n == 0 && l->in.cap > 2 * READ_BYTES)
        base_buf_release(&l->in);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct gw_engine_link *l = arg;
    size_t at = 0;
    while (at < l->out.n) {
        ssize_t n = send(fd, l->out.p + at, l->out.n - at, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            event_add(l->wr, NULL);
            break;
        }
        if (n < 0) {
            link_down(l);
            return;
        }
        at += (size_t)n;
    }
    base_buf_shift(&l->out, at);
    if (l->out.n == 0 && l->out.cap > 65536)
        base_buf_release(&l->out);
}

struct gw_engine_link *gw_engine_link_new(struct event_base *base)
{
    struct gw_engine_link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->base = base;
    l->fd = -1;
    l->next_id = 1;
    base_buf_init(&l->in, ENG_FRAME_MAX + READ_BYTES);
    base_buf_init(&l->out, OUT_MAX);
    return l;
}

void gw_engine_link_free(struct gw_engine_link *l)
{
    if (!l)
        return;
    link_down(l);
    while (l->attempts) {
        struct attempt *a = l->attempts;
        unlink_attempt(a);
        attempt_free(a);
    }
    free(l);
}

void gw_engine_link_attach(struct gw_engine_link *l, int fd)
{
    link_down(l);
    l->rd = event_new(l->base, fd, EV_READ | EV_PERSIST, on_readable, l);
    l->wr = event_new(l->base, fd, EV_WRITE, on_writable, l);
    l->fd = fd;
    if (!l->rd || !l->wr || evutil_make_socket_nonblocking(fd) != 0 ||
        event_add(l->rd, NULL) != 0) {
        base_error("gateway", "engine link: cannot watch the socket");
        if (l->rd)
            event_free(l->rd);
        if (l->wr)
            event_free(l->wr);
        l->rd = l->wr = NULL;
        close(fd);
        l->fd = -1;
    }
}

bool gw_engine_link_ready(const struct gw_engine_link *l, const char *model, uint32_t *queued,
                          uint32_t *active, uint32_t *slots)
{
    for (size_t i = 0; l->fd >= 0 && i < l->n_models; i++) {
        const struct model_status *m = &l->models[i];
        if (strcmp(m->name, model) != 0)
            continue;
        if (queued)
            *queued = m->queued;
        if (active)
            *active = m->active;
        if (slots)
            *slots = m->slots;
        return m->ready;
    }
    return false;
}

const struct gw_experts *gw_engine_link_experts(const struct gw_engine_link *l)
{
    return &l->experts;
}

/* ---- starting ---- */

static uint32_t fresh_id(struct gw_engine_link *l)
{
    do {
        l->next_id = l->next_id == UINT32_MAX ? 1 : l->next_id + 1;
    } while (find(l, l->next_id));
    return l->next_id;
}

static struct attempt *attempt_new(struct gw_engine_link *l, const struct gw_attempt_spec *spec)
{
    struct attempt *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->pub.ops = &attempt_ops;
    a->link = l;
    a->spec = *spec;
    a->id = fresh_id(l);
    base_buf_init(&a->held, HELD_MAX);
    a->timer = event_new(l->base, -1, EV_TIMEOUT, on_timer, a);
    a->deferred = event_new(l->base, -1, EV_TIMEOUT, on_deferred, a);
    if (!a->timer || !a->deferred) {
        attempt_free(a);
        return NULL;
    }
    uint64_t now = base_mono_us();
    a->first_us = spec->first_token_ms ? now + (uint64_t)spec->first_token_ms * 1000 : 0;
    a->total_us = spec->total_ms ? now + (uint64_t)spec->total_ms * 1000 : 0;
    a->next = l->attempts;
    if (l->attempts)
        l->attempts->prev = a;
    l->attempts = a;
    return a;
}

/* The attempt will end in this error as soon as the loop turns. */
static void doom(struct attempt *a, int status, const char *type, const char *why)
{
    a->doomed = status;
    a->doomed_type = type;
    a->doomed_why = why;
    event_active(a->deferred, EV_TIMEOUT, 1);
}

struct gw_attempt *gw_engine_start(struct gw_engine_link *l, const struct gw_attempt_spec *spec,
                                   struct base_err *err)
{
    if (l->fd < 0) {
        base_err_set(err, BASE_EIO, "the local engine is not running");
        return NULL;
    }
    struct attempt *a = attempt_new(l, spec);
    if (!a) {
        base_err_set(err, BASE_ENOMEM, "no memory for an attempt");
        return NULL;
    }
    if (chat_request_has_opaque(spec->request)) {
        doom(a, 400, "invalid_request_error", "the local model takes text only");
        return &a->pub;
    }
    struct base_buf body, dropped;
    base_buf_init(&body, ENG_FRAME_MAX - ENG_FRAME_HEAD);
    base_buf_init(&dropped, sizeof(a->dropped) - 1);
    bool fits = gw_engine_submit(&body, &dropped, spec);
    if (dropped.n)
        memcpy(a->dropped, dropped.p, dropped.n);
    base_buf_release(&dropped);
    if (!fits)
        doom(a, 413, "request_too_large", "the request is too large for the local model");
    else if (!eng_frame_put(&l->out, ENG_FRAME_SUBMIT, a->id, base_buf_view(&body))) {
        l->out.failed = false;
        doom(a, 503, "engine_busy", "the local model takes no more requests now");
    } else {
        flush_soon(l);
        gw_link_arm_timer(a);
    }
    base_buf_release(&body);
    return &a->pub;
}

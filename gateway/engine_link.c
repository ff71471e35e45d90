/* engine_link.c - the engine process as a source of answers: frames over one socket per loop.
 *
 * Runs on   the loop's thread only.
 * Owns      the socket, its two buffers, the engine's last STATUS and the running attempts.
 * Format    engine/proto.h. The engine is treated as a hostile peer: every frame is checked, a bad
 *           one ends the link. Frames for an id that is not running (cancelled a moment ago) are
 *           skipped.
 * Restarts  come as gw_engine_link_attach with a new socket; whatever ran on the old one ends in a
 *           retryable 503, and the pipeline takes another allowed route.
 *
 * An attempt ends exactly once: it is taken off the list before its last event is delivered, so a
 * callback may start another attempt or cancel others. One socket serves all requests of the loop,
 * so a paused attempt must not stop reading: its frames are held (HELD_MAX) and delivered on
 * resume; a client that is slower than that loses its answer.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/proto.h"
#include "gateway/engine_experts.h"
#include "gateway/engine_submit.h"
#include "gateway/source.h"
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODELS_MAX     64
#define NAME_MAX_BYTES 128
#define OUT_MAX        (64u << 20)
#define READ_BYTES     65536
#define HELD_MAX       (4u << 20)

struct model_status {
    char name[NAME_MAX_BYTES];
    bool ready;
    uint32_t slots, active, queued;
};

struct attempt {
    struct gw_attempt pub; /* first */
    struct gw_engine_link *link;
    struct attempt *prev, *next;
    uint32_t id;
    struct gw_attempt_spec spec;
    struct event *timer;    /* the next of the two deadlines */
    struct event *deferred; /* resume and failures before the first frame, told from the loop */
    uint64_t first_us, total_us; /* monotonic; 0: none */
    bool paused, busy, over;
    uint32_t n_calls;
    char dropped[512]; /* what the engine cannot carry, for the client to read */
    int doomed;        /* an error that stood fast before anything was sent: its status */
    const char *doomed_type, *doomed_why;
    struct base_buf held; /* whole frames while paused */
};

struct gw_engine_link {
    struct event_base *base;
    int fd; /* -1: no engine */
    struct event *rd, *wr;
    struct base_buf in, out;
    struct model_status models[MODELS_MAX];
    size_t n_models;
    struct gw_experts experts;
    struct attempt *attempts;
    uint32_t next_id;
};

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

/* One event; false when the attempt is over (cancelled inside, or refused by the callee). */
static bool emit(struct attempt *a, const struct chat_event *ev)
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

/* The last event of an attempt. The caller frees it. */
static void emit_last(struct attempt *a, const struct chat_event *ev)
{
    if (a->over)
        return;
    unlink_attempt(a);
    (void)a->spec.event(a->spec.ctx, ev);
}

static void fail(struct attempt *a, int status, const char *type, struct base_str message)
{
    bool retryable = status == 408 || status == 429 || status >= 500;
    struct chat_event ev = {.kind = CHAT_EV_ERROR,
                            .error = {.status = status,
                                      .retryable = retryable,
                                      .type = base_str_c(type),
                                      .code = base_str_c(type),
                                      .message = message}};
    emit_last(a, &ev);
}

static void arm_timer(struct attempt *a)
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
        arm_timer(a);
        return;
    }
    a->busy = true;
    send_cancel(a);
    fail(a, 504, first ? "first_token_timeout" : "timeout",
         first ? BASE_STR("the local model did not begin to answer in time")
               : BASE_STR("the local model did not finish in time"));
    a->busy = false;
    attempt_free(a);
}

/* ---- frames from the engine ---- */

static json_t *parse(struct base_str s)
{
    return json_loadb(s.p ? s.p : "", s.n, JSON_REJECT_DUPLICATES, NULL);
}

static int64_t get_int(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return 0;
    return json_integer_value(v);
}

static uint32_t get_u32(const json_t *o, const char *key)
{
    int64_t v = get_int(o, key);
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static struct base_str get_str(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? base_str_n(json_string_value(v), json_string_length(v))
                             : BASE_STR_NULL;
}

static bool take_status(struct gw_engine_link *l, struct base_str payload)
{
    json_t *doc = parse(payload);
    const json_t *models = json_object_get(doc, "models");
    bool ok = json_is_array(models) && json_array_size(models) <= MODELS_MAX;
    if (ok)
        l->n_models = 0;
    for (size_t i = 0; ok && i < json_array_size(models); i++) {
        const json_t *m = json_array_get(models, i);
        struct base_str name = get_str(m, "name");
        struct model_status *s = &l->models[i];
        ok = name.n > 0 && name.n < NAME_MAX_BYTES;
        if (!ok)
            break;
        memset(s, 0, sizeof *s);
        memcpy(s->name, name.p, name.n);
        s->ready = json_is_true(json_object_get(m, "ready"));
        s->slots = get_u32(m, "slots");
        s->active = get_u32(m, "active");
        s->queued = get_u32(m, "queued");
        l->n_models = i + 1;
    }
    json_decref(doc);
    return ok;
}

static bool take_start(struct attempt *a, struct base_str payload)
{
    json_t *doc = parse(payload);
    if (!json_is_object(doc)) {
        json_decref(doc);
        return false;
    }
    char id[24];
    snprintf(id, sizeof id, "engine-%u", a->id);
    if (a->dropped[0] && a->spec.headers) {
        struct gw_attempt_headers h = {.dropped = base_str_c(a->dropped)};
        a->spec.headers(a->spec.ctx, &h);
    }
    struct chat_event ev = {
        .kind = CHAT_EV_START, .id = base_str_c(id), .name = get_str(doc, "model")};
    (void)emit(a, &ev);
    json_decref(doc);
    return true;
}

static void note_content(struct attempt *a)
{
    if (a->first_us) {
        a->first_us = 0;
        arm_timer(a);
    }
}

static bool take_text(struct attempt *a, enum chat_event_kind kind, struct base_str payload)
{
    if (payload.n == 0 || !base_utf8_valid(payload))
        return false;
    note_content(a);
    struct chat_event ev = {.kind = kind, .text = payload};
    (void)emit(a, &ev);
    return true;
}

/* A call opens; the calls of an answer are numbered from 0 without gaps. */
static bool take_call(struct attempt *a, struct base_str payload)
{
    json_t *doc = parse(payload);
    struct chat_event ev = {
        .kind = CHAT_EV_TOOL_CALL, .id = get_str(doc, "id"), .name = get_str(doc, "name")};
    bool ok = json_is_integer(json_object_get(doc, "index")) &&
              get_u32(doc, "index") == a->n_calls && ev.id.n > 0 && ev.name.n > 0;
    if (ok) {
        note_content(a);
        ev.index = (int)a->n_calls++;
        (void)emit(a, &ev);
    }
    json_decref(doc);
    return ok;
}

static bool take_args(struct attempt *a, struct base_str payload)
{
    const uint8_t *b = (const uint8_t *)payload.p;
    if (payload.n < 5 || a->n_calls == 0)
        return false;
    uint32_t index = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    struct chat_event ev = {.kind = CHAT_EV_TOOL_ARGS,
                            .index = (int)(a->n_calls - 1),
                            .text = base_str_n(payload.p + 4, payload.n - 4)};
    if (index != a->n_calls - 1 || !base_utf8_valid(ev.text))
        return false;
    (void)emit(a, &ev);
    return true;
}

static bool take_finish(struct attempt *a, struct base_str payload)
{
    static const struct {
        const char *reason;
        enum chat_finish finish;
    } reasons[] = {{"stop", CHAT_FINISH_STOP},
                   {"length", CHAT_FINISH_LENGTH},
                   {"stop_sequence", CHAT_FINISH_STOP_SEQUENCE},
                   {"tool_calls", CHAT_FINISH_TOOL_CALLS}};
    json_t *doc = parse(payload);
    struct base_str reason = get_str(doc, "reason");
    bool ok = json_is_object(doc), known = false;
    struct chat_event ev = {.kind = CHAT_EV_FINISH, .text = get_str(doc, "stop")};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (base_str_is(reason, reasons[i].reason)) {
            ev.finish = reasons[i].finish;
            known = true;
        }
    if (ok && base_str_is(reason, "cancelled")) {
        fail(a, 503, "engine_cancelled", BASE_STR("the local model gave the request up"));
    } else if (ok && known) {
        struct chat_event usage = {.kind = CHAT_EV_USAGE,
                                   .usage = {.set = true,
                                             .input_tokens = get_int(doc, "prompt_tokens"),
                                             .output_tokens = get_int(doc, "completion_tokens"),
                                             .cached_tokens = get_int(doc, "cached_tokens"),
                                             .reasoning_tokens = get_int(doc, "reasoning_tokens")}};
        struct chat_event last = {.kind = CHAT_EV_END};
        if (emit(a, &ev) && emit(a, &usage))
            emit_last(a, &last);
    } else {
        ok = false;
    }
    json_decref(doc);
    return ok;
}

static bool take_error(struct attempt *a, struct base_str payload)
{
    json_t *doc = parse(payload);
    int64_t status = get_int(doc, "status");
    bool ok = json_is_object(doc) && status >= 400 && status <= 599;
    if (ok) {
        struct base_str message = get_str(doc, "message"), type = get_str(doc, "type");
        char type_z[64];
        snprintf(type_z, sizeof type_z, "%.*s", BASE_FMT(type));
        fail(a, (int)status, type.n ? type_z : "server_error",
             message.n ? message : BASE_STR("the local model failed"));
    }
    json_decref(doc);
    return ok;
}

/* One frame to its attempt; false if it does not hold. The attempt may be over (and freed, unless
 * the caller holds it busy) afterwards. */
static bool take_frame(struct attempt *a, const struct eng_frame *f)
{
    switch (f->type) {
    case ENG_FRAME_START:
        return take_start(a, f->payload);
    case ENG_FRAME_TEXT:
        return take_text(a, CHAT_EV_TEXT, f->payload);
    case ENG_FRAME_REASONING:
        return take_text(a, CHAT_EV_REASONING, f->payload);
    case ENG_FRAME_CALL:
        return take_call(a, f->payload);
    case ENG_FRAME_ARGS:
        return take_args(a, f->payload);
    case ENG_FRAME_FINISH:
        return take_finish(a, f->payload);
    case ENG_FRAME_ERROR:
        return take_error(a, f->payload);
    default:
        return false;
    }
}

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
        return f->id == 0 && take_status(l, f->payload);
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
        ok = take_frame(a, f);
    } else if (!eng_frame_put(&a->held, f->type, f->id, f->payload)) {
        send_cancel(a);
        fail(a, 503, "client_too_slow", BASE_STR("the answer was not taken in time"));
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
        ok = take_frame(a, &f);
        if (!a->over)
            base_buf_shift(&a->held, used);
    }
    if (!ok && !a->over) {
        send_cancel(a);
        fail(a, 502, "engine_protocol", BASE_STR("the local model broke its protocol"));
    }
}

static void on_deferred(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct attempt *a = arg;
    a->busy = true;
    if (a->doomed)
        fail(a, a->doomed, a->doomed_type, base_str_c(a->doomed_why));
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
        fail(a, 503, "engine_restarted", BASE_STR("the local model's process has ended"));
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
        arm_timer(a);
    }
    base_buf_release(&body);
    return &a->pub;
}

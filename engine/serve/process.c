/* process.c - the engine's process: links to the gateway's workers in, tokens out.
 *
 * One thread runs a poll loop. While there is work, each round reads what the links have sent
 * (without waiting), runs one step of each model that has work, and writes what came of it; with
 * nothing to do it sleeps in poll. The forward pass blocks the loop for a bounded time (see
 * scheduler.h), so a CANCEL or a new request waits for one step at most.
 *
 * A link is not trusted. A frame that does not hold ends that link: its requests are dropped, the
 * other links go on. Payloads that are no good (JSON, unknown model, bad numbers) are answered with
 * ERROR. A link that does not read is not written to without bound: above PAUSE_BYTES nothing more
 * is read from it, and its sequences stand still until it has read down to half of that.
 *
 * A model that cannot be loaded is reported as not ready, with the reason, and its requests get a
 * 503; the process serves the others and stays even if none could be loaded, so that the reason can
 * be seen and a restart loop heals nothing that a changed file would not.
 *
 * Ends with 1 when a GPU has failed in a way that only a new process can get over: the request's
 * step has failed by then, and the others are told as below; the supervisor starts another.
 *
 * Ends when all links are closed, or on SIGTERM, then after telling the running requests (503,
 * engine_stopping). SIGINT is left to the supervisor, which gets it too.
 */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/model/model.h"
#include "engine/serve/proto.h"
#include "engine/serve/scheduler.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX       128u
#define MODELS_MAX      64u
#define PAUSE_BYTES     (1u << 20)
#define OUT_BYTES_MAX   (64u << 20)
#define READ_BYTES      (256u << 10)
#define STATUS_EVERY_US 500000 /* while busy */
#define STATUS_MIN_US   20000  /* between two on changes */
#define FLUSH_MS        500    /* for the last words */

struct engine;

struct link {
    struct engine *e;
    int fd; /* -1: closed */
    struct base_buf in, out;
    bool paused, broken;
};

struct engine {
    struct link links[LINKS_MAX];
    size_t n_links;
    struct eng_sched *models[MODELS_MAX];
    size_t n_models;
    int signals;
    bool stop, changed;
    bool lost;  /* a device failed so that only a new process can use it again */
    bool chose; /* tokens have met experts since the last EXPERTS */
    uint64_t status_us, experts_us;
};

/* ---- frames out ---- */

static void put(struct link *l, enum eng_frame_type type, uint32_t id, const struct base_buf *json)
{
    if (l->fd < 0 || l->broken)
        return;
    if (!base_buf_ok(json) || !eng_frame_put(&l->out, type, id, base_buf_view(json)))
        l->broken = true; /* it has not read for 64 MiB */
}

static void on_start(void *owner, uint32_t id, const char *model, uint32_t prompt_tokens,
                     const char *dropped)
{
    struct base_buf b;
    struct base_json j;
    struct link *l = owner;
    base_buf_init(&b, 1u << 16);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "model", model);
    base_json_kint(&j, "prompt_tokens", prompt_tokens);
    if (dropped)
        base_json_kz(&j, "dropped", dropped);
    base_json_obj_end(&j);
    put(l, ENG_FRAME_START, id, &b);
    base_buf_release(&b);
    l->e->changed = true;
}

static void on_text(void *owner, uint32_t id, struct base_str text)
{
    struct link *l = owner;
    if (l->fd >= 0 && !l->broken && !eng_frame_put(&l->out, ENG_FRAME_TEXT, id, text))
        l->broken = true;
}

static void on_reasoning(void *owner, uint32_t id, struct base_str text)
{
    struct link *l = owner;
    if (l->fd >= 0 && !l->broken && !eng_frame_put(&l->out, ENG_FRAME_REASONING, id, text))
        l->broken = true;
}

static void on_call(void *owner, uint32_t id, uint32_t index, struct base_str call_id,
                    struct base_str name)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, 1u << 16);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "index", index);
    base_json_kstr(&j, "id", call_id);
    base_json_kstr(&j, "name", name);
    base_json_obj_end(&j);
    put(owner, ENG_FRAME_CALL, id, &b);
    base_buf_release(&b);
}

static void on_args(void *owner, uint32_t id, uint32_t index, struct base_str text)
{
    struct base_buf b;
    base_buf_init(&b, ENG_FRAME_MAX);
    for (int i = 0; i < 4; i++)
        base_buf_byte(&b, (char)(index >> (8 * i)));
    base_buf_str(&b, text);
    put(owner, ENG_FRAME_ARGS, id, &b);
    base_buf_release(&b);
}

static void on_finish(void *owner, uint32_t id, enum eng_end end, struct base_str stop,
                      const struct eng_counts *c)
{
    static const char *const words[] = {"stop", "length", "stop_sequence", "tool_calls",
                                        "cancelled"};
    struct base_buf b;
    struct base_json j;
    struct link *l = owner;
    base_buf_init(&b, 1u << 16);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "reason", words[end]);
    if (end == ENG_END_STOP_SEQUENCE)
        base_json_kstr(&j, "stop", stop);
    base_json_kint(&j, "prompt_tokens", c->prompt_tokens);
    base_json_kint(&j, "completion_tokens", c->completion_tokens);
    base_json_kint(&j, "reasoning_tokens", c->reasoning_tokens);
    base_json_kint(&j, "cached_tokens", c->cached_tokens);
    base_json_kint(&j, "prompt_ms", c->prompt_ms);
    base_json_kint(&j, "generate_ms", c->generate_ms);
    base_json_obj_end(&j);
    put(l, ENG_FRAME_FINISH, id, &b);
    base_buf_release(&b);
    l->e->changed = true;
}

static void on_error(void *owner, uint32_t id, int status, const char *type, const char *message)
{
    struct base_buf b;
    struct base_json j;
    struct link *l = owner;
    base_buf_init(&b, 1u << 16);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "status", status);
    base_json_kz(&j, "type", type);
    base_json_kz(&j, "message", message);
    base_json_obj_end(&j);
    put(l, ENG_FRAME_ERROR, id, &b);
    base_buf_release(&b);
    l->e->changed = true;
}

static bool is_paused(void *owner)
{
    struct link *l = owner;
    if (l->paused ? l->out.n <= PAUSE_BYTES / 2 : l->out.n > PAUSE_BYTES)
        l->paused = !l->paused;
    return l->paused;
}

static void put_gpus(struct base_json *j, const struct eng_sched_status *s)
{
    base_json_key(j, "gpus");
    base_json_arr(j);
    for (uint32_t i = 0; i < s->n_gpus; i++) {
        const struct eng_model_memory *g = &s->gpu[i];
        base_json_obj(j);
        base_json_kint(j, "gpu", g->ordinal);
        base_json_kint(j, "planned", (int64_t)g->reserved);
        base_json_kint(j, "weights", (int64_t)g->by[ENG_USE_WEIGHTS]);
        base_json_kint(j, "experts", (int64_t)g->by[ENG_USE_EXPERTS]);
        base_json_kint(j, "cache", (int64_t)g->by[ENG_USE_CACHE]);
        base_json_kint(j, "scratch", (int64_t)g->by[ENG_USE_SCRATCH]);
        base_json_kint(j, "from_host", (int64_t)g->from_host);
        base_json_kint(j, "to_host", (int64_t)g->to_host);
        base_json_kint(j, "from_gpus", (int64_t)g->from_devices);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

static void send_status(struct engine *e)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, 1u << 20);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_key(&j, "models");
    base_json_arr(&j);
    for (size_t i = 0; i < e->n_models; i++) {
        struct eng_sched_status s;
        eng_sched_status(e->models[i], &s);
        base_json_obj(&j);
        base_json_kz(&j, "name", s.name);
        base_json_kbool(&j, "ready", s.ready);
        base_json_kint(&j, "slots", s.slots);
        base_json_kint(&j, "active", s.active);
        base_json_kint(&j, "queued", s.queued);
        base_json_kint(&j, "context", s.context);
        base_json_kint(&j, "expected_wait_ms", s.expected_wait_ms);
        base_json_kint(&j, "cache_tokens", (int64_t)s.cache_tokens);
        base_json_kint(&j, "cache_used", (int64_t)s.cache_used);
        base_json_kint(&j, "cache_kept", (int64_t)s.cache_kept);
        base_json_kint(&j, "prefix_asked", (int64_t)s.prefix_asked);
        base_json_kint(&j, "prefix_hit", (int64_t)s.prefix_hit);
        base_json_kint(&j, "evicted", (int64_t)s.evicted);
        base_json_kint(&j, "preempted", (int64_t)s.preempted);
        base_json_kint(&j, "experts_on_device", (int64_t)s.experts_on_device);
        base_json_kint(&j, "pairs_on_device", (int64_t)s.pairs_on_device);
        base_json_kint(&j, "pairs_on_cpu", (int64_t)s.pairs_on_cpu);
        base_json_kint(&j, "pairs_sent", (int64_t)s.pairs_sent);
        base_json_kint(&j, "expert_moves", (int64_t)s.expert_moves);
        base_json_kint(&j, "moved_bytes", (int64_t)s.moved_bytes);
        base_json_kint(&j, "sent_bytes", (int64_t)s.sent_bytes);
        put_gpus(&j, &s);
        if (s.reason)
            base_json_kz(&j, "reason", s.reason);
        base_json_obj_end(&j);
    }
    base_json_arr_end(&j);
    base_json_obj_end(&j);
    for (size_t i = 0; i < e->n_links; i++)
        if (e->links[i].out.n <= PAUSE_BYTES) /* news that nobody reads need not pile up */
            put(&e->links[i], ENG_FRAME_STATUS, 0, &b);
    base_buf_release(&b);
    e->changed = false;
    e->status_us = base_mono_us();
}

static void put_experts(struct base_buf *b, const char *name, const struct eng_model *m)
{
    const struct eng_model_info *info = eng_model_get_info(m);
    struct base_json j;
    base_json_init(&j, b);
    base_json_obj(&j);
    base_json_kz(&j, "model", name);
    base_json_kint(&j, "experts", info->n_expert);
    base_json_kint(&j, "used", info->n_expert_used);
    base_json_key(&j, "layers");
    base_json_arr(&j);
    for (uint32_t l = 0; l < info->n_layer; l++) {
        const uint64_t *counts = eng_model_expert_counts(m, l);
        if (!counts)
            continue;
        base_json_obj(&j);
        base_json_kint(&j, "layer", l);
        base_json_key(&j, "counts");
        base_json_arr(&j);
        for (uint32_t e = 0; e < info->n_expert; e++)
            base_json_int(&j, (int64_t)counts[e]);
        base_json_arr_end(&j);
        base_json_obj_end(&j);
    }
    base_json_arr_end(&j);
    base_json_obj_end(&j);
}

static void send_experts(struct engine *e)
{
    for (size_t i = 0; i < e->n_models; i++) {
        const struct eng_model *m = eng_sched_model(e->models[i]);
        struct base_buf b;
        if (m == NULL || eng_model_get_info(m)->n_expert == 0)
            continue;
        base_buf_init(&b, ENG_FRAME_MAX - ENG_FRAME_HEAD);
        put_experts(&b, eng_sched_name(e->models[i]), m);
        for (size_t k = 0; k < e->n_links && base_buf_ok(&b); k++)
            if (e->links[k].out.n <= PAUSE_BYTES) /* figures need not pile up either */
                put(&e->links[k], ENG_FRAME_EXPERTS, 0, &b);
        base_buf_release(&b);
    }
    e->chose = false;
    e->experts_us = base_mono_us();
}

/* ---- frames in ---- */

static bool has_id(const struct engine *e, const struct link *l, uint32_t id)
{
    for (size_t i = 0; i < e->n_models; i++)
        if (eng_sched_has(e->models[i], l, id))
            return true;
    return false;
}

static void submit(struct engine *e, struct link *l, uint32_t id, struct base_str payload)
{
    json_error_t je;
    json_t *o = json_loadb(payload.p, payload.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
    const char *name = json_string_value(json_object_get(o, "model"));
    struct eng_sched *s = NULL;
    for (size_t i = 0; name && i < e->n_models; i++)
        if (strcmp(eng_sched_name(e->models[i]), name) == 0)
            s = e->models[i];
    if (!json_is_object(o) || name == NULL)
        on_error(l, id, 400, "invalid_request_error", "the request is no object with a model");
    else if (s == NULL)
        on_error(l, id, 404, "model_not_found", "the engine has no model of that name");
    else
        eng_sched_submit(s, l, id, o);
    json_decref(o);
}

static enum base_status take(struct engine *e, struct link *l, const struct eng_frame *f,
                             struct base_err *err)
{
    switch (f->type) {
    case ENG_FRAME_SUBMIT:
        if (has_id(e, l, f->id))
            return base_err_set(err, BASE_EPROTO, "id %u is in use", f->id);
        submit(e, l, f->id, f->payload);
        return BASE_OK;
    case ENG_FRAME_CANCEL:
        if (f->payload.n > 0)
            return base_err_set(err, BASE_EPROTO, "a CANCEL with a payload");
        for (size_t i = 0; i < e->n_models; i++)
            if (eng_sched_cancel(e->models[i], l, f->id))
                break;
        return BASE_OK; /* unknown: it has crossed our FINISH */
    default:
        return base_err_set(err, BASE_EPROTO, "a frame of type %d from the gateway", (int)f->type);
    }
}

static void close_link(struct engine *e, struct link *l, const char *why)
{
    if (why)
        base_warn("engine", "link %zu ended: %s", (size_t)(l - e->links), why);
    for (size_t i = 0; i < e->n_models; i++)
        eng_sched_drop(e->models[i], l);
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    base_buf_release(&l->in);
    base_buf_release(&l->out);
    e->changed = true;
}

static void read_link(struct engine *e, struct link *l)
{
    struct base_err err = {0};
    char *p = base_buf_room(&l->in, READ_BYTES);
    if (p == NULL) {
        close_link(e, l, "no memory for its frames");
        return;
    }
    ssize_t n = recv(l->fd, p, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0) {
        close_link(e, l, n < 0 ? strerror(errno) : NULL);
        return;
    }
    base_buf_commit(&l->in, (size_t)n);
    size_t at = 0;
    for (;;) {
        struct eng_frame f;
        size_t used = 0;
        struct base_str in = base_str_n(l->in.p + at, l->in.n - at);
        enum base_status st = eng_frame_parse(in, &f, &used, &err);
        if (st == BASE_AGAIN)
            break;
        if (st == BASE_OK)
            st = take(e, l, &f, &err);
        if (st != BASE_OK) {
            close_link(e, l, err.text);
            return;
        }
        at += used;
    }
    base_buf_shift(&l->in, at);
}

static void write_link(struct engine *e, struct link *l)
{
    size_t at = 0;
    while (at < l->out.n) {
        ssize_t n = send(l->fd, l->out.p + at, l->out.n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            close_link(e, l, strerror(errno));
            return;
        }
        if (n < 0)
            break;
        at += (size_t)n;
    }
    base_buf_shift(&l->out, at);
    if (l->broken)
        close_link(e, l, "it does not read");
}

/* ---- the loop ---- */

static bool any_open(const struct engine *e)
{
    for (size_t i = 0; i < e->n_links; i++)
        if (e->links[i].fd >= 0)
            return true;
    return false;
}

static void wait_for_frames(struct engine *e, int timeout_ms)
{
    struct pollfd p[LINKS_MAX + 1];
    struct signalfd_siginfo si;
    for (size_t i = 0; i < e->n_links; i++) {
        size_t n = e->links[i].out.n; /* one that does not read is not read from either */
        p[i] = (struct pollfd){
            .fd = e->links[i].fd, /* -1 is passed over */
            .events = (short)((n <= PAUSE_BYTES ? POLLIN : 0) | (n > 0 ? POLLOUT : 0))};
    }
    p[e->n_links] = (struct pollfd){.fd = e->signals, .events = POLLIN};
    if (poll(p, e->n_links + 1, timeout_ms) <= 0)
        return;
    if (p[e->n_links].revents && read(e->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
        e->stop = true;
    for (size_t i = 0; i < e->n_links; i++) {
        struct link *l = &e->links[i];
        if (l->fd >= 0 && (p[i].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)))
            read_link(e, l);
        if (l->fd >= 0 && l->out.n > 0)
            write_link(e, l);
    }
}

static void loop(struct engine *e)
{
    while (!e->stop && !e->lost && any_open(e)) {
        bool ready = false, busy = false;
        for (size_t i = 0; i < e->n_models; i++) {
            ready = ready || eng_sched_ready(e->models[i]);
            busy = busy || eng_sched_busy(e->models[i]);
        }
        wait_for_frames(e, ready        ? 0
                           : busy       ? STATUS_EVERY_US / 1000
                           : e->changed ? 20
                           : e->chose   ? ENG_EXPERTS_EVERY_MS
                                        : -1);
        for (size_t i = 0; i < e->n_models; i++)
            if (eng_sched_ready(e->models[i])) {
                eng_sched_step(e->models[i]);
                e->chose = true;
                e->lost = e->lost || eng_sched_lost(e->models[i]);
            }
        if (e->chose && base_mono_us() - e->experts_us >= ENG_EXPERTS_EVERY_MS * 1000)
            send_experts(e);
        uint64_t since = base_mono_us() - e->status_us;
        if ((e->changed && since >= STATUS_MIN_US) || (busy && since >= STATUS_EVERY_US))
            send_status(e);
        for (size_t i = 0; i < e->n_links; i++)
            if (e->links[i].fd >= 0 && (e->links[i].out.n > 0 || e->links[i].broken))
                write_link(e, &e->links[i]);
    }
}

/* The last words: what is in the buffers, for as long as FLUSH_MS. */
static void flush(struct engine *e)
{
    uint64_t end = base_mono_us() + FLUSH_MS * 1000;
    for (size_t i = 0; i < e->n_models; i++)
        eng_sched_stop(e->models[i], "the engine is being stopped");
    for (size_t i = 0; i < e->n_links; i++) {
        struct link *l = &e->links[i];
        while (l->fd >= 0 && l->out.n > 0 && base_mono_us() < end) {
            struct pollfd p = {.fd = l->fd, .events = POLLOUT};
            (void)poll(&p, 1, 50);
            write_link(e, l);
        }
    }
}

static bool prepare(struct engine *e, const struct conf *c, const int *fds, size_t n_fds)
{
    static const struct eng_sched_events events = {.start = on_start,
                                                   .text = on_text,
                                                   .reasoning = on_reasoning,
                                                   .call = on_call,
                                                   .args = on_args,
                                                   .finish = on_finish,
                                                   .error = on_error,
                                                   .paused = is_paused};
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &term, NULL); /* before any thread starts */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    e->signals = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
    if (e->signals < 0 || n_fds > LINKS_MAX || c->engine.n_models > MODELS_MAX) {
        base_error("engine", "cannot start: %zu links, %zu models, %s", n_fds, c->engine.n_models,
                   e->signals < 0 ? strerror(errno) : "too many");
        return false;
    }
    for (size_t i = 0; i < n_fds; i++) {
        struct link *l = &e->links[e->n_links++];
        l->e = e;
        l->fd = fds[i];
        base_buf_init(&l->in, ENG_FRAME_MAX + READ_BYTES + 64);
        base_buf_init(&l->out, OUT_BYTES_MAX);
    }
    for (size_t i = 0; i < c->engine.n_models; i++) {
        struct eng_sched *s = eng_sched_new(&c->engine, &c->engine.models[i], &events);
        if (s == NULL) {
            base_error("engine", "no memory to start");
            return false;
        }
        e->models[e->n_models++] = s;
    }
    return true;
}

int eng_process_main(const struct conf *c, const int *fds, size_t n_fds)
{
    struct engine *e = calloc(1, sizeof(*e));
    int status = 2;
    if (e == NULL)
        return status;
    e->signals = -1;
    if (prepare(e, c, fds, n_fds)) {
        status = 0;
        send_status(e); /* not ready yet, and why */
        wait_for_frames(e, 0);
        size_t n_ready = 0;
        for (size_t i = 0; i < e->n_models && !e->stop; i++) {
            n_ready += eng_sched_load(e->models[i]);
            send_status(e);
            wait_for_frames(e, 0);
        }
        if (n_ready == 0 && !e->stop)
            base_error("engine", "no model could be loaded; every request is refused");
        loop(e);
        if (e->lost) {
            base_error("engine", "a device has failed; this process ends, a new one takes over");
            status = 1;
        }
        flush(e);
    }
    for (size_t i = 0; i < e->n_links; i++)
        if (e->links[i].fd >= 0)
            close_link(e, &e->links[i], NULL);
    for (size_t i = 0; i < e->n_models; i++)
        eng_sched_free(e->models[i]);
    if (e->signals >= 0)
        close(e->signals);
    free(e);
    return status;
}

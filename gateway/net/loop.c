/* loop.c - worker threads, posts to them, and counted configurations.
 *
 * Posts are a lock-free stack: a producer pushes with compare-and-swap and wakes the loop through
 * an eventfd only if the stack was empty; the loop takes the whole stack at once and runs it in the
 * order of arrival. The poster owns the node, so nothing is allocated and nothing can fail.
 *
 * A configuration (struct gw_gen) is counted: the loop holds one reference, each request in
 * progress another. The thread that drops the last one frees it.
 */
#include "gateway/net/loop.h"
#include "base/log.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct gw_loop_private {
    pthread_t thread;
    bool started, joined;
    atomic_bool ended;
    _Atomic(struct gw_post *) posts;
    int wake_fd;
    struct event *wake;
    void (*first)(struct gw_loop *, void *);
    void (*last)(struct gw_loop *, void *);
    void *arg;
};

/* ---- configurations ---- */

struct gw_gen *gw_gen_ref(struct gw_gen *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void gw_gen_unref(struct gw_gen *g)
{
    if (!g || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (g->app_free)
        g->app_free(g->app);
    SSL_CTX_free(g->tls);
    conf_free(g->conf);
    free(g);
}

/* ---- posts ---- */

void gw_loop_post(struct gw_loop *l, struct gw_post *p)
{
    struct gw_loop_private *own = l->own;
    struct gw_post *head = atomic_load_explicit(&own->posts, memory_order_relaxed);
    do {
        p->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&own->posts, &head, p, memory_order_release,
                                                    memory_order_relaxed));
    /* From here on p may be gone: the loop may have run it. The loop itself lives on. */
    if (head == NULL) {
        uint64_t one = 1;
        ssize_t n = write(own->wake_fd, &one, sizeof one);
        (void)n; /* fails only when the counter is full: then the loop is awake anyway */
    }
}

static void run_posts(struct gw_loop *l)
{
    struct gw_post *p = atomic_exchange_explicit(&l->own->posts, NULL, memory_order_acquire);
    struct gw_post *in_order = NULL;
    while (p) {
        struct gw_post *next = p->next;
        p->next = in_order;
        in_order = p;
        p = next;
    }
    while (in_order) {
        p = in_order;
        in_order = p->next;
        p->fn(l, p->arg);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n;
    run_posts(arg);
}

/* ---- the loop ---- */

static struct event_base *make_base(void)
{
    struct event_config *cfg = event_config_new();
    if (!cfg)
        return NULL;
    /* One thread per base: no locks. */
    event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(cfg);
    event_config_free(cfg);
    return base;
}

struct gw_loop *gw_loop_new(unsigned index, struct gw_gen *gen, struct gw_metrics_shard *shard,
                            struct base_err *err)
{
    struct gw_loop *l = calloc(1, sizeof *l);
    struct gw_loop_private *own = calloc(1, sizeof *own);
    if (!l || !own) {
        free(l);
        free(own);
        base_err_set(err, BASE_ENOMEM, "no memory for a loop");
        return NULL;
    }
    l->own = own;
    l->index = index;
    l->metrics = shard;
    l->gen = gw_gen_ref(gen);
    own->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->base = make_base();
    if (own->wake_fd >= 0 && l->base)
        own->wake = event_new(l->base, own->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    if (l->base)
        l->engine = gw_engine_link_new(l->base);
    if (!own->wake || !l->engine || event_add(own->wake, NULL) != 0) {
        base_err_sys(err, "cannot make an event loop");
        gw_loop_free(l);
        return NULL;
    }
    return l;
}

static void *thread_main(void *arg)
{
    struct gw_loop *l = arg;
    struct gw_loop_private *own = l->own;
    if (own->first)
        own->first(l, own->arg);
    event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
    if (own->last)
        own->last(l, own->arg);
    atomic_store_explicit(&own->ended, true, memory_order_release);
    return NULL;
}

enum base_status gw_loop_start(struct gw_loop *l, void (*first)(struct gw_loop *, void *),
                               void (*last)(struct gw_loop *, void *), void *arg,
                               struct base_err *err)
{
    struct gw_loop_private *own = l->own;
    own->first = first;
    own->last = last;
    own->arg = arg;
    errno = pthread_create(&own->thread, NULL, thread_main, l);
    if (errno)
        return base_err_sys(err, "cannot start a thread");
    own->started = true;
    char name[16];
    snprintf(name, sizeof name, "weir-loop-%u", l->index % 1000);
    (void)pthread_setname_np(own->thread, name);
    return BASE_OK;
}

void gw_loop_stop(struct gw_loop *l)
{
    event_base_loopbreak(l->base);
}

bool gw_loop_ended(const struct gw_loop *l)
{
    return atomic_load_explicit(&l->own->ended, memory_order_acquire);
}

void gw_loop_join(struct gw_loop *l)
{
    if (l->own->started && !l->own->joined)
        pthread_join(l->own->thread, NULL);
    l->own->joined = true;
}

void gw_loop_free(struct gw_loop *l)
{
    if (!l)
        return;
    struct gw_loop_private *own = l->own;
    while (atomic_load_explicit(&own->posts, memory_order_acquire))
        run_posts(l);
    gw_engine_link_free(l->engine);
    if (own->wake)
        event_free(own->wake);
    if (own->wake_fd >= 0)
        close(own->wake_fd);
    if (l->base)
        event_base_free(l->base);
    gw_gen_unref(l->gen);
    free(own);
    free(l);
}

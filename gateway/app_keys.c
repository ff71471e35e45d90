/* app_keys.c - snapshots of the key file, and the thread that watches it.
 *
 * Owns       the newest snapshot (gw_app_own.keys) and its hand-over to the loops.
 * Runs on    start on the main thread; then a thread of its own, because loops touch no files. A
 *            loop swaps its snapshot by post, on its own thread, never under a request.
 * Fails by   keeping the old snapshot, and saying so, when the file becomes unreadable: keys
 * already revoked stay revoked, new ones are not known until it is mended.
 */
#include "base/log.h"
#include "gateway/app_int.h"
#include "gateway/events.h"
#include <stdlib.h>
#include <time.h>

#define KEYS_POLL_MS 500

struct gw_keys_ref *gw_app_keys_ref(struct gw_keys_ref *k)
{
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    return k;
}

void gw_app_keys_unref(struct gw_keys_ref *k)
{
    if (k && atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) == 1) {
        gw_keys_free(k->keys);
        free(k);
    }
}

struct gw_keys_ref *gw_app_keys_load(const char *file, struct base_err *err)
{
    struct gw_keys_ref *k = calloc(1, sizeof *k);
    if (!k) {
        base_err_set(err, BASE_ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&k->refs, 1);
    if (gw_keys_load(file, &k->keys, err) == BASE_OK)
        return k;
    free(k);
    return NULL;
}

struct keys_post {
    struct gw_post post;
    struct gw_keys_ref *keys;
};

static void keys_arrive(struct gw_loop *l, void *arg)
{
    struct keys_post *p = arg;
    struct gw_app_loop *al = l->app;
    if (al) {
        gw_app_keys_unref(al->keys);
        al->keys = p->keys;
    } else {
        gw_app_keys_unref(p->keys);
    }
    free(p);
}

static void keys_publish(struct gw_keys_ref *k)
{
    pthread_mutex_lock(&gw_app_own.keys_lock);
    struct gw_keys_ref *old = gw_app_own.keys;
    gw_app_own.keys = k;
    for (unsigned i = 0; i < gw_child_loops(gw_app_own.child); i++) {
        struct gw_loop *l = gw_child_loop(gw_app_own.child, i);
        struct keys_post *p = l ? calloc(1, sizeof *p) : NULL;
        if (!p)
            continue;
        p->keys = gw_app_keys_ref(k);
        p->post.fn = keys_arrive;
        p->post.arg = p;
        gw_loop_post(l, &p->post);
    }
    pthread_mutex_unlock(&gw_app_own.keys_lock);
    gw_app_keys_unref(old);
}

static void *watch_keys(void *arg)
{
    struct gw_keys_stamp stamp = *(struct gw_keys_stamp *)arg;
    struct base_err err;
    bool complained = false;
    free(arg);
    while (!atomic_load(&gw_app_own.stopping)) {
        const struct timespec pause = {0, KEYS_POLL_MS * 1000000L};
        nanosleep(&pause, NULL);
        if (!gw_keys_changed(gw_app_own.keys_file, &stamp))
            continue;
        struct gw_keys_ref *k = gw_app_keys_load(gw_app_own.keys_file, &err);
        if (k) {
            struct gw_keys_ref *told = gw_app_keys_ref(k);
            keys_publish(k); /* a revocation does not wait for its record */
            base_info("keys", "read again: %s", gw_app_own.keys_file);
            if (gw_event_keys(gw_app_own.log, gw_app_own.log_dir, told->keys, &err) != BASE_OK)
                base_error("keys", "a change of the keys could not be recorded: %s", err.text);
            gw_app_keys_unref(told);
        } else {
            stamp = (struct gw_keys_stamp){0}; /* a revocation must not be missed: tried again */
            if (!complained)
                base_error("keys", "kept the old keys: %s", err.text);
        }
        complained = !k;
    }
    return NULL;
}

bool gw_app_keys_watch(struct gw_keys_stamp *stamp)
{
    return pthread_create(&gw_app_own.watcher, NULL, watch_keys, stamp) == 0;
}

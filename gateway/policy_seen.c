/* policy_seen.c - reads and writes keys/policy.seen; see policy_seen.h.
 *
 * File (JSON, version 1, mode 0600, replaced whole):
 *   {"v":1,"serial":N,"kills":K,"off":[{"kind","value","reason","since"}],
 *    "floors":{"policy":{"revision","id","at"},"tables":{..},"duties":{..}}}
 *
 * Two threads write it: the one that watches the switches (serial, off), and the one that reloads
 * (floors). One lock; each keeps what is the other's. Blocks; never on a loop.
 */
#include "gateway/policy_seen.h"

#include "base/file.h"
#include "base/json.h"

#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>

#define FILE_BYTES_MAX  (4u << 20)
#define ARENA_BYTES_MAX (32u << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool path_of(const char *log_dir, char path[PATH_MAX])
{
    return log_dir && (size_t)snprintf(path, PATH_MAX, "%s/keys/policy.seen", log_dir) < PATH_MAX;
}

static void read_floors(struct gw_policy_seen *s, const json_t *floors)
{
    for (int i = 0; i < GW_GOVERNED; i++) {
        const json_t *o = json_object_get(floors, gw_governed_name((enum gw_governed)i));
        const char *id = json_string_value(json_object_get(o, "id"));
        json_int_t revision = json_integer_value(json_object_get(o, "revision"));
        if (revision < 0 || revision > UINT32_MAX)
            continue;
        s->floors[i].revision = (uint32_t)revision;
        s->floors[i].id = base_arena_dup(s->arena, base_str_c(id ? id : ""));
        s->floors[i].at = (uint64_t)json_integer_value(json_object_get(o, "at"));
    }
}

struct gw_policy_seen *gw_policy_seen_load(const char *log_dir)
{
    struct base_arena *a = base_arena_new(ARENA_BYTES_MAX);
    struct gw_policy_seen *s = a ? base_arena_alloc(a, sizeof(*s)) : NULL;
    char path[PATH_MAX];
    struct base_buf b;
    json_t *root = NULL;

    if (!s) {
        base_arena_free(a);
        return NULL;
    }
    s->arena = a;
    base_buf_init(&b, FILE_BYTES_MAX);
    if (path_of(log_dir, path) && base_file_read_regular(path, &b, NULL) == BASE_OK)
        root = json_loadb(b.p ? b.p : "", b.n, 0, NULL);
    if (root) {
        s->serial = (uint64_t)json_integer_value(json_object_get(root, "serial"));
        s->n_kills = (size_t)json_integer_value(json_object_get(root, "kills"));
        if (!gw_policy_state_kills_read(json_object_get(root, "off"), a, &s->kills))
            s->kills = (struct pol_kills){0};
        read_floors(s, json_object_get(root, "floors"));
    }
    json_decref(root);
    base_buf_release(&b);
    return s;
}

void gw_policy_seen_free(struct gw_policy_seen *s)
{
    if (s)
        base_arena_free(s->arena);
}

static enum base_status write_file(const char *path, const struct gw_policy_seen *s,
                                   struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, FILE_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "v", 1);
    base_json_kint(&j, "serial", (int64_t)s->serial);
    base_json_kint(&j, "kills", (int64_t)s->n_kills);
    base_json_key(&j, "off");
    gw_policy_state_kills_json(&j, &s->kills);
    base_json_key(&j, "floors");
    base_json_obj(&j);
    for (int i = 0; i < GW_GOVERNED; i++) {
        base_json_key(&j, gw_governed_name((enum gw_governed)i));
        gw_floor_json(&j, &s->floors[i]);
    }
    base_json_obj_end(&j);
    base_json_obj_end(&j);
    base_buf_byte(&b, '\n');
    enum base_status st = base_buf_ok(&b)
                              ? base_file_replace(path, base_buf_view(&b), 0600, err)
                              : base_err_set(err, BASE_LIMIT, "%s: would become too large", path);
    base_buf_release(&b);
    return st;
}

/* One of told and floors is NULL. */
static enum base_status change(const char *log_dir, uint64_t serial, const struct pol_kills *told,
                               const struct gw_floor *floors, struct base_err *err)
{
    char path[PATH_MAX];
    if (!path_of(log_dir, path))
        return base_err_set(err, BASE_EINVAL, "%s is too long", log_dir);
    pthread_mutex_lock(&lock);
    struct gw_policy_seen *s = gw_policy_seen_load(log_dir);
    enum base_status st = s ? BASE_OK : base_err_set(err, BASE_ENOMEM, "out of memory");
    if (s && told) {
        s->serial = serial;
        s->kills = *told;
        s->n_kills = told->n;
    }
    if (s && floors)
        memcpy(s->floors, floors, sizeof(s->floors));
    if (s)
        st = write_file(path, s, err);
    gw_policy_seen_free(s);
    pthread_mutex_unlock(&lock);
    return st;
}

enum base_status gw_policy_seen_told(const char *log_dir, uint64_t serial,
                                     const struct pol_kills *kills, struct base_err *err)
{
    return change(log_dir, serial, kills, NULL, err);
}

enum base_status gw_policy_seen_floors(const char *log_dir,
                                       const struct gw_floor floors[GW_GOVERNED],
                                       struct base_err *err)
{
    return change(log_dir, 0, NULL, floors, err);
}

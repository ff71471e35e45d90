/* hold.c - legal holds: subjects whose content nobody may destroy, neither on order nor on time.
 *
 * Owns       DIR/keys/holds.json: {"holds":[{"id","lookup","reason","since","tag","tenant","who"}],
 *            "v":1}, replaced whole. It is no evidence: the leaves hold.set and hold.released are.
 * Runs on    the keeper's thread.
 * Order      the leaf is durable, then the file is replaced: a crash in between leaves a hold on
 *            record that is not in force, which the next `hold` of the same subject mends; the
 *            other way round would leave one in force that nobody ordered.
 */
#include "audit/content/keeper_int.h"

#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOLDS_BYTES (16u << 20)

bool aud_held(const struct aud_keeper *k, const uint8_t id[AUD_ID_BYTES])
{
    for (size_t i = 0; i < k->n_holds; i++) {
        if (memcmp(k->holds[i].id, id, AUD_ID_BYTES) == 0)
            return true;
    }
    return false;
}

static bool hold_read(struct aud_hold *h, const json_t *o)
{
    const char *id = json_string_value(json_object_get(o, "id"));
    const char *lookup = json_string_value(json_object_get(o, "lookup"));
    const char *tag = json_string_value(json_object_get(o, "tag"));
    const char *tenant = json_string_value(json_object_get(o, "tenant"));
    const char *reason = json_string_value(json_object_get(o, "reason"));
    const char *who = json_string_value(json_object_get(o, "who"));

    memset(h, 0, sizeof(*h));
    if (!id || !lookup || !tag || !tenant || !reason || !who || strlen(tag) != AUD_TAG_HEX - 1 ||
        !aud_unhex(base_str_c(id), h->id, AUD_ID_BYTES) ||
        !aud_unhex(base_str_c(lookup), h->lookup, AUD_ID_BYTES))
        return false;
    memcpy(h->tag, tag, AUD_TAG_HEX);
    snprintf(h->tenant, sizeof(h->tenant), "%s", tenant);
    snprintf(h->reason, sizeof(h->reason), "%s", reason);
    snprintf(h->who, sizeof(h->who), "%s", who);
    h->since = json_integer_value(json_object_get(o, "since"));
    return true;
}

enum base_status aud_holds_load(struct aud_keeper *k, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    struct base_buf b;
    enum base_status st = aud_path(path, k->dir, "keys/holds.json", err);

    base_buf_init(&b, HOLDS_BYTES);
    if (st == BASE_OK)
        st = base_file_read(path, &b, err);
    if (st == BASE_ENOENT) {
        base_buf_release(&b);
        return BASE_OK;
    }
    json_t *root = st == BASE_OK ? json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *list = json_object_get(root, "holds");
    size_t n = json_array_size(list);
    bool good = json_is_array(list) && n <= AUD_HOLDS_MAX;
    k->holds = good ? calloc(n + 1, sizeof(*k->holds)) : NULL;
    for (size_t i = 0; i < n && good && k->holds; i++) {
        good = hold_read(&k->holds[i], json_array_get(list, i));
        k->n_holds = i + 1;
    }
    if (st == BASE_OK && (!good || !k->holds))
        st = base_err_set(err, BASE_EINVAL,
                          "%s does not hold; nothing is started without it, "
                          "because holds forbid deleting",
                          path);
    json_decref(root);
    base_buf_release(&b);
    return st;
}

/* The file that was replaced, before its bytes are freed: it says by which lookup a subject was
 * found. */
static enum base_status overwrite(int fd, struct base_err *err)
{
    static const char zeros[4096];
    struct stat sb;
    enum base_status st = fstat(fd, &sb) == 0 ? BASE_OK : base_err_sys(err, "holds.json");

    for (off_t left = sb.st_size; left > 0 && st == BASE_OK; left -= (off_t)sizeof(zeros))
        st = base_write_all(fd, zeros, left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros),
                            err);
    if (st == BASE_OK && fdatasync(fd) != 0)
        st = base_err_sys(err, "holds.json");
    return st;
}

static enum base_status holds_save(const struct aud_keeper *k, struct base_err *err)
{
    char path[AUD_PATH_MAX], hex[2 * AUD_ID_BYTES + 1];
    struct base_buf b;
    struct base_json j;
    enum base_status st = aud_path(path, k->dir, "keys/holds.json", err);

    base_buf_init(&b, HOLDS_BYTES);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_key(&j, "holds");
    base_json_arr(&j);
    for (size_t i = 0; i < k->n_holds; i++) {
        const struct aud_hold *h = &k->holds[i];

        base_json_obj(&j);
        base_json_kz(&j, "id", aud_hex(h->id, AUD_ID_BYTES, hex));
        base_json_kz(&j, "lookup", aud_hex(h->lookup, AUD_ID_BYTES, hex));
        base_json_kz(&j, "reason", h->reason);
        base_json_kint(&j, "since", h->since);
        base_json_kz(&j, "tag", h->tag);
        base_json_kz(&j, "tenant", h->tenant);
        base_json_kz(&j, "who", h->who);
        base_json_obj_end(&j);
    }
    base_json_arr_end(&j);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    int old = st == BASE_OK ? open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (st == BASE_OK)
        st = base_buf_ok(&b) ? base_file_replace(path, base_buf_view(&b), 0600, err)
                             : base_err_set(err, BASE_LIMIT, "too many holds");
    if (st == BASE_OK && old >= 0)
        st = overwrite(old, err);
    if (old >= 0)
        close(old);
    base_buf_release(&b);
    return st;
}

static enum base_status record(struct aud_keeper *k, const char *ev, const char *who,
                               const char *tag, const char *tenant, const char *reason,
                               struct base_err *err)
{
    struct base_buf b;
    struct base_json j;

    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "by", who);
    base_json_kz(&j, "ev", ev);
    if (reason)
        base_json_kz(&j, "reason", reason);
    base_json_kz(&j, "req", "");
    base_json_kz(&j, "subj", tag);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", tenant);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    enum base_status st = aud_log_append(k->log, base_buf_view(&b), NULL, err);
    base_buf_release(&b);
    return st;
}

static struct aud_hold *find(struct aud_keeper *k, const uint8_t *id)
{
    for (size_t i = 0; i < k->n_holds; i++) {
        if (memcmp(k->holds[i].id, id, AUD_ID_BYTES) == 0)
            return &k->holds[i];
    }
    return NULL;
}

static enum base_status set(struct aud_keeper *k, const struct aud_subject *s, const char *tenant,
                            const char *reason, const char *who, struct base_err *err)
{
    enum base_status st = record(k, "hold.set", who, s->tag, tenant, reason, err);
    struct aud_hold *h = find(k, s->id), *more;

    if (st != BASE_OK || h)
        return st;
    more = k->n_holds < AUD_HOLDS_MAX ? realloc(k->holds, (k->n_holds + 1) * sizeof(*more)) : NULL;
    if (!more)
        return base_err_set(err, BASE_LIMIT, "too many holds");
    k->holds = more;
    h = &more[k->n_holds++];
    *h = (struct aud_hold){.since = base_wall_us()};
    memcpy(h->id, s->id, AUD_ID_BYTES);
    memcpy(h->lookup, s->lookup, AUD_ID_BYTES);
    memcpy(h->tag, s->tag, AUD_TAG_HEX);
    snprintf(h->tenant, sizeof(h->tenant), "%s", tenant);
    snprintf(h->reason, sizeof(h->reason), "%s", reason);
    snprintf(h->who, sizeof(h->who), "%s", who);
    return holds_save(k, err);
}

static enum base_status release(struct aud_keeper *k, const struct aud_subject *s,
                                const char *tenant, const char *who, struct base_err *err)
{
    struct aud_hold *h = find(k, s->id);
    enum base_status st = record(k, "hold.released", who, s->tag, tenant, NULL, err);

    if (st != BASE_OK)
        return st;
    *h = k->holds[--k->n_holds];
    st = holds_save(k, err);
    if (st == BASE_OK)
        aud_log_retain_look(k->log); /* a period may go now */
    return st;
}

enum base_status aud_hold_run(struct aud_keeper *k, const char *subject, const char *tenant,
                              const char *reason, bool ends, const char *who, struct base_err *err)
{
    size_t done = 0, n = aud_keyring_tenants(k->ring);
    enum base_status st = BASE_OK;

    if (!subject[0])
        return base_err_set(err, BASE_EINVAL, "say which subject");
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        /* a copy: keys may be made below, and the table moves then */
        char name[AUD_TENANT_BYTES + 1];
        struct aud_subject s;

        snprintf(name, sizeof(name), "%s", aud_keyring_tenant(k->ring, i));
        if (tenant && strcmp(tenant, name) != 0)
            continue;
        /* a subject that a tenant does not know yet can be held there only by naming the tenant */
        st = aud_keyring_subject(k->ring, base_str_c(name), base_str_c(subject),
                                 tenant != NULL && !ends, &s, err);
        if (st == BASE_ENOENT || (st == BASE_OK && ends && !find(k, s.id))) {
            st = BASE_OK;
        } else if (st == BASE_OK) {
            st = aud_keyring_sync(k->ring, err);
            if (st == BASE_OK)
                st = ends ? release(k, &s, name, who, err) : set(k, &s, name, reason, who, err);
            done++;
        }
        base_wipe(&s, sizeof(s));
    }
    if (st == BASE_OK && done == 0)
        return base_err_set(err, BASE_ENOENT, "%s",
                            ends ? "there is no hold on that subject"
                                 : "no tenant knows that subject; --tenant T holds what comes");
    return st;
}

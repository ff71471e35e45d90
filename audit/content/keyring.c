/* keyring.c - tenant keys and subject keys on disk; see keyring.h.
 *
 * Owns       DIR/keys/tenants.json and DIR/keys/subjects/HH (HH: the first byte of the lookup).
 * Runs on    the keeper's thread; blocks on files, and on the master when a tenant is first used.
 * Format     tenants.json: {"master":KIND,"ring":HEX32,"tenants":[{"created":US,"id":HEX32,
 *            "tenant":NAME,"wrapped":BASE64}],"v":1}, replaced whole.
 *            subjects/HH: records of 128 bytes, little endian:
 *              0 u32 0x59454B53 ("SKEY")     4 u32 0          8 i64 created, microseconds UTC
 *             16 lookup[16]                 32 tenant id[16] 48 id[16]
 *             64 nonce[12]  76 wrapped[32] 108 tag[16]      124 u32 crc32c of bytes 0 to 123
 *            lookup = HMAC(HKDF(TK, ring, "weir/subject-lookup/1"), name)[0:16];
 *            wrapped under HKDF(TK, id, "weir/subject-wrap/1"), additional data "weir/subject/1" ||
 *            ring || bytes 0 to 63: a record moved to another place or ring does not open;
 *            a subject's tag in leaves = HMAC(SK, "weir/subject-tag/1")[0:16].
 *            A record that does not check (zeros, the rest of an interrupted append) is no record.
 * Invariants a record is only ever appended or zeroed in place; a file is only ever rewritten
 *            without a destroyed record, under the name HH.new, and what it replaces is kept as
 *            HH.old until its bytes are overwritten. So at no time does a copy of a destroyed key
 *            lie in freed space, whatever moment the power fails at: an open finishes the rest.
 * Fails by   an error; nothing is retried, the caller stops using the keyring.
 */
#include "audit/content/keyring.h"

#include "audit/log/note.h"
#include "audit/log/state.h"
#include "audit/log/wal.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD        128u
#define RECORD_MAGIC  0x59454B53u
#define BUCKETS       256
#define BUCKET_MAX    (256u << 20) /* two million subjects in one of 256 files */
#define TENANTS_BYTES (32u << 20)
#define CACHE         4096u

struct tenant {
    char name[AUD_TENANT_BYTES + 1];
    uint8_t id[AUD_ID_BYTES];
    int64_t created;
    struct base_buf wrapped;
    bool open; /* key is unwrapped */
    uint8_t key[AUD_KEY_BYTES];
};

struct aud_keyring {
    char dir[AUD_PATH_MAX]; /* DIR/keys */
    uint8_t ring[AUD_ID_BYTES];
    struct aud_master *master;
    struct tenant *tenants;
    size_t n_tenants;
    int dir_fd;                      /* keys/subjects */
    bool dirty[BUCKETS];             /* appended to, not synced */
    bool new_file;                   /* the folder needs a sync too */
    struct aud_subject cache[CACHE]; /* by lookup; an empty tag: nothing */
};

/* ---- tenants ---- */

static void tenant_context(const struct aud_keyring *k, const struct tenant *t, uint8_t out[32])
{
    aud_hmac(BASE_STR("weir/tenant/1"), base_str_n(k->ring, AUD_ID_BYTES),
             base_str_n(t->id, AUD_ID_BYTES), out);
}

static enum base_status tenants_save(const struct aud_keyring *k, struct base_err *err)
{
    char path[AUD_PATH_MAX], hex[2 * AUD_ID_BYTES + 1];
    struct base_buf b, b64;
    struct base_json j;
    enum base_status st = aud_path(path, k->dir, "tenants.json", err);

    base_buf_init(&b, TENANTS_BYTES);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "master", aud_master_kind(k->master));
    base_json_kz(&j, "ring", aud_hex(k->ring, AUD_ID_BYTES, hex));
    base_json_key(&j, "tenants");
    base_json_arr(&j);
    for (size_t i = 0; i < k->n_tenants; i++) {
        const struct tenant *t = &k->tenants[i];

        base_buf_init(&b64, 2 * AUD_WRAPPED_MAX);
        aud_b64_encode(&b64, t->wrapped.p, t->wrapped.n);
        base_json_obj(&j);
        base_json_kint(&j, "created", t->created);
        base_json_kz(&j, "id", aud_hex(t->id, AUD_ID_BYTES, hex));
        base_json_kz(&j, "tenant", t->name);
        base_json_kstr(&j, "wrapped", base_buf_view(&b64));
        base_json_obj_end(&j);
        base_buf_release(&b64);
    }
    base_json_arr_end(&j);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    if (st == BASE_OK)
        st = base_buf_ok(&b) ? base_file_replace(path, base_buf_view(&b), 0600, err)
                             : base_err_set(err, BASE_LIMIT, "too many tenants");
    base_buf_release(&b);
    return st;
}

static bool tenant_read(struct tenant *t, const json_t *o)
{
    const char *name = json_string_value(json_object_get(o, "tenant"));
    const char *id = json_string_value(json_object_get(o, "id"));
    const char *wrapped = json_string_value(json_object_get(o, "wrapped"));

    *t = (struct tenant){.created = json_integer_value(json_object_get(o, "created"))};
    base_buf_init(&t->wrapped, AUD_WRAPPED_MAX);
    if (!name || strlen(name) > AUD_TENANT_BYTES || !id || !wrapped ||
        !aud_unhex(base_str_c(id), t->id, AUD_ID_BYTES))
        return false;
    snprintf(t->name, sizeof(t->name), "%s", name);
    char *room = base_buf_room(&t->wrapped, AUD_WRAPPED_MAX);
    size_t n =
        room ? aud_b64_decode(base_str_c(wrapped), (uint8_t *)room, AUD_WRAPPED_MAX) : SIZE_MAX;
    if (n == SIZE_MAX)
        return false;
    base_buf_commit(&t->wrapped, n);
    return true;
}

static enum base_status tenants_parse(struct aud_keyring *k, struct base_str text,
                                      const char **kind, struct base_err *err)
{
    static const char *const kinds[] = {"file", "pkcs11", "command"};
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *list = json_object_get(root, "tenants");
    const char *ring = json_string_value(json_object_get(root, "ring"));
    const char *was = json_string_value(json_object_get(root, "master"));
    size_t n = json_array_size(list);
    bool good = ring && aud_unhex(base_str_c(ring), k->ring, AUD_ID_BYTES) && json_is_array(list) &&
                n <= AUD_TENANTS_MAX;

    k->tenants = good ? calloc(n + 1, sizeof(*k->tenants)) : NULL;
    for (size_t i = 0; i < n && good && k->tenants; i++) {
        good = tenant_read(&k->tenants[i], json_array_get(list, i));
        k->n_tenants = i + 1;
    }
    *kind = NULL;
    for (int i = 0; i < 3 && was; i++) {
        if (strcmp(was, kinds[i]) == 0)
            *kind = kinds[i];
    }
    json_decref(root);
    return good && k->tenants && *kind
               ? BASE_OK
               : base_err_set(err, BASE_EINVAL, "%s/tenants.json does not hold", k->dir);
}

static enum base_status tenants_load(struct aud_keyring *k, const struct conf_master *conf,
                                     bool make, struct base_err *err)
{
    static const char *const kinds[] = {"file", "pkcs11", "command"};
    char path[AUD_PATH_MAX], file[AUD_PATH_MAX];
    const char *kind = NULL;
    struct base_buf b;
    enum base_status st = aud_path(path, k->dir, "tenants.json", err);

    base_buf_init(&b, TENANTS_BYTES);
    if (st == BASE_OK)
        st = aud_path(file, k->dir, "master.key", err);
    if (st == BASE_OK)
        st = base_file_read(path, &b, err);
    bool there = st == BASE_OK;
    if (there) {
        st = tenants_parse(k, base_buf_view(&b), &kind, err);
    } else if (st == BASE_ENOENT && make) {
        k->tenants = calloc(1, sizeof(*k->tenants));
        base_random(k->ring, sizeof(k->ring));
        st = k->tenants ? BASE_OK : base_err_set(err, BASE_ENOMEM, "no memory for the keyring");
    }
    if (st == BASE_OK && kind && k->n_tenants && strcmp(kind, kinds[conf->kind]) != 0)
        st = base_err_set(err, BASE_EINVAL,
                          "the keys of %s were made under a master of kind \"%s\", the "
                          "configuration now says \"%s\"",
                          k->dir, kind, kinds[conf->kind]);
    if (st == BASE_OK)
        st = aud_master_open(conf, file, !there, &k->master, err);
    if (st == BASE_OK && !there)
        st = tenants_save(k, err);
    base_buf_release(&b);
    return st;
}

static enum base_status tenant_make(struct aud_keyring *k, struct base_str name,
                                    struct tenant **out, struct base_err *err)
{
    uint8_t context[32];
    enum base_status st;

    if (k->n_tenants == AUD_TENANTS_MAX || name.n > AUD_TENANT_BYTES)
        return base_err_set(err, BASE_LIMIT, "too many tenants");
    struct tenant *more = calloc(k->n_tenants + 2, sizeof(*more));
    if (!more)
        return base_err_set(err, BASE_ENOMEM, "no memory for a tenant");
    memcpy(more, k->tenants, k->n_tenants * sizeof(*more));
    base_wipe(k->tenants, k->n_tenants * sizeof(*more)); /* keys: realloc would leave a copy */
    free(k->tenants);
    k->tenants = more;
    struct tenant *t = &more[k->n_tenants];
    *t = (struct tenant){.created = base_wall_us(), .open = true};
    memcpy(t->name, name.p ? name.p : "", name.n);
    base_buf_init(&t->wrapped, AUD_WRAPPED_MAX);
    base_random(t->id, sizeof(t->id));
    base_random(t->key, sizeof(t->key));
    tenant_context(k, t, context);
    st = aud_master_wrap(k->master, context, t->key, &t->wrapped, err);
    k->n_tenants += st == BASE_OK;
    if (st == BASE_OK)
        st = tenants_save(k, err);
    *out = t;
    return st;
}

static enum base_status tenant_open(struct aud_keyring *k, struct tenant *t, struct base_err *err)
{
    uint8_t context[32];

    if (t->open)
        return BASE_OK;
    tenant_context(k, t, context);
    enum base_status st =
        aud_master_unwrap(k->master, context, base_buf_view(&t->wrapped), t->key, err);
    t->open = st == BASE_OK;
    return st;
}

static struct tenant *tenant_find(struct aud_keyring *k, struct base_str name)
{
    for (size_t i = 0; i < k->n_tenants; i++) {
        if (base_str_is(name, k->tenants[i].name))
            return &k->tenants[i];
    }
    return NULL;
}

static struct tenant *tenant_by_id(const struct aud_keyring *k, const uint8_t *id)
{
    for (size_t i = 0; i < k->n_tenants; i++) {
        if (memcmp(k->tenants[i].id, id, AUD_ID_BYTES) == 0)
            return &k->tenants[i];
    }
    return NULL;
}

size_t aud_keyring_tenants(const struct aud_keyring *k)
{
    return k->n_tenants;
}

const char *aud_keyring_tenant(const struct aud_keyring *k, size_t i)
{
    return k->tenants[i].name;
}

const char *aud_keyring_tenant_of(const struct aud_keyring *k, const uint8_t id[AUD_ID_BYTES])
{
    const struct tenant *t = tenant_by_id(k, id);

    return t ? t->name : NULL;
}

/* ---- records ---- */

static bool record_holds(const uint8_t *r)
{
    return aud_get32(r) == RECORD_MAGIC && aud_get32(r + 124) == base_crc32c(0, r, 124);
}

static struct base_str record_aad(const struct aud_keyring *k, const uint8_t *r, uint8_t out[96])
{
    memcpy(out, "weir/subject/1", 14);
    memcpy(out + 14, k->ring, AUD_ID_BYTES);
    memcpy(out + 30, r, 64);
    return base_str_n(out, 94);
}

static void record_make(const struct aud_keyring *k, const struct tenant *t,
                        const struct aud_subject *s, uint8_t r[RECORD])
{
    uint8_t wrap[AUD_KEY_BYTES], aad[96];

    memset(r, 0, RECORD);
    aud_put32(r, RECORD_MAGIC);
    aud_put64(r + 8, (uint64_t)base_wall_us());
    memcpy(r + 16, s->lookup, AUD_ID_BYTES);
    memcpy(r + 32, t->id, AUD_ID_BYTES);
    memcpy(r + 48, s->id, AUD_ID_BYTES);
    base_random(r + 64, AUD_NONCE_BYTES);
    aud_hkdf(t->key, base_str_n(s->id, AUD_ID_BYTES), "weir/subject-wrap/1", wrap);
    aud_seal(wrap, r + 64, record_aad(k, r, aad), s->key, AUD_KEY_BYTES, r + 76, r + 108);
    aud_put32(r + 124, base_crc32c(0, r, 124));
    base_wipe(wrap, sizeof(wrap));
}

static void subject_tag(struct aud_subject *s)
{
    uint8_t mac[32];

    aud_hmac(base_str_n(s->key, AUD_KEY_BYTES), BASE_STR("weir/subject-tag/1"), BASE_STR_NULL, mac);
    aud_hex(mac, 16, s->tag);
}

static enum base_status record_open(const struct aud_keyring *k, const struct tenant *t,
                                    const uint8_t *r, struct aud_subject *s, struct base_err *err)
{
    uint8_t wrap[AUD_KEY_BYTES], aad[96];

    memcpy(s->tenant, r + 32, AUD_ID_BYTES);
    memcpy(s->lookup, r + 16, AUD_ID_BYTES);
    memcpy(s->id, r + 48, AUD_ID_BYTES);
    aud_hkdf(t->key, base_str_n(s->id, AUD_ID_BYTES), "weir/subject-wrap/1", wrap);
    bool good =
        aud_unseal(wrap, r + 64, record_aad(k, r, aad), r + 76, AUD_KEY_BYTES, r + 108, s->key);
    base_wipe(wrap, sizeof(wrap));
    if (!good)
        return base_err_set(err, BASE_EINVAL, "%s/subjects: a record does not authenticate",
                            k->dir);
    subject_tag(s);
    return BASE_OK;
}

/* ---- buckets ---- */

static void bucket_name(unsigned b, const char *suffix, char out[16])
{
    snprintf(out, 16, "%02x%s", b & 255, suffix);
}

/* Reads a whole bucket into out (empty when there is none). */
static enum base_status bucket_read(const struct aud_keyring *k, unsigned b, struct base_buf *out,
                                    struct base_err *err)
{
    char name[16];
    enum base_status st;

    bucket_name(b, "", name);
    int fd = openat(k->dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return BASE_OK;
    if (fd < 0)
        return base_err_sys(err, "%s/subjects/%s", k->dir, name);
    st = base_fd_read_all(fd, out, err);
    close(fd);
    return st;
}

static enum base_status bucket_append(struct aud_keyring *k, unsigned b, const uint8_t r[RECORD],
                                      struct base_err *err)
{
    char name[16];
    struct stat sb;
    enum base_status st = BASE_OK;

    bucket_name(b, "", name);
    int fd = openat(k->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &sb) != 0) {
        st = base_err_sys(err, "%s/subjects/%s", k->dir, name);
    } else {
        /* behind the last whole record: what an interrupted append left is written over */
        off_t at = sb.st_size / RECORD * RECORD;
        k->new_file |= sb.st_size == 0;
        if (pwrite(fd, r, RECORD, at) != (ssize_t)RECORD)
            st = base_err_sys(err, "%s/subjects/%s", k->dir, name);
    }
    if (fd >= 0)
        close(fd);
    k->dirty[b] = true;
    return st;
}

enum base_status aud_keyring_sync(struct aud_keyring *k, struct base_err *err)
{
    for (unsigned b = 0; b < BUCKETS; b++) {
        char name[16];

        if (!k->dirty[b])
            continue;
        bucket_name(b, "", name);
        int fd = openat(k->dir_fd, name, O_WRONLY | O_CLOEXEC);
        bool ok = fd >= 0 && fdatasync(fd) == 0;
        enum base_status st = ok ? BASE_OK : base_err_sys(err, "%s/subjects/%s", k->dir, name);
        if (fd >= 0)
            close(fd);
        if (st != BASE_OK)
            return st;
        k->dirty[b] = false;
    }
    if (k->new_file && fsync(k->dir_fd) != 0)
        return base_err_sys(err, "%s/subjects", k->dir);
    k->new_file = false;
    return BASE_OK;
}

static struct aud_subject *cached(struct aud_keyring *k, const uint8_t *lookup)
{
    return &k->cache[(lookup[1] | (unsigned)lookup[2] << 8) % CACHE];
}

enum base_status aud_keyring_subject(struct aud_keyring *k, struct base_str tenant,
                                     struct base_str name, bool make, struct aud_subject *out,
                                     struct base_err *err)
{
    struct tenant *t = tenant_find(k, tenant);
    uint8_t find[AUD_KEY_BYTES], mac[32], r[RECORD];
    struct base_buf b;
    enum base_status st = BASE_OK;

    if (!t && !make)
        return base_err_set(err, BASE_ENOENT, "no such tenant has a key");
    if (name.n > AUD_SUBJECT_MAX)
        return base_err_set(err, BASE_LIMIT, "a subject's name is at most %d bytes",
                            AUD_SUBJECT_MAX);
    st = t ? tenant_open(k, t, err) : tenant_make(k, tenant, &t, err);
    if (st != BASE_OK)
        return st;
    aud_hkdf(t->key, base_str_n(k->ring, AUD_ID_BYTES), "weir/subject-lookup/1", find);
    aud_hmac(base_str_n(find, sizeof(find)), name, BASE_STR_NULL, mac);
    base_wipe(find, sizeof(find));
    struct aud_subject *hit = cached(k, mac);
    if (hit->tag[0] && memcmp(hit->lookup, mac, AUD_ID_BYTES) == 0) {
        *out = *hit;
        return BASE_OK;
    }
    base_buf_init(&b, BUCKET_MAX);
    st = bucket_read(k, mac[0], &b, err);
    bool found = false;
    for (size_t at = 0; st == BASE_OK && at + RECORD <= b.n && !found; at += RECORD) {
        const uint8_t *p = (const uint8_t *)b.p + at;

        found = memcmp(p + 16, mac, AUD_ID_BYTES) == 0 && record_holds(p);
        if (found)
            st = record_open(k, t, p, out, err);
    }
    base_buf_release(&b);
    if (st == BASE_OK && !found && !make)
        return base_err_set(err, BASE_ENOENT, "no such subject has a key");
    if (st == BASE_OK && !found) {
        memcpy(out->tenant, t->id, AUD_ID_BYTES);
        memcpy(out->lookup, mac, AUD_ID_BYTES);
        base_random(out->id, sizeof(out->id));
        base_random(out->key, sizeof(out->key));
        subject_tag(out);
        record_make(k, t, out, r);
        st = bucket_append(k, mac[0], r, err);
    }
    if (st == BASE_OK)
        *hit = *out;
    return st;
}

enum base_status aud_keyring_by_id(struct aud_keyring *k, const uint8_t tenant[AUD_ID_BYTES],
                                   const uint8_t id[AUD_ID_BYTES], struct aud_subject *out,
                                   struct base_err *err)
{
    struct tenant *t = tenant_by_id(k, tenant);
    struct base_buf b;
    bool found = false;
    enum base_status st =
        t ? tenant_open(k, t, err) : base_err_set(err, BASE_ENOENT, "no such tenant key");

    for (unsigned i = 0; i < CACHE && st == BASE_OK; i++) {
        if (k->cache[i].tag[0] && memcmp(k->cache[i].id, id, AUD_ID_BYTES) == 0) {
            *out = k->cache[i];
            return BASE_OK;
        }
    }
    base_buf_init(&b, BUCKET_MAX);
    for (unsigned i = 0; i < BUCKETS && st == BASE_OK && !found; i++) {
        base_buf_clear(&b);
        st = bucket_read(k, i, &b, err);
        for (size_t at = 0; st == BASE_OK && at + RECORD <= b.n && !found; at += RECORD) {
            const uint8_t *p = (const uint8_t *)b.p + at;

            found = memcmp(p + 48, id, AUD_ID_BYTES) == 0 && record_holds(p);
            if (found)
                st = record_open(k, t, p, out, err);
        }
    }
    base_buf_release(&b);
    if (st == BASE_OK && !found)
        st = base_err_set(err, BASE_ENOENT, "the key has been destroyed");
    return st;
}

/* ---- destroying ---- */

static enum base_status zero_fd(int fd, uint64_t from, uint64_t to, struct base_err *err)
{
    static const uint8_t zeros[65536];

    while (from < to) {
        size_t n = to - from < sizeof(zeros) ? (size_t)(to - from) : sizeof(zeros);
        ssize_t put = pwrite(fd, zeros, n, (off_t)from);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return base_err_sys(err, "overwriting");
        from += (uint64_t)put;
    }
    return fdatasync(fd) == 0 ? BASE_OK : base_err_sys(err, "overwriting");
}

/* Overwrites the whole file `name`, then removes it. */
static enum base_status shred(const struct aud_keyring *k, const char *name, struct base_err *err)
{
    struct stat sb;
    int fd = openat(k->dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    enum base_status st = BASE_OK;

    if (fd < 0)
        return errno == ENOENT ? BASE_OK : base_err_sys(err, "%s/subjects/%s", k->dir, name);
    if (fstat(fd, &sb) != 0)
        st = base_err_sys(err, "%s/subjects/%s", k->dir, name);
    if (st == BASE_OK)
        st = zero_fd(fd, 0, (uint64_t)sb.st_size, err);
    close(fd);
    if (st == BASE_OK && unlinkat(k->dir_fd, name, 0) != 0)
        st = base_err_sys(err, "%s/subjects/%s", k->dir, name);
    return st;
}

static enum base_status write_new(const struct aud_keyring *k, const char *name,
                                  struct base_str bytes, struct base_err *err)
{
    int fd = openat(k->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum base_status st;

    if (fd < 0)
        return base_err_sys(err, "%s/subjects/%s", k->dir, name);
    st = base_write_all(fd, bytes.p, bytes.n, err);
    if (st == BASE_OK && fsync(fd) != 0)
        st = base_err_sys(err, "%s/subjects/%s", k->dir, name);
    close(fd);
    return st;
}

/* HH.old: shredded; unless it is still the bucket itself under a second name, because the rewrite
 * was interrupted before the new file took its place. Then only the name goes. */
static enum base_status drop_old(const struct aud_keyring *k, unsigned b, struct base_err *err)
{
    char name[16], old[16];
    struct stat now, before;

    bucket_name(b, "", name);
    bucket_name(b, ".old", old);
    if (fstatat(k->dir_fd, old, &before, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? BASE_OK : base_err_sys(err, "%s/subjects/%s", k->dir, old);
    if (fstatat(k->dir_fd, name, &now, AT_SYMLINK_NOFOLLOW) != 0 || now.st_ino != before.st_ino)
        return shred(k, old, err);
    return unlinkat(k->dir_fd, old, 0) == 0 ? BASE_OK
                                            : base_err_sys(err, "%s/subjects/%s", k->dir, old);
}

/* Replaces bucket b by `kept` so that the bytes of the old file are overwritten before they are
 * freed: old gets a second name, new takes its place, old is shredded. */
static enum base_status bucket_rewrite(const struct aud_keyring *k, unsigned b,
                                       struct base_str kept, struct base_err *err)
{
    char name[16], fresh[16], old[16];
    enum base_status st;

    bucket_name(b, "", name);
    bucket_name(b, ".new", fresh);
    bucket_name(b, ".old", old);
    st = shred(k, fresh, err); /* of an interrupted rewrite */
    if (st == BASE_OK)
        st = drop_old(k, b, err);
    if (st == BASE_OK)
        st = write_new(k, fresh, kept, err);
    if (st == BASE_OK &&
        (linkat(k->dir_fd, name, k->dir_fd, old, 0) != 0 || fsync(k->dir_fd) != 0 ||
         renameat(k->dir_fd, fresh, k->dir_fd, name) != 0 || fsync(k->dir_fd) != 0))
        st = base_err_sys(err, "%s/subjects/%s", k->dir, name);
    if (st == BASE_OK)
        st = shred(k, old, err);
    if (st == BASE_OK && fsync(k->dir_fd) != 0)
        st = base_err_sys(err, "%s/subjects", k->dir);
    return st;
}

enum base_status aud_keyring_destroy(struct aud_keyring *k, const uint8_t lookup[AUD_ID_BYTES],
                                     const uint8_t id[AUD_ID_BYTES], struct base_err *err)
{
    char name[16];
    struct base_buf b, kept;
    struct aud_subject *hit = cached(k, lookup);
    bool found = false;

    if (memcmp(hit->lookup, lookup, AUD_ID_BYTES) == 0)
        base_wipe(hit, sizeof(*hit));
    base_buf_init(&b, BUCKET_MAX);
    base_buf_init(&kept, BUCKET_MAX);
    bucket_name(lookup[0], "", name);
    enum base_status st = bucket_read(k, lookup[0], &b, err);
    int fd = openat(k->dir_fd, name, O_WRONLY | O_CLOEXEC);
    for (size_t at = 0; st == BASE_OK && at + RECORD <= b.n; at += RECORD) {
        const uint8_t *p = (const uint8_t *)b.p + at;

        if (memcmp(p + 16, lookup, AUD_ID_BYTES) == 0 && memcmp(p + 48, id, AUD_ID_BYTES) == 0) {
            found = true;
            st = fd < 0 ? base_err_sys(err, "%s/subjects/%s", k->dir, name)
                        : zero_fd(fd, at, at + RECORD, err);
        } else if (record_holds(p) && !base_buf_add(&kept, p, RECORD)) {
            st = base_err_set(err, BASE_ENOMEM, "no memory to rewrite a key file");
        }
    }
    if (fd >= 0)
        close(fd);
    /* also when the record was zeroed before and the power failed then: the holes go */
    if (st == BASE_OK && (found || kept.n != b.n))
        st = bucket_rewrite(k, lookup[0], base_buf_view(&kept), err);
    base_buf_wipe(&b);
    base_buf_wipe(&kept);
    return st;
}

/* ---- opening ---- */

/* What an interrupted rewrite left: HH.new was not in place yet, HH.old is to be shredded. */
static enum base_status finish_rewrites(const struct aud_keyring *k, struct base_err *err)
{
    enum base_status st = BASE_OK;

    for (unsigned b = 0; b < BUCKETS && st == BASE_OK; b++) {
        char fresh[16];

        bucket_name(b, ".new", fresh);
        st = shred(k, fresh, err);
        if (st == BASE_OK)
            st = drop_old(k, b, err);
    }
    return st;
}

enum base_status aud_keyring_open(const char *dir, const struct conf_master *master, bool make,
                                  struct aud_keyring **out, struct base_err *err)
{
    struct aud_keyring *k = calloc(1, sizeof(*k));
    char subjects[AUD_PATH_MAX];
    enum base_status st;

    *out = NULL;
    if (!k)
        return base_err_set(err, BASE_ENOMEM, "no memory for the keyring");
    k->dir_fd = -1;
    st = aud_path(k->dir, dir, "keys", err);
    if (st == BASE_OK)
        st = aud_path(subjects, dir, "keys/subjects", err);
    if (st == BASE_OK && make)
        st = base_mkdirs(subjects, err);
    if (st == BASE_OK)
        st = tenants_load(k, master, make, err);
    if (st == BASE_OK) {
        k->dir_fd = open(subjects, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (k->dir_fd < 0)
            st = base_err_sys(err, "%s", subjects);
    }
    if (st == BASE_OK)
        st = finish_rewrites(k, err);
    if (st != BASE_OK)
        aud_keyring_free(k);
    else
        *out = k;
    return st;
}

void aud_keyring_free(struct aud_keyring *k)
{
    if (!k)
        return;
    if (k->dir_fd >= 0)
        close(k->dir_fd);
    for (size_t i = 0; i < k->n_tenants; i++)
        base_buf_wipe(&k->tenants[i].wrapped);
    if (k->tenants)
        base_wipe(k->tenants, k->n_tenants * sizeof(*k->tenants));
    free(k->tenants);
    aud_master_free(k->master);
    base_wipe(k, sizeof(*k));
    free(k);
}

const uint8_t *aud_keyring_id(const struct aud_keyring *k)
{
    return k->ring;
}

/* keys.c - the key file, its snapshots, and checking what a client presents.
 *
 * File (JSON, version 1, mode 0600, replaced whole):
 *   {"version":1,"keys":[{"id":"8f…","name":"app","tenant":"sales","role":"user","created":"…Z",
 *    "revoked":null,"salt":"<32 hex>","verifier":"<64
 * hex>","use_case":"support","data":["personal"]}]}
 *
 * Why a fast hash: a key carries 256 bits from the system's generator, so there is nothing to guess
 * and a slow password hash would only buy an attacker a way to burn our CPU. The salt makes
 * verifiers of different files differ; HMAC keeps it apart from the key.
 *
 * A look-up always does the same work: a hash of the presented bytes to find the bucket, one HMAC
 * (against a decoy entry if the id is unknown), one constant-time comparison. What is presented is
 * at most 63 bytes of a fixed form before any of that; a stored verifier has another form and is
 * never accepted. Snapshots are immutable; the gateway's timer loads a new one when
 * gw_keys_changed says so and lets the old one go when no loop uses it.
 *
 * Writers lock FILE.lock, not FILE: FILE is replaced, and a lock on a file that is no longer there
 * protects nothing. Failing writers leave the old file.
 */
#include "gateway/keys.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "policy/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX  (64u << 20)
#define ARENA_BYTES_MAX (256u << 20)
#define SALT_BYTES      16
#define SECRET_CHARS    43 /* 62^43 > 2^256 */
#define DATA_MAX        8
#define KEY_CHARS       (5 + GW_KEY_ID_BYTES + 1 + SECRET_CHARS)

_Static_assert(KEY_CHARS < GW_KEY_BYTES_MAX, "a key and its NUL must fit");

struct entry {
    struct gw_key pub;
    uint8_t salt[SALT_BYTES], verifier[32];
};

struct gw_keys {
    struct base_arena *arena;
    struct entry *v;
    size_t n;
    uint32_t *buckets; /* open addressing by id: index + 1, 0 empty */
    size_t n_buckets;  /* a power of two, more than 2n */
};

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const char *const roles[] = {"user", "admin", "auditor"};

const char *gw_role_name(enum gw_role r)
{
    return (unsigned)r <= GW_ROLE_AUDITOR ? roles[r] : "?";
}

bool gw_role_find(const char *word, enum gw_role *out)
{
    for (int i = 0; i <= GW_ROLE_AUDITOR; i++) {
        if (strcmp(word, roles[i]) == 0) {
            *out = (enum gw_role)i;
            return true;
        }
    }
    return false;
}

static bool is_base62(struct base_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (!((ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z')))
            return false;
    }
    return true;
}

static bool is_name(struct base_str s)
{
    if (s.n == 0 || s.n > GW_KEY_NAME_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_base62(base_str_n(s.p + i, 1)) && !memchr("._:@-", s.p[i], 5))
            return false;
    return true;
}

/* FNV-1a, 64 bit (Fowler, Noll, Vo): ids are random, so spread is all that is needed. */
static uint64_t id_hash(struct base_str id)
{
    uint64_t h = 14695981039346656037ull;
    for (size_t i = 0; i < id.n; i++)
        h = (h ^ (unsigned char)id.p[i]) * 1099511628211ull;
    return h;
}

static bool verifier_of(const uint8_t salt[SALT_BYTES], struct base_str key, uint8_t out[32])
{
    unsigned n = 32;
    return HMAC(EVP_sha256(), salt, SALT_BYTES, (const unsigned char *)key.p, key.n, out, &n) &&
           n == 32;
}

/* ---- reading ---- */

static bool from_hex(const char *hex, uint8_t *out, size_t n)
{
    if (!hex || strlen(hex) != 2 * n)
        return false;
    for (size_t i = 0; i < 2 * n; i++) {
        char ch = hex[i];
        int v = ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
        if (v < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | v : v << 4);
    }
    return true;
}

/* A string member that may be null or missing; *bad if it is something else. */
static const char *member(struct base_arena *a, json_t *o, const char *name, bool *bad)
{
    json_t *j = json_object_get(o, name);
    if (!j || json_is_null(j))
        return NULL;
    if (!json_is_string(j) || json_string_length(j) > 256 ||
        strlen(json_string_value(j)) != json_string_length(j)) {
        *bad = true;
        return NULL;
    }
    const char *z = base_arena_dupz(a, base_str_c(json_string_value(j)));
    *bad |= !z;
    return z;
}

static bool class_bit(const char *word, unsigned *bits)
{
    static const struct {
        const char *word;
        unsigned bits;
    } classes[] = {{"personal", POL_CLASS_PERSONAL},
                   {"special", POL_CLASS_SPECIAL | POL_CLASS_PERSONAL},
                   {"criminal", POL_CLASS_CRIMINAL | POL_CLASS_PERSONAL},
                   {"secret", POL_CLASS_SECRET}};
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(word, classes[i].word) == 0) {
            *bits |= classes[i].bits;
            return true;
        }
    }
    return false;
}

static bool read_data(struct base_arena *a, json_t *o, struct entry *e)
{
    json_t *list = json_object_get(o, "data");
    if (!list)
        return true;
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > DATA_MAX)
        return false;
    const char **v = base_arena_array(a, n + 1, sizeof(*v));
    for (size_t i = 0; v && i < n; i++) {
        const char *word = json_string_value(json_array_get(list, i));
        v[i] = word ? base_arena_dupz(a, base_str_c(word)) : NULL;
        if (!v[i] || !class_bit(v[i], &e->pub.classes))
            return false;
    }
    e->pub.data = v;
    e->pub.n_data = n;
    return v != NULL;
}

static bool read_entry(struct base_arena *a, json_t *o, struct entry *e)
{
    bool bad = !json_is_object(o);
    e->pub.id = member(a, o, "id", &bad);
    e->pub.name = member(a, o, "name", &bad);
    e->pub.tenant = member(a, o, "tenant", &bad);
    e->pub.created = member(a, o, "created", &bad);
    e->pub.revoked = member(a, o, "revoked", &bad);
    e->pub.use_case = member(a, o, "use_case", &bad);
    const char *role = member(a, o, "role", &bad);
    if (bad || !e->pub.id || !e->pub.name || !e->pub.tenant || !e->pub.created || !role)
        return false;
    struct base_str id = base_str_c(e->pub.id);
    if (id.n != GW_KEY_ID_BYTES || !is_base62(id) || !is_name(base_str_c(e->pub.name)) ||
        !is_name(base_str_c(e->pub.tenant)) ||
        (e->pub.use_case && !is_name(base_str_c(e->pub.use_case))))
        return false;
    return gw_role_find(role, &e->pub.role) &&
           from_hex(json_string_value(json_object_get(o, "salt")), e->salt, SALT_BYTES) &&
           from_hex(json_string_value(json_object_get(o, "verifier")), e->verifier, 32) &&
           read_data(a, o, e);
}

/* Puts entry i into the buckets; false if its id is there already. */
static bool index_entry(struct gw_keys *k, size_t i)
{
    struct base_str id = base_str_c(k->v[i].pub.id);
    size_t at = id_hash(id) & (k->n_buckets - 1);
    for (; k->buckets[at]; at = (at + 1) & (k->n_buckets - 1))
        if (base_str_is(id, k->v[k->buckets[at] - 1].pub.id))
            return false;
    k->buckets[at] = (uint32_t)i + 1;
    return true;
}

static enum base_status read_entries(struct gw_keys *k, struct base_str text, const char *path,
                                     struct base_err *err)
{
    json_error_t je;
    enum base_status st = BASE_OK;
    json_t *root = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &je);
    if (!root)
        return base_err_set(err, BASE_EINVAL, "%s:%d:%d: not JSON", path, je.line, je.column);
    json_t *list = json_object_get(root, "keys");
    if (json_integer_value(json_object_get(root, "version")) != 1 || !json_is_array(list)) {
        st = base_err_set(err, BASE_EINVAL, "%s: no key file of version 1", path);
        goto out;
    }
    size_t n = json_array_size(list);
    if (n > GW_KEYS_MAX) {
        st = base_err_set(err, BASE_LIMIT, "%s: more than %d keys", path, GW_KEYS_MAX);
        goto out;
    }
    k->n_buckets = 4;
    while (k->n_buckets < 2 * n + 2)
        k->n_buckets *= 2;
    k->v = base_arena_array(k->arena, n + 1, sizeof(*k->v));
    k->buckets = base_arena_array(k->arena, k->n_buckets, sizeof(*k->buckets));
    if (!k->v || !k->buckets) {
        st = base_err_set(err, BASE_ENOMEM, "%s: not enough memory", path);
        goto out;
    }
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        if (!read_entry(k->arena, json_array_get(list, i), &k->v[i]))
            st = base_err_set(err, BASE_EINVAL, "%s: entry %zu does not hold", path, i);
        else if (!index_entry(k, i))
            st = base_err_set(err, BASE_EINVAL, "%s: entry %zu has the id of another", path, i);
        else
            k->n = i + 1;
    }
out:
    json_decref(root);
    return st;
}

enum base_status gw_keys_load(const char *path, struct gw_keys **out, struct base_err *err)
{
    struct base_arena *a = base_arena_new(ARENA_BYTES_MAX);
    struct gw_keys *k = a ? base_arena_alloc(a, sizeof(*k)) : NULL;
    struct base_buf text;
    enum base_status st = BASE_OK;
    *out = NULL;
    base_buf_init(&text, FILE_BYTES_MAX);
    if (!k) {
        base_arena_free(a);
        return base_err_set(err, BASE_ENOMEM, "not enough memory for the keys");
    }
    k->arena = a;
    /* ENOENT is looked for here, before the read: a file that comes and goes is read when it is
     * there, and the next change tells. */
    if (access(path, F_OK) == 0)
        st = base_file_read_regular(path, &text, err);
    else if (errno == ENOENT)
        base_buf_z(&text, "{\"version\":1,\"keys\":[]}");
    else
        st = base_err_sys(err, "%s", path);
    if (st == BASE_OK)
        st = read_entries(k, base_buf_view(&text), path, err);
    if (st == BASE_OK)
        *out = k;
    else
        gw_keys_free(k);
    base_buf_wipe(&text);
    return st;
}

void gw_keys_free(struct gw_keys *k)
{
    if (k)
        base_arena_free(k->arena);
}

size_t gw_keys_count(const struct gw_keys *k)
{
    return k->n;
}

const struct gw_key *gw_keys_at(const struct gw_keys *k, size_t index)
{
    return index < k->n ? &k->v[index].pub : NULL;
}

bool gw_keys_changed(const char *path, struct gw_keys_stamp *stamp)
{
    struct stat st;
    struct gw_keys_stamp now = {0};
    if (stat(path, &st) == 0)
        now = (struct gw_keys_stamp){.mtime_s = st.st_mtim.tv_sec,
                                     .mtime_ns = st.st_mtim.tv_nsec,
                                     .size = st.st_size,
                                     .ctime_s = st.st_ctim.tv_sec,
                                     .ctime_ns = st.st_ctim.tv_nsec,
                                     .inode = st.st_ino,
                                     .device = st.st_dev};
    bool same = now.mtime_s == stamp->mtime_s && now.mtime_ns == stamp->mtime_ns &&
                now.ctime_s == stamp->ctime_s && now.ctime_ns == stamp->ctime_ns &&
                now.size == stamp->size && now.inode == stamp->inode && now.device == stamp->device;
    *stamp = now;
    return !same;
}

/* ---- checking ---- */

struct base_str gw_keys_bearer(struct base_str h)
{
    if (h.n < 7 || !base_str_ieq(base_str_n(h.p, 7), BASE_STR("bearer ")))
        return BASE_STR_NULL;
    return base_str_trim(base_str_n(h.p + 7, h.n - 7));
}

/* z into out[GW_KEY_NAME_MAX + 1]; entries hold no longer names. */
static void copy_name(char *out, const char *z)
{
    size_t n = z ? strnlen(z, GW_KEY_NAME_MAX) : 0;
    memcpy(out, z ? z : "", n);
    out[n] = 0;
}

enum base_status gw_keys_lookup(const struct gw_keys *k, struct base_str presented,
                                struct gw_key_info *out)
{
    static const struct entry decoy = {{0}, {0}, {0}};
    memset(out, 0, sizeof(*out));
    bool form = presented.n == KEY_CHARS && memcmp(presented.p, "weir_", 5) == 0 &&
                presented.p[5 + GW_KEY_ID_BYTES] == '_' &&
                is_base62(base_str_n(presented.p + 5, GW_KEY_ID_BYTES)) &&
                is_base62(base_str_n(presented.p + KEY_CHARS - SECRET_CHARS, SECRET_CHARS));
    if (!form)
        return BASE_DENIED; /* says nothing about any entry: its form is public */
    struct base_str id = base_str_n(presented.p + 5, GW_KEY_ID_BYTES);
    const struct entry *e = &decoy;
    size_t at = id_hash(id) & (k->n_buckets - 1);
    for (; k->buckets[at]; at = (at + 1) & (k->n_buckets - 1)) {
        const struct entry *o = &k->v[k->buckets[at] - 1];
        if (base_str_eq_secret(id, base_str_c(o->pub.id))) {
            e = o;
            break;
        }
    }
    uint8_t got[32];
    bool made = verifier_of(e->salt, presented, got);
    bool equal = base_str_eq_secret(base_str_n(got, 32), base_str_n(e->verifier, 32));
    base_wipe(got, sizeof(got));
    if (!made || !equal || e == &decoy || e->pub.revoked)
        return BASE_DENIED;
    memcpy(out->id, e->pub.id, sizeof(out->id));
    copy_name(out->name, e->pub.name);
    copy_name(out->tenant, e->pub.tenant);
    copy_name(out->use_case, e->pub.use_case);
    out->role = e->pub.role;
    out->classes = e->pub.classes;
    return BASE_OK;
}

/* ---- writing ---- */

static void write_hex(struct base_json *j, const char *key, const uint8_t *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    char out[65];
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[p[i] >> 4];
        out[2 * i + 1] = hex[p[i] & 15];
    }
    base_json_kstr(j, key, base_str_n(out, 2 * n));
}

static void write_entry(struct base_json *j, const struct entry *e)
{
    base_json_obj(j);
    base_json_kz(j, "id", e->pub.id);
    base_json_kz(j, "name", e->pub.name);
    base_json_kz(j, "tenant", e->pub.tenant);
    base_json_kz(j, "role", gw_role_name(e->pub.role));
    base_json_kz(j, "created", e->pub.created);
    base_json_kz(j, "revoked", e->pub.revoked);
    write_hex(j, "salt", e->salt, SALT_BYTES);
    write_hex(j, "verifier", e->verifier, 32);
    if (e->pub.use_case)
        base_json_kz(j, "use_case", e->pub.use_case);
    if (e->pub.n_data) {
        base_json_key(j, "data");
        base_json_arr(j);
        for (size_t i = 0; i < e->pub.n_data; i++)
            base_json_z(j, e->pub.data[i]);
        base_json_arr_end(j);
    }
    base_json_obj_end(j);
}

static enum base_status write_file(const char *path, const struct gw_keys *k,
                                   const struct entry *more, struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, FILE_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "version", 1);
    base_json_key(&j, "keys");
    base_json_arr(&j);
    for (size_t i = 0; i < k->n; i++)
        write_entry(&j, &k->v[i]);
    if (more)
        write_entry(&j, more);
    base_json_arr_end(&j);
    base_json_obj_end(&j);
    base_buf_byte(&b, '\n');
    bool first = access(path, F_OK) != 0;
    enum base_status st = base_buf_ok(&b)
                              ? base_file_replace(path, base_buf_view(&b), 0600, err)
                              : base_err_set(err, BASE_LIMIT, "%s: would become too large", path);
    base_buf_wipe(&b);
    if (st == BASE_OK && first) { /* made by root: the service reads it */
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        st = fd < 0 ? base_err_sys(err, "%s", path) : base_file_adopt(fd, path, err);
        if (fd >= 0)
            close(fd);
    }
    return st;
}

/* n characters of base 62, uniform: bytes of 248 (4 * 62) and above are thrown away. */
static void random_base62(char *out, size_t n)
{
    uint8_t pool[64];
    size_t left = 0;
    while (n > 0) {
        if (left == 0) {
            base_random(pool, sizeof(pool));
            left = sizeof(pool);
        }
        uint8_t b = pool[--left];
        if (b < 248) {
            *out++ = base62[b % 62];
            n--;
        }
    }
    base_wipe(pool, sizeof(pool));
}

static enum base_status check_new(const struct gw_keys *k, const struct gw_key_new *w,
                                  struct base_err *err)
{
    if (!is_name(w->name) || !is_name(w->tenant) || (w->use_case.n && !is_name(w->use_case)))
        return base_err_set(
            err, BASE_EINVAL,
            "names, tenants and use cases are 1 to %d letters, digits and . _ : @ -",
            GW_KEY_NAME_MAX);
    if (w->n_data > DATA_MAX)
        return base_err_set(err, BASE_EINVAL, "at most %d data classes", DATA_MAX);
    for (size_t i = 0; i < w->n_data; i++) {
        char word[GW_KEY_NAME_MAX + 1] = "";
        unsigned bits = 0;
        if (w->data[i].n < sizeof(word))
            memcpy(word, w->data[i].p, w->data[i].n);
        if (!class_bit(word, &bits))
            return base_err_set(err, BASE_EINVAL,
                                "a data class is personal, special, criminal or secret");
    }
    for (size_t i = 0; i < k->n; i++)
        if (!k->v[i].pub.revoked && base_str_is(w->name, k->v[i].pub.name))
            return base_err_set(
                err, BASE_EINVAL,
                "a key named %s is in force: choose another name, or revoke it first",
                k->v[i].pub.name);
    if (k->n >= GW_KEYS_MAX)
        return base_err_set(err, BASE_LIMIT, "there are %d keys already", GW_KEYS_MAX);
    return BASE_OK;
}

/* The entry and the key for what is asked; strings go to the arena of k. */
static bool make_entry(struct gw_keys *k, const struct gw_key_new *w, struct entry *e,
                       char out[GW_KEY_BYTES_MAX])
{
    char time[BASE_RFC3339_MAX];
    memcpy(out, "weir_", 5);
    random_base62(out + 5, GW_KEY_ID_BYTES);
    out[5 + GW_KEY_ID_BYTES] = '_';
    random_base62(out + KEY_CHARS - SECRET_CHARS, SECRET_CHARS);
    out[KEY_CHARS] = 0;
    base_random(e->salt, SALT_BYTES);
    struct base_arena *a = k->arena;
    e->pub.id = base_arena_dupz(a, base_str_n(out + 5, GW_KEY_ID_BYTES));
    e->pub.name = base_arena_dupz(a, w->name);
    e->pub.tenant = base_arena_dupz(a, w->tenant);
    e->pub.role = w->role;
    e->pub.created = base_arena_dupz(a, base_str_c(base_rfc3339(base_wall_us(), time)));
    e->pub.use_case = w->use_case.n ? base_arena_dupz(a, w->use_case) : NULL;
    const char **data = base_arena_array(a, DATA_MAX, sizeof(*data));
    for (size_t i = 0; data && i < w->n_data; i++)
        if (!(data[i] = base_arena_dupz(a, w->data[i])))
            return false;
    e->pub.data = data;
    e->pub.n_data = w->n_data;
    return e->pub.id && e->pub.name && e->pub.tenant && e->pub.created && data &&
           (e->pub.use_case || !w->use_case.n) &&
           verifier_of(e->salt, base_str_n(out, KEY_CHARS), e->verifier);
}

enum base_status gw_keys_add(const char *path, const struct gw_key_new *what,
                             char out[GW_KEY_BYTES_MAX], struct base_err *err)
{
    struct gw_keys *k = NULL;
    struct entry e = {{0}, {0}, {0}};
    enum base_status st = BASE_EIO;
    memset(out, 0, GW_KEY_BYTES_MAX);
    int lock = base_file_lock(path, err);
    if (lock < 0)
        goto out;
    if ((st = gw_keys_load(path, &k, err)) != BASE_OK)
        goto out;
    if ((st = check_new(k, what, err)) != BASE_OK)
        goto out;
    st = make_entry(k, what, &e, out) ? write_file(path, k, &e, err)
                                      : base_err_set(err, BASE_ENOMEM, "not enough memory");
out:
    if (st != BASE_OK)
        base_wipe(out, GW_KEY_BYTES_MAX);
    gw_keys_free(k);
    if (lock >= 0)
        close(lock);
    return st;
}

enum base_status gw_keys_revoke(const char *path, struct base_str which, struct base_err *err)
{
    struct gw_keys *k = NULL;
    enum base_status st = BASE_EIO;
    int lock = base_file_lock(path, err);
    if (lock < 0)
        goto out;
    if ((st = gw_keys_load(path, &k, err)) != BASE_OK)
        goto out;
    struct entry *e = NULL;
    for (size_t i = 0; i < k->n && !e; i++)
        if (!k->v[i].pub.revoked &&
            (base_str_is(which, k->v[i].pub.id) || base_str_is(which, k->v[i].pub.name)))
            e = &k->v[i];
    if (!e) {
        st = base_err_set(err, BASE_ENOENT, "no key in force has this id or name");
        goto out;
    }
    char time[BASE_RFC3339_MAX];
    e->pub.revoked = base_rfc3339(base_wall_us(), time);
    st = write_file(path, k, NULL, err);
out:
    gw_keys_free(k);
    if (lock >= 0)
        close(lock);
    return st;
}

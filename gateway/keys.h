/* keys.h - who may call: API keys and their verifiers.
 *
 * A key is `weir_<id>_<secret>`: id, 12 characters of base 62, finds the entry; secret, 43
 * characters of base 62, holds 256 random bits. The file keeps a random salt and
 * HMAC-SHA256(salt, whole key), never the key. It is a JSON file of mode 0600 at `keys:`; writers
 * (`weir key`) lock FILE.lock and replace the file whole, readers load snapshots.
 */
#ifndef GW_KEYS_H
#define GW_KEYS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define GW_KEYS_MAX      100000
#define GW_KEY_ID_BYTES  12
#define GW_KEY_NAME_MAX  64
#define GW_KEY_BYTES_MAX 64 /* of a whole key with its NUL */

/* AUDITOR: reads the admin listener, changes nothing, sees no content, asks no model. */
enum gw_role { GW_ROLE_USER, GW_ROLE_ADMIN, GW_ROLE_AUDITOR };

/* An entry as others may see it; strings belong to the snapshot. */
struct gw_key {
    const char *id, *name, *tenant;
    enum gw_role role;
    const char
        *use_case; /* what its requests are for, unless a header says; NULL if not declared */
    const char *const *data; /* data classes that the key declares: "personal", ... */
    size_t n_data;
    unsigned classes;    /* the same as pol_class bits, implications applied */
    const char *created; /* RFC 3339 */
    const char *revoked; /* RFC 3339, or NULL */
};

/* What a request needs to know of its key. A value: it outlives the snapshot. */
struct gw_key_info {
    char id[GW_KEY_ID_BYTES + 1];
    char name[GW_KEY_NAME_MAX + 1], tenant[GW_KEY_NAME_MAX + 1];
    char use_case[GW_KEY_NAME_MAX + 1]; /* "" if not declared */
    enum gw_role role;
    unsigned classes; /* pol_class bits that the key declares */
};

const char *gw_role_name(enum gw_role r); /* "user", "admin", "auditor" */
/* False: no such role. */
bool gw_role_find(const char *word, enum gw_role *out);

struct gw_keys; /* immutable snapshot: any number of threads may look up at once */

/* What a file was when it was read: equal stamps, equal file. */
struct gw_keys_stamp {
    int64_t mtime_s, mtime_ns, size;
    int64_t ctime_s, ctime_ns; /* nobody sets it back, as `cp -p` and `touch -r` do the other */
    uint64_t inode, device;
};

/* Loads path. A missing file is an empty set (nobody gets in; keys may be made later). Blocks on
 * files: not on a loop. BASE_EINVAL: the file does not hold (err names what); the caller keeps the
 * snapshot it has. */
enum base_status gw_keys_load(const char *path, struct gw_keys **out,
                              struct base_err *err) BASE_MUST_CHECK;
void gw_keys_free(struct gw_keys *k);
size_t gw_keys_count(const struct gw_keys *k);                          /* revoked ones too */
const struct gw_key *gw_keys_at(const struct gw_keys *k, size_t index); /* in order of creation */
/* True if the file at path is another than *stamp says (a zeroed one: no file); *stamp then is what
 * the file is now. One stat(2). Take the stamp before loading: what comes in between is seen. */
bool gw_keys_changed(const char *path, struct gw_keys_stamp *stamp);

/* Fills *out and returns BASE_OK if presented is a key in force, else BASE_DENIED (unknown, wrong,
 * revoked: the caller must not tell which). Pure, no allocation; takes the same time whether or not
 * the id exists. presented is what the client sent, any bytes of any length. */
enum base_status gw_keys_lookup(const struct gw_keys *k, struct base_str presented,
                                struct gw_key_info *out) BASE_MUST_CHECK;

/* The credential in a header: what stands behind "Bearer " (any case), or empty. */
struct base_str gw_keys_bearer(struct base_str authorization);

struct gw_key_new {
    struct base_str name, tenant; /* at most 64 of letters, digits . _ : @ - */
    enum gw_role role;
    struct base_str use_case; /* may be empty */
    const struct base_str *data;
    size_t n_data;
};

/* Makes a key, writes the file (created with mode 0600, replaced whole under a lock) and stores the
 * secret in out, which the caller wipes. Blocks on files and on the lock of another writer.
 * BASE_EINVAL: a name that is none, or taken by a key in force. */
enum base_status gw_keys_add(const char *path, const struct gw_key_new *what,
                             char out[GW_KEY_BYTES_MAX], struct base_err *err) BASE_MUST_CHECK;
/* Revokes the key in force with this id or name. BASE_ENOENT if there is none. */
enum base_status gw_keys_revoke(const char *path, struct base_str id_or_name,
                                struct base_err *err) BASE_MUST_CHECK;

#endif

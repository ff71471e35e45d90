/* rights_key.c - the key that the lists' hashes and MAC are made with, where it lies.
 *
 * File       DIR/keys/rights.key (mode 0600, replaced whole): "weir-rights-key/1 " and the key as
 *            the log's master key wraps it, in hexadecimal; or 64 hexadecimal digits, the key as it
 *            is, where an older version made it or nobody wraps (tests). The first is made of the
 *            second at the next start or order; the key itself never changes.
 * Owns       the last key that was unwrapped: lists are loaded often, a token or a KMS is asked
 * once. Fails by   BASE_EINVAL for a file that is no key, or that somebody else's master wrapped.
 */
#include "conf/rights_int.h"

#include "base/clock.h"
#include "base/file.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define MARK      "weir-rights-key/1 "
#define KEY_BYTES 32768 /* of the file */

static struct {
    pthread_mutex_t mu;
    struct conf_rights_seal seal;
    bool sealed, known;
    uint8_t of[32]; /* the file that `key` came out of, as a MAC under no key */
    uint8_t key[RIGHTS_KEY_BYTES];
} own = {.mu = PTHREAD_MUTEX_INITIALIZER};

_Static_assert(CONF_RIGHTS_KEY_BYTES == RIGHTS_KEY_BYTES, "one key");

void conf_rights_sealed_by(const struct conf_rights_seal *s)
{
    pthread_mutex_lock(&own.mu);
    own.sealed = s != NULL;
    if (s)
        own.seal = *s;
    pthread_mutex_unlock(&own.mu);
}

void rights_to_hex(const uint8_t *p, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static void name_of(struct base_str text, uint8_t out[32])
{
    static const uint8_t none[RIGHTS_KEY_BYTES];

    rights_mac(none, "weir/rights/key-file/1", text, out);
}

/* Under own.mu. text: the file, trimmed, behind the mark. */
static enum base_status unwrap(const char *path, struct base_str text, uint8_t key[32],
                               struct base_err *err)
{
    struct base_str hex = base_str_n(text.p + strlen(MARK), text.n - strlen(MARK));
    struct base_buf raw;
    struct base_err why = {0};
    uint8_t name[32];
    enum base_status st = BASE_OK;

    name_of(text, name);
    if (own.known && memcmp(name, own.of, 32) == 0) {
        memcpy(key, own.key, RIGHTS_KEY_BYTES);
        return BASE_OK;
    }
    if (!own.sealed)
        return base_err_set(err, BASE_EINVAL,
                            "%s: it is wrapped by the log's master key, which is not at hand here",
                            path);
    base_buf_init(&raw, KEY_BYTES);
    char *room = base_buf_room(&raw, hex.n / 2 + 1);
    if (!room || !rights_unhex(hex, (uint8_t *)room, hex.n / 2) || hex.n % 2)
        st = base_err_set(err, BASE_EINVAL, "%s: this is no key", path);
    else if (own.seal.unwrap(own.seal.ctx, base_str_n(room, hex.n / 2), key, &why) != BASE_OK)
        st = base_err_set(err, BASE_EINVAL, "%s: the master key does not open it: %s", path,
                          why.text);
    if (st == BASE_OK) {
        memcpy(own.of, name, 32);
        memcpy(own.key, key, RIGHTS_KEY_BYTES);
        own.known = true;
    }
    base_buf_release(&raw);
    return st;
}

/* The key file into key; *plain: it lies there as it is. */
static enum base_status read_key(const char *path, uint8_t key[32], bool *plain,
                                 struct base_err *err)
{
    struct base_buf b;

    base_buf_init(&b, KEY_BYTES);
    enum base_status st = base_file_read(path, &b, err);
    struct base_str text = base_str_trim(base_buf_view(&b));
    *plain = st == BASE_OK && !base_str_starts(text, BASE_STR(MARK));
    if (st == BASE_OK && !*plain) {
        pthread_mutex_lock(&own.mu);
        st = unwrap(path, text, key, err);
        pthread_mutex_unlock(&own.mu);
    } else if (st == BASE_OK && !rights_unhex(text, key, RIGHTS_KEY_BYTES)) {
        st = base_err_set(err, BASE_EINVAL,
                          "%s: this is no key; put back the copy of it that belongs to rights.json",
                          path);
    }
    base_buf_wipe(&b);
    return st;
}

/* Writes key, wrapped where somebody wraps. */
static enum base_status write_key(const char *path, const uint8_t key[32], struct base_err *err)
{
    char hex[2 * RIGHTS_KEY_BYTES + 2];
    struct base_buf raw, text;
    enum base_status st = BASE_OK;

    base_buf_init(&raw, KEY_BYTES / 4);
    base_buf_init(&text, KEY_BYTES);
    pthread_mutex_lock(&own.mu);
    if (own.sealed) {
        st = own.seal.wrap(own.seal.ctx, key, &raw, err);
        base_buf_z(&text, MARK);
        for (size_t i = 0; i < raw.n; i++)
            base_buf_printf(&text, "%02x", (unsigned char)raw.p[i]);
    } else {
        rights_to_hex(key, RIGHTS_KEY_BYTES, hex);
        base_buf_add(&text, hex, sizeof(hex) - 2);
        base_wipe(hex, sizeof(hex));
    }
    if (st == BASE_OK && own.sealed) {
        name_of(base_buf_view(&text), own.of);
        memcpy(own.key, key, RIGHTS_KEY_BYTES);
        own.known = true;
    }
    pthread_mutex_unlock(&own.mu);
    base_buf_byte(&text, '\n');
    if (st == BASE_OK && !base_buf_ok(&text))
        st = base_err_set(err, BASE_LIMIT, "%s: the wrapped key is too long", path);
    if (st == BASE_OK)
        st = base_file_replace(path, base_buf_view(&text), 0600, err);
    base_buf_release(&raw);
    base_buf_wipe(&text);
    return st;
}

enum base_status rights_read_key(struct conf_rights *r, const char *path, struct base_err *err)
{
    uint8_t sip[32];
    bool plain;
    enum base_status st = read_key(path, r->key, &plain, err);

    if (st != BASE_OK)
        return st;
    rights_mac(r->key, "weir/rights/quick/1", BASE_STR(""), sip);
    memcpy(r->sip, sip, sizeof(r->sip));
    base_wipe(sip, sizeof(sip));
    return BASE_OK;
}

enum base_status rights_make_key(const char *path, struct conf_rights *r, struct base_err *err)
{
    uint8_t key[RIGHTS_KEY_BYTES];
    enum base_status st = BASE_OK;

    if (access(path, F_OK) != 0) { /* else of lists that were never written: a crash in between */
        base_random(key, sizeof(key));
        st = write_key(path, key, err);
        base_wipe(key, sizeof(key));
    }
    return st == BASE_OK ? rights_read_key(r, path, err) : st;
}

enum base_status conf_rights_key_ready(const char *dir, bool make, struct base_err *err)
{
    char path[PATH_MAX], lists[PATH_MAX];
    uint8_t key[RIGHTS_KEY_BYTES];
    struct conf_rights none = {0};
    bool plain = false;
    enum base_status st = BASE_OK;

    if (!rights_path_of(dir, "rights.key", path, sizeof(path)) ||
        !rights_path_of(dir, "rights.json", lists, sizeof(lists)))
        return base_err_set(err, BASE_LIMIT, "%s: the path is too long", dir);
    bool there = access(path, F_OK) == 0;
    if (!there && !make)
        return BASE_OK;
    int fd = base_file_lock(lists, err);
    if (fd < 0)
        return BASE_EIO;
    if (!there)
        st = rights_make_key(path, &none, err);
    else
        st = read_key(path, key, &plain, err);
    pthread_mutex_lock(&own.mu);
    bool sealed = own.sealed;
    pthread_mutex_unlock(&own.mu);
    if (st == BASE_OK && plain && sealed)
        st = write_key(path, key, err);
    base_wipe(&none, sizeof(none));
    base_wipe(key, sizeof(key));
    close(fd);
    return st;
}

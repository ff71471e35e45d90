/* master.c - the master key: file, token or command; see master.h.
 *
 * Format   file: "weir-master-key/1 <base64 of 32 bytes>\n", mode 0600, made at the first start.
 *          wrapped by file and token: nonce[12] || AES-256-GCM(key)[32] || tag[16]. The file's AES
 *          key is HKDF(master, salt = context, "weir/tenant-wrap/1"), so that every wrap has a key
 *          of its own and a repeated nonce could not happen even by chance; the token's is the
 *          token's, with the context as additional data in both.
 *          wrapped by a command: whatever it answers, at most AUD_WRAPPED_MAX bytes.
 * Fails by an error that names file, token or command; a wrong key does not authenticate.
 */
#include "audit/content/master.h"

#include "audit/log/note.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MARK "weir-master-key/1 "

struct aud_master {
    struct conf_master conf; /* strings are the configuration's: copied by the owner */
    uint8_t key[AUD_KEY_BYTES];
    struct aud_p11 *p11;
};

static enum base_status file_make(const char *path, struct base_err *err)
{
    uint8_t key[AUD_KEY_BYTES];
    struct base_buf b;

    base_random(key, sizeof(key));
    base_buf_init(&b, 256);
    base_buf_z(&b, FILE_MARK);
    aud_b64_encode(&b, key, sizeof(key));
    base_buf_byte(&b, '\n');
    enum base_status st = base_file_replace(path, base_buf_view(&b), 0600, err);
    base_buf_wipe(&b);
    base_wipe(key, sizeof(key));
    return st;
}

static enum base_status file_read(const char *path, uint8_t key[AUD_KEY_BYTES],
                                  struct base_err *err)
{
    struct base_buf b;
    struct stat sb;

    if (stat(path, &sb) != 0)
        return base_err_sys(err, "master key %s", path);
    if (sb.st_mode & 077)
        return base_err_set(err, BASE_DENIED,
                            "master key %s may be read by others (mode %03o): chmod 600 it", path,
                            (unsigned)sb.st_mode & 0777);
    base_buf_init(&b, 256);
    enum base_status st = base_file_read(path, &b, err);
    struct base_str s = base_str_trim(base_buf_view(&b)), mark = BASE_STR(FILE_MARK);
    if (st == BASE_OK &&
        (!base_str_starts(s, mark) || aud_b64_decode(base_str_n(s.p + mark.n, s.n - mark.n), key,
                                                     AUD_KEY_BYTES) != AUD_KEY_BYTES))
        st = base_err_set(err, BASE_EINVAL, "%s is no master key of Weir's", path);
    base_buf_wipe(&b);
    return st;
}

static enum base_status file_open(struct aud_master *m, const char *path, bool may_make,
                                  struct base_err *err)
{
    struct stat sb;
    enum base_status st = BASE_OK;

    if (stat(path, &sb) != 0 && errno == ENOENT) {
        if (!may_make)
            return base_err_set(err, BASE_ENOENT,
                                "master key %s is missing, and there are keys that only it opens: "
                                "put it back",
                                path);
        st = file_make(path, err);
    }
    return st == BASE_OK ? file_read(path, m->key, err) : st;
}

enum base_status aud_master_open(const struct conf_master *conf, const char *file_default,
                                 bool may_make, struct aud_master **out, struct base_err *err)
{
    struct aud_master *m = calloc(1, sizeof(*m));
    enum base_status st = BASE_OK;

    *out = NULL;
    if (!m)
        return base_err_set(err, BASE_ENOMEM, "no memory for the master key");
    m->conf = *conf;
    if (conf->kind == CONF_MASTER_FILE)
        st = file_open(m, conf->file ? conf->file : file_default, may_make, err);
    else if (conf->kind == CONF_MASTER_PKCS11)
        st = aud_p11_open(conf, &m->p11, err);
    if (st != BASE_OK)
        aud_master_free(m);
    else
        *out = m;
    return st;
}

void aud_master_free(struct aud_master *m)
{
    if (!m)
        return;
    aud_p11_free(m->p11);
    base_wipe(m, sizeof(*m));
    free(m);
}

const char *aud_master_kind(const struct aud_master *m)
{
    static const char *const kinds[] = {"file", "pkcs11", "command"};

    return kinds[m->conf.kind];
}

enum base_status aud_master_wrap(struct aud_master *m, const uint8_t context[32],
                                 const uint8_t key[AUD_KEY_BYTES], struct base_buf *wrapped,
                                 struct base_err *err)
{
    uint8_t out[AUD_NONCE_BYTES + AUD_KEY_BYTES + AUD_TAG_BYTES], wrap[AUD_KEY_BYTES];

    if (m->conf.kind == CONF_MASTER_PKCS11)
        return aud_p11_seal(m->p11, context, key, wrapped, err);
    if (m->conf.kind == CONF_MASTER_COMMAND)
        return aud_kms_call(&m->conf, "wrap", context, base_str_n(key, AUD_KEY_BYTES), wrapped,
                            err);
    base_random(out, AUD_NONCE_BYTES);
    aud_hkdf(m->key, base_str_n(context, 32), "weir/tenant-wrap/1", wrap);
    aud_seal(wrap, out, base_str_n(context, 32), key, AUD_KEY_BYTES, out + AUD_NONCE_BYTES,
             out + AUD_NONCE_BYTES + AUD_KEY_BYTES);
    base_wipe(wrap, sizeof(wrap));
    if (!base_buf_add(wrapped, out, sizeof(out)))
        return base_err_set(err, BASE_ENOMEM, "no memory for a wrapped key");
    return BASE_OK;
}

enum base_status aud_master_unwrap(struct aud_master *m, const uint8_t context[32],
                                   struct base_str wrapped, uint8_t key[AUD_KEY_BYTES],
                                   struct base_err *err)
{
    uint8_t wrap[AUD_KEY_BYTES];
    const uint8_t *p = (const uint8_t *)wrapped.p;

    if (m->conf.kind == CONF_MASTER_PKCS11)
        return aud_p11_unseal(m->p11, context, wrapped, key, err);
    if (m->conf.kind == CONF_MASTER_COMMAND) {
        struct base_buf b;
        base_buf_init(&b, AUD_WRAPPED_MAX);
        enum base_status st = aud_kms_call(&m->conf, "unwrap", context, wrapped, &b, err);
        if (st == BASE_OK && b.n != AUD_KEY_BYTES)
            st = base_err_set(err, BASE_EPROTO, "%s unwrap: %zu bytes came back, not 32",
                              m->conf.argv[0], b.n);
        if (st == BASE_OK)
            memcpy(key, b.p, AUD_KEY_BYTES);
        base_buf_wipe(&b);
        return st;
    }
    if (wrapped.n != AUD_NONCE_BYTES + AUD_KEY_BYTES + AUD_TAG_BYTES)
        return base_err_set(err, BASE_EINVAL, "a wrapped tenant key has a wrong length");
    aud_hkdf(m->key, base_str_n(context, 32), "weir/tenant-wrap/1", wrap);
    bool good = aud_unseal(wrap, p, base_str_n(context, 32), p + AUD_NONCE_BYTES, AUD_KEY_BYTES,
                           p + AUD_NONCE_BYTES + AUD_KEY_BYTES, key);
    base_wipe(wrap, sizeof(wrap));
    return good ? BASE_OK
                : base_err_set(err, BASE_DENIED,
                               "a tenant key does not open with this master key: it is another "
                               "key, or the file was changed");
}

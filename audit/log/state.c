/* state.c - the small files beside the write-ahead log. Blocks; used by recovery, the signer thread
 * and the verifier.
 *
 * log.conf, state and checkpoint are all signed notes under the log's key, so no byte of them can
 * change unnoticed; the first line tells them apart, and a checkpoint's first line is the origin,
 * which the key's owner chose, so none can pass for another. Each is replaced atomically.
 *
 *   log.conf                         state
 *   weir-audit-log/1                 weir-audit-state/1
 *   origin <origin>                  origin <origin>
 *   vkey <vkey>                      size <decimal>
 *   created <microseconds>           root <base64>
 *                                    segment <20 digits>
 *                                    end <offset>
 *                                    sha256 <base64>
 *                                    clean yes|no
 *
 * keys/log.key holds the private key as text (PRIVATE+KEY+...). It is not evidence and is wiped
 * from memory when the log closes.
 */
#include "audit/log/state.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_HEAD  "weir-audit-log/1"
#define STATE_HEAD "weir-audit-state/1"

pthread_mutex_t aud_checkpoint_mu = PTHREAD_MUTEX_INITIALIZER;

/* Reads DIR/name; a missing file is evidence gone, so BASE_ENOENT keeps its name in the text. */
static enum base_status slurp(const char *dir, const char *name, struct base_buf *out,
                              struct base_err *err)
{
    char path[AUD_PATH_MAX];
    enum base_status st = aud_read_path(path, dir, name, err);

    base_buf_init(out, AUD_NOTE_MAX);
    if (st != BASE_OK)
        return st;
    return base_file_read_regular(path, out, err);
}

/* "<key> <value>" as the next line of *rest. */
static bool line(struct base_str *rest, const char *key, struct base_str *value)
{
    struct base_str l = rest->p ? base_str_cut(rest, '\n') : BASE_STR_NULL;
    struct base_str k = l.n ? base_str_cut(&l, ' ') : BASE_STR_NULL;

    *value = l;
    return rest->p && l.p && l.n > 0 && base_str_is(k, key);
}

static bool line_u64(struct base_str *rest, const char *key, uint64_t *out)
{
    struct base_str v;

    return line(rest, key, &v) && (v.n == 1 || v.p[0] != '0') && base_str_u64(v, out);
}

static bool line_hash(struct base_str *rest, const char *key, struct aud_hash *out)
{
    struct base_str v;

    return line(rest, key, &v) && aud_b64_decode(v, out->b, AUD_HASH_BYTES) == AUD_HASH_BYTES;
}

static bool copy_name(struct base_str s, char out[AUD_NAME_MAX + 1])
{
    if (!aud_name_valid(s))
        return false;
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return true;
}

enum base_status aud_conf_load(const char *dir, struct base_str vkey, struct aud_conf *out,
                               struct base_err *err)
{
    struct base_buf b;
    struct base_err why;
    struct base_str text, rest, head, origin, own;
    size_t n_sigs;
    enum base_status st = slurp(dir, "log.conf", &b, err);

    memset(out, 0, sizeof(*out));
    if (st != BASE_OK)
        goto out;
    /* the key stands in the text it signs: read it first, believe it after the signature held */
    rest = base_buf_view(&b);
    head = base_str_cut(&rest, '\n');
    st = base_err_set(err, BASE_EINVAL, "log.conf: malformed");
    if (!base_str_is(head, CONF_HEAD) || !line(&rest, "origin", &origin) ||
        !copy_name(origin, out->origin) || !line(&rest, "vkey", &own) ||
        !line_u64(&rest, "created", &out->created_us))
        goto out;
    st = aud_vkey_parse(vkey.n ? vkey : own, &out->vkey, &why);
    if (st != BASE_OK) {
        st = base_err_set(err, st, "log.conf: %s", why.text);
        goto out;
    }
    st = aud_note_verify(base_buf_view(&b), &out->vkey, &text, &n_sigs, &why);
    if (st != BASE_OK) {
        st = base_err_set(err, st, "log.conf: %s", why.text);
        goto out;
    }
    if (rest.p != text.p + text.n || n_sigs != 1 || strcmp(out->vkey.name, out->origin) != 0)
        st = base_err_set(err, BASE_EINVAL, "log.conf: malformed");
    else if (vkey.n && !base_str_eq(vkey, own))
        st = base_err_set(err, BASE_EINVAL, "log.conf: the vkey is not the one given");
    aud_sha256(b.p, b.n, &out->id);
out:
    base_buf_release(&b);
    return st;
}

enum base_status aud_conf_make(const struct aud_skey *k, uint64_t created_us, struct base_buf *file,
                               struct aud_hash *id, struct base_err *err)
{
    struct base_buf t;
    char vkey[AUD_VKEY_MAX];
    enum base_status st = BASE_ENOMEM;

    base_buf_init(&t, AUD_NOTE_MAX);
    if (aud_vkey_print(&k->vkey, vkey) &&
        base_buf_printf(&t, CONF_HEAD "\norigin %s\nvkey %s\ncreated %" PRIu64 "\n", k->vkey.name,
                        vkey, created_us))
        st = aud_note_sign(base_buf_view(&t), k, file, err);
    if (st == BASE_OK)
        aud_sha256(file->p, file->n, id);
    base_buf_release(&t);
    return st;
}

enum base_status aud_state_load(const char *dir, const struct aud_conf *c, struct aud_state *out,
                                struct base_err *err)
{
    struct base_buf b;
    struct base_err why;
    struct base_str rest, head, origin, segment, clean;
    size_t n_sigs;
    enum base_status st = slurp(dir, "state", &b, err);

    memset(out, 0, sizeof(*out));
    if (st != BASE_OK)
        goto out;
    st = aud_note_verify(base_buf_view(&b), &c->vkey, &rest, &n_sigs, &why);
    if (st != BASE_OK) {
        st = base_err_set(err, st, "state: %s", why.text);
        goto out;
    }
    head = base_str_cut(&rest, '\n');
    if (n_sigs != 1 || !base_str_is(head, STATE_HEAD) || !line(&rest, "origin", &origin) ||
        !base_str_is(origin, c->origin) || !line_u64(&rest, "size", &out->size) ||
        !line_hash(&rest, "root", &out->root) || !line(&rest, "segment", &segment) ||
        segment.n != 20 || !base_str_u64(segment, &out->segment) ||
        !line_u64(&rest, "end", &out->end) || !line_hash(&rest, "sha256", &out->sha) ||
        !line(&rest, "clean", &clean) || rest.n != 0)
        st = base_err_set(err, BASE_EINVAL, "state: malformed");
    else
        out->clean = base_str_is(clean, "yes");
out:
    base_buf_release(&b);
    return st;
}

enum base_status aud_state_save(const char *dir, const struct aud_skey *k,
                                const struct aud_state *s, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    struct base_buf t, f;
    enum base_status st = aud_path(path, dir, "state", err);

    if (st != BASE_OK)
        return st;
    base_buf_init(&t, AUD_NOTE_MAX);
    base_buf_init(&f, AUD_NOTE_MAX);
    base_buf_printf(&t, STATE_HEAD "\norigin %s\nsize %" PRIu64 "\nroot ", k->vkey.name, s->size);
    aud_b64_encode(&t, s->root.b, AUD_HASH_BYTES);
    base_buf_printf(&t, "\nsegment %020" PRIu64 "\nend %" PRIu64 "\nsha256 ", s->segment, s->end);
    aud_b64_encode(&t, s->sha.b, AUD_HASH_BYTES);
    if (!base_buf_printf(&t, "\nclean %s\n", s->clean ? "yes" : "no"))
        st = base_err_set(err, BASE_ENOMEM, "no memory to write state");
    else
        st = aud_note_sign(base_buf_view(&t), k, &f, err);
    if (st == BASE_OK)
        st = base_file_replace(path, base_buf_view(&f), 0600, err);
    base_buf_release(&t);
    base_buf_release(&f);
    return st;
}

enum base_status aud_checkpoint_file(const char *dir, const char *name, const struct aud_conf *c,
                                     struct aud_checkpoint *out, struct base_buf *note,
                                     struct base_err *err)
{
    struct base_buf b;
    struct base_err why;
    struct base_str text;
    enum base_status st = slurp(dir, name, &b, err);

    memset(out, 0, sizeof(*out));
    if (st != BASE_OK)
        goto out;
    st = aud_note_verify(base_buf_view(&b), &c->vkey, &text, NULL, &why);
    if (st == BASE_OK)
        st = aud_checkpoint_parse(text, out, &why);
    if (st != BASE_OK)
        st = base_err_set(err, st, "%s: %s", name, why.text);
    else if (strcmp(out->origin, c->origin) != 0)
        st = base_err_set(err, BASE_EINVAL, "%s: belongs to another log (%s)", name, out->origin);
    else if (note && !base_buf_str(note, base_buf_view(&b)))
        st = base_err_set(err, BASE_ENOMEM, "no memory to read %s", name);
out:
    base_buf_release(&b);
    return st;
}

enum base_status aud_checkpoint_load(const char *dir, const struct aud_conf *c,
                                     struct aud_checkpoint *out, struct base_buf *note,
                                     struct base_err *err)
{
    return aud_checkpoint_file(dir, "checkpoint", c, out, note, err);
}

enum base_status aud_checkpoint_note(const struct aud_skey *k, const struct aud_state *s,
                                     struct base_buf *out, struct base_err *err)
{
    struct aud_checkpoint c = {.size = s->size, .root = s->root};
    struct base_buf t;
    enum base_status st;

    memcpy(c.origin, k->vkey.name, sizeof(c.origin));
    base_buf_init(&t, AUD_NOTE_MAX);
    if (!aud_checkpoint_print(&c, &t))
        st = base_err_set(err, BASE_ENOMEM, "no memory to write checkpoint");
    else
        st = aud_note_sign(base_buf_view(&t), k, out, err);
    base_buf_release(&t);
    return st;
}

enum base_status aud_checkpoint_save(const char *dir, const struct aud_skey *k,
                                     const struct aud_state *s, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    struct base_buf f;
    enum base_status st = aud_path(path, dir, "checkpoint", err);

    if (st != BASE_OK)
        return st;
    base_buf_init(&f, AUD_NOTE_MAX);
    st = aud_checkpoint_note(k, s, &f, err);
    pthread_mutex_lock(&aud_checkpoint_mu);
    if (st == BASE_OK)
        st = base_file_replace(path, base_buf_view(&f), 0644, err);
    pthread_mutex_unlock(&aud_checkpoint_mu);
    base_buf_release(&f);
    return st;
}

enum base_status aud_key_load(const char *dir, struct aud_skey *out, struct base_err *err)
{
    struct base_buf b;
    struct base_err why;
    enum base_status st = slurp(dir, "keys/log.key", &b, err);

    if (st == BASE_OK) {
        st = aud_skey_parse(base_buf_view(&b), out, &why);
        if (st != BASE_OK)
            base_err_set(err, st, "keys/log.key: %s", why.text);
    }
    base_buf_wipe(&b);
    return st;
}

enum base_status aud_key_make(const char *dir, const char *origin, struct aud_skey *out,
                              struct base_err *err)
{
    char path[AUD_PATH_MAX];
    uint8_t seed[32];
    struct base_buf b;
    enum base_status st = aud_path(path, dir, "keys/log.key", err);

    if (st != BASE_OK)
        return st;
    base_buf_init(&b, AUD_NOTE_MAX);
    base_random(seed, sizeof(seed));
    st = aud_skey_from_seed(origin, seed, out, err);
    base_wipe(seed, sizeof(seed));
    if (st == BASE_OK && !aud_skey_print(out, &b))
        st = base_err_set(err, BASE_ENOMEM, "no memory to write the key");
    if (st == BASE_OK)
        st = base_file_replace(path, base_buf_view(&b), 0600, err);
    if (st != BASE_OK)
        aud_skey_wipe(out);
    base_buf_wipe(&b);
    return st;
}

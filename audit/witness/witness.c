/* witness.c - what a witness does: for each log it knows, the newest checkpoint it has signed; a
 * newer one only with a proof that it extends that one.
 *
 *   DIR/witness.key        PRIVATE+KEY+name+hex+base64(04 || seed), mode 0600
 *   DIR/witness.vkey       its verifier key, for the logs and the auditors
 *   DIR/logs/<sha256 of the origin, hex>      the checkpoint as it came, with our cosignature
 *   DIR/LOCK               flocked
 *
 * C2SP tlog-witness: POST add-checkpoint has "old N", hashes, an empty line, a checkpoint. 404:
 * unknown origin; 403: no or a bad signature of the log; 400: malformed, or old > its size; 409:
 * old is not what we have (the body says what that is); 422: the proof does not hold, or another
 * root at the same size; 200: our signature line. The comparison and the replacement of the file
 * (synced, folder included) are one step under a mutex, and the answer comes after it: a witness
 * that is killed at any moment has signed nothing that it could contradict later. If the file
 * cannot be written or read nothing is signed (500). The first checkpoint of a period of a log is
 * signed only if no other name of that period and no later period was (422).
 */
#include "audit/witness/witness.h"

#include "audit/log/period.h"
#include "audit/verify/proof.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct aud_witness {
    char dir[AUD_PATH_MAX];
    int lock_fd;
    struct aud_skey key;
    struct aud_vkey log[AUD_WITNESS_LOGS_MAX];
    size_t n_logs;
    pthread_mutex_t mu;
};

/* ---- folder and key ---- */

static enum base_status load_key(struct aud_witness *w, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    struct base_buf b;
    struct base_err why;
    enum base_status st = aud_path(path, w->dir, "witness.key", err);

    if (st != BASE_OK)
        return st;
    base_buf_init(&b, AUD_NOTE_MAX);
    st = base_file_read(path, &b, err);
    if (st == BASE_OK) {
        st = aud_wskey_parse(base_buf_view(&b), &w->key, &why);
        if (st != BASE_OK)
            base_err_set(err, st, "%s: %s", path, why.text);
    }
    base_buf_wipe(&b);
    return st;
}

static enum base_status make_key(struct aud_witness *w, const char *name, struct base_err *err)
{
    char path[AUD_PATH_MAX], vkey[AUD_VKEY_MAX + 1];
    uint8_t seed[32];
    struct base_buf b;
    enum base_status st = aud_path(path, w->dir, "witness.key", err);

    base_buf_init(&b, AUD_NOTE_MAX);
    base_random(seed, sizeof(seed));
    if (st == BASE_OK)
        st = aud_skey_make(AUD_KEY_COSIGNER, name, seed, &w->key, err);
    base_wipe(seed, sizeof(seed));
    if (st == BASE_OK && !(aud_skey_print(&w->key, &b) && aud_witness_vkey(w, vkey)))
        st = base_err_set(err, BASE_ENOMEM, "no memory to write the key");
    if (st == BASE_OK)
        st = base_file_replace(path, base_buf_view(&b), 0600, err);
    if (st == BASE_OK)
        st = aud_path(path, w->dir, "witness.vkey", err);
    if (st == BASE_OK) {
        size_t n = strlen(vkey);

        vkey[n] = '\n';
        st = base_file_replace(path, base_str_n(vkey, n + 1), 0644, err);
    }
    base_buf_wipe(&b);
    return st;
}

enum base_status aud_witness_open(const char *dir, const char *name, struct aud_witness **out,
                                  struct base_err *err)
{
    char path[AUD_PATH_MAX];
    struct aud_witness *w = calloc(1, sizeof(*w));
    enum base_status st;

    *out = NULL;
    if (!w)
        return base_err_set(err, BASE_ENOMEM, "no memory for a witness");
    w->lock_fd = -1;
    pthread_mutex_init(&w->mu, NULL);
    snprintf(w->dir, sizeof(w->dir), "%s", dir);
    st = aud_path(path, dir, "logs", err);
    if (st == BASE_OK)
        st = base_mkdirs(path, err);
    if (st == BASE_OK)
        st = aud_path(path, dir, "LOCK", err);
    if (st == BASE_OK) {
        w->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (w->lock_fd < 0)
            st = base_err_sys(err, "%s", path);
        else if (flock(w->lock_fd, LOCK_EX | LOCK_NB) != 0)
            st = base_err_set(err, BASE_DENIED, "%s: another witness runs on this folder", path);
    }
    if (st == BASE_OK && aud_there(dir, "witness.key"))
        st = load_key(w, err);
    else if (st == BASE_OK && name)
        st = make_key(w, name, err);
    else if (st == BASE_OK)
        st = base_err_set(err, BASE_ENOENT, "%s has no witness.key: --init --name NAME makes one",
                          dir);
    if (st == BASE_OK && name && strcmp(w->key.vkey.name, name) != 0)
        st = base_err_set(err, BASE_EINVAL, "%s has the key of %s", dir, w->key.vkey.name);
    if (st != BASE_OK) {
        aud_witness_close(w);
        return st;
    }
    *out = w;
    return BASE_OK;
}

void aud_witness_close(struct aud_witness *w)
{
    if (!w)
        return;
    if (w->lock_fd >= 0)
        close(w->lock_fd);
    aud_skey_wipe(&w->key);
    pthread_mutex_destroy(&w->mu);
    free(w);
}

bool aud_witness_vkey(const struct aud_witness *w, char out[AUD_VKEY_MAX])
{
    return aud_vkey_print(&w->key.vkey, out);
}

enum base_status aud_witness_trust(struct aud_witness *w, const char *vkey, struct base_err *err)
{
    if (w->n_logs == AUD_WITNESS_LOGS_MAX)
        return base_err_set(err, BASE_LIMIT, "too many logs");
    enum base_status st = aud_vkey_parse(base_str_trim(base_str_c(vkey)), &w->log[w->n_logs], err);
    if (st == BASE_OK)
        w->n_logs++;
    return st;
}

/* ---- what it has signed ---- */

static enum base_status log_path(const struct aud_witness *w, struct base_str origin,
                                 char out[AUD_PATH_MAX])
{
    struct aud_hash h;
    char hex[AUD_HEX_MAX], name[AUD_HEX_MAX + 8];

    aud_sha256(origin.p, origin.n, &h);
    snprintf(name, sizeof(name), "logs/%s", aud_hash_hex(&h, hex));
    return aud_path(out, w->dir, name, NULL);
}

/* The newest checkpoint of a log; size 0 when there is none. Our own file: it must be right. */
static enum base_status load_last(const struct aud_witness *w, const char *path,
                                  struct aud_checkpoint *cp)
{
    struct base_buf b;
    struct base_str text;
    bool has = false;

    *cp = (struct aud_checkpoint){.size = 0};
    base_buf_init(&b, AUD_NOTE_MAX);
    enum base_status st = base_file_read(path, &b, NULL);
    if (st == BASE_OK)
        st = aud_cosigned(base_buf_view(&b), &w->key.vkey, &has, NULL, NULL);
    if (st == BASE_OK && has)
        st = aud_note_split(base_buf_view(&b), &text, &(struct base_str){0}, NULL);
    if (st == BASE_OK)
        st = has ? aud_checkpoint_parse(text, cp, NULL) : BASE_EINVAL;
    base_buf_release(&b);
    return st == BASE_ENOENT ? BASE_OK : st;
}

/* A log could begin the same period again under another month's name, and have another history
 * signed from size 0. So of the periods of one log (same base name) each number has one origin, and
 * none is begun that is not newer than those that have been signed. 200: it may begin. */
static int may_begin(const struct aud_witness *w, const char *origin)
{
    char path[AUD_PATH_MAX];
    struct base_str base, other;
    uint64_t period, n;
    int status = 200;
    DIR *d = aud_path(path, w->dir, "logs", NULL) == BASE_OK ? opendir(path) : NULL;

    if (!d)
        return 500;
    aud_origin_split(origin, &base, &period);
    for (struct dirent *e = readdir(d); e && status == 200; e = readdir(d)) {
        struct aud_checkpoint cp;
        char name[AUD_HEX_MAX + 8];

        if (strlen(e->d_name) != AUD_HEX_MAX - 1) /* ., .. and what an interrupted write left */
            continue;
        snprintf(name, sizeof(name), "logs/%.64s", e->d_name);
        if (aud_path(path, w->dir, name, NULL) != BASE_OK || load_last(w, path, &cp) != BASE_OK) {
            base_error("witness", "%s cannot be read: nothing new is signed", path);
            status = 500;
            break;
        }
        aud_origin_split(cp.origin, &other, &n);
        if (base_str_eq(base, other) && n >= period && strcmp(cp.origin, origin) != 0) {
            base_warn("witness", "%s: not signed, %s was", origin, cp.origin);
            status = 422;
        }
    }
    closedir(d);
    return status;
}

/* ---- a request ---- */

struct request {
    uint64_t old;
    struct aud_hash proof[AUD_PROOF_MAX];
    size_t n_proof;
    struct base_str note, text, origin;
    struct aud_checkpoint cp;
    struct aud_vkey log;
};

static bool parse(struct base_str body, struct request *q)
{
    struct base_str rest = body, first = base_str_cut(&rest, '\n');
    struct base_str size = base_str_n(first.p + 4, first.n >= 4 ? first.n - 4 : 0);

    if (!rest.p || !base_str_starts(first, BASE_STR("old ")) || size.n == 0 ||
        (size.n > 1 && size.p[0] == '0') || !base_str_u64(size, &q->old))
        return false;
    size_t end = rest.n && rest.p[0] == '\n' ? 0 : base_str_find(rest, BASE_STR("\n\n"), 0);
    if (end == SIZE_MAX)
        return false;
    size_t skip = end == 0 ? 1 : end + 2;
    if (!aud_proof_parse(base_str_n(rest.p, end), q->proof, &q->n_proof))
        return false;
    q->note = base_str_n(rest.p + skip, rest.n - skip);
    struct base_str note = q->note;
    q->origin = base_str_cut(&note, '\n');
    return note.p && aud_name_valid(q->origin);
}

static bool known(const struct aud_witness *w, struct request *q)
{
    for (size_t i = 0; i < w->n_logs; i++) {
        if (aud_vkey_named(&w->log[i], q->origin, &q->log) == BASE_OK &&
            aud_period_key(&w->log[i], &q->log))
            return true;
    }
    return false;
}

/* Under the lock: compare, write, sign. */
static int judge(struct aud_witness *w, const struct request *q, struct base_buf *out,
                 const char **type)
{
    char path[AUD_PATH_MAX];
    struct aud_checkpoint last;
    struct base_buf file;
    struct base_err err = {0};
    struct aud_hash empty;

    if (log_path(w, q->origin, path) != BASE_OK || load_last(w, path, &last) != BASE_OK) {
        base_error("witness", "%s cannot be read: nothing is signed for this log", path);
        return 500;
    }
    if (q->old != last.size) {
        *type = "text/x.tlog.size";
        base_buf_printf(out, "%" PRIu64 "\n", last.size);
        return 409;
    }
    int status = last.origin[0] ? 200 : may_begin(w, q->cp.origin);
    if (status != 200)
        return status;
    aud_sha256("", 0, &empty);
    if (!aud_consistency_verify(q->old, q->cp.size, &last.root, &q->cp.root, q->proof,
                                q->n_proof) &&
        !(q->old == 0 && q->cp.size == 0 && q->n_proof == 0 && aud_hash_eq(&q->cp.root, &empty))) {
        base_warn("witness", "%.*s: size %" PRIu64 " does not extend size %" PRIu64,
                  BASE_FMT(q->origin), q->cp.size, q->old);
        return 422;
    }
    base_buf_init(&file, 2 * AUD_NOTE_MAX);
    enum base_status st =
        aud_cosign(q->text, &w->key, (uint64_t)(base_wall_us() / 1000000), out, &err);
    base_buf_str(&file, q->note);
    base_buf_str(&file, base_buf_view(out));
    if (st == BASE_OK && !base_buf_ok(&file))
        st = base_err_set(&err, BASE_ENOMEM, "no memory");
    if (st == BASE_OK)
        st = base_file_replace(path, base_buf_view(&file), 0600, &err);
    base_buf_release(&file);
    if (st != BASE_OK) {
        base_buf_clear(out);
        base_error("witness", "nothing was signed: %s", err.text);
        return 500;
    }
    return 200;
}

int aud_witness_add(struct aud_witness *w, struct base_str body, struct base_buf *out,
                    const char **type)
{
    struct request q = {.old = 0};

    *type = "text/plain; charset=utf-8";
    if (body.n > AUD_WITNESS_BODY_MAX || !parse(body, &q))
        return 400;
    if (!known(w, &q))
        return 404;
    struct base_str lines;
    if (aud_note_split(q.note, &q.text, &lines, NULL) != BASE_OK ||
        aud_checkpoint_parse(q.text, &q.cp, NULL) != BASE_OK)
        return 400;
    if (aud_note_verify(q.note, &q.log, &q.text, NULL, NULL) != BASE_OK)
        return 403;
    if (q.old > q.cp.size)
        return 400;
    pthread_mutex_lock(&w->mu);
    int status = judge(w, &q, out, type);
    pthread_mutex_unlock(&w->mu);
    return status;
}

int aud_witness_get(struct aud_witness *w, struct base_str hex, struct base_buf *out)
{
    char path[AUD_PATH_MAX], name[AUD_HEX_MAX + 8];

    for (size_t i = 0; i < hex.n; i++) {
        if (!((hex.p[i] >= '0' && hex.p[i] <= '9') || (hex.p[i] >= 'a' && hex.p[i] <= 'f')))
            return 404;
    }
    if (hex.n != 64)
        return 404;
    snprintf(name, sizeof(name), "logs/%.*s", BASE_FMT(hex));
    pthread_mutex_lock(&w->mu);
    enum base_status st = aud_path(path, w->dir, name, NULL);
    if (st == BASE_OK)
        st = base_file_read(path, out, NULL);
    pthread_mutex_unlock(&w->mu);
    return st == BASE_OK ? 200 : st == BASE_ENOENT ? 404 : 500;
}

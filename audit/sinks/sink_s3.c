/* sink_s3.c - batches of records as objects in an S3-compatible store, locked against change.
 *
 *   PREFIX/ORIGIN/records/<first index, 20 digits>-<last>.jsonl     one line a record
 *   PREFIX/ORIGIN/checkpoint/PERIOD'S ORIGIN/<size, 20 digits>      the signed checkpoint, if newer
 *
 * With lock: governance or compliance every object is put with its retention date, so that nobody
 * (with compliance: not even the account's owner) deletes it before; the checkpoints among them are
 * then a witness that the log cannot be cut behind. Only records go there, never content: a locked
 * copy cannot be erased.
 *
 * Requests are signed by AWS Signature Version 4 over a SHA-256 of the body, which the store checks
 * too (x-amz-checksum-sha256). Names follow from the records, and the bytes from the log: an object
 * that is put again is the same object (or another version of it). Path-style URLs.
 */
#include "audit/sinks/sink.h"

#include "audit/log/state.h"
#include "base/clock.h"
#include "base/sigv4.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX (16u << 20)

struct s3_sink {
    struct aud_sink_env *env;
    struct aud_http *http;
    struct base_buf text, reply, authorization;
    struct aud_checkpoint last; /* the one that was put last */
};

static enum base_status s3_open(struct aud_sink_env *e, void **state, struct base_err *err)
{
    struct s3_sink *s = calloc(1, sizeof(*s));

    if (!s)
        return base_err_set(err, BASE_ENOMEM, "no memory");
    s->env = e;
    base_buf_init(&s->text, TEXT_MAX);
    base_buf_init(&s->reply, 131072);
    base_buf_init(&s->authorization, 2048);
    *state = s;
    return aud_http_new(e, &s->http, err);
}

/* ---- Signature Version 4 ---- */

static const char *lock_mode(const struct conf_sink *c)
{
    return c->lock == CONF_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE";
}

struct put {
    char path[1400]; /* as in the URL */
    char date[BASE_SIGV4_DATE_MAX], body_hex[65], checksum[64];
    char until[24]; /* "" without a lock */
};

/* p->auth, over these headers; the store signs the path as it stands. */
static enum base_status authorise(struct s3_sink *s, struct put *p, struct base_err *err)
{
    const struct conf_sink *c = s->env->conf;
    struct base_sigv4_header h[7];
    size_t n = 0;

    struct base_str rest = base_str_c(c->url + (c->tls ? 8 : 7));
    h[n++] = (struct base_sigv4_header){"host", base_str_cut(&rest, '/')};
    h[n++] = (struct base_sigv4_header){"x-amz-checksum-sha256", base_str_c(p->checksum)};
    h[n++] = (struct base_sigv4_header){"x-amz-content-sha256", base_str_c(p->body_hex)};
    h[n++] = (struct base_sigv4_header){"x-amz-date", base_str_c(p->date)};
    if (p->until[0]) {
        h[n++] = (struct base_sigv4_header){"x-amz-object-lock-mode", base_str_c(lock_mode(c))};
        h[n++] =
            (struct base_sigv4_header){"x-amz-object-lock-retain-until-date", base_str_c(p->until)};
    }
    h[n++] = (struct base_sigv4_header){"x-amz-sdk-checksum-algorithm", BASE_STR("SHA256")};
    const struct base_sigv4 sign = {.method = "PUT",
                                    .path = base_str_c(p->path),
                                    .path_once = true,
                                    .date = p->date,
                                    .region = c->region,
                                    .service = "s3",
                                    .access_key = c->access_key,
                                    .secret_key = c->secret_key,
                                    .headers = h,
                                    .n_headers = n,
                                    .body_sha256 = p->body_hex};
    base_buf_clear(&s->authorization);
    base_buf_z(&s->authorization, "Authorization: ");
    return base_sigv4_sign(&sign, &s->authorization, err);
}

/* ---- objects ---- */

static enum base_status describe(struct s3_sink *s, const char *key, struct base_str body,
                                 struct put *p, struct base_err *err)
{
    const struct conf_sink *c = s->env->conf;
    struct base_buf b;
    struct aud_hash h;
    struct tm tm;
    time_t now = (time_t)(base_wall_us() / 1000000), until;

    memset(p, 0, sizeof(*p));
    base_buf_init(&b, sizeof(p->path));
    struct base_str rest = base_str_c(c->url + (c->tls ? 8 : 7));
    (void)base_str_cut(&rest, '/');
    if (rest.p && rest.n)
        base_buf_printf(&b, "/%.*s", BASE_FMT(rest));
    base_buf_byte(&b, '/');
    base_sigv4_escape(&b, base_str_c(c->bucket), true);
    base_buf_byte(&b, '/');
    if (c->prefix) {
        base_sigv4_escape(&b, base_str_c(c->prefix), true);
        base_buf_byte(&b, '/');
    }
    base_sigv4_escape(&b, base_str_c(s->env->origin), true);
    base_buf_byte(&b, '/');
    base_sigv4_escape(&b, base_str_c(key), true);
    bool ok = base_buf_ok(&b) && b.n < sizeof(p->path);
    if (ok)
        memcpy(p->path, b.p, b.n + 1);
    base_buf_clear(&b);
    aud_sha256(body.p ? body.p : "", body.n, &h);
    aud_hash_hex(&h, p->body_hex);
    ok = ok && aud_b64_encode(&b, h.b, 32) && b.n < sizeof(p->checksum);
    if (ok)
        memcpy(p->checksum, b.p, b.n + 1);
    base_buf_release(&b);
    if (!ok || !gmtime_r(&now, &tm))
        return base_err_set(err, BASE_LIMIT, "the object's name is too long");
    base_sigv4_date((int64_t)now * 1000000, p->date);
    until = now + (time_t)c->retain_days * 86400;
    if (c->lock != CONF_LOCK_NONE && gmtime_r(&until, &tm))
        strftime(p->until, sizeof(p->until), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return authorise(s, p, err);
}

static enum base_status put(struct s3_sink *s, const char *key, const char *type,
                            struct base_str body, struct base_err *err)
{
    const struct conf_sink *c = s->env->conf;
    struct put p;
    char line[8][1100], url[3600];
    const char *headers[10];
    size_t n = 0;
    int status;
    uint32_t wait_s;
    enum base_status st = describe(s, key, body, &p, err);

    if (st != BASE_OK)
        return st;
    struct base_str rest = base_str_c(c->url + (c->tls ? 8 : 7));
    struct base_str authority = base_str_cut(&rest, '/');
    snprintf(url, sizeof(url), "%s%.*s%s", c->tls ? "https://" : "http://", BASE_FMT(authority),
             p.path);
    snprintf(line[n++], sizeof(line[0]), "Content-Type: %s", type);
    snprintf(line[n++], sizeof(line[0]), "x-amz-checksum-sha256: %s", p.checksum);
    snprintf(line[n++], sizeof(line[0]), "x-amz-content-sha256: %s", p.body_hex);
    snprintf(line[n++], sizeof(line[0]), "x-amz-date: %s", p.date);
    snprintf(line[n++], sizeof(line[0]), "x-amz-sdk-checksum-algorithm: SHA256");
    if (p.until[0]) {
        snprintf(line[n++], sizeof(line[0]), "x-amz-object-lock-mode: %s", lock_mode(c));
        snprintf(line[n++], sizeof(line[0]), "x-amz-object-lock-retain-until-date: %s", p.until);
    }
    for (size_t i = 0; i < n; i++)
        headers[i] = line[i];
    headers[n++] = "Expect:";
    headers[n++] = s->authorization.p;
    st = aud_http_do(s->http, "PUT", url, headers, n, body, &status, &wait_s, &s->reply, err);
    if (st != BASE_OK)
        return st;
    if (status >= 200 && status < 300)
        return BASE_OK;
    if (wait_s)
        s->env->wait_ms_min = wait_s * 1000;
    struct base_str why = base_buf_view(&s->reply);
    /* a store refuses a request, its key or its rights, never what one of our records says */
    return base_err_set(err, BASE_EIO, "%s answered %d to %s: %.*s", c->host, status, p.path,
                        why.n > 200 ? 200 : (int)why.n, why.p ? why.p : "");
}

static enum base_status put_checkpoint(struct s3_sink *s, struct base_err *err)
{
    struct aud_conf conf;
    struct aud_checkpoint cp;
    struct base_buf note;
    struct base_err why; /* between two periods there may be none for a moment: the next time */
    char key[AUD_NAME_MAX + 64];
    enum base_status st = BASE_OK;

    base_buf_init(&note, AUD_NOTE_MAX);
    if (aud_conf_load(s->env->dir, BASE_STR_NULL, &conf, &why) == BASE_OK &&
        aud_checkpoint_load(s->env->dir, &conf, &cp, &note, &why) == BASE_OK && cp.size > 0 &&
        (cp.size != s->last.size || strcmp(cp.origin, s->last.origin) != 0)) {
        snprintf(key, sizeof(key), "checkpoint/%s/%020" PRIu64, cp.origin, cp.size);
        st = put(s, key, "text/plain", base_buf_view(&note), err);
        if (st == BASE_OK)
            s->last = cp;
    }
    base_buf_release(&note);
    return st;
}

static enum base_status s3_deliver(void *state, const struct aud_sink_rec *r, size_t n,
                                   size_t *done, struct base_err *err)
{
    struct s3_sink *s = state;
    char key[96];

    base_buf_clear(&s->text);
    for (size_t i = 0; i < n; i++) {
        aud_sink_line(s->env, &r[i], &s->text);
        base_buf_byte(&s->text, '\n');
    }
    if (!base_buf_ok(&s->text))
        return base_err_set(err, BASE_ENOMEM, "no memory for %zu lines", n);
    snprintf(key, sizeof(key), "records/%020" PRIu64 "-%020" PRIu64 ".jsonl", r[0].index,
             r[n - 1].index);
    enum base_status st = put(s, key, "application/jsonl", base_buf_view(&s->text), err);
    if (st != BASE_OK)
        return st;
    *done = n;
    return put_checkpoint(s, err);
}

static void s3_close(void *state)
{
    struct s3_sink *s = state;

    aud_http_free(s->http);
    base_buf_release(&s->text);
    base_buf_release(&s->reply);
    base_buf_release(&s->authorization);
    free(s);
}

const struct aud_sink_ops aud_sink_s3 = {.open = s3_open, .deliver = s3_deliver, .close = s3_close};

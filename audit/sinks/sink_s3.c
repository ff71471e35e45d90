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

#include <inttypes.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX (16u << 20)

struct s3_sink {
    struct aud_sink_env *env;
    struct aud_http *http;
    struct base_buf text, reply, canonical;
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
    base_buf_init(&s->canonical, 16384);
    *state = s;
    return aud_http_new(e, &s->http, err);
}

/* ---- Signature Version 4 ---- */

/* RFC 3986's unreserved characters and '/' stay. */
static void uri(struct base_buf *b, const char *z)
{
    for (; *z; z++) {
        unsigned char c = (unsigned char)*z;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-_.~/", c);

        if (plain)
            base_buf_byte(b, (char)c);
        else
            base_buf_printf(b, "%%%02X", c);
    }
}

static void hmac(const void *key, size_t n_key, struct base_str s, uint8_t out[32])
{
    unsigned n = 32;

    BASE_BUG_ON(!HMAC(EVP_sha256(), key, (int)n_key, (const uint8_t *)s.p, s.n, out, &n));
}

static void hex_of(const uint8_t b[32], char out[65])
{
    struct aud_hash h;

    memcpy(h.b, b, 32);
    aud_hash_hex(&h, out);
}

static void sign(const struct conf_sink *c, const char *date, const char *scope,
                 struct base_str to_sign, char out[65])
{
    char first[300];
    uint8_t k[32];

    int n = snprintf(first, sizeof(first), "AWS4%s", c->secret_key);
    hmac(first, n < 0 ? 0 : strlen(first), base_str_n(date, 8), k);
    base_wipe(first, sizeof(first));
    hmac(k, 32, base_str_c(c->region), k);
    hmac(k, 32, BASE_STR("s3"), k);
    hmac(k, 32, BASE_STR("aws4_request"), k);
    hmac(k, 32, to_sign, k);
    hex_of(k, out);
    base_wipe(k, sizeof(k));
    (void)scope;
}

struct put {
    char path[1400]; /* as in the URL */
    char date[20], body_hex[65], checksum[64];
    char until[24]; /* "" without a lock */
    char auth[1024];
};

/* The signed headers, sorted by name, each "name:value\n". */
static void canonical_headers(struct base_buf *b, const struct conf_sink *c, const char *host,
                              const struct put *p)
{
    base_buf_printf(b,
                    "host:%s\nx-amz-checksum-sha256:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n",
                    host, p->checksum, p->body_hex, p->date);
    if (p->until[0])
        base_buf_printf(b, "x-amz-object-lock-mode:%s\nx-amz-object-lock-retain-until-date:%s\n",
                        c->lock == CONF_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE", p->until);
    base_buf_z(b, "x-amz-sdk-checksum-algorithm:SHA256\n");
}

static enum base_status authorise(struct s3_sink *s, struct put *p, struct base_err *err)
{
    const struct conf_sink *c = s->env->conf;
    const char *lock = "x-amz-object-lock-mode;x-amz-object-lock-retain-until-date;";
    struct base_buf *b = &s->canonical;
    char host[300], scope[200], names[300], hex[65], signature[65];
    struct aud_hash h;

    struct base_str rest = base_str_c(c->url + (c->tls ? 8 : 7));
    struct base_str authority = base_str_cut(&rest, '/');
    snprintf(host, sizeof(host), "%.*s", BASE_FMT(authority));
    snprintf(names, sizeof(names),
             "host;x-amz-checksum-sha256;x-amz-content-sha256;x-amz-date;"
             "%sx-amz-sdk-checksum-algorithm",
             p->until[0] ? lock : "");
    snprintf(scope, sizeof(scope), "%.8s/%s/s3/aws4_request", p->date, c->region);
    base_buf_clear(b);
    base_buf_printf(b, "PUT\n%s\n\n", p->path);
    canonical_headers(b, c, host, p);
    base_buf_printf(b, "\n%s\n%s", names, p->body_hex);
    if (!base_buf_ok(b))
        return base_err_set(err, BASE_ENOMEM, "no memory for a signature");
    aud_sha256(b->p, b->n, &h);
    aud_hash_hex(&h, hex);
    base_buf_clear(b);
    base_buf_printf(b, "AWS4-HMAC-SHA256\n%s\n%s\n%s", p->date, scope, hex);
    sign(c, p->date, scope, base_buf_view(b), signature);
    snprintf(p->auth, sizeof(p->auth),
             "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
             c->access_key, scope, names, signature);
    return BASE_OK;
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
    uri(&b, c->bucket);
    base_buf_byte(&b, '/');
    if (c->prefix) {
        uri(&b, c->prefix);
        base_buf_byte(&b, '/');
    }
    uri(&b, s->env->origin);
    base_buf_byte(&b, '/');
    uri(&b, key);
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
    strftime(p->date, sizeof(p->date), "%Y%m%dT%H%M%SZ", &tm);
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
        snprintf(line[n++], sizeof(line[0]), "x-amz-object-lock-mode: %s",
                 c->lock == CONF_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE");
        snprintf(line[n++], sizeof(line[0]), "x-amz-object-lock-retain-until-date: %s", p.until);
    }
    for (size_t i = 0; i < n; i++)
        headers[i] = line[i];
    headers[n++] = "Expect:";
    headers[n++] = p.auth;
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
    base_buf_release(&s->canonical);
    free(s);
}

const struct aud_sink_ops aud_sink_s3 = {.open = s3_open, .deliver = s3_deliver, .close = s3_close};

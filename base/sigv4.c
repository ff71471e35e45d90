/* sigv4.c - AWS Signature Version 4: who asks proves it without sending the secret.
 *
 * Owns       nothing; any thread. The secret and the keys made of it are wiped before it returns.
 * Format     canonical request = METHOD \n path \n query (empty here) \n each "name:value\n" \n
 *            names joined by ';' \n SHA-256 of the body. What is signed = "AWS4-HMAC-SHA256" \n
 * date \n day/region/service/aws4_request \n SHA-256 of the canonical request. The key is an
 *            HMAC-SHA-256 chain: "AWS4" + secret over day, region, service, "aws4_request".
 * Fails by   BASE_LIMIT when something does not fit; nothing is half signed.
 */
#include "base/sigv4.h"
#include "base/clock.h"
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <time.h>

#define CANONICAL_MAX (64u << 10)
#define SECRET_MAX    256
#define SCOPE_MAX     160

char *base_sigv4_date(int64_t wall_us, char out[BASE_SIGV4_DATE_MAX])
{
    time_t now = (time_t)(wall_us / 1000000);
    struct tm tm;

    if (!gmtime_r(&now, &tm) || strftime(out, BASE_SIGV4_DATE_MAX, "%Y%m%dT%H%M%SZ", &tm) == 0)
        memcpy(out, "19700101T000000Z", BASE_SIGV4_DATE_MAX);
    return out;
}

static void hex(const uint8_t b[32], char out[65])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < 32; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
    out[64] = '\0';
}

void base_sigv4_body(struct base_str body, char out[65])
{
    uint8_t digest[32];

    SHA256((const uint8_t *)(body.p ? body.p : ""), body.n, digest);
    hex(digest, out);
}

bool base_sigv4_escape(struct base_buf *out, struct base_str s, bool keep_slash)
{
    bool ok = true;

    for (size_t i = 0; i < s.n && ok; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && keep_slash);
        ok = plain ? base_buf_byte(out, (char)c) : base_buf_printf(out, "%%%02X", c);
    }
    return ok;
}

static void hmac(const void *key, size_t n_key, struct base_str s, uint8_t out[32])
{
    unsigned n = 32;

    BASE_BUG_ON(!HMAC(EVP_sha256(), key, (int)n_key, (const uint8_t *)s.p, s.n, out, &n));
}

/* Spaces at the ends go, a run of them within counts as one. */
static void put_value(struct base_buf *b, struct base_str value)
{
    struct base_str v = base_str_trim(value);

    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] != ' ' || v.p[i - 1] != ' ')
            base_buf_byte(b, v.p[i]);
}

static void put_names(struct base_buf *b, const struct base_sigv4 *in)
{
    for (size_t i = 0; i < in->n_headers; i++)
        base_buf_printf(b, "%s%s", i > 0 ? ";" : "", in->headers[i].name);
}

/* Digest of the canonical request. Headers may hold a session token: wiped. */
static bool canonical(const struct base_sigv4 *in, char out[65])
{
    struct base_buf b;

    base_buf_init(&b, CANONICAL_MAX);
    bool ok = base_buf_room(&b, CANONICAL_MAX / 2) != NULL;
    base_buf_printf(&b, "%s\n", in->method);
    if (in->path.n == 0)
        base_buf_byte(&b, '/');
    else if (in->path_once)
        base_buf_str(&b, in->path);
    else
        base_sigv4_escape(&b, in->path, true);
    base_buf_z(&b, "\n\n");
    for (size_t i = 0; i < in->n_headers; i++) {
        base_buf_printf(&b, "%s:", in->headers[i].name);
        put_value(&b, in->headers[i].value);
        base_buf_byte(&b, '\n');
    }
    base_buf_byte(&b, '\n');
    put_names(&b, in);
    base_buf_printf(&b, "\n%s", in->body_sha256);
    ok = ok && base_buf_ok(&b);
    base_sigv4_body(base_buf_view(&b), out);
    base_buf_wipe(&b);
    return ok;
}

static void signature(const struct base_sigv4 *in, struct base_str to_sign, char out[65])
{
    char first[SECRET_MAX + 4];
    uint8_t k[32];
    size_t n = strlen(in->secret_key);

    memcpy(first, "AWS4", 4);
    memcpy(first + 4, in->secret_key, n);
    hmac(first, n + 4, base_str_n(in->date, 8), k);
    base_wipe(first, sizeof first);
    hmac(k, 32, base_str_c(in->region), k);
    hmac(k, 32, base_str_c(in->service), k);
    hmac(k, 32, BASE_STR("aws4_request"), k);
    hmac(k, 32, to_sign, k);
    hex(k, out);
    base_wipe(k, sizeof k);
}

enum base_status base_sigv4_sign(const struct base_sigv4 *in, struct base_buf *out,
                                 struct base_err *err)
{
    char scope[SCOPE_MAX], text[SCOPE_MAX + 128], digest[65], sum[65];

    if (strlen(in->date) != BASE_SIGV4_DATE_MAX - 1 || strlen(in->secret_key) > SECRET_MAX)
        return base_err_set(err, BASE_EINVAL, "the date or the key of a signature is malformed");
    int n =
        snprintf(scope, sizeof scope, "%.8s/%s/%s/aws4_request", in->date, in->region, in->service);
    if (n < 0 || (size_t)n >= sizeof scope)
        return base_err_set(err, BASE_EINVAL, "the region or the service is too long");
    if (!canonical(in, digest))
        return base_err_set(err, BASE_LIMIT, "the request is too large to be signed");
    n = snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", in->date, scope, digest);
    signature(in, base_str_n(text, (size_t)n), sum);
    base_buf_printf(out, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=", in->access_key,
                    scope);
    put_names(out, in);
    base_buf_printf(out, ", Signature=%s", sum);
    return base_buf_ok(out) ? BASE_OK : base_err_set(err, BASE_LIMIT, "no room for a signature");
}

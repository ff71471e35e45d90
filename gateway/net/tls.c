/* tls.c - SSL_CTX making, and the self-signed pair of a first start.
 *
 * Main thread only (files, and a key to generate). The private key is read by OpenSSL straight from
 * its file; none of its bytes pass through our buffers, and errors name files only.
 *
 * The generated pair: EC P-256, SHA-256, 397 days (what browsers still accept), subject alternative
 * names for this machine, usable as its own CA so that a client can simply trust the file. The key
 * is written first, with mode 0600 from its creation; should the second write fail, the next start
 * finds half a pair and says so instead of overwriting a key.
 */
#include "gateway/net/tls.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SELF_SIGNED_DAYS 397
#define PEM_BYTES_MAX    (64u << 10)

const char *gw_tls_why(char *buf, size_t n)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (reason)
        snprintf(buf, n, "%s", reason);
    else if (code && ERR_SYSTEM_ERROR(code))
        snprintf(buf, n, "%s", strerror(ERR_GET_REASON(code)));
    else
        snprintf(buf, n, "unknown TLS error");
    ERR_clear_error();
    return buf;
}

static SSL_CTX *fail(SSL_CTX *ctx, struct base_err *err, const char *what, const char *file)
{
    char why[256];
    base_err_set(err, BASE_EINVAL, "%s%s%s: %s", what, file ? " " : "", file ? file : "",
                 gw_tls_why(why, sizeof why));
    SSL_CTX_free(ctx);
    return NULL;
}

/* What both sides have in common. */
static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (!ctx)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    /* TLS 1.2: forward secrecy and AEAD only. TLS 1.3's own list is fine as it is. */
    if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* ALPN: HTTP/1.1 is what we speak. A client that offers only something else is refused. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned in_n, void *arg)
{
    (void)ssl, (void)arg;
    static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
    unsigned char *pick;
    if (SSL_select_next_proto(&pick, out_n, ours, sizeof ours - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = pick;
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *gw_tls_server_new(const struct conf_server *s, struct base_err *err)
{
    bool no_cert = access(s->tls_certificate, F_OK) != 0 && errno == ENOENT;
    bool no_key = access(s->tls_key, F_OK) != 0 && errno == ENOENT;
    if (s->tls_self_signed && no_cert && no_key) {
        if (gw_tls_make_self_signed(s->tls_certificate, s->tls_key, s->listen.host, err) != BASE_OK)
            return NULL;
        base_info("gateway", "made a self-signed certificate: %s", s->tls_certificate);
    }
    ERR_clear_error();
    SSL_CTX *ctx = ctx_new(TLS_server_method());
    if (!ctx)
        return fail(NULL, err, "cannot set up TLS", NULL);
    if (SSL_CTX_use_certificate_chain_file(ctx, s->tls_certificate) != 1)
        return fail(ctx, err, "cannot use the certificate", s->tls_certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, s->tls_key, SSL_FILETYPE_PEM) != 1)
        return fail(ctx, err, "cannot use the key", s->tls_key);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return fail(ctx, err, "the key does not belong to the certificate", s->tls_certificate);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
    /* Resumption by tickets: nothing is kept per client. One ticket a handshake is enough. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    if (SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"weir", 4) != 1)
        return fail(ctx, err, "cannot set up TLS", NULL);
    if (s->tls_client_ca) {
        if (SSL_CTX_load_verify_file(ctx, s->tls_client_ca) != 1)
            return fail(ctx, err, "cannot use the client CA", s->tls_client_ca);
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(s->tls_client_ca);
        if (!names)
            return fail(ctx, err, "cannot use the client CA", s->tls_client_ca);
        SSL_CTX_set_client_CA_list(ctx, names);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return ctx;
}

SSL_CTX *gw_tls_client_new(const char *ca_file, struct base_err *err)
{
    ERR_clear_error();
    SSL_CTX *ctx = ctx_new(TLS_client_method());
    if (!ctx)
        return fail(NULL, err, "cannot set up TLS", NULL);
    int ok =
        ca_file ? SSL_CTX_load_verify_file(ctx, ca_file) : SSL_CTX_set_default_verify_paths(ctx);
    if (ok != 1)
        return fail(ctx, err, "cannot use the CA file", ca_file ? ca_file : "of the system");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    static const unsigned char alpn[] = "\x08http/1.1";
    if (SSL_CTX_set_alpn_protos(ctx, alpn, sizeof alpn - 1) != 0)
        return fail(ctx, err, "cannot set up TLS", NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    return ctx;
}

/* ---- the self-signed pair ---- */

static bool is_ip(const char *s)
{
    unsigned char raw[16];
    return inet_pton(AF_INET, s, raw) == 1 || inet_pton(AF_INET6, s, raw) == 1;
}

/* Fit to stand in the SAN list, whose separators are commas and colons. */
static bool is_dns_name(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n < 254 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == n;
}

static void san_list(struct base_buf *b, const char *host)
{
    char name[256] = "";
    base_buf_z(b, "DNS:localhost,IP:127.0.0.1,IP:::1");
    if (gethostname(name, sizeof name - 1) == 0 && is_dns_name(name) &&
        strcmp(name, "localhost") != 0)
        base_buf_printf(b, ",DNS:%s", name);
    if (host && is_ip(host) && strcmp(host, "127.0.0.1") != 0 && strcmp(host, "::1") != 0 &&
        strcmp(host, "0.0.0.0") != 0 && strcmp(host, "::") != 0)
        base_buf_printf(b, ",IP:%s", host);
    else if (host && !is_ip(host) && is_dns_name(host) && strcmp(host, "localhost") != 0 &&
             strcmp(host, name) != 0)
        base_buf_printf(b, ",DNS:%s", host);
}

static bool add_ext(X509 *x, X509V3_CTX *v3, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, v3, nid, value);
    bool ok = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static X509 *make_certificate(EVP_PKEY *key, const char *host)
{
    struct base_buf san;
    base_buf_init(&san, 2048);
    san_list(&san, host);
    unsigned char serial[16];
    base_random(serial, sizeof serial);
    serial[0] &= 0x7f;
    X509 *x = X509_new();
    BIGNUM *bn = BN_bin2bn(serial, sizeof serial, NULL);
    X509V3_CTX v3;
    X509_NAME *name = x ? X509_get_subject_name(x) : NULL;
    bool ok = x && bn && base_buf_ok(&san) && X509_set_version(x, X509_VERSION_3) == 1 &&
              BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL &&
              /* an hour back: clocks differ */
              X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
              X509_gmtime_adj(X509_getm_notAfter(x), 86400L * SELF_SIGNED_DAYS) != NULL &&
              X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"Weir", -1,
                                         -1, 0) == 1 &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                         (const unsigned char *)"localhost", -1, -1, 0) == 1 &&
              X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1;
    if (ok) {
        X509V3_set_ctx_nodb(&v3);
        X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
        ok = add_ext(x, &v3, NID_subject_alt_name, san.p) &&
             add_ext(x, &v3, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
             add_ext(x, &v3, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
             add_ext(x, &v3, NID_ext_key_usage, "serverAuth") &&
             add_ext(x, &v3, NID_subject_key_identifier, "hash") &&
             X509_sign(x, key, EVP_sha256()) > 0;
    }
    BN_free(bn);
    base_buf_release(&san);
    if (!ok) {
        X509_free(x);
        return NULL;
    }
    return x;
}

/* The folder of path, made if need be. */
static enum base_status make_folder(const char *path, struct base_err *err)
{
    const char *slash = strrchr(path, '/');
    char dir[4096];
    if (!slash || slash == path)
        return BASE_OK;
    if ((size_t)(slash - path) >= sizeof dir)
        return base_err_set(err, BASE_EINVAL, "the path is too long: %s", path);
    memcpy(dir, path, (size_t)(slash - path));
    dir[slash - path] = '\0';
    return base_mkdirs(dir, err);
}

static enum base_status write_bio(BIO *bio, const char *path, unsigned mode, struct base_err *err)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    if (n <= 0 || (size_t)n > PEM_BYTES_MAX)
        return base_err_set(err, BASE_EBUG, "cannot encode %s", path);
    enum base_status st = make_folder(path, err);
    return st == BASE_OK ? base_file_replace(path, base_str_n(p, (size_t)n), mode, err) : st;
}

enum base_status gw_tls_make_self_signed(const char *certificate, const char *key, const char *host,
                                         struct base_err *err)
{
    char why[256];
    enum base_status st = BASE_EIO;
    X509 *x = NULL;
    /* Secure-heap BIO: the key's PEM is wiped when it is freed. */
    BIO *key_pem = BIO_new(BIO_s_secmem()), *cert_pem = BIO_new(BIO_s_mem());
    EVP_PKEY *k = EVP_EC_gen("P-256");
    if (k)
        x = make_certificate(k, host);
    if (!key_pem || !cert_pem || !x || PEM_write_bio_X509(cert_pem, x) != 1 ||
        PEM_write_bio_PKCS8PrivateKey(key_pem, k, NULL, NULL, 0, NULL, NULL) != 1) {
        base_err_set(err, BASE_EIO, "cannot make a certificate: %s", gw_tls_why(why, sizeof why));
        goto out;
    }
    st = write_bio(key_pem, key, 0600, err);
    if (st == BASE_OK)
        st = write_bio(cert_pem, certificate, 0644, err);
out:
    if (key_pem) {
        char *p = NULL;
        long n = BIO_get_mem_data(key_pem, &p);
        if (n > 0)
            base_wipe(p, (uint64_t)n);
    }
    BIO_free(key_pem);
    BIO_free(cert_pem);
    X509_free(x);
    EVP_PKEY_free(k);
    return st;
}

/* tls.h - SSL_CTX for both sides, certificates from files.
 *
 * All of these block on files: main thread at start and reload, never on a loop. TLS 1.2 and 1.3,
 * no renegotiation, no compression, SSL_MODE_RELEASE_BUFFERS (idle connections hold no record
 * buffers).
 */
#ifndef GW_TLS_H
#define GW_TLS_H

#include "base/err.h"
#include "conf/conf.h"
#include <openssl/ssl.h>

/* For the listeners. With self_signed, makes the pair first where neither file exists. An owned
 * context, or NULL with err (which names the file, never its content). */
SSL_CTX *gw_tls_server_new(const struct conf_server *s, struct base_err *err);

/* For upstreams: verifies the peer against ca_file, or the system's CAs when NULL; the name is the
 * connection's matter (gw_conn_connect). Keeps no sessions itself (SSL_CTX_sess_set_new_cb is the
 * caller's). */
SSL_CTX *gw_tls_client_new(const char *ca_file, struct base_err *err);

/* Writes a new EC P-256 key (mode 0600) and a certificate over it, valid for 397 days, for
 * localhost, 127.0.0.1, ::1, this host's name and `host` (DNS or IP, may be NULL). Folders are
 * made. */
enum base_status gw_tls_make_self_signed(const char *certificate, const char *key, const char *host,
                                         struct base_err *err) BASE_MUST_CHECK;

/* What OpenSSL has to say about the last failure, into buf; clears its queue. Returns buf. */
const char *gw_tls_why(char *buf, size_t n);

#endif

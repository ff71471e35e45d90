/* master.h - the key over all keys: it wraps tenant keys and nothing else. Private to audit/.
 *
 * It lies in a file, in a PKCS#11 token (and never leaves it), or with a KMS that a command talks
 * to. One thread (the keeper's); blocks.
 */
#ifndef AUD_MASTER_H
#define AUD_MASTER_H

#include "audit/content/kcrypt.h"
#include "base/buf.h"
#include "conf/conf.h"

#define AUD_WRAPPED_MAX 8192

struct aud_master;

/* file_default: where the key lies when conf says nothing. may_make: no tenant key exists yet, so a
 * missing file may be made (mode 0600); otherwise its absence is an error. */
enum base_status aud_master_open(const struct conf_master *conf, const char *file_default,
                                 bool may_make, struct aud_master **out,
                                 struct base_err *err) BASE_MUST_CHECK;
void aud_master_free(struct aud_master *m);              /* wipes */
const char *aud_master_kind(const struct aud_master *m); /* "file", "pkcs11", "command" */

/* context (32 bytes, not secret) is bound to the wrapped form: unwrapping with another one fails.
 */
enum base_status aud_master_wrap(struct aud_master *m, const uint8_t context[32],
                                 const uint8_t key[AUD_KEY_BYTES], struct base_buf *wrapped,
                                 struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_master_unwrap(struct aud_master *m, const uint8_t context[32],
                                   struct base_str wrapped, uint8_t key[AUD_KEY_BYTES],
                                   struct base_err *err) BASE_MUST_CHECK;

/* ---- pkcs11.c ---- */

struct aud_p11;
enum base_status aud_p11_open(const struct conf_master *conf, struct aud_p11 **out,
                              struct base_err *err) BASE_MUST_CHECK;
void aud_p11_free(struct aud_p11 *p);
/* AES-GCM in the token: nonce || ciphertext || tag into out, and back. */
enum base_status aud_p11_seal(struct aud_p11 *p, const uint8_t context[32],
                              const uint8_t key[AUD_KEY_BYTES], struct base_buf *out,
                              struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_p11_unseal(struct aud_p11 *p, const uint8_t context[32],
                                struct base_str wrapped, uint8_t key[AUD_KEY_BYTES],
                                struct base_err *err) BASE_MUST_CHECK;

/* ---- kms.c ---- */

/* Runs argv + {wrap|unwrap, hex of context}, writes base64 of in and a newline to its standard
 * input and reads one line of base64 back. No shell; an environment of PATH and what the gateway's
 * has; killed after timeout_ms. */
enum base_status aud_kms_call(const struct conf_master *conf, const char *verb,
                              const uint8_t context[32], struct base_str in, struct base_buf *out,
                              struct base_err *err) BASE_MUST_CHECK;

#endif

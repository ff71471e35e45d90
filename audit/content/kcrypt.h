/* kcrypt.h - AES-256-GCM, HKDF and HMAC as the keyring and the content store use them. Private to
 * audit/.
 *
 * Pure functions over caller-owned memory, any thread, nothing blocks. They fail only when OpenSSL
 * lacks the algorithm (then they abort) or when something does not authenticate.
 */
#ifndef AUD_KCRYPT_H
#define AUD_KCRYPT_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define AUD_KEY_BYTES   32
#define AUD_NONCE_BYTES 12
#define AUD_TAG_BYTES   16

/* Encrypts in[0..n) into out[0..n) (may be the same memory). */
void aud_seal(const uint8_t key[AUD_KEY_BYTES], const uint8_t nonce[AUD_NONCE_BYTES],
              struct base_str aad, const void *in, size_t n, void *out, uint8_t tag[AUD_TAG_BYTES]);
/* False: it does not authenticate; out is wiped then. */
bool aud_unseal(const uint8_t key[AUD_KEY_BYTES], const uint8_t nonce[AUD_NONCE_BYTES],
                struct base_str aad, const void *in, size_t n, const uint8_t tag[AUD_TAG_BYTES],
                void *out) BASE_MUST_CHECK;

/* HMAC-SHA256 of a and, behind it, b. */
void aud_hmac(struct base_str key, struct base_str a, struct base_str b, uint8_t out[32]);
/* HKDF-SHA256 (RFC 5869) with 32 bytes of output. */
void aud_hkdf(const uint8_t key[AUD_KEY_BYTES], struct base_str salt, const char *info,
              uint8_t out[AUD_KEY_BYTES]);

/* n bytes as 2 n lower-case hexadecimal digits and a NUL. */
char *aud_hex(const void *p, size_t n, char *out);
/* False unless s is exactly 2 n lower-case hexadecimal digits. */
bool aud_unhex(struct base_str s, void *out, size_t n);

#endif

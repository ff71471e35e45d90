/* kcrypt.c - AES-256-GCM, HKDF and HMAC; see kcrypt.h. Keys derived here are wiped by their users;
 * what is derived in between is wiped here.
 */
#include "audit/content/kcrypt.h"

#include "base/clock.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

void aud_seal(const uint8_t key[AUD_KEY_BYTES], const uint8_t nonce[AUD_NONCE_BYTES],
              struct base_str aad, const void *in, size_t n, void *out, uint8_t tag[AUD_TAG_BYTES])
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len = 0;

    BASE_BUG_ON(n > INT_MAX || aad.n > INT_MAX);
    BASE_BUG_ON(!c || EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
                EVP_EncryptUpdate(c, NULL, &len, (const uint8_t *)aad.p, (int)aad.n) != 1 ||
                (n && EVP_EncryptUpdate(c, out, &len, in, (int)n) != 1) ||
                EVP_EncryptFinal_ex(c, (uint8_t *)out + n, &len) != 1 ||
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, AUD_TAG_BYTES, tag) != 1);
    EVP_CIPHER_CTX_free(c);
}

bool aud_unseal(const uint8_t key[AUD_KEY_BYTES], const uint8_t nonce[AUD_NONCE_BYTES],
                struct base_str aad, const void *in, size_t n, const uint8_t tag[AUD_TAG_BYTES],
                void *out)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len = 0;

    BASE_BUG_ON(n > INT_MAX || aad.n > INT_MAX);
    BASE_BUG_ON(
        !c || EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
        EVP_DecryptUpdate(c, NULL, &len, (const uint8_t *)aad.p, (int)aad.n) != 1 ||
        (n && EVP_DecryptUpdate(c, out, &len, in, (int)n) != 1) ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, AUD_TAG_BYTES, (void *)(uintptr_t)tag) != 1);
    bool good = EVP_DecryptFinal_ex(c, (uint8_t *)out + n, &len) == 1;
    EVP_CIPHER_CTX_free(c);
    if (!good && n)
        base_wipe(out, n);
    return good;
}

void aud_hmac(struct base_str key, struct base_str a, struct base_str b, uint8_t out[32])
{
    EVP_PKEY *k = EVP_PKEY_new_mac_key(EVP_PKEY_HMAC, NULL, (const uint8_t *)key.p, (int)key.n);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    size_t n = 32;

    BASE_BUG_ON(!k || !c || EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, k) != 1 ||
                EVP_DigestSignUpdate(c, a.p, a.n) != 1 || EVP_DigestSignUpdate(c, b.p, b.n) != 1 ||
                EVP_DigestSignFinal(c, out, &n) != 1 || n != 32);
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(k);
}

void aud_hkdf(const uint8_t key[AUD_KEY_BYTES], struct base_str salt, const char *info,
              uint8_t out[AUD_KEY_BYTES])
{
    static const uint8_t zeros[32] = {0}, one = 1;
    uint8_t prk[32];

    /* an empty salt is 32 zeros; one block of output is all that is ever asked for */
    aud_hmac(salt.n ? salt : base_str_n(zeros, 32), base_str_n(key, AUD_KEY_BYTES), BASE_STR_NULL,
             prk);
    aud_hmac(base_str_n(prk, 32), base_str_c(info), base_str_n(&one, 1), out);
    base_wipe(prk, sizeof(prk));
}

char *aud_hex(const void *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = p;

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
    out[2 * n] = 0;
    return out;
}

bool aud_unhex(struct base_str s, void *out, size_t n)
{
    uint8_t *b = out;

    if (s.n != 2 * n)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (d < 0)
            return false;
        b[i / 2] = (uint8_t)(i % 2 ? b[i / 2] | d : d << 4);
    }
    return true;
}

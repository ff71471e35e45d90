/* watermark.c - green tokens: the keyed choice, the bias, the test.
 *
 * Owns       nothing. The key comes from a file of its own: who can test texts needs only that.
 * Format     the key file: 32 lower-case hex digits and a newline.
 * Invariants the choice depends on key, previous token and token alone: the same on every machine,
 *            for any batch, at any temperature.
 * Fails by   BASE_EINVAL for a key file that is none; nothing else can go wrong but memory.
 */
#include "engine/sample/watermark.h"

#include "base/clock.h"
#include "base/file.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_HEX (2 * ENG_WATERMARK_KEY_BYTES)

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum base_status read_key(const char *file, struct eng_watermark *w, struct base_err *err)
{
    struct base_buf b;
    base_buf_init(&b, 256);
    enum base_status st = base_file_read(file, &b, err);
    struct base_str s = base_str_trim(base_buf_view(&b));
    bool good = st == BASE_OK && s.n == KEY_HEX;
    for (size_t i = 0; good && i < KEY_HEX; i++) {
        int v = hex(s.p[i]);
        good = v >= 0;
        w->key[i / 2] = (uint8_t)(i % 2 ? w->key[i / 2] << 4 | v : v);
    }
    base_buf_wipe(&b);
    if (st == BASE_OK && !good)
        st = base_err_set(err, BASE_EINVAL,
                          "%s is no watermark key: it must hold 32 hex digits (move it away and a "
                          "new one is made)",
                          file);
    return st;
}

enum base_status eng_watermark_key(const char *file, struct eng_watermark *w, struct base_err *err)
{
    static const char digits[] = "0123456789abcdef";
    char text[KEY_HEX + 1];
    if (access(file, F_OK) == 0 || errno != ENOENT)
        return read_key(file, w, err);
    base_random(w->key, sizeof(w->key));
    for (size_t i = 0; i < sizeof(w->key); i++) {
        text[2 * i] = digits[w->key[i] >> 4];
        text[2 * i + 1] = digits[w->key[i] & 15];
    }
    text[KEY_HEX] = '\n';
    enum base_status st = base_file_replace(file, base_str_n(text, sizeof(text)), 0600, err);
    base_wipe(text, sizeof(text));
    return st;
}

/* ---- SipHash-2-4 of eight bytes ---- */

static uint64_t le64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static void rounds(uint64_t v[4], int n)
{
    while (n-- > 0) {
        v[0] += v[1];
        v[1] = rotl(v[1], 13) ^ v[0];
        v[0] = rotl(v[0], 32);
        v[2] += v[3];
        v[3] = rotl(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotl(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotl(v[1], 17) ^ v[2];
        v[2] = rotl(v[2], 32);
    }
}

static uint64_t siphash8(const uint8_t key[ENG_WATERMARK_KEY_BYTES], uint64_t m)
{
    uint64_t k0 = le64(key), k1 = le64(key + 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u};
    const uint64_t words[2] = {m, (uint64_t)8 << 56}; /* the message, then its length */
    for (int i = 0; i < 2; i++) {
        v[3] ^= words[i];
        rounds(v, 2);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

bool eng_watermark_green(const struct eng_watermark *w, int32_t previous, int32_t token)
{
    uint64_t h = siphash8(w->key, (uint64_t)(uint32_t)previous << 32 | (uint32_t)token);
    return (double)(h >> 11) * 0x1p-53 < (double)w->gamma;
}

void eng_watermark_bias(const struct eng_watermark *w, int32_t previous, float *logits, uint32_t n,
                        float span)
{
    float top = -INFINITY;
    for (uint32_t i = 0; i < n; i++)
        if (isfinite(logits[i]) && logits[i] > top)
            top = logits[i];
    for (uint32_t i = 0; i < n; i++)
        if (logits[i] >= top - span - w->delta && eng_watermark_green(w, previous, (int32_t)i))
            logits[i] += w->delta;
}

/* ---- the test ---- */

static int by_pair(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

enum base_status eng_watermark_detect(const struct eng_watermark *w, const int32_t *ids, size_t n,
                                      struct eng_watermark_test *out, struct base_err *err)
{
    *out = (struct eng_watermark_test){.tokens = (uint32_t)n, .p = 1};
    if (n < 2)
        return BASE_OK;
    uint64_t *pairs = malloc((n - 1) * sizeof(*pairs));
    if (pairs == NULL)
        return base_err_set(err, BASE_ENOMEM, "no memory for %zu tokens", n);
    for (size_t i = 0; i + 1 < n; i++)
        pairs[i] = (uint64_t)(uint32_t)ids[i] << 32 | (uint32_t)ids[i + 1];
    qsort(pairs, n - 1, sizeof(*pairs), by_pair);
    for (size_t i = 0; i + 1 < n; i++) {
        if (i > 0 && pairs[i] == pairs[i - 1])
            continue;
        out->pairs++;
        out->green += eng_watermark_green(w, (int32_t)(pairs[i] >> 32), (int32_t)pairs[i]);
    }
    free(pairs);
    double t = out->pairs, g = (double)w->gamma;
    out->z = (out->green - g * t) / sqrt(t * g * (1 - g));
    out->p = 0.5 * erfc(out->z / sqrt(2));
    return BASE_OK;
}

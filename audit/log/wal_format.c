/* wal_format.c - the bytes of a segment header, segment names, and positions.
 *
 * All integers are little endian. Pure except for aud_segments_list, which reads a folder. The
 * layout is written down in docs/audit-format.md and nowhere else but here (writer and recovery)
 * and in verify.c, which has its own reader on purpose.
 */
#include "audit/log/place.h"
#include "audit/log/wal.h"

#include "base/crc32c.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void aud_put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

void aud_put64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

uint32_t aud_get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t aud_get64(const uint8_t *p)
{
    return aud_get32(p) | (uint64_t)aud_get32(p + 4) << 32;
}

size_t aud_header_encode(struct aud_header *h, uint8_t *out)
{
    unsigned k = aud_range_count(&h->before);

    h->bytes = AUD_HEADER_FIXED + 32 * k;
    memcpy(out, AUD_WAL_MAGIC, 8);
    aud_put32(out + 8, AUD_WAL_VERSION);
    aud_put32(out + 12, h->bytes);
    aud_put64(out + 16, h->segment_bytes);
    aud_put64(out + 24, h->before.n);
    aud_put64(out + 32, h->salt);
    aud_put64(out + 40, (uint64_t)h->created_us);
    aud_put64(out + 48, h->open_index);
    aud_put32(out + 56, k);
    aud_put32(out + 60, 0);
    memcpy(out + 64, h->log_id.b, 32);
    memcpy(out + 96, h->prev.b, 32);
    for (unsigned i = 0; i < k; i++)
        memcpy(out + 128 + 32 * i, h->before.h[i].b, 32);
    h->crc = base_crc32c(0, out, h->bytes - 4);
    aud_put32(out + h->bytes - 4, h->crc);
    return h->bytes;
}

bool aud_header_parse(const uint8_t *p, size_t n, struct aud_header *h)
{
    memset(h, 0, sizeof(*h));
    if (n < AUD_HEADER_FIXED || memcmp(p, AUD_WAL_MAGIC, 8) != 0 ||
        aud_get32(p + 8) != AUD_WAL_VERSION)
        return false;
    h->bytes = aud_get32(p + 12);
    h->segment_bytes = aud_get64(p + 16);
    h->before.n = aud_get64(p + 24);
    h->salt = aud_get64(p + 32);
    h->created_us = (int64_t)aud_get64(p + 40);
    h->open_index = aud_get64(p + 48);
    unsigned k = aud_range_count(&h->before);
    if (aud_get32(p + 56) != k || aud_get32(p + 60) != 0 || h->bytes != AUD_HEADER_FIXED + 32 * k ||
        h->bytes > n || h->segment_bytes < AUD_SEGMENT_MIN || h->segment_bytes > AUD_SEGMENT_MAX)
        return false;
    memcpy(h->log_id.b, p + 64, 32);
    memcpy(h->prev.b, p + 96, 32);
    for (unsigned i = 0; i < k; i++)
        memcpy(h->before.h[i].b, p + 128 + 32 * i, 32);
    h->crc = base_crc32c(0, p, h->bytes - 4);
    return aud_get32(p + h->bytes - 4) == h->crc;
}

void aud_segment_name(uint64_t first, char out[AUD_SEGMENT_NAME + 1])
{
    snprintf(out, AUD_SEGMENT_NAME + 1, "%020" PRIu64 ".wal", first);
}

bool aud_segment_parse(const char *name, uint64_t *first)
{
    struct base_str s = base_str_c(name);
    char again[AUD_SEGMENT_NAME + 1];

    if (s.n != AUD_SEGMENT_NAME || !base_str_u64(base_str_n(s.p, 20), first))
        return false;
    aud_segment_name(*first, again);
    return strcmp(again, name) == 0;
}

static int cmp_u64(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

enum base_status aud_segments_list(const char *dir, uint64_t **out, size_t *n, struct base_err *err)
{
    char path[4096];
    uint64_t *list = NULL;
    size_t have = 0, cap = 0;
    enum base_status st = BASE_OK;

    *out = NULL;
    *n = 0;
    st = aud_read_path(path, dir, "wal", err);
    if (st != BASE_OK)
        return st;
    DIR *d = opendir(path);
    if (!d)
        return base_err_sys(err, "%s", path);
    for (;;) {
        uint64_t first;

        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) {
            if (errno != 0)
                st = base_err_sys(err, "%s", path);
            break;
        }
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            strcmp(e->d_name, AUD_WAL_SPARE) == 0 || strcmp(e->d_name, AUD_WAL_SPARE_PART) == 0)
            continue;
        if (!aud_segment_parse(e->d_name, &first)) {
            st = base_err_set(err, BASE_EINVAL, "wal/%s does not belong here", e->d_name);
            break;
        }
        if (have == cap) {
            cap = cap ? cap * 2 : 16;
            uint64_t *more = cap > AUD_SEGMENTS_MAX ? NULL : realloc(list, cap * sizeof(*list));
            if (!more) {
                st = base_err_set(err, BASE_LIMIT, "%s: too many segments", path);
                break;
            }
            list = more;
        }
        list[have++] = first;
    }
    closedir(d);
    if (st != BASE_OK) {
        free(list);
        return st;
    }
    if (have > 0)
        qsort(list, have, sizeof(*list), cmp_u64);
    *out = list;
    *n = have;
    return BASE_OK;
}

void aud_pos_init(struct aud_pos *p)
{
    memset(p, 0, sizeof(*p));
    p->sha = EVP_MD_CTX_new();
    BASE_BUG_ON(!p->sha);
    BASE_BUG_ON(EVP_DigestInit_ex(p->sha, EVP_sha256(), NULL) != 1);
}

void aud_pos_release(struct aud_pos *p)
{
    EVP_MD_CTX_free(p->sha);
    p->sha = NULL;
}

void aud_pos_sha(const struct aud_pos *p, struct aud_hash *out)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    BASE_BUG_ON(!c || EVP_MD_CTX_copy_ex(c, p->sha) != 1 ||
                EVP_DigestFinal_ex(c, out->b, NULL) != 1);
    EVP_MD_CTX_free(c);
}

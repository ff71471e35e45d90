/* policy_watch.c - which policy files have changed; see policy_watch.h.
 *
 * Method     every GW_WATCH_POLL_MS the files' times, sizes and inodes are compared; after a change
 *            has settled, or has gone on for GW_WATCH_LATEST_MS, their bytes are hashed: who keeps
 * touching a file holds no policy off. Only other bytes count, so a file that is touched, or
 * written back as it was, loads nothing; bytes that were refused are tried again only when they
 * change. At the start the policy's hash is compared with what was loaded, so a change between the
 * load and the first look is seen. Runs in    the supervisor. What is found is loaded, checked and
 * taken as on SIGHUP: whole, with its signature and revision, or not at all. Fails by   a file that
 * cannot be read hashes as "not there": the reload then says what is wrong.
 */
#include "gateway/policy_watch.h"

#include "base/file.h"

#include <openssl/evp.h>
#include <stdio.h>

#define FILE_BYTES_MAX (64u << 20)

/* The n-th file, or an empty string. */
static void path_of(const struct conf *c, int n, char out[4096])
{
    const char *const files[] = {c->policy.file, c->has_shadow ? c->shadow.file : NULL,
                                 c->tables.file, c->duties.file};
    const char *file = files[n / 2];
    int len = file ? snprintf(out, 4096, "%s%s", file, n & 1 ? ".sig" : "") : 0;
    if (len <= 0 || len >= 4096)
        out[0] = 0;
}

/* Of all files; own gets the policy's alone. False: cannot be known now. */
static bool hash_all(const struct conf *c, uint8_t out[32], uint8_t own[32])
{
    EVP_MD_CTX *all = EVP_MD_CTX_new();
    bool good = all && EVP_DigestInit_ex(all, EVP_sha256(), NULL) == 1;
    for (int n = 0; n < GW_WATCH_FILES && good; n++) {
        char path[4096];
        uint8_t sum[33] = {0}; /* 1 and the hash, or zeros */
        struct base_buf b;
        path_of(c, n, path);
        base_buf_init(&b, FILE_BYTES_MAX);
        if (path[0] && base_file_read_regular(path, &b, NULL) == BASE_OK) {
            sum[0] = 1;
            good = EVP_Digest(b.p ? b.p : "", b.n, sum + 1, NULL, EVP_sha256(), NULL) == 1;
        }
        if (n == 0)
            memcpy(own, sum + 1, 32);
        good = good && EVP_DigestUpdate(all, sum, sizeof sum) == 1;
        base_buf_release(&b);
    }
    good = good && EVP_DigestFinal_ex(all, out, NULL) == 1;
    EVP_MD_CTX_free(all);
    return good;
}

bool gw_watch_due(struct gw_watch *w, const struct conf *c, uint64_t now_us)
{
    uint8_t now[32], own[32];
    bool changed = false;
    for (int n = 0; n < GW_WATCH_FILES; n++) {
        char path[4096];
        path_of(c, n, path);
        if (path[0])
            changed = gw_keys_changed(path, &w->stamp[n]) || changed;
    }
    if (!w->begun) {
        w->begun = hash_all(c, w->tried, own);
        if (!w->begun || memcmp(own, c->policy.sha256, 32) == 0)
            return false;
        memset(w->tried, 0, sizeof w->tried);
        changed = true;
    }
    if (changed) {
        w->since_us = w->changed_us ? w->since_us : now_us;
        w->changed_us = now_us;
    }
    if (!w->changed_us || (now_us - w->changed_us < GW_WATCH_SETTLE_MS * 1000u &&
                           now_us - w->since_us < GW_WATCH_LATEST_MS * 1000u))
        return false;
    w->changed_us = 0;
    if (!hash_all(c, now, own) || memcmp(now, w->tried, 32) == 0)
        return false;
    memcpy(w->tried, now, 32);
    return true;
}

/* verify_tiles.c - compares tile/ with the records, in the same single pass.
 *
 * Tiles are derived: none has to be there, but one that is must be right. Keeps the current tile of
 * every level and the entries of the current bundle; when a tile is complete, and at the end for
 * the partial ones, reads whatever files exist for it, full and partial widths.
 */
#include "audit/verify/ver.h"

#include "audit/log/state.h"
#include "audit/log/tiles.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct level {
    unsigned n;
    struct aud_hash h[AUD_TILE_WIDTH];
};

struct ver_tiles {
    const char *dir, *label;
    uint64_t before;
    struct aud_verify_report *r;
    bool present; /* is there a tile/ at all? */
    uint64_t size;
    struct level level[AUD_TILE_LEVELS];
    struct base_buf bundle;
    size_t ends[AUD_TILE_WIDTH]; /* of each entry in the bundle */
};

struct ver_tiles *ver_tiles_new(const char *dir, const char *label, uint64_t before,
                                struct aud_verify_report *r)
{
    struct ver_tiles *t = calloc(1, sizeof(*t));
    char path[AUD_PATH_MAX];
    struct stat sb;

    if (!t)
        return NULL;
    t->dir = dir;
    t->label = label;
    t->before = before;
    t->r = r;
    t->present = aud_path(path, dir, "tile", NULL) == BASE_OK && stat(path, &sb) == 0;
    base_buf_init(&t->bundle, AUD_BUNDLE_BYTES);
    return t;
}

void ver_tiles_free(struct ver_tiles *t)
{
    if (!t)
        return;
    base_buf_release(&t->bundle);
    free(t);
}

/* The first index of log that byte `at` of a tile or bundle speaks about. */
static uint64_t index_of(const struct ver_tiles *t, unsigned level, uint64_t n, size_t at)
{
    uint64_t slot = at / AUD_HASH_BYTES, span = 1;

    if (level == AUD_TILE_ENTRIES) {
        for (slot = 0; slot < AUD_TILE_WIDTH - 1 && t->ends[slot] <= at; slot++)
            ;
        level = 0;
    }
    for (unsigned l = 0; l < level; l++)
        span *= AUD_TILE_WIDTH;
    return (n * AUD_TILE_WIDTH + slot) * span;
}

/* If the file is there it must be `want`. */
static bool check_file(struct ver_tiles *t, unsigned level, uint64_t n, unsigned width,
                       struct base_str want)
{
    char name[AUD_TILE_NAME_MAX], path[AUD_PATH_MAX];
    struct base_buf b;
    bool ok = true;
    size_t i = 0;

    aud_tile_name(level, n, width, name);
    if (aud_path(path, t->dir, name, NULL) != BASE_OK)
        return ver_bad(t->r, UINT64_MAX, "%s: path too long", name);
    base_buf_init(&b, AUD_BUNDLE_BYTES + 1);
    enum base_status st = base_file_read_regular(path, &b, NULL);
    if (st != BASE_ENOENT && (st != BASE_OK || !base_str_eq(base_buf_view(&b), want))) {
        while (st == BASE_OK && i < b.n && i < want.n && b.p[i] == want.p[i])
            i++;
        uint64_t index = index_of(t, level, n, i);
        ok = ver_bad(t->r, t->before + index,
                     "%s%s: does not match the records from index %" PRIu64
                     " on (one of the two was changed)",
                     t->label, name, index);
    }
    base_buf_release(&b);
    return ok;
}

static struct base_str content(const struct ver_tiles *t, unsigned level, unsigned width)
{
    if (level == AUD_TILE_ENTRIES)
        return base_str_n(t->bundle.p, t->ends[width - 1]);
    return base_str_n(t->level[level].h, width * sizeof(struct aud_hash));
}

/* The files of tile n, of which `have` entries are known. */
static bool check_tile(struct ver_tiles *t, unsigned level, uint64_t n, unsigned have)
{
    char name[AUD_TILE_NAME_MAX], path[AUD_PATH_MAX];
    bool ok = true;

    if (!t->present || have == 0)
        return true;
    if (have == AUD_TILE_WIDTH && !check_file(t, level, n, have, content(t, level, have)))
        return false;
    aud_tile_name(level, n, 1, name);
    name[strlen(name) - 2] = 0;
    if (aud_path(path, t->dir, name, NULL) != BASE_OK)
        return true;
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e && ok; e = readdir(d)) {
        uint64_t w;

        if (base_str_u64(base_str_c(e->d_name), &w) && w >= 1 && w <= have && w < AUD_TILE_WIDTH)
            ok = check_file(t, level, n, (unsigned)w, content(t, level, (unsigned)w));
    }
    if (d)
        closedir(d);
    return ok;
}

bool ver_tiles_leaf(struct ver_tiles *t, struct base_str leaf, const struct aud_hash *hash)
{
    struct aud_hash h = *hash;
    const char len[2] = {(char)(uint8_t)(leaf.n >> 8), (char)(uint8_t)leaf.n};
    uint64_t n = t->size++;

    if (!t->present)
        return true;
    base_buf_add(&t->bundle, len, 2);
    if (!base_buf_str(&t->bundle, leaf))
        return ver_bad(t->r, t->size, "no memory for an entry bundle");
    t->ends[t->level[0].n] = t->bundle.n;
    for (unsigned l = 0; l < AUD_TILE_LEVELS; l++) {
        struct level *v = &t->level[l];
        struct aud_range r;

        v->h[v->n++] = h;
        if (v->n < AUD_TILE_WIDTH)
            break;
        n /= AUD_TILE_WIDTH;
        if (!check_tile(t, l, n, AUD_TILE_WIDTH) ||
            (l == 0 && !check_tile(t, AUD_TILE_ENTRIES, n, AUD_TILE_WIDTH)))
            return false;
        if (l == 0)
            base_buf_clear(&t->bundle);
        aud_range_init(&r);
        for (unsigned i = 0; i < AUD_TILE_WIDTH; i++)
            aud_range_add(&r, &v->h[i]);
        aud_range_root(&r, &h);
        v->n = 0;
    }
    return true;
}

/* Is a file of tile/ one that a log of this size can have? */
static bool belongs(const struct ver_tiles *t, const char *name)
{
    unsigned level, width;
    uint64_t n, have = t->size;

    if (!aud_tile_parse(name, &level, &n, &width) ||
        (level != AUD_TILE_ENTRIES && level >= AUD_TILE_LEVELS))
        return false;
    for (unsigned l = 0; level != AUD_TILE_ENTRIES && l < level; l++)
        have /= AUD_TILE_WIDTH;
    return n < UINT64_MAX / AUD_TILE_WIDTH - 1 && n * AUD_TILE_WIDTH + width <= have;
}

/* name: relative to the log's directory. */
static bool walk(const struct ver_tiles *t, const char *name, int depth)
{
    char path[AUD_PATH_MAX], child[AUD_TILE_NAME_MAX];
    struct stat sb;
    bool ok = true;

    if (aud_path(path, t->dir, name, NULL) != BASE_OK)
        return true;
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT || ver_bad(t->r, UINT64_MAX, "%s: %s", name, strerror(errno));
    for (struct dirent *e = readdir(d); e && ok; e = readdir(d)) {
        if (e->d_name[0] == '.') /* . and .., and a temporary file of the writer */
            continue;
        int k = snprintf(child, sizeof(child), "%s/%s", name, e->d_name);
        if (k < 0 || (size_t)k >= sizeof(child) || depth > 10) {
            ok = ver_bad(t->r, UINT64_MAX, "%s%s/%.32s...: does not belong here", t->label, name,
                         e->d_name);
        } else if (fstatat(dirfd(d), e->d_name, &sb, AT_SYMLINK_NOFOLLOW) != 0) {
            continue; /* went meanwhile */
        } else if (S_ISDIR(sb.st_mode)) {
            ok = walk(t, child, depth + 1);
        } else if (!belongs(t, child)) {
            ok = ver_bad(t->r, UINT64_MAX, "%s%s: is not a tile of a log of %" PRIu64 " records",
                         t->label, child, t->size);
        }
    }
    closedir(d);
    return ok;
}

bool ver_tiles_end(struct ver_tiles *t, bool live)
{
    uint64_t n = t->size;

    if (!t->present)
        return true;
    if (!check_tile(t, AUD_TILE_ENTRIES, n / AUD_TILE_WIDTH, t->level[0].n))
        return false;
    for (unsigned l = 0; l < AUD_TILE_LEVELS; l++) {
        n /= AUD_TILE_WIDTH;
        if (!check_tile(t, l, n, t->level[l].n))
            return false;
    }
    return live || walk(t, "tile", 0);
}

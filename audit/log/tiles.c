/* tiles.c - writes tile/ and tile/entries/ from the write-ahead log.
 *
 * Runs on the signer thread, off the request path. Everything here is derived: a file is written
 * under a temporary name and renamed, without fsync; what a power failure leaves behind is compared
 * and rewritten at the next open, when the log was not closed in order or a size or the right edge
 * is not what it should be. An orderly close makes all of it durable (syncfs) before it says so:
 * the next open does not look at every tile again. Files are in C2SP tlog-tiles form: a hash tile
 * is up to 256 hashes; entry i of tile n at level l is the tree hash of leaves
 * [(256n+i)*256^l, (256n+i+1)*256^l); a bundle is up to 256 leaves, each behind its length as a
 * big-endian 16-bit number. Partial files get a new name for each width (.p/W) and go when the full
 * one is there.
 */
#include "audit/log/tiles.h"

#include "audit/log/state.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct level {
    unsigned n; /* hashes in h: the width of the partial tile */
    struct aud_hash h[AUD_TILE_WIDTH];
};

struct aud_tiler {
    char dir[AUD_PATH_MAX];
    uint64_t size;
    bool anew; /* began at leaf 0 and has not written partial tiles yet */
    struct level level[AUD_TILE_LEVELS];
    struct base_buf bundle; /* the entries of the partial bundle */
    struct aud_cursor cursor;
    bool cursor_open;
};

void aud_tile_name(unsigned level, uint64_t n, unsigned width, char out[AUD_TILE_NAME_MAX])
{
    char groups[64] = "";
    size_t at = sizeof(groups) - 1;
    uint64_t rest = n;
    bool last = true;

    groups[at] = 0;
    do { /* three digits at a time, from the right; all but the last behind an x */
        char g[8];
        int k = snprintf(g, sizeof(g), "%s%03u%s", last ? "" : "x", (unsigned)(rest % 1000),
                         last ? "" : "/");
        at -= (size_t)k;
        memcpy(groups + at, g, (size_t)k);
        rest /= 1000;
        last = false;
    } while (rest > 0);
    char part[16] = "";
    if (width > 0 && width < AUD_TILE_WIDTH)
        snprintf(part, sizeof(part), ".p/%u", width);
    if (level == AUD_TILE_ENTRIES)
        snprintf(out, AUD_TILE_NAME_MAX, "tile/entries/%s%s", groups + at, part);
    else
        snprintf(out, AUD_TILE_NAME_MAX, "tile/%u/%s%s", level, groups + at, part);
}

bool aud_tile_parse(const char *name, unsigned *level, uint64_t *n, unsigned *width)
{
    struct base_str rest = base_str_c(name);
    char again[AUD_TILE_NAME_MAX];
    uint64_t v = 0, w = AUD_TILE_WIDTH;

    if (!base_str_is(base_str_cut(&rest, '/'), "tile") || !rest.p)
        return false;
    struct base_str l = base_str_cut(&rest, '/');
    *level = AUD_TILE_ENTRIES;
    if (!base_str_is(l, "entries")) {
        if (l.n > 2 || !base_str_u64(l, &v) || v > 63)
            return false;
        *level = (unsigned)v;
    }
    size_t p = base_str_find(rest, BASE_STR(".p/"), 0);
    if (p != SIZE_MAX) {
        if (!base_str_u64(base_str_n(rest.p + p + 3, rest.n - p - 3), &w) || w == 0 || w > 255)
            return false;
        rest.n = p;
    }
    v = 0;
    while (rest.p) {
        struct base_str g = base_str_cut(&rest, '/');
        uint64_t d;

        if (g.n == 4 && g.p[0] == 'x')
            g = base_str_n(g.p + 1, 3);
        if (g.n != 3 || !base_str_u64(g, &d) || v > UINT64_MAX / 1000 - 1)
            return false;
        v = v * 1000 + d;
    }
    *n = v;
    *width = (unsigned)w;
    aud_tile_name(*level, v, *width, again);
    return strcmp(again, name) == 0; /* one name for each tile, nothing else */
}

struct aud_tiler *aud_tiler_new(const char *dir)
{
    struct aud_tiler *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    if ((size_t)snprintf(t->dir, sizeof(t->dir), "%s", dir) >= sizeof(t->dir) - 256) {
        free(t);
        return NULL;
    }
    t->anew = true;
    base_buf_init(&t->bundle, AUD_BUNDLE_BYTES);
    return t;
}

void aud_tiler_free(struct aud_tiler *t)
{
    if (!t)
        return;
    if (t->cursor_open)
        aud_cursor_release(&t->cursor);
    base_buf_release(&t->bundle);
    free(t);
}

uint64_t aud_tiler_size(const struct aud_tiler *t)
{
    return t->size;
}

static bool same_file(const char *path, struct base_str content)
{
    struct stat sb;
    struct base_buf b;
    bool same = false;

    if (stat(path, &sb) != 0 || (uint64_t)sb.st_size != content.n)
        return false;
    base_buf_init(&b, content.n + 1);
    same = base_file_read(path, &b, NULL) == BASE_OK && base_str_eq(base_buf_view(&b), content);
    base_buf_release(&b);
    return same;
}

static enum base_status put(struct aud_tiler *t, const char *name, struct base_str content,
                            struct base_err *err)
{
    char path[AUD_PATH_MAX], tmp[AUD_PATH_MAX];
    enum base_status st = aud_path(path, t->dir, name, err);

    if (st == BASE_OK)
        st = aud_path(tmp, t->dir, "tile/.tmp", err);
    if (st != BASE_OK || same_file(path, content))
        return st;
    char *slash = strrchr(path, '/');
    int fd = -1;
    *slash = 0;
    st = base_mkdirs(path, err);
    *slash = '/';
    if (st != BASE_OK)
        return st;
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return base_err_sys(err, "%s", tmp);
    st = base_write_all(fd, content.p, content.n, err);
    if (close(fd) != 0 && st == BASE_OK)
        st = base_err_sys(err, "close %s", tmp);
    if (st == BASE_OK && rename(tmp, path) != 0)
        st = base_err_sys(err, "rename %s", path);
    return st;
}

/* The partial widths of a tile that is full now. Best effort: they are right, only in the way. */
static void drop_partials(struct aud_tiler *t, unsigned level, uint64_t n)
{
    char name[AUD_TILE_NAME_MAX], path[AUD_PATH_MAX];

    aud_tile_name(level, n, 1, name);
    name[strlen(name) - 2] = 0; /* "/1" off */
    if (aud_path(path, t->dir, name, NULL) != BASE_OK)
        return;
    DIR *d = opendir(path);
    if (!d)
        return;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    rmdir(path);
}

static enum base_status put_hashes(struct aud_tiler *t, unsigned l, uint64_t n,
                                   struct base_err *err)
{
    char name[AUD_TILE_NAME_MAX];

    aud_tile_name(l, n, t->level[l].n, name);
    return put(t, name, base_str_n(t->level[l].h, t->level[l].n * sizeof(struct aud_hash)), err);
}

static enum base_status put_bundle(struct aud_tiler *t, uint64_t n, struct base_err *err)
{
    char name[AUD_TILE_NAME_MAX];

    aud_tile_name(AUD_TILE_ENTRIES, n, t->level[0].n, name);
    return put(t, name, base_buf_view(&t->bundle), err);
}

/* One more leaf; full tiles go out, upwards. */
static enum base_status add(struct aud_tiler *t, struct base_str leaf, struct base_err *err)
{
    struct aud_hash h;
    uint8_t len[2] = {(uint8_t)(leaf.n >> 8), (uint8_t)leaf.n};
    uint64_t n = t->size;
    enum base_status st = BASE_OK;

    aud_leaf_hash(leaf.p, leaf.n, &h);
    base_buf_add(&t->bundle, len, 2);
    if (!base_buf_str(&t->bundle, leaf))
        return base_err_set(err, BASE_ENOMEM, "no memory for an entry bundle");
    for (unsigned l = 0; l < AUD_TILE_LEVELS; l++) {
        struct level *v = &t->level[l];

        v->h[v->n++] = h;
        if (v->n < AUD_TILE_WIDTH)
            break;
        n /= AUD_TILE_WIDTH; /* the number of this tile */
        st = put_hashes(t, l, n, err);
        if (st == BASE_OK && l == 0)
            st = put_bundle(t, n, err);
        if (st != BASE_OK)
            return st;
        drop_partials(t, l, n);
        if (l == 0) {
            drop_partials(t, AUD_TILE_ENTRIES, n);
            base_buf_clear(&t->bundle);
        }
        struct aud_range r;
        aud_range_init(&r);
        for (unsigned i = 0; i < AUD_TILE_WIDTH; i++)
            aud_range_add(&r, &v->h[i]);
        aud_range_root(&r, &h);
        v->n = 0;
    }
    t->size++;
    return BASE_OK;
}

enum base_status aud_tiler_step(struct aud_tiler *t, uint64_t upto, uint64_t budget,
                                struct base_err *err)
{
    enum base_status st = BASE_OK;
    uint64_t stop = upto - t->size > budget ? t->size + budget : upto;

    if (t->size >= upto)
        return BASE_OK;
    if (!t->cursor_open) {
        t->cursor_open = true;
        st = aud_cursor_open(&t->cursor, t->dir, t->size, NULL, err);
    }
    while (st == BASE_OK && t->size < stop) {
        st = aud_cursor_next(&t->cursor, err);
        if (st == BASE_DONE)
            st = base_err_set(err, BASE_EINVAL,
                              "the write-ahead log ends at %" PRIu64 " of %" PRIu64, t->size, upto);
        for (size_t i = 0; st == BASE_OK && i < t->cursor.n_leaves; i++) {
            if (t->cursor.leaves[i].index >= t->size)
                st = add(t, t->cursor.leaves[i].bytes, err);
        }
    }
    if (st != BASE_OK)
        return st;
    return t->size < upto ? BASE_AGAIN : BASE_OK;
}

enum base_status aud_tiler_flush(struct aud_tiler *t, struct base_err *err)
{
    uint64_t n = t->size;
    enum base_status st = BASE_OK;

    if (t->anew) /* what a power failure left of other widths may be torn */
        drop_partials(t, AUD_TILE_ENTRIES, n / AUD_TILE_WIDTH);
    if (t->level[0].n > 0)
        st = put_bundle(t, n / AUD_TILE_WIDTH, err);
    for (unsigned l = 0; l < AUD_TILE_LEVELS && st == BASE_OK; l++) {
        n /= AUD_TILE_WIDTH;
        if (t->anew)
            drop_partials(t, l, n);
        if (t->level[l].n > 0)
            st = put_hashes(t, l, n, err);
    }
    if (st == BASE_OK)
        t->anew = false;
    return st;
}

enum base_status aud_tiles_sync(const char *dir, struct base_err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum base_status st = BASE_OK;

    if (fd < 0 || syncfs(fd) != 0)
        st = base_err_sys(err, "syncfs %s", dir);
    if (fd >= 0)
        close(fd);
    return st;
}

/* ---- going on from what is there ---- */

static bool tile_there(const struct aud_tiler *t, unsigned level, uint64_t n)
{
    char name[AUD_TILE_NAME_MAX], path[AUD_PATH_MAX];
    struct stat sb;

    aud_tile_name(level, n, AUD_TILE_WIDTH, name);
    if (aud_path(path, t->dir, name, NULL) != BASE_OK || stat(path, &sb) != 0)
        return false;
    return level == AUD_TILE_ENTRIES ? sb.st_size > 2 * (off_t)AUD_TILE_WIDTH
                                     : sb.st_size == 32 * (off_t)AUD_TILE_WIDTH;
}

static bool edge_load(struct aud_tiler *t, unsigned level, uint64_t n, unsigned width,
                      struct base_buf *out)
{
    char name[AUD_TILE_NAME_MAX], path[AUD_PATH_MAX];

    base_buf_clear(out);
    aud_tile_name(level, n, width, name);
    return aud_path(path, t->dir, name, NULL) == BASE_OK &&
           base_file_read(path, out, NULL) == BASE_OK;
}

/* Do the entries of the partial bundle hash to the partial tile? */
static bool bundle_fits(struct base_str b, const struct level *v)
{
    size_t at = 0;
    unsigned i = 0;
    struct aud_hash h;

    for (; i < v->n && b.n - at >= 2; i++) {
        size_t len = (size_t)(uint8_t)b.p[at] << 8 | (uint8_t)b.p[at + 1];

        if (len > b.n - at - 2)
            return false;
        aud_leaf_hash(b.p + at + 2, len, &h);
        if (!aud_hash_eq(&h, &v->h[i]))
            return false;
        at += 2 + len;
    }
    return i == v->n && at == b.n;
}

static bool resume(struct aud_tiler *t, uint64_t size, const struct aud_hash *root,
                   struct base_buf *b)
{
    struct aud_range r;
    struct aud_hash got;
    uint64_t n = size;

    for (unsigned l = 0; l < AUD_TILE_LEVELS; l++) {
        unsigned width = (unsigned)(n % AUD_TILE_WIDTH);

        n /= AUD_TILE_WIDTH;
        for (uint64_t i = 0; i < n; i++) {
            if (!tile_there(t, l, i) || (l == 0 && !tile_there(t, AUD_TILE_ENTRIES, i)))
                return false;
        }
        if (width == 0)
            continue;
        if (!edge_load(t, l, n, width, b) || b->n != width * sizeof(struct aud_hash))
            return false;
        memcpy(t->level[l].h, b->p, b->n);
        t->level[l].n = width;
        if (l == 0 && (!edge_load(t, AUD_TILE_ENTRIES, n, width, &t->bundle) ||
                       !bundle_fits(base_buf_view(&t->bundle), &t->level[0])))
            return false;
    }
    /* the right edge is the compact range: fold each level's partial tile to perfect subtrees */
    aud_range_init(&r);
    unsigned k = 0;
    for (unsigned l = AUD_TILE_LEVELS; l-- > 0;) {
        struct aud_range part;

        aud_range_init(&part);
        for (unsigned i = 0; i < t->level[l].n; i++)
            aud_range_add(&part, &t->level[l].h[i]);
        memcpy(&r.h[k], part.h, aud_range_count(&part) * sizeof(struct aud_hash));
        k += aud_range_count(&part);
    }
    r.n = size;
    if (k != aud_range_count(&r))
        return false;
    aud_range_root(&r, &got);
    return aud_hash_eq(&got, root);
}

bool aud_tiler_resume(struct aud_tiler *t, uint64_t size, const struct aud_hash *root)
{
    struct base_buf b;

    base_buf_init(&b, 32 * AUD_TILE_WIDTH);
    bool ok = resume(t, size, root, &b);
    base_buf_release(&b);
    if (ok) {
        t->size = size;
        t->anew = false;
        return true;
    }
    for (unsigned l = 0; l < AUD_TILE_LEVELS; l++)
        t->level[l].n = 0;
    base_buf_clear(&t->bundle);
    return false;
}

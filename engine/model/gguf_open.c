/* gguf_open.c - from a path to an open model file, or to the several files of a split one.
 *
 * Owns the mappings. A model that was cut into parts is opened by its first part, called
 * NAME-00001-of-0000N.gguf; the others must lie beside it. The first part holds the keys. Every
 * part says which one it is (split.no, from 0) of how many (split.count), and the first how many
 * tensors all have together (split.tensors.count); a part that is missing, in another's place, or
 * of another model is an error that names the file. Tensors of all parts are then found as if in
 * one file.
 */
#include "engine/model/gguf_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARTS_MAX 1000
#define TAIL_N    20 /* "-00001-of-00003.gguf" */

static enum base_status no_memory(const char *name, struct base_err *err)
{
    return base_err_set(err, BASE_ENOMEM, "%s: out of memory", name);
}

enum base_status eng_gguf_parse(const char *name, const void *bytes, size_t n,
                                struct eng_gguf **out, struct base_err *err)
{
    uint32_t parts = 0;
    *out = NULL;
    struct eng_gguf *g = eng_gguf_new(name);
    if (!g)
        return no_memory(name, err);
    g->p = bytes;
    g->n = n;
    enum base_status st = eng_gguf_read(g, err);
    if (st == BASE_OK && eng_gguf_u32(g, "split.count", &parts) == BASE_OK && parts > 1)
        st = base_err_set(err, BASE_EINVAL, "%s: this is one of %u parts of a split model", name,
                          parts);
    if (st != BASE_OK)
        eng_gguf_free(g);
    else
        *out = g;
    return st;
}

/* Maps one file and reads it. */
static enum base_status open_one(const char *path, struct eng_gguf **out, struct base_err *err)
{
    enum base_status st = BASE_OK;
    struct stat sb;
    void *p = MAP_FAILED;
    struct eng_gguf *g = *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT)
            return base_err_set(err, BASE_ENOENT, "%s: there is no such file", path);
        return base_err_sys(err, "%s", path);
    }
    if (fstat(fd, &sb) != 0) {
        st = base_err_sys(err, "%s", path);
        goto out;
    }
    if (!S_ISREG(sb.st_mode) || sb.st_size < 24) {
        st = base_err_set(err, BASE_EINVAL, "%s: this is no GGUF file", path);
        goto out;
    }
    p = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        st = base_err_sys(err, "%s: cannot map it", path);
        goto out;
    }
    if ((g = eng_gguf_new(path)) == NULL) {
        munmap(p, (size_t)sb.st_size);
        st = no_memory(path, err);
        goto out;
    }
    g->p = p;
    g->n = (size_t)sb.st_size;
    g->mapped = true;
    st = eng_gguf_read(g, err);
out:
    close(fd);
    if (st != BASE_OK) {
        eng_gguf_free(g);
        g = NULL;
    }
    *out = g;
    return st;
}

/* ---- split models ---- */

/* PATH without "-00001-of-0000N.gguf", its first part's end; false if it does not end so. */
static bool stem_of(const char *path, uint32_t count, char stem[4096])
{
    char tail[64];
    size_t n = strlen(path);
    snprintf(tail, sizeof(tail), "-00001-of-%05u.gguf", count);
    if (n < TAIL_N || n - TAIL_N >= 4096 || strcmp(path + n - TAIL_N, tail) != 0)
        return false;
    memcpy(stem, path, n - TAIL_N);
    stem[n - TAIL_N] = 0;
    return true;
}

/* That g is part `no` of `count`, and of the model that g0 begins. */
static enum base_status check_part(const struct eng_gguf *g0, const struct eng_gguf *g, uint32_t no,
                                   uint32_t count, struct base_err *err)
{
    uint32_t is = UINT32_MAX, of = 0, all = 0, all0 = 0;
    struct base_str arch, arch0;
    if (eng_gguf_u32(g, "split.no", &is) != BASE_OK ||
        eng_gguf_u32(g, "split.count", &of) != BASE_OK)
        return base_err_set(err, BASE_EINVAL,
                            "%s: it does not say which part it is (split.no, split.count), where "
                            "part %u of %u is needed",
                            g->path, no + 1, count);
    if (is != no || of != count)
        return base_err_set(err, BASE_EINVAL,
                            "%s: this is part %llu of %u, where part %u of %u is needed: the file "
                            "is misnamed or of another model",
                            g->path, (unsigned long long)is + 1, of, no + 1, count);
    bool same = eng_gguf_u32(g0, "split.tensors.count", &all0) == BASE_OK &&
                (eng_gguf_u32(g, "split.tensors.count", &all) == BASE_ENOENT || all == all0);
    if (eng_gguf_str(g, "general.architecture", &arch) == BASE_OK &&
        eng_gguf_str(g0, "general.architecture", &arch0) == BASE_OK)
        same = same && base_str_eq(arch, arch0);
    if (!same)
        return base_err_set(err, BASE_EINVAL,
                            "%s: its split.tensors.count or architecture is not that of the first "
                            "part: it belongs to another model",
                            g->path);
    return BASE_OK;
}

static enum base_status open_part(struct eng_gguf *g, const char *stem, uint32_t no, uint32_t count,
                                  struct base_err *err)
{
    char path[4096 + 64];
    struct eng_gguf *part;
    snprintf(path, sizeof(path), "%s-%05u-of-%05u.gguf", stem, no + 1, count);
    enum base_status st = open_one(path, &part, err);
    if (st == BASE_ENOENT)
        return base_err_set(err, st, "%s: part %u of %u is missing; put it beside %s", path, no + 1,
                            count, g->path);
    if (st != BASE_OK)
        return st;
    g->parts[g->n_parts++] = part;
    st = check_part(g, part, no, count, err);
    return st == BASE_OK ? eng_gguf_join(g, part, err) : st;
}

static enum base_status open_others(struct eng_gguf *g, uint32_t count, struct base_err *err)
{
    char stem[4096];
    uint32_t no = 0, all = 0;
    if (count > PARTS_MAX)
        return base_err_set(err, BASE_EINVAL, "%s: it claims to be one of %u parts", g->path,
                            count);
    if (eng_gguf_u32(g, "split.no", &no) == BASE_OK && no != 0)
        return base_err_set(err, BASE_EINVAL,
                            "%s: this is part %llu of %u of a split model; open the first, whose "
                            "name ends in -00001-of-%05u.gguf",
                            g->path, (unsigned long long)no + 1, count, count);
    if (!stem_of(g->path, count, stem))
        return base_err_set(err, BASE_EINVAL,
                            "%s: this is the first of %u parts of a split model; its name must end "
                            "in -00001-of-%05u.gguf, and those of the others likewise",
                            g->path, count, count);
    enum base_status st = check_part(g, g, 0, count, err);
    if (st != BASE_OK)
        return st;
    g->parts = calloc(count, sizeof(struct eng_gguf *));
    if (!g->parts)
        return no_memory(g->path, err);
    for (uint32_t i = 1; i < count && st == BASE_OK; i++)
        st = open_part(g, stem, i, count, err);
    if (st == BASE_OK && eng_gguf_u32(g, "split.tensors.count", &all) == BASE_OK &&
        all != g->n_tensors)
        st = base_err_set(err, BASE_EINVAL,
                          "%s: its %u parts have %zu tensors together, not the %u that it says",
                          g->path, count, g->n_tensors, all);
    return st;
}

enum base_status eng_gguf_open(const char *path, struct eng_gguf **out, struct base_err *err)
{
    struct eng_gguf *g;
    uint32_t count = 0;
    *out = NULL;
    enum base_status st = open_one(path, &g, err);
    if (st == BASE_OK && eng_gguf_u32(g, "split.count", &count) == BASE_OK && count > 1)
        st = open_others(g, count, err);
    if (st == BASE_OK)
        *out = g;
    else
        eng_gguf_free(g);
    return st;
}

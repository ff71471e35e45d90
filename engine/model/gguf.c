/* gguf.c - reading GGUF files.
 *
 * Owns two small indexes (key -> value, name -> tensor) over the bytes of a file, which gguf_open.c
 * maps. Runs wherever a model is opened; after that all is read-only.
 *
 * The format, little endian: "GGUF", u32 version (2 or 3, same layout), u64 tensor count, u64 key
 * count; the keys: string key, u32 kind, value (a string is u64 length + bytes; an array is u32
 * kind, u64 count, elements); the tensors: string name, u32 dimensions, u64 ne[...], u32 type, u64
 * offset; padding to general.alignment (default 32); data, offsets relative to its start.
 *
 * The file is hostile until proven otherwise. One cursor walks it and never passes its end; counts
 * are held against what is left of the file before anything is allocated for them, so memory is
 * bounded by a small multiple of the file; products are checked for overflow; names and keys are
 * unique (looked up in a hash with a random seed, so that a file cannot be made to collide).
 * What cannot be defended: a file that another process shortens while it is mapped (SIGBUS); model
 * files are therefore read by the engine's own process.
 */
#include "engine/model/gguf_int.h"

#include "base/clock.h"
#include "engine/model/quant.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define KV_MAX     65536
#define KEY_MAX    1024
#define NAME_MAX_N 256
#define ALIGN_MAX  (1u << 20)

struct cursor {
    const uint8_t *p;
    const uint8_t *end;
};

static size_t left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}

static uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t load_u64(const uint8_t *p)
{
    return load_u32(p) | (uint64_t)load_u32(p + 4) << 32;
}

static bool get_u32(struct cursor *c, uint32_t *v)
{
    if (left(c) < 4)
        return false;
    *v = load_u32(c->p);
    c->p += 4;
    return true;
}

static bool get_u64(struct cursor *c, uint64_t *v)
{
    if (left(c) < 8)
        return false;
    *v = load_u64(c->p);
    c->p += 8;
    return true;
}

static bool get_str(struct cursor *c, struct base_str *s)
{
    uint64_t n;
    if (!get_u64(c, &n) || n > left(c))
        return false;
    *s = base_str_n(c->p, (size_t)n);
    c->p += n;
    return true;
}

/* ---- index ---- */

static uint64_t hash(uint64_t seed, struct base_str s)
{
    uint64_t h = seed;
    for (size_t i = 0; i < s.n; i++) {
        h = (h ^ (uint8_t)s.p[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h ^ h >> 32;
}

static bool index_init(struct eng_gguf_index *x, size_t n)
{
    size_t cap = 16;
    while (cap < 2 * n)
        cap *= 2;
    x->slot = calloc(cap, sizeof(*x->slot));
    x->mask = cap - 1;
    return x->slot != NULL;
}

/* The slot of the entry called s, or the empty slot where it would go. */
static uint32_t *index_kv(const struct eng_gguf *g, struct base_str s)
{
    size_t i = (size_t)hash(g->seed, s) & g->kv_index.mask;
    while (g->kv_index.slot[i] && !base_str_eq(g->kv[g->kv_index.slot[i] - 1].key, s))
        i = (i + 1) & g->kv_index.mask;
    return &g->kv_index.slot[i];
}

static uint32_t *index_tensor(const struct eng_gguf *g, struct base_str s)
{
    size_t i = (size_t)hash(g->seed, s) & g->tensor_index.mask;
    while (g->tensor_index.slot[i] && !base_str_eq(g->tensors[g->tensor_index.slot[i] - 1].name, s))
        i = (i + 1) & g->tensor_index.mask;
    return &g->tensor_index.slot[i];
}

/* ---- values ---- */

/* Bytes of one value of a fixed-size kind, 0 for strings, arrays and unknown kinds. */
static size_t kind_bytes(uint32_t kind)
{
    static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return kind < sizeof(bytes) ? bytes[kind] : 0;
}

static bool skip_value(struct cursor *c, uint32_t kind, uint64_t n)
{
    if (kind == ENG_GGUF_STRING) {
        struct base_str s;
        if (n > left(c) / 8)
            return false;
        for (uint64_t i = 0; i < n; i++)
            if (!get_str(c, &s))
                return false;
        return true;
    }
    size_t each = kind_bytes(kind);
    if (!each || n > left(c) / each)
        return false;
    if (kind == ENG_GGUF_BOOL)
        for (uint64_t i = 0; i < n; i++)
            if (c->p[i] > 1)
                return false;
    c->p += n * each;
    return true;
}

static enum base_status read_kv(struct eng_gguf *g, struct cursor *c, struct eng_gguf_kv *kv,
                                struct base_err *err)
{
    uint32_t kind, elem = 0;
    uint64_t n = 1;
    if (!get_str(c, &kv->key) || !get_u32(c, &kind))
        return base_err_set(err, BASE_EINVAL,
                            "%s: metadata entry %zu is cut off: the file is incomplete or damaged; "
                            "download it again",
                            g->path, g->n_kv);
    if (kv->key.n == 0 || kv->key.n > KEY_MAX)
        return base_err_set(err, BASE_EINVAL, "%s: metadata entry %zu has a key of %zu bytes",
                            g->path, g->n_kv, kv->key.n);
    if (kind == ENG_GGUF_ARRAY) {
        if (!get_u32(c, &elem) || !get_u64(c, &n))
            return base_err_set(err, BASE_EINVAL, "%s: the array \"%.*s\" is cut off", g->path,
                                BASE_FMT(kv->key));
        if (elem != ENG_GGUF_STRING && !kind_bytes(elem))
            return base_err_set(err, BASE_EINVAL,
                                "%s: the array \"%.*s\" has elements of unknown kind %u", g->path,
                                BASE_FMT(kv->key), elem);
    } else if (kind != ENG_GGUF_STRING && !kind_bytes(kind)) {
        return base_err_set(err, BASE_EINVAL, "%s: \"%.*s\" has the unknown kind %u", g->path,
                            BASE_FMT(kv->key), kind);
    }
    kv->kind = (enum eng_gguf_kind)kind;
    kv->elem = (enum eng_gguf_kind)elem;
    kv->n = n;
    kv->data = c->p;
    if (!skip_value(c, kind == ENG_GGUF_ARRAY ? elem : kind, n))
        return base_err_set(err, BASE_EINVAL,
                            "%s: the value of \"%.*s\" does not fit in the file or is malformed",
                            g->path, BASE_FMT(kv->key));
    kv->end = c->p;
    return BASE_OK;
}

static enum base_status read_all_kv(struct eng_gguf *g, struct cursor *c, uint64_t n_kv,
                                    struct base_err *err)
{
    /* key length, kind and one byte of value are the least an entry takes */
    if (n_kv > KV_MAX || n_kv > left(c) / 13)
        return base_err_set(err, BASE_EINVAL, "%s: it claims %llu metadata entries, more than fit",
                            g->path, (unsigned long long)n_kv);
    g->kv = calloc((size_t)n_kv + 1, sizeof(*g->kv));
    if (!g->kv || !index_init(&g->kv_index, (size_t)n_kv))
        return base_err_set(err, BASE_ENOMEM, "%s: out of memory", g->path);
    for (g->n_kv = 0; g->n_kv < n_kv; g->n_kv++) {
        struct eng_gguf_kv *kv = &g->kv[g->n_kv];
        enum base_status st = read_kv(g, c, kv, err);
        if (st != BASE_OK)
            return st;
        uint32_t *slot = index_kv(g, kv->key);
        if (*slot)
            return base_err_set(err, BASE_EINVAL, "%s: the key \"%.*s\" stands in it twice",
                                g->path, BASE_FMT(kv->key));
        *slot = (uint32_t)g->n_kv + 1;
    }
    return BASE_OK;
}

/* ---- tensors ---- */

static enum base_status tensor_size(const struct eng_gguf *g, struct eng_tensor *t,
                                    struct base_err *err)
{
    const struct eng_type_info *ti = eng_type_info(t->type);
    if (!ti)
        return base_err_set(err, BASE_EINVAL, "%s: tensor \"%.*s\" has the unknown type %u",
                            g->path, BASE_FMT(t->name), t->type);
    t->n_values = 1;
    for (uint32_t d = 0; d < 4; d++)
        if (t->ne[d] == 0 || t->ne[d] > INT64_MAX ||
            __builtin_mul_overflow(t->n_values, t->ne[d], &t->n_values) || t->n_values > INT64_MAX)
            return base_err_set(err, BASE_EINVAL,
                                "%s: tensor \"%.*s\" has an impossible shape [%llu, %llu, ...]",
                                g->path, BASE_FMT(t->name), (unsigned long long)t->ne[0],
                                (unsigned long long)t->ne[1]);
    if (t->ne[0] % ti->block_values)
        return base_err_set(err, BASE_EINVAL,
                            "%s: rows of tensor \"%.*s\" have %llu values, not a multiple of the "
                            "%u that a block of %s holds",
                            g->path, BASE_FMT(t->name), (unsigned long long)t->ne[0],
                            ti->block_values, ti->name);
    if (__builtin_mul_overflow(t->ne[0] / ti->block_values, (uint64_t)ti->block_bytes,
                               &t->row_bytes) ||
        __builtin_mul_overflow(t->row_bytes, t->n_values / t->ne[0], &t->nbytes))
        return base_err_set(err, BASE_EINVAL, "%s: the size of tensor \"%.*s\" overflows", g->path,
                            BASE_FMT(t->name));
    return BASE_OK;
}

static enum base_status read_tensor(struct eng_gguf *g, struct cursor *c, struct eng_tensor *t,
                                    uint64_t *offset, struct base_err *err)
{
    bool ok = get_str(c, &t->name) && get_u32(c, &t->n_dims);
    if (ok && (t->name.n == 0 || t->name.n > NAME_MAX_N))
        return base_err_set(err, BASE_EINVAL, "%s: tensor %zu has a name of %zu bytes", g->path,
                            g->n_tensors, t->name.n);
    if (ok && (t->n_dims < 1 || t->n_dims > 4))
        return base_err_set(err, BASE_EINVAL, "%s: tensor \"%.*s\" has %u dimensions", g->path,
                            BASE_FMT(t->name), t->n_dims);
    for (uint32_t d = 0; ok && d < 4; d++) {
        t->ne[d] = 1;
        if (d < t->n_dims)
            ok = get_u64(c, &t->ne[d]);
    }
    if (!ok || !get_u32(c, &t->type) || !get_u64(c, offset))
        return base_err_set(err, BASE_EINVAL,
                            "%s: the description of tensor %zu is cut off: the file is incomplete "
                            "or damaged; download it again",
                            g->path, g->n_tensors);
    return tensor_size(g, t, err);
}

static enum base_status place_tensors(struct eng_gguf *g, struct cursor *c, const uint64_t *offsets,
                                      struct base_err *err)
{
    uint32_t align = 32;
    enum base_status st = eng_gguf_u32(g, "general.alignment", &align);
    if ((st != BASE_OK && st != BASE_ENOENT) || align == 0 || align > ALIGN_MAX ||
        (align & (align - 1)))
        return base_err_set(err, BASE_EINVAL, "%s: general.alignment is no power of two", g->path);
    uint64_t head = (uint64_t)(c->p - g->p);
    uint64_t data = (head + align - 1) / align * align, total = 0;
    if (g->n_tensors && data > g->n)
        return base_err_set(err, BASE_EINVAL, "%s: the file ends before the tensor data", g->path);
    for (size_t i = 0; i < g->n_tensors; i++) {
        struct eng_tensor *t = &g->tensors[i];
        if (offsets[i] % align)
            return base_err_set(err, BASE_EINVAL, "%s: tensor \"%.*s\" is not aligned to %u bytes",
                                g->path, BASE_FMT(t->name), align);
        if (offsets[i] > g->n - data || t->nbytes > g->n - data - offsets[i])
            return base_err_set(err, BASE_EINVAL,
                                "%s: tensor \"%.*s\" reaches past the end of the file: it is "
                                "incomplete or damaged; download it again",
                                g->path, BASE_FMT(t->name));
        /* tensors do not overlap: then what is made from them is bounded by the file as well */
        if (__builtin_add_overflow(total, t->nbytes, &total) || total > g->n - data)
            return base_err_set(err, BASE_EINVAL, "%s: its tensors overlap", g->path);
        t->data = g->p + data + offsets[i];
    }
    return BASE_OK;
}

static enum base_status read_tensors(struct eng_gguf *g, struct cursor *c, uint64_t n,
                                     struct base_err *err)
{
    enum base_status st = BASE_OK;
    uint64_t *offsets = NULL;
    /* name length + 1, dimensions, one extent, type, offset */
    if (n > ENG_GGUF_TENSORS_MAX || n > left(c) / 33)
        return base_err_set(err, BASE_EINVAL, "%s: it claims %llu tensors, more than fit", g->path,
                            (unsigned long long)n);
    g->tensors = calloc((size_t)n + 1, sizeof(*g->tensors));
    offsets = calloc((size_t)n + 1, sizeof(*offsets));
    if (!g->tensors || !offsets || !index_init(&g->tensor_index, (size_t)n)) {
        st = base_err_set(err, BASE_ENOMEM, "%s: out of memory", g->path);
        goto out;
    }
    for (g->n_tensors = 0; g->n_tensors < n; g->n_tensors++) {
        struct eng_tensor *t = &g->tensors[g->n_tensors];
        if ((st = read_tensor(g, c, t, &offsets[g->n_tensors], err)) != BASE_OK)
            goto out;
        uint32_t *slot = index_tensor(g, t->name);
        if (*slot) {
            st = base_err_set(err, BASE_EINVAL, "%s: the tensor \"%.*s\" stands in it twice",
                              g->path, BASE_FMT(t->name));
            goto out;
        }
        *slot = (uint32_t)g->n_tensors + 1;
    }
    st = place_tensors(g, c, offsets, err);
out:
    free(offsets);
    return st;
}

enum base_status eng_gguf_read(struct eng_gguf *g, struct base_err *err)
{
    struct cursor c = {g->p, g->p + g->n};
    uint32_t version;
    uint64_t n_tensors, n_kv;
    if (g->n < 4 || memcmp(g->p, "GGUF", 4) != 0)
        return base_err_set(err, BASE_EINVAL,
                            "%s: this is no GGUF file (it does not start with \"GGUF\")", g->path);
    c.p += 4;
    if (!get_u32(&c, &version))
        return base_err_set(err, BASE_EINVAL, "%s: the file ends within its header", g->path);
    if (version != 2 && version != 3)
        return base_err_set(err, BASE_EINVAL,
                            "%s: GGUF version %u; this build reads versions 2 and 3 (little "
                            "endian): convert the model again",
                            g->path, version);
    if (!get_u64(&c, &n_tensors) || !get_u64(&c, &n_kv))
        return base_err_set(err, BASE_EINVAL, "%s: the file ends within its header", g->path);
    enum base_status st = read_all_kv(g, &c, n_kv, err);
    if (st != BASE_OK)
        return st;
    return read_tensors(g, &c, n_tensors, err);
}

struct eng_gguf *eng_gguf_new(const char *name)
{
    struct eng_gguf *g = calloc(1, sizeof(*g));
    if (g)
        g->path = strdup(name);
    if (!g || !g->path) {
        free(g);
        return NULL;
    }
    base_random(&g->seed, sizeof(g->seed));
    return g;
}

enum base_status eng_gguf_join(struct eng_gguf *g, const struct eng_gguf *other,
                               struct base_err *err)
{
    size_t n = g->n_tensors + other->n_tensors;
    struct eng_gguf_index old = g->tensor_index;
    struct eng_tensor *all =
        n <= ENG_GGUF_TENSORS_MAX ? realloc(g->tensors, (n + 1) * sizeof(*all)) : NULL;
    if (!all || (g->tensors = all, !index_init(&g->tensor_index, n))) {
        g->tensor_index = old;
        return base_err_set(err, n <= ENG_GGUF_TENSORS_MAX ? BASE_ENOMEM : BASE_EINVAL,
                            "%s: no room for %zu tensors", g->path, n);
    }
    free(old.slot);
    memcpy(all + g->n_tensors, other->tensors, other->n_tensors * sizeof(*all));
    for (size_t i = 0; i < n; i++) {
        uint32_t *slot = index_tensor(g, all[i].name);
        if (*slot)
            return base_err_set(err, BASE_EINVAL,
                                "%s: the tensor \"%.*s\" stands in another part too", other->path,
                                BASE_FMT(all[i].name));
        *slot = (uint32_t)i + 1;
    }
    g->n_tensors = n;
    return BASE_OK;
}

void eng_gguf_free(struct eng_gguf *g)
{
    if (!g)
        return;
    for (uint32_t i = 0; i < g->n_parts; i++)
        eng_gguf_free(g->parts[i]);
    free(g->parts);
    if (g->mapped)
        munmap((void *)(uintptr_t)g->p, g->n);
    free(g->path);
    free(g->kv);
    free(g->tensors);
    free(g->kv_index.slot);
    free(g->tensor_index.slot);
    free(g);
}

/* ---- access ---- */

const char *eng_gguf_path(const struct eng_gguf *g)
{
    return g->path;
}

uint64_t eng_gguf_file_bytes(const struct eng_gguf *g)
{
    uint64_t n = g->n;
    for (uint32_t i = 0; i < g->n_parts; i++)
        n += g->parts[i]->n;
    return n;
}

size_t eng_gguf_n_kv(const struct eng_gguf *g)
{
    return g->n_kv;
}

const struct eng_gguf_kv *eng_gguf_kv_at(const struct eng_gguf *g, size_t i)
{
    return &g->kv[i];
}

size_t eng_gguf_n_tensors(const struct eng_gguf *g)
{
    return g->n_tensors;
}

const struct eng_tensor *eng_gguf_tensor_at(const struct eng_gguf *g, size_t i)
{
    return &g->tensors[i];
}

const struct eng_gguf_kv *eng_gguf_find(const struct eng_gguf *g, const char *key)
{
    uint32_t slot = *index_kv(g, base_str_c(key));
    return slot ? &g->kv[slot - 1] : NULL;
}

const struct eng_tensor *eng_gguf_tensor(const struct eng_gguf *g, const char *name)
{
    uint32_t slot = *index_tensor(g, base_str_c(name));
    return slot ? &g->tensors[slot - 1] : NULL;
}

enum base_status eng_gguf_elem_i64(const struct eng_gguf_kv *kv, uint64_t i, int64_t *out)
{
    uint32_t kind = kv->kind == ENG_GGUF_ARRAY ? kv->elem : kv->kind;
    if (i >= kv->n)
        return BASE_ENOENT;
    const uint8_t *p = kv->data + i * kind_bytes(kind);
    switch (kind) {
    case ENG_GGUF_U8:
    case ENG_GGUF_BOOL:
        *out = p[0];
        return BASE_OK;
    case ENG_GGUF_I8:
        *out = (int8_t)p[0];
        return BASE_OK;
    case ENG_GGUF_U16:
        *out = p[0] | p[1] << 8;
        return BASE_OK;
    case ENG_GGUF_I16:
        *out = (int16_t)(p[0] | p[1] << 8);
        return BASE_OK;
    case ENG_GGUF_U32:
        *out = load_u32(p);
        return BASE_OK;
    case ENG_GGUF_I32:
        *out = (int32_t)load_u32(p);
        return BASE_OK;
    case ENG_GGUF_U64:
        if (load_u64(p) > INT64_MAX)
            return BASE_EINVAL;
        *out = (int64_t)load_u64(p);
        return BASE_OK;
    case ENG_GGUF_I64:
        *out = (int64_t)load_u64(p);
        return BASE_OK;
    default:
        return BASE_EINVAL;
    }
}

enum base_status eng_gguf_elem_f32(const struct eng_gguf_kv *kv, uint64_t i, float *out)
{
    uint32_t kind = kv->kind == ENG_GGUF_ARRAY ? kv->elem : kv->kind;
    if (i >= kv->n)
        return BASE_ENOENT;
    const uint8_t *p = kv->data + i * kind_bytes(kind);
    if (kind == ENG_GGUF_F32) {
        uint32_t u = load_u32(p);
        memcpy(out, &u, 4);
        return BASE_OK;
    }
    if (kind == ENG_GGUF_F64) {
        uint64_t u = load_u64(p);
        double d;
        memcpy(&d, &u, 8);
        *out = (float)d;
        return BASE_OK;
    }
    int64_t v;
    enum base_status st = eng_gguf_elem_i64(kv, i, &v);
    if (st == BASE_OK)
        *out = (float)v;
    return st;
}

enum base_status eng_gguf_u32(const struct eng_gguf *g, const char *key, uint32_t *out)
{
    const struct eng_gguf_kv *kv = eng_gguf_find(g, key);
    int64_t v;
    if (!kv)
        return BASE_ENOENT;
    if (kv->kind == ENG_GGUF_ARRAY || kv->kind == ENG_GGUF_BOOL ||
        eng_gguf_elem_i64(kv, 0, &v) != BASE_OK || v < 0 || v > UINT32_MAX)
        return BASE_EINVAL;
    *out = (uint32_t)v;
    return BASE_OK;
}

enum base_status eng_gguf_f32(const struct eng_gguf *g, const char *key, float *out)
{
    const struct eng_gguf_kv *kv = eng_gguf_find(g, key);
    if (!kv)
        return BASE_ENOENT;
    if (kv->kind == ENG_GGUF_ARRAY || kv->kind == ENG_GGUF_BOOL)
        return BASE_EINVAL;
    return eng_gguf_elem_f32(kv, 0, out);
}

enum base_status eng_gguf_bool(const struct eng_gguf *g, const char *key, bool *out)
{
    const struct eng_gguf_kv *kv = eng_gguf_find(g, key);
    if (!kv)
        return BASE_ENOENT;
    if (kv->kind != ENG_GGUF_BOOL)
        return BASE_EINVAL;
    *out = kv->data[0] != 0;
    return BASE_OK;
}

enum base_status eng_gguf_str(const struct eng_gguf *g, const char *key, struct base_str *out)
{
    const struct eng_gguf_kv *kv = eng_gguf_find(g, key);
    if (!kv)
        return BASE_ENOENT;
    if (kv->kind != ENG_GGUF_STRING)
        return BASE_EINVAL;
    *out = base_str_n(kv->data + 8, (size_t)load_u64(kv->data));
    return BASE_OK;
}

enum base_status eng_gguf_strs(const struct eng_gguf *g, const char *key, struct eng_gguf_strs *out)
{
    const struct eng_gguf_kv *kv = eng_gguf_find(g, key);
    if (!kv)
        return BASE_ENOENT;
    if (kv->kind != ENG_GGUF_ARRAY || kv->elem != ENG_GGUF_STRING)
        return BASE_EINVAL;
    *out = (struct eng_gguf_strs){kv->n, 0, kv->data};
    return BASE_OK;
}

bool eng_gguf_strs_next(struct eng_gguf_strs *it, struct base_str *out)
{
    if (it->i >= it->n)
        return false;
    uint64_t n = load_u64(it->at);
    *out = base_str_n(it->at + 8, (size_t)n);
    it->at += 8 + n;
    it->i++;
    return true;
}

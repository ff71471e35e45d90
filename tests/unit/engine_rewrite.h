/* engine_rewrite.h - GGUF files made from others: for tests of forms that no fixture has, and of
 * files that lack something.
 *
 * struct rewrite holds the keys (as bytes) and tensors (borrowing from the open source) to be
 * written; a test adds, drops and replaces them and writes the file. Functions fail the test.
 */
#ifndef TESTS_ENGINE_REWRITE_H
#define TESTS_ENGINE_REWRITE_H

#include "tests/unit/engine_fixture.h"

#define REWRITE_MAX 512

struct rewrite_tensor {
    char name[80];
    uint32_t type, n_dims;
    uint64_t ne[4], nbytes;
    const void *data;
};

struct rewrite {
    struct eng_gguf *from;
    struct base_buf kv; /* entries as in a file */
    uint64_t n_kv;
    struct rewrite_tensor t[REWRITE_MAX];
    size_t n;
    void *own[REWRITE_MAX]; /* data made for the new file */
    size_t n_own;
};

static inline void rw_put(struct base_buf *b, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        (void)base_buf_byte(b, (uint8_t)(v >> 8 * i));
}

static inline void rw_str(struct base_buf *b, struct base_str s)
{
    rw_put(b, s.n, 8);
    (void)base_buf_add(b, s.p, s.n);
}

/* All keys but those called drop (or starting with it, if it ends in '*'), and all tensors. */
static inline void rewrite_open(struct rewrite *w, const char *path, const char *drop)
{
    struct base_err err = {0};
    memset(w, 0, sizeof(*w));
    if (eng_gguf_open(path, &w->from, &err) != BASE_OK)
        fail_msg("%s", err.text);
    base_buf_init(&w->kv, 64u << 20);
    for (size_t i = 0; i < eng_gguf_n_kv(w->from); i++) {
        const struct eng_gguf_kv *kv = eng_gguf_kv_at(w->from, i);
        if (drop && base_str_is(kv->key, drop))
            continue;
        rw_str(&w->kv, kv->key);
        rw_put(&w->kv, kv->kind, 4);
        if (kv->kind == ENG_GGUF_ARRAY) {
            rw_put(&w->kv, kv->elem, 4);
            rw_put(&w->kv, kv->n, 8);
        }
        (void)base_buf_add(&w->kv, kv->data, (size_t)(kv->end - kv->data));
        w->n_kv++;
    }
    assert_true(eng_gguf_n_tensors(w->from) < REWRITE_MAX);
    for (size_t i = 0; i < eng_gguf_n_tensors(w->from); i++) {
        const struct eng_tensor *t = eng_gguf_tensor_at(w->from, i);
        struct rewrite_tensor *to = &w->t[w->n++];
        snprintf(to->name, sizeof(to->name), "%.*s", BASE_FMT(t->name));
        to->type = t->type;
        to->n_dims = t->n_dims;
        memcpy(to->ne, t->ne, sizeof(to->ne));
        to->nbytes = t->nbytes;
        to->data = t->data;
    }
}

static inline void rewrite_close(struct rewrite *w)
{
    for (size_t i = 0; i < w->n_own; i++)
        free(w->own[i]);
    base_buf_release(&w->kv);
    eng_gguf_free(w->from);
}

/* A key with an integer of `kind` (U16, U32 or I32). */
static inline void rewrite_int(struct rewrite *w, const char *key, enum eng_gguf_kind kind,
                               uint32_t v)
{
    rw_str(&w->kv, base_str_c(key));
    rw_put(&w->kv, kind, 4);
    rw_put(&w->kv, v, kind == ENG_GGUF_U16 ? 2 : 4);
    w->n_kv++;
}

static inline struct rewrite_tensor *rewrite_find(struct rewrite *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->t[i].name, name) == 0)
            return &w->t[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static inline bool rewrite_has(const struct rewrite *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->t[i].name, name) == 0)
            return true;
    return false;
}

static inline struct rewrite_tensor rewrite_take(struct rewrite *w, const char *name)
{
    struct rewrite_tensor *t = rewrite_find(w, name), old = *t;
    *t = w->t[--w->n];
    return old;
}

/* A new tensor like `like` with these extents; its data is uninitialised memory of its own. */
static inline void *rewrite_add(struct rewrite *w, const char *name, struct rewrite_tensor like,
                                uint64_t ne0, uint64_t ne1, uint64_t nbytes)
{
    assert_true(w->n < REWRITE_MAX && w->n_own < REWRITE_MAX);
    void *data = w->own[w->n_own++] = malloc(nbytes);
    assert_non_null(data);
    struct rewrite_tensor *t = &w->t[w->n++];
    *t = (struct rewrite_tensor){.type = like.type,
                                 .n_dims = ne1 > 1 ? 2 : 1,
                                 .ne = {ne0, ne1, 1, 1},
                                 .nbytes = nbytes,
                                 .data = data};
    snprintf(t->name, sizeof(t->name), "%s", name);
    return data;
}

/* The file with tensors first..first + n and, if keys, all keys; else only those in `more`. */
static inline void rewrite_write(const struct rewrite *w, const char *path, size_t first, size_t n,
                                 bool keys, const struct rewrite *more)
{
    struct base_buf b;
    struct base_err err = {0};
    uint64_t at = 0, n_kv = (keys ? w->n_kv : 0) + (more ? more->n_kv : 0);
    base_buf_init(&b, 64u << 20);
    (void)base_buf_add(&b, "GGUF", 4);
    rw_put(&b, 3, 4);
    rw_put(&b, n, 8);
    rw_put(&b, n_kv, 8);
    if (keys)
        (void)base_buf_add(&b, w->kv.p, w->kv.n);
    if (more)
        (void)base_buf_add(&b, more->kv.p, more->kv.n);
    for (size_t i = first; i < first + n; i++) {
        const struct rewrite_tensor *t = &w->t[i];
        rw_str(&b, base_str_c(t->name));
        rw_put(&b, t->n_dims, 4);
        for (uint32_t d = 0; d < t->n_dims; d++)
            rw_put(&b, t->ne[d], 8);
        rw_put(&b, t->type, 4);
        rw_put(&b, at, 8);
        at += (t->nbytes + 31) / 32 * 32;
    }
    while (b.n % 32)
        (void)base_buf_byte(&b, 0);
    for (size_t i = first; i < first + n; i++) {
        (void)base_buf_add(&b, w->t[i].data, w->t[i].nbytes);
        while (b.n % 32)
            (void)base_buf_byte(&b, 0);
    }
    assert_true(base_buf_ok(&b));
    if (base_file_replace(path, base_buf_view(&b), 0600, &err) != BASE_OK)
        fail_msg("%s", err.text);
    base_buf_release(&b);
}

static inline void rewrite_all(const struct rewrite *w, const char *path)
{
    rewrite_write(w, path, 0, w->n, true, NULL);
}

#endif

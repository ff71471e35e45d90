/* Goal: no model file crashes the reader, and all that it hands out lies in the file.
 *
 * Method: the input is a whole file in memory. What parses is walked: every key, name, value, array
 * element and tensor must lie between the file's first byte and its last. */
#include "engine/model/gguf.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *first, *last;

static void inside(const void *p, uint64_t n)
{
    const uint8_t *at = p;
    if (n > 0 && (at < first || at > last || n > (uint64_t)(last - at)))
        abort();
}

static void walk_kv(const struct eng_gguf *g, const struct eng_gguf_kv *kv)
{
    struct eng_gguf_strs it;
    struct base_str s;
    char key[256];
    int64_t i64;
    float f32;
    bool b;
    inside(kv->key.p, kv->key.n);
    if (kv->end < kv->data)
        abort();
    inside(kv->data, (uint64_t)(kv->end - kv->data));
    for (uint64_t i = 0; i < kv->n && i < 1000; i++) {
        enum base_status a = eng_gguf_elem_i64(kv, i, &i64), c = eng_gguf_elem_f32(kv, i, &f32);
        if (a == BASE_OK && c != BASE_OK) /* every integer is a number */
            abort();
    }
    if (kv->key.n >= sizeof key || memchr(kv->key.p, 0, kv->key.n))
        return;
    memcpy(key, kv->key.p, kv->key.n);
    key[kv->key.n] = '\0';
    uint32_t u32;
    if (eng_gguf_str(g, key, &s) == BASE_OK)
        inside(s.p, s.n);
    (void)!(eng_gguf_u32(g, key, &u32) + eng_gguf_bool(g, key, &b) + eng_gguf_f32(g, key, &f32));
    if (eng_gguf_strs(g, key, &it) == BASE_OK)
        while (eng_gguf_strs_next(&it, &s))
            inside(s.p, s.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eng_gguf *g;
    struct base_err err;

    first = data;
    last = data + size;
    if (eng_gguf_parse("fuzz", data, size, &g, &err) != BASE_OK)
        return 0;
    for (size_t i = 0; i < eng_gguf_n_kv(g); i++)
        walk_kv(g, eng_gguf_kv_at(g, i));
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const struct eng_tensor *t = eng_gguf_tensor_at(g, i);
        inside(t->name.p, t->name.n);
        inside(t->data, t->nbytes);
        if (t->n_dims < 1 || t->n_dims > 4 || t->nbytes % t->row_bytes != 0)
            abort();
        for (int d = 0; d < 4; d++)
            if (t->ne[d] == 0)
                abort();
    }
    eng_gguf_free(g);
    return 0;
}

/* gguf_int.h - the inside of an open file, shared by gguf.c and gguf_open.c only.
 */
#ifndef ENG_GGUF_INT_H
#define ENG_GGUF_INT_H

#include "engine/model/gguf.h"

#define ENG_GGUF_TENSORS_MAX 262144

struct eng_gguf_index {
    uint32_t *slot; /* 0 = empty, else entry + 1 */
    size_t mask;
};

struct eng_gguf {
    char *path;
    const uint8_t *p;
    size_t n;
    bool mapped;
    uint64_t seed;
    struct eng_gguf_kv *kv;
    size_t n_kv;
    struct eng_tensor *tensors;
    size_t n_tensors;
    struct eng_gguf_index kv_index, tensor_index;
    struct eng_gguf **parts; /* of a split model: parts 2.., whose tensors are in ours too; owned */
    uint32_t n_parts;
};

/* The keys and tensors of the file at g->p, which may be one part of several. */
enum base_status eng_gguf_read(struct eng_gguf *g, struct base_err *err) BASE_MUST_CHECK;
/* An empty g called name, or NULL. */
struct eng_gguf *eng_gguf_new(const char *name);
/* Appends other's tensors to g's; they stay in other's mapping. A name that both have is an error.
 */
enum base_status eng_gguf_join(struct eng_gguf *g, const struct eng_gguf *other,
                               struct base_err *err) BASE_MUST_CHECK;

#endif

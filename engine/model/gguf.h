/* gguf.h - reading a GGUF file (v2, v3): typed metadata and tensors, mapped read-only.
 *
 * The file is untrusted: every count, length, offset and shape is checked against the size of the
 * file before it is used, so that after eng_gguf_open all that is handed out lies in the mapping.
 * Strings and tensor data borrow from the mapping and live as long as the eng_gguf. Read-only and
 * therefore thread safe after opening.
 */
#ifndef ENG_GGUF_H
#define ENG_GGUF_H

#include "base/err.h"
#include "base/str.h"

/* ids as in the file */
enum eng_gguf_kind {
    ENG_GGUF_U8 = 0,
    ENG_GGUF_I8 = 1,
    ENG_GGUF_U16 = 2,
    ENG_GGUF_I16 = 3,
    ENG_GGUF_U32 = 4,
    ENG_GGUF_I32 = 5,
    ENG_GGUF_F32 = 6,
    ENG_GGUF_BOOL = 7,
    ENG_GGUF_STRING = 8,
    ENG_GGUF_ARRAY = 9,
    ENG_GGUF_U64 = 10,
    ENG_GGUF_I64 = 11,
    ENG_GGUF_F64 = 12
};

struct eng_gguf;

struct eng_gguf_kv {
    struct base_str key;
    enum eng_gguf_kind kind;
    enum eng_gguf_kind elem; /* of an array */
    uint64_t n;              /* elements of an array; 1 otherwise */
    const uint8_t *data;     /* the (first) value as it stands in the file; unaligned */
    const uint8_t *end;      /* just behind the value */
};

struct eng_tensor {
    struct base_str name;
    uint32_t type;       /* enum eng_type of quant.h, checked to be a known one */
    uint32_t n_dims;     /* 1 to 4 */
    uint64_t ne[4];      /* ne[0] is the fastest; unused ones are 1; all > 0 */
    const uint8_t *data; /* in the mapping; nbytes of it are there */
    uint64_t row_bytes;  /* ne[0] values */
    uint64_t nbytes;
    uint64_t n_values;
};

/* Maps and checks path, and with the first part of a split model (NAME-00001-of-0000N.gguf) all the
 * others, which must lie beside it. Errors name the file and what is wrong with it: BASE_EINVAL for
 * content, BASE_ENOENT, BASE_EIO, BASE_ENOMEM. */
enum base_status eng_gguf_open(const char *path, struct eng_gguf **out,
                               struct base_err *err) BASE_MUST_CHECK;
/* As open, over bytes that stay the caller's (tests, fuzzing); `name` stands for the path. A part
 * of a split model is refused. */
enum base_status eng_gguf_parse(const char *name, const void *bytes, size_t n,
                                struct eng_gguf **out, struct base_err *err) BASE_MUST_CHECK;
void eng_gguf_free(struct eng_gguf *g);

const char *eng_gguf_path(const struct eng_gguf *g);
/* Of all parts. */
uint64_t eng_gguf_file_bytes(const struct eng_gguf *g);
size_t eng_gguf_n_kv(const struct eng_gguf *g);
const struct eng_gguf_kv *eng_gguf_kv_at(const struct eng_gguf *g, size_t i);
size_t eng_gguf_n_tensors(const struct eng_gguf *g);
const struct eng_tensor *eng_gguf_tensor_at(const struct eng_gguf *g, size_t i);
/* NULL if there is none. */
const struct eng_gguf_kv *eng_gguf_find(const struct eng_gguf *g, const char *key);
const struct eng_tensor *eng_gguf_tensor(const struct eng_gguf *g, const char *name);

/* Typed getters: BASE_OK and *out; BASE_ENOENT if the key is absent; BASE_EINVAL if it has another
 * type or does not fit (any integer type that holds the value is accepted as integer, any number
 * as f32). *out is untouched unless BASE_OK. */
enum base_status eng_gguf_u32(const struct eng_gguf *g, const char *key, uint32_t *out);
enum base_status eng_gguf_f32(const struct eng_gguf *g, const char *key, float *out);
enum base_status eng_gguf_bool(const struct eng_gguf *g, const char *key, bool *out);
enum base_status eng_gguf_str(const struct eng_gguf *g, const char *key, struct base_str *out);

/* Element i of an integer or number array (i < kv->n), or of a scalar with i = 0. */
enum base_status eng_gguf_elem_i64(const struct eng_gguf_kv *kv, uint64_t i, int64_t *out);
enum base_status eng_gguf_elem_f32(const struct eng_gguf_kv *kv, uint64_t i, float *out);

/* Walks a string array (strings vary in length, so there is no random access):
 *     struct eng_gguf_strs it;
 *     if (eng_gguf_strs(g, "tokenizer.ggml.tokens", &it) == BASE_OK)
 *         while (eng_gguf_strs_next(&it, &s)) ...
 * The number of strings is it.n from the start. */
struct eng_gguf_strs {
    uint64_t n;
    uint64_t i;
    const uint8_t *at;
};
enum base_status eng_gguf_strs(const struct eng_gguf *g, const char *key,
                               struct eng_gguf_strs *out);
bool eng_gguf_strs_next(struct eng_gguf_strs *it, struct base_str *out);

#endif

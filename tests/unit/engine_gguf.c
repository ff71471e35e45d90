/* Goal: a GGUF file that does not hold is refused with an error that says what is wrong and in
 * which file; nothing reads outside the mapping or takes memory that the file does not justify.
 * Method: a small writer makes valid files in memory, each case breaks one thing; every prefix of a
 * valid file and every single-byte change in its head are tried too (under the sanitizers this is
 * where a missing check shows). The bytes are in a heap block of their exact size.
 */
#include "engine/model/gguf.h"
#include "engine/model/quant.h"

#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// cmocka needs the headers above first
#include <cmocka.h>

static void put32(struct base_buf *b, uint32_t v)
{
    base_buf_add(b, &v, 4);
}

static void put64(struct base_buf *b, uint64_t v)
{
    base_buf_add(b, &v, 8);
}

static void puts_(struct base_buf *b, const char *s)
{
    put64(b, strlen(s));
    base_buf_z(b, s);
}

static void head(struct base_buf *b, uint32_t version, uint64_t n_tensors, uint64_t n_kv)
{
    base_buf_init(b, 1u << 20);
    base_buf_z(b, "GGUF");
    put32(b, version);
    put64(b, n_tensors);
    put64(b, n_kv);
}

static void kv_u32(struct base_buf *b, const char *key, uint32_t v)
{
    puts_(b, key);
    put32(b, ENG_GGUF_U32);
    put32(b, v);
}

static void tensor(struct base_buf *b, const char *name, uint32_t type, uint64_t ne0, uint64_t ne1,
                   uint64_t offset)
{
    puts_(b, name);
    put32(b, 2);
    put64(b, ne0);
    put64(b, ne1);
    put32(b, type);
    put64(b, offset);
}

static void data(struct base_buf *b, size_t n)
{
    while (b->n % 32)
        base_buf_byte(b, 0);
    for (size_t i = 0; i < n; i++)
        base_buf_byte(b, (char)i);
}

/* Parses a copy of exact size; returns the status and keeps the error's text. */
static char text[BASE_ERR_TEXT_MAX];
static enum base_status try_bytes(const void *p, size_t n)
{
    struct eng_gguf *g = NULL;
    struct base_err err = {0};
    uint8_t *copy = malloc(n + !n);
    assert_non_null(copy);
    memcpy(copy, p, n);
    enum base_status st = eng_gguf_parse("some.gguf", copy, n, &g, &err);
    assert_true((st == BASE_OK) == (g != NULL));
    if (st != BASE_OK) {
        assert_int_equal(st, err.code);
        assert_non_null(strstr(err.text, "some.gguf: "));
    }
    memcpy(text, err.text, sizeof(text));
    eng_gguf_free(g);
    free(copy);
    return st;
}

static void refused(struct base_buf *b, const char *says)
{
    assert_true(base_buf_ok(b));
    assert_int_equal(try_bytes(b->p, b->n), BASE_EINVAL);
    if (!strstr(text, says))
        fail_msg("\"%s\" does not say \"%s\"", text, says);
    base_buf_release(b);
}

/* A valid file: all kinds of values, two tensors. */
static void valid(struct base_buf *b)
{
    head(b, 3, 2, 6);
    kv_u32(b, "a.u32", 7);
    puts_(b, "a.f32");
    put32(b, ENG_GGUF_F32);
    put32(b, 0x3fc00000);
    puts_(b, "a.flag");
    put32(b, ENG_GGUF_BOOL);
    base_buf_byte(b, 1);
    puts_(b, "a.name");
    put32(b, ENG_GGUF_STRING);
    puts_(b, "hello");
    puts_(b, "a.words");
    put32(b, ENG_GGUF_ARRAY);
    put32(b, ENG_GGUF_STRING);
    put64(b, 3);
    puts_(b, "x");
    puts_(b, "");
    puts_(b, "zz");
    puts_(b, "a.ints");
    put32(b, ENG_GGUF_ARRAY);
    put32(b, ENG_GGUF_I16);
    put64(b, 2);
    base_buf_add(b, "\xff\xff\x05\x00", 4);
    tensor(b, "one", ENG_F32, 4, 2, 0);
    tensor(b, "two", ENG_Q4_0, 32, 2, 32);
    data(b, 32 + 36);
}

static void reads_what_is_there(void **state)
{
    (void)state;
    struct base_buf b;
    struct eng_gguf *g;
    struct base_err err;
    uint32_t u = 0;
    float f = 0;
    bool flag = false;
    int64_t i64 = 0;
    struct base_str s;
    valid(&b);
    assert_int_equal(eng_gguf_parse("v", b.p, b.n, &g, &err), BASE_OK);
    assert_int_equal(eng_gguf_n_kv(g), 6);
    assert_int_equal(eng_gguf_u32(g, "a.u32", &u), BASE_OK);
    assert_int_equal(u, 7);
    assert_int_equal(eng_gguf_u32(g, "a.f32", &u), BASE_EINVAL);
    assert_int_equal(eng_gguf_u32(g, "none", &u), BASE_ENOENT);
    assert_int_equal(eng_gguf_f32(g, "a.f32", &f), BASE_OK);
    assert_true(f == 1.5f);
    assert_int_equal(eng_gguf_f32(g, "a.u32", &f), BASE_OK);
    assert_true(f == 7);
    assert_int_equal(eng_gguf_bool(g, "a.flag", &flag), BASE_OK);
    assert_true(flag);
    assert_int_equal(eng_gguf_bool(g, "a.u32", &flag), BASE_EINVAL);
    assert_int_equal(eng_gguf_str(g, "a.name", &s), BASE_OK);
    assert_true(base_str_is(s, "hello"));
    struct eng_gguf_strs it;
    assert_int_equal(eng_gguf_strs(g, "a.words", &it), BASE_OK);
    assert_int_equal(it.n, 3);
    assert_true(eng_gguf_strs_next(&it, &s) && base_str_is(s, "x"));
    assert_true(eng_gguf_strs_next(&it, &s) && s.n == 0);
    assert_true(eng_gguf_strs_next(&it, &s) && base_str_is(s, "zz"));
    assert_false(eng_gguf_strs_next(&it, &s));
    const struct eng_gguf_kv *kv = eng_gguf_find(g, "a.ints");
    assert_int_equal(eng_gguf_elem_i64(kv, 0, &i64), BASE_OK);
    assert_int_equal(i64, -1);
    assert_int_equal(eng_gguf_elem_i64(kv, 2, &i64), BASE_ENOENT);
    const struct eng_tensor *t = eng_gguf_tensor(g, "two");
    assert_int_equal(t->nbytes, 36);
    assert_int_equal(t->data[0], 32);
    assert_null(eng_gguf_tensor(g, "three"));
    eng_gguf_free(g);
    base_buf_release(&b);
}

static void refuses_bad_heads(void **state)
{
    (void)state;
    struct base_buf b;
    base_buf_init(&b, 100);
    base_buf_z(&b, "GGML not this one, long enough");
    refused(&b, "no GGUF file");
    head(&b, 1, 0, 0);
    refused(&b, "version 1");
    head(&b, 0x03000000, 0, 0); /* big endian */
    refused(&b, "version");
    head(&b, 3, 0, UINT64_MAX);
    refused(&b, "more than fit");
    head(&b, 3, 0, 1u << 20);
    refused(&b, "more than fit");
    head(&b, 3, 1ull << 60, 0);
    refused(&b, "more than fit");
    head(&b, 3, 5, 0);
    refused(&b, "more than fit");
}

static void refuses_bad_metadata(void **state)
{
    (void)state;
    struct base_buf b;
    head(&b, 3, 0, 2);
    kv_u32(&b, "twice", 1);
    kv_u32(&b, "twice", 2);
    refused(&b, "\"twice\" stands in it twice");
    head(&b, 3, 0, 1);
    puts_(&b, "odd");
    put32(&b, 99);
    put64(&b, 0);
    refused(&b, "\"odd\" has the unknown kind 99");
    head(&b, 3, 0, 1);
    put64(&b, UINT64_MAX); /* length of the key */
    put64(&b, 0);
    refused(&b, "cut off");
    head(&b, 3, 0, 1);
    puts_(&b, "");
    put32(&b, ENG_GGUF_U32);
    put32(&b, 1);
    refused(&b, "key of 0 bytes");
    head(&b, 3, 0, 1);
    puts_(&b, "s");
    put32(&b, ENG_GGUF_STRING);
    put64(&b, 1ull << 63);
    refused(&b, "\"s\" does not fit");
    head(&b, 3, 0, 1);
    puts_(&b, "arr");
    put32(&b, ENG_GGUF_ARRAY);
    put32(&b, ENG_GGUF_U64);
    put64(&b, (1ull << 61) + 1); /* times 8 wraps to 8 */
    put64(&b, 0);
    refused(&b, "\"arr\" does not fit");
    head(&b, 3, 0, 1);
    puts_(&b, "arr");
    put32(&b, ENG_GGUF_ARRAY);
    put32(&b, ENG_GGUF_STRING);
    put64(&b, 1ull << 40);
    refused(&b, "\"arr\" does not fit");
    head(&b, 3, 0, 1);
    puts_(&b, "nested");
    put32(&b, ENG_GGUF_ARRAY);
    put32(&b, ENG_GGUF_ARRAY);
    put64(&b, 1);
    refused(&b, "elements of unknown kind");
    head(&b, 3, 0, 1);
    puts_(&b, "flag");
    put32(&b, ENG_GGUF_BOOL);
    base_buf_byte(&b, 2);
    refused(&b, "malformed");
    head(&b, 3, 0, 1);
    kv_u32(&b, "split.count", 3);
    refused(&b, "one of 3 parts");
}

static void refuses_bad_tensors(void **state)
{
    (void)state;
    struct base_buf b;
    head(&b, 3, 2, 0);
    tensor(&b, "same", ENG_F32, 4, 1, 0);
    tensor(&b, "same", ENG_F32, 4, 1, 32);
    data(&b, 64);
    refused(&b, "\"same\" stands in it twice");
    head(&b, 3, 1, 0);
    tensor(&b, "t", ENG_F32, 0, 1, 0);
    data(&b, 64);
    refused(&b, "impossible shape");
    head(&b, 3, 1, 0);
    tensor(&b, "t", ENG_F32, 1ull << 32, 1ull << 32, 0); /* the product wraps to 0 */
    data(&b, 64);
    refused(&b, "impossible shape");
    head(&b, 3, 1, 0);
    tensor(&b, "t", ENG_F32, 1ull << 62, 1, 0); /* times 4 bytes wraps */
    data(&b, 64);
    refused(&b, "overflows");
    head(&b, 3, 1, 0);
    tensor(&b, "t", ENG_F32, (uint64_t)-4, 1, 0);
    data(&b, 64);
    refused(&b, "impossible shape");
    head(&b, 3, 1, 0);
    tensor(&b, "t", ENG_Q4_K, 32, 8, 0);
    data(&b, 2000);
    refused(&b, "not a multiple of the 256");
    head(&b, 3, 1, 0);
    tensor(&b, "t", 4, 32, 1, 0);
    data(&b, 64);
    refused(&b, "unknown type 4");
    head(&b, 3, 1, 0);
    tensor(&b, "t", ENG_F32, 4, 1, 8);
    data(&b, 64);
    refused(&b, "not aligned");
    head(&b, 3, 1, 0);
    tensor(&b, "t", ENG_F32, 16, 1, (uint64_t)-32); /* offset + size wraps to 32 */
    data(&b, 64);
    refused(&b, "past the end");
    head(&b, 3, 1, 0);
    tensor(&b, "t", ENG_F32, 17, 1, 0);
    data(&b, 64);
    refused(&b, "past the end");
    head(&b, 3, 2, 0);
    tensor(&b, "t", ENG_F32, 16, 1, 0);
    tensor(&b, "u", ENG_F32, 8, 1, 32);
    data(&b, 64);
    refused(&b, "overlap");
    head(&b, 3, 1, 0);
    puts_(&b, "t");
    put32(&b, 5);
    for (int i = 0; i < 7; i++)
        put64(&b, 1);
    refused(&b, "5 dimensions");
    head(&b, 3, 1, 0);
    tensor(&b, "", ENG_F32, 4, 1, 0);
    data(&b, 64);
    refused(&b, "name of 0 bytes");
}

static void refuses_bad_alignment(void **state)
{
    static const uint32_t bad[] = {0, 3, 48, 1u << 30};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct base_buf b;
        head(&b, 3, 1, 1);
        kv_u32(&b, "general.alignment", bad[i]);
        tensor(&b, "t", ENG_F32, 4, 1, 0);
        data(&b, 64);
        refused(&b, "alignment");
    }
}

static void every_prefix_and_every_changed_byte(void **state)
{
    (void)state;
    struct base_buf b;
    valid(&b);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(try_bytes(b.p, n), BASE_EINVAL);
    assert_int_equal(try_bytes(b.p, b.n), BASE_OK);
    size_t refusals = 0;
    for (size_t i = 0; i < b.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            b.p[i] ^= (char)(1 << bit);
            refusals += try_bytes(b.p, b.n) != BASE_OK;
            b.p[i] ^= (char)(1 << bit);
        }
    assert_true(refusals > 500);
    base_buf_release(&b);
}

static void files_that_are_none(void **state)
{
    (void)state;
    struct eng_gguf *g;
    struct base_err err;
    assert_int_equal(eng_gguf_open("no/such/file.gguf", &g, &err), BASE_ENOENT);
    assert_non_null(strstr(err.text, "no/such/file.gguf"));
    assert_int_equal(eng_gguf_open(".", &g, &err), BASE_EINVAL);
    assert_int_equal(eng_gguf_open("/dev/null", &g, &err), BASE_EINVAL);
    assert_null(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_there),
        cmocka_unit_test(refuses_bad_heads),
        cmocka_unit_test(refuses_bad_metadata),
        cmocka_unit_test(refuses_bad_tensors),
        cmocka_unit_test(refuses_bad_alignment),
        cmocka_unit_test(every_prefix_and_every_changed_byte),
        cmocka_unit_test(files_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

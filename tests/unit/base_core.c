/* Goal: base/ keeps its promises: strings, UTF-8, arenas, buffers, JSON, time, files.
 * Method: each promise of the headers as a case, edges first; UTF-8 exhaustively over two bytes and
 * against every code point; a buffer and an arena driven to their maximum.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
// cmocka needs the four headers above first
#include <cmocka.h>

static void strings(void **state)
{
    (void)state;
    assert_true(base_str_ieq(BASE_STR("Content-Length"), BASE_STR("content-LENGTH")));
    assert_false(base_str_ieq(BASE_STR("a"), BASE_STR("ab")));
    assert_true(base_str_is(base_str_trim(BASE_STR(" \t x y\r\n")), "x y"));
    struct base_str rest = BASE_STR("a,,b");
    assert_true(base_str_is(base_str_cut(&rest, ','), "a"));
    assert_true(base_str_is(base_str_cut(&rest, ','), ""));
    assert_true(base_str_is(base_str_cut(&rest, ','), "b"));
    assert_null(rest.p);
    assert_int_equal(base_str_find(BASE_STR("abcabc"), BASE_STR("ca"), 0), 2);
    assert_true(base_str_find(BASE_STR("abc"), BASE_STR("x"), 0) == SIZE_MAX);
    uint64_t v = 7;
    assert_true(base_str_u64(BASE_STR("18446744073709551615"), &v) && v == UINT64_MAX);
    assert_false(base_str_u64(BASE_STR("18446744073709551616"), &v));
    assert_false(base_str_u64(BASE_STR(""), &v) || base_str_u64(BASE_STR("+1"), &v) ||
                 base_str_u64(BASE_STR("1 "), &v));
    assert_true(v == UINT64_MAX);
    assert_true(base_str_eq_secret(BASE_STR("k"), BASE_STR("k")));
    assert_false(base_str_eq_secret(BASE_STR("k"), BASE_STR("K")));
    assert_false(base_str_eq_secret(BASE_STR("k"), BASE_STR("kk")));
}

static void utf8_every_code_point(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110000; cp++) {
        char b[4];
        uint32_t back = 0;
        size_t n = base_utf8_encode(cp, b);
        if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) {
            assert_int_equal(n, 0);
            continue;
        }
        assert_true(n >= 1 && base_utf8_decode(b, n, &back) == n && back == cp);
        for (size_t cut = 1; cut < n; cut++) { /* a cut sequence is invalid, and known as a tail */
            assert_int_equal(base_utf8_decode(b, cut, &back), 0);
            assert_int_equal(base_utf8_partial_tail(base_str_n(b, cut)), cut);
        }
        assert_int_equal(base_utf8_partial_tail(base_str_n(b, n)), 0);
    }
    assert_false(base_utf8_valid(BASE_STR("\xc0\x80")));         /* overlong NUL */
    assert_false(base_utf8_valid(BASE_STR("\xe0\x80\xaf")));     /* overlong slash */
    assert_false(base_utf8_valid(BASE_STR("\xed\xa0\x80")));     /* surrogate */
    assert_false(base_utf8_valid(BASE_STR("\xf4\x90\x80\x80"))); /* past U+10FFFF */
    assert_false(base_utf8_valid(BASE_STR("a\x80")));
    assert_true(base_utf8_valid(BASE_STR("Gr\xc3\xbc\xc3\x9f"
                                         "e")));
}

static int cleaned;
static void clean(void *arg)
{
    cleaned = cleaned * 10 + *(int *)arg;
}

static void arenas(void **state)
{
    (void)state;
    struct base_arena *a = base_arena_new(1u << 20);
    char *last = NULL;
    size_t n = 0;
    while ((last = base_arena_alloc(a, 1000)) != NULL) {
        for (int i = 0; i < 1000; i++)
            assert_int_equal(last[i], 0);
        memset(last, 0xff, 1000);
        n++;
    }
    assert_int_equal(n, (1u << 20) / 1008); /* the maximum is a maximum, and is reached */
    base_arena_reset(a);
    assert_int_equal(base_arena_used(a), 0);
    int one = 1, two = 2;
    cleaned = 0;
    assert_int_equal(base_arena_cleanup(a, clean, &one), BASE_OK);
    assert_int_equal(base_arena_cleanup(a, clean, &two), BASE_OK);
    char *p = base_arena_alloc(a, 1000);
    for (int i = 0; i < 1000; i++) /* memory is zero again after a reset */
        assert_int_equal(p[i], 0);
    assert_null(base_arena_array(a, SIZE_MAX / 2, 3));
    assert_null(base_arena_alloc(a, SIZE_MAX));
    struct base_str s = base_arena_printf(a, "%s-%d", "x", 5);
    assert_true(base_str_is(s, "x-5") && s.p[s.n] == '\0');
    base_arena_free(a);
    assert_int_equal(cleaned, 21); /* last registered first */
}

static void buffers(void **state)
{
    (void)state;
    struct base_buf b;
    base_buf_init(&b, 10);
    assert_true(base_buf_z(&b, "12345") && base_buf_printf(&b, "%d", 67890));
    assert_false(base_buf_byte(&b, 'x'));
    assert_false(base_buf_ok(&b));
    assert_true(base_str_is(base_buf_view(&b), "1234567890"));
    base_buf_shift(&b, 4);
    assert_string_equal(b.p, "567890");
    base_buf_clear(&b);
    assert_true(base_buf_ok(&b) && b.n == 0);
    assert_false(base_buf_printf(&b, "%s", "eleven chars"));
    assert_int_equal(b.n, 0);
    base_buf_wipe(&b);
    assert_null(b.p);
}

static void json_writer(void **state)
{
    (void)state;
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, 4096);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "a", "q\"\\\n\x01\x1f\x7f");
    base_json_key(&j, "l");
    base_json_arr(&j);
    base_json_int(&j, -5);
    base_json_bool(&j, true);
    base_json_null(&j);
    base_json_num(&j, 0.25, 2);
    base_json_num(&j, 0.0 / 0.0, 2);
    base_json_obj(&j);
    base_json_obj_end(&j);
    base_json_arr_end(&j);
    base_json_kstr(&j, "bad", BASE_STR("x\xffy\xc3"));
    base_json_kstr(&j, "good", BASE_STR("gr\xc3\xbc\xc3\x9f"));
    base_json_obj_end(&j);
    assert_string_equal(b.p,
                        "{\"a\":\"q\\\"\\\\\\n\\u0001\\u001f\x7f\","
                        "\"l\":[-5,true,null,0.25,null,{}],"
                        "\"bad\":\"x\xef\xbf\xbdy\xef\xbf\xbd\",\"good\":\"gr\xc3\xbc\xc3\x9f\"}");
    base_buf_release(&b);
}

static void times_and_ids(void **state)
{
    (void)state;
    char t[BASE_RFC3339_MAX], u[BASE_UUID_MAX], w[BASE_UUID_MAX];
    assert_string_equal(base_rfc3339(0, t), "1970-01-01T00:00:00.000000Z");
    assert_string_equal(base_rfc3339(1795310625678901, t), "2026-11-22T01:23:45.678901Z");
    assert_int_equal(base_days_from_date("1970-01-01", 10), 0);
    assert_int_equal(base_days_from_date("2026-11-22", 10), 20779);
    assert_int_equal(base_days_from_date("2024-02-29", 10), 19782);
    assert_int_equal(base_days_from_date("2023-02-29", 10), -1);
    assert_int_equal(base_days_from_date("2026-13-01", 10), -1);
    assert_int_equal(base_days_from_date("2026-1-01x", 10), -1);
    base_uuid7(u);
    base_uuid7(w);
    assert_int_equal(strlen(u), 36);
    assert_int_equal(u[14], '7');
    assert_true(strcmp(u, w) != 0 && memcmp(u, w, 8) == 0);
}

static void files(void **state)
{
    (void)state;
    char dir[] = "/tmp/weir-base-XXXXXX", path[64], deep[80];
    struct base_err err;
    struct base_buf b;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/f", dir);
    snprintf(deep, sizeof deep, "%s/x/y/z", dir);
    base_buf_init(&b, 5);
    assert_int_equal(base_file_read(path, &b, &err), BASE_ENOENT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(base_file_replace(path, BASE_STR("12345"), 0600, &err), BASE_OK);
    assert_int_equal(base_file_read(path, &b, &err), BASE_OK);
    assert_string_equal(b.p, "12345");
    base_buf_clear(&b);
    assert_int_equal(base_file_replace(path, BASE_STR("123456"), 0600, &err), BASE_OK);
    assert_int_equal(base_file_read(path, &b, &err), BASE_LIMIT);
    base_buf_release(&b);
    assert_int_equal(base_mkdirs(deep, &err), BASE_OK);
    assert_int_equal(base_mkdirs(path, &err), BASE_EINVAL); /* a file is in the way */
    unlink(path);
    rmdir(deep);
    *strrchr(deep, '/') = '\0';
    rmdir(deep);
    *strrchr(deep, '/') = '\0';
    rmdir(deep);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left behind */
}

/* What root writes for a service belongs to the service: replaced files to their old owner, new
 * ones, where asked for, to their folder's. */
static void owners(void **state)
{
    (void)state;
    char dir[] = "/tmp/weir-base-XXXXXX", path[64], lock[80], alias[64];
    struct base_err err;
    struct stat sb;

    if (geteuid() != 0) {
        print_message("skipped: owners change only under root\n");
        skip();
    }
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/f", dir);
    snprintf(alias, sizeof alias, "%s/g", dir);
    snprintf(lock, sizeof lock, "%s.lock", path);
    assert_int_equal(chown(dir, 65534, 65534), 0);
    assert_int_equal(base_file_replace(path, BASE_STR("a secret"), 0600, &err), BASE_OK);
    assert_int_equal(stat(path, &sb), 0);
    assert_int_equal(sb.st_uid, 0); /* it may be root's own secret in somebody's folder */
    int fd = open(path, O_RDONLY);
    assert_int_equal(link(path, alias), 0);
    assert_int_equal(base_file_adopt(fd, path, &err), BASE_OK);
    assert_int_equal(stat(path, &sb), 0);
    assert_int_equal(sb.st_uid, 0); /* it has another name somewhere */
    assert_int_equal(unlink(alias), 0);
    assert_int_equal(base_file_adopt(fd, path, &err), BASE_OK);
    close(fd);
    assert_int_equal(stat(path, &sb), 0);
    assert_int_equal(sb.st_uid, 65534);
    assert_int_equal(sb.st_gid, 65534);
    assert_int_equal(base_file_replace(path, BASE_STR("more"), 0600, &err), BASE_OK);
    assert_int_equal(stat(path, &sb), 0);
    assert_int_equal(sb.st_uid, 65534);
    assert_int_equal(sb.st_mode & 0777, 0600);
    fd = base_file_lock(path, &err);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(stat(lock, &sb), 0);
    assert_int_equal(sb.st_uid, 65534);
    unlink(lock);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

/* Arrays that grow keep what they hold; a size that cannot be said is no size. */
static void test_grow(void **state)
{
    uint32_t *v = NULL;
    size_t cap = 0;
    (void)state;

    for (uint32_t i = 0; i < 5000; i++) {
        assert_true(base_grow((void **)&v, &cap, i + 1, sizeof(*v)));
        assert_true(cap > i);
        v[i] = i;
    }
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(v[i], i);
    size_t before = cap;
    assert_false(base_grow((void **)&v, &cap, SIZE_MAX, sizeof(*v)));
    assert_false(base_grow((void **)&v, &cap, SIZE_MAX / 2, sizeof(*v)));
    assert_int_equal(cap, before);
    assert_int_equal(v[4999], 4999);
    free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grow),
        cmocka_unit_test(strings),
        cmocka_unit_test(utf8_every_code_point),
        cmocka_unit_test(arenas),
        cmocka_unit_test(buffers),
        cmocka_unit_test(json_writer),
        cmocka_unit_test(times_and_ids),
        cmocka_unit_test(files),
        cmocka_unit_test(owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* gateway_keys.c - Goal: only whole, current keys get in, and nothing a client sends can hurt.
 *
 * Method: keys are made, listed and revoked in a fresh folder and checked through loaded snapshots;
 * then every byte of a good key is changed, the file's own salts and verifiers are presented,
 * hostile Authorization values are thrown at the parser (quotes, NUL, 64 KiB, broken UTF-8), and
 * damaged files are loaded. Concurrent writers must lose nothing.
 */
#include "base/clock.h"
#include "base/file.h"
#include "gateway/keys.h"
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[128];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/weir-keys-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/run/keys.json", folder); /* run/ is made by the writer */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char other[160];
    unlink(path);
    snprintf(other, sizeof(other), "%s.lock", path);
    unlink(other);
    snprintf(other, sizeof(other), "%s/run", folder);
    rmdir(other);
    return rmdir(folder);
}

static void make(const char *name, enum gw_role role, char out[GW_KEY_BYTES_MAX])
{
    struct gw_key_new w = {.name = base_str_c(name), .tenant = BASE_STR("sales"), .role = role};
    struct base_err err = {0};
    if (gw_keys_add(path, &w, out, &err) != BASE_OK)
        fail_msg("%s", err.text);
}

static struct gw_keys *load(void)
{
    struct gw_keys *k;
    struct base_err err = {0};
    if (gw_keys_load(path, &k, &err) != BASE_OK)
        fail_msg("%s", err.text);
    return k;
}

static enum base_status look(const struct gw_keys *k, const void *p, size_t n)
{
    struct gw_key_info info;
    return gw_keys_lookup(k, base_str_n(p, n), &info);
}

static void test_no_file(void **state)
{
    (void)state;
    struct gw_keys *k = load();
    assert_int_equal(gw_keys_count(k), 0);
    assert_int_equal(look(k, "", 0), BASE_DENIED);
    assert_int_equal(look(k, NULL, 0), BASE_DENIED);
    assert_null(gw_keys_at(k, 0));
    gw_keys_free(k);
}

static void test_life(void **state)
{
    (void)state;
    char a[GW_KEY_BYTES_MAX], b[GW_KEY_BYTES_MAX];
    struct gw_key_info info;
    struct stat st;
    make("app", GW_ROLE_USER, a);
    make("ops", GW_ROLE_ADMIN, b);
    assert_int_equal(strlen(a), 61);
    assert_memory_equal(a, "weir_", 5);
    assert_string_not_equal(a, b);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    struct gw_keys *k = load();
    assert_int_equal(gw_keys_count(k), 2);
    assert_int_equal(gw_keys_lookup(k, base_str_c(a), &info), BASE_OK);
    assert_string_equal(info.name, "app");
    assert_string_equal(info.tenant, "sales");
    assert_memory_equal(info.id, a + 5, GW_KEY_ID_BYTES);
    assert_int_equal(info.role, GW_ROLE_USER);
    assert_int_equal(info.classes, 0);
    assert_int_equal(gw_keys_lookup(k, base_str_c(b), &info), BASE_OK);
    assert_int_equal(info.role, GW_ROLE_ADMIN);
    gw_keys_free(k);
    assert_string_equal(info.name, "ops"); /* a value: outlives the snapshot */

    struct base_err err = {0};
    assert_int_equal(gw_keys_revoke(path, BASE_STR("app"), &err), BASE_OK);
    k = load();
    assert_int_equal(gw_keys_lookup(k, base_str_c(a), &info), BASE_DENIED);
    assert_string_equal(info.name, ""); /* and says nothing about it */
    assert_int_equal(gw_keys_lookup(k, base_str_c(b), &info), BASE_OK);
    assert_non_null(gw_keys_at(k, 0)->revoked);
    assert_null(gw_keys_at(k, 1)->revoked);
    gw_keys_free(k);
    assert_int_equal(gw_keys_revoke(path, BASE_STR("app"), &err), BASE_ENOENT);
    char again[GW_KEY_BYTES_MAX];
    make("app", GW_ROLE_USER, again); /* the name is free again */
    assert_int_equal(gw_keys_revoke(path, base_str_n(b + 5, GW_KEY_ID_BYTES), &err), BASE_OK);
}

static void test_declarations(void **state)
{
    (void)state;
    const struct base_str data[] = {BASE_STR("special"), BASE_STR("secret")},
                          bad[] = {BASE_STR("speziell")};
    struct gw_key_new w = {.name = BASE_STR("hr"),
                           .tenant = BASE_STR("hr"),
                           .use_case = BASE_STR("hiring"),
                           .data = data,
                           .n_data = 2};
    char key[GW_KEY_BYTES_MAX];
    struct gw_key_info info;
    assert_int_equal(gw_keys_add(path, &w, key, NULL), BASE_OK);
    struct gw_keys *k = load();
    assert_int_equal(gw_keys_lookup(k, base_str_c(key), &info), BASE_OK);
    assert_string_equal(info.use_case, "hiring");
    assert_int_equal(info.classes, POL_CLASS_SPECIAL | POL_CLASS_PERSONAL | POL_CLASS_SECRET);
    gw_keys_free(k);
    w.name = BASE_STR("hr2");
    w.data = bad;
    w.n_data = 1;
    assert_int_equal(gw_keys_add(path, &w, key, NULL), BASE_EINVAL);
    assert_int_equal(key[0], 0);
}

static void test_bad_names(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "a b",
                                        "a\"b",
                                        "\xc3\xa9",
                                        "a/b",
                                        "a\n",
                                        "0123456789012345678901234567890123456789012345678901234567"
                                        "8901234"};
    char key[GW_KEY_BYTES_MAX];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct gw_key_new w = {.name = base_str_c(names[i]), .tenant = BASE_STR("t")};
        assert_int_equal(gw_keys_add(path, &w, key, NULL), BASE_EINVAL);
        w = (struct gw_key_new){.name = BASE_STR("n"), .tenant = base_str_c(names[i])};
        assert_int_equal(gw_keys_add(path, &w, key, NULL), BASE_EINVAL);
    }
    make("taken", GW_ROLE_USER, key);
    struct gw_key_new w = {.name = BASE_STR("taken"), .tenant = BASE_STR("t")};
    struct base_err err = {0};
    assert_int_equal(gw_keys_add(path, &w, key, &err), BASE_EINVAL);
    assert_non_null(strstr(err.text, "taken"));
}

/* Every change of one byte, every cut and every lengthening of a good key is refused. */
static void test_near_misses(void **state)
{
    (void)state;
    char key[GW_KEY_BYTES_MAX], other[GW_KEY_BYTES_MAX + 8];
    make("app", GW_ROLE_USER, key);
    struct gw_keys *k = load();
    size_t n = strlen(key);
    assert_int_equal(look(k, key, n), BASE_OK);
    for (size_t i = 0; i < n; i++) {
        for (int v = 0; v < 256; v++) {
            memcpy(other, key, n);
            other[i] = (char)v;
            if (other[i] != key[i])
                assert_int_equal(look(k, other, n), BASE_DENIED);
        }
        assert_int_equal(look(k, key, i), BASE_DENIED);
    }
    memcpy(other, key, n);
    for (size_t more = 1; more < 8; more++) {
        other[n + more - 1] = more % 2 ? 0 : 'a';
        assert_int_equal(look(k, other, n + more), BASE_DENIED);
    }
    gw_keys_free(k);
}

/* What stands in the file opens nothing, alone or dressed up as a key. */
static void test_stored_values(void **state)
{
    (void)state;
    char key[GW_KEY_BYTES_MAX], text[256];
    make("app", GW_ROLE_USER, key);
    struct base_buf file;
    base_buf_init(&file, 1 << 20);
    assert_int_equal(base_file_read(path, &file, NULL), BASE_OK);
    assert_null(strstr(file.p, key));
    assert_null(strstr(file.p, key + 18)); /* nor the secret part alone */
    struct gw_keys *k = load();
    static const char *const members[] = {"\"verifier\":\"", "\"salt\":\"", "\"id\":\""};
    for (size_t i = 0; i < 3; i++) {
        const char *v = strstr(file.p, members[i]);
        assert_non_null(v);
        v += strlen(members[i]);
        size_t n = strcspn(v, "\"");
        assert_int_equal(look(k, v, n), BASE_DENIED);
        int m = snprintf(text, sizeof(text), "weir_%.12s_%.*s", key + 5, (int)n, v);
        assert_int_equal(look(k, text, (size_t)m), BASE_DENIED);
        m = snprintf(text, sizeof(text), "weir_%.12s_%.43s", key + 5, v);
        assert_int_equal(look(k, text, (size_t)m), BASE_DENIED);
    }
    gw_keys_free(k);
    base_buf_release(&file);
}

static void test_hostile_values(void **state)
{
    (void)state;
    char key[GW_KEY_BYTES_MAX];
    make("app", GW_ROLE_USER, key);
    struct gw_keys *k = load();
    size_t big = 65536;
    char *blob = malloc(big);
    assert_non_null(blob);
    static const char fill[] = {'A', 0, '"', '\'', (char)0xff, (char)0xc3, ' ', '_', '\n', '%'};
    for (size_t f = 0; f < sizeof(fill); f++) {
        memset(blob, fill[f], big);
        static const size_t sizes[] = {1, 7, 8, 60, 61, 62, 4096, 65536};
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct base_str v = base_str_n(blob, sizes[i]);
            assert_int_equal(look(k, v.p, v.n), BASE_DENIED);
            struct base_str b = gw_keys_bearer(v);
            assert_int_equal(look(k, b.p, b.n), BASE_DENIED);
            if (sizes[i] >= 5)
                memcpy(blob, "weir_", 5);
            assert_int_equal(look(k, v.p, v.n), BASE_DENIED);
            if (sizes[i] >= 7)
                memcpy(blob, "Bearer ", 7);
            b = gw_keys_bearer(v);
            assert_int_equal(look(k, b.p, b.n), BASE_DENIED);
            memset(blob, fill[f], 16);
        }
    }
    uint64_t x = 88172645463325252ull; /* xorshift64 (Marsaglia 2003): the same every time */
    for (int i = 0; i < 20000; i++) {
        size_t n = 0;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        for (n = 0; n < 61; n++)
            blob[n] = (char)(x >> n % 8 * 8) ^ (char)(n * 7);
        if (i % 2)
            memcpy(blob, key, 18); /* a known id */
        assert_int_equal(look(k, blob, 61 - (size_t)(i % 3)), BASE_DENIED);
    }
    free(blob);
    gw_keys_free(k);
}

static void test_bearer(void **state)
{
    (void)state;
    assert_true(base_str_is(gw_keys_bearer(BASE_STR("Bearer abc")), "abc"));
    assert_true(base_str_is(gw_keys_bearer(BASE_STR("bearer   abc \t")), "abc"));
    assert_true(base_str_is(gw_keys_bearer(BASE_STR("BEARER a b")), "a b"));
    assert_int_equal(gw_keys_bearer(BASE_STR("Bearer")).n, 0);
    assert_int_equal(gw_keys_bearer(BASE_STR("Bearerabc")).n, 0);
    assert_int_equal(gw_keys_bearer(BASE_STR("Basic abc")).n, 0);
    assert_int_equal(gw_keys_bearer(BASE_STR_NULL).n, 0);
}

static void test_bad_files(void **state)
{
    (void)state;
#define ENTRY                                                                                      \
    "\"id\":\"AAAAAAAAAAAA\",\"name\":\"n\",\"tenant\":\"t\",\"created\":\"c\",\"salt\":"          \
    "\"00112233445566778899aabbccddeeff\",\"verifier\":"                                           \
    "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\""
    static const char *const files[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"version\":2,\"keys\":[]}",
        "{\"version\":1}",
        "{\"version\":1,\"keys\":{}}",
        "{\"version\":1,\"keys\":[],\"keys\":[]}",
        "{\"version\":1,\"keys\":[null]}",
        "{\"version\":1,\"keys\":[{}]}",
        "{\"version\":1,\"keys\":[{" ENTRY "}]}", /* no role */
        "{\"version\":1,\"keys\":[{" ENTRY ",\"role\":\"root\"}]}",
        "{\"version\":1,\"keys\":[{" ENTRY ",\"role\":7}]}",
        "{\"version\":1,\"keys\":[{" ENTRY ",\"role\":\"user\",\"revoked\":7}]}",
        "{\"version\":1,\"keys\":[{" ENTRY ",\"role\":\"user\",\"use_case\":\"a b\"}]}",
        "{\"version\":1,\"keys\":[{" ENTRY ",\"role\":\"user\",\"data\":[\"none\"]}]}",
        "{\"version\":1,\"keys\":[{" ENTRY ",\"role\":\"user\",\"data\":\"personal\"}]}",
        "{\"version\":1,\"keys\":[{" ENTRY ",\"role\":\"user\"},{" ENTRY ",\"role\":\"user\"}]}",
        "{\"version\":1,\"keys\":[{\"id\":\"short\",\"name\":\"n\",\"tenant\":\"t\"}]}",
    };
    struct gw_keys *k;
    assert_int_equal(base_mkdirs(path, NULL), BASE_OK);
    rmdir(path);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct base_err err = {0};
        assert_int_equal(base_file_replace(path, base_str_c(files[i]), 0600, NULL), BASE_OK);
        enum base_status st = gw_keys_load(path, &k, &err);
        if (st != BASE_EINVAL)
            fail_msg("accepted: %s", files[i]);
        assert_null(k);
        assert_non_null(strstr(err.text, path));
        /* and a writer does not make it worse */
        struct gw_key_new w = {.name = BASE_STR("n"), .tenant = BASE_STR("t")};
        char key[GW_KEY_BYTES_MAX];
        assert_int_equal(gw_keys_add(path, &w, key, NULL), BASE_EINVAL);
    }
    /* the same entry with all it needs is fine */
    assert_int_equal(
        base_file_replace(
            path, BASE_STR("{\"version\":1,\"keys\":[{" ENTRY ",\"role\":\"user\"}]}"), 0600, NULL),
        BASE_OK);
    k = load();
    assert_int_equal(gw_keys_count(k), 1);
    gw_keys_free(k);
}

static void test_changed(void **state)
{
    (void)state;
    struct gw_keys_stamp stamp = {0};
    char key[GW_KEY_BYTES_MAX];
    assert_false(gw_keys_changed(path, &stamp)); /* not there, as before */
    make("a", GW_ROLE_USER, key);
    assert_true(gw_keys_changed(path, &stamp));
    assert_false(gw_keys_changed(path, &stamp));
    make("b", GW_ROLE_USER, key); /* within the same tick of the clock, perhaps: another inode */
    assert_true(gw_keys_changed(path, &stamp));
    assert_int_equal(gw_keys_revoke(path, BASE_STR("b"), NULL), BASE_OK);
    assert_true(gw_keys_changed(path, &stamp));
    unlink(path);
    assert_true(gw_keys_changed(path, &stamp));
    assert_false(gw_keys_changed(path, &stamp));
}

/* Eight writers at once: nobody's key is lost. */
static void test_writers(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            for (int j = 0; j < 5; j++) {
                char name[32], key[GW_KEY_BYTES_MAX];
                snprintf(name, sizeof(name), "w%d-%d", i, j);
                struct gw_key_new w = {.name = base_str_c(name), .tenant = BASE_STR("t")};
                if (gw_keys_add(path, &w, key, NULL) != BASE_OK)
                    _exit(1);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 8; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    struct gw_keys *k = load();
    assert_int_equal(gw_keys_count(k), 40);
    gw_keys_free(k);
}

/* A look-up costs the same for a known and an unknown id: the fastest of many rounds of each are
 * within a factor (a guard against an early return, not a proof). */
static void test_time(void **state)
{
    (void)state;
    char key[GW_KEY_BYTES_MAX], wrong[GW_KEY_BYTES_MAX], none[GW_KEY_BYTES_MAX];
    make("app", GW_ROLE_USER, key);
    memcpy(wrong, key, sizeof(key));
    wrong[60] = wrong[60] == 'a' ? 'b' : 'a';
    memcpy(none, key, sizeof(key));
    none[6] = none[6] == 'a' ? 'b' : 'a';
    struct gw_keys *k = load();
    uint64_t best[2] = {UINT64_MAX, UINT64_MAX};
    for (int round = 0; round < 200; round++) {
        for (int which = 0; which < 2; which++) {
            uint64_t start = base_mono_ns();
            for (int i = 0; i < 50; i++)
                assert_int_equal(look(k, which ? none : wrong, 61), BASE_DENIED);
            uint64_t took = base_mono_ns() - start;
            best[which] = took < best[which] ? took : best[which];
        }
    }
    print_message("known id %.2f us, unknown id %.2f us\n", (double)best[0] / 50e3,
                  (double)best[1] / 50e3);
    assert_true(best[1] * 2 > best[0] && best[0] * 2 > best[1]);
    gw_keys_free(k);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_life),
        T(test_declarations),
        T(test_bad_names),
        T(test_near_misses),
        T(test_stored_values),
        T(test_hostile_values),
        T(test_bad_files),
        T(test_changed),
        T(test_writers),
        T(test_time),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_bearer),
    };
    snprintf(path, sizeof(path), "/nonexistent/keys.json");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

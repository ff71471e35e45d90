/* Goal: certificates and contexts are made as tls.h says, and failures name the file.
 *
 * Method: a generated pair is read back with OpenSSL and its names, dates, key and file mode are
 * looked at; then pairs that do not hold (absent, swapped, garbage) must be refused in words.
 */
#include "tests/unit/gateway_util.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void test_self_signed(void **state)
{
    (void)state;
    struct tls_files t;
    struct stat st;
    tls_files_make(&t);
    assert_int_equal(stat(t.key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    FILE *f = fopen(t.cert, "r");
    assert_non_null(f);
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    assert_non_null(x);
    assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
    assert_int_not_equal(X509_check_host(x, "example.org", 0, 0, NULL), 1);
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    assert_int_equal(X509_check_host(x, name, 0, 0, NULL), 1);
    int days, secs;
    assert_int_equal(ASN1_TIME_diff(&days, &secs, NULL, X509_get0_notAfter(x)), 1);
    assert_in_range(days, 396, 397);
    EVP_PKEY *k = X509_get0_pubkey(x);
    assert_int_equal(EVP_PKEY_base_id(k), EVP_PKEY_EC);
    assert_int_equal(EVP_PKEY_bits(k), 256);
    assert_int_equal(X509_verify(x, k), 1);
    X509_free(x);
    tls_files_remove(&t);
}

static void test_first_start(void **state)
{
    (void)state;
    struct tls_files t;
    struct base_err err;
    tls_files_make(&t);
    SSL_CTX *a = gw_tls_server_new(&t.server, &err);
    assert_non_null(a);
    SSL_CTX_free(a);
    /* gone: an error without self_signed, a new pair with it */
    unlink(t.cert);
    unlink(t.key);
    assert_null(gw_tls_server_new(&t.server, &err));
    assert_non_null(strstr(err.text, t.cert));
    t.server.tls_self_signed = true;
    a = gw_tls_server_new(&t.server, &err);
    assert_non_null(a);
    SSL_CTX_free(a);
    /* half a pair is never overwritten */
    unlink(t.cert);
    assert_null(gw_tls_server_new(&t.server, &err));
    assert_int_not_equal(access(t.cert, F_OK), 0);
    tls_files_remove(&t);
}

static void test_bad_files(void **state)
{
    (void)state;
    struct tls_files t, other;
    struct base_err err;
    tls_files_make(&t);
    tls_files_make(&other);
    t.server.tls_key = other.key;
    assert_null(gw_tls_server_new(&t.server, &err));
    assert_non_null(strstr(err.text, other.key));
    t.server.tls_key = t.key;
    assert_int_equal(base_file_replace(t.cert, BASE_STR("garbage\n"), 0644, &err), BASE_OK);
    assert_null(gw_tls_server_new(&t.server, &err));
    assert_non_null(strstr(err.text, t.cert));
    assert_null(gw_tls_client_new("/nonexistent/ca.pem", &err));
    assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
    SSL_CTX *c = gw_tls_client_new(NULL, &err);
    assert_non_null(c);
    SSL_CTX_free(c);
    tls_files_remove(&t);
    tls_files_remove(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_self_signed),
                                       cmocka_unit_test(test_first_start),
                                       cmocka_unit_test(test_bad_files)};
    return cmocka_run_group_tests_name("gateway_tls", tests, NULL, NULL);
}

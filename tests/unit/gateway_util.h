/* gateway_util.h - what the gateway's connection tests share: a folder, a certificate, contexts. */
#ifndef TESTS_GATEWAY_UTIL_H
#define TESTS_GATEWAY_UTIL_H

#include "base/file.h"
#include "gateway/net/tls.h"
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct tls_files {
    char dir[64], cert[96], key[96];
    struct conf_server server;
};

/* A fresh self-signed pair under /tmp. */
static inline void tls_files_make(struct tls_files *t)
{
    struct base_err err = {0};
    signal(SIGPIPE, SIG_IGN);
    snprintf(t->dir, sizeof t->dir, "/tmp/weir-unit-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    snprintf(t->cert, sizeof t->cert, "%s/tls.crt", t->dir);
    snprintf(t->key, sizeof t->key, "%s/tls.key", t->dir);
    memset(&t->server, 0, sizeof t->server);
    t->server.tls_certificate = t->cert;
    t->server.tls_key = t->key;
    t->server.listen.host = "127.0.0.1";
    if (gw_tls_make_self_signed(t->cert, t->key, "127.0.0.1", &err) != BASE_OK)
        fail_msg("%s", err.text);
}

static inline void tls_files_remove(struct tls_files *t)
{
    unlink(t->cert);
    unlink(t->key);
    rmdir(t->dir);
}

/* A listening socket on a free loopback port. */
static inline int listen_loopback(struct sockaddr_in *addr)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof *addr;
    memset(addr, 0, sizeof *addr);
    addr->sin_family = AF_INET;
    addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)addr, sizeof *addr), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)addr, &n), 0);
    return fd;
}

#endif

/* Goal: the master key of kept content may be a token or a command, and without it nothing opens.
 * Method: a real log and keeper in a scratch directory; SoftHSM as the token, a script as the
 * command.
 */
#include "tests/unit/audit_keeper_util.h"

#include <sys/wait.h>

static int run(const char *const *argv)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void test_token(void **state)
{
    static const char *const modules[] = {"/usr/lib/softhsm/libsofthsm2.so",
                                          "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                                          "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"};
    const char *module = NULL;
    struct kit k;
    char tokens[UT_PATH], conf[UT_PATH], pin[UT_PATH], text[2 * UT_PATH];
    struct aud_keeper_options o = {.directory = k.dir};
    struct aud_keeper *keeper;
    struct base_err err = {0};

    (void)state;
    for (int i = 0; i < 3 && !module; i++)
        module = access(modules[i], R_OK) == 0 ? modules[i] : NULL;
    if (!module) {
        print_message("no softhsm2 here: the token is not tested\n");
        skip();
    }
    ut_dir(k.dir);
    ut_dir(tokens);
    ut_join(conf, tokens, "softhsm2.conf");
    ut_join(pin, tokens, "pin");
    snprintf(text, sizeof(text), "directories.tokendir = %s\n", tokens);
    ut_write(conf, text, strlen(text));
    ut_write(pin, "4711\n", 5);
    setenv("SOFTHSM2_CONF", conf, 1);
    assert_int_equal(RUN("softhsm2-util", "--init-token", "--free", "--label", "weir", "--pin",
                         "4711", "--so-pin", "4711"),
                     0);
    assert_int_equal(RUN("pkcs11-tool", "--module", module, "--token-label", "weir", "--login",
                         "--pin", "4711", "--keygen", "--key-type", "AES:32", "--label", "master"),
                     0);
    struct conf_master m = {.kind = CONF_MASTER_PKCS11,
                            .module = module,
                            .token = "weir",
                            .key = "master",
                            .pin_file = pin,
                            .timeout_ms = 3000};
    kit_open_with(&k, &m);
    assert_int_equal(keep(&k, "anna", "r-1", CANARY, 0, 100, NULL), BASE_OK);
    kit_close(&k);
    kit_open_with(&k, &m);
    assert_int_equal(reads(&k, "r-1", CANARY), BASE_OK);
    kit_close(&k);
    k.log = ut_open(k.dir, 65536, 20);
    o.master = &file_master; /* keys made under another kind of master */
    assert_int_equal(aud_keeper_open(&o, k.log, &keeper, &err), BASE_EINVAL);
    struct conf_master wrong = m;
    o.master = &wrong;
    wrong.key = "no such key";
    assert_int_equal(aud_keeper_open(&o, k.log, &keeper, &err), BASE_ENOENT);
    wrong = m;
    wrong.token = "no such token";
    assert_int_equal(aud_keeper_open(&o, k.log, &keeper, &err), BASE_ENOENT);
    wrong = m;
    wrong.module = "/usr/lib/os-release";
    assert_int_equal(aud_keeper_open(&o, k.log, &keeper, &err), BASE_EINVAL);
    ut_write(pin, "0000\n", 5);
    assert_int_equal(aud_keeper_open(&o, k.log, &keeper, &err), BASE_EINVAL);
    wrong = m;
    assert_int_equal(aud_keeper_open(&o, k.log, &keeper, &err), BASE_DENIED);
    assert_non_null(strstr(err.text, "wrong PIN"));
    ut_close(k.log);
    ut_rm(k.dir);
    ut_rm(tokens);
}

static void test_command(void **state)
{
    /* a KMS of toy quality: base64 in, base64 out, bound to the context by writing it in front */
    static const char toy[] =
        "#!/bin/sh\n"
        "read -r in\n"
        "case \"$1 $2\" in\n"
        "\"x wrap\") printf '%s%s' \"$3\" \"$in\" | base64 -w0 ;;\n"
        "\"x unwrap\") t=$(printf %s \"$in\" | base64 -d); [ \"${t%\"${t#????????}\"}\" = "
        "\"${3%\"${3#????????}\"}\" ] || exit 9\n"
        "   printf %s \"${t#\"$3\"}\" ;;\n"
        "esac\n";
    struct kit k;
    char path[UT_PATH];
    struct base_err err = {0};
    uint8_t context[32] = {7}, key[32] = {1, 2, 3};
    struct base_buf out;

    (void)state;
    ut_dir(k.dir);
    ut_join(path, k.dir, "kms.sh");
    ut_write(path, toy, strlen(toy));
    chmod(path, 0700);
    const char *argv[] = {path, "x", NULL};
    struct conf_master m = {.kind = CONF_MASTER_COMMAND, .argv = argv, .timeout_ms = 3000};
    base_buf_init(&out, AUD_WRAPPED_MAX);
    assert_int_equal(aud_kms_call(&m, "wrap", context, base_str_n(key, 32), &out, &err), BASE_OK);
    struct base_buf back;
    base_buf_init(&back, AUD_WRAPPED_MAX);
    assert_int_equal(aud_kms_call(&m, "unwrap", context, base_buf_view(&out), &back, &err),
                     BASE_OK);
    assert_true(base_str_eq(base_buf_view(&back), base_str_n(key, 32)));
    context[0] = 8;
    assert_int_equal(aud_kms_call(&m, "unwrap", context, base_buf_view(&out), &back, &err),
                     BASE_DENIED);
    assert_non_null(strstr(err.text, "exit status 9"));
    const struct {
        const char *script;
        enum base_status st;
    } bad[] = {
        {"#!/bin/sh\nsleep 60\n", BASE_ETIME},
        {"#!/bin/sh\ncat /dev/zero\n", BASE_LIMIT},
        {"#!/bin/sh\necho 'not base64!'\n", BASE_EPROTO},
        {"#!/bin/sh\nexit 3\n", BASE_DENIED},
        {"#!/bin/sh\nexec <&-\nsleep 0.2\nexit 3\n", BASE_DENIED}, /* SIGPIPE is not for us */
        {"#!/bin/sh\nkill -9 $$\n", BASE_DENIED},
        {"#!/nonexistent\n", BASE_DENIED},
    };
    m.timeout_ms = 400;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ut_write(path, bad[i].script, strlen(bad[i].script));
        base_buf_clear(&back);
        assert_int_equal(aud_kms_call(&m, "wrap", context, base_str_n(key, 32), &back, &err),
                         bad[i].st);
        assert_int_equal(back.n, 0);
    }
    m.timeout_ms = 3000;
    kit_open_with(&k, &m); /* the command fails now: what needs a key is refused, not the rest */
    assert_int_equal(keep(&k, "anna", "r-1", CANARY, 0, 100, NULL), BASE_DENIED);
    ut_write(path, toy, strlen(toy));
    assert_int_equal(keep(&k, "anna", "r-1", CANARY, 0, 100, NULL), BASE_OK);
    kit_close(&k);
    kit_open_with(&k, &m);
    assert_int_equal(reads(&k, "r-1", CANARY), BASE_OK);
    kit_close(&k);
    base_buf_release(&out);
    base_buf_release(&back);
    ut_rm(k.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* gateway_cli.c - Goal: check, explain and key do what their help says, with the exit status and on
 * the stream that scripts rely on.
 *
 * Method: each command runs in a child process with its three standard streams in files, on
 * configurations written to a fresh folder. Only what was asked for may be on standard output.
 */
#include "base/file.h"
#include "gateway/cli/cli.h"
#include "gateway/keys.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], conf_file[96];
static struct base_buf out, err;

static void path_of(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", folder, name);
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    path_of(name, path);
    assert_int_equal(base_file_replace(path, base_str_c(text), 0600, NULL), BASE_OK);
}

static const char good_conf[] = "server: { tls: { certificate: c, key: k, self_signed: true } }\n"
                                "keys: keys.json\n"
                                "engine: { models: [{ name: a, file: m }] }\n"
                                "backends:\n"
                                "  - name: out\n"
                                "    api: openai\n"
                                "    url: https://x.example/v1\n"
                                "    models: [{ name: x }]\n"
                                "    residency: { location: [EU], trains_on_data: false,"
                                " transfer: { basis: dpa, reference: r } }\n"
                                "routing: { commodity: [local/a], hard: [out/x] }\n"
                                "policy: policy.yaml\n"
                                "audit: { directory: audit, origin: w/x }\n";

/* scoring is denied without being declared: known all the same. */
static const char good_policy[] =
    "version: 1\n"
    "default: { location: [on_premises] }\n"
    "use_cases:\n"
    "  - { id: support, purpose: help }\n"
    "rules:\n"
    "  - { id: personal-home, when: { data: [personal] }, location: [on_premises] }\n"
    "  - { id: plain, when: { data: [none] }, location: [on_premises, EU], basis: [dpa] }\n"
    "  - { id: prohibited, when: { use_case: [scoring] }, deny: never }\n"
    "tests:\n"
    "  - { text: 'Mail anna@example.eu', expect: { data: [personal], location: on_premises } }\n";

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/weir-cli-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(conf_file, sizeof(conf_file), "%s/weir.yaml", folder);
    write_file("m", "model");
    write_file("weir.yaml", good_conf);
    write_file("policy.yaml", good_policy);
    base_buf_init(&out, 1 << 20);
    base_buf_init(&err, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"m",   "weir.yaml", "policy.yaml", "in",
                                        "out", "err",       "keys.json",   "keys.json.lock"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        path_of(names[i], path);
        unlink(path);
    }
    base_buf_release(&out);
    base_buf_release(&err);
    return rmdir(folder);
}

static void redirect(const char *name, int flags, int fd)
{
    char path[128];
    path_of(name, path);
    int file = open(path, flags | O_CLOEXEC, 0600);
    if (file < 0 || dup2(file, fd) < 0)
        _exit(99);
}

/* Runs a command in a child; returns its status, leaves what it wrote in out and err. */
static int run(int (*command)(int, char **), const char *input, int argc, const char **argv)
{
    write_file("in", input);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        redirect("in", O_RDONLY, 0);
        redirect("out", O_WRONLY | O_CREAT | O_TRUNC, 1);
        redirect("err", O_WRONLY | O_CREAT | O_TRUNC, 2);
        int status = command(argc, (char **)(uintptr_t)argv);
        fflush(NULL);
        _exit(status);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    char path[128];
    base_buf_clear(&out);
    base_buf_clear(&err);
    path_of("out", path);
    assert_int_equal(base_file_read(path, &out, NULL), BASE_OK);
    path_of("err", path);
    assert_int_equal(base_file_read(path, &err, NULL), BASE_OK);
    base_buf_z(&out, ""); /* a NUL behind, also when empty */
    base_buf_z(&err, "");
    if (!WIFEXITED(status))
        fail_msg("the command died: %d", status);
    return WEXITSTATUS(status);
}

#define RUN(command, input, ...)                                                                   \
    run(command, input, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),             \
        (const char *[]){__VA_ARGS__})

static const char *text(const struct base_buf *b)
{
    return b->p ? b->p : "";
}

/* ---- check ---- */

static void test_check_ok(void **state)
{
    (void)state;
    assert_int_equal(RUN(gw_cli_check, "", "-c", conf_file), 0);
    assert_string_equal(text(&out), "ok\n");
    assert_non_null(strstr(text(&err), "1 policy tests hold"));
}

static void test_check_bad(void **state)
{
    (void)state;
    char bad[2048], want[200];
    snprintf(bad, sizeof(bad), "%s%s", good_conf, "sever: 1\n");
    write_file("weir.yaml", bad);
    /* both files at once, and what only the policy's compiler knows */
    write_file("policy.yaml",
               "version: 1\nrules:\n  - { id: r, when: { data: [persnal] }, location: [EU] }\n");
    assert_int_equal(RUN(gw_cli_check, "", "-c", conf_file), 1);
    snprintf(want, sizeof(want), "%s:13:1: unknown key \"sever\"", conf_file);
    assert_non_null(strstr(text(&out), want));
    snprintf(want, sizeof(want), "%s/policy.yaml:3:", folder);
    assert_non_null(strstr(text(&out), want));
    assert_non_null(strstr(text(&out), "persnal"));
    assert_null(strstr(text(&out), "ok\n"));
}

static void test_check_failing_test(void **state)
{
    (void)state;
    char bad[2048];
    snprintf(bad, sizeof(bad), "%s%s", good_policy,
             "  - { text: 'What is two and two?', expect: { data: [secret] } }\n");
    write_file("policy.yaml", bad);
    assert_int_equal(RUN(gw_cli_check, "", "-c", conf_file), 1);
    assert_non_null(strstr(text(&out), "/policy.yaml:11:"));
}

static void test_check_usage(void **state)
{
    (void)state;
    assert_int_equal(RUN(gw_cli_check, "", "--defaults"), 0);
    assert_string_equal(text(&out), conf_defaults_yaml());
    assert_int_equal(run(gw_cli_check, "", 0, NULL), 2);
    assert_int_equal(RUN(gw_cli_check, "", "-c"), 2);
    assert_int_equal(RUN(gw_cli_check, "", "--default"), 2);
    assert_non_null(strstr(text(&err), "did you mean --defaults?"));
    assert_int_equal(RUN(gw_cli_check, "", "-c", conf_file, "more"), 2);
    assert_int_equal(RUN(gw_cli_check, "", "-c", "/nonexistent.yaml"), 2);
    assert_string_equal(text(&err), "");
}

/* ---- explain ---- */

static json_t *explained(const char *body, const char *option, const char *value)
{
    const char *argv[] = {"-c", conf_file, option, value};
    int status = run(gw_cli_explain, body, option ? 4 : 2, argv);
    if (status != 0)
        fail_msg("status %d: %s", status, text(&err));
    json_t *j = json_loads(text(&out), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    return j;
}

static const char *member(json_t *j, const char *name)
{
    const char *z = json_string_value(json_object_get(j, name));
    return z ? z : "";
}

#define BODY(model, content)                                                                       \
    "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"" content "\"}]}"

static void test_explain(void **state)
{
    (void)state;
    json_t *j = explained(BODY("auto", "Write to anna@example.eu about her order"), NULL, NULL);
    assert_string_equal(member(j, "outcome"), "route");
    assert_string_equal(member(j, "route"), "local/a");
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "data"), 0)),
                        "personal");
    assert_true(base_str_starts(base_str_c(member(j, "policy")), BASE_STR("sha256:")));
    json_decref(j);

    j = explained(BODY("auto", "What is the capital of France?"), "--tier", "hard");
    assert_string_equal(member(j, "tier"), "hard");
    assert_string_equal(member(j, "route"), "out/x");
    json_decref(j);

    j = explained(BODY("out/x", "Write to anna@example.eu"), NULL, NULL);
    assert_string_equal(member(j, "outcome"), "deny");
    json_decref(j);

    j = explained(BODY("auto", "What is the capital of France?"), "--use-case", "scoring");
    assert_string_equal(member(j, "outcome"), "deny");
    json_decref(j);

    j = explained(BODY("out/x", "What is the capital of France?"), "--region", "US");
    assert_string_equal(member(j, "outcome"), "deny");
    json_decref(j);

    /* the other dialects, by what they hold or by name */
    j = explained("{\"model\":\"out/x\",\"input\":\"Write to anna@example.eu\"}", NULL, NULL);
    assert_string_equal(member(j, "outcome"), "deny");
    json_decref(j);
    j = explained("{\"model\":\"out/x\",\"prompt\":\"Write to anna@example.eu\"}", NULL, NULL);
    assert_string_equal(member(j, "outcome"), "deny");
    json_decref(j);
    j = explained("{\"model\":\"auto\",\"input\":\"hi\"}", "--api", "responses");
    assert_string_equal(member(j, "outcome"), "route");
    json_decref(j);
}

static void test_explain_key(void **state)
{
    (void)state;
    assert_int_equal(RUN(gw_cli_key, "", "new", "-c", conf_file, "--name", "hr", "--data",
                         "special", "--use-case", "support"),
                     0);
    json_t *j = explained(BODY("auto", "What is the capital of France?"), "--key", "hr");
    json_t *data = json_object_get(j, "data");
    assert_int_equal(json_array_size(data), 2); /* special, and personal with it */
    assert_string_equal(member(j, "use_case"), "support");
    json_decref(j);
    assert_int_equal(RUN(gw_cli_explain, BODY("auto", "x"), "-c", conf_file, "--key", "nobody"), 2);
    assert_non_null(strstr(text(&err), "nobody"));
}

static void test_explain_bad(void **state)
{
    (void)state;
    assert_int_equal(RUN(gw_cli_explain, "{", "-c", conf_file), 2);
    assert_string_equal(text(&out), "");
    assert_int_equal(RUN(gw_cli_explain, "", "-c", conf_file), 2);
    assert_int_equal(RUN(gw_cli_explain, BODY("nowhere/z", "x"), "-c", conf_file), 2);
    assert_non_null(strstr(text(&err), "nowhere/z"));
    assert_int_equal(RUN(gw_cli_explain, BODY("auto", "x"), "-c", conf_file, "--tier", "best"), 2);
    assert_int_equal(RUN(gw_cli_explain, BODY("auto", "x"), "-c", conf_file, "--use-case", "nope"),
                     2);
    assert_non_null(strstr(text(&err), "nope"));
    assert_int_equal(RUN(gw_cli_explain, "{\"model\":\"auto\",\"input\":\"hi\"}", "-c", conf_file,
                         "--api", "chat"),
                     2);
    assert_non_null(strstr(text(&err), "messages"));
    assert_int_equal(RUN(gw_cli_explain, BODY("auto", "x"), "-c", conf_file, "--api", "soap"), 2);
    assert_non_null(strstr(text(&err), "soap"));
    assert_int_equal(run(gw_cli_explain, "", 0, NULL), 2);
    write_file("weir.yaml", "server: 1\n");
    assert_int_equal(RUN(gw_cli_explain, BODY("auto", "x"), "-c", conf_file), 2);
    assert_string_equal(text(&out), "");
}

/* ---- key ---- */

static void test_key(void **state)
{
    (void)state;
    char path[128], secret[GW_KEY_BYTES_MAX];
    unlink((path_of("m", path), path)); /* the model is not there yet: keys do not mind */
    assert_int_equal(
        RUN(gw_cli_key, "", "new", "-c", conf_file, "--tenant", "sales", "--name", "app"), 0);
    assert_int_equal(strlen(text(&out)), 62); /* the secret and a newline, nothing else */
    snprintf(secret, sizeof(secret), "%.61s", text(&out));
    assert_null(strstr(text(&err), secret));

    struct gw_keys *keys;
    struct gw_key_info info;
    path_of("keys.json", path);
    assert_int_equal(gw_keys_load(path, &keys, NULL), BASE_OK);
    assert_int_equal(gw_keys_lookup(keys, base_str_c(secret), &info), BASE_OK);
    assert_string_equal(info.tenant, "sales");
    gw_keys_free(keys);

    assert_int_equal(RUN(gw_cli_key, "", "new", "-c", conf_file, "--role", "admin"), 0);
    assert_int_equal(RUN(gw_cli_key, "", "list", "-c", conf_file), 0);
    assert_non_null(strstr(text(&out), "app"));
    assert_non_null(strstr(text(&out), "admin"));
    assert_null(strstr(text(&out), secret + 18));
    assert_int_equal(RUN(gw_cli_key, "", "list", "--json", "-c", conf_file), 0);
    json_t *j = json_loads(text(&out), JSON_DISABLE_EOF_CHECK, NULL);
    assert_string_equal(member(j, "name"), "app");
    json_decref(j);

    assert_int_equal(RUN(gw_cli_key, "", "revoke", "app", "-c", conf_file), 0);
    assert_string_equal(text(&out), "");
    assert_int_equal(RUN(gw_cli_key, "", "revoke", "app", "-c", conf_file), 1);
    assert_int_equal(gw_keys_load(path, &keys, NULL), BASE_OK);
    assert_int_equal(gw_keys_lookup(keys, base_str_c(secret), &info), BASE_DENIED);
    gw_keys_free(keys);
}

static void test_key_usage(void **state)
{
    (void)state;
    assert_int_equal(run(gw_cli_key, "", 0, NULL), 2);
    assert_int_equal(RUN(gw_cli_key, "", "make", "-c", conf_file), 2);
    assert_int_equal(RUN(gw_cli_key, "", "new"), 2);
    assert_int_equal(RUN(gw_cli_key, "", "new", "-c", "/nonexistent.yaml"), 2);
    assert_int_equal(RUN(gw_cli_key, "", "new", "-c", conf_file, "--role", "root"), 2);
    assert_int_equal(RUN(gw_cli_key, "", "new", "-c", conf_file, "--name", "a b"), 2);
    assert_int_equal(RUN(gw_cli_key, "", "new", "-c", conf_file, "--data", "personal,,x"), 2);
    assert_int_equal(RUN(gw_cli_key, "", "new", "app", "-c", conf_file), 2);
    assert_string_equal(text(&out), "");
    assert_int_equal(RUN(gw_cli_key, "", "revoke", "-c", conf_file), 2);
    char path[128];
    path_of("keys.json", path);
    assert_int_not_equal(access(path, F_OK), 0); /* none of these made anything */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_check_ok),    T(test_check_bad), T(test_check_failing_test),
        T(test_check_usage), T(test_explain),   T(test_explain_key),
        T(test_explain_bad), T(test_key),       T(test_key_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

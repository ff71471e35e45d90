/* cli_policy_sign.c - `weir policy keygen|sign|verify`: who may change a policy.
 *
 * A signature is a C2SP signed note beside the file (PATH.sig) over its SHA-256; conf/policy_sig.c
 * has the format and checks it wherever a configuration is loaded. The private key is a file of
 * mode 0600 in the form of the specification; it belongs on the machine of whoever answers for the
 * policy, never on the gateway. Key bytes are wiped after use and never printed.
 *
 * Several may sign: a line is added beside those of other keys as long as the text is the same, so
 * that a file can be taken under an old key and a new one while keys change. Signing again replaces
 * one's own line; a note of another text goes.
 */
#include "gateway/cli/cli_policy.h"

#include "audit/log/note.h"
#include "base/clock.h"
#include "base/file.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX (1u << 20)

int gw_cli_policy_keygen(int argc, char **argv)
{
    const char *name = NULL, *out = NULL;
    const struct gw_cli_opt opts[] = {{"--name", &name, NULL}, {"--out", &out, NULL}, {0}};
    struct aud_skey k;
    struct base_err err = {0};
    struct base_buf text;
    struct stat st;
    uint8_t seed[32];
    char vkey[AUD_VKEY_MAX];
    int status = GW_CLI_BAD;
    if (!gw_cli_parse("policy keygen", argc, argv, opts, NULL, 0))
        return GW_CLI_BAD;
    if (!name || !out)
        return gw_cli_fail(
            "policy keygen: weir policy keygen --name policy.example/dpo --out FILE");
    if (stat(out, &st) == 0)
        return gw_cli_fail("policy keygen: %s exists; a key is never overwritten", out);
    base_buf_init(&text, 4096);
    base_random(seed, sizeof(seed));
    if (aud_skey_from_seed(name, seed, &k, &err) != BASE_OK || !aud_skey_print(&k, &text) ||
        !base_buf_byte(&text, '\n') || !aud_vkey_print(&k.vkey, vkey) ||
        base_file_replace(out, base_buf_view(&text), 0600, &err) != BASE_OK) {
        gw_cli_fail("policy keygen: %s", err.text[0] ? err.text : "the key cannot be made");
    } else {
        puts(vkey);
        fprintf(stderr, "the private key is in %s; put the line above under policy_keys\n", out);
        status = fflush(stdout) == 0 ? 0 : GW_CLI_BAD;
    }
    base_wipe(seed, sizeof(seed));
    aud_skey_wipe(&k);
    base_buf_wipe(&text);
    return status;
}

/* The text that is signed, for the bytes of file. */
static bool note_text(const char *file, char out[128], struct base_err *err)
{
    struct base_buf b;
    uint8_t hash[32];
    base_buf_init(&b, FILE_BYTES_MAX);
    bool good = base_file_read(file, &b, err) == BASE_OK;
    if (good && EVP_Digest(b.p ? b.p : "", b.n, hash, NULL, EVP_sha256(), NULL) != 1) {
        base_err_set(err, BASE_ENOMEM, "SHA-256 is not available");
        good = false;
    }
    base_buf_release(&b);
    if (!good)
        return false;
    int n = snprintf(out, 128, "weir-policy/v1\nsha256:");
    for (size_t i = 0; i < 32; i++)
        n += snprintf(out + n, 128 - (size_t)n, "%02x", hash[i]);
    snprintf(out + n, 128 - (size_t)n, "\n");
    return true;
}

/* Puts the lines that other keys have signed under the same text behind out. */
static void keep_others(const char *path, const char *text, const struct aud_skey *k,
                        struct base_buf *out)
{
    struct base_buf old;
    struct base_str had, lines, name;
    uint8_t raw[256];
    size_t n;
    base_buf_init(&old, AUD_NOTE_MAX);
    if (base_file_read_regular(path, &old, NULL) == BASE_OK &&
        aud_note_split(base_buf_view(&old), &had, &lines, NULL) == BASE_OK &&
        base_str_is(had, text)) {
        while (aud_note_line(&lines, &name, raw, sizeof(raw), &n) == BASE_OK) {
            if (n < 4 || (base_str_is(name, k->vkey.name) && memcmp(raw, k->vkey.id, 4) == 0))
                continue;
            base_buf_printf(out, "\xe2\x80\x94 %.*s ", BASE_FMT(name));
            aud_b64_encode(out, raw, n);
            base_buf_byte(out, '\n');
        }
    }
    base_buf_release(&old);
}

int gw_cli_policy_sign(int argc, char **argv)
{
    const char *file = NULL, *key = NULL;
    const struct gw_cli_opt opts[] = {{"--key", &key, NULL}, {0}};
    struct aud_skey k = {0};
    struct base_err err = {0};
    struct base_buf secret, note;
    char text[128], path[4096];
    if (!gw_cli_parse("policy sign", argc, argv, opts, &file, 1))
        return GW_CLI_BAD;
    if (!file || !key)
        return gw_cli_fail("policy sign: weir policy sign --key FILE policy.yaml");
    if ((size_t)snprintf(path, sizeof(path), "%s.sig", file) >= sizeof(path))
        return gw_cli_fail("policy sign: the path is too long");
    base_buf_init(&secret, 4096);
    base_buf_init(&note, AUD_NOTE_MAX);
    bool good = base_file_read(key, &secret, &err) == BASE_OK &&
                aud_skey_parse(base_str_trim(base_buf_view(&secret)), &k, &err) == BASE_OK &&
                note_text(file, text, &err) &&
                aud_note_sign(base_str_c(text), &k, &note, &err) == BASE_OK;
    if (good) {
        keep_others(path, text, &k, &note);
        good =
            base_buf_ok(&note) || base_err_set(&err, BASE_LIMIT, "too many signatures") == BASE_OK;
        good = good && base_file_replace(path, base_buf_view(&note), 0644, &err) == BASE_OK;
    }
    if (good)
        fprintf(stderr, "signed: %s\n", path);
    else
        gw_cli_fail("policy sign: %s", err.text);
    base_buf_wipe(&secret);
    base_buf_release(&note);
    aud_skey_wipe(&k);
    return good ? 0 : GW_CLI_BAD;
}

int gw_cli_policy_verify(int argc, char **argv)
{
    const char *file = NULL, *key = NULL;
    const struct gw_cli_opt opts[] = {{"--vkey", &key, NULL}, {0}};
    struct aud_vkey k;
    struct base_err err = {0};
    struct base_buf note;
    struct base_str got;
    char text[128], path[4096];
    if (!gw_cli_parse("policy verify", argc, argv, opts, &file, 1))
        return GW_CLI_BAD;
    if (!file || !key)
        return gw_cli_fail("policy verify: weir policy verify --vkey KEY policy.yaml");
    if (aud_vkey_parse(base_str_c(key), &k, &err) != BASE_OK)
        return gw_cli_fail("policy verify: %s", err.text);
    if ((size_t)snprintf(path, sizeof(path), "%s.sig", file) >= sizeof(path))
        return gw_cli_fail("policy verify: the path is too long");
    if (!note_text(file, text, &err))
        return gw_cli_fail("policy verify: %s", err.text);
    base_buf_init(&note, AUD_NOTE_MAX);
    int status = GW_CLI_HOLDS_NOT;
    if (base_file_read_regular(path, &note, &err) != BASE_OK ||
        aud_note_verify(base_buf_view(&note), &k, &got, NULL, &err) != BASE_OK)
        gw_cli_fail("policy verify: %s", err.text);
    else if (!base_str_is(got, text))
        gw_cli_fail("policy verify: %s was made for another text", path);
    else
        status = 0;
    if (status == 0)
        printf("ok: signed by %s\n", k.name);
    base_buf_release(&note);
    return status;
}

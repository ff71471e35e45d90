/* policy_sig.c - policy files that only the right people can change: detached Ed25519 signatures.
 *
 * Where the configuration lists `policy_keys`, a policy (and each dated table) is read only if
 * PATH.sig beside it is a signed note (C2SP signed-note v1) over
 *
 *     weir-policy/v1\n
 *     sha256:<64 hex of the file's bytes>\n
 *
 * that one of the keys has signed. The same form as the log's checkpoints, so the tools that check
 * those check this. `weir policy sign` makes it. Everything else about the note is refused rather
 * than skipped: other text, a signature of a listed key that does not verify, too much of it.
 * Blocks on the file; runs where conf_load runs; holds no secret.
 */
#include "conf/sections.h"

#include "base/file.h"

#include <errno.h>
#include <openssl/evp.h>

#define KEYS_MAX   16
#define NOTE_BYTES 16384u
#define NAME_MAX_  255u
#define SIG_BYTES  (4u + 64u)
#define KEY_BYTES  (1u + 32u)
#define ED25519    1

/* Canonical base64 of exactly n bytes (n not a multiple of 3 ends in '='). */
static bool b64(struct base_str s, uint8_t *out, size_t n)
{
    uint8_t raw[128];
    char again[180];
    size_t chars = (n + 2) / 3 * 4;
    if (s.n != chars || chars + 4 > sizeof(again))
        return false;
    if (EVP_DecodeBlock(raw, (const unsigned char *)s.p, (int)s.n) < 0)
        return false;
    memcpy(out, raw, n);
    EVP_EncodeBlock((unsigned char *)again, out, (int)n);
    return base_str_is(s, again);
}

/* The first four bytes of SHA-256(name || 0x0A || type || key). */
static bool key_id(struct base_str name, const uint8_t typed[KEY_BYTES], uint8_t id[4])
{
    uint8_t all[NAME_MAX_ + 1 + KEY_BYTES], hash[32];
    if (name.n > NAME_MAX_)
        return false;
    memcpy(all, name.p, name.n);
    all[name.n] = '\n';
    memcpy(all + name.n + 1, typed, KEY_BYTES);
    if (EVP_Digest(all, name.n + 1 + KEY_BYTES, hash, NULL, EVP_sha256(), NULL) != 1)
        return false;
    memcpy(id, hash, 4);
    return true;
}

static bool hex8(struct base_str s, uint8_t out[4])
{
    if (s.n != 8)
        return false;
    for (size_t i = 0; i < 8; i++) {
        char c = s.p[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | v : v << 4);
    }
    return true;
}

/* "name+hex8(id)+base64(type || key)" */
static bool parse_key(struct conf_loader *l, const struct conf_node *n, struct conf_policy_key *k)
{
    struct base_str rest = n->text, name = base_str_cut(&rest, '+'), id = base_str_cut(&rest, '+');
    uint8_t typed[KEY_BYTES], want[4];
    if (name.n == 0 || name.n > NAME_MAX_ || !hex8(id, k->id) || !b64(rest, typed, KEY_BYTES) ||
        typed[0] != ED25519 || !key_id(name, typed, want) || memcmp(want, k->id, 4) != 0)
        return false;
    memcpy(k->pub, typed + 1, 32);
    k->name = conf_strdup(l, n, name);
    return k->name != NULL;
}

void conf_load_policy_keys(struct conf_loader *l, const struct conf_node *n)
{
    struct conf *c = l->c;
    if (!conf_is_list(l, n, KEYS_MAX))
        return;
    c->policy_keys = conf_array(l, n, n->n, sizeof(*c->policy_keys));
    for (const struct conf_node *k = n->child; c->policy_keys && k; k = k->next) {
        if (!conf_is_text(l, k))
            continue;
        if (parse_key(l, k, &c->policy_keys[c->n_policy_keys]))
            c->n_policy_keys++;
        else
            conf_wrong(l, k,
                       "no public key: \"NAME+ID+KEY\" as `weir policy keygen` prints it, not "
                       "\"%.*s\"",
                       CONF_SHOW(k));
    }
}

static bool verify(const struct conf_policy_key *k, struct base_str text, const uint8_t sig[64])
{
    EVP_PKEY *pk = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->pub, 32);
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    bool good = pk && m && EVP_DigestVerifyInit(m, NULL, NULL, NULL, pk) == 1 &&
                EVP_DigestVerify(m, sig, 64, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(m);
    EVP_PKEY_free(pk);
    return good;
}

/* One signature line, "\u2014 name base64(id || signature)". 1: a listed key's, and it holds; 0: of
 * nobody we know; -1: it is broken, or a listed key's that does not hold. */
static int check_line(const struct conf *c, struct base_str line, struct base_str text,
                      const char **by)
{
    const struct base_str dash = BASE_STR("\xe2\x80\x94 ");
    uint8_t raw[SIG_BYTES];
    if (!base_str_starts(line, dash))
        return -1;
    struct base_str rest = base_str_n(line.p + dash.n, line.n - dash.n);
    struct base_str name = base_str_cut(&rest, ' ');
    if (name.n == 0 || rest.n == 0)
        return -1;
    if (!b64(rest, raw, SIG_BYTES))
        return 0; /* another type of signature */
    for (size_t i = 0; i < c->n_policy_keys; i++) {
        const struct conf_policy_key *k = &c->policy_keys[i];
        if (!base_str_is(name, k->name) || memcmp(raw, k->id, 4) != 0)
            continue;
        if (!verify(k, text, raw + 4))
            return -1;
        *by = k->name;
        return 1;
    }
    return 0;
}

/* What is wrong with the note, or NULL. want is the text that it has to hold. */
static const char *check_note(const struct conf *c, struct base_str note, struct base_str want,
                              const char **by)
{
    bool good = false;
    if (note.n <= want.n + 1 || note.p[note.n - 1] != '\n' || !base_str_starts(note, want) ||
        note.p[want.n] != '\n')
        return "it was made for another text: sign the file again";
    struct base_str rest = base_str_n(note.p + want.n + 1, note.n - want.n - 2);
    if (rest.n && rest.p[rest.n - 1] == '\n')
        return "a signature in it does not hold";
    while (rest.p && rest.n) {
        int is = check_line(c, base_str_cut(&rest, '\n'), want, by);
        if (is < 0)
            return "a signature in it does not hold";
        good |= is > 0;
    }
    return good ? NULL : "none of policy_keys has signed it";
}

bool conf_policy_signed(struct conf_loader *l, const struct conf_node *n, const char *path,
                        struct base_str text, const char **by)
{
    const struct conf *c = l->c;
    uint8_t hash[32];
    char want[100], *at = want;
    struct base_err err = {0};
    struct base_buf note;
    *by = NULL;
    if (!l->policy_keys)
        return true;
    base_buf_init(&note, NOTE_BYTES);
    struct base_str file = base_arena_printf(l->a, "%s.sig", path);
    const char *wrong = NULL;
    if (!file.p || EVP_Digest(text.p, text.n, hash, NULL, EVP_sha256(), NULL) != 1) {
        conf_wrong(l, n, "not enough memory");
        goto out;
    }
    memcpy(at, "weir-policy/v1\nsha256:", 22);
    at += 22;
    for (size_t i = 0; i < 32; i++) {
        *at++ = "0123456789abcdef"[hash[i] >> 4];
        *at++ = "0123456789abcdef"[hash[i] & 15];
    }
    *at++ = '\n';
    if (base_file_read_regular(file.p, &note, &err) != BASE_OK)
        wrong = err.sys == ENOENT ? "there is no signature" : "its signature cannot be read";
    else
        wrong = check_note(c, base_buf_view(&note), base_str_n(want, (size_t)(at - want)), by);
    if (wrong)
        conf_wrong(l, n, "%.*s is not accepted (%.*s.sig): %s", CONF_SHOW(n), CONF_SHOW(n), wrong);
out:
    base_buf_release(&note);
    return *by != NULL;
}

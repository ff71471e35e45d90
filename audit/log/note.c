/* note.c - signed notes, keys and checkpoints, byte by byte.
 *
 *   <text, ends in \n>
 *   \n
 *   U+2014 SP <name> SP base64(key id[4] || signature) \n          one or more
 *
 * The signature covers the text with its final newline and without the empty line; a note is split
 * at its last empty line. Everything is parsed strictly (canonical base64, no stray byte), because
 * a byte that may vary without anybody noticing is a byte that somebody can change. Keys live on
 * the caller's stack and are wiped by whoever loaded them.
 */
#include "audit/log/note.h"

#include "base/clock.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool aud_b64_encode(struct base_buf *out, const void *p, size_t n)
{
    const uint8_t *b = p;

    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)b[i] << 16;
        if (left > 1)
            v |= (uint32_t)b[i + 1] << 8;
        if (left > 2)
            v |= b[i + 2];
        char q[4] = {b64_digits[v >> 18], b64_digits[(v >> 12) & 63],
                     left > 1 ? b64_digits[(v >> 6) & 63] : '=',
                     left > 2 ? b64_digits[v & 63] : '='};
        base_buf_add(out, q, 4);
    }
    return base_buf_ok(out);
}

static int b64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

size_t aud_b64_decode(struct base_str s, uint8_t *out, size_t max)
{
    size_t n = 0;

    if (s.n % 4 != 0)
        return SIZE_MAX;
    for (size_t i = 0; i < s.n; i += 4) {
        bool last = i + 4 == s.n;
        size_t pad = 0;
        uint32_t v = 0;

        if (last && s.p[i + 3] == '=')
            pad = s.p[i + 2] == '=' ? 2 : 1;
        for (size_t j = 0; j < 4; j++) {
            int d = j >= 4 - pad ? 0 : b64_value(s.p[i + j]);

            if (d < 0)
                return SIZE_MAX;
            v = v << 6 | (uint32_t)d;
        }
        if ((pad == 1 && (v & 0xff)) || (pad == 2 && (v & 0xffff)))
            return SIZE_MAX; /* bits that no encoder sets */
        for (size_t j = 0; j < 3 - pad; j++) {
            if (n >= max)
                return SIZE_MAX;
            out[n++] = (uint8_t)(v >> (16 - 8 * j));
        }
    }
    return n;
}

bool aud_name_valid(struct base_str name)
{
    if (name.n == 0 || name.n > AUD_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '+')
            return false;
    }
    return true;
}

static void vkey_fill_id(struct aud_vkey *k)
{
    uint8_t msg[AUD_NAME_MAX + 2 + 32];
    size_t n = strlen(k->name);
    struct aud_hash h;

    memcpy(msg, k->name, n);
    msg[n] = '\n';
    msg[n + 1] = k->type;
    memcpy(msg + n + 2, k->pub, 32);
    aud_sha256(msg, n + 2 + 32, &h);
    memcpy(k->id, h.b, 4);
}

enum base_status aud_skey_make(uint8_t type, const char *name, const uint8_t seed[32],
                               struct aud_skey *out, struct base_err *err)
{
    size_t n = 32;
    enum base_status st = BASE_OK;

    if (!aud_name_valid(base_str_c(name)))
        return base_err_set(err, BASE_EINVAL,
                            "origin must be printable ASCII without spaces and '+', 1 to %d bytes",
                            AUD_NAME_MAX);
    memset(out, 0, sizeof(*out));
    out->vkey.type = type;
    memcpy(out->vkey.name, name, strlen(name));
    memcpy(out->seed, seed, 32);
    EVP_PKEY *p = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    if (!p || EVP_PKEY_get_raw_public_key(p, out->vkey.pub, &n) != 1 || n != 32)
        st = base_err_set(err, BASE_EIO, "OpenSSL has no Ed25519");
    else
        vkey_fill_id(&out->vkey);
    EVP_PKEY_free(p);
    return st;
}

enum base_status aud_skey_from_seed(const char *name, const uint8_t seed[32], struct aud_skey *out,
                                    struct base_err *err)
{
    return aud_skey_make(AUD_KEY_ED25519, name, seed, out, err);
}

enum base_status aud_skey_named(const struct aud_skey *k, const char *name, struct aud_skey *out,
                                struct base_err *err)
{
    struct aud_skey named = *k;
    size_t n = strlen(name);

    if (!aud_name_valid(base_str_c(name)))
        return base_err_set(err, BASE_EINVAL, "no name for a key");
    memset(named.vkey.name, 0, sizeof(named.vkey.name));
    memcpy(named.vkey.name, name, n);
    vkey_fill_id(&named.vkey);
    *out = named;
    base_wipe(&named, sizeof(named));
    return BASE_OK;
}

void aud_skey_wipe(struct aud_skey *k)
{
    base_wipe(k, sizeof(*k));
}

/* name+hex8+base64(type || 32 bytes) */
static bool key_print(const struct aud_vkey *k, const uint8_t material[32], struct base_buf *out)
{
    uint8_t raw[33];

    raw[0] = k->type;
    memcpy(raw + 1, material, 32);
    base_buf_printf(out, "%s+%02x%02x%02x%02x+", k->name, k->id[0], k->id[1], k->id[2], k->id[3]);
    bool ok = aud_b64_encode(out, raw, sizeof(raw));
    base_wipe(raw, sizeof(raw));
    return ok;
}

bool aud_vkey_print(const struct aud_vkey *k, char out[AUD_VKEY_MAX])
{
    struct base_buf b;

    base_buf_init(&b, AUD_VKEY_MAX - 1);
    bool ok = key_print(k, k->pub, &b);
    if (ok)
        memcpy(out, b.p, b.n + 1);
    base_buf_release(&b);
    return ok;
}

bool aud_skey_print(const struct aud_skey *k, struct base_buf *out)
{
    base_buf_z(out, "PRIVATE+KEY+");
    key_print(&k->vkey, k->seed, out);
    return base_buf_byte(out, '\n');
}

enum base_status aud_vkey_named(const struct aud_vkey *k, struct base_str name,
                                struct aud_vkey *out)
{
    struct aud_vkey named = {.type = k->type};

    if (!aud_name_valid(name))
        return BASE_EINVAL;
    memcpy(named.name, name.p, name.n);
    memcpy(named.pub, k->pub, sizeof(named.pub));
    vkey_fill_id(&named);
    *out = named;
    return BASE_OK;
}

static bool hex4(struct base_str s, uint8_t out[4])
{
    if (s.n != 8)
        return false;
    for (size_t i = 0; i < 8; i++) {
        char c = s.p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (d < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] << 4 | d : d);
    }
    return true;
}

/* Splits at the first two '+' (base64 may contain more of them). */
static bool key_split(struct base_str s, uint8_t type, char name[AUD_NAME_MAX + 1], uint8_t id[4],
                      uint8_t material[32])
{
    struct base_str rest = s;
    struct base_str nm = base_str_cut(&rest, '+');
    struct base_str hex = rest.p ? base_str_cut(&rest, '+') : BASE_STR_NULL;
    uint8_t raw[33];

    if (!rest.p || !aud_name_valid(nm) || !hex4(hex, id))
        return false;
    bool ok = aud_b64_decode(rest, raw, sizeof(raw)) == 33 && raw[0] == type;
    if (ok) {
        memcpy(name, nm.p, nm.n);
        name[nm.n] = 0;
        memcpy(material, raw + 1, 32);
    }
    base_wipe(raw, sizeof(raw));
    return ok;
}

static enum base_status vkey_parse(struct base_str s, uint8_t type, struct aud_vkey *out,
                                   struct base_err *err)
{
    uint8_t id[4];

    memset(out, 0, sizeof(*out));
    out->type = type;
    if (!key_split(s, type, out->name, id, out->pub))
        return base_err_set(err, BASE_EINVAL, "not a verifier key (name+hex+base64, %s)",
                            type == AUD_KEY_COSIGNER ? "cosignature/v1: type 04" : "Ed25519");
    vkey_fill_id(out);
    if (memcmp(id, out->id, 4) != 0)
        return base_err_set(err, BASE_EINVAL, "the verifier key's id does not belong to it");
    return BASE_OK;
}

enum base_status aud_vkey_parse(struct base_str s, struct aud_vkey *out, struct base_err *err)
{
    return vkey_parse(s, AUD_KEY_ED25519, out, err);
}

enum base_status aud_wkey_parse(struct base_str s, struct aud_vkey *out, struct base_err *err)
{
    return vkey_parse(s, AUD_KEY_COSIGNER, out, err);
}

static enum base_status skey_parse(struct base_str s, uint8_t type, struct aud_skey *out,
                                   struct base_err *err)
{
    static const struct base_str prefix = {"PRIVATE+KEY+", 12};
    char name[AUD_NAME_MAX + 1];
    uint8_t id[4], seed[32];
    enum base_status st;

    s = base_str_trim(s);
    if (!base_str_starts(s, prefix) ||
        !key_split(base_str_n(s.p + prefix.n, s.n - prefix.n), type, name, id, seed))
        return base_err_set(err, BASE_EINVAL, "not a private key (PRIVATE+KEY+name+hex+base64)");
    st = aud_skey_make(type, name, seed, out, err);
    base_wipe(seed, sizeof(seed));
    if (st == BASE_OK && memcmp(id, out->vkey.id, 4) != 0) {
        aud_skey_wipe(out);
        st = base_err_set(err, BASE_EINVAL, "the private key's id does not belong to it");
    }
    return st;
}

enum base_status aud_skey_parse(struct base_str s, struct aud_skey *out, struct base_err *err)
{
    return skey_parse(s, AUD_KEY_ED25519, out, err);
}

enum base_status aud_wskey_parse(struct base_str s, struct aud_skey *out, struct base_err *err)
{
    return skey_parse(s, AUD_KEY_COSIGNER, out, err);
}

bool aud_ed25519_sign(const struct aud_skey *k, struct base_str msg, uint8_t sig[64])
{
    size_t n = 64;
    EVP_PKEY *p = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->seed, 32);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = p && c && EVP_DigestSignInit(c, NULL, NULL, NULL, p) == 1 &&
              EVP_DigestSign(c, sig, &n, (const uint8_t *)msg.p, msg.n) == 1 && n == 64;

    EVP_MD_CTX_free(c);
    EVP_PKEY_free(p);
    return ok;
}

bool aud_ed25519_verify(const uint8_t pub[32], struct base_str msg, const uint8_t sig[64])
{
    EVP_PKEY *p = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, 32);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = p && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, p) == 1 &&
              EVP_DigestVerify(c, sig, 64, (const uint8_t *)msg.p, msg.n) == 1;

    EVP_MD_CTX_free(c);
    EVP_PKEY_free(p);
    return ok;
}

enum base_status aud_skey_sign(const struct aud_skey *k, struct base_str text, uint8_t sig[64],
                               struct base_err *err)
{
    if (k->sign)
        return k->sign(k->signer, text, sig, err);
    if (!aud_ed25519_sign(k, text, sig))
        return base_err_set(err, BASE_EIO, "OpenSSL could not sign");
    return BASE_OK;
}

enum base_status aud_note_sign(struct base_str text, const struct aud_skey *k, struct base_buf *out,
                               struct base_err *err)
{
    uint8_t sig[4 + 64];

    if (text.n == 0 || text.p[text.n - 1] != '\n')
        return base_err_set(err, BASE_EBUG, "note text must end in a newline");
    enum base_status st = aud_skey_sign(k, text, sig + 4, err);
    if (st != BASE_OK)
        return st;
    memcpy(sig, k->vkey.id, 4);
    base_buf_str(out, text);
    base_buf_printf(out, "\n\xE2\x80\x94 %s ", k->vkey.name);
    aud_b64_encode(out, sig, sizeof(sig));
    if (!base_buf_byte(out, '\n'))
        return base_err_set(err, BASE_LIMIT, "note too long");
    return BASE_OK;
}

/* The last "\n\n" in s; SIZE_MAX if there is none. */
static size_t last_blank(struct base_str s)
{
    for (size_t i = s.n; i >= 2; i--) {
        if (s.p[i - 1] == '\n' && s.p[i - 2] == '\n')
            return i - 2;
    }
    return SIZE_MAX;
}

static bool text_valid(struct base_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];

        if ((c < 0x20 && c != '\n') || c == 0x7f)
            return false;
    }
    return base_utf8_valid(s);
}

/* One signature line without its newline: name and the decoded bytes. */
static bool sig_line(struct base_str line, struct base_str *name, uint8_t *raw, size_t max,
                     size_t *n_raw)
{
    static const struct base_str dash = {"\xE2\x80\x94 ", 4};

    if (!base_str_starts(line, dash))
        return false;
    struct base_str rest = base_str_n(line.p + dash.n, line.n - dash.n);
    *name = base_str_cut(&rest, ' ');
    if (!rest.p || name->n == 0 || base_str_find(*name, BASE_STR("+"), 0) != SIZE_MAX)
        return false;
    *n_raw = aud_b64_decode(rest, raw, max);
    return *n_raw != SIZE_MAX && *n_raw > 4;
}

enum base_status aud_note_split(struct base_str note, struct base_str *text, struct base_str *lines,
                                struct base_err *err)
{
    size_t cut = note.n <= AUD_NOTE_MAX ? last_blank(note) : SIZE_MAX;

    if (cut == SIZE_MAX || note.p[note.n - 1] != '\n' || !text_valid(note))
        return base_err_set(err, BASE_EINVAL, "not a signed note");
    *text = base_str_n(note.p, cut + 1);
    *lines = base_str_n(note.p + cut + 2, note.n - cut - 2);
    return BASE_OK;
}

enum base_status aud_note_line(struct base_str *lines, struct base_str *name, uint8_t *raw,
                               size_t max, size_t *n)
{
    if (!lines->p || lines->n == 0)
        return BASE_DONE;
    return sig_line(base_str_cut(lines, '\n'), name, raw, max, n) ? BASE_OK : BASE_EINVAL;
}

enum base_status aud_note_verify(struct base_str note, const struct aud_vkey *k,
                                 struct base_str *text, size_t *n_sigs, struct base_err *err)
{
    bool good = false;
    size_t n = 0, n_raw;
    uint8_t raw[8192];
    struct base_str lines, name;
    enum base_status st = aud_note_split(note, text, &lines, err);

    if (st != BASE_OK)
        return st;
    while ((st = aud_note_line(&lines, &name, raw, sizeof(raw), &n_raw)) == BASE_OK) {
        if (++n > AUD_NOTE_SIGS_MAX)
            break;
        if (!base_str_is(name, k->name) || memcmp(raw, k->id, 4) != 0)
            continue;
        if (n_raw != 68 || !aud_ed25519_verify(k->pub, *text, raw + 4))
            return base_err_set(err, BASE_EINVAL, "the signature of %s does not hold", k->name);
        good = true;
    }
    if (st != BASE_DONE)
        return base_err_set(err, BASE_EINVAL, "malformed signature line in a signed note");
    if (!good)
        return base_err_set(err, BASE_EINVAL, "no signature by %s", k->name);
    if (n_sigs)
        *n_sigs = n;
    return BASE_OK;
}

/* ---- cosignatures ---- */

static bool cosign_message(struct base_buf *out, uint64_t unix_s, struct base_str text)
{
    base_buf_printf(out, "cosignature/v1\ntime %llu\n", (unsigned long long)unix_s);
    return base_buf_str(out, text);
}

enum base_status aud_cosign(struct base_str text, const struct aud_skey *witness, uint64_t unix_s,
                            struct base_buf *out, struct base_err *err)
{
    uint8_t sig[4 + 8 + 64];
    struct base_buf m;

    base_buf_init(&m, AUD_NOTE_MAX + 64);
    bool ok =
        cosign_message(&m, unix_s, text) && aud_ed25519_sign(witness, base_buf_view(&m), sig + 12);
    base_buf_release(&m);
    if (!ok)
        return base_err_set(err, BASE_EIO, "OpenSSL could not sign");
    memcpy(sig, witness->vkey.id, 4);
    for (int i = 0; i < 8; i++)
        sig[4 + i] = (uint8_t)(unix_s >> (56 - 8 * i));
    base_buf_printf(out, "\xE2\x80\x94 %s ", witness->vkey.name);
    aud_b64_encode(out, sig, sizeof(sig));
    return base_buf_byte(out, '\n') ? BASE_OK : base_err_set(err, BASE_LIMIT, "note too long");
}

enum base_status aud_cosigned(struct base_str note, const struct aud_vkey *witness, bool *has,
                              uint64_t *unix_s, struct base_err *err)
{
    uint8_t raw[8192];
    size_t n;
    struct base_str text, lines, name;
    enum base_status st = aud_note_split(note, &text, &lines, err);

    *has = false;
    if (unix_s)
        *unix_s = 0;
    if (st != BASE_OK)
        return st;
    while ((st = aud_note_line(&lines, &name, raw, sizeof(raw), &n)) == BASE_OK) {
        uint64_t t = 0;
        struct base_buf m;

        if (!base_str_is(name, witness->name) || memcmp(raw, witness->id, 4) != 0)
            continue;
        for (int i = 0; i < 8 && n == 76; i++)
            t = t << 8 | raw[4 + i];
        base_buf_init(&m, AUD_NOTE_MAX + 64);
        bool ok = n == 76 && cosign_message(&m, t, text) &&
                  aud_ed25519_verify(witness->pub, base_buf_view(&m), raw + 12);
        base_buf_release(&m);
        if (!ok)
            return base_err_set(err, BASE_EINVAL, "the cosignature of %s does not hold",
                                witness->name);
        *has = true;
        if (unix_s && t > *unix_s)
            *unix_s = t;
    }
    return st == BASE_DONE ? BASE_OK : base_err_set(err, BASE_EINVAL, "malformed signature line");
}

enum base_status aud_wkeys_parse(const char *const *s, size_t n, struct aud_vkey *out,
                                 struct base_err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct aud_vkey a, b;
        enum base_status st = aud_wkey_parse(base_str_c(s[i]), &a, err);

        for (size_t k = 0; st == BASE_OK && k < i; k++) {
            st = aud_wkey_parse(base_str_c(s[k]), &b, err);
            if (st == BASE_OK && memcmp(a.pub, b.pub, sizeof(a.pub)) == 0)
                st = base_err_set(err, BASE_EINVAL, "%s and %s are the same witness", b.name,
                                  a.name);
        }
        if (st != BASE_OK)
            return st;
        if (out)
            out[i] = a;
    }
    return BASE_OK;
}

bool aud_checkpoint_print(const struct aud_checkpoint *c, struct base_buf *out)
{
    base_buf_printf(out, "%s\n%llu\n", c->origin, (unsigned long long)c->size);
    aud_b64_encode(out, c->root.b, AUD_HASH_BYTES);
    return base_buf_byte(out, '\n');
}

enum base_status aud_checkpoint_parse(struct base_str text, struct aud_checkpoint *out,
                                      struct base_err *err)
{
    struct base_str rest = text;
    struct base_str origin = base_str_cut(&rest, '\n');
    struct base_str size = rest.p ? base_str_cut(&rest, '\n') : BASE_STR_NULL;
    struct base_str root = rest.p ? base_str_cut(&rest, '\n') : BASE_STR_NULL;

    memset(out, 0, sizeof(*out));
    if (!rest.p || rest.n != 0 || !aud_name_valid(origin) || size.n == 0 ||
        (size.n > 1 && size.p[0] == '0') || !base_str_u64(size, &out->size) ||
        aud_b64_decode(root, out->root.b, AUD_HASH_BYTES) != AUD_HASH_BYTES)
        return base_err_set(err, BASE_EINVAL, "not a checkpoint (origin, size, root)");
    memcpy(out->origin, origin.p, origin.n);
    return BASE_OK;
}

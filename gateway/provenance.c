/* provenance.c - makes and checks records of origin.
 *
 * Owns       the provenance key, apart from the log's: who can sign answers cannot sign the log.
 * Runs on    any thread; the key is read once, before the loops start.
 * Format     see provenance.h. The parser takes exactly what the writer writes, byte for byte: a
 *            record is printed again from what was read and must come out the same.
 * Fails by   BASE_EINVAL for a record that does not hold, with the reason.
 */
#include "gateway/provenance.h"
#include "audit/log/note.h"
#include "base/file.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct gw_prov {
    struct aud_skey key;
    char vkey[AUD_VKEY_MAX];
};

static enum base_status make_key(const char *file, const char *name, struct aud_skey *key,
                                 struct base_err *err)
{
    uint8_t seed[32];
    struct base_buf b;

    base_buf_init(&b, 4096);
    base_random(seed, sizeof seed);
    enum base_status st = aud_skey_from_seed(name, seed, key, err);
    base_wipe(seed, sizeof seed);
    if (st == BASE_OK && !(aud_skey_print(key, &b) && base_buf_byte(&b, '\n')))
        st = base_err_set(err, BASE_ENOMEM, "out of memory");
    if (st == BASE_OK)
        st = base_file_replace(file, base_buf_view(&b), 0600, err);
    base_buf_wipe(&b);
    return st;
}

static enum base_status load_key(const char *file, const char *name, struct aud_skey *key,
                                 struct base_err *err)
{
    struct base_buf b;

    base_buf_init(&b, 4096);
    enum base_status st = base_file_read(file, &b, err);
    if (st == BASE_OK) {
        struct base_err why;
        st = aud_skey_parse(base_str_trim(base_buf_view(&b)), key, &why);
        if (st != BASE_OK)
            st = base_err_set(err, BASE_EINVAL,
                              "%s is no provenance key (%s); move it away and a new one is made",
                              file, why.text);
        else if (strcmp(key->vkey.name, name) != 0)
            st = base_err_set(err, BASE_EINVAL, "%s is the key of %s, not of %s", file,
                              key->vkey.name, name);
    }
    base_buf_wipe(&b);
    return st;
}

enum base_status gw_prov_open(const char *file, const char *origin, struct gw_prov **out,
                              struct base_err *err)
{
    char name[AUD_NAME_MAX + 1];
    struct gw_prov *p;

    if (snprintf(name, sizeof name, "%s/provenance", origin) >= (int)sizeof name)
        return base_err_set(err, BASE_EINVAL, "the log's origin is too long");
    p = calloc(1, sizeof *p);
    if (!p)
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    enum base_status st = access(file, F_OK) != 0 && errno == ENOENT
                              ? make_key(file, name, &p->key, err)
                              : load_key(file, name, &p->key, err);
    if (st == BASE_OK && !aud_vkey_print(&p->key.vkey, p->vkey))
        st = base_err_set(err, BASE_EBUG, "the provenance key cannot be printed");
    if (st != BASE_OK) {
        gw_prov_free(p);
        return st;
    }
    *out = p;
    return BASE_OK;
}

void gw_prov_free(struct gw_prov *p)
{
    if (!p)
        return;
    aud_skey_wipe(&p->key);
    free(p);
}

const char *gw_prov_vkey(const struct gw_prov *p)
{
    return p->vkey;
}

static bool print_claim(const struct gw_prov *p, const struct gw_prov_claim *c,
                        struct base_buf *out)
{
    base_buf_printf(out, "%s\nai-generated\nrequest %s\nroute %s\ntime %s\nbytes %llu\nsha256 ",
                    p->key.vkey.name, c->request, c->route, c->time, (unsigned long long)c->bytes);
    for (size_t i = 0; i < sizeof c->sha256; i++)
        base_buf_printf(out, "%02x", c->sha256[i]);
    return base_buf_byte(out, '\n');
}

enum base_status gw_prov_sign(const struct gw_prov *p, const struct gw_prov_claim *c,
                              struct base_buf *out, struct base_err *err)
{
    struct base_buf text, note;

    base_buf_init(&text, GW_PROV_TOKEN_MAX);
    base_buf_init(&note, GW_PROV_TOKEN_MAX);
    enum base_status st = BASE_OK;
    if (!print_claim(p, c, &text))
        st = base_err_set(err, BASE_LIMIT, "the record does not fit");
    if (st == BASE_OK)
        st = aud_note_sign(base_buf_view(&text), &p->key, &note, err);
    if (st == BASE_OK && !aud_b64_encode(out, note.p, note.n))
        st = base_err_set(err, BASE_LIMIT, "the record does not fit");
    base_buf_release(&text);
    base_buf_release(&note);
    return st;
}

/* The value of the line "name value"; false when the next line is another. */
static bool take(struct base_str *rest, const char *name, char *out, size_t out_bytes)
{
    struct base_str line = base_str_cut(rest, '\n');
    struct base_str head = base_str_c(name);

    if (!base_str_starts(line, head) || line.n <= head.n || line.n - head.n >= out_bytes)
        return false;
    memcpy(out, line.p + head.n, line.n - head.n);
    out[line.n - head.n] = '\0';
    return true;
}

static bool unhex(const char *s, uint8_t out[32])
{
    for (size_t i = 0; i < 64; i++) {
        int v = s[i] >= '0' && s[i] <= '9'   ? s[i] - '0'
                : s[i] >= 'a' && s[i] <= 'f' ? s[i] - 'a' + 10
                                             : -1;
        if (v < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | v : v << 4);
    }
    return s[64] == '\0';
}

static bool parse_claim(struct base_str text, struct gw_prov_claim *c)
{
    char bytes[24], hex[80];
    struct base_str rest = text;

    *c = (struct gw_prov_claim){0};
    (void)base_str_cut(&rest, '\n'); /* the origin: the whole is compared below */
    (void)base_str_cut(&rest, '\n');
    return take(&rest, "request ", c->request, sizeof c->request) &&
           take(&rest, "route ", c->route, sizeof c->route) &&
           take(&rest, "time ", c->time, sizeof c->time) &&
           take(&rest, "bytes ", bytes, sizeof bytes) &&
           base_str_u64(base_str_c(bytes), &c->bytes) && take(&rest, "sha256 ", hex, sizeof hex) &&
           strlen(hex) == 64 && unhex(hex, c->sha256);
}

enum base_status gw_prov_verify(const struct gw_prov *p, struct base_str record,
                                struct gw_prov_claim *out, struct base_err *err)
{
    uint8_t note[GW_PROV_TOKEN_MAX];
    struct base_str text;
    struct base_buf again;
    size_t n = aud_b64_decode(record, note, sizeof note);

    if (n == SIZE_MAX)
        return base_err_set(err, BASE_EINVAL, "the record is not base64, or too long");
    enum base_status st = aud_note_verify(base_str_n(note, n), &p->key.vkey, &text, NULL, err);
    if (st != BASE_OK)
        return BASE_EINVAL;
    base_buf_init(&again, GW_PROV_TOKEN_MAX);
    if (!parse_claim(text, out) || !print_claim(p, out, &again) ||
        !base_str_eq(text, base_buf_view(&again)))
        st = base_err_set(err, BASE_EINVAL, "the record is signed, but is no provenance record");
    base_buf_release(&again);
    return st;
}

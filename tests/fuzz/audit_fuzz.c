/* audit_fuzz.c - Goal: no bytes crash the readers of the log or make them contradict each other.
 *
 * Method: the first byte chooses the reader: notes, cosignatures and keys (what parses must print
 * as it was), leaves (what our recogniser takes, the verifier's and jansson must take), proof files
 * and a witness's requests (none of them has a good signature), tile names (one name for one tile),
 * and a whole segment: the input is laid over a small closed log in memory, which then must not
 * hold (unless the bytes are the old ones), and whose recovery must refuse or work but not crash.
 */
#include "audit/audit.h"
#include "audit/log/leaf.h"
#include "audit/log/note.h"
#include "audit/log/period.h"
#include "audit/log/tiles.h"
#include "audit/log/wal.h"
#include "audit/verify/proof_file.h"
#include "audit/verify/ver.h"
#include "audit/witness/witness.h"
#include "base/file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME    "fuzz.example/log"
#define SEGMENT 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], segment_file[128];
static uint8_t good[SEGMENT];

static void prepare(void)
{
    struct aud_options o = {.directory = folder, .origin = NAME, .segment_bytes = SEGMENT};
    struct aud_log *l;
    struct base_buf b;

    snprintf(folder, sizeof(folder), "%s/weir-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder) || aud_log_open(&o, &l, NULL) != BASE_OK)
        abort();
    for (int i = 0; i < 8; i++) {
        char leaf[128];

        snprintf(leaf, sizeof(leaf),
                 "{\"ev\":\"x\",\"req\":\"%d\",\"t\":1,\"tenant\":\"\",\"v\":1}", i);
        if (aud_log_submit(l, base_str_c(leaf), NULL, NULL) != BASE_OK)
            abort();
    }
    if (aud_log_close(l, NULL) != BASE_OK)
        abort();
    snprintf(segment_file, sizeof(segment_file), "%s/wal/00000000000000000000.wal", folder);
    base_buf_init(&b, SEGMENT);
    if (base_file_read(segment_file, &b, NULL) != BASE_OK || b.n != SEGMENT)
        abort();
    memcpy(good, b.p, SEGMENT);
    base_buf_release(&b);
}

static void fuzz_note(struct base_str s)
{
    struct aud_vkey k;
    struct aud_skey sk;
    struct aud_checkpoint cp;
    struct base_str text;
    struct base_buf b;
    char again[AUD_VKEY_MAX];

    if (aud_vkey_parse(s, &k, NULL) == BASE_OK &&
        (!aud_vkey_print(&k, again) || !base_str_is(s, again)))
        abort();
    if (aud_skey_parse(s, &sk, NULL) == BASE_OK)
        aud_skey_wipe(&sk);
    base_buf_init(&b, AUD_NOTE_MAX);
    if (aud_checkpoint_parse(s, &cp, NULL) == BASE_OK &&
        (!aud_checkpoint_print(&cp, &b) || !base_str_eq(base_buf_view(&b), s)))
        abort();
    base_buf_release(&b);
    memset(&k, 0, sizeof(k));
    memcpy(k.name, NAME, sizeof(NAME));
    if (aud_note_verify(s, &k, &text, NULL, NULL) == BASE_OK)
        abort(); /* nobody has the key of all zeros */
    bool has;
    if (aud_cosigned(s, &k, &has, NULL, NULL) == BASE_OK && has)
        abort();
}

static bool carried_any(void *ctx, uint64_t intent, struct base_str req, struct base_str tenant)
{
    (void)intent;
    *(size_t *)ctx += req.n + tenant.n;
    return true;
}

/* A proof, a request to a witness, and what joins periods. */
static void fuzz_proof(struct base_str s)
{
    static struct aud_witness *w;
    static char dir[64];
    struct aud_proof_file p = {.index = 0};
    struct aud_vkey k = {.name = NAME, .type = AUD_KEY_ED25519};
    struct base_buf out;
    const char *type;
    struct aud_begin begin;
    struct aud_dropped dropped;
    char next[AUD_NAME_MAX + 1];
    size_t bytes = 0;

    if (!w) {
        char vkey[AUD_VKEY_MAX];

        snprintf(dir, sizeof(dir), "%s/w", folder);
        if (aud_witness_open(dir, "w", &w, NULL) != BASE_OK ||
            aud_vkey_named(&k, BASE_STR(NAME), &k) != BASE_OK || !aud_vkey_print(&k, vkey) ||
            aud_witness_trust(w, vkey, NULL) != BASE_OK)
            abort();
    }
    if (aud_proof_file_parse(s, &p, NULL) == BASE_OK &&
        aud_proof_file_verify(&p, &k, NULL, 0, 0, NULL) == BASE_OK)
        abort();
    base_buf_release(&p.leaf);
    base_buf_init(&out, 200000);
    if (aud_witness_add(w, s, &out, &type) == 200)
        abort();
    base_buf_release(&out);
    if (aud_begin_parse(s, &begin))
        aud_begin_release(&begin);
    (void)aud_dropped_parse(s, &dropped);
    (void)aud_end_parse(s, next);
    if (aud_carried_each(s, carried_any, &bytes) && bytes > s.n)
        abort();
}

static void fuzz_leaf(struct base_str s)
{
    struct aud_leaf l;

    struct ver_record r;
    bool record = ver_record_scan(s, &r);

    if (!aud_leaf_parse(s, &l))
        return;
    if (!record || r.t != l.t || !base_str_eq(r.req, l.req) || !base_str_eq(r.ev, l.ev) ||
        !base_str_eq(r.tenant, l.tenant))
        abort(); /* what may be written must verify, and mean the same */
    json_t *o = json_loadb(s.p, s.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (!json_is_object(o) || json_integer_value(json_object_get(o, "t")) < 1 ||
        !json_is_string(json_object_get(o, "req")))
        abort();
    json_decref(o);
}

static void fuzz_tile(const uint8_t *p, size_t n)
{
    char name[AUD_TILE_NAME_MAX], again[AUD_TILE_NAME_MAX];
    unsigned level, width;
    uint64_t index;

    if (n >= sizeof(name))
        return;
    memcpy(name, p, n);
    name[n] = 0;
    if (!aud_tile_parse(name, &level, &index, &width))
        return;
    aud_tile_name(level, index, width, again);
    if (strcmp(name, again) != 0)
        abort();
}

static void fuzz_segment(const uint8_t *p, size_t n)
{
    uint8_t seg[SEGMENT];
    struct aud_verify_report r;
    struct aud_cursor c;
    size_t at = n >= 2 ? (size_t)(p[0] << 8 | p[1]) % SEGMENT : 0;

    if (n < 3)
        return;
    memcpy(seg, good, SEGMENT);
    n = n - 2 < SEGMENT - at ? n - 2 : SEGMENT - at;
    memcpy(seg + at, p + 2, n);
    FILE *f = fopen(segment_file, "wb");
    if (!f || fwrite(seg, 1, SEGMENT, f) != SEGMENT || fclose(f) != 0)
        abort();
    if (aud_verify(folder, NULL, &r, NULL) == BASE_OK && r.holds && memcmp(seg, good, SEGMENT) != 0)
        abort();
    if (aud_cursor_open(&c, folder, 0, NULL, NULL) == BASE_OK) {
        uint64_t dirty;

        while (aud_cursor_next(&c, NULL) == BASE_OK)
            ;
        if (aud_tail_check(c.fd, "x", &c.header, c.pos.end, c.pos.tree.n, false, &dirty, NULL) ==
                BASE_OK &&
            dirty < c.pos.end)
            abort();
    }
    aud_cursor_release(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (folder[0] == 0)
        prepare();
    if (size == 0)
        return 0;
    const uint8_t *p = data + 1;
    size_t n = size - 1;
    switch (data[0] % 5) {
    case 0:
        fuzz_note(base_str_n(p, n));
        break;
    case 1:
        fuzz_leaf(base_str_n(p, n));
        break;
    case 2:
        fuzz_tile(p, n);
        break;
    case 4:
        fuzz_proof(base_str_n(p, n));
        break;
    default:
        fuzz_segment(p, n);
    }
    return 0;
}

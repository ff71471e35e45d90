/* find.c - who is only named in kept texts (GDPR Art. 15); see keeper.h.
 *
 * Owns       one job for each search, the caller's.
 * Runs on    the keeper's thread in slices of SLICE_BYTES, between which others have their turn;
 *            the caller waits.
 * Method     content is looked through as for people on the lists (restrict.c, conf/rights.h): the
 *            bytes, the strings of a body without their escapes, the pieces of a stream as one
 *            text. What was erased is not there any more and is not found; nor is what ended up
 *            under a key that is gone.
 * Order      leaf audit.read (what: "content find", how many blobs will be looked through) ->
 *            search -> a second one with how many were found -> told. In the name's place stands
 *            HMAC(HKDF(key of nobody in particular of the tenant weir:find, "weir/find/1"), name as
 *            it is compared), 16 bytes: the same name is the same tag, and only who has the keys
 *            can try names against it.
 * Bounds     BLOBS_MAX blobs, HITS_MAX told. Decrypted text lives in one buffer that is wiped.
 */
#include "audit/content/keeper_int.h"

#include "audit/log/append.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define BLOBS_MAX   2000000u
#define HITS_MAX    10000u
#define SLICE_BYTES (32u << 20)
#define REASON_MAX  256u
#define KEY_TENANT  "weir:find"

struct place {
    struct aud_blob b;
    struct aud_blob_at at;
    bool hit;
};

struct job {
    const struct aud_find *f;
    struct aud_find_sum *sum;
    struct conf_rights *one;
    struct place *v;
    size_t n, cap, done;
    char tag[AUD_TAG_HEX];
};

/* ---- what there is ---- */

static enum base_status collect(void *ctx, const struct aud_blob *b, const struct aud_blob_at *at)
{
    struct job *j = ctx;

    if (!at->live)
        return BASE_OK;
    if (j->n == j->cap) {
        size_t cap = j->cap ? 2 * j->cap : 1024;
        void *v = cap <= 2 * BLOBS_MAX ? realloc(j->v, cap * sizeof(*j->v)) : NULL;
        if (!v)
            return BASE_LIMIT;
        j->v = v;
        j->cap = cap;
    }
    j->v[j->n++] = (struct place){.b = *b, .at = *at};
    return BASE_OK;
}

/* By the key that opens it: finding a key is slow. */
static int by_key(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int c = memcmp(x->b.tenant, y->b.tenant, AUD_ID_BYTES);

    return c ? c : memcmp(x->b.subject, y->b.subject, AUD_ID_BYTES);
}

static int by_time(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return x->b.t < y->b.t ? -1 : x->b.t > y->b.t;
}

static enum base_status name_tag(struct aud_keeper *k, struct job *j, struct base_err *err)
{
    struct aud_subject s = {0};
    char canon[CONF_RIGHTS_CANON_MAX + 2];
    uint8_t key[AUD_KEY_BYTES], mac[32];
    enum base_status st =
        aud_keyring_subject(k->ring, BASE_STR(KEY_TENANT), BASE_STR(""), true, &s, err);

    if (st == BASE_OK)
        st = aud_keyring_sync(k->ring, err);
    if (st == BASE_OK && !conf_rights_canon(base_str_c(j->f->identifier), canon))
        st = base_err_set(err, BASE_EINVAL, "that is no identifier");
    if (st == BASE_OK) {
        aud_hkdf(s.key, base_str_n(s.id, AUD_ID_BYTES), "weir/find/1", key);
        aud_hmac(base_str_n(key, sizeof(key)), base_str_c(canon), BASE_STR(""), mac);
        aud_hex(mac, AUD_ID_BYTES, j->tag);
    }
    base_wipe(canon, sizeof(canon));
    base_wipe(key, sizeof(key));
    base_wipe(&s, sizeof(s));
    return st;
}

/* ---- the record ---- */

static enum base_status record(struct aud_keeper *k, const struct job *j, const char *state,
                               uint64_t rows, struct base_err *err)
{
    struct base_buf leaf;
    struct base_json w;

    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    base_json_init(&w, &leaf);
    base_json_obj(&w);
    base_json_kz(&w, "by", j->f->who);
    base_json_kz(&w, "ev", "audit.read");
    base_json_key(&w, "question");
    base_json_obj(&w);
    base_json_kz(&w, "find", j->tag);
    base_json_kz(&w, "reason", j->f->reason);
    base_json_kz(&w, "state", state);
    base_json_obj_end(&w);
    base_json_kz(&w, "req", "");
    base_json_kint(&w, "rows", (int64_t)rows);
    base_json_kint(&w, "t", base_wall_us());
    base_json_kz(&w, "tenant", "");
    base_json_kint(&w, "v", 1);
    base_json_kz(&w, "what", "content find");
    base_json_obj_end(&w);
    enum base_status st = base_buf_ok(&leaf)
                              ? aud_log_append(k->log, base_buf_view(&leaf), NULL, err)
                              : base_err_set(err, BASE_LIMIT, "the record would be too long");
    base_buf_release(&leaf);
    return st;
}

/* ---- on the keeper's thread ---- */

static enum base_status do_begin(struct aud_keeper *k, void *arg, struct base_err *err)
{
    struct job *j = arg;
    enum base_status st = name_tag(k, j, err);

    if (st == BASE_OK)
        st = aud_content_each(k->content, collect, j, NULL, err);
    if (st == BASE_LIMIT)
        return base_err_set(err, st, "more than %u pieces of content, or no memory", BLOBS_MAX);
    if (st != BASE_OK)
        return st;
    if (j->n)
        qsort(j->v, j->n, sizeof(*j->v), by_key);
    return record(k, j, "begins", j->n, err);
}

static enum base_status do_slice(struct aud_keeper *k, void *arg, struct base_err *err)
{
    struct job *j = arg;
    struct aud_subject s = {0};
    struct base_buf plain;
    int64_t today = base_wall_us() / 86400000000;
    const struct place *of = NULL; /* whose key s is */
    uint64_t bytes = 0;
    enum base_status st = BASE_OK;

    base_buf_init(&plain, AUD_BLOB_BYTES_MAX + 16);
    for (; j->done < j->n && bytes < SLICE_BYTES && st == BASE_OK; j->done++) {
        struct place *p = &j->v[j->done];

        bytes += p->b.n + 4096;
        if (!of || by_key(of, p) != 0)
            st = aud_keyring_by_id(k->ring, p->b.tenant, p->b.subject, &s, err);
        of = st == BASE_OK ? p : NULL;
        base_buf_clear(&plain);
        if (st == BASE_OK)
            st = aud_content_read(k->content, &p->at, &s, &plain, NULL, err);
        if (st == BASE_ENOENT || st == BASE_DENIED) { /* erased since it was listed; damaged */
            j->sum->unreadable += st == BASE_DENIED;
            st = BASE_OK;
            continue;
        }
        if (st != BASE_OK)
            break;
        unsigned lists = aud_rights_of(j->one, base_buf_view(&plain), today);
        p->hit = lists & CONF_RIGHTS_OBJECTED;
        j->sum->searched++;
        j->sum->unreadable += lists == CONF_RIGHTS_RESTRICTED;
        j->sum->found += p->hit;
    }
    base_wipe(&s, sizeof(s));
    base_buf_wipe(&plain);
    return st;
}

static enum base_status tell(struct aud_keeper *k, struct job *j, struct base_err *err)
{
    uint64_t told = 0;
    enum base_status st = BASE_OK;

    if (j->n)
        qsort(j->v, j->n, sizeof(*j->v), by_time);
    for (size_t i = 0; i < j->n && st == BASE_OK; i++) {
        struct aud_found f = {.blob = &j->v[i].b};
        struct aud_subject s = {0};

        if (!j->v[i].hit)
            continue;
        if (told++ == HITS_MAX) {
            j->sum->cut = true;
            break;
        }
        st = aud_keyring_by_id(k->ring, j->v[i].b.tenant, j->v[i].b.subject, &s, err);
        if (st == BASE_OK) {
            memcpy(f.subject, s.tag, sizeof(f.subject));
            f.tenant = aud_keyring_tenant_of(k->ring, j->v[i].b.tenant);
            st = j->f->fn(j->f->ctx, &f);
        } else if (st == BASE_ENOENT) { /* erased since it was found */
            st = BASE_OK;
        }
        base_wipe(&s, sizeof(s));
    }
    return st;
}

static enum base_status do_end(struct aud_keeper *k, void *arg, struct base_err *err)
{
    struct job *j = arg;
    enum base_status st = record(k, j, "found", j->sum->found, err);

    return st == BASE_OK ? tell(k, j, err) : st;
}

enum base_status aud_keeper_find(struct aud_keeper *k, const struct aud_find *f,
                                 struct aud_find_sum *out, struct base_err *err)
{
    struct job j = {.f = f, .sum = out};
    int64_t today = base_wall_us() / 86400000000;
    size_t n = strlen(f->reason);

    *out = (struct aud_find_sum){0};
    enum base_status st = conf_rights_one(base_str_c(f->identifier), &j.one, err);
    if (st == BASE_OK && (n == 0 || n > REASON_MAX || !base_utf8_valid(base_str_c(f->reason))))
        st = base_err_set(err, BASE_EINVAL, "a reason has 1 to %u bytes of UTF-8", REASON_MAX);
    if (st == BASE_OK && conf_rights_in_text(j.one, base_str_c(f->reason), today))
        st = base_err_set(err, BASE_EINVAL,
                          "the reason names the person: it is recorded, leave him out of it");
    if (st == BASE_OK)
        st = aud_keeper_order(k, do_begin, &j, err);
    while (st == BASE_OK && j.done < j.n)
        st = aud_keeper_order(k, do_slice, &j, err);
    if (st == BASE_OK)
        st = aud_keeper_order(k, do_end, &j, err);
    free(j.v);
    conf_rights_free(j.one);
    return st;
}

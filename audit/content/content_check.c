/* content_check.c - is the content beside a log what the log says it is? Needs no key.
 *
 * Runs offline or beside a live gateway, on the caller's thread. Every blob that a req.content or
 * correction.made leaf names must be there with the ciphertext hash that the leaf says, or be gone
 * after a leaf that names it: erasure.blobs or retention.delete. Both are written before anything
 * is destroyed, and blobs are stored before their leaf, so in an honest directory nothing is ever
 * missing; a live one moves between the two readings, so a finding there is looked at again.
 * Memory: 72 bytes a recorded blob.
 */
#include "audit/content/keeper.h"

#include "audit/log/state.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOBS_MAX 50000000u
#define RETRIES   3

struct known {
    uint8_t id[AUD_ID_BYTES];
    struct aud_hash ct;
    uint64_t leaf, bytes;
    bool named; /* for erasure or deletion */
    bool seen;
};

struct check {
    struct known *v;
    size_t n, cap;
    uint8_t (*gone)[AUD_ID_BYTES];
    size_t n_gone, cap_gone;
    struct aud_content *content;
    struct aud_content_report *r;
    struct base_err *err;
};

static bool grow(void *vec, size_t *cap, size_t n, size_t size)
{
    void **v = vec;

    if (n < *cap)
        return true;
    size_t more = *cap ? 2 * *cap : 1024;
    void *p = more <= BLOBS_MAX ? realloc(*v, more * size) : NULL;
    if (!p)
        return false;
    *v = p;
    *cap = more;
    return true;
}

static bool add_blobs(struct check *c, uint64_t index, const json_t *list)
{
    const json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
    {
        const char *id = json_string_value(json_object_get(o, "id"));
        const char *ct = json_string_value(json_object_get(o, "ct"));

        if (!grow(&c->v, &c->cap, c->n, sizeof(*c->v)))
            return false;
        struct known *k = &c->v[c->n];
        *k = (struct known){.leaf = index,
                            .bytes = (uint64_t)json_integer_value(json_object_get(o, "bytes"))};
        if (id && ct && aud_unhex(base_str_c(id), k->id, AUD_ID_BYTES) &&
            aud_unhex(base_str_c(ct), k->ct.b, 32))
            c->n++;
    }
    return true;
}

static bool add_gone(struct check *c, const json_t *list)
{
    const json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
    {
        const char *id = json_string_value(o);

        if (!grow(&c->gone, &c->cap_gone, c->n_gone, sizeof(*c->gone)))
            return false;
        if (id && aud_unhex(base_str_c(id), c->gone[c->n_gone], AUD_ID_BYTES))
            c->n_gone++;
    }
    return true;
}

static enum base_status on_leaf(void *ctx, uint64_t index, struct base_str leaf)
{
    struct check *c = ctx;
    bool ok = true;

    /* most leaves are about something else: no parsing for those */
    if (!memmem(leaf.p, leaf.n, "\"req.content\"", 13) &&
        !memmem(leaf.p, leaf.n, "\"correction.made\"", 17) &&
        !memmem(leaf.p, leaf.n, "\"erasure.blobs\"", 15) &&
        !memmem(leaf.p, leaf.n, "\"retention.delete\"", 18))
        return BASE_OK;
    json_t *o = json_loadb(leaf.p, leaf.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    const char *ev = json_string_value(json_object_get(o, "ev"));
    if (ev && (strcmp(ev, "req.content") == 0 || strcmp(ev, "correction.made") == 0))
        ok = add_blobs(c, index, json_object_get(o, "blobs"));
    else if (ev && (strcmp(ev, "erasure.blobs") == 0 || strcmp(ev, "retention.delete") == 0))
        ok = add_gone(c, json_object_get(o, "ids"));
    json_decref(o);
    return ok ? BASE_OK : base_err_set(c->err, BASE_ENOMEM, "no memory for the blobs of the log");
}

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, AUD_ID_BYTES); /* the id stands first in both */
}

static struct known *find(struct check *c, const uint8_t *id)
{
    return c->n ? bsearch(id, c->v, c->n, sizeof(*c->v), by_id) : NULL;
}

static void bad(struct check *c, uint64_t leaf, const char *what, const uint8_t *id)
{
    char hex[2 * AUD_ID_BYTES + 1];

    if (!c->r->holds && leaf >= c->r->first_bad) /* the first record is named */
        return;
    c->r->holds = false;
    c->r->first_bad = leaf;
    snprintf(c->r->problem, sizeof(c->r->problem), "content %s of record %" PRIu64 " %s",
             aud_hex(id, AUD_ID_BYTES, hex), leaf, what);
}

static enum base_status on_blob(void *ctx, const struct aud_blob *b, const struct aud_blob_at *at)
{
    struct check *c = ctx;
    struct known *k = find(c, b->id);
    struct aud_hash ct;

    if (!k) { /* stored, and the process ended before its leaf; or its period was dropped */
        c->r->unrecorded += at->live;
        return BASE_OK;
    }
    k->seen = true;
    if (!at->live) {
        if (!k->named)
            bad(c, k->leaf, "was destroyed, and no record says why", k->id);
        c->r->destroyed++;
        return BASE_OK;
    }
    enum base_status st = aud_content_hash(c->content, at, &ct, c->err);
    if (st == BASE_ENOENT || st == BASE_DENIED || (st == BASE_EIO && c->err->sys == 0))
        st = BASE_OK, ct = (struct aud_hash){{0}}; /* destroyed or cut under our eyes */
    if (st != BASE_OK)
        return st;
    c->r->live++;
    if ((b->n != k->bytes || !aud_hash_eq(&ct, &k->ct)) && !k->named)
        bad(c, k->leaf, "is not what the record says: it was changed", k->id);
    return BASE_OK;
}

static enum base_status check_once(const char *dir, struct check *c)
{
    static const uint8_t no_ring[AUD_ID_BYTES];
    enum base_status st = aud_each(dir, 0, on_leaf, c, c->err);

    if (st != BASE_OK)
        return st;
    if (c->n > 1)
        qsort(c->v, c->n, sizeof(*c->v), by_id);
    for (size_t i = 0; i < c->n_gone; i++) {
        struct known *k = find(c, c->gone[i]);
        if (k)
            k->named = true;
    }
    c->r->recorded = c->n;
    st = aud_content_open(dir, no_ring, false, &c->content, c->err);
    if (st == BASE_OK)
        st = aud_content_each(c->content, on_blob, c, &c->r->damaged, c->err);
    else if (st == BASE_ENOENT)
        st = BASE_OK, c->r->absent = true; /* no content at all */
    for (size_t i = 0; i < c->n && st == BASE_OK; i++) {
        if (c->v[i].seen)
            continue;
        if (!c->v[i].named)
            bad(c, c->v[i].leaf, "is missing, and no record says why", c->v[i].id);
        else
            c->r->destroyed++;
    }
    aud_content_free(c->content);
    return st;
}

enum base_status aud_content_check(const char *dir, struct aud_content_report *out,
                                   struct base_err *err)
{
    enum base_status st = BASE_OK;

    for (int i = 0; i < RETRIES; i++) {
        struct check c = {.r = out, .err = err};

        *out = (struct aud_content_report){.holds = true, .first_bad = UINT64_MAX};
        st = check_once(dir, &c);
        free(c.v);
        free(c.gone);
        if (st != BASE_OK || out->holds)
            break;
    }
    return st;
}

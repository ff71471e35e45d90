/* correct.c - a correction beside a record (GDPR Art. 16); see keeper.h.
 *
 * Owns       nothing. The record is looked for on the caller's thread, the text is kept on the
 *            keeper's.
 * Order      record found -> text encrypted and durable -> leaf correction.made durable.
 * Format     correction.made: {"blobs":[one, as in req.content],"by","ev","field","record":number
 *            of the request's first leaf,"req","subj","t","tenant","v"}. The text stands in the
 *            blob alone (kind "correction"), under the subject's key: an erasure of the subject
 *            destroys it, the leaf and its hashes stay.
 * Invariants no leaf is ever changed; a correction is about a request that the log holds, and kept
 *            under the key of the very subject that the record names, if it names one.
 * Fails by   keeping nothing; text that was stored without its leaf counts as unrecorded.
 */
#include "audit/content/keeper_int.h"

#include "audit/log/append.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define FOREVER_S (36500ll * 86400) /* until its subject is erased */

struct search {
    const char *req;
    bool found;
    struct aud_record *r;
};

static void copy(char *out, size_t bytes, const json_t *o, const char *key)
{
    const char *z = json_string_value(json_object_get(o, key));

    snprintf(out, bytes, "%s", z ? z : "");
}

static enum base_status on_leaf(void *ctx, uint64_t index, struct base_str leaf)
{
    struct search *s = ctx;

    if (!memmem(leaf.p, leaf.n, "\"req.intent\"", 12) ||
        !memmem(leaf.p, leaf.n, s->req, strlen(s->req)))
        return BASE_OK;
    json_t *o = json_loadb(leaf.p, leaf.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    const char *ev = json_string_value(json_object_get(o, "ev"));
    const char *req = json_string_value(json_object_get(o, "req"));
    if (ev && req && strcmp(ev, "req.intent") == 0 && strcmp(req, s->req) == 0) {
        s->found = true;
        s->r->number = index;
        copy(s->r->tenant, sizeof(s->r->tenant), o, "tenant");
        copy(s->r->subj, sizeof(s->r->subj), o, "subj");
    }
    json_decref(o);
    return s->found ? BASE_DONE : BASE_OK;
}

static bool is_field(const char *z)
{
    size_t n = strlen(z);

    return n >= 1 && n <= AUD_FIELD_MAX &&
           strspn(z, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

struct correct_call {
    const struct aud_correction *c;
    const struct aud_record *r;
    uint64_t *index;
};

static enum base_status leave(struct aud_keeper *k, const struct correct_call *c,
                              const struct aud_subject *s, const struct aud_blob *b,
                              struct base_err *err)
{
    struct base_buf leaf;
    struct base_json j;

    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &leaf);
    base_json_obj(&j);
    base_json_key(&j, "blobs");
    base_json_arr(&j);
    aud_blob_json(&j, b);
    base_json_arr_end(&j);
    base_json_kz(&j, "by", c->c->who);
    base_json_kz(&j, "ev", "correction.made");
    base_json_kz(&j, "field", c->c->field);
    base_json_kint(&j, "record", (int64_t)c->r->number);
    base_json_kz(&j, "req", c->c->req);
    base_json_kz(&j, "subj", s->tag);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", c->r->tenant);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    enum base_status st = base_buf_ok(&leaf)
                              ? aud_log_append(k->log, base_buf_view(&leaf), c->index, err)
                              : base_err_set(err, BASE_LIMIT, "the record would be too long");
    base_buf_release(&leaf);
    return st;
}

static enum base_status do_correct(struct aud_keeper *k, void *arg, struct base_err *err)
{
    struct correct_call *c = arg;
    struct aud_subject s = {0};
    int64_t now = base_wall_us();
    struct aud_blob b = {.kind = AUD_CORRECTION,
                         .classes = 1,
                         .t = now,
                         .keep_until = now,
                         .delete_after = now + FOREVER_S * 1000000,
                         .bytes = c->c->text};

    snprintf(b.req, sizeof(b.req), "%s", c->c->req);
    enum base_status st = aud_keyring_subject(k->ring, base_str_c(c->r->tenant),
                                              base_str_c(c->c->subject), !c->r->subj[0], &s, err);
    if (st == BASE_ENOENT || (st == BASE_OK && c->r->subj[0] && strcmp(s.tag, c->r->subj) != 0))
        st = base_err_set(err, BASE_DENIED,
                          "the record of that request is about somebody else, or the key of whom "
                          "it is about has been erased");
    if (st == BASE_OK)
        st = aud_content_add(k->content, &s, &b, err);
    if (st != BASE_OK)
        goto out;
    st = aud_keyring_sync(k->ring, err);
    if (st == BASE_OK)
        st = aud_content_sync(k->content, err);
    if (st == BASE_OK)
        st = leave(k, c, &s, &b, err);
    else
        aud_keeper_fail(k, "storing", err);
out:
    base_wipe(&s, sizeof(s));
    return st;
}

enum base_status aud_record_find(const char *dir, const char *req, struct aud_record *out,
                                 struct base_err *err)
{
    struct search s = {.req = req, .r = out};

    *out = (struct aud_record){0};
    if (!req[0] || strlen(req) > AUD_REQ_MAX)
        return base_err_set(err, BASE_ENOENT, "that is no request's id");
    enum base_status st = aud_each(dir, 0, on_leaf, &s, err);
    if (st != BASE_OK && st != BASE_DONE)
        return st;
    return s.found ? BASE_OK
                   : base_err_set(err, BASE_ENOENT, "the log holds no request of that id");
}

enum base_status aud_keeper_correct(struct aud_keeper *k, const struct aud_correction *c,
                                    const struct aud_record *r, uint64_t *index,
                                    struct base_err *err)
{
    struct correct_call call = {c, r, index};

    if (!is_field(c->field))
        return base_err_set(err, BASE_EINVAL,
                            "a field is 1 to %d of a-z, 0-9, dots, hyphens and underscores",
                            AUD_FIELD_MAX);
    if (c->text.n == 0 || c->text.n > AUD_CORRECTION_BYTES_MAX || !base_utf8_valid(c->text))
        return base_err_set(err, BASE_EINVAL, "a correction is 1 to %d bytes of UTF-8",
                            AUD_CORRECTION_BYTES_MAX);
    if (!c->subject[0] || strlen(c->subject) > AUD_SUBJECT_MAX)
        return base_err_set(err, BASE_EINVAL, "a subject has 1 to %d bytes", AUD_SUBJECT_MAX);
    if (aud_log_disk(k->log) >= AUD_DISK_NO_CONTENT)
        return base_err_set(err, BASE_LIMIT, "the disk is too full for content");
    return aud_keeper_order(k, do_correct, &call, err);
}

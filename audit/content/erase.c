/* erase.c - destroying keys and content: on order (erasure) and on time (retention).
 *
 * Owns       DIR/keys/erasing.json, the journal of the erasure that is under way.
 * Runs on    the keeper's thread; recovery before it runs.
 * Order      erasure: journal durable -> leaves erasure.ordered and erasure.blobs (which name every
 *            blob) -> subject keys destroyed -> blobs overwritten -> leaf erasure.done -> journal
 *            overwritten and removed. A process that dies anywhere after the first step is followed
 *            by one that finishes: it does what is left (all of it can be done twice) and says
 *            "recovered" in its erasure.done.
 *            retention: leaf retention.delete (names the blobs) -> blobs overwritten. A crash in
 *            between repeats it.
 * Invariants nothing is destroyed that a durable leaf does not name; a legal hold stops both.
 *            Older proofs stay valid: leaves are never touched.
 * Fails by   an error of a write: the keeper fails for good and the journal stays for the next
 * open.
 */
#include "audit/content/keeper_int.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TARGETS_MAX   1024
#define PLACES_MAX    2000000
#define IDS_A_LEAF    400
#define JOURNAL_BYTES (1u << 20)
#define JOURNAL       "keys/erasing.json"

struct target {
    uint8_t lookup[AUD_ID_BYTES], id[AUD_ID_BYTES];
    char tag[AUD_TAG_HEX], tenant[AUD_TENANT_BYTES + 1];
};

struct places {
    struct aud_blob_at *at;
    uint8_t (*id)[AUD_ID_BYTES];
    size_t n, cap;
    uint64_t bytes;
    int64_t keep_until; /* the latest */
    uint64_t too_young;
};

struct job {
    struct target v[TARGETS_MAX];
    size_t n;
    char req[AUD_REQ_MAX + 1]; /* or the content of one request */
    char who[129], reason[257];
    int64_t now;
    struct places p;
};

static void job_free(struct job *j)
{
    if (!j)
        return;
    free(j->p.at);
    free(j->p.id);
    free(j);
}

/* ---- which blobs ---- */

static bool places_add(struct places *p, const struct aud_blob *b, const struct aud_blob_at *at)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 256;
        void *a = cap <= PLACES_MAX ? realloc(p->at, cap * sizeof(*p->at)) : NULL;
        if (a)
            p->at = a;
        void *i = a ? realloc(p->id, cap * sizeof(*p->id)) : NULL;
        if (!i)
            return false;
        p->id = i;
        p->cap = cap;
    }
    p->at[p->n] = *at;
    memcpy(p->id[p->n], b->id, AUD_ID_BYTES);
    p->n++;
    p->bytes += b->n;
    return true;
}

static bool of_job(const struct job *j, const struct aud_blob *b)
{
    if (j->req[0])
        return strcmp(j->req, b->req) == 0;
    for (size_t i = 0; i < j->n; i++) {
        if (memcmp(j->v[i].id, b->subject, AUD_ID_BYTES) == 0)
            return true;
    }
    return false;
}

static enum base_status collect(void *ctx, const struct aud_blob *b, const struct aud_blob_at *at)
{
    struct job *j = ctx;

    if (!at->live || !of_job(j, b))
        return BASE_OK;
    if (b->keep_until > j->now) {
        j->p.too_young++;
        if (b->keep_until > j->p.keep_until)
            j->p.keep_until = b->keep_until;
    }
    return places_add(&j->p, b, at) ? BASE_OK : BASE_LIMIT;
}

static enum base_status find_blobs(struct aud_keeper *k, struct job *j, struct base_err *err)
{
    enum base_status st;

    j->p.n = 0;
    j->p.bytes = j->p.too_young = 0;
    st = aud_content_each(k->content, collect, j, NULL, err);
    return st == BASE_LIMIT ? base_err_set(err, st, "more than %d blobs at once", PLACES_MAX) : st;
}

/* ---- leaves ---- */

static void put_common(struct base_json *j, const struct job *job, const char *ev)
{
    base_json_kz(j, "ev", ev);
    if (job->reason[0])
        base_json_kz(j, "reason", job->reason);
}

/* what, tenant and subjects of the job; all keys from "req" on. extra stands before "req". */
static enum base_status leaf_end(struct aud_keeper *k, struct base_buf *b, struct base_json *j,
                                 const struct job *job, struct base_err *err)
{
    size_t shown = job->n < 300 ? job->n : 300;

    base_json_kz(j, "req", job->req);
    if (job->n == 1)
        base_json_kz(j, "subj", job->v[0].tag);
    base_json_key(j, "subjects");
    base_json_arr(j);
    for (size_t i = 0; i < shown; i++)
        base_json_z(j, job->v[i].tag);
    base_json_arr_end(j);
    base_json_kint(j, "t", base_wall_us());
    base_json_kz(j, "tenant", job->n ? job->v[0].tenant : "");
    base_json_kint(j, "v", 1);
    base_json_obj_end(j);
    enum base_status st = base_buf_ok(b)
                              ? aud_log_append(k->log, base_buf_view(b), NULL, err)
                              : base_err_set(err, BASE_LIMIT, "a record would be too long");
    base_buf_release(b);
    return st;
}

static void leaf_begin(struct base_buf *b, struct base_json *j)
{
    base_buf_init(b, AUD_LEAF_BYTES_MAX);
    base_json_init(j, b);
    base_json_obj(j);
}

static enum base_status say_refused(struct aud_keeper *k, struct job *job, const char *why,
                                    struct base_err *err)
{
    struct base_buf b;
    struct base_json j;

    snprintf(job->reason, sizeof(job->reason), "%s", why); /* instead of the order's */
    leaf_begin(&b, &j);
    base_json_kz(&j, "by", job->who);
    put_common(&j, job, "erasure.refused");
    enum base_status st = leaf_end(k, &b, &j, job, err);
    return st == BASE_OK ? base_err_set(err, BASE_DENIED, "%s", why) : st;
}

static enum base_status say_ordered(struct aud_keeper *k, const struct job *job,
                                    struct base_err *err)
{
    struct base_buf b;
    struct base_json j;

    leaf_begin(&b, &j);
    base_json_kint(&j, "blobs", (int64_t)job->p.n);
    base_json_kz(&j, "by", job->who);
    base_json_kint(&j, "bytes", (int64_t)job->p.bytes);
    put_common(&j, job, "erasure.ordered");
    return leaf_end(k, &b, &j, job, err);
}

/* Every blob by its id, some hundred a leaf. */
static enum base_status say_blobs(struct aud_keeper *k, const char *ev, const struct places *p,
                                  struct base_err *err)
{
    struct aud_waiter w;
    enum base_status st = BASE_OK;

    aud_waiter_init(&w, k->log);
    for (size_t at = 0; at < p->n && st == BASE_OK; at += IDS_A_LEAF) {
        struct base_buf b;
        struct base_json j;
        char hex[2 * AUD_ID_BYTES + 1];

        leaf_begin(&b, &j);
        base_json_kz(&j, "ev", ev);
        base_json_key(&j, "ids");
        base_json_arr(&j);
        for (size_t i = at; i < p->n && i < at + IDS_A_LEAF; i++)
            base_json_z(&j, aud_hex(p->id[i], AUD_ID_BYTES, hex));
        base_json_arr_end(&j);
        base_json_kz(&j, "req", "");
        base_json_kint(&j, "t", base_wall_us());
        base_json_kz(&j, "tenant", "");
        base_json_kint(&j, "v", 1);
        base_json_obj_end(&j);
        st = aud_waiter_submit(&w, base_buf_view(&b), err);
        base_buf_release(&b);
    }
    enum base_status end = aud_waiter_wait(&w, NULL, st == BASE_OK ? err : NULL);
    return st == BASE_OK ? end : st;
}

static enum base_status say_done(struct aud_keeper *k, const struct job *job, uint64_t blobs,
                                 bool recovered, struct base_err *err)
{
    struct base_buf b;
    struct base_json j;

    leaf_begin(&b, &j);
    base_json_kint(&j, "blobs", (int64_t)blobs);
    base_json_kz(&j, "by", job->who);
    put_common(&j, job, "erasure.done");
    /* sorted: "reason" < "recovered" < "req" */
    if (recovered)
        base_json_kbool(&j, "recovered", true);
    return leaf_end(k, &b, &j, job, err);
}

/* ---- the journal ---- */

static enum base_status journal_save(struct aud_keeper *k, const struct job *job,
                                     struct base_err *err)
{
    char path[AUD_PATH_MAX], hex[2 * AUD_ID_BYTES + 1];
    struct base_buf b;
    struct base_json j;
    enum base_status st = aud_path(path, k->dir, JOURNAL, err);

    base_buf_init(&b, JOURNAL_BYTES);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "by", job->who);
    base_json_kz(&j, "reason", job->reason);
    base_json_kz(&j, "req", job->req);
    base_json_key(&j, "subjects");
    base_json_arr(&j);
    for (size_t i = 0; i < job->n; i++) {
        base_json_obj(&j);
        base_json_kz(&j, "id", aud_hex(job->v[i].id, AUD_ID_BYTES, hex));
        base_json_kz(&j, "lookup", aud_hex(job->v[i].lookup, AUD_ID_BYTES, hex));
        base_json_kz(&j, "tag", job->v[i].tag);
        base_json_kz(&j, "tenant", job->v[i].tenant);
        base_json_obj_end(&j);
    }
    base_json_arr_end(&j);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    if (st == BASE_OK)
        st = base_buf_ok(&b) ? base_file_replace(path, base_buf_view(&b), 0600, err)
                             : base_err_set(err, BASE_LIMIT, "too many subjects at once");
    base_buf_release(&b);
    return st;
}

/* Overwritten first: its lookups would let the holder of the tenant key test for a name. */
static enum base_status journal_drop(struct aud_keeper *k, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    static const char zeros[4096];
    struct stat sb;
    enum base_status st = aud_path(path, k->dir, JOURNAL, err);
    int fd = st == BASE_OK ? open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

    if (st != BASE_OK || fd < 0 || fstat(fd, &sb) != 0) {
        st = st != BASE_OK ? st : base_err_sys(err, "%s", path);
    } else {
        for (off_t left = sb.st_size; left > 0 && st == BASE_OK; left -= (off_t)sizeof(zeros))
            st = base_write_all(fd, zeros,
                                left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros), err);
        if (st == BASE_OK && fdatasync(fd) != 0)
            st = base_err_sys(err, "%s", path);
    }
    if (fd >= 0)
        close(fd);
    if (st == BASE_OK && unlink(path) != 0)
        st = base_err_sys(err, "%s", path);
    return st;
}

static bool journal_read(const json_t *root, struct job *job)
{
    const json_t *list = json_object_get(root, "subjects"), *o;
    const char *req = json_string_value(json_object_get(root, "req"));
    const char *who = json_string_value(json_object_get(root, "by"));
    const char *reason = json_string_value(json_object_get(root, "reason"));
    size_t i;

    if (!req || strlen(req) > AUD_REQ_MAX || !who || !reason || !json_is_array(list) ||
        json_array_size(list) > TARGETS_MAX)
        return false;
    snprintf(job->req, sizeof(job->req), "%s", req);
    snprintf(job->who, sizeof(job->who), "%s", who);
    snprintf(job->reason, sizeof(job->reason), "%s", reason);
    json_array_foreach(list, i, o)
    {
        struct target *t = &job->v[i];
        const char *id = json_string_value(json_object_get(o, "id"));
        const char *lookup = json_string_value(json_object_get(o, "lookup"));
        const char *tag = json_string_value(json_object_get(o, "tag"));
        const char *tenant = json_string_value(json_object_get(o, "tenant"));

        if (!id || !lookup || !tag || !tenant || strlen(tag) != AUD_TAG_HEX - 1 ||
            !aud_unhex(base_str_c(id), t->id, AUD_ID_BYTES) ||
            !aud_unhex(base_str_c(lookup), t->lookup, AUD_ID_BYTES))
            return false;
        memcpy(t->tag, tag, AUD_TAG_HEX);
        snprintf(t->tenant, sizeof(t->tenant), "%s", tenant);
        job->n = i + 1;
    }
    return true;
}

/* ---- erasure ---- */

/* From the durable journal to the end. May be done again after a crash anywhere in it. */
static enum base_status carry_out(struct aud_keeper *k, struct job *job, bool recovered,
                                  struct base_err *err)
{
    enum base_status st = find_blobs(k, job, err);

    if (st == BASE_OK)
        st = say_ordered(k, job, err);
    if (st == BASE_OK)
        st = say_blobs(k, "erasure.blobs", &job->p, err);
    for (size_t i = 0; i < job->n && st == BASE_OK && !job->req[0]; i++)
        st = aud_keyring_destroy(k->ring, job->v[i].lookup, job->v[i].id, err);
    if (st == BASE_OK)
        st = aud_content_destroy(k->content, job->p.at, job->p.n, err);
    if (st == BASE_OK)
        st = say_done(k, job, job->p.n, recovered, err);
    return st == BASE_OK ? journal_drop(k, err) : st;
}

enum base_status aud_erase_recover(struct aud_keeper *k, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    struct base_buf b;
    struct job *job = calloc(1, sizeof(*job));
    enum base_status st = aud_path(path, k->dir, JOURNAL, err);

    base_buf_init(&b, JOURNAL_BYTES);
    if (!job)
        st = base_err_set(err, BASE_ENOMEM, "no memory to finish an erasure");
    if (st == BASE_OK)
        st = base_file_read(path, &b, err);
    if (st == BASE_ENOENT) {
        job_free(job);
        base_buf_release(&b);
        return BASE_OK;
    }
    json_t *root = st == BASE_OK ? json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool zeros = st == BASE_OK;
    for (size_t i = 0; i < b.n && zeros; i++)
        zeros = b.p[i] == 0;
    if (zeros) { /* done and recorded; only the removal was interrupted */
        st = journal_drop(k, err);
    } else if (st == BASE_OK && (!root || !journal_read(root, job))) {
        st = base_err_set(err, BASE_EINVAL,
                          "%s: an erasure was interrupted and its journal does "
                          "not parse: order it again, then remove the file",
                          path);
    } else if (st == BASE_OK) {
        base_warn("audit", "an erasure was interrupted: it is finished now");
        st = carry_out(k, job, true, err);
    }
    json_decref(root);
    base_buf_release(&b);
    job_free(job);
    return st;
}

static enum base_status find_targets(struct aud_keeper *k, const struct aud_erasure *what,
                                     struct job *job, struct base_err *err)
{
    enum base_status st = BASE_OK;

    for (size_t i = 0; i < aud_keyring_tenants(k->ring) && st == BASE_OK; i++) {
        const char *tenant = aud_keyring_tenant(k->ring, i);
        struct aud_subject s;

        if ((what->tenant && strcmp(what->tenant, tenant) != 0) || job->n == TARGETS_MAX)
            continue;
        st = aud_keyring_subject(k->ring, base_str_c(tenant), base_str_c(what->subject), false, &s,
                                 err);
        if (st == BASE_OK) {
            struct target *t = &job->v[job->n++];

            memcpy(t->lookup, s.lookup, AUD_ID_BYTES);
            memcpy(t->id, s.id, AUD_ID_BYTES);
            memcpy(t->tag, s.tag, AUD_TAG_HEX);
            snprintf(t->tenant, sizeof(t->tenant), "%s", tenant);
        }
        base_wipe(&s, sizeof(s));
        if (st == BASE_ENOENT)
            st = BASE_OK;
    }
    if (st == BASE_OK && job->n == 0)
        st = base_err_set(err, BASE_ENOENT,
                          "no key of that subject is kept: it was never seen, or is erased");
    return st;
}

static enum base_status held_req(void *ctx, const struct aud_blob *b, const struct aud_blob_at *at)
{
    const struct job *job = ((void **)ctx)[0];
    const struct aud_keeper *k = ((void **)ctx)[1];

    return at->live && of_job(job, b) && aud_held(k, b->subject) ? BASE_DENIED : BASE_OK;
}

/* A hold, or content that must be kept longer. BASE_DENIED then, on record. */
static enum base_status may_erase(struct aud_keeper *k, struct job *job, bool ordered,
                                  struct base_err *err)
{
    void *ctx[2] = {job, k};
    char when[BASE_RFC3339_MAX], why[256];
    bool held = false;

    for (size_t i = 0; i < job->n && !held; i++)
        held = aud_held(k, job->v[i].id);
    if (!held && job->req[0])
        held = aud_content_each(k->content, held_req, ctx, NULL, err) == BASE_DENIED;
    if (held)
        return say_refused(k, job, "a legal hold is on it: `weir audit hold --release` first", err);
    enum base_status st = find_blobs(k, job, err);
    if (st != BASE_OK || job->p.too_young == 0 || ordered)
        return st;
    snprintf(why, sizeof(why),
             "%" PRIu64 " blobs must be kept until %s at least: --order REASON erases them anyway",
             job->p.too_young, base_rfc3339(job->p.keep_until, when));
    return say_refused(k, job, why, err);
}

enum base_status aud_erase_run(struct aud_keeper *k, const struct aud_erasure *what,
                               struct aud_erased *out, struct base_err *err)
{
    struct job *job = calloc(1, sizeof(*job));
    enum base_status st = BASE_OK;

    if (!job)
        return base_err_set(err, BASE_ENOMEM, "no memory for an erasure");
    job->now = base_wall_us();
    snprintf(job->who, sizeof(job->who), "%s", what->who);
    snprintf(job->reason, sizeof(job->reason), "%s", what->reason ? what->reason : "");
    if (!what->req == !(what->subject && what->subject[0]))
        st = base_err_set(err, BASE_EINVAL, "say which subject, or which request");
    else if (what->req && strlen(what->req) > AUD_REQ_MAX)
        st = base_err_set(err, BASE_EINVAL, "that is no request's id");
    else if (what->req)
        snprintf(job->req, sizeof(job->req), "%s", what->req);
    else
        st = find_targets(k, what, job, err);
    if (st == BASE_OK)
        st = may_erase(k, job, what->reason != NULL, err);
    if (st == BASE_OK && k->erased)
        k->erased(k->erased_ctx, what);
    if (st == BASE_OK && job->req[0] && job->p.n == 0)
        st = base_err_set(err, BASE_ENOENT, "no content of that request is kept");
    if (st != BASE_OK)
        goto out;
    st = journal_save(k, job, err);
    if (st == BASE_OK)
        st = carry_out(k, job, false, err);
    if (st != BASE_OK) {
        aud_keeper_fail(k, "erasure (it is finished at the next start)", err);
        goto out;
    }
    out->subjects = job->n;
    out->blobs = job->p.n;
    out->bytes = job->p.bytes;
    for (size_t i = 0; i < job->n && i < 8; i++)
        memcpy(out->tags[i], job->v[i].tag, AUD_TAG_HEX);
    pthread_mutex_lock(&k->mu);
    k->stats.deleted_blobs += job->p.n;
    pthread_mutex_unlock(&k->mu);
out:
    job_free(job);
    return st;
}

/* ---- retention ---- */

struct sweep {
    struct aud_keeper *k;
    int64_t now;
    struct places p;
};

/* The maximum that the rules of now give a blob, in seconds; 0: no rule speaks of it. */
static int64_t rule_maximum(const struct conf_content *c, const char *tenant, unsigned classes)
{
    int64_t max = 0;
    unsigned bits = classes == 0 ? 1 : classes << 1; /* conf's order: none, personal, ... */

    for (size_t i = 0; i < c->n_rules; i++) {
        const struct conf_content_rule *r = &c->rules[i];
        bool of = false;

        for (size_t t = 0; t < r->tenant.n && !of; t++)
            of =
                strcmp(r->tenant.v[t], "*") == 0 || (tenant && strcmp(r->tenant.v[t], tenant) == 0);
        if (of && (r->classes & bits) && (max == 0 || r->maximum_s < max))
            max = r->maximum_s;
    }
    return max;
}

static enum base_status too_old(void *ctx, const struct aud_blob *b, const struct aud_blob_at *at)
{
    struct sweep *s = ctx;
    int64_t until = b->delete_after;

    if (!at->live || s->p.n >= 20000) /* the rest the next time */
        return BASE_OK;
    /* the shorter of what was promised when it was stored and what the rules say now */
    pthread_mutex_lock(&s->k->mu);
    int64_t max =
        rule_maximum(&s->k->rules, aud_keyring_tenant_of(s->k->ring, b->tenant), b->classes);
    pthread_mutex_unlock(&s->k->mu);
    if (max && b->kind != AUD_CORRECTION && b->t + max * 1000000 < until)
        until = b->t + max * 1000000;
    if (until > s->now || aud_held(s->k, b->subject))
        return BASE_OK;
    return places_add(&s->p, b, at) ? BASE_OK : BASE_LIMIT;
}

enum base_status aud_sweep_run(struct aud_keeper *k, uint64_t *deleted, struct base_err *err)
{
    struct sweep s = {.k = k, .now = base_wall_us()};
    enum base_status st = aud_content_each(k->content, too_old, &s, NULL, err);

    *deleted = 0;
    if (st == BASE_OK && s.p.n) {
        st = say_blobs(k, "retention.delete", &s.p, err);
        if (st == BASE_OK)
            st = aud_content_destroy(k->content, s.p.at, s.p.n, err);
        if (st == BASE_OK) {
            *deleted = s.p.n;
            base_info("audit", "%zu blobs past their time are deleted", s.p.n);
            pthread_mutex_lock(&k->mu);
            k->stats.deleted_blobs += s.p.n;
            pthread_mutex_unlock(&k->mu);
        } else {
            aud_keeper_fail(k, "retention", err);
        }
    }
    free(s.p.at);
    free(s.p.id);
    return st;
}

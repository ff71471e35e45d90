/* keeper_orders.c - the keeper's orders as other threads give them: erasure, holds, a sweep now,
 * the tags of a subject, reading content back.
 *
 * Each is packed here, runs on the keeper's thread (keeper.c, between two batches, so keys and
 * content have one user) and is waited for; only an erasure that a loop orders is told by callback.
 * Decrypted content lives in one buffer that is wiped. Fails as the order fails; BASE_LIMIT when
 * the queue is full.
 */
#include "audit/content/keeper_int.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- erasure ---- */

struct erase_call {
    const struct aud_erasure *what;
    struct aud_erased *out;
};

static enum base_status do_erase(struct aud_keeper *k, void *arg, struct base_err *err)
{
    struct erase_call *c = arg;

    return aud_erase_run(k, c->what, c->out, err);
}

enum base_status aud_keeper_erase(struct aud_keeper *k, const struct aud_erasure *what,
                                  struct aud_erased *out, struct base_err *err)
{
    struct erase_call c = {what, out};

    memset(out, 0, sizeof(*out));
    return aud_keeper_order(k, do_erase, &c, err);
}

struct later {
    struct aud_call call; /* first */
    struct erase_call args;
    struct aud_erasure what;
    struct aud_erased done;
    struct base_err err;
    aud_erased_fn fn;
    void *ctx;
    char text[5][260]; /* the strings of what */
};

static void erased_later(struct aud_call *c)
{
    struct later *l = (struct later *)c;

    l->fn(l->ctx, c->st, &l->done, &l->err);
    base_wipe(l, sizeof(*l));
    free(l);
}

enum base_status aud_keeper_erase_later(struct aud_keeper *k, const struct aud_erasure *what,
                                        aud_erased_fn fn, void *ctx)
{
    struct later *l = calloc(1, sizeof(*l));
    const char *const from[5] = {what->subject, what->tenant, what->req, what->reason, what->who};

    if (!l)
        return BASE_ENOMEM;
    const char **const to[5] = {&l->what.subject, &l->what.tenant, &l->what.req, &l->what.reason,
                                &l->what.who};
    for (int n = 0; n < 5; n++) {
        if (from[n])
            snprintf(l->text[n], sizeof(l->text[n]), "%s", from[n]);
        *to[n] = from[n] ? l->text[n] : NULL;
    }
    l->fn = fn;
    l->ctx = ctx;
    l->args = (struct erase_call){&l->what, &l->done};
    l->call =
        (struct aud_call){.fn = do_erase, .arg = &l->args, .err = &l->err, .later = erased_later};
    enum base_status st = aud_keeper_post(k, &l->call);
    if (st != BASE_OK)
        free(l);
    return st;
}

/* ---- holds, retention, tags ---- */

struct hold_call {
    const char *subject, *tenant, *reason, *who;
    bool release;
};

static enum base_status do_hold(struct aud_keeper *k, void *arg, struct base_err *err)
{
    struct hold_call *c = arg;

    return aud_hold_run(k, c->subject, c->tenant, c->reason, c->release, c->who, err);
}

enum base_status aud_keeper_hold(struct aud_keeper *k, const char *subject, const char *tenant,
                                 const char *reason, bool release, const char *who,
                                 struct base_err *err)
{
    struct hold_call c = {subject, tenant, reason, who, release};

    return aud_keeper_order(k, do_hold, &c, err);
}

static enum base_status do_sweep(struct aud_keeper *k, void *arg, struct base_err *err)
{
    return aud_sweep_run(k, arg, err);
}

enum base_status aud_keeper_sweep(struct aud_keeper *k, uint64_t *deleted, struct base_err *err)
{
    return aud_keeper_order(k, do_sweep, deleted, err);
}

struct tags_call {
    const char *subject, *tenant;
    char (*tags)[AUD_TAG_HEX];
    size_t max, *n;
};

static enum base_status do_tags(struct aud_keeper *k, void *arg, struct base_err *err)
{
    struct tags_call *c = arg;
    enum base_status st = BASE_OK;

    *c->n = 0;
    for (size_t i = 0; i < aud_keyring_tenants(k->ring) && st == BASE_OK && *c->n < c->max; i++) {
        const char *tenant = aud_keyring_tenant(k->ring, i);
        struct aud_subject s;

        if (c->tenant && strcmp(c->tenant, tenant) != 0)
            continue;
        st = aud_keyring_subject(k->ring, base_str_c(tenant), base_str_c(c->subject), false, &s,
                                 err);
        if (st == BASE_OK)
            memcpy(c->tags[(*c->n)++], s.tag, AUD_TAG_HEX);
        if (st == BASE_ENOENT)
            st = BASE_OK;
        base_wipe(&s, sizeof(s));
    }
    return st;
}

enum base_status aud_keeper_tags(struct aud_keeper *k, const char *subject, const char *tenant,
                                 char (*tags)[AUD_TAG_HEX], size_t max, size_t *n,
                                 struct base_err *err)
{
    struct tags_call c = {subject, tenant, tags, max, n};

    return aud_keeper_order(k, do_tags, &c, err);
}

/* ---- reading ---- */

struct read_call {
    const char *req, *who, *ground;
    aud_plain_fn fn;
    void *ctx;
    struct {
        struct aud_blob b;
        struct aud_blob_at at;
    } found[64];
    size_t n;
};

static enum base_status match_req(void *ctx, const struct aud_blob *b, const struct aud_blob_at *at)
{
    struct read_call *c = ctx;

    if (at->live && strcmp(b->req, c->req) == 0 && c->n < 64) {
        c->found[c->n].b = *b;
        c->found[c->n++].at = *at;
    }
    return BASE_OK;
}

bool aud_ground_known(const char *word)
{
    static const char *const words[] = {"consent", "legal-claims", "rights-of-others",
                                        "public-interest"};

    for (size_t i = 0; i < 4; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

/* Decrypts one blob into plain; tag gets the name of its subject in the log. */
static enum base_status decrypt(struct aud_keeper *k, struct read_call *c, size_t i,
                                struct base_buf *plain, char tag[AUD_TAG_HEX], struct base_err *err)
{
    struct aud_subject s;

    base_buf_clear(plain);
    enum base_status st =
        aud_keyring_by_id(k->ring, c->found[i].b.tenant, c->found[i].b.subject, &s, err);
    if (st == BASE_OK)
        st = aud_content_read(k->content, &c->found[i].at, &s, plain, NULL, err);
    memcpy(tag, s.tag, AUD_TAG_HEX);
    base_wipe(&s, sizeof(s));
    return st;
}

/* Whether any of it is about somebody whose data are restricted (GDPR Art. 18). */
static enum base_status is_restricted(struct aud_keeper *k, struct read_call *c,
                                      struct base_buf *plain, bool *yes, struct base_err *err)
{
    struct conf_rights *lists = NULL;
    struct base_err why;
    char tag[AUD_TAG_HEX];
    int64_t today = base_wall_us() / 86400000000;
    enum base_status st = BASE_OK;

    *yes = conf_rights_load(k->dir, &lists, &why) != BASE_OK;
    for (size_t i = 0; i < c->n && st == BASE_OK && !*yes && conf_rights_n(lists); i++) {
        st = decrypt(k, c, i, plain, tag, err);
        if (st == BASE_OK)
            *yes = (conf_rights_of_tag(lists, base_str_c(tag), today) |
                    aud_rights_of(lists, base_buf_view(plain), today)) &
                   CONF_RIGHTS_RESTRICTED;
    }
    conf_rights_free(lists);
    return st;
}

static enum base_status do_read(struct aud_keeper *k, void *arg, struct base_err *err)
{
    struct read_call *c = arg;
    struct base_buf leaf, plain;
    struct base_json j;
    enum base_status st = aud_content_each(k->content, match_req, c, NULL, err);

    if (st != BASE_OK)
        return st;
    if (c->n == 0)
        return base_err_set(err, BASE_ENOENT, "no content of that request is kept");
    bool restricted = false;
    char tag[AUD_TAG_HEX];
    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    base_buf_init(&plain, AUD_BLOB_BYTES_MAX + 16);
    st = is_restricted(k, c, &plain, &restricted, err);
    if (st != BASE_OK)
        goto out;
    bool denied = restricted && !c->ground;
    base_json_init(&j, &leaf);
    base_json_obj(&j);
    base_json_kz(&j, "by", c->who);
    if (denied)
        base_json_kz(&j, "denied", "restriction");
    base_json_kz(&j, "ev", "audit.read");
    if (restricted && c->ground)
        base_json_kz(&j, "ground", c->ground);
    base_json_key(&j, "question");
    base_json_obj(&j);
    base_json_kz(&j, "req", c->req);
    base_json_obj_end(&j);
    base_json_kz(&j, "req", "");
    base_json_kint(&j, "rows", denied ? 0 : (int64_t)c->n);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_kz(&j, "what", "content");
    base_json_obj_end(&j);
    st = aud_log_append(k->log, base_buf_view(&leaf), NULL, err);
    if (st == BASE_OK && denied)
        st = base_err_set(err, BASE_DENIED,
                          "it names a person whose data are restricted (GDPR Art. 18), or the "
                          "lists cannot be read: say --ground consent, legal-claims, "
                          "rights-of-others or public-interest where Art. 18(2) allows it");
    for (size_t i = 0; i < c->n && st == BASE_OK; i++) {
        st = decrypt(k, c, i, &plain, tag, err);
        if (st == BASE_OK)
            st = c->fn(c->ctx, &c->found[i].b, base_buf_view(&plain));
    }
out:
    base_buf_release(&leaf);
    base_buf_wipe(&plain);
    return st;
}

enum base_status aud_keeper_read(struct aud_keeper *k, const char *req, const char *who,
                                 const char *ground, aud_plain_fn fn, void *ctx,
                                 struct base_err *err)
{
    struct read_call *c = calloc(1, sizeof(*c));
    enum base_status st;

    if (!c)
        return base_err_set(err, BASE_ENOMEM, "no memory to read content");
    if (ground && !aud_ground_known(ground)) {
        free(c);
        return base_err_set(err, BASE_EINVAL, "\"%.40s\" is no ground of GDPR Art. 18(2)", ground);
    }
    *c = (struct read_call){.req = req, .who = who, .ground = ground, .fn = fn, .ctx = ctx};
    st = aud_keeper_order(k, do_read, c, err);
    free(c);
    return st;
}

/* look.c - reading a log for somebody at the other end of a connection; see look.h.
 *
 * Owns       nothing. Runs on the thread of the caller, for long.
 * Order      what has to be known to say how much is read is looked up, the reading is recorded
 *            (durable), then it happens. A reading that cannot be recorded does not happen.
 * Bounds     AUD_LOOK_BYTES_MAX of answer; a longer one is an error, not a part of one.
 */
#include "audit/cmd/look.h"

#include "audit/cmd/cmd_int.h"
#include "audit/log/reach.h"
#include "audit/log/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"verify", "checkpoint", "prove", "show", "query", "export"};

static enum base_status record(const struct aud_look *l, uint64_t rows, struct base_err *err)
{
    struct base_buf leaf, question;
    struct base_json j;
    char what[80];

    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    base_buf_init(&question, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &question);
    if (l->what == AUD_LOOK_QUERY || l->what == AUD_LOOK_EXPORT) {
        aud_ask_json(&j, &l->ask);
    } else {
        base_json_obj(&j);
        if (l->what == AUD_LOOK_RECORDS)
            base_json_kint(&j, "limit", (int64_t)l->ask.limit);
        if (l->what == AUD_LOOK_RECORDS || l->what == AUD_LOOK_PROOF)
            base_json_kint(&j, "number", (int64_t)l->number);
        base_json_obj_end(&j);
    }
    snprintf(what, sizeof(what), "%s%s%.40s", names[l->what], l->report ? " " : "",
             l->report ? l->report : "");
    enum base_status st =
        base_buf_ok(&question) && aud_leaf_read(&leaf, l->who, what, base_buf_view(&question), rows)
            ? l->record(l->ctx, base_buf_view(&leaf), err)
            : base_err_set(err, BASE_LIMIT, "the question is too long to be recorded");
    base_buf_release(&leaf);
    base_buf_release(&question);
    return st;
}

static enum base_status verify(const struct aud_look *l, struct base_buf *out, struct base_err *err)
{
    const struct aud_verify_options o = {.vkey = NULL};
    struct aud_verify_report r;
    struct aud_content_report c = {0};
    bool any = false;
    enum base_status st = record(l, 1, err);

    if (st == BASE_OK)
        st = aud_verify_with(l->dir, &o, &r, err);
    if (st == BASE_OK)
        st = aud_verify_content(l->dir, false, &r, &c, &any, err);
    if (st == BASE_OK)
        aud_verify_json(out, &r, any ? &c : NULL);
    return st;
}

static enum base_status checkpoint(const struct aud_look *l, struct base_buf *out,
                                   struct base_err *err)
{
    struct aud_where *at = calloc(1, sizeof(*at));
    struct aud_checkpoint cp;
    struct base_buf note;
    struct base_json j;
    char key[AUD_VKEY_MAX];
    enum base_status st =
        at ? record(l, 1, err) : base_err_set(err, BASE_ENOMEM, "no memory for a checkpoint");

    base_buf_init(&note, AUD_NOTE_MAX);
    if (st == BASE_OK)
        st = aud_where_number(l->dir, UINT64_MAX, at, err);
    if (st == BASE_OK)
        st = aud_checkpoint_load(at->dir, &at->conf, &cp, &note, err);
    if (st == BASE_OK) {
        base_json_init(&j, out);
        base_json_obj(&j);
        base_json_kstr(&j, "checkpoint", base_buf_view(&note));
        base_json_kz(&j, "origin", at->conf.origin);
        base_json_kz(&j, "vkey", aud_vkey_print(&at->conf.vkey, key) ? key : NULL);
        base_json_obj_end(&j);
        base_buf_byte(out, '\n');
    }
    base_buf_release(&note);
    free(at);
    return st;
}

struct lines {
    struct base_buf *out;
    uint64_t left;
};

static enum base_status put_line(void *ctx, uint64_t index, struct base_str leaf)
{
    struct lines *s = ctx;

    if (s->left-- == 0)
        return BASE_DONE;
    base_buf_printf(s->out, "{\"index\":%llu,\"leaf\":", (unsigned long long)index);
    base_buf_str(s->out, leaf);
    base_buf_z(s->out, "}\n");
    return base_buf_ok(s->out) ? BASE_OK : BASE_LIMIT;
}

static enum base_status records(const struct aud_look *l, struct base_buf *out,
                                struct base_err *err)
{
    struct lines s = {out, l->ask.limit};
    enum base_status st = record(l, l->ask.limit, err);

    if (st == BASE_OK)
        st = aud_each(l->dir, l->number, put_line, &s, err);
    return st == BASE_DONE ? BASE_OK : st;
}

/* A stream that writes into a base_buf. */
static ssize_t to_buf(void *cookie, const char *p, size_t n)
{
    return base_buf_add(cookie, p, n) ? (ssize_t)n : 0;
}

static enum base_status ask(const struct aud_look *l, struct base_buf *out, struct base_err *err)
{
    const cookie_io_functions_t io = {.write = to_buf};
    const enum aud_format format = l->html ? AUD_HTML : AUD_JSONL;
    struct aud_index *ix = NULL;
    struct base_buf said;
    struct base_json j;
    struct aud_out o;
    uint64_t rows = 0;
    FILE *f = NULL;
    enum base_status st = aud_index_open(l->dir, NULL, l->what == AUD_LOOK_EXPORT, &ix, err);

    base_buf_init(&said, 1 << 20);
    if (st == BASE_OK)
        st = aud_ask_select(ix, &l->ask, &rows, err);
    if (st == BASE_OK)
        st = record(l, rows, err);
    if (st == BASE_OK && !(f = fopencookie(out, "w", io)))
        st = base_err_sys(err, "a stream in memory");
    if (st != BASE_OK)
        goto out;
    base_json_init(&j, &said);
    base_json_obj(&j);
    base_json_key(&j, "covered");
    aud_cover_json(&j, aud_index_cover(ix));
    base_json_key(&j, "question");
    aud_ask_json(&j, &l->ask);
    if (l->report)
        base_json_kz(&j, "report", l->report);
    base_json_kint(&j, "requests", (int64_t)rows);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    if (l->what == AUD_LOOK_EXPORT) {
        st = aud_report_run(ix, l->report, &l->ask, format, f, base_buf_view(&said), err);
    } else {
        aud_out_begin(&o, f, format, "Requests", false);
        st = aud_report_query(ix, &l->ask, &o, err);
        if (st == BASE_OK)
            st = aud_out_end(&o, base_buf_view(&said), err);
    }
    if (fclose(f) != 0 && st == BASE_OK)
        st = base_err_set(err, BASE_LIMIT, "the answer does not fit");
out:
    aud_index_free(ix);
    base_buf_release(&said);
    return st;
}

enum base_status aud_look(const struct aud_look *l, struct base_buf *out, struct base_err *err)
{
    enum base_status st = BASE_EINVAL;

    switch (l->what) {
    case AUD_LOOK_VERIFY:
        st = verify(l, out, err);
        break;
    case AUD_LOOK_CHECKPOINT:
        st = checkpoint(l, out, err);
        break;
    case AUD_LOOK_PROOF:
        st = record(l, 1, err);
        if (st == BASE_OK)
            st = aud_prove(l->dir, l->number, true, out, err);
        break;
    case AUD_LOOK_RECORDS:
        st = records(l, out, err);
        break;
    case AUD_LOOK_QUERY:
    case AUD_LOOK_EXPORT:
        st = ask(l, out, err);
        break;
    }
    if (!base_buf_ok(out))
        return base_err_set(err, BASE_LIMIT,
                            "the answer is longer than %u bytes: narrow the question (since, "
                            "until, limit), or use weir audit on the directory",
                            AUD_LOOK_BYTES_MAX);
    return st;
}

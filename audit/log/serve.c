/* serve.c - the operations behind a log's control socket.
 *
 * Runs on    the control thread, one request at a time.
 * Invariants the record is durable before the reply; who asked comes from the kernel, never from
 *            the request.
 *
 *   {"op":"read","what":TEXT,"question":{...},"rows":N}     leaves audit.read
 *   {"op":"tags","subject":S,"tenant":T?}                  {"tags":[...]}
 *   {"op":"erase","subject":S,"tenant":T?,"reason":R?} or {"op":"erase","req":ID,"reason":R?}
 *                                                          {"subjects","blobs","bytes","tags"}
 *   {"op":"hold","subject":S,"tenant":T?,"reason":R} or {...,"release":true}
 *   {"op":"correct","req":ID,"subject":S,"field":F,"text":T}    {"index":N}
 *   {"op":"find","text":IDENTIFIER,"reason":R} with a descriptor     JSON lines written to it, and
 *                                                      {"searched","found","unreadable","cut"}
 *   {"op":"content","req":ID,"ground":G?} with a descriptor            JSON lines written to it
 */
#include "audit/log/serve.h"

#include "audit/content/keeper.h"
#include "audit/log/append.h"
#include "audit/log/control.h"
#include "audit/log/reach.h"
#include "audit/log/state.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

struct aud_serve {
    char dir[AUD_PATH_MAX];
    struct aud_log *log;
    struct aud_keeper *keeper;
    struct aud_control *control;
};

static enum base_status op_read(struct aud_serve *s, const char *who, const json_t *q,
                                struct base_err *err)
{
    const char *what = json_string_value(json_object_get(q, "what"));
    const json_t *question = json_object_get(q, "question"), *rows = json_object_get(q, "rows");
    char *asked =
        json_is_object(question) ? json_dumps(question, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    struct base_buf leaf;
    enum base_status st;

    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    if (!what || !asked || !json_is_integer(rows) || json_integer_value(rows) < 0)
        st = base_err_set(err, BASE_EINVAL, "a reading needs what, question and rows");
    else if (!aud_leaf_read(&leaf, who, what, base_str_c(asked),
                            (uint64_t)json_integer_value(rows)))
        st = base_err_set(err, BASE_LIMIT, "the question is too long to be recorded");
    else
        st = aud_log_append(s->log, base_buf_view(&leaf), NULL, err);
    base_buf_release(&leaf);
    free(asked);
    return st;
}

static const char *text(const json_t *q, const char *key)
{
    return json_string_value(json_object_get(q, key));
}

static json_t *tag_list(char (*tags)[AUD_TAG_HEX], size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(tags[i]));
    return list;
}

static enum base_status op_tags(struct aud_serve *s, const json_t *q, json_t **reply,
                                struct base_err *err)
{
    char tags[64][AUD_TAG_HEX];
    size_t n = 0;

    if (!text(q, "subject"))
        return base_err_set(err, BASE_EINVAL, "say which subject");
    enum base_status st =
        aud_keeper_tags(s->keeper, text(q, "subject"), text(q, "tenant"), tags, 64, &n, err);
    if (st == BASE_OK)
        *reply = json_pack("{s:o}", "tags", tag_list(tags, n));
    return st;
}

static enum base_status op_erase(struct aud_serve *s, const char *who, const json_t *q,
                                 json_t **reply, struct base_err *err)
{
    const struct aud_erasure what = {.subject = text(q, "subject"),
                                     .tenant = text(q, "tenant"),
                                     .req = text(q, "req"),
                                     .reason = text(q, "reason"),
                                     .who = who};
    struct aud_erased done;
    enum base_status st = aud_keeper_erase(s->keeper, &what, &done, err);

    if (st == BASE_OK)
        *reply = aud_erased_json(&done);
    return st;
}

static enum base_status op_hold(struct aud_serve *s, const char *who, const json_t *q,
                                struct base_err *err)
{
    bool ends = json_is_true(json_object_get(q, "release"));

    if (!text(q, "subject") || (!ends && !text(q, "reason")))
        return base_err_set(err, BASE_EINVAL, "a hold needs a subject and a reason");
    return aud_keeper_hold(s->keeper, text(q, "subject"), text(q, "tenant"), text(q, "reason"),
                           ends, who, err);
}

static enum base_status op_correct(struct aud_serve *s, const char *who, const json_t *q,
                                   json_t **reply, struct base_err *err)
{
    const json_t *words = json_object_get(q, "text");
    const struct aud_correction c = {
        .req = text(q, "req"),
        .subject = text(q, "subject"),
        .field = text(q, "field"),
        .text = base_str_n(json_string_value(words), json_string_length(words)),
        .who = who,
    };
    struct aud_record record;
    uint64_t index = 0;

    if (!c.req || !c.subject || !c.field || !json_is_string(words))
        return base_err_set(err, BASE_EINVAL, "a correction needs req, subject, field and text");
    enum base_status st = aud_record_find(s->dir, c.req, &record, err);
    if (st == BASE_OK)
        st = aud_keeper_correct(s->keeper, &c, &record, &index, err);
    if (st == BASE_OK)
        *reply = json_pack("{s:I}", "index", (json_int_t)index);
    return st;
}

static enum base_status op_find(struct aud_serve *s, const char *who, const json_t *q, int fd,
                                json_t **reply, struct base_err *err)
{
    const struct aud_find f = {.identifier = text(q, "text"),
                               .reason = text(q, "reason"),
                               .who = who,
                               .fn = aud_found_jsonl,
                               .ctx = &fd};
    struct aud_find_sum sum;

    if (!f.identifier || !f.reason || fd < 0)
        return base_err_set(err, BASE_EINVAL, "a search needs text, reason and a descriptor");
    enum base_status st = aud_keeper_find(s->keeper, &f, &sum, err);
    if (st == BASE_OK)
        *reply = json_pack("{s:I,s:I,s:I,s:b}", "searched", (json_int_t)sum.searched, "found",
                           (json_int_t)sum.found, "unreadable", (json_int_t)sum.unreadable, "cut",
                           (int)sum.cut);
    return st;
}

static enum base_status on_request(void *ctx, const char *who, const json_t *q, int fd,
                                   json_t **reply, struct base_err *err)
{
    struct aud_serve *s = ctx;
    const char *op = text(q, "op");

    if (op && strcmp(op, "read") == 0)
        return op_read(s, who, q, err);
    if (op && strcmp(op, "tags") == 0)
        return op_tags(s, q, reply, err);
    if (op && strcmp(op, "erase") == 0)
        return op_erase(s, who, q, reply, err);
    if (op && strcmp(op, "hold") == 0)
        return op_hold(s, who, q, err);
    if (op && strcmp(op, "content") == 0 && text(q, "req") && fd >= 0)
        return aud_keeper_read(s->keeper, text(q, "req"), who, text(q, "ground"), aud_plain_jsonl,
                               &fd, err);
    if (op && strcmp(op, "correct") == 0)
        return op_correct(s, who, q, reply, err);
    if (op && strcmp(op, "find") == 0)
        return op_find(s, who, q, fd, reply, err);
    return base_err_set(err, BASE_EINVAL, "there is no such operation");
}

json_t *aud_erased_json(const struct aud_erased *e)
{
    char tags[8][AUD_TAG_HEX];
    size_t n = e->subjects < 8 ? (size_t)e->subjects : 8;

    memcpy(tags, e->tags, sizeof(tags));
    return json_pack("{s:I,s:I,s:I,s:o}", "blobs", (json_int_t)e->blobs, "bytes",
                     (json_int_t)e->bytes, "subjects", (json_int_t)e->subjects, "tags",
                     tag_list(tags, n));
}

enum base_status aud_found_jsonl(void *ctx, const struct aud_found *f)
{
    struct base_buf out;
    struct base_json j;
    char hex[2 * AUD_ID_BYTES + 1];

    base_buf_init(&out, 4096);
    base_json_init(&j, &out);
    base_json_obj(&j);
    base_json_kint(&j, "bytes", (int64_t)f->blob->n);
    base_json_kz(&j, "id", aud_hex(f->blob->id, AUD_ID_BYTES, hex));
    base_json_kint(&j, "index", f->blob->index);
    base_json_kz(&j, "kind", aud_kind_name(f->blob->kind));
    base_json_kz(&j, "req", f->blob->req);
    base_json_kz(&j, "subj", f->subject);
    base_json_kint(&j, "t", f->blob->t);
    base_json_kz(&j, "tenant", f->tenant);
    base_json_obj_end(&j);
    base_buf_byte(&out, '\n');
    enum base_status st =
        base_buf_ok(&out) ? base_write_all(*(int *)ctx, out.p, out.n, NULL) : BASE_LIMIT;
    base_buf_release(&out);
    return st;
}

enum base_status aud_plain_jsonl(void *ctx, const struct aud_blob *b, struct base_str plain)
{
    struct base_buf out;
    struct base_json j;
    char hex[2 * AUD_ID_BYTES + 1];

    base_buf_init(&out, 7 * (size_t)AUD_BLOB_BYTES_MAX);
    base_json_init(&j, &out);
    base_json_obj(&j);
    base_json_key(&j, "classes");
    aud_classes_json(&j, b->classes);
    base_json_kstr(&j, "content", plain);
    base_json_kint(&j, "delete_after", b->delete_after);
    base_json_kz(&j, "id", aud_hex(b->id, AUD_ID_BYTES, hex));
    base_json_kint(&j, "index", b->index);
    base_json_kz(&j, "kind", aud_kind_name(b->kind));
    base_json_kz(&j, "req", b->req);
    base_json_kint(&j, "t", b->t);
    base_json_obj_end(&j);
    base_buf_byte(&out, '\n');
    enum base_status st =
        base_buf_ok(&out) ? base_write_all(*(int *)ctx, out.p, out.n, NULL) : BASE_LIMIT;
    base_buf_wipe(&out);
    return st;
}

enum base_status aud_serve_start(const char *dir, struct aud_log *log, struct aud_keeper *keeper,
                                 struct aud_serve **out, struct base_err *err)
{
    struct aud_serve *s = calloc(1, sizeof(*s));

    *out = NULL;
    if (!s)
        return base_err_set(err, BASE_ENOMEM, "no memory for the control socket");
    s->log = log;
    s->keeper = keeper;
    enum base_status st = aud_path(s->dir, dir, ".", err);
    if (st == BASE_OK)
        st = aud_control_start(dir, on_request, s, &s->control, err);
    if (st == BASE_OK)
        *out = s;
    else
        free(s);
    return st;
}

void aud_serve_stop(struct aud_serve *s)
{
    if (!s)
        return;
    aud_control_stop(s->control);
    free(s);
}

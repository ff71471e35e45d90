/* serve.c - the operations behind a log's control socket.
 *
 * Runs on    the control thread, one request at a time.
 * Invariants the record is durable before the reply; who asked comes from the kernel, never from
 *            the request.
 *
 *   {"op":"read","what":TEXT,"question":{...},"rows":N}     leaves audit.read
 */
#include "audit/serve.h"

#include "audit/append.h"
#include "audit/control.h"
#include "audit/reach.h"

#include <stdlib.h>

struct aud_serve {
    struct aud_log *log;
    struct aud_control *control;
};

static enum base_status op_read(struct aud_serve *s, const char *who, const json_t *q,
                                struct base_err *err)
{
    const char *what = json_string_value(json_object_get(q, "what"));
    const json_t *question = json_object_get(q, "question"), *rows = json_object_get(q, "rows");
    char *text =
        json_is_object(question) ? json_dumps(question, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    struct base_buf leaf;
    enum base_status st;

    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    if (!what || !text || !json_is_integer(rows) || json_integer_value(rows) < 0)
        st = base_err_set(err, BASE_EINVAL, "a reading needs what, question and rows");
    else if (!aud_leaf_read(&leaf, who, what, base_str_c(text), (uint64_t)json_integer_value(rows)))
        st = base_err_set(err, BASE_LIMIT, "the question is too long to be recorded");
    else
        st = aud_log_append(s->log, base_buf_view(&leaf), NULL, err);
    base_buf_release(&leaf);
    free(text);
    return st;
}

static enum base_status on_request(void *ctx, const char *who, const json_t *q, json_t **reply,
                                   struct base_err *err)
{
    struct aud_serve *s = ctx;
    const char *op = json_string_value(json_object_get(q, "op"));

    (void)reply;
    if (op && strcmp(op, "read") == 0)
        return op_read(s, who, q, err);
    return base_err_set(err, BASE_EINVAL, "there is no such operation");
}

enum base_status aud_serve_start(const char *dir, struct aud_log *log, struct aud_serve **out,
                                 struct base_err *err)
{
    struct aud_serve *s = calloc(1, sizeof(*s));

    *out = NULL;
    if (!s)
        return base_err_set(err, BASE_ENOMEM, "no memory for the control socket");
    s->log = log;
    enum base_status st = aud_control_start(dir, on_request, s, &s->control, err);
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

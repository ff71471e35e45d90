/* sink.h - the inside of a sink: what the thread (sink.c) asks of a target, and what targets share.
 * Private to audit/. All of it runs on the sink's own thread and may block.
 */
#ifndef AUD_SINK_H
#define AUD_SINK_H

#include "audit/log/leaf.h"
#include "audit/sinks/sinks.h"

#include <stdatomic.h>

struct aud_sink_rec {
    uint64_t index;
    struct base_str leaf; /* its exact bytes */
    struct aud_leaf l;
};

struct aud_sink_env {
    const struct conf_sink *conf;
    const char *origin;
    const char *dir;      /* of the log */
    atomic_bool *abort;   /* true: come back as soon as you can */
    uint32_t timeout_ms;  /* of one exchange */
    uint32_t wait_ms_min; /* a target may ask for time: at least this long before the next try */
};

/* What a target is. */
struct aud_sink_ops {
    /* Prepares, calls nobody. *state is passed to the others. */
    enum base_status (*open)(struct aud_sink_env *e, void **state, struct base_err *err);
    /* Hands over r[0..n) in order. *done: how many from the front the target has for sure now.
     * BASE_OK: all. BASE_EINVAL: one of the rest is refused for good (r[*done] itself if `exact` or
     * if it was the only one). Anything else: the target is away; the same records come again. */
    enum base_status (*deliver)(void *state, const struct aud_sink_rec *r, size_t n, size_t *done,
                                struct base_err *err);
    void (*close)(void *state); /* NULL state is not passed */
    bool exact;
};

extern const struct aud_sink_ops aud_sink_file, aud_sink_syslog, aud_sink_postgres, aud_sink_kafka,
    aud_sink_s3, aud_sink_otlp;

/* One line without newline: the leaf in its envelope {"index","leaf","origin"}, or as OCSF. */
bool aud_sink_line(const struct aud_sink_env *e, const struct aud_sink_rec *r,
                   struct base_buf *out);
/* The OCSF 1.3 event of a leaf (docs/audit-format.md has the mapping). */
bool aud_ocsf(const struct aud_sink_rec *r, const char *origin, struct base_buf *out);
/* Something went wrong or was refused: for severities. */
bool aud_leaf_is_bad_news(const struct aud_sink_rec *r);

/* Connects to HOST:PORT; a non-blocking descriptor, or -1. */
int aud_sink_connect(struct aud_sink_env *e, const struct conf_address *a, uint64_t until_us,
                     struct base_err *err);
/* Waits until fd is ready for events (poll's). BASE_ETIME past until_us or when told to abort. */
enum base_status aud_sink_wait(struct aud_sink_env *e, int fd, short events, uint64_t until_us,
                               struct base_err *err) BASE_MUST_CHECK;

/* ---- libraries that are loaded when a sink needs them ---- */

struct aud_dl_name {
    const char *name;
    void *slot; /* of a function pointer */
};
/* dlopen once a process: fills the slots. BASE_ENOENT names library and Debian package. */
enum base_status aud_dl_load(const char *soname, const char *package,
                             const struct aud_dl_name *names, size_t n,
                             struct base_err *err) BASE_MUST_CHECK;

/* ---- HTTP, by libcurl ---- */

struct aud_http;
/* verifies TLS against ca (or the system's); follows nothing, uses no proxy. */
enum base_status aud_http_new(struct aud_sink_env *e, struct aud_http **out,
                              struct base_err *err) BASE_MUST_CHECK;
void aud_http_free(struct aud_http *h);
/* One request; headers[0..n) are whole lines without CRLF. The answer's body (cut at 64 KiB) goes
 * to *reply. BASE_OK: *status is the answer's; *retry_after_s 0 if it did not say. */
enum base_status aud_http_do(struct aud_http *h, const char *method, const char *url,
                             const char *const *headers, size_t n, struct base_str body,
                             int *status, uint32_t *retry_after_s, struct base_buf *reply,
                             struct base_err *err) BASE_MUST_CHECK;

#endif

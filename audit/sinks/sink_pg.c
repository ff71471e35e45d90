/* sink_pg.c - the log as a table of PostgreSQL, by libpq, loaded when first needed.
 *
 *   (origin text, idx bigint, t timestamptz, ev text, req text, tenant text, leaf bytea, doc jsonb)
 *   primary key (origin, idx)
 *
 * leaf holds the exact bytes, doc the same for queries: a projection, never the truth. The table is
 * made if it is not there. A batch is one INSERT ... ON CONFLICT DO NOTHING, so a record that comes
 * twice stands there once. What the server calls a data error (SQLSTATE classes 22, 23, 54) is a
 * record refused for good, everything else a server that is away.
 *
 * libpq runs non-blocking with a deadline of ours. Names are resolved here and given as addresses,
 * so that no PGHOSTADDR of the environment leads anywhere else; TLS is verify-full.
 */
#include "audit/sinks/sink.h"

#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TEXT_MAX   (16u << 20)
#define SYSTEM_CAS "/etc/ssl/certs/ca-certificates.crt"

static struct {
    __typeof__(&PQconnectStartParams) connectStartParams;
    __typeof__(&PQconnectPoll) connectPoll;
    __typeof__(&PQstatus) status;
    __typeof__(&PQsocket) socket;
    __typeof__(&PQfinish) finish;
    __typeof__(&PQerrorMessage) errorMessage;
    __typeof__(&PQsetnonblocking) setnonblocking;
    __typeof__(&PQsendQueryParams) sendQueryParams;
    __typeof__(&PQflush) flush;
    __typeof__(&PQconsumeInput) consumeInput;
    __typeof__(&PQisBusy) isBusy;
    __typeof__(&PQgetResult) getResult;
    __typeof__(&PQresultStatus) resultStatus;
    __typeof__(&PQresultErrorField) resultErrorField;
    __typeof__(&PQclear) clear;
} pq;

struct pg_sink {
    struct aud_sink_env *env;
    PGconn *conn;
    bool table_made;
    char sql_make[900], sql_insert[900];
    struct base_buf text;
};

static enum base_status pg_load(struct base_err *err)
{
    static const struct aud_dl_name names[] = {
        {"PQconnectStartParams", &pq.connectStartParams},
        {"PQconnectPoll", &pq.connectPoll},
        {"PQstatus", &pq.status},
        {"PQsocket", &pq.socket},
        {"PQfinish", &pq.finish},
        {"PQerrorMessage", &pq.errorMessage},
        {"PQsetnonblocking", &pq.setnonblocking},
        {"PQsendQueryParams", &pq.sendQueryParams},
        {"PQflush", &pq.flush},
        {"PQconsumeInput", &pq.consumeInput},
        {"PQisBusy", &pq.isBusy},
        {"PQgetResult", &pq.getResult},
        {"PQresultStatus", &pq.resultStatus},
        {"PQresultErrorField", &pq.resultErrorField},
        {"PQclear", &pq.clear},
    };

    return aud_dl_load("libpq.so.5", "libpq5", names, sizeof(names) / sizeof(names[0]), err);
}

/* SCHEMA.TABLE -> "SCHEMA"."TABLE"; the configuration allows only a-z 0-9 _ . in it. */
static void quoted(const char *table, char out[280])
{
    const char *dot = strchr(table, '.');

    if (dot)
        snprintf(out, 280, "\"%.*s\".\"%s\"", (int)(dot - table), table, dot + 1);
    else
        snprintf(out, 280, "\"%s\"", table);
}

static enum base_status pg_open(struct aud_sink_env *e, void **state, struct base_err *err)
{
    struct pg_sink *s = calloc(1, sizeof(*s));
    char table[280];

    if (!s)
        return base_err_set(err, BASE_ENOMEM, "no memory");
    s->env = e;
    base_buf_init(&s->text, TEXT_MAX);
    *state = s;
    quoted(e->conf->table, table);
    snprintf(s->sql_make, sizeof(s->sql_make),
             "CREATE TABLE IF NOT EXISTS %s (origin text NOT NULL, idx bigint NOT NULL, "
             "t timestamptz NOT NULL, ev text NOT NULL, req text NOT NULL, tenant text NOT NULL, "
             "leaf bytea NOT NULL, doc jsonb NOT NULL, PRIMARY KEY (origin, idx))",
             table);
    snprintf(s->sql_insert, sizeof(s->sql_insert),
             "INSERT INTO %s (origin, idx, t, ev, req, tenant, leaf, doc) SELECT $1, "
             "(e->>'i')::bigint, 'epoch'::timestamptz + (e->>'t')::bigint * interval '1 us', "
             "d->>'ev', d->>'req', d->>'tenant', convert_to(e->>'l', 'UTF8'), d "
             "FROM json_array_elements($2::json) e, LATERAL (SELECT (e->>'l')::jsonb AS d) x "
             "ON CONFLICT (origin, idx) DO NOTHING",
             table);
    return pg_load(err);
}

static void disconnect(struct pg_sink *s)
{
    if (s->conn)
        pq.finish(s->conn);
    s->conn = NULL;
}

static enum base_status failed(struct pg_sink *s, const char *what, struct base_err *err)
{
    const char *why = pq.errorMessage(s->conn);
    enum base_status st = base_err_set(err, BASE_EIO, "%s: %.300s", what, why ? why : "");

    disconnect(s);
    return st;
}

static enum base_status resolve(const struct conf_address *a, char out[64], struct base_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int rc = getaddrinfo(a->host, NULL, &hints, &list);

    if (rc == 0)
        rc = getnameinfo(list->ai_addr, list->ai_addrlen, out, 64, NULL, 0, NI_NUMERICHOST);
    if (list)
        freeaddrinfo(list);
    return rc == 0 ? BASE_OK : base_err_set(err, BASE_EIO, "%s: %s", a->host, gai_strerror(rc));
}

static enum base_status connect_to(struct pg_sink *s, struct base_err *err)
{
    const struct conf_sink *c = s->env->conf;
    char port[16], address[64];
    uint64_t until = base_mono_us() + s->env->timeout_ms * 1000ull;
    const char *const keys[] = {"host",
                                "hostaddr",
                                "port",
                                "dbname",
                                "user",
                                "password",
                                "sslmode",
                                "sslrootcert",
                                "sslcert",
                                "sslkey",
                                "application_name",
                                "gssencmode",
                                "client_encoding",
                                "target_session_attrs",
                                "options",
                                NULL};
    const char *const values[] = {c->address.host,
                                  address,
                                  port,
                                  c->database,
                                  c->user,
                                  c->password,
                                  c->tls ? "verify-full" : "disable",
                                  c->tls ? (c->ca ? c->ca : SYSTEM_CAS) : NULL,
                                  c->certificate,
                                  c->certificate_key,
                                  "weir",
                                  "disable",
                                  "UTF8",
                                  "read-write",
                                  "-c synchronous_commit=on -c client_min_messages=warning",
                                  NULL};
    enum base_status st = resolve(&c->address, address, err);

    if (st != BASE_OK)
        return st;
    snprintf(port, sizeof(port), "%d", c->address.port);
    s->conn = pq.connectStartParams(keys, values, 0);
    if (!s->conn)
        return base_err_set(err, BASE_ENOMEM, "no memory for a connection");
    for (PostgresPollingStatusType p = PGRES_POLLING_WRITING; p != PGRES_POLLING_OK;) {
        if (p == PGRES_POLLING_FAILED || pq.status(s->conn) == CONNECTION_BAD)
            return failed(s, "connect", err);
        st = aud_sink_wait(s->env, pq.socket(s->conn),
                           p == PGRES_POLLING_READING ? POLLIN : POLLOUT, until, err);
        if (st != BASE_OK) {
            disconnect(s);
            return st;
        }
        p = pq.connectPoll(s->conn);
    }
    if (pq.setnonblocking(s->conn, 1) != 0)
        return failed(s, "connect", err);
    return BASE_OK;
}

static bool data_error(const char *state)
{
    return state && (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
                     strncmp(state, "54", 2) == 0);
}

/* Runs one statement to its end. */
static enum base_status run(struct pg_sink *s, const char *sql, int n, const char *const *values,
                            struct base_err *err)
{
    uint64_t until = base_mono_us() + s->env->timeout_ms * 1000ull;
    enum base_status st = BASE_OK;
    int more;

    if (pq.sendQueryParams(s->conn, sql, n, NULL, values, NULL, NULL, 0) != 1)
        return failed(s, "send", err);
    while ((more = pq.flush(s->conn)) == 1 && st == BASE_OK) {
        st = aud_sink_wait(s->env, pq.socket(s->conn), POLLIN | POLLOUT, until, err);
        if (st == BASE_OK && pq.consumeInput(s->conn) != 1)
            return failed(s, "send", err);
    }
    if (more < 0)
        return failed(s, "send", err);
    while (st == BASE_OK && pq.isBusy(s->conn)) {
        st = aud_sink_wait(s->env, pq.socket(s->conn), POLLIN, until, err);
        if (st == BASE_OK && pq.consumeInput(s->conn) != 1)
            return failed(s, "receive", err);
    }
    if (st != BASE_OK) {
        disconnect(s);
        return st;
    }
    for (PGresult *r = pq.getResult(s->conn); r; r = pq.getResult(s->conn)) {
        ExecStatusType what = pq.resultStatus(r);

        if (what != PGRES_COMMAND_OK && what != PGRES_TUPLES_OK) {
            const char *state = pq.resultErrorField(r, PG_DIAG_SQLSTATE);
            const char *why = pq.resultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

            st = base_err_set(err, data_error(state) ? BASE_EINVAL : BASE_EIO,
                              "the server refuses (%s): %.300s", state ? state : "?",
                              why ? why : "no reason");
        }
        pq.clear(r);
    }
    if (st == BASE_EIO || pq.status(s->conn) == CONNECTION_BAD) {
        if (st == BASE_OK)
            st = base_err_set(err, BASE_EIO, "the connection broke");
        disconnect(s);
    }
    return st;
}

static enum base_status pg_deliver(void *state, const struct aud_sink_rec *r, size_t n,
                                   size_t *done, struct base_err *err)
{
    struct pg_sink *s = state;
    struct base_json j;
    enum base_status st = s->conn ? BASE_OK : connect_to(s, err);

    if (st == BASE_OK && !s->table_made) {
        st = run(s, s->sql_make, 0, NULL, err);
        s->table_made = st == BASE_OK;
    }
    if (st != BASE_OK)
        return st == BASE_EINVAL ? BASE_EIO : st;
    base_buf_clear(&s->text);
    base_json_init(&j, &s->text);
    base_json_arr(&j);
    for (size_t i = 0; i < n; i++) {
        base_json_obj(&j);
        base_json_kint(&j, "i", (int64_t)r[i].index);
        base_json_kint(&j, "t", (int64_t)r[i].l.t);
        base_json_kstr(&j, "l", r[i].leaf);
        base_json_obj_end(&j);
    }
    base_json_arr_end(&j);
    if (!base_buf_ok(&s->text))
        return base_err_set(err, BASE_ENOMEM, "no memory for %zu records", n);
    const char *values[2] = {s->env->origin, s->text.p};
    st = run(s, s->sql_insert, 2, values, err);
    if (st == BASE_OK)
        *done = n;
    return st;
}

static void pg_close(void *state)
{
    struct pg_sink *s = state;

    disconnect(s);
    base_buf_release(&s->text);
    free(s);
}

const struct aud_sink_ops aud_sink_postgres = {
    .open = pg_open, .deliver = pg_deliver, .close = pg_close};

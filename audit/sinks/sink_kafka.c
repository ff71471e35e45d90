/* sink_kafka.c - the log as a topic of Kafka, by librdkafka, loaded when first needed.
 *
 * Value: the line of aud_sink_line; key: the request's id (so all records of a request are in one
 * partition, in order), or the origin for the log's own; headers: origin, index. The producer is
 * idempotent with acks=all; a record counts from its delivery report, not from produce(), and the
 * cursor moves to the first that has none. After a failure the producer is thrown away with what it
 * still had, and a new one begins there.
 *
 * Brokers tell clients of other brokers; librdkafka would follow. Its names are resolved by us, and
 * only those that the configuration lists: list them all.
 */
#include "audit/sinks/sink.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct {
    __typeof__(&rd_kafka_conf_new) conf_new;
    __typeof__(&rd_kafka_conf_destroy) conf_destroy;
    __typeof__(&rd_kafka_conf_set) conf_set;
    __typeof__(&rd_kafka_conf_set_opaque) conf_set_opaque;
    __typeof__(&rd_kafka_conf_set_dr_msg_cb) conf_set_dr_msg_cb;
    __typeof__(&rd_kafka_conf_set_log_cb) conf_set_log_cb;
    __typeof__(&rd_kafka_conf_set_error_cb) conf_set_error_cb;
    __typeof__(&rd_kafka_conf_set_resolve_cb) conf_set_resolve_cb;
    __typeof__(&rd_kafka_new) new_;
    __typeof__(&rd_kafka_destroy) destroy;
    __typeof__(&rd_kafka_poll) poll;
    __typeof__(&rd_kafka_purge) purge;
    __typeof__(&rd_kafka_producev) producev;
    __typeof__(&rd_kafka_err2str) err2str;
} rk;

struct kafka_sink {
    struct aud_sink_env *env;
    rd_kafka_t *producer;
    rd_kafka_resp_err_t *report; /* one a record of the batch under way */
    uint8_t *reported;
    size_t n_reported;
    size_t n;
    char last[200]; /* what librdkafka complained of last */
    struct base_buf line;
};

static enum base_status kafka_load(struct base_err *err)
{
    static const struct aud_dl_name names[] = {
        {"rd_kafka_conf_new", &rk.conf_new},
        {"rd_kafka_conf_destroy", &rk.conf_destroy},
        {"rd_kafka_conf_set", &rk.conf_set},
        {"rd_kafka_conf_set_opaque", &rk.conf_set_opaque},
        {"rd_kafka_conf_set_dr_msg_cb", &rk.conf_set_dr_msg_cb},
        {"rd_kafka_conf_set_log_cb", &rk.conf_set_log_cb},
        {"rd_kafka_conf_set_error_cb", &rk.conf_set_error_cb},
        {"rd_kafka_conf_set_resolve_cb", &rk.conf_set_resolve_cb},
        {"rd_kafka_new", &rk.new_},
        {"rd_kafka_destroy", &rk.destroy},
        {"rd_kafka_poll", &rk.poll},
        {"rd_kafka_purge", &rk.purge},
        {"rd_kafka_producev", &rk.producev},
        {"rd_kafka_err2str", &rk.err2str},
    };

    return aud_dl_load("librdkafka.so.1", "librdkafka1", names, sizeof(names) / sizeof(names[0]),
                       err);
}

static enum base_status kafka_open(struct aud_sink_env *e, void **state, struct base_err *err)
{
    struct kafka_sink *s = calloc(1, sizeof(*s));

    if (!s)
        return base_err_set(err, BASE_ENOMEM, "no memory");
    s->env = e;
    base_buf_init(&s->line, 262144);
    *state = s;
    s->report = calloc(e->conf->batch, sizeof(*s->report));
    s->reported = calloc(e->conf->batch, 1);
    if (!s->report || !s->reported)
        return base_err_set(err, BASE_ENOMEM, "no memory");
    return kafka_load(err);
}

/* ---- librdkafka's callbacks; the first two on our thread, inside poll ---- */

static void on_report(rd_kafka_t *k, const rd_kafka_message_t *m, void *opaque)
{
    struct kafka_sink *s = opaque;
    size_t i = (size_t)(uintptr_t)m->_private;

    (void)k;
    if (i < s->n && !s->reported[i]) {
        s->report[i] = m->err;
        s->reported[i] = 1;
        s->n_reported++;
    }
}

static void on_error(rd_kafka_t *k, int code, const char *why, void *opaque)
{
    struct kafka_sink *s = opaque;

    (void)k;
    (void)code;
    snprintf(s->last, sizeof(s->last), "%s", why);
}

static void on_log(const rd_kafka_t *k, int level, const char *fac, const char *buf)
{
    (void)k;
    base_log(level <= 3 ? BASE_LOG_INFO : BASE_LOG_DEBUG, "kafka", "%s: %s", fac, buf);
}

/* On librdkafka's threads; the configuration does not change. */
static int on_resolve(const char *node, const char *service, const struct addrinfo *hints,
                      struct addrinfo **res, void *opaque)
{
    const struct kafka_sink *s = opaque;

    if (!node && !service) {
        freeaddrinfo(*res);
        return 0;
    }
    for (size_t i = 0; node && i < s->env->conf->n_brokers; i++)
        if (strcmp(s->env->conf->brokers[i].host, node) == 0)
            return getaddrinfo(node, service, hints, res);
    base_warn("audit", "sink %s: the cluster names the broker %s, which `brokers` does not list",
              s->env->conf->name, node ? node : "?");
    return EAI_NONAME;
}

/* ---- a producer ---- */

static enum base_status set(rd_kafka_conf_t *k, const char *key, const char *v,
                            struct base_err *err)
{
    char why[300];

    if (!v || rk.conf_set(k, key, v, why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return BASE_OK;
    return base_err_set(err, BASE_EIO, "%s: %s", key, why);
}

static enum base_status producer_new(struct kafka_sink *s, struct base_err *err)
{
    const struct conf_sink *c = s->env->conf;
    char servers[8192] = "", timeout[16], why[300];
    size_t at = 0;
    enum base_status st = BASE_OK;
    rd_kafka_conf_t *k = rk.conf_new();

    for (size_t i = 0; i < c->n_brokers && at < sizeof(servers); i++)
        at += (size_t)snprintf(servers + at, sizeof(servers) - at,
                               strchr(c->brokers[i].host, ':') ? "%s[%s]:%d" : "%s%s:%d",
                               i ? "," : "", c->brokers[i].host, c->brokers[i].port);
    snprintf(timeout, sizeof(timeout), "%u", s->env->timeout_ms);
    const char *const pairs[][2] = {
        {"bootstrap.servers", servers},
        {"client.id", "weir"},
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"message.timeout.ms", timeout},
        {"linger.ms", "5"},
        {"message.max.bytes", "2000000"},
        {"security.protocol",
         c->tls ? (c->user ? "sasl_ssl" : "ssl") : (c->user ? "sasl_plaintext" : "plaintext")},
        {"ssl.ca.location", c->tls ? c->ca : NULL},
        {"ssl.certificate.location", c->certificate},
        {"ssl.key.location", c->certificate_key},
        {"ssl.endpoint.identification.algorithm", c->tls ? "https" : NULL},
        {"sasl.mechanisms", c->user ? "SCRAM-SHA-512" : NULL},
        {"sasl.username", c->user},
        {"sasl.password", c->password},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]) && st == BASE_OK; i++)
        st = set(k, pairs[i][0], pairs[i][1], err);
    rk.conf_set_opaque(k, s);
    rk.conf_set_dr_msg_cb(k, on_report);
    rk.conf_set_error_cb(k, on_error);
    rk.conf_set_log_cb(k, on_log);
    rk.conf_set_resolve_cb(k, on_resolve);
    if (st == BASE_OK) {
        s->producer = rk.new_(RD_KAFKA_PRODUCER, k, why, sizeof(why));
        if (!s->producer)
            st = base_err_set(err, BASE_EIO, "%s", why);
    }
    if (!s->producer)
        rk.conf_destroy(k);
    return st;
}

static void producer_drop(struct kafka_sink *s)
{
    if (!s->producer)
        return;
    rk.purge(s->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rk.poll(s->producer, 0);
    rk.destroy(s->producer);
    s->producer = NULL;
}

static bool refused(rd_kafka_resp_err_t e)
{
    return e == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || e == RD_KAFKA_RESP_ERR_INVALID_MSG ||
           e == RD_KAFKA_RESP_ERR_INVALID_RECORD || e == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE;
}

static rd_kafka_resp_err_t produce(struct kafka_sink *s, const struct aud_sink_rec *r, size_t i)
{
    struct base_str key = r->l.req.n ? r->l.req : base_str_c(s->env->origin);
    char index[24];

    base_buf_clear(&s->line);
    if (!aud_sink_line(s->env, r, &s->line))
        return RD_KAFKA_RESP_ERR__FAIL;
    snprintf(index, sizeof(index), "%" PRIu64, r->index);
    return rk.producev(s->producer, RD_KAFKA_V_TOPIC(s->env->conf->topic),
                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                       RD_KAFKA_V_KEY((void *)(uintptr_t)key.p, key.n),
                       RD_KAFKA_V_VALUE(s->line.p, s->line.n),
                       RD_KAFKA_V_HEADER("origin", s->env->origin, strlen(s->env->origin)),
                       RD_KAFKA_V_HEADER("index", index, strlen(index)),
                       RD_KAFKA_V_OPAQUE((void *)(uintptr_t)i), RD_KAFKA_V_END);
}

static enum base_status kafka_deliver(void *state, const struct aud_sink_rec *r, size_t n,
                                      size_t *done, struct base_err *err)
{
    struct kafka_sink *s = state;
    uint64_t until = base_mono_us() + (s->env->timeout_ms + 1000) * 1000ull;
    enum base_status st = s->producer ? BASE_OK : producer_new(s, err);
    rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (st != BASE_OK)
        return st;
    s->n = n;
    s->n_reported = 0;
    s->last[0] = 0;
    memset(s->reported, 0, n);
    for (size_t i = 0; i < n;) {
        e = produce(s, &r[i], i);
        if (e == RD_KAFKA_RESP_ERR__QUEUE_FULL && base_mono_us() < until &&
            !atomic_load(s->env->abort)) {
            rk.poll(s->producer, 50);
            continue;
        }
        if (e != RD_KAFKA_RESP_ERR_NO_ERROR) {
            s->report[i] = e;
            s->n = i; /* those before it are under way */
            break;
        }
        i++;
    }
    while (s->n_reported < s->n && base_mono_us() < until && !atomic_load(s->env->abort))
        rk.poll(s->producer, 50);
    while (*done < s->n && s->reported[*done] && s->report[*done] == RD_KAFKA_RESP_ERR_NO_ERROR)
        ++*done;
    if (*done == n)
        return BASE_OK;
    if (*done < s->n)
        e = s->reported[*done] ? s->report[*done] : RD_KAFKA_RESP_ERR__TIMED_OUT;
    st = base_err_set(err, refused(e) ? BASE_EINVAL : BASE_EIO, "%s%s%s", rk.err2str(e),
                      s->last[0] ? "; " : "", s->last);
    if (st != BASE_EINVAL || s->n_reported < s->n)
        producer_drop(s);
    s->n = 0; /* late reports mean nothing */
    return st;
}

static void kafka_close(void *state)
{
    struct kafka_sink *s = state;

    s->n = 0;
    producer_drop(s);
    base_buf_release(&s->line);
    free(s->report);
    free(s->reported);
    free(s);
}

const struct aud_sink_ops aud_sink_kafka = {
    .open = kafka_open, .deliver = kafka_deliver, .close = kafka_close, .exact = true};

/* audit_kafka_mock.c - a Kafka cluster for tests: librdkafka's mock broker in a process of its own.
 *
 * usage: audit_kafka_mock TOPIC OUT      prints HOST:PORT of its one broker, then takes commands on
 * standard input, each answered by a line:
 *   down    the broker closes every connection and refuses new ones; what it has stays
 *   up      and back
 *   refuse  the next produce request is answered with MSG_SIZE_TOO_LARGE (4 partitions' worth)
 *   dump    consumes the whole topic from its start and writes it to OUT, one line a message:
 *           partition TAB key TAB header index TAB value
 *   quit
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITIONS 4

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "audit_kafka_mock: %s: %s\n", what, why);
    return 1;
}

static int dump(const char *servers, const char *topic, const char *path)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    FILE *out = fopen(path, "w");
    int left = PARTITIONS, n = 0;

    if (!out)
        return fail(path, "cannot be written");
    rd_kafka_conf_set(conf, "bootstrap.servers", servers, why, sizeof(why));
    rd_kafka_conf_set(conf, "group.id", "dump", why, sizeof(why));
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof(why));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!rk)
        return fail("consumer", why);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int p = 0; p < PARTITIONS; p++)
        rd_kafka_topic_partition_list_add(l, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, l);
    rd_kafka_topic_partition_list_destroy(l);
    for (int idle = 0; left > 0 && idle < 100;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
        rd_kafka_headers_t *h = NULL;
        const void *v = "";
        size_t nv = 0;

        if (!m) {
            idle++;
            continue;
        }
        idle = 0;
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            left--;
        } else if (!m->err) {
            if (rd_kafka_message_headers(m, &h) == 0)
                rd_kafka_header_get_last(h, "index", &v, &nv);
            fprintf(out, "%d\t%.*s\t%.*s\t%.*s\n", (int)m->partition, (int)m->key_len,
                    (const char *)m->key, (int)nv, (const char *)v, (int)m->len,
                    (const char *)m->payload);
            n++;
        }
        rd_kafka_message_destroy(m);
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    fclose(out);
    printf("%d\n", left == 0 ? n : -1);
    return 0;
}

int main(int argc, char **argv)
{
    char line[64], why[512], servers[256];

    if (argc != 3)
        return fail("usage", "audit_kafka_mock TOPIC OUT");
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
    if (!rk)
        return fail("librdkafka", why);
    rd_kafka_mock_cluster_t *m = rd_kafka_mock_cluster_new(rk, 1);
    if (!m || rd_kafka_mock_topic_create(m, argv[1], PARTITIONS, 1) != 0)
        return fail("mock cluster", "cannot be made");
    snprintf(servers, sizeof(servers), "%s", rd_kafka_mock_cluster_bootstraps(m));
    printf("%s\n", servers);
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        if (strcmp(line, "dump\n") == 0) {
            if (dump(servers, argv[1], argv[2]) != 0)
                return 1;
        } else if (strcmp(line, "down\n") == 0) {
            printf("%d\n", (int)rd_kafka_mock_broker_set_down(m, 1));
        } else if (strcmp(line, "up\n") == 0) {
            printf("%d\n", (int)rd_kafka_mock_broker_set_up(m, 1));
        } else if (strcmp(line, "refuse\n") == 0) {
            rd_kafka_mock_push_request_errors(
                m, 0, 4, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
            printf("0\n");
        } else {
            break;
        }
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(m);
    rd_kafka_destroy(rk);
    return 0;
}

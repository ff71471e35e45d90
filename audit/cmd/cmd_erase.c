/* cmd_erase.c - `weir audit erase` and `hold`, and what orders to the keeper share (order.h).
 *
 * A gateway that has the log open carries them out (control.sock); otherwise the log and the keeper
 * are opened here, do the same, and are closed again. Either way the records are in the log before
 * the command ends.
 */
#include "audit/cmd/cmd.h"
#include "audit/cmd/cmd_int.h"
#include "audit/cmd/order.h"
#include "audit/content/keeper.h"
#include "audit/log/control.h"
#include "audit/log/reach.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char erase_help[] =
    "usage: weir audit erase DIR --subject S [--tenant T] [--order REASON] [-c FILE]\n"
    "       weir audit erase DIR --req ID    [--order REASON] [-c FILE]\n"
    "Destroys the key of a subject (x-weir-subject) and all content kept under it, of one tenant "
    "or\n"
    "of all; or the content of one request. The log's records stay and every proof still holds; "
    "what\n"
    "was destroyed is recorded, and which blobs. Refused, on record: under a legal hold, and "
    "before\n"
    "the minimum retention is over unless --order gives the reason.\n"
    "-c FILE: the configuration, where the master key is not DIR/keys/master.key (offline only).\n"
    "Exit status 1: nothing is kept of it, or refused.\n";

static const char hold_help[] =
    "usage: weir audit hold DIR --subject S --reason R [--tenant T] [-c FILE]\n"
    "       weir audit hold DIR --subject S --release  [--tenant T] [-c FILE]\n"
    "While a hold is set neither erasure nor retention touches the subject's key or content.\n";

static const struct option options[] = {
    {"subject", required_argument, NULL, 's'}, {"tenant", required_argument, NULL, 't'},
    {"req", required_argument, NULL, 'q'},     {"order", required_argument, NULL, 'o'},
    {"reason", required_argument, NULL, 'o'},  {"release", no_argument, NULL, 'r'},
    {"kind", required_argument, NULL, 'k'},    {"ground", required_argument, NULL, 'g'},
    {"field", required_argument, NULL, 'e'},   {"find", no_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};

int aud_order_parse(struct aud_order *o, int argc, char **argv, const char *help)
{
    for (int c; (c = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
        switch (c) {
        case 's':
            o->subject = optarg;
            break;
        case 't':
            o->tenant = optarg;
            break;
        case 'q':
            o->req = optarg;
            break;
        case 'o':
            o->reason = optarg;
            break;
        case 'r':
            o->release = true;
            break;
        case 'k':
            o->kind = optarg;
            break;
        case 'g':
            o->ground = optarg;
            break;
        case 'e':
            o->field = optarg;
            break;
        case 'f':
            o->find = true;
            break;
        case 'c':
            o->config = optarg;
            break;
        case 'h':
            return aud_cmd_help(help);
        default:
            return aud_cmd_usage(help, "that option is not known here");
        }
    }
    if (optind + 1 != argc)
        return aud_cmd_usage(help, "say which log: one DIR");
    o->dir = argv[optind];
    if (o->reason && (strlen(o->reason) > 256 || !o->reason[0]))
        return aud_cmd_usage(help, "a reason has 1 to 256 bytes");
    return -1;
}

json_t *aud_order_request(const struct aud_order *o, const char *op)
{
    json_t *q = json_pack("{s:s}", "op", op);
    const struct {
        const char *key, *value;
    } t[] = {{"subject", o->subject}, {"tenant", o->tenant}, {"req", o->req},
             {"reason", o->reason},   {"ground", o->ground}, {"field", o->field},
             {"text", o->text}};

    for (size_t i = 0; q && i < sizeof(t) / sizeof(t[0]); i++) {
        if (t[i].value)
            json_object_set_new(q, t[i].key, json_string(t[i].value));
    }
    if (q && o->release)
        json_object_set_new(q, "release", json_true());
    return q;
}

enum base_status aud_order_open(struct aud_order *o, struct base_err *err)
{
    static const struct conf_master plain = {.kind = CONF_MASTER_FILE, .timeout_ms = 5000};
    struct aud_keeper_options k = {.directory = o->dir, .master = &plain};
    enum base_status st = BASE_OK;

    if (o->config) {
        struct conf_problems problems;

        st = conf_load_audit_only(o->config, &o->conf, &problems);
        if (st != BASE_OK)
            base_err_set(err, st, "%s: %s", o->config,
                         problems.n ? problems.v[0].text : "cannot be read");
        conf_problems_release(&problems);
        if (st != BASE_OK)
            return st;
        k.master = &o->conf->audit.master;
        k.content = &o->conf->audit.content;
    }
    st = aud_offline_open(o->dir, &o->log, err);
    if (st == BASE_ENOENT) /* is not "nothing is kept of it" */
        return err->code = BASE_EIO;
    return st == BASE_OK ? aud_keeper_open(&k, o->log, &o->keeper, err) : st;
}

enum base_status aud_order_close(struct aud_order *o, enum base_status st, struct base_err *err)
{
    struct base_err end;

    aud_keeper_close(o->keeper);
    if (o->log && aud_log_close(o->log, &end) != BASE_OK && st == BASE_OK)
        st = base_err_set(err, BASE_EIO, "%s", end.text);
    conf_free(o->conf);
    return st;
}

int aud_order_ended(const char *verb, enum base_status st, const struct base_err *err)
{
    if (st == BASE_OK)
        return AUD_EXIT_HOLDS;
    fprintf(stderr, "weir audit %s: %s\n", verb, err->text);
    return st == BASE_ENOENT || st == BASE_DENIED ? AUD_EXIT_FAILS : AUD_EXIT_USAGE;
}

bool aud_order_online(const char *dir)
{
    json_t *q = json_pack("{s:s}", "op", "nothing"), *reply = NULL;
    struct base_err err;
    enum base_status st = aud_control_call(dir, q, -1, &reply, &err);

    json_decref(q);
    json_decref(reply);
    return st != BASE_ENOENT;
}

static void print_erased(json_t *e)
{
    char *text = json_dumps(e, JSON_COMPACT | JSON_SORT_KEYS);

    if (text)
        puts(text);
    free(text);
}

int aud_cmd_erase(int argc, char **argv)
{
    struct aud_order o = {0};
    struct base_err err = {0};
    json_t *reply = NULL;
    int rc = aud_order_parse(&o, argc, argv, erase_help);
    enum base_status st;

    if (rc >= 0)
        return rc;
    if (!o.subject == !o.req || o.ground || o.release || o.kind || o.field || o.find ||
        (o.subject && !o.subject[0]))
        return aud_cmd_usage(erase_help, "say --subject S or --req ID");
    if (aud_order_online(o.dir)) {
        json_t *q = aud_order_request(&o, "erase");
        st = aud_control_call(o.dir, q, -1, &reply, &err);
        json_decref(q);
    } else {
        char who[AUD_WHO_MAX];
        struct aud_erased done;
        const struct aud_erasure what = {.subject = o.subject,
                                         .tenant = o.tenant,
                                         .req = o.req,
                                         .reason = o.reason,
                                         .who = aud_who(who)};
        st = aud_order_open(&o, &err);
        if (st == BASE_OK)
            st = aud_keeper_erase(o.keeper, &what, &done, &err);
        if (st == BASE_OK)
            reply = aud_erased_json(&done);
        st = aud_order_close(&o, st, &err);
    }
    if (st == BASE_OK) {
        json_object_del(reply, "ok");
        print_erased(reply);
    }
    json_decref(reply);
    return aud_order_ended("erase", st, &err);
}

int aud_cmd_hold(int argc, char **argv)
{
    struct aud_order o = {0};
    struct base_err err = {0};
    int rc = aud_order_parse(&o, argc, argv, hold_help);
    enum base_status st;

    if (rc >= 0)
        return rc;
    if (!o.subject || !o.subject[0] || o.req || o.kind || o.ground || o.field || o.find ||
        !o.reason == !o.release)
        return aud_cmd_usage(hold_help, "say --subject S and --reason R, or --release");
    if (aud_order_online(o.dir)) {
        json_t *q = aud_order_request(&o, "hold"), *reply = NULL;
        st = aud_control_call(o.dir, q, -1, &reply, &err);
        json_decref(q);
        json_decref(reply);
    } else {
        char who[AUD_WHO_MAX];
        st = aud_order_open(&o, &err);
        if (st == BASE_OK)
            st = aud_keeper_hold(o.keeper, o.subject, o.tenant, o.reason, o.release, aud_who(who),
                                 &err);
        st = aud_order_close(&o, st, &err);
    }
    return aud_order_ended("hold", st, &err);
}

enum base_status aud_cmd_tags(const char *dir, const char *config, const char *subject,
                              const char *tenant, char (*tags)[AUD_TAG_HEX], size_t max, size_t *n,
                              struct base_err *err)
{
    struct aud_order o = {.dir = dir, .config = config, .subject = subject, .tenant = tenant};
    enum base_status st;

    *n = 0;
    if (!aud_order_online(dir)) {
        st = aud_order_open(&o, err);
        if (st == BASE_OK)
            st = aud_keeper_tags(o.keeper, subject, tenant, tags, max, n, err);
        return aud_order_close(&o, st, err);
    }
    json_t *q = aud_order_request(&o, "tags"), *reply = NULL, *tag;
    size_t i;
    st = aud_control_call(dir, q, -1, &reply, err);
    json_array_foreach(json_object_get(reply, "tags"), i, tag)
    {
        if (*n < max && json_string_length(tag) == AUD_TAG_HEX - 1)
            memcpy(tags[(*n)++], json_string_value(tag), AUD_TAG_HEX);
    }
    json_decref(q);
    json_decref(reply);
    return st;
}

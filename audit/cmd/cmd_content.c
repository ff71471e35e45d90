/* cmd_content.c - `weir audit content` and `correct`: kept content read back, somebody looked for
 * in it, and a correction put beside a record.
 *
 * Names and texts come on standard input, never as arguments, which stand in the list of processes.
 * A gateway that has the log open does the work; else the log and the keeper are opened here
 * (order.h).
 */
#include "audit/cmd/cmd_int.h"
#include "audit/cmd/order.h"
#include "audit/log/control.h"
#include "audit/log/reach.h"
#include "base/file.h"
#include "conf/rights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char content_help[] =
    "usage: weir audit content DIR --req ID [--kind KIND] [-c FILE]\n"
    "       [--ground consent|legal-claims|rights-of-others|public-interest]\n"
    "       weir audit content DIR --find --reason R [-c FILE] < IDENTIFIER\n"
    "The content kept of a request, decrypted, one JSON object a line. That you read it is "
    "recorded\n"
    "first. Content that names a person whose data are restricted (weir rights, GDPR Art. 18) "
    "comes\n"
    "out only with a --ground of Art. 18(2), which is recorded; else nothing does, exit status "
    "1.\n"
    "KIND is request, sent, received, delivered or correction.\n"
    "--find looks through all content that is kept for somebody who is only named in it (GDPR "
    "Art.\n"
    "15): an e-mail address, a number or a name on standard input, found as weir rights finds "
    "it.\n"
    "It prints where, one JSON object a line, not the content; R and a keyed tag of the name are\n"
    "recorded, leave the person out of R. Exit status 1: found nowhere.\n";

static const char correct_help[] =
    "usage: weir audit correct DIR --req ID --subject S --field F [-c FILE] < TEXT\n"
    "Puts a correction beside the record of a request (GDPR Art. 16): TEXT, what the subject (as "
    "in\n"
    "x-weir-subject) says is wrong about F (a word: answer, request.address), is kept encrypted\n"
    "under his key, so that an erasure reaches it. The record stays as it is; the correction is a\n"
    "record of its own with the text's hashes, which show, query and the report subject show.\n"
    "Exit status 1: no such request, or its record is about somebody else.\n";

/* The lines of the memory file, those of the wanted kind. */
static void print_lines(int fd, const char *kind)
{
    FILE *f = lseek(fd, 0, SEEK_SET) == 0 ? fdopen(dup(fd), "r") : NULL;
    char *line = NULL, wanted[64];
    size_t cap = 0;

    snprintf(wanted, sizeof(wanted), "\"kind\":\"%.32s\",\"req\"", kind ? kind : "");
    while (f && getline(&line, &cap, f) > 0) {
        if (!kind || strstr(line, wanted))
            fputs(line, stdout);
    }
    free(line);
    if (f)
        fclose(f);
}

/* Standard input, at most max bytes, as a string for *o; the caller wipes b, unless
 * this failed. */
static bool read_text(struct aud_order *o, const char *verb, const char *ask, size_t max,
                      struct base_buf *b)
{
    struct base_err err;

    base_buf_init(b, max + 2);
    if (isatty(0))
        fprintf(stderr, "%s, then Ctrl-D:\n", ask);
    if (base_fd_read_all(0, b, &err) != BASE_OK) {
        fprintf(stderr, "weir audit %s: standard input: %s\n", verb, err.text);
        base_buf_wipe(b);
        return false;
    }
    struct base_str s = base_str_trim(base_buf_view(b));
    if (s.n == 0 || memchr(s.p, 0, s.n)) {
        fprintf(stderr, "weir audit %s: %s on standard input\n", verb, ask);
        base_buf_wipe(b);
        return false;
    }
    b->p[s.p - b->p + (ptrdiff_t)s.n] = '\0';
    o->text = s.p;
    return true;
}

static int find(struct aud_order *o)
{
    struct base_err err = {0};
    struct base_buf input;
    struct aud_find_sum sum = {0};
    json_t *reply = NULL;
    enum base_status st = BASE_EINVAL;
    int fd = memfd_create("found", MFD_CLOEXEC);

    if (fd < 0 || !read_text(o, "content", "the e-mail address, number or name",
                             CONF_RIGHTS_INPUT_MAX, &input)) {
        if (fd >= 0)
            close(fd);
        else
            fprintf(stderr, "weir audit content: no memory\n");
        return AUD_EXIT_USAGE;
    }
    if (aud_order_online(o->dir)) {
        json_t *q = aud_order_request(o, "find");
        st = aud_control_call(o->dir, q, fd, &reply, &err);
        json_decref(q);
        sum.searched = (uint64_t)json_integer_value(json_object_get(reply, "searched"));
        sum.found = (uint64_t)json_integer_value(json_object_get(reply, "found"));
        sum.unreadable = (uint64_t)json_integer_value(json_object_get(reply, "unreadable"));
        sum.cut = json_is_true(json_object_get(reply, "cut"));
        json_decref(reply);
    } else {
        char who[AUD_WHO_MAX];
        const struct aud_find f = {.identifier = o->text,
                                   .reason = o->reason,
                                   .who = aud_who(who),
                                   .fn = aud_found_jsonl,
                                   .ctx = &fd};
        st = aud_order_open(o, &err);
        if (st == BASE_OK)
            st = aud_keeper_find(o->keeper, &f, &sum, &err);
        st = aud_order_close(o, st, &err);
    }
    base_buf_wipe(&input);
    if (st == BASE_OK) {
        print_lines(fd, NULL);
        fprintf(stderr, "weir audit content: %" PRIu64 " of %" PRIu64 " pieces of content%s\n",
                sum.found, sum.searched, sum.cut ? "; more than are shown" : "");
        if (sum.unreadable)
            fprintf(stderr, "weir audit content: %" PRIu64 " could not be looked through\n",
                    sum.unreadable);
    }
    close(fd);
    return st == BASE_OK && sum.found == 0 ? AUD_EXIT_FAILS : aud_order_ended("content", st, &err);
}

int aud_cmd_content(int argc, char **argv)
{
    struct aud_order o = {0};
    struct base_err err = {0};
    int rc = aud_order_parse(&o, argc, argv, content_help);
    enum base_status st;

    if (rc >= 0)
        return rc;
    if (o.find && !o.req && !o.subject && !o.tenant && !o.ground && !o.kind && o.reason)
        return find(&o);
    if (!o.req || o.subject || o.tenant || o.reason || o.release || o.find || o.field)
        return aud_cmd_usage(content_help, "say --req ID, or --find and --reason R");
    if (o.ground && !aud_ground_known(o.ground))
        return aud_cmd_usage(content_help, "that is no ground of GDPR Art. 18(2)");
    int fd = memfd_create("content", MFD_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "weir audit content: no memory\n");
        return AUD_EXIT_USAGE;
    }
    if (aud_order_online(o.dir)) {
        json_t *q = aud_order_request(&o, "content"), *reply = NULL;
        st = aud_control_call(o.dir, q, fd, &reply, &err);
        json_decref(q);
        json_decref(reply);
    } else {
        char who[AUD_WHO_MAX];
        st = aud_order_open(&o, &err);
        if (st == BASE_OK)
            st = aud_keeper_read(o.keeper, o.req, aud_who(who), o.ground, aud_plain_jsonl, &fd,
                                 &err);
        st = aud_order_close(&o, st, &err);
    }
    if (st == BASE_OK)
        print_lines(fd, o.kind);
    close(fd);
    return aud_order_ended("content", st, &err);
}

int aud_cmd_correct(int argc, char **argv)
{
    struct aud_order o = {0};
    struct base_err err = {0};
    struct base_buf input;
    uint64_t index = 0;
    int rc = aud_order_parse(&o, argc, argv, correct_help);
    enum base_status st;

    if (rc >= 0)
        return rc;
    if (!o.req || !o.subject || !o.field || o.tenant || o.reason || o.release || o.kind ||
        o.ground || o.find)
        return aud_cmd_usage(correct_help, "say --req ID, --subject S and --field F");
    if (!read_text(&o, "correct", "the correction", AUD_CORRECTION_BYTES_MAX, &input)) {
        base_buf_wipe(&input);
        return AUD_EXIT_USAGE;
    }
    if (aud_order_online(o.dir)) {
        json_t *q = aud_order_request(&o, "correct"), *reply = NULL;
        st = aud_control_call(o.dir, q, -1, &reply, &err);
        index = (uint64_t)json_integer_value(json_object_get(reply, "index"));
        json_decref(q);
        json_decref(reply);
    } else {
        char who[AUD_WHO_MAX];
        struct aud_record record;
        const struct aud_correction c = {.req = o.req,
                                         .subject = o.subject,
                                         .field = o.field,
                                         .text = base_str_c(o.text),
                                         .who = aud_who(who)};
        st = aud_order_open(&o, &err);
        if (st == BASE_OK)
            st = aud_record_find(o.dir, o.req, &record, &err);
        if (st == BASE_OK)
            st = aud_keeper_correct(o.keeper, &c, &record, &index, &err);
        st = aud_order_close(&o, st, &err);
    }
    base_buf_wipe(&input);
    if (st == BASE_OK)
        printf("{\"index\":%" PRIu64 "}\n", index);
    return aud_order_ended("correct", st, &err);
}

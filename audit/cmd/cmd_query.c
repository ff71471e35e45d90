/* cmd_query.c - `weir audit query` and `weir audit export`: questions to the log.
 *
 * Order: verify the log, bring the index up to date, choose the requests, record that somebody
 * reads (durable), then show. A question that cannot be recorded is not answered, but for a copy of
 * a log without its key, where that is said. query is one table from the derived index; export is a
 * document that is handed on, so its index is made from the records for it alone.
 */
#include "audit/cmd/cmd.h"
#include "audit/cmd/cmd_int.h"
#include "audit/log/note.h"
#include "audit/log/reach.h"
#include "audit/query/ask.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct run {
    struct aud_ask ask;
    const char *dir, *vkey, *report, *proof, *config;
    char tags[AUD_ASK_SUBJECTS][AUD_TAG_HEX];
    enum aud_format format;
    bool export, fresh;
};

static const char query_help[] =
    "usage: weir audit query DIR [filters] [--format text|jsonl|csv|html] [--fresh] [--vkey KEY]\n"
    "                        [--proof FILE]\n"
    "One row a request. The log is verified first; what the answer covers goes to standard error\n"
    "(jsonl, html: into the document; --proof FILE: there too). That you asked is recorded.\n"
    "  -c FILE   the configuration, for --subject where the master key is no file in DIR\n"
    "  --fresh   do not trust DIR/index.sqlite: make the index from the records for this answer\n";

static const char export_help[] =
    "usage: weir audit export DIR --report NAME [filters] [--format text|jsonl|csv|html]\n"
    "                         [--vkey KEY] [--proof FILE]\n"
    "  residency   what left, where, to which entity, on which basis\n"
    "  subject     all about one subject (Art. 15): needs --subject or --subject-tag\n"
    "  article30   record of processing activities, from the traffic\n"
    "  incident    what a key, back end or rule touched in a window (Art. 33)\n"
    "  access      who looked at what; keys, configuration, erasures\n"
    "  transfers   recipients outside the EEA with their basis (Art. 44 to 49)\n"
    "  dpia        annex to an impact assessment (Art. 35)\n"
    "Without --report: one row a request, as query. The index is made from the records for this\n"
    "document alone. CSV cells that a spreadsheet would run as formulas are made text.\n";

static int help_of(const struct run *r, const char *why)
{
    if (why) {
        fputs(aud_ask_help, stderr);
        return aud_cmd_usage(r->export ? export_help : query_help, why);
    }
    aud_cmd_help(r->export ? export_help : query_help);
    return aud_cmd_help(aud_ask_help);
}

static bool report_known(const char *name)
{
    const char *const *names = aud_report_names();

    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* The statement: what was asked, how many rows, what is covered. */
static void statement(const struct run *r, struct aud_index *ix, uint64_t rows,
                      struct base_buf *out)
{
    struct base_json j;

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_key(&j, "covered");
    aud_cover_json(&j, aud_index_cover(ix));
    base_json_key(&j, "question");
    aud_ask_json(&j, &r->ask);
    if (r->report)
        base_json_kz(&j, "report", r->report);
    base_json_kint(&j, "requests", (int64_t)rows);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
}

static enum base_status save_proof(const struct run *r, struct base_str s, struct base_err *err)
{
    FILE *f = r->proof ? fopen(r->proof, "we") : NULL;

    if (!r->proof)
        return BASE_OK;
    if (!f)
        return base_err_sys(err, "%s", r->proof);
    fprintf(f, "%.*s\n", BASE_FMT(s));
    return fclose(f) == 0 ? BASE_OK : base_err_sys(err, "%s", r->proof);
}

static enum base_status show(const struct run *r, struct aud_index *ix, struct base_str said,
                             struct base_err *err)
{
    struct aud_out o;
    enum base_status st;

    if (r->report)
        return aud_report_run(ix, r->report, &r->ask, r->format, stdout, said, err);
    aud_out_begin(&o, stdout, r->format, "Requests", false);
    st = aud_report_query(ix, &r->ask, &o, err);
    return st == BASE_OK ? aud_out_end(&o, said, err) : st;
}

/* The subject that was asked for, as the log names it. Nobody by that name: no tag, no rows. */
static enum base_status subject_tags(struct run *r, struct base_err *err)
{
    size_t n = 0;

    if (!r->ask.subject)
        return BASE_OK;
    enum base_status st = aud_cmd_tags(r->dir, r->config, r->ask.subject, r->ask.tenant, r->tags,
                                       AUD_ASK_SUBJECTS - r->ask.n_subjects, &n, err);
    for (size_t i = 0; i < n && st == BASE_OK; i++)
        r->ask.subjects[r->ask.n_subjects++] = r->tags[i];
    if (st == BASE_OK && n == 0)
        fprintf(stderr, "weir audit: no key of that subject is kept: never seen, or erased\n");
    return st;
}

static int answer(struct run *r)
{
    struct aud_index *ix = NULL;
    struct base_err err = {0};
    struct base_buf said, asked;
    struct base_json j;
    const char *how = "", *verb = r->export ? "export" : "query";
    uint64_t rows = 0;
    char what[64];

    base_buf_init(&said, 1 << 20);
    base_buf_init(&asked, 1 << 16);
    enum base_status st = subject_tags(r, &err);
    if (st == BASE_OK)
        st = aud_index_open(r->dir, r->vkey, r->fresh || r->export, &ix, &err);
    if (st == BASE_OK)
        st = aud_ask_select(ix, &r->ask, &rows, &err);
    if (st != BASE_OK)
        goto out;
    statement(r, ix, rows, &said);
    base_json_init(&j, &asked);
    aud_ask_json(&j, &r->ask);
    snprintf(what, sizeof(what), "%s%s%s", verb, r->report ? " " : "", r->report ? r->report : "");
    if (!base_buf_ok(&said) || !base_buf_ok(&asked))
        st = base_err_set(&err, BASE_LIMIT, "the question is too long");
    if (st == BASE_OK)
        st = aud_reach_read(r->dir, what, base_buf_view(&asked), rows, &how, &err);
    if (st == BASE_OK)
        st = save_proof(r, base_buf_view(&said), &err);
    if (st == BASE_OK)
        st = show(r, ix, base_buf_view(&said), &err);
    if (st == BASE_OK)
        fprintf(stderr, "weir audit %s: %" PRIu64 " requests; %s\n", verb, rows, how);
out:
    if (st != BASE_OK)
        fprintf(stderr, "weir audit %s: %s\n", verb, err.text);
    aud_index_free(ix);
    base_buf_release(&said);
    base_buf_release(&asked);
    return st == BASE_OK ? AUD_EXIT_HOLDS : st == BASE_EINVAL ? AUD_EXIT_FAILS : AUD_EXIT_USAGE;
}

static int command(struct run *r, int argc, char **argv)
{
    static const struct option options[] = {AUD_ASK_OPTIONS,
                                            {"format", required_argument, NULL, 'f'},
                                            {"report", required_argument, NULL, 'r'},
                                            {"vkey", required_argument, NULL, 'k'},
                                            {"proof", required_argument, NULL, 'p'},
                                            {"fresh", no_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};

    for (int c; (c = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
        if (c >= 256 && !aud_ask_option(&r->ask, c, optarg))
            return AUD_EXIT_USAGE;
        if (c == 'h')
            return help_of(r, NULL);
        if (c == '?')
            return help_of(r, "that option is not known here");
        if (c == 'f' && !aud_format_find(optarg, &r->format))
            return help_of(r, "--format is text, jsonl, csv or html");
        if (c == 'r')
            r->report = optarg;
        if (c == 'k')
            r->vkey = optarg;
        if (c == 'p')
            r->proof = optarg;
        if (c == 'n')
            r->fresh = true;
        if (c == 'c')
            r->config = optarg;
    }
    if (optind + 1 != argc)
        return help_of(r, "say which log: one DIR");
    r->dir = argv[optind];
    struct aud_vkey key;
    struct base_err err;
    if (r->vkey && aud_vkey_parse(base_str_c(r->vkey), &key, &err) != BASE_OK)
        return help_of(r, err.text);
    if (r->report && !r->export)
        return help_of(r, "reports are made by weir audit export");
    if (r->report && !report_known(r->report))
        return help_of(r, "there is no such report");
    if (r->report && strcmp(r->report, "subject") == 0 && !r->ask.subject && !r->ask.n_subjects)
        return help_of(r, "the report subject needs --subject or --subject-tag");
    return answer(r);
}

int aud_cmd_query(int argc, char **argv)
{
    struct run r = {.format = AUD_TEXT};

    return command(&r, argc, argv);
}

int aud_cmd_export(int argc, char **argv)
{
    struct run r = {.format = AUD_HTML, .export = true};

    return command(&r, argc, argv);
}

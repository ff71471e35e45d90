/* cmd_witness.c - `weir audit witness`: makes a witness's key, or runs it until SIGTERM. */
#include "audit/cmd/cmd_int.h"
#include "audit/witness/witness.h"
#include "base/file.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char help_text[] =
    "usage: weir audit witness DIR --init --name NAME      makes a key, prints its verifier key\n"
    "       weir audit witness DIR --listen HOST:PORT --cert FILE --key FILE\n"
    "                          --log VKEY... [--logs FILE] [--rate N]\n"
    "  Runs a witness: it countersigns checkpoints of the logs it knows (C2SP tlog-witness), each\n"
    "  only with a proof that it extends the one before, and keeps in DIR what it signed.\n"
    "  --log VKEY   a log's verifier key, as `weir audit verify --json` prints it; covers all its\n"
    "               periods. --logs FILE: one a line, # begins a comment\n"
    "  --cert, --key  PEM; without them plain HTTP, on this machine only\n"
    "  --rate N     requests a minute from one address (120)\n"
    "  DIR belongs to the witness alone, on a machine the log's administrator does not run.\n";

static volatile int stopped;

static void on_signal(int sig)
{
    (void)sig;
    stopped = 1;
}

struct args {
    const char *name, *logs;
    const char *log[AUD_WITNESS_LOGS_MAX];
    size_t n_logs;
    bool init;
    struct aud_witness_listen listen;
};

static enum base_status trust_file(struct aud_witness *w, const char *file, struct base_err *err)
{
    struct base_buf b;
    char vkey[AUD_VKEY_MAX];

    base_buf_init(&b, 1u << 20);
    enum base_status st = base_file_read(file, &b, err);
    struct base_str rest = base_buf_view(&b);
    while (st == BASE_OK && rest.p && rest.n) {
        struct base_str line = base_str_trim(base_str_cut(&rest, '\n'));

        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (line.n >= sizeof(vkey)) {
            st = base_err_set(err, BASE_EINVAL, "%s: a line is no verifier key", file);
            break;
        }
        memcpy(vkey, line.p, line.n);
        vkey[line.n] = 0;
        st = aud_witness_trust(w, vkey, err);
    }
    base_buf_release(&b);
    return st;
}

static int run(const char *dir, const struct args *a)
{
    struct aud_witness *w = NULL;
    struct base_err err = {0};
    char vkey[AUD_VKEY_MAX];
    enum base_status st = aud_witness_open(dir, a->init ? a->name : NULL, &w, &err);

    for (size_t i = 0; st == BASE_OK && i < a->n_logs; i++)
        st = aud_witness_trust(w, a->log[i], &err);
    if (st == BASE_OK && a->logs)
        st = trust_file(w, a->logs, &err);
    if (st == BASE_OK && a->init && aud_witness_vkey(w, vkey))
        printf("%s\n", vkey);
    if (st == BASE_OK && !a->init) {
        struct sigaction sa = {.sa_handler = on_signal};

        sigaction(SIGTERM, &sa, NULL);
        sigaction(SIGINT, &sa, NULL);
        signal(SIGPIPE, SIG_IGN);
        stopped = 0;
        st = aud_witness_serve(w, &a->listen, &stopped, &err);
    }
    if (st != BASE_OK)
        fprintf(stderr, "weir audit witness: %s\n", err.text);
    aud_witness_close(w);
    return st == BASE_OK ? AUD_EXIT_HOLDS : AUD_EXIT_USAGE;
}

int aud_cmd_witness(int argc, char **argv)
{
    static const struct option options[] = {
        {"init", no_argument, NULL, 'i'},         {"name", required_argument, NULL, 'n'},
        {"listen", required_argument, NULL, 'l'}, {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},    {"log", required_argument, NULL, 'g'},
        {"logs", required_argument, NULL, 'f'},   {"rate", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    struct args a = {.name = NULL};
    uint64_t n;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h')
            return aud_cmd_help(help_text);
        if (c == 'i')
            a.init = true;
        else if (c == 'n')
            a.name = optarg;
        else if (c == 'l')
            a.listen.address = optarg;
        else if (c == 'c')
            a.listen.cert = optarg;
        else if (c == 'k')
            a.listen.key = optarg;
        else if (c == 'f')
            a.logs = optarg;
        else if (c == 'g' && a.n_logs < AUD_WITNESS_LOGS_MAX)
            a.log[a.n_logs++] = optarg;
        else if (c == 'r' && base_str_u64(base_str_c(optarg), &n) && n >= 1 && n <= 1000000)
            a.listen.per_minute = (unsigned)n;
        else
            return aud_cmd_usage(help_text, NULL);
    }
    if (optind + 1 != argc || (a.init ? !a.name : !a.listen.address))
        return aud_cmd_usage(help_text, "witness needs DIR and --init --name NAME or --listen");
    if (!a.listen.cert != !a.listen.key)
        return aud_cmd_usage(help_text, "--cert and --key go together");
    if (!a.init && a.n_logs == 0 && !a.logs)
        return aud_cmd_usage(help_text, "a witness needs the keys of its logs: --log VKEY");
    return run(argv[optind], &a);
}

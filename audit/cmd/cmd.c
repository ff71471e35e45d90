/* cmd.c - the command line face of the log: finds the verb. Each verb is a file of its own,
 * cmd_VERB.c; all run offline on a directory, need no secret, and write data to standard output and
 * prose to standard error.
 */
#include "audit/cmd/cmd.h"

#include "audit/cmd/cmd_int.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *args, *about;
} verbs[] = {
    {"verify", aud_cmd_verify,
     "DIR... [--vkey KEY] [--witness VKEY]... [--quorum N] [--checkpoint FILE]... [--json]",
     "0 if everything in DIR holds, 1 and the first record that does not"},
    {"monitor", aud_cmd_monitor, "DIR --state FILE [--vkey KEY] [--interval S] [--once]",
     "follows the log, ends with 1 at the first thing that does not hold"},
    {"show", aud_cmd_show, "DIR [--from N] [--limit N] [--req ID] [--json]", "the records"},
    {"prove", aud_cmd_prove, "DIR NUMBER", "a C2SP tlog-proof of one record, for the auditor"},
    {"verify-proof", aud_cmd_verify_proof, "FILE --vkey KEY [--witness VKEY]... [--quorum N]",
     "checks such a proof, with no log at hand"},
    {"consistency", aud_cmd_consistency, "DIR OLD-CHECKPOINT [NEW-CHECKPOINT]",
     "proves that the log only grew since a checkpoint"},
    {"witness", aud_cmd_witness, "DIR --init --name NAME | DIR --listen HOST:PORT --log VKEY...",
     "countersigns the checkpoints of other logs"},
    {"query", aud_cmd_query, "DIR [filters] [--format text|jsonl|csv|html]",
     "what was asked, what left, to whom, on which basis; says what it covers"},
    {"export", aud_cmd_export, "DIR --report NAME [filters] [--format html|csv|jsonl|text]",
     "residency, subject, article30, incident, access, transfers, dpia"},
    {"sinks", aud_cmd_sinks, "DIR [--json]", "how far each copy of the log is"},
    {"content", aud_cmd_content, "DIR --req ID | --find --reason R < IDENTIFIER",
     "the content kept of a request, decrypted; where somebody is named in it"},
    {"correct", aud_cmd_correct, "DIR --req ID --subject S --field F < TEXT",
     "a correction beside a record"},
    {"erase", aud_cmd_erase, "DIR --subject S [--tenant T] [--order REASON] | --req ID",
     "destroys a subject's key and content, on record"},
    {"hold", aud_cmd_hold, "DIR --subject S --reason R | --release",
     "legal hold: neither erasure nor retention"},
};

int aud_cmd_help(const char *help)
{
    fputs(help, stdout);
    return AUD_EXIT_HOLDS;
}

int aud_cmd_usage(const char *help, const char *why)
{
    if (why)
        fprintf(stderr, "weir audit: %s\n", why);
    fputs(help, stderr);
    return AUD_EXIT_USAGE;
}

static void print_verbs(FILE *f)
{
    fputs("usage: weir audit VERB DIR ...     weir audit VERB --help tells more\n", f);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        fprintf(f, "  %-11s %s\n              %s\n", verbs[i].name, verbs[i].args, verbs[i].about);
}

int aud_command(int argc, char **argv)
{
    const char *name = argc > 0 ? argv[0] : "";

    optind = 0; /* start over, whoever used getopt before */
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(name, verbs[i].name) == 0)
            return verbs[i].run(argc, argv);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_verbs(stdout);
        return AUD_EXIT_HOLDS;
    }
    if (argc > 0)
        fprintf(stderr, "weir audit: no such verb: %s\n", name);
    print_verbs(stderr);
    return AUD_EXIT_USAGE;
}

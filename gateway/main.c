/* main.c - `weir`: finds the command, shows help, and starts what serves.
 *
 * A table of commands; each returns the exit status (0 done, 1 the thing checked does not hold, 2
 * bad usage, configuration or input). What is asked for goes to standard output, everything said
 * about it to standard error; colours only where that is a terminal and NO_COLOR is not set.
 * `gateway-child` and `engine-child` are what the supervisor starts; they are not for people.
 *
 * WEIR_LOG=error|warn|info|debug in the environment sets how much is logged.
 */
#include "gateway/cli/cli.h"

#include "audit/cmd/cmd.h"
#include "audit/content/keeper.h"
#include "audit/log/remote.h"
#include "base/log.h"
#include "engine/engine.h"
#include "gateway/app.h"
#include "gateway/rights.h"
#include "gateway/supervisor.h"
#include "policy/detect/cmd.h"
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

#define LINKS_MAX GW_CTL_FDS_MAX

struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is what stands behind the name */
    const char *summary;
    const char *help;
};

/* ---- serving ---- */

static const char *file_of(const char *command, int argc, char **argv)
{
    const char *file = NULL;
    const struct gw_cli_opt opts[] = {{"-c", &file, NULL}, {0}};
    if (!gw_cli_parse(command, argc, argv, opts, NULL, 0))
        return NULL;
    if (!file)
        gw_cli_fail("%s: say which configuration: weir %s -c FILE", command, command);
    return file;
}

static int run_serve(int argc, char **argv)
{
    const char *file = file_of("serve", argc, argv);
    struct pol_policy *policy;
    int status;
    if (!file)
        return GW_CLI_BAD;
    /* The children load it again for themselves; here it is about telling everything at once. */
    struct conf *c = gw_cli_load(file, true, &policy, &status);
    if (!c)
        return status;
    pol_policy_free(policy);
    conf_secrets_wipe(c);
    status = gw_supervise(file, c);
    conf_free(c);
    return status;
}

/* "7,8,9" into fds; the number of them, or -1. */
static int parse_fds(const char *list, int fds[LINKS_MAX])
{
    struct base_str rest = base_str_c(list);
    int n = 0;
    while (rest.p && rest.n) {
        uint64_t v;
        if (n == LINKS_MAX || !base_str_u64(base_str_cut(&rest, ','), &v) || v > 1u << 20)
            return -1;
        fds[n++] = (int)v;
    }
    return n;
}

static int run_gateway_child(int argc, char **argv)
{
    const char *file = NULL, *fd = NULL, *signer = NULL;
    const struct gw_cli_opt opts[] = {
        {"-c", &file, NULL}, {"--control-fd", &fd, NULL}, {"--signer-fd", &signer, NULL}, {0}};
    int fds[LINKS_MAX], signer_fd[LINKS_MAX];
    if (!gw_cli_parse("gateway-child", argc, argv, opts, NULL, 0))
        return GW_CLI_BAD;
    if (!file || !fd || parse_fds(fd, fds) != 1)
        return gw_cli_fail("gateway-child is started by weir serve");
    if (signer && parse_fds(signer, signer_fd) == 1)
        gw_app_signer(signer_fd[0]);
    return gw_child_main(file, fds[0], &gw_weir_app);
}

/* Told all it needs: it reads no configuration, with its secrets, and waits for no other file. */
static int run_signer_child(int argc, char **argv)
{
    const char *directory = NULL, *origin = NULL, *fd = NULL;
    const struct gw_cli_opt opts[] = {
        {"--directory", &directory, NULL}, {"--origin", &origin, NULL}, {"--fd", &fd, NULL}, {0}};
    int fds[LINKS_MAX];
    if (!gw_cli_parse("signer-child", argc, argv, opts, NULL, 0))
        return GW_CLI_BAD;
    if (!directory || !origin || !fd || parse_fds(fd, fds) != 1)
        return gw_cli_fail("signer-child is started by weir serve");
    return aud_signing_main(directory, origin, fds[0], true);
}

static int run_engine_child(int argc, char **argv)
{
    const char *file = NULL, *links = NULL;
    const struct gw_cli_opt opts[] = {{"-c", &file, NULL}, {"--links", &links, NULL}, {0}};
    int fds[LINKS_MAX], n, status;
    if (!gw_cli_parse("engine-child", argc, argv, opts, NULL, 0))
        return GW_CLI_BAD;
    if (!file || !links || (n = parse_fds(links, fds)) < 1)
        return gw_cli_fail("engine-child is started by weir serve");
    struct conf *c = gw_cli_load(file, false, NULL, &status);
    if (!c)
        return status;
    conf_secrets_wipe(c); /* the engine calls nobody */
    status = eng_process_main(c, fds, (size_t)n);
    conf_free(c);
    return status;
}

/* ---- the rest ---- */

static int run_eval(int argc, char **argv)
{
    if (argc < 1 || strcmp(argv[0], "router") != 0)
        return gw_cli_fail("eval: say what: weir eval router --data FILE.tsv");
    return gw_route_eval_command(argc - 1, argv + 1);
}

static int run_scan(int argc, char **argv)
{
    return pol_scan_command(argc + 1, argv - 1); /* wants its own name first */
}

static int run_model(int argc, char **argv)
{
    if (argc < 1)
        return gw_cli_fail("model: say what; `weir help model` shows the verbs");
    return eng_model_command(argc, argv);
}

static int run_audit(int argc, char **argv)
{
    if (argc < 1)
        return gw_cli_fail("audit: say what; `weir help audit` shows the verbs");
    return aud_command(argc, argv);
}

static const struct command commands[] = {
    {"serve", run_serve, "answer requests",
     "usage: weir serve -c FILE\n\n"
     "Starts the gateway and the engine and runs until SIGTERM, which drains and ends with 0.\n"
     "SIGHUP loads the configuration again, whole or not at all.\n"},
    {"check", gw_cli_check, "say what is wrong with a configuration and its policy",
     "usage: weir check -c FILE [--coverage] [--coverage-min PERCENT]\n"
     "       weir check --policy FILE [--tables FILE] [--duties FILE] [--coverage] ...\n"
     "       weir check --defaults\n\n"
     "Prints ok, or every problem as FILE:LINE:COL: text (exit status 1), and runs the policy's\n"
     "tests. --coverage prints as JSON which rules and branches no test reaches; with\n"
     "--coverage-min fewer rules reached than that are exit status 1. --defaults prints what "
     "holds\n"
     "where the configuration says nothing.\n"},
    {"explain", gw_cli_explain, "the decision for a request, nothing sent",
     "usage: weir explain -c FILE [--key NAME] [--tier commodity|hard] [--use-case ID]\n"
     "                    [--region PLACE] [--tenant T] [--tree]\n"
     "                    [--api chat|responses|completions|embeddings] < BODY\n\n"
     "Reads the body of a request to a model and prints the decision as JSON: where it would\n"
     "go, which rules apply, why each back end was refused. Which endpoint it is for is told by\n"
     "its members, or by --api. --key takes what that key declares; --tier, --use-case and\n"
     "--region are the headers x-weir-tier, x-weir-use-case, x-weir-region.\n"
     "--tree prints {\"decision\",\"tree\"}: every rule with each of its conditions, every back\n"
     "end with each step that was looked at.\n"},
    {"policy", gw_cli_policy, "rehearse, compare, sign a policy; switch back ends off",
     "usage: weir policy eval     -c FILE | --policy FILE [--tables FILE] [--duties FILE] "
     "[--tree]\n"
     "                            < JSONL of facts\n"
     "       weir policy diff     A.yaml B.yaml --log DIR [--since DATE] [--json] [--limit N]\n"
     "                            [--tables FILE] [--duties FILE] [--strict]\n"
     "       weir policy keygen   --name NAME --out FILE\n"
     "       weir policy sign     --key FILE policy.yaml\n"
     "       weir policy verify   --vkey KEY policy.yaml\n"
     "       weir policy kill     -c FILE --backend X|--model X|--country CC|--basis B|--use-case "
     "U\n"
     "                            --reason TEXT [--by WHO]\n"
     "       weir policy revive   -c FILE (as kill)\n"
     "       weir policy list     -c FILE [--json]\n"
     "       weir policy rollback -c FILE --to REVISION [--of policy|tables|duties]\n"
     "                            --reason TEXT [--by WHO]\n\n"
     "eval prints a decision for each line of facts. diff takes the decisions of a log again "
     "under\n"
     "two policies and counts what would change (--strict: exit status 1 if anything would newly "
     "be\n"
     "denied, leave or be redacted less). A signature stands in policy.yaml.sig; policy_keys in "
     "the\n"
     "configuration asks for one. A kill switch acts on a running gateway within a second, is\n"
     "recorded and survives a restart; rollback lets an older signed revision in again, and with\n"
     "--to 0 files that nobody signed. sign adds to what other keys have signed.\n"},
    {"scan", run_scan, "find personal data and secrets in texts",
     "usage: weir scan [-c FILE] < JSONL\n\n"
     "A line {\"id\",\"text\"} in, a line "
     "{\"id\",\"data\",\"spans\":[{\"start\",\"end\",\"type\",...}]} out;\n"
     "offsets are bytes of UTF-8. data is what a request with that text would be judged by; a\n"
     "PERSON of level shape (a bare name) puts no class on it. \"signals\" is added where the "
     "text\n"
     "tries to steer a model (INJECTION) or asks for a use that the AI Act prohibits\n"
     "(PROHIBITED_USE). docs/detectors.md: every type, how it is found, what is missed.\n"},
    {"eval", run_eval, "measure the router on labelled prompts",
     "usage: weir eval router --data FILE.tsv [--scores OUT.tsv]\n\n"
     "One JSON line per data set: n, auc, apgr, cpt50, cpt80, us_per_prompt.\n"},
    {"model", run_model, "look into a model file, run it, measure it",
     "usage: weir model info     FILE.gguf [--experts -p TEXT|--prompts FILE|--tokens 1,2,3]\n"
     "       weir model diff     A.gguf B.gguf --tokens 1,2,3 [--device-a ref] [--device-b cpu]\n"
     "       weir model logits   FILE.gguf --tokens 1,2,3 [--pos 0] [--context N] --out OUT.f32\n"
     "                           [--device cpu|ref] [--activations auto|int8|int16]\n"
     "       weir model tokenize FILE.gguf [--parse-special] < TEXT\n"
     "       weir model detokenize FILE.gguf < IDS\n"
     "       weir model template FILE.gguf|FILE.jinja < JSON\n"
     "       weir model run      FILE.gguf -p TEXT [-n 64] [--temp 0] [--seed 1] [--raw]\n"
     "                           [--activations auto|int8|int16]\n"
     "       weir model bench    FILE.gguf [-t 2] [--pp 512] [--tg 128] [--parallel 1]\n"
     "                           [--activations auto|int8|int16]\n"
     "       weir model plan     FILE.gguf [--gpu CARD[xN],...] [--context N] [--parallel N]\n"
     "                           what would lie where, and a bound on speed\n"},
    {"audit", run_audit, "verify, read and question the log",
     "usage: weir audit verify  DIR... [--vkey KEY] [--witness VKEY]... [--checkpoint FILE]...\n"
     "       weir audit monitor DIR --state FILE [--vkey KEY] [--once]\n"
     "       weir audit show    DIR [--from N] [--limit N] [--req ID] [--json]\n"
     "       weir audit prove   DIR NUMBER;   verify-proof FILE --vkey KEY\n"
     "       weir audit consistency DIR OLD-CHECKPOINT [NEW-CHECKPOINT]\n"
     "       weir audit witness DIR --init --name NAME | DIR --listen HOST:PORT --log VKEY...\n"
     "       weir audit query  DIR [filters] [--format text|jsonl|csv|html]\n"
     "       weir audit export DIR --report NAME [filters] [--format html|csv|jsonl|text]\n"
     "       weir audit content DIR --req ID [--kind KIND] [--ground GROUND]\n"
     "       weir audit content DIR --find --reason R < IDENTIFIER\n"
     "       weir audit correct DIR --req ID --subject S --field F < TEXT\n"
     "       weir audit erase  DIR --subject S | --req ID [--order REASON]\n"
     "       weir audit hold   DIR --subject S --reason R | --release\n"
     "       weir audit VERB --help tells more\n\n"
     "verify ends with 0 if the whole log holds, else with 1 and the first record that does "
     "not.\n"},
    {"key", gw_cli_key, "make, list and revoke API keys",
     "usage: weir key new    -c FILE [--tenant T] [--name N] [--role user|admin|auditor]\n"
     "                       [--use-case ID] [--data CLASS,...]\n"
     "       weir key list   -c FILE [--json]\n"
     "       weir key revoke -c FILE ID|NAME\n\n"
     "new prints the secret once and nothing else on standard output. A running gateway sees new\n"
     "and revoked keys within a second. --data and --use-case are what the key's requests "
     "declare.\n"
     "An auditor's key reads decisions, proofs, reports, the policy and the switches on the admin\n"
     "listener; it changes nothing, sees no content and asks no model.\n"},
    {"rights", gw_cli_rights, "people who are restricted or objected (GDPR Art. 18, 21)",
     "usage: weir rights add    -c FILE --list restricted|objected --reason TEXT --approver NAME\n"
     "                          [--expires YYYY-MM-DD] [--by WHO] < IDENTIFIER\n"
     "       weir rights remove -c FILE --list restricted|objected --reason TEXT --approver NAME\n"
     "                          [--id ID | < IDENTIFIER]\n"
     "       weir rights list   -c FILE [--json]\n"
     "       weir rights check  -c FILE [--json] < IDENTIFIER\n\n"
     "An identifier is an e-mail address, a telephone, personal, customer or account number, what\n"
     "is sent as x-weir-subject, or a name. It is read from standard input and kept as a keyed "
     "hash\n"
     "only. A request that holds it stays at home (objected) or is refused (restricted); the\n"
     "policy's `rights:` can say otherwise. A running gateway acts on it within a second; every\n"
     "change is recorded, without the identifier. check: exit status 1 when it is not listed.\n"},
    {"report", gw_cli_report, "traffic, tiering, cost and residency",
     "usage: weir report -c FILE [--since T] [--html OUT] [--json]\n\n"
     "Adds up the audit log, which is verified first: who answered what at which cost, what may\n"
     "have left, to whom and on which basis. T: 2026-11-01, 2026-11-01T08:00:00Z, 12h, 30d. "
     "--html\n"
     "writes one page that fetches nothing. That you asked is recorded in the log.\n"},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[N_COMMANDS + 1];
    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    names[N_COMMANDS] = NULL;
    const char *near = conf_nearest(base_str_c(name), names);
    if (near)
        return gw_cli_fail("there is no command \"%s\"; did you mean %s?", name, near);
    return gw_cli_fail("there is no command \"%s\"; `weir help` lists them", name);
}

static void print_overview(FILE *to)
{
    bool colour = gw_cli_colour(fileno(to));
    fprintf(to,
            "Weir: one endpoint for all LLM traffic. Answers commodity work at home, lets only\n"
            "what the policy allows go out, and can prove what went where.\n\n"
            "usage: weir COMMAND ...\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %s%-8s%s  %s\n", colour ? "\033[1m" : "", commands[i].name,
                colour ? "\033[0m" : "", commands[i].summary);
    fprintf(to, "  %s%-8s%s  %s\n\n", colour ? "\033[1m" : "", "help", colour ? "\033[0m" : "",
            "weir help COMMAND shows its usage");
    fprintf(to, "First steps: weir check -c conf/weir.yaml, weir key new -c conf/weir.yaml,\n"
                "weir serve -c conf/weir.yaml\n");
}

static int run_help(int argc, char **argv)
{
    if (argc < 1) {
        print_overview(stdout);
        return 0;
    }
    const struct command *c = find_command(argv[0]);
    if (!c)
        return unknown_command(argv[0]);
    printf("weir %s: %s\n\n%s", c->name, c->summary, c->help);
    return 0;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static void set_log_level(void)
{
    static const char *const words[] = {"error", "warn", "info", "debug"};
    const char *w = getenv("WEIR_LOG");
    for (int i = 0; w && i < 4; i++)
        if (strcmp(w, words[i]) == 0)
            base_log_level_set((enum base_log_level)i);
}

int main(int argc, char **argv)
{
    set_log_level();
    aud_forms_use(pol_text_forms);
    if (argc < 2) {
        print_overview(stderr);
        return GW_CLI_BAD;
    }
    const char *name = argv[1];
    if (is_help(name))
        return run_help(argc - 2, argv + 2);
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("weir %s\n", WEIR_VERSION);
        return 0;
    }
    if (strcmp(name, "gateway-child") == 0)
        return run_gateway_child(argc - 2, argv + 2);
    if (strcmp(name, "signer-child") == 0)
        return run_signer_child(argc - 2, argv + 2);
    if (strcmp(name, "engine-child") == 0)
        return run_engine_child(argc - 2, argv + 2);
    const struct command *c = find_command(name);
    if (!c)
        return unknown_command(name);
    /* behind the command or its verb: `weir model run --help` */
    for (int i = 2; i < argc && i < (strcmp(name, "audit") == 0 ? 3 : 4); i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return run_help(1, argv + 1);
    return c->run(argc - 2, argv + 2);
}

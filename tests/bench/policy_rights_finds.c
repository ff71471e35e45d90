/* policy_rights_finds.c - how often texts that name nobody who is listed are taken to name
 * somebody: the identifiers of a file, a line each, are put on a list (conf/rights.h) in a folder
 * of their own; each line of standard input is a text. A find counts as false when no listed
 * identifier stands in the text as it is written, whatever its case. Prints the first 20 of these,
 * and one JSON line.
 *
 * Usage: policy_rights_finds IDENTIFIERS < LINES
 */
#include "base/clock.h"
#include "conf/rights.h"
#include "policy/detect/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LISTED_MAX 2000

static char *listed[LISTED_MAX];
static size_t n_listed;

static bool list_all(const char *file, const char *dir)
{
    FILE *f = fopen(file, "re");
    char *line = NULL, id[CONF_RIGHTS_ID_MAX];
    size_t cap = 0;
    struct base_err err = {0};

    for (ssize_t n; f && n_listed < LISTED_MAX && (n = getline(&line, &cap, f)) > 0;) {
        struct base_str who = base_str_trim(base_str_n(line, (size_t)n));
        const struct conf_rights_change c = {.list = CONF_RIGHTS_OBJECTED,
                                             .identifier = who,
                                             .reason = BASE_STR("r"),
                                             .approver = BASE_STR("a"),
                                             .by = BASE_STR("b")};

        if (conf_rights_change(dir, &c, id, &err) == BASE_OK)
            listed[n_listed++] = strndup(who.p, who.n);
    }
    free(line);
    if (f)
        fclose(f);
    return n_listed > 0;
}

static bool stands_there(const char *text)
{
    for (size_t i = 0; i < n_listed; i++)
        if (strcasestr(text, listed[i]))
            return true;
    return false;
}

static void tidy(const char *dir)
{
    static const char *const names[] = {"keys/rights.json", "keys/rights.json.lock",
                                        "keys/rights.key", "keys", "."};
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        if (remove(path) != 0 && i == 4)
            rmdir(dir);
    }
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/weir-finds-XXXXXX", *line = NULL;
    struct conf_rights *r = NULL;
    struct base_err err = {0};
    size_t cap = 0, texts = 0, bytes = 0, found = 0, hidden = 0, wrong = 0;

    if (argc != 2 || !mkdtemp(dir) || !list_all(argv[1], dir) ||
        conf_rights_load(dir, &r, &err) != BASE_OK) {
        fprintf(stderr, "policy_rights_finds IDENTIFIERS < LINES %s\n", err.text);
        return 2;
    }
    uint64_t spent = 0, spent_runs = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        struct base_str t = base_str_n(line, (size_t)n);
        uint64_t start = base_thread_cpu_us();
        unsigned in_text = conf_rights_in_text(r, t, 20000);
        uint64_t middle = base_thread_cpu_us();
        unsigned in_runs = pol_people_hidden(r, t, 20000);

        spent += middle - start;
        spent_runs += base_thread_cpu_us() - middle;
        texts++;
        bytes += t.n;
        found += (in_text | in_runs) != 0;
        hidden += in_runs != 0;
        if ((in_text | in_runs) && !stands_there(line) && ++wrong <= 20)
            printf("%s%.300s\n", in_runs ? "(base64) " : "", line);
    }
    printf("{\"listed\":%zu,\"texts\":%zu,\"found\":%zu,\"in_base64\":%zu,\"false\":%zu,"
           "\"mb_s\":%.1f,\"mb_s_base64\":%.1f}\n",
           n_listed, texts, found, hidden, wrong, spent ? (double)bytes / (double)spent : 0,
           spent_runs ? (double)bytes / (double)spent_runs : 0);
    free(line);
    for (size_t i = 0; i < n_listed; i++)
        free(listed[i]);
    conf_rights_free(r);
    tidy(dir);
    return 0;
}

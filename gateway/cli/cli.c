/* cli.c - options, messages and loading for the commands of `weir`; see cli.h.
 *
 * No state. What is wrong with the usage is told in one line that says what would be right.
 */
#include "gateway/cli/cli.h"

#include "gateway/app.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool gw_cli_colour(int fd)
{
    return isatty(fd) && !getenv("NO_COLOR");
}

int gw_cli_fail(const char *fmt, ...)
{
    bool colour = gw_cli_colour(2);
    va_list ap;
    va_start(ap, fmt);
    fputs(colour ? "\033[31mweir:\033[0m " : "weir: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return GW_CLI_BAD;
}

/* The option that arg names; *inline_value is what stands behind its '='. */
static const struct gw_cli_opt *find(const struct gw_cli_opt *opts, const char *arg,
                                     const char **inline_value)
{
    const char *eq = strncmp(arg, "--", 2) == 0 ? strchr(arg, '=') : NULL;
    struct base_str name = eq ? base_str_n(arg, (size_t)(eq - arg)) : base_str_c(arg);
    *inline_value = eq ? eq + 1 : NULL;
    for (; opts->name; opts++)
        if (base_str_is(name, opts->name))
            return opts;
    return NULL;
}

static bool unknown(const char *command, const char *arg, const struct gw_cli_opt *opts)
{
    const char *names[32];
    size_t n = 0;
    for (; opts[n].name && n < 31; n++)
        names[n] = opts[n].name;
    names[n] = NULL;
    const char *near = conf_nearest(base_str_c(arg), names);
    if (near)
        gw_cli_fail("%s: unknown option %s; did you mean %s?", command, arg, near);
    else
        gw_cli_fail("%s: unknown option %s; `weir help %s` shows them", command, arg, command);
    return false;
}

bool gw_cli_parse(const char *command, int argc, char **argv, const struct gw_cli_opt *opts,
                  const char **word, int words)
{
    int n = 0;
    for (int i = 0; i < argc; i++) {
        if (argv[i][0] != '-' || argv[i][1] == 0) {
            if (n == words) {
                gw_cli_fail("%s: \"%s\" is too much; `weir help %s` shows the usage", command,
                            argv[i], command);
                return false;
            }
            word[n++] = argv[i];
            continue;
        }
        const char *value;
        const struct gw_cli_opt *o = find(opts, argv[i], &value);
        if (!o)
            return unknown(command, argv[i], opts);
        if (o->flag && !value) {
            *o->flag = true;
            continue;
        }
        if (!o->flag && !value && i + 1 < argc)
            value = argv[++i];
        if (o->flag || !value) {
            gw_cli_fail("%s: %s takes %s", command, o->name, o->flag ? "no value" : "a value");
            return false;
        }
        *o->value = value;
    }
    return true;
}

void gw_cli_print_problems(const struct conf_problems *p, void *errors, void *warnings)
{
    struct base_buf line;
    base_buf_init(&line, 16384);
    for (size_t i = 0; i < p->n; i++) {
        if (p->v[i].warning && !warnings)
            continue;
        base_buf_clear(&line);
        conf_problem_print(&p->v[i], &line);
        fprintf(p->v[i].warning ? warnings : errors, "%s\n", line.p ? line.p : "out of memory");
    }
    base_buf_release(&line);
}

struct conf *gw_cli_load(const char *file, bool warnings, struct pol_policy **policy, int *status)
{
    struct conf *c = NULL;
    struct conf_problems problems;
    struct pol_policy *p = NULL;
    enum base_status st = conf_load_partial(file, &c, &problems);
    if (c && policy && conf_policy_sound(&c->policy, &problems))
        p = pol_policy_new(c, &problems);
    if (p)
        pol_policy_unenforced(p, gw_enforced(c), &problems);
    if (p)
        gw_tasks_check(&c->policy, &problems);
    conf_problems_sort(&problems);
    gw_cli_print_problems(&problems, stderr, warnings ? stderr : NULL);
    bool good = st == BASE_OK && problems.n_errors == 0 && (!policy || p);
    conf_problems_release(&problems);
    if (policy)
        *policy = good ? p : NULL;
    *status = good ? 0 : GW_CLI_BAD;
    if (good)
        return c;
    pol_policy_free(p);
    conf_free(c);
    return NULL;
}

struct conf *gw_cli_open(const char *verb, const char *file, size_t needs, const char *what)
{
    struct conf *c = NULL;
    struct conf_problems problems = {0};
    enum base_status st = conf_load_partial(file, &c, &problems);
    if (!c || !*(const char *const *)((const char *)c + needs)) {
        gw_cli_print_problems(&problems, stderr, NULL);
        gw_cli_fail("%s: %s does not say where %s is", verb, file, what);
        conf_free(c);
        c = NULL;
    } else if (st != BASE_OK) {
        fprintf(stderr, "the configuration has errors (weir check); this works all the same\n");
    }
    conf_problems_release(&problems);
    return c;
}

void gw_cli_who(char who[64])
{
    const struct passwd *pw = getpwuid(getuid());
    if (pw)
        snprintf(who, 64, "%.40s", pw->pw_name);
    else
        snprintf(who, 64, "uid %u", (unsigned)getuid());
}

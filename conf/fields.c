/* fields.c - reads one YAML mapping by a table of fields, and tells everything that is wrong.
 *
 * Owns nothing: values go to the caller's struct, strings to the configuration's arena. Runs where
 * conf_load runs. Invariant: a value that is wrong leaves its default in place and has been told
 * exactly once, where it stands; reading always goes on, so that one run of `weir check` shows the
 * whole list. What a message quotes is the file's own text: an expanded environment variable is
 * never shown.
 */
#include "conf/fields.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct conf_pos conf_pos(const struct conf_loader *l, const struct conf_node *n)
{
    return (struct conf_pos){l->file, n->line, n->col};
}

static void tell(struct conf_loader *l, const struct conf_node *n, bool warning, const char *fmt,
                 va_list ap) BASE_PRINTF(4, 0);

static void tell(struct conf_loader *l, const struct conf_node *n, bool warning, const char *fmt,
                 va_list ap)
{
    if (n->bad)
        return;
    char text[700];
    vsnprintf(text, sizeof(text), fmt, ap);
    if (n->key.n)
        conf_problem_add(l->pr, conf_pos(l, n), warning, "%.60s: %s", n->key.p, text);
    else
        conf_problem_add(l->pr, conf_pos(l, n), warning, "%s", text);
}

void conf_wrong(struct conf_loader *l, const struct conf_node *n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(l, n, false, fmt, ap);
    va_end(ap);
}

void conf_warn(struct conf_loader *l, const struct conf_node *n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(l, n, true, fmt, ap);
    va_end(ap);
}

void *conf_array(struct conf_loader *l, const struct conf_node *n, size_t count, size_t size)
{
    void *p = base_arena_array(l->a, count ? count : 1, size);
    if (!p)
        conf_wrong(l, n, "the file needs too much memory");
    return p;
}

const char *conf_strdup(struct conf_loader *l, const struct conf_node *n, struct base_str s)
{
    const char *p = base_arena_dupz(l->a, s);
    if (!p)
        conf_wrong(l, n, "the file needs too much memory");
    return p;
}

/* ---- scalars ---- */

bool conf_is_text(struct conf_loader *l, const struct conf_node *n)
{
    if (n->bad)
        return false;
    if (n->kind != CONF_NODE_SCALAR) {
        conf_wrong(l, n, "must be one value, not a %s",
                   n->kind == CONF_NODE_SEQ ? "list" : "mapping");
        return false;
    }
    if (n->text.n == 0 || (!n->quoted && !n->expanded && base_str_is(n->text, "~"))) {
        if (n->expanded)
            conf_wrong(l, n, "the environment variable in %.*s is empty", CONF_SHOW(n));
        else
            conf_wrong(l, n, "a value is missing");
        return false;
    }
    return true;
}

bool conf_is_list(struct conf_loader *l, const struct conf_node *n, size_t max)
{
    if (n->bad)
        return false;
    if (n->kind != CONF_NODE_SEQ) {
        if (n->kind == CONF_NODE_SCALAR && n->raw.n)
            conf_wrong(l, n, "must be a list: write [%.*s]", CONF_SHOW(n));
        else
            conf_wrong(l, n, "must be a list");
        return false;
    }
    if (n->n == 0)
        conf_wrong(l, n, "the list is empty: name something, or take the key out");
    else if (n->n > max)
        conf_wrong(l, n, "more than %zu entries", max);
    return n->n > 0 && n->n <= max;
}

static void read_bool(struct conf_loader *l, const struct conf_node *n, bool *dst)
{
    static const char *const yes[] = {"true", "on", "yes"}, *const no[] = {"false", "off", "no"};
    for (size_t i = 0; i < 3 && (!n->quoted || n->expanded); i++) {
        bool is_yes = base_str_ieq(n->text, base_str_c(yes[i]));
        if (is_yes || base_str_ieq(n->text, base_str_c(no[i]))) {
            *dst = is_yes;
            return;
        }
    }
    conf_wrong(l, n, "must be true or false, not \"%.*s\"", CONF_SHOW(n));
}

/* A decimal number in the file's notation: no hex, no infinities, no blanks. */
static bool parse_num(struct base_str s, double *out)
{
    if (s.n == 0 || s.n > 40)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789.+-eE", s.p[i]))
            return false;
    char *end;
    errno = 0;
    double v = strtod(s.p, &end);
    if (end != s.p + s.n || errno == ERANGE || !isfinite(v))
        return false;
    *out = v;
    return true;
}

/* A number between f's min and max; whole for every kind but CONF_NUM. */
static bool read_num(struct conf_loader *l, const struct conf_node *n, const struct conf_field *f,
                     double *out)
{
    double v;
    bool whole = f->kind != CONF_NUM;
    if ((n->quoted && !n->expanded) || !parse_num(n->text, &v) || (whole && v != floor(v))) {
        conf_wrong(l, n, "must be a %s%s, not \"%.*s\"%s", whole ? "whole number" : "number",
                   f->kind == CONF_AUTO_UINT ? " or auto" : "", CONF_SHOW(n),
                   n->quoted ? " in quotes" : "");
        return false;
    }
    if (f->min >= f->max && v != f->min) {
        conf_wrong(l, n, "must be %.12g, not %.*s", f->min, CONF_SHOW(n));
        return false;
    }
    if (v < f->min || v > f->max) {
        conf_wrong(l, n, "must be between %.12g and %.12g, not %.*s", f->min, f->max, CONF_SHOW(n));
        return false;
    }
    *out = v;
    return true;
}

static void read_word(struct conf_loader *l, const struct conf_node *n, const char *const *words,
                      int *dst)
{
    for (int i = 0; words[i]; i++) {
        if (base_str_is(n->text, words[i])) {
            *dst = i;
            return;
        }
    }
    char list[300];
    size_t at = 0;
    list[0] = 0;
    for (size_t i = 0; words[i]; i++) {
        const char *sep = i == 0 ? "" : words[i + 1] ? ", " : " or ";
        int k = snprintf(list + at, sizeof(list) - at, "%s%s", sep, words[i]);
        if (k < 0 || (size_t)k >= sizeof(list) - at)
            break;
        at += (size_t)k;
    }
    conf_wrong(l, n, "must be %s, not \"%.*s\"", list, CONF_SHOW(n));
}

static void read_name(struct conf_loader *l, const struct conf_node *n, const char **dst)
{
    bool good = n->text.n <= 64;
    for (size_t i = 0; good && i < n->text.n; i++) {
        char ch = n->text.p[i];
        good = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
               strchr("._:-", ch);
    }
    if (good)
        *dst = n->text.p;
    else
        conf_wrong(l, n,
                   "\"%.*s\" is no name: at most 64 letters, digits, dots, colons, "
                   "hyphens and underscores",
                   CONF_SHOW(n));
}

/* ---- paths ---- */

const char *conf_path(struct conf_loader *l, const struct conf_node *n, struct base_str s)
{
    if (s.n == 0 || s.p[0] == '/')
        return conf_strdup(l, n, s);
    /* The folder is free of links and dots (conf_load made it so): ".." just drops its end. */
    struct base_str folder = base_str_c(l->folder);
    for (;;) {
        if (base_str_starts(s, BASE_STR("./"))) {
            s = (struct base_str){s.p + 2, s.n - 2};
        } else if (base_str_starts(s, BASE_STR("../"))) {
            s = (struct base_str){s.p + 3, s.n - 3};
            while (folder.n > 0 && folder.p[folder.n - 1] != '/')
                folder.n--;
            folder.n -= folder.n > 0;
        } else {
            break;
        }
        while (s.n && s.p[0] == '/')
            s = (struct base_str){s.p + 1, s.n - 1};
    }
    struct base_str out = base_arena_printf(l->a, "%.*s/%.*s", BASE_FMT(folder), BASE_FMT(s));
    if (!out.p)
        conf_wrong(l, n, "the file needs too much memory");
    return out.p;
}

bool conf_file_readable(const char *path, const char **why)
{
    struct stat st;
    *why = NULL;
    if (stat(path, &st) != 0)
        *why = errno == ENOENT || errno == ENOTDIR ? "no such file" : "cannot be reached";
    else if (!S_ISREG(st.st_mode))
        *why = "not a file";
    else if (access(path, R_OK) != 0)
        *why = "not readable by this user";
    return !*why;
}

static void read_path(struct conf_loader *l, const struct conf_node *n, const struct conf_field *f,
                      const char **dst)
{
    const char *path = conf_path(l, n, n->text), *why;
    if (path && f->kind == CONF_FILE && !conf_file_readable(path, &why)) {
        conf_wrong(l, n, "%.*s: %s", CONF_SHOW_PATH(n), why);
        return;
    }
    *dst = path;
}

/* ---- lists ---- */

static void read_names(struct conf_loader *l, const struct conf_node *n, struct conf_names *dst)
{
    if (!conf_is_list(l, n, CONF_LIST_MAX))
        return;
    const char **v = conf_array(l, n, n->n, sizeof(*v));
    struct conf_pos *pos = conf_array(l, n, n->n, sizeof(*pos));
    size_t k = 0;
    for (const struct conf_node *c = n->child; v && pos && c; c = c->next) {
        if (!conf_is_text(l, c))
            continue;
        bool twice = false;
        for (size_t i = 0; i < k && !twice; i++)
            twice = base_str_is(c->text, v[i]);
        if (twice) {
            conf_wrong(l, c, "\"%.*s\" stands in this list twice", CONF_SHOW(c));
            continue;
        }
        pos[k] = conf_pos(l, c);
        v[k++] = c->text.p;
    }
    *dst = (struct conf_names){v, pos, v && pos ? k : 0};
}

static void read_places(struct conf_loader *l, const struct conf_node *n, struct conf_places *dst)
{
    struct conf_names names = {0};
    read_names(l, n, &names);
    for (const struct conf_node *c = n->kind == CONF_NODE_SEQ ? n->child : NULL; c; c = c->next) {
        if (c->bad || c->kind != CONF_NODE_SCALAR || c->text.n == 0 || conf_place_known(c->text))
            continue;
        const char *meant = conf_place_meant(c->text);
        conf_wrong(
            l, c, "\"%.*s\" is no place: an ISO 3166 code such as DE, EU, EEA or on_premises%s%s%s",
            CONF_SHOW(c), meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
    }
    *dst = (struct conf_places){names.v, names.n};
}

/* ---- the mapping ---- */

void conf_value(struct conf_loader *l, const struct conf_node *n, const struct conf_field *f,
                void *dst)
{
    void *at = (char *)dst + f->offset;
    double v;
    switch (f->kind) {
    case CONF_SUB:
        f->fn(l, n, at);
        return;
    case CONF_NAMES_0:
        if (n->kind == CONF_NODE_SEQ && n->n == 0)
            return;
        /* fall through */
    case CONF_NAMES:
        read_names(l, n, at);
        return;
    case CONF_PLACES:
        read_places(l, n, at);
        return;
    default:
        break;
    }
    if (!conf_is_text(l, n))
        return;
    switch (f->kind) {
    case CONF_STR:
        *(const char **)at = n->text.p;
        break;
    case CONF_NAME:
        read_name(l, n, at);
        break;
    case CONF_BOOL:
        read_bool(l, n, at);
        break;
    case CONF_WORD:
        read_word(l, n, f->words, at);
        break;
    case CONF_PATH:
    case CONF_FILE:
        read_path(l, n, f, at);
        break;
    case CONF_INT:
        if (read_num(l, n, f, &v))
            *(int32_t *)at = (int32_t)v;
        break;
    case CONF_AUTO_UINT:
        if (base_str_is(n->text, "auto")) {
            *(uint32_t *)at = 0;
            break;
        }
        /* fall through */
    case CONF_UINT:
        if (read_num(l, n, f, &v))
            *(uint32_t *)at = (uint32_t)v;
        break;
    case CONF_NUM:
        if (read_num(l, n, f, &v))
            *(double *)at = v;
        break;
    default:
        break;
    }
}

static void unknown_key(struct conf_loader *l, const struct conf_node *n, const char *what,
                        const struct conf_field *fields, size_t n_fields)
{
    const char *words[64];
    size_t k = 0;
    for (size_t i = 0; i < n_fields && k < 63; i++)
        words[k++] = fields[i].name;
    words[k] = NULL;
    const char *near = conf_nearest(n->key, words);
    struct conf_pos pos = {l->file, n->key_line, n->key_col};
    if (near)
        conf_problem_add(l->pr, pos, false, "unknown key \"%.60s\" in %s; did you mean \"%s\"?",
                         n->key.p, what, near);
    else
        conf_problem_add(l->pr, pos, false, "unknown key \"%.60s\" in %s", n->key.p, what);
}

bool conf_map(struct conf_loader *l, const struct conf_node *n, const char *what,
              const struct conf_field *fields, size_t n_fields, void *dst)
{
    if (n->bad && n->kind != CONF_NODE_MAP)
        return false;
    if (n->kind != CONF_NODE_MAP) {
        conf_wrong(l, n, "%s must be a mapping of keys and values", what);
        return false;
    }
    BASE_BUG_ON(n_fields > 64);
    uint64_t seen = 0;
    for (const struct conf_node *c = n->child; c; c = c->next) {
        size_t i = 0;
        while (i < n_fields && !base_str_is(c->key, fields[i].name))
            i++;
        if (i == n_fields) {
            unknown_key(l, c, what, fields, n_fields);
            continue;
        }
        seen |= 1ull << i;
        conf_value(l, c, &fields[i], dst);
    }
    for (size_t i = 0; i < n_fields; i++)
        if (fields[i].required && !(seen & 1ull << i))
            conf_problem_add(l->pr, conf_pos(l, n), false, "the key \"%s\" is missing in %s",
                             fields[i].name, what);
    return true;
}

/* problem.c - the list of all that is wrong with a configuration.
 *
 * Owns the problems' arena: texts and file names are copied into it, so that the list outlives the
 * configuration it is about. One thread at a time. Never loses an error: one that there is no room
 * to keep still counts in n_errors, and a last entry says that there are more.
 */
#include "conf/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PROBLEMS_MAX        1000
#define PROBLEM_TEXT_MAX    1024
#define PROBLEM_ARENA_BYTES (4u << 20)

/* The list's own copy of a file's name, so that names compare by pointer. */
static const char *intern_file(struct conf_problems *p, const char *file)
{
    if (!file)
        return NULL;
    for (size_t i = 0; i < p->n_files; i++)
        if (strcmp(p->files[i], file) == 0)
            return p->files[i];
    if (p->n_files == CONF_PROBLEM_FILES_MAX)
        return p->files[CONF_PROBLEM_FILES_MAX - 1];
    const char *copy = base_arena_dupz(p->arena, base_str_c(file));
    if (copy)
        p->files[p->n_files++] = copy;
    return copy;
}

static bool make_room(struct conf_problems *p)
{
    if (!p->arena)
        p->arena = base_arena_new(PROBLEM_ARENA_BYTES);
    if (!p->arena)
        return false;
    if (p->n < p->cap)
        return true;
    size_t cap = p->cap ? p->cap * 2 : 16;
    struct conf_problem *v = base_arena_array(p->arena, cap, sizeof(*v));
    if (!v)
        return false;
    if (p->n)
        memcpy(v, p->v, p->n * sizeof(*v));
    p->v = v;
    p->cap = cap;
    return true;
}

void conf_problem_add(struct conf_problems *p, struct conf_pos pos, bool warning, const char *fmt,
                      ...)
{
    char text[PROBLEM_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    /* What comes from a file may hold anything: one line, nothing a terminal would obey. */
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    if (!make_room(p) || p->n >= PROBLEMS_MAX) {
        p->n_errors += !warning;
        return;
    }
    pos.file = intern_file(p, pos.file);
    for (size_t i = 0; i < p->n; i++) {
        const struct conf_problem *o = &p->v[i];
        if (o->pos.file == pos.file && o->pos.line == pos.line && o->pos.col == pos.col &&
            strcmp(o->text, text) == 0)
            return;
    }
    p->n_errors += !warning;
    const char *shown = p->n == PROBLEMS_MAX - 1 ? "there are more problems than are shown" : text;
    const char *copy = base_arena_dupz(p->arena, base_str_c(shown));
    if (copy)
        p->v[p->n++] = (struct conf_problem){pos, copy, warning};
}

/* Insertion keeps equals in the order in which they were found; the list is short. */
void conf_problems_sort(struct conf_problems *p)
{
    for (size_t i = 1; i < p->n; i++) {
        struct conf_problem x = p->v[i];
        size_t rank = 0;
        while (rank < p->n_files && p->files[rank] != x.pos.file)
            rank++;
        size_t j = i;
        for (; j > 0; j--) {
            const struct conf_pos *o = &p->v[j - 1].pos;
            size_t other = 0;
            while (other < p->n_files && p->files[other] != o->file)
                other++;
            bool after = other != rank           ? other > rank
                         : o->line != x.pos.line ? o->line > x.pos.line
                                                 : o->col > x.pos.col;
            if (!after)
                break;
            p->v[j] = p->v[j - 1];
        }
        p->v[j] = x;
    }
}

void conf_problem_print(const struct conf_problem *p, struct base_buf *out)
{
    if (p->pos.file && p->pos.line > 0)
        base_buf_printf(out, "%s:%d:%d: ", p->pos.file, p->pos.line, p->pos.col);
    else if (p->pos.file)
        base_buf_printf(out, "%s: ", p->pos.file);
    base_buf_printf(out, "%s%s", p->warning ? "warning: " : "", p->text);
}

void conf_problems_release(struct conf_problems *p)
{
    base_arena_free(p->arena);
    *p = (struct conf_problems){0};
}

/* yaml.c - libyaml's events to a tree of nodes with positions.
 *
 * Owns: nothing that outlives a call; nodes live in the caller's arena. Runs where conf_load runs,
 * on any thread, and touches nothing but memory and getenv.
 *
 * libyaml does the lexing; this file keeps what it lets through small: size, depth and number of
 * nodes are bounded, and what could make a short file mean a long one (anchors, merge keys) or mean
 * something else than it says (tags, a second value for a key) is refused. A refused node is marked
 * `bad`, so that reading goes on and everything wrong is told in one go; only a syntax error ends
 * the reading, because nothing behind it can be trusted.
 *
 * The environment: ${NAME} in a value is replaced once (the result is not looked at again), $${ is
 * a literal ${. The text before expansion is kept in `raw`, and messages print that: a secret from
 * the environment never gets into one.
 */
#include "conf/yaml.h"

#include <stdlib.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    const char *file;
    struct base_str text; /* without its byte order mark */
    bool expand;
    struct base_arena *a;
    struct conf_problems *pr;
    size_t nodes;
    bool failed; /* told: stop */
};

static struct conf_pos pos_of(const struct reader *r, yaml_mark_t m)
{
    return (struct conf_pos){r->file, (int)m.line + 1, (int)m.column + 1};
}

static void *fatal(struct reader *r, yaml_mark_t m, const char *text)
{
    conf_problem_add(r->pr, pos_of(r, m), false, "%s", text);
    r->failed = true;
    return NULL;
}

/* The line and column of a byte: the reader of libyaml tells where it was, not where the fault is.
 */
static struct conf_pos place_of(const struct reader *r, size_t offset)
{
    struct conf_pos at = {r->file, 1, 1};
    for (size_t i = 0; i < offset && i < r->text.n; i++) {
        at.col++;
        if (r->text.p[i] == '\n')
            at = (struct conf_pos){r->file, at.line + 1, 1};
    }
    return at;
}

static bool at_tab(const struct reader *r, yaml_mark_t m)
{
    return m.index < r->text.n && r->text.p[m.index] == '\t';
}

/* The next event, or false after telling what is wrong. The caller deletes it. */
static bool next_event(struct reader *r, yaml_event_t *ev)
{
    if (r->failed)
        return false;
    if (yaml_parser_parse(&r->parser, ev))
        return true;
    yaml_parser_t *p = &r->parser;
    yaml_mark_t m = p->error == YAML_READER_ERROR ? p->mark : p->problem_mark;
    const char *what = p->problem ? p->problem : "not enough memory";
    if (p->error == YAML_READER_ERROR)
        conf_problem_add(r->pr, place_of(r, p->problem_offset), false,
                         "the file is not UTF-8 text: %s", what);
    else if (p->error == YAML_SCANNER_ERROR && at_tab(r, m))
        conf_problem_add(r->pr, pos_of(r, m), false,
                         "not YAML: a tab stands here; indent with spaces");
    else if (p->context && p->context_mark.line < m.line)
        conf_problem_add(r->pr, pos_of(r, m), false, "not YAML: %s that begins on line %zu, %s",
                         p->context, p->context_mark.line + 1, what);
    else if (p->context)
        conf_problem_add(r->pr, pos_of(r, m), false, "not YAML: %s, %s", p->context, what);
    else
        conf_problem_add(r->pr, pos_of(r, m), false, "not YAML: %s", what);
    r->failed = true;
    return false;
}

/* ---- the environment ---- */

static bool name_char(char ch, bool first)
{
    return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || ch == '_' ||
           (!first && ch >= '0' && ch <= '9');
}

/* One ${NAME} at s.p[*i]: appends its value and moves *i behind it; else tells the problem. */
static bool expand_one(struct reader *r, struct conf_node *n, size_t *i, struct base_buf *out)
{
    struct base_str s = n->raw;
    struct conf_pos pos = {r->file, n->line, n->col};
    size_t start = *i + 2, end = start;
    while (end < s.n && name_char(s.p[end], end == start))
        end++;
    if (end == start || end == s.n || s.p[end] != '}' || end - start >= 128) {
        conf_problem_add(r->pr, pos, false,
                         "'${' must be followed by the name of an environment variable and '}'; "
                         "write $${ for a literal ${");
        return false;
    }
    char name[128];
    memcpy(name, s.p + start, end - start);
    name[end - start] = 0;
    const char *value = getenv(name);
    if (!value) {
        conf_problem_add(r->pr, pos, false,
                         "the environment variable %s is not set; set it, or take this key out",
                         name);
        return false;
    }
    *i = end + 1;
    n->expanded = true;
    if (base_buf_z(out, value))
        return true;
    conf_problem_add(r->pr, pos, false, "the value of %s is too long", name);
    return false;
}

static void expand(struct reader *r, struct conf_node *n)
{
    if (base_str_find(n->raw, BASE_STR("${"), 0) == SIZE_MAX)
        return;
    struct base_buf out;
    base_buf_init(&out, CONF_SCALAR_BYTES_MAX);
    struct base_str s = n->raw;
    size_t i = 0;
    while (i < s.n) {
        bool at = s.p[i] == '$' && i + 1 < s.n;
        if (at && s.p[i + 1] == '$' && i + 2 < s.n && s.p[i + 2] == '{') {
            base_buf_z(&out, "${");
            i += 3;
        } else if (at && s.p[i + 1] == '{') {
            if (!expand_one(r, n, &i, &out)) {
                n->bad = true;
                goto out;
            }
        } else {
            base_buf_byte(&out, s.p[i++]);
        }
    }
    n->text = base_arena_dup(r->a, base_buf_view(&out));
    if (!n->text.p || !base_buf_ok(&out)) {
        conf_problem_add(r->pr, (struct conf_pos){r->file, n->line, n->col}, false,
                         "value too long");
        n->bad = true;
    }
out:
    base_buf_wipe(&out);
}

/* ---- nodes ---- */

static struct conf_node *node_new(struct reader *r, const yaml_event_t *ev,
                                  enum conf_node_kind kind)
{
    if (++r->nodes > CONF_YAML_NODES_MAX)
        return fatal(r, ev->start_mark, "too many values in one file");
    struct conf_node *n = base_arena_alloc(r->a, sizeof(*n));
    if (!n)
        return fatal(r, ev->start_mark, "the file needs too much memory");
    n->kind = kind;
    n->line = (int)ev->start_mark.line + 1;
    n->col = (int)ev->start_mark.column + 1;
    return n;
}

static void refuse_decoration(struct reader *r, struct conf_node *n, const yaml_event_t *ev,
                              const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor)
        conf_problem_add(r->pr, pos_of(r, ev->start_mark), false,
                         "anchors (&%.40s) are not supported: write the value out",
                         (const char *)anchor);
    if (tag)
        conf_problem_add(r->pr, pos_of(r, ev->start_mark), false,
                         "tags are not supported: write the value without one");
    if (anchor || tag)
        n->bad = true;
}

static struct conf_node *scalar(struct reader *r, const yaml_event_t *ev)
{
    struct conf_node *n = node_new(r, ev, CONF_NODE_SCALAR);
    if (!n)
        return NULL;
    struct base_str s = base_str_n(ev->data.scalar.value, ev->data.scalar.length);
    if (s.n > CONF_SCALAR_BYTES_MAX)
        return fatal(r, ev->start_mark, "a value is too long");
    n->raw = base_arena_dup(r->a, s);
    if (!n->raw.p)
        return fatal(r, ev->start_mark, "the file needs too much memory");
    n->text = n->raw;
    n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    refuse_decoration(r, n, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
    if (memchr(s.p, 0, s.n)) {
        conf_problem_add(r->pr, pos_of(r, ev->start_mark), false, "a value holds a NUL character");
        n->bad = true;
    }
    return n;
}

static struct conf_node *node(struct reader *r, yaml_event_t *ev, int depth);

/* Appends c to parent's children, whose last is *last. */
static void append(struct conf_node *parent, struct conf_node **last, struct conf_node *c)
{
    if (*last)
        (*last)->next = c;
    else
        parent->child = c;
    *last = c;
    parent->n++;
}

static void check_duplicate(struct reader *r, const struct conf_node *map, const yaml_event_t *ev,
                            struct base_str key, bool *duplicate)
{
    for (const struct conf_node *c = map->child; c; c = c->next) {
        if (!base_str_eq(c->key, key))
            continue;
        conf_problem_add(r->pr, pos_of(r, ev->start_mark), false,
                         "the key \"%.60s\" stands here a second time; the first is on line %d",
                         key.p, c->key_line);
        *duplicate = true;
        return;
    }
}

#define KEYS_MAX 1000 /* of one mapping: the search for duplicates is quadratic */

static struct conf_node *mapping(struct reader *r, const yaml_event_t *start, int depth)
{
    struct conf_node *n = node_new(r, start, CONF_NODE_MAP), *last = NULL;
    if (!n)
        return NULL;
    refuse_decoration(r, n, start, start->data.mapping_start.anchor, start->data.mapping_start.tag);
    for (;;) {
        yaml_event_t ev;
        if (!next_event(r, &ev))
            return NULL;
        if (ev.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&ev);
            return n;
        }
        struct conf_node *k = NULL;
        bool duplicate = false;
        if (ev.type != YAML_SCALAR_EVENT)
            fatal(r, ev.start_mark, "a key must be a word");
        else if (n->n >= KEYS_MAX)
            fatal(r, ev.start_mark, "too many keys in one mapping");
        else
            k = scalar(r, &ev);
        if (k)
            check_duplicate(r, n, &ev, k->raw, &duplicate);
        yaml_event_delete(&ev);
        if (!k || !next_event(r, &ev))
            return NULL;
        struct conf_node *v = node(r, &ev, depth + 1);
        yaml_event_delete(&ev);
        if (!v)
            return NULL;
        v->key = k->raw;
        v->key_line = k->line;
        v->key_col = k->col;
        v->bad |= k->bad;
        if (!duplicate)
            append(n, &last, v);
    }
}

static struct conf_node *sequence(struct reader *r, const yaml_event_t *start, int depth)
{
    struct conf_node *n = node_new(r, start, CONF_NODE_SEQ), *last = NULL;
    if (!n)
        return NULL;
    refuse_decoration(r, n, start, start->data.sequence_start.anchor,
                      start->data.sequence_start.tag);
    for (;;) {
        yaml_event_t ev;
        if (!next_event(r, &ev))
            return NULL;
        if (ev.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&ev);
            return n;
        }
        struct conf_node *v = node(r, &ev, depth + 1);
        yaml_event_delete(&ev);
        if (!v)
            return NULL;
        append(n, &last, v);
    }
}

/* The value that ev begins; NULL after a fatal problem. The caller deletes ev. */
static struct conf_node *node(struct reader *r, yaml_event_t *ev, int depth)
{
    if (depth > CONF_YAML_DEPTH_MAX)
        return fatal(r, ev->start_mark, "nested too deeply");
    struct conf_node *n;
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        n = scalar(r, ev);
        if (n && r->expand && !n->bad)
            expand(r, n);
        return n;
    case YAML_SEQUENCE_START_EVENT:
        return sequence(r, ev, depth);
    case YAML_MAPPING_START_EVENT:
        return mapping(r, ev, depth);
    case YAML_ALIAS_EVENT:
        conf_problem_add(r->pr, pos_of(r, ev->start_mark), false,
                         "aliases (*%.40s) are not supported: write the value out",
                         (const char *)ev->data.alias.anchor);
        n = node_new(r, ev, CONF_NODE_SCALAR);
        if (n) {
            n->text = n->raw = BASE_STR("");
            n->bad = true;
        }
        return n;
    default:
        return fatal(r, ev->start_mark, "not YAML: a value is missing");
    }
}

struct conf_node *conf_yaml_parse(struct base_str text, const char *file, bool expand_env,
                                  struct base_arena *a, struct conf_problems *problems)
{
    struct reader r = {.file = file, .expand = expand_env, .a = a, .pr = problems};
    struct conf_node *root = NULL;
    if (!yaml_parser_initialize(&r.parser)) {
        conf_problem_add(problems, (struct conf_pos){file, 1, 1}, false, "not enough memory");
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    if (base_str_starts(text, BASE_STR("\xef\xbb\xbf"))) /* some editors write this mark first */
        text = base_str_n(text.p + 3, text.n - 3);
    r.text = text;
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.n);
    bool done = false;
    while (!done) {
        yaml_event_t ev;
        if (!next_event(&r, &ev))
            break;
        switch (ev.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (root)
                fatal(&r, ev.start_mark, "a file holds one document: take the second out");
            break;
        case YAML_STREAM_END_EVENT:
            done = true;
            if (!root)
                fatal(&r, (yaml_mark_t){0, 0, 0}, "the file is empty");
            break;
        default:
            root = node(&r, &ev, 1);
        }
        yaml_event_delete(&ev);
    }
    yaml_parser_delete(&r.parser);
    return r.failed ? NULL : root;
}

/* cmd.c - `weir scan`: finds in each line's text what a request with that text would be judged by.
 *
 * Reads standard input line by line, at most LINE_MAX_BYTES each; nothing is kept between lines.
 * The configuration, when given, is loaded and must hold, so that the answer is the gateway's.
 */
#include "policy/detect/cmd.h"

#include "base/arena.h"
#include "policy/detect/detect.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_BYTES_MAX (80u << 20)
#define OUT_BYTES_MAX  (256u << 20)

struct run {
    struct pol_detector *d;
    struct pol_scratch *s;
    struct base_arena *a;
    struct base_buf out;
};

static void write_spans(struct base_json *j, const char *key, const struct pol_span *v, size_t n)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (size_t i = 0; i < n; i++) {
        const struct pol_span *sp = &v[i];

        base_json_obj(j);
        base_json_kint(j, "start", (int64_t)sp->start);
        base_json_kint(j, "end", (int64_t)sp->end);
        base_json_kz(j, "type", pol_type_name(sp->type));
        base_json_kz(j, "subtype", sp->subtype);
        base_json_kz(j, "level", pol_level_name(sp->level));
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

/* One line; false if it does not hold. */
static bool one_line(struct run *r, const char *line, size_t n, size_t number)
{
    json_error_t e;
    struct base_err err = {0};
    json_t *v = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    json_t *id = json_object_get(v, "id"), *text = json_object_get(v, "text");
    struct pol_spans spans;
    struct base_json j;
    unsigned classes = 0;
    bool ok = false;

    if (!v)
        fprintf(stderr, "weir scan: line %zu: not a JSON object: %s\n", number, e.text);
    else if (!json_is_string(text) || !(json_is_string(id) || json_is_integer(id)))
        fprintf(stderr, "weir scan: line %zu: needs \"id\" and \"text\"\n", number);
    else if (pol_scan_types(r->d, r->s,
                            (struct base_str){json_string_value(text), json_string_length(text)},
                            ~(pol_types)0, r->a, &spans, &classes, &err) != BASE_OK)
        fprintf(stderr, "weir scan: line %zu: %s\n", number, err.text);
    else
        ok = true;
    if (ok) {
        base_buf_clear(&r->out);
        base_json_init(&j, &r->out);
        base_json_obj(&j);
        if (json_is_string(id))
            base_json_kstr(&j, "id",
                           (struct base_str){json_string_value(id), json_string_length(id)});
        else
            base_json_kint(&j, "id", json_integer_value(id));
        base_json_key(&j, "data");
        pol_classes_json(&j, classes);
        write_spans(&j, "spans", spans.v, spans.n);
        if (spans.n_signals > 0)
            write_spans(&j, "signals", spans.signals, spans.n_signals);
        if (spans.truncated)
            base_json_kbool(&j, "truncated", true);
        base_json_obj_end(&j);
        base_buf_byte(&r->out, '\n');
        ok = base_buf_ok(&r->out) && fwrite(r->out.p, 1, r->out.n, stdout) == r->out.n;
        if (!ok)
            fprintf(stderr, "weir scan: line %zu: cannot write the answer\n", number);
    }
    json_decref(v);
    base_arena_reset(r->a);
    return ok;
}

static bool config_holds(const char *file)
{
    struct conf *c = NULL;
    struct conf_problems problems;
    bool ok = conf_load(file, &c, &problems) == BASE_OK;

    for (size_t i = 0; i < problems.n; i++)
        fprintf(stderr, "%s:%d:%d: %s\n", problems.v[i].pos.file, problems.v[i].pos.line,
                problems.v[i].pos.col, problems.v[i].text);
    conf_problems_release(&problems);
    conf_free(c);
    return ok;
}

int pol_scan_command(int argc, char **argv)
{
    struct run r = {0};
    struct base_err err = {0};
    char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t n;
    int rc = 0;

    if (argc == 3 && strcmp(argv[1], "-c") == 0) {
        if (!config_holds(argv[2]))
            return 2;
    } else if (argc != 1) {
        fprintf(stderr, "usage: weir scan [-c FILE] < JSONL\n");
        return 2;
    }
    base_buf_init(&r.out, OUT_BYTES_MAX);
    r.a = base_arena_new(OUT_BYTES_MAX);
    if (!r.a || pol_detector_new(&r.d, &err) != BASE_OK ||
        pol_scratch_new(r.d, &r.s, &err) != BASE_OK) {
        fprintf(stderr, "weir scan: %s\n", err.text[0] ? err.text : "out of memory");
        rc = 2;
        goto out;
    }
    while ((n = getline(&line, &cap, stdin)) > 0) {
        const char *text = line;

        if (number++ == 0 && n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
            text += 3; /* some editors write this mark first */
            n -= 3;
        }
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
            n--;
        if (n == 0)
            continue;
        if ((size_t)n > LINE_BYTES_MAX) {
            fprintf(stderr, "weir scan: line %zu: longer than %u bytes\n", number, LINE_BYTES_MAX);
            rc = 2;
        } else if (!one_line(&r, text, (size_t)n, number)) {
            rc = 2;
        }
    }
    if (ferror(stdin) || fflush(stdout) != 0) {
        fprintf(stderr, "weir scan: cannot read or write\n");
        rc = 2;
    }
out:
    free(line);
    base_buf_release(&r.out);
    base_arena_free(r.a);
    pol_scratch_free(r.s);
    pol_detector_free(r.d);
    return rc;
}

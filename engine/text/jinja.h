/* jinja.h - chat templates: a bounded interpreter of the part of Jinja2 that model files use.
 *
 * A template comes inside a model file and is not trusted: there is no file access, no include, no
 * way to change what it is given; steps, memory, nesting, ranges and output are bounded, and what
 * passes a bound ends with a clear error within a second.
 *
 * Text that comes from the caller (all strings of the variables) is followed through every
 * operation: the rendered prompt says byte by byte what the template wrote and what came from
 * outside ("foreign"), so that the tokenizer takes special tokens from the former only.
 *
 * Semantics are those of Jinja2 as transformers sets it up: trim_blocks, lstrip_blocks, loop
 * controls, tojson without HTML or ASCII escaping, raise_exception, strftime_now, namespace.
 * Not built: include, import, extends, call blocks, recursive loops, autoescape.
 */
#ifndef ENG_JINJA_H
#define ENG_JINJA_H

#include "base/buf.h"
#include "base/err.h"
#include "engine/text/tok.h"
#include <jansson.h>

#define ENG_JINJA_SOURCE_MAX (512u << 10)
#define ENG_JINJA_OUTPUT_MAX (16u << 20)

struct eng_jinja;

/* Parses a template. *out is owned by the caller, never changes, and may be rendered by any number
 * of threads. BASE_EINVAL with line and reason, BASE_LIMIT if it is too large or too deep. */
enum base_status eng_jinja_parse(struct base_str source, struct eng_jinja **out,
                                 struct base_err *err) BASE_MUST_CHECK;
void eng_jinja_free(struct eng_jinja *t); /* NULL is fine */

struct eng_rendered {
    struct base_buf text;
    struct eng_span *foreign; /* ascending, not touching */
    size_t n_foreign;
    bool raised; /* on failure: the template itself raised; err holds its message and no more */
};
void eng_rendered_release(struct eng_rendered *r);

/* Renders into *out (initialised here; release it in any case). vars is an object of the variables,
 * all foreign; bos and eos are the model's own; now_s is what strftime_now tells (UTC seconds).
 * Does not block, uses up to 256 MiB. BASE_EINVAL: the template raised or did something undefined;
 * BASE_LIMIT: it passed a bound; BASE_ENOMEM. */
enum base_status eng_jinja_render(const struct eng_jinja *t, json_t *vars, struct base_str bos,
                                  struct base_str eos, int64_t now_s, struct eng_rendered *out,
                                  struct base_err *err) BASE_MUST_CHECK;

#endif

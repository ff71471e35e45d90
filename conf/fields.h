/* fields.h - tables of keys, by which every section of a file is read. Private to conf/.
 *
 * A mapping is read by a table of fields: name, kind, where the value goes. conf_map reads it
 * whole, tells unknown keys (with the nearest known one), missing and wrong ones, and carries on.
 */
#ifndef CONF_FIELDS_H
#define CONF_FIELDS_H

#include "conf/conf.h"
#include "conf/yaml.h"

#include <stddef.h>

#define CONF_LIST_MAX    1000
#define CONF_TARGETS_MAX 32 /* a routing list: two of them fit in one plan */

struct conf_loader {
    struct conf *c;
    struct base_arena *a;
    struct conf_problems *pr;
    const char *file;                /* being read, as problems show it */
    const char *folder;              /* its folder, absolute: relative paths start there */
    const struct conf_node *routing; /* read last: it names what the other sections define */
    const struct conf_node *policy;
    const struct conf_node *shadow, *tables, *duties, *policy_keys; /* other files, the same */
    struct conf_policy *policy_now;                                 /* the one being read */
    bool in_policy; /* reading a policy's tests: warnings about today say nothing there */
};

enum conf_kind {
    CONF_STR,       /* const char *: not empty */
    CONF_NAME,      /* const char *: letters, digits, . _ : -; at most 64 */
    CONF_BOOL,      /* bool: true, false, on, off, yes, no */
    CONF_INT,       /* int32_t between min and max */
    CONF_UINT,      /* uint32_t between min and max */
    CONF_AUTO_UINT, /* as CONF_UINT; the word auto is 0 */
    CONF_NUM,       /* double between min and max */
    CONF_WORD,      /* int (an enum): the index in words */
    CONF_PATH,      /* const char *: made absolute */
    CONF_FILE,      /* as CONF_PATH: must be a file that can be read */
    CONF_NAMES,     /* struct conf_names: a list of words, not empty */
    CONF_NAMES_0,   /* as CONF_NAMES, and an empty list means none */
    CONF_PLACES,    /* struct conf_places: as CONF_NAMES, each a place */
    CONF_SUB        /* fn(loader, node, where the value goes) */
};

typedef void (*conf_sub_fn)(struct conf_loader *l, const struct conf_node *n, void *dst);

struct conf_field {
    const char *name;
    enum conf_kind kind;
    size_t offset;
    bool required;
    double min, max;
    const char *const *words; /* NULL-ended */
    conf_sub_fn fn;
};

#define CONF_FIELDS(table) (table), sizeof(table) / sizeof((table)[0])

/* Reads mapping n into dst; what names the mapping in messages ("server", "this back end"). False
 * if it is no mapping at all (told). */
bool conf_map(struct conf_loader *l, const struct conf_node *n, const char *what,
              const struct conf_field *fields, size_t n_fields, void *dst);
/* Reads one value as f says into dst + f->offset. */
void conf_value(struct conf_loader *l, const struct conf_node *n, const struct conf_field *f,
                void *dst);
/* True if n is a sequence of 1 to max values; tells otherwise. */
bool conf_is_list(struct conf_loader *l, const struct conf_node *n, size_t max);
/* True if n is a scalar with text; tells otherwise. */
bool conf_is_text(struct conf_loader *l, const struct conf_node *n);
struct conf_pos conf_pos(const struct conf_loader *l, const struct conf_node *n);
/* Adds an error at n, unless n is bad (then one has been told). */
void conf_wrong(struct conf_loader *l, const struct conf_node *n, const char *fmt, ...)
    BASE_PRINTF(3, 4);
void conf_warn(struct conf_loader *l, const struct conf_node *n, const char *fmt, ...)
    BASE_PRINTF(3, 4);
/* Arena allocation that tells when the arena is full (NULL then). */
void *conf_array(struct conf_loader *l, const struct conf_node *n, size_t count, size_t size);
const char *conf_strdup(struct conf_loader *l, const struct conf_node *n, struct base_str s);
/* s against the loader's folder: absolute, leading ./ and ../ resolved. */
const char *conf_path(struct conf_loader *l, const struct conf_node *n, struct base_str s);
bool conf_file_readable(const char *path, const char **why);
/* Printable part of a scalar for messages: as written in the file, never what it expands to. */
#define CONF_SHOW(node) (int)((node)->raw.n > 60 ? 60 : (node)->raw.n), (node)->raw.p
/* The same for a path, which is of no use cut short. */
#define CONF_SHOW_PATH(node) (int)((node)->raw.n > 500 ? 500 : (node)->raw.n), (node)->raw.p

#endif

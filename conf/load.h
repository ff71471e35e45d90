/* load.h - the loader's inside: tables of keys, and what the sections share. Private to conf/.
 *
 * A mapping is read by a table of fields: name, kind, where the value goes. conf_map reads it
 * whole, tells unknown keys (with the nearest known one), missing and wrong ones, and carries on.
 */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

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

/* The sections, in the order of the file. */
void conf_load_server(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_engine(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_backends(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_routing(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_audit(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_witnesses(struct conf_loader *l, const struct conf_node *n, void *dst);
/* load_content.c: audit.master into a struct conf_master, audit.content into a conf_content. */
void conf_load_master(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_content(struct conf_loader *l, const struct conf_node *n, void *dst);
/* url.c: fills tls, host, port, path and url of b from the text of n. */
void conf_load_url(struct conf_loader *l, const struct conf_node *n, void *dst);
/* load_sinks.c: audit.sinks and audit.disk. */
void conf_load_sinks(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_disk(struct conf_loader *l, const struct conf_node *n, void *dst);
/* 127.0.0.0/8, ::1, localhost. */
bool conf_is_loopback(const char *host);
void conf_load_address(struct conf_loader *l, const struct conf_node *n, void *dst);
/* Makes c->targets of the models that were read. */
void conf_targets_make(struct conf_loader *l, const struct conf_node *root);
/* load_policy.c: a policy file's tree into *p. */
void conf_load_policy(struct conf_loader *l, const struct conf_node *root, struct conf_policy *p);
/* load_residency.c */
#define CONF_RESIDENCY_FIELDS 7
extern const struct conf_field conf_residency_fields[CONF_RESIDENCY_FIELDS];
void conf_residency_init(struct conf_residency *r);
void conf_load_residency(struct conf_loader *l, const struct conf_node *n, void *dst);
/* What holds between the fields; n is the mapping that they were read from. */
void conf_residency_check(struct conf_loader *l, const struct conf_node *n,
                          struct conf_residency *r);
/* YYYY-MM-DD into struct conf_date. */
void conf_load_date(struct conf_loader *l, const struct conf_node *n, void *dst);
/* load_law.c: the dated tables. dst: struct conf_tables, struct conf_duties. */
void conf_load_tables(struct conf_loader *l, const struct conf_node *root, void *dst);
void conf_load_duties(struct conf_loader *l, const struct conf_node *root, void *dst);
/* load_use_case.c: the policy's use_cases; dst is struct conf_policy. */
void conf_load_use_cases(struct conf_loader *l, const struct conf_node *n, void *dst);
/* A class of the AI Act as policies write it: minimal, limited, prohibited, prohibited.5.1.X,
 * annex3.N with a letter perhaps, annex1. */
bool conf_ai_act_known(struct base_str s);
/* The same for a list of them, where annex3 stands for all its points. */
void conf_check_ai_act(struct conf_loader *l, const struct conf_names *names);
/* load_tests.c: the policy's tests and test_backends; dst is struct conf_policy. */
void conf_load_policy_tests(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_test_backends(struct conf_loader *l, const struct conf_node *n, void *dst);
/* policy_sig.c: reads the list policy_keys into the configuration. */
void conf_load_policy_keys(struct conf_loader *l, const struct conf_node *n);
/* Checks PATH.sig over text, at n's place; true if no key is asked for or one of them signed. */
bool conf_policy_signed(struct conf_loader *l, const struct conf_node *n, const char *path,
                        struct base_str text, const char **by);
/* load_handling.c: tools, answers, obligations and retention, for rules and use cases alike;
 * offsets are those of struct conf_handling. */
#define CONF_HANDLING_FIELDS 5
extern const struct conf_field conf_handling_fields[CONF_HANDLING_FIELDS];
/* load_bounds.c: `limits`; dst is struct conf_bounds. And `asks` of a test; struct conf_asks. */
void conf_load_bounds(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_asks(struct conf_loader *l, const struct conf_node *n, void *dst);
/* True if h asks for anything. */
bool conf_handling_says(const struct conf_handling *h);
/* The policy's retention_classes; dst is struct conf_policy. */
void conf_load_retentions(struct conf_loader *l, const struct conf_node *n, void *dst);
/* Reads mapping n by two tables: `fields` into dst and conf_handling_fields into *h, a
 * part of *dst. */
bool conf_map_handling(struct conf_loader *l, const struct conf_node *n, const char *what,
                       const struct conf_field *fields, size_t n_fields, void *dst,
                       struct conf_handling *h);
/* places.c: the place that s was perhaps meant to be ("eu", "UK"), or NULL. */
const char *conf_place_meant(struct base_str s);
/* A price: { input, output } into two doubles at dst. */
void conf_load_price(struct conf_loader *l, const struct conf_node *n, void *dst);

#endif

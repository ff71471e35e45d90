/* yaml.h - a YAML file as a small tree of nodes that know where they stand.
 *
 * The subset that a configuration needs: one document of mappings, sequences and scalars. Anchors,
 * aliases, tags and further documents are refused; keys are scalars and unique. Types are the
 * reader's business: a scalar is its text (so that a country called NO stays one).
 */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include "conf/conf.h"

#define CONF_FILE_BYTES_MAX   (1u << 20)
#define CONF_YAML_DEPTH_MAX   32
#define CONF_YAML_NODES_MAX   100000
#define CONF_SCALAR_BYTES_MAX (64u * 1024)

enum conf_node_kind { CONF_NODE_SCALAR, CONF_NODE_SEQ, CONF_NODE_MAP };

struct conf_node {
    enum conf_node_kind kind;
    int line, col;        /* from 1 */
    bool quoted;          /* a scalar in quotes or a block: never a number or a word like true */
    bool expanded;        /* text holds a value from the environment: print `raw`, never `text` */
    bool bad;             /* a problem has been told already: nothing more to say about it */
    struct base_str text; /* scalar: its value, NUL behind */
    struct base_str raw;  /* scalar: as in the file, NUL behind */
    struct base_str key;  /* inside a mapping: its key, NUL behind */
    int key_line, key_col;
    struct conf_node *child; /* first of a mapping or sequence */
    struct conf_node *next;
    size_t n; /* children */
};

/* Parses text (the bytes of file, whose name problems show) into nodes in arena a. expand: ${NAME}
 * in scalar values becomes the environment variable, $${ becomes ${. Everything wrong is added to
 * problems; returns the root, or NULL when the text is no YAML (nothing more can be said then) or
 * the arena is full. */
struct conf_node *conf_yaml_parse(struct base_str text, const char *file, bool expand,
                                  struct base_arena *a, struct conf_problems *problems);

#endif

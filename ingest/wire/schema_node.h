/*
 * schema_node.h - what schema.c parsed, for plan.c and json_body.c; nobody else includes it.
 *
 * Nodes are shared: a named type is one node wherever it is referred to, so the tree may have
 * cycles, and who walks it must not recurse through records.
 */
#ifndef CW_WIRE_SCHEMA_NODE_H
#define CW_WIRE_SCHEMA_NODE_H

#include <jansson.h>

#include "ingest/wire/schema.h"

enum {
    CW_SCHEMA_TEXT_MAX = 1024 * 1024,
    CW_SCHEMA_DEPTH_MAX = 64,    /* types within types as written, references not followed */
    CW_SCHEMA_NODES_MAX = 4096,  /* types, fields, symbols and aliases together */
    CW_JSON_DEPTH_MAX = 256,     /* brackets within brackets of any JSON text */
    CW_JSON_BRACKETS_MAX = 32768 /* objects and arrays of one: each costs jansson up to 250 bytes */
};

enum cw_kind {
    CW_KIND_NULL,
    CW_KIND_BOOLEAN,
    CW_KIND_INT,
    CW_KIND_LONG,
    CW_KIND_FLOAT,
    CW_KIND_DOUBLE,
    CW_KIND_BYTES,
    CW_KIND_STRING,
    CW_KIND_RECORD,
    CW_KIND_ENUM,
    CW_KIND_ARRAY,
    CW_KIND_MAP,
    CW_KIND_UNION,
    CW_KIND_FIXED
};

/* CW_LOGICAL_OTHER is a date or time in another unit, which no timestamp may be read from. */
enum cw_logical { CW_LOGICAL_NONE, CW_LOGICAL_MILLIS, CW_LOGICAL_MICROS, CW_LOGICAL_OTHER };

struct cw_names {
    cw_str *list;
    size_t count;
};

struct cw_node_field {
    cw_str name;
    struct cw_names aliases;
    struct cw_node *type;
    const json_t *fallback; /* the default; NULL: it has none */
};

struct cw_node {
    enum cw_kind kind;
    enum cw_logical logical;
    bool empty;              /* a datum of it takes no bytes */
    cw_str name;             /* record, enum, fixed: the full name */
    struct cw_names aliases; /* of named types, full names */
    union {
        struct {
            struct cw_node_field *fields;
            size_t field_count;
        };
        struct {
            struct cw_names symbols;
            int32_t default_symbol; /* -1: none */
        };
        struct cw_node *items; /* array, map */
        struct {
            struct cw_node **branches;
            size_t branch_count;
        };
        size_t size; /* fixed */
    };
};

const struct cw_node *cw_schema_root(const struct cw_schema *schema) CW_NONNULL(1);
const char *cw_kind_name(enum cw_kind kind);

/**
 * JSON text to a tree (json_decref frees it), within the limits above, so that no text costs more
 * than about 40 MiB. NULL: `reason` has `code`; the sentence quotes nothing of the text.
 */
json_t *cw_json_load(cw_str text, const char *code, struct cw_reason *reason) CW_MUST_USE
    CW_NONNULL(2, 3);

/**
 * Appends a default as the datum of its type: unions take the first branch that fits, bytes and
 * fixed are text of code points up to 255.
 */
bool cw_json_default(const struct cw_node *node, const json_t *value, struct cw_buf *out,
                     struct cw_reason *reason) CW_MUST_USE CW_NONNULL(1, 2, 3, 4);

#endif

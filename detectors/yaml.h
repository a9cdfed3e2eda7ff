/*
 * yaml.h - a rule file as a tree in which everything has its place, and what is wrong in it.
 *
 * The subset of YAML that a person reads without surprise: no anchors, aliases, tags or tabs, no
 * key twice, no key that is not text. All scalars are text; what they mean is for the reader to say
 * (by the schema's type, never by YAML's guess). What can be read on past a mistake is read on, so
 * that all mistakes are found at once.
 */
#ifndef CW_DETECTORS_YAML_H
#define CW_DETECTORS_YAML_H

#include "operators/runtime/arena.h"
#include "operators/runtime/diag.h"

enum {
    CW_YAML_SIZE_MAX = 1 << 20, /* bytes of a file */
    CW_YAML_DEPTH_MAX = 16,
    CW_YAML_KEYS_MAX = 256,    /* of one map */
    CW_YAML_ITEMS_MAX = 10000, /* of one list, or documents of a file */
    CW_FINDINGS_MAX = 200      /* shown for a file; then one line says that there are more */
};

/* One file, and the mistakes found in it so far, in any order. */
struct cw_finding;
struct cw_source {
    const char *name; /* in messages */
    cw_str text;
    struct cw_arena *arena; /* borrowed: findings and trees live there */
    struct cw_finding *findings;
    size_t finding_count;
    bool cut; /* the tree is not the whole file */
};

/** Notes a mistake; line and column from 1, line 0: the whole file. */
void cw_source_error(struct cw_source *source, size_t line, size_t column, const char *format, ...)
    CW_NONNULL(1, 4) CW_PRINTF(4, 5);
/** No finding more will be shown: what only words one better can be left out. */
static inline bool cw_source_full(const struct cw_source *source)
{
    return source->finding_count >= CW_FINDINGS_MAX;
}
/** Appends all findings to `out`, by place, as cw_diag shows them. */
void cw_source_report(const struct cw_source *source, struct cw_buf *out) CW_NONNULL(1, 2);

enum cw_yaml_kind {
    CW_YAML_TEXT,
    CW_YAML_LIST,
    CW_YAML_MAP,
    CW_YAML_BAD /* something stood here that has been reported: say nothing more of it */
};

struct cw_yaml {
    enum cw_yaml_kind kind;
    size_t line;   /* from 1 */
    size_t column; /* in characters, from 1 */
    cw_str text;
    bool plain;          /* written without quotes */
    bool verbatim;       /* stands in the file just so: a byte of the text has its own column */
    struct cw_yaml *key; /* in a map: the key of this value */
    struct cw_yaml *first;
    struct cw_yaml *next;
    size_t count;
};

/**
 * The documents of the file, linked by `next`; empty ones are left out. Mistakes are noted; after
 * one that hides what follows, source->cut is set and the list ends before that document.
 */
struct cw_yaml *cw_yaml_read(struct cw_source *source) CW_NONNULL(1);
/** The value under the key, or NULL (also if `map` is NULL or no map). */
struct cw_yaml *cw_yaml_get(const struct cw_yaml *map, const char *key) CW_NONNULL(2);
/** Notes a mistake at byte `offset` of the node's text, or at the node where that has no place. */
void cw_yaml_error(struct cw_source *source, const struct cw_yaml *node, size_t offset,
                   const char *format, ...) CW_NONNULL(1, 2, 4) CW_PRINTF(4, 5);
/** The bytes of the code point at `at`, or 0: not UTF-8. */
size_t cw_utf8_next(const unsigned char *at, size_t left, uint32_t *out) CW_NONNULL(1, 3);
/** The text in quotes, short and printable, for messages. */
const char *cw_quote(struct cw_arena *arena, cw_str text) CW_NONNULL(1);

#endif

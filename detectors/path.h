/* path.h - paths into events, parsed and checked against the schemas. */
#ifndef CW_DETECTORS_PATH_H
#define CW_DETECTORS_PATH_H

#include "detectors/rule.h"

/* How a value on a path is written in a rule. */
enum cw_path_value {
    CW_VALUE_TEXT,
    CW_VALUE_NAME,
    CW_VALUE_IDENTIFIER, /* "RO:123" where its kind is scoped by issuer */
    CW_VALUE_LONG,
    CW_VALUE_BOOLEAN,
    CW_VALUE_TIME,
    CW_VALUE_REAL,  /* can be asked for, not compared */
    CW_VALUE_ENTITY /* neither: it is known only behind the event */
};

/** False: *fault is a sentence, at byte *offset of the text. Strings of `out` point into `text`. */
bool cw_path_parse(cw_str text, struct cw_arena *arena, struct cw_path *out, size_t *offset,
                   const char **fault) CW_MUST_USE CW_NONNULL(2, 3, 4, 5);
enum cw_path_value cw_path_value(const struct cw_path *path) CW_NONNULL(1);
/** Whether an identifier on the path is written with its issuer. */
bool cw_path_is_scoped(const struct cw_path *path) CW_NONNULL(1);
/** "RO:123", or the value where there is no issuer. May point into `found`. */
cw_str cw_found_text(const struct cw_found *found, struct cw_arena *arena) CW_NONNULL(1, 2);

#endif

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

/* Walks the values of a path without allocating: begin with {.path, .event}. */
struct cw_path_cursor {
    const struct cw_path *path;
    const struct cw_event *event;
    size_t part; /* of the parts that the path may mean */
    size_t at;   /* the next value there */
};
/** The next value, as cw_path_values has it, but that a number has no text. Not for CW_WHAT_EVENT.
 */
bool cw_path_next(struct cw_path_cursor *cursor, struct cw_found *out) CW_NONNULL(1, 2);

/**
 * countries(event): what the paths that its type names lead to, as two capital letters (of an
 * identifier its issuer, of an IBAN its first two letters; what is no country is left out), sorted,
 * each once. *own: the event's own `country`, or absent. *out lives in the arena, its texts as long
 * as the event.
 */
size_t cw_event_countries(const struct cw_event *event, struct cw_arena *arena, cw_str **out,
                          cw_str *own) CW_NONNULL(1, 2, 3, 4);

/** Whether the path of the envelope or a type may have several values. */
bool cw_path_is_list(const struct cw_path *path) CW_NONNULL(1);
/**
 * Sets what a path of the envelope or the event's own type leads to: texts (one, or a list), or a
 * number, boolean, time or real in `number`. The texts are borrowed.
 */
void cw_path_write(const struct cw_path *path, cw_str *texts, size_t count,
                   const struct cw_value *number, struct cw_event *event) CW_NONNULL(1, 4, 5);

#endif

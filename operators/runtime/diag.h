/*
 * diag.h - what is wrong in a file that a person wrote: all of it, each with its place.
 *
 *     detectors/rules/x.yaml:12:9: error: expected a duration such as 30d, found "thirty days"
 *           timespan: thirty days
 *                     ^
 */
#ifndef CW_RUNTIME_DIAG_H
#define CW_RUNTIME_DIAG_H

#include "operators/runtime/buf.h"

struct cw_diag {
    const char *file;
    cw_str text;  /* the whole file, to show lines of it */
    size_t count; /* errors so far */
    struct cw_buf out;
};

/** line and column count from 1; line 0: the whole file. */
void cw_diag_error(struct cw_diag *diag, size_t line, size_t column, const char *format, ...)
    CW_NONNULL(1) CW_PRINTF(4, 5);
void cw_diag_done(struct cw_diag *diag);
/** The candidate nearest to the word (edit distance at most a third of it), or NULL. */
const char *cw_nearest(cw_str word, const char *const *candidates, size_t count);

#endif

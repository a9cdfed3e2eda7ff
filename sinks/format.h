/*
 * format.h - an alert row as text: the canonical content (SEMANTICS section 3), one JSON object
 * with its keys sorted, the same bytes whoever formats it. Owners, event ids and identifiers of the
 * evidence are read from the log here and nowhere else.
 */
#ifndef CW_SINKS_FORMAT_H
#define CW_SINKS_FORMAT_H

#include "operators/runtime/log.h"
#include "operators/runtime/row.h"

struct cw_formatter;
struct cw_formatter *cw_formatter_new(struct cw_log *log) CW_MUST_USE;
void cw_formatter_free(struct cw_formatter *formatter);
/** Appends the canonical line (no newline). False: evidence is not in the log as named (damage). */
bool cw_format_row(struct cw_formatter *formatter, const struct cw_row *row,
                   struct cw_buf *out) CW_MUST_USE CW_NONNULL(1, 2, 3);

#endif

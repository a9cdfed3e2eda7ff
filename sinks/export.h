/*
 * export.h - a sink that keeps the rows in memory and writes them as alerts.jsonl, lines sorted.
 */
#ifndef CW_SINKS_EXPORT_H
#define CW_SINKS_EXPORT_H

#include <stdio.h>

#include "operators/runtime/log.h"
#include "operators/runtime/stage.h"

struct cw_export;
struct cw_export *cw_export_new(struct cw_log *log) CW_MUST_USE;
extern const struct cw_stage cw_export_stage; /* self: struct cw_export */
/** Writes the rows that stand now, one line each, lines sorted. False: errno. */
bool cw_export_write(struct cw_export *export, FILE *file) CW_MUST_USE;
size_t cw_export_count(const struct cw_export *export);

#endif

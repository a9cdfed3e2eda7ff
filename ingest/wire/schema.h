/*
 * schema.h - Avro schemas as a tree of nodes, for plans. Our own: libavro must not see agency
 * bytes, and its resolver refuses defaults, aliases and string/bytes.
 */
#ifndef CW_WIRE_SCHEMA_H
#define CW_WIRE_SCHEMA_H

#include "ingest/wire/reason.h"
#include "operators/runtime/buf.h"

struct cw_schema;

/** Parses schema JSON (at most 1 MiB, nesting and node count capped). NULL: `reason` says why
 *  (code bad_schema). */
struct cw_schema *cw_schema_parse(cw_str json, struct cw_reason *reason) CW_MUST_USE CW_NONNULL(2);
void cw_schema_free(struct cw_schema *schema); /* accepts NULL */

#endif

/*
 * json_body.h - one event as JSON text to a canonical body. Objects have the fields of the schema;
 * a nullable field is the value itself or null; a missing one takes its default; one that the
 * schema does not have is an error; times are RFC 3339 text or microseconds. Codes: bad_json,
 * unknown_field, missing_field, bad_type, bad_time, bad_number, bad_enum, too_deep, too_large,
 * too_many_items; the field is that of the reader's schema.
 */
#ifndef CW_WIRE_JSON_BODY_H
#define CW_WIRE_JSON_BODY_H

#include "ingest/wire/schema.h"

/** Appends the datum of `reader` to `out`. Text of at most CW_DATUM_MAX bytes, nesting capped. */
bool cw_json_body(const struct cw_schema *reader, cw_str json, struct cw_buf *out,
                  struct cw_reason *reason) CW_MUST_USE CW_NONNULL(1, 3, 4);

#endif

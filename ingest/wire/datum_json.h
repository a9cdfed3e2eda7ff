/*
 * datum_json.h - a datum under its own schema as JSON, for people and for tests: what the writer
 * wrote, no logical type applied. Bytes and fixed are {"$hex": "00ff"}, a number that JSON cannot
 * say is {"$number": "NaN"} (Infinity, -Infinity), a union is the value of its branch, a map is an
 * object with its keys in their order.
 */
#ifndef CW_WIRE_DATUM_JSON_H
#define CW_WIRE_DATUM_JSON_H

#include "ingest/wire/schema.h"

enum { CW_DATUM_JSON_DEPTH_MAX = 65536, CW_DATUM_JSON_TEXT_MAX = 64 * 1024 * 1024 };

/**
 * Appends one datum from the front of `bytes`, at most `text_max` bytes of it and a little, and
 * says in *consumed how many bytes it took. Any schema that parses, recursive ones too: no call
 * recurses. False: `reason` has code (truncated, bad_number, bad_boolean, bad_utf8, bad_enum,
 * bad_union, bad_length, too_deep, too_large) and the field; `out` may hold a part.
 */
bool cw_datum_json(const struct cw_schema *schema, const uint8_t *bytes, size_t len,
                   size_t text_max, size_t *consumed, struct cw_buf *out,
                   struct cw_reason *reason) CW_MUST_USE CW_NONNULL(1, 5, 6, 7);

#endif

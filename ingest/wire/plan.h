/*
 * plan.h - decoding as a plan: compiled once per (writer schema, reader schema), then one pass over
 * the bytes of a datum that checks everything (bounds, enum and union indexes, UTF-8, depth, item
 * counts) and writes the datum under the reader's schema: fields reordered, defaulted, promoted,
 * renamed by alias, as Avro's resolution rules say.
 */
#ifndef CW_WIRE_PLAN_H
#define CW_WIRE_PLAN_H

#include "ingest/wire/schema.h"

struct cw_plan;

/** NULL: the schemas cannot be resolved (code schema_mismatch, with the field). Both may be freed
 *  after it. */
struct cw_plan *cw_plan_new(const struct cw_schema *writer, const struct cw_schema *reader,
                            struct cw_reason *reason) CW_MUST_USE CW_NONNULL(1, 2, 3);
void cw_plan_free(struct cw_plan *plan); /* accepts NULL */

/**
 * Decodes one datum from the front of `bytes`, appends it to `out` under the reader's schema, and
 * says in *consumed how many bytes it took. False: `reason` has code (truncated, bad_utf8,
 * bad_enum, bad_union, bad_length, bad_number, too_deep, too_many_items, too_large, bad_boolean,
 * unresolved) and the writer's field; `out` may hold a part. At most CW_DATUM_MAX bytes are
 * written. What is written is in Avro's one shortest form: integers minimal, arrays and maps as
 * one block without a size, whatever the writer chose.
 */
enum { CW_DATUM_MAX = 1024 * 1024 };
bool cw_plan_run(const struct cw_plan *plan, const uint8_t *bytes, size_t len, size_t *consumed,
                 struct cw_buf *out, struct cw_reason *reason) CW_MUST_USE CW_NONNULL(1, 4, 5, 6);

#endif

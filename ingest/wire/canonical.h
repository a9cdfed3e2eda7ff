/*
 * canonical.h - the name of a schema that all of Avro agrees on: its Parsing Canonical Form, the
 * 64-bit fingerprint of that (CRC-64-AVRO), and the single-object header that carries it.
 */
#ifndef CW_WIRE_CANONICAL_H
#define CW_WIRE_CANONICAL_H

#include "ingest/wire/schema.h"

/** Appends the Parsing Canonical Form: full names, no documentation, defaults, aliases, order or
 *  logical types, members in the specification's order, no white space. */
void cw_schema_canonical(const struct cw_schema *schema, struct cw_buf *out) CW_NONNULL(1, 2);

/** CRC-64-AVRO of any bytes; of a schema: those of its canonical form. */
uint64_t cw_crc64_avro(cw_str bytes);
uint64_t cw_schema_fingerprint(const struct cw_schema *schema) CW_NONNULL(1);

/**
 * A message of the single-object encoding: 0xC3, 1, the fingerprint (little endian), the datum.
 * False: it does not begin so.
 */
bool cw_single_object(cw_str message, uint64_t *fingerprint, cw_str *datum) CW_MUST_USE
    CW_NONNULL(2, 3);

#endif

/*
 * container.h - reading Avro container files that a stranger wrote.
 *
 * Codecs null, deflate, snappy, zstandard. Caps: header 1 MiB, a block 16 MiB as stored and as
 * expanded, so that no file makes us ask for more. A damaged block is reported with its bytes and
 * the reader goes on behind the next sync marker.
 */
#ifndef CW_WIRE_CONTAINER_H
#define CW_WIRE_CONTAINER_H

#include "ingest/wire/reason.h"
#include "operators/runtime/buf.h"

/* Where bytes come from: a file, a pipe, memory. Returns bytes read, 0 at the end, -1 on error. */
typedef int64_t (*cw_read_fn)(void *context, void *into, size_t len);

struct cw_container;

/** Reads the header. NULL: `reason` says why (not_a_container, bad_schema is the caller's,
 *  unknown_codec, truncated, too_large, read_failed). */
struct cw_container *cw_container_open(cw_read_fn read, void *context,
                                       struct cw_reason *reason) CW_MUST_USE CW_NONNULL(1, 3);
void cw_container_close(struct cw_container *container); /* accepts NULL */
/** The writer's schema as JSON text; lives as long as the reader. */
cw_str cw_container_schema(const struct cw_container *container) CW_NONNULL(1);

enum cw_block { CW_BLOCK_OK, CW_BLOCK_DAMAGED, CW_BLOCK_END };
/**
 * The next block: `count` data in the expanded bytes, which live until the next call.
 * CW_BLOCK_DAMAGED: `reason` (bad_block, bad_sync, truncated, too_large, bad_compression, bad_crc,
 * read_failed) and `bytes` (as stored, at most 64 KiB of them) tell of a part of the file that is
 * no block; call again to go on. Never more data than bytes, but for 65,536 that take none.
 */
enum cw_block cw_container_next(struct cw_container *container, int64_t *count, cw_str *bytes,
                                struct cw_reason *reason) CW_NONNULL(1, 2, 3, 4);

/*
 * Writing, with our own schema parser and blocks of about 64 KiB: what importers, the generator and
 * tests use. Events are canonical bodies under cw_event_schema_json().
 */
struct cw_container_writer;
/** codec: null, deflate, snappy, zstandard. `file` is a FILE*, which the caller closes. The sync
 *  marker is a hash of the schema and `seed`, so that the same input gives the same bytes. NULL:
 *  no such codec, or the schema is none. */
struct cw_container_writer *cw_container_create(void *file, const char *schema_json,
                                                const char *codec, uint64_t seed) CW_MUST_USE;
void cw_container_put(struct cw_container_writer *writer, const void *datum, size_t len);
/** Writes what is left and frees the writer. False: writing failed, now or before (errno). */
bool cw_container_finish(struct cw_container_writer *writer) CW_MUST_USE;

#endif

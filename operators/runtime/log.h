/*
 * log.h - the log: append-only frames at positions. The order of the inputs, the evidence store,
 * the source of old bodies, the start of recovery; nothing else keeps events.
 *
 * A position is a byte address: a frame's is that of its first byte, counted over all segments
 * without their headers, so that reading at a position is one look at one segment, and the same
 * events have the same positions in a file log and in memory. ingest is the only writer.
 *
 * Files: DIR/00000000000000000000.seg …, named by the position of their first frame; a 64-byte
 * header names the format, the log id, the schemas and the normaliser that computed the keys. A
 * torn frame at the end of the last segment (a crash while writing) is cut off when the log is
 * opened for writing and waited for when it is read; damage anywhere else is CW_EXIT_DAMAGED, with
 * a sentence that names file and offset.
 */
#ifndef CW_RUNTIME_LOG_H
#define CW_RUNTIME_LOG_H

#include "operators/runtime/frame.h"

struct cw_log;

/** A log in memory; whole; for replays and tests. One object is writer and reader at once. */
struct cw_log *cw_log_memory(void) CW_MUST_USE;
/**
 * Opens DIR for writing, makes it if it is not there, cuts a torn end. NULL and a sentence in
 * `error`: locked by another writer, damaged, or of another version.
 */
struct cw_log *cw_log_write(const char *dir, char *error, size_t error_len) CW_MUST_USE;
/** Opens DIR for reading; there must be at least one segment. NULL and a sentence: as above. */
struct cw_log *cw_log_read(const char *dir, char *error, size_t error_len) CW_MUST_USE;
void cw_log_close(struct cw_log *log); /* accepts NULL; writes what is buffered */

/** Random, drawn when the log was made; zero for a log in memory. */
struct cw_id cw_log_id(const struct cw_log *log);

/** Appends a copy, sets position and CRC; returns the position. Buffered until flush. A disk that
 *  fails ends the process with a sentence: nothing may be half in the log. */
uint64_t cw_log_append(struct cw_log *log, const struct cw_frame *frame) CW_NONNULL(1, 2);
/** The same for a frame made in place from a header (cw_frame_put says what is set), keys and body.
 *  It is good until the next call of this object that writes. */
const struct cw_frame *cw_log_put(struct cw_log *log, const struct cw_frame *header,
                                  const struct cw_key *keys, size_t key_count, const void *body,
                                  size_t len) CW_NONNULL(1, 2);
void cw_log_flush(struct cw_log *log) CW_NONNULL(1); /* visible to readers of other processes */
void cw_log_sync(struct cw_log *log) CW_NONNULL(1);  /* and safe from power loss */

/**
 * The frame at a position, whole and checked. It lives as long as the log (file segments are
 * mapped). NULL: there is no frame at that position (yet), or it is damaged (cw_log_error says).
 */
const struct cw_frame *cw_log_get(struct cw_log *log, uint64_t position) CW_NONNULL(1);
/** The position behind the last frame this object has seen; where the next one will stand. */
uint64_t cw_log_end(const struct cw_log *log);
/** Why get or next answered NULL; empty if there simply is nothing yet. */
const char *cw_log_error(const struct cw_log *log);
/** Waits until the log may have grown past `position`, or a signal came, or timeout_ms passed. */
void cw_log_wait(struct cw_log *log, uint64_t position, int timeout_ms) CW_NONNULL(1);

#endif

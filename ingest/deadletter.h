/*
 * deadletter.h - what could not be read, kept with its reason: original bytes, code, sentence,
 * source, offset. A directory with one append-only file of JSON lines (bytes as base64), written
 * before the REJECT frame that counts it.
 */
#ifndef CW_INGEST_DEADLETTER_H
#define CW_INGEST_DEADLETTER_H

#include "ingest/wire/reason.h"

struct cw_dead_letters;

/** Makes the directory if it is not there. NULL: a sentence in error. */
struct cw_dead_letters *cw_dead_letters_open(const char *dir, char *error, size_t error_len)
    CW_MUST_USE;
void cw_dead_letters_close(struct cw_dead_letters *letters); /* accepts NULL */
/** Appends one, whole, in one write. */
void cw_dead_letters_put(struct cw_dead_letters *letters, cw_str source, int64_t offset,
                         const struct cw_reason *reason, cw_str bytes);
/** Drops letters of `source` with an offset above `offset`: written, but not yet in the log, when
 *  the last ingest died. They will come again. */
void cw_dead_letters_rewind(struct cw_dead_letters *letters, cw_str source, int64_t offset);

#endif

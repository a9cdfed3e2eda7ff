/*
 * deadletter.h - what could not be read, kept with its reason: original bytes, code, sentence,
 * source, offset. A directory with one append-only file of JSON lines for each log (named by the
 * log's id; bytes as base64), written before the REJECT frame that counts the letter:
 *
 *     {"source":"ro.avro","offset":7,"code":"bad_utf8","field":"owner","sentence":"…",
 *      "length":310,"bytes":"…"}
 *
 * `length` is that of the bytes as they were given; at most CW_DEAD_LETTER_BYTES of them are kept.
 *
 * The letters of a file stand in the order of the log's REJECT frames, so after a crash those that
 * are not in the log are at its end. They are cut off, for their records will be read again. That
 * is why each log has a file of its own: the letters of another one are never touched.
 */
#ifndef CW_INGEST_DEADLETTER_H
#define CW_INGEST_DEADLETTER_H

#include "ingest/wire/reason.h"
#include "operators/runtime/id.h"

enum { CW_DEAD_LETTER_BYTES = 64 * 1024 };

struct cw_dead_letters;

/** Makes the directory if it is not there, and cuts a torn last line. NULL: a sentence in error. */
struct cw_dead_letters *cw_dead_letters_open(const char *dir, struct cw_id log, char *error,
                                             size_t error_len) CW_MUST_USE CW_NONNULL(1, 3);
void cw_dead_letters_close(struct cw_dead_letters *letters); /* accepts NULL */
/** Appends one, whole, in one write. A disk that fails ends the process with a sentence, as the
 *  log's does: nothing may be counted that is not kept. */
void cw_dead_letters_put(struct cw_dead_letters *letters, cw_str source, int64_t offset,
                         const struct cw_reason *reason, cw_str bytes) CW_NONNULL(1, 4);
/** Safe from power loss. */
void cw_dead_letters_sync(struct cw_dead_letters *letters) CW_NONNULL(1);

/** True if the log has the record of that source and offset. */
typedef bool (*cw_dead_letter_known)(void *context, cw_str source, int64_t offset);
/** Cuts letters off the end, back to the last one that the log knows: written, but not yet in the
 *  log, when the last ingest died. They will come again. */
void cw_dead_letters_rewind(struct cw_dead_letters *letters, cw_dead_letter_known known,
                            void *context) CW_NONNULL(1, 2);

/* One letter as it was kept; all strings live until the visitor returns. */
struct cw_dead_letter {
    cw_str source;
    int64_t offset;
    cw_str code;
    cw_str field;
    cw_str sentence;
    int64_t length; /* of the original; bytes.len is less where it was cut */
    cw_str bytes;
};
/** False: enough. */
typedef bool (*cw_dead_letter_visit)(void *context, uint64_t number,
                                     const struct cw_dead_letter *letter);
/** All letters in DIR, numbered from 1 through its files in the order of their names. False: a
 *  sentence in error (no such directory, a line that is no letter). */
bool cw_dead_letters_read(const char *dir, cw_dead_letter_visit visit, void *context, char *error,
                          size_t error_len) CW_MUST_USE CW_NONNULL(1, 2, 4);

#endif

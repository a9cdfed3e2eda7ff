/*
 * process.h - programs run as people and machines run them: started, watched, killed, waited for.
 *
 * A room is one test's own: a directory below TMPDIR, texts, and processes. Each program gets a
 * process group of its own, so that what it started can be found and ended with it. Freeing the
 * room ends and removes all of it, also after a failed assertion.
 *
 * What waits here waits for a condition and fails the test with a sentence when it takes too long.
 * A sanitizer's report in a program's standard error fails the test that ran it.
 */
#ifndef CW_TESTS_PROCESS_H
#define CW_TESTS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "operators/runtime/attr.h"

enum {
    CW_TEST_LIMIT_MS = 180000, /* for whatever must come at all, on a busy machine */
    CW_TEST_WORDS = 96
};

struct cw_test_room;

struct cw_test_process {
    struct cw_test_room *room;
    pid_t pid;
    bool ended;
    int status;         /* exit status, or 128 + signal; once it has ended */
    long max_rss;       /* KiB, of the process itself; once it has ended */
    const char *output; /* files */
    const char *errors;
};

struct cw_test_words {
    const char *items[CW_TEST_WORDS + 1]; /* ends with NULL */
    size_t count;
};

struct cw_test_room *cw_test_room_new(void) CW_MUST_USE;
void cw_test_room_free(struct cw_test_room *room); /* accepts NULL */
/** The room's directory. */
const char *cw_test_dir(const struct cw_test_room *room);

/** A text that lives as long as the room. */
const char *cw_test_text(struct cw_test_room *room, const char *format, ...) CW_PRINTF(2, 3);
/** A path in the room's directory. */
const char *cw_test_path(struct cw_test_room *room, const char *format, ...) CW_PRINTF(2, 3);

/* --- programs --- */

/** Appends C strings up to NULL. */
void cw_test_add(struct cw_test_words *words, ...);
/** Starts words->items[0] with standard input from `input` (a path; NULL: empty). */
struct cw_test_process *cw_test_start(struct cw_test_room *room, const struct cw_test_words *words,
                                      const char *input);
/** True once it has ended. */
bool cw_test_ended(struct cw_test_process *process);
/** Waits for its end; the exit status. */
int cw_test_wait(struct cw_test_process *process);
/** As above; another status than `status` fails the test and prints what it wrote. */
void cw_test_wait_for_status(struct cw_test_process *process, int status);
/** Waits until nothing of its group is left, at most `limit_ms`. */
void cw_test_wait_for_group(struct cw_test_process *process, int64_t limit_ms);

/** Starts, waits, wants `status`. */
struct cw_test_process *cw_test_run(struct cw_test_room *room, int status,
                                    const struct cw_test_words *words, const char *input);
/** The same for `crosswatch` and C strings up to NULL, without input. */
struct cw_test_process *cw_test_crosswatch(struct cw_test_room *room, int status, ...);

/* --- waiting --- */

int64_t cw_test_now_ms(void); /* of a clock that only goes forward */
/** One short rest in a loop that looks for `what`; fails the test `limit_ms` after `since`. */
void cw_test_rest(int64_t since, int64_t limit_ms, const char *what);

/* --- files --- */

/** The whole file, NUL behind it; lives as long as the room. A missing file fails the test. */
const char *cw_test_read(struct cw_test_room *room, const char *path, size_t *len /* optional */);
void cw_test_write(const char *path, const void *bytes, size_t len);
size_t cw_test_count_lines(struct cw_test_room *room, const char *path);
/** The first byte that differs fails the test, with its line from both files. */
void cw_test_same_files(struct cw_test_room *room, const char *expected, const char *found);
bool cw_test_file_has(struct cw_test_room *room, const char *path, const char *text);
/** The number behind "NAME": in the first JSON line of the file that has it; 0 if none has. */
int64_t cw_test_number(struct cw_test_room *room, const char *path, const char *name);

#endif

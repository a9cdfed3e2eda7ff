/*
 * rows.h - what a sink reads, made by hand: events in a log, and frames as detect sends them.
 */
#ifndef CW_TESTS_ROWS_H
#define CW_TESTS_ROWS_H

#include "operators/runtime/log.h"
#include "operators/runtime/row.h"
#include "operators/runtime/stage.h"

enum { CW_TEST_IDS = 4 };

/* An event with at most one party. Its identifiers are "kind issuer:value" or "kind value"; a '!'
 * before it makes it an invalid one. Phones are not one of a kind, all others are. */
struct cw_test_event {
    const char *owner;
    const char *event_id;
    const char *type; /* online_ad, border_crossing, notice … */
    int64_t time;
    const char *role; /* NULL: no party */
    const char *ids[CW_TEST_IDS];
    const char *record;    /* what its record's id is made of; NULL: of owner and event id */
    const char *colour;    /* of a notice */
    const char *reference; /* of a notice; NULL: none */
};

/** Appends it; the evidence entry that names it comes back (part 0). */
struct cw_row_evidence cw_test_append(struct cw_log *log, const struct cw_test_event *event);
/** Appends a tick, for the log's own sake. */
void cw_test_append_tick(struct cw_log *log, uint64_t n);

/** Ids that are different where the texts are. */
struct cw_id cw_test_id(const char *text);

/* Frames of a joint, one after the other. */
void cw_test_tick(struct cw_buf *out, uint64_t n);
void cw_test_row(struct cw_buf *out, uint64_t tick, uint32_t number, const struct cw_row *row);
void cw_test_close(struct cw_buf *out, uint64_t n, uint64_t rows);
void cw_test_end(struct cw_buf *out);
void cw_test_moved(struct cw_buf *out, const struct cw_moved *moved);
/** detect's first frame. */
void cw_test_rule_set(struct cw_buf *out, struct cw_id rule_set);
/** Gives the frames to a stage in batches of `batch`; the first status that is not OK. */
int cw_test_push(const struct cw_stage *stage, void *self, const struct cw_buf *frames,
                 size_t batch);

#endif

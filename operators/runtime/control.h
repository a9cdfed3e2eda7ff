/*
 * control.h - the bodies of control frames: ticks, closes, names, moved.
 */
#ifndef CW_RUNTIME_CONTROL_H
#define CW_RUNTIME_CONTROL_H

#include "operators/runtime/event.h"
#include "operators/runtime/frame.h"

/*
 * Totals: named counters that only rise, in the order in which they were first added. A tick
 * carries ingest's, the close each stage's behind it, under names like "dedup.duplicate",
 * "ingest.rejected.bad_utf8".
 */
enum { CW_TOTALS_MAX = 128, CW_TOTAL_NAME_MAX = 64 };

struct cw_totals {
    size_t count;
    struct {
        char name[CW_TOTAL_NAME_MAX];
        int64_t value;
    } of[CW_TOTALS_MAX];
};

/** The counter of that name, made at 0 if new; names beyond the cap share the last, "other". */
int64_t *cw_total(struct cw_totals *totals, const char *name) CW_NONNULL(1, 2);
int64_t cw_total_get(const struct cw_totals *totals, const char *name) CW_NONNULL(1, 2);
void cw_totals_put(struct cw_buf *buf, const struct cw_totals *totals) CW_NONNULL(1, 2);
/** Adds what was read to what is there (names that exist are overwritten). */
bool cw_totals_get(struct cw_cur *cur, struct cw_totals *totals) CW_MUST_USE CW_NONNULL(1, 2);

struct cw_tick {
    uint64_t n;                         /* from 1 */
    int64_t retention;                  /* R */
    int64_t frontier[CW_TYPES_MAX + 1]; /* F, by type number; +inf where no source declares it */
    struct cw_totals totals;            /* ingest's */
};

struct cw_close {
    uint64_t n;
    uint64_t rows; /* rows that detect sent in this tick */
    struct cw_totals totals;
};

enum cw_moved_reason {
    CW_MOVED_NONE,
    CW_MOVED_MERGE,
    CW_MOVED_SPLIT,
    CW_MOVED_RENAMED,
    CW_MOVED_GONE,      /* the records have no live support any more; `to` is zero */
    CW_MOVED_RESTRICTED /* the basis changed */
};

/* Records that were there before and now belong elsewhere; one frame for each (from, to). */
struct cw_moved {
    enum cw_moved_reason reason;
    uint32_t basis;     /* of entity_to, as in links */
    int64_t first_seen; /* least time_lo of the point events that ever supported the records */
    struct cw_id core_from;
    struct cw_id entity_from;
    struct cw_id core_to;
    struct cw_id entity_to;
    size_t record_count;
    const struct cw_id *records; /* sorted; points into the frame when read */
};

struct cw_named {
    uint32_t space; /* enum cw_name_space */
    uint32_t number;
    cw_str text;
};

void cw_tick_put(struct cw_buf *out, const struct cw_tick *tick) CW_NONNULL(1, 2);
bool cw_tick_get(const struct cw_frame *frame, struct cw_tick *out) CW_MUST_USE CW_NONNULL(1, 2);
void cw_close_put(struct cw_buf *out, const struct cw_close *close) CW_NONNULL(1, 2);
bool cw_close_get(const struct cw_frame *frame, struct cw_close *out) CW_MUST_USE CW_NONNULL(1, 2);
void cw_moved_put(struct cw_buf *out, const struct cw_moved *moved) CW_NONNULL(1, 2);
bool cw_moved_get(const struct cw_frame *frame, struct cw_moved *out) CW_MUST_USE CW_NONNULL(1, 2);
void cw_named_put(struct cw_buf *out, uint32_t space, uint32_t number, cw_str text) CW_NONNULL(1);
bool cw_named_get(const struct cw_frame *frame, struct cw_named *out) CW_MUST_USE CW_NONNULL(1, 2);

#endif

/*
 * counted.h - a stage that shows its totals: wraps any stage, and copies its totals to a counters
 * page whenever a tick or close has gone through.
 */
#ifndef CW_OPS_COUNTED_H
#define CW_OPS_COUNTED_H

#include "operators/runtime/counters.h"
#include "operators/runtime/stage.h"

struct cw_counted {
    const struct cw_stage *stage;
    void *self;
    const struct cw_totals *totals;
    struct cw_counters_page *page;
    int64_t frames;
};

extern const struct cw_stage cw_counted_stage; /* self: struct cw_counted; frees nothing */

#endif

/* values.h - how much there is in an event. */
#ifndef CW_OPS_BENCH_VALUES_H
#define CW_OPS_BENCH_VALUES_H

#include "operators/runtime/event.h"

/** The values that the event holds, as its datum has them: each primitive that is not null. */
int64_t cw_bench_values(const struct cw_event *event) CW_NONNULL(1);

#endif

/*
 * dedup.h - from events as they came to facts: +e and -e (SEMANTICS section 1).
 */
#ifndef CW_DEDUP_DEDUP_H
#define CW_DEDUP_DEDUP_H

#include "operators/runtime/log.h"
#include "operators/runtime/stage.h"

struct cw_dedup;
/** Reads old bodies back from `log`. */
struct cw_dedup *cw_dedup_new(struct cw_log *log) CW_MUST_USE;
extern const struct cw_stage cw_dedup_stage;
const struct cw_totals *cw_dedup_totals(const struct cw_dedup *dedup);

#endif

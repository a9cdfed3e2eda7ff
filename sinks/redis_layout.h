/*
 * redis_layout.h - names and scores of contract 2 (sinks/README.md), for the one that writes and
 * those that read.
 */
#ifndef CW_SINKS_REDIS_LAYOUT_H
#define CW_SINKS_REDIS_LAYOUT_H

#include <stdint.h>

#include "operators/runtime/attr.h"
#include "operators/runtime/str.h"

enum {
    CW_REDIS_CONTRACT = 2,
    CW_REDIS_AUDIENCES_MAX = 32, /* `all` among them */
    CW_REDIS_AUDIENCE_LEN = 32,
    CW_REDIS_PREFIX = 128
};

/** D is 1 to 64 of A-Z a-z 0-9 . _ - ; NULL is "crosswatch". */
bool cw_redis_deployment_ok(const char *deployment) CW_MUST_USE;
/** 1 to 32 of a-z 0-9 - */
bool cw_redis_audience_ok(const char *audience) CW_MUST_USE CW_NONNULL(1);
/** "cw:{D}:a:AUDIENCE:"; NULL audience: "all". False: one of the two is none. */
bool cw_redis_prefix(const char *deployment, const char *audience,
                     char out[CW_REDIS_PREFIX]) CW_MUST_USE CW_NONNULL(3);
/** "cw:{D}:sink", the sink's own state, which no reader needs. */
bool cw_redis_state_key(const char *deployment, char out[CW_REDIS_PREFIX]) CW_MUST_USE
    CW_NONNULL(2);

/** Priority of an open alert: its level, then the time of its last event; exact as a double. */
int64_t cw_redis_priority(uint8_t level, int64_t last);
/** A time as a score: whole milliseconds, held to less than 5·10^14 from 0. */
int64_t cw_redis_time(int64_t micros);

#endif

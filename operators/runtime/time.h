/*
 * time.h - event time: int64 microseconds UTC. -inf and +inf are the ends of the type. Nothing here
 * reads a clock; only ingest does.
 */
#ifndef CW_RUNTIME_TIME_H
#define CW_RUNTIME_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "operators/runtime/attr.h"
#include "operators/runtime/str.h"

#define CW_TIME_MIN INT64_MIN /* -inf */
#define CW_TIME_MAX INT64_MAX /* +inf */
#define CW_SECOND INT64_C(1000000)
#define CW_MINUTE (60 * CW_SECOND)
#define CW_HOUR (60 * CW_MINUTE)
#define CW_DAY (24 * CW_HOUR)

enum { CW_TIME_TEXT = 40 };

/** "2020-01-01T00:00:00Z", a fraction of six digits only where there is one; "-inf", "+inf". */
void cw_time_format(int64_t micros, char out[CW_TIME_TEXT]);
/** Accepts a date, or a date and time with Z or an offset, as RFC 3339 has them. False: not one. */
bool cw_time_parse(cw_str text, int64_t *out) CW_MUST_USE CW_NONNULL(2);
/** "30d", "12h", "5m", "10s", "2w": to microseconds. False: not one, or above 100 years. */
bool cw_span_parse(cw_str text, int64_t *out) CW_MUST_USE CW_NONNULL(2);

/** Days since 1970-01-01 of a proleptic Gregorian date. */
int64_t cw_days_from_civil(int64_t year, int month, int day);
void cw_civil_from_days(int64_t days, int64_t *year, int *month, int *day);
bool cw_date_valid(int64_t year, int month, int day);
/** floor(a / b), also below zero; b above zero. */
static inline int64_t cw_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b < 0);
}

/** a + b, held at the ends of the type; an infinite a stays so. */
static inline int64_t cw_time_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (a == CW_TIME_MIN || a == CW_TIME_MAX)
        return a;
    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? CW_TIME_MIN : CW_TIME_MAX;
    return sum;
}

#endif

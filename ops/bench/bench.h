/*
 * bench.h - measures of speed, taken by people and never by tests.
 *
 * A measure is one line: a name, a value, its unit, and where a figure is to be held, that figure
 * and whether it was. What is measured against what, and how, stands at each function below.
 */
#ifndef CW_OPS_BENCH_H
#define CW_OPS_BENCH_H

#include <stdint.h>
#include <stdio.h>

#include "operators/runtime/attr.h"
#include "operators/runtime/buf.h"
#include "operators/runtime/id.h"

/* --- measures --- */

struct cw_bench_report {
    FILE *out;
    bool json; /* one object a line: {"measure", "value", "unit", "hold", "holds"} */
};

enum cw_bench_hold { CW_BENCH_NO_HOLD, CW_BENCH_AT_LEAST, CW_BENCH_AT_MOST };

void cw_bench_text(const struct cw_bench_report *report, const char *measure, const char *value);
void cw_bench_count(const struct cw_bench_report *report, const char *measure, int64_t value,
                    const char *unit);
/** A value that is not a number is written as null: it could not be taken. */
void cw_bench_real(const struct cw_bench_report *report, const char *measure, double value,
                   const char *unit, enum cw_bench_hold kind, double hold);

int64_t cw_bench_wall_ns(void);
int64_t cw_bench_cpu_ns(void); /* of this thread */
/** This thread on one core from here on: the last that it may run on. Returns its number, or -1. */
int cw_bench_pin(void);
/** Peak of resident memory since cw_bench_reset_peak, in bytes; -1: the system does not say. */
int64_t cw_bench_peak(void);
void cw_bench_reset_peak(void);

/* --- the events --- */

/** A new directory below TMPDIR. False: a sentence went to stderr. */
bool cw_bench_room_make(char path[4096]) CW_MUST_USE;
void cw_bench_room_remove(const char *path); /* with all that is in it */

struct cw_bench_settings {
    const char *mix; /* payments, agencies */
    uint64_t events;
    uint64_t seed;
    const char *source; /* optional: a --source SPEC instead of a mix */
    const char *rules;
    const char *log; /* chain: file, memory */
    uint64_t rounds; /* decode */
    uint64_t batch;
};

/** Writes the mix to DIR/events and DIR/contracts. False: a sentence went to stderr. */
bool cw_bench_generate(const struct cw_bench_settings *settings, const char *dir) CW_MUST_USE;

/**
 * Decoding one event with all checks, from the bytes of a container's block to the canonical datum,
 * against libavro's generic reader with reader, value and buffer re-used: the same records, round
 * by round in turns. What both have read is compared value by value outside the timed part.
 * Returns an enum cw_exit.
 */
int cw_bench_decode(const struct cw_bench_settings *settings,
                    const struct cw_bench_report *report) CW_MUST_USE;

/**
 * The whole chain as `replay` runs it, in one process and on one core: a file is read, decoded,
 * normalised, logged, deduplicated, linked, judged, and each row is formatted. Returns an enum
 * cw_exit.
 */
int cw_bench_chain(const struct cw_bench_settings *settings,
                   const struct cw_bench_report *report) CW_MUST_USE;

#endif

/*
 * counters.h - one page of counters a process, readable from outside.
 *
 * The page is a file that only its process writes and anybody may map: named 64-bit numbers.
 * `crosswatch counters DIR` prints them. Without a path the page is private memory, so that a
 * counter is one store in every case.
 */
#ifndef CW_RUNTIME_COUNTERS_H
#define CW_RUNTIME_COUNTERS_H

#include "operators/runtime/control.h"

enum { CW_COUNTERS_MAX = CW_TOTALS_MAX };

struct cw_counters_page {
    char magic[8]; /* "cwcount1" */
    uint32_t pid;
    uint32_t count;
    char stage[16];
    struct {
        char name[48];
        volatile int64_t value;
    } of[CW_COUNTERS_MAX];
};

/** Maps PATH (made or overwritten, its directory too), or private memory for NULL. Never NULL. */
struct cw_counters_page *cw_counters_open(const char *path, const char *stage) CW_MUST_USE;
void cw_counters_set(struct cw_counters_page *page, const char *name, int64_t value);
/** Sets all totals of a stage. */
void cw_counters_totals(struct cw_counters_page *page, const struct cw_totals *totals);
/** Reads another process's page into `out`. False: no such page. */
bool cw_counters_read(const char *path, struct cw_counters_page *out) CW_MUST_USE;

#endif

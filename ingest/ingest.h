/*
 * ingest.h - foreign records in, the log out: the one writer of the log, and the one place where
 * clocks, interleavings and strangers' bytes are met.
 *
 * Order: of all sources that can give a record, the one whose greatest time_lo so far is least
 * (none yet: -inf), ties by (contract name, name, partition). A tick after every `tick_every`
 * admitted events, one more at the end of all sources, then `end`. All that decides this is in the
 * log, so a new ingest on the same log goes on as the old one would have.
 *
 * The hash of the list of rates stands in the log behind the names of the types: under another list
 * equal events would get other amounts, so an ingest with another one refuses the log.
 */
#ifndef CW_INGEST_INGEST_H
#define CW_INGEST_INGEST_H

#include "ingest/money.h"
#include "ingest/source.h"
#include "operators/runtime/counters.h"
#include "operators/runtime/log.h"

enum cw_retention { CW_RETAIN_AUTO, CW_RETAIN_DATE, CW_RETAIN_EVENTS };

struct cw_ingest_settings {
    uint64_t tick_every; /* 4096 */
    enum cw_retention retention;
    int64_t retention_date; /* for CW_RETAIN_DATE */
    const char
        *dead_letters;    /* directory; NULL: counted and in the log as REJECT, bytes not kept */
    const char *counters; /* path of the page, or NULL */
    bool sync_ticks;      /* --log-sync tick */
    const struct cw_rates *rates; /* outlives the ingest; NULL: the shipped list */
};

struct cw_ingest;

/** NULL: a sentence went to stderr (the log has ended, a source of the log is missing, it was begun
 *  with other rates …). */
struct cw_ingest *cw_ingest_new(const struct cw_secret *secret, struct cw_log *log,
                                struct cw_sources *sources,
                                const struct cw_ingest_settings *settings) CW_MUST_USE;
void cw_ingest_free(struct cw_ingest *ingest);

enum cw_step { CW_STEP_MORE, CW_STEP_WAIT, CW_STEP_ENDED, CW_STEP_FAILED };
/** Takes one record, or ends. For replay and tests, which interleave it with the chain. */
enum cw_step cw_ingest_step(struct cw_ingest *ingest) CW_MUST_USE;
/** Steps until the end or until *stop; returns an enum cw_exit (ended: 0; stopped: 3). */
int cw_ingest_run(struct cw_ingest *ingest, const volatile int *stop) CW_MUST_USE;
const struct cw_totals *cw_ingest_totals(const struct cw_ingest *ingest);

#endif

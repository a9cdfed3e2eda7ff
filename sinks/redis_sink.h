/*
 * redis_sink.h - alert rows into Redis, as sinks/README.md lays them out: a stage whose output is
 * elsewhere. Steps of at most 200 rows, each one MULTI that carries the position.
 *
 * The stage blocks while its server is away or full, and tries again with back-off; so the chain
 * behind it waits. It ends with CW_EXIT_REFUSED where waiting would not help, and with
 * CW_EXIT_BROKEN if it was told to stop while it waited.
 */
#ifndef CW_SINKS_REDIS_SINK_H
#define CW_SINKS_REDIS_SINK_H

#include "operators/runtime/log.h"
#include "operators/runtime/stage.h"

enum { CW_REDIS_CONTRACT = 1, CW_REDIS_STEP_ROWS = 200, CW_REDIS_FEED_MAX = 100000 };

struct cw_redis_sink;
struct cw_redis_settings {
    const char *url;          /* redis://[[user]:password@]host[:port][/db] or unix:/path */
    const char *deployment;   /* D of the key prefix; NULL: "crosswatch" */
    struct cw_id rule_set;    /* hash of the rules in force; zero: not known, not compared */
    size_t feed_max;          /* entries that the feed keeps, at least; 0: CW_REDIS_FEED_MAX */
    const volatile int *stop; /* optional: non-zero ends the waiting for a server */
};
/** Connects, checks the server and the position there. NULL: *exit_status says (CW_EXIT_REFUSED for
 *  a Redis of another log or rule set, or ahead of the log), a sentence went to stderr. */
struct cw_redis_sink *cw_redis_sink_new(const struct cw_redis_settings *settings,
                                        struct cw_log *log, int *exit_status) CW_MUST_USE;
extern const struct cw_stage cw_redis_stage;
/** What this process did, for its page of counters: never in Redis, for it differs with restarts.
 */
const struct cw_totals *cw_redis_sink_totals(const struct cw_redis_sink *sink);

/** "cw:{D}:a:all:". False: D is not 1 to 64 of A-Z a-z 0-9 . _ - */
bool cw_redis_prefix(const char *deployment, char out[96]) CW_MUST_USE CW_NONNULL(2);
/** Priority of an open alert: its level, then the time of its last event; exact as a double. */
int64_t cw_redis_priority(uint8_t level, int64_t last);
/** A time as a score: whole milliseconds, held to less than 5·10^14 from 0. */
int64_t cw_redis_time(int64_t micros);

#endif

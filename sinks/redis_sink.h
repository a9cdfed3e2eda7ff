/*
 * redis_sink.h - alert rows into Redis, as sinks/README.md lays them out: a stage whose output is
 * elsewhere. Steps of at most 200 rows, each one MULTI that carries the position.
 *
 * The stage blocks while its server is away or full, and tries again with back-off; so the chain
 * behind it waits. It ends with CW_EXIT_REFUSED where waiting would not help, with CW_EXIT_AGAIN
 * where the chain behind the log must be started again (Redis went back), and with CW_EXIT_BROKEN
 * if it was told to stop while it waited.
 */
#ifndef CW_SINKS_REDIS_SINK_H
#define CW_SINKS_REDIS_SINK_H

#include "operators/runtime/log.h"
#include "operators/runtime/stage.h"
#include "sinks/redis_layout.h"

enum { CW_REDIS_STEP_ROWS = 200, CW_REDIS_FEED_MAX = 100000 };

struct cw_redis_sink;
struct cw_redis_settings {
    const char *url;              /* redis://[[user]:password@]host[:port][/db] or unix:/path */
    const char *deployment;       /* D of the key prefix; NULL: "crosswatch" */
    const char *const *audiences; /* beside `all`, which is always there */
    size_t audience_count;
    struct cw_id rule_set;    /* hash of the rules in force; zero: not known, not compared */
    bool rebuild;             /* write a new generation, whatever stands there */
    bool live;                /* alerts get a time to live, a week behind their expiry */
    uint64_t seen_generation; /* a Redis that is behind these has gone back: what an earlier sink */
    uint64_t seen_tick;       /* of this log is known to have written; 0: none */
    size_t feed_max;          /* entries that the feed keeps, at least; 0: CW_REDIS_FEED_MAX */
    const volatile int *stop; /* optional: non-zero ends the waiting for a server */
};
/** Connects, checks the server, its rights there and the position. NULL: *exit_status says
 *  (CW_EXIT_REFUSED for a Redis ahead of the log, CW_EXIT_USAGE for names that are none), a
 *  sentence went to stderr. Copies what it keeps of the settings. */
struct cw_redis_sink *cw_redis_sink_new(const struct cw_redis_settings *settings,
                                        struct cw_log *log, int *exit_status) CW_MUST_USE;
extern const struct cw_stage cw_redis_stage;
/** What this process did, for its page of counters: never in Redis, for it differs with restarts.
 *  sink.generation and sink.tick say how far it has written, sink.target where. */
const struct cw_totals *cw_redis_sink_totals(const struct cw_redis_sink *sink);
/** A number for a server, database and deployment (never for a user or password), as sink.target
 *  has it; above 0. 0: the URL is none. */
int64_t cw_redis_target(const char *url, const char *deployment) CW_NONNULL(1);

#endif

/*
 * redis_sink.h - alert rows into Redis, as sinks/README.md lays them out: a stage whose output is
 * elsewhere. Steps of at most 200 rows, each one MULTI that carries the position.
 */
#ifndef CW_SINKS_REDIS_SINK_H
#define CW_SINKS_REDIS_SINK_H

#include "operators/runtime/log.h"
#include "operators/runtime/stage.h"

struct cw_redis_sink;
struct cw_redis_settings {
    const char *url;        /* redis://[:password@]host:port[/db] */
    const char *deployment; /* D of the key prefix; NULL: "crosswatch" */
    struct cw_id rule_set;  /* hash of the rules in force; zero: not known, not compared */
};
/** Connects, checks the server and the position there. NULL: *exit_status says (CW_EXIT_REFUSED for
 *  a Redis of another log or rule set, or ahead of the log), a sentence went to stderr. */
struct cw_redis_sink *cw_redis_sink_new(const struct cw_redis_settings *settings, struct cw_log *log,
                                        int *exit_status) CW_MUST_USE;
extern const struct cw_stage cw_redis_stage;

#endif

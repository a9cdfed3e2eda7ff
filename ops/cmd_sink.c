/*
 * crosswatch sink: alert rows from standard input into Redis.
 */
#include <stdio.h>
#include <unistd.h>

#include "operators/runtime/log.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/stage.h"
#include "ops/command.h"
#include "ops/counted.h"
#include "sinks/redis_sink.h"

extern const struct cw_command cw_cmd_sink;

struct arguments {
    const char *log;
    const char *redis;
    const char *deployment;
    const char *rule_set;
    const char *counters;
    uint64_t batch;
};

static int run_sink(const struct arguments *arguments, const struct cw_redis_settings *settings)
{
    char error[512];
    int status = CW_EXIT_FAILED;
    struct cw_log *log = cw_log_read(arguments->log, error, sizeof(error));
    if (log == NULL) {
        cw_error("%s", error);
        return CW_EXIT_REFUSED;
    }
    struct cw_redis_sink *sink = cw_redis_sink_new(settings, log, &status);
    if (sink != NULL) {
        struct cw_counted counted = { .stage = &cw_redis_stage,
                                      .self = sink,
                                      .totals = cw_redis_sink_totals(sink),
                                      .page = cw_counters_open(arguments->counters, "sink") };
        status = cw_filter_run(&cw_counted_stage, &counted, STDIN_FILENO, -1, arguments->batch);
    }
    cw_redis_stage.free(sink);
    cw_log_close(log);
    return status;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = { .batch = CW_BATCH_DEFAULT };
    const struct cw_option options[] = {
        { "log", CW_OPT_TEXT, &arguments.log, true,
          "directory of the log: evidence is read there" },
        { "redis", CW_OPT_TEXT, &arguments.redis, true,
          "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:/PATH" },
        { "deployment", CW_OPT_TEXT, &arguments.deployment, false,
          "D of the keys cw:{D}:… (crosswatch)" },
        { "rule-set", CW_OPT_TEXT, &arguments.rule_set, false,
          "hash of the rules in force, 32 hex digits: a Redis filled by others is refused" },
        { "batch", CW_OPT_COUNT, &arguments.batch, false, "frames a batch (512)" },
        { "counters", CW_OPT_TEXT, &arguments.counters, false, "file of the counters page" },
        { 0 },
    };
    int status = cw_options_read(&cw_cmd_sink, options, argc, argv, NULL);
    if (status >= 0)
        return status;
    cw_log_stage("sink");
    struct cw_redis_settings settings = { .url = arguments.redis,
                                          .deployment = arguments.deployment,
                                          .stop = &cw_stop };
    if (arguments.rule_set != NULL &&
        !cw_id_parse(cw_cstr(arguments.rule_set), &settings.rule_set)) {
        cw_error("--rule-set: expected 32 hex digits");
        return CW_EXIT_USAGE;
    }
    if (arguments.batch == 0) {
        cw_error("--batch: expected a number of frames above 0, found 0");
        return CW_EXIT_USAGE;
    }
    cw_catch_signals();
    return run_sink(&arguments, &settings);
}

const struct cw_command cw_cmd_sink = {
    .name = "sink",
    .usage = "--log DIR --redis URL [--deployment D] [--rule-set HEX] [--batch N] "
             "[--counters FILE]",
    .summary = "alert rows from standard input into Redis",
    .run = run,
};

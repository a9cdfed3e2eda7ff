/*
 * crosswatch sink: alert rows from standard input into Redis.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "operators/runtime/log.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/stage.h"
#include "ops/command.h"
#include "ops/counted.h"
#include "sinks/redis_acl.h"
#include "sinks/redis_sink.h"

extern const struct cw_command cw_cmd_sink;

struct arguments {
    const char *log;
    const char *redis;
    const char *deployment;
    const char *rule_set;
    const char *seen;
    const char *passwords;
    const char *counters;
    struct cw_text_list audiences;
    bool rebuild;
    bool live;
    bool acl;
    uint64_t batch;
};

static int print_acl(const struct arguments *arguments)
{
    char error[512];
    const struct cw_redis_acl acl = { .deployment = arguments->deployment,
                                      .audiences = arguments->audiences.items,
                                      .audience_count = arguments->audiences.count,
                                      .passwords = arguments->passwords };
    if (!cw_redis_acl_print(&acl, stdout, error, sizeof(error))) {
        cw_error("%s", error);
        return CW_EXIT_USAGE;
    }
    return fflush(stdout) == 0 ? CW_EXIT_OK : CW_EXIT_FAILED;
}

/* GENERATION:TICK */
static bool read_seen(const char *text, struct cw_redis_settings *out)
{
    int end = 0;
    return sscanf(text, "%" SCNu64 ":%" SCNu64 "%n", &out->seen_generation, &out->seen_tick,
                  &end) == 2 &&
           text[end] == '\0';
}

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

static int run_with(const struct arguments *arguments)
{
    struct cw_redis_settings settings = { .url = arguments->redis,
                                          .deployment = arguments->deployment,
                                          .audiences = arguments->audiences.items,
                                          .audience_count = arguments->audiences.count,
                                          .rebuild = arguments->rebuild,
                                          .live = arguments->live,
                                          .stop = &cw_stop };
    if (arguments->acl)
        return print_acl(arguments);
    if (arguments->log == NULL || arguments->redis == NULL) {
        cw_error("expected --log DIR and --redis URL (or --acl)");
        return CW_EXIT_USAGE;
    }
    if (arguments->rule_set != NULL &&
        !cw_id_parse(cw_cstr(arguments->rule_set), &settings.rule_set)) {
        cw_error("--rule-set: expected 32 hex digits");
        return CW_EXIT_USAGE;
    }
    if (arguments->seen != NULL && !read_seen(arguments->seen, &settings)) {
        cw_error("--seen: expected GENERATION:TICK, found \"%s\"", arguments->seen);
        return CW_EXIT_USAGE;
    }
    if (arguments->batch == 0) {
        cw_error("--batch: expected a number of frames above 0, found 0");
        return CW_EXIT_USAGE;
    }
    cw_catch_signals();
    return run_sink(arguments, &settings);
}

static int run(int argc, char **argv)
{
    struct arguments arguments = { .batch = CW_BATCH_DEFAULT };
    const struct cw_option options[] = {
        { "log", CW_OPT_TEXT, &arguments.log, false,
          "directory of the log: evidence is read there" },
        { "redis", CW_OPT_TEXT, &arguments.redis, false,
          "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:/PATH" },
        { "deployment", CW_OPT_TEXT, &arguments.deployment, false,
          "D of the keys cw:{D}:… (crosswatch)" },
        { "audience", CW_OPT_LIST, &arguments.audiences, false,
          "write a copy of what this audience may see, beside that of all; repeatable" },
        { "rule-set", CW_OPT_TEXT, &arguments.rule_set, false,
          "hash of the rules in force, 32 hex digits: a Redis filled by others is filled again" },
        { "rebuild", CW_OPT_FLAG, &arguments.rebuild, false,
          "fill Redis again under a new generation, whatever stands there" },
        { "live", CW_OPT_FLAG, &arguments.live, false,
          "alerts get a time to live, a week behind their expiry" },
        { "seen", CW_OPT_TEXT, &arguments.seen, false,
          "GENERATION:TICK that an earlier sink wrote: a Redis behind it is filled again" },
        { "acl", CW_OPT_FLAG, &arguments.acl, false,
          "print the users of such a Redis as lines of an ACL file, and end" },
        { "passwords", CW_OPT_TEXT, &arguments.passwords, false,
          "with --acl: directory of files named as the users, each a password" },
        { "batch", CW_OPT_COUNT, &arguments.batch, false, "frames a batch (512)" },
        { "counters", CW_OPT_TEXT, &arguments.counters, false, "file of the counters page" },
        { 0 },
    };
    int status = cw_options_read(&cw_cmd_sink, options, argc, argv, NULL);
    if (status >= 0)
        return status;
    cw_log_stage("sink");
    status = run_with(&arguments);
    free(arguments.audiences.items);
    return status;
}

const struct cw_command cw_cmd_sink = {
    .name = "sink",
    .usage = "--log DIR --redis URL [--audience NAME…] [--deployment D] [--rebuild] [options] | "
             "--acl [--audience NAME…] [--deployment D] [--passwords DIR]",
    .summary = "alert rows from standard input into Redis; or the users that such a Redis needs",
    .run = run,
};

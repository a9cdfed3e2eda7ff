#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "operators/runtime/logging.h"
#include "ops/commands.h"
#include "ops/fused.h"
#include "ops/ingest_args.h"
#include "ops/rules_arg.h"
#include "sinks/export.h"

static bool write_file(const char *dir, const char *name, bool (*write)(void *context, FILE *file),
                       void *context)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL && write(context, file);
    if (file != NULL && fclose(file) != 0)
        ok = false;
    if (!ok)
        cw_error("cannot write %s: %s", path, strerror(errno));
    return ok;
}

static bool write_alerts(void *context, FILE *file)
{
    return cw_export_write(context, file);
}

static bool write_entities(void *context, FILE *file)
{
    struct cw_fused *fused = context;
    return cw_link_export(fused->link, fused->log, file);
}

struct replay {
    struct cw_ingest_args args;
    const char *rules;
    const char *export_dir;
    const char *dead_letters;
    uint64_t batch;
};

static int replay_with(struct replay *replay, const struct cw_secret *secret,
                       const struct cw_rules *rules, struct cw_sources *sources)
{
    struct cw_ingest_settings settings = { .dead_letters = replay->dead_letters };
    if (!cw_ingest_args_read(&replay->args, &settings))
        return CW_EXIT_USAGE;
    struct cw_log *log = cw_log_memory();
    struct cw_export *export = cw_export_new(log);
    struct cw_fused *fused = cw_fused_new(
        secret, log, rules, (struct cw_chain_link){ &cw_export_stage, export }, replay->batch);
    struct cw_ingest *ingest = cw_ingest_new(secret, log, sources, &settings);
    int status = ingest != NULL ? cw_fused_run(fused, ingest, &cw_stop) : CW_EXIT_FAILED;
    if (status == CW_EXIT_OK) {
        const struct cw_totals *totals = cw_ingest_totals(ingest);
        bool written = write_file(replay->export_dir, "alerts.jsonl", write_alerts, export) &&
                       write_file(replay->export_dir, "entities.jsonl", write_entities, fused);
        cw_info("replayed %lld events (%lld rejected): %zu alerts in %s/alerts.jsonl",
                (long long)cw_total_get(totals, "ingest.events"),
                (long long)cw_total_get(totals, "ingest.rejected"), cw_export_count(export),
                replay->export_dir);
        status = written ? CW_EXIT_OK : CW_EXIT_FAILED;
    }
    cw_ingest_free(ingest);
    cw_fused_free(fused);
    cw_export_stage.free(export);
    cw_log_close(log);
    return status;
}

static int run(int argc, char **argv)
{
    struct replay replay = { .batch = CW_BATCH_DEFAULT };
    const struct cw_option options[] = {
        { "source", CW_OPT_LIST, &replay.args.sources, true,
          "PATH|-|kafka://HOST:PORT/TOPIC[,contract=FILE|DIR][,end=offsets|never]; repeatable" },
        { "rules", CW_OPT_TEXT, &replay.rules, true, "rule file, or directory of rule files" },
        { "export", CW_OPT_TEXT, &replay.export_dir, true,
          "directory for alerts.jsonl and entities.jsonl" },
        { "retention", CW_OPT_TEXT, &replay.args.retention, false,
          "DATE, or \"events\"; by default nothing ends" },
        { "rates", CW_OPT_TEXT, &replay.args.rates_path, false, CW_RATES_HELP },
        { "tick", CW_OPT_COUNT, &replay.args.tick, false, "admitted events a tick (4096)" },
        { "batch", CW_OPT_COUNT, &replay.batch, false, "frames a batch at most (512)" },
        { "dead-letters", CW_OPT_TEXT, &replay.dead_letters, false,
          "directory to keep rejected bytes in" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_replay, options, argc, argv, NULL);
    if (status >= 0)
        return status;
    if (mkdir(replay.export_dir, 0755) != 0 && errno != EEXIST) {
        cw_error("%s: cannot make it: %s", replay.export_dir, strerror(errno));
        return CW_EXIT_FAILED;
    }
    struct cw_secret secret;
    struct cw_rules *rules = cw_rules_arg(replay.rules);
    if (rules == NULL || !cw_secret_from_environment(&secret))
        return CW_EXIT_FAILED;
    struct cw_sources *sources = cw_ingest_args_open(&replay.args);
    status = sources != NULL ? replay_with(&replay, &secret, rules, sources) : CW_EXIT_FAILED;
    cw_sources_free(sources);
    cw_rules_free(rules);
    cw_ingest_args_done(&replay.args);
    return status;
}

const struct cw_command cw_cmd_replay = {
    .name = "replay",
    .usage = "--source SPEC… --rules DIR --export DIR [options]",
    .summary = "run all stages in one process, without Redis, and export what stands at the end",
    .run = run,
};

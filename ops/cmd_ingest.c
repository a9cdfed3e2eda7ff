#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/logging.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"
#include "ops/ingest_args.h"

struct arguments {
    struct cw_ingest_args shared;
    const char *log;
    const char *dead_letters;
    const char *log_sync;
    const char *counters;
};

/* `path` gets LOG/dead-letters where no directory is named. */
static bool read_settings(struct arguments *arguments, struct cw_buf *path,
                          struct cw_ingest_settings *settings)
{
    *settings = (struct cw_ingest_settings){ .dead_letters = arguments->dead_letters,
                                             .counters = arguments->counters };
    if (arguments->log_sync != NULL && strcmp(arguments->log_sync, "tick") != 0) {
        cw_error("--log-sync: expected tick, found \"%s\"", arguments->log_sync);
        return false;
    }
    settings->sync_ticks = arguments->log_sync != NULL;
    if (settings->dead_letters == NULL) {
        cw_buf_printf(path, "%s/dead-letters", arguments->log);
        cw_buf_u8(path, 0);
        settings->dead_letters = (const char *)path->data;
    }
    return cw_ingest_args_read(&arguments->shared, settings);
}

static void tell_of_contracts(struct cw_sources *sources)
{
    size_t count;
    size_t without = 0;
    const struct cw_source *all = cw_sources_all(sources, &count);
    for (size_t i = 0; i < count; i++)
        without += all[i].contract->text == NULL;
    if (without > 0)
        cw_info("%zu of %zu sources have no contract: any owner, their own schema, lateness 7 d, "
                "no restrictions",
                without, count);
}

/* Totals only: counts by reason, no ids and no values. */
static void closing_line(const struct cw_totals *totals, int exit_status)
{
    struct cw_buf line = { 0 };
    int64_t rejected = cw_total_get(totals, "ingest.rejected");
    const char *how = "the sources were read to their end, and the log is complete";
    if (exit_status == CW_EXIT_BROKEN)
        how = "stopped before the end of the sources; start again on the same log to go on";
    else if (exit_status != CW_EXIT_OK)
        how = "a source failed; start again on the same log to go on";
    cw_buf_printf(&line, "%s; exit status %d; %lld events admitted, %lld dead letters;", how,
                  exit_status, (long long)cw_total_get(totals, "ingest.events"),
                  (long long)rejected);
    for (size_t i = 0; i < totals->count; i++)
        cw_buf_printf(&line, " %s=%lld", totals->of[i].name, (long long)totals->of[i].value);
    cw_info("%.*s", (int)line.len, (const char *)line.data);
    cw_buf_done(&line);
}

static int ingest(const char *dir, struct cw_sources *sources,
                  const struct cw_ingest_settings *settings)
{
    char error[512];
    struct cw_secret secret;
    tell_of_contracts(sources);
    if (!cw_secret_from_environment(&secret))
        return CW_EXIT_FAILED;
    struct cw_log *log = cw_log_write(dir, error, sizeof(error));
    if (log == NULL) {
        cw_error("%s", error);
        return CW_EXIT_REFUSED;
    }
    int status = CW_EXIT_REFUSED;
    struct cw_ingest *driver = cw_ingest_new(&secret, log, sources, settings);
    if (driver != NULL) {
        status = cw_ingest_run(driver, &cw_stop);
        closing_line(cw_ingest_totals(driver), status);
    }
    cw_ingest_free(driver);
    cw_log_close(log);
    return status;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = { 0 };
    const struct cw_option options[] = {
        { "source", CW_OPT_LIST, &arguments.shared.sources, true,
          "PATH (container file, JSON lines, directory), - or kafka://HOST:PORT/TOPIC, each with "
          "[,contract=FILE|DIR][,end=offsets|never]; may be repeated" },
        { "log", CW_OPT_TEXT, &arguments.log, true,
          "directory of the log; made if it is not there" },
        { "tick", CW_OPT_COUNT, &arguments.shared.tick, false, "events between two ticks (4096)" },
        { "retention", CW_OPT_TEXT, &arguments.shared.retention, false,
          "DATE: what ends before it has ended; events: the greatest event time is the date; "
          "without it the clock where a source is live, else nothing ends" },
        { "rates", CW_OPT_TEXT, &arguments.shared.rates_path, false, CW_RATES_HELP },
        { "dead-letters", CW_OPT_TEXT, &arguments.dead_letters, false,
          "directory for what cannot be read (LOG/dead-letters)" },
        { "log-sync", CW_OPT_TEXT, &arguments.log_sync, false,
          "tick: safe from power loss at every tick" },
        { "counters", CW_OPT_TEXT, &arguments.counters, false, "file of the counters page" },
        { 0 },
    };
    int status = cw_options_read(&cw_cmd_ingest, options, argc, argv, NULL);
    if (status >= 0)
        return status;
    struct cw_buf path = { 0 };
    struct cw_ingest_settings settings;
    struct cw_sources *sources = NULL;
    status = CW_EXIT_USAGE;
    if (read_settings(&arguments, &path, &settings)) {
        sources = cw_ingest_args_open(&arguments.shared);
        status = sources != NULL ? ingest(arguments.log, sources, &settings) : CW_EXIT_FAILED;
    }
    cw_sources_free(sources);
    cw_buf_done(&path);
    cw_ingest_args_done(&arguments.shared);
    return status;
}

const struct cw_command cw_cmd_ingest = {
    .name = "ingest",
    .usage = "--source SPEC… --log DIR [--tick N] [--retention DATE|events] [--rates FILE] "
             "[--dead-letters DIR] [--log-sync tick] [--counters FILE]",
    .summary = "foreign records in, the log out",
    .run = run,
};

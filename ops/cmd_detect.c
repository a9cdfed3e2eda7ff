#include <unistd.h>

#include "ops/commands.h"
#include "ops/counted.h"
#include "ops/rules_arg.h"

static int run(int argc, char **argv)
{
    const char *path = NULL;
    const char *counters = NULL;
    uint64_t batch = CW_BATCH_DEFAULT;
    const struct cw_option options[] = {
        { "rules", CW_OPT_TEXT, &path, true, "rule file, or directory of rule files" },
        { "batch", CW_OPT_COUNT, &batch, false, "frames a batch at most (512)" },
        { "counters", CW_OPT_TEXT, &counters, false, "file for the page of counters" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_detect, options, argc, argv, NULL);
    if (status >= 0)
        return status;
    cw_default_signals();
    struct cw_secret secret;
    struct cw_rules *rules = cw_rules_arg(path);
    if (rules == NULL || !cw_secret_from_environment(&secret))
        return CW_EXIT_FAILED;
    struct cw_detect *detect = cw_detect_new(&secret, rules);
    struct cw_counted counted = { &cw_detect_stage, detect, cw_detect_totals(detect),
                                  cw_counters_open(counters, "detect"), 0 };
    status = cw_filter_run(&cw_counted_stage, &counted, STDIN_FILENO, STDOUT_FILENO,
                           batch > 0 ? batch : 1);
    cw_detect_stage.free(detect);
    cw_rules_free(rules);
    return status;
}

const struct cw_command cw_cmd_detect = {
    .name = "detect",
    .usage = "--rules DIR [--batch N] [--counters FILE]  < linked facts > alert rows",
    .summary = "watch entities for the patterns of the rules; a filter",
    .run = run,
};

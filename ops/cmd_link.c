#include <unistd.h>

#include "operators/link/link.h"
#include "ops/commands.h"
#include "ops/counted.h"

static int run(int argc, char **argv)
{
    const char *counters = NULL;
    uint64_t batch = CW_BATCH_DEFAULT;
    const struct cw_option options[] = {
        { "batch", CW_OPT_COUNT, &batch, false, "frames a batch at most (512)" },
        { "counters", CW_OPT_TEXT, &counters, false, "file for the page of counters" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_link, options, argc, argv, NULL);
    if (status >= 0)
        return status;
    cw_default_signals();
    struct cw_secret secret;
    if (!cw_secret_from_environment(&secret))
        return CW_EXIT_FAILED;
    struct cw_link *link = cw_link_new(&secret);
    struct cw_counted counted = { &cw_link_stage, link, cw_link_totals(link),
                                  cw_counters_open(counters, "link"), 0 };
    status = cw_filter_run(&cw_counted_stage, &counted, STDIN_FILENO, STDOUT_FILENO,
                           batch > 0 ? batch : 1);
    cw_link_stage.free(link);
    return status;
}

const struct cw_command cw_cmd_link = {
    .name = "link",
    .usage = "[--batch N] [--counters FILE]  < facts > linked facts",
    .summary = "join the records that speak of the same; a filter",
    .run = run,
};

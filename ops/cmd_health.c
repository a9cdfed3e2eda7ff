#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operators/runtime/counters.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"

/* A number alone may be another program's by now: the process must run this very file. */
static bool runs_this_program(uint32_t pid)
{
    char path[64], its[4096], own[4096];
    snprintf(path, sizeof(path), "/proc/%u/exe", pid);
    ssize_t its_len = readlink(path, its, sizeof(its));
    ssize_t own_len = readlink("/proc/self/exe", own, sizeof(own));
    return its_len > 0 && its_len == own_len && memcmp(its, own, (size_t)own_len) == 0;
}

static bool is_well(const char *log, const char *stage)
{
    char path[4096];
    struct cw_counters_page page;
    snprintf(path, sizeof(path), "%s/run/%s.counters", log, stage);
    if (!cw_counters_read(path, &page)) {
        cw_error("%s: expected the counters of a running %s, found none; has it started?", path,
                 stage);
        return false;
    }
    if (!runs_this_program(page.pid)) {
        cw_error("%s ran as process %u, which is gone: its own last message says why", stage,
                 page.pid);
        return false;
    }
    return true;
}

static int run(int argc, char **argv)
{
    const char *log = NULL;
    struct cw_text_list stages = { 0 };
    const struct cw_option options[] = {
        { "log", CW_OPT_TEXT, &log, true, "the log that the stages work on" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_health, options, argc, argv, &stages);
    if (status >= 0)
        return status;
    status = CW_EXIT_OK;
    if (stages.count == 0) {
        cw_error("health: expected the names of stages, such as dedup link detect sink");
        status = CW_EXIT_USAGE;
    }
    for (size_t i = 0; i < stages.count; i++) {
        if (!is_well(log, stages.items[i]))
            status = CW_EXIT_FAILED;
    }
    free(stages.items);
    return status;
}

const struct cw_command cw_cmd_health = {
    .name = "health",
    .usage = "--log DIR STAGE…",
    .summary = "exit 0 if these stages run here, as a container's health check asks",
    .run = run,
};

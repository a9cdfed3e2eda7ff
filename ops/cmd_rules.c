/* cmd_rules.c - what can be asked of rule files without a chain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detectors/rule.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"

static int check(const char *path)
{
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_check(path, &errors);
    if (rules == NULL) {
        fwrite(errors.data, 1, errors.len, stdout);
        cw_buf_done(&errors);
        return CW_EXIT_FAILED;
    }
    printf("%s: %zu rules over %zu detections, no mistakes\n", path, cw_rules_count(rules),
           rules->selection_count);
    cw_rules_free(rules);
    return CW_EXIT_OK;
}

static int run(int argc, char **argv)
{
    const struct cw_option options[] = { { .name = NULL } };
    struct cw_text_list rest = { 0 };
    int status = cw_options_read(&cw_cmd_rules, options, argc, argv, &rest);
    if (status >= 0)
        return status;
    if (rest.count == 2 && strcmp(rest.items[0], "check") == 0) {
        status = check(rest.items[1]);
    } else {
        fprintf(stderr, "crosswatch rules: expected check and a directory or a file: crosswatch "
                        "rules check DIR\n");
        status = CW_EXIT_USAGE;
    }
    free(rest.items);
    return status;
}

const struct cw_command cw_cmd_rules = {
    .name = "rules",
    .usage = "check DIR",
    .summary = "parse and check rule files; every mistake with its place",
    .run = run,
};

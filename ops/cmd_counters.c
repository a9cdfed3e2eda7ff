#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/counters.h"
#include "operators/runtime/json.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"

static int print_page(const char *path)
{
    struct cw_counters_page page;
    if (!cw_counters_read(path, &page)) {
        cw_error("%s: expected a page of counters, found none", path);
        return CW_EXIT_FAILED;
    }
    struct cw_buf text = { 0 };
    struct cw_json json = cw_json(&text);
    cw_json_open(&json, '{');
    cw_json_kcstr(&json, "stage", page.stage);
    cw_json_kint(&json, "pid", page.pid);
    for (uint32_t i = 0; i < page.count; i++)
        cw_json_kint(&json, page.of[i].name, page.of[i].value);
    cw_json_close(&json, '}');
    printf("%.*s\n", (int)text.len, (const char *)text.data);
    cw_buf_done(&text);
    return CW_EXIT_OK;
}

static int run(int argc, char **argv)
{
    const char *log = NULL;
    struct cw_text_list files = { 0 };
    const struct cw_option options[] = {
        { "log", CW_OPT_TEXT, &log, false, "the log of a running chain: all pages in LOG/run" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_counters, options, argc, argv, &files);
    if (status >= 0)
        return status;
    status = CW_EXIT_OK;
    for (size_t i = 0; i < files.count; i++)
        status |= print_page(files.items[i]);
    free(files.items);
    if (log == NULL)
        return status;
    char path[4096];
    snprintf(path, sizeof(path), "%s/run", log);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        cw_error("%s: no such directory; `crosswatch run` makes it", path);
        return CW_EXIT_FAILED;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".counters") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/run/%s", log, entry->d_name);
        status |= print_page(path);
    }
    closedir(dir);
    return status;
}

const struct cw_command cw_cmd_counters = {
    .name = "counters",
    .usage = "FILE… | --log DIR",
    .summary = "print the counters of running processes, one JSON line each",
    .run = run,
};

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/logging.h"
#include "ops/commands.h"
#include "ops/fused.h"

static const char usage[] =
    "crosswatch entity: expected: show WHO --log DIR, or why A B --log DIR, where each is the id "
    "of "
    "a record, core or entity (32 hex digits), or a mention as OWNER/EVENT_ID or "
    "OWNER/EVENT_ID/PART\n";

/* Computes the identities of a log again, then asks them: about one, or about two. */
static int ask(const char *dir, const char *const *who, size_t count, bool json)
{
    struct cw_secret secret;
    char error[CW_LINK_ERROR];
    if (!cw_secret_from_environment(&secret))
        return CW_EXIT_FAILED;
    struct cw_log *log = cw_log_read(dir, error, sizeof(error));
    if (log == NULL) {
        cw_error("%s", error);
        return CW_EXIT_FAILED;
    }
    struct cw_fused *fused =
        cw_fused_new(&secret, log, NULL, (struct cw_chain_link){ NULL, NULL }, CW_BATCH_DEFAULT);
    int status = cw_fused_pump(fused, true);
    if (status == CW_EXIT_OK) {
        bool answered = count == 1
                            ? cw_link_show(fused->link, log, cw_cstr(who[0]), json, stdout, error)
                            : cw_link_why(fused->link, log, cw_cstr(who[0]), cw_cstr(who[1]), json,
                                          stdout, error);
        if (!answered) {
            cw_error("%s", error);
            status = CW_EXIT_FAILED;
        }
    }
    cw_fused_free(fused);
    cw_log_close(log);
    return status;
}

/* An id, or something with an owner before it. */
static bool names_somebody(const char *who)
{
    struct cw_id id;
    return cw_id_parse(cw_cstr(who), &id) || strchr(who, '/') != NULL;
}

static int run(int argc, char **argv)
{
    const char *dir = NULL;
    bool json = false;
    struct cw_text_list words = { 0 };
    const struct cw_option options[] = {
        { "log", CW_OPT_TEXT, &dir, true, "directory of the log" },
        { "json", CW_OPT_FLAG, &json, false, "one JSON object instead of text" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_entity, options, argc, argv, &words);
    if (status >= 0)
        return status;
    bool known = (words.count == 2 && strcmp(words.items[0], "show") == 0) ||
                 (words.count == 3 && strcmp(words.items[0], "why") == 0);
    for (size_t i = 1; known && i < words.count; i++)
        known = names_somebody(words.items[i]);
    if (known) {
        status = ask(dir, words.items + 1, words.count - 1, json);
    } else {
        (void)fputs(usage, stderr);
        status = CW_EXIT_USAGE;
    }
    free(words.items);
    return status;
}

const struct cw_command cw_cmd_entity = {
    .name = "entity",
    .usage = "show WHO | why A B --log DIR [--json]",
    .summary = "who is that, and why two are one or are not, as the log has it now",
    .run = run,
};

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/logging.h"
#include "ops/commands.h"
#include "ops/fused.h"

/* Computes the identities of a log again, then asks them. */
static int show(const char *dir, struct cw_id id)
{
    struct cw_secret secret;
    char error[256];
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
    if (status == CW_EXIT_OK && !cw_link_show(fused->link, log, id, stdout)) {
        cw_error("no entity of that id stands in the log: it may have merged, split or gone; the "
                 "alerts that named it name its successor");
        status = CW_EXIT_FAILED;
    }
    cw_fused_free(fused);
    cw_log_close(log);
    return status;
}

static int run(int argc, char **argv)
{
    const char *dir = NULL;
    struct cw_text_list words = { 0 };
    const struct cw_option options[] = {
        { "log", CW_OPT_TEXT, &dir, true, "directory of the log" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_entity, options, argc, argv, &words);
    if (status >= 0)
        return status;
    struct cw_id id;
    if (words.count != 2 || strcmp(words.items[0], "show") != 0 ||
        !cw_id_parse(cw_cstr(words.items[1]), &id)) {
        fprintf(stderr,
                "crosswatch entity: expected: show ID --log DIR, where ID is 32 hex digits\n");
        free(words.items);
        return CW_EXIT_USAGE;
    }
    free(words.items);
    return show(dir, id);
}

const struct cw_command cw_cmd_entity = {
    .name = "entity",
    .usage = "show ID --log DIR",
    .summary = "who is that: members, identifiers they share, owners, as the log has it now",
    .run = run,
};

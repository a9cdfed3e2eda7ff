/*
 * cmd_import.c - crosswatch import: real lists as canonical events, on standard output.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/importers/import.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/stage.h"
#include "operators/runtime/time.h"
#include "ops/command.h"

static int import_run(int argc, char **argv);

const struct cw_command cw_cmd_import = {
    .name = "import",
    .usage = "un-sc|senzing FILE… [--as-of DATE] > events.avro, or amlsim DIR [--epoch DATE]",
    .summary = "turn a public list or data set into events",
    .run = import_run,
};

static bool is_directory(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static char *inside(const char *directory, const char *name)
{
    struct cw_buf path = { 0 };
    cw_buf_printf(&path, "%s/%s", directory, name);
    cw_buf_u8(&path, 0);
    return (char *)path.data;
}

static void add_path(struct cw_text_list *paths, char *path)
{
    paths->items = cw_realloc(paths->items, (paths->count + 1) * sizeof(paths->items[0]));
    paths->items[paths->count++] = path;
}

/* A directory stands for the two files of it that become events. */
static void add_senzing(struct cw_text_list *paths, const char *path)
{
    static const char *const names[] = { "watchlist.jsonl", "customers.jsonl" };
    if (!is_directory(path)) {
        add_path(paths, cw_strdup(path));
        return;
    }
    for (size_t i = 0; i < 2; i++)
        add_path(paths, inside(path, names[i]));
    char *reference = inside(path, "reference.jsonl");
    if (access(reference, F_OK) == 0)
        fprintf(stderr, "import: %s is left out: its records are neither notices nor customers\n",
                reference);
    free(reference);
}

static void print_counts(const struct cw_import_counts *counts)
{
    const struct {
        uint64_t count;
        const char *what;
    } doubts[] = {
        { counts->undated, "rows without a date, which got the as-of date" },
        { counts->unknown_countries, "names of countries or states that the table does not have" },
        { counts->bad_dates, "dates that are none, left out" },
        { counts->ranges, "birth dates given as a range of years, left out" },
        { counts->cut, "names, identifiers or addresses beyond the caps of a party" },
        { counts->skipped, "rows without an id, left out" },
    };
    fprintf(stderr,
            "import: %" PRIu64 " notices (%" PRIu64 " of organisations), %" PRIu64
            " account openings\n",
            counts->notices, counts->organisations, counts->accounts);
    for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
        if (doubts[i].count > 0)
            fprintf(stderr, "import: %" PRIu64 " %s\n", doubts[i].count, doubts[i].what);
    }
}

static bool read_all(struct cw_import *import, const char *format, const struct cw_text_list *rest,
                     int64_t as_of, char error[CW_IMPORT_ERROR])
{
    bool ok = true;
    if (strcmp(format, "un-sc") == 0) {
        for (size_t i = 1; ok && i < rest->count; i++)
            ok = cw_import_un_sc(import, rest->items[i], error);
        return ok;
    }
    struct cw_text_list paths = { 0 };
    for (size_t i = 1; i < rest->count; i++)
        add_senzing(&paths, rest->items[i]);
    CW_CHECK(paths.items != NULL); /* the caller gives one path at least */
    ok = cw_import_senzing(import, paths.items, paths.count, as_of, error);
    for (size_t i = 0; i < paths.count; i++)
        free((void *)(uintptr_t)paths.items[i]);
    free(paths.items);
    return ok;
}

static bool import_amlsim(const struct cw_text_list *rest, int64_t epoch,
                          char error[CW_IMPORT_ERROR])
{
    struct cw_amlsim_counts counts;
    if (rest->count != 2) {
        snprintf(error, CW_IMPORT_ERROR, "expected one directory behind amlsim, found %zu",
                 rest->count - 1);
        return false;
    }
    if (!cw_import_amlsim(rest->items[1], epoch, stdout, &counts, error))
        return false;
    fprintf(stderr, "import: %" PRIu64 " payments, %" PRIu64 " of them equal to an earlier one\n",
            counts.payments, counts.repeats);
    return true;
}

static bool import_list(const struct cw_text_list *rest, int64_t as_of, char error[CW_IMPORT_ERROR])
{
    struct cw_import *import = cw_import_new();
    bool ok = read_all(import, rest->items[0], rest, as_of, error) &&
              cw_import_write(import, as_of, stdout, error);
    if (ok)
        print_counts(cw_import_counts(import));
    cw_import_free(import);
    return ok;
}

static int import_run(int argc, char **argv)
{
    int64_t as_of = CW_TIME_MIN;
    int64_t epoch = cw_days_from_civil(2017, 1, 1) * CW_DAY;
    const struct cw_option options[] = {
        { "as-of", CW_OPT_TIME, &as_of, false,
          "date of rows without one; all are kept five years from it (default: the newest date in "
          "the files)" },
        { "epoch", CW_OPT_TIME, &epoch, false, "of amlsim: the date of step 0 (2017-01-01)" },
        { 0 },
    };
    struct cw_text_list rest = { 0 };
    int status = cw_options_read(&cw_cmd_import, options, argc, argv, &rest);
    if (status >= 0) {
        free(rest.items);
        return status;
    }
    bool amlsim = rest.count > 0 && strcmp(rest.items[0], "amlsim") == 0;
    bool known = amlsim || (rest.count > 0 && (strcmp(rest.items[0], "un-sc") == 0 ||
                                               strcmp(rest.items[0], "senzing") == 0));
    if (!known || rest.count < 2) {
        fprintf(
            stderr,
            "import: expected a list (un-sc, senzing or amlsim) and its files, found %s; usage: "
            "crosswatch import %s\n",
            known            ? "no file"
            : rest.count > 0 ? rest.items[0]
                             : "nothing",
            cw_cmd_import.usage);
        free(rest.items);
        return CW_EXIT_USAGE;
    }
    if (isatty(STDOUT_FILENO)) {
        fprintf(stderr, "import: the events are Avro, which a terminal cannot show; add > FILE\n");
        free(rest.items);
        return CW_EXIT_USAGE;
    }

    char error[CW_IMPORT_ERROR] = "";
    bool ok = amlsim ? import_amlsim(&rest, epoch, error) : import_list(&rest, as_of, error);
    if (!ok)
        fprintf(stderr, "import: %s\n", error);
    free(rest.items);
    return ok ? CW_EXIT_OK : CW_EXIT_FAILED;
}

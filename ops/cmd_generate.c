/*
 * cmd_generate.c - crosswatch generate: a scenario with known answers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ingest/importers/generate.h"
#include "operators/runtime/stage.h"
#include "ops/command.h"

static int generate_run(int argc, char **argv);

const struct cw_command cw_cmd_generate = {
    .name = "generate",
    .usage = "--events N --seed S --out DIR [--mix agencies|payments]",
    .summary = "write a scenario of several agencies, with the truth about it",
    .run = generate_run,
};

static void print_counts(const struct cw_generate_counts *counts, const char *out)
{
    printf("%s: %" PRIu64 " events, %" PRIu64 " of them sent again, %" PRIu64
           " amendments, %" PRIu64 " withdrawals, %" PRIu64 " late by more than an hour, %" PRIu64
           " malformed\n",
           out, counts->events, counts->repeats, counts->amendments, counts->withdrawals,
           counts->late, counts->malformed);
    for (unsigned i = 0; cw_generate_rule(i) != NULL; i++) {
        if (counts->planted[i] + counts->lookalikes[i] == 0)
            continue;
        printf("%s: %" PRIu64 " planted, %" PRIu64 " look-alikes\n", cw_generate_rule(i),
               counts->planted[i], counts->lookalikes[i]);
    }
}

static int generate_run(int argc, char **argv)
{
    uint64_t events = 0;
    uint64_t seed = 0;
    const char *out = NULL;
    const char *mix = "agencies";
    const struct cw_option options[] = {
        { "events", CW_OPT_COUNT, &events, true, "records to write, about: 20000, 20k, 5M" },
        { "seed", CW_OPT_COUNT, &seed, true, "a number; the same one gives the same files" },
        { "out", CW_OPT_TEXT, &out, true, "directory for events/, contracts/ and truth/" },
        { "mix", CW_OPT_TEXT, &mix, false,
          "agencies: all types of events (default); payments: payments alone, many of them" },
        { 0 },
    };
    int status = cw_options_read(&cw_cmd_generate, options, argc, argv, NULL);
    if (status >= 0)
        return status;
    bool payments = strcmp(mix, "payments") == 0;
    if (!payments && strcmp(mix, "agencies") != 0) {
        fprintf(stderr, "generate: --mix expected agencies or payments, found %s\n", mix);
        return CW_EXIT_USAGE;
    }
    uint64_t most = payments ? CW_GENERATE_PAYMENTS_MAX : CW_GENERATE_EVENTS_MAX;
    if (events == 0 || events > most) {
        fprintf(stderr, "generate: --events expected from 1 to %" PRIu64 ", found %" PRIu64 "\n",
                most, events);
        return CW_EXIT_USAGE;
    }
    struct cw_generate_counts counts;
    char error[CW_GENERATE_ERROR] = "";
    bool ok = payments ? cw_generate_payments(events, seed, out, &counts, error)
                       : cw_generate(events, seed, out, &counts, error);
    if (!ok) {
        fprintf(stderr, "generate: %s\n", error);
        return CW_EXIT_FAILED;
    }
    print_counts(&counts, out);
    return CW_EXIT_OK;
}

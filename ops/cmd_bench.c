/*
 * cmd_bench.c - crosswatch bench: how fast it is here, with all that the figures depend on.
 */
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/logging.h"
#include "operators/runtime/stage.h"
#include "ops/bench/bench.h"
#include "ops/commands.h"

enum { PAYMENTS = 5000000, AGENCIES = 1000000, DECODED = 1200000, ROUNDS = 5 };

static bool one_of(const char *value, const char *option, const char *a, const char *b)
{
    if (strcmp(value, a) == 0 || strcmp(value, b) == 0)
        return true;
    cw_error("--%s %s: expected %s or %s", option, value, a, b);
    return false;
}

static int measure(const char *what, struct cw_bench_settings *settings,
                   const struct cw_bench_report *report)
{
    bool chain = strcmp(what, "chain") == 0;
    if (settings->events == 0)
        settings->events = !chain                                   ? DECODED
                           : strcmp(settings->mix, "payments") == 0 ? PAYMENTS
                                                                    : AGENCIES;
    return chain ? cw_bench_chain(settings, report) : cw_bench_decode(settings, report);
}

static int run(int argc, char **argv)
{
    struct cw_bench_settings settings = { .mix = "agencies",
                                          .seed = 1,
                                          .rules = "detectors/rules",
                                          .log = "memory",
                                          .rounds = ROUNDS,
                                          .batch = CW_BATCH_DEFAULT };
    struct cw_bench_report report = { .out = stdout };
    struct cw_text_list rest = { NULL, 0 };
    const struct cw_option options[] = {
        { "mix", CW_OPT_TEXT, &settings.mix, false, "payments or agencies (agencies)" },
        { "events", CW_OPT_COUNT, &settings.events, false,
          "events to generate, about (chain: 5M payments, 1M of agencies; decode: 1200k)" },
        { "seed", CW_OPT_COUNT, &settings.seed, false, "of what is generated (1)" },
        { "source", CW_OPT_TEXT, &settings.source, false,
          "chain: read this source instead of generating one" },
        { "log", CW_OPT_TEXT, &settings.log, false, "chain: file or memory (memory)" },
        { "rules", CW_OPT_TEXT, &settings.rules, false,
          "chain: rule file, or directory of rule files (detectors/rules)" },
        { "batch", CW_OPT_COUNT, &settings.batch, false, "chain: frames a batch at most (512)" },
        { "rounds", CW_OPT_COUNT, &settings.rounds, false, "decode: rounds in turns (5)" },
        { "json", CW_OPT_FLAG, &report.json, false, "one JSON object a measure" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_bench, options, argc, argv, &rest);
    if (status >= 0)
        return status;
    status = CW_EXIT_USAGE;
    if (rest.count != 1 || settings.rounds == 0)
        cw_error("expected one of: decode, chain; found %zu words", rest.count);
    else if (one_of(rest.items[0], "", "decode", "chain") &&
             one_of(settings.mix, "mix", "payments", "agencies") &&
             one_of(settings.log, "log", "file", "memory"))
        status = measure(rest.items[0], &settings, &report);
    free(rest.items);
    return status;
}

const struct cw_command cw_cmd_bench = {
    .name = "bench",
    .usage = "decode|chain [--json] [options]",
    .summary = "measure the speed of decoding, or of the whole chain, on one core",
    .run = run,
};

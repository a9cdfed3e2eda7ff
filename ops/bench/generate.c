#include <string.h>

#include "ingest/importers/generate.h"
#include "operators/runtime/logging.h"
#include "ops/bench/bench.h"

bool cw_bench_generate(const struct cw_bench_settings *settings, const char *dir)
{
    struct cw_generate_counts counts;
    char error[CW_GENERATE_ERROR] = "";
    bool fine = cw_generate(settings->events, settings->seed, dir, &counts, error);
    if (!fine)
        cw_error("the events of the mix %s cannot be made: %s", settings->mix, error);
    return fine;
}

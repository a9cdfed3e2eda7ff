#include "ops/ingest_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/time.h"

static bool read_rates(struct cw_ingest_args *args, struct cw_ingest_settings *out)
{
    struct cw_diag diag = { 0 };
    if (args->rates_path == NULL)
        return true;
    args->rates = cw_rates_load(args->rates_path, &diag);
    if (diag.out.len != 0)
        fwrite(diag.out.data, 1, diag.out.len, stderr);
    cw_diag_done(&diag);
    out->rates = args->rates;
    return args->rates != NULL;
}

bool cw_ingest_args_read(struct cw_ingest_args *args, struct cw_ingest_settings *out)
{
    if (!read_rates(args, out))
        return false;
    out->tick_every = args->tick > 0 ? args->tick : 4096;
    out->retention = CW_RETAIN_AUTO;
    if (args->retention == NULL)
        return true;
    if (strcmp(args->retention, "events") == 0) {
        out->retention = CW_RETAIN_EVENTS;
        return true;
    }
    out->retention = CW_RETAIN_DATE;
    if (cw_time_parse(cw_cstr(args->retention), &out->retention_date))
        return true;
    fprintf(
        stderr,
        "crosswatch: --retention: expected a date such as 2026-01-31, or \"events\"; found %s\n",
        args->retention);
    return false;
}

struct cw_sources *cw_ingest_args_open(const struct cw_ingest_args *args)
{
    struct cw_sources *sources = cw_sources_new();
    for (size_t i = 0; i < args->sources.count; i++) {
        if (!cw_sources_add(sources, args->sources.items[i])) {
            cw_sources_free(sources);
            return NULL;
        }
    }
    return sources;
}

void cw_ingest_args_done(struct cw_ingest_args *args)
{
    cw_rates_free(args->rates);
    free(args->sources.items);
    *args = (struct cw_ingest_args){ 0 };
}

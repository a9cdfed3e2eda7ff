/* ingest_args.h - the options that ingest, run and replay share, and the ingest made from them. */
#ifndef CW_OPS_INGEST_ARGS_H
#define CW_OPS_INGEST_ARGS_H

#include "ingest/ingest.h"
#include "ops/command.h"

struct cw_ingest_args {
    struct cw_text_list sources;
    const char *retention;
    uint64_t tick;
};

/** Turns --retention and --tick into settings. False: a sentence went to stderr. */
bool cw_ingest_args_read(const struct cw_ingest_args *args,
                         struct cw_ingest_settings *out) CW_MUST_USE;
/** Opens all of --source. NULL: a sentence went to stderr. */
struct cw_sources *cw_ingest_args_open(const struct cw_ingest_args *args) CW_MUST_USE;

#endif

/* ingest_args.h - the options that ingest, run and replay share, and the ingest made from them. */
#ifndef CW_OPS_INGEST_ARGS_H
#define CW_OPS_INGEST_ARGS_H

#include "ingest/ingest.h"
#include "ops/command.h"

struct cw_ingest_args {
    struct cw_text_list sources;
    const char *retention;
    const char *rates_path;
    uint64_t tick;
    struct cw_rates *rates; /* what rates_path gave */
};

#define CW_RATES_HELP "FILE of lines date,currency,units per EUR (default: a list of round figures)"

/** Turns --retention, --tick and --rates into settings, which refer to `args`. False: sentences
 * went to stderr. */
bool cw_ingest_args_read(struct cw_ingest_args *args, struct cw_ingest_settings *out) CW_MUST_USE;
/** Opens all of --source. NULL: a sentence went to stderr. */
struct cw_sources *cw_ingest_args_open(const struct cw_ingest_args *args) CW_MUST_USE;
/** Frees the lists; the settings must not be used any more. */
void cw_ingest_args_done(struct cw_ingest_args *args);

#endif

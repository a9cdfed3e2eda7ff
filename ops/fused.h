/*
 * fused.h - all stages in one process, joined by function calls: the same stages, the same frames.
 * ingest writes the log; what stands there goes through dedup, link, detect and a last stage.
 */
#ifndef CW_OPS_FUSED_H
#define CW_OPS_FUSED_H

#include "detectors/detect.h"
#include "ingest/ingest.h"
#include "operators/dedup/dedup.h"
#include "operators/link/link.h"

struct cw_fused {
    struct cw_log *log;
    struct cw_dedup *dedup;
    struct cw_link *link;
    struct cw_detect *detect; /* NULL where rules is NULL: the chain ends with link */
    struct cw_chain *chain;
    uint64_t position; /* of the next frame to push */
    size_t batch;
    const struct cw_frame **frames;
    bool ended;
};

/** `last` may have a NULL stage. The log, rules and last are borrowed. */
struct cw_fused *cw_fused_new(const struct cw_secret *secret, struct cw_log *log,
                              const struct cw_rules *rules, struct cw_chain_link last,
                              size_t batch) CW_MUST_USE;
void cw_fused_free(struct cw_fused *fused);
/** Pushes whole batches that the log holds; `all`: also what does not fill one. */
int cw_fused_pump(struct cw_fused *fused, bool all) CW_MUST_USE;
/** Steps ingest and pumps until the end, or until *stop. */
int cw_fused_run(struct cw_fused *fused, struct cw_ingest *ingest,
                 const volatile int *stop) CW_MUST_USE;

#endif

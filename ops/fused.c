#include "ops/fused.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/mem.h"

struct cw_fused *cw_fused_new(const struct cw_secret *secret, struct cw_log *log,
                              const struct cw_rules *rules, struct cw_chain_link last, size_t batch)
{
    struct cw_fused *fused = cw_new(struct cw_fused);
    fused->log = log;
    fused->batch = batch > 0 ? batch : 1;
    fused->frames = cw_alloc(fused->batch * sizeof(*fused->frames));
    fused->dedup = cw_dedup_new(log);
    fused->link = cw_link_new(secret);
    struct cw_chain_link links[4] = { { &cw_dedup_stage, fused->dedup },
                                      { &cw_link_stage, fused->link } };
    size_t count = 2;
    if (rules != NULL) {
        fused->detect = cw_detect_new(secret, rules);
        links[count++] = (struct cw_chain_link){ &cw_detect_stage, fused->detect };
    }
    if (last.stage != NULL)
        links[count++] = last;
    fused->chain = cw_chain_new(links, count, fused->batch);
    return fused;
}

void cw_fused_free(struct cw_fused *fused)
{
    if (fused == NULL)
        return;
    cw_chain_free(fused->chain);
    cw_dedup_stage.free(fused->dedup);
    cw_link_stage.free(fused->link);
    if (fused->detect != NULL)
        cw_detect_stage.free(fused->detect);
    free(fused->frames);
    free(fused);
}

int cw_fused_pump(struct cw_fused *fused, bool all)
{
    for (;;) {
        uint64_t position = fused->position;
        size_t count = 0;
        bool ended = fused->ended;
        while (count < fused->batch && !ended) {
            const struct cw_frame *frame = cw_log_get(fused->log, position);
            if (frame == NULL)
                break;
            fused->frames[count++] = frame;
            position += frame->length;
            ended = frame->kind == CW_END;
        }
        if (cw_log_error(fused->log)[0] != '\0') {
            fprintf(stderr, "crosswatch: %s\n", cw_log_error(fused->log));
            return CW_EXIT_DAMAGED;
        }
        if (count == 0 || (count < fused->batch && !all && !ended))
            return CW_EXIT_OK;
        fused->position = position;
        fused->ended = ended;
        int status = cw_chain_push(fused->chain, fused->frames, count);
        if (status != CW_EXIT_OK)
            return status;
    }
}

int cw_fused_run(struct cw_fused *fused, struct cw_ingest *ingest, const volatile int *stop)
{
    enum { WAIT_MS = 20 };
    uint64_t pumped = 0;
    for (;;) {
        if (*stop) {
            int status = cw_fused_pump(fused, true);
            return status != CW_EXIT_OK ? status : CW_EXIT_BROKEN;
        }
        enum cw_step step = cw_ingest_step(ingest);
        if (step == CW_STEP_FAILED)
            return CW_EXIT_FAILED;
        bool idle = step != CW_STEP_MORE;
        if (idle || ++pumped >= fused->batch) {
            pumped = 0;
            int status = cw_fused_pump(fused, idle);
            if (status != CW_EXIT_OK)
                return status;
        }
        if (step == CW_STEP_ENDED)
            return fused->ended ? CW_EXIT_OK : CW_EXIT_BROKEN;
        if (step == CW_STEP_WAIT)
            (void)poll(NULL, 0, WAIT_MS); /* a live source has nothing; ask again */
    }
}

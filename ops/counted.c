#include "ops/counted.h"

static int counted_batch(void *self, const struct cw_batch *in, struct cw_out *out)
{
    struct cw_counted *counted = self;
    int status = counted->stage->batch(counted->self, in, out);
    bool show = false;
    for (size_t i = 0; i < in->count; i++)
        show |= in->frames[i]->kind == CW_TICK || in->frames[i]->kind == CW_CLOSE;
    counted->frames += (int64_t)in->count;
    if (show) {
        cw_counters_set(counted->page, "frames", counted->frames);
        cw_counters_totals(counted->page, counted->totals);
    }
    return status;
}

static void counted_free(void *self)
{
    (void)self;
}

const struct cw_stage cw_counted_stage = { "counted", counted_batch, counted_free };

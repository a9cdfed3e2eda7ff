#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "operators/dedup/dedup.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "ops/commands.h"
#include "ops/counted.h"

/* Frames from `position` on that the log has now, at most `max`. */
static size_t take(struct cw_log *log, uint64_t *position, const struct cw_frame **frames,
                   size_t max, bool *ended)
{
    size_t count = 0;
    while (count < max && !*ended) {
        const struct cw_frame *frame = cw_log_get(log, *position);
        if (frame == NULL)
            break;
        frames[count++] = frame;
        *position += frame->length;
        *ended = frame->kind == CW_END;
    }
    return count;
}

static bool reader_is_gone(int fd)
{
    struct pollfd out = { .fd = fd };
    return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

/* Follows the log until `end`; when asked to stop, until what the log holds is sent. */
static int follow(struct cw_log *log, const struct cw_stage *stage, void *self, size_t batch_size)
{
    enum { WAIT_MS = 200 };
    const struct cw_frame **frames = cw_alloc(batch_size * sizeof(*frames));
    struct cw_out out = { { 0 } };
    uint64_t position = 0;
    bool ended = false;
    int status = CW_EXIT_OK;
    while (status == CW_EXIT_OK && !ended) {
        const struct cw_batch batch = { frames, take(log, &position, frames, batch_size, &ended) };
        if (batch.count > 0) {
            out.buf.len = 0;
            status = stage->batch(self, &batch, &out);
            if (status == CW_EXIT_OK && !cw_write_all(STDOUT_FILENO, out.buf.data, out.buf.len))
                status = CW_EXIT_BROKEN;
        } else if (cw_log_error(log)[0] != '\0') {
            cw_error("%s", cw_log_error(log));
            status = CW_EXIT_DAMAGED;
        } else if (cw_stop || reader_is_gone(STDOUT_FILENO)) {
            status = CW_EXIT_BROKEN;
        } else {
            cw_log_wait(log, position, WAIT_MS);
        }
    }
    cw_buf_done(&out.buf);
    free(frames);
    return status;
}

static int run(int argc, char **argv)
{
    const char *dir = NULL;
    const char *counters = NULL;
    uint64_t batch = CW_BATCH_DEFAULT;
    const struct cw_option options[] = {
        { "log", CW_OPT_TEXT, &dir, true, "directory of the log to follow" },
        { "batch", CW_OPT_COUNT, &batch, false, "frames a batch at most (512)" },
        { "counters", CW_OPT_TEXT, &counters, false, "file for the page of counters" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_dedup, options, argc, argv, NULL);
    if (status >= 0)
        return status;
    char error[256];
    struct cw_log *log = cw_log_read(dir, error, sizeof(error));
    if (log == NULL) {
        cw_error("%s", error);
        return CW_EXIT_FAILED;
    }
    struct cw_dedup *dedup = cw_dedup_new(log);
    struct cw_counted counted = { &cw_dedup_stage, dedup, cw_dedup_totals(dedup),
                                  cw_counters_open(counters, "dedup"), 0 };
    status = follow(log, &cw_counted_stage, &counted, batch > 0 ? batch : 1);
    cw_dedup_stage.free(dedup);
    cw_log_close(log);
    return status;
}

const struct cw_command cw_cmd_dedup = {
    .name = "dedup",
    .usage = "--log DIR [--batch N] [--counters FILE]",
    .summary = "follow the log; send facts that hold or no longer hold",
    .run = run,
};

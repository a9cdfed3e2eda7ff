/*
 * stage.h - what every link of the chain behind the log is.
 *
 * A stage is a table of functions and one block of state. It gets batches of frames from a single
 * thread, so it needs no locks, and writes frames into `out`; where a batch was cut may not show in
 * what comes out. A stage reads no clock, opens no socket and draws no random number: ticks and
 * closes come in line with the events. So a test, a replay and production run the same code to the
 * same result. (Sources and sinks do touch the world; they say so.)
 *
 * Units: an event frame flagged CW_MORE is continued by the next frame; batches are never cut
 * between them.
 */
#ifndef CW_RUNTIME_STAGE_H
#define CW_RUNTIME_STAGE_H

#include "operators/runtime/control.h"
#include "operators/runtime/frame.h"

enum { CW_BATCH_DEFAULT = 512 };

struct cw_batch {
    const struct cw_frame *const *frames;
    size_t count;
};

/** What a stage writes: whole frames in order, handed on after each batch. */
struct cw_out {
    struct cw_buf buf;
};

/* How a stage failed; the runner exits with it. 0 is success. */
enum cw_exit {
    CW_EXIT_OK = 0,
    CW_EXIT_FAILED = 1,  /* the sentence is on stderr */
    CW_EXIT_USAGE = 2,   /* the command line */
    CW_EXIT_BROKEN = 3,  /* the input ended without the frame `end` */
    CW_EXIT_DAMAGED = 4, /* the log or a frame is damaged */
    CW_EXIT_REFUSED = 5, /* the world is not as it must be: another log, another rule set */
    CW_EXIT_AGAIN = 6    /* start the chain behind the log again: what it wrote to has gone back */
};

struct cw_stage {
    const char *name;
    /** Never fails for what is in a frame; a non-zero enum cw_exit ends the process (a sink whose
     *  server refuses, damage). */
    int (*batch)(void *self, const struct cw_batch *in, struct cw_out *out);
    void (*free)(void *self); /* accepts NULL */
};

/** Appends a copy of the frame. */
static inline void cw_out_frame(struct cw_out *out, const struct cw_frame *frame)
{
    cw_buf_put(&out->buf, frame, frame->length);
}
/** Appends a frame made of a header and a body, without keys. */
void cw_out_control(struct cw_out *out, uint8_t kind, const void *body, size_t len);

/*
 * The chain in one process: each stage's output is the next one's input, in batches of at most
 * `batch` frames (units whole). The last stage's output is dropped unless `tap` takes it.
 */
struct cw_chain_link {
    const struct cw_stage *stage;
    void *self;
};
struct cw_chain;
typedef void (*cw_chain_tap)(void *context, size_t link, const struct cw_frame *frame);

struct cw_chain *cw_chain_new(const struct cw_chain_link *links, size_t count,
                              size_t batch) CW_MUST_USE;
void cw_chain_free(struct cw_chain *chain); /* frees no stage */
/** Sees every frame that a link sends; for tests and digests. */
void cw_chain_set_tap(struct cw_chain *chain, cw_chain_tap tap, void *context);
/** From here on ns[i] grows by the thread's time that link i takes, for links below `count`; for
 * measuring, and no stage sees it. */
void cw_chain_time(struct cw_chain *chain, int64_t *ns, size_t count);
/** Gives frames (whole units) to the first link, in batches; what comes out goes down the chain.
 *  Non-zero: the enum cw_exit of the link that failed; push no more then. */
int cw_chain_push(struct cw_chain *chain, const struct cw_frame *const *frames,
                  size_t count) CW_MUST_USE;

/*
 * The chain as a process: frames from `in_fd`, a stage, frames to `out_fd` (-1: none). Returns
 * CW_EXIT_OK after `end` went through, else how it failed; CW_EXIT_BROKEN if the input ended or the
 * reader went away without it.
 */
int cw_filter_run(const struct cw_stage *stage, void *self, int in_fd, int out_fd,
                  size_t batch) CW_MUST_USE;
/** Writes all of the buffer to a pipe or socket. False: the other side is gone. */
bool cw_write_all(int fd, const void *bytes, size_t len) CW_MUST_USE;

#endif

#include "operators/runtime/stage.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

void cw_out_control(struct cw_out *out, uint8_t kind, const void *body, size_t len)
{
    const struct cw_frame header = { .kind = kind };
    (void)cw_frame_put(&out->buf, &header, NULL, 0, body, len);
}

/* How many of the frames make the next batch: at most `batch`, more only to keep a unit whole. */
static size_t cut(const struct cw_frame *const *frames, size_t count, size_t batch)
{
    size_t n = count < batch ? count : batch;
    while (n > 0 && n < count && (frames[n - 1]->flags & CW_MORE) != 0)
        n++;
    return n;
}

/* --- the chain in one process --- */

struct link {
    const struct cw_stage *stage;
    void *self;
    struct cw_out out;
    const struct cw_frame **frames; /* what lies in out */
    size_t frame_cap;
};

struct cw_chain {
    struct link *links;
    size_t count;
    size_t batch;
    cw_chain_tap tap;
    void *tap_context;
    int64_t *ns; /* of each link; NULL: nobody asked */
    size_t ns_count;
};

struct cw_chain *cw_chain_new(const struct cw_chain_link *links, size_t count, size_t batch)
{
    CW_CHECK(count > 0 && batch > 0);
    struct cw_chain *chain = cw_new(struct cw_chain);
    chain->links = cw_alloc(count * sizeof(*chain->links));
    chain->count = count;
    chain->batch = batch;
    for (size_t i = 0; i < count; i++) {
        chain->links[i].stage = links[i].stage;
        chain->links[i].self = links[i].self;
    }
    return chain;
}

void cw_chain_free(struct cw_chain *chain)
{
    if (chain == NULL)
        return;
    for (size_t i = 0; i < chain->count; i++) {
        cw_buf_done(&chain->links[i].out.buf);
        free(chain->links[i].frames);
    }
    free(chain->links);
    free(chain);
}

void cw_chain_set_tap(struct cw_chain *chain, cw_chain_tap tap, void *context)
{
    chain->tap = tap;
    chain->tap_context = context;
}

void cw_chain_time(struct cw_chain *chain, int64_t *ns, size_t count)
{
    chain->ns = ns;
    chain->ns_count = count;
}

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int work(struct cw_chain *chain, size_t index, const struct cw_batch *batch)
{
    struct link *link = &chain->links[index];
    if (index >= chain->ns_count)
        return link->stage->batch(link->self, batch, &link->out);
    int64_t begin = clock_ns();
    int status = link->stage->batch(link->self, batch, &link->out);
    chain->ns[index] += clock_ns() - begin;
    return status;
}

/* Lists the frames that lie in the link's output. */
static size_t list_frames(struct cw_chain *chain, size_t index)
{
    struct link *link = &chain->links[index];
    size_t count = 0;
    for (size_t at = 0; at < link->out.buf.len; count++) {
        const struct cw_frame *frame = cw_frame_at(&link->out.buf, at);
        if (count == link->frame_cap) {
            link->frame_cap = count != 0 ? 2 * count : 1024;
            link->frames = cw_realloc(link->frames, link->frame_cap * sizeof(*link->frames));
        }
        link->frames[count] = frame;
        at += frame->length;
        if (chain->tap != NULL)
            chain->tap(chain->tap_context, index, frame);
    }
    return count;
}

/* One link's batches; its output is taken to the next link after each, so no output piles up. The
 * depth is the number of stages. */
static int push_link(struct cw_chain *chain, size_t index, const struct cw_frame *const *frames,
                     size_t count)
{
    struct link *link = &chain->links[index];
    for (size_t at = 0; at < count;) {
        const struct cw_batch batch = { frames + at, cut(frames + at, count - at, chain->batch) };
        link->out.buf.len = 0;
        int status = work(chain, index, &batch);
        size_t sent = list_frames(chain, index);
        if (status == CW_EXIT_OK && sent != 0 && index + 1 < chain->count)
            status = push_link(chain, index + 1, link->frames, sent);
        if (status != CW_EXIT_OK)
            return status;
        at += batch.count;
    }
    return CW_EXIT_OK;
}

int cw_chain_push(struct cw_chain *chain, const struct cw_frame *const *frames, size_t count)
{
    return push_link(chain, 0, frames, count);
}

/* --- the chain as processes --- */

enum { READ_SIZE = 256 * 1024 };

bool cw_write_all(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd wait = { .fd = fd, .events = POLLOUT };
            (void)poll(&wait, 1, -1);
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

struct filter {
    const struct cw_stage *stage;
    void *self;
    int in_fd;
    int out_fd;
    size_t batch;
    struct cw_buf in;
    struct cw_out out;
    const struct cw_frame **frames;
    size_t frame_cap;
    bool ended;
};

/* Runs the stage over the whole units that lie in `in`, and keeps the rest. */
static int run_units(struct filter *filter)
{
    size_t count = 0;
    size_t whole = 0; /* frames up to the end of the last whole unit */
    size_t kept_from = 0;
    size_t at = 0;
    for (;;) {
        int64_t length = cw_frame_check(filter->in.data + at, filter->in.len - at);
        if (length < 0)
            return CW_EXIT_DAMAGED;
        if (length == 0)
            break;
        const struct cw_frame *frame = cw_frame_at(&filter->in, at);
        if (count == filter->frame_cap) {
            filter->frame_cap = count != 0 ? 2 * count : 1024;
            filter->frames =
                cw_realloc(filter->frames, filter->frame_cap * sizeof(*filter->frames));
        }
        filter->frames[count++] = frame;
        at += (size_t)length;
        if ((frame->flags & CW_MORE) == 0) {
            whole = count;
            kept_from = at;
        }
        if (frame->kind == CW_END)
            filter->ended = true;
    }
    for (size_t done = 0; done < whole;) {
        const struct cw_batch batch = { filter->frames + done,
                                        cut(filter->frames + done, whole - done, filter->batch) };
        int status = filter->stage->batch(filter->self, &batch, &filter->out);
        if (status != CW_EXIT_OK)
            return status;
        done += batch.count;
        if (filter->out_fd >= 0 &&
            !cw_write_all(filter->out_fd, filter->out.buf.data, filter->out.buf.len))
            return CW_EXIT_BROKEN;
        filter->out.buf.len = 0;
    }
    memmove(filter->in.data, filter->in.data + kept_from, filter->in.len - kept_from);
    filter->in.len -= kept_from;
    return CW_EXIT_OK;
}

/* Waits for input. False: whoever reads our output is gone, which a stage that has nothing to write
 * would not notice otherwise. */
static bool wait_for_input(const struct filter *filter)
{
    struct pollfd fds[2] = { { .fd = filter->in_fd, .events = POLLIN }, { .fd = filter->out_fd } };
    while (poll(fds, filter->out_fd >= 0 ? 2 : 1, -1) < 0 && errno == EINTR) {
        /* signals of a filter are its neighbours' ends */
    }
    return filter->out_fd < 0 || (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

int cw_filter_run(const struct cw_stage *stage, void *self, int in_fd, int out_fd, size_t batch)
{
    struct filter filter = { stage, self, in_fd, out_fd, batch, { 0 }, { { 0 } }, NULL, 0, false };
    int status = CW_EXIT_OK;
    while (status == CW_EXIT_OK && !filter.ended) {
        if (!wait_for_input(&filter)) {
            status = CW_EXIT_BROKEN;
            break;
        }
        uint8_t *into = cw_buf_reserve(&filter.in, READ_SIZE);
        ssize_t n = read(in_fd, into, READ_SIZE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            status = CW_EXIT_BROKEN;
            break;
        }
        filter.in.len += (size_t)n;
        status = run_units(&filter);
    }
    cw_buf_done(&filter.in);
    cw_buf_done(&filter.out.buf);
    free(filter.frames);
    return status;
}

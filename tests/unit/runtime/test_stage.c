/* test_stage.c - the chain in one process and as processes: units stay whole, failures come out. */
#include "testing.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "operators/runtime/stage.h"

enum { FRAMES_MAX = 64 };

/* A stage that copies what it gets and looks at how batches were cut. */
struct copier {
    size_t batch; /* at most so many frames, but for whole units */
    size_t batches;
    size_t seen;
    size_t fail_at; /* fails at this frame, from 1; 0: never */
    int64_t offsets[FRAMES_MAX];
};

static int copy(void *self, const struct cw_batch *in, struct cw_out *out)
{
    struct copier *copier = self;
    assert_true(in->count > 0);
    assert_int_equal(in->frames[in->count - 1]->flags & CW_MORE, 0); /* a unit is never cut */
    if (in->count > copier->batch) {
        for (size_t i = copier->batch - 1; i + 1 < in->count; i++)
            assert_int_equal(in->frames[i]->flags & CW_MORE, CW_MORE);
    }
    copier->batches++;
    for (size_t i = 0; i < in->count; i++) {
        assert_true(copier->seen < FRAMES_MAX);
        copier->offsets[copier->seen++] = in->frames[i]->offset;
        if (copier->seen == copier->fail_at)
            return CW_EXIT_REFUSED;
        cw_out_frame(out, in->frames[i]);
    }
    return CW_EXIT_OK;
}

/* One frame in, two out: a unit of both. */
static int twice(void *self, const struct cw_batch *in, struct cw_out *out)
{
    (void)self;
    for (size_t i = 0; i < in->count; i++) {
        size_t at = out->buf.len;
        cw_out_frame(out, in->frames[i]);
        cw_frame_at(&out->buf, at)->flags |= CW_MORE;
        cw_out_frame(out, in->frames[i]);
    }
    return CW_EXIT_OK;
}

static const struct cw_stage copy_stage = { "copy", copy, NULL };
static const struct cw_stage twice_stage = { "twice", twice, NULL };

/* Frames by a pattern: m has `more` behind it in its unit, o has not, e is the frame `end`. */
static size_t make_frames(struct cw_buf *buf, const char *pattern,
                          const struct cw_frame *frames[FRAMES_MAX])
{
    size_t count = strlen(pattern);
    size_t at[FRAMES_MAX];
    assert_true(count <= FRAMES_MAX);
    buf->len = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cw_frame header = { .kind = pattern[i] == 'e' ? CW_END : CW_EVENT,
                                         .flags = pattern[i] == 'm' ? CW_MORE : 0,
                                         .offset = (int64_t)i };
        at[i] = cw_frame_put(buf, &header, NULL, 0, pattern, i);
    }
    for (size_t i = 0; i < count; i++)
        frames[i] = cw_frame_at(buf, at[i]);
    return count;
}

struct taps {
    size_t of_link[3];
    int64_t last[3];
};

static void count_tap(void *context, size_t link, const struct cw_frame *frame)
{
    struct taps *taps = context;
    taps->of_link[link]++;
    assert_true(frame->offset >= taps->last[link]); /* in order */
    taps->last[link] = frame->offset;
}

static const char pattern[] = "oomommmoooommooomo";

static void units_are_whole_for_every_batch_size(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 3, 7, 512 };
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct copier first = { .batch = sizes[s] };
        struct copier last = { .batch = sizes[s] };
        const struct cw_chain_link links[] = { { &copy_stage, &first },
                                               { &twice_stage, NULL },
                                               { &copy_stage, &last } };
        struct cw_chain *chain = cw_chain_new(links, 3, sizes[s]);
        struct taps taps = { .last = { 0 } };
        struct cw_buf buf = { 0 };
        const struct cw_frame *frames[FRAMES_MAX];
        size_t count = make_frames(&buf, pattern, frames);
        cw_chain_set_tap(chain, count_tap, &taps);
        assert_int_equal(cw_chain_push(chain, frames, count), CW_EXIT_OK);
        assert_int_equal(first.seen, count);
        assert_int_equal(last.seen, 2 * count);
        for (size_t i = 0; i < 2 * count; i++)
            assert_int_equal(last.offsets[i], i / 2);
        if (sizes[s] == 1)
            assert_int_equal(first.batches, 11); /* one a unit */
        if (sizes[s] == 512)
            assert_int_equal(first.batches, 1);
        assert_int_equal(taps.of_link[0], count);
        assert_int_equal(taps.of_link[1], 2 * count);
        assert_int_equal(taps.of_link[2], 2 * count);
        assert_int_equal(cw_chain_push(chain, frames, 0), CW_EXIT_OK);
        cw_chain_free(chain);
        cw_buf_done(&buf);
    }
    cw_chain_free(NULL);
}

static void the_status_of_the_link_that_fails_comes_out(void **state)
{
    (void)state;
    for (size_t failing = 0; failing < 3; failing++) {
        struct copier copiers[3] = { { .batch = 2 }, { .batch = 2 }, { .batch = 2 } };
        copiers[failing].fail_at = 5;
        const struct cw_chain_link links[] = { { &copy_stage, &copiers[0] },
                                               { &copy_stage, &copiers[1] },
                                               { &copy_stage, &copiers[2] } };
        struct cw_chain *chain = cw_chain_new(links, 3, 2);
        struct cw_buf buf = { 0 };
        const struct cw_frame *frames[FRAMES_MAX];
        size_t count = make_frames(&buf, "oooooooooo", frames);
        assert_int_equal(cw_chain_push(chain, frames, count), CW_EXIT_REFUSED);
        assert_int_equal(copiers[failing].seen, 5);
        for (size_t i = 0; i < 3; i++)
            assert_true(copiers[i].seen <= 6); /* nobody goes on behind the failure */
        cw_chain_free(chain);
        cw_buf_done(&buf);
    }
}

static void a_control_frame_has_a_body_and_no_keys(void **state)
{
    (void)state;
    struct cw_out out = { { 0 } };
    cw_out_control(&out, CW_CLOSE, "abc", 3);
    const struct cw_frame *frame = cw_frame_at(&out.buf, 0);
    assert_int_equal(frame->kind, CW_CLOSE);
    assert_int_equal(frame->key_count, 0);
    assert_int_equal(frame->body_length, 3);
    assert_true(cw_frame_check(frame, out.buf.len) == (int64_t)out.buf.len);
    cw_buf_done(&out.buf);
}

/* --- filters --- */

struct pipes {
    int in[2];  /* what the test writes is [1] */
    int out[2]; /* what the test reads is [0] */
};

static void open_pipes(struct pipes *pipes)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pipes->in), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pipes->out), 0);
}

static void close_pipes(struct pipes *pipes)
{
    int fds[] = { pipes->in[0], pipes->in[1], pipes->out[0], pipes->out[1] };
    for (size_t i = 0; i < 4; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

static int run(struct pipes *pipes, struct copier *copier, const void *bytes, size_t len,
               bool input_ends)
{
    assert_true(cw_write_all(pipes->in[1], bytes, len));
    if (input_ends)
        assert_int_equal(shutdown(pipes->in[1], SHUT_WR), 0);
    return cw_filter_run(&copy_stage, copier, pipes->in[0], pipes->out[1], copier->batch);
}

static void a_filter_ends_well_only_behind_the_frame_end(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 7 };
    for (size_t s = 0; s < 3; s++) {
        struct pipes pipes;
        struct copier copier = { .batch = sizes[s] };
        struct cw_buf buf = { 0 };
        const struct cw_frame *frames[FRAMES_MAX];
        open_pipes(&pipes);
        size_t count = make_frames(&buf, "oommoooe", frames);
        assert_int_equal(run(&pipes, &copier, buf.data, buf.len, false), CW_EXIT_OK);
        assert_int_equal(copier.seen, count);
        uint8_t *back = malloc(buf.len + 1);
        assert_non_null(back);
        assert_int_equal(recv(pipes.out[0], back, buf.len + 1, 0), buf.len);
        assert_memory_equal(back, buf.data, buf.len);
        free(back);
        close_pipes(&pipes);
        cw_buf_done(&buf);
    }
}

/* Wherever the input is cut: the stream is broken, and what was whole went through. */
static void input_that_ends_without_end_is_broken(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    const struct cw_frame *frames[FRAMES_MAX];
    size_t count = make_frames(&buf, "omooe", frames);
    for (size_t len = 0; len < buf.len; len += 4) {
        struct pipes pipes;
        struct copier copier = { .batch = 2 };
        open_pipes(&pipes);
        assert_int_equal(run(&pipes, &copier, buf.data, len, true), CW_EXIT_BROKEN);
        size_t whole = 0;
        for (size_t i = 0, at = 0; i < count; i++) {
            at += frames[i]->length;
            if (at <= len && (frames[i]->flags & CW_MORE) == 0)
                whole = i + 1;
        }
        assert_int_equal(copier.seen, whole);
        close_pipes(&pipes);
    }
    cw_buf_done(&buf);
}

static void garbage_is_damage(void **state)
{
    (void)state;
    struct pipes pipes;
    struct copier copier = { .batch = 2 };
    struct cw_buf buf = { 0 };
    const struct cw_frame *frames[FRAMES_MAX];
    open_pipes(&pipes);
    (void)make_frames(&buf, "oo", frames);
    memset(cw_buf_extend(&buf, 200), 'x', 200);
    assert_int_equal(run(&pipes, &copier, buf.data, buf.len, false), CW_EXIT_DAMAGED);
    close_pipes(&pipes);
    cw_buf_done(&buf);
}

static void the_status_of_the_stage_ends_the_filter(void **state)
{
    (void)state;
    struct pipes pipes;
    struct copier copier = { .batch = 2, .fail_at = 2 };
    struct cw_buf buf = { 0 };
    const struct cw_frame *frames[FRAMES_MAX];
    open_pipes(&pipes);
    (void)make_frames(&buf, "oooe", frames);
    assert_int_equal(run(&pipes, &copier, buf.data, buf.len, false), CW_EXIT_REFUSED);
    close_pipes(&pipes);
    cw_buf_done(&buf);
}

static void a_reader_that_is_gone_breaks_the_filter(void **state)
{
    (void)state;
    struct pipes pipes;
    struct copier copier = { .batch = 2 };
    struct cw_buf buf = { 0 };
    const struct cw_frame *frames[FRAMES_MAX];
    open_pipes(&pipes);
    close(pipes.out[0]);
    pipes.out[0] = -1;
    (void)make_frames(&buf, "oooe", frames);
    assert_int_equal(run(&pipes, &copier, buf.data, buf.len, false), CW_EXIT_BROKEN);
    close_pipes(&pipes);
    cw_buf_done(&buf);
}

/* Nothing comes, and the input stays open: the filter sees it all the same. */
static void a_reader_that_is_gone_breaks_an_idle_filter(void **state)
{
    (void)state;
    struct pipes pipes;
    struct copier copier = { .batch = 2 };
    open_pipes(&pipes);
    close(pipes.out[0]);
    pipes.out[0] = -1;
    assert_int_equal(run(&pipes, &copier, NULL, 0, false), CW_EXIT_BROKEN);
    close_pipes(&pipes);
}

static void a_filter_without_output_needs_no_reader(void **state)
{
    (void)state;
    struct pipes pipes;
    struct copier copier = { .batch = 2 };
    struct cw_buf buf = { 0 };
    const struct cw_frame *frames[FRAMES_MAX];
    open_pipes(&pipes);
    (void)make_frames(&buf, "oooe", frames);
    assert_true(cw_write_all(pipes.in[1], buf.data, buf.len));
    assert_int_equal(cw_filter_run(&copy_stage, &copier, pipes.in[0], -1, 2), CW_EXIT_OK);
    assert_int_equal(copier.seen, 4);
    close_pipes(&pipes);
    cw_buf_done(&buf);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as every command does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_whole_for_every_batch_size),
        cmocka_unit_test(the_status_of_the_link_that_fails_comes_out),
        cmocka_unit_test(a_control_frame_has_a_body_and_no_keys),
        cmocka_unit_test(a_filter_ends_well_only_behind_the_frame_end),
        cmocka_unit_test(input_that_ends_without_end_is_broken),
        cmocka_unit_test(garbage_is_damage),
        cmocka_unit_test(the_status_of_the_stage_ends_the_filter),
        cmocka_unit_test(a_reader_that_is_gone_breaks_the_filter),
        cmocka_unit_test(a_reader_that_is_gone_breaks_an_idle_filter),
        cmocka_unit_test(a_filter_without_output_needs_no_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

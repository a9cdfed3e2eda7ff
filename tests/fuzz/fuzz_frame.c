/*
 * fuzz_frame.c - whatever the bytes: where cw_frame_check takes them for a frame, its sections and
 * its body are read without a look outside, and what reads is written again as the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "operators/runtime/arena.h"
#include "operators/runtime/check.h"
#include "operators/runtime/control.h"
#include "operators/runtime/event.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_body(const struct cw_frame *frame, const struct cw_buf *again)
{
    CW_CHECK(again->len == frame->body_length);
    CW_CHECK(again->len == 0 || memcmp(again->data, cw_frame_body(frame), again->len) == 0);
}

/* Avro lets one datum be written in several ways (blocks, long numbers); ours is one of them: what
 * was read from it and written is what reads and writes the same. */
static void read_event(const struct cw_frame *frame, struct cw_arena *arena)
{
    struct cw_event event;
    struct cw_buf once = { 0 };
    struct cw_buf twice = { 0 };
    int64_t time_lo;
    int64_t span;
    if (!cw_event_read(&event, cw_frame_body(frame), frame->body_length, arena))
        return;
    cw_event_write(&event, &once);
    CW_CHECK(once.len <= frame->body_length);
    struct cw_event back;
    CW_CHECK(cw_event_read(&back, once.data, once.len, arena));
    cw_event_write(&back, &twice);
    CW_CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    if (cw_event_span(&event, &time_lo, &span))
        CW_CHECK(span >= 0 && time_lo + span >= time_lo);
    struct cw_secret secret;
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    CW_CHECK(cw_id_eq(cw_event_content(&event, &secret), cw_event_content(&back, &secret)));
    cw_buf_done(&once);
    cw_buf_done(&twice);
}

/* Totals and the number of types have one form in what we write; a body in another form of them
 * (a name twice, fewer types) is read, and read again as what it was read as. */
static void read_tick(const struct cw_frame *frame)
{
    static struct cw_tick tick;
    static struct cw_tick back;
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    if (!cw_tick_get(frame, &tick))
        return;
    CW_CHECK(tick.totals.count <= CW_TOTALS_MAX);
    cw_tick_put(&body, &tick);
    const struct cw_frame header = { .kind = CW_TICK };
    (void)cw_frame_put(&buf, &header, NULL, 0, body.data, body.len);
    CW_CHECK(cw_tick_get(cw_frame_at(&buf, 0), &back));
    CW_CHECK(back.n == tick.n && back.retention == tick.retention);
    CW_CHECK(back.totals.count == tick.totals.count);
    cw_buf_done(&body);
    cw_buf_done(&buf);
}

static void read_close(const struct cw_frame *frame)
{
    static struct cw_close close;
    static struct cw_close back;
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    if (!cw_close_get(frame, &close))
        return;
    CW_CHECK(close.totals.count <= CW_TOTALS_MAX);
    cw_close_put(&body, &close);
    const struct cw_frame header = { .kind = CW_CLOSE };
    (void)cw_frame_put(&buf, &header, NULL, 0, body.data, body.len);
    CW_CHECK(cw_close_get(cw_frame_at(&buf, 0), &back));
    CW_CHECK(back.n == close.n && back.rows == close.rows);
    CW_CHECK(back.totals.count == close.totals.count);
    cw_buf_done(&body);
    cw_buf_done(&buf);
}

static void read_moved(const struct cw_frame *frame)
{
    struct cw_moved moved;
    struct cw_buf again = { 0 };
    if (!cw_moved_get(frame, &moved))
        return;
    cw_moved_put(&again, &moved);
    check_body(frame, &again);
    cw_buf_done(&again);
}

static void read_name(const struct cw_frame *frame)
{
    struct cw_named named;
    struct cw_buf again = { 0 };
    if (!cw_named_get(frame, &named))
        return;
    cw_named_put(&again, named.space, named.number, named.text);
    check_body(frame, &again);
    cw_buf_done(&again);
}

static void read_row(const struct cw_frame *frame, struct cw_arena *arena)
{
    struct cw_row row;
    struct cw_buf again = { 0 };
    if (!cw_row_get(frame, &row, arena))
        return;
    cw_row_put(&again, &row);
    check_body(frame, &again);
    cw_buf_done(&again);
}

static void read_sections(const struct cw_frame *frame)
{
    size_t len;
    size_t count;
    volatile uint8_t sum = 0;
    for (uint16_t tag = 0; tag < 4; tag++) {
        const uint8_t *bytes = cw_frame_section(frame, tag, &len);
        CW_CHECK(bytes != NULL || len == 0);
        for (size_t i = 0; i < len; i++)
            sum = (uint8_t)(sum ^ bytes[i]);
    }
    const struct cw_link_entry *links = cw_frame_links(frame, &count);
    for (size_t i = 0; i < count; i++)
        sum = (uint8_t)(sum ^ links[i].entity.b[15]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t length = cw_frame_check(data, size);
    CW_CHECK(length >= -1 && length <= (int64_t)size);
    if (length <= 0)
        return 0;
    struct cw_frame *frame = cw_alloc((size_t)length); /* of its own size, and aligned */
    memcpy(frame, data, (size_t)length);
    CW_CHECK(cw_frame_check(frame, (size_t)length - 1) == 0);
    struct cw_arena *arena = cw_arena_new();
    read_sections(frame);
    switch (frame->kind) {
    case CW_EVENT:
        read_event(frame, arena);
        break;
    case CW_TICK:
        read_tick(frame);
        break;
    case CW_CLOSE:
        read_close(frame);
        break;
    case CW_MOVED:
        read_moved(frame);
        break;
    case CW_NAME:
        read_name(frame);
        break;
    case CW_ROW:
        read_row(frame, arena);
        break;
    default:
        break;
    }
    cw_frame_seal(frame);
    CW_CHECK(cw_frame_sealed(frame));
    cw_arena_free(arena);
    free(frame);
    return 0;
}

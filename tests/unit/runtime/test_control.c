/* test_control.c - the bodies of ticks, closes, moves and names. */
#include "testing.h"

#include "operators/runtime/control.h"
#include "operators/runtime/time.h"

typedef bool reader(const struct cw_frame *frame);

static const struct cw_frame *framed(struct cw_buf *buf, uint8_t kind, const void *body, size_t len)
{
    const struct cw_frame header = { .kind = kind };
    buf->len = 0;
    return cw_frame_at(buf, cw_frame_put(buf, &header, NULL, 0, body, len));
}

/* A body that is cut anywhere, or goes on by a byte, does not read. */
static void assert_only_whole(const struct cw_buf *body, uint8_t kind, reader *read)
{
    struct cw_buf buf = { 0 };
    for (size_t len = 0; len < body->len; len++) {
        if (read(framed(&buf, kind, body->data, len)))
            fail_msg("%s reads when cut at %zu of %zu", cw_frame_kind_name(kind), len, body->len);
    }
    assert_true(read(framed(&buf, kind, body->data, body->len)));
    struct cw_buf longer = { 0 };
    cw_buf_put(&longer, body->data, body->len);
    for (int i = 0; i < 17; i++) {
        cw_buf_u8(&longer, 0);
        if (read(framed(&buf, kind, longer.data, longer.len)))
            fail_msg("%s reads with %d bytes too many", cw_frame_kind_name(kind), i + 1);
    }
    cw_buf_done(&longer);
    cw_buf_done(&buf);
}

static bool read_tick(const struct cw_frame *frame)
{
    struct cw_tick tick;
    return cw_tick_get(frame, &tick);
}

static void a_tick_reads_back(void **state)
{
    (void)state;
    struct cw_tick tick = { .n = UINT64_MAX, .retention = CW_TIME_MIN };
    for (uint16_t type = 1; type <= cw_type_count(); type++)
        tick.frontier[type] = type == 1 ? CW_TIME_MAX : -(int64_t)type;
    *cw_total(&tick.totals, "ingest.admitted") = 77;
    *cw_total(&tick.totals, "ingest.rejected.bad_utf8") = INT64_MAX;
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    cw_tick_put(&body, &tick);
    struct cw_tick back;
    assert_true(cw_tick_get(framed(&buf, CW_TICK, body.data, body.len), &back));
    assert_true(back.n == tick.n && back.retention == tick.retention);
    assert_memory_equal(back.frontier, tick.frontier, sizeof(tick.frontier));
    assert_int_equal(back.totals.count, 2);
    assert_true(cw_total_get(&back.totals, "ingest.admitted") == 77);
    assert_true(cw_total_get(&back.totals, "ingest.rejected.bad_utf8") == INT64_MAX);
    assert_only_whole(&body, CW_TICK, read_tick);
    cw_buf_done(&body);
    cw_buf_done(&buf);
}

static void a_tick_of_more_types_than_there_can_be_is_refused(void **state)
{
    (void)state;
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    cw_buf_u64(&body, 1);
    cw_buf_u64(&body, 0);
    cw_buf_u32(&body, CW_TYPES_MAX + 1);
    for (int i = 0; i <= CW_TYPES_MAX; i++)
        cw_buf_u64(&body, 0);
    cw_buf_u32(&body, 0);
    assert_false(read_tick(framed(&buf, CW_TICK, body.data, body.len)));
    cw_buf_done(&body);
    cw_buf_done(&buf);
}

static bool read_close(const struct cw_frame *frame)
{
    struct cw_close close;
    return cw_close_get(frame, &close);
}

static void a_close_reads_back(void **state)
{
    (void)state;
    struct cw_close close = { .n = 12, .rows = 3 };
    *cw_total(&close.totals, "dedup.duplicate") = -1;
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    cw_close_put(&body, &close);
    struct cw_close back;
    assert_true(cw_close_get(framed(&buf, CW_CLOSE, body.data, body.len), &back));
    assert_true(back.n == 12 && back.rows == 3);
    assert_true(cw_total_get(&back.totals, "dedup.duplicate") == -1);
    assert_only_whole(&body, CW_CLOSE, read_close);
    cw_buf_done(&body);
    cw_buf_done(&buf);
}

static bool read_moved(const struct cw_frame *frame)
{
    struct cw_moved moved;
    return cw_moved_get(frame, &moved);
}

static void a_move_reads_back(void **state)
{
    (void)state;
    const struct cw_id records[] = { id_of(1), id_of(2), id_of(3) };
    const struct cw_moved moved = { .reason = CW_MOVED_SPLIT,
                                    .basis = 9,
                                    .first_seen = -8,
                                    .core_from = id_of(10),
                                    .entity_from = id_of(11),
                                    .core_to = id_of(12),
                                    .entity_to = id_of(13),
                                    .record_count = 3,
                                    .records = records };
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    cw_moved_put(&body, &moved);
    struct cw_moved back;
    assert_true(cw_moved_get(framed(&buf, CW_MOVED, body.data, body.len), &back));
    assert_int_equal(back.reason, CW_MOVED_SPLIT);
    assert_int_equal(back.basis, 9);
    assert_true(back.first_seen == -8);
    assert_id_equal(back.core_from, moved.core_from);
    assert_id_equal(back.entity_from, moved.entity_from);
    assert_id_equal(back.core_to, moved.core_to);
    assert_id_equal(back.entity_to, moved.entity_to);
    assert_int_equal(back.record_count, 3);
    assert_memory_equal(back.records, records, sizeof(records));
    assert_only_whole(&body, CW_MOVED, read_moved);
    for (uint32_t reason = 0; reason <= 7; reason++) {
        memcpy(body.data, &reason, sizeof(reason));
        assert_int_equal(read_moved(framed(&buf, CW_MOVED, body.data, body.len)),
                         reason >= CW_MOVED_MERGE && reason <= CW_MOVED_RESTRICTED);
    }
    cw_buf_done(&body);
    cw_buf_done(&buf);
}

static bool read_named(const struct cw_frame *frame)
{
    struct cw_named named;
    return cw_named_get(frame, &named);
}

static void a_name_reads_back(void **state)
{
    (void)state;
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    cw_named_put(&body, CW_NAME_OWNER, 4, cw_cstr("RO-IGPR"));
    struct cw_named back;
    assert_true(cw_named_get(framed(&buf, CW_NAME, body.data, body.len), &back));
    assert_int_equal(back.space, CW_NAME_OWNER);
    assert_int_equal(back.number, 4);
    assert_str_equal(back.text, "RO-IGPR");
    assert_only_whole(&body, CW_NAME, read_named);
    body.len = 0;
    cw_named_put(&body, CW_NAME_SOURCE, 1, cw_cstr(""));
    assert_true(cw_named_get(framed(&buf, CW_NAME, body.data, body.len), &back));
    assert_int_equal(back.text.len, 0);
    cw_buf_done(&body);
    cw_buf_done(&buf);
}

static void totals_keep_their_order_and_are_made_at_zero(void **state)
{
    (void)state;
    struct cw_totals totals = { 0 };
    assert_true(cw_total_get(&totals, "none") == 0);
    assert_int_equal(totals.count, 0);
    assert_true(*cw_total(&totals, "b") == 0);
    *cw_total(&totals, "a") = 5;
    *cw_total(&totals, "b") += 2;
    assert_int_equal(totals.count, 2);
    assert_string_equal(totals.of[0].name, "b");
    assert_true(cw_total_get(&totals, "b") == 2 && cw_total_get(&totals, "a") == 5);
}

static void totals_beyond_the_cap_share_the_last(void **state)
{
    (void)state;
    struct cw_totals totals = { 0 };
    for (int i = 0; i < CW_TOTALS_MAX + 50; i++) {
        char name[32];
        snprintf(name, sizeof(name), "counter.%d", i);
        (*cw_total(&totals, name))++;
    }
    assert_int_equal(totals.count, CW_TOTALS_MAX);
    assert_true(cw_total_get(&totals, "counter.0") == 1);
    assert_string_equal(totals.of[CW_TOTALS_MAX - 1].name, "other");
    assert_true(cw_total_get(&totals, "other") == 51);
    int64_t sum = 0;
    for (size_t i = 0; i < totals.count; i++)
        sum += totals.of[i].value;
    assert_true(sum == CW_TOTALS_MAX + 50);

    /* full totals travel, too */
    struct cw_buf body = { 0 };
    cw_totals_put(&body, &totals);
    struct cw_totals back = { 0 };
    struct cw_cur cur = cw_cur(body.data, body.len);
    assert_true(cw_totals_get(&cur, &back));
    assert_memory_equal(&back, &totals, sizeof(totals));
    cw_buf_done(&body);
}

static void totals_of_hostile_bytes_stay_within_their_room(void **state)
{
    (void)state;
    struct cw_buf body = { 0 };
    cw_buf_u32(&body, UINT32_MAX);
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "x%d", i);
        cw_buf_str32(&body, cw_cstr(name));
        cw_buf_u64(&body, 1);
    }
    struct cw_totals totals = { 0 };
    struct cw_cur cur = cw_cur(body.data, body.len);
    assert_false(cw_totals_get(&cur, &totals));
    assert_true(totals.count <= CW_TOTALS_MAX);
    body.len = 0;
    char name[CW_TOTAL_NAME_MAX + 1];
    memset(name, 'n', sizeof(name));
    for (size_t len = CW_TOTAL_NAME_MAX - 1; len <= CW_TOTAL_NAME_MAX; len++) {
        body.len = 0;
        cw_buf_u32(&body, 1);
        cw_buf_str32(&body, (cw_str){ name, len });
        cw_buf_u64(&body, 1);
        cur = cw_cur(body.data, body.len);
        assert_int_equal(cw_totals_get(&cur, &totals), len < CW_TOTAL_NAME_MAX);
    }
    cw_buf_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tick_reads_back),
        cmocka_unit_test(a_tick_of_more_types_than_there_can_be_is_refused),
        cmocka_unit_test(a_close_reads_back),
        cmocka_unit_test(a_move_reads_back),
        cmocka_unit_test(a_name_reads_back),
        cmocka_unit_test(totals_keep_their_order_and_are_made_at_zero),
        cmocka_unit_test(totals_beyond_the_cap_share_the_last),
        cmocka_unit_test(totals_of_hostile_bytes_stay_within_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

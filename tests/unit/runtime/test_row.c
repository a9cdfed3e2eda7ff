/* test_row.c - alert rows as they travel. */
#include "testing.h"

#include "operators/runtime/row.h"

static struct cw_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = cw_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cw_arena_free(arena);
    return 0;
}

static const struct cw_frame *framed(struct cw_buf *buf, const void *body, size_t len)
{
    const struct cw_frame header = { .kind = CW_ROW };
    buf->len = 0;
    return cw_frame_at(buf, cw_frame_put(buf, &header, NULL, 0, body, len));
}

static int64_t values[] = { 3, -1 };
static struct cw_row_key row_keys[2];
static struct cw_row_evidence evidence[2];

static struct cw_row full_row(void)
{
    row_keys[0] = (struct cw_row_key){ 1, id_of(5), cw_cstr("00ff") };
    row_keys[1] = (struct cw_row_key){ 0, id_of(6), cw_cstr("RO:123") };
    evidence[0] = (struct cw_row_evidence){ 8, id_of(7), -9, 1, 0 };
    evidence[1] = (struct cw_row_evidence){ 800, id_of(8), 9, 65535, 1 };
    return (struct cw_row){ .alert = id_of(1),
                            .case_id = id_of(2),
                            .rule = cw_cstr("rule-id"),
                            .title = cw_cstr("A title"),
                            .question = cw_cstr("event_count gte 2 within 30d"),
                            .cell = -4,
                            .cell_start = -4000,
                            .cell_span = 1000,
                            .level = CW_LEVEL_CRITICAL,
                            .match = CW_MATCH_RESOLVED,
                            .continues = true,
                            .first = -10,
                            .last = 10,
                            .value_count = 2,
                            .values = values,
                            .key_count = 2,
                            .keys = row_keys,
                            .evidence_count = 7,
                            .shown_count = 2,
                            .shown = evidence };
}

static void a_whole_row_reads_back(void **state)
{
    (void)state;
    const struct cw_row row = full_row();
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    cw_row_put(&body, &row);
    struct cw_row back;
    assert_true(cw_row_get(framed(&buf, body.data, body.len), &back, arena));
    assert_false(back.gone);
    assert_id_equal(back.alert, row.alert);
    assert_id_equal(back.case_id, row.case_id);
    assert_str_equal(back.rule, "rule-id");
    assert_str_equal(back.title, "A title");
    assert_str_equal(back.question, "event_count gte 2 within 30d");
    assert_true(back.cell == -4 && back.cell_start == -4000 && back.cell_span == 1000);
    assert_int_equal(back.level, CW_LEVEL_CRITICAL);
    assert_int_equal(back.match, CW_MATCH_RESOLVED);
    assert_true(back.continues);
    assert_true(back.first == -10 && back.last == 10);
    assert_int_equal(back.value_count, 2);
    assert_memory_equal(back.values, values, sizeof(values));
    assert_int_equal(back.key_count, 2);
    assert_int_equal(back.keys[0].is_entity, 1);
    assert_id_equal(back.keys[1].id, id_of(6));
    assert_str_equal(back.keys[1].text, "RO:123");
    assert_int_equal(back.evidence_count, 7);
    assert_int_equal(back.shown_count, 2);
    assert_int_equal(back.shown[1].position, 800);
    assert_id_equal(back.shown[1].identity, id_of(8));
    assert_true(back.shown[0].time_lo == -9);
    assert_int_equal(back.shown[1].part, 65535);
    assert_int_equal(back.shown[1].is_rule, 1);
    struct cw_buf again = { 0 };
    cw_row_put(&again, &back);
    assert_int_equal(again.len, body.len);
    assert_memory_equal(again.data, body.data, body.len);
    cw_buf_done(&again);
    cw_buf_done(&body);
    cw_buf_done(&buf);
}

static void a_row_that_is_gone_carries_its_name_only(void **state)
{
    (void)state;
    struct cw_row row = full_row();
    row.gone = true;
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    cw_row_put(&body, &row);
    struct cw_row back;
    assert_true(cw_row_get(framed(&buf, body.data, body.len), &back, arena));
    assert_true(back.gone);
    assert_id_equal(back.alert, row.alert);
    assert_id_equal(back.case_id, row.case_id);
    assert_str_equal(back.rule, "rule-id");
    assert_true(back.cell == -4);
    assert_int_equal(back.key_count + back.shown_count + back.value_count, 0);
    assert_int_equal(body.len, 1 + 32 + 4 + 7 + 8);
    cw_buf_done(&body);
    cw_buf_done(&buf);
}

static void a_row_that_is_cut_or_goes_on_is_refused(void **state)
{
    (void)state;
    for (int gone = 0; gone <= 1; gone++) {
        struct cw_row row = full_row();
        row.gone = gone != 0;
        struct cw_buf body = { 0 };
        struct cw_buf buf = { 0 };
        cw_row_put(&body, &row);
        struct cw_row back;
        for (size_t len = 0; len < body.len; len++) {
            cw_arena_reset(arena);
            if (cw_row_get(framed(&buf, body.data, len), &back, arena))
                fail_msg("a row reads when cut at %zu of %zu", len, body.len);
        }
        cw_buf_u8(&body, 0);
        assert_false(cw_row_get(framed(&buf, body.data, body.len), &back, arena));
        cw_buf_done(&body);
        cw_buf_done(&buf);
    }
}

/* A byte that says yes or no has two values; so a row that reads is written as it was. */
static void every_changed_byte_is_refused_or_reads_as_what_it_says(void **state)
{
    (void)state;
    const struct cw_row row = full_row();
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    struct cw_buf again = { 0 };
    cw_row_put(&body, &row);
    for (size_t i = 0; i < body.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            body.data[i] ^= (uint8_t)(1 << bit);
            struct cw_row back;
            cw_arena_reset(arena);
            if (cw_row_get(framed(&buf, body.data, body.len), &back, arena)) {
                again.len = 0;
                cw_row_put(&again, &back);
                assert_int_equal(again.len, body.len);
                assert_memory_equal(again.data, body.data, body.len);
            }
            body.data[i] ^= (uint8_t)(1 << bit);
        }
    }
    cw_buf_done(&body);
    cw_buf_done(&buf);
    cw_buf_done(&again);
}

static void counts_ask_for_no_more_memory_than_the_frame_is_long(void **state)
{
    (void)state;
    const struct cw_row row = { .rule = cw_cstr("r"),
                                .title = cw_cstr(""),
                                .question = cw_cstr("") };
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    cw_row_put(&body, &row);
    for (size_t at = body.len - 16; at < body.len; at += 4) { /* values, keys, evidence, shown */
        uint32_t huge = UINT32_MAX;
        memcpy(body.data + at, &huge, sizeof(huge));
        struct cw_row back;
        cw_arena_reset(arena);
        bool is_count_of_all = at == body.len - 8;
        assert_int_equal(cw_row_get(framed(&buf, body.data, body.len), &back, arena),
                         is_count_of_all);
        assert_true(cw_arena_used(arena) < 10000);
        huge = 0;
        memcpy(body.data + at, &huge, sizeof(huge));
    }
    cw_buf_done(&body);
    cw_buf_done(&buf);
}

static void levels_have_the_names_of_sigma(void **state)
{
    (void)state;
    assert_string_equal(cw_level_name(CW_LEVEL_INFO), "informational");
    assert_string_equal(cw_level_name(CW_LEVEL_LOW), "low");
    assert_string_equal(cw_level_name(CW_LEVEL_MEDIUM), "medium");
    assert_string_equal(cw_level_name(CW_LEVEL_HIGH), "high");
    assert_string_equal(cw_level_name(CW_LEVEL_CRITICAL), "critical");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_row_reads_back),
        cmocka_unit_test(a_row_that_is_gone_carries_its_name_only),
        cmocka_unit_test(a_row_that_is_cut_or_goes_on_is_refused),
        cmocka_unit_test(every_changed_byte_is_refused_or_reads_as_what_it_says),
        cmocka_unit_test(counts_ask_for_no_more_memory_than_the_frame_is_long),
        cmocka_unit_test(levels_have_the_names_of_sigma),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

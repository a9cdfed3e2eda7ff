/* test_frame.c - frames: building, sections, checking what comes, the CRC. */
#include "testing.h"

#include "operators/runtime/frame.h"

static const struct cw_key keys[] = {
    { .part = 0, .flags = CW_KEY_RECORD, .scope = 7, .key = { { 1 } } },
    { .part = 0, .flags = CW_KEY_VALID | CW_KEY_UNIQUE, .rank = 1, .scope = 9, .key = { { 2 } } },
};

static size_t put_event(struct cw_buf *buf, const char *body, size_t len)
{
    const struct cw_frame header = { .kind = CW_EVENT,
                                     .sign = -1,
                                     .flags = CW_MORE,
                                     .type = 3,
                                     .position = 640,
                                     .offset = -5,
                                     .time_lo = -1,
                                     .retain_until = INT64_MAX,
                                     .identity = { { 9 } } };
    return cw_frame_put(buf, &header, keys, 2, body, len);
}

static void a_frame_holds_what_was_put_for_every_length_of_body(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    char body[40];
    memset(body, 'b', sizeof(body));
    for (size_t len = 0; len <= sizeof(body); len++) {
        size_t at = put_event(&buf, body, len);
        assert_int_equal(at % 8, 0);
        assert_int_equal(buf.len % 8, 0);
        const struct cw_frame *frame = cw_frame_at(&buf, at);
        assert_int_equal(frame->length, 144 + 64 + (len + 7) / 8 * 8);
        assert_int_equal(frame->format, CW_FRAME_FORMAT);
        assert_int_equal(frame->kind, CW_EVENT);
        assert_int_equal(frame->sign, -1);
        assert_int_equal(frame->key_count, 2);
        assert_int_equal(frame->body_length, len);
        assert_true(frame->offset == -5 && frame->retain_until == INT64_MAX);
        assert_memory_equal(cw_frame_keys(frame), keys, sizeof(keys));
        assert_memory_equal(cw_frame_body(frame), body, len);
        for (const uint8_t *pad = cw_frame_body(frame) + len; pad < buf.data + buf.len; pad++)
            assert_int_equal(*pad, 0);
        assert_true(cw_frame_check(frame, buf.len - at) == frame->length);
    }
    cw_buf_done(&buf);
}

static void sections_are_found_by_tag(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    struct cw_buf more = { 0 };
    size_t at = put_event(&buf, "body", 4);
    size_t len = 99;
    assert_null(cw_frame_section(cw_frame_at(&buf, at), 5, &len));
    assert_int_equal(len, 0);
    at = cw_frame_put_section(&more, cw_frame_at(&buf, at), 5, "five!", 5);
    assert_null(cw_frame_section(cw_frame_at(&more, at), 6, &len));
    at = cw_frame_put_section(&buf, cw_frame_at(&more, at), 6, "", 0);
    more.len = 0;
    at = cw_frame_put_section(&more, cw_frame_at(&buf, at), 7, "seven", 5);
    const struct cw_frame *frame = cw_frame_at(&more, at);
    assert_true(cw_frame_check(frame, more.len) == frame->length);
    const void *section = cw_frame_section(frame, 5, &len);
    assert_int_equal(len, 5);
    assert_memory_equal(section, "five!", 5);
    assert_non_null(cw_frame_section(frame, 6, &len));
    assert_int_equal(len, 0);
    section = cw_frame_section(frame, 7, &len);
    assert_memory_equal(section, "seven", 5);
    assert_null(cw_frame_section(frame, 8, &len));
    assert_memory_equal(cw_frame_body(frame), "body", 4);
    cw_buf_done(&buf);
    cw_buf_done(&more);
}

static void links_are_entries_of_56_bytes(void **state)
{
    (void)state;
    const struct cw_link_entry entries[] = { { .part = 1, .record = { { 1 } } },
                                             { .part = 2, .entity = { { 2 } } } };
    struct cw_buf buf = { 0 };
    size_t at = put_event(&buf, "", 0);
    size_t count;
    assert_null(cw_frame_links(cw_frame_at(&buf, at), &count));
    assert_int_equal(count, 0);
    struct cw_buf linked = { 0 };
    at = cw_frame_put_section(&linked, cw_frame_at(&buf, at), CW_SECTION_LINKS, entries,
                              sizeof(entries));
    const struct cw_link_entry *found = cw_frame_links(cw_frame_at(&linked, at), &count);
    assert_int_equal(count, 2);
    assert_memory_equal(found, entries, sizeof(entries));
    cw_buf_done(&buf);
    cw_buf_done(&linked);
}

/* Each prefix lies in memory of its own size, so that a look behind it is a report. */
static void every_prefix_of_a_frame_asks_for_more(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    (void)put_event(&buf, "some bytes of a body", 20);
    for (size_t len = 0; len < buf.len; len++) {
        uint8_t *prefix = malloc(len + (len == 0));
        assert_non_null(prefix);
        memcpy(prefix, buf.data, len);
        assert_true(cw_frame_check(prefix, len) == 0);
        free(prefix);
    }
    size_t whole = buf.len;
    (void)put_event(&buf, "the next frame", 14);
    for (size_t len = whole; len <= buf.len; len++)
        assert_true(cw_frame_check(buf.data, len) == (int64_t)whole);
    cw_buf_done(&buf);
}

static void lengths_that_do_not_fit_together_are_no_frame(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    (void)put_event(&buf, "some bytes of a body", 20);
    const struct cw_frame good = *cw_frame_at(&buf, 0);
    struct cw_frame *frame = cw_frame_at(&buf, 0);
    const struct {
        uint32_t length, body, sections;
        uint16_t keys;
        uint8_t format, kind;
    } bad[] = {
        { good.length + 8, good.body_length, 0, 2, 1, CW_EVENT },
        { good.length - 8, good.body_length, 0, 2, 1, CW_EVENT },
        { good.length, good.body_length + 5, 0, 2, 1, CW_EVENT },
        { good.length, UINT32_MAX, 0, 2, 1, CW_EVENT },
        { good.length, good.body_length, UINT32_MAX, 2, 1, CW_EVENT },
        { good.length, good.body_length, 8, 2, 1, CW_EVENT },
        { good.length, good.body_length, 0, 3, 1, CW_EVENT },
        { good.length, good.body_length, 0, UINT16_MAX, 1, CW_EVENT },
        { good.length + 4, good.body_length, 4, 2, 1, CW_EVENT }, /* no multiple of 8 */
        { 0, 0, 0, 0, 1, CW_EVENT },
        { CW_FRAME_MAX + 8, CW_FRAME_MAX + 8 - 144 - 64, 0, 2, 1, CW_EVENT },
        { good.length, good.body_length, 0, 2, 2, CW_EVENT },
        { good.length, good.body_length, 0, 2, 1, 0 },
        { good.length, good.body_length, 0, 2, 1, CW_END + 1 },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        *frame = good;
        frame->length = bad[i].length;
        frame->body_length = bad[i].body;
        frame->sections_length = bad[i].sections;
        frame->key_count = bad[i].keys;
        frame->format = bad[i].format;
        frame->kind = bad[i].kind;
        if (cw_frame_check(buf.data, buf.len) != -1)
            fail_msg("the bad header %zu was taken for a frame", i);
    }
    cw_buf_done(&buf);
}

static void sections_that_are_damaged_are_not_read_past_their_end(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    struct cw_buf made = { 0 };
    (void)put_event(&buf, "", 0);
    (void)cw_frame_put_section(&made, cw_frame_at(&buf, 0), 5, "12345678", 8);
    struct cw_frame *frame = cw_frame_at(&made, 0);
    uint8_t *section = made.data + made.len - 16;
    for (uint32_t length = 9; length != 0; length = length < 100 ? length + 1 : length * 2) {
        memcpy(section + 4, &length, sizeof(length));
        size_t len;
        assert_null(cw_frame_section(frame, 5, &len));
        assert_int_equal(len, 0);
        assert_null(cw_frame_section(frame, 6, &len));
    }
    cw_buf_done(&buf);
    cw_buf_done(&made);
}

static uint32_t crc_bit_by_bit(const uint8_t *bytes, size_t len)
{
    uint32_t crc = 0xffffffffU;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0x82f63b78U & (0U - (crc & 1)));
    }
    return ~crc;
}

static void the_crc_is_crc32c(void **state)
{
    (void)state;
    assert_true(cw_crc32c("123456789", 9) == 0xe3069283U); /* the check value of CRC-32C */
    assert_true(cw_crc32c("", 0) == 0);
    uint8_t bytes[100];
    struct rng rng = { 3 };
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)rng_next(&rng);
    for (size_t len = 0; len <= sizeof(bytes); len++)
        assert_true(cw_crc32c(bytes, len) == crc_bit_by_bit(bytes, len));
}

static void a_seal_breaks_with_every_bit_behind_it(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    (void)put_event(&buf, "some bytes of a body", 20);
    struct cw_frame *frame = cw_frame_at(&buf, 0);
    assert_false(cw_frame_sealed(frame));
    cw_frame_seal(frame);
    assert_true(cw_frame_sealed(frame));
    for (size_t bit = 32; bit < buf.len * 8; bit++) {
        buf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(cw_frame_sealed(frame));
        buf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(cw_frame_sealed(frame));
    cw_buf_done(&buf);
}

static void every_kind_has_a_name_and_others_have_a_mark(void **state)
{
    (void)state;
    assert_string_equal(cw_frame_kind_name(CW_EVENT), "event");
    assert_string_equal(cw_frame_kind_name(CW_MOVED), "moved");
    assert_string_equal(cw_frame_kind_name(CW_END), "end");
    assert_string_equal(cw_frame_kind_name(0), "?");
    assert_string_equal(cw_frame_kind_name(255), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_holds_what_was_put_for_every_length_of_body),
        cmocka_unit_test(sections_are_found_by_tag),
        cmocka_unit_test(links_are_entries_of_56_bytes),
        cmocka_unit_test(every_prefix_of_a_frame_asks_for_more),
        cmocka_unit_test(lengths_that_do_not_fit_together_are_no_frame),
        cmocka_unit_test(sections_that_are_damaged_are_not_read_past_their_end),
        cmocka_unit_test(the_crc_is_crc32c),
        cmocka_unit_test(a_seal_breaks_with_every_bit_behind_it),
        cmocka_unit_test(every_kind_has_a_name_and_others_have_a_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

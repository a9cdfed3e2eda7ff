/* test_buf.c - bytes that grow, and the numbers that are written into them. */
#include "testing.h"

static const int64_t edges[] = { 0,
                                 -1,
                                 1,
                                 -2,
                                 2,
                                 -64,
                                 63,
                                 -65,
                                 64,
                                 8191,
                                 -8192,
                                 8192,
                                 -8193,
                                 INT32_MAX,
                                 INT32_MIN,
                                 INT64_MAX,
                                 INT64_MIN,
                                 INT64_MAX - 1,
                                 INT64_MIN + 1 };

static void avro_longs_read_back_at_every_edge(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        cw_buf_avro_long(&buf, edges[i]);
    struct cw_cur cur = cw_cur(buf.data, buf.len);
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        assert_true(cw_cur_avro_long(&cur) == edges[i]);
    assert_false(cur.failed);
    assert_ptr_equal(cur.at, cur.end);
    for (int bit = 0; bit < 64; bit++) {
        for (int64_t around = -1; around <= 1; around++) {
            int64_t value = (int64_t)((UINT64_C(1) << bit) + (uint64_t)around);
            buf.len = 0;
            cw_buf_avro_long(&buf, value);
            assert_true(buf.len <= 10);
            cur = cw_cur(buf.data, buf.len);
            assert_true(cw_cur_avro_long(&cur) == value && !cur.failed);
        }
    }
    cw_buf_done(&buf);
}

static void avro_longs_have_the_bytes_of_the_specification(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *bytes;
        size_t len;
    } known[] = { { 0, "\x00", 1 },
                  { -1, "\x01", 1 },
                  { 1, "\x02", 1 },
                  { -64, "\x7f", 1 },
                  { 64, "\x80\x01", 2 },
                  { INT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10 },
                  { INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10 } };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct cw_buf buf = { 0 };
        cw_buf_avro_long(&buf, known[i].value);
        assert_int_equal(buf.len, known[i].len);
        assert_memory_equal(buf.data, known[i].bytes, known[i].len);
        cw_buf_done(&buf);
    }
}

static void avro_longs_of_more_than_64_bits_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } refused[] = {
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10 }, /* bit 64 */
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10 },
        { "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11 }, /* an eleventh byte */
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11 },
        { "\x80", 1 }, /* cut */
        { "", 0 },
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct cw_cur cur = cw_cur(refused[i].bytes, refused[i].len);
        assert_true(cw_cur_avro_long(&cur) == 0);
        assert_true(cur.failed);
    }
}

static void a_cursor_that_failed_stays_failed_and_gives_zeros(void **state)
{
    (void)state;
    const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct cw_cur cur = cw_cur(bytes, 3);
    assert_int_equal(cw_cur_u32(&cur), 0);
    assert_true(cur.failed);
    assert_int_equal(cw_cur_u8(&cur), 0); /* a byte is there, but too late */
    assert_int_equal(cw_cur_u16(&cur), 0);
    assert_int_equal(cw_cur_u64(&cur), 0);
    assert_int_equal(cw_cur_avro_long(&cur), 0);
    assert_int_equal(cw_cur_avro_str(&cur).len, 0);
    assert_int_equal(cw_cur_str32(&cur).len, 0);
    assert_null(cw_cur_take(&cur, 0));
    assert_true(cur.failed);
}

static void fixed_numbers_are_little_endian_and_read_back(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    cw_buf_u8(&buf, 0xfe);
    cw_buf_u16(&buf, 0x1234);
    cw_buf_u32(&buf, 0xdeadbeef);
    cw_buf_u64(&buf, UINT64_C(0x0102030405060708));
    const uint8_t expected[] = { 0xfe, 0x34, 0x12, 0xef, 0xbe, 0xad, 0xde, 8, 7, 6, 5, 4, 3, 2, 1 };
    assert_int_equal(buf.len, sizeof(expected));
    assert_memory_equal(buf.data, expected, sizeof(expected));
    struct cw_cur cur = cw_cur(buf.data, buf.len);
    assert_int_equal(cw_cur_u8(&cur), 0xfe);
    assert_int_equal(cw_cur_u16(&cur), 0x1234);
    assert_true(cw_cur_u32(&cur) == 0xdeadbeef);
    assert_true(cw_cur_u64(&cur) == UINT64_C(0x0102030405060708));
    assert_false(cur.failed);
    cw_buf_done(&buf);
}

static void strings_whose_length_points_past_the_end_are_refused(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    cw_buf_avro_str(&buf, cw_cstr("abc"));
    for (size_t len = 0; len < buf.len; len++) {
        struct cw_cur cur = cw_cur(buf.data, len);
        assert_int_equal(cw_cur_avro_str(&cur).len, 0);
        assert_true(cur.failed);
    }
    buf.len = 0;
    cw_buf_avro_long(&buf, -1);
    cw_buf_cstr(&buf, "abc");
    struct cw_cur cur = cw_cur(buf.data, buf.len);
    (void)cw_cur_avro_str(&cur);
    assert_true(cur.failed);
    buf.len = 0;
    cw_buf_avro_long(&buf, INT64_MAX);
    cur = cw_cur(buf.data, buf.len);
    (void)cw_cur_avro_str(&cur);
    assert_true(cur.failed);
    buf.len = 0;
    cw_buf_str32(&buf, cw_cstr("abc"));
    for (size_t len = 0; len < buf.len; len++) {
        cur = cw_cur(buf.data, len);
        assert_int_equal(cw_cur_str32(&cur).len, 0);
        assert_true(cur.failed);
    }
    cur = cw_cur(buf.data, buf.len);
    assert_str_equal(cw_cur_str32(&cur), "abc");
    cw_buf_done(&buf);
}

static void what_was_put_is_there_over_many_growths(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    cw_buf_put(&buf, NULL, 0);
    assert_int_equal(buf.len, 0);
    for (uint32_t i = 0; i < 10000; i++)
        cw_buf_printf(&buf, "%u,", i);
    char *at = (char *)buf.data;
    cw_buf_u8(&buf, 0);
    at = (char *)buf.data;
    for (unsigned long i = 0; i < 10000; i++) {
        assert_true(strtoul(at, &at, 10) == i);
        assert_int_equal(*at++, ',');
    }
    assert_int_equal(*at, 0);
    cw_buf_done(&buf);
    assert_int_equal(buf.len, 0);
    cw_buf_cstr(&buf, "again");
    assert_memory_equal(buf.data, "again", 5);
    cw_buf_done(&buf);
}

static void reserved_room_is_not_length(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    memset(cw_buf_reserve(&buf, 5000), 7, 5000);
    assert_int_equal(buf.len, 0);
    assert_ptr_equal(cw_buf_extend(&buf, 3), buf.data);
    assert_int_equal(buf.len, 3);
    cw_buf_done(&buf);
}

static void absent_and_empty_differ_but_compare_equal(void **state)
{
    (void)state;
    const cw_str none = cw_cstr(NULL);
    assert_null(none.ptr);
    assert_true(cw_str_eq(none, cw_cstr("")));
    assert_true(cw_str_cmp(cw_cstr("a"), cw_cstr("ab")) < 0);
    assert_true(cw_str_cmp(cw_cstr("b"), cw_cstr("ab")) > 0);
    assert_true(cw_str_cmp(cw_cstr("\xff"), cw_cstr("a")) > 0);
    assert_int_equal(cw_str_cmp(none, cw_cstr("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(avro_longs_read_back_at_every_edge),
        cmocka_unit_test(avro_longs_have_the_bytes_of_the_specification),
        cmocka_unit_test(avro_longs_of_more_than_64_bits_are_refused),
        cmocka_unit_test(a_cursor_that_failed_stays_failed_and_gives_zeros),
        cmocka_unit_test(fixed_numbers_are_little_endian_and_read_back),
        cmocka_unit_test(strings_whose_length_points_past_the_end_are_refused),
        cmocka_unit_test(what_was_put_is_there_over_many_growths),
        cmocka_unit_test(reserved_room_is_not_length),
        cmocka_unit_test(absent_and_empty_differ_but_compare_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

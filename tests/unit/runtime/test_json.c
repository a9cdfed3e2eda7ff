/* test_json.c - what is written reads back with jansson, and escapes as it should. */
#include "testing.h"

#include <jansson.h>
#include <math.h>

#include "operators/runtime/json.h"

static void assert_text(const struct cw_buf *buf, const char *expected)
{
    assert_str_equal((cw_str){ (const char *)buf->data, buf->len }, expected);
}

static void commas_stand_between_values_at_every_level(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    struct cw_json json = cw_json(&buf);
    cw_json_open(&json, '{');
    cw_json_kint(&json, "a", -1);
    cw_json_key(&json, "b");
    cw_json_open(&json, '[');
    cw_json_open(&json, '[');
    cw_json_close(&json, ']');
    cw_json_open(&json, '{');
    cw_json_close(&json, '}');
    cw_json_int(&json, INT64_MIN);
    cw_json_null(&json);
    cw_json_bool(&json, true);
    cw_json_close(&json, ']');
    cw_json_kbool(&json, "c", false);
    cw_json_kcstr(&json, "d", "x");
    cw_json_kstr(&json, "e", cw_cstr(""));
    cw_json_ktime(&json, "f", 0);
    cw_json_close(&json, '}');
    assert_text(&buf, "{\"a\":-1,\"b\":[[],{},-9223372036854775808,null,true],\"c\":false,"
                      "\"d\":\"x\",\"e\":\"\",\"f\":\"1970-01-01T00:00:00Z\"}");
    cw_buf_done(&buf);
}

static void every_byte_of_a_text_reads_back(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 0x80; c++) {
        char text[] = { 'a', (char)c, 'b', (char)c, (char)c };
        struct cw_buf buf = { 0 };
        struct cw_json json = cw_json(&buf);
        cw_json_open(&json, '[');
        cw_json_str(&json, (cw_str){ text, sizeof(text) });
        cw_json_close(&json, ']');
        for (size_t i = 0; i < buf.len; i++)
            assert_true(buf.data[i] >= 0x20 && buf.data[i] != 0x7f); /* one line, no controls */
        json_error_t error;
        json_t *read = json_loadb((const char *)buf.data, buf.len, JSON_ALLOW_NUL, &error);
        assert_non_null(read);
        json_t *back = json_array_get(read, 0);
        assert_int_equal(json_string_length(back), sizeof(text));
        assert_memory_equal(json_string_value(back), text, sizeof(text));
        json_decref(read);
        cw_buf_done(&buf);
    }
}

static void text_beyond_ascii_is_left_as_it_is(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    struct cw_json json = cw_json(&buf);
    cw_json_str(&json, cw_cstr("Ștefan \"Ж\" 漢\\😀\n"));
    assert_text(&buf, "\"Ștefan \\\"Ж\\\" 漢\\\\😀\\n\"");
    cw_buf_done(&buf);
}

static void an_absent_text_is_an_empty_one(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    struct cw_json json = cw_json(&buf);
    cw_json_str(&json, cw_cstr(NULL));
    assert_text(&buf, "\"\"");
    cw_buf_done(&buf);
}

static void numbers_read_back_exactly(void **state)
{
    (void)state;
    static const double values[] = { 0.0, 0.1, -1.5, 1e300, 5e-324, 52.520008, 1.0 / 3 };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct cw_buf buf = { 0 };
        struct cw_json json = cw_json(&buf);
        cw_json_double(&json, values[i]);
        cw_buf_u8(&buf, 0);
        double back = strtod((const char *)buf.data, NULL);
        assert_memory_equal(&back, &values[i], sizeof(back));
        cw_buf_done(&buf);
    }
    struct cw_buf buf = { 0 };
    struct cw_json json = cw_json(&buf);
    cw_json_open(&json, '[');
    cw_json_double(&json, (double)NAN);
    cw_json_double(&json, (double)INFINITY);
    cw_json_double(&json, -(double)INFINITY);
    cw_json_close(&json, ']');
    assert_text(&buf, "[null,null,null]");
    cw_buf_done(&buf);
}

static void ids_are_32_digits(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    struct cw_json json = cw_json(&buf);
    cw_json_open(&json, '{');
    cw_json_kid(&json, "id", id_of(UINT64_C(0x0123456789abcdef)));
    cw_json_close(&json, '}');
    assert_text(&buf, "{\"id\":\"0123456789abcdef0000000000000000\"}");
    cw_buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_values_at_every_level),
        cmocka_unit_test(every_byte_of_a_text_reads_back),
        cmocka_unit_test(text_beyond_ascii_is_left_as_it_is),
        cmocka_unit_test(an_absent_text_is_an_empty_one),
        cmocka_unit_test(numbers_read_back_exactly),
        cmocka_unit_test(ids_are_32_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_datum_json.c - data under their own schema as JSON, well formed and not. */
#include "wire_test.h"

#include "ingest/wire/datum_json.h"

enum { ENOUGH = 1 << 20 };

static bool read_json(const char *json, const void *bytes, size_t len, size_t text_max,
                      size_t *consumed, struct cw_buf *out, struct cw_reason *reason)
{
    struct cw_schema *schema = schema_of(json);
    uint8_t *copy = malloc(len != 0 ? len : 1); /* exact, so that a read past the end is found */
    assert_non_null(copy);
    if (len != 0)
        memcpy(copy, bytes, len);
    bool ok = cw_datum_json(schema, copy, len, text_max, consumed, out, reason);
    free(copy);
    cw_schema_free(schema);
    return ok;
}

static void assert_json(const char *schema, const void *bytes, size_t len, const char *want)
{
    struct cw_buf out = { 0 };
    struct cw_reason reason = { 0 };
    size_t consumed;
    if (!read_json(schema, bytes, len, ENOUGH, &consumed, &out, &reason))
        fail_msg("%s at %s: %s", reason.code, reason.field, reason.sentence);
    assert_int_equal(consumed, len);
    cw_buf_u8(&out, 0);
    assert_string_equal((char *)out.data, want);
    cw_buf_done(&out);
}

static void assert_refused(const char *schema, const void *bytes, size_t len, const char *code,
                           const char *field)
{
    struct cw_buf out = { 0 };
    struct cw_reason reason = { 0 };
    size_t consumed;
    assert_false(read_json(schema, bytes, len, ENOUGH, &consumed, &out, &reason));
    assert_string_equal(reason.code, code);
    assert_string_equal(reason.field, field);
    assert_true(reason.sentence[0] != '\0');
    cw_buf_done(&out);
}

#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"
#define MAP(values) "{\"type\":\"map\",\"values\":" values "}"
#define ENUM "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}"
#define LIST                                                                                       \
    "{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"v\",\"type\":\"int\"},"           \
    "{\"name\":\"next\",\"type\":[\"null\",\"L\"]}]}"

static void scalars_are_what_they_say(void **state)
{
    (void)state;
    assert_json("\"null\"", "", 0, "null");
    assert_json("\"boolean\"", BYTES("\1"), "true");
    assert_json("\"int\"", BYTES("\x01"), "-1");
    assert_json("\"long\"", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                "-9223372036854775808");
    assert_json("\"float\"", BYTES("\0\0\xc0\x3f"), "1.5");
    assert_json("\"double\"", BYTES("\0\0\0\0\0\0\xf8\xbf"), "-1.5");
    assert_json("\"string\"", BYTES("\x08\"\xc3\xa9\n"), "\"\\\"\xc3\xa9\\n\"");
    assert_json("\"bytes\"", BYTES("\x04\x00\xff"), "{\"$hex\":\"00ff\"}");
    assert_json("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", BYTES("\x01\xab"),
                "{\"$hex\":\"01ab\"}");
    assert_json(ENUM, BYTES("\2"), "\"B\"");
}

static void numbers_that_json_cannot_say_are_named(void **state)
{
    (void)state;
    assert_json("\"float\"", BYTES("\0\0\x80\x7f"), "{\"$number\":\"Infinity\"}");
    assert_json("\"float\"", BYTES("\0\0\x80\xff"), "{\"$number\":\"-Infinity\"}");
    assert_json("\"double\"", BYTES("\0\0\0\0\0\0\xf8\x7f"), "{\"$number\":\"NaN\"}");
}

static void blocks_of_any_cut_are_one_list(void **state)
{
    (void)state;
    assert_json(ARRAY("\"int\""), BYTES("\0"), "[]");
    assert_json(ARRAY("\"int\""), BYTES("\x02\x02\x03\x04\x04\x06\0"), "[1,2,3]");
    assert_json(MAP("\"int\""), BYTES("\x02\x02k\x02\x01\x06\x02m\x04\0"), "{\"k\":1,\"m\":2}");
    assert_json(ARRAY(ARRAY("\"null\"")), BYTES("\x04\x04\0\0\0"), "[[null,null],[]]");
}

static void a_union_is_its_branch_and_no_logical_type_is_applied(void **state)
{
    (void)state;
    assert_json("[\"null\",\"string\"]", BYTES("\2\2a"), "\"a\"");
    assert_json("[\"null\",\"string\"]", BYTES("\0"), "null");
    assert_json("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", BYTES("\x04"), "2");
}

static void records_nest_and_refer_to_themselves(void **state)
{
    (void)state;
    assert_json(LIST, BYTES("\2\2\4\0"), "{\"v\":1,\"next\":{\"v\":2,\"next\":null}}");
}

static void what_is_wrong_is_told_with_its_field(void **state)
{
    (void)state;
    assert_refused(LIST, BYTES("\2\2\4\4"), "bad_union", "next.next");
    assert_refused(LIST, BYTES("\2\2\4"), "truncated", "next.next");
    assert_refused(ARRAY(LIST), BYTES("\2\x80"), "truncated", "[].v");
    assert_refused(MAP("\"string\""), BYTES("\2\2k\2\xff"), "bad_utf8", "{}");
    assert_refused("\"int\"", BYTES("\x80\x80\x80\x80\x10"), "bad_number", "");
    assert_refused("\"long\"", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "bad_number", "");
    assert_refused("\"boolean\"", BYTES("\2"), "bad_boolean", "");
    assert_refused("\"string\"", BYTES("\1"), "bad_length", "");
    assert_refused("\"string\"", BYTES("\x04x"), "truncated", "");
    assert_refused(ENUM, BYTES("\4"), "bad_enum", "");
    assert_refused("[]", BYTES("\0"), "bad_union", "");
    assert_refused(ENUM, BYTES("\1"), "bad_enum", "");
    assert_refused(ARRAY("\"null\""), BYTES("\1\1"), "bad_length", "[]");
}

static void a_value_is_as_deep_as_the_cap_and_no_deeper(void **state)
{
    (void)state;
    struct cw_buf bytes = { 0 };
    for (int i = 1; i < CW_DATUM_JSON_DEPTH_MAX; i++)
        cw_buf_put(&bytes, "\0\2", 2);
    struct cw_buf deepest = { 0 };
    cw_buf_put(&deepest, bytes.data, bytes.len);
    cw_buf_put(&deepest, "\0\0", 2);
    cw_buf_put(&bytes, "\0\2\0\0", 4);
    struct cw_buf out = { 0 };
    struct cw_reason reason = { 0 };
    size_t consumed;
    assert_true(read_json(LIST, deepest.data, deepest.len, 64 * ENOUGH, &consumed, &out, &reason));
    assert_false(read_json(LIST, bytes.data, bytes.len, 64 * ENOUGH, &consumed, &out, &reason));
    assert_string_equal(reason.code, "too_deep");
    cw_buf_done(&out);
    cw_buf_done(&deepest);
    cw_buf_done(&bytes);
}

/* Few bytes that stand for much text: items without bytes, records of records of nothing. */
static void few_bytes_do_not_become_endless_text(void **state)
{
    (void)state;
    assert_refused(ARRAY("\"null\""), BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                   "too_large", "[]");
    assert_refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                   "{\"name\":\"r\",\"type\":\"R\"}]}",
                   "", 0, "too_deep",
                   "r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r."
                   "r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r.r");
    struct cw_buf text = { 0 };
    for (int i = 0; i < 30; i++)
        cw_buf_printf(&text,
                      "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\","
                      "\"type\":",
                      i);
    cw_buf_cstr(&text, "\"null\"");
    for (int i = 30; i-- > 0;) {
        if (i < 29)
            cw_buf_printf(&text, "},{\"name\":\"b\",\"type\":\"R%d\"}]}", i + 1);
        else
            cw_buf_cstr(&text, "}]}");
    }
    cw_buf_u8(&text, 0);
    struct cw_buf out = { 0 };
    struct cw_reason reason = { 0 };
    size_t consumed;
    assert_false(read_json((const char *)text.data, "", 0, ENOUGH, &consumed, &out, &reason));
    assert_string_equal(reason.code, "too_large");
    cw_buf_done(&out);
    cw_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_what_they_say),
        cmocka_unit_test(numbers_that_json_cannot_say_are_named),
        cmocka_unit_test(blocks_of_any_cut_are_one_list),
        cmocka_unit_test(a_union_is_its_branch_and_no_logical_type_is_applied),
        cmocka_unit_test(records_nest_and_refer_to_themselves),
        cmocka_unit_test(what_is_wrong_is_told_with_its_field),
        cmocka_unit_test(a_value_is_as_deep_as_the_cap_and_no_deeper),
        cmocka_unit_test(few_bytes_do_not_become_endless_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

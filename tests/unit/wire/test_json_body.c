/* test_json_body.c - events as JSON text. */
#include "wire_test.h"

#include "ingest/wire/json_body.h"
#include "operators/runtime/event.h"

#define R(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define F(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define D(name, type, value) "{\"name\":\"" name "\",\"type\":" type ",\"default\":" value "}"

static void assert_body(const char *schema, const char *json, const char *want, size_t want_len)
{
    struct cw_schema *reader = schema_of(schema);
    struct cw_buf out = { 0 };
    struct cw_reason reason = { 0 };
    if (!cw_json_body(reader, cw_cstr(json), &out, &reason))
        fail_msg("%s at %s: %s", reason.code, reason.field, reason.sentence);
    assert_int_equal(out.len, want_len);
    assert_memory_equal(out.data, want, want_len);
    cw_buf_done(&out);
    cw_schema_free(reader);
}

static void assert_bad_str(const char *schema, cw_str json, const char *code, const char *field)
{
    struct cw_schema *reader = schema_of(schema);
    struct cw_buf out = { 0 };
    struct cw_reason reason = { 0 };
    assert_false(cw_json_body(reader, json, &out, &reason));
    assert_string_equal(reason.code, code);
    assert_string_equal(reason.field, field);
    cw_buf_done(&out);
    cw_schema_free(reader);
}

static void assert_bad(const char *schema, const char *json, const char *code, const char *field)
{
    assert_bad_str(schema, cw_cstr(json), code, field);
}

static void values_of_every_type_are_written(void **state)
{
    (void)state;
    assert_body("\"boolean\"", "true", BYTES("\x01"));
    assert_body("\"int\"", "-1", BYTES("\x01"));
    assert_body("\"long\"", "300", BYTES("\xd8\x04"));
    assert_body("\"float\"", "2", BYTES("\0\0\0\x40"));
    assert_body("\"double\"", "2.0", BYTES("\0\0\0\0\0\0\0\x40"));
    assert_body("\"string\"", "\"a\\u00e9\\u0000\"",
                BYTES("\x08"
                      "a\xc3\xa9\0"));
    assert_body("\"bytes\"", "\"a\\u00e9\\u0000\"",
                BYTES("\x06"
                      "a\xe9\0"));
    assert_body("{\"type\":\"fixed\",\"name\":\"X\",\"size\":2}", "\"\\u00ffb\"",
                BYTES("\xff"
                      "b"));
    assert_body("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "\"B\"",
                BYTES("\x02"));
    assert_body("{\"type\":\"array\",\"items\":\"int\"}", "[1,2]", BYTES("\x04\x02\x04\x00"));
    assert_body("{\"type\":\"array\",\"items\":\"int\"}", "[]", BYTES("\x00"));
    assert_body("{\"type\":\"map\",\"values\":\"int\"}", "{\"k\":1}",
                BYTES("\x02\x02"
                      "k\x02\x00"));
    assert_body("[\"null\",\"long\",\"string\"]", "null", BYTES("\x00"));
    assert_body("[\"null\",\"long\",\"string\"]", "\"s\"", BYTES("\x04\x02s"));
    assert_body("[\"null\",\"long\",\"string\"]", "1", BYTES("\x02\x02"));
}

static void fields_may_come_in_any_order_and_missing_ones_take_defaults(void **state)
{
    (void)state;
    assert_body(R(F("a", "\"int\"") "," D("b", "[\"null\",\"string\"]",
                                          "null") "," D("c", "\"string\"", "\"x\"")),
                "{\"c\":\"y\",\"a\":1}", BYTES("\x02\x00\x02y"));
    assert_body(R(F("a", "\"int\"") "," D("b", "[\"null\",\"string\"]",
                                          "null") "," D("c", "\"string\"", "\"x\"")),
                "{\"b\":\"q\",\"a\":1}", BYTES("\x02\x02\x02q\x02x"));
    assert_bad(R(F("a", "\"int\"")), "{}", "missing_field", "a");
}

static void times_are_text_or_microseconds(void **state)
{
    (void)state;
    const char *micros = "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}";
    const char *millis = "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}";
    assert_body(micros, "\"1970-01-01T00:00:01Z\"", BYTES("\x80\x89\x7a"));
    assert_body(micros, "1000000", BYTES("\x80\x89\x7a"));
    assert_body(micros, "\"1970-01-01T01:00:01+01:00\"", BYTES("\x80\x89\x7a"));
    assert_body(millis, "\"1970-01-01T00:00:01Z\"", BYTES("\xd0\x0f"));
    assert_bad(micros, "\"yesterday\"", "bad_time", "");
    assert_bad("\"long\"", "\"1970-01-01T00:00:01Z\"", "bad_type", "");
    assert_bad(R(F("t", "[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}]")),
               "{\"t\":\"2020-13-01\"}", "bad_time", "t");
}

static void what_the_schema_does_not_have_is_an_error(void **state)
{
    (void)state;
    assert_bad(R(F("a", "\"int\"")), "{\"a\":1,\"colour\":2}", "unknown_field", "colour");
    assert_bad(R(F("a", "\"int\"")), "{\"a\":1,\"Jane Doe\":2}", "unknown_field", "");
    assert_bad(
        R(F("p",
            "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"P\",\"fields\":[]}}")),
        "{\"p\":[{},{\"x\":1}]}", "unknown_field", "p[1].x");
}

static void values_of_another_type_are_errors_with_their_path(void **state)
{
    (void)state;
    const char *schema =
        R(F("p", "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"P\",\"fields\":[" F(
                     "k", "\"string\"") "," F("n", "[\"null\",\"int\"]") "]}}"));
    assert_bad(schema, "{\"p\":[{\"k\":\"a\",\"n\":null},{\"k\":7,\"n\":null}]}", "bad_type",
               "p[1].k");
    assert_bad(schema, "{\"p\":[{\"k\":\"a\",\"n\":\"7\"}]}", "bad_type", "p[0].n");
    assert_bad(schema, "{\"p\":[{\"k\":\"a\",\"n\":3000000000}]}", "bad_number", "p[0].n");
    assert_bad(schema, "{\"p\":{}}", "bad_type", "p");
    assert_bad(schema, "[]", "bad_type", "");
    assert_bad("\"int\"", "1.5", "bad_type", "");
    assert_bad("\"float\"", "1e39", "bad_number", "");
    assert_bad("\"bytes\"", "\"\\u0100\"", "bad_type", "");
    assert_bad("{\"type\":\"fixed\",\"name\":\"X\",\"size\":2}", "\"b\"", "bad_type", "");
    assert_bad("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "\"C\"", "bad_enum",
               "");
    assert_bad("[\"int\",\"string\"]", "true", "bad_type", "");
}

static void text_that_is_no_json_is_told_by_position_only(void **state)
{
    (void)state;
    assert_bad("\"string\"", "\"Jane", "bad_json", "");
    assert_bad("\"string\"", "\"a\" \"b\"", "bad_json", "");
    assert_bad("\"string\"", "\"\xff\"", "bad_json", "");
    assert_bad("\"string\"", "\"\\ud800\"", "bad_json", "");
    assert_bad("\"long\"", "99999999999999999999", "bad_json", "");
    assert_bad(R(F("a", "\"int\"")), "{\"a\":1,\"a\":2}", "bad_json", "");
}

static void json_is_bounded(void **state)
{
    (void)state;
    struct cw_buf text = { 0 };
    memset(cw_buf_extend(&text, 1024 * 1024 + 1), ' ', 1024 * 1024 + 1);
    assert_bad_str("\"int\"", (cw_str){ (char *)text.data, text.len }, "too_large", "");
    memset(text.data, '[', text.len - 1);
    text.len--;
    assert_bad_str("\"int\"", (cw_str){ (char *)text.data, text.len }, "bad_json", "");
    /* a schema whose defaults call for each other without end */
    const char *endless =
        "{\"type\":\"record\",\"name\":\"Z\",\"fields\":[{\"name\":\"a\",\"type\":\"Z\","
        "\"default\":{}},{\"name\":\"b\",\"type\":\"Z\",\"default\":{}}]}";
    struct cw_schema *reader = schema_of(endless);
    struct cw_buf out = { 0 };
    struct cw_reason reason;
    assert_false(cw_json_body(reader, cw_cstr("{}"), &out, &reason));
    assert_string_equal(reason.code, "too_deep");
    cw_schema_free(reader);
    cw_buf_done(&out);
    cw_buf_done(&text);
}

static void a_canonical_event_in_json_is_a_canonical_body(void **state)
{
    (void)state;
    struct cw_schema *reader = schema_of(cw_event_schema_json());
    struct cw_buf out = { 0 };
    struct cw_reason reason = { 0 };
    if (!cw_json_body(
            reader,
            cw_cstr(
                "{\"owner\":\"NL-KMAR\",\"event_id\":\"E-1\",\"event_type\":\"border_crossing\","
                "\"event_time\":\"2020-01-01T00:00:00Z\",\"recorded_at\":\"2020-01-01T00:00:05Z\","
                "\"parties\":[{\"role\":\"traveller\",\"names\":[{\"full\":\"Jane Doe\"}]}]}"),
            &out, &reason))
        fail_msg("%s at %s: %s", reason.code, reason.field, reason.sentence);
    struct cw_arena *arena = cw_arena_new();
    struct cw_event event;
    assert_true(cw_event_read(&event, out.data, out.len, arena));
    assert_true(cw_str_is(event.owner, "NL-KMAR"));
    assert_true(cw_str_is(event.op, "create"));
    assert_int_equal(event.party_count, 1);
    assert_true(cw_str_is(event.parties[0].names[0].full, "Jane Doe"));
    assert_int_equal(event.recorded_at - event.event_time, 5000000);
    cw_arena_free(arena);
    cw_buf_done(&out);
    cw_schema_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_type_are_written),
        cmocka_unit_test(fields_may_come_in_any_order_and_missing_ones_take_defaults),
        cmocka_unit_test(times_are_text_or_microseconds),
        cmocka_unit_test(what_the_schema_does_not_have_is_an_error),
        cmocka_unit_test(values_of_another_type_are_errors_with_their_path),
        cmocka_unit_test(text_that_is_no_json_is_told_by_position_only),
        cmocka_unit_test(json_is_bounded),
        cmocka_unit_test(a_canonical_event_in_json_is_a_canonical_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

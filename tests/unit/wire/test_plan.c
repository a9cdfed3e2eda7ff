/* test_plan.c - Avro's resolution rules and every reason a datum is refused for. */
#include "wire_test.h"

#define R(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define F(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define D(name, type, value) "{\"name\":\"" name "\",\"type\":" type ",\"default\":" value "}"

static void a_datum_under_its_own_schema_stays_as_it_is(void **state)
{
    (void)state;
    const char *schema = R(F("b", "\"boolean\"") "," F("i", "\"int\"") "," F("l", "\"long\"") "," F(
        "f",
        "\"float"
        "\"") "," F("d",
                    "\"double\"") "," F("s",
                                        "\"string\"") "," F("y",
                                                            "\"bytes\"") "," F("n",
                                                                               "\"null\"") "," F("o",
                                                                                                 "["
                                                                                                 "\"null\",\"string\"]") "," F("a",
                                                                                                                               "{\"type\":\"array\",\"items\":"
                                                                                                                               "\"int\"}") "," F("m",
                                                                                                                                                 "{\"type\":"
                                                                                                                                                 "\"map\","
                                                                                                                                                 "\"values\""
                                                                                                                                                 ":\"long\""
                                                                                                                                                 "}") "," F("x",
                                                                                                                                                            "{\"type\":\"fixed\",\"name\":\"X\",\"size\":2}") "," F("e",
                                                                                                                                                                                                                    "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}"));
    const char in[] = "\x01"
                      "\x03"
                      "\xfe\x7f"
                      "ffff"
                      "dddddddd"
                      "\x06"
                      "abc"
                      "\x02"
                      "\xff"
                      "\x02"
                      "\x02"
                      "z"
                      "\x04"
                      "\x02"
                      "\x04"
                      "\x00"
                      "\x02"
                      "\x02"
                      "k"
                      "\x08"
                      "\x00"
                      "xx"
                      "\x02";
    assert_reads(schema, schema, BYTES(in), BYTES(in));
}

static void only_the_first_datum_is_taken(void **state)
{
    (void)state;
    struct cw_plan *plan = plan_of("\"string\"", "\"string\"");
    struct cw_buf out = { 0 };
    struct cw_reason reason;
    size_t consumed = 0;
    cw_buf_cstr(&out, "before");
    assert_true(run_plan(plan,
                         BYTES("\x04"
                               "ab"
                               "rest"),
                         &consumed, &out, &reason));
    assert_int_equal(consumed, 3);
    assert_int_equal(out.len, 9);
    assert_memory_equal(out.data,
                        "before\x04"
                        "ab",
                        9);
    cw_buf_done(&out);
    cw_plan_free(plan);
}

static void numbers_are_promoted(void **state)
{
    (void)state;
    assert_reads("\"int\"", "\"long\"", BYTES("\x05"), BYTES("\x05"));
    assert_reads("\"int\"", "\"float\"", BYTES("\x04"), BYTES("\x00\x00\x00\x40"));
    assert_reads("\"int\"", "\"double\"", BYTES("\x04"), BYTES("\0\0\0\0\0\0\x00\x40"));
    assert_reads("\"long\"", "\"float\"", BYTES("\x03"), BYTES("\x00\x00\x00\xc0"));
    assert_reads("\"long\"", "\"double\"", BYTES("\x03"), BYTES("\0\0\0\0\0\0\x00\xc0"));
    assert_reads("\"float\"", "\"double\"", BYTES("\x00\x00\x00\x40"),
                 BYTES("\0\0\0\0\0\0\x00\x40"));
    assert_reads("\"string\"", "\"bytes\"",
                 BYTES("\x02"
                       "a"),
                 BYTES("\x02"
                       "a"));
    assert_reads("\"bytes\"", "\"string\"",
                 BYTES("\x02"
                       "a"),
                 BYTES("\x02"
                       "a"));
    assert_rejects("\"bytes\"", "\"string\"", BYTES("\x02\xff"), "bad_utf8", "");
    assert_mismatch("\"long\"", "\"int\"", "");
    assert_mismatch("\"double\"", "\"float\"", "");
    assert_mismatch("\"string\"", "\"long\"", "");
}

static void fields_only_of_the_writer_are_skipped(void **state)
{
    (void)state;
    const char *writer = R(F("x", "\"string\"") "," F("a", "\"int\"") "," F(
        "y",
        "{\"type\":\"array\",\"items\":"
        "\"string\"}") "," F("z", "[\"null\",\"double\"]") "," F("b",
                                                                 "\"int\"") "," F("w",
                                                                                  "\"bytes\""));
    const char *reader = R(F("a", "\"int\"") "," F("b", "\"int\""));
    assert_reads(writer, reader,
                 BYTES("\x04"
                       "no"
                       "\x02"
                       "\x02\x02"
                       "q"
                       "\x02\x02"
                       "r"
                       "\x00"
                       "\x02"
                       "12345678"
                       "\x04"
                       "\x02"
                       "w"),
                 BYTES("\x02\x04"));
    assert_rejects(writer, reader,
                   BYTES("\x04"
                         "no"
                         "\x02"
                         "\x02\x02"
                         "\xff"),
                   "bad_utf8", "y[0]");
}

static void fields_only_of_the_reader_take_their_default(void **state)
{
    (void)state;
    const char *writer = R(F("a", "\"int\"") "," F("b", "\"int\""));
    const char *reader = R(D("p", "\"string\"", "\"hi\"") "," F("a", "\"int\"") "," D(
        "q", "[\"null\",\"int\"]",
        "null") "," F("b", "\"int\"") "," D("r", "{\"type\":\"array\",\"items\":\"int\"}",
                                            "[1,2]") "," D("s", "\"bytes\"", "\"\\u00ff\\u0000\""));
    assert_reads(writer, reader, BYTES("\x02\x04"),
                 BYTES("\x04"
                       "hi"
                       "\x02"
                       "\x00"
                       "\x04"
                       "\x04\x02\x04\x00"
                       "\x04\xff\x00"));
}

static void a_default_of_a_record_is_completed_from_its_own_fields(void **state)
{
    (void)state;
    const char *reader =
        R(F("a", "\"int\"") ","
                            "{\"name\":\"in\",\"default\":{\"x\":7},\"type\":{\"type\":\"record\","
                            "\"name\":\"In\",\"fields\":[" F("x", "\"long\"") "," D(
                                "y", "\"string\"", "\"\"") "]}}");
    assert_reads(R(F("a", "\"int\"")), reader, BYTES("\x02"), BYTES("\x02\x0e\x00"));
}

static void a_field_that_is_nowhere_is_a_mismatch(void **state)
{
    (void)state;
    assert_mismatch(R(F("a", "\"int\"")), R(F("a", "\"int\"") "," F("b", "\"int\"")), "b");
    assert_mismatch(
        R(F("a", "{\"type\":\"array\",\"items\":"
                 "{\"type\":\"record\",\"name\":\"I\",\"fields\":[]}}")),
        R(F("a", "{\"type\":\"array\",\"items\":"
                 "{\"type\":\"record\",\"name\":\"I\",\"fields\":[" F("k", "\"int\"") "]}}")),
        "a[].k");
    assert_mismatch(R(F("a", "\"int\"")), R(F("a", "\"int\"") "," D("b", "\"int\"", "\"x\"")), "b");
}

static void another_order_of_fields_is_put_right(void **state)
{
    (void)state;
    const char *writer = R(F("c", "\"string\"") "," F("skip", "\"string\"") "," F(
        "a", "\"int\"") "," F("b", "{\"type\":\"array\",\"items\":\"long\"}"));
    const char *reader =
        R(F("a", "\"int\"") "," F("b", "{\"type\":\"array\",\"items\":\"double\"}") "," D(
            "d", "\"string\"", "\"!\"") "," F("c", "\"string\""));
    assert_reads(writer, reader,
                 BYTES("\x02"
                       "C"
                       "\x04"
                       "no"
                       "\x06"
                       "\x02\x02\x00"),
                 BYTES("\x06"
                       "\x02"
                       "\0\0\0\0\0\0\xf0\x3f"
                       "\x00"
                       "\x02"
                       "!"
                       "\x02"
                       "C"));
}

static void records_ordered_anew_nest(void **state)
{
    (void)state;
#define NEST(a, b)                                                                                 \
    "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"N\",\"fields\":[" a "," b "]}}"
    const char *writer =
        R(F("n", NEST(F("y", "\"string\""), F("x", "\"int\""))) "," F("a", "\"int\""));
    const char *reader =
        R(F("a", "\"int\"") "," F("n", NEST(F("x", "\"int\""), F("y", "\"string\""))));
    assert_reads(writer, reader,
                 BYTES("\x04\x02"
                       "p"
                       "\x02\x02"
                       "q"
                       "\x04\x00\x0a"),
                 BYTES("\x0a\x04\x02\x02"
                       "p"
                       "\x04\x02"
                       "q"
                       "\x00"));
}

static void aliases_rename_fields_and_records(void **state)
{
    (void)state;
    const char *reader = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"new\","
                         "\"aliases\":[\"old\"],\"type\":\"int\"}]}";
    assert_reads(R(F("old", "\"int\"")), reader, BYTES("\x02"), BYTES("\x02"));
    /* the name goes before the alias */
    const char *both = "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                       "{\"name\":\"p\",\"aliases\":[\"q\"],\"type\":\"int\",\"default\":9},"
                       "{\"name\":\"q\",\"type\":\"int\"}]}";
    assert_reads(R(F("q", "\"int\"")), both, BYTES("\x02"), BYTES("\x12\x02"));
    const char *from = "[\"null\",{\"type\":\"record\",\"name\":\"Old\",\"fields\":[]},{\"type\":"
                       "\"record\",\"name\":\"Other\",\"fields\":[]}]";
    const char *to =
        "[\"null\",{\"type\":\"record\",\"name\":\"New\",\"aliases\":[\"Old\"],\"fields\":[]}]";
    assert_reads(from, to, BYTES("\x02"), BYTES("\x02"));
    assert_rejects(from, to, BYTES("\x04"), "unresolved", "");
}

#define ENUM(symbols, more) "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[" symbols "]" more "}"
static void enums_are_read_by_symbol(void **state)
{
    (void)state;
    const char *writer = ENUM("\"A\",\"B\",\"C\"", "");
    const char *reader = ENUM("\"C\",\"A\"", "");
    const char *lenient = ENUM("\"C\",\"A\"", ",\"default\":\"A\"");
    assert_reads(writer, reader, BYTES("\x00"), BYTES("\x02"));
    assert_reads(writer, reader, BYTES("\x04"), BYTES("\x00"));
    assert_rejects(writer, reader, BYTES("\x02"), "unresolved", "");
    assert_reads(writer, lenient, BYTES("\x02"), BYTES("\x02"));
    assert_rejects(writer, reader, BYTES("\x06"), "bad_enum", "");
    assert_rejects(writer, reader, BYTES("\x01"), "bad_enum", "");
    assert_rejects(writer, writer, BYTES("\x06"), "bad_enum", "");
    assert_rejects(writer, writer, BYTES("\x01"), "bad_enum", "");
}

static void unions_are_read_both_ways(void **state)
{
    (void)state;
    assert_reads("\"string\"", "[\"null\",\"string\"]",
                 BYTES("\x02"
                       "a"),
                 BYTES("\x02\x02"
                       "a"));
    assert_reads("[\"null\",\"string\"]", "\"string\"",
                 BYTES("\x02\x02"
                       "a"),
                 BYTES("\x02"
                       "a"));
    assert_rejects("[\"null\",\"string\"]", "\"string\"", BYTES("\x00"), "unresolved", "");
    assert_reads("[\"string\",\"null\"]", "[\"null\",\"string\"]",
                 BYTES("\x00\x02"
                       "a"),
                 BYTES("\x02\x02"
                       "a"));
    assert_reads("[\"string\",\"null\"]", "[\"null\",\"string\"]", BYTES("\x02"), BYTES("\x00"));
    assert_reads("[\"string\",\"null\"]", "[\"string\",\"null\"]",
                 BYTES("\x00\x02"
                       "a"),
                 BYTES("\x00\x02"
                       "a"));
    assert_reads("[\"int\",\"string\"]", "[\"null\",\"double\",\"string\"]", BYTES("\x00\x02"),
                 BYTES("\x02\0\0\0\0\0\0\xf0\x3f"));
    assert_reads("\"int\"", "[\"double\",\"int\"]", BYTES("\x02"),
                 BYTES("\x02\x02")); /* same before promoted */
    assert_rejects("[\"null\",\"int\",\"string\"]", "[\"null\",\"string\"]", BYTES("\x02\x02"),
                   "unresolved", "");
    assert_rejects("[\"null\",\"string\"]", "[\"null\",\"string\"]", BYTES("\x04"), "bad_union",
                   "");
    assert_rejects("[\"null\",\"string\"]", "[\"null\",\"string\"]", BYTES("\x01"), "bad_union",
                   "");
    assert_rejects("[\"null\",\"int\",\"string\"]", "[\"null\",\"string\"]", BYTES("\x06"),
                   "bad_union", "");
    assert_mismatch("[\"int\",\"long\"]", "\"string\"", "");
    assert_mismatch("\"boolean\"", "[\"null\",\"string\"]", "");
}

static void milliseconds_become_microseconds(void **state)
{
    (void)state;
    const char *millis = "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}";
    const char *micros = "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}";
    assert_reads(millis, micros, BYTES("\x02"), BYTES("\xd0\x0f"));
    assert_reads(millis, "[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}]",
                 BYTES("\x02"), BYTES("\x02\xd0\x0f"));
    assert_reads(millis, millis, BYTES("\x02"), BYTES("\x02"));
    assert_reads("\"long\"", micros, BYTES("\x02"), BYTES("\x02"));
    assert_reads(millis, "\"long\"", BYTES("\x02"), BYTES("\x02"));
    assert_rejects(millis, micros, BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "bad_number",
                   "");
    assert_mismatch(micros, millis, "");
    assert_mismatch("{\"type\":\"int\",\"logicalType\":\"date\"}", micros, "");
    assert_mismatch("{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}", micros, "");
}

static void numbers_come_out_in_their_shortest_form(void **state)
{
    (void)state;
    assert_reads("\"long\"", "\"long\"", BYTES("\x82\x00"), BYTES("\x02"));
    assert_reads("\"string\"", "\"string\"",
                 BYTES("\x82\x80\x00"
                       "a"),
                 BYTES("\x02"
                       "a"));
    assert_reads("[\"null\",\"int\"]", "[\"null\",\"int\"]", BYTES("\x82\x00\x02"),
                 BYTES("\x02\x02"));
    assert_reads("[\"null\",\"int\",\"bytes\"]", "[\"null\",\"int\",\"bytes\"]",
                 BYTES("\x82\x00\x02"), BYTES("\x02\x02"));
    assert_reads("[\"int\",\"null\",\"bytes\"]", "[\"null\",\"int\"]", BYTES("\x80\x00\x02"),
                 BYTES("\x02\x02"));
    assert_rejects("\"long\"", "\"long\"", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
                   "bad_number", "");
    assert_rejects("\"int\"", "\"int\"", BYTES("\x80\x80\x80\x80\x10"), "bad_number", "");
    assert_reads("\"int\"", "\"int\"", BYTES("\xff\xff\xff\xff\x0f"),
                 BYTES("\xff\xff\xff\xff\x0f"));
}

#define INTS "{\"type\":\"array\",\"items\":\"int\"}"
static void blocks_of_items_come_out_as_one(void **state)
{
    (void)state;
    assert_reads(INTS, INTS, BYTES("\x00"), BYTES("\x00"));
    assert_reads(INTS, INTS, BYTES("\x80\x00"), BYTES("\x00"));
    assert_reads(INTS, INTS, BYTES("\x03\x04\x02\x04\x00"), BYTES("\x04\x02\x04\x00"));
    assert_reads(INTS, INTS, BYTES("\x02\x02\x02\x04\x00"), BYTES("\x04\x02\x04\x00"));
    assert_reads(INTS, INTS, BYTES("\x02\x02\x03\x04\x04\x06\x80\x00"),
                 BYTES("\x06\x02\x04\x06\x00"));
    assert_reads("{\"type\":\"array\",\"items\":" INTS "}",
                 "{\"type\":\"array\",\"items\":" INTS "}",
                 BYTES("\x02\x02\x02\x02\x04\x00\x02\x02\x06\x00\x00"),
                 BYTES("\x04\x04\x02\x04\x00\x02\x06\x00\x00"));
    assert_reads(R(F("x", INTS) "," F("y", "\"int\"")), R(F("y", "\"int\"")),
                 BYTES("\x02\x02\x02\x04\x00\x0a"), BYTES("\x0a"));
}

/* The count in front grows from one byte to two, so that all behind it moves. */
static void a_longer_count_moves_the_items(void **state)
{
    (void)state;
    struct cw_buf in = { 0 };
    struct cw_buf want = { 0 };
    for (int block = 0; block < 100; block++) {
        cw_buf_avro_long(&in, 1);
        cw_buf_avro_long(&in, block);
    }
    cw_buf_avro_long(&in, 0);
    cw_buf_avro_long(&want, 100);
    for (int item = 0; item < 100; item++)
        cw_buf_avro_long(&want, item);
    cw_buf_avro_long(&want, 0);
    assert_reads(INTS, INTS, (const char *)in.data, in.len, (const char *)want.data, want.len);
    cw_buf_done(&in);
    cw_buf_done(&want);
}

static void a_block_must_have_the_size_it_states(void **state)
{
    (void)state;
    assert_rejects(R(F("a", INTS)), R(F("a", INTS)), BYTES("\x03\x02\x02\x04\x00"), "bad_length",
                   "a");
    assert_rejects(INTS, INTS, BYTES("\x03\x01\x02\x04\x00"), "bad_length", "");
    assert_rejects(INTS, INTS, BYTES("\x03\x7e\x02\x04\x00"), "truncated", "");
    assert_rejects(INTS, INTS, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"), "bad_length",
                   "");
}

static void bytes_that_end_too_early_are_truncated_wherever_they_end(void **state)
{
    (void)state;
    const char *schema = R(F("s", "\"string\"") "," F("d", "\"double\"") "," F("a", INTS) "," F(
        "b", "\"boolean\"") "," F("o", "[\"null\",\"string\"]"));
    const char in[] = "\x06"
                      "abc"
                      "dddddddd"
                      "\x02\x80\x01\x00"
                      "\x01"
                      "\x02\x02"
                      "z";
    struct cw_plan *plan = plan_of(schema, schema);
    for (size_t len = 0; len < sizeof(in) - 1; len++) {
        struct cw_buf out = { 0 };
        struct cw_reason reason;
        size_t consumed;
        assert_false(run_plan(plan, in, len, &consumed, &out, &reason));
        assert_string_equal(reason.code, "truncated");
        cw_buf_done(&out);
    }
    cw_plan_free(plan);
}

static void values_that_cannot_be_are_refused_with_their_path(void **state)
{
    (void)state;
    const char *schema = R(
        F("parties",
          "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"P\",\"fields\":[" F(
              "ids",
              "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"I\",\"fields\":"
              "[" F("kind", "\"string\"") "," F(
                  "ok", "\"boolean\"") "]}}") "]}}") "," F("in",
                                                           "{\"type\":\"record\",\"name\":"
                                                           "\"In\",\"fields\":[" F(
                                                               "m", "{\"type\":\"map\",\"values\":"
                                                                    "\"boolean\"}") "]}"));
    assert_rejects(schema, schema,
                   BYTES("\x02\x04\x02"
                         "a"
                         "\x01\x02\xff\x01"),
                   "bad_utf8", "parties[0].ids[1].kind");
    assert_rejects(schema, schema,
                   BYTES("\x04\x00\x04\x02"
                         "a"
                         "\x01\x02"
                         "b"
                         "\x02"),
                   "bad_boolean", "parties[1].ids[1].ok");
    assert_rejects(schema, schema,
                   BYTES("\x00\x02\x02"
                         "k"
                         "\x02"),
                   "bad_boolean", "in.m[0]");
    assert_rejects(schema, schema, BYTES("\x00\x02\x02\xff"), "bad_utf8", "in.m[0]");
    assert_rejects("\"string\"", "\"string\"", BYTES("\x01"), "bad_length", "");
    assert_rejects("\"bytes\"", "\"bytes\"", BYTES("\x03"), "bad_length", "");
}

static void utf8_is_checked_to_the_letter(void **state)
{
    (void)state;
    static const char *const good[] = {
        "\xc2\x80",         "\xdf\xbf",         "\xe0\xa0\x80",
        "\xed\x9f\xbf",     "\xee\x80\x80",     "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf", "mnopqrst\xc3\xa9", "\xc3\xa9mnopqrstuvwxyz"
    };
    static const char *const bad[] = { "\x80",
                                       "\xc0\x80",
                                       "\xc1\xbf",
                                       "\xc2",
                                       "\xe0\x9f\xbf",
                                       "\xed\xa0\x80",
                                       "\xe1\x80",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "mnopqrstuvwx\xff",
                                       "\xffmnopqrstuvwx",
                                       "mnopqrst\xc3" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct cw_buf in = { 0 };
        cw_buf_avro_str(&in, cw_cstr(good[i]));
        assert_reads("\"string\"", "\"string\"", (char *)in.data, in.len, (char *)in.data, in.len);
        cw_buf_done(&in);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cw_buf in = { 0 };
        cw_buf_avro_str(&in, cw_cstr(bad[i]));
        assert_rejects("\"string\"", "\"string\"", in.data, in.len, "bad_utf8", "");
        cw_buf_done(&in);
    }
}

static void five_bytes_that_claim_512_mib_are_truncated(void **state)
{
    (void)state;
    assert_rejects("\"bytes\"", "\"bytes\"", BYTES("\x80\x80\x80\x80\x04"), "truncated", "");
    assert_rejects("\"string\"", "\"string\"", BYTES("\x80\x80\x80\x80\x04"), "truncated", "");
    assert_rejects("\"bytes\"", "\"bytes\"", BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                   "truncated", "");
}

static void item_counts_are_capped_over_the_datum(void **state)
{
    (void)state;
    const char *nulls = "{\"type\":\"array\",\"items\":\"null\"}";
    struct cw_buf in = { 0 };
    cw_buf_avro_long(&in, 65536);
    cw_buf_avro_long(&in, 0);
    assert_reads(nulls, nulls, (char *)in.data, in.len, (char *)in.data, in.len);
    in.len = 0;
    cw_buf_avro_long(&in, 65537);
    cw_buf_avro_long(&in, 0);
    assert_rejects(nulls, nulls, in.data, in.len, "too_many_items", "");
    assert_rejects(R(F("a", INTS)), R(F("a", INTS)), BYTES("\x82\x89\x7a\x00"), "too_many_items",
                   "a");
    /* empty records inside, also where they nest */
    const char *deep =
        "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"A\",\"fields\":[" F(
            "e", "{\"type\":\"record\",\"name\":\"B\",\"fields\":[]}") "]}}";
    assert_rejects(deep, deep, in.data, in.len, "too_many_items", "");
    in.len = 0;
    for (int i = 0; i < 2; i++) {
        cw_buf_avro_long(&in, 40000);
        cw_buf_avro_long(&in, 0);
    }
    const char *two = R(F("a", "{\"type\":\"array\",\"items\":\"null\"}") "," F(
        "b", "{\"type\":\"array\",\"items\":\"null\"}"));
    assert_rejects(two, two, in.data, in.len, "too_many_items", "b");
    cw_buf_done(&in);
}

#define LIST "{\"type\":\"record\",\"name\":\"L\",\"fields\":[" F("next", "[\"null\",\"L\"]") "]}"
static void depth_is_capped_in_recursive_schemas(void **state)
{
    (void)state;
    struct cw_buf in = { 0 };
    for (int i = 0; i < 64; i++)
        cw_buf_u8(&in, 2);
    cw_buf_u8(&in, 0);
    assert_reads(LIST, LIST, (char *)in.data, in.len, (char *)in.data, in.len);
    in.len--;
    for (int i = 0; i < 1000000; i++)
        cw_buf_u8(&in, 2);
    struct cw_plan *plan = plan_of(LIST, LIST);
    struct cw_buf out = { 0 };
    struct cw_reason reason;
    size_t consumed;
    assert_false(run_plan(plan, in.data, in.len, &consumed, &out, &reason));
    assert_string_equal(reason.code, "too_deep");
    cw_plan_free(plan);
    cw_buf_done(&in);
    cw_buf_done(&out);
    /* also where the recursive part is skipped, and where no byte is ever read */
    const char *with = R(F("l", LIST) "," F("a", "\"int\""));
    const char *without = R(F("a", "\"int\""));
    assert_reads(with, without, BYTES("\x02\x02\x00\x06"), BYTES("\x06"));
    const char *endless = "{\"type\":\"record\",\"name\":\"Z\",\"fields\":[" F("z", "\"Z\"") "]}";
    struct cw_plan *loop = plan_of(endless, endless);
    assert_false(run_plan(loop, "", 0, &consumed, &out, &reason));
    assert_string_equal(reason.code, "too_deep");
    cw_plan_free(loop);
    cw_buf_done(&out);
}

static void a_datum_of_more_than_a_mebibyte_is_too_large(void **state)
{
    (void)state;
    struct cw_buf in = { 0 };
    size_t most = CW_DATUM_MAX - 3;
    cw_buf_avro_long(&in, (int64_t)most);
    memset(cw_buf_extend(&in, most), 'a', most);
    assert_reads("\"string\"", "\"string\"", (char *)in.data, in.len, (char *)in.data, in.len);
    in.len = 0;
    cw_buf_avro_long(&in, (int64_t)most + 1);
    memset(cw_buf_extend(&in, most + 1), 'a', most + 1);
    assert_rejects("\"string\"", "\"string\"", in.data, in.len, "too_large", "");
    cw_buf_done(&in);
    /* 65,536 empty items that each grow by a default of 100 bytes */
    const char *from =
        "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"A\",\"fields\":[]}}";
    const char *to =
        "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"A\",\"fields\":[" D(
            "d", "\"string\"",
            "\"012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
            "4567890123456789\"") "]}}";
    struct cw_plan *plan = plan_of(from, to);
    struct cw_buf out = { 0 };
    struct cw_reason reason;
    size_t consumed;
    cw_buf_avro_long(&in, 65536);
    cw_buf_avro_long(&in, 0);
    assert_false(run_plan(plan, in.data, in.len, &consumed, &out, &reason));
    assert_string_equal(reason.code, "too_large");
    assert_true(out.cap <= 2 * CW_DATUM_MAX);
    cw_plan_free(plan);
    cw_buf_done(&out);
    cw_buf_done(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datum_under_its_own_schema_stays_as_it_is),
        cmocka_unit_test(only_the_first_datum_is_taken),
        cmocka_unit_test(numbers_are_promoted),
        cmocka_unit_test(fields_only_of_the_writer_are_skipped),
        cmocka_unit_test(fields_only_of_the_reader_take_their_default),
        cmocka_unit_test(a_default_of_a_record_is_completed_from_its_own_fields),
        cmocka_unit_test(a_field_that_is_nowhere_is_a_mismatch),
        cmocka_unit_test(another_order_of_fields_is_put_right),
        cmocka_unit_test(records_ordered_anew_nest),
        cmocka_unit_test(aliases_rename_fields_and_records),
        cmocka_unit_test(enums_are_read_by_symbol),
        cmocka_unit_test(unions_are_read_both_ways),
        cmocka_unit_test(milliseconds_become_microseconds),
        cmocka_unit_test(numbers_come_out_in_their_shortest_form),
        cmocka_unit_test(blocks_of_items_come_out_as_one),
        cmocka_unit_test(a_longer_count_moves_the_items),
        cmocka_unit_test(a_block_must_have_the_size_it_states),
        cmocka_unit_test(bytes_that_end_too_early_are_truncated_wherever_they_end),
        cmocka_unit_test(values_that_cannot_be_are_refused_with_their_path),
        cmocka_unit_test(utf8_is_checked_to_the_letter),
        cmocka_unit_test(five_bytes_that_claim_512_mib_are_truncated),
        cmocka_unit_test(item_counts_are_capped_over_the_datum),
        cmocka_unit_test(depth_is_capped_in_recursive_schemas),
        cmocka_unit_test(a_datum_of_more_than_a_mebibyte_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_canonical.c - the canonical form of schemas, their fingerprints, the single-object header.
 */
#include "wire_test.h"

#include "ingest/wire/canonical.h"

static void assert_canonical(const char *json, const char *want)
{
    struct cw_schema *schema = schema_of(json);
    struct cw_buf text = { 0 };
    cw_schema_canonical(schema, &text);
    cw_buf_u8(&text, 0);
    assert_string_equal((char *)text.data, want);
    cw_buf_done(&text);
    cw_schema_free(schema);
}

static uint64_t fingerprint_of(const char *json)
{
    struct cw_schema *schema = schema_of(json);
    uint64_t fingerprint = cw_schema_fingerprint(schema);
    cw_schema_free(schema);
    return fingerprint;
}

static void primitives_lose_their_braces(void **state)
{
    (void)state;
    assert_canonical("{\"type\":\"int\"}", "\"int\"");
    assert_canonical("{\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}}", "\"int\"");
    assert_canonical("[ \"null\", {\"type\":\"string\",\"doc\":\"x\"} ]", "[\"null\",\"string\"]");
}

static void members_stand_in_one_order_and_the_rest_is_left_out(void **state)
{
    (void)state;
    assert_canonical("{\"fields\":[{\"doc\":\"d\",\"default\":1,\"aliases\":[\"b\"],\"order\":"
                     "\"ignore\",\"type\":\"int\",\"name\":\"a\"}],\"doc\":\"d\",\"aliases\":"
                     "[\"S\"],\"name\":\"R\",\"type\":\"record\"}",
                     "{\"name\":\"R\",\"type\":\"record\",\"fields\":[{\"name\":\"a\",\"type\":"
                     "\"int\"}]}");
    assert_canonical("{\"symbols\":[\"A\",\"B\"],\"default\":\"A\",\"type\":\"enum\",\"name\":"
                     "\"E\"}",
                     "{\"name\":\"E\",\"type\":\"enum\",\"symbols\":[\"A\",\"B\"]}");
    assert_canonical("{\"size\":16,\"type\":\"fixed\",\"name\":\"F\"}",
                     "{\"name\":\"F\",\"type\":\"fixed\",\"size\":16}");
    assert_canonical("{\"items\":{\"values\":\"long\",\"type\":\"map\"},\"type\":\"array\"}",
                     "{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"long\"}}");
}

static void names_are_full_and_written_out_once(void **state)
{
    (void)state;
    assert_canonical("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a.b\",\"fields\":["
                     "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}},"
                     "{\"name\":\"y\",\"type\":\"F\"},{\"name\":\"z\",\"type\":[\"null\",\"R\"]}]}",
                     "{\"name\":\"a.b.R\",\"type\":\"record\",\"fields\":["
                     "{\"name\":\"x\",\"type\":{\"name\":\"a.b.F\",\"type\":\"fixed\",\"size\":1}},"
                     "{\"name\":\"y\",\"type\":\"a.b.F\"},"
                     "{\"name\":\"z\",\"type\":[\"null\",\"a.b.R\"]}]}");
    assert_canonical("{\"type\":\"record\",\"name\":\"c.R\",\"namespace\":\"a.b\",\"fields\":[]}",
                     "{\"name\":\"c.R\",\"type\":\"record\",\"fields\":[]}");
}

static void a_fingerprint_is_that_of_the_canonical_form(void **state)
{
    (void)state;
    /* CRC-64-AVRO of nothing, and of the primitives as everybody has them. */
    assert_true(cw_crc64_avro((cw_str){ "", 0 }) == UINT64_C(0xc15d213aa4d7a795));
    assert_true(fingerprint_of("\"null\"") == UINT64_C(0x63dd24e7cc258f8a));
    assert_true(fingerprint_of("{\"type\":\"int\"}") == UINT64_C(0x7275d51a3f395c8f));
    assert_true(fingerprint_of("\"string\"") == UINT64_C(0x8f014872634503c7));
    assert_true(
        fingerprint_of("{\"type\":\"record\",\"name\":\"R\",\"doc\":\"d\",\"fields\":[]}") ==
        fingerprint_of("{\"fields\":[],\"name\":\"R\",\"type\":\"record\"}"));
    assert_true(fingerprint_of("{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}") !=
                fingerprint_of("{\"type\":\"record\",\"name\":\"S\",\"fields\":[]}"));
}

static void a_single_object_begins_with_its_fingerprint(void **state)
{
    (void)state;
    uint64_t fingerprint;
    cw_str datum;
    assert_true(cw_single_object((cw_str){ BYTES("\xc3\x01\x8a\x8f\x25\xcc\xe7\x24\xdd\x63xy") },
                                 &fingerprint, &datum));
    assert_true(fingerprint == fingerprint_of("\"null\""));
    assert_int_equal(datum.len, 2);
    assert_memory_equal(datum.ptr, "xy", 2);
    assert_true(
        cw_single_object((cw_str){ BYTES("\xc3\x01\1\2\3\4\5\6\7\0") }, &fingerprint, &datum));
    assert_int_equal(datum.len, 0);
    assert_false(
        cw_single_object((cw_str){ BYTES("\xc3\x01\1\2\3\4\5\6\7") }, &fingerprint, &datum));
    assert_false(
        cw_single_object((cw_str){ BYTES("\xc3\x02\1\2\3\4\5\6\7\0") }, &fingerprint, &datum));
    assert_false(cw_single_object((cw_str){ NULL, 0 }, &fingerprint, &datum));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives_lose_their_braces),
        cmocka_unit_test(members_stand_in_one_order_and_the_rest_is_left_out),
        cmocka_unit_test(names_are_full_and_written_out_once),
        cmocka_unit_test(a_fingerprint_is_that_of_the_canonical_form),
        cmocka_unit_test(a_single_object_begins_with_its_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_schema.c - what is a schema, and what is said of what is none. */
#include "wire_test.h"

static void assert_refused(const char *json, const char *field, const char *part)
{
    struct cw_reason reason = { 0 };
    struct cw_schema *schema = cw_schema_parse(cw_cstr(json), &reason);
    assert_null(schema);
    assert_string_equal(reason.code, "bad_schema");
    assert_string_equal(reason.field, field);
    if (strstr(reason.sentence, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", reason.sentence, part);
}

static void assert_accepted(const char *json)
{
    cw_schema_free(schema_of(json));
}

#define R(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"

static void primitives_are_schemas_by_name_and_in_braces(void **state)
{
    (void)state;
    static const char *const names[] = { "null",  "boolean", "int",   "long",
                                         "float", "double",  "bytes", "string" };
    for (size_t i = 0; i < 8; i++) {
        char text[64];
        snprintf(text, sizeof(text), "\"%s\"", names[i]);
        assert_accepted(text);
        snprintf(text, sizeof(text), "{\"type\":\"%s\"}", names[i]);
        assert_accepted(text);
        snprintf(text, sizeof(text), "{\"type\":{\"type\":\"%s\"}}", names[i]);
        assert_accepted(text);
    }
    assert_refused("\"text\"", "", "not known");
    assert_refused("12", "", "a type is");
    assert_refused("{}", "", "\"type\"");
}

static void a_fault_is_told_with_its_path(void **state)
{
    (void)state;
    assert_refused(R("{\"name\":\"parties\",\"type\":{\"type\":\"array\",\"items\":{\"type\":"
                     "\"record\",\"name\":\"P\",\"fields\":["
                     "{\"name\":\"ids\",\"type\":{\"type\":\"map\",\"values\":\"nothing\"}}]}}}"),
                   "parties[].ids{}", "\"nothing\" is not known");
    assert_refused(R("{\"name\":\"a\"}"), "a", "\"type\"");
    assert_refused(R("{\"name\":\"a b\",\"type\":\"int\"}"), "", "\"name\"");
    assert_refused(R("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}"), "",
                   "twice");
    assert_refused(R("{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"F\"}}"), "a",
                   "\"size\"");
    assert_refused(R("{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"R\",\"size\":1}}"),
                   "a", "taken");
    assert_refused(R("{\"name\":\"a\",\"type\":[\"null\",[\"int\"]]}"), "a", "directly");
    assert_refused(R("{\"name\":\"a\",\"type\":[\"int\",\"null\",\"int\"]}"), "a", "int twice");
    assert_refused("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "", "A twice");
    assert_refused("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}", "",
                   "default");
    assert_refused("{\"type\":\"record\",\"name\":\"R\"}", "", "\"fields\"");
    assert_refused("{\"type\":\"record\",\"name\":\"int\",\"fields\":[]}", "", "taken");
}

static void a_union_of_nothing_is_a_schema_that_nothing_is_under(void **state)
{
    (void)state;
    struct cw_reason reason = { 0 };
    assert_accepted("[]");
    assert_accepted(R("{\"name\":\"a\",\"type\":[]}"));
    assert_null(try_plan("[]", "[]", &reason));
    assert_string_equal(reason.code, "schema_mismatch");
    assert_null(try_plan(R("{\"name\":\"b\",\"type\":\"int\"}"),
                         R("{\"name\":\"a\",\"type\":[],\"default\":null}"), &reason));
    assert_null(try_plan("\"int\"", "[]", &reason));
}

static void text_that_is_no_json_is_refused_without_quoting_it(void **state)
{
    (void)state;
    assert_refused("", "", "not JSON");
    assert_refused("{\"type\":\"Jane Doe", "", "ends too early");
    assert_refused("{\"type\":\"int\",\"type\":\"int\"}", "", "key twice");
    assert_refused("\"int\" x", "", "behind its end");
    assert_refused("\"\xff\"", "", "UTF-8");
}

static void named_types_are_found_by_their_full_names(void **state)
{
    (void)state;
    assert_accepted("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a.b\",\"fields\":["
                    "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}},"
                    "{\"name\":\"y\",\"type\":\"F\"},{\"name\":\"z\",\"type\":\"a.b.F\"},{\"name\":"
                    "\"r\",\"type\":[\"null\",\"R\"]}]}");
    assert_refused("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":["
                   "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":"
                   "\"b\",\"size\":1}},"
                   "{\"name\":\"y\",\"type\":\"F\"}]}",
                   "y", "not known");
    assert_accepted("{\"type\":\"record\",\"name\":\"a.R\",\"fields\":["
                    "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"b.F\",\"size\":1}},"
                    "{\"name\":\"y\",\"type\":\"b.F\"},{\"name\":\"z\",\"type\":\"R\"}]}");
}

static void put_many(struct cw_buf *out, const char *text, int count)
{
    for (int i = 0; i < count; i++)
        cw_buf_cstr(out, text);
}

static void refuse_buf(struct cw_buf *text, const char *part)
{
    struct cw_reason reason = { 0 };
    assert_null(cw_schema_parse((cw_str){ (char *)text->data, text->len }, &reason));
    assert_string_equal(reason.code, "bad_schema");
    if (strstr(reason.sentence, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", reason.sentence, part);
    cw_buf_done(text);
}

static void schemas_are_bounded_in_every_direction(void **state)
{
    (void)state;
    struct cw_buf text = { 0 };
    put_many(&text, "{\"type\":\"array\",\"items\":", 65);
    cw_buf_cstr(&text, "\"int\"");
    put_many(&text, "}", 65);
    refuse_buf(&text, "nest deeper than 64");
    put_many(&text, "[", 100000);
    refuse_buf(&text, "nested deeper than 256");
    put_many(&text, " ", 1024 * 1024 + 1);
    refuse_buf(&text, "1048576");
    cw_buf_cstr(&text, "[");
    put_many(&text, "{},", 32768);
    refuse_buf(&text, "32768");
    cw_buf_cstr(&text, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    for (int i = 0; i < 2048; i++)
        cw_buf_printf(&text, "%s{\"name\":\"f%d\",\"type\":\"int\"}", i != 0 ? "," : "", i);
    cw_buf_cstr(&text, "]}");
    refuse_buf(&text, "4096");
    cw_buf_cstr(&text, "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[");
    for (int i = 0; i < 4096; i++)
        cw_buf_printf(&text, "%s\"s%d\"", i != 0 ? "," : "", i);
    cw_buf_cstr(&text, "]}");
    refuse_buf(&text, "4096");
}

/* A chain of records, each made of two of the next: 2^60 nodes if it were unfolded. */
static void shared_types_are_not_unfolded(void **state)
{
    (void)state;
    struct cw_buf text = { 0 };
    for (int i = 0; i < 60; i++)
        cw_buf_printf(
            &text,
            "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":", i);
    cw_buf_cstr(&text, "\"int\"");
    for (int i = 60; i-- > 0;) {
        if (i < 59)
            cw_buf_printf(&text, "},{\"name\":\"b\",\"type\":\"R%d\"}]}", i + 1);
        else
            cw_buf_cstr(&text, "}]}");
    }
    cw_buf_u8(&text, 0);
    cw_plan_free(plan_of((const char *)text.data, (const char *)text.data));
    cw_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives_are_schemas_by_name_and_in_braces),
        cmocka_unit_test(a_fault_is_told_with_its_path),
        cmocka_unit_test(a_union_of_nothing_is_a_schema_that_nothing_is_under),
        cmocka_unit_test(text_that_is_no_json_is_refused_without_quoting_it),
        cmocka_unit_test(named_types_are_found_by_their_full_names),
        cmocka_unit_test(schemas_are_bounded_in_every_direction),
        cmocka_unit_test(shared_types_are_not_unfolded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

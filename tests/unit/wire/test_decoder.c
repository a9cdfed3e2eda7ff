/* test_decoder.c - a message of any wire form to a canonical body. */
#include "wire_test.h"

#include <unistd.h>

#include "ingest/source.h"
#include "ingest/wire/canonical.h"

static const char event_json[] = "{\"owner\":\"NL-KMAR\",\"event_id\":\"E-1\",\"event_type\":"
                                 "\"border_crossing\",\"event_time\":1000,\"recorded_at\":2000}";

/* An agency's own schema: another order, milliseconds, a field of its own. */
static const char agency_schema[] =
    "{\"type\":\"record\",\"name\":\"Crossing\",\"fields\":["
    "{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"desk\",\"type\":\"int\"},{\"name\":"
    "\"owner\",\"type\":\"string\"},"
    "{\"name\":\"event_type\",\"type\":\"string\"},"
    "{\"name\":\"event_time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"recorded_at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}]"
    "}";
static const char agency_datum[] = "\x06"
                                   "E-1"
                                   "\x0e"
                                   "\x0e"
                                   "NL-KMAR"
                                   "\x1e"
                                   "border_crossing"
                                   "\x02"
                                   "\x04";

struct fixture {
    char dir[64];
    char schema_path[96];
    struct cw_contract contract;
    struct cw_decoder *decoder;
};

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

static void write_schema(struct fixture *fixture, unsigned id, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%u.avsc", fixture->dir, id);
    write_text(path, text);
}

static int setup(void **state)
{
    struct fixture *fixture = cw_new(struct fixture);
    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/crosswatch_schemas_XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(fixture->schema_path, sizeof(fixture->schema_path), "%s/contract.avsc", fixture->dir);
    fixture->contract.schemas_dir = fixture->dir;
    fixture->decoder = cw_decoder_new(&fixture->contract);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    cw_decoder_free(fixture->decoder);
    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->dir);
    int status = system(command);
    free(fixture);
    return status;
}

static void assert_event(struct fixture *fixture, cw_str bytes, int64_t event_time)
{
    cw_str body;
    struct cw_reason reason = { 0 };
    if (!cw_decoder_message(fixture->decoder, bytes, &body, &reason))
        fail_msg("%s at %s: %s", reason.code, reason.field, reason.sentence);
    struct cw_arena *arena = cw_arena_new();
    struct cw_event event;
    assert_true(cw_event_read(&event, body.ptr, body.len, arena));
    assert_true(cw_str_is(event.owner, "NL-KMAR"));
    assert_true(cw_str_is(event.event_id, "E-1"));
    assert_int_equal(event.event_time, event_time);
    cw_arena_free(arena);
}

static void assert_refused(struct fixture *fixture, const void *bytes, size_t len, const char *code)
{
    cw_str body;
    struct cw_reason reason = { 0 };
    assert_false(cw_decoder_message(fixture->decoder, (cw_str){ bytes, len }, &body, &reason));
    assert_string_equal(reason.code, code);
    assert_true(reason.sentence[0] != '\0');
}

static cw_str with_id(struct cw_buf *out, uint32_t id, cw_str datum)
{
    out->len = 0;
    cw_buf_u8(out, 0);
    cw_buf_u32(out, __builtin_bswap32(id));
    cw_buf_str(out, datum);
    return (cw_str){ (const char *)out->data, out->len };
}

static const cw_str datum = { agency_datum, sizeof(agency_datum) - 1 };

static void json_is_known_by_its_brace(void **state)
{
    assert_event(*state, cw_cstr(event_json), 1000);
    assert_refused(*state, BYTES("{\"owner\":1}"), "bad_type");
}

static void plain_data_are_read_under_the_schema_that_was_set(void **state)
{
    struct fixture *fixture = *state;
    struct cw_reason reason = { 0 };
    assert_refused(fixture, datum.ptr, datum.len, "unknown_schema");
    assert_true(cw_decoder_schema(fixture->decoder, cw_cstr(agency_schema), &reason));
    assert_event(fixture, datum, 1000);
    assert_refused(fixture, datum.ptr, datum.len - 1, "truncated");
    assert_false(cw_decoder_schema(fixture->decoder, cw_cstr("\"string\""), &reason));
    assert_string_equal(reason.code, "schema_mismatch");
    assert_event(fixture, datum, 1000); /* the one before holds */
}

static void the_contracts_schema_is_read_when_it_is_needed(void **state)
{
    struct fixture *fixture = *state;
    fixture->contract.schema_path = fixture->schema_path;
    assert_refused(fixture, datum.ptr, datum.len, "unknown_schema");
    write_text(fixture->schema_path, "{");
    assert_refused(fixture, datum.ptr, datum.len, "bad_schema");
    write_text(fixture->schema_path, agency_schema);
    assert_event(fixture, datum, 1000);
}

static void all_bytes_of_a_message_must_be_consumed(void **state)
{
    struct fixture *fixture = *state;
    struct cw_reason reason = { 0 };
    struct cw_buf longer = { 0 };
    assert_true(cw_decoder_schema(fixture->decoder, cw_cstr(agency_schema), &reason));
    cw_buf_str(&longer, datum);
    cw_buf_u8(&longer, 0);
    assert_refused(fixture, longer.data, longer.len, "trailing_bytes");
    size_t consumed;
    cw_str body;
    assert_true(cw_decoder_datum(fixture->decoder, (cw_str){ (char *)longer.data, longer.len },
                                 &consumed, &body, &reason));
    assert_int_equal(consumed, datum.len);
    cw_buf_done(&longer);
}

static void the_confluent_header_names_the_schema(void **state)
{
    struct fixture *fixture = *state;
    struct cw_buf message = { 0 };
    cw_str bytes = with_id(&message, 70000, datum);
    assert_refused(fixture, bytes.ptr, bytes.len, "unknown_schema");
    write_schema(fixture, 70000, agency_schema); /* registered by now */
    assert_event(fixture, bytes, 1000);
    write_schema(fixture, 70000, "{"); /* an id never changes its meaning: it is not read again */
    assert_event(fixture, bytes, 1000);
    write_schema(fixture, 2, "\"string\"");
    bytes = with_id(&message, 2, datum);
    assert_refused(fixture, bytes.ptr, bytes.len, "schema_mismatch");
    assert_refused(fixture, bytes.ptr, bytes.len, "schema_mismatch");
    cw_buf_done(&message);
}

static uint64_t fingerprint_of(const char *text)
{
    struct cw_schema *schema = schema_of(text);
    uint64_t fingerprint = cw_schema_fingerprint(schema);
    cw_schema_free(schema);
    return fingerprint;
}

static cw_str with_fingerprint(struct cw_buf *out, uint64_t fingerprint, cw_str bytes)
{
    out->len = 0;
    cw_buf_u8(out, 0xc3);
    cw_buf_u8(out, 1);
    cw_buf_u64(out, fingerprint);
    cw_buf_str(out, bytes);
    return (cw_str){ (const char *)out->data, out->len };
}

static void write_by_fingerprint(struct fixture *fixture, uint64_t fingerprint, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%016llx.avsc", fixture->dir, (unsigned long long)fingerprint);
    write_text(path, text);
}

static void the_single_object_header_names_the_schema(void **state)
{
    struct fixture *fixture = *state;
    struct cw_buf message = { 0 };
    uint64_t fingerprint = fingerprint_of(agency_schema);
    cw_str bytes = with_fingerprint(&message, fingerprint, datum);
    assert_refused(fixture, bytes.ptr, bytes.len, "unknown_schema");
    write_by_fingerprint(fixture, fingerprint, agency_schema);
    assert_event(fixture, bytes, 1000);
    assert_refused(fixture, bytes.ptr, bytes.len - 1, "truncated");
    /* An id of the same number is another schema. */
    bytes = with_id(&message, (uint32_t)fingerprint, datum);
    assert_refused(fixture, bytes.ptr, bytes.len, "unknown_schema");
    cw_buf_done(&message);
}

static void a_schema_under_a_fingerprint_that_is_not_its_own_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct cw_buf message = { 0 };
    write_by_fingerprint(fixture, 7, agency_schema);
    cw_str bytes = with_fingerprint(&message, 7, datum);
    assert_refused(fixture, bytes.ptr, bytes.len, "bad_schema");
    assert_refused(fixture, bytes.ptr, bytes.len, "bad_schema");
    cw_buf_done(&message);
}

static void the_contracts_own_schema_needs_no_directory(void **state)
{
    struct fixture *fixture = *state;
    struct cw_reason reason = { 0 };
    struct cw_buf message = { 0 };
    fixture->contract.schemas_dir = NULL;
    assert_true(cw_decoder_schema(fixture->decoder, cw_cstr(agency_schema), &reason));
    assert_event(fixture, with_fingerprint(&message, fingerprint_of(agency_schema), datum), 1000);
    assert_event(fixture, datum, 1000);
    /* Another fingerprint is no header here: the bytes are data, and bad ones. */
    cw_str bytes = with_fingerprint(&message, 7, datum);
    assert_refused(fixture, bytes.ptr, bytes.len, "bad_length");
    cw_buf_done(&message);
}

static void a_schema_file_that_is_too_large_is_not_used(void **state)
{
    struct fixture *fixture = *state;
    struct cw_buf message = { 0 };
    struct cw_buf text = { 0 };
    memset(cw_buf_extend(&text, 1024 * 1024 + 1), ' ', 1024 * 1024 + 1);
    cw_buf_u8(&text, 0);
    write_schema(fixture, 5, (const char *)text.data);
    cw_str bytes = with_id(&message, 5, datum);
    assert_refused(fixture, bytes.ptr, bytes.len, "bad_schema");
    cw_buf_done(&message);
    cw_buf_done(&text);
}

static void without_a_directory_of_schemas_a_zero_is_data(void **state)
{
    struct fixture *fixture = *state;
    struct cw_reason reason = { 0 };
    fixture->contract.schemas_dir = NULL;
    assert_true(cw_decoder_schema(fixture->decoder, cw_cstr(agency_schema), &reason));
    assert_refused(fixture, BYTES("\0\0\0\0\0\0\0"), "trailing_bytes");
}

static void more_ids_than_are_kept_are_still_read(void **state)
{
    struct fixture *fixture = *state;
    struct cw_buf message = { 0 };
    for (unsigned id = 0; id < 300; id++)
        write_schema(fixture, id, agency_schema);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned id = 0; id < 300; id++)
            assert_event(fixture, with_id(&message, id, datum), 1000);
    }
    cw_buf_done(&message);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(json_is_known_by_its_brace),
        TEST(plain_data_are_read_under_the_schema_that_was_set),
        TEST(the_contracts_schema_is_read_when_it_is_needed),
        TEST(all_bytes_of_a_message_must_be_consumed),
        TEST(the_confluent_header_names_the_schema),
        TEST(the_single_object_header_names_the_schema),
        TEST(a_schema_under_a_fingerprint_that_is_not_its_own_is_refused),
        TEST(the_contracts_own_schema_needs_no_directory),
        TEST(a_schema_file_that_is_too_large_is_not_used),
        TEST(without_a_directory_of_schemas_a_zero_is_data),
        TEST(more_ids_than_are_kept_are_still_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

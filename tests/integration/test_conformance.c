/*
 * test_conformance.c - Apache Avro's own test data, read by the program: container files become the
 * records expected, schemas are schemas or are none, canonical forms and fingerprints are theirs.
 *
 * All here needs the data set (avro-apache); own vectors are in tests/unit/wire/.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "ingest/wire/canonical.h"
#include "ingest/wire/datum_json.h"
#include "operators/runtime/stage.h"
#include "tests/support/process.h"

static struct cw_test_room *room;
static const char *root; /* of the set; NULL: it is not here */

static int enter(void **state)
{
    (void)state;
    const char *data = getenv("CROSSWATCH_DATA");
    struct stat about;
    room = cw_test_room_new();
    root = data != NULL ? cw_test_text(room, "%s/avro-apache", data)
                        : cw_test_text(room, "%s/../shared/data/avro-apache", CW_SOURCE_DIR);
    if (stat(root, &about) != 0)
        root = NULL;
    return 0;
}

static int leave(void **state)
{
    (void)state;
    cw_test_room_free(room);
    return 0;
}

static const char *in_set(const char *name)
{
    return cw_test_text(room, "%s/%s", root, name);
}

/* --- container files --- */

static json_t *expectations(void)
{
    gzFile file = gzopen(in_set("expected.json.gz"), "rb");
    assert_non_null(file);
    struct cw_buf text = { 0 };
    int got;
    do {
        got = gzread(file, cw_buf_reserve(&text, 65536), 65536);
        text.len += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    gzclose(file);
    json_t *json = json_loadb((char *)text.data, text.len, 0, NULL);
    cw_buf_done(&text);
    assert_non_null(json);
    return json;
}

/* As json_equal, but 5 and 5.0 are one number: JSON knows no other. */
static bool same_json(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return json_number_value(a) == json_number_value(b);
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        for (size_t i = 0; i < json_array_size(a); i++) {
            if (!same_json(json_array_get(a, i), json_array_get(b, i)))
                return false;
        }
        return true;
    }
    if (!json_is_object(a))
        return json_equal(a, b) != 0;
    const char *key;
    json_t *value;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        const json_t *other = json_object_get(b, key);
        if (other == NULL || !same_json(value, other))
            return false;
    }
    return true;
}

static void assert_rows(const char *name, const json_t *rows, const char *output)
{
    size_t len;
    size_t number = 0;
    const char *text = cw_test_read(room, output, &len);
    for (const char *line = text; *line != '\0'; number++) {
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        json_t *row = json_loadb(line, (size_t)(end - line), JSON_DECODE_ANY, NULL);
        const json_t *want = json_array_get(rows, number);
        if (row == NULL || want == NULL || !same_json(row, want))
            fail_msg("%s: record %zu is %.*s", name, number + 1, (int)(end - line), line);
        json_decref(row);
        line = end + 1;
    }
    if (number != json_array_size(rows))
        fail_msg("%s: %zu records, expected %zu", name, number, json_array_size(rows));
}

static void container_files_become_the_records_expected(void **state)
{
    (void)state;
    if (root == NULL)
        skip();
    json_t *all = expectations();
    const char *name;
    json_t *expected;
    size_t compared = 0;
    size_t refused = 0;
    json_object_foreach(all, name, expected)
    {
        const json_t *rows = json_object_get(expected, "rows");
        const json_t *before = json_object_get(expected, "records_before_error");
        const struct cw_test_process *cat = cw_test_crosswatch(
            room, rows != NULL ? CW_EXIT_OK : CW_EXIT_DAMAGED, "avro", "cat", in_set(name), NULL);
        if (rows != NULL) {
            assert_rows(name, rows, cat->output);
            compared++;
        } else if (before != NULL) {
            assert_int_equal(cw_test_count_lines(room, cat->output), json_integer_value(before));
            refused++;
        } else {
            assert_true(json_is_true(json_object_get(expected, "must_fail")));
            refused++;
        }
    }
    print_message("%zu files as expected, %zu refused as they must be\n", compared, refused);
    assert_true(compared >= 13 && refused == 3);
    json_decref(all);
}

static void the_container_format_before_1_3_is_refused(void **state)
{
    (void)state;
    if (root == NULL)
        skip();
    const struct cw_test_process *cat = cw_test_crosswatch(
        room, CW_EXIT_FAILED, "avro", "cat", in_set("share/test/data/test.avro12"), NULL);
    assert_true(cw_test_file_has(room, cat->errors, "not_a_container"));
    assert_int_equal(cw_test_count_lines(room, cat->output), 0);
}

/* --- schemas --- */

static size_t read_schemas(const char *folder, int status)
{
    size_t count = 0;
    const char *path = cw_test_text(room, "%s/lang/c/tests/schema_tests/%s", root, folder);
    DIR *entries = opendir(path);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        const struct cw_test_process *schema =
            cw_test_crosswatch(room, status, "avro", "schema", "--canonical",
                               cw_test_text(room, "%s/%s", path, entry->d_name), NULL);
        assert_int_equal(cw_test_count_lines(room, schema->output), status == CW_EXIT_OK);
        count++;
    }
    closedir(entries);
    return count;
}

static void schemas_that_must_parse_do_and_the_others_do_not(void **state)
{
    (void)state;
    if (root == NULL)
        skip();
    assert_int_equal(read_schemas("pass", CW_EXIT_OK), 28);
    assert_int_equal(read_schemas("fail", CW_EXIT_FAILED), 12);
}

static struct cw_schema *parse(cw_str text)
{
    struct cw_reason reason = { 0 };
    struct cw_schema *schema = cw_schema_parse(text, &reason);
    if (schema == NULL)
        fail_msg("%s: %.*s", reason.sentence, CW_STR_ARG(text));
    return schema;
}

/* What stands behind <<NAME, up to the end of the line; "<<NAME" alone: up to a line "NAME". */
static bool section(const char **at, const char *name, cw_str *out)
{
    size_t len = strlen(name);
    if (strncmp(*at, "<<", 2) != 0 || strncmp(*at + 2, name, len) != 0)
        return false;
    const char *from = *at + 2 + len;
    const char *end = strchr(from, '\n');
    assert_non_null(end);
    if (end != from) {
        *out = (cw_str){ from + 1, (size_t)(end - from - 1) };
        *at = end + 1;
        return true;
    }
    const char *close = strstr(from, cw_test_text(room, "\n%s\n", name));
    assert_non_null(close);
    *out = (cw_str){ from, (size_t)(close - from) };
    *at = close + 2 + len;
    return true;
}

static void canonical_forms_and_fingerprints_are_those_of_avro(void **state)
{
    (void)state;
    if (root == NULL)
        skip();
    size_t forms = 0;
    size_t fingerprints = 0;
    struct cw_schema *schema = NULL;
    cw_str text;
    const char *at = cw_test_read(room, in_set("share/test/data/schema-tests.txt"), NULL);
    while (*at != '\0') {
        if (section(&at, "INPUT", &text)) {
            cw_schema_free(schema);
            schema = parse(text);
        } else if (section(&at, "canonical", &text)) {
            struct cw_buf form = { 0 };
            assert_non_null(schema);
            cw_schema_canonical(schema, &form);
            if (!cw_str_eq(text, (cw_str){ (char *)form.data, form.len }))
                fail_msg("%.*s, expected %.*s", (int)form.len, (char *)form.data, CW_STR_ARG(text));
            cw_buf_done(&form);
            forms++;
        } else if (section(&at, "fingerprint", &text)) {
            const char *want = cw_test_text(room, "%.*s", CW_STR_ARG(text));
            assert_non_null(schema);
            assert_true(cw_schema_fingerprint(schema) == (uint64_t)strtoll(want, NULL, 10));
            fingerprints++;
        } else {
            const char *end = strchr(at, '\n');
            at = end != NULL ? end + 1 : at + strlen(at);
        }
    }
    cw_schema_free(schema);
    print_message("%zu canonical forms, %zu fingerprints\n", forms, fingerprints);
    assert_int_equal(forms, 34);
    assert_int_equal(fingerprints, 26);
}

static void the_single_object_sample_names_its_schema_and_reads(void **state)
{
    (void)state;
    if (root == NULL)
        skip();
    size_t len;
    const char *text =
        cw_test_read(room, in_set("share/test/data/messageV1/test_schema.avsc"), &len);
    struct cw_schema *schema = parse((cw_str){ text, len });
    const char *bytes =
        cw_test_read(room, in_set("share/test/data/messageV1/test_message.bin"), &len);
    uint64_t fingerprint;
    cw_str datum;
    struct cw_buf json = { 0 };
    struct cw_reason reason = { 0 };
    size_t consumed;
    assert_true(cw_single_object((cw_str){ bytes, len }, &fingerprint, &datum));
    assert_true(fingerprint == cw_schema_fingerprint(schema));
    assert_true(cw_datum_json(schema, (const uint8_t *)datum.ptr, datum.len, 4096, &consumed, &json,
                              &reason));
    assert_int_equal(consumed, datum.len);
    cw_buf_u8(&json, 0);
    assert_string_equal((char *)json.data,
                        "{\"id\":42,\"name\":\"Bill\",\"tags\":[\"dog_lover\",\"cat_hater\"]}");
    cw_buf_done(&json);
    cw_schema_free(schema);
}

/* The program prints what the library gives; its own way to state a fingerprint is tried here. */
static void the_program_states_a_fingerprint_in_three_ways(void **state)
{
    (void)state;
    const char *file = cw_test_path(room, "null.avsc");
    cw_test_write(file, "{ \"type\": \"null\" }", 18);
    static const char *const ways[][2] = {
        { NULL, "63dd24e7cc258f8a\n" },
        { "--decimal", "7195948357588979594\n" },
        { "--sha256", "f072cbec3bf8841871d4284230c5e983dc211a56837aed862487148f947d1a1f\n" },
    };
    for (size_t i = 0; i < 3; i++) {
        const struct cw_test_process *said =
            cw_test_crosswatch(room, CW_EXIT_OK, "avro", "fingerprint", file, ways[i][0], NULL);
        assert_string_equal(cw_test_read(room, said->output, NULL), ways[i][1]);
    }
}

/* --- what the set has beyond this --- */

/* Files of the set for which neither it nor this test states an outcome; ingest/wire/README.md has
 * the same list, with why. */
static const char *const without_expectation[] = {
    "README.md",
    "lang/js/test/dat/Id.avsc",
    "lang/js/test/dat/Person.avsc",
    "lang/js/test/dat/person-10.avro.raw",
    "share/test/data/schemas/simple/schema.json",
    "share/test/data/schemas/withUnion/schema.json",
    "share/test/data/weather.json",
    "share/test/schemas/RecordWithRequiredFields.avsc",
    "share/test/schemas/fooBar.avsc",
    "share/test/schemas/interop.avsc",
    "share/test/schemas/reserved.avsc",
    "share/test/schemas/weather.avsc",
};
enum { WITHOUT = sizeof(without_expectation) / sizeof(without_expectation[0]) };

static bool is_expected(const json_t *all, const char *name)
{
    static const char *const others[] = { "expected.json.gz", "share/test/data/schema-tests.txt",
                                          "share/test/data/test.avro12" };
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(name, others[i]) == 0)
            return true;
    }
    return json_object_get(all, name) != NULL ||
           strncmp(name, "lang/c/tests/schema_tests/", 26) == 0 ||
           strncmp(name, "share/test/data/messageV1/", 26) == 0;
}

static size_t list_unexpected(const json_t *all, const char *folder)
{
    size_t count = 0;
    DIR *entries = opendir(folder[0] != '\0' ? in_set(folder) : root);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        const char *name = folder[0] != '\0' ? cw_test_text(room, "%s/%s", folder, entry->d_name)
                                             : cw_test_text(room, "%s", entry->d_name);
        struct stat about;
        assert_int_equal(stat(in_set(name), &about), 0);
        if (S_ISDIR(about.st_mode)) {
            count += list_unexpected(all, name);
        } else if (!is_expected(all, name)) {
            bool listed = false;
            for (size_t i = 0; i < WITHOUT; i++)
                listed = listed || strcmp(name, without_expectation[i]) == 0;
            print_message("no expectation: %s\n", name);
            if (!listed)
                fail_msg("%s is in no list", name);
            count++;
        }
    }
    closedir(entries);
    return count;
}

static void what_the_set_expects_nothing_of_is_listed(void **state)
{
    (void)state;
    if (root == NULL)
        skip();
    json_t *all = expectations();
    assert_int_equal(list_unexpected(all, ""), WITHOUT);
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(container_files_become_the_records_expected),
        cmocka_unit_test(the_container_format_before_1_3_is_refused),
        cmocka_unit_test(schemas_that_must_parse_do_and_the_others_do_not),
        cmocka_unit_test(canonical_forms_and_fingerprints_are_those_of_avro),
        cmocka_unit_test(the_single_object_sample_names_its_schema_and_reads),
        cmocka_unit_test(the_program_states_a_fingerprint_in_three_ways),
        cmocka_unit_test(what_the_set_expects_nothing_of_is_listed),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}

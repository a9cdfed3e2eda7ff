#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/time.h"
#include "sinks/format.h"
#include "tests/support/rows.h"

#define DAY(n) ((n)*CW_DAY)

struct fixture {
    struct cw_log *log;
    struct cw_formatter *formatter;
    struct cw_buf out;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->log = cw_log_memory();
    f->formatter = cw_formatter_new(f->log);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    cw_formatter_free(f->formatter);
    cw_log_close(f->log);
    cw_buf_done(&f->out);
    free(f);
    return 0;
}

static struct cw_row row_of(struct cw_row_key *keys, size_t key_count,
                            struct cw_row_evidence *shown, size_t shown_count)
{
    static int64_t values[] = { 3 };
    return (struct cw_row){
        .alert = cw_test_id("alert"),
        .case_id = cw_test_id("case"),
        .rule = cw_cstr("rule-1"),
        .title = cw_cstr("One phone, \"many\" persons"),
        .question = cw_cstr("value_count(country) gte 3 within 30d"),
        .cell = -1,
        .cell_span = DAY(30),
        .level = CW_LEVEL_HIGH,
        .match = CW_MATCH_RAW,
        .first = DAY(1),
        .last = DAY(2),
        .expires = CW_TIME_MAX,
        .revision = 2,
        .value_count = 1,
        .values = values,
        .key_count = key_count,
        .keys = keys,
        .evidence_count = 7,
        .shown_count = shown_count,
        .shown = shown,
    };
}

static const char *line_of(struct fixture *f, const struct cw_row *row)
{
    f->out.len = 0;
    assert_true(cw_format_row(f->formatter, row, &f->out));
    cw_buf_u8(&f->out, 0);
    return (const char *)f->out.data;
}

/* The sentences of `why`, one a line. */
static char *why_of(struct fixture *f, const struct cw_row *row)
{
    json_t *json = json_loads(line_of(f, row), 0, NULL);
    assert_non_null(json);
    const json_t *why = json_object_get(json, "why");
    char *text = calloc(1, 4096);
    for (size_t i = 0; i < json_array_size(why); i++) {
        strncat(text, json_string_value(json_array_get(why, i)), 1000);
        strcat(text, "\n");
    }
    json_decref(json);
    return text;
}

static void assert_why(struct fixture *f, const struct cw_row *row, const char *expected)
{
    char *why = why_of(f, row);
    assert_string_equal(why, expected);
    free(why);
}

static struct cw_row_evidence ad(struct fixture *f, const char *id, int64_t day, const char *ids)
{
    return cw_test_append(f->log, &(struct cw_test_event){ .owner = "BG",
                                                           .event_id = id,
                                                           .type = "online_ad",
                                                           .time = DAY(day),
                                                           .role = "contact",
                                                           .ids = { ids } });
}

static void a_row_is_one_line_of_json_with_sorted_keys(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key key = { 0, cw_test_id("k"), cw_cstr("+40721") };
    struct cw_row_evidence shown[] = { ad(f, "a-1", 1, "phone +40721") };
    struct cw_row row = row_of(&key, 1, shown, 1);
    char alert[CW_ID_HEX];
    char case_id[CW_ID_HEX];
    cw_id_hex(row.alert, alert);
    cw_id_hex(row.case_id, case_id);
    char expected[2048];
    snprintf(expected, sizeof(expected),
             "{\"case\":\"%s\",\"cell\":-1,\"completeness\":\"exact\",\"continues\":false,"
             "\"cross_border\":null,\"document\":null,"
             "\"evidence\":[{\"event_id\":\"a-1\",\"owner\":\"BG\",\"role\":\"contact\","
             "\"time\":\"1970-01-02T00:00:00Z\",\"type\":\"online_ad\"}],\"evidence_count\":7,"
             "\"expires\":null,\"first\":\"1970-01-02T00:00:00Z\",\"id\":\"%s\","
             "\"judgement_hash\":null,\"key\":[\"+40721\"],"
             "\"last\":\"1970-01-03T00:00:00Z\",\"level\":\"high\",\"lists\":{},"
             "\"match\":\"raw\",\"restriction\":null,\"rule\":\"rule-1\",\"rule_revision\":2,"
             "\"state_hash\":null,\"title\":\"One phone, \\\"many\\\" persons\",\"value\":[3],"
             "\"why\":[\"value_count(country) gte 3 within 30d: reached 3\","
             "\"phone +40721 is in each of them\"]}",
             case_id, alert);
    assert_string_equal(line_of(f, &row), expected);
}

/* jansson sorts keys by byte order; ours must be the same order, at every depth. */
static void the_order_of_keys_is_that_of_their_bytes(void **state)
{
    struct fixture *f = *state;
    struct cw_row_evidence shown[] = { ad(f, "a-1", 1, "phone +40721"),
                                       ad(f, "a-2", 2, "phone +40721") };
    struct cw_row row = row_of(NULL, 0, shown, 2);
    json_t *json = json_loads(line_of(f, &row), 0, NULL);
    char *sorted = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal((const char *)f->out.data, sorted);
    free(sorted);
    json_decref(json);
}

static void every_field_of_the_alert_schema_is_there_and_no_other(void **state)
{
    struct fixture *f = *state;
    struct cw_row row = row_of(NULL, 0, NULL, 0);
    json_t *line = json_loads(line_of(f, &row), 0, NULL);
    json_t *schema = json_load_file(CW_SOURCE_DIR "/schemas/alert.avsc", 0, NULL);
    const json_t *fields = json_object_get(schema, "fields");
    assert_non_null(fields);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(fields, i), "name"));
        assert_non_null(json_object_get(line, name));
    }
    assert_int_equal(json_object_size(line), json_array_size(fields));
    json_decref(schema);
    json_decref(line);
}

static void what_the_row_says_of_its_rule_and_its_limits_is_in_the_line(void **state)
{
    struct fixture *f = *state;
    struct cw_row row = row_of(NULL, 0, NULL, 0);
    cw_str countries[] = { cw_cstr("BG"), cw_cstr("RO") };
    row.state_hash = cw_test_id("s");
    row.judgement_hash = cw_test_id("j");
    row.document = cw_cstr("d0c");
    row.lists = cw_cstr("a=b=11 z=22");
    row.restriction = cw_cstr("{\"audience\":[\"dk\"],\"tlp\":\"AMBER\"}");
    row.expires = DAY(9);
    row.limb = CW_LIMB_EFFECTS;
    row.countries = countries;
    row.country_count = 2;
    const char *line = line_of(f, &row);
    char hash[CW_ID_HEX];
    char expected[128];
    cw_id_hex(row.state_hash, hash);
    snprintf(expected, sizeof(expected), "\"state_hash\":\"%s\"", hash);
    assert_non_null(strstr(line, expected));
    cw_id_hex(row.judgement_hash, hash);
    snprintf(expected, sizeof(expected), "\"judgement_hash\":\"%s\"", hash);
    assert_non_null(strstr(line, expected));
    static const char *const all[] = {
        "\"cross_border\":{\"countries\":[\"BG\",\"RO\"],\"limb\":\"3(2)(d)\"},",
        "\"document\":\"d0c\",",
        "\"expires\":\"1970-01-10T00:00:00Z\",",
        "\"lists\":{\"a=b\":\"11\",\"z\":\"22\"},",
        "\"restriction\":{\"audience\":[\"dk\"],\"tlp\":\"AMBER\"},\"rule\"",
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        assert_non_null(strstr(line, all[i]));
    json_t *json = json_loads(line, 0, NULL);
    char *sorted = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal(line, sorted);
    free(sorted);
    json_decref(json);
}

/* Four hundred pieces in one chain of identifiers, each linked with the next only. */
static void a_long_chain_is_found_to_be_one(void **state)
{
    enum { PIECES = 400 };
    struct fixture *f = *state;
    struct cw_row_key key = { 1, cw_test_id("e"), cw_cstr("eeee") };
    struct cw_row_evidence *shown = calloc(PIECES, sizeof(*shown));
    for (int i = 0; i < PIECES; i++) {
        char names[3][32];
        snprintf(names[0], 32, "a-%d", i);
        snprintf(names[1], 32, "passport RO:%d", i);
        snprintf(names[2], 32, "passport RO:%d", i + 1);
        shown[(i * 7) % PIECES] =
            cw_test_append(f->log, &(struct cw_test_event){ .owner = "BG",
                                                            .event_id = names[0],
                                                            .type = "online_ad",
                                                            .time = DAY(i),
                                                            .role = "contact",
                                                            .ids = { names[1], names[2] } });
    }
    struct cw_row row = row_of(&key, 1, shown, PIECES);
    assert_null(strstr(line_of(f, &row), "linked through other records"));
    shown[1] = shown[0]; /* one link of the chain is not shown */
    assert_non_null(strstr(line_of(f, &row), "linked through other records"));
    free(shown);
}

static void where_the_event_stands_in_the_log_does_not_show(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key key = { 0, cw_test_id("k"), cw_cstr("+1") };
    struct cw_row_evidence one[] = { ad(f, "a-1", 1, "phone +1"), ad(f, "a-2", 2, "phone +1") };
    struct cw_row row = row_of(&key, 1, one, 2);
    char *first = strdup(line_of(f, &row));
    struct cw_row_evidence again[2];
    again[1] = ad(f, "a-2", 2, "phone +1");
    again[0] = ad(f, "a-1", 1, "phone +1");
    row.shown = again;
    assert_string_equal(line_of(f, &row), first);
    free(first);
}

static void identifiers_that_the_evidence_shares_are_named(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key key = { 1, cw_test_id("e"), cw_cstr("eeee") };
    struct cw_row_evidence shown[] = { ad(f, "a-1", 1, "passport RO:123"),
                                       ad(f, "a-2", 2, "passport RO:123"),
                                       ad(f, "a-3", 3, "passport RO:123") };
    struct cw_row row = row_of(&key, 1, shown, 3);
    assert_why(f, &row,
               "value_count(country) gte 3 within 30d: reached 3\n"
               "passport RO:123 is shared by BG/a-1, BG/a-2 and BG/a-3\n");
}

static void many_sharers_are_named_in_part_and_counted(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key key = { 1, cw_test_id("e"), cw_cstr("eeee") };
    struct cw_row_evidence shown[6];
    for (int i = 0; i < 6; i++) {
        char id[16];
        snprintf(id, sizeof(id), "a-%d", i);
        shown[i] = ad(f, id, i, "tax_id DE:9");
    }
    struct cw_row row = row_of(&key, 1, shown, 6);
    assert_why(f, &row,
               "value_count(country) gte 3 within 30d: reached 3\n"
               "tax_id DE:9 is shared by BG/a-0, BG/a-1, BG/a-2, BG/a-3 and 2 more\n");
}

static void evidence_that_shares_nothing_is_said_to_be_linked_by_others(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key key = { 1, cw_test_id("e"), cw_cstr("eeee") };
    struct cw_row_evidence shown[] = { ad(f, "a-1", 1, "passport RO:123"),
                                       ad(f, "a-2", 2, "passport RO:456") };
    struct cw_row row = row_of(&key, 1, shown, 2);
    assert_why(f, &row,
               "value_count(country) gte 3 within 30d: reached 3\n"
               "linked through other records: crosswatch entity show eeee\n");
}

static void a_phone_that_is_shared_is_named_but_links_nobody(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key key = { 1, cw_test_id("e"), cw_cstr("eeee") };
    struct cw_row_evidence shown[] = { ad(f, "a-1", 1, "phone +1"), ad(f, "a-2", 2, "phone +1") };
    struct cw_row row = row_of(&key, 1, shown, 2);
    assert_why(f, &row,
               "value_count(country) gte 3 within 30d: reached 3\n"
               "phone +1 is shared by BG/a-1 and BG/a-2\n"
               "linked through other records: crosswatch entity show eeee\n");
}

static void an_invalid_identifier_explains_nothing(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key key = { 1, cw_test_id("e"), cw_cstr("eeee") };
    struct cw_row_evidence shown[] = { ad(f, "a-1", 1, "!passport RO:1"),
                                       ad(f, "a-2", 2, "!passport RO:1") };
    struct cw_row row = row_of(&key, 1, shown, 2);
    assert_why(f, &row,
               "value_count(country) gte 3 within 30d: reached 3\n"
               "linked through other records: crosswatch entity show eeee\n");
}

static void a_chain_of_shared_identifiers_needs_no_other_records(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key key = { 1, cw_test_id("e"), cw_cstr("eeee") };
    struct cw_row_evidence shown[] = {
        ad(f, "a-1", 1, "passport RO:1"),
        ad(f, "a-2", 2, "passport RO:2"),
        cw_test_append(f->log,
                       &(struct cw_test_event){ .owner = "UN",
                                                .event_id = "x",
                                                .type = "border_crossing",
                                                .time = DAY(3),
                                                .role = "traveller",
                                                .ids = { "passport RO:2", "passport RO:1" } }),
    };
    struct cw_row row = row_of(&key, 1, shown, 3);
    assert_why(f, &row,
               "value_count(country) gte 3 within 30d: reached 3\n"
               "passport RO:1 is shared by BG/a-1 and UN/x\n"
               "passport RO:2 is shared by BG/a-2 and UN/x\n");
}

static void one_record_stated_twice_needs_no_other_records(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key key = { 1, cw_test_id("e"), cw_cstr("eeee") };
    struct cw_test_event event = {
        .owner = "BG", .event_id = "a", .type = "online_ad", .role = "contact", .record = "r"
    };
    struct cw_row_evidence shown[2];
    shown[0] = cw_test_append(f->log, &event);
    event.event_id = "b";
    shown[1] = cw_test_append(f->log, &event);
    struct cw_row row = row_of(&key, 1, shown, 2);
    assert_why(f, &row, "value_count(country) gte 3 within 30d: reached 3\n");
}

static void a_standing_row_names_the_notice_and_what_it_shares(void **state)
{
    struct fixture *f = *state;
    struct cw_row_evidence shown[2];
    shown[0] = cw_test_append(f->log, &(struct cw_test_event){ .owner = "UN-SC",
                                                               .event_id = "QDi.001",
                                                               .type = "notice",
                                                               .time = DAY(1),
                                                               .role = "subject",
                                                               .ids = { "passport RO:123" },
                                                               .colour = "sanctions",
                                                               .reference = "ref 7" });
    shown[0].is_rule = 1;
    shown[1] = cw_test_append(f->log, &(struct cw_test_event){ .owner = "RO",
                                                               .event_id = "c-9",
                                                               .type = "border_crossing",
                                                               .time = DAY(9),
                                                               .role = "traveller",
                                                               .ids = { "passport RO:123" } });
    char notice[CW_ID_HEX];
    cw_id_hex(shown[0].identity, notice);
    struct cw_row_key keys[] = { { 1, cw_test_id("e"), cw_cstr("eeee") },
                                 { 0, cw_test_id("n"), cw_cstr(notice) } };
    struct cw_row row = row_of(keys, 2, shown, 2);
    row.question = cw_cstr("a crossing while a notice stands");
    assert_why(f, &row,
               "a crossing while a notice stands: reached 3\n"
               "notice UN-SC/QDi.001 stands: colour sanctions, reference ref 7\n"
               "passport RO:123 is shared by UN-SC/QDi.001 and RO/c-9\n");
}

static void a_notice_without_a_reference_is_named_without_one(void **state)
{
    struct fixture *f = *state;
    struct cw_row_evidence shown[] = { cw_test_append(
        f->log, &(struct cw_test_event){
                    .owner = "A", .event_id = "n", .type = "notice", .colour = "red" }) };
    shown[0].is_rule = 1;
    struct cw_row row = row_of(NULL, 0, shown, 1);
    assert_why(f, &row,
               "value_count(country) gte 3 within 30d: reached 3\n"
               "notice A/n stands: colour red\n");
}

static void a_key_that_is_no_identifier_is_called_a_value(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key key = { 0, cw_test_id("k"), cw_cstr("escort") };
    struct cw_row_evidence shown[] = { cw_test_append(
        f->log, &(struct cw_test_event){ .owner = "A", .event_id = "n", .type = "online_ad" }) };
    struct cw_row row = row_of(&key, 1, shown, 1);
    assert_why(f, &row,
               "value_count(country) gte 3 within 30d: reached 3\n"
               "value escort is in each of them\n");
    json_t *json = json_loads((const char *)f->out.data, 0, NULL);
    const json_t *evidence = json_array_get(json_object_get(json, "evidence"), 0);
    assert_true(json_is_null(json_object_get(evidence, "role")));
    json_decref(json);
}

static void evidence_that_is_not_where_the_row_says_is_refused(void **state)
{
    struct fixture *f = *state;
    struct cw_row_evidence shown[] = { ad(f, "a-1", 1, "phone +1") };
    struct cw_row row = row_of(NULL, 0, shown, 1);
    shown[0].identity = cw_test_id("another event");
    assert_false(cw_format_row(f->formatter, &row, &f->out));
    shown[0] = ad(f, "a-2", 1, "phone +1");
    shown[0].position += 1000000;
    assert_false(cw_format_row(f->formatter, &row, &f->out));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_row_is_one_line_of_json_with_sorted_keys),
        TEST(the_order_of_keys_is_that_of_their_bytes),
        TEST(every_field_of_the_alert_schema_is_there_and_no_other),
        TEST(what_the_row_says_of_its_rule_and_its_limits_is_in_the_line),
        TEST(a_long_chain_is_found_to_be_one),
        TEST(where_the_event_stands_in_the_log_does_not_show),
        TEST(identifiers_that_the_evidence_shares_are_named),
        TEST(many_sharers_are_named_in_part_and_counted),
        TEST(evidence_that_shares_nothing_is_said_to_be_linked_by_others),
        TEST(a_phone_that_is_shared_is_named_but_links_nobody),
        TEST(an_invalid_identifier_explains_nothing),
        TEST(a_chain_of_shared_identifiers_needs_no_other_records),
        TEST(one_record_stated_twice_needs_no_other_records),
        TEST(a_standing_row_names_the_notice_and_what_it_shares),
        TEST(a_notice_without_a_reference_is_named_without_one),
        TEST(a_key_that_is_no_identifier_is_called_a_value),
        TEST(evidence_that_is_not_where_the_row_says_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

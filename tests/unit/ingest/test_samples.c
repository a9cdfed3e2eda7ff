/*
 * test_samples.c - schemas/samples: every valid event passes, and every invalid one breaks the one
 * clause that the table names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/normalise.h"
#include "ingest/wire/json_body.h"
#include "operators/runtime/time.h"

#define SAMPLES CW_SOURCE_DIR "/schemas/samples/"

static const struct {
    const char *name;
    const char *code;
    const char *field;
} invalid[] = {
    { "owner_empty", "missing", "owner" },
    { "owner_not_of_the_contract", "unknown_owner", "owner" },
    { "event_id_empty", "missing", "event_id" },
    { "event_id_too_long", "too_long", "event_id" },
    { "version_zero", "bad_version", "version" },
    { "op_unknown", "bad_op", "op" },
    { "event_type_empty", "missing", "event_type" },
    { "event_type_unknown", "unknown_type", "event_type" },
    { "event_time_after_year_9999", "bad_time", "event_time" },
    { "event_time_in_the_future", "from_the_future", "event_time" },
    { "tz_offset_beyond_18_hours", "bad_offset", "tz_offset" },
    { "time_precision_unknown", "bad_precision", "time_precision" },
    { "recorded_at_before_year_1", "bad_time", "recorded_at" },
    { "retain_until_after_year_9999", "bad_time", "retain_until" },
    { "retain_until_before_recorded_at", "retain_before_recorded", "retain_until" },
    { "country_in_lower_case", "bad_country", "country" },
    { "place_with_half_a_position", "bad_place", "place.lon" },
    { "place_beyond_the_pole", "bad_place", "place.lat" },
    { "crime_area_empty", "bad_list", "crime_areas[1]" },
    { "purpose_empty", "bad_list", "purposes[0]" },
    { "handling_code_unknown", "bad_handling", "handling.codes[1]" },
    { "handling_tlp_unknown", "bad_handling", "handling.tlp" },
    { "handling_pap_unknown", "bad_handling", "handling.pap" },
    { "handling_audience_empty", "bad_list", "handling.audience[0]" },
    { "grading_without_source", "missing", "grading.source" },
    { "evidence_status_empty", "missing", "evidence_status" },
    { "party_without_role", "missing", "parties[0].role" },
    { "party_of_unknown_kind", "bad_kind", "parties[0].kind" },
    { "identifier_without_kind", "missing", "parties[0].ids[1].kind" },
    { "too_many_identifiers", "too_many_parts", "parties[0].ids" },
    { "name_empty", "missing", "parties[0].names[0].full" },
    { "name_too_long", "too_long", "parties[0].names[0].full" },
    { "birth_date_impossible", "bad_birth_date", "parties[0].birth_dates[0]" },
    { "birth_date_day_first", "bad_birth_date", "parties[0].birth_dates[1]" },
    { "nationality_by_name", "bad_country", "parties[0].nationalities[0]" },
    { "object_without_role", "missing", "objects[0].role" },
    { "object_without_type", "missing", "objects[0].type" },
    { "too_many_parts", "too_many_parts", "objects" },
    { "detail_missing", "missing_detail", "crossing" },
    { "detail_of_another_type", "wrong_detail", "ad" },
    { "detail_of_two_types", "wrong_detail", "" },
    { "notice_ends_as_it_begins", "bad_interval", "notice.valid_to" },
    { "notice_without_colour", "missing", "notice.colour" },
    { "notice_valid_from_after_year_9999", "bad_time", "notice.valid_from" },
    { "notice_cancelled_after_year_9999", "bad_time", "notice.cancelled_at" },
    { "field_unknown", "unknown_field", "colour" },
    { "field_missing", "missing_field", "recorded_at" },
    { "field_of_another_type", "bad_type", "version" },
    { "time_that_is_none", "bad_time", "event_time" },
    { "payment_of_less_than_nothing", "bad_amount", "payment.amount" },
    { "payment_beyond_all_bounds", "bad_amount", "payment.amount" },
    { "payment_currency_in_lower_case", "bad_currency", "payment.currency" },
    { "payment_currency_unknown", "bad_currency", "payment.currency" },
    { "payment_payer_country_by_name", "bad_country", "payment.payer_country" },
    { "payment_payee_country_in_lower_case", "bad_country", "payment.payee_country" },
    { "withdrawal_without_owner", "missing", "owner" },
};
enum { INVALID_COUNT = sizeof(invalid) / sizeof(invalid[0]) };

static const char *const valid[] = {
    "notice",
    "notice_cancelled_before_it_began",
    "border_crossing",
    "border_crossing_least",
    "account_open_joint",
    "online_ad",
    "online_ad_with_faulty_identifiers",
    "payment",
    "payment_least",
    "payment_with_an_amount_in_euro_of_its_own",
    "withdrawal",
};
enum { VALID_COUNT = sizeof(valid) / sizeof(valid[0]) };

/* The samples come over a source whose contract names these owners, on the first day of 2025. */
struct fixture {
    struct cw_normaliser *normaliser;
    struct cw_contract *contract;
    cw_str owners[5];
    struct cw_schema *schema;
    struct cw_buf body;
    struct cw_normal normal;
    struct cw_reason reason;
};

static int setup(void **state)
{
    static const char *const owners[] = { "UN-SC", "RO-IGPR", "RO-PF", "NL-FIU", "ES-PN" };
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct cw_secret secret;
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    f->normaliser = cw_normaliser_new(&secret);
    f->contract = cw_contract_default();
    for (size_t i = 0; i < 5; i++)
        f->owners[i] = cw_cstr(owners[i]);
    f->contract->owners = f->owners;
    f->contract->owner_count = 5;
    f->schema = cw_schema_parse(cw_cstr(cw_event_schema_json()), &f->reason);
    assert_non_null(f->schema);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    cw_normaliser_free(f->normaliser);
    cw_contract_free(f->contract);
    cw_schema_free(f->schema);
    cw_buf_done(&f->body);
    test_free(f);
    return 0;
}

static bool read_sample(struct fixture *f, const char *folder, const char *name)
{
    char path[1024];
    static char text[65536];
    snprintf(path, sizeof(path), "%s%s/%s.json", SAMPLES, folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot read %s", path);
    size_t len = fread(text, 1, sizeof(text), file);
    assert_true(len > 0 && len < sizeof(text));
    fclose(file);
    int64_t arrival = 20089 * CW_DAY;
    f->body.len = 0;
    f->reason = (struct cw_reason){ 0 };
    return cw_json_body(f->schema, (cw_str){ text, len }, &f->body, &f->reason) &&
           cw_normalise(f->normaliser, f->contract,
                        (cw_str){ (const char *)f->body.data, f->body.len }, arrival, &f->normal,
                        &f->reason);
}

static void every_valid_sample_is_an_event(void **state)
{
    struct fixture *f = *state;
    bool seen[CW_TYPES_MAX + 1] = { false };
    for (size_t i = 0; i < VALID_COUNT; i++) {
        if (!read_sample(f, "valid", valid[i]))
            fail_msg("%s: %s at %s: %s", valid[i], f->reason.code, f->reason.field,
                     f->reason.sentence);
        seen[f->normal.header.type] = true;
    }
    for (uint16_t type = 1; type <= cw_type_count(); type++) {
        if (!seen[type])
            fail_msg("no valid sample of %s", cw_type_by_number(type)->name);
    }
}

static void every_invalid_sample_breaks_its_clause(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < INVALID_COUNT; i++) {
        if (read_sample(f, "invalid", invalid[i].name))
            fail_msg("%s was accepted", invalid[i].name);
        if (strcmp(f->reason.code, invalid[i].code) != 0 ||
            strcmp(f->reason.field, invalid[i].field) != 0)
            fail_msg("%s: expected %s at %s, found %s at %s: %s", invalid[i].name, invalid[i].code,
                     invalid[i].field, f->reason.code, f->reason.field, f->reason.sentence);
        assert_true(strlen(f->reason.sentence) > 0);
    }
}

/* An identifier that is none is a fact about the data; the event is as good as any. */
static void faulty_identifiers_are_no_keys_but_no_rejects_either(void **state)
{
    struct fixture *f = *state;
    assert_true(read_sample(f, "valid", "online_ad_with_faulty_identifiers"));
    struct cw_arena *arena = cw_arena_new();
    struct cw_event event;
    assert_true(cw_event_read(&event, f->normal.body.ptr, f->normal.body.len, arena));
    static const char *const faults[] = { "no_country_code", "no_issuer", "wrong_place",
                                          "unknown_kind" };
    assert_int_equal(event.parties[0].id_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(cw_str_is(event.parties[0].ids[i].fault, faults[i]));
    for (size_t i = 0; i < f->normal.key_count; i++)
        assert_true(f->normal.keys[i].part != 0 || (f->normal.keys[i].flags & CW_KEY_RECORD) != 0);
    cw_arena_free(arena);
}

/* The JSON body of an agency that does its own sums: what it says in amount_eur is not looked at.
 */
static void amount_eur_is_written_by_ingest(void **state)
{
    struct fixture *f = *state;
    const struct cw_type *type = cw_type_by_name(cw_cstr("payment"));
    struct cw_arena *arena = cw_arena_new();
    struct cw_event event;
    assert_true(read_sample(f, "valid", "payment_with_an_amount_in_euro_of_its_own"));
    assert_true(cw_event_read(&event, f->normal.body.ptr, f->normal.body.len, arena));
    const struct cw_value *cents = &event.detail[cw_type_field(type, cw_cstr("amount_eur"))];
    assert_true(cents->present);
    assert_int_equal(cents->number, 73171); /* 120,000 yen at 164: 731.7073 euro */
    cw_arena_free(arena);
}

static size_t files_in(const char *folder)
{
    size_t count = 0;
    char path[1024];
    snprintf(path, sizeof(path), "%s%s", SAMPLES, folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void no_sample_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(files_in("valid"), VALID_COUNT);
    assert_int_equal(files_in("invalid"), INVALID_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_valid_sample_is_an_event, setup, teardown),
        cmocka_unit_test_setup_teardown(every_invalid_sample_breaks_its_clause, setup, teardown),
        cmocka_unit_test_setup_teardown(faulty_identifiers_are_no_keys_but_no_rejects_either, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(amount_eur_is_written_by_ingest, setup, teardown),
        cmocka_unit_test(no_sample_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

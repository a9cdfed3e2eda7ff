#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "events.h"
#include "ingest/importers/countries.h"
#include "ingest/importers/import.h"
#include "operators/runtime/time.h"

#define DATA CW_SOURCE_DIR "/tests/data/importers/"

static int64_t day(int year, int month, int of_month)
{
    return cw_days_from_civil(year, month, of_month) * CW_DAY;
}

static struct events imported(const char *const *paths, size_t count, int64_t as_of,
                              struct cw_import_counts *counts)
{
    char error[CW_IMPORT_ERROR] = "";
    struct cw_import *import = cw_import_new();
    FILE *file = tmpfile();
    assert_non_null(file);
    if (!cw_import_senzing(import, paths, count, as_of, error) ||
        !cw_import_write(import, as_of, file, error))
        fail_msg("%s", error);
    struct events events = events_read(file);
    *counts = *cw_import_counts(import);
    cw_import_free(import);
    fclose(file);
    return events;
}

static struct events both(int64_t as_of, struct cw_import_counts *counts)
{
    static const char *const paths[] = { DATA "watchlist.jsonl", DATA "customers.jsonl" };
    return imported(paths, 2, as_of, counts);
}

static const struct cw_event *by_id(const struct events *events, const char *id)
{
    for (size_t i = 0; i < events->count; i++) {
        if (cw_str_is(events->items[i].event_id, id))
            return &events->items[i];
    }
    fail_msg("no event %s", id);
    return NULL;
}

static void watch_list_entries_are_notices_and_customers_open_accounts(void **state)
{
    (void)state;
    struct cw_import_counts counts;
    struct events events = both(CW_TIME_MIN, &counts);
    static const char *const order[] = { "C3", "C4", "W0", "W1", "C1", "C2" };
    assert_int_equal(events.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_text(events.items[i].event_id, order[i]);
    assert_int_equal(counts.notices, 2);
    assert_int_equal(counts.accounts, 4);

    const struct cw_event *notice = by_id(&events, "W1");
    assert_text(notice->owner, "SENZING-WATCHLIST");
    assert_text(detail(notice, "colour")->text, "watch");
    assert_text(detail(notice, "category")->text, "Fraud");
    assert_int_equal(detail(notice, "valid_from")->number, day(2018, 1, 3));
    assert_false(detail(notice, "cancelled_at")->present); /* STATUS cancels nothing */
    const struct cw_part *subject = &notice->parties[0];
    assert_text(subject->role, "subject");
    assert_text(subject->names[0].full, "Robert E Doe Sr");
    assert_text(subject->names[1].full, "Бобби");
    assert_text(subject->names[1].kind, "alias");
    assert_text(subject->addresses[0], "1 Main St , Testville, NV");
    assert_id(&subject->ids[0], "driving_licence", "US-NV", "998877");

    const struct cw_event *opening = by_id(&events, "C1");
    assert_text(opening->owner, "SENZING-CUSTOMERS");
    assert_text(opening->event_type, "account_open");
    assert_text(opening->parties[0].role, "holder");
    assert_text(opening->parties[0].sex, "female");
    assert_int_equal(opening->object_count, 1);
    assert_text(opening->objects[0].role, "account");
    assert_text(opening->objects[0].kind, "account");
    assert_id(&opening->objects[0].ids[0], "account", NULL, "SENZINGC1");
    assert_text(by_id(&events, "C3")->parties[0].kind, "organisation");
    events_done(&events);
}

static void identifiers_get_their_issuers_by_table(void **state)
{
    (void)state;
    struct cw_import_counts counts;
    struct events events = both(CW_TIME_MIN, &counts);
    const struct cw_part *one = &by_id(&events, "C1")->parties[0];
    assert_int_equal(one->id_count, 3);
    assert_id(&one->ids[0], "phone", "US", "702-555-1300");
    assert_id(&one->ids[1], "national_id", NULL, "3241"); /* four digits name nobody */
    assert_id(&one->ids[2], "passport", "US", "10251111");
    const struct cw_part *two = &by_id(&events, "C2")->parties[0];
    assert_int_equal(two->id_count, 4);
    assert_id(&two->ids[0], "phone", NULL, "+39 0352 6553537");
    assert_id(&two->ids[1], "national_id", "HK", "832721");
    assert_id(&two->ids[2], "national_id", NULL, "7123833");
    assert_id(&two->ids[3], "driving_licence", NULL, "5");
    assert_id(&by_id(&events, "W0")->parties[0].ids[0], "national_id", "US", "201-55-1234");
    assert_int_equal(counts.unknown_countries, 1);
    events_done(&events);
}

static void a_birth_date_is_never_after_its_row(void **state)
{
    (void)state;
    struct cw_import_counts counts;
    struct events events = both(CW_TIME_MIN, &counts);
    assert_text(by_id(&events, "C1")->parties[0].birth_dates[0], "1997-09-28");
    /* C2 has no date: its row is as of 10 December 2020, the newest. */
    assert_int_equal(by_id(&events, "C2")->recorded_at, day(2020, 12, 10));
    assert_text(by_id(&events, "C2")->parties[0].birth_dates[0], "2006-02-08");
    assert_int_equal(by_id(&events, "C3")->recorded_at, day(1999, 5, 6));
    const struct cw_part *four = &by_id(&events, "C4")->parties[0];
    assert_int_equal(four->birth_date_count, 5);
    assert_text(four->birth_dates[0], "1991-08-20");
    assert_text(four->birth_dates[1], "1992-03-15");
    assert_text(four->birth_dates[2], "1970-03-01");
    assert_text(four->birth_dates[3], "1997-11-12");
    assert_text(four->birth_dates[4], "1931-04-02");
    assert_int_equal(counts.bad_dates, 1); /* 30 February */
    assert_int_equal(by_id(&events, "W0")->parties[0].birth_date_count, 0);
    events_done(&events);

    events = both(day(2005, 1, 1), &counts);
    assert_text(by_id(&events, "C2")->parties[0].birth_dates[0], "1906-02-08");
    assert_int_equal(by_id(&events, "C2")->retain_until.number, day(2010, 1, 1));
    assert_true(by_id(&events, "C1")->retain_until.number > by_id(&events, "C1")->recorded_at);
    events_done(&events);
}

static void refused(const char *text, const char *why)
{
    char path[] = "/tmp/cw-senzing-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    const char *paths[] = { path };
    char error[CW_IMPORT_ERROR] = "";
    struct cw_import *import = cw_import_new();
    FILE *file = tmpfile();
    assert_false(cw_import_senzing(import, paths, 1, CW_TIME_MIN, error) &&
                 cw_import_write(import, CW_TIME_MIN, file, error));
    if (strstr(error, why) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", why, error);
    fclose(file);
    cw_import_free(import);
    unlink(path);
}

static void what_is_no_record_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("\n{\"DATA_SOURCE\":", ":2: expected a record of Senzing's");
    refused("[1]", "no JSON object");
    refused("{\"DATA_SOURCE\": \"REFERENCE\", \"RECORD_ID\": \"1\"}", "leave that file out");
    refused("{\"DATA_SOURCE\": \"WATCHLIST\", \"RECORD_ID\": \"1\"}", "say --as-of DATE");
    refused("{\"DATA_SOURCE\": \"WATCHLIST\", \"RECORD_ID\": \"1\", \"DATE\": \"99/99/99\"}",
            "say --as-of DATE");
}

static void countries_and_states_are_found_by_name_and_code(void **state)
{
    (void)state;
    assert_string_equal(cw_country_by_name(cw_cstr("Iran (Islamic Republic of)")), "IR");
    assert_string_equal(cw_country_by_name(cw_cstr(" germany ")), "DE");
    assert_string_equal(cw_country_by_name(cw_cstr("CAN")), "CA");
    assert_string_equal(cw_country_by_name(cw_cstr("Democratic People's Republic of Korea")), "KP");
    assert_string_equal(cw_country_by_name(cw_cstr("NA")), "NA");
    assert_null(cw_country_by_name(cw_cstr("na")));
    assert_null(cw_country_by_name(cw_cstr("former Soviet Union")));
    assert_null(cw_country_by_name(cw_cstr("")));
    assert_string_equal(cw_us_state_code(cw_cstr("OHIO")), "OH");
    assert_string_equal(cw_us_state_code(cw_cstr("CA ")), "CA");
    assert_null(cw_us_state_code(cw_cstr("Bavaria")));
}

/* Whether the two parties show one identifier of the kind and issuer, whatever separates digits. */
static bool share(const struct cw_event *a, const struct cw_event *b, const char *kind,
                  const char *issuer)
{
    for (size_t i = 0; i < a->parties[0].id_count; i++) {
        for (size_t j = 0; j < b->parties[0].id_count; j++) {
            const struct cw_identifier *x = &a->parties[0].ids[i];
            const struct cw_identifier *y = &b->parties[0].ids[j];
            if (cw_str_is(x->kind, kind) && cw_str_is(y->kind, kind) &&
                cw_str_is(x->issuer, issuer) && cw_str_is(y->issuer, issuer) &&
                cw_str_eq(x->value, y->value))
                return true;
        }
    }
    return false;
}

static void the_truth_set_has_its_three_customers_on_the_watch_list(void **state)
{
    (void)state;
    static char watchlist[1024];
    const char *path = public_data("senzing-truthset/watchlist.jsonl");
    if (path == NULL)
        skip();
    snprintf(watchlist, sizeof(watchlist), "%s", path);
    const char *paths[] = { watchlist, public_data("senzing-truthset/customers.jsonl") };
    struct cw_import_counts counts;
    struct events events = imported(paths, 2, CW_TIME_MIN, &counts);
    assert_int_equal(counts.notices, 17);
    assert_int_equal(counts.accounts, 120);
    assert_int_equal(counts.bad_dates, 0);
    assert_int_equal(counts.unknown_countries, 0);
    assert_int_equal(counts.undated, 21);
    assert_true(share(by_id(&events, "1005"), by_id(&events, "1006"), "driving_licence", "US-NV"));
    assert_true(share(by_id(&events, "1009"), by_id(&events, "1014"), "national_id", "US"));
    assert_true(share(by_id(&events, "1020"), by_id(&events, "1021"), "national_id", "US"));
    events_done(&events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watch_list_entries_are_notices_and_customers_open_accounts),
        cmocka_unit_test(identifiers_get_their_issuers_by_table),
        cmocka_unit_test(a_birth_date_is_never_after_its_row),
        cmocka_unit_test(what_is_no_record_is_refused_with_its_line),
        cmocka_unit_test(countries_and_states_are_found_by_name_and_code),
        cmocka_unit_test(the_truth_set_has_its_three_customers_on_the_watch_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

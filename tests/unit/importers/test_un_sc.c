#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "events.h"
#include "ingest/importers/import.h"
#include "operators/runtime/time.h"

#define DATA CW_SOURCE_DIR "/tests/data/importers/"

static int64_t day(int year, int month, int of_month)
{
    return cw_days_from_civil(year, month, of_month) * CW_DAY;
}

/* Imports one file and reads back what it wrote. */
static struct events imported(const char *path, int64_t as_of, struct cw_import_counts *counts)
{
    char error[CW_IMPORT_ERROR] = "";
    struct cw_import *import = cw_import_new();
    FILE *file = tmpfile();
    assert_non_null(file);
    if (!cw_import_un_sc(import, path, error) || !cw_import_write(import, as_of, file, error))
        fail_msg("%s", error);
    struct events events = events_read(file);
    *counts = *cw_import_counts(import);
    cw_import_free(import);
    fclose(file);
    return events;
}

static void rows_become_notices_in_order_of_time(void **state)
{
    (void)state;
    struct cw_import_counts counts;
    struct events events = imported(DATA "un_small.xml", CW_TIME_MIN, &counts);
    assert_int_equal(events.count, 3);
    assert_text(events.items[0].event_id, "900003");
    assert_text(events.items[1].event_id, "900002");
    assert_text(events.items[2].event_id, "900001");
    assert_int_equal(counts.notices, 3);
    assert_int_equal(counts.organisations, 1);
    assert_int_equal(counts.skipped, 1);
    for (size_t i = 0; i < events.count; i++) {
        const struct cw_event *event = &events.items[i];
        assert_text(event->owner, "UN-SC");
        assert_text(event->event_type, "notice");
        assert_text(event->op, "create");
        assert_text(event->time_precision, "day");
        assert_text(event->parties[0].role, "subject");
        assert_text(detail(event, "colour")->text, "sanctions");
        assert_int_equal(event->event_time, event->recorded_at);
        assert_int_equal(detail(event, "valid_from")->number, event->recorded_at);
        assert_false(detail(event, "valid_to")->present);
        /* five years after the newest date, 29 February 2024 */
        assert_int_equal(event->retain_until.number, day(2029, 2, 28));
    }
    events_done(&events);
}

static void a_row_says_who_it_is(void **state)
{
    (void)state;
    struct cw_import_counts counts;
    struct events events = imported(DATA "un_small.xml", CW_TIME_MIN, &counts);
    const struct cw_event *event = &events.items[1];
    const struct cw_part *subject = &event->parties[0];
    assert_int_equal(event->version, 3);
    assert_int_equal(event->recorded_at, day(2015, 7, 1));
    assert_text(detail(event, "reference")->text, "TEi.002");
    assert_text(subject->kind, "person");
    assert_text(subject->sex, "male");
    assert_int_equal(subject->name_count, 3);
    assert_text(subject->names[0].full, "IVAN EXAMPLE PETROV");
    assert_text(subject->names[0].kind, "primary");
    assert_text(subject->names[1].full, "Иван Пример");
    assert_text(subject->names[1].script, "Cyrl");
    assert_text(subject->names[2].full, "Vanya the Example");
    assert_text(subject->names[2].kind, "alias");
    assert_int_equal(subject->nationality_count, 2);
    assert_text(subject->nationalities[0], "RU");
    assert_text(subject->nationalities[1], "TR");
    assert_int_equal(subject->address_count, 1);
    assert_text(subject->addresses[0], "1 Test Street, Somewhere, Russian Federation");
    assert_text(events.items[0].parties[0].kind, "organisation");
    assert_text(events.items[0].parties[0].names[1].full, "OLD EXAMPLE");
    events_done(&events);
}

static void an_approximate_date_gives_its_year_and_a_range_nothing(void **state)
{
    (void)state;
    struct cw_import_counts counts;
    struct events events = imported(DATA "un_small.xml", CW_TIME_MIN, &counts);
    const struct cw_part *subject = &events.items[1].parties[0];
    assert_int_equal(subject->birth_date_count, 3);
    assert_text(subject->birth_dates[0], "1961-03-04");
    assert_text(subject->birth_dates[1], "1960-03-04");
    assert_text(subject->birth_dates[2], "1962");
    assert_int_equal(counts.ranges, 1);
    assert_text(events.items[2].parties[0].birth_dates[0], "1971");
    events_done(&events);
}

/* One bad date must not make a dead letter of a person who is under sanctions. */
static void a_birth_date_that_is_none_is_left_out_and_counted(void **state)
{
    (void)state;
    static const char list[] =
        "<CONSOLIDATED_LIST dateGenerated=\"2024-02-29\"><INDIVIDUALS><INDIVIDUAL>"
        "<DATAID>1</DATAID><VERSIONNUM>1</VERSIONNUM><FIRST_NAME>IVAN</FIRST_NAME>"
        "<INDIVIDUAL_ALIAS><ALIAS_NAME>Vanya</ALIAS_NAME><DATE_OF_BIRTH>1960030--4</DATE_OF_BIRTH>"
        "</INDIVIDUAL_ALIAS><INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE>"
        "<YEAR>96</YEAR></INDIVIDUAL_DATE_OF_BIRTH><INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT"
        "</TYPE_OF_DATE><DATE>1960-03-04</DATE></INDIVIDUAL_DATE_OF_BIRTH>"
        "</INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>";
    char path[] = "/tmp/crosswatch_un_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, list, sizeof(list) - 1), sizeof(list) - 1);
    close(fd);
    struct cw_import_counts counts;
    struct events events = imported(path, CW_TIME_MIN, &counts);
    remove(path);
    assert_int_equal(events.count, 1);
    assert_int_equal(events.items[0].parties[0].birth_date_count, 1);
    assert_text(events.items[0].parties[0].birth_dates[0], "1960-03-04");
    assert_int_equal(counts.bad_dates, 2);
    events_done(&events);
}

static void a_document_is_what_its_second_type_says(void **state)
{
    (void)state;
    struct cw_import_counts counts;
    struct events events = imported(DATA "un_small.xml", CW_TIME_MIN, &counts);
    const struct cw_part *subject = &events.items[1].parties[0];
    assert_int_equal(subject->id_count, 4);
    assert_id(&subject->ids[0], "passport", "RU", "515458008");
    assert_id(&subject->ids[1], "passport", NULL, "AB123456");
    assert_id(&subject->ids[2], "national_id", "EG", "1234567890");
    assert_id(&subject->ids[3], "identity_document", "IQ", "0075258");
    assert_int_equal(counts.unknown_countries, 2); /* Atlantis, former Soviet Union */
    events_done(&events);
}

static void a_row_without_a_date_gets_the_as_of_date(void **state)
{
    (void)state;
    struct cw_import_counts counts;
    struct events events = imported(DATA "un_small.xml", day(2020, 1, 31), &counts);
    assert_int_equal(counts.undated, 1);
    assert_text(events.items[2].event_id, "900001");
    assert_int_equal(events.items[2].recorded_at, day(2020, 1, 31));
    assert_int_equal(events.items[0].retain_until.number, day(2025, 1, 31));
    events_done(&events);
}

static void a_gzip_file_gives_the_same(void **state)
{
    (void)state;
    char path[] = "/tmp/cw-un-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    gzFile out = gzdopen(fd, "wb");
    FILE *plain = fopen(DATA "un_small.xml", "rb");
    assert_non_null(plain);
    char bytes[4096];
    size_t got;
    while ((got = fread(bytes, 1, sizeof(bytes), plain)) > 0)
        assert_int_equal(gzwrite(out, bytes, (unsigned)got), got);
    fclose(plain);
    gzclose(out);

    struct cw_import_counts counts;
    struct events events = imported(path, CW_TIME_MIN, &counts);
    assert_int_equal(events.count, 3);
    assert_text(events.items[1].parties[0].names[0].full, "IVAN EXAMPLE PETROV");
    events_done(&events);
    unlink(path);
}

static void refused(const char *path, const char *why)
{
    char error[CW_IMPORT_ERROR] = "";
    struct cw_import *import = cw_import_new();
    assert_false(cw_import_un_sc(import, path, error));
    if (strstr(error, why) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", why, error);
    cw_import_free(import);
}

static void text_to_refuse(const char *text, const char *why)
{
    char path[] = "/tmp/cw-un-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    refused(path, why);
    unlink(path);
}

static void entities_are_refused(void **state)
{
    (void)state;
    refused(DATA "un_entity.xml", "declares an entity");
}

static void what_is_not_the_list_is_refused_with_its_line(void **state)
{
    (void)state;
    text_to_refuse("<OTHER/>", ":1: this is not the Security Council's list");
    text_to_refuse("<CONSOLIDATED_LIST>\n<INDIVIDUALS>\n<INDIVIDUAL>", ":3:");
    text_to_refuse("<CONSOLIDATED_LIST><A><THING/></A></CONSOLIDATED_LIST>", "neither INDIVIDUAL");
    text_to_refuse("", "not the Security Council's list");
    refused("/nowhere/at/all.xml", "cannot be opened");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    struct cw_buf text = { 0 };
    cw_buf_cstr(&text, "<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL>");
    for (int i = 0; i < 100000; i++)
        cw_buf_cstr(&text, "<A>");
    cw_buf_u8(&text, 0);
    text_to_refuse((char *)text.data, "too deep");
    cw_buf_done(&text);
}

static void the_whole_list_has_all_its_rows(void **state)
{
    (void)state;
    const char *path = public_data("un-sc-consolidated/UN_consolidated.xml.gz");
    if (path == NULL)
        skip();
    struct cw_import_counts counts;
    struct events events = imported(path, CW_TIME_MIN, &counts);
    assert_int_equal(events.count, 1003);
    assert_int_equal(counts.notices, 730 + 273);
    assert_int_equal(counts.organisations, 273);
    assert_int_equal(counts.undated, 0);
    assert_int_equal(counts.cut, 0);
    assert_int_equal(counts.bad_dates, 0);
    assert_int_equal(events.items[0].retain_until.number, day(2031, 2, 27));
    size_t passports = 0;
    size_t scoped = 0;
    for (size_t i = 0; i < events.count; i++) {
        const struct cw_part *subject = &events.items[i].parties[0];
        assert_true(i == 0 || events.items[i - 1].recorded_at <= events.items[i].recorded_at);
        assert_true(subject->name_count > 0);
        for (size_t j = 0; j < subject->id_count; j++) {
            passports += cw_str_is(subject->ids[j].kind, "passport");
            scoped += subject->ids[j].issuer.ptr != NULL;
        }
    }
    assert_true(passports > 290);
    assert_true(scoped > 280);
    events_done(&events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_notices_in_order_of_time),
        cmocka_unit_test(a_row_says_who_it_is),
        cmocka_unit_test(an_approximate_date_gives_its_year_and_a_range_nothing),
        cmocka_unit_test(a_birth_date_that_is_none_is_left_out_and_counted),
        cmocka_unit_test(a_document_is_what_its_second_type_says),
        cmocka_unit_test(a_row_without_a_date_gets_the_as_of_date),
        cmocka_unit_test(a_gzip_file_gives_the_same),
        cmocka_unit_test(entities_are_refused),
        cmocka_unit_test(what_is_not_the_list_is_refused_with_its_line),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(the_whole_list_has_all_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

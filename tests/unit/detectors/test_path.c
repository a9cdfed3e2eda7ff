/* test_path.c - what paths find in an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detectors/path.h"
#include "operators/runtime/time.h"

/* clang-format off */
#define T(text) { text, sizeof(text) - 1 }
/* clang-format on */

struct fixture {
    struct cw_arena *arena;
    struct cw_event event;
};

static struct cw_identifier person_ids[] = {
    { .kind = T("passport"), .issuer = T("RO"), .value = T("123") },
    { .kind = T("passport"), .issuer = T("MD"), .value = T("9"), .fault = T("bad_length") },
    { .kind = T("phone"), .value = T("+40700000001") },
    { .kind = T("passport"), .issuer = T("MD"), .value = T("777") },
};
static struct cw_identifier document_ids[] = {
    { .kind = T("passport"), .issuer = T("RO"), .value = T("123") },
    { .kind = T("phone"), .value = T("1") },
    { .kind = T("frobnicator"), .value = T("x") },
    { .kind = T("iban"), .value = T("DE89370400440532013000") },
};
static struct cw_name names[] = {
    { .full = T("Ion POPESCU"), .folded = T("ion popescu") },
    { .full = T("Dr."), .folded = T("") },
    { .full = T("I. Popescu"), .folded = T("i. popescu") },
};
static cw_str birth_dates[] = { T("1980-01-31"), T("1980") };
static cw_str nationalities[] = { T("RO"), T("MD") };
static cw_str areas[] = { T("trafficking"), T("fraud") };

static struct cw_part parties[] = {
    { .role = T("contact"), .kind = T("organisation") },
    { .role = T("person"),
      .kind = T("person"),
      .ids = person_ids,
      .id_count = 4,
      .names = names,
      .name_count = 3,
      .birth_dates = birth_dates,
      .birth_date_count = 2,
      .sex = T("M"),
      .nationalities = nationalities,
      .nationality_count = 2 },
    { .role = T("person"), .kind = T("person") },
};
static struct cw_part objects[] = {
    { .role = T("document"), .kind = T("document"), .ids = document_ids, .id_count = 4 },
};
static struct cw_value notice[CW_TYPE_FIELDS_MAX];

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.arena = cw_arena_new();
    struct cw_event *event = &fixture.event;
    cw_event_defaults(event);
    event->owner = cw_cstr("RO-PF");
    event->event_id = cw_cstr("E-1");
    event->event_type = cw_cstr("notice");
    event->event_time = 5 * CW_DAY;
    event->tz_offset = -120;
    event->country = cw_cstr("RO");
    event->place.present = true;
    event->place.name = cw_cstr("Giurgiu");
    event->place.lat = (struct cw_value){ .present = true, .real = 43.9 };
    event->crime_areas = areas;
    event->crime_area_count = 2;
    event->parties = parties;
    event->party_count = 3;
    event->objects = objects;
    event->object_count = 1;
    const struct cw_type *type = cw_type_by_name(cw_cstr("notice"));
    event->type = event->detail_type = type;
    event->detail = notice;
    notice[cw_type_field(type, cw_cstr("colour"))] =
        (struct cw_value){ .present = true, .text = cw_cstr("red") };
    notice[cw_type_field(type, cw_cstr("valid_from"))] =
        (struct cw_value){ .present = true, .number = 86400000000 };
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    cw_arena_free(((struct fixture *)*state)->arena);
    return 0;
}

static void assert_text(cw_str text, const char *expected)
{
    if (!cw_str_is(text, expected))
        fail_msg("expected \"%s\", found \"%.*s\"", expected, CW_STR_ARG(text));
}

/* The texts on the path, joined by a space, each with its part before it. */
static const char *found(void **state, const char *text)
{
    struct fixture *fixture = *state;
    struct cw_path path;
    size_t offset;
    const char *fault;
    if (!cw_path_parse(cw_cstr(text), fixture->arena, &path, &offset, &fault))
        fail_msg("%s: %s", text, fault);
    struct cw_found *values;
    size_t count = cw_path_values(&path, &fixture->event, fixture->arena, &values);
    cw_str out = cw_cstr("");
    for (size_t i = 0; i < count; i++) {
        cw_str value = cw_found_text(&values[i], fixture->arena);
        out = cw_arena_printf(fixture->arena, "%.*s%s%u/%.*s", CW_STR_ARG(out), i != 0 ? " " : "",
                              (unsigned)values[i].part, CW_STR_ARG(value));
    }
    return out.ptr;
}

static void the_envelope_gives_texts_lists_and_numbers(void **state)
{
    assert_string_equal(found(state, "country"), "0/RO");
    assert_string_equal(found(state, "crime_areas"), "0/trafficking 0/fraud");
    assert_string_equal(found(state, "event_time"), "0/432000000000");
    assert_string_equal(found(state, "tz_offset"), "0/-120");
    assert_string_equal(found(state, "place.name"), "0/Giurgiu");
    assert_string_equal(found(state, "evidence_status"), "0/intelligence");
}

static void what_is_absent_is_not_found(void **state)
{
    assert_string_equal(found(state, "language"), "");
    assert_string_equal(found(state, "handling.tlp"), "");
    assert_string_equal(found(state, "handling.codes"), "");
    assert_string_equal(found(state, "retain_until"), "");
    assert_string_equal(found(state, "place.lon"), "");
    assert_string_equal(found(state, "party.contact.name"), "");
    assert_string_equal(found(state, "party.driver.kind"), "");
    assert_string_equal(found(state, "notice.valid_to"), "");
}

static void a_fraction_is_there_without_a_text(void **state)
{
    assert_string_equal(found(state, "place.lat"), "0/");
}

static void fields_of_the_type_stand_under_its_short_name(void **state)
{
    assert_string_equal(found(state, "notice.colour"), "0/red");
    assert_string_equal(found(state, "notice.valid_from"), "0/86400000000");
}

static void a_path_of_another_type_finds_nothing(void **state)
{
    assert_string_equal(found(state, "ad.category"), "");
}

static void an_event_without_its_own_fields_has_none(void **state)
{
    ((struct fixture *)*state)->event.detail = NULL;
    assert_string_equal(found(state, "notice.colour"), "");
}

static void parties_are_found_by_role_each_with_its_number(void **state)
{
    assert_string_equal(found(state, "party.person.name"), "1/ion popescu 1/i. popescu");
    assert_string_equal(found(state, "party.person.birth_date"), "1/1980-01-31 1/1980");
    assert_string_equal(found(state, "party.person.sex"), "1/M");
    assert_string_equal(found(state, "party.person.nationality"), "1/RO 1/MD");
    assert_string_equal(found(state, "party.person.kind"), "1/person 2/person");
    assert_string_equal(found(state, "party.contact.kind"), "0/organisation");
}

static void every_part_of_the_role_is_an_entity(void **state)
{
    assert_string_equal(found(state, "party.person.entity"), "1/ 2/");
    assert_string_equal(found(state, "object.document.entity"), "3/");
}

static void only_valid_identifiers_of_the_kind_count(void **state)
{
    assert_string_equal(found(state, "party.person.id.passport"), "1/RO:123 1/MD:777");
    assert_string_equal(found(state, "party.person.id.phone"), "1/+40700000001");
    assert_string_equal(found(state, "party.person.id.tax_id"), "");
}

static void a_role_of_parties_is_not_one_of_objects(void **state)
{
    assert_string_equal(found(state, "party.document.kind"), "");
    assert_string_equal(found(state, "object.person.type"), "");
}

static void the_key_of_an_object_is_what_is_one_of_a_kind(void **state)
{
    assert_string_equal(found(state, "object.document.type"), "3/document");
    assert_string_equal(found(state, "object.document.key"), "3/RO:123 3/DE89370400440532013000");
    assert_string_equal(found(state, "object.document.id.iban"), "3/DE89370400440532013000");
}

static void any_identifier_of_a_part_is_each_that_is_one_of_a_kind(void **state)
{
    assert_string_equal(found(state, "party.person.id.any"), "1/RO:123 1/MD:777"); /* no phone */
    assert_string_equal(found(state, "object.document.id.any"),
                        found(state, "object.document.key"));
}

static void a_cursor_finds_what_the_array_holds_but_for_the_text_of_numbers(void **state)
{
    static const char *const paths[] = {
        "owner",
        "crime_areas",
        "event_time",
        "place.lat",
        "country",
        "notice.colour",
        "party.person.name",
        "party.person.id.passport",
        "notice.valid_from",
        "party.person.entity",
        "object.document.key",
        "party.nobody.kind",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct cw_path path;
        size_t offset;
        const char *fault;
        struct cw_found *found;
        assert_true(cw_path_parse(cw_cstr(paths[i]), fixture->arena, &path, &offset, &fault));
        size_t count = cw_path_values(&path, &fixture->event, fixture->arena, &found);
        struct cw_path_cursor cursor = { .path = &path, .event = &fixture->event };
        struct cw_found next;
        for (size_t j = 0; j < count; j++) {
            assert_true(cw_path_next(&cursor, &next));
            assert_int_equal(next.number, found[j].number);
            assert_int_equal(next.part, found[j].part);
            assert_true(cw_str_eq(next.issuer, found[j].issuer));
            assert_true(path.what == CW_WHAT_NUMBER || cw_str_eq(next.text, found[j].text));
        }
        assert_false(cw_path_next(&cursor, &next));
    }
}

static void countries_are_what_the_type_names_each_once(void **state)
{
    struct fixture *fixture = *state;
    static struct cw_value detail[CW_TYPE_FIELDS_MAX];
    static struct cw_identifier ibans[] = {
        { .kind = T("iban"), .value = T("DE89370400440532013000") },
        { .kind = T("iban"), .value = T("FR1420041010050500013M02606") },
        { .kind = T("iban"), .value = T("GB82WEST12345698765432"), .fault = T("bad_check") },
        { .kind = T("account"), .value = T("XY1") },
    };
    static struct cw_part accounts[] = {
        { .role = T("payer_account"), .kind = T("account"), .ids = ibans, .id_count = 4 },
        { .role = T("other"), .kind = T("account"), .ids = ibans, .id_count = 4 },
    };
    struct cw_event payment;
    cw_event_defaults(&payment);
    payment.type = payment.detail_type = cw_type_by_name(cw_cstr("payment"));
    payment.country = cw_cstr("NO");
    payment.objects = accounts;
    payment.object_count = 2;
    payment.detail = detail;
    detail[cw_type_field(payment.type, cw_cstr("payer_country"))] =
        (struct cw_value){ .present = true, .text = cw_cstr("DE") };
    detail[cw_type_field(payment.type, cw_cstr("payee_country"))] =
        (struct cw_value){ .present = true, .text = cw_cstr("nowhere") };
    cw_str *found;
    cw_str own;
    assert_int_equal(cw_event_countries(&payment, fixture->arena, &found, &own), 3);
    assert_text(found[0], "DE");
    assert_text(found[1], "FR");
    assert_text(found[2], "NO");
    assert_text(own, "NO");
    payment.country = (cw_str){ 0 };
    assert_int_equal(cw_event_countries(&payment, fixture->arena, &found, &own), 2);
    assert_null(own.ptr);
}

static void the_country_of_a_document_is_its_issuers(void **state)
{
    struct fixture *fixture = *state;
    static struct cw_identifier ids[] = {
        { .kind = T("passport"), .issuer = T("RO"), .value = T("1") },
        { .kind = T("passport"), .issuer = T("US-NV"), .value = T("2") },
        { .kind = T("passport"), .issuer = T("UNO"), .value = T("3") }, /* of no country */
    };
    static struct cw_part traveller = {
        .role = T("traveller"), .kind = T("person"), .ids = ids, .id_count = 3
    };
    struct cw_event crossing;
    cw_event_defaults(&crossing);
    crossing.type = cw_type_by_name(cw_cstr("border_crossing"));
    crossing.parties = &traveller;
    crossing.party_count = 1;
    cw_str *found;
    cw_str own;
    assert_int_equal(cw_event_countries(&crossing, fixture->arena, &found, &own), 2);
    assert_text(found[0], "RO");
    assert_text(found[1], "US");
    crossing.type = NULL;
    assert_int_equal(cw_event_countries(&crossing, fixture->arena, &found, &own), 0);
}

/* text, the byte of the fault, a phrase of it */
static void what_is_no_path_says_where_and_what_instead(void **state)
{
    static const struct {
        const char *path;
        size_t offset;
        const char *phrase;
    } cases[] = {
        { "", 0, "found nothing" },
        { "contry", 0, "did you mean \"country\"?" },
        { "place.nam", 0, "did you mean \"place.name\"?" },
        { "xyzzy", 0, "expected a field of every event" },
        { "prty.person.name", 0, "did you mean \"party\"?" },
        { "party", 0, "unknown path" },
        { "party.", 6, "expected a role" },
        { "party..name", 6, "expected a role" },
        { "party.person", 12, "expected a field" },
        { "party.person.", 13, "expected a field" },
        { "party.person.nam", 13, "did you mean \"name\"?" },
        { "party.person.name.x", 13, "unknown field \"name.x\"" },
        { "party.person.key", 13, "unknown field \"key\"" },
        { "party.person.id", 15, "expected a kind of identifier" },
        { "party.person.id.pasport", 16, "did you mean \"passport\"?" },
        { "party.person.id.anyone", 16, "unknown kind of identifier" },
        { "party.person.id.iban", 0, "expected object.ROLE.id.iban" },
        { "object.document.name", 16, "unknown field \"name\" of object.ROLE" },
        { "ad.catgory", 3, "did you mean \"category\"?" },
        { "ad.", 3, "unknown field \"\" of online_ad" },
        { "ad", 0, "unknown path" },
        { "online_ad.category", 0, "under its short name: ad.FIELD" },
        { "version", 0, "how an event travelled" },
        { "op", 0, "how an event travelled" },
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cw_path path;
        size_t offset = 999;
        const char *fault = "";
        if (cw_path_parse(cw_cstr(cases[i].path), fixture->arena, &path, &offset, &fault))
            fail_msg("\"%s\" was taken for a path", cases[i].path);
        if (offset != cases[i].offset || strstr(fault, cases[i].phrase) == NULL)
            fail_msg("\"%s\": at byte %zu: %s", cases[i].path, offset, fault);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_envelope_gives_texts_lists_and_numbers),
        TEST(what_is_absent_is_not_found),
        TEST(a_fraction_is_there_without_a_text),
        TEST(fields_of_the_type_stand_under_its_short_name),
        TEST(a_path_of_another_type_finds_nothing),
        TEST(an_event_without_its_own_fields_has_none),
        TEST(parties_are_found_by_role_each_with_its_number),
        TEST(every_part_of_the_role_is_an_entity),
        TEST(only_valid_identifiers_of_the_kind_count),
        TEST(a_role_of_parties_is_not_one_of_objects),
        TEST(the_key_of_an_object_is_what_is_one_of_a_kind),
        TEST(any_identifier_of_a_part_is_each_that_is_one_of_a_kind),
        TEST(a_cursor_finds_what_the_array_holds_but_for_the_text_of_numbers),
        TEST(countries_are_what_the_type_names_each_once),
        TEST(the_country_of_a_document_is_its_issuers),
        TEST(what_is_no_path_says_where_and_what_instead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

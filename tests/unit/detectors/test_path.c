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
        TEST(what_is_no_path_says_where_and_what_instead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_select.c - which events a selection takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "detectors/rule.h"

/* clang-format off */
#define T(text) { text, sizeof(text) - 1 }
/* clang-format on */

static cw_str areas[] = { T("trafficking"), T("fraud") };
static struct cw_identifier ids[] = {
    { .kind = T("passport"), .issuer = T("RO"), .value = T("AB123") },
    { .kind = T("phone"), .value = T("+40700000001") },
};
static struct cw_name names[] = {
    { .full = T("Ștefan  STRAẞE"), .folded = T("ștefan strasse") },
};
static struct cw_part parties[] = {
    { .role = T("person"),
      .kind = T("person"),
      .ids = ids,
      .id_count = 2,
      .names = names,
      .name_count = 1 },
};
static struct cw_value detail[CW_TYPE_FIELDS_MAX];

/* An advertisement in Norway, city Łódź. */
static struct cw_event advertisement(void)
{
    struct cw_event event;
    cw_event_defaults(&event);
    event.event_type = cw_cstr("online_ad");
    event.country = cw_cstr("NO");
    event.crime_areas = areas;
    event.crime_area_count = 2;
    event.event_time = 86400000000;
    event.parties = parties;
    event.party_count = 1;
    event.type = event.detail_type = cw_type_by_name(cw_cstr("online_ad"));
    event.detail = detail;
    detail[cw_type_field(event.type, cw_cstr("city"))] =
        (struct cw_value){ .present = true, .text = cw_cstr("ŁÓDŹ") };
    detail[cw_type_field(event.type, cw_cstr("category"))] =
        (struct cw_value){ .present = true, .text = cw_cstr("why*not?\\") };
    return event;
}

static bool holds(const char *detection)
{
    struct cw_buf errors = { 0 };
    struct cw_buf text = { 0 };
    cw_buf_printf(&text, "title: T\nname: t\nlogsource: {category: online_ad}\ndetection:\n%s\n",
                  detection);
    struct cw_rules *rules =
        cw_rules_parse("t.yaml", (cw_str){ (const char *)text.data, text.len }, &errors);
    if (rules == NULL)
        fail_msg("%.*s", (int)errors.len, (const char *)errors.data);
    struct cw_arena *arena = cw_arena_new();
    struct cw_event event = advertisement();
    bool result = cw_selection_holds(&rules->selections[0], &event, arena);
    cw_arena_free(arena);
    cw_rules_free(rules);
    cw_buf_done(&text);
    return result;
}

static bool test(const char *map)
{
    struct cw_arena *arena = cw_arena_new();
    bool result = holds(cw_arena_printf(arena, "  a: %s\n  condition: a", map).ptr);
    cw_arena_free(arena);
    return result;
}

/* t holds, f does not. */
static bool condition(const char *text)
{
    struct cw_arena *arena = cw_arena_new();
    bool result = holds(cw_arena_printf(arena,
                                        "  t: {country: NO}\n  f: {country: SE}\n"
                                        "  condition: %s or (t and f)",
                                        text)
                            .ptr);
    cw_arena_free(arena);
    return result;
}

static void a_value_is_compared_without_case(void **state)
{
    (void)state;
    assert_true(test("{country: no}"));
    assert_false(test("{country: SE}"));
    assert_true(test("{ad.city: łódź}"));
    assert_true(test("{ad.city: \"\\u0141o\\u0301dz\\u0301\"}")); /* accents apart */
    assert_false(test("{ad.city: lodz}"));
}

static void any_value_of_a_list_will_do_on_both_sides(void **state)
{
    (void)state;
    assert_true(test("{country: [SE, DK, NO]}"));
    assert_false(test("{country: [SE, DK]}"));
    assert_true(test("{crime_areas: fraud}"));
    assert_true(test("{crime_areas: [arms, Trafficking]}"));
}

static void a_map_is_all_and_a_list_of_maps_any(void **state)
{
    (void)state;
    assert_true(test("{country: NO, crime_areas: fraud}"));
    assert_false(test("{country: NO, crime_areas: arms}"));
    assert_true(test("[{country: SE}, {country: NO, crime_areas: fraud}]"));
    assert_false(test("[{country: SE}, {country: NO, crime_areas: arms}]"));
}

static void a_missing_field_is_no_match_and_not_turns_it(void **state)
{
    (void)state;
    assert_false(test("{ad.platform: x}"));
    assert_true(holds("  a: {ad.platform: x}\n  condition: not a"));
}

static void exists_asks_whether_it_is_there(void **state)
{
    (void)state;
    assert_true(test("{ad.city|exists: true}"));
    assert_false(test("{ad.city|exists: false}"));
    assert_false(test("{ad.platform|exists: true}"));
    assert_true(test("{ad.platform|exists: false}"));
    assert_true(test("{party.person.id.phone|exists: true}"));
    assert_true(test("{party.contact.id.phone|exists: false}"));
    assert_true(test("{place.lat|exists: false}"));
}

static void an_identifier_is_written_with_its_issuer_where_it_has_one(void **state)
{
    (void)state;
    assert_true(test("{party.person.id.passport: \"RO:AB123\"}"));
    assert_true(test("{party.person.id.passport: \"ro:ab123\"}"));
    assert_false(test("{party.person.id.passport: \"MD:AB123\"}"));
    assert_true(test("{party.person.id.phone: \"+40700000001\"}"));
}

static void a_name_is_compared_as_records_hold_it(void **state)
{
    (void)state;
    assert_true(test("{party.person.name: \" ȘTEFAN  Straße \"}"));
    assert_false(test("{party.person.name: Stefan Strasse}"));
}

static void a_time_is_compared_as_a_time(void **state)
{
    (void)state;
    assert_true(test("{event_time: 1970-01-02}"));
    assert_true(test("{event_time: \"1970-01-02T01:00:00+01:00\"}"));
    assert_false(test("{event_time: 1970-01-03}"));
}

static void a_backslash_takes_the_meaning_from_a_star(void **state)
{
    (void)state;
    assert_true(test("{ad.category: 'why\\*not\\?\\'}"));
    assert_true(test("{ad.category: 'why\\*not\\?\\\\'}"));
}

static void wildcards_are_any_run_and_any_one_character(void **state)
{
    (void)state;
    assert_true(test("{ad.city: \"*\"}"));
    assert_true(test("{ad.city: łó??}"));
    assert_true(test("{ad.city: \"?ó*\"}"));
    assert_false(test("{ad.city: łó?}"));
    assert_false(test("{ad.city: \"*ź?\"}"));
    assert_false(test("{ad.platform: \"*\"}")); /* it is not there */
    assert_true(test("{ad.category: 'WHY\\*not*\\\\'}"));
    assert_false(test("{ad.category: 'why\\?*'}"));
    assert_true(test("{country: [SE, \"n*\"]}"));
    assert_true(test("{party.person.id.passport: \"RO:*\"}"));
    assert_true(test("{party.person.id.passport: \"*:ab123\"}"));
}

static void a_part_of_a_text_may_be_asked_for(void **state)
{
    (void)state;
    assert_true(test("{ad.category|contains: NOT}"));
    assert_true(test("{ad.category|startswith: why}"));
    assert_false(test("{ad.category|startswith: not}"));
    assert_true(test("{ad.category|endswith: '?\\'}")); /* a wildcard before a plain backslash */
    assert_true(test("{ad.category|endswith: '\\?\\'}"));
    assert_false(test("{ad.category|endswith: not}"));
    assert_true(test("{ad.category|contains: [x, 'y\\*n']}"));
    assert_true(test("{party.person.name|contains: \" STRA\"}"));
    assert_true(test("{party.person.id.phone|startswith: \"+40\"}"));
    assert_true(test("{crime_areas|endswith: ing}"));
}

static void case_counts_where_it_is_asked_for(void **state)
{
    (void)state;
    assert_true(test("{country|cased: NO}"));
    assert_false(test("{country|cased: no}"));
    assert_true(test("{ad.category|contains|cased: hy}"));
    assert_false(test("{ad.category|cased|contains: HY}"));
    assert_true(test("{ad.city|cased: \"\\u0141\\u00d3D\\u0179\"}"));
    assert_true(test("{ad.city|cased: \"\\u0141O\\u0301DZ\\u0301\"}")); /* accents apart */
    assert_false(test("{ad.city|cased: łódź}"));
    /* two that differ in nothing else are two */
    assert_false(holds("  a: {country: no}\n  b: {country|cased: no}\n  condition: a and b"));
    assert_true(holds("  a: {country: no}\n  b: {country|cased: no}\n  condition: b or a"));
}

static void numbers_and_times_have_an_order(void **state)
{
    (void)state;
    assert_true(test("{event_time|gte: 1970-01-02}"));
    assert_false(test("{event_time|gt: 1970-01-02}"));
    assert_true(test("{event_time|lt: \"1970-01-02T00:00:01Z\"}"));
    assert_true(test("{tz_offset|lte: 0}"));
    assert_true(test("{tz_offset|gt: -1}"));
    assert_false(test("{tz_offset|lt: 0}"));
    assert_true(test("{tz_offset|lt: [-5, 5]}")); /* any of them */
    assert_true(test("{tz_offset: [5, 0]}"));
    assert_false(test("{retain_until|gte: 1970-01-01}")); /* it is not there */
}

static void some_or_all_of_the_names_may_be_asked_for(void **state)
{
    (void)state;
    static const char *const choices = "  t1: {country: NO}\n  t2: {crime_areas: fraud}\n"
                                       "  f1: {country: SE}\n  _f: {country: DK}\n"
                                       "  condition: (%s) or (f1 and _f and t1 and t2)";
    static const struct {
        const char *condition;
        bool holds;
    } cases[] = {
        { "all of t*", true },
        { "1 of t*", true },
        { "1 of f*", false },
        { "all of *1", false },
        { "1 of *1", true },
        { "any of *1", true },
        { "all of them", false },
        { "1 of them", true },
        { "not 1 of f*", true },
        { "1 of f1", false },
        { "all of t1", true },
        { "all of t* and not f1", true },
        { "not all of t*", false },
        { "1 of f* or all of t*", true },
        { "(all of t*) and not (1 of f1)", true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), choices, cases[i].condition);
        if (holds(text) != cases[i].holds)
            fail_msg("%s", cases[i].condition);
    }
    assert_true(holds("  t: {country: NO}\n  _f: {country: SE}\n"
                      "  condition: all of them or _f")); /* _f is not one of them */
}

static void of_several_conditions_any_will_do(void **state)
{
    (void)state;
    assert_true(holds("  t: {country: NO}\n  f: {country: SE}\n  condition: [f, t]"));
    assert_false(holds("  t: {country: NO}\n  f: {country: SE}\n  condition: [f, t and f]"));
}

static void a_long_text_and_a_long_list_are_searched(void **state)
{
    (void)state;
    struct cw_buf text = { 0 };
    cw_buf_cstr(&text, "{country: [x0");
    for (int i = 1; i < 5000; i++)
        cw_buf_printf(&text, ", x%d", i);
    cw_buf_cstr(&text, ", No]}");
    cw_buf_u8(&text, 0);
    assert_true(test((const char *)text.data));
    cw_buf_done(&text);
}

static void not_binds_tighter_than_and_and_that_than_or(void **state)
{
    (void)state;
    assert_true(condition("t or t and f"));
    assert_false(condition("(t or t) and f"));
    assert_false(condition("f and f or f"));
    assert_true(condition("f and f or t"));
    assert_true(condition("not f and t"));
    assert_false(condition("not (f or t)"));
    assert_true(condition("not not t"));
    assert_false(condition("not t or f"));
    assert_true(condition("t and (f or (t and not f))"));
}

static void the_deepest_condition_that_loads_also_runs(void **state)
{
    (void)state;
    struct cw_buf text = { 0 };
    cw_buf_cstr(&text, "  t: [{country: SE}, {country: NO, crime_areas: fraud}]\n  condition: ");
    for (int i = 0; i < 15; i++)
        cw_buf_cstr(&text, "t and (");
    cw_buf_cstr(&text, "t");
    for (int i = 0; i < 15; i++)
        cw_buf_cstr(&text, ")");
    cw_buf_u8(&text, 0);
    assert_true(holds((const char *)text.data));
    cw_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_compared_without_case),
        cmocka_unit_test(any_value_of_a_list_will_do_on_both_sides),
        cmocka_unit_test(a_map_is_all_and_a_list_of_maps_any),
        cmocka_unit_test(a_missing_field_is_no_match_and_not_turns_it),
        cmocka_unit_test(exists_asks_whether_it_is_there),
        cmocka_unit_test(an_identifier_is_written_with_its_issuer_where_it_has_one),
        cmocka_unit_test(a_name_is_compared_as_records_hold_it),
        cmocka_unit_test(a_time_is_compared_as_a_time),
        cmocka_unit_test(a_backslash_takes_the_meaning_from_a_star),
        cmocka_unit_test(wildcards_are_any_run_and_any_one_character),
        cmocka_unit_test(a_part_of_a_text_may_be_asked_for),
        cmocka_unit_test(case_counts_where_it_is_asked_for),
        cmocka_unit_test(numbers_and_times_have_an_order),
        cmocka_unit_test(some_or_all_of_the_names_may_be_asked_for),
        cmocka_unit_test(of_several_conditions_any_will_do),
        cmocka_unit_test(a_long_text_and_a_long_list_are_searched),
        cmocka_unit_test(not_binds_tighter_than_and_and_that_than_or),
        cmocka_unit_test(the_deepest_condition_that_loads_also_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

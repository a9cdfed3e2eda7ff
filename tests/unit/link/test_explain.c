/*
 * test_explain.c - what people are told: who an entity is, and why two are one or are not.
 *
 * Small worlds go through the chain; then link is asked. A national id of one country excludes
 * another, a passport does not; phones join nobody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/time.h"
#include "support/scene.h"

enum { IDS_MAX = 4, T0_DAY = 18262 };

/* An event of one person; identifiers are "kind issuer value", issuer - for none. */
struct told {
    const char *id;
    const char *name;
    const char *born;
    const char *ids[IDS_MAX];
    const char *tlp;
};

static int set_up(void **state)
{
    *state = cw_scene_new(NULL, 7);
    return 0;
}

static int tear_down(void **state)
{
    cw_scene_free(*state);
    return 0;
}

static cw_str word(const char **at)
{
    *at += strspn(*at, " ");
    cw_str text = { *at, strcspn(*at, " ") };
    *at += text.len;
    return cw_str_is(text, "-") ? (cw_str){ NULL, 0 } : text;
}

static void tell_of(struct cw_scene *scene, const struct told *told, const char *op,
                    int64_t version)
{
    struct cw_event event;
    struct cw_value detail[CW_TYPE_FIELDS_MAX] = { 0 };
    struct cw_identifier ids[IDS_MAX] = { 0 };
    struct cw_name name = { .full = cw_cstr(told->name), .kind = cw_cstr("primary") };
    cw_str born = cw_cstr(told->born);
    struct cw_part person = { .role = cw_cstr("traveller"),
                              .kind = cw_cstr("person"),
                              .ids = ids,
                              .names = &name,
                              .name_count = told->name != NULL,
                              .birth_dates = &born,
                              .birth_date_count = told->born != NULL };
    for (size_t i = 0; i < IDS_MAX && told->ids[i] != NULL; i++) {
        const char *at = told->ids[i];
        ids[i].kind = word(&at);
        ids[i].issuer = word(&at);
        ids[i].value = word(&at);
        person.id_count++;
    }
    cw_event_defaults(&event);
    event.owner = cw_cstr("MD");
    event.event_id = cw_cstr(told->id);
    event.op = cw_cstr(op);
    event.version = version;
    event.event_type = cw_cstr("border_crossing");
    event.event_time = event.recorded_at = T0_DAY * CW_DAY;
    event.type = event.detail_type = cw_type_by_name(event.event_type);
    event.detail = detail;
    event.parties = &person;
    event.party_count = 1;
    if (told->tlp != NULL)
        event.handling = (struct cw_handling){ .present = true, .tlp = cw_cstr(told->tlp) };
    cw_scene_event(scene, &event);
}

static void tell(struct cw_scene *scene, const struct told *told, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tell_of(scene, &told[i], "create", 1);
}

#define TELL(scene, ...)                                                                           \
    tell(scene, (const struct told[]){ __VA_ARGS__ },                                              \
         sizeof((const struct told[]){ __VA_ARGS__ }) / sizeof(struct told))

/* The answer, to be freed; NULL: it is in `error`. One question about b NULL. */
static char *ask(struct cw_scene *scene, const char *a, const char *b, bool json,
                 char error[CW_LINK_ERROR])
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    assert_non_null(file);
    const struct cw_link *link = cw_scene_link(scene);
    struct cw_log *log = cw_scene_log(scene);
    bool ok = b == NULL ? cw_link_show(link, log, cw_cstr(a), json, file, error)
                        : cw_link_why(link, log, cw_cstr(a), cw_cstr(b), json, file, error);
    assert_int_equal(fclose(file), 0);
    if (ok)
        return text;
    assert_int_equal(len, 0);
    free(text);
    return NULL;
}

static json_t *ask_json(struct cw_scene *scene, const char *a, const char *b)
{
    char error[CW_LINK_ERROR] = "";
    char *text = ask(scene, a, b, true, error);
    if (text == NULL)
        fail_msg("%s", error);
    json_error_t where;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        fail_msg("%s: %s", where.text, text);
    free(text);
    return root;
}

static void assert_says(struct cw_scene *scene, const char *a, const char *b, const char *expected)
{
    char error[CW_LINK_ERROR] = "";
    char *text = ask(scene, a, b, false, error);
    if (text == NULL)
        fail_msg("%s", error);
    if (strstr(text, expected) == NULL)
        fail_msg("expected \"%s\" in:\n%s", expected, text);
    free(text);
}

static void assert_refuses(struct cw_scene *scene, const char *a, const char *b,
                           const char *expected)
{
    char error[CW_LINK_ERROR] = "";
    assert_null(ask(scene, a, b, false, error));
    if (strstr(error, expected) == NULL)
        fail_msg("expected \"%s\" in: %s", expected, error);
}

static bool is_true(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_boolean(value));
    return json_is_true(value);
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static const char *event_at(const json_t *edge, const char *side)
{
    return text_at(json_object_get(edge, side), "event_id");
}

/* The feature with that value. */
static const json_t *feature(const json_t *root, const char *value)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(root, "features"), i, one)
    {
        if (strcmp(text_at(one, "value"), value) == 0)
            return one;
    }
    fail_msg("no feature %s", value);
    return NULL;
}

/* e1 - e2 over a passport, e2 - e3 over a national id. */
static void chain(struct cw_scene *scene)
{
    TELL(scene,
         { "e1", "Ana Pop", "1980-01-31", { "passport RO 1111111", "phone - +40712345678" }, NULL },
         { "e2",
           "Ana Popescu",
           NULL,
           { "passport RO 1111111", "national_id MD 2001234567890" },
           NULL },
         { "e3",
           "A. Popescu",
           "1980-01-31",
           { "national_id MD 2001234567890", "phone - +40712345678" },
           NULL });
}

static void two_that_are_joined_over_a_third_are_told_the_way(void **state)
{
    chain(*state);
    json_t *root = ask_json(*state, "MD/e1", "MD/e3/0");
    assert_true(is_true(root, "one"));
    assert_false(is_true(root, "one_record"));
    const json_t *path = json_object_get(root, "path");
    assert_int_equal(json_array_size(path), 2);
    const json_t *first = json_array_get(path, 0);
    const json_t *second = json_array_get(path, 1);
    assert_string_equal(event_at(first, "a"), "e1");
    assert_string_equal(event_at(first, "b"), "e2");
    assert_string_equal(text_at(json_object_get(first, "identifier"), "kind"), "passport");
    assert_string_equal(event_at(second, "a"), "e2");
    assert_string_equal(event_at(second, "b"), "e3");
    assert_string_equal(text_at(json_object_get(second, "identifier"), "kind"), "national_id");
    /* national ids come before passports */
    const json_t *edges = json_object_get(root, "edges");
    assert_int_equal(json_array_size(edges), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(edges, 0), "rank")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(edges, 1), "rank")), 2);
    json_decref(root);
    assert_says(*state, "MD/e1", "MD/e3", "They are one, over others:");
    assert_says(*state, "MD/e1", "MD/e2", "They are one: they share an identifier.");
}

static void what_is_shared_and_joins_nobody_is_told(void **state)
{
    chain(*state);
    json_t *root = ask_json(*state, "MD/e1", "MD/e3");
    const json_t *phone = feature(root, "+40712345678");
    assert_true(is_true(phone, "a"));
    assert_true(is_true(phone, "b"));
    assert_false(is_true(phone, "joins"));
    assert_string_equal(text_at(phone, "note"), "identifiers of this kind join nobody");
    const json_t *born = feature(root, "1980-01-31");
    assert_true(is_true(born, "a") && is_true(born, "b"));
    assert_string_equal(text_at(born, "note"), "birth dates alone join nobody");
    const json_t *passport = feature(root, "1111111");
    assert_true(is_true(passport, "a"));
    assert_false(is_true(passport, "b"));
    json_decref(root);
    root = ask_json(*state, "MD/e1", "MD/e2");
    assert_true(is_true(feature(root, "1111111"), "joins"));
    json_decref(root);
}

static void strangers_are_told_that_nothing_leads_from_one_to_the_other(void **state)
{
    chain(*state);
    TELL(*state,
         { "x", "Ana Pop", "1980-01-31", { "phone - +40712345678", "passport RO ??" }, NULL });
    json_t *root = ask_json(*state, "MD/e1", "MD/x");
    assert_false(is_true(root, "one"));
    assert_false(is_true(root, "held"));
    assert_int_equal(json_array_size(json_object_get(root, "path")), 0);
    assert_string_equal(text_at(feature(root, "ana pop"), "note"), "names alone join nobody");
    const json_t *invalid = feature(root, "??");
    assert_non_null(strstr(text_at(invalid, "note"), "not valid ("));
    assert_true(is_true(invalid, "b"));
    json_decref(root);
    assert_says(*state, "MD/e1", "MD/x", "no valid one-of-a-kind identifier leads from");
}

/* a - b over a passport, b - c over another; a and c show two national ids of one country. */
static void a_conflict_at_a_distance_is_told_with_both_values(void **state)
{
    TELL(*state,
         { "a", "One", NULL, { "passport RO 1111111", "national_id MD 2001234567890" }, NULL },
         { "b", "Two", NULL, { "passport RO 1111111", "passport RO 2222222" }, NULL },
         { "c", "Three", NULL, { "passport RO 2222222", "national_id MD 2009876543210" }, NULL });
    json_t *root = ask_json(*state, "MD/a", "MD/c");
    assert_false(is_true(root, "one"));
    assert_true(is_true(root, "held"));
    const json_t *edges = json_object_get(root, "edges");
    assert_int_equal(json_array_size(edges), 2);
    const json_t *held = json_array_get(edges, 1);
    assert_string_equal(text_at(json_array_get(edges, 0), "outcome"), "joined");
    assert_string_equal(text_at(held, "outcome"), "held");
    const json_t *conflict = json_object_get(held, "conflict");
    const char *of_a = text_at(json_object_get(conflict, "of_a"), "value");
    const char *of_b = text_at(json_object_get(conflict, "of_b"), "value");
    assert_string_not_equal(of_a, of_b);
    const char *shows_a = event_at(conflict, "shows_a");
    assert_string_equal(shows_a, strcmp(of_a, "2001234567890") == 0 ? "a" : "c");
    assert_string_equal(event_at(conflict, "shows_b"), strcmp(shows_a, "a") == 0 ? "c" : "a");
    assert_string_equal(
        text_at(feature(root, "2001234567890"), "note"),
        "the other states another value: two values of this kind exclude each other");
    json_decref(root);
    assert_says(*state, "MD/a", "MD/c", "which exclude each other");
}

static void two_mentions_of_one_record_are_told_so(void **state)
{
    const struct told twice[] = { { "e1", "Ana", NULL, { "passport RO 1111111" }, NULL },
                                  { "e2", "Ana", NULL, { "passport RO 1111111" }, NULL } };
    tell(*state, twice, 2);
    json_t *root = ask_json(*state, "MD/e1", "MD/e2");
    assert_true(is_true(root, "one") && is_true(root, "one_record"));
    json_decref(root);
    assert_says(*state, "MD/e1", "MD/e2", "They are one record");
}

static void an_entity_is_shown_with_its_edges_its_restriction_and_what_was_held(void **state)
{
    TELL(*state,
         { "a", "One", NULL, { "passport RO 1111111", "national_id MD 2001234567890" }, "AMBER" },
         { "b", "Two", NULL, { "passport RO 1111111" }, "GREEN" },
         { "c", "Three", NULL, { "passport RO 1111111", "national_id MD 2009876543210" }, NULL });
    json_t *root = ask_json(*state, "MD/b", NULL);
    size_t held = 0;
    size_t joined = 0;
    size_t i;
    const json_t *edge;
    json_array_foreach(json_object_get(root, "edges"), i, edge)
    {
        bool is_held = strcmp(text_at(edge, "outcome"), "held") == 0;
        held += is_held;
        joined += !is_held;
    }
    assert_int_equal(joined, 1);
    assert_true(held >= 1);
    assert_int_equal(json_integer_value(json_object_get(root, "records")), 2);
    const json_t *members = json_object_get(root, "members");
    assert_int_equal(json_array_size(members), 2);
    /* members are sorted, so a is the first if it is there; the greater marking holds */
    bool with_a = strcmp(text_at(json_array_get(members, 0), "event_id"), "a") == 0;
    assert_string_equal(text_at(json_object_get(root, "restriction"), "tlp"),
                        with_a ? "AMBER" : "GREEN");
    json_decref(root);
    assert_says(*state, "MD/b", NULL, with_a ? "{\"tlp\":\"AMBER\"}" : "{\"tlp\":\"GREEN\"}");
}

static void an_entity_is_found_by_record_core_and_entity(void **state)
{
    chain(*state);
    json_t *root = ask_json(*state, "MD/e2", "MD/e2");
    const json_t *a = json_object_get(root, "a");
    char entity[33];
    char core[33];
    char record[33];
    strcpy(entity, text_at(a, "entity"));
    strcpy(core, text_at(a, "core"));
    strcpy(record, text_at(a, "record"));
    json_decref(root);
    const char *const names[] = { entity, core, record };
    for (size_t i = 0; i < 3; i++) {
        root = ask_json(*state, names[i], NULL);
        assert_string_equal(text_at(root, "id"), entity);
        assert_int_equal(json_array_size(json_object_get(root, "members")), 3);
        json_decref(root);
    }
    root = ask_json(*state, record, entity);
    assert_string_equal(text_at(json_object_get(root, "a"), "named"), "record");
    assert_string_equal(text_at(json_object_get(root, "b"), "named"), "entity");
    assert_true(is_true(feature(root, "1111111"), "b")); /* all that the entity states */
    json_decref(root);
}

static void who_states_too_little_is_told_to_be_weak(void **state)
{
    TELL(*state, { "w", "Ana", "1980", { NULL }, NULL });
    assert_says(*state, "MD/w", NULL, "states too little to be anyone in particular");
}

static void who_is_not_there_is_refused_with_what_was_expected(void **state)
{
    const struct told told = { "e1", "Ana", NULL, { "passport RO 1111111" }, NULL };
    tell(*state, &told, 1);
    assert_refuses(*state, "MD/e2", NULL, "no event of that name is in force");
    assert_refuses(*state, "MD/e1/7", NULL, "it has no such part");
    assert_refuses(*state, "nobody", NULL, "expected the id of a record, core or entity");
    assert_refuses(*state, "MD/e1", "00000000000000000000000000000001", "no entity of that id");
    tell_of(*state, &told, "withdraw", 2);
    assert_refuses(*state, "MD/e1", NULL, "no event of that name is in force");
}

/* Names may have slashes of their own. */
static void an_event_id_with_slashes_is_found(void **state)
{
    TELL(*state, { "2020/17/3", "Ana", NULL, { "passport RO 1111111" }, NULL });
    assert_says(*state, "MD/2020/17/3", NULL, "MD/2020/17/3/0");
    assert_says(*state, "MD/2020/17/3/0", NULL, "MD/2020/17/3/0");
    assert_refuses(*state, "MD/2020/17", NULL, "no event of that name");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(two_that_are_joined_over_a_third_are_told_the_way),
        TEST(what_is_shared_and_joins_nobody_is_told),
        TEST(strangers_are_told_that_nothing_leads_from_one_to_the_other),
        TEST(a_conflict_at_a_distance_is_told_with_both_values),
        TEST(two_mentions_of_one_record_are_told_so),
        TEST(an_entity_is_shown_with_its_edges_its_restriction_and_what_was_held),
        TEST(an_entity_is_found_by_record_core_and_entity),
        TEST(who_states_too_little_is_told_to_be_weak),
        TEST(who_is_not_there_is_refused_with_what_was_expected),
        TEST(an_event_id_with_slashes_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

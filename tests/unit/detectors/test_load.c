/* test_load.c - what a correct rule file becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detectors/rule.h"
#include "operators/runtime/time.h"

#define AD                                                                                         \
    "title: Ad\nname: ad\nlogsource: {category: online_ad}\n"                                      \
    "detection:\n  seen: {country: NO}\n  condition: seen\n---\n"
#define CROSSING                                                                                   \
    "title: Crossing\nname: crossing\nlogsource: {category: border_crossing}\n"                    \
    "detection:\n  seen: {crossing.direction: entry}\n  condition: seen\n---\n"
#define NOTICE                                                                                     \
    "title: Notice\nname: red\nlogsource: {category: notice}\n"                                    \
    "detection:\n  red: {notice.colour: red}\n  condition: red\n---\n"
#define ID_A "0a000000-0000-4000-8000-00000000000a"
#define ID_B "0b000000-0000-4000-8000-00000000000b"
#define HEAD(id) "title: Rule\nid: " id "\nlevel: high\n"

static struct cw_rules *parse(const char *text)
{
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_parse("rules.yaml", cw_cstr(text), &errors);
    if (rules == NULL)
        print_error("%.*s", (int)errors.len, (const char *)errors.data);
    assert_non_null(rules);
    assert_int_equal(errors.len, 0);
    cw_buf_done(&errors);
    return rules;
}

static void assert_text(cw_str text, const char *expected)
{
    if (!cw_str_is(text, expected))
        fail_msg("expected \"%s\", found \"%.*s\"", expected, CW_STR_ARG(text));
}

static void a_value_count_has_its_key_field_window_and_cell(void **state)
{
    (void)state;
    struct cw_rules *rules =
        parse(AD HEAD(ID_A) "correlation:\n"
                            "  type: value_count\n"
                            "  rules: [ad]\n"
                            "  group-by: [party.contact.id.phone]\n"
                            "  timespan: 30d\n"
                            "  condition: {field: party.person.entity, gte: 3}\n"
                            "crosswatch: {suppress: {for: 8w}, evidence: {keep: 20}}\n");
    assert_int_equal(cw_rules_count(rules), 1);
    const struct cw_rule *rule = &rules->rules[0];
    assert_int_equal(rule->type, CW_RULE_VALUE_COUNT);
    assert_int_equal(rule->level, CW_LEVEL_HIGH);
    assert_int_equal(rule->match, CW_MATCH_RAW);
    assert_int_equal(rule->group_by_count, 1);
    assert_int_equal(rule->group_by[0].paths[0]->scope, CW_PATH_PARTY);
    assert_int_equal(rule->group_by[0].paths[0]->what, CW_WHAT_ID);
    assert_text(rule->group_by[0].paths[0]->role, "contact");
    assert_text(rule->group_by[0].paths[0]->id_kind, "phone");
    assert_int_equal(rule->criteria[0].field->paths[0]->what, CW_WHAT_ENTITY);
    assert_false(rule->criteria[0].above);
    assert_int_equal(rule->criteria[0].threshold, 3);
    assert_int_equal(rule->timespan, 30 * CW_DAY);
    assert_int_equal(rule->suppress_for, 56 * CW_DAY);
    assert_int_equal(rule->cell_span, 56 * CW_DAY);
    assert_int_equal(rule->keep, 20);
    assert_text(rule->question, "value_count(party.person.entity) >= 3 within 30d by "
                                "party.contact.id.phone (raw)");
    assert_text(rule->name, ID_A); /* for want of one */
    assert_text(rule->file, "rules.yaml");
    assert_ptr_equal(rule->selections[0], &rules->selections[0]);
    cw_rules_free(rules);
}

static void an_event_count_takes_several_types_and_resolves_entities(void **state)
{
    (void)state;
    struct cw_rules *rules =
        parse(AD CROSSING HEAD(ID_A) "correlation:\n"
                                     "  type: event_count\n"
                                     "  rules: [ad, crossing]\n"
                                     "  group-by: [party.person.entity, country]\n"
                                     "  timespan: 12h\n"
                                     "  condition: {gt: 4}\n");
    const struct cw_rule *rule = &rules->rules[0];
    assert_int_equal(rule->selection_count, 2);
    assert_int_equal(rule->selections[1]->type,
                     cw_type_by_name(cw_cstr("border_crossing"))->number);
    assert_int_equal(rule->match, CW_MATCH_RESOLVED);
    assert_true(rule->criteria[0].above);
    assert_null(rule->criteria[0].field);
    assert_int_equal(rule->suppress_for, 0);
    assert_int_equal(rule->keep, 50);
    assert_int_equal(rule->cell_span, 12 * CW_HOUR);
    assert_text(rule->question,
                "event_count > 4 within 12h by party.person.entity, country (resolved)");
    cw_rules_free(rules);
}

static void standing_looks_back_thirty_days_unless_told(void **state)
{
    (void)state;
    struct cw_rules *rules =
        parse(NOTICE CROSSING HEAD(ID_A) "correlation: {type: standing, rules: [crossing], on: "
                                         "[red], group-by: [party.traveller.entity]}\n");
    const struct cw_rule *rule = &rules->rules[0];
    assert_int_equal(rule->type, CW_RULE_STANDING);
    assert_int_equal(rule->on_count, 1);
    assert_text(rule->on[0]->name, "red");
    assert_int_equal(rule->lookback, 30 * CW_DAY);
    assert_int_equal(rule->timespan, 0);
    assert_int_equal(rule->cell_span, 30 * CW_DAY);
    assert_text(rule->question, "stands on red within its validity, lookback 30d, by "
                                "party.traveller.entity (resolved)");
    cw_rules_free(rules);
}

static void the_core_may_be_asked_for(void **state)
{
    (void)state;
    struct cw_rules *rules = parse(NOTICE CROSSING HEAD(
        ID_A) "correlation: {type: standing, rules: [crossing], on: [red], "
              "group-by: [party.traveller.entity], match: exact, lookback: 2d}\n");
    assert_int_equal(rules->rules[0].match, CW_MATCH_EXACT);
    assert_int_equal(rules->rules[0].lookback, 2 * CW_DAY);
    cw_rules_free(rules);
}

#define COUNT                                                                                      \
    "correlation: {type: event_count, rules: [ad], group-by: [country], timespan: 1d, "            \
    "condition: {gte: 1}}\n"

static void rules_are_numbered_by_id_and_not_by_place(void **state)
{
    (void)state;
    struct cw_rules *rules = parse(AD HEAD(ID_B) COUNT "---\n" HEAD(ID_A) COUNT);
    assert_text(rules->rules[0].id, ID_A);
    assert_int_equal(rules->rules[0].number, 0);
    assert_text(rules->rules[1].id, ID_B);
    assert_int_equal(rules->rules[1].number, 1);
    cw_rules_free(rules);
}

static void an_id_in_capitals_is_the_same_id(void **state)
{
    (void)state;
    struct cw_rules *rules = parse(AD HEAD("0A000000-0000-4000-8000-00000000000A") COUNT);
    assert_text(rules->rules[0].id, ID_A);
    cw_rules_free(rules);
}

static void a_detection_may_be_called_by_its_id_and_from_above(void **state)
{
    (void)state;
    struct cw_rules *rules =
        parse(HEAD(ID_A) "correlation: {type: event_count, rules: [" ID_B
                         "], group-by: [country], timespan: 1d, condition: {gte: 1}}\n---\n"
                         "title: Ad\nid: " ID_B "\nlogsource: {category: online_ad}\n"
                         "detection: {s: {country: NO}, condition: s}\n");
    assert_text(rules->rules[0].selections[0]->name, ID_B);
    cw_rules_free(rules);
}

/* NO is Norway, 0123 keeps its zero, true is a text where the field is one. */
static void a_scalar_is_what_the_schema_says(void **state)
{
    (void)state;
    struct cw_rules *rules = parse("title: T\nname: t\nlogsource: {category: online_ad}\n"
                                   "detection:\n"
                                   "  a: {country: NO, ad.platform: 0123, ad.city: true}\n"
                                   "  condition: a\n");
    const struct cw_instruction *code = rules->selections[0].code;
    assert_int_equal(rules->selections[0].code_len, 3); /* in the order of their paths */
    assert_text(code[0].texts[0], "true");
    assert_text(code[1].texts[0], "0123");
    assert_text(code[2].texts[0], "no"); /* folded */
    cw_rules_free(rules);
}

static void a_time_is_read_as_a_time(void **state)
{
    (void)state;
    struct cw_rules *rules = parse("title: T\nname: t\nlogsource: {category: notice}\n"
                                   "detection:\n"
                                   "  a: {notice.valid_from: 1970-01-02}\n"
                                   "  condition: a\n");
    assert_int_equal(rules->selections[0].code[0].numbers[0], 86400000000);
    cw_rules_free(rules);
}

static struct cw_id hash_of(const char *text)
{
    struct cw_secret secret;
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    struct cw_rules *rules = parse(text);
    struct cw_id id = cw_rules_hash(rules, &secret);
    cw_rules_free(rules);
    return id;
}

static void the_hash_is_of_the_text(void **state)
{
    (void)state;
    assert_true(cw_id_eq(hash_of(AD HEAD(ID_A) COUNT), hash_of(AD HEAD(ID_A) COUNT)));
    assert_false(cw_id_eq(hash_of(AD HEAD(ID_A) COUNT), hash_of(AD HEAD(ID_B) COUNT)));
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *dir, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(unlink(path), 0);
}

static void a_directory_is_one_set_whatever_else_lies_in_it(void **state)
{
    (void)state;
    char dir[] = "/tmp/cw_rules_XXXXXX";
    assert_non_null(mkdtemp(dir));
    write_file(dir, "b.yaml", AD);
    write_file(dir, "a.yml", HEAD(ID_A) COUNT);
    write_file(dir, "notes.txt", "no rule\n");
    write_file(dir, ".hidden.yaml", "{\n");
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_load(dir, &errors);
    assert_non_null(rules);
    assert_int_equal(cw_rules_count(rules), 1);
    assert_int_equal(rules->selection_count, 1);
    cw_rules_free(rules);
    remove_file(dir, "b.yaml");
    rules = cw_rules_load(dir, &errors);
    assert_null(rules);
    cw_buf_u8(&errors, 0);
    assert_non_null(strstr((const char *)errors.data, "a.yml:4:"));
    assert_non_null(strstr((const char *)errors.data, "no detection is named \"ad\""));
    cw_buf_done(&errors);
    remove_file(dir, "a.yml");
    remove_file(dir, "notes.txt");
    remove_file(dir, ".hidden.yaml");
    assert_int_equal(rmdir(dir), 0);
}

static void the_shipped_rules_are_sound(void **state)
{
    (void)state;
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_load(CW_SOURCE_DIR "/detectors/rules", &errors);
    if (rules == NULL)
        print_error("%.*s", (int)errors.len, (const char *)errors.data);
    assert_non_null(rules);
    assert_int_equal(cw_rules_count(rules), 3);
    cw_rules_free(rules);
    cw_buf_done(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_count_has_its_key_field_window_and_cell),
        cmocka_unit_test(an_event_count_takes_several_types_and_resolves_entities),
        cmocka_unit_test(standing_looks_back_thirty_days_unless_told),
        cmocka_unit_test(the_core_may_be_asked_for),
        cmocka_unit_test(rules_are_numbered_by_id_and_not_by_place),
        cmocka_unit_test(an_id_in_capitals_is_the_same_id),
        cmocka_unit_test(a_detection_may_be_called_by_its_id_and_from_above),
        cmocka_unit_test(a_scalar_is_what_the_schema_says),
        cmocka_unit_test(a_time_is_read_as_a_time),
        cmocka_unit_test(the_hash_is_of_the_text),
        cmocka_unit_test(a_directory_is_one_set_whatever_else_lies_in_it),
        cmocka_unit_test(the_shipped_rules_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

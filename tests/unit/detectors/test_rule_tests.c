/* test_rule_tests.c - tests inside rules: what they say, and what is said of mistakes in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detectors/rule.h"
#include "detectors/rule_tests.h"

#define ID "0a000000-0000-4000-8000-00000000000a"
/* Nine lines; what stands in `tests` follows as the tenth. */
#define RULE                                                                                       \
    "{title: A, name: ad, logsource: {category: online_ad}, detection: {s: {country: NO}, "        \
    "condition: s}}\n---\n"                                                                        \
    "title: T\nid: " ID "\nlevel: low\n"                                                           \
    "correlation: {type: event_count, rules: [ad], group-by: [country], timespan: 1d, "            \
    "condition: {gte: 2}}\ncrosswatch:\n  purpose: [combating-crime]\n  tests:\n"
/* A test whose events follow, on line 12 from column 10. */
#define EVENTS RULE "    - name: n\n      alerts: 1\n      events:\n       - "

struct mistake {
    const char *text;
    const char *place;
    const char *phrase;
};

static const struct mistake test_mistakes[] = {
    { RULE "    - alerts: 1\n      events: [{at: 0d}]\n", "10:7", "expected name" },
    { RULE "    - name: n\n      events: [{at: 0d}]\n", "10:7", "expected alerts: N" },
    { RULE "    - name: n\n      alerts: 1\n", "10:7", "expected events:" },
    { RULE "    - name: n\n      alert: 1\n      events: [{at: 0d}]\n", "11:7",
      "did you mean \"alerts\"?" },
    { RULE "    - name: n\n      alerts: many\n      events: [{at: 0d}]\n", "11:15",
      "expected alerts: a whole number from 0 to 100000, found \"many\"" },
    { RULE "    - name: n\n      alerts: -1\n      events: [{at: 0d}]\n", "11:15", "found \"-1\"" },
    { RULE "    - name: n\n      alerts: 1\n      steps: [{alerts: 0, events: [{at: 0d}]}]\n",
      "11:7", "events and alerts, or steps" },
    { RULE "    - name: n\n      steps: []\n", "11:14", "at least one step" },
    { RULE "    - name: n\n      steps: [{events: [{at: 0d}], alert: 0}]\n", "11:36",
      "unknown key of a step" },
    { RULE "    - name: n\n      steps: [{events: [{at: 0d}]}]\n", "11:15", "expected alerts: N" },
    { RULE "    - {name: n, alerts: 0, events: [{at: 0d}]}\n"
           "    - {name: n, alerts: 1, events: [{at: 0d}]}\n",
      "11:14", "the name \"n\" is taken: by the test on line 10" },
    { RULE "    - just words\n", "10:7", "expected a test to be a map" },
    { RULE "    - {name: n, alerts: 0, events: {at: 0d}}\n", "10:36",
      "expected events to be a list" },
};

static const struct mistake event_mistakes[] = {
    { EVENTS "{country: NO}\n", "13:10", "expected at: when it happened" },
    { EVENTS "{at: soon}\n", "13:15", "an offset from 0d such as 3d or -2h" },
    { EVENTS "{at: 3}\n", "13:15", "found \"3\"" },
    { EVENTS "{at: 0d, contry: NO}\n", "13:19", "did you mean \"country\"?" },
    { EVENTS "{at: 0d, verison: 2}\n", "13:19", "did you mean \"version\"?" },
    { EVENTS "{at: 0d, type: online_add}\n", "13:25", "did you mean \"online_ad\"?" },
    { EVENTS "{at: 0d, op: withdrawal, id: e1}\n", "13:23", "did you mean \"withdraw\"?" },
    { EVENTS "{at: 0d, version: 0}\n", "13:28", "expected version: a whole number from 1" },
    { EVENTS "{at: 0d, event_time: 0d}\n", "13:19", "in a test event_time is called at" },
    { EVENTS "{at: 0d, ad.categry: x}\n", "13:22", "did you mean \"category\"?" },
    { EVENTS "{at: 0d, payment.amount: 7}\n", "13:19",
      "payment.amount is a field of payment, and this event is online_ad" },
    { EVENTS "{at: 0d, type: payment, payment.amount: x, payment.currency: EUR}\n", "13:50",
      "a whole number" },
    { EVENTS "{at: 0d, type: payment, payment.amount: 7}\n", "13:10",
      "expected payment.currency: every payment states it" },
    { EVENTS "{at: 0d, type: notice, notice.colour: red, notice.valid_from: x}\n", "13:72",
      "expected a time" },
    { EVENTS "{at: 0d, party.person.id.passport: 123}\n", "13:45",
      "expected RO:123, found \"123\"" },
    { EVENTS "{at: 0d, party.person.id.pasport: \"RO:1\"}\n", "13:35",
      "did you mean \"passport\"?" },
    { EVENTS "{at: 0d, party.person.2.id.pasport: \"RO:1\"}\n", "13:37",
      "did you mean \"passport\"?" },
    { EVENTS "{at: 0d, party.person.0.name: x}\n", "13:32", "which of its role it is, 1 to 64" },
    { EVENTS "{at: 0d, party.person.65.name: x}\n", "13:32", "found 65" },
    { EVENTS "{at: 0d, party.person.entity: x}\n", "13:19", "no event says party.person.entity" },
    { EVENTS "{at: 0d, object.account.key: x}\n", "13:19", "give object.account.id.KIND" },
    { EVENTS "{at: 0d, country: [NO, SE]}\n", "13:28", "country has one value" },
    { EVENTS "{at: 0d, party.person.sex: [f, m]}\n", "13:37", "has one value" },
    { EVENTS "{at: 0d, country: {a: b}}\n", "13:28", "found a map" },
    { EVENTS "{at: 0d, country: }\n", "13:28", "an event without it: write []" },
    { EVENTS "{at: 0d, place.lat: north, place.lon: 7}\n", "13:30", "a number such as 47.25" },
    { EVENTS "{at: 0d, id: a}\n       - {at: 1d, id: a}\n", "14:23",
      "the event \"a\" was there before: expected version: N" },
    { EVENTS "{at: 0d, id: first}\n       - {id: fist, op: withdraw}\n", "14:15",
      "no event before it has the id \"fist\": did you mean \"first\"?" },
    { EVENTS "{op: withdraw}\n", "13:10", "expected id: which event is withdrawn" },
    { EVENTS "{at: 0d, id: a}\n       - {id: a, op: withdraw, country: NO}\n", "14:32",
      "a withdrawal says nothing of what happened" },
    { EVENTS "{frontier: 3d, at: 3d}\n", "13:11", "frontier stands alone" },
    { EVENTS "{frontier: late}\n", "13:21", "expected a time" },
    { EVENTS "words\n", "13:10", "expected an event to be a map" },
};

static struct cw_rules *parse(const char *text, struct cw_buf *errors)
{
    struct cw_rules *rules = cw_rules_parse("f", cw_cstr(text), errors);
    cw_buf_u8(errors, 0);
    return rules;
}

static bool has_finding(const char *errors, const char *place, const char *phrase)
{
    char start[32];
    snprintf(start, sizeof(start), "f:%s: error: ", place);
    for (const char *line = errors; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        const char *found = strstr(line, phrase);
        if (strncmp(line, start, strlen(start)) == 0 && found != NULL && found < end)
            return true;
        line = end != NULL ? end + 1 : NULL;
    }
    return false;
}

static void check_table(const struct mistake *mistakes, size_t count)
{
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        struct cw_buf errors = { 0 };
        struct cw_rules *rules = parse(mistakes[i].text, &errors);
        if (rules != NULL ||
            !has_finding((const char *)errors.data, mistakes[i].place, mistakes[i].phrase)) {
            good = false;
            print_error("--- %s\nexpected %s: %s\nfound\n%s\n", mistakes[i].text, mistakes[i].place,
                        mistakes[i].phrase, (const char *)errors.data);
        }
        cw_rules_free(rules);
        cw_buf_done(&errors);
    }
    assert_true(good);
}

#define TABLE(name) check_table(name, sizeof(name) / sizeof((name)[0]))

static void what_a_test_cannot_be_is_said(void **state)
{
    (void)state;
    TABLE(test_mistakes);
}

static void what_an_event_of_a_test_cannot_say_is_said(void **state)
{
    (void)state;
    TABLE(event_mistakes);
}

static void what_rests_on_a_mistake_says_nothing_of_its_own(void **state)
{
    (void)state;
    static const char *const texts[] = {
        /* its amount is there, if not a number; the second event inherits it */
        EVENTS "{at: 0d, type: payment, payment.amount: x, payment.currency: EUR}\n"
               "       - {at: 1d, type: payment}\n",
        /* the key that is missing is the one that is misspelt */
        RULE "    - {name: n, alert: 0, events: [{at: 0d}]}\n",
        /* it is withdrawn, whatever was wrong with it */
        EVENTS "{at: 0d, id: a, contry: NO}\n       - {id: a, op: withdraw}\n",
        /* an unknown selection leaves the type of events open */
        "title: T\nid: " ID "\nlevel: low\n"
        "correlation: {type: event_count, rules: [adx], group-by: [country], timespan: 1d, "
        "condition: {gte: 2}}\ncrosswatch: {purpose: [combating-crime], "
        "tests: [{name: n, alerts: 0, events: [{at: 0d, ad.category: x}]}]}\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cw_buf errors = { 0 };
        assert_null(parse(texts[i], &errors));
        const char *first = strstr((const char *)errors.data, ": error: ");
        assert_non_null(first);
        if (strstr(first + 1, ": error: ") != NULL)
            fail_msg("%s\n%s", texts[i], (const char *)errors.data);
        cw_buf_done(&errors);
    }
}

static const struct cw_rule_test *test_of(const char *text, struct cw_rules **rules)
{
    struct cw_buf errors = { 0 };
    *rules = parse(text, &errors);
    if (*rules == NULL)
        fail_msg("%s", (const char *)errors.data);
    cw_buf_done(&errors);
    assert_int_equal((*rules)->rules[0].test_count, 1);
    return (*rules)->rules[0].tests;
}

static void assert_text(cw_str found, const char *expected)
{
    if (!cw_str_is(found, expected))
        fail_msg("expected %s, found %.*s", expected, CW_STR_ARG(found));
}

static void an_event_inherits_what_it_does_not_name(void **state)
{
    (void)state;
    struct cw_rules *rules;
    const struct cw_rule_test *test = test_of(
        EVENTS "{at: 0d, country: NO, ad.category: escort, party.person.name: [Ana, Anna]}\n"
               "       - {at: -2h, type: border_crossing, country: SE}\n"
               "       - {at: 3d, country: [], party.person.name: Eva}\n",
        &rules);
    const struct cw_rule_test_event *events = test->steps[0].events;
    assert_int_equal(test->steps[0].event_count, 3);
    assert_text(events[0].event.parties[0].names[1].full, "Anna");
    assert_text(events[0].event.parties[0].names[1].kind, "alias");
    assert_text(events[1].event.event_type, "border_crossing");
    assert_int_equal(events[1].event.party_count, 0); /* of another type: nothing is inherited */
    assert_true(events[1].event.event_time == CW_RULE_TEST_EPOCH - 2 * CW_HOUR);
    const struct cw_event *last = &events[2].event;
    assert_null(last->country.ptr);
    assert_int_equal(last->parties[0].name_count, 1);
    assert_text(last->detail[cw_type_field(last->type, cw_cstr("category"))].text, "escort");
    assert_text(last->event_id, "e3");
    assert_text(last->owner, "tests");
    assert_true(last->event_time == CW_RULE_TEST_EPOCH + 3 * CW_DAY);
    assert_true(last->recorded_at == last->event_time);
    assert_int_equal(test->steps[0].alerts, 1);
    assert_true(cw_rule_test_matches(test));
    cw_rules_free(rules);
}

static void several_of_one_role_are_told_apart_by_number(void **state)
{
    (void)state;
    struct cw_rules *rules;
    const struct cw_rule_test *test = test_of(
        EVENTS "{at: 0d, party.person.id.passport: \"RO:1\", party.person.2.id.passport: "
               "[\"MD:2\", \"RO:3\"], party.person.2.name: Ion, object.payer_account.id.iban: X, "
               "object.payer_account.2.type: wallet}\n",
        &rules);
    const struct cw_event *event = &test->steps[0].events[0].event;
    assert_int_equal(event->party_count, 2);
    assert_int_equal(event->parties[1].id_count, 2);
    assert_text(event->parties[1].ids[0].issuer, "MD");
    assert_text(event->parties[1].ids[1].value, "3");
    assert_text(event->parties[1].names[0].full, "Ion");
    assert_int_equal(event->object_count, 2);
    assert_text(event->objects[0].kind, "account");
    assert_text(event->objects[1].kind, "wallet");
    cw_rules_free(rules);
}

static void a_version_keeps_when_the_event_was_recorded_and_a_withdrawal_its_type(void **state)
{
    (void)state;
    struct cw_rules *rules;
    const struct cw_rule_test *test =
        test_of(EVENTS "{at: 1d, type: border_crossing, id: a, owner: x}\n"
                       "       - {at: 2d, id: a, owner: x, version: 2}\n"
                       "       - {id: a, owner: x, op: withdraw}\n"
                       "       - {frontier: 9d}\n",
                &rules);
    const struct cw_rule_test_event *events = test->steps[0].events;
    assert_true(events[1].event.recorded_at == events[0].event.event_time);
    assert_text(events[1].event.event_type, "border_crossing");
    assert_text(events[2].event.event_type, "border_crossing");
    assert_int_equal(events[2].event.version, 2);
    assert_null(events[2].event.detail);
    assert_true(events[3].is_frontier);
    assert_true(events[3].frontier == CW_RULE_TEST_EPOCH + 9 * CW_DAY);
    cw_rules_free(rules);
}

static void tests_of_all_size_are_bounded(void **state)
{
    (void)state;
    struct cw_buf text = { 0 };
    struct cw_buf errors = { 0 };
    cw_buf_cstr(&text, EVENTS "{at: 0d");
    for (int i = 1; i <= 64; i++)
        cw_buf_printf(&text, ", party.person.%d.name: x", i);
    cw_buf_cstr(&text, "}\n");
    for (int i = 0; i < 2000; i++)
        cw_buf_cstr(&text, "       - {at: 1d}\n");
    cw_buf_u8(&text, 0);
    assert_null(parse((const char *)text.data, &errors));
    assert_non_null(strstr((const char *)errors.data, "more than 10000 fields"));
    cw_buf_done(&text);
    cw_buf_done(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_test_cannot_be_is_said),
        cmocka_unit_test(what_an_event_of_a_test_cannot_say_is_said),
        cmocka_unit_test(what_rests_on_a_mistake_says_nothing_of_its_own),
        cmocka_unit_test(an_event_inherits_what_it_does_not_name),
        cmocka_unit_test(several_of_one_role_are_told_apart_by_number),
        cmocka_unit_test(a_version_keeps_when_the_event_was_recorded_and_a_withdrawal_its_type),
        cmocka_unit_test(tests_of_all_size_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

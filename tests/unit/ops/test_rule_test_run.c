/* test_rule_test_run.c - what is said of a test whose rule does otherwise, and of events that no
 * agency could send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "detectors/rule_tests.h"
#include "ops/rule_test_run.h"

#define PAID                                                                                       \
    "{title: P, name: paid, logsource: {category: payment}, detection: {s: {payment.currency: "    \
    "EUR}, condition: s}}\n---\n"
#define HEAD                                                                                       \
    "title: T\nname: twice\nid: 0a000000-0000-4000-8000-00000000000a\nlevel: low\n"                \
    "correlation: {type: event_count, rules: [paid], group-by: [object.payee_account.key], "       \
    "timespan: 1d, condition: {gte: 2}}\n"
/* What stands in tests follows as line 11. */
#define RULE PAID HEAD "crosswatch:\n  purpose: [combating-crime]\n  tests:\n"
#define PAY "payment.amount: 5000, payment.currency: EUR, object.payee_account.id.iban: "
#define ACCOUNT PAY "NL58ABNA0000000001"

/* What is said of the tests; "" if they pass. */
static void said(const char *text, char out[2048])
{
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_parse("f", cw_cstr(text), &errors);
    if (rules == NULL)
        fail_msg("%.*s", (int)errors.len, (const char *)errors.data);
    struct cw_rule_tests_total total = { 0 };
    for (size_t i = 0; i < rules->rules[0].test_count; i++) {
        size_t before = errors.len;
        bool good = cw_rule_test_run(rules, &rules->rules[0], &rules->rules[0].tests[i], &errors);
        assert_int_equal(good, errors.len == before);
    }
    snprintf(out, 2048, "%.*s", (int)errors.len, errors.len != 0 ? (const char *)errors.data : "");
    errors.len = 0;
    cw_rule_tests_run(rules, &rules->rules[0], &total, &errors);
    assert_int_equal(total.tests, rules->rules[0].test_count);
    assert_int_equal(total.failed != 0, out[0] != '\0');
    cw_rules_free(rules);
    cw_buf_done(&errors);
}

static void assert_said(const char *text, const char *expected)
{
    char found[2048];
    said(text, found);
    assert_string_equal(found, expected);
}

static void a_step_that_ends_otherwise_is_shown_with_its_alerts(void **state)
{
    (void)state;
    assert_said(RULE "    - {name: two, alerts: 1, events: [{at: 0h, " ACCOUNT "}, {at: 1h}]}\n",
                "");
    assert_said(RULE "    - name: two\n      alerts: 0\n"
                     "      events: [{at: 0h, " ACCOUNT "}, {at: 1h, id: again}]\n",
                "f:12: twice: \"two\": expected 0 alerts, found 1\n"
                "    NL58ABNA0000000001: value 2, evidence e1 again\n");
    assert_said(RULE "    - name: steps\n      steps:\n"
                     "        - {events: [{at: 0h, " ACCOUNT "}, {at: 1h}], alerts: 1}\n"
                     "        - {events: [{id: e2, op: withdraw}], alerts: 1}\n",
                "f:14: twice: \"steps\": step 2: expected 1 alert, found 0\n");
}

static void an_alert_that_continues_another_is_not_counted(void **state)
{
    (void)state;
    assert_said(RULE "    - name: three days\n      alerts: 2\n      events:\n"
                     "        - {at: 0h, " ACCOUNT "}\n"
                     "        - {at: 20h}\n        - {at: 40h}\n",
                "f:12: twice: \"three days\": expected 2 alerts, found 1\n"
                "    NL58ABNA0000000001: value 2, evidence e1 e2\n"
                "    NL58ABNA0000000001: value 2, evidence e2 e3 (continues: not counted)\n");
}

static void what_ingest_would_refuse_or_take_for_no_key_fails_the_test(void **state)
{
    (void)state;
    static const struct {
        const char *event;
        const char *says;
    } cases[] = {
        { "country: Norway, " ACCOUNT, "event e1 is refused (bad_country): country: " },
        { PAY "NL57ABNA0000000001", "the iban NL57ABNA0000000001 of payee_account is not valid" },
        { "payment.amount_eur: 1, " ACCOUNT,
          "payment.amount_eur is computed by ingest: 5000, and not what the test says" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[2048];
        char found[2048];
        snprintf(text, sizeof(text), "%s    - {name: one, alerts: 0, events: [{at: 0h, %s}]}\n",
                 RULE, cases[i].event);
        said(text, found);
        if (strstr(found, cases[i].says) == NULL || strstr(found, "f:11: twice: \"one\": ") == NULL)
            fail_msg("expected %s, found %s", cases[i].says, found);
    }
}

static void a_rule_in_the_shadow_is_tested_as_if_it_were_live(void **state)
{
    (void)state;
    assert_said(PAID HEAD "crosswatch:\n  purpose: [combating-crime]\n  mode: shadow\n  tests:\n"
                          "    - {name: two, alerts: 1, events: [{at: 0h, " ACCOUNT
                          "}, {at: 1h}]}\n",
                "");
}

static void other_rules_of_the_set_are_not_in_the_chain(void **state)
{
    (void)state;
    assert_said(RULE "    - {name: two, alerts: 1, events: [{at: 0h, " ACCOUNT "}, {at: 1h}]}\n"
                     "---\n"
                     "title: U\nname: once\nid: 0b000000-0000-4000-8000-00000000000a\nlevel: low\n"
                     "correlation: {type: event_count, rules: [paid], group-by: "
                     "[object.payee_account.key], timespan: 1d, condition: {gte: 1}}\n",
                "");
}

static void what_a_purpose_may_not_see_is_no_evidence(void **state)
{
    (void)state;
    assert_said(RULE
                "    - name: for another purpose\n      alerts: 0\n"
                "      events: [{at: 0h, purposes: [border-management], " ACCOUNT "}, {at: 1h}]\n"
                "    - name: for this one\n      alerts: 1\n"
                "      events: [{at: 0h, purposes: [combating-crime, x], " ACCOUNT "}, {at: 1h}]\n",
                "");
}

static void the_frontier_moves_forward_only(void **state)
{
    (void)state;
    assert_said(RULE "    - name: two\n      alerts: 1\n      events:\n"
                     "        - {at: 0h, " ACCOUNT "}\n        - {frontier: 1h}\n"
                     "        - {at: 2h}\n        - {frontier: 0h}\n",
                "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_that_ends_otherwise_is_shown_with_its_alerts),
        cmocka_unit_test(an_alert_that_continues_another_is_not_counted),
        cmocka_unit_test(what_ingest_would_refuse_or_take_for_no_key_fails_the_test),
        cmocka_unit_test(a_rule_in_the_shadow_is_tested_as_if_it_were_live),
        cmocka_unit_test(other_rules_of_the_set_are_not_in_the_chain),
        cmocka_unit_test(what_a_purpose_may_not_see_is_no_evidence),
        cmocka_unit_test(the_frontier_moves_forward_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

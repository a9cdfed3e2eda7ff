/* test_rules.c - the rules that are shipped pass their tests and are described as they are; what is
 * changed in one shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "operators/runtime/stage.h"
#include "tests/support/process.h"

#define RULES CW_SOURCE_DIR "/detectors/rules"

static int make_room(void **state)
{
    *state = cw_test_room_new();
    return 0;
}

static int remove_room(void **state)
{
    cw_test_room_free(*state);
    return 0;
}

static const char *output_of(struct cw_test_room *room, int status, const char *verb,
                             const char *path)
{
    return cw_test_read(room, cw_test_crosswatch(room, status, "rules", verb, path, NULL)->output,
                        NULL);
}

/* The shipped rule in a directory of its own, with `from` replaced by `to`; its path. */
static const char *changed(struct cw_test_room *room, const char *rule, const char *from,
                           const char *to)
{
    const char *text = cw_test_read(room, cw_test_text(room, "%s/%s.yaml", RULES, rule), NULL);
    const char *at = strstr(text, from);
    if (at == NULL)
        fail_msg("%s.yaml does not say \"%s\"", rule, from);
    const char *path = cw_test_path(room, "%s.yaml", rule);
    const char *out = cw_test_text(room, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    cw_test_write(path, out, strlen(out));
    return path;
}

static void the_shipped_rules_are_checked_and_pass_their_tests(void **state)
{
    struct cw_test_room *room = *state;
    assert_non_null(strstr(output_of(room, CW_EXIT_OK, "check", RULES), "7 rules"));
    const char *text = output_of(room, CW_EXIT_OK, "test", RULES);
    assert_non_null(strstr(text, "7 rules, "));
    assert_non_null(strstr(text, " tests, all passed\n"));
    assert_null(strstr(text, "FAILED"));
}

static void every_shipped_rule_shows_each_way_of_matching_and_not(void **state)
{
    struct cw_test_room *room = *state;
    static const char *const wanted[] = {
        "name: guard, ",  "name: late, ",    "name: withdrawn, ",
        "name: merged, ", "\nreferences:\n", "\nfalsepositives:\n"
    };
    size_t rules = 0;
    DIR *dir = opendir(RULES);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strstr(entry->d_name, ".yaml") == NULL)
            continue;
        rules++;
        const char *text =
            cw_test_read(room, cw_test_text(room, "%s/%s", RULES, entry->d_name), NULL);
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
            if (strstr(text, wanted[i]) == NULL)
                fail_msg("%s lacks \"%s\"", entry->d_name, wanted[i]);
        }
    }
    closedir(dir);
    assert_int_equal(rules, 7);
}

static void a_rule_whose_threshold_was_moved_fails_its_tests(void **state)
{
    struct cw_test_room *room = *state;
    static const struct {
        const char *rule;
        const char *from;
        const char *to;
        const char *says;
    } changes[] = {
        { "one_phone_several_persons", "entity, gte: 3}", "entity, gte: 4}",
          "\"three persons under one number\": expected 1 alert, found 0" },
        { "one_phone_several_persons", "entity, gte: 3}", "entity, gte: 2}",
          "expected 0 alerts, found 1\n    +40700000001: value 2, evidence e1 e2" },
        { "document_several_birth_dates", "timespan: 365d", "timespan: 366d",
          "\"two birth dates more than a year apart\": expected 0 alerts, found 1" },
        { "structuring_under_limit", "gt: 3000000", "gte: 3000000",
          "value 4/3000000, evidence e1 e2 e3 e4" },
        { "device_behind_many_accounts", "account_by_phone: party.holder.id.phone}",
          "account_by_phone: object.account.key}", "\"three accounts under one phone\"" },
        { "wanted_person_at_border", "notice.colour: red}", "notice.colour: [red, blue]}",
          "\"a notice of another colour" },
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        const char *path = changed(room, changes[i].rule, changes[i].from, changes[i].to);
        const char *text = output_of(room, CW_EXIT_FAILED, "test", path);
        if (strstr(text, changes[i].says) == NULL || strstr(text, "FAILED") == NULL)
            fail_msg("%s: expected \"%s\", found\n%s", changes[i].to, changes[i].says, text);
        if (strstr(text, path) == NULL)
            fail_msg("expected the place of the test, found\n%s", text);
    }
}

static void a_rule_without_a_test_that_does_not_match_fails(void **state)
{
    struct cw_test_room *room = *state;
    static const char text[] =
        "title: A\nname: ad\nlogsource: {category: online_ad}\n"
        "detection: {s: {country: NO}, condition: s}\n---\n"
        "title: T\nname: twice\nid: 0a000000-0000-4000-8000-00000000000a\nlevel: low\n"
        "correlation: {type: event_count, rules: [ad], group-by: [country], timespan: 1d, "
        "condition: {gte: 2}}\n"
        "crosswatch:\n  purpose: [combating-crime]\n  tests:\n"
        "    - {name: two, alerts: 1, events: [{at: 0h, country: NO}, {at: 1h}]}\n";
    const char *path = cw_test_path(room, "twice.yaml");
    cw_test_write(path, text, sizeof(text) - 1);
    const char *said = output_of(room, CW_EXIT_FAILED, "test", path);
    assert_non_null(strstr(said, "twice: expected a test that does not match"));
    assert_non_null(strstr(said, "1 rule, 1 test, 1 without a test of each kind"));
}

static void the_page_in_the_tree_is_the_one_that_the_rules_make(void **state)
{
    struct cw_test_room *room = *state;
    const char *page = output_of(room, CW_EXIT_OK, "page", RULES);
    const char *readme = cw_test_read(room, CW_SOURCE_DIR "/detectors/README.md", NULL);
    const char *found = strstr(readme, "\n## The rules\n");
    assert_non_null(found);
    const char *in_tree = cw_test_path(room, "in_tree.md");
    const char *made = cw_test_path(room, "made.md");
    cw_test_write(in_tree, found + 1, strlen(found + 1));
    cw_test_write(made, page, strlen(page));
    cw_test_same_files(room, made, in_tree);
}

static void rules_are_listed_and_explained(void **state)
{
    struct cw_test_room *room = *state;
    const char *table = output_of(room, CW_EXIT_OK, "list", RULES);
    assert_int_equal(strncmp(table, "NAME ", 5), 0);
    assert_non_null(strstr(table, "value_sum(payment.amount_eur) > 3000000 within 7d"));
    struct cw_test_process *listed =
        cw_test_crosswatch(room, CW_EXIT_OK, "rules", "list", "--json", RULES, NULL);
    assert_int_equal(cw_test_count_lines(room, listed->output), 7);
    assert_int_equal(cw_test_number(room, listed->output, "revision"), 1);
    struct cw_test_process *explained = cw_test_crosswatch(
        room, CW_EXIT_OK, "rules", "explain", "fan_in_several_countries", "--rules", RULES, NULL);
    static const char *const wanted[] = {
        "reads       payment\n",
        "payment.amount_eur is at most 1000000? 1 : not selected",
        "not: payment.channel is one of \"card\"?",
        "the list payment_services",
        "key         object.payee_account.key (raw)",
        "holds if    distinct object.payer_account.key >= 5",
        "and       distinct payment.payer_country >= 3",
        "countries >= 2",
        "bytes a key",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (!cw_test_file_has(room, explained->output, wanted[i]))
            fail_msg("rules explain does not say \"%s\"", wanted[i]);
    }
    struct cw_test_process *none = cw_test_crosswatch(
        room, CW_EXIT_FAILED, "rules", "explain", "fan_in_several_country", "--rules", RULES, NULL);
    assert_true(cw_test_file_has(room, none->errors, "did you mean fan_in_several_countries?"));
    (void)cw_test_crosswatch(room, CW_EXIT_USAGE, "rules", "explain", NULL);
    (void)cw_test_crosswatch(room, CW_EXIT_USAGE, "rules", "tset", RULES, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_room, remove_room)
    const struct CMUnitTest tests[] = {
        TEST(the_shipped_rules_are_checked_and_pass_their_tests),
        TEST(every_shipped_rule_shows_each_way_of_matching_and_not),
        TEST(a_rule_whose_threshold_was_moved_fails_its_tests),
        TEST(a_rule_without_a_test_that_does_not_match_fails),
        TEST(the_page_in_the_tree_is_the_one_that_the_rules_make),
        TEST(rules_are_listed_and_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

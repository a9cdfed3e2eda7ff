/*
 * What was planted is found, and nothing else; and this test would know: without its rule, a
 * planted pattern is missed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/importers/generate.h"
#include "tests/support/process.h"
#include "tests/support/truth.h"

#define RULES CW_SOURCE_DIR "/detectors/rules"

/* How many of the rules that something is planted for are shipped, in the order of
 * cw_generate_rule. */
enum { RULES_SHIPPED = 7, RULES_A_FILE = 8 };

static struct cw_test_room *room;
static const char *scenario;
static struct cw_truth *truth;

/* --- the scene --- */

static int make_scenario(void **state)
{
    (void)state;
    room = cw_test_room_new();
    scenario = cw_test_path(room, "g");
    /* More by hand: CROSSWATCH_TRUTH_EVENTS=300000 ops/test integration.test_truth */
    const char *events = getenv("CROSSWATCH_TRUTH_EVENTS");
    (void)cw_test_crosswatch(room, 0, "generate", "--events", events != NULL ? events : "50000",
                             "--seed", "11", "--out", scenario, NULL);
    truth = cw_truth_load(scenario);
    assert_non_null(truth);
    return 0;
}

static int remove_scenario(void **state)
{
    (void)state;
    cw_truth_free(truth);
    cw_test_room_free(room);
    return 0;
}

static bool is_shipped(const char *slug)
{
    return access(cw_test_text(room, RULES "/%s.yaml", slug), R_OK) == 0;
}

/* The shipped rule of that number, from 0; NULL: there are no more. */
static const char *shipped(unsigned number)
{
    for (unsigned rule = 0; cw_generate_rule(rule) != NULL; rule++) {
        if (is_shipped(cw_generate_rule(rule)) && number-- == 0)
            return cw_generate_rule(rule);
    }
    return NULL;
}

/* The ids in the rule file of that name: of the correlations in it. */
static void rule_ids(const char *slug, const char *ids[RULES_A_FILE + 1])
{
    enum { UUID = 36 };
    size_t count = 0;
    const char *text = cw_test_read(room, cw_test_text(room, RULES "/%s.yaml", slug), NULL);
    while ((text = strstr(text, "\nid: ")) != NULL) {
        assert_true(count < RULES_A_FILE);
        text += strlen("\nid: ");
        ids[count++] = cw_test_text(room, "%.*s", UUID, text);
    }
    assert_true(count > 0);
    ids[count] = NULL;
}

/* Rule files, and the folders with their lists. */
static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int is_rule_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return is_shown(entry) && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

/* A copy of the shipped rules without those of `slug`. */
static void rules_without(const char *slug, const char **dir)
{
    struct dirent **entries;
    size_t left = 0;
    *dir = cw_test_path(room, "without-%s", slug);
    assert_int_equal(mkdir(*dir, 0700), 0);
    int count = scandir(RULES, &entries, is_shown, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (strcmp(name, cw_test_text(room, "%s.yaml", slug)) != 0) {
            left++;
            assert_int_equal(symlink(cw_test_text(room, RULES "/%s", name),
                                     cw_test_text(room, "%s/%s", *dir, name)),
                             0);
        }
        free(entries[i]);
    }
    free(entries);
    assert_int_equal(left, count - 1);
}

/* The alerts of a replay under these rules. */
static const char *replay(const char *name, const char *rules)
{
    const char *out = cw_test_path(room, "out-%s", name);
    (void)cw_test_crosswatch(room, 0, "replay", "--source", scenario, "--rules", rules, "--export",
                             out, NULL);
    return cw_test_text(room, "%s/alerts.jsonl", out);
}

static struct cw_truth_score score_of(const char *slug, const char *alerts, FILE *misses)
{
    struct cw_truth_score score;
    const char *ids[RULES_A_FILE + 1];
    rule_ids(slug, ids);
    assert_true(cw_truth_score(truth, slug, ids, alerts, misses, &score));
    return score;
}

/* Whole numbers, for 1.0 is exact: all found, none wrong, none of nothing. */
static bool is_perfect(const struct cw_truth_score *score)
{
    return score->found == score->planted && score->wrong == 0 && score->unplanned == 0;
}

/* --- the tests --- */

static void every_shipped_rule_has_something_planted(void **state)
{
    (void)state;
    struct dirent **entries;
    int count = scandir(RULES, &entries, is_rule_file, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        const char *slug =
            cw_test_text(room, "%.*s", (int)strcspn(entries[i]->d_name, "."), entries[i]->d_name);
        unsigned rule = 0;
        while (cw_generate_rule(rule) != NULL && strcmp(cw_generate_rule(rule), slug) != 0)
            rule++;
        if (cw_generate_rule(rule) == NULL)
            fail_msg("nothing is planted for %s", slug);
        free(entries[i]);
    }
    free(entries);
}

static void every_rule_that_is_due_is_shipped(void **state)
{
    (void)state;
    for (unsigned rule = 0; rule < RULES_SHIPPED; rule++) {
        if (!is_shipped(cw_generate_rule(rule)))
            fail_msg("%s is not shipped", cw_generate_rule(rule));
    }
}

static void what_is_planted_is_found_and_no_look_alike_is(void **state)
{
    (void)state;
    const char *alerts = replay("all", RULES);
    for (unsigned rule = 0; shipped(rule) != NULL; rule++) {
        const char *slug = shipped(rule);
        struct cw_truth_score score = score_of(slug, alerts, stderr);
        print_message("%s: %zu of %zu planted found, %zu alerts, %zu of %zu look-alikes taken\n",
                      slug, score.found, score.planted, score.alerts, score.wrong,
                      score.lookalikes);
        assert_true(score.planted >= 20);
        assert_true(score.lookalikes >= 20);
        assert_true(is_perfect(&score));
    }
}

/* With one rule taken away, its patterns are missed and those of the others are found. */
static void without_its_rule_a_pattern_is_missed(void **state)
{
    (void)state;
    for (unsigned missing = 0; shipped(missing) != NULL; missing++) {
        const char *dir;
        rules_without(shipped(missing), &dir);
        const char *alerts = replay(shipped(missing), dir);
        for (unsigned rule = 0; shipped(rule) != NULL; rule++) {
            struct cw_truth_score score = score_of(shipped(rule), alerts, NULL);
            assert_int_equal(is_perfect(&score), rule != missing);
            if (rule == missing)
                assert_int_equal(score.alerts, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shipped_rule_has_something_planted),
        cmocka_unit_test(every_rule_that_is_due_is_shipped),
        cmocka_unit_test(what_is_planted_is_found_and_no_look_alike_is),
        cmocka_unit_test(without_its_rule_a_pattern_is_missed),
    };
    return cmocka_run_group_tests(tests, make_scenario, remove_scenario);
}

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

static struct cw_test_room *room;
static const char *scenario;
static struct cw_truth *truth;

/* --- the scene --- */

static int make_scenario(void **state)
{
    (void)state;
    room = cw_test_room_new();
    scenario = cw_test_path(room, "g");
    (void)cw_test_crosswatch(room, 0, "generate", "--events", "50000", "--seed", "11", "--out",
                             scenario, NULL);
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

/* The id in the rule file of that name: of the one correlation in it. */
static const char *rule_id(const char *slug)
{
    enum { UUID = 36 };
    const char *text = cw_test_read(room, cw_test_text(room, RULES "/%s.yaml", slug), NULL);
    const char *at = strstr(text, "\nid: ");
    assert_non_null(at);
    assert_null(strstr(at + 1, "\nid: "));
    return cw_test_text(room, "%.*s", UUID, at + strlen("\nid: "));
}

static int is_rule_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* A copy of the shipped rules without those of `slug`. */
static void rules_without(const char *slug, const char **dir)
{
    struct dirent **entries;
    size_t left = 0;
    *dir = cw_test_path(room, "without-%s", slug);
    assert_int_equal(mkdir(*dir, 0700), 0);
    int count = scandir(RULES, &entries, is_rule_file, alphasort);
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
    assert_true(cw_truth_score(truth, slug, rule_id(slug), alerts, misses, &score));
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

static void what_is_planted_is_found_and_no_look_alike_is(void **state)
{
    (void)state;
    const char *alerts = replay("all", RULES);
    for (unsigned rule = 0; cw_generate_rule(rule) != NULL; rule++) {
        const char *slug = cw_generate_rule(rule);
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
    for (unsigned missing = 0; cw_generate_rule(missing) != NULL; missing++) {
        const char *dir;
        rules_without(cw_generate_rule(missing), &dir);
        const char *alerts = replay(cw_generate_rule(missing), dir);
        for (unsigned rule = 0; cw_generate_rule(rule) != NULL; rule++) {
            struct cw_truth_score score = score_of(cw_generate_rule(rule), alerts, NULL);
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
        cmocka_unit_test(what_is_planted_is_found_and_no_look_alike_is),
        cmocka_unit_test(without_its_rule_a_pattern_is_missed),
    };
    return cmocka_run_group_tests(tests, make_scenario, remove_scenario);
}

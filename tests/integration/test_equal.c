/*
 * The same sources, however they are read and however the work is cut: the canonical export is the
 * same, byte for byte. 20,000 events with all that may go wrong among them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/kafka.h"
#include "tests/support/process.h"
#include "tests/support/redis.h"

#define RULES CW_SOURCE_DIR "/detectors/rules"

enum { AGENCIES_MAX = 16 };

struct scenario {
    struct cw_test_room *room; /* keeps what all tests here read */
    struct cw_test_redis redis;
    const char *dir;
    const char *alerts;   /* of a replay with all defaults */
    const char *entities; /* of the same */
    const char *agencies[AGENCIES_MAX];
    size_t agency_count;
};

static struct scenario scenario;

/* --- the scene --- */

static int no_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void find_agencies(void)
{
    struct dirent **entries;
    int count = scandir(cw_test_text(scenario.room, "%s/events", scenario.dir), &entries, no_dots,
                        alphasort);
    assert_in_range(count, 2, AGENCIES_MAX);
    for (int i = 0; i < count; i++) {
        int stem = (int)strcspn(entries[i]->d_name, ".");
        scenario.agencies[i] = cw_test_text(scenario.room, "%.*s", stem, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    scenario.agency_count = (size_t)count;
}

/* Replays what `sources` name ("--source", SPEC …); the export's directory. */
static const char *replay(struct cw_test_room *room, const struct cw_test_words *sources,
                          const char *option, const char *value)
{
    struct cw_test_words words = { { NULL }, 0 };
    const char *out = cw_test_path(room, "out-%s-%s", option != NULL ? option + 2 : "plain",
                                   value != NULL ? value : "");
    cw_test_add(&words, CW_PROGRAM, "replay", "--rules", RULES, "--export", out, option, value,
                NULL);
    for (size_t i = 0; i < sources->count; i++)
        cw_test_add(&words, sources->items[i], NULL);
    (void)cw_test_run(room, 0, &words, NULL);
    return out;
}

static struct cw_test_words whole_directory(struct cw_test_room *room)
{
    struct cw_test_words words = { { NULL }, 0 };
    cw_test_add(&words, "--source", cw_test_text(room, "%s/events", scenario.dir), NULL);
    return words;
}

static int make_scenario(void **state)
{
    (void)state;
    scenario.room = cw_test_room_new();
    scenario.dir = cw_test_path(scenario.room, "g");
    (void)cw_test_crosswatch(scenario.room, 0, "generate", "--events", "20000", "--seed", "7",
                             "--out", scenario.dir, NULL);
    find_agencies();
    struct cw_test_words sources = whole_directory(scenario.room);
    const char *out = replay(scenario.room, &sources, NULL, NULL);
    scenario.alerts = cw_test_text(scenario.room, "%s/alerts.jsonl", out);
    scenario.entities = cw_test_text(scenario.room, "%s/entities.jsonl", out);
    cw_test_redis_start(&scenario.redis, NULL);
    return 0;
}

static int remove_scenario(void **state)
{
    (void)state;
    cw_test_redis_stop(&scenario.redis);
    cw_test_room_free(scenario.room);
    return 0;
}

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

static void expect_alerts(struct cw_test_room *room, const char *found)
{
    cw_test_same_files(room, scenario.alerts, found);
}

static void expect_export(struct cw_test_room *room, const char *out)
{
    expect_alerts(room, cw_test_text(room, "%s/alerts.jsonl", out));
    cw_test_same_files(room, scenario.entities, cw_test_text(room, "%s/entities.jsonl", out));
}

static void expect_redis(struct cw_test_room *room, const char *deployment)
{
    struct cw_test_process *alerts =
        cw_test_crosswatch(room, 0, "alerts", "export", "--canonical", "--redis",
                           scenario.redis.url, "--deployment", deployment, NULL);
    expect_alerts(room, alerts->output);
}

static void run_into_redis(struct cw_test_room *room, const char *deployment, const char *option,
                           const char *value)
{
    struct cw_test_words words = whole_directory(room);
    struct cw_test_words all = { { NULL }, 0 };
    cw_test_add(&all, CW_PROGRAM, "run", "--rules", RULES, "--redis", scenario.redis.url, "--log",
                cw_test_path(room, "log"), "--deployment", deployment, words.items[0],
                words.items[1], option, value, NULL);
    (void)cw_test_run(room, 0, &all, NULL);
}

/* --- the order of the sources --- */

/* `order` picks the agencies: the i-th is number (start + i * stride) modulo their count. */
static struct cw_test_words in_order(struct cw_test_room *room, size_t start, size_t stride)
{
    struct cw_test_words words = { { NULL }, 0 };
    for (size_t i = 0; i < scenario.agency_count; i++) {
        const char *name = scenario.agencies[(start + i * stride) % scenario.agency_count];
        cw_test_add(&words, "--source",
                    cw_test_text(room, "%s/events/%s.avro,contract=%s/contracts/%s.yaml",
                                 scenario.dir, name, scenario.dir, name),
                    NULL);
    }
    return words;
}

static void any_order_of_the_sources_gives_the_same_export(void **state)
{
    struct cw_test_room *room = *state;
    size_t last = scenario.agency_count - 1;
    const size_t orders[][2] = { { 0, 1 }, { last, last }, { 2, 1 }, { 3, last } };
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct cw_test_words sources = in_order(room, orders[i][0], orders[i][1]);
        expect_export(room, replay(room, &sources, NULL, NULL));
    }
}

/* Ties between sources go by their contracts' and their own names. */
static void other_names_of_the_sources_give_the_same_export(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_words sources = { { NULL }, 0 };
    for (size_t i = 0; i < scenario.agency_count; i++) {
        const char *name = scenario.agencies[i];
        const char *events = cw_test_path(room, "%02zu.avro", scenario.agency_count - i);
        const char *contract = cw_test_path(room, "%02zu.yaml", scenario.agency_count - i);
        assert_int_equal(
            symlink(cw_test_text(room, "%s/events/%s.avro", scenario.dir, name), events), 0);
        assert_int_equal(
            symlink(cw_test_text(room, "%s/contracts/%s.yaml", scenario.dir, name), contract), 0);
        cw_test_add(&sources, "--source", cw_test_text(room, "%s,contract=%s", events, contract),
                    NULL);
    }
    expect_export(room, replay(room, &sources, NULL, NULL));
}

/* --- how the work is cut --- */

static void any_cut_into_batches_gives_the_same_export(void **state)
{
    struct cw_test_room *room = *state;
    static const char *const batches[] = { "1", "7", "64", "512" };
    struct cw_test_words sources = whole_directory(room);
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
        expect_export(room, replay(room, &sources, "--batch", batches[i]));
}

static void any_cut_into_ticks_gives_the_same_export(void **state)
{
    struct cw_test_room *room = *state;
    static const char *const ticks[] = { "100", "1000", "1M" };
    struct cw_test_words sources = whole_directory(room);
    for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++)
        expect_export(room, replay(room, &sources, "--tick", ticks[i]));
}

/* --- processes --- */

/* Also: the scenario has something of everything, so that equality says something. */
static void five_processes_fill_redis_with_the_same_alerts(void **state)
{
    struct cw_test_room *room = *state;
    run_into_redis(room, "processes", NULL, NULL);
    expect_redis(room, "processes");

    struct cw_test_process *counters =
        cw_test_crosswatch(room, 0, "counters", "--log", cw_test_path(room, "log"), NULL);
    assert_true(cw_test_number(room, counters->output, "link.merges") >= 20);
    assert_true(cw_test_number(room, counters->output, "link.splits") >= 5);
    assert_true(cw_test_number(room, counters->output, "dedup.duplicate") >= 100);
    assert_true(cw_test_number(room, counters->output, "dedup.withdrawn") >= 50);
    assert_true(cw_test_count_lines(room, scenario.alerts) >= 50);
}

static void five_processes_with_small_batches_and_ticks_do_too(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_words words = whole_directory(room);
    struct cw_test_words all = { { NULL }, 0 };
    cw_test_add(&all, CW_PROGRAM, "run", "--rules", RULES, "--redis", scenario.redis.url, "--log",
                cw_test_path(room, "log"), "--deployment", "small", "--batch", "7", "--tick", "250",
                words.items[0], words.items[1], NULL);
    (void)cw_test_run(room, 0, &all, NULL);
    expect_redis(room, "small");
}

static void one_process_fills_redis_with_the_same_alerts(void **state)
{
    struct cw_test_room *room = *state;
    run_into_redis(room, "fused", "--fused", NULL);
    expect_redis(room, "fused");
}

static void a_shell_pipeline_fills_redis_with_the_same_alerts(void **state)
{
    struct cw_test_room *room = *state;
    const char *log = cw_test_path(room, "log");
    const char *script =
        cw_test_text(room,
                     "set -e -o pipefail; cw='%s'; \"$cw\" ingest --source '%s/events' --log '%s'; "
                     "\"$cw\" dedup --log '%s' | \"$cw\" link | \"$cw\" detect --rules '%s' | "
                     "\"$cw\" sink --log '%s' --redis '%s' --deployment shell",
                     CW_PROGRAM, scenario.dir, log, log, RULES, log, scenario.redis.url);
    struct cw_test_words words = { { NULL }, 0 };
    cw_test_add(&words, "bash", "-c", script, NULL);
    (void)cw_test_run(room, 0, &words, NULL);
    expect_redis(room, "shell");
}

/* --- Kafka --- */

static struct test_broker broker;

static int start_broker(void **state)
{
    test_broker_start(&broker, CW_SOURCE_DIR);
    return make_room(state);
}

static int stop_broker(void **state)
{
    test_broker_stop(&broker);
    return remove_room(state);
}

/* One topic an agency, three partitions each. */
static struct cw_test_words produce_all(struct cw_test_room *room)
{
    struct cw_test_words sources = { { NULL }, 0 };
    for (size_t i = 0; i < scenario.agency_count; i++) {
        const char *name = scenario.agencies[i];
        (void)cw_test_crosswatch(room, 0, "produce", "--brokers", broker.brokers, "--topic", name,
                                 "--create", "3",
                                 cw_test_text(room, "%s/events/%s.avro", scenario.dir, name), NULL);
        cw_test_add(&sources, "--source",
                    cw_test_text(room, "kafka://%s/%s,end=offsets,contract=%s/contracts/%s.yaml",
                                 broker.brokers, name, scenario.dir, name),
                    NULL);
    }
    return sources;
}

static void through_kafka_comes_the_same_export(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_words sources = produce_all(room);
    expect_export(room, replay(room, &sources, NULL, NULL));

    struct cw_test_words run = { { NULL }, 0 };
    cw_test_add(&run, CW_PROGRAM, "run", "--rules", RULES, "--redis", scenario.redis.url, "--log",
                cw_test_path(room, "log"), "--deployment", "kafka", NULL);
    for (size_t i = 0; i < sources.count; i++)
        cw_test_add(&run, sources.items[i], NULL);
    (void)cw_test_run(room, 0, &run, NULL);
    expect_redis(room, "kafka");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_room, remove_room)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_order_of_the_sources_gives_the_same_export),
        TEST(other_names_of_the_sources_give_the_same_export),
        TEST(any_cut_into_batches_gives_the_same_export),
        TEST(any_cut_into_ticks_gives_the_same_export),
        TEST(five_processes_fill_redis_with_the_same_alerts),
        TEST(five_processes_with_small_batches_and_ticks_do_too),
        TEST(one_process_fills_redis_with_the_same_alerts),
        TEST(a_shell_pipeline_fills_redis_with_the_same_alerts),
        cmocka_unit_test_setup_teardown(through_kafka_comes_the_same_export, start_broker,
                                        stop_broker),
    };
    return cmocka_run_group_tests(tests, make_scenario, remove_scenario);
}

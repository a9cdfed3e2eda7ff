/*
 * The commands as people type them: what they say, and how they end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operators/runtime/stage.h"
#include "tests/support/process.h"
#include "tests/support/redis.h"

#define RULES CW_SOURCE_DIR "/detectors/rules"

static const char *const commands[] = {
#define CW_COMMAND(name) #name,
#include "ops/commands.def"
#undef CW_COMMAND
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]), EVENTS = 2000 };

/* What all tests here read: a scenario, its log, its export, and the Redis of its alerts. */
static struct cw_test_room *shared;
static struct cw_test_redis redis;
static const char *scenario;
static const char *whole_log;
static const char *export_dir;

/* --- the scene --- */

static void run_chain(struct cw_test_room *room, int status, const char *log,
                      struct cw_test_process **process)
{
    *process = cw_test_crosswatch(room, status, "run", "--source", scenario, "--rules", RULES,
                                  "--log", log, "--redis", redis.url, NULL);
}

static const char *export_alerts(struct cw_test_room *room)
{
    return cw_test_crosswatch(room, CW_EXIT_OK, "alerts", "export", "--canonical", "--redis",
                              redis.url, NULL)
        ->output;
}

static int make_scenario(void **state)
{
    (void)state;
    struct cw_test_process *run;
    shared = cw_test_room_new();
    cw_test_redis_start(&redis, NULL);
    scenario = cw_test_path(shared, "g");
    whole_log = cw_test_path(shared, "log");
    export_dir = cw_test_path(shared, "out");
    (void)cw_test_crosswatch(shared, CW_EXIT_OK, "generate", "--events",
                             cw_test_text(shared, "%d", EVENTS), "--seed", "3", "--out", scenario,
                             NULL);
    (void)cw_test_crosswatch(shared, CW_EXIT_OK, "replay", "--source", scenario, "--rules", RULES,
                             "--export", export_dir, NULL);
    run_chain(shared, CW_EXIT_OK, whole_log, &run);
    return 0;
}

static int remove_scenario(void **state)
{
    (void)state;
    cw_test_redis_stop(&redis);
    cw_test_room_free(shared);
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

static bool says(const struct cw_test_process *process, const char *text)
{
    return cw_test_file_has(process->room, process->errors, text);
}

static bool prints(const struct cw_test_process *process, const char *text)
{
    return cw_test_file_has(process->room, process->output, text);
}

/* --- help and mistakes --- */

static void every_command_has_help(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_process *help = cw_test_crosswatch(room, CW_EXIT_OK, "--help", NULL);
    for (size_t i = 0; i < COMMANDS; i++) {
        assert_true(prints(help, cw_test_text(room, "crosswatch %s ", commands[i])));
        struct cw_test_process *own =
            cw_test_crosswatch(room, CW_EXIT_OK, commands[i], "--help", NULL);
        assert_true(prints(own, cw_test_text(room, "crosswatch %s ", commands[i])));
        assert_int_equal(cw_test_count_lines(room, own->errors), 0);
    }
    /* also behind other words */
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "alerts", "tail", "--help", NULL);
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "run", "--source", "x", "--help", NULL);
}

static void an_unknown_option_is_named(void **state)
{
    struct cw_test_room *room = *state;
    for (size_t i = 0; i < COMMANDS; i++) {
        struct cw_test_process *process =
            cw_test_crosswatch(room, CW_EXIT_USAGE, commands[i], "--no-such-option", NULL);
        assert_true(says(process, "unknown option --no-such-option"));
        assert_int_equal(cw_test_count_lines(room, process->output), 0);
    }
}

static void other_mistakes_on_the_command_line_are_named(void **state)
{
    struct cw_test_room *room = *state;
    enum { WORDS = 6 };
    static const char *const lines[][WORDS + 1] = {
        { "no-such-command" },
        { "run", "--log", "x" },
        { "replay", "--source" },
        { "replay", "--tick", "many" },
        { "entity", "show", "--log", "x" },
        { "entity", "show", "not-an-id", "--log", "x" },
        { "entity", "why", "a/1", "--log", "x" },
        { "rules" },
        { "rules", "chek", "x" },
        { "dlq", "list" },
        { "dlq", "show", "x", "-1" },
        { "frames" },
        { "alerts", "nonsense", "--redis", "unix:/nowhere" },
        { "alerts", "list", "--redis", "http://nowhere" },
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *const *words = lines[i];
        struct cw_test_process *process = cw_test_crosswatch(
            room, CW_EXIT_USAGE, words[0], words[1], words[2], words[3], words[4], words[5], NULL);
        assert_true(cw_test_count_lines(room, process->errors) > 0);
    }
    struct cw_test_process *export =
        cw_test_crosswatch(room, CW_EXIT_USAGE, "alerts", "export", "--redis", redis.url, NULL);
    assert_true(says(export, "--canonical"));
}

static void what_is_not_there_is_named(void **state)
{
    struct cw_test_room *room = *state;
    const char *log = cw_test_path(room, "log");
    struct cw_test_process *process = cw_test_crosswatch(room, CW_EXIT_FAILED, "ingest", "--source",
                                                         "/nowhere.avro", "--log", log, NULL);
    assert_true(says(process, "/nowhere.avro"));
    process = cw_test_crosswatch(room, CW_EXIT_FAILED, "frames", "--log", "/no-log", NULL);
    assert_true(says(process, "/no-log"));
    process = cw_test_crosswatch(room, CW_EXIT_FAILED, "counters", "--log", "/no-log", NULL);
    assert_true(says(process, "/no-log"));
    process = cw_test_crosswatch(room, CW_EXIT_FAILED, "dlq", "list", "/no-letters", NULL);
    assert_true(says(process, "/no-letters"));
    process = cw_test_crosswatch(room, CW_EXIT_FAILED, "run", "--source", scenario, "--rules",
                                 "/no-rules", "--log", log, "--redis", redis.url, NULL);
    assert_true(says(process, "/no-rules"));
}

/* --- looking into the log --- */

static void frames_shows_what_the_log_holds(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_process *frames =
        cw_test_crosswatch(room, CW_EXIT_OK, "frames", "--log", whole_log, NULL);
    assert_true(cw_test_count_lines(room, frames->output) > EVENTS);
    static const char *const wanted[] = {
        "{\"kind\":\"name\"",
        "{\"kind\":\"event\"",
        "{\"kind\":\"reject\"",
        "{\"kind\":\"tick\"",
        "{\"kind\":\"end\"",
        "\"F\":{",
        "{\"kind\":\"source_end\"",
        "\"time_lo\":\"",
        "\"R\":",
        "\"folded\"",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (!prints(frames, wanted[i]))
            fail_msg("no %s in what frames prints", wanted[i]);
    }
}

static void frames_shows_identifiers_that_are_none_with_their_fault(void **state)
{
    struct cw_test_room *room = *state;
    static const char event[] =
        "{\"owner\":\"XX\",\"event_id\":\"E-1\",\"event_type\":\"border_crossing\","
        "\"event_time\":\"2020-01-01T00:00:00Z\",\"recorded_at\":\"2020-01-01T00:00:00Z\","
        "\"crossing\":{},\"parties\":[{\"role\":\"traveller\",\"kind\":\"person\",\"ids\":["
        "{\"kind\":\"iban\",\"value\":\"de00 123\"},"
        "{\"kind\":\"passport\",\"issuer\":\"RO\",\"value\":\"x123 4567\"}]}]}\n";
    const char *path = cw_test_path(room, "one.jsonl");
    const char *log = cw_test_path(room, "log");
    cw_test_write(path, event, strlen(event));
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "ingest", "--source", path, "--log", log, NULL);
    struct cw_test_process *frames =
        cw_test_crosswatch(room, CW_EXIT_OK, "frames", "--log", log, NULL);
    assert_true(prints(frames, "\"value\":\"de00 123\",\"fault\":\"")); /* as it was sent */
    assert_true(
        prints(frames, "\"value\":\"X1234567\",\"issuer\":\"RO\",\"stated\":\"x123 4567\"}"));
}

static void frames_shows_what_passes_a_joint(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_words words = { { NULL }, 0 };
    cw_test_add(&words, "bash", "-c",
                cw_test_text(room,
                             "set -o pipefail; cw='%s'; \"$cw\" dedup --log '%s' | \"$cw\" link | "
                             "\"$cw\" detect --rules '%s' | \"$cw\" frames -",
                             CW_PROGRAM, whole_log, RULES),
                NULL);
    struct cw_test_process *frames = cw_test_run(room, CW_EXIT_OK, &words, NULL);
    assert_true(prints(frames, "{\"kind\":\"row\""));
    assert_true(prints(frames, "{\"kind\":\"end\""));
    /* nothing is not an end */
    struct cw_test_process *nothing = cw_test_crosswatch(room, CW_EXIT_BROKEN, "frames", "-", NULL);
    assert_int_equal(cw_test_count_lines(room, nothing->output), 0);
}

static void entity_shows_the_members_that_the_export_names(void **state)
{
    struct cw_test_room *room = *state;
    const char *line =
        cw_test_read(room, cw_test_text(room, "%s/entities.jsonl", export_dir), NULL);
    const char *member = strstr(line, "\"event_id\":");
    assert_int_equal(strncmp(line, "{\"id\":\"", 7), 0);
    assert_non_null(member);
    const char *id = cw_test_text(room, "%.32s", line + 7);
    struct cw_test_process *entity = cw_test_crosswatch(room, CW_EXIT_OK, "entity", "show", id,
                                                        "--log", whole_log, "--json", NULL);
    assert_true(prints(entity, id));
    assert_true(prints(entity, cw_test_text(room, "%.*s", (int)strcspn(member, ","), member)));
    assert_true(prints(entity, "\"identifiers\":["));
    assert_true(prints(entity, "\"owners\":["));
    struct cw_test_process *nobody =
        cw_test_crosswatch(room, CW_EXIT_FAILED, "entity", "show",
                           "00000000000000000000000000000001", "--log", whole_log, NULL);
    assert_true(says(nobody, "no entity of that id"));
}

static void entity_why_compares_two_by_name_or_by_id(void **state)
{
    struct cw_test_room *room = *state;
    const char *line =
        cw_test_read(room, cw_test_text(room, "%s/entities.jsonl", export_dir), NULL);
    const char *id = cw_test_text(room, "%.32s", line + 7);
    struct cw_test_process *text =
        cw_test_crosswatch(room, CW_EXIT_OK, "entity", "why", id, id, "--log", whole_log, NULL);
    assert_true(prints(text, "They are one record"));
    assert_true(prints(text, "What they state:"));
    struct cw_test_process *json = cw_test_crosswatch(room, CW_EXIT_OK, "entity", "why", id, id,
                                                      "--log", whole_log, "--json", NULL);
    assert_true(prints(json, "\"one\":true"));
    struct cw_test_process *nobody = cw_test_crosswatch(
        room, CW_EXIT_FAILED, "entity", "why", id, "NOBODY/nothing/0", "--log", whole_log, NULL);
    assert_true(says(nobody, "no event of that name is in force"));
}

static void counters_are_read_from_outside(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_process *counters =
        cw_test_crosswatch(room, CW_EXIT_OK, "counters", "--log", whole_log, NULL);
    static const char *const stages[] = { "ingest", "dedup", "link", "detect", "sink" };
    assert_int_equal(cw_test_count_lines(room, counters->output), 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(prints(counters, cw_test_text(room, "\"stage\":\"%s\"", stages[i])));
    struct cw_test_process *one = cw_test_crosswatch(
        room, CW_EXIT_OK, "counters", cw_test_text(room, "%s/run/link.counters", whole_log), NULL);
    assert_int_equal(cw_test_count_lines(room, one->output), 1);
    assert_true(cw_test_number(room, one->output, "link.records") > 0);
}

static void dead_letters_are_listed_and_shown(void **state)
{
    struct cw_test_room *room = *state;
    const char *dir = cw_test_text(room, "%s/dead-letters", whole_log);
    struct cw_test_process *list = cw_test_crosswatch(room, CW_EXIT_OK, "dlq", "list", dir, NULL);
    size_t count = cw_test_count_lines(room, list->output);
    assert_true(count > 0);
    struct cw_test_process *some =
        cw_test_crosswatch(room, CW_EXIT_OK, "dlq", "list", dir, "--code", "no_such_code", NULL);
    assert_int_equal(cw_test_count_lines(room, some->output), 0);
    struct cw_test_process *show =
        cw_test_crosswatch(room, CW_EXIT_OK, "dlq", "show", dir, "1", NULL);
    assert_true(prints(show, "number    1\n"));
    struct cw_test_process *none = cw_test_crosswatch(room, CW_EXIT_FAILED, "dlq", "show", dir,
                                                      cw_test_text(room, "%zu", count + 1), NULL);
    assert_true(says(none, "there is no letter"));
}

/* --- rules --- */

static void rules_check_names_the_place_of_a_mistake(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_process *good =
        cw_test_crosswatch(room, CW_EXIT_OK, "rules", "check", RULES, NULL);
    assert_true(prints(good, "no mistakes"));
    const char *path = cw_test_path(room, "bad.yaml");
    const char *text = cw_test_read(room, RULES "/one_phone_several_persons.yaml", NULL);
    const char *span = strstr(text, "timespan: 30d");
    assert_non_null(span);
    size_t line = 1;
    for (const char *at = text; at < span; at++)
        line += *at == '\n';
    const char *bad = cw_test_text(room, "%.*stimespan: a month%s", (int)(span - text), text,
                                   span + strlen("timespan: 30d"));
    cw_test_write(path, bad, strlen(bad));
    struct cw_test_process *found =
        cw_test_crosswatch(room, CW_EXIT_FAILED, "rules", "check", path, NULL);
    assert_true(prints(found, cw_test_text(room, "%s:%zu:13: error: ", path, line)));
    assert_true(prints(found, "a month"));
}

/* --- running again --- */

static void a_run_on_a_finished_log_leaves_redis_as_it_is(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_process *run;
    const char *before = export_alerts(room);
    const char *expected = cw_test_text(room, "%s/alerts.jsonl", export_dir);
    assert_true(cw_test_count_lines(room, expected) > 0);
    cw_test_same_files(room, expected, before);
    redisContext *eye = cw_test_redis_connect(&redis);
    redisReply *feed = redisCommand(eye, "XLEN cw:{crosswatch}:a:all:1:feed");
    assert_int_equal(feed->type, REDIS_REPLY_INTEGER);
    long long entries = feed->integer;
    assert_true(entries > 0);
    freeReplyObject(feed);

    run_chain(room, CW_EXIT_OK, whole_log, &run);
    cw_test_same_files(room, before, export_alerts(room));
    feed = redisCommand(eye, "XLEN cw:{crosswatch}:a:all:1:feed");
    assert_int_equal(feed->integer, entries); /* nobody is rung twice */
    freeReplyObject(feed);
    redisFree(eye);
}

/* A chain for a deployment of the test's own: what is there first is of the shared log and rules.
 */
static void run_for(struct cw_test_room *room, const char *deployment, const char *log,
                    const char *rules)
{
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "run", "--source", scenario, "--rules", rules,
                             "--log", log, "--redis", redis.url, "--deployment", deployment, NULL);
}

static const char *export_of(struct cw_test_room *room, const char *deployment)
{
    return cw_test_crosswatch(room, CW_EXIT_OK, "alerts", "export", "--canonical", "--redis",
                              redis.url, "--deployment", deployment, NULL)
        ->output;
}

static void expect_generation(const char *deployment, const char *expected)
{
    redisContext *eye = cw_test_redis_connect(&redis);
    redisReply *reply = redisCommand(eye, "HGET cw:{%s}:a:all:meta generation", deployment);
    assert_string_equal(reply->str, expected);
    freeReplyObject(reply);
    redisFree(eye);
}

static void a_redis_of_another_log_is_filled_again(void **state)
{
    struct cw_test_room *room = *state;
    run_for(room, "two", whole_log, RULES);
    const char *before = export_of(room, "two");
    expect_generation("two", "1");
    run_for(room, "two", cw_test_path(room, "another"), RULES);
    expect_generation("two", "2");
    cw_test_same_files(room, before, export_of(room, "two"));
}

static void a_redis_of_other_rules_is_filled_again(void **state)
{
    struct cw_test_room *room = *state;
    run_for(room, "three", whole_log, RULES);
    run_for(room, "three", whole_log, RULES "/wanted_person_at_border.yaml");
    expect_generation("three", "2");
    run_for(room, "three", whole_log, RULES);
    expect_generation("three", "3");
    cw_test_same_files(room, export_alerts(room), export_of(room, "three"));
}

/* The rule set comes with the rows, so that a chain typed in a shell is held to it too. */
static void a_chain_of_other_rules_typed_in_a_shell_fills_it_again(void **state)
{
    struct cw_test_room *room = *state;
    run_for(room, "four", whole_log, RULES);
    struct cw_test_words words = { 0 };
    cw_test_add(&words, "bash", "-c",
                cw_test_text(room,
                             "set -o pipefail; '%s' dedup --log '%s' | '%s' link | "
                             "'%s' detect --rules '%s' | '%s' sink --log '%s' --redis '%s' "
                             "--deployment four",
                             CW_PROGRAM, whole_log, CW_PROGRAM, CW_PROGRAM,
                             RULES "/one_phone_several_persons.yaml", CW_PROGRAM, whole_log,
                             redis.url),
                NULL);
    struct cw_test_process *chain = cw_test_run(room, CW_EXIT_OK, &words, NULL);
    assert_true(says(chain, "another rule set"));
    expect_generation("four", "2");
}

static void a_run_writes_a_copy_for_each_audience(void **state)
{
    struct cw_test_room *room = *state;
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "run", "--source", scenario, "--rules", RULES,
                             "--log", whole_log, "--redis", redis.url, "--deployment", "five",
                             "--audience", "dk", "--audience", "fr", NULL);
    struct cw_test_process *alerts =
        cw_test_crosswatch(room, CW_EXIT_OK, "alerts", "export", "--canonical", "--redis",
                           redis.url, "--deployment", "five", "--audience", "dk", NULL);
    cw_test_same_files(room, export_of(room, "five"), alerts->output);
    (void)cw_test_crosswatch(room, CW_EXIT_FAILED, "alerts", "list", "--redis", redis.url,
                             "--deployment", "five", "--audience", "se", NULL);
}

/* --- what an amendment changes, a row shows --- */

#define NOTICE(version, colour)                                                                    \
    "{\"owner\":\"O\",\"event_id\":\"n\",\"version\":" version ",\"event_type\":\"notice\","       \
    "\"event_time\":\"2024-01-01T00:00:00Z\",\"recorded_at\":\"2024-01-01T00:00:00Z\","            \
    "\"parties\":[{\"role\":\"subject\",\"ids\":[{\"kind\":\"passport\",\"issuer\":\"RO\","        \
    "\"value\":\"AB12345\"}]}],\"notice\":{\"colour\":\"" colour                                   \
    "\",\"valid_from\":\"2024-01-01T00:00:00Z\"}}\n"
#define OPENING                                                                                    \
    "{\"owner\":\"O\",\"event_id\":\"s\",\"event_type\":\"account_open\","                         \
    "\"event_time\":\"2024-02-01T00:00:00Z\",\"recorded_at\":\"2024-02-01T00:00:00Z\","            \
    "\"parties\":[{\"role\":\"holder\",\"ids\":[{\"kind\":\"passport\",\"issuer\":\"RO\","         \
    "\"value\":\"AB12345\"}]}],\"account\":{}}\n"

static const char *replayed(struct cw_test_room *room, const char *name, const char *lines,
                            const char *tick)
{
    const char *source = cw_test_path(room, "%s.jsonl", name);
    const char *out = cw_test_path(room, "%s-%s", name, tick);
    cw_test_write(source, lines, strlen(lines));
    cw_test_crosswatch(room, CW_EXIT_OK, "replay", "--source", source, "--rules", RULES, "--export",
                       out, "--tick", tick, NULL);
    return cw_test_text(room, "%s/alerts.jsonl", out);
}

static void a_row_shows_its_evidence_as_it_was_amended_in_any_order(void **state)
{
    struct cw_test_room *room = *state;
    const char *in_order = NOTICE("1", "sanctions") OPENING NOTICE("2", "watch");
    const char *late = NOTICE("2", "watch") OPENING NOTICE("1", "sanctions");
    const char *expected = replayed(room, "in-order", in_order, "4096");
    assert_true(cw_test_file_has(room, expected, "colour watch"));
    cw_test_same_files(room, expected, replayed(room, "in-order", in_order, "1"));
    cw_test_same_files(room, expected, replayed(room, "late", late, "1"));
    cw_test_same_files(room, expected, replayed(room, "late", late, "4096"));
}

static void a_line_that_never_ends_keeps_nobody_from_stopping(void **state)
{
    struct cw_test_room *room = *state;
    const char *page = cw_test_path(room, "page");
    struct cw_test_words words = { 0 };
    cw_test_add(&words, CW_PROGRAM, "ingest", "--source", "/dev/zero", "--log",
                cw_test_path(room, "zero"), "--counters", page, NULL);
    struct cw_test_process *ingest = cw_test_start(room, &words, NULL);
    int64_t since = cw_test_now_ms();
    while (access(page, R_OK) != 0)
        cw_test_rest(since, CW_TEST_LIMIT_MS, "ingest to begin");
    kill(ingest->pid, SIGTERM);
    cw_test_wait_for_status(ingest, CW_EXIT_BROKEN);
}

/* --- the public sets --- */

static const char *data_dir(struct cw_test_room *room)
{
    const char *dir = getenv("CROSSWATCH_DATA");
    return dir != NULL ? dir : cw_test_text(room, "%s/../shared/data", CW_SOURCE_DIR);
}

static void the_public_lists_find_the_three_customers_on_them(void **state)
{
    struct cw_test_room *room = *state;
    const char *un =
        cw_test_text(room, "%s/un-sc-consolidated/UN_consolidated.xml.gz", data_dir(room));
    const char *senzing = cw_test_text(room, "%s/senzing-truthset", data_dir(room));
    if (access(un, R_OK) != 0 || access(senzing, R_OK) != 0) {
        print_message("the public data sets are not there: set CROSSWATCH_DATA\n");
        skip();
    }
    struct cw_test_process *notices =
        cw_test_crosswatch(room, CW_EXIT_OK, "import", "un-sc", un, NULL);
    struct cw_test_process *customers =
        cw_test_crosswatch(room, CW_EXIT_OK, "import", "senzing", senzing, NULL);
    const char *out = cw_test_path(room, "out");
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "replay", "--source", notices->output, "--source",
                             customers->output, "--rules", RULES, "--export", out, NULL);
    const char *alerts = cw_test_text(room, "%s/alerts.jsonl", out);
    static const char *const wanted[] = { "1005", "1009", "1020" };
    assert_int_equal(cw_test_count_lines(room, alerts), 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(cw_test_file_has(
            room, alerts,
            cw_test_text(room, "{\"event_id\":\"%s\",\"owner\":\"SENZING-CUSTOMERS\"", wanted[i])));
    assert_true(cw_test_file_has(room, alerts, " is shared by "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_room, remove_room)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_command_has_help),
        TEST(an_unknown_option_is_named),
        TEST(other_mistakes_on_the_command_line_are_named),
        TEST(what_is_not_there_is_named),
        TEST(frames_shows_what_the_log_holds),
        TEST(frames_shows_identifiers_that_are_none_with_their_fault),
        TEST(frames_shows_what_passes_a_joint),
        TEST(entity_shows_the_members_that_the_export_names),
        TEST(entity_why_compares_two_by_name_or_by_id),
        TEST(counters_are_read_from_outside),
        TEST(dead_letters_are_listed_and_shown),
        TEST(rules_check_names_the_place_of_a_mistake),
        TEST(a_run_on_a_finished_log_leaves_redis_as_it_is),
        TEST(a_redis_of_another_log_is_filled_again),
        TEST(a_redis_of_other_rules_is_filled_again),
        TEST(a_chain_of_other_rules_typed_in_a_shell_fills_it_again),
        TEST(a_run_writes_a_copy_for_each_audience),
        TEST(a_row_shows_its_evidence_as_it_was_amended_in_any_order),
        TEST(a_line_that_never_ends_keeps_nobody_from_stopping),
        TEST(the_public_lists_find_the_three_customers_on_them),
    };
    return cmocka_run_group_tests(tests, make_scenario, remove_scenario);
}

/* test_questions.c - questions asked of a log: why an alert stands, what became of an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

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

/* An advertisement under one phone number; PERSON is the end of a passport number. */
#define AD(id, version, op, day, person)                                                           \
    "{\"owner\":\"RO-X\",\"event_id\":\"" id "\",\"version\":" version ",\"op\":\"" op "\","       \
    "\"event_type\":\"online_ad\",\"event_time\":\"2024-02-" day "T00:00:00Z\","                   \
    "\"recorded_at\":\"2024-02-01T00:00:00Z\",\"parties\":[{\"role\":\"contact\",\"ids\":[{"       \
    "\"kind\":\"phone\",\"value\":\"+40700000001\"}]},{\"role\":\"person\",\"ids\":[{\"kind\":"    \
    "\"passport\",\"issuer\":\"RO\",\"value\":\"0530000" person "\"}]}],\"ad\":{}}\n"
#define WITHDRAWN(id)                                                                              \
    "{\"owner\":\"RO-X\",\"event_id\":\"" id "\",\"version\":2,\"op\":\"withdraw\","               \
    "\"event_type\":\"online_ad\",\"event_time\":\"2024-02-01T00:00:00Z\","                        \
    "\"recorded_at\":\"2024-02-01T00:00:00Z\"}\n"

#define STORY                                                                                      \
    AD("a", "1", "create", "01", "1")                                                              \
    AD("a", "1", "create", "01", "1")                                                              \
    AD("b", "1", "create", "02", "2")                                                              \
    AD("b", "2", "amend", "03", "2")                                                               \
    AD("b", "1", "create", "02", "2")                                                              \
    AD("c", "1", "create", "05", "3") AD("d", "1", "create", "06", "4") WITHDRAWN("d")

struct asked {
    struct cw_test_room *room;
    const char *log;
    const char *alerts; /* the export of a replay */
};

/* A log of the lines, a tick behind each of them, and what a replay exports. */
static struct asked ask_of(struct cw_test_room *room, const char *name, const char *lines)
{
    struct asked asked = { room, cw_test_path(room, "%s.log", name), NULL };
    const char *source = cw_test_path(room, "%s.jsonl", name);
    const char *out = cw_test_path(room, "%s.out", name);
    cw_test_write(source, lines, strlen(lines));
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "ingest", "--source", source, "--log", asked.log,
                             "--tick", "1", NULL);
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "replay", "--source", source, "--rules", RULES,
                             "--export", out, NULL);
    asked.alerts = cw_test_read(room, cw_test_text(room, "%s/alerts.jsonl", out), NULL);
    return asked;
}

static const char *traced(const struct asked *asked, const char *event)
{
    return cw_test_read(asked->room,
                        cw_test_crosswatch(asked->room, CW_EXIT_OK, "trace", "RO-X", event, "--log",
                                           asked->log, "--rules", RULES, "--json", NULL)
                            ->output,
                        NULL);
}

static const char *why(const struct asked *asked, const char *id)
{
    return cw_test_read(asked->room,
                        cw_test_crosswatch(asked->room, CW_EXIT_OK, "alerts", "why", id, "--log",
                                           asked->log, "--rules", RULES, "--json", NULL)
                            ->output,
                        NULL);
}

static const char *alert_id(const struct asked *asked)
{
    const char *at = strstr(asked->alerts, "\"id\":\"");
    if (at == NULL)
        fail_msg("expected an alert, found \"%s\"", asked->alerts);
    return cw_test_text(asked->room, "%.32s", at + 6);
}

static void wants(const char *text, const char *wanted)
{
    if (strstr(text, wanted) == NULL)
        fail_msg("expected %s in\n%s", wanted, text);
}

static void lacks(const char *text, const char *unwanted)
{
    if (strstr(text, unwanted) != NULL)
        fail_msg("expected no %s in\n%s", unwanted, text);
}

static void versions_are_told_apart(void **state)
{
    struct asked asked = ask_of(*state, "story", STORY);
    const char *a = traced(&asked, "a");
    wants(a, "\"made\":[\"new\"],\"in_force\":true}");
    wants(a, "\"made\":[\"duplicate\"],\"in_force\":false}");
    const char *b = traced(&asked, "b");
    wants(b, "\"version\":1,\"op\":\"create\",\"made\":[\"new\"],\"in_force\":false}");
    wants(b, "\"version\":2,\"op\":\"amend\",\"made\":[\"amended\"],\"in_force\":true}");
    wants(b, "\"version\":1,\"op\":\"create\",\"made\":[\"stale\"],\"in_force\":false}");
    const char *d = traced(&asked, "d");
    wants(d, "\"op\":\"withdraw\",\"made\":[\"withdrawn\"],\"in_force\":false}");
    lacks(d, "\"in_force\":true");
    wants(d, "\"rules\":[]");
}

static void an_alert_is_what_a_replay_exports_and_its_events_name_it(void **state)
{
    struct asked asked = ask_of(*state, "story", STORY);
    const char *id = alert_id(&asked);
    const char *text = why(&asked, id);
    wants(text, "\"status\":\"stands\"");
    wants(text, cw_test_text(asked.room, "\"alert\":%.*s", (int)strcspn(asked.alerts, "\n"),
                             asked.alerts));
    wants(text, "\"value\":1,\"holds\":false}");
    wants(text, "\"value\":3,\"holds\":true}");
    lacks(text, "\"value\":4"); /* the one that was withdrawn */
    lacks(text, "\"event_id\":\"d\"");
    wants(traced(&asked, "b"), cw_test_text(asked.room, "{\"id\":\"%s\",\"level\":\"high\"", id));
}

static void an_alert_that_is_gone_is_told_with_what_is_left(void **state)
{
    struct asked whole = ask_of(*state, "story", STORY);
    struct asked less = ask_of(*state, "less", STORY WITHDRAWN("c"));
    assert_string_equal(less.alerts, "");
    const char *text = why(&less, alert_id(&whole));
    wants(text, "\"status\":\"gone\"");
    wants(text, "\"value\":2,\"holds\":false}");
    lacks(text, "\"holds\":true");
    lacks(text, "\"evidence\":true");
}

static void what_is_not_there_is_a_sentence(void **state)
{
    struct asked asked = ask_of(*state, "story", STORY);
    struct cw_test_process *process = cw_test_crosswatch(*state, CW_EXIT_FAILED, "trace", "RO-X",
                                                         "nobody", "--log", asked.log, NULL);
    assert_true(cw_test_file_has(*state, process->errors, "found none of that owner and event id"));
    assert_false(cw_test_file_has(*state, process->errors, "nobody"));
    process = cw_test_crosswatch(*state, CW_EXIT_FAILED, "alerts", "why",
                                 "00000000000000000000000000000000", "--log", asked.log, "--rules",
                                 RULES, NULL);
    assert_true(cw_test_file_has(*state, process->errors, "found one that they never had there"));
    (void)cw_test_crosswatch(*state, CW_EXIT_USAGE, "alerts", "why", "x", "--log", asked.log,
                             "--rules", RULES, NULL);
    (void)cw_test_crosswatch(*state, CW_EXIT_USAGE, "alerts", "list", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_room, remove_room)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(versions_are_told_apart),
        TEST(an_alert_is_what_a_replay_exports_and_its_events_name_it),
        TEST(an_alert_that_is_gone_is_told_with_what_is_left),
        TEST(what_is_not_there_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

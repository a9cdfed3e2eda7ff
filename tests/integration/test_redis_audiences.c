/* One copy an audience: who may see an alert finds it in the copy of its own, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "operators/runtime/time.h"
#include "tests/support/sink_scene.h"

#define DK "cw:{crosswatch}:a:dk:"
#define FR "cw:{crosswatch}:a:fr:"
#define FOR_DK "{\"audience\":[\"dk\"]}"
#define FOR_BOTH "{\"audience\":[\"dk\",\"fr\"],\"tlp\":\"AMBER\"}"
#define FOR_SE "{\"audience\":[\"se\"]}"
#define FOR_ALL "{\"tlp\":\"GREEN\"}"

static const char *const names[] = { "fr", "dk" };
static const struct cw_redis_settings both = { .audiences = names, .audience_count = 2 };

static int setup_audiences(void **state)
{
    int status = setup(state);
    struct fixture *f = *state;
    f->usual = &both;
    return status;
}

static void one_row(struct fixture *f, const char *alert, const char *restriction)
{
    begin_tick(f);
    set_for(f, alert, restriction);
    close_tick(f);
    push(f);
}

static void assert_open(struct fixture *f, const char *all, const char *dk, const char *fr)
{
    assert_redis(f, all, "ZRANGE " P "1:open 0 -1");
    assert_redis(f, dk, "ZRANGE " DK "1:open 0 -1");
    assert_redis(f, fr, "ZRANGE " FR "1:open 0 -1");
}

static void what_limits_nobody_is_in_every_copy(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    one_row(f, "a", "");
    assert_open(f, id_of("a"), id_of("a"), id_of("a"));
    one_row(f, "a", FOR_ALL);
    assert_open(f, id_of("a"), id_of("a"), id_of("a"));
    assert_redis(f, "2 1", "HMGET " FR "meta contract generation");
    assert_redis(f, "fr", "HGET " FR "meta audience");
    assert_redis(f, "all", "HGET " P "meta audience");
}

static void what_is_for_some_is_in_their_copies_only(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    one_row(f, "a", FOR_DK);
    assert_open(f, "", id_of("a"), "");
    one_row(f, "b", FOR_BOTH);
    assert_redis(f, "2", "ZCARD " DK "1:open");
    assert_redis(f, id_of("b"), "ZRANGE " FR "1:open 0 -1");
    assert_redis(f, "0", "ZCARD " P "1:open");
    assert_redis(f, "rule-1 1", "HGETALL " FR "1:rules");
    assert_redis(f, "rule-1 2", "HGETALL " DK "1:rules");
    assert_redis(f, "", "HGETALL " P "1:rules");
    assert_redis(f, "", "KEYS " P "1:*");
    assert_redis(f, "", "KEYS *:a:fr:*%s*", id_of("a"));
}

static void what_is_for_nobody_here_is_counted_and_stands_in_no_stream(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    one_row(f, "a", FOR_SE);
    one_row(f, "b", "{\"audience\":[]}");
    assert_open(f, "", "", "");
    assert_int_equal(cw_total_get(cw_redis_sink_totals(f->sink), "sink.no_audience_here"), 2);
    assert_redis(f, "7", "DBSIZE"); /* the state, and meta and counters of three */
}

static void who_may_no_longer_see_it_loses_all_of_it_in_one_step(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    one_row(f, "a", "");
    one_row(f, "a", FOR_DK);
    assert_open(f, "", id_of("a"), "");
    static const char *const lost[] = { P, FR };
    for (size_t i = 0; i < 2; i++) {
        assert_redis(f, "0", "EXISTS %s1:alert:%s %s1:open %s1:time %s1:rule:rule-1 %s1:levels",
                     lost[i], id_of("a"), lost[i], lost[i], lost[i], lost[i]);
        redisReply *feed = redisCommand(f->eye, "XREVRANGE %s1:feed + - COUNT 1", lost[i]);
        const redisReply *fields = feed->element[0]->element[1];
        assert_string_equal(feed->element[0]->element[0]->str, "2-1");
        assert_string_equal(fields->element[1]->str, "gone");
        assert_string_equal(fields->element[3]->str, id_of("a"));
        freeReplyObject(feed);
    }
    assert_redis(f, "2 1", "HMGET " DK "1:alert:%s revision detected_tick", id_of("a"));
    one_row(f, "a", FOR_SE);
    assert_open(f, "", "", "");
    one_row(f, "a", FOR_BOTH); /* and who may see it again, sees it anew */
    assert_open(f, "", id_of("a"), id_of("a"));
    assert_redis(f, "1 4", "HMGET " FR "1:alert:%s revision detected_tick", id_of("a"));
}

/* Whatever comes and goes, in steps that are cut anywhere: each copy is what its audience may see
 * of the view, with counts that agree. */
static void copies_agree_with_what_each_may_see(void **state)
{
    enum { ALERTS = 60, TICKS = 12 };
    static const char *const restrictions[] = { "", FOR_DK, FOR_BOTH, FOR_SE, FOR_ALL, "gone" };
    struct fixture *f = *state;
    int now[ALERTS];
    for (int i = 0; i < ALERTS; i++)
        now[i] = 5;
    open_sink(f);
    for (unsigned t = 0; t < TICKS; t++) {
        begin_tick(f);
        for (unsigned i = 0; i < ALERTS; i++) {
            char name[24];
            snprintf(name, sizeof(name), "alert %u", i);
            now[i] = (int)(((i + 1) * 2654435761u * (t + 3)) >> 13) % 6;
            if (now[i] == 5)
                gone(f, name);
            else
                set_for(f, name, restrictions[now[i]]);
        }
        close_tick(f);
    }
    push(f);
    static const char *const prefixes[] = { P, DK, FR };
    static const int sees[3][6] = { { 1, 0, 0, 0, 1, 0 },
                                    { 1, 1, 1, 0, 1, 0 },
                                    { 1, 0, 1, 0, 1, 0 } };
    for (size_t a = 0; a < 3; a++) {
        unsigned count = 0;
        for (int i = 0; i < ALERTS; i++) {
            char name[24];
            snprintf(name, sizeof(name), "alert %d", i);
            bool seen = sees[a][now[i]] != 0;
            count += seen;
            assert_redis(f, seen ? "1" : "0", "EXISTS %s1:alert:%s", prefixes[a], id_of(name));
        }
        char expected[32];
        snprintf(expected, sizeof(expected), "%u", count);
        assert_true(count > 5);
        assert_redis(f, expected, "ZCARD %s1:open", prefixes[a]);
        assert_redis(f, expected, "ZCARD %s1:time", prefixes[a]);
        assert_redis(f, expected, "HGET %s1:rules rule-1", prefixes[a]);
        assert_redis(f, expected, "HGET %s1:levels high", prefixes[a]);
    }
}

static int push_damaged(struct fixture *f)
{
    begin_tick(f);
    set_for(f, "a", "{\"audience\": [\"dk\"]}"); /* a blank: not canonical */
    return push_status(f);
}

static void a_restriction_that_does_not_read_is_damage(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    assert_ends(f, push_damaged, CW_EXIT_DAMAGED, "canonical text");
    assert_open(f, "", "", "");
}

static int open_with_bad_name(struct fixture *f)
{
    static const char *const bad[] = { "DK" };
    return open_status(f, &(struct cw_redis_settings){ .audiences = bad, .audience_count = 1 });
}

static void an_audience_is_a_word_of_small_letters(void **state)
{
    struct fixture *f = *state;
    assert_ends(f, open_with_bad_name, CW_EXIT_USAGE, "small letters");
}

/* --- aliases --- */

static void keyed(struct fixture *f, const char *alert, const char *entity, bool is_gone)
{
    struct cw_row row = row_of(alert, CW_LEVEL_HIGH, 2, "a title");
    char hex[CW_ID_HEX];
    char case_name[64];
    cw_id_hex(cw_test_id(entity), hex);
    struct cw_row_key key = { 1, cw_test_id(entity), cw_cstr(hex) };
    row.keys = &key;
    row.key_count = 1;
    row.gone = is_gone;
    snprintf(case_name, sizeof(case_name), "case of %s", entity);
    row.case_id = cw_test_id(case_name);
    put_row(f, &row);
}

/* Alerts of two entities; then the second is found to be the first. */
static void merge_two(struct fixture *f)
{
    begin_tick(f);
    keyed(f, "of one", "one", false);
    keyed(f, "of two", "two", false);
    close_tick(f);
    moved(f, "two", "one", CW_MOVED_MERGE);
    begin_tick(f);
    keyed(f, "of two", "two", true); /* before its successor: the order of rows is that of ids */
    keyed(f, "of one", "one", false);
    close_tick(f);
}

static void an_entity_that_was_merged_points_at_its_successor(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    merge_two(f);
    push(f);
    assert_redis(f, id_of("one"), "HGET " P "1:alias %s", id_of("two"));
    assert_redis(f, id_of("of one"), "HGET " P "1:alias %s", id_of("of two"));
    assert_redis(f, id_of("case of one"), "HGET " P "1:alias %s", id_of("case of two"));
    redisReply *feed = redisCommand(f->eye, "XRANGE " P "1:feed 2-1 2-1");
    const redisReply *fields = feed->element[0]->element[1];
    assert_int_equal(fields->elements, 10);
    assert_string_equal(fields->element[8]->str, "next");
    assert_string_equal(fields->element[9]->str, id_of("of one"));
    freeReplyObject(feed);
}

static void an_entity_that_comes_back_points_at_nobody(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    merge_two(f);
    moved(f, "one", "two", CW_MOVED_SPLIT);
    begin_tick(f);
    keyed(f, "of two", "two", false);
    close_tick(f);
    push(f);
    assert_redis(f, "0", "EXISTS " P "1:alias");
}

static void an_entity_that_was_renamed_twice_is_found_in_two_steps(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    merge_two(f);
    moved(f, "one", "zero", CW_MOVED_RENAMED);
    begin_tick(f);
    keyed(f, "of one", "one", true);
    keyed(f, "of zero", "zero", false);
    close_tick(f);
    push(f);
    assert_redis(f, id_of("one"), "HGET " P "1:alias %s", id_of("two"));
    assert_redis(f, id_of("zero"), "HGET " P "1:alias %s", id_of("one"));
    assert_redis(f, "-", "HGET " P "1:alias %s", id_of("zero"));
}

/* An id is told to those only who have met it. */
static void an_alias_is_in_no_copy_whose_readers_never_met_the_entity(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    set_for(f, "x", FOR_DK);
    close_tick(f);
    moved(f, "unknown", "one", CW_MOVED_MERGE);
    begin_tick(f);
    close_tick(f);
    push(f);
    assert_redis(f, "0", "EXISTS " P "1:alias " DK "1:alias");
}

static void a_restart_in_mid_tick_leaves_aliases_as_they_were(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    keyed(f, "of one", "one", false);
    keyed(f, "of two", "two", false);
    close_tick(f);
    moved(f, "two", "one", CW_MOVED_MERGE);
    moved(f, "one", "two", CW_MOVED_MERGE); /* and back, under the other's name */
    begin_tick(f);
    keyed(f, "of one", "one", true);
    many(f, 0, 300, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_redis(f, "2 1", "HMGET cw:{crosswatch}:sink tick tick_open");
    char *before = asked(f, "HGETALL " P "1:alias");
    assert_memory_equal(before, id_of("one"), 32);
    open_sink(f);
    close_tick(f);
    push(f);
    assert_redis(f, before, "HGETALL " P "1:alias");
    free(before);
}

/* --- cut off anywhere --- */

enum { CUT_TICKS = 10, CUT_ALERTS = 100 };

/* Alerts that come, change, are limited and go, of entities that are merged and split. */
static void busy_stream(struct fixture *f)
{
    static const char *const restrictions[] = { "", FOR_DK, FOR_BOTH, FOR_SE, "" };
    static const enum cw_moved_reason reasons[] = { CW_MOVED_MERGE, CW_MOVED_SPLIT,
                                                    CW_MOVED_RENAMED };
    for (unsigned t = 0; t < CUT_TICKS; t++) {
        char people[2][24];
        snprintf(people[0], 24, "person %u", t % 4);
        snprintf(people[1], 24, "person %u", (t + 1 + t / 4) % 4);
        moved(f, people[0], people[1], reasons[t % 3]);
        begin_tick(f);
        for (unsigned i = 0; i < CUT_ALERTS; i++) {
            unsigned dice = ((i + 1) * 2654435761u * (t + 3)) >> 13;
            char name[24];
            char person[24];
            snprintf(name, sizeof(name), "alert %u", i);
            snprintf(person, sizeof(person), "person %u", i % 4);
            if (i % 2 == 0)
                keyed(f, name, person, dice % 3 == 0);
            else if (dice % 6 == 5)
                gone(f, name);
            else
                set_for(f, name, restrictions[dice % 5]);
        }
        close_tick(f);
    }
    cw_test_end(&f->frames);
}

/* An empty server and log; ticks come into the log when the sink has begun. */
static void begin_afresh(struct fixture *f)
{
    assert_redis(f, "OK", "FLUSHALL");
    cw_redis_stage.free(f->sink);
    f->sink = NULL;
    cw_log_close(f->log);
    f->log = cw_log_memory();
    open_sink(f);
    for (unsigned t = 1; t <= CUT_TICKS; t++)
        cw_test_append_tick(f->log, t);
}

static void a_sink_that_is_cut_off_anywhere_leaves_what_an_undisturbed_one_does(void **state)
{
    struct fixture *f = *state;
    busy_stream(f);
    begin_afresh(f);
    assert_int_equal(push_status(f), CW_EXIT_OK);
    char *expected = asked(f, "DEBUG DIGEST");
    assert_int_equal(strlen(expected), 40);
    /* from the first tick on: one that had written nothing yet would fill apart, without a feed */
    for (size_t cut = CUT_ALERTS + 4; cut < 1000; cut += 43) {
        begin_afresh(f);
        struct cw_buf part = { f->frames.data, 0, 0 };
        for (size_t i = 0; i < cut && part.len < f->frames.len; i++)
            part.len += cw_frame_at(&f->frames, part.len)->length;
        assert_int_equal(cw_test_push(&cw_redis_stage, f->sink, &part, 7), CW_EXIT_OK);
        open_sink(f);
        assert_int_equal(push_status(f), CW_EXIT_OK);
        assert_redis(f, expected, "DEBUG DIGEST");
    }
    free(expected);
}

/* --- time to live --- */

static void expiring(struct fixture *f, const char *alert, int64_t expires)
{
    struct cw_row row = row_of(alert, CW_LEVEL_HIGH, 2, "a title");
    row.expires = expires;
    begin_tick(f);
    put_row(f, &row);
    close_tick(f);
    push(f);
}

static void a_backstop_is_set_in_live_mode_only_and_never_in_the_past(void **state)
{
    struct fixture *f = *state;
    const int64_t now = (int64_t)time(NULL);
    const struct cw_redis_settings live = { .live = true };
    char expected[32];
    snprintf(expected, sizeof(expected), "%lld", (long long)(now + 100 + 7 * 86400));
    assert_int_equal(open_status(f, NULL), CW_EXIT_OK);
    expiring(f, "a", (now + 100) * CW_SECOND);
    assert_redis(f, "-1", "TTL " P "1:alert:%s", id_of("a"));
    assert_int_equal(open_status(f, &live), CW_EXIT_OK);
    expiring(f, "b", (now + 100) * CW_SECOND);
    assert_redis(f, expected, "EXPIRETIME " P "1:alert:%s", id_of("b"));
    expiring(f, "c", (now - 100 * 86400) * CW_SECOND); /* a year that is being replayed */
    assert_redis(f, "-1", "TTL " P "1:alert:%s", id_of("c"));
    expiring(f, "b", CW_TIME_MAX);
    assert_redis(f, "-1", "TTL " P "1:alert:%s", id_of("b"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_audiences, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_limits_nobody_is_in_every_copy),
        TEST(what_is_for_some_is_in_their_copies_only),
        TEST(what_is_for_nobody_here_is_counted_and_stands_in_no_stream),
        TEST(who_may_no_longer_see_it_loses_all_of_it_in_one_step),
        TEST(copies_agree_with_what_each_may_see),
        TEST(a_restriction_that_does_not_read_is_damage),
        TEST(an_audience_is_a_word_of_small_letters),
        TEST(an_entity_that_was_merged_points_at_its_successor),
        TEST(an_entity_that_comes_back_points_at_nobody),
        TEST(an_entity_that_was_renamed_twice_is_found_in_two_steps),
        TEST(an_alias_is_in_no_copy_whose_readers_never_met_the_entity),
        TEST(a_restart_in_mid_tick_leaves_aliases_as_they_were),
        TEST(a_sink_that_is_cut_off_anywhere_leaves_what_an_undisturbed_one_does),
        TEST(a_backstop_is_set_in_live_mode_only_and_never_in_the_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

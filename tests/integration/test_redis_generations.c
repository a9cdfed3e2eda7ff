/* A Redis that does not hold what this chain has written is filled again beside what readers read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "operators/runtime/time.h"
#include "tests/support/sink_scene.h"

#define STATE "cw:{crosswatch}:sink"

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Two ticks: "alert 0" to "alert COUNT - 1", of which the second changes one. */
static void two_ticks(struct fixture *f, int count, const char *title)
{
    begin_tick(f);
    many(f, 0, count, title);
    close_tick(f);
    begin_tick(f);
    set(f, "alert 0", CW_LEVEL_CRITICAL, 1, title);
    close_tick(f);
}

static void nothing_is_left_of(struct fixture *f, const char *pattern)
{
    assert_redis(f, "", "KEYS %s", pattern);
}

/* Another log, with two ticks in it that have yet to come through the chain. */
static void take_another_log(struct fixture *f, char dir[64])
{
    char error[256];
    strcpy(dir, "/tmp/crosswatch-log-XXXXXX");
    assert_non_null(mkdtemp(dir));
    cw_log_close(f->log);
    f->log = cw_log_write(dir, error, sizeof(error));
    assert_non_null(f->log);
    f->tick = 0;
    two_ticks(f, 30, "of another log");
}

static void
another_log_fills_a_new_generation_and_readers_change_over_when_it_is_whole(void **state)
{
    struct fixture *f = *state;
    char dir[64];
    open_sink(f);
    two_ticks(f, 300, "of the first log");
    push(f);
    take_another_log(f, dir);
    open_sink(f);
    struct cw_buf all = f->frames;
    f->frames = (struct cw_buf){ 0 };
    size_t first = 0; /* up to the first close */
    while (cw_frame_at(&all, first)->kind != CW_CLOSE)
        first += cw_frame_at(&all, first)->length;
    first += cw_frame_at(&all, first)->length;
    cw_buf_put(&f->frames, all.data, first);
    push(f);
    assert_redis(f, "2 1 2 1 0", "HMGET " P "meta contract generation tick row tick_open");
    assert_redis(f, "300", "ZCARD " P "1:open");
    assert_redis(f, "30", "ZCARD " P "2:open");
    assert_redis(f, "2 1 2 1:all", "HMGET " STATE " generation tick until read");
    cw_buf_put(&f->frames, all.data + first, all.len - first);
    push(f);
    assert_redis(f, "2 2 1 2-1", "HMGET " P "meta generation tick row feed_floor");
    assert_redis(f, "30", "ZCARD " P "2:open");
    nothing_is_left_of(f, P "1:*");
    assert_redis(f, "2:all  -", "HMGET " STATE " read waste until");
    cw_buf_done(&all);
    nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

/* What it writes is told in its feed from there on. */
static void the_feed_of_a_generation_that_took_over_goes_on_behind_its_floor(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    two_ticks(f, 3, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    const struct cw_redis_settings again = { .rebuild = true };
    assert_int_equal(open_status(f, &again), CW_EXIT_OK);
    push(f);
    assert_redis(f, "0", "XLEN " P "2:feed");
    begin_tick(f);
    set(f, "alert 1", CW_LEVEL_HIGH, 3, "another title");
    close_tick(f);
    push(f);
    assert_redis(f, "1", "XLEN " P "2:feed");
    redisReply *entry = redisCommand(f->eye, "XRANGE " P "2:feed (2-1 +");
    assert_string_equal(entry->element[0]->element[0]->str, "3-1");
    freeReplyObject(entry);
}

static void the_feed_of_the_one_before_says_where_to_go(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    two_ticks(f, 3, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    pid_t reader = fork();
    if (reader == 0) { /* it waits at the end of the feed, and is woken by the change */
        redisContext *eye = cw_test_redis_connect(&f->redis);
        redisReply *woken = redisCommand(eye, "XREAD BLOCK 60000 STREAMS " P "1:feed 2-1");
        const redisReply *entry = woken->element[0]->element[1]->element[0]->element[1];
        _exit(strcmp(entry->element[1]->str, "generation") == 0 &&
                      strcmp(entry->element[3]->str, "2") == 0
                  ? 0
                  : 1);
    }
    for (bool waits = false; !waits;) {
        char *clients = asked(f, "CLIENT LIST");
        waits = strstr(clients, "cmd=xread") != NULL;
        free(clients);
    }
    const struct cw_redis_settings again = { .rebuild = true };
    assert_int_equal(open_status(f, &again), CW_EXIT_OK);
    push(f);
    int status = -1;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void another_rule_set_fills_a_new_generation(void **state)
{
    struct fixture *f = *state;
    const struct cw_redis_settings first = { .rule_set = cw_test_id("rules 1") };
    const struct cw_redis_settings second = { .rule_set = cw_test_id("rules 2") };
    assert_int_equal(open_status(f, &first), CW_EXIT_OK);
    two_ticks(f, 3, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_int_equal(open_status(f, &first), CW_EXIT_OK);
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_redis(f, "1", "HGET " P "meta generation");
    assert_int_equal(open_status(f, &second), CW_EXIT_OK);
    push(f);
    assert_redis(f, "2", "HGET " P "meta generation");
    assert_redis(f, id_of("rules 2"), "HGET " P "meta rule_set");
    nothing_is_left_of(f, P "1:*");
}

static void a_rule_set_that_only_the_stream_names_does_so_too(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    cw_test_rule_set(&f->frames, cw_test_id("rules 1"));
    two_ticks(f, 3, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    open_sink(f);
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_redis(f, "1", "HGET " P "meta generation");
    open_sink(f);
    f->frames.len = 0;
    f->tick = 0;
    cw_test_rule_set(&f->frames, cw_test_id("rules 2"));
    two_ticks(f, 2, "a title");
    push(f);
    assert_redis(f, "2 2", "HMGET " P "meta generation tick");
    assert_redis(f, "2", "ZCARD " P "2:open");
    nothing_is_left_of(f, P "1:*");
}

/* As contract 1 left it: without the sink's own state. */
static void a_redis_of_another_contract_is_filled_again(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    two_ticks(f, 3, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_redis(f, "1", "DEL " STATE);
    assert_redis(f, "0", "HSET " P "meta contract 1");
    open_sink(f);
    push(f);
    assert_redis(f, "2 2", "HMGET " P "meta contract generation");
    nothing_is_left_of(f, P "1:*");
}

static void other_audiences_fill_a_new_generation_and_what_was_for_others_goes(void **state)
{
    struct fixture *f = *state;
    const char *first[] = { "dk", "fr" };
    const char *second[] = { "fr", "se" };
    const struct cw_redis_settings for_first = { .audiences = first, .audience_count = 2 };
    const struct cw_redis_settings for_second = { .audiences = second, .audience_count = 2 };
    assert_int_equal(open_status(f, &for_first), CW_EXIT_OK);
    two_ticks(f, 30, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_int_equal(open_status(f, &for_second), CW_EXIT_OK);
    push(f);
    nothing_is_left_of(f, "cw:{crosswatch}:a:dk:*");
    nothing_is_left_of(f, "cw:{crosswatch}:a:fr:1:*");
    assert_redis(f, "30", "ZCARD cw:{crosswatch}:a:se:2:open");
    assert_redis(f, "se 2", "HMGET cw:{crosswatch}:a:se:meta audience generation");
}

static void a_fill_that_was_cut_off_goes_on_where_it_stopped(void **state)
{
    struct fixture *f = *state;
    const struct cw_redis_settings again = { .rebuild = true };
    open_sink(f);
    two_ticks(f, 300, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_int_equal(open_status(f, &again), CW_EXIT_OK);
    struct cw_buf part = { f->frames.data, 0, 0 };
    for (size_t i = 0; i < 250; i++)
        part.len += cw_frame_at(&f->frames, part.len)->length;
    assert_int_equal(cw_test_push(&cw_redis_stage, f->sink, &part, 7), CW_EXIT_OK);
    assert_redis(f, "2 1 200 1", "HMGET " STATE " generation tick row tick_open");
    open_sink(f);
    push(f);
    assert_redis(f, "2 2 0", "HMGET " P "meta generation tick tick_open");
    assert_redis(f, "300", "ZCARD " P "2:open");
    assert_redis(f, "1", "HGET " P "2:alert:%s revision", id_of("alert 5"));
    nothing_is_left_of(f, P "1:*");
}

static void a_fill_that_nobody_wants_any_more_is_removed(void **state)
{
    struct fixture *f = *state;
    const struct cw_redis_settings second = { .rule_set = cw_test_id("rules 2") };
    const struct cw_redis_settings third = { .rule_set = cw_test_id("rules 3") };
    open_sink(f);
    two_ticks(f, 300, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_redis(f, "0", "HSET " STATE " log %s", id_of("no log"));
    assert_int_equal(open_status(f, &second), CW_EXIT_OK);
    struct cw_buf part = { f->frames.data, 0, 0 };
    for (size_t i = 0; i < 250; i++)
        part.len += cw_frame_at(&f->frames, part.len)->length;
    assert_int_equal(cw_test_push(&cw_redis_stage, f->sink, &part, 7), CW_EXIT_OK);
    assert_redis(f, "200", "ZCARD " P "2:open");
    assert_int_equal(open_status(f, &third), CW_EXIT_OK);
    push(f);
    assert_redis(f, "3", "HGET " P "meta generation");
    nothing_is_left_of(f, P "1:*");
    nothing_is_left_of(f, P "2:*");
}

static void a_removal_that_was_cut_off_is_finished_by_the_next_sink(void **state)
{
    struct fixture *f = *state;
    static int stop;
    stop = 0;
    const struct cw_redis_settings again = { .rebuild = true, .stop = &stop };
    open_sink(f);
    two_ticks(f, 300, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_int_equal(open_status(f, &again), CW_EXIT_OK);
    stop = 1; /* told to stop: it removes nothing more */
    push(f);
    assert_redis(f, "2", "HGET " P "meta generation");
    assert_redis(f, "300", "ZCARD " P "1:open");
    stop = 0;
    open_sink(f);
    nothing_is_left_of(f, P "1:*");
    assert_redis(f, "", "HGET " STATE " waste");
}

static void what_was_seen_and_is_no_more_is_filled_under_a_generation_above(void **state)
{
    struct fixture *f = *state;
    const struct cw_redis_settings seen = { .seen_generation = 1, .seen_tick = 2 };
    open_sink(f);
    two_ticks(f, 3, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_int_equal(open_status(f, &seen), CW_EXIT_OK);
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_redis(f, "1", "HGET " P "meta generation");
    assert_redis(f, "OK", "FLUSHALL");
    assert_int_equal(open_status(f, &seen), CW_EXIT_OK);
    push(f);
    assert_redis(f, "2 2", "HMGET " P "meta generation tick");
    assert_redis(f, "3", "ZCARD " P "2:open");
}

static void a_redis_restored_from_the_past_is_filled_under_a_generation_above(void **state)
{
    struct fixture *f = *state;
    const struct cw_redis_settings seen = { .seen_generation = 1, .seen_tick = 2 };
    open_sink(f);
    two_ticks(f, 3, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_redis(f, "0", "HSET " STATE " tick 1 row 3");
    assert_redis(f, "0", "HSET " P "meta tick 1 row 3");
    assert_int_equal(open_status(f, &seen), CW_EXIT_OK);
    push(f);
    assert_redis(f, "2 2", "HMGET " P "meta generation tick");
    nothing_is_left_of(f, P "1:*");
}

/* A process of its own: meta's position and the number of alerts never fall. */
static int watch_time(const struct cw_test_redis *redis)
{
    redisContext *eye = cw_test_redis_connect(redis);
    long long generation = 1;
    long long tick = 0;
    long long alerts = 0;
    while (generation < 3) {
        redisReply *before = redisCommand(eye, "HMGET " P "meta generation tick");
        if (before->element[0]->str == NULL)
            return 1;
        redisReply *open = redisCommand(eye, "ZCARD " P "%s:open", before->element[0]->str);
        redisReply *after = redisCommand(eye, "HMGET " P "meta generation tick");
        bool same = strcmp(before->element[0]->str, after->element[0]->str) == 0;
        if (same && (atoll(before->element[0]->str) < generation ||
                     atoll(before->element[1]->str) < tick || open->integer < alerts))
            return 2;
        if (same) {
            generation = atoll(before->element[0]->str);
            tick = atoll(before->element[1]->str);
            alerts = open->integer;
        }
        freeReplyObject(before);
        freeReplyObject(open);
        freeReplyObject(after);
    }
    return 0;
}

static void no_reader_sees_an_alert_go_back_in_time(void **state)
{
    struct fixture *f = *state;
    const struct cw_redis_settings again = { .rebuild = true };
    open_sink(f);
    two_ticks(f, 3000, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    pid_t reader = fork();
    if (reader == 0)
        _exit(watch_time(&f->redis));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(open_status(f, &again), CW_EXIT_OK);
        assert_int_equal(push_status(f), CW_EXIT_OK);
    }
    int status = -1;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    nothing_is_left_of(f, P "2:*");
}

static int open_ahead(struct fixture *f)
{
    return open_status(f, NULL);
}

static void a_redis_that_is_ahead_is_refused_unless_it_is_to_be_rebuilt(void **state)
{
    struct fixture *f = *state;
    const struct cw_redis_settings again = { .rebuild = true };
    open_sink(f);
    two_ticks(f, 3, "a title");
    push(f);
    cw_log_close(f->log);
    f->log = cw_log_memory();
    f->tick = 0;
    begin_tick(f);
    close_tick(f);
    assert_refused(f, open_ahead, "ahead of the log");
    assert_int_equal(open_status(f, &again), CW_EXIT_OK);
    push(f);
    assert_redis(f, "2 1", "HMGET " P "meta generation tick");
    assert_redis(f, "0", "ZCARD " P "2:open");
}

static void a_lost_state_never_mixes_two_generations(void **state)
{
    struct fixture *f = *state;
    const struct cw_redis_settings again = { .rebuild = true };
    open_sink(f);
    two_ticks(f, 300, "a title");
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_int_equal(open_status(f, &again), CW_EXIT_OK);
    struct cw_buf part = { f->frames.data, 0, 0 };
    for (size_t i = 0; i < 250; i++)
        part.len += cw_frame_at(&f->frames, part.len)->length;
    assert_int_equal(cw_test_push(&cw_redis_stage, f->sink, &part, 7), CW_EXIT_OK);
    assert_redis(f, "1", "DEL " STATE);
    open_sink(f);
    push(f);
    assert_redis(f, "3 2", "HMGET " P "meta generation tick");
    assert_redis(f, "300", "ZCARD " P "3:open");
    assert_redis(f, "medium 299 critical 1", "HGETALL " P "3:levels");
    nothing_is_left_of(f, P "1:*");
    nothing_is_left_of(f, P "2:*");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(another_log_fills_a_new_generation_and_readers_change_over_when_it_is_whole),
        TEST(the_feed_of_a_generation_that_took_over_goes_on_behind_its_floor),
        TEST(the_feed_of_the_one_before_says_where_to_go),
        TEST(another_rule_set_fills_a_new_generation),
        TEST(a_rule_set_that_only_the_stream_names_does_so_too),
        TEST(a_redis_of_another_contract_is_filled_again),
        TEST(other_audiences_fill_a_new_generation_and_what_was_for_others_goes),
        TEST(a_fill_that_was_cut_off_goes_on_where_it_stopped),
        TEST(a_fill_that_nobody_wants_any_more_is_removed),
        TEST(a_removal_that_was_cut_off_is_finished_by_the_next_sink),
        TEST(what_was_seen_and_is_no_more_is_filled_under_a_generation_above),
        TEST(a_redis_restored_from_the_past_is_filled_under_a_generation_above),
        TEST(no_reader_sees_an_alert_go_back_in_time),
        TEST(a_redis_that_is_ahead_is_refused_unless_it_is_to_be_rebuilt),
        TEST(a_lost_state_never_mixes_two_generations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

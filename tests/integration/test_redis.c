/* The sink and the command alerts against a real redis-server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "operators/runtime/time.h"
#include "ops/command.h"
#include "sinks/export.h"
#include "tests/support/sink_scene.h"

extern const struct cw_command cw_cmd_alerts;
extern const struct cw_command cw_cmd_sink;

/* --- rows --- */

static void a_row_is_found_by_every_road(void **state)
{
    struct fixture *f = *state;
    char somebody[CW_ID_HEX];
    char case_id[CW_ID_HEX];
    cw_id_hex(cw_test_id("somebody"), somebody);
    cw_id_hex(cw_test_id("the case"), case_id);
    open_sink(f);
    begin_tick(f);
    set(f, "a", CW_LEVEL_HIGH, 9, "a title");
    close_tick(f);
    push(f);
    assert_redis(f, "rule-1 a title high 1970-01-02T00:00:00Z 1970-01-10T00:00:00Z exact 4 1 1",
                 "HMGET " P "1:alert:%s rule title level first last completeness cell revision "
                 "detected_tick",
                 f->alert);
    assert_redis(f, f->alert, "ZRANGE " P "1:open 0 -1");
    assert_redis(f, "3000000777600000", "ZSCORE " P "1:open %s", f->alert);
    assert_redis(f, f->alert, "ZRANGEBYSCORE " P "1:time 777600000 777600000");
    assert_redis(f, f->alert, "ZRANGE " P "1:rule:rule-1 0 -1");
    assert_redis(f, f->alert, "ZRANGE " P "1:entity:%s 0 -1", somebody);
    assert_redis(f, f->alert, "ZRANGE " P "1:case:%s 0 -1", case_id);
    assert_redis(f, "high 1", "HGETALL " P "1:levels");
    assert_redis(f, "rule-1 1", "HGETALL " P "1:rules");
    assert_redis(f, "1", "XLEN " P "1:feed");
}

static void the_json_is_the_canonical_line(void **state)
{
    struct fixture *f = *state;
    struct cw_export *export = cw_export_new(f->log);
    open_sink(f);
    begin_tick(f);
    set(f, "a", CW_LEVEL_HIGH, 9, "a title");
    close_tick(f);
    assert_int_equal(cw_test_push(&cw_export_stage, export, &f->frames, 9), CW_EXIT_OK);
    push(f);
    char *line = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&line, &len);
    assert_true(cw_export_write(export, file));
    fclose(file);
    line[strlen(line) - 1] = '\0';
    assert_redis(f, line, "HGET " P "1:alert:%s json", f->alert);
    free(line);
    cw_export_stage.free(export);
}

static void the_position_and_the_totals_are_there(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    set(f, "a", CW_LEVEL_HIGH, 9, "a title");
    set(f, "b", CW_LEVEL_LOW, 8, "a title");
    close_tick(f);
    begin_tick(f);
    close_tick(f);
    push(f);
    assert_redis(f, "2 1 00000000000000000000000000000000 2 0 0 0 -inf +inf",
                 "HMGET " P "meta contract generation log tick row tick_open ended retention "
                 "frontier.online_ad");
    assert_redis(f, "20 0", "HMGET " P "counters ingest.events detect.rows");
    cw_test_end(&f->frames);
    push(f);
    assert_redis(f, "2 0 1", "HMGET " P "meta tick tick_open ended");
}

static void a_changed_row_takes_the_old_ones_place(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    set(f, "a", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    begin_tick(f);
    set(f, "a", CW_LEVEL_CRITICAL, 5, "a title");
    close_tick(f);
    push(f);
    assert_redis(f, "critical 2 1", "HMGET " P "1:alert:%s level revision detected_tick", f->alert);
    assert_redis(f, "4000000432000000", "ZSCORE " P "1:open %s", f->alert);
    assert_redis(f, "1", "ZCARD " P "1:time");
    assert_redis(f, "critical 1", "HGETALL " P "1:levels");
    assert_redis(f, "rule-1 1", "HGETALL " P "1:rules");
    assert_redis(f, "2", "XLEN " P "1:feed");
}

static void a_row_that_is_as_it_was_is_no_news(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    for (int i = 0; i < 3; i++) {
        begin_tick(f);
        set(f, "a", CW_LEVEL_LOW, 2, "a title");
        close_tick(f);
    }
    push(f);
    assert_redis(f, "1", "HGET " P "1:alert:%s revision", f->alert);
    assert_redis(f, "1", "XLEN " P "1:feed");
    assert_redis(f, "3 1", "HMGET " P "meta tick row");
}

static void what_is_gone_leaves_no_key_behind(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    for (int i = 0; i < 30; i++) {
        char name[24];
        snprintf(name, sizeof(name), "alert %d", i);
        set(f, name, (enum cw_level)(i % 5), i, "a title");
    }
    close_tick(f);
    begin_tick(f);
    set(f, "alert 3", CW_LEVEL_CRITICAL, 77, "another");
    close_tick(f);
    begin_tick(f);
    for (int i = 0; i < 30; i++) {
        char name[24];
        snprintf(name, sizeof(name), "alert %d", i);
        gone(f, name);
    }
    gone(f, "never was");
    close_tick(f);
    push(f);
    assert_redis(f, "4", "DBSIZE");
    assert_redis(f, "4", "EXISTS " P "1:feed " P "counters " P "meta cw:{crosswatch}:sink");
}

static void the_feed_says_what_came_and_went(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    set(f, "a", CW_LEVEL_LOW, 2, "a title");
    set(f, "b", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    begin_tick(f);
    gone(f, "a");
    close_tick(f);
    push(f);
    char case_id[CW_ID_HEX];
    cw_id_hex(cw_test_id("the case"), case_id);
    redisReply *reply = redisCommand(f->eye, "XRANGE " P "1:feed - +");
    assert_int_equal(reply->elements, 3);
    const redisReply *last = reply->element[2];
    assert_string_equal(reply->element[0]->element[0]->str, "1-1");
    assert_string_equal(reply->element[1]->element[0]->str, "1-2");
    assert_string_equal(last->element[0]->str, "2-1");
    const char *const expected[] = { "op", "gone", "id", f->alert, "case", case_id, "rev", "1" };
    assert_int_equal(last->element[1]->elements, 8);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(last->element[1]->element[i]->str, expected[i]);
    freeReplyObject(reply);
}

static void a_person_is_in_no_name_of_a_key(void **state)
{
    struct fixture *f = *state;
    struct cw_row_key keys[] = { { 0, cw_test_id("raw"), cw_cstr("+40721123456") },
                                 { 1, cw_test_id("somebody"), cw_cstr("somebody") } };
    struct cw_row row = row_of("a", CW_LEVEL_LOW, 2, "a title");
    row.keys = keys;
    row.key_count = 2;
    open_sink(f);
    begin_tick(f);
    put_row(f, &row);
    close_tick(f);
    push(f);
    assert_redis(f, "", "KEYS *40721*");
    assert_redis(f, "+40721123456 | somebody", "HGET " P "1:alert:%s key", f->alert);
}

/* --- steps and restarts --- */

static void a_long_tick_is_written_in_steps_and_says_that_it_is_open(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    many(f, 0, 450, "a title");
    push(f);
    assert_redis(f, "1 400 1", "HMGET " P "meta tick row tick_open");
    assert_redis(f, "400", "ZCARD " P "1:open");
    assert_redis(f, "", "KEYS " P "counters");
    close_tick(f);
    push(f);
    assert_redis(f, "1 450 0", "HMGET " P "meta tick row tick_open");
    assert_redis(f, "450", "ZCARD " P "1:open");
    assert_redis(f, "rule-1 450", "HGETALL " P "1:rules");
}

static void after_a_restart_in_mid_tick_nothing_is_done_twice(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    many(f, 0, 300, "a title");
    close_tick(f);
    begin_tick(f);
    many(f, 100, 550, "another title");
    int status = cw_test_push(&cw_redis_stage, f->sink, &f->frames, 512);
    assert_int_equal(status, CW_EXIT_OK);
    assert_redis(f, "2 400 1", "HMGET " P "meta tick row tick_open");
    open_sink(f); /* as a new process: and the chain sends all again */
    close_tick(f);
    push(f);
    assert_redis(f, "2 450 0", "HMGET " P "meta tick row tick_open");
    assert_redis(f, "550", "ZCARD " P "1:open");
    assert_redis(f, "750", "XLEN " P "1:feed");
    assert_redis(f, "medium 550", "HGETALL " P "1:levels");
    set(f, "alert 100", CW_LEVEL_LOW, 1, "x"); /* only to know its id */
    f->frames.len = 0;
    assert_redis(f, "2 1", "HMGET " P "1:alert:%s revision detected_tick", f->alert);
    assert_int_equal(cw_total_get(cw_redis_sink_totals(f->sink), "sink.rows_skipped"), 700);
}

static void all_again_after_the_end_changes_nothing(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    many(f, 0, 10, "a title");
    close_tick(f);
    begin_tick(f);
    gone(f, "alert 3");
    close_tick(f);
    cw_test_end(&f->frames);
    assert_int_equal(push_status(f), CW_EXIT_OK);
    char *before = asked(f, "DEBUG DIGEST");
    open_sink(f);
    push(f);
    assert_redis(f, before, "DEBUG DIGEST");
    free(before);
}

/* Reads position and rows in one MULTI until the stream has ended: in a process of its own. */
static int watch_positions(const struct cw_test_redis *redis)
{
    redisContext *eye = cw_test_redis_connect(redis);
    for (;;) {
        freeReplyObject(redisCommand(eye, "MULTI"));
        freeReplyObject(redisCommand(eye, "HMGET " P "meta row ended"));
        freeReplyObject(redisCommand(eye, "ZCARD " P "1:open"));
        redisReply *reply = redisCommand(eye, "EXEC");
        const redisReply *meta = reply->element[0];
        long long row = meta->element[0]->str != NULL ? atoll(meta->element[0]->str) : 0;
        bool ended = meta->element[1]->str != NULL && strcmp(meta->element[1]->str, "1") == 0;
        if (reply->element[1]->integer != row)
            return 1;
        freeReplyObject(reply);
        if (ended)
            return 0;
    }
}

static void every_reader_finds_the_rows_of_the_position(void **state)
{
    struct fixture *f = *state;
    pid_t reader = fork();
    if (reader == 0)
        _exit(watch_positions(&f->redis));
    open_sink(f);
    begin_tick(f);
    many(f, 0, 5000, "a title");
    close_tick(f);
    cw_test_end(&f->frames);
    push(f);
    int status = -1;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* The answer to a step is lost, and the step was done: the second sink stands for what was lost. */
static void a_step_that_was_done_is_not_done_again(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    const struct cw_redis_settings settings = { .url = f->redis.url };
    struct cw_redis_sink *twin = cw_redis_sink_new(&settings, f->log, &status);
    assert_non_null(twin);
    open_sink(f);
    begin_tick(f);
    set(f, "a", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    assert_int_equal(cw_test_push(&cw_redis_stage, twin, &f->frames, 1), CW_EXIT_OK);
    char *before = asked(f, "DEBUG DIGEST");
    push(f);
    assert_redis(f, before, "DEBUG DIGEST");
    assert_redis(f, "1", "XLEN " P "1:feed");
    free(before);
    cw_redis_stage.free(twin);
}

static void a_second_sink_at_another_place_is_refused(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    const struct cw_redis_settings settings = { .url = f->redis.url };
    struct cw_redis_sink *twin = cw_redis_sink_new(&settings, f->log, &status);
    assert_non_null(twin);
    open_sink(f);
    for (int i = 0; i < 2; i++) {
        begin_tick(f);
        set(f, "a", CW_LEVEL_LOW, 2 + i, "a title");
        close_tick(f);
    }
    assert_int_equal(cw_test_push(&cw_redis_stage, twin, &f->frames, 9), CW_EXIT_OK);
    assert_refused(f, push_status, "another sink writes");
    cw_redis_stage.free(twin);
}

static void the_feed_is_trimmed_and_its_floor_published(void **state)
{
    struct fixture *f = *state;
    const struct cw_redis_settings settings = { .feed_max = 100 };
    assert_int_equal(open_status(f, &settings), CW_EXIT_OK);
    for (int i = 0; i < 10; i++) {
        char title[24];
        snprintf(title, sizeof(title), "title %d", i);
        begin_tick(f);
        many(f, 0, 50, title);
        close_tick(f);
    }
    push(f);
    redisReply *reply = redisCommand(f->eye, "XRANGE " P "1:feed - + COUNT 1");
    assert_string_equal(reply->element[0]->element[0]->str, "8-1");
    assert_redis(f, "7-50", "HGET " P "meta feed_floor"); /* the last that is gone */
    freeReplyObject(reply);
    char *len = asked(f, "XLEN " P "1:feed");
    assert_in_range(atoi(len), 100, 160);
    free(len);
    assert_redis(f, "50", "ZCARD " P "1:open");
}

/* --- refusals --- */

static void write_one(struct fixture *f, const struct cw_redis_settings *settings)
{
    assert_int_equal(open_status(f, settings), CW_EXIT_OK);
    begin_tick(f);
    set(f, "a", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    push(f);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static void a_redis_ahead_of_the_log_is_refused_at_the_start(void **state)
{
    struct fixture *f = *state;
    write_one(f, NULL);
    write_one(f, NULL);
    cw_log_close(f->log);
    f->log = cw_log_memory();
    cw_test_append_tick(f->log, 1);
    assert_refused(f, open_plain, "ahead of the log");
}

static void a_redis_ahead_of_the_chain_is_refused_at_the_end(void **state)
{
    struct fixture *f = *state;
    write_one(f, NULL);
    write_one(f, NULL);
    open_sink(f);
    f->tick = 0;
    begin_tick(f);
    set(f, "a", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    cw_test_end(&f->frames);
    assert_refused(f, push_status, "ahead of the log");
}

static void other_rows_for_a_tick_that_is_there_are_refused(void **state)
{
    struct fixture *f = *state;
    write_one(f, NULL);
    open_sink(f);
    f->tick = 0;
    begin_tick(f);
    close_tick(f);
    assert_refused(f, push_status, "other rules or another version");
}

static void a_redis_that_evicts_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_redis(f, "OK", "CONFIG SET maxmemory-policy allkeys-lru"); /* a limit may come later */
    assert_refused(f, open_plain, "must be noeviction");
    assert_redis(f, "OK", "CONFIG SET maxmemory-policy noeviction");
    open_sink(f);
}

static void keys_of_another_shape_are_refused(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    assert_redis(f, "OK", "SET " P "1:time x");
    begin_tick(f);
    set(f, "a", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    assert_refused(f, push_status, "done in part");
}

static void a_redis_that_lost_its_keys_ends_the_sink(void **state)
{
    struct fixture *f = *state;
    write_one(f, NULL);
    assert_redis(f, "OK", "FLUSHALL");
    begin_tick(f);
    close_tick(f);
    assert_ends(f, push_status, CW_EXIT_AGAIN, "went back while the chain ran");
}

static int open_with_secret(struct fixture *f)
{
    char url[256];
    snprintf(url, sizeof(url), "redis://:s3cr3t@127.0.0.1:%d", (int)f->tick);
    return open_status(f, &(struct cw_redis_settings){ .url = url });
}

static void a_wrong_password_is_refused_and_never_printed(void **state)
{
    struct fixture *f = *state;
    f->tick = (uint64_t)listen_on_port(f);
    assert_redis(f, "OK", "CONFIG SET requirepass another");
    int status = -1;
    char *text = heard(open_with_secret, f, &status);
    assert_int_equal(status, CW_EXIT_REFUSED);
    assert_non_null(strstr(text, "WRONGPASS"));
    assert_null(strstr(text, "s3cr3t"));
    free(text);
    assert_redis(f, "OK", "CONFIG SET requirepass s3cr3t");
    assert_int_equal(open_with_secret(f), CW_EXIT_OK);
}

static void a_url_or_deployment_that_is_none_is_a_usage_error(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_status(f, &(struct cw_redis_settings){ .url = "localhost" }),
                     CW_EXIT_USAGE);
    assert_int_equal(open_status(f, &(struct cw_redis_settings){ .deployment = "a}b" }),
                     CW_EXIT_USAGE);
}

static void two_deployments_share_a_redis(void **state)
{
    struct fixture *f = *state;
    write_one(f, NULL);
    f->tick = 0;
    write_one(
        f, &(struct cw_redis_settings){ .deployment = "other", .rule_set = cw_test_id("rules 2") });
    assert_redis(f, "1", "ZCARD cw:{other}:a:all:1:open");
    assert_redis(f, "1", "ZCARD " P "1:open");
}

static void damaged_frames_end_the_sink(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    f->row = 1; /* row 1 is missing */
    set(f, "a", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    assert_int_equal(push_status(f), CW_EXIT_DAMAGED);
    f->frames.len = 0;
    open_sink(f);
    begin_tick(f);
    cw_test_close(&f->frames, f->tick, 1);
    assert_int_equal(push_status(f), CW_EXIT_DAMAGED);
    f->frames.len = 0;
    open_sink(f);
    begin_tick(f);
    struct cw_row_evidence shown = { .position = 1u << 30 };
    struct cw_row row = row_of("a", CW_LEVEL_LOW, 1, "t");
    row.shown = &shown;
    row.shown_count = 1;
    put_row(f, &row);
    assert_int_equal(push_status(f), CW_EXIT_DAMAGED);
}

/* --- a server that goes away --- */

/* Reads a pipe until the text has come; what was read stays in `seen`. */
static void read_until(int fd, const char *text, char *seen, size_t size)
{
    size_t len = strlen(seen);
    while (strstr(seen, text) == NULL) {
        ssize_t n = read(fd, seen + len, size - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            fail_msg("the other side ended; expected \"%s\" in: %s", text, seen);
        len += (size_t)n;
        seen[len] = '\0';
    }
}

static void the_chain_waits_for_a_server_that_comes_back(void **state)
{
    struct fixture *f = *state;
    int said[2];
    int go[2];
    assert_int_equal(pipe(said), 0);
    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        dup2(said[1], STDERR_FILENO);
        int status = open_status(f, NULL);
        begin_tick(f);
        many(f, 0, 300, "a title");
        close_tick(f);
        if (status == CW_EXIT_OK)
            status = push_status(f);
        dprintf(STDERR_FILENO, "tick 1 is written\n");
        if (status != CW_EXIT_OK || read(go[0], &byte, 1) != 1)
            _exit(99);
        f->frames.len = 0;
        begin_tick(f);
        many(f, 0, 300, "another title");
        close_tick(f);
        cw_test_end(&f->frames);
        _exit(push_status(f));
    }
    close(said[1]);
    char *seen = calloc(1, 65536);
    read_until(said[0], "tick 1 is written", seen, 65536);
    cw_test_redis_kill(&f->redis);
    assert_int_equal(write(go[1], "x", 1), 1);
    read_until(said[0], "The chain waits; next try", seen, 65536);
    cw_test_redis_again(&f->redis);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CW_EXIT_OK);
    look_again(f);
    assert_redis(f, "2 300 0 1", "HMGET " P "meta tick row tick_open ended");
    assert_redis(f, "300", "ZCARD " P "1:open");
    assert_redis(f, "600", "XLEN " P "1:feed");
    close(said[0]);
    close(go[0]);
    close(go[1]);
    free(seen);
}

static void a_connection_that_was_cut_is_made_again(void **state)
{
    struct fixture *f = *state;
    write_one(f, NULL);
    char *closed = asked(f, "CLIENT KILL TYPE normal SKIPME yes");
    assert_string_equal(closed, "1");
    free(closed);
    begin_tick(f);
    set(f, "b", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    push(f);
    assert_redis(f, "2 1 0", "HMGET " P "meta tick row tick_open");
    assert_int_equal(cw_total_get(cw_redis_sink_totals(f->sink), "sink.reconnects"), 1);
}

static void a_server_restored_from_the_past_ends_the_sink_and_is_filled_again(void **state)
{
    struct fixture *f = *state;
    open_sink(f);
    begin_tick(f);
    set(f, "a", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    assert_int_equal(push_status(f), CW_EXIT_OK);
    assert_redis(f, "OK", "SAVE");
    size_t all = f->frames.len;
    begin_tick(f);
    gone(f, "a");
    set(f, "b", CW_LEVEL_HIGH, 2, "a title");
    close_tick(f);
    struct cw_buf second = { f->frames.data + all, f->frames.len - all, 0 };
    assert_int_equal(cw_test_push(&cw_redis_stage, f->sink, &second, 9), CW_EXIT_OK);
    char *before = asked(f, "DEBUG DIGEST");

    cw_test_redis_kill(&f->redis);
    cw_test_redis_again(&f->redis);
    look_again(f);
    assert_redis(f, "1", "HGET " P "meta tick");
    struct cw_buf kept = f->frames;
    f->frames = (struct cw_buf){ 0 };
    begin_tick(f);
    close_tick(f);
    assert_ends(f, push_status, CW_EXIT_AGAIN, "went back while the chain ran");
    cw_buf_done(&f->frames);
    f->frames = kept;
    open_sink(f); /* the chain starts again, from the log's start */
    push(f);
    assert_redis(f, before, "DEBUG DIGEST");
    free(before);
}

static void told_to_stop_while_it_waits_the_sink_ends_with_status_3(void **state)
{
    struct fixture *f = *state;
    const volatile int stop = 1;
    const struct cw_redis_settings settings = { .stop = &stop };
    write_one(f, &settings);
    cw_test_redis_kill(&f->redis);
    begin_tick(f);
    close_tick(f);
    assert_int_equal(push_status(f), CW_EXIT_BROKEN);
    assert_int_equal(open_status(f, &settings), CW_EXIT_BROKEN);
    cw_test_redis_again(&f->redis);
}

static void a_full_server_is_waited_for(void **state)
{
    struct fixture *f = *state;
    const volatile int stop = 1;
    const struct cw_redis_settings settings = { .stop = &stop };
    assert_int_equal(open_status(f, &settings), CW_EXIT_OK);
    assert_redis(f, "OK", "CONFIG SET maxmemory-policy noeviction");
    assert_redis(f, "OK", "CONFIG SET maxmemory 1");
    begin_tick(f);
    set(f, "a", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    assert_int_equal(push_status(f), CW_EXIT_BROKEN); /* told to stop: else it would go on */
    assert_redis(f, "0", "DBSIZE");
    assert_redis(f, "OK", "CONFIG SET maxmemory 0");
    open_sink(f);
    push(f);
    assert_redis(f, "1", "ZCARD " P "1:open");
}

/* --- the command alerts --- */

/* Runs it in a child; what it prints comes back, its status in *status. */
static char *printed(const struct cw_command *command, int argc, char **argv, int *status)
{
    int out[2];
    assert_int_equal(pipe(out), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        int result = command->run(argc, argv);
        fflush(stdout);
        _exit(result);
    }
    close(out[1]);
    char *text = calloc(1, 65536);
    size_t len = 0;
    for (ssize_t n; (n = read(out[0], text + len, 65535 - len)) > 0;)
        len += (size_t)n;
    close(out[0]);
    assert_int_equal(waitpid(child, status, 0), child);
    assert_true(WIFEXITED(*status));
    *status = WEXITSTATUS(*status);
    return text;
}

static char *alerts(struct fixture *f, int *status, const char *verb, const char *more)
{
    char *argv[6] = { strdup("alerts"), strdup(verb), strdup("--redis"), strdup(f->redis.url) };
    int argc = 4;
    if (more != NULL)
        argv[argc++] = strdup(more);
    char *text = printed(&cw_cmd_alerts, argc, argv, status);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return text;
}

static void the_list_has_the_most_urgent_first(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    open_sink(f);
    begin_tick(f);
    set(f, "a", CW_LEVEL_LOW, 9, "low and late");
    set(f, "b", CW_LEVEL_HIGH, 1, "high and early");
    set(f, "c", CW_LEVEL_HIGH, 2, "high \033[31m and late");
    close_tick(f);
    push(f);
    char *text = alerts(f, &status, "list", NULL);
    assert_int_equal(status, CW_EXIT_OK);
    const char *first = strstr(text, "high ?[31m and late");
    const char *second = strstr(text, "high and early");
    const char *third = strstr(text, "low and late");
    assert_true(first != NULL && second != NULL && third != NULL);
    assert_true(first < second && second < third);
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, f->alert));
    free(text);
    text = alerts(f, &status, "list", "--limit=1");
    assert_non_null(strstr(text, "high ?[31m and late"));
    assert_null(strstr(text, "high and early"));
    free(text);
}

static void an_alert_is_shown_with_evidence_and_why(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    struct cw_row_key key = { 0, cw_test_id("k"), cw_cstr("+40721") };
    struct cw_row_evidence shown =
        cw_test_append(f->log, &(struct cw_test_event){ .owner = "BG",
                                                        .event_id = "a-1",
                                                        .type = "online_ad",
                                                        .time = DAY(1),
                                                        .role = "contact",
                                                        .ids = { "phone +40721" } });
    struct cw_row row = row_of("a", CW_LEVEL_HIGH, 2, "A title");
    row.keys = &key;
    row.key_count = 1;
    row.shown = &shown;
    row.shown_count = row.evidence_count = 1;
    open_sink(f);
    begin_tick(f);
    put_row(f, &row);
    close_tick(f);
    push(f);
    char *text = alerts(f, &status, "show", f->alert);
    assert_int_equal(status, CW_EXIT_OK);
    assert_non_null(strstr(text, "A title  [high]"));
    assert_non_null(strstr(text, "BG/a-1"));
    assert_non_null(strstr(text, "online_ad"));
    assert_non_null(strstr(text, "contact"));
    assert_non_null(strstr(text, "- phone +40721 is in each of them"));
    free(text);
    text = alerts(f, &status, "show", "00000000000000000000000000000000");
    assert_int_equal(status, CW_EXIT_FAILED);
    free(text);
    text = alerts(f, &status, "show", "nonsense");
    assert_int_equal(status, CW_EXIT_USAGE);
    free(text);
}

static void the_export_of_redis_is_that_of_a_replay(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    struct cw_export *export = cw_export_new(f->log);
    open_sink(f);
    begin_tick(f);
    many(f, 0, 40, "a title");
    close_tick(f);
    begin_tick(f);
    many(f, 20, 30, "another title");
    gone(f, "alert 7");
    close_tick(f);
    assert_int_equal(cw_test_push(&cw_export_stage, export, &f->frames, 9), CW_EXIT_OK);
    push(f);
    char *lines = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&lines, &len);
    assert_true(cw_export_write(export, file));
    fclose(file);
    assert_int_equal(cw_export_count(export), 39);
    char *text = alerts(f, &status, "export", "--canonical");
    assert_int_equal(status, CW_EXIT_OK);
    assert_string_equal(text, lines);
    free(text);
    free(lines);
    cw_export_stage.free(export);
}

static void an_export_in_mid_tick_is_refused(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    open_sink(f);
    begin_tick(f);
    many(f, 0, 250, "a title");
    push(f);
    char *text = alerts(f, &status, "export", "--canonical");
    assert_int_equal(status, CW_EXIT_FAILED);
    assert_string_equal(text, "");
    free(text);
}

static void counters_are_one_json_object_with_sorted_names(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    write_one(f, NULL);
    char *text = alerts(f, &status, "counters", NULL);
    assert_int_equal(status, CW_EXIT_OK);
    assert_string_equal(text, "{\"detect.rows\":1,\"ingest.events\":10}\n");
    free(text);
}

static void without_a_server_alerts_says_so(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    cw_test_redis_kill(&f->redis);
    char *text = alerts(f, &status, "list", NULL);
    assert_int_equal(status, CW_EXIT_FAILED);
    free(text);
    text = alerts(f, &status, "what", NULL);
    assert_int_equal(status, CW_EXIT_USAGE);
    free(text);
}

static void tail_prints_what_comes_and_what_goes(void **state)
{
    struct fixture *f = *state;
    int out[2];
    int err[2];
    char *seen = calloc(1, 65536);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    write_one(f, NULL); /* what was there before is not told */
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        char *argv[] = { strdup("alerts"), strdup("tail"), strdup("--redis"), strdup(f->redis.url),
                         NULL };
        _exit(cw_cmd_alerts.run(4, argv));
    }
    close(out[1]);
    close(err[1]);
    read_until(err[0], "following", seen, 65536);
    memset(seen, 0, 65536);
    begin_tick(f);
    set(f, "b", CW_LEVEL_HIGH, 3, "it came");
    close_tick(f);
    push(f);
    read_until(out[0], "rev 1\n", seen, 65536);
    assert_non_null(strstr(seen, "set "));
    assert_non_null(strstr(seen, "it came"));
    assert_non_null(strstr(seen, f->alert));
    assert_null(strstr(seen, "a title"));
    memset(seen, 0, 65536);
    begin_tick(f);
    gone(f, "b");
    close_tick(f);
    push(f);
    read_until(out[0], "rev 1\n", seen, 65536);
    assert_non_null(strstr(seen, "gone"));
    assert_non_null(strstr(seen, f->alert));
    assert_int_equal(kill(child, SIGTERM), 0);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CW_EXIT_OK);
    close(out[0]);
    close(err[0]);
    free(seen);
}

/* It goes on through a server that was away, a feed that was trimmed, and a new generation. */
static void tail_goes_on_whatever_comes(void **state)
{
    struct fixture *f = *state;
    const struct cw_redis_settings trimmed = { .feed_max = 10 };
    int out[2];
    int err[2];
    char *seen = calloc(1, 65536);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    assert_int_equal(open_status(f, &trimmed), CW_EXIT_OK);
    begin_tick(f);
    set(f, "a", CW_LEVEL_LOW, 2, "a title");
    close_tick(f);
    struct cw_buf all = { 0 };
    cw_buf_put(&all, f->frames.data, f->frames.len);
    push(f);
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        char *argv[] = { strdup("alerts"), strdup("tail"), strdup("--redis"), strdup(f->redis.url),
                         NULL };
        _exit(cw_cmd_alerts.run(4, argv));
    }
    close(out[1]);
    close(err[1]);
    read_until(err[0], "generation 1, behind feed entry 1-1", seen, 65536);

    cw_test_redis_kill(&f->redis);
    read_until(err[0], "Trying again until it answers", seen, 65536);
    cw_test_redis_again(&f->redis);
    look_again(f);
    read_until(err[0], "answers again", seen, 65536);
    memset(seen, 0, 65536);
    begin_tick(f);
    set(f, "b", CW_LEVEL_HIGH, 3, "came behind the fall");
    close_tick(f);
    cw_buf_put(&all, f->frames.data, f->frames.len);
    push(f);
    read_until(out[0], "rev 1\n", seen, 65536);
    assert_non_null(strstr(seen, "came behind the fall"));

    assert_int_equal(kill(child, SIGSTOP), 0);
    begin_tick(f);
    many(f, 0, 60, "not told");
    close_tick(f);
    begin_tick(f);
    many(f, 0, 3, "nor this");
    close_tick(f);
    cw_buf_put(&all, f->frames.data, f->frames.len);
    push(f);
    memset(seen, 0, 65536);
    assert_int_equal(kill(child, SIGCONT), 0);
    read_until(err[0], "generation 1, behind feed entry 4-3", seen, 65536);
    assert_non_null(strstr(seen, "what came in between is not told"));

    memset(seen, 0, 65536);
    struct cw_redis_settings again = trimmed;
    again.rebuild = true;
    assert_int_equal(open_status(f, &again), CW_EXIT_OK);
    cw_buf_put(&f->frames, all.data, all.len);
    push(f);
    read_until(err[0], "generation 2, behind feed entry 4-3", seen, 65536);
    memset(seen, 0, 65536);
    begin_tick(f);
    gone(f, "b");
    close_tick(f);
    push(f);
    read_until(out[0], "rev 1\n", seen, 65536);
    assert_memory_equal(seen, "gone", 4);
    assert_int_equal(kill(child, SIGTERM), 0);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CW_EXIT_OK);
    close(out[0]);
    close(err[0]);
    cw_buf_done(&all);
    free(seen);
}

static void an_audience_that_nothing_was_written_for_is_said(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    write_one(f, NULL);
    char *text = alerts(f, &status, "list", "--audience=dk");
    assert_int_equal(status, CW_EXIT_FAILED);
    assert_string_equal(text, "");
    free(text);
    text = alerts(f, &status, "list", "--audience=D*");
    assert_int_equal(status, CW_EXIT_USAGE);
    free(text);
}

/* --- the command sink --- */

static int run_sink(struct fixture *f, const char *dir, bool whole)
{
    int in[2];
    assert_int_equal(pipe(in), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(in[0], STDIN_FILENO);
        close(in[0]);
        close(in[1]);
        char *argv[] = { strdup("sink"),       strdup("--log"),   strdup(dir), strdup("--redis"),
                         strdup(f->redis.url), strdup("--batch"), strdup("3"), NULL };
        _exit(cw_cmd_sink.run(7, argv));
    }
    close(in[0]);
    assert_true(cw_write_all(in[1], f->frames.data, f->frames.len - (whole ? 0 : 144)));
    close(in[1]);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void the_command_reads_frames_until_the_end_and_only_that_is_success(void **state)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/crosswatch-log-XXXXXX";
    char error[256];
    assert_non_null(mkdtemp(dir));
    cw_log_close(f->log);
    f->log = cw_log_write(dir, error, sizeof(error));
    assert_non_null(f->log);
    begin_tick(f);
    many(f, 0, 10, "a title");
    close_tick(f);
    cw_test_end(&f->frames);
    assert_int_equal(run_sink(f, dir, false), CW_EXIT_BROKEN);
    assert_redis(f, "1 10 0", "HMGET " P "meta tick row ended");
    assert_int_equal(run_sink(f, dir, true), CW_EXIT_OK);
    assert_redis(f, "1 10 1", "HMGET " P "meta tick row ended");
    nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, setup_on_disk, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_row_is_found_by_every_road),
        TEST(the_json_is_the_canonical_line),
        TEST(the_position_and_the_totals_are_there),
        TEST(a_changed_row_takes_the_old_ones_place),
        TEST(a_row_that_is_as_it_was_is_no_news),
        TEST(what_is_gone_leaves_no_key_behind),
        TEST(the_feed_says_what_came_and_went),
        TEST(a_person_is_in_no_name_of_a_key),
        TEST(a_long_tick_is_written_in_steps_and_says_that_it_is_open),
        TEST(after_a_restart_in_mid_tick_nothing_is_done_twice),
        TEST(all_again_after_the_end_changes_nothing),
        TEST(every_reader_finds_the_rows_of_the_position),
        TEST(a_step_that_was_done_is_not_done_again),
        TEST(a_second_sink_at_another_place_is_refused),
        TEST(the_feed_is_trimmed_and_its_floor_published),
        TEST(a_redis_ahead_of_the_log_is_refused_at_the_start),
        TEST(a_redis_ahead_of_the_chain_is_refused_at_the_end),
        TEST(other_rows_for_a_tick_that_is_there_are_refused),
        TEST(a_redis_that_evicts_is_refused),
        TEST(keys_of_another_shape_are_refused),
        TEST(a_redis_that_lost_its_keys_ends_the_sink),
        TEST(a_wrong_password_is_refused_and_never_printed),
        TEST(a_url_or_deployment_that_is_none_is_a_usage_error),
        TEST(two_deployments_share_a_redis),
        TEST(damaged_frames_end_the_sink),
        ON_DISK(the_chain_waits_for_a_server_that_comes_back),
        TEST(a_connection_that_was_cut_is_made_again),
        TEST(a_server_restored_from_the_past_ends_the_sink_and_is_filled_again),
        TEST(told_to_stop_while_it_waits_the_sink_ends_with_status_3),
        TEST(a_full_server_is_waited_for),
        TEST(the_list_has_the_most_urgent_first),
        TEST(an_alert_is_shown_with_evidence_and_why),
        TEST(the_export_of_redis_is_that_of_a_replay),
        TEST(an_export_in_mid_tick_is_refused),
        TEST(counters_are_one_json_object_with_sorted_names),
        TEST(without_a_server_alerts_says_so),
        TEST(tail_prints_what_comes_and_what_goes),
        ON_DISK(tail_goes_on_whatever_comes),
        TEST(an_audience_that_nothing_was_written_for_is_said),
        TEST(the_command_reads_frames_until_the_end_and_only_that_is_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

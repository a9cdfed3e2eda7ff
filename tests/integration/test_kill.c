/*
 * Processes that die under load. One source is a FIFO that the test feeds and whose last part it
 * holds back, so that no run can be over before its process is killed; the second run finds the
 * whole file under the same name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operators/runtime/counters.h"
#include "operators/runtime/stage.h"
#include "tests/support/process.h"
#include "tests/support/redis.h"

#define RULES CW_SOURCE_DIR "/detectors/rules"
#define FED "PL-SGK" /* the agency with the most events */

enum {
    SEEDS = 20,
    STAGES = 5,
    EXIT_LIMIT_MS = 5000, /* what stands behind the log is to be gone by then */
    HELD_BYTES = 16       /* the last block of the fed source is not complete without them */
};
static const char *const stages[STAGES] = { "ingest", "dedup", "link", "detect", "sink" };

static struct cw_test_redis redis;
static struct cw_test_redis mortal;  /* of the test that kills it */
static int64_t whole_frames[STAGES]; /* what each stage saw in a run that nothing disturbed */

/* A scenario, its answer, and one chain that runs on it. */
struct chain {
    struct cw_test_room *room;
    const char *scenario;
    const char *expected; /* alerts of a replay */
    const char *fifo;
    const char *deployment;
    const char *log;
    const char *url;
    struct cw_test_process *run;
    int feed; /* -1: nobody reads the FIFO yet */
    const char *bytes;
    size_t len;
    size_t at;
    size_t limit; /* so much may be fed now */
};

/* --- the scene --- */

static void make_chain(struct chain *chain, struct cw_test_room *room, unsigned seed,
                       const char *url)
{
    *chain = (struct chain){ .room = room, .feed = -1, .url = url };
    chain->scenario = cw_test_path(room, "g");
    (void)cw_test_crosswatch(room, 0, "generate", "--events", "5000", "--seed",
                             cw_test_text(room, "%u", seed), "--out", chain->scenario, NULL);
    const char *out = cw_test_path(room, "expected");
    (void)cw_test_crosswatch(room, 0, "replay", "--source", chain->scenario, "--rules", RULES,
                             "--export", out, NULL);
    chain->expected = cw_test_text(room, "%s/alerts.jsonl", out);
    assert_true(cw_test_count_lines(room, chain->expected) >= 10);
    chain->deployment = cw_test_text(room, "seed-%u", seed);
    chain->log = cw_test_path(room, "log");

    chain->fifo = cw_test_text(room, "%s/events/" FED ".avro", chain->scenario);
    chain->bytes = cw_test_read(room, chain->fifo, &chain->len);
    chain->limit = chain->len - HELD_BYTES;
    assert_int_equal(unlink(chain->fifo), 0);
    assert_int_equal(mkfifo(chain->fifo, 0600), 0);
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

static int remove_room_and_redis(void **state)
{
    cw_test_redis_stop(&mortal);
    return remove_room(state);
}

static int not_fed(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, FED ".avro") != 0;
}

/* Every source by name: a directory would pass over a FIFO. */
static void add_sources(const struct chain *chain, struct cw_test_words *words)
{
    struct dirent **entries;
    const char *dir = cw_test_text(chain->room, "%s/events", chain->scenario);
    int count = scandir(dir, &entries, not_fed, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        cw_test_add(words, "--source",
                    cw_test_text(chain->room, "%s/%s,contract=%s/contracts", dir,
                                 entries[i]->d_name, chain->scenario),
                    NULL);
        free(entries[i]);
    }
    free(entries);
    cw_test_add(words, "--source",
                cw_test_text(chain->room, "%s,contract=%s/contracts", chain->fifo, chain->scenario),
                NULL);
}

static void start_run(struct chain *chain, const char *option)
{
    struct cw_test_words words = { { NULL }, 0 };
    cw_test_add(&words, CW_PROGRAM, "run", "--rules", RULES, "--redis", chain->url, "--deployment",
                chain->deployment, "--log", chain->log, "--tick", "32", "--batch", "64",
                "--audience", "dk", option, NULL);
    add_sources(chain, &words);
    chain->run = cw_test_start(chain->room, &words, NULL);
}

/* Gives the FIFO what it takes now. */
static void feed_some(struct chain *chain)
{
    if (chain->feed < 0)
        chain->feed = open(chain->fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (chain->feed < 0) {
        assert_int_equal(errno, ENXIO);
        return;
    }
    size_t left = chain->limit - chain->at;
    ssize_t written = left > 0 ? write(chain->feed, chain->bytes + chain->at, left) : 0;
    if (written > 0)
        chain->at += (size_t)written;
    else if (written < 0 && errno != EPIPE)
        assert_int_equal(errno, EAGAIN);
}

/* The rest, and the end. */
static void feed_all(struct chain *chain)
{
    int64_t since = cw_test_now_ms();
    chain->limit = chain->len;
    for (feed_some(chain); chain->at < chain->len; feed_some(chain))
        cw_test_rest(since, CW_TEST_LIMIT_MS, "ingest to read a source to its end");
    close(chain->feed);
    chain->feed = -1;
}

static void stop_feeding(struct chain *chain)
{
    if (chain->feed >= 0)
        close(chain->feed);
    chain->feed = -1;
}

/* --- looking on --- */

static bool page_of(const struct chain *chain, int stage, struct cw_counters_page *page)
{
    char path[256]; /* looked at often: no text of the room */
    snprintf(path, sizeof(path), "%s/run/%s.counters", chain->log, stages[stage]);
    return cw_counters_read(path, page);
}

/* Frames that a stage has seen; of ingest, the events admitted. */
static int64_t frames_of(const struct chain *chain, int stage)
{
    struct cw_counters_page page;
    if (!page_of(chain, stage, &page))
        return 0;
    for (uint32_t i = 0; i < page.count; i++) {
        if (strcmp(page.of[i].name, stage == 0 ? "ingest.events" : "frames") == 0)
            return page.of[i].value;
    }
    return 0;
}

/* Feeds until the stage has seen so much. The chain may not be over by then. */
static void run_until(struct chain *chain, int stage, int64_t frames)
{
    int64_t since = cw_test_now_ms();
    while (frames_of(chain, stage) < frames) {
        feed_some(chain);
        if (cw_test_ended(chain->run))
            cw_test_wait_for_status(chain->run, -1); /* says what went wrong */
        cw_test_rest(since, CW_TEST_LIMIT_MS, "the moment of the kill");
    }
}

/* As `run` says at its start. */
static pid_t pid_of(const struct chain *chain, int stage)
{
    const char *text = cw_test_read(chain->room, chain->run->errors, NULL);
    const char *at = strstr(text, "running: ");
    const char *name = cw_test_text(chain->room, "%s ", stages[stage]);
    at = at != NULL ? strstr(at, name) : NULL;
    assert_non_null(at);
    pid_t pid = (pid_t)atoi(at + strlen(name));
    assert_true(pid > 1);
    return pid;
}

/* The status of a stage that did not end well, as `run` says; 0: it says none. */
static int told_status(const struct chain *chain, int stage, pid_t pid)
{
    const char *said =
        cw_test_text(chain->room, "%s (pid %d) ended with status ", stages[stage], (int)pid);
    const char *at = strstr(cw_test_read(chain->room, chain->run->errors, NULL), said);
    return at != NULL ? atoi(at + strlen(said)) : 0;
}

static void expect_redis(struct chain *chain)
{
    struct cw_test_process *alerts =
        cw_test_crosswatch(chain->room, 0, "alerts", "export", "--canonical", "--redis", chain->url,
                           "--deployment", chain->deployment, NULL);
    cw_test_same_files(chain->room, chain->expected, alerts->output);
}

/* The file itself takes the FIFO's place; the same command goes on to the end. */
static void go_on(struct chain *chain, const char *option)
{
    stop_feeding(chain);
    assert_int_equal(unlink(chain->fifo), 0);
    cw_test_write(chain->fifo, chain->bytes, chain->len);
    start_run(chain, option);
    cw_test_wait_for_status(chain->run, CW_EXIT_OK);
    expect_redis(chain);
}

/* --- what the tests need to know --- */

static int measure(void **state)
{
    (void)state;
    struct chain chain;
    cw_test_redis_start(&redis, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct cw_test_room *room = cw_test_room_new();
    make_chain(&chain, room, 1000, redis.url);
    start_run(&chain, NULL);
    feed_all(&chain);
    cw_test_wait_for_status(chain.run, CW_EXIT_OK);
    expect_redis(&chain);
    for (int stage = 0; stage < STAGES; stage++) {
        whole_frames[stage] = frames_of(&chain, stage);
        assert_true(whole_frames[stage] > 100);
    }
    cw_test_room_free(room);
    return 0;
}

static int stop_redis(void **state)
{
    (void)state;
    cw_test_redis_stop(&redis);
    return 0;
}

/* A few steps of a fixed generator: the same moments in every run of this test. */
static uint64_t draw(uint64_t seed)
{
    uint64_t x = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* --- one of five is killed --- */

/* One behind the log has died: the others there go by themselves, in time, and say so. */
static void expect_the_chain_to_end(struct chain *chain, int victim, const pid_t *pids)
{
    int64_t since = cw_test_now_ms();
    while (!cw_test_ended(chain->run))
        cw_test_rest(since, EXIT_LIMIT_MS, "the chain behind the log to end");
    cw_test_wait_for_group(chain->run, EXIT_LIMIT_MS);
    assert_int_equal(cw_test_wait(chain->run), 128 + SIGKILL);
    for (int stage = 1; stage < STAGES; stage++) {
        int expected = stage == victim ? 128 + SIGKILL : CW_EXIT_BROKEN;
        assert_int_equal(told_status(chain, stage, pids[stage]), expected);
    }
}

/* ingest has died: the others do what the log holds. */
static void expect_the_log_to_be_finished(struct chain *chain)
{
    assert_int_equal(cw_test_wait(chain->run), 128 + SIGKILL);
    cw_test_wait_for_group(chain->run, CW_TEST_LIMIT_MS);
    struct cw_test_process *frames =
        cw_test_crosswatch(chain->room, 0, "frames", "--log", chain->log, NULL);
    int64_t last = 0;
    for (const char *at = cw_test_read(chain->room, frames->output, NULL);
         (at = strstr(at, "{\"kind\":\"tick\"")) != NULL; at++)
        last++;
    struct cw_counters_page page;
    int64_t done = -1;
    assert_true(page_of(chain, STAGES - 1, &page));
    for (uint32_t i = 0; i < page.count; i++) {
        if (strcmp(page.of[i].name, "sink.tick") == 0)
            done = page.of[i].value;
    }
    assert_true(last > 0);
    assert_int_equal(done, last);
}

static void kill_one_and_go_on(struct cw_test_room *room, unsigned seed)
{
    struct chain chain;
    pid_t pids[STAGES];
    int victim = (int)seed % STAGES;
    make_chain(&chain, room, seed, redis.url);
    start_run(&chain, NULL);
    /* anywhere in the first half, for behind it the source may be held back */
    run_until(&chain, victim, 1 + (int64_t)(draw(seed) % (uint64_t)(whole_frames[victim] / 2)));
    for (int stage = 0; stage < STAGES; stage++)
        pids[stage] = pid_of(&chain, stage);
    assert_int_equal(kill(pids[victim], SIGKILL), 0);
    if (victim == 0)
        expect_the_log_to_be_finished(&chain);
    else
        expect_the_chain_to_end(&chain, victim, pids);
    go_on(&chain, NULL);
}

/* Seeds victim, victim + STAGES …: the room is the test's own at each moment. */
static void kill_with_all_seeds(void **state, unsigned victim)
{
    for (unsigned seed = victim; seed < SEEDS; seed += STAGES) {
        kill_one_and_go_on(*state, seed);
        cw_test_room_free(*state);
        *state = cw_test_room_new();
    }
}

static void when_ingest_is_killed_the_log_is_finished_and_the_next_run_goes_on(void **state)
{
    kill_with_all_seeds(state, 0);
}

static void when_dedup_is_killed_the_others_end_and_the_next_run_goes_on(void **state)
{
    kill_with_all_seeds(state, 1);
}

static void when_link_is_killed_the_others_end_and_the_next_run_goes_on(void **state)
{
    kill_with_all_seeds(state, 2);
}

static void when_detect_is_killed_the_others_end_and_the_next_run_goes_on(void **state)
{
    kill_with_all_seeds(state, 3);
}

static void when_sink_is_killed_the_others_end_and_the_next_run_goes_on(void **state)
{
    kill_with_all_seeds(state, 4);
}

/* --- others are killed --- */

static void a_killed_run_leaves_nobody_and_the_next_goes_on(void **state)
{
    struct chain chain;
    make_chain(&chain, *state, 100, redis.url);
    start_run(&chain, NULL);
    run_until(&chain, 4, whole_frames[4] / 3);
    assert_int_equal(kill(chain.run->pid, SIGKILL), 0);
    assert_int_equal(cw_test_wait(chain.run), 128 + SIGKILL);
    cw_test_wait_for_group(chain.run, CW_TEST_LIMIT_MS);
    go_on(&chain, NULL);
}

static void a_killed_fused_run_goes_on_too(void **state)
{
    struct chain chain;
    make_chain(&chain, *state, 101, redis.url);
    start_run(&chain, "--fused");
    run_until(&chain, 0, whole_frames[0] / 2);
    assert_int_equal(kill(chain.run->pid, SIGKILL), 0);
    assert_int_equal(cw_test_wait(chain.run), 128 + SIGKILL);
    go_on(&chain, "--fused");
}

static void a_run_that_is_asked_to_stop_stops_and_the_next_goes_on(void **state)
{
    struct chain chain;
    make_chain(&chain, *state, 102, redis.url);
    start_run(&chain, NULL);
    run_until(&chain, 3, whole_frames[3] / 2);
    assert_int_equal(kill(chain.run->pid, SIGTERM), 0);
    assert_int_equal(cw_test_wait(chain.run), CW_EXIT_BROKEN);
    cw_test_wait_for_group(chain.run, CW_TEST_LIMIT_MS);
    go_on(&chain, NULL);
}

static void a_killed_redis_is_waited_for(void **state)
{
    static const char *const kept[] = {
        "--appendonly", "yes", "--appendfsync", "always", "--save", "", NULL
    };
    struct chain chain;
    cw_test_redis_start(&mortal, kept);
    make_chain(&chain, *state, 103, mortal.url);
    start_run(&chain, NULL);
    run_until(&chain, 4, whole_frames[4] / 3);
    cw_test_redis_kill(&mortal);
    /* The sink has work left, so it finds out. */
    int64_t since = cw_test_now_ms();
    while (
        !cw_test_file_has(chain.room, chain.run->errors, "\"level\":\"warn\",\"stage\":\"sink\"")) {
        feed_some(&chain);
        cw_test_rest(since, CW_TEST_LIMIT_MS, "the sink to say that Redis is away");
    }
    feed_all(&chain);
    assert_false(cw_test_ended(chain.run));
    cw_test_redis_again(&mortal);
    cw_test_wait_for_status(chain.run, CW_EXIT_OK);
    expect_redis(&chain);
}

/* --- Redis goes back while the chain runs --- */

/* Generation and tick that readers find; *generation 0: nothing is there. */
static void look_at_meta(const struct chain *chain, redisContext *eye, long long *generation,
                         long long *tick)
{
    redisReply *meta =
        redisCommand(eye, "HMGET cw:{%s}:a:all:meta generation tick", chain->deployment);
    assert_non_null(meta);
    *generation = meta->element[0]->str != NULL ? atoll(meta->element[0]->str) : 0;
    *tick = meta->element[1]->str != NULL ? atoll(meta->element[1]->str) : 0;
    freeReplyObject(meta);
}

/* To the end; what readers find meanwhile is the generation `least` or one above, and never a tick
 * before `tick`. What was restored with an older copy, of the generation below, is left out: it is
 * not the sink's. */
static void expect_a_new_generation(struct chain *chain, long long least, long long seen)
{
    redisContext *eye = cw_test_redis_connect(&mortal);
    long long generation = 0;
    long long tick = 0;
    int64_t since = cw_test_now_ms();
    chain->limit = chain->len;
    while (!cw_test_ended(chain->run)) {
        if (chain->at < chain->len)
            feed_some(chain);
        else
            stop_feeding(chain);
        look_at_meta(chain, eye, &generation, &tick);
        if (generation >= least)
            assert_true(tick >= seen);
        cw_test_rest(since, CW_TEST_LIMIT_MS, "the chain to end");
    }
    cw_test_wait_for_status(chain->run, CW_EXIT_OK);
    look_at_meta(chain, eye, &generation, &tick);
    assert_int_equal(generation, least);
    assert_true(
        cw_test_file_has(chain->room, chain->run->errors, "the chain behind the log starts again"));
    redisReply *left = redisCommand(eye, "KEYS cw:{%s}:a:all:1:*", chain->deployment);
    assert_int_equal(left->elements, 0);
    freeReplyObject(left);
    redisFree(eye);
    expect_redis(chain);
}

/* Until the sink has written so many ticks. */
static long long run_until_tick(struct chain *chain, long long least)
{
    redisContext *eye = cw_test_redis_connect(&mortal);
    long long generation = 0;
    long long tick = 0;
    int64_t since = cw_test_now_ms();
    while (tick < least) {
        feed_some(chain);
        look_at_meta(chain, eye, &generation, &tick);
        cw_test_rest(since, CW_TEST_LIMIT_MS, "the sink to write some ticks");
    }
    assert_false(cw_test_ended(chain->run));
    redisFree(eye);
    return tick;
}

static void flush_and_fill_again(void **state, unsigned seed, const char *option)
{
    struct chain chain;
    cw_test_redis_start(&mortal, NULL);
    make_chain(&chain, *state, seed, mortal.url);
    start_run(&chain, option);
    long long tick = run_until_tick(&chain, 5);
    redisContext *eye = cw_test_redis_connect(&mortal);
    freeReplyObject(redisCommand(eye, "FLUSHALL"));
    redisFree(eye);
    expect_a_new_generation(&chain, 2, tick);
}

static void a_redis_that_is_emptied_is_filled_again_while_the_chain_runs(void **state)
{
    flush_and_fill_again(state, 104, NULL);
}

static void so_it_is_by_a_fused_chain(void **state)
{
    flush_and_fill_again(state, 105, "--fused");
}

static void a_redis_restored_from_an_older_copy_is_filled_again_while_the_chain_runs(void **state)
{
    struct chain chain;
    cw_test_redis_start(&mortal, NULL);
    make_chain(&chain, *state, 106, mortal.url);
    start_run(&chain, NULL);
    (void)run_until_tick(&chain, 3);
    redisContext *eye = cw_test_redis_connect(&mortal);
    freeReplyObject(redisCommand(eye, "SAVE"));
    redisFree(eye);
    long long tick = run_until_tick(&chain, 6);
    cw_test_redis_kill(&mortal);
    cw_test_redis_again(&mortal);
    expect_a_new_generation(&chain, 2, tick);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_room, remove_room)
#define MORTAL(name) cmocka_unit_test_setup_teardown(name, make_room, remove_room_and_redis)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(when_ingest_is_killed_the_log_is_finished_and_the_next_run_goes_on),
        TEST(when_dedup_is_killed_the_others_end_and_the_next_run_goes_on),
        TEST(when_link_is_killed_the_others_end_and_the_next_run_goes_on),
        TEST(when_detect_is_killed_the_others_end_and_the_next_run_goes_on),
        TEST(when_sink_is_killed_the_others_end_and_the_next_run_goes_on),
        TEST(a_killed_run_leaves_nobody_and_the_next_goes_on),
        TEST(a_killed_fused_run_goes_on_too),
        TEST(a_run_that_is_asked_to_stop_stops_and_the_next_goes_on),
        MORTAL(a_killed_redis_is_waited_for),
        MORTAL(a_redis_that_is_emptied_is_filled_again_while_the_chain_runs),
        MORTAL(so_it_is_by_a_fused_chain),
        MORTAL(a_redis_restored_from_an_older_copy_is_filled_again_while_the_chain_runs),
    };
    return cmocka_run_group_tests(tests, measure, stop_redis);
}

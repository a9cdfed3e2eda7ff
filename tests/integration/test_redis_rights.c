/* The users that `sink --acl` prints, on a real server: what they may do works, and a reader who
 * tries to see more sees nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "operators/runtime/time.h"
#include "ops/command.h"
#include "tests/support/sink_scene.h"

extern const struct cw_command cw_cmd_sink;
extern const struct cw_command cw_cmd_alerts;

#define DK "cw:{crosswatch}:a:dk:"
#define FR "cw:{crosswatch}:a:fr:"
#define FOR_DK "{\"audience\":[\"dk\"]}"
#define FOR_FR "{\"audience\":[\"fr\"]}"

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Runs a command in a child; what it prints comes back. */
static char *printed(const struct cw_command *command, char **argv, int *status)
{
    int out[2];
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
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

static void write_password(const char *dir, const char *user, const char *password)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, user);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(password, file);
    fclose(file);
}

/* The lines for the audiences dk and fr; passwords "pw-USER". The caller frees. */
static char *acl_lines(void)
{
    char dir[] = "/tmp/crosswatch-passwords-XXXXXX";
    int status = -1;
    assert_non_null(mkdtemp(dir));
    write_password(dir, "sink", "pw-sink\n");
    write_password(dir, "reader-all", "pw-reader-all\n");
    write_password(dir, "reader-dk", "pw-reader-dk");
    write_password(dir, "reader-fr", "pw-reader-fr\n");
    char *argv[] = { (char[]){ "sink" },
                     (char[]){ "--acl" },
                     (char[]){ "--audience" },
                     (char[]){ "dk" },
                     (char[]){ "--audience" },
                     (char[]){ "fr" },
                     (char[]){ "--passwords" },
                     dir,
                     NULL };
    char *lines = printed(&cw_cmd_sink, argv, &status);
    assert_int_equal(status, CW_EXIT_OK);
    nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
    return lines;
}

/* Gives the server the users, as redis-cli would with ACL SETUSER in the place of "user". */
static void make_users(struct fixture *f, char *lines)
{
    char *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *args[80] = { "ACL", "SETUSER" };
        int count = 2;
        char *words = NULL;
        assert_string_equal(strtok_r(line, " ", &words), "user");
        for (char *word; (word = strtok_r(NULL, " ", &words)) != NULL;)
            args[count++] = word;
        redisReply *reply = redisCommandArgv(f->eye, count, args, NULL);
        assert_string_equal(reply->str, "OK");
        freeReplyObject(reply);
    }
}

static const char *const audiences[] = { "dk", "fr" };

/* A server with the users, and the alerts "for all", "for dk" and "for fr" that the user sink wrote
 * there. */
static int setup_users(void **state)
{
    int status = setup(state);
    struct fixture *f = *state;
    char *lines = acl_lines();
    static char url[64];
    static struct cw_redis_settings settings;
    make_users(f, lines);
    free(lines);
    snprintf(url, sizeof(url), "redis://sink:pw-sink@127.0.0.1:%d", listen_on_port(f));
    settings = (struct cw_redis_settings){
        .url = url, .audiences = audiences, .audience_count = 2, .feed_max = 10, .live = true
    };
    f->usual = &settings;
    return status;
}

static void fill(struct fixture *f)
{
    open_sink(f);
    begin_tick(f);
    set_for(f, "for all", "");
    set_for(f, "for dk", FOR_DK);
    set_for(f, "for fr", FOR_FR);
    close_tick(f);
    push(f);
}

static void log_in(struct fixture *f, const char *user)
{
    assert_redis(f, "OK", "AUTH %s pw-%s", user, user);
}

static void assert_denied(struct fixture *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(f->eye, format, args);
    va_end(args);
    assert_non_null(reply);
    if (reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "NOPERM", 6) != 0)
        fail_msg("expected NOPERM for %s, found %s", format,
                 reply->str != NULL ? reply->str : "another answer");
    freeReplyObject(reply);
}

/* --- */

static void the_sink_may_do_all_that_it_does(void **state)
{
    struct fixture *f = *state;
    fill(f);
    for (int i = 0; i < 30; i++) { /* the feed is cut, alerts go, another generation comes */
        begin_tick(f);
        many(f, i, i + 5, "a title");
        gone(f, "for all");
        close_tick(f);
    }
    push(f);
    struct cw_redis_settings again = *f->usual;
    again.rebuild = true;
    assert_int_equal(open_status(f, &again), CW_EXIT_OK);
    f->frames.len = 0;
    f->tick = 0;
    for (int i = 0; i < 31; i++) {
        begin_tick(f);
        set_for(f, "for dk", FOR_DK);
        close_tick(f);
    }
    cw_test_end(&f->frames);
    push(f);
    assert_redis(f, "2 1", "HMGET " DK "meta generation ended");
    assert_redis(f, "", "KEYS *:1:*");
}

static void the_sink_may_do_nothing_else(void **state)
{
    struct fixture *f = *state;
    fill(f);
    log_in(f, "sink");
    static const char *const forbidden[] = {
        "GET x",
        "KEYS *",
        "SCAN 0",
        "FLUSHALL",
        "CONFIG SET save x",
        "ACL LIST",
        "DEL " DK "meta",
        "EVAL x 0",
        "MONITOR",
        "SHUTDOWN",
        "SET other 1",
        "HSET other f v",
        "DEBUG SLEEP",
        "HGETALL cw:{crosswatch}:people",
        "RANDOMKEY",
        "PUBLISH a b",
        "SAVE",
        "HSET cw:{another}:a:all:meta f v",
    };
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
        assert_denied(f, forbidden[i]);
}

static void a_reader_reads_all_of_its_own(void **state)
{
    struct fixture *f = *state;
    fill(f);
    log_in(f, "reader-dk");
    assert_redis(f, "2", "ZCARD " DK "1:open");
    assert_redis(f, "high", "HGET " DK "1:alert:%s level", id_of("for dk"));
    assert_redis(f, "2 1", "HMGET " DK "meta contract generation");
    assert_redis(f, "2", "XLEN " DK "1:feed");
    assert_redis(f, "1", "EXISTS " DK "1:time");
    redisReply *reply = redisCommand(f->eye, "XREAD COUNT 1 STREAMS " DK "1:feed 0");
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    freeReplyObject(reply);
    assert_redis(f, "OK", "MULTI");
    assert_redis(f, "QUEUED", "ZRANGE " DK "1:open 0 -1 REV");
    assert_redis(f, "QUEUED", "ZCOUNT " DK "1:open 2500000000000000 +inf");
    reply = redisCommand(f->eye, "EXEC");
    assert_int_equal(reply->elements, 2);
    assert_int_equal(reply->element[1]->integer, 2);
    freeReplyObject(reply);
}

/* What lies outside the one prefix, by whatever command reads a key. */
static void a_reader_sees_no_key_of_another(void **state)
{
    struct fixture *f = *state;
    fill(f);
    const char *id = id_of("for fr");
    log_in(f, "reader-dk");
    static const char *const others[] = { FR, P };
    for (size_t i = 0; i < 2; i++) {
        assert_denied(f, "HGETALL %smeta", others[i]);
        assert_denied(f, "HGETALL %scounters", others[i]);
        assert_denied(f, "HGETALL %s1:alert:%s", others[i], id);
        assert_denied(f, "HGET %s1:alert:%s json", others[i], id);
        assert_denied(f, "HMGET %s1:alert:%s json", others[i], id);
        assert_denied(f, "EXISTS %s1:alert:%s", others[i], id);
        assert_denied(f, "ZRANGE %s1:open 0 -1", others[i]);
        assert_denied(f, "ZCARD %s1:open", others[i]);
        assert_denied(f, "ZSCORE %s1:open %s", others[i], id);
        assert_denied(f, "XLEN %s1:feed", others[i]);
        assert_denied(f, "XRANGE %s1:feed - +", others[i]);
        assert_denied(f, "XREAD STREAMS %s1:feed 0", others[i]);
        assert_denied(f, "XREAD STREAMS " DK "1:feed %s1:feed 0 0", others[i]);
        assert_denied(f, "WATCH %smeta", others[i]);
    }
    assert_denied(f, "HGETALL cw:{crosswatch}:sink");
    assert_denied(f, "HGETALL cw:{another}:a:dk:meta");
    assert_denied(f, "EXISTS " DK "meta " FR "meta");
}

static void a_foreign_key_in_a_multi_undoes_all_of_it(void **state)
{
    struct fixture *f = *state;
    fill(f);
    log_in(f, "reader-dk");
    assert_redis(f, "OK", "MULTI");
    assert_redis(f, "QUEUED", "HGETALL " DK "meta");
    assert_denied(f, "HGETALL " FR "meta");
    char *answer = asked(f, "EXEC");
    assert_memory_equal(answer, "EXECABORT", 9);
    free(answer);
}

/* Ways to see names or contents of keys that are no reading of one. */
static void a_reader_has_no_other_way_to_see_more(void **state)
{
    struct fixture *f = *state;
    fill(f);
    log_in(f, "reader-dk");
    static const char *const forbidden[] = {
        "SCAN 0",
        "KEYS *",
        "RANDOMKEY",
        "DBSIZE",
        "MONITOR",
        "EVAL return{redis.call('hgetall',KEYS[1])} 1 " FR "meta",
        "EVAL return{redis.call('hgetall','" FR "meta')} 0",
        "EVAL_RO return{redis.call('hgetall','" FR "meta')} 0",
        "EVALSHA 0000000000000000000000000000000000000000 0",
        "SCRIPT LOAD return",
        "FUNCTION LIST",
        "FCALL f 0",
        "PSUBSCRIBE *",
        "PSUBSCRIBE __key*__:*",
        "SUBSCRIBE __keyevent@0__:hset",
        "SSUBSCRIBE a",
        "PUBSUB CHANNELS",
        "PUBLISH a b",
        "CONFIG GET *",
        "CONFIG SET notify-keyspace-events KEA",
        "CLIENT LIST",
        "CLIENT INFO",
        "CLIENT TRACKING ON BCAST",
        "CLIENT KILL TYPE normal",
        "DUMP " DK "meta",
        "DUMP " FR "meta",
        "OBJECT ENCODING " FR "meta",
        "OBJECT FREQ " FR "meta",
        "TYPE " FR "meta",
        "SORT " DK "1:open BY nosort GET " FR "1:alert:*->json",
        "SORT_RO " DK "1:open BY nosort GET " FR "1:alert:*->json",
        "HSCAN " DK "meta 0",
        "ZSCAN " DK "1:open 0",
        "ZUNION 2 " DK "1:open " FR "1:open",
        "ZINTER 2 " DK "1:open " FR "1:open",
        "ZRANGESTORE " DK "x " FR "1:open 0 -1",
        "ZUNIONSTORE " DK "x 1 " FR "1:open",
        "COPY " FR "meta " DK "x",
        "RENAME " FR "meta " DK "x",
        "MIGRATE h 1 k 0 1",
        "RESTORE " DK "x 0 x",
        "SLOWLOG GET",
        "LATENCY DOCTOR",
        "MEMORY USAGE " FR "meta",
        "INFO",
        "COMMAND GETKEYS GET x",
        "ACL LIST",
        "ACL GETUSER sink",
        "ACL WHOAMI",
        "ACL LOG",
        "REPLICAOF h 1",
        "PSYNC ? -1",
        "SYNC",
        "DEBUG OBJECT " FR "meta",
        "MODULE LIST",
        "SWAPDB 0 1",
        "WAIT 0 0",
        "XINFO STREAM " DK "1:feed",
        "XGROUP CREATE " DK "1:feed g 0",
        "XREADGROUP GROUP g c STREAMS " FR "1:feed >",
    };
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
        assert_denied(f, forbidden[i]);
}

static void a_reader_writes_nothing(void **state)
{
    struct fixture *f = *state;
    fill(f);
    char *before = asked(f, "DEBUG DIGEST");
    log_in(f, "reader-dk");
    static const char *const forbidden[] = {
        "HSET " DK "meta tick 9",
        "DEL " DK "meta",
        "UNLINK " DK "meta",
        "ZADD " DK "1:open 1 x",
        "XADD " DK "1:feed * a b",
        "XTRIM " DK "1:feed MAXLEN 0",
        "EXPIRE " DK "meta 1",
        "SET " DK "x 1",
        "HDEL " DK "meta tick",
        "FLUSHALL",
        "FLUSHDB",
        "SET x 1",
        "PERSIST " DK "meta",
        "ZREM " DK "1:open x",
        "SAVE",
    };
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
        assert_denied(f, forbidden[i]);
    look_again(f);
    assert_redis(f, before, "DEBUG DIGEST");
    free(before);
}

/* Another database of the same server holds nothing for it either. */
static void the_keys_of_other_databases_are_as_closed(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_redis(f, "OK", "SELECT 1");
    assert_redis(f, "1", "HSET secret f v");
    log_in(f, "reader-dk");
    assert_redis(f, "OK", "SELECT 1");
    assert_denied(f, "HGETALL secret");
    assert_denied(f, "SCAN 0");
}

static char *alerts_of(struct fixture *f, const char *user, const char *audience, const char *verb,
                       const char *more, int *status)
{
    char url[128];
    snprintf(url, sizeof(url), "redis://%s:pw-%s%s", user, user, strchr(f->usual->url, '@'));
    char *argv[] = { strdup("alerts"),
                     strdup(verb),
                     strdup("--redis"),
                     url,
                     strdup("--audience"),
                     strdup(audience),
                     more != NULL ? strdup(more) : NULL,
                     NULL };
    char *text = printed(&cw_cmd_alerts, argv, status);
    for (int i = 0; argv[i] != NULL; i++) {
        if (argv[i] != url)
            free(argv[i]);
    }
    return text;
}

static void the_command_alerts_needs_no_more_than_a_reader_may(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    fill(f);
    char *text = alerts_of(f, "reader-dk", "dk", "list", NULL, &status);
    assert_int_equal(status, CW_EXIT_OK);
    assert_non_null(strstr(text, id_of("for dk")));
    assert_non_null(strstr(text, id_of("for all")));
    assert_null(strstr(text, id_of("for fr")));
    free(text);
    text = alerts_of(f, "reader-dk", "dk", "export", "--canonical", &status);
    assert_int_equal(status, CW_EXIT_OK);
    assert_non_null(strstr(text, "\"restriction\":{\"audience\":[\"dk\"]}"));
    free(text);
    text = alerts_of(f, "reader-dk", "dk", "counters", NULL, &status);
    assert_int_equal(status, CW_EXIT_OK);
    free(text);
    text = alerts_of(f, "reader-dk", "fr", "list", NULL, &status);
    assert_int_equal(status, CW_EXIT_FAILED);
    assert_string_equal(text, "");
    free(text);
}

/* --- the look at the start --- */

static int open_usual(struct fixture *f)
{
    return open_status(f, f->usual);
}

static void missing_rights_are_named_before_anything_is_written(void **state)
{
    struct fixture *f = *state;
    static const char *const commands[] = { "xadd",   "zremrangebyrank", "expireat", "info",
                                            "exec",   "multi",           "watch",    "hset",
                                            "discard" };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char sentence[64];
        snprintf(sentence, sizeof(sentence), "missing: +%s. ", commands[i]);
        assert_redis(f, "OK", "ACL SETUSER sink -%s", commands[i]);
        assert_refused(f, open_usual, sentence);
        assert_redis(f, "OK", "ACL SETUSER sink +%s", commands[i]);
    }
    assert_redis(f, "0", "DBSIZE");
    assert_redis(f, "OK", "ACL SETUSER sink resetkeys ~" P "* ~" DK "*");
    assert_refused(f, open_usual, "missing: ~" FR "*, ~cw:{crosswatch}:sink");
    assert_redis(f, "0", "DBSIZE");
    assert_redis(f, "OK", "ACL SETUSER sink ~cw:{crosswatch}:a:* ~cw:{crosswatch}:sink -config");
    assert_int_equal(open_usual(f), CW_EXIT_OK); /* only a warning rests on it */
}

/* --- the lines --- */

static void without_passwords_the_lines_hold_what_redis_does_not_take(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    char *argv[] = { (char[]){ "sink" }, (char[]){ "--acl" }, NULL };
    char *lines = printed(&cw_cmd_sink, argv, &status);
    assert_int_equal(status, CW_EXIT_OK);
    assert_non_null(strstr(lines, "user sink on resetchannels #SHA256-OF-THE-PASSWORD "));
    assert_non_null(strstr(lines, "user reader-all on resetchannels #SHA256-OF-THE-PASSWORD "));
    char *answer = asked(f, "ACL SETUSER x on #SHA256-OF-THE-PASSWORD");
    assert_memory_equal(answer, "ERR", 3);
    free(answer);
    free(lines);
}

static void a_password_that_is_missing_or_an_audience_that_is_none_is_said(void **state)
{
    (void)state;
    int status = -1;
    char *no_file[] = { (char[]){ "sink" }, (char[]){ "--acl" }, (char[]){ "--passwords" },
                        (char[]){ "/nowhere" }, NULL };
    free(printed(&cw_cmd_sink, no_file, &status));
    assert_int_equal(status, CW_EXIT_USAGE);
    char *no_audience[] = { (char[]){ "sink" }, (char[]){ "--acl" }, (char[]){ "--audience" },
                            (char[]){ "d*" }, NULL };
    free(printed(&cw_cmd_sink, no_audience, &status));
    assert_int_equal(status, CW_EXIT_USAGE);
}

static void a_server_loads_the_lines_as_its_acl_file(void **state)
{
    (void)state;
    char path[] = "/tmp/crosswatch-users-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char *lines = acl_lines();
    assert_null(strstr(lines, "pw-")); /* hashes only */
    assert_int_equal(write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
    close(fd);
    free(lines);
    struct cw_test_redis redis;
    const char *const args[] = { "--aclfile", path, "--save", "", NULL };
    cw_test_redis_start(&redis, args);
    redisContext *eye = cw_test_redis_connect(&redis);
    redisReply *reply = redisCommand(eye, "AUTH reader-fr pw-reader-fr");
    assert_string_equal(reply->str, "OK");
    freeReplyObject(reply);
    redisFree(eye);
    cw_test_redis_stop(&redis);
    unlink(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_users, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_sink_may_do_all_that_it_does),
        TEST(the_sink_may_do_nothing_else),
        TEST(a_reader_reads_all_of_its_own),
        TEST(a_reader_sees_no_key_of_another),
        TEST(a_foreign_key_in_a_multi_undoes_all_of_it),
        TEST(a_reader_has_no_other_way_to_see_more),
        TEST(a_reader_writes_nothing),
        TEST(the_keys_of_other_databases_are_as_closed),
        TEST(the_command_alerts_needs_no_more_than_a_reader_may),
        TEST(missing_rights_are_named_before_anything_is_written),
        TEST(without_passwords_the_lines_hold_what_redis_does_not_take),
        cmocka_unit_test(a_password_that_is_missing_or_an_audience_that_is_none_is_said),
        cmocka_unit_test(a_server_loads_the_lines_as_its_acl_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

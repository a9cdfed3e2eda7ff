/*
 * redis.h - a private redis-server for a test: a directory of its own, a Unix socket, no port.
 */
#ifndef CW_TESTS_REDIS_H
#define CW_TESTS_REDIS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <sys/types.h>

enum { CW_TEST_REDIS_ARGS = 12 };

struct cw_test_redis {
    char dir[64];
    char socket[96];
    char url[112];                            /* unix:… */
    const char *args[CW_TEST_REDIS_ARGS + 1]; /* beside those that make it private */
    pid_t pid;                                /* 0: not running */
};

/** Makes the directory and starts the server with more arguments, a list of C strings that ends
 *  with NULL; waits until it answers. Without arguments it keeps nothing on disk. */
void cw_test_redis_start(struct cw_test_redis *redis, const char *const *args);
/** Kills it with signal 9 and waits for its end. */
void cw_test_redis_kill(struct cw_test_redis *redis);
/** Starts it again in the same directory. */
void cw_test_redis_again(struct cw_test_redis *redis);
/** Ends it and removes the directory. */
void cw_test_redis_stop(struct cw_test_redis *redis);

/** A connection of the test's own. */
redisContext *cw_test_redis_connect(const struct cw_test_redis *redis);

#endif

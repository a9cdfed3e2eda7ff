#include "tests/support/redis.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "operators/runtime/check.h"

/* How long a server may take to answer on a machine that is busy with other things. */
enum { START_LIMIT_MS = 60000, LOOK_EVERY_MS = 10 };

static bool answers(const struct cw_test_redis *redis)
{
    redisContext *context = redisConnectUnix(redis->socket);
    bool pong = false;
    if (context != NULL && context->err == 0) {
        redisReply *reply = redisCommand(context, "PING");
        pong = reply != NULL &&
               (reply->type == REDIS_REPLY_STATUS || strncmp(reply->str, "NOAUTH", 6) == 0);
        freeReplyObject(reply);
    }
    if (context != NULL)
        redisFree(context);
    return pong;
}

static void run_server(const struct cw_test_redis *redis)
{
    char *argv[16 + CW_TEST_REDIS_ARGS];
    size_t n = 0;
    const char *const own[] = { "redis-server", "--port",    "0",          "--unixsocket",
                                redis->socket,  "--dir",     redis->dir,   "--daemonize",
                                "no",           "--logfile", "server.log", "--enable-debug-command",
                                "yes" }; /* DEBUG DIGEST compares */
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        argv[n++] = strdup(own[i]);
    for (size_t i = 0; redis->args[i] != NULL; i++)
        argv[n++] = strdup(redis->args[i]);
    argv[n] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves none behind */
    execvp(argv[0], argv);
    _exit(127);
}

void cw_test_redis_again(struct cw_test_redis *redis)
{
    (void)unlink(redis->socket);
    redis->pid = fork();
    CW_CHECK(redis->pid >= 0);
    if (redis->pid == 0)
        run_server(redis);
    for (int waited = 0; !answers(redis); waited += LOOK_EVERY_MS) {
        int status;
        if (waitpid(redis->pid, &status, WNOHANG) == redis->pid || waited > START_LIMIT_MS) {
            fprintf(stderr, "redis-server did not start: see %s/server.log\n", redis->dir);
            abort();
        }
        const struct timespec slice = { .tv_nsec = LOOK_EVERY_MS * 1000000L };
        (void)nanosleep(&slice, NULL);
    }
}

void cw_test_redis_start(struct cw_test_redis *redis, const char *const *args)
{
    static const char *const nothing_kept[] = { "--save", "", "--appendonly", "no", NULL };
    *redis = (struct cw_test_redis){ 0 };
    if (args == NULL)
        args = nothing_kept;
    for (size_t i = 0; args[i] != NULL; i++) {
        CW_CHECK(i < CW_TEST_REDIS_ARGS);
        redis->args[i] = args[i];
    }
    snprintf(redis->dir, sizeof(redis->dir), "/tmp/crosswatch-redis-XXXXXX");
    CW_CHECK(mkdtemp(redis->dir) != NULL);
    snprintf(redis->socket, sizeof(redis->socket), "%s/redis.sock", redis->dir);
    snprintf(redis->url, sizeof(redis->url), "unix:%s", redis->socket);
    cw_test_redis_again(redis);
}

void cw_test_redis_kill(struct cw_test_redis *redis)
{
    if (redis->pid == 0)
        return;
    int status;
    (void)kill(redis->pid, SIGKILL);
    while (waitpid(redis->pid, &status, 0) < 0 && errno == EINTR)
        ;
    redis->pid = 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

void cw_test_redis_stop(struct cw_test_redis *redis)
{
    cw_test_redis_kill(redis);
    (void)nftw(redis->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

redisContext *cw_test_redis_connect(const struct cw_test_redis *redis)
{
    redisContext *context = redisConnectUnix(redis->socket);
    CW_CHECK(context != NULL && context->err == 0);
    return context;
}

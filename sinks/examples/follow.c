/*
 * follow.c - prints the alerts that stand and follows what changes, with hiredis:
 *
 *     follow HOST:PORT|SOCKET [AUDIENCE [DEPLOYMENT]]
 */
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { LOT = 200 }; /* hashes a trip */

/* What a step of the reader came to. */
enum outcome { GO_ON, BEGIN_AGAIN, AWAY };

struct reader {
    redisContext *redis;
    char prefix[160];
    char generation[24];
    unsigned long long tick; /* LAST */
    unsigned long long row;
};

static const char *text(const redisReply *reply, size_t i)
{
    return reply != NULL && i < reply->elements && reply->element[i]->str != NULL
               ? reply->element[i]->str
               : "";
}

/* The field's value in a list of names and values. */
static const char *field(const redisReply *list, const char *name)
{
    for (size_t i = 0; i + 1 < list->elements; i += 2) {
        if (strcmp(text(list, i), name) == 0)
            return text(list, i + 1);
    }
    return "";
}

static redisReply *no_error(struct reader *reader, redisReply *reply)
{
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "%s\n", reply->str);
        freeReplyObject(reply);
        return NULL;
    }
    if (reply == NULL)
        fprintf(stderr, "%s\n", reader->redis->errstr);
    return reply;
}

/* Takes the answers to MULTI, `count` commands and EXEC; the last, or NULL. */
static redisReply *take_multi(struct reader *reader, size_t count)
{
    redisReply *exec = NULL;
    for (size_t i = 0; i < count + 2; i++) {
        void *reply = NULL;
        freeReplyObject(exec);
        exec = NULL;
        if (redisGetReply(reader->redis, &reply) == REDIS_OK)
            exec = reply;
        exec = no_error(reader, exec);
        if (exec == NULL)
            return NULL;
    }
    return exec;
}

static bool is_behind_floor(const struct reader *reader, const char *floor)
{
    unsigned long long tick = 0;
    unsigned long long row = 0;
    return sscanf(floor, "%llu-%llu", &tick, &row) != 2 || reader->tick > tick ||
           (reader->tick == tick && reader->row >= row);
}

/* The hashes of the ids, at one moment with what says whether they count; *out is freed by the
 * caller, and has the row of ids[i] as its element i + 1. */
static enum outcome ask_hashes(struct reader *reader, const char *const *ids, size_t count,
                               redisReply **out)
{
    redisContext *redis = reader->redis;
    redisAppendCommand(redis, "MULTI");
    redisAppendCommand(redis, "HMGET %smeta generation feed_floor", reader->prefix);
    for (size_t i = 0; i < count; i++)
        redisAppendCommand(redis, "HMGET %s%s:alert:%s revision level last rule", reader->prefix,
                           reader->generation, ids[i]);
    redisAppendCommand(redis, "EXEC");
    *out = take_multi(reader, count + 1);
    if (*out == NULL)
        return AWAY;
    const redisReply *meta = (*out)->element[0];
    return strcmp(text(meta, 0), reader->generation) == 0 && is_behind_floor(reader, text(meta, 1))
               ? GO_ON
               : BEGIN_AGAIN;
}

static void print_row(const char *word, const char *id, const redisReply *row)
{
    if (text(row, 0)[0] != '\0') /* else just gone */
        printf("%s %s %s %s %s %s\n", word, id, text(row, 0), text(row, 1), text(row, 2),
               text(row, 3));
}

static enum outcome print_open(struct reader *reader, const redisReply *ids)
{
    for (size_t from = 0; from < ids->elements; from += LOT) {
        const char *lot[LOT];
        size_t count = ids->elements - from < LOT ? ids->elements - from : LOT;
        for (size_t i = 0; i < count; i++)
            lot[i] = text(ids, from + i);
        redisReply *rows = NULL;
        enum outcome outcome = ask_hashes(reader, lot, count, &rows);
        for (size_t i = 0; i < count && outcome == GO_ON; i++)
            print_row("open", lot[i], rows->element[i + 1]);
        freeReplyObject(rows);
        if (outcome != GO_ON)
            return outcome;
    }
    return GO_ON;
}

static enum outcome read_generation(struct reader *reader)
{
    redisReply *meta = no_error(
        reader, redisCommand(reader->redis, "HMGET %smeta contract generation", reader->prefix));
    if (meta == NULL)
        return AWAY;
    char contract[16];
    snprintf(contract, sizeof(contract), "%s", text(meta, 0));
    snprintf(reader->generation, sizeof(reader->generation), "%s", text(meta, 1));
    freeReplyObject(meta);
    if (contract[0] == '\0') {
        usleep(200000); /* nothing was written yet, or it is being filled */
        return BEGIN_AGAIN;
    }
    if (strcmp(contract, "2") != 0) {
        fprintf(stderr, "expected contract 2, found %s\n", contract);
        exit(1);
    }
    return GO_ON;
}

/* All that stands, at one moment; its hashes may be newer. What was printed of a view that then
 * turns out to be old is void by the next line `view`. */
static enum outcome begin(struct reader *reader)
{
    enum outcome outcome = read_generation(reader);
    if (outcome != GO_ON)
        return outcome;
    redisAppendCommand(reader->redis, "MULTI");
    redisAppendCommand(reader->redis, "HMGET %smeta generation tick row", reader->prefix);
    redisAppendCommand(reader->redis, "ZRANGE %s%s:open 0 -1 REV", reader->prefix,
                       reader->generation);
    redisAppendCommand(reader->redis, "EXEC");
    redisReply *view = take_multi(reader, 2);
    if (view == NULL)
        return AWAY;
    const redisReply *meta = view->element[0];
    reader->tick = strtoull(text(meta, 1), NULL, 10);
    reader->row = strtoull(text(meta, 2), NULL, 10);
    outcome = strcmp(text(meta, 0), reader->generation) == 0 ? GO_ON : BEGIN_AGAIN;
    if (outcome == GO_ON) {
        printf("view %s\n", reader->generation);
        outcome = print_open(reader, view->element[1]);
    }
    freeReplyObject(view);
    if (outcome == GO_ON)
        printf("at %llu-%llu\n", reader->tick, reader->row);
    fflush(stdout);
    return outcome;
}

static enum outcome tell(struct reader *reader, const redisReply *entries)
{
    const char *ids[LOT];
    size_t count = entries == NULL ? 0 : entries->elements < LOT ? entries->elements : LOT;
    for (size_t i = 0; i < count; i++)
        ids[i] = field(entries->element[i]->element[1], "id");
    redisReply *rows = NULL;
    enum outcome outcome = ask_hashes(reader, ids, count, &rows);
    for (size_t i = 0; i < count && outcome == GO_ON; i++) {
        const redisReply *entry = entries->element[i]->element[1];
        const char *next = field(entry, "next");
        if (strcmp(field(entry, "op"), "gone") == 0)
            printf("gone %s %s\n", ids[i], next[0] != '\0' ? next : "-");
        else
            print_row("set", ids[i], rows->element[i + 1]);
    }
    freeReplyObject(rows);
    if (outcome == GO_ON && count > 0) {
        const char *last = text(entries->element[count - 1], 0);
        (void)sscanf(last, "%llu-%llu", &reader->tick, &reader->row);
        printf("at %s\n", last);
        fflush(stdout);
    }
    return outcome;
}

static enum outcome follow(struct reader *reader)
{
    redisReply *streams =
        redisCommand(reader->redis, "XREAD BLOCK 5000 COUNT %d STREAMS %s%s:feed %llu-%llu", LOT,
                     reader->prefix, reader->generation, reader->tick, reader->row);
    streams = no_error(reader, streams);
    if (streams == NULL)
        return AWAY;
    const redisReply *stream = streams->elements > 0 ? streams->element[0] : NULL;
    enum outcome outcome = tell(reader, stream != NULL ? stream->element[1] : NULL);
    freeReplyObject(streams);
    return outcome;
}

static bool open_redis(struct reader *reader, const char *address)
{
    const struct timeval limit = { .tv_sec = 30 };
    const char *password = getenv("REDISCLI_AUTH");
    const char *user = getenv("REDIS_USER");
    const char *colon = strrchr(address, ':');
    char host[256];
    if (address[0] == '/' || colon == NULL) {
        reader->redis = redisConnectUnixWithTimeout(address, limit);
    } else {
        snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
        reader->redis = redisConnectWithTimeout(host, atoi(colon + 1), limit);
    }
    if (reader->redis == NULL || reader->redis->err != 0) {
        fprintf(stderr, "%s: %s\n", address,
                reader->redis != NULL ? reader->redis->errstr : "no memory");
        return false;
    }
    redisSetTimeout(reader->redis, limit);
    if (password == NULL)
        return true;
    redisReply *reply = user != NULL ? redisCommand(reader->redis, "AUTH %s %s", user, password)
                                     : redisCommand(reader->redis, "AUTH %s", password);
    reply = no_error(reader, reply);
    freeReplyObject(reply);
    return reply != NULL;
}

int main(int argc, char **argv)
{
    struct reader reader = { 0 };
    if (argc < 2) {
        fprintf(stderr, "usage: follow HOST:PORT|SOCKET [AUDIENCE [DEPLOYMENT]]\n");
        return 2;
    }
    snprintf(reader.prefix, sizeof(reader.prefix),
             "cw:{%s}:a:%s:", argc > 3 ? argv[3] : "crosswatch", argc > 2 ? argv[2] : "all");
    for (;;) {
        if (open_redis(&reader, argv[1])) {
            enum outcome outcome = BEGIN_AGAIN;
            while (outcome != AWAY)
                outcome = outcome == GO_ON ? follow(&reader) : begin(&reader);
        }
        if (reader.redis != NULL)
            redisFree(reader.redis);
        reader.redis = NULL;
        usleep(500000); /* away: what was told is told again when it is back */
    }
}

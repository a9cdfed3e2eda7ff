/*
 * redis_client.h - one blocking connection to one Redis: the URL, commands in a pipeline, and
 * answers told apart by what the caller can do about them.
 *
 * Commands are appended, then their replies taken, one for one and in order. Nothing is sent before
 * the first reply is asked for, so a round of any number of commands is one trip. A password is
 * never part of a message.
 */
#ifndef CW_SINKS_REDIS_CLIENT_H
#define CW_SINKS_REDIS_CLIENT_H

#include <hiredis/hiredis.h>

#include "operators/runtime/attr.h"
#include "operators/runtime/buf.h"

struct cw_redis_url {
    char host[256];
    int port;
    char path[108]; /* of a Unix socket; then host and port mean nothing */
    int db;
    char user[128]; /* empty: the default user */
    char password[512];
    char shown[400]; /* for messages: without user and password */
};

/** redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:/PATH/TO/SOCKET[?db=DB]. User and password
 * may be percent-encoded. False: a sentence in `error`, which does not quote the URL. */
bool cw_redis_url_parse(const char *text, struct cw_redis_url *out, char *error,
                        size_t error_len) CW_MUST_USE CW_NONNULL(1, 2, 3);

enum cw_redis_status {
    CW_REDIS_OK,
    CW_REDIS_LOST,   /* the connection: whether what was sent was done is not known */
    CW_REDIS_WAIT,   /* the server is there, but cannot now: loading, full, its disk failing */
    CW_REDIS_REFUSED /* asking again will not help: wrong password, no permission, wrong type */
};

struct cw_redis {
    struct cw_redis_url url;
    redisContext *context; /* NULL: not connected */
    struct cw_buf command; /* the arguments of the one being made */
    size_t arg_count;
    size_t pending;  /* replies not taken yet */
    char error[640]; /* of the last status that was not OK, with the URL as shown */
};

/** Closes what is open, connects, authenticates, selects. Ignores SIGPIPE for the whole process. */
enum cw_redis_status cw_redis_connect(struct cw_redis *redis) CW_MUST_USE CW_NONNULL(1);
/** Also frees what is kept between commands; the object may be connected again. */
void cw_redis_close(struct cw_redis *redis) CW_NONNULL(1);

/* A command: begin with its name, one call an argument, end. */
void cw_redis_begin(struct cw_redis *redis, const char *name) CW_NONNULL(1, 2);
void cw_redis_arg(struct cw_redis *redis, cw_str arg) CW_NONNULL(1);
void cw_redis_argf(struct cw_redis *redis, const char *format, ...) CW_NONNULL(1) CW_PRINTF(2, 3);
void cw_redis_end(struct cw_redis *redis) CW_NONNULL(1);
/** A command of C strings in one call; ends with NULL. */
void cw_redis_append(struct cw_redis *redis, const char *name, ...) CW_NONNULL(1, 2)
    __attribute__((sentinel));

/** The next reply; free with freeReplyObject. Not OK: *out is NULL, `error` says why; after LOST no
 *  reply is pending, after the others the rest still is. */
enum cw_redis_status cw_redis_reply(struct cw_redis *redis, redisReply **out) CW_MUST_USE
    CW_NONNULL(1, 2);
/** Takes `count` replies that nobody reads; the first that is not OK is the result. */
enum cw_redis_status cw_redis_drop(struct cw_redis *redis, size_t count) CW_MUST_USE CW_NONNULL(1);
/** Appends the command's end and takes its reply, which must be the only one pending. */
enum cw_redis_status cw_redis_ask(struct cw_redis *redis, redisReply **out) CW_MUST_USE
    CW_NONNULL(1, 2);

/** The text of a reply; absent for nil and for what is no text. */
cw_str cw_redis_text(const redisReply *reply);
/** Element i of an array reply, or NULL. */
const redisReply *cw_redis_at(const redisReply *reply, size_t i);
/** A field's value in a reply that is an array of names and values (HGETALL), or absent. */
cw_str cw_redis_field(const redisReply *reply, const char *name);
/** Its digits as a number; 0 where absent or not a number. */
uint64_t cw_redis_number(cw_str text);

#endif

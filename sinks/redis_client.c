#include "sinks/redis_client.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/check.h"

/* A server that has not answered for this long is taken for lost: every use is safe to repeat. */
static const struct timeval connect_limit = { .tv_sec = 5 };
static const struct timeval reply_limit = { .tv_sec = 10 };

/* --- the URL --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* False: too long, a NUL, or a broken escape. */
static bool percent_decode(cw_str text, char *out, size_t out_len)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
            if (low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        }
        if (c == 0 || n + 1 >= out_len)
            return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

static bool copy(cw_str text, char *out, size_t out_len)
{
    if (text.len == 0 || text.len >= out_len)
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static bool number(cw_str text, int max, int *out)
{
    int value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || value > max)
            return false;
        value = value * 10 + (text.ptr[i] - '0');
    }
    *out = value;
    return text.len != 0 && value <= max;
}

/* Splits at the first (or last) c; `rest` is what follows it. False: there is none. */
static bool split(cw_str text, char c, bool last, cw_str *before, cw_str *rest)
{
    const char *at = NULL;
    if (text.len != 0)
        at = last ? memrchr(text.ptr, c, text.len) : memchr(text.ptr, c, text.len);
    if (at == NULL)
        return false;
    size_t len = (size_t)(at - text.ptr);
    *before = (cw_str){ text.ptr, len };
    *rest = (cw_str){ at + 1, text.len - len - 1 };
    return true;
}

static bool fail(char *error, size_t error_len, const char *sentence)
{
    snprintf(error, error_len, "%s", sentence);
    return false;
}

static bool parse_socket(cw_str text, struct cw_redis_url *out, char *error, size_t error_len)
{
    cw_str path = text;
    cw_str query;
    if (split(text, '?', false, &path, &query)) {
        if (query.len < 3 || memcmp(query.ptr, "db=", 3) != 0 ||
            !number((cw_str){ query.ptr + 3, query.len - 3 }, 9999, &out->db))
            return fail(error, error_len, "expected ?db=NUMBER behind the path of the socket");
    }
    if (path.len > 2 && memcmp(path.ptr, "//", 2) == 0)
        path = (cw_str){ path.ptr + 2, path.len - 2 };
    if (path.len == 0 || path.ptr[0] != '/' || !copy(path, out->path, sizeof(out->path)))
        return fail(error, error_len,
                    "expected unix: and the absolute path of a socket of at most 107 characters");
    snprintf(out->shown, sizeof(out->shown), "unix:%s", out->path);
    return true;
}

static bool parse_login(cw_str login, struct cw_redis_url *out, char *error, size_t error_len)
{
    cw_str user = { "", 0 };
    cw_str password = login;
    if (!split(login, ':', false, &user, &password) ||
        !percent_decode(user, out->user, sizeof(out->user)) ||
        !percent_decode(password, out->password, sizeof(out->password)))
        return fail(error, error_len,
                    "expected [USER]:PASSWORD before the @ (special characters as %40)");
    return true;
}

/* HOST, HOST:PORT, [V6] or [V6]:PORT */
static bool parse_address(cw_str text, struct cw_redis_url *out, char *error, size_t error_len)
{
    cw_str host = text;
    cw_str port = { "6379", 4 };
    if (text.len != 0 && text.ptr[0] == '[') {
        cw_str rest;
        if (!split((cw_str){ text.ptr + 1, text.len - 1 }, ']', false, &host, &rest) ||
            (rest.len != 0 && rest.ptr[0] != ':'))
            return fail(error, error_len, "expected [ADDRESS]:PORT for an IPv6 address");
        if (rest.len != 0)
            port = (cw_str){ rest.ptr + 1, rest.len - 1 };
    } else {
        (void)split(text, ':', true, &host, &port);
    }
    if (!copy(host, out->host, sizeof(out->host)))
        return fail(error, error_len, "expected a host name of 1 to 255 characters");
    if (!number(port, 65535, &out->port) || out->port == 0)
        return fail(error, error_len, "expected a port from 1 to 65535 behind the host");
    return true;
}

bool cw_redis_url_parse(const char *text, struct cw_redis_url *out, char *error, size_t error_len)
{
    *out = (struct cw_redis_url){ 0 };
    if (strncmp(text, "unix:", 5) == 0)
        return parse_socket(cw_cstr(text + 5), out, error, error_len);
    if (strncmp(text, "rediss://", 9) == 0)
        return fail(error, error_len,
                    "TLS to Redis is not supported: use a side-car that ends TLS, or a socket");
    if (strncmp(text, "redis://", 8) != 0)
        return fail(error, error_len,
                    "expected redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:/PATH");
    cw_str rest = cw_cstr(text + 8);
    cw_str login;
    if (split(rest, '@', true, &login, &rest) && !parse_login(login, out, error, error_len))
        return false;
    cw_str address = rest;
    cw_str db;
    if (split(rest, '/', false, &address, &db) && db.len != 0 && !number(db, 9999, &out->db))
        return fail(error, error_len, "expected the number of a database behind the /");
    if (!parse_address(address, out, error, error_len))
        return false;
    snprintf(out->shown, sizeof(out->shown), "redis://%s:%d/%d", out->host, out->port, out->db);
    return true;
}

/* --- the connection --- */

static enum cw_redis_status lost(struct cw_redis *redis, const char *what)
{
    snprintf(redis->error, sizeof(redis->error), "%s: %s", redis->url.shown, what);
    if (redis->context != NULL)
        redisFree(redis->context);
    redis->context = NULL;
    redis->pending = 0;
    return CW_REDIS_LOST;
}

/* An unknown command's answer quotes its arguments, which may be a password or a person's data. */
static enum cw_redis_status said_no(struct cw_redis *redis, const char *words)
{
    static const char *const passing[] = { "LOADING",    "OOM",         "MISCONF",
                                           "BUSY ",      "TRYAGAIN",    "READONLY",
                                           "MASTERDOWN", "CLUSTERDOWN", "NOREPLICAS" };
    const char *end = strstr(words, ", with args");
    int len = end != NULL ? (int)(end - words) : (int)strnlen(words, 300);
    snprintf(redis->error, sizeof(redis->error), "%s answers: %.*s", redis->url.shown, len, words);
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        if (strncmp(words, passing[i], strlen(passing[i])) == 0)
            return CW_REDIS_WAIT;
    }
    return CW_REDIS_REFUSED;
}

static enum cw_redis_status log_in(struct cw_redis *redis)
{
    size_t count = 0;
    if (redis->url.password[0] != '\0') {
        cw_redis_begin(redis, "AUTH");
        if (redis->url.user[0] != '\0')
            cw_redis_arg(redis, cw_cstr(redis->url.user));
        cw_redis_arg(redis, cw_cstr(redis->url.password));
        cw_redis_end(redis);
        count++;
    }
    if (redis->url.db != 0) {
        cw_redis_begin(redis, "SELECT");
        cw_redis_argf(redis, "%d", redis->url.db);
        cw_redis_end(redis);
        count++;
    }
    cw_redis_append(redis, "PING", NULL); /* LOADING and NOAUTH show here */
    return cw_redis_drop(redis, count + 1);
}

enum cw_redis_status cw_redis_connect(struct cw_redis *redis)
{
    signal(SIGPIPE, SIG_IGN); /* hiredis writes with write(2) */
    if (redis->context != NULL)
        redisFree(redis->context);
    redis->pending = 0;
    redis->context = redis->url.path[0] != '\0'
                         ? redisConnectUnixWithTimeout(redis->url.path, connect_limit)
                         : redisConnectWithTimeout(redis->url.host, redis->url.port, connect_limit);
    CW_CHECK(redis->context != NULL);
    if (redis->context->err != 0) {
        char words[sizeof(redis->context->errstr)];
        memcpy(words, redis->context->errstr, sizeof(words));
        return lost(redis, words);
    }
    (void)redisSetTimeout(redis->context, reply_limit);
    if (redis->url.path[0] == '\0')
        (void)redisEnableKeepAlive(redis->context);
    return log_in(redis);
}

void cw_redis_close(struct cw_redis *redis)
{
    if (redis->context != NULL)
        redisFree(redis->context);
    redis->context = NULL;
    redis->pending = 0;
    cw_buf_done(&redis->command);
}

/* --- commands --- */

void cw_redis_begin(struct cw_redis *redis, const char *name)
{
    redis->command.len = 0;
    redis->arg_count = 0;
    cw_redis_arg(redis, cw_cstr(name));
}

void cw_redis_arg(struct cw_redis *redis, cw_str arg)
{
    cw_buf_printf(&redis->command, "$%zu\r\n", arg.len);
    cw_buf_str(&redis->command, arg);
    cw_buf_put(&redis->command, "\r\n", 2);
    redis->arg_count++;
}

void cw_redis_argf(struct cw_redis *redis, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    CW_CHECK(len >= 0 && (size_t)len < sizeof(text)); /* keys and numbers of ours */
    cw_redis_arg(redis, (cw_str){ text, (size_t)len });
}

void cw_redis_end(struct cw_redis *redis)
{
    CW_CHECK(redis->context != NULL);
    char head[32];
    int len = snprintf(head, sizeof(head), "*%zu\r\n", redis->arg_count);
    (void)redisAppendFormattedCommand(redis->context, head, (size_t)len);
    (void)redisAppendFormattedCommand(redis->context, (const char *)redis->command.data,
                                      redis->command.len);
    redis->pending++;
}

void cw_redis_append(struct cw_redis *redis, const char *name, ...)
{
    va_list args;
    va_start(args, name);
    cw_redis_begin(redis, name);
    for (const char *arg; (arg = va_arg(args, const char *)) != NULL;)
        cw_redis_arg(redis, cw_cstr(arg));
    va_end(args);
    cw_redis_end(redis);
}

/* --- replies --- */

enum cw_redis_status cw_redis_reply(struct cw_redis *redis, redisReply **out)
{
    *out = NULL;
    if (redis->context == NULL)
        return CW_REDIS_LOST;
    CW_CHECK(redis->pending > 0);
    void *got = NULL;
    if (redisGetReply(redis->context, &got) != REDIS_OK) {
        char words[sizeof(redis->context->errstr)];
        memcpy(words, redis->context->errstr, sizeof(words));
        if (redis->context->err == REDIS_ERR_IO && errno == EAGAIN)
            snprintf(words, sizeof(words), "no answer for %ld seconds", (long)reply_limit.tv_sec);
        return lost(redis, words);
    }
    redis->pending--;
    redisReply *reply = got;
    if (reply->type != REDIS_REPLY_ERROR) {
        *out = reply;
        return CW_REDIS_OK;
    }
    enum cw_redis_status status = said_no(redis, reply->str);
    freeReplyObject(reply);
    return status;
}

enum cw_redis_status cw_redis_drop(struct cw_redis *redis, size_t count)
{
    enum cw_redis_status result = CW_REDIS_OK;
    char first[sizeof(redis->error)] = "";
    for (size_t i = 0; i < count; i++) {
        redisReply *reply = NULL;
        enum cw_redis_status status = cw_redis_reply(redis, &reply);
        if (status == CW_REDIS_LOST)
            return status;
        if (status != CW_REDIS_OK && result == CW_REDIS_OK) {
            result = status;
            memcpy(first, redis->error, sizeof(first));
        }
        freeReplyObject(reply);
    }
    if (result != CW_REDIS_OK)
        memcpy(redis->error, first, sizeof(first));
    return result;
}

enum cw_redis_status cw_redis_ask(struct cw_redis *redis, redisReply **out)
{
    cw_redis_end(redis);
    CW_CHECK(redis->pending == 1);
    return cw_redis_reply(redis, out);
}

cw_str cw_redis_text(const redisReply *reply)
{
    if (reply == NULL || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS))
        return (cw_str){ NULL, 0 };
    return (cw_str){ reply->str, reply->len };
}

const redisReply *cw_redis_at(const redisReply *reply, size_t i)
{
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || i >= reply->elements)
        return NULL;
    return reply->element[i];
}

cw_str cw_redis_field(const redisReply *reply, const char *name)
{
    for (size_t i = 0; cw_redis_at(reply, i + 1) != NULL; i += 2) {
        if (cw_str_is(cw_redis_text(cw_redis_at(reply, i)), name))
            return cw_redis_text(cw_redis_at(reply, i + 1));
    }
    return (cw_str){ NULL, 0 };
}

uint64_t cw_redis_number(cw_str text)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' ||
            __builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.ptr[i] - '0'), &value))
            return 0;
    }
    return value;
}

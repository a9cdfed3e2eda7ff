/*
 * What users of this Redis may do: said once, in two lists, for the lines of an ACL file and for
 * the look at the start whether the sink may do what it does.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/mem.h"
#include "sinks/redis_acl.h"
#include "sinks/redis_work.h"

/* A command of the sink's, as it is tried: on the state's key, between MULTI and DISCARD. */
struct tried {
    const char *name;
    const char *args[4]; /* behind the key */
};

static const struct tried keyed[] = {
    { "exists", { NULL } },
    { "expireat", { "9999999999", NULL } },
    { "hdel", { "f", NULL } },
    { "hget", { "f", NULL } },
    { "hgetall", { NULL } },
    { "hmget", { "f", NULL } },
    { "hset", { "f", "v", NULL } },
    { "persist", { NULL } },
    { "unlink", { NULL } },
    { "xadd", { "*", "f", "v", NULL } },
    { "xlen", { NULL } },
    { "xrange", { "-", "+", NULL } },
    { "xtrim", { "MINID", "0", NULL } },
    { "zadd", { "0", "m", NULL } },
    { "zrange", { "0", "0", NULL } },
    { "zrem", { "m", NULL } },
    { "zremrangebyrank", { "0", "0", NULL } },
};

/* In the order in which they are tried; with those above all that the sink runs. */
static const char *const unkeyed[] = { "watch", "multi", "discard", "exec", "info" };

static const char *const reader_commands =
    "+auth +hello +ping +select +multi +exec +discard +watch +unwatch +exists +hexists +hget "
    "+hgetall +hlen +hmget +xlen +xrange +xread +xrevrange +zcard +zcount +zrange +zrangebyscore "
    "+zrevrange +zrevrangebyscore +zscore";

/* --- the look at the start --- */

static void try_keyed(struct cw_redis *redis, const struct tried *command, const char *key)
{
    cw_redis_begin(redis, command->name);
    cw_redis_arg(redis, cw_cstr(key));
    for (size_t i = 0; command->args[i] != NULL; i++)
        cw_redis_arg(redis, cw_cstr(command->args[i]));
    cw_redis_end(redis);
}

static void add_missing(char *missing, size_t len, const char *before, const char *what)
{
    size_t at = strlen(missing);
    if (at < len)
        snprintf(missing + at, len - at, "%s%s%s", at != 0 ? ", " : "", before, what);
}

/* Takes one answer: whether it was forbidden. What else is wrong with a command that is only tried
 * does not matter. */
static enum cw_redis_status take_tried(struct cw_redis *redis, bool *forbidden)
{
    redis->error[0] = '\0';
    enum cw_redis_status status = cw_redis_drop(redis, 1);
    *forbidden = status == CW_REDIS_REFUSED && strstr(redis->error, "NOPERM") != NULL;
    return status == CW_REDIS_REFUSED ? CW_REDIS_OK : status;
}

/* The keys that the sink writes, as the ACL names them. */
static void key_of(const struct cw_redis_sink *sink, size_t i, char out[CW_REDIS_PREFIX + 8],
                   const char *end)
{
    if (i < sink->audience_count)
        snprintf(out, CW_REDIS_PREFIX + 8, "%s%s", sink->audiences[i].prefix, end);
    else
        snprintf(out, CW_REDIS_PREFIX + 8, "%s", sink->state_key);
}

/* Commands without a key, one trip: those that are forbidden are missing. */
static enum cw_redis_status try_unkeyed(struct cw_redis *redis, const char *const *names,
                                        size_t count, char *missing, size_t len)
{
    enum cw_redis_status status = CW_REDIS_OK;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], "watch") == 0)
            cw_redis_append(redis, names[i], "x", NULL);
        else
            cw_redis_append(redis, names[i], NULL);
    }
    for (size_t i = 0; i < count && status == CW_REDIS_OK; i++) {
        bool forbidden = false;
        status = take_tried(redis, &forbidden);
        if (forbidden && strstr(redis->error, " command") != NULL)
            add_missing(missing, len, "+", names[i]);
    }
    return status;
}

/* Inside MULTI: what may be run is only queued. Whether it is the command or the key that is
 * forbidden, the server's words say. */
static enum cw_redis_status try_in_multi(struct cw_redis_sink *sink, char *missing, size_t len)
{
    struct cw_redis *redis = &sink->redis;
    char key[CW_REDIS_PREFIX + 8];
    enum cw_redis_status status = CW_REDIS_OK;
    bool forbidden = false;
    for (size_t i = 0; i < sizeof(keyed) / sizeof(keyed[0]); i++)
        try_keyed(redis, &keyed[i], sink->state_key);
    for (size_t i = 0; i <= sink->audience_count; i++) {
        key_of(sink, i, key, "meta");
        cw_redis_append(redis, "HSET", key, "f", "v", NULL);
    }
    for (size_t i = 0; i < sizeof(keyed) / sizeof(keyed[0]) && status == CW_REDIS_OK; i++) {
        status = take_tried(redis, &forbidden);
        if (forbidden && strstr(redis->error, " command") != NULL)
            add_missing(missing, len, "+", keyed[i].name);
    }
    for (size_t i = 0; i <= sink->audience_count && status == CW_REDIS_OK; i++) {
        status = take_tried(redis, &forbidden);
        key_of(sink, i, key, "*");
        if (forbidden && strstr(redis->error, " command") == NULL)
            add_missing(missing, len, "~", key);
    }
    return status;
}

enum cw_redis_status cw_sink_check_rights(struct cw_redis_sink *sink, char *missing,
                                          size_t missing_len)
{
    struct cw_redis *redis = &sink->redis;
    static const char *const begin[] = { "watch", "multi" };
    static const char *const end[] = { "discard", "multi", "exec", "info" };
    missing[0] = '\0';
    enum cw_redis_status status = try_unkeyed(redis, begin, 2, missing, missing_len);
    /* Without MULTI what is only to be tried would be done. */
    if (status == CW_REDIS_OK && strstr(missing, "+multi") == NULL)
        status = try_in_multi(sink, missing, missing_len);
    if (status == CW_REDIS_OK && strstr(missing, "+multi") == NULL)
        status = try_unkeyed(redis, end, 4, missing, missing_len);
    return status == CW_REDIS_OK && missing[0] != '\0' ? CW_REDIS_REFUSED : status;
}

/* --- the lines of an ACL file --- */

/* "#" and the hash of the file's bytes, without a last newline. */
static bool hash_password(const char *dir, const char *user, char out[80], char *error,
                          size_t error_len)
{
    enum { PASSWORD_MAX = 512 };
    unsigned char text[PASSWORD_MAX + 2];
    unsigned char hash[crypto_hash_sha256_BYTES];
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, user);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        snprintf(error, error_len, "%s: expected the password of the user %s in it: %s", path, user,
                 strerror(errno));
        return false;
    }
    size_t len = fread(text, 1, sizeof(text), file);
    fclose(file);
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len == 0 || len > PASSWORD_MAX) {
        snprintf(error, error_len, "%s: expected a password of 1 to %d bytes", path, PASSWORD_MAX);
        return false;
    }
    crypto_hash_sha256(hash, text, len);
    sodium_memzero(text, sizeof(text));
    out[0] = '#';
    sodium_bin2hex(out + 1, 79, hash, sizeof(hash));
    return true;
}

static bool password_of(const struct cw_redis_acl *acl, const char *user, char out[80], char *error,
                        size_t error_len)
{
    if (acl->passwords != NULL)
        return hash_password(acl->passwords, user, out, error, error_len);
    snprintf(out, 80, "#SHA256-OF-THE-PASSWORD");
    return true;
}

static bool print_reader(const struct cw_redis_acl *acl, const char *audience, FILE *out,
                         char *error, size_t error_len)
{
    char user[64];
    char password[80];
    char prefix[CW_REDIS_PREFIX];
    if (!cw_redis_prefix(acl->deployment, audience, prefix)) {
        snprintf(error, error_len,
                 "--audience: expected 1 to 32 small letters, digits or dashes, found \"%s\"",
                 audience);
        return false;
    }
    snprintf(user, sizeof(user), "reader-%s", audience);
    if (!password_of(acl, user, password, error, error_len))
        return false;
    fprintf(out, "user %s on resetchannels %s resetkeys %%R~%s* -@all %s\n", user, password, prefix,
            reader_commands);
    return true;
}

static bool print_sink(const struct cw_redis_acl *acl, FILE *out, char *error, size_t error_len)
{
    char password[80];
    const char *deployment = acl->deployment != NULL ? acl->deployment : "crosswatch";
    if (!password_of(acl, "sink", password, error, error_len))
        return false;
    fprintf(out,
            "user sink on resetchannels %s resetkeys ~cw:{%s}:a:* ~cw:{%s}:sink "
            "-@all +auth +ping +select +config|get",
            password, deployment, deployment);
    for (size_t i = 0; i < sizeof(unkeyed) / sizeof(unkeyed[0]); i++)
        fprintf(out, " +%s", unkeyed[i]);
    for (size_t i = 0; i < sizeof(keyed) / sizeof(keyed[0]); i++)
        fprintf(out, " +%s", keyed[i].name);
    fputc('\n', out);
    return true;
}

/* Whether the list names it before place `at`; everybody's copy has a reader in any case. */
static bool named_before(const struct cw_redis_acl *acl, size_t at)
{
    bool named = strcmp(acl->audiences[at], "all") == 0;
    for (size_t i = 0; i < at && !named; i++)
        named = strcmp(acl->audiences[i], acl->audiences[at]) == 0;
    return named;
}

bool cw_redis_acl_print(const struct cw_redis_acl *acl, FILE *out, char *error, size_t error_len)
{
    if (!cw_redis_deployment_ok(acl->deployment)) {
        snprintf(error, error_len,
                 "--deployment: expected 1 to 64 letters, digits, dots, dashes or underscores");
        return false;
    }
    if (!print_sink(acl, out, error, error_len) || !print_reader(acl, "all", out, error, error_len))
        return false;
    for (size_t i = 0; i < acl->audience_count; i++) {
        if (!named_before(acl, i) && !print_reader(acl, acl->audiences[i], out, error, error_len))
            return false;
    }
    return true;
}

/*
 * A step is at most 200 rows, formatted as they come. It is written in two trips: the first reads
 * the position, what is stored of the step's alerts, and the counts; the second is one MULTI that
 * changes them and sets the position behind the step. WATCH on the position joins the two, so that
 * nothing is written over a position that is not the one we know. When an answer is lost, the first
 * trip of the next try shows whether the step was done: a step is never done twice.
 *
 * An alert's rule, keys and cell are part of its id; so are the sets that list it. Only scores, the
 * level and the content change while it lives.
 */
#include "sinks/redis_sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "operators/runtime/check.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"
#include "sinks/format.h"
#include "sinks/redis_client.h"

enum { LEVELS = CW_LEVEL_CRITICAL + 1, BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 5000 };

struct position {
    uint64_t tick;
    uint64_t row;
    bool open; /* more rows of the tick are to come */
};

/* What Redis holds of an alert. */
struct stored {
    bool present;
    uint64_t revision;
    int level; /* -1: not one */
    cw_str detected_tick;
    cw_str entities;
    cw_str json;
};

struct step_row {
    struct cw_row row; /* in the step's arena, as all it points to */
    uint32_t number;
    cw_str json; /* absent if gone */
    struct stored old;
    size_t rule; /* index into the step's rules */
};

struct rule_count {
    cw_str rule;
    int64_t stored;
    int64_t count;
};

struct step {
    struct cw_arena *arena;
    size_t count;
    struct step_row rows[CW_REDIS_STEP_ROWS];
    size_t rule_count;
    struct rule_count rules[CW_REDIS_STEP_ROWS];
    int64_t levels_stored[LEVELS];
    int64_t levels[LEVELS];
    bool closes;
    bool ends;
    struct position end; /* behind it */
};

struct cw_redis_sink {
    struct cw_redis redis;
    struct cw_log *log;
    struct cw_formatter *formatter;
    char prefix[96];
    struct cw_id rule_set;        /* in force; zero until it is known */
    struct cw_id stored_rule_set; /* what Redis names; zero: none */
    size_t feed_max;
    const volatile int *stop;
    struct cw_totals totals;
    struct cw_buf key;
    struct cw_buf text;
    struct position position; /* that Redis holds, as far as we know */
    bool ended;               /* Redis says that the stream ended */
    struct step step;
    struct cw_tick tick; /* the one that runs */
    uint64_t tick_row;   /* number of its last row, skipped or not */
    struct cw_close close;
};

static void count(struct cw_redis_sink *sink, const char *name, int64_t by)
{
    *cw_total(&sink->totals, name) += by;
}

/* --- small things --- */

bool cw_redis_prefix(const char *deployment, char out[96])
{
    if (deployment == NULL)
        deployment = "crosswatch";
    size_t len = strlen(deployment);
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    if (len == 0 || len > 64 || strspn(deployment, allowed) != len)
        return false;
    snprintf(out, 96, "cw:{%s}:a:all:", deployment);
    return true;
}

int64_t cw_redis_time(int64_t micros)
{
    const int64_t limit = INT64_C(499999999999999);
    int64_t millis = cw_floor_div(micros, 1000);
    return millis < -limit ? -limit : millis > limit ? limit : millis;
}

int64_t cw_redis_priority(uint8_t level, int64_t last)
{
    /* at most 4.5 * 10^15 < 2^53: a double holds it exactly */
    return level * INT64_C(1000000000000000) + cw_redis_time(last);
}

static int order_of_positions(const struct position *a, const struct position *b)
{
    if (a->tick != b->tick)
        return a->tick < b->tick ? -1 : 1;
    if (a->open != b->open)
        return a->open ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static cw_str text_of(const struct cw_buf *buf)
{
    return (cw_str){ (const char *)buf->data, buf->len };
}

/* The argument P + name, or P + "1:" + name + rest for what belongs to a generation. */
static void arg_key(struct cw_redis_sink *sink, const char *name)
{
    cw_redis_argf(&sink->redis, "%s%s", sink->prefix, name);
}

static void arg_key_of(struct cw_redis_sink *sink, const char *name, cw_str rest)
{
    sink->key.len = 0;
    cw_buf_printf(&sink->key, "%s1:%s", sink->prefix, name);
    cw_buf_str(&sink->key, rest);
    cw_redis_arg(&sink->redis, text_of(&sink->key));
}

static void arg_key_id(struct cw_redis_sink *sink, const char *name, struct cw_id id)
{
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    arg_key_of(sink, name, cw_cstr(hex));
}

static void arg_id(struct cw_redis_sink *sink, struct cw_id id)
{
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    cw_redis_arg(&sink->redis, cw_cstr(hex));
}

static void arg_text(struct cw_redis_sink *sink, const char *text)
{
    cw_redis_arg(&sink->redis, cw_cstr(text));
}

static void arg_int(struct cw_redis_sink *sink, int64_t value)
{
    cw_redis_argf(&sink->redis, "%" PRId64, value);
}

static void arg_uint(struct cw_redis_sink *sink, uint64_t value)
{
    cw_redis_argf(&sink->redis, "%" PRIu64, value);
}

static void arg_time(struct cw_redis_sink *sink, int64_t micros)
{
    char text[CW_TIME_TEXT];
    cw_time_format(micros, text);
    cw_redis_arg(&sink->redis, cw_cstr(text));
}

/* --- refusing: one sentence that says what to do --- */

static int refuse_reset(const struct cw_redis_sink *sink, const char *what)
{
    cw_error("%s: %s. Give another --deployment, or start it afresh: redis-cli --scan --pattern "
             "'%s*' | xargs -r redis-cli del",
             sink->redis.url.shown, what, sink->prefix);
    return CW_EXIT_REFUSED;
}

static int refuse_words(const struct cw_redis_sink *sink)
{
    cw_error("%s. Mend that, then start again: nothing is lost, the log fills Redis",
             sink->redis.error);
    return CW_EXIT_REFUSED;
}

/* --- what is there at the start, and after each reconnect --- */

static cw_str info_value(cw_str info, const char *name)
{
    size_t len = strlen(name);
    for (size_t at = 0; at < info.len;) {
        const char *line = info.ptr + at;
        const char *end = memchr(line, '\n', info.len - at);
        size_t line_len = end != NULL ? (size_t)(end - line) : info.len - at;
        at += line_len + 1;
        if (line_len > 0 && line[line_len - 1] == '\r')
            line_len--;
        if (line_len > len && line[len] == ':' && memcmp(line, name, len) == 0)
            return (cw_str){ line + len + 1, line_len - len - 1 };
    }
    return (cw_str){ NULL, 0 };
}

/* A server that evicts would lose alerts without a word. */
static int check_server(struct cw_redis_sink *sink, cw_str info)
{
    cw_str maxmemory = info_value(info, "maxmemory");
    cw_str policy = info_value(info, "maxmemory_policy");
    if (cw_redis_number(maxmemory) > 0 && !cw_str_is(policy, "noeviction")) {
        cw_error("%s may throw alerts away when its memory is full: maxmemory-policy is %.*s, and "
                 "must be noeviction. Run: redis-cli config set maxmemory-policy noeviction",
                 sink->redis.url.shown, CW_STR_ARG(policy));
        return CW_EXIT_REFUSED;
    }
    cw_str version = info_value(info, "redis_version");
    int major = 0;
    int minor = 0;
    char text[32];
    snprintf(text, sizeof(text), "%.*s", CW_STR_ARG(version));
    if (sscanf(text, "%d.%d", &major, &minor) == 2 && (major < 6 || (major == 6 && minor < 2))) {
        cw_error("%s is Redis %s: crosswatch needs 6.2 or later", sink->redis.url.shown, text);
        return CW_EXIT_REFUSED;
    }
    return CW_EXIT_OK;
}

static void warn_of_persistence(struct cw_redis_sink *sink, cw_str info, const redisReply *save)
{
    cw_str aof = info_value(info, "aof_enabled");
    cw_str points = cw_redis_text(cw_redis_at(save, 1));
    if (cw_str_is(aof, "0") && points.ptr != NULL && points.len == 0)
        cw_warn("%s keeps nothing on disk (no appendonly, no save): when it restarts it is empty, "
                "and the chain has to be started again to fill it",
                sink->redis.url.shown);
}

static struct position read_position(const redisReply *tick, const redisReply *row,
                                     const redisReply *open)
{
    return (struct position){ cw_redis_number(cw_redis_text(tick)),
                              cw_redis_number(cw_redis_text(row)),
                              cw_str_is(cw_redis_text(open), "1") };
}

/* Compared where both are known: what Redis was filled under, and what the rules now are. */
static int check_rule_set(struct cw_redis_sink *sink)
{
    char sentence[256];
    char given[CW_ID_HEX];
    char stored[CW_ID_HEX];
    if (cw_id_is_zero(sink->rule_set) || cw_id_is_zero(sink->stored_rule_set) ||
        cw_id_eq(sink->rule_set, sink->stored_rule_set))
        return CW_EXIT_OK;
    cw_id_hex(sink->rule_set, given);
    cw_id_hex(sink->stored_rule_set, stored);
    snprintf(sentence, sizeof(sentence),
             "its alerts were made by rule set %s, and the rules now are %s", stored, given);
    return refuse_reset(sink, sentence);
}

/* Whose position it is. `any` says whether other keys lie under the prefix. */
static int check_meta(struct cw_redis_sink *sink, const redisReply *meta, bool any)
{
    char own[CW_ID_HEX];
    char sentence[256];
    cw_id_hex(cw_log_id(sink->log), own);
    cw_str contract = cw_redis_field(meta, "contract");
    if (contract.ptr == NULL)
        return any ? refuse_reset(sink, "alerts are there, but no position: its meta is gone")
                   : CW_EXIT_OK;
    if (cw_redis_number(contract) != CW_REDIS_CONTRACT) {
        snprintf(sentence, sizeof(sentence),
                 "it is laid out by contract %.*s, and this program writes contract %d",
                 CW_STR_ARG(contract), CW_REDIS_CONTRACT);
        return refuse_reset(sink, sentence);
    }
    cw_str log = cw_redis_field(meta, "log");
    if (!cw_str_is(log, own)) {
        snprintf(sentence, sizeof(sentence), "it holds the alerts of log %.*s, and this is log %s",
                 CW_STR_ARG(log), own);
        return refuse_reset(sink, sentence);
    }
    if (!cw_id_parse(cw_redis_field(meta, "rule_set"), &sink->stored_rule_set))
        sink->stored_rule_set = (struct cw_id){ { 0 } };
    return check_rule_set(sink);
}

/* Reads the server's state; the position goes to *out. Not OK: as the statuses say; a refusal of
 * ours is CW_REDIS_OK with *refused set. */
static enum cw_redis_status look_at_server(struct cw_redis_sink *sink, bool first,
                                           struct position *out, int *refused)
{
    struct cw_redis *redis = &sink->redis;
    cw_redis_append(redis, "INFO", NULL);
    cw_redis_begin(redis, "HGETALL");
    arg_key(sink, "meta");
    cw_redis_end(redis);
    cw_redis_begin(redis, "EXISTS");
    arg_key(sink, "counters");
    arg_key_of(sink, "open", cw_cstr(""));
    arg_key_of(sink, "feed", cw_cstr(""));
    cw_redis_end(redis);
    redisReply *info = NULL;
    redisReply *meta = NULL;
    redisReply *others = NULL;
    redisReply *save = NULL;
    enum cw_redis_status status = cw_redis_reply(redis, &info);
    if (status == CW_REDIS_OK)
        status = cw_redis_reply(redis, &meta);
    if (status == CW_REDIS_OK)
        status = cw_redis_reply(redis, &others);
    if (status == CW_REDIS_OK && first) {
        cw_redis_append(redis, "CONFIG", "GET", "save", NULL);
        status = cw_redis_reply(redis, &save);
        if (status == CW_REDIS_OK)
            warn_of_persistence(sink, cw_redis_text(info), save);
        else if (status == CW_REDIS_REFUSED)
            status = CW_REDIS_OK; /* CONFIG may be forbidden: then there is no warning */
    }
    if (status == CW_REDIS_OK) {
        *refused = check_server(sink, cw_redis_text(info));
        if (*refused == CW_EXIT_OK)
            *refused = check_meta(sink, meta, others->integer != 0);
        *out = (struct position){ cw_redis_number(cw_redis_field(meta, "tick")),
                                  cw_redis_number(cw_redis_field(meta, "row")),
                                  cw_str_is(cw_redis_field(meta, "tick_open"), "1") };
        sink->ended = cw_str_is(cw_redis_field(meta, "ended"), "1");
    }
    freeReplyObject(info);
    freeReplyObject(meta);
    freeReplyObject(others);
    freeReplyObject(save);
    return status;
}

/* Waits in slices, so that a signal ends it soon. False: told to stop. */
static bool wait_ms(const struct cw_redis_sink *sink, int ms)
{
    for (int slept = 0; slept < ms; slept += BACKOFF_MIN_MS) {
        if (sink->stop != NULL && *sink->stop != 0)
            return false;
        const struct timespec slice = { .tv_nsec = BACKOFF_MIN_MS * 1000000L };
        (void)nanosleep(&slice, NULL);
    }
    return sink->stop == NULL || *sink->stop == 0;
}

/* Until a server answers that may be written to; status is why the last one could not. Not OK: an
 * enum cw_exit. */
static int connect_again(struct cw_redis_sink *sink, bool first, struct position *out)
{
    int delay = BACKOFF_MIN_MS;
    for (unsigned tries = 1;; tries++) {
        int refused = CW_EXIT_OK;
        enum cw_redis_status status = cw_redis_connect(&sink->redis);
        if (status == CW_REDIS_OK)
            status = look_at_server(sink, first, out, &refused);
        if (status == CW_REDIS_REFUSED)
            return refuse_words(sink);
        if (status == CW_REDIS_OK) {
            if (refused == CW_EXIT_OK && tries > 1)
                cw_info("%s answers again, after %u tries", sink->redis.url.shown, tries);
            return refused;
        }
        if (delay < BACKOFF_MAX_MS || tries % 12 == 0)
            cw_warn("%s. The chain waits; next try in %d ms", sink->redis.error, delay);
        if (!wait_ms(sink, delay)) {
            cw_error("told to stop while waiting for %s", sink->redis.url.shown);
            return CW_EXIT_BROKEN;
        }
        delay = 2 * delay < BACKOFF_MAX_MS ? 2 * delay : BACKOFF_MAX_MS;
    }
}

/* --- reading what a step changes --- */

static void ask_stored(struct cw_redis_sink *sink)
{
    struct cw_redis *redis = &sink->redis;
    const struct step *step = &sink->step;
    cw_redis_begin(redis, "WATCH");
    arg_key(sink, "meta");
    cw_redis_end(redis);
    cw_redis_begin(redis, "HMGET");
    arg_key(sink, "meta");
    static const char *const meta[] = { "log", "tick", "row", "tick_open", "ended" };
    for (size_t i = 0; i < sizeof(meta) / sizeof(meta[0]); i++)
        arg_text(sink, meta[i]);
    cw_redis_end(redis);
    cw_redis_begin(redis, "HMGET");
    arg_key_of(sink, "levels", cw_cstr(""));
    for (int level = 0; level < LEVELS; level++)
        arg_text(sink, cw_level_name((uint8_t)level));
    cw_redis_end(redis);
    cw_redis_begin(redis, "XLEN");
    arg_key_of(sink, "feed", cw_cstr(""));
    cw_redis_end(redis);
    for (size_t i = 0; i < step->rule_count; i++) {
        cw_redis_begin(redis, "HGET");
        arg_key_of(sink, "rules", cw_cstr(""));
        cw_redis_arg(redis, step->rules[i].rule);
        cw_redis_end(redis);
    }
    static const char *const fields[] = { "revision", "level", "detected_tick", "entities",
                                          "json" };
    for (size_t i = 0; i < step->count; i++) {
        cw_redis_begin(redis, "HMGET");
        arg_key_id(sink, "alert:", step->rows[i].row.alert);
        for (size_t j = 0; j < sizeof(fields) / sizeof(fields[0]); j++)
            arg_text(sink, fields[j]);
        cw_redis_end(redis);
    }
}

static int64_t read_count(const redisReply *reply)
{
    return (int64_t)cw_redis_number(cw_redis_text(reply));
}

static void read_stored(const redisReply *reply, struct stored *out)
{
    cw_str level = cw_redis_text(cw_redis_at(reply, 1));
    *out = (struct stored){
        .revision = cw_redis_number(cw_redis_text(cw_redis_at(reply, 0))),
        .level = -1,
        .detected_tick = cw_redis_text(cw_redis_at(reply, 2)),
        .entities = cw_redis_text(cw_redis_at(reply, 3)),
        .json = cw_redis_text(cw_redis_at(reply, 4)),
    };
    out->present = out->json.ptr != NULL;
    for (int i = 0; i < LEVELS; i++) {
        if (cw_str_is(level, cw_level_name((uint8_t)i)))
            out->level = i;
    }
}

/* What the first trip found. */
struct found {
    bool has_meta;
    bool same_log;
    bool ended;
    struct position position;
    uint64_t feed_len;
    redisReply **alerts; /* of the step's rows: their texts are pointed into */
};

static enum cw_redis_status take_stored(struct cw_redis_sink *sink, struct found *found)
{
    struct cw_redis *redis = &sink->redis;
    struct step *step = &sink->step;
    redisReply *reply = NULL;
    enum cw_redis_status status = cw_redis_drop(redis, 1);
    if (status == CW_REDIS_OK)
        status = cw_redis_reply(redis, &reply);
    if (status != CW_REDIS_OK)
        return status;
    char own[CW_ID_HEX];
    cw_id_hex(cw_log_id(sink->log), own);
    cw_str log = cw_redis_text(cw_redis_at(reply, 0));
    found->has_meta = log.ptr != NULL;
    found->same_log = found->has_meta && cw_str_is(log, own);
    found->position =
        read_position(cw_redis_at(reply, 1), cw_redis_at(reply, 2), cw_redis_at(reply, 3));
    found->ended = cw_str_is(cw_redis_text(cw_redis_at(reply, 4)), "1");
    freeReplyObject(reply);
    if ((status = cw_redis_reply(redis, &reply)) != CW_REDIS_OK)
        return status;
    for (size_t i = 0; i < LEVELS; i++)
        step->levels[i] = step->levels_stored[i] = read_count(cw_redis_at(reply, i));
    freeReplyObject(reply);
    if ((status = cw_redis_reply(redis, &reply)) != CW_REDIS_OK)
        return status;
    found->feed_len = (uint64_t)reply->integer;
    freeReplyObject(reply);
    for (size_t i = 0; i < step->rule_count; i++) {
        if ((status = cw_redis_reply(redis, &reply)) != CW_REDIS_OK)
            return status;
        step->rules[i].count = step->rules[i].stored = read_count(reply);
        freeReplyObject(reply);
    }
    for (size_t i = 0; i < step->count; i++) {
        if ((status = cw_redis_reply(redis, &found->alerts[i])) != CW_REDIS_OK)
            return status;
        read_stored(found->alerts[i], &step->rows[i].old);
    }
    return CW_REDIS_OK;
}

/* The least id that the feed is to keep, or empty where it is short enough. Trimmed in lumps of a
 * tenth, so that the reading of it is rare. */
static enum cw_redis_status find_floor(struct cw_redis_sink *sink, uint64_t feed_len, char out[48])
{
    out[0] = '\0';
    if (feed_len <= sink->feed_max + sink->feed_max / 10)
        return CW_REDIS_OK;
    cw_redis_begin(&sink->redis, "XRANGE");
    arg_key_of(sink, "feed", cw_cstr(""));
    arg_text(sink, "-");
    arg_text(sink, "+");
    arg_text(sink, "COUNT");
    arg_uint(sink, feed_len - sink->feed_max + 1);
    redisReply *reply = NULL;
    enum cw_redis_status status = cw_redis_ask(&sink->redis, &reply);
    if (status == CW_REDIS_OK && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0) {
        cw_str id = cw_redis_text(cw_redis_at(reply->element[reply->elements - 1], 0));
        snprintf(out, 48, "%.*s", CW_STR_ARG(id));
    }
    freeReplyObject(reply);
    return status;
}

/* --- writing it --- */

static void zadd(struct cw_redis_sink *sink, const char *name, cw_str rest, int64_t score,
                 const struct cw_row *row)
{
    cw_redis_begin(&sink->redis, "ZADD");
    arg_key_of(sink, name, rest);
    arg_int(sink, score);
    arg_id(sink, row->alert);
    cw_redis_end(&sink->redis);
}

static void zrem(struct cw_redis_sink *sink, const char *name, cw_str rest,
                 const struct cw_row *row)
{
    cw_redis_begin(&sink->redis, "ZREM");
    arg_key_of(sink, name, rest);
    arg_id(sink, row->alert);
    cw_redis_end(&sink->redis);
}

/* The next word of a list joined by spaces; absent at its end. */
static cw_str next_word(cw_str *list)
{
    if (list->len == 0)
        return (cw_str){ NULL, 0 };
    const char *end = memchr(list->ptr, ' ', list->len);
    size_t len = end != NULL ? (size_t)(end - list->ptr) : list->len;
    cw_str word = { list->ptr, len };
    size_t used = len + (end != NULL);
    *list = (cw_str){ list->ptr + used, list->len - used };
    return word;
}

static void put_feed(struct cw_redis_sink *sink, const struct step_row *at, const char *op,
                     uint64_t revision)
{
    cw_redis_begin(&sink->redis, "XADD");
    arg_key_of(sink, "feed", cw_cstr(""));
    cw_redis_argf(&sink->redis, "%" PRIu64 "-%" PRIu32, sink->step.end.tick, at->number);
    arg_text(sink, "op");
    arg_text(sink, op);
    arg_text(sink, "id");
    arg_id(sink, at->row.alert);
    arg_text(sink, "case");
    arg_id(sink, at->row.case_id);
    arg_text(sink, "rev");
    arg_uint(sink, revision);
    cw_redis_end(&sink->redis);
}

static void forget_old_entities(struct cw_redis_sink *sink, const struct step_row *at)
{
    cw_str old = at->old.entities;
    for (cw_str word; (word = next_word(&old)).ptr != NULL;)
        zrem(sink, "entity:", word, &at->row);
}

static void write_gone(struct cw_redis_sink *sink, const struct step_row *at)
{
    struct cw_redis *redis = &sink->redis;
    char case_id[CW_ID_HEX];
    cw_id_hex(at->row.case_id, case_id);
    cw_redis_begin(redis, "DEL");
    arg_key_id(sink, "alert:", at->row.alert);
    cw_redis_end(redis);
    zrem(sink, "open", cw_cstr(""), &at->row);
    zrem(sink, "time", cw_cstr(""), &at->row);
    zrem(sink, "rule:", at->row.rule, &at->row);
    zrem(sink, "case:", cw_cstr(case_id), &at->row);
    forget_old_entities(sink, at);
    put_feed(sink, at, "gone", at->old.revision);
}

static void arg_field(struct cw_redis_sink *sink, const char *name, cw_str value)
{
    arg_text(sink, name);
    cw_redis_arg(&sink->redis, value);
}

static void arg_key_texts(struct cw_redis_sink *sink, const struct cw_row *row)
{
    sink->text.len = 0;
    for (size_t i = 0; i < row->key_count; i++) {
        if (i != 0)
            cw_buf_cstr(&sink->text, " | ");
        cw_buf_str(&sink->text, row->keys[i].text);
    }
    arg_field(sink, "key", text_of(&sink->text));
}

static void arg_entities(struct cw_redis_sink *sink, const struct cw_row *row)
{
    sink->text.len = 0;
    for (size_t i = 0; i < row->key_count; i++) {
        if (row->keys[i].is_entity == 0)
            continue;
        char hex[CW_ID_HEX];
        cw_id_hex(row->keys[i].id, hex);
        cw_buf_printf(&sink->text, "%s%s", sink->text.len != 0 ? " " : "", hex);
    }
    arg_field(sink, "entities", text_of(&sink->text));
}

static void write_hash(struct cw_redis_sink *sink, const struct step_row *at, uint64_t revision)
{
    static const char *const matches[] = { "raw", "exact", "resolved" };
    struct cw_redis *redis = &sink->redis;
    const struct cw_row *row = &at->row;
    cw_redis_begin(redis, "HSET");
    arg_key_id(sink, "alert:", row->alert);
    arg_field(sink, "rule", row->rule);
    arg_field(sink, "title", row->title);
    arg_field(sink, "level", cw_cstr(cw_level_name(row->level)));
    arg_field(sink, "match", cw_cstr(matches[row->match]));
    arg_key_texts(sink, row);
    arg_entities(sink, row);
    arg_text(sink, "first");
    arg_time(sink, row->first);
    arg_text(sink, "last");
    arg_time(sink, row->last);
    arg_text(sink, "value");
    arg_int(sink, row->value_count > 0 ? row->values[0] : 0);
    arg_text(sink, "evidence_count");
    arg_int(sink, row->evidence_count);
    arg_field(sink, "completeness", cw_cstr("exact"));
    arg_field(sink, "continues", cw_cstr(row->continues ? "1" : "0"));
    arg_text(sink, "case");
    arg_id(sink, row->case_id);
    arg_text(sink, "cell");
    arg_int(sink, row->cell);
    arg_text(sink, "revision");
    arg_uint(sink, revision);
    arg_text(sink, "detected_tick");
    if (at->old.present)
        cw_redis_arg(redis, at->old.detected_tick);
    else
        arg_uint(sink, sink->step.end.tick);
    arg_field(sink, "json", at->json);
    cw_redis_end(redis);
}

static void write_set(struct cw_redis_sink *sink, const struct step_row *at)
{
    const struct cw_row *row = &at->row;
    const int64_t time = cw_redis_time(row->last);
    uint64_t revision = at->old.present ? at->old.revision + 1 : 1;
    char hex[CW_ID_HEX];
    forget_old_entities(sink, at);
    write_hash(sink, at, revision);
    zadd(sink, "open", cw_cstr(""), cw_redis_priority(row->level, row->last), row);
    zadd(sink, "time", cw_cstr(""), time, row);
    zadd(sink, "rule:", row->rule, time, row);
    cw_id_hex(row->case_id, hex);
    zadd(sink, "case:", cw_cstr(hex), time, row);
    for (size_t i = 0; i < row->key_count; i++) {
        if (row->keys[i].is_entity == 0)
            continue;
        cw_id_hex(row->keys[i].id, hex);
        zadd(sink, "entity:", cw_cstr(hex), time, row);
    }
    put_feed(sink, at, "set", revision);
}

static void write_rows(struct cw_redis_sink *sink)
{
    struct step *step = &sink->step;
    for (size_t i = 0; i < step->count; i++) {
        const struct step_row *at = &step->rows[i];
        const struct stored *old = &at->old;
        if (at->row.gone ? !old->present : old->present && cw_str_eq(old->json, at->json))
            continue; /* as it is to be: no reader is told of it */
        if (old->present && old->level >= 0)
            step->levels[old->level]--;
        if (old->present)
            step->rules[at->rule].count--;
        if (at->row.gone) {
            write_gone(sink, at);
            continue;
        }
        write_set(sink, at);
        step->levels[at->row.level]++;
        step->rules[at->rule].count++;
    }
}

static void write_count(struct cw_redis_sink *sink, const char *hash, cw_str field, int64_t value)
{
    cw_redis_begin(&sink->redis, value > 0 ? "HSET" : "HDEL");
    arg_key_of(sink, hash, cw_cstr(""));
    cw_redis_arg(&sink->redis, field);
    if (value > 0)
        arg_int(sink, value);
    cw_redis_end(&sink->redis);
}

static void write_counts(struct cw_redis_sink *sink)
{
    const struct step *step = &sink->step;
    for (int i = 0; i < LEVELS; i++) {
        if (step->levels[i] != step->levels_stored[i])
            write_count(sink, "levels", cw_cstr(cw_level_name((uint8_t)i)), step->levels[i]);
    }
    for (size_t i = 0; i < step->rule_count; i++) {
        if (step->rules[i].count != step->rules[i].stored)
            write_count(sink, "rules", step->rules[i].rule, step->rules[i].count);
    }
}

static void write_totals(struct cw_redis_sink *sink)
{
    const struct cw_totals *totals[] = { &sink->tick.totals, &sink->close.totals };
    if (totals[0]->count + totals[1]->count == 0)
        return;
    cw_redis_begin(&sink->redis, "HSET");
    arg_key(sink, "counters");
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < totals[i]->count; j++) {
            arg_text(sink, totals[i]->of[j].name);
            arg_int(sink, totals[i]->of[j].value);
        }
    }
    cw_redis_end(&sink->redis);
}

static void write_meta(struct cw_redis_sink *sink, const char *floor)
{
    const struct step *step = &sink->step;
    cw_redis_begin(&sink->redis, "HSET");
    arg_key(sink, "meta");
    arg_text(sink, "contract");
    arg_int(sink, CW_REDIS_CONTRACT);
    arg_field(sink, "generation", cw_cstr("1"));
    arg_text(sink, "log");
    arg_id(sink, cw_log_id(sink->log));
    if (!cw_id_is_zero(sink->rule_set)) {
        arg_text(sink, "rule_set");
        arg_id(sink, sink->rule_set);
    }
    arg_text(sink, "tick");
    arg_uint(sink, step->end.tick);
    arg_text(sink, "row");
    arg_uint(sink, step->end.row);
    arg_field(sink, "tick_open", cw_cstr(step->end.open ? "1" : "0"));
    arg_field(sink, "ended", cw_cstr(step->ends ? "1" : "0"));
    if (floor[0] != '\0')
        arg_field(sink, "feed_floor", cw_cstr(floor));
    if (step->closes) {
        arg_text(sink, "retention");
        arg_time(sink, sink->tick.retention);
        for (uint16_t type = 1; type <= cw_type_count(); type++) {
            cw_redis_argf(&sink->redis, "frontier.%s", cw_type_by_number(type)->name);
            arg_time(sink, sink->tick.frontier[type]);
        }
    }
    cw_redis_end(&sink->redis);
}

/* MULTI has no way back: a command that fails in it means keys of another shape, and that the rest
 * was done. */
static int check_exec(struct cw_redis_sink *sink, const redisReply *exec)
{
    for (size_t i = 0; i < exec->elements; i++) {
        if (exec->element[i]->type != REDIS_REPLY_ERROR)
            continue;
        char sentence[300];
        snprintf(sentence, sizeof(sentence),
                 "a step was done in part only, for its keys are not as contract %d has them "
                 "(%.150s)",
                 CW_REDIS_CONTRACT, exec->element[i]->str);
        return refuse_reset(sink, sentence);
    }
    return CW_EXIT_OK;
}

static void ask_write(struct cw_redis_sink *sink, const char *floor)
{
    struct cw_redis *redis = &sink->redis;
    cw_redis_append(redis, "MULTI", NULL);
    write_rows(sink);
    write_counts(sink);
    if (floor[0] != '\0') {
        cw_redis_begin(redis, "XTRIM");
        arg_key_of(sink, "feed", cw_cstr(""));
        arg_text(sink, "MINID");
        arg_text(sink, floor);
        cw_redis_end(redis);
    }
    if (sink->step.closes)
        write_totals(sink);
    write_meta(sink, floor);
    cw_redis_append(redis, "EXEC", NULL);
}

/* *done stays false where the position moved between the two trips. */
static enum cw_redis_status write_step(struct cw_redis_sink *sink, const char *floor, bool *done,
                                       int *exit_status)
{
    struct cw_redis *redis = &sink->redis;
    char error[sizeof(redis->error)];
    ask_write(sink, floor);
    enum cw_redis_status queued = cw_redis_drop(redis, redis->pending - 1);
    if (queued == CW_REDIS_LOST)
        return queued;
    memcpy(error, redis->error, sizeof(error));
    redisReply *exec = NULL;
    enum cw_redis_status status = cw_redis_reply(redis, &exec);
    if (queued != CW_REDIS_OK && status != CW_REDIS_LOST) {
        memcpy(redis->error, error, sizeof(error)); /* EXEC says only that something was wrong */
        status = queued;
    }
    *done = status == CW_REDIS_OK && exec->type == REDIS_REPLY_ARRAY;
    if (*done)
        *exit_status = check_exec(sink, exec);
    freeReplyObject(exec);
    return status;
}

/* What the position that was found means for the step. */
static int judge_position(struct cw_redis_sink *sink, const struct found *found, bool *done)
{
    const struct step *step = &sink->step;
    bool same = order_of_positions(&found->position, &sink->position) == 0;
    *done = found->has_meta && order_of_positions(&found->position, &step->end) == 0 &&
            found->ended == step->ends && (!same || step->ends);
    if (found->has_meta && !found->same_log)
        return refuse_reset(sink, "while this chain was writing, another log's alerts came there");
    if (*done || same)
        return CW_EXIT_OK;
    if (order_of_positions(&found->position, &sink->position) < 0) {
        cw_error("%s went back while the chain ran: it held tick %" PRIu64 " row %" PRIu64
                 ", and holds tick %" PRIu64 " row %" PRIu64
                 " now. Start the chain again: it goes on from there",
                 sink->redis.url.shown, sink->position.tick, sink->position.row,
                 found->position.tick, found->position.row);
        return CW_EXIT_REFUSED;
    }
    cw_error("%s: another sink writes under %s: it holds tick %" PRIu64 " row %" PRIu64
             ", and this chain is at tick %" PRIu64 " row %" PRIu64
             ". Let one chain write there, or give --deployment",
             sink->redis.url.shown, sink->prefix, found->position.tick, found->position.row,
             sink->position.tick, sink->position.row);
    return CW_EXIT_REFUSED;
}

/* One try. OK with *exit_status CW_EXIT_OK and !*done: the position moved under us, look again. */
static enum cw_redis_status try_step(struct cw_redis_sink *sink, bool *done, int *exit_status)
{
    struct found found = { .alerts = cw_alloc(CW_REDIS_STEP_ROWS * sizeof(redisReply *)) };
    char floor[48] = "";
    ask_stored(sink);
    enum cw_redis_status status = take_stored(sink, &found);
    if (status == CW_REDIS_OK)
        *exit_status = judge_position(sink, &found, done);
    bool go = status == CW_REDIS_OK && *exit_status == CW_EXIT_OK && !*done;
    if (go)
        status = find_floor(sink, found.feed_len, floor);
    if (go && status == CW_REDIS_OK)
        status = write_step(sink, floor, done, exit_status);
    for (size_t i = 0; i < sink->step.count; i++)
        freeReplyObject(found.alerts[i]);
    free(found.alerts);
    return status;
}

static void begin_step(struct cw_redis_sink *sink)
{
    struct step *step = &sink->step;
    cw_arena_reset(step->arena);
    step->count = 0;
    step->rule_count = 0;
    step->closes = false;
    step->ends = false;
    step->end = sink->position;
}

/* Writes the step, however long that takes; then a new one begins. */
static int finish_step(struct cw_redis_sink *sink)
{
    bool done = false;
    while (!done) {
        int exit_status = CW_EXIT_OK;
        enum cw_redis_status status = try_step(sink, &done, &exit_status);
        if (exit_status != CW_EXIT_OK)
            return exit_status;
        if (status == CW_REDIS_REFUSED)
            return refuse_words(sink);
        if (status == CW_REDIS_OK)
            continue;
        cw_warn("%s. The chain waits", sink->redis.error);
        done = false;
        struct position found; /* the next try judges it */
        if (status == CW_REDIS_WAIT && !wait_ms(sink, BACKOFF_MAX_MS / 5))
            return CW_EXIT_BROKEN;
        int refused = connect_again(sink, false, &found);
        if (refused != CW_EXIT_OK)
            return refused;
        count(sink, "sink.reconnects", 1);
    }
    sink->position = sink->step.end;
    sink->ended = sink->step.ends;
    count(sink, "sink.steps", 1);
    *cw_total(&sink->totals, "sink.tick") = (int64_t)sink->position.tick;
    begin_step(sink);
    return CW_EXIT_OK;
}

/* --- frames --- */

static int damaged(const struct cw_frame *frame, const char *what)
{
    cw_error("%s %" PRIu32 " of tick %" PRIu64 ": %s", cw_frame_kind_name(frame->kind),
             frame->ordinal, frame->position, what);
    return CW_EXIT_DAMAGED;
}

static size_t rule_index(struct step *step, cw_str rule)
{
    for (size_t i = 0; i < step->rule_count; i++) {
        if (cw_str_eq(step->rules[i].rule, rule))
            return i;
    }
    step->rules[step->rule_count].rule = rule;
    return step->rule_count++;
}

static bool in_step(const struct step *step, struct cw_id alert)
{
    for (size_t i = 0; i < step->count; i++) {
        if (cw_id_eq(step->rows[i].row.alert, alert))
            return true;
    }
    return false;
}

/* Reads the row into the step's arena. */
static int read_row(struct cw_redis_sink *sink, const struct cw_frame *frame, struct step_row *out)
{
    struct cw_arena *arena = sink->step.arena;
    struct cw_frame *copy = cw_arena_alloc(arena, frame->length);
    memcpy(copy, frame, frame->length);
    *out = (struct step_row){ .number = frame->ordinal };
    if (!cw_row_get(copy, &out->row, arena))
        return damaged(frame, "the row does not read");
    if (out->row.gone)
        return CW_EXIT_OK;
    sink->text.len = 0;
    if (!cw_format_row(sink->formatter, &out->row, &sink->text)) {
        const char *why = cw_log_error(sink->log);
        return damaged(frame, why[0] != '\0' ? why : "its evidence is not in this log");
    }
    out->json = cw_arena_copy(arena, sink->text.data, sink->text.len);
    return CW_EXIT_OK;
}

static bool behind_position(const struct cw_redis_sink *sink, uint64_t tick, uint64_t row)
{
    const struct position *position = &sink->position;
    return tick < position->tick ||
           (tick == position->tick && (!position->open || row <= position->row));
}

static int take_row(struct cw_redis_sink *sink, const struct cw_frame *frame)
{
    struct step *step = &sink->step;
    if (frame->position != sink->tick.n || frame->ordinal != sink->tick_row + 1)
        return damaged(frame, "rows are not numbered one after the other in their tick");
    sink->tick_row++;
    if (behind_position(sink, frame->position, frame->ordinal)) {
        count(sink, "sink.rows_skipped", 1);
        return CW_EXIT_OK;
    }
    int status = step->count == CW_REDIS_STEP_ROWS ? finish_step(sink) : CW_EXIT_OK;
    struct step_row row;
    if (status == CW_EXIT_OK)
        status = read_row(sink, frame, &row);
    if (status != CW_EXIT_OK)
        return status;
    if (in_step(step, row.row.alert)) { /* a step reads each alert once */
        if ((status = finish_step(sink)) != CW_EXIT_OK ||
            (status = read_row(sink, frame, &row)) != CW_EXIT_OK)
            return status;
    }
    row.rule = rule_index(step, row.row.rule);
    step->rows[step->count++] = row;
    step->end = (struct position){ frame->position, frame->ordinal, true };
    count(sink, row.row.gone ? "sink.rows_gone" : "sink.rows_set", 1);
    return CW_EXIT_OK;
}

/* The same log gives the same rows: another number of them means other rules or another version. */
static int check_replayed(struct cw_redis_sink *sink)
{
    const struct position *position = &sink->position;
    if (sink->close.n != position->tick)
        return CW_EXIT_OK;
    if (position->open ? sink->close.rows >= position->row : sink->close.rows == position->row)
        return CW_EXIT_OK;
    char sentence[200];
    snprintf(sentence, sizeof(sentence),
             "it holds %" PRIu64 " rows of tick %" PRIu64 ", and the chain now makes %" PRIu64
             " of it: other rules or another version wrote it",
             position->row, position->tick, sink->close.rows);
    return refuse_reset(sink, sentence);
}

static int take_close(struct cw_redis_sink *sink, const struct cw_frame *frame)
{
    if (!cw_close_get(frame, &sink->close) || sink->close.n != sink->tick.n)
        return damaged(frame, "the close does not read, or is not that of the tick");
    if (sink->close.rows != sink->tick_row)
        return damaged(frame, "the close names another number of rows than came");
    int refused = check_replayed(sink);
    if (refused != CW_EXIT_OK)
        return refused;
    if (behind_position(sink, sink->close.n, UINT64_MAX))
        return CW_EXIT_OK;
    sink->step.closes = true;
    sink->step.end = (struct position){ sink->close.n, sink->close.rows, false };
    return finish_step(sink);
}

static int refuse_ahead(struct cw_redis_sink *sink, uint64_t last)
{
    char sentence[200];
    snprintf(sentence, sizeof(sentence),
             "it is ahead of the log: it holds tick %" PRIu64 ", and the log ends at tick %" PRIu64,
             sink->position.tick, last);
    return refuse_reset(sink, sentence);
}

static int take_end(struct cw_redis_sink *sink)
{
    if (sink->tick.n < sink->position.tick)
        return refuse_ahead(sink, sink->tick.n);
    if (sink->ended)
        return CW_EXIT_OK;
    sink->step.ends = true;
    return finish_step(sink);
}

/* detect names the rule set before its first row. */
static int take_name(struct cw_redis_sink *sink, const struct cw_frame *frame)
{
    struct cw_named named;
    struct cw_id rule_set;
    if (!cw_named_get(frame, &named))
        return damaged(frame, "the name does not read");
    if (named.space != CW_NAME_RULE_SET)
        return CW_EXIT_OK;
    if (!cw_id_parse(named.text, &rule_set))
        return damaged(frame, "the rule set's hash is none");
    sink->rule_set = rule_set;
    return check_rule_set(sink);
}

static int take_frame(struct cw_redis_sink *sink, const struct cw_frame *frame)
{
    switch ((enum cw_frame_kind)frame->kind) {
    case CW_TICK:
        sink->tick_row = 0;
        return cw_tick_get(frame, &sink->tick) ? CW_EXIT_OK
                                               : damaged(frame, "the tick does not read");
    case CW_ROW:
        return take_row(sink, frame);
    case CW_CLOSE:
        return take_close(sink, frame);
    case CW_END:
        return take_end(sink);
    case CW_NAME:
        return take_name(sink, frame);
    case CW_EVENT:
    case CW_REJECT:
    case CW_SOURCE_END:
    case CW_MOVED: /* for aliases, which this contract has not */
        break;
    }
    return CW_EXIT_OK;
}

static int sink_batch(void *self, const struct cw_batch *in, struct cw_out *out)
{
    (void)out;
    for (size_t i = 0; i < in->count; i++) {
        int status = take_frame(self, in->frames[i]);
        if (status != CW_EXIT_OK)
            return status;
    }
    return CW_EXIT_OK;
}

/* --- life --- */

static void sink_free(void *self)
{
    struct cw_redis_sink *sink = self;
    if (sink == NULL)
        return;
    cw_redis_close(&sink->redis);
    cw_formatter_free(sink->formatter);
    cw_arena_free(sink->step.arena);
    cw_buf_done(&sink->key);
    cw_buf_done(&sink->text);
    free(sink);
}

const struct cw_stage cw_redis_stage = { "sink", sink_batch, sink_free };

const struct cw_totals *cw_redis_sink_totals(const struct cw_redis_sink *sink)
{
    return &sink->totals;
}

/* Whether the log holds the tick that Redis names. Reads no further than that tick, which the rest
 * of the chain reads again anyway. */
static int check_log(struct cw_redis_sink *sink)
{
    uint64_t last = 0;
    uint64_t at = 0;
    while (last < sink->position.tick) {
        const struct cw_frame *frame = cw_log_get(sink->log, at);
        if (frame == NULL)
            break;
        if (frame->kind == CW_TICK) {
            struct cw_cur cur = cw_cur(cw_frame_body(frame), frame->body_length);
            last = cw_cur_u64(&cur);
        }
        at += frame->length;
    }
    if (last >= sink->position.tick)
        return CW_EXIT_OK;
    if (cw_log_error(sink->log)[0] == '\0')
        return refuse_ahead(sink, last);
    cw_error("%s", cw_log_error(sink->log));
    return CW_EXIT_DAMAGED;
}

static int start(struct cw_redis_sink *sink, const struct cw_redis_settings *settings)
{
    char error[256];
    if (!cw_redis_prefix(settings->deployment, sink->prefix)) {
        cw_error("--deployment: expected 1 to 64 letters, digits, dots, dashes or underscores");
        return CW_EXIT_USAGE;
    }
    if (!cw_redis_url_parse(settings->url, &sink->redis.url, error, sizeof(error))) {
        cw_error("--redis: %s", error);
        return CW_EXIT_USAGE;
    }
    int status = connect_again(sink, true, &sink->position);
    return status != CW_EXIT_OK ? status : check_log(sink);
}

struct cw_redis_sink *cw_redis_sink_new(const struct cw_redis_settings *settings,
                                        struct cw_log *log, int *exit_status)
{
    struct cw_redis_sink *sink = cw_new(struct cw_redis_sink);
    sink->log = log;
    sink->formatter = cw_formatter_new(log);
    sink->step.arena = cw_arena_new();
    sink->rule_set = settings->rule_set;
    sink->feed_max = settings->feed_max != 0 ? settings->feed_max : CW_REDIS_FEED_MAX;
    sink->stop = settings->stop;
    *exit_status = start(sink, settings);
    if (*exit_status != CW_EXIT_OK) {
        sink_free(sink);
        return NULL;
    }
    begin_step(sink);
    return sink;
}

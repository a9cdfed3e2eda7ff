/*
 * Removing a generation that nobody reads any more, by its own indexes: no KEYS, no SCAN, so the
 * sink needs no right to see names outside. At most 200 alerts a slice, between which others are
 * served; a slice that is done twice is done once.
 */
#include <inttypes.h>
#include <stdio.h>

#include "operators/runtime/check.h"
#include "sinks/redis_work.h"

enum { SLICE = CW_REDIS_STEP_ROWS };

void cw_sink_arg_copies(struct cw_redis_sink *sink, const struct cw_sink_copies *copies)
{
    sink->text.len = 0;
    for (size_t i = 0; i < copies->count; i++)
        cw_buf_printf(&sink->text, "%s%" PRIu64 ":%s", i != 0 ? " " : "", copies->of[i].generation,
                      copies->of[i].audience);
    cw_redis_arg(&sink->redis, (cw_str){ (const char *)sink->text.data, sink->text.len });
}

static void unlink_key(struct cw_redis_sink *sink, const char *prefix, uint64_t generation,
                       const char *name, cw_str rest)
{
    cw_redis_begin(&sink->redis, "UNLINK");
    cw_sink_arg_key_of(sink, prefix, generation, name, rest);
    cw_redis_end(&sink->redis);
}

static void unlink_alert(struct cw_redis_sink *sink, const char *prefix, uint64_t generation,
                         cw_str id, const redisReply *fields)
{
    cw_str rule = cw_redis_text(cw_redis_at(fields, 0));
    cw_str case_id = cw_redis_text(cw_redis_at(fields, 1));
    cw_str entities = cw_redis_text(cw_redis_at(fields, 2));
    unlink_key(sink, prefix, generation, "alert:", id);
    if (rule.ptr != NULL)
        unlink_key(sink, prefix, generation, "rule:", rule);
    if (case_id.ptr != NULL)
        unlink_key(sink, prefix, generation, "case:", case_id);
    for (cw_str word; (word = cw_sink_word(&entities)).ptr != NULL;)
        unlink_key(sink, prefix, generation, "entity:", word);
}

/* The alerts of the slice: what their hashes say of where else they stand, then all of it. */
static enum cw_redis_status sweep_alerts(struct cw_redis_sink *sink, const char *prefix,
                                         uint64_t generation, const redisReply *ids)
{
    struct cw_redis *redis = &sink->redis;
    redisReply *fields[SLICE] = { NULL };
    enum cw_redis_status status = CW_REDIS_OK;
    size_t count = ids->elements < SLICE ? ids->elements : SLICE;
    for (size_t i = 0; i < count; i++) {
        cw_redis_begin(redis, "HMGET");
        cw_sink_arg_key_of(sink, prefix, generation, "alert:", cw_redis_text(ids->element[i]));
        cw_sink_arg_text(sink, "rule");
        cw_sink_arg_text(sink, "case");
        cw_sink_arg_text(sink, "entities");
        cw_redis_end(redis);
    }
    for (size_t i = 0; i < count && status == CW_REDIS_OK; i++)
        status = cw_redis_reply(redis, &fields[i]);
    if (status == CW_REDIS_OK) {
        for (size_t i = 0; i < count; i++)
            unlink_alert(sink, prefix, generation, cw_redis_text(ids->element[i]), fields[i]);
        cw_redis_begin(redis, "ZREMRANGEBYRANK"); /* last: until then the slice can be found */
        cw_sink_arg_key_of(sink, prefix, generation, "open", cw_cstr(""));
        cw_sink_arg_int(sink, 0);
        cw_sink_arg_uint(sink, count - 1);
        cw_redis_end(redis);
        status = cw_redis_drop(redis, redis->pending);
    }
    for (size_t i = 0; i < count; i++)
        freeReplyObject(fields[i]);
    return status;
}

static enum cw_redis_status forget_copy(struct cw_redis_sink *sink, const char *prefix)
{
    struct cw_sink_copies *waste = &sink->state.waste;
    const uint64_t generation = waste->of[waste->count - 1].generation;
    static const char *const names[] = { "open", "time", "levels", "rules", "alias", "feed" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink_key(sink, prefix, generation, names[i], cw_cstr(""));
    waste->count--;
    cw_redis_begin(&sink->redis, "HSET");
    cw_redis_arg(&sink->redis, cw_cstr(sink->state_key));
    cw_sink_arg_text(sink, "waste");
    cw_sink_arg_copies(sink, waste);
    cw_redis_end(&sink->redis);
    enum cw_redis_status status = cw_redis_drop(&sink->redis, sink->redis.pending);
    if (status != CW_REDIS_OK)
        waste->count++;
    return status;
}

static enum cw_redis_status sweep_slice(struct cw_redis_sink *sink)
{
    const struct cw_sink_copies *waste = &sink->state.waste;
    const struct cw_sink_copy *copy = &waste->of[waste->count - 1];
    char prefix[CW_REDIS_PREFIX];
    CW_CHECK(cw_redis_prefix(sink->deployment, copy->audience, prefix));
    redisReply *ids = NULL;
    cw_redis_begin(&sink->redis, "ZRANGE");
    cw_sink_arg_key_of(sink, prefix, copy->generation, "open", cw_cstr(""));
    cw_sink_arg_int(sink, 0);
    cw_sink_arg_int(sink, SLICE - 1);
    enum cw_redis_status status = cw_redis_ask(&sink->redis, &ids);
    if (status == CW_REDIS_OK)
        status = ids->elements > 0 ? sweep_alerts(sink, prefix, copy->generation, ids)
                                   : forget_copy(sink, prefix);
    freeReplyObject(ids);
    return status;
}

int cw_sink_sweep(struct cw_redis_sink *sink)
{
    while (sink->state.waste.count > 0 && (sink->stop == NULL || *sink->stop == 0)) {
        enum cw_redis_status status = sweep_slice(sink);
        int refused = status == CW_REDIS_OK ? CW_EXIT_OK : cw_sink_recover(sink, status);
        if (refused != CW_EXIT_OK)
            return refused;
    }
    return CW_EXIT_OK;
}

/*
 * Connecting, and which generation is written. A Redis that holds what this chain has written is
 * gone on with; any other is filled again under a new generation beside the one that readers read,
 * and they are handed over in one step when the new one has caught up with what the log held when
 * this sink began. So no reader ever sees less than it saw.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "operators/runtime/check.h"
#include "operators/runtime/logging.h"
#include "sinks/redis_work.h"

enum { BACKOFF_MAX_MS = 5000 };

/* --- refusing: one sentence that says what to do --- */

int cw_sink_refuse(const struct cw_redis_sink *sink, const char *what)
{
    cw_error("%s: %s. Give another --deployment, or --rebuild, which writes all of it again under "
             "a new generation",
             sink->redis.url.shown, what);
    return CW_EXIT_REFUSED;
}

int cw_sink_refuse_words(const struct cw_redis_sink *sink)
{
    cw_error("%s. Mend that, then start again: nothing is lost, the log fills Redis",
             sink->redis.error);
    return CW_EXIT_REFUSED;
}

int cw_sink_refuse_ahead(const struct cw_redis_sink *sink, uint64_t position, uint64_t last)
{
    char sentence[200];
    snprintf(sentence, sizeof(sentence),
             "it is ahead of the log: it holds tick %" PRIu64 ", and the log ends at tick %" PRIu64,
             position, last);
    return cw_sink_refuse(sink, sentence);
}

/* --- the server --- */

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

/* A server that evicts would lose alerts without a word; so would one that is given a limit later,
 * which is why the policy counts also where there is none. */
static int check_server(const struct cw_redis_sink *sink, cw_str info)
{
    cw_str policy = info_value(info, "maxmemory_policy");
    if (policy.ptr != NULL && !cw_str_is(policy, "noeviction")) {
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

static void warn_of_persistence(const struct cw_redis_sink *sink, cw_str info,
                                const redisReply *save)
{
    cw_str aof = info_value(info, "aof_enabled");
    cw_str points = cw_redis_text(cw_redis_at(save, 1));
    if (cw_str_is(aof, "0") && points.ptr != NULL && points.len == 0)
        cw_warn("%s keeps nothing on disk (no appendonly, no save): when it restarts it is empty, "
                "and is filled again from the log",
                sink->redis.url.shown);
}

static enum cw_redis_status look_at_settings(struct cw_redis_sink *sink, bool first, int *refused)
{
    struct cw_redis *redis = &sink->redis;
    redisReply *info = NULL;
    redisReply *save = NULL;
    cw_redis_append(redis, "INFO", NULL);
    enum cw_redis_status status = cw_redis_reply(redis, &info);
    if (status == CW_REDIS_OK && first) {
        cw_redis_append(redis, "CONFIG", "GET", "save", NULL);
        status = cw_redis_reply(redis, &save);
        if (status == CW_REDIS_OK)
            warn_of_persistence(sink, cw_redis_text(info), save);
        else if (status == CW_REDIS_REFUSED)
            status = CW_REDIS_OK; /* CONFIG may be forbidden: then there is no warning */
    }
    if (status == CW_REDIS_OK)
        *refused = check_server(sink, cw_redis_text(info));
    freeReplyObject(info);
    freeReplyObject(save);
    return status;
}

static enum cw_redis_status look_at_server(struct cw_redis_sink *sink, bool first, int *refused)
{
    char missing[1024];
    enum cw_redis_status status = CW_REDIS_OK;
    if (first) {
        status = cw_sink_check_rights(sink, missing, sizeof(missing));
        if (status == CW_REDIS_REFUSED) {
            cw_error("%s: the user may not do all that the sink does; missing: %s. Give it the "
                     "rights that `crosswatch sink --acl` prints for the user sink",
                     sink->redis.url.shown, missing);
            *refused = CW_EXIT_REFUSED;
            return CW_REDIS_OK;
        }
    }
    return status == CW_REDIS_OK ? look_at_settings(sink, first, refused) : status;
}

/* Waits in slices, so that a signal ends it soon. False: told to stop. */
static bool wait_ms(const struct cw_redis_sink *sink, int ms)
{
    for (int slept = 0; slept < ms; slept += CW_REDIS_BACKOFF_MIN_MS) {
        if (sink->stop != NULL && *sink->stop != 0)
            return false;
        const struct timespec slice = { .tv_nsec = CW_REDIS_BACKOFF_MIN_MS * 1000000L };
        (void)nanosleep(&slice, NULL);
    }
    return sink->stop == NULL || *sink->stop == 0;
}

int cw_sink_connect(struct cw_redis_sink *sink, bool first)
{
    int delay = CW_REDIS_BACKOFF_MIN_MS;
    for (unsigned tries = 1;; tries++) {
        int refused = CW_EXIT_OK;
        enum cw_redis_status status = cw_redis_connect(&sink->redis);
        if (status == CW_REDIS_OK)
            status = look_at_server(sink, first, &refused);
        if (status == CW_REDIS_REFUSED)
            return cw_sink_refuse_words(sink);
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

int cw_sink_recover(struct cw_redis_sink *sink, enum cw_redis_status status)
{
    if (status == CW_REDIS_REFUSED)
        return cw_sink_refuse_words(sink);
    cw_warn("%s. The chain waits", sink->redis.error);
    if (status == CW_REDIS_WAIT && !wait_ms(sink, BACKOFF_MAX_MS / 5))
        return CW_EXIT_BROKEN;
    int refused = cw_sink_connect(sink, false);
    if (refused == CW_EXIT_OK)
        cw_sink_count(sink, "sink.reconnects", 1);
    return refused;
}

/* --- the state --- */

static void add_copy(struct cw_sink_copies *copies, uint64_t generation, cw_str audience)
{
    if (audience.len == 0 || audience.len > CW_REDIS_AUDIENCE_LEN ||
        copies->count == CW_SINK_COPIES_MAX)
        return; /* none that a sink of ours wrote; their number is bounded by sweeping first */
    struct cw_sink_copy *copy = &copies->of[copies->count++];
    copy->generation = generation;
    snprintf(copy->audience, sizeof(copy->audience), "%.*s", CW_STR_ARG(audience));
    if (!cw_redis_audience_ok(copy->audience))
        copies->count--;
}

static void read_copies(cw_str text, struct cw_sink_copies *out)
{
    out->count = 0;
    for (cw_str word; (word = cw_sink_word(&text)).ptr != NULL;) {
        const char *colon = memchr(word.ptr, ':', word.len);
        if (colon == NULL)
            continue;
        size_t len = (size_t)(colon - word.ptr);
        add_copy(out, cw_redis_number((cw_str){ word.ptr, len }),
                 (cw_str){ colon + 1, word.len - len - 1 });
    }
}

void cw_sink_read_state(const redisReply *reply, struct cw_sink_state *out)
{
    *out = (struct cw_sink_state){ 0 };
    cw_str contract = cw_redis_field(reply, "contract");
    out->present = contract.ptr != NULL;
    out->contract = cw_redis_number(contract);
    if (!cw_id_parse(cw_redis_field(reply, "log"), &out->log))
        out->log = (struct cw_id){ { 0 } };
    if (!cw_id_parse(cw_redis_field(reply, "rule_set"), &out->rule_set))
        out->rule_set = (struct cw_id){ { 0 } };
    out->generation = cw_redis_number(cw_redis_field(reply, "generation"));
    out->position = (struct cw_sink_position){
        cw_redis_number(cw_redis_field(reply, "tick")),
        cw_redis_number(cw_redis_field(reply, "row")),
        cw_str_is(cw_redis_field(reply, "tick_open"), "1"),
    };
    out->ended = cw_str_is(cw_redis_field(reply, "ended"), "1");
    cw_str until = cw_redis_field(reply, "until");
    out->filling = until.ptr != NULL;
    out->until = cw_redis_number(until);
    snprintf(out->audiences, sizeof(out->audiences), "%.*s",
             CW_STR_ARG(cw_redis_field(reply, "audiences")));
    read_copies(cw_redis_field(reply, "read"), &out->read);
    read_copies(cw_redis_field(reply, "waste"), &out->waste);
}

/* What stands there when the sink begins. */
struct there {
    struct cw_sink_state state;
    struct cw_sink_copies metas; /* what the metas of our audiences name */
};

static enum cw_redis_status look(struct cw_redis_sink *sink, struct there *out)
{
    struct cw_redis *redis = &sink->redis;
    cw_redis_begin(redis, "HGETALL");
    cw_redis_arg(redis, cw_cstr(sink->state_key));
    cw_redis_end(redis);
    for (size_t i = 0; i < sink->audience_count; i++) {
        cw_redis_begin(redis, "HGET");
        cw_sink_arg_key(sink, sink->audiences[i].prefix, "meta");
        cw_sink_arg_text(sink, "generation");
        cw_redis_end(redis);
    }
    redisReply *reply = NULL;
    enum cw_redis_status status = cw_redis_reply(redis, &reply);
    if (status != CW_REDIS_OK)
        return status;
    cw_sink_read_state(reply, &out->state);
    freeReplyObject(reply);
    out->metas.count = 0;
    for (size_t i = 0; i < sink->audience_count; i++) {
        if ((status = cw_redis_reply(redis, &reply)) != CW_REDIS_OK)
            return status;
        if (cw_redis_text(reply).ptr != NULL)
            add_copy(&out->metas, cw_redis_number(cw_redis_text(reply)),
                     cw_cstr(sink->audiences[i].name));
        freeReplyObject(reply);
    }
    return CW_REDIS_OK;
}

/* --- which generation --- */

/* The last whole tick that the log holds. */
static int read_log(struct cw_redis_sink *sink)
{
    if (sink->log_read)
        return CW_EXIT_OK;
    for (uint64_t at = 0;;) {
        const struct cw_frame *frame = cw_log_get(sink->log, at);
        if (frame == NULL)
            break;
        if (frame->kind == CW_TICK) {
            struct cw_cur cur = cw_cur(cw_frame_body(frame), frame->body_length);
            sink->log_last = cw_cur_u64(&cur);
        }
        at += frame->length;
    }
    if (cw_log_error(sink->log)[0] != '\0') {
        cw_error("%s", cw_log_error(sink->log));
        return CW_EXIT_DAMAGED;
    }
    sink->log_read = true;
    return CW_EXIT_OK;
}

static void list_audiences(const struct cw_redis_sink *sink, char out[1200])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sink->audience_count; i++)
        len += (size_t)snprintf(out + len, 1200 - len, "%s%s", i != 0 ? " " : "",
                                sink->audiences[i].name);
}

static bool has_gone_back(const struct cw_redis_sink *sink, const struct cw_sink_state *state)
{
    return state->generation < sink->seen_generation ||
           (state->generation == sink->seen_generation && state->position.tick < sink->seen_tick);
}

/* Why what stands there cannot be gone on with; NULL: it can. */
static const char *reason_to_fill(const struct cw_redis_sink *sink, const struct there *there)
{
    const struct cw_sink_state *state = &there->state;
    char audiences[1200];
    list_audiences(sink, audiences);
    if (!state->present)
        return there->metas.count != 0 ? "it was laid out by another contract, or lost its state"
                                       : "it is empty";
    if (state->contract != CW_REDIS_CONTRACT)
        return "it was laid out by another contract";
    if (!cw_id_eq(state->log, cw_log_id(sink->log)))
        return "it holds the alerts of another log";
    if (!cw_id_is_zero(sink->rule_set) && !cw_id_is_zero(state->rule_set) &&
        !cw_id_eq(sink->rule_set, state->rule_set))
        return "its alerts were made by another rule set";
    if (strcmp(audiences, state->audiences) != 0)
        return "it is for other audiences";
    if (sink->rebuild)
        return "told to";
    return has_gone_back(sink, state) ? "it is older than what was written to it" : NULL;
}

static uint64_t highest_of(const struct cw_sink_copies *copies, uint64_t least)
{
    for (size_t i = 0; i < copies->count; i++) {
        if (copies->of[i].generation > least)
            least = copies->of[i].generation;
    }
    return least;
}

/* A generation under which nothing lies. What lies under one that no meta names was being filled
 * when the state was lost: it is waste. */
static enum cw_redis_status find_free(struct cw_redis_sink *sink, uint64_t *generation,
                                      struct cw_sink_copies *waste)
{
    for (;; ++*generation) {
        cw_redis_begin(&sink->redis, "EXISTS");
        for (size_t i = 0; i < sink->audience_count; i++) {
            static const char *const names[] = { "open", "time", "feed", "levels" };
            for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
                cw_sink_arg_key_of(sink, sink->audiences[i].prefix, *generation, names[j],
                                   cw_cstr(""));
        }
        redisReply *reply = NULL;
        enum cw_redis_status status = cw_redis_ask(&sink->redis, &reply);
        if (status != CW_REDIS_OK)
            return status;
        bool taken = reply->integer != 0;
        freeReplyObject(reply);
        if (!taken)
            return CW_REDIS_OK;
        for (size_t i = 0; i < sink->audience_count; i++)
            add_copy(waste, *generation, cw_cstr(sink->audiences[i].name));
    }
}

static void tell(const struct cw_redis_sink *sink, const char *why)
{
    const struct cw_sink_state *state = &sink->state;
    if (!sink->found.present && state->read.count == 0 && state->until == 0)
        return; /* a first start */
    if (state->until == 0)
        cw_info("%s is filled from the log under generation %" PRIu64 ": %s", sink->redis.url.shown,
                state->generation, why);
    else
        cw_info("%s is filled from the log under generation %" PRIu64 ": %s. Readers have it from "
                "tick %" PRIu64 " on%s",
                sink->redis.url.shown, state->generation, why, state->until,
                state->read.count != 0 ? ", and read the one before until then" : "");
}

static enum cw_redis_status begin_generation(struct cw_redis_sink *sink, const struct there *there,
                                             const char *why)
{
    struct cw_sink_state *state = &sink->state;
    const struct cw_sink_state *found = &there->state;
    uint64_t generation = highest_of(&found->read, found->generation);
    generation = highest_of(&found->waste, generation);
    generation = highest_of(&there->metas, generation);
    if (sink->seen_generation > generation)
        generation = sink->seen_generation;
    generation++;
    struct cw_sink_copies waste = found->waste;
    enum cw_redis_status status = find_free(sink, &generation, &waste);
    if (status != CW_REDIS_OK)
        return status;
    sink->found = *found;
    sink->fresh = true;
    *state = (struct cw_sink_state){ .present = true,
                                     .log = cw_log_id(sink->log),
                                     .rule_set = sink->rule_set,
                                     .contract = CW_REDIS_CONTRACT,
                                     .generation = generation,
                                     .filling = true,
                                     .until = sink->log_last,
                                     .read = found->present ? found->read : there->metas,
                                     .waste = waste };
    list_audiences(sink, state->audiences);
    cw_str unfinished = cw_cstr(found->audiences);
    for (cw_str word; found->filling && (word = cw_sink_word(&unfinished)).ptr != NULL;)
        add_copy(&state->waste, found->generation, word);
    tell(sink, why);
    return CW_REDIS_OK;
}

static enum cw_redis_status try_settle(struct cw_redis_sink *sink, int *refused)
{
    struct there there;
    enum cw_redis_status status = look(sink, &there);
    if (status != CW_REDIS_OK)
        return status;
    const struct cw_sink_state *state = &there.state;
    const char *why = reason_to_fill(sink, &there);
    if (state->present && cw_id_eq(state->log, cw_log_id(sink->log)) && !sink->rebuild &&
        state->position.tick > sink->log_last) {
        *refused = cw_sink_refuse_ahead(sink, state->position.tick, sink->log_last);
        return CW_REDIS_OK;
    }
    if (why != NULL)
        return begin_generation(sink, &there, why);
    sink->state = *state;
    sink->fresh = false;
    if (!cw_id_is_zero(sink->rule_set))
        sink->state.rule_set = sink->rule_set;
    return CW_REDIS_OK;
}

int cw_sink_settle(struct cw_redis_sink *sink)
{
    int refused = read_log(sink);
    while (refused == CW_EXIT_OK) {
        enum cw_redis_status status = try_settle(sink, &refused);
        if (status == CW_REDIS_OK)
            break;
        refused = cw_sink_recover(sink, status);
    }
    if (refused == CW_EXIT_OK && !sink->fresh && sink->state.waste.count != 0)
        refused = cw_sink_sweep(sink);
    *cw_total(&sink->totals, "sink.generation") = (int64_t)sink->state.generation;
    *cw_total(&sink->totals, "sink.tick") = (int64_t)sink->state.position.tick;
    return refused;
}

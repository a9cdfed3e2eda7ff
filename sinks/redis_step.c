/*
 * A step is written in two trips: the first reads the state, what is stored of the step's alerts
 * for each audience, and the counts; the second is one MULTI that changes them and sets the
 * position behind the step. WATCH on the state joins the two, so that nothing is written over a
 * position that is not the one we know. When an answer is lost, the first trip of the next try
 * shows whether the step was done: a step is never done twice.
 *
 * An alert's rule, keys and cell are part of its id; so are the sets that list it. Only scores, the
 * level, the content and who may see it change while it lives.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "operators/runtime/check.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"
#include "sinks/redis_work.h"

/* How long an alert's hash outlives its expiry where the chain does not delete it. */
#define BACKSTOP (7 * CW_DAY)

static struct cw_sink_move *moves_of(struct cw_redis_sink *sink, size_t *count)
{
    *count = sink->moves_done ? 0 : sink->moves.len / sizeof(struct cw_sink_move);
    return (struct cw_sink_move *)(void *)sink->moves.data;
}

static uint64_t generation(const struct cw_redis_sink *sink)
{
    return sink->state.generation;
}

/* The arguments P + generation + name + rest of the copy at hand. */
static void arg_of(struct cw_redis_sink *sink, const struct cw_sink_audience *audience,
                   const char *name, cw_str rest)
{
    cw_sink_arg_key_of(sink, audience->prefix, generation(sink), name, rest);
}

static void arg_of_id(struct cw_redis_sink *sink, const struct cw_sink_audience *audience,
                      const char *name, struct cw_id id)
{
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    arg_of(sink, audience, name, cw_cstr(hex));
}

/* --- reading what a step changes --- */

static void ask_state(struct cw_redis_sink *sink)
{
    cw_redis_begin(&sink->redis, "WATCH");
    cw_redis_arg(&sink->redis, cw_cstr(sink->state_key));
    cw_redis_end(&sink->redis);
    cw_redis_begin(&sink->redis, "HGETALL");
    cw_redis_arg(&sink->redis, cw_cstr(sink->state_key));
    cw_redis_end(&sink->redis);
}

static void ask_view(struct cw_redis_sink *sink, const struct cw_sink_audience *audience)
{
    struct cw_redis *redis = &sink->redis;
    const struct cw_sink_step *step = &sink->step;
    cw_redis_begin(redis, "HMGET");
    arg_of(sink, audience, "levels", cw_cstr(""));
    for (int level = 0; level < CW_REDIS_LEVELS; level++)
        cw_sink_arg_text(sink, cw_level_name((uint8_t)level));
    cw_redis_end(redis);
    cw_redis_begin(redis, "XLEN");
    arg_of(sink, audience, "feed", cw_cstr(""));
    cw_redis_end(redis);
    for (size_t i = 0; i < step->rule_count; i++) {
        cw_redis_begin(redis, "HGET");
        arg_of(sink, audience, "rules", cw_cstr(""));
        cw_redis_arg(redis, step->rules[i]);
        cw_redis_end(redis);
    }
    size_t move_count;
    const struct cw_sink_move *moves = moves_of(sink, &move_count);
    for (size_t i = 0; i < move_count; i++) {
        if (!moves[i].succeeds)
            continue;
        cw_redis_begin(redis, "EXISTS");
        arg_of_id(sink, audience, "entity:", moves[i].from);
        cw_redis_end(redis);
    }
    static const char *const fields[] = { "revision", "level", "detected_tick",
                                          "entities", "key",   "json" };
    for (size_t i = 0; i < step->count; i++) {
        cw_redis_begin(redis, "HMGET");
        arg_of_id(sink, audience, "alert:", step->rows[i].row.alert);
        for (size_t j = 0; j < sizeof(fields) / sizeof(fields[0]); j++)
            cw_sink_arg_text(sink, fields[j]);
        cw_redis_end(redis);
    }
}

static cw_str keep(struct cw_redis_sink *sink, const redisReply *reply, size_t at)
{
    cw_str text = cw_redis_text(cw_redis_at(reply, at));
    return text.ptr != NULL ? cw_arena_copy(sink->step.arena, text.ptr, text.len) : text;
}

static void read_stored(struct cw_redis_sink *sink, const redisReply *reply,
                        struct cw_sink_stored *out)
{
    cw_str level = cw_redis_text(cw_redis_at(reply, 1));
    *out = (struct cw_sink_stored){
        .revision = cw_redis_number(cw_redis_text(cw_redis_at(reply, 0))),
        .level = -1,
        .detected_tick = keep(sink, reply, 2),
        .entities = keep(sink, reply, 3),
        .key = keep(sink, reply, 4),
        .json = keep(sink, reply, 5),
    };
    out->present = out->json.ptr != NULL;
    for (int i = 0; i < CW_REDIS_LEVELS; i++) {
        if (cw_str_is(level, cw_level_name((uint8_t)i)))
            out->level = i;
    }
}

static enum cw_redis_status take_number(struct cw_redis_sink *sink, int64_t *out)
{
    redisReply *reply = NULL;
    enum cw_redis_status status = cw_redis_reply(&sink->redis, &reply);
    if (status == CW_REDIS_OK)
        *out = reply->type == REDIS_REPLY_INTEGER ? reply->integer
                                                  : (int64_t)cw_redis_number(cw_redis_text(reply));
    freeReplyObject(reply);
    return status;
}

static enum cw_redis_status take_view(struct cw_redis_sink *sink, size_t at)
{
    struct cw_sink_view *view = &sink->audiences[at].view;
    struct cw_sink_step *step = &sink->step;
    redisReply *reply = NULL;
    enum cw_redis_status status = cw_redis_reply(&sink->redis, &reply);
    if (status != CW_REDIS_OK)
        return status;
    for (size_t i = 0; i < CW_REDIS_LEVELS; i++)
        view->levels[i] = view->levels_stored[i] =
            (int64_t)cw_redis_number(cw_redis_text(cw_redis_at(reply, i)));
    freeReplyObject(reply);
    int64_t number = 0;
    if ((status = take_number(sink, &number)) != CW_REDIS_OK)
        return status;
    view->feed_len = (uint64_t)number;
    for (size_t i = 0; i < step->rule_count; i++) {
        if ((status = take_number(sink, &number)) != CW_REDIS_OK)
            return status;
        view->rules[i] = view->rules_stored[i] = number;
    }
    size_t move_count;
    const struct cw_sink_move *moves = moves_of(sink, &move_count);
    view->moved = cw_arena_alloc(step->arena, move_count * sizeof(*view->moved));
    for (size_t i = 0; i < move_count; i++) {
        if (moves[i].succeeds && (status = take_number(sink, &number)) != CW_REDIS_OK)
            return status;
        view->moved[i] = moves[i].succeeds && number != 0;
    }
    for (size_t i = 0; i < step->count; i++) {
        if ((status = cw_redis_reply(&sink->redis, &reply)) != CW_REDIS_OK)
            return status;
        read_stored(sink, reply, &step->rows[i].olds[at]);
        freeReplyObject(reply);
    }
    return CW_REDIS_OK;
}

static enum cw_redis_status take_stored(struct cw_redis_sink *sink, struct cw_sink_state *found)
{
    redisReply *reply = NULL;
    enum cw_redis_status status = cw_redis_drop(&sink->redis, 1);
    if (status == CW_REDIS_OK)
        status = cw_redis_reply(&sink->redis, &reply);
    if (status != CW_REDIS_OK)
        return status;
    cw_sink_read_state(reply, found);
    freeReplyObject(reply);
    for (size_t i = 0; i < sink->audience_count && status == CW_REDIS_OK; i++)
        status = take_view(sink, i);
    return status;
}

/* Where the feed is too long: the entry from which on it is kept, and the last that goes. It is cut
 * in lumps of a tenth, so that the reading of it is rare. */
static enum cw_redis_status find_floor(struct cw_redis_sink *sink,
                                       struct cw_sink_audience *audience)
{
    struct cw_sink_view *view = &audience->view;
    view->keep[0] = view->floor[0] = '\0';
    if (view->feed_len <= sink->feed_max + sink->feed_max / 10)
        return CW_REDIS_OK;
    cw_redis_begin(&sink->redis, "XRANGE");
    arg_of(sink, audience, "feed", cw_cstr(""));
    cw_sink_arg_text(sink, "-");
    cw_sink_arg_text(sink, "+");
    cw_sink_arg_text(sink, "COUNT");
    cw_sink_arg_uint(sink, view->feed_len - sink->feed_max + 1);
    redisReply *reply = NULL;
    enum cw_redis_status status = cw_redis_ask(&sink->redis, &reply);
    if (status == CW_REDIS_OK && reply->type == REDIS_REPLY_ARRAY && reply->elements > 1) {
        cw_str cut = cw_redis_text(cw_redis_at(reply->element[reply->elements - 2], 0));
        cw_str kept = cw_redis_text(cw_redis_at(reply->element[reply->elements - 1], 0));
        snprintf(view->floor, sizeof(view->floor), "%.*s", CW_STR_ARG(cut));
        snprintf(view->keep, sizeof(view->keep), "%.*s", CW_STR_ARG(kept));
    }
    freeReplyObject(reply);
    return status;
}

/* --- who reads what is written --- */

/* With this step the generation becomes the readers'. */
static bool hands_over(const struct cw_redis_sink *sink)
{
    const struct cw_sink_state *state = &sink->state;
    const struct cw_sink_step *step = &sink->step;
    return state->filling &&
           (state->until == 0 || step->ends || (step->closes && step->end.tick >= state->until));
}

/* A generation that is filled apart has no feed: its readers begin with the whole view. */
static bool has_feed(const struct cw_redis_sink *sink)
{
    return !sink->state.filling || sink->state.until == 0;
}

/* --- writing it --- */

static void zadd(struct cw_redis_sink *sink, const struct cw_sink_audience *audience,
                 const char *name, cw_str rest, int64_t score, const struct cw_row *row)
{
    cw_redis_begin(&sink->redis, "ZADD");
    arg_of(sink, audience, name, rest);
    cw_sink_arg_int(sink, score);
    cw_sink_arg_id(sink, row->alert);
    cw_redis_end(&sink->redis);
}

static void zrem(struct cw_redis_sink *sink, const struct cw_sink_audience *audience,
                 const char *name, cw_str rest, const struct cw_row *row)
{
    cw_redis_begin(&sink->redis, "ZREM");
    arg_of(sink, audience, name, rest);
    cw_sink_arg_id(sink, row->alert);
    cw_redis_end(&sink->redis);
}

static void put_feed(struct cw_redis_sink *sink, const struct cw_sink_audience *audience,
                     const struct cw_sink_row *at, const char *op, uint64_t revision,
                     const struct cw_sink_row *next)
{
    if (!has_feed(sink))
        return;
    cw_redis_begin(&sink->redis, "XADD");
    arg_of(sink, audience, "feed", cw_cstr(""));
    cw_redis_argf(&sink->redis, "%" PRIu64 "-%" PRIu32, sink->step.end.tick, at->number);
    cw_sink_arg_field(sink, "op", cw_cstr(op));
    cw_sink_arg_text(sink, "id");
    cw_sink_arg_id(sink, at->row.alert);
    cw_sink_arg_text(sink, "case");
    cw_sink_arg_id(sink, at->row.case_id);
    cw_sink_arg_text(sink, "rev");
    cw_sink_arg_uint(sink, revision);
    if (next != NULL) {
        cw_sink_arg_text(sink, "next");
        cw_sink_arg_id(sink, next->row.alert);
    }
    cw_redis_end(&sink->redis);
}

static void forget_entities(struct cw_redis_sink *sink, const struct cw_sink_audience *audience,
                            const struct cw_sink_row *at, const struct cw_sink_stored *old)
{
    cw_str list = old->entities;
    for (cw_str word; (word = cw_sink_word(&list)).ptr != NULL;)
        zrem(sink, audience, "entity:", word, &at->row);
}

/* Whether `key` is `old` with `from` in the place of `to`: ids as hex in the text of keys. */
static bool is_moved_key(cw_str old, cw_str key, const char *from, const char *to)
{
    if (old.len != key.len)
        return false;
    bool moved = false;
    for (size_t i = 0; i < old.len;) {
        bool here = i + CW_ID_HEX - 1 <= old.len && memcmp(old.ptr + i, from, CW_ID_HEX - 1) == 0 &&
                    memcmp(key.ptr + i, to, CW_ID_HEX - 1) == 0;
        if (!here && old.ptr[i] != key.ptr[i])
            return false;
        moved |= here;
        i += here ? CW_ID_HEX - 1 : 1;
    }
    return moved;
}

static const struct cw_sink_row *successor_by(const struct cw_redis_sink *sink, size_t audience,
                                              const struct cw_sink_row *gone,
                                              const struct cw_sink_move *move)
{
    const struct cw_sink_step *step = &sink->step;
    char from[CW_ID_HEX];
    char to[CW_ID_HEX];
    cw_id_hex(move->from, from);
    cw_id_hex(move->to, to);
    for (size_t i = 0; i < step->count; i++) {
        const struct cw_sink_row *row = &step->rows[i];
        if ((row->shows >> audience & 1) != 0 && row->rule == gone->rule &&
            row->row.cell == gone->row.cell &&
            is_moved_key(gone->olds[audience].key, row->key, from, to))
            return row;
    }
    return NULL;
}

/* The alert of the step that stands for one that goes because an entity in its key did: of the same
 * rule and cell, with the entity that took the place. */
static const struct cw_sink_row *successor_of(const struct cw_redis_sink *sink, size_t audience,
                                              const struct cw_sink_row *gone)
{
    const struct cw_sink_move *moves = (const void *)sink->moves.data;
    const size_t count = sink->moves.len / sizeof(*moves);
    cw_str entities = gone->olds[audience].entities;
    for (cw_str word; count != 0 && (word = cw_sink_word(&entities)).ptr != NULL;) {
        struct cw_id id;
        if (!cw_id_parse(word, &id))
            continue;
        for (size_t i = 0; i < count; i++) {
            const struct cw_sink_row *next =
                cw_id_eq(moves[i].from, id) ? successor_by(sink, audience, gone, &moves[i]) : NULL;
            if (next != NULL)
                return next;
        }
    }
    return NULL;
}

static void write_gone(struct cw_redis_sink *sink, size_t index, const struct cw_sink_row *at)
{
    struct cw_redis *redis = &sink->redis;
    const struct cw_sink_audience *audience = &sink->audiences[index];
    const struct cw_sink_stored *old = &at->olds[index];
    const struct cw_sink_row *next = successor_of(sink, index, at);
    char case_id[CW_ID_HEX];
    cw_id_hex(at->row.case_id, case_id);
    cw_redis_begin(redis, "UNLINK");
    arg_of_id(sink, audience, "alert:", at->row.alert);
    cw_redis_end(redis);
    zrem(sink, audience, "open", cw_cstr(""), &at->row);
    zrem(sink, audience, "time", cw_cstr(""), &at->row);
    zrem(sink, audience, "rule:", at->row.rule, &at->row);
    zrem(sink, audience, "case:", cw_cstr(case_id), &at->row);
    forget_entities(sink, audience, at, old);
    put_feed(sink, audience, at, "gone", old->revision, next);
    if (next == NULL)
        return;
    cw_redis_begin(redis, "HSET");
    arg_of(sink, audience, "alias", cw_cstr(""));
    cw_sink_arg_id(sink, at->row.alert);
    cw_sink_arg_id(sink, next->row.alert);
    cw_sink_arg_id(sink, at->row.case_id);
    cw_sink_arg_id(sink, next->row.case_id);
    cw_redis_end(redis);
}

static void write_hash(struct cw_redis_sink *sink, const struct cw_sink_audience *audience,
                       const struct cw_sink_row *at, const struct cw_sink_stored *old,
                       uint64_t revision)
{
    static const char *const matches[] = { "raw", "exact", "resolved" };
    char time[CW_TIME_TEXT];
    struct cw_redis *redis = &sink->redis;
    const struct cw_row *row = &at->row;
    cw_redis_begin(redis, "HSET");
    arg_of_id(sink, audience, "alert:", row->alert);
    cw_sink_arg_field(sink, "rule", row->rule);
    cw_sink_arg_field(sink, "title", row->title);
    cw_sink_arg_field(sink, "level", cw_cstr(cw_level_name(row->level)));
    cw_sink_arg_field(sink, "match", cw_cstr(matches[row->match]));
    cw_sink_arg_field(sink, "key", at->key);
    cw_sink_arg_field(sink, "entities", at->entities);
    cw_time_format(row->first, time);
    cw_sink_arg_field(sink, "first", cw_cstr(time));
    cw_time_format(row->last, time);
    cw_sink_arg_field(sink, "last", cw_cstr(time));
    if (row->expires == CW_TIME_MAX)
        time[0] = '\0';
    else
        cw_time_format(row->expires, time);
    cw_sink_arg_field(sink, "expires", cw_cstr(time));
    cw_sink_arg_text(sink, "value");
    cw_sink_arg_int(sink, row->value_count > 0 ? row->values[0] : 0);
    cw_sink_arg_text(sink, "evidence_count");
    cw_sink_arg_int(sink, row->evidence_count);
    cw_sink_arg_field(sink, "completeness", cw_cstr("exact"));
    cw_sink_arg_field(sink, "continues", cw_cstr(row->continues ? "1" : "0"));
    cw_sink_arg_text(sink, "case");
    cw_sink_arg_id(sink, row->case_id);
    cw_sink_arg_text(sink, "cell");
    cw_sink_arg_int(sink, row->cell);
    cw_sink_arg_text(sink, "revision");
    cw_sink_arg_uint(sink, revision);
    cw_sink_arg_text(sink, "detected_tick");
    if (old->present)
        cw_redis_arg(redis, old->detected_tick);
    else
        cw_sink_arg_uint(sink, sink->step.end.tick);
    cw_sink_arg_field(sink, "json", at->json);
    cw_redis_end(redis);
}

/* What the chain would delete must go also where it is dead by then; never what is written now. */
static void write_backstop(struct cw_redis_sink *sink, const struct cw_sink_audience *audience,
                           const struct cw_sink_row *at)
{
    if (!sink->live)
        return;
    int64_t until = at->row.expires;
    bool set = until < CW_TIME_MAX - BACKSTOP;
    until = set ? cw_floor_div(until + BACKSTOP, CW_SECOND) : 0;
    set = set && until > (int64_t)time(NULL);
    cw_redis_begin(&sink->redis, set ? "EXPIREAT" : "PERSIST");
    arg_of_id(sink, audience, "alert:", at->row.alert);
    if (set)
        cw_sink_arg_int(sink, until);
    cw_redis_end(&sink->redis);
}

/* What stands here again is nobody's predecessor. */
static void forget_aliases(struct cw_redis_sink *sink, const struct cw_sink_audience *audience,
                           const struct cw_sink_row *at)
{
    cw_str entities = at->entities;
    cw_redis_begin(&sink->redis, "HDEL");
    arg_of(sink, audience, "alias", cw_cstr(""));
    cw_sink_arg_id(sink, at->row.alert);
    cw_sink_arg_id(sink, at->row.case_id);
    for (cw_str word; (word = cw_sink_word(&entities)).ptr != NULL;)
        cw_redis_arg(&sink->redis, word);
    cw_redis_end(&sink->redis);
}

static void write_set(struct cw_redis_sink *sink, size_t index, const struct cw_sink_row *at)
{
    const struct cw_sink_audience *audience = &sink->audiences[index];
    const struct cw_sink_stored *old = &at->olds[index];
    const struct cw_row *row = &at->row;
    const int64_t time = cw_redis_time(row->last);
    uint64_t revision = old->present ? old->revision + 1 : 1;
    char hex[CW_ID_HEX];
    if (old->present)
        forget_entities(sink, audience, at, old);
    else
        forget_aliases(sink, audience, at);
    write_hash(sink, audience, at, old, revision);
    write_backstop(sink, audience, at);
    zadd(sink, audience, "open", cw_cstr(""), cw_redis_priority(row->level, row->last), row);
    zadd(sink, audience, "time", cw_cstr(""), time, row);
    zadd(sink, audience, "rule:", row->rule, time, row);
    cw_id_hex(row->case_id, hex);
    zadd(sink, audience, "case:", cw_cstr(hex), time, row);
    cw_str entities = at->entities;
    for (cw_str word; (word = cw_sink_word(&entities)).ptr != NULL;)
        zadd(sink, audience, "entity:", word, time, row);
    put_feed(sink, audience, at, "set", revision, NULL);
}

static void write_rows(struct cw_redis_sink *sink, size_t index)
{
    struct cw_sink_step *step = &sink->step;
    struct cw_sink_view *view = &sink->audiences[index].view;
    for (size_t i = 0; i < step->count; i++) {
        const struct cw_sink_row *at = &step->rows[i];
        const struct cw_sink_stored *old = &at->olds[index];
        bool shown = (at->shows >> index & 1) != 0;
        if (shown ? old->present && cw_str_eq(old->json, at->json) : !old->present)
            continue; /* as it is to be: no reader is told of it */
        if (old->present && old->level >= 0)
            view->levels[old->level]--;
        if (old->present)
            view->rules[at->rule]--;
        if (!shown) {
            write_gone(sink, index, at);
            continue;
        }
        write_set(sink, index, at);
        view->levels[at->row.level]++;
        view->rules[at->rule]++;
    }
}

/* Entities that readers of this copy have met. Before the rows: what stands again is no alias. */
static void write_moves(struct cw_redis_sink *sink, const struct cw_sink_audience *audience)
{
    size_t count;
    const struct cw_sink_move *moves = moves_of(sink, &count);
    for (size_t i = 0; i < count; i++) {
        if (!audience->view.moved[i])
            continue;
        cw_redis_begin(&sink->redis, "HSET");
        arg_of(sink, audience, "alias", cw_cstr(""));
        cw_sink_arg_id(sink, moves[i].from);
        cw_sink_arg_id(sink, moves[i].to);
        cw_redis_end(&sink->redis);
        cw_redis_begin(&sink->redis, "HDEL");
        arg_of(sink, audience, "alias", cw_cstr(""));
        cw_sink_arg_id(sink, moves[i].to);
        cw_redis_end(&sink->redis);
    }
}

static void write_count(struct cw_redis_sink *sink, const struct cw_sink_audience *audience,
                        const char *hash, cw_str field, int64_t value)
{
    cw_redis_begin(&sink->redis, value > 0 ? "HSET" : "HDEL");
    arg_of(sink, audience, hash, cw_cstr(""));
    cw_redis_arg(&sink->redis, field);
    if (value > 0)
        cw_sink_arg_int(sink, value);
    cw_redis_end(&sink->redis);
}

static void write_counts(struct cw_redis_sink *sink, const struct cw_sink_audience *audience)
{
    const struct cw_sink_step *step = &sink->step;
    const struct cw_sink_view *view = &audience->view;
    for (int i = 0; i < CW_REDIS_LEVELS; i++) {
        if (view->levels[i] != view->levels_stored[i])
            write_count(sink, audience, "levels", cw_cstr(cw_level_name((uint8_t)i)),
                        view->levels[i]);
    }
    for (size_t i = 0; i < step->rule_count; i++) {
        if (view->rules[i] != view->rules_stored[i])
            write_count(sink, audience, "rules", step->rules[i], view->rules[i]);
    }
}

static void write_totals(struct cw_redis_sink *sink, const struct cw_sink_audience *audience)
{
    const struct cw_totals *totals[] = { &sink->tick.totals, &sink->close.totals };
    if (totals[0]->count + totals[1]->count == 0)
        return;
    cw_redis_begin(&sink->redis, "HSET");
    cw_sink_arg_key(sink, audience->prefix, "counters");
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < totals[i]->count; j++) {
            cw_sink_arg_text(sink, totals[i]->of[j].name);
            cw_sink_arg_int(sink, totals[i]->of[j].value);
        }
    }
    cw_redis_end(&sink->redis);
}

static void arg_position(struct cw_redis_sink *sink)
{
    const struct cw_sink_step *step = &sink->step;
    cw_sink_arg_text(sink, "tick");
    cw_sink_arg_uint(sink, step->end.tick);
    cw_sink_arg_text(sink, "row");
    cw_sink_arg_uint(sink, step->end.row);
    cw_sink_arg_field(sink, "tick_open", cw_cstr(step->end.open ? "1" : "0"));
    cw_sink_arg_field(sink, "ended", cw_cstr(step->ends ? "1" : "0"));
}

/* What both the state and the metas say of whose view it is. */
static void arg_owner(struct cw_redis_sink *sink)
{
    cw_sink_arg_text(sink, "contract");
    cw_sink_arg_int(sink, CW_REDIS_CONTRACT);
    cw_sink_arg_text(sink, "generation");
    cw_sink_arg_uint(sink, generation(sink));
    cw_sink_arg_text(sink, "log");
    cw_sink_arg_id(sink, cw_log_id(sink->log));
    if (!cw_id_is_zero(sink->rule_set)) {
        cw_sink_arg_text(sink, "rule_set");
        cw_sink_arg_id(sink, sink->rule_set);
    }
}

static void write_meta(struct cw_redis_sink *sink, const struct cw_sink_audience *audience)
{
    const struct cw_sink_step *step = &sink->step;
    char time[CW_TIME_TEXT];
    cw_redis_begin(&sink->redis, "HSET");
    cw_sink_arg_key(sink, audience->prefix, "meta");
    arg_owner(sink);
    cw_sink_arg_field(sink, "audience", cw_cstr(audience->name));
    arg_position(sink);
    if (!has_feed(sink)) {
        cw_sink_arg_text(sink, "feed_floor");
        cw_redis_argf(&sink->redis, "%" PRIu64 "-%" PRIu64, step->end.tick, step->end.row);
    } else if (audience->view.floor[0] != '\0') {
        cw_sink_arg_field(sink, "feed_floor", cw_cstr(audience->view.floor));
    }
    if (step->closes || step->ends) {
        cw_time_format(sink->tick.retention, time);
        cw_sink_arg_field(sink, "retention", cw_cstr(time));
        for (uint16_t type = 1; type <= cw_type_count(); type++) {
            cw_redis_argf(&sink->redis, "frontier.%s", cw_type_by_number(type)->name);
            cw_time_format(sink->tick.frontier[type], time);
            cw_redis_arg(&sink->redis, cw_cstr(time));
        }
    }
    cw_redis_end(&sink->redis);
}

/* The readers of the generation before are told by its feed, and find the new one in meta. */
static void write_handover(struct cw_redis_sink *sink)
{
    struct cw_redis *redis = &sink->redis;
    const struct cw_sink_copies *read = &sink->state.read;
    for (size_t i = 0; i < read->count; i++) {
        char prefix[CW_REDIS_PREFIX];
        CW_CHECK(cw_redis_prefix(sink->deployment, read->of[i].audience, prefix));
        cw_redis_begin(redis, "XADD");
        cw_sink_arg_key_of(sink, prefix, read->of[i].generation, "feed", cw_cstr(""));
        cw_sink_arg_text(sink, "*");
        cw_sink_arg_field(sink, "op", cw_cstr("generation"));
        cw_sink_arg_text(sink, "to");
        cw_sink_arg_uint(sink, generation(sink));
        cw_redis_end(redis);
        static const char *const names[] = { "meta", "counters" };
        for (size_t j = 0; j < 2; j++) {
            cw_redis_begin(redis, "UNLINK");
            cw_sink_arg_key(sink, prefix, names[j]);
            cw_redis_end(redis);
        }
    }
}

/* What was read is waste, and what was filled is read. */
static void hand_over(const struct cw_redis_sink *sink, struct cw_sink_state *state)
{
    for (size_t i = 0; i < state->read.count && state->waste.count < CW_SINK_COPIES_MAX; i++)
        state->waste.of[state->waste.count++] = state->read.of[i];
    state->read.count = 0;
    for (size_t i = 0; i < sink->audience_count; i++) {
        struct cw_sink_copy *copy = &state->read.of[state->read.count++];
        copy->generation = state->generation;
        memcpy(copy->audience, sink->audiences[i].name, sizeof(copy->audience));
    }
    state->filling = false;
}

static void arg_state(struct cw_redis_sink *sink, const struct cw_sink_state *state)
{
    cw_sink_arg_field(sink, "audiences", cw_cstr(state->audiences));
    cw_sink_arg_text(sink, "read");
    cw_sink_arg_copies(sink, &state->read);
    cw_sink_arg_text(sink, "waste");
    cw_sink_arg_copies(sink, &state->waste);
    if (state->filling) {
        cw_sink_arg_text(sink, "until");
        cw_sink_arg_uint(sink, state->until);
    }
}

static void write_state(struct cw_redis_sink *sink, bool handed_over)
{
    struct cw_redis *redis = &sink->redis;
    const bool whole = sink->fresh || handed_over; /* else only the position is other */
    struct cw_sink_state after = sink->state;
    if (handed_over)
        hand_over(sink, &after);
    if (whole) {
        cw_redis_begin(redis, "UNLINK");
        cw_redis_arg(redis, cw_cstr(sink->state_key));
        cw_redis_end(redis);
    }
    cw_redis_begin(redis, "HSET");
    cw_redis_arg(redis, cw_cstr(sink->state_key));
    arg_owner(sink);
    arg_position(sink);
    if (whole)
        arg_state(sink, &after);
    cw_redis_end(redis);
}

static void write_audience(struct cw_redis_sink *sink, size_t index, bool readers)
{
    struct cw_sink_audience *audience = &sink->audiences[index];
    write_moves(sink, audience);
    write_rows(sink, index);
    write_counts(sink, audience);
    if (audience->view.keep[0] != '\0') {
        cw_redis_begin(&sink->redis, "XTRIM");
        arg_of(sink, audience, "feed", cw_cstr(""));
        cw_sink_arg_text(sink, "MINID");
        cw_sink_arg_text(sink, audience->view.keep);
        cw_redis_end(&sink->redis);
    }
    if (!readers)
        return;
    if (sink->step.closes || sink->step.ends)
        write_totals(sink, audience);
    write_meta(sink, audience);
}

static void ask_write(struct cw_redis_sink *sink)
{
    const bool handed_over = hands_over(sink);
    const bool readers = handed_over || !sink->state.filling;
    cw_redis_append(&sink->redis, "MULTI", NULL);
    if (handed_over)
        write_handover(sink);
    for (size_t i = 0; i < sink->audience_count; i++)
        write_audience(sink, i, readers);
    write_state(sink, handed_over);
    cw_redis_append(&sink->redis, "EXEC", NULL);
}

/* MULTI has no way back: a command that fails in it means keys of another shape, and that the rest
 * was done. */
static int check_exec(const struct cw_redis_sink *sink, const redisReply *exec)
{
    for (size_t i = 0; i < exec->elements; i++) {
        if (exec->element[i]->type != REDIS_REPLY_ERROR)
            continue;
        char sentence[300];
        snprintf(sentence, sizeof(sentence),
                 "a step was done in part only, for its keys are not as contract %d has them "
                 "(%.150s)",
                 CW_REDIS_CONTRACT, exec->element[i]->str);
        return cw_sink_refuse(sink, sentence);
    }
    return CW_EXIT_OK;
}

/* *done stays false where the state moved between the two trips. */
static enum cw_redis_status write_step(struct cw_redis_sink *sink, bool *done, int *exit_status)
{
    struct cw_redis *redis = &sink->redis;
    char error[sizeof(redis->error)];
    ask_write(sink);
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

/* --- whether the step is to be done --- */

static int went_back(const struct cw_redis_sink *sink, const struct cw_sink_state *found)
{
    const struct cw_sink_state *state = &sink->state;
    cw_error("%s went back while the chain ran: it held generation %" PRIu64 " up to tick %" PRIu64
             " row %" PRIu64 ", and holds generation %" PRIu64 " up to tick %" PRIu64
             " row %" PRIu64 " now. The chain behind the log has to start again, and fills it from "
             "the log (run does that by itself)",
             sink->redis.url.shown, state->generation, state->position.tick, state->position.row,
             found->generation, found->position.tick, found->position.row);
    return CW_EXIT_AGAIN;
}

static int refuse_another(const struct cw_redis_sink *sink, const struct cw_sink_state *found)
{
    const struct cw_sink_state *state = &sink->state;
    cw_error("%s: another sink writes under cw:{%s}: it holds generation %" PRIu64
             " up to tick %" PRIu64 " row %" PRIu64 ", and this chain is at generation %" PRIu64
             " tick %" PRIu64 " row %" PRIu64 ". Let one chain write there, or give --deployment",
             sink->redis.url.shown, sink->deployment, found->generation, found->position.tick,
             found->position.row, state->generation, state->position.tick, state->position.row);
    return CW_EXIT_REFUSED;
}

/* What the state that was found means for the step. */
static int judge_state(struct cw_redis_sink *sink, const struct cw_sink_state *found, bool *done)
{
    const struct cw_sink_step *step = &sink->step;
    const struct cw_sink_state *expected = sink->fresh ? &sink->found : &sink->state;
    bool ours = found->present && found->generation == sink->state.generation &&
                cw_id_eq(found->log, cw_log_id(sink->log));
    bool same = found->present == expected->present && found->generation == expected->generation &&
                cw_id_eq(found->log, expected->log) &&
                cw_sink_order(&found->position, &expected->position) == 0;
    *done = ours && cw_sink_order(&found->position, &step->end) == 0 &&
            found->ended == step->ends && (!same || step->ends);
    if (*done || same)
        return CW_EXIT_OK;
    if (found->present && !cw_id_eq(found->log, cw_log_id(sink->log)) && !sink->fresh)
        return cw_sink_refuse(sink,
                              "while this chain was writing, another log's alerts came there");
    bool behind = !found->present || found->generation < expected->generation ||
                  (found->generation == expected->generation &&
                   cw_sink_order(&found->position, &expected->position) < 0);
    return behind ? went_back(sink, found) : refuse_another(sink, found);
}

/* One try. OK with *exit_status CW_EXIT_OK and !*done: the state moved under us, look again. */
static enum cw_redis_status try_step(struct cw_redis_sink *sink, bool *done, int *exit_status)
{
    struct cw_sink_state found;
    ask_state(sink);
    for (size_t i = 0; i < sink->audience_count; i++)
        ask_view(sink, &sink->audiences[i]);
    enum cw_redis_status status = take_stored(sink, &found);
    if (status == CW_REDIS_OK)
        *exit_status = judge_state(sink, &found, done);
    bool go = status == CW_REDIS_OK && *exit_status == CW_EXIT_OK && !*done;
    for (size_t i = 0; i < sink->audience_count && go && status == CW_REDIS_OK; i++)
        status = find_floor(sink, &sink->audiences[i]);
    if (go && status == CW_REDIS_OK)
        status = write_step(sink, done, exit_status);
    return status;
}

/* What we know of Redis once the step is done. */
static void pass_step(struct cw_redis_sink *sink)
{
    struct cw_sink_state *state = &sink->state;
    if (hands_over(sink))
        hand_over(sink, state);
    state->position = sink->step.end;
    state->ended = sink->step.ends;
    sink->fresh = false;
    sink->rebuild = false;
    sink->moves_done = true;
    cw_sink_count(sink, "sink.steps", 1);
    *cw_total(&sink->totals, "sink.generation") = (int64_t)state->generation;
    *cw_total(&sink->totals, "sink.tick") = (int64_t)state->position.tick;
}

int cw_sink_write(struct cw_redis_sink *sink)
{
    bool done = false;
    while (!done) {
        int exit_status = CW_EXIT_OK;
        enum cw_redis_status status = try_step(sink, &done, &exit_status);
        if (exit_status != CW_EXIT_OK)
            return exit_status;
        if (status == CW_REDIS_OK)
            continue;
        done = false;
        exit_status = cw_sink_recover(sink, status);
        if (exit_status != CW_EXIT_OK)
            return exit_status;
    }
    pass_step(sink);
    return sink->state.waste.count != 0 ? cw_sink_sweep(sink) : CW_EXIT_OK;
}

/*
 * Frames in, steps out. A step is at most 200 rows, formatted as they come; who may see a row is
 * read out of its restriction here, so that what one audience loses and another keeps is one step.
 */
#include "sinks/redis_sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/check.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"
#include "sinks/redis_work.h"

enum { STEP_ROWS_LEAST = 20 };
static const uint64_t mask_known = UINT64_C(1) << 63;

/* --- commands, with keys of an audience --- */

void cw_sink_count(struct cw_redis_sink *sink, const char *name, int64_t by)
{
    *cw_total(&sink->totals, name) += by;
}

int cw_sink_order(const struct cw_sink_position *a, const struct cw_sink_position *b)
{
    if (a->tick != b->tick)
        return a->tick < b->tick ? -1 : 1;
    if (a->open != b->open)
        return a->open ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

cw_str cw_sink_word(cw_str *list)
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

void cw_sink_arg_key(struct cw_redis_sink *sink, const char *prefix, const char *name)
{
    cw_redis_argf(&sink->redis, "%s%s", prefix, name);
}

void cw_sink_arg_key_of(struct cw_redis_sink *sink, const char *prefix, uint64_t generation,
                        const char *name, cw_str rest)
{
    sink->key.len = 0;
    cw_buf_printf(&sink->key, "%s%" PRIu64 ":%s", prefix, generation, name);
    cw_buf_str(&sink->key, rest);
    cw_redis_arg(&sink->redis, (cw_str){ (const char *)sink->key.data, sink->key.len });
}

void cw_sink_arg_text(struct cw_redis_sink *sink, const char *text)
{
    cw_redis_arg(&sink->redis, cw_cstr(text));
}

void cw_sink_arg_int(struct cw_redis_sink *sink, int64_t value)
{
    cw_redis_argf(&sink->redis, "%" PRId64, value);
}

void cw_sink_arg_uint(struct cw_redis_sink *sink, uint64_t value)
{
    cw_redis_argf(&sink->redis, "%" PRIu64, value);
}

void cw_sink_arg_id(struct cw_redis_sink *sink, struct cw_id id)
{
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    cw_redis_arg(&sink->redis, cw_cstr(hex));
}

void cw_sink_arg_field(struct cw_redis_sink *sink, const char *name, cw_str value)
{
    cw_sink_arg_text(sink, name);
    cw_redis_arg(&sink->redis, value);
}

/* --- steps --- */

static void begin_step(struct cw_redis_sink *sink)
{
    struct cw_sink_step *step = &sink->step;
    cw_arena_reset(step->arena);
    step->count = 0;
    step->rule_count = 0;
    step->closes = false;
    step->ends = false;
    step->end = sink->state.position;
}

static int finish_step(struct cw_redis_sink *sink)
{
    int status = cw_sink_write(sink);
    if (status == CW_EXIT_OK)
        begin_step(sink);
    return status;
}

/* --- frames --- */

static int damaged(const struct cw_frame *frame, const char *what)
{
    cw_error("%s %" PRIu32 " of tick %" PRIu64 ": %s", cw_frame_kind_name(frame->kind),
             frame->ordinal, frame->position, what);
    return CW_EXIT_DAMAGED;
}

static size_t rule_index(struct cw_sink_step *step, cw_str rule)
{
    for (size_t i = 0; i < step->rule_count; i++) {
        if (cw_str_eq(step->rules[i], rule))
            return i;
    }
    step->rules[step->rule_count] = rule;
    return step->rule_count++;
}

static bool in_step(const struct cw_sink_step *step, struct cw_id alert)
{
    for (size_t i = 0; i < step->count; i++) {
        if (cw_id_eq(step->rows[i].row.alert, alert))
            return true;
    }
    return false;
}

/* The audiences that may see what demands this, as bits; 0: none that this sink writes for. */
static bool audiences_of(struct cw_redis_sink *sink, cw_str restriction, uint32_t *out)
{
    *out = (uint32_t)((UINT64_C(1) << sink->audience_count) - 1);
    if (restriction.len == 0)
        return true;
    uint32_t number = cw_restriction_intern(sink->restrictions, restriction);
    if (number == UINT32_MAX)
        return false;
    uint64_t *masks = (void *)sink->masks.data;
    while (sink->masks.len / sizeof(*masks) <= number) {
        cw_buf_u64(&sink->masks, 0);
        masks = (void *)sink->masks.data;
    }
    if (masks[number] == 0) {
        const struct cw_restriction *set = cw_restriction_at(sink->restrictions, number);
        masks[number] = mask_known;
        for (size_t i = 0; i < sink->audience_count; i++) {
            /* `all` is what everybody may see: no list of some is that */
            bool everybody = strcmp(sink->audiences[i].name, "all") == 0;
            if (everybody ? set->any_audience
                          : cw_restriction_shows(set, cw_cstr(sink->audiences[i].name)))
                masks[number] |= UINT64_C(1) << i;
        }
    }
    *out = (uint32_t)masks[number];
    return true;
}

static void put_joined(struct cw_redis_sink *sink, struct cw_sink_row *out)
{
    const struct cw_row *row = &out->row;
    struct cw_arena *arena = sink->step.arena;
    sink->text.len = 0;
    for (size_t i = 0; i < row->key_count; i++) {
        if (i != 0)
            cw_buf_cstr(&sink->text, " | ");
        cw_buf_str(&sink->text, row->keys[i].text);
    }
    out->key = cw_arena_copy(arena, sink->text.data, sink->text.len);
    sink->text.len = 0;
    for (size_t i = 0; i < row->key_count; i++) {
        if (row->keys[i].is_entity == 0)
            continue;
        char hex[CW_ID_HEX];
        cw_id_hex(row->keys[i].id, hex);
        cw_buf_printf(&sink->text, "%s%s", sink->text.len != 0 ? " " : "", hex);
    }
    out->entities = cw_arena_copy(arena, sink->text.data, sink->text.len);
}

/* Reads the row into the step's arena. */
static int read_row(struct cw_redis_sink *sink, const struct cw_frame *frame,
                    struct cw_sink_row *out)
{
    struct cw_arena *arena = sink->step.arena;
    struct cw_frame *copy = cw_arena_alloc(arena, frame->length);
    memcpy(copy, frame, frame->length);
    *out = (struct cw_sink_row){ .number = frame->ordinal };
    out->olds = cw_arena_alloc(arena, sink->audience_count * sizeof(*out->olds));
    if (!cw_row_get(copy, &out->row, arena))
        return damaged(frame, "the row does not read");
    if (out->row.gone)
        return CW_EXIT_OK;
    if (!audiences_of(sink, out->row.restriction, &out->shows))
        return damaged(frame, "its restriction is not in canonical text");
    if (out->shows == 0)
        return CW_EXIT_OK; /* it stands in no stream here, and goes where it stood */
    sink->text.len = 0;
    if (!cw_format_row(sink->formatter, &out->row, &sink->text)) {
        const char *why = cw_log_error(sink->log);
        return damaged(frame, why[0] != '\0' ? why : "its evidence is not in this log");
    }
    out->json = cw_arena_copy(arena, sink->text.data, sink->text.len);
    put_joined(sink, out);
    return CW_EXIT_OK;
}

static bool behind_position(const struct cw_redis_sink *sink, uint64_t tick, uint64_t row)
{
    const struct cw_sink_position *position = &sink->state.position;
    return tick < position->tick ||
           (tick == position->tick && (!position->open || row <= position->row));
}

static int take_row(struct cw_redis_sink *sink, const struct cw_frame *frame)
{
    struct cw_sink_step *step = &sink->step;
    if (frame->position != sink->tick.n || frame->ordinal != sink->tick_row + 1)
        return damaged(frame, "rows are not numbered one after the other in their tick");
    sink->tick_row++;
    if (behind_position(sink, frame->position, frame->ordinal)) {
        sink->moves_done = true; /* the first step of a tick has them */
        cw_sink_count(sink, "sink.rows_skipped", 1);
        return CW_EXIT_OK;
    }
    int status = step->count == sink->row_max ? finish_step(sink) : CW_EXIT_OK;
    struct cw_sink_row row;
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
    step->end = (struct cw_sink_position){ frame->position, frame->ordinal, true };
    cw_sink_count(sink, row.row.gone ? "sink.rows_gone" : "sink.rows_set", 1);
    if (!row.row.gone && row.shows == 0)
        cw_sink_count(sink, "sink.no_audience_here", 1);
    return CW_EXIT_OK;
}

/* The same log gives the same rows: another number of them means other rules or another version. */
static int check_replayed(struct cw_redis_sink *sink)
{
    const struct cw_sink_position *position = &sink->state.position;
    if (sink->close.n != position->tick)
        return CW_EXIT_OK;
    if (position->open ? sink->close.rows >= position->row : sink->close.rows == position->row)
        return CW_EXIT_OK;
    char sentence[200];
    snprintf(sentence, sizeof(sentence),
             "it holds %" PRIu64 " rows of tick %" PRIu64 ", and the chain now makes %" PRIu64
             " of it: other rules or another version wrote it",
             position->row, position->tick, sink->close.rows);
    return cw_sink_refuse(sink, sentence);
}

static void forget_moves(struct cw_redis_sink *sink)
{
    sink->moves.len = 0;
    sink->moves_done = false;
}

/* Entities that were known by one id before and are by another now. Link says it by cores; what
 * keeps its entity is no news here. */
static int take_moved(struct cw_redis_sink *sink, const struct cw_frame *frame)
{
    struct cw_moved moved;
    if (!cw_moved_get(frame, &moved))
        return damaged(frame, "the moved does not read");
    if (cw_id_is_zero(moved.entity_to) || cw_id_eq(moved.entity_from, moved.entity_to))
        return CW_EXIT_OK;
    const struct cw_sink_move move = {
        .from = moved.entity_from,
        .to = moved.entity_to,
        .succeeds = moved.reason == CW_MOVED_MERGE || moved.reason == CW_MOVED_RENAMED,
    };
    cw_buf_put(&sink->moves, &move, sizeof(move));
    return CW_EXIT_OK;
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
    if (behind_position(sink, sink->close.n, UINT64_MAX)) {
        forget_moves(sink);
        return CW_EXIT_OK;
    }
    sink->step.closes = true;
    sink->step.end = (struct cw_sink_position){ sink->close.n, sink->close.rows, false };
    int status = finish_step(sink);
    forget_moves(sink);
    return status;
}

static int take_end(struct cw_redis_sink *sink)
{
    if (sink->tick.n < sink->state.position.tick)
        return cw_sink_refuse_ahead(sink, sink->state.position.tick, sink->tick.n);
    if (sink->state.ended)
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
    if (cw_id_eq(rule_set, sink->rule_set))
        return CW_EXIT_OK;
    if (sink->tick.n != 0 || sink->step.count != 0)
        return damaged(frame, "the rule set is named when rows have come already");
    sink->rule_set = rule_set;
    int status = cw_sink_settle(sink);
    begin_step(sink);
    return status;
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
        break;
    case CW_MOVED:
        return take_moved(sink, frame);
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
    cw_restrictions_free(sink->restrictions);
    cw_buf_done(&sink->masks);
    cw_buf_done(&sink->moves);
    cw_buf_done(&sink->key);
    cw_buf_done(&sink->text);
    free(sink);
}

const struct cw_stage cw_redis_stage = { "sink", sink_batch, sink_free };

const struct cw_totals *cw_redis_sink_totals(const struct cw_redis_sink *sink)
{
    return &sink->totals;
}

int64_t cw_redis_target(const char *url, const char *deployment)
{
    struct cw_redis_url parsed;
    char text[512];
    char error[256];
    if (!cw_redis_url_parse(url, &parsed, error, sizeof(error)))
        return 0;
    snprintf(text, sizeof(text), "%s %d %s", parsed.shown, parsed.db,
             deployment != NULL ? deployment : "crosswatch");
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const char *at = text; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    return (int64_t)(hash >> 1) | 1;
}

static int order_of_audiences(const void *a, const void *b)
{
    return strcmp(((const struct cw_sink_audience *)a)->name,
                  ((const struct cw_sink_audience *)b)->name);
}

static int add_audience(struct cw_redis_sink *sink, const char *name)
{
    if (!cw_redis_audience_ok(name)) {
        cw_error("--audience: expected 1 to 32 small letters, digits or dashes, found \"%s\"",
                 name);
        return CW_EXIT_USAGE;
    }
    for (size_t i = 0; i < sink->audience_count; i++) {
        if (strcmp(sink->audiences[i].name, name) == 0)
            return CW_EXIT_OK;
    }
    if (sink->audience_count == CW_REDIS_AUDIENCES_MAX) {
        cw_error("--audience: at most %d audiences, all among them", CW_REDIS_AUDIENCES_MAX);
        return CW_EXIT_USAGE;
    }
    struct cw_sink_audience *audience = &sink->audiences[sink->audience_count++];
    snprintf(audience->name, sizeof(audience->name), "%s", name);
    CW_CHECK(cw_redis_prefix(sink->deployment, name, audience->prefix));
    return CW_EXIT_OK;
}

static int take_names(struct cw_redis_sink *sink, const struct cw_redis_settings *settings)
{
    char error[256];
    if (!cw_redis_state_key(settings->deployment, sink->state_key)) {
        cw_error("--deployment: expected 1 to 64 letters, digits, dots, dashes or underscores");
        return CW_EXIT_USAGE;
    }
    snprintf(sink->deployment, sizeof(sink->deployment), "%s",
             settings->deployment != NULL ? settings->deployment : "crosswatch");
    if (!cw_redis_url_parse(settings->url, &sink->redis.url, error, sizeof(error))) {
        cw_error("--redis: %s", error);
        return CW_EXIT_USAGE;
    }
    int status = add_audience(sink, "all");
    for (size_t i = 0; i < settings->audience_count && status == CW_EXIT_OK; i++)
        status = add_audience(sink, settings->audiences[i]);
    qsort(sink->audiences, sink->audience_count, sizeof(*sink->audiences), order_of_audiences);
    size_t rows = CW_REDIS_STEP_ROWS / sink->audience_count;
    sink->row_max = rows > STEP_ROWS_LEAST ? rows : STEP_ROWS_LEAST;
    return status;
}

struct cw_redis_sink *cw_redis_sink_new(const struct cw_redis_settings *settings,
                                        struct cw_log *log, int *exit_status)
{
    struct cw_redis_sink *sink = cw_new(struct cw_redis_sink);
    sink->log = log;
    sink->formatter = cw_formatter_new(log);
    sink->restrictions = cw_restrictions_new();
    sink->step.arena = cw_arena_new();
    sink->rule_set = settings->rule_set;
    sink->rebuild = settings->rebuild;
    sink->live = settings->live;
    sink->seen_generation = settings->seen_generation;
    sink->seen_tick = settings->seen_tick;
    sink->feed_max = settings->feed_max != 0 ? settings->feed_max : CW_REDIS_FEED_MAX;
    sink->stop = settings->stop;
    *exit_status = take_names(sink, settings);
    *cw_total(&sink->totals, "sink.target") = cw_redis_target(settings->url, settings->deployment);
    if (*exit_status == CW_EXIT_OK)
        *exit_status = cw_sink_connect(sink, true);
    if (*exit_status == CW_EXIT_OK)
        *exit_status = cw_sink_settle(sink);
    if (*exit_status != CW_EXIT_OK) {
        sink_free(sink);
        return NULL;
    }
    begin_step(sink);
    return sink;
}

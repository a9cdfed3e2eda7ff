/*
 * test_ingest.c - the driver: what it writes into the log, in which order, and that it goes on
 * after a death as if it had not died.
 *
 * Sources are scripts: lists of what they answer, so that nothing here stands on decoders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/deadletter.h"
#include "ingest/ingest.h"
#include "operators/runtime/control.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/restriction.h"
#include "operators/runtime/stage.h"
#include "operators/runtime/time.h"

#define T0 (18262 * CW_DAY) /* 2020-01-01 */

/* --- scripted sources --- */

struct line {
    enum cw_pull pull;
    const char *owner;
    const char *id;
    const char *type;
    int64_t time; /* after T0 */
    int64_t arrival;
    const char *code; /* of a reject; of an event who may see it, by name, or "!" and a text */
};

struct script {
    const char *contract;
    const char *name;
    bool live;
    const struct line *lines;
    size_t count;
};

struct player {
    const struct script *script;
    size_t at;
    int64_t next;
    int64_t skip_to;
    struct cw_buf body;
    struct cw_contract *contract;
};

static void write_event(const struct line *line, struct cw_buf *out)
{
    struct cw_event event;
    struct cw_value detail[CW_TYPE_FIELDS_MAX] = { 0 };
    const struct cw_type *type = cw_type_by_name(cw_cstr(line->type));
    assert_non_null(type);
    cw_event_defaults(&event);
    event.owner = cw_cstr(line->owner);
    event.event_id = cw_cstr(line->id);
    event.event_type = cw_cstr(line->type);
    event.event_time = T0 + line->time;
    event.recorded_at = T0 + line->time;
    event.detail_type = type;
    event.detail = detail;
    if (type->standing) {
        detail[cw_type_field(type, cw_cstr("colour"))].present = true;
        detail[cw_type_field(type, cw_cstr("colour"))].text = cw_cstr("red");
        detail[cw_type_field(type, cw_cstr("valid_from"))].present = true;
        detail[cw_type_field(type, cw_cstr("valid_from"))].number = T0;
    }
    enum { AUDIENCE_MAX = 4 };
    cw_str audience[AUDIENCE_MAX];
    event.handling.audience = audience;
    bool text = line->code != NULL && line->code[0] == '!';
    event.handling.present = line->code != NULL;
    if (text)
        event.handling.text = cw_cstr(line->code + 1);
    for (const char *at = line->code; !text && at != NULL && *at != '\0'; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        assert_true(event.handling.audience_count < AUDIENCE_MAX);
        audience[event.handling.audience_count++] = (cw_str){ at, strcspn(at, " ") };
    }
    out->len = 0;
    cw_event_write(&event, out);
}

static enum cw_pull play(void *self, struct cw_record *out)
{
    struct player *player = self;
    *out = (struct cw_record){ 0 };
    for (;;) {
        if (player->at == player->script->count)
            return player->script->live ? CW_PULL_WAIT : CW_PULL_END;
        const struct line *line = &player->script->lines[player->at++];
        if (line->pull == CW_PULL_FAILED)
            (void)cw_reject(&out->reason, "read_failed", "", "the disk is gone");
        if (line->pull == CW_PULL_WAIT || line->pull == CW_PULL_FAILED)
            return line->pull;
        out->offset = player->next++;
        out->arrival = line->arrival;
        if (out->offset <= player->skip_to)
            continue;
        if (line->pull == CW_PULL_REJECT) {
            out->bytes = cw_cstr("?");
            (void)cw_reject(&out->reason, line->code, "", "expected an event");
            return CW_PULL_REJECT;
        }
        write_event(line, &player->body);
        out->body = out->bytes = (cw_str){ (const char *)player->body.data, player->body.len };
        return CW_PULL_BODY;
    }
}

static void skip_to(void *self, int64_t offset)
{
    struct player *player = self;
    player->skip_to = offset;
}

static void leave(void *self)
{
    struct player *player = self;
    cw_buf_done(&player->body);
    cw_contract_free(player->contract);
    free(player);
}

static const struct cw_source_ops ops = { .pull = play, .skip = skip_to, .close = leave };

static void add(struct cw_sources *sources, const struct script *script)
{
    struct player *player = cw_new(struct player);
    player->script = script;
    player->skip_to = -1;
    player->contract = cw_contract_default();
    struct cw_source source = { .ops = &ops,
                                .self = player,
                                .name = cw_strdup(script->name),
                                .contract_name = cw_strdup(script->contract),
                                .live = script->live,
                                .contract = player->contract };
    cw_sources_append(sources, &source);
}

/* --- a run --- */

struct run {
    struct cw_secret secret;
    struct cw_sources *sources;
    struct cw_ingest *ingest; /* NULL: it was refused */
};

static void begin(struct run *run, struct cw_log *log, const struct script *scripts, size_t count,
                  const struct cw_ingest_settings *settings)
{
    *run = (struct run){ .sources = cw_sources_new() };
    cw_secret_init(&run->secret, cw_cstr("crosswatch-test"));
    for (size_t i = 0; i < count; i++)
        add(run->sources, &scripts[i]);
    run->ingest = cw_ingest_new(&run->secret, log, run->sources, settings);
}

static void finish(struct run *run)
{
    cw_ingest_free(run->ingest);
    cw_sources_free(run->sources);
}

static enum cw_step steps(struct run *run, size_t most)
{
    enum cw_step step = CW_STEP_MORE;
    for (size_t i = 0; i < most && (step == CW_STEP_MORE || step == CW_STEP_WAIT); i++)
        step = cw_ingest_step(run->ingest);
    return step;
}

static void run_whole(struct cw_log *log, const struct script *scripts, size_t count,
                      const struct cw_ingest_settings *settings)
{
    struct run run;
    begin(&run, log, scripts, count, settings);
    assert_non_null(run.ingest);
    assert_int_equal(steps(&run, 100000), CW_STEP_ENDED);
    finish(&run);
}

/* --- looking at the log --- */

static const struct cw_frame *next_frame(struct cw_log *log, uint64_t *position)
{
    const struct cw_frame *frame = cw_log_get(log, *position);
    if (frame != NULL)
        *position += frame->length;
    return frame;
}

static void describe_event(const struct cw_frame *frame, struct cw_buf *out)
{
    struct cw_event event;
    struct cw_arena *arena = cw_arena_new();
    assert_true(cw_event_read(&event, cw_frame_body(frame), frame->body_length, arena));
    cw_buf_str(out, event.event_id);
    cw_arena_free(arena);
}

/* "source:a owner:X e1 !bad_json a. tick end" without the names of types. */
static char *describe(struct cw_log *log)
{
    struct cw_buf out = { 0 };
    uint64_t position = 0;
    const struct cw_frame *frame;
    while ((frame = next_frame(log, &position)) != NULL) {
        struct cw_named named;
        if (frame->kind == CW_NAME) {
            assert_true(cw_named_get(frame, &named));
            if (named.space == CW_NAME_TYPE || named.space == CW_NAME_RATES)
                continue;
            cw_buf_cstr(&out, named.space == CW_NAME_SOURCE        ? "source:"
                              : named.space == CW_NAME_RESTRICTION ? "restriction:"
                                                                   : "owner:");
            cw_buf_str(&out, named.text);
        } else if (frame->kind == CW_EVENT) {
            describe_event(frame, &out);
            if (frame->restriction != 0)
                cw_buf_printf(&out, "/%u", frame->restriction);
        } else if (frame->kind == CW_REJECT) {
            cw_buf_u8(&out, '!');
            cw_buf_put(&out, cw_frame_body(frame), frame->body_length);
        } else {
            cw_buf_cstr(&out, cw_frame_kind_name(frame->kind));
        }
        cw_buf_u8(&out, ' ');
    }
    out.data[out.len - 1] = '\0';
    return (char *)out.data;
}

static void assert_log(struct cw_log *log, const char *expected)
{
    char *found = describe(log);
    assert_string_equal(found, expected);
    free(found);
}

/* The n-th tick, from 1. */
static struct cw_tick tick_of(struct cw_log *log, uint64_t n)
{
    struct cw_tick tick = { 0 };
    uint64_t position = 0;
    const struct cw_frame *frame;
    while ((frame = next_frame(log, &position)) != NULL) {
        if (frame->kind != CW_TICK)
            continue;
        assert_true(cw_tick_get(frame, &tick));
        if (tick.n == n)
            return tick;
    }
    fail_msg("there is no such tick");
    return tick;
}

static size_t frame_count(struct cw_log *log)
{
    uint64_t position = 0;
    size_t count = 0;
    while (next_frame(log, &position) != NULL)
        count++;
    return count;
}

/* The first `count` frames in a log of their own: what a death left. */
static struct cw_log *prefix_of(struct cw_log *log, size_t count)
{
    struct cw_log *copy = cw_log_memory();
    uint64_t position = 0;
    for (size_t i = 0; i < count; i++)
        cw_log_append(copy, next_frame(log, &position));
    return copy;
}

static void assert_same_log(struct cw_log *log, struct cw_log *expected)
{
    uint64_t position = 0;
    assert_int_equal(cw_log_end(log), cw_log_end(expected));
    while (position < cw_log_end(expected)) {
        const struct cw_frame *found = cw_log_get(log, position);
        const struct cw_frame *wanted = cw_log_get(expected, position);
        assert_non_null(found);
        assert_int_equal(found->length, wanted->length);
        assert_memory_equal(found, wanted, wanted->length);
        position += wanted->length;
    }
}

static uint16_t number_of(const char *type)
{
    return cw_type_by_name(cw_cstr(type))->number;
}

/* --- scripts --- */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EVENT(owner, id, type, time)                                                               \
    {                                                                                              \
        CW_PULL_BODY, owner, id, type, time, 0, NULL                                               \
    }
#define REJECT(code)                                                                               \
    {                                                                                              \
        CW_PULL_REJECT, NULL, NULL, NULL, 0, 0, code                                               \
    }
#define WAIT                                                                                       \
    {                                                                                              \
        CW_PULL_WAIT, NULL, NULL, NULL, 0, 0, NULL                                                 \
    }
#define SCRIPT(contract, name, lines)                                                              \
    {                                                                                              \
        contract, name, false, lines, COUNT(lines)                                                 \
    }

static const struct line ro_lines[] = {
    EVENT("RO", "r1", "online_ad", 1 * CW_DAY),
    REJECT("bad_json"),
    EVENT("RO", "r2", "border_crossing", 5 * CW_DAY),
    EVENT("MD", "r3", "online_ad", 6 * CW_DAY),
    REJECT("bad_utf8"),
    EVENT("RO", "r4", "online_ad", 9 * CW_DAY),
};
static const struct line pl_lines[] = {
    EVENT("PL", "p1", "notice", 2 * CW_DAY),
    EVENT("PL", "p2", "border_crossing", 4 * CW_DAY),
    EVENT("RO", "p3", "account_open", 7 * CW_DAY),
    REJECT("bad_json"),
};
static const struct line nothing[] = { REJECT("bad_json") };
static const struct script three[] = {
    SCRIPT("ro", "ro.avro", ro_lines),
    SCRIPT("pl", "pl.avro", pl_lines),
    { "none", "empty.avro", false, nothing, 0 },
};
static const struct cw_ingest_settings by_three = { .tick_every = 3,
                                                    .retention = CW_RETAIN_EVENTS };

static const char three_log[] =
    "source:empty.avro source_end "
    "source:pl.avro owner:PL p1 source:ro.avro owner:RO r1 !bad_json r2 tick p2 p3 owner:MD r3 "
    "tick !bad_utf8 r4 !bad_json source_end source_end tick end";

/* --- tests --- */

static void the_log_begins_with_the_names_of_all_types(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    run_whole(log, three, 3, &by_three);
    uint64_t position = 0;
    for (uint16_t number = 1; number <= cw_type_count(); number++) {
        struct cw_named named;
        const struct cw_frame *frame = next_frame(log, &position);
        assert_int_equal(frame->kind, CW_NAME);
        assert_true(cw_named_get(frame, &named));
        assert_int_equal(named.space, CW_NAME_TYPE);
        assert_int_equal(named.number, number);
        assert_true(cw_str_is(named.text, cw_type_by_number(number)->name));
    }
    cw_log_close(log);
}

static void the_source_whose_greatest_time_is_least_is_read_first(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    run_whole(log, three, 3, &by_three);
    assert_log(log, three_log);
    cw_log_close(log);
}

static void the_order_in_which_sources_are_given_does_not_show(void **state)
{
    (void)state;
    struct script turned[] = { three[2], three[1], three[0] };
    struct cw_log *log = cw_log_memory();
    struct cw_log *expected = cw_log_memory();
    run_whole(expected, three, 3, &by_three);
    run_whole(log, turned, 3, &by_three);
    assert_same_log(log, expected);
    cw_log_close(log);
    cw_log_close(expected);
}

static void ties_go_to_the_contract_then_to_the_name(void **state)
{
    (void)state;
    static const struct line x[] = { EVENT("O", "x1", "online_ad", 0),
                                     EVENT("O", "x2", "online_ad", 1) };
    static const struct line y[] = { EVENT("O", "y1", "online_ad", 0),
                                     EVENT("O", "y2", "online_ad", 1) };
    static const struct line z[] = { EVENT("O", "z1", "online_ad", 0),
                                     EVENT("O", "z2", "online_ad", 1) };
    const struct script scripts[] = { SCRIPT("b", "1", x), SCRIPT("a", "3", y),
                                      SCRIPT("a", "2", z) };
    struct cw_log *log = cw_log_memory();
    run_whole(log, scripts, 3, &(struct cw_ingest_settings){ .tick_every = 100 });
    assert_log(log, "source:2 owner:O z1 source:3 y1 source:1 x1 z2 y2 x2 "
                    "source_end source_end source_end tick end");
    cw_log_close(log);
}

static void an_event_frame_says_where_its_record_came_from(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    run_whole(log, three, 3, &by_three);
    uint64_t position = 0;
    const struct cw_frame *frame;
    struct cw_buf id = { 0 };
    do {
        frame = next_frame(log, &position);
        assert_non_null(frame);
        id.len = 0;
        if (frame->kind == CW_EVENT)
            describe_event(frame, &id);
    } while (!cw_str_is((cw_str){ (const char *)id.data, id.len }, "r3"));
    assert_int_equal(frame->source, 3); /* empty, pl, ro */
    assert_int_equal(frame->owner, 3);  /* PL, RO, MD */
    assert_int_equal(frame->offset, 3);
    assert_int_equal(frame->arrival, 0);
    assert_int_equal(frame->time_lo, T0 + 6 * CW_DAY);
    assert_int_equal(frame->type, number_of("online_ad"));
    cw_buf_done(&id);
    cw_log_close(log);
}

static void a_tick_has_its_number_the_totals_and_the_retention(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    run_whole(log, three, 3, &by_three);
    struct cw_tick first = tick_of(log, 1);
    assert_int_equal(first.retention, T0 + 5 * CW_DAY);
    assert_int_equal(cw_total_get(&first.totals, "ingest.events"), 3);
    assert_int_equal(cw_total_get(&first.totals, "ingest.rejected"), 1);
    struct cw_tick last = tick_of(log, 3);
    assert_int_equal(last.retention, T0 + 9 * CW_DAY);
    assert_int_equal(cw_total_get(&last.totals, "ingest.events"), 7);
    assert_int_equal(cw_total_get(&last.totals, "ingest.rejected"), 3);
    assert_int_equal(cw_total_get(&last.totals, "ingest.rejected.bad_json"), 2);
    assert_int_equal(cw_total_get(&last.totals, "ingest.rejected.bad_utf8"), 1);
    assert_int_equal(cw_total_get(&last.totals, "ingest.type.online_ad"), 3);
    assert_int_equal(cw_total_get(&last.totals, "ingest.type.notice"), 1);
    cw_log_close(log);
}

/* Lateness is 7 d without a contract. The last tick is behind the end of both. */
static void the_frontier_of_a_tick_is_that_of_the_slowest_source(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    run_whole(log, three, 3, &by_three);
    uint16_t crossing = number_of("border_crossing");
    assert_int_equal(tick_of(log, 1).frontier[crossing], CW_TIME_MIN);
    assert_int_equal(tick_of(log, 2).frontier[crossing], T0 + (4 - 7) * CW_DAY);
    assert_int_equal(tick_of(log, 2).frontier[number_of("online_ad")], CW_TIME_MIN);
    assert_int_equal(tick_of(log, 2).frontier[number_of("notice")], CW_TIME_MAX);
    assert_int_equal(tick_of(log, 3).frontier[crossing], CW_TIME_MAX);
    cw_log_close(log);
}

static void retention_is_a_date_or_nothing_where_all_sources_are_finite(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    run_whole(log, three, 3, &(struct cw_ingest_settings){ .tick_every = 3 });
    assert_int_equal(tick_of(log, 3).retention, CW_TIME_MIN);
    cw_log_close(log);
    log = cw_log_memory();
    run_whole(log, three, 3,
              &(struct cw_ingest_settings){
                  .tick_every = 3, .retention = CW_RETAIN_DATE, .retention_date = 42 * CW_DAY });
    assert_int_equal(tick_of(log, 1).retention, 42 * CW_DAY);
    assert_int_equal(tick_of(log, 3).retention, 42 * CW_DAY);
    cw_log_close(log);
}

static void without_any_source_the_log_is_a_tick_and_the_end(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    run_whole(log, three, 0, &by_three);
    assert_log(log, "tick end");
    cw_log_close(log);
}

/* The last event fills the tick; the one behind the ends is written all the same. */
static void the_last_tick_is_written_even_if_nothing_came_since_the_one_before(void **state)
{
    (void)state;
    static const struct line lines[] = { EVENT("O", "e1", "online_ad", 0) };
    const struct script scripts[] = { SCRIPT("", "a", lines) };
    struct cw_log *log = cw_log_memory();
    run_whole(log, scripts, 1, &(struct cw_ingest_settings){ .tick_every = 1 });
    assert_log(log, "source:a owner:O e1 tick source_end tick end");
    cw_log_close(log);
}

static void an_event_that_breaks_a_clause_is_rejected_with_its_code(void **state)
{
    (void)state;
    static const struct line lines[] = { EVENT("", "e1", "online_ad", 0) };
    const struct script scripts[] = { SCRIPT("", "a", lines) };
    struct cw_log *log = cw_log_memory();
    run_whole(log, scripts, 1, &by_three);
    assert_log(log, "source:a !missing source_end tick end");
    cw_log_close(log);
}

static void owners_without_end_are_rejected_from_a_number_on(void **state)
{
    (void)state;
    enum { MANY = 65536 + 8 };
    struct line *lines = test_calloc(MANY, sizeof(*lines));
    char(*owners)[8] = test_calloc(MANY, sizeof(*owners));
    for (size_t i = 0; i < MANY; i++) {
        snprintf(owners[i], sizeof(owners[i]), "o%zu", i);
        lines[i] = (struct line)EVENT(owners[i], "e", "online_ad", 0);
    }
    const struct script script = { "", "a", false, lines, MANY };
    struct cw_log *log = cw_log_memory();
    run_whole(log, &script, 1, &(struct cw_ingest_settings){ .tick_every = 1000000 });
    struct cw_tick tick = tick_of(log, 1);
    assert_int_equal(cw_total_get(&tick.totals, "ingest.events"), 65536);
    assert_int_equal(cw_total_get(&tick.totals, "ingest.rejected.too_many_owners"), 8);
    cw_log_close(log);
    test_free(owners);
    test_free(lines);
}

/* --- waiting --- */

#define FOR(audience, id)                                                                          \
    {                                                                                              \
        CW_PULL_BODY, "O", id, "online_ad", 0, 0, audience                                         \
    }

static void each_set_of_restrictions_is_introduced_once_before_its_use(void **state)
{
    (void)state;
    static const struct line lines[] = { FOR(NULL, "e1"),     FOR("fr dk", "e2"),
                                         FOR("dk fr", "e3"),  FOR("ro", "e4"),
                                         FOR("ro all", "e5"), FOR("fr dk", "e6"),
                                         FOR("ro ro", "e7"),  FOR(NULL, "e8") };
    static const struct script script[] = { SCRIPT("c", "s", lines) };
    struct cw_log *whole = cw_log_memory();
    run_whole(whole, script, 1, &by_three);
    assert_log(whole, "source:s owner:O e1 restriction:{\"audience\":[\"dk\",\"fr\"]} e2/1 e3/1 "
                      "tick restriction:{\"audience\":[\"ro\"]} e4/2 e5 e6/1 tick e7/2 e8 "
                      "source_end tick end");
    /* and numbers are the log's: an ingest that begins anywhere on it goes on with them */
    size_t frames = frame_count(whole);
    for (size_t count = 0; count <= frames; count++) {
        struct cw_log *log = prefix_of(whole, count);
        run_whole(log, script, 1, &by_three);
        assert_same_log(log, whole);
        cw_log_close(log);
    }
    cw_log_close(whole);
}

/* What would have to be cut is not admitted, so nobody sees more than was allowed. */
static void a_restriction_that_is_too_long_is_rejected(void **state)
{
    (void)state;
    static char text[CW_RESTRICTION_EVENT_MAX];
    memset(text, 'x', sizeof(text) - 1);
    text[0] = '!';
    const struct line lines[] = { FOR("dk", "e1"), FOR(text, "e2"), FOR("dk", "e3") };
    const struct script script[] = { SCRIPT("c", "s", lines) };
    struct cw_log *log = cw_log_memory();
    run_whole(log, script, 1, &by_three);
    assert_log(log, "source:s owner:O restriction:{\"audience\":[\"dk\"]} e1/1 !too_long e3/1 "
                    "source_end tick end");
    cw_log_close(log);
}

static void a_finite_source_that_waits_changes_nothing(void **state)
{
    (void)state;
    static const struct line slow[] = {
        WAIT,
        EVENT("RO", "r1", "online_ad", 1 * CW_DAY),
        REJECT("bad_json"),
        WAIT,
        WAIT,
        EVENT("RO", "r2", "border_crossing", 5 * CW_DAY),
        WAIT,
        EVENT("MD", "r3", "online_ad", 6 * CW_DAY),
        REJECT("bad_utf8"),
        EVENT("RO", "r4", "online_ad", 9 * CW_DAY),
        WAIT,
    };
    const struct script scripts[] = { three[2], three[1], SCRIPT("ro", "ro.avro", slow) };
    struct cw_log *log = cw_log_memory();
    run_whole(log, scripts, 3, &by_three);
    assert_log(log, three_log);
    cw_log_close(log);
}

static void live_sources_that_have_nothing_are_passed_over(void **state)
{
    (void)state;
    static const struct line slow[] = { WAIT, WAIT, EVENT("O", "s1", "online_ad", 0) };
    static const struct line fast[] = { EVENT("O", "f1", "online_ad", 1),
                                        EVENT("O", "f2", "online_ad", 2), WAIT, WAIT };
    const struct script scripts[] = { { "c", "fast", true, fast, COUNT(fast) },
                                      { "c", "slow", true, slow, COUNT(slow) } };
    struct cw_log *log = cw_log_memory();
    struct run run;
    begin(&run, log, scripts, 2, &(struct cw_ingest_settings){ .tick_every = 100 });
    assert_int_equal(steps(&run, 20), CW_STEP_WAIT);
    finish(&run);
    assert_log(log, "source:fast owner:O f1 f2 tick source:slow s1 tick");
    cw_log_close(log);
}

static void where_no_live_source_is_ready_what_came_is_ticked_once(void **state)
{
    (void)state;
    static const struct line lines[] = { EVENT("O", "e1", "online_ad", 1), WAIT, WAIT, WAIT,
                                         EVENT("O", "e2", "online_ad", 2), WAIT };
    const struct script script = { "c", "live", true, lines, COUNT(lines) };
    struct cw_log *log = cw_log_memory();
    struct run run;
    begin(&run, log, &script, 1, &(struct cw_ingest_settings){ .tick_every = 100 });
    assert_int_equal(steps(&run, 20), CW_STEP_WAIT);
    finish(&run);
    assert_log(log, "source:live owner:O e1 tick e2 tick");
    assert_true(tick_of(log, 1).retention > T0); /* the wall clock */
    assert_true(tick_of(log, 2).retention >= tick_of(log, 1).retention);
    cw_log_close(log);
}

static void skew_is_judged_on_live_sources_by_their_arrival(void **state)
{
    (void)state;
    static const struct line lines[] = {
        { CW_PULL_BODY, "O", "e1", "online_ad", CW_DAY, T0, NULL },
        { CW_PULL_BODY, "O", "e2", "online_ad", CW_DAY, T0 + CW_DAY, NULL },
    };
    const struct script live = { "c", "a", true, lines, COUNT(lines) };
    const struct script finite = { "c", "a", false, lines, COUNT(lines) };
    struct cw_log *log = cw_log_memory();
    struct run run;
    begin(&run, log, &live, 1, &by_three);
    assert_int_equal(steps(&run, 20), CW_STEP_WAIT);
    finish(&run);
    assert_log(log, "source:a !from_the_future owner:O e2 tick");
    cw_log_close(log);
    log = cw_log_memory();
    run_whole(log, &finite, 1, &by_three);
    assert_log(log, "source:a owner:O e1 e2 source_end tick end");
    cw_log_close(log);
}

static void a_source_that_fails_stops_the_run_and_leaves_the_log_open(void **state)
{
    (void)state;
    static const struct line lines[] = { EVENT("O", "e1", "online_ad", 0),
                                         { CW_PULL_FAILED, NULL, NULL, NULL, 0, 0, NULL } };
    const struct script script = SCRIPT("", "a", lines);
    struct cw_log *log = cw_log_memory();
    struct run run;
    volatile int stop = 0;
    begin(&run, log, &script, 1, &by_three);
    assert_int_equal(cw_ingest_run(run.ingest, &stop), CW_EXIT_FAILED);
    finish(&run);
    assert_log(log, "source:a owner:O e1");
    cw_log_close(log);
}

static void a_run_that_is_stopped_says_that_its_log_is_not_complete(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    struct run run;
    volatile int stop = 1;
    begin(&run, log, three, 3, &by_three);
    assert_int_equal(cw_ingest_run(run.ingest, &stop), CW_EXIT_BROKEN);
    stop = 0;
    assert_int_equal(cw_ingest_run(run.ingest, &stop), CW_EXIT_OK);
    finish(&run);
    assert_log(log, three_log);
    cw_log_close(log);
}

/* --- beginning again --- */

static void killed_behind_any_frame_the_log_comes_out_the_same(void **state)
{
    (void)state;
    struct cw_log *whole = cw_log_memory();
    run_whole(whole, three, 3, &by_three);
    size_t frames = frame_count(whole);
    assert_true(frames > 20);
    for (size_t count = 0; count <= frames; count++) {
        struct cw_log *log = prefix_of(whole, count);
        run_whole(log, three, 3, &by_three);
        assert_same_log(log, whole);
        cw_log_close(log);
    }
    cw_log_close(whole);
}

static void killed_again_and_again_the_log_comes_out_the_same(void **state)
{
    (void)state;
    struct cw_log *whole = cw_log_memory();
    struct cw_log *log = cw_log_memory();
    run_whole(whole, three, 3, &by_three);
    enum cw_step step = CW_STEP_MORE;
    for (size_t i = 0; step != CW_STEP_ENDED && i < 100; i++) {
        struct run run;
        begin(&run, log, three, 3, &by_three);
        step = steps(&run, 1);
        finish(&run);
    }
    assert_int_equal(step, CW_STEP_ENDED);
    assert_same_log(log, whole);
    cw_log_close(log);
    cw_log_close(whole);
}

static int make_dir(void **state)
{
    char template[] = "/tmp/cw-ingest-XXXXXX";
    *state = mkdtemp(template) != NULL ? strdup(template) : NULL;
    return *state != NULL ? 0 : -1;
}

static int drop_dir(void **state)
{
    char command[256];
    snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
    free(*state);
    return system(command);
}

static struct cw_log *open_log(const char *dir)
{
    char error[512];
    struct cw_log *log = cw_log_write(dir, error, sizeof(error));
    assert_non_null(log);
    return log;
}

static void a_log_of_files_is_gone_on_with_after_any_step(void **state)
{
    struct cw_log *whole = cw_log_memory();
    run_whole(whole, three, 3, &by_three);
    for (size_t most = 0; most < 20; most++) {
        char dir[256];
        snprintf(dir, sizeof(dir), "%s/%zu", (char *)*state, most);
        struct cw_log *log = open_log(dir);
        struct run run;
        begin(&run, log, three, 3, &by_three);
        (void)steps(&run, most);
        finish(&run);
        cw_log_close(log);
        log = open_log(dir);
        run_whole(log, three, 3, &by_three);
        cw_log_flush(log);
        assert_same_log(log, whole);
        cw_log_close(log);
    }
    cw_log_close(whole);
}

struct letters {
    size_t count;
    char text[512];
};

static bool collect(void *context, uint64_t number, const struct cw_dead_letter *letter)
{
    struct letters *letters = context;
    size_t at = strlen(letters->text);
    letters->count++;
    snprintf(letters->text + at, sizeof(letters->text) - at, "%d %.*s %d %.*s;", (int)number,
             CW_STR_ARG(letter->source), (int)letter->offset, CW_STR_ARG(letter->code));
    return true;
}

static void assert_letters(const char *dir, const char *expected)
{
    char error[512];
    struct letters letters = { 0 };
    assert_true(cw_dead_letters_read(dir, collect, &letters, error, sizeof(error)));
    assert_string_equal(letters.text, expected);
}

/* Each run finds the letters of the whole one, with more of them than the log that is left has. */
static void a_dead_letter_is_kept_once_whenever_ingest_dies(void **state)
{
    struct cw_ingest_settings settings = by_three;
    settings.dead_letters = *state;
    struct cw_log *whole = cw_log_memory();
    const char *expected = "1 ro.avro 1 bad_json;2 ro.avro 4 bad_utf8;3 pl.avro 3 bad_json;";
    run_whole(whole, three, 3, &settings);
    assert_letters(*state, expected);
    size_t frames = frame_count(whole);
    for (size_t count = 0; count <= frames; count++) {
        struct cw_log *log = prefix_of(whole, count);
        run_whole(log, three, 3, &settings);
        assert_letters(*state, expected);
        cw_log_close(log);
    }
    cw_log_close(whole);
}

static void a_log_that_has_ended_ends_at_once(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    run_whole(log, three, 3, &by_three);
    uint64_t end = cw_log_end(log);
    struct run run;
    begin(&run, log, three, 3, &by_three);
    assert_int_equal(cw_ingest_step(run.ingest), CW_STEP_ENDED);
    assert_int_equal(cw_total_get(cw_ingest_totals(run.ingest), "ingest.events"), 7);
    finish(&run);
    assert_int_equal(cw_log_end(log), end);
    cw_log_close(log);
}

static void a_log_that_has_ended_takes_no_new_source(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    run_whole(log, three, 2, &by_three);
    struct run run;
    begin(&run, log, three, 3, &by_three);
    assert_null(run.ingest);
    finish(&run);
    cw_log_close(log);
}

static void a_source_that_was_begun_must_be_given_again(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    struct run run;
    begin(&run, log, three, 3, &by_three);
    (void)steps(&run, 6); /* empty has ended, pl and ro have begun */
    finish(&run);
    begin(&run, log, three, 1, &by_three);
    assert_null(run.ingest);
    finish(&run);
    begin(&run, log, three, 2, &by_three); /* one that has ended need not be */
    assert_non_null(run.ingest);
    assert_int_equal(steps(&run, 100), CW_STEP_ENDED);
    finish(&run);
    cw_log_close(log);
}

static void a_new_source_may_join_a_log_that_goes_on(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    struct run run;
    begin(&run, log, three, 1, &by_three);
    (void)steps(&run, 5); /* r1, reject, r2, r3, tick */
    finish(&run);
    assert_log(log, "source:ro.avro owner:RO r1 !bad_json r2 owner:MD r3 tick");
    int64_t ads = tick_of(log, 1).frontier[number_of("online_ad")];
    assert_int_equal(ads, T0 + (6 - 7) * CW_DAY);
    begin(&run, log, three, 2, &by_three);
    assert_int_equal(steps(&run, 100), CW_STEP_ENDED);
    finish(&run);
    assert_log(log, "source:ro.avro owner:RO r1 !bad_json r2 owner:MD r3 tick "
                    "source:pl.avro owner:PL p1 p2 p3 tick !bad_utf8 r4 !bad_json "
                    "source_end source_end tick end");
    assert_int_equal(tick_of(log, 2).frontier[number_of("online_ad")], ads); /* it never falls */
    cw_log_close(log);
}

static void retention_never_falls(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    struct run run;
    struct cw_ingest_settings settings = { .tick_every = 3,
                                           .retention = CW_RETAIN_DATE,
                                           .retention_date = T0 + 50 * CW_DAY };
    begin(&run, log, three, 3, &settings);
    (void)steps(&run, 8);
    finish(&run);
    assert_int_equal(tick_of(log, 1).retention, T0 + 50 * CW_DAY);
    run_whole(log, three, 3, &by_three); /* the greatest event is of day 9 */
    assert_int_equal(tick_of(log, 3).retention, T0 + 50 * CW_DAY);
    cw_log_close(log);
}

static void the_counters_page_has_the_totals(void **state)
{
    char path[256];
    struct cw_counters_page page;
    struct cw_log *log = cw_log_memory();
    snprintf(path, sizeof(path), "%s/page", (char *)*state);
    struct cw_ingest_settings settings = by_three;
    settings.counters = path;
    run_whole(log, three, 3, &settings);
    assert_true(cw_counters_read(path, &page));
    assert_string_equal(page.stage, "ingest");
    int64_t events = -1;
    for (uint32_t i = 0; i < page.count; i++) {
        if (strcmp(page.of[i].name, "ingest.events") == 0)
            events = page.of[i].value;
    }
    assert_int_equal(events, 7);
    cw_log_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_begins_with_the_names_of_all_types),
        cmocka_unit_test(the_source_whose_greatest_time_is_least_is_read_first),
        cmocka_unit_test(the_order_in_which_sources_are_given_does_not_show),
        cmocka_unit_test(ties_go_to_the_contract_then_to_the_name),
        cmocka_unit_test(an_event_frame_says_where_its_record_came_from),
        cmocka_unit_test(a_tick_has_its_number_the_totals_and_the_retention),
        cmocka_unit_test(the_frontier_of_a_tick_is_that_of_the_slowest_source),
        cmocka_unit_test(retention_is_a_date_or_nothing_where_all_sources_are_finite),
        cmocka_unit_test(without_any_source_the_log_is_a_tick_and_the_end),
        cmocka_unit_test(the_last_tick_is_written_even_if_nothing_came_since_the_one_before),
        cmocka_unit_test(an_event_that_breaks_a_clause_is_rejected_with_its_code),
        cmocka_unit_test(owners_without_end_are_rejected_from_a_number_on),
        cmocka_unit_test(each_set_of_restrictions_is_introduced_once_before_its_use),
        cmocka_unit_test(a_restriction_that_is_too_long_is_rejected),
        cmocka_unit_test(a_finite_source_that_waits_changes_nothing),
        cmocka_unit_test(live_sources_that_have_nothing_are_passed_over),
        cmocka_unit_test(where_no_live_source_is_ready_what_came_is_ticked_once),
        cmocka_unit_test(skew_is_judged_on_live_sources_by_their_arrival),
        cmocka_unit_test(a_source_that_fails_stops_the_run_and_leaves_the_log_open),
        cmocka_unit_test(a_run_that_is_stopped_says_that_its_log_is_not_complete),
        cmocka_unit_test(killed_behind_any_frame_the_log_comes_out_the_same),
        cmocka_unit_test(killed_again_and_again_the_log_comes_out_the_same),
        cmocka_unit_test_setup_teardown(a_log_of_files_is_gone_on_with_after_any_step, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(a_dead_letter_is_kept_once_whenever_ingest_dies, make_dir,
                                        drop_dir),
        cmocka_unit_test(a_log_that_has_ended_ends_at_once),
        cmocka_unit_test(a_log_that_has_ended_takes_no_new_source),
        cmocka_unit_test(a_source_that_was_begun_must_be_given_again),
        cmocka_unit_test(a_new_source_may_join_a_log_that_goes_on),
        cmocka_unit_test(retention_never_falls),
        cmocka_unit_test_setup_teardown(the_counters_page_has_the_totals, make_dir, drop_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

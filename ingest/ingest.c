#include "ingest/ingest.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ingest/deadletter.h"
#include "ingest/frontier.h"
#include "ingest/normalise.h"
#include "operators/runtime/check.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/restriction.h"
#include "operators/runtime/stage.h"
#include "operators/runtime/table.h"

enum {
    OWNERS_MAX = 65536, /* an owner is an agency: more of them is an attack or a wrong field */
    RESTRICTIONS_MAX = 1048576,        /* sets; streams have few different ones */
    RESTRICTION_BYTES_MAX = 256 << 20, /* of their texts */
    STATEMENTS_MAX = 65536,            /* known ways of stating a set */
    COUNTERS_EVERY = 1024,             /* records */
    PAUSE_MS = 1 /* where no source has anything, before all are asked again */
};

/* A source that the log names; `given` is its index among those that this run was given, or -1. */
struct named {
    char *name;
    int64_t given;
    bool ended;
};

/* A source of this run. All but `source` is a function of the log. */
struct feed {
    struct cw_source *source;
    uint32_t number;     /* 0: the log does not name it yet */
    int64_t greatest;    /* time_lo over all admitted from it; CW_TIME_MIN: none */
    int64_t last_offset; /* -1: none */
    bool ended;
    bool waits; /* in this step: it has nothing now */
};

struct owner {
    struct cw_id key; /* of its text */
    uint64_t number;
};

/* A set of restrictions by its canonical text; or one way in which events state it, which costs no
 * canonical text to find. */
struct restriction {
    struct cw_id key;
    uint64_t number; /* 0: it demands nothing */
};

/* An owner met before, by its text; most records are of one that was met lately. */
enum { RECENT_BITS = 6, RECENT_TEXT = 24 };
struct recent {
    char text[RECENT_TEXT];
    uint32_t len;
    uint32_t number; /* 0: none */
};

/*
 * Everything here that decides what is written next is a function of the frames in the log: `note`
 * takes each frame that is appended, and each that is found there at the start. So an ingest that
 * begins on a log is in the state of the one that wrote it.
 */
struct cw_ingest {
    const struct cw_secret *secret;
    struct cw_log *log;
    struct cw_ingest_settings settings;
    struct cw_normaliser *normaliser;
    struct cw_dead_letters *letters; /* NULL: not kept */
    struct cw_counters_page *page;   /* NULL: nobody asked for it */
    struct cw_frontier *frontier;
    struct feed *feeds; /* in the order of ties */
    size_t feed_count;
    bool any_live;

    struct named *named; /* by number; [0] unused */
    size_t named_count;
    struct cw_map owners;
    struct recent recent[1 << RECENT_BITS];
    uint32_t owner_count;
    uint32_t types_named;
    struct cw_map restrictions; /* by text */
    uint32_t restriction_count;
    size_t restriction_bytes;
    struct cw_map statements; /* by what events state; decides nothing, and is emptied when full */
    char rates[CW_ID_HEX];    /* the hash that the log names; "": none yet */

    int64_t greatest; /* time_lo over everything admitted */
    int64_t retention;
    uint64_t tick;       /* n of the last one */
    uint64_t since_tick; /* events since it */
    bool tick_after_end; /* no source ended and nothing was admitted since it */
    bool ended;          /* the log has END */
    struct cw_totals totals;
    int64_t *events;
    int64_t *rejected;
    int64_t *of_type[CW_TYPES_MAX + 1];

    uint64_t records; /* of this run, for the counters page */
    struct cw_buf body;
    struct cw_buf key;
};

/* --- what the log says --- */

static struct cw_id name_key(struct cw_ingest *ingest, const char *space, cw_str text)
{
    ingest->key.len = 0;
    cw_enc_str(&ingest->key, cw_cstr(space));
    cw_enc_str(&ingest->key, text);
    return cw_id_inside(ingest->secret, &ingest->key);
}

static int64_t *total_of_type(struct cw_ingest *ingest, const struct cw_type *type)
{
    int64_t **total = &ingest->of_type[type->number];
    if (*total == NULL) {
        char name[CW_TOTAL_NAME_MAX];
        snprintf(name, sizeof(name), "ingest.type.%s", type->name);
        *total = cw_total(&ingest->totals, name);
    }
    return *total;
}

static void note_source(struct cw_ingest *ingest, uint32_t number, cw_str text)
{
    if (number >= ingest->named_count) {
        ingest->named = cw_realloc(ingest->named, (number + 1) * sizeof(*ingest->named));
        while (ingest->named_count <= number)
            ingest->named[ingest->named_count++] = (struct named){ NULL, -1, false };
    }
    struct named *named = &ingest->named[number];
    named->name = cw_alloc(text.len + 1);
    memcpy(named->name, text.ptr, text.len);
    for (size_t i = 0; i < ingest->feed_count; i++) {
        if (cw_str_is(text, ingest->feeds[i].source->name)) {
            named->given = (int64_t)i;
            ingest->feeds[i].number = number;
        }
    }
}

static void note_name(struct cw_ingest *ingest, const struct cw_frame *frame)
{
    struct cw_named named;
    if (!cw_named_get(frame, &named))
        return;
    if (named.space == CW_NAME_SOURCE && named.number == ingest->named_count) {
        note_source(ingest, named.number, named.text);
    } else if (named.space == CW_NAME_OWNER) {
        struct owner *owner =
            cw_map_put(&ingest->owners, name_key(ingest, "owner", named.text), NULL);
        owner->number = named.number;
        ingest->owner_count = named.number;
    } else if (named.space == CW_NAME_TYPE) {
        ingest->types_named = named.number;
    } else if (named.space == CW_NAME_RESTRICTION) {
        struct restriction *made =
            cw_map_put(&ingest->restrictions, name_key(ingest, "restriction", named.text), NULL);
        made->number = named.number;
        ingest->restriction_count = named.number;
        ingest->restriction_bytes += named.text.len;
    } else if (named.space == CW_NAME_RATES && named.text.len < sizeof(ingest->rates)) {
        memcpy(ingest->rates, named.text.ptr, named.text.len);
        ingest->rates[named.text.len] = '\0';
    }
}

/* The feed of a frame's source, or NULL: it is not given in this run. */
static struct feed *feed_of(struct cw_ingest *ingest, const struct cw_frame *frame)
{
    if (frame->source == 0 || frame->source >= ingest->named_count)
        return NULL;
    int64_t given = ingest->named[frame->source].given;
    return given >= 0 ? &ingest->feeds[given] : NULL;
}

static void note_event(struct cw_ingest *ingest, struct feed *feed, const struct cw_frame *frame)
{
    const struct cw_type *type = cw_type_by_number(frame->type);
    ++*ingest->events;
    if (type != NULL)
        ++*total_of_type(ingest, type);
    if ((frame->flags & CW_NO_RATE) != 0)
        ++*cw_total(&ingest->totals, "ingest.no_rate");
    ingest->since_tick++;
    ingest->tick_after_end = false;
    if (frame->time_lo > ingest->greatest)
        ingest->greatest = frame->time_lo;
    if (feed == NULL)
        return;
    feed->last_offset = frame->offset;
    if (frame->time_lo > feed->greatest)
        feed->greatest = frame->time_lo;
    if (type != NULL && !type->standing) {
        size_t index = (size_t)(feed - ingest->feeds);
        cw_frontier_admit(ingest->frontier, index, frame->type, frame->time_lo);
    }
}

static void note_reject(struct cw_ingest *ingest, struct feed *feed, const struct cw_frame *frame)
{
    char name[CW_TOTAL_NAME_MAX];
    cw_str code = { (const char *)cw_frame_body(frame), frame->body_length };
    snprintf(name, sizeof(name), "ingest.rejected.%.*s", CW_STR_ARG(code));
    ++*ingest->rejected;
    ++*cw_total(&ingest->totals, name);
    if (feed != NULL)
        feed->last_offset = frame->offset;
}

static void note_tick(struct cw_ingest *ingest, const struct cw_frame *frame)
{
    struct cw_tick tick;
    if (!cw_tick_get(frame, &tick))
        return;
    ingest->tick = tick.n;
    ingest->since_tick = 0;
    ingest->tick_after_end = true;
    if (tick.retention > ingest->retention)
        ingest->retention = tick.retention;
    for (uint16_t type = 1; type <= cw_type_count(); type++)
        cw_frontier_hold(ingest->frontier, type, tick.frontier[type]);
}

static void note_source_end(struct cw_ingest *ingest, struct feed *feed,
                            const struct cw_frame *frame)
{
    ingest->tick_after_end = false;
    if (frame->source > 0 && frame->source < ingest->named_count)
        ingest->named[frame->source].ended = true;
    if (feed == NULL)
        return;
    feed->ended = true;
    cw_frontier_end(ingest->frontier, (size_t)(feed - ingest->feeds));
}

static void note(struct cw_ingest *ingest, const struct cw_frame *frame)
{
    struct feed *feed = feed_of(ingest, frame);
    switch (frame->kind) {
    case CW_NAME:
        note_name(ingest, frame);
        break;
    case CW_EVENT:
        note_event(ingest, feed, frame);
        break;
    case CW_REJECT:
        note_reject(ingest, feed, frame);
        break;
    case CW_SOURCE_END:
        note_source_end(ingest, feed, frame);
        break;
    case CW_TICK:
        note_tick(ingest, frame);
        break;
    case CW_END:
        ingest->ended = true;
        break;
    default:
        break; /* behind the log */
    }
}

/* --- writing --- */

static void append(struct cw_ingest *ingest, const struct cw_frame *header,
                   const struct cw_key *keys, size_t key_count, const void *body, size_t len)
{
    note(ingest, cw_log_put(ingest->log, header, keys, key_count, body, len));
}

static void append_name(struct cw_ingest *ingest, enum cw_name_space space, uint32_t number,
                        cw_str text)
{
    struct cw_frame header = { .kind = CW_NAME };
    ingest->body.len = 0;
    cw_named_put(&ingest->body, space, number, text);
    append(ingest, &header, NULL, 0, ingest->body.data, ingest->body.len);
}

static void introduce_types(struct cw_ingest *ingest)
{
    while (ingest->types_named < cw_type_count()) {
        uint16_t number = (uint16_t)(ingest->types_named + 1);
        append_name(ingest, CW_NAME_TYPE, number, cw_cstr(cw_type_by_number(number)->name));
    }
}

static void introduce_rates(struct cw_ingest *ingest)
{
    if (ingest->rates[0] == '\0')
        append_name(ingest, CW_NAME_RATES, 1, cw_cstr(cw_rates_hash(ingest->settings.rates)));
}

static void introduce_source(struct cw_ingest *ingest, const struct feed *feed)
{
    if (feed->number == 0) {
        uint32_t number = (uint32_t)ingest->named_count;
        append_name(ingest, CW_NAME_SOURCE, number, cw_cstr(feed->source->name));
    }
}

static uint32_t find_owner(struct cw_ingest *ingest, cw_str text)
{
    struct cw_id key = name_key(ingest, "owner", text);
    const struct owner *owner = cw_map_find(&ingest->owners, key);
    if (owner == NULL && ingest->owner_count == OWNERS_MAX)
        return 0;
    if (owner == NULL) {
        append_name(ingest, CW_NAME_OWNER, ingest->owner_count + 1, text);
        owner = cw_map_find(&ingest->owners, key);
    }
    return (uint32_t)owner->number;
}

static void encode_list(struct cw_buf *buf, const cw_str *items, size_t count)
{
    size_t mark = cw_enc_open(buf);
    for (size_t i = 0; i < count; i++)
        cw_enc_str(buf, items[i]);
    cw_enc_close(buf, mark);
}

/* What the event states, as it states it: an absent text and an empty one demand the same. */
static struct cw_id statement_key(struct cw_ingest *ingest, const struct cw_event *event)
{
    const struct cw_handling *handling = &event->handling;
    struct cw_buf *key = &ingest->key;
    key->len = 0;
    encode_list(key, event->purposes, event->purpose_count);
    encode_list(key, handling->audience, handling->audience_count);
    encode_list(key, handling->codes, handling->code_count);
    cw_enc_str(key, handling->text);
    cw_enc_str(key, handling->tlp);
    cw_enc_str(key, handling->pap);
    cw_enc_str(key, handling->sharing_group);
    return cw_id_inside(ingest->secret, key);
}

/* The number of a canonical text, introduced if new. False: the reason says why it gets none. */
static bool intern_restriction(struct cw_ingest *ingest, cw_str text, uint64_t *number,
                               struct cw_reason *reason)
{
    *number = 0;
    if (text.len == 0)
        return true;
    if (text.len > CW_RESTRICTION_EVENT_MAX)
        return cw_reject(reason, "too_long", "handling",
                         "expected purposes and handling of at most %d bytes together, found %zu",
                         (int)CW_RESTRICTION_EVENT_MAX, text.len);
    struct cw_id key = name_key(ingest, "restriction", text);
    const struct restriction *known = cw_map_find(&ingest->restrictions, key);
    if (known == NULL && (ingest->restriction_count == RESTRICTIONS_MAX ||
                          ingest->restriction_bytes + text.len > RESTRICTION_BYTES_MAX))
        return cw_reject(reason, "too_many_restrictions", "handling",
                         "expected at most %d different sets of purposes and handling in one log, "
                         "of %d bytes together, found one more; what cannot be kept apart is not "
                         "admitted",
                         RESTRICTIONS_MAX, RESTRICTION_BYTES_MAX);
    if (known == NULL) {
        append_name(ingest, CW_NAME_RESTRICTION, ingest->restriction_count + 1, text);
        known = cw_map_find(&ingest->restrictions, key);
    }
    *number = known->number;
    return true;
}

/* 0 where the event demands nothing. False: the reason says why it cannot be admitted. */
static bool restriction_number(struct cw_ingest *ingest, const struct cw_event *event,
                               uint32_t *number, struct cw_reason *reason)
{
    *number = 0;
    if (event == NULL)
        return true;
    struct cw_id key = statement_key(ingest, event);
    const struct restriction *known = cw_map_find(&ingest->statements, key);
    if (known != NULL) {
        *number = (uint32_t)known->number;
        return true;
    }
    struct cw_buf text = { 0 };
    uint64_t made;
    cw_restriction_of_event(event, &text);
    bool ok =
        intern_restriction(ingest, (cw_str){ (const char *)text.data, text.len }, &made, reason);
    cw_buf_done(&text);
    if (!ok)
        return false;
    if (ingest->statements.count == STATEMENTS_MAX) {
        cw_map_done(&ingest->statements);
        cw_map_init(&ingest->statements, sizeof(struct restriction));
    }
    struct restriction *statement = cw_map_put(&ingest->statements, key, NULL);
    statement->number = made;
    *number = (uint32_t)made;
    return true;
}

/* 0: there may be no more owners. */
static uint32_t owner_number(struct cw_ingest *ingest, cw_str text)
{
    if (text.len > RECENT_TEXT)
        return find_owner(ingest, text);
    uint64_t words[RECENT_TEXT / sizeof(uint64_t)] = { 0 };
    cw_copy(words, text.ptr, text.len);
    uint64_t mixed =
        (words[0] ^ words[1] << 5 ^ words[2] << 9 ^ text.len) * UINT64_C(0x9e3779b97f4a7c15);
    struct recent *recent = &ingest->recent[mixed >> (64 - RECENT_BITS)];
    if (recent->number != 0 && recent->len == text.len &&
        memcmp(recent->text, words, sizeof(words)) == 0)
        return recent->number;
    uint32_t number = find_owner(ingest, text);
    memcpy(recent->text, words, sizeof(words));
    recent->len = (uint32_t)text.len;
    recent->number = number;
    return number;
}

static void append_reject(struct cw_ingest *ingest, struct feed *feed,
                          const struct cw_record *record)
{
    cw_str code = cw_cstr(record->reason.code);
    if (ingest->letters != NULL)
        cw_dead_letters_put(ingest->letters, cw_cstr(feed->source->name), record->offset,
                            &record->reason, record->bytes);
    struct cw_frame header = { .kind = CW_REJECT,
                               .source = feed->number,
                               .partition = feed->source->partition,
                               .offset = record->offset,
                               .arrival = record->arrival };
    append(ingest, &header, NULL, 0, code.ptr, code.len);
}

/* False: the record's reason says why not. */
static bool append_event(struct cw_ingest *ingest, struct feed *feed, struct cw_record *record)
{
    struct cw_normal normal CW_UNINITIALIZED;
    const struct cw_source *source = feed->source;
    /* A finite source is history: nothing in it lies in the future of its arrival. */
    int64_t judged = source->live ? record->arrival : 0;
    if (!cw_normalise(ingest->normaliser, source->contract, record->body, judged, &normal,
                      &record->reason))
        return false;
    uint32_t owner = owner_number(ingest, normal.owner);
    if (owner == 0)
        return cw_reject(&record->reason, "too_many_owners", "owner",
                         "expected at most %d different owners in one log, found one more; a "
                         "contract that lists the owners keeps strangers out",
                         OWNERS_MAX);
    if (!restriction_number(ingest, normal.restricted, &normal.header.restriction, &record->reason))
        return false;
    normal.header.source = feed->number;
    normal.header.partition = source->partition;
    normal.header.owner = owner;
    normal.header.offset = record->offset;
    normal.header.arrival = record->arrival;
    append(ingest, &normal.header, normal.keys, normal.key_count, normal.body.ptr, normal.body.len);
    return true;
}

/* The one clock of the system that is read for its date. */
static int64_t wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * CW_SECOND + now.tv_nsec / 1000;
}

static int64_t retention_now(const struct cw_ingest *ingest)
{
    int64_t now = CW_TIME_MIN;
    if (ingest->settings.retention == CW_RETAIN_DATE)
        now = ingest->settings.retention_date;
    else if (ingest->settings.retention == CW_RETAIN_EVENTS)
        now = ingest->greatest;
    else if (ingest->any_live)
        now = wall_clock();
    return now > ingest->retention ? now : ingest->retention;
}

static void flush(struct cw_ingest *ingest)
{
    if (ingest->settings.sync_ticks && ingest->letters != NULL)
        cw_dead_letters_sync(ingest->letters);
    if (ingest->settings.sync_ticks)
        cw_log_sync(ingest->log);
    else
        cw_log_flush(ingest->log);
}

static void show_totals(struct cw_ingest *ingest)
{
    if (ingest->page != NULL)
        cw_counters_totals(ingest->page, &ingest->totals);
}

static void append_tick(struct cw_ingest *ingest)
{
    struct cw_frame header = { .kind = CW_TICK };
    struct cw_tick tick = { .n = ingest->tick + 1, .retention = retention_now(ingest) };
    cw_frontier_advance(ingest->frontier);
    for (uint16_t type = 1; type <= cw_type_count(); type++)
        tick.frontier[type] = cw_frontier_at(ingest->frontier, type);
    tick.totals = ingest->totals;
    ingest->body.len = 0;
    cw_tick_put(&ingest->body, &tick);
    append(ingest, &header, NULL, 0, ingest->body.data, ingest->body.len);
    flush(ingest);
    show_totals(ingest);
}

/* --- the order of sources --- */

/* The source that is read next: least greatest time_lo; ties go to the earlier. NULL: none. */
static struct feed *choose(struct cw_ingest *ingest)
{
    struct feed *chosen = NULL;
    for (size_t i = 0; i < ingest->feed_count; i++) {
        struct feed *feed = &ingest->feeds[i];
        if (!feed->ended && !feed->waits && (chosen == NULL || feed->greatest < chosen->greatest))
            chosen = feed;
    }
    return chosen;
}

static bool all_ended(const struct cw_ingest *ingest)
{
    for (size_t i = 0; i < ingest->feed_count; i++) {
        if (!ingest->feeds[i].ended)
            return false;
    }
    return true;
}

static enum cw_step finish(struct cw_ingest *ingest)
{
    if (!ingest->tick_after_end) {
        append_tick(ingest);
        return CW_STEP_MORE;
    }
    struct cw_frame header = { .kind = CW_END };
    append(ingest, &header, NULL, 0, NULL, 0);
    flush(ingest);
    return CW_STEP_ENDED;
}

/*
 * Asks sources in their order until one answers. Among finite sources one that has nothing now is
 * waited for: the order must not depend on how fast each of them is. Where a live one takes part
 * the order is the log's alone, and who has nothing is passed over.
 */
static enum cw_pull pull(struct cw_ingest *ingest, struct feed **feed, struct cw_record *record)
{
    for (size_t i = 0; i < ingest->feed_count; i++)
        ingest->feeds[i].waits = false;
    while ((*feed = choose(ingest)) != NULL) {
        struct cw_source *source = (*feed)->source;
        enum cw_pull pulled = source->ops->pull(source->self, record);
        if (pulled != CW_PULL_WAIT)
            return pulled;
        if (!ingest->any_live)
            return CW_PULL_WAIT;
        (*feed)->waits = true;
    }
    return CW_PULL_WAIT;
}

static void take(struct cw_ingest *ingest, struct feed *feed, enum cw_pull pulled,
                 struct cw_record *record)
{
    introduce_source(ingest, feed);
    if (pulled == CW_PULL_END) {
        struct cw_frame header = { .kind = CW_SOURCE_END,
                                   .source = feed->number,
                                   .partition = feed->source->partition };
        append(ingest, &header, NULL, 0, NULL, 0);
        return;
    }
    if (pulled == CW_PULL_REJECT || !append_event(ingest, feed, record))
        append_reject(ingest, feed, record);
    if (++ingest->records % COUNTERS_EVERY == 0)
        show_totals(ingest);
}

enum cw_step cw_ingest_step(struct cw_ingest *ingest)
{
    struct feed *feed;
    struct cw_record record CW_UNINITIALIZED; /* each pull begins by filling it */
    if (ingest->ended)
        return CW_STEP_ENDED;
    introduce_types(ingest);
    introduce_rates(ingest);
    if (ingest->since_tick >= ingest->settings.tick_every) {
        append_tick(ingest);
        return CW_STEP_MORE;
    }
    if (all_ended(ingest))
        return finish(ingest);
    enum cw_pull pulled = pull(ingest, &feed, &record);
    if (pulled == CW_PULL_FAILED) {
        cw_error("source %s: %s", feed->source->name, record.reason.sentence);
        flush(ingest);
        return CW_STEP_FAILED;
    }
    if (pulled == CW_PULL_WAIT && ingest->any_live && ingest->since_tick > 0) {
        append_tick(ingest);
        return CW_STEP_MORE;
    }
    if (pulled == CW_PULL_WAIT) {
        cw_log_flush(ingest->log);
        return CW_STEP_WAIT;
    }
    take(ingest, feed, pulled, &record);
    return CW_STEP_MORE;
}

int cw_ingest_run(struct cw_ingest *ingest, const volatile int *stop)
{
    enum cw_step step = CW_STEP_MORE;
    while (*stop == 0 && (step == CW_STEP_MORE || step == CW_STEP_WAIT)) {
        step = cw_ingest_step(ingest);
        if (step == CW_STEP_WAIT && *stop == 0)
            (void)poll(NULL, 0, PAUSE_MS);
    }
    flush(ingest);
    show_totals(ingest);
    if (step == CW_STEP_FAILED)
        return CW_EXIT_FAILED;
    return step == CW_STEP_ENDED ? CW_EXIT_OK : CW_EXIT_BROKEN;
}

/* --- beginning --- */

static bool read_log(struct cw_ingest *ingest)
{
    uint64_t position = 0;
    const struct cw_frame *frame;
    while ((frame = cw_log_get(ingest->log, position)) != NULL) {
        note(ingest, frame);
        position += frame->length;
    }
    if (position == cw_log_end(ingest->log))
        return true;
    cw_error("the log cannot be read at position %llu: %s", (unsigned long long)position,
             cw_log_error(ingest->log));
    return false;
}

/* What was begun must be ended, what is ended takes nothing more, and amounts go by one list. */
static bool fits_log(const struct cw_ingest *ingest)
{
    const char *rates = cw_rates_hash(ingest->settings.rates);
    if (ingest->rates[0] != '\0' && strcmp(ingest->rates, rates) != 0) {
        cw_error("the log was begun with another list of rates (hash %s, this one %s), under which "
                 "equal events had other amounts; give that list with --rates, or name another "
                 "--log",
                 ingest->rates, rates);
        return false;
    }
    for (size_t i = 0; ingest->ended && i < ingest->feed_count; i++) {
        if (ingest->feeds[i].number == 0) {
            cw_error("source %s: the log has ended without it; nothing can be added to an ended "
                     "log, so name another --log",
                     ingest->feeds[i].source->name);
            return false;
        }
    }
    for (size_t i = 1; i < ingest->named_count; i++) {
        const struct named *named = &ingest->named[i];
        if (named->given < 0 && !named->ended) {
            cw_error("source %s: the log has begun it and not read it to its end, but it is not "
                     "given; give it again, under the same name",
                     named->name);
            return false;
        }
    }
    return true;
}

static bool is_known(void *context, cw_str source, int64_t offset)
{
    struct cw_ingest *ingest = context;
    for (size_t i = 0; i < ingest->feed_count; i++) {
        if (cw_str_is(source, ingest->feeds[i].source->name))
            return offset <= ingest->feeds[i].last_offset;
    }
    for (size_t i = 1; i < ingest->named_count; i++) {
        if (cw_str_is(source, ingest->named[i].name))
            return true; /* it has ended, and is not given any more */
    }
    return false;
}

static bool open_letters(struct cw_ingest *ingest)
{
    char error[512];
    if (ingest->settings.dead_letters == NULL)
        return true;
    ingest->letters = cw_dead_letters_open(ingest->settings.dead_letters, cw_log_id(ingest->log),
                                           error, sizeof(error));
    if (ingest->letters == NULL)
        cw_error("%s", error);
    else
        cw_dead_letters_rewind(ingest->letters, is_known, ingest);
    return ingest->letters != NULL;
}

static void give_feeds(struct cw_ingest *ingest, struct cw_sources *sources)
{
    struct cw_source *all = cw_sources_all(sources, &ingest->feed_count);
    ingest->feeds = cw_alloc(ingest->feed_count * sizeof(*ingest->feeds));
    ingest->frontier = cw_frontier_new(ingest->feed_count);
    for (size_t i = 0; i < ingest->feed_count; i++) {
        ingest->feeds[i] =
            (struct feed){ .source = &all[i], .greatest = CW_TIME_MIN, .last_offset = -1 };
        ingest->any_live = ingest->any_live || all[i].live;
        cw_frontier_declare(ingest->frontier, i, all[i].contract->lateness);
    }
}

struct cw_ingest *cw_ingest_new(const struct cw_secret *secret, struct cw_log *log,
                                struct cw_sources *sources,
                                const struct cw_ingest_settings *settings)
{
    CW_CHECK(settings->tick_every > 0);
    struct cw_ingest *ingest = cw_new(struct cw_ingest);
    ingest->secret = secret;
    ingest->log = log;
    ingest->settings = *settings;
    if (ingest->settings.rates == NULL)
        ingest->settings.rates = cw_rates_shipped();
    ingest->greatest = CW_TIME_MIN;
    ingest->retention = CW_TIME_MIN;
    ingest->named = cw_new(struct named);
    ingest->named_count = 1;
    ingest->named[0].given = -1;
    cw_map_init(&ingest->owners, sizeof(struct owner));
    cw_map_init(&ingest->restrictions, sizeof(struct restriction));
    cw_map_init(&ingest->statements, sizeof(struct restriction));
    ingest->events = cw_total(&ingest->totals, "ingest.events");
    ingest->rejected = cw_total(&ingest->totals, "ingest.rejected");
    if (settings->counters != NULL)
        ingest->page = cw_counters_open(settings->counters, "ingest");
    ingest->normaliser = cw_normaliser_new(secret);
    cw_normaliser_rates(ingest->normaliser, ingest->settings.rates);
    give_feeds(ingest, sources);
    if (!read_log(ingest) || !fits_log(ingest) || !open_letters(ingest)) {
        cw_ingest_free(ingest);
        return NULL;
    }
    for (size_t i = 0; i < ingest->feed_count; i++) {
        struct feed *feed = &ingest->feeds[i];
        if (feed->last_offset >= 0 && !feed->ended)
            feed->source->ops->skip(feed->source->self, feed->last_offset);
    }
    show_totals(ingest);
    return ingest;
}

void cw_ingest_free(struct cw_ingest *ingest)
{
    if (ingest == NULL)
        return;
    cw_dead_letters_close(ingest->letters);
    cw_normaliser_free(ingest->normaliser);
    cw_frontier_free(ingest->frontier);
    cw_map_done(&ingest->owners);
    cw_map_done(&ingest->restrictions);
    cw_map_done(&ingest->statements);
    for (size_t i = 0; i < ingest->named_count; i++)
        free(ingest->named[i].name);
    free(ingest->named);
    free(ingest->feeds);
    cw_buf_done(&ingest->body);
    cw_buf_done(&ingest->key);
    free(ingest);
}

const struct cw_totals *cw_ingest_totals(const struct cw_ingest *ingest)
{
    return &ingest->totals;
}

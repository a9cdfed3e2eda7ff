/* test_link.c - the stage: who is the same after each unit, what `moved` says, and when. */
#include "slow_partition.h"

#include "operators/link/link.h"
#include "operators/runtime/time.h"

enum { PERSON = 1, ACCOUNT, PARTS_MAX = 3, MENTIONS_MAX = 2 };

static struct cw_secret secret;

static int set_up(void **state)
{
    (void)state;
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    return 0;
}

/* A part: record `record`, with passports (of rank 2) and national ids (of rank 1, exclusive) by
 * number, 0 is none. What a record states is its name: a test gives one record one set of them. */
struct part {
    uint64_t record;
    uint64_t kind; /* 0: a person */
    uint64_t passports[3];
    uint64_t national;
    bool weak;
    uint32_t restriction; /* of its event; stated in the first part */
};

struct mention {
    int sign;
    uint64_t event;
    int64_t recorded_at;
    int64_t time_lo;
    uint64_t position;
    bool standing;
    struct part parts[PARTS_MAX];
};

struct rig {
    struct cw_link *link;
    struct cw_out out;
};

static void start(struct rig *rig)
{
    *rig = (struct rig){ .link = cw_link_new(&secret) };
}

static void stop(struct rig *rig)
{
    cw_link_stage.free(rig->link);
    cw_buf_done(&rig->out.buf);
}

static struct cw_key key_of(uint16_t part, uint64_t number, bool national)
{
    return (struct cw_key){ .part = part,
                            .flags = (uint8_t)(CW_KEY_VALID | CW_KEY_UNIQUE |
                                               (national ? CW_KEY_EXCLUSIVE : 0)),
                            .rank = national ? 1 : 2,
                            .kind = national ? 1 : 2,
                            .scope = national ? 11 : 22,
                            .key = id_of(number * 2 + national) };
}

static size_t put_mention(struct cw_buf *buf, const struct mention *mention, bool more)
{
    struct cw_key keys[PARTS_MAX * 5];
    size_t count = 0;
    for (uint16_t i = 0; i < PARTS_MAX && mention->parts[i].record != 0; i++) {
        const struct part *part = &mention->parts[i];
        keys[count++] =
            (struct cw_key){ .part = i,
                             .flags = (uint8_t)(CW_KEY_RECORD | (part->weak ? CW_KEY_WEAK : 0)),
                             .scope = part->kind != 0 ? part->kind : PERSON,
                             .key = id_of(part->record) };
        for (size_t j = 0; j < 3; j++) {
            if (part->passports[j] != 0)
                keys[count++] = key_of(i, part->passports[j], false);
        }
        if (part->national != 0)
            keys[count++] = key_of(i, part->national, true);
    }
    const struct cw_frame header = { .kind = CW_EVENT,
                                     .sign = (int8_t)mention->sign,
                                     .flags = (uint8_t)((more ? CW_MORE : 0) |
                                                        (mention->standing ? CW_STANDING : 0)),
                                     .position = mention->position,
                                     .time_lo = mention->time_lo,
                                     .recorded_at = mention->recorded_at,
                                     .identity = id_of(mention->event),
                                     .restriction = mention->parts[0].restriction };
    return cw_frame_put(buf, &header, keys, count, "body", 4);
}

/* Gives one unit. */
static void give(struct rig *rig, const struct mention *mentions, size_t count)
{
    struct cw_buf buf = { 0 };
    size_t at[MENTIONS_MAX] = { 0 };
    const struct cw_frame *frames[MENTIONS_MAX];
    for (size_t i = 0; i < count; i++)
        at[i] = put_mention(&buf, &mentions[i], i + 1 < count);
    for (size_t i = 0; i < count; i++)
        frames[i] = cw_frame_at(&buf, at[i]);
    const struct cw_batch batch = { frames, count };
    rig->out.buf.len = 0;
    assert_int_equal(cw_link_stage.batch(rig->link, &batch, &rig->out), CW_EXIT_OK);
    cw_buf_done(&buf);
}

#define GIVE(rig, ...)                                                                             \
    give(rig, (const struct mention[]){ __VA_ARGS__ },                                             \
         sizeof((const struct mention[]){ __VA_ARGS__ }) / sizeof(struct mention))

static const struct cw_frame *sent(const struct rig *rig, size_t index)
{
    size_t at = 0;
    while (index-- > 0 && at < rig->out.buf.len)
        at += cw_frame_at(&rig->out.buf, at)->length;
    return at < rig->out.buf.len ? cw_frame_at(&rig->out.buf, at) : NULL;
}

static struct cw_id founded(const char *tag, int64_t recorded_at, uint64_t event, int64_t part)
{
    return cw_id_founded(&secret, tag, recorded_at, id_of(event), part);
}

/* The moves at the head of the output, then the unit's events, and nothing else. */
static size_t count_moves(const struct rig *rig, size_t events)
{
    size_t count = 0;
    const struct cw_frame *frame;
    while ((frame = sent(rig, count)) != NULL && frame->kind == CW_MOVED) {
        assert_int_equal(frame->flags & CW_MORE, CW_MORE); /* no batch is cut behind it */
        count++;
    }
    for (size_t i = 0; i < events; i++) {
        frame = sent(rig, count + i);
        assert_non_null(frame);
        assert_int_equal(frame->kind, CW_EVENT);
        assert_int_equal((frame->flags & CW_MORE) != 0, i + 1 < events);
    }
    assert_null(sent(rig, count + events));
    return count;
}

/* A core is given as (recorded at, event) of its founder in part 0; 0, 0 is none. */
struct expected_move {
    enum cw_moved_reason reason;
    int64_t from_at;
    uint64_t from;
    int64_t to_at;
    uint64_t to;
    int64_t first_seen;
    uint64_t records[4];
};

/* Finds the move by where its records go, for moves are sorted by ids, which are hashes. */
static void assert_moved(const struct rig *rig, struct expected_move expected)
{
    const struct cw_id from = founded("core", expected.from_at, expected.from, 0);
    const struct cw_id none = { { 0 } };
    const struct cw_id to =
        expected.to != 0 ? founded("core", expected.to_at, expected.to, 0) : none;
    const struct cw_frame *frame;
    for (size_t i = 0; (frame = sent(rig, i)) != NULL && frame->kind == CW_MOVED; i++) {
        struct cw_moved moved;
        assert_true(cw_moved_get(frame, &moved));
        if (!cw_id_eq(moved.core_from, from) || !cw_id_eq(moved.core_to, to))
            continue;
        assert_int_equal(moved.reason, expected.reason);
        assert_id_equal(moved.entity_from, founded("entity", expected.from_at, expected.from, 0));
        assert_id_equal(moved.entity_to, expected.to != 0
                                             ? founded("entity", expected.to_at, expected.to, 0)
                                             : none);
        assert_true(moved.first_seen == expected.first_seen);
        size_t count = 0;
        while (count < 4 && expected.records[count] != 0)
            count++;
        assert_int_equal(moved.record_count, count);
        for (size_t j = 0; j < count; j++)
            assert_id_equal(moved.records[j], id_of(expected.records[j])); /* sorted */
        return;
    }
    fail_msg("no move from the core of event %llu to that of event %llu",
             (unsigned long long)expected.from, (unsigned long long)expected.to);
}

/* The links of an event's part: the core and entity founded by (recorded at, event, part). */
static void assert_link(const struct cw_frame *frame, size_t index, uint64_t record, int64_t at,
                        uint64_t event, int64_t part)
{
    size_t count;
    const struct cw_link_entry *links = cw_frame_links(frame, &count);
    assert_non_null(links);
    assert_true(index < count);
    assert_int_equal(links[index].part, index);
    assert_id_equal(links[index].record, id_of(record));
    const struct cw_id none = { { 0 } };
    assert_id_equal(links[index].core, event != 0 ? founded("core", at, event, part) : none);
    assert_id_equal(links[index].entity, event != 0 ? founded("entity", at, event, part) : none);
}

static int64_t count_of(const struct rig *rig, const char *name)
{
    return cw_total_get(cw_link_totals(rig->link), name);
}

/* e1 shows passport 1, e2 national id 1, l shows both. */
#define E1(sign)                                                                                   \
    {                                                                                              \
        sign, 1, 10, 100, 8, false,                                                                \
        {                                                                                          \
            {                                                                                      \
                .record = 51, .passports = { 1 }                                                   \
            }                                                                                      \
        }                                                                                          \
    }
#define E2(sign)                                                                                   \
    {                                                                                              \
        sign, 2, 20, 200, 16, false,                                                               \
        {                                                                                          \
            {                                                                                      \
                .record = 52, .national = 1                                                        \
            }                                                                                      \
        }                                                                                          \
    }
#define L(sign)                                                                                    \
    {                                                                                              \
        sign, 3, 30, 300, 24, false,                                                               \
        {                                                                                          \
            {                                                                                      \
                .record = 53, .passports = { 1 }, .national = 1                                    \
            }                                                                                      \
        }                                                                                          \
    }

static void an_event_alone_founds_its_entities(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, { 1,
                 7,
                 10,
                 100,
                 8,
                 false,
                 { { .record = 50, .passports = { 1 } }, { .record = 51, .weak = true } } });
    assert_int_equal(count_moves(&rig, 1), 0);
    const struct cw_frame *frame = sent(&rig, 0);
    assert_link(frame, 0, 50, 10, 7, 0);
    assert_link(frame, 1, 51, 10, 7, 1);
    size_t count;
    const struct cw_link_entry *links = cw_frame_links(frame, &count);
    assert_int_equal(count, 2);
    assert_int_equal(links[0].flags, 0);
    assert_int_equal(links[1].flags, CW_KEY_WEAK);
    assert_int_equal(frame->sign, 1);
    assert_memory_equal(cw_frame_body(frame), "body", 4);
    assert_int_equal(count_of(&rig, "link.records"), 2);
    assert_int_equal(count_of(&rig, "link.entities"), 2);
    stop(&rig);
}

static void a_record_joins_two_others(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, E1(1));
    GIVE(&rig, E2(1));
    assert_int_equal(count_moves(&rig, 1), 0);
    assert_link(sent(&rig, 0), 0, 52, 20, 2, 0);
    GIVE(&rig, L(1));
    assert_int_equal(count_moves(&rig, 1), 1); /* the new record was nowhere before */
    assert_moved(&rig, (struct expected_move){ CW_MOVED_MERGE, 20, 2, 10, 1, 200, { 52 } });
    assert_link(sent(&rig, 1), 0, 53, 10, 1, 0);
    assert_int_equal(count_of(&rig, "link.entities"), 1);
    assert_int_equal(count_of(&rig, "link.merges"), 1);
    stop(&rig);
}

static void its_withdrawal_parts_them_again(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, E1(1));
    GIVE(&rig, E2(1));
    GIVE(&rig, L(1));
    GIVE(&rig, L(-1));
    assert_int_equal(count_moves(&rig, 1), 2);
    assert_moved(&rig, (struct expected_move){ CW_MOVED_SPLIT, 10, 1, 20, 2, 200, { 52 } });
    assert_moved(&rig, (struct expected_move){ CW_MOVED_GONE, 10, 1, 0, 0, 300, { 53 } });
    assert_link(sent(&rig, 2), 0, 53, 0, 0, 0); /* it belongs to nobody any more */
    assert_int_equal(sent(&rig, 2)->sign, -1);
    assert_int_equal(count_of(&rig, "link.entities"), 2);
    assert_int_equal(count_of(&rig, "link.records"), 2);
    assert_int_equal(count_of(&rig, "link.splits"), 1);
    stop(&rig);
}

static void an_older_record_that_comes_late_renames(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, E1(1));
    GIVE(&rig, { 1, 9, 5, 900, 32, false, { { .record = 40, .passports = { 1 } } } });
    assert_int_equal(count_moves(&rig, 1), 1);
    assert_moved(&rig, (struct expected_move){ CW_MOVED_RENAMED, 10, 1, 5, 9, 100, { 51 } });
    assert_link(sent(&rig, 1), 0, 40, 5, 9, 0);
    /* an older mention of the same record does, too */
    GIVE(&rig, { 1, 4, 2, 50, 40, false, { { .record = 51, .passports = { 1 } } } });
    assert_int_equal(count_moves(&rig, 1), 1);
    assert_moved(&rig, (struct expected_move){ CW_MOVED_RENAMED, 5, 9, 2, 4, 50, { 40, 51 } });
    /* a newer one changes nothing */
    GIVE(&rig, { 1, 6, 3, 60, 48, false, { { .record = 40, .passports = { 1 } } } });
    assert_int_equal(count_moves(&rig, 1), 0);
    assert_link(sent(&rig, 0), 0, 40, 2, 4, 0);
    stop(&rig);
}

static void the_last_record_of_an_entity_is_gone(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, E1(1));
    GIVE(&rig, E1(-1));
    assert_int_equal(count_moves(&rig, 1), 1);
    assert_moved(&rig, (struct expected_move){ CW_MOVED_GONE, 10, 1, 0, 0, 100, { 51 } });
    assert_int_equal(count_of(&rig, "link.records"), 0);
    assert_int_equal(count_of(&rig, "link.entities"), 0);
    GIVE(&rig, E1(1)); /* and comes back as if it had never been */
    assert_int_equal(count_moves(&rig, 1), 0);
    assert_link(sent(&rig, 0), 0, 51, 10, 1, 0);
    stop(&rig);
}

static void a_record_supported_twice_survives_one_withdrawal(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    const struct mention second = {
        1, 8, 15, 50, 32, false, { { .record = 51, .passports = { 1 } } }
    };
    struct mention less = second;
    less.sign = -1;
    GIVE(&rig, E1(1));
    give(&rig, &second, 1);
    assert_int_equal(count_moves(&rig, 1), 0);
    assert_int_equal(count_of(&rig, "link.records"), 1);
    give(&rig, &less, 1);
    assert_int_equal(count_moves(&rig, 1), 0);
    assert_link(sent(&rig, 0), 0, 51, 10, 1, 0);
    give(&rig, &second, 1);
    GIVE(&rig, E1(-1)); /* the founder goes: the second founds */
    assert_int_equal(count_moves(&rig, 1), 1);
    assert_moved(&rig, (struct expected_move){ CW_MOVED_RENAMED, 10, 1, 15, 8, 50, { 51 } });
    assert_link(sent(&rig, 1), 0, 51, 15, 8, 0);
    stop(&rig);
}

/* One event may mention one record in two parts. */
static void two_parts_of_one_event_are_two_supports(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    struct mention twice = { 1,
                             1,
                             10,
                             100,
                             8,
                             false,
                             { { .record = 51, .passports = { 1 } },
                               { .record = 51, .passports = { 1 } } } };
    give(&rig, &twice, 1);
    assert_int_equal(count_moves(&rig, 1), 0);
    assert_link(sent(&rig, 0), 0, 51, 10, 1, 0);
    assert_link(sent(&rig, 0), 1, 51, 10, 1, 0); /* the lesser part founds */
    twice.sign = -1;
    give(&rig, &twice, 1);
    assert_int_equal(count_moves(&rig, 1), 1);
    assert_int_equal(count_of(&rig, "link.records"), 0);
    stop(&rig);
}

static void an_amendment_moves_once(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, E1(1));
    GIVE(&rig, E2(1));
    GIVE(&rig, L(1));
    /* l's new version states the same but for its name: another record, the same partition */
    GIVE(&rig, L(-1),
         { 1, 3, 30, 300, 32, false, { { .record = 54, .passports = { 1 }, .national = 1 } } });
    assert_int_equal(count_moves(&rig, 2), 1);
    assert_moved(&rig, (struct expected_move){ CW_MOVED_GONE, 10, 1, 0, 0, 300, { 53 } });
    assert_int_equal(sent(&rig, 1)->sign, -1);
    assert_int_equal(sent(&rig, 2)->sign, 1);
    assert_link(sent(&rig, 2), 0, 54, 10, 1, 0);
    assert_int_equal(count_of(&rig, "link.splits"), 0);
    /* another version of the same record moves nothing at all */
    GIVE(&rig,
         { -1, 3, 30, 300, 32, false, { { .record = 54, .passports = { 1 }, .national = 1 } } },
         { 1, 3, 30, 310, 40, false, { { .record = 54, .passports = { 1 }, .national = 1 } } });
    assert_int_equal(count_moves(&rig, 2), 0);
    assert_link(sent(&rig, 0), 0, 54, 10, 1, 0);
    assert_link(sent(&rig, 1), 0, 54, 10, 1, 0);
    /* and one without the national id parts them in the same unit */
    GIVE(&rig,
         { -1, 3, 30, 310, 40, false, { { .record = 54, .passports = { 1 }, .national = 1 } } },
         { 1, 3, 30, 310, 48, false, { { .record = 55, .passports = { 1 } } } });
    assert_int_equal(count_moves(&rig, 2), 2);
    assert_moved(&rig, (struct expected_move){ CW_MOVED_SPLIT, 10, 1, 20, 2, 200, { 52 } });
    assert_moved(&rig, (struct expected_move){ CW_MOVED_GONE, 10, 1, 0, 0, 300, { 54 } });
    assert_link(sent(&rig, 3), 0, 55, 10, 1, 0);
    stop(&rig);
}

/* The founder's own record is amended: its mention founds as before, so nobody is renamed. */
static void an_amended_founder_keeps_the_id(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, E1(1));
    GIVE(&rig, { 1, 5, 50, 500, 24, false, { { .record = 60, .passports = { 1 } } } });
    GIVE(&rig, E1(-1), { 1, 1, 10, 100, 32, false, { { .record = 61, .passports = { 1 } } } });
    assert_int_equal(count_moves(&rig, 2), 1);
    assert_moved(&rig, (struct expected_move){ CW_MOVED_GONE, 10, 1, 0, 0, 100, { 51 } });
    assert_link(sent(&rig, 2), 0, 61, 10, 1, 0);
    stop(&rig);
}

static void many_records_move_in_one_frame_sorted(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    static const uint64_t records[] = { 75, 71, 78, 73 };
    for (size_t i = 0; i < 4; i++)
        GIVE(&rig, { 1,
                     20 + i,
                     20 + (int64_t)i,
                     1000 - 10 * (int64_t)i,
                     8 * (i + 1),
                     false,
                     { { .record = records[i], .national = 1 } } });
    GIVE(&rig, E1(1));
    GIVE(&rig, L(1));
    assert_int_equal(count_moves(&rig, 1), 1);
    assert_moved(&rig,
                 (struct expected_move){ CW_MOVED_MERGE, 20, 20, 10, 1, 970, { 71, 73, 75, 78 } });
    assert_int_equal(count_of(&rig, "link.records_moved"), 4);
    GIVE(&rig, L(-1));
    assert_moved(&rig,
                 (struct expected_move){ CW_MOVED_SPLIT, 10, 1, 20, 20, 970, { 71, 73, 75, 78 } });
    stop(&rig);
}

static void standing_facts_are_not_first_seen(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, { 1, 1, 10, 5, 8, true, { { .record = 51, .passports = { 1 } } } });
    GIVE(&rig, { -1, 1, 10, 5, 8, true, { { .record = 51, .passports = { 1 } } } });
    assert_moved(&rig, (struct expected_move){ CW_MOVED_GONE, 10, 1, 0, 0, CW_TIME_MAX, { 51 } });
    stop(&rig);
}

static void records_of_two_kinds_share_a_key_and_do_not_join(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, { 1,
                 1,
                 10,
                 100,
                 8,
                 false,
                 { { .record = 51, .passports = { 1 } },
                   { .record = 52, .kind = ACCOUNT, .passports = { 1 } } } });
    assert_int_equal(count_moves(&rig, 1), 0);
    assert_link(sent(&rig, 0), 0, 51, 10, 1, 0);
    assert_link(sent(&rig, 0), 1, 52, 10, 1, 1);
    GIVE(&rig,
         { 1, 2, 20, 200, 16, false, { { .record = 53, .kind = ACCOUNT, .passports = { 1 } } } });
    assert_link(sent(&rig, 0), 0, 53, 10, 1, 1);
    assert_int_equal(count_of(&rig, "link.entities"), 2);
    assert_int_equal(count_of(&rig, "link.records_recomputed"), 4); /* the person is not met */
    stop(&rig);
}

static void records_in_conflict_stay_apart(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, { 1, 1, 10, 1, 8, false, { { .record = 51, .passports = { 1 }, .national = 1 } } });
    GIVE(&rig, { 1, 2, 20, 1, 16, false, { { .record = 52, .passports = { 1 }, .national = 2 } } });
    assert_int_equal(count_moves(&rig, 1), 0);
    assert_link(sent(&rig, 0), 0, 52, 20, 2, 0);
    stop(&rig);
}

/* Gives a NAME frame of ingest: a restriction by number. */
static int name_restriction(struct rig *rig, uint32_t number, const char *text)
{
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    const struct cw_frame header = { .kind = CW_NAME };
    cw_named_put(&body, CW_NAME_RESTRICTION, number, cw_cstr(text));
    (void)cw_frame_put(&buf, &header, NULL, 0, body.data, body.len);
    const struct cw_frame *frame = cw_frame_at(&buf, 0);
    const struct cw_batch batch = { &frame, 1 };
    rig->out.buf.len = 0;
    int status = cw_link_stage.batch(rig->link, &batch, &rig->out);
    cw_buf_done(&body);
    cw_buf_done(&buf);
    return status;
}

/* The frame introduces a basis of that text; its number. */
static uint32_t basis_named(const struct cw_frame *frame, const char *text)
{
    struct cw_named named;
    assert_non_null(frame);
    assert_true(cw_named_get(frame, &named));
    assert_int_equal(frame->flags & CW_MORE, 0); /* no part of the unit */
    assert_int_equal(named.space, CW_NAME_BASIS);
    assert_str_equal(named.text, text);
    return named.number;
}

static uint32_t basis_in_links(const struct cw_frame *frame)
{
    size_t count;
    const struct cw_link_entry *links = cw_frame_links(frame, &count);
    assert_non_null(links);
    assert_true(count > 0);
    return links[0].basis;
}

static void start_restricted(struct rig *rig)
{
    start(rig);
    assert_int_equal(name_restriction(rig, 1, "{\"tlp\":\"AMBER\"}"), CW_EXIT_OK);
    assert_int_equal(sent(rig, 0)->kind, CW_NAME); /* it passes */
    assert_int_equal(name_restriction(rig, 2, "{\"codes\":[\"H1\"]}"), CW_EXIT_OK);
}

static void an_entity_is_as_restricted_as_all_that_founds_its_records(void **state)
{
    (void)state;
    struct rig rig;
    start_restricted(&rig);
    GIVE(&rig, { .sign = 1,
                 .event = 1,
                 .recorded_at = 10,
                 .parts = { { .record = 51, .passports = { 1 }, .restriction = 1 } } });
    uint32_t amber = basis_named(sent(&rig, 0), "{\"tlp\":\"AMBER\"}");
    assert_int_equal(basis_in_links(sent(&rig, 1)), amber);
    /* another record joins it: the basis is what both demand, and the old record is told of */
    GIVE(&rig, { .sign = 1,
                 .event = 2,
                 .recorded_at = 20,
                 .position = 8,
                 .time_lo = 5,
                 .parts = { { .record = 52, .passports = { 1 }, .restriction = 2 } } });
    uint32_t both = basis_named(sent(&rig, 0), "{\"codes\":[\"H1\"],\"tlp\":\"AMBER\"}");
    struct cw_moved moved;
    assert_true(cw_moved_get(sent(&rig, 1), &moved));
    assert_int_equal(sent(&rig, 1)->flags & CW_MORE, CW_MORE);
    assert_int_equal(moved.reason, CW_MOVED_RESTRICTED);
    assert_id_equal(moved.core_from, founded("core", 10, 1, 0));
    assert_id_equal(moved.core_to, moved.core_from);
    assert_id_equal(moved.entity_to, moved.entity_from);
    assert_int_equal(moved.basis, both);
    assert_int_equal(moved.record_count, 1);
    assert_id_equal(moved.records[0], id_of(51));
    assert_int_equal(basis_in_links(sent(&rig, 2)), both);
    assert_int_equal(count_of(&rig, "link.restricted"), 1);
    assert_int_equal(count_of(&rig, "link.merges"), 0);
    assert_int_equal(count_of(&rig, "link.records_moved"), 0);
    /* it goes: as before, and no number is introduced twice */
    GIVE(&rig, { .sign = -1,
                 .event = 2,
                 .recorded_at = 20,
                 .position = 8,
                 .time_lo = 5,
                 .parts = { { .record = 52, .passports = { 1 }, .restriction = 2 } } });
    assert_int_equal(count_moves(&rig, 1), 2); /* gone, and restricted */
    assert_moved(&rig, (struct expected_move){ CW_MOVED_GONE, 10, 1, 0, 0, 5, { 52 } });
    assert_moved(&rig, (struct expected_move){ CW_MOVED_RESTRICTED, 10, 1, 10, 1, 0, { 51 } });
    stop(&rig);
}

static void a_later_mention_restricts_nobody_and_an_earlier_one_does(void **state)
{
    (void)state;
    struct rig rig;
    start_restricted(&rig);
    const struct part part = { .record = 51, .passports = { 1 } };
    const struct part part_1 = { .record = 51, .passports = { 1 }, .restriction = 1 };
    const struct part part_2 = { .record = 51, .passports = { 1 }, .restriction = 2 };
    GIVE(&rig, { .sign = 1, .event = 5, .recorded_at = 50, .parts = { part } });
    assert_int_equal(basis_in_links(sent(&rig, 0)), 0);
    GIVE(&rig, { .sign = 1, .event = 6, .recorded_at = 60, .position = 8, .parts = { part_2 } });
    assert_int_equal(count_moves(&rig, 1), 0);
    assert_int_equal(basis_in_links(sent(&rig, 0)), 0);
    GIVE(&rig, { .sign = 1, .event = 4, .recorded_at = 40, .position = 16, .parts = { part_1 } });
    uint32_t amber = basis_named(sent(&rig, 0), "{\"tlp\":\"AMBER\"}");
    struct cw_moved moved;
    assert_true(cw_moved_get(sent(&rig, 1), &moved));
    assert_int_equal(moved.reason, CW_MOVED_RENAMED); /* and the basis goes with it */
    assert_int_equal(moved.basis, amber);
    assert_int_equal(basis_in_links(sent(&rig, 2)), amber);
    /* an amendment that states its restriction anew, of the founder itself */
    GIVE(&rig, { .sign = -1, .event = 4, .recorded_at = 40, .position = 16, .parts = { part_1 } },
         { .sign = 1, .event = 4, .recorded_at = 40, .position = 24, .parts = { part } });
    assert_int_equal(count_moves(&rig, 2), 1);
    assert_moved(&rig, (struct expected_move){ CW_MOVED_RESTRICTED, 40, 4, 40, 4, 0, { 51 } });
    assert_int_equal(basis_in_links(sent(&rig, 1)), 0);
    stop(&rig);
}

static void a_restriction_that_nothing_introduced_is_damage(void **state)
{
    (void)state;
    struct rig rig;
    start_restricted(&rig);
    assert_int_equal(name_restriction(&rig, 4, "{\"tlp\":\"RED\"}"), CW_EXIT_DAMAGED);
    assert_int_equal(name_restriction(&rig, 3, "{\"tlp\":\"PINK\"}"), CW_EXIT_DAMAGED);
    struct cw_buf buf = { 0 };
    const struct mention mention = { .sign = 1,
                                     .event = 1,
                                     .parts = { { .record = 51, .restriction = 3 } } };
    (void)put_mention(&buf, &mention, false);
    const struct cw_frame *frame = cw_frame_at(&buf, 0);
    const struct cw_batch batch = { &frame, 1 };
    assert_int_equal(cw_link_stage.batch(rig.link, &batch, &rig.out), CW_EXIT_DAMAGED);
    cw_buf_done(&buf);
    stop(&rig);
}

static void other_frames_pass_and_a_close_gets_the_totals(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    GIVE(&rig, E1(1));
    struct cw_close close = { .n = 4 };
    *cw_total(&close.totals, "dedup.facts") = 9;
    struct cw_buf body = { 0 };
    struct cw_buf buf = { 0 };
    cw_close_put(&body, &close);
    const struct cw_frame tick = { .kind = CW_TICK };
    const struct cw_frame closing = { .kind = CW_CLOSE };
    size_t first = cw_frame_put(&buf, &tick, NULL, 0, "x", 1);
    size_t second = cw_frame_put(&buf, &closing, NULL, 0, body.data, body.len);
    const struct cw_frame *frames[] = { cw_frame_at(&buf, first), cw_frame_at(&buf, second) };
    const struct cw_batch batch = { frames, 2 };
    rig.out.buf.len = 0;
    assert_int_equal(cw_link_stage.batch(rig.link, &batch, &rig.out), CW_EXIT_OK);
    assert_int_equal(sent(&rig, 0)->kind, CW_TICK);
    struct cw_close back;
    assert_true(cw_close_get(sent(&rig, 1), &back));
    assert_true(back.n == 4);
    assert_true(cw_total_get(&back.totals, "dedup.facts") == 9);
    assert_true(cw_total_get(&back.totals, "link.records") == 1);
    assert_null(sent(&rig, 2));
    cw_buf_done(&body);
    cw_buf_done(&buf);
    stop(&rig);
}

/* --- against the definition --- */

enum { POPULATION = 24, EVENTS = 40 };

/* What record r states never changes. */
static struct part part_of(uint64_t seed, uint64_t r)
{
    struct rng rng = { seed * 1000 + r };
    struct part part = { .record = 100 + r, .kind = rng_below(&rng, 6) == 0 ? ACCOUNT : PERSON };
    for (uint32_t n = rng_below(&rng, 4), i = 0; i < n; i++)
        part.passports[i] = 1 + rng_below(&rng, 8);
    part.national = rng_below(&rng, 3) == 0 ? 1 + rng_below(&rng, 3) : 0;
    return part;
}

struct world {
    uint64_t seed;
    struct mention live[EVENTS]; /* sign 0: none */
    struct cw_id core[POPULATION];
};

static size_t index_of(struct cw_id record)
{
    for (size_t r = 0; r < POPULATION; r++) {
        if (cw_id_eq(record, id_of(100 + r)))
            return r;
    }
    fail_msg("a record that nobody stated");
    return 0;
}

/* The cores by definition: zero for a record without live support. */
static void define(const struct world *world, struct cw_id cores[POPULATION])
{
    struct cw_part_record records[POPULATION];
    static struct cw_part_id ids[POPULATION][4];
    int64_t at[POPULATION];
    struct cw_id identity[POPULATION];
    int64_t founding_part[POPULATION];
    size_t who[POPULATION];
    size_t count = 0;
    for (size_t r = 0; r < POPULATION; r++) {
        bool found = false;
        cores[r] = (struct cw_id){ { 0 } };
        for (size_t e = 0; e < EVENTS; e++) {
            const struct mention *m = &world->live[e];
            for (int64_t p = 0; m->sign != 0 && p < PARTS_MAX; p++) {
                if (m->parts[p].record != 100 + r)
                    continue;
                struct cw_id id = id_of(m->event);
                if (found && (m->recorded_at > at[r] ||
                              (m->recorded_at == at[r] && cw_id_cmp(id, identity[r]) >= 0)))
                    continue; /* parts rise: of one event the first stays */
                found = true;
                at[r] = m->recorded_at;
                identity[r] = id;
                founding_part[r] = p;
            }
        }
        if (!found)
            continue;
        struct part part = part_of(world->seed, r);
        records[count] = (struct cw_part_record){ id_of(100 + r), part.kind, ids[count], 0 };
        for (size_t i = 0; i < 3; i++) {
            if (part.passports[i] != 0)
                ids[count][records[count].id_count++] =
                    (struct cw_part_id){ key_of(0, part.passports[i], false).key, 22, 2, false };
        }
        if (part.national != 0)
            ids[count][records[count].id_count++] =
                (struct cw_part_id){ key_of(0, part.national, true).key, 11, 1, true };
        who[count++] = r;
    }
    uint32_t group[POPULATION];
    slow_partition(records, count, group);
    for (size_t i = 0; i < count; i++) {
        size_t least = who[i];
        for (size_t j = 0; j < count; j++) {
            size_t r = who[j];
            if (group[j] != group[i])
                continue;
            int order = cw_id_cmp(identity[r], identity[least]);
            if (at[r] < at[least] ||
                (at[r] == at[least] &&
                 (order < 0 || (order == 0 && founding_part[r] < founding_part[least]))))
                least = r;
        }
        cores[who[i]] =
            cw_id_founded(&secret, "core", at[least], identity[least], founding_part[least]);
    }
}

static bool is_there(struct cw_id core)
{
    return !cw_id_is_zero(core);
}

/* Why: others are where it went, others are still where it was, or neither; of those that were
 * there before. */
static enum cw_moved_reason reason_by_definition(const struct world *world,
                                                 const struct cw_id now[POPULATION], size_t r)
{
    if (!is_there(now[r]))
        return CW_MOVED_GONE;
    bool joined = false;
    bool left = false;
    for (size_t o = 0; o < POPULATION; o++) {
        if (!is_there(world->core[o]))
            continue;
        bool same_from = cw_id_eq(world->core[o], world->core[r]);
        bool same_to = cw_id_eq(now[o], now[r]);
        joined |= same_to && !same_from;
        left |= same_from && !same_to && is_there(now[o]);
    }
    return joined ? CW_MOVED_MERGE : left ? CW_MOVED_SPLIT : CW_MOVED_RENAMED;
}

/* Takes the output into the model, and holds it against the definition. */
static void assert_as_defined(const struct rig *rig, struct world *world, size_t reasons[6])
{
    struct cw_id now[POPULATION];
    struct cw_id told[POPULATION];
    bool named[POPULATION] = { false };
    define(world, now);
    memcpy(told, world->core, sizeof(told));
    const struct cw_frame *frame;
    size_t i = 0;
    for (; (frame = sent(rig, i)) != NULL && frame->kind == CW_MOVED; i++) {
        struct cw_moved moved;
        assert_true(cw_moved_get(frame, &moved));
        assert_true(moved.record_count > 0);
        for (size_t j = 0; j < moved.record_count; j++) {
            size_t r = index_of(moved.records[j]);
            assert_true(j == 0 || cw_id_cmp(moved.records[j - 1], moved.records[j]) < 0);
            assert_true(is_there(world->core[r])); /* it was there before */
            assert_false(named[r]);                /* and is told of once */
            named[r] = true;
            assert_id_equal(moved.core_from, world->core[r]);
            assert_int_equal(moved.reason, reason_by_definition(world, now, r));
            told[r] = moved.core_to;
        }
        reasons[moved.reason]++;
    }
    for (size_t r = 0; r < POPULATION; r++) {
        if (is_there(world->core[r]))
            assert_id_equal(told[r], now[r]);
    }
    for (; (frame = sent(rig, i)) != NULL; i++) {
        size_t count;
        const struct cw_link_entry *links = cw_frame_links(frame, &count);
        for (size_t j = 0; j < count; j++)
            assert_id_equal(links[j].core, now[index_of(links[j].record)]);
    }
    memcpy(world->core, now, sizeof(now));
}

static struct mention random_mention(struct rng *rng, uint64_t seed, uint64_t event)
{
    struct mention mention = { .sign = 1,
                               .event = event,
                               .recorded_at = (int64_t)rng_below(rng, 30),
                               .time_lo = (int64_t)rng_below(rng, 1000),
                               .position = rng_next(rng) / 8 * 8 };
    uint32_t parts = 1 + rng_below(rng, PARTS_MAX);
    for (uint32_t p = 0; p < parts; p++)
        mention.parts[p] = part_of(seed, rng_below(rng, POPULATION));
    return mention;
}

static void random_units_are_as_defined_after_each(void **state)
{
    (void)state;
    size_t reasons[6] = { 0 };
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rig rig;
        struct rng rng = { seed };
        static struct world world;
        world = (struct world){ .seed = seed };
        start(&rig);
        for (int step = 0; step < 200; step++) {
            uint32_t e = rng_below(&rng, EVENTS);
            struct mention unit[2];
            size_t count = 0;
            if (world.live[e].sign != 0) {
                unit[count] = world.live[e];
                unit[count++].sign = -1;
            }
            if (count == 0 || rng_below(&rng, 2) == 0) {
                unit[count] = random_mention(&rng, seed, e + 1);
                if (count == 1)
                    unit[count].recorded_at = unit[0].recorded_at; /* as the contract has it */
                count++;
            }
            world.live[e] = unit[count - 1].sign > 0 ? unit[count - 1] : (struct mention){ 0 };
            give(&rig, unit, count);
            assert_as_defined(&rig, &world, reasons);
        }
        for (size_t e = 0; e < EVENTS; e++) { /* and all undone leaves nothing */
            if (world.live[e].sign == 0)
                continue;
            struct mention less = world.live[e];
            less.sign = -1;
            world.live[e].sign = 0;
            give(&rig, &less, 1);
            assert_as_defined(&rig, &world, reasons);
        }
        assert_int_equal(count_of(&rig, "link.records"), 0);
        assert_int_equal(count_of(&rig, "link.entities"), 0);
        stop(&rig);
    }
    for (int reason = CW_MOVED_MERGE; reason <= CW_MOVED_GONE; reason++)
        assert_true(reasons[reason] > 100); /* else the seeds show nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_alone_founds_its_entities),
        cmocka_unit_test(a_record_joins_two_others),
        cmocka_unit_test(its_withdrawal_parts_them_again),
        cmocka_unit_test(an_older_record_that_comes_late_renames),
        cmocka_unit_test(the_last_record_of_an_entity_is_gone),
        cmocka_unit_test(a_record_supported_twice_survives_one_withdrawal),
        cmocka_unit_test(two_parts_of_one_event_are_two_supports),
        cmocka_unit_test(an_amendment_moves_once),
        cmocka_unit_test(an_amended_founder_keeps_the_id),
        cmocka_unit_test(many_records_move_in_one_frame_sorted),
        cmocka_unit_test(standing_facts_are_not_first_seen),
        cmocka_unit_test(records_of_two_kinds_share_a_key_and_do_not_join),
        cmocka_unit_test(records_in_conflict_stay_apart),
        cmocka_unit_test(an_entity_is_as_restricted_as_all_that_founds_its_records),
        cmocka_unit_test(a_later_mention_restricts_nobody_and_an_earlier_one_does),
        cmocka_unit_test(a_restriction_that_nothing_introduced_is_damage),
        cmocka_unit_test(other_frames_pass_and_a_close_gets_the_totals),
        cmocka_unit_test(random_units_are_as_defined_after_each),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}

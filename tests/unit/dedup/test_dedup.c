/* test_dedup.c - the register of versions: what comes out for every order in which versions come,
 * what ends when, and what each counter counts. */
#include "tests/unit/runtime/testing.h"

#include "operators/dedup/dedup.h"
#include "operators/runtime/time.h"

/* A stage over a log in memory; what it sent in the last step lies in `out`. */
struct rig {
    struct cw_log *log;
    struct cw_dedup *dedup;
    struct cw_out out;
    struct cw_buf in;
    uint64_t ticks;
    int64_t facts; /* +e less -e */
};

static void start(struct rig *rig)
{
    *rig = (struct rig){ .log = cw_log_memory() };
    rig->dedup = cw_dedup_new(rig->log);
}

static void stop(struct rig *rig)
{
    cw_dedup_stage.free(rig->dedup);
    cw_log_close(rig->log);
    cw_buf_done(&rig->out.buf);
    cw_buf_done(&rig->in);
}

static const struct cw_frame *sent(const struct rig *rig, size_t index)
{
    size_t at = 0;
    while (index-- > 0 && at < rig->out.buf.len)
        at += cw_frame_at(&rig->out.buf, at)->length;
    return at < rig->out.buf.len ? cw_frame_at(&rig->out.buf, at) : NULL;
}

static size_t sent_count(const struct rig *rig)
{
    size_t count = 0;
    for (size_t at = 0; at < rig->out.buf.len; at += cw_frame_at(&rig->out.buf, at)->length)
        count++;
    return count;
}

static int64_t count_of(const struct rig *rig, const char *name)
{
    return cw_total_get(cw_dedup_totals(rig->dedup), name);
}

static uint64_t give(struct rig *rig, const struct cw_frame *frame)
{
    uint64_t position = cw_log_append(rig->log, frame);
    const struct cw_frame *logged = cw_log_get(rig->log, position);
    const struct cw_batch batch = { &logged, 1 };
    rig->out.buf.len = 0;
    assert_int_equal(cw_dedup_stage.batch(rig->dedup, &batch, &rig->out), CW_EXIT_OK);
    for (size_t at = 0; at < rig->out.buf.len; at += cw_frame_at(&rig->out.buf, at)->length)
        rig->facts += cw_frame_at(&rig->out.buf, at)->sign;
    return position;
}

struct version {
    uint64_t event;
    int64_t version;
    uint64_t content; /* 0: a withdrawal */
    int64_t retain_until;
    int64_t recorded_at;
};

/* Content c has the body "c" and the content hash id_of(c). */
static uint64_t give_version(struct rig *rig, struct version v)
{
    char body[32];
    snprintf(body, sizeof(body), "%llu", (unsigned long long)v.content);
    const struct cw_frame header = { .kind = CW_EVENT,
                                     .type = 1,
                                     .flags = v.content == 0 ? CW_WITHDRAW : 0,
                                     .version = v.version,
                                     .retain_until = v.retain_until,
                                     .recorded_at = v.recorded_at,
                                     .identity = id_of(v.event),
                                     .content = id_of(v.content) };
    rig->in.len = 0;
    (void)cw_frame_put(&rig->in, &header, NULL, 0, body, strlen(body));
    return give(rig, cw_frame_at(&rig->in, 0));
}

static void give_tick(struct rig *rig, int64_t retention)
{
    struct cw_tick tick = { .n = ++rig->ticks, .retention = retention };
    *cw_total(&tick.totals, "ingest.admitted") = 4;
    struct cw_buf body = { 0 };
    cw_tick_put(&body, &tick);
    const struct cw_frame header = { .kind = CW_TICK };
    rig->in.len = 0;
    (void)cw_frame_put(&rig->in, &header, NULL, 0, body.data, body.len);
    cw_buf_done(&body);
    give(rig, cw_frame_at(&rig->in, 0));
}

static void assert_event(const struct cw_frame *frame, int sign, const char *body, uint8_t flags)
{
    assert_non_null(frame);
    assert_int_equal(frame->kind, CW_EVENT);
    assert_int_equal(frame->sign, sign);
    assert_int_equal(frame->flags, flags);
    assert_int_equal(frame->crc, 0);
    assert_str_equal((cw_str){ (const char *)cw_frame_body(frame), frame->body_length }, body);
}

static void assert_silence(const struct rig *rig)
{
    assert_int_equal(rig->out.buf.len, 0);
}

#define EVENT(number, v, c)                                                                        \
    ((struct version){                                                                             \
        .event = (number), .version = (v), .content = (c), .retain_until = CW_TIME_MAX })
#define WITHDRAWAL(number, v) EVENT(number, v, 0)

static void a_new_event_holds(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    uint64_t position = give_version(&rig, EVENT(1, 1, 5));
    assert_int_equal(sent_count(&rig), 1);
    assert_event(sent(&rig, 0), 1, "5", 0);
    assert_true(sent(&rig, 0)->position == position);
    assert_int_equal(count_of(&rig, "dedup.admitted"), 1);
    assert_int_equal(count_of(&rig, "dedup.facts"), 1);
    stop(&rig);
}

static void a_repeat_is_nothing(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    give_version(&rig, EVENT(1, 1, 5));
    give_version(&rig, EVENT(1, 1, 5));
    assert_silence(&rig);
    assert_int_equal(count_of(&rig, "dedup.duplicate"), 1);
    give_version(&rig, WITHDRAWAL(1, 2));
    give_version(&rig, WITHDRAWAL(1, 2)); /* of a withdrawal as well */
    assert_silence(&rig);
    assert_int_equal(count_of(&rig, "dedup.duplicate"), 2);
    assert_int_equal(count_of(&rig, "dedup.admitted"), 4);
    stop(&rig);
}

static void a_lower_version_is_stale(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    give_version(&rig, EVENT(1, 3, 5));
    give_version(&rig, EVENT(1, 2, 6));
    assert_silence(&rig);
    give_version(&rig, WITHDRAWAL(1, 2));
    assert_silence(&rig);
    assert_int_equal(count_of(&rig, "dedup.stale_version"), 2);
    assert_int_equal(count_of(&rig, "dedup.facts"), 1);
    stop(&rig);
}

static void an_amendment_is_one_unit_of_old_and_new(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    uint64_t first = give_version(&rig, EVENT(1, 1, 5));
    uint64_t second = give_version(&rig, EVENT(1, 2, 6));
    assert_int_equal(sent_count(&rig), 2);
    assert_event(sent(&rig, 0), -1, "5", CW_MORE);
    assert_event(sent(&rig, 1), 1, "6", 0);
    assert_true(sent(&rig, 0)->position == first && sent(&rig, 1)->position == second);
    assert_int_equal(count_of(&rig, "dedup.amended"), 1);
    assert_int_equal(count_of(&rig, "dedup.facts"), 1);
    give_version(&rig, EVENT(1, 7, 7)); /* -old is the version in force, not the first */
    assert_event(sent(&rig, 0), -1, "6", CW_MORE);
    assert_event(sent(&rig, 1), 1, "7", 0);
    stop(&rig);
}

static void of_one_version_the_greater_content_holds(void **state)
{
    (void)state;
    for (int swapped = 0; swapped <= 1; swapped++) {
        struct rig rig;
        start(&rig);
        give_version(&rig, EVENT(1, 1, swapped ? 6 : 5));
        give_version(&rig, EVENT(1, 1, swapped ? 5 : 6));
        if (swapped) {
            assert_silence(&rig);
        } else {
            assert_event(sent(&rig, 0), -1, "5", CW_MORE);
            assert_event(sent(&rig, 1), 1, "6", 0);
        }
        assert_int_equal(count_of(&rig, "dedup.version_conflict"), 1);
        assert_int_equal(count_of(&rig, "dedup.stale_version"), 0);
        stop(&rig);
    }
}

static void a_withdrawal_takes_back_and_a_higher_version_is_new(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    give_version(&rig, EVENT(1, 1, 5));
    give_version(&rig, WITHDRAWAL(1, 1)); /* after content of the same version */
    assert_int_equal(sent_count(&rig), 1);
    assert_event(sent(&rig, 0), -1, "5", 0);
    assert_int_equal(count_of(&rig, "dedup.withdrawn"), 1);
    assert_int_equal(count_of(&rig, "dedup.facts"), 0);
    give_version(&rig, EVENT(1, 1, 9));
    assert_silence(&rig);
    give_version(&rig, EVENT(1, 2, 6));
    assert_int_equal(sent_count(&rig), 1);
    assert_event(sent(&rig, 0), 1, "6", 0);
    assert_int_equal(count_of(&rig, "dedup.facts"), 1);
    assert_int_equal(count_of(&rig, "dedup.amended"), 0);
    stop(&rig);
}

static void a_withdrawal_of_an_unknown_event_leaves_its_tombstone(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    give_version(&rig, WITHDRAWAL(1, 2));
    assert_silence(&rig);
    assert_int_equal(count_of(&rig, "dedup.withdraw_unknown"), 1);
    assert_int_equal(count_of(&rig, "dedup.withdrawn"), 0);
    give_version(&rig, EVENT(1, 1, 5));
    give_version(&rig, EVENT(1, 2, 5));
    assert_silence(&rig);
    give_version(&rig, WITHDRAWAL(1, 3)); /* one tombstone over another sends nothing */
    assert_silence(&rig);
    give_version(&rig, EVENT(1, 3, 5));
    assert_silence(&rig);
    assert_int_equal(count_of(&rig, "dedup.facts"), 0);
    stop(&rig);
}

/* All orders of a set: the body in force after the last is the same, and so is the number of facts;
 * what was sent adds up to it after every step. */
static void every_order_of_arrival_gives_the_same_fact(void **state)
{
    (void)state;
    static const struct {
        struct version versions[5];
        uint64_t in_force; /* content; 0: a tombstone */
    } sets[] = {
        { { { 1, 1, 5, CW_TIME_MAX, 0 },
            { 1, 1, 6, CW_TIME_MAX, 0 },
            { 1, 2, 4, CW_TIME_MAX, 0 },
            { 1, 2, 3, CW_TIME_MAX, 0 },
            { 1, 1, 5, CW_TIME_MAX, 0 } },
          4 },
        { { { 1, 1, 5, CW_TIME_MAX, 0 },
            { 1, 2, 0, CW_TIME_MAX, 0 },
            { 1, 2, 6, CW_TIME_MAX, 0 },
            { 1, 2, 9, CW_TIME_MAX, 0 },
            { 1, 1, 0, CW_TIME_MAX, 0 } },
          0 },
        { { { 1, 1, 0, CW_TIME_MAX, 0 },
            { 1, 2, 0, CW_TIME_MAX, 0 },
            { 1, 3, 2, CW_TIME_MAX, 0 },
            { 1, 2, 9, CW_TIME_MAX, 0 },
            { 1, 3, 7, CW_TIME_MAX, 0 } },
          7 },
    };
    for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
        for (int code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
            int order[5];
            unsigned used = 0;
            for (int i = 0, rest = code; i < 5; i++, rest /= 5)
                used |= 1U << (order[i] = rest % 5);
            if (used != 31)
                continue; /* no permutation */
            struct rig rig;
            start(&rig);
            char body[32] = "";
            for (int i = 0; i < 5; i++) {
                give_version(&rig, sets[s].versions[order[i]]);
                const struct cw_frame *frame;
                for (size_t j = 0; (frame = sent(&rig, j)) != NULL; j++) {
                    if (frame->sign > 0) {
                        assert_string_equal(body, "");
                        snprintf(body, sizeof(body), "%.*s", (int)frame->body_length,
                                 (const char *)cw_frame_body(frame));
                    } else {
                        assert_str_equal(
                            (cw_str){ (const char *)cw_frame_body(frame), frame->body_length },
                            body); /* what is taken back is what held */
                        body[0] = '\0';
                    }
                }
                assert_int_equal(rig.facts, count_of(&rig, "dedup.facts"));
            }
            assert_int_equal(atoi(body), sets[s].in_force);
            assert_int_equal(rig.facts, sets[s].in_force != 0);
            stop(&rig);
        }
    }
}

#define RETAINED(number, v, c, until)                                                              \
    ((struct version){ .event = (number), .version = (v), .content = (c), .retain_until = (until) })

static void assert_tick_around(const struct rig *rig, size_t ends)
{
    assert_int_equal(sent_count(rig), ends + 2);
    assert_int_equal(sent(rig, 0)->kind, CW_TICK);
    const struct cw_frame *last = sent(rig, ends + 1);
    struct cw_close close;
    assert_int_equal(last->kind, CW_CLOSE);
    assert_true(cw_close_get(last, &close));
    assert_true(close.n == rig->ticks);
    assert_true(cw_total_get(&close.totals, "dedup.retention_ended") ==
                count_of(rig, "dedup.retention_ended"));
}

/* Also those that came long before the first R above -inf. */
static void what_ends_is_sent_between_tick_and_close_in_order(void **state)
{
    (void)state;
    enum { EVENTS = 3000 };
    for (int with_early_r = 0; with_early_r <= 1; with_early_r++) {
        struct rig rig;
        struct rng rng = { 5 };
        start(&rig);
        give_tick(&rig, with_early_r ? 0 : CW_TIME_MIN);
        assert_tick_around(&rig, 0);
        for (uint64_t i = 0; i < EVENTS; i++)
            give_version(&rig,
                         RETAINED(rng_next(&rng), 1, i + 1, 1 + (int64_t)rng_below(&rng, 50)));
        if (!with_early_r) {
            give_tick(&rig, CW_TIME_MIN);
            assert_tick_around(&rig, 0);
        }
        int64_t before = 0;
        static const int64_t ticks[] = { 1, 10, 10, 49, 50, CW_TIME_MAX };
        for (size_t t = 0; t < sizeof(ticks) / sizeof(ticks[0]); t++) {
            give_tick(&rig, ticks[t]);
            size_t ends = (size_t)(count_of(&rig, "dedup.retention_ended") - before);
            before += (int64_t)ends;
            assert_tick_around(&rig, ends);
            const struct cw_frame *last = NULL;
            size_t at = sent(&rig, 0)->length;
            for (size_t i = 0; i < ends; i++) {
                const struct cw_frame *frame = cw_frame_at(&rig.out.buf, at);
                assert_int_equal(frame->kind, CW_EVENT);
                assert_int_equal(frame->sign, -1);
                assert_int_equal(frame->flags, 0); /* a unit of its own */
                assert_true(frame->retain_until <= ticks[t]);
                assert_true(t == 0 || frame->retain_until > ticks[t - 1]);
                assert_true(last == NULL || last->retain_until < frame->retain_until ||
                            (last->retain_until == frame->retain_until &&
                             cw_id_cmp(last->identity, frame->identity) < 0));
                last = frame;
                at += frame->length;
            }
        }
        assert_int_equal(before, EVENTS);
        assert_int_equal(count_of(&rig, "dedup.facts"), 0);
        assert_int_equal(rig.facts, 0);
        stop(&rig);
    }
}

static void what_ends_carries_the_body_of_the_version_in_force(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    give_version(&rig, RETAINED(1, 1, 5, 30));
    give_version(&rig, RETAINED(1, 2, 6, 40));
    give_tick(&rig, 30); /* when the first version would have ended */
    assert_tick_around(&rig, 0);
    give_version(&rig, RETAINED(1, 3, 7, 40));
    give_tick(&rig, 39);
    assert_tick_around(&rig, 0);
    give_tick(&rig, 40);
    assert_tick_around(&rig, 1);
    assert_event(sent(&rig, 1), -1, "7", 0);
    assert_int_equal(count_of(&rig, "dedup.retention_ended"), 1);
    give_tick(&rig, 50);
    assert_tick_around(&rig, 0);
    stop(&rig);
}

static void content_behind_r_is_expired_and_a_withdrawal_never(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    give_version(&rig, RETAINED(1, 1, 5, 30));
    give_version(&rig, RETAINED(2, 1, 5, 100));
    give_tick(&rig, 30);
    assert_tick_around(&rig, 1);
    give_version(&rig, RETAINED(1, 1, 5, 30)); /* the same again, a lower one, a higher one */
    assert_silence(&rig);
    give_version(&rig, RETAINED(1, 0, 5, 29));
    assert_silence(&rig);
    give_version(&rig, RETAINED(1, 2, 6, 30));
    assert_silence(&rig);
    give_version(&rig, RETAINED(3, 1, 5, 30));
    assert_silence(&rig);
    assert_int_equal(count_of(&rig, "dedup.expired"), 4);
    give_version(&rig, RETAINED(3, 1, 5, 31));
    assert_event(sent(&rig, 0), 1, "5", 0);
    give_version(&rig, RETAINED(2, 2, 0, 10)); /* its tombstone has ended before it began */
    assert_event(sent(&rig, 0), -1, "5", 0);
    assert_int_equal(count_of(&rig, "dedup.expired"), 4);
    stop(&rig);
}

static void a_tombstone_ends_in_silence(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    give_version(&rig, RETAINED(1, 1, 5, 30));
    give_version(&rig, RETAINED(1, 2, 0, 60));
    give_version(&rig, RETAINED(2, 2, 0, 60));
    give_tick(&rig, 40); /* the withdrawn content's end is nothing */
    assert_tick_around(&rig, 0);
    give_version(&rig, RETAINED(1, 1, 5, 90));
    assert_silence(&rig);
    assert_int_equal(count_of(&rig, "dedup.stale_version"), 1);
    give_tick(&rig, 60);
    assert_tick_around(&rig, 0);
    assert_int_equal(count_of(&rig, "dedup.retention_ended"), 0);
    give_version(&rig, RETAINED(1, 1, 5, 90)); /* nothing is known of it any more */
    assert_event(sent(&rig, 0), 1, "5", 0);
    stop(&rig);
}

static void a_breach_of_contract_is_counted_whatever_holds(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    struct version v = {
        .event = 1, .version = 1, .content = 5, .retain_until = 50, .recorded_at = 10
    };
    give_version(&rig, v);
    v.version = 2;
    v.retain_until = 60; /* longer is allowed */
    give_version(&rig, v);
    assert_int_equal(count_of(&rig, "dedup.contract_breach"), 0);
    v.version = 3;
    v.retain_until = 59;
    give_version(&rig, v);
    assert_int_equal(count_of(&rig, "dedup.contract_breach"), 1);
    assert_int_equal(sent_count(&rig), 2);
    v.version = 4;
    v.recorded_at = 11;
    give_version(&rig, v);
    assert_int_equal(count_of(&rig, "dedup.contract_breach"), 2);
    v.version = 5;
    v.content = 0;
    v.retain_until = 1; /* a withdrawal shortens what it likes */
    v.recorded_at = 90;
    give_version(&rig, v);
    assert_int_equal(count_of(&rig, "dedup.contract_breach"), 2);
    stop(&rig);
}

static void frames_of_other_kinds_pass_and_dead_letters_do_not(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    static const uint8_t kinds[] = { CW_NAME, CW_SOURCE_END, CW_REJECT, CW_END };
    for (size_t i = 0; i < sizeof(kinds); i++) {
        const struct cw_frame header = { .kind = kinds[i], .source = 3 };
        rig.in.len = 0;
        (void)cw_frame_put(&rig.in, &header, NULL, 0, "text", 4);
        give(&rig, cw_frame_at(&rig.in, 0));
        if (kinds[i] == CW_REJECT) {
            assert_silence(&rig);
        } else {
            assert_int_equal(sent_count(&rig), 1);
            assert_int_equal(sent(&rig, 0)->kind, kinds[i]);
            assert_int_equal(sent(&rig, 0)->source, 3);
        }
    }
    stop(&rig);
}

static void a_tick_that_does_not_read_is_damage(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    const struct cw_frame header = { .kind = CW_TICK };
    (void)cw_frame_put(&rig.in, &header, NULL, 0, "short", 5);
    const struct cw_frame *frame = cw_frame_at(&rig.in, 0);
    const struct cw_batch batch = { &frame, 1 };
    assert_int_equal(cw_dedup_stage.batch(rig.dedup, &batch, &rig.out), CW_EXIT_DAMAGED);
    stop(&rig);
}

/* The fact's frame is not in the log: the chain was given another one. */
static void a_body_that_the_log_does_not_have_is_damage(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    struct cw_frame header = { .kind = CW_EVENT,
                               .position = 4096,
                               .version = 1,
                               .retain_until = CW_TIME_MAX,
                               .identity = id_of(1) };
    (void)cw_frame_put(&rig.in, &header, NULL, 0, "x", 1);
    header.version = 2;
    size_t second = cw_frame_put(&rig.in, &header, NULL, 0, "y", 1);
    const struct cw_frame *frames[] = { cw_frame_at(&rig.in, 0), cw_frame_at(&rig.in, second) };
    const struct cw_batch batch = { frames, 2 };
    assert_int_equal(cw_dedup_stage.batch(rig.dedup, &batch, &rig.out), CW_EXIT_DAMAGED);
    stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_event_holds),
        cmocka_unit_test(a_repeat_is_nothing),
        cmocka_unit_test(a_lower_version_is_stale),
        cmocka_unit_test(an_amendment_is_one_unit_of_old_and_new),
        cmocka_unit_test(of_one_version_the_greater_content_holds),
        cmocka_unit_test(a_withdrawal_takes_back_and_a_higher_version_is_new),
        cmocka_unit_test(a_withdrawal_of_an_unknown_event_leaves_its_tombstone),
        cmocka_unit_test(every_order_of_arrival_gives_the_same_fact),
        cmocka_unit_test(what_ends_is_sent_between_tick_and_close_in_order),
        cmocka_unit_test(what_ends_carries_the_body_of_the_version_in_force),
        cmocka_unit_test(content_behind_r_is_expired_and_a_withdrawal_never),
        cmocka_unit_test(a_tombstone_ends_in_silence),
        cmocka_unit_test(a_breach_of_contract_is_counted_whatever_holds),
        cmocka_unit_test(frames_of_other_kinds_pass_and_dead_letters_do_not),
        cmocka_unit_test(a_tick_that_does_not_read_is_damage),
        cmocka_unit_test(a_body_that_the_log_does_not_have_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Bytes that mean harm, or nothing: every one of them ends in an event or a dead letter, and ingest
 * ends with a status of its own, within its memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "ingest/wire/container.h"
#include "ingest/wire/container_format.h"
#include "operators/runtime/event.h"
#include "operators/runtime/stage.h"
#include "operators/runtime/time.h"
#include "tests/support/process.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CW_TEST_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CW_TEST_ASAN 1
#endif

enum {
    EVENTS_A_BLOCK = 8,
    BLOCKS = 3,
    EVENTS = EVENTS_A_BLOCK * BLOCKS,
    STEP = 97,
    SOURCES_MAX = 1024,
    MEMORY_KIB = 64 * 1024 /* more than a run on nothing at all takes */
};

static const char *const codecs[] = { "null", "deflate", "snappy", "zstandard" };
enum { CODECS = sizeof(codecs) / sizeof(codecs[0]) };

/* What an ingest made of its sources. */
struct outcome {
    struct cw_test_process *ingest;
    const char *log;
    const char *letters;
    size_t source_count;
    size_t events[SOURCES_MAX]; /* by source number, as the log has it */
    size_t rejects[SOURCES_MAX];
};

static long empty_rss; /* of a run on nothing */

/* --- the scene --- */

static int make_room(void **state)
{
    *state = cw_test_room_new();
    return 0;
}

static int remove_room(void **state)
{
    cw_test_room_free(*state);
    return 0;
}

static int measure_nothing(void **state)
{
    (void)state;
    struct cw_test_room *room = cw_test_room_new();
    empty_rss = cw_test_crosswatch(room, CW_EXIT_OK, "ingest", "--source", "-", "--log",
                                   cw_test_path(room, "log"), NULL)
                    ->max_rss;
    cw_test_room_free(room);
    return 0;
}

/* The number behind `name`, which is in the line before `end`. */
static uint64_t number_in(const char *line, const char *end, const char *name)
{
    const char *at = memmem(line, (size_t)(end - line), name, strlen(name));
    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 10);
}

static bool begins(const char *line, const char *text)
{
    return strncmp(line, text, strlen(text)) == 0;
}

static void count_frames(struct outcome *outcome)
{
    struct cw_test_room *room = outcome->ingest->room;
    const char *frames =
        cw_test_crosswatch(room, CW_EXIT_OK, "frames", "--log", outcome->log, NULL)->output;
    const char *line = cw_test_read(room, frames, NULL);
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        bool is_event = begins(line, "{\"kind\":\"event\"");
        bool is_reject = begins(line, "{\"kind\":\"reject\"");
        outcome->source_count += begins(line, "{\"kind\":\"source_end\"");
        if (!is_event && !is_reject)
            continue;
        uint64_t source = number_in(line, end, "\"source\":");
        assert_true(source < SOURCES_MAX);
        outcome->events[source] += is_event;
        outcome->rejects[source] += is_reject;
    }
}

static size_t sum(const size_t counts[SOURCES_MAX])
{
    size_t total = 0;
    for (size_t i = 0; i < SOURCES_MAX; i++)
        total += counts[i];
    return total;
}

/* What the closing line says, what the log has, and what the letters are, is the same. */
static void expect_all_accounted(const struct outcome *outcome)
{
    struct cw_test_room *room = outcome->ingest->room;
    size_t events = sum(outcome->events);
    size_t rejects = sum(outcome->rejects);
    assert_true(cw_test_file_has(
        room, outcome->ingest->errors,
        cw_test_text(room, " %zu events admitted, %zu dead letters;", events, rejects)));
    struct cw_test_process *list =
        cw_test_crosswatch(room, CW_EXIT_OK, "dlq", "list", outcome->letters, NULL);
    assert_int_equal(cw_test_count_lines(room, list->output), rejects);
    if (rejects == 0)
        return;
    struct cw_test_process *show =
        cw_test_crosswatch(room, CW_EXIT_OK, "dlq", "show", outcome->letters,
                           cw_test_text(room, "%zu", rejects), NULL);
    assert_true(cw_test_file_has(room, show->output, "code      "));
    assert_true(cw_test_file_has(room, show->output, "sentence  "));
}

static void hold_memory(const struct outcome *outcome)
{
#ifdef CW_TEST_ASAN
    (void)outcome; /* quarantine and shadow are not the program's */
    (void)empty_rss;
#else
    if (outcome->ingest->max_rss - empty_rss > MEMORY_KIB)
        fail_msg("%ld KiB, and %ld KiB on nothing", outcome->ingest->max_rss, empty_rss);
#endif
}

/* `source` is a path, or NULL for standard input from `input`. */
static struct outcome ingest(struct cw_test_room *room, const char *source, const char *input)
{
    struct outcome outcome = { .log = cw_test_path(room, "log"),
                               .letters = cw_test_path(room, "letters") };
    struct cw_test_words words = { { NULL }, 0 };
    cw_test_add(&words, CW_PROGRAM, "ingest", "--source", source != NULL ? source : "-",
                "--dead-letters", outcome.letters, "--log", outcome.log, NULL);
    outcome.ingest = cw_test_start(room, &words, input);
    cw_test_wait_for_status(outcome.ingest, CW_EXIT_OK);
    count_frames(&outcome);
    expect_all_accounted(&outcome);
    hold_memory(&outcome);
    return outcome;
}

/* --- noise --- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static void noise_ends_in_dead_letters(void **state)
{
    static const char *const openings[] = { "", CW_CONTAINER_MAGIC, "{\"owner\":" };
    for (uint64_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
        struct cw_test_room *room = cw_test_room_new();
        char bytes[4096];
        uint64_t seed = i;
        cw_test_room_free(*state);
        *state = room;
        for (size_t at = 0; at < sizeof(bytes); at++)
            bytes[at] = (char)next_random(&seed);
        memcpy(bytes, openings[i], strlen(openings[i]));
        cw_test_write(cw_test_path(room, "noise"), bytes, sizeof(bytes));
        struct outcome outcome = ingest(room, NULL, cw_test_path(room, "noise"));
        assert_true(sum(outcome.rejects) > 0);
        assert_int_equal(sum(outcome.events), 0);
    }
}

/* --- JSON lines --- */

static void each_line_of_rubbish_is_a_dead_letter(void **state)
{
    enum { DEEP = 100000, LONG = 2 * 1024 * 1024 };
    static const char *const lines[] = {
        "null",
        "[]",
        "{}",
        "\"",
        "{\"owner\":",
        "{\"owner\":\"XX\"}",
        "{\"owner\":{\"owner\":{}},\"event_id\":[1,2,3]}",
        "{\"event_time\":1e999999999}",
        "{\"event_time\":-0.00000000000000000000000000000000000001e-999}",
        "{\"event_id\":\"\\ud800\"}",
        "{\"event_id\":\"\\u0000\"}",
        "{\"event_id\":\"\xff\xfe\"}",
        "{\"a\":1}{\"a\":1}",
        "}{",
        "Obj\x02",
        "\x1b[2J\x1b]0;title\x07",
    };
    struct cw_test_room *room = *state;
    struct cw_buf text = { 0 };
    size_t count = sizeof(lines) / sizeof(lines[0]);
    for (size_t i = 0; i < count; i++)
        cw_buf_printf(&text, "%s\n", lines[i]);
    for (size_t i = 0; i < DEEP; i++)
        cw_buf_cstr(&text, "{\"a\":[");
    cw_buf_cstr(&text, "\n{\"event_id\":\"");
    for (size_t i = 0; i < LONG; i++)
        cw_buf_u8(&text, 'x');
    cw_buf_cstr(&text, "\"}\nthe last line has no end");
    count += 3;
    cw_test_write(cw_test_path(room, "lines"), text.data, text.len);
    cw_buf_done(&text);
    struct outcome outcome = ingest(room, NULL, cw_test_path(room, "lines"));
    assert_int_equal(sum(outcome.rejects), count);
    assert_int_equal(sum(outcome.events), 0);
    /* and what is shown of them can do nothing to a terminal */
    struct cw_test_process *show =
        cw_test_crosswatch(room, CW_EXIT_OK, "dlq", "show", outcome.letters, "16", NULL);
    assert_false(cw_test_file_has(room, show->output, "\x1b"));
}

/* --- containers --- */

struct bytes {
    const char *ptr;
    size_t len;
    size_t starts[BLOCKS + 1]; /* of the blocks; the last one is the end */
};

/* A crossing of whose details nothing is known. */
static void write_event(struct cw_buf *out, const char *event_id)
{
    struct cw_value detail[CW_TYPE_FIELDS_MAX] = { 0 };
    struct cw_event event;
    cw_event_defaults(&event);
    event.owner = cw_cstr("XX");
    event.event_id = cw_cstr(event_id);
    event.event_type = cw_cstr("border_crossing");
    event.type = cw_type_by_name(event.event_type);
    event.detail_type = event.type;
    event.detail = detail;
    assert_true(cw_time_parse(cw_cstr("2020-01-01T00:00:00Z"), &event.event_time));
    event.recorded_at = event.event_time;
    cw_event_write(&event, out);
}

static struct bytes write_container(struct cw_test_room *room, const char *codec, int first,
                                    int count)
{
    struct bytes bytes = { 0 };
    struct cw_buf body = { 0 };
    const char *path = cw_test_path(room, "whole");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    struct cw_container_writer *writer =
        cw_container_create(file, cw_event_schema_json(), codec, 1);
    for (int i = first; i < first + count; i++) {
        body.len = 0;
        write_event(&body, cw_test_text(room, "E-%d", i));
        cw_container_put(writer, body.data, body.len);
    }
    assert_true(cw_container_finish(writer));
    assert_int_equal(fclose(file), 0);
    cw_buf_done(&body);
    bytes.ptr = cw_test_read(room, path, &bytes.len);
    return bytes;
}

/* The same schema and seed have the same header and sync marker, so blocks can be put together. */
static struct bytes small_container(struct cw_test_room *room, const char *codec)
{
    struct bytes bytes = write_container(room, codec, 0, 0);
    size_t header = bytes.len;
    struct cw_buf whole = { 0 };
    cw_buf_put(&whole, bytes.ptr, header);
    for (int i = 0; i < BLOCKS; i++) {
        struct bytes one = write_container(room, codec, i * EVENTS_A_BLOCK, EVENTS_A_BLOCK);
        bytes.starts[i] = whole.len;
        cw_buf_put(&whole, one.ptr + header, one.len - header);
    }
    bytes.starts[BLOCKS] = whole.len;
    cw_test_write(cw_test_path(room, "whole"), whole.data, whole.len);
    cw_buf_done(&whole);
    bytes.ptr = cw_test_read(room, cw_test_path(room, "whole"), &bytes.len);
    return bytes;
}

static bool at_a_boundary(const struct bytes *bytes, size_t at)
{
    for (int i = 0; i <= BLOCKS; i++) {
        if (bytes->starts[i] == at)
            return true;
    }
    return false;
}

/* A copy of the container for each place, one damaged there; how many. */
static size_t write_damaged(struct cw_test_room *room, const struct bytes *bytes, bool cut)
{
    size_t count = 0;
    char *copy = malloc(bytes->len);
    assert_int_equal(mkdir(cw_test_path(room, "damaged"), 0700), 0);
    for (size_t at = 0; at < bytes->len; at += STEP) {
        if (cut && (at == 0 || at_a_boundary(bytes, at)))
            continue; /* an empty file, or a good one */
        memcpy(copy, bytes->ptr, bytes->len);
        copy[at] = (char)(copy[at] ^ (1 << (at / STEP % 8)));
        cw_test_write(cw_test_path(room, "damaged/%06zu", at), cut ? bytes->ptr : copy,
                      cut ? at : bytes->len);
        count++;
    }
    free(copy);
    return count;
}

static void read_damaged(void **state, bool cut)
{
    for (size_t i = 0; i < CODECS; i++) {
        struct cw_test_room *room = cw_test_room_new();
        cw_test_room_free(*state);
        *state = room;
        struct bytes bytes = small_container(room, codecs[i]);
        size_t count = write_damaged(room, &bytes, cut);
        assert_true(count >= 10);
        struct outcome outcome = ingest(room, cw_test_path(room, "damaged"), NULL);
        assert_int_equal(outcome.source_count, count);
        size_t whole = 0;
        size_t seen = 0;
        for (size_t source = 0; source < SOURCES_MAX; source++) {
            assert_true(outcome.events[source] <= EVENTS);
            whole += outcome.events[source] == EVENTS;
            seen += outcome.events[source] == EVENTS || outcome.rejects[source] > 0;
        }
        /* nothing is lost without a word */
        assert_int_equal(seen, count);
        if (cut)
            assert_int_equal(whole, 0);
    }
}

static void a_bit_that_is_wrong_costs_no_more_than_it_must_and_is_told(void **state)
{
    read_damaged(state, false);
}

static void a_container_that_was_cut_off_gives_what_is_whole_and_tells_of_the_rest(void **state)
{
    read_damaged(state, true);
}

static void a_good_container_of_each_codec_is_read_whole(void **state)
{
    for (size_t i = 0; i < CODECS; i++) {
        struct cw_test_room *room = cw_test_room_new();
        cw_test_room_free(*state);
        *state = room;
        (void)small_container(room, codecs[i]);
        struct outcome outcome = ingest(room, cw_test_path(room, "whole"), NULL);
        assert_int_equal(sum(outcome.events), EVENTS);
        assert_int_equal(sum(outcome.rejects), 0);
    }
}

/* --- bombs --- */

static void put_long(struct cw_buf *out, int64_t value)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; zigzag >= 0x80; zigzag >>= 7)
        cw_buf_u8(out, (uint8_t)(zigzag | 0x80));
    cw_buf_u8(out, (uint8_t)zigzag);
}

/* 512 MiB of zeros, raw deflate. */
static void deflate_bomb(struct cw_buf *out)
{
    enum { ROUND = 1024 * 1024, ROUNDS = 512 };
    z_stream stream = { 0 };
    uint8_t *zeros = calloc(1, ROUND);
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    for (int i = 0; i < ROUNDS; i++) {
        stream.next_in = zeros;
        stream.avail_in = ROUND;
        do {
            stream.next_out = cw_buf_reserve(out, ROUND);
            stream.avail_out = ROUND;
            (void)deflate(&stream, i == ROUNDS - 1 ? Z_FINISH : Z_NO_FLUSH);
            out->len += ROUND - stream.avail_out;
        } while (stream.avail_out == 0);
    }
    deflateEnd(&stream);
    free(zeros);
}

static void zstandard_bomb(struct cw_buf *out)
{
    enum { SIZE = 256 * 1024 * 1024 };
    void *zeros = calloc(1, SIZE);
    size_t room = ZSTD_compressBound(SIZE);
    size_t len = ZSTD_compress(cw_buf_reserve(out, room), room, zeros, SIZE, 1);
    assert_false(ZSTD_isError(len));
    out->len += len;
    free(zeros);
}

/* A block that says it expands to 1 GiB, and one byte. */
static void snappy_bomb(struct cw_buf *out)
{
    static const uint8_t length[] = { 0x80, 0x80, 0x80, 0x80, 0x04, 0x00, 'x', 0, 0, 0, 0 };
    cw_buf_put(out, length, sizeof(length));
}

static void a_block_that_expands_without_end_is_a_dead_letter_and_the_next_is_read(void **state)
{
    static void (*const bombs[CODECS])(struct cw_buf *) = { NULL, deflate_bomb, snappy_bomb,
                                                            zstandard_bomb };
    for (size_t i = 1; i < CODECS; i++) {
        struct cw_test_room *room = cw_test_room_new();
        cw_test_room_free(*state);
        *state = room;
        struct bytes bytes = small_container(room, codecs[i]);
        struct cw_buf bomb = { 0 };
        struct cw_buf file = { 0 };
        bombs[i](&bomb);
        cw_buf_put(&file, bytes.ptr, bytes.starts[0]);
        put_long(&file, 1000000);
        put_long(&file, (int64_t)bomb.len);
        cw_buf_put(&file, bomb.data, bomb.len);
        cw_buf_put(&file, bytes.ptr + bytes.starts[0] - CW_SYNC_LEN, CW_SYNC_LEN);
        cw_buf_put(&file, bytes.ptr + bytes.starts[0], bytes.len - bytes.starts[0]);
        cw_test_write(cw_test_path(room, "bomb"), file.data, file.len);
        cw_buf_done(&bomb);
        cw_buf_done(&file);
        struct outcome outcome = ingest(room, cw_test_path(room, "bomb"), NULL);
        assert_int_equal(sum(outcome.events), EVENTS);
        assert_int_equal(sum(outcome.rejects), 1);
    }
}

/* Lengths that no file could have: of a block, of a count, of a datum's string. */
static void lengths_beyond_reason_ask_for_no_memory(void **state)
{
    static const int64_t claims[][2] = { { 1, INT64_MAX },
                                         { INT64_MAX, 10 },
                                         { -1, 10 },
                                         { 1, -10 },
                                         { INT64_MIN, 10 },
                                         { 1, INT64_C(512) << 20 },
                                         { 1, INT64_C(1) << 32 } };
    enum { CLAIMS = sizeof(claims) / sizeof(claims[0]) };
    struct cw_test_room *room = *state;
    struct bytes bytes = small_container(room, "null");
    assert_int_equal(mkdir(cw_test_path(room, "claims"), 0700), 0);
    for (size_t i = 0; i < CLAIMS; i++) {
        struct cw_buf file = { 0 };
        cw_buf_put(&file, bytes.ptr, bytes.starts[0]);
        put_long(&file, claims[i][0]);
        put_long(&file, claims[i][1]);
        put_long(&file, INT64_C(512) << 20); /* as the length of the first string */
        cw_buf_cstr(&file, "rest");
        cw_test_write(cw_test_path(room, "claims/%zu", i), file.data, file.len);
        cw_buf_done(&file);
    }
    struct outcome outcome = ingest(room, cw_test_path(room, "claims"), NULL);
    assert_int_equal(outcome.source_count, CLAIMS);
    assert_true(sum(outcome.rejects) >= CLAIMS);
    assert_int_equal(sum(outcome.events), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_room, remove_room)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(noise_ends_in_dead_letters),
        TEST(each_line_of_rubbish_is_a_dead_letter),
        TEST(a_good_container_of_each_codec_is_read_whole),
        TEST(a_bit_that_is_wrong_costs_no_more_than_it_must_and_is_told),
        TEST(a_container_that_was_cut_off_gives_what_is_whole_and_tells_of_the_rest),
        TEST(a_block_that_expands_without_end_is_a_dead_letter_and_the_next_is_read),
        TEST(lengths_beyond_reason_ask_for_no_memory),
    };
    return cmocka_run_group_tests(tests, measure_nothing, NULL);
}

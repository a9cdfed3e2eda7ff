/* test_log.c - the log, in memory and in files: what is appended is there, and what a crash, a
 * damaged disk or another program leaves is seen. */
#include "testing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operators/runtime/log.h"

enum { HEADER_SIZE = 64, COUNT = 40 };

static char directory[256];

static int set_up(void **state)
{
    (void)state;
    make_directory(directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_directory(directory);
    return 0;
}

static struct cw_log *open_writer(void)
{
    char error[256];
    struct cw_log *log = cw_log_write(directory, error, sizeof(error));
    if (log == NULL)
        fail_msg("%s", error);
    return log;
}

static struct cw_log *open_reader(void)
{
    char error[256];
    struct cw_log *log = cw_log_read(directory, error, sizeof(error));
    if (log == NULL)
        fail_msg("%s", error);
    return log;
}

/* The frame of a number: its body has the length and the byte that the number gives. */
static size_t body_length(uint64_t number)
{
    return number * 37 % 200;
}

static const struct cw_frame *make_frame(struct cw_buf *buf, uint64_t number)
{
    char body[200];
    memset(body, (int)(number & 0x7f), sizeof(body));
    const struct cw_frame header = { .kind = CW_EVENT, .offset = (int64_t)number };
    buf->len = 0;
    return cw_frame_at(buf, cw_frame_put(buf, &header, NULL, 0, body, body_length(number)));
}

static uint64_t append(struct cw_log *log, uint64_t number)
{
    struct cw_buf buf = { 0 };
    uint64_t position = cw_log_append(log, make_frame(&buf, number));
    cw_buf_done(&buf);
    return position;
}

static void assert_frame(struct cw_log *log, uint64_t position, uint64_t number)
{
    const struct cw_frame *frame = cw_log_get(log, position);
    if (frame == NULL)
        fail_msg("no frame %llu at %llu: %s", (unsigned long long)number,
                 (unsigned long long)position, cw_log_error(log));
    assert_true(frame->position == position);
    assert_true(frame->offset == (int64_t)number);
    assert_true(cw_frame_sealed(frame));
    assert_int_equal(frame->body_length, body_length(number));
    const uint8_t *body = cw_frame_body(frame);
    for (size_t i = 0; i < frame->body_length; i++)
        assert_int_equal(body[i], number & 0x7f);
}

/* A file log of COUNT frames, closed; the positions, and the end as the last of them. */
static void make_log(uint64_t positions[COUNT + 1])
{
    struct cw_log *log = open_writer();
    for (uint64_t i = 0; i < COUNT; i++)
        positions[i] = append(log, i);
    positions[COUNT] = cw_log_end(log);
    cw_log_close(log);
}

static void segment_path(char path[300], uint64_t base)
{
    snprintf(path, 300, "%s/%020llu.seg", directory, (unsigned long long)base);
}

static void change_byte(const char *path, off_t at, uint8_t mask)
{
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= mask;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void positions_and_frames_are_the_same_in_memory_and_in_files(void **state)
{
    (void)state;
    struct cw_log *memory = cw_log_memory();
    struct cw_log *files = open_writer();
    uint64_t positions[COUNT];
    for (uint64_t i = 0; i < COUNT; i++) {
        positions[i] = append(memory, i);
        assert_true(append(files, i) == positions[i]);
        assert_true(cw_log_end(memory) == cw_log_end(files));
        assert_frame(files, positions[i / 2], i / 2); /* buffered or written: it is there */
    }
    assert_true(positions[0] == 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_frame(memory, positions[i], i);
        assert_frame(files, positions[i], i);
        const struct cw_frame *a = cw_log_get(memory, positions[i]);
        const struct cw_frame *b = cw_log_get(files, positions[i]);
        assert_memory_equal(a, b, a->length);
    }
    assert_true(cw_id_is_zero(cw_log_id(memory)));
    assert_false(cw_id_is_zero(cw_log_id(files)));
    cw_log_close(memory);
    cw_log_close(files);
    cw_log_close(NULL);
}

static void where_no_frame_begins_there_is_none(void **state)
{
    (void)state;
    uint64_t positions[COUNT + 1];
    make_log(positions);
    struct cw_log *memory = cw_log_memory();
    for (uint64_t i = 0; i < COUNT; i++)
        append(memory, i);
    struct cw_log *logs[] = { memory, open_reader() };
    for (size_t l = 0; l < 2; l++) {
        assert_null(cw_log_get(logs[l], positions[COUNT]));
        assert_string_equal(cw_log_error(logs[l]), ""); /* nothing yet is no error */
        size_t next = 0;
        for (uint64_t at = 0; at < positions[COUNT]; at++) {
            if (at == positions[next]) {
                assert_frame(logs[l], at, next);
                next++;
            } else {
                assert_null(cw_log_get(logs[l], at));
            }
        }
        assert_null(cw_log_get(logs[l], positions[COUNT] + 8));
        assert_null(cw_log_get(logs[l], UINT64_MAX));
        assert_null(cw_log_get(logs[l], UINT64_MAX - 7));
        assert_frame(logs[l], positions[3], 3); /* and a wrong question spoils nothing */
        cw_log_close(logs[l]);
    }
}

static void a_log_that_is_opened_again_goes_on(void **state)
{
    (void)state;
    uint64_t positions[COUNT + 1];
    make_log(positions);
    struct cw_log *log = open_writer();
    struct cw_id id = cw_log_id(log);
    assert_true(cw_log_end(log) == positions[COUNT]);
    assert_true(append(log, COUNT) == positions[COUNT]);
    cw_log_sync(log);
    struct cw_log *reader = open_reader();
    assert_id_equal(cw_log_id(reader), id);
    for (uint64_t i = 0; i <= COUNT; i++)
        assert_frame(reader, positions[i], i);
    assert_true(cw_log_end(reader) == cw_log_end(log));
    cw_log_close(reader);
    cw_log_close(log);
}

/* Whatever a crash left of the last frame is cut off, and the next one takes its place. */
static void a_torn_end_is_cut_at_every_byte(void **state)
{
    (void)state;
    uint64_t positions[COUNT + 1];
    make_log(positions);
    char path[300];
    segment_path(path, 0);
    const uint64_t last = positions[COUNT - 1];
    for (uint64_t size = positions[COUNT] - 1; size >= last; size--) {
        assert_int_equal(truncate(path, (off_t)(HEADER_SIZE + size)), 0);
        struct cw_log *reader = open_reader();
        assert_frame(reader, positions[COUNT - 2], COUNT - 2);
        assert_null(cw_log_get(reader, last));
        assert_string_equal(cw_log_error(reader), ""); /* it is waited for */
        struct cw_log *log = open_writer();
        assert_true(cw_log_end(log) == last);
        assert_true(append(log, COUNT - 1) == last);
        cw_log_close(log);
        assert_frame(reader, last, COUNT - 1); /* the reader sees what came instead */
        cw_log_close(reader);
        if (size == 0)
            break;
    }
}

static void a_torn_end_of_zeros_is_cut(void **state)
{
    (void)state;
    uint64_t positions[COUNT + 1];
    make_log(positions);
    char path[300];
    segment_path(path, 0);
    assert_int_equal(truncate(path, (off_t)(HEADER_SIZE + positions[COUNT] + 4096)), 0);
    struct cw_log *log = open_writer();
    assert_true(cw_log_end(log) == positions[COUNT]);
    cw_log_close(log);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, HEADER_SIZE + positions[COUNT]);
}

/* Every byte of a frame in the middle: the frame is not given out, and the sentence says where. */
static void a_changed_byte_in_the_middle_is_damage_with_its_place(void **state)
{
    (void)state;
    uint64_t positions[COUNT + 1];
    make_log(positions);
    char path[300];
    char place[64];
    segment_path(path, 0);
    enum { VICTIM = 11 };
    const uint64_t from = positions[VICTIM];
    snprintf(place, sizeof(place), "byte %llu ", (unsigned long long)(from + HEADER_SIZE));
    for (uint64_t at = from; at < positions[VICTIM + 1]; at++) {
        change_byte(path, (off_t)(HEADER_SIZE + at), 0x10);
        struct cw_log *reader = open_reader();
        assert_null(cw_log_get(reader, from));
        if (at >= from + 4) { /* a length that changed may look like one that has not come yet */
            assert_non_null(strstr(cw_log_error(reader), "00000000000000000000.seg"));
            assert_non_null(strstr(cw_log_error(reader), place));
        }
        assert_frame(reader, positions[VICTIM - 1], VICTIM - 1);
        assert_frame(reader, positions[VICTIM + 1], VICTIM + 1);
        cw_log_close(reader);
        if (at % 16 == 4) {
            char error[256] = "";
            assert_null(cw_log_write(directory, error, sizeof(error)));
            assert_non_null(strstr(error, place));
        }
        change_byte(path, (off_t)(HEADER_SIZE + at), 0x10);
    }
    struct cw_log *log = open_writer(); /* and nothing was lost by refusing */
    assert_true(cw_log_end(log) == positions[COUNT]);
    cw_log_close(log);
}

/* Damage is never taken for a torn end: what stands behind it would be cut off. */
static void damaged_lengths_in_the_middle_are_not_cut_off(void **state)
{
    (void)state;
    uint64_t positions[COUNT + 1];
    make_log(positions);
    char path[300];
    segment_path(path, 0);
    for (int bit = 3; bit < 32; bit++) {
        off_t at = (off_t)(HEADER_SIZE + positions[20] + (uint64_t)(bit / 8));
        change_byte(path, at, (uint8_t)(1 << bit % 8));
        char error[256] = "";
        struct cw_log *log = cw_log_write(directory, error, sizeof(error));
        if (log != NULL)
            fail_msg("a length with bit %d changed was cut off as torn, with %d frames behind it",
                     bit, COUNT - 21);
        change_byte(path, at, (uint8_t)(1 << bit % 8));
    }
}

static void a_reader_follows_while_the_writer_writes(void **state)
{
    (void)state;
    struct cw_log *writer = open_writer();
    struct cw_log *reader = open_reader();
    assert_null(cw_log_get(reader, 0));
    uint64_t next = 0;
    uint64_t read = 0;
    for (uint64_t i = 0; i < 500; i++) {
        append(writer, i);
        if (i % 7 != 0)
            continue;
        cw_log_flush(writer);
        cw_log_wait(reader, next, 10000); /* comes back at once: it is there */
        for (const struct cw_frame *frame; (frame = cw_log_get(reader, next)) != NULL; read++) {
            assert_true(frame->offset == (int64_t)read);
            next += frame->length;
        }
        assert_true(read == i + 1);
        assert_true(cw_log_end(reader) == cw_log_end(writer));
    }
    cw_log_close(writer); /* writes what is buffered */
    assert_frame(reader, next, read);
    cw_log_close(reader);
}

static void a_log_has_one_writer(void **state)
{
    (void)state;
    struct cw_log *first = open_writer();
    char error[256] = "";
    assert_null(cw_log_write(directory, error, sizeof(error)));
    assert_non_null(strstr(error, "another"));
    cw_log_close(first);
    cw_log_close(open_writer());
}

static void reading_where_there_is_no_log_says_so(void **state)
{
    (void)state;
    char error[256] = "";
    assert_null(cw_log_read(directory, error, sizeof(error)));
    assert_non_null(strstr(error, directory));
    error[0] = '\0';
    assert_null(cw_log_read("/nowhere/at/all", error, sizeof(error)));
    assert_non_null(strstr(error, "/nowhere/at/all"));
    error[0] = '\0';
    assert_null(cw_log_write("/proc/none/log", error, sizeof(error)));
    assert_non_null(strstr(error, "/proc/none/log"));
}

/* The header of a segment: magic 8, format 4, normaliser 4, log 16, schemas 16, base 8, crc 4. */
static void write_header(const char *path, size_t at, uint8_t mask, bool sealed)
{
    uint8_t header[HEADER_SIZE];
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, header, sizeof(header), 0), HEADER_SIZE);
    header[at] ^= mask;
    uint32_t crc = cw_crc32c(header, 56);
    if (sealed)
        memcpy(header + 56, &crc, sizeof(crc));
    assert_int_equal(pwrite(fd, header, sizeof(header), 0), HEADER_SIZE);
    close(fd);
}

static void a_log_of_another_version_or_schema_is_refused(void **state)
{
    (void)state;
    uint64_t positions[COUNT + 1];
    make_log(positions);
    char path[300];
    segment_path(path, 0);
    static const size_t fields[] = { 8, 12, 32, 47 }; /* format, normaliser, schemas */
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char error[256] = "";
        write_header(path, fields[i], 2, true);
        assert_null(cw_log_read(directory, error, sizeof(error)));
        assert_non_null(strstr(error, "another version"));
        error[0] = '\0';
        assert_null(cw_log_write(directory, error, sizeof(error)));
        assert_non_null(strstr(error, "another version"));
        write_header(path, fields[i], 2, true);
    }
    struct cw_log *reader = open_reader();
    assert_frame(reader, positions[COUNT - 1], COUNT - 1);
    cw_log_close(reader);
}

static void a_damaged_header_is_refused(void **state)
{
    (void)state;
    uint64_t positions[COUNT + 1];
    make_log(positions);
    char path[300];
    segment_path(path, 0);
    for (size_t at = 0; at < 60; at++) {
        char error[256] = "";
        write_header(path, at, 0x40, false);
        assert_null(cw_log_read(directory, error, sizeof(error)));
        assert_non_null(strstr(error, path));
        write_header(path, at, 0x40, false);
    }
    assert_int_equal(truncate(path, 63), 0);
    char error[256] = "";
    assert_null(cw_log_read(directory, error, sizeof(error)));
    assert_non_null(strstr(error, path));
}

/* Frames of 4 MiB fill a segment of 256 MiB in 64. */
static void segments_roll_over_and_reading_crosses_them(void **state)
{
    (void)state;
    enum { BIG = 70 };
    struct cw_buf buf = { 0 };
    uint8_t *body = calloc(1, CW_FRAME_MAX);
    assert_non_null(body);
    const struct cw_frame header = { .kind = CW_EVENT };
    (void)cw_frame_put(&buf, &header, NULL, 0, body, CW_FRAME_MAX - sizeof(header));
    free(body);
    struct cw_log *writer = open_writer();
    struct cw_log *reader = open_reader();
    uint64_t positions[BIG];
    for (int64_t i = 0; i < BIG; i++) {
        cw_frame_at(&buf, 0)->offset = i;
        positions[i] = cw_log_append(writer, cw_frame_at(&buf, 0));
        assert_true(positions[i] == (uint64_t)i * CW_FRAME_MAX);
    }
    uint64_t small = append(writer, 5);
    cw_log_flush(writer);
    cw_buf_done(&buf);
    uint64_t next = 0;
    for (int64_t i = 0; i < BIG; i++) { /* the reader was there before the second segment */
        const struct cw_frame *frame = cw_log_get(reader, next);
        assert_non_null(frame);
        assert_true(frame->offset == i && frame->position == positions[i]);
        next += frame->length;
    }
    assert_frame(reader, small, 5);
    assert_frame(writer, small, 5);
    assert_non_null(cw_log_get(writer, positions[0]));
    assert_non_null(cw_log_get(reader, positions[63]));
    char path[300];
    segment_path(path, positions[64]);
    assert_int_equal(access(path, R_OK), 0);
    cw_log_close(reader);
    cw_log_close(writer);
    reader = open_reader(); /* one that comes later crosses them, too */
    assert_frame(reader, small, 5);
    assert_non_null(cw_log_get(reader, positions[10]));
    cw_log_close(reader);
    writer = open_writer();
    assert_true(append(writer, 6) > small);
    cw_log_close(writer);
    char gone[320];
    snprintf(gone, sizeof(gone), "%s.away", path);
    segment_path(path, 0);
    assert_int_equal(truncate(path, (off_t)(HEADER_SIZE + positions[60])), 0);
    char error[256] = "";
    assert_null(cw_log_read(directory, error, sizeof(error)));
    assert_non_null(strstr(error, "missing or cut short"));
}

/* In memory segments are of 16 MiB. */
static void a_log_in_memory_grows_over_many_segments(void **state)
{
    (void)state;
    struct cw_log *log = cw_log_memory();
    struct cw_buf buf = { 0 };
    uint8_t *body = calloc(1, 3000000);
    assert_non_null(body);
    uint64_t positions[20];
    for (int64_t i = 0; i < 20; i++) {
        const struct cw_frame header = { .kind = CW_EVENT, .offset = i };
        buf.len = 0;
        (void)cw_frame_put(&buf, &header, NULL, 0, body, 3000000);
        positions[i] = cw_log_append(log, cw_frame_at(&buf, 0));
        assert_true(positions[i] == (uint64_t)i * buf.len);
    }
    for (int64_t i = 19; i >= 0; i--)
        assert_true(cw_log_get(log, positions[i])->offset == i);
    free(body);
    cw_buf_done(&buf);
    cw_log_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_DIRECTORY(positions_and_frames_are_the_same_in_memory_and_in_files),
        WITH_DIRECTORY(where_no_frame_begins_there_is_none),
        WITH_DIRECTORY(a_log_that_is_opened_again_goes_on),
        WITH_DIRECTORY(a_torn_end_is_cut_at_every_byte),
        WITH_DIRECTORY(a_torn_end_of_zeros_is_cut),
        WITH_DIRECTORY(a_changed_byte_in_the_middle_is_damage_with_its_place),
        WITH_DIRECTORY(damaged_lengths_in_the_middle_are_not_cut_off),
        WITH_DIRECTORY(a_reader_follows_while_the_writer_writes),
        WITH_DIRECTORY(a_log_has_one_writer),
        WITH_DIRECTORY(reading_where_there_is_no_log_says_so),
        WITH_DIRECTORY(a_log_of_another_version_or_schema_is_refused),
        WITH_DIRECTORY(a_damaged_header_is_refused),
        WITH_DIRECTORY(segments_roll_over_and_reading_crosses_them),
        cmocka_unit_test(a_log_in_memory_grows_over_many_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/deadletter.h"
#include "operators/runtime/buf.h"

static const struct cw_id first_log = { { 1 } };
static const struct cw_id second_log = { { 2 } };

struct seen {
    size_t count;
    uint64_t numbers[16];
    int64_t offsets[16];
    int64_t length;
    char source[64];
    char code[64];
    char field[64];
    char sentence[128];
    struct cw_buf bytes;
};

static void copy(char *into, size_t room, cw_str text)
{
    assert_true(text.len < room);
    memcpy(into, text.ptr, text.len);
    into[text.len] = '\0';
}

static bool see(void *context, uint64_t number, const struct cw_dead_letter *letter)
{
    struct seen *seen = context;
    assert_true(seen->count < 16);
    seen->numbers[seen->count] = number;
    seen->offsets[seen->count++] = letter->offset;
    seen->length = letter->length;
    copy(seen->source, sizeof(seen->source), letter->source);
    copy(seen->code, sizeof(seen->code), letter->code);
    copy(seen->field, sizeof(seen->field), letter->field);
    copy(seen->sentence, sizeof(seen->sentence), letter->sentence);
    seen->bytes.len = 0;
    cw_buf_str(&seen->bytes, letter->bytes);
    return true;
}

static struct seen read_all(const char *dir)
{
    char error[512];
    struct seen seen = { 0 };
    assert_true(cw_dead_letters_read(dir, see, &seen, error, sizeof(error)));
    return seen;
}

static size_t count_of(const char *dir)
{
    struct seen seen = read_all(dir);
    cw_buf_done(&seen.bytes);
    return seen.count;
}

static struct cw_dead_letters *open_letters(const char *dir, struct cw_id log)
{
    char error[512];
    struct cw_dead_letters *letters = cw_dead_letters_open(dir, log, error, sizeof(error));
    assert_non_null(letters);
    return letters;
}

static void put(struct cw_dead_letters *letters, const char *source, int64_t offset, cw_str bytes)
{
    struct cw_reason reason;
    (void)cw_reject(&reason, "bad_utf8", "parties[0].role", "expected UTF-8 at byte %d", 7);
    cw_dead_letters_put(letters, cw_cstr(source), offset, &reason, bytes);
}

static int make_dir(void **state)
{
    char template[] = "/tmp/cw-dlq-XXXXXX";
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

static void a_letter_comes_back_as_it_was_put(void **state)
{
    struct cw_dead_letters *letters = open_letters(*state, first_log);
    put(letters, "ro \"igpr\".avro", 42, (cw_str){ "\0\x01\xff\n\"", 5 });
    cw_dead_letters_close(letters);
    struct seen seen = read_all(*state);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.numbers[0], 1);
    assert_int_equal(seen.offsets[0], 42);
    assert_string_equal(seen.source, "ro \"igpr\".avro");
    assert_string_equal(seen.code, "bad_utf8");
    assert_string_equal(seen.field, "parties[0].role");
    assert_string_equal(seen.sentence, "expected UTF-8 at byte 7");
    assert_int_equal(seen.length, 5);
    assert_int_equal(seen.bytes.len, 5);
    assert_memory_equal(seen.bytes.data, "\0\x01\xff\n\"", 5);
    cw_buf_done(&seen.bytes);
}

static void a_letter_without_bytes_is_one(void **state)
{
    struct cw_dead_letters *letters = open_letters(*state, first_log);
    put(letters, "a", 0, (cw_str){ NULL, 0 });
    cw_dead_letters_close(letters);
    struct seen seen = read_all(*state);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.bytes.len, 0);
    cw_buf_done(&seen.bytes);
}

static void of_long_bytes_the_beginning_and_the_length_are_kept(void **state)
{
    struct cw_dead_letters *letters = open_letters(*state, first_log);
    size_t len = CW_DEAD_LETTER_BYTES + 1000;
    char *bytes = calloc(1, len);
    bytes[CW_DEAD_LETTER_BYTES - 1] = 'x';
    put(letters, "a", 0, (cw_str){ bytes, len });
    free(bytes);
    cw_dead_letters_close(letters);
    struct seen seen = read_all(*state);
    assert_int_equal(seen.length, len);
    assert_int_equal(seen.bytes.len, CW_DEAD_LETTER_BYTES);
    assert_int_equal(seen.bytes.data[CW_DEAD_LETTER_BYTES - 1], 'x');
    cw_buf_done(&seen.bytes);
}

/* A field may have been cut inside a character; the line must be JSON all the same. */
static void text_that_is_not_utf8_becomes_so(void **state)
{
    struct cw_dead_letters *letters = open_letters(*state, first_log);
    struct cw_reason reason;
    (void)cw_reject(&reason, "unknown_field", "\xc3", "expected a field, found \xe2\x82");
    cw_dead_letters_put(letters, cw_cstr("dir/\xff.avro"), 1, &reason, cw_cstr("x"));
    cw_dead_letters_close(letters);
    struct seen seen = read_all(*state);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.source, "dir/?.avro");
    assert_string_equal(seen.field, "?");
    cw_buf_done(&seen.bytes);
}

static void a_torn_last_line_is_cut_when_the_writer_comes_back(void **state)
{
    struct cw_dead_letters *letters = open_letters(*state, first_log);
    put(letters, "a", 0, cw_cstr("whole"));
    put(letters, "a", 1, cw_cstr("torn"));
    cw_dead_letters_close(letters);
    char path[256];
    char hex[CW_ID_HEX];
    struct stat status;
    cw_id_hex(first_log, hex);
    snprintf(path, sizeof(path), "%s/%s.jsonl", (char *)*state, hex);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - 3), 0);
    assert_int_equal(count_of(*state), 1); /* a reader does not trip over it either */
    letters = open_letters(*state, first_log);
    put(letters, "a", 1, cw_cstr("again"));
    cw_dead_letters_close(letters);
    struct seen seen = read_all(*state);
    assert_int_equal(seen.count, 2);
    assert_memory_equal(seen.bytes.data, "again", 5);
    cw_buf_done(&seen.bytes);
}

struct known {
    int64_t a; /* last offsets in the log */
    int64_t b;
};

static bool is_known(void *context, cw_str source, int64_t offset)
{
    const struct known *known = context;
    return offset <= (cw_str_is(source, "a") ? known->a : known->b);
}

static void a_rewind_cuts_what_the_log_does_not_know(void **state)
{
    struct cw_dead_letters *letters = open_letters(*state, first_log);
    put(letters, "a", 0, cw_cstr("1"));
    put(letters, "b", 5, cw_cstr("2"));
    put(letters, "a", 3, cw_cstr("3"));
    put(letters, "b", 6, cw_cstr("4"));
    struct known known = { .a = 2, .b = 5 };
    cw_dead_letters_rewind(letters, is_known, &known);
    assert_int_equal(count_of(*state), 2);
    put(letters, "a", 3, cw_cstr("3")); /* and the next one stands behind what is left */
    cw_dead_letters_close(letters);
    struct seen seen = read_all(*state);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.offsets[1], 5);
    assert_int_equal(seen.offsets[2], 3);
    cw_buf_done(&seen.bytes);
}

static void a_rewind_may_cut_everything_or_nothing(void **state)
{
    struct cw_dead_letters *letters = open_letters(*state, first_log);
    struct known known = { .a = -1, .b = -1 };
    cw_dead_letters_rewind(letters, is_known, &known); /* an empty file */
    put(letters, "a", 0, cw_cstr("1"));
    put(letters, "a", 1, cw_cstr("2"));
    known.a = 1;
    cw_dead_letters_rewind(letters, is_known, &known);
    assert_int_equal(count_of(*state), 2);
    known.a = -1;
    cw_dead_letters_rewind(letters, is_known, &known);
    assert_int_equal(count_of(*state), 0);
    cw_dead_letters_close(letters);
}

static void the_letters_of_another_log_are_left_alone(void **state)
{
    struct cw_dead_letters *letters = open_letters(*state, first_log);
    put(letters, "a", 9, cw_cstr("kept"));
    cw_dead_letters_close(letters);
    letters = open_letters(*state, second_log);
    put(letters, "a", 3, cw_cstr("cut"));
    struct known known = { .a = -1, .b = -1 };
    cw_dead_letters_rewind(letters, is_known, &known);
    cw_dead_letters_close(letters);
    struct seen seen = read_all(*state);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.offsets[0], 9);
    cw_buf_done(&seen.bytes);
}

static void letters_are_for_their_owner_only(void **state)
{
    char dir[256];
    struct stat status;
    snprintf(dir, sizeof(dir), "%s/inner", (char *)*state);
    cw_dead_letters_close(open_letters(dir, first_log));
    assert_int_equal(stat(dir, &status), 0);
    assert_int_equal(status.st_mode & 077, 0);
}

static void a_directory_that_cannot_be_made_is_a_sentence(void **state)
{
    char dir[256];
    char error[512] = "";
    snprintf(dir, sizeof(dir), "%s/no/such", (char *)*state);
    assert_null(cw_dead_letters_open(dir, first_log, error, sizeof(error)));
    assert_non_null(strstr(error, dir));
    assert_false(cw_dead_letters_read(dir, see, NULL, error, sizeof(error)));
    assert_non_null(strstr(error, "No such file"));
}

static void a_line_that_is_no_letter_is_named(void **state)
{
    char path[256];
    char error[512] = "";
    snprintf(path, sizeof(path), "%s/x.jsonl", (char *)*state);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("{\"source\":1}\n", file);
    fclose(file);
    struct seen seen = { 0 };
    assert_false(cw_dead_letters_read(*state, see, &seen, error, sizeof(error)));
    assert_non_null(strstr(error, "x.jsonl:1"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)
    const struct CMUnitTest tests[] = {
        TEST(a_letter_comes_back_as_it_was_put),
        TEST(a_letter_without_bytes_is_one),
        TEST(of_long_bytes_the_beginning_and_the_length_are_kept),
        TEST(text_that_is_not_utf8_becomes_so),
        TEST(a_torn_last_line_is_cut_when_the_writer_comes_back),
        TEST(a_rewind_cuts_what_the_log_does_not_know),
        TEST(a_rewind_may_cut_everything_or_nothing),
        TEST(the_letters_of_another_log_are_left_alone),
        TEST(letters_are_for_their_owner_only),
        TEST(a_directory_that_cannot_be_made_is_a_sentence),
        TEST(a_line_that_is_no_letter_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

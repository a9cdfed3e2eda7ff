#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "sinks/export.h"
#include "tests/support/rows.h"

struct fixture {
    struct cw_log *log;
    struct cw_export *export;
    struct cw_buf frames;
    uint32_t number;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->log = cw_log_memory();
    f->export = cw_export_new(f->log);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    cw_export_stage.free(f->export);
    cw_log_close(f->log);
    cw_buf_done(&f->frames);
    free(f);
    return 0;
}

static void put(struct fixture *f, const char *alert, const char *title, bool gone)
{
    const struct cw_row row = { .gone = gone,
                                .alert = cw_test_id(alert),
                                .case_id = cw_test_id(title),
                                .rule = cw_cstr("r"),
                                .title = cw_cstr(title),
                                .question = cw_cstr("q") };
    cw_test_row(&f->frames, 1, ++f->number, &row);
}

static char *written(struct fixture *f)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    assert_true(cw_export_write(f->export, file));
    fclose(file);
    return text;
}

static size_t lines_of(const char *text)
{
    size_t count = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        count++;
    return count;
}

static void what_stands_at_the_end_is_written_sorted(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++) {
        char name[24];
        snprintf(name, sizeof(name), "alert %d", i);
        put(f, name, "one title", false);
        if (i % 2 == 0)
            put(f, name, "another title", false);
        if (i % 5 == 0)
            put(f, name, "another title", true);
    }
    put(f, "never was", "x", true);
    assert_int_equal(cw_test_push(&cw_export_stage, f->export, &f->frames, 7), CW_EXIT_OK);
    assert_int_equal(cw_export_count(f->export), 40);
    char *text = written(f);
    assert_int_equal(lines_of(text), 40);
    char *before = NULL;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_true(before == NULL || strcmp(before, line) < 0);
        before = line;
    }
    free(text);
}

static void the_same_rows_in_another_order_are_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    put(f, "a", "one", false);
    put(f, "b", "two", false);
    put(f, "a", "three", false);
    assert_int_equal(cw_test_push(&cw_export_stage, f->export, &f->frames, 2), CW_EXIT_OK);
    char *text = written(f);
    struct cw_export *other = cw_export_new(f->log);
    struct cw_export *first = f->export;
    f->frames.len = 0;
    f->export = other;
    put(f, "a", "three", false);
    put(f, "b", "two", false);
    assert_int_equal(cw_test_push(&cw_export_stage, other, &f->frames, 512), CW_EXIT_OK);
    char *again = written(f);
    assert_string_equal(text, again);
    cw_export_stage.free(first);
    free(text);
    free(again);
}

static void nothing_is_an_empty_file(void **state)
{
    struct fixture *f = *state;
    char *text = written(f);
    assert_string_equal(text, "");
    free(text);
}

static void a_row_whose_evidence_is_missing_is_damage(void **state)
{
    struct fixture *f = *state;
    struct cw_row_evidence shown = { .position = 12345 };
    const struct cw_row row = { .rule = cw_cstr("r"), .shown_count = 1, .shown = &shown };
    cw_test_row(&f->frames, 1, 1, &row);
    assert_int_equal(cw_test_push(&cw_export_stage, f->export, &f->frames, 1), CW_EXIT_DAMAGED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_stands_at_the_end_is_written_sorted),
        TEST(the_same_rows_in_another_order_are_the_same_bytes),
        TEST(nothing_is_an_empty_file),
        TEST(a_row_whose_evidence_is_missing_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

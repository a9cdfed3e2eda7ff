/* test_counters.c - the page of counters that others read. */
#include "testing.h"

#include <sys/mman.h>
#include <unistd.h>

#include "operators/runtime/counters.h"

static char directory[256];
static char path[300];

static int set_up(void **state)
{
    (void)state;
    make_directory(directory);
    snprintf(path, sizeof(path), "%s/page", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_directory(directory);
    return 0;
}

static void close_page(struct cw_counters_page *page)
{
    assert_int_equal(munmap(page, sizeof(*page)), 0);
}

static int64_t value_of(const struct cw_counters_page *page, const char *name)
{
    for (uint32_t i = 0; i < page->count; i++) {
        if (strcmp(page->of[i].name, name) == 0)
            return page->of[i].value;
    }
    fail_msg("no counter %s", name);
    return 0;
}

static void what_is_set_is_read_from_outside_at_once(void **state)
{
    (void)state;
    struct cw_counters_page *page = cw_counters_open(path, "dedup");
    struct cw_counters_page read;
    assert_true(cw_counters_read(path, &read));
    assert_int_equal(read.count, 0);
    assert_string_equal(read.stage, "dedup");
    assert_int_equal(read.pid, getpid());
    cw_counters_set(page, "a", 5);
    cw_counters_set(page, "b", -7);
    cw_counters_set(page, "a", INT64_MAX);
    assert_true(cw_counters_read(path, &read));
    assert_int_equal(read.count, 2);
    assert_true(value_of(&read, "a") == INT64_MAX && value_of(&read, "b") == -7);
    close_page(page);
    assert_true(cw_counters_read(path, &read)); /* it stays when its process is gone */
    assert_int_equal(read.count, 2);
}

static void a_page_begins_anew_with_its_process(void **state)
{
    (void)state;
    struct cw_counters_page *page = cw_counters_open(path, "dedup");
    cw_counters_set(page, "a", 5);
    close_page(page);
    page = cw_counters_open(path, "link");
    struct cw_counters_page read;
    assert_true(cw_counters_read(path, &read));
    assert_int_equal(read.count, 0);
    assert_string_equal(read.stage, "link");
    close_page(page);
}

static void counters_beyond_the_page_are_dropped(void **state)
{
    (void)state;
    struct cw_counters_page *page = cw_counters_open(path, "a stage with a long name");
    for (int i = 0; i < CW_COUNTERS_MAX + 20; i++) {
        char name[32];
        snprintf(name, sizeof(name), "counter.%d", i);
        cw_counters_set(page, name, i);
    }
    struct cw_counters_page read;
    assert_true(cw_counters_read(path, &read));
    assert_int_equal(read.count, CW_COUNTERS_MAX);
    assert_true(value_of(&read, "counter.63") == 63);
    assert_int_equal(read.stage[sizeof(read.stage) - 1], 0);
    close_page(page);
}

static void a_name_that_is_too_long_is_one_counter(void **state)
{
    (void)state;
    struct cw_counters_page *page = cw_counters_open(path, "x");
    char name[60];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    cw_counters_set(page, name, 1);
    cw_counters_set(page, name, 2);
    assert_int_equal(page->count, 1);
    assert_true(page->of[0].value == 2);
    close_page(page);
}

static void totals_are_set_all(void **state)
{
    (void)state;
    struct cw_totals totals = { 0 };
    *cw_total(&totals, "x") = 1;
    *cw_total(&totals, "y") = 2;
    struct cw_counters_page *page = cw_counters_open(path, "s");
    cw_counters_totals(page, &totals);
    assert_true(value_of(page, "x") == 1 && value_of(page, "y") == 2);
    *cw_total(&totals, "x") = 3;
    cw_counters_totals(page, &totals);
    assert_int_equal(page->count, 2);
    assert_true(value_of(page, "x") == 3);
    close_page(page);
}

static void without_a_path_or_a_place_it_counts_all_the_same(void **state)
{
    (void)state;
    static const char *const paths[] = { NULL, "/nowhere/at/all" };
    for (size_t i = 0; i < 2; i++) {
        struct cw_counters_page *page = cw_counters_open(paths[i], "s");
        cw_counters_set(page, "a", 5);
        assert_true(value_of(page, "a") == 5);
        close_page(page);
    }
}

static void what_is_no_page_is_refused(void **state)
{
    (void)state;
    struct cw_counters_page read;
    assert_false(cw_counters_read(path, &read));
    struct cw_counters_page *page = cw_counters_open(path, "s");
    page->magic[0] = 'x';
    assert_false(cw_counters_read(path, &read));
    page->magic[0] = 'c';
    page->count = CW_COUNTERS_MAX + 1;
    assert_false(cw_counters_read(path, &read));
    page->count = 0;
    assert_true(cw_counters_read(path, &read));
    close_page(page);
    assert_int_equal(truncate(path, sizeof(read) - 1), 0);
    assert_false(cw_counters_read(path, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_DIRECTORY(what_is_set_is_read_from_outside_at_once),
        WITH_DIRECTORY(a_page_begins_anew_with_its_process),
        WITH_DIRECTORY(counters_beyond_the_page_are_dropped),
        WITH_DIRECTORY(a_name_that_is_too_long_is_one_counter),
        WITH_DIRECTORY(totals_are_set_all),
        WITH_DIRECTORY(without_a_path_or_a_place_it_counts_all_the_same),
        WITH_DIRECTORY(what_is_no_page_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

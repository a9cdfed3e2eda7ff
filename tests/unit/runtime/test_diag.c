/* test_diag.c - mistakes with their place, and the word that was meant. */
#include "testing.h"

#include "operators/runtime/diag.h"

static void assert_diag(size_t line, size_t column, const char *text, const char *expected)
{
    struct cw_diag diag = { .file = "x.yaml", .text = cw_cstr(text) };
    cw_diag_error(&diag, line, column, "found \"%s\"", "y");
    assert_int_equal(diag.count, 1);
    assert_str_equal((cw_str){ (const char *)diag.out.data, diag.out.len }, expected);
    cw_diag_done(&diag);
}

static void a_mistake_shows_its_line_and_column(void **state)
{
    (void)state;
    const char *text = "a: 1\n\tb: two\nc: 3";
    assert_diag(1, 4, text, "x.yaml:1:4: error: found \"y\"\n    a: 1\n       ^\n");
    assert_diag(2, 5, text, "x.yaml:2:5: error: found \"y\"\n    \tb: two\n    \t   ^\n");
    assert_diag(3, 1, text, "x.yaml:3:1: error: found \"y\"\n    c: 3\n    ^\n");
}

static void a_mistake_of_the_whole_file_shows_no_line(void **state)
{
    (void)state;
    assert_diag(0, 0, "a: 1\n", "x.yaml: error: found \"y\"\n");
    assert_diag(3, 1, NULL, "x.yaml: error: found \"y\"\n");
}

static void places_past_the_text_are_harmless(void **state)
{
    (void)state;
    assert_diag(9, 1, "a\n", "x.yaml:9:1: error: found \"y\"\n    \n    ^\n");
    assert_diag(1, 900, "ab\n", "x.yaml:1:900: error: found \"y\"\n    ab\n      ^\n");
    assert_diag(1, 1, "", "x.yaml:1:1: error: found \"y\"\n    \n    ^\n");
}

static void all_mistakes_are_told(void **state)
{
    (void)state;
    struct cw_diag diag = { .file = "x.yaml", .text = cw_cstr("a\nb\n") };
    char *wide = malloc(3000);
    assert_non_null(wide);
    memset(wide, 'w', 2999);
    wide[2999] = '\0';
    cw_diag_error(&diag, 1, 1, "first");
    cw_diag_error(&diag, 2, 1, "%s", wide); /* is cut, not lost */
    cw_diag_error(&diag, 0, 0, "third");
    assert_int_equal(diag.count, 3);
    cw_buf_u8(&diag.out, 0);
    const char *out = (const char *)diag.out.data;
    assert_non_null(strstr(out, "x.yaml:1:1: error: first"));
    assert_non_null(strstr(out, "x.yaml:2:1: error: www"));
    assert_non_null(strstr(out, "x.yaml: error: third"));
    free(wide);
    cw_diag_done(&diag);
    assert_int_equal(diag.out.len, 0);
}

static void the_nearest_word_is_at_most_a_third_away(void **state)
{
    (void)state;
    static const char *const words[] = { "timespan", "group-by", "condition", "ad", "" };
    assert_string_equal(cw_nearest(cw_cstr("timespam"), words, 5), "timespan");
    assert_string_equal(cw_nearest(cw_cstr("timspan"), words, 5), "timespan");
    assert_string_equal(cw_nearest(cw_cstr("group_by"), words, 5), "group-by");
    assert_string_equal(cw_nearest(cw_cstr("condtion"), words, 5), "condition");
    assert_null(cw_nearest(cw_cstr("completely"), words, 4));
    assert_null(cw_nearest(cw_cstr("timespan"), words, 0));
    char wide[200];
    memset(wide, 'a', sizeof(wide));
    assert_null(cw_nearest((cw_str){ wide, sizeof(wide) }, words, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistake_shows_its_line_and_column),
        cmocka_unit_test(a_mistake_of_the_whole_file_shows_no_line),
        cmocka_unit_test(places_past_the_text_are_harmless),
        cmocka_unit_test(all_mistakes_are_told),
        cmocka_unit_test(the_nearest_word_is_at_most_a_third_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

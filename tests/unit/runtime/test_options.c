/* test_options.c - the command line: a table of options and what people type. */
#include "testing.h"

#include "operators/runtime/stage.h"
#include "operators/runtime/time.h"
#include "ops/command.h"

static bool flag;
static const char *text;
static struct cw_text_list list;
static uint64_t count;
static int64_t span;
static int64_t moment;

static const struct cw_command command = { "try", "--text T [options]", "Tries options.", NULL };
static const struct cw_option options[] = {
    { "text", CW_OPT_TEXT, &text, true, "a text" },
    { "flag", CW_OPT_FLAG, &flag, false, "a flag" },
    { "list", CW_OPT_LIST, &list, false, "a list" },
    { "count", CW_OPT_COUNT, &count, false, "a count" },
    { "span", CW_OPT_SPAN, &span, false, "a span" },
    { "time", CW_OPT_TIME, &moment, false, "a time" },
    { "tex", CW_OPT_TEXT, &text, false, "a prefix of another" },
    { NULL, CW_OPT_FLAG, NULL, false, NULL },
};

enum { ARGS_MAX = 16 };

/* Words are separated by one space each. */
static int read_words(const char *words, struct cw_text_list *rest)
{
    static char copy[256];
    static char name[] = "try";
    char *argv[ARGS_MAX] = { name };
    int argc = 1;
    flag = false;
    text = NULL;
    count = 0;
    span = moment = -1;
    free(list.items);
    list = (struct cw_text_list){ NULL, 0 };
    snprintf(copy, sizeof(copy), "%s", words);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(argc < ARGS_MAX);
        argv[argc++] = word;
    }
    return cw_options_read(&command, options, argc, argv, rest);
}

static void every_type_reads_in_both_spellings(void **state)
{
    (void)state;
    assert_int_equal(read_words("--text a --flag --list x --list=y --count 20k --span=30d "
                                "--time 1970-01-02",
                                NULL),
                     -1);
    assert_string_equal(text, "a");
    assert_true(flag);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0], "x");
    assert_string_equal(list.items[1], "y");
    assert_true(count == 20000);
    assert_true(span == 30 * CW_DAY);
    assert_true(moment == CW_DAY);
    assert_int_equal(read_words("--text=--flag", NULL), -1); /* a value may look like an option */
    assert_string_equal(text, "--flag");
    assert_false(flag);
    assert_int_equal(read_words("--text=a=b", NULL), -1);
    assert_string_equal(text, "a=b");
    assert_int_equal(read_words("--text=", NULL), -1);
    assert_string_equal(text, "");
    assert_int_equal(read_words("--text a --text b", NULL), -1); /* the last one holds */
    assert_string_equal(text, "b");
}

static void what_does_not_fit_is_a_usage_error(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",                                    /* a required one is missing */
        "--flag",                              /* so it is */
        "--tex a",                             /* a prefix is another option */
        "--text",                              /* no value */
        "--text a --unknown",                  /* no such option */
        "--text a --fla",                      /* prefixes are not guessed */
        "--text a --flagg",                    /* nor the other way round */
        "--text a --",                         /* no name */
        "--text a b",                          /* nobody takes it */
        "--text a --count",                    /* no value */
        "--text a --count x",                  /* not a number */
        "--text a --count -1",                 /* below zero */
        "--text a --count 5K",                 /* no such unit */
        "--text a --count 5kk",                /* two units */
        "--text a --count 99999999999999999M", /* too many */
        "--text a --span 30",                  /* no unit */
        "--text a --time 1970-02-30",          /* no such day */
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (read_words(refused[i], NULL) != CW_EXIT_USAGE)
            fail_msg("\"%s\" was accepted", refused[i]);
    }
}

static void counts_have_units_and_a_limit(void **state)
{
    (void)state;
    assert_int_equal(read_words("--text a --count 0", NULL), -1);
    assert_true(count == 0);
    assert_int_equal(read_words("--text a --count 5M", NULL), -1);
    assert_true(count == 5000000);
    assert_int_equal(read_words("--text a --count 18446744073709551615", NULL), -1);
    assert_true(count == UINT64_MAX);
    assert_int_equal(read_words("--text a --count 18446744073709551616", NULL), CW_EXIT_USAGE);
}

static void a_flag_takes_no_value(void **state)
{
    (void)state;
    assert_int_equal(read_words("--text a --flag=false", NULL), CW_EXIT_USAGE);
}

static void the_rest_comes_in_order(void **state)
{
    (void)state;
    struct cw_text_list rest = { NULL, 0 };
    assert_int_equal(read_words("one --text a two - three", &rest), -1);
    assert_int_equal(rest.count, 4);
    assert_string_equal(rest.items[0], "one");
    assert_string_equal(rest.items[2], "-");
    assert_string_equal(rest.items[3], "three");
    free(rest.items);
}

static void help_is_no_error(void **state)
{
    (void)state;
    assert_int_equal(read_words("--help", NULL), CW_EXIT_OK);
    assert_int_equal(read_words("--flag --help", NULL), CW_EXIT_OK);
}

static int tear_down(void **state)
{
    (void)state;
    free(list.items);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_reads_in_both_spellings),
        cmocka_unit_test(what_does_not_fit_is_a_usage_error),
        cmocka_unit_test(counts_have_units_and_a_limit),
        cmocka_unit_test(a_flag_takes_no_value),
        cmocka_unit_test(the_rest_comes_in_order),
        cmocka_unit_test(help_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}

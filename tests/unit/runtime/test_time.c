/* test_time.c - event time: text, spans, and the calendar against counting day by day. */
#include "testing.h"

#include "operators/runtime/time.h"

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_length(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && is_leap(year));
}

static void civil_dates_equal_counting_over_eight_hundred_years(void **state)
{
    (void)state;
    int64_t count = 0; /* 400 years forward of 1970, then the same backward */
    for (int64_t year = 1970; year < 2370; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= month_length(year, month); day++, count++) {
                int64_t y;
                int m;
                int d;
                cw_civil_from_days(count, &y, &m, &d);
                if (y != year || m != month || d != day ||
                    cw_days_from_civil(year, month, day) != count)
                    fail_msg("day %lld is %lld-%d-%d", (long long)count, (long long)year, month,
                             day);
            }
        }
    }
    assert_int_equal(count, 146097);
    count = 0;
    for (int64_t year = 1969; year >= 1570; year--) {
        for (int month = 12; month >= 1; month--) {
            for (int day = month_length(year, month); day >= 1; day--) {
                count--;
                int64_t y;
                int m;
                int d;
                cw_civil_from_days(count, &y, &m, &d);
                if (y != year || m != month || d != day ||
                    cw_days_from_civil(year, month, day) != count)
                    fail_msg("day %lld is %lld-%d-%d", (long long)count, (long long)year, month,
                             day);
            }
        }
    }
    assert_int_equal(count, -146097);
}

static void only_dates_of_the_calendar_are_valid(void **state)
{
    (void)state;
    for (int64_t year = 1896; year <= 2004; year++) {
        for (int month = 0; month <= 13; month++) {
            for (int day = 0; day <= 32; day++) {
                bool expected = month >= 1 && month <= 12 && day >= 1 &&
                                day <= month_length(year, month == 0 || month == 13 ? 1 : month);
                assert_int_equal(cw_date_valid(year, month, day), expected);
            }
        }
    }
}

static void times_read_back_from_their_text(void **state)
{
    (void)state;
    struct rng rng = { 7 };
    const int64_t first = cw_days_from_civil(0, 1, 1) * CW_DAY;
    const int64_t last = cw_days_from_civil(10000, 1, 1) * CW_DAY - 1;
    for (int i = 0; i < 20000; i++) {
        int64_t micros = first + (int64_t)(rng_next(&rng) % (uint64_t)(last - first + 1));
        if (i % 3 == 0)
            micros = cw_floor_div(micros, CW_SECOND) * CW_SECOND;
        if (i < 2)
            micros = i == 0 ? first : last;
        char text[CW_TIME_TEXT];
        int64_t back;
        cw_time_format(micros, text);
        if (!cw_time_parse(cw_cstr(text), &back) || back != micros)
            fail_msg("%s does not read back", text);
    }
}

static void known_times_have_their_text(void **state)
{
    (void)state;
    static const struct {
        int64_t micros;
        const char *text;
    } known[] = { { 0, "1970-01-01T00:00:00Z" },
                  { -1, "1969-12-31T23:59:59.999999Z" },
                  { INT64_C(1577836800000000), "2020-01-01T00:00:00Z" },
                  { INT64_C(951782400000001), "2000-02-29T00:00:00.000001Z" },
                  { INT64_C(-2208988800000000), "1900-01-01T00:00:00Z" },
                  { CW_TIME_MIN, "-inf" },
                  { CW_TIME_MAX, "+inf" } };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[CW_TIME_TEXT];
        cw_time_format(known[i].micros, text);
        assert_string_equal(text, known[i].text);
    }
    char text[CW_TIME_TEXT];
    cw_time_format(CW_TIME_MIN + 1, text); /* the ends of the type fit */
    cw_time_format(CW_TIME_MAX - 1, text);
}

static void dates_offsets_and_fractions_are_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t micros;
    } known[] = {
        { "1970-01-02", 86400000000 },        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01t00:00:00z", 0 },        { "1970-01-01 00:00:01Z", 1000000 },
        { "1970-01-01T02:00:00+02:00", 0 },   { "1969-12-31T19:30:00-04:30", 0 },
        { "1970-01-01T00:00:00.5Z", 500000 }, { "1970-01-01T00:00:00.1234567891Z", 123456 }
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int64_t micros;
        assert_true(cw_time_parse(cw_cstr(known[i].text), &micros));
        assert_true(micros == known[i].micros);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "1970",
        "1970-01",
        "1970-1-1",
        "1970-13-01",
        "1970-02-29",
        "1900-02-29",
        "1970/01/01",
        "1970-01-01T",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00:00",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:60Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+2:00",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+0200",
        "1970-01-01T00:00:00ZZ",
        "1970-01-01x00:00:00Z",
        "-inf",
        "yesterday",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int64_t micros;
        if (cw_time_parse(cw_cstr(refused[i]), &micros))
            fail_msg("\"%s\" was taken for a time", refused[i]);
        /* and no byte behind the text is looked at */
        size_t len = strlen(refused[i]);
        char *exact = malloc(len + (len == 0));
        assert_non_null(exact);
        memcpy(exact, refused[i], len);
        assert_false(cw_time_parse((cw_str){ exact, len }, &micros));
        free(exact);
    }
}

static void spans_have_a_unit_and_a_limit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t micros;
    } known[] = { { "10s", 10 * CW_SECOND }, { "5m", 5 * CW_MINUTE },     { "12h", 12 * CW_HOUR },
                  { "30d", 30 * CW_DAY },    { "2w", 14 * CW_DAY },       { "0s", 0 },
                  { "007d", 7 * CW_DAY },    { "36525d", 36525 * CW_DAY } };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int64_t micros;
        assert_true(cw_span_parse(cw_cstr(known[i].text), &micros));
        assert_true(micros == known[i].micros);
    }
    static const char *const refused[] = {
        "", "d", "30", "30x", "-1d", "1 d", "36526d", "1.5h", "99999999999d", "999999999999s"
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int64_t micros;
        assert_false(cw_span_parse(cw_cstr(refused[i]), &micros));
    }
}

static void division_rounds_down_also_below_zero(void **state)
{
    (void)state;
    for (int64_t a = -50; a <= 50; a++) {
        for (int64_t b = 1; b <= 7; b++) {
            int64_t q = cw_floor_div(a, b);
            assert_true(q * b <= a && a < (q + 1) * b);
        }
    }
    assert_true(cw_floor_div(INT64_MIN, 1) == INT64_MIN);
}

static void sums_are_held_at_the_ends(void **state)
{
    (void)state;
    assert_true(cw_time_add(CW_TIME_MIN, 5) == CW_TIME_MIN);
    assert_true(cw_time_add(CW_TIME_MAX, -5) == CW_TIME_MAX);
    assert_true(cw_time_add(CW_TIME_MAX - 1, 5) == CW_TIME_MAX);
    assert_true(cw_time_add(CW_TIME_MIN + 1, -5) == CW_TIME_MIN);
    assert_true(cw_time_add(3, -5) == -2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(civil_dates_equal_counting_over_eight_hundred_years),
        cmocka_unit_test(only_dates_of_the_calendar_are_valid),
        cmocka_unit_test(times_read_back_from_their_text),
        cmocka_unit_test(known_times_have_their_text),
        cmocka_unit_test(dates_offsets_and_fractions_are_accepted),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(spans_have_a_unit_and_a_limit),
        cmocka_unit_test(division_rounds_down_also_below_zero),
        cmocka_unit_test(sums_are_held_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_money.c - currencies, lists of rates, exact conversion.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "ingest/money.h"
#include "operators/runtime/time.h"

static int setup(void **state)
{
    struct cw_secret secret;
    (void)state;
    cw_secret_init(&secret, cw_cstr("crosswatch-test")); /* which initialises libsodium */
    return 0;
}

static int64_t day(int year, int month, int of_month)
{
    return cw_days_from_civil(year, month, of_month);
}

static struct cw_rates *list(const char *text)
{
    struct cw_diag diag = { 0 };
    struct cw_rates *rates = cw_rates_parse("rates.csv", cw_cstr(text), &diag);
    if (rates == NULL)
        fail_msg("%.*s", (int)diag.out.len, (const char *)diag.out.data);
    cw_diag_done(&diag);
    return rates;
}

/* What is wrong with the text; freed by the caller. */
static char *mistakes(const char *text, size_t count)
{
    struct cw_diag diag = { 0 };
    assert_null(cw_rates_parse("rates.csv", cw_cstr(text), &diag));
    assert_int_equal(diag.count, count);
    cw_buf_u8(&diag.out, 0);
    return (char *)diag.out.data;
}

static void assert_says(const char *text, const char *sentence)
{
    char *said = mistakes(text, 1);
    if (strstr(said, sentence) == NULL)
        fail_msg("expected \"%s\" in:\n%s", sentence, said);
    free(said);
}

static int64_t cents(const struct cw_rates *rates, int64_t amount, const char *currency)
{
    int64_t out;
    assert_true(cw_money_eur(rates, amount, cw_cstr(currency), day(2024, 6, 1), &out));
    return out;
}

/* --- currencies --- */

static void a_currency_has_none_two_or_three_digits(void **state)
{
    (void)state;
    assert_int_equal(cw_currency_digits(cw_cstr("EUR")), 2);
    assert_int_equal(cw_currency_digits(cw_cstr("JPY")), 0);
    assert_int_equal(cw_currency_digits(cw_cstr("KWD")), 3);
    assert_int_equal(cw_currency_digits(cw_cstr("AED")), 2); /* the first of the list */
    assert_int_equal(cw_currency_digits(cw_cstr("ZWL")), 2); /* and the last */
}

static void what_is_no_money_has_no_digits(void **state)
{
    static const char *const none[] = {
        "", "EU", "EURO", "eur", "XAU", "XXX", "AAA", "ZZZ", "123"
    };
    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(cw_currency_digits(cw_cstr(none[i])), -1);
}

/* --- conversion --- */

static void euro_need_no_rate(void **state)
{
    (void)state;
    struct cw_rates *rates = list("");
    assert_int_equal(cents(rates, CW_MONEY_MAX, "EUR"), CW_MONEY_MAX);
    assert_int_equal(cents(rates, 0, "EUR"), 0);
    cw_rates_free(rates);
}

static void minor_units_decide_the_scale(void **state)
{
    (void)state;
    struct cw_rates *rates = list("2024-01-01,USD,1.25\n2024-01-01,JPY,160\n2024-01-01,KWD,0.32\n");
    assert_int_equal(cents(rates, 12500, "USD"), 10000); /* 125 dollars: 100 euro */
    assert_int_equal(cents(rates, 16000, "JPY"), 10000); /* 16,000 yen */
    assert_int_equal(cents(rates, 32000, "KWD"), 10000); /* 32 dinars */
    cw_rates_free(rates);
}

/* Half a cent goes to the even cent, so that many roundings do not add up one way. */
static void a_half_is_rounded_to_the_even_cent(void **state)
{
    (void)state;
    struct cw_rates *rates = list("2024-01-01,USD,2\n2024-01-01,CHF,0.8\n2024-01-01,PLN,3\n");
    assert_int_equal(cents(rates, 1, "USD"), 0);
    assert_int_equal(cents(rates, 3, "USD"), 2);
    assert_int_equal(cents(rates, 5, "USD"), 2);
    assert_int_equal(cents(rates, 7, "USD"), 4);
    assert_int_equal(cents(rates, 2, "CHF"), 2); /* 2.5 */
    assert_int_equal(cents(rates, 6, "CHF"), 8); /* 7.5 */
    assert_int_equal(cents(rates, 4, "PLN"), 1); /* 1.33 */
    assert_int_equal(cents(rates, 5, "PLN"), 2); /* 1.67 */
    cw_rates_free(rates);
}

/* By the definition, with numbers small enough for plain arithmetic. */
static void conversion_is_what_the_definition_says(void **state)
{
    (void)state;
    for (int64_t rate = 10; rate < 3000; rate += 7) { /* hundredths */
        char text[64];
        snprintf(text, sizeof(text), "2024-01-01,USD,%d.%02d\n", (int)(rate / 100),
                 (int)(rate % 100));
        struct cw_rates *rates = list(text);
        for (int64_t amount = 0; amount < 5000; amount += 13) {
            int64_t whole = amount * 100 / rate;
            int64_t rest = 2 * (amount * 100 % rate);
            int64_t expected = whole + (rest > rate || (rest == rate && whole % 2 == 1));
            assert_int_equal(cents(rates, amount, "USD"), expected);
        }
        cw_rates_free(rates);
    }
}

static void the_greatest_amount_at_the_least_rate_fits(void **state)
{
    (void)state;
    struct cw_rates *rates =
        list("2024-01-01,JPY,0.1\n2024-01-01,USD,0.10000001\n2024-01-01,KWD,999999999.99999999\n");
    assert_int_equal(cents(rates, CW_MONEY_MAX, "JPY"), INT64_C(1000000000000000000));
    assert_int_equal(cents(rates, CW_MONEY_MAX, "USD"), INT64_C(9999999000000100));
    assert_int_equal(cents(rates, CW_MONEY_MAX, "KWD"), 100000);
    cw_rates_free(rates);
}

/* --- lists --- */

static void the_rate_of_the_latest_date_that_is_not_after_the_day_counts(void **state)
{
    (void)state;
    struct cw_rates *rates = list("2024-03-01,USD,4\n2024-01-01,USD,2\n2024-02-01,USD,5\n"
                                  "2024-01-15,UAH,50\n2024-01-15,UYU,50\n");
    int64_t out;
    assert_false(cw_money_eur(rates, 100, cw_cstr("USD"), day(2023, 12, 31), &out));
    assert_true(cw_money_eur(rates, 100, cw_cstr("USD"), day(2024, 1, 1), &out));
    assert_int_equal(out, 50);
    assert_true(cw_money_eur(rates, 100, cw_cstr("USD"), day(2024, 1, 31), &out));
    assert_int_equal(out, 50);
    assert_true(cw_money_eur(rates, 100, cw_cstr("USD"), day(2024, 2, 1), &out));
    assert_int_equal(out, 20);
    assert_true(cw_money_eur(rates, 100, cw_cstr("USD"), day(2999, 1, 1), &out));
    assert_int_equal(out, 25);
    assert_false(cw_money_eur(rates, 100, cw_cstr("GBP"), day(2024, 2, 1), &out));
    assert_false(cw_money_eur(rates, 100, cw_cstr("ZWL"), day(2024, 2, 1), &out));
    assert_false(cw_money_eur(rates, 100, cw_cstr("AED"), day(2024, 2, 1), &out));
    cw_rates_free(rates);
}

static void comments_a_header_and_spaces_are_no_rates(void **state)
{
    (void)state;
    struct cw_rates *rates = list("# ours\r\n\r\ndate,currency,per_eur\r\n"
                                  "  2024-01-01 , USD,\t1.25 \r\n");
    assert_int_equal(cents(rates, 125, "USD"), 100);
    cw_rates_free(rates);
}

static void each_mistake_is_told_with_its_place_and_what_was_expected(void **state)
{
    (void)state;
    assert_says("2024-13-01,USD,1", "rates.csv:1:1: error: expected a date such as 2026-01-31");
    assert_says("\n2024-01-01T10:00:00Z,USD,1", "rates.csv:2:1: error: expected a date");
    assert_says("2024-01-01,usd,1", "rates.csv:1:12: error: expected a currency of ISO 4217");
    assert_says("2024-01-01,EUR,1", "rates.csv:1:12: error: EUR is what rates are stated in");
    assert_says("2024-01-01,USD,0", "rates.csv:1:16: error: expected units for one euro");
    assert_says("2024-01-01,USD", "rates.csv:1:1: error: expected date,currency,units per EUR");
    assert_says("2024-01-01,USD,1,2", "three fields), found 4");
    assert_says("2024-01-01,USD,1\n2024-01-01,USD,2", "rates.csv:2:1: error: line 1 gives a rate");
    free(mistakes("2024-01-01,USD,1\ndate,currency,per_eur", 3)); /* a header stands first */
}

static void a_rate_is_a_plain_decimal_number_within_bounds(void **state)
{
    static const char *const bad[] = { "",           "-1",          "1e2",
                                       "1,5",        ".5",          "1.",
                                       "0.09",       "1.123456789", "1000000000",
                                       "inf",        "0x10",        "1 2",
                                       "0.0",        "1.2.3",       "99999999999999999999999",
                                       "0.09999999", "+1" };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[128];
        struct cw_diag diag = { 0 };
        snprintf(text, sizeof(text), "2024-01-01,USD,%s\n", bad[i]);
        struct cw_rates *rates = cw_rates_parse("rates.csv", cw_cstr(text), &diag);
        if (rates != NULL)
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(diag.count, 1);
        cw_diag_done(&diag);
    }
}

static void all_mistakes_are_told_at_once_but_not_without_end(void **state)
{
    (void)state;
    free(mistakes("2024-13-01,usd,x\n2024-01-01,USD,1\nnothing\n", 4));
    struct cw_buf garbage = { 0 };
    for (int i = 0; i < 100000; i++)
        cw_buf_cstr(&garbage, "\n");
    for (int i = 0; i < 100000; i++)
        cw_buf_cstr(&garbage, "?\n");
    cw_buf_u8(&garbage, 0);
    free(mistakes((const char *)garbage.data, 100));
    cw_buf_done(&garbage);
}

static void a_list_is_known_by_the_hash_of_its_text(void **state)
{
    (void)state;
    struct cw_rates *one = list("2024-01-01,USD,1.25\n");
    struct cw_rates *same = list("2024-01-01,USD,1.25\n");
    struct cw_rates *other = list("2024-01-01,USD,1.250\n");
    assert_int_equal(strlen(cw_rates_hash(one)), CW_ID_HEX - 1);
    assert_string_equal(cw_rates_hash(one), cw_rates_hash(same));
    assert_string_not_equal(cw_rates_hash(one), cw_rates_hash(other));
    cw_rates_free(one);
    cw_rates_free(same);
    cw_rates_free(other);
}

static void the_list_that_is_built_in_is_the_file(void **state)
{
    (void)state;
    struct cw_diag diag = { 0 };
    struct cw_rates *file = cw_rates_load(CW_SOURCE_DIR "/ingest/rates/reference.csv", &diag);
    assert_non_null(file);
    assert_string_equal(cw_rates_hash(file), cw_rates_hash(cw_rates_shipped()));
    cw_rates_free(file);
    cw_diag_done(&diag);
}

static void a_file_that_is_not_there_is_told_of(void **state)
{
    (void)state;
    struct cw_diag diag = { 0 };
    assert_null(cw_rates_load(CW_SOURCE_DIR "/ingest/rates/none.csv", &diag));
    cw_buf_u8(&diag.out, 0);
    assert_non_null(strstr((const char *)diag.out.data, "none.csv"));
    assert_non_null(strstr((const char *)diag.out.data, "cannot read the list of rates"));
    cw_diag_done(&diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_currency_has_none_two_or_three_digits),
        cmocka_unit_test(what_is_no_money_has_no_digits),
        cmocka_unit_test(euro_need_no_rate),
        cmocka_unit_test(minor_units_decide_the_scale),
        cmocka_unit_test(a_half_is_rounded_to_the_even_cent),
        cmocka_unit_test(conversion_is_what_the_definition_says),
        cmocka_unit_test(the_greatest_amount_at_the_least_rate_fits),
        cmocka_unit_test(the_rate_of_the_latest_date_that_is_not_after_the_day_counts),
        cmocka_unit_test(comments_a_header_and_spaces_are_no_rates),
        cmocka_unit_test(each_mistake_is_told_with_its_place_and_what_was_expected),
        cmocka_unit_test(a_rate_is_a_plain_decimal_number_within_bounds),
        cmocka_unit_test(all_mistakes_are_told_at_once_but_not_without_end),
        cmocka_unit_test(a_list_is_known_by_the_hash_of_its_text),
        cmocka_unit_test(the_list_that_is_built_in_is_the_file),
        cmocka_unit_test(a_file_that_is_not_there_is_told_of),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

/*
 * fuzz_rates.c - any text is either a list of rates or refused with a place for every mistake; what
 * a list says of an amount is exact to half a cent, even at its ends, and a greater amount is never
 * worth less.
 *
 * Input: 8 bytes for an amount, the list.
 */
#include "ingest/money_rates.h"
#include "operators/runtime/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__extension__ typedef unsigned __int128 wide;

enum { LOOKED_AT = 32 };

static wide power_of_ten(uint32_t n)
{
    wide power = 1;
    while (n-- > 0)
        power *= 10;
    return power;
}

static void check_rate(const struct cw_rates *rates, const struct cw_rate *rate, int64_t amount)
{
    const char code[3] = { (char)(rate->currency >> 16), (char)(rate->currency >> 8),
                           (char)rate->currency };
    cw_str currency = { code, sizeof(code) };
    int digits = cw_currency_digits(currency);
    int64_t cents;
    int64_t more;
    CW_CHECK(digits >= 0 && rate->units > 0 && rate->decimals <= 8);
    CW_CHECK(cw_money_eur(rates, amount, currency, rate->day, &cents));
    CW_CHECK(cents >= 0 && cents <= INT64_C(1000000000000000000));
    /* 2 * |cents * divisor - amount * factor| <= divisor; equal only where cents is even */
    wide factor = power_of_ten(rate->decimals + 2);
    wide divisor = (wide)rate->units * power_of_ten((uint32_t)digits);
    wide exact = (wide)(uint64_t)amount * factor;
    wide got = (wide)(uint64_t)cents * divisor;
    wide apart = got > exact ? got - exact : exact - got;
    CW_CHECK(2 * apart < divisor || (2 * apart == divisor && cents % 2 == 0));
    if (amount < CW_MONEY_MAX) {
        CW_CHECK(cw_money_eur(rates, amount + 1, currency, rate->day, &more));
        CW_CHECK(more >= cents);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t bits;
    if (size < sizeof(bits))
        return 0;
    memcpy(&bits, data, sizeof(bits));
    int64_t amount = (int64_t)(bits % ((uint64_t)CW_MONEY_MAX + 1));
    struct cw_diag diag = { 0 };
    cw_str text = { (const char *)data + sizeof(bits), size - sizeof(bits) };
    struct cw_rates *rates = cw_rates_parse("fuzz.csv", text, &diag);
    CW_CHECK((rates == NULL) == (diag.count > 0));
    CW_CHECK((diag.out.len == 0) == (diag.count == 0));
    for (size_t i = 0; rates != NULL && i < rates->count && i < LOOKED_AT; i++)
        check_rate(rates, &rates->rates[i], amount);
    cw_rates_free(rates);
    cw_diag_done(&diag);
    return 0;
}

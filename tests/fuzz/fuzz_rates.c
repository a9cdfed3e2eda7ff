/*
 * fuzz_rates.c - a list of rates is taken whole or refused with a sentence, and whatever rates it
 * has, no amount overflows, and twice the amount is worth twice as much, but for the rounding.
 */
#include <stdlib.h>

#include "ingest/money.h"
#include "operators/runtime/check.h"
#include "operators/runtime/time.h"

static void convert(const struct cw_rates *rates, cw_str currency, int64_t amount, int64_t day)
{
    int64_t one;
    int64_t two;
    if (!cw_money_eur(rates, amount, currency, day, &one))
        return;
    CW_CHECK(one >= 0);
    if (amount > CW_MONEY_MAX / 2)
        return;
    CW_CHECK(cw_money_eur(rates, 2 * amount, currency, day, &two));
    CW_CHECK(two >= 2 * one - 1 && two <= 2 * one + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const currencies[] = { "USD", "JPY", "KWD", "EUR", "XPF" };
    static const int64_t amounts[] = { 0, 1, 7, 12345, CW_MONEY_MAX / 2, CW_MONEY_MAX };
    struct cw_secret secret;
    struct cw_diag diag = { 0 };
    cw_secret_init(&secret, cw_cstr("fuzz"));
    struct cw_rates *rates = cw_rates_parse("rates", (cw_str){ (const char *)data, size }, &diag);
    CW_CHECK((rates == NULL) == (diag.count != 0));
    for (size_t c = 0; rates != NULL && c < 5; c++) {
        for (size_t a = 0; a < 6; a++) {
            convert(rates, cw_cstr(currencies[c]), amounts[a], 0);
            convert(rates, cw_cstr(currencies[c]), amounts[a], cw_days_from_civil(2024, 6, 1));
        }
    }
    cw_rates_free(rates);
    cw_diag_done(&diag);
    return 0;
}

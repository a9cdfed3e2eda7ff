/*
 * money.c - the codes of ISO 4217 that are money, and exact conversion.
 */
#include "ingest/money.h"

#include "ingest/money_rates.h"
#include "operators/runtime/check.h"

/* Code and digits, sorted. Units of account with four digits (CLF, UYW) are no payments. */
static const char currencies[][5] = {
    "AED2", "AFN2", "ALL2", "AMD2", "ANG2", "AOA2", "ARS2", "AUD2", "AWG2", "AZN2", "BAM2", "BBD2",
    "BDT2", "BGN2", "BHD3", "BIF0", "BMD2", "BND2", "BOB2", "BRL2", "BSD2", "BTN2", "BWP2", "BYN2",
    "BZD2", "CAD2", "CDF2", "CHF2", "CLP0", "CNY2", "COP2", "CRC2", "CUC2", "CUP2", "CVE2", "CZK2",
    "DJF0", "DKK2", "DOP2", "DZD2", "EGP2", "ERN2", "ETB2", "EUR2", "FJD2", "FKP2", "GBP2", "GEL2",
    "GHS2", "GIP2", "GMD2", "GNF0", "GTQ2", "GYD2", "HKD2", "HNL2", "HRK2", "HTG2", "HUF2", "IDR2",
    "ILS2", "INR2", "IQD3", "IRR2", "ISK0", "JMD2", "JOD3", "JPY0", "KES2", "KGS2", "KHR2", "KMF0",
    "KPW2", "KRW0", "KWD3", "KYD2", "KZT2", "LAK2", "LBP2", "LKR2", "LRD2", "LSL2", "LYD3", "MAD2",
    "MDL2", "MGA2", "MKD2", "MMK2", "MNT2", "MOP2", "MRU2", "MUR2", "MVR2", "MWK2", "MXN2", "MYR2",
    "MZN2", "NAD2", "NGN2", "NIO2", "NOK2", "NPR2", "NZD2", "OMR3", "PAB2", "PEN2", "PGK2", "PHP2",
    "PKR2", "PLN2", "PYG0", "QAR2", "RON2", "RSD2", "RUB2", "RWF0", "SAR2", "SBD2", "SCR2", "SDG2",
    "SEK2", "SGD2", "SHP2", "SLE2", "SLL2", "SOS2", "SRD2", "SSP2", "STN2", "SVC2", "SYP2", "SZL2",
    "THB2", "TJS2", "TMT2", "TND3", "TOP2", "TRY2", "TTD2", "TWD2", "TZS2", "UAH2", "UGX0", "USD2",
    "UYU2", "UZS2", "VED2", "VES2", "VND0", "VUV0", "WST2", "XAF0", "XCD2", "XCG2", "XOF0", "XPF0",
    "YER2", "ZAR2", "ZMW2", "ZWG2", "ZWL2",
};

int cw_currency_digits(cw_str code)
{
    size_t low = 0;
    size_t high = sizeof(currencies) / sizeof(currencies[0]);
    if (code.len != 3)
        return -1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(code.ptr, currencies[middle], 3);
        if (order == 0)
            return currencies[middle][3] - '0';
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* Of all rates the last whose currency is this and whose day is not after that. */
static const struct cw_rate *rate_at(const struct cw_rates *rates, uint32_t currency, int64_t day)
{
    size_t low = 0;
    size_t high = rates->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct cw_rate *rate = &rates->rates[middle];
        if (rate->currency < currency || (rate->currency == currency && rate->day <= day))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || rates->rates[low - 1].currency != currency)
        return NULL;
    return &rates->rates[low - 1];
}

/* Up to 10^15 * 10^10 stands above the line, 10^17 * 10^3 below it. */
__extension__ typedef unsigned __int128 wide;

static int64_t divided(wide above, wide below)
{
    wide whole = above / below;
    wide rest = 2 * (above % below);
    if (rest > below || (rest == below && whole % 2 == 1))
        whole++;
    CW_CHECK(whole <= INT64_MAX);
    return (int64_t)whole;
}

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

bool cw_money_eur(const struct cw_rates *rates, int64_t amount, cw_str currency, int64_t day,
                  int64_t *cents)
{
    CW_CHECK(amount >= 0 && amount <= CW_MONEY_MAX);
    if (cw_str_is(currency, "EUR")) {
        *cents = amount;
        return true;
    }
    int digits = cw_currency_digits(currency);
    CW_CHECK(digits >= 0);
    const struct cw_rate *rate = rate_at(rates, cw_currency_pack(currency), day);
    if (rate == NULL)
        return false;
    *cents = divided((wide)amount * power_of_ten(rate->decimals + 2U),
                     (wide)rate->units * power_of_ten((unsigned)digits));
    return true;
}

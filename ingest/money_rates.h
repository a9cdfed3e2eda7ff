/*
 * money_rates.h - what a list of rates is inside; only money.c and money_rates.c include it.
 */
#ifndef CW_INGEST_MONEY_RATES_H
#define CW_INGEST_MONEY_RATES_H

#include "ingest/money.h"

/* units / 10^decimals of the currency are one euro, from that day on. */
struct cw_rate {
    uint32_t currency; /* cw_currency_pack */
    int32_t day;       /* since 1970 */
    uint64_t units;
    uint32_t decimals;
    uint32_t line; /* where it stands */
};

struct cw_rates {
    struct cw_rate *rates; /* by (currency, day) */
    size_t count;
    char hash[CW_ID_HEX];
};

/** Three bytes as one number, in the order of the codes. */
static inline uint32_t cw_currency_pack(cw_str code)
{
    const unsigned char *c = (const unsigned char *)code.ptr;
    return (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
}

/* ingest/rates/reference.csv, embedded at build time. */
extern const char cw_rates_text[];

#endif

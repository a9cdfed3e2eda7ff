/*
 * money.h - currencies, and amounts in euro cents by a dated list of rates.
 *
 * A list is text: a line is `date,currency,units per EUR`, such as 2024-01-01,USD,1.08: in force
 * from that date until the next date of the currency. Empty lines, lines that begin with # and one
 * header line are not looked at; lines may stand in any order.
 *
 * All is exact: with amount a in minor units of a currency with s digits of them, and the rate
 * n / 10^d, the cents are a * 10^(d + 2) / (n * 10^s), rounded once, half to even. Nothing here
 * overflows: an amount is at most CW_MONEY_MAX, a rate from 0.1 to 1,000,000,000 with at most 8
 * decimals, so the cents stay below 10^18 + 1.
 */
#ifndef CW_INGEST_MONEY_H
#define CW_INGEST_MONEY_H

#include <stdint.h>

#include "operators/runtime/attr.h"
#include "operators/runtime/diag.h"
#include "operators/runtime/id.h"
#include "operators/runtime/str.h"

#define CW_MONEY_MAX INT64_C(1000000000000000) /* minor units: ten trillion euro */

/** Digits behind the point of an ISO 4217 currency (0, 2 or 3), or -1: no such code (also codes of
 *  funds, metals and tests, which are no money that moves). Capitals only. */
int cw_currency_digits(cw_str code);

struct cw_rates;

/** Parses a list. NULL: the diag has every mistake, with file, line and column. */
struct cw_rates *cw_rates_parse(const char *path, cw_str text, struct cw_diag *diag) CW_MUST_USE
    CW_NONNULL(1, 3);
/** Reads a file of at most 16 MiB. */
struct cw_rates *cw_rates_load(const char *path, struct cw_diag *diag) CW_MUST_USE CW_NONNULL(1, 2);
void cw_rates_free(struct cw_rates *rates); /* accepts NULL */
/** The list that is built in (ingest/rates/reference.csv); it is never freed. */
const struct cw_rates *cw_rates_shipped(void);
/** The hash of the list's text in hex: what the log says of it. */
const char *cw_rates_hash(const struct cw_rates *rates) CW_NONNULL(1);

/**
 * `amount` minor units of a known currency (0 to CW_MONEY_MAX), in euro cents at the rate of the
 * latest date that is not after `day` (days since 1970). False: the list has none. EUR needs none.
 */
bool cw_money_eur(const struct cw_rates *rates, int64_t amount, cw_str currency, int64_t day,
                  int64_t *cents) CW_MUST_USE CW_NONNULL(1, 5);

#endif

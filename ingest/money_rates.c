/*
 * money_rates.c - reading a list of rates.
 */
#include "ingest/money_rates.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

enum {
    FILE_MAX = 16 << 20,
    DECIMALS_MAX = 8,
    ERRORS_MAX = 100, /* a file of another kind is told of shortly */
    FIELDS = 3
};
#define RATE_MAX UINT64_C(1000000000)

struct reader {
    struct cw_rates *rates;
    size_t cap;
    struct cw_diag *diag;
    size_t line;
    bool seen_first; /* a line that is no comment */
};

struct field {
    cw_str text;
    size_t column; /* from 1 */
};

static cw_str trim(cw_str text, size_t *column)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
        ++*column;
    }
    while (text.len > 0 && strchr(" \t\r", text.ptr[text.len - 1]) != NULL)
        text.len--;
    return text;
}

/* Number of fields; those beyond the third are counted only. */
static size_t split(cw_str line, struct field fields[FIELDS])
{
    size_t count = 0;
    size_t from = 0;
    for (size_t i = 0; i <= line.len; i++) {
        if (i < line.len && line.ptr[i] != ',')
            continue;
        if (count < FIELDS) {
            fields[count].column = from + 1;
            fields[count].text = trim((cw_str){ line.ptr + from, i - from }, &fields[count].column);
        }
        count++;
        from = i + 1;
    }
    return count;
}

static bool read_day(struct reader *r, const struct field *field, struct cw_rate *rate)
{
    int64_t time;
    if (field->text.len == 10 && cw_time_parse(field->text, &time)) {
        rate->day = (int32_t)(time / CW_DAY);
        if (time >= 0 || time % CW_DAY == 0)
            return true;
    }
    cw_diag_error(r->diag, r->line, field->column,
                  "expected a date such as 2026-01-31, found \"%.*s\"", CW_STR_ARG(field->text));
    return false;
}

static bool read_currency(struct reader *r, const struct field *field, struct cw_rate *rate)
{
    if (cw_str_is(field->text, "EUR")) {
        cw_diag_error(r->diag, r->line, field->column,
                      "EUR is what rates are stated in and has none; leave the line out");
        return false;
    }
    if (cw_currency_digits(field->text) < 0) {
        cw_diag_error(r->diag, r->line, field->column,
                      "expected a currency of ISO 4217 such as USD, found \"%.*s\"",
                      CW_STR_ARG(field->text));
        return false;
    }
    rate->currency = cw_currency_pack(field->text);
    return true;
}

/* Digits, and a point with up to eight digits behind it. */
static bool read_decimal(cw_str text, struct cw_rate *rate)
{
    bool point = false;
    size_t digits = 0;
    rate->units = 0;
    rate->decimals = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && !point && digits > 0) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9' || rate->units > RATE_MAX * 10000000 ||
            (point && ++rate->decimals > DECIMALS_MAX))
            return false;
        rate->units = rate->units * 10 + (uint64_t)(c - '0');
        digits++;
    }
    return digits > 0 && text.ptr[text.len - 1] != '.';
}

static bool read_units(struct reader *r, const struct field *field, struct cw_rate *rate)
{
    uint64_t one = 1;
    bool ok = read_decimal(field->text, rate);
    for (uint32_t i = 0; ok && i < rate->decimals; i++)
        one *= 10;
    if (ok && rate->units >= (one + 9) / 10 && rate->units / one < RATE_MAX)
        return true;
    cw_diag_error(r->diag, r->line, field->column,
                  "expected units for one euro as a decimal number from 0.1 to below 1000000000 "
                  "with at most 8 decimals, such as 1.08; found \"%.*s\"",
                  CW_STR_ARG(field->text));
    return false;
}

static void add(struct reader *r, const struct cw_rate *rate)
{
    struct cw_rates *rates = r->rates;
    if (rates->count == r->cap) {
        r->cap = r->cap * 2 + 256;
        rates->rates = cw_realloc(rates->rates, r->cap * sizeof(rates->rates[0]));
    }
    rates->rates[rates->count++] = *rate;
}

static void read_line(struct reader *r, cw_str line)
{
    struct field fields[FIELDS];
    size_t column = 1;
    cw_str text = trim(line, &column);
    if (text.len == 0 || text.ptr[0] == '#')
        return;
    bool first = !r->seen_first;
    r->seen_first = true;
    size_t count = split(line, fields);
    if (count != FIELDS) {
        cw_diag_error(r->diag, r->line, column,
                      "expected date,currency,units per EUR (three fields), found %zu", count);
        return;
    }
    if (first && cw_str_is(fields[0].text, "date") && cw_str_is(fields[1].text, "currency"))
        return;
    struct cw_rate rate = { .line = (uint32_t)r->line };
    bool ok = read_day(r, &fields[0], &rate);
    ok = read_currency(r, &fields[1], &rate) && ok;
    ok = read_units(r, &fields[2], &rate) && ok;
    if (ok)
        add(r, &rate);
}

static int by_currency_and_day(const void *a, const void *b)
{
    const struct cw_rate *x = a;
    const struct cw_rate *y = b;
    if (x->currency != y->currency)
        return x->currency < y->currency ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static void sort(struct reader *r)
{
    struct cw_rates *rates = r->rates;
    if (rates->count == 0)
        return;
    qsort(rates->rates, rates->count, sizeof(rates->rates[0]), by_currency_and_day);
    for (size_t i = 1; i < rates->count; i++) {
        const struct cw_rate *one = &rates->rates[i - 1];
        const struct cw_rate *two = &rates->rates[i];
        if (one->currency == two->currency && one->day == two->day)
            cw_diag_error(r->diag, two->line, 1,
                          "line %u gives a rate of this currency for this date already",
                          (unsigned)one->line);
    }
}

static void hash_text(cw_str text, char out[CW_ID_HEX])
{
    struct cw_id id;
    crypto_generichash(id.b, sizeof(id.b), (const unsigned char *)text.ptr, text.len, NULL, 0);
    cw_id_hex(id, out);
}

struct cw_rates *cw_rates_parse(const char *path, cw_str text, struct cw_diag *diag)
{
    size_t before = diag->count;
    struct reader reader = { .rates = cw_new(struct cw_rates), .diag = diag };
    diag->file = path;
    diag->text = text;
    size_t from = 0;
    for (size_t i = 0; i <= text.len && diag->count - before < ERRORS_MAX; i++) {
        if (i < text.len && text.ptr[i] != '\n')
            continue;
        reader.line++;
        read_line(&reader, (cw_str){ text.ptr + from, i - from });
        from = i + 1;
    }
    if (diag->count == before)
        sort(&reader);
    hash_text(text, reader.rates->hash);
    diag->text = (cw_str){ NULL, 0 };
    if (diag->count == before)
        return reader.rates;
    cw_rates_free(reader.rates);
    return NULL;
}

struct cw_rates *cw_rates_load(const char *path, struct cw_diag *diag)
{
    FILE *file = fopen(path, "rb");
    char *text = cw_alloc(FILE_MAX + 1);
    struct cw_rates *rates = NULL;
    diag->file = path;
    size_t len = file != NULL ? fread(text, 1, FILE_MAX + 1, file) : 0;
    if (file == NULL || ferror(file))
        cw_diag_error(diag, 0, 0, "cannot read the list of rates: %s", strerror(errno));
    else if (len > FILE_MAX)
        cw_diag_error(diag, 0, 0, "expected a list of rates of at most 16 MiB");
    else
        rates = cw_rates_parse(path, (cw_str){ text, len }, diag);
    if (file != NULL)
        fclose(file);
    free(text);
    return rates;
}

void cw_rates_free(struct cw_rates *rates)
{
    if (rates == NULL)
        return;
    free(rates->rates);
    free(rates);
}

const struct cw_rates *cw_rates_shipped(void)
{
    static const struct cw_rates *shipped;
    if (shipped == NULL) {
        struct cw_diag diag = { 0 };
        shipped = cw_rates_parse("reference.csv", cw_cstr(cw_rates_text), &diag);
        CW_CHECK(shipped != NULL); /* a test reads the file */
    }
    return shipped;
}

const char *cw_rates_hash(const struct cw_rates *rates)
{
    return rates->hash;
}

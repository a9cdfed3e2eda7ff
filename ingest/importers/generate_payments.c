/*
 * generate_payments.c - the payments mix: a stream of compact payments over accounts of which few
 * are busy and most are quiet, with planted structuring and fan-in.
 *
 * Nothing is held but what is on its way: a payment is a function of (seed, its serial), a pattern
 * of (seed, its number), and a heap holds what is not sent yet, ordered by when it is sent. Its
 * size is that of two days, whatever the length of the stream.
 *
 * The ordinary payments keep clear of the rules by construction:
 *   structuring (7,000 to 9,999.99 EUR, 4 or more within 7 days by one account): only purchases lie
 *   in that band; a payer makes one in the whole stream, a dealer gets three.
 *   fan-in (5 payers of 3 countries to one payee within 72 h, 500 to 10,000 EUR each, not by card):
 *   beside purchases only regular payments lie in that band, and a payee has four regular payers,
 *   of two countries.
 */
#include <stdlib.h>
#include <string.h>

#include "ingest/importers/generate_files.h"
#include "operators/runtime/check.h"
#include "operators/runtime/json.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

enum {
    DAY = CW_GEN_DAY,
    HOUR = 3600,
    FIRST = 30 * DAY,     /* of the stream, after CW_GEN_BASE */
    SPACING = 4,          /* seconds from one ordinary payment to the next: 21,600 a day */
    PATTERN_EVERY = 1000, /* ordinary payments */
    PURCHASE_EVERY = 100,
    PURCHASE_AT = 37,
    COUNTRIES = CW_GEN_COUNTRIES,
    ORDINARY = 120000, /* accounts */
    SHOPS = 1200,
    REGULAR_PAYERS = 4,
    STEPS_MAX = 12, /* payments of a pattern */
    PATTERN_ACCOUNTS = 16,
    OTHERS = CW_GEN_CURRENCIES - 1 /* beside the euro */
};

/* Numbers of accounts; those of a country are apart by COUNTRIES. Each range begins at a multiple
 * of COUNTRIES, beyond what the agencies mix uses. */
static const uint32_t ordinary_first = 1200000000;
static const uint32_t shops_first = 1300000008;
static const uint32_t buyers_first = 1400000004;
static const uint32_t dealers_first = 1500000000;
static const uint32_t patterns_first = 2000000004;
static const uint32_t pattern_serials = 0x80000000;

struct payment {
    uint32_t number; /* of the event */
    int64_t time;    /* seconds after CW_GEN_BASE */
    uint32_t recorded_after;
    uint32_t payer;
    uint32_t payee;
    int64_t amount; /* minor units */
    const char *currency;
    const char *channel;
};

struct pattern {
    uint32_t number;
    unsigned rule; /* 4: structuring, 5: fan-in */
    bool planted;
    const char *note;
    struct cw_gen_rng rng;
    int64_t start;
    unsigned count;
    struct payment payments[STEPS_MAX];
};

/* One sending to come. */
struct sending {
    uint32_t when;
    uint32_t serial; /* or number of the pattern */
    int8_t step;     /* -1: an ordinary payment */
    bool repeat;
};

struct stream {
    uint64_t seed;
    struct cw_gen_files files;
    FILE *truth;
    struct sending *heap;
    size_t count;
    size_t cap;
    struct cw_arena *arena;
    struct cw_buf body;
    struct cw_generate_counts *counts;
};

/* --- what is on its way ----------------------------------------------------------------------- */

static bool before(const struct sending *a, const struct sending *b)
{
    if (a->when != b->when)
        return a->when < b->when;
    if (a->step != b->step)
        return a->step < b->step;
    if (a->serial != b->serial)
        return a->serial < b->serial;
    return a->repeat < b->repeat;
}

static void push(struct stream *stream, const struct sending *sending)
{
    if (stream->count == stream->cap) {
        stream->cap = stream->cap * 2 + 4096;
        stream->heap = cw_realloc(stream->heap, stream->cap * sizeof(stream->heap[0]));
    }
    size_t at = stream->count++;
    while (at > 0 && before(sending, &stream->heap[(at - 1) / 2])) {
        stream->heap[at] = stream->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    stream->heap[at] = *sending;
}

static struct sending pop(struct stream *stream)
{
    struct sending first = stream->heap[0];
    struct sending last = stream->heap[--stream->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < stream->count && before(&stream->heap[child + 1], &stream->heap[child]))
            child++;
        if (child >= stream->count || !before(&stream->heap[child], &last))
            break;
        stream->heap[at] = stream->heap[child];
        at = child;
    }
    stream->heap[at] = last;
    return first;
}

/* --- ordinary payments ------------------------------------------------------------------------ */

static uint32_t between(struct cw_gen_rng *rng, uint32_t least, uint32_t most)
{
    return least + cw_gen_below(rng, most - least + 1);
}

/* Few are busy, most are quiet: the share of the first n of them is the cube root of n / count. */
static uint32_t busy(struct cw_gen_rng *rng, uint32_t count)
{
    uint64_t unit = cw_gen_next(rng) >> 44; /* 20 bits */
    uint64_t cube = unit * unit * unit;     /* 60 bits */
    return (uint32_t)((cube >> 30) * count >> 30);
}

/* Who pays this account regularly: the nth of four; three live where it does, one next door. */
static uint32_t regular_payer(uint32_t payee, uint32_t nth)
{
    uint32_t country = (payee + (nth == REGULAR_PAYERS - 1)) % COUNTRIES;
    uint32_t mix = (payee * REGULAR_PAYERS + nth) * 2654435761U >> 7;
    return ordinary_first + mix % (ORDINARY / COUNTRIES) * COUNTRIES + country;
}

/* An amount of about so many euro cents, in euro or the currency of the country or of trade. */
static void set_amount(struct payment *payment, struct cw_gen_rng *rng, uint32_t cents)
{
    const struct cw_gen_currency *currency = &cw_gen_currencies[CW_GEN_EURO];
    const struct cw_gen_currency *other = &cw_gen_currencies[1 + cw_gen_below(rng, OTHERS)];
    const char *country = cw_gen_countries[payment->payee % COUNTRIES];
    if (other->country == NULL ? cw_gen_below(rng, 4) == 0 : strcmp(other->country, country) == 0)
        currency = other;
    payment->currency = currency->code;
    payment->amount = (int64_t)cents * currency->for_hundred / 100;
}

static void plan_purchase(struct payment *payment, struct cw_gen_rng *rng, uint32_t serial)
{
    uint32_t nth = serial / PURCHASE_EVERY;
    payment->payer = buyers_first + nth;
    payment->payee = dealers_first + nth / 3;
    payment->amount = between(rng, 700000, 999999);
    payment->currency = "EUR";
    payment->channel = "transfer";
}

static void plan_payment(struct payment *payment, struct cw_gen_rng *rng, uint64_t seed,
                         uint32_t serial)
{
    cw_gen_seed(rng, seed, serial);
    *payment = (struct payment){
        .number = serial,
        .time = FIRST + (int64_t)serial * SPACING + cw_gen_below(rng, SPACING),
        .recorded_after = between(rng, 5, 600),
        .channel = "transfer",
    };
    if (serial % PURCHASE_EVERY == PURCHASE_AT) {
        plan_purchase(payment, rng, serial);
        return;
    }
    payment->payer = ordinary_first + busy(rng, ORDINARY);
    payment->payee = ordinary_first + busy(rng, ORDINARY);
    uint32_t fate = cw_gen_below(rng, 1000);
    if (fate < 450) {
        payment->payee = shops_first + busy(rng, SHOPS);
        payment->channel = "card";
        set_amount(payment, rng, between(rng, 100, fate < 30 ? 90000 : 12000));
    } else if (fate < 750) {
        set_amount(payment, rng, between(rng, 100, 46000));
    } else if (fate < 950) {
        uint32_t nth = cw_gen_below(rng, REGULAR_PAYERS);
        payment->payer = regular_payer(payment->payee, nth);
        set_amount(payment, rng, 54000 + (payment->payee * 7919U + nth * 104729U) % 590000);
    } else {
        set_amount(payment, rng, between(rng, 1080000, 20000000));
    }
    if (payment->payer == payment->payee)
        payment->payer += payment->payer >= ordinary_first + COUNTRIES ? -COUNTRIES : COUNTRIES;
}

/* --- patterns --------------------------------------------------------------------------------- */

/* The nth account of the pattern, of that country. */
static uint32_t account(const struct pattern *pattern, unsigned nth, unsigned country)
{
    CW_CHECK(nth < PATTERN_ACCOUNTS);
    return patterns_first + (pattern->number * PATTERN_ACCOUNTS + nth) * COUNTRIES +
           country % COUNTRIES;
}

static struct payment *pay(struct pattern *pattern, int64_t after, uint32_t payer, uint32_t payee,
                           uint32_t cents)
{
    CW_CHECK(pattern->count < STEPS_MAX);
    struct payment *payment = &pattern->payments[pattern->count];
    *payment = (struct payment){
        .number = pattern_serials + pattern->number * STEPS_MAX + pattern->count,
        .time = pattern->start + after,
        .recorded_after = between(&pattern->rng, 5, 600),
        .payer = payer,
        .payee = payee,
        .amount = cents,
        .currency = "EUR",
        .channel = "transfer",
    };
    pattern->count++;
    return payment;
}

/* Payments between the pattern's account and others of one country, so that it is no fan-in. */
static void structure(struct pattern *pattern, unsigned count, int64_t gap, uint32_t least,
                      uint32_t most)
{
    unsigned country = cw_gen_below(&pattern->rng, COUNTRIES);
    bool pays = cw_gen_below(&pattern->rng, 2) == 0;
    uint32_t one = account(pattern, 0, country);
    for (unsigned i = 0; i < count; i++) {
        uint32_t other = account(pattern, 1 + i, country + 1);
        int64_t after = i * gap + cw_gen_below(&pattern->rng, HOUR);
        pay(pattern, after, pays ? one : other, pays ? other : one,
            between(&pattern->rng, least, most));
    }
}

static void plant_structuring(struct pattern *pattern)
{
    unsigned count = between(&pattern->rng, 4, 7);
    structure(pattern, count, 6 * DAY / count, 760000, 999900);
    pattern->note = "four payments or more below the limit within six days, above 30,000 EUR";
}

static void resemble_structuring(struct pattern *pattern, unsigned variant)
{
    switch (variant % 4) {
    case 0:
        structure(pattern, 3, DAY, 900000, 999999);
        pattern->note = "three payments only";
        break;
    case 1:
        structure(pattern, 4, DAY, 700000, 745000);
        pattern->note = "four payments that are less than 30,000 EUR together";
        break;
    case 2:
        structure(pattern, 4, 10 * DAY, 800000, 999900);
        pattern->note = "four payments over 30 days";
        break;
    default:
        structure(pattern, 3, DAY, 800000, 999900);
        pay(pattern, 3 * DAY + HOUR, account(pattern, 0, 0), account(pattern, 5, 0), 1000000);
        pattern->payments[3].payer = pattern->payments[0].payer;
        pattern->payments[3].payee = pattern->payments[2].payee;
        pattern->note = "three payments below the limit, one at it";
        break;
    }
}

/* `payers` of `of` countries to one payee. */
static void fan_in(struct pattern *pattern, unsigned payers, unsigned of, int64_t gap,
                   uint32_t least, uint32_t most)
{
    unsigned country = cw_gen_below(&pattern->rng, COUNTRIES);
    uint32_t payee = account(pattern, 0, country);
    for (unsigned i = 0; i < payers; i++) {
        int64_t after = i * gap + cw_gen_below(&pattern->rng, HOUR);
        pay(pattern, after, account(pattern, 1 + i, country + 1 + i % of), payee,
            between(&pattern->rng, least, most));
    }
}

static void plant_fan_in(struct pattern *pattern)
{
    unsigned payers = between(&pattern->rng, 5, 8);
    fan_in(pattern, payers, between(&pattern->rng, 3, 5), 66 * HOUR / payers, 60000, 650000);
    pattern->note = "five payers or more of three countries or more within 67 hours";
}

static void resemble_fan_in(struct pattern *pattern, unsigned variant)
{
    switch (variant % 5) {
    case 0:
        fan_in(pattern, 5, 2, 10 * HOUR, 60000, 650000);
        pattern->note = "five payers of two countries";
        break;
    case 1:
        fan_in(pattern, 4, 4, 10 * HOUR, 60000, 650000);
        pay(pattern, 45 * HOUR, pattern->payments[0].payer, pattern->payments[0].payee, 70000);
        pattern->note = "four payers of four countries, one of them twice";
        break;
    case 2:
        fan_in(pattern, 5, 5, 84 * HOUR, 60000, 650000);
        pattern->note = "five payers over two weeks";
        break;
    case 3:
        fan_in(pattern, 8, 4, 6 * HOUR, 60000, 650000);
        for (unsigned i = 0; i < pattern->count; i++)
            pattern->payments[i].channel = "card";
        pattern->note = "a shop: eight payers of four countries, by card";
        break;
    default:
        fan_in(pattern, 6, 3, 8 * HOUR, 10000, 49999);
        pattern->note = "six payers of three countries, of less than 500 EUR each";
        break;
    }
}

static void plan_pattern(struct pattern *pattern, uint64_t seed, uint32_t number)
{
    pattern->number = number;
    pattern->planted = number % 2 == 0;
    pattern->rule = number % 4 < 2 ? CW_GEN_STRUCTURING : CW_GEN_FAN_IN;
    pattern->count = 0;
    pattern->start = FIRST + (int64_t)number * PATTERN_EVERY * SPACING;
    cw_gen_seed(&pattern->rng, seed, (uint64_t)number + pattern_serials);
    if (pattern->rule == CW_GEN_STRUCTURING && pattern->planted)
        plant_structuring(pattern);
    else if (pattern->rule == CW_GEN_STRUCTURING)
        resemble_structuring(pattern, number / 4);
    else if (pattern->planted)
        plant_fan_in(pattern);
    else
        resemble_fan_in(pattern, number / 4);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* 3 % hours or days late, 3 % sent again. */
static void send(struct stream *stream, struct cw_gen_rng *rng, const struct payment *payment,
                 uint32_t serial, int8_t step)
{
    int64_t when = payment->time + payment->recorded_after + cw_gen_below(rng, 60);
    uint32_t fate = cw_gen_below(rng, 1000);
    if (fate < 30) {
        when += between(rng, HOUR, fate < 3 ? 2 * DAY : DAY / 4);
        stream->counts->late++;
    }
    struct sending sending = { .when = (uint32_t)when, .serial = serial, .step = step };
    push(stream, &sending);
    if (cw_gen_below(rng, 1000) >= 30)
        return;
    sending.when += cw_gen_below(rng, DAY);
    sending.repeat = true;
    stream->counts->repeats++;
    push(stream, &sending);
}

static cw_str event_id(const struct stream *stream, const struct payment *payment)
{
    uint32_t number = payment->number * 2654435761U + (uint32_t)stream->seed;
    return cw_arena_printf(stream->arena, "P-%08X", (unsigned)number);
}

static const struct cw_gen_agency *agency_of(const struct payment *payment, unsigned *index)
{
    *index = payment->payee % COUNTRIES % CW_GEN_AGENCIES;
    return &cw_gen_agencies[*index];
}

static void fill_account(struct cw_part *part, struct cw_identifier *id, const char *role,
                         uint32_t number, struct cw_arena *arena)
{
    char text[CW_GEN_TEXT];
    const char *kind = cw_gen_account(number, cw_gen_countries[number % COUNTRIES], text);
    *id = (struct cw_identifier){ .kind = cw_cstr(kind),
                                  .value = cw_arena_copy(arena, text, strlen(text)) };
    *part = (struct cw_part){
        .role = cw_cstr(role), .kind = cw_cstr("account"), .ids = id, .id_count = 1
    };
}

static void fill_details(struct cw_value *detail, const struct cw_type *type,
                         const struct payment *payment)
{
    const struct {
        const char *field;
        cw_str text;
    } texts[] = {
        { "currency", cw_cstr(payment->currency) },
        { "payer_country", cw_cstr(cw_gen_countries[payment->payer % COUNTRIES]) },
        { "payee_country", cw_cstr(cw_gen_countries[payment->payee % COUNTRIES]) },
        { "channel", cw_cstr(payment->channel) },
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cw_value *value = &detail[cw_type_field(type, cw_cstr(texts[i].field))];
        *value = (struct cw_value){ .present = true, .text = texts[i].text };
    }
    struct cw_value *amount = &detail[cw_type_field(type, cw_cstr("amount"))];
    *amount = (struct cw_value){ .present = true, .number = payment->amount };
}

static void write_payment(struct stream *stream, const struct payment *payment)
{
    static const char payment_type[] = "payment";
    struct cw_event event;
    struct cw_value detail[CW_TYPE_FIELDS_MAX] = { 0 };
    struct cw_identifier ids[2];
    struct cw_part accounts[2];
    unsigned index;
    const struct cw_gen_agency *agency = agency_of(payment, &index);
    cw_event_defaults(&event);
    event.owner = cw_cstr(agency->code);
    event.event_id = event_id(stream, payment);
    event.event_type = cw_cstr(payment_type);
    event.type = cw_type_by_name(event.event_type);
    event.event_time = (CW_GEN_BASE + payment->time) * CW_SECOND;
    event.tz_offset = agency->offset;
    event.time_precision = cw_cstr("second");
    event.recorded_at = event.event_time + payment->recorded_after * CW_SECOND;
    event.country = cw_cstr(agency->country);
    fill_account(&accounts[0], &ids[0], "payer_account", payment->payer, stream->arena);
    fill_account(&accounts[1], &ids[1], "payee_account", payment->payee, stream->arena);
    event.objects = accounts;
    event.object_count = 2;
    event.detail_type = event.type;
    event.detail = detail;
    fill_details(detail, event.type, payment);
    stream->body.len = 0;
    cw_event_write(&event, &stream->body);
    cw_container_put(stream->files.writers[index], stream->body.data, stream->body.len);
    cw_arena_reset(stream->arena);
    stream->counts->events++;
}

static void write_next(struct stream *stream)
{
    struct sending sending = pop(stream);
    struct pattern pattern;
    struct payment payment;
    struct cw_gen_rng rng;
    if (sending.step >= 0) {
        plan_pattern(&pattern, stream->seed, sending.serial);
        write_payment(stream, &pattern.payments[sending.step]);
    } else {
        plan_payment(&payment, &rng, stream->seed, sending.serial);
        write_payment(stream, &payment);
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static void write_truth(struct stream *stream, const struct pattern *pattern)
{
    char name[32];
    snprintf(name, sizeof(name), "M%u", pattern->number);
    stream->body.len = 0;
    struct cw_json json = cw_json(&stream->body);
    cw_json_open(&json, '{');
    cw_json_kcstr(&json, "rule", cw_generate_rule(pattern->rule));
    cw_json_kcstr(&json, "kind", pattern->planted ? "planted" : "lookalike");
    cw_json_kbool(&json, "expected", pattern->planted);
    cw_json_kcstr(&json, "pattern", name);
    cw_json_kcstr(&json, "note", pattern->note);
    cw_json_key(&json, "members");
    cw_json_open(&json, '[');
    for (unsigned i = 0; i < pattern->count; i++) {
        unsigned agency;
        cw_json_open(&json, '{');
        cw_json_kcstr(&json, "owner", agency_of(&pattern->payments[i], &agency)->code);
        cw_json_kstr(&json, "event_id", event_id(stream, &pattern->payments[i]));
        cw_json_close(&json, '}');
    }
    cw_json_close(&json, ']');
    cw_json_key(&json, "others");
    cw_json_open(&json, '[');
    cw_json_close(&json, ']');
    cw_json_close(&json, '}');
    cw_buf_u8(&stream->body, '\n');
    fwrite(stream->body.data, 1, stream->body.len, stream->truth);
    cw_arena_reset(stream->arena);
}

static void begin_pattern(struct stream *stream, uint32_t number)
{
    struct pattern pattern;
    plan_pattern(&pattern, stream->seed, number);
    for (unsigned i = 0; i < pattern.count; i++)
        send(stream, &pattern.rng, &pattern.payments[i], number, (int8_t)i);
    write_truth(stream, &pattern);
    stream->counts->stories++;
    if (pattern.planted)
        stream->counts->planted[pattern.rule]++;
    else
        stream->counts->lookalikes[pattern.rule]++;
}

/* A pattern that has begun is sent whole, also behind the last ordinary payment. */
static void write_stream(struct stream *stream, uint64_t events)
{
    for (uint32_t serial = 0; stream->counts->events + stream->count < events; serial++) {
        struct payment payment;
        struct cw_gen_rng rng;
        if (serial % PATTERN_EVERY == 0)
            begin_pattern(stream, serial / PATTERN_EVERY);
        plan_payment(&payment, &rng, stream->seed, serial);
        send(stream, &rng, &payment, serial, -1);
        while (stream->count > 0 && stream->heap[0].when < payment.time)
            write_next(stream);
    }
    while (stream->count > 0)
        write_next(stream);
}

bool cw_generate_payments(uint64_t events, uint64_t seed, const char *out,
                          struct cw_generate_counts *counts, char error[CW_GENERATE_ERROR])
{
    CW_CHECK(events > 0 && events <= CW_GENERATE_PAYMENTS_MAX);
    *counts = (struct cw_generate_counts){ 0 };
    struct stream *stream = cw_new(struct stream);
    stream->seed = seed;
    stream->counts = counts;
    stream->arena = cw_arena_new();
    bool ok = cw_gen_files_open(&stream->files, out, seed, error);
    if (ok) {
        stream->truth = cw_gen_truth_open(&stream->files, "truth.alerts");
        ok = stream->truth != NULL;
    }
    if (ok) {
        write_stream(stream, events);
        ok = cw_gen_truth_close(&stream->files, stream->truth, "truth.alerts");
    }
    ok = cw_gen_files_close(&stream->files, ok);
    cw_arena_free(stream->arena);
    cw_buf_done(&stream->body);
    free(stream->heap);
    free(stream);
    return ok;
}

/*
 * generate.h - a scenario with known answers: several agencies, their noise, and for each shipped
 * rule patterns that must be found and look-alikes that must not.
 *
 * The scenario is a list of stories; a story is a function of (seed, its index) alone and shares no
 * person, document, phone or account with another, so what is planted is all that there is to find.
 * So nothing but 12 bytes an event is held: each is planned, sorted by when its agency sends it,
 * and planned again when it is written.
 *
 *     DIR/events/AGENCY.avro        canonical events, in the order in which the agency sends them
 *     DIR/contracts/AGENCY.yaml
 *     DIR/truth/truth.alerts        a line for each planted pattern and look-alike
 *     DIR/truth/truth.entities      a line for each person: where it is mentioned
 *
 * A line of truth.alerts: {"rule", "kind": planted | lookalike, "expected", "pattern", "note",
 * "members": [{owner, event_id}], "others": [...]}. An alert of the rule that has all members of a
 * planted pattern as evidence finds it; one that has a member of a look-alike is wrong. Others are
 * events of the same story that may be evidence or not.
 */
#ifndef CW_IMPORTERS_GENERATE_H
#define CW_IMPORTERS_GENERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "operators/runtime/attr.h"

enum {
    CW_GENERATE_EVENTS_MAX = 12000000,
    CW_GENERATE_PAYMENTS_MAX = 100000000,
    CW_GENERATE_RULES = 7,
    CW_GENERATE_ERROR = 512
};

struct cw_generate_counts {
    uint64_t events; /* records in all files */
    uint64_t stories;
    uint64_t repeats;
    uint64_t amendments;
    uint64_t withdrawals;
    uint64_t late; /* sent more than an hour after they happened */
    uint64_t malformed;
    uint64_t planted[CW_GENERATE_RULES]; /* by rule, as cw_generate_rule names them */
    uint64_t lookalikes[CW_GENERATE_RULES];
};

/** Slug of rule 0 to CW_GENERATE_RULES - 1; NULL beyond. */
const char *cw_generate_rule(unsigned rule);

/** Writes about `events` records (1 to CW_GENERATE_EVENTS_MAX) below the directory `out`, which is
 *  made. False: `error` says what could not be written. */
bool cw_generate(uint64_t events, uint64_t seed, const char *out, struct cw_generate_counts *counts,
                 char error[CW_GENERATE_ERROR]) CW_MUST_USE CW_NONNULL(3, 4);

/**
 * The same with payments alone, 1 to CW_GENERATE_PAYMENTS_MAX of them: between accounts of which
 * few are busy and most are quiet, a payment every four seconds, 3 % late, 3 % sent again, with
 * planted patterns and look-alikes of the two rules about payments, and no truth.entities. Its
 * memory is that of two days of the stream.
 */
bool cw_generate_payments(uint64_t events, uint64_t seed, const char *out,
                          struct cw_generate_counts *counts,
                          char error[CW_GENERATE_ERROR]) CW_MUST_USE CW_NONNULL(3, 4);

#endif

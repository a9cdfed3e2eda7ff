/*
 * normalise.h - from a decoded datum to an event frame: the clauses of the schema that Avro cannot
 * say, defaults of the contract, identifiers, names, keys, ids, content hash.
 *
 * Every clause that an event can break has a reason code and the field:
 *   missing (empty text where one must stand), bad_op, unknown_type, wrong_detail, missing_detail,
 *   bad_precision, bad_time, bad_version, bad_country, bad_offset, bad_interval,
 * retain_before_recorded, bad_birth_date, bad_kind, too_many_parts, unknown_owner, from_the_future,
 * bad_list, bad_amount, bad_currency …
 *
 * Money: a type with a long `amount`, a text `currency` and a nullable long `amount_eur` is
 * checked, and gets its amount_eur at the rate of the date on which it happened (of event_time in
 * its offset); where the list has none the field stays absent and the frame is flagged CW_NO_RATE.
 * What an agency sends in amount_eur is not looked at. A text field that the type names among its
 * countries is checked as `country` is.
 */
#ifndef CW_INGEST_NORMALISE_H
#define CW_INGEST_NORMALISE_H

#include "ingest/contract.h"
#include "ingest/money.h"
#include "ingest/wire/reason.h"
#include "operators/runtime/frame.h"

enum { CW_NORMALISER_VERSION = 1, CW_PARTS_MAX = 256, CW_PART_IDS_MAX = 64 };

struct cw_normaliser; /* scratch memory and the secret */
struct cw_normaliser *cw_normaliser_new(const struct cw_secret *secret) CW_MUST_USE;
/** The list of rates that amounts go by, which outlives the normaliser; without it the shipped one.
 */
void cw_normaliser_rates(struct cw_normaliser *normaliser, const struct cw_rates *rates)
    CW_NONNULL(1, 2);
void cw_normaliser_free(struct cw_normaliser *normaliser);

/* What normalise gives: all of a frame but what only the log's writer knows (numbers of source and
 * owner, partition, offset, arrival). It lives until the next call. */
struct cw_normal {
    struct cw_frame header; /* kind, flags, type, times, version, identity, content, retain_until */
    const struct cw_key *keys;
    size_t key_count;
    cw_str body;  /* canonical, with what ingest writes into it */
    cw_str owner; /* points into the body */
    /* Purposes and handling of the event, after the contract's defaults; NULL: it has neither. */
    const struct cw_event *restricted;
};

/** `body` is a datum of the canonical schema. `arrival` judges skew (0: not judged). */
bool cw_normalise(struct cw_normaliser *normaliser, const struct cw_contract *contract, cw_str body,
                  int64_t arrival, struct cw_normal *out, struct cw_reason *reason) CW_MUST_USE
    CW_NONNULL(1, 2, 5, 6);

#endif

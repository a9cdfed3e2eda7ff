/*
 * restriction.h - who may see something, and for what: handling codes, TLP, purposes, audiences.
 *
 * A restriction is a set of demands; distinct sets are interned under one number, and 0 is the one
 * that demands nothing. Joining two gives what satisfies both: codes, texts and sharing groups are
 * united, TLP and PAP are the greater, purposes and audiences what both allow. So a join is
 * commutative, associative and idempotent, and never allows more than either side. The result is
 * kept in a memo table, since streams have few distinct sets and join them over and over.
 *
 * Numbers are of one process (ingest gives its own in NAME frames, link the bases it makes); what
 * travels is the canonical text: one JSON object with sorted keys and sorted lists, "" for none:
 *
 *     {"audience":["dk","fr"],"codes":["H1"],"pap":"AMBER","purposes":["combating-crime"],
 *      "sharing_groups":[…],"texts":["…"],"tlp":"AMBER"}
 *
 * An absent key demands nothing; an empty list of audiences or purposes allows nobody, or nothing.
 * The audience `all` is every audience: a list that has it demands nothing.
 *
 * All is bounded, and beyond a bound nothing is allowed instead of something forgotten: where what
 * is united grows too long for a text, or a table has all the sets that it may hold, the result is
 * the set that allows nobody anything. It absorbs whatever is joined to it, so that joins stay
 * associative.
 */
#ifndef CW_RUNTIME_RESTRICTION_H
#define CW_RUNTIME_RESTRICTION_H

#include "operators/runtime/event.h"

enum {
    CW_RESTRICTION_NONE = 0,
    CW_RESTRICTION_TEXT_MAX = 65536,  /* bytes of a canonical text */
    CW_RESTRICTION_EVENT_MAX = 16384, /* of what one event demands */
    CW_RESTRICTIONS_MAX = 4194304     /* sets of one table */
};

struct cw_restriction {
    cw_str text; /* canonical */
    cw_str *codes;
    size_t code_count;
    cw_str tlp; /* absent: none */
    cw_str pap;
    cw_str *texts; /* of H3 */
    size_t text_count;
    cw_str *sharing_groups;
    size_t sharing_group_count;
    bool any_purpose; /* and no purpose is listed; so for audiences */
    cw_str *purposes; /* sorted, as all lists */
    size_t purpose_count;
    bool any_audience;
    cw_str *audiences;
    size_t audience_count;
};

struct cw_restrictions;
struct cw_restrictions *cw_restrictions_new(void) CW_MUST_USE;
void cw_restrictions_free(struct cw_restrictions *table); /* accepts NULL */

/** Appends the canonical text of what the event demands; nothing where it demands nothing. It may
 *  be longer than an event may demand: the caller refuses that. */
void cw_restriction_of_event(const struct cw_event *event, struct cw_buf *out) CW_NONNULL(1, 2);
/** The number of a canonical text, made if new: a hash lookup where it is not. UINT32_MAX: it is
 * not canonical. */
uint32_t cw_restriction_intern(struct cw_restrictions *table, cw_str text) CW_NONNULL(1);
/** What satisfies both. */
uint32_t cw_restriction_join(struct cw_restrictions *table, uint32_t a, uint32_t b) CW_NONNULL(1);
/** The set of that number; lives as long as the table. */
const struct cw_restriction *cw_restriction_at(const struct cw_restrictions *table, uint32_t number)
    CW_NONNULL(1);
/** Whether use for one of these (sorted) purposes is allowed; without any, only where none is
 *  asked for. */
bool cw_restriction_allows(const struct cw_restriction *restriction, const cw_str *purposes,
                           size_t count) CW_MUST_USE CW_NONNULL(1);
/** Whether the audience may see it. */
bool cw_restriction_shows(const struct cw_restriction *restriction, cw_str audience) CW_MUST_USE
    CW_NONNULL(1);
/** Whether no audience at all may see it: the list is empty. */
static inline bool cw_restriction_hides(const struct cw_restriction *restriction)
{
    return !restriction->any_audience && restriction->audience_count == 0;
}

#endif

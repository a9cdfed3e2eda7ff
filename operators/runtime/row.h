/*
 * row.h - an alert row as detect sends it and the sink formats it: whole, or gone.
 *
 * A row names its evidence by log position; the sink reads owners, event ids and shown fields
 * there. Content only: nothing in it depends on arrival order except the positions, which are
 * pointers.
 */
#ifndef CW_RUNTIME_ROW_H
#define CW_RUNTIME_ROW_H

#include "operators/runtime/arena.h"
#include "operators/runtime/frame.h"

enum cw_level { CW_LEVEL_INFO, CW_LEVEL_LOW, CW_LEVEL_MEDIUM, CW_LEVEL_HIGH, CW_LEVEL_CRITICAL };
const char *cw_level_name(uint8_t level); /* "informational", "low", … as Sigma has them */

enum cw_row_match { CW_MATCH_RAW, CW_MATCH_EXACT, CW_MATCH_RESOLVED };

/* Which limb of Article 3(2) of the Palermo Convention the evidence shows. */
enum cw_limb {
    CW_LIMB_NONE,      /* the rule does not ask */
    CW_LIMB_COMMITTED, /* (a): events happened in two countries or more */
    CW_LIMB_EFFECTS    /* (d): in one, and accounts, documents or numbers are of another */
};

struct cw_row_key {
    uint8_t is_entity; /* 1: an entity or core; 0: a raw identifier, field value, or a notice */
    struct cw_id id;   /* as in the alert's id */
    cw_str text; /* entity: its hex; identifier: "RO:123" or the value; notice: its identity */
};

struct cw_row_evidence {
    uint64_t position; /* of the event in the log */
    struct cw_id identity;
    int64_t time_lo;
    uint16_t part;   /* the least part that leads to the key */
    uint8_t is_rule; /* 1: what stands (the notice), 0: a member of the window */
};

struct cw_row {
    bool gone; /* then only alert, case_id, rule and cell are set */
    struct cw_id alert;
    struct cw_id case_id;
    cw_str rule; /* the rule's id */
    cw_str title;
    cw_str question; /* the condition in words, for `why`: "value_count(…) gte 3 within 30d" */
    int64_t cell;
    int64_t cell_start;
    int64_t cell_span; /* C */
    uint8_t level;
    uint8_t match; /* enum cw_row_match */
    bool continues;
    int64_t first; /* time_lo of the first and last evidence, shown or not */
    int64_t last;
    uint32_t revision;           /* of the rule's document */
    struct cw_id state_hash;     /* of the rule: what decides what is held */
    struct cw_id judgement_hash; /* what is asked of it */
    cw_str document;             /* SHA-256 of the rule's document, hex */
    cw_str lists;                /* "NAME=SHA256 …" of the lists it reads, sorted; may be empty */
    cw_str restriction;          /* canonical text; empty: none (restriction.h) */
    int64_t expires;             /* the least retain-until of all evidence; CW_TIME_MAX: never */
    uint8_t limb;                /* enum cw_limb */
    size_t country_count;        /* cross_border: those of all evidence, sorted; else none */
    cw_str *countries;
    size_t value_count;
    int64_t *values; /* the condition's own first, then `having` in the order written */
    size_t key_count;
    struct cw_row_key *keys;
    uint32_t evidence_count; /* all of it */
    size_t shown_count;
    struct cw_row_evidence *shown; /* in canonical order, what evidence.keep shows */
};

void cw_row_put(struct cw_buf *out, const struct cw_row *row) CW_NONNULL(1, 2);
/** False: the bytes are no row. Strings point into the frame, arrays live in the arena. */
bool cw_row_get(const struct cw_frame *frame, struct cw_row *out,
                struct cw_arena *arena) CW_MUST_USE CW_NONNULL(1, 2, 3);

#endif

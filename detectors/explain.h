/*
 * explain.h - what the answers of detect are made of (engine_explain.c), for those who print them.
 *
 * An answer is no second account of the rules: the engine judges the cell again while somebody
 * looks on, so what is told is what it saw.
 */
#ifndef CW_DETECTORS_EXPLAIN_H
#define CW_DETECTORS_EXPLAIN_H

#include "detectors/rule.h"
#include "operators/runtime/log.h"

/* What a member brings to a criterion. */
struct cw_told_value {
    size_t criterion;
    cw_str text;    /* an entity's or core's id in hex, a value, an amount, a country */
    bool is_entity; /* the text is an id */
};

/* An event that is a member of the windows told, in canonical order. */
struct cw_told_member {
    struct cw_id identity;
    uint64_t position; /* in the log */
    cw_str owner;
    cw_str event_id;
    int64_t time_lo;
    uint16_t part; /* the least that leads to the key */
    struct cw_told_value *values;
    size_t value_count;
};

/* A window ends with its anchor, which is the last of the members [from, to). */
struct cw_told_anchor {
    size_t from;
    size_t to;
    int64_t cell;
    int64_t *values; /* by criterion */
    bool satisfied;  /* all criteria hold */
};

/* What a cell has. */
struct cw_told_finding {
    struct cw_row row;
    bool *evidence;       /* by member */
    const char *withheld; /* "no_purpose", "no_audience"; NULL: it is an alert */
    /* of standing rules: hits lie in [from, until) */
    bool has_notice;
    uint64_t notice_position;
    int64_t from;
    int64_t until;
};

/* Cells [lo, hi] of one line. Standing rules have no anchors. */
struct cw_told {
    const struct cw_rule *rule;
    struct cw_row_key *keys; /* without the notice */
    size_t key_count;
    int64_t lo;
    int64_t hi;
    struct cw_told_member *members; /* of all windows that end in these cells */
    size_t member_count;
    struct cw_told_anchor *anchors;
    size_t anchor_count;
    struct cw_told_finding *findings;
    size_t finding_count;
};

struct cw_told_selection {
    cw_str name;
    bool holds;
};

/* How one rule reads an event. */
struct cw_told_reading {
    const struct cw_rule *rule;
    bool stands; /* as a notice */
    struct cw_told_selection *selections;
    size_t selection_count;
    bool selected;
    bool allowed;           /* the event's purposes allow the rule's */
    size_t missing;         /* places of the key for which the event has nothing */
    size_t weak;            /* records that state too little to be a key */
    struct cw_told **lines; /* one for each key */
    size_t line_count;
};

#endif

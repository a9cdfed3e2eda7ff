/*
 * engine.h - the state of detect, shared by its files only.
 *
 * A member of a window lies in a *subline*: what rule it is for and how its key was reached, with
 * the record in the place of an entity. A *line* is what is judged: a rule and a key, being the set
 * of the sublines whose records belong to that key now. So when two entities become one, or one
 * two, sublines change lines and no entry moves. Entities, cores and plain values are *things*: an
 * id under a small number, so that distinct values are counted in an array.
 *
 * All of it lives in tables under 32-bit handles (0: none). What lies in `tick` is empty between a
 * close and the next frame.
 */
#ifndef CW_DETECTORS_ENGINE_H
#define CW_DETECTORS_ENGINE_H

#include "detectors/rule.h"
#include "operators/runtime/table.h"

/*
 * What one event may bring to one rule: hostile bytes must not decide how much we hold. What is cut
 * depends on the event alone, so -e cuts as +e did. Counted as detect.over_product.
 */
enum {
    CW_CANDIDATES_MAX = 1024, /* values of one path */
    CW_TUPLES_MAX = 4096,     /* keys */
    CW_BROUGHT_MAX = 65536,   /* keys times counted values */
    CW_KEY_TEXT_MAX = 1024,   /* bytes of a key's text that rows show */
    CW_SHOWN_MAX = 10000      /* evidence that a row shows, whatever `keep` says */
};

struct cw_thing {
    struct cw_id id;
    uint32_t refs; /* by entries, and by records that belong to it */
    uint32_t unused;
};

struct cw_known_record {
    struct cw_id id;
    uint32_t core; /* thing; 0 when the record is gone */
    uint32_t entity;
    struct cw_list keyed;  /* uint32_t: sublines that have it in their key, ascending */
    struct cw_list valued; /* struct cw_value_use, by subline */
};

struct cw_value_use {
    uint32_t subline;
    uint32_t count; /* entries there that hold the record as value */
};

/* One value of one member; a member without value has one entry. Order: time, identity, value. */
struct cw_entry {
    int64_t time_lo;
    struct cw_id identity;
    uint64_t position;
    uint32_t value; /* thing, or record; 0: the member brings no value */
    uint16_t part;  /* least part that leads to the subline's key */
    uint8_t is_record;
    uint8_t dead; /* taken away, and still here until the subline is settled */
};

/* A notice that stands on the subline's key. Order: identity. */
struct cw_stand {
    struct cw_id identity;
    uint64_t position;
    int64_t time_lo;
    int64_t from; /* sightings in [from, until) hit */
    int64_t until;
    uint32_t part;
    uint32_t unused;
};

struct cw_subline_key {
    struct cw_id id; /* raw id, or the record's */
    uint32_t record; /* 0: raw */
    uint32_t text_len;
    struct cw_list text; /* of raw keys: bytes, four an element */
};

struct cw_subline {
    struct cw_id id;
    uint32_t rule;
    uint32_t line; /* 0: a record of its key is gone */
    struct cw_list keys;
    struct cw_list entries;
    struct cw_list stands;
    uint32_t tail; /* entries at the end that came too late to be in order yet */
    uint32_t dead;
};

/* A cell that has an alert, or whose alert was sent. Order: notice, cell. */
struct cw_cell {
    struct cw_id notice; /* zero but for standing rules */
    int64_t cell;
    int64_t first; /* time_lo of its first and last satisfied anchor */
    int64_t last;
    struct cw_id sent_hash; /* of the row last sent, positions left out */
    uint8_t exists;
    uint8_t continues;
    uint8_t sent;
    uint8_t pending; /* a row of this tick waits for the close */
    uint8_t seen;    /* by the judging under way */
    uint8_t unused[3];
};

struct cw_line {
    struct cw_id id;
    uint32_t rule;
    uint32_t work; /* head of the chain of events that dirtied it, in tick.work */
    uint8_t dirty;
    uint8_t touched; /* in this tick */
    uint8_t sweep;   /* a cell may have ended */
    uint8_t unused[5];
    int64_t lo; /* dirty range of times */
    int64_t hi;
    struct cw_list keys;     /* struct cw_id: as in the alert's id */
    struct cw_list sublines; /* uint32_t, ascending */
    struct cw_list cells;
};

/* How a rule reads an event type: as what is sighted or counted, or as what stands. */
struct cw_reader {
    uint32_t rule;
    bool stands;
};

struct cw_rule_side {
    const struct cw_path *paths[2]; /* both are one place in the key; [1] may be NULL */
};

struct cw_detect {
    const struct cw_secret *secret;
    const struct cw_rules *rules;
    bool announced;         /* the rule set has been named to the sink */
    struct cw_arena *arena; /* of one event */
    /* compiled from the rules */
    struct cw_reader *readers[CW_TYPES_MAX + 1];
    size_t reader_count[CW_TYPES_MAX + 1];
    struct cw_arena *compiled;
    struct cw_rule_side **members; /* by rule, then by place in group-by */
    struct cw_rule_side **notices; /* the same of the notice's side; NULL but for standing rules */
    /* state */
    struct cw_map thing_ids;
    struct cw_pool things;
    struct cw_map record_ids;
    struct cw_pool records;
    struct cw_map subline_ids;
    struct cw_pool sublines;
    struct cw_map line_ids;
    struct cw_pool lines;
    struct cw_lists handles; /* uint32_t */
    struct cw_lists uses;
    struct cw_lists entries;
    struct cw_lists stands;
    struct cw_lists subline_keys;
    struct cw_lists ids;
    struct cw_lists cells;
    struct cw_lists texts;
    int64_t entry_count;
    int64_t line_count;
    /* of the tick under way */
    struct {
        uint64_t n;
        uint64_t event;        /* number of the event under way */
        struct cw_buf dirty;   /* uint32_t: lines to judge */
        struct cw_buf touched; /* uint32_t: lines to look through at the close */
        struct cw_buf work;    /* struct cw_work */
        struct cw_buf scanned; /* uint64_t by event: entries scanned for it, plus one */
        struct cw_buf pending; /* struct cw_pending */
        struct cw_buf rows;    /* row frames */
    } tick;
    /* scratch of judging */
    struct cw_buf merged[2];
    struct cw_buf bounds;
    struct cw_buf events;
    struct cw_buf spans;
    struct cw_buf standing;
    struct cw_buf shown;
    struct cw_buf encoded;
    uint32_t *counts; /* by thing */
    size_t counts_len;
    struct cw_totals totals;
    int64_t *of_members; /* in totals */
    int64_t *of_missing;
    int64_t *of_weak;
    int64_t *of_cut;
    int64_t *of_unmatched;
    int64_t *of_scanned;
};

struct cw_work {
    uint64_t event;
    uint32_t next; /* index + 1 */
    uint32_t unused;
};

struct cw_pending {
    uint32_t rule;
    uint32_t line;
    struct cw_id alert;
    struct cw_id notice;
    int64_t cell;
    struct cw_id hash;
    uint64_t seq; /* a later one of the same alert replaces it */
    uint64_t offset;
    bool gone;
};

/* --- engine_keys.c: what an event brings to a rule --- */

struct cw_brought_key {
    struct cw_id id;
    const struct cw_link_entry *link; /* NULL: raw */
    cw_str text;
};

struct cw_tuple {
    struct cw_id subline;
    const struct cw_brought_key *keys; /* as many as the rule's group-by has places */
    uint16_t part;
};

struct cw_counted {
    struct cw_id id;
    const struct cw_link_entry *link; /* NULL: a plain value */
};

struct cw_brought {
    struct cw_tuple *tuples; /* each subline once */
    size_t tuple_count;
    struct cw_counted *values; /* each once; none for rules that count no value */
    size_t value_count;
    size_t missing; /* places of the key for which the event has nothing */
    size_t weak;    /* records that are no key because they state too little */
    bool cut;       /* a limit above bit */
};

/* An event as the rules see it. */
struct cw_sight {
    const struct cw_frame *frame;
    const struct cw_event *event;
    const struct cw_link_entry **links; /* by part; NULL where link said nothing */
    size_t part_count;
};

void cw_engine_compile(struct cw_detect *detect);
void cw_engine_brought(struct cw_detect *detect, const struct cw_rule *rule,
                       const struct cw_rule_side *sides, const struct cw_sight *sight,
                       struct cw_brought *out);

/* --- engine_state.c: sublines, lines, records --- */

void cw_engine_state_init(struct cw_detect *detect);
void cw_engine_state_done(struct cw_detect *detect);
/** Adds (sign +1) or takes away what the event brings as a member. */
void cw_engine_member(struct cw_detect *detect, const struct cw_rule *rule,
                      const struct cw_sight *sight, const struct cw_brought *brought, int sign);
/** The same of a notice; hits lie in [from, until). */
void cw_engine_notice(struct cw_detect *detect, const struct cw_rule *rule,
                      const struct cw_sight *sight, const struct cw_brought *brought, int64_t from,
                      int64_t until, int sign);
/** Puts the subline's entries in order and drops the dead ones; before they are read. */
void cw_engine_settle(struct cw_detect *detect, struct cw_subline *subline);
/** What the record belongs to from now on; nothing happens if it is not known here. */
void cw_engine_belongs(struct cw_detect *detect, struct cw_id record, struct cw_id core,
                       struct cw_id entity);
/** Ends a line that holds nothing. */
void cw_engine_sweep(struct cw_detect *detect, uint32_t line);

static inline struct cw_line *cw_line_at(const struct cw_detect *detect, uint32_t handle)
{
    return cw_pool_at(&detect->lines, handle);
}
static inline struct cw_subline *cw_subline_at(const struct cw_detect *detect, uint32_t handle)
{
    return cw_pool_at(&detect->sublines, handle);
}
static inline const struct cw_rule *cw_rule_at(const struct cw_detect *detect, uint32_t number)
{
    return &detect->rules->rules[number];
}
/* Of the two partitions, the one that the rule means. */
static inline uint32_t cw_record_thing(const struct cw_rule *rule,
                                       const struct cw_known_record *record)
{
    return rule->match == CW_MATCH_EXACT ? record->core : record->entity;
}

/* --- engine_judge.c --- */

/** Judges the lines that changed; rows that differ from what was sent wait for the close. */
void cw_engine_judge(struct cw_detect *detect);
/** Sends the rows of the tick in order; the number of rows. */
uint64_t cw_engine_send(struct cw_detect *detect, struct cw_out *out);

#endif

/*
 * engine.h - the state of detect, shared by its files only.
 *
 * An event that is a member of some window, or stands, is one *fact*; entries are small and refer
 * to it. A member of a window lies in a *subline*: what rule it is for and how its key was reached,
 * with the record in the place of an entity. A *line* is what is judged: a rule and a key, being
 * the set of the sublines whose records belong to that key now. So when two entities become one, or
 * one two, sublines change lines and no entry moves. Entities, cores and plain values are *things*:
 * an id under a small number, so that distinct values are counted in an array.
 *
 * All of it lives in tables under 32-bit handles (0: none). What lies in `tick` is empty between a
 * close and the next frame.
 *
 * Ids inside: a value is known here by a SipHash under the deployment's secret, as records are; the
 * raw id that leaves (BLAKE2b, ten times as dear) is computed when a key is first seen and kept
 * while it is in use. Sublines and lines are found by a mix of such ids (cw_engine_mix): the inputs
 * are keyed hashes, so nobody can choose them, and the mix leaves no trace in any output.
 */
#ifndef CW_DETECTORS_ENGINE_H
#define CW_DETECTORS_ENGINE_H

#include "detectors/rule.h"
#include "operators/runtime/restriction.h"
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

/* Sums are exact whatever comes and goes; 2^32 amounts of 2^63 fit. */
__extension__ typedef __int128 cw_int128;

struct cw_thing {
    struct cw_id id;
    uint32_t refs; /* by entries, and by records that belong to it */
    uint32_t unused;
};

struct cw_known_record {
    struct cw_id id;
    uint32_t core; /* thing; 0 when the record is gone */
    uint32_t entity;
    uint32_t basis; /* of its entity: number in detect->restrictions */
    uint32_t unused;
    struct cw_list keyed;  /* uint32_t: sublines that have it in their key, ascending */
    struct cw_list valued; /* struct cw_value_use, by subline */
};

struct cw_value_use {
    uint32_t subline;
    uint32_t count; /* entries there that hold the record as value */
};

/* A plain value that is part of a key. */
struct cw_raw_key {
    struct cw_id inner;
    struct cw_id id; /* the raw id, as in the alert's id */
    uint32_t refs;   /* by sublines */
    uint32_t text_len;
    struct cw_list text; /* bytes, four an element */
};

/* An event as the windows need it, once for all entries. */
struct cw_fact {
    struct cw_id identity;
    int64_t time_lo;
    uint64_t position;
    int64_t retain_until;
    uint32_t refs;        /* by entries and notices, the dead ones too */
    uint32_t restriction; /* number in detect->restrictions */
    uint32_t countries;   /* struct cw_country_set; 0: none, or no rule asks */
    uint32_t unused;
    int64_t amounts[]; /* by column: what it brings to the sums */
};

/* countries(event): distinct sets are few. A country's number is that of its two letters, AA 1. */
enum { CW_COUNTRIES = 26 * 26 };
struct cw_country_set {
    struct cw_id id;
    uint32_t refs;
    uint32_t own;           /* the event's own `country`; 0: it states none */
    struct cw_list members; /* uint32_t: numbers of countries, ascending */
};

/* One value of one member; a member without value has one entry. Order: time, identity, field,
 * value. */
struct cw_entry {
    int64_t time_lo;
    uint32_t order; /* the identity's first bytes, greatest first, so that ties seldom need more */
    uint32_t fact;
    uint32_t value; /* thing, or record; 0: the member brings no value */
    uint16_t part;  /* least part that leads to the subline's key */
    uint16_t what;  /* CW_ENTRY_… and the counted field's number in the rule */
};
_Static_assert(sizeof(struct cw_entry) == 24, "entries have no holes");
enum {
    CW_ENTRY_FIELD = 0x3fff,
    CW_ENTRY_RECORD = 0x4000, /* value is a record */
    CW_ENTRY_DEAD = 0x8000    /* taken away, and still here until the subline is settled */
};

/* A notice that stands on the subline's key. Order: identity. */
struct cw_stand {
    int64_t from; /* sightings in [from, until) hit */
    int64_t until;
    uint32_t fact;
    uint32_t part;
};

struct cw_subline_key {
    uint32_t record; /* 0: raw */
    uint32_t raw;
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

/* A cell that has an alert, or whose alert was sent or withheld. Order: notice, cell. */
struct cw_cell {
    struct cw_id notice; /* zero but for standing rules */
    int64_t cell;
    int64_t first; /* time_lo of its first and last satisfied anchor */
    int64_t last;
    struct cw_id sent_hash; /* of the row last sent */
    uint8_t exists;
    uint8_t continues;
    uint8_t sent;
    uint8_t pending;  /* a row of this tick waits for the close */
    uint8_t seen;     /* enum cw_seen: by the judging under way */
    uint8_t withheld; /* enum cw_withheld: its evidence may not be shown for this, or to anybody */
    uint8_t unused[2];
};

enum cw_seen { CW_UNSEEN, CW_SEEN, CW_SEEN_WITHHELD };
enum cw_withheld { CW_SHOWN, CW_NO_PURPOSE, CW_NO_AUDIENCE };

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

/* Paths that are one place of a key, or one counted field. Rules that read the same share it, and
 * what an event has there is found once (struct cw_candidates, by side). */
struct cw_side {
    const struct cw_path *const *paths;
    size_t path_count;
    cw_str text; /* stands in the ids of values that are no identifiers */
};

#define CW_NO_SIDE UINT32_MAX /* an enum is an int */

/* A place of the key, a counted field or a sum, with a side for each set of paths of its rule. */
struct cw_reach {
    const uint32_t *sides; /* by set; CW_NO_SIDE: nothing there */
};

/* A sum: a path for each set, and where facts keep the amount. */
struct cw_sum {
    const struct cw_path *const *paths; /* by set; NULL: nothing there */
    uint32_t column;
};

/* How a rule is run. */
struct cw_plan {
    size_t set_count; /* 1, or as many as selections where aliases tell them apart */
    struct cw_reach *keys;
    struct cw_reach
        *notices; /* one set: the same of the notice's side; NULL but for standing rules */
    size_t field_count;
    struct cw_reach *fields; /* the VALUES criteria */
    const uint32_t *index;   /* by criterion: of its field, or of its sum */
    size_t sum_count;
    struct cw_sum *sums;
    bool countries;         /* a criterion asks for them */
    uint64_t least_entries; /* fewer in a line, and no anchor is satisfied */
    const uint32_t *asked;  /* by selection: index in detect->asked */
    const uint32_t *asked_on;
    struct cw_buf allowed; /* by restriction: 0 not known, 1 yes, 2 no */
    int64_t *of_shadow;    /* in totals; NULL: live */
};

/* A selection, and what it said of the event under way. */
struct cw_asked {
    const struct cw_selection *selection;
    uint64_t event;
    bool holds;
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
    struct cw_plan *plans; /* by rule */
    struct cw_side *sides;
    size_t side_count;
    struct cw_asked *asked;
    size_t asked_count;
    size_t column_count;
    size_t fields_max; /* of any rule */
    size_t sums_max;
    size_t criteria_max;
    /* of the event under way */
    uint64_t serial;
    struct cw_candidates *found; /* by side */
    uint32_t *sets;              /* room for a sight's */
    /* state */
    struct cw_restrictions *restrictions;
    struct cw_buf given;       /* uint32_t: restrictions here, by their number in frames */
    struct cw_buf given_bases; /* the same of link's bases */
    bool restricted;           /* there is one that demands something */
    struct cw_pool facts;
    struct cw_map raw_ids;
    struct cw_pool raws;
    struct cw_map country_set_ids;
    struct cw_pool country_sets;
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
    struct cw_buf members;
    struct cw_buf spans;
    struct cw_buf standing;
    struct cw_buf shown;
    struct cw_buf encoded;
    uint32_t **counts; /* by field, then by thing; all zero between two judgings */
    size_t counts_len;
    uint32_t country_counts[CW_COUNTRIES + 1];
    int64_t *distinct; /* by field */
    cw_int128 *sums;
    int64_t *values; /* by criterion: at the anchor, and of the best one */
    int64_t *best;
    struct cw_totals totals;
    int64_t *of_members; /* in totals */
    int64_t *of_missing;
    int64_t *of_weak;
    int64_t *of_cut;
    int64_t *of_unmatched;
    int64_t *of_scanned;
    int64_t *of_no_purpose_events;
    int64_t *of_no_purpose;
    int64_t *of_no_audience;
    int64_t *of_negative;
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

/* --- detect.c --- */

struct cw_sight;
/** Which sets of the rule's paths the event is read by, into the sight; false if no selection
 *  holds. `stands`: as a notice. */
bool cw_engine_selected(struct cw_detect *detect, const struct cw_rule *rule, bool stands,
                        struct cw_sight *sight);

/* --- engine_keys.c: what an event brings to a rule --- */

/* One value that a side has in the event. */
struct cw_candidate {
    struct cw_id id;                  /* inner id, or the record's */
    const struct cw_link_entry *link; /* NULL: plain */
    const struct cw_found *found;
    cw_str place; /* the side's text */
    uint16_t part;
    bool has_part;
    bool weak; /* a record that states too little to be a key */
};

/* All of a side, by id, each once with its least part. */
struct cw_candidates {
    uint64_t event; /* detect->serial for which it was found */
    struct cw_candidate *of;
    size_t count;
    size_t strong; /* not weak */
};

struct cw_tuple {
    struct cw_id subline;
    const struct cw_candidate **keys; /* as many as the rule's group-by has places */
    uint16_t part;
};

struct cw_counted {
    const struct cw_candidate *value;
    uint16_t field;
};

struct cw_brought {
    struct cw_tuple *tuples; /* each subline once */
    size_t tuple_count;
    struct cw_counted *values; /* by field, each once */
    size_t value_count;
    int64_t *amounts; /* by sum of the rule; 0: none */
    size_t missing;   /* places of the key for which the event has nothing */
    size_t weak;      /* records that are no key because they state too little */
    size_t negative;  /* amounts that are none because they are below zero */
    bool cut;         /* a limit above bit */
};

/* An event as the rules see it. */
struct cw_sight {
    const struct cw_frame *frame;
    const struct cw_event *event;
    const struct cw_link_entry **links; /* by part; NULL where link said nothing */
    size_t part_count;
    bool has_links;         /* the two above are there */
    uint32_t unknown_basis; /* 0; else a number that nothing introduced: the stream is damaged */
    uint32_t fact;          /* 0: not made yet */
    uint32_t restriction;
    const uint32_t *sets; /* of the rule's paths: those whose selections hold, ascending */
    size_t set_count;
};

/** A restriction's number here, by its number in frames. False: nothing introduced it. */
static inline bool cw_engine_number(const struct cw_buf *given, uint32_t number, uint32_t *out)
{
    *out = CW_RESTRICTION_NONE;
    if (number == CW_RESTRICTION_NONE)
        return true;
    if (number >= given->len / sizeof(*out))
        return false;
    memcpy(out, given->data + number * sizeof(*out), sizeof(*out));
    return *out != UINT32_MAX;
}
/** Whether the restriction allows what the rule is for. */
bool cw_engine_allows(struct cw_detect *detect, const struct cw_rule *rule, uint32_t restriction);
void cw_engine_compile(struct cw_detect *detect);
void cw_engine_compile_done(struct cw_detect *detect);
/** `keys` is the plan's keys or notices. */
void cw_engine_brought(struct cw_detect *detect, const struct cw_rule *rule,
                       const struct cw_reach *keys, struct cw_sight *sight, struct cw_brought *out);
/** "RO:123" where scoped by issuer, else the value; no longer than rows may show. */
cw_str cw_engine_text_form(struct cw_arena *arena, const struct cw_found *found);
/** The raw id of a candidate that is no record. */
struct cw_id cw_engine_raw_id(const struct cw_detect *detect, const struct cw_candidate *one);
struct cw_id cw_engine_mix(struct cw_id so_far, struct cw_id next);

/* --- engine_state.c: facts, sublines, lines, records --- */

void cw_engine_state_init(struct cw_detect *detect);
void cw_engine_state_done(struct cw_detect *detect);
/** Adds (sign +1) or takes away what the event brings as a member. */
void cw_engine_member(struct cw_detect *detect, const struct cw_rule *rule, struct cw_sight *sight,
                      const struct cw_brought *brought, int sign);
/** The same of a notice; hits lie in [from, until). */
void cw_engine_notice(struct cw_detect *detect, const struct cw_rule *rule, struct cw_sight *sight,
                      const struct cw_brought *brought, int64_t from, int64_t until, int sign);
/** Behind the last rule: what nobody held after all is dropped. */
void cw_engine_leave(struct cw_detect *detect, const struct cw_sight *sight);
/** Order of the events of two entries: time, then identity; 0: one event. */
int cw_entry_event_cmp(const struct cw_detect *detect, const struct cw_entry *a,
                       const struct cw_entry *b);
/** Puts the subline's entries in order and drops the dead ones; before they are read. */
void cw_engine_settle(struct cw_detect *detect, struct cw_subline *subline);
/** What the record belongs to from now on (`basis` is a number here); nothing happens if it is not
 *  known here. */
void cw_engine_belongs(struct cw_detect *detect, struct cw_id record, struct cw_id core,
                       struct cw_id entity, uint32_t basis);
/** The subline of that id, or 0. */
uint32_t cw_engine_subline_of(const struct cw_detect *detect, struct cw_id id);
/** Walks the lines in no order: *at starts at 0; 0 at the end. */
uint32_t cw_engine_next_line(const struct cw_detect *detect, uint32_t *at);
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
static inline const struct cw_fact *cw_fact_at(const struct cw_detect *detect, uint32_t handle)
{
    return cw_pool_at(&detect->facts, handle);
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

/* Who looks on while a line is judged again: nothing in the state changes then. */
struct cw_watch {
    void *self;
    /* Each member of the range in canonical order, with its entries; members are counted from 0 in
       what follows. Good until the call returns, as all here. */
    void (*member)(void *self, const struct cw_entry *entries, size_t count, uint16_t part);
    /* An anchor: the last of the members [from, to) of its window; values by criterion. */
    void (*anchor)(void *self, size_t from, size_t to, const int64_t *values);
    /* What a cell has, also where it is withheld; notice: of standing rules, else NULL. */
    void (*found)(void *self, const struct cw_row *row, enum cw_withheld why,
                  const struct cw_stand *notice);
    /* Members [from, to) are evidence of what was found last. */
    void (*evidence)(void *self, size_t from, size_t to);
};
/** Judges cells [lo, hi] of a line (whose changes have been judged) for the watch alone. */
void cw_engine_judge_again(struct cw_detect *detect, uint32_t line, int64_t lo, int64_t hi,
                           const struct cw_watch *watch);
int64_t cw_engine_cell(const struct cw_rule *rule, int64_t time);
/** Sends the rows of the tick in order; the number of rows. */
uint64_t cw_engine_send(struct cw_detect *detect, struct cw_out *out);

#endif

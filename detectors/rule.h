/*
 * rule.h - a rule set, compiled: paths into events, selections as flat code, correlations as data.
 * load.c makes it from YAML; the engine only reads it. All memory is the set's arena.
 */
#ifndef CW_DETECTORS_RULE_H
#define CW_DETECTORS_RULE_H

#include "detectors/detect.h"
#include "operators/runtime/event.h"
#include "operators/runtime/row.h"

struct cw_rule_test;
struct cw_yaml;

enum cw_path_scope {
    CW_PATH_ENVELOPE, /* country, owner, crime_areas … */
    CW_PATH_DETAIL,   /* ad.category: a field of the type */
    CW_PATH_PARTY,    /* party.ROLE.… */
    CW_PATH_OBJECT    /* object.ROLE.… */
};

enum cw_path_what {
    CW_WHAT_TEXT,   /* a text, or list of texts, of the envelope or detail */
    CW_WHAT_NUMBER, /* a number, boolean or time: its decimal digits are its text */
    CW_WHAT_NAME,   /* party: folded names */
    CW_WHAT_BIRTH_DATE,
    CW_WHAT_SEX,
    CW_WHAT_NATIONALITY,
    CW_WHAT_KIND,   /* party: person, organisation; object: `type` */
    CW_WHAT_ID,     /* id.KIND: valid identifiers of that kind */
    CW_WHAT_ENTITY, /* the entity (or core) of the part's record */
    CW_WHAT_KEY,    /* each valid one-of-a-kind identifier (object.ROLE.key, ROLE.id.any) */
    CW_WHAT_EVENT   /* the event itself: the key of a detection with a level of its own */
};

struct cw_path {
    cw_str text; /* as written */
    enum cw_path_scope scope;
    enum cw_path_what what;
    cw_str role;    /* party, object */
    cw_str id_kind; /* CW_WHAT_ID */
    uint16_t type;  /* CW_PATH_DETAIL: the event type */
    int field;      /* CW_PATH_DETAIL: its field; CW_PATH_ENVELOPE: index of envelope_fields */
};

/* One value that a path finds in an event. */
struct cw_found {
    cw_str text;    /* the value; of identifiers the canonical value; empty for entities */
    cw_str issuer;  /* of identifiers; absent otherwise */
    cw_str kind;    /* of identifiers: their kind */
    int64_t number; /* CW_WHAT_NUMBER */
    uint16_t part;  /* of parties and objects; 0 otherwise */
};

/**
 * All values that the path finds, in order of parts; *out lives in the arena. Entities: one entry a
 * part of that role. 0 where the event has none.
 */
size_t cw_path_values(const struct cw_path *path, const struct cw_event *event,
                      struct cw_arena *arena, struct cw_found **out) CW_NONNULL(1, 2, 3, 4);

/*
 * A selection is tests that lead to one another, cheap ones first: behind each it goes on at `then`
 * or `otherwise` by its truth, always forward; 0: it ends there, and that truth is the answer.
 * A test on a path holds if any of its values does, so it is false where there is none.
 */
enum cw_op {
    CW_OP_EQUALS, /* a text is one of `texts`, which are sorted */
    CW_OP_LIKE,   /* a text fits one of the patterns `texts` */
    CW_OP_AMONG,  /* a number is one of `numbers`, which are sorted */
    CW_OP_WITHIN, /* a number lies in [low, high] */
    CW_OP_EXISTS, /* there is a value */
    CW_OP_CONST   /* no path: `argument` is its truth */
};
enum { CW_LIKE_ANY = 1, CW_LIKE_ONE = 2 }; /* bytes of patterns: any run, any one character */

struct cw_instruction {
    enum cw_op op;
    bool negated;  /* the truth is turned */
    bool cased;    /* texts are compared with their case; otherwise they are folded as cw_fold has
                      it, and identifiers by their text form */
    uint32_t then; /* index in the code */
    uint32_t otherwise;
    const struct cw_path *path;
    const cw_str *texts;
    size_t text_count;
    const int64_t *numbers;
    size_t number_count;
    int64_t low;
    int64_t high;
    int argument;
    cw_str list; /* the name of the list whose values these are; absent: they stand in the rule */
};

struct cw_selection {
    cw_str name;
    uint16_t type; /* event type number: logsource.category */
    const struct cw_instruction *code;
    size_t code_len;
};

/** Whether the event (of the selection's type) is selected. */
bool cw_selection_holds(const struct cw_selection *selection, const struct cw_event *event,
                        struct cw_arena *arena) CW_MUST_USE CW_NONNULL(1, 2, 3);

enum cw_rule_type { CW_RULE_EVENT_COUNT, CW_RULE_VALUE_COUNT, CW_RULE_VALUE_SUM, CW_RULE_STANDING };

enum cw_rule_mode { CW_MODE_LIVE, CW_MODE_SHADOW, CW_MODE_OFF }; /* off: never in a set */

/* One place of the key, or what is counted: a path for each selection of the rule, which are the
 * same unless an alias joins different ones ($phone: {ads: …, bookings: …}). */
struct cw_lookup {
    cw_str text;                        /* as written: a path, or "$phone" */
    const struct cw_path *const *paths; /* by selection; NULL: those events bring none */
};

enum cw_measure {
    CW_MEASURE_EVENTS,   /* members */
    CW_MEASURE_VALUES,   /* distinct values of `field` */
    CW_MEASURE_SUM,      /* of a whole number that is not negative, each member's once */
    CW_MEASURE_COUNTRIES /* distinct countries(event), as the types name them; no `field` */
};

/* One condition on a window. All must hold. */
struct cw_criterion {
    enum cw_measure measure;
    const struct cw_lookup *field; /* VALUES, SUM */
    bool above;                    /* gt: more than the threshold; else gte */
    int64_t threshold;
    bool shown; /* its value is reported in rows; not so of cross_border */
};

static inline bool cw_criterion_holds(const struct cw_criterion *criterion, int64_t value)
{
    return criterion->above ? value > criterion->threshold : value >= criterion->threshold;
}

struct cw_rule {
    uint32_t number; /* in the set, by the order of ids */
    cw_str id;
    cw_str name;
    cw_str title;
    cw_str file;
    enum cw_level level;
    enum cw_rule_type type;
    const struct cw_selection **selections; /* `rules`: what is selected, or sighted */
    size_t selection_count;
    const struct cw_selection **on; /* standing: the notices */
    size_t on_count;
    const struct cw_lookup *group_by;
    size_t group_by_count;
    enum cw_row_match match;
    const struct cw_criterion *criteria; /* the condition's own, `having` in the order written,
                                            cross_border; none of standing rules */
    size_t criterion_count;
    int64_t timespan;     /* T; 0 for standing */
    int64_t lookback;     /* standing: at least a day, default 30 d */
    int64_t suppress_for; /* 0: none */
    int64_t cell_span;    /* C = max(T, suppress.for); standing: max(suppress.for, lookback) */
    uint32_t keep;        /* evidence.keep; default 50 */
    cw_str question;      /* the condition in words, for rows */
    enum cw_rule_mode mode;
    cw_str *purposes; /* sorted; none: only events that limit no purpose are seen */
    size_t purpose_count;
    bool cross_border;
    uint32_t revision;                /* crosswatch.revision, default 1 */
    struct cw_id state_hash;          /* what decides what is held (SEMANTICS section 5) */
    struct cw_id judgement_hash;      /* what is asked of it */
    char document[65];                /* SHA-256 of the document's text, hex */
    cw_str lists;                     /* "NAME=SHA256 …" of the lists that its selections read */
    const struct cw_yaml *root;       /* the document as read: what pages say of it (yaml.h) */
    const struct cw_rule_test *tests; /* rule_tests.h */
    size_t test_count;
};

struct cw_rules {
    struct cw_arena *arena;
    struct cw_rule
        *rules; /* what can alert, by number: correlations, and detections with a level */
    size_t count;
    struct cw_selection *selections;
    size_t selection_count;
    cw_str text;  /* all files' text one after the other, for the hash */
    cw_str lists; /* "NAME=SHA256 …" of all lists that are read, sorted */
};

#endif

/*
 * explain.h - what an answer is made of (explain.c), for those who print it (explain_print.c).
 *
 * An answer is computed by the definition: all records that hang together with those asked about
 * are partitioned again, edge by edge in their order, and each edge that mattered is kept: it
 * joined two groups, or was held since they conflict.
 */
#ifndef CW_LINK_EXPLAIN_H
#define CW_LINK_EXPLAIN_H

#include "operators/link/link_state.h"

/* Records that hang together beyond this are counted, not laid out. */
enum { CW_EXPLAIN_RECORDS_MAX = 2000 };

struct cw_told_edge {
    uint32_t a; /* records of the answer */
    uint32_t b;
    const struct cw_identifier *by; /* which both show */
    uint8_t rank;
    bool held;
    /* Of a held one: two values of one exclusive kind, and a record of each group that shows it. */
    const struct cw_identifier *value_a;
    const struct cw_identifier *value_b;
    uint32_t shows_a;
    uint32_t shows_b;
};

struct cw_told_record {
    struct cw_id id;
    uint32_t handle;
    struct cw_link_mention founder; /* the least of its mentions */
};

/* Who was asked about. */
struct cw_asked {
    uint32_t handle; /* of the record; where an entity was named, of its founding one */
    bool entity;     /* a core or entity was named */
    uint32_t record; /* place in the answer */
    struct cw_link_mention mention; /* the one that was named, else the record's founding one */
};

/* An identifier, name or birth date that one of two states. */
enum cw_feature_type { CW_FEATURE_IDENTIFIER, CW_FEATURE_NAME, CW_FEATURE_BIRTH_DATE };
struct cw_feature {
    enum cw_feature_type type;
    const struct cw_identifier *id; /* of an identifier */
    cw_str text;                    /* of the others: the name as records compare it, the date */
    bool by_a;
    bool by_b;
    bool joins;       /* both state it, and it gives an edge */
    const char *note; /* what it does not do, and why; NULL: nothing to say */
};

struct cw_answer {
    const struct cw_link *link;
    struct cw_log *log;
    struct cw_arena *arena;
    struct cw_told_record
        *records; /* sorted by id; all that hangs together with those asked about */
    size_t record_count;
    bool too_many; /* more than can be laid out: no edges, and records are of the entities only */
    struct cw_told_edge *edges; /* in their order */
    size_t edge_count;
    struct cw_asked asked[2];
    size_t asked_count;
    struct cw_feature *features; /* of two */
    size_t feature_count;
    struct cw_told_edge
        *path; /* of two in one core: the joins that lead from the one to the other */
    size_t path_count;
};

const struct cw_core *cw_answer_core(const struct cw_answer *answer, uint32_t record);
/** "RO:123", or the value alone. */
cw_str cw_answer_identifier(const struct cw_answer *answer, const struct cw_identifier *id);
/** Whether the kind joins records at all. */
bool cw_answer_joins(cw_str kind);

void cw_answer_show_json(const struct cw_answer *answer, const struct cw_link_mention *mentions,
                         size_t count, struct cw_buf *out);
void cw_answer_show_text(const struct cw_answer *answer, const struct cw_link_mention *mentions,
                         size_t count, struct cw_buf *out);
void cw_answer_why_json(const struct cw_answer *answer, struct cw_buf *out);
void cw_answer_why_text(const struct cw_answer *answer, struct cw_buf *out);

#endif

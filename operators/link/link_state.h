/*
 * link_state.h - link's tables, for link.c (the view) and entities.c (reading it out).
 */
#ifndef CW_LINK_LINK_STATE_H
#define CW_LINK_LINK_STATE_H

#include "operators/link/link.h"
#include "operators/link/support.h"
#include "operators/runtime/arena.h"
#include "operators/runtime/restriction.h"
#include "operators/runtime/table.h"

/* An identifier as a record holds it. */
struct cw_held {
    uint64_t scope;
    uint32_t identifier; /* handle */
    uint8_t rank;
    uint8_t exclusive;
    uint16_t zero;
};

struct cw_link_record {
    struct cw_id id;
    struct cw_supports supports;
    struct cw_list held; /* struct cw_held: valid, one of a kind */
    uint64_t kind;       /* scope of the record's kind: only records of one kind join */
    int64_t first_seen;  /* least time_lo of the point events that ever supported it */
    uint32_t core;       /* handle; 0 only within a unit, before cores are made */
    uint32_t basis;      /* the restriction of its founding mention */
    uint64_t visit;      /* number of the last unit that computed it again */
    bool weak;
};

/* A one-of-a-kind identifier among records of one kind. */
struct cw_link_identifier {
    struct cw_id key;
    struct cw_id slot;      /* key in the map: key and record kind */
    struct cw_list holders; /* handles of records */
};

struct cw_core {
    struct cw_id id;
    struct cw_id entity;
    struct cw_support founding;
    struct cw_list members; /* handles of records */
    uint32_t basis;         /* the join of its members' */
    uint32_t place;         /* among the cores that the unit touches */
    uint64_t visit;         /* number of the last unit that touched it */
};

struct cw_link_slot {
    struct cw_id id;
    uint32_t handle;
    uint32_t zero;
};

struct cw_link {
    struct cw_secret secret;
    struct cw_map record_map;     /* record id to handle */
    struct cw_map identifier_map; /* key and kind to handle */
    struct cw_pool records;
    struct cw_pool identifiers;
    struct cw_pool cores;
    struct cw_lists support_lists;
    struct cw_lists held_lists;
    struct cw_lists handle_lists;
    struct cw_arena *arena; /* of one unit */
    uint64_t visits;
    struct cw_restrictions *restrictions;
    uint32_t *given; /* by ingest's number: the number in that table */
    size_t given_count;
    uint8_t *named; /* by number in that table: it was introduced */
    size_t named_count;
    struct cw_out *out; /* within a batch */
    struct cw_totals totals;
    int64_t *of_records, *of_entities, *of_merges, *of_splits, *of_moved, *of_recomputed,
        *of_changes, *of_small, *of_large, *of_restricted;
};

static inline struct cw_link_record *cw_link_record_at(const struct cw_link *link, uint32_t handle)
{
    return cw_pool_at(&link->records, handle);
}
static inline cw_str cw_link_basis(const struct cw_link *link, const struct cw_core *core)
{
    return cw_restriction_at(link->restrictions, core->basis)->text;
}
static inline struct cw_core *cw_core_at(const struct cw_link *link, uint32_t handle)
{
    return cw_pool_at(&link->cores, handle);
}

#endif

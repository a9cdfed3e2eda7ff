/*
 * partition.h - from records and the identifiers they hold to cores: the definition of SEMANTICS
 * section 6, stratum 2, over one connected component.
 *
 * An identifier gives an edge for every pair of its holders. Edges are taken in the order (rank,
 * key of the identifier, lesser record id, greater record id); one that would put two records in
 * conflict into one core is held. Two records conflict if both hold values of one exclusive scope
 * and these differ as sets (so a record that states two national ids of one country agrees only
 * with its like).
 */
#ifndef CW_LINK_PARTITION_H
#define CW_LINK_PARTITION_H

#include "operators/runtime/arena.h"
#include "operators/runtime/id.h"

struct cw_part_id {
    struct cw_id key;
    uint64_t scope;
    uint8_t rank;
    bool exclusive;
};

struct cw_part_record {
    struct cw_id id;
    uint64_t kind;                /* only records of one kind join */
    const struct cw_part_id *ids; /* one of a kind, valid */
    size_t id_count;
};

/* An edge that would have joined two groups, in the order of edges. */
struct cw_edge {
    uint32_t a; /* records: the lesser id, the greater */
    uint32_t b;
    struct cw_id key; /* the identifier that gives it */
    uint8_t rank;
    bool held;
    /* Of a held one: an exclusive scope, and two values of it of which the group of a shows one and
     * the group of b the other. */
    uint64_t scope;
    struct cw_id value_a;
    struct cw_id value_b;
};
typedef void (*cw_edge_teller)(void *context, const struct cw_edge *edge);

/** group[i] is the least index of a record in the same core as record i. All records are of one
 * kind; they need not be connected. False: two values of one exclusive scope meet among them, so
 * that edges may have been held; else each group is all that hangs together. */
bool cw_partition(const struct cw_part_record *records, size_t count, uint32_t *group,
                  struct cw_arena *arena) CW_NONNULL(1, 3, 4);
/** The same, and tells of each edge between records that were not together yet: joined or held. */
bool cw_partition_told(const struct cw_part_record *records, size_t count, uint32_t *group,
                       struct cw_arena *arena, cw_edge_teller tell, void *context)
    CW_NONNULL(1, 3, 4);

#endif

/*
 * slow_partition.h - the definition of cores, word by word and as slow as that is: all pairs of
 * holders are edges, sorted; an edge that would put two records in conflict into one core is held.
 */
#ifndef CW_TEST_LINK_SLOW_PARTITION_H
#define CW_TEST_LINK_SLOW_PARTITION_H

#include "tests/unit/runtime/testing.h"

#include "operators/link/partition.h"

enum { SLOW_EDGES_MAX = 65536 };

struct slow_edge {
    uint8_t rank;
    struct cw_id key;
    struct cw_id lesser;
    struct cw_id greater;
    size_t a;
    size_t b;
};

static inline int compare_slow_edges(const void *a, const void *b)
{
    const struct slow_edge *left = a;
    const struct slow_edge *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    int order = cw_id_cmp(left->key, right->key);
    if (order == 0)
        order = cw_id_cmp(left->lesser, right->lesser);
    return order != 0 ? order : cw_id_cmp(left->greater, right->greater);
}

static inline bool slow_shows(const struct cw_part_record *record, uint64_t scope)
{
    for (size_t i = 0; i < record->id_count; i++) {
        if (record->ids[i].exclusive && record->ids[i].scope == scope)
            return true;
    }
    return false;
}

static inline bool slow_states(const struct cw_part_record *record, const struct cw_part_id *id)
{
    for (size_t i = 0; i < record->id_count; i++) {
        if (record->ids[i].exclusive && record->ids[i].scope == id->scope &&
            cw_id_eq(record->ids[i].key, id->key))
            return true;
    }
    return false;
}

/* Both show a scope, and one states a value of it that the other does not. */
static inline bool slow_conflict(const struct cw_part_record *a, const struct cw_part_record *b)
{
    for (size_t i = 0; i < a->id_count; i++) {
        if (a->ids[i].exclusive && slow_shows(b, a->ids[i].scope) && !slow_states(b, &a->ids[i]))
            return true;
    }
    for (size_t i = 0; i < b->id_count; i++) {
        if (b->ids[i].exclusive && slow_shows(a, b->ids[i].scope) && !slow_states(a, &b->ids[i]))
            return true;
    }
    return false;
}

static inline size_t slow_list_edges(const struct cw_part_record *records, size_t count,
                                     struct slow_edge *edges)
{
    size_t n = 0;
    for (size_t a = 0; a < count; a++) {
        for (size_t b = a + 1; b < count; b++) {
            for (size_t i = 0; i < records[a].id_count; i++) {
                for (size_t j = 0; j < records[b].id_count; j++) {
                    if (records[a].kind != records[b].kind ||
                        !cw_id_eq(records[a].ids[i].key, records[b].ids[j].key))
                        continue;
                    bool ordered = cw_id_cmp(records[a].id, records[b].id) < 0;
                    assert_true(n < SLOW_EDGES_MAX);
                    edges[n++] = (struct slow_edge){ records[a].ids[i].rank,
                                                     records[a].ids[i].key,
                                                     records[ordered ? a : b].id,
                                                     records[ordered ? b : a].id,
                                                     a,
                                                     b };
                }
            }
        }
    }
    return n;
}

static inline void slow_partition(const struct cw_part_record *records, size_t count,
                                  uint32_t *group)
{
    static struct slow_edge edges[SLOW_EDGES_MAX];
    size_t n = slow_list_edges(records, count, edges);
    if (n > 1)
        qsort(edges, n, sizeof(*edges), compare_slow_edges);
    for (size_t i = 0; i < count; i++)
        group[i] = (uint32_t)i;
    for (size_t e = 0; e < n; e++) {
        uint32_t a = group[edges[e].a];
        uint32_t b = group[edges[e].b];
        bool held = a == b;
        for (size_t i = 0; i < count && !held; i++) {
            for (size_t j = 0; j < count && !held; j++)
                held = group[i] == a && group[j] == b && slow_conflict(&records[i], &records[j]);
        }
        uint32_t into = a < b ? a : b;
        for (size_t i = 0; i < count && !held; i++) {
            if (group[i] == a || group[i] == b)
                group[i] = into;
        }
    }
}

#endif

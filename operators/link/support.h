/*
 * support.h - the live mentions of a record, and the least of them, which founds ids.
 *
 * Two binary heaps in lists: what came, and what went and is still in the first. Where their tops
 * are equal both are popped; so adding, removing and the least cost a logarithm, and no index from
 * mention to place is kept.
 */
#ifndef CW_LINK_SUPPORT_H
#define CW_LINK_SUPPORT_H

#include "operators/runtime/table.h"

struct cw_support {
    int64_t recorded_at;
    struct cw_id identity;
    uint64_t position; /* of the event in the log; breaks no tie between different mentions */
    uint32_t part;
    uint32_t restriction; /* of the event, a number of link's own table; orders nothing */
};
_Static_assert(sizeof(struct cw_support) == 40, "a mention has no holes");

struct cw_supports {
    struct cw_list came;
    struct cw_list went;
};

void cw_support_lists_init(struct cw_lists *lists);
/** False: the least mention is the one that it was. */
bool cw_support_add(struct cw_lists *lists, struct cw_supports *set, const struct cw_support *one);
void cw_support_remove(struct cw_lists *lists, struct cw_supports *set,
                       const struct cw_support *one);
static inline uint32_t cw_support_count(const struct cw_supports *set)
{
    return set->came.len - set->went.len;
}
/** The least live mention, or NULL. */
const struct cw_support *cw_support_least(struct cw_lists *lists, struct cw_supports *set);
/** By (recorded at, identity, part): the order that founds. */
int cw_support_cmp(const struct cw_support *a, const struct cw_support *b);
/** Copies all live mentions, in no order, to `out`, which has room for cw_support_count. */
void cw_support_copy(const struct cw_lists *lists, const struct cw_supports *set,
                     struct cw_support *out);

#endif

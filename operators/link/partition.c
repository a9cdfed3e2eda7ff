#include "operators/link/partition.h"

#include <stdlib.h>

/* One identifier of one record; sorted, the holders of an identifier stand together. */
struct holding {
    uint8_t rank;
    struct cw_id key;
    uint64_t kind; /* of the record: a passport of a person and one shown as an object are apart */
    struct cw_id record_id;
    uint32_t record;
};

static int compare_holdings(const void *a, const void *b)
{
    const struct holding *left = a;
    const struct holding *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    int order = cw_id_cmp(left->key, right->key);
    if (order != 0)
        return order;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return cw_id_cmp(left->record_id, right->record_id);
}

/* The exclusive values of a group, sorted by (scope, key). */
struct value {
    uint64_t scope;
    struct cw_id key;
};

static int compare_values(const void *a, const void *b)
{
    const struct value *left = a;
    const struct value *right = b;
    if (left->scope != right->scope)
        return left->scope < right->scope ? -1 : 1;
    return cw_id_cmp(left->key, right->key);
}

struct group {
    uint32_t parent;
    uint32_t least; /* index of a record */
    struct value *values;
    size_t value_count;
};

static uint32_t find(struct group *groups, uint32_t at)
{
    while (groups[at].parent != at) {
        groups[at].parent = groups[groups[at].parent].parent;
        at = groups[at].parent;
    }
    return at;
}

/* All records of a group that show a scope show the same values of it, for others are in conflict:
 * so the groups conflict where both show a scope and the runs of its values differ. */
static bool conflict(const struct group *a, const struct group *b, const struct value **of_a,
                     const struct value **of_b)
{
    size_t i = 0;
    size_t j = 0;
    while (i < a->value_count && j < b->value_count) {
        if (a->values[i].scope < b->values[j].scope) {
            i++;
        } else if (a->values[i].scope > b->values[j].scope) {
            j++;
        } else {
            uint64_t scope = a->values[i].scope;
            *of_a = &a->values[i];
            *of_b = &b->values[j];
            if (!cw_id_eq(a->values[i++].key, b->values[j++].key))
                return true;
            bool a_goes_on = i < a->value_count && a->values[i].scope == scope;
            bool b_goes_on = j < b->value_count && b->values[j].scope == scope;
            if (a_goes_on)
                *of_a = &a->values[i];
            else if (b_goes_on)
                *of_b = &b->values[j];
            if (a_goes_on != b_goes_on)
                return true;
        }
    }
    return false;
}

static void unite(struct group *groups, uint32_t a, uint32_t b, struct cw_arena *arena)
{
    struct group *into = &groups[a];
    struct group *from = &groups[b];
    size_t count = into->value_count + from->value_count;
    struct value *values = cw_arena_alloc(arena, count * sizeof(*values));
    size_t n = 0;
    size_t i = 0;
    size_t j = 0;
    while (i < into->value_count || j < from->value_count) {
        int order = i == into->value_count   ? 1
                    : j == from->value_count ? -1
                                             : compare_values(&into->values[i], &from->values[j]);
        values[n++] = order <= 0 ? into->values[i] : from->values[j];
        i += order <= 0;
        j += order >= 0;
    }
    into->values = values;
    into->value_count = n;
    if (from->least < into->least)
        into->least = from->least;
    from->parent = a;
}

struct told {
    cw_edge_teller tell; /* NULL: nobody listens */
    void *context;
};

static void try_edge(struct group *groups, const struct holding *a, const struct holding *b,
                     const struct told *told, struct cw_arena *arena)
{
    uint32_t root_a = find(groups, a->record);
    uint32_t root_b = find(groups, b->record);
    const struct value *of_a = NULL;
    const struct value *of_b = NULL;
    if (root_a == root_b)
        return;
    bool held = conflict(&groups[root_a], &groups[root_b], &of_a, &of_b);
    if (told->tell != NULL) {
        struct cw_edge edge = {
            .a = a->record, .b = b->record, .key = a->key, .rank = a->rank, .held = held
        };
        if (held) {
            edge.scope = of_a->scope;
            edge.value_a = of_a->key;
            edge.value_b = of_b->key;
        }
        told->tell(told->context, &edge);
    }
    if (!held)
        unite(groups, root_a, root_b, arena);
}

static struct holding *list_holdings(const struct cw_part_record *records, size_t count,
                                     size_t *holding_count, struct cw_arena *arena)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += records[i].id_count;
    struct holding *holdings = cw_arena_alloc(arena, total * sizeof(*holdings));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < records[i].id_count; j++) {
            const struct cw_part_id *id = &records[i].ids[j];
            holdings[n++] = (struct holding){ .rank = id->rank,
                                              .key = id->key,
                                              .kind = records[i].kind,
                                              .record_id = records[i].id,
                                              .record = (uint32_t)i };
        }
    }
    if (n > 1)
        qsort(holdings, n, sizeof(*holdings), compare_holdings);
    *holding_count = n;
    return holdings;
}

static void start_group(struct group *group, uint32_t index, const struct cw_part_record *record,
                        struct cw_arena *arena)
{
    *group = (struct group){ .parent = index, .least = index };
    group->values = cw_arena_alloc(arena, record->id_count * sizeof(*group->values));
    for (size_t i = 0; i < record->id_count; i++) {
        if (record->ids[i].exclusive)
            group->values[group->value_count++] =
                (struct value){ record->ids[i].scope, record->ids[i].key };
    }
    if (group->value_count > 1)
        qsort(group->values, group->value_count, sizeof(*group->values), compare_values);
    size_t n = 0; /* a value stated twice is one */
    for (size_t i = 0; i < group->value_count; i++) {
        if (i == 0 || compare_values(&group->values[i - 1], &group->values[i]) != 0)
            group->values[n++] = group->values[i];
    }
    group->value_count = n;
}

/* Whether any scope shows two values among all records: without one no edge can be held. */
static bool any_conflict(const struct group *groups, size_t count, struct cw_arena *arena)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += groups[i].value_count;
    struct value *all = cw_arena_alloc(arena, total * sizeof(*all));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < groups[i].value_count; j++)
            all[n++] = groups[i].values[j];
    }
    if (n > 1)
        qsort(all, n, sizeof(*all), compare_values);
    for (size_t i = 1; i < n; i++) {
        if (all[i].scope == all[i - 1].scope && !cw_id_eq(all[i].key, all[i - 1].key))
            return true;
    }
    return false;
}

bool cw_partition_told(const struct cw_part_record *records, size_t count, uint32_t *group,
                       struct cw_arena *arena, cw_edge_teller tell, void *context)
{
    const struct told told = { tell, context };
    struct group *groups = cw_arena_alloc(arena, count * sizeof(*groups));
    for (size_t i = 0; i < count; i++)
        start_group(&groups[i], (uint32_t)i, &records[i], arena);
    bool every_pair = any_conflict(groups, count, arena);
    size_t n;
    const struct holding *holdings = list_holdings(records, count, &n, arena);
    for (size_t from = 0; from < n;) {
        size_t to = from + 1;
        while (to < n && holdings[to].rank == holdings[from].rank &&
               holdings[to].kind == holdings[from].kind &&
               cw_id_eq(holdings[to].key, holdings[from].key))
            to++;
        /* Where nothing conflicts, a star from the first holder joins what all pairs would. */
        for (size_t i = from; i < (every_pair ? to : from + 1); i++) {
            for (size_t j = i + 1; j < to; j++)
                try_edge(groups, &holdings[i], &holdings[j], &told, arena);
        }
        from = to;
    }
    for (size_t i = 0; i < count; i++)
        group[i] = groups[find(groups, (uint32_t)i)].least;
    return !every_pair;
}

bool cw_partition(const struct cw_part_record *records, size_t count, uint32_t *group,
                  struct cw_arena *arena)
{
    return cw_partition_told(records, count, group, arena, NULL, NULL);
}

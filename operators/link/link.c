#include "operators/link/link.h"

#include <stdlib.h>

#include "operators/link/link_state.h"
#include "operators/link/partition.h"
#include "operators/runtime/check.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

struct cw_link *cw_link_new(const struct cw_secret *secret)
{
    struct cw_link *link = cw_new(struct cw_link);
    link->secret = *secret;
    cw_map_init(&link->record_map, sizeof(struct cw_link_slot));
    cw_map_init(&link->identifier_map, sizeof(struct cw_link_slot));
    cw_pool_init(&link->records, sizeof(struct cw_link_record));
    cw_pool_init(&link->identifiers, sizeof(struct cw_link_identifier));
    cw_pool_init(&link->cores, sizeof(struct cw_core));
    cw_support_lists_init(&link->support_lists);
    cw_lists_init(&link->held_lists, sizeof(struct cw_held));
    cw_lists_init(&link->handle_lists, sizeof(uint32_t));
    link->arena = cw_arena_new();
    link->restrictions = cw_restrictions_new();
    link->given = cw_new(uint32_t); /* 0 is none in both */
    link->given_count = 1;
    link->of_records = cw_total(&link->totals, "link.records");
    link->of_entities = cw_total(&link->totals, "link.entities");
    link->of_merges = cw_total(&link->totals, "link.merges");
    link->of_splits = cw_total(&link->totals, "link.splits");
    link->of_moved = cw_total(&link->totals, "link.records_moved");
    link->of_changes = cw_total(&link->totals, "link.recomputations");
    link->of_recomputed = cw_total(&link->totals, "link.records_recomputed");
    link->of_small = cw_total(&link->totals, "link.units_recomputed_le_1000");
    link->of_large = cw_total(&link->totals, "link.units_recomputed_gt_1000");
    link->of_in_place = cw_total(&link->totals, "link.joined_in_place");
    link->of_restricted = cw_total(&link->totals, "link.restricted");
    return link;
}

static void link_free(void *self)
{
    struct cw_link *link = self;
    if (link == NULL)
        return;
    cw_map_done(&link->record_map);
    cw_map_done(&link->identifier_map);
    cw_pool_done(&link->records);
    cw_pool_done(&link->identifiers);
    cw_pool_done(&link->cores);
    cw_lists_done(&link->support_lists);
    cw_lists_done(&link->held_lists);
    cw_lists_done(&link->handle_lists);
    cw_arena_free(link->arena);
    cw_restrictions_free(link->restrictions);
    free(link->given);
    free(link->named);
    free(link);
}

const struct cw_totals *cw_link_totals(const struct cw_link *link)
{
    return &link->totals;
}

static struct cw_link_identifier *identifier_at(const struct cw_link *link, uint32_t handle)
{
    return cw_pool_at(&link->identifiers, handle);
}

static const uint32_t *handles(const struct cw_link *link, struct cw_list list)
{
    return cw_list_data(&link->handle_lists, list);
}

static void add_handle(struct cw_link *link, struct cw_list *list, uint32_t handle)
{
    *(uint32_t *)cw_list_insert(&link->handle_lists, list, list->len) = handle;
}

static void remove_handle(struct cw_link *link, struct cw_list *list, uint32_t handle)
{
    const uint32_t *items = handles(link, *list);
    uint32_t i = 0;
    while (items[i] != handle)
        i++;
    cw_list_remove(&link->handle_lists, list, i);
}

/* --- what a unit touches --- */

struct touched {
    uint32_t record;
    bool was_there; /* had live support before the unit */
    bool rebased;   /* its founding mention has another restriction than before */
};

struct unit {
    const struct cw_frame *const *frames;
    size_t count;
    struct touched *touched;
    size_t touched_count;
    struct move *moves;
    size_t move_count;
    struct cw_id *stays; /* cores that a record was in before and still is; runs of one are one */
    size_t stay_count;
    size_t recomputed;
    bool settled;      /* nothing but mentions was added, and no record's least is another */
    uint32_t *records; /* of each RECORD key of its frames, in order */
    size_t record_count;
};

static void touch(struct unit *unit, uint32_t record, bool was_there)
{
    for (size_t i = 0; i < unit->touched_count; i++) {
        if (unit->touched[i].record == record)
            return;
    }
    unit->touched[unit->touched_count++] = (struct touched){ record, was_there, false };
}

/* --- records and identifiers --- */

/* Identifiers join records of one kind only: the kind goes into the map's key. */
static struct cw_id identifier_slot(struct cw_id key, uint64_t kind)
{
    uint64_t low;
    memcpy(&low, key.b, sizeof(low));
    low ^= kind;
    memcpy(key.b, &low, sizeof(low));
    return key;
}

static void hold(struct cw_link *link, uint32_t record_handle, const struct cw_key *key)
{
    struct cw_link_record *record = cw_link_record_at(link, record_handle);
    struct cw_id slot_id = identifier_slot(key->key, record->kind);
    bool is_new;
    struct cw_link_slot *slot = cw_map_put(&link->identifier_map, slot_id, &is_new);
    if (is_new) {
        slot->handle = cw_pool_new(&link->identifiers);
        struct cw_link_identifier *made = identifier_at(link, slot->handle);
        made->key = key->key;
        made->slot = slot_id;
    }
    uint32_t handle = slot->handle;
    const struct cw_held *held = cw_list_data(&link->held_lists, record->held);
    for (uint32_t i = 0; i < record->held.len; i++) {
        if (held[i].identifier == handle)
            return; /* stated twice */
    }
    struct cw_held *added = cw_list_insert(&link->held_lists, &record->held, record->held.len);
    *added =
        (struct cw_held){ key->scope, handle, key->rank, (key->flags & CW_KEY_EXCLUSIVE) != 0, 0 };
    add_handle(link, &identifier_at(link, handle)->holders, record_handle);
}

static uint32_t make_record(struct cw_link *link, const struct cw_key *key,
                            const struct cw_key *end)
{
    uint32_t handle = cw_pool_new(&link->records);
    struct cw_link_record *record = cw_link_record_at(link, handle);
    record->id = key->key;
    record->kind = key->scope;
    record->first_seen = CW_TIME_MAX;
    record->fresh = true;
    for (const struct cw_key *id = key + 1; id < end && id->part == key->part; id++) {
        if ((id->flags & CW_KEY_UNIQUE) != 0)
            hold(link, handle, id);
    }
    return handle;
}

/* The record of a part, made with its identifiers if it is new. `key` is the RECORD entry; the
 * identifiers of the part follow it. */
static uint32_t record_of(struct cw_link *link, const struct cw_key *key, const struct cw_key *end)
{
    uint32_t known = link->ahead_at < link->ahead_count ? link->ahead[link->ahead_at++] : 0;
    if (known != 0)
        return known;
    bool is_new;
    struct cw_link_slot *slot = cw_map_put(&link->record_map, key->key, &is_new);
    if (is_new)
        slot->handle = make_record(link, key, end); /* which puts nothing into this map */
    return slot->handle;
}

static void apply_frame(struct cw_link *link, struct unit *unit, const struct cw_frame *frame)
{
    const struct cw_key *keys = cw_frame_keys(frame);
    const struct cw_key *end = keys + frame->key_count;
    for (const struct cw_key *key = keys; key < end; key++) {
        if ((key->flags & CW_KEY_RECORD) == 0)
            continue;
        uint32_t handle = record_of(link, key, end);
        struct cw_link_record *record = cw_link_record_at(link, handle);
        unit->records[unit->record_count++] = handle;
        touch(unit, handle, cw_support_count(&record->supports) > 0);
        const struct cw_support support = { frame->recorded_at, frame->identity, frame->position,
                                            key->part, link->given[frame->restriction] };
        if (frame->sign < 0) {
            cw_support_remove(&link->support_lists, &record->supports, &support);
            unit->settled = false;
            continue;
        }
        if (cw_support_add(&link->support_lists, &record->supports, &support))
            unit->settled = false;
        if ((frame->flags & CW_STANDING) == 0 && frame->time_lo < record->first_seen)
            record->first_seen = frame->time_lo;
    }
}

/* --- moves --- */

/* One record that was there before the unit, with what it belonged to and belongs to now. */
struct move {
    struct cw_id core_from;
    struct cw_id entity_from;
    struct cw_id core_to;
    struct cw_id entity_to;
    struct cw_id record;
    int64_t first_seen;
    uint32_t basis; /* of entity_to */
};

static int compare_moves(const void *a, const void *b)
{
    const struct move *left = a;
    const struct move *right = b;
    int order = cw_id_cmp(left->core_from, right->core_from);
    if (order == 0)
        order = cw_id_cmp(left->core_to, right->core_to);
    return order != 0 ? order : cw_id_cmp(left->record, right->record);
}

/* An arena array that doubles: room for one more behind `count`. */
static void *more(struct cw_link *link, void *items, size_t count, size_t size)
{
    if (count != 0 && (count < 16 || (count & (count - 1)) != 0))
        return items;
    void *wider = cw_arena_alloc(link->arena, (count != 0 ? 2 * count : 16) * size);
    if (count != 0)
        memcpy(wider, items, count * size);
    return wider;
}

/* --- recomputing a component --- */

/* Records that are still there and hang together with the seeds over identifiers, conflicts or not.
 */
struct component {
    uint32_t *records;
    size_t count;
    size_t cap;
};

static void visit(struct cw_link *link, struct component *found, uint32_t handle)
{
    struct cw_link_record *record = cw_link_record_at(link, handle);
    if (record->visit == link->visits || cw_support_count(&record->supports) == 0)
        return;
    record->visit = link->visits;
    if (found->count == found->cap) {
        found->cap = found->cap != 0 ? 2 * found->cap : 16;
        uint32_t *wider = cw_arena_alloc(link->arena, found->cap * sizeof(*wider));
        if (found->count != 0)
            memcpy(wider, found->records, found->count * sizeof(*wider));
        found->records = wider;
    }
    found->records[found->count++] = handle;
}

static void visit_neighbours(struct cw_link *link, struct component *found, uint32_t handle)
{
    const struct cw_link_record *record = cw_link_record_at(link, handle);
    const struct cw_held *held = cw_list_data(&link->held_lists, record->held);
    for (uint32_t i = 0; i < record->held.len; i++) {
        struct cw_list holders = identifier_at(link, held[i].identifier)->holders;
        const uint32_t *items = handles(link, holders);
        for (uint32_t j = 0; j < holders.len; j++)
            visit(link, found, items[j]);
    }
}

static struct component collect(struct cw_link *link, const struct unit *unit)
{
    struct component found = { 0 };
    for (size_t i = 0; i < unit->touched_count; i++) {
        const struct touched *touched = &unit->touched[i];
        bool is_there = cw_support_count(&cw_link_record_at(link, touched->record)->supports) > 0;
        if (is_there == touched->was_there)
            continue;
        visit(link, &found, touched->record);
        visit_neighbours(link, &found, touched->record); /* also of one that is gone */
    }
    for (size_t i = 0; i < found.count; i++)
        visit_neighbours(link, &found, found.records[i]);
    return found;
}

/* Where a record belonged before the unit; remembered before cores are made anew. */
struct before {
    struct cw_id core;
    struct cw_id entity;
    uint32_t basis;
    bool was_there;
};

/* --- the basis of a core --- */

/* Numbers of bases are introduced before the frames of the unit that uses them. */
static void introduce(struct cw_link *link, uint32_t basis)
{
    if (basis == CW_RESTRICTION_NONE)
        return;
    if (basis >= link->named_count) {
        size_t count = 2 * (size_t)basis + 16;
        link->named = cw_realloc(link->named, count);
        memset(link->named + link->named_count, 0, count - link->named_count);
        link->named_count = count;
    }
    if (link->named[basis] != 0)
        return;
    link->named[basis] = 1;
    struct cw_buf body = { 0 };
    cw_named_put(&body, CW_NAME_BASIS, basis, cw_restriction_at(link->restrictions, basis)->text);
    cw_out_control(link->out, CW_NAME, body.data, body.len);
    cw_buf_done(&body);
}

static void set_basis(struct cw_link *link, struct cw_core *core, uint32_t basis)
{
    core->basis = basis;
    introduce(link, basis);
}

static void fold_basis(struct cw_link *link, struct cw_core *core)
{
    const uint32_t *members = handles(link, core->members);
    uint32_t basis = CW_RESTRICTION_NONE;
    for (uint32_t i = 0; i < core->members.len; i++)
        basis = cw_restriction_join(link->restrictions, basis,
                                    cw_link_record_at(link, members[i])->basis);
    set_basis(link, core, basis);
}

static void found_core(struct cw_link *link, struct cw_core *core,
                       const struct cw_support *founding)
{
    core->founding = *founding;
    core->id = cw_id_founded(&link->secret, "core", founding->recorded_at, founding->identity,
                             founding->part);
    core->entity = cw_id_founded(&link->secret, "entity", founding->recorded_at, founding->identity,
                                 founding->part);
}

static const struct cw_support *least_of(struct cw_link *link, const struct cw_core *core)
{
    const struct cw_support *least = NULL;
    const uint32_t *members = handles(link, core->members);
    for (uint32_t i = 0; i < core->members.len; i++) {
        struct cw_link_record *record = cw_link_record_at(link, members[i]);
        const struct cw_support *one = cw_support_least(&link->support_lists, &record->supports);
        CW_CHECK(one != NULL);
        if (least == NULL || cw_support_cmp(one, least) < 0)
            least = one;
    }
    return least;
}

/* All members of a core that is computed again are computed again: the core goes as a whole. */
static void drop_core(struct cw_link *link, uint32_t handle)
{
    struct cw_core *core = cw_core_at(link, handle);
    const uint32_t *members = handles(link, core->members);
    for (uint32_t i = 0; i < core->members.len; i++)
        cw_link_record_at(link, members[i])->core = 0;
    cw_list_clear(&link->handle_lists, &core->members);
    cw_pool_free(&link->cores, handle);
    (*link->of_entities)--;
}

static void make_cores(struct cw_link *link, const struct component *found, const uint32_t *group,
                       bool whole)
{
    uint32_t *core_of = cw_arena_alloc(link->arena, found->count * sizeof(*core_of));
    for (size_t i = 0; i < found->count; i++) {
        if (group[i] == i) {
            core_of[i] = cw_pool_new(&link->cores);
            (*link->of_entities)++;
        }
        uint32_t core = core_of[group[i]]; /* group[i] <= i: made already */
        cw_link_record_at(link, found->records[i])->core = core;
        add_handle(link, &cw_core_at(link, core)->members, found->records[i]);
    }
    for (size_t i = 0; i < found->count; i++) {
        if (group[i] != i)
            continue;
        struct cw_core *core = cw_core_at(link, core_of[i]);
        const struct cw_support founding = *least_of(link, core);
        found_core(link, core, &founding);
        fold_basis(link, core);
        core->whole = whole;
    }
}

static void partition_component(struct cw_link *link, const struct component *found)
{
    size_t count = found->count;
    struct cw_part_record *records = cw_arena_alloc(link->arena, count * sizeof(*records));
    uint32_t *group = cw_arena_alloc(link->arena, count * sizeof(*group));
    for (size_t i = 0; i < count; i++) {
        const struct cw_link_record *record = cw_link_record_at(link, found->records[i]);
        const struct cw_held *held = cw_list_data(&link->held_lists, record->held);
        struct cw_part_id *ids = cw_arena_alloc(link->arena, record->held.len * sizeof(*ids));
        for (uint32_t j = 0; j < record->held.len; j++)
            ids[j] = (struct cw_part_id){ identifier_at(link, held[j].identifier)->key,
                                          held[j].scope, held[j].rank, held[j].exclusive != 0 };
        records[i] = (struct cw_part_record){ record->id, record->kind, ids, record->held.len };
    }
    bool whole = cw_partition(records, count, group, link->arena);
    make_cores(link, found, group, whole);
}

static struct before before_of(const struct cw_link *link, const struct cw_link_record *record)
{
    if (record->core == 0)
        return (struct before){ 0 };
    const struct cw_core *core = cw_core_at(link, record->core);
    return (struct before){ core->id, core->entity, core->basis, true };
}

/* Tells where a record that was there before belongs now, if that is elsewhere, or if it is where
 * it was and the basis is another. */
static void note_move(struct cw_link *link, struct unit *unit, const struct before *before,
                      const struct cw_link_record *record)
{
    if (!before->was_there)
        return;
    struct move move = { .core_from = before->core,
                         .entity_from = before->entity,
                         .record = record->id,
                         .first_seen = record->first_seen };
    if (record->core != 0) {
        const struct cw_core *core = cw_core_at(link, record->core);
        move.core_to = core->id;
        move.entity_to = core->entity;
        move.basis = core->basis;
    }
    bool stays = cw_id_eq(move.core_from, move.core_to);
    if (stays &&
        (unit->stay_count == 0 || !cw_id_eq(unit->stays[unit->stay_count - 1], move.core_to))) {
        unit->stays = more(link, unit->stays, unit->stay_count, sizeof(*unit->stays));
        unit->stays[unit->stay_count++] = move.core_to;
    }
    if (!stays || move.basis != before->basis) {
        unit->moves = more(link, unit->moves, unit->move_count, sizeof(move));
        unit->moves[unit->move_count++] = move;
    }
}

/* A record without live support leaves its core, its identifiers and the tables. */
static void forget_record(struct cw_link *link, uint32_t handle)
{
    struct cw_link_record *record = cw_link_record_at(link, handle);
    const struct cw_held *held = cw_list_data(&link->held_lists, record->held);
    for (uint32_t i = 0; i < record->held.len; i++) {
        uint32_t identifier = held[i].identifier;
        struct cw_link_identifier *of = identifier_at(link, identifier);
        remove_handle(link, &of->holders, handle);
        if (of->holders.len == 0) {
            cw_map_remove(&link->identifier_map, of->slot);
            cw_pool_free(&link->identifiers, identifier);
        }
    }
    cw_list_clear(&link->held_lists, &record->held);
    cw_list_clear(&link->support_lists, &record->supports.came);
    cw_list_clear(&link->support_lists, &record->supports.went);
    cw_map_remove(&link->record_map, record->id);
    cw_pool_free(&link->records, handle);
    link->ahead_count = 0; /* what was found may be this one */
}

static void recompute(struct cw_link *link, struct unit *unit)
{
    struct component found = collect(link, unit);
    struct before *before = cw_arena_alloc(link->arena, found.count * sizeof(*before));
    for (size_t i = 0; i < found.count; i++) {
        struct cw_link_record *record = cw_link_record_at(link, found.records[i]);
        before[i] = before_of(link, record);
    }
    struct before *gone = cw_arena_alloc(link->arena, unit->touched_count * sizeof(*gone));
    for (size_t i = 0; i < unit->touched_count; i++) {
        const struct cw_link_record *record = cw_link_record_at(link, unit->touched[i].record);
        if (cw_support_count(&record->supports) == 0)
            gone[i] = before_of(link, record);
    }
    for (size_t i = 0; i < unit->touched_count; i++) {
        const struct cw_link_record *record = cw_link_record_at(link, unit->touched[i].record);
        if (record->core != 0 && gone[i].was_there)
            drop_core(link, record->core);
    }
    for (size_t i = 0; i < found.count; i++) {
        const struct cw_link_record *record = cw_link_record_at(link, found.records[i]);
        if (record->core != 0)
            drop_core(link, record->core);
    }
    partition_component(link, &found);
    for (size_t i = 0; i < found.count; i++)
        note_move(link, unit, &before[i], cw_link_record_at(link, found.records[i]));
    for (size_t i = 0; i < unit->touched_count; i++)
        note_move(link, unit, &gone[i], cw_link_record_at(link, unit->touched[i].record));
    unit->recomputed = found.count;
}

static bool removes(const struct unit *unit, const struct cw_support *mention)
{
    for (size_t i = 0; i < unit->count; i++) {
        if (unit->frames[i]->sign < 0 && cw_id_eq(unit->frames[i]->identity, mention->identity))
            return true;
    }
    return false;
}

/* --- records that join in place ---
 *
 * Where no two values of one exclusive scope meet, no edge is held, and a core is all that hangs
 * together over identifiers. So a new record that meets none is a core of its own, and one that
 * meets records of a single core of that kind, without bringing a value of its own to an exclusive
 * scope, is of that core, whatever the order of edges. All else is computed by the definition.
 */

static const uint32_t NOT_IN_PLACE = UINT32_MAX;

static bool states_rivals(const struct cw_held *held, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (held[i].exclusive && held[j].exclusive && held[i].scope == held[j].scope)
                return true;
        }
    }
    return false;
}

/* The core that the fresh record joins in place; 0: it is one of its own. */
static uint32_t core_in_place(const struct cw_link *link, const struct cw_link_record *record)
{
    const struct cw_held *held = cw_list_data(&link->held_lists, record->held);
    uint32_t core = 0;
    bool brings_value = false;
    for (uint32_t i = 0; i < record->held.len; i++) {
        struct cw_list holders = identifier_at(link, held[i].identifier)->holders;
        const uint32_t *items = handles(link, holders);
        bool others = false;
        for (uint32_t j = 0; j < holders.len; j++) {
            const struct cw_link_record *other = cw_link_record_at(link, items[j]);
            if (other == record)
                continue;
            if (other->core == 0 || (core != 0 && other->core != core))
                return NOT_IN_PLACE;
            core = other->core;
            others = true;
        }
        brings_value = brings_value || (held[i].exclusive && !others);
    }
    if (core == 0)
        return 0;
    bool joins =
        cw_core_at(link, core)->whole && !brings_value && !states_rivals(held, record->held.len);
    return joins ? core : NOT_IN_PLACE;
}

static void place_record(struct cw_link *link, uint32_t handle)
{
    struct cw_link_record *record = cw_link_record_at(link, handle);
    uint32_t place = core_in_place(link, record);
    bool alone = place == 0;
    if (alone) {
        place = cw_pool_new(&link->cores);
        (*link->of_entities)++;
    }
    struct cw_core *core = cw_core_at(link, place);
    add_handle(link, &core->members, handle);
    record->core = place;
    if (!alone) {
        ++*link->of_in_place;
        return; /* the core's founder and basis are settled with those of the unit's others */
    }
    const struct cw_held *held = cw_list_data(&link->held_lists, record->held);
    core->whole = !states_rivals(held, record->held.len);
    found_core(link, core, cw_support_least(&link->support_lists, &record->supports));
    fold_basis(link, core);
}

/* False: nothing was done, and what hangs together with them must be computed. */
static bool join_in_place(struct cw_link *link, struct unit *unit)
{
    for (size_t i = 0; i < unit->touched_count; i++) {
        const struct touched *touched = &unit->touched[i];
        const struct cw_link_record *record = cw_link_record_at(link, touched->record);
        bool is_there = cw_support_count(&record->supports) > 0;
        if (touched->was_there && !is_there)
            return false;
        if (!touched->was_there && is_there && core_in_place(link, record) == NOT_IN_PLACE)
            return false;
    }
    for (size_t i = 0; i < unit->touched_count; i++) {
        const struct touched *touched = &unit->touched[i];
        if (touched->was_there)
            continue;
        place_record(link, touched->record);
        unit->recomputed++;
    }
    return true;
}

/* A core whose records stay, but whose founding mention, or that of a record, may have come or
 * gone, or which records joined in place. */
struct settled {
    uint32_t core;
    bool founder_gone;
    bool rebased;
    uint32_t basis;          /* unless it is rebased */
    struct cw_support least; /* unless the founder is gone */
};

static void settle_core(struct cw_link *link, struct unit *unit, const struct settled *settled)
{
    struct cw_core *core = cw_core_at(link, settled->core);
    struct before before = { core->id, core->entity, core->basis, true };
    if (settled->founder_gone || settled->rebased)
        unit->recomputed += core->members.len;
    const struct cw_support founding =
        settled->founder_gone ? *least_of(link, core) : settled->least;
    if (cw_support_cmp(&founding, &core->founding) != 0)
        found_core(link, core, &founding);
    if (settled->rebased)
        fold_basis(link, core);
    else
        set_basis(link, core, settled->basis);
    if (cw_id_eq(before.core, core->id) && before.basis == core->basis)
        return;
    for (uint32_t i = 0; i < core->members.len; i++) {
        uint32_t member = handles(link, core->members)[i];
        const struct cw_link_record *record = cw_link_record_at(link, member);
        if (!record->fresh)
            note_move(link, unit, &before, record);
    }
}

/* Takes the touched records whose cores were not made anew, core by core. */
static void settle_cores(struct cw_link *link, struct unit *unit)
{
    struct settled *all = cw_arena_alloc(link->arena, unit->touched_count * sizeof(*all));
    uint32_t count = 0;
    for (size_t i = 0; i < unit->touched_count; i++) {
        struct cw_link_record *record = cw_link_record_at(link, unit->touched[i].record);
        if (record->core == 0 || record->visit == link->visits)
            continue;
        struct cw_core *core = cw_core_at(link, record->core);
        if (core->visit != link->visits) {
            core->visit = link->visits;
            core->place = count++;
            all[core->place] = (struct settled){ .core = record->core,
                                                 .founder_gone = removes(unit, &core->founding),
                                                 .basis = core->basis,
                                                 .least = core->founding };
        }
        struct settled *settled = &all[core->place];
        const struct cw_support *least = cw_support_least(&link->support_lists, &record->supports);
        if (cw_support_cmp(least, &settled->least) < 0)
            settled->least = *least;
        if (record->fresh)
            settled->basis = cw_restriction_join(link->restrictions, settled->basis, record->basis);
        else
            settled->rebased = settled->rebased || unit->touched[i].rebased;
    }
    for (uint32_t i = 0; i < count; i++)
        settle_core(link, unit, &all[i]);
}

/* The restrictions of founding mentions, before any core is computed. */
static void rebase_records(struct cw_link *link, struct unit *unit)
{
    for (size_t i = 0; i < unit->touched_count; i++) {
        struct touched *touched = &unit->touched[i];
        struct cw_link_record *record = cw_link_record_at(link, touched->record);
        const struct cw_support *least = cw_support_least(&link->support_lists, &record->supports);
        if (least == NULL || least->restriction == record->basis)
            continue;
        record->basis = least->restriction;
        touched->rebased = true;
    }
}

/* --- sending --- */

/* Why records went from one core to another: others joined them there, others stayed behind or went
 * elsewhere, or neither. `groups` are the first moves of each (from, to). */
static enum cw_moved_reason reason_of(const struct unit *unit, const struct move *const *groups,
                                      size_t count, const struct move *move)
{
    if (cw_id_is_zero(move->core_to))
        return CW_MOVED_GONE;
    if (cw_id_eq(move->core_from, move->core_to))
        return CW_MOVED_RESTRICTED;
    bool others_joined = false;
    bool others_left = false;
    for (size_t i = 0; i < unit->stay_count; i++) {
        others_joined |= cw_id_eq(unit->stays[i], move->core_to);
        others_left |= cw_id_eq(unit->stays[i], move->core_from);
    }
    for (size_t i = 0; i < count; i++) {
        bool same_from = cw_id_eq(groups[i]->core_from, move->core_from);
        bool same_to = cw_id_eq(groups[i]->core_to, move->core_to);
        others_joined |= same_to && !same_from;
        others_left |= same_from && !same_to && !cw_id_is_zero(groups[i]->core_to);
    }
    if (others_joined)
        return CW_MOVED_MERGE;
    return others_left ? CW_MOVED_SPLIT : CW_MOVED_RENAMED;
}

static void send_moves(struct cw_link *link, struct unit *unit, struct cw_out *out)
{
    size_t count = unit->move_count;
    if (count == 0)
        return;
    qsort(unit->moves, count, sizeof(*unit->moves), compare_moves);
    const struct move **groups = cw_arena_alloc(link->arena, (count + 1) * sizeof(*groups));
    size_t group_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !cw_id_eq(unit->moves[i].core_from, unit->moves[i - 1].core_from) ||
            !cw_id_eq(unit->moves[i].core_to, unit->moves[i - 1].core_to))
            groups[group_count++] = &unit->moves[i];
    }
    struct cw_id *records = cw_arena_alloc(link->arena, count * sizeof(*records));
    struct cw_buf body = { 0 };
    for (size_t g = 0; g < group_count; g++) {
        const struct move *move = groups[g];
        const struct move *end = g + 1 < group_count ? groups[g + 1] : unit->moves + count;
        struct cw_moved moved = { .reason = reason_of(unit, groups, group_count, move),
                                  .basis = move->basis,
                                  .first_seen = CW_TIME_MAX,
                                  .core_from = move->core_from,
                                  .entity_from = move->entity_from,
                                  .core_to = move->core_to,
                                  .entity_to = move->entity_to,
                                  .records = records };
        for (const struct move *one = move; one < end; one++) {
            records[moved.record_count++] = one->record;
            if (one->first_seen < moved.first_seen)
                moved.first_seen = one->first_seen;
        }
        if (moved.reason == CW_MOVED_RESTRICTED)
            ++*link->of_restricted;
        else
            *link->of_moved += (int64_t)moved.record_count;
        *link->of_merges += moved.reason == CW_MOVED_MERGE;
        *link->of_splits += moved.reason == CW_MOVED_SPLIT;
        body.len = 0;
        cw_moved_put(&body, &moved);
        size_t at = out->buf.len;
        cw_out_control(out, CW_MOVED, body.data, body.len);
        cw_frame_at(&out->buf, at)->flags = CW_MORE; /* the unit that caused it follows */
    }
    cw_buf_done(&body);
}

/* `records` are those of the frame's parts; how many. */
static size_t send_event(struct cw_link *link, const struct cw_frame *frame,
                         const uint32_t *records, struct cw_out *out)
{
    const struct cw_key *keys = cw_frame_keys(frame);
    size_t count = 0;
    struct cw_link_entry *entries =
        cw_arena_alloc(link->arena, frame->key_count * sizeof(*entries));
    for (size_t i = 0; i < frame->key_count; i++) {
        if ((keys[i].flags & CW_KEY_RECORD) == 0)
            continue;
        struct cw_link_entry *entry = &entries[count];
        entry->part = keys[i].part;
        entry->flags = keys[i].flags & CW_KEY_WEAK;
        entry->record = keys[i].key;
        const struct cw_link_record *record = cw_link_record_at(link, records[count++]);
        if (record->core == 0)
            continue; /* of a -e that takes its record with it */
        const struct cw_core *core = cw_core_at(link, record->core);
        entry->core = core->id;
        entry->entity = core->entity;
        entry->basis = core->basis;
    }
    (void)cw_frame_put_section(&out->buf, frame, CW_SECTION_LINKS, entries,
                               count * sizeof(*entries));
    return count;
}

static bool presence_changed(const struct cw_link *link, const struct unit *unit)
{
    bool changed = false;
    for (size_t i = 0; i < unit->touched_count; i++) {
        const struct cw_link_record *record = cw_link_record_at(link, unit->touched[i].record);
        bool is_there = cw_support_count(&record->supports) > 0;
        if (is_there != unit->touched[i].was_there)
            changed = true;
        else if (!is_there)
            CW_CHECK(record->core == 0);
    }
    return changed;
}

/* What the unit's mentions change: cores, then what moved. */
static void settle(struct cw_link *link, struct unit *unit, struct cw_out *out)
{
    link->visits++;
    rebase_records(link, unit);
    if (presence_changed(link, unit) && !join_in_place(link, unit)) {
        recompute(link, unit);
        ++*link->of_changes;
    }
    settle_cores(link, unit);
    *link->of_recomputed += (int64_t)unit->recomputed;
    send_moves(link, unit, out);
}

/* Behind a unit that is sent. */
static void clean_up(struct cw_link *link, const struct unit *unit)
{
    for (size_t i = 0; i < unit->touched_count; i++) {
        struct cw_link_record *record = cw_link_record_at(link, unit->touched[i].record);
        record->fresh = false;
        if (cw_support_count(&record->supports) == 0)
            forget_record(link, unit->touched[i].record);
    }
    *link->of_records = link->records.live;
}

/* Applies a unit whole, tells what moved, then sends it: no row is judged inside one. */
static void run_unit(struct cw_link *link, const struct cw_frame *const *frames, size_t count,
                     struct cw_out *out)
{
    cw_arena_reset(link->arena);
    size_t keys = 0;
    for (size_t i = 0; i < count; i++)
        keys += frames[i]->key_count;
    struct unit unit = { .frames = frames, .count = count, .settled = true };
    unit.touched = cw_arena_alloc(link->arena, keys * sizeof(*unit.touched));
    unit.records = cw_arena_alloc(link->arena, keys * sizeof(*unit.records));
    for (size_t i = 0; i < count; i++)
        apply_frame(link, &unit, frames[i]);
    if (!unit.settled)
        settle(link, &unit, out);
    (*(unit.recomputed <= 1000 ? link->of_small : link->of_large))++;
    const uint32_t *records = unit.records;
    for (size_t i = 0; i < count; i++)
        records += send_event(link, frames[i], records, out);
    if (!unit.settled)
        clean_up(link, &unit);
}

static int add_totals(struct cw_link *link, const struct cw_frame *frame, struct cw_out *out)
{
    struct cw_close close;
    if (!cw_close_get(frame, &close))
        return CW_EXIT_DAMAGED;
    for (size_t i = 0; i < link->totals.count; i++)
        *cw_total(&close.totals, link->totals.of[i].name) = link->totals.of[i].value;
    struct cw_buf body = { 0 };
    cw_close_put(&body, &close);
    cw_out_control(out, CW_CLOSE, body.data, body.len);
    cw_buf_done(&body);
    return CW_EXIT_OK;
}

/* Learns the numbers that ingest gives to restrictions. */
static int learn_name(struct cw_link *link, const struct cw_frame *frame)
{
    struct cw_named named;
    if (!cw_named_get(frame, &named))
        return CW_EXIT_DAMAGED;
    if (named.space != CW_NAME_RESTRICTION)
        return CW_EXIT_OK;
    uint32_t number = cw_restriction_intern(link->restrictions, named.text);
    if (named.number != link->given_count || number == UINT32_MAX) {
        cw_error("link: expected restriction number %zu in its canonical form, found number %u: "
                 "\"%.*s\"",
                 link->given_count, named.number,
                 (int)(named.text.len < 200 ? named.text.len : 200), named.text.ptr);
        return CW_EXIT_DAMAGED;
    }
    link->given = cw_realloc(link->given, (link->given_count + 1) * sizeof(*link->given));
    link->given[link->given_count++] = number;
    return CW_EXIT_OK;
}

/* Whether all numbers of restrictions in the unit are known. */
static bool knows_restrictions(const struct cw_link *link, const struct cw_frame *const *frames,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (frames[i]->restriction >= link->given_count) {
            cw_error("link: an event has restriction number %u, which nothing introduced",
                     frames[i]->restriction);
            return false;
        }
    }
    return true;
}

/* Objects of pools lie across cache lines. */
static void fetch(const void *object, size_t used)
{
    __builtin_prefetch(object);
    __builtin_prefetch((const char *)object + used - 1);
}

/*
 * Walks the records that the next frames name, step by step for all of them, so that their memory
 * is on its way while others are worked on: an event touches a dozen places, each far from the
 * other.
 */
static void look_ahead(struct cw_link *link, const struct cw_frame *const *frames, size_t count)
{
    const struct cw_key *named[CW_LINK_AHEAD];
    const struct cw_key *ends[CW_LINK_AHEAD];
    size_t n = 0;
    for (size_t i = 0; i < count && n < CW_LINK_AHEAD; i++) {
        if (frames[i]->kind != CW_EVENT)
            continue;
        const struct cw_key *keys = cw_frame_keys(frames[i]);
        const struct cw_key *end = keys + frames[i]->key_count;
        for (const struct cw_key *key = keys; key < end && n < CW_LINK_AHEAD; key++) {
            if ((key->flags & CW_KEY_RECORD) == 0)
                continue;
            cw_map_prefetch(&link->record_map, key->key);
            named[n] = key;
            ends[n++] = end;
        }
    }
    for (size_t i = 0; i < n; i++) {
        const struct cw_link_slot *slot = cw_map_find(&link->record_map, named[i]->key);
        link->ahead[i] = slot != NULL ? slot->handle : 0;
        if (slot != NULL) {
            fetch(cw_link_record_at(link, slot->handle), sizeof(struct cw_link_record));
            continue;
        }
        const struct cw_key *id = named[i] + 1;
        for (; id < ends[i] && id->part == named[i]->part; id++)
            cw_map_prefetch(&link->identifier_map, identifier_slot(id->key, named[i]->scope));
    }
    for (size_t i = 0; i < n; i++) {
        if (link->ahead[i] == 0)
            continue;
        const struct cw_link_record *record = cw_link_record_at(link, link->ahead[i]);
        cw_support_prefetch(&link->support_lists, &record->supports);
        fetch(cw_core_at(link, record->core), offsetof(struct cw_core, place));
    }
    link->ahead_count = n;
    link->ahead_at = 0;
}

static int link_batch(void *self, const struct cw_batch *in, struct cw_out *out)
{
    enum { AHEAD_FRAMES = 16 };
    struct cw_link *link = self;
    size_t ahead = 0;
    link->out = out;
    for (size_t i = 0; i < in->count;) {
        if (i >= ahead) {
            ahead = in->count - i < AHEAD_FRAMES ? in->count : i + AHEAD_FRAMES;
            look_ahead(link, in->frames + i, ahead - i);
        }
        if (in->frames[i]->kind == CW_EVENT) {
            size_t end = i;
            while ((in->frames[end]->flags & CW_MORE) != 0 && end + 1 < in->count)
                end++;
            if (!knows_restrictions(link, in->frames + i, end + 1 - i))
                return CW_EXIT_DAMAGED;
            run_unit(link, in->frames + i, end + 1 - i, out);
            i = end + 1;
            continue;
        }
        if (in->frames[i]->kind == CW_CLOSE) {
            int status = add_totals(link, in->frames[i], out);
            if (status != CW_EXIT_OK)
                return status;
        } else {
            int status =
                in->frames[i]->kind == CW_NAME ? learn_name(link, in->frames[i]) : CW_EXIT_OK;
            if (status != CW_EXIT_OK)
                return status;
            cw_out_frame(out, in->frames[i]);
        }
        i++;
    }
    return CW_EXIT_OK;
}

const struct cw_stage cw_link_stage = { "link", link_batch, link_free };

#include <stdlib.h>

#include "detectors/engine.h"
#include "operators/runtime/check.h"
#include "operators/runtime/time.h"

/* The slot of a map that leads from an id to a handle. */
struct slot {
    struct cw_id id;
    uint32_t handle;
    uint32_t unused;
};

void cw_engine_state_init(struct cw_detect *detect)
{
    cw_map_init(&detect->thing_ids, sizeof(struct slot));
    cw_pool_init(&detect->things, sizeof(struct cw_thing));
    cw_map_init(&detect->record_ids, sizeof(struct slot));
    cw_pool_init(&detect->records, sizeof(struct cw_known_record));
    cw_map_init(&detect->subline_ids, sizeof(struct slot));
    cw_pool_init(&detect->sublines, sizeof(struct cw_subline));
    cw_map_init(&detect->line_ids, sizeof(struct slot));
    cw_pool_init(&detect->lines, sizeof(struct cw_line));
    cw_lists_init(&detect->handles, sizeof(uint32_t));
    cw_lists_init(&detect->uses, sizeof(struct cw_value_use));
    cw_lists_init(&detect->entries, sizeof(struct cw_entry));
    cw_lists_init(&detect->stands, sizeof(struct cw_stand));
    cw_lists_init(&detect->subline_keys, sizeof(struct cw_subline_key));
    cw_lists_init(&detect->ids, sizeof(struct cw_id));
    cw_lists_init(&detect->cells, sizeof(struct cw_cell));
    cw_lists_init(&detect->texts, sizeof(uint32_t));
}

void cw_engine_state_done(struct cw_detect *detect)
{
    cw_map_done(&detect->thing_ids);
    cw_pool_done(&detect->things);
    cw_map_done(&detect->record_ids);
    cw_pool_done(&detect->records);
    cw_map_done(&detect->subline_ids);
    cw_pool_done(&detect->sublines);
    cw_map_done(&detect->line_ids);
    cw_pool_done(&detect->lines);
    cw_lists_done(&detect->handles);
    cw_lists_done(&detect->uses);
    cw_lists_done(&detect->entries);
    cw_lists_done(&detect->stands);
    cw_lists_done(&detect->subline_keys);
    cw_lists_done(&detect->ids);
    cw_lists_done(&detect->cells);
    cw_lists_done(&detect->texts);
}

static uint32_t handle_of(const struct cw_map *map, struct cw_id id)
{
    const struct slot *slot = cw_map_find(map, id);
    return slot != NULL ? slot->handle : 0;
}

/* The handle of an id, a new object of the pool if there is none; *is_new says which. */
static uint32_t handle_for(struct cw_map *map, struct cw_pool *pool, struct cw_id id, bool *is_new)
{
    struct slot *slot = cw_map_put(map, id, is_new);
    if (*is_new)
        slot->handle = cw_pool_new(pool);
    return slot->handle;
}

/* --- ascending lists of handles --- */

/* Index of the first element not below the handle; the elements begin with one. */
static uint32_t lower(const struct cw_lists *lists, struct cw_list list, uint32_t handle)
{
    const uint8_t *data = cw_list_data(lists, list);
    uint32_t from = 0, to = list.len;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        uint32_t at;
        memcpy(&at, data + (size_t)middle * lists->elem_size, sizeof(at));
        if (at < handle)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_at(const struct cw_lists *lists, struct cw_list list, uint32_t index,
                  uint32_t handle)
{
    if (index >= list.len)
        return false;
    const uint8_t *data = cw_list_data(lists, list);
    uint32_t at;
    memcpy(&at, data + (size_t)index * lists->elem_size, sizeof(at));
    return at == handle;
}

static void add_handle(struct cw_detect *detect, struct cw_list *list, uint32_t handle)
{
    uint32_t index = lower(&detect->handles, *list, handle);
    if (!is_at(&detect->handles, *list, index, handle))
        *(uint32_t *)cw_list_insert(&detect->handles, list, index) = handle;
}

static void remove_handle(struct cw_detect *detect, struct cw_list *list, uint32_t handle)
{
    uint32_t index = lower(&detect->handles, *list, handle);
    if (is_at(&detect->handles, *list, index, handle))
        cw_list_remove(&detect->handles, list, index);
}

/* --- what changed, and for whose sake --- */

static void note_work(struct cw_detect *detect, struct cw_line *line)
{
    struct cw_buf *buf = &detect->tick.work;
    if (line->work != 0) {
        const struct cw_work *last =
            (const struct cw_work *)(const void *)buf->data + line->work - 1;
        if (last->event == detect->tick.event)
            return;
    }
    struct cw_work work = { .event = detect->tick.event, .next = line->work };
    cw_buf_put(buf, &work, sizeof(work));
    line->work = (uint32_t)(buf->len / sizeof(work));
}

static void dirty(struct cw_detect *detect, uint32_t handle, int64_t lo, int64_t hi)
{
    if (handle == 0)
        return;
    struct cw_line *line = cw_line_at(detect, handle);
    if (!line->dirty) {
        line->dirty = 1;
        line->lo = lo;
        line->hi = hi;
        cw_buf_put(&detect->tick.dirty, &handle, sizeof(handle));
    }
    line->lo = lo < line->lo ? lo : line->lo;
    line->hi = hi > line->hi ? hi : line->hi;
    if (!line->touched) {
        line->touched = 1;
        cw_buf_put(&detect->tick.touched, &handle, sizeof(handle));
    }
    note_work(detect, line);
}

/* All that the subline holds changed for this line. */
static void dirty_subline(struct cw_detect *detect, uint32_t line, struct cw_subline *subline)
{
    cw_engine_settle(detect, subline);
    if (subline->stands.len != 0) {
        dirty(detect, line, CW_TIME_MIN, CW_TIME_MAX);
    } else if (subline->entries.len != 0) {
        const struct cw_entry *entries = cw_list_data(&detect->entries, subline->entries);
        dirty(detect, line, entries[0].time_lo, entries[subline->entries.len - 1].time_lo);
    }
}

/* --- things --- */

static uint32_t hold_thing(struct cw_detect *detect, struct cw_id id)
{
    bool is_new;
    uint32_t handle = handle_for(&detect->thing_ids, &detect->things, id, &is_new);
    struct cw_thing *thing = cw_pool_at(&detect->things, handle);
    thing->id = id;
    thing->refs++;
    return handle;
}

static void drop_thing(struct cw_detect *detect, uint32_t handle)
{
    if (handle == 0)
        return;
    struct cw_thing *thing = cw_pool_at(&detect->things, handle);
    if (--thing->refs != 0)
        return;
    cw_map_remove(&detect->thing_ids, thing->id);
    cw_pool_free(&detect->things, handle);
}

/* --- lines --- */

static uint32_t line_for(struct cw_detect *detect, uint32_t rule, const struct cw_id *keys,
                         size_t count)
{
    struct cw_buf *buf = &detect->encoded;
    buf->len = 0;
    cw_enc_str(buf, cw_cstr("line"));
    cw_enc_int(buf, rule);
    for (size_t i = 0; i < count; i++)
        cw_enc_id(buf, keys[i]);
    struct cw_id id = cw_id_inside(detect->secret, buf);
    bool is_new;
    uint32_t handle = handle_for(&detect->line_ids, &detect->lines, id, &is_new);
    if (is_new) {
        struct cw_line *line = cw_line_at(detect, handle);
        line->id = id;
        line->rule = rule;
        for (uint32_t i = 0; i < count; i++)
            *(struct cw_id *)cw_list_insert(&detect->ids, &line->keys, i) = keys[i];
        detect->line_count++;
    }
    return handle;
}

void cw_engine_sweep(struct cw_detect *detect, uint32_t handle)
{
    struct cw_line *line = cw_line_at(detect, handle);
    if (line->sublines.len != 0 || line->cells.len != 0)
        return;
    CW_CHECK(!line->dirty && line->work == 0);
    cw_list_clear(&detect->ids, &line->keys);
    cw_map_remove(&detect->line_ids, line->id);
    cw_pool_free(&detect->lines, handle);
    detect->line_count--;
}

/* The line to which the subline belongs now; 0 if a record of its key is gone. */
static uint32_t line_of(struct cw_detect *detect, const struct cw_subline *subline)
{
    const struct cw_rule *rule = cw_rule_at(detect, subline->rule);
    const struct cw_subline_key *keys = cw_list_data(&detect->subline_keys, subline->keys);
    struct cw_buf *buf = &detect->bounds;
    buf->len = 0;
    for (uint32_t i = 0; i < subline->keys.len; i++) {
        struct cw_id id = keys[i].id;
        if (keys[i].record != 0) {
            uint32_t thing = cw_record_thing(rule, cw_pool_at(&detect->records, keys[i].record));
            if (thing == 0)
                return 0;
            id = ((const struct cw_thing *)cw_pool_at(&detect->things, thing))->id;
        }
        cw_buf_put(buf, &id, sizeof(id));
    }
    return line_for(detect, subline->rule, (const struct cw_id *)(const void *)buf->data,
                    subline->keys.len);
}

/* Puts the subline where its records belong; both lines change by all that it holds. */
static void place(struct cw_detect *detect, uint32_t handle)
{
    struct cw_subline *subline = cw_subline_at(detect, handle);
    uint32_t to = line_of(detect, subline);
    uint32_t from = subline->line;
    if (from == to)
        return;
    if (from != 0) {
        remove_handle(detect, &cw_line_at(detect, from)->sublines, handle);
        dirty_subline(detect, from, subline);
    }
    subline->line = to;
    if (to != 0) {
        add_handle(detect, &cw_line_at(detect, to)->sublines, handle);
        dirty_subline(detect, to, subline);
    }
}

/* --- records --- */

static uint32_t known_record(struct cw_detect *detect, const struct cw_link_entry *link)
{
    bool is_new;
    uint32_t handle = handle_for(&detect->record_ids, &detect->records, link->record, &is_new);
    if (is_new) {
        struct cw_known_record *record = cw_pool_at(&detect->records, handle);
        record->id = link->record;
        record->core = cw_id_is_zero(link->core) ? 0 : hold_thing(detect, link->core);
        record->entity = cw_id_is_zero(link->entity) ? 0 : hold_thing(detect, link->entity);
    }
    return handle;
}

static void forget_record(struct cw_detect *detect, uint32_t handle)
{
    struct cw_known_record *record = cw_pool_at(&detect->records, handle);
    if (record->keyed.len != 0 || record->valued.len != 0)
        return;
    drop_thing(detect, record->core);
    drop_thing(detect, record->entity);
    cw_map_remove(&detect->record_ids, record->id);
    cw_pool_free(&detect->records, handle);
}

/* False: it was that already. */
static bool set_thing(struct cw_detect *detect, uint32_t *thing, struct cw_id id)
{
    uint32_t old = *thing;
    if (old == 0 ? cw_id_is_zero(id)
                 : cw_id_eq(((const struct cw_thing *)cw_pool_at(&detect->things, old))->id, id))
        return false;
    *thing = cw_id_is_zero(id) ? 0 : hold_thing(detect, id);
    drop_thing(detect, old);
    return true;
}

void cw_engine_belongs(struct cw_detect *detect, struct cw_id id, struct cw_id core,
                       struct cw_id entity)
{
    uint32_t handle = handle_of(&detect->record_ids, id);
    if (handle == 0)
        return;
    struct cw_known_record *record = cw_pool_at(&detect->records, handle);
    bool core_changed = set_thing(detect, &record->core, core);
    bool entity_changed = set_thing(detect, &record->entity, entity);
    if (!core_changed && !entity_changed)
        return;
    for (uint32_t i = 0; i < record->keyed.len; i++)
        place(detect, ((const uint32_t *)cw_list_data(&detect->handles, record->keyed))[i]);
    const struct cw_value_use *uses = cw_list_data(&detect->uses, record->valued);
    for (uint32_t i = 0; i < record->valued.len; i++) {
        struct cw_subline *subline = cw_subline_at(detect, uses[i].subline);
        bool exact = cw_rule_at(detect, subline->rule)->match == CW_MATCH_EXACT;
        if (exact ? core_changed : entity_changed)
            dirty_subline(detect, subline->line, subline);
    }
}

/* The subline holds the record as value once more (+1) or less. */
static void use_value(struct cw_detect *detect, uint32_t record_handle, uint32_t subline, int sign)
{
    struct cw_known_record *record = cw_pool_at(&detect->records, record_handle);
    uint32_t index = lower(&detect->uses, record->valued, subline);
    if (!is_at(&detect->uses, record->valued, index, subline)) {
        CW_CHECK(sign > 0);
        *(struct cw_value_use *)cw_list_insert(&detect->uses, &record->valued, index) =
            (struct cw_value_use){ subline, 0 };
    }
    struct cw_value_use *use = cw_list_data(&detect->uses, record->valued);
    use[index].count += (uint32_t)sign;
    if (use[index].count == 0) {
        cw_list_remove(&detect->uses, &record->valued, index);
        forget_record(detect, record_handle);
    }
}

/* --- sublines --- */

static void keep_text(struct cw_detect *detect, struct cw_subline_key *key, cw_str text)
{
    key->text_len = (uint32_t)text.len;
    for (size_t at = 0; at < text.len; at += sizeof(uint32_t)) {
        uint32_t word = 0;
        size_t left = text.len - at;
        memcpy(&word, text.ptr + at, left < sizeof(word) ? left : sizeof(word));
        *(uint32_t *)cw_list_insert(&detect->texts, &key->text, key->text.len) = word;
    }
}

static uint32_t subline_for(struct cw_detect *detect, const struct cw_rule *rule,
                            const struct cw_tuple *tuple)
{
    bool is_new;
    uint32_t handle = handle_for(&detect->subline_ids, &detect->sublines, tuple->subline, &is_new);
    if (!is_new)
        return handle;
    struct cw_subline *subline = cw_subline_at(detect, handle);
    subline->id = tuple->subline;
    subline->rule = rule->number;
    for (uint32_t i = 0; i < rule->group_by_count; i++) {
        struct cw_subline_key key = { .id = tuple->keys[i].id };
        if (tuple->keys[i].link != NULL) {
            key.record = known_record(detect, tuple->keys[i].link);
            struct cw_known_record *record = cw_pool_at(&detect->records, key.record);
            add_handle(detect, &record->keyed, handle);
        } else {
            keep_text(detect, &key, tuple->keys[i].text);
        }
        *(struct cw_subline_key *)cw_list_insert(&detect->subline_keys, &subline->keys, i) = key;
    }
    place(detect, handle);
    return handle;
}

static void end_if_empty(struct cw_detect *detect, uint32_t handle)
{
    struct cw_subline *subline = cw_subline_at(detect, handle);
    if (subline->entries.len != subline->dead || subline->stands.len != 0)
        return;
    cw_list_clear(&detect->entries, &subline->entries);
    if (subline->line != 0)
        remove_handle(detect, &cw_line_at(detect, subline->line)->sublines, handle);
    struct cw_subline_key *keys = cw_list_data(&detect->subline_keys, subline->keys);
    for (uint32_t i = 0; i < subline->keys.len; i++) {
        cw_list_clear(&detect->texts, &keys[i].text);
        bool again = false; /* one record may stand in two places of the key */
        for (uint32_t j = 0; j < i; j++)
            again |= keys[j].record == keys[i].record;
        if (keys[i].record == 0 || again)
            continue;
        struct cw_known_record *record = cw_pool_at(&detect->records, keys[i].record);
        remove_handle(detect, &record->keyed, handle);
        forget_record(detect, keys[i].record);
    }
    cw_list_clear(&detect->subline_keys, &subline->keys);
    cw_map_remove(&detect->subline_ids, subline->id);
    cw_pool_free(&detect->sublines, handle);
}

/* --- entries --- */

static int compare_entries(const struct cw_entry *a, const struct cw_entry *b)
{
    if (a->time_lo != b->time_lo)
        return a->time_lo < b->time_lo ? -1 : 1;
    int order = cw_id_cmp(a->identity, b->identity);
    if (order != 0)
        return order;
    if (a->is_record != b->is_record)
        return a->is_record < b->is_record ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* Index of the first of `count` sorted entries that is not before this one. */
static uint32_t entry_place(const struct cw_entry *entries, uint32_t count,
                            const struct cw_entry *entry)
{
    if (count == 0 || compare_entries(&entries[count - 1], entry) < 0)
        return count; /* in order, as most come */
    uint32_t from = 0, to = count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (compare_entries(&entries[middle], entry) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static int by_entry_order(const void *left, const void *right)
{
    return compare_entries(left, right);
}

/*
 * An entry that belongs far from the end of a long line would move all behind it, and a stream in
 * no order would do so for each. So such a one waits in a tail, and one that is taken away there
 * stays as dead, until somebody reads the subline: then one merge does it for all.
 */
void cw_engine_settle(struct cw_detect *detect, struct cw_subline *subline)
{
    if (subline->tail == 0 && subline->dead == 0)
        return;
    struct cw_entry *entries = cw_list_data(&detect->entries, subline->entries);
    uint32_t sorted = subline->entries.len - subline->tail;
    uint32_t kept = 0, late = 0;
    for (uint32_t i = 0; i < sorted; i++) {
        if (!entries[i].dead)
            entries[kept++] = entries[i];
    }
    struct cw_buf *buf = &detect->merged[1];
    buf->len = 0;
    struct cw_entry *tail =
        (struct cw_entry *)(void *)cw_buf_extend(buf, subline->tail * sizeof(*tail));
    for (uint32_t i = sorted; i < subline->entries.len; i++) {
        if (!entries[i].dead)
            tail[late++] = entries[i];
    }
    if (late != 0)
        qsort(tail, late, sizeof(*tail), by_entry_order);
    uint32_t len = kept + late;
    for (uint32_t at = len; late > 0; at--) {
        bool take_tail = kept == 0 || compare_entries(&entries[kept - 1], &tail[late - 1]) < 0;
        entries[at - 1] = take_tail ? tail[--late] : entries[--kept];
    }
    while (subline->entries.len > len)
        cw_list_remove(&detect->entries, &subline->entries, subline->entries.len - 1);
    subline->tail = 0;
    subline->dead = 0;
}

enum { MOVE_MAX = 256, TAIL_SEARCH_MAX = 1024 };

static bool is_settled(const struct cw_subline *subline)
{
    return subline->tail == 0 && subline->dead == 0;
}

static void insert_entry(struct cw_detect *detect, struct cw_subline *subline,
                         const struct cw_entry *entry)
{
    uint32_t len = subline->entries.len;
    uint32_t index = len;
    if (is_settled(subline))
        index = entry_place(cw_list_data(&detect->entries, subline->entries), len, entry);
    if (!is_settled(subline) || len - index > MOVE_MAX) {
        index = len;
        subline->tail++;
    }
    *(struct cw_entry *)cw_list_insert(&detect->entries, &subline->entries, index) = *entry;
}

/* False: there is no such entry. */
static bool take_entry(struct cw_detect *detect, struct cw_subline *subline,
                       const struct cw_entry *entry)
{
    if (subline->tail > TAIL_SEARCH_MAX)
        cw_engine_settle(detect, subline);
    struct cw_entry *entries = cw_list_data(&detect->entries, subline->entries);
    uint32_t len = subline->entries.len, sorted = len - subline->tail;
    uint32_t index = entry_place(entries, sorted, entry);
    bool found =
        index < sorted && !entries[index].dead && compare_entries(&entries[index], entry) == 0;
    for (uint32_t i = sorted; i < len && !found; i++) {
        index = i;
        found = !entries[i].dead && compare_entries(&entries[i], entry) == 0;
    }
    if (!found)
        return false;
    if (is_settled(subline) && len - index <= MOVE_MAX) {
        cw_list_remove(&detect->entries, &subline->entries, index);
    } else {
        entries[index].dead = 1;
        subline->dead++;
    }
    return true;
}

static void add_entry(struct cw_detect *detect, uint32_t handle, struct cw_entry entry,
                      const struct cw_counted *value)
{
    if (value != NULL && value->link != NULL) {
        entry.value = known_record(detect, value->link);
        entry.is_record = 1;
        use_value(detect, entry.value, handle, 1);
    } else if (value != NULL) {
        entry.value = hold_thing(detect, value->id);
    }
    insert_entry(detect, cw_subline_at(detect, handle), &entry);
    detect->entry_count++;
}

/* False: there is no such entry. */
static bool remove_entry(struct cw_detect *detect, uint32_t handle, struct cw_entry entry,
                         const struct cw_counted *value)
{
    if (value != NULL) {
        entry.is_record = value->link != NULL;
        entry.value =
            handle_of(entry.is_record ? &detect->record_ids : &detect->thing_ids, value->id);
        if (entry.value == 0)
            return false;
    }
    if (!take_entry(detect, cw_subline_at(detect, handle), &entry))
        return false;
    detect->entry_count--;
    if (entry.is_record)
        use_value(detect, entry.value, handle, -1);
    else
        drop_thing(detect, entry.value);
    return true;
}

static void unmatched(struct cw_detect *detect)
{
    (*detect->of_unmatched)++;
}

static void member_at(struct cw_detect *detect, uint32_t handle, const struct cw_sight *sight,
                      const struct cw_tuple *tuple, const struct cw_brought *brought, int sign)
{
    struct cw_entry entry = {
        .time_lo = sight->frame->time_lo,
        .identity = sight->frame->identity,
        .position = sight->frame->position,
        .part = tuple->part,
    };
    size_t count = brought->value_count != 0 ? brought->value_count : 1;
    for (size_t i = 0; i < count; i++) {
        const struct cw_counted *value = brought->value_count != 0 ? &brought->values[i] : NULL;
        if (sign > 0)
            add_entry(detect, handle, entry, value);
        else if (!remove_entry(detect, handle, entry, value))
            unmatched(detect);
    }
    dirty(detect, cw_subline_at(detect, handle)->line, entry.time_lo, entry.time_lo);
}

void cw_engine_member(struct cw_detect *detect, const struct cw_rule *rule,
                      const struct cw_sight *sight, const struct cw_brought *brought, int sign)
{
    for (size_t i = 0; i < brought->tuple_count; i++) {
        const struct cw_tuple *tuple = &brought->tuples[i];
        uint32_t handle = sign > 0 ? subline_for(detect, rule, tuple)
                                   : handle_of(&detect->subline_ids, tuple->subline);
        if (handle == 0) {
            unmatched(detect);
            continue;
        }
        member_at(detect, handle, sight, tuple, brought, sign);
        end_if_empty(detect, handle);
    }
}

/* --- notices --- */

static uint32_t stand_place(const struct cw_detect *detect, struct cw_list list,
                            struct cw_id identity, bool *found)
{
    const struct cw_stand *stands = cw_list_data(&detect->stands, list);
    uint32_t from = 0, to = list.len;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (cw_id_cmp(stands[middle].identity, identity) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    *found = from < list.len && cw_id_eq(stands[from].identity, identity);
    return from;
}

static void notice_at(struct cw_detect *detect, uint32_t handle, const struct cw_stand *stand,
                      int sign)
{
    struct cw_subline *subline = cw_subline_at(detect, handle);
    bool found;
    uint32_t index = stand_place(detect, subline->stands, stand->identity, &found);
    if (found != (sign < 0)) {
        unmatched(detect);
        return;
    }
    if (sign > 0)
        *(struct cw_stand *)cw_list_insert(&detect->stands, &subline->stands, index) = *stand;
    else
        cw_list_remove(&detect->stands, &subline->stands, index);
    dirty(detect, subline->line, CW_TIME_MIN, CW_TIME_MAX);
}

void cw_engine_notice(struct cw_detect *detect, const struct cw_rule *rule,
                      const struct cw_sight *sight, const struct cw_brought *brought, int64_t from,
                      int64_t until, int sign)
{
    for (size_t i = 0; i < brought->tuple_count; i++) {
        const struct cw_tuple *tuple = &brought->tuples[i];
        uint32_t handle = sign > 0 ? subline_for(detect, rule, tuple)
                                   : handle_of(&detect->subline_ids, tuple->subline);
        if (handle == 0) {
            unmatched(detect);
            continue;
        }
        struct cw_stand stand = {
            .identity = sight->frame->identity,
            .position = sight->frame->position,
            .time_lo = sight->frame->time_lo,
            .from = from,
            .until = until,
            .part = tuple->part,
        };
        notice_at(detect, handle, &stand, sign);
        end_if_empty(detect, handle);
    }
}

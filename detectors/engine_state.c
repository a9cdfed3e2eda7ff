#include <stdlib.h>

#include "detectors/engine.h"
#include "detectors/path.h"
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
    cw_pool_init(&detect->facts, sizeof(struct cw_fact) + detect->column_count * sizeof(int64_t));
    cw_map_init(&detect->raw_ids, sizeof(struct slot));
    cw_pool_init(&detect->raws, sizeof(struct cw_raw_key));
    cw_map_init(&detect->country_set_ids, sizeof(struct slot));
    cw_pool_init(&detect->country_sets, sizeof(struct cw_country_set));
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
    cw_pool_done(&detect->facts);
    cw_map_done(&detect->raw_ids);
    cw_pool_done(&detect->raws);
    cw_map_done(&detect->country_set_ids);
    cw_pool_done(&detect->country_sets);
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

uint32_t cw_engine_subline_of(const struct cw_detect *detect, struct cw_id id)
{
    return handle_of(&detect->subline_ids, id);
}

uint32_t cw_engine_next_line(const struct cw_detect *detect, uint32_t *at)
{
    const struct slot *slot = cw_map_next(&detect->line_ids, at);
    return slot != NULL ? slot->handle : 0;
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
    struct cw_id id = { { 0 } };
    memcpy(id.b, &rule, sizeof(rule));
    for (size_t i = 0; i < count; i++)
        id = cw_engine_mix(id, keys[i]);
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
        struct cw_id id;
        if (keys[i].record != 0) {
            uint32_t thing = cw_record_thing(rule, cw_pool_at(&detect->records, keys[i].record));
            if (thing == 0)
                return 0;
            id = ((const struct cw_thing *)cw_pool_at(&detect->things, thing))->id;
        } else {
            id = ((const struct cw_raw_key *)cw_pool_at(&detect->raws, keys[i].raw))->id;
        }
        cw_buf_put(buf, &id, sizeof(id));
    }
    return line_for(detect, subline->rule, (const struct cw_id *)(const void *)buf->data,
                    subline->keys.len);
}

/* Puts the subline where its records belong; both lines change by all that it holds. False: it was
 * there. */
static bool place(struct cw_detect *detect, uint32_t handle)
{
    struct cw_subline *subline = cw_subline_at(detect, handle);
    uint32_t to = line_of(detect, subline);
    uint32_t from = subline->line;
    if (from == to)
        return false;
    if (from != 0) {
        remove_handle(detect, &cw_line_at(detect, from)->sublines, handle);
        dirty_subline(detect, from, subline);
    }
    subline->line = to;
    if (to != 0) {
        add_handle(detect, &cw_line_at(detect, to)->sublines, handle);
        dirty_subline(detect, to, subline);
    }
    return true;
}

/* --- records --- */

/* Of a number that detect.c has found to be introduced. */
static uint32_t basis_here(const struct cw_detect *detect, const struct cw_link_entry *link)
{
    uint32_t basis;
    CW_CHECK(cw_engine_number(&detect->given_bases, link->basis, &basis));
    return basis;
}

static uint32_t known_record(struct cw_detect *detect, const struct cw_link_entry *link)
{
    bool is_new;
    uint32_t handle = handle_for(&detect->record_ids, &detect->records, link->record, &is_new);
    if (is_new) {
        struct cw_known_record *record = cw_pool_at(&detect->records, handle);
        record->id = link->record;
        record->core = cw_id_is_zero(link->core) ? 0 : hold_thing(detect, link->core);
        record->entity = cw_id_is_zero(link->entity) ? 0 : hold_thing(detect, link->entity);
        record->basis = basis_here(detect, link);
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
                       struct cw_id entity, uint32_t basis)
{
    uint32_t handle = handle_of(&detect->record_ids, id);
    if (handle == 0)
        return;
    struct cw_known_record *record = cw_pool_at(&detect->records, handle);
    bool basis_changed = record->basis != basis;
    record->basis = basis;
    bool core_changed = set_thing(detect, &record->core, core);
    bool entity_changed = set_thing(detect, &record->entity, entity);
    if (!core_changed && !entity_changed && !basis_changed)
        return;
    for (uint32_t i = 0; i < record->keyed.len; i++) {
        uint32_t at = ((const uint32_t *)cw_list_data(&detect->handles, record->keyed))[i];
        if (!place(detect, at) && basis_changed)
            dirty_subline(detect, cw_subline_at(detect, at)->line, cw_subline_at(detect, at));
    }
    const struct cw_value_use *uses = cw_list_data(&detect->uses, record->valued);
    for (uint32_t i = 0; i < record->valued.len; i++) {
        struct cw_subline *subline = cw_subline_at(detect, uses[i].subline);
        bool exact = cw_rule_at(detect, subline->rule)->match == CW_MATCH_EXACT;
        if (basis_changed || (exact ? core_changed : entity_changed))
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

/* --- plain values of keys --- */

static struct cw_list keep_text(struct cw_detect *detect, cw_str text)
{
    struct cw_list list = { 0 };
    for (size_t at = 0; at < text.len; at += sizeof(uint32_t)) {
        uint32_t word = 0;
        size_t left = text.len - at;
        memcpy(&word, text.ptr + at, left < sizeof(word) ? left : sizeof(word));
        *(uint32_t *)cw_list_insert(&detect->texts, &list, list.len) = word;
    }
    return list;
}

static uint32_t hold_raw(struct cw_detect *detect, const struct cw_candidate *one)
{
    bool is_new;
    uint32_t handle = handle_for(&detect->raw_ids, &detect->raws, one->id, &is_new);
    struct cw_raw_key *raw = cw_pool_at(&detect->raws, handle);
    raw->refs++;
    if (is_new) {
        cw_str text = cw_engine_text_form(detect->arena, one->found);
        raw->inner = one->id;
        raw->id = cw_engine_raw_id(detect, one);
        raw->text_len = (uint32_t)text.len;
        raw->text = keep_text(detect, text);
    }
    return handle;
}

static void drop_raw(struct cw_detect *detect, uint32_t handle)
{
    struct cw_raw_key *raw = cw_pool_at(&detect->raws, handle);
    if (--raw->refs != 0)
        return;
    cw_list_clear(&detect->texts, &raw->text);
    cw_map_remove(&detect->raw_ids, raw->inner);
    cw_pool_free(&detect->raws, handle);
}

/* --- countries --- */

static uint32_t country_number(cw_str text)
{
    if (text.len != 2 || text.ptr[0] < 'A' || text.ptr[0] > 'Z' || text.ptr[1] < 'A' ||
        text.ptr[1] > 'Z')
        return 0;
    return (uint32_t)((text.ptr[0] - 'A') * 26 + (text.ptr[1] - 'A') + 1);
}

/* The set of the event's countries, held once more. */
static uint32_t hold_countries(struct cw_detect *detect, const struct cw_event *event)
{
    cw_str *texts, own_text;
    size_t count = cw_event_countries(event, detect->arena, &texts, &own_text);
    uint32_t own = country_number(own_text);
    if (count == 0 && own == 0)
        return 0;
    struct cw_buf *buf = &detect->encoded;
    buf->len = 0;
    cw_enc_int(buf, own);
    for (size_t i = 0; i < count; i++)
        cw_enc_str(buf, texts[i]);
    struct cw_id id = cw_id_inside(detect->secret, buf);
    bool is_new;
    uint32_t handle = handle_for(&detect->country_set_ids, &detect->country_sets, id, &is_new);
    struct cw_country_set *set = cw_pool_at(&detect->country_sets, handle);
    set->refs++;
    if (!is_new)
        return handle;
    set->id = id;
    set->own = own;
    for (size_t i = 0; i < count; i++) {
        uint32_t number = country_number(texts[i]);
        if (number != 0)
            *(uint32_t *)cw_list_insert(&detect->handles, &set->members, set->members.len) = number;
    }
    return handle;
}

static void drop_countries(struct cw_detect *detect, uint32_t handle)
{
    struct cw_country_set *set = handle != 0 ? cw_pool_at(&detect->country_sets, handle) : NULL;
    if (set == NULL || --set->refs != 0)
        return;
    cw_list_clear(&detect->handles, &set->members);
    cw_map_remove(&detect->country_set_ids, set->id);
    cw_pool_free(&detect->country_sets, handle);
}

/* --- facts --- */

/* The event's fact, made at its first use, with what this rule reads of it. */
static uint32_t fact_for(struct cw_detect *detect, struct cw_sight *sight,
                         const struct cw_plan *plan, const struct cw_brought *brought)
{
    if (sight->fact == 0) {
        sight->fact = cw_pool_new(&detect->facts);
        struct cw_fact *made = cw_pool_at(&detect->facts, sight->fact);
        made->identity = sight->frame->identity;
        made->time_lo = sight->frame->time_lo;
        made->position = sight->frame->position;
        made->retain_until = sight->frame->retain_until;
        made->restriction = sight->restriction;
    }
    struct cw_fact *fact = cw_pool_at(&detect->facts, sight->fact);
    for (size_t i = 0; brought->amounts != NULL && i < plan->sum_count; i++)
        fact->amounts[plan->sums[i].column] = brought->amounts[i];
    if (plan->countries && fact->countries == 0)
        fact->countries = hold_countries(detect, sight->event);
    return sight->fact;
}

static void hold_fact(struct cw_detect *detect, uint32_t handle)
{
    ((struct cw_fact *)cw_pool_at(&detect->facts, handle))->refs++;
}

static void drop_fact(struct cw_detect *detect, uint32_t handle)
{
    struct cw_fact *fact = cw_pool_at(&detect->facts, handle);
    if (--fact->refs != 0)
        return;
    drop_countries(detect, fact->countries);
    cw_pool_free(&detect->facts, handle);
}

void cw_engine_leave(struct cw_detect *detect, const struct cw_sight *sight)
{
    if (sight->fact == 0 || cw_fact_at(detect, sight->fact)->refs != 0)
        return;
    hold_fact(detect, sight->fact);
    drop_fact(detect, sight->fact);
}

/* --- sublines --- */

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
        struct cw_subline_key key = { 0 };
        if (tuple->keys[i]->link != NULL) {
            key.record = known_record(detect, tuple->keys[i]->link);
            struct cw_known_record *record = cw_pool_at(&detect->records, key.record);
            add_handle(detect, &record->keyed, handle);
        } else {
            key.raw = hold_raw(detect, tuple->keys[i]);
        }
        *(struct cw_subline_key *)cw_list_insert(&detect->subline_keys, &subline->keys, i) = key;
    }
    place(detect, handle);
    return handle;
}

static void drop_key(struct cw_detect *detect, uint32_t handle, const struct cw_subline_key *keys,
                     uint32_t at)
{
    if (keys[at].record == 0) {
        drop_raw(detect, keys[at].raw);
        return;
    }
    for (uint32_t i = 0; i < at; i++) {
        if (keys[i].record == keys[at].record)
            return; /* one record may stand in two places of the key */
    }
    struct cw_known_record *record = cw_pool_at(&detect->records, keys[at].record);
    remove_handle(detect, &record->keyed, handle);
    forget_record(detect, keys[at].record);
}

static void end_if_empty(struct cw_detect *detect, uint32_t handle)
{
    struct cw_subline *subline = cw_subline_at(detect, handle);
    if (subline->entries.len != subline->dead || subline->stands.len != 0)
        return;
    const struct cw_entry *entries = cw_list_data(&detect->entries, subline->entries);
    for (uint32_t i = 0; i < subline->entries.len; i++)
        drop_fact(detect, entries[i].fact);
    cw_list_clear(&detect->entries, &subline->entries);
    if (subline->line != 0)
        remove_handle(detect, &cw_line_at(detect, subline->line)->sublines, handle);
    const struct cw_subline_key *keys = cw_list_data(&detect->subline_keys, subline->keys);
    for (uint32_t i = 0; i < subline->keys.len; i++)
        drop_key(detect, handle, keys, i);
    cw_list_clear(&detect->subline_keys, &subline->keys);
    cw_map_remove(&detect->subline_ids, subline->id);
    cw_pool_free(&detect->sublines, handle);
}

/* --- entries --- */

static uint32_t order_of(struct cw_id identity)
{
    return (uint32_t)identity.b[0] << 24 | (uint32_t)identity.b[1] << 16 |
           (uint32_t)identity.b[2] << 8 | identity.b[3];
}

int cw_entry_event_cmp(const struct cw_detect *detect, const struct cw_entry *a,
                       const struct cw_entry *b)
{
    if (a->time_lo != b->time_lo)
        return a->time_lo < b->time_lo ? -1 : 1;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    if (a->fact == b->fact)
        return 0;
    return cw_id_cmp(cw_fact_at(detect, a->fact)->identity, cw_fact_at(detect, b->fact)->identity);
}

static uint32_t entry_value(const struct cw_entry *entry)
{
    return entry->what & (CW_ENTRY_FIELD | CW_ENTRY_RECORD);
}

static int compare_values(const struct cw_entry *a, const struct cw_entry *b)
{
    if (entry_value(a) != entry_value(b))
        return entry_value(a) < entry_value(b) ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* What is looked for: an entry whose fact may not be at hand, but its identity. */
struct sought {
    struct cw_entry entry;
    struct cw_id identity;
};

static int compare_sought(const struct cw_detect *detect, const struct cw_entry *a,
                          const struct sought *b)
{
    if (a->time_lo != b->entry.time_lo)
        return a->time_lo < b->entry.time_lo ? -1 : 1;
    if (a->order != b->entry.order)
        return a->order < b->entry.order ? -1 : 1;
    int order = a->fact == b->entry.fact
                    ? 0
                    : cw_id_cmp(cw_fact_at(detect, a->fact)->identity, b->identity);
    return order != 0 ? order : compare_values(a, &b->entry);
}

/* Index of the first of `count` sorted entries that is not before this one. */
static uint32_t entry_place(const struct cw_detect *detect, const struct cw_entry *entries,
                            uint32_t count, const struct sought *sought)
{
    if (count == 0 || compare_sought(detect, &entries[count - 1], sought) < 0)
        return count; /* in order, as most come */
    uint32_t from = 0, to = count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (compare_sought(detect, &entries[middle], sought) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static int compare_entries(const struct cw_detect *detect, const struct cw_entry *a,
                           const struct cw_entry *b)
{
    int order = cw_entry_event_cmp(detect, a, b);
    return order != 0 ? order : compare_values(a, b);
}

static int by_entry_order(const void *left, const void *right, void *detect)
{
    return compare_entries(detect, left, right);
}

static bool is_dead(const struct cw_entry *entry)
{
    return (entry->what & CW_ENTRY_DEAD) != 0;
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
        if (is_dead(&entries[i]))
            drop_fact(detect, entries[i].fact);
        else
            entries[kept++] = entries[i];
    }
    struct cw_buf *buf = &detect->merged[1];
    buf->len = 0;
    struct cw_entry *tail =
        (struct cw_entry *)(void *)cw_buf_extend(buf, subline->tail * sizeof(*tail));
    for (uint32_t i = sorted; i < subline->entries.len; i++) {
        if (is_dead(&entries[i]))
            drop_fact(detect, entries[i].fact);
        else
            tail[late++] = entries[i];
    }
    if (late > 1)
        qsort_r(tail, late, sizeof(*tail), by_entry_order, detect);
    uint32_t len = kept + late;
    for (uint32_t at = len; late > 0; at--) {
        bool take_tail =
            kept == 0 || compare_entries(detect, &entries[kept - 1], &tail[late - 1]) < 0;
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
                         const struct sought *sought)
{
    uint32_t len = subline->entries.len;
    uint32_t index = len;
    if (is_settled(subline))
        index = entry_place(detect, cw_list_data(&detect->entries, subline->entries), len, sought);
    if (!is_settled(subline) || len - index > MOVE_MAX) {
        index = len;
        subline->tail++;
    }
    *(struct cw_entry *)cw_list_insert(&detect->entries, &subline->entries, index) = sought->entry;
    hold_fact(detect, sought->entry.fact);
}

/* False: there is no such entry. */
static bool take_entry(struct cw_detect *detect, struct cw_subline *subline,
                       const struct sought *sought)
{
    if (subline->tail > TAIL_SEARCH_MAX)
        cw_engine_settle(detect, subline);
    struct cw_entry *entries = cw_list_data(&detect->entries, subline->entries);
    uint32_t len = subline->entries.len, sorted = len - subline->tail;
    uint32_t index = entry_place(detect, entries, sorted, sought);
    bool found = index < sorted && !is_dead(&entries[index]) &&
                 compare_sought(detect, &entries[index], sought) == 0;
    for (uint32_t i = sorted; i < len && !found; i++) {
        index = i;
        found = !is_dead(&entries[i]) && compare_sought(detect, &entries[i], sought) == 0;
    }
    if (!found)
        return false;
    if (is_settled(subline) && len - index <= MOVE_MAX) {
        drop_fact(detect, entries[index].fact);
        cw_list_remove(&detect->entries, &subline->entries, index);
    } else {
        entries[index].what |= CW_ENTRY_DEAD;
        subline->dead++;
    }
    return true;
}

static void add_entry(struct cw_detect *detect, uint32_t handle, struct sought sought,
                      const struct cw_counted *counted)
{
    struct cw_entry *entry = &sought.entry;
    if (counted != NULL) {
        entry->what = counted->field;
        if (counted->value->link != NULL) {
            entry->value = known_record(detect, counted->value->link);
            entry->what |= CW_ENTRY_RECORD;
            use_value(detect, entry->value, handle, 1);
        } else {
            entry->value = hold_thing(detect, counted->value->id);
        }
    }
    insert_entry(detect, cw_subline_at(detect, handle), &sought);
    detect->entry_count++;
}

/* False: there is no such entry. */
static bool remove_entry(struct cw_detect *detect, uint32_t handle, struct sought sought,
                         const struct cw_counted *counted)
{
    struct cw_entry *entry = &sought.entry;
    bool is_record = counted != NULL && counted->value->link != NULL;
    if (counted != NULL) {
        entry->what = (uint16_t)(counted->field | (is_record ? CW_ENTRY_RECORD : 0));
        entry->value =
            handle_of(is_record ? &detect->record_ids : &detect->thing_ids, counted->value->id);
        if (entry->value == 0)
            return false;
    }
    if (!take_entry(detect, cw_subline_at(detect, handle), &sought))
        return false;
    detect->entry_count--;
    if (is_record)
        use_value(detect, entry->value, handle, -1);
    else
        drop_thing(detect, entry->value);
    return true;
}

static void unmatched(struct cw_detect *detect)
{
    (*detect->of_unmatched)++;
}

static void member_at(struct cw_detect *detect, uint32_t handle, const struct cw_sight *sight,
                      const struct cw_tuple *tuple, const struct cw_brought *brought, int sign)
{
    struct sought sought = {
        .entry = { .time_lo = sight->frame->time_lo,
                   .order = order_of(sight->frame->identity),
                   .fact = sight->fact,
                   .part = tuple->part },
        .identity = sight->frame->identity,
    };
    size_t count = brought->value_count != 0 ? brought->value_count : 1;
    for (size_t i = 0; i < count; i++) {
        const struct cw_counted *value = brought->value_count != 0 ? &brought->values[i] : NULL;
        if (sign > 0)
            add_entry(detect, handle, sought, value);
        else if (!remove_entry(detect, handle, sought, value))
            unmatched(detect);
    }
    int64_t time = sight->frame->time_lo;
    dirty(detect, cw_subline_at(detect, handle)->line, time, time);
}

void cw_engine_member(struct cw_detect *detect, const struct cw_rule *rule, struct cw_sight *sight,
                      const struct cw_brought *brought, int sign)
{
    if (brought->tuple_count == 0)
        return;
    if (sign > 0)
        fact_for(detect, sight, &detect->plans[rule->number], brought);
    for (size_t i = 0; i < brought->tuple_count; i++) {
        const struct cw_tuple *tuple = &brought->tuples[i];
        uint32_t handle = sign > 0 ? subline_for(detect, rule, tuple)
                                   : handle_of(&detect->subline_ids, tuple->subline);
        if (handle == 0) {
            unmatched(detect);
            continue;
        }
        member_at(detect, handle, sight, tuple, brought, sign);
        if (sign < 0)
            end_if_empty(detect, handle);
    }
}

/* --- notices --- */

static uint32_t stand_place(const struct cw_detect *detect, struct cw_list list,
                            struct cw_id identity, bool *found)
{
    const struct cw_stand *stands = cw_list_data(&detect->stands, list);
    uint32_t from = 0, to = list.len;
    *found = false;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int order = cw_id_cmp(cw_fact_at(detect, stands[middle].fact)->identity, identity);
        if (order == 0)
            *found = true;
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void notice_at(struct cw_detect *detect, uint32_t handle, struct cw_id identity,
                      const struct cw_stand *stand, int sign)
{
    struct cw_subline *subline = cw_subline_at(detect, handle);
    bool found;
    uint32_t index = stand_place(detect, subline->stands, identity, &found);
    if (found != (sign < 0)) {
        unmatched(detect);
        return;
    }
    if (sign > 0) {
        *(struct cw_stand *)cw_list_insert(&detect->stands, &subline->stands, index) = *stand;
        hold_fact(detect, stand->fact);
    } else {
        const struct cw_stand *stands = cw_list_data(&detect->stands, subline->stands);
        drop_fact(detect, stands[index].fact);
        cw_list_remove(&detect->stands, &subline->stands, index);
    }
    dirty(detect, subline->line, CW_TIME_MIN, CW_TIME_MAX);
}

void cw_engine_notice(struct cw_detect *detect, const struct cw_rule *rule, struct cw_sight *sight,
                      const struct cw_brought *brought, int64_t from, int64_t until, int sign)
{
    if (brought->tuple_count == 0)
        return;
    if (sign > 0)
        fact_for(detect, sight, &detect->plans[rule->number], brought);
    for (size_t i = 0; i < brought->tuple_count; i++) {
        const struct cw_tuple *tuple = &brought->tuples[i];
        uint32_t handle = sign > 0 ? subline_for(detect, rule, tuple)
                                   : handle_of(&detect->subline_ids, tuple->subline);
        if (handle == 0) {
            unmatched(detect);
            continue;
        }
        struct cw_stand stand = {
            .from = from, .until = until, .fact = sight->fact, .part = tuple->part
        };
        notice_at(detect, handle, sight->frame->identity, &stand, sign);
        end_if_empty(detect, handle);
    }
}
